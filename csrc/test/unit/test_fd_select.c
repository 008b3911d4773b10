/* fd: waits that have an entry for each side of a descriptor. Plain waits are in
 * test_fd.c. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/fd.h"
#include "../support/unit.h"

static ctask_world world;
static int ends[2];
static xio_fd *fd; /* of the first end, which is full */

static void begin(void) {
  static char bytes[32 * 1024];
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  assert_int_equal(xio_fd_open(&fd, world.loop, ends[0]), XIO_OK);
  while (xio_fd_write(ends[0], bytes, sizeof bytes) > 0) continue;
}

static void end(void) {
  close(ends[0]);
  close(ends[1]);
  end_world(&world);
}

static void assert_free(void) {
  assert_false(xio_fd_waited(world.loop, ends[0], XIO_FD_READ));
  assert_false(xio_fd_waited(world.loop, ends[0], XIO_FD_WRITE));
  assert_true(xio_fd_valid(world.loop));
}

/* -- a task that waits for both sides ------------------------------------------------ */

enum { ENTRIES = 3 };

static const xio_fd_side sides[ENTRIES] = {XIO_FD_READ, XIO_FD_WRITE, XIO_FD_READ};

static struct {
  xio_waiter entries[ENTRIES];
  int queued[ENTRIES];
  int won; /* the number of the entry that completed it; -1: none */
  int status;
} both;

static void withdraw_both(xio_wait *wait) {
  (void)wait;
  for (int i = 0; i < ENTRIES; i++) xio_fd_withdraw(fd, sides[i], &both.entries[i]);
}

static int abort_both(xio_wait *wait) {
  withdraw_both(wait);
  return XIO_OK;
}

static void settle_both(xio_wait *wait, xio_waiter *won) {
  both.won = (int)(won - both.entries);
  withdraw_both(wait);
}

static const xio_wait_ops both_ops = {
    .verb = "select", .abort = abort_both, .settle = settle_both};

static bool begin_both(ctask *self) {
  xio_wait *wait = &self->core.wait;
  xio_wait_park(wait, &both_ops, NULL);
  both.won = -1;
  for (int i = 0; i < ENTRIES; i++) {
    both.entries[i] = (xio_waiter){.wait = wait};
    xio_list_init(&both.entries[i].link);
    both.queued[i] = xio_fd_await(fd, sides[i], &both.entries[i]);
  }
  return false;
}

static bool finish_both(ctask *self) {
  const xio_wait *wait = &self->core.wait;
  both.status = self->last_status;
  assert_int_equal(wait->won, both.won >= 0);
  return true;
}

/* Starts the task and lets it begin to wait. */
static ctask *await_both(void) {
  static const ctask_op waits[] = {CTASK_WAIT(begin_both, .finish = finish_both),
                                   CTASK_END};
  ctask *task = ctask_spawn(&world, waits, 0);
  step_world(&world);
  assert_true(xio_fd_valid(world.loop));
  return task;
}

static void one_side_ends_the_wait_for_both(void **state) {
  (void)state;
  begin();
  await_both();
  assert_int_equal(both.queued[0], XIO_OK);
  assert_int_equal(both.queued[1], XIO_OK);
  assert_int_equal(both.queued[2], XIO_EBUSY); /* the first stands for it */
  assert_int_equal(write(ends[1], "x", 1), 1);
  run_world(&world);
  assert_int_equal(both.won, 0);
  assert_int_equal(both.status, XIO_OK);
  assert_free();
  xio_fd_close(fd);
  end();
}

static void cancelled_it_leaves_both_sides(void **state) {
  (void)state;
  begin();
  ctask *task = await_both();
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(both.status, XIO_ECANCELED);
  assert_free();
  xio_fd_close(fd);
  end();
}

static void closing_wakes_it_once(void **state) {
  (void)state;
  begin();
  await_both();
  xio_fd_close(fd);
  assert_free();
  run_world(&world);
  assert_int_equal(both.won, 0);
  assert_int_equal(both.status, XIO_ECLOSED);
  end();
}

static void loop_that_closes_lets_it_go(void **state) {
  (void)state;
  begin();
  await_both();
  xio_loop_close(world.loop);
  world.loop = NULL;
  xio_waiter entry = {.wait = NULL};
  assert_int_equal(xio_fd_await(fd, XIO_FD_READ, &entry), XIO_ECLOSED);
  xio_fd_withdraw(fd, XIO_FD_READ, &entry);
  xio_fd_close(fd);
  end();
}

static void number_that_is_gone_is_refused_and_wakes_who_waits(void **state) {
  (void)state;
  begin();
  await_both();
  int copy = dup(ends[0]);
  close(ends[0]);
  xio_waiter entry = {.wait = NULL};
  assert_int_equal(xio_fd_await(fd, XIO_FD_READ, &entry), XIO_EBUSY);
  xio_fd_withdraw(fd, XIO_FD_READ, &entry); /* not this one */
  assert_true(xio_fd_waited(world.loop, ends[0], XIO_FD_READ));
  xio_fd_withdraw(fd, XIO_FD_READ, &both.entries[0]);
  assert_int_equal(xio_fd_await(fd, XIO_FD_READ, &entry), XIO_EBADF);
  assert_int_equal(xio_fd_await(fd, XIO_FD_READ, &entry), XIO_EBADF);
  run_world(&world);
  assert_int_equal(both.won, 1);
  assert_int_equal(both.status, XIO_EBADF);
  xio_fd_close(fd);
  ends[0] = copy;
  end();
}

/* Which epoll refuses before it looks whether it knows the number. */
static void number_that_became_a_regular_file_is_another(void **state) {
  (void)state;
  begin();
  FILE *file = tmpfile();
  assert_int_equal(xio_fd_verify(fd), XIO_OK);
  assert_int_equal(dup2(fileno(file), ends[0]), ends[0]);
  assert_int_equal(xio_fd_verify(fd), XIO_EBADF);
  xio_fd_close(fd);
  (void)fclose(file);
  end();
}

static void regular_file_is_not_queued(void **state) {
  (void)state;
  begin();
  FILE *file = tmpfile();
  xio_fd *regular = NULL;
  xio_waiter entry = {.wait = NULL};
  assert_int_equal(xio_fd_open(&regular, world.loop, fileno(file)), XIO_OK);
  assert_int_equal(xio_fd_await(regular, XIO_FD_READ, &entry), -EPERM);
  assert_false(xio_fd_waited(world.loop, fileno(file), XIO_FD_READ));
  xio_fd_close(regular);
  xio_fd_close(fd);
  (void)fclose(file);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(one_side_ends_the_wait_for_both),
      cmocka_unit_test(cancelled_it_leaves_both_sides),
      cmocka_unit_test(closing_wakes_it_once),
      cmocka_unit_test(loop_that_closes_lets_it_go),
      cmocka_unit_test(number_that_is_gone_is_refused_and_wakes_who_waits),
      cmocka_unit_test(number_that_became_a_regular_file_is_another),
      cmocka_unit_test(regular_file_is_not_queued),
  };
  return cmocka_run_group_tests_name("fd_select", tests, NULL, NULL);
}
