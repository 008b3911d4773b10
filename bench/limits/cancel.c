/* cancel.c: the least that ending a blocked task by an error can cost.
 *
 *   cancel SECONDS N
 *
 * N coroutines, the same in every batch. Each runs, under a protected call of its own, a
 * Lua function that calls a C function that yields. Timed is what follows: each is
 * resumed, the continuation of the C function raises a value that needs no memory, the
 * protected call catches it, and the coroutine ends. Missing of a real cancellation:
 * finding the tasks, queueing them, telling the group.
 *
 * Stack of the main state: 1 the table of coroutines, 2 the Lua function, 3 `block`.
 */
#include "limit.h"

#include <lauxlib.h>

static char cancelled; /* its address is the value raised */

static int block_end(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  lua_pushlightuserdata(L, &cancelled);
  return lua_error(L);
}

static int block_here(lua_State *L) {
  return lua_yieldk(L, 0, 0, block_end);
}

static int body_end(lua_State *L, int status, lua_KContext context) {
  (void)context;
  if (status != LUA_ERRRUN || lua_touserdata(L, -1) != &cancelled)
    limit_fail("lost error");
  return 0;
}

/* Arguments: the Lua function and what it calls. */
static int body(lua_State *L) {
  return body_end(L, lua_pcallk(L, 1, 0, 0, 0, body_end), 0);
}

static int64_t cancel_all(lua_State *L, void *data, int64_t *ops) {
  int count = *(int *)data, results;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    lua_State *co = lua_tothread(L, -1);
    lua_pop(L, 1); /* the table keeps it */
    lua_pushcfunction(L, body);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, 3);
    lua_xmove(L, co, 3);
    if (lua_resume(co, L, 2, &results) != LUA_YIELD) limit_fail("resume");
  }
  int64_t start = limit_now();
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 1, i);
    if (lua_resume(lua_tothread(L, -1), L, 0, &results) != LUA_OK) limit_fail("resume");
    lua_pop(L, 1);
  }
  *ops = count;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  double seconds = limit_arg(argc, argv, 1, 0.3);
  int count = (int)limit_arg(argc, argv, 2, 100000);
  lua_State *L = limit_open();
  lua_createtable(L, count, 0);
  for (int i = 1; i <= count; i++) {
    lua_newthread(L);
    lua_rawseti(L, 1, i);
  }
  if (luaL_loadstring(L, "local block = ... block()") != LUA_OK)
    limit_fail("no function");
  lua_pushcfunction(L, block_here);
  limit_measure(L, seconds, cancel_all, &count);
  lua_close(L);
  return 0;
}
