/* event: waking, clearing, limits, cancellation, waits with several entries. */
#include "../../core/event.h"
#include "../support/unit.h"

static ctask_world world;
static xio_event event;
static int64_t limit_ns; /* of waits; 0: none */

static bool wait_for_it(ctask *self) {
  if (event.is_set) return true;
  int64_t at = limit_ns == 0 ? XIO_NEVER : xio_clock_after(&world.loop->clock, limit_ns);
  assert_int_equal(xio_event_wait(&event, &self->core, at), XIO_OK);
  return false;
}

static void set(ctask *self) {
  (void)self;
  xio_event_set(&event);
}

static void set_and_clear(ctask *self) {
  set(self);
  xio_event_clear(&event);
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

static const ctask_op waits_1[] = {CTASK_WAIT(wait_for_it), CTASK_NOTE(1), CTASK_END};
static const ctask_op waits_2[] = {CTASK_WAIT(wait_for_it), CTASK_NOTE(2), CTASK_END};
static const ctask_op waits_and_tells[] = {CTASK_WAIT(wait_for_it),
                                           CTASK_CALL(note_status), CTASK_END};
static const ctask_op sets[] = {CTASK_PAUSE, CTASK_CALL(set), CTASK_NOTE(9), CTASK_END};
static const ctask_op sets_and_clears[] = {CTASK_PAUSE, CTASK_CALL(set_and_clear),
                                           CTASK_END};

static void begin(void) {
  begin_world(&world);
  xio_event_init(&event, NULL);
  limit_ns = 0;
}

static void end(void) {
  assert_true(xio_event_valid(&event));
  assert_true(xio_list_empty(&event.waiters));
  end_world(&world);
}

static void setting_wakes_all_in_order(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, waits_1, 0);
  ctask_spawn(&world, waits_2, 0);
  ctask_spawn(&world, sets, 0);
  step_world(&world);
  assert_int_equal(xio_list_count(&event.waiters), 2);
  run_world(&world);
  ASSERT_NOTES(&world, 9, 1, 2);
  end();
}

static void only_the_first_setting_counts(void **state) {
  (void)state;
  xio_event_init(&event, NULL);
  assert_true(xio_event_set(&event));
  assert_false(xio_event_set(&event));
  assert_int_equal(event.sets, 1);
  xio_event_clear(&event);
  assert_true(xio_event_set(&event));
  assert_int_equal(event.sets, 2);
}

static void clearing_takes_nothing_back(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, waits_1, 0);
  ctask_spawn(&world, sets_and_clears, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_false(event.is_set);
  end();
}

static void limit_ends_the_wait(void **state) {
  (void)state;
  begin();
  limit_ns = 5;
  ctask_spawn(&world, waits_and_tells, 0);
  run_world(&world);
  assert_int_equal(time_of(&world), 5);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ETIMEDOUT);
  end();
}

static void setting_in_the_turn_of_the_limit_wins_if_first(void **state) {
  (void)state;
  static const ctask_op sets_at_5[] = {CTASK_SLEEP(5), CTASK_CALL(set), CTASK_END};
  begin();
  ctask_spawn(&world, sets_at_5, 0);
  limit_ns = 6;
  ctask_spawn(&world, waits_and_tells, 0);
  run_world(&world);
  assert_int_equal(time_of(&world), 5); /* the limit went with the wait */
  ASSERT_NOTES(&world, XIO_OK);
  end();
}

static void cancellation_leaves_no_trace(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_PAUSE, CTASK_CANCEL_TASK(1), CTASK_CALL(set),
                                     CTASK_END};
  begin();
  ctask_spawn(&world, waits_1, 1);
  ctask_spawn(&world, waits_2, 0);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 2);
  end();
}

static void woken_stays_woken_under_cancellation(void **state) {
  (void)state;
  static const ctask_op sets_first[] = {CTASK_PAUSE, CTASK_CALL(set),
                                        CTASK_CANCEL_TASK(1), CTASK_END};
  begin();
  ctask_spawn(&world, waits_1, 1);
  ctask_spawn(&world, sets_first, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end();
}

static void closing_the_loop_takes_waiters_out(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, waits_1, 0);
  step_world(&world);
  assert_false(xio_list_empty(&event.waiters));
  end_world(&world);
  assert_true(xio_list_empty(&event.waiters));
}

