/* buffer: a queue of bytes in one block: appended at its end, taken from its front.
 *
 * The block grows by doubling, or to the size asked for. What was taken makes room again
 * when the rest is moved to the block's beginning, which is done only where that is the
 * smaller part, so that each byte is moved a bounded number of times. An empty buffer
 * keeps a small block and gives a large one back, so that what is idle holds little. A
 * buffer that is to become something else as a whole may have a margin around its block.
 * Owner: whoever embeds it; all bits 0 is an empty buffer. Invariant (xio_buffer_valid):
 * first <= last <= capacity. */
#ifndef XIO_BUFFER_H
#define XIO_BUFFER_H

#include "alloc.h"

typedef struct xio_buffer {
  char *block; /* NULL while capacity is 0 */
  size_t first;
  size_t last;
  size_t capacity;
  uint32_t before, behind; /* so many bytes more are allocated around the block; never
                              changed while there is one */
} xio_buffer;

/* The largest block that an empty buffer keeps. */
enum { XIO_BUFFER_KEPT = 1024 };

/* Gives the block back; the buffer is empty and keeps its margin. */
void xio_buffer_deinit(xio_buffer *buffer, const xio_allocator *alloc);

/* How many bytes there are, and where; the address is good until the next change. */
static inline size_t xio_buffer_count(const xio_buffer *buffer) {
  return buffer->last - buffer->first;
}
static inline const char *xio_buffer_bytes(const xio_buffer *buffer) {
  return buffer->capacity != 0 ? buffer->block + buffer->first : "";
}

/* Room for at least `count` more bytes behind the last one, good until the next change;
 * NULL: memory is out, and nothing has changed. */
char *xio_buffer_reserve(xio_buffer *buffer, const xio_allocator *alloc,
                         size_t count) XIO_WARN_UNUSED;

/* `count` bytes were written to the room reserved last. */
void xio_buffer_commit(xio_buffer *buffer, size_t count);

/* Appends bytes. XIO_ENOMEM: nothing has changed. */
int xio_buffer_append(xio_buffer *buffer, const xio_allocator *alloc, const char *bytes,
                      size_t count) XIO_WARN_UNUSED;

/* Drops the first `count` bytes, which are there. Never fails. */
void xio_buffer_take(xio_buffer *buffer, const xio_allocator *alloc, size_t count);

/* The block became somebody else's: the buffer is empty. */
void xio_buffer_forget(xio_buffer *buffer);

/* Where `delimiter`, of `length` bytes, at least 1, first stands at or behind byte
 * `from`; SIZE_MAX where it does not. */
size_t xio_buffer_find(const xio_buffer *buffer, size_t from, const char *delimiter,
                       size_t length);

/* The invariant above. */
bool xio_buffer_valid(const xio_buffer *buffer);

#endif
