/* handle: waiting for descriptors of our own: edges, what came while nobody waited,
 * withdrawal, limits, closing, the loop's end. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../../core/handle.h"
#include "../../core/socket.h"
#include "../support/unit.h"

#define MS INT64_C(1000000)

static ctask_world world;
static int ends[2];
static xio_handle handle; /* on ends[0] */
static int64_t limit_at;

static const xio_wait_ops read_ops = {.verb = "read", .abort = xio_handle_abort};
static const xio_wait_ops write_ops = {.verb = "write", .abort = xio_handle_abort};

static void begin(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  assert_int_equal(xio_socket_pair(ends), XIO_OK);
  assert_int_equal(xio_handle_open(&handle, world.loop, ends[0]), XIO_OK);
  limit_at = XIO_NEVER;
}

static void end(void) {
  assert_true(xio_handle_valid(&handle));
  xio_handle_close(&handle);
  if (ends[1] >= 0) close(ends[1]);
  end_world(&world);
}

static void put(const char *text) {
  assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
}

static size_t take(void) {
  char bytes[100];
  xio_handle_trying(&handle, XIO_FD_READ);
  ssize_t count = read(handle.number, bytes, sizeof bytes);
  return count > 0 ? (size_t)count : 0;
}

static bool wait_for(ctask *self, xio_fd_side side, const xio_wait_ops *ops) {
  int status = xio_handle_wait(&handle, side, &self->core, limit_at, ops);
  if (status == XIO_OK) return false;
  self->last_status = status;
  return true;
}

static bool to_read(ctask *self) {
  return wait_for(self, XIO_FD_READ, &read_ops);
}

