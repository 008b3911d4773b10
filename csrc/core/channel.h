/* channel: items on their way from senders to receivers, in order, with or without a
 * buffer.
 *
 * The channel counts, its owner carries: an item is never seen here. A buffered one has a
 * slot, of which the owner keeps as many as it likes to (xio_channel_set_slots) up to the
 * capacity; one that waits to be sent is kept by whoever waits; one that was handed over
 * is given to the receiver's task by the owner, in the same step. So an operation that
 * was withdrawn has had no effect, and one that took effect is not withdrawn any more.
 *
 * A channel has ends, each a number, which are opened and closed one by one. It ends for
 * receivers with its last sender, or when it fails, once what was sent is received; for
 * senders with its last receiver, or when it fails. A lossy channel never makes a sender
 * wait: when it is full the oldest item is lost, and counted.
 *
 * Nobody barges: items wait only while no receiver does, senders wait only while the
 * buffer is full. Invariants (xio_channel_valid): sent = received + buffered + refused;
 * buffered <= slots and capacity; queues as just said, and empty where the channel has
 * ended.
 *
 * Owner: who embeds it; it holds no memory of its own, and nothing here fails for want
 * of any. The tasks that wait may belong to several loops of one thread. */
#ifndef XIO_CORE_CHANNEL_H
#define XIO_CORE_CHANNEL_H

#include "task.h"

#define XIO_CHANNEL_UNBOUNDED UINT32_MAX
#define XIO_CHANNEL_NO_SLOT UINT32_MAX

typedef struct xio_channel {
  uint32_t capacity; /* items that it buffers at most */
  uint32_t takes;    /* the same; 0 where it has ended for senders */
  uint32_t slots;    /* that the owner has now: 0 … slots - 1, used in a ring */
  uint32_t first;    /* the slot of the oldest item */
  uint32_t buffered;
  uint32_t senders; /* open ends */
  uint32_t receivers;
  uint32_t last_end; /* the number that was given out last */
  uint32_t missed;   /* items lost since the last one was received */
  bool lossy;
  bool failed;
  xio_list sending; /* waiters, the longest waiting first */
  xio_list receiving;
  uint64_t sent; /* items taken from senders */
  uint64_t received;
  uint64_t refused; /* items lost: nobody will receive them */
} xio_channel;

/* What the owner has to carry after an item was sent or received. */
typedef struct xio_channel_move {
  uint32_t slot;      /* where the item goes to, or comes from; NO_SLOT: not buffered */
  xio_waiter *waiter; /* the other side, woken just now; NULL: none */
} xio_channel_move;

/* A channel without ends and slots. A lossy one has a capacity of at least 1. */
void xio_channel_init(xio_channel *channel, uint32_t capacity, bool lossy);

/* One more end; its number. */
uint32_t xio_channel_open_sender(xio_channel *channel);
uint32_t xio_channel_open_receiver(xio_channel *channel);

/* Whether the next item that is buffered needs one slot more than there are. */
static inline bool xio_channel_needs_slot(const xio_channel *channel) {
  return channel->buffered == channel->slots && channel->slots < channel->capacity;
}

/* The owner has `slots` slots now, at least as many as there are items, and has put the
 * oldest item into slot 0 and the others behind it. */
void xio_channel_set_slots(xio_channel *channel, uint32_t slots);

/* Sends an item, for which there is a slot where one is needed, without waiting.
 * XIO_OK: it goes into move->slot, or to move->waiter, whose wait for it is over.
 * XIO_EAGAIN: it would have to wait. XIO_ECLOSED: the channel has ended for senders. */
int xio_channel_try_send(xio_channel *channel, xio_channel_move *move) XIO_WARN_UNUSED;

/* Receives the oldest item without waiting. XIO_OK: it is in move->slot, and the item of
 * move->waiter, whose wait is over, goes there next; or there is no slot, and it is that
 * waiter's item that is received. XIO_EAGAIN: it would have to wait. XIO_EOF: the channel
 * has ended for receivers. */
int xio_channel_try_receive(xio_channel *channel, xio_channel_move *move) XIO_WARN_UNUSED;

/* The usual case of xio_channel_try_send, quicker: an item of an open sender goes into
 * the next slot, and nobody waits for it. False: it is another case, and nothing was
 * done. */
static inline bool xio_channel_put(xio_channel *channel) {
  if (channel->buffered >= channel->takes || !xio_list_empty(&channel->receiving)) {
    return false;
  }
  XIO_CHECK(channel->buffered < channel->slots);
  channel->buffered++;
  channel->sent++;
  return true;
}

/* The usual case of xio_channel_try_receive, quicker: the oldest item is taken out of its
 * slot, none was lost before, and nobody waits to send. False: it is another case, and
 * nothing was done. */
static inline bool xio_channel_get(xio_channel *channel) {
  if (channel->buffered == 0 || channel->missed != 0 ||
      !xio_list_empty(&channel->sending)) {
    return false;
  }
  if (++channel->first == channel->slots) channel->first = 0;
  channel->buffered--;
  channel->received++;
  return true;
}

/* Queues `waiter`, for an operation on end `end` which just would have had to wait.
 * Its wait, which the caller parks, then ends with XIO_OK: the item was taken, or
 * handed over; XIO_ECLOSED: the end was closed, or the channel has ended for senders;
 * XIO_EOF: it has ended for receivers. */
void xio_channel_await_send(xio_channel *channel, xio_waiter *waiter, uint32_t end);
void xio_channel_await_receive(xio_channel *channel, xio_waiter *waiter, uint32_t end);

/* The waits of a plain send and receive, whose source the caller may choose. */
extern const xio_wait_ops xio_channel_send_ops, xio_channel_receive_ops;

/* How many items were lost before the one just received; asked for once. */
static inline uint32_t xio_channel_take_missed(xio_channel *channel) {
  uint32_t missed = channel->missed;
  channel->missed = 0;
  return missed;
}

/* Closes an open end: who waits through it is told, and with the last one the channel
 * ends for the other side. After the last receiver no slot has an item any more. */
void xio_channel_close_sender(xio_channel *channel, uint32_t end);
void xio_channel_close_receiver(xio_channel *channel, uint32_t end);

/* Ends the channel for both sides; what is buffered may still be received. False: it had
 * ended for receivers before, and nothing has changed. */
bool xio_channel_fail(xio_channel *channel);

/* The invariants above; O(1). */
bool xio_channel_valid(const xio_channel *channel);

#endif
