/* attach: lets whoever runs a uv loop run the tasks of an xio loop on it.
 *
 * For a host that calls uv_run itself. In each iteration, before libuv polls, one turn is
 * run. While a task is ready, an idle handle keeps libuv from blocking; the loop's own
 * timer ends its poll when the next timer of a task is due. The attachment keeps uv_run
 * going as long as something can wake a task: then its handle is referenced.
 *
 * The loop is not driven otherwise as long as it is attached. Owner: the attachment is
 * heap memory of the loop's allocator from xio_attach_open until libuv has let go of its
 * handles after xio_attach_close, or after the loop's end. Loop's thread. */
#ifndef XIO_CORE_ATTACH_H
#define XIO_CORE_ATTACH_H

#include "loop.h"

typedef struct xio_attachment xio_attachment;

struct xio_attachment {
  xio_loop_object object;
  xio_loop *loop;
  uv_prepare_t prepare;
  uv_idle_t idle;
  int open_handles;

  /* Runs one turn by xio_loop_turn; called by libuv. Must not raise. */
  void (*turn)(xio_attachment *attachment);
  void *owner;  /* for `turn` */
  bool running; /* `turn` is */
};

/* Attaches `loop`, whose clock is real and whose uv loop is its host's. XIO_ENOMEM:
 * nothing has changed. */
int xio_attach_open(xio_attachment **out, xio_loop *loop,
                    void (*turn)(xio_attachment *attachment),
                    void *owner) XIO_WARN_UNUSED;

/* Tells it that a task was spawned or became ready outside of uv_run, which would
 * otherwise end at once where nothing else is alive. */
void xio_attach_touch(xio_attachment *attachment);

/* Ends it. */
void xio_attach_close(xio_attachment *attachment);

#endif
