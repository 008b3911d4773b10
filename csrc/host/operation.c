/* operation: what a task waits for and its host completes. See xio.h.
 *
 * Two refer to a record: the task (through the keeper on its stack, or its C task), and
 * from begin to its completion who completes it. Meanwhile it is an object of the loop,
 * which it keeps from taking a standstill for a deadlock, and which tells it when it
 * closes. `wait` is the task's while that is parked for it.
 *
 * A record that is completed by a post is memory of the C library, since it may outlive
 * the Lua state. All on the runtime's thread but xio_operation_post, which writes the
 * result and `posted`, and what follows where the loop has ended. */
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>

#include "core/port.h"
#include "host/host.h"

struct xio_operation {
  const xio_operation_class *of;
  xio_loop *loop; /* NULL: it has ended */
  xio_port *port; /* of operations that are posted, which hold it; else NULL */
  xio_wait *wait; /* NULL: no task waits */
  xio_wait_ops ops;
  xio_loop_object object; /* linked while it is begun and not completed */
  xio_post post;
  atomic_uint refs;
  atomic_bool posted;
  bool completed;
  bool counts; /* in the loop's `working` */
  int result;
  int keeper; /* stack index of its keeper, in the function that waits */
  xio_allocator alloc;
  size_t bytes;
  alignas(max_align_t) char data[];
};

/* -- the record ---------------------------------------------------------------------- */

void xioh_operation_unref(xio_operation *operation) {
  if (atomic_fetch_sub_explicit(&operation->refs, 1, memory_order_acq_rel) != 1) return;
  if (operation->of->release != NULL) operation->of->release(operation->data);
  if (operation->port != NULL) xio_port_unref(operation->port);
  xio_allocator alloc = operation->alloc;
  xio_alloc_free(&alloc, operation, operation->bytes);
}

static bool is_posted(const xio_operation_class *of) {
  return (of->flags & XIO_OPERATION_THREADS) != 0;
}

/* It is not begun any more, or was completed. */
static void unlink_operation(xio_operation *operation) {
  xio_list_remove(&operation->object.link);
  if (operation->counts) operation->loop->working--;
  operation->counts = false;
}

/* The loop ends: nobody waits any more. It is completed to nobody. */
static void close_operation(xio_loop_object *object) {
  xio_operation *operation = XIO_CONTAINER_OF(object, xio_operation, object);
  operation->wait = NULL;
  unlink_operation(operation);
  operation->loop = NULL;
}

static int abort_operation(xio_wait *wait) {
  xio_operation *operation = wait->source;
  const xio_operation_class *of = operation->of;
  if (atomic_load(&operation->posted) || of->cancel == NULL) return XIO_EBUSY;
  int answer = of->cancel(operation, operation->data);
  bool withdrawn = answer == XIO_WITHDRAWN;
  if (!withdrawn && !(answer == XIO_LEFT_ALONE && is_posted(of))) return XIO_EBUSY;
  operation->wait = NULL;
  if (withdrawn) {
    unlink_operation(operation);
    xioh_operation_unref(operation); /* of who would have completed it */
  } else if (operation->counts) {
    operation->counts = false;
    operation->loop->working--;
  }
  return XIO_OK;
}

static void deliver(xio_post *post);

/* The loop ends before the post was delivered. */
static void drop(xio_post *post) {
  xio_operation *operation = XIO_CONTAINER_OF(post, xio_operation, post);
  operation->wait = NULL;
  if (operation->loop != NULL) unlink_operation(operation);
  xioh_operation_unref(operation);
}

