/* thread_channel: the ends of thread channels as Lua sees them (core/thread_channel.h).
 *
 * An item is a message with one value. A handle names one end, which other states may
 * name too: closed by one, it is closed for all. A channel that was made in a run ends
 * with it: the receiver's box, if it still exists then, is an object of the loop and
 * closes its end. The thread of the Lua state. */
#include "../core/thread_channel.h"

#include <math.h>
#include <string.h>

#include "shared.h"
#include "sync.h"

typedef enum late_mode { LATE_TELLS, LATE_RAISES, LATE_DROPS } late_mode;

enum {
  END_CLOSER = 1,
  END_USER_VALUES = 1
}; /* the task that closed it, if of this state */

typedef struct end_box {
  xiol_shared_box box;    /* first */
  xio_loop_object object; /* of a receiver, in the loop that it was made in */
} end_box;

/* -- boxes --------------------------------------------------------------------------- */

static const xiol_shared_class class_sender;
static const xiol_shared_case receiver_case;

static void expose_end(void *core) {
  xio_shared_expose(xio_thread_end_shared(core));
}

static void ref_end(void *core) {
  xio_thread_end_ref(core);
}

static void unref_end(void *core) {
  xio_thread_end_unref(core, NULL);
}

static void unref_end_here(void *core, const xio_loop *here) {
  xio_thread_end_unref(core, here);
}

static void push_sender(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &class_sender, core);
}

static void push_receiver(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &xiol_class_thread_receiver, core);
}

/* The loop ends, and with it the channel that was made in it. */
static void close_with_loop(xio_loop_object *object) {
  end_box *self = XIO_CONTAINER_OF(object, end_box, object);
  xio_list_remove(&object->link);
  xio_thread_end_close(self->box.core, NULL);
}

static void collect_end(xiol_shared_box *box) {
  end_box *self = XIO_CONTAINER_OF(box, end_box, box);
  if (self->object.close != NULL) xio_list_remove(&self->object.link);
}

static void make_sender(lua_State *L, xiol_state *state);
static void make_receiver(lua_State *L, xiol_state *state);

static const xiol_shared_class class_sender = {.kind = {"xio.ThreadSender"},
                                               .shareable = {.kind = &class_sender.kind,
                                                             .share = xiol_shared_share,
                                                             .push = push_sender,
                                                             .unref = unref_end},
                                               .metatable = XIOL_REF_THREAD_SENDER,
                                               .make = make_sender,
                                               .size = sizeof(end_box),
                                               .user_values = END_USER_VALUES,
                                               .expose = expose_end,
                                               .ref = ref_end,
                                               .unref = unref_end_here};

const xiol_shared_class xiol_class_thread_receiver = {
    .kind = {"xio.ThreadReceiver"},
    .shareable = {.kind = &xiol_class_thread_receiver.kind,
                  .share = xiol_shared_share,
                  .push = push_receiver,
                  .unref = unref_end},
    .metatable = XIOL_REF_THREAD_RECEIVER,
    .make = make_receiver,
    .size = sizeof(end_box),
    .user_values = END_USER_VALUES,
    .collect = collect_end,
    .selects = &receiver_case,
    .expose = expose_end,
    .ref = ref_end,
    .unref = unref_end_here};

/* Either kind of end at 1. */
static xio_thread_end *check_end(lua_State *L, const char *function) {
  if (xiol_test(L, 1, &class_sender.kind) != NULL) {
    return xiol_shared_check(L, 1, &class_sender, function);
  }
  if (xiol_test(L, 1, &xiol_class_thread_receiver.kind) != NULL) {
    return xiol_shared_check(L, 1, &xiol_class_thread_receiver, function);
  }
  xiol_type_error(L, function, 1, "xio.ThreadSender or xio.ThreadReceiver");
  return NULL;
}

/* -- results ------------------------------------------------------------------------- */

static int push_closed(lua_State *L) {
  lua_pushnil(L);
  lua_pushliteral(L, "closed");
  return 2;
}

static bool in_task(const xiol_state *state) {
  return state->runtime != NULL && state->runtime->loop->queue.running != NULL;
}

