/* shared: see shared.h. */
#include "shared.h"

struct xio_blocker {
  atomic_uint refs;
  uv_mutex_t mutex;
  uv_cond_t changed;
  bool interrupted; /* guarded by it */
};

int xio_shared_init(xio_shared *shared, const xio_shared_ops *ops) {
  int status = uv_mutex_init(&shared->mutex);
  if (status != 0) return status;
  shared->ops = ops;
  shared->exposed = false;
  atomic_init(&shared->refs, 1);
  for (int i = 0; i < XIO_SHARED_QUEUES; i++) xio_list_init(&shared->queues[i]);
  return XIO_OK;
}

void xio_shared_deinit(xio_shared *shared) {
  for (int i = 0; i < XIO_SHARED_QUEUES; i++) {
    XIO_ASSERT(xio_list_empty(&shared->queues[i]));
  }
  uv_mutex_destroy(&shared->mutex);
}

void xio_shared_ref(xio_shared *shared) {
  atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
}

void xio_shared_unref(xio_shared *shared) {
  if (atomic_fetch_sub_explicit(&shared->refs, 1, memory_order_acq_rel) == 1) {
    shared->ops->free(shared);
  }
}

static xio_shared_wait *wait_at(xio_list *link) {
  return XIO_CONTAINER_OF(link, xio_shared_wait, link);
}

static void count(xio_shared_wait *wait) {
  wait->counted = true;
  wait->loop->working++;
}

static void uncount(xio_shared_wait *wait) {
  if (!wait->counted) return;
  wait->counted = false;
  wait->loop->working--;
}

void xio_shared_expose(xio_shared *shared) {
  xio_shared_lock(shared);
  for (int i = 0; !shared->exposed && i < XIO_SHARED_QUEUES; i++) {
    xio_list *queue = &shared->queues[i];
    for (xio_list *node = queue->next; node != queue; node = node->next) {
      if (wait_at(node)->loop != NULL) count(wait_at(node));
    }
  }
  shared->exposed = true;
  xio_shared_unlock(shared);
}

/* -- waiting in a task --------------------------------------------------------------- */

/* The task goes on, or the watcher looks. */
static void finish(xio_shared_wait *wait) {
  uncount(wait);
  if (wait->on_ready != NULL) {
    wait->on_ready(wait);
  } else {
    wait->wait->won = true; /* it was given something, perhaps */
    xio_wait_complete(wait->wait, wait->status);
  }
}

static void deliver(xio_post *post) {
  finish(XIO_CONTAINER_OF(post, xio_shared_wait, post));
}

/* The record is closed as an object of the loop. */
static void drop(xio_post *post) {
  uncount(XIO_CONTAINER_OF(post, xio_shared_wait, post));
}

/* The record of a task that will not go on from it. */
static void lose(xio_shared_wait *wait) {
  uncount(wait);
  if (wait->item != NULL) wait->shared->ops->lose(wait->shared, wait->item);
  wait->item = NULL;
  xio_shared_discard(wait);
}

/* The loop ends, and what the task was given with it. */
static void close_wait(xio_loop_object *object) {
  xio_shared_wait *wait = XIO_CONTAINER_OF(object, xio_shared_wait, object);
  xio_shared_unwatch(wait); /* or leave another queue: it could not be withdrawn before */
  lose(wait);
}

int xio_shared_prepare(xio_shared *shared, xio_loop *loop, xio_shared_wait **out) {
  xio_port *port = NULL;
  int status = xio_loop_port(loop, &port);
  if (status != XIO_OK) return status;
  xio_shared_wait *wait = xio_alloc_new(&loop->alloc, sizeof *wait);
  if (wait == NULL) return XIO_ENOMEM;
  xio_shared_ref(shared);
  xio_port_ref(port);
  wait->shared = shared;
  wait->loop = loop;
  wait->port = port;
  wait->post = (xio_post){.deliver = deliver, .drop = drop};
  wait->object.close = close_wait;
  xio_list_init(&wait->link);
  xio_list_init(&wait->post.link);
  xio_list_init(&wait->object.link);
  xio_list_push_back(&loop->objects, &wait->object.link);
  *out = wait;
  return XIO_OK;
}

void xio_shared_discard(xio_shared_wait *wait) {
  XIO_ASSERT(xio_list_empty(&wait->link) && !wait->counted && wait->item == NULL);
  xio_shared *shared = wait->shared;
  xio_port *port = wait->port;
  xio_list_remove(&wait->object.link);
  xio_alloc_free(&wait->loop->alloc, wait, sizeof *wait);
  xio_port_unref(port);
  xio_shared_unref(shared);
}

