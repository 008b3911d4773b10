/* fd: see fd.h.
 *
 * A slot is what a loop knows of a number. It is made when the number is first waited for
 * and lives as long as the poller, so that parked waits may point to it. `generation`
 * changes whenever the number turns out to stand for another open file than before;
 * events carry it, and those of a file that is gone from the number are passed over. */
#include "fd.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  EVENTS_MAX = 64,       /* taken from the kernel at once */
  TERMINAL_CHUNK = 1024, /* see write_chunk */
  NUMBERS_FIRST = 16
};

typedef struct xio_fd_poller xio_fd_poller;

typedef struct xio_fd_slot {
  xio_fd_poller *poller;
  xio_waiter *waiting[2]; /* by xio_fd_side */
  const xio_fd *owner[2]; /* through which registration it waits; NULL: the bare number */
  int number;
  uint32_t generation;
  bool added; /* to the epoll set, as far as we know */
} xio_fd_slot;

struct xio_fd_poller {
  xio_loop_object object;
  xio_loop *loop;
  uv_poll_t handle;    /* watches `epoll` */
  xio_list open;       /* xio_fds */
  xio_fd_slot **slots; /* by number */
  int capacity;
  int epoll;
  uint32_t waiters;    /* in all slots */
  uint32_t generation; /* the last one given out */
};

struct xio_fd {
  xio_list link;
  xio_fd_poller *poller; /* NULL: the loop is closed */
  xio_fd_slot *slot;
  xio_allocator alloc;
  uint32_t generation; /* of the slot, when this was opened */
};

/* -- waiting ------------------------------------------------------------------------- */

/* Takes the waiter of a side, which has one, out. */
static void remove_waiter(xio_fd_slot *slot, xio_fd_side side) {
  xio_fd_poller *poller = slot->poller;
  slot->waiting[side] = NULL;
  slot->owner[side] = NULL;
  if (--poller->waiters == 0) uv_unref((uv_handle_t *)&poller->handle);
}

static void wake(xio_fd_slot *slot, xio_fd_side side, int status) {
  xio_waiter *waiter = slot->waiting[side];
  if (waiter == NULL) return;
  remove_waiter(slot, side);
  xio_waiter_complete(waiter, status);
}

/* What stays armed in the epoll set fires once more at the most, and finds nobody. */
static int abort_wait(xio_wait *wait) {
  xio_fd_slot *slot = wait->source;
  bool reads = slot->waiting[XIO_FD_READ] == &wait->self;
  remove_waiter(slot, reads ? XIO_FD_READ : XIO_FD_WRITE);
  return XIO_OK;
}

static const xio_wait_ops wait_ops[] = {{.verb = "readable", .abort = abort_wait},
                                        {.verb = "writable", .abort = abort_wait}};

static uint32_t interest(xio_fd_side side) {
  return side == XIO_FD_READ ? EPOLLIN : EPOLLOUT;
}

/* What the tasks that wait for this number are interested in. */
static uint32_t interests(const xio_fd_slot *slot) {
  return (slot->waiting[XIO_FD_READ] != NULL ? interest(XIO_FD_READ) : 0) |
         (slot->waiting[XIO_FD_WRITE] != NULL ? interest(XIO_FD_WRITE) : 0);
}

/* The number does not stand for the file any more that it did: nobody would tell those
 * who wait for that one. */
static void replace_file(xio_fd_slot *slot) {
  slot->added = false;
  slot->generation = ++slot->poller->generation;
  wake(slot, XIO_FD_READ, XIO_EBADF);
  wake(slot, XIO_FD_WRITE, XIO_EBADF);
}

/* Sets what the epoll set shall tell once of the number: the latest state of a file that
 * is ready already is told too. XIO_OK, or a status: EPERM for what is always ready. */
static int arm(xio_fd_slot *slot, uint32_t events) {
  int epoll = slot->poller->epoll;
  struct epoll_event event = {.events = events | EPOLLONESHOT};
  if (slot->added) {
    event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)slot->number;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, slot->number, &event) == 0) return XIO_OK;
    /* EBADF: closed; ENOENT: closed, and another file by now; EPERM: such a one that is
     * always ready */
    int error = errno;
    if (error == EBADF || error == ENOENT || error == EPERM) replace_file(slot);
    if (error != ENOENT) return -error;
  }
  event.data.u64 = (uint64_t)slot->generation << 32 | (uint32_t)slot->number;
  int status = epoll_ctl(epoll, EPOLL_CTL_ADD, slot->number, &event);
  if (status != 0 && errno == EEXIST) { /* closed, and the same file once more */
    status = epoll_ctl(epoll, EPOLL_CTL_MOD, slot->number, &event);
  }
  if (status != 0) return -errno;
  slot->added = true;
  return XIO_OK;
}

