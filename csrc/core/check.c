/* check: see check.h. Counts made on a walk over the tree of scopes are compared with
 * what the run queue, the groups and the clock say: each live task is in exactly one of
 * ready, running, parked and held. */
#include "check.h"

#include "dns.h"
#include "fd.h"
#include "lock.h"

typedef struct checker {
  const xio_loop *loop;
  const char *broken; /* the first broken invariant */
  uint32_t tasks;     /* that have not ended */
  uint32_t ready;     /* of these: in the run queue */
  uint32_t joining;   /* parked until another task ends */
  uint32_t joiners;   /* the same, seen from the tasks that are awaited */
  uint32_t starting;  /* parked in start() */
  uint32_t starters;  /* the same, seen from the children */
  uint32_t armed;     /* timers in the heap */
  uint32_t reserved;  /* timers that hold a promise of the heap */
} checker;

/* Leaves the function with false, and notes `text`, unless `cond` holds. */
#define EXPECT(cond, text) \
  do { \
    if (!(cond)) { \
      if (check->broken == NULL) check->broken = (text); \
      return false; \
    } \
  } while (0)

static xio_scope *scope_at(const xio_list *sibling) {
  return XIO_CONTAINER_OF(sibling, xio_scope, sibling);
}

static const xio_waiter *waiter_at(const xio_list *link) {
  return XIO_CONTAINER_OF(link, xio_waiter, link);
}

static xio_group *group_of(const xio_scope *scope) {
  return XIO_CONTAINER_OF(scope, xio_group, scope);
}

/* A ring whose back links all match cannot lead anywhere but to its head again. */
static bool check_ring(checker *check, const xio_list *head, uint32_t *count) {
  const xio_list *node = head;
  *count = 0;
  do {
    EXPECT(node->next != NULL && node->next->prev == node, "list: links do not match");
    node = node->next;
    (*count)++;
  } while (node != head);
  (*count)--;
  return true;
}

/* An armed timer is where it says in the heap; an armed one holds no promise. */
static bool check_timer(checker *check, const xio_timer *timer) {
  const xio_heap *heap = &check->loop->clock.timers;
  if (xio_timer_armed(timer)) {
    uint32_t index = timer->item.index;
    EXPECT(index < heap->count && heap->entries[index].item == &timer->item,
           "timer: armed, but not in the clock's heap");
    EXPECT(!timer->reserved, "timer: armed and reserved at once");
    check->armed++;
  } else if (timer->reserved) {
    check->reserved++;
  }
  return true;
}

/* What a task has entered leads from its innermost scope to its own. */
static bool check_inner(checker *check, const xio_scope *own) {
  const xio_wait *host = xio_scope_host(own);
  const xio_scope *inner = host->scope;
  EXPECT(inner != NULL, "scope: nothing is the innermost of a task");
  uint32_t depth = inner->depth;
  for (; inner != own; inner = inner->parent) {
    EXPECT(depth-- != 0 && inner->parent != NULL,
           "scope: a child does not name its parent");
    EXPECT(xio_scope_host(inner) == host, "scope: entered inside another task's");
    if (inner->parent == own) {
      EXPECT(inner->depth == 1, "scope: wrong depth");
      EXPECT(inner->sibling.next == &inner->sibling &&
                 inner->sibling.prev == &inner->sibling,
             "list: links do not match");
    }
  }
  return true;
}

/* The children of a region name their parent; the host has at most one scope entered
 * inside it, and none inside its innermost. */
static bool check_children(checker *check, const xio_scope *scope) {
  uint32_t count = 0;
  uint32_t entered = 0;
  const xio_region *region = xio_region_of(scope);
  if (!check_ring(check, &region->children, &count)) return false;
  for (const xio_list *node = region->children.next; node != &region->children;
       node = node->next) {
    const xio_scope *child = scope_at(node);
    EXPECT(child->parent == scope, "scope: a child does not name its parent");
    if (child->kind == XIO_SCOPE_TASK) {
      EXPECT(scope->kind == XIO_SCOPE_GROUP, "scope: a task's own is not in a group's");
      EXPECT(child->depth == 0, "scope: a task's own has a depth");
    } else {
      EXPECT(xio_scope_host(child) == region->host,
             "scope: entered inside another task's");
      EXPECT(child->depth == (uint16_t)(scope->depth + 1), "scope: wrong depth");
      entered++;
    }
  }
  bool is_innermost = region->host == NULL || region->host->scope == scope;
  EXPECT(entered == (is_innermost ? 0 : 1),
         "scope: the innermost of a task has a child entered by it");
  return true;
}

