/* fd: waiting for descriptors of others: withdrawal, limits, closing, numbers that change
 * hands. What is read and written is in test_fd_io.c, waits with several entries are in
 * test_fd_select.c. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/fd.h"
#include "../support/unit.h"

#define MS INT64_C(1000000)

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

/* -- a task that waits for a descriptor once ----------------------------------------- */

enum { NOT_YET = 1 };

typedef struct watcher {
  xio_task core;
  xio_fd *fd; /* NULL: the number */
  int number;
  xio_fd_side side;
  int64_t limit; /* ns from its first run; 0: none */
  int begun;     /* status of the first half */
  int status;    /* of the wait */
} watcher;

static void resume_watcher(xio_task *core) {
  watcher *self = XIO_CONTAINER_OF(core, watcher, core);
  if (self->begun == NOT_YET) {
    int64_t at =
        self->limit == 0 ? XIO_NEVER : xio_clock_now(&world.loop->clock) + self->limit;
    self->begun = self->fd != NULL ? xio_fd_wait(self->fd, self->side, core, at)
                                   : xio_fd_wait_number(world.loop, self->number,
                                                        self->side, core, at);
    if (self->begun == XIO_OK) return;
  } else {
    self->status = core->wait.status;
  }
  xio_group_child_ended(core, XIO_OUTCOME_DONE);
}

static void abandon_watcher(xio_task *core) {
  XIO_CONTAINER_OF(core, watcher, core)->status = XIO_ECANCELED;
}

static const xio_task_ops watcher_ops = {.resume = resume_watcher,
                                         .abandon = abandon_watcher};

static void start_watcher(watcher *self) {
  self->begun = self->status = NOT_YET;
  xio_task_init(&self->core, &world.loop->queue, &watcher_ops);
  xio_group_spawn(&world.loop->root, &self->core, (xio_spawn_opts){0});
}

/* Runs one turn, as it does not wait, after having taken what the system has ready. */
static bool turn(void) {
  xio_loop_poll(world.loop);
  bool stalled = false;
  bool more = xio_loop_step(world.loop, 0, &stalled);
  assert_holds(world.loop);
  assert_true(xio_fd_valid(world.loop));
  return more;
}

/* Starts a watcher and runs until it has begun to wait, or ended at once. */
static void begin_watching(watcher *self) {
  start_watcher(self);
  turn();
  assert_int_not_equal(self->begun, NOT_YET);
}

#define WATCH(name, ...) \
  watcher name = {__VA_ARGS__}; \
  begin_watching(&(name))

/* -- worlds with pipes --------------------------------------------------------------- */

static int ends[2];

static void begin_real_world(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
}

static void begin_with_pipe(void) {
  begin_real_world();
  assert_int_equal(pipe(ends), 0);
}

