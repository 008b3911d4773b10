/* file: see file.h. */
#include "file.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* The most that is read at once on the loop's thread: some 30 us from memory. */
enum { READ_AT_ONCE = 256 * 1024 };

/* -- life ---------------------------------------------------------------------------- */

static void free_file(xio_file *file) {
  xio_allocator alloc = file->alloc;
  xio_list_remove(&file->object.link);
  xio_alloc_free(&alloc, file->chunk, file->chunk_size);
  xio_alloc_free(&alloc, file, sizeof *file);
}

/* Closes the descriptor, and frees the file, where nobody needs them any more. */
static void let_go(xio_file *file) {
  if (!file->closed || file->users != 0) return;
  if (file->number >= 0) close(file->number); /* the number is free also on an error */
  file->number = -1;
  if (file->released) free_file(file);
}

bool xio_file_close(xio_file *file) {
  if (file->closed) return false;
  file->closed = true;
  file->users++;
  if (file->fd != NULL) xio_fd_close(file->fd);
  file->fd = NULL;
  xio_work_leave(&file->reading, XIO_ECLOSED);
  xio_list *next = NULL;
  for (xio_list *link = file->requests.next; link != &file->requests; link = next) {
    next = link->next;
    xio_file_request *request = XIO_CONTAINER_OF(link, xio_file_request, link);
    /* what has ended is still taken by who waited */
    if (request->work.running) xio_work_leave(&request->work, XIO_ECLOSED);
  }
  file->users--;
  let_go(file);
  return true;
}

void xio_file_release(xio_file *file) {
  file->users++;
  xio_file_close(file);
  file->released = true;
  file->users--;
  let_go(file);
}

/* The loop ends, and no task lives any more that could be woken. */
static void close_object(xio_loop_object *object) {
  xio_file *file = XIO_CONTAINER_OF(object, xio_file, object);
  xio_list_remove(&object->link);
  file->reading.wait = NULL;
  for (xio_list *link = file->requests.next; link != &file->requests;) {
    XIO_CONTAINER_OF(link, xio_file_request, link)->work.wait = NULL;
    link = link->next;
  }
  file->loop = NULL;
  xio_file_close(file);
}

/* -- reading ------------------------------------------------------------------------- */

/* In a thread. */
static int64_t run_reading(xio_work *work) {
  const xio_file *file = XIO_CONTAINER_OF(work, xio_file, reading);
  for (;;) {
    ssize_t count = pread(file->number, file->chunk, file->wanted, file->reading_at);
    if (count >= 0) return count;
    if (errno != EINTR) return -errno;
  }
}

/* Nobody waits: the next read finds it. */
static void keep_reading(xio_work *work) {
  xio_file *file = XIO_CONTAINER_OF(work, xio_file, reading);
  file->reading_state = XIO_FILE_READ;
  file->chunk_first = 0;
  file->chunk_last = work->result > 0 ? (size_t)work->result : 0;
  file->users--;
  let_go(file);
}

static const xio_work_ops reading_ops = {.run = run_reading, .drop = keep_reading};

/* What the system has in memory. Nothing but that is asked for where it can tell. */
/* NOLINTNEXTLINE(readability-non-const-parameter) */
static int64_t read_at_once(xio_file *file, char *bytes, size_t max) {
#if defined(RWF_NOWAIT)
  struct iovec room = {.iov_base = bytes,
                       .iov_len = max < READ_AT_ONCE ? max : READ_AT_ONCE};
  while (!file->slow) {
    ssize_t count = preadv2(file->number, &room, 1, file->at, RWF_NOWAIT);
    if (count > 0) {
      file->at += count;
      return count;
    }
    if (count == 0) return XIO_EOF;
    if (errno == EAGAIN) break;
    if (errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL) file->slow = true;
    if (!file->slow && errno != EINTR) return -errno;
  }
#else
  (void)bytes;
#endif
  file->wanted = max < READ_AT_ONCE ? max : READ_AT_ONCE;
  return XIO_EAGAIN;
}

/* What a thread has read. */
static int64_t take_reading(xio_file *file, char *bytes, size_t max) {
  size_t count = file->chunk_last - file->chunk_first;
  int64_t result = count != 0                  ? (int64_t)(count < max ? count : max)
                   : file->reading.result == 0 ? XIO_EOF
                                               : file->reading.result;
  if (result > 0) {
    memcpy(bytes, file->chunk + file->chunk_first, (size_t)result);
    file->chunk_first += (size_t)result;
    file->at += result;
  }
  if (file->chunk_first == file->chunk_last) file->reading_state = XIO_FILE_IDLE;
  return result;
}

