/* sched: see sched.h. */
#include "sched.h"

static inline void step(xio_runqueue *queue, xio_task *task) {
  task->wait.state = XIO_WAIT_IDLE;
  queue->running = task;
  queue->budget = XIO_SCHED_BUDGET;
  task->ops->resume(task); /* `task` may be gone afterwards */
}

uint32_t xio_sched_turn(xio_runqueue *queue, uint32_t steps_max) {
  XIO_ASSERT(queue->running == NULL);
  if (xio_list_empty(&queue->batch)) xio_list_splice_back(&queue->batch, &queue->ready);
  uint32_t steps = 0;
  while (steps < steps_max && !xio_list_empty(&queue->batch)) {
    xio_waiter *waiter = xio_waiter_first(&queue->batch);
    xio_list_remove(&waiter->link);
    step(queue, xio_task_of(waiter->wait));
    steps++;
  }
  queue->running = NULL;
  queue->resumes += steps;
  return steps;
}
