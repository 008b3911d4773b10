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

static void deliver(xio_signals *signals, int signum) {
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
    xio_hook_end_process(signum);
  }
}

static xio_signal_watch *watch_of(xio_hook *hook) {
  return XIO_CONTAINER_OF(hook, xio_signal_watch, hook);
}

static void on_signal(xio_hook *hook) {
  if (xio_hook_other(hook, false) != NULL) return; /* a task has taken it over */
  deliver(watch_of(hook)->owner, hook->signum);
}

bool xio_signals_deliver(xio_loop *loop, int signum) {
  for (xio_list *node = loop->hooks.next; node != &loop->hooks; node = node->next) {
    xio_hook *hook = XIO_CONTAINER_OF(node, xio_hook, link);
    if (!hook->counts || hook->signum != signum || !hook->wanted) continue;
    deliver(watch_of(hook)->owner, signum);
    return true;
  }
  return false;
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

static int open_watch(xio_signals *signals, int which, int signum, bool always,
                      const xio_signals *outer) {
  xio_signal_watch *watch = &signals->watches[which];
  bool is_outers = outer != NULL && outer->watches[which].hook.wanted;
  int status = xio_hook_init(&watch->hook, signals->loop, signum, on_signal);
  if (status != XIO_OK) return status;
  watch->owner = signals;
  watch->takes =
      always || ((is_outers || xio_hook_is_default(signum)) && on_main_thread());
  watch->hook.counts = true;
  watch->hook.handle.data = watch;
  signals->open_handles++;
  return watch->takes ? xio_hook_start(&watch->hook) : XIO_OK;
}

int xio_signals_open(xio_signals **out, xio_loop *loop, int64_t grace_ns, bool always,
                     const xio_signals *outer) {
  static const int signums[XIO_SIGNALS] = {SIGINT, SIGTERM};
  xio_signals *signals = xio_alloc_new(&loop->alloc, sizeof *signals);
  if (signals == NULL) return XIO_ENOMEM;
  signals->loop = loop;
  signals->grace_ns = grace_ns;
  xio_alarm_init(&signals->grace_alarm, on_grace_over);
  int status = xio_timer_reserve(&loop->clock, &signals->grace);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, signals, sizeof *signals);
    return status;
  }
  loop->own_timers++;
  for (int i = 0; i < XIO_SIGNALS && status == XIO_OK; i++) {
    status = open_watch(signals, i, signums[i], always, outer);
  }
  if (status != XIO_OK) {
    xio_signals_close(signals);
    return status;
  }
  *out = signals;
  return XIO_OK;
}

void xio_signals_pause(xio_signals *signals) {
  for (int i = 0; i < XIO_SIGNALS; i++) xio_hook_stop(&signals->watches[i].hook);
}

void xio_signals_resume(xio_signals *signals) {
  for (int i = 0; i < XIO_SIGNALS; i++) {
    xio_signal_watch *watch = &signals->watches[i];
    if (!watch->takes) continue;
    int status = xio_hook_start(&watch->hook);
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
    xio_hook_close(&signals->watches[i].hook, on_closed);
  }
}
