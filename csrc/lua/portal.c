/* portal: functions for one run, from any thread.
 *
 * A request is a function with its arguments, as a message, and a reply, unless it is a
 * post. It comes by the port of the run's loop, on whose thread a task is spawned for it
 * in the root group; the Lua floor (lua/xio/portal.lua) says what that does. From then on
 * until the task is done with it the request is an object of the loop, so that the end of
 * the loop breaks its reply; before, it is dropped with the port. Cancelling the reply
 * comes by the same port, behind the request.
 *
 * A portal has one reference of its box at home, the Lua state of the run; while other
 * references exist the loop counts it as something that may wake a task. */
#include "../core/port.h"

#include "runtime.h"
#include "shared.h"

typedef struct portal {
  atomic_uint refs;
  atomic_uint outside;   /* of these: of messages and of boxes elsewhere */
  xiol_runtime *runtime; /* loop's thread, while the loop is open */
  const xiol_state *home;
  xio_port *port;
  xio_post farewell;   /* to home: nobody outside may be left */
  atomic_bool leaving; /* it is on its way */
  bool counted;        /* in the loop's `known_outside`; loop's thread */
} portal;

typedef struct portal_box {
  xiol_shared_box box; /* first */
  bool at_home;
} portal_box;

typedef struct request {
  atomic_uint refs; /* of the post or the box; of the reply, as its canceller */
  portal *portal;
  xiol_message *message; /* NULL: taken */
  xio_reply *reply;      /* NULL: a post */
  xiol_message *reason;  /* of whoever cancelled; NULL: none */
  xio_canceller canceller;
  xio_post post;
  xio_post cancelling;
  xio_loop_object object; /* from being delivered until it is over */
  xiol_task *task;        /* that works at it; loop's thread */
} request;

typedef struct request_box {
  const xiol_kind *kind;
  request *core;
} request_box;

static const xiol_kind kind_request = {"xio.Request"};
static const xiol_shared_class class_portal;

/* -- portals ------------------------------------------------------------------------- */

static void free_portal(portal *self) {
  xio_allocator heap = xio_alloc_default();
  xio_port_unref(self->port);
  xio_alloc_free(&heap, self, sizeof *self);
}

static void unref(portal *self) {
  if (atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) == 1) {
    free_portal(self);
  }
}

static void ref_portal(void *core) {
  portal *self = core;
  atomic_fetch_add(&self->outside, 1);
  atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
}

/* Loop's thread: nobody outside is left, unless somebody has come since. */
static void uncount(xio_post *post) {
  portal *self = XIO_CONTAINER_OF(post, portal, farewell);
  atomic_store(&self->leaving, false);
  if (self->counted && atomic_load(&self->outside) == 0) {
    self->counted = false;
    self->runtime->loop->known_outside--;
  }
  unref(self);
}

static void forget_farewell(xio_post *post) {
  unref(XIO_CONTAINER_OF(post, portal, farewell));
}

static void unref_portal(void *core) {
  portal *self = core;
  if (atomic_fetch_sub(&self->outside, 1) == 1 &&
      !atomic_exchange(&self->leaving, true)) {
    atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
    if (xio_port_post(self->port, &self->farewell) != XIO_OK) unref(self);
  }
  unref(self);
}

/* The box at home was not counted as outside, and is about to be let go as if it were. */
static void collect_portal(xiol_shared_box *box) {
  portal *self = box->core;
  if (XIO_CONTAINER_OF(box, portal_box, box)->at_home)
    atomic_fetch_add(&self->outside, 1);
}

static void unref_box(void *core, const xio_loop *here) {
  (void)here;
  unref_portal(core);
}

/* At home, before the first other reference. */
static void expose_portal(void *core) {
  portal *self = core;
  if (self->counted || xio_port_closed(self->port)) return;
  self->counted = true;
  self->runtime->loop->known_outside++;
}

static void push_portal(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &class_portal, core);
}

