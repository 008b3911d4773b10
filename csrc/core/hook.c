/* hook: see hook.h. */
#include "hook.h"

#include <pthread.h>

enum { SIGNALS_MAX = 65, SIGNALS_TO_END = 3 };

/* What the process does on each signal that somebody takes. */
typedef struct disposition {
  struct sigaction found;
  void (*volatile handler)(int); /* libuv's; called by the counter */
  uint32_t takers;               /* hooks that are started */
  uint32_t counters;             /* of these: count */
} disposition;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static disposition dispositions[SIGNALS_MAX];
static volatile sig_atomic_t seen; /* signals that were counted since the last start */

void xio_hook_end_process(int signum) {
  struct sigaction action = {.sa_handler = SIG_DFL};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(signum, &action, NULL);
  (void)raise(signum);
}

/* In signal context. */
static void count_signal(int signum) {
  if (seen < SIGNALS_TO_END) seen++;
  if (seen == SIGNALS_TO_END) xio_hook_end_process(signum);
  void (*handler)(int) = dispositions[signum].handler;
  if (handler != NULL) handler(signum);
}

static bool is_handler(const struct sigaction *action, void (*handler)(int)) {
  return (action->sa_flags & SA_SIGINFO) == 0 && action->sa_handler == handler;
}

/* Puts the counter before libuv's handler, or takes it away again. */
static void count(xio_hook *hook, bool on) {
  if (hook->counting == on) return;
  disposition *at = &dispositions[hook->signum];
  struct sigaction action;
  hook->counting = on;
  pthread_mutex_lock(&mutex);
  at->counters += on ? 1 : UINT32_MAX;
  sigaction(hook->signum, NULL, &action);
  bool passes = is_handler(&action, count_signal);
  if (at->counters != 0 && !passes && (action.sa_flags & SA_SIGINFO) == 0) {
    at->handler = action.sa_handler;
    action.sa_handler = count_signal;
    sigaction(hook->signum, &action, NULL);
  } else if (at->counters == 0 && passes) {
    action.sa_handler = at->handler;
    sigaction(hook->signum, &action, NULL);
  }
  pthread_mutex_unlock(&mutex);
}

/* libuv takes the signal for the hook. */
static int take(xio_hook *hook);

static void on_uv_signal(uv_signal_t *handle, int signum) {
  (void)signum;
  xio_hook *hook = XIO_CONTAINER_OF(handle, xio_hook, handle);
  hook->on_signal(hook);
}

static int take(xio_hook *hook) {
  disposition *at = &dispositions[hook->signum];
  pthread_mutex_lock(&mutex);
  if (at->takers == 0) sigaction(hook->signum, NULL, &at->found);
  int status = uv_signal_start(&hook->handle, on_uv_signal, hook->signum);
  if (status == 0) at->takers++;
  pthread_mutex_unlock(&mutex);
  hook->started = status == 0;
  return status;
}

/* The reverse. libuv leaves the default disposition where nobody else has it take the
 * signal: then what was found is put back. */
static void let_go(xio_hook *hook) {
  disposition *at = &dispositions[hook->signum];
  struct sigaction now;
  pthread_mutex_lock(&mutex);
  uv_signal_stop(&hook->handle); /* cannot fail */
  at->takers--;
  sigaction(hook->signum, NULL, &now);
  if (at->takers == 0 && is_handler(&now, SIG_DFL)) {
    sigaction(hook->signum, &at->found, NULL);
  }
  pthread_mutex_unlock(&mutex);
  hook->started = false;
}

static xio_hook *hook_at(xio_list *link) {
  return XIO_CONTAINER_OF(link, xio_hook, link);
}

xio_hook *xio_hook_other(const xio_hook *hook, bool counts) {
  xio_list *head = &hook->loop->hooks;
  for (xio_list *node = head->next; node != head; node = node->next) {
    xio_hook *other = hook_at(node);
    if (other != hook && other->signum == hook->signum && other->wanted &&
        other->counts == counts) {
      return other;
    }
  }
  return NULL;
}

