/* generator: a coroutine library whose coroutines may wait inside a task.
 *
 * When code in a generator waits, the generator yields to our resume (or to a wrapped
 * function), which sees that the running task is no longer running, and yields in turn;
 * so the wait goes down to the scheduler through any number of generators. Resumed, each
 * level resumes the one above it. The consumer sees nothing of it. The functions replace
 * those of the coroutine table when Lua opens xio.core, and when a host asks for it; they
 * are `coroutine` in the module's table. Outside of tasks they do what the stock ones
 * do. What is kept: for each generator in the middle of a wait, its task. A
 * place for that is made before the generator runs, since nothing may fail once a wait
 * has begun. Loop's thread. */
#include <string.h>

#include "binding.h"

struct xiol_parked {
  lua_State *generator; /* NULL: a free place */
  xiol_task *task;
};

enum { WRAPPED = XIOL_UPVALUES + 1 }; /* upvalue of a wrapped function: its coroutine */

static xiol_task *running_in(lua_State *L, xiol_state *state) {
  if (state->runtime == NULL || L != state->top) return NULL;
  return xiol_task_of(state->runtime->loop->queue.running);
}

/* -- places for waiting generators --------------------------------------------------- */

void xiol_close_generator(xiol_state *state) {
  xio_alloc_free(&state->alloc, state->parked,
                 state->parked_capacity * sizeof *state->parked);
  state->parked = NULL;
  state->parked_capacity = state->parked_count = 0;
}

/* Makes sure that every resume that goes on can keep its generator. */
static void reserve_place(lua_State *L, xiol_state *state) {
  if (XIO_LIKELY(state->parked_count + state->resuming < state->parked_capacity)) return;
  uint32_t capacity = state->parked_capacity != 0 ? state->parked_capacity * 2 : 8;
  struct xiol_parked *places = state->alloc.resize(
      state->alloc.context, state->parked, state->parked_capacity * sizeof *places,
      capacity * sizeof *places);
  if (places == NULL) xiol_raise_memory(L);
  memset(places + state->parked_capacity, 0,
         (capacity - state->parked_capacity) * sizeof *places);
  state->parked = places;
  state->parked_capacity = capacity;
}

static lua_KContext take_place(xiol_state *state, lua_State *generator, xiol_task *task) {
  uint32_t place = state->parked_count; /* free places are mostly at the end */
  while (state->parked[place % state->parked_capacity].generator != NULL) place++;
  place %= state->parked_capacity;
  state->parked[place] = (struct xiol_parked){generator, task};
  state->parked_count++;
  return (lua_KContext)place;
}

static void leave_place(xiol_state *state, lua_KContext place) {
  state->parked[place].generator = NULL;
  state->parked_count--;
}

/* The task in which `generator` waits, or NULL. */
static xiol_task *waiting_in(xiol_state *state, const lua_State *generator) {
  if (XIO_LIKELY(state->parked_count == 0)) return NULL;
  for (uint32_t i = 0; i < state->parked_capacity; i++) {
    if (state->parked[i].generator == generator) return state->parked[i].task;
  }
  return NULL;
}

/* Whether `coroutine` stands in one of our functions. */
static bool stands_in_ours(const xiol_state *state, lua_State *coroutine) {
  lua_Debug ar;
  if (!lua_getstack(coroutine, 0, &ar) || !lua_checkstack(coroutine, 2)) return false;
  lua_getinfo(coroutine, "f", &ar);
  bool ours = false;
  if (lua_iscfunction(coroutine, -1) && lua_getupvalue(coroutine, -1, 1) != NULL) {
    ours = lua_touserdata(coroutine, -1) == state;
    lua_pop(coroutine, 1);
  }
  lua_pop(coroutine, 1);
  return ours;
}

/* Whether `coroutine` stands in one of our functions that wait: a quick test. */
static bool may_wait(const xiol_state *state, lua_State *coroutine) {
  return XIO_UNLIKELY(state->parked_count != 0) && lua_status(coroutine) == LUA_YIELD &&
         stands_in_ours(state, coroutine);
}

