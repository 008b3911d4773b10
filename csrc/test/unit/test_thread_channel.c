/* thread_channel: sending and receiving, ends, failure, cancelling, the end of a loop;
 * then threads and loops that send, receive and are cancelled at random, with an account
 * of every item. */
#include <pthread.h>
#include <stdlib.h>

#include "../../base/random.h"
#include "../../core/thread_channel.h"
#include "../support/unit.h"

/* -- items --------------------------------------------------------------------------- */

typedef struct thing {
  xio_item item; /* first */
  uint32_t sender;
  uint32_t number;
} thing;

static atomic_int things; /* that live */

static xio_item *new_thing(uint32_t sender, uint32_t number) {
  thing *one = calloc(1, sizeof *one);
  assert_non_null(one);
  one->sender = sender;
  one->number = number;
  atomic_fetch_add(&things, 1);
  return &one->item;
}

static void free_thing(xio_item *item) {
  atomic_fetch_sub(&things, 1);
  free(XIO_CONTAINER_OF(item, thing, item));
}

/* Frees it and gives its number. */
static uint32_t eat(xio_item *item) {
  uint32_t number = XIO_CONTAINER_OF(item, thing, item)->number;
  free_thing(item);
  return number;
}

/* -- one loop ------------------------------------------------------------------------ */

static ctask_world world;
static xio_thread_end *tx, *rx;
static uint32_t next_number;

static bool send_one(ctask *self) {
  xio_item *item = new_thing(0, ++next_number);
  int status = xio_thread_send(tx, item, self->world->loop, &self->core);
  assert_true(xio_thread_channel_valid(tx));
  if (status == XIO_EAGAIN) return false;
  if (status != XIO_OK) free_thing(item);
  self->last_status = status;
  return true;
}

static bool sent(ctask *self) {
  xio_item *back = xio_shared_take(&self->core.wait);
  if (back != NULL) free_thing(back);
  return true;
}

static void note(ctask *self, uint32_t number) {
  self->world->notes[self->world->note_count++] = number;
}

static bool recv_one(ctask *self) {
  xio_item *item = NULL;
  int status = xio_thread_recv(rx, &item, self->world->loop, &self->core);
  assert_true(xio_thread_channel_valid(rx));
  if (status == XIO_EAGAIN) return false;
  self->last_status = status;
  note(self, status == XIO_OK ? eat(item) : (uint32_t)-status);
  return true;
}

static bool received(ctask *self) {
  xio_item *item = xio_shared_take(&self->core.wait);
  int status = self->last_status;
  if (status == XIO_ECANCELED) return true;
  note(self, status == XIO_OK ? eat(item) : (uint32_t)-status);
  return true;
}

static void note_status(ctask *self) {
  note(self, (uint32_t)-self->last_status);
}

#define SEND CTASK_WAIT(send_one, .finish = sent)
#define RECV CTASK_WAIT(recv_one, .finish = received)

static const ctask_op sends_1[] = {SEND, CTASK_END};
static const ctask_op sends_3[] = {SEND, SEND, SEND, CTASK_NOTE(100), CTASK_END};
static const ctask_op sends_and_tells[] = {SEND, CTASK_CALL(note_status), CTASK_END};
static const ctask_op recvs_1[] = {RECV, CTASK_END};
static const ctask_op recvs_3[] = {RECV, RECV, RECV, CTASK_END};

static void open_channel(uint32_t capacity) {
  next_number = 0;
  assert_int_equal(xio_thread_channel_new(capacity, 3, free_thing, &tx, &rx), XIO_OK);
}

static void close_channel(void) {
  assert_true(xio_thread_channel_valid(tx));
  xio_thread_end_unref(tx, NULL);
  xio_thread_end_unref(rx, NULL);
  assert_int_equal(atomic_load(&things), 0);
}

static void begin(uint32_t capacity) {
  begin_world(&world);
  open_channel(capacity);
}

static void end(void) {
  end_world(&world);
  close_channel();
}

