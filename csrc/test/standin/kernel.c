/* kernel: see kernel.h. Time, events, numbers of descriptors, and what all of these can
 * do. */
#include "kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../base/random.h"

enum { NODES = 128, EVENTS = 512, STANDARD = 3, EPOCH_NS = 1000 * 1000 * 1000 };

typedef struct event {
  int64_t at;
  uint64_t order;
  void (*fire)(void *context);
  void *context;
} event;

typedef struct descriptor {
  node *node;
  bool inherited; /* no FD_CLOEXEC */
} descriptor;

standin_weather kernel_weather;
standin_counts kernel_counts;

static struct {
  xio_random random;
  standin_fault_fn on_fault;
  bool (*on_stall)(void);
  void (*on_wait)(void);
  int64_t now;
  event events[EVENTS];
  int event_count;
  uint64_t order;
  node nodes[NODES];
  int node_count; /* that were ever used */
  descriptor numbers[KERNEL_NUMBERS];
} kernel;

_Noreturn void standin_fault(const char *what) {
  kernel.on_fault(what);
  __builtin_trap();
}

const standin_counts *standin_sums(void) {
  return &kernel_counts;
}

/* -- chance and time ----------------------------------------------------------------- */

uint32_t kernel_below(uint32_t bound) {
  return (uint32_t)xio_random_below(&kernel.random, bound);
}

bool kernel_chance(uint32_t per_mille) {
  return per_mille != 0 && kernel_below(1000) < per_mille;
}

int64_t kernel_delay(void) {
  if (kernel_weather.delay_us == 0 || kernel_below(4) == 0) return 0;
  return 1 + (int64_t)kernel_below(kernel_weather.delay_us) * 1000;
}

void kernel_after(int64_t delay_ns, void (*fire)(void *context), void *context) {
  if (kernel.event_count == EVENTS) standin_fault("stand-in: too many events");
  kernel.events[kernel.event_count++] =
      (event){kernel.now + delay_ns, ++kernel.order, fire, context};
}

/* The event that comes next; -1: there is none. */
static int next_event(void) {
  int best = -1;
  for (int i = 0; i < kernel.event_count; i++) {
    const event *one = &kernel.events[i];
    const event *other = best >= 0 ? &kernel.events[best] : NULL;
    if (other != NULL && one->at > other->at) continue;
    if (other != NULL && one->at == other->at && one->order > other->order) continue;
    best = i;
  }
  return best;
}

int64_t kernel_next(void) {
  int next = next_event();
  return next >= 0 ? kernel.events[next].at : KERNEL_NEVER;
}

void kernel_advance(int64_t to) {
  for (int next; (next = next_event()) >= 0 && kernel.events[next].at <= to;) {
    event due = kernel.events[next];
    kernel.events[next] = kernel.events[--kernel.event_count];
    if (due.at > kernel.now) kernel.now = due.at;
    kernel_counts.events++;
    due.fire(due.context);
  }
  if (to > kernel.now) kernel.now = to;
}

int64_t standin_now(void) {
  return kernel.now;
}

int64_t kernel_hrtime(void) {
  uint32_t tick = kernel_weather.tick_ns;
  if (tick != 0) kernel.now += 1 + kernel_below(tick);
  return kernel.now;
}

bool kernel_interrupts(void) {
  kernel_counts.calls++;
  if (!kernel_chance(kernel_weather.interrupts)) return false;
  kernel_counts.interrupts++;
  errno = EINTR;
  return true;
}

bool kernel_is_short(void) {
  static const int errors[] = {EMFILE, ENFILE, ENOMEM};
  kernel_counts.calls++;
  if (!kernel_chance(kernel_weather.shortages)) return false;
  kernel_counts.shortages++;
  errno = errors[kernel_below(3)];
  return true;
}

/* -- nodes and numbers --------------------------------------------------------------- */

node *kernel_node(node_kind kind) {
  node *fresh = NULL;
  for (int i = 0; i < kernel.node_count && fresh == NULL; i++) {
    if (kernel.nodes[i].kind == NODE_FREE) fresh = &kernel.nodes[i];
  }
  if (fresh == NULL) {
    if (kernel.node_count == NODES) standin_fault("stand-in: too many nodes");
    fresh = &kernel.nodes[kernel.node_count++];
  }
  memset(fresh, 0, sizeof *fresh);
  fresh->kind = kind;
  fresh->access = O_RDWR;
  return fresh;
}

