/* slab: memory for one Lua state: small blocks by size, without headers.
 *
 * Wraps another allocator of the same shape. Blocks of up to XIO_SLAB_BYTES_MAX bytes are
 * cut from spans of 64 KB, each of which holds blocks of one size (a multiple of eight);
 * larger ones, and what was allocated before, belong to the allocator inside, as does
 * everything once the range is used up. What is allocated in a row so lies in a row, also
 * where much was freed before: a span that has become empty is cut from its beginning
 * again. The range is reserved at once and gets memory as it is used; empty spans are
 * kept, beyond 128 MB without their memory.
 *
 * Invariants (xio_slabs_valid): a span counts its blocks in use; it is listed by its size
 * exactly while it has room. One thread at a time. */
#ifndef XIO_SLAB_H
#define XIO_SLAB_H

#include "alloc.h"

enum { XIO_SLAB_BYTES_MAX = 1024 };

typedef struct xio_slabs xio_slabs;

/* Reserves a range of addresses. False: the system gives none; nothing has changed. */
bool xio_slabs_open(xio_slabs **out, xio_allocator inner) XIO_WARN_UNUSED;

/* Gives all memory back, that of blocks in use too; what came from inside stays. */
void xio_slabs_close(xio_slabs *slabs);

/* The allocator, with the slabs as context. Like any lua_Alloc it never fails where a
 * block gets smaller. */
void *xio_slabs_resize(void *context, void *ptr, size_t old_size, size_t new_size);

/* Whether `ptr` lies in a span. */
bool xio_slabs_holds(const xio_slabs *slabs, const void *ptr);

/* The invariants above; O(spans). */
bool xio_slabs_valid(const xio_slabs *slabs);

#endif
