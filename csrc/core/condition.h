/* condition: tasks wait, without the lock that they hold, until another holder of it says
 * that something has changed.
 *
 * Who notifies moves the first waiters over to the queue of the lock, in order: a task
 * that was notified waits for nothing but the lock, which it gets in its turn. From then
 * on no cancellation takes the notification away from it. A task that is cancelled, or
 * whose time is over, before it is notified has left the queue and passes nothing by; it
 * has to get the lock again all the same (xio_condition_resume).
 *
 * Owner: who embeds it; the lock must live as long. Waiters are plain waits only. One
 * thread. */
#ifndef XIO_CORE_CONDITION_H
#define XIO_CORE_CONDITION_H

#include "lock.h"

typedef struct xio_condition {
  xio_list waiters; /* of xio_waiter, in order of coming */
  xio_lock *lock;
} xio_condition;

void xio_condition_init(xio_condition *condition, xio_lock *lock);

/* Releases the lock, which the running task owns, and parks the task until it is notified
 * and has the lock again: XIO_OK; or until `at` (XIO_NEVER: never): XIO_ETIMEDOUT; or
 * until it is cancelled. XIO_ENOMEM: it is not parked and has the lock. When it is
 * resumed, xio_condition_resume is called. */
int xio_condition_wait(xio_condition *condition, xio_task *task,
                       int64_t at) XIO_WARN_UNUSED;

/* The running task has been resumed from a wait that ended with `status`. XIO_OK: it has
 * the lock, and the wait has ended. XIO_EAGAIN: it was parked once more, for the lock
 * alone, and comes here again. XIO_EOWNERDEAD: the lock is broken. */
int xio_condition_resume(xio_condition *condition, xio_task *task,
                         int status) XIO_WARN_UNUSED;

/* Notifies the first `count` waiters. Some task owns the lock. Returns how many. */
uint32_t xio_condition_notify(xio_condition *condition, uint32_t count);

#endif
