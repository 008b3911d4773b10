/* trace: one who watches what tasks do.
 *
 * A run queue has at most one tracer, which belongs to whoever set it and outlives the
 * queue's loop. It is told of what happens as it happens, on the loop's thread, and may
 * not change, park or wake anything, nor raise; `running` and `paused` are called between
 * two tasks, where the loop's owner may run code of its own. Without a tracer a spawn, a
 * wake and the end of a task cost one branch each, and a switch costs none. */
#ifndef XIO_CORE_TRACE_H
#define XIO_CORE_TRACE_H

#include "group.h"

typedef struct xio_tracer xio_tracer;

typedef struct xio_tracer_ops {
  /* `task` was added to its group, by the running task of its queue, if any. */
  void (*spawned)(xio_tracer *tracer, const xio_task *task);

  /* `task` is about to run. Its wait record tells how its last wait ended; `by_task`: it
   * was spawned or woken by a task, of which the tracer was told. */
  void (*running)(xio_tracer *tracer, xio_task *task, bool by_task);

  /* It has ended, and will be gone when `paused` is called. */
  void (*ended)(xio_tracer *tracer, const xio_task *task, xio_outcome outcome);

  /* `task` (NULL: it has ended) does not run any more: its wait is parked, or ready. */
  void (*paused)(xio_tracer *tracer, xio_task *task);

  /* The running task completes the parked wait of `task`, another. */
  void (*woken)(xio_tracer *tracer, const xio_task *by, const xio_task *task);

  /* `scope`, entered, was cancelled, by the running task of its queue, if any. */
  void (*cancelled)(xio_tracer *tracer, const xio_scope *scope);
} xio_tracer_ops;

struct xio_tracer {
  const xio_tracer_ops *ops;
  bool ended; /* the task that was resumed has ended */
};

/* What the nouns of the core call where their queue has a tracer. */
void xio_trace_spawned(xio_task *task);
void xio_trace_ended(const xio_task *task, xio_outcome outcome);
void xio_trace_woken(xio_wait *wait);
void xio_trace_cancelled(const xio_scope *scope);

/* Resumes `task`, which was taken, and tells of it. */
void xio_trace_resume(xio_task *task);

#endif
