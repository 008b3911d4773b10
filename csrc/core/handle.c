/* handle: see handle.h.
 *
 * What the set tells is worked off in goes of 64, in which no task runs, so that a handle
 * cannot be closed, nor its memory used again, between the kernel's telling and ours. */
#include "handle.h"

#include <sys/epoll.h>
#include <unistd.h>

enum {
  EVENTS_MAX = 64,   /* taken from the kernel at once: as many as a turn resumes tasks */
  HANDLES_AHEAD = 8, /* of the one that is delivered, when they are fetched */
  WAITS_AHEAD = 4
};

struct xio_handle_set {
  xio_loop_object object;
  xio_loop *loop;
  uv_poll_t poll; /* watches `epoll`; referenced while somebody waits */
  int epoll;
  uint32_t waiters; /* for all handles */
};

static void remove_waiter(xio_handle *handle, xio_fd_side side) {
  xio_handle_set *set = handle->loop->handle_set;
  handle->waiting[side] = NULL;
  if (--set->waiters == 0) uv_unref((uv_handle_t *)&set->poll);
}

static inline void wake(xio_handle *handle, xio_fd_side side, int status) {
  xio_waiter *waiter = handle->waiting[side];
  remove_waiter(handle, side);
  xio_wait_complete(waiter->wait, status); /* its one entry, and in no queue */
}

static inline void announce(xio_handle *handle, xio_fd_side side) {
  if (XIO_LIKELY(handle->waiting[side] != NULL)) {
    wake(handle, side, XIO_OK);
  } else {
    handle->ready[side] = true;
  }
}

/* What the kernel tells of one handle. The end and errors are for both sides. */
static void deliver(xio_handle *handle, uint32_t events) {
  const uint32_t over = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & over) != 0) handle->hung = true;
  if ((events & (EPOLLIN | over)) != 0) announce(handle, XIO_FD_READ);
  if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) announce(handle, XIO_FD_WRITE);
}

/* Delivers what the kernel tells of `count` handles. With many connections what belongs
 * to one is far from the processor: it is fetched while those before it are delivered. */
static void deliver_all(const struct epoll_event *list, int count) {
  for (int i = -HANDLES_AHEAD; i < count; i++) {
    if (i + HANDLES_AHEAD < count) {
      __builtin_prefetch(list[i + HANDLES_AHEAD].data.ptr);
    }
    if (i + WAITS_AHEAD >= 0 && i + WAITS_AHEAD < count) {
      const xio_handle *handle = list[i + WAITS_AHEAD].data.ptr;
      __builtin_prefetch(handle->waiting[XIO_FD_READ]);
    }
    if (i >= 0) deliver(list[i].data.ptr, list[i].events);
  }
}

/* The set has something to tell. libuv looks at its state: what is left is told again,
 * once the tasks that are ready now have run, while they are in the processor's cache. */
static void on_events(uv_poll_t *poll, int status, int events) {
  (void)status;
  (void)events;
  xio_handle_set *set = poll->data;
  struct epoll_event list[EVENTS_MAX];
  deliver_all(list, epoll_wait(set->epoll, list, EVENTS_MAX, 0));
}

