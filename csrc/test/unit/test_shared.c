/* shared: waking from the same loop and from threads, cancelling, limits, the end of a
 * loop, deadlocks, threads without a loop, watchers. The object of the tests is a stock
 * of items, of which who waits is given one. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../core/shared.h"
#include "../support/unit.h"

/* -- a stock of items ---------------------------------------------------------------- */

enum { ITEMS = 64 };

typedef struct stock {
  xio_shared shared;
  int count; /* items in it */
} stock;

static int items[ITEMS];
static stock it;
static int freed, lost;

static void free_stock(xio_shared *shared) {
  xio_shared_deinit(shared);
  freed++;
}

static void lose_item(xio_shared *shared, void *item) {
  assert_ptr_equal(shared, &it.shared);
  assert_in_range((int *)item - items, 0, ITEMS - 1);
  lost++;
}

static const xio_shared_ops stock_ops = {.free = free_stock, .lose = lose_item};
static const xio_wait_ops take_ops = {.verb = "take", .abort = xio_shared_abort};

static void put(const xio_loop *here) {
  xio_shared_lock(&it.shared);
  xio_shared_wait *first = xio_shared_first(&it.shared, XIO_SHARED_FIRST);
  if (first != NULL) {
    xio_shared_wake(first, XIO_OK, &items[0], here);
  } else {
    it.count++;
    xio_shared_notify(&it.shared);
  }
  xio_shared_unlock(&it.shared);
}

/* -- tasks that take ----------------------------------------------------------------- */

static ctask_world world;
static int64_t limit_ns; /* of waits; 0: none */

/* Takes an item, or parks `task`. */
static bool take_or_park(xio_loop *loop, xio_task *task) {
  xio_shared_wait *wait = NULL;
  assert_int_equal(xio_shared_prepare(&it.shared, loop, &wait), XIO_OK);
  if (limit_ns != 0) {
    int64_t at = xio_clock_after(&loop->clock, limit_ns);
    assert_int_equal(xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT), XIO_OK);
  }
  xio_shared_lock(&it.shared);
  bool taken = it.count > 0;
  if (taken) {
    it.count--;
  } else {
    xio_shared_park(wait, XIO_SHARED_FIRST, task, &take_ops);
  }
  xio_shared_unlock(&it.shared);
  if (taken) xio_wait_unlimit(&task->wait);
  if (taken) xio_shared_discard(wait);
  return taken;
}

static bool take_it(ctask *self) {
  return take_or_park(self->world->loop, &self->core);
}

/* What the wait ended with: the status, and that an item came with it if it is XIO_OK. */
static bool taken(ctask *self) {
  void *item = xio_shared_take(&self->core.wait);
  if (self->last_status == XIO_OK) assert_non_null(item);
  if (self->last_status != XIO_OK) assert_null(item);
  return true;
}

static void note_status(ctask *self) {
  self->world->notes[self->world->note_count++] = (uint32_t)-self->last_status;
}

static void put_here(ctask *self) {
  put(self->world->loop);
}

static void put_from_afar(ctask *self) {
  (void)self;
  put(NULL);
}

#define TAKE CTASK_WAIT(take_it, .finish = taken)

static const ctask_op takes_1[] = {TAKE, CTASK_NOTE(1), CTASK_END};
static const ctask_op takes_2[] = {TAKE, CTASK_NOTE(2), CTASK_END};
static const ctask_op takes_and_tells[] = {TAKE, CTASK_CALL(note_status), CTASK_END};

static void begin_stock(void) {
  freed = lost = 0;
  limit_ns = 0;
  it.count = 0;
  assert_int_equal(xio_shared_init(&it.shared, &stock_ops), XIO_OK);
}

static void begin(void) {
  begin_world(&world);
  begin_stock();
}

static void end_stock(void) {
  assert_true(xio_shared_valid(&it.shared));
  xio_shared_unref(&it.shared);
  assert_int_equal(freed, 1);
}

static void end(void) {
  assert_int_equal(world.loop->working, 0);
  end_world(&world);
  end_stock();
}

/* -- in one loop --------------------------------------------------------------------- */

static void woken_in_order(void **state) {
  (void)state;
  static const ctask_op puts[] = {CTASK_PAUSE, CTASK_CALL(put_here), CTASK_CALL(put_here),
                                  CTASK_NOTE(9), CTASK_END};
  begin();
  ctask_spawn(&world, takes_1, 0);
  ctask_spawn(&world, takes_2, 0);
  ctask_spawn(&world, puts, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 9, 1, 2);
  end();
}

