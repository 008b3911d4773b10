/* handles: see handles.h. Opening, starting and closing, with all that can be wrong. */
#include "handles.h"

#include <string.h>
#include <unistd.h>

handle_record handle_table[HANDLES];
bool handles_in_pool;

static loop_record loops[LOOPS];
static uint64_t orders;

void handles_begin(void) {
  memset(handle_table, 0, sizeof handle_table);
  memset(loops, 0, sizeof loops);
  orders = 0;
  handles_in_pool = false;
}

const char *handles_left(void) {
  for (int i = 0; i < LOOPS; i++) {
    if (loops[i].loop != NULL) return "end: a loop is left";
  }
  return NULL;
}

static bool overlaps(const void *memory, size_t size, const void *other, size_t length) {
  const char *first = memory;
  const char *second = other;
  return first < second + length && second < first + size;
}

void standin_freed(const void *memory, size_t size) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && overlaps(memory, size, one->handle, one->size)) {
      standin_fault("memory: freed while libuv knows a handle in it");
    }
  }
  for (int i = 0; i < LOOPS; i++) {
    if (loops[i].loop != NULL && overlaps(memory, size, loops[i].loop, sizeof(uv_loop_t)))
      standin_fault("memory: freed while a loop in it is open");
  }
  const char *held = pool_holds(memory, size);
  if (held != NULL) standin_fault(held);
}

/* -- loops --------------------------------------------------------------------------- */

loop_record *handles_loop(const uv_loop_t *loop) {
  for (int i = 0; i < LOOPS; i++) {
    if (loop == NULL || loops[i].loop != loop) continue;
    if (!pthread_equal(loops[i].thread, pthread_self()) || handles_in_pool) {
      standin_fault("libuv: called from another thread than the loop's");
    }
    return &loops[i];
  }
  standin_fault("libuv: called for a loop that is not open");
}

int uv_loop_init(uv_loop_t *loop) {
  if (kernel_is_short()) return -errno;
  for (int i = 0; i < LOOPS; i++) {
    if (loops[i].loop == loop) standin_fault("uv_loop_init: the loop is open");
  }
  for (int i = 0; i < LOOPS; i++) {
    if (loops[i].loop != NULL) continue;
    memset(loop, 0xa5, sizeof *loop);
    loops[i] = (loop_record){.loop = loop, .thread = pthread_self()};
    loops[i].unpolled = true;
    loops[i].backend = kernel_open(kernel_node(NODE_DEVICE));
    loops[i].now_ms = (uint64_t)standin_now() / 1000000;
    return loops[i].backend >= 0 ? 0 : UV_EMFILE;
  }
  standin_fault("stand-in: too many loops");
}

int uv_loop_close(uv_loop_t *loop) {
  loop_record *self = handles_loop(loop);
  for (int i = 0; i < HANDLES; i++) {
    if (handle_table[i].handle != NULL && handle_table[i].loop == self) {
      standin_fault("uv_loop_close: a handle is open");
    }
  }
  if (self->requests != 0) standin_fault("uv_loop_close: a request is not over");
  if (self->running) standin_fault("uv_loop_close: the loop runs");
  close(self->backend);
  self->loop = NULL;
  return 0;
}

int uv_backend_fd(const uv_loop_t *loop) {
  return handles_loop(loop)->backend;
}

void uv_stop(uv_loop_t *loop) {
  handles_loop(loop)->stop = true;
}

void uv_update_time(uv_loop_t *loop) {
  handles_loop(loop)->now_ms = (uint64_t)kernel_hrtime() / 1000000;
}

uint64_t uv_now(const uv_loop_t *loop) {
  return handles_loop(loop)->now_ms;
}

uint64_t uv_hrtime(void) {
  return (uint64_t)kernel_hrtime();
}

/* -- handles ------------------------------------------------------------------------- */

static handle_record *find(const void *handle) {
  for (int i = 0; i < HANDLES; i++) {
    if (handle_table[i].handle == handle) return &handle_table[i];
  }
  return NULL;
}

handle_record *handles_open(const void *handle, uv_handle_type type) {
  handle_record *self = find(handle);
  if (self == NULL) standin_fault("handle: used before it was opened or after its end");
  handles_loop(self->loop->loop);
  if (self->type != type) standin_fault("handle: used as one of another kind");
  if (self->closing) standin_fault("handle: used after it was closed");
  return self;
}

void handles_start(handle_record *self) {
  if (!self->active) self->order = ++orders;
  self->active = true;
}

static handle_record *init(uv_loop_t *loop, void *handle, size_t size,
                           uv_handle_type type) {
  loop_record *its = handles_loop(loop);
  if (find(handle) != NULL) standin_fault("handle: opened a second time");
  handle_record *self = find(NULL);
  if (self == NULL) standin_fault("stand-in: too many handles");
  *self = (handle_record){.handle = handle,
                          .loop = its,
                          .size = size,
                          .type = type,
                          .referenced = true,
                          .number = -1};
  void *data = ((uv_handle_t *)handle)->data; /* the one field that is the caller's */
  memset(handle, 0xa5, size);
  ((uv_handle_t *)handle)->data = data;
  ((uv_handle_t *)handle)->loop = loop;
  ((uv_handle_t *)handle)->type = type;
  return self;
}

int uv_timer_init(uv_loop_t *loop, uv_timer_t *handle) {
  init(loop, handle, sizeof *handle, UV_TIMER);
  return 0;
}

