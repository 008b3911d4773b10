/* coroutine: coroutines as the core's tasks.
 *
 * Each coroutine of ours keeps at its base what XIOL_BASE_… names, and is anchored from
 * its making until it is let go. A task that ends normally, or by an error (which its
 * protected call has caught), leaves its coroutine ready for the next. A task has no
 * coroutine before its first run.
 *
 * resume and abandon are called by the core: nothing in them may raise, so whatever
 * allocates happens inside a protected call. Loop's thread. */
#include "binding.h"

/* The frame of xiol_task_main; above it the body and its arguments, later the results or
 * the error. */
enum { MAIN_HANDLER = 1, MAIN_BODY = 2 };

/* -- the pool ------------------------------------------------------------------------ */

static xiol_coroutine take_coroutine(xiol_state *state) {
  if (state->pooled == 0) return (xiol_coroutine){NULL, 0, 0};
  return state->pool[--state->pooled];
}

void xiol_return_coroutine(xiol_state *state, xiol_coroutine coroutine, bool reusable) {
  if (reusable && state->pooled < XIOL_POOL_MAX) {
    if (lua_gettop(coroutine.thread) != XIOL_BASE_ANCHORS) {
      lua_settop(coroutine.thread, XIOL_BASE_ANCHORS);
    }
    state->pool[state->pooled++] = coroutine;
    return;
  }
  if (reusable) { /* it is idle, and there are enough */
    xiol_let_go(coroutine.thread, state, XIOL_BASE_ANCHORS, coroutine.slot);
    lua_settop(coroutine.thread, 0);
    return;
  }
  if (lua_status(coroutine.thread) == LUA_OK) lua_settop(coroutine.thread, 0);
  /* without room on the stack it is kept until the Lua state ends */
  if (lua_checkstack(state->main, 4)) xiol_unanchor(state->main, state, coroutine.slot);
}

/* Makes a coroutine; called protected, with the place for it as a light userdata. */
int xiol_make_coroutine(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_coroutine *made = lua_touserdata(L, 1);
  lua_State *thread = lua_newthread(L);
  xiol_push_ref(thread, state, XIOL_REF_TASK_MAIN);
  xiol_push_ref(thread, state, XIOL_REF_HANDLER);
  xiol_push_ref(thread, state, XIOL_REF_ANCHORS);
  made->slot = xiol_anchor(L, state);
  made->thread = thread;
  return 0;
}

void xiol_need_coroutine(lua_State *L, xiol_state *state) {
  if (state->pooled != 0) return;
  xiol_coroutine made = {NULL, 0, 0};
  xiol_push_ref(L, state, XIOL_REF_MAKE_COROUTINE);
  lua_pushlightuserdata(L, &made);
  lua_call(L, 1, 0);
  xiol_return_coroutine(state, made, true);
}

bool xiol_bind_coroutine(lua_State *L, xiol_task *task) {
  xiol_state *state = task->runtime->state;
  lua_State *co = state->pool[state->pooled - 1].thread;
  if (!lua_checkstack(co, task->arguments + LUA_MINSTACK)) return false;
  task->coroutine = take_coroutine(state);
  lua_pushvalue(co, XIOL_BASE_MAIN);
  lua_pushvalue(co, XIOL_BASE_HANDLER);
  lua_pushvalue(L, -1 - task->arguments);
  lua_insert(L, -2 - task->arguments);
  lua_xmove(L, co, task->arguments + 2);
  return true;
}

static xiol_coroutine new_coroutine(xiol_state *state, lua_State *driver) {
  xiol_coroutine coroutine = {NULL, 0, 0};
  if (!lua_checkstack(driver, 8)) return coroutine;
  xiol_push_ref(driver, state, XIOL_REF_MAKE_COROUTINE);
  lua_pushlightuserdata(driver, &coroutine);
  if (lua_pcall(driver, 1, 0, 0) != LUA_OK) {
    lua_pop(driver, 1);
  }
  return coroutine;
}

/* Gives a task that is about to run first its coroutine. False: memory is out. */
static bool give_coroutine(xiol_task *task) {
  xiol_state *state = task->runtime->state;
  xiol_coroutine coroutine = take_coroutine(state);
  if (coroutine.thread == NULL) coroutine = new_coroutine(state, task->runtime->driver);
  if (coroutine.thread == NULL) return false;
  lua_State *co = coroutine.thread;
  if (task->arguments > XIOL_ARGUMENTS_SURE &&
      !lua_checkstack(co, task->arguments + LUA_MINSTACK)) {
    xiol_return_coroutine(state, coroutine, true);
    return false;
  }
  lua_pushvalue(co, XIOL_BASE_MAIN);
  lua_pushvalue(co, XIOL_BASE_HANDLER);
  lua_pushnil(co);
  xiol_body_take(co, state, task);
  lua_copy(co, -1 - task->arguments, -2 - task->arguments);
  task->coroutine = coroutine;
  return true;
}

