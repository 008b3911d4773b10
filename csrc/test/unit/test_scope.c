/* scope: entering and leaving, cancelling, deadlines, shields and grace, on a host that
 * is no task: a wait record in a tree of scopes. */
#include "../support/unit.h"

typedef struct fixture {
  counting memory;
  xio_clock clock;
  xio_runqueue queue;
  xio_region root;
  xio_task task; /* of which only the wait and the scope are used */
  xio_region regions[4];
} fixture;

static const xio_wait_ops ops = {.verb = "test", .abort = xio_wait_abort_plain};

static void init(fixture *f) {
  *f = (fixture){0};
  xio_clock_init(&f->clock, counting_allocator(&f->memory), true);
  xio_clock_jump(&f->clock, 1000);
  xio_runqueue_init(&f->queue, &f->clock);
  xio_region_init(&f->root, XIO_SCOPE_GROUP);
  xio_scope_enter_root(&f->root.scope, &f->queue);
  xio_wait_init(&f->task.wait, &f->queue);
  xio_scope_init(&f->task.own);
  xio_scope_attach(&f->task.own, &f->root.scope);
  for (int i = 0; i < 4; i++) xio_region_init(&f->regions[i], XIO_SCOPE_PLAIN);
}

static void enter(fixture *f, int n) {
  assert_int_equal(xio_scope_enter(&f->regions[n].scope, &f->task.wait), XIO_OK);
}

static void leave(fixture *f, int n) {
  assert_int_equal(xio_scope_leave(&f->regions[n].scope), XIO_OK);
}

static void finish(fixture *f) {
  xio_scope_detach(&f->task.own);
  xio_scope_detach(&f->root.scope);
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
  if (f->task.wait.state == XIO_WAIT_READY) {
    xio_list_remove(&f->task.wait.self.link);
    f->task.wait.state = XIO_WAIT_IDLE;
  }
  xio_wait_park(&f->task.wait, &ops, NULL);
}

static bool was_aborted(const fixture *f) {
  return f->task.wait.state == XIO_WAIT_READY && f->task.wait.status == XIO_ECANCELED;
}

static void enters_and_leaves_in_reverse_order(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 4; i++) {
    enter(&f, i);
    assert_ptr_equal(f.task.wait.scope, &f.regions[i].scope);
    assert_int_equal(f.regions[i].scope.depth, i + 1);
  }
  assert_int_equal(xio_scope_leave(&f.regions[1].scope), XIO_EMISNEST);
  assert_ptr_equal(f.task.wait.scope, &f.regions[3].scope);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  assert_ptr_equal(f.task.wait.scope, &f.task.own);
  finish(&f);
}

static void is_entered_once_and_left_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_leave(&f.regions[0].scope),
                   XIO_EMISNEST); /* before entering */
  enter(&f, 0);
  assert_int_equal(xio_scope_enter(&f.regions[0].scope, &f.task.wait), XIO_EINVAL);
  leave(&f, 0);
  assert_int_equal(xio_scope_leave(&f.regions[0].scope), XIO_EMISNEST);
  assert_int_equal(xio_scope_enter(&f.regions[0].scope, &f.task.wait), XIO_EINVAL);
  assert_ptr_equal(f.task.wait.scope, &f.task.own);
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
  assert_true(xio_scope_cancel(&f.regions[1].scope, XIO_SOURCE_CANCEL));
  assert_true(was_aborted(&f));
  assert_false(f.task.own.effective);
  assert_false(f.regions[0].scope.effective);
  assert_true(f.regions[1].scope.effective);
  assert_true(f.regions[2].scope.effective);
  assert_ptr_equal(xio_scope_origin(&f.regions[2].scope), &f.regions[1].scope);
  assert_null(xio_scope_origin(&f.regions[0].scope));
  leave(&f, 2);
  leave(&f, 1);
  assert_false(f.task.wait.scope->effective);
  leave(&f, 0);
  finish(&f);
}

static void first_source_stands(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  assert_true(xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_SIGNAL));
  assert_false(xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL));
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_SIGNAL);
  leave(&f, 0);
  assert_false(xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL));
  finish(&f);
}

static void cancelled_before_entry_is_effective_from_entry(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_true(xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL));
  enter(&f, 0);
  assert_true(f.regions[0].scope.effective);
  assert_false(xio_scope_outer_effective(&f.regions[0].scope));
  leave(&f, 0);
  finish(&f);
}

