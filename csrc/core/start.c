/* start: see start.h. */
#include "start.h"

/* Passes the cancellation on to the child, whose wait may be a start in its turn: a chain
 * of any length is worked off here, by the first of it, so that the stack does not
 * grow. */
static int abort_start(xio_wait *wait) {
  xio_list *starts = &wait->queue->starts;
  bool is_first = xio_list_empty(starts);
  xio_list_push_back(starts, &wait->self.link);
  if (!is_first) return XIO_EBUSY;
  for (xio_waiter *waiter; (waiter = xio_waiter_first(starts)) != NULL;) {
    xio_task *child = waiter->wait->source;
    xio_scope_cancel(&child->own, XIO_SOURCE_CANCEL);
    xio_list_remove(&waiter->link);
  }
  return XIO_EBUSY;
}

static const xio_wait_ops start_ops = {.verb = "start", .abort = abort_start};

void xio_start_begin(xio_task *caller, xio_group *group, xio_task *child, bool daemon) {
  child->starter = &caller->wait;
  xio_group_spawn(group, child, (xio_spawn_opts){.daemon = daemon, .at_once = true});
  xio_wait_park(&caller->wait, &start_ops, child);
  if (caller->wait.scope->effective) xio_wait_abort(&caller->wait);
}

int xio_start_done(xio_task *child) {
  if (child->started || child->starter == NULL) return XIO_EINVAL;
  child->started = true;
  xio_wait *starter = child->starter;
  if (starter->aborting) return XIO_OK; /* its caller was cancelled: it stays with it */
  child->starter = NULL;
  xio_wait_complete(starter, XIO_OK);
  return XIO_OK;
}

xio_task *xio_start_awaited(const xio_task *task) {
  if (task->wait.state != XIO_WAIT_PARKED || task->wait.ops != &start_ops) return NULL;
  return task->wait.source;
}

void xio_start_abandon(xio_task *task) {
  xio_task *child = xio_start_awaited(task);
  if (child != NULL) {
    child->starter = NULL;
    xio_wait_complete(&task->wait, XIO_ECANCELED);
  }
  if (task->starter == NULL) return;
  xio_wait *starter = task->starter;
  task->starter = NULL;
  xio_wait_complete(starter, XIO_ECANCELED);
}
