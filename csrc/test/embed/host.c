/* host: a stranger's C program that has xio from its installed header and library, on a
 * Lua state of its own. tools/check_install builds it against an installed prefix. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <xio.h>

static const char script[] =
    "package.path, package.cpath = '', ''\n"
    "local xio = require 'xio'\n"
    "return xio.run(function() xio.sleep(0.001) return 42 end)\n";

int main(void) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  luaL_openlibs(L);
  luaL_requiref(L, "xio", luaopen_xio, 0);
  lua_settop(L, 0);
  int status = luaL_loadstring(L, script);
  if (status == LUA_OK) status = lua_pcall(L, 0, 1, 0);
  int is_answer = status == LUA_OK && lua_tointeger(L, -1) == 42;
  if (!is_answer) fprintf(stderr, "host: %s\n", luaL_tolstring(L, -1, NULL));
  lua_close(L);
  return is_answer ? 0 : 1;
}