/* Nobody is outside: then this is home, and somebody is about to be. */
static int share_portal(void *userdata, void **object) {
  portal *self = ((const xiol_shared_box *)userdata)->core;
  if (self == NULL) return XIO_ECLOSED;
  if (atomic_load(&self->outside) == 0) expose_portal(self);
  ref_portal(self);
  *object = self;
  return XIO_OK;
}

static void make_class(lua_State *L, xiol_state *state);

static const xiol_shared_class class_portal = {.kind = {"xio.Portal"},
                                               .shareable = {.kind = &class_portal.kind,
                                                             .share = share_portal,
                                                             .push = push_portal,
                                                             .unref = unref_portal},
                                               .metatable = XIOL_REF_PORTAL,
                                               .make = make_class,
                                               .size = sizeof(portal_box),
                                               .collect = collect_portal,
                                               .expose = expose_portal,
                                               .ref = ref_portal,
                                               .unref = unref_box};

/* portal(): one into the run of the caller. */
static int l_portal(lua_State *L) {
  static const char function[] = "xio.portal";
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, function);
  xio_port *port = NULL;
  int status = xio_loop_port(task->runtime->loop, &port);
  if (status != XIO_OK) return xiol_shared_fail(L, status, function);
  xiol_shared_box *box = xiol_shared_new(L, state, &class_portal);
  xio_allocator heap = xio_alloc_default();
  portal *self = xio_alloc_new(&heap, sizeof *self);
  if (self == NULL) xiol_raise_memory(L);
  atomic_init(&self->refs, 1);
  atomic_init(&self->outside, 0);
  atomic_init(&self->leaving, false);
  self->runtime = task->runtime;
  self->home = state;
  self->port = port;
  self->farewell = (xio_post){.deliver = uncount, .drop = forget_farewell};
  xio_port_ref(port);
  XIO_CONTAINER_OF(box, portal_box, box)->at_home = true;
  xiol_shared_fill(L, state, box, self);
  return 1;
}

/* -- requests ------------------------------------------------------------------------ */

