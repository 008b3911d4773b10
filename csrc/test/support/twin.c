/* twin: see twin.h. */
#include "twin.h"

#include <string.h>

#include "../../core/check.h"

/* -- comparing ----------------------------------------------------------------------- */

static bool same_queue(const xio_list *queue, const model_queue *wanted) {
  int i = 0;
  for (xio_list *node = queue->next; node != queue; node = node->next, i++) {
    xio_wait *wait = XIO_CONTAINER_OF(node, xio_waiter, link)->wait;
    ctask *task = XIO_CONTAINER_OF(xio_task_of(wait), ctask, core);
    if (i == wanted->count || wanted->entries[i].agent != task->name - 1) return false;
  }
  return i == wanted->count;
}

static bool same_channel(const xio_channel *channel, const model_channel *wanted) {
  return xio_channel_valid(channel) && channel->sent == wanted->sent &&
         channel->received == wanted->received && channel->refused == wanted->refused &&
         channel->buffered == wanted->buffered && channel->senders == wanted->senders &&
         channel->receivers == wanted->receivers && channel->failed == wanted->failed &&
         same_queue(&channel->sending, &wanted->sending) &&
         same_queue(&channel->receiving, &wanted->receiving);
}

static bool same_lock(const twin *sim, int number) {
  const xio_lock *lock = &sim->locks[number];
  const model_lock *wanted = &sim->model.locks[number];
  ctask *owner = wanted->owner != MODEL_NOBODY ? twin_task(sim, wanted->owner) : NULL;
  return xio_lock_valid(lock) && lock->owner == (owner != NULL ? &owner->core : NULL) &&
         (lock->left_by != 0) == wanted->broken &&
         same_queue(&lock->waiters, &wanted->waiting);
}

static void compare_objects(twin *sim) {
  const model *wanted = &sim->model;
  for (int i = 0; i < MODEL_CHANNELS; i++) {
    TWIN_EXPECT(sim, same_channel(&sim->channels[i], &wanted->channels[i]),
                "channel: differs");
    TWIN_EXPECT(sim, sim->taken[i] == sim->channels[i].received,
                "channel: item lost or doubled");
  }
  for (int i = 0; i < MODEL_LOCKS; i++) {
    TWIN_EXPECT(sim, same_lock(sim, i), "lock: differs");
  }
  for (int i = 0; i < MODEL_SEMAPHORES; i++) {
    const xio_semaphore *permits = &sim->permits[i];
    TWIN_EXPECT(sim,
                xio_semaphore_valid(permits) &&
                    permits->held == wanted->permits[i].held &&
                    permits->total == wanted->permits[i].total &&
                    same_queue(&permits->waiters, &wanted->permits[i].waiting),
                "semaphore: differs");
  }
  for (int i = 0; i < MODEL_EVENTS; i++) {
    TWIN_EXPECT(sim,
                xio_event_valid(&sim->events[i]) &&
                    sim->events[i].is_set == wanted->events[i].is_set &&
                    same_queue(&sim->events[i].waiters, &wanted->events[i].waiting),
                "event: differs");
  }
  TWIN_EXPECT(sim, same_queue(&sim->condition.waiters, &wanted->notices),
              "condition: differs");
  TWIN_EXPECT(sim,
              xio_barrier_valid(&sim->barrier) &&
                  same_queue(&sim->barrier.waiters, &wanted->barrier),
              "barrier: differs");
}

/* -- what happens to the model by itself --------------------------------------------- */

void twin_catch_up(twin *sim) {
  model_expire(&sim->model, twin_now(sim));
  for (int i = 0; i < MODEL_AGENTS; i++) {
    ctask *task = twin_task(sim, i);
    if (sim->agents[i].dead || !sim->model.agents[i].waits || task == NULL) continue;
    if (ctask_expect_effective(task->core.wait.scope)) model_cancel(&sim->model, i);
  }
}

