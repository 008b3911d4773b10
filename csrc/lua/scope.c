/* scope: functions that run a body inside a scope, and the handles of scopes.
 *
 * Every such function has one shape. Its frame holds [1] the message handler, and where
 * there is one [2] the scope's handle, or the table that its time limit was given in;
 * above them the body and its arguments. The body runs under lua_pcallk; at its end,
 * normal or not, the scope is left and the outcome decided (C2, C7 of the contract).
 *
 * An xiol_scope belongs to whoever refers to it: being entered counts as one, a handle as
 * another. The last one puts it back on the state's free list. Loop's thread. */
#include <math.h>
#include <string.h>

#include "binding.h"

const xiol_kind xiol_kind_scope = {"xio.Scope"};

/* How the results of a body are returned, and what becomes of a caught cancellation. */
enum {
  RETURN_FLAG,   /* true, results … or false, cancelled: xio.scope, move_on_after … */
  RETURN_RAISE,  /* results …, or a TimeoutError is raised: fail_after … */
  RETURN_RESULTS /* results …: shield, cleanup */
};

enum { FRAME_HANDLER = 1, FRAME_HANDLE = 2, FRAME_LIMIT = 2 };

/* The functions that enter a scope have the message handler as one more upvalue. */
enum { UPVALUE_HANDLER = XIOL_UPVALUES + 1 };

/* -- memory -------------------------------------------------------------------------- */

static xiol_scope *new_scope(lua_State *L, xiol_state *state, const char *verb) {
  xiol_scope *scope = state->free_scopes;
  if (scope != NULL) {
    state->free_scopes = scope->next_free;
  } else {
    scope = xio_alloc_new(&state->alloc, sizeof *scope);
    if (scope == NULL) xiol_raise_memory(L);
  }
  xio_region_init(&scope->region, XIO_SCOPE_PLAIN);
  scope->state = state;
  scope->refs = 0;
  scope->verb = verb;
  scope->timeout_ns = XIO_NEVER;
  scope->name = 0;
  scope->reason = NULL;
  state->live.scopes++;
  return scope;
}

static void free_scope(xiol_scope *scope) {
  xiol_state *state = scope->state;
  if ((scope->core.record | scope->core.unwinding | scope->name) != 0) {
    xiol_drop_values(state, &scope->core);
    if (lua_checkstack(state->main, 4)) xiol_unanchor(state->main, state, scope->name);
  }
  scope->next_free = state->free_scopes;
  state->free_scopes = scope;
  state->live.scopes--;
}

void xiol_scope_unref(xiol_scope *scope) {
  scope->refs--;
  if (scope->refs == 0) free_scope(scope);
}

/* -- the end of a scope -------------------------------------------------------------- */

/* Where the error at the top is a group of errors, takes the cancellations out of it that
 * its scope would catch. True: nothing else was in it. */
static bool strip_group(lua_State *L, xiol_state *state) {
  if (!lua_istable(L, -1) || !lua_getmetatable(L, -1)) return false;
  xiol_push_ref(L, state, XIOL_REF_ERROR_GROUP);
  bool is_group = lua_rawequal(L, -1, -2) != 0;
  lua_pop(L, 2);
  if (!is_group || !xiol_push_hook(L, state, "strip")) return false;
  lua_pushvalue(L, -2);
  lua_call(L, 1, 1); /* the error that is left, or nil */
  if (lua_isnil(L, -1)) {
    lua_pop(L, 1);
    return true;
  }
  lua_replace(L, -2);
  return false;
}

bool xiol_only_cancelled(lua_State *L, xiol_state *state, xio_scope *scope) {
  if (xiol_is_cancelled(L, -1)) return true;
  bool goes_on = scope->kind != XIO_SCOPE_TASK && xio_scope_outer_effective(scope);
  return !goes_on && strip_group(L, state);
}

