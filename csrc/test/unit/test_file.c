/* file, path, watch: what C tasks see of them, and that nothing is left behind. What they
 * do with names and bytes is in the specs: fs_spec, file_spec, watch_spec. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../core/file.h"
#include "../../core/path.h"
#include "../../core/watch.h"
#include "../faults/wrap.h"
#include "../support/unit.h"

static ctask_world world;
static char folder[64], path[96], other[96];
static xio_file *file;
static xio_file_request *request;
static xio_path_request *asked;
static xio_watch *watch;
static int64_t result;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

static int lowest_free_number(void) {
  int number = dup(0);
  close(number);
  return number;
}

static void begin_with_folder(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  strcpy(folder, "/tmp/xio-test-XXXXXX");
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/file", folder);
  snprintf(other, sizeof other, "%s/other", folder);
  file = NULL;
  watch = NULL;
  result = INT64_MIN;
}

static void end_with_folder(void) {
  end_world(&world);
  unlink(path);
  unlink(other);
  assert_int_equal(rmdir(folder), 0); /* nothing else is there */
}

/* -- steps of tasks ------------------------------------------------------------------ */

static bool begin(ctask *self, xio_file_call call) {
  assert_int_equal(xio_file_begin(&request, file, &self->core, &call), XIO_OK);
  return false;
}

static bool open_it(ctask *self) {
  assert_int_equal(xio_file_new(&file, world.loop), XIO_OK);
  return begin(self, (xio_file_call){.op = XIO_FILE_OPEN,
                                     .flags = O_RDWR | O_CREAT,
                                     .mode = 0600,
                                     .bytes = path,
                                     .count = strlen(path) + 1});
}

static bool write_it(ctask *self) {
  return begin(self, (xio_file_call){.op = XIO_FILE_WRITE, .bytes = "bytes", .count = 5});
}

static bool sync_it(ctask *self) {
  return begin(self, (xio_file_call){.op = XIO_FILE_SYNC});
}

static bool take(ctask *self) {
  if (self->last_status == XIO_OK) result = xio_file_take(request, NULL);
  return true;
}

static bool wait_read(ctask *self) {
  file->wanted = 100;
  assert_int_equal(xio_file_wait_read(file, &self->core), XIO_OK);
  return false;
}

static bool try_wait_read(ctask *self) {
  file->wanted = 100;
  counting_fail(&world.memory, COUNTING_ONCE, 1);
  result = xio_file_wait_read(file, &self->core);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  return true;
}

static bool begin_path(ctask *self, xio_path_call call) {
  assert_int_equal(xio_path_begin(&asked, world.loop, &self->core, &call), XIO_OK);
  return false;
}

static bool stat_it(ctask *self) {
  return begin_path(self, (xio_path_call){.op = XIO_PATH_STAT, .path = path});
}

static bool copy_endless(ctask *self) {
  return begin_path(
      self, (xio_path_call){.op = XIO_PATH_COPY, .path = "/dev/zero", .to = other});
}

static bool take_path(ctask *self) {
  if (self->last_status != XIO_OK) return true;
  result = xio_path_result(asked);
  xio_path_free(asked);
  return true;
}

static bool wait_watch(ctask *self) {
  assert_int_equal(xio_watch_wait(watch, &self->core), XIO_OK);
  return false;
}

static const ctask_op open_program[] = {CTASK_WAIT(open_it, .finish = take), CTASK_END};
static const ctask_op write_program[] = {CTASK_WAIT(write_it, .finish = take), CTASK_END};
static const ctask_op sync_program[] = {CTASK_WAIT(sync_it, .finish = take), CTASK_END};
static const ctask_op read_program[] = {CTASK_WAIT(wait_read), CTASK_END};
static const ctask_op stat_program[] = {CTASK_WAIT(stat_it, .finish = take_path),
                                        CTASK_END};
static const ctask_op copy_program[] = {CTASK_WAIT(copy_endless, .finish = take_path),
                                        CTASK_END};
