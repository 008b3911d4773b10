/* loop: running, stepping, deadlock, virtual and real time, renewing, and closing with
 * whatever lives. With libuv and hosts: test_loop_uv.c. */
#include "../support/unit.h"

#define MS INT64_C(1000000)

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
static const ctask_op sleeper[] = {CTASK_SLEEP(10), CTASK_NOTE(1), CTASK_END};

static void begin_real_world(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
}

/* -- opening and running ------------------------------------------------------------- */

static void without_memory_nothing_is_made(void **state) {
  (void)state;
  counting memory = {0};
  xio_loop *loop = NULL;
  xio_loop_opts opts = {.alloc = counting_allocator(&memory)};
  counting_fail(&memory, COUNTING_ONCE, 1);
  assert_int_equal(xio_loop_open(&loop, &opts), XIO_ENOMEM);
  assert_null(loop);
  assert_true(counting_clean(&memory));
}

static void empty_loop_runs_and_closes(void **state) {
  (void)state;
  begin_world(&world);
  run_world(&world);
  bool stalled = true;
  assert_false(xio_loop_step(world.loop, 0, &stalled));
  assert_false(stalled);
  end_world(&world);
}

static void virtual_time_jumps_when_nothing_is_ready(void **state) {
  (void)state;
  static const ctask_op busy[] = {CTASK_PAUSE, CTASK_PAUSE, CTASK_PAUSE, CTASK_END};
  static const ctask_op hour[] = {CTASK_SLEEP(INT64_C(3600000) * MS), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, hour, 0);
  ctask_spawn(&world, busy, 0);
  for (int i = 0; i < 4; i++) {
    assert_true(step_world(&world));
    assert_int_equal(time_of(&world), 0);
  }
  assert_false(step_world(&world));
  assert_int_equal(time_of(&world), INT64_C(3600000) * MS);
  end_world(&world);
}

static void deadlock_is_told_and_can_be_resolved(void **state) {
  (void)state;
  begin_world(&world);
  ctask *task = ctask_spawn(&world, forever, 0);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  assert_holds(world.loop);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  end_world(&world);
}