static void begin_with_sockets(void) {
  begin_real_world();
  assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void end_with_pipe(void) {
  close(ends[0]);
  close(ends[1]);
  end_world(&world);
}

static void put(int number, const char *text) {
  assert_int_equal(write(number, text, strlen(text)), (ssize_t)strlen(text));
}

static void assert_reads(int number, const char *text) {
  char bytes[64] = {0};
  assert_int_equal(xio_fd_read(number, bytes, sizeof bytes - 1), (int64_t)strlen(text));
  assert_string_equal(bytes, text);
}

/* Fills what `number` writes to, as its kernel lets us without waiting. */
static int64_t fill(int number) {
  static char bytes[32 * 1024];
  int64_t sum = 0;
  for (;;) {
    int64_t count = xio_fd_write(number, bytes, sizeof bytes);
    if (count == XIO_EAGAIN) return sum;
    assert_true(count > 0);
    sum += count;
  }
}

static void drain(int number) {
  static char bytes[32 * 1024];
  while (xio_fd_read(number, bytes, sizeof bytes) > 0) continue;
}

static xio_fd *open_fd(int number) {
  xio_fd *fd = NULL;
  assert_int_equal(xio_fd_open(&fd, world.loop, number), XIO_OK);
  return fd;
}

static int lowest_free_number(void) {
  int number = dup(0);
  close(number);
  return number;
}

/* -- waiting ------------------------------------------------------------------------- */

static void bytes_wake_the_reader(void **state) {
  (void)state;
  begin_with_pipe();
  WATCH(reader, .number = ends[0]);
  assert_true(xio_fd_waited(world.loop, ends[0], XIO_FD_READ));
  assert_false(xio_fd_waited(world.loop, ends[0], XIO_FD_WRITE));
  turn();
  assert_int_equal(reader.status, NOT_YET);
  put(ends[1], "x");
  assert_false(turn());
  assert_int_equal(reader.status, XIO_OK);
  assert_false(xio_fd_waited(world.loop, ends[0], XIO_FD_READ));
  assert_reads(ends[0], "x");
  fill(ends[1]);
  for (int i = 0; i < 2; i++) { /* the flags of the file are others' too */
    assert_int_equal(fcntl(ends[i], F_GETFL) & O_NONBLOCK, 0);
  }
  end_with_pipe();
}

static void what_is_ready_already_wakes_too(void **state) {
  (void)state;
  begin_with_pipe();
  put(ends[1], "x");
  for (int i = 0; i < 3; i++) { /* it is a level, not an edge */
    watcher reader = {.number = ends[0]};
    start_watcher(&reader);
    run_world(&world);
    assert_int_equal(reader.status, XIO_OK);
  }
  end_with_pipe();
}

static void end_of_the_stream_wakes_the_reader(void **state) {
  (void)state;
  begin_with_pipe();
  WATCH(reader, .number = ends[0]);
  close(ends[1]);
  turn();
  assert_int_equal(reader.status, XIO_OK);
  char byte = 0;
  assert_int_equal(xio_fd_read(ends[0], &byte, 1), XIO_EOF);
  assert_int_equal(xio_fd_read(ends[0], &byte, 1), XIO_EOF);
  ends[1] = dup(ends[0]);
  end_with_pipe();
}

static void room_and_a_lost_reader_wake_the_writer(void **state) {
  (void)state;
  begin_with_pipe();
  assert_int_equal(fill(ends[1]), 65536);
  WATCH(first, .number = ends[1], .side = XIO_FD_WRITE);
  turn();
  assert_int_equal(first.status, NOT_YET);
  drain(ends[0]);
  turn();
  assert_int_equal(first.status, XIO_OK);
  fill(ends[1]);
  WATCH(second, .number = ends[1], .side = XIO_FD_WRITE);
  close(ends[0]);
  turn();
  assert_int_equal(second.status, XIO_OK);
  assert_int_equal(xio_fd_write(ends[1], "x", 1), -EPIPE);
  ends[0] = dup(ends[1]);
  end_with_pipe();
}

static void one_reader_and_one_writer_at_a_time(void **state) {
  (void)state;
  begin_with_sockets();
  fill(ends[0]);
  WATCH(reader, .number = ends[0]);
  WATCH(writer, .number = ends[0], .side = XIO_FD_WRITE);
  WATCH(reader2, .number = ends[0]);
  WATCH(writer2, .number = ends[0], .side = XIO_FD_WRITE);
  assert_int_equal(reader2.begun, XIO_EBUSY);
  assert_int_equal(writer2.begun, XIO_EBUSY);
  put(ends[1], "x"); /* the shot for one side must not disarm the other */
  turn();
  assert_int_equal(reader.status, XIO_OK);
  assert_int_equal(writer.status, NOT_YET);
  drain(ends[1]);
  turn();
  assert_int_equal(writer.status, XIO_OK);
  end_with_pipe();
}

static void registrations_of_one_number_share_its_sides(void **state) {
  (void)state;
  begin_with_pipe();
  xio_fd *one = open_fd(ends[0]);
  xio_fd *other = open_fd(ends[0]);
  assert_ptr_equal(xio_fd_loop(one), world.loop);
  WATCH(reader, .fd = one);
  WATCH(second, .fd = other);
  WATCH(third, .number = ends[0]);
  assert_int_equal(second.begun, XIO_EBUSY);
  assert_int_equal(third.begun, XIO_EBUSY);
  xio_fd_close(other); /* nobody waits through it */
  turn();
  assert_int_equal(reader.status, NOT_YET);
  put(ends[1], "x");
  turn();
  assert_int_equal(reader.status, XIO_OK);
  xio_fd_close(one);
  end_with_pipe();
}

static void many_numbers_at_once(void **state) {
  (void)state;
  enum { MANY = 150 }; /* more than are taken from the kernel at once */
  static watcher readers[MANY];
  static int pipes[MANY][2];
  begin_real_world();
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(pipe(pipes[i]), 0);
    readers[i] = (watcher){.number = pipes[i][0]};
    start_watcher(&readers[i]);
  }
  uint32_t handles = world.loop->handles;
  turn();
  turn();
  turn();
  assert_int_equal(world.loop->handles, handles + 1);
  for (int i = 0; i < MANY; i++) put(pipes[i][1], "x");
  run_world(&world);
  for (int i = 0; i < MANY; i++) {
    assert_int_equal(readers[i].status, XIO_OK);
    close(pipes[i][0]);
    close(pipes[i][1]);
  }
  end_world(&world);
}

