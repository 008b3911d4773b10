/* runtime: opening and closing a runtime, and driving it, for hosts. See xio.h.
 *
 * What Lua does by the methods of a runtime a host does by calling the same methods
 * protected. Not here: tasks (spawn.c, ctask.c), attaching to a host's loop (attached.c).
 * On the thread that runs the Lua state. */
#include <math.h>
#include <string.h>

#include "host/host.h"
#include "lua/preload.h"

/* -- opening ------------------------------------------------------------------------- */

typedef struct opening {
  const xio_open_options *options;
  xiol_runtime *runtime;
  int result; /* why it raised, where that is not told by the error */
} opening;

static void set_boolean(lua_State *L, const char *field, bool value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, field);
}

static void set_string(lua_State *L, const char *field, const char *value) {
  lua_pushstring(L, value);
  lua_setfield(L, -2, field);
}

/* Pushes the options as those of xio.new. */
static void push_options(lua_State *L, opening *what) {
  static const char *const errors[] = {"auto", "first", "group"};
  const xio_open_options *options = what->options;
  lua_createtable(L, 0, 8);
  set_boolean(L, "signals", options->signals != 0);
  if (options->name != NULL) set_string(L, "name", options->name);
  if (options->virtual_clock != 0) set_string(L, "clock", "virtual");
  if (isnan(options->grace)) {
    xioh_raise(L, &what->result, XIO_ERR_ARGUMENT, "xio_open: grace is not a number");
  }
  if (options->grace != 0) {
    lua_pushnumber(L, options->grace < 0 ? 0 : options->grace);
    lua_setfield(L, -2, "grace");
  }
  if (options->seeded != 0) {
    lua_pushinteger(L, (lua_Integer)options->seed);
    lua_setfield(L, -2, "seed");
  }
  if ((unsigned)options->errors > XIO_ERRORS_GROUP) {
    xioh_raise(L, &what->result, XIO_ERR_ARGUMENT,
               "xio_open: errors is none of its kinds");
  }
  set_string(L, "errors", errors[options->errors]);
}

/* Loads the module "xio". */
static void load_library(lua_State *L, opening *what) {
  if (lua_getglobal(L, "require") != LUA_TFUNCTION) {
    xioh_raise(L, &what->result, XIO_ERR_ARGUMENT,
               "xio_open: the standard libraries are not open (luaL_openlibs)");
  }
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 0);
}

/* (opening), called protected: what a state has once. */
static int open_state(lua_State *L) {
  opening *what = lua_touserdata(L, 1);
  xiol_preload(L, xiol_embedded_modules);
  xioh_open_calls(L, xiol_push_core(L));
  if (what->options->globals != 0) xiol_replace_coroutine(L);
  load_library(L, what);
  return 0;
}

/* The same: the runtime. */
static int open_runtime(lua_State *L) {
  static const char function[] = "xio_open";
  opening *what = lua_touserdata(L, 1);
  xiol_state *state = xiol_state_of(L);
  push_options(L, what);
  xiol_runtime *runtime = xiol_push_runtime(L, state, 2, what->options->uv, function);
  what->runtime = runtime;
  xiol_open_signals(L, runtime, function);
  xiol_reanchor(L, state, &runtime->host.anchor);
  return 0;
}

int xio_open(lua_State *L, const xio_open_options *options, xio_runtime **out) {
  xio_open_options complete;
  *out = NULL;
  if (!xioh_read_options(&complete, sizeof complete, options)) {
    return xioh_fail(L, 0, XIO_ERR_ARGUMENT,
                     "xio_open: the options have no size, or are of a later version");
  }
  opening what = {.options = &complete};
  int result = xioh_call_plain(L, open_state, &what, 0, 0);
  if (result == 0) result = xioh_call(L, open_runtime, &what, 0, 0);
  if (result == 0) {
    *out = xioh_public(what.runtime);
    return 0;
  }
  if (what.runtime != NULL) xiol_close_runtime(what.runtime);
  return what.result != 0 ? what.result : result;
}

/* -- methods ------------------------------------------------------------------------- */

/* A call of a method, protected. */
typedef struct call {
  xiol_runtime *runtime;
  const char *method;
} call;

/* (call, ...): calls the method with what follows. */
static int call_method(lua_State *L) {
  const call *what = lua_touserdata(L, 1);
  xiol_need_stack(L, 4, NULL);
  xiol_push_anchored(L, what->runtime->state, what->runtime->host.anchor);
  lua_getfield(L, -1, what->method);
  lua_replace(L, 1);
  lua_insert(L, 2);
  lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
  return lua_gettop(L);
}