bool xiol_catches(lua_State *L, xiol_state *state, xio_scope *scope) {
  xiol_need_stack(L, 8, NULL);
  xiol_unwound(L, state, scope);
  if (!scope->effective || !xiol_only_cancelled(L, state, scope)) return false;
  if (!xio_scope_outer_effective(scope)) {
    xio_task_of(xio_scope_host(scope))->swallowed = 0;
    return true;
  }
  xiol_cancelled *cancelled = lua_touserdata(L, -1);
  if (cancelled->scope == scope) { /* goes on as the cancellation of what is around */
    xio_scope *origin = xio_scope_origin(scope->parent);
    XIO_ASSERT(origin != NULL);
    xiol_push_cancelled(L, state, origin);
    lua_replace(L, -2);
  }
  return false;
}

/* -- running a body ------------------------------------------------------------------ */

/* Raises the TimeoutError of the function `verb`. `named`: the table of its limit is in
 * the frame, and may have a name. */
static int raise_timeout(lua_State *L, xiol_state *state, const char *verb,
                         xiol_limit limit, bool named) {
  xiol_need_stack(L, 10, NULL);
  lua_createtable(L, 0, 2);
  int error = lua_gettop(L);
  lua_pushliteral(L, "");
  if (named && lua_getfield(L, FRAME_LIMIT, "name") == LUA_TSTRING) {
    lua_pushvalue(L, -1);
    lua_setfield(L, error, "name");
    lua_pushfstring(L, " '%s'", lua_tostring(L, -1));
    lua_replace(L, error + 1);
  }
  lua_settop(L, error + 1);
  if (limit.is_integer) {
    lua_pushinteger(L, (lua_Integer)limit.seconds);
  } else {
    lua_pushnumber(L, limit.seconds);
  }
  const char *form = strstr(verb, "_at") != NULL ? "xio.%s%s: the deadline %s has passed"
                                                 : "xio.%s%s: timed out after %s s";
  lua_pushfstring(L, form, verb, lua_tostring(L, error + 1), lua_tostring(L, error + 2));
  lua_setfield(L, error, "message");
  lua_settop(L, error);
  xiol_push_ref(L, state, XIOL_REF_TIMEOUT_ERROR);
  lua_setmetatable(L, -2);
  return lua_error(L);
}

enum { CONTEXT_HOW = 3, CONTEXT_FAILED = 4, CONTEXT_BITS = 7 };

/* The end of every body. `context` is the scope; its low bits tell how to return, and
 * whether the body failed where something had to be waited for since. */
static int finish(lua_State *L, int status, lua_KContext context) {
  int how = (int)(context & CONTEXT_HOW);
  bool failed =
      (context & CONTEXT_FAILED) != 0 || (status != LUA_OK && status != LUA_YIELD);
  xiol_scope *scope = (void *)(context & ~(lua_KContext)CONTEXT_BITS);
  xiol_state *state = scope->state;
  xiol_task *task = xiol_resumed(L, state);
  scope->generator = NULL; /* it was not cut off: here is its end */
  if (XIO_UNLIKELY(task->core.wait.scope != &scope->core) &&
      xiol_unnest(task, &scope->core)) {
    return lua_yieldk(L, 0, failed ? context | CONTEXT_FAILED : context, finish);
  }
  bool caught = failed && xiol_catches(L, state, &scope->core);
  bool timed_out = caught && scope->core.source == XIO_SOURCE_DEADLINE;
  const char *verb = scope->verb;
  const int base = scope->base;
  xiol_limit limit = scope->limit;
  scope->core.caught = caught;
  int left = xio_scope_leave(&scope->core);
  XIO_ASSERT(left == XIO_OK);
  if (XIO_UNLIKELY(scope->core.record != 0)) {
    xiol_cancel_ended(L, state, &scope->core, scope->refs > 1 ? FRAME_HANDLE : 0);
  }
  xiol_scope_unref(scope);
  xiol_check_misnested(L, task, verb);
  if (failed && !caught) return xiol_rethrow(L, state);
  if (caught) {
    if (timed_out && how == RETURN_RAISE) {
      return raise_timeout(L, state, verb, limit, base == FRAME_LIMIT);
    }
    if (how != RETURN_FLAG) return 0;
    lua_pushboolean(L, 0);
    lua_insert(L, -2);
    return 2;
  }
  int count = lua_gettop(L) - base;
  if (how != RETURN_FLAG) return count;
  lua_pushboolean(L, 1);
  lua_replace(L, base);
  return count + 1;
}