xio_operation *xioh_operation_make(xiol_runtime *runtime, const xio_operation_class *of,
                                   int *status) {
  bool posted = is_posted(of);
  xio_port *port = NULL;
  *status = posted ? xio_loop_port(runtime->loop, &port) : XIO_OK;
  if (*status != XIO_OK) return NULL;
  xio_allocator alloc = posted ? xio_alloc_default() : runtime->state->alloc;
  size_t bytes = sizeof(xio_operation) + of->data_size;
  xio_operation *operation = xio_alloc_new(&alloc, bytes);
  if (operation == NULL) {
    *status = XIO_ENOMEM;
    return NULL;
  }
  operation->of = of;
  operation->loop = runtime->loop;
  operation->port = port;
  if (port != NULL) xio_port_ref(port);
  operation->ops = (xio_wait_ops){.verb = of->name, .abort = abort_operation};
  operation->object.close = close_operation;
  xio_list_init(&operation->object.link);
  operation->post.deliver = deliver;
  operation->post.drop = drop;
  atomic_init(&operation->refs, 1);
  atomic_init(&operation->posted, false);
  operation->alloc = alloc;
  operation->bytes = bytes;
  return operation;
}

/* -- begin and completion ------------------------------------------------------------ */

bool xioh_operation_start(xio_operation *operation, xiol_task *task) {
  xio_loop *loop = operation->loop;
  atomic_fetch_add_explicit(&operation->refs, 1, memory_order_relaxed);
  xio_list_push_back(&loop->objects, &operation->object.link);
  operation->counts = true;
  loop->working++;
  int result = operation->of->begin(operation, operation->data);
  if (result < 0 && !operation->completed) {
    operation->result = result;
    operation->completed = true;
    unlink_operation(operation);
    xioh_operation_unref(operation); /* nobody will complete it */
  }
  if (operation->completed) return false;
  operation->wait = &task->core.wait;
  xio_wait_park(&task->core.wait, &operation->ops, operation);
  return true;
}

int xioh_operation_result(const xio_operation *operation) {
  return operation->result;
}

/* It was completed: who waits for it is made ready. */
static void complete(xio_operation *operation) {
  xio_wait *wait = operation->wait;
  operation->wait = NULL;
  operation->completed = true;
  if (operation->loop != NULL) unlink_operation(operation);
  if (wait != NULL) {
    bool withdrawn = operation->result == XIO_ERR_CANCELLED && wait->scope->effective;
    xio_wait_complete(wait, withdrawn ? XIO_ECANCELED : XIO_OK);
    xioh_touch(xiol_task_of(xio_task_of(wait))->runtime);
  }
  xioh_operation_unref(operation);
}

void xio_operation_complete(xio_operation *operation, int result) {
  operation->result = result;
  complete(operation);
}

static void deliver(xio_post *post) {
  complete(XIO_CONTAINER_OF(post, xio_operation, post));
}

void xio_operation_post(xio_operation *operation, int result) {
  xio_port *port = operation->port;
  if (port == NULL) { /* its class does not say that it is posted */
    xio_operation_complete(operation, result);
    return;
  }
  xio_port_ref(port); /* the record may go while it is being posted */
  operation->result = result;
  atomic_store(&operation->posted, true);
  if (xio_port_post(port, &operation->post) != XIO_OK) xioh_operation_unref(operation);
  xio_port_unref(port);
}

void *xio_operation_data(xio_operation *operation) {
  return operation->data;
}

/* -- in functions that Lua calls ----------------------------------------------------- */

static const xiol_kind kind_operation = {"xio.Operation"};

/* The userdata that keeps a record on the stack of the function that waits. */
typedef struct keeper {
  const xiol_kind *kind;
  xio_operation *operation; /* NULL: let go of */
} keeper;

static const char keeper_class = 0; /* its address is the registry key of the metatable */

static void let_go(keeper *own) {
  xio_operation *operation = own->operation;
  own->operation = NULL;
  if (operation != NULL) xioh_operation_unref(operation);
}

static int keeper_gc(lua_State *L) {
  let_go(lua_touserdata(L, 1));
  return 0;
}

static void push_keeper_class(lua_State *L) {
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &keeper_class) == LUA_TTABLE) return;
  lua_pop(L, 1);
  lua_createtable(L, 0, 2);
  lua_pushcfunction(L, keeper_gc);
  lua_setfield(L, -2, "__gc");
  lua_pushstring(L, kind_operation.name);
  lua_setfield(L, -2, "__name");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &keeper_class);
}

