/* read: buffered reading, one mechanism for streams and files.
 *
 * The userdata of either begins with an xiol_source. Its class takes the methods recv,
 * read, read_exactly, read_until and lines from here, and brings a few functions of its
 * own. Bytes that were got from the system and not yet read are in `buffer`: a read that
 * is cancelled, meets the end, or finds no delimiter leaves them there. One task reads a
 * source at a time. Loop's thread. Not here: where bytes come from (stream.c, file.c),
 * and writing. */
#ifndef XIOL_READ_H
#define XIOL_READ_H

#include "../base/buffer.h"
#include "binding.h"

extern const xiol_kind xiol_kind_stream, xiol_kind_file;

typedef struct xiol_source xiol_source;

/* What a class brings. None of these raises but `check`. */
typedef struct xiol_source_ops {
  /* Whether the running task may use the source: XIO_OK, or XIO_ECLOSED. Raises, in the
   * name of `function`, where it belongs to another run. */
  int (*check)(lua_State *L, xiol_source *source, xiol_task *task, const char *function);

  /* Gets at least one more byte into the buffer, `wanted` being how many would be of
   * use; called only by the task that reads. XIO_OK: the buffer has more than before.
   * XIO_EAGAIN: the task waits, or was rescheduled under a cancellation; it will be
   * called again when the task was resumed with XIO_OK. XIO_EOF, XIO_ENOMEM or another
   * status: nothing was begun. NULL: `read` and `wait` are used instead. */
  int (*fill)(xiol_source *source, xiol_task *task, size_t wanted);

  /* Reads what is there now: how many bytes, at least 1 and at most `max`; XIO_EOF;
   * XIO_EAGAIN where there are none; XIO_ECLOSED, also where it was closed while a task
   * waited for it; or another status. May set `drained`. */
  int64_t (*read)(xiol_source *source, char *bytes, size_t max);

  /* Parks the task until `read` may give something. XIO_OK; XIO_EAGAIN: it may
   * already; or another status. Not parked then. */
  int (*wait)(xiol_source *source, xiol_task *task);

  /* How many bytes `read` is likely to give before the end; NULL, or 0: not known. */
  uint64_t (*left)(const xiol_source *source);

  size_t recv_most; /* bytes of one recv at the most */
} xiol_source_ops;

struct xiol_source {
  const xiol_kind *kind; /* &xiol_kind_stream or &xiol_kind_file */
  const xiol_source_ops *ops;
  xiol_state *state;
  xio_buffer buffer;  /* from state->alloc */
  uint64_t count;     /* bytes that reads have returned or skipped */
  uint32_t chunk;     /* how many bytes are asked for at once; 0: not known yet */
  bool drained;       /* the last read left nothing: waiting comes before the next one */
  xiol_task *reader;  /* in the middle of a read; NULL: none */
  uint64_t reader_id; /* its id: the record may be another task's by now */
  /* of the read in progress: */
  size_t most;    /* how many bytes recv may give */
  size_t scanned; /* bytes at the buffer's front that hold no delimiter */
  int formats;    /* how many formats there are */
  int format;     /* which of them is next, from 0 */
};

/* Sets up a source in fresh memory. */
void xiol_source_init(xiol_source *source, xiol_state *state, const xiol_kind *kind,
                      const xiol_source_ops *ops);

/* Gives the buffer back. Never raises. */
void xiol_source_deinit(xiol_source *source);

/* How many bytes were got and not read yet. */
static inline size_t xiol_source_buffered(const xiol_source *source) {
  size_t unread = source->state->unread == source ? source->state->unread_count : 0;
  return xio_buffer_count(&source->buffer) + unread;
}

/* Forgets these bytes. Never raises. */
void xiol_source_drop(xiol_source *source);

/* Puts the bytes that are unread in the state's block into their source's buffer. Raises
 * when memory is out: nothing has changed. */
void xiol_keep_unread(lua_State *L, xiol_state *state);

/* Whether `task`, whose id was `id`, is in the middle of the operation that it was noted
 * for (NULL: none): one that was cancelled, or whose coroutine was closed meanwhile, is
 * not. */
bool xiol_in_operation(const xiol_task *task, uint64_t id);

/* Whether another task is in the middle of a read. */
bool xiol_source_busy(const xiol_source *source);

/* The fill of sources that can be read without waiting. */
int xiol_fill_by_reading(xiol_source *source, xiol_task *task, size_t wanted);

/* Reads what there is, or begins to wait for it: how many bytes, at least 1. XIO_EAGAIN:
 * the task waits, or was rescheduled under a cancellation. Or another status. */
static inline int64_t xiol_read_or_wait(xiol_source *source, xiol_task *task, char *bytes,
                                        size_t most) {
  for (;;) {
    if (XIO_LIKELY(!source->drained)) {
      int64_t count = source->ops->read(source, bytes, most);
      if (XIO_LIKELY(count != XIO_EAGAIN)) return count;
    }
    source->drained = false;
    if (XIO_UNLIKELY(xio_task_begin(&task->core) != XIO_OK)) return XIO_EAGAIN;
    int status = source->ops->wait(source, task);
    if (XIO_LIKELY(status == XIO_OK)) return XIO_EAGAIN;
    if (status != XIO_EAGAIN) return status;
  }
}

/* The methods recv, read, read_exactly, read_until, lines: for the methods of a class. */
extern const luaL_Reg xiol_read_methods[];

#endif
