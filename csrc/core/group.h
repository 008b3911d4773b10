/* group: owns child tasks, and does not end before they have.
 *
 * A group is opened by a host task, whose body runs inside the group's scope; the root
 * group of a loop has no host. The first failure of a child, or of the body, cancels the
 * scope. When the body is over the host joins: it waits, uncancellably (cancellation
 * reaches the children through the scope tree), until no child lives. Daemons are
 * cancelled when only daemons are left. Under a limit, children beyond it are held and
 * start in order.
 *
 * Owner: whoever embeds it, until it was closed. Failed children stay listed, in the
 * order of their failing, until the owner takes them: the error values are theirs.
 * Invariants (check.c): live = children of kind task in the scope's tree; started <=
 * limit unless children were started past it by start(). Loop's thread only. */
#ifndef XIO_CORE_GROUP_H
#define XIO_CORE_GROUP_H

#include "task.h"

typedef enum xio_group_state {
  XIO_GROUP_OPEN,
  XIO_GROUP_JOINING, /* the body is over (a root joins from the beginning) */
  XIO_GROUP_ENDED    /* no child lives any more, none can come; the host closes it next */
} xio_group_state;

struct xio_group {
  union { /* the same */
    xio_scope scope;
    xio_region region;
  };
  xio_runqueue *queue;
  xio_task *host;    /* NULL: a root */
  xio_wait *joiner;  /* of the host while it waits for the end */
  xio_list failed;   /* own scopes of failed children, in the order of failing */
  xio_list held;     /* waiters of children beyond the limit, in order of spawning */
  uint32_t live;     /* children that have not ended */
  uint32_t daemons;  /* of these: daemons */
  uint32_t started;  /* of these: not held */
  uint32_t limit;    /* children at once; 0: no limit */
  uint32_t failures; /* children that failed, also those already taken */
  uint8_t state;     /* xio_group_state */
  bool cut_short;    /* a child ended cancelled while the scope was effective */
};

typedef struct xio_spawn_opts {
  bool daemon;
  bool at_once; /* does not wait for the limit, though it counts */
} xio_spawn_opts;

/* Opens `group` for the running task `host`, and enters its scope. On error (XIO_ENOMEM)
 * nothing has changed. The caller may have set limit and the scope's fields in between
 * xio_group_init and this. */
int xio_group_open(xio_group *group, xio_task *host) XIO_WARN_UNUSED;

/* A group without limit that is not open yet. */
void xio_group_init(xio_group *group, xio_runqueue *queue);

/* Makes `group` the root of a loop. */
void xio_group_open_root(xio_group *group);

/* Adds `task`, fresh from xio_task_init. It becomes ready now, or when the limit allows.
 * Never fails; the group has not ended. */
void xio_group_spawn(xio_group *group, xio_task *task, xio_spawn_opts opts);

/* `task` is over; called by its ops within resume, as the last thing. Its joiners and its
 * starter wake; a failure that no starter takes cancels the group. `task` may be freed by
 * its owner afterwards unless it has failed, in which case the group lists it. */
void xio_group_child_ended(xio_task *task, xio_outcome outcome);

/* The body is over (`failed`: with an error, which cancels the group). The host is parked
 * until no child lives, or rescheduled where none does: either way it must return to the
 * scheduler now. The group has ended when the host becomes ready. */
void xio_group_join(xio_group *group, bool failed);

/* Leaves the scope and ends the group; nothing can be spawned into it any more. All
 * children have ended. XIO_EMISNEST as xio_scope_leave. */
int xio_group_close(xio_group *group) XIO_WARN_UNUSED;

/* Ends a root group, all of whose children have ended. */
void xio_group_close_root(xio_group *group);

/* Takes the child that failed first off the list, or NULL. Its owner takes its error. */
xio_task *xio_group_take_failed(xio_group *group);

/* The child after `task` (NULL: the first), in order of spawning; NULL at the end. */
xio_task *xio_group_next_child(const xio_group *group, const xio_task *task);

/* The group of `task`, in which it is or was. */
static inline xio_group *xio_task_group(const xio_task *task) {
  return XIO_CONTAINER_OF(task->own.parent, xio_group, scope);
}

/* The task that embeds the own scope `scope`. */
static inline xio_task *xio_task_of_own(xio_scope *scope) {
  return XIO_CONTAINER_OF(scope, xio_task, own);
}

#endif
