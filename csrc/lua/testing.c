/* testing: what lua/xio/testing.lua stands on: settling, moving the virtual clock, and
 * watching a task for checkpoints. A task that is watched has other ops, so that the
 * watch costs nothing where nobody does. Loop's thread. */
#include "binding.h"

/* settle([cushion]): see xio.testing.settle. */
static int l_settle(lua_State *L) {
  static const char function[] = "xio.testing.settle";
  int64_t cushion = lua_isnoneornil(L, 1) ? 0 : xiol_check_seconds(L, 1, false, function);
  if (cushion < 0) xiol_arg_error(L, function, 1, "seconds of at least 0 expected");
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (xio_task_begin(&task->core) == XIO_OK &&
      xio_settle_begin(&task->runtime->loop->settlers, &task->core, cushion) != XIO_OK) {
    xiol_raise_memory(L);
  }
  return xiol_yield(L, (lua_KContext)xiol_state_of(L), xiol_finish_wait);
}

static xio_clock *check_virtual(lua_State *L, const char *function) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), function);
  xio_clock *clock = &task->runtime->loop->clock;
  if (!clock->is_virtual) {
    xiol_fail(L, "%s: the run is not on a virtual clock: xio.run{clock = \"virtual\"}",
              function);
  }
  return clock;
}

/* next_timer(): when the next timer is due, in seconds; math.huge when none is armed. */
static int l_next_timer(lua_State *L) {
  xio_clock *clock = check_virtual(L, "xio.testing.advance");
  lua_pushnumber(L, xiol_to_seconds(xio_clock_next(clock)));
  return 1;
}

/* jump(t): moves the virtual clock to `t`; earlier times leave it. */
static int l_jump(lua_State *L) {
  static const char function[] = "xio.testing.advance";
  xio_clock *clock = check_virtual(L, function);
  int64_t at = xiol_check_seconds(L, 1, false, function);
  if (at != XIO_NEVER) xio_clock_jump(clock, at);
  xio_clock_expire(clock);
  return 0;
}

/* -- watching for checkpoints -------------------------------------------------------- */

enum { WATCHES_MAX = UINT8_MAX };

/* The depth of the innermost scope around what the task does whose shield hides outer
 * cancellation; 0: none does. */
static uint16_t hidden_at(const xiol_task *task) {
  const xio_scope *scope = task->core.wait.scope;
  while (scope->depth > 0 && !xio_scope_shielded(scope)) scope = scope->parent;
  return scope->depth;
}

void xiol_watch_checkpoint(xiol_task *task) {
  uint16_t depth = hidden_at(task);
  if (depth < task->watch_least) task->watch_least = depth;
}

/* watch(): the running task is watched until unwatch, and its turn is over: what need
 * not wait reschedules. Returns what unwatch wants: the depth of its scope, the budget
 * that the turn had, and what an outer watch has noted. */
static int l_watch(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.testing");
  xio_runqueue *queue = task->core.wait.queue;
  if (task->watches == WATCHES_MAX) {
    return xiol_fail(L, "xio.testing: too many assertions in one another");
  }
  xiol_need_stack(L, 4, NULL);
  lua_pushinteger(L, task->core.wait.scope->depth);
  lua_pushinteger(L, (lua_Integer)queue->budget);
  lua_pushinteger(L, task->watch_least);
  lua_pushboolean(L, task->watch_paused);
  task->watches++;
  task->watch_least = UINT16_MAX;
  task->watch_paused = false;
  xio_task_set_ops(&task->core, &xiol_watched_task_ops);
  queue->budget = 0;
  return 4;
}

/* unwatch(depth, budget, least, paused): ends the watch. Returns whether the task was
 * suspended since, and whether a cancellation from outside would have been delivered. */
static int l_unwatch(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.testing");
  uint16_t depth = (uint16_t)luaL_checkinteger(L, 1);
  uint32_t budget = (uint32_t)luaL_checkinteger(L, 2);
  uint16_t least = (uint16_t)luaL_checkinteger(L, 3);
  bool paused = task->watch_paused;
  lua_pushboolean(L, paused);
  lua_pushboolean(L, task->watch_least <= depth);
  if (least < task->watch_least) task->watch_least = least;
  task->watch_paused = paused || lua_toboolean(L, 4) != 0;
  if (--task->watches == 0) xio_task_set_ops(&task->core, &xiol_task_ops);
  if (!paused) task->core.wait.queue->budget = budget;
  return 2;
}

const luaL_Reg xiol_testing_functions[] = {
    {"settle", l_settle}, {"next_timer", l_next_timer}, {"jump", l_jump},
    {"watch", l_watch},   {"unwatch", l_unwatch},       {NULL, NULL}};
