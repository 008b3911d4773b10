/* limiter: xio.limiter(n), at most n borrowers at once, each with one token.
 *
 * The core's part is a semaphore; who holds the tokens stands in user value 1, a table:
 * borrower -> true, or while it waits the handle of the task that waits for it. A
 * borrower is the running task, or any value that stands for it ("on behalf of"). Loop's
 * thread. */
#include <math.h>
#include <string.h>

#include "../core/semaphore.h"
#include "sync.h"

static const xiol_kind xiol_kind_limiter = {"xio.Limiter"};

static const xio_wait_ops limiter_ops = {
    .verb = "limiter", .abort = xio_wait_abort_plain, .forgo = xio_semaphore_forgo};

enum { LIMITER_BORROWERS = 1 };

typedef struct xiol_limiter {
  const xiol_kind *kind;
  xio_semaphore core;
} xiol_limiter;

static xiol_limiter *check_limiter(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_limiter, function);
}

/* -- the total ----------------------------------------------------------------------- */

/* Reads a number of tokens at `index`: an integer of at least 0, or math.huge. */
static bool read_total(lua_State *L, int index, int64_t *total) {
  int exact = 0;
  if (lua_type(L, index) != LUA_TNUMBER) return false;
  *total = lua_tointegerx(L, index, &exact);
  if (exact) return *total >= 0;
  *total = XIO_SEMAPHORE_MAX;
  return lua_tonumber(L, index) == (lua_Number)HUGE_VAL;
}

static void push_total(lua_State *L, int64_t total) {
  if (total == XIO_SEMAPHORE_MAX) {
    lua_pushnumber(L, (lua_Number)HUGE_VAL);
  } else {
    lua_pushinteger(L, total);
  }
}

/* limiter(n): `n` tokens; math.huge: no limit. */
static int l_limiter(lua_State *L) {
  static const char function[] = "xio.limiter";
  int64_t total = 0;
  if (lua_type(L, 1) != LUA_TNUMBER) xiol_type_error(L, function, 1, "integer");
  if (!read_total(L, 1, &total)) {
    xiol_arg_error(L, function, 1, "integer of at least 0, or math.huge, expected");
  }
  xiol_limiter *limiter = xiol_sync_new(L, sizeof *limiter, 1, &xiol_kind_limiter);
  xio_semaphore_init(&limiter->core, total, XIO_SEMAPHORE_MAX, &limiter_ops);
  lua_newtable(L);
  lua_setiuservalue(L, -2, LIMITER_BORROWERS);
  return 1;
}

/* -- borrowers ----------------------------------------------------------------------- */

/* The borrower stands at 2 in every frame; 1 is the limiter. */
enum { BORROWER = 2 };

