/* source: where buffered reading gets its bytes: see read.h. Loop's thread. */
#include "read.h"

enum { CHUNK_LEAST = 1024, CHUNK_MOST = 64 * 1024 };

const xiol_kind xiol_kind_stream = {"xio.Stream"}, xiol_kind_file = {"xio.File"};

void xiol_source_init(xiol_source *source, xiol_state *state, const xiol_kind *kind,
                      const xiol_source_ops *ops) {
  *source = (xiol_source){.kind = kind, .ops = ops, .state = state};
  source->buffer.before = state->string_header; /* it may become a string: room.h */
  source->buffer.behind = 1;
}

void xiol_source_deinit(xiol_source *source) {
  xiol_state *state = source->state;
  if (state->unread == source) state->unread = NULL;
  xio_buffer_deinit(&source->buffer, &state->alloc);
}

void xiol_source_drop(xiol_source *source) {
  xiol_state *state = source->state;
  if (state->unread == source) state->unread = NULL;
  xio_buffer_take(&source->buffer, &state->alloc, xio_buffer_count(&source->buffer));
  source->scanned = 0;
}

void xiol_keep_unread(lua_State *L, xiol_state *state) {
  xiol_source *source = state->unread;
  int status = xio_buffer_append(&source->buffer, &state->alloc, state->room.bytes,
                                 state->unread_count);
  if (status != XIO_OK) xiol_raise_memory(L);
  state->unread = NULL;
}

bool xiol_in_operation(const xiol_task *task, uint64_t id) {
  if (task == NULL || task->core.id != id || task->core.state != XIO_TASK_LIVE) {
    return false;
  }
  const xio_wait *wait = &task->core.wait;
  return wait->state == XIO_WAIT_PARKED ||
         (wait->state == XIO_WAIT_READY && wait->status != XIO_ECANCELED);
}

bool xiol_source_busy(const xiol_source *source) {
  return xiol_in_operation(source->reader, source->reader_id);
}

/* How much room to make where `wanted` bytes would be of use: a chunk, or all that will
 * come, where that is known, so that the buffer need not grow on the way. One byte more
 * shows that the end is the end. */
static size_t room_for(const xiol_source *source, size_t wanted) {
  if (wanted <= source->chunk || source->ops->left == NULL) return source->chunk;
  const xio_buffer *buffer = &source->buffer;
  uint64_t left = source->ops->left(source);
  if (left < wanted) wanted = (size_t)left + 1;
  if (wanted <= buffer->capacity - buffer->last) return wanted;
  return wanted > source->chunk ? wanted : source->chunk;
}

int xiol_fill_by_reading(xiol_source *source, xiol_task *task, size_t wanted) {
  if (source->chunk == 0) source->chunk = CHUNK_LEAST;
  xio_buffer *buffer = &source->buffer;
  size_t size = room_for(source, wanted);
  char *room = xio_buffer_reserve(buffer, &source->state->alloc, size);
  if (room == NULL) return XIO_ENOMEM;
  size_t most = buffer->capacity - buffer->last;
  if (most > CHUNK_MOST && most > size) most = size > CHUNK_MOST ? size : CHUNK_MOST;
  int64_t count = xiol_read_or_wait(source, task, room, most);
  if (count <= 0) return (int)count;
  xio_buffer_commit(buffer, (size_t)count);
  if ((size_t)count == most && source->chunk < CHUNK_MOST) source->chunk *= 4;
  if ((size_t)count < source->chunk / 8) source->chunk /= 2;
  if (source->chunk < CHUNK_LEAST) source->chunk = CHUNK_LEAST;
  return XIO_OK;
}
