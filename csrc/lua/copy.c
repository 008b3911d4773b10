/* copy: messages, and what other Lua states know by a name (copy.h). The thread of the
 * Lua state, but for xiol_message_free. */
#include "copy.h"

#include <string.h>

#include "copy_names.h"

/* -- messages ------------------------------------------------------------------------ */

void xiol_message_free(xiol_message *message) {
  if (message == NULL) return;
  xio_allocator alloc = xio_alloc_default();
  for (uint32_t i = 0; i < message->carried_count; i++) {
    message->carried[i].what->unref(message->carried[i].object);
  }
  xio_alloc_free(&alloc, message->carried,
                 message->carried_capacity * sizeof *message->carried);
  xio_alloc_free(&alloc, message, sizeof *message + message->capacity);
}

/* Not against malice: bytecode that was damaged would end the process. */
uint64_t xiol_copy_checksum(const unsigned char *bytes, size_t length) {
  uint64_t sum = length;
  for (; length >= 8; length -= 8, bytes += 8) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    sum = (sum ^ word) * UINT64_C(0x9E3779B97F4A7C15);
    sum ^= sum >> 29;
  }
  for (; length > 0; length--, bytes++) {
    sum = (sum ^ *bytes) * UINT64_C(0x9E3779B97F4A7C15);
    sum ^= sum >> 29;
  }
  return sum;
}

/* -- names --------------------------------------------------------------------------- */

const char *xiol_copy_name(lua_State *L, const xiol_state *state, size_t *length) {
  xiol_push_ref(L, state, XIOL_REF_NAMES);
  lua_pushvalue(L, -2);
  lua_rawget(L, -2);
  const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, length) : NULL;
  lua_pop(L, 2);
  return name;
}

const char *xiol_copy_module(lua_State *L, size_t *length) {
  int value = lua_gettop(L);
  const char *name = NULL;
  if (lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE) == LUA_TTABLE) {
    lua_pushnil(L);
    while (name == NULL && lua_next(L, value + 1) != 0) {
      bool is = lua_rawequal(L, -1, value) && lua_type(L, -2) == LUA_TSTRING;
      lua_pop(L, 1);
      if (is) name = lua_tolstring(L, -1, length);
    }
  }
  lua_settop(L, value);
  return name;
}

const char *xiol_copy_class(lua_State *L, const xiol_state *state) {
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_pushvalue(L, -2);
  const char *name = lua_rawget(L, -2) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  lua_pop(L, 2);
  return name;
}

const xiol_shareable *xiol_copy_shareable(lua_State *L, const xiol_state *state) {
  if (!lua_getmetatable(L, -1)) return NULL;
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_insert(L, -2);
  lua_rawget(L, -2);
  const xiol_shareable *what = lua_touserdata(L, -1);
  lua_pop(L, 2);
  return what;
}

bool xiol_copy_is_ours(lua_State *L, const xiol_state *state) {
  lua_Debug ar;
  lua_pushvalue(L, -1);
  lua_getinfo(L, ">S", &ar);
  return state->lua_prefix != NULL &&
         strncmp(ar.source, state->lua_prefix, state->lua_prefix_length) == 0;
}

/* Whether other states have the value at the top, a field of `module`, by its name. */
static bool is_nameable(lua_State *L, const xiol_state *state, const char *module) {
  if (lua_isuserdata(L, -1)) {
    return strcmp(module, "io") == 0 || strcmp(module, "xio") == 0;
  }
  return lua_isfunction(L, -1) && (lua_iscfunction(L, -1) || xiol_copy_is_ours(L, state));
}

/* Names the fields of the module at the top, whose name is below it; the table of names
 * is at `names`. */
static void name_fields(lua_State *L, const xiol_state *state, int names) {
  int module = lua_gettop(L);
  const char *module_name = lua_tostring(L, module - 1);
  lua_pushnil(L);
  while (lua_next(L, module) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && is_nameable(L, state, module_name)) {
      lua_pushvalue(L, module - 1);
      lua_pushlstring(L, "", 1);
      lua_pushvalue(L, module + 1);
      lua_concat(L, 3);
      lua_rawset(L, names);
    } else {
      lua_pop(L, 1);
    }
  }
}

void xiol_copy_collect_names(lua_State *L, xiol_state *state) {
  int top = lua_gettop(L);
  xiol_need_stack(L, 12, NULL);
  xiol_push_ref(L, state, XIOL_REF_NAMES);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushnil(L);
  while (lua_next(L, top + 2) != 0) {
    if (lua_type(L, -2) == LUA_TSTRING && lua_istable(L, -1)) {
      name_fields(L, state, top + 1);
    }
    lua_pop(L, 1);
  }
  lua_settop(L, top);
}

