/* call: requests of a job's thread, whose loop is a loop of the core with C tasks. */
#include <stdlib.h>

#include "../../core/call.h"
#include "../support/unit.h"

enum { CALLS = 50 };

static ctask_world world;
static xio_threads *threads;
static atomic_uint freed, answered_ok, refused, unanswered;

typedef struct request {
  xio_call core;
  int value;
} request;

static void free_request(xio_call *core) {
  atomic_fetch_add(&freed, 1);
  free(XIO_CONTAINER_OF(core, request, core));
}

/* -- the thread: a world of its own with tasks that call ----------------------------- */

static xio_job *job_of_thread;

static bool call_with_value(ctask *self) {
  request *mine = calloc(1, sizeof *mine);
  assert_non_null(mine);
  mine->value = 20;
  mine->core.free = free_request;
  int status = xio_call_begin(&mine->core, job_of_thread, self->world->loop);
  if (status != XIO_OK) {
    free(mine);
    atomic_fetch_add(&refused, 1);
    return true;
  }
  xio_call_wait(&mine->core, &self->core);
  return false;
}

static bool take_answer(ctask *self) {
  if (self->last_status == XIO_ECANCELED) return true; /* it had not begun */
  xio_call *call = self->core.wait.source;
  request *mine = XIO_CONTAINER_OF(call, request, core);
  if (call->status == XIO_OK) {
    assert_int_equal(mine->value, 21);
    atomic_fetch_add(&answered_ok, 1);
  } else if (call->status == XIO_ECLOSED) {
    atomic_fetch_add(&refused, 1);
  } else {
    assert_int_equal(call->status, XIO_ECANCELED);
    atomic_fetch_add(&unanswered, 1);
  }
  xio_call_taken(call);
  return true;
}

static const ctask_op caller[] = {CTASK_WAIT(call_with_value, .finish = take_answer),
                                  CTASK_WAIT(call_with_value, .finish = take_answer),
                                  CTASK_END};
static const ctask_op hurried[] = {CTASK_SCOPE(.time = 1),
                                   CTASK_WAIT(call_with_value, .finish = take_answer),
                                   CTASK_CLOSE, CTASK_END};

static int open_nothing(xio_thread *thread, xio_job *job, void **data) {
  (void)thread;
  (void)job;
  *data = NULL;
  return XIO_OK;
}

static void nothing(void *data) {
  (void)data;
}

static void interrupt_nothing(void *data, xio_job *job) {
  (void)data;
  (void)job;
}

static const xio_worker worker = {open_nothing, nothing, nothing, interrupt_nothing};

static const ctask_op *program;

static void run_job(xio_job *job, void *data) {
  (void)data;
  ctask_world inner = {0};
  xio_loop_opts opts = {0};
  job_of_thread = job;
  if (ctask_world_open(&inner, opts) != XIO_OK) abort();
  for (int i = 0; i < CALLS; i++) ctask_spawn(&inner, program, 0);
  if (ctask_run(&inner) != XIO_OK) abort();
  if (ctask_world_end(&inner) != NULL) abort();
}

static void drop_job(xio_job *job) {
  free(job);
}

static const xio_job_ops ops = {.run = run_job, .drop = drop_job};

/* -- the task that waits ------------------------------------------------------------- */

static bool answers;

static bool wait_again(ctask *self, xio_job *job) {
  return xio_job_wait(job, &self->core) != XIO_JOB_PARKED;
}

static bool begin_job(ctask *self) {
  xio_job *job = calloc(1, sizeof *job);
  assert_non_null(job);
  xio_job_init(job, &ops, XIO_ON_CANCEL_WAIT);
  assert_int_equal(xio_job_begin(job, xio_threads_pool(threads)), XIO_OK);
  return wait_again(self, job);
}

static bool serve(ctask *self) {
  xio_job *job = self->core.wait.source;
  do {
    for (xio_call *call; (call = xio_call_take(job)) != NULL;) {
      assert_true(xio_threads_valid(threads));
      assert_int_equal(xio_threads_pool(threads)->running, 0); /* its room is lent */
      XIO_CONTAINER_OF(call, request, core)->value++;
      xio_call_answer(call, answers ? XIO_OK : XIO_ECLOSED);
      xio_call_answer(call, XIO_EINVAL); /* too late: nothing happens */
      xio_call_release(call);
    }
    if (job->state == XIO_JOB_OVER) {
      xio_job_leave(job);
      return true;
    }
  } while (wait_again(self, job));
  return false;
}

static const ctask_op serves[] = {CTASK_WAIT(begin_job, .finish = serve), CTASK_END};

static void begin(const ctask_op *what) {
  world = (ctask_world){0};
  xio_loop_opts opts = {.virtual_clock = true};
  assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
  world.after_step = check_after_step;
  assert_int_equal(xio_loop_threads(world.loop, &worker, &threads), XIO_OK);
  program = what;
  answers = true;
  atomic_store(&freed, 0);
  atomic_store(&answered_ok, 0);
  atomic_store(&refused, 0);
  atomic_store(&unanswered, 0);
}

static void calls_are_answered(void **state) {
  (void)state;
  begin(caller);
  ctask_spawn(&world, serves, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  end_world(&world);
  assert_int_equal(atomic_load(&answered_ok), 2 * CALLS);
  assert_int_equal(atomic_load(&freed), 2 * CALLS);
}

static void calls_can_be_refused(void **state) {
  (void)state;
  begin(caller);
  answers = false;
  ctask_spawn(&world, serves, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  end_world(&world);
  assert_int_equal(atomic_load(&refused), 2 * CALLS);
  assert_int_equal(atomic_load(&freed), 2 * CALLS);
}

static void calls_of_cancelled_tasks_are_not_taken(void **state) {
  (void)state;
  begin(hurried);
  ctask_spawn(&world, serves, 0);
  assert_int_equal(ctask_run(&world), XIO_OK);
  end_world(&world);
  unsigned all = atomic_load(&answered_ok) + atomic_load(&unanswered);
  assert_int_equal(atomic_load(&freed), all);
}

/* The loop of the task ends while the thread calls. */
static void calls_end_with_the_loop(void **state) {
  (void)state;
  begin(caller);
  ctask_spawn(&world, serves, 0);
  bool stalled;
  (void)xio_loop_step(world.loop, 0, &stalled);
  uv_sleep(5);
  end_world(&world);
  assert_int_equal(atomic_load(&answered_ok) + atomic_load(&refused), 2 * CALLS);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(calls_are_answered),
      cmocka_unit_test(calls_can_be_refused),
      cmocka_unit_test(calls_of_cancelled_tasks_are_not_taken),
      cmocka_unit_test(calls_end_with_the_loop),
  };
  return cmocka_run_group_tests_name("call", tests, NULL, NULL);
}
