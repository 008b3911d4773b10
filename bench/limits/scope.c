/* scope.c: the least that entering and leaving a scope with a timeout can cost.
 *
 *   scope SECONDS
 *
 * A Lua loop in a coroutine calls a C function with a number and an empty Lua function;
 * the C function checks the number, adds it to a cached time, and calls the function
 * with lua_pcallk and a continuation, so that it could wait. Missing of a real scope:
 * the entry in the queue of deadlines, the link to the scope around it, and their
 * removal.
 */
#include "limit.h"

#include <lauxlib.h>

enum { SCOPES_PER_BATCH = 20000 };

static double cached_time = 1000.0;
static volatile double nearest_deadline;

static int leave(lua_State *L, int status, lua_KContext context) {
  (void)context;
  if (status != LUA_OK && status != LUA_YIELD) return lua_error(L);
  lua_pushboolean(L, 1);
  lua_replace(L, 1);
  return lua_gettop(L);
}

static int enter(lua_State *L) {
  nearest_deadline = cached_time + luaL_checknumber(L, 1);
  return leave(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 0, leave), 0);
}

static int64_t run_scopes(lua_State *L, void *data, int64_t *ops) {
  lua_State *co = data;
  int results;
  int64_t start = limit_now();
  if (lua_resume(co, L, 0, &results) != LUA_YIELD) limit_fail("resume");
  *ops = SCOPES_PER_BATCH;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  static const char loop[] =
      "local enter, n = ...\n"
      "local function f() end\n"
      "while true do\n"
      "  for _ = 1, n do enter(10, f) end\n"
      "  coroutine.yield()\n"
      "end";
  double seconds = limit_arg(argc, argv, 1, 0.3);
  int results;
  lua_State *L = limit_open();
  lua_State *co = lua_newthread(L);
  if (luaL_loadstring(co, loop) != LUA_OK) limit_fail("no function");
  lua_pushcfunction(co, enter);
  lua_pushinteger(co, SCOPES_PER_BATCH);
  if (lua_resume(co, L, 2, &results) != LUA_YIELD) limit_fail("resume");
  limit_measure(L, seconds, run_scopes, co);
  lua_close(L);
  return 0;
}
