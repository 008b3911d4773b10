/* run: loops as Lua sees them: xio.run, and runtimes that a host drives by hand.
 *
 * A runtime is a userdata made before anything that lives in it, so that lua_close, which
 * collects in the reverse order, finds it after its scopes and groups. While it is
 * driven, `driver` is the Lua thread whose C frame drives it, and the state knows it as
 * the current runtime; a run inside a task of another runtime blocks that one meanwhile.
 * Nothing that is called while the core runs may raise. Loop's thread. */
#include <string.h>

#include "../core/check.h"
#include "attention.h"
#include "binding.h"
#include "runtime.h"
#include "worker.h"

const xiol_kind xiol_kind_runtime = {"xio.Runtime"};

#define GRACE_DEFAULT_NS (5 * INT64_C(1000000000))

/* -- opening and closing ------------------------------------------------------------- */

/* Reads run's options at `index` (0: none) into the runtime and the loop's options. */
static void read_options(lua_State *L, xiol_runtime *runtime, xio_loop_opts *opts,
                         int index, const char *function) {
  static const char *const allowed[] = {"name",  "clock",  "seed",  "signals",
                                        "grace", "errors", "debug", NULL};
  runtime->grace_ns = GRACE_DEFAULT_NS;
  if (index == 0) return;
  xiol_check_fields(L, index, allowed, function);
  xiol_check_option_string(L, index, "name", function);
  xiol_check_option_string(L, index, "clock", function);
  if (lua_getfield(L, index, "clock") == LUA_TSTRING) {
    const char *clock = lua_tostring(L, -1);
    opts->virtual_clock = strcmp(clock, "virtual") == 0;
    if (!opts->virtual_clock && strcmp(clock, "real") != 0) {
      xiol_fail(L,
                "bad argument #%d to '%s' (option 'clock': \"real\" or \"virtual\" "
                "expected, got \"%s\")",
                index, function, clock);
    }
  }
  lua_pop(L, 1);
  lua_Integer seed = 0;
  opts->seeded = xiol_option_integer(L, index, "seed", LUA_MININTEGER, &seed, function);
  opts->seed = (uint64_t)seed;
  int64_t grace = 0;
  if (xiol_option_seconds(L, index, "grace", &grace, function)) {
    if (grace < 0) {
      xiol_fail(L,
                "bad argument #%d to '%s' (option 'grace': seconds of at least 0 "
                "expected)",
                index, function);
    }
    runtime->grace_ns = grace;
  }
  runtime->errors = xiol_option_errors(L, index, function);
  runtime->no_places = !xiol_option_boolean(L, index, "debug", true, function);
  bool signals = xiol_option_boolean(L, index, "signals", true, function);
  runtime->want_signals = signals ? 1 : 0;
  if (lua_getfield(L, index, "signals") == LUA_TNIL) runtime->want_signals = -1;
  lua_pop(L, 1);
  if (lua_getfield(L, index, "name") == LUA_TSTRING) {
    runtime->name = xiol_anchor(L, runtime->state);
  } else {
    lua_pop(L, 1);
  }
}

#if defined(XIO_DEV) && XIO_DEV
/* The check takes as long as there are tasks: only small programs are checked. */
enum { CHECKED_TASKS_MAX = 2000 };

static void check_turn(xio_loop *loop) {
  const char *broken = NULL;
  if (loop->queue.last_task_id <= CHECKED_TASKS_MAX) {
    XIO_ASSERT(xio_check_loop(loop, &broken));
  }
}
#else
#define check_turn NULL
#endif

xiol_runtime *xiol_push_runtime(lua_State *L, xiol_state *state, int index, uv_loop_t *uv,
                                const char *function) {
  xiol_need_stack(L, 16, NULL);
  xiol_runtime *runtime = lua_newuserdatauv(L, sizeof *runtime, 0);
  memset(runtime, 0, sizeof *runtime);
  runtime->kind = &xiol_kind_runtime;
  runtime->state = state;
  runtime->want_signals = -1;
  xiol_push_ref(L, state, XIOL_REF_RUNTIME);
  lua_setmetatable(L, -2);
  xio_loop_opts opts = {.alloc = state->alloc, .uv = uv, .on_turn = check_turn};
  read_options(L, runtime, &opts, index, function);
  int status = xio_loop_open(&runtime->loop, &opts);
  if (status != XIO_OK) {
    runtime->loop = NULL;
    xiol_fail(L,
              status == XIO_ENOMEM ? "not enough memory" : "%s: cannot open a loop: %s",
              function, uv_strerror(status));
    return NULL; /* never comes here */
  }
  runtime->loop->queue.tracer = state->tracer;
  state->live.loops++;
  return runtime;
}

