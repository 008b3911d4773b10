/* file: an open file: reading and writing at a position, in threads where it has to be.
 *
 * A regular file (or a disk) is read and written where the file stands, by offset, so
 * that the descriptor's own offset is not used but for appending. What the system has in
 * memory is read at once on the loop's thread, since that takes less time than to wake
 * another; all else goes to the pool (work.h), into memory that belongs to the file. A
 * read that is withdrawn goes on, and the next one finds what it brought. What is no
 * regular file (a terminal, a pipe, a device) has no position, never blocks, and is
 * waited for (fd.h).
 *
 * Owner: who called xio_file_open, until xio_file_release; heap memory, freed when no
 * thread works on it any more. The descriptor is closed by xio_file_close, at once or
 * when no thread uses it any more. One task may read and one may write at a time: the
 * callers see to it (`reader`, `writer` are theirs). Bytes that were read and not asked
 * for yet are the callers' too, and so is moving back before them.
 *
 * Invariant: `users` counts the works that have the file. Loop's thread only. Not here:
 * lines, buffers. */
#ifndef XIO_CORE_FILE_H
#define XIO_CORE_FILE_H

#include "fd.h"
#include "work.h"

/* A piece that is written by one request at the most, in bytes. */
enum { XIO_FILE_PIECE = 1024 * 1024 };

typedef struct xio_file xio_file;
struct xio_file {
  xio_loop_object object;
  xio_loop *loop; /* NULL: the loop has closed */
  xio_allocator alloc;
  int number;    /* -1: not open (yet), or closed */
  xio_fd *fd;    /* of what has no position; NULL: it has one */
  int64_t at;    /* where the next byte is read or written */
  int64_t size;  /* in bytes, when it was opened; 0 also where it cannot be told */
  bool appends;  /* what is written goes to the end */
  bool closed;   /* by its owner or the loop */
  bool released; /* the owner is gone */
  bool slow;     /* the system cannot tell what it has in memory */
  uint32_t users;
  xio_list requests; /* of xio_file_request, at work or with results */
  xio_work reading;
  uint8_t reading_state; /* xio_file_reading */
  bool reading_stale;    /* the position was changed since it began */
  int64_t reading_at;    /* where it reads */
  size_t wanted;         /* bytes, by the last xio_file_read */
  char *chunk;           /* what it reads to; NULL: none */
  size_t chunk_size;
  size_t chunk_first; /* the part that was read and not taken yet */
  size_t chunk_last;
};

typedef enum xio_file_reading {
  XIO_FILE_IDLE,
  XIO_FILE_READING, /* in a thread, or it has ended and who waits has not run yet */
  XIO_FILE_READ     /* the result is in `reading` */
} xio_file_reading;

typedef enum xio_file_op {
  XIO_FILE_OPEN,
  XIO_FILE_WRITE,
  XIO_FILE_SYNC,
  XIO_FILE_TRUNCATE,
  XIO_FILE_STAT,
  XIO_FILE_SIZE
} xio_file_op;

/* One operation at work. */
typedef struct xio_file_request {
  xio_work work;
  xio_list link; /* in the file's list */
  xio_file *file;
  xio_file_op op;
  int number;
  int flags, mode;
  int64_t at; /* offset, or size; the position afterwards, negative: there is none */
  uv_stat_t stat;
  size_t count; /* of `bytes` */
  size_t size;  /* of this record */
  char bytes[];
} xio_file_request;

/* What the operations need: an O_* and a mode; an offset or size; bytes to write. */
typedef struct xio_file_call {
  xio_file_op op;
  int flags, mode;
  int64_t at;
  const char *bytes; /* copied */
  size_t count;
} xio_file_call;

/* A file that is not open yet. XIO_ENOMEM: none was made. */
int xio_file_new(xio_file **out, xio_loop *loop) XIO_WARN_UNUSED;

/* Begins an operation and parks the running task, which is not cancelled. Where its wait
 * ends with XIO_OK, the result is to be taken by xio_file_take; otherwise (XIO_ECANCELED:
 * it had no effect; XIO_ECLOSED) the request is gone. XIO_ENOMEM: nothing was started.
 * XIO_FILE_OPEN takes a path as `bytes`; opening a folder is -EISDIR. XIO_FILE_SIZE gives
 * the size as result; XIO_FILE_WRITE how many bytes. */
int xio_file_begin(xio_file_request **out, xio_file *file, xio_task *task,
                   const xio_file_call *call) XIO_WARN_UNUSED;

/* Takes the result: 0 or more, or a status; `*stat` (or NULL) gets what XIO_FILE_STAT
 * tells. The request is gone. A file that was opened is open now. */
int64_t xio_file_take(xio_file_request *request, uv_stat_t *stat);

/* Reads 1 to `max` bytes, if that is possible without waiting, and moves on. How many,
 * XIO_EOF, XIO_EAGAIN, or a status. */
int64_t xio_file_read(xio_file *file, char *bytes, size_t max) XIO_WARN_UNUSED;

/* Parks the running task, which is not cancelled, until xio_file_read, which has told
 * XIO_EAGAIN, may tell more. The wait ends with XIO_OK, XIO_ECANCELED (what was read
 * meanwhile is kept) or XIO_ECLOSED. XIO_ENOMEM and others: nothing was started. */
int xio_file_wait_read(xio_file *file, xio_task *task) XIO_WARN_UNUSED;

/* Writes some of `count` bytes, not 0, where the file stands or at its end, if the system
 * takes them without waiting, and moves on: how many, XIO_EAGAIN, or a status. */
int64_t xio_file_write(xio_file *file, const char *bytes, size_t count) XIO_WARN_UNUSED;

/* Where the next byte is read or written; -1: there is no such place. */
static inline int64_t xio_file_at(const xio_file *file) {
  return file->fd != NULL ? -1 : file->at;
}

/* How many bytes stood from there to the end when the file was opened. */
static inline uint64_t xio_file_left(const xio_file *file) {
  return file->size > file->at ? (uint64_t)(file->size - file->at) : 0;
}

/* Moves the position of a file that has one; a read that is going on is for nothing. */
void xio_file_move(xio_file *file, int64_t at);

/* Closes it: who waits is woken with XIO_ECLOSED; what is at work in a thread ends
 * before the descriptor is closed. Whether it was open. Never fails. */
bool xio_file_close(xio_file *file);

/* The same; and the owner will not use it any more. */
void xio_file_release(xio_file *file);

#endif
