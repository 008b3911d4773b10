/* thread_channel: see thread_channel.h. */
#include "thread_channel.h"

enum { SENDING = XIO_SHARED_FIRST, RECEIVING = XIO_SHARED_SECOND };

struct xio_thread_channel {
  xio_shared shared;
  void (*free_item)(xio_item *item);
  uint32_t capacity;
  uint8_t mode;
  /* guarded: */
  uint32_t buffered;
  uint32_t senders; /* open ends */
  uint32_t receivers;
  uint32_t last_number;
  xio_item *first; /* buffered: the oldest */
  xio_item *last;
  xio_item *failure; /* NULL: it has not failed */
  uint64_t sent;     /* items taken from senders */
  uint64_t received;
  uint64_t refused; /* items lost: nobody will receive them */
  uint64_t dropped; /* not sent, since it was late */
};

static xio_thread_channel *channel_of(xio_shared *shared) {
  return XIO_CONTAINER_OF(shared, xio_thread_channel, shared);
}

/* -- life ---------------------------------------------------------------------------- */

static void free_items(xio_thread_channel *channel, xio_item *items) {
  for (xio_item *item = items; item != NULL;) {
    xio_item *next = item->next;
    channel->free_item(item);
    item = next;
  }
}

static void free_channel(xio_shared *shared) {
  xio_thread_channel *channel = channel_of(shared);
  free_items(channel, channel->first);
  if (channel->failure != NULL) channel->free_item(channel->failure);
  xio_shared_deinit(shared);
  xio_allocator heap = xio_alloc_default();
  xio_alloc_free(&heap, channel, sizeof *channel);
}

static void lose_item(xio_shared *shared, void *item) {
  channel_of(shared)->free_item(item);
}

static const xio_shared_ops shared_ops = {.free = free_channel, .lose = lose_item};

static xio_thread_end *new_end(xio_thread_channel *channel, bool sends) {
  xio_allocator heap = xio_alloc_default();
  xio_thread_end *end = xio_alloc_new(&heap, sizeof *end);
  if (end == NULL) return NULL;
  end->channel = channel;
  end->sends = sends;
  atomic_init(&end->refs, 1);
  return end;
}

/* Within the mutex, or before anybody knows the channel. */
static void open_end(xio_thread_end *end) {
  xio_thread_channel *channel = end->channel;
  end->number = ++channel->last_number;
  end->open = true;
  if (end->sends) channel->senders++;
  if (!end->sends) channel->receivers++;
}

static xio_thread_channel *new_channel(uint32_t capacity, int *status) {
  xio_allocator heap = xio_alloc_default();
  xio_thread_channel *channel = xio_alloc_new(&heap, sizeof *channel);
  *status = XIO_ENOMEM;
  if (channel == NULL) return NULL;
  *status = xio_shared_init(&channel->shared, &shared_ops);
  if (*status == XIO_OK) {
    channel->capacity = capacity;
    return channel;
  }
  xio_alloc_free(&heap, channel, sizeof *channel);
  return NULL;
}

int xio_thread_channel_new(uint32_t capacity, uint8_t mode,
                           void (*free_item)(xio_item *item), xio_thread_end **sender,
                           xio_thread_end **receiver) {
  int status = XIO_OK;
  xio_allocator heap = xio_alloc_default();
  xio_thread_channel *channel = new_channel(capacity, &status);
  if (channel == NULL) return status;
  channel->mode = mode;
  channel->free_item = free_item;
  *sender = new_end(channel, true);
  *receiver = new_end(channel, false);
  if (*sender == NULL || *receiver == NULL) {
    xio_alloc_free(&heap, *sender, sizeof **sender);
    xio_alloc_free(&heap, *receiver, sizeof **receiver);
    xio_shared_unref(&channel->shared);
    return XIO_ENOMEM;
  }
  open_end(*sender);
  open_end(*receiver);
  xio_shared_ref(&channel->shared); /* one for each end */
  return XIO_OK;
}

void xio_thread_end_ref(xio_thread_end *end) {
  atomic_fetch_add_explicit(&end->refs, 1, memory_order_relaxed);
}

