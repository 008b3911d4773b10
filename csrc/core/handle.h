/* handle: a descriptor of our own that tasks wait for.
 *
 * Streams and listeners embed one. The descriptor does not block. Nothing is read before
 * a task asks for it: bytes wait in the kernel, so that an idle handle holds no memory, a
 * wait can always be withdrawn without loss, and a peer whose bytes nobody reads is
 * stopped by its own kernel.
 *
 * Each loop has one epoll set for its handles, which libuv watches through one uv_poll_t.
 * A descriptor is in the set from the beginning to the end and is told of by edges: no
 * call changes that while it is used, and what is announced to nobody is not announced
 * again. What came while nobody waited is kept in `ready`, and must be forgotten
 * (xio_handle_trying) before each call that could find that nothing is there any more:
 * then a wait that follows misses nothing.
 *
 * One reader and one writer may wait at a time. Owner: who opened it. Closing wakes
 * who waits with XIO_ECLOSED and closes the descriptor in the same step, so that its
 * number can be used again at once without anybody noticing; the loop's end closes it
 * too. Invariant (xio_handle_valid): a waiter is parked and names the handle. Loop's
 * thread. Not here: descriptors of others (fd.c). */
#ifndef XIO_CORE_HANDLE_H
#define XIO_CORE_HANDLE_H

#include "fd.h"

typedef struct xio_handle_set xio_handle_set;

typedef struct xio_handle {
  xio_loop_object object;
  xio_loop *loop;         /* NULL: closed */
  xio_waiter *waiting[2]; /* by xio_fd_side */
  int number;             /* of the descriptor; -1: closed */
  bool ready[2];          /* announced since the last try, and nobody waited */
  bool hung;   /* the end or an error was announced: there is no more to come */
  bool writes; /* room to write is announced too */
} xio_handle;

/* Takes `number`, which does not block, for the handle. On error (XIO_ENOMEM or another
 * status) nothing has changed, and the descriptor is still the caller's. */
int xio_handle_open(xio_handle *handle, xio_loop *loop, int number) XIO_WARN_UNUSED;

/* The caller is about to try that side of the descriptor. */
static inline void xio_handle_trying(xio_handle *handle, xio_fd_side side) {
  handle->ready[side] = false;
}

/* Parks the running task until that side is ready, at the latest until `at` (then the
 * status is XIO_ETIMEDOUT). `ops` are those of the wait: their abort is xio_handle_abort,
 * or calls it. XIO_EAGAIN: it has become ready since the last try: try again; the task is
 * not parked. XIO_EBUSY: another task waits for that side. XIO_ECLOSED, XIO_ENOMEM or a
 * status of the system: it is not parked. */
int xio_handle_wait(xio_handle *handle, xio_fd_side side, xio_task *task, int64_t at,
                    const xio_wait_ops *ops) XIO_WARN_UNUSED;

/* Withdraws a wait for a handle, its source. */
int xio_handle_abort(xio_wait *wait);

/* Closes it; returns whether that was the first time. Never fails. */
bool xio_handle_close(xio_handle *handle);

/* The invariant above. */
bool xio_handle_valid(const xio_handle *handle);

#endif
