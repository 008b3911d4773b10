/* runqueue: see runqueue.h. */
#include "runqueue.h"

void xio_runqueue_init(xio_runqueue *queue, xio_clock *clock) {
  *queue = (xio_runqueue){.clock = clock};
  xio_list_init(&queue->ready);
  xio_list_init(&queue->batch);
  xio_list_init(&queue->starts);
  xio_list_init(&queue->locks);
}

void xio_runqueue_seed(xio_runqueue *queue, uint64_t seed) {
  queue->is_seeded = true;
  xio_random_init(&queue->random, seed);
}