void xio_thread_end_unref(xio_thread_end *end, const xio_loop *here) {
  if (atomic_fetch_sub_explicit(&end->refs, 1, memory_order_acq_rel) != 1) return;
  xio_thread_end_close(end, here);
  xio_shared *shared = &end->channel->shared;
  xio_allocator heap = xio_alloc_default();
  xio_alloc_free(&heap, end, sizeof *end);
  xio_shared_unref(shared);
}

xio_shared *xio_thread_end_shared(const xio_thread_end *end) {
  return &end->channel->shared;
}

int xio_thread_end_clone(xio_thread_end *end, xio_thread_end **out) {
  xio_shared *shared = &end->channel->shared;
  xio_thread_end *clone = new_end(end->channel, end->sends);
  if (clone == NULL) return XIO_ENOMEM;
  xio_shared_lock(shared);
  bool is_open = end->open;
  if (is_open) open_end(clone);
  xio_shared_unlock(shared);
  if (!is_open) {
    xio_allocator heap = xio_alloc_default();
    xio_alloc_free(&heap, clone, sizeof *clone);
    return XIO_ECLOSED;
  }
  xio_shared_ref(shared);
  *out = clone;
  return XIO_OK;
}

uint8_t xio_thread_end_mode(const xio_thread_end *end) {
  return end->channel->mode;
}

bool xio_thread_end_open(const xio_thread_end *end) {
  xio_shared_lock(&end->channel->shared);
  bool is_open = end->open;
  xio_shared_unlock(&end->channel->shared);
  return is_open;
}

/* -- the buffer; within the mutex ---------------------------------------------------- */

static void append(xio_thread_channel *channel, xio_item *item) {
  item->next = NULL;
  if (channel->first == NULL) channel->first = item;
  if (channel->buffered != 0) channel->last->next = item;
  channel->last = item;
  channel->buffered++;
}

static xio_item *remove_first(xio_thread_channel *channel) {
  xio_item *item = channel->first;
  channel->first = item->next;
  channel->buffered--;
  return item;
}

/* -- ending -------------------------------------------------------------------------- */

/* Tells who waits through the end that it is closed. */
static void wake_marked(xio_shared *shared, int queue, uint32_t number,
                        const xio_loop *here) {
  xio_list *head = &shared->queues[queue];
  for (xio_list *node = head->next, *next; node != head; node = next) {
    next = node->next;
    xio_shared_wait *wait = XIO_CONTAINER_OF(node, xio_shared_wait, link);
    if (wait->mark == number) xio_shared_wake(wait, XIO_ECLOSED, wait->item, here);
  }
}

/* Within the mutex. Gives the items that are lost, to be freed outside. */
static xio_item *close_open_end(xio_thread_end *end, const xio_loop *here) {
  xio_thread_channel *channel = end->channel;
  xio_shared *shared = &channel->shared;
  end->open = false;
  wake_marked(shared, end->sends ? SENDING : RECEIVING, end->number, here);
  xio_item *lost = NULL;
  if (end->sends) {
    channel->senders--;
    if (channel->senders == 0) xio_shared_wake_all(shared, RECEIVING, XIO_EOF, here);
  } else if (--channel->receivers == 0) {
    lost = channel->first;
    channel->first = NULL;
    channel->refused += channel->buffered;
    channel->buffered = 0;
    xio_shared_wake_all(shared, SENDING, XIO_ECLOSED, here);
  }
  xio_shared_notify(shared);
  return lost;
}

bool xio_thread_end_close(xio_thread_end *end, const xio_loop *here) {
  xio_thread_channel *channel = end->channel;
  xio_shared_lock(&channel->shared);
  bool was_open = end->open;
  xio_item *lost = was_open ? close_open_end(end, here) : NULL;
  xio_shared_unlock(&channel->shared);
  free_items(channel, lost);
  return was_open;
}

