/* age: since when tasks live, nearly, at no cost for each of them.
 *
 * Tasks are numbered in order. Before a loop asks the system for news it marks up to
 * which number it has come, and when: so a task has lived since the first mark that has
 * its number at the least, and at the most since the mark before. When there are too many
 * marks every second one is left out. The loop's. Its thread. */
#ifndef XIO_CORE_AGE_H
#define XIO_CORE_AGE_H

#include "../base/base.h"

enum { XIO_AGE_MARKS = 128 };

typedef struct xio_age_mark {
  uint64_t number;
  int64_t at; /* ns, by the loop's clock */
} xio_age_mark;

typedef struct xio_ages {
  uint64_t newest; /* number of the last mark; 0: there is none */
  int count;
  xio_age_mark marks[XIO_AGE_MARKS];
} xio_ages;

/* All tasks up to `number`, which is larger than `newest`, were spawned by `now`. */
void xio_ages_mark(xio_ages *ages, uint64_t number, int64_t now);

/* How many ns the task with that number has lived at the least. */
int64_t xio_ages_of(const xio_ages *ages, uint64_t number, int64_t now);

#endif
