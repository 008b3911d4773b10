/* task: spawning a Lua function as a task, and the handles of tasks.
 *
 * The handle is what programs hold; it outlives the task and keeps its result. A live
 * task is a struct from the state's free list. Handles have no finalizer: what a live one
 * points to is owned by the tree of tasks. Loop's thread. */
#include <string.h>

#include "binding.h"

enum { SOURCES_MAX = 512, PLACES_ALIKE = 64 };

const xiol_kind xiol_kind_task = {"xio.Task"};

/* -- memory -------------------------------------------------------------------------- */

/* Makes sure that the free list is not empty. */
static void reserve_task(lua_State *L, xiol_state *state) {
  if (XIO_LIKELY(state->free_tasks != NULL)) return;
  xiol_task *task = xio_alloc_new(&state->alloc, sizeof *task);
  if (task == NULL) xiol_raise_memory(L);
  state->free_tasks = task;
}

static xiol_task *take_task(xiol_state *state) {
  xiol_task *task = state->free_tasks;
  state->free_tasks = task->next_free;
  state->live.tasks++;
  return task;
}

void xiol_task_free(xiol_state *state, xiol_task *task) {
  task->handle->task = NULL;
  lua_State *co = task->coroutine.thread;
  if (co != NULL && !task->escaped) {
    lua_pushboolean(co, 0);
    lua_rawseti(co, XIOL_BASE_ANCHORS, task->slot);
    state->free_slots[state->free_count++] = task->slot;
  } else if (lua_checkstack(state->main, 4)) {
    xiol_unanchor(state->main, state, task->slot);
  }
  if (co != NULL) xiol_return_coroutine(state, task->coroutine, !task->escaped);
  task->next_free = state->free_tasks;
  state->free_tasks = task;
  state->live.tasks--;
}

/* -- spawning ------------------------------------------------------------------------ */

/* The state's copy of a chunk's short name; NULL when memory or room for names is out. */
static const char *keep_source(xiol_state *state, const char *name) {
  for (xiol_source_file **at = &state->sources; *at != NULL; at = &(*at)->next) {
    xiol_source_file *file = *at;
    if (strcmp(file->name, name) != 0) continue;
    *at = file->next;
    file->next = state->sources;
    state->sources = file;
    return file->name;
  }
  if (state->source_count == SOURCES_MAX) return NULL;
  xiol_source_file *file = xio_alloc_new(&state->alloc, sizeof *file);
  if (file == NULL) return NULL;
  memcpy(file->name, name, strlen(name) + 1);
  file->next = state->sources;
  state->sources = file;
  state->source_count++;
  return file->name;
}

void xiol_find_place(lua_State *L, xiol_state *state, int level, const char **place,
                     int *line) {
  lua_Debug ar;
  *place = NULL;
  for (; lua_getstack(L, level, &ar); level++) {
    lua_getinfo(L, "Sl", &ar);
    if (ar.currentline <= 0) continue;
    if (state->lua_prefix != NULL &&
        strncmp(ar.source, state->lua_prefix, state->lua_prefix_length) == 0) {
      continue;
    }
    *place = keep_source(state, ar.short_src);
    *line = ar.currentline;
    return;
  }
}

/* Reads {name=, daemon=} at `index`, and puts the name, or nil, in its place. */
static void read_options(lua_State *L, xiol_spawn *how, int index) {
  static const char *const allowed[] = {"name", "daemon", NULL};
  xiol_check_fields(L, index, allowed, how->function);
  xiol_check_option_string(L, index, "name", how->function);
  how->daemon = xiol_option_boolean(L, index, "daemon", false, how->function);
  lua_getfield(L, index, "name");
  lua_replace(L, index);
}

/* Pushes a handle that names no task yet, with room for `waiting` values. */
static xiol_task_handle *push_handle(lua_State *L, xiol_state *state, int waiting) {
  xiol_task_handle *handle =
      lua_newuserdatauv(L, sizeof *handle, XIOL_TASK_WAITING - 1 + waiting);
  handle->kind = &xiol_kind_task;
  handle->task = NULL;
  handle->outcome = XIO_OUTCOME_NONE;
  handle->raised = false;
  handle->results = 0;
  xiol_push_ref(L, state, XIOL_REF_TASK);
  lua_setmetatable(L, -2);
  return handle;
}

