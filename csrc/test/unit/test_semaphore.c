/* semaphore: handing over without barging, cancellation, debt; random use against the
 * promise that no permit is lost. */
#include "../../core/semaphore.h"
#include "../support/unit.h"

static ctask_world world;
static xio_semaphore semaphore;

static bool acquire(ctask *self) {
  if (xio_semaphore_try(&semaphore)) return true;
  xio_semaphore_wait(&semaphore, &self->core);
  return false;
}

static void release(ctask *self) {
  (void)self;
  assert_int_equal(xio_semaphore_release(&semaphore), XIO_OK);
  assert_true(xio_semaphore_valid(&semaphore));
}

/* One that comes late tries to take what was just given back. */
static void barge(ctask *self) {
  release(self);
  assert_false(xio_semaphore_try(&semaphore));
}

static void begin(int64_t total) {
  begin_world(&world);
  xio_semaphore_init(&semaphore, total, XIO_SEMAPHORE_MAX, NULL);
}

static void end(int64_t total) {
  assert_true(xio_semaphore_valid(&semaphore));
  assert_true(xio_list_empty(&semaphore.waiters));
  assert_int_equal(semaphore.held, 0);
  assert_int_equal(semaphore.total, total);
  end_world(&world);
}

#define HOLDS(n, ns) \
  { CTASK_WAIT(acquire), CTASK_NOTE(n), CTASK_SLEEP(ns), CTASK_CALL(release), CTASK_END }

static const ctask_op holds_1[] = HOLDS(1, 10);
static const ctask_op holds_2[] = HOLDS(2, 10);
static const ctask_op holds_3[] = HOLDS(3, 10);

static void permits_go_round_in_order(void **state) {
  (void)state;
  begin(1);
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, holds_2, 0);
  ctask_spawn(&world, holds_3, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  assert_int_equal(time_of(&world), 30);
  end(1);
}

static void what_is_given_back_is_the_first_waiters(void **state) {
  (void)state;
  static const ctask_op barges[] = {CTASK_WAIT(acquire), CTASK_SLEEP(5),
                                    CTASK_CALL(barge), CTASK_NOTE(7), CTASK_END};
  begin(1);
  ctask_spawn(&world, barges, 0);
  ctask_spawn(&world, holds_1, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 7, 1);
  end(1);
}

static void cancelled_waiter_takes_nothing(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_SLEEP(5), CTASK_CANCEL_TASK(2), CTASK_END};
  begin(1);
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, holds_2, 2);
  ctask_spawn(&world, holds_3, 0);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 3);
  end(1);
}

static void cancelled_after_the_hand_over_it_has_it(void **state) {
  (void)state;
  static const ctask_op hands_and_cancels[] = {CTASK_WAIT(acquire), CTASK_SLEEP(5),
                                               CTASK_CALL(release), CTASK_CANCEL_TASK(2),
                                               CTASK_END};
  static const ctask_op takes[] = {CTASK_WAIT(acquire), CTASK_NOTE(2),
                                   CTASK_CALL(release), CTASK_FOREVER, CTASK_END};
  begin(1);
  ctask_spawn(&world, hands_and_cancels, 0);
  ctask_spawn(&world, takes, 2);
  run_world(&world);
  ASSERT_NOTES(&world, 2);
  end(1);
}

/* Hands the permit to who waits, and the loop goes before that has run. */
static void loop_that_closes_gives_a_handed_permit_back(void **state) {
  (void)state;
  static const ctask_op hands[] = {CTASK_WAIT(acquire), CTASK_SLEEP(5),
                                   CTASK_CALL(release), CTASK_FOREVER, CTASK_END};
  begin(1);
  ctask_spawn(&world, hands, 0);
  ctask_spawn(&world, holds_2, 2);
  ctask_spawn(&world, holds_3, 3);
  while (world.tasks[2]->core.wait.state != XIO_WAIT_READY || time_of(&world) < 5) {
    step_world(&world);
  }
  assert_int_equal(semaphore.held, 1);
  assert_int_equal(world.note_count, 0);
  xio_loop_close(world.loop);
  world.loop = NULL;
  end(1);
}

static void what_was_handed_over_is_forgone(void **state) {
  (void)state;
  static const ctask_op hands[] = {CTASK_WAIT(acquire), CTASK_SLEEP(5),
                                   CTASK_CALL(release), CTASK_END};
  begin(1);
  ctask_spawn(&world, hands, 0);
  ctask *second = ctask_spawn(&world, holds_2, 0);
  ctask_spawn(&world, holds_3, 0);
  while (second->core.wait.state != XIO_WAIT_READY || time_of(&world) < 5) {
    step_world(&world);
  }
  xio_scope_cancel(&second->core.own, XIO_SOURCE_CANCEL);
  assert_int_equal(second->core.wait.status, XIO_OK); /* it has it all the same */
  assert_int_equal(xio_wait_forgo(&second->core.wait), XIO_OK);
  assert_int_equal(second->core.wait.status, XIO_ECANCELED);
  assert_int_equal(xio_wait_forgo(&second->core.wait), XIO_OK); /* and nothing more */
  run_world(&world);
  ASSERT_NOTES(&world, 3);
  end(1);
}

