/* signals: dispositions of a process that exists only here, and what libuv does with
 * them: its handler counts a signal for each handle that takes it, and the loop's poll
 * tells the handle, after everything else. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

#include "handles.h"

enum { SIGNALS = 65 };

static struct {
  struct sigaction actions[SIGNALS];
  bool pipe_blocked, pipe_pending;
} process;

void signals_begin(void) {
  memset(&process, 0, sizeof process);
}

static bool is_default(const struct sigaction *action) {
  return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == SIG_DFL;
}

/* Calls the handler; false: the default would end the process. */
static bool deliver(int signum) {
  const struct sigaction *action = &process.actions[signum];
  if (is_default(action)) return false;
  if (action->sa_handler != SIG_IGN) action->sa_handler(signum);
  return true;
}

bool standin_signal(int signum) {
  kernel_counts.signals++;
  return deliver(signum);
}

void signals_pipe(bool suppressed) {
  if (suppressed) return;
  if (!process.pipe_blocked) standin_fault("SIGPIPE: would end the process");
  process.pipe_pending = true;
}

SYSTEM(int, sigaction,
       (int signum, const struct sigaction *action, struct sigaction *before)) {
  if (before != NULL) *before = process.actions[signum];
  if (action != NULL) process.actions[signum] = *action;
  return 0;
}

SYSTEM(int, raise, (int signum)) {
  if (!deliver(signum)) standin_fault("raise: the signal would end the process");
  return 0;
}

SYSTEM(int, pthread_sigmask, (int how, const sigset_t *set, sigset_t *before)) {
  if (before != NULL) {
    sigemptyset(before);
    if (process.pipe_blocked) sigaddset(before, SIGPIPE);
  }
  if (set == NULL) return 0;
  bool has = sigismember(set, SIGPIPE) == 1;
  if (how == SIG_BLOCK) process.pipe_blocked |= has;
  if (how == SIG_SETMASK) process.pipe_blocked = has;
  if (process.pipe_pending && !process.pipe_blocked) {
    standin_fault("SIGPIPE: would end the process");
  }
  return 0;
}

SYSTEM(int, sigpending, (sigset_t * set)) {
  sigemptyset(set);
  if (process.pipe_pending) sigaddset(set, SIGPIPE);
  return 0;
}

SYSTEM(int, sigtimedwait,
       (const sigset_t *set, siginfo_t *about, const struct timespec *time)) {
  (void)about;
  (void)time;
  if (kernel_interrupts()) return -1;
  if (process.pipe_pending && sigismember(set, SIGPIPE) == 1) {
    process.pipe_pending = false;
    return SIGPIPE;
  }
  errno = EAGAIN;
  return -1;
}

/* -- libuv --------------------------------------------------------------------------- */

static void on_signal(int signum) {
  for (int i = 0; i < HANDLES; i++) {
    handle_record *one = &handle_table[i];
    if (one->handle == NULL || one->type != UV_SIGNAL || !one->active) continue;
    if (one->number != signum) continue;
    one->caught++;
    ((uv_signal_t *)one->handle)->caught_signals++;
  }
}

static bool is_taken(int signum) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && one->type == UV_SIGNAL && one->active &&
        one->number == signum) {
      return true;
    }
  }
  return false;
}

int uv_signal_start(uv_signal_t *handle, uv_signal_cb call, int signum) {
  handle_record *self = handles_open(handle, UV_SIGNAL);
  if (signum <= 0 || signum >= SIGNALS) return UV_EINVAL;
  self->call.signal = call;
  if (self->active && self->number == signum) return 0;
  signals_stop(self);
  if (!is_taken(signum)) {
    process.actions[signum] = (struct sigaction){.sa_handler = on_signal};
  }
  self->number = signum;
  handles_start(self);
  return 0;
}

void signals_stop(handle_record *self) {
  if (!self->active) return;
  self->active = false;
  if (!is_taken(self->number)) {
    process.actions[self->number] = (struct sigaction){.sa_handler = SIG_DFL};
  }
}

int uv_signal_stop(uv_signal_t *handle) {
  signals_stop(handles_open(handle, UV_SIGNAL));
  return 0;
}

bool signals_waiting(const loop_record *loop) {
  for (int i = 0; i < HANDLES; i++) {
    const handle_record *one = &handle_table[i];
    if (one->handle != NULL && one->loop == loop && one->caught != one->told) return true;
  }
  return false;
}

void signals_tell(loop_record *loop) {
  for (int i = 0; i < HANDLES; i++) {
    handle_record *one = &handle_table[i];
    while (one->handle != NULL && one->loop == loop && one->caught != one->told) {
      uv_signal_t *handle = (uv_signal_t *)one->handle;
      if (one->active) one->call.signal(handle, one->number);
      one->told++;
      handle->dispatched_signals++;
    }
  }
}
