/* channel: the ends of channels as Lua sees them. See channel.h for who keeps which
 * value.
 *
 * Each operation takes effect in one step, in which nothing allocates: the core
 * decides, and the values are carried accordingly. What may raise comes before it. */
#include "channel.h"

#include <math.h>

const xiol_kind xiol_kind_sender = {"xio.Sender"};
const xiol_kind xiol_kind_receiver = {"xio.Receiver"};

/* -- results ----------------------------------------------------------------------- */

static int push_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

int xiol_channel_push_sent(lua_State *L, int status) {
  if (status != XIO_OK) return push_closed(L);
  lua_pushboolean(L, 1);
  return 1;
}

int xiol_channel_push_ended(lua_State *L, xiol_state *state, int end, int status) {
  const xiol_channel_end *box = lua_touserdata(L, end);
  if (status == XIO_EOF && box->channel->core.failed) {
    lua_getiuservalue(L, end, XIOL_END_CHANNEL);
    lua_getiuservalue(L, -1, XIOL_CHANNEL_FAILURE);
    return xiol_rethrow(L, state);
  }
  return push_closed(L);
}

/* -- ends -------------------------------------------------------------------------- */

static const char *noun(const xiol_channel_end *end) {
  return end->kind == &xiol_kind_sender ? "sender" : "receiver";
}

void xiol_channel_check_misuse(lua_State *L, xiol_state *state, int index,
                               const char *function) {
  const xiol_channel_end *end = lua_touserdata(L, index);
  if (state->runtime == NULL || state->runtime->loop->queue.running == NULL) return;
  lua_getiuservalue(L, index, XIOL_END_CLOSER);
  xiol_push_task(L, xiol_task_of(state->runtime->loop->queue.running));
  if (lua_rawequal(L, -1, -2)) {
    xiol_fail(L, "%s: this task has closed the %s itself: close it after its last use",
              function, noun(end));
  }
  lua_pop(L, 2);
}

/* Pushes a new open end of the channel at `store`. */
static void push_end(lua_State *L, xiol_state *state, xiol_channel *channel, int store,
                     bool sends) {
  xiol_channel_end *end = lua_newuserdatauv(L, sizeof *end, XIOL_END_CLOSER);
  *end = (xiol_channel_end){.kind = sends ? &xiol_kind_sender : &xiol_kind_receiver,
                            .channel = channel};
  lua_pushvalue(L, store);
  lua_setiuservalue(L, -2, XIOL_END_CHANNEL);
  xiol_push_ref(L, state, sends ? XIOL_REF_SENDER : XIOL_REF_RECEIVER);
  lua_setmetatable(L, -2);
  end->number = sends ? xio_channel_open_sender(&channel->core)
                      : xio_channel_open_receiver(&channel->core);
  end->open = true;
}

/* Closes the end at `index`; also in finalizers: raises and allocates nothing. Returns
 * whether it was open. */
static bool close_end(lua_State *L, xiol_channel_end *end, int index) {
  if (end == NULL || !end->open) return false;
  xio_channel *core = &end->channel->core;
  end->open = false;
  if (end->kind == &xiol_kind_sender) {
    xio_channel_close_sender(core, end->number);
  } else {
    xio_channel_close_receiver(core, end->number);
    if (core->receivers == 0) xiol_channel_clear(L, end->channel, index);
  }
  XIO_CHECK(xio_channel_valid(core));
  return true;
}

/* Either kind of end at 1. */
static xiol_channel_end *check_end(lua_State *L, const char *function) {
  xiol_channel_end *end = xiol_test(L, 1, &xiol_kind_sender);
  if (end == NULL) end = xiol_test(L, 1, &xiol_kind_receiver);
  if (end == NULL) xiol_type_error(L, function, 1, "xio.Sender or xio.Receiver");
  return end;
}

/* The running task is the one that closed the end at 1. */
static void note_closer(lua_State *L, xiol_state *state) {
  if (state->runtime == NULL || state->runtime->loop->queue.running == NULL) return;
  xiol_push_task(L, xiol_task_of(state->runtime->loop->queue.running));
  lua_setiuservalue(L, 1, XIOL_END_CLOSER);
}

static int end_close(lua_State *L) {
  xiol_channel_end *end = check_end(L, "channel:close");
  if (end->open) note_closer(L, xiol_state_of(L));
  lua_pushboolean(L, close_end(L, end, 1));
  return 1;
}

