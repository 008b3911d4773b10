/* alloc: where memory comes from. An allocator has the shape of lua_Alloc, so that a
 * runtime on a Lua state takes its memory from that state's own function. Whoever makes
 * an object stores the allocator and frees with the same one. Not thread-safe beyond what
 * the given function is. */
#ifndef XIO_ALLOC_H
#define XIO_ALLOC_H

#include "base.h"

/* Resizes `ptr` (NULL: allocates) from `old_size` to `new_size` bytes; `new_size` 0 frees
 * and returns NULL; NULL otherwise means out of memory and leaves `ptr` as it was. */
typedef void *(*xio_alloc_fn)(void *context, void *ptr, size_t old_size, size_t new_size);

typedef struct xio_allocator {
  xio_alloc_fn resize;
  void *context;
} xio_allocator;

/* The allocator of the C library. */
xio_allocator xio_alloc_default(void);

/* `size` zeroed bytes, or NULL when memory is out. */
void *xio_alloc_new(const xio_allocator *alloc, size_t size) XIO_WARN_UNUSED;

/* Frees `size` bytes at `ptr`; NULL is allowed. */
void xio_alloc_free(const xio_allocator *alloc, void *ptr, size_t size);

#endif
