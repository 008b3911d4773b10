/* region: a group around a part of a function, and spawning into the innermost group.
 *
 * What runs a body (xio.group) begins and ends its group around a call. A loop over an
 * iterator has no such call: core.open_region begins a group in the running task, and the
 * iterator's closing value ends it by core.end_region. In between it is the task's
 * innermost scope, so that deadlines, shields and cancellations around the loop hold for
 * its children. Only the iterator has the handle. A region that was not ended ends with
 * the scope around it, which raises that.
 *
 * An open region counts as one reference to its xiol_group, its handle as another. Loop's
 * thread. */
#include "binding.h"

/* open_region(function name): begins a group in the running task and returns its
 * handle. */
static int l_open_region(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  const char *function = luaL_checkstring(L, 1);
  xiol_task *task = xiol_enter_region(L, state, function);
  xiol_group *group = xiol_push_group(L, state, task->runtime);
  group->region = true;
  group->generator = L;
  xiol_find_place(L, state, 1, &group->place, &group->place_line);
  if (xio_group_open(&group->core, &task->core) != XIO_OK) {
    xiol_raise_memory(L);
  }
  group->refs++;
  return 1;
}

/* All children have ended. The frame: [1] the handle, [2] true. */
static int finish_region(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_group *group = (void *)context;
  xiol_resumed(L, state);
  xio_scope *scope = &group->core.scope;
  /* an error that was raised inside goes on to the end of a scope around this one */
  if (scope->unwinding != 0 && scope->parent->unwinding == 0) {
    scope->parent->unwinding = scope->unwinding;
    scope->unwinding = 0;
  }
  int errors = xiol_collect_errors(L, &group->core, 0, 0);
  int left = xio_group_close(&group->core);
  XIO_ASSERT(left == XIO_OK);
  xiol_group_scope_ended(L, group, 1);
  xiol_group_unref(group);
  if (errors != 0) return xiol_raise_errors(L, state, XIOL_ERRORS_AUTO);
  lua_settop(L, 2);
  return 1;
}

/* end_region(handle): cancels what is left in the region, waits for its end, and leaves
 * it; nothing where that has been done. Then raises what its children have failed of.
 * Returns false, and has done nothing, where a scope is still open inside. Raises where
 * it is not a region of the running task. */
static int l_end_region(lua_State *L) {
  static const char function[] = "end_region";
  xiol_state *state = xiol_state_of(L);
  xiol_group *group = xiol_check_group(L, 1, function);
  lua_settop(L, 1);
  lua_pushboolean(L, 1);
  if (group->core.state == XIO_GROUP_ENDED) return 1;
  xiol_task *task = xiol_enter(L, state, function);
  if (group->core.host != &task->core || group->core.state != XIO_GROUP_OPEN) {
    return xiol_fail(L,
                     "an iterator of xio is ended by another task than the one that has "
                     "begun it");
  }
  if (task->core.wait.scope != &group->core.scope) {
    lua_pushboolean(L, 0);
    return 1;
  }
  group->generator = NULL; /* it was not cut off: here is its end */
  if (!group->core.scope.effective) {
    xio_scope_cancel(&group->core.scope, XIO_SOURCE_CANCEL);
  }
  xio_group_join(&group->core, false);
  return lua_yieldk(L, 0, (lua_KContext)group, finish_region);
}

/* drop_region(handle): where it cannot be waited for, in a coroutine that has failed, it
 * ends with the scope around it. */
static int l_drop_region(lua_State *L) {
  xiol_check_group(L, 1, "drop_region")->generator = NULL;
  return 0;
}

/* The innermost group around what the running task does; regions do not count. */
static xio_group *innermost_group(xiol_task *task) {
  for (xio_scope *scope = task->core.wait.scope;; scope = scope->parent) {
    if (scope->kind != XIO_SCOPE_GROUP) continue;
    xio_group *group = XIO_CONTAINER_OF(scope, xio_group, scope);
    if (group->host == NULL || !XIO_CONTAINER_OF(group, xiol_group, core)->region) {
      return group;
    }
  }
}

/* spawn_innermost(function name, [options,] f, ...): as xio.spawn, into that group. */
static int l_spawn_innermost(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  const char *function = luaL_checkstring(L, 1);
  xiol_task *task = xiol_running(L, state, function);
  xiol_spawn how = {
      .runtime = task->runtime, .group = innermost_group(task), .function = function};
  return xiol_spawn_from(L, state, &how, 2);
}

/* depth(): how many scopes of the running task it is in. */
static int l_depth(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "depth");
  lua_pushinteger(L, task->core.wait.scope->depth);
  return 1;
}

/* within(task): how deep in the scopes of `task` the group is which the running task
 * belongs to, directly or through others; nil where it does not. */
static int l_within(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *self = xiol_running(L, state, "within");
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "within");
  if (handle->task == NULL) return 0;
  for (xio_scope *scope = self->core.wait.scope; scope != NULL; scope = scope->parent) {
    if (xio_scope_host(scope) != &handle->task->core.wait) continue;
    lua_pushinteger(L, scope->depth);
    return 1;
  }
  return 0;
}

const luaL_Reg xiol_region_functions[] = {{"open_region", l_open_region},
                                          {"end_region", l_end_region},
                                          {"drop_region", l_drop_region},
                                          {"spawn_innermost", l_spawn_innermost},
                                          {"depth", l_depth},
                                          {"within", l_within},
                                          {NULL, NULL}};
