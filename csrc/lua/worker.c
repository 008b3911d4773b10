/* worker: see worker.h. All on the thread of the job but the setups. */
#include "worker.h"

#include <lualib.h>
#include <string.h>

#include "../include/xio.h"
#include "attention.h"
#include "preload.h"
#include "runtime.h"

/* -- what a state is made with ------------------------------------------------------- */

void xiol_setup_unref(xiol_setup *setup) {
  if (setup == NULL) return;
  if (atomic_fetch_sub_explicit(&setup->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  size_t size = sizeof *setup + setup->path_length + setup->cpath_length + 2;
  xio_alloc_free(&heap, setup, size);
}

/* Pushes a field of `package` as a string. */
static const char *push_package(lua_State *L, const char *field, size_t *length) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, LUA_LOADLIBNAME) == LUA_TTABLE) {
    lua_getfield(L, -1, field);
  } else {
    lua_pushnil(L);
  }
  if (lua_type(L, -1) != LUA_TSTRING) {
    lua_pop(L, 1);
    lua_pushliteral(L, "");
  }
  lua_replace(L, -3);
  lua_pop(L, 1);
  return lua_tolstring(L, -1, length);
}

/* Whether the setup has these paths. */
static bool is_same(const xiol_setup *setup, const char *path, const char *cpath) {
  return setup != NULL && strcmp(setup->text, path) == 0 &&
         strcmp(setup->text + setup->path_length + 1, cpath) == 0;
}

xiol_setup *xiol_setup_of(lua_State *L, xiol_state *state) {
  size_t path_length;
  size_t cpath_length;
  xiol_need_stack(L, 8, NULL);
  const char *path = push_package(L, "path", &path_length);
  const char *cpath = push_package(L, "cpath", &cpath_length);
  if (!is_same(state->setup, path, cpath)) {
    xio_allocator heap = xio_alloc_default();
    xiol_setup *setup =
        xio_alloc_new(&heap, sizeof *setup + path_length + cpath_length + 2);
    if (setup == NULL) xiol_raise_memory(L);
    atomic_init(&setup->refs, 1);
    setup->modules = xiol_preloaded(L);
    setup->extend = state->extend_thread;
    setup->path_length = path_length;
    setup->cpath_length = cpath_length;
    memcpy(setup->text, path, path_length);
    memcpy(setup->text + path_length + 1, cpath, cpath_length);
    xiol_setup_unref(state->setup);
    state->setup = setup;
  }
  lua_pop(L, 2);
  atomic_fetch_add_explicit(&state->setup->refs, 1, memory_order_relaxed);
  return state->setup;
}

void xiol_extend_threads(lua_State *L, void (*extend)(lua_State *L)) {
  xiol_attention_state(L)->extend_thread = extend;
}

/* -- jobs ---------------------------------------------------------------------------- */

void xiol_job_unref(xiol_job *job) {
  if (atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  xiol_message_free(job->message);
  xiol_setup_unref(job->setup);
  if (job->blocker != NULL) xio_blocker_unref(job->blocker);
  xio_alloc_free(&heap, job, sizeof *job);
}

static void drop_job(xio_job *core) {
  xiol_job *job = XIO_CONTAINER_OF(core, xiol_job, core);
  atomic_store(&job->dropped, true);
  xiol_job_unref(job);
}

static void run_job(xio_job *core, void *data);

/* A plain function may be blocked. */
static void interrupt_job(xio_job *core) {
  const xiol_job *job = XIO_CONTAINER_OF(core, xiol_job, core);
  if (job->blocker != NULL) xio_blocker_interrupt(job->blocker, true);
}

xiol_job *xiol_job_new(xiol_setup *setup, const char *function, xio_on_cancel on_cancel) {
  static const xio_job_ops ops = {
      .run = run_job, .drop = drop_job, .interrupt = interrupt_job};
  xio_allocator heap = xio_alloc_default();
  xiol_job *job = xio_alloc_new(&heap, sizeof *job);
  if (job == NULL) return NULL;
  xio_job_init(&job->core, &ops, on_cancel);
  atomic_init(&job->refs, 1);
  atomic_init(&job->dropped, true); /* it does not know it yet */
  job->setup = setup;
  job->function = function;
  return job;
}

/* -- the state of a thread ----------------------------------------------------------- */

/* make(setup): called protected in a new state. */
static int make_state(lua_State *L) {
  const xiol_setup *setup = lua_touserdata(L, 1);
  luaL_checkversion(L);
  luaL_openlibs(L);
  lua_getglobal(L, LUA_LOADLIBNAME);
  lua_pushstring(L, setup->text);
  lua_setfield(L, -2, "path");
  lua_pushstring(L, setup->text + setup->path_length + 1);
  lua_setfield(L, -2, "cpath");
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_xio_core); /* the very library that runs here */
  lua_setfield(L, -2, "xio.core");
  lua_settop(L, 1);
  if (setup->modules != NULL) xiol_preload(L, setup->modules);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 0);
  if (setup->extend != NULL) setup->extend(L);
  xiol_collect_by_age(L);
  return 0;
}

