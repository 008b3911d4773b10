/* buffer: order, growth, what an empty one keeps, searching, memory that is out; and
 * random use against a model. */
#include <string.h>

#include "../../base/buffer.h"
#include "../../base/random.h"
#include "../support/unit.h"

typedef struct fixture {
  counting memory;
  xio_allocator alloc;
  xio_buffer buffer;
} fixture;

static void init(fixture *f) {
  *f = (fixture){0};
  f->alloc = counting_allocator(&f->memory);
}

static void finish(fixture *f) {
  xio_buffer_deinit(&f->buffer, &f->alloc);
  assert_true(counting_clean(&f->memory));
}

static void put(fixture *f, const char *text) {
  assert_int_equal(xio_buffer_append(&f->buffer, &f->alloc, text, strlen(text)), XIO_OK);
  assert_true(xio_buffer_valid(&f->buffer));
}

static void assert_holds_bytes(const fixture *f, const char *text) {
  assert_int_equal(xio_buffer_count(&f->buffer), strlen(text));
  assert_memory_equal(xio_buffer_bytes(&f->buffer), text, strlen(text));
}

static void first_in_first_out(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_holds_bytes(&f, "");
  put(&f, "");
  assert_int_equal(f.memory.requests, 0);
  put(&f, "hello ");
  put(&f, "world");
  assert_holds_bytes(&f, "hello world");
  xio_buffer_take(&f.buffer, &f.alloc, 6);
  assert_holds_bytes(&f, "world");
  xio_buffer_take(&f.buffer, &f.alloc, 0);
  xio_buffer_take(&f.buffer, &f.alloc, 5);
  assert_holds_bytes(&f, "");
  finish(&f);
}

static void room_can_be_filled_in_part(void **state) {
  (void)state;
  fixture f;
  init(&f);
  char *room = xio_buffer_reserve(&f.buffer, &f.alloc, 1000);
  assert_non_null(room);
  memcpy(room, "abc", 3);
  xio_buffer_commit(&f.buffer, 3);
  assert_holds_bytes(&f, "abc");
  assert_true(f.buffer.capacity >= 1000);
  finish(&f);
}

static void much_room_is_what_was_asked_for(void **state) {
  (void)state;
  fixture f;
  init(&f);
  put(&f, "a few bytes");
  assert_non_null(xio_buffer_reserve(&f.buffer, &f.alloc, 1000000));
  assert_int_equal(f.buffer.capacity, 1000000 + 11);
  xio_buffer_commit(&f.buffer, 1000000);
  put(&f, "more"); /* by doubling: bytes that come in pieces are not moved each time */
  assert_int_equal(f.buffer.capacity, 2 * (1000000 + 11));
  finish(&f);
}

static void empty_buffer_keeps_little(void **state) {
  (void)state;
  fixture f;
  init(&f);
  put(&f, "a line\n");
  uint64_t requests = f.memory.requests;
  for (int i = 0; i < 100; i++) { /* lines that come and go need no memory */
    xio_buffer_take(&f.buffer, &f.alloc, xio_buffer_count(&f.buffer));
    put(&f, "another line\n");
  }
  assert_int_equal(f.memory.requests, requests);
  assert_non_null(xio_buffer_reserve(&f.buffer, &f.alloc, XIO_BUFFER_KEPT * 4));
  xio_buffer_take(&f.buffer, &f.alloc, xio_buffer_count(&f.buffer));
  assert_int_equal(f.memory.bytes, 0);
  finish(&f);
}

static void room_in_front_is_used_again(void **state) {
  (void)state;
  fixture f;
  init(&f);
  char piece[100];
  memset(piece, 'x', sizeof piece);
  for (int i = 0; i < 1000; i++) { /* never more than 150 bytes at once */
    assert_int_equal(xio_buffer_append(&f.buffer, &f.alloc, piece, sizeof piece), XIO_OK);
    xio_buffer_take(&f.buffer, &f.alloc, i == 0 ? 50 : 100);
    assert_int_equal(xio_buffer_count(&f.buffer), 50);
  }
  assert_true(f.buffer.capacity <= 1024);
  finish(&f);
}

static size_t find(const fixture *f, size_t from, const char *delimiter) {
  return xio_buffer_find(&f->buffer, from, delimiter, strlen(delimiter));
}

static void finds_delimiters(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(find(&f, 0, "x"), SIZE_MAX);
  put(&f, "zabcabd");
  xio_buffer_take(&f.buffer, &f.alloc, 1);
  assert_int_equal(find(&f, 0, "a"), 0);
  assert_int_equal(find(&f, 1, "a"), 3);
  assert_int_equal(find(&f, 4, "a"), SIZE_MAX);
  assert_int_equal(find(&f, 0, "abd"), 3);
  assert_int_equal(find(&f, 3, "abd"), 3);
  assert_int_equal(find(&f, 4, "abd"), SIZE_MAX);
  assert_int_equal(find(&f, 0, "abdx"), SIZE_MAX);
  assert_int_equal(find(&f, 0, "zabcabd"), SIZE_MAX);
  assert_int_equal(find(&f, SIZE_MAX, "a"), SIZE_MAX);
  assert_int_equal(find(&f, 6, "a"), SIZE_MAX);
  finish(&f);
}

