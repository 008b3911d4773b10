/* slab: see slab.h.
 *
 * What is known of the spans stands in a table of its own: at the beginnings of the spans
 * all of it would fall into the same few sets of the processor's caches. */
#include "slab.h"

#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

enum {
  GRAIN = 8,
  CLASSES = XIO_SLAB_BYTES_MAX / GRAIN + 1,
  SPAN_SHIFT = 16,
  SPAN_BYTES = 1 << SPAN_SHIFT,
  SPANS_MAX = 1 << 18, /* 16 GB of addresses */
  SPANS_MIN = 1 << 10,
  COMMIT_SPANS = 64, /* that get memory at a time */
  SPARE_MAX = 2048   /* empty ones that keep theirs */
};

typedef struct span {
  void *free;          /* blocks that were given back, each with a pointer to the next */
  uint32_t used;       /* blocks in use */
  uint32_t cut;        /* bytes of it that were handed out before */
  uint32_t size;       /* of a block; 0: it is spare, or was never used */
  uint32_t next, prev; /* in the ring of those of its size with room, or of the spare */
} span;

/* Spans are named by their number; 0 is none. */
struct xio_slabs {
  xio_allocator inner;
  char *begin; /* of span 0, which is not used */
  size_t bytes;
  span *spans;
  uint32_t count;  /* that there can be */
  uint32_t usable; /* those below have memory */
  uint32_t fresh;  /* the first that was never used */
  uint32_t spare;  /* the first of those that are empty */
  uint32_t spare_count;
  pthread_t owner;
  size_t mapped;                   /* bytes from this record on */
  uint32_t with_room[CLASSES + 1]; /* by size: the first with room */
};

static inline uint32_t class_of(size_t size) {
  return (uint32_t)((size + GRAIN - 1) / GRAIN);
}

static inline char *address_of(const xio_slabs *slabs, uint32_t number) {
  return slabs->begin + ((size_t)number << SPAN_SHIFT);
}

bool xio_slabs_holds(const xio_slabs *slabs, const void *ptr) {
  return (size_t)((const char *)ptr - slabs->begin) < slabs->bytes;
}

/* -- rings --------------------------------------------------------------------------- */

/* Puts a span at the end of the ring that begins with `*first`. */
static void link_span(xio_slabs *slabs, uint32_t *first, uint32_t number) {
  span *added = &slabs->spans[number];
  if (*first == 0) {
    added->next = added->prev = number;
    *first = number;
    return;
  }
  span *head = &slabs->spans[*first];
  added->next = *first;
  added->prev = head->prev;
  slabs->spans[head->prev].next = number;
  head->prev = number;
}

static void unlink_span(xio_slabs *slabs, uint32_t *first, uint32_t number) {
  span *gone = &slabs->spans[number];
  if (gone->next == number) {
    *first = 0;
    return;
  }
  if (*first == number) *first = gone->next;
  slabs->spans[gone->next].prev = gone->prev;
  slabs->spans[gone->prev].next = gone->next;
}

/* -- spans --------------------------------------------------------------------------- */

static inline bool is_full(const span *of) {
  return of->free == NULL && of->cut + of->size > SPAN_BYTES;
}

/* An empty span for blocks of `size` bytes, listed as having room; 0: there is none. */
static uint32_t open_span(xio_slabs *slabs, uint32_t size) {
  uint32_t number = slabs->spare;
  if (number != 0) {
    unlink_span(slabs, &slabs->spare, number);
    slabs->spare_count--;
  } else {
    if (slabs->fresh == slabs->count) return 0;
    if (slabs->fresh >= slabs->usable) {
      size_t more = (size_t)COMMIT_SPANS << SPAN_SHIFT;
      char *from = address_of(slabs, slabs->usable);
      if (mprotect(from, more, PROT_READ | PROT_WRITE) != 0) return 0;
      slabs->usable += COMMIT_SPANS;
    }
    number = slabs->fresh++;
  }
  slabs->spans[number] = (span){.size = size};
  link_span(slabs, &slabs->with_room[class_of(size)], number);
  return number;
}

/* A span has become empty and is not the only one of its size with room. */
static void close_span(xio_slabs *slabs, uint32_t number) {
  span *empty = &slabs->spans[number];
  unlink_span(slabs, &slabs->with_room[class_of(empty->size)], number);
  empty->size = 0;
  link_span(slabs, &slabs->spare, number);
  slabs->spare_count++;
  if (slabs->spare_count > SPARE_MAX) {
    /* best effort: the address stays usable either way */
    (void)madvise(address_of(slabs, number), SPAN_BYTES, MADV_DONTNEED);
  }
}

/* -- blocks -------------------------------------------------------------------------- */

/* A block of at most XIO_SLAB_BYTES_MAX bytes. */
static void *take(xio_slabs *slabs, size_t size) {
  uint32_t kind = class_of(size);
  uint32_t number = slabs->with_room[kind];
  if (XIO_UNLIKELY(number == 0)) {
    number = open_span(slabs, kind * GRAIN);
    if (number == 0) return slabs->inner.resize(slabs->inner.context, NULL, 0, size);
  }
  span *from = &slabs->spans[number];
  void *block = from->free;
  if (block != NULL) {
    memcpy(&from->free, block, sizeof from->free);
  } else {
    block = address_of(slabs, number) + from->cut;
    from->cut += from->size;
  }
  from->used++;
  if (XIO_UNLIKELY(is_full(from))) unlink_span(slabs, &slabs->with_room[kind], number);
  return block;
}