bool xio_thread_end_fail(xio_thread_end *end, xio_item *error, const xio_loop *here) {
  xio_thread_channel *channel = end->channel;
  xio_shared *shared = &channel->shared;
  xio_shared_lock(shared);
  bool first = end->open && channel->failure == NULL && channel->senders != 0;
  if (first) {
    channel->failure = error;
    xio_shared_wake_all(shared, SENDING, XIO_ECLOSED, here);
    xio_shared_wake_all(shared, RECEIVING, XIO_EOF, here);
    xio_shared_notify(shared);
  }
  if (end->open && end->sends) close_open_end(end, here);
  xio_shared_unlock(shared);
  return first;
}

const xio_item *xio_thread_end_failure(const xio_thread_end *end) {
  xio_shared_lock(&end->channel->shared);
  const xio_item *failure = end->channel->failure;
  xio_shared_unlock(&end->channel->shared);
  return failure;
}

/* -- sending ------------------------------------------------------------------------- */

static const xio_wait_ops send_ops = {.verb = "send", .abort = xio_shared_abort};

/* Within the mutex; see xio_thread_try_send. */
static int put(xio_thread_end *end, xio_item *item, const xio_loop *here) {
  xio_thread_channel *channel = end->channel;
  if (!end->open || channel->receivers == 0 || channel->failure != NULL) {
    return XIO_ECLOSED;
  }
  xio_shared_wait *receiver = xio_shared_first(&channel->shared, RECEIVING);
  if (receiver != NULL) {
    channel->sent++;
    channel->received++;
    xio_shared_wake(receiver, XIO_OK, item, here);
    return XIO_OK;
  }
  xio_shared_notify(&channel->shared);
  if (channel->buffered >= channel->capacity) return XIO_EAGAIN;
  append(channel, item);
  channel->sent++;
  return XIO_OK;
}

int xio_thread_try_send(xio_thread_end *end, xio_item *item, const xio_loop *here) {
  xio_shared_lock(&end->channel->shared);
  int status = put(end, item, here);
  xio_shared_unlock(&end->channel->shared);
  return status;
}

int xio_thread_send(xio_thread_end *end, xio_item *item, xio_loop *loop, xio_task *task) {
  int status = xio_thread_try_send(end, item, loop);
  if (XIO_LIKELY(status != XIO_EAGAIN)) return status;
  xio_shared *shared = &end->channel->shared;
  xio_shared_wait *wait = NULL;
  status = xio_shared_prepare(shared, loop, &wait);
  if (status != XIO_OK) return status;
  xio_shared_lock(shared);
  status = put(end, item, loop);
  if (status == XIO_EAGAIN) {
    wait->item = item;
    wait->mark = end->number;
    xio_shared_park(wait, SENDING, task, &send_ops);
  }
  xio_shared_unlock(shared);
  if (status != XIO_EAGAIN) xio_shared_discard(wait);
  return status;
}

int xio_thread_send_blocking(xio_thread_end *end, xio_item *item, xio_blocker *blocker) {
  xio_shared *shared = &end->channel->shared;
  xio_shared_wait wait = {.item = item, .mark = end->number};
  xio_shared_lock(shared);
  int status = put(end, item, NULL);
  if (status == XIO_EAGAIN) {
    return xio_shared_block(shared, &wait, SENDING, blocker, XIO_NEVER);
  }
  xio_shared_unlock(shared);
  return status;
}

/* -- receiving ----------------------------------------------------------------------- */

/* The item is with the task already. */
static int forgo_recv(xio_wait *wait) {
  (void)wait;
  return XIO_EBUSY;
}

static const xio_wait_ops recv_ops = {
    .verb = "recv", .abort = xio_shared_abort, .forgo = forgo_recv};

/* Within the mutex; see xio_thread_try_recv. */
static int take(xio_thread_end *end, xio_item **item, const xio_loop *here) {
  xio_thread_channel *channel = end->channel;
  xio_shared_wait *sender = xio_shared_first(&channel->shared, SENDING);
  if (!end->open) return XIO_ECLOSED;
  xio_item *offered = sender != NULL ? sender->item : NULL;
  if (channel->buffered != 0) {
    *item = remove_first(channel);
    if (offered != NULL) append(channel, offered);
  } else if (offered != NULL) {
    *item = offered;
  } else {
    bool ended = channel->failure != NULL || channel->senders == 0;
    return ended ? XIO_EOF : XIO_EAGAIN;
  }
  channel->received++;
  if (sender != NULL) {
    channel->sent++;
    xio_shared_wake(sender, XIO_OK, NULL, here);
  }
  return XIO_OK;
}

