/* future: xio.future(), a result that comes later, and is settled once.
 *
 * The core's part is an event, which is set when the future is settled; the results, or
 * the error, are user value 1. Loop's thread. */
#include <string.h>

#include "sync.h"

const xiol_kind xiol_kind_future = {"xio.Future"};

enum { FUTURE_VALUE = 1 };

static const xio_wait_ops future_ops = {.verb = "future", .abort = xio_wait_abort_plain};

/* future(): one that is not settled. */
static int l_future(lua_State *L) {
  xiol_future *future = xiol_sync_new(L, sizeof *future, 1, &xiol_kind_future);
  xio_event_init(&future->event, &future_ops);
  return 1;
}

static const char *describe(const xiol_future *future) {
  switch (future->outcome) {
    case XIO_OUTCOME_DONE: return "set";
    case XIO_OUTCOME_FAILED: return "failed";
    case XIO_OUTCOME_CANCELLED: return "cancelled";
    default: return "pending";
  }
}

/* The future at 1, which is not settled; or raises. */
static xiol_future *check_pending(lua_State *L, const char *function) {
  xiol_future *future = xiol_check(L, 1, &xiol_kind_future, function);
  if (future->outcome != XIO_OUTCOME_NONE) {
    xiol_fail(L, "%s: the future is settled already (%s); a future is settled once",
              function, describe(future));
  }
  return future;
}

/* Settles it with the value at the top. Nothing here can fail. */
static int settle(lua_State *L, xiol_future *future, xio_outcome outcome, int results) {
  lua_setiuservalue(L, 1, FUTURE_VALUE);
  future->outcome = (uint8_t)outcome;
  future->results = results;
  xio_event_set(&future->event);
  lua_pushboolean(L, 1);
  return 1;
}

/* set(...): these are the results. Returns true; raises where it is settled. */
static int future_set(lua_State *L) {
  xiol_future *future = check_pending(L, "future:set");
  int count = lua_gettop(L) - 1;
  if (count == 0) {
    lua_pushnil(L);
  } else if (count > 1) {
    lua_createtable(L, count, 0);
    lua_insert(L, 2);
    for (int i = count; i >= 1; i--) lua_rawseti(L, 2, i);
  }
  return settle(L, future, XIO_OUTCOME_DONE, count);
}

/* fail(e): awaiting it raises `e`; nil becomes an error that says so. As set. */
static int future_fail(lua_State *L) {
  static const char function[] = "future:fail";
  xiol_future *future = check_pending(L, function);
  if (lua_isnone(L, 2)) xiol_arg_error(L, function, 2, "error expected, got no value");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "a future has failed with the value nil");
    xiol_push_error(L, xiol_state_of(L), "ENIL", "future");
  }
  return settle(L, future, XIO_OUTCOME_FAILED, 1);
}

/* cancel(): awaiting it raises an xio.Error with code "ECANCELED". Returns whether that
 * is so from now on: what is settled stays as it is. */
static int future_cancel(lua_State *L) {
  xiol_future *future = xiol_check(L, 1, &xiol_kind_future, "future:cancel");
  if (future->outcome != XIO_OUTCOME_NONE) {
    lua_pushboolean(L, 0);
    return 1;
  }
  lua_pushliteral(L, "the future was cancelled");
  xiol_push_error(L, xiol_state_of(L), "ECANCELED", "await");
  return settle(L, future, XIO_OUTCOME_CANCELLED, 1);
}

int xiol_future_deliver(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  xiol_future *future = lua_touserdata(L, index);
  int count = future->results;
  xiol_need_stack(L, count + 2, "too many results");
  if (count == 0) return 0;
  lua_getiuservalue(L, index, FUTURE_VALUE);
  if (future->outcome != XIO_OUTCOME_DONE) return xiol_rethrow(L, state);
  if (count == 1) return 1;
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  lua_remove(L, -1 - count);
  return count;
}

static int finish_await(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "await", -1);
  return xiol_future_deliver(L, state, 1);
}

/* One turn is over. */
static int finish_turn(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  xiol_future *future = lua_touserdata(L, 1);
  if (!future->event.is_set)
    return xiol_push_refusal(L, state, XIO_ETIMEDOUT, "await", -1);
  return xiol_future_deliver(L, state, 1);
}

/* await([timeout]): the results once it is settled, or raises its error; nil, err,
 * "ETIMEDOUT" after `timeout` seconds, of which 0 is one turn. Any number of tasks may
 * await it. A checkpoint; cancelled, it raises, and the future goes on. */
static int future_await(lua_State *L) {
  static const char function[] = "future:await";
  xiol_state *state = xiol_state_of(L);
  xiol_future *future = xiol_check(L, 1, &xiol_kind_future, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xiol_task *task = xiol_enter(L, state, function);
  lua_settop(L, 1);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_await);
  if (future->event.is_set) {
    if (!xiol_sync_done(task, XIO_OK)) return xiol_yield(L, 0, finish_await);
    return xiol_future_deliver(L, state, 1);
  }
  if (timeout <= 0) {
    xio_task_pause(&task->core);
    return xiol_yield(L, 0, finish_turn);
  }
  int status =
      xio_event_wait(&future->event, &task->core, xiol_sync_until(task, timeout));
  if (status != XIO_OK) xiol_raise_memory(L);
  return xiol_yield(L, 0, finish_await);
}

/* stats(): {waiting =} */
static int future_stats(lua_State *L) {
  xiol_future *future = xiol_check(L, 1, &xiol_kind_future, "future:stats");
  xiol_sync_stats(L, &future->event.waiters);
  return 1;
}

static int future_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL || strcmp(field, "done") != 0) return 1;
  xiol_future *future = xiol_check(L, 1, &xiol_kind_future, "future.__index");
  lua_pushboolean(L, future->event.is_set);
  return 1;
}

static int future_tostring(lua_State *L) {
  lua_pushfstring(L, "future (%s)",
                  describe(xiol_check(L, 1, &xiol_kind_future, "future.__tostring")));
  return 1;
}

void xiol_open_future(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"set", future_set},       {"fail", future_fail},
                                     {"cancel", future_cancel}, {"await", future_await},
                                     {"stats", future_stats},   {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_future,
                                        .name = "future",
                                        .construct = l_future,
                                        .methods = methods,
                                        .index = future_index,
                                        .tostring = future_tostring};
  xiol_sync_open(L, state, &class);
}
