/* group: xio.group, and the handles of groups.
 *
 * The frame of xio.group holds [1] the message handler, [2] the handle; above them the
 * body and its arguments, later its results or its error. At the end of the body the host
 * joins: it is resumed in the next half when no child lives. Then the errors of body and
 * children are put together, the scope is left, and the outcome decided (T3, C2 of the
 * contract).
 *
 * An xiol_group belongs to whoever refers to it: being open counts as one, the handle of
 * its scope, which the handle of the group holds, as another. Loop's thread. */
#include <string.h>

#include "binding.h"

static const xiol_kind kind_group = {"xio.Group"};

enum { FRAME_HANDLER = 1, FRAME_HANDLE = 2, FRAME_BODY = 3 };

/* -- memory -------------------------------------------------------------------------- */

void xiol_drop_failed(xiol_state *state, xio_group *group) {
  for (xio_task *task; (task = xio_group_take_failed(group)) != NULL;) {
    xiol_task_free(state, xiol_task_of(task));
  }
}

static void free_group(xiol_group *group) {
  xiol_state *state = group->state;
  xiol_drop_failed(state, &group->core);
  xiol_drop_values(state, &group->core.scope);
  if (group->name != 0 && lua_checkstack(state->main, 4)) {
    xiol_unanchor(state->main, state, group->name);
  }
  state->live.groups--;
  xio_alloc_free(&state->alloc, group, sizeof *group);
}

void xiol_group_unref(xiol_group *group) {
  xiol_state *state = group->state;
  if (state->last_group.group == group) state->last_group.handle = NULL;
  group->refs--;
  if (group->refs == 0) free_group(group);
}

xiol_group *xiol_push_group(lua_State *L, xiol_state *state, xiol_runtime *runtime) {
  lua_createtable(L, 1, 4);
  xiol_push_ref(L, state, XIOL_REF_GROUP);
  lua_setmetatable(L, -2);
  xiol_scope_handle *handle = xiol_push_scope_handle(L, state);
  lua_pushvalue(L, -1);
  lua_rawseti(L, -3, 1);
  lua_pushliteral(L, "scope");
  lua_insert(L, -2);
  lua_rawset(L, -3);
  lua_pushliteral(L, "spawn");
  xiol_push_ref(L, state, XIOL_REF_GROUP_SPAWN);
  lua_rawset(L, -3);
  xiol_group *group = xio_alloc_new(&state->alloc, sizeof *group);
  if (group == NULL) xiol_raise_memory(L);
  xio_group_init(&group->core, &runtime->loop->queue);
  group->state = state;
  group->runtime = runtime;
  group->refs = 1;
  handle->scope = &group->core.scope;
  handle->group = group;
  state->live.groups++;
  return group;
}

/* The handle of the scope of the group at `index`, which is pushed; NULL: it is no
 * group. */
static xiol_scope_handle *push_scope(lua_State *L, int index) {
  if (XIO_UNLIKELY(!lua_istable(L, index))) {
    lua_pushnil(L);
    return NULL;
  }
  lua_rawgeti(L, index, 1);
  return xiol_test(L, -1, &xiol_kind_scope);
}

xiol_group *xiol_check_group(lua_State *L, int index, const char *function) {
  xiol_scope_handle *handle = push_scope(L, index);
  lua_pop(L, 1);
  if (XIO_UNLIKELY(handle == NULL || handle->group == NULL)) {
    xiol_type_error(L, function, index, kind_group.name);
  }
  return handle->group;
}

static xiol_group *check_group(lua_State *L, const char *function) {
  return xiol_check_group(L, 1, function);
}

void xiol_group_scope_ended(lua_State *L, xiol_group *group, int index) {
  xio_scope *scope = &group->core.scope;
  if (scope->record == 0) return;
  bool has_handle = push_scope(L, index) != NULL;
  xiol_cancel_ended(L, group->state, scope, has_handle ? lua_gettop(L) : 0);
  lua_pop(L, 1);
}