xiol_task *xiol_enter_region_slowly(lua_State *L, xiol_state *state,
                                    const char *function) {
  xiol_task *task = xiol_running(L, state, function);
  if (XIO_UNLIKELY(L != state->top && state->closing != 0)) {
    xiol_fail(L,
              "%s: cannot be used inside a <close> handler of a coroutine that has "
              "failed or is being closed",
              function);
  }
  if (XIO_UNLIKELY(L != state->top)) {
    xiol_fail(L,
              "%s: cannot be used in this coroutine: it was resumed by a function of "
              "the coroutine library that was taken before xio was loaded",
              function);
  }
  if (XIO_UNLIKELY(task->core.wait.scope->depth >= XIOL_NEST_MAX)) {
    xiol_fail(L, "%s: more than %d scopes and groups are nested in one task", function,
              XIOL_NEST_MAX);
  }
  return task;
}

/* Enters `scope` and runs the body, which is above `base` in the frame. On error the
 * scope's reference that is being made here is given up. */
static int run_body(lua_State *L, xiol_state *state, xiol_task *task, xiol_scope *scope,
                    int how, int base) {
  int64_t now = xio_clock_now(task->core.wait.queue->clock);
  if (scope->timeout_ns < XIO_NEVER - now &&
      now + scope->timeout_ns < scope->region.deadline_at) {
    scope->region.deadline_at = now + scope->timeout_ns;
  }
  if (scope->refs > 0) xiol_cancel_entered(L, state, &scope->core, FRAME_HANDLE);
  int status = xio_scope_enter_at(&scope->core, &task->core.wait, now);
  if (status != XIO_OK) {
    if (scope->refs == 0) free_scope(scope);
    xiol_raise_memory(L);
  }
  scope->refs++;
  scope->base = (uint8_t)base;
  scope->generator = NULL;
  if (XIO_UNLIKELY(L != task->coroutine.thread)) {
    scope->generator = L;
    xiol_find_place(L, state, 1, &scope->place, &scope->place_line);
  }
  lua_KContext context = (lua_KContext)scope | how;
  int arguments = lua_gettop(L) - base - 1;
  status = lua_pcallk(L, arguments, LUA_MULTRET, FRAME_HANDLER, context, finish);
  return finish(L, status, context);
}

/* The number at `index`, as it was written. */
static xiol_limit limit_at(lua_State *L, int index) {
  if (lua_isinteger(L, index)) {
    return (xiol_limit){(lua_Number)lua_tointeger(L, index), true};
  }
  return (xiol_limit){lua_tonumber(L, index), false};
}

/* Reads the limit {seconds, shield =, name =} at 1. */
static int64_t read_table(lua_State *L, const char *function, xiol_limit *limit,
                          bool *shield) {
  static const char *const allowed[] = {"shield", "name", NULL};
  lua_pushnil(L);
  while (lua_next(L, 1) != 0) {
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TNUMBER) continue;
    const char *name = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "?";
    if (strcmp(name, allowed[0]) != 0 && strcmp(name, allowed[1]) != 0) {
      xiol_fail(L, "bad argument #1 to '%s' (unknown option '%s')", function, name);
    }
  }
  *shield = xiol_option_boolean(L, 1, "shield", false, function);
  xiol_check_option_string(L, 1, "name", function);
  int64_t ns = XIO_NEVER;
  int given = lua_geti(L, 1, 1);
  *limit = limit_at(L, -1);
  bool valid = given == LUA_TNUMBER && xiol_to_ns(limit->seconds, &ns);
  if (!valid && given != LUA_TNIL) {
    const char *got = given == LUA_TNUMBER ? "NaN" : lua_typename(L, given);
    xiol_fail(L, "bad argument #1 to '%s' ({number of seconds} expected, got %s in it)",
              function, got);
  }
  lua_pop(L, 1);
  return ns;
}

/* Reads the limit at 1, which is of `type`: seconds, such a table, or none. */
static int64_t read_limit(lua_State *L, int type, const char *function, xiol_limit *limit,
                          bool *shield) {
  int64_t ns = 0;
  *shield = false;
  if (type == LUA_TTABLE) return read_table(L, function, limit, shield);
  *limit = limit_at(L, 1);
  if (XIO_LIKELY(type == LUA_TNUMBER && xiol_to_ns(limit->seconds, &ns))) return ns;
  return xiol_check_seconds(L, 1, true, function); /* raises, but for nil */
}

