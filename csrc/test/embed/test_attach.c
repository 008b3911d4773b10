/* Runtimes on a host's uv loop: driven by xio, and attached to who runs that. */
#include "embed.h"

typedef struct attached {
  embed_world world;
  uv_loop_t uv;
  uv_timer_t timer; /* of the host, with the host's data */
  int fired, ended, result;
  char message[200];
} attached;

static void on_timer(uv_timer_t *timer) {
  attached *own = timer->data;
  own->fired++;
}

static void on_ended(xio_runtime *runtime, lua_State *L, int result, void *data) {
  attached *own = data;
  assert_ptr_equal(runtime, own->world.runtime);
  own->ended++;
  own->result = result;
  if (result == 0) return;
  (void)strncpy(own->message, luaL_tolstring(L, -1, NULL), sizeof own->message - 1);
}

static void begin_attached(attached *own) {
  memset(own, 0, sizeof *own);
  assert_int_equal(uv_loop_init(&own->uv), 0);
  uv_timer_init(&own->uv, &own->timer);
  own->timer.data = own;
  xio_open_options options = XIO_INIT(xio_open_options);
  options.uv = &own->uv;
  embed_begin(&own->world, &options);
}

static void end_attached(attached *own) {
  embed_end(&own->world);
  uv_close((uv_handle_t *)&own->timer, NULL);
  uv_run(&own->uv, UV_RUN_DEFAULT);
  assert_int_equal(uv_loop_close(&own->uv), 0); /* only the host's handle was left */
}

static void attach(attached *own) {
  assert_int_equal(xio_attach(own->world.runtime, own->world.L, on_ended, own), 0);
}

static void spawn(attached *own, const char *text) {
  embed_load(&own->world, text);
  assert_int_equal(xio_spawn(own->world.runtime, own->world.L, 0, NULL), 0);
  lua_settop(own->world.L, 0);
}

static void xio_drives_the_hosts_loop(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  uv_timer_start(&own.timer, on_timer, 1, 1);
  while (own.fired <= 2) embed_run(&own.world, "xio.sleep(0.002); return true");
  assert_true(uv_is_active((uv_handle_t *)&own.timer));
  uv_timer_stop(&own.timer);
  end_attached(&own);
}

static void uv_run_runs_the_tasks(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  assert_int_equal(uv_run(&own.uv, UV_RUN_NOWAIT), 0); /* no task keeps it going */
  uv_timer_start(&own.timer, on_timer, 1, 1);
  uv_unref((uv_handle_t *)&own.timer);
  spawn(&own,
        "for _ = 1, 300 do xio.checkpoint() end;"
        "for _ = 1, 10 do xio.sleep(0.002) end;" /* each as long as the timer's two */
        "local task = xio.spawn(function() xio.sleep(0.005) end); task:await()");
  assert_int_equal(uv_run(&own.uv, UV_RUN_DEFAULT), 0);
  assert_int_equal(own.ended, 1);
  assert_int_equal(own.result, 0);
  assert_true(own.fired > 2);
  assert_int_equal(lua_gettop(own.world.L), 0);
  spawn(&own, "xio.sleep(0)"); /* again, without anything else alive */
  uv_run(&own.uv, UV_RUN_DEFAULT);
  assert_int_equal(own.ended, 2);
  end_attached(&own);
}

static void errors_go_to_the_host(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  spawn(&own, "xio.sleep(0); error('lost', 0)");
  uv_run(&own.uv, UV_RUN_DEFAULT);
  assert_int_equal(own.result, XIO_ERR_LUA);
  assert_string_equal(own.message, "lost");
  end_attached(&own);
}

static void warned(void *data, const char *message, int more) {
  (void)more;
  (void)strncat(data, message, 100);
}

static void errors_without_a_callback_are_warnings(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  assert_int_equal(xio_attach(own.world.runtime, own.world.L, NULL, NULL), 0);
  lua_setwarnf(own.world.L, warned, own.message);
  spawn(&own, "error('lost', 0)");
  uv_run(&own.uv, UV_RUN_DEFAULT);
  assert_non_null(strstr(own.message, "lost"));
  lua_setwarnf(own.world.L, NULL, NULL);
  end_attached(&own);
}

