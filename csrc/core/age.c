/* age: see age.h. */
#include "age.h"

/* Leaves out every second mark, but not the last. */
static void thin(xio_ages *ages) {
  int kept = 0;
  for (int i = 1; i < ages->count; i += 2) ages->marks[kept++] = ages->marks[i];
  if (ages->count % 2 != 0) ages->marks[kept++] = ages->marks[ages->count - 1];
  ages->count = kept;
}

void xio_ages_mark(xio_ages *ages, uint64_t number, int64_t now) {
  XIO_ASSERT(number > ages->newest);
  if (ages->count == XIO_AGE_MARKS) thin(ages);
  ages->newest = number;
  ages->marks[ages->count++] = (xio_age_mark){.number = number, .at = now};
}

int64_t xio_ages_of(const xio_ages *ages, uint64_t number, int64_t now) {
  int first = 0;         /* the first mark with that number is from here on, */
  int end = ages->count; /* and before this one, or there is none */
  while (first < end) {
    int middle = first + (end - first) / 2;
    if (ages->marks[middle].number < number) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first < ages->count ? now - ages->marks[first].at : 0;
}