static int release_permit(twin *sim, int number) {
  int status = xio_semaphore_release(&sim->permits[number]);
  TWIN_EXPECT(sim, status == model_release(&sim->model, number),
              "semaphore: release differs");
  return status;
}

void twin_give(twin *sim, int number) {
  if (release_permit(sim, number) == XIO_OK) sim->gifts[number]++;
}

/* The permit is gone where gifts have filled the semaphore up. */
void twin_give_back(twin *sim, int me, int number) {
  sim->agents[me].held[number]--;
  if (release_permit(sim, number) != XIO_OK) sim->gifts[number]--;
}

/* An agent that is over gives back what a guard would have. */
static void bury(twin *sim, int me) {
  twin_agent *its = &sim->agents[me];
  its->dead = true;
  model_end_agent(&sim->model, me);
  for (int i = 0; i < MODEL_SEMAPHORES; i++) {
    while (its->held[i] != 0) twin_give_back(sim, me, i);
  }
}

void twin_after_step(ctask_world *world) {
  twin *sim = XIO_CONTAINER_OF(world, twin, world);
  const char *what = NULL;
  twin_catch_up(sim); /* time has passed before the step, if it has */
  for (int i = 0; i < MODEL_AGENTS; i++) {
    ctask *task = twin_task(sim, i);
    if (!sim->agents[i].dead && (task == NULL || task->over)) bury(sim, i);
  }
  if (!xio_check_loop(world->loop, &what)) ctask_fault(world, what);
  compare_objects(sim);
  for (int i = 0; i < MODEL_AGENTS; i++) {
    twin_agent *its = &sim->agents[i];
    if (its->dead || its->count == 0) continue;
    bool parked = twin_task(sim, i)->core.wait.state == XIO_WAIT_PARKED;
    TWIN_EXPECT(sim, parked == (!its->done && sim->model.agents[i].waits),
                "wait: parked where it should not be, or ready");
  }
}

/* -- carrying items ------------------------------------------------------------------ */

static void take(twin *sim, int channel, uint32_t item) {
  uint32_t *last = &sim->last_taken[channel][item / TWIN_SEQUENCES];
  TWIN_EXPECT(sim, item % TWIN_SEQUENCES > *last,
              "channel: a sender's items are out of order");
  *last = item % TWIN_SEQUENCES;
  sim->taken[channel]++;
}

/* More slots, with the oldest item in the first. */
static void grow_slots(twin *sim, int number) {
  xio_channel *channel = &sim->channels[number];
  uint32_t slots =
      channel->slots * 2 < channel->capacity ? channel->slots * 2 : channel->capacity;
  uint32_t moved[MODEL_ITEMS];
  for (uint32_t i = 0; i < channel->buffered; i++) {
    moved[i] = sim->slots[number][(channel->first + i) % channel->slots];
  }
  memcpy(sim->slots[number], moved, sizeof moved);
  xio_channel_set_slots(channel, slots);
}

static int try_send(twin *sim, const model_case *one) {
  xio_channel_move move;
  xio_channel *channel = &sim->channels[one->object];
  if (xio_channel_needs_slot(channel)) grow_slots(sim, one->object);
  uint32_t next = channel->first + channel->buffered;
  if (one->item % 2 == 0 && xio_channel_put(channel)) { /* the quick way */
    sim->slots[one->object][next % channel->slots] = one->item;
    return XIO_OK;
  }
  int status = xio_channel_try_send(channel, &move);
  if (status != XIO_OK) return status;
  if (move.waiter != NULL) {
    ctask *receiver = XIO_CONTAINER_OF(xio_task_of(move.waiter->wait), ctask, core);
    sim->agents[receiver->name - 1].inbox = one->item;
    take(sim, one->object, one->item);
  } else {
    sim->slots[one->object][move.slot] = one->item;
  }
  return XIO_OK;
}

