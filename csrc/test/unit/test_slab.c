/* slab: blocks of all sizes against a model, and the borders between slabs and the
 * allocator inside. */
#include "../support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../base/slab.h"
#include "../faults/wrap.h"

enum { BLOCKS = 4000, STEPS = 200000 };

typedef struct fixture {
  counting count; /* of the allocator inside */
  xio_slabs *slabs;
  xio_allocator alloc;
} fixture;

static void begin(fixture *f) {
  *f = (fixture){0};
  assert_true(xio_slabs_open(&f->slabs, counting_allocator(&f->count)));
  f->alloc = (xio_allocator){xio_slabs_resize, f->slabs};
}

static void end(fixture *f) {
  assert_true(xio_slabs_valid(f->slabs));
  xio_slabs_close(f->slabs);
  assert_true(counting_clean(&f->count));
}

static void *resize(fixture *f, void *ptr, size_t old_size, size_t new_size) {
  return f->alloc.resize(f->alloc.context, ptr, old_size, new_size);
}

typedef struct block {
  unsigned char *at;
  size_t size;
  unsigned char fill;
} block;

static void assert_filled(const block *of, size_t size) {
  for (size_t i = 0; i < size; i++) assert_int_equal(of->at[i], of->fill);
}

/* A size: mostly small, sometimes of the allocator inside. */
static size_t random_size(xio_random *random) {
  uint64_t kind = xio_random_below(random, 20);
  if (kind == 0) return 900 + (size_t)xio_random_below(random, 300);
  if (kind == 1) return (size_t)xio_random_below(random, 9000);
  return 1 + (size_t)xio_random_below(random, 200);
}

static void blocks_keep_their_bytes(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  static block blocks[BLOCKS];
  memset(blocks, 0, sizeof blocks);
  xio_random random;
  xio_random_init(&random, 42);
  for (int step = 0; step < STEPS; step++) {
    block *one = &blocks[xio_random_below(&random, BLOCKS)];
    size_t size = xio_random_below(&random, 3) == 0 ? 0 : random_size(&random);
    if (one->at != NULL) assert_filled(one, one->size);
    unsigned char *to = resize(&f, one->at, one->size, size);
    if (size == 0) {
      assert_null(to);
    } else {
      assert_non_null(to);
      assert_int_equal((uintptr_t)to % 8, 0);
      block kept = {to, 0, one->fill};
      assert_filled(&kept, one->size < size ? one->size : size);
      assert_int_equal(xio_slabs_holds(f.slabs, to), size <= XIO_SLAB_BYTES_MAX);
    }
    *one = (block){to, size, (unsigned char)xio_random_next(&random)};
    if (to != NULL) memset(to, one->fill, size);
    if (step % 5000 == 0) assert_true(xio_slabs_valid(f.slabs));
  }
  for (int i = 0; i < BLOCKS; i++) resize(&f, blocks[i].at, blocks[i].size, 0);
  assert_int_equal(f.count.blocks, 0);
  end(&f);
}

static void a_row_of_blocks_lies_in_a_row(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  static char *blocks[BLOCKS];
  for (int round = 0; round < 3; round++) {
    uint32_t apart = 0;
    for (int i = 0; i < BLOCKS; i++) {
      blocks[i] = resize(&f, NULL, 0, 200);
      assert_non_null(blocks[i]);
      if (i > 0 && blocks[i] != blocks[i - 1] + 200) apart++;
    }
    assert_true(apart <= BLOCKS / 300); /* where a span is full */
    /* the last first, as Lua's collector does it */
    for (int i = BLOCKS - 1; i >= 0; i--) resize(&f, blocks[i], 200, 0);
    assert_true(xio_slabs_valid(f.slabs));
  }
  assert_int_equal(f.count.requests, 0);
  end(&f);
}

static void sizes_that_are_multiples_of_sixteen_are_aligned_so(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  for (size_t size = 16; size <= XIO_SLAB_BYTES_MAX; size += 16) {
    for (int i = 0; i < 3; i++) {
      assert_int_equal((uintptr_t)resize(&f, NULL, 0, size) % 16, 0);
    }
  }
  end(&f);
}

static void blocks_from_before_are_given_back_to_where_they_came_from(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  xio_allocator inner = counting_allocator(&f.count);
  char *small = xio_alloc_new(&inner, 10);
  char *grows = xio_alloc_new(&inner, 20);
  assert_non_null(small);
  assert_non_null(grows);
  memcpy(grows, "abc", 4);
  resize(&f, small, 10, 0);
  grows = resize(&f, grows, 20, 30);
  assert_true(xio_slabs_holds(f.slabs, grows));
  assert_string_equal(grows, "abc");
  assert_int_equal(f.count.blocks, 0);
  resize(&f, grows, 30, 0);
  end(&f);
}

