/* lock: xio.lock(), which one task at a time owns. See core/lock.h.
 *
 * The handle is a table {the object, acquire =, release =}: nothing finds a method as
 * fast, and what is quick about a lock is used more often than locks are made. The object
 * is a userdata. Whoever uses or awaits it has it on the stack, for the program can take
 * it out of the table. It may be collected while a task that has lost it from sight owns
 * it: the task then forgets it. Functions that are not static take the core's lock, since
 * a condition has the same methods for the lock that it works with. Loop's thread. */
#include "../core/lock.h"

#include <string.h>

#include "sync.h"

static const xiol_kind kind_lock = {"xio.Lock"};

/* What the metatable has for the constructor, besides the methods of `quick`: that of
 * objects. */
static const char object_class[] = "object";

static int lock_acquire(lua_State *L);
static int lock_release(lua_State *L);

/* The methods that each handle has itself. */
static const luaL_Reg quick[] = {
    {"acquire", lock_acquire}, {"release", lock_release}, {NULL, NULL}};

enum { QUICK_COUNT = sizeof quick / sizeof *quick - 1 };

/* lock(): a free one. */
static int l_lock(lua_State *L) {
  const int class = lua_upvalueindex(XIOL_SYNC_METATABLE);
  lua_settop(L, 0);
  lua_createtable(L, 1, QUICK_COUNT);
  for (int i = 0; i < QUICK_COUNT; i++) {
    lua_getfield(L, class, quick[i].name);
    lua_setfield(L, 1, quick[i].name);
  }
  xiol_lock *lock = lua_newuserdatauv(L, sizeof *lock, 0);
  lock->kind = &kind_lock;
  lock->state = xiol_state_of(L);
  xio_lock_init(&lock->core);
  lua_getfield(L, class, object_class);
  lua_setmetatable(L, 2);
  lua_rawseti(L, 1, 1);
  lua_pushvalue(L, class);
  lua_setmetatable(L, 1);
  return 1;
}

xiol_lock *xiol_push_lock(lua_State *L, int index, const char *function) {
  xiol_lock *lock = NULL;
  if (XIO_LIKELY(lua_istable(L, index))) {
    lua_rawgeti(L, index, 1);
    lock = xiol_test(L, -1, &kind_lock);
  }
  if (XIO_UNLIKELY(lock == NULL)) xiol_type_error(L, function, index, kind_lock.name);
  return lock;
}

/* -- errors -------------------------------------------------------------------------- */

int xiol_lock_raise_broken(lua_State *L, const xio_lock *lock, const char *function) {
  return xiol_fail(L,
                   "%s: the lock is broken: owner exited (task %I ended without "
                   "releasing it)",
                   function, (LUAI_UACINT)lock->left_by);
}

/* Raises where `task` cannot have the lock, now or later. */
static void check_takeable(lua_State *L, xiol_task *task, const xio_lock *lock,
                           const char *function) {
  if (XIO_UNLIKELY(lock->owner == &task->core)) {
    xiol_fail(L, "%s: this task owns the lock already: release it first", function);
  }
  if (XIO_UNLIKELY(lock->left_by != 0)) xiol_lock_raise_broken(L, lock, function);
}

void xiol_lock_check_owned(lua_State *L, xiol_task *task, const xio_lock *lock,
                           const char *function) {
  if (XIO_LIKELY(lock->owner == &task->core)) return;
  if (lock->left_by != 0) xiol_lock_raise_broken(L, lock, function);
  if (lock->owner == NULL)
    xiol_fail(L, "%s: nobody owns the lock: acquire it first", function);
  xiol_need_stack(L, 4, NULL);
  xiol_push_task(L, xiol_task_of(lock->owner));
  xiol_push_task_name(L, -1);
  xiol_fail(L, "%s: this task does not own the lock; task '%s' does", function,
            lua_tostring(L, -1));
}

/* -- operations, also for conditions ------------------------------------------------- */

bool xiol_lock_begin(lua_State *L, xiol_task *task, xio_lock *lock,
                     const char *function) {
  check_takeable(L, task, lock, function);
  if (xio_task_begin(&task->core) != XIO_OK) return false;
  if (xio_lock_try(lock, &task->core) == XIO_OK) return xiol_sync_done(task, XIO_OK);
  xio_lock_wait(lock, &task->core);
  return false;
}

void xiol_lock_finish(lua_State *L, xiol_state *state, xio_lock *lock,
                      const char *function) {
  xiol_task *task = xiol_resumed(L, state);
  int status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (XIO_UNLIKELY(status != XIO_OK)) xiol_lock_raise_broken(L, lock, function);
}

int xiol_lock_try(lua_State *L, xio_lock *lock, const char *function) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), function);
  check_takeable(L, task, lock, function);
  lua_pushboolean(L, xio_lock_try(lock, &task->core) == XIO_OK);
  return 1;
}

int xiol_lock_release(lua_State *L, xiol_state *state, xio_lock *lock,
                      const char *function) {
  xiol_task *task = xiol_running(L, state, function);
  if (XIO_UNLIKELY(xio_lock_release(lock, &task->core) != XIO_OK)) {
    xiol_lock_check_owned(L, task, lock, function);
  }
  return 0;
}

