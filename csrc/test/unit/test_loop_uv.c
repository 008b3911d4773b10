/* loop, with libuv: callbacks that wake tasks, a host's uv loop, handles that are not
 * referenced, work in other threads. Real time passes here, some milliseconds of it. */
#include <unistd.h>

#include "../../core/attach.h"
#include "../support/unit.h"

#define MS INT64_C(1000000)

static ctask_world world;

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};

static void begin_real_world(uv_loop_t *uv) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){.uv = uv}), XIO_OK);
  world.after_step = check_after_step;
}

static xio_wait *to_wake;

static int abort_external(xio_wait *wait) {
  (void)wait;
  to_wake = NULL;
  return XIO_OK;
}

static const xio_wait_ops external_ops = {.verb = "external", .abort = abort_external};

static void resume_external(xio_task *task) {
  if (task->wait.ops == NULL) {
    xio_wait_park(&task->wait, &external_ops, NULL);
    to_wake = &task->wait;
  } else {
    assert_int_equal(task->wait.status, XIO_EOF);
    xio_group_child_ended(task, XIO_OUTCOME_DONE);
  }
}

static void abandon_external(xio_task *task) {
  (void)task;
}

static const xio_task_ops external_task = {.resume = resume_external,
                                           .abandon = abandon_external};

static void wake(uv_timer_t *timer) {
  (void)timer;
  if (to_wake != NULL) xio_wait_complete(to_wake, XIO_EOF);
  to_wake = NULL;
}

static int closed;

static void count_closed(uv_handle_t *handle) {
  closed++;
  if (handle->data != NULL) xio_loop_handle_closed(handle->data);
}

static void callback_of_libuv_wakes_a_task(void **state) {
  (void)state;
  uv_loop_t uv;
  assert_int_equal(uv_loop_init(&uv), 0);
  uv_timer_t timer;
  uv_timer_init(&uv, &timer);
  timer.data = NULL;
  uv_timer_start(&timer, wake, 2, 0);
  begin_real_world(&uv);
  xio_task task;
  xio_task_init(&task, &world.loop->queue, &external_task);
  xio_group_spawn(&world.loop->root, &task, (xio_spawn_opts){0});
  run_world(&world); /* no deadlock: a handle of the host is alive */
  xio_loop_close(world.loop);
  world.loop = NULL;
  assert_int_not_equal(world.memory.bytes, 0); /* until libuv has let go of its handle */
  assert_false(uv_is_closing((uv_handle_t *)&timer));
  uv_run(&uv, UV_RUN_NOWAIT);
  end_world(&world);
  uv_close((uv_handle_t *)&timer, count_closed);
  uv_run(&uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&uv), 0);
}

/* A timer of libuv that fires at the beginning of a blocking uv_run must not leave the
 * task that it woke waiting for the next event. */
static void callback_before_the_poll_does_not_block_it(void **state) {
  (void)state;
  begin_real_world(NULL);
  xio_task task;
  xio_task_init(&task, &world.loop->queue, &external_task);
  xio_group_spawn(&world.loop->root, &task, (xio_spawn_opts){0});
  ctask_spawn(&world, forever, 1);
  assert_true(step_world(&world));
  uv_async_t listening; /* keeps libuv waiting */
  assert_int_equal(uv_async_init(world.loop->uv, &listening, NULL), 0);
  uv_timer_t timer;
  uv_timer_init(world.loop->uv, &timer);
  listening.data = timer.data = world.loop;
  xio_loop_handle_opened(world.loop);
  xio_loop_handle_opened(world.loop);
  uv_timer_start(&timer, wake, 0, 0); /* due when uv_run begins */
  bool stalled = true;
  int64_t before = time_of(&world);
  assert_true(xio_loop_step(world.loop, 4000 * MS, &stalled));
  assert_true(time_of(&world) - before < 2000 * MS);
  assert_null(to_wake);
  assert_int_equal(task.state, XIO_TASK_ENDED);
  uv_close((uv_handle_t *)&timer, count_closed);
  uv_close((uv_handle_t *)&listening, count_closed);
  end_world(&world);
}