static void unref_request(request *self) {
  if (atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  xiol_message_free(self->message);
  xiol_message_free(self->reason);
  if (self->reply != NULL) xio_reply_unref(self->reply);
  unref(self->portal);
  xio_alloc_free(&heap, self, sizeof *self);
}

/* Nobody will work at it any more. The loop's thread. */
static void end_request(request *self, int status) {
  xio_list_remove(&self->object.link);
  self->task = NULL;
  if (self->reply != NULL) xio_reply_break(self->reply, status, NULL);
}

static void drop_request(xio_post *post) {
  request *self = XIO_CONTAINER_OF(post, request, post);
  end_request(self, XIO_ECLOSED);
  unref_request(self);
}

static void close_request(xio_loop_object *object) {
  end_request(XIO_CONTAINER_OF(object, request, object), XIO_ECLOSED);
}

/* Who runs Lua for the runtime now. */
static lua_State *thread_of(const xiol_runtime *runtime) {
  if (runtime->driver != NULL) return runtime->driver;
  if (runtime->host.attachment != NULL) return runtime->host.attached_to;
  return runtime->state->main;
}

/* (request): spawns its task. */
static int spawn_request(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  request *self = lua_touserdata(L, 1);
  xiol_runtime *runtime = self->portal->runtime;
  xiol_spawn how = {
      .runtime = runtime, .group = &runtime->loop->root, .function = "xio.portal"};
  const char *hook = self->reply != NULL ? "portal_call" : "portal_post";
  lua_createtable(L, 0, 1);
  lua_pushstring(L, self->reply != NULL ? "portal call" : "portal post");
  lua_setfield(L, -2, "name");
  if (!xiol_push_hook(L, state, hook)) xiol_fail(L, "xio.portal: it was not loaded");
  request_box *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (request_box){&kind_request, NULL};
  xiol_push_ref(L, state, XIOL_REF_REQUEST);
  lua_setmetatable(L, -2);
  xiol_spawn_from(L, state, &how, 2);
  const xiol_task_handle *handle = lua_touserdata(L, -1);
  box->core = self; /* the box has its reference from here on */
  self->task = handle->task;
  return 0;
}

static void deliver_request(xio_post *post) {
  request *self = XIO_CONTAINER_OF(post, request, post);
  xiol_runtime *runtime = self->portal->runtime;
  lua_State *L = thread_of(runtime);
  xio_list_push_back(&runtime->loop->objects, &self->object.link);
  int status = LUA_ERRMEM;
  if (lua_checkstack(L, 8)) {
    xiol_push_ref(L, runtime->state, XIOL_REF_SPAWN_REQUEST);
    lua_pushlightuserdata(L, self);
    status = lua_pcall(L, 1, 0, 0);
  } else {
    xiol_push_ref(L, runtime->state, XIOL_REF_MEMORY);
  }
  if (status == LUA_OK) return;
  if (self->reply == NULL) {
    xiol_fail_run(L, runtime); /* takes the error */
  } else {
    lua_pop(L, 1);
  }
  end_request(self, XIO_ENOMEM);
  unref_request(self);
}

/* -- cancelling ---------------------------------------------------------------------- */

/* (request): cancels its task with the reason that was given. */
static int cancel_with_reason(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  request *self = lua_touserdata(L, 1);
  int count = xiol_copy_in(L, state, self->reason);
  if (self->task == NULL) return 0; /* a finalizer was faster */
  xiol_cancel(L, state, &self->task->core.own, count != 0 ? 2 : 0, 0);
  return 0;
}

static void deliver_cancelling(xio_post *post) {
  request *self = XIO_CONTAINER_OF(post, request, cancelling);
  const xiol_runtime *runtime = self->portal->runtime;
  if (self->task != NULL && self->reason != NULL) {
    lua_State *L = thread_of(runtime);
    if (lua_checkstack(L, 8)) {
      xiol_push_ref(L, runtime->state, XIOL_REF_CANCEL_REQUEST);
      lua_pushlightuserdata(L, self);
      if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1); /* then without a reason */
    }
  }
  if (self->task != NULL) xio_scope_cancel(&self->task->core.own, XIO_SOURCE_CANCEL);
  unref_request(self);
}

static void drop_cancelling(xio_post *post) {
  unref_request(XIO_CONTAINER_OF(post, request, cancelling));
}

/* Any thread; told once. */
static void cancel_request(xio_canceller *canceller, void *reason) {
  request *self = XIO_CONTAINER_OF(canceller, request, canceller);
  self->reason = reason; /* seen by the loop's thread because the port has a mutex */
  atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
  if (xio_port_post(self->portal->port, &self->cancelling) != XIO_OK) {
    unref_request(self);
  }
}

static void unref_canceller(xio_canceller *canceller) {
  unref_request(XIO_CONTAINER_OF(canceller, request, canceller));
}

/* -- asking -------------------------------------------------------------------------- */

static int raise_closed(lua_State *L, xiol_state *state, const char *function) {
  lua_pushfstring(L, "%s: the run has ended", function);
  xiol_push_error(L, state, "ECLOSED", "portal");
  return lua_error(L);
}

/* A request with the function and `count` - 1 arguments from 2 on, and a reply (NULL: a
 * post). Raises where they cannot be copied, or memory is out. */
