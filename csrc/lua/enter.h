/* enter: the task that runs, and whether it may wait here.
 *
 * Everything that waits, or opens a scope, begins with one of these, before it starts
 * anything. What is in line decides the usual case; who is refused, and why, is found out
 * in wait.c and scope.c. Part of binding.h. Loop's thread. */
#ifndef XIOL_ENTER_H
#define XIOL_ENTER_H

#include <lauxlib.h>

#include "state.h"

static inline xiol_task *xiol_task_of(xio_task *core) {
  return XIO_CONTAINER_OF(core, xiol_task, core);
}

/* The running task, or raises "function: not inside xio.run". */
xiol_task *xiol_running(lua_State *L, xiol_state *state, const char *function);

/* The task that was resumed, in whose second half `L` is now; raises where somebody else
 * than the scheduler resumed the coroutine. */
static inline xiol_task *xiol_resumed(lua_State *L, xiol_state *state) {
  if (XIO_UNLIKELY(L != state->top)) {
    luaL_error(L, "the coroutine of a task was resumed by somebody else than xio");
  }
  return xiol_task_of(state->runtime->loop->queue.running);
}

/* The running task, which may wait here; raises, naming `function` and what is in the
 * way, where it cannot. Nothing was started. */
xiol_task *xiol_enter(lua_State *L, xiol_state *state, const char *function);

/* The same for the caller of the function that runs, where `level` is 2. */
xiol_task *xiol_enter_from(lua_State *L, xiol_state *state, const char *function,
                           int level);

bool xiol_may_wait(lua_State *L, const xiol_state *state); /* xiol_enter would succeed */

/* A quick xiol_enter for what is called often: NULL where that has to be asked. */
static inline xiol_task *xiol_enter_quickly(lua_State *L, const xiol_state *state) {
  const xiol_runtime *runtime = state->runtime;
  if (XIO_UNLIKELY(runtime == NULL || L != state->top || !state->waitable)) return NULL;
  xiol_task *task = xiol_task_of(runtime->loop->queue.running);
  bool may = task->atomic == 0 && lua_isyieldable(L);
  return XIO_LIKELY(may) ? task : NULL;
}

/* As xiol_enter, with the usual case in line. */
static inline xiol_task *xiol_enter_quick(lua_State *L, xiol_state *state,
                                          const char *function) {
  xiol_task *task = xiol_enter_quickly(L, state);
  return XIO_LIKELY(task != NULL) ? task : xiol_enter(L, state, function);
}

/* Part of xiol_enter_region. */
xiol_task *xiol_enter_region_slowly(lua_State *L, xiol_state *state,
                                    const char *function);

/* The running task, in whose present coroutine a scope or group may be opened; raises
 * where it may not, or where too many are nested. */
static inline xiol_task *xiol_enter_region(lua_State *L, xiol_state *state,
                                           const char *function) {
  const xiol_runtime *runtime = state->runtime;
  if (XIO_LIKELY(runtime != NULL && L == state->top)) {
    xiol_task *task = xiol_task_of(runtime->loop->queue.running);
    if (XIO_LIKELY(task->core.wait.scope->depth < XIOL_NEST_MAX)) return task;
  }
  return xiol_enter_region_slowly(L, state, function);
}

#endif
