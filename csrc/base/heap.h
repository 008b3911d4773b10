/* heap: a 4-ary min-heap of (key, item) with the keys inline. Equal keys leave in the
 * order in which they were put in. Each item is told its index through the `moved` member
 * of an xio_heap_item, so that it can be removed in O(log n); appending the largest key
 * is O(1). Room may be reserved ahead, so that a later insertion cannot fail. Owner:
 * whoever embeds it. Invariant (xio_heap_valid): no key is smaller than its parent's, and
 * each item's index names its own entry. */
#ifndef XIO_HEAP_H
#define XIO_HEAP_H

#include "alloc.h"

#define XIO_HEAP_NONE UINT32_MAX /* index of an item that is in no heap */

typedef struct xio_heap_item {
  uint32_t index;
} xio_heap_item;

typedef struct xio_heap_entry {
  int64_t key;
  uint64_t order; /* grows with each insertion: ties leave first in, first out */
  xio_heap_item *item;
} xio_heap_entry;

typedef struct xio_heap {
  xio_heap_entry *entries;
  uint32_t count;
  uint32_t capacity;
  uint32_t reserved; /* entries promised to items that are not in the heap now */
  uint64_t next_order;
} xio_heap;

void xio_heap_init(xio_heap *heap);

/* Frees the entries; the items are their owners'. */
void xio_heap_deinit(xio_heap *heap, const xio_allocator *alloc);

/* Makes room for one more entry and promises it. XIO_ENOMEM: nothing has changed. */
int xio_heap_reserve(xio_heap *heap, const xio_allocator *alloc) XIO_WARN_UNUSED;

/* Gives one promise back. */
void xio_heap_unreserve(xio_heap *heap);

/* Puts `item`, which is in no heap, in under `key`, using a promise made before. */
void xio_heap_insert_reserved(xio_heap *heap, xio_heap_item *item, int64_t key);

/* Takes `item`, which is in this heap, out again and gives its promise back to the
 * caller: it may be inserted again, or the promise unreserved. */
void xio_heap_remove(xio_heap *heap, xio_heap_item *item);

/* The item with the least key, or NULL; `*key` is set when there is one. */
xio_heap_item *xio_heap_min(const xio_heap *heap, int64_t *key);

/* The invariant above; O(n). */
bool xio_heap_valid(const xio_heap *heap);

#endif