static request *make_request(lua_State *L, xiol_state *state, portal *portal_of,
                             int count, xio_reply *reply, const char *function) {
  xiol_message *message = xiol_copy_out(L, state, 2, count, XIOL_COPY_CALL, function);
  xio_allocator heap = xio_alloc_default();
  request *self = xio_alloc_new(&heap, sizeof *self);
  if (self == NULL) {
    xiol_message_free(message);
    xiol_raise_memory(L);
  }
  self->message = message;
  self->portal = portal_of;
  atomic_fetch_add_explicit(&portal_of->refs, 1, memory_order_relaxed);
  self->post = (xio_post){.deliver = deliver_request, .drop = drop_request};
  self->cancelling = (xio_post){.deliver = deliver_cancelling, .drop = drop_cancelling};
  self->object.close = close_request;
  xio_list_init(&self->object.link);
  atomic_init(&self->refs, 1);
  self->reply = reply;
  if (reply == NULL) return self;
  xio_reply_ref(reply);
  if (state != portal_of->home) xio_shared_expose(&reply->shared);
  self->canceller = (xio_canceller){.cancel = cancel_request, .unref = unref_canceller};
  atomic_init(&self->refs, 2);
  xio_reply_set_canceller(reply, &self->canceller);
  return self;
}

/* Hands the request over. Raises where the run has ended. */
static void ask(lua_State *L, xiol_state *state, request *self, const char *function) {
  if (xio_port_post(self->portal->port, &self->post) == XIO_OK) return;
  end_request(self, XIO_ECLOSED); /* the reply lets go of its canceller too */
  unref_request(self);
  raise_closed(L, state, function);
}

static portal *check_portal(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &class_portal, function);
}

/* post(f, ...): its error ends the run. */
static int portal_post(lua_State *L) {
  static const char function[] = "portal:post";
  xiol_state *state = xiol_state_of(L);
  portal *self = check_portal(L, function);
  xiol_check_callable(L, 2, function);
  int count = lua_gettop(L) - 1;
  ask(L, state, make_request(L, state, self, count, NULL, function), function);
  lua_pushboolean(L, 1);
  return 1;
}

/* Hands over a request whose reply is pushed. */
static xio_reply *ask_for_reply(lua_State *L, xiol_state *state, portal *self,
                                const char *function) {
  xiol_check_callable(L, 2, function);
  int count = lua_gettop(L) - 1;
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  xio_reply *reply = xio_reply_new(xiol_free_message_value);
  if (reply == NULL) xiol_raise_memory(L);
  xiol_shared_fill(L, state, box, reply);
  ask(L, state, make_request(L, state, self, count, reply, function), function);
  return reply;
}

/* spawn(f, ...): its reply. */
static int portal_spawn(lua_State *L) {
  static const char function[] = "portal:spawn";
  xiol_state *state = xiol_state_of(L);
  ask_for_reply(L, state, check_portal(L, function), function);
  return 1;
}

/* -- calling ------------------------------------------------------------------------- */

/* The result of a call whose reply, at the top, is settled. */
static int deliver_result(lua_State *L, xiol_state *state, xiol_task *task) {
  xio_reply *reply = xiol_shared_check(L, -1, &xiol_class_reply, "portal:call");
  if (task != NULL && xio_reply_outcome(reply) == XIO_OUTCOME_CANCELLED &&
      task->core.wait.scope->effective) {
    return xiol_raise_cancelled(L, state, task);
  }
  return xiol_reply_deliver(L, state, reply);
}

enum { NOT_PARKED, PARKED };

static int finish_call(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (context == PARKED) xio_shared_take(&task->core.wait);
  xiol_check_cancelled(L, state, task, status);
  return deliver_result(L, state, task);
}

/* A thread without a loop blocks until it has the result; interrupted, it asks to cancel
 * and goes. */
static int call_blocking(lua_State *L, xiol_state *state, portal *self,
                         const char *function) {
  xio_blocker *blocker = xiol_blocker(L, state);
  xio_reply *reply = ask_for_reply(L, state, self, function);
  int status = xio_reply_block(reply, blocker, XIO_NEVER);
  if (status == XIO_ECANCELED) xio_reply_cancel(reply, NULL, NULL);
  xiol_check_interrupted(L, state, status, function);
  return deliver_result(L, state, NULL);
}