/* Listens for signals where that is asked for: always, or (`unasked`) also by default. */
static void open_signals(lua_State *L, xiol_runtime *runtime, bool unasked,
                         const char *function) {
  if (runtime->want_signals == 0 || (runtime->want_signals < 0 && !unasked)) return;
  const xio_signals *outer = NULL;
  for (xiol_runtime *other = runtime->state->runtime; other != NULL && outer == NULL;) {
    outer = other->signals;
    other = other->outer;
  }
  int status = xio_signals_open(&runtime->signals, runtime->loop, runtime->grace_ns,
                                runtime->want_signals > 0, outer);
  if (status == XIO_OK) return;
  runtime->signals = NULL;
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  xiol_fail(L, "%s: cannot listen for signals: %s", function, uv_strerror(status));
}

void xiol_open_signals(lua_State *L, xiol_runtime *runtime, const char *function) {
  open_signals(L, runtime, false, function);
}

void xiol_close_runtime(xiol_runtime *runtime) {
  xio_loop *loop = runtime->loop;
  lua_State *L = runtime->state->main;
  if (runtime->name != 0 && lua_checkstack(L, 4)) {
    xiol_unanchor(L, runtime->state, runtime->name);
    runtime->name = 0;
  }
  if (loop == NULL) return;
  runtime->loop = NULL;
  if (runtime->signals != NULL) xio_signals_close(runtime->signals);
  runtime->signals = NULL;
  xiol_drop_values(runtime->state, &loop->root.scope);
  xio_loop_close(loop);
  runtime->state->live.loops--;
}

/* -- driving ------------------------------------------------------------------------- */

xiol_entered xiol_enter_runtime(lua_State *L, xiol_runtime *runtime) {
  xiol_state *state = runtime->state;
  xiol_entered before = {state->runtime, state->top, runtime->driver, state->waitable};
  runtime->driver = L;
  state->runtime = runtime;
  state->top = NULL;
  return before;
}

void xiol_leave_runtime(xiol_runtime *runtime, xiol_entered before) {
  xiol_state *state = runtime->state;
  runtime->driver = before.driver;
  state->runtime = before.runtime;
  state->top = before.top;
  state->waitable = before.waitable;
}

/* The Lua thread L drives the runtime from now on. */
static xiol_entered begin_driving(lua_State *L, xiol_runtime *runtime) {
  xiol_entered before = xiol_enter_runtime(L, runtime);
  runtime->outer = before.runtime;
  xio_hook_enter(runtime->loop, runtime->outer != NULL ? runtime->outer->loop : NULL);
  if (runtime->signals != NULL) xio_signals_resume(runtime->signals);
  return before;
}

static void end_driving(xiol_runtime *runtime, xiol_entered before) {
  xio_hook_leave(runtime->loop);
  if (runtime->signals != NULL) {
    xio_loop_poll(runtime->loop); /* a last signal is not lost */
    xio_signals_pause(runtime->signals);
  }
  runtime->outer = NULL;
  xiol_leave_runtime(runtime, before);
}

/* Makes the deadlock error of the runtime given as a light userdata. Called protected. */
int xiol_make_deadlock(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_runtime *runtime = lua_touserdata(L, 1);
  const char *plain = "deadlock: every task waits, and nothing outside can wake one";
  lua_pushstring(L, plain);
  if (xiol_push_hook(L, state, "deadlock")) {
    xiol_push_census(L, state, runtime);
    lua_call(L, 1, 1);
    lua_pushfstring(L, "%s%s", plain, luaL_tolstring(L, -1, NULL));
    lua_replace(L, 2);
    lua_settop(L, 2);
  }
  xiol_push_error(L, state, "EDEADLK", "run");
  xiol_reanchor(L, state, &runtime->failure);
  return 0;
}

/* fail_run(runtime, error), called protected. */
static int note_failure(lua_State *L) {
  xiol_runtime *runtime = lua_touserdata(L, 1);
  if (runtime->failure == 0) {
    xiol_reanchor(L, runtime->state, &runtime->failure);
    return 0;
  }
  xiol_push_anchored(L, runtime->state, runtime->failure);
  xiol_suppress(L, runtime->state, 3, 2);
  return 0;
}