static int end_gc(lua_State *L) {
  xiol_channel_end *end = xiol_test(L, 1, &xiol_kind_sender);
  if (end == NULL) end = xiol_test(L, 1, &xiol_kind_receiver);
  if (end != NULL && end->channel != NULL) close_end(L, end, 1);
  return 0;
}

/* fail(e): ends the channel with an error, and closes the end if it is a sender. */
static int end_fail(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_channel_end *end = check_end(L, "channel:fail");
  lua_settop(L, 2);
  bool first = end->open && !end->channel->core.failed && end->channel->core.senders != 0;
  if (first) {
    if (lua_isnil(L, 2)) {
      lua_pop(L, 1);
      lua_pushliteral(L, "a channel was failed with the value nil");
      xiol_push_error(L, state, "ENIL", "fail");
    }
    lua_getiuservalue(L, 1, XIOL_END_CHANNEL);
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, -2, XIOL_CHANNEL_FAILURE);
    first = xio_channel_fail(&end->channel->core);
  }
  if (end->open && end->kind == &xiol_kind_sender) {
    note_closer(L, state);
    close_end(L, end, 1);
  }
  lua_pushboolean(L, first);
  return 1;
}

/* clone(): another end of the same kind, to be closed on its own. */
static int end_clone(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_channel_end *end = check_end(L, "channel:clone");
  lua_settop(L, 1);
  if (!end->open) {
    bool sends = end->kind == &xiol_kind_sender;
    xiol_channel_check_misuse(L, state, 1, sends ? "sender:clone" : "receiver:clone");
    return push_closed(L);
  }
  lua_getiuservalue(L, 1, XIOL_END_CHANNEL);
  push_end(L, state, end->channel, 2, end->kind == &xiol_kind_sender);
  return 1;
}

static void set_count(lua_State *L, const char *field, uint64_t count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, field);
}

static void push_capacity(lua_State *L, const xio_channel *core) {
  if (core->capacity == XIO_CHANNEL_UNBOUNDED) {
    lua_pushnumber(L, (lua_Number)HUGE_VAL);
  } else {
    lua_pushinteger(L, core->capacity);
  }
}

static int end_stats(lua_State *L) {
  const xio_channel *core = &check_end(L, "channel:stats")->channel->core;
  lua_createtable(L, 0, 7);
  push_capacity(L, core);
  lua_setfield(L, -2, "capacity");
  set_count(L, "buffered", core->buffered);
  set_count(L, "senders", core->senders);
  set_count(L, "receivers", core->receivers);
  set_count(L, "sent", core->sent);
  set_count(L, "received", core->received);
  set_count(L, "waiting",
            xio_list_count(&core->sending) + xio_list_count(&core->receiving));
  return 1;
}

static int end_tostring(lua_State *L) {
  const xiol_channel_end *end = check_end(L, "channel.__tostring");
  push_capacity(L, &end->channel->core);
  lua_pushfstring(L, "%s (%s, %d of %s buffered)", noun(end),
                  end->open ? "open" : "closed", (int)end->channel->core.buffered,
                  luaL_tolstring(L, -1, NULL));
  return 1;
}

/* -- operations -------------------------------------------------------------------- */

/* The end of `kind` at 1: a quick way to what xiol_check does. */
static inline xiol_channel_end *check_kind(lua_State *L, const xiol_kind *kind,
                                           const char *function) {
  xiol_channel_end *end = lua_touserdata(L, 1);
  if (XIO_LIKELY(end != NULL && lua_rawlen(L, 1) == sizeof *end && end->kind == kind)) {
    return end;
  }
  return xiol_check(L, 1, kind, function);
}

/* The sender at 1, with the value to send at 2. */
static inline xiol_channel_end *check_sender(lua_State *L, const char *function) {
  xiol_channel_end *end = check_kind(L, &xiol_kind_sender, function);
  if (XIO_UNLIKELY(lua_isnoneornil(L, 2))) {
    xiol_arg_error(L, function, 2, "any value but nil expected");
  }
  if (XIO_UNLIKELY(!end->open)) {
    xiol_channel_check_misuse(L, end->channel->state, 1, function);
  }
  return end;
}

static int finish_send(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  return xiol_channel_push_sent(L, status);
}

