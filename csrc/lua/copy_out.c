/* copy_out: values into messages (copy.h).
 *
 * The walk never raises and allocates nothing of Lua: what it needs is on the C heap, and
 * is freed before anything is raised. It keeps the tables and functions that it is inside
 * of on the Lua stack, with one frame for each, so that depth costs no C stack. Where it
 * needs to know by what name the other state has a function, and does not, it stops; the
 * names are collected (copy.c), and it begins anew. The thread of the Lua state. */
#include <stdio.h>
#include <string.h>

#include "copy_walk.h"

typedef xiol_walk walk;
typedef xiol_frame frame;

enum { BYTES_FIRST = 96 };

/* -- bytes --------------------------------------------------------------------------- */

static bool stop_with(walk *w, xiol_stop why) {
  w->stopped = why;
  return false;
}

/* Makes room for `count` more bytes. */
static bool reserve_more(walk *w, size_t count) {
  xiol_message *message = w->message;
  if (count > w->bytes_max - message->size) return stop_with(w, STOP_LARGE);
  size_t capacity = message->capacity;
  size_t wanted = message->size + count;
  size_t larger = capacity * 2 > wanted ? capacity * 2 : wanted;
  if (larger > w->bytes_max) larger = w->bytes_max;
  xiol_message *moved = w->alloc.resize(
      w->alloc.context, message, sizeof *message + capacity, sizeof *message + larger);
  if (moved == NULL) return stop_with(w, STOP_MEMORY);
  moved->capacity = larger;
  w->message = moved;
  return true;
}

/* Room for `count` bytes, which are counted already; NULL: stopped. */
static inline unsigned char *room_for(walk *w, size_t count) {
  if (XIO_UNLIKELY(w->message->capacity - w->message->size < count) &&
      !reserve_more(w, count)) {
    return NULL;
  }
  unsigned char *room = w->message->bytes + w->message->size;
  w->message->size += count;
  return room;
}

/* Writes an instruction with `count` bytes after it. */
static inline bool put(walk *w, xiol_copy_op op, const void *bytes, size_t count) {
  unsigned char *room = room_for(w, 1 + count);
  if (XIO_UNLIKELY(room == NULL)) return false;
  room[0] = (unsigned char)op;
  if (count != 0) memcpy(room + 1, bytes, count);
  return true;
}

static bool put_text(walk *w, const char *text, size_t length) {
  unsigned char *room;
  if (length <= UINT8_MAX) {
    room = room_for(w, 2 + length);
    if (room == NULL) return false;
    room[0] = XIOL_OP_SHORT;
    room[1] = (unsigned char)length;
    room += 2;
  } else {
    uint64_t size = length;
    if (length > w->bytes_max) return stop_with(w, STOP_LARGE);
    room = room_for(w, 1 + sizeof size + length);
    if (room == NULL) return false;
    room[0] = XIOL_OP_STRING;
    memcpy(room + 1, &size, sizeof size);
    room += 1 + sizeof size;
  }
  memcpy(room, text, length);
  return true;
}

static bool put_integer(walk *w, lua_Integer value) {
  if (value >= INT8_MIN && value <= INT8_MAX) {
    int8_t small = (int8_t)value;
    return put(w, XIOL_OP_SMALL, &small, 1);
  }
  return put(w, XIOL_OP_INTEGER, &value, sizeof value);
}

/* -- objects ------------------------------------------------------------------------- */

/* Writes a reference where the object at the top was met before; else it gets the next
 * number. Returns whether it was; or the walk has stopped. */
static bool was_met(walk *w, uint32_t *object) {
  const void *address = lua_topointer(w->L, -1);
  uint64_t number;
  if (xio_numbering_find(&w->seen, address, &number)) {
    *object = (uint32_t)number;
    w->message->refers = true;
    put(w, XIOL_OP_REFER, object, sizeof *object);
    return true;
  }
  *object = w->objects++;
  if (xio_numbering_add(&w->seen, &w->alloc, address, *object) != XIO_OK) {
    stop_with(w, STOP_MEMORY);
  }
  return false;
}

