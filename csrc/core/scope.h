/* scope: a region of one task that can be cancelled, with a deadline and a shield.
 *
 * Scopes form a tree: a scope entered by a task is a child of that task's innermost
 * scope, a task's own scope is a child of its group's scope. `effective` says that every
 * checkpoint inside raises: the scope was cancelled itself, or its parent is effective
 * and no shield stands between. It is kept up to date at once, by whoever changes
 * anything, so that a checkpoint is one load. When it becomes true, the wait of the task
 * whose innermost scope this is, is aborted in the same step.
 *
 * There are many tasks, and their own scopes are small: a deadline, a shield and a list
 * of children have only the others, which are regions. A scope is a region unless its
 * kind is XIO_SCOPE_TASK.
 *
 * Owner: who embeds it (a task, a group) or allocated it (the binding). A scope is
 * entered at most once, by one task, and left by it in reverse order. A deadline acts
 * only while the scope is entered. Invariants (check.c): effective = cancelled or (parent
 * effective and no shield in force); the innermost scope of a task has no child entered
 * by that task. Loop's thread only. Not here: what is raised, and reasons
 * (csrc/lua/cancel.c). */
#ifndef XIO_CORE_SCOPE_H
#define XIO_CORE_SCOPE_H

#include "wait.h"

/* Who cancelled a scope. */
typedef enum xio_source {
  XIO_SOURCE_NONE, /* not cancelled */
  XIO_SOURCE_CANCEL,
  XIO_SOURCE_DEADLINE,
  XIO_SOURCE_FAILURE,
  XIO_SOURCE_SIGNAL,
  XIO_SOURCE_SHUTDOWN
} xio_source;

/* What a scope belongs to. */
typedef enum xio_scope_kind {
  XIO_SCOPE_PLAIN, /* a region of a task */
  XIO_SCOPE_GROUP, /* embedded in an xio_group */
  XIO_SCOPE_TASK   /* embedded in an xio_task: its own */
} xio_scope_kind;

struct xio_scope {
  uint8_t kind;   /* xio_scope_kind */
  uint8_t source; /* xio_source: not NONE means cancelled itself */
  bool effective;
  bool shield : 1;
  bool entered : 1;
  bool left : 1;     /* entered once and left again */
  bool caught : 1;   /* it caught the cancellation at its end; set by its owner */
  uint16_t depth;    /* scopes around it within its task */
  int record;        /* the owner's number for what it keeps of a cancellation; 0: none */
  int unwinding;     /* and of an error on its way to the end of this scope; 0: none */
  xio_scope *parent; /* NULL: a root, or not entered; of a task's own it stays */
  xio_list sibling;  /* in the list of a region; what is in a task's own is in none */
};

typedef struct xio_region {
  xio_scope scope;
  xio_runqueue *queue; /* NULL until entered */
  xio_wait *host;      /* of the task that entered it; NULL for a root */
  xio_list children;   /* scopes inside, through `sibling`, in order of entry */
  union {              /* the same: the deadline, or the end of a shield with grace */
    xio_timer timer;
    xio_alarm alarm;
  };
  int64_t deadline_at;
  int64_t grace_ns; /* how long the shield lasts after a cancellation; 0: until lifted */
} xio_region;

/* A task's own scope, not attached yet. */
void xio_scope_init(xio_scope *scope);

/* A fresh region without deadline or shield, of which `kind` is. */
void xio_region_init(xio_region *region, xio_scope_kind kind);

/* The region that `scope` is; it is not a task's own. */
static inline xio_region *xio_region_of(const xio_scope *scope) {
  XIO_CHECK(scope->kind != XIO_SCOPE_TASK);
  return XIO_CONTAINER_OF(scope, xio_region, scope);
}

/* The wait of the task that is in `scope`; NULL: a root, or one that nobody is in. */
xio_wait *xio_scope_host(const xio_scope *scope);

