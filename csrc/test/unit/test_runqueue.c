/* runqueue: order with and without a seed, and the budget. */
#include "../support/unit.h"

enum { LINKS = 8 };

typedef struct fixture {
  xio_clock clock;
  xio_runqueue queue;
  xio_list links[LINKS];
} fixture;

static void init(fixture *f) {
  xio_clock_init(&f->clock, xio_alloc_default(), true);
  xio_runqueue_init(&f->queue, &f->clock);
  for (int i = 0; i < LINKS; i++) xio_list_init(&f->links[i]);
}

/* The order in which LINKS pushes stand, as digits. */
static uint32_t order_after_pushes(fixture *f) {
  for (int i = 0; i < LINKS; i++) xio_runqueue_push(&f->queue, &f->links[i]);
  uint32_t digits = 0;
  for (xio_list *head = &f->queue.ready; !xio_list_empty(head);) {
    digits = digits * 10 + (uint32_t)(head->next - f->links);
    xio_list_remove(head->next);
  }
  return digits;
}

static void is_first_in_first_out_without_a_seed(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_true(xio_runqueue_empty(&f.queue));
  assert_int_equal(order_after_pushes(&f), 1234567);
  assert_int_equal(order_after_pushes(&f), 1234567);
  xio_clock_deinit(&f.clock);
}

static void order_follows_the_seed(void **state) {
  (void)state;
  uint32_t first[4];
  uint32_t again[4];
  for (uint64_t seed = 0; seed < 4; seed++) {
    fixture f;
    init(&f);
    xio_runqueue_seed(&f.queue, seed);
    first[seed] = order_after_pushes(&f);
    init(&f);
    xio_runqueue_seed(&f.queue, seed);
    again[seed] = order_after_pushes(&f);
    assert_int_equal(first[seed], again[seed]);
    xio_clock_deinit(&f.clock);
  }
  assert_int_not_equal(first[0], first[1]);
  assert_int_not_equal(first[1], first[2]);
}

static void is_not_empty_while_a_batch_is_left(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_runqueue_push(&f.queue, &f.links[0]);
  assert_false(xio_runqueue_empty(&f.queue));
  xio_list_splice_back(&f.queue.batch, &f.queue.ready);
  assert_false(xio_runqueue_empty(&f.queue));
  xio_list_remove(&f.links[0]);
  assert_true(xio_runqueue_empty(&f.queue));
  xio_clock_deinit(&f.clock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_first_in_first_out_without_a_seed),
      cmocka_unit_test(order_follows_the_seed),
      cmocka_unit_test(is_not_empty_while_a_batch_is_left),
  };
  return cmocka_run_group_tests_name("runqueue", tests, NULL, NULL);
}
