/* call: how functions for hosts call what may raise, and what they leave on the stack.
 * See host.h. */
#include <string.h>

#include "host/host.h"

/* message: pushes a text, as a light userdata; raises where memory is out. */
static int push_message(lua_State *L) {
  const char *message = lua_touserdata(L, 1);
  if (message == NULL) xiol_raise_memory(L);
  lua_pushstring(L, message);
  return 1;
}

/* What a task, or the binding, raised because memory was out is a text, behind the place
 * of the caller where there is one. */
static bool tells_of_memory(lua_State *L) {
  static const char text[] = "not enough memory";
  size_t length = 0;
  if (lua_type(L, -1) != LUA_TSTRING) return false;
  const char *message = lua_tolstring(L, -1, &length);
  size_t behind = sizeof text - 1;
  return length >= behind && strcmp(message + length - behind, text) == 0;
}

static const char enter_key = 0; /* its address finds the function `enter` */

typedef struct request {
  lua_CFunction function;
  void *context;
} request;

/* (request, ...): calls the function in this frame, which has the upvalues that all
 * functions of the binding need, with the context in the request's place. */
static int enter(lua_State *L) {
  const request *what = lua_touserdata(L, 1);
  lua_CFunction function = what->function;
  lua_pushlightuserdata(L, what->context);
  lua_replace(L, 1);
  return function(L);
}

void xioh_open_calls(lua_State *L, const xiol_state *state) {
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, enter, XIOL_UPVALUES);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &enter_key);
}

static int call_protected(lua_State *L, int arguments, int results) {
  int status = lua_pcall(L, arguments, results, 0);
  if (status == LUA_OK) return 0;
  return status == LUA_ERRMEM || tells_of_memory(L) ? XIO_ERR_MEMORY : XIO_ERR_LUA;
}

int xioh_call_plain(lua_State *L, lua_CFunction function, void *context, int arguments,
                    int results) {
  if (!lua_checkstack(L, 3)) return xioh_fail(L, arguments, XIO_ERR_MEMORY, NULL);
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, context);
  lua_rotate(L, -2 - arguments, 2);
  return call_protected(L, arguments + 1, results);
}

int xioh_call(lua_State *L, lua_CFunction function, void *context, int arguments,
              int results) {
  request what = {function, context};
  if (!lua_checkstack(L, 3)) return xioh_fail(L, arguments, XIO_ERR_MEMORY, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &enter_key);
  lua_pushlightuserdata(L, &what);
  lua_rotate(L, -2 - arguments, 2);
  return call_protected(L, arguments + 1, results);
}

int xioh_call_handled(lua_State *L, lua_CFunction function, void *context, int handler) {
  request what = {function, context};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &enter_key);
  lua_pushlightuserdata(L, &what);
  return lua_pcall(L, 1, LUA_MULTRET, handler);
}

void xioh_within(lua_State *L, lua_CFunction function, void *context, int results) {
  request what = {function, context};
  xiol_need_stack(L, 3, NULL);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &enter_key);
  lua_pushlightuserdata(L, &what);
  lua_call(L, 1, results);
}

int xioh_raise(lua_State *L, int *place, int result, const char *message) {
  *place = result;
  return luaL_error(L, "%s", message);
}

int xioh_fail(lua_State *L, int count, int result, const char *message) {
  lua_pop(L, count);
  if (!lua_checkstack(L, 3)) { /* there is LUA_MINSTACK for who was called */
    lua_pushnil(L);
    return XIO_ERR_MEMORY;
  }
  lua_pushcfunction(L, push_message);
  lua_pushlightuserdata(L, result == XIO_ERR_MEMORY ? NULL : (void *)message);
  lua_pcall(L, 1, 1, 0); /* either leaves one value */
  return result;
}

bool xioh_read_options(void *to, size_t size, const void *from) {
  memset(to, 0, size);
  memcpy(to, &size, sizeof size);
  if (from == NULL) return true;
  size_t given = 0;
  memcpy(&given, from, sizeof given);
  if (given < sizeof given) return false;
  for (size_t i = size; i < given; i++) {
    if (((const char *)from)[i] != 0) return false;
  }
  memcpy(to, from, given < size ? given : size);
  return true;
}

xiol_task_handle *xioh_task_handle(lua_State *L, int index) {
  if (!lua_checkstack(L, 2)) return NULL;
  return xiol_test(L, index, &xiol_kind_task);
}

const char *xio_error_text(int result, char *buffer, size_t size) {
  switch (result) {
    case 0: return "no error";
    case XIO_ERR_MEMORY: return "not enough memory";
    case XIO_ERR_ARGUMENT: return "invalid argument";
    case XIO_ERR_BUSY: return "busy";
    case XIO_ERR_CANCELLED: return "cancelled";
    case XIO_ERR_CLOSED: return "the runtime has ended";
    case XIO_ERR_LUA: return "Lua error";
    default: break;
  }
  if (buffer == NULL || size == 0) return "error";
  return uv_strerror_r(result, buffer, size);
}

/* traceback(error): see xio_traceback. */
static int make_report(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, "xio") == LUA_TTABLE &&
      lua_getfield(L, -1, "traceback") == LUA_TFUNCTION) {
    lua_pushvalue(L, 2);
    lua_call(L, 1, 1);
  } else {
    luaL_tolstring(L, 2, NULL);
  }
  if (lua_type(L, -1) != LUA_TSTRING) luaL_tolstring(L, 2, NULL);
  return 1;
}

const char *xio_traceback(lua_State *L, int index) {
  static const char no_memory[] = "not enough memory";
  index = lua_absindex(L, index);
  if (!lua_checkstack(L, 4)) {
    lua_pushnil(L);
    return no_memory;
  }
  lua_pushvalue(L, index);
  if (xioh_call_plain(L, make_report, NULL, 1, 1) != 0 &&
      lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushnil(L);
  }
  const char *text = lua_tostring(L, -1);
  return text != NULL ? text : no_memory;
}