static void insert_handler(lua_State *L) {
  lua_pushvalue(L, lua_upvalueindex(UPVALUE_HANDLER));
  lua_insert(L, FRAME_HANDLER);
}

/* move_on_after, move_on_at, fail_after, fail_at: limit, body, arguments. */
static int limited(lua_State *L, const char *function, bool absolute, int how) {
  xiol_state *state = xiol_state_of(L);
  const int type = lua_type(L, 1);
  bool shield;
  xiol_limit limit;
  int64_t ns = read_limit(L, type, function, &limit, &shield);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter_region(L, state, function);
  int base = FRAME_HANDLER;
  if (XIO_UNLIKELY(type == LUA_TTABLE)) {
    base = FRAME_LIMIT;
    insert_handler(L);
  } else {
    lua_copy(L, lua_upvalueindex(UPVALUE_HANDLER), FRAME_HANDLER);
  }
  xiol_scope *scope = new_scope(L, state, function + 4 /* "xio." */);
  scope->core.shield = shield;
  scope->limit = limit;
  if (absolute) {
    scope->region.deadline_at = ns;
  } else {
    scope->timeout_ns = ns;
  }
  return run_body(L, state, task, scope, how, base);
}

static int l_move_on_after(lua_State *L) {
  return limited(L, "xio.move_on_after", false, RETURN_FLAG);
}

static int l_move_on_at(lua_State *L) {
  return limited(L, "xio.move_on_at", true, RETURN_FLAG);
}

static int l_fail_after(lua_State *L) {
  return limited(L, "xio.fail_after", false, RETURN_RAISE);
}

static int l_fail_at(lua_State *L) {
  return limited(L, "xio.fail_at", true, RETURN_RAISE);
}

/* shield, cleanup: body, arguments. */
static int shielded(lua_State *L, const char *function, bool with_grace) {
  xiol_state *state = xiol_state_of(L);
  xiol_check_callable(L, 1, function);
  xiol_task *task = xiol_enter_region(L, state, function);
  insert_handler(L);
  xiol_scope *scope = new_scope(L, state, function + 4);
  if (with_grace) {
    int64_t grace = task->runtime->grace_ns;
    xio_scope_set_grace(&scope->core, grace > 0 ? grace : 1); /* 0 would mean for ever */
  } else {
    scope->core.shield = true;
  }
  return run_body(L, state, task, scope, RETURN_RESULTS, FRAME_HANDLER);
}

static int l_shield(lua_State *L) {
  return shielded(L, "xio.shield", false);
}

static int l_cleanup(lua_State *L) {
  return shielded(L, "xio.cleanup", true);
}

/* -- handles ------------------------------------------------------------------------- */

/* Applies {timeout =, deadline =, shield =, name =} at `index` to a fresh scope. */
static void apply_options(lua_State *L, xiol_state *state, xiol_scope *scope, int index,
                          const char *function) {
  static const char *const allowed[] = {"timeout", "deadline", "shield", "name", NULL};
  xiol_check_fields(L, index, allowed, function);
  int64_t ns = 0;
  if (xiol_option_seconds(L, index, "timeout", &ns, function)) scope->timeout_ns = ns;
  if (xiol_option_seconds(L, index, "deadline", &ns, function)) {
    scope->region.deadline_at = ns;
  }
  scope->core.shield = xiol_option_boolean(L, index, "shield", false, function);
  xiol_check_option_string(L, index, "name", function);
  if (lua_getfield(L, index, "name") == LUA_TSTRING) {
    scope->name = xiol_anchor(L, state);
  } else {
    lua_pop(L, 1);
  }
}

xiol_scope_handle *xiol_push_scope_handle(lua_State *L, xiol_state *state) {
  xiol_scope_handle *handle = lua_newuserdatauv(L, sizeof *handle, 1);
  *handle = (xiol_scope_handle){.kind = &xiol_kind_scope};
  xiol_push_ref(L, state, XIOL_REF_SCOPE);
  lua_setmetatable(L, -2);
  return handle;
}

