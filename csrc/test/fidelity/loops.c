/* loops: timers, prepare and idle handles, wake-ups, close callbacks, requests. */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "script.h"

static void on_close(uv_handle_t *handle) {
  say("closed", handle->type == UV_TIMER, 0);
}

static void on_timer(uv_timer_t *timer) {
  say("timer", (long)(intptr_t)timer->data, 0);
}

static void on_prepare(uv_prepare_t *prepare) {
  say("prepare", 0, 0);
  (void)prepare;
}

static void on_idle(uv_idle_t *idle) {
  say("idle", 0, 0);
  (void)idle;
}

static void stop_in_prepare(uv_prepare_t *prepare) {
  say("stops", 0, 0);
  uv_stop(prepare->loop);
}

static void empty_loop(uv_loop_t *loop) {
  say("alive", uv_loop_alive(loop), uv_run(loop, UV_RUN_DEFAULT));
  say("once", uv_run(loop, UV_RUN_ONCE), uv_run(loop, UV_RUN_NOWAIT));
  say("timeout", uv_backend_timeout(loop), 0);
}

static void timers_in_order(uv_loop_t *loop) {
  uv_timer_t timers[4];
  static const unsigned due[] = {3, 1, 3, 1};
  for (int i = 0; i < 4; i++) {
    uv_timer_init(loop, &timers[i]);
    timers[i].data = (void *)(intptr_t)i;
  }
  uv_update_time(loop);
  for (int i = 0; i < 4; i++) uv_timer_start(&timers[i], on_timer, due[i], 0);
  uv_timer_stop(&timers[3]);
  say("active", uv_is_active((uv_handle_t *)&timers[0]),
      uv_is_active((uv_handle_t *)&timers[3]));
  say("alive", uv_run(loop, UV_RUN_DEFAULT), 0);
  for (int i = 0; i < 4; i++) uv_close((uv_handle_t *)&timers[i], on_close);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void closed_timer_is_silent(uv_loop_t *loop) {
  uv_timer_t timer;
  uv_timer_init(loop, &timer);
  uv_timer_start(&timer, on_timer, 0, 0);
  uv_close((uv_handle_t *)&timer, on_close);
  say("active", uv_is_active((uv_handle_t *)&timer), uv_loop_alive(loop));
  say("timeout", uv_backend_timeout(loop), 0);
  say("run", uv_run(loop, UV_RUN_NOWAIT), uv_loop_alive(loop));
}

static void references(uv_loop_t *loop) {
  uv_prepare_t prepare;
  uv_prepare_init(loop, &prepare);
  uv_prepare_start(&prepare, on_prepare);
  say("referenced", uv_has_ref((uv_handle_t *)&prepare), uv_loop_alive(loop));
  uv_unref((uv_handle_t *)&prepare);
  say("unreferenced", uv_has_ref((uv_handle_t *)&prepare), uv_loop_alive(loop));
  say("run", uv_run(loop, UV_RUN_NOWAIT), uv_run(loop, UV_RUN_DEFAULT));
  uv_prepare_stop(&prepare);
  say("stopped", uv_is_active((uv_handle_t *)&prepare), 0);
  uv_close((uv_handle_t *)&prepare, on_close);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void one_iteration(uv_loop_t *loop) {
  uv_prepare_t prepare;
  uv_idle_t idle;
  uv_prepare_init(loop, &prepare);
  uv_idle_init(loop, &idle);
  uv_prepare_start(&prepare, on_prepare);
  uv_idle_start(&idle, on_idle);
  say("timeout", uv_backend_timeout(loop), 0);
  say("once", uv_run(loop, UV_RUN_ONCE), 0);
  uv_idle_stop(&idle);
  say("timeout", uv_backend_timeout(loop), 0);
  uv_prepare_stop(&prepare);
  uv_prepare_start(&prepare, stop_in_prepare); /* so that it does not block */
  say("stopped", uv_run(loop, UV_RUN_DEFAULT), 0);
  uv_close((uv_handle_t *)&prepare, on_close);
  uv_close((uv_handle_t *)&idle, on_close);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void on_async(uv_async_t *async) {
  say("woken", 0, 0);
  uv_close((uv_handle_t *)async, on_close);
}

static void wake_ups_are_one(uv_loop_t *loop) {
  uv_async_t async;
  say("init", uv_async_init(loop, &async, on_async), 0);
  for (int i = 0; i < 3; i++) uv_async_send(&async);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  say("told", status, events);
  (void)poll;
}

static void polls_tell_the_state(uv_loop_t *loop) {
  uv_poll_t poll;
  eventfd_t value = 0;
  int number = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  say("init", uv_poll_init(loop, &poll, number), 0);
  uv_poll_start(&poll, UV_READABLE, on_poll);
  uv_run(loop, UV_RUN_NOWAIT);
  eventfd_write(number, 2);
  eventfd_write(number, 3);
  uv_run(loop, UV_RUN_NOWAIT);
  uv_run(loop, UV_RUN_NOWAIT);
  say_result("read", eventfd_read(number, &value));
  say("value", (long)value, 0);
  say_result("empty", eventfd_read(number, &value));
  uv_run(loop, UV_RUN_NOWAIT);
  eventfd_write(number, 1);
  uv_close((uv_handle_t *)&poll, on_close);
  close(number);
  uv_run(loop, UV_RUN_DEFAULT);
}

static void run_work(uv_work_t *work) {
  *(int *)work->data += 1;
}

static void after_work(uv_work_t *work, int status) {
  say("work", *(int *)work->data, status);
}

static void work_calls_back(uv_loop_t *loop) {
  uv_work_t work;
  int count = 0;
  work.data = &count;
  say("begun", uv_queue_work(loop, &work, run_work, after_work), 0);
  say("alive", uv_loop_alive(loop), uv_backend_timeout(loop));
  uv_run(loop, UV_RUN_DEFAULT);
  say("alive", uv_loop_alive(loop), count);
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
  (void)request;
  say("found", status, found != NULL);
  uv_freeaddrinfo(found);
}

static void lookups_call_back(uv_loop_t *loop) {
  uv_getaddrinfo_t request;
  say("begun", uv_getaddrinfo(loop, &request, on_found, "localhost", NULL, NULL), 0);
  say("neither", uv_getaddrinfo(loop, &request, on_found, NULL, NULL, NULL), 0);
  uv_run(loop, UV_RUN_DEFAULT);
}

const script loop_scripts[] = {{"empty loop", empty_loop},
                               {"timers in order", timers_in_order},
                               {"closed timer is silent", closed_timer_is_silent},
                               {"references", references},
                               {"one iteration", one_iteration},
                               {"wake-ups are one", wake_ups_are_one},
                               {"polls tell the state", polls_tell_the_state},
                               {"work calls back", work_calls_back},
                               {"lookups call back", lookups_call_back},
                               {NULL, NULL}};
