/* lock: see lock.h. */
#include "lock.h"

/* The task has not seen what the lock protects. */
static int forgo(xio_wait *wait) {
  return xio_lock_release(wait->source, xio_task_of(wait));
}

static const xio_wait_ops lock_ops = {
    .verb = "lock", .abort = xio_wait_abort_plain, .forgo = forgo};

static int abort_never(xio_wait *wait) {
  (void)wait;
  return XIO_EBUSY;
}

static const xio_wait_ops again_ops = {.verb = "lock", .abort = abort_never};

void xio_lock_init(xio_lock *lock) {
  xio_list_init(&lock->waiters);
  xio_list_init(&lock->held);
  lock->owner = NULL;
  lock->left_by = 0;
}

static xio_lock *lock_at(xio_list *held) {
  return XIO_CONTAINER_OF(held, xio_lock, held);
}

static void take(xio_lock *lock, xio_task *task) {
  lock->owner = task;
  task->locked = true;
  xio_list_push_back(&task->wait.queue->locks, &lock->held);
}

/* The owner has the lock no longer. */
static void drop(xio_lock *lock) {
  xio_list_remove(&lock->held);
  lock->owner = NULL;
}

void xio_lock_deinit(xio_lock *lock) {
  if (lock->owner != NULL) drop(lock);
}

int xio_lock_try(xio_lock *lock, xio_task *task) {
  if (XIO_UNLIKELY(lock->left_by != 0)) return XIO_EOWNERDEAD;
  if (lock->owner != NULL) return lock->owner == task ? XIO_EDEADLK : XIO_EBUSY;
  take(lock, task);
  return XIO_OK;
}

static void wait_for(xio_lock *lock, xio_task *task, const xio_wait_ops *ops) {
  XIO_ASSERT(lock->owner != NULL && lock->owner != task);
  xio_wait_park(&task->wait, ops, lock);
  xio_list_push_back(&lock->waiters, &task->wait.self.link);
}

void xio_lock_wait(xio_lock *lock, xio_task *task) {
  wait_for(lock, task, &lock_ops);
}

void xio_lock_wait_again(xio_lock *lock, xio_task *task) {
  wait_for(lock, task, &again_ops);
  if (task->wait.scope->effective) xio_wait_abort(&task->wait); /* it has been told */
}

void xio_lock_requeue(xio_lock *lock, xio_wait *wait) {
  XIO_ASSERT(wait->state == XIO_WAIT_PARKED && lock->owner != NULL);
  wait->ops = &again_ops;
  wait->source = lock;
  xio_list_push_back(&lock->waiters, &wait->self.link);
}

int xio_lock_release(xio_lock *lock, xio_task *task) {
  if (lock->owner != task) return XIO_EINVAL;
  drop(lock);
  xio_waiter *next = xio_waiter_first(&lock->waiters);
  if (next == NULL) return XIO_OK;
  take(lock, xio_task_of(next->wait));
  xio_waiter_complete(next, XIO_OK);
  return XIO_OK;
}

void xio_lock_break_all(xio_task *task) {
  xio_list *locks = &task->wait.queue->locks;
  for (xio_list *node = locks->next, *next; node != locks; node = next) {
    xio_lock *lock = lock_at(node);
    next = node->next;
    if (lock->owner != task) continue;
    drop(lock);
    lock->left_by = task->id;
    xio_waiter_complete_all(&lock->waiters, XIO_EOWNERDEAD);
  }
}

xio_task *xio_lock_awaited(const xio_task *task) {
  const xio_wait *wait = &task->wait;
  if (wait->state != XIO_WAIT_PARKED) return NULL;
  if (wait->ops != &lock_ops && wait->ops != &again_ops) return NULL;
  return ((xio_lock *)wait->source)->owner;
}

bool xio_lock_valid(const xio_lock *lock) {
  if (lock->owner == NULL) {
    return xio_list_empty(&lock->waiters) && xio_list_empty(&lock->held);
  }
  return lock->left_by == 0 && lock->owner->locked;
}

bool xio_lock_held_valid(const xio_runqueue *queue) {
  const xio_list *locks = &queue->locks;
  for (const xio_list *node = locks->next; node != locks; node = node->next) {
    if (node->next->prev != node) return false;
    const xio_lock *lock = XIO_CONTAINER_OF(node, xio_lock, held);
    if (lock->owner == NULL || !xio_lock_valid(lock)) return false;
    if (lock->owner->wait.queue != queue) return false;
  }
  return true;
}