static frame *push_frame(walk *w) {
  if (w->depth >= w->depth_max) {
    stop_with(w, STOP_DEEP);
    return NULL;
  }
  if (w->depth == w->frames_capacity) {
    size_t size = (size_t)w->frames_capacity * sizeof(frame);
    bool small = w->frames == w->small;
    frame *larger = w->alloc.resize(w->alloc.context, small ? NULL : w->frames,
                                    small ? 0 : size, 2 * size);
    if (larger == NULL) {
      stop_with(w, STOP_MEMORY);
      return NULL;
    }
    if (small) memcpy(larger, w->small, size);
    w->frames = larger;
    w->frames_capacity *= 2;
  }
  if (!lua_checkstack(w->L, 8)) {
    stop_with(w, STOP_MEMORY);
    return NULL;
  }
  bool lenient = w->depth > 0 ? w->frames[w->depth - 1].lenient : w->lenient;
  frame *top = &w->frames[w->depth++];
  *top = (frame){.base = lua_gettop(w->L), .phase = PHASE_NEXT, .lenient = lenient};
  return top;
}

/* The value at the top, which is popped, cannot be copied. */
static bool refuse(walk *w) {
  bool lenient = w->depth > 0 && w->frames[w->depth - 1].lenient;
  if (!lenient) return stop_with(w, STOP_REFUSED);
  char text[80];
  int length = snprintf(text, sizeof text, "(a %s that cannot be copied)",
                        luaL_typename(w->L, -1));
  lua_pop(w->L, 1);
  return put_text(w, text, (size_t)length);
}

/* Writes the name of the value at the top, which is popped, where the other state has it
 * by a name. */
static bool put_named(walk *w) {
  lua_State *L = w->L;
  size_t length;
  const char *name = xiol_copy_name(L, w->state, &length);
  if (name == NULL) {
    if (!w->named) return stop_with(w, STOP_UNNAMED);
    return refuse(w);
  }
  size_t module = strlen(name); /* a zero ends it */
  bool ok = put(w, module == length ? XIOL_OP_MODULE : XIOL_OP_FIELD, NULL, 0) &&
            put_text(w, name, module) &&
            (module == length || put_text(w, name + module + 1, length - module - 1));
  lua_pop(L, 1);
  return ok;
}

/* Writes the handle at the top, which is popped. */
static bool put_handle(walk *w, const xiol_shareable *what) {
  uint32_t object;
  bool met = was_met(w, &object);
  xiol_message *message = w->message;
  if (met || w->stopped != STOP_NOT) {
    lua_pop(w->L, 1);
    return w->stopped == STOP_NOT;
  }
  if (message->carried_count == message->carried_capacity) {
    uint32_t capacity =
        message->carried_capacity != 0 ? message->carried_capacity * 2 : 2;
    xiol_carried *larger = w->alloc.resize(w->alloc.context, message->carried,
                                           message->carried_capacity * sizeof *larger,
                                           capacity * sizeof *larger);
    if (larger == NULL) return stop_with(w, STOP_MEMORY);
    message->carried = larger;
    message->carried_capacity = capacity;
  }
  xiol_carried *carried = &message->carried[message->carried_count];
  carried->what = what;
  int status = what->share(lua_touserdata(w->L, -1), &carried->object);
  if (status == XIO_ENOMEM) return stop_with(w, STOP_MEMORY);
  if (status != XIO_OK) return refuse(w);
  uint32_t number = message->carried_count++;
  lua_pop(w->L, 1);
  return put(w, XIOL_OP_HANDLE, &number, sizeof number);
}

/* -- values -------------------------------------------------------------------------- */

static int write_code(lua_State *L, const void *bytes, size_t size, void *context) {
  (void)L;
  walk *w = context;
  unsigned char *room = room_for(w, size);
  if (room == NULL) return 1;
  memcpy(room, bytes, size);
  return 0;
}

static bool begin_function(walk *w) {
  if (lua_iscfunction(w->L, -1) || xiol_copy_is_ours(w->L, w->state)) {
    bool is_c = lua_iscfunction(w->L, -1) != 0;
    size_t length;
    if (is_c || !w->named || xiol_copy_name(w->L, w->state, &length) != NULL) {
      return put_named(w);
    }
  }
  uint32_t object;
  if (was_met(w, &object)) {
    lua_pop(w->L, 1);
    return w->stopped == STOP_NOT;
  }
  uint64_t head[2] = {0, 0};
  if (w->stopped != STOP_NOT || !put(w, XIOL_OP_CODE, head, sizeof head)) return false;
  size_t at = w->message->size;
  if (lua_dump(w->L, write_code, w, 0) != 0) return false;
  unsigned char *code = w->message->bytes + at;
  head[0] = w->message->size - at;
  head[1] = xiol_copy_checksum(code, head[0]);
  memcpy(code - sizeof head, head, sizeof head);
  frame *top = push_frame(w);
  if (top != NULL) top->object = object;
  return top != NULL;
}

