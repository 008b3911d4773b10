/* barrier: xio.barrier(n), where n tasks wait for each other. See core/barrier.h; loop's
 * thread. */
#include "../core/barrier.h"

#include <string.h>

#include "sync.h"

static const xiol_kind xiol_kind_barrier = {"xio.Barrier"};

typedef struct xiol_barrier {
  const xiol_kind *kind;
  xio_barrier core;
} xiol_barrier;

/* barrier(n): for n tasks, at least 1; used again and again. */
static int l_barrier(lua_State *L) {
  static const char function[] = "xio.barrier";
  lua_Integer parties = xiol_sync_integer(L, 1, 1, function);
  if (parties > INT32_MAX) xiol_arg_error(L, function, 1, "too many tasks");
  xiol_barrier *barrier = xiol_sync_new(L, sizeof *barrier, 0, &xiol_kind_barrier);
  xio_barrier_init(&barrier->core, (int)parties);
  return 1;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  lua_pushinteger(L, status);
  return 1;
}

/* wait(): waits until n tasks have come; this task's place in the order of their coming,
 * 0 … n-1. Whoever comes next begins another round. A checkpoint; cancelled, it raises,
 * and the task has not come: the others wait for one more. */
static int barrier_wait(lua_State *L) {
  static const char function[] = "barrier:wait";
  xiol_barrier *barrier = xiol_check(L, 1, &xiol_kind_barrier, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  if (!xio_barrier_arrive(&barrier->core, &task->core)) {
    return xiol_yield(L, 0, finish_wait);
  }
  int place = barrier->core.parties - 1;
  if (!xiol_sync_done(task, place)) return xiol_yield(L, 0, finish_wait);
  lua_pushinteger(L, place);
  return 1;
}

/* stats(): {waiting =, total =} */
static int barrier_stats(lua_State *L) {
  xiol_barrier *barrier = xiol_check(L, 1, &xiol_kind_barrier, "barrier:stats");
  xiol_sync_stats(L, &barrier->core.waiters);
  xiol_sync_set(L, "total", barrier->core.parties);
  return 1;
}

/* Field: total (n). */
static int barrier_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL || strcmp(field, "total") != 0) return 1;
  xiol_barrier *barrier = xiol_check(L, 1, &xiol_kind_barrier, "barrier.__index");
  lua_pushinteger(L, barrier->core.parties);
  return 1;
}

static int barrier_tostring(lua_State *L) {
  xiol_barrier *barrier = xiol_check(L, 1, &xiol_kind_barrier, "barrier.__tostring");
  lua_pushfstring(L, "barrier (%d of %d waiting)", barrier->core.waiting,
                  barrier->core.parties);
  return 1;
}

void xiol_open_barrier(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"wait", barrier_wait}, {"stats", barrier_stats}, {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_barrier,
                                        .name = "barrier",
                                        .construct = l_barrier,
                                        .methods = methods,
                                        .index = barrier_index,
                                        .tostring = barrier_tostring};
  xiol_sync_open(L, state, &class);
}