/* -- the end of a group -------------------------------------------------------------- */

/* Where a list of errors keeps a cancellation of a scope around the group that a shield
 * hides since it was raised: it is no error, and goes on where there is none. */
enum { HIDDEN_CANCELLED = 0 };

/* Appends the value at the top, which is popped, to `list`, unless it is one of `raised`:
 * errors that were handed on by await, and so came here by two ways. */
static void append_error(lua_State *L, const xio_group *group, int list, int raised,
                         bool was_raised) {
  int value = lua_gettop(L);
  if (xiol_comes_from_around(L, value, &group->scope)) {
    lua_rawseti(L, list, HIDDEN_CANCELLED);
    return;
  }
  for (lua_Integer i = 1; i <= (lua_Integer)lua_rawlen(L, raised); i++) {
    lua_rawgeti(L, raised, i);
    bool same = lua_rawequal(L, value, -1) != 0;
    lua_pop(L, 1);
    if (same) {
      lua_pop(L, 1);
      return;
    }
  }
  if (was_raised) {
    lua_pushvalue(L, value);
    lua_rawseti(L, raised, (lua_Integer)lua_rawlen(L, raised) + 1);
  }
  lua_rawseti(L, list, (lua_Integer)lua_rawlen(L, list) + 1);
}

/* Takes the error of a failed child, whose memory is freed, and appends it. */
static void append_child(lua_State *L, xiol_task *task, int list, int raised) {
  const xio_group *group = xio_task_group(&task->core);
  bool was_raised = task->handle != NULL && task->handle->raised;
  xiol_push_task_error(L, task);
  xiol_task_free(task->runtime->state, task);
  append_error(L, group, list, raised, was_raised);
}

int xiol_collect_errors(lua_State *L, xio_group *group, int body_index,
                        uint32_t failed_before) {
  xiol_need_stack(L, 12, NULL);
  lua_newtable(L);
  int list = lua_gettop(L);
  if (xio_list_empty(&group->failed) && body_index == 0) return 0;
  lua_newtable(L);
  int raised = list + 1;
  bool body_left = body_index != 0;
  for (uint32_t i = 0;; i++) {
    if (body_left && i == failed_before) {
      lua_pushvalue(L, body_index);
      append_error(L, group, list, raised, false);
      body_left = false;
    }
    xio_task *task = xio_group_take_failed(group);
    if (task == NULL) break;
    append_child(L, xiol_task_of(task), list, raised);
  }
  if (body_left) {
    lua_pushvalue(L, body_index);
    append_error(L, group, list, raised, false);
  }
  lua_settop(L, list);
  return (int)lua_rawlen(L, list);
}

/* All children have ended: leaves the scope and decides the outcome. */
static int finish_group(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_group *group = (void *)context;
  xiol_task *task = xiol_resumed(L, state);
  xio_scope *scope = &group->core.scope;
  if (group->body_failed || group->body_cut) xiol_unwound(L, state, scope);
  bool outer = xio_scope_outer_effective(scope);
  bool hidden = group->body_cut && !outer && scope->source == XIO_SOURCE_NONE &&
                xiol_comes_from_around(L, -1, scope);
  int body = group->body_failed || hidden ? lua_gettop(L) : 0;
  int errors = xiol_collect_errors(L, &group->core, body, group->failed_before);
  bool passes = errors == 0 && lua_rawgeti(L, -1, HIDDEN_CANCELLED) != LUA_TNIL;
  if (errors == 0 && !passes) lua_pop(L, 1);
  bool cut = group->body_cut || group->core.cut_short;
  bool body_cut = group->body_cut;
  uint8_t mode = group->errors;
  if (errors == 0 && cut && outer && !passes) {
    xio_scope *origin = xio_scope_origin(scope->parent);
    XIO_ASSERT(origin != NULL);
    xiol_push_cancelled(L, state, origin);
  }
  scope->caught = cut && !outer && !passes;
  int left = xio_group_close(&group->core);
  XIO_ASSERT(left == XIO_OK);
  xiol_group_scope_ended(L, group, FRAME_HANDLE);
  xiol_group_unref(group);
  xiol_check_misnested(L, task, "group");
  if (errors != 0) return xiol_raise_errors(L, state, mode);
  if (passes || (cut && outer)) return lua_error(L);
  if (body_cut) return 0;
  lua_pop(L, 1); /* the empty list of errors */
  return lua_gettop(L) - (FRAME_BODY - 1);
}