static void hand_over_in_both_orders(void **state) {
  (void)state;
  for (int order = 0; order < 2; order++) {
    begin(0);
    xio_item *item = NULL;
    assert_int_equal(xio_thread_try_recv(rx, &item, NULL), XIO_EAGAIN);
    ctask_spawn(&world, order == 0 ? sends_3 : recvs_3, 0);
    ctask_spawn(&world, order == 0 ? recvs_3 : sends_3, 0);
    run_world(&world);
    assert_int_equal(world.note_count, 4);
    xio_thread_channel_stat stat = xio_thread_end_stat(tx);
    assert_int_equal(stat.sent, 3);
    assert_int_equal(stat.received, 3);
    end();
  }
}

static void buffer_takes_what_it_can(void **state) {
  (void)state;
  begin(2);
  ctask_spawn(&world, sends_3, 0);
  step_world(&world);
  assert_int_equal(xio_thread_end_stat(tx).buffered, 2);
  assert_int_equal(xio_thread_end_stat(tx).waiting, 1);
  xio_item *extra = new_thing(0, 9);
  assert_int_equal(xio_thread_try_send(tx, extra, NULL), XIO_EAGAIN);
  free_thing(extra);
  ctask_spawn(&world, recvs_3, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3, 100);
  end();
}

static void last_sender_ends_after_the_buffer(void **state) {
  (void)state;
  begin(5);
  assert_int_equal(xio_thread_try_send(tx, new_thing(0, 7), NULL), XIO_OK);
  assert_true(xio_thread_end_close(tx, NULL));
  assert_false(xio_thread_end_close(tx, NULL));
  assert_false(xio_thread_end_open(tx));
  xio_item *late = new_thing(0, 8);
  assert_int_equal(xio_thread_try_send(tx, late, NULL), XIO_ECLOSED);
  free_thing(late);
  ctask_spawn(&world, recvs_3, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 7, (uint32_t)-XIO_EOF, (uint32_t)-XIO_EOF);
  xio_thread_end *clone = NULL;
  assert_int_equal(xio_thread_end_clone(tx, &clone), XIO_ECLOSED);
  xio_thread_end_count_dropped(tx);
  assert_int_equal(xio_thread_end_stat(rx).dropped, 1);
  end();
}

static void last_receiver_ends_senders(void **state) {
  (void)state;
  begin(1);
  assert_int_equal(xio_thread_try_send(tx, new_thing(0, 7), NULL), XIO_OK);
  ctask_spawn(&world, sends_and_tells, 0);
  step_world(&world);
  assert_true(xio_thread_end_close(rx, world.loop));
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ECLOSED);
  xio_item *item = NULL;
  assert_int_equal(xio_thread_try_recv(rx, &item, NULL), XIO_ECLOSED);
  end();
}

static void closing_tells_who_waits_through_that_end(void **state) {
  (void)state;
  static xio_thread_end *clone;
  begin(0);
  assert_int_equal(xio_thread_end_clone(tx, &clone), XIO_OK);
  ctask_spawn(&world, sends_and_tells, 0);
  step_world(&world);
  xio_thread_end *original = tx;
  tx = clone;
  ctask_spawn(&world, sends_and_tells, 0);
  step_world(&world);
  assert_int_equal(xio_thread_end_stat(tx).waiting, 2);
  xio_thread_end_ref(clone);
  xio_thread_end_unref(clone, world.loop);
  assert_true(xio_thread_end_open(clone));
  xio_thread_end_unref(clone, world.loop); /* the last reference closes it */
  tx = original;
  step_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ECLOSED);
  ctask_spawn(&world, recvs_1, 0);
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ECLOSED, 1, 0);
  end();
}

