/* scope: entering and leaving, cancelling, deadlines, shields and grace, on a host that
 * is no task: a wait record in a tree of scopes. */
#include "../support/unit.h"

typedef struct fixture {
  counting memory;
  xio_clock clock;
  xio_runqueue queue;
  xio_scope root;
  xio_scope own;
  xio_wait host;
  xio_scope scopes[4];
} fixture;

static const xio_wait_ops ops = {.verb = "test", .abort = xio_wait_abort_plain};

static void init(fixture *f) {
  *f = (fixture){0};
  xio_clock_init(&f->clock, counting_allocator(&f->memory), true);
  xio_clock_jump(&f->clock, 1000);
  xio_runqueue_init(&f->queue, &f->clock);
  xio_scope_init(&f->root, XIO_SCOPE_GROUP);
  xio_scope_enter_root(&f->root, &f->queue);
  xio_wait_init(&f->host, &f->queue);
  xio_scope_init(&f->own, XIO_SCOPE_TASK);
  xio_scope_attach(&f->own, &f->root, &f->host);
  for (int i = 0; i < 4; i++) xio_scope_init(&f->scopes[i], XIO_SCOPE_PLAIN);
}

static void enter(fixture *f, int n) {
  assert_int_equal(xio_scope_enter(&f->scopes[n], &f->host), XIO_OK);
}

static void leave(fixture *f, int n) {
  assert_int_equal(xio_scope_leave(&f->scopes[n]), XIO_OK);
}

static void finish(fixture *f) {
  xio_scope_detach(&f->own);
  xio_scope_detach(&f->root);
  assert_int_equal(f->clock.timers.count, 0);
  assert_int_equal(f->clock.timers.reserved, 0);
  xio_clock_deinit(&f->clock);
  assert_true(counting_clean(&f->memory));
}

static void pass(fixture *f, int64_t ns) {
  xio_clock_jump(&f->clock, xio_clock_now(&f->clock) + ns);
  xio_clock_expire(&f->clock);
}

/* Parks the host; it must not be ready. */
static void park(fixture *f) {
  if (f->host.state == XIO_WAIT_READY) {
    xio_list_remove(&f->host.self.link);
    f->host.state = XIO_WAIT_IDLE;
  }
  xio_wait_park(&f->host, &ops, NULL);
}

static bool was_aborted(const fixture *f) {
  return f->host.state == XIO_WAIT_READY && f->host.status == XIO_ECANCELED;
}

static void enters_and_leaves_in_reverse_order(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 4; i++) {
    enter(&f, i);
    assert_ptr_equal(f.host.scope, &f.scopes[i]);
    assert_int_equal(f.scopes[i].depth, i + 1);
  }
  assert_int_equal(xio_scope_leave(&f.scopes[1]), XIO_EMISNEST);
  assert_ptr_equal(f.host.scope, &f.scopes[3]);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  assert_ptr_equal(f.host.scope, &f.own);
  finish(&f);
}

static void is_entered_once_and_left_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_leave(&f.scopes[0]), XIO_EMISNEST); /* before entering */
  enter(&f, 0);
  assert_int_equal(xio_scope_enter(&f.scopes[0], &f.host), XIO_EINVAL);
  leave(&f, 0);
  assert_int_equal(xio_scope_leave(&f.scopes[0]), XIO_EMISNEST);
  assert_int_equal(xio_scope_enter(&f.scopes[0], &f.host), XIO_EINVAL);
  assert_ptr_equal(f.host.scope, &f.own);
  finish(&f);
}

static void cancel_reaches_what_is_inside_only(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  enter(&f, 1);
  enter(&f, 2);
  park(&f);
  assert_true(xio_scope_cancel(&f.scopes[1], XIO_SOURCE_CANCEL));
  assert_true(was_aborted(&f));
  assert_false(f.own.effective);
  assert_false(f.scopes[0].effective);
  assert_true(f.scopes[1].effective);
  assert_true(f.scopes[2].effective);
  assert_ptr_equal(xio_scope_origin(&f.scopes[2]), &f.scopes[1]);
  assert_null(xio_scope_origin(&f.scopes[0]));
  leave(&f, 2);
  leave(&f, 1);
  assert_false(f.host.scope->effective);
  leave(&f, 0);
  finish(&f);
}

