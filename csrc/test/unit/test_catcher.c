/* catcher and hook: queues of signals, who gets them, and dispositions that are put
 * back. */
#include <signal.h>

#include "../../base/signame.h"
#include "../../core/catcher.h"
#include "../support/unit.h"

static ctask_world world;
static xio_catcher *catcher;

static const int usr[] = {SIGUSR1, SIGUSR2};

static void begin(void) {
  begin_world(&world);
  catcher = NULL;
  assert_int_equal(xio_catcher_open(&catcher, world.loop, usr, 2), XIO_OK);
}

static void end(void) {
  if (catcher != NULL) {
    assert_true(xio_catcher_valid(catcher));
    xio_catcher_close(catcher);
    assert_null(catcher);
  }
  end_world(&world);
}

static bool wait_for_it(ctask *self) {
  if (catcher == NULL || xio_catcher_queued(catcher) != 0) return true;
  assert_int_equal(xio_catcher_wait(catcher, &self->core, XIO_NEVER), XIO_OK);
  assert_true(xio_catcher_valid(catcher));
  return false;
}

static void take(ctask *self) {
  bool closed = self->last_status == XIO_ECLOSED;
  world.notes[world.note_count++] = closed ? 0 : (uint32_t)xio_catcher_take(catcher);
}

static const ctask_op reads[] = {CTASK_WAIT(wait_for_it), CTASK_CALL(take),
                                 CTASK_WAIT(wait_for_it), CTASK_CALL(take), CTASK_END};

/* Whether the signal does what it does by default. */
static bool is_default(int signum) {
  struct sigaction action;
  sigaction(signum, NULL, &action);
  return action.sa_handler == SIG_DFL;
}

static void names(void **state) {
  (void)state;
  assert_string_equal(xio_signame_of(SIGTERM), "TERM");
  assert_int_equal(xio_signame_number("USR1"), SIGUSR1);
  assert_int_equal(xio_signame_number("SIGUSR1"), 0);
  assert_null(xio_signame_of(0));
  assert_false(xio_signame_catchable(SIGKILL));
  assert_true(xio_signame_catchable(SIGHUP));
}

static void signals_are_queued_once_and_in_order(void **state) {
  (void)state;
  begin();
  raise(SIGUSR2);
  raise(SIGUSR1);
  raise(SIGUSR2);
  xio_loop_poll(world.loop);
  assert_int_equal(xio_catcher_queued(catcher), 2);
  ctask_spawn(&world, reads, 0);
  run_world(&world);
  ASSERT_NOTES(&world, SIGUSR2, SIGUSR1);
  end();
}

static void reader_is_woken_by_each(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, reads, 0);
  step_world(&world);
  assert_true(xio_catcher_busy(catcher));
  raise(SIGUSR1);
  for (int i = 0; i < 3; i++) step_world(&world);
  raise(SIGUSR2);
  run_world(&world);
  ASSERT_NOTES(&world, SIGUSR1, SIGUSR2);
  end();
}

static void cancelled_reader_leaves_it(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, reads, 1);
  step_world(&world);
  xio_scope_cancel(&world.tasks[1]->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_false(xio_catcher_busy(catcher));
  raise(SIGUSR1);
  xio_loop_poll(world.loop);
  assert_int_equal(xio_catcher_take(catcher), SIGUSR1);
  assert_int_equal(xio_catcher_take(catcher), 0);
  end();
}

static void closing_wakes_the_reader(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, reads, 0);
  step_world(&world);
  xio_catcher_close(catcher);
  assert_null(catcher);
  bool stalled = false;
  xio_loop_step(world.loop, 0, &stalled);
  assert_int_equal(world.note_count, 2);
  assert_int_equal(world.notes[0], 0);
  run_world(&world);
  end();
}