static void woken_through_the_port(void **state) {
  (void)state;
  static const ctask_op puts[] = {CTASK_PAUSE, CTASK_CALL(put_from_afar), CTASK_NOTE(9),
                                  CTASK_END};
  for (int exposed = 0; exposed < 2; exposed++) {
    begin();
    if (exposed) xio_shared_expose(&it.shared);
    ctask_spawn(&world, takes_1, 0);
    ctask_spawn(&world, puts, 0);
    run_world(&world);
    ASSERT_NOTES(&world, 9, 1);
    end();
  }
}

static void close_stock(ctask *self) {
  xio_shared_lock(&it.shared);
  xio_shared_wake_all(&it.shared, XIO_SHARED_FIRST, XIO_ECLOSED, self->world->loop);
  xio_shared_unlock(&it.shared);
}

static void all_are_woken(void **state) {
  (void)state;
  static const ctask_op closes[] = {CTASK_PAUSE, CTASK_CALL(close_stock), CTASK_END};
  const uint32_t closed = (uint32_t)-XIO_ECLOSED;
  begin();
  ctask_spawn(&world, takes_and_tells, 0);
  ctask_spawn(&world, takes_and_tells, 0);
  ctask_spawn(&world, closes, 0);
  run_world(&world);
  ASSERT_NOTES(&world, closed, closed);
  end();
}

static void cancelled_takes_nothing(void **state) {
  (void)state;
  static const ctask_op cancels[] = {CTASK_PAUSE, CTASK_CANCEL_TASK(1),
                                     CTASK_CALL(put_here), CTASK_END};
  begin();
  ctask_spawn(&world, takes_1, 1);
  ctask_spawn(&world, cancels, 0);
  run_world(&world);
  assert_int_equal(world.note_count, 0);
  assert_int_equal(it.count, 1);
  end();
}

static void committed_is_kept_under_cancellation(void **state) {
  (void)state;
  static const ctask_op near[] = {CTASK_PAUSE, CTASK_CALL(put_here), CTASK_CANCEL_TASK(1),
                                  CTASK_END};
  static const ctask_op far[] = {CTASK_PAUSE, CTASK_CALL(put_from_afar),
                                 CTASK_CANCEL_TASK(1), CTASK_END};
  for (int i = 0; i < 2; i++) {
    begin();
    ctask_spawn(&world, takes_1, 1);
    ctask_spawn(&world, i == 0 ? near : far, 0);
    run_world(&world);
    ASSERT_NOTES(&world, 1);
    assert_int_equal(it.count, 0);
    end();
  }
}

static void limit_ends_the_wait(void **state) {
  (void)state;
  begin();
  limit_ns = 5;
  ctask_spawn(&world, takes_and_tells, 0);
  run_world(&world);
  assert_int_equal(time_of(&world), 5);
  ASSERT_NOTES(&world, (uint32_t)-XIO_ETIMEDOUT);
  end();
}

static void nobody_outside_is_a_deadlock(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, takes_1, 1);
  assert_int_equal(ctask_run(&world), XIO_EDEADLK);
  assert_int_equal(world.loop->working, 0);
  xio_shared_expose(&it.shared);
  assert_int_equal(world.loop->working, 1);
  assert_true(xio_shared_valid(&it.shared));
  put(NULL);
  run_world(&world);
  ASSERT_NOTES(&world, 1);
  end();
}

/* What was given and not taken goes with the loop, in each stage. */
static void end_of_the_loop_loses_the_item(void **state) {
  (void)state;
  for (int stage = 0; stage < 3; stage++) {
    begin();
    xio_shared_expose(&it.shared);
    ctask_spawn(&world, takes_1, 0);
    step_world(&world);
    if (stage == 1) put(NULL);
    if (stage == 2) put(world.loop);
    end_world(&world);
    assert_int_equal(lost, stage == 0 ? 0 : 1);
    assert_int_equal(it.count, 0);
    end_stock();
  }
}

static void end_of_the_loop_frees_what_was_prepared(void **state) {
  (void)state;
  begin();
  xio_shared_wait *wait = NULL;
  assert_int_equal(xio_shared_prepare(&it.shared, world.loop, &wait), XIO_OK);
  end_world(&world);
  end_stock();
}

static void preparing_may_fail(void **state) {
  (void)state;
  begin();
  xio_port *port = NULL;
  assert_int_equal(xio_loop_port(world.loop, &port), XIO_OK);
  xio_shared_wait *wait = NULL;
  counting_fail(&world.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_shared_prepare(&it.shared, world.loop, &wait), XIO_ENOMEM);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  end();
}

/* -- watchers ------------------------------------------------------------------------ */

static xio_shared_wait *watcher;
static int looked;

static void look(xio_shared_wait *self) {
  assert_ptr_equal(self, watcher);
  looked++;
}

static void watch(void) {
  xio_shared_lock(&it.shared);
  xio_shared_watch(watcher, look);
  xio_shared_unlock(&it.shared);
}

