/* tracker: see tracker.h. */
#include "tracker.h"

static void free_tracker(xio_shared *shared) {
  xio_allocator heap = xio_alloc_default();
  xio_tracker *tracker = XIO_CONTAINER_OF(shared, xio_tracker, shared);
  xio_shared_deinit(shared);
  xio_alloc_free(&heap, tracker, sizeof *tracker);
}

static const xio_shared_ops shared_ops = {.free = free_tracker};

xio_tracker *xio_tracker_new(void) {
  xio_allocator heap = xio_alloc_default();
  xio_tracker *tracker = xio_alloc_new(&heap, sizeof *tracker);
  if (tracker == NULL) return NULL;
  if (xio_shared_init(&tracker->shared, &shared_ops) == XIO_OK) return tracker;
  xio_alloc_free(&heap, tracker, sizeof *tracker);
  return NULL;
}

uint64_t xio_tracker_add(xio_tracker *tracker, uint32_t more) {
  xio_shared_lock(&tracker->shared);
  uint64_t count = tracker->count += more;
  xio_shared_unlock(&tracker->shared);
  return count;
}

int xio_tracker_done(xio_tracker *tracker, const xio_loop *here) {
  xio_shared *shared = &tracker->shared;
  xio_shared_lock(shared);
  int status = tracker->count != 0 ? XIO_OK : XIO_EINVAL;
  if (status == XIO_OK && --tracker->count == 0) {
    xio_shared_wake_all(shared, XIO_SHARED_FIRST, XIO_OK, here);
    xio_shared_notify(shared);
  }
  xio_shared_unlock(shared);
  return status;
}

uint64_t xio_tracker_count(xio_tracker *tracker) {
  xio_shared_lock(&tracker->shared);
  uint64_t count = tracker->count;
  xio_shared_unlock(&tracker->shared);
  return count;
}

bool xio_tracker_is_idle(const xio_shared *shared) {
  return XIO_CONTAINER_OF(shared, const xio_tracker, shared)->count == 0;
}

bool xio_tracker_valid(xio_tracker *tracker) {
  if (!xio_shared_valid(&tracker->shared)) return false;
  xio_shared_lock(&tracker->shared);
  bool waited = xio_shared_first(&tracker->shared, XIO_SHARED_FIRST) != NULL;
  bool valid = tracker->count != 0 || !waited;
  xio_shared_unlock(&tracker->shared);
  return valid;
}