void xiol_fail_run(lua_State *L, xiol_runtime *runtime) {
  xio_scope_cancel(&runtime->loop->root.scope, XIO_SOURCE_FAILURE);
  if (!lua_checkstack(L, 4)) {
    if (runtime->deadlocks == 0) runtime->deadlocks = 1; /* it will be a memory error */
    lua_pop(L, 1);
    return;
  }
  lua_pushcfunction(L, note_failure);
  lua_insert(L, -2);
  lua_pushlightuserdata(L, runtime);
  lua_insert(L, -2);
  if (lua_pcall(L, 2, 0, 0) == LUA_OK) return;
  lua_pop(L, 1);
  if (runtime->failure == 0 && runtime->deadlocks == 0) runtime->deadlocks = 1;
}

/* Nothing can wake any task: the first time, the root is cancelled with an error that
 * tells of it; then shields no longer hold. False: that did not help either. */
static bool break_deadlock(lua_State *L, xiol_runtime *runtime) {
  xiol_state *state = runtime->state;
  xio_scope *root = &runtime->loop->root.scope;
  runtime->deadlocks++;
  if (runtime->deadlocks == 1) {
    xiol_push_ref(L, state, XIOL_REF_MAKE_DEADLOCK);
    lua_pushlightuserdata(L, runtime);
    if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1);
    if (xio_scope_cancel(root, XIO_SOURCE_FAILURE)) return true;
    runtime->deadlocks++;
  }
  if (runtime->deadlocks == 2) {
    xio_scope_lift_all(root);
    return true;
  }
  return false;
}

/* Runs until no task lives. What still lives after that could not be ended. */
static void drive(lua_State *L, xiol_runtime *runtime) {
  xiol_entered before = begin_driving(L, runtime);
  uint32_t others = runtime->state->job != NULL ? 1 : 0; /* who may cancel all this */
  runtime->loop->working += others;
  for (int status = XIO_EINTR; status == XIO_EINTR;) {
    status = xio_loop_run(runtime->loop);
    xiol_attention_give(L, runtime->state);
    if (status == XIO_EINTR) xiol_job_heed(runtime->state);
    if (status == XIO_EDEADLK && break_deadlock(L, runtime)) status = XIO_EINTR;
  }
  runtime->loop->working -= others;
  end_driving(runtime, before);
}

/* Pushes the list of the root group's errors; returns how many. */
static int collect_errors(lua_State *L, xiol_runtime *runtime) {
  xiol_state *state = runtime->state;
  int body = 0;
  if (runtime->failure != 0) {
    xiol_push_anchored(L, state, runtime->failure);
    xiol_unanchor(L, state, runtime->failure);
    runtime->failure = 0;
    body = lua_gettop(L);
  } else if (runtime->deadlocks != 0) {
    xiol_push_ref(L, state, XIOL_REF_MEMORY);
    body = lua_gettop(L);
  }
  runtime->deadlocks = 0;
  return xiol_collect_errors(L, &runtime->loop->root, body, 0);
}

/* The same on a light userdata, called protected. */
static int list_errors(lua_State *L) {
  collect_errors(L, lua_touserdata(L, 1));
  return 1;
}

/* Takes the errors of the root group, which has none afterwards. Pushes their list and
 * returns how many; or, where memory is out, pushes that error and returns -1. */
static int take_errors(lua_State *L, xiol_runtime *runtime) {
  lua_pushcfunction(L, list_errors);
  lua_pushlightuserdata(L, runtime);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return (int)lua_rawlen(L, -1);
  xiol_drop_failed(runtime->state, &runtime->loop->root);
  return -1;
}

/* Raises what take_errors has found. */
static int raise_taken(lua_State *L, xiol_state *state, int errors, uint8_t mode) {
  return errors < 0 ? lua_error(L) : xiol_raise_errors(L, state, mode);
}

/* Spawns the main function at `first` and its arguments; its handle is pushed there. */
static xiol_task *spawn_main(lua_State *L, xiol_runtime *runtime, int first,
                             const char *function) {
  xiol_spawn how = {
      .runtime = runtime, .group = &runtime->loop->root, .function = function};
  bool is_c = lua_iscfunction(L, first) != 0;
  bool known = is_c && xiol_push_known_name(L, first);
  if (known) lua_pop(L, 1);
  if (is_c && !known) { /* the host's own function: it has no name and no place */
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "main");
    lua_setfield(L, -2, "name");
    lua_insert(L, first);
  }
  xiol_spawn_from(L, runtime->state, &how, first);
  xiol_task_handle *handle = lua_touserdata(L, -1);
  lua_copy(L, -1, first);
  lua_settop(L, first);
  return handle->task;
}

/* Pushes an xio.Interrupted and returns true where a signal ended the main task, whose
 * handle is at 2, or came after its end. */