static bool to_write(ctask *self) {
  return wait_for(self, XIO_FD_WRITE, &write_ops);
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

static const ctask_op reading[] = {CTASK_WAIT(to_read), CTASK_CALL(note_status),
                                   CTASK_END};
static const ctask_op writing[] = {CTASK_WAIT(to_write), CTASK_CALL(note_status),
                                   CTASK_END};
static const ctask_op quitting[] = {CTASK_SCOPE(.name = 1), CTASK_WAIT(to_read),
                                    CTASK_CLOSE, CTASK_END};

/* Takes what the system has, and runs one turn. */
static void turn(void) {
  xio_loop_poll(world.loop);
  step_world(&world);
  assert_true(xio_handle_valid(&handle));
}

static void start(const ctask_op *program) {
  assert_non_null(ctask_spawn(&world, program, 0));
  turn();
}

static void bytes_wake_the_reader(void **state) {
  (void)state;
  begin();
  start(reading);
  turn();
  assert_int_equal(world.note_count, 0);
  put("x");
  turn();
  ASSERT_NOTES(&world, 0);
  assert_int_equal(take(), 1);
  end();
}

static void what_came_before_is_not_missed(void **state) {
  (void)state;
  begin();
  put("x");
  turn();
  assert_true(handle.ready[XIO_FD_READ]);
  start(reading); /* is told to try at once */
  ASSERT_NOTES(&world, EAGAIN);
  assert_int_equal(take(), 1);
  start(reading);
  turn();
  ASSERT_NOTES(&world, EAGAIN);
  put("y");
  turn();
  ASSERT_NOTES(&world, EAGAIN, 0);
  end();
}

static void what_came_and_was_taken_wakes_nobody(void **state) {
  (void)state;
  begin();
  put("x");
  turn();
  assert_int_equal(take(), 1);
  start(reading);
  turn();
  assert_int_equal(world.note_count, 0);
  put("y");
  turn();
  ASSERT_NOTES(&world, 0);
  end();
}

static void the_end_wakes_both_sides(void **state) {
  (void)state;
  begin();
  int size = 0;
  while (write(ends[0], "0123456789", 10) > 0) size += 10;
  assert_true(size > 0);
  start(reading);
  start(writing);
  turn();
  assert_int_equal(world.note_count, 0);
  close(ends[1]);
  ends[1] = -1;
  turn();
  ASSERT_NOTES(&world, 0, 0);
  assert_true(handle.hung);
  end();
}

static void room_wakes_the_writer(void **state) {
  (void)state;
  begin();
  char block[4096] = {0};
  start(writing); /* there is room */
  turn();
  ASSERT_NOTES(&world, 0);
  while (write(ends[0], block, sizeof block) > 0) continue;
  xio_handle_trying(&handle, XIO_FD_WRITE);
  start(writing);
  turn();
  ASSERT_NOTES(&world, 0);
  while (read(ends[1], block, sizeof block) > 0) continue;
  turn();
  ASSERT_NOTES(&world, 0, 0);
  end();
}

static void one_reader_at_a_time(void **state) {
  (void)state;
  begin();
  start(reading);
  start(reading);
  ASSERT_NOTES(&world, EBUSY);
  put("x");
  turn();
  ASSERT_NOTES(&world, EBUSY, 0);
  end();
}

static void cancelled_wait_leaves_nothing(void **state) {
  (void)state;
  begin();
  start(quitting);
  assert_non_null(handle.waiting[XIO_FD_READ]);
  xio_scope_cancel(world.scopes[1], XIO_SOURCE_CANCEL);
  turn();
  assert_null(handle.waiting[XIO_FD_READ]);
  put("x");
  start(reading);
  turn();
  assert_int_equal(world.note_count, 1);
  end();
}

static void limit_ends_the_wait(void **state) {
  (void)state;
  begin();
  limit_at = xio_clock_now(&world.loop->clock) + MS;
  assert_non_null(ctask_spawn(&world, reading, 0));
  run_world(&world);
  ASSERT_NOTES(&world, ETIMEDOUT);
  end();
}

static void limit_ends_the_first_wait_for_room(void **state) {
  (void)state;
  begin();
  char block[4096] = {0};
  while (write(ends[0], block, sizeof block) > 0) continue;
  xio_handle_trying(&handle, XIO_FD_WRITE);
  limit_at = xio_clock_now(&world.loop->clock) + MS;
  assert_non_null(ctask_spawn(&world, writing, 0));
  for (int i = 0; i < 1000 && world.note_count == 0; i++) {
    uv_sleep(1);
    turn();
  }
  ASSERT_NOTES(&world, ETIMEDOUT);
  end();
}

static void closing_wakes_and_frees_the_number(void **state) {
  (void)state;
  begin();
  start(reading);
  start(writing); /* goes through: there is room */
  turn();
  int number = handle.number;
  assert_true(xio_handle_close(&handle));
  assert_false(xio_handle_close(&handle));
  assert_int_equal(fcntl(number, F_GETFD), -1);
  turn();
  ASSERT_NOTES(&world, 0, (uint32_t)-XIO_ECLOSED);
  start(reading);
  ASSERT_NOTES(&world, 0, (uint32_t)-XIO_ECLOSED, (uint32_t)-XIO_ECLOSED);
  end();
}

static void many_events_come_in_a_few_goes(void **state) {
  (void)state;
  begin();
  enum { MANY = 300 };
  static xio_handle handles[MANY];
  static int others[MANY];
  for (int i = 0; i < MANY; i++) {
    int pair[2];
    assert_int_equal(xio_socket_pair(pair), XIO_OK);
    assert_int_equal(xio_handle_open(&handles[i], world.loop, pair[0]), XIO_OK);
    others[i] = pair[1];
    assert_int_equal(write(others[i], "x", 1), 1);
  }
  for (int i = 0; i < MANY; i += 60) xio_loop_poll(world.loop);
  for (int i = 0; i < MANY; i++) {
    assert_true(handles[i].ready[XIO_FD_READ]);
    if (i % 2 == 0) assert_true(xio_handle_close(&handles[i]));
    close(others[i]);
  }
  end(); /* the loop closes the others */
  for (int i = 0; i < MANY; i++) assert_int_equal(handles[i].number, -1);
}

static void the_loops_end_closes_it(void **state) {
  (void)state;
  begin();
  start(reading);
  close(ends[1]);
  end_world(&world);
  assert_int_equal(handle.number, -1);
  assert_null(handle.loop);
  assert_false(xio_handle_close(&handle));
}

static void what_cannot_be_watched_is_refused(void **state) {
  (void)state;
  begin();
  xio_handle other;
  int null = open("/dev/null", O_RDONLY);
  assert_int_equal(xio_handle_open(&other, world.loop, null), -EPERM);
  close(null);
  assert_int_equal(xio_handle_open(&other, world.loop, null), XIO_EBADF);
  end();
}

/* STR-20 */
static void descriptor_closed_by_somebody_else_does_no_harm(void **state) {
  (void)state;
  begin();
  start(quitting);
  close(handle.number);
  turn();
  assert_non_null(handle.waiting[XIO_FD_READ]);
  xio_scope_cancel(world.scopes[1], XIO_SOURCE_CANCEL);
  turn();
  assert_null(handle.waiting[XIO_FD_READ]);
  end();
}

static void no_memory_for_the_set(void **state) {
  (void)state;
  begin();
  end();
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  assert_int_equal(xio_socket_pair(ends), XIO_OK);
  counting_fail(&world.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_handle_open(&handle, world.loop, ends[0]), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  assert_int_equal(xio_handle_open(&handle, world.loop, ends[0]), XIO_OK);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_wake_the_reader),
      cmocka_unit_test(what_came_before_is_not_missed),
      cmocka_unit_test(what_came_and_was_taken_wakes_nobody),
      cmocka_unit_test(the_end_wakes_both_sides),
      cmocka_unit_test(room_wakes_the_writer),
      cmocka_unit_test(one_reader_at_a_time),
      cmocka_unit_test(cancelled_wait_leaves_nothing),
      cmocka_unit_test(limit_ends_the_wait),
      cmocka_unit_test(limit_ends_the_first_wait_for_room),
      cmocka_unit_test(closing_wakes_and_frees_the_number),
      cmocka_unit_test(many_events_come_in_a_few_goes),
      cmocka_unit_test(the_loops_end_closes_it),
      cmocka_unit_test(what_cannot_be_watched_is_refused),
      cmocka_unit_test(descriptor_closed_by_somebody_else_does_no_harm),
      cmocka_unit_test(no_memory_for_the_set),
  };
  return cmocka_run_group_tests_name("handle", tests, NULL, NULL);
}
