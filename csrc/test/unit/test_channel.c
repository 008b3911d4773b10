/* channel: both orders of a rendezvous, the buffer, fairness, ends that close one by one,
 * failure, losing the oldest, waits with several entries; random use against the promise
 * that no item is lost or doubled, and each sender's come in order. */
#include "../../core/channel.h"
#include "../support/unit.h"

enum { SLOTS = 8, TASKS = 64, CLOSED = 900, EOF_NOTE = 999, CLOSED_NOTE = 998 };

static ctask_world world;
static xio_channel channel;
static uint32_t slots[SLOTS];
static uint32_t inbox[TASKS];                    /* by task: what was handed over to it */
static uint32_t tx, rx;                          /* the first ends */
static uint32_t taken[CTASK_NOTES], taken_count; /* items in the order of their receipt */

static void note(uint32_t what) {
  assert_true(world.note_count < CTASK_NOTES);
  world.notes[world.note_count++] = what;
}

static uint64_t task_of(const xio_waiter *waiter) {
  return xio_task_of(waiter->wait)->id % TASKS;
}

static void take(uint32_t item) {
  assert_true(taken_count < CTASK_NOTES);
  taken[taken_count++] = item;
}

/* The number of the item, and the end (0: the first one), of the operation going on. */
static uint32_t item_of(const ctask *self) {
  return self->at[-1].count;
}

static uint32_t end_of(const ctask *self, uint32_t first) {
  return self->at[-1].target != 0 ? (uint32_t)self->at[-1].target : first;
}

static int try_send(uint32_t item) {
  xio_channel_move move;
  int status = xio_channel_try_send(&channel, &move);
  assert_true(xio_channel_valid(&channel));
  if (status != XIO_OK) return status;
  if (move.waiter != NULL) {
    assert_int_equal(move.slot, XIO_CHANNEL_NO_SLOT);
    inbox[task_of(move.waiter)] = item;
    take(item);
  } else {
    assert_true(channel.lossy || slots[move.slot] == 0);
    slots[move.slot] = item;
  }
  return XIO_OK;
}

static int try_receive(uint32_t *item) {
  xio_channel_move move;
  int status = xio_channel_try_receive(&channel, &move);
  assert_true(xio_channel_valid(&channel));
  if (status != XIO_OK) return status;
  if (move.slot == XIO_CHANNEL_NO_SLOT) {
    *item = move.waiter->tag;
    take(*item);
    return XIO_OK;
  }
  *item = slots[move.slot];
  take(*item);
  slots[move.slot] = move.waiter != NULL ? move.waiter->tag : 0;
  return XIO_OK;
}

static bool begin_send(ctask *self) {
  xio_wait *wait = &self->core.wait;
  int status = try_send(item_of(self));
  if (status == XIO_ECLOSED) note(CLOSED + item_of(self));
  if (status != XIO_EAGAIN) return true;
  wait->self.tag = item_of(self);
  xio_wait_park(wait, &xio_channel_send_ops, &channel);
  xio_channel_await_send(&channel, &wait->self, end_of(self, tx));
  return false;
}

static bool finish_send(ctask *self) {
  if (self->last_status == XIO_ECLOSED) note(CLOSED + item_of(self));
  return true;
}

static void note_end(int status) {
  note(status == XIO_EOF ? EOF_NOTE : CLOSED_NOTE);
}

static bool begin_receive(ctask *self) {
  xio_wait *wait = &self->core.wait;
  uint32_t item = 0;
  int status = try_receive(&item);
  if (status == XIO_EAGAIN) {
    xio_wait_park(wait, &xio_channel_receive_ops, &channel);
    xio_channel_await_receive(&channel, &wait->self, end_of(self, rx));
    return false;
  }
  if (status == XIO_OK) {
    note(item);
  } else {
    note_end(status);
  }
  return true;
}

static bool finish_receive(ctask *self) {
  if (self->last_status == XIO_ECANCELED) return true;
  if (self->last_status == XIO_OK) {
    note(inbox[self->core.id % TASKS]);
  } else {
    note_end(self->last_status);
  }
  return true;
}

#define SEND(n, ...) \
  CTASK_WAIT(begin_send, .finish = finish_send, .count = (n), __VA_ARGS__)
#define RECEIVE(...) CTASK_WAIT(begin_receive, .finish = finish_receive, __VA_ARGS__)

