/* random: a small reproducible generator (splitmix64) for schedules by seed. Not for
 * secrets. The state is the caller's. */
#ifndef XIO_RANDOM_H
#define XIO_RANDOM_H

#include "base.h"

typedef struct xio_random {
  uint64_t state;
} xio_random;

static inline void xio_random_init(xio_random *random, uint64_t seed) {
  random->state = seed;
}

/* 64 bits, uniformly distributed; the same seed gives the same sequence everywhere. */
static inline uint64_t xio_random_next(xio_random *random) {
  uint64_t z = (random->state += UINT64_C(0x9e3779b97f4a7c15));
  z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
  return z ^ (z >> 31);
}

/* A number from 0 to `bound` - 1; `bound` is at least 1. */
static inline uint64_t xio_random_below(xio_random *random, uint64_t bound) {
  return xio_random_next(random) % bound;
}

#endif
