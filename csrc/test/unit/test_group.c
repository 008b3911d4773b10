/* group: joining, failures, cancelling, limits, daemons, late children. */
#include "../support/unit.h"

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
static const ctask_op failing[] = {CTASK_SLEEP(5), CTASK_FAIL, CTASK_END};
static const ctask_op sleeper[] = {CTASK_SLEEP(10), CTASK_NOTE(10), CTASK_END};

static void ends_after_its_children(void **state) {
  (void)state;
  static const ctask_op host[] = {
      CTASK_GROUP(), CTASK_SPAWN(sleeper), CTASK_SPAWN(sleeper),
      CTASK_NOTE(1), CTASK_CLOSE,          CTASK_NOTE(2),
      CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 10, 10, 2);
  assert_int_equal(time_of(&world), 10);
  end_world(&world);
}

static void spawn_runs_nothing_at_once(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(2), CTASK_END};
  static const ctask_op host[] = {CTASK_SPAWN(child), CTASK_SPAWN(child), CTASK_NOTE(1),
                                  CTASK_PAUSE,        CTASK_NOTE(3),      CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 2, 3); /* first in, first out; the next turn */
  end_world(&world);
}

static void failure_cancels_the_rest_and_is_raised(void **state) {
  (void)state;
  static const ctask_op host[] = {
      CTASK_TRY(),          CTASK_GROUP(),  CTASK_SPAWN(failing),
      CTASK_SPAWN(forever), CTASK_FOREVER,  CTASK_NOTE(99),
      CTASK_CLOSE,          CTASK_NOTE(98), CTASK_CLOSE,
      CTASK_NOTE(1),        CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_int_equal(time_of(&world), 5);
  assert_int_equal(world.reported.count, 1);
  end_world(&world);
}

static void failing_body_cancels_its_children(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(), CTASK_SPAWN(forever), CTASK_FAIL,
                                  CTASK_CLOSE,   CTASK_NOTE(99),       CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world); /* its error goes on to the root */
  assert_int_equal(world.note_count, 0);
  assert_int_equal(world.loop->root.failures, 1);
  assert_int_equal(world.loop->root.scope.source, XIO_SOURCE_FAILURE);
  end_world(&world);
}

static xio_group *seen_group;
static uint64_t failed_ids[3];

static void see_group(ctask *self) {
  seen_group = XIO_CONTAINER_OF(self->core.wait.scope, xio_group, scope);
}

static void failures_are_listed_in_order_of_failing(void **state) {
  (void)state;
  static const ctask_op late[] = {CTASK_SCOPE(.flags = CTASK_SHIELDED), CTASK_SLEEP(20),
                                  CTASK_CLOSE, CTASK_FAIL, CTASK_END};
  begin_world(&world);
  ctask *first = ctask_spawn(&world, late, 0);
  ctask *second = ctask_spawn(&world, failing, 0);
  assert_int_equal(xio_loop_run(world.loop), XIO_OK);
  assert_holds(world.loop);
  xio_group *root = &world.loop->root;
  assert_int_equal(root->failures, 2);
  failed_ids[0] = second->core.id;
  failed_ids[1] = first->core.id;
  int n = 0;
  for (xio_list *node = root->failed.next; node != &root->failed; node = node->next) {
    xio_scope *own = XIO_CONTAINER_OF(node, xio_scope, sibling);
    assert_int_equal(xio_task_of_own(own)->id, failed_ids[n++]);
  }
  assert_int_equal(n, 2);
  ctask_collect(&world);
  assert_null(xio_group_take_failed(root));
  end_world(&world);
}

static void cancelled_group_ends_quietly(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(.name = 1), CTASK_SPAWN(forever),
                                  CTASK_CANCEL(1),        CTASK_FOREVER,
                                  CTASK_NOTE(99),         CTASK_CLOSE,
                                  CTASK_NOTE(1),          CTASK_PAUSE,
                                  CTASK_NOTE(2),          CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(world.raised.count, 0);
  end_world(&world);
}

