/* sched: turns, batches, the order with and without a seed. */
#include "../support/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static ctask_world world;

static const ctask_op two_pauses[] = {CTASK_NOTE(1), CTASK_PAUSE,   CTASK_NOTE(2),
                                      CTASK_PAUSE,   CTASK_NOTE(3), CTASK_END};

static void turn_takes_what_is_ready_when_it_begins(void **state) {
  (void)state;
  begin_world(&world);
  xio_runqueue *queue = &world.loop->queue;
  assert_int_equal(xio_sched_turn(queue, 64, false), 0);
  for (int i = 0; i < 3; i++) ctask_spawn(&world, two_pauses, 0);
  assert_int_equal(xio_sched_turn(queue, 64, false), 3);
  ASSERT_NOTES(&world, 1, 1, 1);
  assert_int_equal(xio_sched_turn(queue, 64, false), 3);
  ASSERT_NOTES(&world, 1, 1, 1, 2, 2, 2);
  assert_int_equal(xio_sched_turn(queue, 64, false), 3);
  assert_int_equal(xio_sched_turn(queue, 64, false), 0);
  assert_int_equal(queue->resumes, 9);
  assert_null(queue->running);
  end_world(&world);
}

static void unfinished_batch_goes_before_what_came_later(void **state) {
  (void)state;
  static const ctask_op late[] = {CTASK_NOTE(9), CTASK_END};
  begin_world(&world);
  xio_runqueue *queue = &world.loop->queue;
  for (int i = 0; i < 3; i++) ctask_spawn(&world, two_pauses, 0);
  assert_int_equal(xio_sched_turn(queue, 2, false), 2);
  ctask_spawn(&world, late, 0);
  assert_holds(world.loop);
  /* the rest of the batch, no more */
  assert_int_equal(xio_sched_turn(queue, 64, false), 1);
  ASSERT_NOTES(&world, 1, 1, 1);
  assert_int_equal(xio_sched_turn(queue, 64, false), 4);
  ASSERT_NOTES(&world, 1, 1, 1, 2, 2, 9, 2);
  run_world(&world);
  end_world(&world);
}

static void turns_chain_where_no_timer_is_armed(void **state) {
  (void)state;
  static const ctask_op sleeper[] = {CTASK_SLEEP(1000), CTASK_END};
  begin_world(&world);
  xio_runqueue *queue = &world.loop->queue;
  for (int i = 0; i < 3; i++) ctask_spawn(&world, two_pauses, 0);
  assert_int_equal(xio_sched_turn(queue, 4, true), 4);
  ASSERT_NOTES(&world, 1, 1, 1, 2);
  ctask_spawn(&world, sleeper, 0);
  assert_int_equal(xio_sched_turn(queue, 2, true), 2);
  assert_holds(world.loop);
  /* the next turn: it arms a timer, after which the turn ends as any other */
  assert_int_equal(xio_sched_turn(queue, 64, true), 4);
  assert_int_equal(queue->resumes, 10);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 1, 1, 2, 2, 2, 3, 3, 3);
  end_world(&world);
}

static void task_cancelled_in_the_batch_runs_in_its_turn(void **state) {
  (void)state;
  static const ctask_op canceller[] = {CTASK_CANCEL_TASK(1), CTASK_NOTE(1), CTASK_END};
  static const ctask_op victim[] = {CTASK_NOTE(2), CTASK_PAUSE, CTASK_NOTE(99),
                                    CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, canceller, 0);
  ctask_spawn(&world, victim, 1);
  assert_int_equal(xio_sched_turn(&world.loop->queue, 64, false), 2);
  ASSERT_NOTES(&world, 1, 2);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 2);
  end_world(&world);
}

/* The order of 6 tasks with 3 notes each, under `seed`. */
static uint64_t order_of(uint64_t seed) {
  static const ctask_op programs[6][6] = {
#define PROGRAM(n) \
  {CTASK_NOTE(n), CTASK_PAUSE, CTASK_NOTE(n), CTASK_PAUSE, CTASK_NOTE(n), CTASK_END}
      PROGRAM(1), PROGRAM(2), PROGRAM(3), PROGRAM(4), PROGRAM(5), PROGRAM(6)};
  world = (ctask_world){0};
  xio_loop_opts opts = {.virtual_clock = true, .seeded = seed != 0, .seed = seed};
  assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
  world.after_step = check_after_step;
  for (int i = 0; i < 6; i++) ctask_spawn(&world, programs[i], 0);
  uint32_t counts[7] = {0};
  uint64_t order = 0;
  run_world(&world);
  assert_int_equal(world.note_count, 18);
  for (uint32_t i = 0; i < 18; i++) {
    uint32_t n = world.notes[i];
    counts[n]++;
    order = order * 7 + n;
    /* fair under every seed: none is ahead of another by more than one turn */
    for (int j = 1; j <= 6; j++) assert_true(counts[n] <= counts[j] + 1);
  }
  end_world(&world);
  return order;
}

static void seed_decides_the_order_and_stays_fair(void **state) {
  (void)state;
  uint64_t plain = order_of(0);
  assert_int_equal(order_of(0), plain);
  int different = 0;
  for (uint64_t seed = 1; seed <= 50; seed++) {
    uint64_t order = order_of(seed);
    assert_int_equal(order_of(seed), order);
    if (order != plain) different++;
  }
  assert_true(different > 40);
}

static void take_a_turn(ctask *self) {
  xio_sched_turn(&self->world->loop->queue, 1, false);
}

static void turns_never_nest(void **state) {
  (void)state;
  static const ctask_op nester[] = {CTASK_CALL(take_a_turn), CTASK_END};
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGILL, SIG_DFL);
    (void)signal(SIGTRAP, SIG_DFL);
    ctask_world_begin(&world);
    ctask_spawn(&world, nester, 0);
    _exit(ctask_run(&world) == XIO_OK);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(turn_takes_what_is_ready_when_it_begins),
      cmocka_unit_test(unfinished_batch_goes_before_what_came_later),
      cmocka_unit_test(turns_chain_where_no_timer_is_armed),
      cmocka_unit_test(task_cancelled_in_the_batch_runs_in_its_turn),
      cmocka_unit_test(seed_decides_the_order_and_stays_fair),
      cmocka_unit_test(turns_never_nest),
  };
  return cmocka_run_group_tests_name("sched", tests, NULL, NULL);
}
