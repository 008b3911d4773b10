/* wait: parking, completing, withdrawing, time limits; the first that comes decides. */
#include "../support/unit.h"

typedef struct fixture {
  counting memory;
  xio_clock clock;
  xio_runqueue queue;
  xio_wait wait;
  int aborts;
  int settles;
  int forgone;
  int answer; /* of abort */
  xio_waiter *won;
  xio_waiter cases[3];
} fixture;

static fixture *current;

static int abort_counted(xio_wait *wait) {
  current->aborts++;
  if (current->answer == XIO_OK) xio_list_remove(&wait->self.link);
  return current->answer;
}

static void settle(xio_wait *wait, xio_waiter *won) {
  current->settles++;
  current->won = won;
  assert_true(wait->won);
  for (int i = 0; i < 3; i++) xio_list_remove(&current->cases[i].link);
}

static const xio_wait_ops ops = {.verb = "test", .abort = abort_counted};
static const xio_wait_ops ops_of_several = {
    .verb = "several", .abort = abort_counted, .settle = settle};

static void init(fixture *f) {
  *f = (fixture){0};
  current = f;
  xio_clock_init(&f->clock, counting_allocator(&f->memory), true);
  xio_runqueue_init(&f->queue, &f->clock);
  xio_wait_init(&f->wait, &f->queue);
  for (int i = 0; i < 3; i++) {
    f->cases[i].wait = &f->wait;
    xio_list_init(&f->cases[i].link);
  }
}

static void assert_ready(fixture *f, int status) {
  assert_int_equal(f->wait.state, XIO_WAIT_READY);
  assert_int_equal(f->wait.status, status);
  assert_ptr_equal(f->queue.ready.next, &f->wait.self.link);
  assert_ptr_equal(f->queue.ready.prev, &f->wait.self.link);
  assert_int_equal(f->clock.timers.count, 0);
}

/* What the scheduler does before it resumes. */
static void take(fixture *f) {
  xio_list_remove(&f->wait.self.link);
  f->wait.state = XIO_WAIT_IDLE;
}

static void finish(fixture *f) {
  xio_clock_deinit(&f->clock);
  assert_true(counting_clean(&f->memory));
}

static void completes_with_its_status(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(f.wait.state, XIO_WAIT_IDLE);
  xio_wait_park(&f.wait, &ops, &f);
  assert_int_equal(f.wait.state, XIO_WAIT_PARKED);
  assert_ptr_equal(f.wait.source, &f);
  xio_wait_complete(&f.wait, XIO_EOF);
  assert_ready(&f, XIO_EOF);
  assert_false(f.wait.won);
  finish(&f);
}

static void cancellation_withdraws_it(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_list source;
  xio_list_init(&source);
  xio_wait_park(&f.wait, &ops, &source);
  xio_list_push_back(&source, &f.wait.self.link);
  xio_wait_abort(&f.wait);
  assert_true(xio_list_empty(&source));
  assert_ready(&f, XIO_ECANCELED);
  xio_wait_abort(&f.wait); /* too late: harmless */
  assert_int_equal(f.aborts, 1);
  finish(&f);
}

static void completion_before_cancellation_stands(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_wait_park(&f.wait, &ops, NULL);
  xio_wait_complete(&f.wait, XIO_OK);
  xio_wait_abort(&f.wait);
  assert_int_equal(f.aborts, 0);
  assert_ready(&f, XIO_OK);
  finish(&f);
}

static void abort_of_an_idle_wait_is_harmless(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_wait_abort(&f.wait);
  assert_int_equal(f.aborts, 0);
  assert_int_equal(f.wait.state, XIO_WAIT_IDLE);
  finish(&f);
}

