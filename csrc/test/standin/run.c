/* run: one iteration of the loop, in the order of libuv: timers, idle, prepare, poll,
 * close callbacks; where timers run follows either of its two ways.
 *
 * A poll tells what is ready, in random order; some of it may be told later. One that
 * blocks lets time pass until an event of the world makes something ready. Where none
 * can come and no timer is set, the loop would hang, which is a fault. */
#include "handles.h"

enum { NS_PER_MS = 1000 * 1000, TOLD_MAX = HANDLES + 2 };

static void run_timers(loop_record *loop) {
  for (;;) {
    handle_record *next = NULL;
    for (int i = 0; i < HANDLES; i++) {
      handle_record *one = &handle_table[i];
      if (one->handle == NULL || one->loop != loop || one->type != UV_TIMER) continue;
      if (!one->active || one->due_ms > loop->now_ms) continue;
      if (next != NULL && (one->due_ms > next->due_ms ||
                           (one->due_ms == next->due_ms && one->order > next->order))) {
        continue;
      }
      next = one;
    }
    if (next == NULL) return;
    next->active = false;
    next->call.timer((uv_timer_t *)next->handle);
  }
}

/* Handles that are called once in each iteration; started before it began. */
static void run_each(loop_record *loop, uv_handle_type type) {
  uint64_t last = 0;
  for (int i = 0; i < HANDLES; i++) {
    if (handle_table[i].order > last) last = handle_table[i].order;
  }
  for (int i = 0; i < HANDLES; i++) {
    handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->loop != loop || one->type != type) continue;
    if (!one->active || one->order > last) continue;
    if (type == UV_IDLE) {
      one->call.idle((uv_idle_t *)one->handle);
    } else {
      one->call.prepare((uv_prepare_t *)one->handle);
    }
  }
}

static void run_closing(loop_record *loop) {
  handle_record *closing[HANDLES];
  uint32_t count = 0;
  for (int i = 0; i < HANDLES; i++) {
    handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->loop != loop || !one->closing) continue;
    if (one->caught == one->told) closing[count++] = one; /* else it is still told */
  }
  for (; count != 0; count--) {
    uint32_t at = kernel_below(count);
    uv_handle_t *handle = closing[at]->handle;
    uv_close_cb call = closing[at]->on_close;
    closing[at]->handle = NULL; /* the callback may free it */
    closing[at] = closing[count - 1];
    if (call != NULL) call(handle);
  }
}

/* -- polling ------------------------------------------------------------------------- */

