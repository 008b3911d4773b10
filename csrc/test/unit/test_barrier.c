/* barrier: places in the order of arrival, rounds, cancelled arrivals. */
#include "../../core/barrier.h"
#include "../support/unit.h"

static ctask_world world;
static xio_barrier barrier;

static bool arrive(ctask *self) {
  if (!xio_barrier_arrive(&barrier, &self->core)) return false;
  self->last_status = barrier.parties - 1;
  assert_true(xio_barrier_valid(&barrier));
  return true;
}

static void note_place(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)self->last_status;
}

static const ctask_op party[] = {CTASK_WAIT(arrive), CTASK_CALL(note_place), CTASK_END};

static void begin(int parties) {
  begin_world(&world);
  xio_barrier_init(&barrier, parties);
}

static void end(void) {
  assert_true(xio_barrier_valid(&barrier));
  assert_int_equal(barrier.waiting, 0);
  end_world(&world);
}

static void all_pass_together(void **state) {
  (void)state;
  begin(3);
  ctask_spawn(&world, party, 0);
  ctask_spawn(&world, party, 0);
  step_world(&world);
  step_world(&world);
  assert_int_equal(world.note_count, 0);
  ctask_spawn(&world, party, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 2, 0, 1);
  end();
}

static void rounds_follow_each_other(void **state) {
  (void)state;
  begin(2);
  for (int i = 0; i < 6; i++) ctask_spawn(&world, party, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 1, 1, 0, 0, 0);
  end();
}

static void one_passes_alone(void **state) {
  (void)state;
  begin(1);
  ctask_spawn(&world, party, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  end();
}

static void cancelled_it_has_not_arrived(void **state) {
  (void)state;
  static const ctask_op cancels[] = {
      CTASK_PAUSE,   CTASK_CANCEL_TASK(1), CTASK_SPAWN(party), CTASK_SLEEP(5),
      CTASK_NOTE(9), CTASK_SPAWN(party),   CTASK_END};
  begin(3);
  ctask_spawn(&world, party, 1);
  ctask_spawn(&world, party, 0);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, 2, 0, 1); /* places without a gap */
  end();
}

static void closing_the_loop_takes_waiters_out(void **state) {
  (void)state;
  begin(2);
  ctask_spawn(&world, party, 0);
  step_world(&world);
  assert_int_equal(barrier.waiting, 1);
  end_world(&world);
  assert_int_equal(barrier.waiting, 0);
  assert_true(xio_barrier_valid(&barrier));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(all_pass_together),
      cmocka_unit_test(rounds_follow_each_other),
      cmocka_unit_test(one_passes_alone),
      cmocka_unit_test(cancelled_it_has_not_arrived),
      cmocka_unit_test(closing_the_loop_takes_waiters_out),
  };
  return cmocka_run_group_tests_name("barrier", tests, NULL, NULL);
}
