/* xio.h: the public interface of libxio, for programs in C and C++ that embed xio.
 *
 * xio is a structured-concurrency runtime for Lua 5.4 on libuv. What it gives to Lua
 * programs is described elsewhere; this is what a host needs: a runtime on the host's own
 * Lua state, three ways to drive it, tasks, C functions that wait, and a door for other
 * threads. docs/embedding.md is the guide, examples/embed has complete hosts. The
 * shortest:
 *
 *     lua_State *L = luaL_newstate();
 *     luaL_openlibs(L);
 *     xio_runtime *runtime = NULL;
 *     if (xio_open(L, NULL, &runtime) != 0) ...           // the error is on the stack
 *     luaL_loadstring(L, "local xio = require 'xio'; xio.sleep(1); return 42");
 *     if (xio_run(runtime, L, 0, 1) != 0) ...             // as with lua_pcall
 *     xio_close(runtime, L);
 *     lua_close(L);
 *
 * CONVENTIONS, which hold for every function unless it says otherwise.
 *
 * Results. A function that can fail returns 0, or a negative number: one of xio_error, or
 *   a status of libuv (a negated errno). It never ends the process, prints, or longjmps
 *   out of the call, with the exceptions that are marked RAISES, which are for functions
 *   that Lua has called, as luaL_checkinteger is.
 * The stack. A function that is given an `L` and fails leaves exactly one value more on
 *   L's stack: the error, usually a string or a table with __tostring (xio_traceback
 *   makes a report of it). Arguments that it would have taken are gone. Where it succeeds
 *   the stack is as its description says. `L` may be any coroutine of the runtime's Lua
 *   state from which lua_pcall may be called.
 * Threads. Everything of one Lua state belongs to one thread at a time: the one that runs
 *   it. Functions marked ANY THREAD may be called from every other at the same time.
 *   There is no global state: runtimes of different Lua states know nothing of each
 *   other, and may live in different threads.
 * Memory. All memory of a runtime comes from its Lua state's lua_Alloc, but for what
 *   other threads may have to free (remotes, posts, operations with
 *   XIO_OPERATION_THREADS) and what libuv takes for itself, which come from the C
 *   library. Where memory is out nothing was done, and the runtime goes on.
 * Time. Seconds as double, on the monotonic clock.
 * Structs of options. The caller sets `size` to sizeof the struct that it was compiled
 *   with, and all that it does not use to 0, which is the default of every field; a later
 *   version may have more fields. XIO_INIT(type) is such an empty struct.
 * The rest of the process. Signals, global functions of Lua, and handles of others on a
 *   shared uv_loop_t are left alone, unless an option asks for it.
 *
 * Until 1.0 a minor version may break the interface. The soname names the major one. */
#ifndef XIO_H
#define XIO_H

#include <errno.h>
#include <lua.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
template <class options>
inline options xio_init() { /* see XIO_INIT */
  options empty = options();
  empty.size = sizeof(options);
  return empty;
}