static void outer_cancellation_passes_through(void **state) {
  (void)state;
  static const ctask_op host[] = {
      CTASK_SCOPE(.time = 5), CTASK_GROUP(), CTASK_SPAWN(forever), CTASK_CLOSE,
      CTASK_NOTE(99),         CTASK_CLOSE,   CTASK_NOTE(1),        CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world); /* the child was cut short, so the group raises; the scope catches */
  ASSERT_NOTES(&world, 1);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void child_that_completes_under_cancellation_is_not_cut_short(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_SCOPE(.flags = CTASK_SHIELDED), CTASK_SLEEP(9),
                                   CTASK_CLOSE, CTASK_END};
  static const ctask_op host[] = {
      CTASK_SCOPE(.time = 5), CTASK_GROUP(), CTASK_SPAWN(child), CTASK_CLOSE,
      CTASK_NOTE(1),          CTASK_CLOSE,   CTASK_NOTE(2),      CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(time_of(&world), 9);
  end_world(&world);
}

static void added_to_a_cancelled_group_it_is_born_cancelled(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(1), CTASK_PAUSE, CTASK_NOTE(99), CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.name = 1), CTASK_CANCEL(1),
                                  CTASK_SPAWN(child), CTASK_CLOSE, CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void child_may_be_added_while_the_host_joins(void **state) {
  (void)state;
  static const ctask_op adder[] = {CTASK_SLEEP(3), CTASK_SPAWN(sleeper), CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(), CTASK_SPAWN(adder), CTASK_CLOSE,
                                  CTASK_NOTE(1), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 10, 1);
  assert_int_equal(time_of(&world), 13);
  end_world(&world);
}

static int refusals;

/* Spawns from outside into the group that see_group saw, as long as that has not
 * ended. */
static void spawn_from_outside(ctask *self) {
  (void)self;
  if (seen_group->state == XIO_GROUP_ENDED) refusals++;
}

/* Between the end of the last child and the resume of the host, another task runs. The
 * group must say that it has ended, or what is spawned into it outlives it. */
static void nobody_can_spawn_between_the_last_end_and_the_host(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_SLEEP(5), CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.name = 1), CTASK_CALL(see_group),
                                  CTASK_SPAWN(child),     CTASK_CLOSE,
                                  CTASK_NOTE(2),          CTASK_END};
  static const ctask_op outsider[] = {
      CTASK_SLEEP(1),
      CTASK_SLEEP(4), /* armed after the child's: runs after it */
      CTASK_CALL(spawn_from_outside),
      CTASK_SPAWN(sleeper, .target = 1),
      CTASK_NOTE(1),
      CTASK_END};
  begin_world(&world);
  refusals = 0;
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, outsider, 0);
  run_world(&world);
  assert_int_equal(refusals, 1);
  ASSERT_NOTES(&world, 1, 2);
  end_world(&world);
}

static void nobody_can_spawn_after_an_empty_body(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(.name = 1),
                                  CTASK_CALL(see_group),
                                  CTASK_PAUSE,
                                  CTASK_CLOSE,
                                  CTASK_NOTE(2),
                                  CTASK_END};
  static const ctask_op outsider[] = {CTASK_PAUSE, CTASK_CALL(spawn_from_outside),
                                      CTASK_SPAWN(sleeper, .target = 1), CTASK_NOTE(1),
                                      CTASK_END};
  begin_world(&world);
  refusals = 0;
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, outsider, 0);
  run_world(&world);
  assert_int_equal(refusals, 1);
  ASSERT_NOTES(&world, 1, 2);
  end_world(&world);
}