static void hosts_handles_are_left_alone(void **state) {
  (void)state;
  uv_loop_t uv;
  assert_int_equal(uv_loop_init(&uv), 0);
  uv_timer_t foreign;
  uv_timer_init(&uv, &foreign);
  foreign.data = NULL;
  uv_timer_start(&foreign, wake, UINT64_C(60000), 0);
  begin_real_world(&uv);
  ctask_spawn(&world, forever, 0);
  bool stalled = true;
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_false(stalled); /* the host may wake it */
  int64_t timeout = xio_loop_timeout(world.loop);
  assert_true(timeout > 0 && timeout <= 60000 * MS); /* when the host's own timer fires */
  xio_loop_close(world.loop);
  world.loop = NULL;
  uv_run(&uv, UV_RUN_NOWAIT);
  end_world(&world);
  assert_true(uv_is_active((uv_handle_t *)&foreign));
  closed = 0;
  uv_close((uv_handle_t *)&foreign, count_closed);
  uv_run(&uv, UV_RUN_DEFAULT);
  assert_int_equal(closed, 1);
  assert_int_equal(uv_loop_close(&uv), 0);
}

static void closing_handle_is_due_now(void **state) {
  (void)state;
  begin_real_world(NULL);
  xio_loop_poll(world.loop);
  ctask_spawn(&world, forever, 0);
  assert_true(step_world(&world));
  uint32_t handles = world.loop->handles;
  uv_idle_t handle;
  uv_idle_init(world.loop->uv, &handle);
  handle.data = world.loop;
  xio_loop_handle_opened(world.loop);
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  closed = 0;
  uv_async_t listening; /* alive, but only the system can tell when */
  assert_int_equal(uv_async_init(world.loop->uv, &listening, NULL), 0);
  listening.data = world.loop;
  xio_loop_handle_opened(world.loop);
  assert_true(step_world(&world));
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  uv_close((uv_handle_t *)&listening, count_closed);
  assert_int_equal(xio_loop_timeout(world.loop), 0);
  assert_true(step_world(&world));
  closed = 0;
  uv_close((uv_handle_t *)&handle, count_closed);
  assert_int_equal(xio_loop_timeout(world.loop), 0); /* its callback may wake somebody */
  bool stalled = true;
  assert_true(xio_loop_step(world.loop, 0, &stalled));
  assert_int_equal(closed, 1);
  assert_int_equal(world.loop->handles, handles);
  assert_int_equal(xio_loop_timeout(world.loop), XIO_NEVER);
  end_world(&world);
}

static bool work_done;

static void finish_work(uv_timer_t *timer) {
  xio_loop *loop = timer->data;
  loop->working--;
  work_done = true;
}

static void note_whether_done(ctask *self) {
  ctask_world *of = self->world;
  of->notes[of->note_count++] = work_done;
}

/* Time does not jump while another thread works, for its result may come first; but what
 * is due already does not wait for it. */
static void virtual_time_stands_while_other_threads_work(void **state) {
  (void)state;
  static const ctask_op program[] = {CTASK_SLEEP(0), CTASK_CALL(note_whether_done),
                                     CTASK_SLEEP(5), CTASK_CALL(note_whether_done),
                                     CTASK_END};
  begin_world(&world);
  uv_timer_t work; /* stands for a thread that is done after a while */
  uv_timer_init(world.loop->uv, &work);
  work.data = world.loop;
  xio_loop_handle_opened(world.loop);
  uv_timer_start(&work, finish_work, 20, 0);
  world.loop->working = 1;
  work_done = false;
  ctask_spawn(&world, program, 0);
  run_world(&world);
  ASSERT_NOTES(&world, false, true);
  uv_close((uv_handle_t *)&work, count_closed);
  end_world(&world);
}

static bool heard;

static void hear(uv_async_t *async) {
  (void)async;
  heard = true;
}

/* Pauses until the callback was heard, or for so long that it was starved. */
static void resume_busy(xio_task *task) {
  bool enough = heard || task->wait.queue->resumes > UINT64_C(20000000);
  if (enough) {
    xio_group_child_ended(task, XIO_OUTCOME_DONE);
  } else {
    xio_task_pause(task);
  }
}

