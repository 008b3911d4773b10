/* thread: jobs and calls as Lua sees them; lua/xio/thread.lua makes xio.thread of this.
 *
 * The task that waits holds a box of the job, whose closing ends it. What the task of
 * this side does for a thread, a call, has a box too, whose closing answers it. Loop's
 * thread. Not here: what runs in the thread (worker.c). */
#include <string.h>

#include "binding.h"
#include "worker.h"

static const xiol_kind kind_job = {"xio.thread.Job"};
static const xiol_kind kind_call = {"xio.thread.Call"};
static const xiol_kind kind_pool = {"xio.thread.Pool"};

typedef struct job_box {
  const xiol_kind *kind;
  xiol_job *job; /* with a reference; NULL: it is over, or was let go of */
} job_box;

typedef struct call_box {
  const xiol_kind *kind;
  xiol_call *call; /* with a reference; NULL: it was answered */
} call_box;

typedef struct pool_box {
  const xiol_kind *kind;
  xio_pool *pool; /* NULL: its run has ended */
} pool_box;

/* -- jobs ---------------------------------------------------------------------------- */

/* Lets go of a job: one that runs is left to itself. */
static void let_go(job_box *box) {
  xiol_job *job = box->job;
  box->job = NULL;
  if (!atomic_load(&job->dropped)) xio_job_leave(&job->core);
  xiol_job_unref(job);
}

static int job_gc(lua_State *L) {
  job_box *box = xiol_test(L, 1, &kind_job);
  if (box != NULL && box->job != NULL) let_go(box);
  return 0;
}

/* Waits for a job that was interrupted, and refuses its calls. */
static int close_step(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = (xiol_state *)context;
  job_box *box = lua_touserdata(L, 1);
  xiol_task *task = xiol_resumed(L, state);
  while (!atomic_load(&box->job->dropped) && box->job->core.state == XIO_JOB_RUNNING) {
    xio_calls_refuse(&box->job->core);
    if (xio_job_wait(&box->job->core, &task->core) == XIO_JOB_PARKED) {
      return xiol_yield(L, context, close_step);
    }
  }
  let_go(box);
  return 0;
}

/* __close(job): an error has come between its beginning and its results. */
static int job_close(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  job_box *box = xiol_check(L, 1, &kind_job, "job:close");
  if (box->job == NULL) return 0;
  xiol_task *task = xiol_enter_quickly(L, state);
  if (task == NULL) return job_gc(L);
  xio_job_interrupt(&box->job->core, XIO_SOURCE_FAILURE);
  return close_step(L, LUA_OK, (lua_KContext)state);
}

static int raise_status(lua_State *L, xiol_state *state, int status, const char *op,
                        const char *what) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  lua_pushfstring(L, "%s: %s", what, uv_strerror(status));
  const char *code = xiol_push_code(L, status);
  lua_insert(L, -2);
  xiol_push_error(L, state, code, op);
  return lua_error(L);
}

/* The pool at index 2, or that of the loop where it is nil. */
static xio_pool *check_pool(lua_State *L, xiol_state *state, xiol_task *task,
                            const char *function) {
  xio_threads *threads;
  if (lua_isnil(L, 2)) {
    int status = xio_loop_threads(task->runtime->loop, &xiol_worker, &threads);
    if (status != XIO_OK) raise_status(L, state, status, "thread", function);
    return xio_threads_pool(threads);
  }
  pool_box *box = xiol_check(L, 2, &kind_pool, function);
  if (box->pool == NULL || box->pool->threads == NULL ||
      box->pool->threads != task->runtime->loop->threads) {
    xiol_fail(L, "%s: the pool belongs to another run: use it there", function);
  }
  return box->pool;
}

static void make_classes(lua_State *L, xiol_state *state);

/* Pushes a box that has no job yet. */
static job_box *push_job(lua_State *L, xiol_state *state) {
  job_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (job_box){&kind_job, NULL};
  xiol_set_class(L, state, XIOL_REF_JOB, make_classes);
  return box;
}

/* Gives the box a job of the function at `first` and what is above it, below the box. */
static void make_job(lua_State *L, xiol_state *state, job_box *box, int first,
                     const char *function, xio_on_cancel on_cancel) {
  int count = lua_gettop(L) - first; /* the box is at the top */
  xiol_setup *setup = xiol_setup_of(L, state);
  box->job = xiol_job_new(setup, function, on_cancel);
  if (box->job == NULL) {
    xiol_setup_unref(setup);
    xiol_raise_memory(L);
  }
  box->job->message = xiol_copy_out(L, state, first, count, XIOL_COPY_CALL, function);
}

