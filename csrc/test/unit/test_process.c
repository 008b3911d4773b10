/* process: exits, ends of groups, cancellation, what is left when memory or descriptors
 * are out. Real time passes, some milliseconds of it. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../core/process.h"
#include "../faults/wrap.h"
#include "../support/unit.h"

#define MS INT64_C(1000000)

static ctask_world world;
static xio_process *process;
static int64_t limit_ns; /* of waits; 0: none */
static int64_t grace_ns;
static int end_signal;

static void begin(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  limit_ns = grace_ns = 0;
  end_signal = SIGTERM;
  process = NULL;
}

/* Starts `sh -c script`; what the tests look at is its exit. */
static int start(const char *script, bool session) {
  char *args[] = {strdup("sh"), strdup("-c"), strdup(script), NULL};
  char *env[] = {strdup("PATH=/usr/bin:/bin"), NULL};
  const int fds[] = {XIO_LAUNCH_NULL, 1, 2};
  xio_launch_opts opts = {.file = "sh",
                          .path = "/nowhere:/usr/bin:/bin",
                          .args = args,
                          .env = env,
                          .fds = fds,
                          .fd_count = 3,
                          .session = session};
  int status = xio_process_spawn(&process, world.loop, &opts);
  for (int i = 0; i < 3; i++) free(args[i]);
  free(env[0]);
  return status;
}

static void start_sh(const char *script) {
  begin();
  assert_int_equal(start(script, true), XIO_OK);
  assert_true(xio_process_valid(process));
}

static void end(void) {
  if (process != NULL) xio_process_release(process, true);
  end_world(&world);
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* neither child nor zombie */
  assert_int_equal(errno, ECHILD);
}

static bool wait_for_it(ctask *self) {
  if (xio_process_exited(process) != NULL) return true;
  int64_t at = limit_ns == 0 ? XIO_NEVER : xio_clock_after(&world.loop->clock, limit_ns);
  assert_int_equal(xio_process_wait(process, &self->core, at), XIO_OK);
  assert_true(xio_process_valid(process));
  return false;
}

static bool end_it(ctask *self) {
  if (!xio_process_lives(process)) return true;
  xio_process_end(process, &self->core, end_signal, grace_ns);
  assert_true(xio_process_valid(process));
  return false;
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

static const ctask_op waits[] = {CTASK_WAIT(wait_for_it), CTASK_NOTE(1), CTASK_END};
static const ctask_op waits_and_tells[] = {CTASK_WAIT(wait_for_it),
                                           CTASK_CALL(note_status), CTASK_END};
static const ctask_op ends[] = {CTASK_WAIT(end_it), CTASK_CALL(note_status), CTASK_END};

/* The exit as one number: the code, or 1000 and the signal. */
static int exit_of(void) {
  const xio_process_exit *exit = xio_process_exited(process);
  assert_non_null(exit);
  assert_false(exit->lost);
  return exit->signum != 0 ? 1000 + exit->signum : exit->code;
}

static void exit_wakes_all_who_wait(void **state) {
  (void)state;
  start_sh("exit 7");
  ctask_spawn(&world, waits, 0);
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1, 1);
  assert_int_equal(exit_of(), 7);
  assert_int_equal(xio_process_kill(process, SIGTERM), -ESRCH);
  assert_false(xio_process_lives(process));
  end();
}

static void signal_that_ended_it_is_told(void **state) {
  (void)state;
  start_sh("sleep 50");
  ctask_spawn(&world, waits, 0);
  step_world(&world);
  assert_int_equal(xio_process_kill(process, SIGUSR1), XIO_OK);
  run_world(&world);
  assert_int_equal(exit_of(), 1000 + SIGUSR1);
  end();
}

