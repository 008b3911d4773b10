/* cancel: the values that tell of a cancellation.
 *
 * One userdata per cancelled scope, shared by all tasks that it reaches: made when
 * somebody cancels with a reason, or else when it is first raised. It is anchored in the
 * scope's `record` slot until the scope ends; from then on it is out of date, and raising
 * it again is an ordinary error. The program cannot make one. User value 1 is the reason,
 * 2 the handle of the task that asked. Loop's thread. */
#include <string.h>

#include "copy.h"

enum { VALUE_REASON = 1, VALUE_TASK = 2, SWALLOWED_MAX = 10 };

const xiol_kind xiol_kind_cancelled = {"xio.Cancelled"};

const char *xiol_source_name(uint8_t source) {
  static const char *const names[] = {"none",    "cancel", "deadline",
                                      "failure", "signal", "shutdown"};
  return names[source];
}

/* Pushes a fresh value without reason and task. */
static xiol_cancelled *push_new(lua_State *L, xiol_state *state, uint8_t source) {
  xiol_cancelled *cancelled = lua_newuserdatauv(L, sizeof *cancelled, 2);
  cancelled->kind = &xiol_kind_cancelled;
  cancelled->scope = NULL;
  cancelled->source = source;
  xiol_push_ref(L, state, XIOL_REF_CANCELLED);
  lua_setmetatable(L, -2);
  return cancelled;
}

/* Anchors the value at the top for `scope`, and leaves it there. */
static void attach(lua_State *L, xiol_state *state, xiol_cancelled *cancelled,
                   xio_scope *scope) {
  lua_pushvalue(L, -1);
  scope->record = xiol_anchor(L, state);
  cancelled->scope = scope;
}

/* User value of a scope's or group's handle: what told of its cancellation. */
enum { HANDLE_CANCELLED = 1 };

bool xiol_cancel(lua_State *L, xiol_state *state, xio_scope *scope, int reason_index,
                 int handle_index) {
  if (scope->source != XIO_SOURCE_NONE) return false;
  if (scope->left) return xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
  bool by_task = state->runtime != NULL && state->runtime->loop->queue.running != NULL;
  if (by_task) xiol_push_task(L, xiol_task_of(state->runtime->loop->queue.running));
  xiol_cancelled *cancelled = push_new(L, state, XIO_SOURCE_CANCEL);
  if (XIO_UNLIKELY(scope->source != XIO_SOURCE_NONE)) { /* a finalizer was faster */
    lua_pop(L, by_task ? 2 : 1);
    return false;
  }
  if (reason_index != 0) {
    lua_pushvalue(L, reason_index);
    lua_setiuservalue(L, -2, VALUE_REASON);
  }
  if (by_task) {
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, VALUE_TASK);
  }
  if (scope->entered || handle_index == 0) {
    attach(L, state, cancelled, scope);
    lua_pop(L, 1);
  } else {
    cancelled->scope = scope;
    lua_setiuservalue(L, handle_index, HANDLE_CANCELLED);
  }
  return xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
}

void xiol_cancel_entered(lua_State *L, xiol_state *state, xio_scope *scope, int index) {
  if (scope->source == XIO_SOURCE_NONE) return;
  lua_getiuservalue(L, index, HANDLE_CANCELLED);
  if (xiol_is_cancelled(L, -1)) {
    scope->record = xiol_anchor(L, state);
  } else {
    lua_pop(L, 1);
  }
}

/* Pushes the error for which the group around `scope` was cancelled, and the task that
 * failed of it; or two nils. */