/* The run queue of a scope that was entered. */
xio_runqueue *xio_scope_queue(const xio_scope *scope);

/* The same of a task's own scope that was detached, and was never shielded, which leaves
 * little to be done. */
static inline void xio_scope_renew(xio_scope *scope) {
  XIO_CHECK(xio_list_empty(&scope->sibling) && !scope->shield);
  XIO_CHECK(scope->record == 0 && scope->unwinding == 0);
  scope->source = 0;
  scope->left = false;
  scope->caught = false;
}

/* Enters `scope`: it becomes the innermost of `host`. A deadline in the past cancels it
 * at once. XIO_EINVAL: it was entered before. XIO_ENOMEM. On error nothing has
 * changed. */
int xio_scope_enter(xio_scope *scope, xio_wait *host) XIO_WARN_UNUSED;

/* The same where the caller has just read the clock: it is `now_at`. */
int xio_scope_enter_at(xio_scope *scope, xio_wait *host, int64_t now_at) XIO_WARN_UNUSED;

/* Makes `scope` a root of its own, entered by nobody. */
void xio_scope_enter_root(xio_scope *scope, xio_runqueue *queue);

/* Makes the own scope of a new task a child of its group's. */
void xio_scope_attach(xio_scope *own, xio_scope *parent);

/* Leaves `scope`, the innermost of its task. XIO_EMISNEST: it is not the innermost, or
 * was not entered; nothing has changed. */
int xio_scope_leave(xio_scope *scope) XIO_WARN_UNUSED;

/* Takes a root, or a task's own scope without children, out of the tree. */
void xio_scope_detach(xio_scope *scope);

/* Cancels: idempotent, never fails, also before the scope is entered. Returns whether it
 * was the first; only the first source stands. */
bool xio_scope_cancel(xio_scope *scope, xio_source source);

/* Sets, moves or (XIO_NEVER) removes the deadline of a region. XIO_ENOMEM: nothing has
 * changed. */
int xio_scope_set_deadline(xio_scope *scope, int64_t at) XIO_WARN_UNUSED;

/* Raises or lifts the shield of a region. Lifting delivers an outer cancellation at
 * once. */
void xio_scope_set_shield(xio_scope *scope, bool shield);

/* Lets the shield of a region that is not yet entered end `grace_ns` after its entry, or
 * after the outer cancellation if that comes later. It then has no deadline of its
 * own. */
void xio_scope_set_grace(xio_scope *scope, int64_t grace_ns);

/* Lifts every shield below `root`, now and for all scopes to come. */
void xio_scope_lift_all(xio_scope *root);

/* The nearest deadline that rules inside `scope`; INT64_MIN when it is effectively
 * cancelled, XIO_NEVER when there is none. */
int64_t xio_scope_effective_deadline(const xio_scope *scope);

/* Whether the shield of `scope` protects now. */
static inline bool xio_scope_shielded(const xio_scope *scope) {
  if (!scope->shield) return false;
  const xio_runqueue *queue = xio_region_of(scope)->queue;
  return queue == NULL || !queue->shields_lifted;
}

/* Whether the scopes around `scope` are effectively cancelled, seen through its
 * shield. */
static inline bool xio_scope_outer_effective(const xio_scope *scope) {
  return scope->parent != NULL && scope->parent->effective && !xio_scope_shielded(scope);
}

/* The nearest scope, from `scope` outwards, that was cancelled itself and so makes
 * `scope` effective; NULL when `scope` is not effective. */
xio_scope *xio_scope_origin(xio_scope *scope);

/* The outermost scope that its task entered within its own scope, or NULL. */
xio_scope *xio_scope_inner(const xio_scope *own);

/* The next scope of the tree below `top` in preorder, after `scope`; NULL at the end.
 * With `descend` false the children of `scope` are passed over. */
xio_scope *xio_scope_next(const xio_scope *top, xio_scope *scope, bool descend);

#endif
