/* interrupt: SIGINT while a chunk of the prompt runs in a loop that does not wait.
 *
 * What waits is cancelled by the session itself, which listens for the signal. Where Lua
 * code runs meanwhile, the same signal stops it at its next instruction: the session's
 * function is called there, and an error raised: the cancellation where the task is
 * cancelled then. A task in the background is stopped by the second signal that comes
 * before it waits. The handler stands before the one that the session's listener has
 * installed, and passes each signal on to it, so that the listener is told of each signal
 * later, of several perhaps once: what was met here by then is not met again. The thread
 * that runs Lua. */
#ifndef XIO_CLI_INTERRUPT_H
#define XIO_CLI_INTERRUPT_H

#include "lua/state.h"

/* Pushes a table of functions for xio.repl:
 *   open(f)    from now on `f`, which may not wait, is called so; may be called again
 *   meet()     for the listener, which was told of a signal: whether one came since `f`
 *              was called last, so that it is to be met now; it counts as met then
 *   close() */
void xio_interrupt_push(lua_State *L);

/* What is to be done at a safe point (lua/attention.h). */
void xio_interrupt_look(lua_State *L, xiol_state *state);

#endif
