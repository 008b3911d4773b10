/* thread: jobs in threads, pools, cancelling in its three ways, and the loop's end. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../../core/thread.h"
#include "../faults/wrap.h"
#include "../support/unit.h"

static ctask_world world;
static xio_threads *threads;

static void note(ctask_world *to, uint32_t value) {
  to->notes[to->note_count++] = value;
}

/* -- a worker that counts, and jobs that do what they are told ----------------------- */

static atomic_uint opened, closed, dropped, ran;
static int open_status;

typedef struct seat {
  atomic_uint interrupts;
} seat;

static int open_seat(xio_thread *thread, xio_job *job, void **data) {
  (void)thread;
  (void)job;
  if (open_status != XIO_OK) return open_status;
  *data = calloc(1, sizeof(seat));
  atomic_fetch_add(&opened, 1);
  return XIO_OK;
}

static void close_seat(void *data) {
  free(data);
  atomic_fetch_add(&closed, 1);
}

static void tidy_seat(void *data) {
  (void)data;
}

static void interrupt_seat(void *data, xio_job *job) {
  (void)job;
  seat *self = data;
  atomic_fetch_add(&self->interrupts, 1);
}

static const xio_worker worker = {open_seat, close_seat, tidy_seat, interrupt_seat};

enum { QUICK, UNTIL_INTERRUPTED, UNTIL_CANCELLED, UNTIL_TOLD };

typedef struct job {
  xio_job core;
  int what;
  int result;
} job;

static atomic_bool told;

static void run_job(xio_job *core, void *data) {
  job *self = XIO_CONTAINER_OF(core, job, core);
  seat *at = data;
  atomic_store(&at->interrupts, 0);
  switch (self->what) {
    case UNTIL_INTERRUPTED:
      while (atomic_load(&at->interrupts) < 2) usleep(100); /* it is sent for again */
      break;
    case UNTIL_CANCELLED:
      while (!xio_job_cancelled(core)) usleep(100);
      if (atomic_load(&at->interrupts) != 0) abort();
      break;
    case UNTIL_TOLD:
      while (!atomic_load(&told)) usleep(100);
      break;
    default: break;
  }
  self->result = self->what + 100;
  atomic_fetch_add(&ran, 1);
}

static void drop_job(xio_job *core) {
  atomic_fetch_add(&dropped, 1);
  free(XIO_CONTAINER_OF(core, job, core));
}

static const xio_job_ops job_ops = {.run = run_job, .drop = drop_job};

static job *new_job(int what, xio_on_cancel on_cancel) {
  job *self = calloc(1, sizeof *self);
  assert_non_null(self);
  xio_job_init(&self->core, &job_ops, on_cancel);
  self->what = what;
  return self;
}

/* -- tasks that run one -------------------------------------------------------------- */

static job *current; /* of the task that begins next, and after it was resumed */
static xio_pool *pool;

static bool wait_for_job(ctask *self) {
  job *mine = current;
  assert_int_equal(xio_job_begin(&mine->core, pool), XIO_OK);
  assert_true(xio_threads_valid(threads));
  return xio_job_wait(&mine->core, &self->core) != XIO_JOB_PARKED;
}

/* Begins a quick job of its own each time. */
static bool wait_for_quick_one(ctask *self) {
  current = new_job(QUICK, XIO_ON_CANCEL_INTERRUPT);
  return wait_for_job(self);
}

static bool take_result(ctask *self) {
  xio_job *mine = self->core.wait.source;
  if (self->last_status == XIO_ECANCELED) return true; /* the core has dropped it */
  assert_int_equal(mine->state, XIO_JOB_OVER);
  note(self->world, (uint32_t)XIO_CONTAINER_OF(mine, job, core)->result);
  xio_job_leave(mine);
  assert_true(xio_threads_valid(threads));
  return true;
}

static const ctask_op runs[] = {CTASK_WAIT(wait_for_job, .finish = take_result),
                                CTASK_END};
static const ctask_op runs_quick[] = {
    CTASK_WAIT(wait_for_quick_one, .finish = take_result), CTASK_END};

static void begin(void) {
  world = (ctask_world){0};
  xio_loop_opts opts = {0};
  assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
  world.after_step = check_after_step;
  assert_int_equal(xio_loop_threads(world.loop, &worker, &threads), XIO_OK);
  xio_threads *again = NULL;
  assert_int_equal(xio_loop_threads(world.loop, &worker, &again), XIO_OK);
  assert_ptr_equal(threads, again);
  pool = xio_threads_pool(threads);
  open_status = XIO_OK;
  atomic_store(&opened, 0);
  atomic_store(&closed, 0);
  atomic_store(&dropped, 0);
  atomic_store(&ran, 0);
  atomic_store(&told, false);
}

