/* semaphore: xio.semaphore(n [, max]), permits that any task takes and any gives back.
 * See core/semaphore.h; loop's thread. */
#include "../core/semaphore.h"

#include <string.h>

#include "sync.h"

static const xiol_kind xiol_kind_semaphore = {"xio.Semaphore"};

typedef struct xiol_semaphore {
  const xiol_kind *kind;
  xio_semaphore core;
} xiol_semaphore;

static xiol_semaphore *check_semaphore(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_semaphore, function);
}

/* semaphore(n [, max]): `n` free permits; with `max`, releasing beyond it is an error. */
static int l_semaphore(lua_State *L) {
  static const char function[] = "xio.semaphore";
  lua_Integer total = xiol_sync_integer(L, 1, 0, function);
  lua_Integer max = XIO_SEMAPHORE_MAX;
  if (!lua_isnoneornil(L, 2)) max = xiol_sync_integer(L, 2, total, function);
  xiol_semaphore *semaphore =
      xiol_sync_new(L, sizeof *semaphore, 0, &xiol_kind_semaphore);
  xio_semaphore_init(&semaphore->core, total, max, NULL);
  return 1;
}

/* Begins to take a permit. True: the task has it. False: yield. */
static bool begin_acquire(xiol_task *task, xio_semaphore *semaphore) {
  if (xio_task_begin(&task->core) != XIO_OK) return false;
  if (xio_semaphore_try(semaphore)) return xiol_sync_done(task, XIO_OK);
  xio_semaphore_wait(semaphore, &task->core);
  return false;
}

/* The second half of acquire and with; `with` tells which. */
static int finish_acquire(lua_State *L, int status, lua_KContext with) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, task->core.wait.status);
  if (with != 0) return xiol_sync_with(L, 2);
  lua_settop(L, 1);
  return 1;
}

/* acquire(): waits for a permit; the semaphore, whose __close gives one back. A
 * checkpoint; cancelled, it raises, and nothing was taken. */
static int semaphore_acquire(lua_State *L) {
  static const char function[] = "semaphore:acquire";
  xiol_semaphore *semaphore = check_semaphore(L, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (!begin_acquire(task, &semaphore->core)) return xiol_yield(L, 0, finish_acquire);
  lua_settop(L, 1);
  return 1;
}

/* with(f, ...): returns f(...), called with a permit. As acquire. */
static int semaphore_with(lua_State *L) {
  static const char function[] = "semaphore:with";
  xiol_semaphore *semaphore = check_semaphore(L, function);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (!begin_acquire(task, &semaphore->core)) return xiol_yield(L, 1, finish_acquire);
  return xiol_sync_with(L, 2);
}

/* try_acquire(): whether a permit was taken; never waits. May be called anywhere. */
static int semaphore_try_acquire(lua_State *L) {
  xiol_semaphore *semaphore = check_semaphore(L, "semaphore:try_acquire");
  lua_pushboolean(L, xio_semaphore_try(&semaphore->core));
  return 1;
}

static int release(lua_State *L, const char *function) {
  xiol_semaphore *semaphore = check_semaphore(L, function);
  if (XIO_UNLIKELY(xio_semaphore_release(&semaphore->core) != XIO_OK)) {
    xiol_fail(L, "%s: released too often: all %I permits are free", function,
              (LUAI_UACINT)semaphore->core.max);
  }
  return 0;
}

/* release(): the first waiter has the permit at once. May be called anywhere. Raises
 * where `max` permits are free. */
static int semaphore_release(lua_State *L) {
  return release(L, "semaphore:release");
}

static int semaphore_close(lua_State *L) {
  xiol_semaphore *semaphore = check_semaphore(L, "semaphore.__close");
  if (lua_isnoneornil(L, 2)) return release(L, "semaphore.__close");
  /* an error in flight is not replaced by one about this */
  if (xio_semaphore_release(&semaphore->core) != XIO_OK) return 0;
  return 0;
}

/* stats(): {waiting =, held =, total =}; held is negative where more were released than
 * acquired. */
static int semaphore_stats(lua_State *L) {
  xiol_semaphore *semaphore = check_semaphore(L, "semaphore:stats");
  xiol_sync_stats(L, &semaphore->core.waiters);
  xiol_sync_set(L, "held", semaphore->core.held);
  xiol_sync_set(L, "total", semaphore->core.total);
  return 1;
}

/* Fields: value (free permits), max (nil: none). */
static int semaphore_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  const xio_semaphore *core = &check_semaphore(L, "semaphore.__index")->core;
  if (strcmp(field, "value") == 0) {
    lua_pushinteger(L, xio_semaphore_free(core));
  } else if (strcmp(field, "max") == 0 && core->max != XIO_SEMAPHORE_MAX) {
    lua_pushinteger(L, core->max);
  }
  return 1;
}

static int semaphore_tostring(lua_State *L) {
  xiol_semaphore *semaphore = check_semaphore(L, "semaphore.__tostring");
  lua_pushfstring(L, "semaphore (%I of %I free)",
                  (LUAI_UACINT)xio_semaphore_free(&semaphore->core),
                  (LUAI_UACINT)semaphore->core.total);
  return 1;
}

void xiol_open_semaphore(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"acquire", semaphore_acquire}, {"try_acquire", semaphore_try_acquire},
      {"release", semaphore_release}, {"with", semaphore_with},
      {"stats", semaphore_stats},     {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_semaphore,
                                        .name = "semaphore",
                                        .construct = l_semaphore,
                                        .methods = methods,
                                        .index = semaphore_index,
                                        .tostring = semaphore_tostring,
                                        .close = semaphore_close};
  xiol_sync_open(L, state, &class);
}