/* The values from `index` on wait in the handle at the top for a coroutine. */
static void keep_waiting(lua_State *L, int index, int count) {
  for (int i = 0; i < count; i++) {
    lua_pushvalue(L, index + i);
    lua_setiuservalue(L, -2, XIOL_TASK_WAITING + i);
  }
}

/* The task whose handle is at the top gets the task-local values of the running one. */
static void inherit_context(lua_State *L, xiol_state *state) {
  xiol_runtime *runtime = state->runtime;
  if (runtime == NULL || runtime->loop->queue.running == NULL) return;
  int handle = lua_gettop(L);
  luaL_checkstack(L, 6, NULL);
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  lua_pushvalue(L, handle);
  xiol_push_task(L, xiol_task_of(runtime->loop->queue.running));
  if (lua_rawget(L, handle + 1) != LUA_TNIL) lua_rawset(L, handle + 1);
  lua_settop(L, handle);
}

/* Gives the task an idle coroutine, with its handle, which is at the top, and the
 * function and arguments below that, which leave the stack. */
static void move_arguments(lua_State *L, xiol_task *task, int count) {
  task->coroutine = xiol_take_coroutine(task->runtime->state);
  lua_State *co = task->coroutine.thread;
  lua_rawgeti(co, XIOL_BASE_ANCHORS, task->slot);
  lua_pushvalue(co, XIOL_BASE_MAIN);
  lua_pushvalue(co, XIOL_BASE_HANDLER);
  lua_insert(L, -2 - count);
  lua_xmove(L, co, count + 1);
}

/* Fills in a task that is about to be spawned. */
static void init_task(xiol_task *task, xiol_runtime *runtime, xiol_task_handle *handle,
                      int slot, int arguments) {
  xio_task_init(&task->core, &runtime->loop->queue, &xiol_task_ops);
  task->runtime = runtime;
  task->handle = handle;
  task->coroutine.thread = NULL;
  task->slot = slot;
  task->arguments = arguments;
  task->atomic = 0;
  task->begun = false;
  task->escaped = false;
  task->misnested = false;
  handle->task = task;
  handle->id = task->core.id;
}

/* Notes where the task is spawned. To look costs as much as half a spawn: after many
 * spawns into one group from one line, the next ones are taken to come from there too,
 * and only every so often it is looked again. */
static void note_place(lua_State *L, xiol_state *state, xiol_task *task,
                       const xio_group *group) {
  task->place = NULL;
  task->place_near = false;
  if (task->runtime->no_places) return;
  bool alike = state->spawned.group == group && state->spawned.same >= PLACES_ALIKE;
  if (alike && ++state->spawned.skipped < PLACES_ALIKE) {
    task->place = state->spawned.place;
    task->place_line = state->spawned.line;
    task->place_near = true;
    return;
  }
  state->spawned.skipped = 0;
  xiol_find_place(L, state, 1, &task->place, &task->place_line);
  if (state->spawned.group == group && state->spawned.place == task->place &&
      state->spawned.line == task->place_line) {
    state->spawned.same++;
    return;
  }
  state->spawned.group = group;
  state->spawned.place = task->place;
  state->spawned.line = task->place_line;
  state->spawned.same = 0;
}

