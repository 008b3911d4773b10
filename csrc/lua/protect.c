/* protect: xio.pcall and xio.xpcall, which let cancellations pass, and xio.atomic.
 * Loop's thread. */
#include "binding.h"

/* In place of a nil error, which no boundary lets through. */
static void name_nil(lua_State *L, xiol_state *state) {
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushliteral(L, "an error was raised with the value nil");
  xiol_push_error(L, state, "ENIL", "error");
}

/* The end of the protected function: the frame begins with `context` values of ours. */
static int finish_pcall(lua_State *L, int status, lua_KContext context) {
  int base = (int)context;
  if (XIO_LIKELY(status == LUA_OK || status == LUA_YIELD)) {
    lua_pushboolean(L, 1);
    lua_replace(L, base);
    return lua_gettop(L) - base + 1;
  }
  if (xiol_is_cancelled(L, -1)) return lua_error(L);
  name_nil(L, xiol_state_of(L));
  lua_pushboolean(L, 0);
  lua_insert(L, -2);
  return 2;
}

/* pcall(f, ...) */
static int l_pcall(lua_State *L) {
  luaL_checkany(L, 1);
  lua_pushboolean(L, 1);
  lua_insert(L, 1);
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0, 1, finish_pcall);
  return finish_pcall(L, status, 1);
}

/* The message handler of xpcall: the program's own, except for cancellations. */
static int handle(lua_State *L) {
  lua_settop(L, 1);
  if (xiol_is_cancelled(L, 1)) return 1;
  lua_pushvalue(L, lua_upvalueindex(XIOL_UPVALUES + 1));
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* xpcall(f, handler, ...) */
static int l_xpcall(lua_State *L) {
  luaL_checkany(L, 1);
  if (!lua_isfunction(L, 2)) xiol_type_error(L, "xio.xpcall", 2, "function");
  int count = lua_gettop(L) - 2;
  xiol_push_upvalues(L, xiol_state_of(L));
  lua_pushvalue(L, 2);
  lua_pushcclosure(L, handle, XIOL_UPVALUES + 1);
  lua_replace(L, 2);
  lua_pushboolean(L, 1);
  lua_pushvalue(L, 1);
  lua_rotate(L, 3, 2); /* f, handler, true, f, arguments */
  int status = lua_pcallk(L, count, LUA_MULTRET, 2, 3, finish_pcall);
  return finish_pcall(L, status, 3);
}

/* atomic(f, ...): f may not wait. */
static int l_atomic(lua_State *L) {
  static const char function[] = "xio.atomic";
  xiol_state *state = xiol_state_of(L);
  xiol_check_callable(L, 1, function);
  xiol_task *task = xiol_running(L, state, function);
  xiol_push_ref(L, state, XIOL_REF_HANDLER);
  lua_insert(L, 1);
  task->atomic++;
  int status = lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1);
  task->atomic--;
  if (status != LUA_OK) { /* it goes on its way from here anew */
    xiol_unwound(L, state, task->core.wait.scope);
    return xiol_is_cancelled(L, -1) ? lua_error(L) : xiol_rethrow(L, state);
  }
  return lua_gettop(L) - 1;
}

const luaL_Reg xiol_protect_functions[] = {
    {"pcall", l_pcall}, {"xpcall", l_xpcall}, {"atomic", l_atomic}, {NULL, NULL}};