static void dispositions_are_put_back(void **state) {
  (void)state;
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  struct sigaction now;
  sigaction(SIGUSR2, &ignore, NULL);
  begin();
  assert_false(is_default(SIGUSR1));
  assert_true(xio_hook_is_default(SIGUSR1)); /* seen without our own */
  xio_catcher *other = NULL;
  assert_int_equal(xio_catcher_open(&other, world.loop, usr, 1), XIO_OK);
  xio_catcher_close(catcher);
  assert_false(is_default(SIGUSR1));
  xio_catcher_close(other);
  assert_true(is_default(SIGUSR1));
  sigaction(SIGUSR2, NULL, &now);
  assert_true(now.sa_handler == SIG_IGN);
  ignore.sa_handler = SIG_DFL;
  sigaction(SIGUSR2, &ignore, NULL);
  end();
}

static volatile sig_atomic_t seen;

static void see(int signum) {
  seen = signum;
}

static void what_nobody_read_goes_to_who_had_it(void **state) {
  (void)state;
  struct sigaction before;
  struct sigaction ours = {.sa_handler = see};
  sigaction(SIGUSR1, &ours, &before);
  begin();
  seen = 0;
  raise(SIGUSR1); /* libuv has it, and has not told of it */
  xio_catcher_close(catcher);
  assert_int_equal(seen, SIGUSR1);
  end();
  begin();
  seen = 0;
  raise(SIGUSR1);
  assert_int_equal(xio_catcher_queued(catcher), 0);
  assert_int_equal(xio_catcher_untaken(catcher), 1);
  xio_loop_poll(world.loop); /* it is in the queue */
  assert_int_equal(xio_catcher_queued(catcher), 1);
  assert_int_equal(xio_catcher_untaken(catcher), 1);
  xio_catcher *other = NULL;
  assert_int_equal(xio_catcher_open(&other, world.loop, usr, 1), XIO_OK);
  xio_catcher_close(other);
  assert_int_equal(seen, 0);
  xio_loop_close(world.loop); /* closes it, too */
  world.loop = NULL;
  assert_null(catcher);
  assert_int_equal(seen, SIGUSR1);
  sigaction(SIGUSR1, &before, NULL);
  end();
}

static void innermost_loop_gets_it(void **state) {
  (void)state;
  begin();
  ctask_world inner = {0};
  ctask_world_begin(&inner);
  xio_hook_enter(inner.loop, world.loop);
  xio_catcher *within = NULL;
  assert_int_equal(xio_catcher_open(&within, inner.loop, usr, 1), XIO_OK);
  raise(SIGUSR1);
  raise(SIGUSR2); /* the inner one does not want it */
  xio_loop_poll(inner.loop);
  assert_int_equal(xio_catcher_take(within), SIGUSR1);
  xio_hook_leave(inner.loop);
  xio_catcher_close(within);
  assert_null(ctask_world_end(&inner));
  xio_loop_poll(world.loop);
  assert_int_equal(xio_catcher_take(catcher), SIGUSR2);
  assert_int_equal(xio_catcher_take(catcher), 0);
  raise(SIGUSR1); /* it is the outer one's again */
  xio_loop_poll(world.loop);
  assert_int_equal(xio_catcher_take(catcher), SIGUSR1);
  end();
}

static void takes_over_what_ends_the_loop(void **state) {
  (void)state;
  begin();
  xio_signals *signals = NULL;
  xio_catcher *interrupts = NULL;
  static const int signum = SIGINT;
  assert_int_equal(xio_signals_open(&signals, world.loop, 1, true, NULL), XIO_OK);
  assert_int_equal(xio_catcher_open(&interrupts, world.loop, &signum, 1), XIO_OK);
  for (int i = 0; i < 4; i++) raise(SIGINT); /* three do not end the process */
  xio_loop_poll(world.loop);
  assert_int_equal(signals->count, 0);
  assert_int_equal(xio_catcher_queued(interrupts), 1);
  xio_catcher_close(interrupts); /* hands it on */
  assert_int_equal(signals->count, 1);
  assert_int_equal(signals->first, SIGINT);
  raise(SIGTERM);
  xio_loop_poll(world.loop);
  assert_int_equal(signals->count, 2);
  xio_signals_close(signals);
  assert_true(is_default(SIGINT));
  assert_true(is_default(SIGTERM));
  end();
}

