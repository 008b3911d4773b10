/* work: functions in threads: results, withdrawal, stopping, the end of the loop. */
#include <semaphore.h>
#include <stdlib.h>

#include "../../core/work.h"
#include "../support/unit.h"

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

/* -- a work that waits at a gate, and a task that waits for it ----------------------- */

typedef struct probe {
  xio_work work;
  xio_task task;
  sem_t gate;
  sem_t entered;
  atomic_int runs;
  int64_t gives;
  bool stops;   /* where it is unwanted */
  bool watches; /* the task does, instead of waiting */
  int drops;
  int status; /* of the task's wait; NOT_YET */
} probe;

enum { NOT_YET = 1, POOL = 4 };

static int64_t run_probe(xio_work *work) {
  probe *self = XIO_CONTAINER_OF(work, probe, work);
  atomic_fetch_add(&self->runs, 1);
  sem_post(&self->entered);
  sem_wait(&self->gate);
  return self->stops && xio_work_unwanted(work) ? XIO_ECANCELED : self->gives;
}

static void drop_probe(xio_work *work) {
  XIO_CONTAINER_OF(work, probe, work)->drops++;
}

static const xio_work_ops probe_ops = {.run = run_probe, .drop = drop_probe};

static void resume_probe(xio_task *task) {
  probe *self = XIO_CONTAINER_OF(task, probe, task);
  if (self->status == NOT_YET && task->wait.ops == NULL) {
    xio_work_begin(&self->work);
    (self->watches ? xio_work_watch : xio_work_wait)(&self->work, task);
    return;
  }
  self->status = task->wait.status;
  xio_group_child_ended(task, XIO_OUTCOME_DONE);
}

static void abandon_probe(xio_task *task) {
  XIO_CONTAINER_OF(task, probe, task)->status = XIO_ECANCELED;
}

static const xio_task_ops task_ops = {.resume = resume_probe, .abandon = abandon_probe};

static void init_probe(probe *self) {
  *self = (probe){.status = NOT_YET, .gives = 7};
  sem_init(&self->gate, 0, 0);
  sem_init(&self->entered, 0, 0);
  xio_work_init(&self->work, world.loop, &probe_ops);
}

static void start_probe(probe *self) {
  xio_task_init(&self->task, &world.loop->queue, &task_ops);
  xio_group_spawn(&world.loop->root, &self->task, (xio_spawn_opts){0});
}

static void begin_real_world(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
}

/* -- tests --------------------------------------------------------------------------- */

static void result_wakes_who_waits(void **state) {
  (void)state;
  begin_real_world();
  probe one;
  init_probe(&one);
  start_probe(&one);
  step_world(&world);
  assert_int_equal(one.status, NOT_YET);
  assert_int_equal(world.loop->working, 1);
  sem_post(&one.gate);
  run_world(&world);
  assert_int_equal(one.status, XIO_OK);
  assert_int_equal(one.work.result, 7);
  assert_int_equal(world.loop->working, 0);
  assert_int_equal(one.drops, 0);
  xio_work_taken(&one.work);
  end_world(&world);
  assert_int_equal(one.drops, 0);
}

static void record_can_be_used_again(void **state) {
  (void)state;
  begin_real_world();
  probe one;
  init_probe(&one);
  for (int i = 1; i <= 3; i++) {
    one.status = NOT_YET;
    start_probe(&one);
    sem_post(&one.gate);
    run_world(&world);
    assert_int_equal(one.status, XIO_OK);
    assert_int_equal(atomic_load(&one.runs), i);
    xio_work_taken(&one.work);
  }
  end_world(&world);
}

static void what_has_not_begun_is_withdrawn(void **state) {
  (void)state;
  begin_real_world();
  static probe list[POOL + 1];
  for (int i = 0; i <= POOL; i++) {
    init_probe(&list[i]);
    start_probe(&list[i]);
  }
  step_world(&world);
  for (int i = 0; i < POOL; i++) sem_wait(&list[i].entered);
  probe *last = &list[POOL];
  xio_scope_cancel(&last->task.own, XIO_SOURCE_CANCEL);
  step_world(&world);
  assert_int_equal(last->status, XIO_ECANCELED);
  for (int i = 0; i < POOL; i++) sem_post(&list[i].gate);
  run_world(&world);
  while (last->drops == 0) xio_loop_poll(world.loop);
  assert_int_equal(atomic_load(&last->runs), 0);
  for (int i = 0; i < POOL; i++) {
    assert_int_equal(list[i].status, XIO_OK);
    xio_work_taken(&list[i].work);
  }
  assert_int_equal(world.loop->working, 0);
  end_world(&world);
  assert_int_equal(last->drops, 1);
}