static void push_failure(lua_State *L, xiol_state *state, xio_scope *scope) {
  xio_group *core = XIO_CONTAINER_OF(scope, xio_group, scope);
  if (!xio_list_empty(&core->failed)) {
    xio_scope *own = XIO_CONTAINER_OF(core->failed.next, xio_scope, sibling);
    xiol_push_task(L, xiol_task_of(xio_task_of_own(own)));
    lua_getiuservalue(L, -1, XIOL_TASK_VALUE);
    lua_insert(L, -2);
  } else if (core->host != NULL && scope->unwinding != 0) {
    xiol_push_anchored(L, state, scope->unwinding);
    xiol_push_task(L, xiol_task_of(core->host));
  } else {
    lua_pushnil(L);
    lua_pushnil(L);
  }
}

/* Fills in what is known of a cancellation that the core made by itself. */
/* NOLINTBEGIN(misc-no-recursion): as deep as starts are nested */
static void describe(lua_State *L, xiol_state *state, xio_scope *scope, int index) {
  if (scope->source == XIO_SOURCE_FAILURE && scope->kind == XIO_SCOPE_GROUP) {
    push_failure(L, state, scope);
    lua_setiuservalue(L, index, VALUE_TASK);
    lua_setiuservalue(L, index, VALUE_REASON);
    return;
  }
  if (scope->source == XIO_SOURCE_SIGNAL && state->runtime->signals != NULL) {
    lua_pushstring(L, state->runtime->signals->first == SIGTERM ? "TERM" : "INT");
    lua_setiuservalue(L, index, VALUE_REASON);
    return;
  }
  if (scope->kind == XIO_SCOPE_PLAIN && scope->source == XIO_SOURCE_CANCEL) {
    const xiol_scope *own = XIO_CONTAINER_OF(scope, xiol_scope, core);
    if (own->reason == NULL || xiol_copy_in(L, state, own->reason) == 0) return;
    lua_setiuservalue(L, index, VALUE_REASON);
    return;
  }
  if (scope->kind != XIO_SCOPE_TASK) return;
  /* a child that is being started is cancelled on behalf of its caller */
  xio_wait *starter = xio_task_of_own(scope)->starter;
  xio_scope *origin = starter != NULL ? xio_scope_origin(starter->scope) : NULL;
  if (origin == NULL) return;
  xiol_push_cancelled(L, state, origin);
  xiol_cancelled *from = lua_touserdata(L, -1);
  xiol_cancelled *to = lua_touserdata(L, index);
  to->source = from->source;
  for (int i = VALUE_REASON; i <= VALUE_TASK; i++) {
    lua_getiuservalue(L, -1, i);
    lua_setiuservalue(L, index, i);
  }
  lua_pop(L, 1);
}

void xiol_push_cancelled(lua_State *L, xiol_state *state, xio_scope *scope) {
  if (scope->record != 0) {
    xiol_push_anchored(L, state, scope->record);
    return;
  }
  xiol_need_stack(L, 10, NULL);
  xiol_cancelled *cancelled = push_new(L, state, scope->source);
  describe(L, state, scope, lua_gettop(L));
  if (XIO_LIKELY(scope->record == 0)) {
    attach(L, state, cancelled, scope);
  } else { /* a finalizer was faster */
    lua_pop(L, 1);
    xiol_push_anchored(L, state, scope->record);
  }
}
/* NOLINTEND(misc-no-recursion) */

bool xiol_is_cancelled(lua_State *L, int index) {
  xiol_cancelled *cancelled = xiol_test(L, index, &xiol_kind_cancelled);
  return cancelled != NULL && cancelled->scope != NULL;
}

bool xiol_comes_from_around(lua_State *L, int index, const xio_scope *scope) {
  xiol_cancelled *cancelled = xiol_test(L, index, &xiol_kind_cancelled);
  if (cancelled == NULL || cancelled->scope == NULL) return false;
  const xio_scope *around = scope->parent;
  while (around != NULL && around != cancelled->scope) around = around->parent;
  return around != NULL;
}

