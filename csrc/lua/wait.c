/* wait: where a task may wait, and the waits that need nothing but time.
 *
 * xiol_enter decides whether the caller may wait at all: a task runs, the code runs in
 * its coroutine or in a generator that it drives through our coroutine library, and no C
 * function that cannot be yielded across lies between. Otherwise the error names what is
 * in the way. Loop's thread. */
#include <math.h>
#include <string.h>

#include "binding.h"

xiol_task *xiol_running(lua_State *L, xiol_state *state, const char *function) {
  xiol_runtime *runtime = state->runtime;
  if (XIO_UNLIKELY(runtime == NULL || runtime->loop->queue.running == NULL)) {
    xiol_fail(L, "%s: not inside xio.run: only a task can do that", function);
  }
  return xiol_task_of(runtime->loop->queue.running);
}

/* Searches the table at the top for the function at `function`; pushes its key if
 * found. */
static bool push_key(lua_State *L, int function) {
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    if (lua_rawequal(L, -1, function) && lua_type(L, -2) == LUA_TSTRING) {
      lua_pop(L, 1);
      return true;
    }
    lua_pop(L, 1);
  }
  return false;
}

bool xiol_push_known_name(lua_State *L, int function) {
  function = lua_absindex(L, function);
  int top = lua_gettop(L);
  xiol_need_stack(L, 10, NULL);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, top + 1) != 0) {
    const char *library =
        lua_type(L, top + 2) == LUA_TSTRING ? lua_tostring(L, top + 2) : "";
    bool searched = lua_istable(L, -1) && strcmp(library, "xio.core") != 0;
    if (searched && push_key(L, function)) {
      const char *name = lua_tostring(L, -1);
      lua_pushfstring(L, strcmp(library, "_G") == 0 ? "%s%s" : "%s.%s",
                      strcmp(library, "_G") == 0 ? "" : library, name);
      lua_replace(L, top + 1);
      lua_settop(L, top + 1);
      return true;
    }
    lua_pop(L, 1);
  }
  lua_settop(L, top);
  return false;
}

/* Pushes what the function at the top is called, for a message; `ar` has "n" done. */
static void push_function_name(lua_State *L, const lua_Debug *ar) {
  if (ar->namewhat[0] == 'm' && ar->name != NULL) {
    bool is_finalizer = strcmp(ar->name, "__gc") == 0 || strcmp(ar->name, "gc") == 0;
    lua_pushfstring(L, is_finalizer ? "a finalizer (%s)" : "the metamethod '%s'",
                    ar->name);
  } else if (xiol_push_known_name(L, -1)) {
    lua_pushfstring(L, "'%s'", lua_tostring(L, -1));
  } else if (ar->name != NULL) {
    lua_pushfstring(L, "'%s'", ar->name);
  } else {
    lua_pushliteral(L, "a C function");
  }
}

/* Whether the function at the top can be yielded across: protected calls, and ours. */
static bool lets_wait(lua_State *L) {
  static const char *const names[] = {"pcall", "xpcall", "dofile", NULL};
  if (lua_getupvalue(L, -1, XIOL_UPVALUE_STATE) != NULL) {
    bool ours = lua_touserdata(L, -1) == xiol_state_of(L);
    lua_pop(L, 1);
    if (ours) return true;
  }
  bool found = false;
  lua_pushglobaltable(L);
  for (const char *const *name = names; *name != NULL && !found; name++) {
    lua_pushstring(L, *name);
    lua_rawget(L, -2);
    found = lua_rawequal(L, -1, -3) != 0;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return found;
}

/* Raises: `function` cannot wait because of the C function nearest below it, at or above
 * level `from`. */
static int cannot_wait(lua_State *L, const char *function, int from) {
  lua_Debug ar;
  xiol_need_stack(L, 20, NULL);
  for (int level = from; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Snf", &ar);
    bool by_collector = strcmp(ar.namewhat, "metamethod") == 0 && ar.name != NULL &&
                        strstr(ar.name, "gc") != NULL;
    if (by_collector || (ar.what[0] == 'C' && !lets_wait(L))) {
      push_function_name(L, &ar);
      const char *what = lua_tostring(L, -1);
      /* the line that called it: the nearest Lua function below */
      for (int below = level + (by_collector ? 0 : 1); lua_getstack(L, below, &ar);
           below++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline > 0) {
          return xiol_fail(L, "%s: cannot wait inside %s, called at %s:%d", function,
                           what, ar.short_src, ar.currentline);
        }
      }
      return xiol_fail(L, "%s: cannot wait inside %s", function, what);
    }
    lua_pop(L, 1);
  }
  return xiol_fail(L,
                   "%s: cannot wait here: a C function that cannot be yielded across "
                   "lies between this coroutine and its task",
                   function);
}

bool xiol_may_wait(lua_State *L, const xiol_state *state) {
  const xiol_runtime *runtime = state->runtime;
  if (runtime == NULL || runtime->loop->queue.running == NULL) return false;
  return L == state->top && state->waitable && lua_isyieldable(L) &&
         xiol_task_of(runtime->loop->queue.running)->atomic == 0;
}