static void child_of_others_is_adopted(void **state) {
  (void)state;
  begin();
  pid_t pid = fork();
  assert_int_not_equal(pid, -1);
  if (pid == 0) {
    (void)usleep(20 * 1000);
    _exit(9);
  }
  assert_int_equal(xio_process_adopt(&process, world.loop, pid), XIO_OK);
  assert_int_equal(xio_process_pid(process), pid);
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  assert_int_equal(exit_of(), 9);
  xio_process *first = process;
  assert_int_not_equal(xio_process_adopt(&process, world.loop, pid), XIO_OK);
  assert_ptr_equal(process, first); /* what is no child any more is refused */
  end();
}

static void limit_and_cancellation_leave_it_alone(void **state) {
  (void)state;
  start_sh("exec sleep 50");
  limit_ns = 2 * MS;
  ctask_spawn(&world, waits_and_tells, 0);
  run_world(&world);
  ASSERT_NOTES(&world, ETIMEDOUT);
  limit_ns = 0;
  ctask_spawn(&world, waits, 1);
  step_world(&world);
  xio_scope_cancel(world.scopes[1] != NULL ? world.scopes[1] : &world.tasks[1]->core.own,
                   XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(world.note_count, 1);
  assert_null(xio_process_exited(process));
  assert_true(xio_process_valid(process));
  end();
}

static void is_reaped_where_nobody_waits(void **state) {
  (void)state;
  start_sh("exit 0");
  static const ctask_op sleeps[] = {CTASK_SLEEP(2 * MS), CTASK_END};
  for (int i = 0; i < 500 && xio_process_exited(process) == NULL; i++) {
    ctask_spawn(&world, sleeps, 0);
    run_world(&world);
  }
  assert_int_equal(exit_of(), 0);
  end();
}

static void virtual_clock_stands_still(void **state) {
  (void)state;
  begin_world(&world);
  process = NULL;
  assert_int_equal(start("sleep 0.02", true), XIO_OK);
  limit_ns = 1;
  ctask_spawn(&world, waits_and_tells, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  assert_int_equal(time_of(&world), 0);
  end();
}

static void end_reaches_the_group(void **state) {
  (void)state;
  start_sh("sleep 50 & sleep 50 & wait");
  grace_ns = 3000 * MS;
  ctask_spawn(&world, ends, 0);
  int64_t before = time_of(&world);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  assert_int_equal(exit_of(), 1000 + SIGTERM);
  assert_true(time_of(&world) - before < 2000 * MS);
  assert_false(xio_process_lives(process));
  end();
}

static void what_does_not_obey_is_killed_after_the_grace(void **state) {
  (void)state;
  start_sh("trap '' TERM INT; while :; do sleep 0.01; done");
  static const ctask_op sleeps[] = {CTASK_SLEEP(30 * MS), CTASK_END};
  ctask_spawn(&world, sleeps, 0); /* the trap is set by then */
  run_world(&world);
  grace_ns = 20 * MS;
  end_signal = SIGINT;
  ctask_spawn(&world, ends, 0);
  int64_t before = time_of(&world);
  run_world(&world);
  assert_int_equal(exit_of(), 1000 + SIGKILL);
  assert_true(time_of(&world) - before >= 15 * MS);
  end();
}

static void cancelled_end_does_not_wait_for_the_grace(void **state) {
  (void)state;
  start_sh("trap '' TERM; while :; do sleep 0.01; done");
  static const ctask_op sleeps[] = {CTASK_SLEEP(30 * MS), CTASK_END};
  ctask_spawn(&world, sleeps, 0);
  run_world(&world);
  grace_ns = 50000 * MS;
  ctask_spawn(&world, ends, 1);
  ctask_spawn(&world, ends, 2); /* joins the first */
  step_world(&world);
  xio_scope_cancel(&world.tasks[1]->core.own, XIO_SOURCE_CANCEL);
  int64_t before = time_of(&world);
  run_world(&world);
  assert_true(time_of(&world) - before < 3000 * MS);
  ASSERT_NOTES(&world, 0, 0); /* both have ended it: that is no cancellation */
  assert_int_equal(exit_of(), 1000 + SIGKILL);
  end();
}

static void without_a_session_it_is_ended_alone(void **state) {
  (void)state;
  begin();
  assert_int_equal(start("exec sleep 50", false), XIO_OK);
  grace_ns = 3000 * MS;
  ctask_spawn(&world, ends, 0);
  run_world(&world); /* we are of its group, and live */
  assert_int_equal(exit_of(), 1000 + SIGTERM);
  end();
}

static void release_kills_and_the_loop_reaps(void **state) {
  (void)state;
  start_sh("sleep 50 & wait");
  ctask_spawn(&world, waits, 0);
  step_world(&world);
  xio_scope_cancel(&world.loop->root.scope, XIO_SOURCE_CANCEL);
  run_world(&world);
  end();
}

static void end_of_the_loop_ends_it(void **state) {
  (void)state;
  start_sh("trap '' TERM; while :; do sleep 1; done");
  ctask_spawn(&world, ends, 0); /* is abandoned in the middle */
  ctask_spawn(&world, waits, 0);
  grace_ns = 50000 * MS;
  step_world(&world);
  xio_process *kept = process;
  assert_non_null(kept);
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_null(process); /* its owner has been told */
  end();
}

static int start_with(const char *file, const char *cwd) {
  char *args[] = {strdup(file), NULL};
  char *env[] = {NULL};
  const int fds[] = {0, 2, 1, XIO_LAUNCH_CLOSED, 1};
  xio_launch_opts opts = {.file = file,
                          .path = "/usr/bin:/bin",
                          .args = args,
                          .env = env,
                          .cwd = cwd,
                          .fds = fds,
                          .fd_count = 5,
                          .session = true};
  int status = xio_process_spawn(&process, world.loop, &opts);
  free(args[0]);
  return status;
}

/* How many descriptors there are. */
static int descriptors(void) {
  int count = 0;
  for (int i = 0; i < 256; i++) count += fcntl(i, F_GETFD) >= 0;
  return count;
}

static void what_cannot_be_started_leaves_nothing(void **state) {
  (void)state;
  begin();
  int before = descriptors();
  assert_int_equal(start_with("no-such-program", NULL), -ENOENT);
  assert_int_equal(start_with("/no/such", NULL), -ENOENT);
  assert_int_equal(start_with("/etc/passwd", NULL), -EACCES);
  assert_int_equal(start_with("true", "/no/where"), -ENOENT);
  char name[5000];
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = 0;
  assert_int_equal(start_with(name, NULL), -ENAMETOOLONG);
  assert_null(process);
  assert_int_equal(descriptors(), before);
  assert_int_equal(start_with("true", "/"), XIO_OK);
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  assert_int_equal(exit_of(), 0);
  assert_int_equal(descriptors(), before);
  end();
}

static void without_descriptors_nothing_is_started(void **state) {
  (void)state;
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  begin();
  int first_free = dup(0);
  close(first_free);
  struct rlimit less = {.rlim_cur = (rlim_t)first_free, .rlim_max = limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
  int status = start("exit 0", true);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_int_equal(status, -EMFILE);
  assert_null(process);
  end();
}

/* One descriptor is left, which the folder /proc takes. */
static void with_one_descriptor_left_a_group_still_lives(void **state) {
  (void)state;
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
  start_sh("sleep 50 & exit 0");
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  int first_free = dup(0);
  close(first_free);
  struct rlimit less = {.rlim_cur = (rlim_t)first_free + 1, .rlim_max = limit.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
  bool lives = xio_process_lives(process);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
  assert_true(lives);
  end();
}

static void without_memory_nothing_is_started(void **state) {
  (void)state;
  begin();
  counting_fail(&world.memory, COUNTING_ONCE, 1);
  assert_int_equal(start("exit 0", true), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  assert_null(process);
  end();
}

static void exit_that_another_has_reaped_is_lost(void **state) {
  (void)state;
  start_sh("exit 3");
  siginfo_t about;
  assert_int_equal(waitid(P_PID, (id_t)xio_process_pid(process), &about, WEXITED), 0);
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  assert_true(xio_process_exited(process)->lost);
  end();
}

static void calls_that_fail_while_it_is_ended(void **state) {
  (void)state;
  static const char *const calls[] = {"opendir", "openat", "read"};
  for (int i = 0; i < 3; i++) {
    /* the first has ended, the second does not obey: who is left must be looked for */
    start_sh("trap '' TERM; (trap '' TERM; sleep 0.05) & exit 0");
    ctask_spawn(&world, waits, 0);
    run_world(&world);
    grace_ns = 3000 * MS + 1;
    wrap_refuse(calls[i], i == 0 ? 1 : 0, EMFILE);
    ctask_spawn(&world, ends, 0);
    run_world(&world);
    assert_int_equal(wrap_disarm(), i != 2 || wrap_function() != NULL);
    assert_int_equal(exit_of(), 0);
    end();
  }
}

static void signals_to_a_group_are_refused_once_it_is_gone(void **state) {
  (void)state;
  start_sh("exit 0");
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  assert_false(xio_process_lives(process));
  assert_int_equal(xio_process_kill(process, SIGTERM), -ESRCH);
  grace_ns = 1;
  end_signal = 0;
  ctask_spawn(&world, ends, 0);
  run_world(&world);
  end();
}

/* A child of ours that has the number `number` and leads a group of which somebody waits
 * for a signal: itself, in a session of its own, or another one, after it has exited. -1:
 * we may not choose numbers. */
static pid_t start_as(pid_t number, bool exits) {
  enum { EXIT_SIGNAL = 4, NUMBERS = 8, NUMBER_COUNT = 9, FIELDS = 11 };
  uint64_t args[FIELDS] = {0}; /* a struct clone_args */
  args[EXIT_SIGNAL] = SIGCHLD;
  args[NUMBERS] = (uint64_t)(uintptr_t)&number;
  args[NUMBER_COUNT] = 1;
  pid_t pid = (pid_t)syscall(SYS_clone3, args, sizeof args);
  if (pid != 0) return pid;
  if (exits) {
    (void)setpgid(0, 0);
    if (fork() != 0) _exit(0);
  } else {
    (void)setsid();
  }
  alarm(20); /* should the test fail */
  for (;;) pause();
}

static void a_group_with_the_number_of_one_that_is_gone_is_left_alone(void **state) {
  (void)state;
  prctl(PR_SET_CHILD_SUBREAPER, 1); /* what our children leave behind is ours */
  for (int exits = 0; exits <= 1; exits++) {
    start_sh("sleep 0.05 & exit 0");
    ctask_spawn(&world, waits, 0);
    run_world(&world);
    pid_t number = xio_process_pid(process);
    assert_true(waitpid(-number, NULL, 0) > 0);
    pid_t other = start_as(number, exits != 0);
    if (other < 0) { /* this needs rights */
      end();
      skip();
    }
    if (exits != 0) assert_int_equal(waitpid(other, NULL, 0), other);
    while (exits == 0 && getpgid(other) != other) (void)usleep(100);
    assert_false(xio_process_lives(process));
    xio_process_release(process, true);
    process = NULL;
    assert_int_equal(waitpid(-number, NULL, WNOHANG), 0);
    assert_int_equal(kill(-number, SIGKILL), 0);
    assert_true(waitpid(-number, NULL, 0) > 0);
    end();
  }
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void what_may_not_be_killed_is_not_awaited(void **state) {
  (void)state;
  start_sh("sleep 0.3");
  grace_ns = 1;
  wrap_refuse("kill", 0, EPERM);
  ctask_spawn(&world, ends, 0);
  int64_t before = time_of(&world);
  run_world(&world);
  assert_true(wrap_disarm());
  ASSERT_NOTES(&world, EPERM);
  assert_true(time_of(&world) - before < 200 * MS);
  end();
}

static void without_memory_nothing_is_adopted(void **state) {
  (void)state;
  begin();
  counting_fail(&world.memory, COUNTING_ONCE, 1);
  assert_int_equal(xio_process_adopt(&process, world.loop, getpid()), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  assert_null(process);
  end();
}

/* What cannot be watched is ended at once, alone where it has no group of its own. */
static void what_cannot_be_watched_is_ended(void **state) {
  (void)state;
  for (int session = 0; session <= 1; session++) {
    begin();
    wrap_refuse("syscall", 1, EMFILE);
    assert_int_equal(start("exec sleep 50", session != 0), -EMFILE);
    assert_true(wrap_disarm());
    assert_null(process);
    end();
  }
}

static void a_child_may_have_as_many_descriptors_as_there_is_room_for(void **state) {
  (void)state;
  char *args[] = {(char[]){"sh"}, (char[]){"-c"},
                  (char[]){"set -- /proc/self/fd/*; exit $#"}, NULL};
  char *env[] = {NULL};
  int fds[XIO_LAUNCH_FDS];
  begin();
  for (int i = 0; i < XIO_LAUNCH_FDS; i++) fds[i] = i < 3 ? 2 : XIO_LAUNCH_FDS - i;
  int spare = fcntl(2, F_DUPFD_CLOEXEC, 100);
  int kept = dup(2); /* is open here without O_CLOEXEC: it is not passed on */
  for (int i = 3; i < XIO_LAUNCH_FDS; i++) fds[i] = i % 2 == 0 ? spare : kept;
  xio_launch_opts opts = {.file = "sh",
                          .path = "/usr/bin:/bin",
                          .args = args,
                          .env = env,
                          .fds = fds,
                          .fd_count = XIO_LAUNCH_FDS};
  assert_int_equal(xio_process_spawn(&process, world.loop, &opts), XIO_OK);
  ctask_spawn(&world, waits, 0);
  run_world(&world);
  assert_int_equal(exit_of(), XIO_LAUNCH_FDS + 1); /* and the one of the listing */
  close(spare);
  close(kept);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(exit_wakes_all_who_wait),
      cmocka_unit_test(signal_that_ended_it_is_told),
      cmocka_unit_test(child_of_others_is_adopted),
      cmocka_unit_test(limit_and_cancellation_leave_it_alone),
      cmocka_unit_test(is_reaped_where_nobody_waits),
      cmocka_unit_test(virtual_clock_stands_still),
      cmocka_unit_test(end_reaches_the_group),
      cmocka_unit_test(what_does_not_obey_is_killed_after_the_grace),
      cmocka_unit_test(cancelled_end_does_not_wait_for_the_grace),
      cmocka_unit_test(without_a_session_it_is_ended_alone),
      cmocka_unit_test(release_kills_and_the_loop_reaps),
      cmocka_unit_test(end_of_the_loop_ends_it),
      cmocka_unit_test(what_cannot_be_started_leaves_nothing),
      cmocka_unit_test(without_descriptors_nothing_is_started),
      cmocka_unit_test(with_one_descriptor_left_a_group_still_lives),
      cmocka_unit_test(without_memory_nothing_is_started),
      cmocka_unit_test(exit_that_another_has_reaped_is_lost),
      cmocka_unit_test(calls_that_fail_while_it_is_ended),
      cmocka_unit_test(signals_to_a_group_are_refused_once_it_is_gone),
      cmocka_unit_test(a_group_with_the_number_of_one_that_is_gone_is_left_alone),
      cmocka_unit_test(what_may_not_be_killed_is_not_awaited),
      cmocka_unit_test(without_memory_nothing_is_adopted),
      cmocka_unit_test(what_cannot_be_watched_is_ended),
      cmocka_unit_test(a_child_may_have_as_many_descriptors_as_there_is_room_for),
  };
  return cmocka_run_group_tests_name("process", tests, NULL, NULL);
}