int64_t xio_file_read(xio_file *file, char *bytes, size_t max) {
  if (file->fd != NULL) return xio_fd_read(file->number, bytes, max);
  if (file->reading_state == XIO_FILE_READING) {
    if (file->reading.running) return XIO_EAGAIN;
    xio_work_taken(&file->reading);
    keep_reading(&file->reading);
  }
  bool stale = file->reading_stale || file->reading.result == XIO_ECANCELED;
  if (file->reading_state == XIO_FILE_READ && stale) {
    file->reading_state = XIO_FILE_IDLE;
  }
  if (file->reading_state == XIO_FILE_READ) return take_reading(file, bytes, max);
  return read_at_once(file, bytes, max);
}

int xio_file_wait_read(xio_file *file, xio_task *task) {
  if (file->fd != NULL) return xio_fd_wait(file->fd, XIO_FD_READ, task, XIO_NEVER);
  if (file->reading_state != XIO_FILE_READING) {
    if (file->chunk_size < file->wanted) {
      xio_alloc_free(&file->alloc, file->chunk, file->chunk_size);
      file->chunk_size = 0;
      file->chunk = xio_alloc_new(&file->alloc, file->wanted);
      if (file->chunk == NULL) return XIO_ENOMEM;
      file->chunk_size = file->wanted;
    }
    /* nothing below can fail */
    file->reading_at = file->at;
    file->reading_stale = false;
    file->reading_state = XIO_FILE_READING;
    file->users++;
    xio_work_begin(&file->reading);
  }
  xio_work_watch(&file->reading, task);
  return XIO_OK;
}

int64_t xio_file_write(xio_file *file, const char *bytes, size_t count) {
  if (file->fd != NULL) return xio_fd_write(file->number, bytes, count);
#if defined(RWF_NOWAIT)
  struct iovec from = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = count};
  /* -1: where the descriptor itself stands, which it moves to the end before */
  int64_t at = file->appends ? -1 : file->at;
  ssize_t done = pwritev2(file->number, &from, 1, at, RWF_NOWAIT);
  if (done >= 0) {
    xio_file_move(file, at >= 0 ? at + done : lseek(file->number, 0, SEEK_CUR));
    return done;
  }
  bool refused = errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL;
  return refused || errno == EINTR ? XIO_EAGAIN : -errno;
#else
  (void)bytes;
  (void)count;
  return XIO_EAGAIN;
#endif
}

void xio_file_move(xio_file *file, int64_t at) {
  if (file->fd != NULL) return;
  if (file->at != at) file->reading_stale = true;
  file->at = at;
}

/* -- requests, in a thread ----------------------------------------------------------- */

static int64_t run_open(xio_file_request *request) {
  struct stat about;
  int flags = request->flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  int number = 0;
  do {
    number = open(request->bytes, flags, request->mode);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return -errno;
  int error = fstat(number, &about) != 0 ? errno : S_ISDIR(about.st_mode) ? EISDIR : 0;
  if (error != 0) {
    close(number);
    return -error;
  }
  request->at = S_ISREG(about.st_mode) || S_ISBLK(about.st_mode) ? 0 : -1;
  request->stat.st_size = (uint64_t)about.st_size;
  return number;
}

static int64_t run_write(xio_file_request *request) {
  size_t done = 0;
  while (done < request->count) {
    const char *bytes = request->bytes + done;
    size_t left = request->count - done;
    int64_t at = request->at + (int64_t)done;
    ssize_t count = request->flags != 0 ? write(request->number, bytes, left)
                                        : pwrite(request->number, bytes, left, at);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && done == 0) return -errno;
    if (count <= 0) break;
    done += (size_t)count;
  }
  if (request->flags != 0) {
    request->at = lseek(request->number, 0, SEEK_CUR);
  } else {
    request->at += (int64_t)done;
  }
  return (int64_t)done;
}

static int64_t run_stat(xio_file_request *request) {
  uv_fs_t fs;
  int status = uv_fs_fstat(NULL, &fs, request->number, NULL);
  request->stat = fs.statbuf;
  uv_fs_req_cleanup(&fs);
  return status;
}