int uv_prepare_init(uv_loop_t *loop, uv_prepare_t *handle) {
  init(loop, handle, sizeof *handle, UV_PREPARE);
  return 0;
}

int uv_idle_init(uv_loop_t *loop, uv_idle_t *handle) {
  init(loop, handle, sizeof *handle, UV_IDLE);
  return 0;
}

int uv_async_init(uv_loop_t *loop, uv_async_t *handle, uv_async_cb call) {
  if (kernel_is_short()) return -errno;
  handle_record *self = init(loop, handle, sizeof *handle, UV_ASYNC);
  self->call.async = call;
  self->loop->unpolled = true;
  handles_start(self);
  return 0;
}

int uv_poll_init(uv_loop_t *loop, uv_poll_t *handle, int number) {
  node *watched = kernel_need(number);
  if (watched->kind == NODE_FILE || watched->kind == NODE_DEVICE) return UV_EPERM;
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && !one->closing && one->type == UV_POLL &&
        one->number == number) {
      standin_fault("uv_poll_init: the descriptor is polled already");
    }
  }
  if (kernel_is_short()) return -errno;
  init(loop, handle, sizeof *handle, UV_POLL)->number = number;
  return 0;
}

int uv_signal_init(uv_loop_t *loop, uv_signal_t *handle) {
  if (kernel_is_short()) return -errno;
  init(loop, handle, sizeof *handle, UV_SIGNAL);
  handle->caught_signals = handle->dispatched_signals = 0;
  return 0;
}

int uv_timer_start(uv_timer_t *handle, uv_timer_cb call, uint64_t timeout,
                   uint64_t repeat) {
  handle_record *self = handles_open(handle, UV_TIMER);
  if (repeat != 0) standin_fault("uv_timer_start: repeating has no stand-in");
  self->call.timer = call;
  self->due_ms = self->loop->now_ms + timeout;
  self->active = false; /* its place behind others is new */
  handles_start(self);
  return 0;
}

int uv_timer_stop(uv_timer_t *handle) {
  handles_open(handle, UV_TIMER)->active = false;
  return 0;
}

int uv_prepare_start(uv_prepare_t *handle, uv_prepare_cb call) {
  handle_record *self = handles_open(handle, UV_PREPARE);
  if (!self->active) self->call.prepare = call;
  handles_start(self);
  return 0;
}

int uv_prepare_stop(uv_prepare_t *handle) {
  handles_open(handle, UV_PREPARE)->active = false;
  return 0;
}

int uv_idle_start(uv_idle_t *handle, uv_idle_cb call) {
  handle_record *self = handles_open(handle, UV_IDLE);
  if (!self->active) self->call.idle = call;
  handles_start(self);
  return 0;
}

int uv_idle_stop(uv_idle_t *handle) {
  handles_open(handle, UV_IDLE)->active = false;
  return 0;
}

int uv_poll_start(uv_poll_t *handle, int events, uv_poll_cb call) {
  handle_record *self = handles_open(handle, UV_POLL);
  self->events = events;
  self->loop->unpolled = true;
  self->call.poll = call;
  handles_start(self);
  return 0;
}

int uv_async_send(uv_async_t *handle) {
  handle_record *self = find(handle);
  if (self == NULL || self->closing) {
    standin_fault("uv_async_send: to a handle that is not open");
  }
  self->pending = true;
  return 0;
}

int uv_is_active(const uv_handle_t *handle) {
  const handle_record *self = find(handle);
  if (self == NULL) standin_fault("uv_is_active: of what is no handle");
  return self->active;
}

int uv_has_ref(const uv_handle_t *handle) {
  const handle_record *self = find(handle);
  if (self == NULL) standin_fault("uv_has_ref: of what is no handle");
  return self->referenced;
}

void uv_ref(uv_handle_t *handle) {
  handle_record *self = find(handle);
  if (self == NULL) standin_fault("uv_ref: of what is no handle");
  handles_loop(self->loop->loop);
  self->referenced = true;
}

void uv_unref(uv_handle_t *handle) {
  handle_record *self = find(handle);
  if (self == NULL) standin_fault("uv_unref: of what is no handle");
  handles_loop(self->loop->loop);
  self->referenced = false;
}

void uv_close(uv_handle_t *handle, uv_close_cb call) {
  handle_record *self = find(handle);
  if (self == NULL) standin_fault("uv_close: of what is no handle");
  handles_loop(self->loop->loop);
  if (self->closing) standin_fault("uv_close: the handle is closed already");
  if (self->type == UV_SIGNAL) signals_stop(self);
  self->closing = true;
  self->active = false;
  self->on_close = call;
}

/* -- what lives ---------------------------------------------------------------------- */

bool handles_any(const loop_record *loop, uv_handle_type type, bool active) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->loop != loop || one->type != type) continue;
    if (one->active || !active) return true;
  }
  return false;
}

bool handles_closing(const loop_record *loop) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && one->loop == loop && one->closing) return true;
  }
  return false;
}

bool handles_alive(const loop_record *loop) {
  if (loop->requests != 0) return true;
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->loop != loop) continue;
    if (one->closing || (one->active && one->referenced)) return true;
  }
  return false;
}

int uv_loop_alive(const uv_loop_t *loop) {
  return handles_alive(handles_loop(loop));
}
