/* start: who gets the child's failure, and how a cancellation is passed on. */
#include "../support/unit.h"

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

static void returns_when_the_child_has_started(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_SLEEP(5), CTASK_NOTE(1), CTASK_STARTED,
                                   CTASK_SLEEP(5), CTASK_NOTE(3), CTASK_END};
  static const ctask_op caller[] = {CTASK_START(child), CTASK_NOTE(2), CTASK_END};
  begin_world(&world);
  ctask *task = ctask_spawn(&world, caller, 0);
  assert_true(step_world(&world));
  assert_ptr_equal(xio_start_awaited(&task->core), &task->child->core);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  assert_int_equal(time_of(&world), 10);
  end_world(&world);
}

static void child_starts_at_once_beyond_the_limit(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(1), CTASK_STARTED, CTASK_SLEEP(5),
                                   CTASK_END};
  static const ctask_op held[] = {CTASK_NOTE(3), CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.count = 1),
                                  CTASK_SPAWN(forever, .name = 1),
                                  CTASK_START(child),
                                  CTASK_NOTE(2),
                                  CTASK_SPAWN(held),
                                  CTASK_CANCEL_TASK(1),
                                  CTASK_CLOSE,
                                  CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2,
               3); /* the held one only after the started one, which counts */
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void failure_before_is_the_callers_alone(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_SLEEP(1), CTASK_FAIL, CTASK_END};
  static const ctask_op caller[] = {CTASK_GROUP(.name = 1),
                                    CTASK_TRY(),
                                    CTASK_START(child),
                                    CTASK_NOTE(99),
                                    CTASK_CLOSE,
                                    CTASK_PAUSE,
                                    CTASK_NOTE(1),
                                    CTASK_CLOSE,
                                    CTASK_NOTE(2),
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2); /* the group was not cancelled */
  assert_int_equal(world.raised.count, 1);
  end_world(&world);
}

static void failure_after_is_the_groups(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_STARTED, CTASK_FAIL, CTASK_END};
  static const ctask_op caller[] = {
      CTASK_TRY(), CTASK_GROUP(),  CTASK_START(child), CTASK_NOTE(1), CTASK_FOREVER,
      CTASK_CLOSE, CTASK_NOTE(99), CTASK_CLOSE,        CTASK_NOTE(2), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  end_world(&world);
}

static void ending_without_it_is_an_error(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_PAUSE, CTASK_END};
  static const ctask_op caller[] = {CTASK_TRY(), CTASK_START(child), CTASK_NOTE(99),
                                    CTASK_CLOSE, CTASK_NOTE(1),      CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_int_equal(world.raised.count, 1);
  end_world(&world);
}

static int statuses[3];
static int status_count;

static void keep_status(ctask *self) {
  statuses[status_count++] = self->last_status;
}