static int try_receive(twin *sim, const model_case *one, uint32_t *item) {
  xio_channel_move move;
  uint32_t *slots = sim->slots[one->object];
  xio_channel *channel = &sim->channels[one->object];
  uint32_t first = channel->first;
  if (channel->received % 2 == 0 && xio_channel_get(channel)) { /* the quick way */
    *item = slots[first];
    take(sim, one->object, *item);
    return XIO_OK;
  }
  int status = xio_channel_try_receive(channel, &move);
  if (status != XIO_OK) return status;
  *item = move.slot == XIO_CHANNEL_NO_SLOT ? move.waiter->tag : slots[move.slot];
  if (move.slot != XIO_CHANNEL_NO_SLOT && move.waiter != NULL) {
    slots[move.slot] = move.waiter->tag;
  }
  take(sim, one->object, *item);
  return XIO_OK;
}

/* -- operations that may wait -------------------------------------------------------- */

/* Lets a case take effect at once; of a barrier, begins to wait where that is needed. */
static int try_real(twin *sim, ctask *self, const model_case *one, uint32_t *item) {
  int status = XIO_OK;
  switch (one->kind) {
    case MODEL_SEND: return try_send(sim, one);
    case MODEL_RECEIVE: return try_receive(sim, one, item);
    case MODEL_EVENT: return sim->events[one->object].is_set ? XIO_OK : XIO_EAGAIN;
    case MODEL_LOCK:
      status = xio_lock_try(&sim->locks[one->object], &self->core);
      return status == XIO_EBUSY ? XIO_EAGAIN : status;
    case MODEL_PERMIT:
      return xio_semaphore_try(&sim->permits[one->object]) ? XIO_OK : XIO_EAGAIN;
    case MODEL_BARRIER:
      return xio_barrier_arrive(&sim->barrier, &self->core) ? XIO_OK : XIO_EAGAIN;
    default: return XIO_EAGAIN;
  }
}

static void withdraw(const twin_agent *its) {
  for (int i = 0; i < its->count; i++) {
    xio_list *link = (xio_list *)&its->entries[i].link;
    xio_list_remove(link);
  }
}

static void settle_select(xio_wait *wait, xio_waiter *won) {
  twin_agent *its = wait->source;
  its->won = (int)(won - its->entries);
  withdraw(its);
}

static int abort_select(xio_wait *wait) {
  withdraw(wait->source);
  return XIO_OK;
}

static const xio_wait_ops select_ops = {
    .verb = "select", .abort = abort_select, .settle = settle_select};

static void link_entry(twin *sim, const model_case *one, xio_waiter *waiter) {
  xio_channel *channel = &sim->channels[one->object % MODEL_CHANNELS];
  waiter->tag = one->item;
  switch (one->kind) {
    case MODEL_SEND: xio_channel_await_send(channel, waiter, one->end); break;
    case MODEL_RECEIVE: xio_channel_await_receive(channel, waiter, one->end); break;
    case MODEL_EVENT:
      xio_list_push_back(&sim->events[one->object].waiters, &waiter->link);
      break;
    default:
      xio_list_push_back(&twin_task(sim, one->object)->core.joiners, &waiter->link);
      break;
  }
}

static void park_select(twin *sim, ctask *self, twin_agent *its) {
  xio_wait *wait = &self->core.wait;
  xio_wait_park(wait, &select_ops, its);
  for (int i = 0; i < its->count; i++) {
    its->entries[i] = (xio_waiter){.wait = wait};
    xio_list_init(&its->entries[i].link);
    link_entry(sim, &its->cases[i], &its->entries[i]);
  }
  sim->selects++;
}

