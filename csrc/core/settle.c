/* settle: see settle.h. */
#include "settle.h"

static const xio_wait_ops settle_ops = {.verb = "settle", .abort = xio_wait_abort_plain};

void xio_settlers_init(xio_settlers *settlers) {
  xio_list_init(&settlers->immediate);
  xio_list_init(&settlers->cushioned);
}

int xio_settle_begin(xio_settlers *settlers, xio_task *task, int64_t cushion_ns) {
  xio_wait *wait = &task->wait;
  if (cushion_ns > 0) {
    int status = xio_timer_reserve(wait->queue->clock, &wait->timer);
    if (status != XIO_OK) return status;
  }
  xio_wait_park(wait, &settle_ops, (void *)(intptr_t)cushion_ns);
  xio_list_push_back(cushion_ns > 0 ? &settlers->cushioned : &settlers->immediate,
                     &wait->self.link);
  return XIO_OK;
}

bool xio_settle_idle(xio_settlers *settlers) {
  bool any = !xio_list_empty(&settlers->immediate);
  xio_waiter_complete_all(&settlers->immediate, XIO_OK);
  if (any) return true;
  for (xio_list *node = settlers->cushioned.next; node != &settlers->cushioned;
       node = node->next) {
    xio_wait *wait = XIO_CONTAINER_OF(node, xio_waiter, link)->wait;
    if (xio_timer_armed(&wait->timer)) continue;
    int64_t at = xio_clock_after(wait->queue->clock, (intptr_t)wait->source);
    int status = xio_wait_limit(wait, at, XIO_OK);
    XIO_ASSERT(status == XIO_OK); /* reserved when it began */
  }
  return false;
}

void xio_settle_busy(xio_settlers *settlers) {
  for (xio_list *node = settlers->cushioned.next; node != &settlers->cushioned;
       node = node->next) {
    xio_wait *wait = XIO_CONTAINER_OF(node, xio_waiter, link)->wait;
    xio_timer_suspend(wait->queue->clock, &wait->timer);
  }
}
