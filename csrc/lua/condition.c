/* condition: xio.condition([lock]), waiting for a change of what a lock protects. See
 * core/condition.h. User values are the lock, whose methods the condition has too, and
 * its object. Loop's thread. */
#include "../core/condition.h"

#include <string.h>

#include "sync.h"

static const xiol_kind xiol_kind_condition = {"xio.Condition"};

enum { CONDITION_LOCK = 1, CONDITION_OBJECT, CONDITION_VALUES = CONDITION_OBJECT };

typedef struct xiol_condition {
  const xiol_kind *kind;
  xio_condition core;
} xiol_condition;

static xiol_condition *check_condition(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_condition, function);
}

/* condition([lock]): works with `lock`, or with a lock of its own. */
static int l_condition(lua_State *L) {
  lua_settop(L, 1);
  if (lua_isnil(L, 1)) {
    lua_getfield(L, lua_upvalueindex(XIOL_SYNC_MODULE), "lock");
    lua_call(L, 0, 1);
    lua_replace(L, 1);
  }
  xiol_lock *lock = xiol_push_lock(L, 1, "xio.condition");
  xiol_condition *condition =
      xiol_sync_new(L, sizeof *condition, CONDITION_VALUES, &xiol_kind_condition);
  xio_condition_init(&condition->core, &lock->core);
  lua_insert(L, 2);
  lua_setiuservalue(L, 2, CONDITION_OBJECT);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, 2, CONDITION_LOCK);
  return 1;
}

/* -- waiting and notifying ----------------------------------------------------------- */

/* The task was cancelled before it began to wait: it has kept the lock. */
static int finish_refused(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  return xiol_raise_cancelled(L, state, xiol_resumed(L, state));
}

/* `ended` is how the wait itself has ended where the task had to wait for the lock since;
 * XIO_OK else. */
static int finish_wait(lua_State *L, int status, lua_KContext ended) {
  static const char function[] = "condition:wait";
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_condition *condition = lua_touserdata(L, 1);
  status = task->core.wait.status;
  if (ended == XIO_OK) ended = status;
  int resumed = xio_condition_resume(&condition->core, &task->core, status);
  if (resumed == XIO_EAGAIN) return xiol_yield(L, ended, finish_wait);
  if (resumed != XIO_OK) return xiol_lock_raise_broken(L, condition->core.lock, function);
  xiol_check_cancelled(L, state, task, (int)ended);
  if (ended != XIO_OK) return xiol_push_refusal(L, state, (int)ended, "wait", -1);
  lua_pushboolean(L, 1);
  return 1;
}

/* wait([timeout]): releases the lock, which the running task owns, and waits to be
 * notified; true. After `timeout` seconds: nil, err, "ETIMEDOUT". Either way the task
 * owns the lock again when this returns, also where it raises because it was cancelled. A
 * checkpoint; one that was notified is not cancelled any more. */
static int condition_wait(lua_State *L) {
  static const char function[] = "condition:wait";
  xiol_state *state = xiol_state_of(L);
  xiol_condition *condition = check_condition(L, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xiol_task *task = xiol_enter(L, state, function);
  xiol_lock_check_owned(L, task, condition->core.lock, function);
  lua_settop(L, 1);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_refused);
  int64_t until = xiol_sync_until(task, timeout);
  if (xio_condition_wait(&condition->core, &task->core, until) != XIO_OK) {
    xiol_raise_memory(L);
  }
  return xiol_yield(L, XIO_OK, finish_wait);
}

/* Lets up to `count` waiters go on; pushes how many there were. */
static int notify(lua_State *L, uint32_t count, const char *function) {
  xiol_condition *condition = check_condition(L, function);
  xiol_task *task = xiol_running(L, xiol_state_of(L), function);
  xiol_lock_check_owned(L, task, condition->core.lock, function);
  lua_pushinteger(L, xio_condition_notify(&condition->core, count));
  return 1;
}

