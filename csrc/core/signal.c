/* signal: see signal.h. */
#include "signal.h"

#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__APPLE__) || defined(__FreeBSD__)
#include <pthread.h>
#endif

static bool on_main_thread(void) {
#if defined(__linux__)
  return syscall(SYS_gettid) == (long)getpid();
#elif defined(__APPLE__) || defined(__FreeBSD__)
  return pthread_main_np() != 0;
#else
  return false;
#endif
}

static void on_grace_over(xio_timer *timer) {
  xio_signals *signals = XIO_CONTAINER_OF(timer, xio_signals, grace);
  signals->loop->own_timers--;
  xio_scope_lift_all(&signals->loop->root.scope);
}

/* The process ends as if nobody had listened. */
static void end_process(int signum) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(signum, &action, NULL);
  (void)raise(signum);
}

enum { SIGNALS_TO_END = 3 };

static void on_signal(uv_signal_t *handle, int signum) {
  xio_signal_watch *watch = handle->data;
  xio_signals *signals = watch->owner;
  xio_scope *root = &signals->loop->root.scope;
  signals->count++;
  if (signals->count == 1) {
    signals->first = signum;
    signals->first_at = signals->loop->queue.resumes;
    xio_scope_cancel(root, XIO_SOURCE_SIGNAL);
    xio_clock *clock = &signals->loop->clock;
    int status =
        xio_timer_arm(clock, &signals->grace, xio_clock_after(clock, signals->grace_ns));
    XIO_ASSERT(status == XIO_OK); /* reserved when opened */
  } else if (signals->count == 2) {
    xio_scope_lift_all(root);
  } else {
    end_process(signum);
  }
}

/* What runs in signal context: how many signals came since a loop began to listen, and
 * libuv's handler. */
static volatile sig_atomic_t signals_seen;
static void (*volatile uv_handler)(int);

static void count_signal(int signum) {
  if (signals_seen < SIGNALS_TO_END) signals_seen++;
  if (signals_seen == SIGNALS_TO_END) end_process(signum);
  void (*handler)(int) = uv_handler;
  if (handler != NULL) handler(signum);
}

/* Puts count_signal before libuv's handler. */
static void count_first(int signum) {
  struct sigaction action;
  sigaction(signum, NULL, &action);
  if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler == count_signal) return;
  uv_handler = action.sa_handler;
  action.sa_handler = count_signal;
  sigaction(signum, &action, NULL);
}

static int start(xio_signal_watch *watch) {
  if (!watch->wanted || watch->started) return XIO_OK;
  int status = uv_signal_start(&watch->handle, on_signal, watch->signum);
  watch->started = status == 0;
  if (watch->started) count_first(watch->signum);
  signals_seen = 0;
  return status;
}

static void stop(xio_signal_watch *watch) {
  if (!watch->started) return;
  uv_signal_stop(&watch->handle); /* cannot fail; leaves the default disposition */
  watch->started = false;
}

static void on_closed(uv_handle_t *handle) {
  xio_signal_watch *watch = handle->data;
  xio_signals *signals = watch->owner;
  xio_loop *loop = signals->loop;
  signals->open_handles--;
  if (signals->open_handles == 0) {
    xio_allocator alloc = loop->alloc;
    xio_alloc_free(&alloc, signals, sizeof *signals);
  }
  xio_loop_handle_closed(loop);
}

/* Whether `outer` listens for the same signal now. */
static bool outer_listens(const xio_signals *outer, int which) {
  return outer != NULL && outer->watches[which].started;
}

static void init_watch(xio_signals *signals, int which, int signum, bool always,
                       const xio_signals *outer) {
  xio_signal_watch *watch = &signals->watches[which];
  watch->owner = signals;
  watch->signum = signum;
  sigaction(signum, NULL, &watch->found);
  watch->found_ours = outer_listens(outer, which);
  bool is_default =
      (watch->found.sa_flags & SA_SIGINFO) == 0 && watch->found.sa_handler == SIG_DFL;
  watch->wanted = always || ((is_default || watch->found_ours) && on_main_thread());
}

int xio_signals_open(xio_signals **out, xio_loop *loop, int64_t grace_ns, bool always,
                     const xio_signals *outer) {
  static const int signums[XIO_SIGNALS] = {SIGINT, SIGTERM};
  xio_signals *signals = xio_alloc_new(&loop->alloc, sizeof *signals);
  if (signals == NULL) return XIO_ENOMEM;
  signals->loop = loop;
  signals->grace_ns = grace_ns;
  xio_timer_init(&signals->grace, on_grace_over);
  int status = xio_timer_reserve(&loop->clock, &signals->grace);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, signals, sizeof *signals);
    return status;
  }
  loop->own_timers++;
  for (int i = 0; i < XIO_SIGNALS && status == XIO_OK; i++) {
    xio_signal_watch *watch = &signals->watches[i];
    init_watch(signals, i, signums[i], always, outer);
    status = uv_signal_init(loop->uv, &watch->handle);
    if (status != 0) break;
    watch->handle.data = watch;
    uv_unref((uv_handle_t *)&watch->handle);
    signals->open_handles++;
    xio_loop_handle_opened(loop);
    status = start(watch);
  }
  if (status != XIO_OK) {
    xio_signals_close(signals);
    return status;
  }
  *out = signals;
  return XIO_OK;
}

void xio_signals_pause(xio_signals *signals) {
  for (int i = 0; i < XIO_SIGNALS; i++) stop(&signals->watches[i]);
}

void xio_signals_resume(xio_signals *signals) {
  for (int i = 0; i < XIO_SIGNALS; i++) {
    int status = start(&signals->watches[i]);
    (void)status; /* it could be started before, and needs nothing new */
  }
}

void xio_signals_close(xio_signals *signals) {
  if (xio_timer_armed(&signals->grace) || signals->grace.reserved) {
    xio_timer_disarm(&signals->loop->clock, &signals->grace);
    signals->loop->own_timers--;
  }
  if (signals->open_handles == 0) {
    xio_alloc_free(&signals->loop->alloc, signals, sizeof *signals);
    return;
  }
  for (int i = 0, open = signals->open_handles; i < open; i++) {
    xio_signal_watch *watch = &signals->watches[i];
    bool was_wanted = watch->wanted;
    stop(watch);
    if (was_wanted && !watch->found_ours) sigaction(watch->signum, &watch->found, NULL);
    uv_close((uv_handle_t *)&watch->handle, on_closed);
  }
}