/* Raises where the running task itself has closed the end at `index`. */
static void check_misuse(lua_State *L, xiol_state *state, int index,
                         const xio_thread_end *end, const char *function) {
  if (!in_task(state)) return;
  lua_getiuservalue(L, index, END_CLOSER);
  xiol_push_task(L, xiol_task_of(state->runtime->loop->queue.running));
  if (lua_rawequal(L, -1, -2)) {
    xiol_fail(L, "%s: this task has closed the %s itself: close it after its last use",
              function, end->sends ? "sender" : "receiver");
  }
  lua_pop(L, 2);
}

/* What a send returns whose item was not taken. */
static int push_late(lua_State *L, xiol_state *state, xio_thread_end *end,
                     const char *function) {
  switch (xio_thread_end_mode(end)) {
    case LATE_RAISES:
      lua_pushfstring(L, "%s: the channel is closed", function);
      xiol_push_error(L, state, "ECLOSED", "send");
      return lua_error(L);
    case LATE_DROPS:
      xio_thread_end_count_dropped(end);
      lua_pushboolean(L, 1);
      return 1;
    default: check_misuse(L, state, 1, end, function); return push_closed(L);
  }
}

static int push_sent(lua_State *L, xiol_state *state, xio_thread_end *end, int status,
                     const char *function) {
  if (status != XIO_OK) return push_late(L, state, end, function);
  lua_pushboolean(L, 1);
  return 1;
}

/* What a receive by the end at `index` returns that ended with `status`, with `item` if
 * that is XIO_OK. */
static int push_received(lua_State *L, xiol_state *state, int index, xio_item *item,
                         int status, const char *function) {
  if (XIO_LIKELY(status == XIO_OK)) {
    return xiol_take_message(L, state, XIO_CONTAINER_OF(item, xiol_message, item));
  }
  xio_thread_end *end = ((const xiol_shared_box *)lua_touserdata(L, index))->core;
  const xio_item *failure = status == XIO_EOF ? xio_thread_end_failure(end) : NULL;
  if (failure != NULL) {
    xiol_copy_in(L, state, XIO_CONTAINER_OF(failure, const xiol_message, item));
    return xiol_rethrow(L, state);
  }
  if (status == XIO_ECLOSED) check_misuse(L, state, index, end, function);
  return push_closed(L);
}

static void free_item(xio_item *item) {
  xiol_message_free(XIO_CONTAINER_OF(item, xiol_message, item));
}

/* As a case of xio.select. */
static int attempt_recv(void *core, xio_item **item, xio_shared_wait *watcher,
                        void (*on_ready)(xio_shared_wait *watcher),
                        const xio_loop *here) {
  if (watcher == NULL) return xio_thread_try_recv(core, item, here);
  return xio_thread_watch_recv(core, item, watcher, on_ready, here);
}

static int deliver_recv(lua_State *L, xiol_state *state, int index, xio_item *item,
                        int status) {
  return push_received(L, state, index, item, status, "xio.select");
}

static xio_shared *shared_of_end(void *core) {
  return xio_thread_end_shared(core);
}

static const xiol_shared_case receiver_case = {
    .shared = shared_of_end, .attempt = attempt_recv, .deliver = deliver_recv};

/* -- sending ------------------------------------------------------------------------- */

enum { NOT_PARKED, PARKED };

static const char send_name[] = "sender:send";
static const char recv_name[] = "receiver:recv";

/* The value to send, at 2, as a message. */
static xiol_message *copy_value(lua_State *L, xiol_state *state, const char *function) {
  if (lua_isnoneornil(L, 2)) {
    xiol_arg_error(L, function, 2, "any value but nil expected");
  }
  return xiol_copy_out(L, state, 2, 1, XIOL_COPY_VALUE, function);
}

static int finish_send(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (context == PARKED) {
    xio_item *back = xio_shared_take(&task->core.wait);
    if (back != NULL) free_item(back);
  }
  xiol_check_cancelled(L, state, task, status);
  return push_sent(L, state, check_end(L, send_name), status, send_name);
}

/* Outside of every run the thread blocks, where another one could end that. */
static int send_outside(lua_State *L, xiol_state *state, xio_thread_end *end) {
  bool exposed = xiol_shared_exposed(xio_thread_end_shared(end));
  xio_blocker *blocker = exposed ? xiol_blocker(L, state) : NULL;
  xiol_message *message = copy_value(L, state, send_name);
  int status = exposed ? xio_thread_send_blocking(end, &message->item, blocker)
                       : xio_thread_try_send(end, &message->item, NULL);
  if (status != XIO_OK) xiol_message_free(message);
  if (status == XIO_EAGAIN) {
    xiol_shared_enter(L, state, xio_thread_end_shared(end), &blocker, send_name);
  }
  xiol_check_interrupted(L, state, status, send_name);
  return push_sent(L, state, end, status, send_name);
}

