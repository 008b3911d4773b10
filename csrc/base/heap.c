/* heap: see heap.h. Children of entry i are 4i+1 to 4i+4. */
#include "heap.h"

#include "status.h"

enum { HEAP_ARITY = 4, HEAP_FIRST_CAPACITY = 16 };

void xio_heap_init(xio_heap *heap) {
  *heap = (xio_heap){0};
}

void xio_heap_deinit(xio_heap *heap, const xio_allocator *alloc) {
  xio_alloc_free(alloc, heap->entries, heap->capacity * sizeof(xio_heap_entry));
  *heap = (xio_heap){0};
}

static bool before(const xio_heap_entry *a, const xio_heap_entry *b) {
  return a->key < b->key || (a->key == b->key && a->order < b->order);
}

static void place(xio_heap *heap, uint32_t index, xio_heap_entry entry) {
  heap->entries[index] = entry;
  entry.item->index = index;
}

/* Moves the hole at `index` up to where `entry` belongs and fills it. */
static void sift_up(xio_heap *heap, uint32_t index, xio_heap_entry entry) {
  while (index > 0) {
    uint32_t parent = (index - 1) / HEAP_ARITY;
    if (!before(&entry, &heap->entries[parent])) break;
    place(heap, index, heap->entries[parent]);
    index = parent;
  }
  place(heap, index, entry);
}

/* Moves the hole at `index` down to where `entry` belongs and fills it. */
static void sift_down(xio_heap *heap, uint32_t index, xio_heap_entry entry) {
  for (;;) {
    uint64_t first = (uint64_t)index * HEAP_ARITY + 1;
    if (first >= heap->count) break;
    uint64_t last = first + HEAP_ARITY;
    if (last > heap->count) last = heap->count;
    uint32_t least = (uint32_t)first;
    for (uint32_t child = least + 1; child < last; child++) {
      if (before(&heap->entries[child], &heap->entries[least])) least = child;
    }
    if (!before(&heap->entries[least], &entry)) break;
    place(heap, index, heap->entries[least]);
    index = least;
  }
  place(heap, index, entry);
}

int xio_heap_reserve(xio_heap *heap, const xio_allocator *alloc) {
  if (heap->count + heap->reserved == heap->capacity) {
    if (heap->capacity >= XIO_HEAP_NONE / 2) return XIO_ENOMEM;
    uint32_t capacity = heap->capacity != 0 ? heap->capacity * 2 : HEAP_FIRST_CAPACITY;
    xio_heap_entry *entries =
        alloc->resize(alloc->context, heap->entries, heap->capacity * sizeof *entries,
                      capacity * sizeof *entries);
    if (entries == NULL) return XIO_ENOMEM;
    heap->entries = entries;
    heap->capacity = capacity;
  }
  heap->reserved++;
  return XIO_OK;
}

void xio_heap_unreserve(xio_heap *heap) {
  XIO_ASSERT(heap->reserved > 0);
  heap->reserved--;
}

void xio_heap_insert_reserved(xio_heap *heap, xio_heap_item *item, int64_t key) {
  XIO_ASSERT(heap->reserved > 0);
  heap->reserved--;
  xio_heap_entry entry = {key, heap->next_order++, item};
  sift_up(heap, heap->count++, entry);
}

void xio_heap_remove(xio_heap *heap, xio_heap_item *item) {
  uint32_t index = item->index;
  XIO_ASSERT(index < heap->count && heap->entries[index].item == item);
  xio_heap_entry last = heap->entries[--heap->count];
  heap->reserved++;
  item->index = XIO_HEAP_NONE;
  if (index == heap->count) return;
  if (index > 0 && before(&last, &heap->entries[(index - 1) / HEAP_ARITY])) {
    sift_up(heap, index, last);
  } else {
    sift_down(heap, index, last);
  }
}

xio_heap_item *xio_heap_min(const xio_heap *heap, int64_t *key) {
  if (heap->count == 0) return NULL;
  *key = heap->entries[0].key;
  return heap->entries[0].item;
}

bool xio_heap_valid(const xio_heap *heap) {
  if (heap->count + heap->reserved > heap->capacity) return false;
  for (uint32_t i = 0; i < heap->count; i++) {
    if (heap->entries[i].item->index != i) return false;
    if (i > 0 && before(&heap->entries[i], &heap->entries[(i - 1) / HEAP_ARITY])) {
      return false;
    }
  }
  return true;
}
