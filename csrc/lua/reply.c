/* reply: a result that comes once, from any thread (core/reply.h).
 *
 * Its value is a message: the results, the one error, or the reason for which it was
 * cancelled. Each await makes its own copy of it; but in the state that settled it, whose
 * box keeps the values themselves. The thread of the Lua state. */
#include <string.h>

#include "shared.h"
#include "sync.h"

enum { REPLY_VALUES = 1 }; /* of the box: a table of them, with their number as `n` */

/* Settled with a status, without allocating. */
static const int statuses[] = {XIO_ECLOSED, XIO_ETIMEDOUT, XIO_ENOMEM};
enum { STATUSES = sizeof statuses / sizeof *statuses };

void *xiol_status_value(int status) {
  int i = 0;
  while (i < STATUSES - 1 && statuses[i] != status) i++;
  return (void *)(uintptr_t)&statuses[i];
}

/* The status that a value tells of, or XIO_OK. */
static int status_of(const void *value) {
  for (int i = 0; i < STATUSES; i++) {
    if (value == &statuses[i]) return statuses[i];
  }
  return XIO_OK;
}

void xiol_free_message_value(void *value) {
  if (status_of(value) == XIO_OK) xiol_message_free(value);
}

static void push_reply(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &xiol_class_reply, core);
}

static void expose_reply(void *core) {
  xio_shared_expose(&((xio_reply *)core)->shared);
}

static void ref_reply(void *core) {
  xio_reply_ref(core);
}

static void unref_reply(void *core) {
  xio_reply_unref(core);
}

static void unref_reply_here(void *core, const xio_loop *here) {
  (void)here;
  xio_reply_unref(core);
}

static xio_shared *shared_of_reply(void *core) {
  return &((xio_reply *)core)->shared;
}

/* As a case of xio.select. */
static int attempt_reply(void *core, xio_item **item, xio_shared_wait *watcher,
                         void (*on_ready)(xio_shared_wait *watcher),
                         const xio_loop *here) {
  (void)item;
  (void)here;
  if (watcher == NULL) {
    return xio_reply_outcome(core) != XIO_OUTCOME_NONE ? XIO_OK : XIO_EAGAIN;
  }
  return xio_reply_watch(core, watcher, on_ready);
}

static int deliver_reply(lua_State *L, xiol_state *state, int index, xio_item *item,
                         int status) {
  (void)item;
  (void)status;
  const xiol_shared_box *box = lua_touserdata(L, index);
  return xiol_reply_deliver(L, state, box->core);
}

static const xiol_shared_case reply_case = {
    .shared = shared_of_reply, .attempt = attempt_reply, .deliver = deliver_reply};

static void make_class(lua_State *L, xiol_state *state);

const xiol_shared_class xiol_class_reply = {.kind = {"xio.Reply"},
                                            .shareable = {.kind = &xiol_class_reply.kind,
                                                          .share = xiol_shared_share,
                                                          .push = push_reply,
                                                          .unref = unref_reply},
                                            .metatable = XIOL_REF_REPLY,
                                            .make = make_class,
                                            .user_values = REPLY_VALUES,
                                            .size = sizeof(xiol_shared_box),
                                            .selects = &reply_case,
                                            .expose = expose_reply,
                                            .ref = ref_reply,
                                            .unref = unref_reply_here};

static xio_reply *check_reply(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &xiol_class_reply, function);
}

/* reply(): one that is not settled. */
static int l_reply(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  xio_reply *reply = xio_reply_new(xiol_free_message_value);
  if (reply == NULL) xiol_raise_memory(L);
  xiol_shared_fill(L, state, box, reply);
  return 1;
}

/* -- settling ------------------------------------------------------------------------ */

typedef struct copying {
  xio_outcome outcome;
  const char *function;
  xiol_message *message;
} copying;

/* copy(copying, values …): makes the message of them. */
static int copy_values(lua_State *L) {
  copying *self = lua_touserdata(L, 1);
  xiol_state *state = xiol_state_of(L);
  self->message = self->outcome == XIO_OUTCOME_FAILED
                      ? xiol_copy_error_out(L, state, 2)
                      : xiol_copy_out(L, state, 2, lua_gettop(L) - 1, XIOL_COPY_RESULTS,
                                      self->function);
  return 0;
}

/* The message of the `count` values from `first` on. Where they cannot be copied: NULL if
 * nobody else needs it; otherwise that is raised. */
static xiol_message *copy_for_others(lua_State *L, xiol_state *state, int first,
                                     int count, copying *with, bool needed) {
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, copy_values, XIOL_UPVALUES);
  lua_pushlightuserdata(L, with);
  for (int i = 0; i < count; i++) lua_pushvalue(L, first + i);
  int status = lua_pcall(L, count + 1, 0, 0);
  if (status == LUA_OK) return with->message;
  if (needed || status == LUA_ERRMEM) lua_error(L);
  lua_pop(L, 1);
  return NULL;
}

