/* binding: what the files of csrc/lua share.
 *
 * The binding makes coroutines into the core's tasks and Lua values into what the core
 * only counts. One xiol_state per Lua state, a userdata made when xio.core is opened (so
 * that lua_close collects it last) and the first upvalue of every function here; one
 * xiol_runtime per loop. Everything belongs to the thread that runs the Lua state.
 *
 * Rules. Lua errors are raised only from functions that Lua called, never from one that
 * the core or libuv called. A function that waits has two halves: the first may raise,
 * begins the operation as its last step and yields with no values; the second runs when
 * the task is resumed, fetches the result, and may raise. Between a begun operation and
 * the yield nothing may raise. */
#ifndef XIOL_BINDING_H
#define XIOL_BINDING_H

#include <lauxlib.h>
#include <lua.h>

#include "enter.h"
#include "state.h"

/* The upvalues that every function here has: the state's address, and the table of
 * anchors. A class's __index has the table of methods as one more. */
enum {
  XIOL_UPVALUE_STATE = 1,
  XIOL_UPVALUE_ANCHORS = 2,
  XIOL_UPVALUES = 2,
  XIOL_METHODS = 3
};

/* -- open.c: the state --------------------------------------------------------------- */

static inline xiol_state *xiol_state_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(XIOL_UPVALUE_STATE));
}

/* The state of L; NULL where xio.core was not opened. Needs one slot of the stack. */
xiol_state *xiol_find_state(lua_State *L);

/* Opens xio.core where that was not done, leaves the global functions alone, and pushes
 * the module's table. Raises when memory is out. */
xiol_state *xiol_push_core(lua_State *L);

/* Pushes one of the state's values. */
static inline void xiol_push_ref(lua_State *L, const xiol_state *state, xiol_ref ref) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, state->refs[ref]);
}

/* Pops a value and keeps it alive; returns its slot. Raises when memory is out. Only
 * within a function that Lua called. */
int xiol_anchor(lua_State *L, xiol_state *state);

/* Pushes what is in `slot`. */
void xiol_push_anchored(lua_State *L, const xiol_state *state, int slot);

/* Keeps the value at the top, which stays there, in `*slot` in the place of what was
 * there; a slot is taken first where that is 0. Raises when memory is out; may be called
 * everywhere. */
void xiol_reanchor(lua_State *L, xiol_state *state, int *slot);

/* The same as xiol_unanchor, for a slot that is not 0, where the table of anchors is at
 * `anchors`. */
void xiol_let_go(lua_State *L, xiol_state *state, int anchors, int slot);

/* Lets the value in `slot` (0: none) go. Never raises, never allocates. */
void xiol_unanchor(lua_State *L, xiol_state *state, int slot);

/* Pushes what lua_pushcclosure makes the first XIOL_UPVALUES upvalues of a function
 * of. */
void xiol_push_upvalues(lua_State *L, const xiol_state *state);

/* Gives the userdata at the top the metatable `ref`, which `make` makes and keeps before
 * the first one needs it. Raises when memory is out; nothing else has changed then. */
void xiol_set_class(lua_State *L, xiol_state *state, xiol_ref ref,
                    void (*make)(lua_State *L, xiol_state *state));

/* Sets `functions` in the table at the top of the stack, each with the state as
 * upvalue. */
void xiol_set_functions(lua_State *L, xiol_state *state, const luaL_Reg *functions);

/* Pushes a table of `functions`, each with the state as upvalue. */
void xiol_push_functions(lua_State *L, xiol_state *state, const luaL_Reg *functions);

/* Pushes a metatable for objects of `kind`, which programs cannot see, with `meta`. */
void xiol_push_metatable(lua_State *L, xiol_state *state, const xiol_kind *kind,
                         const luaL_Reg *meta);

/* The same with methods, an __index that finds the methods in upvalue XIOL_METHODS (NULL:
 * the methods themselves: faster), __tostring and (NULL: none) __gc. */
void xiol_make_class(lua_State *L, xiol_state *state, const xiol_kind *kind,
                     const luaL_Reg *methods, lua_CFunction index, lua_CFunction tostring,
                     lua_CFunction gc);