static void no_memory_changes_nothing(void **state) {
  (void)state;
  fixture f;
  init(&f);
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_buffer_append(&f.buffer, &f.alloc, "x", 1), XIO_ENOMEM);
  assert_true(xio_buffer_valid(&f.buffer));
  counting_fail(&f.memory, COUNTING_NEVER, 0);
  put(&f, "kept");
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_null(xio_buffer_reserve(&f.buffer, &f.alloc, 100000));
  assert_null(xio_buffer_reserve(&f.buffer, &f.alloc, SIZE_MAX));
  assert_holds_bytes(&f, "kept");
  counting_fail(&f.memory, COUNTING_NEVER, 0);
  finish(&f);
}

static void agrees_with_a_model(void **state) {
  (void)state;
  fixture f;
  init(&f);
  static char model[1 << 20];
  size_t first = 0;
  size_t last = 0;
  xio_random random;
  xio_random_init(&random, 5);
  for (int i = 0; i < 3000 && last + 5000 < sizeof model; i++) {
    size_t count = (size_t)xio_random_below(&random, i % 100 == 0 ? 4000 : 300);
    if (xio_random_below(&random, 2) == 0) {
      for (size_t k = 0; k < count; k++) model[last + k] = (char)xio_random_next(&random);
      assert_int_equal(xio_buffer_append(&f.buffer, &f.alloc, model + last, count),
                       XIO_OK);
      last += count;
    } else {
      if (count > last - first) count = last - first;
      xio_buffer_take(&f.buffer, &f.alloc, count);
      first += count;
    }
    assert_true(xio_buffer_valid(&f.buffer));
    assert_int_equal(xio_buffer_count(&f.buffer), last - first);
    if (last != first)
      assert_memory_equal(xio_buffer_bytes(&f.buffer), model + first, last - first);
  }
  finish(&f);
}

/* The counting allocator compares the size of what is given back. */
static void a_margin_is_around_the_block(void **state) {
  (void)state;
  fixture f;
  init(&f);
  f.buffer.before = 24;
  f.buffer.behind = 1;
  put(&f, "abc");
  assert_non_null(xio_buffer_reserve(&f.buffer, &f.alloc, 100000)); /* it moves */
  assert_holds_bytes(&f, "abc");
  memset(f.buffer.block - f.buffer.before, 'm', f.buffer.before);
  f.buffer.block[f.buffer.capacity] = 'm';
  assert_holds_bytes(&f, "abc");
  xio_buffer_take(&f.buffer, &f.alloc, 3); /* empty: gives the block back */
  assert_int_equal(f.buffer.capacity, 0);
  assert_int_equal(f.buffer.before, 24);
  put(&f, "whole");
  char *taken = f.buffer.block - f.buffer.before;
  size_t size = f.buffer.before + f.buffer.capacity + f.buffer.behind;
  xio_buffer_forget(&f.buffer); /* it is ours now */
  assert_int_equal(xio_buffer_count(&f.buffer), 0);
  assert_true(xio_buffer_valid(&f.buffer));
  assert_memory_equal(taken + 24, "whole", 5);
  xio_alloc_free(&f.alloc, taken, size);
  finish(&f);
}

static void valid_sees_what_is_wrong(void **state) {
  (void)state;
  fixture f;
  init(&f);
  put(&f, "abc");
  xio_buffer before = f.buffer;
  f.buffer.first = 4;
  assert_false(xio_buffer_valid(&f.buffer));
  f.buffer = before;
  f.buffer.last = f.buffer.capacity + 1;
  assert_false(xio_buffer_valid(&f.buffer));
  f.buffer = before;
  f.buffer.block = NULL;
  assert_false(xio_buffer_valid(&f.buffer));
  f.buffer = before;
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(first_in_first_out),
      cmocka_unit_test(room_can_be_filled_in_part),
      cmocka_unit_test(much_room_is_what_was_asked_for),
      cmocka_unit_test(empty_buffer_keeps_little),
      cmocka_unit_test(room_in_front_is_used_again),
      cmocka_unit_test(finds_delimiters),
      cmocka_unit_test(no_memory_changes_nothing),
      cmocka_unit_test(agrees_with_a_model),
      cmocka_unit_test(a_margin_is_around_the_block),
      cmocka_unit_test(valid_sees_what_is_wrong),
  };
  return cmocka_run_group_tests_name("buffer", tests, NULL, NULL);
}