static void enter(xio_shared_wait *wait, int queue) {
  wait->committed = false;
  if (wait->shared->exposed) count(wait);
  xio_list_push_back(&wait->shared->queues[queue], &wait->link);
}

void xio_shared_park(xio_shared_wait *wait, int queue, xio_task *task,
                     const xio_wait_ops *ops) {
  wait->wait = &task->wait;
  xio_wait_park(&task->wait, ops, wait);
  enter(wait, queue);
}

int xio_shared_abort(xio_wait *source) {
  xio_shared_wait *wait = source->source;
  xio_shared *shared = wait->shared;
  xio_shared_lock(shared);
  bool committed = wait->committed;
  if (!committed) xio_list_remove(&wait->link);
  xio_shared_unlock(shared);
  if (committed) return XIO_EBUSY;
  source->source = NULL;
  lose(wait);
  return XIO_OK;
}

void *xio_shared_take(xio_wait *source) {
  xio_shared_wait *wait = source->source;
  if (wait == NULL) return NULL; /* it was withdrawn */
  void *item = wait->item;
  wait->item = NULL;
  source->source = NULL;
  xio_shared_discard(wait);
  return item;
}

int xio_shared_await(xio_shared *shared, bool (*is_over)(const xio_shared *shared),
                     xio_loop *loop, xio_task *task, int64_t at,
                     const xio_wait_ops *ops) {
  xio_shared_wait *wait = NULL;
  int status = xio_shared_prepare(shared, loop, &wait);
  if (status != XIO_OK) return status;
  status = xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT);
  if (status != XIO_OK) {
    xio_shared_discard(wait);
    return status;
  }
  xio_shared_lock(shared);
  bool over = is_over(shared);
  if (!over) xio_shared_park(wait, XIO_SHARED_FIRST, task, ops);
  xio_shared_unlock(shared);
  if (!over) return XIO_EAGAIN;
  xio_wait_unlimit(&task->wait);
  xio_shared_discard(wait);
  return XIO_OK;
}

/* -- waking -------------------------------------------------------------------------- */

void xio_shared_wake(xio_shared_wait *wait, int status, void *item,
                     const xio_loop *here) {
  xio_list_remove(&wait->link);
  wait->committed = true;
  wait->status = status;
  wait->item = item;
  if (wait->blocker != NULL) {
    xio_blocker *blocker = wait->blocker;
    uv_mutex_lock(&blocker->mutex);
    wait->over = true;
    uv_cond_signal(&blocker->changed);
    uv_mutex_unlock(&blocker->mutex);
  } else if (wait->loop == here) {
    finish(wait);
  } else {
    int posted = xio_port_post(wait->port, &wait->post);
    (void)posted; /* its loop is just ending, and takes the record down */
  }
}

void xio_shared_wake_all(xio_shared *shared, int queue, int status,
                         const xio_loop *here) {
  for (xio_shared_wait *wait; (wait = xio_shared_first(shared, queue)) != NULL;) {
    xio_shared_wake(wait, status, wait->item, here);
  }
}

/* -- watching ------------------------------------------------------------------------ */

void xio_shared_watch(xio_shared_wait *watcher, void (*on_ready)(xio_shared_wait *)) {
  watcher->on_ready = on_ready;
  enter(watcher, XIO_SHARED_WATCHERS);
}

void xio_shared_unwatch(xio_shared_wait *watcher) {
  xio_shared_lock(watcher->shared);
  xio_list_remove(&watcher->link);
  xio_shared_unlock(watcher->shared);
  xio_port_withdraw(watcher->port, &watcher->post);
  uncount(watcher);
}

/* Never here and now: a watcher takes the mutex that the caller has. */
void xio_shared_notify(xio_shared *shared) {
  for (xio_shared_wait *wait;
       (wait = xio_shared_first(shared, XIO_SHARED_WATCHERS)) != NULL;) {
    xio_list_remove(&wait->link);
    int posted = xio_port_post(wait->port, &wait->post);
    (void)posted; /* its loop is just ending, and takes it down */
  }
}

/* -- waiting in a thread without a loop ---------------------------------------------- */

