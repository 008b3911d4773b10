/* runqueue: which task runs now and which are ready to.
 *
 * One per loop, embedded there, used on the loop's thread only. Ready tasks are linked
 * through their wait records in FIFO order. A turn takes the whole queue as its batch;
 * what becomes ready meanwhile belongs to the next turn. With a seed each newly ready
 * task goes to the front or to the back as a reproducible coin falls. Not here: resuming
 * (sched.c). */
#ifndef XIO_CORE_RUNQUEUE_H
#define XIO_CORE_RUNQUEUE_H

#include "../base/list.h"
#include "../base/random.h"
#include "clock.h"

typedef struct xio_task xio_task;
typedef struct xio_task_ops xio_task_ops;

/* Kinds of tasks that a loop has at most. */
enum { XIO_TASK_KINDS = 8 };
typedef struct xio_tracer xio_tracer;

typedef struct xio_runqueue {
  xio_list ready;  /* for the next turn */
  xio_list batch;  /* what is left of this turn */
  xio_list starts; /* waits in start() that are being aborted; empty between operations */
  xio_task *running; /* NULL between two tasks */
  xio_list locks;    /* that its tasks own, in the order of taking (lock.h) */
  const xio_task_ops *kinds[XIO_TASK_KINDS]; /* what its tasks are (task.h) */
  xio_clock *clock;
  xio_tracer *tracer; /* who is told of all that tasks do (trace.h); NULL: nobody */
  uint64_t traced_as; /* for the tracer; 0 before it has set it */
  xio_random random;
  bool is_seeded;
  bool chains;         /* the turn may go over into the next one */
  bool shields_lifted; /* no shield protects any more: the grace of a signal is over */
  uint32_t steps_left; /* tasks that may still run before the system is looked at */
  uint32_t budget;     /* operations that the running task may still do without a pause */
  uint64_t last_task_id;
  uint64_t resumes; /* how many times a task was resumed before this turn */
} xio_runqueue;

void xio_runqueue_init(xio_runqueue *queue, xio_clock *clock);

/* From now on the order of ready tasks follows `seed`. */
void xio_runqueue_seed(xio_runqueue *queue, uint64_t seed);

/* Queues `link`, which is in no list, for the next turn. Never fails. */
static inline void xio_runqueue_push(xio_runqueue *queue, xio_list *link) {
  if (XIO_UNLIKELY(queue->is_seeded) && (xio_random_next(&queue->random) & 1) != 0) {
    xio_list_push_front(&queue->ready, link);
  } else {
    xio_list_push_back(&queue->ready, link);
  }
}

/* Whether no task is ready, neither in this turn nor for the next. */
static inline bool xio_runqueue_empty(const xio_runqueue *queue) {
  return xio_list_empty(&queue->ready) && xio_list_empty(&queue->batch);
}

#endif