extern "C" {
#endif

/* -- version ------------------------------------------------------------------------- */

#define XIO_VERSION_MAJOR 0
#define XIO_VERSION_MINOR 1
#define XIO_VERSION_PATCH 0
#define XIO_VERSION "0.1.0"

/* For comparisons by the preprocessor: 0.1.0 is 100, 1.2.3 is 10203. */
#define XIO_VERSION_NUMBER \
  (XIO_VERSION_MAJOR * 10000 + XIO_VERSION_MINOR * 100 + XIO_VERSION_PATCH)

#if defined(__GNUC__)
#define XIO_API __attribute__((visibility("default")))
#define XIO_CHECKED __attribute__((warn_unused_result))
#else
#define XIO_API
#define XIO_CHECKED
#endif

#ifdef __cplusplus
#define XIO_INIT(type) (xio_init<type>())
#else
#define XIO_INIT(type) ((type){.size = sizeof(type)})
#endif

/* The version of the library that runs, "major.minor.patch"; XIO_VERSION is that of the
 * header. Static text. ANY THREAD. */
XIO_API const char *xio_version(void);

/* -- errors -------------------------------------------------------------------------- */

typedef enum xio_error {
  XIO_ERR_MEMORY = -ENOMEM,       /* memory is out */
  XIO_ERR_ARGUMENT = -EINVAL,     /* an argument or option is wrong */
  XIO_ERR_BUSY = -EBUSY,          /* the runtime is being driven, or has not ended yet */
  XIO_ERR_CANCELLED = -ECANCELED, /* the main task, or the wait, was cancelled */
  XIO_ERR_CLOSED = -4501,         /* the runtime has ended */
  XIO_ERR_LUA = -4503             /* a Lua error, which is on the stack */
} xio_error;

/* A short text for a result: static for those of xio_error; for others "error -N" or what
 * libuv says, in `buffer` of `size` bytes. Returns the text. ANY THREAD. */
XIO_API const char *xio_error_text(int result, char *buffer, size_t size);

/* Pushes the report of the error at `index`: the error, the Lua traceback of the task
 * that failed without frames of the runtime, where each task up to the root was spawned,
 * and errors suppressed on the way. Returns the text, which lives as long as it is on the
 * stack; where memory is out, pushes nil and returns "not enough memory". */
XIO_API const char *xio_traceback(lua_State *L, int index);

/* -- runtimes ------------------------------------------------------------------------ */

/* A loop with its tasks, on one Lua state. Lives from xio_open to xio_close, or to
 * lua_close of its state. There may be any number on one state. */
typedef struct xio_runtime xio_runtime;

struct uv_loop_s; /* uv_loop_t of libuv; uv.h is needed only by who uses it */

/* How a run whose tasks have failed raises their errors. */
typedef enum xio_errors {
  XIO_ERRORS_AUTO,  /* one as it is, several as an xio.ErrorGroup */
  XIO_ERRORS_FIRST, /* the first as it is, the others kept beside it */
  XIO_ERRORS_GROUP  /* always as a group */
} xio_errors;

/* Options of xio_open. */
typedef struct xio_open_options {
  size_t size; /* sizeof(xio_open_options) */

  /* The host's loop, on which the runtime then makes handles of its own. It must stay
   * open until xio_close has returned. NULL: the runtime has a loop of its own. */
  struct uv_loop_s *uv;

  const char *name; /* for reports; copied. NULL: none */

  /* Not 0: SIGINT and SIGTERM cancel the runtime's tasks while it is driven: see rule C9
   * of xio.run. 0: dispositions are left alone. */
  int signals;

  /* How many seconds cleanup has after such a signal, and in xio.cleanup. 0: the default
   * of 5; negative: none. */
  double grace;

  /* Not 0: the functions of the global table `coroutine` are replaced by ones with which
   * generators may wait inside tasks. 0: they are left alone; the others are then found
   * as xio.coroutine. */
  int globals;

  int virtual_clock; /* not 0: time stands still while tasks run, and jumps while not */
  int seeded;        /* not 0: the order of ready tasks is shuffled, by `seed` */
  uint64_t seed;
  xio_errors errors;
} xio_open_options;

/* Opens a runtime on the Lua state of `L`, whose standard libraries must be open
 * (luaL_openlibs), and makes `require "xio"` work there: libxio carries the Lua modules,
 * no path is needed. `options` may be NULL. Sets `*out`, and leaves the stack as it was.
 *
 * Errors: XIO_ERR_MEMORY, XIO_ERR_ARGUMENT (an option; the standard libraries), a status
 * of libuv; the error is on the stack, `*out` is NULL, and nothing was opened. */
XIO_API int xio_open(lua_State *L, const xio_open_options *options,
                     xio_runtime **out) XIO_CHECKED;

/* Closes a runtime: cancels all of its tasks (source "shutdown"), drives it until their
 * cleanup is over, and lets everything go; with a host's loop also runs that until libuv
 * has let go of all handles of the runtime. `runtime` is gone afterwards, whatever is
 * returned. NULL is allowed.
 *
 * Errors: XIO_ERR_LUA, a task failed in its cleanup; XIO_ERR_MEMORY. Only XIO_ERR_BUSY
 * (it is being driven: the caller is one of its own tasks or callbacks) means that
 * nothing was closed. Not from a callback of the loop, which libuv does not allow to run
 * again.
 *
 * A runtime that was not closed is closed by lua_close, without running any cleanup; on a
 * host's loop it must be closed before. */
XIO_API int xio_close(xio_runtime *runtime, lua_State *L);

/* Pushes the runtime as Lua sees it: what xio.new returns, with the methods `run`,
 * `spawn`, `step`, `fd`, `timeout` and `close`. Needs two slots of the stack, no
 * memory. */
XIO_API void xio_push_runtime(xio_runtime *runtime, lua_State *L);

/* How many tasks have not ended. */
XIO_API size_t xio_task_count(const xio_runtime *runtime);

/* The time now, in seconds of the clock that tasks see (xio.now). */
XIO_API double xio_time(const xio_runtime *runtime);

/* Opens xio for Lua alone, without a runtime: makes `require "xio"` work as xio_open
 * does, pushes the table of the module and returns 1. For luaL_requiref. RAISES. */
XIO_API int luaopen_xio(lua_State *L);

/* Opens the C module of xio's Lua part and replaces the functions of the global table
 * `coroutine`, as `require "xio.core"` does in a plain Lua. RAISES. */
XIO_API int luaopen_xio_core(lua_State *L);

/* -- driving ------------------------------------------------------------------------- */

/* Runs a function as the main task, until that and all tasks of the runtime have ended.
 * As lua_pcall: takes `arguments` values and the function below them from the stack, and
 * leaves `results` values (or LUA_MULTRET). May be called again and again.
 *
 * Errors: XIO_ERR_LUA: the error of the task that failed, or of several, see
 * xio_open_options.errors; or an xio.Error with the code "EDEADLK" where every task waits
 * and nothing outside could wake one (an open remote or a begun operation can).
 * XIO_ERR_CANCELLED: the main task was cancelled, and nothing failed. XIO_ERR_BUSY: the
 * runtime is being driven already, or is attached. XIO_ERR_MEMORY. In each case all tasks
 * have ended. */
XIO_API int xio_run(xio_runtime *runtime, lua_State *L, int arguments,
                    int results) XIO_CHECKED;

typedef enum xio_progress {
  XIO_ENDED = 0,  /* no task lives */
  XIO_MORE = 1,   /* tasks live, and something will wake them */
  XIO_STALLED = 2 /* tasks live, and nothing that the runtime knows of can wake one: only
                     the host, by something that it does next */
} xio_progress;

/* One turn: runs each task that is ready once; where none is, first waits for something
 * at most `timeout` seconds (0: not at all; HUGE_VAL: as long as it takes).
 *
 * Returns xio_progress, or an error: XIO_ERR_LUA: all tasks have ended, of this error;
 * XIO_ERR_BUSY, XIO_ERR_ARGUMENT (`timeout` is not a number), XIO_ERR_MEMORY. */
XIO_API int xio_step(xio_runtime *runtime, lua_State *L, double timeout) XIO_CHECKED;

/* For a foreign loop: a descriptor that is readable when xio_step(runtime, L, 0) has
 * something to do. Wait for it, at most xio_poll_timeout() milliseconds, then step. It
 * belongs to the runtime: never read or close it. With a host's loop it is that
 * loop's. */
XIO_API int xio_poll_fd(const xio_runtime *runtime);

/* How many milliseconds such a wait may last, rounded up; -1: for ever. Ask again after
 * each step, and after whatever else was done to the runtime, such as xio_spawn. */
XIO_API int xio_poll_timeout(const xio_runtime *runtime);

/* What an attached runtime calls when its last task has ended: `result` is 0, or an
 * error, whose value is then at the top of L's stack, and popped afterwards. Called from
 * a callback of the loop: must not raise, nor drive, detach or close any runtime; may
 * spawn and call uv_stop. */
typedef void (*xio_ended_fn)(xio_runtime *runtime, lua_State *L, int result, void *data);

/* Lets whoever runs the loop run the tasks: from now on each iteration of uv_run, of the
 * host's loop, runs one turn. Tasks keep uv_run going as long as something can wake them.
 * `L` must live as long as the runtime is attached: the main thread of the state does.
 * `ended` may be NULL: errors then go to lua_warning.
 *
 * Errors: XIO_ERR_ARGUMENT (the loop is the runtime's own, the clock is virtual, or it
 * takes signals), XIO_ERR_BUSY (driven or attached already), XIO_ERR_MEMORY. */
XIO_API int xio_attach(xio_runtime *runtime, lua_State *L, xio_ended_fn ended,
                       void *data) XIO_CHECKED;

/* Ends that; harmless where it is not attached. Not from `ended`, nor from a task of the
 * runtime. Tasks stay as they are. */
XIO_API void xio_detach(xio_runtime *runtime);

/* -- tasks --------------------------------------------------------------------------- */

/* Options of a spawn. */
typedef struct xio_spawn_options {
  size_t size;      /* sizeof(xio_spawn_options) */
  const char *name; /* for reports; copied. NULL: the function's name or place */
  int daemon;       /* not 0: cancelled when all others of its group have ended */

  /* The stack index of the group (what xio.group passes to its body) that the task
   * belongs to; 0: the runtime's root group, for whose tasks xio_run waits, and whose
   * errors end it. */
  int group;
} xio_spawn_options;

/* Spawns a task that runs a Lua function: takes `arguments` values and the function below
 * them from the stack, and pushes the task's handle, with which Lua programs await and
 * cancel it. The function begins to run in a later turn. `options` may be NULL.
 *
 * Errors: XIO_ERR_ARGUMENT (not a function, not a group, a group of another runtime or
 * one that has ended), XIO_ERR_MEMORY; the error is on the stack. */
XIO_API int xio_spawn(xio_runtime *runtime, lua_State *L, int arguments,
                      const xio_spawn_options *options) XIO_CHECKED;

/* Cancels all tasks of the runtime: each raises at the checkpoint where it waits. Tasks
 * that are spawned afterwards are born cancelled, until all have ended. Returns 1, or 0
 * where that was done before. Never fails, takes no memory. */
XIO_API int xio_cancel(xio_runtime *runtime);

/* Cancels the task whose handle is at `index`, and what belongs to it. Returns 1, or 0
 * where it was cancelled or has ended before, or XIO_ERR_ARGUMENT: there is no handle of
 * a task. Leaves the stack as it was, in any case; takes no memory. */
XIO_API int xio_cancel_task(lua_State *L, int index);

/* Pushes the results of the task whose handle is at `index`, and returns how many there
 * are. Errors: XIO_ERR_LUA, the error of which it failed; XIO_ERR_CANCELLED;
 * XIO_ERR_BUSY, it has not ended; XIO_ERR_ARGUMENT, there is no handle of a task;
 * XIO_ERR_MEMORY. */
XIO_API int xio_push_results(lua_State *L, int index) XIO_CHECKED;

/* -- C functions that wait ----------------------------------------------------------- */

/* An operation that a task waits for, and that somebody completes: a callback, or another
 * thread. The library makes a record for each, with room for data of the host.
 *
 * In a C function that Lua calls, inside a task:
 *
 *     static int l_query(lua_State *L) {
 *       const char *text = luaL_checkstring(L, 1);
 *       struct query *q = xio_operation_new(L, &query_class);   // all bytes 0
 *       q->text = text;                        // stays on the stack while it waits
 *       return xio_operation_await(L);         // begin() is called, and the task waits
 *     }
 *
 * begin() starts the work. Whoever ends it calls xio_operation_complete, once. Then the
 * task is resumed, finish() makes the results, and release() lets go of the data. */
typedef struct xio_operation xio_operation;

/* What a cancel hook has done. */
typedef enum xio_withdrawal {
  /* The operation is withdrawn and had no effect. Nobody will complete it, nor look at
   * its data. The task raises its cancellation. */
  XIO_WITHDRAWN = 0,

  /* It cannot be withdrawn, or not at once, and will be completed as if nothing had
   * happened; perhaps with XIO_ERR_CANCELLED. Until then the task waits. */
  XIO_NOT_WITHDRAWN = 1,

  /* It goes on without the task, which raises its cancellation now; it must still be
   * completed, which nobody sees. */
  XIO_LEFT_ALONE = 2
} xio_withdrawal;

enum {
  /* The operation may be completed by xio_operation_post, from any thread. */
  XIO_OPERATION_THREADS = 1
};

/* A kind of operation. Constant; lives as long as the runtime. */
typedef struct xio_operation_class {
  size_t size;      /* sizeof(xio_operation_class) */
  const char *name; /* of the function, for messages and task trees: "db.query" */
  size_t data_size; /* bytes of data in each record */
  unsigned flags;   /* XIO_OPERATION_… */

  /* Starts the work. Returns 0; or a negative result, which goes to finish() at once: the
   * operation was not begun, and must not be completed. It may be completed already when
   * this returns. Not called where the task is cancelled. Must not raise; may not call
   * Lua. Never NULL. */
  int (*begin)(xio_operation *operation, void *data);

  /* The task is cancelled while it waits, or its runtime is closed. Returns
   * xio_withdrawal. Called at most once, and not where the operation was completed or
   * posted before. Must not raise, call Lua, or complete this operation. NULL: it cannot
   * be withdrawn. */
  int (*cancel)(xio_operation *operation, void *data);

  /* Called in the task, by the C function that waits, whose stack is as it was
   * when that called xio_operation_await, with the keeper at its top: pushes results
   * and returns their number, as a C function for Lua does. May raise, but not wait.
   * `result` is what the operation was completed with. NULL: a result of 0 or more
   * gives that number, a negative one nil, an xio.Error and its code. */
  int (*finish)(lua_State *L, int result, void *data);

  /* Lets go of what the data holds; the record is freed then. Called once for each
   * record, when both the task and who completes the operation are done with it: on
   * the thread of the runtime, or, for XIO_OPERATION_THREADS, on the completing one
   * where the runtime has ended before. Must not raise or call Lua. NULL: nothing to
   * do. */
  void (*release)(void *data);
} xio_operation_class;

/* Makes a record, pushes what keeps it, and returns its data, all bytes 0. To be followed
 * by xio_operation_await; where an error is raised in between, the collector releases it.
 * Only inside a task that may wait here. RAISES, also where memory is out. */
XIO_API void *xio_operation_new(lua_State *L, const xio_operation_class *operation_class);

/* Begins the operation whose keeper is at the top of the stack, and suspends the task.
 * `return` this from a C function that Lua has called. RAISES: never returns normally. */
XIO_API int xio_operation_await(lua_State *L);

/* Completes an operation that was begun, from a callback on the runtime's thread; also
 * from within begin(). The task becomes ready, and finish() gets `result`. With
 * XIO_ERR_CANCELLED, where the task was cancelled, it raises that instead: the operation
 * had no effect. To be called exactly once, but not where begin() has failed or the
 * cancel hook has answered XIO_WITHDRAWN; `operation` is gone afterwards. Takes no
 * memory, never fails. */
XIO_API void xio_operation_complete(xio_operation *operation, int result);

/* The same for operations with XIO_OPERATION_THREADS, from any thread: the task becomes
 * ready when its runtime is driven next, which is woken for that. Where the runtime has
 * ended, only releases the record. ANY THREAD. Never fails, takes no memory. */
XIO_API void xio_operation_post(xio_operation *operation, int result);

/* The data of an operation. ANY THREAD. */
XIO_API void *xio_operation_data(xio_operation *operation);

/* -- C tasks ------------------------------------------------------------------------- */

/* A task whose body is a C function that is called again each time it was woken: a state
 * machine. It has no Lua stack of its own, but is otherwise a task like any other: in
 * groups, awaited and cancelled by Lua, seen in trees. */
typedef struct xio_ctask xio_ctask;

enum { XIO_CTASK_WAIT = -1 };

/* The body. `result` is 0 at first, and later how the wait has ended: 0 or the result of
 * the operation; XIO_ERR_CANCELLED: the task is cancelled. `data` is the data of the
 * spawn. Returns XIO_CTASK_WAIT, after one of the functions below has said what for
 * (none: for the next turn); or ends the task by returning how many values at the top of
 * L's stack are its results. Called protected, so that it may use the Lua API and raise,
 * of which the task fails; what it leaves on the stack while it waits is gone. */
typedef int (*xio_ctask_fn)(lua_State *L, xio_ctask *task, int result, void *data);

/* Spawns a C task into the group of the options; pushes its handle. `release` (may be
 * NULL) is called with `data` once the task is over, or where its runtime is closed
 * before; not where the spawn fails. Must not raise or call Lua. Errors as xio_spawn. */
XIO_API int xio_ctask_spawn(xio_runtime *runtime, lua_State *L, xio_ctask_fn body,
                            void (*release)(void *data), void *data,
                            const xio_spawn_options *options) XIO_CHECKED;

/* The body waits for `seconds` when it returns XIO_CTASK_WAIT; where that is 0, negative
 * or not a number, for the next turn. */
XIO_API void xio_ctask_sleep(xio_ctask *task, double seconds);

/* The body waits for the end, in whatever way, of the task whose handle is at `index`.
 * Errors, with nothing on the stack: XIO_ERR_ARGUMENT: there is no handle of a task of
 * the same runtime; -EDEADLK: that task waits for this one. */
XIO_API int xio_ctask_join(xio_ctask *task, lua_State *L, int index) XIO_CHECKED;

/* Makes a record, as xio_operation_new does, and returns its data, or NULL: memory is
 * out. The operation is begun, and the body waits for it, when it returns
 * XIO_CTASK_WAIT. Its `finish` is not called: the body is given the result, and may use
 * the data until it returns. */
XIO_API void *xio_ctask_operation(xio_ctask *task,
                                  const xio_operation_class *operation_class) XIO_CHECKED;

/* Whether the task is cancelled: every wait will end with XIO_ERR_CANCELLED. */
XIO_API int xio_ctask_is_cancelled(const xio_ctask *task);

/* Raises the cancellation, so that the task ends as cancelled: `return` this from the
 * body, which was given XIO_ERR_CANCELLED. RAISES; an ordinary error where the task is
 * not cancelled. */
XIO_API int xio_ctask_raise_cancelled(lua_State *L, xio_ctask *task);

/* -- other threads ------------------------------------------------------------------- */

/* What other threads know of a runtime. Counted references; it outlives the runtime. As
 * long as one is open xio_run takes no standstill for a deadlock. */
typedef struct xio_remote xio_remote;

/* Sets `*out` to a remote, with one reference for the caller. Errors, with nothing on any
 * stack: XIO_ERR_MEMORY, a status of libuv. */
XIO_API int xio_remote_open(xio_runtime *runtime, xio_remote **out) XIO_CHECKED;

/* One more reference; returns `remote`. ANY THREAD. */
XIO_API xio_remote *xio_remote_retain(xio_remote *remote);

/* One reference less; NULL is allowed. ANY THREAD. */
XIO_API void xio_remote_release(xio_remote *remote);

/* What is posted. Called on the runtime's thread while that is driven, between two tasks,
 * protected: an error that it raises ends the run, as the error of a task in its root
 * group does. The Lua API and all of this header may be used, but nothing that drives,
 * detaches or closes a runtime. */
typedef void (*xio_post_fn)(xio_runtime *runtime, lua_State *L, void *data);

/* Has `call` called with `data` on the runtime's thread, which is woken. Posts of one
 * thread are called in order. `drop` (may be NULL) is called instead, on the runtime's
 * thread, where that ends first. Errors, where neither will be called: XIO_ERR_CLOSED,
 * the runtime has ended; XIO_ERR_MEMORY. Never waits for the runtime. ANY THREAD. */
XIO_API int xio_remote_post(xio_remote *remote, xio_post_fn call,
                            void (*drop)(void *data), void *data) XIO_CHECKED;

/* xio_cancel from any thread, soon. Errors as xio_remote_post. ANY THREAD. */
XIO_API int xio_remote_cancel(xio_remote *remote) XIO_CHECKED;

#ifdef __cplusplus
}
#endif

#endif
