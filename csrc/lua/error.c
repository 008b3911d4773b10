/* error: raised values on their way through tasks, groups and scopes.
 *
 * A raised value stays the very same value. What is known of its latest raise is kept
 * beside it in a record {traceback=, spawned=, suppressed=}: for tables and other
 * objects in a table with weak keys, for strings and the like in a ring of the last 64,
 * each once. The message handler, which every boundary of xio uses, makes the record at
 * the place of the raise. Where an error meets another while it unwinds (from a <close>
 * handler), the boundary that it is on its way to knows by its `unwinding` slot: a
 * cancellation never replaces it, and whatever it replaces is kept as suppressed. Texts
 * are put together in Lua (lua/xio/error.lua). Loop's thread. */
#include <string.h>

#include "binding.h"
#include "worker.h"

enum { RECENT_MAX = 64, LEVELS_FIRST = 12, LEVELS_LAST = 11 };

/* -- records ------------------------------------------------------------------------- */

static bool is_object(lua_State *L, int index) {
  int type = lua_type(L, index);
  return type == LUA_TTABLE || type == LUA_TUSERDATA || type == LUA_TFUNCTION ||
         type == LUA_TTHREAD;
}

/* The place of the value at `index`, which is no object, in the ring at the top; or
 * RECENT_MAX. */
static uint32_t find_recent(lua_State *L, xiol_state *state, int index) {
  for (uint32_t back = 1; back <= RECENT_MAX; back++) {
    uint32_t at = (state->recent_next + RECENT_MAX - back) % RECENT_MAX;
    bool none = lua_rawgeti(L, -1, 2 * (lua_Integer)at + 1) == LUA_TNIL;
    bool same = lua_rawequal(L, -1, index) != 0;
    lua_pop(L, 1);
    if (none) break;
    if (same) return at;
  }
  return RECENT_MAX;
}

/* Pushes the record of a value that is no object, or nil. */
static void push_recent(lua_State *L, xiol_state *state, int index) {
  xiol_push_ref(L, state, XIOL_REF_RECENT);
  uint32_t at = find_recent(L, state, index);
  if (at != RECENT_MAX) {
    lua_rawgeti(L, -1, 2 * (lua_Integer)at + 2);
  } else {
    lua_pushnil(L);
  }
  lua_remove(L, -2);
}

void xiol_push_trace(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  if (!is_object(L, index)) {
    push_recent(L, state, index);
    return;
  }
  xiol_push_ref(L, state, XIOL_REF_TRACES);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* Moves what is in place `from` of the ring at the top to `to`, whose record is out of
 * date and would keep what it suppressed alive, for nobody. A place that was never used
 * is passed on as one without a record. */
static void fill_recent(lua_State *L, uint32_t to, uint32_t from) {
  if (lua_rawgeti(L, -1, 2 * (lua_Integer)from + 1) == LUA_TNIL) {
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
  }
  lua_rawseti(L, -2, 2 * (lua_Integer)to + 1);
  lua_rawgeti(L, -1, 2 * (lua_Integer)from + 2);
  lua_rawseti(L, -2, 2 * (lua_Integer)to + 2);
}

void xiol_set_trace(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  if (is_object(L, index)) {
    xiol_push_ref(L, state, XIOL_REF_TRACES);
    lua_pushvalue(L, index);
    lua_pushvalue(L, -3);
    lua_rawset(L, -3);
    lua_pop(L, 2);
    return;
  }
  xiol_push_ref(L, state, XIOL_REF_RECENT);
  uint32_t at = state->recent_next;
  uint32_t older = find_recent(L, state, index);
  if (older != RECENT_MAX && older != at) fill_recent(L, older, at);
  lua_pushvalue(L, index);
  lua_rawseti(L, -2, 2 * (lua_Integer)at + 1);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, 2 * (lua_Integer)at + 2);
  lua_pop(L, 2);
  state->recent_next = (at + 1) % RECENT_MAX;
}

/* Pushes a fresh record for the value at `index`, in place of an older one. */
static void push_new_record(lua_State *L, xiol_state *state, int index) {
  lua_createtable(L, 0, 3);
  lua_pushvalue(L, -1);
  xiol_set_trace(L, state, index < 0 ? index - 2 : index);
}

static void push_record(lua_State *L, xiol_state *state, int index) {
  xiol_push_trace(L, state, index);
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  push_new_record(L, state, index);
}

void xiol_suppress(lua_State *L, xiol_state *state, int index, int other) {
  index = lua_absindex(L, index);
  other = lua_absindex(L, other);
  if (lua_rawequal(L, index, other)) return;
  xiol_need_stack(L, 8, NULL);
  push_record(L, state, index);
  if (lua_getfield(L, -1, "suppressed") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "suppressed");
  }
  lua_pushvalue(L, other);
  lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
  lua_pop(L, 2);
}

