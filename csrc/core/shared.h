/* shared: the base of objects that several threads use, and wait for.
 *
 * An object that embeds an xio_shared has a count of references, a mutex, and queues of
 * those who wait for it. One who waits is an xio_shared_wait: of a task, in any loop; or
 * of a thread without a loop, which blocks in a condition variable (xio_blocker). Waits
 * obey the rule of all waits, the waker commits: under the mutex it takes the wait out
 * of its queue, says how it ended, and gives it an item; from then on the operation took
 * effect. What is left is to tell the task: at once where the waker runs in the very loop
 * (`here`), otherwise by a post. A cancellation or a time limit takes the wait out of its
 * queue under the same mutex; where it finds it gone it is too late.
 *
 * A wait that cannot commit blindly, since it is one of several (a select), watches
 * instead: it is told that something has changed, and looks for itself.
 *
 * As long as only one thread knows an object (it was not exposed), a task that waits for
 * it has nobody outside who could wake it, and a deadlock is seen. Afterwards such waits
 * count in `loop->working`.
 *
 * Owner: counted references; the last one, on any thread, has `free` called. The record
 * of a task's wait is an object of its loop, from preparing to taking. Order of mutexes:
 * an object's, then that of a port or a blocker; never two objects'. Hence nothing of
 * the program's, no message and no other object, is freed while one is held. Invariant
 * (xio_shared_valid): what is in a queue is not committed, and counts in `working`
 * exactly if the object was exposed. */
#ifndef XIO_CORE_SHARED_H
#define XIO_CORE_SHARED_H

#include "port.h"

typedef struct xio_shared xio_shared;
typedef struct xio_shared_wait xio_shared_wait;
typedef struct xio_blocker xio_blocker;

/* What is handed from thread to thread may begin with this. */
typedef struct xio_item xio_item;
struct xio_item {
  xio_item *next; /* for who has it */
};

typedef struct xio_shared_ops {
  /* Nobody refers to the object any more: lets go of it, and calls xio_shared_deinit. Any
   * thread. */
  void (*free)(xio_shared *shared);

  /* Nobody will take `item` from the record of a task: the wait that offered it was
   * withdrawn, or the loop of the one that was given it has ended. Without the mutex, on
   * that loop's thread. NULL where there are no items. */
  void (*lose)(xio_shared *shared, void *item);
} xio_shared_ops;

/* The queues: two for tasks and threads, as their owner likes, one for watchers. */
enum { XIO_SHARED_FIRST, XIO_SHARED_SECOND, XIO_SHARED_WATCHERS, XIO_SHARED_QUEUES };

struct xio_shared {
  const xio_shared_ops *ops;
  atomic_uint refs;
  uv_mutex_t mutex;
  /* guarded by it, as is all that the embedding object adds: */
  bool exposed;
  xio_list queues[XIO_SHARED_QUEUES]; /* of xio_shared_wait */
};

struct xio_shared_wait {
  xio_list link; /* in a queue; guarded by the object's mutex, as are the next four */
  void *item;    /* offered to the waker, or given by it; a task's record owns it */
  uint64_t mark; /* for who owns the queue: through which handle it came */
  int status;    /* with which it was woken */
  bool committed;
  bool counted;       /* in the loop's `working`: loop's thread */
  xio_shared *shared; /* with a reference, if of a task */
  xio_loop *loop;     /* NULL: of a thread without a loop */
  xio_wait *wait;     /* of the task */
  xio_port *port;
  xio_post post; /* tells the loop */
  xio_loop_object object;
  void (*on_ready)(xio_shared_wait *watcher); /* of a watcher */
  void *owner;                                /* of a watcher: for its maker */
  xio_blocker *blocker;
  bool over; /* guarded by the blocker's mutex */
};

/* An object with one reference. XIO_ENOMEM or a status of libuv: it is not one. */
int xio_shared_init(xio_shared *shared, const xio_shared_ops *ops) XIO_WARN_UNUSED;

/* Nobody waits for it. */
void xio_shared_deinit(xio_shared *shared);

/* One more reference, or one less. Any thread, with no object's mutex held. */
void xio_shared_ref(xio_shared *shared);
void xio_shared_unref(xio_shared *shared);

static inline void xio_shared_lock(xio_shared *shared) {
  uv_mutex_lock(&shared->mutex);
}

static inline void xio_shared_unlock(xio_shared *shared) {
  uv_mutex_unlock(&shared->mutex);
}

/* Another thread is about to know the object. Called by the only one that does, without
 * its mutex; harmless afterwards. */
void xio_shared_expose(xio_shared *shared);

/* How many tasks and threads stand in a queue. With its mutex. */
static inline uint32_t xio_shared_count(const xio_shared *shared, int queue) {
  return xio_list_count(&shared->queues[queue]);
}

