/* signal: SIGINT and SIGTERM end a loop in good order.
 *
 * The first signal cancels the root scope; shields hold, so that cleanup runs, until the
 * grace is over or a second signal comes; a third ends the process by that signal. The
 * dispositions found are put back exactly when the signals are closed. Of nested loops
 * only the innermost listens: the outer one pauses. In signal context a handler counts,
 * and passes on to libuv's, which only writes to a pipe: the count lets a third signal
 * end the process also where a task never comes back to the loop. It is the one global
 * variable of the core, as dispositions are the process's. Owner: who opened it; heap
 * memory, freed when libuv has let go of the handles. Loop's thread, which must be the
 * process's main thread unless the host says otherwise. Not here: listening for signals
 * in general. */
#ifndef XIO_CORE_SIGNAL_H
#define XIO_CORE_SIGNAL_H

#include <signal.h>

#include "loop.h"

enum { XIO_SIGNALS = 2 }; /* SIGINT, SIGTERM */

typedef struct xio_signals xio_signals;

typedef struct xio_signal_watch {
  uv_signal_t handle;
  xio_signals *owner;
  int signum;
  bool wanted;     /* listened to unless paused */
  bool started;    /* libuv listens now */
  bool found_ours; /* the disposition found was that of an outer loop: not put back */
  struct sigaction found;
} xio_signal_watch;

struct xio_signals {
  xio_loop *loop;
  xio_signal_watch watches[XIO_SIGNALS];
  xio_timer grace;
  int64_t grace_ns;
  int first;         /* the number of the first signal; 0: none came */
  int count;         /* how many came */
  uint64_t first_at; /* how many times tasks had been resumed when the first came */
  int open_handles;
};

/* Listens. With `always` false a signal is left alone unless its disposition is the
 * default one, or that of `outer` (or NULL), and the caller is the process's main thread.
 * On error nothing has changed. */
int xio_signals_open(xio_signals **out, xio_loop *loop, int64_t grace_ns, bool always,
                     const xio_signals *outer) XIO_WARN_UNUSED;

/* Stops listening while an inner loop does, and begins again. */
void xio_signals_pause(xio_signals *signals);
void xio_signals_resume(xio_signals *signals);

/* Stops listening, puts the dispositions back, and lets the memory go. */
void xio_signals_close(xio_signals *signals);

#endif