static void deadline_around_it_is_no_deadlock(void **state) {
  (void)state;
  static const ctask_op waiter[] = {CTASK_SCOPE(.time = 7), CTASK_FOREVER, CTASK_CLOSE,
                                    CTASK_NOTE(1), CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, waiter, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void step_tells_a_stall_and_never_fails(void **state) {
  (void)state;
  begin_world(&world);
  ctask *task = ctask_spawn(&world, forever, 0);
  bool stalled = true;
  assert_true(xio_loop_step(world.loop, 0, &stalled)); /* ran something */
  assert_false(stalled);
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_true(stalled);
  assert_true(
      xio_loop_step(world.loop, XIO_NEVER, &stalled)); /* does not wait for nothing */
  assert_true(stalled);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  assert_false(xio_loop_step(world.loop, XIO_NEVER, &stalled));
  assert_false(stalled);
  end_world(&world);
}

static void timeout_tells_when_to_come_again(void **state) {
  (void)state;
  begin_world(&world);
  assert_int_equal(xio_loop_timeout(world.loop), 0); /* libuv has handles to make known */
  xio_loop_poll(world.loop);
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  ctask *task = ctask_spawn(&world, forever, 0);
  assert_int_equal(xio_loop_timeout(world.loop), 0);
  assert_true(step_world(&world));
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  assert_int_equal(xio_loop_timeout(world.loop), 0);
  run_world(&world);
  ctask_spawn(&world, sleeper, 0);
  assert_true(step_world(&world));
  assert_int_equal(xio_loop_timeout(world.loop), 0); /* virtual time may jump at once */
  end_world(&world);
}

/* -- real time: the subject here ----------------------------------------------------- */

static void real_sleep_is_never_early(void **state) {
  (void)state;
  static const ctask_op program[] = {CTASK_SLEEP(3 * MS + 1), CTASK_SLEEP(1),
                                     CTASK_SLEEP(MS / 2), CTASK_NOTE(1), CTASK_END};
  begin_real_world();
  int64_t before = time_of(&world);
  ctask_spawn(&world, program, 0);
  run_world(&world); /* each sleep checks its own end as well */
  assert_true(time_of(&world) - before >= 3 * MS + 1 + 1 + MS / 2);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void step_waits_as_long_as_it_may(void **state) {
  (void)state;
  static const ctask_op program[] = {CTASK_SLEEP(40 * MS), CTASK_NOTE(1), CTASK_END};
  begin_real_world();
  xio_loop_poll(world.loop);
  ctask_spawn(&world, program, 0);
  assert_true(step_world(&world));
  int64_t timeout = xio_loop_timeout(world.loop);
  assert_true(timeout > 0 && timeout <= 40 * MS);
  bool stalled = true;
  int64_t before = time_of(&world);
  assert_true(xio_loop_step(world.loop, 0, &stalled)); /* polls only */
  assert_false(stalled);
  assert_true(xio_loop_step(world.loop, 2 * MS, &stalled)); /* no longer than this */
  assert_false(stalled);
  assert_true(time_of(&world) - before >= MS);
  assert_int_equal(world.note_count, 0);
  while (xio_loop_step(world.loop, XIO_NEVER, &stalled)) assert_false(stalled);
  assert_true(time_of(&world) - before >= 38 * MS);
  ASSERT_NOTES(&world, 1);
  end_world(&world);
}

static void real_stall_is_told(void **state) {
  (void)state;
  begin_real_world();
  ctask *task = ctask_spawn(&world, forever, 0);
  bool stalled = true;
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_false(stalled);
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_true(stalled);
  assert_true(xio_loop_step(world.loop, XIO_NEVER, &stalled));
  assert_true(stalled);
  assert_int_equal(xio_loop_run(world.loop), XIO_EDEADLK);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  end_world(&world);
}

static void interrupting_returns_between_tasks(void **state) {
  (void)state;
  begin_real_world();
  ctask *task = ctask_spawn(&world, forever, 0);
  xio_loop_interrupt(world.loop);
  assert_int_equal(xio_loop_run(world.loop), XIO_EINTR);
  assert_false(xio_loop_interrupted(world.loop));
  assert_int_equal(xio_loop_run(world.loop), XIO_EDEADLK);
  xio_loop_interrupt(world.loop);
  bool stalled = true;
  assert_true(xio_loop_step(world.loop, XIO_NEVER, &stalled));
  assert_true(xio_loop_interrupted(world.loop));
  assert_false(xio_loop_interrupted(world.loop));
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  end_world(&world);
}

/* -- again, and the end -------------------------------------------------------------- */

static void renewed_root_knows_nothing_of_the_last_run(void **state) {
  (void)state;
  static const ctask_op guarded[] = {CTASK_SCOPE(.flags = CTASK_SHIELDED), CTASK_SLEEP(5),
                                     CTASK_NOTE(2), CTASK_CLOSE, CTASK_END};
  begin_world(&world);
  ctask *first = ctask_spawn(&world, forever, 0);
  uint64_t last_id = first->core.id;
  xio_scope_cancel(&world.loop->root.scope, XIO_SOURCE_SIGNAL);
  xio_scope_lift_all(&world.loop->root.scope);
  run_world(&world);
  for (int i = 0; i < 3; i++) {
    xio_loop_renew(world.loop);
    assert_holds(world.loop);
    assert_false(world.loop->root.scope.effective);
    ctask *task = ctask_spawn(&world, guarded, 0);
    assert_true(task->core.id > last_id);
    last_id = task->core.id;
    assert_true(step_world(&world));
    xio_scope_cancel(&world.loop->root.scope, XIO_SOURCE_SIGNAL);
    run_world(&world); /* shields hold again */
  }
  ASSERT_NOTES(&world, 2, 2, 2);
  end_world(&world);
}

static void closing_abandons_tasks_in_every_state(void **state) {
  (void)state;
  static const ctask_op joiner[] = {CTASK_JOIN(1), CTASK_END};
  static const ctask_op starter[] = {CTASK_START(forever), CTASK_END};
  static const ctask_op failing[] = {CTASK_FAIL, CTASK_END};
  static const ctask_op deep[] = {CTASK_GROUP(.count = 1, .time = 500),
                                  CTASK_SPAWN(forever),
                                  CTASK_SPAWN(forever), /* held */
                                  CTASK_TRY(),
                                  CTASK_SCOPE(.flags = CTASK_GRACE, .time = 5),
                                  CTASK_FOREVER,
                                  CTASK_CLOSE,
                                  CTASK_CLOSE,
                                  CTASK_CLOSE,
                                  CTASK_END};
  static const ctask_op failed[] = {
      CTASK_GROUP(), CTASK_SPAWN(failing), CTASK_SCOPE(.flags = CTASK_SHIELDED),
      CTASK_FOREVER, CTASK_CLOSE,          CTASK_CLOSE,
      CTASK_END};
  static const ctask_op joining[] = {CTASK_GROUP(), CTASK_SPAWN(forever), CTASK_CLOSE,
                                     CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, forever, 1);
  ctask_spawn(&world, joiner, 0);
  ctask_spawn(&world, sleeper, 0);
  ctask_spawn(&world, starter, 0);
  ctask_spawn(&world, deep, 0);
  ctask_spawn(&world, failed, 0);
  ctask_spawn(&world, joining, 0);
  for (int i = 0; i < 3; i++) {
    xio_sched_turn(&world.loop->queue, 64, false);
    assert_holds(world.loop);
  }
  ctask_spawn(&world, sleeper, 0); /* ready, and never run */
  assert_int_equal(world.raised.count, 1);
  end_world(&world); /* its error is reported by the abandoning */
}

static void closing_in_the_middle_of_a_batch_is_fine(void **state) {
  (void)state;
  begin_world(&world);
  for (int i = 0; i < 6; i++) ctask_spawn(&world, sleeper, 0);
  assert_int_equal(xio_sched_turn(&world.loop->queue, 3, false), 3);
  assert_holds(world.loop);
  end_world(&world);
}

/* Tasks in groups in tasks, as deep as this, are taken apart in linear time. */
enum { DEPTH = 100000 };

typedef struct level {
  xio_task task;
  xio_group group;
} level;

static level *levels;
static int abandoned;

static void resume_level(xio_task *task) {
  level *self = XIO_CONTAINER_OF(task, level, task);
  if (self == &levels[DEPTH - 1]) {
    assert_int_equal(xio_task_sleep(task, XIO_NEVER), XIO_OK);
    return;
  }
  xio_group_init(&self->group, task->wait.queue);
  assert_int_equal(xio_group_open(&self->group, task), XIO_OK);
  xio_group_spawn(&self->group, &self[1].task, (xio_spawn_opts){0});
  xio_group_join(&self->group, false);
}

static void abandon_level(xio_task *task) {
  level *self = XIO_CONTAINER_OF(task, level, task);
  abandoned++;
  assert_ptr_equal(self, &levels[DEPTH - abandoned]); /* children first */
}

static void closing_is_linear_in_depth(void **state) {
  (void)state;
  static const xio_task_ops ops = {.resume = resume_level, .abandon = abandon_level};
  begin_world(&world);
  xio_allocator alloc = world.loop->alloc;
  levels = xio_alloc_new(&alloc, DEPTH * sizeof *levels);
  assert_non_null(levels);
  for (int i = 0; i < DEPTH; i++)
    xio_task_init(&levels[i].task, &world.loop->queue, &ops);
  xio_group_spawn(&world.loop->root, &levels[0].task, (xio_spawn_opts){0});
  assert_int_equal(xio_loop_run(world.loop), XIO_EDEADLK);
  assert_holds(world.loop);
  xio_scope_cancel(&world.loop->root.scope,
                   XIO_SOURCE_SIGNAL); /* needs no stack either */
  assert_holds(world.loop);
  abandoned = 0;
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_int_equal(abandoned, DEPTH);
  xio_alloc_free(&alloc, levels, DEPTH * sizeof *levels);
  end_world(&world);
}

/* Waits until it is cancelled, and ends. */
static void resume_daemon(xio_task *task) {
  if (task->wait.ops == NULL) {
    assert_int_equal(xio_task_sleep(task, XIO_NEVER), XIO_OK);
  } else {
    assert_int_equal(task->own.source, XIO_SOURCE_SHUTDOWN);
    assert_int_equal(task->wait.status, XIO_ECANCELED);
    xio_group_child_ended(task, XIO_OUTCOME_CANCELLED);
  }
}

/* The end of each of many daemons looks at no other. */
static void many_daemons_end_in_linear_time(void **state) {
  (void)state;
  enum { MANY = 50000 };
  static const xio_task_ops ops = {.resume = resume_daemon};
  static const ctask_op main_task[] = {CTASK_PAUSE, CTASK_END};
  begin_world(&world);
  world.after_step = NULL;
  ctask_spawn(&world, main_task, 0);
  xio_allocator alloc = world.loop->alloc;
  xio_task *daemons = xio_alloc_new(&alloc, MANY * sizeof *daemons);
  assert_non_null(daemons);
  for (int i = 0; i < MANY; i++) {
    xio_task_init(&daemons[i], &world.loop->queue, &ops);
    xio_group_spawn(&world.loop->root, &daemons[i], (xio_spawn_opts){.daemon = true});
    assert_int_equal(daemons[i].own.source, XIO_SOURCE_NONE);
  }
  run_world(&world);
  for (int i = 0; i < MANY; i++) assert_int_equal(daemons[i].state, XIO_TASK_ENDED);
  xio_alloc_free(&alloc, daemons, MANY * sizeof *daemons);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_memory_nothing_is_made),
      cmocka_unit_test(empty_loop_runs_and_closes),
      cmocka_unit_test(virtual_time_jumps_when_nothing_is_ready),
      cmocka_unit_test(deadlock_is_told_and_can_be_resolved),
      cmocka_unit_test(deadline_around_it_is_no_deadlock),
      cmocka_unit_test(step_tells_a_stall_and_never_fails),
      cmocka_unit_test(timeout_tells_when_to_come_again),
      cmocka_unit_test(real_sleep_is_never_early),
      cmocka_unit_test(step_waits_as_long_as_it_may),
      cmocka_unit_test(real_stall_is_told),
      cmocka_unit_test(interrupting_returns_between_tasks),
      cmocka_unit_test(renewed_root_knows_nothing_of_the_last_run),
      cmocka_unit_test(closing_abandons_tasks_in_every_state),
      cmocka_unit_test(closing_in_the_middle_of_a_batch_is_fine),
      cmocka_unit_test(closing_is_linear_in_depth),
      cmocka_unit_test(many_daemons_end_in_linear_time),
  };
  return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
