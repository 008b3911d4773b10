/* hook: one signal, taken by one loop.
 *
 * The run's own SIGINT and SIGTERM (signal.c) and the signals that tasks listen for
 * (catcher.c) are hooks. What they have in common:
 *
 * - The process's disposition is saved before the first hook of any loop takes a signal,
 *   and put back exactly after the last has let go of it. libuv's handler stands there in
 *   between. Where somebody else has libuv take the same signal too, or has replaced the
 *   handler, it is left as it is.
 * - Of nested loops the innermost answers: while a loop that wants a signal is driven
 *   inside a task of another, the hooks of that one for the same signal are shadowed:
 *   stopped, and started again afterwards. What the inner loop does not want stays with
 *   the outer one, which sees it when it runs again.
 * - A hook that `counts` is passed by a counter in signal context, so that the third
 *   signal ends the process also where a task never comes back to the loop; not while
 *   the same loop has a hook for that signal that does not count.
 *
 * Dispositions are the process's, and so is the table of them in hook.c, the one variable
 * of the core that is global; a mutex guards it. Otherwise the loop's thread. Owner: who
 * embeds the hook; the memory lives until libuv has let go of the handle. */
#ifndef XIO_CORE_HOOK_H
#define XIO_CORE_HOOK_H

#include <signal.h>

#include "loop.h"

typedef struct xio_hook xio_hook;

struct xio_hook {
  uv_signal_t handle;
  xio_list link; /* in the loop's `hooks` */
  xio_loop *loop;
  void (*on_signal)(xio_hook *hook);
  int signum;
  uint32_t shadows; /* hooks of inner loops that answer in its place */
  bool counts;      /* the third signal ends the process */
  bool wanted;      /* started, unless shadowed */
  bool started;     /* libuv takes the signal for it now */
  bool counting;    /* the counter passes its signals now */
};

/* A hook for `signum` that is not started. A status of libuv: nothing was made. */
int xio_hook_init(xio_hook *hook, xio_loop *loop, int signum,
                  void (*on_signal)(xio_hook *hook)) XIO_WARN_UNUSED;

/* Begins to take the signal. A status of libuv: it does not. Harmless where it does
 * already. */
int xio_hook_start(xio_hook *hook) XIO_WARN_UNUSED;

/* Lets go of the signal. What came before is not told any more; see xio_hook_missed. */
void xio_hook_stop(xio_hook *hook);

/* Whether a signal was caught for the hook, also one that is stopped by now, of which it
 * was not told yet. */
bool xio_hook_missed(const xio_hook *hook);

/* Stops it and closes its handle, whose `data` is the caller's; `on_closed` is called
 * once libuv has let go of that. */
void xio_hook_close(xio_hook *hook, uv_close_cb on_closed);

/* Another hook of the loop that takes the same signal; with `counts` as given. */
xio_hook *xio_hook_other(const xio_hook *hook, bool counts);

/* The loop is driven from now on, in a task of `outer` (NULL: of none); or no longer. */
void xio_hook_enter(xio_loop *loop, xio_loop *outer);
void xio_hook_leave(xio_loop *loop);

/* Whether the disposition of `signum` is the default, seen without our own handler. */
bool xio_hook_is_default(int signum);

/* Ends the process by the signal, as if nobody took it; returns where it is blocked. */
void xio_hook_end_process(int signum);

#endif
