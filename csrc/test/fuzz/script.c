/* script: fuzzes by a function of Lua: the one that spec/fuzz/FUZZ_SCRIPT.lua returns is
 * called with each input, and raises where something is not as it should be. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

enum { AT_FUNCTION = 2 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  if (lua_gettop(L) < AT_FUNCTION &&
      luaL_dofile(L, "spec/fuzz/" FUZZ_SCRIPT ".lua") != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    exit(EXIT_FAILURE);
  }
  lua_settop(L, AT_FUNCTION);
  lua_pushvalue(L, AT_FUNCTION);
  lua_pushlstring(L, (const char *)data, size);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", luaL_tolstring(L, -1, NULL));
    __builtin_trap();
  }
  lua_settop(L, AT_FUNCTION);
  return 0;
}