static void without_memory_nothing_is_taken(void **state) {
  (void)state;
  begin_world(&world);
  catcher = NULL;
  counting_fail(&world.memory, COUNTING_ONCE, 1);
  assert_int_equal(xio_catcher_open(&catcher, world.loop, usr, 2), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  assert_null(catcher);
  assert_true(is_default(SIGUSR1));
  end();
}

static bool wait_in_vain(ctask *self) {
  assert_int_equal(xio_catcher_wait(catcher, &self->core, XIO_NEVER), XIO_EBUSY);
  return true;
}

static void a_second_reader_is_refused(void **state) {
  (void)state;
  static const ctask_op tries[] = {CTASK_WAIT(wait_in_vain), CTASK_NOTE(7), CTASK_END};
  begin();
  ctask_spawn(&world, reads, 0);
  step_world(&world);
  ctask_spawn(&world, tries, 0);
  step_world(&world);
  ASSERT_NOTES(&world, 7);
  raise(SIGUSR1);
  for (int i = 0; i < 3; i++) step_world(&world);
  raise(SIGUSR2);
  run_world(&world);
  ASSERT_NOTES(&world, 7, SIGUSR1, SIGUSR2);
  end();
}

/* Its task has been told of the signal, and not taken it yet. */
static void closing_before_the_reader_takes_leaves_it_nothing(void **state) {
  (void)state;
  struct sigaction before;
  struct sigaction ours = {.sa_handler = see};
  sigaction(SIGUSR1, &ours, &before);
  begin();
  seen = 0;
  ctask_spawn(&world, reads, 0);
  step_world(&world);
  raise(SIGUSR1);
  xio_loop_poll(world.loop);
  assert_true(xio_catcher_busy(catcher));
  xio_catcher_close(catcher); /* which hands it on */
  assert_int_equal(seen, SIGUSR1);
  sigaction(SIGUSR1, &before, NULL);
  end_world(&world);
}

static void hooks_keep_foreign_handlers(void **state) {
  (void)state;
  struct sigaction before;
  struct sigaction now;
  struct sigaction ours = {.sa_flags = SA_SIGINFO};
  begin();
  sigaction(SIGUSR1, NULL, &before); /* libuv's */
  ours.sa_handler = see;
  sigaction(SIGUSR1, &ours, NULL); /* somebody takes it over meanwhile */
  xio_catcher_close(catcher);
  sigaction(SIGUSR1, NULL, &now);
  assert_true(now.sa_handler == see || now.sa_handler == SIG_DFL);
  ours = (struct sigaction){.sa_handler = SIG_DFL};
  sigaction(SIGUSR1, &ours, NULL);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(names),
      cmocka_unit_test(signals_are_queued_once_and_in_order),
      cmocka_unit_test(reader_is_woken_by_each),
      cmocka_unit_test(cancelled_reader_leaves_it),
      cmocka_unit_test(closing_wakes_the_reader),
      cmocka_unit_test(dispositions_are_put_back),
      cmocka_unit_test(what_nobody_read_goes_to_who_had_it),
      cmocka_unit_test(innermost_loop_gets_it),
      cmocka_unit_test(takes_over_what_ends_the_loop),
      cmocka_unit_test(without_memory_nothing_is_taken),
      cmocka_unit_test(a_second_reader_is_refused),
      cmocka_unit_test(closing_before_the_reader_takes_leaves_it_nothing),
      cmocka_unit_test(hooks_keep_foreign_handlers),
  };
  return cmocka_run_group_tests_name("catcher", tests, NULL, NULL);
}
