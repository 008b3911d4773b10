/* Remotes of xio.h: posts from other threads, their errors, and the end of the
 * runtime. */
#include "embed.h"

enum { POSTS = 200 };

static struct {
  xio_remote *remote;
  int called, dropped, order, results[2];
} shared;

static void begin_remote(embed_world *world) {
  memset(&shared, 0, sizeof shared);
  embed_begin(world, NULL);
  assert_int_equal(xio_remote_open(world->runtime, &shared.remote), 0);
}

static void count(xio_runtime *runtime, lua_State *L, void *data) {
  assert_non_null(runtime);
  assert_int_equal(lua_gettop(L), 0);
  int number = (int)(intptr_t)data;
  if (number == shared.order) shared.order++;
  shared.called++;
  lua_pushliteral(L, "goes");
}

static void drop(void *data) {
  (void)data;
  shared.dropped++;
}

static void set_gate(xio_runtime *runtime, lua_State *L, void *data) {
  (void)runtime;
  (void)data;
  lua_getglobal(L, "gate");
  lua_getfield(L, -1, "set");
  lua_insert(L, -2);
  lua_call(L, 1, 0);
}

static void post_many(void *argument) {
  xio_remote *remote = argument;
  for (int i = 0; i < POSTS; i++) {
    assert_int_equal(xio_remote_post(remote, count, drop, (void *)(intptr_t)i), 0);
  }
  assert_int_equal(xio_remote_post(remote, set_gate, NULL, NULL), 0);
  xio_remote_release(remote);
}

static void posts_from_threads(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  uv_thread_t thread;
  assert_int_equal(uv_thread_create(&thread, post_many, xio_remote_retain(shared.remote)),
                   0);
  embed_run(&world, "gate = xio.event(); gate:wait(); return true");
  uv_thread_join(&thread);
  assert_int_equal(shared.called, POSTS);
  assert_int_equal(shared.order, POSTS);
  assert_int_equal(shared.dropped, 0);
  xio_remote_release(shared.remote);
  embed_end(&world);
}

static void spawn_from_post(xio_runtime *runtime, lua_State *L, void *data) {
  (void)data;
  lua_getglobal(L, "job");
  assert_int_equal(xio_spawn(runtime, L, 0, NULL), 0);
  assert_int_equal(xio_step(runtime, L, 0), XIO_ERR_BUSY);
  assert_int_equal(xio_close(runtime, L), XIO_ERR_BUSY);
}

static void posts_may_spawn_and_not_drive(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  assert_int_equal(xio_remote_post(shared.remote, spawn_from_post, NULL, NULL), 0);
  embed_run(&world,
            "job = function() done = xio.current() ~= nil end;"
            "while not done do xio.sleep(0.001) end; return true");
  xio_remote_release(shared.remote);
  embed_end(&world);
}

static void raise_text(xio_runtime *runtime, lua_State *L, void *data) {
  (void)runtime;
  luaL_error(L, "%s", (const char *)data);
}

static void errors_end_the_run(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  lua_State *L = world.L;
  assert_int_equal(xio_remote_post(shared.remote, raise_text, NULL, "first"), 0);
  assert_int_equal(xio_remote_post(shared.remote, raise_text, NULL, "second"), 0);
  embed_load(&world, "xio.sleep(60)");
  assert_int_equal(xio_run(world.runtime, L, 0, 0), XIO_ERR_LUA);
  const char *report = xio_traceback(L, -1);
  assert_non_null(strstr(report, "first"));
  assert_non_null(strstr(report, "second"));
  lua_settop(L, 0);
  assert_int_equal(xio_remote_post(shared.remote, raise_text, NULL, "alone"), 0);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ERR_LUA); /* without any task */
  embed_expect_error(&world, "alone");
  embed_run(&world, "xio.sleep(0); return true");
  xio_remote_release(shared.remote);
  embed_end(&world);
}

static void cancels_from_afar(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  assert_int_equal(xio_remote_cancel(shared.remote), 0);
  embed_load(&world, "xio.sleep(60)");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 0), XIO_ERR_CANCELLED);
  lua_settop(world.L, 0);
  xio_remote_release(shared.remote);
  embed_end(&world);
}

static void no_deadlock_while_one_is_open(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  lua_State *L = world.L;
  embed_load(&world, "xio.sleep_forever()");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  for (int i = 0; i < 5; i++) assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  xio_remote_release(shared.remote);
  assert_int_equal(embed_drain(&world), XIO_STALLED);
  lua_settop(L, 0);
  embed_end(&world);
}

static void wakes_a_poll_descriptor(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  uv_os_fd_t fd = xio_poll_fd(world.runtime);
  fd_set set;
  struct timeval none = {0};
  FD_ZERO(&set);
  FD_SET(fd, &set);
  assert_int_equal(select(fd + 1, &set, NULL, NULL, &none), 0);
  while (xio_poll_timeout(world.runtime) == 0) {
    assert_int_equal(xio_step(world.runtime, world.L, 0), XIO_ENDED);
  }
  assert_int_equal(xio_remote_post(shared.remote, count, NULL, NULL), 0);
  FD_SET(fd, &set);
  assert_int_equal(select(fd + 1, &set, NULL, NULL, &none), 1);
  assert_int_equal(xio_step(world.runtime, world.L, 0), XIO_ENDED);
  assert_int_equal(shared.called, 1);
  xio_remote_release(shared.remote);
  embed_end(&world);
}

static void outlives_the_runtime(void **state) {
  (void)state;
  embed_world world;
  begin_remote(&world);
  assert_int_equal(xio_remote_post(shared.remote, count, drop, NULL), 0);
  lua_close(world.L);
  assert_int_equal(shared.called, 0);
  assert_int_equal(shared.dropped, 1);
  assert_int_equal(xio_remote_post(shared.remote, count, drop, NULL), XIO_ERR_CLOSED);
  assert_int_equal(xio_remote_cancel(shared.remote), XIO_ERR_CLOSED);
  assert_int_equal(shared.dropped, 1);
  xio_remote_release(xio_remote_retain(shared.remote));
  xio_remote_release(shared.remote);
  xio_remote_release(NULL);
  assert_true(counting_clean(&world.memory));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(posts_from_threads),
      cmocka_unit_test(posts_may_spawn_and_not_drive),
      cmocka_unit_test(errors_end_the_run),
      cmocka_unit_test(cancels_from_afar),
      cmocka_unit_test(no_deadlock_while_one_is_open),
      cmocka_unit_test(wakes_a_poll_descriptor),
      cmocka_unit_test(outlives_the_runtime),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
