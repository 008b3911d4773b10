/* model: see model.h. */
#include "model.h"

#include <string.h>

/* -- queues -------------------------------------------------------------------------- */

static void append(model_queue *queue, int agent, int one) {
  queue->entries[queue->count].agent = agent;
  queue->entries[queue->count].one = one;
  queue->count++;
}

static void remove_agent(model_queue *queue, int agent) {
  int left = 0;
  for (int i = 0; i < queue->count; i++) {
    if (queue->entries[i].agent != agent) queue->entries[left++] = queue->entries[i];
  }
  queue->count = left;
}

model_queue *model_queue_of(model *self, const model_case *one) {
  switch (one->kind) {
    case MODEL_SEND: return &self->channels[one->object].sending;
    case MODEL_RECEIVE: return &self->channels[one->object].receiving;
    case MODEL_EVENT: return &self->events[one->object].waiting;
    case MODEL_JOIN: return &self->joining[one->object];
    case MODEL_LOCK: return &self->locks[one->object].waiting;
    case MODEL_PERMIT: return &self->permits[one->object].waiting;
    case MODEL_NOTICE: return &self->notices;
    default: return &self->barrier;
  }
}

/* The wait of `agent` is over. */
static void complete(model *self, int agent, int won, int status) {
  model_agent *its = &self->agents[agent];
  for (int i = 0; i < its->count; i++) {
    remove_agent(model_queue_of(self, &its->cases[i]), agent);
  }
  its->waits = false;
  its->won = won;
  its->status = status;
}

/* Completes the first in `queue`; who that was. */
static int complete_first(model *self, model_queue *queue, int status) {
  int agent = queue->entries[0].agent;
  complete(self, agent, queue->entries[0].one, status);
  return agent;
}

static void complete_all(model *self, model_queue *queue, int status) {
  while (queue->count != 0) complete_first(self, queue, status);
}

void model_wait(model *self, int agent, const model_case *cases, int count,
                int64_t limit_at) {
  model_agent *its = &self->agents[agent];
  *its = (model_agent){.waits = true, .count = count, .limit_at = limit_at};
  for (int i = 0; i < count; i++) {
    its->cases[i] = cases[i];
    append(model_queue_of(self, &cases[i]), agent, i);
  }
}

void model_cancel(model *self, int agent) {
  const model_agent *its = &self->agents[agent];
  if (its->waits && !its->stubborn) complete(self, agent, -1, XIO_ECANCELED);
}

void model_expire(model *self, int64_t now) {
  for (int i = 0; i < MODEL_AGENTS; i++) {
    const model_agent *its = &self->agents[i];
    if (its->waits && its->limit_at <= now) complete(self, i, -1, XIO_ETIMEDOUT);
  }
}

/* -- channels ------------------------------------------------------------------------ */

static uint32_t take_oldest(model_channel *channel) {
  uint32_t item = channel->items[0];
  channel->buffered--;
  memmove(channel->items, channel->items + 1, channel->buffered * sizeof *channel->items);
  return item;
}

static int try_send(model *self, model_channel *channel, uint32_t item) {
  if (channel->failed || channel->receivers == 0) return XIO_ECLOSED;
  if (channel->receiving.count != 0) {
    int agent = complete_first(self, &channel->receiving, XIO_OK);
    self->agents[agent].item = item;
    channel->received++;
  } else if (channel->buffered < channel->capacity) {
    channel->items[channel->buffered++] = item;
  } else if (channel->lossy) {
    take_oldest(channel);
    channel->refused++;
    channel->items[channel->buffered++] = item;
  } else {
    return XIO_EAGAIN;
  }
  channel->sent++;
  return XIO_OK;
}

/* The item of the first sender that waits, whose wait is over. */
static uint32_t take_from_sender(model *self, model_channel *channel) {
  int agent = channel->sending.entries[0].agent;
  uint32_t item = self->agents[agent].cases[channel->sending.entries[0].one].item;
  complete_first(self, &channel->sending, XIO_OK);
  channel->sent++;
  return item;
}

static int try_receive(model *self, model_channel *channel, uint32_t *item) {
  if (channel->buffered != 0) {
    *item = take_oldest(channel);
    if (channel->sending.count != 0) {
      channel->items[channel->buffered++] = take_from_sender(self, channel);
    }
  } else if (channel->sending.count != 0) {
    *item = take_from_sender(self, channel);
  } else {
    return channel->failed || channel->senders == 0 ? XIO_EOF : XIO_EAGAIN;
  }
  channel->received++;
  return XIO_OK;
}

/* Tells those who wait in `queue` through `end`, the first of them first. */
static void refuse_end(model *self, model_queue *queue, uint32_t end) {
  for (int i = 0; i < queue->count; i++) {
    int agent = queue->entries[i].agent;
    int one = queue->entries[i].one;
    if (self->agents[agent].cases[one].end != end) continue;
    complete(self, agent, one, XIO_ECLOSED);
    i = -1; /* from the front: others may have left */
  }
}

