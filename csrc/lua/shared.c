/* shared: boxes, and where what they are about is waited for; see shared.h. */
#include "shared.h"

#include <string.h>

#include "sync.h"

static const xiol_shared_class *class_of(const xiol_shared_box *box) {
  return XIO_CONTAINER_OF((void *)(uintptr_t)box->kind, const xiol_shared_class, kind);
}

int xiol_shared_share(void *userdata, void **object) {
  const xiol_shared_box *box = userdata;
  if (box->core == NULL) return XIO_ECLOSED;
  const xiol_shared_class *class = class_of(box);
  class->expose(box->core);
  class->ref(box->core);
  *object = box->core;
  return XIO_OK;
}

/* Only boxes have it: their kind need not be asked for. */
static int box_gc(lua_State *L) {
  xiol_shared_box *box = lua_touserdata(L, 1);
  void *core = box != NULL ? box->core : NULL;
  if (core == NULL) return 0;
  if (class_of(box)->collect != NULL) class_of(box)->collect(box);
  box->core = NULL;
  class_of(box)->unref(core, xiol_loop_here(xiol_state_of(L)));
  return 0;
}

void xiol_shared_make(lua_State *L, xiol_state *state, const xiol_shared_class *class,
                      const luaL_Reg *methods, lua_CFunction index,
                      const luaL_Reg *meta) {
  static const luaL_Reg gc[] = {{"__gc", box_gc}, {NULL, NULL}};
  xiol_push_metatable(L, state, &class->kind, gc);
  xiol_set_functions(L, state, meta);
  if (index != NULL) xiol_push_upvalues(L, state);
  xiol_push_functions(L, state, methods);
  if (index != NULL) lua_pushcclosure(L, index, XIOL_METHODS);
  lua_setfield(L, -2, "__index");
  xiol_make_shareable(L, state, &class->shareable);
  xiol_keep(L, state, class->metatable);
}

xiol_shared_box *xiol_shared_new(lua_State *L, xiol_state *state,
                                 const xiol_shared_class *class) {
  xiol_shared_box *box = lua_newuserdatauv(L, class->size, class->user_values);
  memset(box, 0, class->size);
  box->kind = &class->kind;
  xiol_set_class(L, state, class->metatable, class->make);
  return box;
}

void xiol_shared_fill(lua_State *L, xiol_state *state, xiol_shared_box *box, void *core) {
  box->core = core; /* its collection gives it back */
  xiol_push_ref(L, state, XIOL_REF_BOXES);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, core);
  lua_pop(L, 1);
}

void xiol_shared_push(lua_State *L, xiol_state *state, const xiol_shared_class *class,
                      void *core) {
  xiol_push_ref(L, state, XIOL_REF_BOXES);
  bool known = lua_rawgetp(L, -1, core) == LUA_TUSERDATA;
  lua_remove(L, -2);
  if (known) return;
  lua_pop(L, 1);
  xiol_shared_box *box = xiol_shared_new(L, state, class);
  class->ref(core);
  xiol_shared_fill(L, state, box, core);
}

void *xiol_shared_check(lua_State *L, int index, const xiol_shared_class *class,
                        const char *function) {
  const xiol_shared_box *box = xiol_check(L, index, &class->kind, function);
  if (XIO_UNLIKELY(box->core == NULL)) { /* in a finalizer, after its own */
    xiol_fail(L, "%s: the %s was collected", function, class->kind.name);
  }
  return box->core;
}

const xiol_shared_case *xiol_shared_case_of(const xiol_kind *kind) {
  static const xiol_shared_class *const classes[] = {&xiol_class_thread_receiver,
                                                     &xiol_class_reply};
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    if (kind == &classes[i]->kind) return classes[i]->selects;
  }
  return NULL;
}

/* -- waiting ------------------------------------------------------------------------- */

xio_blocker *xiol_blocker(lua_State *L, xiol_state *state) {
  if (state->blocker == NULL && xio_blocker_new(&state->blocker) != XIO_OK) {
    state->blocker = NULL;
    xiol_raise_memory(L);
  }
  return state->blocker;
}

bool xiol_shared_exposed(xio_shared *shared) {
  xio_shared_lock(shared);
  bool exposed = shared->exposed;
  xio_shared_unlock(shared);
  return exposed;
}

