/* scope: see scope.h. */
#include "scope.h"

#include "trace.h"

xio_wait *xio_scope_host(const xio_scope *scope) {
  if (XIO_UNLIKELY(scope->kind != XIO_SCOPE_TASK)) return xio_region_of(scope)->host;
  return &XIO_CONTAINER_OF(scope, xio_task, own)->wait;
}

xio_runqueue *xio_scope_queue(const xio_scope *scope) {
  if (scope->kind != XIO_SCOPE_TASK) return xio_region_of(scope)->queue;
  return xio_scope_host(scope)->queue;
}

static bool compute_effective(const xio_scope *scope) {
  return scope->source != XIO_SOURCE_NONE || xio_scope_outer_effective(scope);
}

/* -- the tree ------------------------------------------------------------------------ */

xio_scope *xio_scope_inner(const xio_scope *own) {
  xio_scope *inner = xio_scope_host(own)->scope;
  if (XIO_LIKELY(inner == own)) return NULL;
  while (inner->parent != own) inner = inner->parent;
  return inner;
}

/* The first scope inside, or NULL. */
static inline xio_scope *first_child(const xio_scope *scope) {
  if (scope->kind == XIO_SCOPE_TASK) return xio_scope_inner(scope);
  const xio_list *children = &xio_region_of(scope)->children;
  if (xio_list_empty(children)) return NULL;
  return XIO_CONTAINER_OF(children->next, xio_scope, sibling);
}

xio_scope *xio_scope_next(const xio_scope *top, xio_scope *scope, bool descend) {
  xio_scope *child = descend ? first_child(scope) : NULL;
  if (child != NULL) return child;
  while (scope != top) {
    xio_scope *parent = scope->parent;
    bool is_listed = parent->kind != XIO_SCOPE_TASK;
    if (is_listed && scope->sibling.next != &xio_region_of(parent)->children) {
      return XIO_CONTAINER_OF(scope->sibling.next, xio_scope, sibling);
    }
    scope = parent;
  }
  return NULL;
}

/* A shield with grace begins to end when the outside is cancelled. */
static void start_grace(xio_scope *scope) {
  if (!scope->shield) return;
  xio_region *region = xio_region_of(scope);
  if (region->grace_ns == 0 || xio_timer_armed(&region->timer)) return;
  int64_t at = xio_clock_after(region->queue->clock, region->grace_ns);
  int status = xio_timer_arm(region->queue->clock, &region->timer, at);
  XIO_ASSERT(status == XIO_OK); /* reserved on entry */
}

/* Brings `effective` up to date in `top` and below; aborts the waits it newly reaches.
 * With `whole` no part of the tree is passed over as unchanged. */
static void refresh(xio_scope *top, bool whole) {
  bool descend = false;
  for (xio_scope *scope = top; scope != NULL;
       scope = xio_scope_next(top, scope, descend)) {
    bool effective = compute_effective(scope);
    bool changed = effective != scope->effective;
    scope->effective = effective;
    descend = changed || whole;
    if (!effective && scope->parent != NULL && scope->parent->effective) {
      start_grace(scope);
    }
    if (!changed || !effective) continue;
    xio_wait *host = xio_scope_host(scope);
    if (host != NULL && host->scope == scope) xio_wait_abort(host);
  }
}

static void on_timer(xio_timer *timer) {
  xio_region *region = XIO_CONTAINER_OF(timer, xio_region, timer);
  if (region->grace_ns != 0) {
    /* the room just given back, kept for a shield that is raised again */
    int status = xio_timer_reserve(region->queue->clock, timer);
    XIO_ASSERT(status == XIO_OK);
    xio_scope_set_shield(&region->scope, false);
  } else {
    xio_scope_cancel(&region->scope, XIO_SOURCE_DEADLINE);
  }
}

/* -- entering and leaving ------------------------------------------------------------ */

void xio_scope_init(xio_scope *scope) {
  *scope = (xio_scope){.kind = XIO_SCOPE_TASK};
  xio_list_init(&scope->sibling);
}

void xio_region_init(xio_region *region, xio_scope_kind kind) {
  *region = (xio_region){.scope = {.kind = (uint8_t)kind}, .deadline_at = XIO_NEVER};
  xio_list_init(&region->children);
  xio_list_init(&region->scope.sibling);
  xio_alarm_init(&region->alarm, on_timer);
}

/* Arms the timer of a region that is being entered, or cancels it when it is too late. */
static int arm_on_entry(xio_region *region, xio_clock *clock, int64_t now_at) {
  xio_scope *scope = &region->scope;
  if (region->grace_ns != 0) return xio_timer_reserve(clock, &region->timer);
  if (region->deadline_at == XIO_NEVER || scope->source != XIO_SOURCE_NONE) return XIO_OK;
  if (region->deadline_at <= now_at) {
    scope->source = XIO_SOURCE_DEADLINE;
    return XIO_OK;
  }
  return xio_timer_arm(clock, &region->timer, region->deadline_at);
}

static inline void link_under(xio_scope *scope, xio_scope *parent) {
  scope->parent = parent;
  scope->entered = true;
  if (parent->kind != XIO_SCOPE_TASK) {
    xio_list_push_back(&xio_region_of(parent)->children, &scope->sibling);
  }
  scope->effective = compute_effective(scope);
}

