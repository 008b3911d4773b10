/* copy: a file's bytes into another file, in a thread (path.h).
 *
 * A file that is to be made or replaced appears at once and whole: the bytes go into a
 * temporary file beside it, which takes its name in the end and is removed on every other
 * way out. What is no regular file (a device, a pipe) is written to as it is. Where the
 * system can, it copies by itself, and shares blocks on file systems that do so. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "path.h"

enum {
  STEP = 8 * 1024 * 1024, /* copied between two looks at whether it is still wanted */
  BLOCK = 64 * 1024       /* on the stack of the thread */
};

typedef struct copying {
  xio_path_request *request;
  int from, to;
  struct stat about;
  char target[PATH_MAX]; /* what is replaced, after links */
  char temporary[PATH_MAX];
} copying;

static int last_error(void) {
  return -errno;
}

/* Writes all of a block. */
static int write_all(int number, const char *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(number, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return last_error();
    bytes += written;
    count -= (size_t)written;
  }
  return XIO_OK;
}

static int copy_by_blocks(copying *copy) {
  char block[BLOCK];
  for (;;) {
    if (xio_work_unwanted(&copy->request->work)) return XIO_ECANCELED;
    ssize_t count = read(copy->from, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return last_error();
    if (count == 0) return XIO_OK;
    int status = write_all(copy->to, block, (size_t)count);
    if (status != XIO_OK) return status;
  }
}

/* Copies from where `from` stands to its end. What the system refuses to copy by itself
 * it refuses at once; files that are made up while they are read (/proc) seem empty. */
static int copy_bytes(copying *copy) {
#if defined(__linux__)
  for (;;) {
    if (xio_work_unwanted(&copy->request->work)) return XIO_ECANCELED;
    ssize_t count = copy_file_range(copy->from, NULL, copy->to, NULL, STEP, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EIO)) {
      return last_error();
    }
    if (count <= 0) break;
  }
#endif
  return copy_by_blocks(copy);
}

/* Opens a new file beside the target. */
static int open_temporary(copying *copy) {
  static const char name[] = ".xio-XXXXXX";
  const char *slash = strrchr(copy->target, '/');
  size_t folder = slash != NULL ? (size_t)(slash - copy->target) + 1 : 0;
  if (folder + sizeof name > sizeof copy->temporary) return -ENAMETOOLONG;
  memcpy(copy->temporary, copy->target, folder);
  memcpy(copy->temporary + folder, name, sizeof name);
  copy->to = mkostemp(copy->temporary, O_CLOEXEC);
  if (copy->to >= 0) return XIO_OK;
  copy->temporary[0] = '\0';
  return last_error();
}

/* Opens what is copied to: a temporary file, unless something else than a file is
 * there. */
static int open_target(copying *copy) {
  const char *path = copy->request->to;
  struct stat there;
  if (stat(path, &there) == 0) {
    if (S_ISDIR(there.st_mode)) return -EISDIR;
    if (there.st_dev == copy->about.st_dev && there.st_ino == copy->about.st_ino) {
      return XIO_OK; /* onto itself: there is nothing to do */
    }
    if (!S_ISREG(there.st_mode)) {
      copy->to = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
      return copy->to >= 0 ? XIO_OK : last_error();
    }
    if (access(path, W_OK) != 0) return last_error();
    if (realpath(path, copy->target) == NULL) return last_error();
    return open_temporary(copy);
  }
  if (errno != ENOENT) return last_error();
  if (strlen(path) >= sizeof copy->target) return -ENAMETOOLONG;
  memcpy(copy->target, path, strlen(path) + 1);
  return open_temporary(copy);
}

/* All is written: the temporary file takes its place. */
static int finish(copying *copy) {
  bool is_new = copy->temporary[0] != '\0';
  if (is_new && fchmod(copy->to, copy->about.st_mode & 0777) != 0) return last_error();
  int to = copy->to;
  copy->to = -1;
  if (close(to) != 0 && errno != EINTR) return last_error();
  if (is_new && rename(copy->temporary, copy->target) != 0) return last_error();
  return XIO_OK;
}

/* Opens what is copied. A pipe would keep the thread from ending. */
static int open_source(copying *copy) {
  copy->from = open(copy->request->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (copy->from < 0 || fstat(copy->from, &copy->about) != 0) return last_error();
  if (S_ISDIR(copy->about.st_mode)) return -EISDIR;
  return S_ISFIFO(copy->about.st_mode) ? -EINVAL : XIO_OK;
}

int xio_path_copy(xio_path_request *request) {
  copying copy = {.request = request, .from = -1, .to = -1};
  int status = open_source(&copy);
  if (status == XIO_OK) status = open_target(&copy);
  if (status == XIO_OK && copy.to >= 0) {
    status = copy_bytes(&copy);
    if (status == XIO_OK) status = finish(&copy);
  }
  if (status != XIO_OK && copy.temporary[0] != '\0') unlink(copy.temporary);
  if (copy.to >= 0) close(copy.to);
  if (copy.from >= 0) close(copy.from);
  return status;
}