/* Sets what is known of the borrower to the value at the top, which is popped. */
static void note_borrower(lua_State *L) {
  lua_getiuservalue(L, 1, LIMITER_BORROWERS);
  lua_pushvalue(L, BORROWER);
  lua_rotate(L, -3, -1); /* table, borrower, value */
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

/* Pushes what is known of the borrower. */
static void push_noted(lua_State *L) {
  lua_getiuservalue(L, 1, LIMITER_BORROWERS);
  lua_pushvalue(L, BORROWER);
  lua_rawget(L, -2);
  lua_remove(L, -2);
}

/* Raises where the borrower holds a token or waits for one. */
static void check_no_borrower(lua_State *L, const char *function) {
  push_noted(L);
  const xiol_task_handle *waiting = lua_touserdata(L, -1);
  bool holds = lua_toboolean(L, -1) && waiting == NULL;
  if (holds || (waiting != NULL && waiting->task != NULL)) {
    const char *who = luaL_tolstring(L, BORROWER, NULL);
    xiol_fail(L, "%s: %s %s a token of this limiter already", function, who,
              holds ? "holds" : "waits for");
  }
  lua_pop(L, 1);
}

/* Puts the handle of the running task in the place of the borrower. */
static void insert_running(lua_State *L, xiol_task *task) {
  xiol_push_task(L, task);
  lua_insert(L, BORROWER);
}

static void check_borrower(lua_State *L, const char *function) {
  if (lua_isnoneornil(L, 2)) xiol_type_error(L, function, 2, "borrower");
  if (lua_type(L, 2) == LUA_TNUMBER && isnan(lua_tonumber(L, 2))) {
    xiol_arg_error(L, function, 2, "borrower expected, got NaN");
  }
  lua_settop(L, 2);
}

/* Begins to borrow. True: the borrower has a token. False: yield. Raises before
 * anything. */
static bool begin_borrow(lua_State *L, xiol_task *task, const char *function) {
  xio_semaphore *core = &((xiol_limiter *)lua_touserdata(L, 1))->core;
  xiol_need_stack(L, 8, NULL);
  check_no_borrower(L, function);
  if (xio_task_begin(&task->core) != XIO_OK) return false;
  lua_pushboolean(L, 1);
  note_borrower(L); /* makes room: may raise */
  if (xio_semaphore_try(core)) return xiol_sync_done(task, XIO_OK);
  xiol_push_task(L, task);
  note_borrower(L);
  xio_semaphore_wait(core, &task->core);
  return false;
}

/* The end of a wait: notes that the borrower has its token, or raises. */
static void finish_borrow(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  int status = task->core.wait.status;
  xiol_need_stack(L, 8, NULL);
  push_noted(L);
  bool noted = !lua_isnil(L, -1);
  lua_pop(L, 1);
  if (status == XIO_OK) {
    lua_pushboolean(L, 1);
    note_borrower(L);
  } else if (noted) {
    lua_pushnil(L);
    note_borrower(L);
  }
  xiol_check_cancelled(L, state, task, status);
}

/* Gives the borrower's token back; raises where it holds none. */
static int give_back(lua_State *L, const char *function, bool quiet) {
  xiol_limiter *limiter = lua_touserdata(L, 1);
  xiol_need_stack(L, 8, NULL);
  push_noted(L);
  if (!lua_isboolean(L, -1)) {
    if (quiet) return 0;
    return xiol_fail(L, "%s: %s holds no token of this limiter: acquire one first",
                     function, luaL_tolstring(L, BORROWER, NULL));
  }
  lua_pushnil(L);
  note_borrower(L);
  int status = xio_semaphore_release(&limiter->core);
  XIO_ASSERT(status == XIO_OK);
  return 0;
}

/* -- methods ------------------------------------------------------------------------- */

/* Where in the frame of with() the function is, and of acquire() that there is none. */
enum { NO_BODY = 0, BODY = 3 };

static int finish_acquire(lua_State *L, int status, lua_KContext body) {
  (void)status;
  finish_borrow(L);
  if (body != NO_BODY) return xiol_sync_with(L, BODY);
  lua_settop(L, 1);
  return 1;
}

static int acquire(lua_State *L, xiol_task *task, const char *function) {
  if (!begin_borrow(L, task, function)) return xiol_yield(L, NO_BODY, finish_acquire);
  lua_settop(L, 1);
  return 1;
}

/* acquire(): waits until the running task has a token; the limiter, whose __close gives
 * it back. Raises where the task has one. A checkpoint; cancelled, it raises, and the
 * task has none. */
static int limiter_acquire(lua_State *L) {
  static const char function[] = "limiter:acquire";
  check_limiter(L, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  lua_settop(L, 1);
  insert_running(L, task);
  return acquire(L, task, function);
}

/* acquire_on_behalf_of(x): the same for the borrower `x`, any value but nil; its token is
 * given back by release_on_behalf_of(x), from any task. */
static int limiter_acquire_for(lua_State *L) {
  static const char function[] = "limiter:acquire_on_behalf_of";
  check_limiter(L, function);
  check_borrower(L, function);
  return acquire(L, xiol_enter(L, xiol_state_of(L), function), function);
}

/* with(f, ...): returns f(...), called while the task has a token. As acquire. */
static int limiter_with(lua_State *L) {
  static const char function[] = "limiter:with";
  check_limiter(L, function);
  xiol_check_callable(L, 2, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  insert_running(L, task);
  if (!begin_borrow(L, task, function)) return xiol_yield(L, BODY, finish_acquire);
  return xiol_sync_with(L, BODY);
}

static int try_acquire(lua_State *L, const char *function) {
  xiol_limiter *limiter = lua_touserdata(L, 1);
  xiol_need_stack(L, 8, NULL);
  check_no_borrower(L, function);
  bool is_free = xio_semaphore_free(&limiter->core) > 0;
  if (is_free) {
    lua_pushboolean(L, 1);
    note_borrower(L);
    is_free = xio_semaphore_try(&limiter->core);
  }
  lua_pushboolean(L, is_free);
  return 1;
}

/* try_acquire(): whether the running task has a token now; never waits. */
static int limiter_try_acquire(lua_State *L) {
  static const char function[] = "limiter:try_acquire";
  check_limiter(L, function);
  lua_settop(L, 1);
  insert_running(L, xiol_running(L, xiol_state_of(L), function));
  return try_acquire(L, function);
}

/* try_acquire_on_behalf_of(x): the same for the borrower `x`. May be called anywhere. */
static int limiter_try_acquire_for(lua_State *L) {
  static const char function[] = "limiter:try_acquire_on_behalf_of";
  check_limiter(L, function);
  check_borrower(L, function);
  return try_acquire(L, function);
}

/* release(): the first waiter has the token at once, unless there are fewer tokens by now
 * than are out. Raises where this task has none. */
static int limiter_release(lua_State *L) {
  static const char function[] = "limiter:release";
  check_limiter(L, function);
  lua_settop(L, 1);
  insert_running(L, xiol_running(L, xiol_state_of(L), function));
  return give_back(L, function, false);
}

/* release_on_behalf_of(x): the same for the borrower `x`. May be called anywhere. */
static int limiter_release_for(lua_State *L) {
  static const char function[] = "limiter:release_on_behalf_of";
  check_limiter(L, function);
  check_borrower(L, function);
  return give_back(L, function, false);
}

static int limiter_close(lua_State *L) {
  static const char function[] = "limiter.__close";
  xiol_state *state = xiol_state_of(L);
  check_limiter(L, function);
  bool failing = !lua_isnoneornil(L, 2);
  lua_settop(L, 1);
  if (failing &&
      (state->runtime == NULL || state->runtime->loop->queue.running == NULL)) {
    return 0;
  }
  insert_running(L, xiol_running(L, state, function));
  return give_back(L, function, failing);
}

/* stats(): {waiting =, held =, total =} */
static int limiter_stats(lua_State *L) {
  xiol_limiter *limiter = check_limiter(L, "limiter:stats");
  xiol_sync_stats(L, &limiter->core.waiters);
  xiol_sync_set(L, "held", limiter->core.held);
  push_total(L, limiter->core.total);
  lua_setfield(L, -2, "total");
  return 1;
}

/* Fields: total (may be written), held, available (negative while more are out than there
 * are). */
static int limiter_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  const xio_semaphore *core = &check_limiter(L, "limiter.__index")->core;
  if (strcmp(field, "total") == 0) {
    push_total(L, core->total);
  } else if (strcmp(field, "held") == 0) {
    lua_pushinteger(L, core->held);
  } else if (strcmp(field, "available") == 0) {
    bool limited = core->total != XIO_SEMAPHORE_MAX;
    push_total(L, limited ? xio_semaphore_free(core) : XIO_SEMAPHORE_MAX);
  }
  return 1;
}

/* More tokens go to waiters at once; fewer take effect as tokens are given back. */
static int limiter_newindex(lua_State *L) {
  xiol_limiter *limiter = check_limiter(L, "limiter.__newindex");
  int64_t total = 0;
  if (lua_type(L, 2) != LUA_TSTRING || strcmp(lua_tostring(L, 2), "total") != 0) {
    const char *field = luaL_tolstring(L, 2, NULL);
    return xiol_fail(L, "limiter: the field '%s' cannot be set", field);
  }
  if (!read_total(L, 3, &total)) {
    const char *given = luaL_tolstring(L, 3, NULL);
    return xiol_fail(L,
                     "limiter.total: integer of at least 0, or math.huge, expected, "
                     "got %s",
                     given);
  }
  xio_semaphore_set_total(&limiter->core, total);
  return 0;
}

static int limiter_tostring(lua_State *L) {
  xiol_limiter *limiter = check_limiter(L, "limiter.__tostring");
  push_total(L, limiter->core.total);
  const char *total = luaL_tolstring(L, -1, NULL);
  lua_pushfstring(L, "limiter (%I of %s held)", (LUAI_UACINT)limiter->core.held, total);
  return 1;
}

void xiol_open_limiter(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"acquire", limiter_acquire},
      {"acquire_on_behalf_of", limiter_acquire_for},
      {"try_acquire", limiter_try_acquire},
      {"try_acquire_on_behalf_of", limiter_try_acquire_for},
      {"release", limiter_release},
      {"release_on_behalf_of", limiter_release_for},
      {"with", limiter_with},
      {"stats", limiter_stats},
      {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_limiter,
                                        .name = "limiter",
                                        .construct = l_limiter,
                                        .methods = methods,
                                        .index = limiter_index,
                                        .newindex = limiter_newindex,
                                        .tostring = limiter_tostring,
                                        .close = limiter_close};
  xiol_sync_open(L, state, &class);
}
