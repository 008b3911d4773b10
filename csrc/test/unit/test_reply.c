/* reply: settling once, waiting, limits, cancelling, from threads too. */
#include <pthread.h>
#include <stdlib.h>

#include "../../core/reply.h"
#include "../support/unit.h"

static ctask_world world;
static xio_reply *reply;
static int64_t limit_ns;
static atomic_int values; /* that live */

static void *new_value(void) {
  atomic_fetch_add(&values, 1);
  return malloc(1);
}

static void free_value(void *value) {
  atomic_fetch_sub(&values, 1);
  free(value);
}

static bool await_reply(ctask *self) {
  xio_loop *loop = self->world->loop;
  int64_t at = limit_ns == 0 ? XIO_NEVER : xio_clock_after(&loop->clock, limit_ns);
  int status = xio_reply_await(reply, loop, &self->core, at);
  assert_true(status == XIO_OK || status == XIO_EAGAIN);
  return status == XIO_OK;
}

static bool awaited(ctask *self) {
  assert_null(xio_shared_take(&self->core.wait));
  if (self->last_status == XIO_OK) {
    assert_int_not_equal(xio_reply_outcome(reply), XIO_OUTCOME_NONE);
  }
  return true;
}

static void settle_here(ctask *self) {
  assert_true(xio_reply_settle(reply, XIO_OUTCOME_DONE, new_value(), self->world->loop));
}

static void note_status(ctask *self) {
  self->world->notes[self->world->note_count++] = (uint32_t)-self->last_status;
}

#define AWAIT CTASK_WAIT(await_reply, .finish = awaited)

static const ctask_op awaits_1[] = {AWAIT, CTASK_NOTE(1), CTASK_END};
static const ctask_op awaits_2[] = {AWAIT, CTASK_NOTE(2), CTASK_END};
static const ctask_op tells[] = {AWAIT, CTASK_CALL(note_status), CTASK_END};

static void begin(void) {
  begin_world(&world);
  limit_ns = 0;
  reply = xio_reply_new(free_value);
  assert_non_null(reply);
}

static void end(void) {
  assert_true(xio_reply_valid(reply));
  end_world(&world);
  xio_reply_unref(reply);
  assert_int_equal(atomic_load(&values), 0);
}

static void wakes_all_and_stays(void **state) {
  (void)state;
  static const ctask_op settles[] = {CTASK_PAUSE, CTASK_CALL(settle_here), CTASK_END};
  begin();
  ctask_spawn(&world, awaits_1, 0);
  ctask_spawn(&world, awaits_2, 0);
  ctask_spawn(&world, settles, 0);
  run_world(&world);
  ctask_spawn(&world, awaits_1, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 1);
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_DONE);
  assert_non_null(reply->value);
  end();
}

static void first_stands(void **state) {
  (void)state;
  begin();
  void *second = new_value();
  assert_true(xio_reply_settle(reply, XIO_OUTCOME_FAILED, new_value(), NULL));
  assert_false(xio_reply_settle(reply, XIO_OUTCOME_DONE, second, NULL));
  assert_false(xio_reply_cancel(reply, NULL, NULL));
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_FAILED);
  xio_reply_ref(reply);
  xio_reply_unref(reply);
  assert_int_equal(atomic_load(&values), 2);
  free_value(second);
  end();
}

static void limit_and_cancellation_leave_it_alone(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_PAUSE, CTASK_CANCEL_TASK(1), CTASK_END};
  begin();
  limit_ns = 5;
  ctask_spawn(&world, tells, 0);
  ctask_spawn(&world, awaits_2, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ETIMEDOUT);
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_NONE);
  end();
}

/* -- cancelling ---------------------------------------------------------------------- */

static int told, unreferenced;
static void *reason;

static void be_told(xio_canceller *canceller, void *why) {
  (void)canceller;
  told++;
  reason = why;
}

static void count_unref(xio_canceller *canceller) {
  (void)canceller;
  unreferenced++;
}

static xio_canceller canceller = {.cancel = be_told, .unref = count_unref};

static void nobody_to_cancel_settles_it(void **state) {
  (void)state;
  begin();
  assert_true(xio_reply_cancel(reply, new_value(), NULL));
  assert_false(xio_reply_cancel(reply, NULL, NULL));
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_CANCELLED);
  end();
}

static void canceller_is_told_once(void **state) {
  (void)state;
  begin();
  told = unreferenced = 0;
  xio_reply_set_canceller(reply, &canceller);
  assert_true(xio_reply_cancel(reply, new_value(), NULL));
  assert_int_equal(told, 1);
  assert_int_equal(unreferenced, 1);
  free_value(reason);
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_NONE);
  assert_false(xio_reply_cancel(reply, NULL, NULL));
  assert_true(xio_reply_settle(reply, XIO_OUTCOME_DONE, NULL, NULL));
  assert_int_equal(told, 1);
  end();
}