static void first_source_stands(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  assert_true(xio_scope_cancel(&f.scopes[0], XIO_SOURCE_SIGNAL));
  assert_false(xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL));
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_SIGNAL);
  leave(&f, 0);
  assert_false(xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL));
  finish(&f);
}

static void cancelled_before_entry_is_effective_from_entry(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_true(xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL));
  enter(&f, 0);
  assert_true(f.scopes[0].effective);
  assert_false(xio_scope_outer_effective(&f.scopes[0]));
  leave(&f, 0);
  finish(&f);
}

static void entered_inside_a_cancelled_one_is_effective(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL);
  enter(&f, 1);
  assert_true(f.scopes[1].effective);
  assert_true(xio_scope_outer_effective(&f.scopes[1]));
  assert_int_equal(f.scopes[1].source, XIO_SOURCE_NONE);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void wait_is_aborted_only_through_the_innermost(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  xio_scope_set_shield(&f.scopes[1], true);
  enter(&f, 1);
  park(&f);
  xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL);
  assert_int_equal(f.host.state, XIO_WAIT_PARKED);
  assert_true(f.scopes[0].effective);
  assert_false(f.scopes[1].effective);
  xio_scope_set_shield(&f.scopes[1], false); /* lifted: at once */
  assert_true(was_aborted(&f));
  assert_true(f.scopes[1].effective);
  xio_scope_set_shield(&f.scopes[1], true); /* and hidden again */
  assert_false(f.scopes[1].effective);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void shield_does_not_hide_its_own_cancel(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_shield(&f.scopes[0], true);
  enter(&f, 0);
  xio_scope_cancel(&f.own, XIO_SOURCE_CANCEL);
  enter(&f, 1);
  assert_false(f.scopes[1].effective);
  xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL);
  assert_true(f.scopes[1].effective);
  assert_ptr_equal(xio_scope_origin(&f.scopes[1]), &f.scopes[0]);
  assert_false(xio_scope_outer_effective(&f.scopes[0]));
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void deadline_cancels_at_its_time(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0); /* acts only while entered */
  enter(&f, 0);
  park(&f);
  pass(&f, 9);
  assert_int_equal(f.host.state, XIO_WAIT_PARKED);
  pass(&f, 1);
  assert_true(was_aborted(&f));
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_DEADLINE);
  leave(&f, 0);
  finish(&f);
}

static void deadline_in_the_past_cancels_on_entry(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1000),
                   XIO_OK); /* now: too late */
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_NONE);
  enter(&f, 0);
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_DEADLINE);
  assert_true(f.scopes[0].effective);
  leave(&f, 0);
  finish(&f);
}

static void deadline_may_be_moved_while_waiting(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  park(&f);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1050), XIO_OK);
  pass(&f, 20);
  assert_int_equal(f.host.state, XIO_WAIT_PARKED);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], XIO_NEVER), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0);
  pass(&f, 100);
  assert_int_equal(f.host.state, XIO_WAIT_PARKED);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1), XIO_OK); /* into the past */
  assert_true(was_aborted(&f));
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_DEADLINE);
  leave(&f, 0);
  finish(&f);
}

static void deadline_ends_with_the_scope(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  enter(&f, 0);
  leave(&f, 0);
  assert_int_equal(f.clock.timers.count, 0);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1001), XIO_OK);
  pass(&f, 100);
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_NONE);
  finish(&f);
}

static void cancelled_scope_has_no_timer(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  enter(&f, 0);
  xio_scope_cancel(&f.scopes[0], XIO_SOURCE_CANCEL);
  assert_int_equal(f.clock.timers.count, 0);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1020), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0);
  pass(&f, 100);
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_CANCEL);
  leave(&f, 0);
  finish(&f);
}

