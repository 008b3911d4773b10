/* channel: see channel.h. */
#include "channel.h"

const xio_wait_ops xio_channel_send_ops = {.verb = "send", .abort = xio_wait_abort_plain};
/* The owner has carried the item already. */
static int forgo_receive(xio_wait *wait) {
  (void)wait;
  return XIO_EBUSY;
}

const xio_wait_ops xio_channel_receive_ops = {
    .verb = "recv", .abort = xio_wait_abort_plain, .forgo = forgo_receive};

void xio_channel_init(xio_channel *channel, uint32_t capacity, bool lossy) {
  XIO_ASSERT(!lossy || capacity > 0);
  *channel = (xio_channel){.capacity = capacity, .lossy = lossy};
  xio_list_init(&channel->sending);
  xio_list_init(&channel->receiving);
}

uint32_t xio_channel_open_sender(xio_channel *channel) {
  channel->senders++;
  return ++channel->last_end;
}

uint32_t xio_channel_open_receiver(xio_channel *channel) {
  channel->receivers++;
  if (!channel->failed) channel->takes = channel->capacity;
  return ++channel->last_end;
}

void xio_channel_set_slots(xio_channel *channel, uint32_t slots) {
  XIO_ASSERT(channel->buffered <= slots && slots <= channel->capacity);
  channel->slots = slots;
  channel->first = 0;
}

/* The slot `offset` places behind the oldest item's. */
static inline uint32_t slot_at(const xio_channel *channel, uint32_t offset) {
  uint32_t to_end = channel->slots - channel->first;
  return offset < to_end ? channel->first + offset : offset - to_end;
}

/* -- sending ------------------------------------------------------------------------- */

static void lose_oldest(xio_channel *channel) {
  channel->first = slot_at(channel, 1);
  channel->buffered--;
  channel->refused++;
  if (channel->missed != UINT32_MAX) channel->missed++;
}

int xio_channel_try_send(xio_channel *channel, xio_channel_move *move) {
  if (XIO_UNLIKELY(channel->receivers == 0 || channel->failed)) return XIO_ECLOSED;
  xio_waiter *receiver = xio_waiter_first(&channel->receiving);
  if (receiver != NULL) {
    channel->sent++;
    channel->received++;
    *move = (xio_channel_move){XIO_CHANNEL_NO_SLOT, receiver};
    xio_waiter_complete(receiver, XIO_OK);
    return XIO_OK;
  }
  if (channel->buffered == channel->capacity) {
    if (!channel->lossy) return XIO_EAGAIN;
    lose_oldest(channel);
  }
  XIO_ASSERT(channel->buffered < channel->slots);
  *move = (xio_channel_move){slot_at(channel, channel->buffered), NULL};
  channel->buffered++;
  channel->sent++;
  return XIO_OK;
}

void xio_channel_await_send(xio_channel *channel, xio_waiter *waiter, uint32_t end) {
  waiter->mark = end;
  xio_list_push_back(&channel->sending, &waiter->link);
}

/* -- receiving ----------------------------------------------------------------------- */

int xio_channel_try_receive(xio_channel *channel, xio_channel_move *move) {
  xio_waiter *sender = xio_waiter_first(&channel->sending);
  if (channel->buffered != 0) {
    *move = (xio_channel_move){channel->first, sender};
    channel->first = slot_at(channel, 1);
    channel->buffered--;
    if (sender != NULL)
      channel->buffered++; /* the ring is full: it takes the same slot */
  } else if (sender != NULL) {
    *move = (xio_channel_move){XIO_CHANNEL_NO_SLOT, sender};
  } else {
    return channel->failed || channel->senders == 0 ? XIO_EOF : XIO_EAGAIN;
  }
  channel->received++;
  if (sender != NULL) {
    channel->sent++;
    xio_waiter_complete(sender, XIO_OK);
  }
  return XIO_OK;
}

void xio_channel_await_receive(xio_channel *channel, xio_waiter *waiter, uint32_t end) {
  waiter->mark = end;
  xio_list_push_back(&channel->receiving, &waiter->link);
}

/* -- ending -------------------------------------------------------------------------- */

static xio_waiter *find_marked(const xio_list *queue, uint32_t end) {
  for (xio_list *node = queue->next; node != queue; node = node->next) {
    xio_waiter *waiter = XIO_CONTAINER_OF(node, xio_waiter, link);
    if (waiter->mark == end) return waiter;
  }
  return NULL;
}

/* Tells who waits through the end that it is closed. The search begins anew each time,
 * since a waiter that is told takes others of its wait along. */
static void complete_marked(const xio_list *queue, uint32_t end) {
  for (xio_waiter *waiter; (waiter = find_marked(queue, end)) != NULL;) {
    xio_waiter_complete(waiter, XIO_ECLOSED);
  }
}

void xio_channel_close_sender(xio_channel *channel, uint32_t end) {
  XIO_ASSERT(channel->senders > 0);
  complete_marked(&channel->sending, end);
  channel->senders--;
  if (channel->senders == 0) xio_waiter_complete_all(&channel->receiving, XIO_EOF);
}

void xio_channel_close_receiver(xio_channel *channel, uint32_t end) {
  XIO_ASSERT(channel->receivers > 0);
  complete_marked(&channel->receiving, end);
  channel->receivers--;
  if (channel->receivers != 0) return;
  channel->takes = 0;
  channel->refused += channel->buffered;
  channel->buffered = 0;
  xio_waiter_complete_all(&channel->sending, XIO_ECLOSED);
}

bool xio_channel_fail(xio_channel *channel) {
  if (channel->failed || channel->senders == 0) return false;
  channel->failed = true;
  channel->takes = 0;
  xio_waiter_complete_all(&channel->sending, XIO_ECLOSED);
  xio_waiter_complete_all(&channel->receiving, XIO_EOF);
  return true;
}

/* -- checking ------------------------------------------------------------------------ */

bool xio_channel_valid(const xio_channel *channel) {
  bool sending = !xio_list_empty(&channel->sending);
  bool receiving = !xio_list_empty(&channel->receiving);
  if (channel->sent != channel->received + channel->buffered + channel->refused) {
    return false;
  }
  if (channel->buffered > channel->slots || channel->slots > channel->capacity) {
    return false;
  }
  bool ended = channel->failed || channel->receivers == 0;
  if (channel->takes != (ended ? 0 : channel->capacity)) return false;
  if (receiving && (channel->buffered != 0 || channel->failed || channel->senders == 0 ||
                    channel->receivers == 0)) {
    return false;
  }
  return !sending ||
         (channel->buffered == channel->capacity && !channel->failed && !channel->lossy &&
          channel->senders != 0 && channel->receivers != 0);
}
