/* copy_in: messages into values (copy.h).
 *
 * A stack machine on the Lua stack. It trusts no length, number or order in the bytes;
 * bytecode is taken only with the right checksum, since Lua trusts it. The thread of the
 * Lua state. */
#include <string.h>

#include "copy.h"

typedef struct reading {
  lua_State *L;
  xiol_state *state;
  const xiol_message *message;
  const unsigned char *at, *end;
  int bottom;      /* the stack below the values */
  int objects;     /* index of the table of tables, functions, handles; 0: not needed */
  uint32_t object; /* how many */
} reading;

static int malformed(const reading *r) {
  return luaL_error(r->L, "the bytes are no message of xio");
}

static const unsigned char *take(reading *r, size_t count) {
  if ((size_t)(r->end - r->at) < count) malformed(r);
  const unsigned char *bytes = r->at;
  r->at += count;
  return bytes;
}

static uint32_t take_u32(reading *r) {
  uint32_t value;
  memcpy(&value, take(r, sizeof value), sizeof value);
  return value;
}

static size_t take_length(reading *r) {
  uint64_t value;
  memcpy(&value, take(r, sizeof value), sizeof value);
  if (value > (uint64_t)(r->end - r->at)) malformed(r);
  return (size_t)value;
}

/* There are at least `count` values. */
static void need(const reading *r, int count) {
  if (lua_gettop(r->L) - r->bottom < count) malformed(r);
}

static void push_string(reading *r, size_t length) {
  lua_pushlstring(r->L, (const char *)take(r, length), length);
}

/* Pushes the string that comes next. */
static const char *push_text(reading *r) {
  switch (*take(r, 1)) {
    case XIOL_OP_SHORT: push_string(r, *take(r, 1)); break;
    case XIOL_OP_STRING: push_string(r, take_length(r)); break;
    default: malformed(r);
  }
  return lua_tostring(r->L, -1);
}

/* The object at the top gets the next number. */
static void add_object(reading *r) {
  r->object++;
  if (r->objects == 0) return;
  lua_pushvalue(r->L, -1);
  lua_rawseti(r->L, r->objects, r->object);
}

static void push_object(reading *r, uint32_t object) {
  if (r->objects == 0 || object >= r->object) malformed(r);
  lua_rawgeti(r->L, r->objects, (lua_Integer)object + 1);
}

/* An item takes at least three bytes. */
static void push_table(reading *r) {
  uint32_t items = take_u32(r);
  if (items > (size_t)(r->end - r->at) / 3) malformed(r);
  lua_createtable(r->L, (int)items, 0);
  add_object(r);
}

typedef struct code {
  const char *bytes;
  size_t length;
} code;

static const char *read_code(lua_State *L, void *context, size_t *size) {
  (void)L;
  code *left = context;
  *size = left->length;
  left->length = 0;
  return left->bytes;
}

static void push_function(reading *r) {
  uint64_t length;
  uint64_t checksum;
  memcpy(&length, take(r, sizeof length), sizeof length);
  memcpy(&checksum, take(r, sizeof checksum), sizeof checksum);
  if (length > (uint64_t)(r->end - r->at)) malformed(r);
  const unsigned char *bytes = take(r, (size_t)length);
  if (xiol_copy_checksum(bytes, (size_t)length) != checksum) malformed(r);
  code left = {(const char *)bytes, (size_t)length};
  if (lua_load(r->L, read_code, &left, "=xio", "b") != LUA_OK) lua_error(r->L);
  /* lua_load makes the first upvalue the globals: it comes like all others */
  add_object(r);
}

static void set_upvalue(reading *r) {
  int n = *take(r, 1);
  need(r, 2);
  lua_State *L = r->L;
  if (!lua_isfunction(L, -2) || lua_iscfunction(L, -2) ||
      lua_setupvalue(L, -2, n) == NULL) {
    malformed(r);
  }
}

static void join_upvalue(reading *r) {
  int n = *take(r, 1);
  uint32_t object = take_u32(r);
  int m = *take(r, 1);
  need(r, 1);
  lua_State *L = r->L;
  push_object(r, object);
  if (!lua_isfunction(L, -1) || lua_iscfunction(L, -1) || !lua_isfunction(L, -2) ||
      lua_iscfunction(L, -2) || lua_upvalueid(L, -1, m) == NULL ||
      lua_upvalueid(L, -2, n) == NULL) {
    malformed(r);
  }
  lua_upvaluejoin(L, -2, n, -1, m);
  lua_pop(L, 1);
}