/* The timer of an entered scope: its deadline, while it is not cancelled; or its
 * grace. */
static bool check_scope_timer(checker *check, const xio_scope *scope) {
  const xio_region *region = xio_region_of(scope);
  if (!check_timer(check, &region->timer)) return false;
  bool armed = xio_timer_armed(&region->timer);
  if (scope->source != XIO_SOURCE_NONE) {
    EXPECT(!armed, "scope: cancelled, but its timer is armed");
    return true;
  }
  if (region->grace_ns != 0) {
    EXPECT(armed || region->timer.reserved, "scope: no timer is kept for its grace");
    EXPECT(
        armed || scope->effective || scope->parent == NULL || !scope->parent->effective,
        "scope: cancelled around its shield, but its grace has not begun");
    return true;
  }
  EXPECT(!region->timer.reserved, "scope: a timer is reserved without grace");
  EXPECT(armed == (region->deadline_at != XIO_NEVER),
         "scope: the deadline and its timer differ");
  EXPECT(!armed || check->loop->clock.timers.entries[region->timer.item.index].key ==
                       region->deadline_at,
         "scope: the timer is set to another time than the deadline");
  return true;
}

static bool check_scope(checker *check, const xio_scope *scope) {
  EXPECT(scope->entered && !scope->left, "scope: in the tree without being entered");
  EXPECT(xio_scope_queue(scope) == &check->loop->queue,
         "scope: in the tree of another loop");
  EXPECT((xio_scope_host(scope) == NULL) == (scope == &check->loop->root.scope),
         "scope: only the root has no host");
  bool outer = scope->parent != NULL && scope->parent->effective;
  bool shielded = scope->shield && !check->loop->queue.shields_lifted;
  EXPECT(scope->effective == (scope->source != XIO_SOURCE_NONE || (outer && !shielded)),
         "scope: effective is out of date");
  if (scope->kind == XIO_SCOPE_TASK) return check_inner(check, scope);
  return check_children(check, scope) && check_scope_timer(check, scope);
}

/* Failed children wait in the order of failing for the owner to take them. */
static bool check_failed(checker *check, const xio_group *group) {
  uint32_t count = 0;
  if (!check_ring(check, &group->failed, &count)) return false;
  for (const xio_list *node = group->failed.next; node != &group->failed;
       node = node->next) {
    const xio_task *task = xio_task_of_own(scope_at(node));
    EXPECT(task->state == XIO_TASK_ENDED && task->outcome == XIO_OUTCOME_FAILED,
           "group: one listed as failed has not");
    EXPECT(xio_task_group(task) == group, "group: lists the failure of another group");
  }
  EXPECT(count <= group->failures, "group: more failures listed than counted");
  EXPECT(group->failures == 0 || group->scope.source != XIO_SOURCE_NONE,
         "group: a child has failed, but it is not cancelled");
  return true;
}

/* Counts equal lists; the limit holds children back only where it is reached. */
static bool check_children_of_group(checker *check, const xio_group *group) {
  uint32_t live = 0;
  uint32_t daemons = 0;
  uint32_t held = 0;
  uint32_t listed = 0;
  for (const xio_task *task = NULL; (task = xio_group_next_child(group, task)) != NULL;) {
    EXPECT(xio_task_group(task) == group, "group: a child names another group");
    live++;
    if (task->daemon) daemons++;
    if (task->state == XIO_TASK_HELD) held++;
    if (task->daemon && group->state != XIO_GROUP_OPEN && group->live == group->daemons) {
      EXPECT(task->own.source != XIO_SOURCE_NONE,
             "group: only daemons are left, but one is not cancelled");
    }
  }
  EXPECT(live == group->live, "group: live differs from its children");
  EXPECT(daemons == group->daemons, "group: daemons differs from its children");
  EXPECT(live - held == group->started, "group: started differs from its children");
  if (!check_ring(check, &group->held, &listed)) return false;
  EXPECT(held == listed, "group: not every held child is listed as held");
  EXPECT(held == 0 || (group->limit != 0 && group->started >= group->limit),
         "group: children are held below the limit");
  return true;
}

