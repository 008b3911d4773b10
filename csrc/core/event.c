/* event: see event.h. */
#include "event.h"

static const xio_wait_ops event_ops = {.verb = "event", .abort = xio_wait_abort_plain};

void xio_event_init(xio_event *event, const xio_wait_ops *ops) {
  xio_list_init(&event->waiters);
  event->ops = ops != NULL ? ops : &event_ops;
  event->sets = 0;
  event->is_set = false;
}

bool xio_event_set(xio_event *event) {
  if (event->is_set) return false;
  event->is_set = true;
  event->sets++;
  xio_waiter_complete_all(&event->waiters, XIO_OK);
  return true;
}

void xio_event_clear(xio_event *event) {
  event->is_set = false;
}

int xio_event_wait(xio_event *event, xio_task *task, int64_t at) {
  XIO_ASSERT(!event->is_set);
  if (at != XIO_NEVER) {
    int status = xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT);
    if (status != XIO_OK) return status;
  }
  /* nothing below can fail */
  xio_wait_park(&task->wait, event->ops, event);
  xio_list_push_back(&event->waiters, &task->wait.self.link);
  return XIO_OK;
}

bool xio_event_valid(const xio_event *event) {
  return !event->is_set || xio_list_empty(&event->waiters);
}
