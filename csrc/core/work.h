/* work: a function that runs in a thread of libuv's pool while a task waits for it.
 *
 * Whoever needs one embeds an xio_work in a record of its own, which is heap memory and
 * holds all that the function uses: no memory of a task or of Lua, since the task may be
 * gone before the function has ended. From begin to the end the loop knows the record as
 * one of its objects. It ends in one of two ways: whoever waits is woken with XIO_OK,
 * reads the result, and says that it has (xio_work_taken); or nobody waits any more, and
 * `drop` lets the result and the memory go.
 *
 * A function that has not begun can be withdrawn. One that runs is told by `unwanted`,
 * looks at that where it can stop, and is awaited. Functions that should not wait for
 * each other share a pool of few threads, so none may wait for what another does.
 *
 * Invariant: `loop->working` counts those that libuv has. All on the loop's thread but
 * `run`. Not here: what is done (path.c, file.c, copy.c, remove.c). */
#ifndef XIO_CORE_WORK_H
#define XIO_CORE_WORK_H

#include <stdatomic.h>

#include "loop.h"

typedef struct xio_work xio_work;

typedef struct xio_work_ops {
  /* Runs in a thread of the pool; gives the `result`: 0 or more, or a status. */
  int64_t (*run)(xio_work *work);

  /* It has ended, or was withdrawn (result XIO_ECANCELED), and nobody waits: lets go of
   * what the result stands for and of the record, or keeps the record for later. Never
   * fails. */
  void (*drop)(xio_work *work);
} xio_work_ops;

struct xio_work {
  uv_work_t request;
  xio_loop_object object; /* linked from begin until it was taken or dropped */
  xio_loop *loop;
  xio_wait *wait; /* of the task that waits for it; NULL: none */
  const xio_work_ops *ops;
  int64_t result;
  atomic_bool unwanted; /* nobody needs the rest of it */
  bool running;         /* libuv has it */
};

void xio_work_init(xio_work *work, xio_loop *loop, const xio_work_ops *ops);

/* Begins `work`, which is not running and whose result, if any, was taken. Cannot fail
 * (libuv ends the process if it cannot start the first thread of its pool). */
void xio_work_begin(xio_work *work);

/* Parks the running task until `work`, which runs, has ended. Its status then is XIO_OK,
 * and the result is to be taken; or XIO_ECANCELED where the function was withdrawn or
 * stopped early, and the record was dropped or will be. Cancelled, the function is
 * withdrawn, or told to stop and awaited. */
void xio_work_wait(xio_work *work, xio_task *task);

/* The same where the function goes on without the task once that is cancelled, and
 * `drop` keeps what it brings. */
void xio_work_watch(xio_work *work, xio_task *task);

/* Whether the function should stop early; called by `run`. */
static inline bool xio_work_unwanted(xio_work *work) {
  return atomic_load_explicit(&work->unwanted, memory_order_relaxed);
}

/* The result was taken: the loop does not know the record any more, which is its owner's
 * to free or to begin again. */
void xio_work_taken(xio_work *work);

/* Nobody wants the result any more: who waits is woken with `status`, and the record is
 * dropped, now or when its function has ended. Nothing happens where there is none. */
void xio_work_leave(xio_work *work, int status);

#endif