static bool check_group(checker *check, const xio_group *group) {
  EXPECT(group->queue == &check->loop->queue, "group: of another loop");
  if (!check_failed(check, group) || !check_children_of_group(check, group)) return false;
  if (group == &check->loop->root) {
    EXPECT(group->host == NULL && group->joiner == NULL, "group: the root has a host");
    EXPECT(group->state == XIO_GROUP_JOINING, "group: the root is not joining");
    return true;
  }
  EXPECT(group->host != NULL && &group->host->wait == group->region.host,
         "group: its host has not entered its scope");
  EXPECT((group->state == XIO_GROUP_JOINING) == (group->joiner != NULL),
         "group: its host does not wait for its end");
  EXPECT(group->state != XIO_GROUP_ENDED || group->live == 0,
         "group: it has ended, but a child lives");
  if (group->joiner == NULL) return true;
  EXPECT(group->joiner == &group->host->wait && group->joiner->state == XIO_WAIT_PARKED &&
             group->joiner->source == group,
         "group: the joiner is not its host, parked");
  EXPECT(group->live != 0, "group: all children have ended, but its host is parked");
  return true;
}

/* Who waits for the end of `task` is parked, and waits for nothing else. */
static bool check_joiners(checker *check, const xio_task *task) {
  uint32_t count = 0;
  if (!check_ring(check, &task->joiners, &count)) return false;
  for (const xio_list *node = task->joiners.next; node != &task->joiners;
       node = node->next) {
    const xio_wait *wait = waiter_at(node)->wait;
    EXPECT(wait->state == XIO_WAIT_PARKED, "task: one that is not parked awaits it");
    const xio_waiter *own = &wait->self;
    if (own != waiter_at(node)) continue; /* one case of several */
    EXPECT(wait->source == task, "task: one that waits for another awaits it");
    check->joiners++;
  }
  return true;
}

/* A parked wait has ops and, under a cancellation, was told of it; any other has no
 * timer. */
static bool check_wait(checker *check, const xio_task *task) {
  const xio_wait *wait = &task->wait;
  EXPECT(wait->queue == &check->loop->queue && wait->self.wait == wait,
         "wait: of another loop or task");
  EXPECT(wait->scope != NULL && xio_scope_host(wait->scope) == wait,
         "wait: its innermost scope is not its task's");
  if (!check_timer(check, &wait->timer)) return false;
  if (wait->state == XIO_WAIT_PARKED) {
    EXPECT(wait->ops != NULL && wait->ops->abort != NULL && wait->ops->verb != NULL,
           "wait: parked without ops");
    EXPECT(!wait->scope->effective || wait->aborting,
           "wait: parked under a cancellation that did not reach it");
    return true;
  }
  EXPECT(!xio_timer_armed(&wait->timer) && !wait->timer.reserved,
         "wait: not parked, but it has a time limit");
  if (wait->state == XIO_WAIT_READY) {
    EXPECT(!xio_list_empty(&wait->self.link), "wait: ready, but in no queue");
    check->ready++;
  }
  return true;
}

/* A task is held, ready, parked, or the one that runs. */
static bool check_task(checker *check, const xio_task *task) {
  check->tasks++;
  EXPECT(task->outcome == XIO_OUTCOME_NONE, "task: lives, but has an outcome");
  if (!check_wait(check, task) || !check_joiners(check, task)) return false;
  if (task->state == XIO_TASK_HELD) {
    EXPECT(task->wait.state == XIO_WAIT_IDLE && !xio_list_empty(&task->wait.self.link),
           "task: held, but not in its group's list");
  } else {
    EXPECT(task->state == XIO_TASK_LIVE, "task: ended, but still in its group");
    EXPECT(task->wait.state != XIO_WAIT_IDLE || task == check->loop->queue.running,
           "task: neither ready nor running nor parked");
  }
  xio_task *awaited = xio_task_awaited(xio_task_of(xio_scope_host(&task->own)));
  EXPECT(awaited == NULL || awaited->state != XIO_TASK_ENDED,
         "task: parked until the end of one that has ended");
  if (awaited != NULL) check->joining++;
  xio_task *child = xio_start_awaited(task);
  EXPECT(child == NULL || child->starter == &task->wait,
         "start: the child does not know who waits for it");
  if (child != NULL) check->starting++;
  if (task->starter == NULL) return true;
  check->starters++;
  EXPECT(xio_start_awaited(xio_task_of(task->starter)) == task,
         "start: the caller does not wait for its child");
  EXPECT(!task->started || task->starter->aborting,
         "start: the child has started, but its caller waits on");
  return true;
}

