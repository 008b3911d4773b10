/* port: posts of other threads, bells, and the end of the loop, with real threads. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../core/port.h"
#include "../support/unit.h"

static ctask_world world;
static xio_port *port;

/* -- a task that waits until `goal` posts were delivered or dropped ---------------- */

static uint32_t goal;
static uint32_t delivered;
static uint32_t dropped;
static xio_wait *waiting;
static pthread_t loops_thread;

static int abort_counting(xio_wait *wait) {
  (void)wait;
  waiting = NULL;
  world.loop->working--;
  return XIO_OK;
}

static const xio_wait_ops counting_ops = {.verb = "posts", .abort = abort_counting};

static bool wait_for_posts(ctask *self) {
  if (delivered >= goal) return true;
  waiting = &self->core.wait;
  world.loop->working++;
  xio_wait_park(waiting, &counting_ops, NULL);
  return false;
}

static const ctask_op waits[] = {CTASK_WAIT(wait_for_posts), CTASK_NOTE(1), CTASK_END};

static void count_delivered(void) {
  assert_true(pthread_equal(pthread_self(), loops_thread));
  if (++delivered != goal || waiting == NULL) return;
  xio_wait *wait = waiting;
  abort_counting(wait);
  xio_wait_complete(wait, XIO_OK);
}

/* -- posts with a number, in memory of their own ------------------------------------- */

enum { THREADS = 4, EACH = 20000 };

typedef struct numbered {
  xio_post post;
  uint32_t thread;
  uint32_t number;
} numbered;

static uint32_t next_of[THREADS]; /* the number that comes next from each thread */

static void deliver_number(xio_post *post) {
  numbered *self = XIO_CONTAINER_OF(post, numbered, post);
  assert_int_equal(self->number, next_of[self->thread]++);
  free(self);
  count_delivered();
}

static void drop_number(xio_post *post) {
  assert_true(pthread_equal(pthread_self(), loops_thread));
  dropped++;
  free(XIO_CONTAINER_OF(post, numbered, post));
}

static int post_number(uint32_t thread, uint32_t number) {
  numbered *self = calloc(1, sizeof *self);
  assert_non_null(self);
  *self = (numbered){
      .post = {.deliver = deliver_number, .drop = drop_number}, thread, number};
  int status = xio_port_post(port, &self->post);
  if (status != XIO_OK) free(self);
  return status;
}

static void begin(bool virtual_clock) {
  world = (ctask_world){0};
  xio_loop_opts opts = {.virtual_clock = virtual_clock};
  assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
  world.after_step = check_after_step;
  assert_int_equal(xio_loop_port(world.loop, &port), XIO_OK);
  loops_thread = pthread_self();
  goal = delivered = dropped = 0;
  waiting = NULL;
  for (int i = 0; i < THREADS; i++) next_of[i] = 0;
}

/* -- tests --------------------------------------------------------------------------- */

static void loop_has_one_port(void **state) {
  (void)state;
  begin(true);
  xio_port *again = NULL;
  assert_int_equal(xio_loop_port(world.loop, &again), XIO_OK);
  assert_ptr_equal(again, port);
  assert_false(xio_port_closed(port));
  end_world(&world);
}

static void port_alone_wakes_nobody(void **state) {
  (void)state;
  static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
  begin(true);
  ctask_spawn(&world, forever, 0);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  end_world(&world);
}

static void posts_come_in_order(void **state) {
  (void)state;
  begin(true);
  goal = 3;
  ctask_spawn(&world, waits, 0);
  for (uint32_t i = 0; i < goal; i++) assert_int_equal(post_number(0, i), XIO_OK);
  assert_true(xio_port_valid(port));
  assert_int_equal(delivered, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  assert_int_equal(delivered, 3);
  end_world(&world);
}

static void *post_after_a_while(void *unused) {
  (void)unused;
  usleep(20000);
  assert_int_equal(post_number(0, 0), XIO_OK);
  return NULL;
}

/* Neither a deadlock is seen nor time jumps while a thread may still post. */
static void waiting_for_a_thread_holds_time(void **state) {
  (void)state;
  static const ctask_op sleeps[] = {CTASK_SLEEP(1000), CTASK_NOTE(2), CTASK_END};
  for (int with_sleeper = 0; with_sleeper < 2; with_sleeper++) {
    begin(true);
    goal = 1;
    ctask_spawn(&world, waits, 0);
    if (with_sleeper) ctask_spawn(&world, sleeps, 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, post_after_a_while, NULL), 0);
    run_world(&world);
    assert_int_equal(world.notes[0], 1);
    pthread_join(thread, NULL);
    end_world(&world);
  }
}

static void *post_many(void *argument) {
  uint32_t thread = *(uint32_t *)argument;
  for (uint32_t i = 0; i < EACH; i++) {
    assert_int_equal(post_number(thread, i), XIO_OK);
  }
  return NULL;
}

static void threads_keep_their_order(void **state) {
  (void)state;
  begin(false);
  goal = THREADS * EACH;
  ctask_spawn(&world, waits, 0);
  pthread_t threads[THREADS];
  uint32_t numbers[THREADS];
  for (uint32_t i = 0; i < THREADS; i++) {
    numbers[i] = i;
    assert_int_equal(pthread_create(&threads[i], NULL, post_many, &numbers[i]), 0);
  }
  run_world(&world);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(delivered, THREADS * EACH);
  assert_int_equal(dropped, 0);
  end_world(&world);
}