static void what_cannot_be_withdrawn_is_asked_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  f.answer = XIO_EBUSY;
  assert_int_equal(xio_wait_limit(&f.wait, 10, XIO_ETIMEDOUT), XIO_OK);
  xio_wait_park(&f.wait, &ops, NULL);
  xio_wait_abort(&f.wait);
  assert_int_equal(f.wait.state, XIO_WAIT_PARKED);
  assert_true(f.wait.aborting);
  xio_wait_abort(&f.wait);
  xio_clock_jump(&f.clock, 10);
  xio_clock_expire(&f.clock); /* its limit finds it told already */
  assert_int_equal(f.aborts, 1);
  xio_wait_complete(&f.wait, XIO_OK); /* it did its work after all */
  assert_ready(&f, XIO_OK);
  take(&f);
  xio_wait_park(&f.wait, &ops, NULL); /* the next wait begins afresh */
  xio_wait_abort(&f.wait);
  assert_int_equal(f.aborts, 2);
  xio_wait_complete(&f.wait, XIO_OK);
  finish(&f);
}

static int forgo_counted(xio_wait *wait) {
  assert_true(wait->won);
  current->forgone++;
  return current->answer;
}

static const xio_wait_ops ops_that_give = {
    .verb = "gives", .abort = abort_counted, .forgo = forgo_counted};

/* Parks the wait in a queue, and completes it from there with `status`. */
static void be_given(fixture *f, int status) {
  xio_list source;
  xio_list_init(&source);
  xio_wait_park(&f->wait, &ops_that_give, &source);
  xio_list_push_back(&source, &f->wait.self.link);
  xio_waiter_complete(xio_waiter_first(&source), status);
}

static void what_was_given_is_handed_on_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  be_given(&f, XIO_OK);
  f.answer = XIO_EBUSY;
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_EBUSY);
  assert_ready(&f, XIO_OK);
  f.answer = XIO_OK;
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK);
  assert_ready(&f, XIO_ECANCELED);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK);
  assert_int_equal(f.forgone, 2);
  finish(&f);
}

static void who_was_given_nothing_forgoes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK); /* idle */
  be_given(&f, XIO_ECLOSED);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK);
  take(&f);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK); /* idle, with a past */
  xio_wait_reschedule(&f.wait, XIO_OK);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK);
  assert_ready(&f, XIO_OK);
  take(&f);
  xio_wait_park(&f.wait, &ops_that_give, NULL);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_OK); /* withdrawn */
  assert_ready(&f, XIO_ECANCELED);
  take(&f);
  f.answer = XIO_EBUSY;
  xio_wait_park(&f.wait, &ops_that_give, NULL);
  assert_int_equal(xio_wait_forgo(&f.wait), XIO_EBUSY);
  xio_wait_complete(&f.wait, XIO_OK);
  assert_int_equal(f.forgone, 0);
  finish(&f);
}

static void limit_ends_it_with_its_own_status(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_wait_limit(&f.wait, 10, XIO_ETIMEDOUT), XIO_OK);
  xio_wait_park(&f.wait, &ops, NULL);
  xio_clock_jump(&f.clock, 9);
  xio_clock_expire(&f.clock);
  assert_int_equal(f.wait.state, XIO_WAIT_PARKED);
  xio_clock_jump(&f.clock, 10);
  xio_clock_expire(&f.clock);
  assert_int_equal(f.aborts, 1);
  assert_ready(&f, XIO_ETIMEDOUT);
  finish(&f);
}

static void limit_on_what_cannot_be_withdrawn_only_asks(void **state) {
  (void)state;
  fixture f;
  init(&f);
  f.answer = XIO_EBUSY;
  assert_int_equal(xio_wait_limit(&f.wait, 1, XIO_ETIMEDOUT), XIO_OK);
  xio_wait_park(&f.wait, &ops, NULL);
  xio_clock_jump(&f.clock, 1);
  xio_clock_expire(&f.clock);
  assert_int_equal(f.wait.state, XIO_WAIT_PARKED);
  xio_wait_abort(&f.wait);
  assert_int_equal(f.aborts, 1);
  xio_wait_complete(&f.wait, XIO_OK);
  assert_ready(&f, XIO_OK);
  finish(&f);
}

static void completion_takes_the_limit_away(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_wait_limit(&f.wait, 10, XIO_ETIMEDOUT), XIO_OK);
  xio_wait_park(&f.wait, &ops, NULL);
  xio_wait_complete(&f.wait, XIO_OK);
  assert_ready(&f, XIO_OK);
  xio_clock_jump(&f.clock, 10);
  assert_int_equal(xio_clock_expire(&f.clock), 0);
  finish(&f);
}