xiol_task *xiol_enter_from(lua_State *L, xiol_state *state, const char *function,
                           int level) {
  xiol_task *task = xiol_running(L, state, function);
  if (XIO_UNLIKELY(L != state->top && state->closing != 0)) {
    xiol_fail(L,
              "%s: cannot wait inside a <close> handler of a coroutine that has failed "
              "or is being closed",
              function);
  }
  if (XIO_UNLIKELY(L != state->top)) {
    xiol_fail(L,
              "%s: cannot wait in this coroutine: it was resumed by a function of the "
              "coroutine library that was taken before xio was loaded",
              function);
  }
  if (XIO_UNLIKELY(task->atomic != 0)) {
    xiol_fail(L, "%s: cannot wait inside xio.atomic: wait before or after it", function);
  }
  if (XIO_UNLIKELY(!state->waitable || !lua_isyieldable(L))) {
    cannot_wait(L, function, level);
  }
  return task;
}

xiol_task *xiol_enter(lua_State *L, xiol_state *state, const char *function) {
  return xiol_enter_from(L, state, function, 1);
}

void xiol_check_cancelled(lua_State *L, xiol_state *state, xiol_task *task, int status) {
  if (XIO_UNLIKELY(status == XIO_ECANCELED)) xiol_raise_cancelled(L, state, task);
}

void xiol_look_at_clock(xiol_task *task) {
  xio_clock_expire(task->core.wait.queue->clock);
}

/* The second half of a wait without result; its context is the state, which is quicker to
 * have than an upvalue. */
int xiol_finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, task->core.wait.status);
  return 0;
}

/* The second half of a pause. */
static int finish_pause(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  return 0;
}

static int l_checkpoint(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_enter_quick(L, state, "xio.checkpoint");
  if (xio_task_is_alone(&task->core) && xio_task_spend(&task->core)) return 0;
  xio_task_pause(&task->core);
  return xiol_yield(L, (lua_KContext)state, finish_pause);
}

static int sleep_until_ns(lua_State *L, xiol_task *task, int64_t at) {
  if (xio_task_begin(&task->core) == XIO_OK &&
      xio_task_sleep(&task->core, at) != XIO_OK) {
    xiol_raise_memory(L);
  }
  return xiol_yield(L, (lua_KContext)task->runtime->state, xiol_finish_wait);
}

static int l_sleep(lua_State *L) {
  int64_t ns = xiol_check_seconds(L, 1, false, "xio.sleep");
  xiol_task *task = xiol_enter(L, xiol_state_of(L), "xio.sleep");
  if (ns <= 0) {
    xio_task_pause(&task->core);
    return xiol_yield(L, (lua_KContext)task->runtime->state, finish_pause);
  }
  return sleep_until_ns(L, task, xio_clock_after(task->core.wait.queue->clock, ns));
}

static int l_sleep_until(lua_State *L) {
  int64_t at = xiol_check_seconds(L, 1, false, "xio.sleep_until");
  xiol_task *task = xiol_enter(L, xiol_state_of(L), "xio.sleep_until");
  if (at <= xio_clock_now(task->core.wait.queue->clock)) {
    xio_task_pause(&task->core);
    return xiol_yield(L, (lua_KContext)task->runtime->state, finish_pause);
  }
  return sleep_until_ns(L, task, at);
}

static int l_sleep_forever(lua_State *L) {
  xiol_task *task = xiol_enter(L, xiol_state_of(L), "xio.sleep_forever");
  return sleep_until_ns(L, task, XIO_NEVER);
}

static int l_now(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.now");
  lua_pushnumber(L, xiol_to_seconds(xio_clock_now(task->core.wait.queue->clock)));
  return 1;
}

static int l_deadline(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.deadline");
  lua_pushnumber(L, xiol_to_seconds(xio_scope_effective_deadline(task->core.wait.scope)));
  return 1;
}

static int l_check(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.check");
  xiol_look_at_clock(task);
  if (XIO_UNLIKELY(task->watches != 0)) xiol_watch_checkpoint(task);
  if (task->core.wait.scope->effective) return xiol_raise_cancelled(L, state, task);
  return 0;
}

static int l_cancelled(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.cancelled");
  xiol_look_at_clock(task);
  lua_pushboolean(L, task->core.wait.scope->effective);
  return 1;
}

/* enter(name): raises unless the caller may wait, in the name of the function `name`. */
static int l_enter(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  xiol_enter(L, xiol_state_of(L), name);
  return 0;
}

/* in_task(): whether the caller runs in a task that may wait. */
static int l_in_task(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_pushboolean(L,
                  state->runtime != NULL && state->runtime->loop->queue.running != NULL);
  return 1;
}

const luaL_Reg xiol_wait_functions[] = {{"checkpoint", l_checkpoint},
                                        {"sleep", l_sleep},
                                        {"sleep_until", l_sleep_until},
                                        {"sleep_forever", l_sleep_forever},
                                        {"now", l_now},
                                        {"deadline", l_deadline},
                                        {"check", l_check},
                                        {"cancelled", l_cancelled},
                                        {"in_task", l_in_task},
                                        {"enter", l_enter},
                                        {NULL, NULL}};