static const ctask_op watch_program[] = {CTASK_WAIT(wait_watch), CTASK_END};

static void run_program(const ctask_op *program) {
  assert_non_null(ctask_spawn(&world, program, 0));
  run_world(&world);
}

static void open_file(void) {
  run_program(open_program);
  assert_int_equal(result, XIO_OK);
  assert_true(file->number >= 0);
}

/* -- files --------------------------------------------------------------------------- */

static void bytes_are_written_and_read(void **state) {
  (void)state;
  char bytes[16] = {0};
  begin_with_folder();
  open_file();
  run_program(write_program);
  assert_int_equal(result, 5);
  assert_int_equal(xio_file_at(file), 5);
  assert_int_equal(xio_file_read(file, bytes, sizeof bytes), XIO_EOF);
  xio_file_move(file, 1);
  assert_int_equal(xio_file_read(file, bytes, sizeof bytes), 4);
  assert_string_equal(bytes, "ytes");
  xio_file_release(file);
  end_with_folder();
}

static void what_is_written_without_waiting_moves_on(void **state) {
  (void)state;
  char bytes[16] = {0};
  begin_with_folder();
  open_file();
  int64_t count = xio_file_write(file, "bytes", 5);
  assert_true(count == 5 || count == XIO_EAGAIN); /* not every file system tells */
  assert_int_equal(xio_file_at(file), count > 0 ? 5 : 0);
  if (count > 0) {
    xio_file_move(file, 1);
    assert_int_equal(xio_file_write(file, "Y", 1), 1);
    xio_file_move(file, 0);
    assert_int_equal(xio_file_read(file, bytes, sizeof bytes), 5);
    assert_string_equal(bytes, "bYtes");
  }
  xio_file_release(file);
  end_with_folder();
}

static void bytes_come_from_a_thread_too(void **state) {
  (void)state;
  char bytes[16] = {0};
  begin_with_folder();
  open_file();
  run_program(write_program);
  xio_file_move(file, 0);
  file->slow = true;
  assert_int_equal(xio_file_read(file, bytes, 2), XIO_EAGAIN);
  run_program(read_program);
  assert_int_equal(xio_file_read(file, bytes, 2), 2); /* more was read than is taken */
  assert_int_equal(xio_file_read(file, bytes + 2, sizeof bytes), 3);
  assert_string_equal(bytes, "bytes");
  assert_int_equal(xio_file_at(file), 5);
  assert_int_equal(xio_file_read(file, bytes, 2), XIO_EAGAIN);
  run_program(read_program);
  assert_int_equal(xio_file_read(file, bytes, 2), XIO_EOF);
  xio_file_release(file);
  end_with_folder();
}

static void cancelled_read_keeps_what_it_brought(void **state) {
  (void)state;
  for (int moves = 0; moves <= 1; moves++) {
    char bytes[16] = {0};
    begin_with_folder();
    open_file();
    run_program(write_program);
    xio_file_move(file, 0);
    file->slow = true;
    ctask *reader = ctask_spawn(&world, read_program, 1);
    step_world(&world);
    xio_scope_cancel(&reader->core.own, XIO_SOURCE_CANCEL);
    run_world(&world);
    if (moves) xio_file_move(file, 3); /* then it was for nothing */
    while (file->users != 0) xio_loop_poll(world.loop);
    if (moves) {
      assert_int_equal(xio_file_read(file, bytes, sizeof bytes), XIO_EAGAIN);
      run_program(read_program);
    }
    assert_int_equal(xio_file_read(file, bytes, sizeof bytes), moves ? 2 : 5);
    assert_string_equal(bytes, moves ? "es" : "bytes");
    xio_file_release(file);
    end_with_folder();
  }
}

