/* refusal_files: files, paths and watches whose memory is refused and whose calls of the
 * system fail (refusal.h). */
#include <fcntl.h>

#include "../../core/file.h"
#include "../../core/path.h"
#include "../../core/watch.h"
#include "../support/refusal.h"

/* -- makers: files ------------------------------------------------------------------- */

static xio_file *file;
static xio_file_call file_call;
static xio_file_request *file_request;

static int begin_file(xio_task *task) {
  return xio_file_begin(&file_request, file, task, &file_call);
}

static void take_file(xio_task *task, int status) {
  (void)task;
  if (status != XIO_OK) return;
  int64_t result = xio_file_take(file_request, NULL);
  if (result < 0) ended = (int)result;
}

static int run_file(xio_file_call call) {
  file_call = call;
  return run_wait(begin_file, take_file);
}

static int begin_file_read(xio_task *task) {
  return xio_file_wait_read(file, task);
}

/* Reads all that is left. */
static int read_file(void) {
  char bytes[100];
  for (;;) {
    int64_t count = xio_file_read(file, bytes, sizeof bytes);
    if (count == XIO_EOF) return XIO_OK;
    if (count < 0 && count != XIO_EAGAIN) return (int)count;
    int status = count < 0 ? run_wait(begin_file_read, NULL) : XIO_OK;
    if (status != XIO_OK) return status;
  }
}

static int make_file_with(int flags) {
  const char *path = path_of("file");
  int status = XIO_OK;
  file = NULL;
  TRY(xio_file_new(&file, world.loop));
  TRY(run_file((xio_file_call){.op = XIO_FILE_OPEN,
                               .flags = O_RDWR | O_CREAT | flags,
                               .mode = 0600,
                               .bytes = path,
                               .count = strlen(path) + 1}));
  int64_t written = xio_file_write(file, "bytes", 5);
  if (written == XIO_EAGAIN) {
    TRY(run_file((xio_file_call){.op = XIO_FILE_WRITE, .bytes = "bytes", .count = 5}));
  } else {
    TRY(written);
  }
  TRY(run_file((xio_file_call){.op = XIO_FILE_SYNC}));
  TRY(run_file((xio_file_call){.op = XIO_FILE_STAT}));
  TRY(run_file((xio_file_call){.op = XIO_FILE_SIZE}));
  xio_file_move(file, 0);
  TRY(read_file());
  TRY(run_file((xio_file_call){.op = XIO_FILE_TRUNCATE, .at = 2}));
out:
  if (file != NULL) xio_file_release(file);
  unlink(path);
  return status;
}

static int make_file(void) {
  return make_file_with(0);
}

static int make_appended_file(void) {
  return make_file_with(O_APPEND);
}

static xio_path_call path_call;
static xio_path_request *path_request;

static int begin_path(xio_task *task) {
  return xio_path_begin(&path_request, world.loop, task, &path_call);
}

static void take_path(xio_task *task, int status) {
  (void)task;
  if (status != XIO_OK) return;
  int64_t result = xio_path_result(path_request);
  if (result < 0) ended = (int)result;
  xio_path_free(path_request);
}

static int run_path(xio_path_call call) {
  path_call = call;
  return run_wait(begin_path, take_path);
}

static int make_paths(void) {
  int status = XIO_OK;
  TRY(run_path(
      (xio_path_call){.op = XIO_PATH_MKDIRS, .path = path_of("a/b//c/"), .mode = 0700}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_SYMLINK, .path = "a", .to = path_of("l")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_READLINK, .path = path_of("l")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_REALPATH, .path = path_of("l")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_UNLINK, .path = path_of("l")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_LSTATS,
                               .path = path_of("a"),
                               .to = "b\0gone\0",
                               .to_size = 7,
                               .count = 2}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_READDIR, .path = path_of("a")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_REMOVE, .path = path_of("a")}));
out:
  return status;
}

/* Also onto a file that is there, and one that a link names. */
static int make_copies(void) {
  int status = XIO_OK;
  const char *from = path_of("from");
  FILE *filled = fopen(from, "we");
  assert_non_null(filled);
  assert_true(fputs("bytes", filled) >= 0);
  assert_int_equal(fclose(filled), 0);
  assert_int_equal(symlink("to", path_of("link")), 0);
  TRY(run_path((xio_path_call){.op = XIO_PATH_COPY, .path = from, .to = path_of("to")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_COPY, .path = from, .to = path_of("to")}));
  TRY(run_path(
      (xio_path_call){.op = XIO_PATH_COPY, .path = from, .to = path_of("link")}));
  TRY(run_path((xio_path_call){.op = XIO_PATH_COPY, .path = from, .to = "/dev/null"}));
out:
  unlink(path_of("to"));
  unlink(path_of("link"));
  unlink(path_of("from"));
  return status;
}

static int make_watch(void) {
  xio_watch *watch = NULL;
  int status = xio_watch_open(&watch, world.loop, folder);
  if (watch != NULL) xio_watch_release(watch);
  return status;
}

/* -- all points of all makers -------------------------------------------------------- */

static const refusal_maker makers[] = {
    {"file", make_file, false},   {"appended file", make_appended_file, false},
    {"paths", make_paths, false}, {"copies", make_copies, false},
    {"watch", make_watch, false},
};
enum { MAKERS = sizeof makers / sizeof makers[0] };

static void memory_that_threads_share_is_refused(void **state) {
  (void)state;
  run_all(makers, MAKERS, HEAP);
}

static void memory_of_the_loop_is_refused(void **state) {
  (void)state;
  run_all(makers, MAKERS, WORLD);
}

static void calls_of_the_system_fail(void **state) {
  (void)state;
  run_all(makers, MAKERS, SYSTEM);
}

static int make_folder(void **state) {
  (void)state;
  strcpy(folder, "/tmp/xio-refusal-XXXXXX");
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(memory_that_threads_share_is_refused),
      cmocka_unit_test(memory_of_the_loop_is_refused),
      cmocka_unit_test(calls_of_the_system_fail),
  };
  return cmocka_run_group_tests_name("refusal_files", tests, make_folder, remove_folder);
}