/* Gives a block of a span back. */
static void give(xio_slabs *slabs, void *block) {
  uint32_t number = (uint32_t)((size_t)((char *)block - slabs->begin) >> SPAN_SHIFT);
  span *to = &slabs->spans[number];
  XIO_CHECK(to->used != 0 && to->size != 0);
  bool was_full = is_full(to);
#if defined(XIO_DEV) && XIO_DEV
  memset(block, 0xdd, to->size); /* so that who still uses it is found */
#endif
  memcpy(block, &to->free, sizeof to->free);
  to->free = block;
  to->used--;
  if (XIO_UNLIKELY(was_full)) {
    link_span(slabs, &slabs->with_room[class_of(to->size)], number);
  }
  if (XIO_UNLIKELY(to->used == 0) && to->next != number) close_span(slabs, number);
}

/* Moves what fits of a block to a new one; what was there is given back. NULL: memory is
 * out, nothing has changed. */
static void *move(xio_slabs *slabs, void *ptr, size_t old_size, size_t new_size) {
  const xio_allocator *inner = &slabs->inner;
  bool is_small = new_size <= XIO_SLAB_BYTES_MAX;
  void *to =
      is_small ? take(slabs, new_size) : inner->resize(inner->context, NULL, 0, new_size);
  if (to == NULL) return NULL;
  memcpy(to, ptr, old_size < new_size ? old_size : new_size);
  if (xio_slabs_holds(slabs, ptr)) {
    give(slabs, ptr);
  } else {
    inner->resize(inner->context, ptr, old_size, 0);
  }
  return to;
}

static void *resize_held(xio_slabs *slabs, void *ptr, size_t old_size, size_t new_size) {
  if (new_size == 0) {
    give(slabs, ptr);
    return NULL;
  }
  size_t number = (size_t)((char *)ptr - slabs->begin) >> SPAN_SHIFT;
  size_t size = slabs->spans[number].size;
  if (new_size <= size && new_size + GRAIN > size) return ptr;
  void *moved = move(slabs, ptr, old_size, new_size);
  return moved == NULL && new_size <= size ? ptr : moved;
}

void *xio_slabs_resize(void *context, void *ptr, size_t old_size, size_t new_size) {
  xio_slabs *slabs = context;
  const xio_allocator *inner = &slabs->inner;
  bool is_small = new_size <= XIO_SLAB_BYTES_MAX;
  XIO_CHECK(pthread_equal(slabs->owner, pthread_self()));
  if (ptr == NULL) { /* Lua then tells in old_size what it is for */
    if (new_size == 0) return NULL;
    if (XIO_LIKELY(is_small)) return take(slabs, new_size);
    return inner->resize(inner->context, NULL, 0, new_size);
  }
  if (XIO_LIKELY(xio_slabs_holds(slabs, ptr))) {
    return resize_held(slabs, ptr, old_size, new_size);
  }
  if (new_size != 0 && is_small) {
    void *moved = move(slabs, ptr, old_size, new_size);
    if (moved != NULL) return moved;
  }
  return inner->resize(inner->context, ptr, old_size, new_size);
}

/* -- opening and closing ------------------------------------------------------------- */

static size_t round_up(size_t size, size_t to) {
  return (size + to - 1) / to * to;
}

bool xio_slabs_open(xio_slabs **out, xio_allocator inner) {
  /* less where the process may not have so many addresses */
  for (uint32_t count = SPANS_MAX; count >= SPANS_MIN; count /= 4) {
    size_t head = round_up(sizeof(xio_slabs) + (size_t)count * sizeof(span), SPAN_BYTES);
    size_t bytes = (size_t)count << SPAN_SHIFT;
    char *at = mmap(NULL, head + bytes, PROT_NONE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) continue;
    if (mprotect(at, head, PROT_READ | PROT_WRITE) != 0) {
      (void)munmap(at, head + bytes);
      continue;
    }
    xio_slabs *slabs = (xio_slabs *)(void *)at;
    *slabs = (xio_slabs){.inner = inner,
                         .begin = at + head,
                         .bytes = bytes,
                         .count = count,
                         .fresh = 1,
                         .owner = pthread_self(),
                         .mapped = head + bytes};
    slabs->spans = (span *)(void *)(slabs + 1);
    *out = slabs;
    return true;
  }
  return false;
}

void xio_slabs_close(xio_slabs *slabs) {
  (void)munmap(slabs, slabs->mapped);
}

/* -- invariants ---------------------------------------------------------------------- */

/* Whether the blocks of a span add up. */
static bool span_valid(const span *of) {
  if (of->cut > SPAN_BYTES || of->cut % of->size != 0) return false;
  uint32_t unused = 0;
  const void *block = of->free;
  while (block != NULL && unused <= of->cut / of->size) {
    unused++;
    memcpy(&block, block, sizeof block);
  }
  return of->used + unused == of->cut / of->size;
}

bool xio_slabs_valid(const xio_slabs *slabs) {
  uint32_t empty = 0;
  uint32_t roomy = 0;
  for (uint32_t number = 1; number < slabs->fresh; number++) {
    const span *each = &slabs->spans[number];
    if (each->size == 0) {
      empty++;
      continue;
    }
    if (!span_valid(each)) return false;
    if (!is_full(each)) roomy++;
  }
  for (uint32_t kind = 0; kind <= CLASSES; kind++) {
    const uint32_t first = slabs->with_room[kind];
    uint32_t number = first;
    if (first == 0) continue;
    do {
      const span *each = &slabs->spans[number];
      if (class_of(each->size) != kind || is_full(each) || roomy == 0) return false;
      roomy--;
      number = each->next;
    } while (number != first);
  }
  return roomy == 0 && empty == slabs->spare_count;
}