static void entered_inside_a_cancelled_one_is_effective(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL);
  enter(&f, 1);
  assert_true(f.regions[1].scope.effective);
  assert_true(xio_scope_outer_effective(&f.regions[1].scope));
  assert_int_equal(f.regions[1].scope.source, XIO_SOURCE_NONE);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void wait_is_aborted_only_through_the_innermost(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  xio_scope_set_shield(&f.regions[1].scope, true);
  enter(&f, 1);
  park(&f);
  xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL);
  assert_int_equal(f.task.wait.state, XIO_WAIT_PARKED);
  assert_true(f.regions[0].scope.effective);
  assert_false(f.regions[1].scope.effective);
  xio_scope_set_shield(&f.regions[1].scope, false); /* lifted: at once */
  assert_true(was_aborted(&f));
  assert_true(f.regions[1].scope.effective);
  xio_scope_set_shield(&f.regions[1].scope, true); /* and hidden again */
  assert_false(f.regions[1].scope.effective);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void shield_does_not_hide_its_own_cancel(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_shield(&f.regions[0].scope, true);
  enter(&f, 0);
  xio_scope_cancel(&f.task.own, XIO_SOURCE_CANCEL);
  enter(&f, 1);
  assert_false(f.regions[1].scope.effective);
  xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL);
  assert_true(f.regions[1].scope.effective);
  assert_ptr_equal(xio_scope_origin(&f.regions[1].scope), &f.regions[0].scope);
  assert_false(xio_scope_outer_effective(&f.regions[0].scope));
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void deadline_cancels_at_its_time(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0); /* acts only while entered */
  enter(&f, 0);
  park(&f);
  pass(&f, 9);
  assert_int_equal(f.task.wait.state, XIO_WAIT_PARKED);
  pass(&f, 1);
  assert_true(was_aborted(&f));
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_DEADLINE);
  leave(&f, 0);
  finish(&f);
}

static void deadline_in_the_past_cancels_on_entry(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1000),
                   XIO_OK); /* now: too late */
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_NONE);
  enter(&f, 0);
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_DEADLINE);
  assert_true(f.regions[0].scope.effective);
  leave(&f, 0);
  finish(&f);
}

static void deadline_may_be_moved_while_waiting(void **state) {
  (void)state;
  fixture f;
  init(&f);
  enter(&f, 0);
  park(&f);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1050), XIO_OK);
  pass(&f, 20);
  assert_int_equal(f.task.wait.state, XIO_WAIT_PARKED);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, XIO_NEVER), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0);
  pass(&f, 100);
  assert_int_equal(f.task.wait.state, XIO_WAIT_PARKED);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1),
                   XIO_OK); /* into the past */
  assert_true(was_aborted(&f));
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_DEADLINE);
  leave(&f, 0);
  finish(&f);
}

static void deadline_ends_with_the_scope(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  enter(&f, 0);
  leave(&f, 0);
  assert_int_equal(f.clock.timers.count, 0);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1001), XIO_OK);
  pass(&f, 100);
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_NONE);
  finish(&f);
}

static void cancelled_scope_has_no_timer(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  enter(&f, 0);
  xio_scope_cancel(&f.regions[0].scope, XIO_SOURCE_CANCEL);
  assert_int_equal(f.clock.timers.count, 0);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1020), XIO_OK);
  assert_int_equal(f.clock.timers.count, 0);
  pass(&f, 100);
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_CANCEL);
  leave(&f, 0);
  finish(&f);
}

static void no_memory_for_a_deadline_changes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  assert_int_equal(xio_scope_enter(&f.regions[0].scope, &f.task.wait), XIO_ENOMEM);
  assert_false(f.regions[0].scope.entered);
  assert_ptr_equal(f.task.wait.scope, &f.task.own);
  assert_null(xio_scope_inner(&f.task.own));
  enter(&f, 1);
  assert_int_equal(xio_scope_set_deadline(&f.regions[1].scope, 1010), XIO_ENOMEM);
  assert_int_equal(f.regions[1].deadline_at, XIO_NEVER);
  leave(&f, 1);
  xio_scope_set_grace(&f.regions[2].scope, 5);
  assert_int_equal(xio_scope_enter(&f.regions[2].scope, &f.task.wait), XIO_ENOMEM);
  counting_fail(&f.memory, COUNTING_NEVER, 0);
  enter(&f, 0); /* the next try works */
  leave(&f, 0);
  finish(&f);
}

static void nearest_deadline_rules(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_scope_effective_deadline(&f.task.own), XIO_NEVER);
  assert_int_equal(xio_scope_set_deadline(&f.regions[0].scope, 1010), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.regions[1].scope, 1020), XIO_OK);
  assert_int_equal(xio_scope_set_deadline(&f.regions[2].scope, 1030), XIO_OK);
  xio_scope_set_shield(&f.regions[2].scope, true);
  for (int i = 0; i < 4; i++) enter(&f, i);
  assert_int_equal(xio_scope_effective_deadline(&f.regions[1].scope), 1010);
  assert_int_equal(xio_scope_effective_deadline(&f.regions[3].scope), 1030);
  xio_scope_set_shield(&f.regions[2].scope, false);
  assert_int_equal(xio_scope_effective_deadline(&f.regions[3].scope), 1010);
  pass(&f, 10);
  assert_int_equal(xio_scope_effective_deadline(&f.regions[3].scope), INT64_MIN);
  assert_int_equal(xio_scope_effective_deadline(&f.task.own), XIO_NEVER);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  finish(&f);
}