int xio_scope_enter(xio_scope *scope, xio_wait *host) {
  bool timed = xio_region_of(scope)->deadline_at != XIO_NEVER;
  return xio_scope_enter_at(scope, host, timed ? xio_clock_now(host->queue->clock) : 0);
}

int xio_scope_enter_at(xio_scope *scope, xio_wait *host, int64_t now_at) {
  if (scope->entered) return XIO_EINVAL;
  xio_region *region = xio_region_of(scope);
  int status = arm_on_entry(region, host->queue->clock, now_at);
  if (status != XIO_OK) return status;
  /* nothing below can fail */
  xio_scope *parent = host->scope;
  region->queue = host->queue;
  region->host = host;
  scope->depth = (uint16_t)(parent->depth + 1);
  link_under(scope, parent);
  host->scope = scope;
  if (parent->effective && !scope->effective) start_grace(scope);
  return XIO_OK;
}

void xio_scope_enter_root(xio_scope *scope, xio_runqueue *queue) {
  xio_region_of(scope)->queue = queue;
  scope->entered = true;
}

void xio_scope_attach(xio_scope *own, xio_scope *parent) {
  own->parent = parent;
  own->entered = true;
  own->effective = own->source != XIO_SOURCE_NONE || parent->effective;
  xio_list_push_back(&xio_region_of(parent)->children, &own->sibling);
  xio_scope_host(own)->scope = own;
}

int xio_scope_leave(xio_scope *scope) {
  if (!scope->entered || scope->left) return XIO_EMISNEST;
  const xio_region *region = xio_region_of(scope);
  if (region->host == NULL || region->host->scope != scope ||
      !xio_list_empty(&region->children)) {
    return XIO_EMISNEST;
  }
  region->host->scope = scope->parent;
  xio_scope_detach(scope);
  return XIO_OK;
}

void xio_scope_detach(xio_scope *scope) {
  xio_list_remove(&scope->sibling);
  scope->left = true;
  if (XIO_LIKELY(scope->kind == XIO_SCOPE_TASK)) return;
  xio_region *region = xio_region_of(scope);
  XIO_ASSERT(xio_list_empty(&region->children));
  if (xio_timer_armed(&region->timer) || region->timer.reserved) {
    xio_timer_disarm(region->queue->clock, &region->timer);
  }
  scope->parent = NULL;
  region->host = NULL;
}

/* -- changing ------------------------------------------------------------------------ */

bool xio_scope_cancel(xio_scope *scope, xio_source source) {
  if (scope->source != XIO_SOURCE_NONE) return false;
  scope->source = (uint8_t)source;
  if (!scope->entered || scope->left) return true;
  const xio_runqueue *queue = xio_scope_queue(scope);
  if (XIO_UNLIKELY(queue->tracer != NULL)) xio_trace_cancelled(scope);
  if (scope->kind != XIO_SCOPE_TASK) {
    xio_timer_disarm(queue->clock, &xio_region_of(scope)->timer);
  }
  refresh(scope, false);
  return true;
}

int xio_scope_set_deadline(xio_scope *scope, int64_t at) {
  xio_region *region = xio_region_of(scope);
  bool acts = scope->entered && !scope->left && scope->source == XIO_SOURCE_NONE &&
              region->grace_ns == 0;
  if (acts) {
    xio_clock *clock = region->queue->clock;
    if (at == XIO_NEVER) {
      xio_timer_disarm(clock, &region->timer);
    } else if (at <= xio_clock_now(clock)) {
      xio_scope_cancel(scope, XIO_SOURCE_DEADLINE);
    } else {
      int status = xio_timer_arm(clock, &region->timer, at);
      if (status != XIO_OK) return status;
    }
  }
  region->deadline_at = at;
  return XIO_OK;
}

void xio_scope_set_shield(xio_scope *scope, bool shield) {
  XIO_ASSERT(scope->kind != XIO_SCOPE_TASK);
  if (scope->shield == shield) return;
  scope->shield = shield;
  if (scope->entered && !scope->left) refresh(scope, false);
}

void xio_scope_set_grace(xio_scope *scope, int64_t grace_ns) {
  xio_region *region = xio_region_of(scope);
  XIO_ASSERT(!scope->entered && region->deadline_at == XIO_NEVER);
  scope->shield = true;
  region->grace_ns = grace_ns;
}

void xio_scope_lift_all(xio_scope *root) {
  xio_region_of(root)->queue->shields_lifted = true;
  refresh(root, true);
}

/* -- asking -------------------------------------------------------------------------- */

int64_t xio_scope_effective_deadline(const xio_scope *scope) {
  if (scope->effective) return INT64_MIN;
  int64_t least = XIO_NEVER;
  for (; scope != NULL; scope = xio_scope_shielded(scope) ? NULL : scope->parent) {
    if (scope->kind == XIO_SCOPE_TASK) continue;
    const xio_region *region = xio_region_of(scope);
    if (region->grace_ns == 0 && region->deadline_at < least) least = region->deadline_at;
  }
  return least;
}

xio_scope *xio_scope_origin(xio_scope *scope) {
  while (scope != NULL && scope->source == XIO_SOURCE_NONE) {
    scope = xio_scope_outer_effective(scope) ? scope->parent : NULL;
  }
  return scope;
}
