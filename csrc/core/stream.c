/* stream: see stream.h. */
#include "stream.h"

#include <fcntl.h>
#include <stdio_ext.h>
#include <sys/stat.h>
#include <unistd.h>

/* A shared stream as one loop knows it. */
struct xio_stream_place {
  xio_stream_place *next;
  xio_fd *fd;
};

/* -- opening ------------------------------------------------------------------------- */

/* What `number` stands for. Its flags, or a status. */
static int classify(xio_stream *stream, int number) {
  struct stat about;
  if (fstat(number, &about) != 0) return -errno;
  stream->is_socket = S_ISSOCK(about.st_mode);
  stream->is_regular = S_ISREG(about.st_mode);
  int flags = fcntl(number, F_GETFL);
  if (flags < 0) return -errno;
  stream->reads = (flags & O_ACCMODE) != O_WRONLY;
  stream->writes = (flags & O_ACCMODE) != O_RDONLY;
  return flags;
}

int xio_stream_open(xio_stream **out, xio_loop *loop, int number) {
  xio_stream *stream = xio_alloc_new(&loop->alloc, sizeof *stream);
  if (stream == NULL) return XIO_ENOMEM;
  stream->alloc = loop->alloc;
  int flags = classify(stream, number);
  int status = flags < 0 ? flags : XIO_OK;
  if (flags >= 0 && fcntl(number, F_SETFL, flags | O_NONBLOCK) != 0) status = -errno;
  if (status == XIO_OK) status = xio_handle_open(&stream->handle, loop, number);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, stream, sizeof *stream);
    return status;
  }
  *out = stream;
  return XIO_OK;
}

int xio_stream_open_socket(xio_stream *stream, xio_loop *loop, int number) {
  stream->alloc = loop->alloc;
  stream->is_socket = stream->reads = stream->writes = true;
  return xio_handle_open(&stream->handle, loop, number);
}

int xio_stream_share(xio_stream **out, const xio_allocator *alloc, int number,
                     FILE *file) {
  xio_stream *stream = xio_alloc_new(alloc, sizeof *stream);
  if (stream == NULL) return XIO_ENOMEM;
  int flags = classify(stream, number);
  if (flags < 0) {
    xio_alloc_free(alloc, stream, sizeof *stream);
    return flags;
  }
  stream->is_shared = true;
  stream->file = file;
  stream->alloc = *alloc;
  stream->handle.number = number;
  *out = stream;
  return XIO_OK;
}

/* Makes streams of two numbers, which are closed on error. */
static int open_both(xio_stream *out[2], xio_loop *loop, const int numbers[2]) {
  int status = xio_stream_open(&out[0], loop, numbers[0]);
  if (status != XIO_OK) goto close_first;
  status = xio_stream_open(&out[1], loop, numbers[1]);
  if (status == XIO_OK) return XIO_OK;
  xio_stream_release(out[0]);
  close(numbers[1]);
  return status;

close_first:
  close(numbers[0]);
  close(numbers[1]);
  return status;
}

int xio_stream_pair(xio_stream *out[2], xio_loop *loop) {
  int numbers[2];
  int status = xio_socket_pair(numbers);
  return status == XIO_OK ? open_both(out, loop, numbers) : status;
}

int xio_stream_pipe(xio_stream *out[2], xio_loop *loop) {
  int numbers[2];
  if (pipe2(numbers, O_NONBLOCK | O_CLOEXEC) != 0) return -errno;
  return open_both(out, loop, numbers);
}

int xio_stream_connect(xio_stream **out, xio_loop *loop, const xio_address *to,
                       const xio_address *from, const xio_socket_opts *opts) {
  int number = xio_socket_make(xio_address_family(to), SOCK_STREAM, opts);
  if (number < 0) return number;
  int status = XIO_OK;
  if (from->size != 0 && bind(number, &from->as.any, from->size) != 0) status = -errno;
  while (status == XIO_OK && connect(number, &to->as.any, to->size) != 0) {
    if (errno == EINTR) continue;
    status = -errno;
  }
  /* not before: a socket that connects to nothing is announced as hung up */
  if (status == XIO_OK || status == -EINPROGRESS) {
    int opened = xio_stream_open(out, loop, number);
    if (opened == XIO_OK) return status;
    status = opened;
  }
  close(number);
  return status;
}