/* Pushes {name=, place=} of `task`. */
static void push_spawned(lua_State *L, xiol_task *task) {
  lua_createtable(L, 0, 2);
  xiol_push_task(L, task);
  xiol_push_task_name(L, -1);
  lua_setfield(L, -3, "name");
  lua_pop(L, 1);
  int line = 0;
  const char *place = xiol_task_place(task, &line);
  if (place != NULL) {
    lua_pushfstring(L, "%s%s:%d", task->place_near ? "near " : "", place, line);
    lua_setfield(L, -2, "place");
  }
}

void xiol_note_spawned(lua_State *L, xiol_state *state, int index, xiol_task *task) {
  index = lua_absindex(L, index);
  xiol_need_stack(L, 10, NULL);
  push_record(L, state, index);
  if (lua_getfield(L, -1, "spawned") != LUA_TNIL) {
    lua_pop(L, 2); /* noted where it was raised first */
    return;
  }
  lua_pop(L, 1);
  lua_newtable(L);
  lua_Integer count = 0;
  for (xio_task *core = &task->core; core != NULL; core = xio_task_group(core)->host) {
    push_spawned(L, xiol_task_of(core));
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "spawned");
  lua_pop(L, 1);
}

void xiol_extend_spawned(lua_State *L, xiol_state *state, int index, xiol_task *task,
                         const char *how) {
  const char *place;
  int line;
  index = lua_absindex(L, index);
  int top = lua_gettop(L);
  xiol_need_stack(L, 10, NULL);
  push_record(L, state, index);
  if (lua_getfield(L, -1, "spawned") != LUA_TTABLE) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "spawned");
  }
  lua_Integer count = (lua_Integer)lua_rawlen(L, -1);
  xiol_find_place(L, state, 1, &place, &line);
  if (count > 0 && lua_rawgeti(L, -1, count) == LUA_TTABLE) {
    if (place != NULL) {
      lua_pushfstring(L, "%s:%d", place, line);
      lua_setfield(L, -2, "place");
    }
    lua_pushstring(L, how);
    lua_setfield(L, -2, "how");
  }
  lua_settop(L, top + 2);
  for (xio_task *core = &task->core; core != NULL; core = xio_task_group(core)->host) {
    push_spawned(L, xiol_task_of(core));
    lua_rawseti(L, -2, ++count);
  }
  lua_settop(L, top);
}

/* -- stacks as text ------------------------------------------------------------------ */

/* Whether the function at the top of `of`, which is popped, belongs to the runtime. */
static bool pop_is_ours(lua_State *of, xiol_state *state, const lua_Debug *ar) {
  bool ours = false;
  if (lua_iscfunction(of, -1)) {
    if (lua_getupvalue(of, -1, 1) != NULL) {
      ours = lua_touserdata(of, -1) == state;
      lua_pop(of, 1);
    }
  } else if (state->lua_prefix != NULL) {
    ours = strncmp(ar->source, state->lua_prefix, state->lua_prefix_length) == 0;
  }
  lua_pop(of, 1);
  return ours;
}

static void add_frame(luaL_Buffer *buffer, lua_State *L, lua_Debug *ar) {
  if (ar->currentline > 0) {
    lua_pushfstring(L, "\n\t%s:%d: in ", ar->short_src, ar->currentline);
  } else {
    lua_pushfstring(L, "\n\t%s: in ", ar->short_src);
  }
  luaL_addvalue(buffer);
  if (ar->name != NULL) {
    lua_pushfstring(L, "%s '%s'", ar->namewhat[0] != '\0' ? ar->namewhat : "function",
                    ar->name);
  } else if (ar->what[0] == 'm') {
    lua_pushliteral(L, "main chunk");
  } else if (ar->what[0] != 'C') {
    lua_pushfstring(L, "function <%s:%d>", ar->short_src, ar->linedefined);
  } else {
    lua_pushliteral(L, "?");
  }
  luaL_addvalue(buffer);
}