enum { CONTEXT_FAILED = 1 };

/* The body has ended, normally or with the error at the top. */
static int finish_body(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_group *group = (void *)(context & ~(lua_KContext)CONTEXT_FAILED);
  bool failed =
      (context & CONTEXT_FAILED) != 0 || (status != LUA_OK && status != LUA_YIELD);
  xiol_task *task = xiol_resumed(L, state);
  group->generator = NULL; /* it was not cut off: here is its end */
  if (XIO_UNLIKELY(xiol_unnest(task, &group->core.scope))) {
    return lua_yieldk(L, 0, failed ? context | CONTEXT_FAILED : context, finish_body);
  }
  if (failed) {
    xio_scope *scope = &group->core.scope;
    group->body_cut = scope->effective && xiol_only_cancelled(L, state, scope);
    group->body_failed = !group->body_cut;
    group->failed_before = group->core.failures;
  }
  xio_group_join(&group->core, group->body_failed);
  return lua_yieldk(L, 0, (lua_KContext)group, finish_group);
}

/* Applies {errors =, name =, limit =} at `index` to `group`, whose handle is at
 * `handle`. */
static void apply_options(lua_State *L, xiol_state *state, xiol_group *group, int index,
                          int handle) {
  static const char function[] = "xio.group";
  static const char *const allowed[] = {"errors", "name", "limit", NULL};
  xiol_check_fields(L, index, allowed, function);
  group->errors = xiol_option_errors(L, index, function);
  lua_Integer limit = 0;
  if (xiol_option_integer(L, index, "limit", 1, &limit, function)) {
    group->core.limit = limit > UINT32_MAX ? 0 : (uint32_t)limit;
  }
  xiol_check_option_string(L, index, "name", function);
  if (lua_getfield(L, index, "name") == LUA_TSTRING) {
    lua_pushliteral(L, "name");
    lua_pushvalue(L, -2);
    lua_rawset(L, handle);
    group->name = xiol_anchor(L, state);
  } else {
    lua_pop(L, 1);
  }
}

/* group([options,] body, arguments …) */
static int l_group(lua_State *L) {
  static const char function[] = "xio.group";
  xiol_state *state = xiol_state_of(L);
  bool options = xiol_has_options(L, 1);
  xiol_check_callable(L, options ? 2 : 1, function);
  xiol_enter(L, state, function);
  xiol_task *task = xiol_enter_region(L, state, function);
  xiol_need_stack(L, 8, NULL);
  xiol_group *group = xiol_push_group(L, state, task->runtime);
  if (options) {
    lua_insert(L, 2);
    apply_options(L, state, group, 1, 2);
  } else {
    lua_insert(L, 1);
    lua_pushnil(L);
    lua_insert(L, 1);
  }
  xiol_push_ref(L, state, XIOL_REF_HANDLER);
  lua_replace(L, FRAME_HANDLER);
  lua_pushvalue(L, FRAME_HANDLE);
  lua_insert(L, FRAME_BODY + 1);
  if (XIO_UNLIKELY(L != task->coroutine.thread)) {
    group->generator = L;
    xiol_find_place(L, state, 1, &group->place, &group->place_line);
  }
  if (xio_group_open(&group->core, &task->core) != XIO_OK) {
    xiol_raise_memory(L);
  }
  group->refs++;
  state->last_group.handle = lua_topointer(L, FRAME_HANDLE);
  state->last_group.group = group;
  lua_KContext context = (lua_KContext)group;
  int arguments = lua_gettop(L) - FRAME_BODY;
  int status = lua_pcallk(L, arguments, LUA_MULTRET, FRAME_HANDLER, context, finish_body);
  return finish_body(L, status, context);
}

