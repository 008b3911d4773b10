/* copy_begin: making messages, and telling why a value cannot be in one (copy.h). The
 * thread of the Lua state. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "copy_walk.h"

typedef xiol_walk walk;
typedef xiol_frame frame;

enum { PATH_MAX_BYTES = 200 };

/* -- refusals ------------------------------------------------------------------------ */

typedef struct path {
  char text[PATH_MAX_BYTES];
  size_t length;
} path;

__attribute__((format(printf, 2, 3))) static void add(path *p, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  size_t left = sizeof p->text - p->length;
  /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): it was begun above */
  int count = vsnprintf(p->text + p->length, left, format, arguments);
  va_end(arguments);
  if (count < 0 || (size_t)count >= left) {
    p->length = sizeof p->text - 1;
    memcpy(p->text + p->length - 3, "...", 3);
  } else {
    p->length += (size_t)count;
  }
}

static bool is_name(const char *text) {
  for (const char *c = text; *c != '\0'; c++) {
    bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || *c == '_';
    if (!letter && (c == text || *c < '0' || *c > '9')) return false;
  }
  return *text != '\0';
}

static void add_key(path *p, lua_State *L, int index) {
  if (lua_type(L, index) == LUA_TSTRING) {
    const char *key = lua_tostring(L, index);
    add(p, is_name(key) ? ".%.60s" : "[\"%.60s\"]", key);
  } else if (lua_isinteger(L, index)) {
    add(p, "[%lld]", (long long)lua_tointeger(L, index));
  } else if (lua_type(L, index) == LUA_TNUMBER) {
    add(p, "[%.14g]", lua_tonumber(L, index));
  } else {
    add(p, "[%s]", luaL_typename(L, index));
  }
}

/* Describes where the walk has stopped. Allocates nothing. */
static void describe_path(const walk *w, xiol_copy_roots roots, path *p) {
  lua_State *L = w->L;
  int at = w->message->count;
  *p = (path){.length = 0};
  switch (roots) {
    case XIOL_COPY_ARGS: add(p, "args[%d]", at + 1); break;
    case XIOL_COPY_CALL:
      if (at == 0) {
        add(p, "f");
      } else {
        add(p, "args[%d]", at);
      }
      break;
    case XIOL_COPY_RESULTS: add(p, "results[%d]", at + 1); break;
    default: add(p, "value"); break;
  }
  for (int i = 0; i < w->depth && w->stopped != STOP_DEEP; i++) {
    const frame *inside = &w->frames[i];
    if (inside->is_table && inside->phase == PHASE_RECORD) {
      add(p, ".(trace)");
    } else if (inside->is_table) {
      add_key(p, L, inside->base + 1);
      if (inside->in_key) add(p, " (key)");
    } else {
      const char *name = lua_getupvalue(L, inside->base, inside->upvalue);
      if (name != NULL) lua_pop(L, 1);
      add(p, ".upvalue(%.60s)", name != NULL ? name : "?");
    }
  }
}

/* Pushes what the value at `index` is, for people. */
static void push_what(lua_State *L, int index) {
  int type = lua_type(L, index);
  if (type == LUA_TFUNCTION) {
    lua_pushliteral(L, "a C function that no loaded module has");
    return;
  }
  if (type == LUA_TTHREAD) {
    lua_pushliteral(L, "a coroutine");
    return;
  }
  const char *what =
      type == LUA_TTABLE ? "a table with a metatable" : luaL_typename(L, index);
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) {
    lua_pushfstring(L, "%s (%s)", what, lua_tostring(L, -1));
    lua_remove(L, -2);
  } else {
    lua_pushstring(L, what);
  }
}

/* Raises why the walk has stopped. */
static void raise_stop(walk *w, xiol_copy_roots roots, const char *function) {
  lua_State *L = w->L;
  path p;
  if (w->stopped == STOP_MEMORY) {
    xiol_message_free(w->message);
    xiol_copy_walked(w);
    xiol_raise_memory(L);
  }
  describe_path(w, roots, &p);
  xiol_message_free(w->message);
  xiol_copy_walked(w);
  xiol_need_stack(L, 8, NULL);
  if (w->stopped == STOP_DEEP) {
    xiol_fail(L, "%s: %s: nested more than %d deep", function, p.text, w->depth_max);
  } else if (w->stopped == STOP_LARGE) {
    xiol_fail(L, "%s: %s: the message is larger than %d MiB", function, p.text,
              (int)(w->bytes_max >> 20));
  } else {
    push_what(L, lua_gettop(L));
    xiol_fail(L, "%s: %s: %s cannot be copied to another Lua state", function, p.text,
              lua_tostring(L, -1));
  }
}

/* -- messages ------------------------------------------------------------------------ */

/* Walks, a second time where names were missing. */
static void walk_twice(walk *w, int first, int count) {
  xiol_copy_walk(w, first, count);
  if (w->stopped != STOP_UNNAMED) return;
  xiol_message_free(w->message);
  xiol_copy_walked(w);
  lua_settop(w->L, w->bottom);
  xiol_copy_collect_names(w->L, w->state);
  w->named = true;
  xiol_copy_walk(w, first, count);
}

xiol_message *xiol_copy_out_within(lua_State *L, xiol_state *state, int first, int count,
                                   xiol_copy_roots roots, const char *function,
                                   size_t bytes_max, int depth_max) {
  walk w = {.L = L,
            .state = state,
            .alloc = xio_alloc_default(),
            .bytes_max = bytes_max,
            .depth_max = depth_max};
  walk_twice(&w, lua_absindex(L, first), count);
  if (w.stopped != STOP_NOT) raise_stop(&w, roots, function);
  xiol_copy_walked(&w);
  return w.message;
}

xiol_message *xiol_copy_out(lua_State *L, xiol_state *state, int first, int count,
                            xiol_copy_roots roots, const char *function) {
  return xiol_copy_out_within(L, state, first, count, roots, function,
                              XIOL_COPY_BYTES_MAX, XIOL_COPY_DEPTH_MAX);
}

/* Makes a message of the error at `index`, or returns NULL where it cannot be copied. */
static xiol_message *try_error(lua_State *L, xiol_state *state, int index) {
  walk w = {.L = L,
            .state = state,
            .alloc = xio_alloc_default(),
            .lenient = true,
            .bytes_max = XIOL_COPY_BYTES_MAX,
            .depth_max = XIOL_COPY_DEPTH_MAX};
  walk_twice(&w, index, 1);
  if (w.stopped == STOP_MEMORY) raise_stop(&w, XIOL_COPY_VALUE, "");
  xiol_copy_walked(&w);
  if (w.stopped == STOP_NOT) return w.message;
  xiol_message_free(w.message);
  lua_settop(L, w.bottom);
  return NULL;
}

static int print_value(lua_State *L) {
  luaL_tolstring(L, 1, NULL);
  return 1;
}

xiol_message *xiol_copy_error_out(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  xiol_need_stack(L, 8, NULL);
  xiol_message *message = try_error(L, state, index);
  if (message != NULL) return message;
  int top = lua_gettop(L);
  lua_pushcfunction(L, print_value);
  lua_pushvalue(L, index);
  if (lua_pcall(L, 1, 1, 0) != LUA_OK || !lua_isstring(L, -1)) {
    lua_settop(L, top);
    lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, index));
  }
  xiol_push_error(L, state, "ECOPY", "copy");
  xiol_push_trace(L, state, index);
  xiol_set_trace(L, state, top + 1);
  message = try_error(L, state, top + 1);
  lua_settop(L, top);
  if (message == NULL) xiol_raise_memory(L); /* it is larger than a message may be */
  return message;
}
