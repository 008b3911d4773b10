/* catcher: a queue of signals that a task listens for.
 *
 * A catcher takes some signals (hook.c) and keeps those that came until they are read, in
 * order, each at most once: the queue is as long as the list of signals at the most, two
 * signals that come all the time take turns, and a signal that comes again before it was
 * read is one with the first. One task reads at a time. Several catchers of a loop may
 * take the same signal; each is told of it. What was not read when a catcher closes, and
 * went to no other, goes on to who had the signal before: the loop itself, an outer loop,
 * or the disposition of the process.
 *
 * Invariant (xio_catcher_valid): while a reader is parked nothing is queued. Owner: who
 * opened it, until it closes it or the loop does; heap memory, freed when libuv has let
 * go of the handles. Loop's thread. */
#ifndef XIO_CORE_CATCHER_H
#define XIO_CORE_CATCHER_H

#include "signal.h"

typedef struct xio_catcher xio_catcher;

/* Begins to take the `count` signals, which differ. `owner` is what the caller has the
 * catcher in: set to it, and to NULL when the catcher closes. XIO_ENOMEM or a status of
 * libuv: nothing was made. */
int xio_catcher_open(xio_catcher **owner, xio_loop *loop, const int *signums,
                     int count) XIO_WARN_UNUSED;

/* The first signal of the queue, taken out of it; 0: there is none. */
int xio_catcher_take(xio_catcher *catcher);

/* Whether a task reads already. */
bool xio_catcher_busy(const xio_catcher *catcher);

/* Parks the running task until a signal is in the queue, which is empty; at `at` it is
 * woken with XIO_ETIMEDOUT. Woken with XIO_OK it must take one. XIO_EBUSY: another task
 * reads. XIO_ENOMEM. On error it is not parked. */
int xio_catcher_wait(xio_catcher *catcher, xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* The running task shall take from the queue, which is not empty, but its budget of this
 * turn is spent: reschedules it as if it had waited. Nobody else reads. */
void xio_catcher_promise(xio_catcher *catcher, xio_task *task);

/* How many signals are in the queue. */
uint32_t xio_catcher_queued(const xio_catcher *catcher);

/* How many came and were not taken: those in the queue, and those of which libuv has yet
 * to tell when the loop polls. */
uint32_t xio_catcher_untaken(const xio_catcher *catcher);

/* The loop whose signals it takes. */
xio_loop *xio_catcher_loop(const xio_catcher *catcher);

/* Lets the signals go, wakes the reader with XIO_ECLOSED, and hands on what is in the
 * queue: that may end the process. Never fails. */
void xio_catcher_close(xio_catcher *catcher);

bool xio_catcher_valid(const xio_catcher *catcher);

#endif