void xiol_collect_by_age(lua_State *L) {
  enum { MINOR = 0 /* as it is */, MAJOR = 200 /* per cent of growth */ };
  lua_gc(L, LUA_GCGEN, MINOR, MAJOR);
}

static int open_state(xio_thread *thread, xio_job *core, void **data) {
  (void)thread;
  xiol_job *job = XIO_CONTAINER_OF(core, xiol_job, core);
  lua_State *L = luaL_newstate();
  if (L == NULL) return XIO_ENOMEM;
  lua_pushcfunction(L, make_state); /* the stack of a new state has room */
  lua_pushlightuserdata(L, job->setup);
  int status = lua_pcall(L, 1, 0, 0);
  if (status == LUA_OK) {
    *data = xiol_attention_state(L);
    return XIO_OK;
  }
  const char *why = lua_tostring(L, -1);
  if (why == NULL) why = "an error that is no string";
  size_t length = strlen(why);
  if (length >= sizeof job->refusal) length = sizeof job->refusal - 1;
  memcpy(job->refusal, why, length); /* the rest is zero */
  job->outcome = XIOL_JOB_REFUSED;
  lua_close(L);
  return status == LUA_ERRMEM ? XIO_ENOMEM : XIO_EINVAL;
}

static void close_state(void *data) {
  lua_close(((xiol_state *)data)->main);
}

static void tidy_state(void *data) {
  lua_gc(((xiol_state *)data)->main, LUA_GCCOLLECT);
}

/* -- running ------------------------------------------------------------------------- */

/* Pushes the runtime of the thread, which is kept from job to job. */
static xiol_runtime *push_kept_runtime(lua_State *L, xiol_state *state) {
  xiol_push_ref(L, state, XIOL_REF_HOOKS);
  lua_getfield(L, -1, "thread");
  xiol_runtime *runtime = xiol_test(L, -1, &xiol_kind_runtime);
  if (runtime == NULL || runtime->loop == NULL) {
    lua_pop(L, 1);
    runtime = xiol_push_runtime(L, state, 0, NULL, "xio.thread");
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, "thread");
  }
  lua_remove(L, -2);
  return runtime;
}

/* Makes the message of the `count` results at the top the job's. */
static void keep_results(lua_State *L, xiol_state *state, xiol_job *job, int count) {
  job->message = xiol_copy_out(L, state, lua_gettop(L) - count + 1, count,
                               XIOL_COPY_RESULTS, job->function);
}

/* run(job): called protected. */
static int run_protected(lua_State *L) {
  xiol_job *job = lua_touserdata(L, 1);
  xiol_state *state = xiol_state_of(L);
  xiol_message *message = job->message;
  if (job->blocker != NULL) return xiol_plain_run(L, state, job);
  xiol_runtime *runtime = push_kept_runtime(L, state);
  job->message = NULL;
  xiol_take_message(L, state, message);
  if (xio_job_cancelled(&job->core)) {
    xio_scope_cancel(&runtime->loop->root.scope, job->core.source);
  }
  uint8_t outcome = XIO_OUTCOME_NONE;
  int count = xiol_run_main(L, runtime, 3, job->function, &outcome);
  if (outcome != XIO_OUTCOME_DONE) {
    job->outcome = XIOL_JOB_CANCELLED;
  } else {
    keep_results(L, state, job, count);
    job->outcome = XIOL_JOB_DONE;
  }
  return 0;
}

/* keep(job, err): called protected. */
static int keep_error(lua_State *L) {
  xiol_job *job = lua_touserdata(L, 1);
  xiol_message_free(job->message); /* of the function: it did not come to taking it */
  job->message = NULL;
  job->message = xiol_copy_error_out(L, xiol_state_of(L), 2);
  job->outcome = XIOL_JOB_FAILED;
  return 0;
}