static void watchers_look_after_each_change(void **state) {
  (void)state;
  begin();
  looked = 0;
  assert_int_equal(xio_shared_prepare(&it.shared, world.loop, &watcher), XIO_OK);
  xio_shared_expose(&it.shared);
  watch();
  assert_int_equal(world.loop->working, 1);
  put(world.loop);
  put(world.loop); /* it does not watch any more */
  assert_int_equal(looked, 0);
  xio_loop_poll(world.loop);
  assert_int_equal(looked, 1);
  assert_int_equal(world.loop->working, 0);
  watch();
  put(NULL);
  xio_shared_unwatch(watcher); /* on its way already */
  xio_loop_poll(world.loop);
  assert_int_equal(looked, 1);
  watch();
  xio_shared_unwatch(watcher);
  put(NULL);
  xio_loop_poll(world.loop);
  assert_int_equal(looked, 1);
  xio_shared_discard(watcher);
  end();
}

static void end_of_the_loop_ends_watching(void **state) {
  (void)state;
  for (int posted = 0; posted < 2; posted++) {
    begin();
    looked = 0;
    assert_int_equal(xio_shared_prepare(&it.shared, world.loop, &watcher), XIO_OK);
    xio_shared_expose(&it.shared);
    watch();
    if (posted) put(NULL);
    end_world(&world);
    assert_int_equal(looked, 0);
    end_stock();
  }
}

/* -- threads without a loop ---------------------------------------------------------- */

typedef struct blocked {
  pthread_t thread;
  xio_blocker *blocker;
  int64_t timeout_ns;
  int status;
  void *item;
} blocked;

static void *block_for_item(void *argument) {
  blocked *self = argument;
  xio_shared_wait wait = {0};
  xio_shared_lock(&it.shared);
  if (it.count > 0) {
    it.count--;
    xio_shared_unlock(&it.shared);
    self->item = &items[1];
    self->status = XIO_OK;
    return NULL;
  }
  self->status = xio_shared_block(&it.shared, &wait, XIO_SHARED_FIRST, self->blocker,
                                  self->timeout_ns);
  self->item = wait.item;
  return NULL;
}

static void start_blocked(blocked *self, int64_t timeout_ns) {
  *self = (blocked){.timeout_ns = timeout_ns};
  assert_int_equal(xio_blocker_new(&self->blocker), XIO_OK);
  assert_int_equal(pthread_create(&self->thread, NULL, block_for_item, self), 0);
}

static void await_blocked(void) {
  for (uint32_t count = 0; count == 0;) {
    usleep(1000);
    xio_shared_lock(&it.shared);
    count = xio_shared_count(&it.shared, XIO_SHARED_FIRST);
    xio_shared_unlock(&it.shared);
  }
}

static void end_blocked(blocked *self) {
  pthread_join(self->thread, NULL);
  xio_blocker_unref(self->blocker);
}

static void thread_is_woken(void **state) {
  (void)state;
  begin_stock();
  xio_shared_expose(&it.shared);
  blocked one;
  start_blocked(&one, XIO_NEVER);
  await_blocked();
  put(NULL);
  end_blocked(&one);
  assert_int_equal(one.status, XIO_OK);
  assert_ptr_equal(one.item, &items[0]);
  end_stock();
}

static void thread_gives_up_in_time(void **state) {
  (void)state;
  begin_stock();
  xio_shared_expose(&it.shared);
  blocked one;
  start_blocked(&one, 3000000);
  end_blocked(&one);
  assert_int_equal(one.status, XIO_ETIMEDOUT);
  assert_null(one.item);
  end_stock();
}

static void thread_is_interrupted(void **state) {
  (void)state;
  begin_stock();
  xio_shared_expose(&it.shared);
  blocked one;
  start_blocked(&one, XIO_NEVER);
  await_blocked();
  assert_false(xio_blocker_interrupted(one.blocker));
  xio_blocker_ref(one.blocker);
  xio_blocker *blocker = one.blocker;
  xio_blocker_interrupt(blocker, true);
  end_blocked(&one);
  assert_int_equal(one.status, XIO_ECANCELED);
  assert_true(xio_blocker_interrupted(blocker)); /* it stays so */
  xio_blocker_interrupt(blocker, false);
  assert_false(xio_blocker_interrupted(blocker));
  xio_blocker_unref(blocker);
  put(NULL);
  assert_int_equal(it.count, 1); /* nothing went to it */
  end_stock();
}

/* -- everybody at once --------------------------------------------------------------- */

enum { PUTTERS = 2, BLOCKERS = 2, LOOPS = 2, EACH = 5000 };

static atomic_int puts_left, taken_by_threads;

static void *put_many(void *unused) {
  (void)unused;
  for (int i = 0; i < EACH; i++) put(NULL);
  return NULL;
}