xiol_task *xiol_shared_enter(lua_State *L, xiol_state *state, xio_shared *shared,
                             xio_blocker **blocker, const char *function) {
  if (XIO_LIKELY(state->runtime != NULL)) return xiol_enter(L, state, function);
  if (!xiol_shared_exposed(shared)) {
    xiol_fail(L, "%s: not inside xio.run, and no other thread could end the wait",
              function);
  }
  *blocker = xiol_blocker(L, state);
  return NULL;
}

void xiol_check_interrupted(lua_State *L, xiol_state *state, int status,
                            const char *function) {
  if (XIO_LIKELY(status != XIO_ECANCELED)) return;
  state->told = true;
  lua_pushfstring(L, "%s: the thread was interrupted", function);
  xiol_push_error(L, state, "ECANCELED", function);
  lua_error(L);
}

/* -- flags --------------------------------------------------------------------------- */

enum { NOT_PARKED, PARKED };

static int push_waited(lua_State *L, xiol_state *state, int status) {
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "wait", -1);
  lua_pushboolean(L, 1);
  return 1;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (context == PARKED) xio_shared_take(&task->core.wait);
  xiol_check_cancelled(L, state, task, status);
  return push_waited(L, state, status);
}

static bool is_over(const xiol_shared_class *class, void *core) {
  xio_shared *shared = class->flag->shared(core);
  xio_shared_lock(shared);
  bool over = class->flag->is_over(shared);
  xio_shared_unlock(shared);
  return over;
}

/* One turn is over. */
static int finish_turn(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  const xiol_shared_box *box = lua_touserdata(L, 1);
  status = xio_task_finish_pause(&task->core);
  xiol_check_cancelled(L, state, task, status);
  return push_waited(L, state,
                     is_over(class_of(box), box->core) ? XIO_OK : XIO_ETIMEDOUT);
}

static int wait_blocking(lua_State *L, xiol_state *state, const xiol_shared_class *class,
                         xio_blocker *blocker, int64_t timeout, const char *function) {
  void *core = xiol_shared_check(L, 1, class, function);
  int status = xio_shared_await_blocking(class->flag->shared(core), class->flag->is_over,
                                         blocker, timeout);
  xiol_check_interrupted(L, state, status, function);
  return push_waited(L, state, status);
}

int xiol_shared_wait(lua_State *L, const xiol_shared_class *class, const char *function) {
  xiol_state *state = xiol_state_of(L);
  void *core = xiol_shared_check(L, 1, class, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xio_shared *shared = class->flag->shared(core);
  xio_blocker *blocker = NULL;
  lua_settop(L, 1);
  bool over = is_over(class, core);
  if (over && state->runtime == NULL) return push_waited(L, state, XIO_OK);
  xiol_task *task = xiol_shared_enter(L, state, shared, &blocker, function);
  if (task == NULL) return wait_blocking(L, state, class, blocker, timeout, function);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  if (!over && timeout <= 0) {
    xio_task_pause(&task->core);
    return xiol_yield(L, 0, finish_turn);
  }
  int64_t at = xiol_sync_until(task, timeout);
  int status = xio_shared_await(shared, class->flag->is_over, task->runtime->loop,
                                &task->core, at, class->flag->ops);
  if (status == XIO_EAGAIN) return xiol_yield(L, PARKED, finish_wait);
  if (status != XIO_OK) return xiol_shared_fail(L, status, function);
  if (!xiol_sync_done(task, XIO_OK)) return xiol_yield(L, NOT_PARKED, finish_wait);
  return push_waited(L, state, XIO_OK);
}

int xiol_shared_fail(lua_State *L, int status, const char *function) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  return xiol_fail(L, "%s: cannot wait for other threads (status %d)", function, status);
}

void xiol_close_shared(xiol_state *state) {
  if (state->blocker != NULL) xio_blocker_unref(state->blocker);
  state->blocker = NULL;
}

void xiol_open_shared(lua_State *L, xiol_state *state) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  xiol_keep(L, state, XIOL_REF_BOXES);
  xiol_open_reply(L, state);
  xiol_open_registry(L, state);
  xiol_open_thread_channel(L, state);
  xiol_open_portal(L, state);
  xiol_open_close_scope(L, state);
  xiol_open_tracker(L, state);
  xiol_open_scope_group(L, state);
}
