/* task: something that the scheduler can resume.
 *
 * The core does not know what a task runs: a coroutine, a C state machine. Its owner
 * embeds an xio_task and gives it ops. Life: attached to a group, queued (at once, or
 * later under the group's limit), resumed until it ends, then told of to everybody who
 * awaits it. From spawn to end the core links it; after `on_ended` of its group nothing
 * here points to it, except a failed task, which its group lists until the group's owner
 * has taken its error. Values (arguments, results, errors) stay with the owner. Loop's
 * thread only. */
#ifndef XIO_CORE_TASK_H
#define XIO_CORE_TASK_H

#include "scope.h"

typedef struct xio_group xio_group;

struct xio_task_ops {
  /* Runs the task until it parks, reschedules or ends (xio_group_child_ended). Only the
   * scheduler calls it, never nested within one loop. Must return normally. */
  void (*resume)(xio_task *task);

  /* The loop is closing: lets go of what the task holds without running it. */
  void (*abandon)(xio_task *task);

  /* Before that, for each scope or group that the task had entered: it has been taken out
   * of the tree, and its owner lets go of it. NULL where tasks enter none. */
  void (*abandon_scope)(xio_scope *scope);
};

typedef enum xio_task_state {
  XIO_TASK_HELD, /* its group's limit keeps it from starting */
  XIO_TASK_LIVE, /* started, or about to: what it does now its wait record says */
  XIO_TASK_ENDED
} xio_task_state;

typedef enum xio_outcome {
  XIO_OUTCOME_NONE, /* not ended */
  XIO_OUTCOME_DONE,
  XIO_OUTCOME_FAILED,
  XIO_OUTCOME_CANCELLED
} xio_outcome;

/* As many ids as are given in years. */
#define XIO_TASK_ID_MAX ((UINT64_C(1) << 48) - 1)

/* What a switch touches comes first. */
struct xio_task {
  xio_wait wait;
  uint64_t id : 48;     /* unique within its loop, in order of spawning */
  uint64_t state : 2;   /* xio_task_state */
  uint64_t outcome : 3; /* xio_outcome */
  uint64_t daemon : 1;
  uint64_t started : 1;   /* it has told its starter so */
  uint64_t swallowed : 4; /* cancellations delivered in a row while it went on */
  uint64_t locked : 1;    /* it owns a lock, or has */
  uint64_t kind : 3;      /* the number of its ops in its queue */
  xio_scope own; /* its own scope; `sibling` links it to its group, or to the failed, and
                    `parent` is its group's also after its end */
  xio_list joiners;  /* waiters for its end */
  xio_wait *starter; /* of the task that waits in start() for it; NULL otherwise */
};

/* What runs `task`. */
static inline const xio_task_ops *xio_task_ops_of(const xio_task *task) {
  return task->wait.queue->kinds[task->kind];
}

/* From now on `ops` do. */
static inline void xio_task_set_ops(xio_task *task, const xio_task_ops *ops) {
  const xio_task_ops **kinds = task->wait.queue->kinds;
  uint32_t kind = 0;
  while (kinds[kind] != NULL && kinds[kind] != ops) kind++;
  XIO_ASSERT(kind < XIO_TASK_KINDS - 1);
  kinds[kind] = ops;
  task->kind = kind & (XIO_TASK_KINDS - 1);
}

/* A task that no group knows yet. `queue` may be NULL where xio_task_renew and
 * xio_task_set_ops follow. */
void xio_task_init(xio_task *task, xio_runqueue *queue, const xio_task_ops *ops);

/* Makes a task that has ended, which nothing points to, as xio_task_init makes it. Most
 * is so already, which makes this the cheaper. */
static inline void xio_task_renew(xio_task *task, xio_runqueue *queue) {
  XIO_CHECK(xio_list_empty(&task->joiners) && xio_list_empty(&task->wait.self.link));
  XIO_CHECK(task->starter == NULL);
  task->wait.queue = queue;
  task->wait.state = XIO_WAIT_IDLE;
  xio_scope_renew(&task->own);
  task->id = ++queue->last_task_id & XIO_TASK_ID_MAX;
  task->state = XIO_TASK_HELD;
  task->outcome = XIO_OUTCOME_NONE;
  task->daemon = false;
  task->started = false;
  task->locked = false;
  task->swallowed = 0;
}

/* The first step of everything that may wait. XIO_OK: go on. XIO_ECANCELED: the task is
 * effectively cancelled; it has been rescheduled with that status, and the operation must
 * not begin. */
static inline int xio_task_begin(xio_task *task) {
  if (XIO_LIKELY(!task->wait.scope->effective)) return XIO_OK;
  xio_wait_reschedule(&task->wait, XIO_ECANCELED);
  return XIO_ECANCELED;
}

/* A pause without anything to wait for: reschedules with XIO_OK, or XIO_ECANCELED where
 * the task is effectively cancelled before or meanwhile (see xio_task_finish_pause). */
static inline void xio_task_pause(xio_task *task) {
  xio_wait_reschedule(&task->wait, task->wait.scope->effective ? XIO_ECANCELED : XIO_OK);
}

/* Whether a pause would do nothing: no other task is ready, no timer may be due, and no
 * cancellation came. As long as the budget lasts the task may go on instead; then the
 * system has its turn. */
static inline bool xio_task_is_alone(const xio_task *task) {
  const xio_runqueue *queue = task->wait.queue;
  return xio_runqueue_empty(queue) && queue->clock->timers.count == 0 &&
         !task->wait.scope->effective;
}

/* The status of a pause, asked when the task was resumed: a cancellation that came while
 * it was ready counts, since a pause has no effect that could be lost. */
static inline int xio_task_finish_pause(const xio_task *task) {
  return task->wait.scope->effective ? XIO_ECANCELED : task->wait.status;
}

/* Draws one operation from the budget of this turn. False: it is spent; an operation that
 * is already done should reschedule (status XIO_OK) before it returns. */
static inline bool xio_task_spend(xio_task *task) {
  xio_runqueue *queue = task->wait.queue;
  if (XIO_UNLIKELY(queue->budget == 0)) return false;
  queue->budget--;
  return true;
}

/* Whether an operation that is done at once may begin and return: the task is not
 * cancelled, and the budget of this turn is not spent. Who does one draws it. */
static inline bool xio_task_may_spend(const xio_task *task) {
  return task->wait.queue->budget != 0 && !task->wait.scope->effective;
}

/* Parks the running task until `at` (XIO_NEVER: for ever). XIO_ENOMEM: it is not
 * parked. */
int xio_task_sleep(xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* Parks the running task `waiter` until `task`, which has not ended, ends. XIO_EDEADLK:
 * `task` itself waits, directly or through others, for `waiter`; nothing was started. */
int xio_task_join(xio_task *waiter, xio_task *task) XIO_WARN_UNUSED;

/* The task whose wait record is `wait`. */
static inline xio_task *xio_task_of(xio_wait *wait) {
  return XIO_CONTAINER_OF(wait, xio_task, wait);
}

/* The task that `task` waits for the end of, or NULL. */
xio_task *xio_task_awaited(xio_task *task);

#endif
