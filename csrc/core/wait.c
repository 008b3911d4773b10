/* wait: see wait.h. */
#include "wait.h"

#include "trace.h"

static void on_limit(xio_timer *timer) {
  xio_wait *wait = XIO_CONTAINER_OF(timer, xio_wait, timer);
  XIO_ASSERT(wait->state == XIO_WAIT_PARKED);
  if (wait->aborting) return; /* told to hurry already */
  if (wait->ops->abort(wait) == XIO_OK) {
    xio_wait_complete(wait, wait->limit_status);
  } else {
    wait->aborting = true;
  }
}

void xio_wait_init(xio_wait *wait, xio_runqueue *queue) {
  *wait = (xio_wait){.queue = queue};
  xio_list_init(&wait->self.link);
  wait->self.wait = wait;
  xio_timer_init_limit(&wait->timer);
}

void xio_wait_park(xio_wait *wait, const xio_wait_ops *ops, void *source) {
  XIO_ASSERT(wait->state == XIO_WAIT_IDLE);
  wait->ops = ops;
  wait->source = source;
  wait->won = false;
  wait->aborting = false;
  wait->state = XIO_WAIT_PARKED;
}

int xio_wait_limit(xio_wait *wait, int64_t at, int status) {
  XIO_ASSERT(wait->state != XIO_WAIT_READY);
  if (at == XIO_NEVER) {
    xio_wait_unlimit(wait);
    return XIO_OK;
  }
  wait->queue->clock->on_limit = on_limit; /* the clock knows no waits */
  int armed = xio_timer_arm(wait->queue->clock, &wait->timer, at);
  if (armed == XIO_OK) wait->limit_status = (int16_t)status;
  return armed;
}

void xio_wait_unlimit(xio_wait *wait) {
  xio_timer_disarm(wait->queue->clock, &wait->timer);
}

/* On the way of everything that is handed over: without a call more. */
static inline void complete(xio_wait *wait, int status) {
  XIO_ASSERT(wait->state == XIO_WAIT_PARKED);
  XIO_CHECK(xio_list_empty(&wait->self.link));
  if (xio_timer_armed(&wait->timer) || wait->timer.reserved) xio_wait_unlimit(wait);
  if (XIO_UNLIKELY(wait->queue->tracer != NULL)) xio_trace_woken(wait);
  wait->status = status;
  wait->state = XIO_WAIT_READY;
  xio_runqueue_push(wait->queue, &wait->self.link);
}

void xio_wait_complete(xio_wait *wait, int status) {
  complete(wait, status);
}

void xio_waiter_complete(xio_waiter *waiter, int status) {
  xio_wait *wait = waiter->wait;
  xio_list_remove(&waiter->link);
  wait->won = true;
  if (wait->ops->settle != NULL) wait->ops->settle(wait, waiter);
  complete(wait, status);
}

void xio_waiter_complete_all(xio_list *queue, int status) {
  for (xio_waiter *waiter; (waiter = xio_waiter_first(queue)) != NULL;) {
    xio_waiter_complete(waiter, status);
  }
}

void xio_wait_abort(xio_wait *wait) {
  if (wait->state != XIO_WAIT_PARKED || wait->aborting) return;
  if (wait->ops->abort(wait) == XIO_OK) {
    xio_wait_complete(wait, XIO_ECANCELED);
  } else {
    wait->aborting = true;
  }
}

int xio_wait_forgo(xio_wait *wait) {
  xio_wait_abort(wait);
  if (wait->state == XIO_WAIT_PARKED) return XIO_EBUSY;
  if (wait->state == XIO_WAIT_IDLE) return XIO_OK;
  if (wait->status != XIO_OK || !wait->won || wait->ops->forgo == NULL) {
    return XIO_OK;
  }
  int status = wait->ops->forgo(wait);
  if (status == XIO_OK) wait->status = XIO_ECANCELED;
  return status;
}

int xio_wait_abort_plain(xio_wait *wait) {
  xio_list_remove(&wait->self.link);
  return XIO_OK;
}