/* The same of userdata that has only methods: its __index is the plain table of `methods`
 * and (NULL: none) `more`, which is quicker than a function. */
void xiol_make_plain_class(lua_State *L, xiol_state *state, const xiol_kind *kind,
                           const luaL_Reg *meta, const luaL_Reg *methods,
                           const luaL_Reg *more);

/* Pops a value, which is kept as `ref` for as long as the state lives. Used while the
 * module opens. */
void xiol_keep(lua_State *L, xiol_state *state, xiol_ref ref);

/* Pushes the function that the Lua floor gave under `name`; false and nothing if none. */
bool xiol_push_hook(lua_State *L, const xiol_state *state, const char *name);

/* -- argument.c: arguments and their errors ------------------------------------------ */

/* Raises a message behind the nearest place in the program, which is not in a file of
 * xio. */
int xiol_fail(lua_State *L, const char *format, ...);

/* Raises what Lua itself raises when it has no memory. */
_Noreturn void xiol_raise_memory(lua_State *L);

/* Part of xiol_need_stack. */
void xiol_grow_stack(lua_State *L, int count, const char *what);

/* Makes room for `count` values on the stack; one must have room already. Raises where
 * memory is out, or, with the words `what` (NULL: none), where Lua has no room for so
 * many. */
static inline void xiol_need_stack(lua_State *L, int count, const char *what) {
  if (XIO_UNLIKELY(!lua_checkstack(L, count))) xiol_grow_stack(L, count, what);
}

/* Raises "bad argument #n to 'function' (message)" for the value at `index`; that of a
 * method, "noun:verb", does not count its object. */
int xiol_arg_error(lua_State *L, const char *function, int index, const char *message);

/* The same, saying which type was expected and which was given. */
int xiol_type_error(lua_State *L, const char *function, int index, const char *expected);

/* The userdata of `kind` at `index`, or NULL. */
void *xiol_test(lua_State *L, int index, const xiol_kind *kind);

/* The same, or raises. */
void *xiol_check(lua_State *L, int index, const xiol_kind *kind, const char *function);

/* Whether the value at `index` can be called. */
bool xiol_callable(lua_State *L, int index);

/* Raises unless the value at `index` can be called; coroutines get a hint. */
void xiol_check_callable(lua_State *L, int index, const char *function);

/* Seconds to nanoseconds, to the nearest that is not early. False: NaN. */
bool xiol_to_ns(lua_Number seconds, int64_t *ns);
lua_Number xiol_to_seconds(int64_t ns);

/* The seconds at `index`, as nanoseconds; nil gives XIO_NEVER where `optional`. */
int64_t xiol_check_seconds(lua_State *L, int index, bool optional, const char *function);

/* Removes an options table from `index` where the value there is a table that cannot be
 * called, checks that it has only the fields in `allowed`, and leaves the table pushed on
 * top: returns its index, or 0 where there was none (nothing pushed). */
bool xiol_has_options(lua_State *L, int index);
void xiol_check_fields(lua_State *L, int index, const char *const allowed[],
                       const char *function);

/* A field of the options table at `index`: pushes nothing. Raise on a wrong type. */
bool xiol_option_boolean(lua_State *L, int index, const char *field, bool otherwise,
                         const char *function);
bool xiol_option_seconds(lua_State *L, int index, const char *field, int64_t *ns,
                         const char *function);
bool xiol_option_integer(lua_State *L, int index, const char *field, lua_Integer least,
                         lua_Integer *value, const char *function);
void xiol_check_option_string(lua_State *L, int index, const char *field,
                              const char *function);
uint8_t xiol_option_errors(lua_State *L, int index, const char *function);

/* -- wait.c: beginning and finishing what waits -------------------------------------- */

/* Yields a task whose wait has begun; `finish` is called when it is resumed. */
static inline int xiol_yield(lua_State *L, lua_KContext context, lua_KFunction finish) {
  return lua_yieldk(L, 0, context, finish);
}

/* The `finish` of what gives nothing; its context is the state. */
int xiol_finish_wait(lua_State *L, int status, lua_KContext context);