static bool is_driven(const xiol_runtime *runtime) {
  return runtime->driver != NULL || runtime->host.attachment != NULL;
}

int xio_run(xio_runtime *public, lua_State *L, int arguments, int results) {
  xiol_runtime *runtime = xioh_runtime(public);
  if (is_driven(runtime)) {
    return xioh_fail(L, arguments + 1, XIO_ERR_BUSY,
                     "xio_run: the runtime is being driven, or is attached");
  }
  call what = {runtime, "run"};
  runtime->host.main_cancelled = false;
  int result = xioh_call(L, call_method, &what, arguments + 1, results);
  if (result != 0 || !runtime->host.main_cancelled) return result;
  if (results == LUA_MULTRET) results = 0; /* a cancelled task has none */
  return xioh_fail(L, results, XIO_ERR_CANCELLED, "xio_run: the main task was cancelled");
}

int xio_step(xio_runtime *public, lua_State *L, double timeout) {
  xiol_runtime *runtime = xioh_runtime(public);
  if (is_driven(runtime)) {
    return xioh_fail(L, 0, XIO_ERR_BUSY,
                     "xio_step: the runtime is being driven, or is attached");
  }
  if (isnan(timeout)) {
    return xioh_fail(L, 0, XIO_ERR_ARGUMENT, "xio_step: the timeout is not a number");
  }
  if (!lua_checkstack(L, 4)) return xioh_fail(L, 0, XIO_ERR_MEMORY, NULL);
  call what = {runtime, "step"};
  lua_pushnumber(L, timeout);
  int result = xioh_call(L, call_method, &what, 1, 2);
  if (result != 0) return result;
  bool more = lua_toboolean(L, -2);
  bool stalled = lua_toboolean(L, -1);
  lua_pop(L, 2);
  if (!more) return XIO_ENDED;
  return stalled ? XIO_STALLED : XIO_MORE;
}

/* A Lua program that was given the runtime may have closed it: then there is no loop. */
static xio_loop *loop_of(const xio_runtime *runtime) {
  return ((const xiol_runtime *)(const void *)runtime)->loop;
}

int xio_poll_fd(const xio_runtime *runtime) {
  xio_loop *loop = loop_of(runtime);
  return loop != NULL ? uv_backend_fd(loop->uv) : -1;
}

int xio_poll_timeout(const xio_runtime *runtime) {
  const int64_t ns_per_ms = 1000000;
  xio_loop *loop = loop_of(runtime);
  int64_t ns = loop != NULL ? xio_loop_timeout(loop) : XIO_NEVER;
  if (ns == XIO_NEVER) return -1;
  int64_t ms = ns / ns_per_ms + (ns % ns_per_ms != 0);
  return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* -- closing ------------------------------------------------------------------------- */

/* Lets libuv, on a host's loop, close what the runtime had there. */
static void run_dry(uv_loop_t *uv, const bool *freed) {
  while (!*freed) uv_run(uv, UV_RUN_ONCE);
}

int xio_close(xio_runtime *public, lua_State *L) {
  if (public == NULL) return 0;
  xiol_runtime *runtime = xioh_runtime(public);
  if (runtime->driver != NULL ||
      (runtime->host.attachment != NULL && runtime->host.attachment->running)) {
    return xioh_fail(L, 0, XIO_ERR_BUSY, "xio_close: the runtime is being driven");
  }
  xio_detach(public);
  bool freed = true;
  uv_loop_t *uv = NULL;
  if (runtime->loop != NULL && !runtime->loop->owns_uv) {
    freed = false;
    uv = runtime->loop->uv;
    runtime->loop->freed = &freed;
  }
  call what = {runtime, "close"};
  int result = xioh_call(L, call_method, &what, 0, 0);
  xiol_close_runtime(runtime); /* where memory was out before it began */
  run_dry(uv, &freed);
  if (lua_checkstack(L, 4)) xiol_unanchor(L, runtime->state, runtime->host.anchor);
  return result;
}

/* -- looking ------------------------------------------------------------------------- */

void xio_push_runtime(xio_runtime *public, lua_State *L) {
  xiol_runtime *runtime = xioh_runtime(public);
  xiol_push_ref(L, runtime->state, XIOL_REF_ANCHORS);
  lua_rawgeti(L, -1, runtime->host.anchor);
  lua_replace(L, -2);
}

size_t xio_task_count(const xio_runtime *runtime) {
  xio_loop *loop = loop_of(runtime);
  return loop != NULL ? loop->root.live : 0;
}

double xio_time(const xio_runtime *runtime) {
  xio_loop *loop = loop_of(runtime);
  return loop != NULL ? xiol_to_seconds(xio_clock_now(&loop->clock)) : 0;
}