static void on_set_closed(uv_handle_t *uv) {
  xio_handle_set *set = uv->data;
  xio_loop *loop = set->loop;
  xio_allocator alloc = loop->alloc;
  xio_alloc_free(&alloc, set, sizeof *set);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* The loop ends, and with it, behind this, its handles. */
static void close_set(xio_loop_object *object) {
  xio_handle_set *set = XIO_CONTAINER_OF(object, xio_handle_set, object);
  xio_list_remove(&object->link);
  uv_close((uv_handle_t *)&set->poll, on_set_closed);
  close(set->epoll); /* libuv has stopped watching it */
  set->epoll = -1;
}

/* The loop's set, made when first asked for. */
static int get_set(xio_handle_set **out, xio_loop *loop) {
  *out = loop->handle_set;
  if (XIO_LIKELY(*out != NULL)) return XIO_OK;
  xio_handle_set *set = xio_alloc_new(&loop->alloc, sizeof *set);
  if (set == NULL) return XIO_ENOMEM;
  int status = XIO_OK;
  set->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (set->epoll < 0) {
    status = -errno;
    goto free_set;
  }
  status = uv_poll_init(loop->uv, &set->poll, set->epoll);
  if (status != 0) goto close_epoll;
  status = uv_poll_start(&set->poll, UV_READABLE, on_events);
  XIO_ASSERT(status == 0); /* fails only on a handle that is being closed */
  uv_unref((uv_handle_t *)&set->poll);
  set->poll.data = set;
  set->loop = loop;
  set->object.close = close_set;
  xio_list_init(&set->object.link);
  xio_list_push_back(&loop->objects, &set->object.link);
  xio_loop_handle_opened(loop);
  *out = loop->handle_set = set;
  return XIO_OK;

close_epoll:
  close(set->epoll);
free_set:
  xio_alloc_free(&loop->alloc, set, sizeof *set);
  return status;
}

static void close_object(xio_loop_object *object) {
  xio_handle_close(XIO_CONTAINER_OF(object, xio_handle, object));
}

/* Says which events the set shall tell of. */
static int control(xio_handle *handle, const xio_handle_set *set, int what) {
  uint32_t events = EPOLLIN | EPOLLRDHUP | EPOLLET | (handle->writes ? EPOLLOUT : 0);
  struct epoll_event event = {.events = events, .data.ptr = handle};
  return epoll_ctl(set->epoll, what, handle->number, &event) == 0 ? XIO_OK : -errno;
}

int xio_handle_open(xio_handle *handle, xio_loop *loop, int number) {
  xio_handle_set *set = NULL;
  int status = get_set(&set, loop);
  if (status != XIO_OK) return status;
  *handle = (xio_handle){.loop = loop, .number = number};
  status = control(handle, set, EPOLL_CTL_ADD);
  if (status != XIO_OK) return status;
  handle->object.close = close_object;
  xio_list_init(&handle->object.link);
  xio_list_push_back(&loop->objects, &handle->object.link);
  return XIO_OK;
}

int xio_handle_abort(xio_wait *wait) {
  xio_handle *handle = wait->source;
  bool reads = handle->waiting[XIO_FD_READ] == &wait->self;
  remove_waiter(handle, reads ? XIO_FD_READ : XIO_FD_WRITE);
  return XIO_OK;
}

/* Room to write is announced from the first time on that somebody has to wait for it: it
 * comes with every change of what peers have read. */
static int announce_room(xio_handle *handle) {
  handle->writes = true;
  int status = control(handle, handle->loop->handle_set, EPOLL_CTL_MOD);
  if (status != XIO_OK) handle->writes = false;
  return status;
}

int xio_handle_wait(xio_handle *handle, xio_fd_side side, xio_task *task, int64_t at,
                    const xio_wait_ops *ops) {
  xio_wait *wait = &task->wait;
  if (XIO_UNLIKELY(handle->number < 0)) return XIO_ECLOSED;
  if (XIO_UNLIKELY(handle->waiting[side] != NULL)) return XIO_EBUSY;
  if (handle->ready[side]) {
    handle->ready[side] = false;
    return XIO_EAGAIN;
  }
  int status = XIO_OK;
  if (at != XIO_NEVER) status = xio_wait_limit(wait, at, XIO_ETIMEDOUT);
  if (status == XIO_OK && side == XIO_FD_WRITE && !handle->writes) {
    status = announce_room(handle);
    if (status != XIO_OK) xio_wait_unlimit(wait);
  }
  if (XIO_UNLIKELY(status != XIO_OK)) return status;
  /* nothing below can fail */
  xio_handle_set *set = handle->loop->handle_set;
  xio_wait_park(wait, ops, handle);
  handle->waiting[side] = &wait->self;
  if (set->waiters++ == 0) uv_ref((uv_handle_t *)&set->poll);
  return XIO_OK;
}

bool xio_handle_close(xio_handle *handle) {
  if (handle->number < 0) return false;
  xio_handle_set *set = handle->loop->handle_set;
  for (int side = XIO_FD_READ; side <= XIO_FD_WRITE; side++) {
    if (handle->waiting[side] != NULL) wake(handle, (xio_fd_side)side, XIO_ECLOSED);
  }
  xio_list_remove(&handle->object.link);
  /* not left to close(): a process that is just being started may have a copy */
  if (set->epoll >= 0) control(handle, set, EPOLL_CTL_DEL);
  close(handle->number);
  handle->number = -1;
  handle->loop = NULL;
  return true;
}

bool xio_handle_valid(const xio_handle *handle) {
  for (int side = XIO_FD_READ; side <= XIO_FD_WRITE; side++) {
    const xio_waiter *waiter = handle->waiting[side];
    if (waiter == NULL) continue;
    if (handle->number < 0 || waiter->wait->state != XIO_WAIT_PARKED ||
        waiter->wait->source != handle || waiter->wait->queue != &handle->loop->queue) {
      return false;
    }
  }
  return handle->number < 0 || handle->loop->handle_set->waiters != 0 ||
         (handle->waiting[XIO_FD_READ] == NULL && handle->waiting[XIO_FD_WRITE] == NULL);
}
