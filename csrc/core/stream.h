/* stream: a connected socket, an end of a pipe, a terminal: bytes in, bytes out.
 *
 * Reading and writing are single system calls that never wait; what to wait for, and the
 * bytes, are the caller's. One task reads and one writes at a time
 * (handle.h).
 *
 * A shared stream stands on a descriptor that other processes use too (standard input and
 * output): its flags are left alone, it belongs to no loop, and waits go through the loop
 * of whoever waits (fd.h). Closing one puts the null device in the descriptor's place.
 *
 * A message that was written in part and then given up breaks the stream for writing
 * (`cut`): the caller says by `partial` that a part is out before it waits for room.
 * Owner: who opened it. Loop's thread. Not here: buffers, lines (csrc/lua/read.c). */
#ifndef XIO_CORE_STREAM_H
#define XIO_CORE_STREAM_H

#include "handle.h"
#include "socket.h"

typedef struct xio_stream_place xio_stream_place;

typedef struct xio_stream {
  xio_handle handle; /* its number is that of a shared stream too */
  xio_allocator alloc;
  xio_stream_place *places; /* of a shared one: where it was waited for */
  FILE *file;               /* of a shared one: what writes to the same descriptor */
  uint64_t written;         /* bytes that went out */
  int failure;              /* status with which reading has failed for good */
  bool is_shared;
  bool is_socket;
  bool is_regular; /* a shared one: a file */
  bool reads;      /* the descriptor is open for reading */
  bool writes;     /* ... for writing */
  bool shut;       /* nothing more will be written */
  bool partial;    /* a part of a message is out, and the rest is to come */
  bool cut;        /* ... and will not come */
  bool closed;
} xio_stream;

/* A stream on `number`, which belongs to it from now on and becomes non-blocking. On
 * error (XIO_ENOMEM or another status) it is still the caller's. */
int xio_stream_open(xio_stream **out, xio_loop *loop, int number) XIO_WARN_UNUSED;

/* The same for a socket that does not block, in a fresh record of the loop's memory. */
int xio_stream_open_socket(xio_stream *stream, xio_loop *loop,
                           int number) XIO_WARN_UNUSED;

/* A shared stream on `number`; `file` (or NULL) writes to it too. XIO_EBADF: it is not
 * open. */
int xio_stream_share(xio_stream **out, const xio_allocator *alloc, int number,
                     FILE *file) XIO_WARN_UNUSED;

/* Begins to connect to `to` from `from` (of size 0: any address). XIO_OK: *out is
 * connected. -EINPROGRESS: *out will be, unless xio_socket_error says otherwise once the
 * wait for it is over. Another status: nothing was made. */
int xio_stream_connect(xio_stream **out, xio_loop *loop, const xio_address *to,
                       const xio_address *from,
                       const xio_socket_opts *opts) XIO_WARN_UNUSED;

/* Parks the running task until `stream` is connected, or cannot be. As
 * xio_handle_wait. */
int xio_stream_wait_connected(xio_stream *stream, xio_task *task) XIO_WARN_UNUSED;

/* Two streams that are connected to each other. On error nothing was made. */
int xio_stream_pair(xio_stream *out[2], xio_loop *loop) XIO_WARN_UNUSED;

/* The end of a pipe to read from, and the one to write to. On error nothing was made. */
int xio_stream_pipe(xio_stream *out[2], xio_loop *loop) XIO_WARN_UNUSED;

/* Reads 1 to `max` bytes, `max` not 0: how many. XIO_EOF; XIO_EAGAIN: wait first; or
 * another status. */
int64_t xio_stream_read(xio_stream *stream, char *bytes, size_t max) XIO_WARN_UNUSED;

/* Writes some of `count` bytes: how many, 0 only of none. XIO_EAGAIN: wait first; -EPIPE:
 * nobody reads; XIO_ECLOSED: it was closed or shut down; XIO_ECANCELED: it is cut; or
 * another status. */
int64_t xio_stream_write(xio_stream *stream, const char *bytes,
                         size_t count) XIO_WARN_UNUSED;

/* Whether the last read, which gave `count` of at most `max` bytes, left nothing: to wait
 * before the next one saves a call. */
static inline bool xio_stream_drained(const xio_stream *stream, size_t count,
                                      size_t max) {
  return stream->is_socket && count < max && !stream->handle.hung && !stream->is_shared;
}

/* Parks the running task until that side may be ready. As xio_handle_wait. */
int xio_stream_wait(xio_stream *stream, xio_fd_side side, xio_task *task) XIO_WARN_UNUSED;

/* Whether a task waits for that side, of a stream that is not shared. */
bool xio_stream_waited(const xio_stream *stream, xio_fd_side side);

/* Nothing more will be written; the other end reads what was, and then the end. XIO_OK,
 * also the second time, XIO_ECLOSED, or a status. */
int xio_stream_shutdown(xio_stream *stream) XIO_WARN_UNUSED;

/* Whether it was not closed, neither by its owner nor by the loop's end. */
bool xio_stream_is_open(const xio_stream *stream);

/* Closes it; returns whether it was open. Never fails. */
bool xio_stream_close(xio_stream *stream);

/* The owner lets go. A shared stream's descriptor stays open. */
void xio_stream_release(xio_stream *stream);

#endif
