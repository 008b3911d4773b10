/* coroutine: coroutines as the core's tasks.
 *
 * Each coroutine of ours keeps at its base what XIOL_BASE_… names, and is anchored from
 * its making until it is let go. A task that ends normally, or by an error (which its
 * protected call has caught), leaves its coroutine ready for the next. A task has no
 * coroutine before its first run where none was idle at its spawning.
 *
 * resume and abandon are called by the core: nothing in them may raise, so whatever
 * allocates happens inside a protected call. Loop's thread. */
#include "binding.h"

/* -- the pool ------------------------------------------------------------------------ */

xiol_coroutine xiol_take_coroutine(xiol_state *state) {
  if (state->pooled == 0) return (xiol_coroutine){NULL, 0};
  return state->pool[--state->pooled];
}

void xiol_return_coroutine(xiol_state *state, xiol_coroutine coroutine, bool reusable) {
  if (reusable && state->pooled < XIOL_POOL_MAX) {
    lua_settop(coroutine.thread, XIOL_BASE_ANCHORS);
    state->pool[state->pooled++] = coroutine;
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

static xiol_coroutine new_coroutine(xiol_state *state, lua_State *driver) {
  xiol_coroutine coroutine = {NULL, 0};
  if (!lua_checkstack(driver, 8)) return coroutine;
  xiol_push_ref(driver, state, XIOL_REF_MAKE_COROUTINE);
  lua_pushlightuserdata(driver, &coroutine);
  if (lua_pcall(driver, 1, 0, 0) != LUA_OK) {
    lua_pop(driver, 1);
  }
  return coroutine;
}

/* Pushes the function of a task that waits in its handle, and the arguments, which the
 * handle does not keep any longer. */
static void push_waiting(lua_State *co, const xiol_task *task) {
  int at = XIOL_TASK_WAITING;
  int count = task->arguments;
  if (lua_getiuservalue(co, XIOL_BASE_HANDLE, XIOL_TASK_NAME) == LUA_TSTRING) {
    lua_pop(co, 1);
    count++;
  }
  for (; count > 0; count--, at++) {
    lua_getiuservalue(co, XIOL_BASE_HANDLE, at);
    lua_pushnil(co);
    lua_setiuservalue(co, XIOL_BASE_HANDLE, at);
  }
}

/* Gives a task that is about to run first its coroutine. False: memory is out. */
static bool give_coroutine(xiol_task *task) {
  xiol_state *state = task->runtime->state;
  xiol_coroutine coroutine = xiol_take_coroutine(state);
  if (coroutine.thread == NULL) coroutine = new_coroutine(state, task->runtime->driver);
  if (coroutine.thread == NULL) return false;
  lua_State *co = coroutine.thread;
  if (task->arguments > LUA_MINSTACK / 2 &&
      !lua_checkstack(co, task->arguments + LUA_MINSTACK)) {
    xiol_return_coroutine(state, coroutine, true);
    return false;
  }
  lua_rawgeti(co, XIOL_BASE_ANCHORS, task->slot);
  lua_pushvalue(co, XIOL_BASE_MAIN);
  lua_pushvalue(co, XIOL_BASE_HANDLER);
  push_waiting(co, task);
  task->coroutine = coroutine;
  return true;
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
    task->handle->outcome = XIO_OUTCOME_CANCELLED;
  } else {
    task->handle->outcome = XIO_OUTCOME_FAILED;
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
    task->handle->outcome = XIO_OUTCOME_FAILED;
    task->handle->results = 1;
  }
}

/* The body has ended: leaves the result, or the error, as the only value. `ended_with` is
 * how, where something had to be waited for since. */
static int finish_main(lua_State *L, int status, lua_KContext ended_with) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  if (ended_with >= 0) status = (int)ended_with;
  if (XIO_UNLIKELY(xiol_unnest(task, &task->core.own))) {
    return lua_yieldk(L, 0, status, finish_main);
  }
  int count = lua_gettop(L) - 1;
  if (status == LUA_OK || status == LUA_YIELD) {
    task->handle->outcome = XIO_OUTCOME_DONE;
    task->handle->results = count;
    if (count > 1) call_at_end(L, state, XIOL_REF_PACK, count, task);
    return count > 0 ? 1 : 0;
  }
  task->handle->results = 1;
  if (task->core.own.effective && task->core.own.unwinding == 0 &&
      xiol_is_cancelled(L, -1)) { /* what the judge would say */
    task->handle->outcome = XIO_OUTCOME_CANCELLED;
  } else {
    call_at_end(L, state, XIOL_REF_JUDGE, 1, task);
  }
  return 1;
}

int xiol_task_main(lua_State *L) {
  int status = lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 1, -1, finish_main);
  return finish_main(L, status, -1);
}

/* -- resuming ------------------------------------------------------------------------ */

/* The task is over: tells its group. A failure that nobody waits for in start() stays
 * with the group, and keeps its memory, until that takes it. */
static void end_task(xiol_task *task) {
  xiol_state *state = task->runtime->state;
  xio_outcome outcome = (xio_outcome)task->handle->outcome;
  bool listed = outcome == XIO_OUTCOME_FAILED && task->core.starter == NULL;
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
  xiol_push_anchored(L, state, task->slot);
  if (task->coroutine.thread != NULL) {
    lua_xmove(task->coroutine.thread, L, 1);
    xiol_return_coroutine(state, task->coroutine, false);
    task->coroutine.thread = NULL;
  } else {
    xiol_push_ref(L, state, XIOL_REF_MEMORY);
  }
  lua_setiuservalue(L, -2, XIOL_TASK_VALUE);
  lua_pop(L, 1);
  task->handle->outcome = XIO_OUTCOME_FAILED;
  task->handle->results = 1;
  end_task(task);
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

static void resume(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  xiol_state *state = task->runtime->state;
  if (task->coroutine.thread == NULL && !give_coroutine(task)) {
    lose_task(task);
    return;
  }
  lua_State *co = task->coroutine.thread;
  int arguments = 0;
  if (!task->begun) {
    task->begun = true;
    arguments = task->arguments + 2;
  }
  lua_State *top = state->top;
  bool waitable = state->waitable;
  state->top = co;
  state->waitable = true;
  int values = 0;
  int status = lua_resume(co, task->runtime->driver, arguments, &values);
  state->top = top;
  state->waitable = waitable;
  if (status == LUA_OK) {
    /* lua_resume counts the whole stack; a value is what the handle shall keep */
    if (values > XIOL_BASE_HANDLE) {
      lua_setiuservalue(co, XIOL_BASE_HANDLE, XIOL_TASK_VALUE);
    }
    end_task(task);
  } else if (status != LUA_YIELD) {
    lose_task(task);
  } else if (XIO_UNLIKELY(core->wait.state == XIO_WAIT_IDLE)) {
    stray_yield(task, values);
  }
}

static void abandon(xio_task *core) {
  xiol_task *task = xiol_task_of(core);
  if (task->handle->outcome == XIO_OUTCOME_NONE) {
    task->handle->outcome = XIO_OUTCOME_CANCELLED;
  }
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