static void park_plain(twin *sim, ctask *self, const model_case *one) {
  xio_task *task = &self->core;
  int status = XIO_OK;
  switch (one->kind) {
    case MODEL_SEND:
    case MODEL_RECEIVE:
      xio_wait_park(
          &task->wait,
          one->kind == MODEL_SEND ? &xio_channel_send_ops : &xio_channel_receive_ops,
          &sim->channels[one->object]);
      link_entry(sim, one, &task->wait.self);
      break;
    case MODEL_EVENT:
      status = xio_event_wait(&sim->events[one->object], task, XIO_NEVER);
      break;
    case MODEL_LOCK: xio_lock_wait(&sim->locks[one->object], task); break;
    case MODEL_PERMIT: xio_semaphore_wait(&sim->permits[one->object], task); break;
    case MODEL_NOTICE:
      status = xio_condition_wait(&sim->condition, task, XIO_NEVER);
      break;
    default: break; /* a barrier has parked it */
  }
  TWIN_EXPECT(sim, status == XIO_OK, "wait: cannot begin");
}

/* The operation has ended with `status` by one of its cases: what the agent has now. */
static void note_result(twin_agent *its, const model_case *one, int status) {
  if (status != XIO_OK) return;
  if (one->kind == MODEL_LOCK || one->kind == MODEL_NOTICE) its->owns[one->object] = true;
  if (one->kind == MODEL_PERMIT) its->held[one->object]++;
}

/* Tries the cases of the agent, from a random one on. The number of the one that took
 * effect with `*status`, or -1. */
static int try_cases(twin *sim, ctask *self, int *status) {
  int me = self->name - 1;
  const twin_agent *its = &sim->agents[me];
  uint32_t first = (uint32_t)xio_random_below(&sim->random, (uint32_t)its->count);
  for (int i = 0; i < its->count; i++) {
    int chosen = (int)(first + (uint32_t)i) % its->count;
    uint32_t item = 0;
    uint32_t wanted_item = 0;
    const model_case *one = &its->cases[chosen];
    *status = try_real(sim, self, one, &item);
    int wanted = model_try(&sim->model, me, one, &wanted_item);
    TWIN_EXPECT(sim, *status == wanted, "operation: answers something else");
    TWIN_EXPECT(sim, item == wanted_item, "channel: another item was received");
    if (*status != XIO_EAGAIN) return chosen;
  }
  return -1;
}

bool twin_begin(twin *sim, ctask *self) {
  twin_agent *its = &sim->agents[self->name - 1];
  int status = XIO_OK;
  its->done = false;
  its->ended = XIO_OK;
  sim->operations++;
  int chosen = try_cases(sim, self, &status);
  if (chosen >= 0) {
    note_result(its, &its->cases[chosen], status);
    its->done = twin_chance(sim, 20);
    its->expected = status;
    if (its->done) xio_wait_reschedule(&self->core.wait, status);
    if (!its->done) its->count = 0;
    return !its->done;
  }
  int64_t limit_at = INT64_MAX;
  if (twin_chance(sim, 30))
    limit_at =
        (twin_now(sim) + 2 + (int64_t)xio_random_below(&sim->random, 30)) & ~INT64_C(1);
  if (its->cases[0].kind == MODEL_NOTICE) {
    its->owns[0] = false;
    TWIN_EXPECT(sim, model_unlock(&sim->model, 0, self->name - 1) == XIO_OK,
                "lock: not owned");
  }
  model_wait(&sim->model, self->name - 1, its->cases, its->count, limit_at);
  if (its->selects) {
    park_select(sim, self, its);
  } else {
    park_plain(sim, self, its->cases);
  }
  if (limit_at != INT64_MAX) {
    int limited = xio_wait_limit(&self->core.wait, limit_at, XIO_ETIMEDOUT);
    TWIN_EXPECT(sim, limited == XIO_OK, "wait: cannot be limited");
  }
  sim->waits++;
  return false;
}

