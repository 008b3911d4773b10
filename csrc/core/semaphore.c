/* semaphore: see semaphore.h. */
#include "semaphore.h"

int xio_semaphore_forgo(xio_wait *wait) {
  return xio_semaphore_release(wait->source);
}

static const xio_wait_ops semaphore_ops = {
    .verb = "semaphore", .abort = xio_wait_abort_plain, .forgo = xio_semaphore_forgo};

void xio_semaphore_init(xio_semaphore *semaphore, int64_t total, int64_t max,
                        const xio_wait_ops *ops) {
  XIO_ASSERT(total >= 0 && total <= max);
  xio_list_init(&semaphore->waiters);
  semaphore->ops = ops != NULL ? ops : &semaphore_ops;
  semaphore->total = total;
  semaphore->held = 0;
  semaphore->max = max;
}

bool xio_semaphore_try(xio_semaphore *semaphore) {
  if (semaphore->held >= semaphore->total) return false;
  semaphore->held++;
  return true;
}

void xio_semaphore_wait(xio_semaphore *semaphore, xio_task *task) {
  XIO_ASSERT(semaphore->held >= semaphore->total);
  xio_wait_park(&task->wait, semaphore->ops, semaphore);
  xio_list_push_back(&semaphore->waiters, &task->wait.self.link);
}

/* Hands what is free to those who wait, in order. */
static void hand_over(xio_semaphore *semaphore) {
  while (semaphore->held < semaphore->total && !xio_list_empty(&semaphore->waiters)) {
    semaphore->held++;
    xio_waiter_complete(xio_waiter_first(&semaphore->waiters), XIO_OK);
  }
}

int xio_semaphore_release(xio_semaphore *semaphore) {
  if (xio_semaphore_free(semaphore) >= semaphore->max) return XIO_EINVAL;
  semaphore->held--;
  hand_over(semaphore);
  return XIO_OK;
}

void xio_semaphore_set_total(xio_semaphore *semaphore, int64_t total) {
  XIO_ASSERT(total >= 0);
  semaphore->total = total;
  hand_over(semaphore);
}

bool xio_semaphore_valid(const xio_semaphore *semaphore) {
  return xio_semaphore_free(semaphore) <= semaphore->max &&
         (semaphore->held >= semaphore->total || xio_list_empty(&semaphore->waiters));
}