static void closing_wakes_and_closes_when_the_thread_is_done(void **state) {
  (void)state;
  int lowest = lowest_free_number();
  begin_with_folder();
  open_file();
  int number = file->number;
  file->slow = true;
  ctask *reader = ctask_spawn(&world, read_program, 1);
  ctask *syncer = ctask_spawn(&world, sync_program, 2);
  step_world(&world);
  assert_int_equal(file->users, 2);
  assert_true(xio_file_close(file));
  assert_false(xio_file_close(file));
  assert_int_equal(reader->core.wait.status, XIO_ECLOSED);
  assert_int_equal(syncer->core.wait.status, XIO_ECLOSED);
  run_world(&world);
  while (file->users != 0) xio_loop_poll(world.loop);
  assert_int_equal(file->number, -1);
  assert_int_equal(fcntl(number, F_GETFD), -1);
  xio_file_release(file);
  end_with_folder();
  assert_int_equal(lowest_free_number(), lowest);
}

static void loop_that_closes_leaves_nothing(void **state) {
  (void)state;
  static const ctask_op *const programs[] = {open_program, write_program, sync_program,
                                             read_program, stat_program,  copy_program};
  for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
    for (int polls = 0; polls < 3; polls++) {
      int lowest = lowest_free_number();
      begin_with_folder();
      open_file();
      if (programs[i] == open_program) {
        xio_file_release(file); /* it is opened once more */
      } else {
        file->slow = true;
      }
      ctask_spawn(&world, programs[i], 0);
      ctask_spawn(&world, forever, 0);
      step_world(&world);
      for (int poll = 0; poll < polls; poll++) xio_loop_poll(world.loop);
      xio_loop_close(world.loop);
      world.loop = NULL;
      assert_true(file->closed && file->loop == NULL);
      xio_file_release(file);
      end_with_folder();
      assert_int_equal(lowest_free_number(), lowest);
    }
  }
}

/* -- paths --------------------------------------------------------------------------- */

static void results_of_paths(void **state) {
  (void)state;
  begin_with_folder();
  run_program(stat_program);
  assert_int_equal(result, -ENOENT);
  open_file();
  xio_file_release(file);
  run_program(stat_program);
  assert_int_equal(result, XIO_OK);
  end_with_folder();
}

