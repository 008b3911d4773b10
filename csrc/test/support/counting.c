/* counting: see counting.h. Before each block stands a header with its size. */
#include "counting.h"

#include <stdlib.h>
#include <string.h>

typedef struct block {
  _Alignas(max_align_t) size_t size;
  size_t seal; /* of a live block: its size, inverted */
} block;

static bool fails(counting *state) {
  uint64_t n = ++state->requests;
  uint64_t at = state->fail_at;
  bool fail = false;
  switch (state->mode) {
    case COUNTING_NEVER: break;
    case COUNTING_ONCE: fail = n == at; break;
    case COUNTING_TWICE: fail = n == at || n == at + 1; break;
    case COUNTING_FROM: fail = n >= at; break;
  }
  if (fail) state->failures++;
  return fail;
}

static void give_back(counting *state, block *old) {
  if (old == NULL) return;
  if (state->on_free != NULL) state->on_free(old + 1, old->size);
  state->bytes -= old->size;
  state->blocks--;
  old->seal = 0;
  free(old);
}

static void *resize(void *context, void *ptr, size_t old_size, size_t new_size) {
  counting *state = context;
  block *old = ptr != NULL ? (block *)ptr - 1 : NULL;
  if (old != NULL && (old->seal != ~old->size || old->size != old_size)) {
    state->misuse = "a block of another size, or not of this allocator";
    return NULL;
  }
  if (new_size == 0) {
    give_back(state, old);
    return NULL;
  }
  if ((old == NULL || new_size > old_size) && fails(state)) return NULL;
  block *fresh = malloc(sizeof *fresh + new_size);
  if (fresh == NULL) return NULL;
  fresh->size = new_size;
  fresh->seal = ~new_size;
  memset(fresh + 1, 0xa5, new_size); /* nobody may rely on zeroes */
  if (old != NULL) memcpy(fresh + 1, ptr, old_size < new_size ? old_size : new_size);
  state->bytes += new_size;
  state->blocks++;
  give_back(state, old);
  return fresh + 1;
}

xio_allocator counting_allocator(counting *state) {
  return (xio_allocator){resize, state};
}

void counting_fail(counting *state, counting_mode mode, uint64_t fail_at) {
  state->mode = mode;
  state->fail_at = fail_at;
  state->requests = 0;
  state->failures = 0;
}

bool counting_clean(const counting *state) {
  return state->bytes == 0 && state->blocks == 0 && state->misuse == NULL;
}