static void failure_comes_after_the_buffer(void **state) {
  (void)state;
  begin(1);
  assert_int_equal(xio_thread_try_send(tx, new_thing(0, 7), NULL), XIO_OK);
  ctask_spawn(&world, sends_and_tells, 0);
  step_world(&world);
  xio_item *error = new_thing(0, 66);
  assert_null(xio_thread_end_failure(rx));
  assert_true(xio_thread_end_fail(rx, error, world.loop));
  assert_int_equal(xio_thread_end_mode(rx), 3);
  xio_item *second = new_thing(0, 67);
  assert_false(xio_thread_end_fail(tx, second, world.loop));
  free_thing(second);
  ctask_spawn(&world, recvs_3, 0);
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ECLOSED, 7, (uint32_t)-XIO_EOF, (uint32_t)-XIO_EOF);
  assert_ptr_equal(xio_thread_end_failure(rx), error);
  end();
}

static void cancelled_send_leaves_no_item(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_PAUSE, CTASK_CANCEL_TASK(1), CTASK_END};
  begin(0);
  ctask_spawn(&world, sends_1, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  xio_item *item = NULL;
  assert_int_equal(xio_thread_try_recv(rx, &item, NULL), XIO_EAGAIN);
  end();
}

static void send_from_afar(ctask *self) {
  (void)self;
  assert_int_equal(xio_thread_try_send(tx, new_thing(0, 7), NULL), XIO_OK);
}

static void given_is_kept_under_cancellation(void **state) {
  (void)state;
  static const ctask_op gives[] = {CTASK_PAUSE, CTASK_CALL(send_from_afar),
                                   CTASK_CANCEL_TASK(1), CTASK_END};
  begin(0);
  ctask_spawn(&world, recvs_1, 1);
  ctask_spawn(&world, gives, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 7);
  end();
}

static void end_of_the_loop_frees_items(void **state) {
  (void)state;
  for (int stage = 0; stage < 4; stage++) {
    begin(0);
    xio_shared_expose(xio_thread_end_shared(tx));
    ctask_spawn(&world, stage < 2 ? sends_1 : recvs_1, 0);
    step_world(&world);
    xio_item *item = NULL;
    if (stage == 1) xio_thread_end_close(rx, NULL); /* the item is on its way back */
    if (stage == 3) {
      assert_int_equal(xio_thread_try_send(tx, new_thing(0, 1), NULL), XIO_OK);
    }
    end_world(&world);
    int status = xio_thread_try_recv(rx, &item, NULL);
    assert_int_equal(status, stage == 1 ? XIO_ECLOSED : XIO_EAGAIN);
    close_channel();
  }
}

/* -- watching ------------------------------------------------------------------------ */

static int looked;

static void look(xio_shared_wait *watcher) {
  (void)watcher;
  looked++;
}

static void watcher_is_told_and_tries(void **state) {
  (void)state;
  begin(1);
  looked = 0;
  xio_shared_wait *watcher = NULL;
  xio_item *item = NULL;
  xio_shared *shared = xio_thread_end_shared(rx);
  assert_int_equal(xio_shared_prepare(shared, world.loop, &watcher), XIO_OK);
  assert_int_equal(xio_thread_watch_recv(rx, &item, watcher, look, NULL), XIO_EAGAIN);
  send_from_afar(NULL);
  xio_loop_poll(world.loop);
  assert_int_equal(looked, 1);
  assert_int_equal(xio_thread_watch_recv(rx, &item, watcher, look, NULL), XIO_OK);
  assert_int_equal(eat(item), 7);
  assert_int_equal(xio_thread_watch_recv(rx, &item, watcher, look, NULL), XIO_EAGAIN);
  xio_thread_end_close(tx, NULL);
  xio_loop_poll(world.loop);
  assert_int_equal(looked, 2);
  assert_int_equal(xio_thread_watch_recv(rx, &item, watcher, look, NULL), XIO_EOF);
  xio_shared_discard(watcher);
  end();
}

/* -- everybody, at random ------------------------------------------------------------ */

enum { PARTIES = 3, EACH = 300 }; /* of each kind; items of each sender */

/* A party sends or receives, in a task of a loop of its own or without one. Its waits are
 * cut short at random; a send that was is tried again with a new item of that number. */