/* Whether the walk came to the value at the top as to an upvalue. */
static bool is_upvalue(const walk *w) {
  return w->depth > 0 && !w->frames[w->depth - 1].is_table;
}

static bool begin_table(walk *w) {
  lua_State *L = w->L;
  if (lua_topointer(L, -1) == w->state->globals) {
    lua_pop(L, 1);
    return put(w, XIOL_OP_GLOBALS, NULL, 0);
  }
  const char *class_name = NULL;
  bool has_class = lua_getmetatable(L, -1) != 0;
  if (has_class) {
    class_name = xiol_copy_class(L, w->state);
    lua_pop(L, 1);
  }
  if (is_upvalue(w) || (has_class && class_name == NULL)) {
    size_t length;
    const char *module = xiol_copy_module(L, &length);
    if (module != NULL) {
      lua_pop(L, 1);
      return put(w, XIOL_OP_MODULE, NULL, 0) && put_text(w, module, length);
    }
    if (has_class && class_name == NULL) return refuse(w);
  }
  uint32_t object;
  if (was_met(w, &object)) {
    lua_pop(L, 1);
    return w->stopped == STOP_NOT;
  }
  uint64_t length = lua_rawlen(L, -1);
  uint32_t items = length < UINT32_MAX ? (uint32_t)length : 0;
  if (w->stopped != STOP_NOT || !put(w, XIOL_OP_TABLE, &items, sizeof items))
    return false;
  frame *top = push_frame(w);
  if (top == NULL) return false;
  top->is_table = true;
  top->class_name = class_name;
  lua_pushnil(L);
  return true;
}

/* The value at the top is written and popped, or stays with a frame on it. False: the
 * walk has stopped. */
static bool begin_value(walk *w) {
  lua_State *L = w->L;
  bool ok;
  switch (lua_type(L, -1)) {
    case LUA_TNIL: ok = put(w, XIOL_OP_NIL, NULL, 0); break;
    case LUA_TBOOLEAN:
      ok = put(w, lua_toboolean(L, -1) ? XIOL_OP_TRUE : XIOL_OP_FALSE, NULL, 0);
      break;
    case LUA_TNUMBER:
      if (lua_isinteger(L, -1)) {
        ok = put_integer(w, lua_tointeger(L, -1));
      } else {
        lua_Number value = lua_tonumber(L, -1);
        ok = put(w, XIOL_OP_NUMBER, &value, sizeof value);
      }
      break;
    case LUA_TSTRING: {
      size_t length;
      const char *text = lua_tolstring(L, -1, &length);
      ok = put_text(w, text, length);
      break;
    }
    case LUA_TTABLE: return begin_table(w);
    case LUA_TFUNCTION: return begin_function(w);
    case LUA_TUSERDATA: {
      const xiol_shareable *what = xiol_copy_shareable(L, w->state);
      return what != NULL ? put_handle(w, what) : refuse(w);
    }
    case LUA_TLIGHTUSERDATA:
      if (lua_touserdata(L, -1) != NULL) return refuse(w);
      ok = put(w, XIOL_OP_NULL, NULL, 0);
      break;
    default: return refuse(w);
  }
  lua_pop(L, 1);
  return ok;
}

/* -- the walk ------------------------------------------------------------------------ */

/* The table of the top frame has no more fields. */
static bool end_table(walk *w, frame *top) {
  lua_State *L = w->L;
  if (top->class_name != NULL && top->phase == PHASE_NEXT) {
    if (!put(w, XIOL_OP_CLASS, NULL, 0) ||
        !put_text(w, top->class_name, strlen(top->class_name))) {
      return false;
    }
    xiol_push_trace(L, w->state, top->base);
    if (lua_istable(L, -1)) {
      top->phase = PHASE_RECORD;
      top->lenient = true;
      return begin_value(w);
    }
  } else if (top->phase == PHASE_RECORD && !put(w, XIOL_OP_TRACE, NULL, 0)) {
    return false;
  }
  lua_settop(L, top->base - 1);
  w->depth--;
  return true;
}

