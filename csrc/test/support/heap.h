/* heap: what the core takes from the C heap, in tests: counted, and failing where it is
 * told to.
 *
 * The linker puts a counting allocator in the place of xio_alloc_default
 * (-Wl,--wrap), which is the one for memory that threads share. Any thread. */
#ifndef XIO_TEST_HEAP_H
#define XIO_TEST_HEAP_H

#include "counting.h"

/* What is counted; to be read, or told to fail, where no other thread uses it. */
extern counting heap_memory;

/* The same allocator as a function of Lua's shape; `context` is not used. */
void *heap_resize(void *context, void *ptr, size_t old_size, size_t new_size);

#endif
