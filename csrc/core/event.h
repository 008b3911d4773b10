/* event: a flag that tasks can wait for.
 *
 * Setting it wakes everybody who waits, for good: clearing it at once takes nothing back.
 * An event belongs to who embeds it, not to a loop: tasks of several loops of one thread
 * may wait for it, and it may be set outside of all of them. A wait with several entries
 * (a select) links waiters of its own into `waiters`, and takes them out by
 * xio_list_remove.
 *
 * Invariant (xio_event_valid): a set event has no waiters. One thread. Not here: values
 * that come with the event (a future, csrc/lua/future.c). */
#ifndef XIO_CORE_EVENT_H
#define XIO_CORE_EVENT_H

#include "task.h"

typedef struct xio_event {
  xio_list waiters;        /* of xio_waiter, in order of coming */
  const xio_wait_ops *ops; /* of plain waits; their verb tells what is waited for */
  uint64_t sets;           /* how often it became set */
  bool is_set;
} xio_event;

/* An event that is not set. `ops` are those of its plain waits, or NULL for the usual
 * ones; their abort is xio_wait_abort_plain. */
void xio_event_init(xio_event *event, const xio_wait_ops *ops);

/* Sets it and wakes all waiters with XIO_OK. Returns whether it was not set before. */
bool xio_event_set(xio_event *event);

void xio_event_clear(xio_event *event);

/* Parks the running task until `event`, which is not set, is; at `at` (XIO_NEVER: never)
 * it is woken with XIO_ETIMEDOUT. XIO_ENOMEM: it is not parked. */
int xio_event_wait(xio_event *event, xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* Whether the invariant holds. */
bool xio_event_valid(const xio_event *event);

#endif
