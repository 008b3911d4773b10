/* lock: owners, hand-over, what an ended owner leaves behind. */
#include "../../core/lock.h"
#include "../support/unit.h"

static ctask_world world;
static xio_lock lock;
static xio_lock others[3];

static bool acquire(ctask *self) {
  int status = xio_lock_try(&lock, &self->core);
  self->last_status = status;
  if (status == XIO_EBUSY) xio_lock_wait(&lock, &self->core);
  return status != XIO_EBUSY;
}

static bool acquire_again(ctask *self) {
  int status = xio_lock_try(&lock, &self->core);
  if (status == XIO_OK) return true;
  assert_int_equal(status, XIO_EBUSY);
  xio_lock_wait_again(&lock, &self->core);
  return false;
}

static void release(ctask *self) {
  assert_int_equal(xio_lock_release(&lock, &self->core), XIO_OK);
  assert_true(xio_lock_valid(&lock));
}

static void own(ctask *self) {
  assert_ptr_equal(lock.owner, &self->core);
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

#define HOLDS(n) \
  { \
    CTASK_WAIT(acquire), CTASK_CALL(own), CTASK_NOTE(n), CTASK_SLEEP(10), \
        CTASK_CALL(release), CTASK_END \
  }

static const ctask_op holds_1[] = HOLDS(1);
static const ctask_op holds_2[] = HOLDS(2);
static const ctask_op holds_3[] = HOLDS(3);
static const ctask_op takes_and_tells[] = {CTASK_WAIT(acquire), CTASK_CALL(note_status),
                                           CTASK_END};

static void begin(void) {
  begin_world(&world);
  xio_lock_init(&lock);
}

static void end(void) {
  assert_true(xio_lock_valid(&lock));
  assert_null(lock.owner);
  assert_true(xio_list_empty(&lock.waiters));
  end_world(&world);
}

static void goes_round_in_order(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, holds_2, 0);
  ctask_spawn(&world, holds_3, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  end();
}

static void misuse(ctask *self) {
  assert_int_equal(xio_lock_release(&lock, &self->core), XIO_EINVAL);
  assert_int_equal(xio_lock_try(&lock, &self->core), XIO_OK);
  assert_int_equal(xio_lock_try(&lock, &self->core), XIO_EDEADLK);
  assert_ptr_equal(lock.owner, &self->core);
  release(self);
  assert_int_equal(xio_lock_release(&lock, &self->core), XIO_EINVAL);
}

static void misuse_changes_nothing(void **state) {
  (void)state;
  static const ctask_op misuses[] = {CTASK_CALL(misuse), CTASK_END};
  begin();
  ctask_spawn(&world, misuses, 0);
  run_world(&world);
  end();
}

static void release_anothers(ctask *self) {
  assert_int_equal(xio_lock_release(&lock, &self->core), XIO_EINVAL);
  assert_non_null(lock.owner);
}

static void only_the_owner_releases(void **state) {
  (void)state;
  static const ctask_op releases[] = {CTASK_PAUSE, CTASK_CALL(release_anothers),
                                      CTASK_END};
  begin();
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, releases, 0);
  run_world(&world);
  end();
}

static void an_ended_owner_breaks_it(void **state) {
  (void)state;
  static const ctask_op leaves[] = {CTASK_WAIT(acquire), CTASK_SLEEP(5), CTASK_END};
  begin();
  ctask_spawn(&world, leaves, 0);
  ctask_spawn(&world, takes_and_tells, 0);
  ctask_spawn(&world, takes_and_tells, 0);
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_EOWNERDEAD, (uint32_t)-XIO_EOWNERDEAD);
  assert_int_equal(lock.left_by, 1);
  ctask_spawn(&world, takes_and_tells, 0); /* and it stays so */
  run_world(&world);
  assert_int_equal(world.notes[2], (uint32_t)-XIO_EOWNERDEAD);
  end();
}

static void take_all(ctask *self) {
  assert_int_equal(xio_lock_try(&lock, &self->core), XIO_OK);
  for (int i = 0; i < 3; i++) {
    xio_lock_init(&others[i]);
    assert_int_equal(xio_lock_try(&others[i], &self->core), XIO_OK);
    assert_true(xio_lock_held_valid(&world.loop->queue));
  }
}

static void drop_some(ctask *self) {
  release(self);
  assert_int_equal(xio_lock_release(&others[1], &self->core), XIO_OK);
  xio_lock_deinit(&others[2]); /* its memory goes while it is held */
  assert_true(xio_lock_held_valid(&world.loop->queue));
  assert_ptr_equal(world.loop->queue.locks.next, &others[0].held);
}

