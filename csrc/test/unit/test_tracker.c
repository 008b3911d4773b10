/* tracker: counting up and down, waiting for zero, from threads too. */
#include <pthread.h>

#include "../../core/tracker.h"
#include "../support/unit.h"

static ctask_world world;
static xio_tracker *tracker;

static bool await_idle(ctask *self) {
  static const xio_wait_ops ops = {.verb = "idle", .abort = xio_shared_abort};
  int status = xio_shared_await(&tracker->shared, xio_tracker_is_idle, self->world->loop,
                                &self->core, XIO_NEVER, &ops);
  assert_true(status == XIO_OK || status == XIO_EAGAIN);
  return status == XIO_OK;
}

static bool awaited(ctask *self) {
  assert_null(xio_shared_take(&self->core.wait));
  return true;
}

static void one_done(ctask *self) {
  assert_int_equal(xio_tracker_done(tracker, self->world->loop), XIO_OK);
}

static void one_more(ctask *self) {
  (void)self;
  xio_tracker_add(tracker, 1);
}

#define AWAIT CTASK_WAIT(await_idle, .finish = awaited)

static const ctask_op awaits[] = {AWAIT, CTASK_NOTE(1), CTASK_END};

static void begin(void) {
  begin_world(&world);
  tracker = xio_tracker_new();
  assert_non_null(tracker);
}

static void end(void) {
  assert_true(xio_tracker_valid(tracker));
  end_world(&world);
  xio_tracker_unref(tracker);
}

static void idle_needs_no_waiting(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_tracker_done(tracker, NULL), XIO_EINVAL);
  ctask_spawn(&world, awaits, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end();
}

static void woken_at_zero_stays_woken(void **state) {
  (void)state;
  static const ctask_op works[] = {
      CTASK_PAUSE,          CTASK_CALL(one_done), CTASK_NOTE(8), CTASK_CALL(one_done),
      CTASK_CALL(one_more), CTASK_NOTE(9),        CTASK_END};
  begin();
  assert_int_equal(xio_tracker_add(tracker, 2), 2);
  ctask_spawn(&world, awaits, 0);
  ctask_spawn(&world, works, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 8, 9, 1);
  assert_int_equal(xio_tracker_count(tracker), 1);
  end();
}

enum { THREADS = 4, EACH = 2000 };

static void *work(void *unused) {
  (void)unused;
  for (int i = 0; i < EACH; i++) {
    xio_tracker_add(tracker, 1);
    assert_int_equal(xio_tracker_done(tracker, NULL), XIO_OK);
  }
  assert_int_equal(xio_tracker_done(tracker, NULL), XIO_OK); /* for the thread */
  return NULL;
}

static void *block(void *unused) {
  (void)unused;
  xio_blocker *blocker = NULL;
  assert_int_equal(xio_blocker_new(&blocker), XIO_OK);
  assert_int_equal(xio_shared_await_blocking(&tracker->shared, xio_tracker_is_idle,
                                             blocker, XIO_NEVER),
                   XIO_OK);
  xio_blocker_unref(blocker);
  return NULL;
}

static void threads_count_together(void **state) {
  (void)state;
  begin();
  xio_shared_expose(&tracker->shared);
  xio_tracker_add(tracker, THREADS);
  pthread_t threads[THREADS];
  pthread_t blocked;
  pthread_create(&blocked, NULL, block, NULL);
  for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, NULL);
  ctask_spawn(&world, awaits, 0);
  run_world(&world);
  assert_int_equal(xio_tracker_count(tracker), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  pthread_join(blocked, NULL);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(idle_needs_no_waiting),
      cmocka_unit_test(woken_at_zero_stays_woken),
      cmocka_unit_test(threads_count_together),
  };
  return cmocka_run_group_tests_name("tracker", tests, NULL, NULL);
}
