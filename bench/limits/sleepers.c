/* sleepers.c: the least that a blocked task can cost.
 *
 *   sleepers SECONDS N
 *
 * N fresh coroutines each call a C function that yields; they are resumed once all of
 * them are blocked, and end. Prints "kb", the growth of resident memory per coroutine
 * while all are blocked, and "us", the CPU time of the whole life of one. SECONDS is not
 * used: nothing sleeps here.
 *
 * Stack of the main state: 1 the function, 2 the table of coroutines.
 */
#include "limit.h"

#include <stdio.h>

#include <lauxlib.h>

static int block_here(lua_State *L) {
  return lua_yield(L, 0);
}

/* Starts `count` coroutines and leaves them blocked in the table. */
static void block_all(lua_State *L, int count) {
  int results;
  for (int i = 1; i <= count; i++) {
    lua_State *co = lua_newthread(L);
    lua_rawseti(L, 2, i);
    lua_pushvalue(L, 1);
    lua_pushcfunction(L, block_here);
    lua_xmove(L, co, 2);
    if (lua_resume(co, L, 1, &results) != LUA_YIELD) limit_fail("resume");
  }
}

/* Resumes all to their end and drops them. */
static void end_all(lua_State *L, int count) {
  int results;
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    if (lua_resume(lua_tothread(L, -1), L, 0, &results) != LUA_OK) limit_fail("resume");
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawseti(L, 2, i);
  }
}

int main(int argc, char **argv) {
  int count = (int)limit_arg(argc, argv, 2, 100000);
  lua_State *L = limit_open();
  if (luaL_loadstring(L, "local block = ... block()") != LUA_OK)
    limit_fail("no function");
  lua_newtable(L);
  double kb = limit_resident_kb(), cpu = limit_cpu();
  block_all(L, count);
  kb = limit_resident_kb() - kb;
  end_all(L, count);
  cpu = limit_cpu() - cpu;
  printf("us %.4f\nkb %.4f\n", cpu * 1e6 / count, kb / count);
  lua_close(L);
  return 0;
}