void xiol_cancel_ended(lua_State *L, xiol_state *state, xio_scope *scope, int index) {
  if (scope->record == 0) return;
  xiol_push_anchored(L, state, scope->record);
  xiol_cancelled *cancelled = lua_touserdata(L, -1);
  cancelled->scope = NULL;
  if (index != 0) {
    lua_setiuservalue(L, index, HANDLE_CANCELLED);
  } else {
    lua_pop(L, 1);
  }
  xiol_unanchor(L, state, scope->record);
  scope->record = 0;
}

/* The scope whose cancellation a task is told of. One that has been hidden by a shield
 * since its wait was withdrawn still counts. */
static xio_scope *origin_of(xio_scope *innermost) {
  xio_scope *origin = xio_scope_origin(innermost);
  for (xio_scope *scope = innermost; origin == NULL && scope != NULL;
       scope = scope->parent) {
    if (scope->source != XIO_SOURCE_NONE) origin = scope;
  }
  return origin;
}

static void warn_swallowed(lua_State *L, xiol_task *task) {
  xiol_push_task(L, task);
  xiol_push_task_name(L, -1);
  lua_warning(L, "xio: task '", 1);
  lua_warning(L, lua_tostring(L, -1), 1);
  lua_warning(L,
              "' has swallowed ten cancellations in a row: let errors for which "
              "xio.is_cancelled is true pass, or use xio.pcall",
              0);
  lua_pop(L, 2);
}

int xiol_raise_cancelled(lua_State *L, xiol_state *state, xiol_task *task) {
  xio_scope *origin = origin_of(task->core.wait.scope);
  XIO_ASSERT(origin != NULL);
  if (task->core.swallowed <= SWALLOWED_MAX) {
    task->core.swallowed++;
    if (task->core.swallowed > SWALLOWED_MAX) warn_swallowed(L, task);
  }
  xiol_push_cancelled(L, state, origin);
  return lua_error(L);
}

static int cancelled_index(lua_State *L) {
  xiol_cancelled *cancelled = xiol_check(L, 1, &xiol_kind_cancelled, "Cancelled.__index");
  const char *field = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
  if (strcmp(field, "source") == 0) {
    lua_pushstring(L, xiol_source_name(cancelled->source));
  } else if (strcmp(field, "reason") == 0) {
    lua_getiuservalue(L, 1, VALUE_REASON);
  } else if (strcmp(field, "task") == 0) {
    lua_getiuservalue(L, 1, VALUE_TASK);
  } else {
    lua_pushnil(L);
  }
  return 1;
}

static int cancelled_tostring(lua_State *L) {
  xiol_cancelled *cancelled =
      xiol_check(L, 1, &xiol_kind_cancelled, "Cancelled.__tostring");
  lua_settop(L, 1);
  lua_pushfstring(L, "cancelled (%s)", xiol_source_name(cancelled->source));
  if (lua_getiuservalue(L, 1, VALUE_REASON) != LUA_TNIL) {
    const char *reason = luaL_tolstring(L, -1, NULL);
    lua_pushfstring(L, ": %s", reason);
    lua_replace(L, 3);
    lua_settop(L, 3);
    lua_concat(L, 2);
  } else {
    lua_pop(L, 1);
  }
  if (lua_getiuservalue(L, 1, VALUE_TASK) != LUA_TNIL) {
    xiol_push_task_name(L, -1);
    lua_pushfstring(L, "%s, by task '%s'", lua_tostring(L, 2), lua_tostring(L, -1));
    return 1;
  }
  lua_settop(L, 2);
  return 1;
}

static int l_is_cancelled(lua_State *L) {
  lua_pushboolean(L, xiol_is_cancelled(L, 1));
  return 1;
}

const luaL_Reg xiol_cancel_functions[] = {{"is_cancelled", l_is_cancelled}, {NULL, NULL}};

void xiol_open_cancel(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"__index", cancelled_index}, {"__tostring", cancelled_tostring}, {NULL, NULL}};
  xiol_push_metatable(L, state, &xiol_kind_cancelled, methods);
  xiol_keep(L, state, XIOL_REF_CANCELLED);
}