static void regular_files_are_always_ready(void **state) {
  (void)state;
  begin_real_world();
  char path[] = "/tmp/xio-fd-XXXXXX";
  int numbers[] = {mkstemp(path), open("/dev/null", O_RDWR), open("/", O_RDONLY)};
  unlink(path);
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    assert_true(numbers[i] >= 0);
    assert_int_equal(xio_fd_ready(numbers[i], XIO_FD_READ), XIO_OK);
    assert_int_equal(xio_fd_ready(numbers[i], XIO_FD_WRITE), XIO_OK);
    xio_fd *fd = open_fd(numbers[i]);
    assert_int_equal(xio_fd_verify(fd), XIO_OK);
    watcher by_fd = {.fd = fd};
    watcher by_number = {.number = numbers[i], .side = XIO_FD_WRITE, .limit = MS};
    start_watcher(&by_fd);
    start_watcher(&by_number);
    run_world(&world);
    assert_int_equal(by_fd.status, XIO_OK);
    assert_int_equal(by_number.status, XIO_OK);
    xio_fd_close(fd);
    close(numbers[i]);
  }
  end_world(&world);
}

/* -- ways to end a wait -------------------------------------------------------------- */

static void cancelled_wait_leaves_the_bytes(void **state) {
  (void)state;
  begin_with_pipe();
  WATCH(reader, .number = ends[0]);
  xio_scope_cancel(&reader.core.own, XIO_SOURCE_CANCEL);
  assert_false(turn());
  assert_int_equal(reader.status, XIO_ECANCELED);
  put(ends[1], "kept");
  ctask *other = ctask_spawn(&world, forever, 0);
  turn(); /* the interest that is still armed finds nobody, once */
  int epoll = uv_backend_fd(world.loop->uv);
  assert_int_equal(xio_fd_ready(epoll, XIO_FD_READ), XIO_EAGAIN); /* it does not spin */
  WATCH(again, .number = ends[0]);
  turn();
  assert_int_equal(again.status, XIO_OK);
  assert_reads(ends[0], "kept");
  xio_scope_cancel(&other->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  end_with_pipe();
}

static void limit_ends_the_wait(void **state) {
  (void)state;
  begin_world(&world);
  assert_int_equal(pipe(ends), 0);
  watcher reader = {.number = ends[0], .limit = 5 * MS};
  start_watcher(&reader);
  run_world(&world);
  assert_int_equal(reader.status, XIO_ETIMEDOUT);
  assert_int_equal(time_of(&world), 5 * MS);
  watcher again = {.number = ends[0], .limit = 5 * MS};
  put(ends[1], "x");
  start_watcher(&again);
  run_world(&world);
  assert_int_equal(again.status, XIO_OK);
  assert_int_equal(time_of(&world), 5 * MS);
  end_with_pipe();
}

static void closing_wakes_who_waits_through_it(void **state) {
  (void)state;
  begin_with_sockets();
  fill(ends[0]);
  xio_fd *fd = open_fd(ends[0]);
  WATCH(reader, .fd = fd);
  WATCH(writer, .fd = fd, .side = XIO_FD_WRITE);
  xio_fd_close(fd);
  run_world(&world);
  assert_int_equal(reader.status, XIO_ECLOSED);
  assert_int_equal(writer.status, XIO_ECLOSED);
  put(ends[1], "x");
  assert_reads(ends[0], "x"); /* the number itself stays open */
  end_with_pipe();
}

static void loop_that_closes_lets_everybody_go(void **state) {
  (void)state;
  int lowest = lowest_free_number();
  begin_with_pipe();
  xio_fd *fd = open_fd(ends[0]);
  WATCH(reader, .fd = fd);
  WATCH(writer, .number = ends[1]);
  ctask_spawn(&world, forever, 0);
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_int_equal(reader.status, XIO_ECANCELED);
  assert_int_equal(writer.status, XIO_ECANCELED);
  assert_null(xio_fd_loop(fd));
  assert_int_equal(xio_fd_verify(fd), XIO_ECLOSED);
  xio_task task;
  assert_int_equal(xio_fd_wait(fd, XIO_FD_READ, &task, XIO_NEVER), XIO_ECLOSED);
  xio_fd_close(fd);
  end_with_pipe();
  assert_int_equal(lowest_free_number(), lowest);
}

static void hosts_loop_frees_it_when_libuv_has_let_go(void **state) {
  (void)state;
  uv_loop_t uv;
  assert_int_equal(uv_loop_init(&uv), 0);
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){.uv = &uv}), XIO_OK);
  assert_int_equal(pipe(ends), 0);
  put(ends[1], "x");
  watcher reader = {.number = ends[0]};
  start_watcher(&reader);
  run_world(&world);
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_int_not_equal(world.memory.bytes, 0);
  uv_run(&uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&uv), 0);
  end_with_pipe();
}

