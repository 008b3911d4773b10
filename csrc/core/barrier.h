/* barrier: lets `parties` tasks pass together, again and again.
 *
 * The last that arrives wakes the others, with their place in the order of arrival as
 * status: 0, 1, …; itself it gets parties - 1 and does not wait. A task that is cancelled
 * before has not arrived: the others wait for one more. Whoever arrives after a round
 * belongs to the next.
 *
 * Invariant (xio_barrier_valid): `waiting` is the number of waiters, less than `parties`.
 * A barrier belongs to who embeds it. One thread. */
#ifndef XIO_CORE_BARRIER_H
#define XIO_CORE_BARRIER_H

#include "task.h"

typedef struct xio_barrier {
  xio_list waiters; /* of xio_waiter, in order of coming; plain waits only */
  int parties;
  int waiting;
} xio_barrier;

/* A barrier for `parties`, at least 1. */
void xio_barrier_init(xio_barrier *barrier, int parties);

/* The running task has arrived. True: it was the last, and all others are ready. False:
 * it is parked, and will be woken with its place as status. */
bool xio_barrier_arrive(xio_barrier *barrier, xio_task *task);

/* Whether the invariant holds. */
bool xio_barrier_valid(const xio_barrier *barrier);

#endif