/* A wait for a notice has ended: the lock is needed again. False: it waits for that. */
static bool regain(twin *sim, ctask *self, twin_agent *its) {
  int status = self->last_status;
  if (its->ended == XIO_OK) its->ended = status;
  int taken = xio_condition_resume(&sim->condition, &self->core, status);
  TWIN_EXPECT(sim, taken == model_regain(&sim->model, self->name - 1, status),
              "condition: the lock is regained otherwise");
  if (taken == XIO_EAGAIN) return false;
  note_result(its, its->cases, taken);
  self->last_status = taken == XIO_OK ? its->ended : taken;
  return true;
}

bool twin_finish(ctask *self) {
  twin *sim = twin_of(self);
  twin_agent *its = &sim->agents[self->name - 1];
  const model_agent *wanted = &sim->model.agents[self->name - 1];
  const xio_wait *wait = &self->core.wait;
  int status = self->last_status;
  twin_catch_up(sim);
  if (its->count == 0) return true; /* it was cancelled before it began */
  ctask_event(self->world, "resumed with", self->core.id, status);
  if (its->done) {
    TWIN_EXPECT(sim, status == its->expected, "pause: the result has changed");
    its->count = 0;
    return true;
  }
  TWIN_EXPECT(sim, !wanted->waits && status == wanted->status, "wait: ended otherwise");
  int won = !wait->won ? -1 : its->selects ? its->won : 0;
  bool regains = its->cases[0].kind == MODEL_NOTICE;
  TWIN_EXPECT(sim, regains || won == wanted->won, "select: another case took effect");
  if (status == XIO_ECANCELED) sim->cancelled++;
  if (status == XIO_ETIMEDOUT) sim->timed_out++;
  if (regains) {
    if (!regain(sim, self, its)) return false;
  } else if (won >= 0) {
    const model_case *one = &its->cases[won];
    TWIN_EXPECT(
        sim, status != XIO_OK || one->kind != MODEL_RECEIVE || its->inbox == wanted->item,
        "channel: another item was handed over");
    note_result(its, one, status);
  }
  its->count = 0;
  return true;
}

/* -- the end ------------------------------------------------------------------------- */

void twin_check_end(twin *sim) {
  static const model_queue nobody;
  for (int i = 0; i < MODEL_CHANNELS; i++) {
    TWIN_EXPECT(sim, xio_channel_valid(&sim->channels[i]), "end: a channel is broken");
    TWIN_EXPECT(sim, same_queue(&sim->channels[i].sending, &nobody),
                "end: a sender is left");
    TWIN_EXPECT(sim, same_queue(&sim->channels[i].receiving, &nobody),
                "end: one who receives");
  }
  for (int i = 0; i < MODEL_LOCKS; i++) {
    bool broken = sim->model.locks[i].broken;
    for (int me = 0; me < MODEL_AGENTS; me++) {
      broken = broken || (!sim->agents[me].dead && sim->agents[me].owns[i]);
    }
    TWIN_EXPECT(sim, sim->locks[i].owner == NULL && xio_lock_valid(&sim->locks[i]),
                "end: a lock has an owner");
    TWIN_EXPECT(sim, sim->locks[i].left_by == 0 || broken || i == 0,
                "end: a lock is broken");
  }
  for (int i = 0; i < MODEL_SEMAPHORES; i++) {
    int64_t held = -sim->gifts[i];
    for (int me = 0; me < MODEL_AGENTS; me++) held += sim->agents[me].held[i];
    TWIN_EXPECT(sim, sim->permits[i].held == held, "end: a permit is lost");
    TWIN_EXPECT(sim, same_queue(&sim->permits[i].waiters, &nobody),
                "end: a semaphore is awaited");
  }
  for (int i = 0; i < MODEL_EVENTS; i++) {
    TWIN_EXPECT(sim, same_queue(&sim->events[i].waiters, &nobody),
                "end: an event is awaited");
  }
  TWIN_EXPECT(sim, sim->barrier.waiting == 0, "end: a barrier is awaited");
  TWIN_EXPECT(sim, same_queue(&sim->condition.waiters, &nobody),
              "end: a condition is awaited");
}