/* Pushes the name by which the loaded modules know the function at `function`, as in
 * "table.sort"; false and nothing where none does. */
bool xiol_push_known_name(lua_State *L, int function);

/* After a wait: raises the cancellation where its status says so. */
void xiol_check_cancelled(lua_State *L, xiol_state *state, xiol_task *task, int status);

/* Makes the task fire what is due, so that a deadline that has passed is seen. */
void xiol_look_at_clock(xiol_task *task);

/* The functions checkpoint, check, cancelled, sleep, sleep_until, sleep_forever, now … */
extern const luaL_Reg xiol_wait_functions[];

/* -- cancel.c: values that tell of cancellations ------------------------------------- */

/* Cancels `scope` and notes the reason at `reason_index` (0: none) and the running task.
 * Returns whether it was the first. Raises only when memory is out, before anything. What
 * tells of it is kept by the handle at `handle_index` (0: none) where the scope has not
 * been entered yet. */
bool xiol_cancel(lua_State *L, xiol_state *state, xio_scope *scope, int reason_index,
                 int handle_index);

/* Raises the cancellation that `task` is under. */
int xiol_raise_cancelled(lua_State *L, xiol_state *state, xiol_task *task);

/* Pushes the value that tells of the cancellation of `scope`. */
void xiol_push_cancelled(lua_State *L, xiol_state *state, xio_scope *scope);

/* Whether the value at `index` tells of a cancellation that is still going on. */
bool xiol_is_cancelled(lua_State *L, int index);

/* Whether it tells of one of a scope around `scope`; also where a shield between the two
 * hides that since it was raised. */
bool xiol_comes_from_around(lua_State *L, int index, const xio_scope *scope);

/* The scope of the handle at `index` is about to be entered: what tells of its
 * cancellation is kept beside it from now on. */
void xiol_cancel_entered(lua_State *L, xiol_state *state, xio_scope *scope, int index);

/* `scope` has ended: what tells of its cancellation is out of date from now on, and
 * kept by the handle at `index` (0: by nobody). */
void xiol_cancel_ended(lua_State *L, xiol_state *state, xio_scope *scope, int index);

extern const luaL_Reg xiol_cancel_functions[];
void xiol_open_cancel(lua_State *L, xiol_state *state);
const char *xiol_source_name(uint8_t source);

/* -- error.c: raised values, their traces, groups of them ---------------------------- */

/* The message handler of all boundaries, as a Lua C function. */
int xiol_handler(lua_State *L);

/* Raises the value at the top as one that xio hands on: its trace stays. */
int xiol_rethrow(lua_State *L, xiol_state *state);

/* At the end of `scope`, with the error at the top: replaces it by the one that counts
 * (C7) and notes what it suppressed. */
void xiol_unwound(lua_State *L, xiol_state *state, xio_scope *scope);

/* Lets go of what is kept beside `scope`, which has ended. Never raises. */
void xiol_drop_values(xiol_state *state, xio_scope *scope);

/* Pushes the record {traceback=, spawned=, suppressed=} of the value at `index`, or
 * nil. */
void xiol_push_trace(lua_State *L, xiol_state *state, int index);

/* Pops a record; it is what is known of the raise of the value at `index` from now on.
 * Raises when memory is out. */
void xiol_set_trace(lua_State *L, xiol_state *state, int index);

/* Notes in the record of the error at `index` where `task`, which failed of it, and those
 * above it were spawned. */
void xiol_note_spawned(lua_State *L, xiol_state *state, int index, xiol_task *task);

/* Adds the error at `other` to those suppressed by the one at `index`. */
void xiol_suppress(lua_State *L, xiol_state *state, int index, int other);

/* Pops a message; pushes an xio.Error with the code and `op`. */
void xiol_push_error(lua_State *L, xiol_state *state, const char *code, const char *op);

/* Raises what `mode` says of the errors in the list at the top, of which there are
 * some. */
int xiol_raise_errors(lua_State *L, xiol_state *state, uint8_t mode);

