/* watch: see watch.h. */
#include "watch.h"

#include <string.h>

struct xio_watch_event {
  xio_list link;
  size_t size; /* of this record */
  int kind;
  char name[];
};

static xio_watch_event *first_event(const xio_watch *watch) {
  return XIO_CONTAINER_OF(watch->events.next, xio_watch_event, link);
}

/* -- waiting ------------------------------------------------------------------------- */

/* Only a task that waits keeps the loop from ending, or from finding a deadlock. */
static void remove_waiter(xio_watch *watch) {
  watch->waiter = NULL;
  uv_unref((uv_handle_t *)&watch->handle);
}

static void wake(xio_watch *watch, int status) {
  xio_waiter *waiter = watch->waiter;
  if (waiter == NULL) return;
  remove_waiter(watch);
  xio_waiter_complete(waiter, status);
}

static int abort_wait(xio_wait *wait) {
  remove_waiter(wait->source);
  return XIO_OK;
}

static const xio_wait_ops ops = {.verb = "watching files", .abort = abort_wait};

int xio_watch_wait(xio_watch *watch, xio_task *task) {
  if (watch->waiter != NULL) return XIO_EBUSY;
  xio_wait_park(&task->wait, &ops, watch);
  watch->waiter = &task->wait.self;
  uv_ref((uv_handle_t *)&watch->handle);
  return XIO_OK;
}

bool xio_watch_valid(const xio_watch *watch) {
  bool any = !xio_list_empty(&watch->events) || watch->lost || watch->status != XIO_OK;
  return (watch->waiter == NULL || !any) &&
         xio_list_count(&watch->events) == watch->count;
}

/* -- events -------------------------------------------------------------------------- */

/* Whether the last event kept says the same. */
static bool is_repeated(const xio_watch *watch, const char *name, int kind) {
  if (xio_list_empty(&watch->events)) return false;
  const xio_watch_event *last =
      XIO_CONTAINER_OF(watch->events.prev, xio_watch_event, link);
  return last->kind == kind && strcmp(last->name, name) == 0;
}

static void keep_event(xio_watch *watch, const char *name, int kind) {
  if (watch->lost || is_repeated(watch, name, kind)) return;
  size_t length = strlen(name);
  xio_watch_event *event = NULL;
  if (watch->count < XIO_WATCH_EVENTS_MAX) {
    event = xio_alloc_new(&watch->alloc, sizeof *event + length + 1);
  }
  if (event == NULL) {
    watch->lost = true;
    return;
  }
  event->size = sizeof *event + length + 1;
  event->kind = kind;
  memcpy(event->name, name, length + 1);
  xio_list_init(&event->link);
  xio_list_push_back(&watch->events, &event->link);
  watch->count++;
}

static void on_event(uv_fs_event_t *handle, const char *name, int events, int status) {
  xio_watch *watch = handle->data;
  if (status < 0) {
    watch->status = status;
  } else {
    int kind = ((events & UV_RENAME) != 0 ? XIO_WATCH_RENAMED : 0) |
               ((events & UV_CHANGE) != 0 ? XIO_WATCH_CHANGED : 0);
    keep_event(watch, name != NULL ? name : "", kind);
  }
  wake(watch, XIO_OK);
}

int xio_watch_first(const xio_watch *watch, int *kind, const char **name) {
  if (watch->closed) return XIO_ECLOSED;
  if (!xio_list_empty(&watch->events)) {
    const xio_watch_event *event = first_event(watch);
    *kind = event->kind;
    *name = event->name;
    return XIO_OK;
  }
  if (watch->lost) {
    *kind = XIO_WATCH_LOST;
    *name = "";
    return XIO_OK;
  }
  return watch->status != XIO_OK ? watch->status : XIO_EAGAIN;
}

void xio_watch_take(xio_watch *watch) {
  if (xio_list_empty(&watch->events)) {
    watch->lost = false;
    return;
  }
  xio_watch_event *event = first_event(watch);
  xio_list_remove(&event->link);
  watch->count--;
  xio_alloc_free(&watch->alloc, event, event->size);
}

/* -- life ---------------------------------------------------------------------------- */

static void free_if_done(xio_watch *watch) {
  if (!watch->gone || !watch->released) return;
  xio_allocator alloc = watch->alloc;
  xio_alloc_free(&alloc, watch, sizeof *watch);
}

static void on_closed(uv_handle_t *handle) {
  xio_watch *watch = handle->data;
  xio_loop *loop = watch->loop;
  watch->gone = true;
  watch->loop = NULL;
  free_if_done(watch);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

bool xio_watch_close(xio_watch *watch) {
  if (watch->closed) return false;
  wake(watch, XIO_ECLOSED);
  while (watch->count != 0) xio_watch_take(watch);
  watch->closed = true;
  xio_list_remove(&watch->object.link);
  uv_close((uv_handle_t *)&watch->handle, on_closed);
  return true;
}

void xio_watch_release(xio_watch *watch) {
  xio_watch_close(watch);
  watch->released = true;
  free_if_done(watch);
}

/* The loop ends: whoever waited is gone, and was withdrawn. */
static void close_object(xio_loop_object *object) {
  xio_watch_close(XIO_CONTAINER_OF(object, xio_watch, object));
}

int xio_watch_open(xio_watch **out, xio_loop *loop, const char *path) {
  xio_watch *watch = xio_alloc_new(&loop->alloc, sizeof *watch);
  if (watch == NULL) return XIO_ENOMEM;
  watch->loop = loop;
  watch->alloc = loop->alloc;
  watch->object.close = close_object;
  xio_list_init(&watch->events);
  xio_list_init(&watch->object.link);
  uv_fs_event_init(loop->uv, &watch->handle); /* always succeeds */
  watch->handle.data = watch;
  xio_loop_handle_opened(loop);
  int status = uv_fs_event_start(&watch->handle, on_event, path, 0);
  uv_unref((uv_handle_t *)&watch->handle);
  if (status != 0) {
    xio_watch_release(watch);
    return status;
  }
  xio_list_push_back(&loop->objects, &watch->object.link);
  *out = watch;
  return XIO_OK;
}