/* Every scope below the root, and the groups and tasks that own them. */
static bool check_tree(checker *check, xio_scope *root) {
  EXPECT(root->parent == NULL && root->kind == XIO_SCOPE_GROUP,
         "scope: the root is none");
  for (xio_scope *scope = root; scope != NULL;
       scope = xio_scope_next(root, scope, true)) {
    if (!check_scope(check, scope)) return false;
    if (scope->kind == XIO_SCOPE_GROUP && !check_group(check, group_of(scope)))
      return false;
    if (scope->kind == XIO_SCOPE_TASK && !check_task(check, xio_task_of_own(scope))) {
      return false;
    }
  }
  return true;
}

/* Everything in the run queue is ready, and everything ready is there. */
static bool check_runqueue(checker *check) {
  const xio_runqueue *queue = &check->loop->queue;
  const xio_list *heads[] = {&queue->ready, &queue->batch};
  uint32_t queued = 0;
  for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
    uint32_t count = 0;
    if (!check_ring(check, heads[i], &count)) return false;
    queued += count;
    for (const xio_list *node = heads[i]->next; node != heads[i]; node = node->next) {
      EXPECT(waiter_at(node)->wait->state == XIO_WAIT_READY,
             "runqueue: one that is not ready is queued");
    }
  }
  EXPECT(queued == check->ready, "runqueue: not every ready task is queued once");
  EXPECT(xio_list_empty(&queue->starts), "runqueue: an abort of start() is unfinished");
  EXPECT(queue->clock == &check->loop->clock, "runqueue: of another clock");
  EXPECT(xio_lock_held_valid(queue), "lock: those of a task and their owner differ");
  return true;
}

/* The task after `at` in a walk over those that wait, directly or through others, for the
 * end of `top`; NULL at the end. */
static const xio_task *next_joiner(const xio_task *top, const xio_task *at) {
  const xio_list *node = &at->joiners;
  const xio_list *head = node;
  for (;;) {
    for (node = node->next; node != head; node = node->next) {
      const xio_waiter *waiter = waiter_at(node);
      if (waiter == &waiter->wait->self) return xio_task_of(waiter->wait);
    }
    if (at == top) return NULL;
    node = &at->wait.self.link;
    at = at->wait.source;
    head = &at->joiners;
  }
}

/* Who awaits whom makes trees: a walk from the tasks that await nobody meets all. */
static bool check_awaits(checker *check, xio_scope *root) {
  uint32_t met = 0;
  for (xio_scope *scope = root; scope != NULL;
       scope = xio_scope_next(root, scope, true)) {
    if (scope->kind != XIO_SCOPE_TASK) continue;
    xio_task *top = xio_task_of_own(scope);
    if (xio_task_awaited(top) != NULL) continue;
    for (const xio_task *at = top; at != NULL; at = next_joiner(top, at)) met++;
  }
  EXPECT(met == check->tasks, "task: some await each other in a circle");
  return true;
}

static bool check_counts(checker *check) {
  const xio_heap *timers = &check->loop->clock.timers;
  EXPECT(check->joining == check->joiners, "task: one awaits without being listed");
  EXPECT(check->starting == check->starters, "start: callers and children differ");
  uint32_t armed_max = check->armed + check->loop->own_timers;
  EXPECT(check->armed <= timers->count && timers->count <= armed_max,
         "clock: a timer of nobody is armed");
  EXPECT(check->reserved + armed_max == timers->reserved + timers->count,
         "clock: promises and timers differ");
  EXPECT(check->loop->handles != 0, "loop: its own handle is not counted");
  EXPECT(xio_fd_valid(check->loop), "fd: waiters and slots differ");
  EXPECT(xio_dns_valid(check->loop), "dns: lookups and what is at work differ");
  return true;
}

bool xio_check_loop(const xio_loop *loop, const char **what) {
  checker state = {.loop = loop};
  checker *check = &state;
  xio_scope *root = scope_at(&loop->root.scope.sibling);
  bool holds = xio_heap_valid(&loop->clock.timers);
  if (!holds) check->broken = "clock: the heap of timers is out of order";
  holds = holds && check_tree(check, root) && check_runqueue(check) &&
          check_awaits(check, root) && check_counts(check);
  if (!holds && what != NULL) *what = check->broken;
  return holds;
}
