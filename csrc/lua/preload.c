/* preload: see preload.h. */
#include "preload.h"

#include <lauxlib.h>
#include <string.h>

#include "../include/xio.h"
#include "binding.h"

static const char modules_key = 0; /* its address is the registry key of the table */

/* Pushes the chunk of a module. */
static void push_chunk(lua_State *L, const xiol_module *module) {
  const char *name = lua_pushfstring(L, "%s%s", XIOL_SOURCE_PREFIX, module->file);
  const char *data = (const char *)module->data;
  if (luaL_loadbufferx(L, data, module->size, name, "bt") != LUA_OK) lua_error(L);
  lua_remove(L, -2);
}

/* Loader of a module, which is the upvalue. */
static int load_module(lua_State *L) {
  push_chunk(L, lua_touserdata(L, lua_upvalueindex(1)));
  lua_insert(L, 1);
  lua_call(L, lua_gettop(L) - 1, 1);
  return 1;
}

void xiol_preload(lua_State *L, const xiol_module *modules) {
  xiol_need_stack(L, 4, NULL);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_xio_core);
  lua_setfield(L, -2, "xio.core");
  for (const xiol_module *module = modules; module->name != NULL; module++) {
    lua_pushlightuserdata(L, (void *)module);
    lua_pushcclosure(L, load_module, 1);
    lua_setfield(L, -2, module->name);
  }
  lua_pop(L, 1);
  lua_pushlightuserdata(L, (void *)modules);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);
}

const xiol_module *xiol_preloaded(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
  const xiol_module *modules = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return modules;
}

void xiol_push_module(lua_State *L, const char *name) {
  const xiol_module *module = xiol_preloaded(L);
  while (module != NULL && module->name != NULL && strcmp(module->name, name) != 0) {
    module++;
  }
  if (module == NULL || module->name == NULL) {
    luaL_error(L, "module '%s' is not in this program", name);
    return;
  }
  push_chunk(L, module);
  lua_pushstring(L, name);
  lua_call(L, 1, 1);
}