/* Pushes the module whose name is at the top, which is popped. */
static void push_module(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_pushvalue(L, -2);
  if (lua_rawget(L, -2) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_getglobal(L, "require");
    lua_pushvalue(L, -3);
    lua_call(L, 1, 1);
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
}

static void push_field(reading *r) {
  lua_State *L = r->L;
  push_text(r);
  lua_pushvalue(L, -1);
  push_module(L);
  const char *field = push_text(r);
  lua_pushvalue(L, -1);
  if (!lua_istable(L, -3)) malformed(r);
  if (lua_gettable(L, -3) == LUA_TNIL) {
    luaL_error(L, "'%s.%s' is not there in this Lua state", lua_tostring(L, -4), field);
  }
  lua_replace(L, -4);
  lua_pop(L, 2);
}

static void set_class(reading *r) {
  lua_State *L = r->L;
  need(r, 1);
  if (!lua_istable(L, -1)) malformed(r);
  const char *name = push_text(r);
  xiol_push_ref(L, r->state, XIOL_REF_CLASSES);
  if (lua_getfield(L, -1, name) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushvalue(L, -2);
    push_module(L);
    lua_pop(L, 1);
    lua_getfield(L, -1, name);
  }
  if (!lua_istable(L, -1)) malformed(r);
  lua_setmetatable(L, -4);
  lua_pop(L, 2);
}

static void set_trace(reading *r) {
  need(r, 2);
  if (!lua_istable(r->L, -1) || lua_isnil(r->L, -2)) malformed(r);
  xiol_set_trace(r->L, r->state, lua_gettop(r->L) - 1);
}

static void push_handle(reading *r) {
  uint32_t number = take_u32(r);
  if (number >= r->message->carried_count) malformed(r);
  const xiol_carried *carried = &r->message->carried[number];
  carried->what->push(r->L, r->state, carried->object);
  add_object(r);
}

static void set_field(reading *r) {
  need(r, 3);
  if (!lua_istable(r->L, -3)) malformed(r);
  lua_rawset(r->L, -3); /* raises where the key is nil or NaN */
}

static void push_number(reading *r, xiol_copy_op op) {
  lua_State *L = r->L;
  if (op == XIOL_OP_SMALL) {
    lua_pushinteger(L, (int8_t)*take(r, 1));
  } else if (op == XIOL_OP_INTEGER) {
    lua_Integer value;
    memcpy(&value, take(r, sizeof value), sizeof value);
    lua_pushinteger(L, value);
  } else {
    lua_Number value;
    memcpy(&value, take(r, sizeof value), sizeof value);
    lua_pushnumber(L, value);
  }
}

static void step(reading *r) {
  lua_State *L = r->L;
  xiol_copy_op op = *take(r, 1);
  switch (op) {
    case XIOL_OP_NIL: lua_pushnil(L); break;
    case XIOL_OP_FALSE: lua_pushboolean(L, 0); break;
    case XIOL_OP_TRUE: lua_pushboolean(L, 1); break;
    case XIOL_OP_NULL: lua_pushlightuserdata(L, NULL); break;
    case XIOL_OP_SMALL:
    case XIOL_OP_INTEGER:
    case XIOL_OP_NUMBER: push_number(r, op); break;
    case XIOL_OP_SHORT: push_string(r, *take(r, 1)); break;
    case XIOL_OP_STRING: push_string(r, take_length(r)); break;
    case XIOL_OP_TABLE: push_table(r); break;
    case XIOL_OP_SET: set_field(r); break;
    case XIOL_OP_CLASS: set_class(r); break;
    case XIOL_OP_TRACE: set_trace(r); break;
    case XIOL_OP_CODE: push_function(r); break;
    case XIOL_OP_UPVALUE: set_upvalue(r); break;
    case XIOL_OP_JOIN: join_upvalue(r); break;
    case XIOL_OP_REFER: push_object(r, take_u32(r)); break;
    case XIOL_OP_HANDLE: push_handle(r); break;
    case XIOL_OP_GLOBALS: lua_pushglobaltable(L); break;
    case XIOL_OP_MODULE:
      push_text(r);
      push_module(L);
      break;
    case XIOL_OP_FIELD: push_field(r); break;
    default: malformed(r);
  }
}

enum { ROOM = 64, STEP_NEEDS = 8 };

int xiol_copy_in(lua_State *L, xiol_state *state, const xiol_message *message) {
  reading r = {.L = L,
               .state = state,
               .message = message,
               .at = message->bytes,
               .end = message->bytes + message->size};
  xiol_need_stack(L, ROOM, NULL);
  if (message->refers) {
    lua_newtable(L);
    r.objects = lua_gettop(L);
  }
  r.bottom = lua_gettop(L);
  for (int room = ROOM - STEP_NEEDS; r.at < r.end; room--) {
    if (room == 0) {
      xiol_need_stack(L, ROOM, NULL);
      room = ROOM - STEP_NEEDS;
    }
    step(&r);
  }
  if (lua_gettop(L) - r.bottom != message->count) malformed(&r);
  if (r.objects != 0) lua_remove(L, r.objects);
  return message->count;
}

/* take(message): called protected. */
int xiol_copy_take(lua_State *L) {
  const xiol_message *message = lua_touserdata(L, 1);
  lua_settop(L, 0);
  return xiol_copy_in(L, xiol_state_of(L), message);
}

int xiol_take_message(lua_State *L, xiol_state *state, xiol_message *message) {
  int count = message->count;
  if (!lua_checkstack(L, count + 4)) {
    xiol_message_free(message);
    xiol_raise_memory(L);
  }
  xiol_push_ref(L, state, XIOL_REF_TAKE);
  lua_pushlightuserdata(L, message);
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  xiol_message_free(message);
  if (status != LUA_OK) lua_error(L);
  return count;
}