static void only_waiting_keeps_a_deadlock_away(void **state) {
  (void)state;
  begin_with_pipe();
  xio_fd *fd = open_fd(ends[0]);
  ctask *task = ctask_spawn(&world, forever, 0);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  WATCH(reader, .fd = fd);
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  bool stalled = true;
  xio_loop_step(world.loop, 0, &stalled);
  assert_false(stalled);
  put(ends[1], "x");
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  assert_int_equal(reader.status, XIO_OK);
  xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  xio_fd_close(fd);
  end_with_pipe();
}

/* -- numbers that change hands ------------------------------------------------------- */

static void number_that_is_not_open_is_refused(void **state) {
  (void)state;
  begin_real_world();
  int lowest = lowest_free_number();
  size_t bytes = world.memory.bytes;
  xio_fd *fd = NULL;
  char byte = 0;
  assert_int_equal(xio_fd_open(&fd, world.loop, lowest), XIO_EBADF);
  assert_int_equal(xio_fd_open(&fd, world.loop, -1), XIO_EBADF);
  WATCH(reader, .number = lowest);
  assert_int_equal(reader.begun, XIO_EBADF);
  assert_int_equal(xio_fd_ready(lowest, XIO_FD_READ), XIO_EBADF);
  assert_int_equal(xio_fd_read(lowest, &byte, 1), XIO_EBADF);
  assert_int_equal(xio_fd_write(lowest, &byte, 1), XIO_EBADF);
  assert_false(xio_fd_waited(world.loop, lowest, XIO_FD_READ));
  assert_int_equal(world.memory.bytes, bytes);
  end_world(&world);
}