/* Whether `coroutine` is that of a task. The program has seen it then. */
static bool is_task_coroutine(lua_State *L, xiol_state *state, lua_State *coroutine) {
  if (XIO_LIKELY(!state->any_shown)) return false;
  xiol_push_ref(L, state, XIOL_REF_SHOWN);
  lua_pushthread(coroutine);
  if (coroutine != L) lua_xmove(coroutine, L, 1);
  bool ours = lua_rawget(L, -2) != LUA_TNIL;
  lua_pop(L, 2);
  return ours;
}

/* -- resuming ------------------------------------------------------------------------ */

/* Why `co` cannot be resumed by our functions, or NULL. */
static const char *refusal(lua_State *L, xiol_state *state, lua_State *co) {
  if (may_wait(state, co) && waiting_in(state, co) != NULL) {
    return "cannot resume a coroutine that waits in another task";
  }
  if (co != L && lua_checkstack(co, 1) && is_task_coroutine(L, state, co)) {
    return "cannot resume the coroutine of a task";
  }
  return NULL;
}

/* Moves `count` values from `co` to L, or leaves a message: -1. */
static int move_results(lua_State *L, lua_State *co, int count) {
  if (!lua_checkstack(L, count + 1)) {
    lua_pop(co, count);
    lua_pushliteral(L, "too many results to resume");
    return -1;
  }
  lua_xmove(co, L, count);
  return count;
}

enum { RESUME_WAITS = -2 };

/* Resumes `co` with the `count` values at the top of L. Returns the number of results
 * that it left on L; -1 with an error at the top; RESUME_WAITS where `co` waits:
 * yield. */
static int resume(lua_State *L, xiol_state *state, lua_State *co, int count) {
  if (!lua_checkstack(co, count)) {
    lua_pop(L, count);
    lua_pushliteral(L, "too many arguments to resume");
    return -1;
  }
  xiol_task *task = running_in(L, state);
  bool waitable = state->waitable;
  if (task != NULL) {
    reserve_place(L, state);
    state->resuming++;
    state->waitable = waitable && lua_isyieldable(L);
    state->top = co;
  }
  lua_xmove(L, co, count);
  int results = 0;
  int status = lua_resume(co, L, count, &results);
  if (task != NULL) {
    state->top = L;
    state->waitable = waitable;
    state->resuming--;
    if (status == LUA_YIELD && task->core.wait.state != XIO_WAIT_IDLE)
      return RESUME_WAITS;
  }
  if (XIO_LIKELY(status == LUA_OK || status == LUA_YIELD)) {
    return move_results(L, co, results);
  }
  lua_xmove(co, L, 1);
  return -1;
}

static lua_State *check_coroutine(lua_State *L, const char *function) {
  lua_State *co = lua_tothread(L, 1);
  if (co == NULL) xiol_type_error(L, function, 1, "coroutine");
  return co;
}

/* resume(co, ...): [1] is the coroutine all the time. */
static int finish_resume(lua_State *L, int status, lua_KContext place);

static int return_resume(lua_State *L, xiol_state *state, lua_State *co, int results) {
  if (results == RESUME_WAITS) {
    xiol_task *task = running_in(L, state);
    return lua_yieldk(L, 0, take_place(state, co, task), finish_resume);
  }
  lua_pushboolean(L, results >= 0);
  int count = results >= 0 ? results : 1;
  lua_insert(L, -1 - count);
  return count + 1;
}

static int finish_resume(lua_State *L, int status, lua_KContext place) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  leave_place(state, place);
  xiol_resumed(L, state);
  lua_State *co = lua_tothread(L, 1);
  return return_resume(L, state, co, resume(L, state, co, 0));
}

static int l_resume(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_State *co = check_coroutine(L, "resume");
  const char *why = refusal(L, state, co);
  if (XIO_UNLIKELY(why != NULL)) {
    lua_pushboolean(L, 0);
    lua_pushstring(L, why);
    return 2;
  }
  return return_resume(L, state, co, resume(L, state, co, lua_gettop(L) - 1));
}

