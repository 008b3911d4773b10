/* barrier: see barrier.h. */
#include "barrier.h"

static int abort_arrival(xio_wait *wait) {
  xio_barrier *barrier = wait->source;
  xio_list_remove(&wait->self.link);
  barrier->waiting--;
  return XIO_OK;
}

static const xio_wait_ops barrier_ops = {.verb = "barrier", .abort = abort_arrival};

void xio_barrier_init(xio_barrier *barrier, int parties) {
  XIO_ASSERT(parties >= 1);
  xio_list_init(&barrier->waiters);
  barrier->parties = parties;
  barrier->waiting = 0;
}

bool xio_barrier_arrive(xio_barrier *barrier, xio_task *task) {
  if (barrier->waiting < barrier->parties - 1) {
    xio_wait_park(&task->wait, &barrier_ops, barrier);
    xio_list_push_back(&barrier->waiters, &task->wait.self.link);
    barrier->waiting++;
    return false;
  }
  barrier->waiting = 0;
  int place = 0;
  for (xio_waiter *waiter; (waiter = xio_waiter_first(&barrier->waiters)) != NULL;) {
    xio_waiter_complete(waiter, place++);
  }
  return true;
}

bool xio_barrier_valid(const xio_barrier *barrier) {
  return barrier->waiting < barrier->parties &&
         (uint32_t)barrier->waiting == xio_list_count(&barrier->waiters);
}