static void standstill_ends_uv_run(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  spawn(&own, "gate = xio.event(); gate:wait()");
  assert_int_equal(uv_run(&own.uv, UV_RUN_DEFAULT), 0);
  assert_int_equal(own.ended, 0);
  assert_int_equal(xio_task_count(own.world.runtime), 1);
  assert_int_equal(xio_cancel(own.world.runtime), 1);
  uv_run(&own.uv, UV_RUN_DEFAULT);
  assert_int_equal(own.ended, 1);
  end_attached(&own);
}

static void post_gate(void *argument) {
  xio_remote *remote = argument;
  uv_sleep(5);
  assert_int_equal(xio_remote_cancel(remote), 0);
  xio_remote_release(remote);
}

static void remotes_wake_uv_run(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  spawn(&own, "xio.sleep_forever()");
  xio_remote *remote = NULL;
  assert_int_equal(xio_remote_open(own.world.runtime, &remote), 0);
  uv_thread_t thread;
  assert_int_equal(uv_thread_create(&thread, post_gate, remote), 0);
  uv_run(&own.uv, UV_RUN_DEFAULT); /* goes on because the remote is open */
  uv_thread_join(&thread);
  assert_int_equal(own.ended, 1);
  end_attached(&own);
}

static void tasks_keep_it_when_others_end(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  uv_timer_start(&own.timer, on_timer, 2, 0); /* ends while the task still waits */
  spawn(&own,
        "local a, b = assert(xio.net.pair());"
        "xio.spawn(function() xio.sleep(0.01); b:write 'x'; b:close() end);"
        "got = a:read('a'); a:close()");
  uv_run(&own.uv, UV_RUN_DEFAULT);
  assert_int_equal(own.ended, 1);
  lua_getglobal(own.world.L, "got");
  assert_string_equal(lua_tostring(own.world.L, -1), "x");
  lua_settop(own.world.L, 0);
  end_attached(&own);
}

static void refuses_what_cannot_be(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  lua_State *L = own.world.L;
  attach(&own);
  assert_int_equal(xio_attach(own.world.runtime, L, NULL, NULL), XIO_ERR_BUSY);
  lua_settop(L, 0);
  lua_getglobal(L, "print");
  assert_int_equal(xio_run(own.world.runtime, L, 0, 0), XIO_ERR_BUSY);
  assert_int_equal(xio_step(own.world.runtime, L, 0), XIO_ERR_BUSY);
  lua_settop(L, 0);
  xio_push_runtime(own.world.runtime, L);
  lua_setglobal(L, "rt");
  assert_int_not_equal(luaL_dostring(L, "rt:step()"), LUA_OK);
  embed_expect_error(&own.world, "attached");
  xio_detach(own.world.runtime);
  xio_detach(own.world.runtime); /* harmless */
  embed_run(&own.world, "xio.sleep(0); return true");
  xio_runtime *other = NULL;
  for (int i = 0; i < 3; i++) {
    xio_open_options options = XIO_INIT(xio_open_options);
    options.uv = i == 0 ? NULL : &own.uv;
    options.virtual_clock = i == 1;
    options.signals = i == 2;
    assert_int_equal(xio_open(L, &options, &other), 0);
    assert_int_equal(xio_attach(other, L, NULL, NULL), XIO_ERR_ARGUMENT);
    lua_settop(L, 0);
    assert_int_equal(xio_close(other, L), 0);
  }
  end_attached(&own);
}

static void close_while_attached(void **state) {
  (void)state;
  attached own;
  begin_attached(&own);
  attach(&own);
  spawn(&own, "local _g <close> = xio.defer(xio.sleep, 0.001); xio.sleep_forever()");
  uv_run(&own.uv, UV_RUN_NOWAIT);
  end_attached(&own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(xio_drives_the_hosts_loop),
      cmocka_unit_test(uv_run_runs_the_tasks),
      cmocka_unit_test(errors_go_to_the_host),
      cmocka_unit_test(errors_without_a_callback_are_warnings),
      cmocka_unit_test(standstill_ends_uv_run),
      cmocka_unit_test(remotes_wake_uv_run),
      cmocka_unit_test(tasks_keep_it_when_others_end),
      cmocka_unit_test(refuses_what_cannot_be),
      cmocka_unit_test(close_while_attached),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
