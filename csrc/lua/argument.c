/* argument: checking arguments, and errors that name the function and the argument.
 *
 * luaL_argerror finds the function's name by luck; here the caller says it, so that the
 * name is right under pcall and in callbacks too. Everything here raises from a function
 * that Lua called. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "binding.h"

#define NS_PER_SECOND 1e9

enum { VALUE_SIZE = 16 }; /* of a value on a stack, about */

int xiol_fail(lua_State *L, const char *format, ...) {
  const char *place = NULL;
  int line = 0;
  xiol_need_stack(L, 6, NULL);
  xiol_find_place(L, xiol_state_of(L), 1, &place, &line);
  if (place != NULL) {
    lua_pushfstring(L, "%s:%d: ", place, line);
  } else {
    lua_pushliteral(L, "");
  }
  va_list arguments;
  va_start(arguments, format);
  lua_pushvfstring(L, format, arguments);
  va_end(arguments);
  lua_concat(L, 2);
  return lua_error(L);
}

_Noreturn void xiol_raise_memory(lua_State *L) {
  luaL_error(L, "not enough memory");
  __builtin_unreachable();
}

static int do_nothing(lua_State *L) {
  (void)L;
  return 0;
}

/* lua_checkstack does not say why it refuses. A call does, for which Lua makes room for
 * LUA_MINSTACK values; of more, a block as large tells whether there is memory. */
void xiol_grow_stack(lua_State *L, int count, const char *what) {
  lua_pushcfunction(L, do_nothing);
  lua_call(L, 0, 0);
  if (count > LUA_MINSTACK) {
    (void)lua_newuserdatauv(L, (size_t)count * VALUE_SIZE, 0);
    lua_pop(L, 1);
  }
  if (lua_checkstack(L, count)) return;
  luaL_error(L, what != NULL ? "stack overflow (%s)" : "stack overflow", what);
}

/* As the caller counts: the object of a method, "noun:verb", is none of its arguments. */
static int number_of(const char *function, int index) {
  return strchr(function, ':') != NULL ? index - 1 : index;
}

int xiol_arg_error(lua_State *L, const char *function, int index, const char *message) {
  int number = number_of(function, index);
  if (number == 0) {
    return xiol_fail(L, "bad self of '%s' (%s): call it with a colon", function, message);
  }
  return xiol_fail(L, "bad argument #%d to '%s' (%s)", number, function, message);
}

/* Pushes what the value at `index` is, for a message. */
static const char *push_type_name(lua_State *L, int index) {
  if (luaL_getmetafield(L, index, "__name") == LUA_TSTRING) return lua_tostring(L, -1);
  if (lua_type(L, index) == LUA_TLIGHTUSERDATA)
    return lua_pushliteral(L, "light userdata");
  if (lua_isnone(L, index)) return lua_pushliteral(L, "no value");
  return lua_pushstring(L, luaL_typename(L, index));
}

int xiol_type_error(lua_State *L, const char *function, int index, const char *expected) {
  const char *given = push_type_name(L, index);
  const char *message = lua_pushfstring(L, "%s expected, got %s", expected, given);
  return xiol_arg_error(L, function, index, message);
}

void *xiol_test(lua_State *L, int index, const xiol_kind *kind) {
  void *object = lua_touserdata(L, index);
  if (object == NULL) return NULL;
  if (lua_rawlen(L, index) < sizeof(xiol_kind *)) return NULL; /* light, or of others */
  const xiol_kind *of = NULL;
  memcpy(&of, object, sizeof(const xiol_kind *));
  return of == kind ? object : NULL;
}

void *xiol_check(lua_State *L, int index, const xiol_kind *kind, const char *function) {
  void *object = xiol_test(L, index, kind);
  if (XIO_UNLIKELY(object == NULL)) xiol_type_error(L, function, index, kind->name);
  return object;
}