enum { PLAIN = 4 }; /* a bit beside on_cancel */

/* The job is to be a plain function. */
static void make_plain(lua_State *L, xiol_job *job) {
  int status = xio_blocker_new(&job->blocker);
  if (status == XIO_OK) return;
  job->blocker = NULL;
  xiol_raise_memory(L);
}

/* begin(function, pool, on_cancel, f, ...): begins a job in the name of `function`: a
 * checkpoint. The pool may be nil; on_cancel is a number of xio_on_cancel. Gives its box,
 * which the caller closes. */
static int l_begin(lua_State *L) {
  static const char *const functions[] = {"xio.thread.run", "pool:run", "service:start",
                                          NULL};
  xiol_state *state = xiol_state_of(L);
  const char *function = functions[luaL_checkoption(L, 1, NULL, functions)];
  lua_Integer how = luaL_checkinteger(L, 3);
  xiol_task *task = xiol_enter(L, state, function);
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, (lua_KContext)state, xiol_finish_wait);
  }
  xio_pool *pool = check_pool(L, state, task, function);
  job_box *box = push_job(L, state);
  make_job(L, state, box, 4, function, (xio_on_cancel)(how & ~PLAIN));
  if ((how & PLAIN) != 0) make_plain(L, box->job);
  xiol_job *job = box->job;
  atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
  atomic_store(&job->dropped, false);
  int status = xio_job_begin(&job->core, pool);
  if (status == XIO_OK) return 1;
  atomic_store(&job->dropped, true);
  xiol_job_unref(job);
  return raise_status(L, state, status, "thread", "a thread cannot be started");
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  job_box *box = lua_touserdata(L, 1);
  if (task->core.wait.status == XIO_ECANCELED) { /* the core has let go of it */
    xiol_job_unref(box->job);
    box->job = NULL;
    return xiol_raise_cancelled(L, state, task);
  }
  lua_pushboolean(L, box->job->core.state == XIO_JOB_RUNNING);
  return 1;
}

/* wait(job): waits until the job is over, and gives false; or until there are calls, and
 * gives true. Raises the cancellation where it was withdrawn or abandoned for that. */
static int l_wait(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  job_box *box = xiol_check(L, 1, &kind_job, "thread");
  xiol_task *task = xiol_enter(L, state, "xio.thread.run");
  lua_settop(L, 1);
  if (xio_job_wait(&box->job->core, &task->core) == XIO_JOB_PARKED) {
    return xiol_yield(L, (lua_KContext)state, finish_wait);
  }
  lua_pushboolean(L, box->job->core.state == XIO_JOB_RUNNING);
  return 1;
}

/* Raises the error that came from the thread, with what is known of it and, in addition,
 * where the tasks of this side were spawned. */
static int raise_error(lua_State *L, xiol_state *state, xiol_task *task,
                       xiol_message *message, const char *how) {
  xiol_take_message(L, state, message);
  xiol_need_stack(L, 10, NULL);
  xiol_extend_spawned(L, state, lua_gettop(L), task, how);
  return xiol_rethrow(L, state);
}

/* The function ended by a cancellation: that of this task, or one of its own. */
static int raise_cancelled(lua_State *L, xiol_state *state, xiol_task *task, bool ours) {
  if (ours && task->core.wait.scope->effective) {
    return xiol_raise_cancelled(L, state, task);
  }
  lua_pushliteral(L, "the function in the thread was cancelled");
  xiol_push_error(L, state, "ECANCELED", "thread");
  return lua_error(L);
}

static int raise_refused(lua_State *L, xiol_state *state, const xiol_job *job) {
  const char *why = job->refusal[0] != '\0' ? job->refusal : "no memory";
  lua_pushfstring(L, "the Lua state of a thread cannot be made: %s", why);
  xiol_push_error(L, state, "ENOSYS", "thread");
  return lua_error(L);
}

/* results(job): of one that is over: its results, or raises its error. */
static int l_results(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  job_box *box = xiol_check(L, 1, &kind_job, "thread");
  xiol_job *job = box->job;
  xiol_task *task = xiol_running(L, state, "xio.thread.run");
  int status = job->core.status;
  xiol_message *message = job->message;
  bool ours = xio_job_cancelled(&job->core);
  job->message = NULL; /* or else it is closed with the box, by who called us */
  switch (status == XIO_OK ? job->outcome : (uint8_t)XIOL_JOB_REFUSED) {
    case XIOL_JOB_DONE: return xiol_take_message(L, state, message);
    case XIOL_JOB_FAILED: return raise_error(L, state, task, message, "run in a thread");
    default: break;
  }
  xiol_message_free(message); /* the function's, where it did not come to taking it */
  if (status == XIO_OK && job->outcome == XIOL_JOB_CANCELLED) {
    return raise_cancelled(L, state, task, ours);
  }
  if (status == XIO_OK && job->outcome == XIOL_JOB_MEMORY) xiol_raise_memory(L);
  if (job->refusal[0] != '\0') return raise_refused(L, state, job);
  return raise_status(L, state, status, "thread", "a thread cannot be started");
}