/* Pushes the text of the stack of L from `level`, without frames of the runtime. */
void xiol_push_stack(lua_State *L, lua_State *of, xiol_state *state, int level);

extern const luaL_Reg xiol_error_functions[];
void xiol_open_error(lua_State *L, xiol_state *state);

/* -- coroutine.c: coroutines as tasks ------------------------------------------------ */

extern const xio_task_ops xiol_task_ops;

/* The same for a task that is being watched: each resume is noted. */
extern const xio_task_ops xiol_watched_task_ops;

/* The function at the base of each coroutine of ours, and others that the state keeps. */
int xiol_task_main(lua_State *L);
int xiol_make_coroutine(lua_State *L);
int xiol_pack_results(lua_State *L);
int xiol_judge_error(lua_State *L);

/* Returned by a task's own function in C: in its place the function below the `count`
 * values at the top is called on them, right above the base of the stack. */
int xiol_call_last(xiol_state *state, int count);

/* So many arguments find room on every coroutine of ours. */
enum { XIOL_ARGUMENTS_SURE = LUA_MINSTACK / 2 };

/* Makes sure that some coroutine is idle. Raises when memory is out. */
void xiol_need_coroutine(lua_State *L, xiol_state *state);

/* Gives a task that is to be spawned an idle coroutine, of which there is one, and the
 * function and arguments at the top, which are popped. False: memory is out. */
bool xiol_bind_coroutine(lua_State *L, xiol_task *task);

/* The body of the running task has ended with `status`; `count` results, or else the
 * error, are at the top: leaves the result, or the error, as the only value, if any. */
void xiol_task_settle(lua_State *L, xiol_state *state, xiol_task *task, int status,
                      int count);

/* The task, which is settled, is over: tells its group. A failure that nobody waits for
 * in start() stays with the group, and keeps its memory, until that takes it. */
void xiol_task_end(xiol_task *task);

/* Puts a coroutine that has ended normally back, or lets it go. */
void xiol_return_coroutine(xiol_state *state, xiol_coroutine coroutine, bool reusable);

/* What each coroutine of ours has at its base: the function that runs a task, the message
 * handler, the table of anchors; and after the end of a task its result or error. */
enum { XIOL_BASE_MAIN = 1, XIOL_BASE_HANDLER, XIOL_BASE_ANCHORS, XIOL_BASE_VALUE };

/* Pushes the function that `task` was spawned with, or nil where that is not known any
 * more; for a task without handle. */
void xiol_push_body(lua_State *L, const xiol_task *task);

/* -- generator.c: a coroutine library whose coroutines may wait ---------------------- */

/* Sets the library as `coroutine` in the module's table, which is at the top. */
void xiol_open_generator(lua_State *L, xiol_state *state);

/* Puts its functions into the global table `coroutine`, in the place of the stock ones.
 * The module's table is at the top. */
void xiol_replace_coroutine(lua_State *L);

/* Frees what generator.c keeps in the state. */
void xiol_close_generator(xiol_state *state);

/* -- body.c: what waits for a task's first run --------------------------------------- */

/* Part of xiol_body_reserve. */
bool xiol_body_grow(xiol_state *state, int arguments);

/* Makes room for one more function with so many arguments. False: there is none, where a
 * million values wait or memory is out. Runs no finalizer. */
static inline bool xiol_body_reserve(xiol_state *state, int arguments) {
  return XIO_LIKELY(state->bodies.count + arguments < state->bodies.room) ||
         xiol_body_grow(state, arguments);
}

/* Pops the function of `task` and its arguments, for which room was made, and keeps
 * them. */
void xiol_body_put(lua_State *L, xiol_state *state, xiol_task *task);

/* Pushes the function of a task that waits; it stays. */
void xiol_body_push(lua_State *L, const xiol_task *task);

/* Pops a value, which is not nil, into the place of the function. */
void xiol_body_replace(lua_State *L, const xiol_task *task);

/* Pushes the function and the arguments; they are kept no longer. */
void xiol_body_take(lua_State *co, xiol_state *state, xiol_task *task);

/* Lets go of what is kept. Never fails. */
void xiol_body_drop(xiol_state *state, xiol_task *task);

