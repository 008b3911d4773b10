/* item: what channels carry, and how it gets from one side to the other. See channel.h
 * for who keeps which value.
 *
 * Each operation takes effect in one step, in which nothing allocates: the core
 * decides, and the values are carried accordingly. What may raise comes before it.
 * Loop's thread. Not here: the ends, and who waits (channel.c). */
#include "channel.h"

enum {
  STORE_CAPACITY_MAX = 256, /* items that a thread keeps */
  STORE_FIRST = 16,         /* items that it has room for at first, as every thread has */
  TABLE_FIRST = 64,
  TABLE_KEPT_MAX = 1024 /* a larger table is let go of when it is empty */
};

/* User value of a channel behind XIOL_CHANNEL_FAILURE: the thread, or the table. */
enum { VALUE_ITEMS = XIOL_CHANNEL_FAILURE + 1 };

static inline void note_empty(xiol_channel *channel) {
  channel->oldest = XIOL_CHANNEL_NIL + 1;
  channel->newest = XIOL_CHANNEL_NIL;
}

xiol_channel *xiol_channel_push(lua_State *L, xiol_state *state, uint32_t capacity,
                                bool lossy) {
  xiol_channel *channel = lua_newuserdatauv(L, sizeof *channel, VALUE_ITEMS);
  channel->state = state;
  channel->store = NULL;
  channel->in_table = capacity > STORE_CAPACITY_MAX;
  note_empty(channel);
  channel->room = capacity == 0 ? XIOL_CHANNEL_NIL + 1 : XIOL_CHANNEL_NIL;
  xio_channel_init(&channel->core, capacity, lossy);
  if (!channel->in_table) xio_channel_set_slots(&channel->core, capacity);
  return channel;
}

/* -- the thread -------------------------------------------------------------------- */

