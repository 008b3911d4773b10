/* list: the intrusive ring. */
#include "../support/unit.h"

enum { NODES = 5 };

typedef struct fixture {
  xio_list head;
  xio_list nodes[NODES];
} fixture;

static void init(fixture *f) {
  xio_list_init(&f->head);
  for (int i = 0; i < NODES; i++) xio_list_init(&f->nodes[i]);
}

/* The nodes in `head`, by index, in both directions, end with -1. */
static void assert_order(const fixture *f, const xio_list *head, const int *order) {
  const xio_list *node = head;
  int count = 0;
  for (; order[count] >= 0; count++) {
    assert_ptr_equal(node->next, &f->nodes[order[count]]);
    assert_ptr_equal(node->next->prev, node);
    node = node->next;
  }
  assert_ptr_equal(node->next, head);
  assert_ptr_equal(head->prev, node);
}

#define ORDER(...) ((const int[]){__VA_ARGS__, -1})

static void pushes_at_both_ends_and_between(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_true(xio_list_empty(&f.head));
  xio_list_push_back(&f.head, &f.nodes[1]);
  xio_list_push_back(&f.head, &f.nodes[2]);
  xio_list_push_front(&f.head, &f.nodes[0]);
  xio_list_insert_before(&f.nodes[2], &f.nodes[3]);
  assert_order(&f, &f.head, ORDER(0, 1, 3, 2));
  assert_false(xio_list_empty(&f.head));
}

static void removing_twice_is_harmless(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 3; i++) xio_list_push_back(&f.head, &f.nodes[i]);
  xio_list_remove(&f.nodes[1]);
  assert_true(xio_list_empty(&f.nodes[1]));
  xio_list_remove(&f.nodes[1]);
  assert_order(&f, &f.head, ORDER(0, 2));
  xio_list_remove(&f.nodes[0]);
  xio_list_remove(&f.nodes[2]);
  assert_true(xio_list_empty(&f.head));
}

static void removed_head_leaves_a_ring_without_it(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 3; i++) xio_list_push_back(&f.head, &f.nodes[i]);
  xio_list_remove(&f.head);
  assert_true(xio_list_empty(&f.head));
  assert_order(&f, &f.nodes[0], ORDER(1, 2));
  for (int i = 0; i < 3; i++) xio_list_remove(&f.nodes[i]);
  for (int i = 0; i < 3; i++) assert_true(xio_list_empty(&f.nodes[i]));
}

static void splices_in_order(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_list from;
  xio_list_init(&from);
  xio_list_splice_back(&f.head, &from); /* nothing to nothing */
  assert_true(xio_list_empty(&f.head));
  xio_list_push_back(&from, &f.nodes[0]);
  xio_list_push_back(&from, &f.nodes[1]);
  xio_list_splice_back(&f.head, &from); /* something to nothing */
  assert_true(xio_list_empty(&from));
  assert_order(&f, &f.head, ORDER(0, 1));
  xio_list_splice_back(&f.head, &from); /* nothing to something */
  assert_order(&f, &f.head, ORDER(0, 1));
  xio_list_push_back(&from, &f.nodes[2]);
  xio_list_push_back(&from, &f.nodes[3]);
  xio_list_splice_back(&f.head, &from); /* something to something */
  assert_order(&f, &f.head, ORDER(0, 1, 2, 3));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pushes_at_both_ends_and_between),
      cmocka_unit_test(removing_twice_is_harmless),
      cmocka_unit_test(removed_head_leaves_a_ring_without_it),
      cmocka_unit_test(splices_in_order),
  };
  return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
