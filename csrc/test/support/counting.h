/* counting: an allocator for tests that counts what is taken and not given back, checks
 * the sizes that it is told, moves every block that grows, and fails where it is told to.
 * One thread. */
#ifndef XIO_TEST_COUNTING_H
#define XIO_TEST_COUNTING_H

#include "../../base/alloc.h"

typedef enum counting_mode {
  COUNTING_NEVER, /* fails never */
  COUNTING_ONCE,  /* at the n-th request */
  COUNTING_TWICE, /* at the n-th and the one after it */
  COUNTING_FROM   /* at the n-th and all after it */
} counting_mode;

typedef struct counting {
  size_t bytes;      /* taken and not given back */
  size_t blocks;     /* the same, in blocks */
  uint64_t requests; /* for new or more memory, so far */
  uint64_t fail_at;  /* the n of the mode, from 1 */
  uint64_t failures; /* requests that failed */
  counting_mode mode;
  const char *misuse;                               /* NULL: every size given was right */
  void (*on_free)(const void *memory, size_t size); /* NULL, or told of what is freed */
} counting;

/* An allocator that counts in `state`, which must outlive all it gave. `state` begins as
 * all zero. */
xio_allocator counting_allocator(counting *state);

/* From now on requests fail as `mode` says, counting them from here. */
void counting_fail(counting *state, counting_mode mode, uint64_t fail_at);

/* Whether nothing is taken and nothing was misused. */
bool counting_clean(const counting *state);

#endif
