/* spawn: making a Lua function a task.
 *
 * A live task is a struct from the state's free list. What its first run needs waits
 * where body.c keeps it. Until everything that needs memory is done nothing has been
 * spawned. Not here: the handles (task.c), and running (coroutine.c). Loop's thread. */
#include <string.h>

#include "binding.h"

/* A place is the number of a source, and the line; 0 is none. */
enum { LINE_BITS = 22, LINE_MAX_KNOWN = (1 << LINE_BITS) - 1 };

enum { SOURCES_MAX = 512, PLACES_ALIKE = 16, PLACES_SKIPPED = 250 };

/* -- memory -------------------------------------------------------------------------- */

/* Makes sure that the free list is not empty. */
static void reserve_task(lua_State *L, xiol_state *state) {
  if (XIO_LIKELY(state->free_tasks != NULL)) return;
  xiol_task *task = xio_alloc_new(&state->alloc, sizeof *task);
  if (task == NULL) xiol_raise_memory(L);
  xio_task_init(&task->core, NULL, &xiol_task_ops);
  state->free_tasks = task;
}

static xiol_task *take_task(xiol_state *state) {
  xiol_task *task = state->free_tasks;
  state->free_tasks = task->next_free;
  state->live.tasks++;
  return task;
}

void xiol_task_free(xiol_state *state, xiol_task *task) {
  if (task->handle != NULL) task->handle->task = NULL;
  lua_State *co = task->coroutine.thread;
  if (task->waiting) xiol_body_drop(state, task);
  if (XIO_UNLIKELY(task->misnested)) xiol_drop_misnested(state, task);
  if (task->slot != 0) {
    if (co != NULL && !task->escaped) {
      xiol_let_go(co, state, XIOL_BASE_ANCHORS, task->slot);
    } else if (lua_checkstack(state->main, 4)) {
      xiol_unanchor(state->main, state, task->slot);
    }
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
  file->number = ++state->source_count;
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

static uint32_t find_place(lua_State *L, xiol_state *state) {
  const char *name = NULL;
  int line = 0;
  xiol_find_place(L, state, 1, &name, &line);
  if (name == NULL) return 0;
  uint32_t number = XIO_CONTAINER_OF(name, xiol_source_file, name)->number;
  return number << LINE_BITS | (uint32_t)(line < LINE_MAX_KNOWN ? line : LINE_MAX_KNOWN);
}

const char *xiol_task_place(const xiol_task *task, int *line) {
  const xiol_source_file *file = task->runtime->state->sources;
  if (task->place == 0) return NULL;
  while (file != NULL && file->number != task->place >> LINE_BITS) file = file->next;
  XIO_ASSERT(file != NULL);
  *line = (int)(task->place & LINE_MAX_KNOWN);
  return file->name;
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

/* The task whose handle is at the top gets the task-local values of the running one. */
static void inherit_context(lua_State *L, xiol_state *state) {
  xiol_runtime *runtime = state->runtime;
  if (runtime == NULL || runtime->loop->queue.running == NULL) return;
  int handle = lua_gettop(L);
  xiol_need_stack(L, 6, NULL);
  xiol_push_ref(L, state, XIOL_REF_CONTEXTS);
  lua_pushvalue(L, handle);
  xiol_push_task(L, xiol_task_of(runtime->loop->queue.running));
  if (lua_rawget(L, handle + 1) != LUA_TNIL) lua_rawset(L, handle + 1);
  lua_settop(L, handle);
}

/* Fills in a task that is about to be spawned. */
static inline void init_task(xiol_task *task, xiol_runtime *runtime, int slot,
                             int arguments) {
  xio_task_renew(&task->core, &runtime->loop->queue);
  task->runtime = runtime;
  task->handle = NULL;
  task->coroutine.thread = NULL;
  task->slot = slot;
  task->waiting = false;
  task->arguments = arguments;
  task->coroutine.results = 0;
  task->outcome = XIO_OUTCOME_NONE;
  task->atomic = 0;
  task->begun = false;
  task->escaped = false;
  task->misnested = false;
  task->watches = 0;
  if (XIO_UNLIKELY(xio_task_ops_of(&task->core) != &xiol_task_ops)) {
    xio_task_set_ops(&task->core, &xiol_task_ops);
  }
}

/* Notes where the task is spawned. To look costs as much as half a spawn: after many
 * spawns into one group from one line, the next ones are taken to come from there too,
 * and only every so often it is looked again. */
static inline void note_place(lua_State *L, xiol_state *state, xiol_task *task,
                              const xio_group *group) {
  task->place = 0;
  task->place_near = false;
  if (task->runtime->no_places) return;
  bool alike = state->spawned.group == group && state->spawned.same >= PLACES_ALIKE;
  if (alike && ++state->spawned.skipped < PLACES_SKIPPED) {
    task->place = state->spawned.place;
    task->place_near = true;
    return;
  }
  state->spawned.skipped = 0;
  task->place = find_place(L, state);
  if (state->spawned.group == group && state->spawned.place == task->place) {
    state->spawned.same++;
    return;
  }
  state->spawned.group = group;
  state->spawned.place = task->place;
  state->spawned.same = 0;
}

/* Lets the task, which is filled in, run. */
static inline void begin_task(lua_State *L, xiol_state *state, xiol_task *task,
                              const xiol_spawn *how) {
  note_place(L, state, task, how->group);
  if (how->starter != NULL) {
    xio_start_begin(how->starter, how->group, &task->core, how->daemon);
  } else {
    xio_group_spawn(how->group, &task->core, (xio_spawn_opts){.daemon = how->daemon});
  }
}

/* Makes room for a task with so many arguments. Returns whether it is in body.c. Runs
 * finalizers only where it is not, before it does anything else. */
static inline bool make_room(lua_State *L, xiol_state *state, int count) {
  bool fits = xiol_body_reserve(state, count);
  if (XIO_UNLIKELY(!fits)) xiol_need_coroutine(L, state);
  reserve_task(L, state);
  return fits;
}

/* Keeps what `task` will run, which is at the top and is popped, in body.c or else on a
 * coroutine. */
static inline void keep_body(lua_State *L, xiol_state *state, xiol_task *task,
                             bool fits) {
  if (XIO_LIKELY(fits)) {
    xiol_body_put(L, state, task);
  } else if (!xiol_bind_coroutine(L, task)) {
    xiol_task_free(state, task);
    xiol_raise_memory(L);
  }
}

/* Spawns the function below the `count` arguments at the top without a handle. */
static int spawn_bare(lua_State *L, xiol_state *state, const xiol_spawn *how, int count) {
  bool fits = make_room(L, state, count);
  xiol_task *task = take_task(state);
  init_task(task, how->runtime, 0, count);
  keep_body(L, state, task, fits);
  /* nothing below can fail */
  begin_task(L, state, task, how);
  return 0;
}

/* Spawns the function at `function`, with the arguments above it. `name` is where its
 * name is; 0: none is given. */
static int spawn_with_handle(lua_State *L, xiol_state *state, const xiol_spawn *how,
                             int function, int name) {
  int count = lua_gettop(L) - function;
  xiol_need_stack(L, 8, NULL);
  if (how->group->host != NULL) {
    xiol_push_task(L, xiol_task_of(how->group->host));
  } else {
    lua_pushnil(L);
  }
  int parent = lua_gettop(L);
  xiol_task_handle *handle = xiol_push_handle(L, state);
  bool fits = true;
  if (XIO_LIKELY(how->ops == NULL)) {
    fits = make_room(L, state, count); /* nothing from here on runs a finalizer */
  } else {
    reserve_task(L, state);
  }
  lua_pushvalue(L, name != 0 ? name : function);
  lua_setiuservalue(L, -2, XIOL_TASK_NAME);
  lua_pushvalue(L, parent);
  lua_setiuservalue(L, -2, XIOL_TASK_PARENT);
  if (XIO_UNLIKELY(state->any_context)) inherit_context(L, state);
  lua_replace(L, parent);
  lua_pushvalue(L, parent);
  int slot = xiol_anchor(L, state);
  xiol_task *task = take_task(state);
  init_task(task, how->runtime, slot, count);
  xiol_link_handle(task, handle);
  lua_insert(L, function);
  if (XIO_LIKELY(how->ops == NULL)) {
    keep_body(L, state, task, fits);
  } else {
    lua_pop(L, 1);
    xio_task_set_ops(&task->core, how->ops);
  }
  /* nothing below can fail */
  begin_task(L, state, task, how);
  return 1;
}

xiol_task *xiol_spawn_host(lua_State *L, xiol_state *state, const xiol_spawn *how) {
  spawn_with_handle(L, state, how, lua_gettop(L), 0);
  xiol_task *task = ((xiol_task_handle *)lua_touserdata(L, -1))->task;
  if (task->waiting) xiol_body_drop(state, task); /* its handle knows its name */
  task->host = NULL;
  return task;
}

int xiol_spawn_from(lua_State *L, xiol_state *state, const xiol_spawn *how, int first) {
  if (XIO_LIKELY(lua_isfunction(L, first))) {
    int count = lua_gettop(L) - first;
    if (how->unwanted && !state->any_context) return spawn_bare(L, state, how, count);
    return spawn_with_handle(L, state, how, first, 0);
  }
  xiol_spawn with = *how;
  int name = 0;
  int function = first;
  if (xiol_has_options(L, first)) {
    read_options(L, &with, first);
    if (!lua_isnil(L, first)) name = first;
    function++;
  }
  xiol_check_callable(L, function, how->function);
  return spawn_with_handle(L, state, &with, function, name);
}
