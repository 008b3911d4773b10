/* reply: see reply.h. */
#include "reply.h"

static const xio_wait_ops reply_ops = {.verb = "reply", .abort = xio_shared_abort};

static xio_reply *reply_of(xio_shared *shared) {
  return XIO_CONTAINER_OF(shared, xio_reply, shared);
}

static void free_reply(xio_shared *shared) {
  xio_reply *reply = reply_of(shared);
  xio_canceller *canceller = reply->canceller;
  if (reply->value != NULL) reply->free_value(reply->value);
  xio_shared_deinit(shared);
  xio_allocator heap = xio_alloc_default();
  xio_alloc_free(&heap, reply, sizeof *reply);
  if (canceller != NULL) canceller->unref(canceller);
}

static const xio_shared_ops shared_ops = {.free = free_reply};

xio_reply *xio_reply_new(void (*free_value)(void *value)) {
  xio_allocator heap = xio_alloc_default();
  xio_reply *reply = xio_alloc_new(&heap, sizeof *reply);
  if (reply == NULL) return NULL;
  if (xio_shared_init(&reply->shared, &shared_ops) != XIO_OK) {
    xio_alloc_free(&heap, reply, sizeof *reply);
    return NULL;
  }
  reply->free_value = free_value;
  return reply;
}

void xio_reply_set_canceller(xio_reply *reply, xio_canceller *canceller) {
  xio_shared_lock(&reply->shared);
  XIO_ASSERT(reply->canceller == NULL && reply->outcome == XIO_OUTCOME_NONE);
  reply->canceller = canceller;
  xio_shared_unlock(&reply->shared);
}

static bool settle(xio_reply *reply, xio_outcome outcome, void *value, int status,
                   const xio_loop *here) {
  xio_shared *shared = &reply->shared;
  xio_shared_lock(shared);
  bool first = reply->outcome == XIO_OUTCOME_NONE;
  xio_canceller *canceller = NULL;
  if (first) {
    canceller = reply->canceller;
    reply->canceller = NULL;
    reply->outcome = (uint8_t)outcome;
    reply->value = value;
    reply->status = status;
    xio_shared_wake_all(shared, XIO_SHARED_FIRST, XIO_OK, here);
    xio_shared_notify(shared);
  }
  xio_shared_unlock(shared);
  if (canceller != NULL) canceller->unref(canceller);
  return first;
}

bool xio_reply_settle(xio_reply *reply, xio_outcome outcome, void *value,
                      const xio_loop *here) {
  return settle(reply, outcome, value, XIO_OK, here);
}

void xio_reply_break(xio_reply *reply, int status, const xio_loop *here) {
  settle(reply, XIO_OUTCOME_FAILED, NULL, status, here);
}

bool xio_reply_cancel(xio_reply *reply, void *reason, const xio_loop *here) {
  xio_shared_lock(&reply->shared);
  bool first = reply->outcome == XIO_OUTCOME_NONE && !reply->cancelled;
  xio_canceller *canceller = reply->canceller;
  if (first) {
    reply->canceller = NULL;
    reply->cancelled = true;
  }
  xio_shared_unlock(&reply->shared);
  if (!first) return false;
  if (canceller == NULL) {
    return xio_reply_settle(reply, XIO_OUTCOME_CANCELLED, reason, here);
  }
  canceller->cancel(canceller, reason);
  canceller->unref(canceller);
  return true;
}

xio_outcome xio_reply_outcome(xio_reply *reply) {
  xio_shared_lock(&reply->shared);
  xio_outcome outcome = reply->outcome;
  xio_shared_unlock(&reply->shared);
  return outcome;
}

bool xio_reply_is_settled(const xio_shared *shared) {
  return XIO_CONTAINER_OF(shared, const xio_reply, shared)->outcome != XIO_OUTCOME_NONE;
}

int xio_reply_await(xio_reply *reply, xio_loop *loop, xio_task *task, int64_t at) {
  if (xio_reply_outcome(reply) != XIO_OUTCOME_NONE) return XIO_OK;
  return xio_shared_await(&reply->shared, xio_reply_is_settled, loop, task, at,
                          &reply_ops);
}

/* The record is the reply's until it is settled. */
static int abort_result(xio_wait *wait) {
  const xio_shared_wait *record = wait->source;
  xio_reply_cancel(reply_of(record->shared), NULL, record->loop);
  return XIO_EBUSY;
}

static const xio_wait_ops result_ops = {.verb = "call", .abort = abort_result};

int xio_reply_await_result(xio_reply *reply, xio_loop *loop, xio_task *task) {
  if (xio_reply_outcome(reply) != XIO_OUTCOME_NONE) return XIO_OK;
  return xio_shared_await(&reply->shared, xio_reply_is_settled, loop, task, XIO_NEVER,
                          &result_ops);
}

int xio_reply_watch(xio_reply *reply, xio_shared_wait *watcher,
                    void (*on_ready)(xio_shared_wait *watcher)) {
  xio_shared_lock(&reply->shared);
  bool settled = xio_reply_is_settled(&reply->shared);
  if (!settled) xio_shared_watch(watcher, on_ready);
  xio_shared_unlock(&reply->shared);
  return settled ? XIO_OK : XIO_EAGAIN;
}

int xio_reply_block(xio_reply *reply, xio_blocker *blocker, int64_t timeout_ns) {
  return xio_shared_await_blocking(&reply->shared, xio_reply_is_settled, blocker,
                                   timeout_ns);
}

bool xio_reply_valid(xio_reply *reply) {
  if (!xio_shared_valid(&reply->shared)) return false;
  xio_shared_lock(&reply->shared);
  bool settled = reply->outcome != XIO_OUTCOME_NONE;
  bool waited = xio_shared_first(&reply->shared, XIO_SHARED_FIRST) != NULL;
  bool valid = !settled || (!waited && reply->canceller == NULL);
  xio_shared_unlock(&reply->shared);
  return valid;
}
