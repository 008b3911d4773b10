/* stream, socket, listener: bytes in both directions, ends, writes cut short, connecting
 * and accepting, names and options; with C tasks. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../core/listener.h"
#include "../faults/wrap.h"
#include "../support/unit.h"

static ctask_world world;
static xio_stream *a, *b;
static xio_listener *listener;

static void begin_bare(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  a = b = NULL;
  listener = NULL;
}

static void begin(void) {
  begin_bare();
  xio_stream *pair[2];
  assert_int_equal(xio_stream_pair(pair, world.loop), XIO_OK);
  a = pair[0];
  b = pair[1];
}

static void end(void) {
  if (a != NULL) xio_stream_release(a);
  if (b != NULL) xio_stream_release(b);
  if (listener != NULL) xio_listener_release(listener);
  end_world(&world);
}

static void assert_reads(xio_stream *stream, const char *text) {
  char bytes[100];
  assert_int_equal(xio_stream_read(stream, bytes, sizeof bytes), (int64_t)strlen(text));
  assert_memory_equal(bytes, text, strlen(text));
}

static int64_t put(xio_stream *stream, const char *text) {
  return xio_stream_write(stream, text, strlen(text));
}

/* Fills the stream; how many bytes. */
static int64_t stuff(xio_stream *stream) {
  static const char block[8192];
  int64_t sum = 0;
  for (int64_t count; (count = xio_stream_write(stream, block, sizeof block)) > 0;) {
    sum += count;
  }
  return sum;
}

static int read_status(xio_stream *stream) {
  char byte = 0;
  int64_t count = xio_stream_read(stream, &byte, 1);
  return count > 0 ? 1 : (int)count;
}

static bool wait_read(ctask *self) {
  return xio_stream_wait(b, XIO_FD_READ, &self->core) != XIO_OK;
}

static bool wait_write(ctask *self) {
  return xio_stream_wait(a, XIO_FD_WRITE, &self->core) != XIO_OK;
}

static void note_status(ctask *self) {
  world.notes[world.note_count++] = (uint32_t)-self->last_status;
}

static const ctask_op reading[] = {CTASK_WAIT(wait_read), CTASK_CALL(note_status),
                                   CTASK_END};
static const ctask_op writing[] = {CTASK_WAIT(wait_write), CTASK_CALL(note_status),
                                   CTASK_END};
static const ctask_op quitting[] = {CTASK_SCOPE(.name = 1), CTASK_WAIT(wait_write),
                                    CTASK_CLOSE, CTASK_END};

static void start(const ctask_op *program) {
  assert_non_null(ctask_spawn(&world, program, 0));
  step_world(&world);
}

static void turn(void) {
  xio_loop_poll(world.loop);
  step_world(&world);
}

static void bytes_go_both_ways(void **state) {
  (void)state;
  begin();
  assert_int_equal(read_status(b), XIO_EAGAIN);
  assert_int_equal(put(a, "hello"), 5);
  assert_int_equal(put(b, "back"), 4);
  assert_int_equal(put(a, ""), 0);
  assert_reads(b, "hello");
  assert_reads(a, "back");
  assert_int_equal(a->written, 5);
  assert_true(xio_stream_drained(b, 5, 100));
  assert_false(xio_stream_drained(b, 5, 5));
  end();
}

static void waits_end_when_bytes_or_room_come(void **state) {
  (void)state;
  begin();
  start(reading);
  turn();
  assert_int_equal(world.note_count, 0);
  int64_t sum = stuff(a);
  turn();
  ASSERT_NOTES(&world, 0);
  start(writing);
  turn();
  ASSERT_NOTES(&world, 0);
  static char block[8192];
  for (int64_t count; (count = xio_stream_read(b, block, sizeof block)) > 0;) {
    sum -= count;
  }
  assert_int_equal(sum, 0);
  turn();
  ASSERT_NOTES(&world, 0, 0);
  end();
}