bool xiol_reply_settle(lua_State *L, xiol_state *state, int index, xio_outcome outcome,
                       int first, int count, const char *function) {
  xio_reply *reply = ((const xiol_shared_box *)lua_touserdata(L, index))->core;
  xiol_need_stack(L, count + 8, function);
  if (xio_reply_outcome(reply) != XIO_OUTCOME_NONE) return false;
  lua_createtable(L, count, 1);
  for (int i = 0; i < count; i++) {
    lua_pushvalue(L, first + i);
    lua_rawseti(L, -2, i + 1);
  }
  xiol_sync_set(L, "n", count);
  copying with = {.outcome = outcome, .function = function};
  bool needed = xiol_shared_exposed(&reply->shared);
  xiol_message *message = copy_for_others(L, state, first, count, &with, needed);
  /* nothing below can fail */
  bool settled = xio_reply_settle(reply, outcome, message, xiol_loop_here(state));
  if (settled) {
    lua_setiuservalue(L, index, REPLY_VALUES); /* who was woken has not run yet */
  } else {
    xiol_message_free(message);
    lua_pop(L, 1);
  }
  return settled;
}

/* Settles the reply at 1 with what is above it; pushes whether that was the first
 * time. */
static int settle(lua_State *L, xio_outcome outcome, const char *function) {
  int count = lua_gettop(L) - 1;
  lua_pushboolean(L,
                  xiol_reply_settle(L, xiol_state_of(L), 1, outcome, 2, count, function));
  return 1;
}

/* set(...): these are the results. Whether it was not settled before. */
static int reply_set(lua_State *L) {
  static const char function[] = "reply:set";
  check_reply(L, function);
  return settle(L, XIO_OUTCOME_DONE, function);
}

/* fail(e): awaiting it raises `e`; nil becomes an error that says so. As set. */
static int reply_fail(lua_State *L) {
  static const char function[] = "reply:fail";
  xiol_state *state = xiol_state_of(L);
  check_reply(L, function);
  if (lua_isnone(L, 2)) xiol_arg_error(L, function, 2, "error expected, got no value");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "a reply has failed with the value nil");
    xiol_push_error(L, state, "ENIL", "reply");
    lua_replace(L, 2);
  }
  return settle(L, XIO_OUTCOME_FAILED, function);
}

/* cancel([reason]): asks who works at it to stop; where nobody does it is cancelled. */
static int reply_cancel(lua_State *L) {
  static const char function[] = "reply:cancel";
  xiol_state *state = xiol_state_of(L);
  xio_reply *reply = check_reply(L, function);
  xiol_message *reason = NULL;
  if (!lua_isnoneornil(L, 2)) {
    reason = xiol_copy_out(L, state, 2, 1, XIOL_COPY_ARGS, function);
  }
  bool first = xio_reply_cancel(reply, reason, xiol_loop_here(state));
  if (!first) xiol_message_free(reason);
  lua_pushboolean(L, first);
  return 1;
}

/* Pushes the values that this state has settled the reply with, and returns how many; -1:
 * it has not. */
static int push_own_values(lua_State *L, xiol_state *state, xio_reply *reply) {
  int top = lua_gettop(L);
  xiol_need_stack(L, 4, NULL);
  xiol_push_ref(L, state, XIOL_REF_BOXES);
  if (lua_rawgetp(L, -1, reply) != LUA_TUSERDATA ||
      lua_getiuservalue(L, -1, REPLY_VALUES) != LUA_TTABLE) {
    lua_settop(L, top);
    return -1;
  }
  lua_getfield(L, -1, "n");
  int count = (int)lua_tointeger(L, -1);
  int values = lua_gettop(L) - 1;
  xiol_need_stack(L, count, NULL);
  for (int i = 1; i <= count; i++) lua_rawgeti(L, values, i);
  return count;
}

int xiol_reply_push(lua_State *L, xiol_state *state, xio_reply *reply) {
  int count = push_own_values(L, state, reply);
  if (count >= 0) return count;
  return reply->value != NULL ? xiol_copy_in(L, state, reply->value) : 0;
}

