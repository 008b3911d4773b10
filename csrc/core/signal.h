/* signal: SIGINT and SIGTERM end a loop in good order.
 *
 * The first signal cancels the root scope; shields hold, so that cleanup runs, until the
 * grace is over or a second signal comes; a third ends the process by that signal. A task
 * that listens for one of them (catcher.c) takes it over: then it does nothing here. How
 * signals are shared between loops, and dispositions put back: hook.c. Owner: who opened
 * it; heap memory, freed when libuv has let go of the handles. Loop's thread, which must
 * be the process's main thread unless the host says otherwise. */
#ifndef XIO_CORE_SIGNAL_H
#define XIO_CORE_SIGNAL_H

#include "hook.h"

enum { XIO_SIGNALS = 2 }; /* SIGINT, SIGTERM */

typedef struct xio_signals xio_signals;

typedef struct xio_signal_watch {
  xio_hook hook;
  xio_signals *owner;
  bool takes; /* the signal, while the loop is driven */
} xio_signal_watch;

struct xio_signals {
  xio_loop *loop;
  xio_signal_watch watches[XIO_SIGNALS];
  union { /* the same */
    xio_timer grace;
    xio_alarm grace_alarm;
  };
  int64_t grace_ns;
  int first;         /* the number of the first signal; 0: none came */
  int count;         /* how many came */
  uint64_t first_at; /* how many times tasks had been resumed when the first came */
  int open_handles;
};

/* Listens. With `always` false a signal is left alone unless its disposition is the
 * default one, or taken by `outer` (or NULL), and the caller is the process's main
 * thread. On error nothing has changed. */
int xio_signals_open(xio_signals **out, xio_loop *loop, int64_t grace_ns, bool always,
                     const xio_signals *outer) XIO_WARN_UNUSED;

/* Stops listening while the loop is not driven, and begins again. */
void xio_signals_pause(xio_signals *signals);
void xio_signals_resume(xio_signals *signals);

/* Does for `signum`, which somebody else took and did not deliver, what would have been
 * done. False: the loop does not take that signal. */
bool xio_signals_deliver(xio_loop *loop, int signum);

/* Stops listening, puts the dispositions back, and lets the memory go. */
void xio_signals_close(xio_signals *signals);

#endif