void xiol_open_body(lua_State *L, xiol_state *state);

/* -- spawn.c: making tasks ----------------------------------------------------------- */

/* What a spawn needs besides the function. */
typedef struct xiol_spawn {
  xiol_runtime *runtime;
  xio_group *group;
  const char *function; /* for messages: "group:spawn" */
  bool daemon;
  bool unwanted;     /* nobody takes the handle: it need not be made */
  xio_task *starter; /* the caller of start(), which is parked until it has started */
  const xio_task_ops *ops; /* of a task of another kind; NULL: a coroutine */
} xiol_spawn;

/* Spawns from the stack: [options,] function, arguments … from `first` to the top; leaves
 * the handle, where that was made, at the top, above what it did not use up. Returns how
 * many values that are: 1 or 0. Raises before anything is done. */
int xiol_spawn_from(lua_State *L, xiol_state *state, const xiol_spawn *how, int first);

/* Spawns a task of another kind, whose ops are given in `how`, under the name at the
 * top, which is popped; pushes its handle. Raises before anything is done. */
xiol_task *xiol_spawn_host(lua_State *L, xiol_state *state, const xiol_spawn *how);

/* The source and line of the spawn of `task`; NULL: not known. */
const char *xiol_task_place(const xiol_task *task, int *line);

/* The task's memory goes back; its handle must have been told of the outcome. */
void xiol_task_free(xiol_state *state, xiol_task *task);

/* -- task.c: handles ----------------------------------------------------------------- */

/* Pushes a handle that names no task yet. */
xiol_task_handle *xiol_push_handle(lua_State *L, xiol_state *state);

/* The task gets its handle. */
void xiol_link_handle(xiol_task *task, xiol_task_handle *handle);

/* Pushes the handle of a live or failed task, which is made where there is none. Raises
 * only when memory is out. */
void xiol_push_task(lua_State *L, xiol_task *task);

/* Pushes the error of a failed task that its group still lists. Needs no memory. */
void xiol_push_task_error(lua_State *L, const xiol_task *task);

/* Pushes the name of the task whose handle is at `index`. */
void xiol_push_task_name(lua_State *L, int index);

/* Pushes the results that the handle at `index` keeps; returns how many. */
int xiol_push_results(lua_State *L, int index);

/* The same of a task that has ended; or raises its error. */
int xiol_deliver_results(lua_State *L, xiol_state *state, int index);

extern const luaL_Reg xiol_task_functions[];
void xiol_open_task(lua_State *L, xiol_state *state);

/* -- scope.c ------------------------------------------------------------------------- */

void xiol_open_scope(lua_State *L, xiol_state *state);

/* Pushes a handle of a scope that belongs to nobody yet. */
xiol_scope_handle *xiol_push_scope_handle(lua_State *L, xiol_state *state);

/* The error at the top has come to the end of `scope`, which has not been left yet: true
 * where the scope catches it (C2). Otherwise the top is the error to go on with. */
bool xiol_catches(lua_State *L, xiol_state *state, xio_scope *scope);

/* Whether the error at the top is nothing but a cancellation that reaches `scope`, which
 * is effectively cancelled. A group of errors loses the cancellations in it, where
 * `scope` catches those. */
bool xiol_only_cancelled(lua_State *L, xiol_state *state, xio_scope *scope);

/* The nearest line of the program at or above `level`; `*place` NULL: not known. */
void xiol_find_place(lua_State *L, xiol_state *state, int level, const char **place,
                     int *line);

/* One reference less to a scope that a function or a handle holds. */
void xiol_scope_unref(xiol_scope *scope);

/* -- nest.c: scopes left open ------------------------------------------------------- */

/* Ends what a discarded coroutine left open inside `scope` of the running task. True: the
 * task is parked for that; yield, and call again. */
bool xiol_unnest(xiol_task *task, xio_scope *scope);

/* Forgets what xiol_unnest found in a task that is `misnested`. */
void xiol_drop_misnested(xiol_state *state, xiol_task *task);

