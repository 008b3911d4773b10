/* testing: what lua/xio/testing.lua stands on: settling, moving the virtual clock, and
 * seeing whether a task was suspended. Loop's thread. */
#include "binding.h"

static int finish_settle(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, task->core.wait.status);
  return 0;
}

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
  return xiol_yield(L, 0, finish_settle);
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

/* resumes([budget]): how often the run has resumed a task: the same number twice means
 * that the caller was not suspended in between. Sets the budget of this turn, where one
 * is given: with 0 an operation that need not wait reschedules. Returns also the budget
 * before. */
static int l_resumes(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.testing");
  xio_runqueue *queue = task->core.wait.queue;
  lua_pushinteger(L, (lua_Integer)queue->resumes);
  lua_pushinteger(L, (lua_Integer)queue->budget);
  if (!lua_isnoneornil(L, 1)) queue->budget = (uint32_t)luaL_checkinteger(L, 1);
  return 2;
}

const luaL_Reg xiol_testing_functions[] = {{"settle", l_settle},
                                           {"next_timer", l_next_timer},
                                           {"jump", l_jump},
                                           {"resumes", l_resumes},
                                           {NULL, NULL}};
