/* attention: a look at what runs, asked for from a signal handler.
 *
 * Whoever asks sets a mark, puts a hook into the coroutine that runs (lua_sethook may be
 * called from a signal handler) and wakes the loop. Whichever comes first, the hook at
 * the next instruction of Lua code or the loop between two tasks, calls the host's
 * function, in which Lua may be called. What hook was there before is put back. It costs
 * nothing while nobody asks. The thread that runs the Lua state. */
#ifndef XIOL_ATTENTION_H
#define XIOL_ATTENTION_H

#include "state.h"

/* The state of xio in `L`, or NULL before xio.core was opened there. */
xiol_state *xiol_attention_state(lua_State *L);

/* `look` is called at a safe point after each asking; it may run Lua code that does not
 * wait, and raise: what it raises is lost. */
void xiol_attention_open(xiol_state *state, void (*look)(lua_State *L));

/* Asks for a look. In a signal handler on the thread of the state, or in a function that
 * Lua called. */
void xiol_attention_ask(xiol_state *state);

/* The same for the next time that the loop is between two tasks, soon after the running
 * one waits or ends. */
void xiol_attention_ask_loop(xiol_state *state);

/* Called in a look: the code at whose instruction it is called is stopped by an error,
 * the cancellation where its task is effectively cancelled. */
void xiol_attention_raise(xiol_state *state);

/* Calls the host's function where that was asked for. Never raises. */
void xiol_attention_give(lua_State *L, xiol_state *state);

/* Makes the function that the state keeps for this file. */
int xiol_attend(lua_State *L);

#endif