static void shutdown_ends_one_direction(void **state) {
  (void)state;
  begin();
  put(a, "last");
  assert_int_equal(xio_stream_shutdown(a), XIO_OK);
  assert_int_equal(xio_stream_shutdown(a), XIO_OK);
  assert_int_equal(put(a, "x"), XIO_ECLOSED);
  assert_reads(b, "last");
  for (int i = 0; i < 2; i++) assert_int_equal(read_status(b), XIO_EOF);
  put(b, "answer");
  assert_reads(a, "answer");
  end();
}

static void close_wakes_with_closed(void **state) {
  (void)state;
  begin();
  start(reading);
  assert_true(xio_stream_is_open(b));
  assert_true(xio_stream_close(b));
  assert_false(xio_stream_close(b));
  assert_false(xio_stream_is_open(b));
  turn();
  ASSERT_NOTES(&world, (uint32_t)-XIO_ECLOSED);
  assert_int_equal(read_status(b), XIO_ECLOSED);
  assert_int_equal(put(b, "x"), XIO_ECLOSED);
  assert_int_equal(xio_stream_shutdown(b), XIO_ECLOSED);
  assert_int_equal(read_status(a), XIO_EOF);
  assert_int_equal(put(a, "x"), -EPIPE);
  end();
}

static void message_cut_short_breaks_the_writing(void **state) {
  (void)state;
  begin();
  stuff(a);
  start(quitting); /* nothing of its message is out */
  assert_true(xio_stream_waited(a, XIO_FD_WRITE));
  xio_scope_cancel(world.scopes[1], XIO_SOURCE_CANCEL);
  turn();
  assert_false(xio_stream_waited(a, XIO_FD_WRITE));
  assert_false(a->cut);
  a->partial = true;
  start(quitting);
  xio_scope_cancel(world.scopes[1], XIO_SOURCE_CANCEL);
  turn();
  assert_true(a->cut);
  assert_int_equal(put(a, "x"), XIO_ECANCELED);
  put(b, "still");
  assert_reads(a, "still");
  end();
}

static void pipes_go_one_way(void **state) {
  (void)state;
  begin_bare();
  xio_stream *pair[2];
  assert_int_equal(xio_stream_pipe(pair, world.loop), XIO_OK);
  a = pair[1];
  b = pair[0];
  put(a, "x");
  assert_reads(b, "x");
  assert_int_equal(put(b, "x"), XIO_EBADF);
  assert_int_equal(read_status(a), XIO_EBADF);
  start(reading);
  assert_int_equal(xio_stream_shutdown(a), XIO_OK);
  assert_true(xio_stream_is_open(a));
  assert_int_equal(put(a, "x"), XIO_ECLOSED);
  turn();
  ASSERT_NOTES(&world, 0);
  assert_int_equal(read_status(b), XIO_EOF);
  assert_true(xio_stream_close(a));
  xio_stream_close(b);
  end();
}

static void shared_stream_leaves_its_descriptor_alone(void **state) {
  (void)state;
  begin_bare();
  int numbers[2];
  assert_int_equal(pipe(numbers), 0);
  assert_int_equal(xio_stream_share(&b, &world.loop->alloc, numbers[0], NULL), XIO_OK);
  assert_int_equal(xio_stream_share(&a, &world.loop->alloc, numbers[1], NULL), XIO_OK);
  start(reading);
  assert_true(xio_stream_waited(b, XIO_FD_READ));
  put(a, "x");
  turn();
  ASSERT_NOTES(&world, 0);
  assert_reads(b, "x");
  assert_int_equal(read_status(b), XIO_EAGAIN);
  assert_int_equal(fcntl(numbers[0], F_GETFL) & O_NONBLOCK, 0);
  start(reading);
  assert_true(xio_stream_close(b)); /* wakes, and puts the null device there */
  turn();
  ASSERT_NOTES(&world, 0, (uint32_t)-XIO_ECLOSED);
  assert_int_equal(put(a, "x"), -EPIPE);
  struct stat about;
  assert_int_equal(fstat(numbers[0], &about), 0);
  assert_true(S_ISCHR(about.st_mode));
  end();
  for (int i = 0; i < 2; i++) assert_int_equal(close(numbers[i]), 0);
  world = (ctask_world){0};
  begin_bare();
  assert_int_equal(xio_stream_share(&a, &world.loop->alloc, 12345, NULL), XIO_EBADF);
  end();
}

