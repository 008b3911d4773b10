/* start: waiting until a child says that it has started.
 *
 * The caller spawns the child into a group and parks here. Until the child calls
 * started(), a cancellation of the caller is passed on to the child, and the child's
 * failure is the caller's to raise, not the group's. Once it has called it, it is an
 * ordinary child; but a child whose caller was cancelled before stays with the caller
 * until it ends. Loop's thread only. */
#ifndef XIO_CORE_START_H
#define XIO_CORE_START_H

#include "group.h"

/* Spawns `child` into `group` and parks the running task `caller` until the child has
 * started or ended. Never fails. */
void xio_start_begin(xio_task *caller, xio_group *group, xio_task *child, bool daemon);

/* The running task `child` has started. XIO_EINVAL: it said so before, or was not begun
 * by xio_start_begin; nothing has changed. */
int xio_start_done(xio_task *child) XIO_WARN_UNUSED;

/* The child that `task` waits in start() for, or NULL. */
xio_task *xio_start_awaited(const xio_task *task);

/* `task` is being abandoned: ends what it waits for in start(), and what waits in start()
 * for it, so that neither of the two names the other any more. */
void xio_start_abandon(xio_task *task);

#endif