static void closed_behind_our_back_can_be_cancelled(void **state) {
  (void)state;
  begin_with_pipe();
  WATCH(reader, .number = ends[0]);
  close(ends[0]);
  turn();
  assert_int_equal(reader.status, NOT_YET);
  WATCH(writer, .number = ends[0], .side = XIO_FD_WRITE);
  assert_int_equal(writer.begun, XIO_EBADF);
  turn();
  xio_scope_cancel(&reader.core.own, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(reader.status, XIO_ECANCELED);
  ends[0] = dup(ends[1]);
  end_with_pipe();
}

static void reused_number_is_noticed(void **state) {
  (void)state;
  begin_with_pipe();
  xio_fd *old = open_fd(ends[0]);
  WATCH(reader, .fd = old);
  int other[2];
  assert_int_equal(pipe(other), 0);
  assert_int_equal(dup2(other[0], ends[0]),
                   ends[0]); /* another pipe by the same number */
  put(other[1], "new");
  WATCH(user, .number = ends[0]);
  assert_int_equal(user.begun, XIO_OK); /* who waits for the other keeps nobody away */
  turn();
  assert_int_equal(reader.status, XIO_EBADF);
  assert_int_equal(xio_fd_verify(old), XIO_EBADF);
  WATCH(again, .fd = old);
  assert_int_equal(again.begun, XIO_EBADF);
  xio_fd_close(old); /* does not disturb the new user */
  turn();
  assert_int_equal(user.status, XIO_OK);
  assert_reads(ends[0], "new");
  close(other[0]);
  close(other[1]);
  end_with_pipe();
}

/* The file lives on elsewhere and so stays in the epoll set, where nobody can reach it:
 * what it tells is not taken for news of the number's new file. */
static void events_of_the_former_file_are_passed_over(void **state) {
  (void)state;
  begin_with_pipe();
  WATCH(reader, .number = ends[0]);
  int kept = dup(ends[0]);
  int other[2];
  assert_int_equal(pipe(other), 0);
  assert_int_equal(dup2(other[0], ends[0]), ends[0]);
  xio_scope_cancel(&reader.core.own, XIO_SOURCE_CANCEL);
  turn();
  WATCH(user, .number = ends[0]);
  put(ends[1], "for nobody");
  turn();
  turn();
  assert_int_equal(user.status, NOT_YET);
  put(other[1], "x");
  turn();
  assert_int_equal(user.status, XIO_OK);
  close(kept);
  close(other[0]);
  close(other[1]);
  end_with_pipe();
}

/* -- when something is out ----------------------------------------------------------- */

static void every_allocation_may_fail(void **state) {
  (void)state;
  for (uint64_t n = 1;; n++) {
    begin_with_pipe();
    int lowest = lowest_free_number();
    size_t bytes = world.memory.bytes;
    xio_fd *fd = NULL;
    counting_fail(&world.memory, COUNTING_ONCE, n);
    int status = xio_fd_open(&fd, world.loop, ends[0]);
    bool failed = world.memory.failures != 0;
    counting_fail(&world.memory, COUNTING_NEVER, 0);
    assert_int_equal(status, failed ? XIO_ENOMEM : XIO_OK);
    if (n == 1) { /* nothing was made at all */
      assert_int_equal(world.memory.bytes, bytes);
      assert_int_equal(lowest_free_number(), lowest);
    }
    if (failed) assert_int_equal(xio_fd_open(&fd, world.loop, ends[0]), XIO_OK);
    watcher reader = {.fd = fd, .limit = 60000 * MS};
    start_watcher(&reader);
    counting_fail(&world.memory, COUNTING_ONCE, 1); /* the timer's room in the heap */
    turn();
    counting_fail(&world.memory, COUNTING_NEVER, 0);
    assert_int_equal(reader.begun, XIO_ENOMEM);
    put(ends[1], "x");
    WATCH(again, .fd = fd, .limit = 60000 * MS);
    run_world(&world);
    assert_int_equal(again.status, XIO_OK);
    xio_fd_close(fd);
    end_with_pipe();
    if (!failed) break;
    assert_true(n < 100);
  }
}

static void without_descriptors_it_is_an_ordinary_status(void **state) {
  (void)state;
  begin_with_pipe();
  struct rlimit before;
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit none = before;
  none.rlim_cur = (rlim_t)lowest_free_number();
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  xio_fd *fd = NULL;
  int status = xio_fd_open(&fd, world.loop, ends[0]);
  WATCH(reader, .number = ends[0]);
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(status, -EMFILE);
  assert_int_equal(reader.begun, -EMFILE);
  put(ends[1], "x");
  watcher again = {.number = ends[0]};
  start_watcher(&again);
  run_world(&world);
  assert_int_equal(again.status, XIO_OK);
  end_with_pipe();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_wake_the_reader),
      cmocka_unit_test(what_is_ready_already_wakes_too),
      cmocka_unit_test(end_of_the_stream_wakes_the_reader),
      cmocka_unit_test(room_and_a_lost_reader_wake_the_writer),
      cmocka_unit_test(one_reader_and_one_writer_at_a_time),
      cmocka_unit_test(registrations_of_one_number_share_its_sides),
      cmocka_unit_test(many_numbers_at_once),
      cmocka_unit_test(regular_files_are_always_ready),
      cmocka_unit_test(cancelled_wait_leaves_the_bytes),
      cmocka_unit_test(limit_ends_the_wait),
      cmocka_unit_test(closing_wakes_who_waits_through_it),
      cmocka_unit_test(loop_that_closes_lets_everybody_go),
      cmocka_unit_test(hosts_loop_frees_it_when_libuv_has_let_go),
      cmocka_unit_test(only_waiting_keeps_a_deadlock_away),
      cmocka_unit_test(number_that_is_not_open_is_refused),
      cmocka_unit_test(closed_behind_our_back_can_be_cancelled),
      cmocka_unit_test(reused_number_is_noticed),
      cmocka_unit_test(events_of_the_former_file_are_passed_over),
      cmocka_unit_test(every_allocation_may_fail),
      cmocka_unit_test(without_descriptors_it_is_an_ordinary_status),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
