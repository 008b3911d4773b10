/* task: the handles of tasks, and waiting for their end.
 *
 * The handle is what programs hold; it outlives the task and keeps its result. A task
 * has none before somebody asks for it: most are spawned and forgotten (spawn.c). Handles
 * have no finalizer: what a live one points to is owned by the tree of tasks. Loop's
 * thread. */
#include <string.h>

#include "binding.h"

const xiol_kind xiol_kind_task = {"xio.Task"};

/* -- making them --------------------------------------------------------------------- */

xiol_task_handle *xiol_push_handle(lua_State *L, xiol_state *state) {
  xiol_task_handle *handle = lua_newuserdatauv(L, sizeof *handle, XIOL_TASK_VALUES);
  handle->kind = &xiol_kind_task;
  handle->task = NULL;
  handle->outcome = XIO_OUTCOME_NONE;
  handle->raised = false;
  handle->results = 0;
  xiol_push_ref(L, state, XIOL_REF_TASK);
  lua_setmetatable(L, -2);
  return handle;
}

void xiol_link_handle(xiol_task *task, xiol_task_handle *handle) {
  task->handle = handle;
  handle->task = task;
  handle->id = task->core.id;
}

/* Makes the handle of a task whose parent has one, or has no parent. */
static void make_handle(lua_State *L, xiol_state *state, xiol_task *task) {
  xio_task *host = xio_task_group(&task->core)->host;
  xiol_need_stack(L, 8, NULL);
  xiol_task_handle *handle = xiol_push_handle(L, state);
  xiol_push_body(L, task);
  lua_setiuservalue(L, -2, XIOL_TASK_NAME);
  if (host != NULL) {
    xiol_push_anchored(L, state, xiol_task_of(host)->slot);
    lua_setiuservalue(L, -2, XIOL_TASK_PARENT);
  }
  handle->outcome = task->outcome;
  handle->results = task->coroutine.results;
  if (task->core.state == XIO_TASK_ENDED) {
    xiol_push_task_error(L, task);
    lua_setiuservalue(L, -2, XIOL_TASK_VALUE);
  }
  if (XIO_LIKELY(task->handle == NULL)) { /* no finalizer asked for it meanwhile */
    xiol_reanchor(L, state, &task->slot);
    xiol_link_handle(task, handle);
    bool keeps_error = task->waiting && task->core.state == XIO_TASK_ENDED;
    if (keeps_error) xiol_body_drop(state, task);
  }
  lua_pop(L, 1);
}

void xiol_push_task(lua_State *L, xiol_task *task) {
  xiol_state *state = task->runtime->state;
  while (XIO_UNLIKELY(task->handle == NULL)) { /* from the outermost of its parents on */
    xiol_task *without = task;
    for (xio_task *host; (host = xio_task_group(&without->core)->host) != NULL &&
                         xiol_task_of(host)->handle == NULL;) {
      without = xiol_task_of(host);
    }
    make_handle(L, state, without);
  }
  xiol_push_anchored(L, state, task->slot);
}

void xiol_push_task_error(lua_State *L, const xiol_task *task) {
  xiol_state *state = task->runtime->state;
  lua_State *co = task->coroutine.thread;
  if (task->handle != NULL) {
    xiol_push_anchored(L, state, task->slot);
    lua_getiuservalue(L, -1, XIOL_TASK_VALUE);
    lua_remove(L, -2);
  } else if (co != NULL) {
    lua_pushvalue(co, XIOL_BASE_VALUE);
    lua_xmove(co, L, 1);
  } else if (task->slot != 0) {
    xiol_push_anchored(L, state, task->slot);
  } else {
    xiol_body_push(L, task);
  }
}

/* Replaces the function at the top by its name, or else its place. */
static void name_function(lua_State *L) {
  if (xiol_push_known_name(L, -1)) {
    lua_replace(L, -2);
    return;
  }
  if (!lua_isfunction(L, -1)) {
    lua_pushfstring(L, "%s", luaL_typename(L, -1));
    lua_replace(L, -2);
    return;
  }
  lua_Debug ar;
  lua_getinfo(L, ">S", &ar);
  if (ar.linedefined > 0) {
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
  } else {
    lua_pushstring(L, ar.what[0] == 'C' ? "C function" : ar.short_src);
  }
}

void xiol_push_task_name(lua_State *L, int index) {
  index = lua_absindex(L, index);
  xiol_need_stack(L, 8, NULL);
  if (lua_getiuservalue(L, index, XIOL_TASK_NAME) == LUA_TSTRING) return;
  name_function(L);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, XIOL_TASK_NAME);
}

