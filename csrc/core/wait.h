/* wait: the one record of a task that waits.
 *
 * Each task embeds one. It is idle while the task runs, parked while something outside
 * the task must happen first, ready once that has happened (or was withdrawn) and until
 * the task is resumed. Completion and cancellation meet here and nowhere else: the first
 * that completes a parked wait decides its status; what comes later finds it not parked.
 *
 * What is waited for keeps waiters in a queue of its own (xio_list of xio_waiter). A
 * plain wait uses the waiter inside the record; a select has one waiter per case, in
 * memory of its caller, all naming the same record.
 *
 * Invariants (check.c): a parked wait has ops; an idle or ready one has no armed timer
 * and stands in no queue but the run queue. Loop's thread only. */
#ifndef XIO_CORE_WAIT_H
#define XIO_CORE_WAIT_H

#include "../base/status.h"
#include "runqueue.h"

typedef struct xio_wait xio_wait;
typedef struct xio_scope xio_scope;

/* One entry in the queue of something that can be waited for. */
typedef struct xio_waiter {
  xio_list link;
  xio_wait *wait;
  uint32_t tag;  /* for who owns the entry: which of several, or where its value is */
  uint32_t mark; /* for who owns the queue: through which handle it came */
} xio_waiter;

typedef struct xio_wait_ops {
  const char *verb; /* what the task does, for people: "sleep", "await" */

  /* Withdraws the wait from what it waits for, without effect on that: afterwards nothing
   * but the record itself knows of it, and XIO_OK is returned. XIO_EBUSY: it cannot be
   * withdrawn, will complete by itself, and has been told to hurry where that is
   * possible. Called at most once per park, and never on a ready wait. May not allocate,
   * resume, spawn or leave scopes; may complete or cancel others. */
  int (*abort)(xio_wait *wait);

  /* Takes the losing entries of a wait with several out of their queues, after `won` was
   * taken; NULL where there is only one entry. */
  void (*settle)(xio_wait *wait, xio_waiter *won);

  /* The wait has completed with XIO_OK through one of its entries, and its task will not
   * go on from it: hands on what it was given. XIO_OK, or XIO_EBUSY: that is with the
   * task already. NULL: it was given nothing. May complete others; allocates nothing. */
  int (*forgo)(xio_wait *wait);
} xio_wait_ops;

typedef enum xio_wait_state {
  XIO_WAIT_IDLE,
  XIO_WAIT_PARKED,
  XIO_WAIT_READY
} xio_wait_state;

/* What a switch between tasks touches comes first. */
struct xio_wait {
  xio_waiter self;  /* its link is also that of the run queue */
  xio_scope *scope; /* the task's innermost scope: through it cancellation comes */
  xio_runqueue *queue;
  int status;              /* how the last wait ended */
  int16_t limit_status;    /* with which the limit completes it */
  uint8_t state;           /* xio_wait_state */
  bool aborting : 1;       /* abort was called and answered XIO_EBUSY */
  bool won : 1;            /* one of its entries completed it */
  bool by_task : 1;        /* a task completed it, and a tracer was told */
  const xio_wait_ops *ops; /* of the wait in progress, or of the last one */
  void *source;            /* what is waited for, as ops understand it */
  xio_timer timer;         /* the wait's own time limit */
};

void xio_wait_init(xio_wait *wait, xio_runqueue *queue);

/* Parks the running task's wait; `ops` and `source` stay valid until it completes. The
 * caller then links wait->self (or its own waiters) and returns to the scheduler. */
void xio_wait_park(xio_wait *wait, const xio_wait_ops *ops, void *source);

/* Gives a wait that is idle or parked a time limit: at `at` it is withdrawn and completes
 * with `status`; XIO_NEVER takes a limit away. XIO_ENOMEM: nothing has changed. */
int xio_wait_limit(xio_wait *wait, int64_t at, int status) XIO_WARN_UNUSED;

/* Takes the time limit away from a wait that was not parked after all. */
void xio_wait_unlimit(xio_wait *wait);

/* Completes a parked wait: its task becomes ready. */
void xio_wait_complete(xio_wait *wait, int status);

/* Completes the wait that `waiter` stands for; `waiter` and all others of that wait leave
 * their queues. */
void xio_waiter_complete(xio_waiter *waiter, int status);

/* Withdraws a parked wait, which then completes with XIO_ECANCELED; or, if it cannot be
 * withdrawn, asks it to hurry. Harmless on a wait that is not parked or was asked
 * before. */
void xio_wait_abort(xio_wait *wait);

/* Gives up a wait whose task is parked or ready and will not go on from it: XIO_OK, it
 * had no effect, or that was handed on. XIO_EBUSY: it cannot be given up, since it
 * cannot be withdrawn, or since what it was given is with the task already. */
int xio_wait_forgo(xio_wait *wait) XIO_WARN_UNUSED;

/* Makes the running task ready again at once: it will be resumed in the next turn, with
 * `status`. */
static inline void xio_wait_reschedule(xio_wait *wait, int status) {
  XIO_ASSERT(wait->state == XIO_WAIT_IDLE);
  wait->status = status;
  wait->won = false;
  wait->state = XIO_WAIT_READY;
  xio_runqueue_push(wait->queue, &wait->self.link);
}

/* The first waiter of a queue, or NULL. */
static inline xio_waiter *xio_waiter_first(const xio_list *queue) {
  return xio_list_empty(queue) ? NULL : XIO_CONTAINER_OF(queue->next, xio_waiter, link);
}

/* Completes every wait in `queue`, in order. */
void xio_waiter_complete_all(xio_list *queue, int status);

/* An abort for waits that stand in one queue at most and need nothing else. */
int xio_wait_abort_plain(xio_wait *wait);

#endif
