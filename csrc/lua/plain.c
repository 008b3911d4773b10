/* plain: functions in threads without a loop (worker.h).
 *
 * Such a function can wait only for objects that threads share, which block its thread
 * with the job's own blocker. It is interrupted twice over: the blocker ends what it
 * waits for now and later, and a hook raises in a loop of Lua, once, so that cleanup
 * runs. What ends by that has been cancelled. The thread of the job. */
#include <string.h>

#include "attention.h"
#include "worker.h"

enum { LOOK_AGAIN = 20 }; /* instructions */

static const char cancelled_code[] = "ECANCELED";

/* In Lua code of the thread, after it was interrupted. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  xiol_state *state = xiol_attention_state(L);
  xiol_unhook(state, L);
  if (state->job == NULL || state->told || state->runtime != NULL) return;
  if (xiol_runs_ours(L, state) || !lua_checkstack(L, LUA_MINSTACK)) {
    lua_sethook(L, on_hook, LUA_MASKCOUNT, LOOK_AGAIN);
    return;
  }
  state->told = true;
  lua_pushliteral(L, "the thread was interrupted");
  xiol_push_error(L, state, cancelled_code, "thread");
  lua_error(L);
}

void xiol_plain_interrupt(xiol_state *state) {
  if (!state->told) xiol_hook(state, state->main, on_hook);
}

/* Whether the error at the top is the one that told of the interrupt. */
static bool tells_of_interrupt(lua_State *L, const xiol_state *state) {
  if (!state->told || !lua_istable(L, -1)) return false;
  lua_getfield(L, -1, "code");
  bool tells =
      lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), cancelled_code) == 0;
  lua_pop(L, 1);
  return tells;
}

int xiol_plain_run(lua_State *L, xiol_state *state, xiol_job *job) {
  xio_blocker *blocker = state->blocker;
  xiol_message *message = job->message;
  job->message = NULL;
  xiol_push_ref(L, state, XIOL_REF_HANDLER);
  int handler = lua_gettop(L);
  int count = xiol_take_message(L, state, message);
  state->told = false;
  state->blocker = job->blocker;
  int status = lua_pcall(L, count - 1, LUA_MULTRET, handler);
  state->blocker = blocker;
  if (status == LUA_OK) {
    job->message = xiol_copy_out(L, state, handler + 1, lua_gettop(L) - handler,
                                 XIOL_COPY_RESULTS, job->function);
    job->outcome = XIOL_JOB_DONE;
  } else if (tells_of_interrupt(L, state)) {
    job->outcome = XIOL_JOB_CANCELLED;
  } else {
    lua_error(L);
  }
  return 0;
}