typedef struct party {
  pthread_t thread;
  xio_loop *loop; /* NULL: none */
  xio_task task;
  xio_blocker *blocker;
  xio_random random;
  xio_thread_end *end;
  uint32_t id;
  bool parked;
  uint32_t number;            /* of the item that it sends next */
  uint32_t seen[2 * PARTIES]; /* the last number received of each sender */
  uint32_t count;
} party;

static void account(party *self, xio_item *item) {
  const thing *one = XIO_CONTAINER_OF(item, thing, item);
  assert_true(one->number > self->seen[one->sender]); /* each sender's in order */
  self->seen[one->sender] = one->number;
  self->count++;
  free_thing(item);
}

/* What a send or receive ended with. False: it is over. */
static bool go_on(party *self, int status, xio_item *item) {
  if (!self->end->sends) {
    if (status == XIO_OK) account(self, item);
    return status == XIO_OK || status == XIO_ETIMEDOUT;
  }
  if (item != NULL) free_thing(item);
  if (status == XIO_OK) self->number++;
  return self->number <= EACH;
}

static int64_t short_time(party *self) {
  return (int64_t)xio_random_below(&self->random, 30) * 1000;
}

static void resume_party(xio_task *task) {
  party *self = XIO_CONTAINER_OF(task, party, task);
  xio_item *item = NULL;
  if (self->parked) {
    self->parked = false;
    item = xio_shared_take(&task->wait);
    if (!go_on(self, task->wait.status, item)) {
      xio_group_child_ended(task, XIO_OUTCOME_DONE);
      return;
    }
  }
  int64_t at = xio_clock_after(&self->loop->clock, short_time(self));
  assert_int_equal(xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT), XIO_OK);
  int status = XIO_OK;
  if (self->end->sends) {
    item = new_thing(self->id, self->number);
    status = xio_thread_send(self->end, item, self->loop, task);
    if (status == XIO_OK) item = NULL;
  } else {
    status = xio_thread_recv(self->end, &item, self->loop, task);
  }
  self->parked = status == XIO_EAGAIN;
  if (self->parked) return;
  xio_wait_unlimit(&task->wait);
  if (go_on(self, status, item)) {
    xio_wait_reschedule(&task->wait, XIO_OK);
  } else {
    xio_group_child_ended(task, XIO_OUTCOME_DONE);
  }
}

static void abandon_party(xio_task *task) {
  (void)task;
}

static const xio_task_ops party_ops = {.resume = resume_party, .abandon = abandon_party};

static void run_loop(party *self) {
  xio_loop_opts opts = {.alloc = xio_alloc_default()};
  assert_int_equal(xio_loop_open(&self->loop, &opts), XIO_OK);
  xio_task_init(&self->task, &self->loop->queue, &party_ops);
  xio_group_spawn(&self->loop->root, &self->task, (xio_spawn_opts){0});
  assert_int_equal(xio_loop_run(self->loop), XIO_OK);
  xio_loop_close(self->loop);
}

/* Interrupted before, a call only tries. */
static void run_blocking(party *self) {
  bool more = true;
  while (more) {
    bool interrupted = xio_random_below(&self->random, 4) == 0;
    xio_blocker_interrupt(self->blocker, interrupted);
    xio_item *item = NULL;
    int status = XIO_OK;
    if (self->end->sends) {
      item = new_thing(self->id, self->number);
      status = xio_thread_send_blocking(self->end, item, self->blocker);
      if (status == XIO_OK) item = NULL;
    } else {
      status = xio_thread_recv_blocking(self->end, &item, self->blocker);
    }
    if (status == XIO_ECANCELED) {
      assert_true(interrupted);
      status = XIO_ETIMEDOUT;
    }
    more = go_on(self, status, item);
  }
}

static void *run_party(void *argument) {
  party *self = argument;
  if (self->blocker == NULL) {
    run_loop(self);
  } else {
    run_blocking(self);
  }
  xio_thread_end_unref(self->end, NULL); /* the last sender ends it for all receivers */
  return NULL;
}

