/* benchclock.c: Lua module `benchclock`, one function: now() -> seconds of the monotonic
 * clock, read at that moment. A runtime's own clock may be cached for a whole turn, so
 * the programs in ../xio and ../peers do not measure with it.
 */
#include <time.h>

#include <lauxlib.h>
#include <lua.h>

int luaopen_benchclock(lua_State *L);

static int read_now(lua_State *L) {
  struct timespec t;
  if (clock_gettime(CLOCK_MONOTONIC, &t) != 0) return luaL_error(L, "no monotonic clock");
  lua_pushnumber(L, (lua_Number)t.tv_sec + (lua_Number)t.tv_nsec * 1e-9);
  return 1;
}

/* Returns the module's table. */
int luaopen_benchclock(lua_State *L) {
  static const luaL_Reg functions[] = {{"now", read_now}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
