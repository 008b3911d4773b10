/* heap: see heap.h. */
#include "heap.h"

#include <pthread.h>

counting heap_memory;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void *heap_resize(void *context, void *ptr, size_t old_size, size_t new_size) {
  xio_allocator alloc = counting_allocator(&heap_memory);
  (void)context;
  pthread_mutex_lock(&mutex);
  void *resized = alloc.resize(alloc.context, ptr, old_size, new_size);
  pthread_mutex_unlock(&mutex);
  return resized;
}

xio_allocator __wrap_xio_alloc_default(void);

xio_allocator __wrap_xio_alloc_default(void) {
  return (xio_allocator){heap_resize, NULL};
}
