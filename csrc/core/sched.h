/* sched: resumes what is ready. The only caller of a task's resume; never nested within
 * one loop. What ran a task to its end may go on with the next one by itself, which saves
 * the way out and in again. Loop's thread only. */
#ifndef XIO_CORE_SCHED_H
#define XIO_CORE_SCHED_H

#include "group.h"

/* Operations that a task may do between two pauses (T9 of the contract). */
enum { XIO_SCHED_BUDGET = 64 };

/* Takes what is ready as this turn's batch, unless a batch is unfinished, and resumes at
 * most `steps_max` of it. With `chain`, where no timer is armed, further turns follow
 * within those steps. Returns how many tasks were resumed. */
uint32_t xio_sched_turn(xio_runqueue *queue, uint32_t steps_max, bool chain);

/* Begins a turn of its own where the batch is done and nothing but ready tasks asks for
 * attention. False: there is nothing more to run. */
bool xio_sched_chain(xio_runqueue *queue);

/* The task that is next in this turn, or NULL at its end. */
static inline xio_task *xio_sched_next(xio_runqueue *queue) {
  if (queue->steps_left == 0) return NULL;
  if (xio_list_empty(&queue->batch) && !xio_sched_chain(queue)) return NULL;
  return xio_task_of(xio_waiter_first(&queue->batch)->wait);
}

/* Makes `task`, the next, the running one. Who calls this within resume, after the
 * running task has ended, runs it until it parks, reschedules or ends, as resume
 * would. */
static inline void xio_sched_take(xio_runqueue *queue, xio_task *task) {
  xio_list_remove(&task->wait.self.link);
  queue->steps_left--;
  task->wait.state = XIO_WAIT_IDLE;
  queue->running = task;
  queue->budget = XIO_SCHED_BUDGET;
}

#endif