/* Sets which of the loop's hooks for the signal of `hook` count now. */
static void set_counting(const xio_hook *hook) {
  xio_list *head = &hook->loop->hooks;
  for (xio_list *node = head->next; node != head; node = node->next) {
    xio_hook *other = hook_at(node);
    if (other->signum != hook->signum || !other->counts) continue;
    count(other, other->started && xio_hook_other(other, false) == NULL);
  }
}

/* Starts or stops what is wanted, as the shadows say. */
static int apply(xio_hook *hook) {
  bool should = hook->wanted && hook->shadows == 0;
  int status = XIO_OK;
  if (should && !hook->started) {
    status = take(hook);
    if (hook->counts) seen = 0;
  } else if (!should && hook->started) {
    count(hook, false); /* before libuv takes its handler away */
    let_go(hook);
  }
  set_counting(hook);
  return status;
}

/* The hooks of outer loops for the same signal get one shadow more, or less. */
static void shadow(const xio_hook *hook, bool more) {
  for (xio_loop *outer = hook->loop->outer; outer != NULL; outer = outer->outer) {
    for (xio_list *node = outer->hooks.next; node != &outer->hooks; node = node->next) {
      xio_hook *other = hook_at(node);
      if (other->signum != hook->signum) continue;
      if (!more && other->shadows == 0) continue; /* it is younger than the shadow */
      other->shadows += more ? 1 : UINT32_MAX;
      int status = apply(other);
      (void)status; /* it could be started before, and needs nothing new */
    }
  }
}

int xio_hook_init(xio_hook *hook, xio_loop *loop, int signum,
                  void (*on_signal)(xio_hook *hook)) {
  *hook = (xio_hook){.loop = loop, .on_signal = on_signal, .signum = signum};
  int status = uv_signal_init(loop->uv, &hook->handle);
  if (status != 0) return status;
  uv_unref((uv_handle_t *)&hook->handle);
  xio_list_push_back(&loop->hooks, &hook->link);
  xio_loop_handle_opened(loop);
  return XIO_OK;
}

int xio_hook_start(xio_hook *hook) {
  if (hook->wanted) return XIO_OK;
  hook->wanted = true;
  int status = apply(hook);
  if (status != XIO_OK) {
    hook->wanted = false;
    return status;
  }
  shadow(hook, true);
  return XIO_OK;
}

void xio_hook_stop(xio_hook *hook) {
  if (!hook->wanted) return;
  hook->wanted = false;
  shadow(hook, false); /* first, so that somebody takes the signal all the time */
  int status = apply(hook);
  (void)status; /* to stop cannot fail */
}

/* libuv's own counters: how many signals its handler has seen for this handle, and of how
 * many it has told (1.44; the fields have not changed since 0.8). */
bool xio_hook_missed(const xio_hook *hook) {
  return hook->handle.caught_signals != hook->handle.dispatched_signals;
}

void xio_hook_close(xio_hook *hook, uv_close_cb on_closed) {
  xio_hook_stop(hook);
  xio_list_remove(&hook->link);
  uv_close((uv_handle_t *)&hook->handle, on_closed);
}

void xio_hook_enter(xio_loop *loop, xio_loop *outer) {
  loop->outer = outer;
  for (xio_list *node = loop->hooks.next; node != &loop->hooks; node = node->next) {
    if (hook_at(node)->wanted) shadow(hook_at(node), true);
  }
}

void xio_hook_leave(xio_loop *loop) {
  for (xio_list *node = loop->hooks.next; node != &loop->hooks; node = node->next) {
    if (hook_at(node)->wanted) shadow(hook_at(node), false);
  }
  loop->outer = NULL;
}

bool xio_hook_is_default(int signum) {
  const disposition *at = &dispositions[signum];
  struct sigaction action;
  pthread_mutex_lock(&mutex);
  if (at->takers != 0) {
    action = at->found;
  } else {
    sigaction(signum, NULL, &action);
  }
  pthread_mutex_unlock(&mutex);
  return is_handler(&action, SIG_DFL);
}