static void start_party(party *self, uint32_t id, bool sends, uint64_t seed) {
  *self = (party){.id = id, .number = 1};
  self->random = (xio_random){seed * 100 + id};
  assert_int_equal(xio_thread_end_clone(sends ? tx : rx, &self->end), XIO_OK);
  if (id % 2 == 0) assert_int_equal(xio_blocker_new(&self->blocker), XIO_OK);
  assert_int_equal(pthread_create(&self->thread, NULL, run_party, self), 0);
}

static void one_random_run(uint64_t seed) {
  static const uint32_t capacities[] = {0, 1, 7, XIO_THREAD_CHANNEL_UNBOUNDED};
  static party parties[2 * PARTIES];
  open_channel(capacities[seed % 4]);
  xio_shared_expose(xio_thread_end_shared(tx));
  for (uint32_t i = 0; i < 2 * PARTIES; i++) {
    start_party(&parties[i], i, i < PARTIES, seed);
  }
  xio_thread_end_close(tx, NULL);
  uint32_t count = 0;
  for (int i = 0; i < 2 * PARTIES; i++) {
    pthread_join(parties[i].thread, NULL);
    count += parties[i].count;
    if (parties[i].blocker != NULL) xio_blocker_unref(parties[i].blocker);
  }
  assert_int_equal(count, PARTIES * EACH); /* none was lost or doubled */
  assert_true(xio_thread_channel_valid(rx));
  close_channel();
}

static void nothing_is_lost_doubled_or_reordered(void **state) {
  (void)state;
  const char *seeds = getenv("XIO_SEEDS");
  uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : 20;
  for (uint64_t seed = 1; seed <= count; seed++) one_random_run(seed);
}

static void an_end_that_is_closed_fails_nothing(void **state) {
  (void)state;
  begin(1);
  xio_item *error = new_thing(0, 66);
  assert_true(xio_thread_end_close(tx, NULL));
  assert_false(xio_thread_end_fail(tx, error, NULL));
  assert_false(xio_thread_end_fail(rx, error, NULL)); /* it has ended already */
  assert_null(xio_thread_end_failure(rx));
  free_thing(error);
  end();
}

static void a_failed_channel_takes_nothing(void **state) {
  (void)state;
  xio_thread_end *clone = NULL;
  begin(1);
  assert_int_equal(xio_thread_end_clone(tx, &clone), XIO_OK);
  assert_true(xio_thread_end_fail(tx, new_thing(0, 66), NULL));
  assert_false(xio_thread_end_open(tx));
  assert_true(xio_thread_end_open(clone)); /* but it sends nothing more */
  xio_item *late = new_thing(0, 8);
  assert_int_equal(xio_thread_try_send(clone, late, NULL), XIO_ECLOSED);
  assert_false(xio_thread_end_fail(clone, late, NULL));
  free_thing(late);
  xio_thread_end_unref(clone, NULL);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(hand_over_in_both_orders),
      cmocka_unit_test(buffer_takes_what_it_can),
      cmocka_unit_test(last_sender_ends_after_the_buffer),
      cmocka_unit_test(last_receiver_ends_senders),
      cmocka_unit_test(closing_tells_who_waits_through_that_end),
      cmocka_unit_test(failure_comes_after_the_buffer),
      cmocka_unit_test(cancelled_send_leaves_no_item),
      cmocka_unit_test(given_is_kept_under_cancellation),
      cmocka_unit_test(end_of_the_loop_frees_items),
      cmocka_unit_test(watcher_is_told_and_tries),
      cmocka_unit_test(nothing_is_lost_doubled_or_reordered),
      cmocka_unit_test(an_end_that_is_closed_fails_nothing),
      cmocka_unit_test(a_failed_channel_takes_nothing),
  };
  return cmocka_run_group_tests_name("thread_channel", tests, NULL, NULL);
}