static void limit_may_be_moved_and_taken_away(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_wait_park(&f.wait, &ops, NULL);
  assert_int_equal(xio_wait_limit(&f.wait, 10, XIO_ETIMEDOUT), XIO_OK);
  assert_int_equal(xio_wait_limit(&f.wait, 20, XIO_OK), XIO_OK);
  assert_int_equal(xio_clock_next(&f.clock), 20);
  assert_int_equal(xio_wait_limit(&f.wait, XIO_NEVER, XIO_OK), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0); /* "never" is no limit */
  assert_int_equal(xio_wait_limit(&f.wait, 30, XIO_OK), XIO_OK);
  xio_wait_unlimit(&f.wait);
  assert_int_equal(f.clock.timers.count, 0);
  xio_wait_abort(&f.wait);
  finish(&f);
}

static void limit_without_memory_changes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_wait_limit(&f.wait, 10, XIO_ETIMEDOUT), XIO_ENOMEM);
  assert_int_equal(f.wait.state, XIO_WAIT_IDLE);
  assert_int_equal(f.clock.timers.count + f.clock.timers.reserved, 0);
  finish(&f);
}

static void one_entry_of_several_decides(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_list queues[3];
  xio_wait_park(&f.wait, &ops_of_several, NULL);
  for (int i = 0; i < 3; i++) {
    xio_list_init(&queues[i]);
    xio_list_push_back(&queues[i], &f.cases[i].link);
  }
  assert_ptr_equal(xio_waiter_first(&queues[1]), &f.cases[1]);
  xio_waiter_complete(&f.cases[1], XIO_OK);
  assert_ready(&f, XIO_OK);
  assert_ptr_equal(f.won, &f.cases[1]);
  assert_int_equal(f.settles, 1);
  for (int i = 0; i < 3; i++) assert_null(xio_waiter_first(&queues[i]));
  finish(&f);
}

static void all_in_a_queue_complete_in_order(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_wait waits[3];
  xio_list source;
  xio_list_init(&source);
  for (int i = 0; i < 3; i++) {
    xio_wait_init(&waits[i], &f.queue);
    xio_wait_park(&waits[i], &ops, NULL);
    xio_list_push_back(&source, &waits[i].self.link);
  }
  xio_waiter_complete_all(&source, XIO_ECLOSED);
  assert_true(xio_list_empty(&source));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(waits[i].status, XIO_ECLOSED);
    assert_true(waits[i].won);
    assert_ptr_equal(xio_waiter_first(&f.queue.ready), &waits[i].self);
    xio_list_remove(&waits[i].self.link);
  }
  finish(&f);
}

static void reschedule_makes_ready_at_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_wait_reschedule(&f.wait, XIO_EAGAIN);
  assert_ready(&f, XIO_EAGAIN);
  assert_false(f.wait.won);
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(completes_with_its_status),
      cmocka_unit_test(cancellation_withdraws_it),
      cmocka_unit_test(completion_before_cancellation_stands),
      cmocka_unit_test(abort_of_an_idle_wait_is_harmless),
      cmocka_unit_test(what_cannot_be_withdrawn_is_asked_once),
      cmocka_unit_test(what_was_given_is_handed_on_once),
      cmocka_unit_test(who_was_given_nothing_forgoes_nothing),
      cmocka_unit_test(limit_ends_it_with_its_own_status),
      cmocka_unit_test(limit_on_what_cannot_be_withdrawn_only_asks),
      cmocka_unit_test(completion_takes_the_limit_away),
      cmocka_unit_test(limit_may_be_moved_and_taken_away),
      cmocka_unit_test(limit_without_memory_changes_nothing),
      cmocka_unit_test(one_entry_of_several_decides),
      cmocka_unit_test(all_in_a_queue_complete_in_order),
      cmocka_unit_test(reschedule_makes_ready_at_once),
  };
  return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