void xiol_make_shareable(lua_State *L, xiol_state *state, const xiol_shareable *what) {
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, (void *)what);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Makes the metatable at the top, which is popped, a class with a name. */
static void name_class(lua_State *L, xiol_state *state, const char *name) {
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_pushvalue(L, -2);
  lua_pushstring(L, name);
  lua_rawset(L, -3);
  lua_insert(L, -2);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* -- functions ----------------------------------------------------------------------- */

/* class(name, metatable): tables with that metatable can be copied, and keep it. Where
 * another state has no class of that name yet, it requires the module `name`. */
static int l_class(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  name_class(L, xiol_state_of(L), name);
  return 0;
}

/* check_copy(function name, f, ...): raises, in that name, where the function or an
 * argument cannot be copied. */
static int l_check_copy(lua_State *L) {
  const char *function = luaL_checkstring(L, 1);
  xiol_message_free(
      xiol_copy_out(L, xiol_state_of(L), 2, lua_gettop(L) - 1, XIOL_COPY_CALL, function));
  return 0;
}

/* copy({bytes =, depth =}, ...): the values after having been a message: for tests. */
static int l_copy(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_Integer bytes = (lua_Integer)XIOL_COPY_BYTES_MAX;
  lua_Integer depth = XIOL_COPY_DEPTH_MAX;
  luaL_checktype(L, 1, LUA_TTABLE);
  if (lua_getfield(L, 1, "bytes") == LUA_TNUMBER) bytes = lua_tointeger(L, -1);
  if (lua_getfield(L, 1, "depth") == LUA_TNUMBER) depth = lua_tointeger(L, -1);
  lua_pop(L, 2);
  return xiol_take_message(
      L, state,
      xiol_copy_out_within(L, state, 2, lua_gettop(L) - 1, XIOL_COPY_ARGS, "copy",
                           (size_t)bytes, (int)depth));
}

/* copy_damaged(position, byte, ...): the same where one byte of the message was changed,
 * and everything behind it where `byte` is negative cut off; gives false and the error
 * where that is no message. Also gives its size. */
static int l_copy_damaged(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_Integer position = luaL_checkinteger(L, 1);
  lua_Integer byte = luaL_checkinteger(L, 2);
  xiol_message *message =
      xiol_copy_out(L, state, 3, lua_gettop(L) - 2, XIOL_COPY_ARGS, "copy");
  lua_settop(L, 0);
  size_t at = (size_t)position;
  if (at < message->size && byte < 0) message->size = at;
  if (at < message->size) message->bytes[at] = (unsigned char)byte;
  lua_pushinteger(L, (lua_Integer)message->size);
  return 1 + xiol_take_message(L, state, message);
}

/* copy_error(err): an error after having been a message: for tests. */
static int l_copy_error(lua_State *L) {
  luaL_checkany(L, 1);
  xiol_state *state = xiol_state_of(L);
  return xiol_take_message(L, state, xiol_copy_error_out(L, state, 1));
}

/* -- a handle for tests -------------------------------------------------------------- */

static const xiol_kind kind_counted = {"xio.testing.Counted"};

/* The object is one number, the count of its references. */
typedef struct counted {
  const xiol_kind *kind;
  unsigned *references;
} counted;

static int share_counted(void *userdata, void **object) {
  const counted *box = userdata;
  if (box->references == NULL) return XIO_ECLOSED;
  (*box->references)++;
  *object = box->references;
  return XIO_OK;
}

static void unref_counted(void *object) {
  unsigned *references = object;
  xio_allocator alloc = xio_alloc_default();
  if (--*references == 0) xio_alloc_free(&alloc, references, sizeof *references);
}

static counted *push_box(lua_State *L) {
  counted *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (counted){&kind_counted, NULL};
  return box;
}

/* The metatable is the class of the one box that is known. */
static void push_counted(lua_State *L, xiol_state *state, void *object) {
  counted *box = push_box(L);
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_getfield(L, -1, kind_counted.name);
  lua_setmetatable(L, -3);
  lua_pop(L, 1);
  box->references = object;
  (*box->references)++;
}

static int counted_close(lua_State *L) {
  counted *box = xiol_check(L, 1, &kind_counted, "Counted:close");
  if (box->references != NULL) unref_counted(box->references);
  box->references = NULL;
  return 0;
}

static int counted_count(lua_State *L) {
  const counted *box = xiol_check(L, 1, &kind_counted, "Counted:count");
  lua_pushinteger(L, box->references != NULL ? (lua_Integer)*box->references : 0);
  return 1;
}

/* copy_counted(): a handle that can be copied; `count` tells how many refer to it. */
static int l_copy_counted(lua_State *L) {
  static const xiol_shareable what = {&kind_counted, share_counted, push_counted,
                                      unref_counted};
  static const luaL_Reg meta[] = {
      {"__gc", counted_close}, {"__close", counted_close}, {NULL, NULL}};
  static const luaL_Reg methods[] = {
      {"close", counted_close}, {"count", counted_count}, {NULL, NULL}};
  xiol_state *state = xiol_state_of(L);
  xio_allocator alloc = xio_alloc_default();
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  if (lua_getfield(L, -1, kind_counted.name) == LUA_TNIL) {
    xiol_make_plain_class(L, state, &kind_counted, meta, methods, NULL);
    xiol_make_shareable(L, state, &what);
    lua_setfield(L, -3, kind_counted.name);
  }
  lua_settop(L, 0);
  counted *box = push_box(L);
  xiol_push_ref(L, state, XIOL_REF_CLASSES);
  lua_getfield(L, -1, kind_counted.name);
  lua_setmetatable(L, 1);
  lua_settop(L, 1);
  box->references = xio_alloc_new(&alloc, sizeof *box->references);
  if (box->references == NULL) xiol_raise_memory(L);
  *box->references = 1;
  return 1;
}

const luaL_Reg xiol_copy_functions[] = {{"class", l_class},
                                        {"check_copy", l_check_copy},
                                        {"copy", l_copy},
                                        {"copy_damaged", l_copy_damaged},
                                        {"copy_error", l_copy_error},
                                        {"copy_counted", l_copy_counted},
                                        {NULL, NULL}};

/* The module's table is at the top; its field `types` has the metatables of errors. */
void xiol_open_copy(lua_State *L, xiol_state *state) {
  static const char *const errors[] = {"Error", "ErrorGroup", "TimeoutError",
                                       "Interrupted"};
  lua_pushglobaltable(L);
  state->globals = lua_topointer(L, -1);
  lua_pop(L, 1);
  lua_getfield(L, -1, "types");
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
    lua_getfield(L, -1, errors[i]);
    lua_pushfstring(L, "xio.%s", errors[i]);
    lua_insert(L, -2);
    name_class(L, state, lua_tostring(L, -2));
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}