static void more_may_be_given_back_than_taken(void **state) {
  (void)state;
  xio_semaphore_init(&semaphore, 0, 2, NULL);
  assert_false(xio_semaphore_try(&semaphore));
  assert_int_equal(xio_semaphore_release(&semaphore), XIO_OK);
  assert_int_equal(xio_semaphore_release(&semaphore), XIO_OK);
  assert_int_equal(xio_semaphore_free(&semaphore), 2);
  assert_int_equal(xio_semaphore_release(&semaphore), XIO_EINVAL);
  assert_int_equal(xio_semaphore_free(&semaphore), 2);
  assert_true(xio_semaphore_try(&semaphore));
  assert_int_equal(xio_semaphore_release(&semaphore), XIO_OK);
  assert_int_equal(semaphore.total, 0);
  assert_int_equal(semaphore.held, -2);
  assert_true(xio_semaphore_valid(&semaphore));
}

static void total_4(ctask *self) {
  (void)self;
  xio_semaphore_set_total(&semaphore, 4);
  assert_int_equal(semaphore.held, 4);
}

static void total_1(ctask *self) {
  (void)self;
  xio_semaphore_set_total(&semaphore, 1);
  assert_int_equal(xio_semaphore_free(&semaphore), -3);
}

static void total_moves_up_and_down(void **state) {
  (void)state;
  static const ctask_op changes[] = {CTASK_SLEEP(1), CTASK_CALL(total_4), CTASK_SLEEP(1),
                                     CTASK_CALL(total_1), CTASK_END};
  begin(2);
  for (int i = 0; i < 5; i++) ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, changes, 0);
  run_world(&world);
  /* two at 0, two at 1, and the last when three of them have paid the debt: at 11 */
  assert_int_equal(world.note_count, 5);
  assert_int_equal(time_of(&world), 21);
  end(1);
}

static void total_of_0_blocks_all(void **state) {
  (void)state;
  begin(0);
  ctask_spawn(&world, holds_1, 0);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  xio_semaphore_set_total(&semaphore, 1);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end(1);
}

/* -- random use ---------------------------------------------------------------------- */

enum { ACTORS = 8, SEEDS = 300 };

static xio_random dice;
static int inside;

static void enter_room(ctask *self) {
  (void)self;
  inside++;
  assert_true(inside <= 3);
}

static void leave_room(ctask *self) {
  inside--;
  release(self);
}

static void cancel_somebody(ctask *self) {
  (void)self;
  ctask *other = world.tasks[1 + xio_random_next(&dice) % ACTORS];
  if (other != NULL && !other->over)
    xio_scope_cancel(&other->core.own, XIO_SOURCE_CANCEL);
}

/* What it takes it gives back, whatever happens between. */
static const ctask_op actor[] = {CTASK_PAUSE,
                                 CTASK_WAIT(acquire),
                                 CTASK_CALL(enter_room),
                                 CTASK_SCOPE(.flags = CTASK_SHIELDED),
                                 CTASK_SLEEP(1),
                                 CTASK_CLOSE,
                                 CTASK_CALL(leave_room),
                                 CTASK_PAUSE,
                                 CTASK_WAIT(acquire),
                                 CTASK_CALL(enter_room),
                                 CTASK_SCOPE(.flags = CTASK_SHIELDED),
                                 CTASK_SLEEP(2),
                                 CTASK_CLOSE,
                                 CTASK_CALL(leave_room),
                                 CTASK_END};

static const ctask_op canceller[] = {
    CTASK_PAUSE, CTASK_CALL(cancel_somebody), CTASK_SLEEP(1), CTASK_CALL(cancel_somebody),
    CTASK_PAUSE, CTASK_CALL(cancel_somebody), CTASK_SLEEP(1), CTASK_CALL(cancel_somebody),
    CTASK_END};

static void no_permit_is_lost_under_any_schedule(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    world = (ctask_world){0};
    xio_loop_opts opts = {.virtual_clock = true, .seeded = true, .seed = seed};
    assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
    world.after_step = check_after_step;
    xio_semaphore_init(&semaphore, 3, 3, NULL);
    dice = (xio_random){seed};
    inside = 0;
    for (int i = 1; i <= ACTORS; i++) ctask_spawn(&world, actor, i);
    ctask_spawn(&world, canceller, 0);
    run_world(&world);
    assert_int_equal(inside, 0);
    end(3);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(permits_go_round_in_order),
      cmocka_unit_test(what_is_given_back_is_the_first_waiters),
      cmocka_unit_test(cancelled_waiter_takes_nothing),
      cmocka_unit_test(cancelled_after_the_hand_over_it_has_it),
      cmocka_unit_test(loop_that_closes_gives_a_handed_permit_back),
      cmocka_unit_test(what_was_handed_over_is_forgone),
      cmocka_unit_test(more_may_be_given_back_than_taken),
      cmocka_unit_test(total_moves_up_and_down),
      cmocka_unit_test(total_of_0_blocks_all),
      cmocka_unit_test(no_permit_is_lost_under_any_schedule),
  };
  return cmocka_run_group_tests_name("semaphore", tests, NULL, NULL);
}