/* send(v): true; or nil, "closed". */
static int sender_send(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = xiol_shared_check(L, 1, &class_sender, send_name);
  if (state->runtime == NULL) return send_outside(L, state, end);
  xiol_task *task = xiol_enter(L, state, send_name);
  xiol_message *message = copy_value(L, state, send_name);
  if (xio_task_begin(&task->core) != XIO_OK) {
    xiol_message_free(message);
    return xiol_yield(L, NOT_PARKED, finish_send);
  }
  int status = xio_thread_send(end, &message->item, task->runtime->loop, &task->core);
  if (status == XIO_EAGAIN) return xiol_yield(L, PARKED, finish_send);
  if (status != XIO_OK) xiol_message_free(message);
  if (status != XIO_OK && status != XIO_ECLOSED) {
    return xiol_shared_fail(L, status, send_name);
  }
  if (!xiol_sync_done(task, status)) return xiol_yield(L, NOT_PARKED, finish_send);
  return push_sent(L, state, end, status, send_name);
}

/* try_send(v): true; or nil, "full"; or nil, "closed". */
static int sender_try_send(lua_State *L) {
  static const char function[] = "sender:try_send";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = xiol_shared_check(L, 1, &class_sender, function);
  xiol_message *message = copy_value(L, state, function);
  int status = xio_thread_try_send(end, &message->item, xiol_loop_here(state));
  if (status != XIO_OK) xiol_message_free(message);
  if (status != XIO_EAGAIN) return push_sent(L, state, end, status, function);
  lua_pushnil(L);
  lua_pushliteral(L, "full");
  return 2;
}

/* -- receiving ----------------------------------------------------------------------- */

static xio_thread_end *check_receiver(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &xiol_class_thread_receiver, function);
}

static int finish_recv(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xio_item *item = context == PARKED ? xio_shared_take(&task->core.wait) : NULL;
  xiol_check_cancelled(L, state, task, status);
  if (context != PARKED && status == XIO_OK) return 1; /* it was received before */
  return push_received(L, state, 1, item, status, recv_name);
}

static int recv_outside(lua_State *L, xiol_state *state, xio_thread_end *end) {
  bool exposed = xiol_shared_exposed(xio_thread_end_shared(end));
  xio_blocker *blocker = exposed ? xiol_blocker(L, state) : NULL;
  xio_item *item = NULL;
  int status = exposed ? xio_thread_recv_blocking(end, &item, blocker)
                       : xio_thread_try_recv(end, &item, NULL);
  if (status == XIO_EAGAIN) {
    xiol_shared_enter(L, state, xio_thread_end_shared(end), &blocker, recv_name);
  }
  xiol_check_interrupted(L, state, status, recv_name);
  return push_received(L, state, 1, item, status, recv_name);
}

/* recv(): the next item; or nil, "closed". Also what a generic for calls. */
static int receiver_recv(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_receiver(L, recv_name);
  lua_settop(L, 1);
  if (state->runtime == NULL) return recv_outside(L, state, end);
  xiol_task *task = xiol_enter(L, state, recv_name);
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, NOT_PARKED, finish_recv);
  }
  xio_item *item = NULL;
  int status = xio_thread_recv(end, &item, task->runtime->loop, &task->core);
  if (status == XIO_EAGAIN) return xiol_yield(L, PARKED, finish_recv);
  if (status != XIO_OK && status != XIO_EOF && status != XIO_ECLOSED) {
    return xiol_shared_fail(L, status, recv_name);
  }
  int count = 0;
  if (status == XIO_OK) {
    count = push_received(L, state, 1, item, status, recv_name);
  }
  if (!xiol_sync_done(task, status)) return xiol_yield(L, NOT_PARKED, finish_recv);
  if (status == XIO_OK) return count;
  return push_received(L, state, 1, NULL, status, recv_name);
}