/* Sets `ar` to the outermost function that runs in `co`, if any. */
static bool find_outermost(lua_State *co, lua_Debug *ar) {
  int lower = -1; /* the deepest level known to exist */
  int upper = 1;
  while (lua_getstack(co, upper - 1, ar)) {
    lower = upper - 1;
    upper *= 2;
  }
  upper--;
  while (upper - lower > 1) {
    int middle = lower + (upper - lower) / 2;
    if (lua_getstack(co, middle, ar)) {
      lower = middle;
    } else {
      upper = middle;
    }
  }
  return lower >= 0 && lua_getstack(co, lower, ar);
}

/* Pushes, in the coroutine of a task, the function of which it is; false and nothing
 * where that cannot be done. */
static bool push_function(lua_State *co, const xiol_task *task) {
  lua_Debug ar;
  if (task->core.state == XIO_TASK_ENDED || !lua_checkstack(co, 2)) return false;
  if (task->begun) {
    return find_outermost(co, &ar) && lua_getlocal(co, &ar, MAIN_BODY) != NULL;
  }
  lua_pushvalue(co, XIOL_BASE_ANCHORS + MAIN_BODY + 1);
  return true;
}

void xiol_push_body(lua_State *L, const xiol_task *task) {
  lua_State *co = task->coroutine.thread;
  if (task->waiting && task->core.state != XIO_TASK_ENDED) {
    xiol_body_push(L, task);
  } else if (co != NULL && push_function(co, task)) {
    lua_xmove(co, L, 1);
  } else {
    lua_pushnil(L);
  }
}

/* -- the body ------------------------------------------------------------------------ */

/* Packs all arguments into one table. Called protected. */
int xiol_pack_results(lua_State *L) {
  int count = lua_gettop(L);
  lua_createtable(L, count, 0);
  lua_insert(L, 1);
  for (int i = count; i >= 1; i--) lua_rawseti(L, 1, i);
  return 1;
}

/* Decides how the running task ends, which raised the argument. Called protected. */
int xiol_judge_error(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_task_of(state->runtime->loop->queue.running);
  xiol_unwound(L, state, &task->core.own);
  if (task->core.own.effective && xiol_only_cancelled(L, state, &task->core.own)) {
    task->outcome = XIO_OUTCOME_CANCELLED;
  } else {
    task->outcome = XIO_OUTCOME_FAILED;
    xiol_note_spawned(L, state, lua_gettop(L), task);
  }
  return 1;
}

/* Calls the function in `ref` on the `count` values at the top, for one value. Where that
 * fails the task does, with what went wrong. */
static void call_at_end(lua_State *L, xiol_state *state, xiol_ref ref, int count,
                        xiol_task *task) {
  xiol_push_ref(L, state, ref);
  lua_insert(L, -1 - count);
  if (lua_pcall(L, count, 1, 0) != LUA_OK) {
    task->outcome = XIO_OUTCOME_FAILED;
    task->coroutine.results = 1;
  }
}

void xiol_task_end(xiol_task *task) {
  xiol_state *state = task->runtime->state;
  xio_outcome outcome = (xio_outcome)task->outcome;
  bool listed = outcome == XIO_OUTCOME_FAILED && task->core.starter == NULL;
  if (task->handle != NULL) {
    task->handle->outcome = task->outcome;
    task->handle->results = task->coroutine.results;
  }
  if ((task->core.own.record | task->core.own.unwinding) != 0) {
    xiol_drop_values(state, &task->core.own);
  }
  if (task == task->runtime->main) {
    task->runtime->main = NULL;
    task->runtime->main_over_at = task->core.wait.queue->resumes + 1;
  }
  xio_group_child_ended(&task->core, outcome);
  if (!listed) xiol_task_free(state, task);
}

void xiol_task_settle(lua_State *L, xiol_state *state, xiol_task *task, int status,
                      int count) {
  if (status == LUA_OK || status == LUA_YIELD) {
    task->outcome = XIO_OUTCOME_DONE;
    task->coroutine.results = count;
    if (count > 1) call_at_end(L, state, XIOL_REF_PACK, count, task);
    return;
  }
  task->coroutine.results = 1;
  if (task->core.own.effective && task->core.own.unwinding == 0 &&
      xiol_is_cancelled(L, -1)) { /* what the judge would say */
    task->outcome = XIO_OUTCOME_CANCELLED;
  } else {
    call_at_end(L, state, XIOL_REF_JUDGE, 1, task);
  }
}

/* The handle of a task that has ended keeps the value at the top, if any, which is
 * popped; and is itself kept no longer. */