/* send(v): true; or nil, "closed". */
static int sender_send(lua_State *L) {
  static const char function[] = "sender:send";
  xiol_channel_end *end = check_sender(L, function);
  xiol_channel *channel = end->channel;
  lua_KContext context = (lua_KContext)channel->state;
  xiol_task *task = xiol_enter_quick(L, channel->state, function);
  if (XIO_LIKELY(end->open && xio_task_may_spend(&task->core) &&
                 xiol_channel_put(L, channel))) {
    task->core.wait.queue->budget--;
    lua_pushboolean(L, 1);
    return 1;
  }
  xiol_channel_reserve(L, channel, 1);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, context, finish_send);
  int status = XIO_ECLOSED;
  if (XIO_LIKELY(end->open)) status = xiol_channel_send(L, channel, 1, 2);
  if (status == XIO_EAGAIN) {
    xio_wait *wait = &task->core.wait;
    task->parked = L;
    wait->self.tag = 2;
    xio_wait_park(wait, &xio_channel_send_ops, end);
    xio_channel_await_send(&channel->core, &wait->self, end->number);
    return xiol_yield(L, context, finish_send);
  }
  if (XIO_LIKELY(xio_task_spend(&task->core))) return xiol_channel_push_sent(L, status);
  xio_wait_reschedule(&task->core.wait, status);
  return xiol_yield(L, context, finish_send);
}

/* try_send(v): true; or nil, "full"; or nil, "closed". */
static int sender_try_send(lua_State *L) {
  xiol_channel_end *end = check_sender(L, "sender:try_send");
  xiol_channel_reserve(L, end->channel, 1);
  int status = end->open ? xiol_channel_send(L, end->channel, 1, 2) : XIO_ECLOSED;
  if (status != XIO_EAGAIN) return xiol_channel_push_sent(L, status);
  lua_pushnil(L);
  lua_pushliteral(L, "full");
  return 2;
}

static inline xiol_channel_end *check_receiver(lua_State *L, const char *function) {
  xiol_channel_end *end = check_kind(L, &xiol_kind_receiver, function);
  if (XIO_UNLIKELY(!end->open)) {
    xiol_channel_check_misuse(L, end->channel->state, 1, function);
  }
  return end;
}

/* The item is at the top. */
static int finish_recv(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  return status == XIO_OK ? 1 : xiol_channel_push_ended(L, state, 1, status);
}

/* The item is at the top, and above it the number of those that were lost. */
static int finish_recv_missed(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_resumed(L, (xiol_state *)context);
  return 2;
}

/* recv(): the next item, and how many were lost before it if any; or nil, "closed". Also
 * what a generic for calls. */
static int receiver_recv(lua_State *L) {
  static const char function[] = "receiver:recv";
  xiol_channel_end *end = check_receiver(L, function);
  xiol_channel *channel = end->channel;
  lua_KContext context = (lua_KContext)channel->state;
  xiol_task *task = xiol_enter_quick(L, channel->state, function);
  if (XIO_LIKELY(end->open && xio_task_may_spend(&task->core) &&
                 xiol_channel_get(L, channel))) {
    task->core.wait.queue->budget--;
    return 1;
  }
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, context, finish_recv);
  int status = XIO_ECLOSED;
  if (XIO_LIKELY(end->open)) status = xiol_channel_receive(L, channel, 1);
  if (status == XIO_EAGAIN) {
    xio_wait *wait = &task->core.wait;
    task->parked = L;
    xio_wait_park(wait, &xio_channel_receive_ops, end);
    xio_channel_await_receive(&channel->core, &wait->self, end->number);
    return xiol_yield(L, context, finish_recv);
  }
  int values = status == XIO_OK ? xiol_channel_push_missed(L, channel) : 0;
  if (XIO_UNLIKELY(!xio_task_spend(&task->core))) {
    xio_wait_reschedule(&task->core.wait, status);
    return xiol_yield(L, context, values == 2 ? finish_recv_missed : finish_recv);
  }
  return values != 0 ? values : xiol_channel_push_ended(L, channel->state, 1, status);
}

/* try_recv(): the next item; or nil, "empty"; or nil, "closed". */
static int receiver_try_recv(lua_State *L) {
  xiol_channel_end *end = check_receiver(L, "receiver:try_recv");
  int status = end->open ? xiol_channel_receive(L, end->channel, 1) : XIO_ECLOSED;
  if (status == XIO_OK) return xiol_channel_push_missed(L, end->channel);
  if (status != XIO_EAGAIN) {
    return xiol_channel_push_ended(L, end->channel->state, 1, status);
  }
  lua_pushnil(L);
  lua_pushliteral(L, "empty");
  return 2;
}