/* try_recv(): the next item; or nil, "empty"; or nil, "closed". */
static int receiver_try_recv(lua_State *L) {
  static const char function[] = "receiver:try_recv";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_receiver(L, function);
  xio_item *item = NULL;
  int status = xio_thread_try_recv(end, &item, xiol_loop_here(state));
  if (status != XIO_EAGAIN) return push_received(L, state, 1, item, status, function);
  lua_pushnil(L);
  lua_pushliteral(L, "empty");
  return 2;
}

/* A number of items, "math.huge" being XIO_THREAD_CHANNEL_UNBOUNDED. */
static uint32_t check_count(lua_State *L, int index, uint32_t otherwise,
                            const char *function) {
  if (lua_isnoneornil(L, index)) return otherwise;
  int exact = 0;
  lua_Number number = lua_type(L, index) == LUA_TNUMBER ? lua_tonumber(L, index) : -1;
  lua_Integer whole = lua_tointegerx(L, index, &exact);
  bool huge = number >= (lua_Number)XIO_THREAD_CHANNEL_UNBOUNDED;
  if (!(number >= 0) || (!exact && !huge)) {
    xiol_arg_error(L, function, index, "integer of at least 0, or math.huge, expected");
  }
  return huge ? XIO_THREAD_CHANNEL_UNBOUNDED : (uint32_t)whole;
}

/* drain([n]): a list of what can be received now, at most n items. */
static int receiver_drain(lua_State *L) {
  static const char function[] = "receiver:drain";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_receiver(L, function);
  uint32_t count = check_count(L, 2, XIO_THREAD_CHANNEL_UNBOUNDED, function);
  if (!xio_thread_end_open(end)) {
    check_misuse(L, state, 1, end, function);
    return push_closed(L);
  }
  lua_settop(L, 1);
  lua_newtable(L);
  for (uint32_t i = 1; i <= count; i++) {
    xio_item *item = NULL;
    if (xio_thread_try_recv(end, &item, xiol_loop_here(state)) != XIO_OK) break;
    xiol_take_message(L, state, XIO_CONTAINER_OF(item, xiol_message, item));
    lua_rawseti(L, 2, i);
  }
  return 1;
}

/* -- both ---------------------------------------------------------------------------- */

/* The running task is the one that closes the end at 1. */
static void note_closer(lua_State *L, xiol_state *state) {
  if (!in_task(state)) return;
  xiol_push_task(L, xiol_task_of(state->runtime->loop->queue.running));
  lua_setiuservalue(L, 1, END_CLOSER);
}

static int end_close(lua_State *L) {
  static const char function[] = "channel:close";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_end(L, function);
  bool first = xio_thread_end_close(end, xiol_loop_here(state));
  if (first) note_closer(L, state);
  lua_pushboolean(L, first);
  return 1;
}

/* fail(e): ends the channel with an error, and closes the end if it is a sender. */
static int end_fail(lua_State *L) {
  static const char function[] = "channel:fail";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_end(L, function);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "a channel was failed with the value nil");
    xiol_push_error(L, state, "ENIL", "fail");
    lua_replace(L, 2);
  }
  xiol_message *error = xiol_copy_error_out(L, state, 2);
  bool was_open = xio_thread_end_open(end);
  bool first = xio_thread_end_fail(end, &error->item, xiol_loop_here(state));
  if (!first) xiol_message_free(error);
  if (was_open && end->sends) note_closer(L, state);
  lua_pushboolean(L, first);
  return 1;
}

/* clone(): another end of the same kind, to be closed on its own. */
static int end_clone(lua_State *L) {
  static const char function[] = "channel:clone";
  xiol_state *state = xiol_state_of(L);
  xio_thread_end *end = check_end(L, function);
  lua_settop(L, 1);
  xiol_shared_box *box =
      xiol_shared_new(L, state, end->sends ? &class_sender : &xiol_class_thread_receiver);
  xio_thread_end *clone = NULL;
  int status = xio_thread_end_clone(end, &clone);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) {
    check_misuse(L, state, 1, end, function);
    return push_closed(L);
  }
  xiol_shared_fill(L, state, box, clone);
  return 1;
}

static void push_capacity(lua_State *L, uint32_t capacity) {
  if (capacity == XIO_THREAD_CHANNEL_UNBOUNDED) {
    lua_pushnumber(L, (lua_Number)HUGE_VAL);
  } else {
    lua_pushinteger(L, capacity);
  }
}