static void nothing_is_lost_where_memory_is_out(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  char *text = resize(&f, NULL, 0, 1000);
  assert_non_null(text);
  memcpy(text, "abc", 4);
  counting_fail(&f.count, COUNTING_FROM, 1);
  assert_null(resize(&f, text, 1000, 5000));
  assert_string_equal(text, "abc");
  assert_null(resize(&f, NULL, 0, 5000));
  assert_non_null(resize(&f, NULL, 0, 1000)); /* this takes nothing from inside */
  counting_fail(&f.count, COUNTING_NEVER, 0);
  text = resize(&f, text, 1000, 5000);
  assert_non_null(text);
  counting_fail(&f.count, COUNTING_FROM, 1);
  text = resize(&f, text, 5000, 4); /* to get smaller never fails */
  assert_non_null(text);
  assert_string_equal(text, "abc");
  counting_fail(&f.count, COUNTING_NEVER, 0);
  resize(&f, text, 4, 0);
  end(&f);
}

static void spans_are_filled_to_the_last_byte(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  static char *blocks[BLOCKS];
  for (int i = 0; i < BLOCKS; i++) {
    blocks[i] = resize(&f, NULL, 0, 64);
    if (i > 0) assert_ptr_equal(blocks[i], blocks[i - 1] + 64);
  }
  for (int i = 0; i < BLOCKS; i++) resize(&f, blocks[i], 64, 0);
  end(&f);
}

static void block_stays_where_it_fits_as_well(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  unsigned char *at = resize(&f, NULL, 0, 41);
  assert_ptr_equal(resize(&f, at, 41, 48), at); /* all of it */
  assert_ptr_equal(resize(&f, at, 48, 42), at);
  assert_null(resize(&f, at, 42, 0));
  end(&f);
}

static void nothing_is_nothing(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  assert_null(resize(&f, NULL, 8, 0));
  end(&f);
}

static void invariants_see_a_block_given_back_twice(void **state) {
  (void)state;
  fixture f;
  begin(&f);
  char *first = resize(&f, NULL, 0, 64);
  char *other = resize(&f, NULL, 0, 64);
  char *third = resize(&f, NULL, 0, 64);
  assert_true(first != NULL && other != NULL && third != NULL);
  resize(&f, first, 64, 0);
  assert_true(xio_slabs_valid(f.slabs));
  resize(&f, first, 64, 0);
  assert_false(xio_slabs_valid(f.slabs));
  xio_slabs_close(f.slabs);
}

static void less_is_reserved_where_the_system_refuses(void **state) {
  (void)state;
  fixture f = {0};
  static const char *const calls[] = {"mmap", "mprotect"};
  for (int i = 0; i < 2; i++) {
    wrap_refuse(calls[i], 0, ENOMEM);
    assert_false(xio_slabs_open(&f.slabs, counting_allocator(&f.count)));
    assert_true(wrap_disarm());
    wrap_refuse(calls[i], 1, ENOMEM);
    begin(&f);
    assert_true(wrap_disarm());
    end(&f);
  }
}

/* Where the range gets no memory any more, the allocator inside gives it. */
static void memory_of_the_system_is_refused(void **state) {
  (void)state;
  enum { LARGE = 1000, MAX = 200000 };
  fixture f;
  begin(&f);
  char **blocks = calloc(MAX, sizeof *blocks);
  assert_non_null(blocks);
  blocks[0] = resize(&f, NULL, 0, LARGE);
  assert_true(xio_slabs_holds(f.slabs, blocks[0]));
  wrap_refuse("mprotect", 0, ENOMEM);
  int count = 1;
  for (; count < MAX && f.count.requests == 0; count++) {
    blocks[count] = resize(&f, NULL, 0, LARGE);
    assert_non_null(blocks[count]);
  }
  assert_int_equal(f.count.blocks, 1);
  char *inside = blocks[--count];
  memcpy(inside, "abc", 4);
  counting_fail(&f.count, COUNTING_FROM, 1);
  assert_null(resize(&f, NULL, 0, 24)); /* no span of that size is open, or can be */
  char *kept = resize(&f, blocks[0], LARGE, 24); /* to get smaller never fails */
  assert_ptr_equal(kept, blocks[0]);
  assert_ptr_equal(resize(&f, kept, 24, LARGE), kept);
  counting_fail(&f.count, COUNTING_NEVER, 0);
  assert_true(wrap_disarm());
  inside = resize(&f, inside, LARGE, 24);
  assert_string_equal(inside, "abc");
  resize(&f, inside, 24, 0);
  for (int i = 0; i < count; i++) resize(&f, blocks[i], LARGE, 0);
  free(blocks);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_keep_their_bytes),
      cmocka_unit_test(a_row_of_blocks_lies_in_a_row),
      cmocka_unit_test(sizes_that_are_multiples_of_sixteen_are_aligned_so),
      cmocka_unit_test(blocks_from_before_are_given_back_to_where_they_came_from),
      cmocka_unit_test(nothing_is_lost_where_memory_is_out),
      cmocka_unit_test(spans_are_filled_to_the_last_byte),
      cmocka_unit_test(block_stays_where_it_fits_as_well),
      cmocka_unit_test(nothing_is_nothing),
      cmocka_unit_test(invariants_see_a_block_given_back_twice),
      cmocka_unit_test(less_is_reserved_where_the_system_refuses),
      cmocka_unit_test(memory_of_the_system_is_refused),
  };
  return cmocka_run_group_tests_name("slab", tests, NULL, NULL);
}