static const xio_listener_opts listening = {.backlog = 8, .mode = -1};

static xio_address local_address(void) {
  xio_address address;
  assert_int_equal(xio_address_parse(&address, "127.0.0.1", 9, 0), XIO_OK);
  return address;
}

static bool wait_connected(ctask *self) {
  return xio_stream_wait_connected(a, &self->core) != XIO_OK;
}

static bool wait_accept(ctask *self) {
  return xio_listener_wait(listener, &self->core) != XIO_OK;
}

static const ctask_op connecting[] = {CTASK_WAIT(wait_connected), CTASK_CALL(note_status),
                                      CTASK_END};
static const ctask_op accepting[] = {CTASK_WAIT(wait_accept), CTASK_CALL(note_status),
                                     CTASK_END};

static void connects_and_accepts(void **state) {
  (void)state;
  begin_bare();
  xio_address address = local_address();
  const xio_address any = {.size = 0};
  const xio_socket_opts opts = {.nodelay = true, .keepalive = 20};
  assert_int_equal(xio_listener_open(&listener, world.loop, &address, &listening),
                   XIO_OK);
  assert_int_equal(xio_listener_accept(listener, &b), XIO_EAGAIN);
  start(accepting);
  assert_int_equal(xio_socket_name(listener->handle.number, &address), XIO_OK);
  int status = xio_stream_connect(&a, world.loop, &address, &any, &opts);
  assert_true(status == XIO_OK || status == -EINPROGRESS);
  start(connecting);
  turn();
  assert_true(world.note_count >= 1);
  assert_int_equal(xio_socket_error(a->handle.number), 0);
  assert_int_equal(xio_listener_accept(listener, &b), XIO_OK);
  xio_address peer;
  assert_int_equal(xio_socket_peername(a->handle.number, &peer), XIO_OK);
  assert_int_equal(xio_address_port(&peer), xio_address_port(&address));
  put(a, "over tcp");
  turn();
  assert_reads(b, "over tcp");
  xio_listener_close(listener);
  assert_int_equal(xio_listener_accept(listener, &b), XIO_ECLOSED);
  end();
}

static void refused_connection_leaves_nothing(void **state) {
  (void)state;
  begin_bare();
  xio_address address = local_address();
  const xio_address any = {.size = 0};
  const xio_socket_opts opts = {0};
  assert_int_equal(xio_listener_open(&listener, world.loop, &address, &listening),
                   XIO_OK);
  assert_int_equal(xio_socket_name(listener->handle.number, &address), XIO_OK);
  assert_true(xio_listener_close(listener));
  xio_listener_release(listener);
  int status = xio_stream_connect(&a, world.loop, &address, &any, &opts);
  if (status == -EINPROGRESS) {
    start(connecting);
    turn();
    assert_int_equal(xio_socket_error(a->handle.number), -ECONNREFUSED);
  } else {
    assert_int_equal(status, -ECONNREFUSED);
    a = NULL;
  }
  assert_int_equal(xio_address_unix(&address, "/nowhere/x", 10), XIO_OK);
  xio_stream *none = NULL;
  assert_int_equal(xio_stream_connect(&none, world.loop, &address, &any, &opts), -ENOENT);
  assert_int_equal(xio_listener_open(&listener, world.loop, &address, &listening),
                   -ENOENT);
  listener = NULL;
  end();
}