/* Raises what xiol_unnest found at the end of what `verb` opened, if anything. */
void xiol_check_misnested(lua_State *L, xiol_task *task, const char *verb);

/* -- group.c ------------------------------------------------------------------------- */

extern const luaL_Reg xiol_group_functions[];
void xiol_open_group(lua_State *L, xiol_state *state);

/* Pushes a list of the errors of `group`: those of its failed children, which it takes,
 * and the value at `body_index` (0: none), with which its body failed after
 * `failed_before` children. Returns how many. */
int xiol_collect_errors(lua_State *L, xio_group *group, int body_index,
                        uint32_t failed_before);

/* Lets go of the failed children of `group`, and of their errors. */
void xiol_drop_failed(xiol_state *state, xio_group *group);

/* Pushes the handle of a fresh group that is not open yet. Handles are tables, since
 * nothing finds a method as fast: {[1] = its scope's handle, scope = the same, spawn =
 * the method, name =}. */
xiol_group *xiol_push_group(lua_State *L, xiol_state *state, xiol_runtime *runtime);

/* The group whose handle is at `index`, or raises. */
xiol_group *xiol_check_group(lua_State *L, int index, const char *function);

/* The scope of the group whose handle is at `index` has ended: what xiol_cancel_ended
 * does. */
void xiol_group_scope_ended(lua_State *L, xiol_group *group, int index);

/* One reference less to a group. */
void xiol_group_unref(xiol_group *group);

/* -- run.c --------------------------------------------------------------------------- */

extern const luaL_Reg xiol_run_functions[];
void xiol_open_run(lua_State *L, xiol_state *state);

int xiol_make_deadlock(lua_State *L);

/* -- fd.c: descriptors --------------------------------------------------------------- */

extern const luaL_Reg xiol_fd_functions[];

/* At least `size` bytes of the state's room, where bytes are read to before they become a
 * string in the same step. What is unread there goes to its source first. Raises when
 * memory is out: nothing has changed. */
char *xiol_scratch(lua_State *L, xiol_state *state, size_t size);

/* -- refusal.c: what the outside world refuses --------------------------------------- */

/* Pushes the name of the code, "ECONNREFUSED". */
const char *xiol_push_code(lua_State *L, int status);

/* Each pushes nil, an xio.Error, its code, and returns 3. The error tells the operation
 * and what it was about: nothing, a path, a host and port (negative: none), descriptor
 * `number` (negative: none). */
int xiol_refuse(lua_State *L, int status, const char *op);
int xiol_refuse_path(lua_State *L, int status, const char *op, const char *path);
int xiol_refuse_address(lua_State *L, int status, const char *op, const char *host,
                        int port);
int xiol_push_refusal(lua_State *L, xiol_state *state, int status, const char *op,
                      int number);

/* -- wanted.c: what callers take ----------------------------------------------------- */

/* Whether the caller of the C function that runs takes none of its results. False where
 * that cannot be told. */
bool xiol_unwanted(lua_State *L, const xiol_state *state);

/* Finds out whether it can be told. */
void xiol_open_wanted(lua_State *L, xiol_state *state);

/* -- testing.c ----------------------------------------------------------------------- */

/* A task that is being watched is at a checkpoint, or at half of one: a place where
 * cancellation is delivered. */
void xiol_watch_checkpoint(xiol_task *task);

extern const luaL_Reg xiol_testing_functions[];

/* -- census.c: what lives ------------------------------------------------------------ */

extern const luaL_Reg xiol_census_functions[];

/* Pushes a list of records of all live tasks of `runtime`. */
void xiol_push_census(lua_State *L, xiol_state *state, xiol_runtime *runtime);

/* -- what only open.c calls ---------------------------------------------------------- */

extern const luaL_Reg xiol_dns_functions[], xiol_udp_functions[],
    xiol_mailbox_functions[], xiol_signal_functions[], xiol_process_functions[],
    xiol_protect_functions[], xiol_region_functions[], xiol_standin_functions[];
void xiol_open_dns(lua_State *L, xiol_state *state);
void xiol_open_mailbox(lua_State *L, xiol_state *state);

#endif