static void keep_value(lua_State *L, xiol_task *task, int anchors) {
  if (task->handle == NULL) return;
  if (task->coroutine.results > 0) {
    lua_rawgeti(L, anchors, task->slot);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, XIOL_TASK_VALUE);
    lua_pop(L, 1);
  }
}

/* After the end of the running task, which is settled: if the next one is new, it takes
 * this coroutine over. Pushes its function and arguments, and returns it. */
static xiol_task *go_on(lua_State *L, xiol_state *state, xiol_task *task) {
  const int anchors = lua_upvalueindex(XIOL_UPVALUE_ANCHORS);
  xiol_runtime *runtime = task->runtime;
  xio_runqueue *queue = &runtime->loop->queue;
  if (task->outcome == XIO_OUTCOME_FAILED || task->escaped || task == runtime->main ||
      task->watches != 0) {
    return NULL;
  }
  xio_task *next_core = xio_sched_next(queue);
  if (next_core == NULL || next_core->kind != task->core.kind) return NULL;
  xiol_task *next = xiol_task_of(next_core);
  if (next->coroutine.thread != NULL || next->arguments > XIOL_ARGUMENTS_SURE)
    return NULL;
  keep_value(L, task, anchors);
  if (task->slot != 0) xiol_let_go(L, state, anchors, task->slot);
  task->slot = 0;
  xiol_coroutine coroutine = task->coroutine;
  task->coroutine.thread = NULL;
  xiol_task_end(task);
  xio_sched_take(queue, next_core);
  if (lua_gettop(L) != MAIN_BODY) lua_settop(L, MAIN_BODY);
  xiol_body_take(L, state, next);
  lua_copy(L, MAIN_BODY + 1, MAIN_BODY);
  next->coroutine = coroutine;
  next->begun = true;
  state->waitable = true;
  return next;
}

/* The body of the running task has ended. Returns how many values are left for who
 * resumed: the result, or the error, of the task that runs now. */
static int finish_bodies(lua_State *L, int status);

/* `ended_with` is how the body ended, where something had to be waited for since. */
static int finish_main(lua_State *L, int status, lua_KContext ended_with) {
  return finish_bodies(L, ended_with >= 0 ? (int)ended_with : status);
}

static int finish_bodies(lua_State *L, int status) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  for (;;) {
    if (XIO_UNLIKELY(task->core.wait.scope != &task->core.own) &&
        xiol_unnest(task, &task->core.own)) {
      return lua_yieldk(L, 0, status, finish_main);
    }
    if (XIO_UNLIKELY(state->last_call == task)) {
      state->last_call = NULL;
      if (status == LUA_OK || status == LUA_YIELD) {
        int arguments = lua_gettop(L) - MAIN_BODY - 1;
        status = lua_pcallk(L, arguments, LUA_MULTRET, MAIN_HANDLER, -1, finish_main);
        continue;
      }
    }
    int count = lua_gettop(L) - MAIN_BODY;
    if (XIO_LIKELY(count <= 1) && (status == LUA_OK || status == LUA_YIELD)) {
      task->outcome = XIO_OUTCOME_DONE; /* as xiol_task_settle does */
      task->coroutine.results = count;
    } else {
      xiol_task_settle(L, state, task, status, count);
    }
    xiol_task *next = go_on(L, state, task);
    if (next == NULL) return task->coroutine.results > 0 ? 1 : 0;
    task = next;
    status = lua_pcallk(L, task->arguments, LUA_MULTRET, MAIN_HANDLER, -1, finish_main);
  }
}

int xiol_call_last(xiol_state *state, int count) {
  state->last_call = xiol_task_of(state->runtime->loop->queue.running);
  return count + 1;
}

int xiol_task_main(lua_State *L) {
  int arguments = lua_gettop(L) - MAIN_BODY - 1;
  int status = lua_pcallk(L, arguments, LUA_MULTRET, MAIN_HANDLER, -1, finish_main);
  return finish_bodies(L, status);
}

/* -- resuming ------------------------------------------------------------------------ */

/* The task ended outside of its protected call, or never began: memory, or the C stack,
 * was out at the worst of places. */