xiol_task *xiol_spawn_from(lua_State *L, xiol_state *state, xiol_spawn how, int first) {
  int name = 0;
  int function = first;
  if (XIO_UNLIKELY(!lua_isfunction(L, first))) {
    if (xiol_has_options(L, first)) {
      read_options(L, &how, first);
      if (!lua_isnil(L, first)) name = first;
      function++;
    }
    xiol_check_callable(L, function, how.function);
  }
  int count = lua_gettop(L) - function;
  luaL_checkstack(L, 8, NULL);
  /* many arguments find no room on an idle coroutine for sure: they wait */
  bool idle = state->pooled > 0 && count <= LUA_MINSTACK / 2;
  int waiting = idle ? 0 : count + (name != 0 ? 1 : 0);
  xiol_task_handle *handle = push_handle(L, state, waiting);
  if (XIO_UNLIKELY(idle && state->pooled == 0)) { /* a finalizer took the last one */
    idle = false;
    waiting = count + (name != 0 ? 1 : 0);
    lua_pop(L, 1);
    handle = push_handle(L, state, waiting);
  }
  reserve_task(L, state); /* nothing from here on runs a finalizer */
  lua_pushvalue(L, name != 0 ? name : function);
  lua_setiuservalue(L, -2, XIOL_TASK_NAME);
  if (how.group->host != NULL) {
    lua_rawgeti(L, lua_upvalueindex(XIOL_UPVALUE_ANCHORS),
                xiol_task_of(how.group->host)->slot);
    lua_setiuservalue(L, -2, XIOL_TASK_PARENT);
  }
  if (waiting != 0) keep_waiting(L, name != 0 ? function : function + 1, waiting);
  if (XIO_UNLIKELY(state->any_context)) inherit_context(L, state);
  lua_pushvalue(L, -1);
  int slot = xiol_anchor(L, state);
  /* nothing below can fail */
  xiol_task *task = take_task(state);
  init_task(task, how.runtime, handle, slot, count);
  note_place(L, state, task, how.group);
  if (idle) move_arguments(L, task, count);
  if (how.starter != NULL) {
    xio_start_begin(how.starter, how.group, &task->core, how.daemon);
  } else {
    xio_group_spawn(how.group, &task->core, (xio_spawn_opts){.daemon = how.daemon});
  }
  return task;
}

/* -- handles ------------------------------------------------------------------------- */

void xiol_push_task(lua_State *L, xiol_task *task) {
  xiol_push_anchored(L, task->runtime->state, task->slot);
}

/* Replaces the function at the top by its name, or else its place. */
static void name_function(lua_State *L) {
  if (xiol_push_known_name(L, -1)) {
    lua_replace(L, -2);
    return;
  }
  if (!lua_isfunction(L, -1)) {
    lua_pushfstring(L, "%s", luaL_typename(L, -1));
    lua_replace(L, -2);
    return;
  }
  lua_Debug ar;
  lua_getinfo(L, ">S", &ar);
  if (ar.linedefined > 0) {
    lua_pushfstring(L, "%s:%d", ar.short_src, ar.linedefined);
  } else {
    lua_pushstring(L, ar.what[0] == 'C' ? "C function" : ar.short_src);
  }
}

void xiol_push_task_name(lua_State *L, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 8, NULL);
  if (lua_getiuservalue(L, index, XIOL_TASK_NAME) == LUA_TSTRING) return;
  name_function(L);
  const xiol_task *task = ((xiol_task_handle *)lua_touserdata(L, index))->task;
  if (task != NULL && task->coroutine.thread == NULL) return; /* it is to be run yet */
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, XIOL_TASK_NAME);
}

int xiol_push_results(lua_State *L, int index) {
  index = lua_absindex(L, index);
  xiol_task_handle *handle = lua_touserdata(L, index);
  int count = handle->results;
  luaL_checkstack(L, count + 2, "too many results");
  if (count == 0) return 0;
  lua_getiuservalue(L, index, XIOL_TASK_VALUE);
  if (count == 1) return 1;
  for (int i = 1; i <= count; i++) lua_rawgeti(L, -i, i);
  lua_remove(L, -1 - count);
  return count;
}

/* Pushes the error that awaiting a cancelled task raises, always the same one: made when
 * it is first asked for, from the cancellation that ended the task. */