/* call(f, ...): its results; or raises its error. */
static int portal_call(lua_State *L) {
  static const char function[] = "portal:call";
  xiol_state *state = xiol_state_of(L);
  portal *self = check_portal(L, function);
  if (state == self->home && !xio_port_closed(self->port)) {
    return xiol_fail(L,
                     "%s: called in the thread of the run itself, which would wait for "
                     "itself: call the function, or use portal:spawn",
                     function);
  }
  if (state->runtime == NULL) return call_blocking(L, state, self, function);
  xiol_task *task = xiol_enter(L, state, function);
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, NOT_PARKED, finish_call);
  }
  xio_reply *reply = ask_for_reply(L, state, self, function);
  int status = xio_reply_await_result(reply, task->runtime->loop, &task->core);
  if (status == XIO_EAGAIN) return xiol_yield(L, PARKED, finish_call);
  if (status == XIO_OK) return deliver_result(L, state, task);
  xio_reply_cancel(reply, NULL, NULL);
  return xiol_shared_fail(L, status, function);
}

/* -- for lua/xio/portal.lua ---------------------------------------------------------- */

static request *check_request(lua_State *L) {
  const request_box *box = xiol_check(L, 1, &kind_request, "xio.portal");
  return box->core;
}

/* request_take(request): its function and arguments. */
static int l_request_take(lua_State *L) {
  request *self = check_request(L);
  xiol_message *message = self->message;
  self->message = NULL;
  return xiol_take_message(L, xiol_state_of(L), message);
}

static int settle_request(lua_State *L, request *self, xio_outcome outcome,
                          xiol_message *message) {
  const xio_loop *here = xiol_loop_here(xiol_state_of(L));
  if (!xio_reply_settle(self->reply, outcome, message, here)) xiol_message_free(message);
  return 0;
}

/* request_done(request, ...): these are the results. Raises where they cannot be
 * copied. */
static int l_request_done(lua_State *L) {
  int count = lua_gettop(L) - 1;
  xiol_message *message =
      xiol_copy_out(L, xiol_state_of(L), 2, count, XIOL_COPY_RESULTS, "portal:call");
  return settle_request(L, check_request(L), XIO_OUTCOME_DONE, message);
}

/* request_failed(request, error) */
static int l_request_failed(lua_State *L) {
  xiol_message *message = xiol_copy_error_out(L, xiol_state_of(L), 2);
  return settle_request(L, check_request(L), XIO_OUTCOME_FAILED, message);
}

/* The task is done with the request, or is no more; what has no result by now was
 * cancelled. */
static int request_close(lua_State *L) {
  request_box *box = lua_touserdata(L, 1);
  request *self = box->core;
  if (self == NULL) return 0;
  box->core = NULL;
  const xio_loop *here = xiol_loop_here(xiol_state_of(L));
  if (self->reply != NULL) {
    xio_reply_settle(self->reply, XIO_OUTCOME_CANCELLED, NULL, here);
  }
  end_request(self, XIO_ECLOSED);
  unref_request(self);
  return 0;
}

static int portal_tostring(lua_State *L) {
  const portal *self = check_portal(L, "portal.__tostring");
  lua_pushfstring(L, "portal (%s)", xio_port_closed(self->port) ? "closed" : "open");
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"call", portal_call},
                                     {"spawn", portal_spawn},
                                     {"post", portal_post},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", portal_tostring}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  static const luaL_Reg request_meta[] = {
      {"__gc", request_close}, {"__close", request_close}, {NULL, NULL}};
  xiol_make_plain_class(L, state, &kind_request, request_meta, none, NULL);
  xiol_keep(L, state, XIOL_REF_REQUEST);
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, spawn_request, XIOL_UPVALUES);
  xiol_keep(L, state, XIOL_REF_SPAWN_REQUEST);
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, cancel_with_reason, XIOL_UPVALUES);
  xiol_keep(L, state, XIOL_REF_CANCEL_REQUEST);
  xiol_shared_make(L, state, &class_portal, methods, NULL, meta);
}

void xiol_open_portal(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"portal", l_portal},
                                       {"request_take", l_request_take},
                                       {"request_done", l_request_done},
                                       {"request_failed", l_request_failed},
                                       {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