/* -- calls, on the side that answers ------------------------------------------------- */

static int call_gc(lua_State *L) {
  call_box *box = xiol_test(L, 1, &kind_call);
  if (box == NULL || box->call == NULL) return 0;
  xio_call_answer(&box->call->core, XIO_ECLOSED);
  xio_call_release(&box->call->core);
  box->call = NULL;
  return 0;
}

/* take(job): the next call: its box, its function and arguments. Nothing: there is
 * none. */
static int l_take(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  job_box *box = xiol_check(L, 1, &kind_job, "thread");
  call_box *to = lua_newuserdatauv(L, sizeof *to, 0);
  *to = (call_box){&kind_call, NULL};
  xiol_set_class(L, state, XIOL_REF_CALL, make_classes);
  xio_call *core = xio_call_take(&box->job->core);
  if (core == NULL) return 0;
  to->call = XIO_CONTAINER_OF(core, xiol_call, core);
  return 1;
}

/* unpack(call): its function and arguments, once. */
static int l_unpack(lua_State *L) {
  call_box *box = xiol_check(L, 1, &kind_call, "thread");
  xiol_message *message = box->call->message;
  box->call->message = NULL;
  return xiol_take_message(L, xiol_state_of(L), message);
}

/* The call has its answer. */
static int answer(call_box *box, int status, xiol_message *message, bool failed) {
  xiol_call *call = box->call;
  box->call = NULL;
  if (!call->core.answered) {
    xiol_message_free(call->message); /* the function's, where it was not unpacked */
    call->message = message;
    call->failed = failed;
  } else { /* it was refused meanwhile */
    xiol_message_free(message);
  }
  xio_call_answer(&call->core, status);
  xio_call_release(&call->core);
  return 0;
}

/* answer(call, true, ...): it has these results; answer(call, false, err): this error;
 * answer(call): it met a cancellation of this task. Raises where that cannot be copied:
 * nothing was answered. */
static int l_answer(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  call_box *box = xiol_check(L, 1, &kind_call, "thread");
  if (lua_isnone(L, 2)) {
    xiol_task *task = xiol_running(L, state, "xio.thread.run");
    xio_job *job = box->call->core.answered ? NULL : box->call->core.job;
    if (job != NULL && task->core.wait.scope->effective) {
      xio_job_tell(job, task->core.wait.scope);
    }
    return answer(box, XIO_ECANCELED, NULL, false);
  }
  bool ok = lua_toboolean(L, 2) != 0;
  xiol_message *message = ok ? xiol_copy_out(L, state, 3, lua_gettop(L) - 2,
                                             XIOL_COPY_RESULTS, "xio.thread.call")
                             : xiol_copy_error_out(L, state, 3);
  return answer(box, XIO_OK, message, !ok);
}

/* -- calls, on the side that calls --------------------------------------------------- */

static void free_call(xio_call *core) {
  xiol_call *call = XIO_CONTAINER_OF(core, xiol_call, core);
  xio_allocator heap = xio_alloc_default();
  xiol_message_free(call->message);
  xio_alloc_free(&heap, call, sizeof *call);
}

static int raise_gone(lua_State *L, xiol_state *state) {
  lua_pushliteral(L, "xio.thread.call: the task that waits for this thread is gone");
  xiol_push_error(L, state, "ECLOSED", "thread.call");
  return lua_error(L);
}

static int finish_call(lua_State *L, int status, lua_KContext context) {
  (void)status;
  xiol_call *call = (xiol_call *)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_message *message = call->message;
  bool failed = call->failed;
  int answered = call->core.status;
  call->message = NULL;
  xio_call_taken(&call->core);
  lua_settop(L, 0);
  if (answered == XIO_OK) {
    return failed ? raise_error(L, state, task, message, "called by a thread")
                  : xiol_take_message(L, state, message);
  }
  xiol_message_free(message);
  if (answered != XIO_ECANCELED) return raise_gone(L, state);
  xiol_job_heed(state);
  if (task->core.wait.scope->effective) return xiol_raise_cancelled(L, state, task);
  lua_pushliteral(L, "xio.thread.call: the task that ran the function was cancelled");
  xiol_push_error(L, state, "ECANCELED", "thread.call");
  return lua_error(L);
}