/* stack(co, state): the text of the stack of `co`. Called protected. */
static int stack_of(lua_State *L) {
  xiol_push_stack(L, lua_tothread(L, 1), lua_touserdata(L, 2), 0);
  return 1;
}

/* Raises the error of a wrapped coroutine, which is at the top, as the stock function
 * does: the coroutine is closed, and a message tells where it was called. Nothing may
 * raise before it is closed. Of generators in one another the innermost's stack is
 * kept. */
static int raise_wrapped(lua_State *L, xiol_state *state, lua_State *co) {
  int status = lua_status(co);
  if (status != LUA_OK && status != LUA_YIELD) {
    bool traced = false;
    bool is_known = state->generator_stack != 0 && stands_in_ours(state, co);
    if (running_in(L, state) != NULL && !is_known && !xiol_is_cancelled(L, -1)) {
      lua_pushcfunction(L, stack_of);
      lua_pushvalue(L, lua_upvalueindex(WRAPPED));
      lua_pushlightuserdata(L, state);
      traced = lua_pcall(L, 2, 1, 0) == LUA_OK;
      if (!traced) lua_pop(L, 1);
    }
    state->closing++;
    status = lua_resetthread(co); /* its error may be another now */
    state->closing--;
    if (status != LUA_OK) {
      lua_xmove(co, L, 1);
      lua_replace(L, traced ? -3 : -2);
    }
    if (traced) {
      xiol_unanchor(L, state, state->generator_stack);
      state->generator_stack = 0;
      state->generator_stack = xiol_anchor(L, state);
    }
  }
  if (status != LUA_ERRMEM && lua_type(L, -1) == LUA_TSTRING) {
    luaL_where(L, 1);
    lua_insert(L, -2);
    lua_concat(L, 2);
  }
  return lua_error(L);
}

static int finish_wrapped(lua_State *L, int status, lua_KContext place);

static int return_wrapped(lua_State *L, xiol_state *state, lua_State *co, int results) {
  if (results == RESUME_WAITS) {
    xiol_task *task = running_in(L, state);
    return lua_yieldk(L, 0, take_place(state, co, task), finish_wrapped);
  }
  return results >= 0 ? results : raise_wrapped(L, state, co);
}

static int finish_wrapped(lua_State *L, int status, lua_KContext place) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  leave_place(state, place);
  xiol_resumed(L, state);
  lua_State *co = lua_tothread(L, lua_upvalueindex(WRAPPED));
  return return_wrapped(L, state, co, resume(L, state, co, 0));
}

static int call_wrapped(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_State *co = lua_tothread(L, lua_upvalueindex(WRAPPED));
  const char *why = refusal(L, state, co);
  if (XIO_UNLIKELY(why != NULL)) return xiol_fail(L, "%s", why);
  return return_wrapped(L, state, co, resume(L, state, co, lua_gettop(L)));
}

static int l_wrap(lua_State *L) {
  if (!lua_isfunction(L, 1)) xiol_type_error(L, "wrap", 1, "function");
  xiol_push_upvalues(L, xiol_state_of(L));
  lua_State *co = lua_newthread(L);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  lua_pushcclosure(L, call_wrapped, WRAPPED);
  return 1;
}

/* -- yield, close, running ----------------------------------------------------------- */

/* Raises where the innermost scope of `task` was opened in the coroutine L. */
static void check_no_scope(lua_State *L, xiol_task *task) {
  xio_scope *scope = task->core.wait.scope;
  const char *verb = "group";
  const char *place = NULL;
  int line = 0;
  if (scope->kind == XIO_SCOPE_PLAIN) {
    xiol_scope *plain = XIO_CONTAINER_OF(scope, xiol_scope, core);
    if (XIO_LIKELY(plain->generator != L)) return;
    verb = plain->verb;
    place = plain->place;
    line = plain->place_line;
  } else if (scope->kind == XIO_SCOPE_GROUP) {
    xio_group *core = XIO_CONTAINER_OF(scope, xio_group, scope);
    xiol_group *group = XIO_CONTAINER_OF(core, xiol_group, core);
    if (XIO_LIKELY(group->generator != L)) return;
    place = group->place;
    line = group->place_line;
  } else {
    return;
  }
  xiol_fail(L,
            "coroutine.yield: the scope of xio.%s, opened at %s:%d in this coroutine, is "
            "still open; end it before yielding to the consumer",
            verb, place != NULL ? place : "?", line);
}

