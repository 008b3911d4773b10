/* channel: what the files of csrc/lua that send and receive share.
 *
 * A channel is a userdata that only its ends know: the core's channel, and as user values
 * the error it failed with and the buffered items by slot; or, from some hundred slots
 * on, a table of them, which grows. An end is a userdata of its own that keeps the
 * channel alive; dropped without close, its finalizer closes it, which only queues tasks.
 *
 * An item whose sender waits stays on that coroutine's stack, at the index that the
 * waiter's tag tells; one that is handed over is pushed onto the stack of the
 * receiver. Both have noted the coroutine in their task (`parked`). Loop's thread. */
#ifndef XIOL_CHANNEL_H
#define XIOL_CHANNEL_H

#include "../core/channel.h"
#include "binding.h"

extern const xiol_kind xiol_kind_sender, xiol_kind_receiver;

typedef struct xiol_channel {
  xio_channel core;
  xiol_state *state;
  bool in_table; /* the items are in a table */
} xiol_channel;

/* The first user value of a channel; those behind it belong to item.c. */
enum { XIOL_CHANNEL_FAILURE = 1 };

/* User values of an end. */
enum { XIOL_END_CHANNEL = 1, XIOL_END_CLOSER = 2 };

typedef struct xiol_channel_end {
  const xiol_kind *kind;
  xiol_channel *channel; /* user value XIOL_END_CHANNEL */
  uint32_t number;
  bool open;
} xiol_channel_end;

/* -- item.c: carrying values ------------------------------------------------------- */

/* Pushes a channel without ends. Raises when memory is out. */
xiol_channel *xiol_channel_push(lua_State *L, xiol_state *state, uint32_t capacity,
                                bool lossy);

/* Lets go of the items that the last receiver, the end at `index`, left behind. Neither
 * allocates nor raises. */
void xiol_channel_clear(lua_State *L, xiol_channel *channel, int index);

/* Makes room for one more item of the sender at `index`. Raises when memory is out. May
 * collect garbage, and so close ends of any channel. */
static inline void xiol_channel_reserve(lua_State *L, xiol_channel *channel, int index);

/* Sends the value at `value` through the open sender at `index`, for which room was
 * made. XIO_OK, XIO_EAGAIN or XIO_ECLOSED. Neither allocates nor raises, and may leave
 * a value on the stack. */
int xiol_channel_send(lua_State *L, xiol_channel *channel, int index, int value);

/* Receives through the open receiver at `index`. XIO_OK: the item is pushed.
 * XIO_EAGAIN or XIO_EOF. Neither allocates nor raises, and may leave a value below the
 * item. */
int xiol_channel_receive(lua_State *L, xiol_channel *channel, int index);

/* After it: pushes how many items were lost before, unless none was. The number of values
 * that were pushed, with the item. */
int xiol_channel_push_missed(lua_State *L, xiol_channel *channel);

/* Slow part of xiol_channel_reserve. */
void xiol_channel_grow(lua_State *L, xiol_channel *channel, int index);

static inline void xiol_channel_reserve(lua_State *L, xiol_channel *channel, int index) {
  if (XIO_UNLIKELY(channel->in_table)) xiol_channel_grow(L, channel, index);
}

/* -- channel.c: the ends ----------------------------------------------------------- */

/* Raises where the running task itself has closed the end at `index`. */
void xiol_channel_check_misuse(lua_State *L, xiol_state *state, int index,
                               const char *function);

/* Pushes what a send returns that ended with `status`; how many values. */
int xiol_channel_push_sent(lua_State *L, int status);

/* Pushes what a receive returns that ended without item, with XIO_EOF or XIO_ECLOSED; how
 * many values. Raises the error of a channel that has failed. */
int xiol_channel_push_ended(lua_State *L, xiol_state *state, int end, int status);

extern const luaL_Reg xiol_channel_functions[];
void xiol_open_channel(lua_State *L, xiol_state *state);

/* -- select.c ---------------------------------------------------------------------- */

extern const luaL_Reg xiol_select_functions[];
void xiol_open_select(lua_State *L, xiol_state *state);

/* Frees what select.c keeps in the state. */
void xiol_close_select(xiol_state *state);

#endif
