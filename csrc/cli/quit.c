/* quit: see quit.h. */
#include "cli/quit.h"

#include <errno.h>
#include <lauxlib.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

#include "cli/interrupt.h"
#include "cli/library.h"
#include "cli/report.h"
#include "cli/watchdog.h"
#include "lua/attention.h"

/* The handler of a signal has no argument of its own. */
static struct {
  xiol_state *volatile state; /* NULL: nobody answers */
  const char *program;
  pthread_t thread;
  volatile sig_atomic_t asked;
} quit;

static void on_signal(int signum) {
  int error = errno;
  xiol_state *state = quit.state;
  if (state != NULL && pthread_equal(pthread_self(), quit.thread) == 0) {
    (void)pthread_kill(quit.thread, signum);
  } else if (state != NULL) {
    quit.asked = 1;
    xiol_attention_ask(state);
  }
  errno = error;
}

/* Writes the tree of tasks, with their stacks. */
static void write_tree(lua_State *L) {
  if (!xio_library_push(L, "tree")) return;
  lua_call(L, 0, 1);
  luaL_getmetafield(L, -1, "draw");
  lua_insert(L, -2);
  lua_createtable(L, 0, 2);
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "stacks");
  lua_pushinteger(L, 2); /* where it goes */
  lua_setfield(L, -2, "descriptor");
  lua_call(L, 2, 1);
  xio_report_message(quit.program,
                     lua_pushfstring(L, "SIGQUIT: %s", lua_tostring(L, -1)));
}

static void look(lua_State *L) {
  if (quit.asked != 0) {
    quit.asked = 0;
    write_tree(L);
  }
  xio_interrupt_look(L, quit.state);
  xio_watchdog_look(L);
}

void xio_quit_open(lua_State *L, const xio_options *options) {
  quit.state = xiol_attention_state(L);
  quit.program = options->program;
  quit.thread = pthread_self();
  xiol_attention_open(quit.state, look);
  if (options->watchdog_ms != 0) xio_watchdog_open(quit.state, options);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(SIGQUIT, &action, NULL); /* also where it was ignored: see the docs */
}

void xio_quit_close(void) {
  xio_watchdog_close();
  quit.state = NULL;
}