static void what_runs_is_awaited(void **state) {
  (void)state;
  for (int stops = 0; stops <= 1; stops++) {
    begin_real_world();
    probe one;
    init_probe(&one);
    one.stops = stops != 0;
    start_probe(&one);
    step_world(&world);
    sem_wait(&one.entered);
    xio_scope_cancel(&one.task.own, XIO_SOURCE_CANCEL);
    step_world(&world);
    assert_int_equal(one.status, NOT_YET);
    assert_true(xio_work_unwanted(&one.work));
    sem_post(&one.gate);
    run_world(&world);
    assert_int_equal(one.status, one.stops ? XIO_ECANCELED : XIO_OK);
    assert_int_equal(one.drops, stops);
    if (!one.stops) xio_work_taken(&one.work);
    end_world(&world);
  }
}

static void what_is_watched_goes_on_alone(void **state) {
  (void)state;
  begin_real_world();
  probe one;
  init_probe(&one);
  one.watches = true;
  start_probe(&one);
  step_world(&world);
  sem_wait(&one.entered);
  xio_scope_cancel(&one.task.own, XIO_SOURCE_CANCEL);
  step_world(&world);
  assert_int_equal(one.status, XIO_ECANCELED);
  assert_false(xio_work_unwanted(&one.work));
  sem_post(&one.gate);
  while (one.drops == 0) xio_loop_poll(world.loop);
  assert_int_equal(one.work.result, 7);
  end_world(&world);
}

static void leaving_wakes_who_waits(void **state) {
  (void)state;
  begin_real_world();
  probe one;
  init_probe(&one);
  xio_work_leave(&one.work, XIO_ECLOSED); /* there is none yet */
  start_probe(&one);
  step_world(&world);
  sem_wait(&one.entered);
  xio_work_leave(&one.work, XIO_ECLOSED);
  step_world(&world);
  assert_int_equal(one.status, XIO_ECLOSED);
  assert_int_equal(one.drops, 0);
  sem_post(&one.gate);
  while (one.drops == 0) xio_loop_poll(world.loop);
  end_world(&world);
  assert_int_equal(one.drops, 1);
}

static void loop_that_closes_waits_and_drops(void **state) {
  (void)state;
  enum { QUEUED, RUNNING, OVER, CASES };
  for (int which = QUEUED; which < CASES; which++) {
    begin_real_world();
    static probe list[POOL + 1];
    int count = which == QUEUED ? POOL + 1 : 1;
    for (int i = 0; i < count; i++) {
      init_probe(&list[i]);
      start_probe(&list[i]);
    }
    ctask_spawn(&world, forever, 0);
    step_world(&world);
    for (int i = 0; i < count && i < POOL; i++) sem_wait(&list[i].entered);
    for (int i = 0; i < count; i++) sem_post(&list[i].gate);
    while (which == OVER && list[0].work.running) xio_loop_poll(world.loop);
    xio_loop_close(world.loop);
    world.loop = NULL;
    for (int i = 0; i < count; i++) {
      assert_int_equal(list[i].drops, 1);
      assert_int_equal(list[i].status, XIO_ECANCELED);
    }
    end_world(&world);
  }
}

static void virtual_time_stands_while_a_thread_works(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_SLEEP(1000), CTASK_END};
  begin_world(&world);
  probe one;
  init_probe(&one);
  start_probe(&one);
  ctask_spawn(&world, sleeper, 0);
  step_world(&world);
  bool stalled = false;
  xio_loop_step(world.loop, 1000000, &stalled);
  assert_false(stalled);
  assert_int_equal(time_of(&world), 0);
  sem_post(&one.gate);
  run_world(&world);
  assert_int_equal(time_of(&world), 1000);
  xio_work_taken(&one.work);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(result_wakes_who_waits),
      cmocka_unit_test(record_can_be_used_again),
      cmocka_unit_test(what_has_not_begun_is_withdrawn),
      cmocka_unit_test(what_runs_is_awaited),
      cmocka_unit_test(what_is_watched_goes_on_alone),
      cmocka_unit_test(leaving_wakes_who_waits),
      cmocka_unit_test(loop_that_closes_waits_and_drops),
      cmocka_unit_test(virtual_time_stands_while_a_thread_works)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
