/* sched: see sched.h. */
#include "sched.h"

#include "trace.h"

bool xio_sched_chain(xio_runqueue *queue) {
  if (!queue->chains || queue->clock->timers.count != 0) return false;
  xio_list_splice_back(&queue->batch, &queue->ready);
  return !xio_list_empty(&queue->batch);
}

/* The same where somebody is told of each step: what was resumed finds nothing to go on
 * with by itself. */
static uint32_t traced_turn(xio_runqueue *queue, uint32_t steps_max) {
  uint32_t steps = 0;
  queue->chains = false;
  for (; steps < steps_max && !xio_list_empty(&queue->batch); steps++) {
    xio_task *task = xio_task_of(xio_waiter_first(&queue->batch)->wait);
    queue->steps_left = 1;
    xio_sched_take(queue, task);
    xio_trace_resume(task);
    queue->resumes++;
  }
  queue->running = NULL;
  return steps;
}

uint32_t xio_sched_turn(xio_runqueue *queue, uint32_t steps_max, bool chain) {
  XIO_ASSERT(queue->running == NULL);
  if (xio_list_empty(&queue->batch)) xio_list_splice_back(&queue->batch, &queue->ready);
  if (XIO_UNLIKELY(queue->tracer != NULL)) return traced_turn(queue, steps_max);
  queue->steps_left = steps_max;
  queue->chains = chain;
  for (xio_task *task; (task = xio_sched_next(queue)) != NULL;) {
    xio_sched_take(queue, task);
    xio_task_ops_of(task)->resume(task); /* `task` may be gone afterwards */
  }
  queue->running = NULL;
  queue->chains = false;
  uint32_t steps = steps_max - queue->steps_left;
  queue->resumes += steps;
  return steps;
}