int xio_blocker_new(xio_blocker **out) {
  xio_allocator heap = xio_alloc_default();
  xio_blocker *blocker = xio_alloc_new(&heap, sizeof *blocker);
  if (blocker == NULL) return XIO_ENOMEM;
  int status = uv_mutex_init(&blocker->mutex);
  if (status != 0) goto free_blocker;
  status = uv_cond_init(&blocker->changed);
  if (status != 0) goto destroy_mutex;
  atomic_init(&blocker->refs, 1);
  *out = blocker;
  return XIO_OK;

destroy_mutex:
  uv_mutex_destroy(&blocker->mutex);
free_blocker:
  xio_alloc_free(&heap, blocker, sizeof *blocker);
  return status;
}

void xio_blocker_ref(xio_blocker *blocker) {
  atomic_fetch_add_explicit(&blocker->refs, 1, memory_order_relaxed);
}

void xio_blocker_unref(xio_blocker *blocker) {
  if (atomic_fetch_sub_explicit(&blocker->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  uv_cond_destroy(&blocker->changed);
  uv_mutex_destroy(&blocker->mutex);
  xio_alloc_free(&heap, blocker, sizeof *blocker);
}

void xio_blocker_interrupt(xio_blocker *blocker, bool on) {
  uv_mutex_lock(&blocker->mutex);
  blocker->interrupted = on;
  if (on) uv_cond_signal(&blocker->changed);
  uv_mutex_unlock(&blocker->mutex);
}

bool xio_blocker_interrupted(xio_blocker *blocker) {
  uv_mutex_lock(&blocker->mutex);
  bool interrupted = blocker->interrupted;
  uv_mutex_unlock(&blocker->mutex);
  return interrupted;
}

/* Blocks until `wait` is over, or something else ends that: XIO_OK or why. */
static int block(xio_blocker *blocker, const xio_shared_wait *wait, int64_t timeout_ns) {
  static const xio_clock real = {.is_virtual = false};
  int64_t until = xio_clock_after(&real, timeout_ns);
  int status = XIO_OK;
  uv_mutex_lock(&blocker->mutex);
  while (!wait->over && status == XIO_OK) {
    int64_t left = until == XIO_NEVER ? 1 : until - xio_clock_now(&real);
    if (blocker->interrupted) {
      status = XIO_ECANCELED;
    } else if (left <= 0) {
      status = XIO_ETIMEDOUT;
    } else if (until == XIO_NEVER) {
      uv_cond_wait(&blocker->changed, &blocker->mutex);
    } else {
      (void)uv_cond_timedwait(&blocker->changed, &blocker->mutex, (uint64_t)left);
    }
  }
  uv_mutex_unlock(&blocker->mutex);
  return status;
}

int xio_shared_block(xio_shared *shared, xio_shared_wait *wait, int queue,
                     xio_blocker *blocker, int64_t timeout_ns) {
  wait->blocker = blocker;
  wait->shared = shared;
  xio_list_push_back(&shared->queues[queue], &wait->link);
  xio_shared_unlock(shared);
  int status = block(blocker, wait, timeout_ns);
  /* also where it was woken: the waker has the mutex until it is done with the wait */
  xio_shared_lock(shared);
  if (wait->committed) {
    status = wait->status;
  } else {
    xio_list_remove(&wait->link);
  }
  xio_shared_unlock(shared);
  return status;
}

int xio_shared_await_blocking(xio_shared *shared,
                              bool (*is_over)(const xio_shared *shared),
                              xio_blocker *blocker, int64_t timeout_ns) {
  xio_shared_wait wait = {0};
  xio_shared_lock(shared);
  if (!is_over(shared)) {
    return xio_shared_block(shared, &wait, XIO_SHARED_FIRST, blocker, timeout_ns);
  }
  xio_shared_unlock(shared);
  return XIO_OK;
}

/* -- checking ------------------------------------------------------------------------ */

bool xio_shared_valid(xio_shared *shared) {
  bool valid = true;
  xio_shared_lock(shared);
  for (int i = 0; i < XIO_SHARED_QUEUES; i++) {
    xio_list *queue = &shared->queues[i];
    for (xio_list *node = queue->next; node != queue; node = node->next) {
      const xio_shared_wait *wait = wait_at(node);
      bool counts = wait->loop != NULL && shared->exposed;
      valid = valid && !wait->committed && wait->shared == shared &&
              wait->counted == counts && (wait->loop != NULL || wait->blocker != NULL);
    }
  }
  xio_shared_unlock(shared);
  return valid;
}