static int deepest_level(lua_State *of) {
  lua_Debug ar;
  int low = 1;
  int high = 1;
  while (lua_getstack(of, high, &ar)) {
    low = high;
    high *= 2;
  }
  while (low < high) {
    int middle = (low + high) / 2;
    if (lua_getstack(of, middle, &ar)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return high - 1;
}

void xiol_push_stack(lua_State *L, lua_State *of, xiol_state *state, int level) {
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  lua_Debug ar;
  int last = deepest_level(of);
  int left_out = last - level > LEVELS_FIRST + LEVELS_LAST ? level + LEVELS_FIRST : -1;
  if (lua_checkstack(of, 4)) {
    for (; lua_getstack(of, level, &ar); level++) {
      if (level == left_out) {
        int next = last - LEVELS_LAST + 1;
        lua_pushfstring(L, "\n\t... (%d levels left out)", next - level);
        luaL_addvalue(&buffer);
        level = next - 1;
        continue;
      }
      lua_getinfo(of, "Slnf", &ar);
      if (!pop_is_ours(of, state, &ar)) add_frame(&buffer, L, &ar);
    }
  }
  luaL_pushresult(&buffer);
}

/* -- the message handler ------------------------------------------------------------- */

/* Leaves at the top, in place of a nil, an error that says so. */
static void name_nil(lua_State *L, xiol_state *state) {
  if (!lua_isnil(L, -1)) return;
  lua_pop(L, 1);
  lua_pushliteral(L, "an error was raised with the value nil");
  xiol_push_error(L, state, "ENIL", "error");
}

/* Whether the raise that the handler was called for was made by a function of ours. */
static bool raised_by_us(lua_State *L, xiol_state *state) {
  lua_Debug ar;
  if (!lua_getstack(L, 1, &ar)) return false;
  lua_getinfo(L, "f", &ar);
  bool ours = lua_iscfunction(L, -1) && lua_getupvalue(L, -1, 1) != NULL &&
              lua_touserdata(L, -1) == state;
  lua_settop(L, 1);
  return ours;
}

/* Makes the record of a raise that happens now. The stack that a generator left counts
 * only where our function raises its error: an earlier one may have met a plain pcall. */
static void note_raise(lua_State *L, xiol_state *state, int index) {
  bool is_generators = state->generator_stack != 0 && raised_by_us(L, state);
  push_new_record(L, state, index);
  xiol_push_stack(L, L, state, 1);
  if (state->generator_stack != 0) {
    xiol_push_anchored(L, state, state->generator_stack);
    lua_insert(L, -2);
    if (!is_generators) lua_remove(L, -2);
    lua_concat(L, is_generators ? 2 : 1);
    xiol_unanchor(L, state, state->generator_stack);
    state->generator_stack = 0;
  }
  lua_setfield(L, -2, "traceback");
  lua_pop(L, 1);
}

/* A cancellation is raised in `scope`: where an error is unwinding to its end already,
 * that one goes on. */
static int meet_cancellation(lua_State *L, xiol_state *state, xio_scope *scope) {
  if (scope->unwinding != 0) {
    xiol_push_anchored(L, state, scope->unwinding);
    xiol_suppress(L, state, 2, 1);
  }
  return 1;
}

int xiol_handler(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  bool handed_on = state->rethrowing;
  state->rethrowing = false;
  lua_settop(L, 1);
  if (state->runtime == NULL || state->runtime->loop->queue.running == NULL) {
    if (state->job == NULL) return 1;
    name_nil(L, state); /* a plain function in a thread */
    note_raise(L, state, 1);
    return 1;
  }
  xio_scope *scope = state->runtime->loop->queue.running->wait.scope;
  if (xiol_is_cancelled(L, 1)) return meet_cancellation(L, state, scope);
  name_nil(L, state);
  if (handed_on) { /* or what was handed on never came to a boundary */
    xiol_push_trace(L, state, 1);
    handed_on = !lua_isnil(L, -1) && raised_by_us(L, state);
    lua_settop(L, 1);
  }
  if (!handed_on) note_raise(L, state, 1);
  if (scope->unwinding != 0) {
    xiol_push_anchored(L, state, scope->unwinding);
    xiol_suppress(L, state, 1, 2);
    lua_settop(L, 1);
    xiol_unanchor(L, state, scope->unwinding);
    scope->unwinding = 0;
  }
  lua_pushvalue(L, 1);
  scope->unwinding = xiol_anchor(L, state);
  return 1;
}

int xiol_rethrow(lua_State *L, xiol_state *state) {
  state->rethrowing = true;
  return lua_error(L);
}

void xiol_unwound(lua_State *L, xiol_state *state, xio_scope *scope) {
  xiol_unanchor(L, state, scope->unwinding);
  scope->unwinding = 0;
  name_nil(L, state);
}

void xiol_drop_values(xiol_state *state, xio_scope *scope) {
  if (!lua_checkstack(state->main, 4)) return;
  xiol_unanchor(state->main, state, scope->unwinding);
  scope->unwinding = 0;
  xiol_cancel_ended(state->main, state, scope, 0);
}

/* -- several errors ------------------------------------------------------------------ */

int xiol_raise_errors(lua_State *L, xiol_state *state, uint8_t mode) {
  int list = lua_gettop(L);
  lua_Integer count = (lua_Integer)lua_rawlen(L, list);
  xiol_need_stack(L, 10, NULL);
  if (mode == XIOL_ERRORS_FIRST || (mode == XIOL_ERRORS_AUTO && count == 1)) {
    lua_rawgeti(L, list, 1);
    for (lua_Integer i = 2; i <= count; i++) {
      lua_rawgeti(L, list, i);
      xiol_suppress(L, state, list + 1, list + 2);
      lua_settop(L, list + 1);
    }
    return xiol_rethrow(L, state);
  }
  lua_createtable(L, 0, 1);
  lua_insert(L, list);
  lua_setfield(L, list, "errors");
  xiol_push_ref(L, state, XIOL_REF_ERROR_GROUP);
  lua_setmetatable(L, list);
  return lua_error(L);
}

void xiol_push_error(lua_State *L, xiol_state *state, const char *code, const char *op) {
  xiol_need_stack(L, 4, NULL);
  lua_createtable(L, 0, 3);
  lua_insert(L, -2);
  lua_setfield(L, -2, "message");
  lua_pushstring(L, code);
  lua_setfield(L, -2, "code");
  lua_pushstring(L, op);
  lua_setfield(L, -2, "op");
  xiol_push_ref(L, state, XIOL_REF_ERROR);
  lua_setmetatable(L, -2);
}

/* -- functions ----------------------------------------------------------------------- */

/* trace(err): the record of its latest raise, or nil. */
static int l_trace(lua_State *L) {
  luaL_checkany(L, 1);
  xiol_push_trace(L, xiol_state_of(L), 1);
  return 1;
}

/* suppress(err, other): notes that `other` was met while `err` unwound. */
static int l_suppress(lua_State *L) {
  luaL_checkany(L, 2);
  xiol_suppress(L, xiol_state_of(L), 1, 2);
  return 0;
}

/* rethrow(err): raises it without making a new record. */
static int l_rethrow(lua_State *L) {
  lua_settop(L, 1);
  return xiol_rethrow(L, xiol_state_of(L));
}

/* Whether the table at 1 has the metatable `ref`. */
static bool has_metatable(lua_State *L, xiol_state *state, xiol_ref ref) {
  if (!lua_istable(L, 1) || !lua_getmetatable(L, 1)) return false;
  xiol_push_ref(L, state, ref);
  bool same = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  return same;
}

/* is_timeout(e): an xio.TimeoutError, or an xio.Error with the code "ETIMEDOUT". */
static int l_is_timeout(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  bool is = has_metatable(L, state, XIOL_REF_TIMEOUT_ERROR);
  if (!is && has_metatable(L, state, XIOL_REF_ERROR)) {
    lua_pushliteral(L, "code");
    lua_rawget(L, 1);
    is = lua_type(L, -1) == LUA_TSTRING && strcmp(lua_tostring(L, -1), "ETIMEDOUT") == 0;
  }
  lua_pushboolean(L, is);
  return 1;
}

static int l_is_interrupted(lua_State *L) {
  lua_pushboolean(L, has_metatable(L, xiol_state_of(L), XIOL_REF_INTERRUPTED));
  return 1;
}

/* stack([thread]): the text of a stack without frames of the runtime. */
static int l_stack(lua_State *L) {
  lua_State *of = lua_isthread(L, 1) ? lua_tothread(L, 1) : L;
  xiol_push_stack(L, of, xiol_state_of(L), of == L ? 1 : 0);
  return 1;
}

const luaL_Reg xiol_error_functions[] = {{"trace", l_trace},
                                         {"suppress", l_suppress},
                                         {"rethrow", l_rethrow},
                                         {"is_timeout", l_is_timeout},
                                         {"is_interrupted", l_is_interrupted},
                                         {"stack", l_stack},
                                         {NULL, NULL}};

void xiol_open_error(lua_State *L, xiol_state *state) {
  static const struct {
    const char *name;
    xiol_ref ref;
  } types[] = {{"Error", XIOL_REF_ERROR},
               {"ErrorGroup", XIOL_REF_ERROR_GROUP},
               {"TimeoutError", XIOL_REF_TIMEOUT_ERROR},
               {"Interrupted", XIOL_REF_INTERRUPTED}};
  lua_newtable(L); /* types: the metatables, whose methods the Lua floor adds */
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    lua_newtable(L);
    lua_pushfstring(L, "xio.%s", types[i].name);
    lua_setfield(L, -2, "__name");
    lua_pushvalue(L, -1);
    xiol_keep(L, state, types[i].ref);
    lua_setfield(L, -2, types[i].name);
  }
  lua_setfield(L, -2, "types");
}