/* One event of the kernel. The end and errors are for both sides. */
static void deliver(xio_fd_slot *slot, uint32_t events) {
  uint32_t both = events & (EPOLLERR | EPOLLHUP);
  if ((both | (events & EPOLLIN)) != 0) wake(slot, XIO_FD_READ, XIO_OK);
  if ((both | (events & EPOLLOUT)) != 0) wake(slot, XIO_FD_WRITE, XIO_OK);
  if (interests(slot) == 0) return;
  int status = arm(slot, interests(slot)); /* the shot disarmed the other side as well */
  if (status == XIO_OK) return;
  wake(slot, XIO_FD_READ, status);
  wake(slot, XIO_FD_WRITE, status);
}

/* The epoll set has events. What is left, or missed by EINTR, is told again: libuv looks
 * at the state of the set. */
static void on_events(uv_poll_t *handle, int status, int events) {
  (void)status;
  (void)events;
  xio_fd_poller *poller = handle->data;
  struct epoll_event list[EVENTS_MAX];
  int count = epoll_wait(poller->epoll, list, EVENTS_MAX, 0);
  for (int i = 0; i < count; i++) {
    uint64_t tag = list[i].data.u64;
    xio_fd_slot *slot = poller->slots[(uint32_t)tag];
    if (slot->generation == tag >> 32) deliver(slot, list[i].events);
  }
}

/* -- the poller and its slots -------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  xio_fd_poller *poller = handle->data;
  xio_loop *loop = poller->loop;
  xio_allocator alloc = loop->alloc;
  xio_alloc_free(&alloc, poller, sizeof *poller);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* The loop ends. Registrations stay with their owners, and know it. */
static void close_poller(xio_loop_object *object) {
  xio_fd_poller *poller = XIO_CONTAINER_OF(object, xio_fd_poller, object);
  const xio_allocator *alloc = &poller->loop->alloc;
  XIO_ASSERT(poller->waiters == 0);
  while (!xio_list_empty(&poller->open)) {
    xio_fd *fd = XIO_CONTAINER_OF(poller->open.next, xio_fd, link);
    xio_list_remove(&fd->link);
    fd->poller = NULL;
    fd->slot = NULL;
  }
  for (int i = 0; i < poller->capacity; i++) {
    xio_alloc_free(alloc, poller->slots[i], sizeof(xio_fd_slot));
  }
  xio_alloc_free(alloc, poller->slots, (size_t)poller->capacity * sizeof(xio_fd_slot *));
  xio_list_remove(&object->link);
  poller->loop->fds = NULL;
  uv_close((uv_handle_t *)&poller->handle, on_closed);
  close(poller->epoll); /* libuv has stopped watching it */
}

/* The loop's poller, made when first asked for. uv_poll_start may have to grow libuv's
 * table of descriptors, which aborts when memory is out: here that happens at most once
 * in the life of a loop. */
static int get_poller(xio_fd_poller **out, xio_loop *loop) {
  *out = loop->fds;
  if (loop->fds != NULL) return XIO_OK;
  xio_fd_poller *poller = xio_alloc_new(&loop->alloc, sizeof *poller);
  if (poller == NULL) return XIO_ENOMEM;
  int status = XIO_OK;
  poller->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (poller->epoll < 0) {
    status = -errno;
    goto free_poller;
  }
  status = uv_poll_init(loop->uv, &poller->handle, poller->epoll);
  if (status != 0) goto close_epoll;
  status = uv_poll_start(&poller->handle, UV_READABLE, on_events);
  XIO_ASSERT(status == 0); /* fails only on a handle that is being closed */
  uv_unref((uv_handle_t *)&poller->handle);
  poller->handle.data = poller;
  poller->loop = loop;
  poller->object.close = close_poller;
  xio_list_init(&poller->open);
  xio_list_init(&poller->object.link);
  xio_list_push_back(&loop->objects, &poller->object.link);
  xio_loop_handle_opened(loop);
  *out = loop->fds = poller;
  return XIO_OK;

close_epoll:
  close(poller->epoll);
free_poller:
  xio_alloc_free(&loop->alloc, poller, sizeof *poller);
  return status;
}

