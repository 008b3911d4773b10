/* library: the Lua modules of xio in the state of a host.
 *
 * libxio carries them as text, so that a host needs no path. Not here: runtimes
 * (host.c). On the thread that runs the Lua state. */
#include "host/host.h"
#include "lua/preload.h"

int luaopen_xio(lua_State *L) {
  xiol_need_stack(L, 4, NULL);
  xiol_preload(L, xiol_embedded_modules);
  xioh_open_calls(L, xiol_push_core(L));
  lua_pop(L, 1);
  if (lua_getglobal(L, "require") != LUA_TFUNCTION) {
    return luaL_error(L, "xio needs Lua's standard libraries: call luaL_openlibs first");
  }
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 1);
  return 1;
}
