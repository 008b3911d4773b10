/* library: see library.h. */
#include "cli/library.h"

static const char library_key = 0; /* its address is the registry key */

void xio_library_keep(lua_State *L) {
  lua_rawsetp(L, LUA_REGISTRYINDEX, &library_key);
}

bool xio_library_push(lua_State *L, const char *name) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &library_key) == LUA_TTABLE) {
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
    if (lua_isfunction(L, -1)) return true;
  }
  lua_pop(L, 1);
  return false;
}
