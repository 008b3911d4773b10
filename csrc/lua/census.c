/* census: what lives now, as plain tables, for trees, deadlock reports and leak checks.
 * Loop's thread. */
#include <limits.h>
#include <unistd.h>

#include "../core/lock.h"
#include "binding.h"

static void set_integer(lua_State *L, const char *field, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, field);
}

/* Sets `where`: the line of the program at which the task waits. */
static void set_where(lua_State *L, xiol_state *state, xiol_task *task) {
  const char *place = NULL;
  int line = 0;
  if (task->coroutine.thread == NULL || !task->begun) return;
  xiol_find_place(task->coroutine.thread, state, 0, &place, &line);
  if (place == NULL) return;
  lua_pushfstring(L, "%s:%d", place, line);
  lua_setfield(L, -2, "where");
}

/* Sets what a parked task waits for. */
static void set_wait(lua_State *L, xiol_task *task) {
  const xio_wait *wait = &task->core.wait;
  if (task->core.state == XIO_TASK_HELD) {
    lua_pushliteral(L, "a place under its group's limit");
    lua_setfield(L, -2, "waits");
    return;
  }
  if (wait->state != XIO_WAIT_PARKED) return;
  lua_pushstring(L, wait->ops->verb);
  lua_setfield(L, -2, "waits");
  xio_task *awaited = xio_task_awaited(&task->core);
  if (awaited == NULL) {
    awaited = xio_lock_awaited(&task->core);
    if (awaited != NULL && awaited->wait.queue != wait->queue) awaited = NULL;
  }
  if (awaited != NULL) set_integer(L, "awaits", (lua_Integer)awaited->id);
  if (xio_timer_armed(&wait->timer)) {
    int64_t at = wait->queue->clock->timers.entries[wait->timer.item.index].key;
    lua_pushnumber(L, xiol_to_seconds(at - xio_clock_now(wait->queue->clock)));
    lua_setfield(L, -2, "left");
  }
}

/* Appends the record of `task` to the list at the top. */
static void add_task(lua_State *L, xiol_state *state, xiol_task *task) {
  lua_createtable(L, 0, 12);
  set_integer(L, "id", (lua_Integer)task->core.id);
  const xio_loop *loop = task->runtime->loop;
  int64_t age = xio_ages_of(&loop->ages, task->core.id, xio_clock_now(&loop->clock));
  lua_pushnumber(L, xiol_to_seconds(age));
  lua_setfield(L, -2, "age");
  xio_task *host = xio_task_group(&task->core)->host;
  if (host != NULL) set_integer(L, "parent", (lua_Integer)host->id);
  xiol_push_task(L, task);
  lua_getfield(L, -1, "name");
  lua_setfield(L, -3, "name");
  lua_getfield(L, -1, "status");
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1);
  lua_setfield(L, -3, "status");
  lua_setfield(L, -2, "task");
  lua_pushboolean(L, task->core.daemon);
  lua_setfield(L, -2, "daemon");
  lua_pushboolean(L, task->core.wait.scope->effective);
  lua_setfield(L, -2, "cancelled");
  int line = 0;
  const char *place = xiol_task_place(task, &line);
  if (place != NULL) {
    lua_pushfstring(L, "%s:%d", place, line);
    lua_setfield(L, -2, "spawned");
  }
  set_where(L, state, task);
  set_wait(L, task);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
}

void xiol_push_census(lua_State *L, xiol_state *state, xiol_runtime *runtime) {
  xiol_need_stack(L, 12, NULL);
  lua_newtable(L);
  if (runtime->loop == NULL) return;
  xio_scope *root = &runtime->loop->root.scope;
  for (xio_scope *scope = root; scope != NULL;
       scope = xio_scope_next(root, scope, true)) {
    if (scope->kind == XIO_SCOPE_TASK) {
      add_task(L, state, xiol_task_of(xio_task_of_own(scope)));
    }
  }
}

/* tasks([runtime]): a list of records of what lives in it, or in the current run. */
static int l_tasks(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_runtime *runtime = state->runtime;
  if (!lua_isnoneornil(L, 1)) {
    runtime = xiol_check(L, 1, &xiol_kind_runtime, "xio.tree");
  } else if (runtime == NULL) {
    return xiol_fail(L, "xio.tree: not inside xio.run: name a runtime of xio.new");
  }
  xiol_push_census(L, state, runtime);
  if (runtime->name != 0) {
    xiol_push_anchored(L, state, runtime->name);
    lua_setfield(L, -2, "name");
  }
  return 1;
}

/* census(): how many objects of the core live in this Lua state. */
static int l_census(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_createtable(L, 0, 6);
  set_integer(L, "tasks", state->live.tasks);
  set_integer(L, "scopes", state->live.scopes);
  set_integer(L, "groups", state->live.groups);
  set_integer(L, "loops", state->live.loops);
  set_integer(L, "fds", state->live.fds);
  set_integer(L, "streams", state->live.streams);
  set_integer(L, "listeners", state->live.listeners);
  set_integer(L, "signals", state->live.signals);
  set_integer(L, "processes", state->live.processes);
  set_integer(L, "files", state->live.files);
  set_integer(L, "udps", state->live.udps);
  set_integer(L, "slots",
              state->slot_count - state->free_count - (state->generator_stack != 0) -
                  (lua_Integer)state->pooled);
  return 1;
}

/* is_terminal(descriptor) */
static int l_is_terminal(lua_State *L) {
  lua_Integer descriptor = luaL_checkinteger(L, 1);
  bool valid = descriptor >= 0 && descriptor <= INT_MAX;
  lua_pushboolean(L, valid && isatty((int)descriptor) != 0);
  return 1;
}

const luaL_Reg xiol_census_functions[] = {{"tasks", l_tasks},
                                          {"census", l_census},
                                          {"is_terminal", l_is_terminal},
                                          {NULL, NULL}};