/* -- handles ------------------------------------------------------------------------- */

static xiol_group *check_open(lua_State *L, const char *function) {
  xiol_group *group = check_group(L, function);
  if (XIO_UNLIKELY(group->core.state == XIO_GROUP_ENDED || group->core.host == NULL)) {
    xiol_fail(L, "%s: the group has ended: it is closed, spawn while it is open",
              function);
  }
  return group;
}

/* The group at 1. The one that was opened last is known by the address of its handle. */
static inline xiol_group *check_spawn(lua_State *L, const char *function) {
  const xiol_state *state = xiol_state_of(L);
  const void *handle = lua_topointer(L, 1);
  xiol_group *group = state->last_group.group;
  if (XIO_LIKELY(handle == state->last_group.handle && handle != NULL) &&
      XIO_LIKELY(group->core.state != XIO_GROUP_ENDED)) {
    return group;
  }
  return check_open(L, function);
}

static int group_spawn(lua_State *L) {
  static const char function[] = "group:spawn";
  xiol_group *group = check_spawn(L, function);
  xiol_spawn how = {.runtime = group->runtime,
                    .group = &group->core,
                    .function = function,
                    .unwanted = xiol_unwanted(L, group->state)};
  return xiol_spawn_from(L, group->state, &how, 2);
}

/* Upvalues of the function `started` that a child of start() is given. */
enum { STARTED_CHILD = XIOL_UPVALUES + 1, STARTED_VALUES, STARTED_TAKEN };

static int started(lua_State *L) {
  xiol_task_handle *handle =
      xiol_test(L, lua_upvalueindex(STARTED_CHILD), &xiol_kind_task);
  if (handle == NULL || handle->task == NULL) {
    return xiol_fail(L, "started: the task that was to call it has ended");
  }
  if (handle->task->core.started) {
    return xiol_fail(L, "started: called twice by task '%s'; call it once",
                     (lua_pushvalue(L, lua_upvalueindex(STARTED_CHILD)),
                      xiol_push_task_name(L, -1), lua_tostring(L, -1)));
  }
  int count = lua_gettop(L);
  lua_createtable(L, count, 1);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  lua_pushinteger(L, count);
  lua_setfield(L, 1, "n");
  lua_replace(L, lua_upvalueindex(STARTED_VALUES));
  int status = xio_start_done(&handle->task->core);
  XIO_ASSERT(status == XIO_OK);
  lua_pushboolean(L, handle->task->core.starter == NULL);
  lua_replace(L, lua_upvalueindex(STARTED_TAKEN));
  return 0;
}

/* Returns the values that were given to the function `started` at 2. */
static int return_started(lua_State *L) {
  lua_getupvalue(L, 2, STARTED_VALUES);
  int values = lua_gettop(L);
  lua_getfield(L, values, "n");
  int count = (int)lua_tointeger(L, -1);
  lua_pop(L, 1);
  xiol_need_stack(L, count, "too many values");
  for (int i = 1; i <= count; i++) lua_rawgeti(L, values, i);
  return count;
}

/* The child has started or ended. The frame: [1] group, [2] started, [3] child. */
static int finish_start(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_task_handle *child = lua_touserdata(L, 3);
  lua_getupvalue(L, 2, STARTED_TAKEN);
  bool taken = lua_toboolean(L, -1) != 0;
  lua_getupvalue(L, 2, STARTED_VALUES);
  bool called = !lua_isnil(L, -1);
  if (taken || (called && child->outcome == XIO_OUTCOME_DONE)) return return_started(L);
  if (child->outcome == XIO_OUTCOME_FAILED) {
    lua_getiuservalue(L, 3, XIOL_TASK_VALUE);
    return xiol_rethrow(L, state);
  }
  if (child->outcome == XIO_OUTCOME_CANCELLED && task->core.wait.scope->effective) {
    return xiol_raise_cancelled(L, state, task);
  }
  xiol_push_task_name(L, 3);
  return xiol_fail(L,
                   child->outcome == XIO_OUTCOME_CANCELLED
                       ? "group:start: task '%s' was cancelled before it called started"
                       : "group:start: task '%s' exited without calling started",
                   lua_tostring(L, -1));
}

