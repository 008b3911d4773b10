/* condition: see condition.h. */
#include "condition.h"

static const xio_wait_ops condition_ops = {.verb = "condition",
                                           .abort = xio_wait_abort_plain};

void xio_condition_init(xio_condition *condition, xio_lock *lock) {
  xio_list_init(&condition->waiters);
  condition->lock = lock;
}

int xio_condition_wait(xio_condition *condition, xio_task *task, int64_t at) {
  if (at != XIO_NEVER) {
    int status = xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT);
    if (status != XIO_OK) return status;
  }
  int released = xio_lock_release(condition->lock, task);
  XIO_ASSERT(released == XIO_OK);
  xio_wait_park(&task->wait, &condition_ops, condition);
  xio_list_push_back(&condition->waiters, &task->wait.self.link);
  return XIO_OK;
}

int xio_condition_resume(xio_condition *condition, xio_task *task, int status) {
  if (status == XIO_OK || status == XIO_EOWNERDEAD) return status;
  int taken = xio_lock_try(condition->lock, task);
  if (taken != XIO_EBUSY) return taken;
  xio_lock_wait_again(condition->lock, task);
  return XIO_EAGAIN;
}

uint32_t xio_condition_notify(xio_condition *condition, uint32_t count) {
  uint32_t notified = 0;
  for (; notified < count; notified++) {
    xio_waiter *first = xio_waiter_first(&condition->waiters);
    if (first == NULL) break;
    xio_list_remove(&first->link);
    xio_wait_unlimit(first->wait);
    xio_lock_requeue(condition->lock, first->wait);
  }
  return notified;
}