/* (name): raises why the caller may not wait. */
static int cannot_enter(lua_State *L) {
  xiol_enter_from(L, xiol_state_of(L), lua_touserdata(L, 1), 2);
  return 0;
}

/* The running task, which may wait here, or raises. */
static xiol_task *enter(lua_State *L, const char *name) {
  xiol_state *state = xiol_find_state(L);
  if (state == NULL) luaL_error(L, "%s: xio is not open in this Lua state", name);
  xiol_task *task = xiol_enter_quickly(L, state);
  if (XIO_UNLIKELY(task == NULL)) {
    xioh_within(L, cannot_enter, (void *)name, 0);
    luaL_error(L, "%s: cannot wait here", name);
  }
  return task;
}

void *xio_operation_new(lua_State *L, const xio_operation_class *of) {
  xiol_need_stack(L, 8, NULL);
  if (of->size != sizeof *of || of->begin == NULL || of->name == NULL) {
    luaL_error(L, "xio_operation_new: the class is not complete");
  }
  xiol_task *task = enter(L, of->name);
  keeper *own = lua_newuserdatauv(L, sizeof *own, 0);
  own->kind = &kind_operation;
  own->operation = NULL;
  push_keeper_class(L);
  lua_setmetatable(L, -2);
  int status = XIO_OK;
  own->operation = xioh_operation_make(task->runtime, of, &status);
  if (own->operation == NULL) {
    if (status == XIO_ENOMEM) xiol_raise_memory(L);
    luaL_error(L, "%s: %s", of->name, uv_strerror(status));
  }
  return own->operation->data;
}

/* (operation): the results where the class has no finish(). */
static int refuse(lua_State *L) {
  const xio_operation *operation = lua_touserdata(L, 1);
  return xiol_refuse(L, operation->result, operation->of->name);
}

static int plain_results(lua_State *L, xio_operation *operation) {
  if (operation->result < 0) {
    xioh_within(L, refuse, operation, 3);
    return 3;
  }
  lua_pushinteger(L, operation->result);
  return 1;
}

/* The operation of `own` is over, and the stack is that of the function that waits. */
static int deliver_results(lua_State *L, keeper *own) {
  xio_operation *operation = own->operation;
  const xio_operation_class *of = operation->of;
  int result = operation->result;
  int count = of->finish != NULL ? of->finish(L, result, operation->data)
                                 : plain_results(L, operation);
  let_go(own);
  return count;
}

/* (): raises the cancellation of the running task. */
static int raise_cancelled(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_task_of(state->runtime->loop->queue.running);
  return xiol_raise_cancelled(L, state, task);
}

/* The second half: in the task that was resumed. */
static int finish_await(lua_State *L, int status, lua_KContext context) {
  (void)status;
  keeper *own = (void *)context;
  xiol_state *state = xiol_find_state(L);
  if (L != state->top) {
    return luaL_error(L, "the coroutine of a task was resumed by somebody else than xio");
  }
  xiol_task *task = xiol_task_of(state->runtime->loop->queue.running);
  if (task->core.wait.status == XIO_ECANCELED) {
    let_go(own);
    xioh_within(L, raise_cancelled, NULL, 0);
    return 0;
  }
  lua_settop(L, own->operation->keeper);
  return deliver_results(L, own);
}

int xio_operation_await(lua_State *L) {
  keeper *own = xiol_test(L, -1, &kind_operation);
  if (own == NULL || own->operation == NULL) {
    return luaL_error(L, "xio_operation_await: there is no operation on the stack");
  }
  xio_operation *operation = own->operation;
  const char *name = operation->of->name;
  xiol_need_stack(L, 8, NULL);
  xiol_task *task = enter(L, name);
  operation->keeper = lua_gettop(L);
  lua_KContext context = (lua_KContext)own;
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, context, finish_await);
  if (xioh_operation_start(operation, task)) return xiol_yield(L, context, finish_await);
  if (xio_task_spend(&task->core)) return deliver_results(L, own);
  xio_wait_reschedule(&task->core.wait, XIO_OK);
  return xiol_yield(L, context, finish_await);
}