int xiol_push_results(lua_State *L, int index) {
  index = lua_absindex(L, index);
  xiol_task_handle *handle = lua_touserdata(L, index);
  int count = handle->results;
  xiol_need_stack(L, count + 2, "too many results");
  if (count == 0) return 0;
  lua_getiuservalue(L, index, XIOL_TASK_VALUE);
  if (count == 1) return 1;
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  lua_remove(L, -1 - count);
  return count;
}

/* Pushes the error that awaiting a cancelled task raises, always the same one: made when
 * it is first asked for, from the cancellation that ended the task. */
static void push_was_cancelled(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  xiol_need_stack(L, 8, NULL);
  lua_getiuservalue(L, index, XIOL_TASK_VALUE);
  int value = lua_gettop(L);
  if (lua_istable(L, value)) return;
  bool known = !lua_isnil(L, value);
  xiol_push_task_name(L, index);
  const char *how = known ? luaL_tolstring(L, value, NULL) : "cancelled";
  lua_pushfstring(L, "task '%s' was %s", lua_tostring(L, value + 1), how);
  lua_replace(L, value + 1);
  lua_settop(L, value + 1);
  xiol_push_error(L, state, "ECANCELED", "await");
  if (known) {
    lua_getfield(L, value, "reason");
    lua_setfield(L, -2, "reason");
    lua_getfield(L, value, "source");
    lua_setfield(L, -2, "source");
  }
  lua_remove(L, value);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, XIOL_TASK_VALUE);
}

int xiol_deliver_results(lua_State *L, xiol_state *state, int index) {
  xiol_task_handle *handle = lua_touserdata(L, index);
  switch (handle->outcome) {
    case XIO_OUTCOME_DONE: return xiol_push_results(L, index);
    case XIO_OUTCOME_FAILED:
      handle->raised = true;
      lua_getiuservalue(L, index, XIOL_TASK_VALUE);
      return xiol_rethrow(L, state);
    default: push_was_cancelled(L, state, index); return lua_error(L);
  }
}

enum { JOIN_WAIT, JOIN_AWAIT };

static int finish_join(lua_State *L, int status, lua_KContext what) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, task->core.wait.status);
  lua_settop(L, 1);
  return what == JOIN_AWAIT ? xiol_deliver_results(L, state, 1) : 0;
}

/* Raises that `self` awaits `task`, which awaits it, directly or through others. */
static int raise_cycle(lua_State *L, xiol_state *state, xiol_task *self, xio_task *task) {
  xiol_need_stack(L, 10, NULL);
  xiol_push_task(L, self);
  xiol_push_task_name(L, -1);
  lua_pushfstring(L, "a cycle of tasks that await each other: task '%s'",
                  lua_tostring(L, -1));
  for (; task != NULL; task = xio_task_awaited(task)) {
    xiol_push_task(L, xiol_task_of(task));
    xiol_push_task_name(L, -1);
    lua_pushfstring(L, "%s awaits task '%s'%s", lua_tostring(L, -3), lua_tostring(L, -1),
                    task != &self->core ? ", which" : "");
    lua_replace(L, -4);
    lua_pop(L, 2);
    if (task == &self->core) break;
  }
  xiol_push_error(L, state, "EDEADLK", "await");
  return lua_error(L);
}

static int join(lua_State *L, const char *function, lua_KContext what) {
  xiol_state *state = xiol_state_of(L);
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, function);
  xiol_task *self = xiol_enter(L, state, function);
  lua_settop(L, 1);
  if (xio_task_begin(&self->core) != XIO_OK) return xiol_yield(L, what, finish_join);
  if (handle->outcome != XIO_OUTCOME_NONE) {
    if (xio_task_spend(&self->core)) {
      return what == JOIN_AWAIT ? xiol_deliver_results(L, state, 1) : 0;
    }
    xio_wait_reschedule(&self->core.wait, XIO_OK);
    return xiol_yield(L, what, finish_join);
  }
  if (handle->task->runtime != self->runtime) {
    return xiol_fail(L, "%s: the task belongs to another run: use it there", function);
  }
  if (xio_task_join(&self->core, &handle->task->core) != XIO_OK) {
    return raise_cycle(L, state, self, &handle->task->core);
  }
  return xiol_yield(L, what, finish_join);
}

static int task_await(lua_State *L) {
  return join(L, "task:await", JOIN_AWAIT);
}

static int task_wait(lua_State *L) {
  return join(L, "task:wait", JOIN_WAIT);
}