static void no_memory_for_a_deadline_changes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  assert_int_equal(xio_scope_enter(&f.scopes[0], &f.host), XIO_ENOMEM);
  assert_false(f.scopes[0].entered);
  assert_ptr_equal(f.host.scope, &f.own);
  assert_true(xio_list_empty(&f.own.children));
  enter(&f, 1);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[1], 1010), XIO_ENOMEM);
  assert_int_equal(f.scopes[1].deadline_at, XIO_NEVER);
  leave(&f, 1);
  xio_scope_set_grace(&f.scopes[2], 5);
  assert_int_equal(xio_scope_enter(&f.scopes[2], &f.host), XIO_ENOMEM);
  counting_fail(&f.memory, COUNTING_NEVER, 0);
  enter(&f, 0); /* the next try works */
  leave(&f, 0);
  finish(&f);
}

static void nearest_deadline_rules(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_effective_deadline(&f.own), XIO_NEVER);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[0], 1010), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[1], 1020), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.scopes[2], 1030), XIO_OK);
  xio_scope_set_shield(&f.scopes[2], true);
  for (int i = 0; i < 4; i++) enter(&f, i);
  assert_int_equal(xio_scope_effective_deadline(&f.scopes[1]), 1010);
  assert_int_equal(xio_scope_effective_deadline(&f.scopes[3]), 1030);
  xio_scope_set_shield(&f.scopes[2], false);
  assert_int_equal(xio_scope_effective_deadline(&f.scopes[3]), 1010);
  pass(&f, 10);
  assert_int_equal(xio_scope_effective_deadline(&f.scopes[3]), INT64_MIN);
  assert_int_equal(xio_scope_effective_deadline(&f.own), XIO_NEVER);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  finish(&f);
}

static void grace_begins_with_the_cancellation(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_grace(&f.scopes[0], 50);
  enter(&f, 0);
  park(&f);
  pass(&f, 500);
  assert_int_equal(f.clock.timers.count, 0);
  counting_fail(&f.memory, COUNTING_FROM, 1); /* kept for it on entry */
  xio_scope_cancel(&f.root, XIO_SOURCE_SIGNAL);
  pass(&f, 49);
  assert_int_equal(f.host.state, XIO_WAIT_PARKED);
  xio_scope_cancel(&f.own, XIO_SOURCE_CANCEL); /* a second one does not prolong it */
  pass(&f, 1);
  assert_true(was_aborted(&f));
  assert_true(f.scopes[0].effective);
  assert_int_equal(f.scopes[0].source, XIO_SOURCE_NONE);
  leave(&f, 0);
  finish(&f);
}

static void grace_begins_on_entry_where_cancelled_before(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_cancel(&f.root, XIO_SOURCE_SIGNAL);
  xio_scope_set_grace(&f.scopes[0], 50);
  enter(&f, 0);
  assert_false(f.scopes[0].effective);
  assert_int_equal(xio_clock_next(&f.clock), 1050);
  pass(&f, 50);
  assert_true(f.scopes[0].effective);
  leave(&f, 0);
  finish(&f);
}

