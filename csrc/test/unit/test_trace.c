/* trace: what a tracer is told, in which order; and that nothing is told without one. */
#include "../../core/trace.h"

#include <string.h>

#include "../support/unit.h"

static ctask_world world;

/* Writes what it is told: S3 (spawned), r1 and R1 (running; by a task), p1 (paused), w2
 * (woken), c1 (scope of task 1 cancelled), eN (ended with outcome N), p0 (it is gone). */
static struct {
  xio_tracer tracer;
  char text[512];
} recorder;

static void record(const char *what, uint64_t number) {
  size_t length = strlen(recorder.text);
  (void)snprintf(recorder.text + length, sizeof recorder.text - length, "%s%d ", what,
                 (int)number);
}

static void on_spawned(xio_tracer *tracer, const xio_task *task) {
  assert_ptr_equal(tracer, &recorder.tracer);
  record("S", task->id);
}

static void on_running(xio_tracer *tracer, xio_task *task, bool by_task) {
  (void)tracer;
  assert_ptr_equal(task->wait.queue->running, task);
  record(by_task ? "R" : "r", task->id);
}

static void on_ended(xio_tracer *tracer, const xio_task *task, xio_outcome outcome) {
  (void)tracer;
  (void)task;
  record("e", outcome);
}

static void on_paused(xio_tracer *tracer, xio_task *task) {
  (void)tracer;
  record("p", task != NULL ? task->id : 0);
}

static void on_woken(xio_tracer *tracer, const xio_task *by, const xio_task *task) {
  (void)tracer;
  assert_ptr_equal(by, task->wait.queue->running);
  record("w", task->id);
}

static void on_cancelled(xio_tracer *tracer, const xio_scope *scope) {
  (void)tracer;
  xio_wait *host = xio_scope_host(scope);
  record("c", host != NULL ? xio_task_of(host)->id : 0);
}

static const xio_tracer_ops ops = {.spawned = on_spawned,
                                   .running = on_running,
                                   .ended = on_ended,
                                   .paused = on_paused,
                                   .woken = on_woken,
                                   .cancelled = on_cancelled};

static void begin_traced(void) {
  begin_world(&world);
  recorder.tracer.ops = &ops;
  recorder.text[0] = '\0';
  world.loop->queue.tracer = &recorder.tracer;
}

static void spawns_runs_and_pauses_are_told(void **state) {
  (void)state;
  static const ctask_op child[] = {CTASK_PAUSE, CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(), CTASK_SPAWN(child), CTASK_CLOSE,
                                  CTASK_SLEEP(1), CTASK_END};
  begin_traced();
  ctask_spawn(&world, host, 0);
  run_world(&world);
  assert_string_equal(recorder.text, "S1 r1 S2 p1 R2 p2 r2 e1 w1 p0 R1 p1 r1 e1 p0 ");
  end_world(&world);
}

static void cancellations_are_told_before_what_they_wake(void **state) {
  (void)state;
  static const ctask_op victim[] = {CTASK_FOREVER, CTASK_END};
  static const ctask_op killer[] = {CTASK_CANCEL_TASK(1), CTASK_END};
  begin_traced();
  ctask_spawn(&world, victim, 1);
  ctask_spawn(&world, killer, 0);
  run_world(&world);
  assert_string_equal(recorder.text, "S1 S2 r1 p1 r2 c1 w1 e1 p0 R1 e3 p0 ");
  end_world(&world);
}

static void what_no_task_did_is_by_none(void **state) {
  (void)state;
  static const ctask_op late[] = {CTASK_SCOPE(.time = 5), CTASK_FOREVER, CTASK_CLOSE,
                                  CTASK_END};
  begin_traced();
  ctask_spawn(&world, late, 0);
  run_world(&world);
  assert_string_equal(recorder.text, "S1 r1 p1 c1 r1 e1 p0 ");
  end_world(&world);
}

static void without_a_tracer_the_order_is_the_same(void **state) {
  (void)state;
  static const ctask_op pausing[] = {CTASK_NOTE(1), CTASK_PAUSE,   CTASK_NOTE(3),
                                     CTASK_PAUSE,   CTASK_NOTE(5), CTASK_END};
  static const ctask_op other[] = {CTASK_NOTE(2), CTASK_PAUSE, CTASK_NOTE(4), CTASK_END};
  for (int traced = 0; traced <= 1; traced++) {
    begin_traced();
    if (!traced) world.loop->queue.tracer = NULL;
    ctask_spawn(&world, pausing, 0);
    ctask_spawn(&world, other, 0);
    run_world(&world);
    ASSERT_NOTES(&world, 1, 2, 3, 4, 5);
    assert_int_equal(recorder.text[0] != '\0', traced);
    assert_int_equal(world.loop->queue.resumes, 5);
    end_world(&world);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(spawns_runs_and_pauses_are_told),
      cmocka_unit_test(cancellations_are_told_before_what_they_wake),
      cmocka_unit_test(what_no_task_did_is_by_none),
      cmocka_unit_test(without_a_tracer_the_order_is_the_same),
  };
  return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
