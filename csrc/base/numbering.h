/* numbering: a map from addresses to numbers.
 *
 * For walks over a graph of objects that must tell whether they met one before. Open
 * addressing in a block whose size is a power of two; the first few are kept in the
 * struct, so that small graphs allocate nothing. Nothing is ever taken out. Owner: who
 * embeds it. Invariant: at most three quarters of the places are taken. */
#ifndef XIO_NUMBERING_H
#define XIO_NUMBERING_H

#include "alloc.h"

typedef struct xio_numbered {
  const void *address; /* NULL: a free place */
  uint64_t number;
} xio_numbered;

enum { XIO_NUMBERING_SMALL = 16 };

typedef struct xio_numbering {
  xio_numbered *places; /* `small`, or a block */
  uint32_t count, capacity;
  xio_numbered small[XIO_NUMBERING_SMALL];
} xio_numbering;

void xio_numbering_init(xio_numbering *numbering);

/* Gives the block back. */
void xio_numbering_deinit(xio_numbering *numbering, const xio_allocator *alloc);

/* Finds the number of `address`, which is not NULL; false: it has none. */
bool xio_numbering_find(const xio_numbering *numbering, const void *address,
                        uint64_t *number);

/* Gives `address`, which has none, a number. XIO_ENOMEM: nothing has changed. */
int xio_numbering_add(xio_numbering *numbering, const xio_allocator *alloc,
                      const void *address, uint64_t number) XIO_WARN_UNUSED;

#endif