static void end(unsigned jobs) {
  end_world(&world);
  assert_int_equal(atomic_load(&opened), atomic_load(&closed));
  assert_int_equal(atomic_load(&dropped), jobs);
}

static void finish_run(unsigned jobs) {
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_true(xio_threads_valid(threads));
  assert_int_equal(world.loop->working, 0);
  end(jobs);
}

/* -- tests --------------------------------------------------------------------------- */

static void threads_are_used_again(void **state) {
  (void)state;
  static const ctask_op several[] = {
      CTASK_WAIT(wait_for_quick_one, .finish = take_result),
      CTASK_WAIT(wait_for_quick_one, .finish = take_result),
      CTASK_WAIT(wait_for_quick_one, .finish = take_result), CTASK_END};
  begin();
  ctask_spawn(&world, several, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.note_count, 3);
  assert_int_equal(xio_threads_count(threads), 1);
  end(3);
}

static void pools_have_limits_and_order(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 2, &pool), XIO_OK);
  for (int i = 0; i < 20; i++) ctask_spawn(&world, runs_quick, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.note_count, 20);
  assert_int_equal(xio_threads_count(threads), 2);
  xio_pool_close(pool);
  end(20);
}

static void closed_pool_goes_with_its_last_job(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 1, &pool), XIO_OK);
  current = new_job(UNTIL_TOLD, XIO_ON_CANCEL_INTERRUPT);
  ctask_spawn(&world, runs, 0);
  bool stalled;
  (void)xio_loop_step(world.loop, 0, &stalled);
  xio_pool_close(pool);
  atomic_store(&told, true);
  finish_run(1);
}

static const ctask_op limited[] = {CTASK_SCOPE(.time = 3000000),
                                   CTASK_WAIT(wait_for_job, .finish = take_result),
                                   CTASK_CLOSE, CTASK_NOTE(1), CTASK_END};

static void interrupted_jobs_are_awaited(void **state) {
  (void)state;
  begin();
  current = new_job(UNTIL_INTERRUPTED, XIO_ON_CANCEL_INTERRUPT);
  ctask_spawn(&world, limited, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.notes[0], UNTIL_INTERRUPTED + 100); /* it has a result */
  assert_int_equal(world.notes[1], 1);
  end(1);
}

static void awaited_jobs_are_only_told(void **state) {
  (void)state;
  begin();
  current = new_job(UNTIL_CANCELLED, XIO_ON_CANCEL_WAIT);
  ctask_spawn(&world, limited, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.notes[0], UNTIL_CANCELLED + 100);
  end(1);
}

static void abandoned_jobs_end_alone(void **state) {
  (void)state;
  begin();
  current = new_job(UNTIL_TOLD, XIO_ON_CANCEL_ABANDON);
  ctask_spawn(&world, limited, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.notes[0], 1); /* no result */
  assert_int_equal(atomic_load(&dropped), 0);
  end_world(&world); /* does not wait for it */
  atomic_store(&told, true);
  for (int i = 0; i < 5000 && atomic_load(&closed) == 0; i++) usleep(1000);
  assert_int_equal(atomic_load(&closed), 1);
  assert_int_equal(atomic_load(&dropped), 1);
}

static void jobs_that_wait_are_withdrawn(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 1, &pool), XIO_OK);
  current = new_job(UNTIL_TOLD, XIO_ON_CANCEL_INTERRUPT);
  ctask_spawn(&world, runs, 0);
  bool stalled;
  (void)xio_loop_step(world.loop, 0, &stalled);
  current = new_job(QUICK, XIO_ON_CANCEL_INTERRUPT);
  ctask_spawn(&world, limited, 0);
  while (world.note_count == 0) (void)xio_loop_step(world.loop, 1000000, &stalled);
  assert_int_equal(atomic_load(&dropped), 1);
  atomic_store(&told, true);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(atomic_load(&ran), 1);
  xio_pool_close(pool);
  end(2);
}

static bool expect_refusal(ctask *self) {
  xio_job *mine = self->core.wait.source;
  assert_int_equal(mine->state, XIO_JOB_OVER);
  assert_int_equal(mine->status, XIO_ENOMEM);
  xio_job_leave(mine);
  note(self->world, 7);
  return true;
}

static void thread_that_cannot_open_ends(void **state) {
  (void)state;
  static const ctask_op refused[] = {
      CTASK_WAIT(wait_for_quick_one, .finish = expect_refusal), CTASK_END};
  begin();
  open_status = XIO_ENOMEM;
  ctask_spawn(&world, refused, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  assert_int_equal(world.notes[0], 7);
  assert_int_equal(xio_threads_count(threads), 0);
  open_status = XIO_OK;
  ctask_spawn(&world, runs_quick, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  end(2);
}

static void closing_the_loop_ends_all(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 3, &pool), XIO_OK);
  bool stalled;
  for (int i = 0; i < 5; i++) { /* two of them wait */
    current = new_job(UNTIL_INTERRUPTED,
                      i % 2 == 0 ? XIO_ON_CANCEL_INTERRUPT : XIO_ON_CANCEL_WAIT);
    ctask_spawn(&world, runs, 0);
    (void)xio_loop_step(world.loop, 0, &stalled);
  }
  end(5);
  xio_pool_close(pool);
}

