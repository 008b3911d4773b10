/* task: sleeping, pausing, the budget, joining; how cancellation meets each. */
#include "../support/unit.h"

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

static void sleeps_take_their_time(void **state) {
  (void)state;
  static const ctask_op one[] = {CTASK_SLEEP(30), CTASK_NOTE(1), CTASK_END};
  static const ctask_op two[] = {CTASK_SLEEP(10), CTASK_NOTE(2), CTASK_SLEEP(10),
                                 CTASK_NOTE(3), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, one, 0);
  ctask_spawn(&world, two, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 2, 3, 1);
  assert_int_equal(time_of(&world), 30);
  end_world(&world);
}

static void sleep_of_nothing_takes_one_turn(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_SLEEP(0), CTASK_NOTE(1), CTASK_SLEEP(-5),
                                     CTASK_NOTE(2), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, sleeper, 0);
  assert_true(step_world(&world));
  assert_true(step_world(&world));
  ASSERT_NOTES(&world, 1);
  assert_false(step_world(&world));
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(time_of(&world), 0);
  end_world(&world);
}

static void sleep_without_memory_is_an_error(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_TRY(), CTASK_SLEEP(5), CTASK_NOTE(1),
                                     CTASK_CLOSE, CTASK_SLEEP(5), CTASK_NOTE(2),
                                     CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, sleeper, 0);
  counting_fail(&world.memory, COUNTING_ONCE, 2); /* after the frame of the try */
  run_world(&world);
  assert_int_equal(world.memory.failures, 1);
  ASSERT_NOTES(&world, 2);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void every_checkpoint_of_a_cancelled_task_raises(void **state) {
  (void)state;
  static const ctask_op stubborn[] = {CTASK_TRY(.flags = CTASK_FLAG),
                                      CTASK_SLEEP(5),
                                      CTASK_NOTE(99),
                                      CTASK_CLOSE,
                                      CTASK_NOTE(1),
                                      CTASK_TRY(.flags = CTASK_FLAG),
                                      CTASK_PAUSE,
                                      CTASK_NOTE(99),
                                      CTASK_CLOSE,
                                      CTASK_NOTE(2),
                                      CTASK_TRY(.flags = CTASK_FLAG),
                                      CTASK_JOIN(2),
                                      CTASK_NOTE(99),
                                      CTASK_CLOSE,
                                      CTASK_NOTE(3),
                                      CTASK_TRY(.flags = CTASK_FLAG),
                                      {.kind = CTASK_OP_SPEND, .time = 1},
                                      CTASK_NOTE(99),
                                      CTASK_CLOSE,
                                      CTASK_NOTE(4),
                                      CTASK_END};
  begin_world(&world);
  ctask *victim = ctask_spawn(&world, stubborn, 1);
  ctask *other = ctask_spawn(&world, forever, 2);
  xio_scope_cancel(&victim->core.own, XIO_SOURCE_CANCEL);
  for (int i = 0; i < 5; i++) assert_true(step_world(&world));
  ASSERT_NOTES(&world, 1, 2, 3, 4);
  assert_null(world.tasks[1]); /* it ended as if nothing had been */
  xio_scope_cancel(&other->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(time_of(&world), 0);
  end_world(&world);
}

static void cancelled_before_its_first_run_it_runs_to_a_checkpoint(void **state) {
  (void)state;
  static const ctask_op program[] = {CTASK_NOTE(1), CTASK_PAUSE, CTASK_NOTE(2),
                                     CTASK_END};
  begin_world(&world);
  ctask *task = ctask_spawn(&world, program, 0);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_int_equal(world.loop->root.failures, 0);
  end_world(&world);
}

static void pause_sees_a_cancellation_that_came_meanwhile(void **state) {
  (void)state;
  static const ctask_op pauser[] = {CTASK_PAUSE, CTASK_NOTE(1), CTASK_END};
  static const ctask_op canceller[] = {CTASK_CANCEL_TASK(1), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, pauser, 1);
  ctask_spawn(&world, canceller, 0);
  run_world(&world);
  assert_int_equal(world.note_count, 0);
  end_world(&world);
}

static void sleep_that_is_over_is_over(void **state) {
  (void)state;
  /* both wake at 5; the canceller runs first, but the sleep has taken effect */
  static const ctask_op canceller[] = {CTASK_SLEEP(5), CTASK_CANCEL_TASK(1), CTASK_END};
  static const ctask_op sleeper[] = {CTASK_SLEEP(5), CTASK_NOTE(1), CTASK_PAUSE,
                                     CTASK_NOTE(2), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, canceller, 0);
  ctask_spawn(&world, sleeper, 1);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void budget_is_spent_once_a_turn(void **state) {
  (void)state;
  static const ctask_op busy[] = {
      {.kind = CTASK_OP_SPEND, .time = 2 * XIO_SCHED_BUDGET + 1},
      CTASK_NOTE(1),
      CTASK_END};
  begin_world(&world);
  ctask *task = ctask_spawn(&world, busy, 1);
  assert_true(step_world(&world));
  assert_int_equal(task->spending, XIO_SCHED_BUDGET + 1);
  assert_true(step_world(&world));
  assert_int_equal(task->spending, 1);
  assert_false(step_world(&world));
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void join_ends_with_the_task(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_SLEEP(7), CTASK_NOTE(1), CTASK_END};
  static const ctask_op joiner[] = {CTASK_JOIN(1), CTASK_NOTE(2), CTASK_END};
  begin_world(&world);
  ctask *task = ctask_spawn(&world, sleeper, 1);
  ctask *first = ctask_spawn(&world, joiner, 0);
  ctask_spawn(&world, joiner, 0);
  assert_true(step_world(&world));
  assert_ptr_equal(xio_task_awaited(&first->core), &task->core);
  assert_null(xio_task_awaited(&task->core));
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 2);
  end_world(&world);
}

static void cancelled_joiner_leaves_the_task_alone(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_SLEEP(7), CTASK_NOTE(1), CTASK_END};
  static const ctask_op joiner[] = {CTASK_SCOPE(.time = 3), CTASK_JOIN(1),
                                    CTASK_NOTE(99),         CTASK_CLOSE,
                                    CTASK_NOTE(2),          CTASK_END};
  begin_world(&world);
  ctask *task = ctask_spawn(&world, sleeper, 1);
  ctask_spawn(&world, joiner, 0);
  assert_true(step_world(&world));
  assert_false(xio_list_empty(&task->core.joiners));
  assert_true(step_world(&world));
  assert_true(xio_list_empty(&task->core.joiners));
  run_world(&world);
  ASSERT_NOTES(&world, 2, 1);
  end_world(&world);
}

