/* ctask: tasks whose body is a C function that is called again after each wait, see
 * xio.h.
 *
 * A C task is a task of the binding with other ops: it has a handle and no coroutine. Its
 * record says what it will wait for; the wait begins when the body has returned
 * XIO_CTASK_WAIT, so that nothing is begun by a body that raises. The body is called
 * protected, on the Lua thread that drives the runtime; what it leaves there goes. The
 * record belongs to the task and goes with it. Runtime's thread. */
#include <math.h>

#include "host/host.h"

/* What the body waits for next. */
typedef enum next_wait { NEXT_TURN, NEXT_SLEEP, NEXT_JOIN, NEXT_OPERATION } next_wait;

struct xio_ctask {
  xiol_task *task;
  xio_ctask_fn body;
  void (*release)(void *data);
  void *data;
  next_wait next;
  int64_t sleep_ns;
  xiol_task_handle *joined; /* anchored */
  int joined_slot;
  xio_operation *operation; /* it waits for this, or has its result; NULL: none */
  int result;               /* for the body */
  int returned;             /* by the body */
};

/* -- the record ---------------------------------------------------------------------- */

static void drop_wait(xio_ctask *own) {
  xiol_state *state = own->task->runtime->state;
  if (own->operation != NULL) xioh_operation_unref(own->operation);
  own->operation = NULL;
  if (own->joined_slot != 0 && lua_checkstack(state->main, 4)) {
    xiol_unanchor(state->main, state, own->joined_slot);
  }
  own->joined_slot = 0;
  own->joined = NULL;
  own->next = NEXT_TURN;
}

static void free_record(xiol_task *task) {
  xio_ctask *own = task->host;
  if (own == NULL) return;
  drop_wait(own);
  task->host = NULL;
  if (own->release != NULL) own->release(own->data);
  xio_alloc_free(&task->runtime->state->alloc, own, sizeof *own);
}

/* -- running ------------------------------------------------------------------------- */

/* (record): calls the body for its results. */
static int call_body(lua_State *L) {
  xio_ctask *own = lua_touserdata(L, 1);
  lua_settop(L, 0);
  own->returned = own->body(L, own, own->result, own->data);
  if (own->returned < 0) return 0;
  int count = lua_gettop(L);
  if (own->returned > count) own->returned = count;
  return own->returned;
}

/* Parks or reschedules the running task as its body has said. */
static void begin_wait(xio_ctask *own) {
  xio_task *core = &own->task->core;
  own->result = 0;
  if (own->next == NEXT_TURN) {
    xio_task_pause(core);
    return;
  }
  if (xio_task_begin(core) != XIO_OK) return;
  if (own->next == NEXT_SLEEP) {
    int64_t at = xio_clock_after(core->wait.queue->clock, own->sleep_ns);
    if (own->sleep_ns == XIO_NEVER) at = XIO_NEVER;
    if (xio_task_sleep(core, at) == XIO_OK) return;
    own->result = XIO_ERR_MEMORY;
  } else if (own->next == NEXT_JOIN && own->joined->task != NULL &&
             own->joined->outcome == XIO_OUTCOME_NONE) {
    if (xio_task_join(core, &own->joined->task->core) == XIO_OK) return;
    own->result = -EDEADLK;
  } else if (own->next == NEXT_OPERATION &&
             xioh_operation_start(own->operation, own->task)) {
    return;
  }
  xio_wait_reschedule(&core->wait, XIO_OK);
}

/* How the wait has ended, for the body. */
static void find_result(xio_ctask *own) {
  const xio_task *core = &own->task->core;
  int status = own->next == NEXT_TURN ? xio_task_finish_pause(core) : core->wait.status;
  if (status == XIO_ECANCELED) {
    own->result = XIO_ERR_CANCELLED;
  } else if (own->operation != NULL) {
    own->result = xioh_operation_result(own->operation);
  }
}

/* The handle keeps the result or error at the top, if any, which is popped. */
static void keep_value(lua_State *L, xiol_task *task) {
  if (task->coroutine.results == 0) return;
  xiol_push_anchored(L, task->runtime->state, task->slot);
  lua_insert(L, -2);
  lua_setiuservalue(L, -2, XIOL_TASK_VALUE);
  lua_pop(L, 1);
}

static void end(lua_State *L, xiol_task *task, int status, int count) {
  xiol_state *state = task->runtime->state;
  xiol_task_settle(L, state, task, status, count);
  keep_value(L, task);
  free_record(task);
  xiol_task_end(task);
}

/* Calls the body once. */
static void run(lua_State *L, xiol_task *task) {
  xiol_state *state = task->runtime->state;
  xio_ctask *own = task->host;
  int top = lua_gettop(L);
  if (!lua_checkstack(L, 8)) { /* there is always room for this */
    xiol_push_ref(L, state, XIOL_REF_MEMORY);
    end(L, task, LUA_ERRMEM, 1);
    return;
  }
  if (task->begun) find_result(own);
  task->begun = true;
  xio_operation *used = own->operation;
  own->operation = NULL;
  drop_wait(own);
  xiol_push_ref(L, state, XIOL_REF_HANDLER);
  int status = xioh_call_handled(L, call_body, own, top + 1);
  if (used != NULL) xioh_operation_unref(used);
  if (status == LUA_OK && own->returned < 0) {
    begin_wait(own);
  } else {
    end(L, task, status, lua_gettop(L) - top - 1);
  }
  lua_settop(L, top);
}

