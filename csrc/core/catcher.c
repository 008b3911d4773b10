/* catcher: see catcher.h. */
#include "catcher.h"

typedef struct caught {
  xio_hook hook;
  xio_list queued; /* in the catcher's queue, or alone */
  xio_catcher *catcher;
} caught;

struct xio_catcher {
  xio_loop_object object;
  xio_loop *loop;
  xio_catcher **owner;
  xio_list queue;     /* of caught */
  xio_waiter *reader; /* parked, or woken and about to take; NULL: none */
  int count, open_handles;
  caught all[];
};

static size_t size_of(int count) {
  return sizeof(xio_catcher) + (size_t)count * sizeof(caught);
}

static uv_handle_t *first_handle(xio_catcher *catcher) {
  return (uv_handle_t *)&catcher->all[0].hook.handle;
}

static int abort_wait(xio_wait *wait) {
  xio_catcher *catcher = wait->source;
  catcher->reader = NULL;
  uv_unref(first_handle(catcher));
  return XIO_OK;
}

/* The signal is still in the queue. */
static int forgo_wait(xio_wait *wait) {
  xio_catcher *catcher = wait->source;
  if (catcher != NULL) catcher->reader = NULL;
  return XIO_OK;
}

static const xio_wait_ops wait_ops = {
    .verb = "signal", .abort = abort_wait, .forgo = forgo_wait};

static bool is_parked(const xio_waiter *reader) {
  return reader != NULL && reader->wait->state == XIO_WAIT_PARKED;
}

static void on_caught(xio_hook *hook) {
  caught *signal = XIO_CONTAINER_OF(hook, caught, hook);
  xio_catcher *catcher = signal->catcher;
  if (!xio_list_empty(&signal->queued)) return;
  xio_list_push_back(&catcher->queue, &signal->queued);
  if (!is_parked(catcher->reader)) return;
  uv_unref(first_handle(catcher));
  xio_waiter_complete(catcher->reader, XIO_OK);
}

static void on_closed(uv_handle_t *handle) {
  xio_catcher *catcher = handle->data;
  xio_loop *loop = catcher->loop;
  if (--catcher->open_handles == 0) {
    xio_allocator alloc = loop->alloc;
    xio_alloc_free(&alloc, catcher, size_of(catcher->count));
  }
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* Somebody else shall see a signal that nobody has read. `told` says that the other hooks
 * of the loop have been told of it, or will be. */
static void hand_on(const caught *signal, bool told) {
  const xio_hook *hook = &signal->hook;
  if (xio_hook_other(hook, false) != NULL) return;
  if (told && xio_hook_other(hook, true) != NULL) return;
  if (!told && xio_signals_deliver(hook->loop, hook->signum)) return;
  (void)raise(hook->signum);
}

/* Closes the signals that were opened. All are stopped first, so that one that is handed
 * on meets none of them. */
static void close_all(xio_catcher *catcher) {
  int count = catcher->open_handles;
  for (int i = 0; i < count; i++) xio_hook_stop(&catcher->all[i].hook);
  for (int i = 0; i < count; i++) {
    caught *signal = &catcher->all[i];
    bool queued = !xio_list_empty(&signal->queued);
    bool missed = xio_hook_missed(&signal->hook);
    xio_list_remove(&signal->queued);
    if (queued || missed) hand_on(signal, missed);
  }
  for (int i = 0; i < count; i++) xio_hook_close(&catcher->all[i].hook, on_closed);
}

void xio_catcher_close(xio_catcher *catcher) {
  xio_waiter *reader = catcher->reader;
  *catcher->owner = NULL;
  catcher->reader = NULL;
  xio_list_remove(&catcher->object.link);
  if (is_parked(reader)) {
    uv_unref(first_handle(catcher));
    xio_waiter_complete(reader, XIO_ECLOSED);
  } else if (reader != NULL) {
    reader->wait->source = NULL;
  }
  close_all(catcher);
}

static void close_object(xio_loop_object *object) {
  xio_catcher_close(XIO_CONTAINER_OF(object, xio_catcher, object));
}

int xio_catcher_open(xio_catcher **owner, xio_loop *loop, const int *signums, int count) {
  xio_catcher *catcher = xio_alloc_new(&loop->alloc, size_of(count));
  if (catcher == NULL) return XIO_ENOMEM;
  catcher->loop = loop;
  catcher->owner = owner;
  catcher->count = count;
  xio_list_init(&catcher->queue);
  xio_list_init(&catcher->object.link);
  for (int i = 0; i < count; i++) xio_list_init(&catcher->all[i].queued);
  int status = XIO_OK;
  for (int i = 0; i < count && status == XIO_OK; i++) {
    caught *signal = &catcher->all[i];
    status = xio_hook_init(&signal->hook, loop, signums[i], on_caught);
    if (status != XIO_OK) break;
    signal->catcher = catcher;
    signal->hook.handle.data = catcher;
    catcher->open_handles++;
    status = xio_hook_start(&signal->hook);
  }
  if (status == XIO_OK) {
    catcher->object.close = close_object;
    xio_list_push_back(&loop->objects, &catcher->object.link);
    *owner = catcher;
  } else if (catcher->open_handles != 0) {
    close_all(catcher);
  } else {
    xio_alloc_free(&loop->alloc, catcher, size_of(count));
  }
  return status;
}

int xio_catcher_take(xio_catcher *catcher) {
  catcher->reader = NULL;
  if (xio_list_empty(&catcher->queue)) return 0;
  caught *signal = XIO_CONTAINER_OF(catcher->queue.next, caught, queued);
  xio_list_remove(&signal->queued);
  return signal->hook.signum;
}

bool xio_catcher_busy(const xio_catcher *catcher) {
  return catcher->reader != NULL;
}

int xio_catcher_wait(xio_catcher *catcher, xio_task *task, int64_t at) {
  if (catcher->reader != NULL) return XIO_EBUSY;
  XIO_ASSERT(xio_list_empty(&catcher->queue));
  int status = xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT);
  if (status != XIO_OK) return status;
  /* nothing below can fail */
  xio_wait_park(&task->wait, &wait_ops, catcher);
  catcher->reader = &task->wait.self;
  uv_ref(first_handle(catcher));
  return XIO_OK;
}

void xio_catcher_promise(xio_catcher *catcher, xio_task *task) {
  XIO_ASSERT(catcher->reader == NULL && !xio_list_empty(&catcher->queue));
  xio_wait_park(&task->wait, &wait_ops, catcher);
  catcher->reader = &task->wait.self;
  xio_waiter_complete(catcher->reader, XIO_OK);
}

uint32_t xio_catcher_queued(const xio_catcher *catcher) {
  return xio_list_count(&catcher->queue);
}

uint32_t xio_catcher_untaken(const xio_catcher *catcher) {
  uint32_t count = 0;
  for (int i = 0; i < catcher->count; i++) {
    const caught *signal = &catcher->all[i];
    count += !xio_list_empty(&signal->queued) || xio_hook_missed(&signal->hook);
  }
  return count;
}

xio_loop *xio_catcher_loop(const xio_catcher *catcher) {
  return catcher->loop;
}

bool xio_catcher_valid(const xio_catcher *catcher) {
  if (is_parked(catcher->reader)) {
    return xio_list_empty(&catcher->queue) && catcher->reader->wait->source == catcher &&
           uv_has_ref((const uv_handle_t *)&catcher->all[0].hook.handle) != 0;
  }
  return catcher->count == catcher->open_handles;
}
