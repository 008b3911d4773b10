/* task: see task.h. */
#include "task.h"

void xio_task_init(xio_task *task, xio_runqueue *queue, const xio_task_ops *ops) {
  xio_wait_init(&task->wait, queue);
  xio_scope_init(&task->own);
  xio_list_init(&task->joiners);
  task->kind = 0;
  task->starter = NULL;
  task->id = queue != NULL ? ++queue->last_task_id & XIO_TASK_ID_MAX : 0;
  if (queue != NULL) xio_task_set_ops(task, ops);
  task->state = XIO_TASK_HELD;
  task->outcome = XIO_OUTCOME_NONE;
  task->daemon = false;
  task->started = false;
  task->locked = false;
  task->swallowed = 0;
}

static const xio_wait_ops sleep_ops = {.verb = "sleep", .abort = xio_wait_abort_plain};

static const xio_wait_ops forever_ops = {.verb = "sleep_forever",
                                         .abort = xio_wait_abort_plain};

int xio_task_sleep(xio_task *task, int64_t at) {
  int status = xio_wait_limit(&task->wait, at, XIO_OK);
  if (status != XIO_OK) return status;
  xio_wait_park(&task->wait, at == XIO_NEVER ? &forever_ops : &sleep_ops, NULL);
  return XIO_OK;
}

static const xio_wait_ops join_ops = {.verb = "await", .abort = xio_wait_abort_plain};

xio_task *xio_task_awaited(xio_task *task) {
  if (task->wait.state != XIO_WAIT_PARKED || task->wait.ops != &join_ops) return NULL;
  return task->wait.source;
}

int xio_task_join(xio_task *waiter, xio_task *task) {
  xio_task *other = task;
  do {
    if (other == waiter) return XIO_EDEADLK;
    other = xio_task_awaited(other);
  } while (other != NULL);
  xio_wait_park(&waiter->wait, &join_ops, task);
  xio_list_push_back(&task->joiners, &waiter->wait.self.link);
  return XIO_OK;
}
