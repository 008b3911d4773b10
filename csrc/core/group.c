/* group: see group.h. */
#include "group.h"

#include "lock.h"
#include "trace.h"

/* The children themselves meet the cancellation; the host's wait stands until they
 * ended. */
static int abort_join(xio_wait *wait) {
  (void)wait;
  return XIO_EBUSY;
}

static const xio_wait_ops group_join_ops = {.verb = "group", .abort = abort_join};

void xio_group_init(xio_group *group, xio_runqueue *queue) {
  *group = (xio_group){.queue = queue};
  xio_region_init(&group->region, XIO_SCOPE_GROUP);
  xio_list_init(&group->failed);
  xio_list_init(&group->held);
}

int xio_group_open(xio_group *group, xio_task *host) {
  int status = xio_scope_enter(&group->scope, &host->wait);
  if (status == XIO_OK) group->host = host;
  return status;
}

void xio_group_open_root(xio_group *group) {
  xio_scope_enter_root(&group->scope, group->queue);
  group->state = XIO_GROUP_JOINING;
}

/* Lets a child that was held, or has just been added, run. */
static void start_child(xio_group *group, xio_task *task) {
  task->state = XIO_TASK_LIVE;
  group->started++;
  xio_wait_reschedule(&task->wait, XIO_OK);
}

static bool only_daemons_left(const xio_group *group) {
  return group->state != XIO_GROUP_OPEN && group->live == group->daemons;
}

static void cancel_daemons(xio_group *group) {
  for (xio_task *task = NULL; (task = xio_group_next_child(group, task)) != NULL;) {
    if (task->daemon) xio_scope_cancel(&task->own, XIO_SOURCE_SHUTDOWN);
  }
}

void xio_group_spawn(xio_group *group, xio_task *task, xio_spawn_opts opts) {
  XIO_ASSERT(group->state != XIO_GROUP_ENDED);
  xio_scope_attach(&task->own, &group->scope);
  group->live++;
  if (XIO_UNLIKELY(opts.daemon)) {
    task->daemon = true;
    group->daemons++;
  }
  if (XIO_UNLIKELY(group->queue->tracer != NULL)) xio_trace_spawned(task);
  if (group->limit != 0 && group->started >= group->limit && !opts.at_once) {
    xio_list_push_back(&group->held, &task->wait.self.link);
  } else {
    start_child(group, task);
  }
  if (opts.daemon && only_daemons_left(group)) {
    xio_scope_cancel(&task->own, XIO_SOURCE_SHUTDOWN);
  }
}

static void start_held(xio_group *group) {
  while (!xio_list_empty(&group->held) && group->started < group->limit) {
    xio_waiter *waiter = xio_waiter_first(&group->held);
    xio_list_remove(&waiter->link);
    start_child(group, xio_task_of(waiter->wait));
  }
}

/* What the end of a child means for the rest of the group. */
static void after_child(xio_group *group, bool was_daemon) {
  if (XIO_UNLIKELY(!xio_list_empty(&group->held))) start_held(group);
  if (group->live == 0) {
    xio_wait *joiner = group->joiner;
    group->joiner = NULL;
    if (joiner == NULL) return;
    group->state = XIO_GROUP_ENDED; /* before its host runs: nobody can spawn meanwhile */
    xio_wait_complete(joiner, XIO_OK);
  } else if (!was_daemon && group->daemons != 0 && only_daemons_left(group)) {
    cancel_daemons(group);
  }
}

void xio_group_child_ended(xio_task *task, xio_outcome outcome) {
  xio_group *group = xio_task_group(task);
  XIO_ASSERT(task->state == XIO_TASK_LIVE && task->wait.state == XIO_WAIT_IDLE);
  XIO_ASSERT(task->wait.scope == &task->own);
  if (outcome == XIO_OUTCOME_CANCELLED && group->scope.effective) group->cut_short = true;
  if (XIO_UNLIKELY(group->queue->tracer != NULL)) xio_trace_ended(task, outcome);
  xio_scope_detach(&task->own);
  task->wait.scope = NULL;
  task->state = XIO_TASK_ENDED;
  task->outcome = outcome & 7;
  if (XIO_UNLIKELY(task->locked)) xio_lock_break_all(task);
  xio_wait *starter = task->starter;
  task->starter = NULL;
  bool failed = outcome == XIO_OUTCOME_FAILED && starter == NULL;
  if (starter != NULL) xio_wait_complete(starter, XIO_OK);
  if (!xio_list_empty(&task->joiners)) xio_waiter_complete_all(&task->joiners, XIO_OK);
  group->live--;
  group->started--;
  if (task->daemon) group->daemons--;
  if (failed) {
    group->failures++;
    xio_list_push_back(&group->failed, &task->own.sibling);
    xio_scope_cancel(&group->scope, XIO_SOURCE_FAILURE);
  }
  after_child(group, task->daemon);
}

void xio_group_join(xio_group *group, bool failed) {
  XIO_ASSERT(group->state != XIO_GROUP_ENDED && group->host != NULL);
  if (failed) xio_scope_cancel(&group->scope, XIO_SOURCE_FAILURE);
  xio_wait *wait = &group->host->wait;
  if (group->live == 0) {
    group->state = XIO_GROUP_ENDED;
    xio_wait_reschedule(wait, XIO_OK);
    return;
  }
  group->state = XIO_GROUP_JOINING;
  xio_wait_park(wait, &group_join_ops, group);
  group->joiner = wait;
  if (wait->scope->effective) xio_wait_abort(wait);
  if (group->daemons != 0 && only_daemons_left(group)) cancel_daemons(group);
}

int xio_group_close(xio_group *group) {
  XIO_ASSERT(group->live == 0);
  int status = xio_scope_leave(&group->scope);
  if (status == XIO_OK) group->state = XIO_GROUP_ENDED;
  return status;
}

void xio_group_close_root(xio_group *group) {
  XIO_ASSERT(group->live == 0 && group->host == NULL);
  xio_scope_detach(&group->scope);
  group->state = XIO_GROUP_ENDED;
}

xio_task *xio_group_take_failed(xio_group *group) {
  if (xio_list_empty(&group->failed)) return NULL;
  xio_scope *own = XIO_CONTAINER_OF(group->failed.next, xio_scope, sibling);
  xio_list_remove(&own->sibling);
  return xio_task_of_own(own);
}

xio_task *xio_group_next_child(const xio_group *group, const xio_task *task) {
  const xio_list *head = &group->region.children;
  const xio_list *node = task != NULL ? task->own.sibling.next : head->next;
  for (; node != head; node = node->next) {
    xio_scope *scope = XIO_CONTAINER_OF(node, xio_scope, sibling);
    if (scope->kind == XIO_SCOPE_TASK) return xio_task_of_own(scope);
  }
  return NULL;
}
