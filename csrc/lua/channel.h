/* channel: what the files of csrc/lua that send and receive share.
 *
 * A channel is a userdata that only its ends know: the core's channel, and as user values
 * the error it failed with and what keeps the buffered items. That is a thread, which
 * nothing runs, with the items on its stack, the oldest lowest: nothing else in Lua takes
 * in and gives out as fast. Or, for a capacity of some hundred and more, a table of them
 * by slot, which grows. Either is made when it is first needed. An end is a userdata of
 * its own that keeps the channel alive; dropped without close, its finalizer closes it,
 * which only queues tasks.
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
  lua_State
      *store; /* whose stack keeps the items; NULL: none yet, or they are in a table */
  int oldest, newest; /* indices there of the items; newest + 1 = oldest: none */
  int room; /* up to which index more may be put there; newest: make room first */
  bool in_table;
} xiol_channel;

/* The first user value of a channel; those behind it belong to item.c. */
enum { XIOL_CHANNEL_FAILURE = 1 };

/* The index of a nil on the stack that keeps the items, to take their places. */
enum { XIOL_CHANNEL_NIL = 1 };

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

/* Makes room for one more item of the sender at `index`. Raises when memory is out. True:
 * that took memory, so garbage may have been collected, whose finalizers may have closed
 * ends and sent through any channel. */
static inline bool xiol_channel_reserve(lua_State *L, xiol_channel *channel, int index);

/* Sends the value at `value` through the open sender at `index`, for which room was
 * made. XIO_OK, XIO_EAGAIN or XIO_ECLOSED. Neither allocates nor raises, and may leave
 * a value on the stack. */
int xiol_channel_send(lua_State *L, xiol_channel *channel, int index, int value);

/* Receives through the open receiver at `index`. XIO_OK: the item is pushed.
 * XIO_EAGAIN or XIO_EOF. Neither allocates nor raises, and may leave a value below the
 * item. */
int xiol_channel_receive(lua_State *L, xiol_channel *channel, int index);

/* The usual case of xiol_channel_send with the value at 2, quicker: the item is buffered,
 * and room for it need not be made. False: it is another case, and nothing was done. */
static inline bool xiol_channel_put(lua_State *L, xiol_channel *channel) {
  if (channel->newest == channel->room || channel->store == NULL) return false;
  if (!xio_channel_put(&channel->core)) return false;
  if (XIO_UNLIKELY(lua_gettop(L) != 2)) lua_settop(L, 2);
  lua_xmove(L, channel->store, 1);
  channel->newest++;
  return true;
}

/* The usual case of xiol_channel_receive, quicker: there are at least two items, none was
 * lost before, and nobody waits to send. False: it is another case, and nothing was
 * done. */
static inline bool xiol_channel_get(lua_State *L, xiol_channel *channel) {
  if (channel->oldest >= channel->newest || !xio_channel_get(&channel->core))
    return false;
  lua_State *store = channel->store;
  lua_pushvalue(store, channel->oldest);
  lua_xmove(store, L, 1);
  lua_copy(store, XIOL_CHANNEL_NIL, channel->oldest);
  channel->oldest++;
  return true;
}

/* After it: pushes how many items were lost before, unless none was. The number of values
 * that were pushed, with the item. */
int xiol_channel_push_missed(lua_State *L, xiol_channel *channel);

/* Slow part of xiol_channel_reserve. */
bool xiol_channel_grow(lua_State *L, xiol_channel *channel, int index);

static inline bool xiol_channel_reserve(lua_State *L, xiol_channel *channel, int index) {
  return XIO_UNLIKELY(channel->newest == channel->room) &&
         xiol_channel_grow(L, channel, index);
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
