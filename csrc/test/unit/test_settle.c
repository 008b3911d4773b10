/* settle: resumed when all others wait, before time jumps; with a cushion, when they have
 * waited for so long. */
#include "../support/unit.h"

static ctask_world world;

/* A task that settles once and then ends. */
typedef struct settler {
  xio_task task;
  int64_t cushion_ns;
  int64_t at;
  int begun; /* status of xio_settle_begin */
} settler;

static void resume_settler(xio_task *task) {
  settler *self = XIO_CONTAINER_OF(task, settler, task);
  if (task->wait.ops == NULL) {
    self->begun = xio_settle_begin(&world.loop->settlers, task, self->cushion_ns);
    if (self->begun == XIO_OK) return;
  }
  self->at = xio_clock_now(task->wait.queue->clock);
  bool is_cancelled = task->wait.status == XIO_ECANCELED;
  xio_group_child_ended(task, is_cancelled ? XIO_OUTCOME_CANCELLED : XIO_OUTCOME_DONE);
}

static void abandon_settler(xio_task *task) {
  (void)task;
}

static void spawn(settler *self, int64_t cushion_ns) {
  static const xio_task_ops ops = {.resume = resume_settler, .abandon = abandon_settler};
  *self = (settler){.cushion_ns = cushion_ns, .at = -1};
  xio_task_init(&self->task, &world.loop->queue, &ops);
  xio_group_spawn(&world.loop->root, &self->task, (xio_spawn_opts){0});
}

static const ctask_op busy[] = {CTASK_PAUSE,     CTASK_PAUSE,   CTASK_NOTE(1),
                                CTASK_SLEEP(10), CTASK_NOTE(2), CTASK_END};

static void is_resumed_before_time_jumps(void **state) {
  (void)state;
  settler self;
  begin_world(&world);
  spawn(&self, 0);
  ctask_spawn(&world, busy, 0);
  while (self.at < 0) step_world(&world);
  assert_int_equal(self.at, 0);
  ASSERT_NOTES(&world, 1); /* the other went on as far as it could */
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  end_world(&world);
}

static void cushion_begins_anew_when_others_run(void **state) {
  (void)state;
  settler self;
  begin_world(&world);
  spawn(&self, 30);
  ctask_spawn(&world, busy, 0); /* runs again at 10, and is over then */
  run_world(&world);
  assert_int_equal(self.at, 40);
  end_world(&world);
}

static void short_cushion_ends_between_others(void **state) {
  (void)state;
  settler self;
  begin_world(&world);
  spawn(&self, 4);
  ctask_spawn(&world, busy, 0);
  run_world(&world);
  assert_int_equal(self.at, 4);
  end_world(&world);
}

static void cancelled_it_leaves_nothing(void **state) {
  (void)state;
  settler plain;
  settler cushioned;
  begin_world(&world);
  spawn(&plain, 0);
  spawn(&cushioned, 30);
  ctask_spawn(&world, busy, 0);
  xio_sched_turn(&world.loop->queue, 64, false);
  assert_holds(world.loop);
  xio_scope_cancel(&plain.task.own, XIO_SOURCE_CANCEL);
  xio_scope_cancel(&cushioned.task.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(plain.task.outcome, XIO_OUTCOME_CANCELLED);
  assert_int_equal(cushioned.task.outcome, XIO_OUTCOME_CANCELLED);
  assert_true(xio_list_empty(&world.loop->settlers.immediate));
  assert_true(xio_list_empty(&world.loop->settlers.cushioned));
  end_world(&world);
}

static void without_memory_it_is_not_parked(void **state) {
  (void)state;
  settler self;
  begin_world(&world);
  spawn(&self, 30);
  counting_fail(&world.memory, COUNTING_ONCE, 1);
  run_world(&world);
  assert_int_equal(self.begun, XIO_ENOMEM);
  end_world(&world);
}

static void loop_may_be_closed_meanwhile(void **state) {
  (void)state;
  settler plain;
  settler cushioned;
  begin_world(&world);
  spawn(&plain, 0);
  spawn(&cushioned, 30);
  xio_sched_turn(&world.loop->queue, 64, false);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_resumed_before_time_jumps),
      cmocka_unit_test(cushion_begins_anew_when_others_run),
      cmocka_unit_test(short_cushion_ends_between_others),
      cmocka_unit_test(cancelled_it_leaves_nothing),
      cmocka_unit_test(without_memory_it_is_not_parked),
      cmocka_unit_test(loop_may_be_closed_meanwhile),
  };
  return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