static void lose_task(xiol_task *task) {
  xiol_state *state = task->runtime->state;
  lua_State *L = state->main;
  XIO_ASSERT(lua_checkstack(L, 8) != 0);
  while (task->core.wait.scope != &task->core.own) {
    xio_scope *inner = task->core.wait.scope;
    XIO_ASSERT(xio_scope_leave(inner) == XIO_OK);
    xiol_task_ops.abandon_scope(inner);
  }
  lua_State *co = task->coroutine.thread;
  if (co != NULL) {
    lua_xmove(co, L, 1);
    if (lua_status(co) == LUA_OK) lua_settop(co, 0);
    if (task->slot == 0) { /* its coroutine's is used for the error */
      task->slot = task->coroutine.slot;
      xiol_reanchor(L, state, &task->slot);
    } else {
      xiol_unanchor(L, state, task->coroutine.slot);
    }
    task->coroutine.thread = NULL;
  } else {
    xiol_push_ref(L, state, XIOL_REF_MEMORY);
  }
  if (task->handle != NULL) {
    xiol_push_anchored(L, state, task->slot);
    lua_insert(L, -2);
    lua_setiuservalue(L, -2, XIOL_TASK_VALUE);
  } else if (task->waiting) {
    lua_pushvalue(L, -1);
    xiol_body_replace(L, task);
  }
  lua_pop(L, 1);
  task->outcome = XIO_OUTCOME_FAILED;
  task->coroutine.results = 1;
  xiol_task_end(task);
}

/* Raises in a task that yielded values to nobody. */
static void raise_stray_yield(lua_State *L, lua_Debug *ar) {
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  luaL_error(L, "coroutine.yield: a task has no consumer to yield values to");
}

/* The coroutine yielded by itself, through a stock function taken before xio was loaded:
 * a pause, or with values a mistake that is raised at the next instruction. */
static void stray_yield(xiol_task *task, int values) {
  if (values > 0) {
    lua_pop(task->coroutine.thread, values);
    lua_sethook(task->coroutine.thread, raise_stray_yield, LUA_MASKCOUNT, 1);
  }
  xio_task_pause(&task->core);
}

/* Runs the task until it waits or ends; or another one that went on in its place. */
static void run(xiol_state *state, xiol_runtime *runtime, xiol_task *task) {
  lua_State *co = task->coroutine.thread;
  int arguments = 0;
  if (!task->begun) {
    task->begun = true;
    arguments = task->arguments + 1 + MAIN_BODY;
  }
  state->top = co;
  state->waitable = true;
  int values = 0;
  int status = lua_resume(co, runtime->driver, arguments, &values);
  task = xiol_task_of(runtime->loop->queue.running);
  if (XIO_LIKELY(status == LUA_YIELD)) {
    if (XIO_UNLIKELY(task->core.wait.state == XIO_WAIT_IDLE)) stray_yield(task, values);
  } else if (status == LUA_OK) {
    keep_value(co, task, XIOL_BASE_ANCHORS);
    xiol_task_end(task);
  } else {
    lose_task(task);
  }
}

/* Goes on with the tasks that are next: each return to the scheduler would cost as much
 * as the rest of what xio does for a switch. */
static void resume(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  xiol_runtime *runtime = task->runtime;
  xiol_state *state = runtime->state;
  xio_runqueue *queue = &runtime->loop->queue;
  lua_State *top = state->top;
  bool waitable = state->waitable;
  for (;;) {
    if (XIO_LIKELY(task->coroutine.thread != NULL) || give_coroutine(task)) {
      run(state, runtime, task);
    } else {
      lose_task(task);
    }
    xio_task *next = xio_sched_next(queue);
    if (next == NULL || xio_task_ops_of(next) != &xiol_task_ops) break;
    xio_sched_take(queue, next);
    task = xiol_task_of(next);
  }
  state->top = top;
  state->waitable = waitable;
}

static void abandon(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  if (task->outcome == XIO_OUTCOME_NONE) task->outcome = XIO_OUTCOME_CANCELLED;
  if (task->handle != NULL) task->handle->outcome = task->outcome;
  xiol_drop_values(task->runtime->state, &core->own);
  task->escaped =
      true; /* its coroutine is in the middle of something: not to be reused */
  xiol_task_free(task->runtime->state, task);
}

static void abandon_scope(xio_scope *scope) {
  if (scope->kind == XIO_SCOPE_GROUP) {
    xiol_group *group =
        XIO_CONTAINER_OF(XIO_CONTAINER_OF(scope, xio_group, scope), xiol_group, core);
    xiol_drop_values(group->state, scope);
    group->core.state = XIO_GROUP_ENDED;
    xiol_drop_failed(group->state, &group->core); /* they may know its handle */
    xiol_group_unref(group);
  } else {
    xiol_scope *own = XIO_CONTAINER_OF(scope, xiol_scope, core);
    xiol_drop_values(own->state, scope);
    xiol_scope_unref(own);
  }
}

const xio_task_ops xiol_task_ops = {
    .resume = resume, .abandon = abandon, .abandon_scope = abandon_scope};

/* Every operation takes the way of one whose turn is over. */
static void resume_watched(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  task->watch_paused = true;
  xiol_watch_checkpoint(task);
  core->wait.queue->budget = 0;
  resume(core);
}

const xio_task_ops xiol_watched_task_ops = {
    .resume = resume_watched, .abandon = abandon, .abandon_scope = abandon_scope};