/* Makes room in the table for `number`. */
static int grow_slots(xio_fd_poller *poller, int number) {
  int capacity = poller->capacity != 0 ? poller->capacity : NUMBERS_FIRST;
  while (capacity <= number) capacity = capacity > INT_MAX / 2 ? INT_MAX : capacity * 2;
  const xio_allocator *alloc = &poller->loop->alloc;
  xio_fd_slot **slots = alloc->resize(alloc->context, poller->slots,
                                      (size_t)poller->capacity * sizeof(xio_fd_slot *),
                                      (size_t)capacity * sizeof(xio_fd_slot *));
  if (slots == NULL) return XIO_ENOMEM;
  for (int i = poller->capacity; i < capacity; i++) slots[i] = NULL;
  poller->slots = slots;
  poller->capacity = capacity;
  return XIO_OK;
}

/* The slot of an open number, made when first asked for. */
static int get_slot(xio_fd_slot **out, xio_loop *loop, int number) {
  xio_fd_poller *poller = NULL;
  if (fcntl(number, F_GETFD) < 0) return XIO_EBADF; /* before anything is made for it */
  int status = get_poller(&poller, loop);
  if (status == XIO_OK && number >= poller->capacity) status = grow_slots(poller, number);
  if (status != XIO_OK) return status;
  xio_fd_slot *slot = poller->slots[number];
  if (slot == NULL) {
    slot = xio_alloc_new(&loop->alloc, sizeof *slot);
    if (slot == NULL) return XIO_ENOMEM;
    slot->poller = poller;
    slot->number = number;
    slot->generation = ++poller->generation;
    poller->slots[number] = slot;
  }
  *out = slot;
  return XIO_OK;
}

bool xio_fd_waited(const xio_loop *loop, int number, xio_fd_side side) {
  const xio_fd_poller *poller = loop->fds;
  return poller != NULL && number >= 0 && number < poller->capacity &&
         poller->slots[number] != NULL && poller->slots[number]->waiting[side] != NULL;
}

bool xio_fd_valid(const xio_loop *loop) {
  const xio_fd_poller *poller = loop->fds;
  if (poller == NULL) return true;
  uint32_t waiters = 0;
  for (int i = 0; i < poller->capacity; i++) {
    const xio_fd_slot *slot = poller->slots[i];
    for (int side = XIO_FD_READ; slot != NULL && side <= XIO_FD_WRITE; side++) {
      if (slot->waiting[side] == NULL) continue;
      const xio_wait *wait = slot->waiting[side]->wait;
      if (wait->state != XIO_WAIT_PARKED || slot->poller != poller) return false;
      if (wait->ops == &wait_ops[side] && wait->source != slot) return false;
      waiters++;
    }
  }
  bool watched = uv_has_ref((const uv_handle_t *)&poller->handle) != 0;
  return waiters == poller->waiters && watched == (waiters != 0);
}

/* -- registrations ------------------------------------------------------------------- */

int xio_fd_open(xio_fd **out, xio_loop *loop, int number) {
  xio_fd_slot *slot = NULL;
  int status = get_slot(&slot, loop, number);
  if (status != XIO_OK) return status;
  xio_fd *fd = xio_alloc_new(&loop->alloc, sizeof *fd);
  if (fd == NULL) return XIO_ENOMEM;
  status = arm(slot, interests(slot)); /* from now on the set knows which file it is */
  if (status != XIO_OK && status != -EPERM) {
    xio_alloc_free(&loop->alloc, fd, sizeof *fd);
    return status;
  }
  fd->poller = slot->poller;
  fd->slot = slot;
  fd->alloc = loop->alloc;
  fd->generation = slot->generation;
  xio_list_init(&fd->link);
  xio_list_push_back(&slot->poller->open, &fd->link);
  *out = fd;
  return XIO_OK;
}

void xio_fd_close(xio_fd *fd) {
  xio_fd_slot *slot = fd->slot;
  for (int side = XIO_FD_READ; slot != NULL && side <= XIO_FD_WRITE; side++) {
    if (slot->owner[side] == fd) wake(slot, (xio_fd_side)side, XIO_ECLOSED);
  }
  xio_list_remove(&fd->link);
  xio_allocator alloc = fd->alloc;
  xio_alloc_free(&alloc, fd, sizeof *fd);
}

