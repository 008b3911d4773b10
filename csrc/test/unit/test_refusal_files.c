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

static refusal_maker makers[] = {
    {"file", make_file, false, false},
    {"appended file", make_appended_file, false, false},
    {"paths", make_paths, false, true},
    {"copies", make_copies, false, false},
    {"watch", make_watch, false, false},
    {NULL, NULL, false, false},
};

/* -- what is not the same for all ---------------------------------------------------- */

static void begin(void) {
  world = (ctask_world){0};
  refusal_limit_ns = INT64_C(5000000000);
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
}

static int run_remove(const char *path) {
  return run_path((xio_path_call){.op = XIO_PATH_REMOVE, .path = path});
}

/* A tree so deep that its lower half is moved up. */
static void make_deep(void) {
  char path[256];
  snprintf(path, sizeof path, "%s/deep", folder);
  for (int i = 0; i < 40; i++) {
    assert_int_equal(mkdir(path, 0700), 0);
    strcat(path, "/d");
  }
}

/* Moving a folder up meets names that are taken, and other refusals. */
static void deep_trees_are_moved_up(void **state) {
  (void)state;
  static const int again[] = {EEXIST, ENOTEMPTY, ENOTDIR};
  begin();
  for (int i = 0; i < 3; i++) {
    make_deep();
    wrap_refuse("renameat", 1, again[i]);
    assert_int_equal(run_remove(path_of("deep")), XIO_OK);
    assert_true(wrap_disarm());
  }
  make_deep();
  wrap_refuse("renameat", 0, EEXIST);
  assert_int_equal(run_remove(path_of("deep")), -EEXIST);
  assert_true(wrap_disarm());
  wrap_refuse("renameat", 1, EACCES);
  assert_int_equal(run_remove(path_of("deep")), -EACCES);
  assert_true(wrap_disarm());
  assert_int_equal(run_remove(path_of("deep")), XIO_OK);
  end_world(&world);
}

/* Where the system does not tell what an entry is, unlink() tells that it is a folder. */
static void what_cannot_be_unlinked_may_be_a_folder(void **state) {
  (void)state;
  static const int tells[] = {EISDIR, EPERM};
  begin();
  for (int i = 0; i < 2; i++) {
    assert_int_equal(mkdir(path_of("top"), 0700), 0);
    assert_int_equal(symlink("nowhere", path_of("top/link")), 0);
    wrap_refuse("unlinkat", 1, tells[i]);
    /* which it then turns out not to be */
    assert_int_equal(run_remove(path_of("top")), -ENOTDIR);
    assert_true(wrap_disarm());
    assert_int_equal(run_remove(path_of("top")), XIO_OK);
  }
  end_world(&world);
}

static void roots_and_dots_are_not_removed(void **state) {
  (void)state;
  begin();
  assert_int_equal(run_remove(""), -ENOENT);
  assert_int_equal(run_remove("/"), -EINVAL);
  assert_int_equal(run_remove("//"), -EINVAL);
  assert_int_equal(run_remove(path_of(".")), -EINVAL);
  assert_int_equal(run_remove(path_of("../")), -EINVAL);
  assert_int_equal(symlink(".", path_of("link")), 0);
  assert_int_equal(run_remove(path_of("link/")), -ENOTDIR); /* not what it names */
  assert_int_equal(unlink(path_of("link")), 0);
  assert_int_equal(run_remove(path_of("gone")), -ENOENT);
  end_world(&world);
}

static void names_that_are_too_long_are_refused(void **state) {
  (void)state;
  static char name[5000];
  begin();
  FILE *file_at = fopen(path_of("from"), "we");
  assert_non_null(file_at);
  assert_int_equal(fclose(file_at), 0);
  xio_path_call copy = {.op = XIO_PATH_COPY, .path = path_of("from"), .to = name};
  memset(name, 'x', sizeof name - 1);
  assert_int_equal(run_path(copy), -ENAMETOOLONG);
  /* short enough itself, but not with a temporary file beside it */
  memset(name, 0, sizeof name);
  for (size_t i = 0; i < 4093; i++) name[i] = i % 2 == 0 ? '.' : '/';
  name[4093] = 'x';
  assert_int_equal(run_path(copy), -ENAMETOOLONG);
  /* the longest folder that leaves room for one */
  memset(name, 0, sizeof name);
  for (size_t i = 0; i < 4084; i++) name[i] = i % 2 == 0 ? '.' : '/';
  strcat(name, "xio-refusal");
  assert_int_equal(run_path(copy), XIO_OK);
  assert_int_equal(unlink("xio-refusal"), 0);
  /* a name alone is in the current folder */
  copy.to = "xio-refusal-copy";
  assert_int_equal(run_path(copy), XIO_OK);
  assert_int_equal(unlink("xio-refusal-copy"), 0);
  assert_int_equal(unlink(path_of("from")), 0);
  end_world(&world);
}

static void what_the_system_cannot_copy_is_copied_by_blocks(void **state) {
  (void)state;
  static const int ends[] = {EDQUOT, ENOSPC, EIO};
  char from[128];
  char to[128];
  begin();
  strcpy(from, path_of("from"));
  strcpy(to, path_of("to"));
  FILE *file_at = fopen(from, "we");
  assert_non_null(file_at);
  assert_true(fputs("bytes", file_at) >= 0);
  assert_int_equal(fclose(file_at), 0);
  const xio_path_call copy = {.op = XIO_PATH_COPY, .path = from, .to = to};
  for (int i = 0; i < 3; i++) {
    wrap_refuse("copy_file_range", 1, ends[i]);
    assert_int_equal(run_path(copy), -ends[i]);
    assert_int_not_equal(access(to, F_OK), 0);
  }
  wrap_refuse("copy_file_range", 1, EINTR);
  assert_int_equal(run_path(copy), XIO_OK);
  wrap_refuse("copy_file_range", 1, EXDEV);
  assert_int_equal(run_path(copy), XIO_OK);
  (void)wrap_disarm();
  struct stat about;
  assert_int_equal(stat(to, &about), 0);
  assert_int_equal(about.st_size, 5);
  assert_int_equal(unlink(from), 0);
  assert_int_equal(unlink(to), 0);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      REFUSAL_TESTS(makers),
      cmocka_unit_test(deep_trees_are_moved_up),
      cmocka_unit_test(what_cannot_be_unlinked_may_be_a_folder),
      cmocka_unit_test(roots_and_dots_are_not_removed),
      cmocka_unit_test(names_that_are_too_long_are_refused),
      cmocka_unit_test(what_the_system_cannot_copy_is_copied_by_blocks),
  };
  return cmocka_run_group_tests_name("refusal_files", tests, make_folder, remove_folder);
}