int xiol_lock_close(lua_State *L, xio_lock *lock, bool in_flight, const char *function) {
  xiol_state *state = xiol_state_of(L);
  if (!in_flight) return xiol_lock_release(L, state, lock, function);
  if (state->runtime == NULL || state->runtime->loop->queue.running == NULL) return 0;
  if (lock->owner != state->runtime->loop->queue.running) return 0;
  return xiol_lock_release(L, state, lock, function);
}

void xiol_lock_push_field(lua_State *L, const xio_lock *lock, const char *field) {
  if (strcmp(field, "locked") == 0) {
    lua_pushboolean(L, lock->owner != NULL || lock->left_by != 0);
  } else if (strcmp(field, "owner") == 0 && lock->owner != NULL) {
    xiol_push_task(L, xiol_task_of(lock->owner));
  } else {
    lua_pushnil(L);
  }
}

/* -- methods ------------------------------------------------------------------------- */

/* The lock at 1, whose object is pushed. */
static xiol_lock *push_lock(lua_State *L, const char *function) {
  return xiol_push_lock(L, 1, function);
}

static int finish_acquire(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_lock *lock = (xiol_lock *)context;
  xiol_lock_finish(L, lock->state, &lock->core, "lock:acquire");
  lua_settop(L, 1);
  return 1;
}

/* acquire(): waits until the running task owns it; the lock, whose __close releases it.
 * Raises where this task owns it already, or where an owner ended without releasing it. A
 * checkpoint; cancelled, it raises, and the task does not own it. */
static int lock_acquire(lua_State *L) {
  static const char function[] = "lock:acquire";
  xiol_lock *lock = push_lock(L, function);
  xiol_task *task = xiol_enter_quick(L, lock->state, function);
  if (!xiol_lock_begin(L, task, &lock->core, function)) {
    return xiol_yield(L, (lua_KContext)lock, finish_acquire);
  }
  lua_settop(L, 1);
  return 1;
}

/* The object at 1, below the handle, is closed on every way out. */
static int call_with(lua_State *L) {
  lua_remove(L, 1);
  return xiol_sync_with(L, 2);
}

static int finish_with(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_lock *lock = (xiol_lock *)context;
  xiol_lock_finish(L, lock->state, &lock->core, "lock:with");
  return call_with(L);
}

/* with(f, ...): acquires, and returns f(...); releases on every way out. As acquire. */
static int lock_with(lua_State *L) {
  static const char function[] = "lock:with";
  xiol_lock *lock = push_lock(L, function);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter(L, lock->state, function);
  lua_insert(L, 1);
  if (!xiol_lock_begin(L, task, &lock->core, function)) {
    return xiol_yield(L, (lua_KContext)lock, finish_with);
  }
  return call_with(L);
}

/* try_acquire(): whether the running task owns it from now on; never waits. */
static int lock_try_acquire(lua_State *L) {
  static const char function[] = "lock:try_acquire";
  return xiol_lock_try(L, &push_lock(L, function)->core, function);
}

/* release(): the first waiter owns it at once. Raises where this task does not own it. */
static int lock_release(lua_State *L) {
  static const char function[] = "lock:release";
  xiol_lock *lock = push_lock(L, function);
  return xiol_lock_release(L, lock->state, &lock->core, function);
}

static int lock_close(lua_State *L) {
  static const char function[] = "lock.__close";
  bool in_flight = !lua_isnoneornil(L, 2);
  return xiol_lock_close(L, &push_lock(L, function)->core, in_flight, function);
}

/* stats(): {waiting =, held =} */
static int lock_stats(lua_State *L) {
  xiol_lock *lock = push_lock(L, "lock:stats");
  xiol_sync_stats(L, &lock->core.waiters);
  xiol_sync_set(L, "held", lock->core.owner != NULL);
  return 1;
}

static int lock_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field != NULL) {
    xiol_lock_push_field(L, &push_lock(L, "lock.__index")->core, field);
  }
  return 1;
}

static int lock_newindex(lua_State *L) {
  push_lock(L, "lock.__newindex");
  return xiol_fail(L, "lock: fields cannot be set");
}

static int lock_tostring(lua_State *L) {
  xiol_lock *lock = push_lock(L, "lock.__tostring");
  lua_pushstring(L, lock->core.left_by != 0    ? "lock (broken)"
                    : lock->core.owner != NULL ? "lock (locked)"
                                               : "lock (free)");
  return 1;
}

static int object_gc(lua_State *L) {
  xiol_lock *lock = xiol_test(L, 1, &kind_lock);
  if (lock != NULL) xio_lock_deinit(&lock->core);
  return 0;
}

static void complete_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg meta[] = {{"__gc", object_gc}, {NULL, NULL}};
  xiol_set_functions(L, state, quick);
  xiol_push_metatable(L, state, &kind_lock, meta);
  lua_setfield(L, -2, object_class);
}

void xiol_open_lock(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"acquire", lock_acquire}, {"try_acquire", lock_try_acquire},
      {"release", lock_release}, {"with", lock_with},
      {"stats", lock_stats},     {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &kind_lock,
                                        .name = "lock",
                                        .construct = l_lock,
                                        .methods = methods,
                                        .index = lock_index,
                                        .newindex = lock_newindex,
                                        .tostring = lock_tostring,
                                        .close = lock_close,
                                        .complete = complete_class};
  xiol_sync_open(L, state, &class);
}
