/* alloc: the default allocator and two helpers over any allocator. */
#include "alloc.h"

#include <stdlib.h>
#include <string.h>

static void *resize_default(void *context, void *ptr, size_t old_size, size_t new_size) {
  (void)context;
  (void)old_size;
  if (new_size == 0) {
    free(ptr);
    return NULL;
  }
  return realloc(ptr, new_size);
}

xio_allocator xio_alloc_default(void) {
  return (xio_allocator){resize_default, NULL};
}

void *xio_alloc_new(const xio_allocator *alloc, size_t size) {
  void *ptr = alloc->resize(alloc->context, NULL, 0, size);
  if (ptr != NULL) memset(ptr, 0, size);
  return ptr;
}

void xio_alloc_free(const xio_allocator *alloc, void *ptr, size_t size) {
  if (ptr != NULL) alloc->resize(alloc->context, ptr, size, 0);
}