static void cancelled_copy_leaves_no_file(void **state) {
  (void)state;
  begin_with_folder();
  ctask *copier = ctask_spawn(&world, copy_program, 1);
  for (int i = 0; i < 20; i++) xio_loop_step(world.loop, 1000000, &(bool){false});
  xio_scope_cancel(&copier->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(result, INT64_MIN);
  assert_int_equal(access(other, F_OK), -1);
  end_with_folder();
}

/* -- watches ------------------------------------------------------------------------- */

static void touch(const char *name) {
  int number = open(name, O_WRONLY | O_CREAT, 0600);
  assert_true(number >= 0);
  close(number);
}

static void events_wake_who_waits(void **state) {
  (void)state;
  int kind = 0;
  const char *name = NULL;
  begin_with_folder();
  assert_int_equal(xio_watch_open(&watch, world.loop, "/nowhere"), -ENOENT);
  assert_int_equal(xio_watch_open(&watch, world.loop, folder), XIO_OK);
  assert_int_equal(xio_watch_first(watch, &kind, &name), XIO_EAGAIN);
  ctask *waiter = ctask_spawn(&world, watch_program, 1);
  step_world(&world);
  assert_int_equal(xio_watch_wait(watch, &waiter->core), XIO_EBUSY);
  touch(path);
  run_world(&world);
  assert_true(xio_watch_valid(watch));
  assert_int_equal(xio_watch_first(watch, &kind, &name), XIO_OK);
  assert_int_equal(kind, XIO_WATCH_RENAMED);
  assert_string_equal(name, "file");
  xio_watch_take(watch);
  assert_true(xio_watch_close(watch));
  xio_watch_release(watch);
  end_with_folder();
}

static void too_many_events_are_told(void **state) {
  (void)state;
  int kind = 0;
  const char *name = NULL;
  begin_with_folder();
  assert_int_equal(xio_watch_open(&watch, world.loop, folder), XIO_OK);
  for (int i = 0; i < XIO_WATCH_EVENTS_MAX; i++) { /* two names in turn: none repeats */
    touch(path);
    unlink(path);
    touch(other);
    unlink(other);
    xio_loop_poll(world.loop);
  }
  assert_int_equal(watch->count, XIO_WATCH_EVENTS_MAX);
  assert_true(watch->lost);
  while (watch->count != 0) xio_watch_take(watch);
  assert_int_equal(xio_watch_first(watch, &kind, &name), XIO_OK);
  assert_int_equal(kind, XIO_WATCH_LOST);
  xio_watch_take(watch);
  assert_int_equal(xio_watch_first(watch, &kind, &name), XIO_EAGAIN);
  xio_watch_release(watch);
  end_with_folder();
}

static void watches_end_with_their_loop(void **state) {
  (void)state;
  int kind = 0;
  const char *name = NULL;
  begin_with_folder();
  assert_int_equal(xio_watch_open(&watch, world.loop, folder), XIO_OK);
  ctask *waiter = ctask_spawn(&world, watch_program, 1);
  step_world(&world);
  xio_scope_cancel(&waiter->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  ctask_spawn(&world, watch_program, 1);
  ctask_spawn(&world, forever, 0);
  step_world(&world);
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_int_equal(xio_watch_first(watch, &kind, &name), XIO_ECLOSED);
  assert_false(xio_watch_close(watch));
  xio_watch_release(watch);
  end_with_folder();
}

static void calls_of_a_reading_thread_fail(void **state) {
  (void)state;
  char bytes[16] = {0};
  begin_with_folder();
  open_file();
  run_program(write_program);
  xio_file_move(file, 0);
  file->slow = true;
  wrap_refuse("pread", 1, EINTR);
  run_program(read_program);
  assert_true(wrap_disarm());
  assert_int_equal(xio_file_read(file, bytes, 5), 5);
  xio_file_move(file, 0);
  wrap_refuse("pread", 1, EIO);
  run_program(read_program);
  assert_true(wrap_disarm());
  assert_int_equal(xio_file_read(file, bytes, 2), -EIO);
  assert_int_equal(xio_file_read(file, bytes, 2), XIO_EAGAIN); /* it is tried again */
  xio_file_release(file);
  end_with_folder();
}

static void writing_stops_where_the_disk_is_full(void **state) {
  (void)state;
  begin_with_folder();
  open_file();
  wrap_refuse("pwrite", 1, ENOSPC);
  run_program(write_program);
  assert_int_equal(result, -ENOSPC);
  wrap_refuse("pwrite", 1, EINTR);
  run_program(write_program);
  (void)wrap_disarm();
  assert_int_equal(result, 5);
  xio_file_release(file);
  end_with_folder();
}

static void without_memory_nothing_is_read(void **state) {
  (void)state;
  static const ctask_op tries[] = {CTASK_WAIT(try_wait_read), CTASK_END};
  begin_with_folder();
  open_file();
  file->slow = true;
  run_program(tries);
  assert_int_equal(result, XIO_ENOMEM);
  xio_file_release(file);
  end_with_folder();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_are_written_and_read),
      cmocka_unit_test(what_is_written_without_waiting_moves_on),
      cmocka_unit_test(bytes_come_from_a_thread_too),
      cmocka_unit_test(cancelled_read_keeps_what_it_brought),
      cmocka_unit_test(closing_wakes_and_closes_when_the_thread_is_done),
      cmocka_unit_test(loop_that_closes_leaves_nothing),
      cmocka_unit_test(results_of_paths),
      cmocka_unit_test(cancelled_copy_leaves_no_file),
      cmocka_unit_test(events_wake_who_waits),
      cmocka_unit_test(too_many_events_are_told),
      cmocka_unit_test(watches_end_with_their_loop),
      cmocka_unit_test(calls_of_a_reading_thread_fail),
      cmocka_unit_test(writing_stops_where_the_disk_is_full),
      cmocka_unit_test(without_memory_nothing_is_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