static bool step_table(walk *w, frame *top) {
  lua_State *L = w->L;
  switch (top->phase) {
    case PHASE_RECORD: return end_table(w, top);
    case PHASE_VALUE:
      top->phase = PHASE_SET;
      top->in_key = false;
      return begin_value(w);
    case PHASE_SET:
      if (!put(w, XIOL_OP_SET, NULL, 0)) return false;
      top->phase = PHASE_NEXT;
      break;
    default: break;
  }
  if (lua_next(L, top->base) == 0) return end_table(w, top);
  top->phase = PHASE_VALUE;
  top->in_key = true;
  lua_pushvalue(L, -2);
  return begin_value(w);
}

static bool step_function(walk *w, frame *top) {
  lua_State *L = w->L;
  if (top->phase == PHASE_SET) {
    if (!put(w, XIOL_OP_UPVALUE, &top->upvalue, 1)) return false;
    top->phase = PHASE_NEXT;
  }
  int next = top->upvalue + 1;
  const char *name = next <= UINT8_MAX ? lua_getupvalue(L, top->base, next) : NULL;
  if (name == NULL) {
    lua_settop(L, top->base - 1);
    w->depth--;
    return true;
  }
  top->upvalue = (uint8_t)next;
  const void *id = lua_upvalueid(L, top->base, next);
  uint64_t number;
  if (xio_numbering_find(&w->seen, id, &number)) {
    unsigned char operands[6] = {top->upvalue, 0, 0, 0, 0, (unsigned char)number};
    uint32_t object = (uint32_t)(number >> 8);
    memcpy(operands + 1, &object, sizeof object);
    w->message->refers = true;
    lua_pop(L, 1);
    return put(w, XIOL_OP_JOIN, operands, sizeof operands);
  }
  number = (uint64_t)top->object << 8 | top->upvalue;
  if (xio_numbering_add(&w->seen, &w->alloc, id, number) != XIO_OK) {
    return stop_with(w, STOP_MEMORY);
  }
  top->phase = PHASE_SET;
  if (strcmp(name, "_ENV") != 0) return begin_value(w);
  lua_pop(L, 1);
  return put(w, XIOL_OP_GLOBALS, NULL, 0);
}

/* Writes the value at the top, which is popped where the walk does not stop. */
static void write_value(walk *w) {
  if (!begin_value(w)) return;
  while (w->depth > 0) {
    frame *top = &w->frames[w->depth - 1];
    if (!(top->is_table ? step_table(w, top) : step_function(w, top))) return;
  }
}

/* Whether what is known of the raise of the error at `index` goes with the value. */
static bool has_class(const walk *w, int index) {
  lua_State *L = w->L;
  if (!lua_istable(L, index) || !lua_getmetatable(L, index)) return false;
  bool has = xiol_copy_class(L, w->state) != NULL;
  lua_pop(L, 1);
  return has;
}

/* What is known of the raise of the error at `index`. */
static void write_record(walk *w, int index) {
  if (has_class(w, index)) return;
  xiol_push_trace(w->L, w->state, index);
  if (!lua_istable(w->L, -1)) {
    lua_pop(w->L, 1);
    return;
  }
  write_value(w);
  if (w->stopped == STOP_NOT) put(w, XIOL_OP_TRACE, NULL, 0);
}

static bool begin_walk(walk *w, int count) {
  w->message =
      w->alloc.resize(w->alloc.context, NULL, 0, sizeof *w->message + BYTES_FIRST);
  if (w->message == NULL) return stop_with(w, STOP_MEMORY);
  memset(w->message, 0, sizeof *w->message);
  w->message->capacity = BYTES_FIRST;
  w->message->count = count;
  xio_numbering_init(&w->seen);
  w->objects = 0;
  w->depth = 0;
  w->frames = w->small;
  w->frames_capacity = XIOL_FRAMES_SMALL;
  w->stopped = STOP_NOT;
  w->bottom = lua_gettop(w->L);
  return true;
}

void xiol_copy_walked(walk *w) {
  xio_numbering_deinit(&w->seen, &w->alloc);
  if (w->frames != w->small) {
    xio_alloc_free(&w->alloc, w->frames, (size_t)w->frames_capacity * sizeof(frame));
  }
}

void xiol_copy_walk(walk *w, int first, int count) {
  if (!begin_walk(w, count)) return;
  for (int i = 0; i < count && w->stopped == STOP_NOT; i++) {
    if (!lua_checkstack(w->L, 8)) {
      stop_with(w, STOP_MEMORY);
      break;
    }
    lua_pushvalue(w->L, first + i);
    write_value(w);
    if (w->lenient && w->stopped == STOP_NOT) write_record(w, first + i);
    if (w->stopped != STOP_NOT) w->message->count = i; /* for the path */
  }
}