/* Pushes a handle with a fresh scope. */
static xiol_scope *push_handle(lua_State *L, xiol_state *state, const char *verb) {
  xiol_scope_handle *handle = xiol_push_scope_handle(L, state);
  xiol_scope *scope = new_scope(L, state, verb);
  scope->refs = 1;
  handle->scope = &scope->core;
  handle->owned = scope;
  return scope;
}

/* scope([options,] body, arguments …) */
static int l_scope(lua_State *L) {
  static const char function[] = "xio.scope";
  xiol_state *state = xiol_state_of(L);
  bool options = xiol_has_options(L, 1);
  xiol_check_callable(L, options ? 2 : 1, function);
  xiol_task *task = xiol_enter_region(L, state, function);
  xiol_scope *scope = push_handle(L, state, "scope");
  if (options) apply_options(L, state, scope, 1, function);
  if (options) lua_replace(L, 1);
  if (!options) lua_insert(L, 1);
  insert_handler(L);
  lua_pushvalue(L, FRAME_HANDLE);
  lua_insert(L, FRAME_HANDLE + 2); /* the body's first argument */
  return run_body(L, state, task, scope, RETURN_FLAG, FRAME_HANDLE);
}

/* new_scope([options]) */
static int l_new_scope(lua_State *L) {
  static const char function[] = "xio.new_scope";
  xiol_state *state = xiol_state_of(L);
  lua_settop(L, 1);
  if (!lua_isnil(L, 1) && !lua_istable(L, 1)) xiol_type_error(L, function, 1, "table");
  xiol_scope *scope = push_handle(L, state, "new_scope");
  if (!lua_isnil(L, 1)) apply_options(L, state, scope, 1, function);
  return 1;
}

static int scope_run(lua_State *L) {
  static const char function[] = "scope:run";
  xiol_state *state = xiol_state_of(L);
  xiol_scope_handle *handle = xiol_check(L, 1, &xiol_kind_scope, function);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter_region(L, state, function);
  if (handle->owned == NULL || handle->owned->core.entered) {
    return xiol_fail(L, "%s: the scope has been entered already; a scope is entered once",
                     function);
  }
  insert_handler(L);
  return run_body(L, state, task, handle->owned, RETURN_FLAG, FRAME_HANDLE);
}

static int scope_cancel(lua_State *L) {
  xiol_scope_handle *handle = xiol_check(L, 1, &xiol_kind_scope, "scope:cancel");
  lua_settop(L, 2);
  lua_pushboolean(L, xiol_cancel(L, xiol_state_of(L), handle->scope,
                                 lua_isnil(L, 2) ? 0 : 2, handle->owned != NULL ? 1 : 0));
  return 1;
}

/* Pushes the reason of a cancelled scope, whose handle is at 1, or nil. */
static void push_reason(lua_State *L, xiol_state *state, xiol_scope_handle *handle) {
  xio_scope *scope = handle->scope;
  if (scope->source == XIO_SOURCE_NONE) {
    lua_pushnil(L);
    return;
  }
  if (scope->entered && !scope->left) {
    xiol_push_cancelled(L, state, scope);
  } else {
    lua_getiuservalue(L, 1, 1);
  }
  if (!lua_isnil(L, -1)) lua_getfield(L, -1, "reason");
}

static int scope_index(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_scope_handle *handle = xiol_check(L, 1, &xiol_kind_scope, "scope.__index");
  xio_scope *scope = handle->scope;
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(XIOL_METHODS));
  if (!lua_isnil(L, -1) || lua_type(L, 2) != LUA_TSTRING) return 1;
  const char *field = lua_tostring(L, 2);
  if (strcmp(field, "cancel_called") == 0) {
    lua_pushboolean(L, scope->source != XIO_SOURCE_NONE);
  } else if (strcmp(field, "cancelled_caught") == 0) {
    lua_pushboolean(L, scope->caught);
  } else if (strcmp(field, "deadline") == 0) {
    lua_pushnumber(L, xiol_to_seconds(xio_region_of(scope)->deadline_at));
  } else if (strcmp(field, "shield") == 0) {
    lua_pushboolean(L, scope->shield);
  } else if (strcmp(field, "reason") == 0) {
    push_reason(L, state, handle);
  } else if (strcmp(field, "source") == 0 && scope->source != XIO_SOURCE_NONE) {
    lua_pushstring(L, xiol_source_name(scope->source));
  } else if (strcmp(field, "name") == 0 && handle->owned != NULL &&
             handle->owned->name != 0) {
    xiol_push_anchored(L, state, handle->owned->name);
  }
  return 1;
}

