/* lock: one task at a time owns it.
 *
 * Releasing hands it to the first waiter in the same step (no barging). A task knows the
 * locks that it owns; those that it has not released when it ends are broken for good:
 * whoever waits, or comes later, is told XIO_EOWNERDEAD, since what the lock protects
 * was left in an unknown state. One that was only just handed to a task of a loop that
 * ends is handed on instead.
 *
 * Invariants (xio_lock_valid, and of all locks of a task xio_lock_held_valid): a lock
 * with waiters has an owner; it is in the list `locks` of its owner and of nobody else;
 * a broken one has neither. A lock belongs to who embeds it; tasks of several loops of
 * one thread may use it. One thread. */
#ifndef XIO_CORE_LOCK_H
#define XIO_CORE_LOCK_H

#include "task.h"

typedef struct xio_lock {
  xio_list waiters; /* of xio_waiter, in order of coming */
  xio_task *owner;  /* NULL: free, or broken */
  xio_list held;    /* in the list of the owner's run queue */
  uint64_t
      left_by; /* id of the task that ended without releasing it: it is broken; or 0 */
} xio_lock;

/* A free lock. */
void xio_lock_init(xio_lock *lock);

/* The memory of `lock` goes: its owner, if there is one, forgets it. Nobody waits. */
void xio_lock_deinit(xio_lock *lock);

/* Takes the lock for `task` where it is free. XIO_EBUSY: another task owns it;
 * XIO_EDEADLK: `task` itself does; XIO_EOWNERDEAD: it is broken. Only XIO_OK changes
 * anything. */
int xio_lock_try(xio_lock *lock, xio_task *task) XIO_WARN_UNUSED;

/* Parks the running task until it is handed the lock, which another task owns; or until
 * that ends without releasing it: XIO_EOWNERDEAD. */
void xio_lock_wait(xio_lock *lock, xio_task *task);

/* The same where the task must have the lock again, so that no cancellation withdraws
 * it. */
void xio_lock_wait_again(xio_lock *lock, xio_task *task);

/* Lets a parked wait, which is in no queue and has no time limit, go on as one of
 * xio_lock_wait_again. */
void xio_lock_requeue(xio_lock *lock, xio_wait *wait);

/* Hands the lock to the first waiter, or frees it. XIO_EINVAL: `task` does not own it. */
int xio_lock_release(xio_lock *lock, xio_task *task) XIO_WARN_UNUSED;

/* `task`, which owns locks or has, is over: they are broken. Called by the core. Looks at
 * all locks that tasks of its loop own. */
void xio_lock_break_all(xio_task *task);

/* The owner of the lock that `task` waits for, or NULL. */
xio_task *xio_lock_awaited(const xio_task *task);

/* Whether the invariants hold. */
bool xio_lock_valid(const xio_lock *lock);
bool xio_lock_held_valid(const xio_runqueue *queue);

#endif