/* notify([n]): the first n (1) waiters go on, in order, once they have the lock. Returns
 * how many these are. Raises where this task does not own the lock. */
static int condition_notify(lua_State *L) {
  static const char function[] = "condition:notify";
  check_condition(L, function);
  lua_Integer count = 1;
  if (!lua_isnoneornil(L, 2)) count = xiol_sync_integer(L, 2, 0, function);
  return notify(L, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX, function);
}

/* notify_all(): the same for all. */
static int condition_notify_all(lua_State *L) {
  return notify(L, UINT32_MAX, "condition:notify_all");
}

/* -- the methods of the lock --------------------------------------------------------- */

static xio_lock *check_lock(lua_State *L, const char *function) {
  return check_condition(L, function)->core.lock;
}

static int finish_acquire(lua_State *L, int status, lua_KContext with) {
  (void)status;
  xio_lock *lock = ((xiol_condition *)lua_touserdata(L, 1))->core.lock;
  const char *function = with != 0 ? "condition:with" : "condition:acquire";
  xiol_lock_finish(L, xiol_state_of(L), lock, function);
  if (with != 0) return xiol_sync_with(L, 2);
  lua_settop(L, 1);
  return 1;
}

/* acquire(): acquires the lock; the condition, whose __close releases it. */
static int condition_acquire(lua_State *L) {
  static const char function[] = "condition:acquire";
  xio_lock *lock = check_lock(L, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (!xiol_lock_begin(L, task, lock, function)) {
    return xiol_yield(L, 0, finish_acquire);
  }
  lua_settop(L, 1);
  return 1;
}

static int condition_with(lua_State *L) {
  static const char function[] = "condition:with";
  xio_lock *lock = check_lock(L, function);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (!xiol_lock_begin(L, task, lock, function)) {
    return xiol_yield(L, 1, finish_acquire);
  }
  return xiol_sync_with(L, 2);
}

static int condition_try_acquire(lua_State *L) {
  static const char function[] = "condition:try_acquire";
  return xiol_lock_try(L, check_lock(L, function), function);
}

static int condition_release(lua_State *L) {
  static const char function[] = "condition:release";
  return xiol_lock_release(L, xiol_state_of(L), check_lock(L, function), function);
}

static int condition_close(lua_State *L) {
  static const char function[] = "condition.__close";
  return xiol_lock_close(L, check_lock(L, function), !lua_isnoneornil(L, 2), function);
}

/* -- the rest ------------------------------------------------------------------------ */

/* stats(): {waiting =, held =}; who was notified waits for the lock and not here. */
static int condition_stats(lua_State *L) {
  xiol_condition *condition = check_condition(L, "condition:stats");
  xiol_sync_stats(L, &condition->core.waiters);
  xiol_sync_set(L, "held", condition->core.lock->owner != NULL);
  return 1;
}

/* Fields: lock, and of that: locked, owner. */
static int condition_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  xio_lock *lock = check_lock(L, "condition.__index");
  if (strcmp(field, "lock") == 0) {
    lua_getiuservalue(L, 1, CONDITION_LOCK);
  } else {
    xiol_lock_push_field(L, lock, field);
  }
  return 1;
}

static int condition_tostring(lua_State *L) {
  xiol_condition *condition = check_condition(L, "condition.__tostring");
  lua_pushfstring(L, "condition (%d waiting)",
                  (int)xio_list_count(&condition->core.waiters));
  return 1;
}

void xiol_open_condition(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"wait", condition_wait},
                                     {"notify", condition_notify},
                                     {"notify_all", condition_notify_all},
                                     {"acquire", condition_acquire},
                                     {"try_acquire", condition_try_acquire},
                                     {"release", condition_release},
                                     {"with", condition_with},
                                     {"stats", condition_stats},
                                     {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_condition,
                                        .name = "condition",
                                        .construct = l_condition,
                                        .methods = methods,
                                        .index = condition_index,
                                        .tostring = condition_tostring,
                                        .close = condition_close};
  xiol_sync_open(L, state, &class);
}