static int scope_newindex(lua_State *L) {
  xiol_scope_handle *handle = xiol_check(L, 1, &xiol_kind_scope, "scope.__newindex");
  const char *field = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
  if (strcmp(field, "shield") == 0) {
    if (!lua_isboolean(L, 3)) {
      return xiol_fail(L, "scope.shield: boolean expected, got %s", luaL_typename(L, 3));
    }
    xio_scope_set_shield(handle->scope, lua_toboolean(L, 3) != 0);
    return 0;
  }
  if (strcmp(field, "deadline") != 0) {
    return xiol_fail(L, "scope: the field '%s' cannot be set", field);
  }
  int64_t at = XIO_NEVER;
  if (!lua_isnil(L, 3) &&
      (lua_type(L, 3) != LUA_TNUMBER || !xiol_to_ns(lua_tonumber(L, 3), &at))) {
    return xiol_fail(L, "scope.deadline: number of seconds expected, got %s",
                     lua_type(L, 3) == LUA_TNUMBER ? "NaN" : luaL_typename(L, 3));
  }
  if (handle->owned != NULL) handle->owned->timeout_ns = XIO_NEVER;
  if (xio_scope_set_deadline(handle->scope, at) != XIO_OK) {
    xiol_raise_memory(L);
  }
  return 0;
}

static int scope_tostring(lua_State *L) {
  xiol_scope_handle *handle = xiol_check(L, 1, &xiol_kind_scope, "scope.__tostring");
  lua_pushfstring(
      L, "scope (%s)",
      handle->scope->source == XIO_SOURCE_NONE ? "not cancelled" : "cancelled");
  return 1;
}

static int scope_gc(lua_State *L) {
  xiol_scope_handle *handle = xiol_test(L, 1, &xiol_kind_scope);
  if (handle != NULL && handle->owned != NULL) {
    xiol_scope *owned = handle->owned;
    handle->owned = NULL;
    xiol_scope_unref(owned);
  }
  if (handle != NULL && handle->group != NULL) {
    xiol_group *group = handle->group;
    handle->group = NULL;
    xiol_group_unref(group);
  }
  return 0;
}

/* Sets functions that enter a scope in the table at the top. */
static void set_entering(lua_State *L, xiol_state *state, const luaL_Reg *functions) {
  xiol_push_upvalues(L, state);
  xiol_push_ref(L, state, XIOL_REF_HANDLER);
  luaL_setfuncs(L, functions, UPVALUE_HANDLER);
}

void xiol_open_scope(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"scope", l_scope},
                                       {"new_scope", l_new_scope},
                                       {"move_on_after", l_move_on_after},
                                       {"move_on_at", l_move_on_at},
                                       {"fail_after", l_fail_after},
                                       {"fail_at", l_fail_at},
                                       {"shield", l_shield},
                                       {"cleanup", l_cleanup},
                                       {NULL, NULL}};
  static const luaL_Reg run[] = {{"run", scope_run}, {NULL, NULL}};
  static const luaL_Reg methods[] = {{"cancel", scope_cancel}, {NULL, NULL}};
  static const luaL_Reg more[] = {{"__newindex", scope_newindex}, {NULL, NULL}};
  set_entering(L, state, functions);
  xiol_make_class(L, state, &xiol_kind_scope, methods, scope_index, scope_tostring,
                  scope_gc);
  xiol_set_functions(L, state, more);
  lua_getfield(L, -1, "__index");
  lua_getupvalue(L, -1, XIOL_METHODS);
  set_entering(L, state, run);
  lua_pop(L, 2);
  xiol_keep(L, state, XIOL_REF_SCOPE);
}