static void no_memory_means_nothing_was_made(void **state) {
  (void)state;
  begin();
  int free_number = dup(0);
  close(free_number);
  counting_fail(&world.memory, COUNTING_FROM, 1);
  xio_stream *pair[2];
  xio_address address = local_address();
  assert_int_equal(xio_stream_pair(pair, world.loop), XIO_ENOMEM);
  assert_int_equal(xio_listener_open(&listener, world.loop, &address, &listening),
                   XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_ONCE, 2);
  assert_int_equal(xio_stream_pipe(pair, world.loop), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  listener = NULL;
  int number = dup(0);
  close(number);
  assert_int_equal(number, free_number);
  end();
}

static void shared_stream_knows_each_loop_that_waits(void **state) {
  (void)state;
  begin_bare();
  int numbers[2];
  xio_allocator heap = xio_alloc_default();
  assert_int_equal(pipe(numbers), 0);
  assert_int_equal(xio_stream_share(&b, &heap, numbers[0], NULL), XIO_OK);
  start(reading);
  ctask_world inner = {0};
  assert_int_equal(ctask_world_open(&inner, (xio_loop_opts){0}), XIO_OK);
  ctask_spawn(&inner, reading, 0);
  bool stalled = false;
  xio_loop_step(inner.loop, 0, &stalled); /* the place of the second loop */
  xio_loop_close(inner.loop);             /* its place is forgotten by the next wait */
  inner.loop = NULL;
  assert_true(xio_stream_waited(b, XIO_FD_READ));
  assert_false(xio_stream_waited(b, XIO_FD_WRITE));
  xio_scope_cancel(&world.loop->root.scope, XIO_SOURCE_CANCEL);
  turn();
  assert_false(xio_stream_waited(b, XIO_FD_READ));
  xio_loop_renew(world.loop);
  assert_int_equal(write(numbers[1], "x", 1), 1);
  start(reading);
  turn();
  assert_reads(b, "x");
  assert_null(ctask_world_end(&inner));
  assert_true(xio_stream_close(b));
  end();
  for (int i = 0; i < 2; i++) assert_int_equal(close(numbers[i]), 0);
}

static void shared_stream_ends_as_its_descriptor_does(void **state) {
  (void)state;
  begin_bare();
  int numbers[2];
  assert_int_equal(pipe(numbers), 0);
  assert_int_equal(xio_stream_share(&b, &world.loop->alloc, numbers[0], NULL), XIO_OK);
  assert_int_equal(xio_stream_share(&a, &world.loop->alloc, numbers[1], NULL), XIO_OK);
  assert_int_equal(put(b, "x"), XIO_EBADF); /* it cannot be written to */
  assert_int_equal(read_status(a), XIO_EBADF);
  assert_int_equal(put(a, ""), 0);
  assert_int_equal(xio_stream_shutdown(a), XIO_OK);
  assert_int_equal(xio_stream_shutdown(a), XIO_OK);
  assert_int_equal(put(a, "x"), XIO_ECLOSED);
  assert_int_equal(read_status(b), XIO_EOF);
  assert_true(xio_stream_close(a)); /* the null device is there already */
  assert_false(xio_stream_close(a));
  assert_int_equal(xio_stream_shutdown(a), XIO_ECLOSED);
  assert_int_equal(read_status(a), XIO_ECLOSED);
  start(writing); /* there is nothing to wait for */
  turn();
  ASSERT_NOTES(&world, 0);
  wrap_refuse("open", 0, EMFILE);
  assert_true(xio_stream_close(b)); /* there is no null device: it stays as it was */
  assert_true(wrap_disarm());
  struct stat about;
  assert_int_equal(fstat(numbers[0], &about), 0);
  assert_true(S_ISFIFO(about.st_mode));
  end();
  for (int i = 0; i < 2; i++) assert_int_equal(close(numbers[i]), 0);
}

static void shared_stream_writes_what_stdio_has_kept_first(void **state) {
  (void)state;
  begin_bare();
  int numbers[2];
  assert_int_equal(pipe(numbers), 0);
  FILE *file = fdopen(numbers[1], "w");
  assert_non_null(file);
  assert_int_equal(xio_stream_share(&a, &world.loop->alloc, numbers[1], file), XIO_OK);
  assert_int_equal(xio_stream_share(&b, &world.loop->alloc, numbers[0], NULL), XIO_OK);
  assert_true(fputs("kept ", file) >= 0);
  assert_int_equal(put(a, "x"), 1);
  assert_reads(b, "kept x");
  assert_true(fputs("more", file) >= 0);
  wrap_refuse("fstat", 1, EIO);
  assert_int_equal(put(a, "y"), -EIO);
  assert_true(wrap_disarm());
  assert_int_equal(put(a, "y"), 1);
  assert_reads(b, "morey");
  end();
  assert_int_equal(fclose(file), 0);
  assert_int_equal(close(numbers[0]), 0);
}

static int option(int number, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  assert_int_equal(getsockopt(number, level, name, &value, &size), 0);
  return value;
}

static void signs_of_life_are_asked_for(void **state) {
  (void)state;
  const xio_socket_opts opts = {.keepalive = 20};
  int number = xio_socket_make(AF_INET, SOCK_STREAM, &opts);
  assert_true(number >= 0);
  assert_int_equal(option(number, SOL_SOCKET, SO_KEEPALIVE), 1);
  assert_int_equal(option(number, IPPROTO_TCP, TCP_KEEPIDLE), 20);
  assert_int_equal(option(number, IPPROTO_TCP, TCP_KEEPINTVL), 1);
  assert_int_equal(option(number, IPPROTO_TCP, TCP_KEEPCNT), 10);
  assert_int_equal(xio_socket_keepalive(number, UINT32_MAX), XIO_OK);
  assert_int_equal(option(number, IPPROTO_TCP, TCP_KEEPIDLE), INT16_MAX);
  assert_int_equal(xio_socket_keepalive(number, 0), XIO_OK);
  assert_int_equal(option(number, SOL_SOCKET, SO_KEEPALIVE), 0);
  assert_int_equal(close(number), 0);
  number = xio_socket_make(AF_INET, SOCK_DGRAM, &opts); /* they are of TCP only */
  assert_int_equal(option(number, SOL_SOCKET, SO_KEEPALIVE), 0);
  assert_int_equal(xio_socket_keepalive(number, 5), XIO_OK);
  assert_int_equal(option(number, SOL_SOCKET, SO_KEEPALIVE), 0);
  assert_int_equal(close(number), 0);
}

static void shared_stream_reads_a_file_that_no_stdio_has(void **state) {
  (void)state;
  char bytes[8];
  xio_stream *shared = NULL;
  FILE *made = tmpfile();
  assert_non_null(made);
  xio_allocator heap = xio_alloc_default();
  assert_int_equal(write(fileno(made), "text", 4), 4);
  assert_int_equal(lseek(fileno(made), 0, SEEK_SET), 0);
  assert_int_equal(xio_stream_share(&shared, &heap, fileno(made), NULL), XIO_OK);
  assert_int_equal(xio_stream_read(shared, bytes, sizeof bytes), 4);
  assert_memory_equal(bytes, "text", 4);
  xio_stream_release(shared);
  assert_int_equal(fclose(made), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(bytes_go_both_ways),
      cmocka_unit_test(waits_end_when_bytes_or_room_come),
      cmocka_unit_test(shutdown_ends_one_direction),
      cmocka_unit_test(close_wakes_with_closed),
      cmocka_unit_test(message_cut_short_breaks_the_writing),
      cmocka_unit_test(pipes_go_one_way),
      cmocka_unit_test(shared_stream_leaves_its_descriptor_alone),
      cmocka_unit_test(connects_and_accepts),
      cmocka_unit_test(refused_connection_leaves_nothing),
      cmocka_unit_test(no_memory_means_nothing_was_made),
      cmocka_unit_test(shared_stream_knows_each_loop_that_waits),
      cmocka_unit_test(shared_stream_ends_as_its_descriptor_does),
      cmocka_unit_test(shared_stream_reads_a_file_that_no_stdio_has),
      cmocka_unit_test(shared_stream_writes_what_stdio_has_kept_first),
      cmocka_unit_test(signs_of_life_are_asked_for),
  };
  return cmocka_run_group_tests_name("stream", tests, NULL, NULL);
}
