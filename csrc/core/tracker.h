/* tracker: how much work is going on, counted by any thread, and waiting for none.
 *
 * A count that goes up and down; who waits is woken each time that it comes to zero, and
 * stays woken though it goes up again. Owner: counted references, on the C library's
 * heap. Any thread. Invariant (xio_tracker_valid): nobody waits where the count is
 * zero. */
#ifndef XIO_CORE_TRACKER_H
#define XIO_CORE_TRACKER_H

#include "shared.h"

typedef struct xio_tracker {
  xio_shared shared;
  uint64_t count; /* guarded */
} xio_tracker;

/* With a count of zero and one reference. NULL: memory is out. */
xio_tracker *xio_tracker_new(void);

static inline void xio_tracker_unref(xio_tracker *tracker) {
  xio_shared_unref(&tracker->shared);
}

/* So much more work; returns the count. */
uint64_t xio_tracker_add(xio_tracker *tracker, uint32_t more);

/* One is done. XIO_EINVAL: there was none. `here` as in xio_shared_wake. */
int xio_tracker_done(xio_tracker *tracker, const xio_loop *here) XIO_WARN_UNUSED;

uint64_t xio_tracker_count(xio_tracker *tracker);

/* Whether the count of the tracker that embeds `shared` is zero: for xio_shared_await.
 * With the mutex. */
bool xio_tracker_is_idle(const xio_shared *shared);

/* The invariant above. */
bool xio_tracker_valid(xio_tracker *tracker);

#endif