static void push_was_cancelled(lua_State *L, xiol_state *state, int index) {
  index = lua_absindex(L, index);
  luaL_checkstack(L, 8, NULL);
  lua_getiuservalue(L, index, XIOL_TASK_VALUE);
  int value = lua_gettop(L);
  if (lua_istable(L, value)) return;
  bool known = !lua_isnil(L, value);
  xiol_push_task_name(L, index);
  const char *how = known ? luaL_tolstring(L, value, NULL) : "cancelled";
  lua_pushfstring(L, "task '%s' was %s", lua_tostring(L, value + 1), how);
  lua_replace(L, value + 1);
  lua_settop(L, value + 1);
  xiol_push_error(L, state, "ECANCELED", "await");
  if (known) {
    lua_getfield(L, value, "reason");
    lua_setfield(L, -2, "reason");
    lua_getfield(L, value, "source");
    lua_setfield(L, -2, "source");
  }
  lua_remove(L, value);
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, index, XIOL_TASK_VALUE);
}

int xiol_deliver_results(lua_State *L, xiol_state *state, int index) {
  xiol_task_handle *handle = lua_touserdata(L, index);
  switch (handle->outcome) {
    case XIO_OUTCOME_DONE: return xiol_push_results(L, index);
    case XIO_OUTCOME_FAILED:
      handle->raised = true;
      lua_getiuservalue(L, index, XIOL_TASK_VALUE);
      return xiol_rethrow(L, state);
    default: push_was_cancelled(L, state, index); return lua_error(L);
  }
}

enum { JOIN_WAIT, JOIN_AWAIT };

static int finish_join(lua_State *L, int status, lua_KContext what) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, task->core.wait.status);
  lua_settop(L, 1);
  return what == JOIN_AWAIT ? xiol_deliver_results(L, state, 1) : 0;
}

/* Raises that `self` awaits `task`, which awaits it, directly or through others. */
static int raise_cycle(lua_State *L, xiol_state *state, xiol_task *self, xio_task *task) {
  luaL_checkstack(L, 10, NULL);
  xiol_push_task(L, self);
  xiol_push_task_name(L, -1);
  lua_pushfstring(L, "a cycle of tasks that await each other: task '%s'",
                  lua_tostring(L, -1));
  for (; task != NULL; task = xio_task_awaited(task)) {
    xiol_push_task(L, xiol_task_of(task));
    xiol_push_task_name(L, -1);
    lua_pushfstring(L, "%s awaits task '%s'%s", lua_tostring(L, -3), lua_tostring(L, -1),
                    task != &self->core ? ", which" : "");
    lua_replace(L, -4);
    lua_pop(L, 2);
    if (task == &self->core) break;
  }
  xiol_push_error(L, state, "EDEADLK", "await");
  return lua_error(L);
}

static int join(lua_State *L, const char *function, lua_KContext what) {
  xiol_state *state = xiol_state_of(L);
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, function);
  xiol_task *self = xiol_enter(L, state, function);
  lua_settop(L, 1);
  if (xio_task_begin(&self->core) != XIO_OK) return xiol_yield(L, what, finish_join);
  if (handle->outcome != XIO_OUTCOME_NONE) {
    if (xio_task_spend(&self->core)) {
      return what == JOIN_AWAIT ? xiol_deliver_results(L, state, 1) : 0;
    }
    xio_wait_reschedule(&self->core.wait, XIO_OK);
    return xiol_yield(L, what, finish_join);
  }
  if (handle->task->runtime != self->runtime) {
    return xiol_fail(L, "%s: the task belongs to another run", function);
  }
  if (xio_task_join(&self->core, &handle->task->core) != XIO_OK) {
    return raise_cycle(L, state, self, &handle->task->core);
  }
  return xiol_yield(L, what, finish_join);
}

static int task_await(lua_State *L) {
  return join(L, "task:await", JOIN_AWAIT);
}

static int task_wait(lua_State *L) {
  return join(L, "task:wait", JOIN_WAIT);
}

static int task_result(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:result");
  lua_settop(L, 1);
  if (handle->outcome == XIO_OUTCOME_NONE) return 0;
  lua_pushboolean(L, handle->outcome == XIO_OUTCOME_DONE);
  if (handle->outcome == XIO_OUTCOME_DONE) return 1 + xiol_push_results(L, 1);
  if (handle->outcome == XIO_OUTCOME_FAILED) {
    lua_getiuservalue(L, 1, XIOL_TASK_VALUE);
  } else {
    push_was_cancelled(L, xiol_state_of(L), 1);
  }
  return 2;
}