static void a_task_may_own_several(void **state) {
  (void)state;
  static const ctask_op several[] = {CTASK_CALL(take_all), CTASK_PAUSE,
                                     CTASK_CALL(drop_some), CTASK_PAUSE, CTASK_END};
  begin();
  ctask_spawn(&world, several, 0);
  run_world(&world);
  assert_int_equal(others[0].left_by, 1);
  assert_int_equal(others[1].left_by, 0);
  assert_int_equal(others[2].left_by, 0);
  end();
}

static void cancelled_waiter_takes_nothing(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_SLEEP(5), CTASK_CANCEL_TASK(2), CTASK_END};
  begin();
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, holds_2, 2);
  ctask_spawn(&world, holds_3, 0);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 3);
  end();
}

static void cancelled_after_the_hand_over_it_owns_it(void **state) {
  (void)state;
  static const ctask_op hands_over[] = {CTASK_WAIT(acquire), CTASK_PAUSE,
                                        CTASK_CALL(release), CTASK_CANCEL_TASK(2),
                                        CTASK_END};
  static const ctask_op owns[] = {CTASK_WAIT(acquire), CTASK_CALL(own),
                                  CTASK_CALL(release), CTASK_NOTE(2),
                                  CTASK_FOREVER,       CTASK_END};
  begin();
  ctask_spawn(&world, hands_over, 0);
  ctask_spawn(&world, owns, 2);
  run_world(&world);
  ASSERT_NOTES(&world, 2);
  end();
}

static void waiting_again_cannot_be_cancelled(void **state) {
  (void)state;
  static const ctask_op again[] = {CTASK_PAUSE,         CTASK_WAIT(acquire_again),
                                   CTASK_CALL(own),     CTASK_NOTE(2),
                                   CTASK_CALL(release), CTASK_END};
  static const ctask_op cancels[] = {CTASK_SLEEP(5), CTASK_CANCEL_TASK(2), CTASK_END};
  begin();
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, again, 2);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(time_of(&world), 10);
  end();
}

static void tells_whom_a_task_waits_for(void **state) {
  (void)state;
  begin();
  ctask *owner = ctask_spawn(&world, holds_1, 0);
  ctask *waiter = ctask_spawn(&world, holds_2, 0);
  assert_null(xio_lock_awaited(&waiter->core));
  step_world(&world);
  assert_ptr_equal(xio_lock_awaited(&waiter->core), &owner->core);
  assert_null(xio_lock_awaited(&owner->core));
  run_world(&world);
  end();
}

static void closing_the_loop_breaks_what_its_tasks_own(void **state) {
  (void)state;
  static ctask_world other;
  begin();
  begin_world(&other);
  ctask_spawn(&world, holds_1, 0);
  ctask_spawn(&world, holds_2, 0);
  step_world(&world);
  ctask *waiter = ctask_spawn(&other, holds_3, 0);
  step_world(&other);
  end_world(&world);
  assert_null(lock.owner);
  assert_true(xio_list_empty(&lock.waiters));
  assert_int_equal(waiter->core.wait.status, XIO_EOWNERDEAD);
  end_world(&other);
}

static void a_lock_handed_to_an_abandoned_task_is_handed_on(void **state) {
  (void)state;
  static const ctask_op hands_over[] = {CTASK_WAIT(acquire), CTASK_PAUSE,
                                        CTASK_CALL(release), CTASK_FOREVER, CTASK_END};
  begin();
  ctask_spawn(&world, hands_over, 0);
  ctask *next = ctask_spawn(&world, holds_2, 0);
  step_world(&world);
  step_world(&world); /* `next` owns it, but has not run */
  assert_ptr_equal(lock.owner, &next->core);
  end_world(&world);
  assert_int_equal(lock.left_by, 0); /* the task has not seen what it protects */
  assert_null(lock.owner);
  assert_true(xio_lock_valid(&lock));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(goes_round_in_order),
      cmocka_unit_test(misuse_changes_nothing),
      cmocka_unit_test(only_the_owner_releases),
      cmocka_unit_test(an_ended_owner_breaks_it),
      cmocka_unit_test(a_task_may_own_several),
      cmocka_unit_test(cancelled_waiter_takes_nothing),
      cmocka_unit_test(cancelled_after_the_hand_over_it_owns_it),
      cmocka_unit_test(waiting_again_cannot_be_cancelled),
      cmocka_unit_test(tells_whom_a_task_waits_for),
      cmocka_unit_test(closing_the_loop_breaks_what_its_tasks_own),
      cmocka_unit_test(a_lock_handed_to_an_abandoned_task_is_handed_on),
  };
  return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}
