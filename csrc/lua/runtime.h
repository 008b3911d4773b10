/* runtime: what run.c offers to those who make and drive runtimes for a host in C
 * (csrc/host). On the thread that runs the Lua state. */
#ifndef XIOL_RUNTIME_H
#define XIOL_RUNTIME_H

#include "binding.h"

/* Pushes a runtime with an open loop, on `uv` or (NULL) one of its own; its options, as
 * of xio.new, are in the table at `index` (0: none). Signals are not listened for yet. */
xiol_runtime *xiol_push_runtime(lua_State *L, xiol_state *state, int index, uv_loop_t *uv,
                                const char *function);

/* Listens for signals where that was asked for. */
void xiol_open_signals(lua_State *L, xiol_runtime *runtime, const char *function);

/* Closes the loop; what lives is let go of without being run. Never fails. */
void xiol_close_runtime(xiol_runtime *runtime);

/* Notes an error of the run itself, at the top, which is popped: the root group is
 * cancelled, and the run raises it. Never raises. */
void xiol_fail_run(lua_State *L, xiol_runtime *runtime);

/* The root group has ended: raises its errors, and makes room for the next. */
void xiol_renew_runtime(lua_State *L, xiol_runtime *runtime);

/* Runs the function at `first`, with the arguments above it, as the main task of an idle
 * runtime until no task lives. Pushes its results, where it has returned, and returns how
 * many; or raises the error of the run. `*outcome` is how the main task has ended. */
int xiol_run_main(lua_State *L, xiol_runtime *runtime, int first, const char *function,
                  uint8_t *outcome);

/* What the state knew before a runtime was entered. */
typedef struct xiol_entered {
  xiol_runtime *runtime;
  lua_State *top, *driver;
  bool waitable;
} xiol_entered;

/* The Lua thread L runs tasks of the runtime from now on, or no longer; nothing is
 * polled, and signals stay as they are. */
xiol_entered xiol_enter_runtime(lua_State *L, xiol_runtime *runtime);
void xiol_leave_runtime(xiol_runtime *runtime, xiol_entered before);

#endif