void model_close_end(model *self, int number, uint32_t end, bool sends) {
  model_channel *channel = &self->channels[number];
  channel->open[end] = false;
  refuse_end(self, sends ? &channel->sending : &channel->receiving, end);
  if (sends) {
    if (--channel->senders == 0) complete_all(self, &channel->receiving, XIO_EOF);
  } else if (--channel->receivers == 0) {
    channel->refused += channel->buffered;
    channel->buffered = 0;
    complete_all(self, &channel->sending, XIO_ECLOSED);
  }
}

bool model_fail(model *self, int number) {
  model_channel *channel = &self->channels[number];
  if (channel->failed || channel->senders == 0) return false;
  channel->failed = true;
  complete_all(self, &channel->sending, XIO_ECLOSED);
  complete_all(self, &channel->receiving, XIO_EOF);
  return true;
}

/* -- locks, the condition, the barrier ----------------------------------------------- */

static int try_lock(model_lock *lock, int agent) {
  if (lock->broken) return XIO_EOWNERDEAD;
  if (lock->owner == agent) return XIO_EDEADLK;
  if (lock->owner != MODEL_NOBODY) return XIO_EAGAIN;
  lock->owner = agent;
  return XIO_OK;
}

int model_unlock(model *self, int number, int agent) {
  model_lock *lock = &self->locks[number];
  if (lock->owner != agent) return XIO_EINVAL;
  lock->owner = MODEL_NOBODY;
  if (lock->waiting.count != 0) {
    lock->owner = complete_first(self, &lock->waiting, XIO_OK);
  }
  return XIO_OK;
}

/* The agent waits for lock 0 alone, and will not be withdrawn. */
static void wait_for_lock_again(model *self, int agent) {
  const model_case lock = {.kind = MODEL_LOCK};
  model_wait(self, agent, &lock, 1, INT64_MAX);
  self->agents[agent].stubborn = true;
}

uint32_t model_notify(model *self, uint32_t count) {
  uint32_t notified = 0;
  for (; notified < count && self->notices.count != 0; notified++) {
    int agent = self->notices.entries[0].agent;
    remove_agent(&self->notices, agent);
    wait_for_lock_again(self, agent);
  }
  return notified;
}

int model_regain(model *self, int agent, int status) {
  if (status == XIO_OK || status == XIO_EOWNERDEAD) return status;
  int taken = try_lock(&self->locks[0], agent);
  if (taken == XIO_EAGAIN) wait_for_lock_again(self, agent);
  return taken;
}

static int arrive(model *self) {
  if (self->barrier.count < self->parties - 1) return XIO_EAGAIN;
  for (int place = 0; self->barrier.count != 0; place++) {
    complete_first(self, &self->barrier, place);
  }
  return XIO_OK;
}

/* -- permits, events, agents --------------------------------------------------------- */

static void hand_over(model *self, int number) {
  while (self->permits[number].held < self->permits[number].total &&
         self->permits[number].waiting.count != 0) {
    self->permits[number].held++;
    complete_first(self, &self->permits[number].waiting, XIO_OK);
  }
}

static int try_permit(model *self, int number) {
  if (self->permits[number].held >= self->permits[number].total) return XIO_EAGAIN;
  self->permits[number].held++;
  return XIO_OK;
}

int model_release(model *self, int number) {
  int64_t is_free = self->permits[number].total - self->permits[number].held;
  if (is_free >= self->permits[number].max) return XIO_EINVAL;
  self->permits[number].held--;
  hand_over(self, number);
  return XIO_OK;
}

void model_set_total(model *self, int number, int64_t total) {
  self->permits[number].total = total;
  hand_over(self, number);
}

bool model_set(model *self, int number) {
  bool first = !self->events[number].is_set;
  self->events[number].is_set = true;
  complete_all(self, &self->events[number].waiting, XIO_OK);
  return first;
}

void model_end_agent(model *self, int agent) {
  for (int i = 0; i < MODEL_LOCKS; i++) {
    model_lock *lock = &self->locks[i];
    if (lock->owner != agent) continue;
    lock->owner = MODEL_NOBODY;
    lock->broken = true;
    complete_all(self, &lock->waiting, XIO_EOWNERDEAD);
  }
  complete_all(self, &self->joining[agent], XIO_OK);
}

int model_try(model *self, int agent, const model_case *one, uint32_t *item) {
  switch (one->kind) {
    case MODEL_SEND: return try_send(self, &self->channels[one->object], one->item);
    case MODEL_RECEIVE: return try_receive(self, &self->channels[one->object], item);
    case MODEL_EVENT: return self->events[one->object].is_set ? XIO_OK : XIO_EAGAIN;
    case MODEL_LOCK: return try_lock(&self->locks[one->object], agent);
    case MODEL_PERMIT: return try_permit(self, one->object);
    case MODEL_BARRIER: return arrive(self);
    default: return XIO_EAGAIN;
  }
}
