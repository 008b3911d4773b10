/* semaphore: permits that tasks take and give back.
 *
 * `total` permits exist, `held` of them are out; `held` is negative where more were
 * given back than taken, as by who uses it for signals. Whoever gives one back hands it
 * to the first waiter in the same step, so that nobody can come between (no barging); a
 * waiter that was handed one has it, whatever cancels it afterwards; where its loop ends
 * before it has run, it is given back. Who holds what is not known here: that is for the
 * owner of the object to say (a limiter, csrc/lua/limiter.c). `total` may be lowered
 * below `held`; what is given back then pays the debt first.
 *
 * Invariants (xio_semaphore_valid): nobody waits while held < total; total - held, which
 * is how many are free, is at most max. A semaphore belongs to who embeds it; tasks of
 * several loops of one thread may use it. One thread. */
#ifndef XIO_CORE_SEMAPHORE_H
#define XIO_CORE_SEMAPHORE_H

#include "task.h"

#define XIO_SEMAPHORE_MAX INT64_MAX

typedef struct xio_semaphore {
  xio_list waiters;        /* of xio_waiter, in order of coming */
  const xio_wait_ops *ops; /* of waits; their verb tells what is waited for */
  int64_t total;           /* permits that exist */
  int64_t held;            /* taken and not given back */
  int64_t max;             /* free permits that there may be at once */
} xio_semaphore;

/* `total` free permits, of which there may be up to `max`. `ops` as in xio_event_init;
 * their forgo is xio_semaphore_forgo. */
void xio_semaphore_init(xio_semaphore *semaphore, int64_t total, int64_t max,
                        const xio_wait_ops *ops);

/* How many could be taken now; negative while there is a debt. */
static inline int64_t xio_semaphore_free(const xio_semaphore *semaphore) {
  return semaphore->total - semaphore->held;
}

/* Takes a permit where one is free. */
bool xio_semaphore_try(xio_semaphore *semaphore);

/* Parks the running task until it is handed a permit; none is free now. */
void xio_semaphore_wait(xio_semaphore *semaphore, xio_task *task);

/* Gives a permit back. XIO_EINVAL: `max` are free already; nothing has changed. */
int xio_semaphore_release(xio_semaphore *semaphore) XIO_WARN_UNUSED;

/* Gives back the permit that a wait was handed whose task will not have it. */
int xio_semaphore_forgo(xio_wait *wait) XIO_WARN_UNUSED;

/* From now on `total` permits exist; free ones go to waiters at once. */
void xio_semaphore_set_total(xio_semaphore *semaphore, int64_t total);

/* Whether the invariants hold. */
bool xio_semaphore_valid(const xio_semaphore *semaphore);

#endif