static int task_cancel(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:cancel");
  lua_settop(L, 2);
  bool first = handle->outcome == XIO_OUTCOME_NONE &&
               xiol_cancel(L, xiol_state_of(L), &handle->task->core.own,
                           lua_isnil(L, 2) ? 0 : 2, 0);
  lua_pushboolean(L, first);
  return 1;
}

static const char *status_of(const xiol_task_handle *handle) {
  switch (handle->outcome) {
    case XIO_OUTCOME_DONE: return "done";
    case XIO_OUTCOME_FAILED: return "failed";
    case XIO_OUTCOME_CANCELLED: return "cancelled";
    default: break;
  }
  const xio_task *core = &handle->task->core;
  if (core->state == XIO_TASK_HELD) return "waiting";
  switch (core->wait.state) {
    case XIO_WAIT_PARKED: return "waiting";
    case XIO_WAIT_READY: return "ready";
    default: return "running";
  }
}

static int task_status(lua_State *L) {
  lua_pushstring(L, status_of(xiol_check(L, 1, &xiol_kind_task, "task:status")));
  return 1;
}

static int task_traceback(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task:traceback");
  lua_settop(L, 1);
  xiol_push_task_name(L, 1);
  lua_pushfstring(L, "task '%s' (%s)", lua_tostring(L, -1), status_of(handle));
  xiol_task *task = handle->task;
  if (handle->outcome == XIO_OUTCOME_NONE && task->coroutine.thread != NULL) {
    lua_State *of = task->coroutine.thread;
    xiol_push_stack(L, of, state, of == L ? 1 : 0);
    lua_concat(L, 2);
  }
  return 1;
}

static int task_index(lua_State *L) {
  xiol_check(L, 1, &xiol_kind_task, "task.__index");
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(XIOL_METHODS));
  if (!lua_isnil(L, -1) || lua_type(L, 2) != LUA_TSTRING) return 1;
  const char *field = lua_tostring(L, 2);
  if (strcmp(field, "name") == 0) {
    xiol_push_task_name(L, 1);
  } else if (strcmp(field, "parent") == 0) {
    lua_getiuservalue(L, 1, XIOL_TASK_PARENT);
  } else if (strcmp(field, "id") == 0) {
    xiol_task_handle *handle = lua_touserdata(L, 1);
    lua_pushinteger(L, (lua_Integer)handle->id);
  }
  return 1;
}

static int task_tostring(lua_State *L) {
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "task.__tostring");
  xiol_push_task_name(L, 1);
  lua_pushfstring(L, "task '%s' (%s)", lua_tostring(L, -1), status_of(handle));
  return 1;
}

/* -- functions ----------------------------------------------------------------------- */

static int l_current(lua_State *L) {
  xiol_push_task(L, xiol_running(L, xiol_state_of(L), "xio.current"));
  return 1;
}

/* context(): the running task's table of task-local values, shared with those it was
 * inherited from and not to be changed; nil where it has none. */
static int l_context(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.var");
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  xiol_push_task(L, task);
  lua_rawget(L, -2);
  return 1;
}

/* set_context(t): gives the running task another such table. */
static int l_set_context(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.var");
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  xiol_push_task(L, task);
  lua_pushvalue(L, 1);
  lua_rawset(L, -3);
  state->any_context = true;
  return 0;
}

static int l_spawn(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.spawn");
  xiol_spawn how = {.runtime = task->runtime,
                    .group = &task->runtime->loop->root,
                    .function = "xio.spawn"};
  xiol_spawn_from(L, state, how, 1);
  return 1;
}

const luaL_Reg xiol_task_functions[] = {{"current", l_current},
                                        {"spawn", l_spawn},
                                        {"context", l_context},
                                        {"set_context", l_set_context},
                                        {NULL, NULL}};

void xiol_open_task(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"await", task_await},
                                     {"wait", task_wait},
                                     {"result", task_result},
                                     {"cancel", task_cancel},
                                     {"status", task_status},
                                     {"traceback", task_traceback},
                                     {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_task, methods, task_index, task_tostring, NULL);
  xiol_keep(L, state, XIOL_REF_TASK);
}
