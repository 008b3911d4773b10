/* random: reproducible on every machine, and spread evenly enough. */
#include "../support/unit.h"

#include "../../base/random.h"

static void sequence_is_that_of_splitmix64(void **state) {
  (void)state;
  xio_random random;
  xio_random_init(&random, 1234567);
  /* the published sequence of splitmix64 for this seed */
  const uint64_t wanted[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                             UINT64_C(9817491932198370423), UINT64_C(4593380528125082431),
                             UINT64_C(16408922859458223821)};
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
    assert_int_equal(xio_random_next(&random), wanted[i]);
  }
}

static void below_stays_below_and_reaches_all(void **state) {
  (void)state;
  xio_random random;
  xio_random_init(&random, 1);
  uint32_t seen[7] = {0};
  for (int i = 0; i < 7000; i++) {
    uint64_t n = xio_random_below(&random, 7);
    assert_true(n < 7);
    seen[n]++;
  }
  for (int i = 0; i < 7; i++) assert_in_range(seen[i], 800, 1200);
  for (int i = 0; i < 10; i++) assert_int_equal(xio_random_below(&random, 1), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sequence_is_that_of_splitmix64),
      cmocka_unit_test(below_stays_below_and_reaches_all),
  };
  return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
