/* condition: notifying in order, having the lock again on every way out. */
#include "../../core/condition.h"
#include "../support/unit.h"

static ctask_world world;
static xio_lock lock;
static xio_condition condition;
static int64_t limit_ns; /* of waits; 0: none */

static bool acquire(ctask *self) {
  if (xio_lock_try(&lock, &self->core) == XIO_OK) return true;
  xio_lock_wait(&lock, &self->core);
  return false;
}

static void release(ctask *self) {
  assert_int_equal(xio_lock_release(&lock, &self->core), XIO_OK);
  assert_true(xio_lock_valid(&lock));
}

static bool wait_for_notice(ctask *self) {
  int64_t at = limit_ns == 0 ? XIO_NEVER : xio_clock_after(&world.loop->clock, limit_ns);
  self->until = XIO_OK;
  assert_int_equal(xio_condition_wait(&condition, &self->core, at), XIO_OK);
  return false;
}

/* `until` of a task that does not sleep keeps how the wait itself has ended. */
static bool have_the_lock_again(ctask *self) {
  if (lock.owner == &self->core && self->core.wait.status == XIO_ECANCELED) return true;
  if (self->until == XIO_OK) self->until = self->core.wait.status;
  int status = xio_condition_resume(&condition, &self->core, self->core.wait.status);
  if (status == XIO_EAGAIN) return false;
  self->last_status = status == XIO_OK ? (int)self->until : status;
  assert_true((lock.owner == &self->core) == (status == XIO_OK));
  return true;
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

static void notify_1(ctask *self) {
  (void)self;
  xio_condition_notify(&condition, 1);
}

static void notify_2(ctask *self) {
  (void)self;
  assert_int_equal(xio_condition_notify(&condition, 2), 2);
}

static void notify_all(ctask *self) {
  (void)self;
  xio_condition_notify(&condition, UINT32_MAX);
  assert_true(xio_list_empty(&condition.waiters));
}

#define WAITS CTASK_WAIT(wait_for_notice, .finish = have_the_lock_again)
#define WAITER(n) \
  { CTASK_WAIT(acquire), WAITS, CTASK_NOTE(n), CTASK_CALL(release), CTASK_END }

static const ctask_op waiter_1[] = WAITER(1);
static const ctask_op waiter_2[] = WAITER(2);
static const ctask_op waiter_3[] = WAITER(3);

static void begin(void) {
  begin_world(&world);
  xio_lock_init(&lock);
  xio_condition_init(&condition, &lock);
  limit_ns = 0;
}

static void begin_with_waiters(void) {
  begin();
  ctask_spawn(&world, waiter_1, 1);
  ctask_spawn(&world, waiter_2, 2);
  ctask_spawn(&world, waiter_3, 3);
}

static void end(void) {
  assert_true(xio_list_empty(&condition.waiters));
  assert_true(xio_list_empty(&lock.waiters));
  assert_true(xio_lock_valid(&lock));
  end_world(&world);
}

static void notifies_the_first_ones(void **state) {
  (void)state;
  static const ctask_op notifies[] = {CTASK_PAUSE,
                                      CTASK_WAIT(acquire),
                                      CTASK_CALL(notify_2),
                                      CTASK_NOTE(9),
                                      CTASK_CALL(release),
                                      CTASK_SLEEP(5),
                                      CTASK_WAIT(acquire),
                                      CTASK_NOTE(8),
                                      CTASK_CALL(notify_1),
                                      CTASK_CALL(release),
                                      CTASK_END};
  begin_with_waiters();
  ctask_spawn(&world, notifies, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, 1, 2, 8, 3);
  end();
}

static void notifies_all_in_order(void **state) {
  (void)state;
  static const ctask_op notifies[] = {
      CTASK_PAUSE, CTASK_WAIT(acquire), CTASK_CALL(notify_all),
      CTASK_PAUSE, CTASK_NOTE(9),       CTASK_CALL(release),
      CTASK_END};
  begin_with_waiters();
  ctask_spawn(&world, notifies, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, 1, 2, 3); /* none has gone on before the lock was free */
  end();
}

static void a_notice_is_not_lost_on_a_cancelled_one(void **state) {
  (void)state;
  static const ctask_op notifies[] = {CTASK_PAUSE,          CTASK_WAIT(acquire),
                                      CTASK_CANCEL_TASK(1), CTASK_CALL(notify_2),
                                      CTASK_CALL(release),  CTASK_END};
  static const ctask_op cancelled[] = {CTASK_WAIT(acquire), WAITS, CTASK_NOTE(1),
                                       CTASK_CALL(release), CTASK_END};
  begin();
  ctask_spawn(&world, cancelled, 1);
  ctask_spawn(&world, waiter_2, 0);
  ctask_spawn(&world, waiter_3, 0);
  ctask_spawn(&world, notifies, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  /* the cancelled one had the lock again, and ended with it: it is broken for nobody */
  ASSERT_NOTES(&world, 2, 3);
  assert_int_equal(lock.left_by, 1);
  end();
}

static void cancelled_it_has_the_lock_again(void **state) {
  (void)state;
  static const ctask_op cancels[] = {
      CTASK_PAUSE,    CTASK_WAIT(acquire), CTASK_CANCEL_TASK(1),
      CTASK_SLEEP(5), CTASK_NOTE(9),       CTASK_CALL(release),
      CTASK_END};
  static const ctask_op cancelled[] = {CTASK_WAIT(acquire),
                                       CTASK_TRY(.flags = CTASK_FLAG),
                                       WAITS,
                                       CTASK_NOTE(1),
                                       CTASK_CLOSE,
                                       CTASK_CALL(note_status),
                                       CTASK_CALL(release),
                                       CTASK_END};
  begin();
  ctask_spawn(&world, cancelled, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, (uint32_t)-XIO_ECANCELED);
  assert_int_equal(time_of(&world), 5);
  end();
}

static void once_notified_it_is_not_cancelled(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_PAUSE,
                                     CTASK_WAIT(acquire),
                                     CTASK_CALL(notify_1),
                                     CTASK_CANCEL_TASK(1),
                                     CTASK_SLEEP(5),
                                     CTASK_CALL(release),
                                     CTASK_END};
  begin();
  ctask_spawn(&world, waiter_1, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end();
}

static void limit_ends_the_wait_with_the_lock(void **state) {
  (void)state;
  static const ctask_op tells[] = {CTASK_WAIT(acquire), WAITS, CTASK_CALL(note_status),
                                   CTASK_CALL(release), CTASK_END};
  static const ctask_op holds[] = {CTASK_PAUSE,   CTASK_WAIT(acquire), CTASK_SLEEP(20),
                                   CTASK_NOTE(9), CTASK_CALL(release), CTASK_END};
  begin();
  limit_ns = 10;
  ctask_spawn(&world, tells, 0);
  ctask_spawn(&world, holds, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, (uint32_t)-XIO_ETIMEDOUT);
  assert_int_equal(time_of(&world), 20);
  end();
}

static void no_timer(ctask *self) {
  (void)self;
  assert_int_equal(world.loop->clock.timers.count, 0);
}

static void notified_in_time_the_limit_is_gone(void **state) {
  (void)state;
  static const ctask_op tells[] = {CTASK_WAIT(acquire), WAITS, CTASK_CALL(note_status),
                                   CTASK_CALL(release), CTASK_END};
  static const ctask_op notifies[] = {CTASK_PAUSE,
                                      CTASK_WAIT(acquire),
                                      CTASK_CALL(notify_1),
                                      CTASK_CALL(no_timer),
                                      CTASK_SLEEP(20),
                                      CTASK_CALL(release),
                                      CTASK_END};
  begin();
  limit_ns = 10;
  ctask_spawn(&world, tells, 0);
  ctask_spawn(&world, notifies, 0);
  run_world(&world);
  ASSERT_NOTES(&world, XIO_OK);
  end();
}

static void a_broken_lock_is_told(void **state) {
  (void)state;
  static const ctask_op tells[] = {CTASK_WAIT(acquire), WAITS, CTASK_CALL(note_status),
                                   CTASK_END};
  static const ctask_op leaves[] = {CTASK_PAUSE, CTASK_WAIT(acquire),
                                    CTASK_CALL(notify_1), CTASK_END};
  begin();
  ctask_spawn(&world, tells, 0);
  ctask_spawn(&world, leaves, 0);
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_EOWNERDEAD);
  end();
}

static void closing_the_loop_takes_waiters_out(void **state) {
  (void)state;
  begin_with_waiters();
  step_world(&world);
  assert_int_equal(xio_list_count(&condition.waiters), 3);
  end_world(&world);
  assert_true(xio_list_empty(&condition.waiters));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(notifies_the_first_ones),
      cmocka_unit_test(notifies_all_in_order),
      cmocka_unit_test(a_notice_is_not_lost_on_a_cancelled_one),
      cmocka_unit_test(cancelled_it_has_the_lock_again),
      cmocka_unit_test(once_notified_it_is_not_cancelled),
      cmocka_unit_test(limit_ends_the_wait_with_the_lock),
      cmocka_unit_test(notified_in_time_the_limit_is_gone),
      cmocka_unit_test(a_broken_lock_is_told),
      cmocka_unit_test(closing_the_loop_takes_waiters_out),
  };
  return cmocka_run_group_tests_name("condition", tests, NULL, NULL);
}