static void resume(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  xiol_state *state = task->runtime->state;
  lua_State *top = state->top;
  bool waitable = state->waitable;
  state->top = NULL;
  state->waitable = false;
  run(task->runtime->driver, task);
  state->top = top;
  state->waitable = waitable;
}

static void abandon(xio_task *core) {
  free_record(xiol_task_of(core));
  xiol_task_ops.abandon(core);
}

static const xio_task_ops ctask_ops = {.resume = resume, .abandon = abandon};

/* -- spawning ------------------------------------------------------------------------ */

/* (spawn, group or nil) */
static int spawn_ctask(lua_State *L) {
  static const char function[] = "xio_ctask_spawn";
  xioh_spawn *spawn = lua_touserdata(L, 1);
  xiol_state *state = spawn->runtime->state;
  xioh_spawn_prepare(spawn, L, lua_isnil(L, 2) ? 0 : 2, function);
  spawn->how.ops = &ctask_ops;
  const char *name = spawn->options.name;
  lua_pushstring(L, name != NULL ? name : "C task");
  spawn->task = xiol_spawn_host(L, state, &spawn->how);
  return 1;
}

int xio_ctask_spawn(xio_runtime *runtime, lua_State *L, xio_ctask_fn body,
                    void (*release)(void *data), void *data,
                    const xio_spawn_options *options) {
  xioh_spawn spawn;
  if (!xioh_spawn_read(&spawn, L, runtime, options)) {
    return xioh_fail(L, 0, XIO_ERR_ARGUMENT,
                     "xio_ctask_spawn: the options have no size, or are of a later "
                     "version");
  }
  const xio_allocator *alloc = &spawn.runtime->state->alloc;
  xio_ctask *own = lua_checkstack(L, 4) ? xio_alloc_new(alloc, sizeof *own) : NULL;
  if (own == NULL) return xioh_fail(L, 0, XIO_ERR_MEMORY, NULL);
  if (spawn.options.group != 0) {
    lua_pushvalue(L, spawn.options.group);
  } else {
    lua_pushnil(L);
  }
  int result = xioh_call(L, spawn_ctask, &spawn, 1, 1);
  if (result != 0) {
    xio_alloc_free(alloc, own, sizeof *own);
    return spawn.result != 0 ? spawn.result : result;
  }
  own->task = spawn.task;
  own->body = body;
  own->release = release;
  own->data = data;
  spawn.task->host = own;
  xioh_touch(spawn.runtime);
  return 0;
}

/* -- what the body says -------------------------------------------------------------- */

void xio_ctask_sleep(xio_ctask *own, double seconds) {
  drop_wait(own);
  if (!xiol_to_ns(seconds, &own->sleep_ns)) own->sleep_ns = 0;
  own->next = own->sleep_ns > 0 ? NEXT_SLEEP : NEXT_TURN;
}

/* (record, handle): keeps the handle, so that what it waits for is known */
static int keep_joined(lua_State *L) {
  xio_ctask *own = lua_touserdata(L, 1);
  own->joined_slot = xiol_anchor(L, xiol_state_of(L));
  return 0;
}

int xio_ctask_join(xio_ctask *own, lua_State *L, int index) {
  xiol_task_handle *handle = xioh_task_handle(L, index);
  if (handle == NULL) return XIO_ERR_ARGUMENT;
  if (handle->task != NULL && handle->task->runtime != own->task->runtime) {
    return XIO_ERR_ARGUMENT;
  }
  xio_task *other = handle->task != NULL ? &handle->task->core : NULL;
  for (; other != NULL; other = xio_task_awaited(other)) {
    if (other == &own->task->core) return -EDEADLK;
  }
  drop_wait(own);
  lua_pushvalue(L, index);
  int result = xioh_call(L, keep_joined, own, 1, 0);
  if (result != 0) {
    lua_pop(L, 1);
    return result;
  }
  own->joined = handle;
  own->next = NEXT_JOIN;
  return 0;
}

void *xio_ctask_operation(xio_ctask *own, const xio_operation_class *of) {
  int status = XIO_OK;
  if (of->size != sizeof *of || of->begin == NULL || of->name == NULL) return NULL;
  drop_wait(own);
  own->operation = xioh_operation_make(own->task->runtime, of, &status);
  if (own->operation == NULL) return NULL;
  own->next = NEXT_OPERATION;
  return xio_operation_data(own->operation);
}

int xio_ctask_is_cancelled(const xio_ctask *own) {
  return own->task->core.own.effective;
}

int xio_ctask_raise_cancelled(lua_State *L, xio_ctask *own) {
  if (!own->task->core.own.effective) {
    return luaL_error(L, "xio_ctask_raise_cancelled: the task is not cancelled");
  }
  return xiol_raise_cancelled(L, own->task->runtime->state, own->task);
}
