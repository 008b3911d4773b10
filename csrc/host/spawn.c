/* spawn: tasks that run Lua functions, and what hosts do with the handles of tasks. See
 * xio.h. Not here: C tasks (ctask.c). On the thread that runs the Lua state. */
#include "host/host.h"

bool xioh_spawn_read(xioh_spawn *spawn, lua_State *L, xio_runtime *runtime,
                     const xio_spawn_options *options) {
  *spawn = (xioh_spawn){.runtime = xioh_runtime(runtime)};
  if (!xioh_read_options(&spawn->options, sizeof spawn->options, options)) return false;
  if (spawn->options.group != 0) {
    spawn->options.group = lua_absindex(L, spawn->options.group);
  }
  return true;
}

void xioh_spawn_prepare(xioh_spawn *spawn, lua_State *L, int group,
                        const char *function) {
  xiol_runtime *runtime = spawn->runtime;
  if (runtime->loop == NULL) {
    xioh_raise(L, &spawn->result, XIO_ERR_CLOSED, "the runtime is closed");
  }
  spawn->how = (xiol_spawn){.runtime = runtime,
                            .group = &runtime->loop->root,
                            .function = function,
                            .daemon = spawn->options.daemon != 0};
  if (group == 0) return;
  spawn->result = XIO_ERR_ARGUMENT;
  xiol_group *of = xiol_check_group(L, group, function);
  spawn->how.group = &of->core;
  if (of->core.state == XIO_GROUP_ENDED || of->core.host == NULL) {
    luaL_error(L, "%s: the group has ended", function);
  }
  if (of->runtime != runtime) {
    luaL_error(L, "%s: the group belongs to another runtime", function);
  }
  spawn->result = 0;
}

void xioh_touch(xiol_runtime *runtime) {
  xio_attachment *attachment = runtime->host.attachment;
  if (attachment != NULL && !attachment->running) xio_attach_touch(attachment);
}

/* (spawn, group or nil, f, ...) */
static int spawn_function(lua_State *L) {
  static const char function[] = "xio_spawn";
  xioh_spawn *spawn = lua_touserdata(L, 1);
  xiol_state *state = spawn->runtime->state;
  xioh_spawn_prepare(spawn, L, lua_isnil(L, 2) ? 0 : 2, function);
  if (!lua_isfunction(L, 3)) {
    spawn->result = XIO_ERR_ARGUMENT;
    xiol_type_error(L, function, 3, "function");
  }
  int first = 3;
  if (spawn->options.name != NULL) {
    xiol_need_stack(L, 4, NULL);
    lua_createtable(L, 0, 1);
    lua_pushstring(L, spawn->options.name);
    lua_setfield(L, -2, "name");
    lua_pushboolean(L, spawn->how.daemon);
    lua_setfield(L, -2, "daemon");
    lua_insert(L, first);
  }
  xiol_spawn_from(L, state, &spawn->how, first);
  return 1;
}

int xio_spawn(xio_runtime *runtime, lua_State *L, int arguments,
              const xio_spawn_options *options) {
  xioh_spawn spawn;
  if (!xioh_spawn_read(&spawn, L, runtime, options)) {
    return xioh_fail(L, arguments + 1, XIO_ERR_ARGUMENT,
                     "xio_spawn: the options have no size, or are of a later version");
  }
  if (!lua_checkstack(L, 4)) return xioh_fail(L, arguments + 1, XIO_ERR_MEMORY, NULL);
  if (spawn.options.group != 0) {
    lua_pushvalue(L, spawn.options.group);
  } else {
    lua_pushnil(L);
  }
  lua_insert(L, -2 - arguments);
  int result = xioh_call(L, spawn_function, &spawn, arguments + 2, 1);
  if (result != 0) return spawn.result != 0 ? spawn.result : result;
  xioh_touch(spawn.runtime);
  return 0;
}

/* -- handles ------------------------------------------------------------------------- */

int xio_cancel(xio_runtime *runtime) {
  xiol_runtime *own = xioh_runtime(runtime);
  if (own->loop == NULL) return 0;
  bool first = xio_scope_cancel(&own->loop->root.scope, XIO_SOURCE_CANCEL);
  xioh_touch(own);
  return first;
}

int xio_cancel_task(lua_State *L, int index) {
  xiol_task_handle *handle = xioh_task_handle(L, index);
  if (handle == NULL) return XIO_ERR_ARGUMENT;
  xiol_task *task = handle->task;
  if (task == NULL || handle->outcome != XIO_OUTCOME_NONE) return 0;
  bool first = xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  xioh_touch(task->runtime);
  return first;
}

/* (result, handle): the values of a task that has ended, or its error. */
static int push_results(lua_State *L) {
  xiol_task_handle *handle = lua_touserdata(L, 2);
  int *result = lua_touserdata(L, 1);
  if (handle->outcome == XIO_OUTCOME_CANCELLED) *result = XIO_ERR_CANCELLED;
  lua_getfield(L, 2, "result");
  lua_pushvalue(L, 2);
  lua_call(L, 1, LUA_MULTRET); /* true and the results, or false and the error */
  if (!lua_toboolean(L, 3)) return lua_error(L);
  return lua_gettop(L) - 3;
}

int xio_push_results(lua_State *L, int index) {
  xiol_task_handle *handle = xioh_task_handle(L, index);
  if (handle == NULL) {
    return xioh_fail(L, 0, XIO_ERR_ARGUMENT, "xio_push_results: there is no task");
  }
  if (handle->outcome == XIO_OUTCOME_NONE) {
    return xioh_fail(L, 0, XIO_ERR_BUSY, "xio_push_results: the task has not ended");
  }
  if (!lua_checkstack(L, 2)) return xioh_fail(L, 0, XIO_ERR_MEMORY, NULL);
  int top = lua_gettop(L);
  int kind = 0;
  lua_pushvalue(L, index);
  int result = xioh_call(L, push_results, &kind, 1, LUA_MULTRET);
  if (result == 0) return lua_gettop(L) - top;
  return result == XIO_ERR_LUA && kind != 0 ? kind : result;
}
