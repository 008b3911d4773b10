/* item: what channels carry, and how it gets from one side to the other. See channel.h
 * for who keeps which value.
 *
 * Each operation takes effect in one step, in which nothing allocates: the core
 * decides, and the values are carried accordingly. What may raise comes before it.
 * Loop's thread. Not here: the ends, and who waits (channel.c). */
#include "channel.h"

enum {
  SLOTS_INSIDE_MAX = 256, /* items that the channel's own user values keep */
  TABLE_FIRST = 64,
  TABLE_KEPT_MAX = 1024 /* a larger table is let go of when it is empty */
};

/* User values of a channel behind XIOL_CHANNEL_FAILURE: the table, or the slots. */
enum { VALUE_TABLE = XIOL_CHANNEL_FAILURE + 1, VALUE_SLOTS = VALUE_TABLE };

xiol_channel *xiol_channel_push(lua_State *L, xiol_state *state, uint32_t capacity,
                                bool lossy) {
  bool in_table = capacity > SLOTS_INSIDE_MAX;
  int values = in_table ? VALUE_TABLE : VALUE_SLOTS - 1 + (int)capacity;
  xiol_channel *channel = lua_newuserdatauv(L, sizeof *channel, values);
  channel->state = state;
  channel->in_table = in_table;
  xio_channel_init(&channel->core, capacity, lossy);
  if (!in_table) xio_channel_set_slots(&channel->core, capacity);
  return channel;
}

/* -- slots ------------------------------------------------------------------------- */

/* Pushes the item in `slot` of the channel at `store`. */
static void push_slot(lua_State *L, const xiol_channel *channel, int store,
                      uint32_t slot) {
  if (XIO_LIKELY(!channel->in_table)) {
    lua_getiuservalue(L, store, VALUE_SLOTS + (int)slot);
    return;
  }
  lua_getiuservalue(L, store, VALUE_TABLE);
  lua_rawgeti(L, -1, (lua_Integer)slot + 1);
}

/* Pops an item, or nil, into `slot`, which exists. May leave a value in its place. */
static void pop_slot(lua_State *L, const xiol_channel *channel, int store,
                     uint32_t slot) {
  if (XIO_LIKELY(!channel->in_table)) {
    lua_setiuservalue(L, store, VALUE_SLOTS + (int)slot);
    return;
  }
  lua_getiuservalue(L, store, VALUE_TABLE);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (lua_Integer)slot + 1); /* in its array: allocates nothing */
  lua_pop(L, 1);
}

/* Lets go of the table, which has no items. */
static void drop_table(lua_State *L, xiol_channel *channel, int index) {
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, VALUE_TABLE);
  lua_pop(L, 1);
  xio_channel_set_slots(&channel->core, 0);
}

static void grow_table(lua_State *L, xiol_channel *channel, int index) {
  xio_channel *core = &channel->core;
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  int store = lua_gettop(L);
  uint32_t size = core->slots < TABLE_FIRST / 2 ? TABLE_FIRST : core->slots * 2;
  if (size > core->capacity || size < core->slots) size = core->capacity;
  if (size > INT32_MAX) size = INT32_MAX;
  lua_createtable(L, (int)size, 0);
  if (core->buffered > size) { /* a finalizer has sent meanwhile, and grown it itself */
    lua_pop(L, 2);
    return;
  }
  lua_getiuservalue(L, store, VALUE_TABLE);
  for (uint32_t i = 0; i < core->buffered; i++) {
    uint32_t from = (uint32_t)(((uint64_t)core->first + i) % core->slots);
    lua_rawgeti(L, -1, (lua_Integer)from + 1);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, store, VALUE_TABLE);
  lua_pop(L, 1);
  xio_channel_set_slots(core, size);
}

void xiol_channel_grow(lua_State *L, xiol_channel *channel, int index) {
  const xio_channel *core = &channel->core;
  while (xio_channel_needs_slot(core) && core->receivers != 0 &&
         xio_list_empty(&core->receiving)) {
    luaL_checkstack(L, 8, NULL);
    grow_table(L, channel, index);
  }
}

/* -- carrying values --------------------------------------------------------------- */

/* The coroutine in which the task of `waiter` is parked, in a C function of ours: it has
 * room for a few values more. */
static inline lua_State *stack_of(const xio_waiter *waiter) {
  const xiol_task *task = xiol_task_of(xio_task_of(waiter->wait));
  XIO_ASSERT(task->parked != NULL);
  return task->parked;
}

/* Pushes the item that `waiter` waits, or waited just now, to send. */
static void push_from(lua_State *L, const xio_waiter *waiter) {
  lua_State *of = stack_of(waiter);
  lua_pushvalue(of, (int)waiter->tag);
  lua_xmove(of, L, 1);
}

int xiol_channel_send(lua_State *L, xiol_channel *channel, int index, int value) {
  xio_channel_move move;
  int status = xio_channel_try_send(&channel->core, &move);
  if (status != XIO_OK) return status;
  XIO_CHECK(xio_channel_valid(&channel->core));
  if (move.waiter != NULL) {
    lua_pushvalue(L, value);
    lua_xmove(L, stack_of(move.waiter), 1);
    return XIO_OK;
  }
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  lua_pushvalue(L, value);
  pop_slot(L, channel, lua_gettop(L) - 1, move.slot);
  return XIO_OK;
}

int xiol_channel_receive(lua_State *L, xiol_channel *channel, int index) {
  xio_channel *core = &channel->core;
  xio_channel_move move;
  int status = xio_channel_try_receive(core, &move);
  if (status != XIO_OK) return status;
  XIO_CHECK(xio_channel_valid(core));
  if (move.slot == XIO_CHANNEL_NO_SLOT) {
    push_from(L, move.waiter);
    return XIO_OK;
  }
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  int store = lua_gettop(L);
  push_slot(L, channel, store, move.slot);
  if (XIO_UNLIKELY(move.waiter != NULL)) {
    push_from(L, move.waiter);
  } else {
    lua_pushnil(L);
  }
  pop_slot(L, channel, store, move.slot);
  if (XIO_UNLIKELY(core->buffered == 0 && channel->in_table &&
                   core->slots > TABLE_KEPT_MAX)) {
    drop_table(L, channel, index);
  }
  return XIO_OK;
}

int xiol_channel_push_missed(lua_State *L, xiol_channel *channel) {
  if (XIO_LIKELY(channel->core.missed == 0)) return 1;
  lua_pushinteger(L, xio_channel_take_missed(&channel->core));
  return 2;
}

void xiol_channel_clear(lua_State *L, xiol_channel *channel, int index) {
  if (channel->in_table) {
    drop_table(L, channel, index);
    return;
  }
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  for (uint32_t slot = 0; slot < channel->core.slots; slot++) {
    lua_pushnil(L);
    lua_setiuservalue(L, -2, VALUE_SLOTS + (int)slot);
  }
  lua_pop(L, 1);
}