static void limit_holds_children_back_in_order(void **state) {
  (void)state;
  static const ctask_op one[] = {CTASK_NOTE(1), CTASK_SLEEP(10), CTASK_END};
  static const ctask_op two[] = {CTASK_NOTE(2), CTASK_SLEEP(4), CTASK_END};
  static const ctask_op three[] = {CTASK_NOTE(3), CTASK_SLEEP(4), CTASK_END};
  static const ctask_op four[] = {CTASK_NOTE(4), CTASK_SLEEP(4), CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.count = 2, .name = 1),
                                  CTASK_SPAWN(one),
                                  CTASK_SPAWN(two),
                                  CTASK_SPAWN(three),
                                  CTASK_SPAWN(four),
                                  CTASK_CALL(see_group),
                                  CTASK_CLOSE,
                                  CTASK_NOTE(5),
                                  CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  assert_true(step_world(&world));
  assert_int_equal(seen_group->live, 4);
  assert_int_equal(seen_group->started, 2);
  assert_true(step_world(&world));
  ASSERT_NOTES(&world, 1, 2);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3, 4, 5);
  assert_int_equal(time_of(&world), 12);
  end_world(&world);
}

static void held_children_of_a_cancelled_group_still_run_to_a_checkpoint(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(1), CTASK_FOREVER, CTASK_NOTE(99),
                                   CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.count = 1, .time = 5),
                                  CTASK_SPAWN(child),
                                  CTASK_SPAWN(child),
                                  CTASK_SPAWN(child),
                                  CTASK_CLOSE,
                                  CTASK_NOTE(2),
                                  CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 1, 1, 2);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void held_task_may_be_cancelled_and_joined(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(2), CTASK_PAUSE, CTASK_NOTE(99), CTASK_END};
  static const ctask_op joiner[] = {CTASK_JOIN(2), CTASK_NOTE(3), CTASK_END};
  static const ctask_op host[] = {CTASK_SPAWN(joiner),  CTASK_GROUP(.count = 1),
                                  CTASK_SPAWN(sleeper), CTASK_SPAWN(child, .name = 2),
                                  CTASK_CANCEL_TASK(2), CTASK_NOTE(1),
                                  CTASK_CLOSE,          CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 10, 2, 3);
  end_world(&world);
}

static void daemons_are_cancelled_when_only_they_are_left(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(),
                                  CTASK_SPAWN(forever, .flags = CTASK_DAEMON),
                                  CTASK_SPAWN(forever, .flags = CTASK_DAEMON, .name = 1),
                                  CTASK_SPAWN(sleeper),
                                  CTASK_CLOSE,
                                  CTASK_NOTE(1),
                                  CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  assert_true(step_world(&world));
  assert_int_equal(world.tasks[1]->core.own.source, XIO_SOURCE_NONE);
  run_world(&world);
  ASSERT_NOTES(&world, 10, 1);
  assert_int_equal(time_of(&world), 10);
  end_world(&world);
}