static bool push_interrupted(lua_State *L, xiol_runtime *runtime) {
  xio_signals *signals = runtime->signals;
  if (signals == NULL || signals->count == 0) return false;
  xiol_task_handle *handle = lua_touserdata(L, 2);
  if (handle->outcome == XIO_OUTCOME_DONE && runtime->main_over_at > signals->first_at) {
    return false;
  }
  lua_createtable(L, 0, 1);
  lua_pushstring(L, signals->first == SIGTERM ? "TERM" : "INT");
  lua_setfield(L, -2, "signal");
  xiol_push_ref(L, runtime->state, XIOL_REF_INTERRUPTED);
  lua_setmetatable(L, -2);
  return true;
}

/* run([options,] f, ...) */
static int l_run(lua_State *L) {
  static const char function[] = "xio.run";
  xiol_state *state = xiol_state_of(L);
  bool options = xiol_has_options(L, 1);
  if (!options) {
    lua_pushnil(L);
    lua_insert(L, 1);
  }
  if (!xiol_callable(L, 2)) {
    if (!options) lua_remove(L, 1);
    xiol_check_callable(L, options ? 2 : 1, function);
  }
  xiol_runtime *runtime = xiol_push_runtime(L, state, options ? 1 : 0, NULL, function);
  lua_replace(L, 1);
  open_signals(L, runtime, true, function);
  runtime->main =
      spawn_main(L, runtime, 2, function); /* the frame: [1] runtime, [2] main's handle */
  drive(L, runtime);
  int errors = take_errors(L, runtime);
  uint8_t mode = runtime->errors;
  bool interrupted = errors == 0 && push_interrupted(L, runtime);
  xiol_close_runtime(runtime);
  if (interrupted) return lua_error(L);
  if (errors != 0) return raise_taken(L, state, errors, mode);
  xiol_task_handle *handle = lua_touserdata(L, 2);
  return handle->outcome == XIO_OUTCOME_DONE ? xiol_push_results(L, 2) : 0;
}

/* -- runtimes driven by hand --------------------------------------------------------- */

/* new([options]) */
static int l_new(lua_State *L) {
  static const char function[] = "xio.new";
  lua_settop(L, 1);
  if (!lua_isnil(L, 1) && !lua_istable(L, 1)) xiol_type_error(L, function, 1, "table");
  xiol_runtime *runtime =
      xiol_push_runtime(L, xiol_state_of(L), lua_isnil(L, 1) ? 0 : 1, NULL, function);
  open_signals(L, runtime, false, function);
  return 1;
}

static xiol_runtime *check_open(lua_State *L, const char *function) {
  xiol_runtime *runtime = xiol_check(L, 1, &xiol_kind_runtime, function);
  if (runtime->loop == NULL)
    xiol_fail(L, "%s: the runtime is closed: make another by xio.new", function);
  return runtime;
}

static xiol_runtime *check_idle(lua_State *L, const char *function) {
  xiol_runtime *runtime = check_open(L, function);
  if (runtime->driver != NULL) {
    xiol_fail(L, "%s: the runtime is being driven already; one caller does at a time",
              function);
  }
  if (runtime->host.attachment != NULL) {
    xiol_fail(L, "%s: the runtime is attached to the loop of its host", function);
  }
  return runtime;
}

void xiol_renew_runtime(lua_State *L, xiol_runtime *runtime) {
  int errors = take_errors(L, runtime);
  xiol_drop_values(runtime->state, &runtime->loop->root.scope);
  xio_loop_renew(runtime->loop);
  if (errors != 0) raise_taken(L, runtime->state, errors, runtime->errors);
  lua_pop(L, 1);
}

int xiol_run_main(lua_State *L, xiol_runtime *runtime, int first, const char *function,
                  uint8_t *outcome) {
  spawn_main(L, runtime, first, function);
  drive(L, runtime);
  if (runtime->loop->root.live != 0) {
    int errors = take_errors(L, runtime);
    xiol_close_runtime(runtime);
    if (errors != 0) return raise_taken(L, runtime->state, errors, runtime->errors);
    return 0;
  }
  xiol_renew_runtime(L, runtime);
  xiol_task_handle *handle = lua_touserdata(L, first);
  *outcome = handle->outcome;
  return handle->outcome == XIO_OUTCOME_DONE ? xiol_push_results(L, first) : 0;
}

