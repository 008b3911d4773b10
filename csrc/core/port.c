/* port: see port.h.
 *
 * The loop is woken by a descriptor of its own, an eventfd that libuv polls. uv_async_t
 * is the same with one thing more, which costs more than all the rest: its sender says
 * that it is done only after the system call that wakes the loop, and the loop spins
 * until it has said so. With both on one core that is a thousand rounds, each time.
 *
 * A descriptor must not be written to once it is closed, and that takes a system call,
 * for which the mutex is not held. So who is about to write counts itself in `wakers`,
 * and closing waits for those. */
#include "port.h"

#include <errno.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct xio_port {
  xio_loop_object object;
  xio_loop *loop;
  uv_poll_t poll; /* watches `wake_fd`; not referenced */
  int wake_fd;
  atomic_uint refs;
  atomic_uint wakers; /* threads and handlers that may be writing to `wake_fd` */
  atomic_bool closed;
  xio_list bells; /* loop's thread */
  uv_mutex_t mutex;
  /* guarded by it: */
  xio_list posted;
  bool woken; /* the loop will look at `posted` */
};

void xio_port_ref(xio_port *port) {
  atomic_fetch_add_explicit(&port->refs, 1, memory_order_relaxed);
}

void xio_port_unref(xio_port *port) {
  if (atomic_fetch_sub_explicit(&port->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  uv_mutex_destroy(&port->mutex);
  xio_alloc_free(&heap, port, sizeof *port);
}

/* Called by who is counted in `wakers`, which is the last that it knows of the port:
 * where the loop ends, that may be the only thing that still holds it. Also in signal
 * handlers: keeps errno. */
static void wake(xio_port *port) {
  if (!atomic_load(&port->closed)) {
    int before = errno;
    int status = eventfd_write(port->wake_fd, 1); /* nothing but a write() */
    /* full after 2^64 wake-ups that nobody took: then it wakes as well */
    XIO_ASSERT(status == 0 || errno == EAGAIN);
    errno = before;
  }
  atomic_fetch_sub(&port->wakers, 1);
}

/* Delivers all that was posted, or, where it closes the port, drops it. */
static void empty(xio_port *port, bool closes) {
  xio_list batch;
  xio_list_init(&batch);
  uv_mutex_lock(&port->mutex);
  if (closes) atomic_store(&port->closed, true);
  xio_list_splice_back(&batch, &port->posted);
  port->woken = false;
  uv_mutex_unlock(&port->mutex);
  while (!xio_list_empty(&batch)) {
    xio_post *post = XIO_CONTAINER_OF(batch.next, xio_post, link);
    xio_list_remove(&post->link);
    if (closes) {
      post->drop(post);
    } else {
      post->deliver(post);
    }
  }
}

/* What a bell's function takes down is not heard; each is heard once in a go. */
static void hear_bells(xio_port *port) {
  xio_list rest;
  xio_list_init(&rest);
  xio_list_splice_back(&rest, &port->bells);
  while (!xio_list_empty(&rest)) {
    xio_bell *bell = XIO_CONTAINER_OF(rest.next, xio_bell, link);
    xio_list_remove(&bell->link);
    xio_list_push_back(&port->bells, &bell->link);
    if (atomic_exchange(&bell->rung, false)) bell->on_ring(bell);
  }
}

/* Before what it was woken for is looked at, a further wake-up has to count again. */
static void take_wake(const xio_port *port) {
  eventfd_t count = 0;
  int status = eventfd_read(port->wake_fd, &count);
  XIO_ASSERT(status == 0 || errno == EAGAIN);
}

static void on_wake(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  xio_port *port = poll->data;
  take_wake(port);
  hear_bells(port);
  empty(port, false);
}

static void on_closed(uv_handle_t *handle) {
  xio_port *port = handle->data;
  xio_loop *loop = port->loop;
  xio_port_unref(port);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

static void close_port(xio_loop_object *object) {
  xio_port *port = XIO_CONTAINER_OF(object, xio_port, object);
  xio_list_remove(&object->link);
  port->loop->port = NULL;
  empty(port, true);
  while (atomic_load(&port->wakers) != 0) sched_yield(); /* in a call that never waits */
  while (!xio_list_empty(&port->bells)) {
    xio_bell_take(XIO_CONTAINER_OF(port->bells.next, xio_bell, link));
  }
  uv_close((uv_handle_t *)&port->poll, on_closed);
  close(port->wake_fd); /* libuv has stopped watching it */
}

static int open_wake(xio_port *port, xio_loop *loop) {
  port->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (port->wake_fd < 0) return -errno;
  int status = uv_poll_init(loop->uv, &port->poll, port->wake_fd);
  if (status != 0) {
    close(port->wake_fd);
    return status;
  }
  status = uv_poll_start(&port->poll, UV_READABLE, on_wake);
  XIO_ASSERT(status == 0); /* fails only on a handle that is being closed */
  uv_unref((uv_handle_t *)&port->poll);
  port->poll.data = port;
  return XIO_OK;
}

int xio_loop_port(xio_loop *loop, xio_port **out) {
  *out = loop->port;
  if (XIO_LIKELY(*out != NULL)) return XIO_OK;
  xio_allocator heap = xio_alloc_default();
  xio_port *port = xio_alloc_new(&heap, sizeof *port);
  if (port == NULL) return XIO_ENOMEM;
  int status = uv_mutex_init(&port->mutex);
  if (status != 0) goto free_port;
  status = open_wake(port, loop);
  if (status != XIO_OK) goto destroy_mutex;
  port->loop = loop;
  atomic_init(&port->refs, 1);
  atomic_init(&port->wakers, 0);
  atomic_init(&port->closed, false);
  xio_list_init(&port->bells);
  xio_list_init(&port->posted);
  port->object.close = close_port;
  xio_list_init(&port->object.link);
  xio_list_push_back(&loop->objects, &port->object.link);
  xio_loop_handle_opened(loop);
  *out = loop->port = port;
  return XIO_OK;

destroy_mutex:
  uv_mutex_destroy(&port->mutex);
free_port:
  xio_alloc_free(&heap, port, sizeof *port);
  return status;
}

int xio_port_post(xio_port *port, xio_post *post) {
  uv_mutex_lock(&port->mutex);
  if (XIO_UNLIKELY(atomic_load_explicit(&port->closed, memory_order_relaxed))) {
    uv_mutex_unlock(&port->mutex);
    return XIO_ECLOSED;
  }
  xio_list_init(&post->link);
  xio_list_push_back(&port->posted, &post->link);
  bool wakes = !port->woken;
  port->woken = true;
  if (wakes) atomic_fetch_add(&port->wakers, 1);
  uv_mutex_unlock(&port->mutex);
  if (wakes) wake(port); /* the post, and what held the port, may be gone already */
  return XIO_OK;
}

bool xio_port_withdraw(xio_port *port, xio_post *post) {
  uv_mutex_lock(&port->mutex);
  bool was_queued = !xio_list_empty(&post->link);
  xio_list_remove(&post->link);
  uv_mutex_unlock(&port->mutex);
  return was_queued;
}

bool xio_port_closed(const xio_port *port) {
  return atomic_load(&port->closed);
}

void xio_bell_hang(xio_bell *bell, xio_port *port, void (*on_ring)(xio_bell *bell)) {
  xio_list_init(&bell->link);
  bell->port = port;
  bell->on_ring = on_ring;
  atomic_init(&bell->rung, false);
  xio_port_ref(port);
  xio_list_push_back(&port->bells, &bell->link);
}

void xio_bell_take(xio_bell *bell) {
  if (xio_list_empty(&bell->link)) return;
  xio_list_remove(&bell->link);
  xio_port_unref(bell->port);
}

void xio_bell_ring(xio_bell *bell) {
  xio_port *port = bell->port;
  atomic_fetch_add(&port->wakers, 1); /* before `closed` is read, as closing does it */
  atomic_store(&bell->rung, true);
  wake(port);
}

bool xio_port_valid(xio_port *port) {
  uv_mutex_lock(&port->mutex);
  bool is_closed = atomic_load(&port->closed);
  bool is_empty = xio_list_empty(&port->posted);
  bool valid = is_empty || (!is_closed && port->woken);
  uv_mutex_unlock(&port->mutex);
  return valid;
}
