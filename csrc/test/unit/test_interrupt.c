/* interrupt: functions called on other threads, and the handler that was there before. */
#include <signal.h>
#include <stdatomic.h>

#include "../../core/interrupt.h"
#include "../support/unit.h"

typedef struct fixture {
  xio_interrupt interrupt;
  pthread_t thread;
  atomic_uint calls, wrong;
  atomic_bool entered, stop, left;
} fixture;

static atomic_uint foreign; /* signals that the program's own handler has seen */

static void count_foreign(int number) {
  (void)number;
  atomic_fetch_add(&foreign, 1);
}

static void count(xio_interrupt *interrupt) {
  fixture *f = XIO_CONTAINER_OF(interrupt, fixture, interrupt);
  if (!pthread_equal(pthread_self(), f->thread)) atomic_fetch_add(&f->wrong, 1);
  atomic_fetch_add(&f->calls, 1);
}

static void *body(void *argument) {
  fixture *f = argument;
  f->thread = pthread_self();
  if (xio_interrupt_enter(&f->interrupt, count) != XIO_OK) return NULL;
  atomic_store(&f->entered, true);
  while (!atomic_load(&f->stop)) uv_sleep(1);
  xio_interrupt_leave(&f->interrupt);
  atomic_store(&f->left, true);
  while (atomic_load(&f->left)) uv_sleep(1);
  return NULL;
}

static void start(fixture *f, pthread_t *id) {
  *f = (fixture){0};
  assert_int_equal(pthread_create(id, NULL, body, f), 0);
  while (!atomic_load(&f->entered)) uv_sleep(1);
}

static void await(atomic_uint *number, unsigned least) {
  for (int i = 0; i < 5000 && atomic_load(number) < least; i++) uv_sleep(1);
  assert_true(atomic_load(number) >= least);
}

static void calls_each_on_its_thread(void **state) {
  (void)state;
  fixture f[2];
  pthread_t id[2];
  for (int i = 0; i < 2; i++) start(&f[i], &id[i]);
  for (int round = 1; round <= 20; round++) {
    for (int i = 0; i < 2; i++) {
      xio_interrupt_send(id[i]);
      await(&f[i].calls, (unsigned)round);
    }
  }
  for (int i = 0; i < 2; i++) {
    atomic_store(&f[i].stop, true);
    while (!atomic_load(&f[i].left)) uv_sleep(1);
  }
  for (int i = 0; i < 2; i++) {
    unsigned calls = atomic_load(&f[i].calls);
    xio_interrupt_send(id[i]); /* it has left: nothing happens */
    uv_sleep(5);
    assert_int_equal(atomic_load(&f[i].calls), calls);
    assert_int_equal(atomic_load(&f[i].wrong), 0);
    atomic_store(&f[i].left, false);
    pthread_join(id[i], NULL);
  }
}

static void passes_on_what_is_not_for_us(void **state) {
  (void)state;
  struct sigaction ours = {.sa_handler = count_foreign};
  struct sigaction found;
  fixture f;
  pthread_t id;
  assert_int_equal(sigaction(SIGURG, &ours, NULL), 0);
  start(&f, &id);
  atomic_store(&foreign, 0);
  raise(SIGURG); /* on this thread, which has not entered */
  await(&foreign, 1);
  assert_int_equal(atomic_load(&f.calls), 0);
  atomic_store(&f.stop, true);
  while (!atomic_load(&f.left)) uv_sleep(1);
  atomic_store(&f.left, false);
  pthread_join(id, NULL);
  assert_int_equal(sigaction(SIGURG, NULL, &found), 0);
  assert_ptr_equal((void *)(uintptr_t)found.sa_handler, (void *)(uintptr_t)count_foreign);
  signal(SIGURG, SIG_DFL);
}

static void leaves_a_handler_of_others_alone(void **state) {
  (void)state;
  struct sigaction theirs = {.sa_handler = count_foreign};
  struct sigaction found;
  fixture f;
  pthread_t id;
  start(&f, &id);
  assert_int_equal(sigaction(SIGURG, &theirs, NULL), 0);
  atomic_store(&f.stop, true);
  while (!atomic_load(&f.left)) uv_sleep(1);
  atomic_store(&f.left, false);
  pthread_join(id, NULL);
  assert_int_equal(sigaction(SIGURG, NULL, &found), 0);
  assert_ptr_equal((void *)(uintptr_t)found.sa_handler, (void *)(uintptr_t)count_foreign);
  signal(SIGURG, SIG_DFL);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_each_on_its_thread),
      cmocka_unit_test(passes_on_what_is_not_for_us),
      cmocka_unit_test(leaves_a_handler_of_others_alone),
  };
  return cmocka_run_group_tests_name("interrupt", tests, NULL, NULL);
}
