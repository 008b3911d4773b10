/* fd: reading and writing that neither block nor raise SIGPIPE, and io files. Waiting is
 * in test_fd.c. No loop is needed here. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../core/fd.h"
#include "../support/unit.h"

static int ends[2];

static void open_ends(bool sockets) {
  int status = sockets ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends);
  assert_int_equal(status, 0);
}

static void close_ends(void) {
  close(ends[0]);
  close(ends[1]);
}

static void assert_reads(int number, const char *text) {
  char bytes[64] = {0};
  assert_int_equal(xio_fd_read(number, bytes, sizeof bytes - 1), (int64_t)strlen(text));
  assert_string_equal(bytes, text);
}

/* Fills what `number` writes to, as its kernel lets us without waiting. */
static int64_t fill(int number) {
  static char bytes[40 * 1000]; /* does not divide what a pipe holds */
  int64_t sum = 0;
  for (;;) {
    int64_t count = xio_fd_write(number, bytes, sizeof bytes);
    if (count == XIO_EAGAIN) return sum;
    assert_true(count > 0);
    sum += count;
  }
}

static void neither_reading_nor_writing_blocks(void **state) {
  (void)state;
  for (int sockets = 0; sockets <= 1; sockets++) {
    char byte = 0;
    open_ends(sockets != 0);
    errno = EINTR; /* of another call */
    assert_int_equal(xio_fd_ready(ends[0], XIO_FD_READ), XIO_EAGAIN);
    assert_int_equal(xio_fd_read(ends[0], &byte, 1), XIO_EAGAIN);
    assert_int_equal(xio_fd_ready(ends[1], XIO_FD_WRITE), XIO_OK);
    assert_true(fill(ends[1]) > 0);
    assert_int_equal(xio_fd_ready(ends[1], XIO_FD_WRITE), XIO_EAGAIN);
    assert_int_equal(xio_fd_ready(ends[0], XIO_FD_READ), XIO_OK);
    close_ends();
  }
}

static void whole_page_is_free_when_a_pipe_takes_anything(void **state) {
  (void)state;
  open_ends(false);
  static char bytes[PIPE_BUF];
  fill(ends[1]);
  assert_int_equal(xio_fd_read(ends[0], bytes, 100), 100);
  assert_int_equal(xio_fd_write(ends[1], bytes, sizeof bytes), XIO_EAGAIN);
  assert_int_equal(xio_fd_read(ends[0], bytes, sizeof bytes - 100), sizeof bytes - 100);
  assert_int_equal(xio_fd_write(ends[1], bytes, sizeof bytes), sizeof bytes);
  close_ends();
}

static volatile sig_atomic_t sigpipes;

static void count_sigpipe(int number) {
  (void)number;
  sigpipes = sigpipes + 1;
}

static void lost_reader_is_a_status_and_no_signal(void **state) {
  (void)state;
  const struct sigaction handler = {.sa_handler = count_sigpipe};
  struct sigaction before;
  struct sigaction after;
  sigset_t mask;
  assert_int_equal(sigaction(SIGPIPE, &handler, &before), 0);
  for (int sockets = 0; sockets <= 1; sockets++) {
    open_ends(sockets != 0);
    close(ends[0]);
    sigpipes = 0;
    assert_int_equal(xio_fd_write(ends[1], "x", 1), -EPIPE);
    FILE *file = fdopen(dup(ends[1]), "w");
    assert_int_equal(fputs("x", file) < 0, false);
    if (!sockets) assert_int_equal(xio_fd_flush(file, XIO_FD_WRITE), -EPIPE);
    assert_int_equal(sigpipes, 0);
    assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask), 0);
    assert_int_equal(sigismember(&mask, SIGPIPE), 0);
    assert_int_equal(raise(SIGPIPE), 0); /* one of the host's own comes as ever */
    assert_int_equal(sigpipes, 1);
    (void)fclose(file); /* still has the byte */
    ends[0] = dup(0);
    close_ends();
  }
  assert_int_equal(sigaction(SIGPIPE, &before, &after), 0);
  assert_true(after.sa_handler == count_sigpipe);
}

static void sigpipe_that_waits_for_the_host_stays(void **state) {
  (void)state;
  const struct sigaction handler = {.sa_handler = count_sigpipe};
  struct sigaction before;
  sigset_t block;
  sigset_t mask;
  assert_int_equal(sigaction(SIGPIPE, &handler, &before), 0);
  sigemptyset(&block);
  sigaddset(&block, SIGPIPE);
  assert_int_equal(pthread_sigmask(SIG_BLOCK, &block, &mask), 0);
  sigpipes = 0;
  assert_int_equal(raise(SIGPIPE), 0);
  open_ends(false);
  close(ends[0]);
  assert_int_equal(xio_fd_write(ends[1], "x", 1), -EPIPE);
  assert_int_equal(pthread_sigmask(SIG_SETMASK, &mask, NULL), 0);
  assert_int_equal(sigpipes, 1);
  ends[0] = dup(0);
  close_ends();
  assert_int_equal(sigaction(SIGPIPE, &before, NULL), 0);
}

static void descriptor_goes_on_where_the_file_stands(void **state) {
  (void)state;
  FILE *file = tmpfile();
  assert_non_null(file);
  assert_true(fputs("line 1\nline 2\n", file) >= 0);
  assert_int_equal(xio_fd_flush(file, XIO_FD_WRITE), XIO_OK);
  assert_int_equal(xio_fd_write(fileno(file), "line 3\n", 7), 7);
  rewind(file);
  char line[16];
  assert_non_null(fgets(line, sizeof line, file)); /* has read ahead to the end */
  assert_int_equal(xio_fd_flush(file, XIO_FD_READ), XIO_OK);
  assert_reads(fileno(file), "line 2\nline 3\n");
  assert_int_equal(fclose(file), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(neither_reading_nor_writing_blocks),
      cmocka_unit_test(whole_page_is_free_when_a_pipe_takes_anything),
      cmocka_unit_test(lost_reader_is_a_status_and_no_signal),
      cmocka_unit_test(sigpipe_that_waits_for_the_host_stays),
      cmocka_unit_test(descriptor_goes_on_where_the_file_stands),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
