/* numbering: finding, growth, and memory that is out. */
#include "../../base/numbering.h"
#include "../../base/status.h"
#include "../support/counting.h"
#include "../support/unit.h"

static char things[5000];

static void finds_what_was_added(void **state) {
  (void)state;
  counting memory = {0};
  xio_allocator alloc = counting_allocator(&memory);
  xio_numbering numbering;
  uint64_t number = 0;
  xio_numbering_init(&numbering);
  assert_false(xio_numbering_find(&numbering, &things[0], &number));
  for (uint64_t i = 0; i < sizeof things; i++) {
    assert_false(xio_numbering_find(&numbering, &things[i], &number));
    assert_int_equal(xio_numbering_add(&numbering, &alloc, &things[i], i * 3), XIO_OK);
    assert_true(numbering.count <= numbering.capacity / 4 * 3);
  }
  for (uint64_t i = 0; i < sizeof things; i++) {
    assert_true(xio_numbering_find(&numbering, &things[i], &number));
    assert_int_equal(number, i * 3);
  }
  assert_false(xio_numbering_find(&numbering, &memory, &number));
  xio_numbering_deinit(&numbering, &alloc);
  assert_true(counting_clean(&memory));
}

static void few_need_no_memory(void **state) {
  (void)state;
  counting memory = {0};
  xio_allocator alloc = counting_allocator(&memory);
  xio_numbering numbering;
  xio_numbering_init(&numbering);
  for (uint64_t i = 0; i < XIO_NUMBERING_SMALL / 4 * 3; i++) {
    assert_int_equal(xio_numbering_add(&numbering, &alloc, &things[i], i), XIO_OK);
  }
  assert_int_equal(memory.requests, 0);
  xio_numbering_deinit(&numbering, &alloc);
}

static void changes_nothing_without_memory(void **state) {
  (void)state;
  counting memory = {0};
  xio_allocator alloc = counting_allocator(&memory);
  xio_numbering numbering;
  uint64_t number = 0;
  xio_numbering_init(&numbering);
  counting_fail(&memory, COUNTING_FROM, 1);
  uint64_t added = 0;
  while (xio_numbering_add(&numbering, &alloc, &things[added], added) == XIO_OK) added++;
  assert_int_equal(added, XIO_NUMBERING_SMALL / 4 * 3);
  assert_false(xio_numbering_find(&numbering, &things[added], &number));
  counting_fail(&memory, COUNTING_NEVER, 0);
  assert_int_equal(xio_numbering_add(&numbering, &alloc, &things[added], added), XIO_OK);
  for (uint64_t i = 0; i <= added; i++) {
    assert_true(xio_numbering_find(&numbering, &things[i], &number));
    assert_int_equal(number, i);
  }
  xio_numbering_deinit(&numbering, &alloc);
  assert_true(counting_clean(&memory));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_was_added),
      cmocka_unit_test(few_need_no_memory),
      cmocka_unit_test(changes_nothing_without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