static void saying_it_twice_or_unasked_is_refused(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_STARTED, CTASK_CALL(keep_status), CTASK_STARTED,
                                   CTASK_CALL(keep_status), CTASK_END};
  static const ctask_op caller[] = {CTASK_STARTED, CTASK_CALL(keep_status),
                                    CTASK_START(child), CTASK_NOTE(1), CTASK_END};
  begin_world(&world);
  status_count = 0;
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  assert_int_equal(statuses[0], XIO_EINVAL);
  assert_int_equal(statuses[1], XIO_OK);
  assert_int_equal(statuses[2], XIO_EINVAL);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void callers_cancellation_reaches_the_child(void **state) {
  (void)state;
  static const ctask_op caller[] = {CTASK_GROUP(.name = 1),
                                    CTASK_SCOPE(.time = 5),
                                    CTASK_START(forever),
                                    CTASK_NOTE(99),
                                    CTASK_CLOSE,
                                    CTASK_NOTE(1),
                                    CTASK_PAUSE,
                                    CTASK_NOTE(2),
                                    CTASK_CLOSE,
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void child_of_a_cancelled_caller_stays_with_it(void **state) {
  (void)state;
  /* it swallows, says that it has started, and fails: the failure is the caller's */
  static const ctask_op child[] = {CTASK_TRY(.flags = CTASK_FLAG),
                                   CTASK_FOREVER,
                                   CTASK_CLOSE,
                                   CTASK_STARTED,
                                   CTASK_NOTE(1),
                                   CTASK_SCOPE(.flags = CTASK_SHIELDED),
                                   CTASK_SLEEP(5),
                                   CTASK_CLOSE,
                                   CTASK_FAIL,
                                   CTASK_END};
  static const ctask_op caller[] = {
      CTASK_GROUP(),  CTASK_TRY(), CTASK_SCOPE(.time = 5), CTASK_START(child),
      CTASK_NOTE(99), CTASK_CLOSE, CTASK_NOTE(98),         CTASK_CLOSE,
      CTASK_NOTE(2),  CTASK_PAUSE, CTASK_NOTE(3),          CTASK_CLOSE,
      CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  assert_int_equal(time_of(&world), 10);
  end_world(&world);
}

static void cancelled_caller_starts_a_child_born_cancelled(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_NOTE(1), CTASK_STARTED, CTASK_PAUSE,
                                   CTASK_NOTE(99), CTASK_END};
  static const ctask_op caller[] = {CTASK_GROUP(),   CTASK_SCOPE(.name = 1),
                                    CTASK_CANCEL(1), CTASK_START(child),
                                    CTASK_NOTE(98),  CTASK_CLOSE,
                                    CTASK_NOTE(2),   CTASK_PAUSE,
                                    CTASK_NOTE(3),   CTASK_CLOSE,
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2, 3);
  end_world(&world);
}

static void child_that_ends_well_under_cancellation_has_started(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_STARTED, CTASK_END};
  static const ctask_op caller[] = {
      CTASK_SCOPE(.name = 1), CTASK_CANCEL(1), CTASK_START(child),
      CTASK_NOTE(1),          CTASK_CLOSE,     CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void group_cancelled_elsewhere_ends_the_start(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(.name = 1), CTASK_FOREVER, CTASK_CLOSE,
                                  CTASK_END};
  static const ctask_op caller[] = {CTASK_TRY(),    CTASK_START(forever, .target = 1),
                                    CTASK_NOTE(99), CTASK_CLOSE,
                                    CTASK_NOTE(1),  CTASK_END};
  static const ctask_op canceller[] = {CTASK_SLEEP(3), CTASK_CANCEL(1), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, caller, 0);
  ctask_spawn(&world, canceller, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1); /* an error: the caller itself is not cancelled */
  end_world(&world);
}

static void group_stays_open_for_a_start_from_elsewhere(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_SLEEP(5), CTASK_STARTED, CTASK_END};
  static const ctask_op host[] = {
      CTASK_GROUP(.name = 1), CTASK_PAUSE, CTASK_PAUSE, CTASK_CLOSE,
      CTASK_NOTE(2),          CTASK_END};
  static const ctask_op caller[] = {CTASK_START(child, .target = 1), CTASK_NOTE(1),
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, caller, 0);
  run_world(&world);
  assert_int_equal(world.note_count, 2);
  assert_int_equal(time_of(&world), 5);
  end_world(&world);
}

static void cancellation_passes_through_a_chain_of_starts(void **state) {
  (void)state;
  static const ctask_op three[] = {CTASK_START(forever), CTASK_END};
  static const ctask_op two[] = {CTASK_START(three), CTASK_END};
  static const ctask_op one[] = {CTASK_START(two), CTASK_END};
  begin_world(&world);
  ctask *first = ctask_spawn(&world, one, 0);
  for (int i = 0; i < 4; i++) step_world(&world);
  assert_int_equal(world.alive, 4);
  xio_scope_cancel(&first->core.own, XIO_SOURCE_CANCEL);
  assert_holds(world.loop);
  run_world(&world);
  assert_int_equal(world.raised.count, 0);
  end_world(&world);
}

/* A chain of tasks that start each other, as long as the stack would not be deep. */
enum { CHAIN = 200000 };

typedef struct chained {
  xio_task task;
  int depth;
} chained;

static chained *chain;
static xio_loop *chain_loop;
static int chain_ended;

static void resume_link(xio_task *task) {
  chained *self = XIO_CONTAINER_OF(task, chained, task);
  bool is_last = self->depth == CHAIN - 1;
  if (task->wait.ops == NULL && !is_last) { /* its first run */
    chained *next = &chain[self->depth + 1];
    xio_start_begin(task, &chain_loop->root, &next->task, false);
  } else if (task->wait.ops == NULL) {
    assert_int_equal(xio_task_sleep(task, XIO_NEVER), XIO_OK);
  } else {
    chain_ended++;
    xio_group_child_ended(task, XIO_OUTCOME_CANCELLED);
  }
}

static void abandon_link(xio_task *task) {
  (void)task;
  chain_ended++;
}

static void make_chain(void) {
  static const xio_task_ops link_ops = {.resume = resume_link, .abandon = abandon_link};
  begin_world(&world);
  chain_loop = world.loop;
  chain_ended = 0;
  chain = xio_alloc_new(&chain_loop->alloc, CHAIN * sizeof *chain);
  assert_non_null(chain);
  for (int i = 0; i < CHAIN; i++) {
    chain[i].depth = i;
    xio_task_init(&chain[i].task, &chain_loop->queue, &link_ops);
  }
  xio_group_spawn(&chain_loop->root, &chain[0].task, (xio_spawn_opts){0});
  assert_int_equal(xio_loop_run(chain_loop), XIO_EDEADLK);
  assert_holds(chain_loop);
}

static void free_chain(void) {
  xio_alloc_free(&world.loop->alloc, chain, CHAIN * sizeof *chain);
}

static void long_chain_needs_no_stack_to_cancel(void **state) {
  (void)state;
  make_chain();
  xio_scope_cancel(&chain[0].task.own, XIO_SOURCE_CANCEL);
  assert_true(chain[CHAIN - 1].task.own.effective);
  assert_holds(chain_loop);
  assert_int_equal(xio_loop_run(chain_loop), XIO_OK);
  assert_int_equal(chain_ended, CHAIN);
  free_chain();
  end_world(&world);
}

static void long_chain_needs_no_stack_to_abandon(void **state) {
  (void)state;
  make_chain();
  xio_allocator alloc = chain_loop->alloc;
  xio_loop_close(chain_loop);
  world.loop = NULL;
  assert_int_equal(chain_ended, CHAIN);
  xio_alloc_free(&alloc, chain, CHAIN * sizeof *chain);
  end_world(&world);
}

/* Both orders in which the two sides of a start can be abandoned: the tree is taken apart
 * from its last scope on. */
static void closing_loop_abandons_the_child_first(void **state) {
  (void)state;
  static const ctask_op caller[] = {CTASK_GROUP(), CTASK_START(forever), CTASK_CLOSE,
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, caller, 0);
  while (world.spawned < 2) step_world(&world);
  end_world(&world);
}

static void closing_loop_abandons_the_caller_first(void **state) {
  (void)state;
  static const ctask_op host[] = {CTASK_GROUP(.name = 1), CTASK_FOREVER, CTASK_CLOSE,
                                  CTASK_END};
  static const ctask_op caller[] = {CTASK_START(forever, .target = 1), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, caller, 0);
  while (world.spawned < 3) step_world(&world);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(returns_when_the_child_has_started),
      cmocka_unit_test(child_starts_at_once_beyond_the_limit),
      cmocka_unit_test(failure_before_is_the_callers_alone),
      cmocka_unit_test(failure_after_is_the_groups),
      cmocka_unit_test(ending_without_it_is_an_error),
      cmocka_unit_test(saying_it_twice_or_unasked_is_refused),
      cmocka_unit_test(callers_cancellation_reaches_the_child),
      cmocka_unit_test(child_of_a_cancelled_caller_stays_with_it),
      cmocka_unit_test(cancelled_caller_starts_a_child_born_cancelled),
      cmocka_unit_test(child_that_ends_well_under_cancellation_has_started),
      cmocka_unit_test(group_cancelled_elsewhere_ends_the_start),
      cmocka_unit_test(group_stays_open_for_a_start_from_elsewhere),
      cmocka_unit_test(cancellation_passes_through_a_chain_of_starts),
      cmocka_unit_test(long_chain_needs_no_stack_to_cancel),
      cmocka_unit_test(long_chain_needs_no_stack_to_abandon),
      cmocka_unit_test(closing_loop_abandons_the_child_first),
      cmocka_unit_test(closing_loop_abandons_the_caller_first),
  };
  return cmocka_run_group_tests_name("start", tests, NULL, NULL);
}