static int runtime_run(lua_State *L) {
  static const char function[] = "runtime:run";
  uint8_t outcome = XIO_OUTCOME_NONE;
  xiol_runtime *runtime = check_idle(L, function);
  xiol_check_callable(L, 2, function);
  int count = xiol_run_main(L, runtime, 2, function, &outcome);
  runtime->host.main_cancelled = outcome == XIO_OUTCOME_CANCELLED;
  return count;
}

static int runtime_spawn(lua_State *L) {
  static const char function[] = "runtime:spawn";
  xiol_runtime *runtime = check_open(L, function);
  spawn_main(L, runtime, 2, function);
  return 1;
}

static int runtime_step(lua_State *L) {
  static const char function[] = "runtime:step";
  xiol_runtime *runtime = check_idle(L, function);
  int64_t timeout = lua_isnoneornil(L, 2) ? 0 : xiol_check_seconds(L, 2, false, function);
  lua_settop(L, 1);
  xiol_entered before = begin_driving(L, runtime);
  bool stalled = false;
  bool more = xio_loop_step(runtime->loop, timeout, &stalled);
  if (xio_loop_interrupted(runtime->loop)) xiol_attention_give(L, runtime->state);
  end_driving(runtime, before);
  if (!more) xiol_renew_runtime(L, runtime);
  lua_pushboolean(L, more);
  lua_pushboolean(L, stalled);
  return 2;
}

static int runtime_fd(lua_State *L) {
  lua_pushinteger(L, uv_backend_fd(check_open(L, "runtime:fd")->loop->uv));
  return 1;
}

static int runtime_timeout(lua_State *L) {
  int64_t ns = xio_loop_timeout(check_open(L, "runtime:timeout")->loop);
  lua_pushnumber(L, xiol_to_seconds(ns));
  return 1;
}

/* close(): cancels what lives, runs its cleanup, raises its errors. */
static int runtime_close(lua_State *L) {
  static const char function[] = "runtime:close";
  xiol_runtime *runtime = xiol_check(L, 1, &xiol_kind_runtime, function);
  lua_settop(L, 1);
  if (runtime->loop == NULL) {
    lua_pushboolean(L, 0);
    return 1;
  }
  check_idle(L, function);
  xiol_need_stack(L, 16, NULL);
  xio_scope_cancel(&runtime->loop->root.scope, XIO_SOURCE_SHUTDOWN);
  drive(L, runtime);
  int errors = take_errors(L, runtime);
  xiol_close_runtime(runtime);
  if (errors != 0) return raise_taken(L, runtime->state, errors, runtime->errors);
  lua_pushboolean(L, 1);
  return 1;
}

static int runtime_gc(lua_State *L) {
  xiol_runtime *runtime = xiol_test(L, 1, &xiol_kind_runtime);
  if (runtime != NULL) xiol_close_runtime(runtime);
  return 0;
}

static int runtime_index(lua_State *L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(XIOL_METHODS));
  if (!lua_isnil(L, -1) || lua_type(L, 2) != LUA_TSTRING) return 1;
  xiol_runtime *runtime = xiol_check(L, 1, &xiol_kind_runtime, "runtime.__index");
  if (strcmp(lua_tostring(L, 2), "name") == 0 && runtime->name != 0) {
    xiol_push_anchored(L, runtime->state, runtime->name);
  }
  return 1;
}

static int runtime_tostring(lua_State *L) {
  xiol_runtime *runtime = xiol_check(L, 1, &xiol_kind_runtime, "runtime.__tostring");
  if (runtime->loop == NULL) {
    lua_pushliteral(L, "runtime (closed)");
  } else {
    lua_pushfstring(L, "runtime (%d tasks)", (int)runtime->loop->root.live);
  }
  return 1;
}

/* run_key(): what tells the run of the running task apart from others that live. */
static int l_run_key(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "run_key");
  lua_pushlightuserdata(L, task->runtime->loop);
  return 1;
}

const luaL_Reg xiol_run_functions[] = {
    {"run", l_run}, {"new", l_new}, {"run_key", l_run_key}, {NULL, NULL}};

void xiol_open_run(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"run", runtime_run}, {"spawn", runtime_spawn},     {"step", runtime_step},
      {"fd", runtime_fd},   {"timeout", runtime_timeout}, {"close", runtime_close},
      {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_runtime, methods, runtime_index, runtime_tostring,
                  runtime_gc);
  lua_getfield(L, -1, "__index");
  lua_getupvalue(L, -1, XIOL_METHODS);
  lua_getfield(L, -1, "close");
  lua_setfield(L, -4, "__close");
  lua_pop(L, 2);
  xiol_keep(L, state, XIOL_REF_RUNTIME);
}