static void canceller_is_let_go(void **state) {
  (void)state;
  for (int settled = 0; settled < 2; settled++) {
    begin();
    unreferenced = 0;
    xio_reply_set_canceller(reply, &canceller);
    if (settled) assert_true(xio_reply_settle(reply, XIO_OUTCOME_DONE, NULL, NULL));
    assert_int_equal(unreferenced, settled);
    end();
    assert_int_equal(unreferenced, 1);
  }
}

static bool await_result(ctask *self) {
  return xio_reply_await_result(reply, self->world->loop, &self->core) == XIO_OK;
}

static void settle_late(ctask *self) {
  assert_int_equal(told, 1);
  xio_reply_break(reply, XIO_ECLOSED, self->world->loop);
}

/* Cancelled, it asks, and is woken by the result. */
static void result_is_awaited_under_cancellation(void **state) {
  (void)state;
  static const ctask_op awaits[] = {CTASK_WAIT(await_result, .finish = awaited),
                                    CTASK_CALL(note_status), CTASK_END};
  static const ctask_op cancels[] = {CTASK_PAUSE, CTASK_CANCEL_TASK(1), CTASK_PAUSE,
                                     CTASK_CALL(settle_late), CTASK_END};
  begin();
  told = unreferenced = 0;
  xio_reply_set_canceller(reply, &canceller);
  ctask_spawn(&world, awaits, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  assert_int_equal(xio_reply_outcome(reply), XIO_OUTCOME_FAILED);
  assert_int_equal(reply->status, XIO_ECLOSED);
  end();
}

static void end_of_the_loop_leaves_it(void **state) {
  (void)state;
  static const ctask_op awaits[] = {CTASK_WAIT(await_result, .finish = awaited),
                                    CTASK_END};
  begin();
  told = unreferenced = 0;
  xio_reply_set_canceller(reply, &canceller);
  ctask_spawn(&world, awaits, 1);
  step_world(&world);
  end_world(&world);
  assert_int_equal(told, 1);
  assert_true(xio_reply_settle(reply, XIO_OUTCOME_DONE, NULL, NULL));
  assert_true(xio_reply_valid(reply));
  xio_reply_unref(reply);
}

/* -- threads ------------------------------------------------------------------------- */

enum { THREADS = 4 };

static atomic_int firsts;

static void *settle_from_thread(void *unused) {
  (void)unused;
  void *value = new_value();
  if (xio_reply_settle(reply, XIO_OUTCOME_DONE, value, NULL)) {
    atomic_fetch_add(&firsts, 1);
  } else {
    free_value(value);
  }
  return NULL;
}

static void *block_in_thread(void *unused) {
  (void)unused;
  xio_blocker *blocker = NULL;
  assert_int_equal(xio_blocker_new(&blocker), XIO_OK);
  assert_int_equal(xio_reply_block(reply, blocker, XIO_NEVER), XIO_OK);
  assert_int_equal(xio_reply_block(reply, blocker, 0), XIO_OK);
  assert_non_null(reply->value);
  xio_blocker_unref(blocker);
  return NULL;
}

static void one_thread_is_first(void **state) {
  (void)state;
  for (int round = 0; round < 50; round++) {
    begin();
    atomic_store(&firsts, 0);
    xio_shared_expose(&reply->shared);
    ctask_spawn(&world, awaits_1, 0);
    pthread_t settlers[THREADS];
    pthread_t blocked;
    assert_int_equal(pthread_create(&blocked, NULL, block_in_thread, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
      pthread_create(&settlers[i], NULL, settle_from_thread, NULL);
    }
    run_world(&world);
    for (int i = 0; i < THREADS; i++) pthread_join(settlers[i], NULL);
    pthread_join(blocked, NULL);
    ASSERT_NOTES(&world, 1);
    assert_int_equal(atomic_load(&firsts), 1);
    end();
  }
}

static void thread_gives_up_in_time(void **state) {
  (void)state;
  begin();
  xio_blocker *blocker = NULL;
  assert_int_equal(xio_blocker_new(&blocker), XIO_OK);
  assert_int_equal(xio_reply_block(reply, blocker, 1000000), XIO_ETIMEDOUT);
  xio_blocker_interrupt(blocker, true);
  assert_int_equal(xio_reply_block(reply, blocker, XIO_NEVER), XIO_ECANCELED);
  xio_blocker_unref(blocker);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(wakes_all_and_stays),
      cmocka_unit_test(first_stands),
      cmocka_unit_test(limit_and_cancellation_leave_it_alone),
      cmocka_unit_test(nobody_to_cancel_settles_it),
      cmocka_unit_test(canceller_is_told_once),
      cmocka_unit_test(canceller_is_let_go),
      cmocka_unit_test(result_is_awaited_under_cancellation),
      cmocka_unit_test(end_of_the_loop_leaves_it),
      cmocka_unit_test(one_thread_is_first),
      cmocka_unit_test(thread_gives_up_in_time),
  };
  return cmocka_run_group_tests_name("reply", tests, NULL, NULL);
}