/* Makes the thread; its finalizers may have made one meanwhile. */
static void make_store(lua_State *L, xiol_channel *channel, int index) {
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  lua_State *store = lua_newthread(L);
  if (channel->store == NULL) {
    lua_pushnil(store);
    lua_setiuservalue(L, -2, VALUE_ITEMS);
    channel->store = store;
    channel->room = XIOL_CHANNEL_NIL + STORE_FIRST;
  } else {
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

/* Moves the items down to the bottom. */
static void compact_store(xiol_channel *channel) {
  int gone = channel->oldest - XIOL_CHANNEL_NIL - 1;
  for (int i = channel->oldest; i <= channel->newest; i++) {
    lua_copy(channel->store, i, i - gone);
  }
  channel->oldest -= gone;
  channel->newest -= gone;
  lua_settop(channel->store, channel->newest);
}

/* Makes room above the newest item. Twice the capacity lets the items be moved down no
 * more often than each once. */
static void grow_store(lua_State *L, xiol_channel *channel) {
  int items = channel->newest - channel->oldest + 1;
  if (channel->newest - XIOL_CHANNEL_NIL >= 2 * items) {
    compact_store(channel);
    return;
  }
  int room = XIOL_CHANNEL_NIL + 2 * (int)channel->core.capacity;
  if (!lua_checkstack(channel->store, room + 2 - channel->newest)) xiol_raise_memory(L);
  channel->room = room;
}

/* Pops an item from `from` into the thread, which has room. */
static inline void put_in_store(xiol_channel *channel, lua_State *from) {
  XIO_ASSERT(channel->newest < channel->room);
  lua_xmove(from, channel->store, 1);
  channel->newest++;
}

/* Lets go of the oldest item. */
static inline void drop_oldest(xiol_channel *channel) {
  if (channel->oldest == channel->newest) {
    lua_settop(channel->store, XIOL_CHANNEL_NIL);
    note_empty(channel);
  } else {
    lua_copy(channel->store, XIOL_CHANNEL_NIL, channel->oldest);
    channel->oldest++;
  }
}

/* Pushes the oldest item, which the thread keeps no longer. */
static inline void take_from_store(lua_State *L, xiol_channel *channel) {
  if (channel->oldest == channel->newest) {
    lua_xmove(channel->store, L, 1);
    lua_settop(channel->store, XIOL_CHANNEL_NIL);
    note_empty(channel);
    return;
  }
  lua_pushvalue(channel->store, channel->oldest);
  lua_xmove(channel->store, L, 1);
  lua_copy(channel->store, XIOL_CHANNEL_NIL, channel->oldest);
  channel->oldest++;
}

/* -- the table --------------------------------------------------------------------- */

/* Lets go of the table, which has no items. */
static void drop_table(lua_State *L, xiol_channel *channel, int index) {
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  lua_pushnil(L);
  lua_setiuservalue(L, -2, VALUE_ITEMS);
  lua_pop(L, 1);
  xio_channel_set_slots(&channel->core, 0);
}

static void grow_table(lua_State *L, xiol_channel *channel, int index) {
  xio_channel *core = &channel->core;
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  int owner = lua_gettop(L);
  uint32_t size = core->slots < TABLE_FIRST / 2 ? TABLE_FIRST : core->slots * 2;
  if (size > core->capacity || size < core->slots) size = core->capacity;
  if (size > INT32_MAX) size = INT32_MAX;
  lua_createtable(L, (int)size, 0);
  if (core->buffered > size) { /* a finalizer has sent meanwhile, and grown it itself */
    lua_pop(L, 2);
    return;
  }
  lua_getiuservalue(L, owner, VALUE_ITEMS);
  for (uint32_t i = 0; i < core->buffered; i++) {
    uint32_t from = (uint32_t)(((uint64_t)core->first + i) % core->slots);
    lua_rawgeti(L, -1, (lua_Integer)from + 1);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
  }
  lua_pop(L, 1);
  lua_setiuservalue(L, owner, VALUE_ITEMS);
  lua_pop(L, 1);
  xio_channel_set_slots(core, size);
}

/* Pushes the table of the channel of the end at `index`. */
static void push_table(lua_State *L, int index) {
  lua_getiuservalue(L, index, XIOL_END_CHANNEL);
  lua_getiuservalue(L, -1, VALUE_ITEMS);
  lua_remove(L, -2);
}

/* -- room -------------------------------------------------------------------------- */

static bool needs_room(const xiol_channel *channel) {
  const xio_channel *core = &channel->core;
  if (channel->in_table && !xio_channel_needs_slot(core)) return false;
  return channel->newest == channel->room && core->receivers != 0 &&
         xio_list_empty(&core->receiving);
}

bool xiol_channel_grow(lua_State *L, xiol_channel *channel, int index) {
  bool grown = false;
  for (; needs_room(channel); grown = true) {
    xiol_need_stack(L, 8, NULL);
    if (channel->in_table) {
      grow_table(L, channel, index);
    } else if (channel->store == NULL) {
      make_store(L, channel, index);
    } else {
      grow_store(L, channel);
    }
  }
  return grown;
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
  xio_channel *core = &channel->core;
  xio_channel_move move;
  bool loses = core->lossy && core->buffered == core->capacity;
  int status = xio_channel_try_send(core, &move);
  if (status != XIO_OK) return status;
  XIO_CHECK(xio_channel_valid(core));
  if (XIO_UNLIKELY(channel->in_table && move.waiter == NULL)) {
    push_table(L, index);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, (lua_Integer)move.slot + 1); /* in its array: allocates nothing */
    return XIO_OK;
  }
  if (lua_gettop(L) != value) lua_pushvalue(L, value);
  if (move.waiter != NULL) {
    lua_xmove(L, stack_of(move.waiter), 1);
    return XIO_OK;
  }
  if (XIO_UNLIKELY(loses)) drop_oldest(channel);
  put_in_store(channel, L);
  return XIO_OK;
}

/* Receives the item in `slot` of the table; that of `waiter`, if any, takes its place. */
static void receive_from_table(lua_State *L, xiol_channel *channel, int index,
                               const xio_channel_move *move) {
  xio_channel *core = &channel->core;
  push_table(L, index);
  lua_rawgeti(L, -1, (lua_Integer)move->slot + 1);
  if (move->waiter != NULL) {
    push_from(L, move->waiter);
  } else {
    lua_pushnil(L);
  }
  lua_rawseti(L, -3, (lua_Integer)move->slot + 1);
  if (core->buffered == 0 && core->slots > TABLE_KEPT_MAX) drop_table(L, channel, index);
}

int xiol_channel_receive(lua_State *L, xiol_channel *channel, int index) {
  xio_channel_move move;
  int status = xio_channel_try_receive(&channel->core, &move);
  if (status != XIO_OK) return status;
  XIO_CHECK(xio_channel_valid(&channel->core));
  if (move.slot == XIO_CHANNEL_NO_SLOT) {
    push_from(L, move.waiter);
    return XIO_OK;
  }
  if (XIO_UNLIKELY(channel->in_table)) {
    receive_from_table(L, channel, index, &move);
    return XIO_OK;
  }
  take_from_store(L, channel);
  if (XIO_UNLIKELY(move.waiter != NULL)) {
    lua_State *of = stack_of(move.waiter);
    if (channel->newest == channel->room) compact_store(channel);
    lua_pushvalue(of, (int)move.waiter->tag);
    put_in_store(channel, of);
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
  if (channel->store == NULL) return;
  lua_settop(channel->store, XIOL_CHANNEL_NIL);
  note_empty(channel);
}