static void run_job(xio_job *core, void *data) {
  xiol_job *job = XIO_CONTAINER_OF(core, xiol_job, core);
  xiol_state *state = data;
  lua_State *L = state->main;
  state->job = core;
  lua_settop(L, 0);
  job->outcome = XIOL_JOB_MEMORY;
  xiol_push_ref(L, state, XIOL_REF_RUN_JOB);
  lua_pushlightuserdata(L, job);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) {
    xiol_push_ref(L, state, XIOL_REF_KEEP_ERROR);
    lua_insert(L, 1);
    lua_pushlightuserdata(L, job);
    lua_insert(L, 2);
    int status = lua_pcall(L, 2, 0, 0);
    (void)status; /* memory is out: the outcome says so */
  }
  state->job = NULL;
  lua_settop(L, 0);
}

/* -- interrupting -------------------------------------------------------------------- */

void xiol_job_heed(xiol_state *state) {
  xio_job *job = state->job;
  if (job == NULL || !xio_job_cancelled(job)) return;
  for (xiol_runtime *runtime = state->runtime; runtime != NULL;
       runtime = runtime->outer) {
    if (runtime->loop == NULL) continue;
    (void)xio_scope_cancel(&runtime->loop->root.scope, job->source);
  }
}

bool xiol_runs_ours(lua_State *L, const xiol_state *state) {
  lua_Debug ar;
  if (!lua_getstack(L, 0, &ar)) return false;
  lua_getinfo(L, "S", &ar);
  return state->lua_prefix != NULL &&
         strncmp(ar.source, state->lua_prefix, state->lua_prefix_length) == 0;
}

/* raise(): raises the cancellation that the running task is under. */
static int raise_cancelled(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  return xiol_raise_cancelled(L, state,
                              xiol_task_of(state->runtime->loop->queue.running));
}

void xiol_unhook(xiol_state *state, lua_State *L) {
  lua_sethook(L, NULL, 0, 0);
  if (state->hooked.thread != L) return;
  lua_sethook(L, state->hooked.hook, state->hooked.mask, state->hooked.count);
  state->hooked.thread = NULL;
}

void xiol_hook(xiol_state *state, lua_State *L, lua_Hook hook) {
  lua_Hook found = lua_gethook(L);
  if (found == hook) return;
  state->hooked.hook = found;
  state->hooked.mask = lua_gethookmask(L);
  state->hooked.count = lua_gethookcount(L);
  state->hooked.thread = L;
  lua_sethook(L, hook, LUA_MASKCOUNT, 1);
}

enum { LOOK_AGAIN = 20 }; /* instructions */

/* In Lua code of the thread, after it was interrupted: raises the cancellation where the
 * running task was not told of it yet. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  xiol_state *state = xiol_attention_state(L);
  xiol_unhook(state, L);
  xio_job *job = state->job;
  xiol_runtime *runtime = state->runtime;
  if (job == NULL || !xio_job_interrupted(job) || runtime == NULL) return;
  xiol_job_heed(state);
  xio_task *running = runtime->loop->queue.running;
  if (running == NULL || !running->wait.scope->effective || running->swallowed != 0) {
    return;
  }
  if (xiol_runs_ours(L, state) || !lua_checkstack(L, LUA_MINSTACK)) {
    lua_sethook(L, on_hook, LUA_MASKCOUNT, LOOK_AGAIN);
    return;
  }
  xiol_push_ref(L, state, XIOL_REF_RAISE);
  lua_call(L, 0, 0);
}

/* In a signal handler of the thread, anywhere. */
static void interrupt_state(void *data, xio_job *job) {
  xiol_state *state = data;
  xiol_runtime *runtime = state->runtime;
  bool plain = XIO_CONTAINER_OF(job, xiol_job, core)->blocker != NULL;
  if (plain && runtime == NULL) xiol_plain_interrupt(state);
  if (runtime == NULL || runtime->loop == NULL) return;
  xio_loop_interrupt(runtime->loop);
  lua_State *L = state->top;
  if (L == NULL || runtime->loop->queue.running == NULL) return;
  xiol_hook(state, L, on_hook);
}

const xio_worker xiol_worker = {.open = open_state,
                                .close = close_state,
                                .tidy = tidy_state,
                                .interrupt = interrupt_state};

void xiol_open_worker(lua_State *L, xiol_state *state) {
  static const struct {
    lua_CFunction function;
    xiol_ref ref;
  } kept[] = {{run_protected, XIOL_REF_RUN_JOB},
              {keep_error, XIOL_REF_KEEP_ERROR},
              {raise_cancelled, XIOL_REF_RAISE}};
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
    xiol_push_upvalues(L, state);
    lua_pushcclosure(L, kept[i].function, XIOL_UPVALUES);
    xiol_keep(L, state, kept[i].ref);
  }
}
