/* remote: how other threads reach a runtime. See xio.h.
 *
 * A remote is memory of the C library, since any thread may let the last reference go. It
 * refers to the loop's port, by which it posts; its runtime is touched only by what the
 * port delivers on that runtime's thread, which it does only while the loop is open. Each
 * remote counts as something that can wake the loop from its opening until the loop's
 * thread hears that nobody refers to it any more. */
#include <stdatomic.h>

#include "core/port.h"
#include "host/host.h"

struct xio_remote {
  xiol_runtime *runtime; /* its thread only */
  xio_port *port;
  atomic_uint refs;
  xio_post farewell; /* posted when the last reference has gone */
};

typedef struct host_post {
  xio_post core;
  xiol_runtime *runtime;
  xio_post_fn call;
  void (*drop)(void *data);
  void *data;
} host_post;

static void free_heap(void *block, size_t size) {
  xio_allocator heap = xio_alloc_default();
  xio_alloc_free(&heap, block, size);
}

/* -- the remote ---------------------------------------------------------------------- */

static void free_remote(xio_post *post) {
  xio_remote *remote = XIO_CONTAINER_OF(post, xio_remote, farewell);
  xio_port_unref(remote->port);
  free_heap(remote, sizeof *remote);
}

static void say_farewell(xio_post *post) {
  xio_remote *remote = XIO_CONTAINER_OF(post, xio_remote, farewell);
  remote->runtime->loop->working--;
  free_remote(post);
}

int xio_remote_open(xio_runtime *public, xio_remote **out) {
  xiol_runtime *runtime = xioh_runtime(public);
  xio_allocator heap = xio_alloc_default();
  *out = NULL;
  if (runtime->loop == NULL) return XIO_ERR_CLOSED;
  xio_port *port = NULL;
  int status = xio_loop_port(runtime->loop, &port);
  if (status != XIO_OK) return status;
  xio_remote *remote = xio_alloc_new(&heap, sizeof *remote);
  if (remote == NULL) return XIO_ERR_MEMORY;
  xio_port_ref(port);
  remote->runtime = runtime;
  remote->port = port;
  atomic_init(&remote->refs, 1);
  remote->farewell.deliver = say_farewell;
  remote->farewell.drop = free_remote;
  runtime->loop->working++;
  xioh_touch(runtime);
  *out = remote;
  return 0;
}

xio_remote *xio_remote_retain(xio_remote *remote) {
  atomic_fetch_add_explicit(&remote->refs, 1, memory_order_relaxed);
  return remote;
}

void xio_remote_release(xio_remote *remote) {
  if (remote == NULL) return;
  if (atomic_fetch_sub_explicit(&remote->refs, 1, memory_order_acq_rel) != 1) return;
  xio_port *port = remote->port;
  xio_port_ref(port); /* the remote may be freed while it is being posted */
  if (xio_port_post(port, &remote->farewell) != XIO_OK) free_remote(&remote->farewell);
  xio_port_unref(port);
}

/* -- posts --------------------------------------------------------------------------- */

/* Who runs Lua for the runtime now. */
static lua_State *thread_of(const xiol_runtime *runtime) {
  if (runtime->driver != NULL) return runtime->driver;
  if (runtime->host.attachment != NULL) return runtime->host.attached_to;
  return runtime->state->main;
}

/* (post), called protected */
static int call_posted(lua_State *L) {
  const host_post *post = lua_touserdata(L, 1);
  lua_settop(L, 0);
  post->call(xioh_public(post->runtime), L, post->data);
  return 0;
}

static void deliver(xio_post *core) {
  host_post *post = XIO_CONTAINER_OF(core, host_post, core);
  xiol_runtime *runtime = post->runtime;
  lua_State *L = thread_of(runtime);
  if (xioh_call(L, call_posted, post, 0, 0) != 0) xiol_fail_run(L, runtime);
  free_heap(post, sizeof *post);
  xioh_touch(runtime);
}

static void drop(xio_post *core) {
  host_post *post = XIO_CONTAINER_OF(core, host_post, core);
  if (post->drop != NULL) post->drop(post->data);
  free_heap(post, sizeof *post);
}

int xio_remote_post(xio_remote *remote, xio_post_fn call, void (*drop_data)(void *data),
                    void *data) {
  xio_allocator heap = xio_alloc_default();
  host_post *post = xio_alloc_new(&heap, sizeof *post);
  if (post == NULL) return XIO_ERR_MEMORY;
  *post = (host_post){.core = {.deliver = deliver, .drop = drop},
                      .runtime = remote->runtime,
                      .call = call,
                      .drop = drop_data,
                      .data = data};
  int status = xio_port_post(remote->port, &post->core);
  if (status == XIO_OK) return 0;
  free_heap(post, sizeof *post);
  return XIO_ERR_CLOSED;
}

static void cancel_all(xio_runtime *runtime, lua_State *L, void *data) {
  (void)L;
  (void)data;
  xio_cancel(runtime);
}

int xio_remote_cancel(xio_remote *remote) {
  return xio_remote_post(remote, cancel_all, NULL, NULL);
}