static void wakes_tasks_of_two_loops(void **state) {
  (void)state;
  static ctask_world other;
  begin();
  begin_world(&other);
  ctask_spawn(&world, waits_1, 0);
  ctask_spawn(&other, waits_2, 0);
  step_world(&world);
  step_world(&other);
  xio_event_set(&event); /* while neither runs */
  run_world(&world);
  run_world(&other);
  ASSERT_NOTES(&world, 1);
  ASSERT_NOTES(&other, 2);
  end_world(&other);
  end();
}

/* -- a wait with two entries: the event, and another one ----------------------------- */

static xio_event second;
static xio_waiter entries[2];

static long winner;

static void take_out(xio_wait *wait, xio_waiter *won) {
  (void)wait;
  winner = won - entries;
  for (int i = 0; i < 2; i++) xio_list_remove(&entries[i].link);
}

static int abort_both(xio_wait *wait) {
  take_out(wait, entries);
  return XIO_OK;
}

static const xio_wait_ops either_ops = {
    .verb = "either", .abort = abort_both, .settle = take_out};

static bool wait_for_either(ctask *self) {
  xio_wait_park(&self->core.wait, &either_ops, NULL);
  for (int i = 0; i < 2; i++) entries[i].wait = &self->core.wait;
  xio_list_push_back(&event.waiters, &entries[0].link);
  xio_list_push_back(&second.waiters, &entries[1].link);
  return false;
}

static void note_winner(ctask *self) {
  assert_true(self->core.wait.won);
  world.notes[world.note_count++] = (uint32_t)winner;
}

static void set_both(ctask *self) {
  (void)self;
  xio_event_set(&second);
  xio_event_set(&event);
}

static void one_entry_of_several_wins(void **state) {
  (void)state;
  static const ctask_op either[] = {CTASK_WAIT(wait_for_either), CTASK_CALL(note_winner),
                                    CTASK_END};
  static const ctask_op both[] = {CTASK_PAUSE, CTASK_CALL(set_both), CTASK_END};
  begin();
  xio_event_init(&second, NULL);
  ctask_spawn(&world, either, 0);
  ctask_spawn(&world, both, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_true(xio_list_empty(&second.waiters));
  end();
}

static void no_memory_for_a_limit_parks_nothing(void **state) {
  (void)state;
  counting memory = {0};
  xio_clock clock;
  xio_runqueue queue;
  xio_task task;
  xio_event_init(&event, NULL);
  counting_fail(&memory, COUNTING_FROM, 1);
  xio_clock_init(&clock, counting_allocator(&memory), true);
  xio_runqueue_init(&queue, &clock);
  xio_task_init(&task, &queue, NULL);
  assert_int_equal(xio_event_wait(&event, &task, 5), XIO_ENOMEM);
  assert_int_equal(task.wait.state, XIO_WAIT_IDLE);
  assert_true(xio_list_empty(&event.waiters));
  xio_clock_deinit(&clock);
  assert_true(counting_clean(&memory));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(setting_wakes_all_in_order),
      cmocka_unit_test(only_the_first_setting_counts),
      cmocka_unit_test(clearing_takes_nothing_back),
      cmocka_unit_test(limit_ends_the_wait),
      cmocka_unit_test(setting_in_the_turn_of_the_limit_wins_if_first),
      cmocka_unit_test(cancellation_leaves_no_trace),
      cmocka_unit_test(woken_stays_woken_under_cancellation),
      cmocka_unit_test(closing_the_loop_takes_waiters_out),
      cmocka_unit_test(wakes_tasks_of_two_loops),
      cmocka_unit_test(one_entry_of_several_wins),
      cmocka_unit_test(no_memory_for_a_limit_parks_nothing),
  };
  return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
