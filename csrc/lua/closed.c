/* closed: see closed.h. */
#include "closed.h"

/* The key in a class under which that of its closed objects stands: its address. */
static const char closed_key = 0;

enum { CLASS_FIELDS = 8 }; /* for how many there is room at once */

void xiol_add_closed(lua_State *L) {
  xiol_need_stack(L, 8, NULL);
  lua_getfield(L, -1, "__index");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "closed");
  lua_createtable(L, 0, CLASS_FIELDS); /* the class of closed objects: a copy … */
  for (lua_pushnil(L); lua_next(L, -4) != 0;) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_createtable(L, 0, 1); /* … with another __index, behind which are the methods */
  lua_pushboolean(L, 1);
  lua_setfield(L, -2, "closed");
  lua_createtable(L, 0, 1);
  lua_pushvalue(L, -4);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "__index");
  lua_rawsetp(L, -3, &closed_key);
  lua_pop(L, 1);
}

void xiol_set_closed(lua_State *L, int index) {
  if (!lua_getmetatable(L, index)) return;
  if (lua_rawgetp(L, -1, &closed_key) == LUA_TTABLE) {
    lua_setmetatable(L, index);
    lua_pop(L, 1);
  } else {
    lua_pop(L, 2);
  }
}