static void release(node *self) {
  epoll_forget(self);
  switch (self->kind) {
    case NODE_EPOLL: epoll_release(self); break;
    case NODE_STREAM: stream_release(self); break;
    case NODE_LISTENER: listener_release(self); break;
    case NODE_DATAGRAM: datagram_release(self); break;
    case NODE_PROCESS: process_release(self); break;
    default: break;
  }
  self->kind = NODE_FREE;
}

uint32_t kernel_poll(const node *self) {
  switch (self->kind) {
    case NODE_EPOLL: return epoll_state(self);
    case NODE_EVENT: return (self->count != 0 ? EPOLLIN : 0u) | EPOLLOUT;
    case NODE_STREAM: return stream_state(self);
    case NODE_LISTENER: return listener_state(self);
    case NODE_DATAGRAM: return datagram_state(self);
    case NODE_PROCESS: return process_state(self);
    default: return EPOLLIN | EPOLLOUT;
  }
}

uint32_t standin_state(int number) {
  uint32_t state = kernel_poll(kernel_need(number));
  return ((state & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? STANDIN_READABLE : 0u) |
         ((state & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0 ? STANDIN_WRITABLE : 0u);
}

void standin_on_stall(bool (*on_stall)(void)) {
  kernel.on_stall = on_stall;
}

void standin_on_wait(void (*on_wait)(void)) {
  kernel.on_wait = on_wait;
}

void kernel_waits(void) {
  if (kernel.on_wait != NULL) kernel.on_wait();
}

bool kernel_stall(void) {
  return kernel.on_stall != NULL && kernel.on_stall();
}

void kernel_keep(node *kept) {
  kept->refs++;
}

void kernel_drop(node *dropped) {
  if (--dropped->refs == 0) release(dropped);
}

int kernel_open_at(node *opened, int lowest) {
  for (int number = lowest; number < KERNEL_NUMBERS; number++) {
    if (kernel.numbers[number].node != NULL) continue;
    kernel.numbers[number] = (descriptor){.node = opened};
    kernel_keep(opened);
    return number;
  }
  kernel_keep(opened);
  kernel_drop(opened);
  errno = EMFILE;
  return -1;
}

int kernel_open(node *opened) {
  return kernel_open_at(opened, 0);
}

node *kernel_find(int number) {
  node *found = NULL;
  if (number >= 0 && number < KERNEL_NUMBERS) found = kernel.numbers[number].node;
  if (found == NULL) errno = EBADF;
  return found;
}

node *kernel_need(int number) {
  node *found = kernel_find(number);
  if (found == NULL) standin_fault("descriptor: used after it was closed");
  return found;
}

int kernel_count(void) {
  int count = 0;
  for (int i = 0; i < KERNEL_NUMBERS; i++) count += kernel.numbers[i].node != NULL;
  return count;
}

/* -- calls for all kinds ------------------------------------------------------------- */

SYSTEM(int, close, (int number)) {
  node *closed = kernel_find(number);
  if (closed == NULL) standin_fault("close: the descriptor is closed already");
  kernel.numbers[number].node = NULL;
  kernel_drop(closed);
  return 0;
}

SYSTEM(int, dup2, (int from, int to)) {
  node *copied = kernel_need(from);
  if (from == to) return to;
  if (kernel.numbers[to].node != NULL) __wrap_close(to);
  kernel.numbers[to] = (descriptor){.node = copied, .inherited = true};
  kernel_keep(copied);
  return to;
}

static int control(node *self, int number, int command, long argument) {
  descriptor *at = &kernel.numbers[number];
  switch (command) {
    case F_GETFD: return at->inherited ? 0 : FD_CLOEXEC;
    case F_SETFD: at->inherited = (argument & FD_CLOEXEC) == 0; return 0;
    case F_GETFL: return self->access | (self->nonblocking ? O_NONBLOCK : 0);
    case F_SETFL: self->nonblocking = (argument & O_NONBLOCK) != 0; return 0;
    case F_DUPFD_CLOEXEC:
      return kernel_is_short() ? -1 : kernel_open_at(self, (int)argument);
    default: standin_fault("fcntl: a command that has no stand-in");
  }
}

SYSTEM(int, fcntl, (int number, int command, ...)) {
  va_list rest;
  va_start(rest, command);
  long argument = va_arg(rest, long);
  va_end(rest);
  node *self = kernel_find(number);
  return self != NULL ? control(self, number, command, argument) : -1;
}

SYSTEM(int, fstat, (int number, struct stat *about)) {
  const node *self = kernel_find(number);
  if (self == NULL) return -1;
  memset(about, 0, sizeof *about);
  switch (self->kind) {
    case NODE_STREAM: about->st_mode = self->socket ? S_IFSOCK : S_IFIFO; break;
    case NODE_LISTENER:
    case NODE_DATAGRAM: about->st_mode = S_IFSOCK; break;
    case NODE_FILE: about->st_mode = S_IFREG; return files_size(self, &about->st_size);
    default: about->st_mode = S_IFCHR; break;
  }
  return 0;
}

SYSTEM(ssize_t, read, (int number, void *bytes, size_t max)) {
  node *self = kernel_need(number);
  if (kernel_interrupts()) return -1;
  switch (self->kind) {
    case NODE_STREAM: return flow_read(self, bytes, max);
    case NODE_FILE: return files_read(self, bytes, max, -1);
    case NODE_DEVICE: return self->at != 0 ? children_tell(self, bytes, max) : 0;
    default: standin_fault("read: of what has no stand-in for it");
  }
}

SYSTEM(ssize_t, write, (int number, const void *bytes, size_t count)) {
  node *self = kernel_need(number);
  if (kernel_interrupts()) return -1;
  switch (self->kind) {
    case NODE_STREAM: {
      ssize_t written = flow_write(self, bytes, count);
      if (written < 0 && errno == EPIPE) {
        signals_pipe(false);
        errno = EPIPE;
      }
      return written;
    }
    case NODE_FILE: return files_write(self, bytes, count, -1);
    case NODE_DEVICE: return (ssize_t)count;
    default: standin_fault("write: to what has no stand-in for it");
  }
}

SYSTEM(int, poll, (struct pollfd * list, nfds_t count, int timeout)) {
  int ready = 0;
  if (timeout != 0) standin_fault("poll: the loop's thread would block");
  if (kernel_interrupts()) return -1;
  for (nfds_t i = 0; i < count; i++) {
    const node *self = kernel_find(list[i].fd);
    uint32_t wanted = (uint32_t)list[i].events | EPOLLERR | EPOLLHUP;
    list[i].revents = (short)(self != NULL ? kernel_poll(self) & wanted : POLLNVAL);
    if (list[i].revents != 0) ready++;
  }
  return ready;
}

SYSTEM(int, eventfd, (unsigned value, int flags)) {
  if (kernel_is_short()) return -1;
  node *fresh = kernel_node(NODE_EVENT);
  fresh->nonblocking = (flags & EFD_NONBLOCK) != 0;
  fresh->count = value;
  return kernel_open(fresh);
}

SYSTEM(int, eventfd_write, (int number, eventfd_t value)) {
  node *self = kernel_need(number);
  self->count += value;
  epoll_wake(self, EPOLLIN);
  return 0;
}

SYSTEM(int, eventfd_read, (int number, eventfd_t *value)) {
  node *self = kernel_need(number);
  *value = self->count;
  self->count = 0;
  if (*value != 0) return 0;
  errno = EAGAIN;
  return -1;
}

/* -- the world ----------------------------------------------------------------------- */

static void open_standard(void) {
  node *device = kernel_node(NODE_DEVICE);
  for (int number = 0; number < STANDARD; number++) {
    kernel.numbers[number] = (descriptor){.node = device, .inherited = true};
    kernel_keep(device);
  }
}

void standin_begin(uint64_t seed, const standin_weather *weather,
                   standin_fault_fn on_fault) {
  kernel_weather = *weather;
  xio_random_init(&kernel.random, seed ^ UINT64_C(0x6a09e667f3bcc909));
  kernel.on_fault = on_fault;
  kernel.on_stall = NULL;
  kernel.on_wait = NULL;
  kernel.now = EPOCH_NS;
  kernel.event_count = 0;
  kernel.order = 0;
  kernel.node_count = 0;
  memset(kernel.numbers, 0, sizeof kernel.numbers);
  open_standard();
  epoll_begin();
  flow_begin();
  network_begin();
  files_begin();
  signals_begin();
  children_begin();
  handles_begin();
  pool_begin();
  locks_begin();
}

void standin_end(void) {
  const char *left = handles_left();
  if (left == NULL) left = pool_left();
  if (left != NULL) standin_fault(left);
  if (kernel_count() != STANDARD) standin_fault("end: a descriptor is left open");
  if (children_left() != 0) standin_fault("end: a child was not reaped");
}
