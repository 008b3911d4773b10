/* buffer: see buffer.h. */
#include "buffer.h"

#include <string.h>

#include "status.h"

enum { CAPACITY_FIRST = 256, CAPACITY_ROUND = 64 * 1024 };

void xio_buffer_forget(xio_buffer *buffer) {
  *buffer = (xio_buffer){.before = buffer->before, .behind = buffer->behind};
}

/* The block with the margin around it, where `capacity` is not 0. */
static size_t whole(const xio_buffer *buffer, size_t capacity) {
  return buffer->before + capacity + buffer->behind;
}

void xio_buffer_deinit(xio_buffer *buffer, const xio_allocator *alloc) {
  if (buffer->capacity != 0) {
    xio_alloc_free(alloc, buffer->block - buffer->before,
                   whole(buffer, buffer->capacity));
  }
  xio_buffer_forget(buffer);
}

/* False: memory is out, and nothing has changed. */
static bool grow(xio_buffer *buffer, const xio_allocator *alloc, size_t capacity) {
  char *old = buffer->capacity != 0 ? buffer->block - buffer->before : NULL;
  size_t old_size = old != NULL ? whole(buffer, buffer->capacity) : 0;
  char *fresh = alloc->resize(alloc->context, old, old_size, whole(buffer, capacity));
  if (fresh == NULL) return false;
  buffer->block = fresh + buffer->before;
  buffer->capacity = capacity;
  return true;
}

/* Moves the bytes to the beginning of the block. */
static void move_to_front(xio_buffer *buffer) {
  size_t count = xio_buffer_count(buffer);
  memmove(buffer->block, buffer->block + buffer->first, count);
  buffer->first = 0;
  buffer->last = count;
}

/* Twice as much until it is enough; much is taken as it is asked for. */
static size_t next_capacity(size_t capacity, size_t needed) {
  size_t next = capacity != 0 ? 2 * capacity : CAPACITY_FIRST;
  if (needed > next && needed > CAPACITY_ROUND) return needed;
  while (next < needed) next *= 2;
  return next;
}

char *xio_buffer_reserve(xio_buffer *buffer, const xio_allocator *alloc, size_t count) {
  size_t used = xio_buffer_count(buffer);
  if (count > SIZE_MAX / 4 - used) return NULL;
  if (count > buffer->capacity - buffer->last) {
    if (buffer->first >= used && count <= buffer->capacity - used) {
      move_to_front(buffer);
    } else {
      size_t capacity = next_capacity(buffer->capacity, buffer->last + count);
      if (!grow(buffer, alloc, capacity)) return NULL;
    }
  }
  return buffer->block + buffer->last;
}

void xio_buffer_commit(xio_buffer *buffer, size_t count) {
  XIO_ASSERT(count <= buffer->capacity - buffer->last);
  buffer->last += count;
}

int xio_buffer_append(xio_buffer *buffer, const xio_allocator *alloc, const char *bytes,
                      size_t count) {
  if (count == 0) return XIO_OK;
  char *room = xio_buffer_reserve(buffer, alloc, count);
  if (room == NULL) return XIO_ENOMEM;
  memcpy(room, bytes, count);
  xio_buffer_commit(buffer, count);
  return XIO_OK;
}

void xio_buffer_take(xio_buffer *buffer, const xio_allocator *alloc, size_t count) {
  XIO_ASSERT(count <= xio_buffer_count(buffer));
  buffer->first += count;
  if (buffer->first != buffer->last) return;
  buffer->first = buffer->last = 0;
  if (buffer->capacity > XIO_BUFFER_KEPT) xio_buffer_deinit(buffer, alloc);
}

size_t xio_buffer_find(const xio_buffer *buffer, size_t from, const char *delimiter,
                       size_t length) {
  size_t count = xio_buffer_count(buffer);
  const char *bytes = xio_buffer_bytes(buffer);
  if (length > count || from > count - length) return SIZE_MAX;
  const char *found = length == 1 ? memchr(bytes + from, delimiter[0], count - from)
                                  : memmem(bytes + from, count - from, delimiter, length);
  return found != NULL ? (size_t)(found - bytes) : SIZE_MAX;
}

bool xio_buffer_valid(const xio_buffer *buffer) {
  return buffer->first <= buffer->last && buffer->last <= buffer->capacity &&
         (buffer->block != NULL) == (buffer->capacity != 0);
}