xio_loop *xio_fd_loop(const xio_fd *fd) {
  return fd->poller != NULL ? fd->poller->loop : NULL;
}

int xio_fd_verify(xio_fd *fd) {
  if (fd->poller == NULL) return XIO_ECLOSED;
  xio_fd_slot *slot = fd->slot;
  int status = fd->generation == slot->generation ? arm(slot, interests(slot)) : XIO_OK;
  if (fd->generation != slot->generation) return XIO_EBADF;
  return status == -EPERM ? XIO_OK : status;
}

static void queue(xio_fd_slot *slot, const xio_fd *owner, xio_fd_side side,
                  xio_waiter *waiter) {
  slot->waiting[side] = waiter;
  slot->owner[side] = owner;
  if (slot->poller->waiters++ == 0) uv_ref((uv_handle_t *)&slot->poller->handle);
}

/* Whether a task waits for that side of the file that the number stands for now. Who
 * waits for one that is gone is told so. */
static bool is_busy(xio_fd_slot *slot, xio_fd_side side) {
  if (XIO_LIKELY(slot->waiting[side] == NULL)) return false;
  int status = arm(slot, interests(slot));
  (void)status; /* the caller meets it again */
  return slot->waiting[side] != NULL;
}

/* The common part of both waits. `owner` may be NULL. */
static int wait_on(xio_fd_slot *slot, const xio_fd *owner, xio_fd_side side,
                   xio_task *task, int64_t at) {
  xio_wait *wait = &task->wait;
  if (is_busy(slot, side)) return XIO_EBUSY;
  int status = xio_wait_limit(wait, at, XIO_ETIMEDOUT);
  if (status != XIO_OK) return status;
  status = arm(slot, interests(slot) | interest(side));
  if (owner != NULL && owner->generation != slot->generation) status = XIO_EBADF;
  if (status != XIO_OK) {
    xio_wait_unlimit(wait);
    if (status != -EPERM) return status;
    xio_wait_reschedule(wait, XIO_OK);
    return XIO_OK;
  }
  /* nothing below can fail */
  xio_wait_park(wait, &wait_ops[side], slot);
  queue(slot, owner, side, &wait->self);
  return XIO_OK;
}

int xio_fd_await(xio_fd *fd, xio_fd_side side, xio_waiter *waiter) {
  if (fd->poller == NULL) return XIO_ECLOSED;
  xio_fd_slot *slot = fd->slot;
  if (fd->generation != slot->generation) return XIO_EBADF;
  if (slot->waiting[side] != NULL) return XIO_EBUSY;
  int status = arm(slot, interests(slot) | interest(side));
  if (fd->generation != slot->generation) return XIO_EBADF;
  if (status == XIO_OK) queue(slot, fd, side, waiter);
  return status;
}

void xio_fd_withdraw(xio_fd *fd, xio_fd_side side, const xio_waiter *waiter) {
  if (fd->slot != NULL && fd->slot->waiting[side] == waiter)
    remove_waiter(fd->slot, side);
}

int xio_fd_wait(xio_fd *fd, xio_fd_side side, xio_task *task, int64_t at) {
  if (fd->poller == NULL) return XIO_ECLOSED;
  if (fd->generation != fd->slot->generation) return XIO_EBADF;
  return wait_on(fd->slot, fd, side, task, at);
}

int xio_fd_wait_number(xio_loop *loop, int number, xio_fd_side side, xio_task *task,
                       int64_t at) {
  xio_fd_slot *slot = NULL;
  int status = get_slot(&slot, loop, number);
  return status == XIO_OK ? wait_on(slot, NULL, side, task, at) : status;
}

/* -- reading and writing ------------------------------------------------------------- */

