/* reply: a result that comes once, from any thread, to any number of waiters.
 *
 * It is settled by whoever is first: with a value, an error, or as cancelled; whoever
 * comes later is told so, and keeps its value. The value is opaque, belongs to the reply
 * from then on and never changes, so that it may be read without the mutex by everybody
 * who has seen the reply settled.
 *
 * Cancelling asks who works at the result (the canceller) to stop, and that settles the
 * reply in its own time; where nobody does, the reply is settled as cancelled at once.
 *
 * Owner: counted references, on the C library's heap. Any thread, unless said otherwise.
 * Invariant (xio_reply_valid): a settled reply has no waiters and no canceller. */
#ifndef XIO_CORE_REPLY_H
#define XIO_CORE_REPLY_H

#include "shared.h"

typedef struct xio_reply xio_reply;

/* Who can stop what a reply is for. Embedded; one reference belongs to the reply. */
typedef struct xio_canceller xio_canceller;
struct xio_canceller {
  /* Told once, without any mutex; `reason` is a value, or NULL, and the canceller's. */
  void (*cancel)(xio_canceller *canceller, void *reason);
  void (*unref)(xio_canceller *canceller);
};

struct xio_reply {
  xio_shared shared;
  void (*free_value)(void *value);
  bool expires; /* who awaits it in vain settles it so; set before others know it */
  /* guarded: */
  xio_canceller *canceller; /* NULL: nobody, or it was told */
  bool cancelled;           /* somebody has asked to cancel */
  uint8_t outcome;          /* xio_outcome */
  int status;               /* of a failure without value */
  void *value;              /* after the end */
};

/* One that is not settled, with one reference. NULL: memory is out. `free_value` is for
 * values and reasons, and called on any thread. */
xio_reply *xio_reply_new(void (*free_value)(void *value));

static inline void xio_reply_ref(xio_reply *reply) {
  xio_shared_ref(&reply->shared);
}

static inline void xio_reply_unref(xio_reply *reply) {
  xio_shared_unref(&reply->shared);
}

/* From now on `canceller` is asked to cancel; the reply has its reference, until the end.
 * Before the reply is known to anybody else. */
void xio_reply_set_canceller(xio_reply *reply, xio_canceller *canceller);

/* Settles it with `outcome` and `value` (NULL: none), and wakes all. False: it was
 * settled before, and nothing has changed. `here` as in xio_shared_wake. */
bool xio_reply_settle(xio_reply *reply, xio_outcome outcome, void *value,
                      const xio_loop *here);

/* Settles it as failed, with a status and without a value; never needs memory. */
void xio_reply_break(xio_reply *reply, int status, const xio_loop *here);

/* Cancels. Returns whether it was not settled, and not cancelled before; only then it has
 * taken `reason` (NULL: none). */
bool xio_reply_cancel(xio_reply *reply, void *reason, const xio_loop *here);

/* Whether the reply that embeds `shared` is settled. With the mutex. */
bool xio_reply_is_settled(const xio_shared *shared);

/* How it was settled; XIO_OUTCOME_NONE: it is not. */
xio_outcome xio_reply_outcome(xio_reply *reply);

/* Parks the running task of `loop` until it is settled, at the latest until `at` (then
 * the status is XIO_ETIMEDOUT). XIO_EAGAIN: it is parked; resumed, it calls
 * xio_shared_take. XIO_OK: it is settled, and the task is not parked; nor is it on any
 * other status. */
int xio_reply_await(xio_reply *reply, xio_loop *loop, xio_task *task,
                    int64_t at) XIO_WARN_UNUSED;

/* The same where the task, cancelled, cancels the reply and goes on waiting until it is
 * settled; it has no time limit. */
int xio_reply_await_result(xio_reply *reply, xio_loop *loop,
                           xio_task *task) XIO_WARN_UNUSED;

/* Has `watcher`, prepared for the reply, watch for its being settled; see
 * xio_shared_watch. XIO_EAGAIN: it does. XIO_OK: it is settled already. */
int xio_reply_watch(xio_reply *reply, xio_shared_wait *watcher,
                    void (*on_ready)(xio_shared_wait *watcher)) XIO_WARN_UNUSED;

/* Blocks the calling thread, which has no loop, until it is settled: XIO_OK,
 * XIO_ETIMEDOUT or XIO_ECANCELED. */
int xio_reply_block(xio_reply *reply, xio_blocker *blocker,
                    int64_t timeout_ns) XIO_WARN_UNUSED;

/* The invariant above. */
bool xio_reply_valid(xio_reply *reply);

#endif
