/* age: tasks without a mark, the first mark behind a task, and many marks. */
#include "../../core/age.h"

#include "../support/unit.h"

static void task_without_mark_is_new(void **state) {
  (void)state;
  xio_ages ages = {0};
  assert_int_equal(xio_ages_of(&ages, 1, 1000), 0);
  xio_ages_mark(&ages, 5, 100);
  assert_int_equal(xio_ages_of(&ages, 6, 1000), 0);
}

static void age_is_that_of_the_first_mark_behind(void **state) {
  (void)state;
  xio_ages ages = {0};
  xio_ages_mark(&ages, 5, 100);
  xio_ages_mark(&ages, 6, 300);
  xio_ages_mark(&ages, 20, 700);
  assert_int_equal(xio_ages_of(&ages, 1, 1000), 900);
  assert_int_equal(xio_ages_of(&ages, 5, 1000), 900);
  assert_int_equal(xio_ages_of(&ages, 6, 1000), 700);
  assert_int_equal(xio_ages_of(&ages, 7, 1000), 300);
  assert_int_equal(xio_ages_of(&ages, 20, 1000), 300);
  assert_int_equal(xio_ages_of(&ages, 21, 1000), 0);
}

static void many_marks_are_thinned_out_and_stay_in_order(void **state) {
  (void)state;
  xio_ages ages = {0};
  enum { MARKS = 10000 };
  for (int i = 1; i <= MARKS; i++) {
    xio_ages_mark(&ages, (uint64_t)i, i);
    assert_in_range(ages.count, 1, XIO_AGE_MARKS);
    assert_int_equal(xio_ages_of(&ages, (uint64_t)i, i + 7), 7); /* the last one stays */
  }
  int64_t before = MARKS + 1;
  for (int i = 1; i <= MARKS; i++) {
    int64_t age = xio_ages_of(&ages, (uint64_t)i, MARKS + 1);
    assert_in_range(age, 1, MARKS + 1 - i); /* never older than it is */
    assert_true(age <= before);
    before = age;
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(task_without_mark_is_new),
      cmocka_unit_test(age_is_that_of_the_first_mark_behind),
      cmocka_unit_test(many_marks_are_thinned_out_and_stay_in_order),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