static int end_stats(lua_State *L) {
  xio_thread_channel_stat stat = xio_thread_end_stat(check_end(L, "channel:stats"));
  lua_createtable(L, 0, 8);
  push_capacity(L, stat.capacity);
  lua_setfield(L, -2, "capacity");
  xiol_sync_set(L, "buffered", stat.buffered);
  xiol_sync_set(L, "senders", stat.senders);
  xiol_sync_set(L, "receivers", stat.receivers);
  xiol_sync_set(L, "waiting", stat.waiting);
  xiol_sync_set(L, "sent", (lua_Integer)stat.sent);
  xiol_sync_set(L, "received", (lua_Integer)stat.received);
  xiol_sync_set(L, "dropped", (lua_Integer)stat.dropped);
  return 1;
}

static int end_tostring(lua_State *L) {
  const xio_thread_end *end = check_end(L, "channel.__tostring");
  xio_thread_channel_stat stat = xio_thread_end_stat(end);
  push_capacity(L, stat.capacity);
  lua_pushfstring(L, "thread %s (%s, %d of %s buffered)",
                  end->sends ? "sender" : "receiver",
                  xio_thread_end_open(end) ? "open" : "closed", (int)stat.buffered,
                  luaL_tolstring(L, -1, NULL));
  return 1;
}

/* -- channels ------------------------------------------------------------------------ */

static late_mode check_late(lua_State *L, int index, const char *function) {
  static const char *const allowed[] = {"late", NULL};
  if (lua_isnoneornil(L, index)) return LATE_TELLS;
  if (!lua_istable(L, index)) xiol_type_error(L, function, index, "table");
  xiol_check_fields(L, index, allowed, function);
  xiol_check_option_string(L, index, "late", function);
  if (lua_getfield(L, index, "late") == LUA_TNIL) return LATE_TELLS;
  const char *late = lua_tostring(L, -1);
  if (strcmp(late, "raise") == 0) return LATE_RAISES;
  if (strcmp(late, "drop") == 0) return LATE_DROPS;
  xiol_arg_error(L, function, index, "late: \"raise\" or \"drop\" expected");
  return LATE_TELLS;
}

/* thread_channel([capacity [, options]]): a sender and a receiver. */
static int l_thread_channel(lua_State *L) {
  static const char function[] = "xio.thread.channel";
  xiol_state *state = xiol_state_of(L);
  uint32_t capacity = check_count(L, 1, 0, function);
  late_mode late = check_late(L, 2, function);
  lua_settop(L, 0);
  xiol_shared_box *sender = xiol_shared_new(L, state, &class_sender);
  xiol_shared_box *receiver = xiol_shared_new(L, state, &xiol_class_thread_receiver);
  xio_thread_end *tx = NULL;
  xio_thread_end *rx = NULL;
  int status = xio_thread_channel_new(capacity, (uint8_t)late, free_item, &tx, &rx);
  if (status != XIO_OK) xiol_raise_memory(L);
  sender->core = tx; /* now each has an owner, whatever happens */
  receiver->core = rx;
  xiol_shared_fill(L, state, receiver, rx);
  lua_pushvalue(L, 1);
  xiol_shared_fill(L, state, sender, tx);
  lua_settop(L, 2);
  if (state->runtime != NULL) {
    end_box *self = XIO_CONTAINER_OF(receiver, end_box, box);
    self->object.close = close_with_loop;
    xio_list_init(&self->object.link);
    xio_list_push_back(&state->runtime->loop->objects, &self->object.link);
  }
  return 2;
}

static void make_sender(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"send", sender_send}, {"try_send", sender_try_send},
                                     {"close", end_close},  {"fail", end_fail},
                                     {"clone", end_clone},  {"stats", end_stats},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__close", end_close}, {"__tostring", end_tostring}, {NULL, NULL}};
  xiol_shared_make(L, state, &class_sender, methods, NULL, meta);
}

static void make_receiver(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"recv", receiver_recv},   {"try_recv", receiver_try_recv},
      {"drain", receiver_drain}, {"close", end_close},
      {"fail", end_fail},        {"clone", end_clone},
      {"stats", end_stats},      {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__close", end_close},
                                  {"__tostring", end_tostring},
                                  {"__call", receiver_recv},
                                  {NULL, NULL}};
  xiol_shared_make(L, state, &xiol_class_thread_receiver, methods, NULL, meta);
}

void xiol_open_thread_channel(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"thread_channel", l_thread_channel},
                                       {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
