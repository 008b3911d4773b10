/* clock: the time of one loop, and the timers that wait for it.
 *
 * Time is int64 nanoseconds on a monotonic clock: the operating system's, or a virtual
 * one that stands still until somebody moves it. A timer lives inside whatever waits (a
 * wait record, a scope) and is owned by it; the clock only knows it while it is armed.
 * Timers of one instant fire in the order of their arming. All functions belong to the
 * loop's thread. Not here: when time is looked at, and the uv_timer that wakes a sleeping
 * loop (loop.c). */
#ifndef XIO_CORE_CLOCK_H
#define XIO_CORE_CLOCK_H

#include "../base/heap.h"

/* The deadline that never comes. */
#define XIO_NEVER INT64_MAX

typedef struct xio_timer xio_timer;

/* Called once when the timer's time has come; the timer is disarmed already. Must not
 * resume tasks; may arm and disarm timers. */
typedef void (*xio_timer_fn)(xio_timer *timer);

struct xio_timer {
  xio_heap_item item; /* first: the heap's entry names it */
  bool reserved;      /* holds a promise of the heap while it is not armed */
  bool is_limit;      /* of a wait; it is no alarm */
};

/* A timer that knows whom to call. Those of waits, which are many, do not: the clock
 * does. */
typedef struct xio_alarm {
  xio_timer timer;
  xio_timer_fn on_fire;
} xio_alarm;

typedef struct xio_clock {
  xio_heap timers;
  xio_allocator alloc;
  int64_t virtual_now_at; /* the time of a virtual clock */
  xio_timer_fn on_limit;  /* of the timers of waits; set by who arms one */
  bool is_virtual;
} xio_clock;

/* A virtual clock begins at 0. */
void xio_clock_init(xio_clock *clock, xio_allocator alloc, bool is_virtual);

/* No timer may be armed any more. */
void xio_clock_deinit(xio_clock *clock);

/* The time now, read afresh. */
int64_t xio_clock_now(const xio_clock *clock);

/* `now` plus `delay_ns`, never past XIO_NEVER. */
int64_t xio_clock_after(const xio_clock *clock, int64_t delay_ns);

/* Moves a virtual clock forward to `at`; an earlier time leaves it where it is. */
void xio_clock_jump(xio_clock *clock, int64_t at);

/* The time at which the next timer fires, or XIO_NEVER. */
int64_t xio_clock_next(const xio_clock *clock);

/* Fires, in order, every timer that is due now. Returns how many. */
uint32_t xio_clock_expire(xio_clock *clock);

void xio_alarm_init(xio_alarm *alarm, xio_timer_fn on_fire);

/* The timer of a wait. */
void xio_timer_init_limit(xio_timer *timer);

static inline bool xio_timer_armed(const xio_timer *timer) {
  return timer->item.index != XIO_HEAP_NONE;
}

/* Makes sure that arming `timer` once cannot fail. XIO_ENOMEM: nothing has changed. */
int xio_timer_reserve(xio_clock *clock, xio_timer *timer) XIO_WARN_UNUSED;

/* Arms `timer`, or moves it, to fire at `at`. XIO_ENOMEM: nothing has changed; a timer
 * that is armed or reserved never fails. */
int xio_timer_arm(xio_clock *clock, xio_timer *timer, int64_t at) XIO_WARN_UNUSED;

/* Disarms `timer`, if it is armed, and keeps what it needs to be armed again. */
void xio_timer_suspend(xio_clock *clock, xio_timer *timer);

/* Disarms `timer` and gives back what was reserved for it. Harmless when it is
 * neither. */
void xio_timer_disarm(xio_clock *clock, xio_timer *timer);

#endif