bool xiol_callable(lua_State *L, int index) {
  if (lua_isfunction(L, index)) return true;
  if (luaL_getmetafield(L, index, "__call") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

void xiol_check_callable(lua_State *L, int index, const char *function) {
  if (XIO_LIKELY(lua_isfunction(L, index)) || xiol_callable(L, index)) return;
  if (lua_isthread(L, index)) {
    xiol_arg_error(L, function, index,
                   "function expected, got a coroutine: pass a function; "
                   "xio makes the coroutine itself");
  }
  xiol_type_error(L, function, index, "function");
}

bool xiol_to_ns(lua_Number seconds, int64_t *ns) {
  if (isnan(seconds)) return false;
  double exact = (double)seconds * NS_PER_SECOND;
  if (exact >= 9.2e18) {
    *ns = XIO_NEVER;
  } else if (exact <= -9.2e18) {
    *ns = -XIO_NEVER;
  } else {
    /* to the nearest, then up where that would read as an earlier time in seconds */
    *ns = (int64_t)nearbyint(exact);
    if ((double)*ns / NS_PER_SECOND < (double)seconds) ++*ns;
  }
  return true;
}

lua_Number xiol_to_seconds(int64_t ns) {
  if (ns == XIO_NEVER) return (lua_Number)HUGE_VAL;
  if (ns == INT64_MIN) return -(lua_Number)HUGE_VAL;
  return (lua_Number)((double)ns / NS_PER_SECOND);
}

int64_t xiol_check_seconds(lua_State *L, int index, bool optional, const char *function) {
  if (optional && lua_isnoneornil(L, index)) return XIO_NEVER;
  if (lua_type(L, index) != LUA_TNUMBER) {
    xiol_type_error(L, function, index, "number of seconds");
  }
  int64_t ns = 0;
  if (!xiol_to_ns(lua_tonumber(L, index), &ns)) {
    xiol_arg_error(L, function, index, "number of seconds expected, got NaN");
  }
  return ns;
}

bool xiol_has_options(lua_State *L, int index) {
  return lua_istable(L, index) && !xiol_callable(L, index);
}

void xiol_check_fields(lua_State *L, int index, const char *const allowed[],
                       const char *function) {
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    lua_pop(L, 1);
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
    const char *const *known = allowed;
    while (*known != NULL && (name == NULL || strcmp(*known, name) != 0)) known++;
    if (*known == NULL) {
      const char *shown = luaL_tolstring(L, -1, NULL);
      xiol_fail(L, "bad argument #%d to '%s' (unknown option '%s')",
                number_of(function, index), function, shown);
    }
  }
}

/* Pushes the field; raises unless it is nil or of `type`. True: it is there. */
static bool push_option(lua_State *L, int index, const char *field, int type,
                        const char *function) {
  int given = lua_getfield(L, index, field);
  if (given == LUA_TNIL) {
    lua_pop(L, 1);
    return false;
  }
  if (given != type) {
    xiol_fail(L, "bad argument #%d to '%s' (option '%s': %s expected, got %s)",
              number_of(function, index), function, field, lua_typename(L, type),
              lua_typename(L, given));
  }
  return true;
}

bool xiol_option_boolean(lua_State *L, int index, const char *field, bool otherwise,
                         const char *function) {
  if (!push_option(L, index, field, LUA_TBOOLEAN, function)) return otherwise;
  bool value = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return value;
}

bool xiol_option_seconds(lua_State *L, int index, const char *field, int64_t *ns,
                         const char *function) {
  if (!push_option(L, index, field, LUA_TNUMBER, function)) return false;
  if (!xiol_to_ns(lua_tonumber(L, -1), ns)) {
    xiol_fail(L,
              "bad argument #%d to '%s' (option '%s': number of seconds expected, "
              "got NaN)",
              number_of(function, index), function, field);
  }
  lua_pop(L, 1);
  return true;
}

bool xiol_option_integer(lua_State *L, int index, const char *field, lua_Integer least,
                         lua_Integer *value, const char *function) {
  if (!push_option(L, index, field, LUA_TNUMBER, function)) return false;
  int exact = 0;
  *value = lua_tointegerx(L, -1, &exact);
  if (!exact && least == LUA_MININTEGER) {
    xiol_fail(L, "bad argument #%d to '%s' (option '%s': integer expected)",
              number_of(function, index), function, field);
  }
  if (!exact || *value < least) {
    xiol_fail(L,
              "bad argument #%d to '%s' (option '%s': integer of at least %I expected)",
              number_of(function, index), function, field, (LUAI_UACINT)least);
  }
  lua_pop(L, 1);
  return true;
}

void xiol_check_option_string(lua_State *L, int index, const char *field,
                              const char *function) {
  if (push_option(L, index, field, LUA_TSTRING, function)) lua_pop(L, 1);
}

uint8_t xiol_option_errors(lua_State *L, int index, const char *function) {
  static const char *const names[] = {"auto", "first", "group"};
  if (!push_option(L, index, "errors", LUA_TSTRING, function)) return XIOL_ERRORS_AUTO;
  const char *given = lua_tostring(L, -1);
  for (size_t mode = 0; mode < sizeof names / sizeof *names; mode++) {
    if (strcmp(given, names[mode]) == 0) {
      lua_pop(L, 1);
      return (uint8_t)mode;
    }
  }
  return (uint8_t)xiol_fail(
      L,
      "bad argument #%d to '%s' (option 'errors': \"auto\", \"first\" or \"group\" "
      "expected, got \"%s\")",
      number_of(function, index), function, given);
}
