/* state: see state.h. */
#include "state.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>

#include "xio.h"

static lua_State *make(void) {
  const char *build = getenv("XIO_BUILD_DIR");
  lua_State *L = luaL_newstate();
  if (build == NULL || L == NULL) {
    fprintf(stderr, "XIO_BUILD_DIR is not set\n");
    exit(EXIT_FAILURE);
  }
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_xio_core);
  lua_setfield(L, -2, "xio.core");
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;./?.lua", build, build);
  lua_setfield(L, -2, "path");
  lua_settop(L, 0);
  if (luaL_dostring(L, "require 'xio' return require 'xio.core'") != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(EXIT_FAILURE);
  }
  lua_settop(L, 1);
  return L;
}

lua_State *fuzz_state(void) {
  static lua_State *L;
  if (L == NULL) L = make();
  return L;
}
