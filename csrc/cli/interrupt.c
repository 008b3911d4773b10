/* interrupt: see interrupt.h. */
#include "cli/interrupt.h"

#include <errno.h>
#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "lua/attention.h"

/* The handler of a signal has no argument of its own. */
static struct {
  xiol_state *volatile state; /* NULL: closed */
  void (*volatile next)(int); /* who had the signal before */
  volatile sig_atomic_t came; /* changes with each signal, in signal context */
  sig_atomic_t met;           /* `came` when the session's function was called last */
  bool spared; /* one came while a task ran that it does not mean; the loop was not back
                  since */
} interrupt;

static const char function_key = 0; /* its address finds the function in the registry */

static void on_signal(int signum) {
  int error = errno;
  xiol_state *state = interrupt.state;
  if (state != NULL) {
    interrupt.came = interrupt.came < SIG_ATOMIC_MAX ? interrupt.came + 1 : 0;
    xiol_attention_ask(state);
  }
  void (*next)(int) = interrupt.next;
  if (next != NULL && next != SIG_DFL && next != SIG_IGN) next(signum);
  errno = error;
}

static const xio_task *running_task(const xiol_state *state) {
  const xiol_runtime *runtime = state->runtime;
  return runtime != NULL && runtime->loop != NULL ? runtime->loop->queue.running : NULL;
}

/* Whether a signal came since the last that was met; none is left then. */
static bool meet(void) {
  sig_atomic_t came = interrupt.came;
  bool is_new = came != interrupt.met;
  interrupt.met = came;
  return is_new;
}

void xio_interrupt_look(lua_State *L, xiol_state *state) {
  const xio_task *running = running_task(state);
  if (running == NULL) { /* between two tasks: the listener is told */
    interrupt.spared = false;
    return;
  }
  if (!meet()) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &function_key);
  lua_call(L, 0, 0);
  if (running->wait.scope->effective || interrupt.spared) {
    xiol_attention_raise(state);
    return;
  }
  interrupt.spared = true; /* another task: it may just run for a moment */
  xiol_attention_ask_loop(state);
}

static int l_open(lua_State *L) {
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_settop(L, 1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &function_key);
  struct sigaction action;
  (void)sigaction(SIGINT, NULL, &action);
  if ((action.sa_flags & SA_SIGINFO) != 0) return 0; /* somebody else's */
  interrupt.state = xiol_attention_state(L);
  if (action.sa_handler == on_signal) return 0;
  interrupt.next = action.sa_handler;
  action.sa_handler = on_signal;
  (void)sigaction(SIGINT, &action, NULL);
  return 0;
}

static int l_meet(lua_State *L) {
  lua_pushboolean(L, meet() || interrupt.state == NULL);
  return 1;
}

static int l_close(lua_State *L) {
  (void)L;
  struct sigaction action;
  interrupt.state = NULL;
  interrupt.met = interrupt.came; /* in the next session that is over */
  (void)sigaction(SIGINT, NULL, &action);
  if ((action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == on_signal) {
    action.sa_handler = interrupt.next;
    (void)sigaction(SIGINT, &action, NULL);
  }
  return 0;
}

void xio_interrupt_push(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"open", l_open}, {"meet", l_meet}, {"close", l_close}, {NULL, NULL}};
  luaL_newlib(L, functions);
}