int xio_thread_try_recv(xio_thread_end *end, xio_item **item, const xio_loop *here) {
  xio_shared_lock(&end->channel->shared);
  int status = take(end, item, here);
  xio_shared_unlock(&end->channel->shared);
  return status;
}

int xio_thread_recv(xio_thread_end *end, xio_item **item, xio_loop *loop,
                    xio_task *task) {
  int status = xio_thread_try_recv(end, item, loop);
  if (XIO_LIKELY(status != XIO_EAGAIN)) return status;
  xio_shared *shared = &end->channel->shared;
  xio_shared_wait *wait = NULL;
  status = xio_shared_prepare(shared, loop, &wait);
  if (status != XIO_OK) return status;
  xio_shared_lock(shared);
  status = take(end, item, loop);
  if (status == XIO_EAGAIN) {
    wait->mark = end->number;
    xio_shared_park(wait, RECEIVING, task, &recv_ops);
    xio_shared_notify(shared); /* for a select that offers an item */
  }
  xio_shared_unlock(shared);
  if (status != XIO_EAGAIN) xio_shared_discard(wait);
  return status;
}

int xio_thread_recv_blocking(xio_thread_end *end, xio_item **item, xio_blocker *blocker) {
  xio_shared *shared = &end->channel->shared;
  xio_shared_wait wait = {.mark = end->number};
  xio_shared_lock(shared);
  int status = take(end, item, NULL);
  if (status == XIO_EAGAIN) {
    status = xio_shared_block(shared, &wait, RECEIVING, blocker, XIO_NEVER);
    *item = wait.item;
    return status;
  }
  xio_shared_unlock(shared);
  return status;
}

int xio_thread_watch_recv(xio_thread_end *end, xio_item **item, xio_shared_wait *watcher,
                          void (*on_ready)(xio_shared_wait *watcher),
                          const xio_loop *here) {
  xio_shared_lock(&end->channel->shared);
  int status = take(end, item, here);
  if (status == XIO_EAGAIN) xio_shared_watch(watcher, on_ready);
  xio_shared_unlock(&end->channel->shared);
  return status;
}

/* -- what is known ------------------------------------------------------------------- */

void xio_thread_end_count_dropped(xio_thread_end *end) {
  xio_shared_lock(&end->channel->shared);
  end->channel->dropped++;
  xio_shared_unlock(&end->channel->shared);
}

xio_thread_channel_stat xio_thread_end_stat(const xio_thread_end *end) {
  xio_thread_channel *channel = end->channel;
  xio_shared *shared = &channel->shared;
  xio_shared_lock(shared);
  xio_thread_channel_stat stat = {
      .capacity = channel->capacity,
      .buffered = channel->buffered,
      .senders = channel->senders,
      .receivers = channel->receivers,
      .waiting = xio_shared_count(shared, SENDING) + xio_shared_count(shared, RECEIVING),
      .sent = channel->sent,
      .received = channel->received,
      .dropped = channel->dropped};
  xio_shared_unlock(shared);
  return stat;
}

/* Within the mutex. */
static bool is_valid(const xio_thread_channel *channel) {
  bool sending = xio_shared_first(&channel->shared, SENDING) != NULL;
  bool receiving = xio_shared_first(&channel->shared, RECEIVING) != NULL;
  uint64_t counted = channel->received + channel->buffered + channel->refused;
  bool ended =
      channel->failure != NULL || channel->senders == 0 || channel->receivers == 0;
  if (channel->sent != counted || (channel->buffered == 0) != (channel->first == NULL)) {
    return false;
  }
  if (receiving && (channel->buffered != 0 || ended)) return false;
  return !sending || (channel->buffered >= channel->capacity && !ended);
}

bool xio_thread_channel_valid(const xio_thread_end *end) {
  if (!xio_shared_valid(&end->channel->shared)) return false;
  xio_shared_lock(&end->channel->shared);
  bool valid = is_valid(end->channel);
  xio_shared_unlock(&end->channel->shared);
  return valid;
}
