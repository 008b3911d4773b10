/* settle: waiting until all other tasks wait.
 *
 * A task that settles is resumed when the loop finds nothing ready and nothing pollable,
 * before virtual time jumps; with a cushion, when it has stayed so for that long. Owner
 * of the list: the loop. For tests and for orderly ends. Loop's thread. */
#ifndef XIO_CORE_SETTLE_H
#define XIO_CORE_SETTLE_H

#include "sched.h"

typedef struct xio_settlers {
  xio_list immediate; /* waiters without a cushion */
  xio_list cushioned; /* waiters whose wait's own limit is the end of their cushion */
} xio_settlers;

void xio_settlers_init(xio_settlers *settlers);

/* Parks the running task until all others wait, and have for `cushion_ns`. XIO_ENOMEM: it
 * is not parked. */
int xio_settle_begin(xio_settlers *settlers, xio_task *task,
                     int64_t cushion_ns) XIO_WARN_UNUSED;

/* The loop is idle: wakes those without a cushion, and begins the others' time. Returns
 * whether any task became ready. */
bool xio_settle_idle(xio_settlers *settlers);

/* The loop is about to run tasks: the cushions begin anew when it is idle again. */
void xio_settle_busy(xio_settlers *settlers);

#endif