static const xio_wait_ops connect_ops = {.verb = "connect", .abort = xio_handle_abort};

int xio_stream_wait_connected(xio_stream *stream, xio_task *task) {
  return xio_handle_wait(&stream->handle, XIO_FD_WRITE, task, XIO_NEVER, &connect_ops);
}

/* -- reading and writing ------------------------------------------------------------- */

static int64_t read_shared(xio_stream *stream, char *bytes, size_t max) {
  if (!stream->reads) return XIO_EBADF;
  if (stream->is_regular && stream->file != NULL) {
    int status = xio_fd_flush(stream->file, XIO_FD_READ);
    if (status != XIO_OK) return status;
  }
  return xio_fd_read(stream->handle.number, bytes, max);
}

int64_t xio_stream_read(xio_stream *stream, char *bytes, size_t max) {
  int number = stream->handle.number;
  if (XIO_UNLIKELY(number < 0)) return XIO_ECLOSED;
  if (XIO_UNLIKELY(stream->is_shared)) return read_shared(stream, bytes, max);
  if (XIO_UNLIKELY(stream->failure != XIO_OK)) return stream->failure;
  xio_handle_trying(&stream->handle, XIO_FD_READ);
  for (;;) {
    ssize_t count = read(number, bytes, max);
    if (XIO_LIKELY(count > 0)) return count;
    if (count == 0) return XIO_EOF;
    if (errno == EAGAIN) return XIO_EAGAIN;
    if (errno != EINTR) return stream->failure = -errno;
  }
}

