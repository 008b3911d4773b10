/* scope: see scope.h. */
#include "scope.h"

#include "trace.h"

static bool compute_effective(const xio_scope *scope) {
  return scope->source != XIO_SOURCE_NONE || xio_scope_outer_effective(scope);
}

xio_scope *xio_scope_next(const xio_scope *top, xio_scope *scope, bool descend) {
  if (descend && !xio_list_empty(&scope->children)) {
    return XIO_CONTAINER_OF(scope->children.next, xio_scope, sibling);
  }
  while (scope != top) {
    xio_scope *parent = scope->parent;
    if (scope->sibling.next != &parent->children) {
      return XIO_CONTAINER_OF(scope->sibling.next, xio_scope, sibling);
    }
    scope = parent;
  }
  return NULL;
}

/* A shield with grace begins to end when the outside is cancelled. */
static void start_grace(xio_scope *scope) {
  if (scope->grace_ns == 0 || !scope->shield || xio_timer_armed(&scope->timer)) return;
  int64_t at = xio_clock_after(scope->queue->clock, scope->grace_ns);
  int status = xio_timer_arm(scope->queue->clock, &scope->timer, at);
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
    if (changed && effective && scope->host != NULL && scope->host->scope == scope) {
      xio_wait_abort(scope->host);
    }
  }
}

static void on_timer(xio_timer *timer) {
  xio_scope *scope = XIO_CONTAINER_OF(timer, xio_scope, timer);
  if (scope->grace_ns != 0) {
    /* the room just given back, kept for a shield that is raised again */
    int status = xio_timer_reserve(scope->queue->clock, timer);
    XIO_ASSERT(status == XIO_OK);
    xio_scope_set_shield(scope, false);
  } else {
    xio_scope_cancel(scope, XIO_SOURCE_DEADLINE);
  }
}

void xio_scope_init(xio_scope *scope, xio_scope_kind kind) {
  *scope = (xio_scope){.kind = (uint8_t)kind, .deadline_at = XIO_NEVER};
  xio_list_init(&scope->children);
  xio_list_init(&scope->sibling);
  xio_timer_init(&scope->timer, on_timer);
}

/* Arms the timer of a scope that is being entered, or cancels it when it is too late. */
static int arm_on_entry(xio_scope *scope, xio_clock *clock, int64_t now_at) {
  if (scope->grace_ns != 0) return xio_timer_reserve(clock, &scope->timer);
  if (scope->deadline_at == XIO_NEVER || scope->source != XIO_SOURCE_NONE) return XIO_OK;
  if (scope->deadline_at <= now_at) {
    scope->source = XIO_SOURCE_DEADLINE;
    return XIO_OK;
  }
  return xio_timer_arm(clock, &scope->timer, scope->deadline_at);
}

static void link_under(xio_scope *scope, xio_scope *parent, xio_wait *host) {
  scope->parent = parent;
  scope->queue = parent->queue;
  scope->host = host;
  scope->entered = true;
  xio_list_push_back(&parent->children, &scope->sibling);
  scope->effective = compute_effective(scope);
}

int xio_scope_enter(xio_scope *scope, xio_wait *host) {
  bool timed = scope->deadline_at != XIO_NEVER;
  return xio_scope_enter_at(scope, host, timed ? xio_clock_now(host->queue->clock) : 0);
}

int xio_scope_enter_at(xio_scope *scope, xio_wait *host, int64_t now_at) {
  if (scope->entered) return XIO_EINVAL;
  int status = arm_on_entry(scope, host->queue->clock, now_at);
  if (status != XIO_OK) return status;
  /* nothing below can fail */
  xio_scope *parent = host->scope;
  scope->depth = (uint16_t)(parent->depth + 1);
  link_under(scope, parent, host);
  host->scope = scope;
  if (parent->effective && !scope->effective) start_grace(scope);
  return XIO_OK;
}

void xio_scope_enter_root(xio_scope *scope, xio_runqueue *queue) {
  scope->queue = queue;
  scope->entered = true;
}

void xio_scope_attach(xio_scope *scope, xio_scope *parent, xio_wait *host) {
  link_under(scope, parent, host);
  host->scope = scope;
}

int xio_scope_leave(xio_scope *scope) {
  if (!scope->entered || scope->left || scope->host == NULL ||
      scope->host->scope != scope || !xio_list_empty(&scope->children)) {
    return XIO_EMISNEST;
  }
  scope->host->scope = scope->parent;
  xio_scope_detach(scope);
  return XIO_OK;
}

void xio_scope_detach(xio_scope *scope) {
  XIO_ASSERT(xio_list_empty(&scope->children));
  if (xio_timer_armed(&scope->timer) || scope->timer.reserved) {
    xio_timer_disarm(scope->queue->clock, &scope->timer);
  }
  xio_list_remove(&scope->sibling);
  scope->parent = NULL;
  scope->host = NULL;
  scope->left = true;
}

bool xio_scope_cancel(xio_scope *scope, xio_source source) {
  if (scope->source != XIO_SOURCE_NONE) return false;
  scope->source = (uint8_t)source;
  if (!scope->entered || scope->left) return true;
  if (XIO_UNLIKELY(scope->queue->tracer != NULL)) xio_trace_cancelled(scope);
  xio_timer_disarm(scope->queue->clock, &scope->timer);
  refresh(scope, false);
  return true;
}

int xio_scope_set_deadline(xio_scope *scope, int64_t at) {
  bool acts = scope->entered && !scope->left && scope->source == XIO_SOURCE_NONE &&
              scope->grace_ns == 0;
  if (acts) {
    xio_clock *clock = scope->queue->clock;
    if (at == XIO_NEVER) {
      xio_timer_disarm(clock, &scope->timer);
    } else if (at <= xio_clock_now(clock)) {
      xio_scope_cancel(scope, XIO_SOURCE_DEADLINE);
    } else {
      int status = xio_timer_arm(clock, &scope->timer, at);
      if (status != XIO_OK) return status;
    }
  }
  scope->deadline_at = at;
  return XIO_OK;
}

void xio_scope_set_shield(xio_scope *scope, bool shield) {
  if (scope->shield == shield) return;
  scope->shield = shield;
  if (scope->entered && !scope->left) refresh(scope, false);
}

void xio_scope_set_grace(xio_scope *scope, int64_t grace_ns) {
  XIO_ASSERT(!scope->entered && scope->deadline_at == XIO_NEVER);
  scope->shield = true;
  scope->grace_ns = grace_ns;
}

void xio_scope_lift_all(xio_scope *root) {
  root->queue->shields_lifted = true;
  refresh(root, true);
}

int64_t xio_scope_effective_deadline(const xio_scope *scope) {
  if (scope->effective) return INT64_MIN;
  int64_t least = XIO_NEVER;
  for (; scope != NULL; scope = xio_scope_shielded(scope) ? NULL : scope->parent) {
    if (scope->grace_ns == 0 && scope->deadline_at < least) least = scope->deadline_at;
  }
  return least;
}

xio_scope *xio_scope_origin(xio_scope *scope) {
  while (scope != NULL && scope->source == XIO_SOURCE_NONE) {
    scope = xio_scope_outer_effective(scope) ? scope->parent : NULL;
  }
  return scope;
}