/* What listens for signals and other threads is not referenced, lest it hide deadlocks;
 * it must be heard all the same, while tasks are busy, wait, or time is virtual. */
static void unreferenced_handle_is_heard(bool is_virtual, bool is_busy) {
  static const xio_task_ops busy = {.resume = resume_busy, .abandon = abandon_external};
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){.virtual_clock = is_virtual}),
                   XIO_OK);
  uv_async_t async;
  assert_int_equal(uv_async_init(world.loop->uv, &async, hear), 0);
  async.data = world.loop;
  xio_loop_handle_opened(world.loop);
  uv_unref((uv_handle_t *)&async);
  heard = false;
  uv_async_send(&async);
  xio_task task;
  xio_task_init(&task, &world.loop->queue, is_busy ? &busy : &external_task);
  xio_group_spawn(&world.loop->root, &task, (xio_spawn_opts){0});
  if (is_busy) {
    run_world(&world);
  } else {
    for (int i = 0; i < 3; i++) step_world(&world);
  }
  assert_true(heard);
  uv_close((uv_handle_t *)&async, count_closed);
  end_world(&world); /* waits for the handle */
}

static void busy_tasks_do_not_starve_libuv(void **state) {
  (void)state;
  unreferenced_handle_is_heard(false, true);
  unreferenced_handle_is_heard(true, true);
}

static void stalled_loop_still_hears_libuv(void **state) {
  (void)state;
  unreferenced_handle_is_heard(false, false);
  unreferenced_handle_is_heard(true, false);
}

/* Work of other threads is waited for, not asked after again and again. */
static void waiting_for_a_thread_blocks(void **state) {
  (void)state;
  begin_real_world(NULL);
  uv_timer_t work;
  uv_timer_init(world.loop->uv, &work);
  work.data = world.loop;
  xio_loop_handle_opened(world.loop);
  uv_timer_start(&work, finish_work, 20, 0);
  uv_unref((uv_handle_t *)&work);
  world.loop->working = 1;
  ctask_spawn(&world, forever, 0);
  int rounds = 0;
  bool stalled = false;
  for (; !stalled; rounds++) xio_loop_step(world.loop, XIO_NEVER, &stalled);
  assert_true(rounds < 10);
  uv_close((uv_handle_t *)&work, count_closed);
  end_world(&world);
}

static void turn(xio_attachment *attachment) {
  xio_loop_turn(attachment->loop);
}

/* libuv's own idea of the time is from before the turn. */
static void time_that_a_turn_took_is_not_waited_for_again(void **state) {
  (void)state;
  static const ctask_op sleeps[] = {CTASK_SLEEP(60 * MS), CTASK_END};
  uv_loop_t uv;
  xio_attachment *attachment = NULL;
  uv_loop_init(&uv);
  begin_real_world(&uv);
  assert_int_equal(xio_attach_open(&attachment, world.loop, turn, NULL), XIO_OK);
  ctask_spawn(&world, sleeps, 0);
  xio_attach_touch(attachment);
  for (int i = 0; i < 3; i++) uv_run(&uv, UV_RUN_NOWAIT);
  usleep(40 * 1000);
  xio_attach_touch(attachment);
  assert_in_range(uv_backend_timeout(&uv), 0, 25);
  xio_attach_close(attachment);
  xio_loop_close(world.loop);
  world.loop = NULL;
  uv_run(&uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&uv), 0);
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(callback_of_libuv_wakes_a_task),
      cmocka_unit_test(callback_before_the_poll_does_not_block_it),
      cmocka_unit_test(hosts_handles_are_left_alone),
      cmocka_unit_test(closing_handle_is_due_now),
      cmocka_unit_test(virtual_time_stands_while_other_threads_work),
      cmocka_unit_test(busy_tasks_do_not_starve_libuv),
      cmocka_unit_test(stalled_loop_still_hears_libuv),
      cmocka_unit_test(waiting_for_a_thread_blocks),
      cmocka_unit_test(time_that_a_turn_took_is_not_waited_for_again),
  };
  return cmocka_run_group_tests_name("loop_uv", tests, NULL, NULL);
}