/* -- waiting in a task; on its loop's thread ----------------------------------------- */

/* Makes what a wait for the object needs, before its mutex is taken. XIO_ENOMEM or a
 * status of libuv: nothing was made. */
int xio_shared_prepare(xio_shared *shared, xio_loop *loop,
                       xio_shared_wait **out) XIO_WARN_UNUSED;

/* Lets go of one that is in no queue, and has no item. Without the mutex. */
void xio_shared_discard(xio_shared_wait *wait);

/* Parks the running task, at the end of a queue. `ops` have xio_shared_abort; the wait's
 * source is the record. With the mutex, which the caller then gives back. */
void xio_shared_park(xio_shared_wait *wait, int queue, xio_task *task,
                     const xio_wait_ops *ops);

/* Withdraws such a wait, whose item is lost; or answers XIO_EBUSY: it was committed. */
int xio_shared_abort(xio_wait *source);

/* A task that was parked goes on: the item that its wait was given, or still has, or
 * NULL; the record is gone. Also where the wait was withdrawn. */
void *xio_shared_take(xio_wait *source);

/* Parks the running task of `loop` in the first queue, unless `is_over` says under the
 * mutex that there is nothing to wait for: XIO_OK. It waits at the latest until `at`
 * (then the status is XIO_ETIMEDOUT). XIO_EAGAIN: it is parked; resumed, it calls
 * xio_shared_take. On any other status it is not. */
int xio_shared_await(xio_shared *shared, bool (*is_over)(const xio_shared *shared),
                     xio_loop *loop, xio_task *task, int64_t at,
                     const xio_wait_ops *ops) XIO_WARN_UNUSED;

/* -- waking; any thread, with the mutex ---------------------------------------------- */

/* The first in a queue, or NULL. */
static inline xio_shared_wait *xio_shared_first(const xio_shared *shared, int queue) {
  const xio_list *head = &shared->queues[queue];
  return xio_list_empty(head) ? NULL
                              : XIO_CONTAINER_OF(head->next, xio_shared_wait, link);
}

/* Commits a wait that is in a queue: it ends with `status`, which is not XIO_ECANCELED or
 * XIO_ETIMEDOUT, and `item`. `here` is the loop in whose task the caller runs, or NULL.
 * What was an item of the wait's before is the caller's. */
void xio_shared_wake(xio_shared_wait *wait, int status, void *item, const xio_loop *here);

/* All of a queue, in order, without items; what they offered stays theirs. */
void xio_shared_wake_all(xio_shared *shared, int queue, int status, const xio_loop *here);

/* Tells all watchers that something has changed; they watch no more. */
void xio_shared_notify(xio_shared *shared);

/* -- watching; on its loop's thread -------------------------------------------------- */

/* Has `on_ready` called on the loop's thread, without the mutex, after the next change. A
 * record that was prepared. With the mutex. */
void xio_shared_watch(xio_shared_wait *watcher, void (*on_ready)(xio_shared_wait *));

/* Watches no more; the record may watch again or be discarded. Without the mutex. */
void xio_shared_unwatch(xio_shared_wait *watcher);

/* -- waiting in a thread without a loop ---------------------------------------------- */

/* What a thread waits with. One reference; XIO_ENOMEM or a status of libuv: none. */
int xio_blocker_new(xio_blocker **out) XIO_WARN_UNUSED;
void xio_blocker_ref(xio_blocker *blocker);
void xio_blocker_unref(xio_blocker *blocker);

/* From now on, or no longer, the thread shall not block: what it waits for ends with
 * XIO_ECANCELED. Any thread; not in a signal handler. */
void xio_blocker_interrupt(xio_blocker *blocker, bool on);
bool xio_blocker_interrupted(xio_blocker *blocker);

/* Blocks the calling thread at the end of a queue until it is woken, for `timeout_ns`
 * (XIO_NEVER: for ever) at the most. `wait` is the caller's, zeroed but for `item` and
 * `mark`. With the mutex, which is given back. The status of waking, with wait->item; or
 * XIO_ETIMEDOUT or XIO_ECANCELED: it had no effect. */
int xio_shared_block(xio_shared *shared, xio_shared_wait *wait, int queue,
                     xio_blocker *blocker, int64_t timeout_ns) XIO_WARN_UNUSED;

/* The same in such a thread: XIO_OK, XIO_ETIMEDOUT or XIO_ECANCELED. */
int xio_shared_await_blocking(xio_shared *shared,
                              bool (*is_over)(const xio_shared *shared),
                              xio_blocker *blocker, int64_t timeout_ns) XIO_WARN_UNUSED;

/* The invariant above. Without the mutex. */
bool xio_shared_valid(xio_shared *shared);

#endif