static int group_start(lua_State *L) {
  static const char function[] = "group:start";
  xiol_state *state = xiol_state_of(L);
  xiol_group *group = check_open(L, function);
  bool options = xiol_has_options(L, 2);
  int body = options ? 3 : 2;
  xiol_check_callable(L, body, function);
  xiol_task *caller = xiol_enter(L, state, function);
  if (group->runtime != caller->runtime) {
    return xiol_fail(L, "%s: the group belongs to another run: use it there", function);
  }
  xiol_push_upvalues(L, state);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushcclosure(L, started, STARTED_TAKEN);
  lua_pushvalue(L, -1);
  lua_insert(L, body + 1); /* the first argument of the child */
  lua_insert(L, 2);        /* and below everything, for the second half */
  xiol_spawn how = {.runtime = group->runtime,
                    .group = &group->core,
                    .function = function,
                    .starter = &caller->core};
  xiol_spawn_from(L, state, &how, 3);
  lua_copy(L, -1, 3);
  lua_settop(L, 3);
  lua_pushvalue(L, 3);
  lua_setupvalue(L, 2, STARTED_CHILD);
  return xiol_yield(L, 0, finish_start);
}

static int group_cancel(lua_State *L) {
  xiol_group *group = check_group(L, "group:cancel");
  lua_settop(L, 2);
  bool first =
      group->core.state != XIO_GROUP_ENDED &&
      xiol_cancel(L, group->state, &group->core.scope, lua_isnil(L, 2) ? 0 : 2, 0);
  lua_pushboolean(L, first);
  return 1;
}

static int group_tasks(lua_State *L) {
  xiol_group *group = check_group(L, "group:tasks");
  lua_newtable(L);
  lua_Integer count = 0;
  for (xio_task *task = NULL;
       (task = xio_group_next_child(&group->core, task)) != NULL;) {
    xiol_push_task(L, xiol_task_of(task));
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

static int group_length(lua_State *L) {
  lua_pushinteger(L, check_group(L, "group.__len")->core.live);
  return 1;
}

static int group_newindex(lua_State *L) {
  check_group(L, "group.__newindex");
  return xiol_fail(L, "group: fields cannot be set");
}

static int group_tostring(lua_State *L) {
  xiol_group *group = check_group(L, "group.__tostring");
  const char *name = "";
  if (group->name != 0) {
    xiol_push_anchored(L, group->state, group->name);
    name = lua_pushfstring(L, " '%s'", lua_tostring(L, -1));
  }
  if (group->core.state == XIO_GROUP_ENDED) {
    lua_pushfstring(L, "group%s (ended)", name);
  } else {
    lua_pushfstring(L, "group%s (%d tasks)", name, (int)group->core.live);
  }
  return 1;
}

const luaL_Reg xiol_group_functions[] = {{"group", l_group}, {NULL, NULL}};

void xiol_open_group(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"spawn", group_spawn},
                                     {"start", group_start},
                                     {"cancel", group_cancel},
                                     {"tasks", group_tasks},
                                     {NULL, NULL}};
  static const luaL_Reg more[] = {
      {"__len", group_length}, {"__newindex", group_newindex}, {NULL, NULL}};
  xiol_make_class(L, state, &kind_group, methods, NULL, group_tostring, NULL);
  xiol_set_functions(L, state, more);
  lua_getfield(L, -1, "__index");
  lua_getfield(L, -1, "spawn");
  xiol_keep(L, state, XIOL_REF_GROUP_SPAWN);
  lua_pop(L, 1);
  xiol_keep(L, state, XIOL_REF_GROUP);
}