static int64_t run_size(xio_file_request *request) {
  int64_t size = lseek(request->number, 0, SEEK_END);
  return size >= 0 ? size : -errno;
}

static int64_t run_sync(xio_file_request *request) {
  int failed = request->flags != 0 ? fdatasync(request->number) : fsync(request->number);
  return failed == 0 ? 0 : -errno;
}

static int64_t run_request(xio_work *work) {
  xio_file_request *request = XIO_CONTAINER_OF(work, xio_file_request, work);
  switch (request->op) {
    case XIO_FILE_OPEN: return run_open(request);
    case XIO_FILE_WRITE: return run_write(request);
    case XIO_FILE_SYNC: return run_sync(request);
    case XIO_FILE_STAT: return run_stat(request);
    case XIO_FILE_SIZE: return run_size(request);
    case XIO_FILE_TRUNCATE:
      return ftruncate(request->number, request->at) == 0 ? 0 : -errno;
  }
  return XIO_EINVAL;
}

/* -- requests, on the loop's thread -------------------------------------------------- */

/* The file is open: its descriptor, and for what has no position a way to wait. */
static int64_t accept_number(xio_file *file, int number, bool has_position) {
  file->number = number;
  if (has_position || file->closed) return XIO_OK;
  int status = xio_fd_open(&file->fd, file->loop, number);
  if (status != XIO_OK) xio_file_close(file);
  return status;
}

static void end_request(xio_file_request *request) {
  xio_file *file = request->file;
  xio_list_remove(&request->link);
  xio_alloc_free(&file->alloc, request, request->size);
  file->users--;
  let_go(file);
}

static void drop_request(xio_work *work) {
  xio_file_request *request = XIO_CONTAINER_OF(work, xio_file_request, work);
  if (request->op == XIO_FILE_OPEN && work->result >= 0) {
    close((int)work->result);
  }
  end_request(request);
}

static const xio_work_ops request_ops = {.run = run_request, .drop = drop_request};

int xio_file_new(xio_file **out, xio_loop *loop) {
  xio_file *file = xio_alloc_new(&loop->alloc, sizeof *file);
  if (file == NULL) return XIO_ENOMEM;
  file->loop = loop;
  file->alloc = loop->alloc;
  file->number = -1;
  file->object.close = close_object;
  xio_list_init(&file->object.link);
  xio_list_init(&file->requests);
  xio_work_init(&file->reading, loop, &reading_ops);
  xio_list_push_back(&loop->objects, &file->object.link);
  *out = file;
  return XIO_OK;
}

int xio_file_begin(xio_file_request **out, xio_file *file, xio_task *task,
                   const xio_file_call *call) {
  XIO_ASSERT(!file->closed);
  size_t size = sizeof(xio_file_request) + call->count;
  xio_file_request *request = xio_alloc_new(&file->alloc, size);
  if (request == NULL) return XIO_ENOMEM;
  request->size = size;
  request->file = file;
  request->op = call->op;
  request->number = file->number;
  request->flags = call->flags;
  request->mode = call->mode;
  request->at = call->at;
  request->count = call->count;
  if (call->count != 0) memcpy(request->bytes, call->bytes, call->count);
  if (call->op == XIO_FILE_WRITE) request->flags = file->appends;
  if (call->op == XIO_FILE_OPEN) file->appends = (call->flags & O_APPEND) != 0;
  xio_work_init(&request->work, file->loop, &request_ops);
  xio_list_init(&request->link);
  xio_list_push_back(&file->requests, &request->link);
  file->users++;
  xio_work_begin(&request->work);
  xio_work_wait(&request->work, task);
  *out = request;
  return XIO_OK;
}

int64_t xio_file_take(xio_file_request *request, uv_stat_t *stat) {
  xio_file *file = request->file;
  int64_t result = request->work.result;
  xio_work_taken(&request->work);
  if (stat != NULL) *stat = request->stat;
  if (request->op == XIO_FILE_OPEN && result >= 0) {
    file->size = request->at >= 0 ? (int64_t)request->stat.st_size : 0;
    result = accept_number(file, (int)result, request->at >= 0);
  }
  if (request->op == XIO_FILE_WRITE && result >= 0) xio_file_move(file, request->at);
  end_request(request);
  return result;
}