static void begin(uint32_t capacity, bool lossy) {
  begin_world(&world);
  xio_channel_init(&channel, capacity, lossy);
  xio_channel_set_slots(&channel, capacity < SLOTS ? capacity : SLOTS);
  tx = xio_channel_open_sender(&channel);
  rx = xio_channel_open_receiver(&channel);
  for (int i = 0; i < SLOTS; i++) slots[i] = 0;
  taken_count = 0;
}

static void end(void) {
  assert_true(xio_channel_valid(&channel));
  assert_true(xio_list_empty(&channel.sending) && xio_list_empty(&channel.receiving));
  end_world(&world);
}

static void close_tx(ctask *self) {
  (void)self;
  xio_channel_close_sender(&channel, tx);
  assert_true(xio_channel_valid(&channel));
}

static void close_rx(ctask *self) {
  (void)self;
  xio_channel_close_receiver(&channel, rx);
  assert_true(xio_channel_valid(&channel));
}

static void fail_channel(ctask *self) {
  (void)self;
  assert_true(xio_channel_fail(&channel));
  assert_false(xio_channel_fail(&channel));
  assert_true(xio_channel_valid(&channel));
}

/* -- one thing at a time ------------------------------------------------------------- */

static void rendezvous_in_both_orders(void **state) {
  (void)state;
  static const ctask_op sends[] = {SEND(1), CTASK_SLEEP(2), SEND(2), CTASK_END};
  static const ctask_op receives[] = {CTASK_SLEEP(1), RECEIVE(), RECEIVE(), CTASK_END};
  begin(0, false);
  assert_int_equal(try_send(7), XIO_EAGAIN);
  ctask_spawn(&world, sends, 0);
  ctask_spawn(&world, receives, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(channel.sent, 2);
  assert_int_equal(channel.received, 2);
  end();
}

static void the_buffer_is_a_ring(void **state) {
  (void)state;
  uint32_t item = 0;
  begin(3, false);
  assert_int_equal(try_receive(&item), XIO_EAGAIN);
  for (uint32_t i = 1; i <= 20; i++) {
    assert_int_equal(try_send(2 * i), XIO_OK);
    assert_int_equal(try_send(2 * i + 1), XIO_OK);
    assert_int_equal(try_receive(&item), XIO_OK);
    assert_int_equal(item, 2 * i);
    assert_int_equal(try_receive(&item), XIO_OK);
    assert_int_equal(item, 2 * i + 1);
  }
  for (uint32_t i = 1; i <= 3; i++) assert_int_equal(try_send(i), XIO_OK);
  assert_int_equal(try_send(4), XIO_EAGAIN);
  end();
}

static void a_freed_slot_is_the_first_waiters(void **state) {
  (void)state;
  static const ctask_op sends_3[] = {SEND(3), CTASK_END};
  static const ctask_op sends_4[] = {SEND(4), CTASK_END};
  static const ctask_op receives[] = {CTASK_SLEEP(1), RECEIVE(), RECEIVE(),
                                      RECEIVE(),      RECEIVE(), CTASK_END};
  begin(2, false);
  assert_int_equal(try_send(1), XIO_OK);
  assert_int_equal(try_send(2), XIO_OK);
  ctask_spawn(&world, sends_3, 0);
  ctask_spawn(&world, sends_4, 0);
  ctask_spawn(&world, receives, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3, 4);
  end();
}

static void barge(ctask *self) {
  uint32_t item = 0;
  (void)self;
  assert_int_equal(try_send(5), XIO_OK);
  assert_int_equal(try_receive(&item), XIO_EAGAIN); /* it belongs to who waits */
}

static void nobody_barges(void **state) {
  (void)state;
  static const ctask_op receives[] = {RECEIVE(), CTASK_END};
  static const ctask_op barges[] = {CTASK_SLEEP(1), CTASK_CALL(barge), CTASK_END};
  begin(4, false);
  ctask_spawn(&world, receives, 0);
  ctask_spawn(&world, barges, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 5);
  end();
}

static void a_cancelled_send_leaves_no_ghost(void **state) {
  (void)state;
  static const ctask_op sends[] = {SEND(1), CTASK_END};
  static const ctask_op cancels[] = {CTASK_SLEEP(1), CTASK_CANCEL_TASK(1), CTASK_END};
  uint32_t item = 0;
  begin(0, false);
  ctask_spawn(&world, sends, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  assert_int_equal(try_receive(&item), XIO_EAGAIN);
  assert_int_equal(channel.sent, 0);
  end();
}

static void send_9(ctask *self) {
  (void)self;
  assert_int_equal(try_send(9), XIO_OK);
}

static void what_was_handed_over_is_received(void **state) {
  (void)state;
  static const ctask_op receives[] = {RECEIVE(), CTASK_FOREVER, CTASK_END};
  static const ctask_op sends[] = {CTASK_SLEEP(1), CTASK_CALL(send_9),
                                   CTASK_CANCEL_TASK(1), CTASK_END};
  begin(0, false);
  ctask_spawn(&world, receives, 1);
  ctask_spawn(&world, sends, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9);
  end();
}

/* -- ends ---------------------------------------------------------------------------- */

static void the_last_sender_ends_it_for_receivers(void **state) {
  (void)state;
  static const ctask_op receives[] = {RECEIVE(), RECEIVE(), RECEIVE(), CTASK_END};
  static const ctask_op closes[] = {CTASK_SLEEP(1), CTASK_CALL(close_tx), CTASK_END};
  begin(2, false);
  uint32_t clone = xio_channel_open_sender(&channel);
  assert_int_equal(try_send(1), XIO_OK);
  xio_channel_close_sender(&channel, clone);
  ctask_spawn(&world, receives, 0);
  ctask_spawn(&world, closes, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, EOF_NOTE, EOF_NOTE);
  assert_false(xio_channel_fail(&channel));
  end();
}

static void the_last_receiver_ends_it_for_senders(void **state) {
  (void)state;
  static const ctask_op sends[] = {SEND(2), SEND(3), CTASK_END};
  static const ctask_op closes[] = {CTASK_SLEEP(1), CTASK_CALL(close_rx), CTASK_END};
  begin(1, false);
  assert_int_equal(try_send(1), XIO_OK);
  ctask_spawn(&world, sends, 0);
  ctask_spawn(&world, closes, 0);
  run_world(&world);
  ASSERT_NOTES(&world, CLOSED + 2, CLOSED + 3);
  assert_int_equal(channel.refused, 1);
  assert_int_equal(channel.buffered, 0);
  end();
}

static void only_operations_of_a_closed_end_fail(void **state) {
  (void)state;
  static const ctask_op sends_1[] = {SEND(1), CTASK_END};
  static const ctask_op sends_2[] = {SEND(2, .target = 3), CTASK_END};
  static const ctask_op closes[] = {CTASK_SLEEP(1), CTASK_CALL(close_tx), RECEIVE(),
                                    CTASK_END};
  begin(0, false);
  assert_int_equal(xio_channel_open_sender(&channel), 3);
  ctask_spawn(&world, sends_1, 0);
  ctask_spawn(&world, sends_2, 0);
  ctask_spawn(&world, closes, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 2, CLOSED + 1);
  end();
}

static void a_failed_channel_is_drained_first(void **state) {
  (void)state;
  static const ctask_op sends[] = {SEND(2), CTASK_END};
  static const ctask_op fails[] = {CTASK_SLEEP(1), CTASK_CALL(fail_channel),
                                   RECEIVE(),      RECEIVE(),
                                   RECEIVE(),      CTASK_END};
  begin(1, false);
  assert_int_equal(try_send(1), XIO_OK);
  ctask_spawn(&world, sends, 0);
  ctask_spawn(&world, fails, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, EOF_NOTE, EOF_NOTE, CLOSED + 2);
  end();
}

static void a_lossy_one_loses_the_oldest(void **state) {
  (void)state;
  uint32_t item = 0;
  begin(2, true);
  for (uint32_t i = 1; i <= 5; i++) assert_int_equal(try_send(i), XIO_OK);
  assert_int_equal(channel.refused, 3);
  assert_int_equal(try_receive(&item), XIO_OK);
  assert_int_equal(item, 4);
  assert_int_equal(xio_channel_take_missed(&channel), 3);
  assert_int_equal(xio_channel_take_missed(&channel), 0);
  assert_int_equal(try_receive(&item), XIO_OK);
  assert_int_equal(item, 5);
  end();
}

static void quick_ways_are_for_the_usual_case(void **state) {
  (void)state;
  static const ctask_op receives[] = {RECEIVE(), CTASK_END};
  static const ctask_op sends[] = {SEND(3), CTASK_END};
  uint32_t item = 0;
  begin(2, false);
  assert_false(xio_channel_get(&channel)); /* empty */
  ctask_spawn(&world, receives, 0);
  assert_true(step_world(&world));
  assert_false(xio_channel_put(&channel)); /* somebody waits for an item */
  assert_int_equal(try_send(9), XIO_OK);
  run_world(&world);
  for (uint32_t i = 1; i <= 2; i++) {
    slots[(channel.first + channel.buffered) % channel.slots] = i;
    assert_true(xio_channel_put(&channel) && xio_channel_valid(&channel));
  }
  assert_false(xio_channel_put(&channel)); /* full */
  ctask_spawn(&world, sends, 0);
  assert_true(step_world(&world));
  assert_false(xio_channel_get(&channel)); /* somebody waits to send */
  assert_int_equal(try_receive(&item), XIO_OK);
  assert_int_equal(item, 1);
  run_world(&world);
  for (uint32_t i = 2; i <= 3; i++) {
    assert_int_equal(slots[channel.first], i);
    slots[channel.first] = 0;
    assert_true(xio_channel_get(&channel) && xio_channel_valid(&channel));
  }
  assert_int_equal(channel.received, 4);
  assert_true(xio_channel_fail(&channel));
  assert_false(xio_channel_put(&channel));
  end();
}

static void quick_ways_end_with_the_other_side(void **state) {
  (void)state;
  begin(2, true);
  for (uint32_t i = 1; i <= 3; i++) assert_int_equal(try_send(i), XIO_OK);
  assert_false(xio_channel_put(&channel)); /* it would lose an item */
  assert_false(xio_channel_get(&channel)); /* it has to tell of a lost one */
  xio_channel_close_receiver(&channel, rx);
  assert_false(xio_channel_get(&channel));
  assert_false(xio_channel_put(&channel));
  end();
}

static void slots_may_grow_with_the_items(void **state) {
  (void)state;
  uint32_t item = 0;
  begin(XIO_CHANNEL_UNBOUNDED, false);
  xio_channel_set_slots(&channel, 2);
  assert_int_equal(try_send(1), XIO_OK);
  assert_int_equal(try_send(2), XIO_OK);
  assert_true(xio_channel_needs_slot(&channel));
  assert_int_equal(try_receive(&item), XIO_OK);
  assert_false(xio_channel_needs_slot(&channel));
  assert_int_equal(try_send(3), XIO_OK);
  uint32_t moved[] = {2, 3, 0, 0};
  for (uint32_t i = 0; i < 4; i++) slots[i] = moved[i];
  xio_channel_set_slots(&channel, 4);
  assert_int_equal(try_send(4), XIO_OK);
  for (uint32_t i = 2; i <= 4; i++) {
    assert_int_equal(try_receive(&item), XIO_OK);
    assert_int_equal(item, i);
  }
  end();
}

/* -- a wait with two entries ------------------------------------------------------- */

static xio_channel other;
static xio_waiter entries[2];
static uint32_t settled;

static void settle_both(xio_wait *wait, xio_waiter *won) {
  (void)wait;
  (void)won;
  settled++;
  for (int i = 0; i < 2; i++) xio_list_remove(&entries[i].link);
}

static int abort_both(xio_wait *wait) {
  settle_both(wait, entries);
  return XIO_OK;
}

static const xio_wait_ops both_ops = {
    .verb = "select", .abort = abort_both, .settle = settle_both};

static bool begin_both(ctask *self) {
  xio_wait *wait = &self->core.wait;
  xio_wait_park(wait, &both_ops, NULL);
  for (int i = 0; i < 2; i++) {
    entries[i] = (xio_waiter){.wait = wait};
    xio_list_init(&entries[i].link);
    xio_channel_await_receive(i == 0 ? &channel : &other, &entries[i], rx);
  }
  return false;
}

static bool finish_both(ctask *self) {
  if (self->last_status == XIO_OK) note(inbox[self->core.id % TASKS]);
  return true;
}

static void send_to_both(ctask *self) {
  (void)self;
  xio_channel_move move;
  send_9(self);
  assert_int_equal(xio_channel_try_send(&other, &move), XIO_OK);
  assert_null(move.waiter); /* the wait was settled: this one is buffered */
}

static void a_wait_with_two_entries_takes_one(void **state) {
  (void)state;
  static const ctask_op selects[] = {CTASK_WAIT(begin_both, .finish = finish_both),
                                     CTASK_END};
  static const ctask_op sends[] = {CTASK_SLEEP(1), CTASK_CALL(send_to_both), CTASK_END};
  static const ctask_op cancels[] = {CTASK_SLEEP(1), CTASK_CANCEL_TASK(1), CTASK_END};
  begin(1, false);
  xio_channel_init(&other, 1, false);
  xio_channel_set_slots(&other, 1);
  xio_channel_open_sender(&other);
  xio_channel_open_receiver(&other);
  settled = 0;
  ctask_spawn(&world, selects, 1);
  ctask_spawn(&world, sends, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9);
  assert_int_equal(other.buffered, 1);
  ctask_spawn(&world, selects, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  assert_int_equal(settled, 2);
  assert_true(xio_list_empty(&other.receiving));
  end();
}

/* -- random use -------------------------------------------------------------------- */

enum { SENDERS = 4, RECEIVERS = 3, SEEDS = 500 };

static xio_random dice;

static void cancel_somebody(ctask *self) {
  (void)self;
  ctask *victim = world.tasks[1 + xio_random_below(&dice, SENDERS + RECEIVERS)];
  if (victim != NULL && !victim->over) {
    xio_scope_cancel(&victim->core.own, XIO_SOURCE_CANCEL);
  }
}

#define SENDS(s) \
  { \
    SEND(10 * (s) + 1), SEND(10 * (s) + 2), CTASK_PAUSE, SEND(10 * (s) + 3), \
        SEND(10 * (s) + 4), CTASK_END \
  }

static const ctask_op senders[SENDERS][6] = {SENDS(1), SENDS(2), SENDS(3), SENDS(4)};
static const ctask_op receiver[] = {RECEIVE(), RECEIVE(), CTASK_PAUSE,
                                    RECEIVE(), RECEIVE(), CTASK_END};
static const ctask_op canceller[] = {CTASK_PAUSE,          CTASK_CALL(cancel_somebody),
                                     CTASK_PAUSE,          CTASK_CALL(cancel_somebody),
                                     CTASK_PAUSE,          CTASK_CALL(cancel_somebody),
                                     CTASK_SLEEP(1),       CTASK_CALL(close_tx),
                                     CTASK_CALL(close_rx), CTASK_END};

/* What was received is what was taken, each item once, and each sender's in order. */
static void check_notes(void) {
  uint32_t last[SENDERS + 1] = {0};
  uint32_t noted = 0;
  for (uint32_t i = 0; i < taken_count; i++) {
    uint32_t item = taken[i];
    assert_in_range(item / 10, 1, SENDERS);
    assert_true(item % 10 > last[item / 10]);
    last[item / 10] = item % 10;
    uint32_t found = 0;
    for (uint32_t j = 0; j < world.note_count; j++) found += world.notes[j] == item;
    assert_int_equal(found, 1);
    noted++;
  }
  for (uint32_t j = 0; j < world.note_count; j++) noted -= world.notes[j] < CLOSED;
  assert_int_equal(noted, 0);
  assert_int_equal(channel.received, taken_count);
}

static void no_item_is_lost_under_any_schedule(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    world = (ctask_world){0};
    begin((uint32_t)(seed % 3), false);
    assert_null(ctask_world_end(&world));
    xio_loop_opts opts = {.virtual_clock = true, .seeded = true, .seed = seed};
    assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
    world.after_step = check_after_step;
    dice = (xio_random){seed};
    for (int i = 0; i < SENDERS; i++) ctask_spawn(&world, senders[i], 1 + i);
    for (int i = 0; i < RECEIVERS; i++) ctask_spawn(&world, receiver, 1 + SENDERS + i);
    ctask_spawn(&world, canceller, 0);
    run_world(&world);
    check_notes();
    assert_int_equal(channel.buffered, 0);
    assert_int_equal(channel.sent, channel.received + channel.refused);
    end();
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rendezvous_in_both_orders),
      cmocka_unit_test(the_buffer_is_a_ring),
      cmocka_unit_test(a_freed_slot_is_the_first_waiters),
      cmocka_unit_test(nobody_barges),
      cmocka_unit_test(a_cancelled_send_leaves_no_ghost),
      cmocka_unit_test(what_was_handed_over_is_received),
      cmocka_unit_test(the_last_sender_ends_it_for_receivers),
      cmocka_unit_test(the_last_receiver_ends_it_for_senders),
      cmocka_unit_test(only_operations_of_a_closed_end_fail),
      cmocka_unit_test(a_failed_channel_is_drained_first),
      cmocka_unit_test(a_lossy_one_loses_the_oldest),
      cmocka_unit_test(quick_ways_are_for_the_usual_case),
      cmocka_unit_test(quick_ways_end_with_the_other_side),
      cmocka_unit_test(slots_may_grow_with_the_items),
      cmocka_unit_test(a_wait_with_two_entries_takes_one),
      cmocka_unit_test(no_item_is_lost_under_any_schedule),
  };
  return cmocka_run_group_tests_name("channel", tests, NULL, NULL);
}
