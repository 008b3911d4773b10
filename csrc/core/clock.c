/* clock: see clock.h. */
#include "clock.h"

#include <uv.h>

#include "../base/status.h"

void xio_clock_init(xio_clock *clock, xio_allocator alloc, bool is_virtual) {
  xio_heap_init(&clock->timers);
  clock->alloc = alloc;
  clock->virtual_now_at = 0;
  clock->is_virtual = is_virtual;
  clock->on_limit = NULL;
}

void xio_clock_deinit(xio_clock *clock) {
  XIO_ASSERT(clock->timers.count == 0);
  xio_heap_deinit(&clock->timers, &clock->alloc);
}

int64_t xio_clock_now(const xio_clock *clock) {
  return clock->is_virtual ? clock->virtual_now_at : (int64_t)uv_hrtime();
}

int64_t xio_clock_after(const xio_clock *clock, int64_t delay_ns) {
  int64_t now = xio_clock_now(clock);
  return delay_ns >= XIO_NEVER - now ? XIO_NEVER : now + delay_ns;
}

void xio_clock_jump(xio_clock *clock, int64_t at) {
  XIO_ASSERT(clock->is_virtual);
  if (at > clock->virtual_now_at) clock->virtual_now_at = at;
}

int64_t xio_clock_next(const xio_clock *clock) {
  int64_t at = XIO_NEVER;
  return xio_heap_min(&clock->timers, &at) != NULL ? at : XIO_NEVER;
}

uint32_t xio_clock_expire(xio_clock *clock) {
  if (clock->timers.count == 0) return 0;
  int64_t now = xio_clock_now(clock);
  uint32_t fired = 0;
  for (;;) {
    int64_t at = 0;
    xio_heap_item *item = xio_heap_min(&clock->timers, &at);
    if (item == NULL || at > now) return fired;
    xio_timer *timer = XIO_CONTAINER_OF(item, xio_timer, item);
    xio_timer_disarm(clock, timer);
    xio_timer_fn on_fire = clock->on_limit;
    if (!timer->is_limit) on_fire = XIO_CONTAINER_OF(timer, xio_alarm, timer)->on_fire;
    on_fire(timer);
    fired++;
  }
}

void xio_alarm_init(xio_alarm *alarm, xio_timer_fn on_fire) {
  alarm->timer = (xio_timer){.item = {XIO_HEAP_NONE}};
  alarm->on_fire = on_fire;
}

void xio_timer_init_limit(xio_timer *timer) {
  *timer = (xio_timer){.item = {XIO_HEAP_NONE}, .is_limit = true};
}

int xio_timer_reserve(xio_clock *clock, xio_timer *timer) {
  if (timer->reserved || xio_timer_armed(timer)) return XIO_OK;
  int status = xio_heap_reserve(&clock->timers, &clock->alloc);
  if (status == XIO_OK) timer->reserved = true;
  return status;
}

int xio_timer_arm(xio_clock *clock, xio_timer *timer, int64_t at) {
  if (xio_timer_armed(timer)) {
    xio_heap_remove(&clock->timers, &timer->item);
  } else if (!timer->reserved) {
    int status = xio_heap_reserve(&clock->timers, &clock->alloc);
    if (status != XIO_OK) return status;
  }
  timer->reserved = false;
  xio_heap_insert_reserved(&clock->timers, &timer->item, at);
  return XIO_OK;
}

void xio_timer_suspend(xio_clock *clock, xio_timer *timer) {
  if (!xio_timer_armed(timer)) return;
  xio_heap_remove(&clock->timers, &timer->item);
  timer->reserved = true;
}

void xio_timer_disarm(xio_clock *clock, xio_timer *timer) {
  if (xio_timer_armed(timer)) {
    xio_heap_remove(&clock->timers, &timer->item);
    xio_heap_unreserve(&clock->timers);
  } else if (timer->reserved) {
    timer->reserved = false;
    xio_heap_unreserve(&clock->timers);
  }
}