int xio_fd_ready(int number, xio_fd_side side) {
  struct pollfd entry = {.fd = number, .events = side == XIO_FD_READ ? POLLIN : POLLOUT};
  int count = 0;
  do {
    count = poll(&entry, 1, 0);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return -errno;
  if ((entry.revents & POLLNVAL) != 0) return XIO_EBADF;
  return count != 0 ? XIO_OK : XIO_EAGAIN;
}

/* Sockets can be told with each call not to wait. For all else O_NONBLOCK would be
 * needed, and is not ours to set: it is read when poll says that it can be. That waits
 * only where another process takes the bytes of a shared pipe or terminal in between. */
int64_t xio_fd_read(int number, void *bytes, size_t max) {
  for (;;) {
    ssize_t count = recv(number, bytes, max, MSG_DONTWAIT);
    if (count < 0 && errno == ENOTSOCK) {
      int status = xio_fd_ready(number, XIO_FD_READ);
      if (status != XIO_OK) return status;
      count = read(number, bytes, max);
    }
    if (count > 0) return count;
    if (count == 0) return XIO_EOF;
    if (errno != EINTR) return -errno;
  }
}

/* While it is held, a SIGPIPE of this thread waits; the disposition, which is the host's
 * and the process's, is not touched. */
typedef struct held_sigpipe {
  sigset_t before;
  bool was_pending; /* somebody else's, which is left alone */
} held_sigpipe;

static void fill_sigpipe(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGPIPE);
}

static void hold_sigpipe(held_sigpipe *held) {
  sigset_t set;
  sigpending(&set);
  held->was_pending = sigismember(&set, SIGPIPE) == 1;
  fill_sigpipe(&set);
  pthread_sigmask(SIG_BLOCK, &set, &held->before);
}

/* Takes the SIGPIPE that `failed` brought, and lets others come again. Keeps errno. */
static void release_sigpipe(const held_sigpipe *held, bool failed) {
  int error = errno;
  if (failed && error == EPIPE && !held->was_pending) {
    sigset_t set;
    fill_sigpipe(&set);
    const struct timespec now = {0, 0};
    while (sigtimedwait(&set, NULL, &now) < 0 && errno == EINTR) continue;
  }
  pthread_sigmask(SIG_SETMASK, &held->before, NULL);
  errno = error;
}

/* How much of `count` can be written at once where poll says that something can. A pipe
 * that may block takes PIPE_BUF bytes then (Linux: there is a free page), unless others
 * fill it in between. A terminal tells nothing; a serial one has at least 3 KiB free, a
 * pseudo terminal is seldom so full that 1 KiB has to wait for its reader. */
static size_t write_chunk(int number, const struct stat *about, size_t count) {
  size_t most = SIZE_MAX;
  if (S_ISFIFO(about->st_mode)) {
    most = PIPE_BUF;
  } else if (S_ISCHR(about->st_mode) && isatty(number)) {
    most = TERMINAL_CHUNK;
  }
  if (count <= most) return count;
  int flags = fcntl(number, F_GETFL);
  return flags >= 0 && (flags & O_NONBLOCK) != 0 ? count : most;
}

int64_t xio_fd_write_pipe(int number, const void *bytes, size_t count) {
  held_sigpipe held;
  hold_sigpipe(&held);
  ssize_t written = 0;
  do {
    written = write(number, bytes, count);
  } while (written < 0 && errno == EINTR);
  release_sigpipe(&held, written < 0);
  return written >= 0 ? written : -errno;
}

static int64_t write_file(int number, const void *bytes, size_t count) {
  struct stat about;
  if (fstat(number, &about) != 0) return -errno;
  int status = xio_fd_ready(number, XIO_FD_WRITE);
  if (status != XIO_OK) return status;
  count = write_chunk(number, &about, count);
  if (!S_ISFIFO(about.st_mode)) {
    ssize_t written = write(number, bytes, count);
    return written >= 0 ? written : -errno;
  }
  return xio_fd_write_pipe(number, bytes, count);
}

int64_t xio_fd_write(int number, const void *bytes, size_t count) {
  int64_t written = 0;
  do {
    written = send(number, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0)
      written = errno == ENOTSOCK ? write_file(number, bytes, count) : -errno;
  } while (written == -EINTR);
  return written;
}

int xio_fd_flush(FILE *file, xio_fd_side before) {
  struct stat about;
  if (fstat(fileno(file), &about) != 0) return -errno;
  if (S_ISREG(about.st_mode)) return fflush(file) == 0 ? XIO_OK : -errno;
  if (before == XIO_FD_READ) return XIO_OK;
  held_sigpipe held;
  hold_sigpipe(&held);
  bool failed = fflush(file) != 0;
  release_sigpipe(&held, failed);
  return failed ? -errno : XIO_OK;
}