static void grace_begins_with_the_cancellation(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_grace(&f.regions[0].scope, 50);
  enter(&f, 0);
  park(&f);
  pass(&f, 500);
  assert_int_equal(f.clock.timers.count, 0);
  counting_fail(&f.memory, COUNTING_FROM, 1); /* kept for it on entry */
  xio_scope_cancel(&f.root.scope, XIO_SOURCE_SIGNAL);
  pass(&f, 49);
  assert_int_equal(f.task.wait.state, XIO_WAIT_PARKED);
  xio_scope_cancel(&f.task.own, XIO_SOURCE_CANCEL); /* a second one does not prolong it */
  pass(&f, 1);
  assert_true(was_aborted(&f));
  assert_true(f.regions[0].scope.effective);
  assert_int_equal(f.regions[0].scope.source, XIO_SOURCE_NONE);
  leave(&f, 0);
  finish(&f);
}

static void grace_begins_on_entry_where_cancelled_before(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_cancel(&f.root.scope, XIO_SOURCE_SIGNAL);
  xio_scope_set_grace(&f.regions[0].scope, 50);
  enter(&f, 0);
  assert_false(f.regions[0].scope.effective);
  assert_int_equal(xio_clock_next(&f.clock), 1050);
  pass(&f, 50);
  assert_true(f.regions[0].scope.effective);
  leave(&f, 0);
  finish(&f);
}

static void grace_is_behind_an_outer_shield(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_shield(&f.regions[0].scope, true);
  enter(&f, 0);
  xio_scope_set_grace(&f.regions[1].scope, 50);
  enter(&f, 1);
  xio_scope_cancel(&f.root.scope, XIO_SOURCE_SIGNAL);
  assert_int_equal(f.clock.timers.count, 0); /* it is not under a cancellation */
  xio_scope_set_shield(&f.regions[0].scope, false);
  assert_int_equal(f.clock.timers.count, 1);
  leave(&f, 1);
  leave(&f, 0);
  finish(&f);
}

static void shield_with_grace_raised_again_gets_it_again(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_set_grace(&f.regions[0].scope, 50);
  enter(&f, 0);
  xio_scope_cancel(&f.root.scope, XIO_SOURCE_SIGNAL);
  pass(&f, 50);
  assert_true(f.regions[0].scope.effective);
  /* others take all the room that the clock has */
  xio_timer timers[16];
  for (int i = 0; i < 16; i++) {
    xio_timer_init_limit(&timers[i]);
    counting_fail(&f.memory, COUNTING_FROM, 1);
    int status = xio_timer_arm(&f.clock, &timers[i], XIO_NEVER);
    assert_int_equal(status, i < 15 ? XIO_OK : XIO_ENOMEM);
  }
  xio_scope_set_shield(&f.regions[0].scope,
                       true); /* cannot fail, so it needs no memory */
  assert_false(f.regions[0].scope.effective);
  pass(&f, 50);
  assert_true(f.regions[0].scope.effective);
  for (int i = 0; i < 16; i++) xio_timer_disarm(&f.clock, &timers[i]);
  leave(&f, 0);
  finish(&f);
}

static void all_shields_are_lifted_at_once_and_for_later(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_scope_cancel(&f.root.scope, XIO_SOURCE_SIGNAL);
  xio_scope_set_shield(&f.regions[0].scope, true);
  enter(&f, 0);
  enter(&f, 1); /* not changed itself: the walk must pass through it */
  xio_scope_set_shield(&f.regions[2].scope, true);
  enter(&f, 2);
  park(&f);
  assert_false(f.regions[2].scope.effective);
  xio_scope_lift_all(&f.root.scope);
  assert_true(was_aborted(&f));
  for (int i = 0; i < 3; i++) assert_true(f.regions[i].scope.effective);
  xio_scope_set_shield(&f.regions[3].scope, true);
  enter(&f, 3);
  assert_true(f.regions[3].scope.effective);
  for (int i = 3; i >= 0; i--) leave(&f, i);
  finish(&f);
}

static void walk_is_in_preorder(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_task other;
  xio_wait_init(&other.wait, &f.queue);
  xio_scope_init(&other.own);
  enter(&f, 0);
  enter(&f, 1);
  xio_scope_attach(&other.own, &f.root.scope);
  xio_scope *const order[] = {&f.root.scope,       &f.task.own, &f.regions[0].scope,
                              &f.regions[1].scope, &other.own,  NULL};
  for (int i = 0; i < 5; i++) {
    assert_ptr_equal(xio_scope_next(&f.root.scope, order[i], true), order[i + 1]);
  }
  assert_ptr_equal(xio_scope_next(&f.root.scope, &f.task.own, false), &other.own);
  assert_null(
      xio_scope_next(&f.task.own, &f.regions[1].scope, true)); /* not past the top */
  assert_null(xio_scope_next(&f.task.own, &f.task.own, false));
  leave(&f, 1);
  leave(&f, 0);
  xio_scope_detach(&other.own);
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
