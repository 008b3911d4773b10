/* registry: keys, order, closing, and several threads at the same keys. */
#include "../../core/registry.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "../support/unit.h"

typedef struct item {
  xio_registered entry;
  char key[24];
} item;

static void set_key(item *one, const char *key) {
  snprintf(one->key, sizeof one->key, "%s", key);
  one->entry.key = (const unsigned char *)one->key;
  one->entry.key_size = strlen(one->key);
}

static int add(xio_registry *registry, item *one, const char *key) {
  set_key(one, key);
  return xio_registry_add(registry, &one->entry);
}

static void *found(xio_registered *entry) {
  return entry;
}

static item *take(xio_registry *registry, const char *key) {
  xio_registered *entry =
      xio_registry_find(registry, (const unsigned char *)key, strlen(key), found);
  if (entry == NULL || !xio_registry_remove(entry)) return NULL;
  return XIO_CONTAINER_OF(entry, item, entry);
}

/* Releases all entries of a list; how many there were. */
static int release_all(xio_list *taken) {
  int count = 0;
  while (!xio_list_empty(taken)) {
    xio_registered *entry = XIO_CONTAINER_OF(taken->next, xio_registered, link);
    xio_list_remove(&entry->link);
    assert_false(xio_registry_remove(entry));
    xio_registered_release(entry);
    count++;
  }
  return count;
}

static xio_registry *begin(void) {
  xio_registry *registry = NULL;
  assert_int_equal(xio_registry_new(&registry), XIO_OK);
  return registry;
}

static void end(xio_registry *registry) {
  xio_list taken;
  xio_list_init(&taken);
  assert_true(xio_registry_valid(registry));
  assert_true(xio_registry_leave(registry, &taken));
  release_all(&taken);
  xio_registry_unref(registry);
}

static void an_entry_is_found_once(void **state) {
  (void)state;
  xio_registry *registry = begin();
  item one = {0}, two = {0};
  assert_null(take(registry, "one"));
  assert_int_equal(add(registry, &one, "one"), XIO_OK);
  assert_int_equal(add(registry, &two, "two"), XIO_OK);
  assert_int_equal(xio_registry_count(registry), 2);
  assert_ptr_equal(take(registry, "one"), &one);
  assert_null(take(registry, "one"));
  assert_null(take(registry, "tw"));
  assert_false(xio_registry_remove(&one.entry));
  assert_true(xio_registry_remove(&two.entry));
  assert_int_equal(xio_registry_count(registry), 0);
  xio_registered_release(&one.entry);
  xio_registered_release(&two.entry);
  end(registry);
}

static void a_key_is_taken_until_its_entry_leaves(void **state) {
  (void)state;
  xio_registry *registry = begin();
  item one = {0}, two = {0};
  assert_int_equal(add(registry, &one, "key"), XIO_OK);
  assert_int_equal(add(registry, &two, "key"), XIO_EEXIST);
  assert_true(xio_registry_remove(&one.entry));
  assert_int_equal(add(registry, &two, "key"), XIO_OK);
  assert_ptr_equal(take(registry, "key"), &two);
  xio_registered_release(&one.entry);
  xio_registered_release(&two.entry);
  end(registry);
}

static void many_entries_keep_their_order(void **state) {
  (void)state;
  enum { MANY = 1000 };
  xio_registry *registry = begin();
  static item items[MANY];
  for (int i = 0; i < MANY; i++) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    assert_int_equal(add(registry, &items[i], key), XIO_OK);
  }
  assert_true(xio_registry_valid(registry));
  for (int i = 0; i < MANY; i += 2) {
    char key[16];
    snprintf(key, sizeof key, "%d", i);
    assert_ptr_equal(take(registry, key), &items[i]);
    xio_registered_release(&items[i].entry);
  }
  assert_true(xio_registry_valid(registry));
  xio_list taken;
  xio_list_init(&taken);
  xio_registry_take_all(registry, &taken);
  int i = 1;
  for (const xio_list *at = taken.next; at != &taken; at = at->next, i += 2) {
    assert_ptr_equal(XIO_CONTAINER_OF(at, item, entry.link), &items[i]);
  }
  assert_int_equal(release_all(&taken), MANY / 2);
  assert_int_equal(add(registry, &items[0], "again"), XIO_OK);
  end(registry);
}

static int freed;