static void withdrawn_is_not_delivered(void **state) {
  (void)state;
  begin(true);
  numbered first = {.post = {.deliver = deliver_number, .drop = drop_number}};
  assert_int_equal(xio_port_post(port, &first.post), XIO_OK);
  assert_true(xio_port_withdraw(port, &first.post));
  assert_false(xio_port_withdraw(port, &first.post));
  xio_loop_poll(world.loop);
  assert_int_equal(delivered, 0);
  end_world(&world);
  assert_int_equal(dropped, 0);
}

static void end_drops_and_refuses(void **state) {
  (void)state;
  begin(true);
  xio_port_ref(port);
  assert_int_equal(post_number(0, 0), XIO_OK);
  assert_int_equal(post_number(0, 1), XIO_OK);
  end_world(&world);
  assert_int_equal(dropped, 2);
  assert_int_equal(delivered, 0);
  assert_true(xio_port_closed(port));
  assert_int_equal(post_number(0, 2), XIO_ECLOSED);
  assert_true(xio_port_valid(port));
  xio_port_unref(port);
}

typedef struct flood {
  uint32_t thread;
  uint32_t taken;
} flood;

static void *post_until_closed(void *argument) {
  flood *self = argument;
  while (post_number(self->thread, self->taken) == XIO_OK) self->taken++;
  xio_port_unref(port);
  return NULL;
}

/* Everything that was taken is delivered or dropped, and the others are told. */
static void loop_may_end_under_posts(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    begin(false);
    goal = 200;
    ctask_spawn(&world, waits, 0);
    pthread_t threads[THREADS];
    flood floods[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
      floods[i] = (flood){i, 0};
      xio_port_ref(port);
      assert_int_equal(pthread_create(&threads[i], NULL, post_until_closed, &floods[i]),
                       0);
    }
    run_world(&world);
    end_world(&world);
    uint32_t taken = 0;
    for (int i = 0; i < THREADS; i++) {
      pthread_join(threads[i], NULL);
      taken += floods[i].taken;
    }
    assert_int_equal(taken, delivered + dropped);
  }
}

/* -- bells --------------------------------------------------------------------------- */

static xio_bell bell;
static uint32_t heard;

static void on_ring(xio_bell *self) {
  assert_ptr_equal(self, &bell);
  heard++;
  count_delivered();
}

static void rings_are_heard_once(void **state) {
  (void)state;
  begin(true);
  heard = 0;
  xio_bell_hang(&bell, port, on_ring);
  xio_bell_ring(&bell);
  xio_bell_ring(&bell);
  xio_loop_poll(world.loop);
  assert_int_equal(heard, 1);
  xio_bell_ring(&bell);
  xio_loop_poll(world.loop);
  assert_int_equal(heard, 2);
  xio_bell_ring(&bell);
  xio_bell_take(&bell);
  xio_bell_take(&bell);
  xio_loop_poll(world.loop);
  assert_int_equal(heard, 2);
  end_world(&world);
}

static void ring_the_bell(int signum) {
  (void)signum;
  xio_bell_ring(&bell);
}

static void signal_handler_rings(void **state) {
  (void)state;
  begin(true);
  heard = 0;
  goal = 1;
  xio_bell_hang(&bell, port, on_ring);
  struct sigaction action = {.sa_handler = ring_the_bell};
  struct sigaction before;
  assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
  ctask_spawn(&world, waits, 0);
  step_world(&world);
  raise(SIGUSR1);
  run_world(&world);
  assert_int_equal(heard, 1);
  xio_bell_take(&bell);
  end_world(&world);
  sigaction(SIGUSR1, &before, NULL);
}

static atomic_bool ringing;

static void *ring_until_told(void *unused) {
  (void)unused;
  while (atomic_load(&ringing)) xio_bell_ring(&bell);
  return NULL;
}

static void loop_may_end_under_rings(void **state) {
  (void)state;
  for (int round = 0; round < 20; round++) {
    begin(false);
    heard = 0;
    goal = 5;
    xio_port_ref(port);
    xio_bell_hang(&bell, port, on_ring);
    atomic_store(&ringing, true);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ring_until_told, NULL), 0);
    ctask_spawn(&world, waits, 0);
    run_world(&world);
    end_world(&world);
    assert_true(heard >= 5);
    atomic_store(&ringing, false);
    pthread_join(thread, NULL);
    xio_port_unref(port);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loop_has_one_port),
      cmocka_unit_test(port_alone_wakes_nobody),
      cmocka_unit_test(posts_come_in_order),
      cmocka_unit_test(waiting_for_a_thread_holds_time),
      cmocka_unit_test(threads_keep_their_order),
      cmocka_unit_test(withdrawn_is_not_delivered),
      cmocka_unit_test(end_drops_and_refuses),
      cmocka_unit_test(loop_may_end_under_posts),
      cmocka_unit_test(rings_are_heard_once),
      cmocka_unit_test(signal_handler_rings),
      cmocka_unit_test(loop_may_end_under_rings),
  };
  return cmocka_run_group_tests_name("port", tests, NULL, NULL);
}