static void daemons_live_as_long_as_the_body(void **state) {
  (void)state;
  static const ctask_op host[] = {
      CTASK_GROUP(),   CTASK_SPAWN(forever, .flags = CTASK_DAEMON, .name = 1),
      CTASK_SLEEP(20), CTASK_CLOSE,
      CTASK_NOTE(1),   CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  assert_true(step_world(&world));
  assert_true(step_world(&world));
  assert_int_equal(world.tasks[1]->core.own.source, XIO_SOURCE_NONE);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_int_equal(time_of(&world), 20);
  end_world(&world);
}

static void daemon_added_when_only_daemons_are_left_is_cancelled(void **state) {
  (void)state;
  static const ctask_op second[] = {CTASK_NOTE(2), CTASK_PAUSE, CTASK_NOTE(99),
                                    CTASK_END};
  static const ctask_op first[] = {CTASK_TRY(.flags = CTASK_FLAG),
                                   CTASK_FOREVER,
                                   CTASK_CLOSE,
                                   CTASK_NOTE(1),
                                   CTASK_SPAWN(second, .flags = CTASK_DAEMON),
                                   CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(),
                                  CTASK_SPAWN(first, .flags = CTASK_DAEMON), CTASK_CLOSE,
                                  CTASK_NOTE(3), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  end_world(&world);
}

static void root_ends_its_daemons_with_the_last_task(void **state) {
  (void)state;
  static const ctask_op main_task[] = {CTASK_SPAWN(forever, .flags = CTASK_DAEMON),
                                       CTASK_SLEEP(5), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, main_task, 0);
  run_world(&world);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void group_without_memory_is_not_opened(void **state) {
  (void)state;
  static const ctask_op host[] = {
      CTASK_TRY(), CTASK_GROUP(.time = 5), CTASK_NOTE(99), CTASK_CLOSE,
      CTASK_CLOSE, CTASK_NOTE(1),          CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  counting_fail(&world.memory, COUNTING_ONCE, 3); /* try, group, and then its deadline */
  run_world(&world);
  assert_int_equal(world.memory.failures, 1);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void close_refuses_while_a_scope_inside_is_open(void **state) {
  (void)state;
  begin_world(&world);
  static const ctask_op host_program[] = {CTASK_FOREVER, CTASK_END};
  ctask *host = ctask_spawn(&world, host_program, 0);
  xio_group group;
  xio_group_init(&group, &world.loop->queue);
  assert_int_equal(xio_group_open(&group, &host->core), XIO_OK);
  assert_holds(world.loop);
  xio_region inner;
  xio_region_init(&inner, XIO_SCOPE_PLAIN);
  assert_int_equal(xio_scope_enter(&inner.scope, &host->core.wait), XIO_OK);
  assert_int_equal(xio_group_close(&group), XIO_EMISNEST);
  assert_int_equal(group.state, XIO_GROUP_OPEN);
  assert_int_equal(xio_scope_leave(&inner.scope), XIO_OK);
  assert_int_equal(xio_group_close(&group), XIO_OK);
  assert_int_equal(group.state, XIO_GROUP_ENDED);
  end_world(&world);
}

static void children_are_found_between_scopes_of_the_body(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(.name = 1),
                                  CTASK_CALL(see_group),
                                  CTASK_SPAWN(forever, .name = 2),
                                  CTASK_SCOPE(),
                                  CTASK_SPAWN(forever, .name = 3),
                                  CTASK_FOREVER,
                                  CTASK_CLOSE,
                                  CTASK_CLOSE,
                                  CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  assert_true(step_world(&world));
  xio_task *first = xio_group_next_child(seen_group, NULL);
  assert_ptr_equal(first, &world.tasks[2]->core);
  xio_task *second = xio_group_next_child(seen_group, first);
  assert_ptr_equal(second, &world.tasks[3]->core);
  assert_null(xio_group_next_child(seen_group, second));
  xio_scope_cancel(&seen_group->scope, XIO_SOURCE_CANCEL);
  run_world(&world);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(ends_after_its_children),
      cmocka_unit_test(spawn_runs_nothing_at_once),
      cmocka_unit_test(failure_cancels_the_rest_and_is_raised),
      cmocka_unit_test(failing_body_cancels_its_children),
      cmocka_unit_test(failures_are_listed_in_order_of_failing),
      cmocka_unit_test(cancelled_group_ends_quietly),
      cmocka_unit_test(outer_cancellation_passes_through),
      cmocka_unit_test(child_that_completes_under_cancellation_is_not_cut_short),
      cmocka_unit_test(added_to_a_cancelled_group_it_is_born_cancelled),
      cmocka_unit_test(child_may_be_added_while_the_host_joins),
      cmocka_unit_test(nobody_can_spawn_between_the_last_end_and_the_host),
      cmocka_unit_test(nobody_can_spawn_after_an_empty_body),
      cmocka_unit_test(limit_holds_children_back_in_order),
      cmocka_unit_test(held_children_of_a_cancelled_group_still_run_to_a_checkpoint),
      cmocka_unit_test(held_task_may_be_cancelled_and_joined),
      cmocka_unit_test(daemons_are_cancelled_when_only_they_are_left),
      cmocka_unit_test(daemons_live_as_long_as_the_body),
      cmocka_unit_test(daemon_added_when_only_daemons_are_left_is_cancelled),
      cmocka_unit_test(root_ends_its_daemons_with_the_last_task),
      cmocka_unit_test(group_without_memory_is_not_opened),
      cmocka_unit_test(close_refuses_while_a_scope_inside_is_open),
      cmocka_unit_test(children_are_found_between_scopes_of_the_body),
  };
  return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
