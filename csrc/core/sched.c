/* sched: see sched.h. */
#include "sched.h"

bool xio_sched_chain(xio_runqueue *queue) {
  if (!queue->chains || queue->clock->timers.count != 0) return false;
  xio_list_splice_back(&queue->batch, &queue->ready);
  return !xio_list_empty(&queue->batch);
}

uint32_t xio_sched_turn(xio_runqueue *queue, uint32_t steps_max, bool chain) {
  XIO_ASSERT(queue->running == NULL);
  if (xio_list_empty(&queue->batch)) xio_list_splice_back(&queue->batch, &queue->ready);
  queue->steps_left = steps_max;
  queue->chains = chain;
  for (xio_task *task; (task = xio_sched_next(queue)) != NULL;) {
    xio_sched_take(queue, task);
    task->ops->resume(task); /* `task` may be gone afterwards */
  }
  queue->running = NULL;
  queue->chains = false;
  uint32_t steps = steps_max - queue->steps_left;
  queue->resumes += steps;
  return steps;
}
