/* trace: see trace.h. */
#include "trace.h"

void xio_trace_spawned(xio_task *task) {
  task->wait.by_task = task->wait.queue->running != NULL;
  xio_tracer *tracer = task->wait.queue->tracer;
  tracer->ops->spawned(tracer, task);
}

void xio_trace_ended(const xio_task *task, xio_outcome outcome) {
  xio_tracer *tracer = task->wait.queue->tracer;
  tracer->ended = true;
  tracer->ops->ended(tracer, task, outcome);
}

void xio_trace_woken(xio_wait *wait) {
  xio_task *by = wait->queue->running;
  if (by == NULL || by == xio_task_of(wait)) return;
  wait->by_task = true;
  wait->queue->tracer->ops->woken(wait->queue->tracer, by, xio_task_of(wait));
}

void xio_trace_cancelled(const xio_scope *scope) {
  xio_tracer *tracer = xio_scope_queue(scope)->tracer;
  tracer->ops->cancelled(tracer, scope);
}

void xio_trace_resume(xio_task *task) {
  xio_tracer *tracer = task->wait.queue->tracer;
  bool by_task = task->wait.by_task;
  task->wait.by_task = false;
  tracer->ops->running(tracer, task, by_task);
  tracer->ended = false;
  xio_task_ops_of(task)->resume(task); /* `task` may be gone afterwards */
  tracer->ops->paused(tracer, tracer->ended ? NULL : task);
}
