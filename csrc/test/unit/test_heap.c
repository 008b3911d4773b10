/* heap: order, ties, promises, removal from anywhere; and random use against a model. */
#include "../support/unit.h"

#include "../../base/random.h"

enum { ITEMS = 200 };

typedef struct fixture {
  counting memory;
  xio_allocator alloc;
  xio_heap heap;
  xio_heap_item items[ITEMS];
} fixture;

static void init(fixture *f) {
  f->memory = (counting){0};
  f->alloc = counting_allocator(&f->memory);
  xio_heap_init(&f->heap);
  for (int i = 0; i < ITEMS; i++) f->items[i].index = XIO_HEAP_NONE;
}

static void put(fixture *f, int item, int64_t key) {
  assert_int_equal(xio_heap_reserve(&f->heap, &f->alloc), XIO_OK);
  xio_heap_insert_reserved(&f->heap, &f->items[item], key);
  assert_true(xio_heap_valid(&f->heap));
}

/* Takes the least out; its number, or -1. */
static int take(fixture *f, int64_t *key) {
  xio_heap_item *item = xio_heap_min(&f->heap, key);
  if (item == NULL) return -1;
  xio_heap_remove(&f->heap, item);
  xio_heap_unreserve(&f->heap);
  assert_int_equal(item->index, XIO_HEAP_NONE);
  assert_true(xio_heap_valid(&f->heap));
  return (int)(item - f->items);
}

static void finish(fixture *f) {
  assert_int_equal(f->heap.count, 0);
  assert_int_equal(f->heap.reserved, 0);
  xio_heap_deinit(&f->heap, &f->alloc);
  assert_true(counting_clean(&f->memory));
}

static void least_key_leaves_first(void **state) {
  (void)state;
  fixture f;
  init(&f);
  int64_t key = 77;
  assert_null(xio_heap_min(&f.heap, &key));
  assert_int_equal(key, 77);
  const int64_t keys[] = {5, -3, INT64_MAX, INT64_MIN, 0};
  const int order[] = {3, 1, 4, 0, 2};
  for (int i = 0; i < 5; i++) put(&f, i, keys[i]);
  for (int i = 0; i < 5; i++) {
    assert_int_equal(take(&f, &key), order[i]);
    assert_int_equal(key, keys[order[i]]);
  }
  finish(&f);
}

static void equal_keys_leave_first_in_first_out(void **state) {
  (void)state;
  fixture f;
  init(&f);
  int64_t key = 0;
  for (int i = 0; i < ITEMS; i++) put(&f, i, i % 3);
  for (int i = 0; i < 3; i++) {
    for (int j = i; j < ITEMS; j += 3) assert_int_equal(take(&f, &key), j);
  }
  finish(&f);
}

static void promise_makes_insertion_safe(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 40; i++) {
    assert_int_equal(xio_heap_reserve(&f.heap, &f.alloc), XIO_OK);
  }
  counting_fail(&f.memory, COUNTING_FROM, 1);
  for (int i = 0; i < 20; i++) xio_heap_insert_reserved(&f.heap, &f.items[i], -i);
  assert_int_equal(f.heap.reserved, 20);
  assert_true(xio_heap_valid(&f.heap));
  /* what leaves keeps its promise until that is given back */
  xio_heap_remove(&f.heap, &f.items[7]);
  assert_int_equal(f.heap.reserved, 21);
  xio_heap_insert_reserved(&f.heap, &f.items[7], 100);
  for (int i = 0; i < 20; i++) xio_heap_unreserve(&f.heap);
  int64_t key = 0;
  while (take(&f, &key) >= 0) continue;
  finish(&f);
}

static void no_memory_changes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  counting_fail(&f.memory, COUNTING_ONCE, 1);
  assert_int_equal(xio_heap_reserve(&f.heap, &f.alloc), XIO_ENOMEM);
  int n = 0;
  do {
    put(&f, n, ITEMS - n);
    n++;
  } while (f.heap.count < f.heap.capacity);
  counting_fail(&f.memory, COUNTING_ONCE, 1);
  assert_int_equal(xio_heap_reserve(&f.heap, &f.alloc), XIO_ENOMEM);
  assert_int_equal(f.heap.reserved, 0);
  assert_int_equal(f.heap.count, n);
  assert_true(xio_heap_valid(&f.heap));
  put(&f, n, 0); /* the next try works */
  int64_t key = 0;
  assert_int_equal(take(&f, &key), n);
  while (take(&f, &key) >= 0) continue;
  finish(&f);
}

static void agrees_with_a_model(void **state) {
  (void)state;
  fixture f;
  init(&f);
  struct {
    bool in;
    int64_t key;
    uint64_t order;
  } model[ITEMS] = {{0}};
  xio_random random;
  xio_random_init(&random, 7);
  uint64_t order = 0;
  for (int round = 0; round < 20000; round++) {
    int n = (int)xio_random_below(&random, ITEMS);
    if (!model[n].in) {
      model[n].in = true;
      model[n].key = (int64_t)xio_random_below(&random, 50);
      model[n].order = order++;
      put(&f, n, model[n].key);
    } else if (xio_random_below(&random, 3) == 0) {
      xio_heap_remove(&f.heap, &f.items[n]); /* moved: a new key, last of its equals */
      model[n].key = (int64_t)xio_random_below(&random, 50);
      model[n].order = order++;
      xio_heap_insert_reserved(&f.heap, &f.items[n], model[n].key);
    } else {
      model[n].in = false;
      xio_heap_remove(&f.heap, &f.items[n]);
      xio_heap_unreserve(&f.heap);
    }
    int least = -1;
    for (int i = 0; i < ITEMS; i++) {
      if (!model[i].in) continue;
      if (least < 0 || model[i].key < model[least].key ||
          (model[i].key == model[least].key && model[i].order < model[least].order)) {
        least = i;
      }
    }
    int64_t key = 0;
    xio_heap_item *item = xio_heap_min(&f.heap, &key);
    assert_ptr_equal(item, least < 0 ? NULL : &f.items[least]);
    if (round % 100 == 0) assert_true(xio_heap_valid(&f.heap));
  }
  int64_t key = 0;
  while (take(&f, &key) >= 0) continue;
  finish(&f);
}

static void valid_sees_what_is_wrong(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 10; i++) put(&f, i, i);
  f.heap.entries[9].key = -1; /* smaller than its parent's */
  assert_false(xio_heap_valid(&f.heap));
  f.heap.entries[9].key = 9;
  f.items[3].index = 4; /* names another's entry */
  assert_false(xio_heap_valid(&f.heap));
  f.items[3].index = 3;
  f.heap.reserved = f.heap.capacity; /* more promised than there is room */
  assert_false(xio_heap_valid(&f.heap));
  f.heap.reserved = 0;
  int64_t key = 0;
  while (take(&f, &key) >= 0) continue;
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(least_key_leaves_first),
      cmocka_unit_test(equal_keys_leave_first_in_first_out),
      cmocka_unit_test(promise_makes_insertion_safe),
      cmocka_unit_test(no_memory_changes_nothing),
      cmocka_unit_test(agrees_with_a_model),
      cmocka_unit_test(valid_sees_what_is_wrong),
  };
  return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