/* thread_call(f, ...): runs f in the task that waits for this thread. */
static int l_call(lua_State *L) {
  static const char function[] = "xio.thread.call";
  xiol_state *state = xiol_state_of(L);
  xiol_job *job = xiol_job_of(state);
  if (job == NULL)
    return xiol_fail(
        L, "%s: not inside a thread of xio.thread: it goes back to who waits for one",
        function);
  xiol_check_callable(L, 1, function);
  xiol_task *task = xiol_enter(L, state, function);
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, (lua_KContext)state, xiol_finish_wait);
  }
  xio_allocator heap = xio_alloc_default();
  xiol_message *message =
      xiol_copy_out(L, state, 1, lua_gettop(L), XIOL_COPY_CALL, function);
  xiol_call *call = xio_alloc_new(&heap, sizeof *call);
  if (call == NULL) {
    xiol_message_free(message);
    xiol_raise_memory(L);
  }
  call->message = message;
  call->core.free = free_call;
  int status = xio_call_begin(&call->core, &job->core, task->runtime->loop);
  if (status != XIO_OK) {
    free_call(&call->core);
    if (status == XIO_ECLOSED) return raise_gone(L, state);
    return raise_status(L, state, status, "thread.call", function);
  }
  xio_call_wait(&call->core, &task->core);
  return xiol_yield(L, (lua_KContext)call, finish_call);
}

/* heed(): in a thread whose task was cancelled, cancels what runs. */
static int l_heed(lua_State *L) {
  xiol_job_heed(xiol_state_of(L));
  return 0;
}

/* inside(): whether this is a thread of xio.thread. */
static int l_inside(lua_State *L) {
  lua_pushboolean(L, xiol_job_of(xiol_state_of(L)) != NULL);
  return 1;
}

/* -- pools --------------------------------------------------------------------------- */

static int pool_gc(lua_State *L) {
  pool_box *box = xiol_test(L, 1, &kind_pool);
  if (box != NULL && box->pool != NULL) xio_pool_close(box->pool);
  if (box != NULL) box->pool = NULL;
  return 0;
}

/* pool(n): a pool of the running task's loop. */
static int l_pool(lua_State *L) {
  static const char function[] = "xio.thread.pool";
  xiol_state *state = xiol_state_of(L);
  lua_Integer limit = luaL_checkinteger(L, 1);
  xiol_task *task = xiol_running(L, state, function);
  pool_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (pool_box){&kind_pool, NULL};
  xiol_set_class(L, state, XIOL_REF_POOL, make_classes);
  xio_threads *threads;
  int status = xio_loop_threads(task->runtime->loop, &xiol_worker, &threads);
  if (status == XIO_OK) {
    status = xio_pool_open(threads, (uint32_t)limit, &box->pool);
  }
  if (status != XIO_OK) return raise_status(L, state, status, "thread", function);
  return 1;
}

/* count(): how many threads the running task's loop has, idle ones too. */
static int l_count(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.thread");
  const xio_threads *threads = task->runtime->loop->threads;
  lua_pushinteger(L, threads != NULL ? (lua_Integer)xio_threads_count(threads) : 0);
  return 1;
}

static int l_cpus(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)uv_available_parallelism());
  return 1;
}

/* -- opening ------------------------------------------------------------------------- */

const luaL_Reg xiol_thread_functions[] = {{"thread_begin", l_begin},
                                          {"thread_wait", l_wait},
                                          {"thread_results", l_results},
                                          {"thread_take", l_take},
                                          {"thread_unpack", l_unpack},
                                          {"thread_answer", l_answer},
                                          {"thread_call", l_call},
                                          {"thread_heed", l_heed},
                                          {"thread_inside", l_inside},
                                          {"thread_pool", l_pool},
                                          {"thread_count", l_count},
                                          {"cpus", l_cpus},
                                          {NULL, NULL}};

static void make_classes(lua_State *L, xiol_state *state) {
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg job[] = {{"__gc", job_gc}, {"__close", job_close}, {NULL, NULL}};
  static const luaL_Reg call[] = {{"__gc", call_gc}, {"__close", call_gc}, {NULL, NULL}};
  static const luaL_Reg pool[] = {{"__gc", pool_gc}, {NULL, NULL}};
  xiol_make_plain_class(L, state, &kind_job, job, none, NULL);
  xiol_keep(L, state, XIOL_REF_JOB);
  xiol_make_plain_class(L, state, &kind_call, call, none, NULL);
  xiol_keep(L, state, XIOL_REF_CALL);
  xiol_make_plain_class(L, state, &kind_pool, pool, none, NULL);
  xiol_keep(L, state, XIOL_REF_POOL);
}
