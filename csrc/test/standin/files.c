/* files: a few files in memory, by name, without folders. What a call may find in memory
 * without waiting, short reads and writes, a full disk and broken ones are drawn from the
 * seed. */
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <uv.h>

#include "kernel.h"

enum { FILES = 8, NAME_MAX_SIZE = 24, FILE_BYTES = 1024 };

static struct {
  char name[NAME_MAX_SIZE]; /* "": free */
  uint8_t bytes[FILE_BYTES];
  int64_t size;
} files[FILES];

void files_begin(void) {
  for (int i = 0; i < FILES; i++) files[i].name[0] = 0;
}

static int fail(int error) {
  errno = error;
  return -1;
}

static int find(const char *name) {
  for (int i = 0; i < FILES; i++) {
    if (strcmp(files[i].name, name) == 0) return i;
  }
  return -1;
}

static bool breaks(void) {
  if (!kernel_chance(kernel_weather.failures)) return false;
  kernel_counts.failures++;
  errno = EIO;
  return true;
}

static int open_file(const char *path, int flags) {
  int at = find(path);
  if (at < 0 && (flags & O_CREAT) == 0) return fail(ENOENT);
  if (at >= 0 && (flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return fail(EEXIST);
  if (kernel_is_short()) return -1;
  if (at < 0) {
    at = find("");
    if (at < 0) return fail(ENOSPC);
    (void)strncpy(files[at].name, path, NAME_MAX_SIZE - 1);
    files[at].size = 0;
  }
  if ((flags & O_TRUNC) != 0) files[at].size = 0;
  node *fresh = kernel_node(NODE_FILE);
  fresh->count = (uint64_t)at;
  fresh->access = flags & O_ACCMODE;
  fresh->appends = (flags & O_APPEND) != 0;
  return kernel_open(fresh);
}

SYSTEM(int, open, (const char *path, int flags, ...)) {
  if (strncmp(path, "/dev/", 5) == 0) return kernel_open(kernel_node(NODE_DEVICE));
  if (kernel_interrupts()) return -1;
  return open_file(path, flags);
}

int files_size(const node *self, int64_t *size) {
  *size = files[self->count].size;
  return 0;
}

/* How much of `count` is moved at once: also less than could be. */
static size_t part_of(size_t count) {
  if (count < 2 || !kernel_chance(kernel_weather.failures * 2)) return count;
  kernel_counts.failures++;
  return 1 + kernel_below((uint32_t)count - 1);
}

ssize_t files_read(node *self, void *bytes, size_t max, int64_t at) {
  int64_t from = at >= 0 ? at : self->at;
  if (self->access == O_WRONLY) return fail(EBADF);
  if (breaks()) return -1;
  int64_t left = files[self->count].size - from;
  if (left <= 0) return 0;
  size_t count = part_of((size_t)left < max ? (size_t)left : max);
  memcpy(bytes, files[self->count].bytes + from, count);
  if (at < 0) self->at += (int64_t)count;
  return (ssize_t)count;
}

ssize_t files_write(node *self, const void *bytes, size_t count, int64_t at) {
  int64_t to = at >= 0 ? at : self->appends ? files[self->count].size : self->at;
  if (self->access == O_RDONLY) return fail(EBADF);
  if (breaks()) return -1;
  if (to + (int64_t)count > FILE_BYTES) return fail(ENOSPC);
  count = part_of(count);
  int64_t *size = &files[self->count].size;
  if (to > *size) memset(files[self->count].bytes + *size, 0, (size_t)(to - *size));
  memcpy(files[self->count].bytes + to, bytes, count);
  if (to + (int64_t)count > *size) *size = to + (int64_t)count;
  if (at < 0) self->at = to + (int64_t)count;
  return (ssize_t)count;
}

SYSTEM(ssize_t, pread, (int number, void *bytes, size_t max, off_t at)) {
  node *self = kernel_need(number);
  return kernel_interrupts() ? -1 : files_read(self, bytes, max, at);
}

SYSTEM(ssize_t, pwrite, (int number, const void *bytes, size_t count, off_t at)) {
  node *self = kernel_need(number);
  return kernel_interrupts() ? -1 : files_write(self, bytes, count, at);
}

/* Whether a call that must not wait finds that it would have to. */
static bool would_wait(void) {
  if (kernel_weather.delay_us == 0 || kernel_below(2) == 0) return false;
  errno = EAGAIN;
  return true;
}

SYSTEM(ssize_t, preadv2,
       (int number, const struct iovec *parts, int count, off_t at, int flags)) {
  node *self = kernel_need(number);
  (void)count;
  (void)flags;
  if (kernel_interrupts() || would_wait()) return -1;
  return files_read(self, parts->iov_base, parts->iov_len, at);
}

SYSTEM(ssize_t, pwritev2,
       (int number, const struct iovec *parts, int count, off_t at, int flags)) {
  node *self = kernel_need(number);
  (void)count;
  (void)flags;
  if (kernel_interrupts() || would_wait()) return -1;
  return files_write(self, parts->iov_base, parts->iov_len, at);
}

SYSTEM(off_t, lseek, (int number, off_t at, int whence)) {
  node *self = kernel_need(number);
  if (self->kind != NODE_FILE) return fail(ESPIPE);
  if (whence == SEEK_END) return files[self->count].size + at;
  self->at = whence == SEEK_SET ? at : self->at + at;
  return self->at;
}

SYSTEM(int, ftruncate, (int number, off_t size)) {
  node *self = kernel_need(number);
  int64_t *its = &files[self->count].size;
  if (size < 0 || size > FILE_BYTES) return fail(EINVAL);
  if (breaks()) return -1;
  if (size > *its) memset(files[self->count].bytes + *its, 0, (size_t)(size - *its));
  *its = size;
  return 0;
}

SYSTEM(int, fsync, (int number)) {
  (void)kernel_need(number);
  return breaks() ? -1 : 0;
}

SYSTEM(int, fdatasync, (int number)) {
  (void)kernel_need(number);
  return breaks() ? -1 : 0;
}

int uv_fs_fstat(uv_loop_t *loop, uv_fs_t *request, uv_file number, uv_fs_cb done) {
  if (loop != NULL || done != NULL) standin_fault("uv_fs_fstat: has no stand-in so");
  memset(request, 0, sizeof *request);
  const node *self = kernel_need(number);
  request->statbuf.st_size = (uint64_t)files[self->count].size;
  return 0;
}

void uv_fs_req_cleanup(uv_fs_t *request) {
  (void)request;
}