static int refused; /* status of the join that was */

static void note_status(ctask *self) {
  refused = self->last_status;
}

static void circle_of_joins_is_refused(void **state) {
  (void)state;
  static const ctask_op one[] = {CTASK_JOIN(2), CTASK_NOTE(1), CTASK_END};
  static const ctask_op two[] = {CTASK_JOIN(3), CTASK_NOTE(2), CTASK_END};
  static const ctask_op three[] = {CTASK_JOIN(1), CTASK_CALL(note_status), CTASK_NOTE(3),
                                   CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, one, 1);
  ctask_spawn(&world, two, 2);
  ctask_spawn(&world, three, 3);
  refused = 0;
  run_world(&world); /* the third goes on, ends, and with it the others */
  assert_int_equal(refused, XIO_EDEADLK);
  ASSERT_NOTES(&world, 3, 2, 1);
  end_world(&world);
}

static void task_cannot_join_itself(void **state) {
  (void)state;
  static const ctask_op narcissus[] = {CTASK_JOIN(1), CTASK_CALL(note_status), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, narcissus, 1);
  refused = 0;
  run_world(&world);
  assert_int_equal(refused, XIO_EDEADLK);
  end_world(&world);
}

static void ids_grow_in_order_of_spawning(void **state) {
  (void)state;
  static const ctask_op nothing[] = {CTASK_END};
  begin_world(&world);
  uint64_t first = ctask_spawn(&world, nothing, 0)->core.id;
  uint64_t second = ctask_spawn(&world, nothing, 0)->core.id;
  assert_int_equal(second, first + 1);
  run_world(&world);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sleeps_take_their_time),
      cmocka_unit_test(sleep_of_nothing_takes_one_turn),
      cmocka_unit_test(sleep_without_memory_is_an_error),
      cmocka_unit_test(every_checkpoint_of_a_cancelled_task_raises),
      cmocka_unit_test(cancelled_before_its_first_run_it_runs_to_a_checkpoint),
      cmocka_unit_test(pause_sees_a_cancellation_that_came_meanwhile),
      cmocka_unit_test(sleep_that_is_over_is_over),
      cmocka_unit_test(budget_is_spent_once_a_turn),
      cmocka_unit_test(join_ends_with_the_task),
      cmocka_unit_test(cancelled_joiner_leaves_the_task_alone),
      cmocka_unit_test(circle_of_joins_is_refused),
      cmocka_unit_test(task_cannot_join_itself),
      cmocka_unit_test(ids_grow_in_order_of_spawning),
  };
  return cmocka_run_group_tests_name("task", tests, NULL, NULL);
}
