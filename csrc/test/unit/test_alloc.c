/* alloc: the default allocator, the helpers, and the counting allocator of the tests. */
#include "../support/unit.h"

#include <string.h>

static void new_memory_is_zeroed(void **state) {
  (void)state;
  counting count = {0};
  xio_allocator alloc = counting_allocator(&count);
  unsigned char *bytes = xio_alloc_new(&alloc, 100);
  assert_non_null(bytes);
  for (int i = 0; i < 100; i++) assert_int_equal(bytes[i], 0);
  assert_int_equal(count.bytes, 100);
  xio_alloc_free(&alloc, bytes, 100);
  assert_true(counting_clean(&count));
}

static void no_memory_gives_null(void **state) {
  (void)state;
  counting count = {0};
  xio_allocator alloc = counting_allocator(&count);
  counting_fail(&count, COUNTING_ONCE, 1);
  assert_null(xio_alloc_new(&alloc, 8));
  assert_int_equal(count.failures, 1);
  void *second = xio_alloc_new(&alloc, 8);
  assert_non_null(second);
  xio_alloc_free(&alloc, second, 8);
  assert_true(counting_clean(&count));
}

static void null_may_be_freed(void **state) {
  (void)state;
  counting count = {0};
  xio_allocator alloc = counting_allocator(&count);
  xio_alloc_free(&alloc, NULL, 8);
  assert_true(counting_clean(&count));
}

static void default_allocator_resizes_and_keeps(void **state) {
  (void)state;
  xio_allocator alloc = xio_alloc_default();
  char *text = xio_alloc_new(&alloc, 4);
  assert_non_null(text);
  memcpy(text, "abc", 4);
  text = alloc.resize(alloc.context, text, 4, 4096);
  assert_non_null(text);
  assert_string_equal(text, "abc");
  text = alloc.resize(alloc.context, text, 4096, 4);
  assert_string_equal(text, "abc");
  assert_null(alloc.resize(alloc.context, text, 4, 0));
}

static void failed_resize_leaves_the_block(void **state) {
  (void)state;
  counting count = {0};
  xio_allocator alloc = counting_allocator(&count);
  char *text = xio_alloc_new(&alloc, 4);
  assert_non_null(text);
  memcpy(text, "abc", 4);
  counting_fail(&count, COUNTING_FROM, 1);
  assert_null(alloc.resize(alloc.context, text, 4, 8));
  assert_string_equal(text, "abc");
  xio_alloc_free(&alloc, text, 4);
  assert_true(counting_clean(&count));
}

static void counting_sees_a_wrong_size(void **state) {
  (void)state;
  counting count = {0};
  xio_allocator alloc = counting_allocator(&count);
  void *block = xio_alloc_new(&alloc, 16);
  assert_non_null(block);
  xio_alloc_free(&alloc, block, 8);
  assert_non_null(count.misuse);
  count.misuse = NULL;
  assert_false(counting_clean(&count)); /* it was not freed */
  xio_alloc_free(&alloc, block, 16);
  assert_true(counting_clean(&count));
}

static void counting_fails_as_told(void **state) {
  (void)state;
  const struct {
    counting_mode mode;
    const char *outcome; /* of five requests, the second being the n-th */
  } rows[] = {{COUNTING_NEVER, "+++++"},
              {COUNTING_ONCE, "+-+++"},
              {COUNTING_TWICE, "+--++"},
              {COUNTING_FROM, "+----"}};
  for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
    counting count = {0};
    xio_allocator alloc = counting_allocator(&count);
    counting_fail(&count, rows[row].mode, 2);
    for (int i = 0; i < 5; i++) {
      void *block = xio_alloc_new(&alloc, 8);
      assert_int_equal(block != NULL ? '+' : '-', rows[row].outcome[i]);
      xio_alloc_free(&alloc, block, 8);
    }
    assert_true(counting_clean(&count));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(new_memory_is_zeroed),
      cmocka_unit_test(no_memory_gives_null),
      cmocka_unit_test(null_may_be_freed),
      cmocka_unit_test(default_allocator_resizes_and_keeps),
      cmocka_unit_test(failed_resize_leaves_the_block),
      cmocka_unit_test(counting_sees_a_wrong_size),
      cmocka_unit_test(counting_fails_as_told),
  };
  return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