static void grace_is_behind_an_outer_shield(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_shield(&f.scopes[0], true);
  enter(&f, 0);
  xio_scope_set_grace(&f.scopes[1], 50);
  enter(&f, 1);
  xio_scope_cancel(&f.root, XIO_SOURCE_SIGNAL);
  assert_int_equal(f.clock.timers.count, 0); /* it is not under a cancellation */
  xio_scope_set_shield(&f.scopes[0], false);
  assert_int_equal(f.clock.timers.count, 1);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void shield_with_grace_raised_again_gets_it_again(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_grace(&f.scopes[0], 50);
  enter(&f, 0);
  xio_scope_cancel(&f.root, XIO_SOURCE_SIGNAL);
  pass(&f, 50);
  assert_true(f.scopes[0].effective);
  /* others take all the room that the clock has */
  xio_timer timers[16];
  for (int i = 0; i < 16; i++) {
    xio_timer_init(&timers[i], NULL);
    counting_fail(&f.memory, COUNTING_FROM, 1);
    int status = xio_timer_arm(&f.clock, &timers[i], XIO_NEVER);
    assert_int_equal(status, i < 15 ? XIO_OK : XIO_ENOMEM);
  }
  xio_scope_set_shield(&f.scopes[0], true); /* cannot fail, so it needs no memory */
  assert_false(f.scopes[0].effective);
  pass(&f, 50);
  assert_true(f.scopes[0].effective);
  for (int i = 0; i < 16; i++) xio_timer_disarm(&f.clock, &timers[i]);
  leave(&f, 0);
  finish(&f);
}

static void all_shields_are_lifted_at_once_and_for_later(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_cancel(&f.root, XIO_SOURCE_SIGNAL);
  xio_scope_set_shield(&f.scopes[0], true);
  enter(&f, 0);
  enter(&f, 1); /* not changed itself: the walk must pass through it */
  xio_scope_set_shield(&f.scopes[2], true);
  enter(&f, 2);
  park(&f);
  assert_false(f.scopes[2].effective);
  xio_scope_lift_all(&f.root);
  assert_true(was_aborted(&f));
  for (int i = 0; i < 3; i++) assert_true(f.scopes[i].effective);
  xio_scope_set_shield(&f.scopes[3], true);
  enter(&f, 3);
  assert_true(f.scopes[3].effective);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  finish(&f);
}

static void walk_is_in_preorder(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope second;
  xio_wait host;
  xio_wait_init(&host, &f.queue);
  xio_scope_init(&second, XIO_SCOPE_TASK);
  enter(&f, 0);
  enter(&f, 1);
  xio_scope_attach(&second, &f.root, &host);
  xio_scope *const order[] = {&f.root, &f.own, &f.scopes[0], &f.scopes[1], &second, NULL};
  for (int i = 0; i < 5; i++) {
    assert_ptr_equal(xio_scope_next(&f.root, order[i], true), order[i + 1]);
  }
  assert_ptr_equal(xio_scope_next(&f.root, &f.own, false), &second);
  assert_null(xio_scope_next(&f.own, &f.scopes[1], true)); /* not past the top */
  assert_null(xio_scope_next(&f.own, &f.own, false));
  leave(&f, 1);
  leave(&f, 0);
  xio_scope_detach(&second);
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(enters_and_leaves_in_reverse_order),
      cmocka_unit_test(is_entered_once_and_left_once),
      cmocka_unit_test(cancel_reaches_what_is_inside_only),
      cmocka_unit_test(first_source_stands),
      cmocka_unit_test(cancelled_before_entry_is_effective_from_entry),
      cmocka_unit_test(entered_inside_a_cancelled_one_is_effective),
      cmocka_unit_test(wait_is_aborted_only_through_the_innermost),
      cmocka_unit_test(shield_does_not_hide_its_own_cancel),
      cmocka_unit_test(deadline_cancels_at_its_time),
      cmocka_unit_test(deadline_in_the_past_cancels_on_entry),
      cmocka_unit_test(deadline_may_be_moved_while_waiting),
      cmocka_unit_test(deadline_ends_with_the_scope),
      cmocka_unit_test(cancelled_scope_has_no_timer),
      cmocka_unit_test(no_memory_for_a_deadline_changes_nothing),
      cmocka_unit_test(nearest_deadline_rules),
      cmocka_unit_test(grace_begins_with_the_cancellation),
      cmocka_unit_test(grace_begins_on_entry_where_cancelled_before),
      cmocka_unit_test(grace_is_behind_an_outer_shield),
      cmocka_unit_test(shield_with_grace_raised_again_gets_it_again),
      cmocka_unit_test(all_shields_are_lifted_at_once_and_for_later),
      cmocka_unit_test(walk_is_in_preorder),
  };
  return cmocka_run_group_tests_name("scope", tests, NULL, NULL);
}