/* What a handle would be told; 0: nothing. */
static int news(const handle_record *one) {
  if (one->type == UV_ASYNC && one->active) return one->pending ? UV_READABLE : 0;
  if (one->type != UV_POLL || !one->active) return 0;
  const node *watched = kernel_find(one->number);
  if (watched == NULL) standin_fault("libuv: a descriptor is closed while it is polled");
  uint32_t state = kernel_poll(watched);
  int told = (state & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? UV_READABLE : 0;
  if ((state & (EPOLLOUT | EPOLLERR)) != 0) told |= UV_WRITABLE;
  return told & one->events;
}

static uint32_t find_ready(const loop_record *loop, handle_record *list[HANDLES]) {
  uint32_t count = 0;
  for (int i = 0; i < HANDLES; i++) {
    handle_record *one = &handle_table[i];
    if (one->handle != NULL && one->loop == loop && news(one) != 0) list[count++] = one;
  }
  return count;
}

static void tell(handle_record *one) {
  if (one->type == UV_ASYNC) {
    one->pending = false;
    one->call.async((uv_async_t *)one->handle);
  } else {
    one->call.poll((uv_poll_t *)one->handle, 0, news(one));
  }
}

/* Tells what is ready; what is not told now is told by a later poll. Whether anything
 * was. */
static bool tell_ready(loop_record *loop) {
  handle_record *list[HANDLES];
  uint32_t count = find_ready(loop, list);
  bool pool = pool_waiting(loop);
  bool any = count != 0 || pool || signals_waiting(loop);
  bool pool_first = pool && kernel_below(2) == 0;
  if (pool_first) pool_tell(loop);
  for (; count != 0; count--) {
    uint32_t at = kernel_below(count);
    handle_record *one = list[at];
    list[at] = list[count - 1];
    bool waits = kernel_weather.late && kernel_below(8) == 0;
    /* what came before may have closed it, or taken its news */
    if (waits || one->handle == NULL || one->loop != loop || news(one) == 0) continue;
    tell(one);
  }
  if (pool && !pool_first) pool_tell(loop);
  signals_tell(loop);
  return any;
}

/* Blocks until something is ready, or `until` has come. */
static void block(const loop_record *loop, int64_t until) {
  handle_record *list[HANDLES];
  for (;;) {
    if (find_ready(loop, list) != 0 || pool_waiting(loop) || signals_waiting(loop))
      return;
    if (standin_now() >= until) return;
    kernel_waits();
    int64_t next = kernel_next();
    if (next == KERNEL_NEVER && until == KERNEL_NEVER) {
      if (!kernel_stall()) standin_fault("poll: would block for ever");
      continue;
    }
    kernel_advance(next < until ? next : until);
  }
}

static void poll(loop_record *loop, int timeout_ms) {
  kernel_counts.polls++;
  loop->unpolled = false;
  if (timeout_ms == 0) {
    if (kernel_weather.tick_ns != 0) kernel_hrtime();
    kernel_advance(standin_now());
    if (kernel_weather.late && kernel_below(8) == 0) return;
  } else {
    int64_t until =
        timeout_ms < 0 ? KERNEL_NEVER : standin_now() + (int64_t)timeout_ms * NS_PER_MS;
    block(loop, until);
  }
  uv_update_time(loop->loop);
  tell_ready(loop);
}

/* -- iterations ---------------------------------------------------------------------- */

static int next_timeout(const loop_record *loop) {
  uint64_t due = UINT64_MAX;
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->loop != loop || one->type != UV_TIMER) continue;
    if (one->active && one->due_ms < due) due = one->due_ms;
  }
  if (due == UINT64_MAX) return -1;
  if (due <= loop->now_ms) return 0;
  return due - loop->now_ms > INT32_MAX ? INT32_MAX : (int)(due - loop->now_ms);
}

static bool has_work(const loop_record *loop) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && one->loop == loop && one->active && one->referenced) {
      return true;
    }
  }
  return loop->requests != 0;
}

static int timeout_of(const loop_record *loop) {
  if (loop->stop || !has_work(loop)) return 0;
  if (handles_any(loop, UV_IDLE, true) || handles_closing(loop)) return 0;
  return next_timeout(loop);
}

int uv_backend_timeout(const uv_loop_t *loop) {
  const loop_record *self = handles_loop(loop);
  return self->unpolled ? 0 : timeout_of(self);
}

static void iterate(loop_record *loop, uv_run_mode mode) {
  uv_update_time(loop->loop);
  if (!kernel_weather.modern) run_timers(loop);
  run_each(loop, UV_IDLE);
  run_each(loop, UV_PREPARE);
  poll(loop, mode == UV_RUN_NOWAIT ? 0 : timeout_of(loop));
  run_closing(loop);
  if (!kernel_weather.modern && mode != UV_RUN_ONCE) return;
  uv_update_time(loop->loop);
  run_timers(loop);
}

int uv_run(uv_loop_t *uv, uv_run_mode mode) {
  loop_record *loop = handles_loop(uv);
  if (loop->running) standin_fault("uv_run: called within itself");
  loop->running = true;
  bool alive = handles_alive(loop);
  if (!alive) uv_update_time(uv);
  if (kernel_weather.modern && mode == UV_RUN_DEFAULT && alive && !loop->stop) {
    uv_update_time(uv);
    run_timers(loop);
  }
  while (alive && !loop->stop) {
    iterate(loop, mode);
    alive = handles_alive(loop);
    if (mode != UV_RUN_DEFAULT) break;
  }
  loop->stop = false;
  loop->running = false;
  return alive;
}