static void jobs_of_many_tasks_race_with_their_limits(void **state) {
  (void)state;
  static const ctask_op racing[] = {CTASK_SCOPE(.time = 200000),
                                    CTASK_WAIT(wait_for_quick_one, .finish = take_result),
                                    CTASK_CLOSE,
                                    CTASK_SCOPE(.time = 50000),
                                    CTASK_WAIT(wait_for_quick_one, .finish = take_result),
                                    CTASK_CLOSE,
                                    CTASK_END};
  begin();
  assert_int_equal(xio_pool_open(threads, 4, &pool), XIO_OK);
  for (int i = 0; i < 200; i++) ctask_spawn(&world, racing, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  xio_pool_close(pool);
  unsigned all = atomic_load(&dropped);
  assert_true(all >= atomic_load(&ran));
  end(all);
}

static void a_job_that_waits_may_be_left(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 1, &pool), XIO_OK);
  job *first = new_job(UNTIL_TOLD, XIO_ON_CANCEL_WAIT);
  job *second = new_job(QUICK, XIO_ON_CANCEL_WAIT);
  job *third = new_job(QUICK, XIO_ON_CANCEL_WAIT);
  assert_int_equal(xio_job_begin(&first->core, pool), XIO_OK);
  assert_int_equal(xio_job_begin(&second->core, pool), XIO_OK);
  assert_int_equal(xio_job_begin(&third->core, pool), XIO_OK);
  assert_int_equal(second->core.state, XIO_JOB_WAITING);
  xio_job_leave(&second->core); /* nobody will wait for it */
  assert_int_equal(atomic_load(&dropped), 1);
  assert_true(xio_threads_valid(threads));
  xio_pool_close(pool); /* goes with what waits in it */
  xio_job_leave(&third->core);
  atomic_store(&told, true);
  xio_job_leave(&first->core); /* is abandoned */
  for (int i = 0; i < 5000 && atomic_load(&dropped) < 3; i++) {
    xio_loop_poll(world.loop);
    usleep(1000);
  }
  end(3);
}

static void a_job_lends_its_place(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_pool_open(threads, 1, &pool), XIO_OK);
  job *first = new_job(UNTIL_TOLD, XIO_ON_CANCEL_WAIT);
  job *second = new_job(QUICK, XIO_ON_CANCEL_WAIT);
  assert_int_equal(xio_job_begin(&first->core, pool), XIO_OK);
  assert_int_equal(xio_job_begin(&second->core, pool), XIO_OK);
  wrap_refuse("uv_thread_create", 1, EAGAIN);
  xio_job_lend(&first->core, true); /* the second begins, but gets no thread */
  assert_true(wrap_disarm());
  assert_int_equal(second->core.state, XIO_JOB_OVER);
  assert_int_equal(second->core.status, XIO_EAGAIN);
  xio_job_leave(&second->core);
  xio_job_lend(&first->core, false);
  assert_true(xio_threads_valid(threads));
  atomic_store(&told, true);
  for (int i = 0; i < 5000 && first->core.state != XIO_JOB_OVER; i++) {
    xio_loop_poll(world.loop);
    usleep(1000);
  }
  assert_int_equal(first->core.state, XIO_JOB_OVER);
  xio_job_lend(&first->core, true); /* it has no place any more */
  xio_job_interrupt(&first->core, XIO_SOURCE_CANCEL);
  assert_false(xio_job_cancelled(&first->core));
  xio_job_leave(&first->core);
  xio_pool_close(pool);
  end(2);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_are_used_again),
      cmocka_unit_test(pools_have_limits_and_order),
      cmocka_unit_test(closed_pool_goes_with_its_last_job),
      cmocka_unit_test(interrupted_jobs_are_awaited),
      cmocka_unit_test(awaited_jobs_are_only_told),
      cmocka_unit_test(abandoned_jobs_end_alone),
      cmocka_unit_test(jobs_that_wait_are_withdrawn),
      cmocka_unit_test(thread_that_cannot_open_ends),
      cmocka_unit_test(closing_the_loop_ends_all),
      cmocka_unit_test(jobs_of_many_tasks_race_with_their_limits),
      cmocka_unit_test(a_job_that_waits_may_be_left),
      cmocka_unit_test(a_job_lends_its_place),
  };
  return cmocka_run_group_tests_name("thread", tests, NULL, NULL);
}