int xiol_reply_deliver(lua_State *L, xiol_state *state, xio_reply *reply) {
  xio_outcome outcome = xio_reply_outcome(reply);
  if (outcome == XIO_OUTCOME_CANCELLED) {
    lua_pushliteral(L, "the reply was cancelled");
    xiol_push_error(L, state, "ECANCELED", "await");
    return lua_error(L);
  }
  if (reply->status == XIO_ECLOSED) {
    lua_pushliteral(L, "the run that should have answered has ended");
    xiol_push_error(L, state, "ECLOSED", "await");
    return lua_error(L);
  }
  if (reply->status != XIO_OK) xiol_raise_memory(L);
  int status = status_of(reply->value);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "await", -1);
  int count = xiol_reply_push(L, state, reply);
  return outcome == XIO_OUTCOME_FAILED ? xiol_rethrow(L, state) : count;
}

/* A wait ended with `status`, which is no XIO_OK. */
static int refuse(lua_State *L, xiol_state *state, xio_reply *reply, int status) {
  if (status == XIO_ETIMEDOUT && reply->expires) {
    (void)xio_reply_settle(reply, XIO_OUTCOME_DONE, xiol_status_value(status),
                           xiol_loop_here(state));
    return xiol_reply_deliver(L, state, reply); /* perhaps it has come just now */
  }
  return xiol_push_refusal(L, state, status, "await", -1);
}

/* -- awaiting ------------------------------------------------------------------------ */

enum { NOT_PARKED, PARKED };

static int finish_await(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (context == PARKED) xio_shared_take(&task->core.wait);
  xiol_check_cancelled(L, state, task, status);
  xio_reply *reply = check_reply(L, "reply:await");
  if (status != XIO_OK) return refuse(L, state, reply, status);
  return xiol_reply_deliver(L, state, reply);
}

/* One turn is over. */
static int finish_turn(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xio_reply *reply = check_reply(L, "reply:await");
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  if (xio_reply_outcome(reply) != XIO_OUTCOME_NONE) {
    return xiol_reply_deliver(L, state, reply);
  }
  return refuse(L, state, reply, XIO_ETIMEDOUT);
}

/* await([timeout]): as that of a future. In a thread without a loop it blocks. */
static int reply_await(lua_State *L) {
  static const char function[] = "reply:await";
  xiol_state *state = xiol_state_of(L);
  xio_reply *reply = check_reply(L, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xio_blocker *blocker = NULL;
  lua_settop(L, 1);
  bool settled = xio_reply_outcome(reply) != XIO_OUTCOME_NONE;
  if (settled && state->runtime == NULL) return xiol_reply_deliver(L, state, reply);
  xiol_task *task = xiol_shared_enter(L, state, &reply->shared, &blocker, function);
  if (task == NULL) {
    int status = xio_reply_block(reply, blocker, timeout);
    xiol_check_interrupted(L, state, status, function);
    if (status != XIO_OK) return refuse(L, state, reply, status);
    return xiol_reply_deliver(L, state, reply);
  }
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_await);
  if (!settled && timeout <= 0) {
    xio_task_pause(&task->core);
    return xiol_yield(L, 0, finish_turn);
  }
  int64_t at = xiol_sync_until(task, timeout);
  int status = xio_reply_await(reply, task->runtime->loop, &task->core, at);
  if (status == XIO_EAGAIN) return xiol_yield(L, PARKED, finish_await);
  if (status != XIO_OK) return xiol_shared_fail(L, status, function);
  if (!xiol_sync_done(task, XIO_OK)) return xiol_yield(L, NOT_PARKED, finish_await);
  return xiol_reply_deliver(L, state, reply);
}

/* stats(): {waiting =} */
static int reply_stats(lua_State *L) {
  xio_reply *reply = check_reply(L, "reply:stats");
  xio_shared_lock(&reply->shared);
  uint32_t waiting = xio_shared_count(&reply->shared, XIO_SHARED_FIRST);
  xio_shared_unlock(&reply->shared);
  lua_createtable(L, 0, 1);
  xiol_sync_set(L, "waiting", waiting);
  return 1;
}

static int reply_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL || strcmp(field, "done") != 0) return 1;
  xio_reply *reply = check_reply(L, "reply.__index");
  lua_pushboolean(L, xio_reply_outcome(reply) != XIO_OUTCOME_NONE);
  return 1;
}

static int reply_tostring(lua_State *L) {
  static const char *const names[] = {"pending", "done", "failed", "cancelled"};
  xio_reply *reply = check_reply(L, "reply.__tostring");
  lua_pushfstring(L, "reply (%s)", names[xio_reply_outcome(reply)]);
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"set", reply_set},       {"fail", reply_fail},
                                     {"cancel", reply_cancel}, {"await", reply_await},
                                     {"stats", reply_stats},   {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", reply_tostring}, {NULL, NULL}};
  xiol_shared_make(L, state, &xiol_class_reply, methods, reply_index, meta);
}

void xiol_open_reply(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"reply", l_reply}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
