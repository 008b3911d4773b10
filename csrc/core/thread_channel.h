/* thread_channel: a queue between threads, with ends that can be closed.
 *
 * Items are opaque and carry a link of their own, so that sending one never needs memory.
 * One that is sent goes to the receiver who has waited longest, in the same step; or into
 * the buffer; or waits with its sender until there is room. So the items of one sender
 * are received in the order in which it sent them, and nobody is passed over.
 *
 * An end is an object of its own, known in any number of threads, to all of whom it is
 * closed at once; a clone is another end. With the last sender the channel ends for
 * receivers, after what is buffered; with the last receiver it ends for senders, and what
 * is buffered is lost. An end that nobody refers to any more is closed.
 *
 * Owner: counted references to the ends, which hold the channel; all on the C library's
 * heap. Any thread, but where a task waits. Invariants (xio_thread_channel_valid): sent =
 * received + buffered + refused; who waits to receive finds nothing buffered, who waits
 * to send finds no room, and neither waits at a channel that has ended for it. */
#ifndef XIO_CORE_THREAD_CHANNEL_H
#define XIO_CORE_THREAD_CHANNEL_H

#include "shared.h"

#define XIO_THREAD_CHANNEL_UNBOUNDED UINT32_MAX

typedef struct xio_thread_channel xio_thread_channel;

typedef struct xio_thread_end {
  xio_thread_channel *channel;
  atomic_uint refs;
  uint32_t number;
  bool sends;
  bool open; /* guarded by the channel's mutex */
} xio_thread_end;

typedef struct xio_thread_channel_stat {
  uint32_t capacity, buffered, senders, receivers, waiting;
  uint64_t sent, received, dropped;
} xio_thread_channel_stat;

/* A channel with one end of each kind, one reference each. XIO_ENOMEM or a status of
 * libuv: none. `free_item` lets items go; on any thread. `mode` is its maker's. */
int xio_thread_channel_new(uint32_t capacity, uint8_t mode,
                           void (*free_item)(xio_item *item), xio_thread_end **sender,
                           xio_thread_end **receiver) XIO_WARN_UNUSED;

/* One more reference, or one less: the last one closes the end. */
void xio_thread_end_ref(xio_thread_end *end);
void xio_thread_end_unref(xio_thread_end *end, const xio_loop *here);

/* The object that is waited for. */
xio_shared *xio_thread_end_shared(const xio_thread_end *end);

/* Another end of the same kind, with one reference. XIO_ECLOSED: `end` is closed.
 * XIO_ENOMEM. */
int xio_thread_end_clone(xio_thread_end *end, xio_thread_end **out) XIO_WARN_UNUSED;

/* What its maker said. */
uint8_t xio_thread_end_mode(const xio_thread_end *end);

/* Whether it is open. */
bool xio_thread_end_open(const xio_thread_end *end);

/* Closes an end: who waits through it is told (XIO_ECLOSED), and with the last one who
 * waits at the other side. False: it was closed before. `here` as in xio_shared_wake. */
bool xio_thread_end_close(xio_thread_end *end, const xio_loop *here);

/* Ends the channel for both sides with `error`, which it keeps; what is buffered may
 * still be received. False: it had ended for receivers before or the end is closed, and
 * the error is the caller's. A sender is closed in either case. */
bool xio_thread_end_fail(xio_thread_end *end, xio_item *error, const xio_loop *here);

/* What it has failed with; NULL: it has not. Stays as long as the end. */
const xio_item *xio_thread_end_failure(const xio_thread_end *end);

/* Sends `item` without waiting. XIO_OK: it is the channel's. XIO_EAGAIN: it would have to
 * wait. XIO_ECLOSED: the end is closed, or the channel has ended for senders. */
int xio_thread_try_send(xio_thread_end *end, xio_item *item,
                        const xio_loop *here) XIO_WARN_UNUSED;

/* The same in a task of `loop`, which is parked where it has to wait: XIO_EAGAIN; then
 * the item belongs to the wait, which ends with XIO_OK or XIO_ECLOSED, and, resumed, the
 * task calls xio_shared_take: an item that comes back was not sent. XIO_ENOMEM or a
 * status of libuv: nothing was done. */
int xio_thread_send(xio_thread_end *end, xio_item *item, xio_loop *loop,
                    xio_task *task) XIO_WARN_UNUSED;

/* The same in a thread without a loop, which blocks. On any status but XIO_OK the item is
 * the caller's. XIO_ECANCELED: it was interrupted. */
int xio_thread_send_blocking(xio_thread_end *end, xio_item *item,
                             xio_blocker *blocker) XIO_WARN_UNUSED;

/* Receives the oldest item. XIO_EAGAIN: it would have to wait. XIO_ECLOSED: the end is
 * closed. XIO_EOF: the channel has ended for receivers. */
int xio_thread_try_recv(xio_thread_end *end, xio_item **item,
                        const xio_loop *here) XIO_WARN_UNUSED;

/* The same in a task, parked with XIO_EAGAIN: the wait ends with XIO_OK, and
 * xio_shared_take gives the item; or XIO_EOF, XIO_ECLOSED. */
int xio_thread_recv(xio_thread_end *end, xio_item **item, xio_loop *loop,
                    xio_task *task) XIO_WARN_UNUSED;
int xio_thread_recv_blocking(xio_thread_end *end, xio_item **item,
                             xio_blocker *blocker) XIO_WARN_UNUSED;

/* Has `watcher`, prepared for the channel, watch for what may be received through the
 * end; see xio_shared_watch. XIO_EAGAIN: it watches. Else as xio_thread_try_recv, and it
 * does not. */
int xio_thread_watch_recv(xio_thread_end *end, xio_item **item, xio_shared_wait *watcher,
                          void (*on_ready)(xio_shared_wait *watcher),
                          const xio_loop *here) XIO_WARN_UNUSED;

/* An item was given up instead of being sent late: counts it. */
void xio_thread_end_count_dropped(xio_thread_end *end);

xio_thread_channel_stat xio_thread_end_stat(const xio_thread_end *end);

/* The invariants above. */
bool xio_thread_channel_valid(const xio_thread_end *end);

#endif