static int64_t write_socket(int number, const char *bytes, size_t count) {
  for (;;) {
    ssize_t written = send(number, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (XIO_LIKELY(written >= 0)) return written;
    if (errno != EINTR) return errno == EWOULDBLOCK ? XIO_EAGAIN : -errno;
  }
}

/* What the C library has in its own buffer for the descriptor goes first. */
static int flush_file(xio_stream *stream) {
  if (stream->file == NULL || __fpending(stream->file) == 0) return XIO_OK;
  return xio_fd_flush(stream->file, XIO_FD_WRITE);
}

/* Writes to a pipe, or to a shared stream. */
static int64_t write_other(xio_stream *stream, const char *bytes, size_t count) {
  if (!stream->writes) return XIO_EBADF;
  int status = flush_file(stream);
  if (status != XIO_OK || count == 0) return status;
  int number = stream->handle.number;
  return stream->is_shared ? xio_fd_write(number, bytes, count)
                           : xio_fd_write_pipe(number, bytes, count);
}

int64_t xio_stream_write(xio_stream *stream, const char *bytes, size_t count) {
  int number = stream->handle.number;
  if (XIO_UNLIKELY(stream->closed)) return XIO_ECLOSED;
  if (XIO_UNLIKELY(stream->cut)) return XIO_ECANCELED;
  if (XIO_UNLIKELY(stream->shut)) return XIO_ECLOSED;
  if (XIO_UNLIKELY(number < 0)) return XIO_ECLOSED;
  int64_t written = 0;
  xio_handle_trying(&stream->handle, XIO_FD_WRITE);
  if (XIO_LIKELY(stream->is_socket && !stream->is_shared)) {
    if (count != 0) written = write_socket(number, bytes, count);
  } else {
    written = write_other(stream, bytes, count);
  }
  if (XIO_LIKELY(written > 0)) stream->written += (uint64_t)written;
  return written;
}

/* -- waiting ------------------------------------------------------------------------- */

static int abort_write(xio_wait *wait) {
  xio_stream *stream = XIO_CONTAINER_OF((xio_handle *)wait->source, xio_stream, handle);
  if (stream->partial) stream->cut = true;
  return xio_handle_abort(wait);
}

static const xio_wait_ops wait_ops[] = {{.verb = "read", .abort = xio_handle_abort},
                                        {.verb = "write", .abort = abort_write}};

/* The shared stream as `loop` knows it; forgets what ended loops knew. */
static int get_place(xio_stream_place **out, xio_stream *stream, xio_loop *loop) {
  const xio_allocator *alloc = &stream->alloc;
  xio_stream_place **link = &stream->places;
  for (xio_stream_place *place; (place = *link) != NULL;) {
    if (xio_fd_loop(place->fd) == loop) {
      *out = place;
      return XIO_OK;
    }
    if (xio_fd_loop(place->fd) != NULL) {
      link = &place->next;
      continue;
    }
    *link = place->next;
    xio_fd_close(place->fd);
    xio_alloc_free(alloc, place, sizeof *place);
  }
  xio_stream_place *place = xio_alloc_new(alloc, sizeof *place);
  if (place == NULL) return XIO_ENOMEM;
  int status = xio_fd_open(&place->fd, loop, stream->handle.number);
  if (status != XIO_OK) {
    xio_alloc_free(alloc, place, sizeof *place);
    return status;
  }
  place->next = stream->places;
  stream->places = place;
  *out = place;
  return XIO_OK;
}

static void leave_places(xio_stream *stream) {
  for (xio_stream_place *place; (place = stream->places) != NULL;) {
    stream->places = place->next;
    xio_fd_close(place->fd); /* wakes who waits */
    xio_alloc_free(&stream->alloc, place, sizeof *place);
  }
}

int xio_stream_wait(xio_stream *stream, xio_fd_side side, xio_task *task) {
  if (XIO_LIKELY(!stream->is_shared)) {
    return xio_handle_wait(&stream->handle, side, task, XIO_NEVER, &wait_ops[side]);
  }
  if (stream->closed) return XIO_ECLOSED;
  xio_stream_place *place = NULL;
  xio_loop *loop = XIO_CONTAINER_OF(task->wait.queue, xio_loop, queue);
  int status = get_place(&place, stream, loop);
  if (status == XIO_OK) status = xio_fd_wait(place->fd, side, task, XIO_NEVER);
  return status;
}

bool xio_stream_waited(const xio_stream *stream, xio_fd_side side) {
  if (!stream->is_shared) return stream->handle.waiting[side] != NULL;
  for (const xio_stream_place *place = stream->places; place != NULL;) {
    const xio_loop *loop = xio_fd_loop(place->fd);
    if (loop != NULL && xio_fd_waited(loop, stream->handle.number, side)) return true;
    place = place->next;
  }
  return false;
}

/* -- ends ---------------------------------------------------------------------------- */

bool xio_stream_is_open(const xio_stream *stream) {
  if (stream->closed) return false;
  return stream->handle.number >= 0 || stream->shut;
}

/* Puts the null device where a shared descriptor stood, so that the other end sees that
 * nobody writes or reads any more, and the number stays taken. */
static void replace_shared(xio_stream *stream) {
  flush_file(stream);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, stream->handle.number);
  close(null);
}

int xio_stream_shutdown(xio_stream *stream) {
  if (!xio_stream_is_open(stream)) return XIO_ECLOSED;
  if (stream->shut) return XIO_OK;
  stream->shut = true;
  if (stream->is_socket) {
    /* a connection that is gone has no writing side any more */
    bool gone = shutdown(stream->handle.number, SHUT_WR) != 0 && errno != ENOTCONN;
    return gone ? -errno : XIO_OK;
  }
  if (stream->is_shared) {
    replace_shared(stream);
  } else {
    xio_handle_close(&stream->handle); /* the one way to end a pipe */
  }
  return XIO_OK;
}

bool xio_stream_close(xio_stream *stream) {
  bool first = xio_stream_is_open(stream);
  bool was_shut = stream->shut && !stream->is_socket;
  stream->closed = true;
  if (!stream->is_shared) {
    xio_handle_close(&stream->handle);
  } else if (first) {
    leave_places(stream);
    if (!was_shut) replace_shared(stream);
    stream->handle.number = -1;
  }
  return first;
}

void xio_stream_release(xio_stream *stream) {
  if (!stream->is_shared) xio_handle_close(&stream->handle);
  leave_places(stream);
  xio_allocator alloc = stream->alloc;
  xio_alloc_free(&alloc, stream, sizeof *stream);
}