static void free_verdict(void *verdict) {
  (void)verdict;
  freed++;
}

static void a_closed_one_takes_nothing(void **state) {
  (void)state;
  xio_registry *registry = begin();
  item one = {0}, two = {0};
  xio_list taken;
  xio_list_init(&taken);
  freed = 0;
  assert_int_equal(add(registry, &one, "one"), XIO_OK);
  assert_false(xio_registry_closed(registry));
  assert_true(xio_registry_close(registry, &taken, &one, free_verdict));
  assert_int_equal(release_all(&taken), 1);
  assert_true(xio_registry_closed(registry));
  assert_int_equal(add(registry, &two, "two"), XIO_ECLOSED);
  assert_false(xio_registry_close(registry, &taken, &two, free_verdict));
  assert_ptr_equal(xio_registry_verdict(registry), &one);
  assert_int_equal(freed, 0);
  end(registry);
  assert_int_equal(freed, 1);
}

static void the_last_opening_closes_it(void **state) {
  (void)state;
  xio_registry *registry = begin();
  item one = {0}, two = {0};
  xio_list taken;
  xio_list_init(&taken);
  xio_registry_open(registry);
  assert_int_equal(add(registry, &one, "one"), XIO_OK);
  assert_false(xio_registry_leave(registry, &taken));
  assert_true(xio_list_empty(&taken));
  assert_true(xio_registry_leave(registry, &taken));
  assert_int_equal(add(registry, &two, "two"), XIO_ECLOSED);
  xio_registry_unref(registry);
  assert_int_equal(release_all(&taken), 1); /* the entry was the last that held it */
}

/* Threads that put entries in, and others that take them by key: each is taken once. */
enum { THREADS = 4, EACH = 2000 };

typedef struct crowd {
  xio_registry *registry;
  item items[THREADS][EACH];
  int taken[THREADS];
  int number;
} crowd;

typedef struct member {
  crowd *crowd;
  int number;
} member;

static void put_in(void *arg) {
  const member *self = arg;
  for (int i = 0; i < EACH; i++) {
    char key[24];
    snprintf(key, sizeof key, "%d.%d", self->number, i);
    item *one = &self->crowd->items[self->number][i];
    if (add(self->crowd->registry, one, key) != XIO_OK) abort();
    if (i % 3 == 0 && xio_registry_remove(&one->entry)) {
      self->crowd->taken[self->number]++;
    }
  }
}

static void take_out(void *arg) {
  member *self = arg;
  int count = 0;
  for (int i = 0; i < EACH; i++) {
    char key[24];
    snprintf(key, sizeof key, "%d.%d", self->number, i);
    if (take(self->crowd->registry, key) != NULL) count++;
  }
  self->number = count;
}

static void threads_take_each_entry_once(void **state) {
  (void)state;
  crowd *all = calloc(1, sizeof *all);
  assert_non_null(all);
  all->registry = begin();
  uv_thread_t threads[2 * THREADS];
  member putters[THREADS], takers[THREADS];
  for (int i = 0; i < THREADS; i++) {
    putters[i] = takers[i] = (member){all, i};
    assert_int_equal(uv_thread_create(&threads[i], put_in, &putters[i]), 0);
    assert_int_equal(uv_thread_create(&threads[THREADS + i], take_out, &takers[i]), 0);
  }
  int count = 0;
  for (int i = 0; i < 2 * THREADS; i++) uv_thread_join(&threads[i]);
  for (int i = 0; i < THREADS; i++) count += all->taken[i] + takers[i].number;
  assert_true(xio_registry_valid(all->registry));
  xio_list taken;
  xio_list_init(&taken);
  xio_registry_take_all(all->registry, &taken);
  assert_int_equal((uint32_t)count + xio_list_count(&taken), THREADS * EACH);
  for (int i = 0; i < THREADS; i++) {
    for (int j = 0; j < EACH; j++) xio_registered_release(&all->items[i][j].entry);
  }
  end(all->registry);
  free(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(an_entry_is_found_once),
      cmocka_unit_test(a_key_is_taken_until_its_entry_leaves),
      cmocka_unit_test(many_entries_keep_their_order),
      cmocka_unit_test(a_closed_one_takes_nothing),
      cmocka_unit_test(the_last_opening_closes_it),
      cmocka_unit_test(threads_take_each_entry_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