static int task_result(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:result");
  lua_settop(L, 1);
  if (handle->outcome == XIO_OUTCOME_NONE) return 0;
  lua_pushboolean(L, handle->outcome == XIO_OUTCOME_DONE);
  if (handle->outcome == XIO_OUTCOME_DONE) return 1 + xiol_push_results(L, 1);
  if (handle->outcome == XIO_OUTCOME_FAILED) {
    lua_getiuservalue(L, 1, XIOL_TASK_VALUE);
  } else {
    push_was_cancelled(L, xiol_state_of(L), 1);
  }
  return 2;
}

static int task_cancel(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:cancel");
  lua_settop(L, 2);
  bool first = handle->outcome == XIO_OUTCOME_NONE &&
               xiol_cancel(L, xiol_state_of(L), &handle->task->core.own,
                           lua_isnil(L, 2) ? 0 : 2, 0);
  lua_pushboolean(L, first);
  return 1;
}

static const char *status_of(const xiol_task_handle *handle) {
  switch (handle->outcome) {
    case XIO_OUTCOME_DONE: return "done";
    case XIO_OUTCOME_FAILED: return "failed";
    case XIO_OUTCOME_CANCELLED: return "cancelled";
    default: break;
  }
  const xio_task *core = &handle->task->core;
  if (core->state == XIO_TASK_HELD) return "waiting";
  switch (core->wait.state) {
    case XIO_WAIT_PARKED: return "waiting";
    case XIO_WAIT_READY: return "ready";
    default: return "running";
  }
}

static int task_status(lua_State *L) {
  lua_pushstring(L, status_of(xiol_check(L, 1, &xiol_kind_task, "task:status")));
  return 1;
}

static int task_traceback(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:traceback");
  lua_settop(L, 1);
  xiol_push_task_name(L, 1);
  lua_pushfstring(L, "task '%s' (%s)", lua_tostring(L, -1), status_of(handle));
  xiol_task *task = handle->task;
  if (handle->outcome == XIO_OUTCOME_NONE && task->coroutine.thread != NULL) {
    lua_State *of = task->coroutine.thread;
    xiol_push_stack(L, of, state, of == L ? 1 : 0);
    lua_concat(L, 2);
  }
  return 1;
}

static int task_index(lua_State *L) {
  xiol_check(L, 1, &xiol_kind_task, "task.__index");
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(XIOL_METHODS));
  if (!lua_isnil(L, -1) || lua_type(L, 2) != LUA_TSTRING) return 1;
  const char *field = lua_tostring(L, 2);
  if (strcmp(field, "name") == 0) {
    xiol_push_task_name(L, 1);
  } else if (strcmp(field, "parent") == 0) {
    lua_getiuservalue(L, 1, XIOL_TASK_PARENT);
  } else if (strcmp(field, "id") == 0) {
    xiol_task_handle *handle = lua_touserdata(L, 1);
    lua_pushinteger(L, (lua_Integer)handle->id);
  }
  return 1;
}

static int task_tostring(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task.__tostring");
  xiol_push_task_name(L, 1);
  lua_pushfstring(L, "task '%s' (%s)", lua_tostring(L, -1), status_of(handle));
  return 1;
}

/* -- functions ----------------------------------------------------------------------- */

static int l_current(lua_State *L) {
  xiol_push_task(L, xiol_running(L, xiol_state_of(L), "xio.current"));
  return 1;
}

/* context(): the running task's table of task-local values, shared with those it was
 * inherited from and not to be changed; nil where it has none. */
static int l_context(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.var");
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  xiol_push_task(L, task);
  lua_rawget(L, -2);
  return 1;
}

/* set_context(t): gives the running task another such table. */
static int l_set_context(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.var");
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  xiol_push_task(L, task);
  lua_pushvalue(L, 1);
  lua_rawset(L, -3);
  state->any_context = true;
  return 0;
}

static int l_spawn(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.spawn");
  xiol_spawn how = {.runtime = task->runtime,
                    .group = &task->runtime->loop->root,
                    .function = "xio.spawn",
                    .unwanted = xiol_unwanted(L, state)};
  return xiol_spawn_from(L, state, &how, 1);
}

const luaL_Reg xiol_task_functions[] = {{"current", l_current},
                                        {"spawn", l_spawn},
                                        {"context", l_context},
                                        {"set_context", l_set_context},
                                        {NULL, NULL}};

void xiol_open_task(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"await", task_await},
                                     {"wait", task_wait},
                                     {"result", task_result},
                                     {"cancel", task_cancel},
                                     {"status", task_status},
                                     {"traceback", task_traceback},
                                     {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_task, methods, task_index, task_tostring, NULL);
  xiol_keep(L, state, XIOL_REF_TASK);
}