/* Takes in threads that time out often, and are interrupted. */
static void *block_many(void *argument) {
  blocked *self = argument;
  while (self->status == XIO_OK || self->status == XIO_ETIMEDOUT) {
    block_for_item(self);
    if (self->status == XIO_OK) atomic_fetch_add(&taken_by_threads, 1);
  }
  return NULL;
}

/* A loop in a thread of its own, with one task that takes under a short limit. */
typedef struct taker {
  pthread_t thread;
  xio_loop *loop;
  xio_task task;
  bool parked;
  int count;
} taker;

static void resume_taker(xio_task *task) {
  taker *self = XIO_CONTAINER_OF(task, taker, task);
  if (self->parked) {
    self->parked = false;
    if (task->wait.status == XIO_OK) self->count++;
    void *item = xio_shared_take(&task->wait);
    assert_true((item != NULL) == (task->wait.status == XIO_OK));
  }
  xio_shared_lock(&it.shared);
  bool over = atomic_load(&puts_left) == 0 && it.count == 0;
  xio_shared_unlock(&it.shared);
  if (over) {
    xio_group_child_ended(task, XIO_OUTCOME_DONE);
  } else if (take_or_park(self->loop, task)) {
    self->count++;
    xio_wait_reschedule(&task->wait, XIO_OK);
  } else {
    self->parked = true;
  }
}

static void abandon_taker(xio_task *task) {
  (void)task;
}

static const xio_task_ops taker_ops = {.resume = resume_taker, .abandon = abandon_taker};

static void *run_taker(void *argument) {
  taker *self = argument;
  xio_loop_opts opts = {.alloc = xio_alloc_default()};
  assert_int_equal(xio_loop_open(&self->loop, &opts), XIO_OK);
  xio_task_init(&self->task, &self->loop->queue, &taker_ops);
  xio_group_spawn(&self->loop->root, &self->task, (xio_spawn_opts){0});
  assert_int_equal(xio_loop_run(self->loop), XIO_OK);
  assert_int_equal(self->loop->working, 0);
  xio_loop_close(self->loop);
  return NULL;
}

static void nothing_is_lost_or_doubled(void **state) {
  (void)state;
  begin_stock();
  xio_shared_expose(&it.shared);
  limit_ns = 200000;
  atomic_store(&puts_left, 1);
  atomic_store(&taken_by_threads, 0);
  pthread_t putters[PUTTERS];
  blocked blockers[BLOCKERS];
  taker takers[LOOPS];
  for (int i = 0; i < BLOCKERS; i++) {
    blockers[i] = (blocked){.timeout_ns = 100000};
    assert_int_equal(xio_blocker_new(&blockers[i].blocker), XIO_OK);
    pthread_create(&blockers[i].thread, NULL, block_many, &blockers[i]);
  }
  for (int i = 0; i < LOOPS; i++) {
    takers[i] = (taker){0};
    pthread_create(&takers[i].thread, NULL, run_taker, &takers[i]);
  }
  for (int i = 0; i < PUTTERS; i++) pthread_create(&putters[i], NULL, put_many, NULL);
  for (int i = 0; i < PUTTERS; i++) pthread_join(putters[i], NULL);
  atomic_store(&puts_left, 0);
  int sum = 0;
  for (int i = 0; i < LOOPS; i++) {
    pthread_join(takers[i].thread, NULL);
    sum += takers[i].count;
  }
  for (int i = 0; i < BLOCKERS; i++) {
    xio_blocker_interrupt(blockers[i].blocker, true);
    end_blocked(&blockers[i]);
  }
  assert_int_equal(sum + atomic_load(&taken_by_threads) + it.count, PUTTERS * EACH);
  assert_int_equal(lost, 0);
  end_stock();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(woken_in_order),
      cmocka_unit_test(woken_through_the_port),
      cmocka_unit_test(all_are_woken),
      cmocka_unit_test(cancelled_takes_nothing),
      cmocka_unit_test(committed_is_kept_under_cancellation),
      cmocka_unit_test(limit_ends_the_wait),
      cmocka_unit_test(nobody_outside_is_a_deadlock),
      cmocka_unit_test(end_of_the_loop_loses_the_item),
      cmocka_unit_test(end_of_the_loop_frees_what_was_prepared),
      cmocka_unit_test(preparing_may_fail),
      cmocka_unit_test(watchers_look_after_each_change),
      cmocka_unit_test(end_of_the_loop_ends_watching),
      cmocka_unit_test(thread_is_woken),
      cmocka_unit_test(thread_gives_up_in_time),
      cmocka_unit_test(thread_is_interrupted),
      cmocka_unit_test(nothing_is_lost_or_doubled),
  };
  return cmocka_run_group_tests_name("shared", tests, NULL, NULL);
}