static int finish_yield(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  return 0;
}

/* yield(...): a generator gives values to its consumer; a task, which has none, lets
 * others run. */
static int l_yield(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = running_in(L, state);
  if (task == NULL) return lua_yield(L, lua_gettop(L));
  if (L == task->coroutine.thread) {
    if (lua_gettop(L) != 0) {
      return xiol_fail(L, "coroutine.yield: a task has no consumer to yield values to");
    }
    xiol_enter(L, state, "coroutine.yield");
    xio_task_pause(&task->core);
    return lua_yieldk(L, 0, 0, finish_yield);
  }
  check_no_scope(L, task);
  return lua_yield(L, lua_gettop(L));
}

/* close(co): a generator that waits gives its wait up first; raises where that cannot be
 * given up, since it cannot be withdrawn or has brought an item already. */
static int l_close(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_State *co = check_coroutine(L, "close");
  if (co != L && lua_checkstack(co, 1) && is_task_coroutine(L, state, co)) {
    return xiol_fail(L,
                     "coroutine.close: cannot close the coroutine of a task: "
                     "cancel the task");
  }
  xiol_task *task = waiting_in(state, co);
  if (task != NULL && xio_wait_forgo(&task->core.wait) != XIO_OK) {
    bool parked = task->core.wait.state == XIO_WAIT_PARKED;
    return xiol_fail(L, "coroutine.close: the coroutine %s",
                     parked
                         ? "waits in a task for something that cannot be withdrawn"
                         : "was handed an item, which would be lost: let it run first");
  }
  lua_settop(L, 1);
  xiol_push_ref(L, state, XIOL_REF_STOCK);
  lua_getfield(L, -1, "close");
  lua_pushvalue(L, 1);
  state->closing++;
  int status = lua_pcall(L, 1, LUA_MULTRET, 0);
  state->closing--;
  if (status != LUA_OK) return lua_error(L);
  return lua_gettop(L) - 2;
}

/* running(): the coroutine of a task, once shown, is not used for another task. */
static int l_running(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = running_in(L, state);
  if (task != NULL && L == task->coroutine.thread && !task->escaped) {
    xiol_push_ref(L, state, XIOL_REF_SHOWN);
    lua_pushthread(L);
    lua_pushboolean(L, 1);
    lua_rawset(L, -3);
    task->escaped = state->any_shown = true;
  }
  int is_main = lua_pushthread(L);
  lua_pushboolean(L, is_main);
  return 2;
}

static const luaL_Reg functions[] = {{"resume", l_resume},   {"wrap", l_wrap},
                                     {"yield", l_yield},     {"close", l_close},
                                     {"running", l_running}, {NULL, NULL}};

/* Copies the fields of the table at `from` to the one at the top. */
static void copy_fields(lua_State *L, int from) {
  lua_pushnil(L);
  while (lua_next(L, from) != 0) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
}

void xiol_open_generator(lua_State *L, xiol_state *state) {
  lua_newtable(L);
  int stock = lua_gettop(L);
  lua_newtable(L);
  if (lua_getglobal(L, "coroutine") == LUA_TTABLE) {
    lua_getfield(L, -1, "close");
    lua_setfield(L, stock, "close");
    lua_insert(L, stock + 1);
    copy_fields(L, stock + 1);
  } else {
    lua_insert(L, stock + 1);
  }
  xiol_set_functions(L, state, functions);
  lua_setfield(L, stock - 1, "coroutine");
  lua_pop(L, 1);
  xiol_keep(L, state, XIOL_REF_STOCK);
}

void xiol_replace_coroutine(lua_State *L) {
  lua_getfield(L, -1, "coroutine");
  int ours = lua_gettop(L);
  if (lua_getglobal(L, "coroutine") == LUA_TTABLE) copy_fields(L, ours);
  lua_settop(L, ours - 1);
}