/* A count at `index`, or as many as possible where there is none; UINT32_MAX is no
 * limit. */
static uint32_t check_count(lua_State *L, int index, uint32_t otherwise,
                            const char *function) {
  if (lua_isnoneornil(L, index)) return otherwise;
  if (lua_type(L, index) != LUA_TNUMBER) xiol_type_error(L, function, index, "number");
  lua_Number number = lua_tonumber(L, index);
  if (!(number >= 0) || (!isinf((double)number) && number != floor(number))) {
    xiol_arg_error(L, function, index, "integer of at least 0, or math.huge, expected");
  }
  return number >= (lua_Number)UINT32_MAX ? UINT32_MAX : (uint32_t)number;
}

/* drain([n]): a list of what can be received now, at most n items. */
static int receiver_drain(lua_State *L) {
  static const char function[] = "receiver:drain";
  xiol_channel_end *end = check_receiver(L, function);
  uint32_t count = check_count(L, 2, UINT32_MAX, function);
  if (!end->open) return push_closed(L);
  xio_channel *core = &end->channel->core;
  uint64_t most = (uint64_t)core->buffered + xio_list_count(&core->sending);
  if (count > most) count = (uint32_t)most;
  lua_settop(L, 1);
  lua_createtable(L, (int)count, 0);
  /* nothing below allocates: what was received is in the list */
  for (uint32_t i = 1; i <= count; i++) {
    if (xiol_channel_receive(L, end->channel, 1) != XIO_OK) break;
    lua_rawseti(L, 2, i);
    lua_settop(L, 2);
  }
  xio_channel_take_missed(core);
  return 1;
}

/* -- channels ---------------------------------------------------------------------- */

/* Pushes both ends of a new channel. */
static int push_channel(lua_State *L, uint32_t capacity, bool lossy) {
  xiol_state *state = xiol_state_of(L);
  lua_settop(L, 0);
  xiol_channel *channel = xiol_channel_push(L, state, capacity, lossy);
  push_end(L, state, channel, 1, true);
  push_end(L, state, channel, 1, false);
  return 2;
}

/* channel([capacity]): a sender and a receiver. */
static int l_channel(lua_State *L) {
  return push_channel(L, check_count(L, 1, 0, "xio.channel"), false);
}

/* lossy_channel(capacity): the same, where sending to a full one loses the oldest
 * item. */
static int l_lossy_channel(lua_State *L) {
  uint32_t capacity = check_count(L, 1, 0, "xio.broadcast");
  if (capacity == 0) {
    return xiol_arg_error(L, "xio.broadcast", 1,
                          "integer of at least 1, or math.huge, expected");
  }
  return push_channel(L, capacity, true);
}

const luaL_Reg xiol_channel_functions[] = {
    {"channel", l_channel}, {"lossy_channel", l_lossy_channel}, {NULL, NULL}};

void xiol_open_channel(lua_State *L, xiol_state *state) {
  static const luaL_Reg sender[] = {{"send", sender_send}, {"try_send", sender_try_send},
                                    {"close", end_close},  {"fail", end_fail},
                                    {"clone", end_clone},  {"stats", end_stats},
                                    {NULL, NULL}};
  static const luaL_Reg receiver[] = {
      {"recv", receiver_recv},   {"try_recv", receiver_try_recv},
      {"drain", receiver_drain}, {"close", end_close},
      {"fail", end_fail},        {"clone", end_clone},
      {"stats", end_stats},      {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", end_gc},
                                  {"__close", end_close},
                                  {"__tostring", end_tostring},
                                  {NULL, NULL}};
  static const luaL_Reg receiver_meta[] = {{"__gc", end_gc},
                                           {"__close", end_close},
                                           {"__tostring", end_tostring},
                                           {"__call", receiver_recv},
                                           {NULL, NULL}};
  xiol_make_plain_class(L, state, &xiol_kind_sender, meta, sender, NULL);
  xiol_keep(L, state, XIOL_REF_SENDER);
  xiol_make_plain_class(L, state, &xiol_kind_receiver, receiver_meta, receiver, NULL);
  xiol_keep(L, state, XIOL_REF_RECEIVER);
}
