/* Runtimes of xio.h: opening, the ways of driving, spawning, cancelling, closing. */
#include <signal.h>
#include <unistd.h>

#include "embed.h"

/* -- opening ------------------------------------------------------------------------- */

static void opens_without_any_path(void **state) {
  (void)state;
  embed_world world;
  embed_begin_bare(&world);
  luaL_dostring(world.L, "package.path, package.cpath = '', ''");
  assert_int_equal(xio_open(world.L, NULL, &world.runtime), 0);
  embed_run(&world, "xio.sleep(0); return xio.net and xio.fs and xio.testing");
  assert_string_equal(xio_version(), XIO_VERSION);
  embed_end(&world);
}

static void leaves_globals_alone(void **state) {
  (void)state;
  embed_world world;
  embed_begin_bare(&world);
  luaL_dostring(world.L,
                "names = {}; for k, v in pairs(_G) do names[k] = v end;"
                "for k, v in pairs(coroutine) do names['c_' .. k] = v end");
  assert_int_equal(xio_open(world.L, NULL, &world.runtime), 0);
  embed_run(&world,
            "for k, v in pairs(_G) do"
            "  if k ~= 'names' then assert(names[k] == v, k) end end;"
            "for k, v in pairs(coroutine) do assert(names['c_' .. k] == v, k) end;"
            "assert(xio.coroutine.wrap ~= coroutine.wrap);"
            "local f = xio.coroutine.wrap(function() xio.sleep(0); return 1 end);"
            "local g = coroutine.wrap(function() xio.sleep(0) end);"
            "return f() == 1 and not pcall(g)");
  embed_end(&world);
}

static void replaces_globals_if_asked(void **state) {
  (void)state;
  embed_world world;
  xio_open_options options = XIO_INIT(xio_open_options);
  options.globals = 1;
  embed_begin(&world, &options);
  embed_run(&world,
            "local f = coroutine.wrap(function() xio.sleep(0); return 1 end);"
            "return f() == 1 and coroutine.wrap == xio.coroutine.wrap");
  embed_end(&world);
}

static void refuses_wrong_options(void **state) {
  (void)state;
  embed_world world;
  embed_begin_bare(&world);
  xio_runtime *runtime = (void *)&world;
  xio_open_options options = {0};
  assert_int_equal(xio_open(world.L, &options, &runtime), XIO_ERR_ARGUMENT);
  assert_null(runtime);
  embed_expect_error(&world, "size");
  options = XIO_INIT(xio_open_options);
  options.grace = NAN;
  assert_int_equal(xio_open(world.L, &options, &runtime), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "grace");
  options = XIO_INIT(xio_open_options);
  options.errors = (xio_errors)7;
  assert_int_equal(xio_open(world.L, &options, &runtime), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "errors");
  assert_int_equal(lua_gettop(world.L), 0);
  embed_end(&world);
}

static void takes_options_of_other_versions(void **state) {
  (void)state;
  embed_world world;
  struct {
    xio_open_options known;
    long later;
  } longer = {.known = {.size = sizeof longer}};
  embed_begin(&world, &longer.known); /* what we do not know is 0 */
  longer.later = 1;
  xio_runtime *other = NULL;
  assert_int_equal(xio_open(world.L, &longer.known, &other), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "later version");
  xio_open_options shorter = {.size = offsetof(xio_open_options, grace), .grace = NAN};
  assert_int_equal(xio_open(world.L, &shorter, &other), 0);
  assert_int_equal(xio_close(other, world.L), 0);
  embed_end(&world);
}

static void needs_the_standard_libraries(void **state) {
  (void)state;
  embed_world world = {0};
  xio_allocator alloc = counting_allocator(&world.memory);
  world.L = lua_newstate(alloc.resize, alloc.context);
  assert_int_equal(xio_open(world.L, NULL, &world.runtime), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "luaL_openlibs");
  assert_null(world.runtime);
  embed_end(&world);
}

static void takes_every_option(void **state) {
  (void)state;
  embed_world world;
  xio_open_options options = XIO_INIT(xio_open_options);
  options.name = "worker";
  options.virtual_clock = 1;
  options.seeded = 1;
  options.seed = 42;
  options.grace = -1;
  options.errors = XIO_ERRORS_GROUP;
  embed_begin(&world, &options);
  double before = xio_time(world.runtime);
  embed_load(&world,
             "xio.sleep(3600); assert(tostring(xio.tree()):find '^worker');"
             "error 'alone'");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 0), XIO_ERR_LUA);
  lua_getglobal(world.L, "require");
  lua_getfield(world.L, -2, "errors");
  assert_true(lua_istable(world.L, -1)); /* a group even of one */
  lua_settop(world.L, 0);
  assert_true(xio_time(world.runtime) - before >= 3600);
  embed_end(&world);
}

static void leaves_signals_alone(void **state) {
  (void)state;
  embed_world world;
  struct sigaction before, after;
  sigaction(SIGINT, NULL, &before);
  embed_begin(&world, NULL);
  embed_run(&world, "xio.sleep(0.001); return true");
  sigaction(SIGINT, NULL, &after);
  assert_true(before.sa_handler == after.sa_handler);
  embed_end(&world);
}

static int l_interrupt(lua_State *L) {
  (void)L;
  raise(SIGINT);
  return 0;
}

static void takes_signals_if_asked(void **state) {
  (void)state;
  embed_world world;
  struct sigaction before, after;
  sigaction(SIGINT, NULL, &before);
  xio_open_options options = XIO_INIT(xio_open_options);
  options.signals = 1;
  embed_begin(&world, &options);
  embed_set_function(&world, "interrupt", l_interrupt);
  embed_load(&world, "interrupt(); xio.sleep(60)");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 0), XIO_ERR_CANCELLED);
  embed_expect_error(&world, "cancelled");
  sigaction(SIGINT, NULL, &after);
  assert_true(before.sa_handler == after.sa_handler);
  embed_end(&world);
}

/* -- running ------------------------------------------------------------------------- */

static void runs_like_pcall(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  lua_pushliteral(L, "below");
  embed_load(&world, "local a, b = ...; xio.sleep(0); return b, a, nil");
  lua_pushinteger(L, 1);
  lua_pushinteger(L, 2);
  assert_int_equal(xio_run(world.runtime, L, 2, LUA_MULTRET), 0);
  assert_int_equal(lua_gettop(L), 4);
  assert_int_equal(lua_tointeger(L, 2), 2);
  assert_int_equal(lua_tointeger(L, 3), 1);
  lua_settop(L, 1);
  embed_load(&world, "error({ code = 7 })");
  assert_int_equal(xio_run(world.runtime, L, 0, 5), XIO_ERR_LUA);
  assert_int_equal(lua_gettop(L), 2);
  lua_getfield(L, 2, "code");
  assert_int_equal(lua_tointeger(L, -1), 7);
  lua_settop(L, 1);
  lua_pushinteger(L, 5); /* no function */
  assert_int_equal(xio_run(world.runtime, L, 0, 0), XIO_ERR_LUA);
  embed_expect_error(&world, "function expected");
  assert_string_equal(lua_tostring(L, 1), "below");
  lua_settop(L, 0);
  embed_end(&world);
}

static void tells_of_deadlock_and_goes_on(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  embed_load(&world, "xio.sleep_forever()");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 0), XIO_ERR_LUA);
  lua_getfield(world.L, -1, "code");
  assert_string_equal(lua_tostring(world.L, -1), "EDEADLK");
  lua_settop(world.L, 0);
  embed_run(&world, "xio.sleep(0); return true");
  embed_end(&world);
}

static int l_cancel(lua_State *L) {
  lua_pushinteger(L, xio_cancel(embed_world_of(L)->runtime));
  return 1;
}

static void cancels_everything(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  embed_set_function(&world, "cancel", l_cancel);
  embed_load(&world,
             "xio.spawn(function() xio.sleep_forever() end);"
             "assert(cancel() == 1 and cancel() == 0); xio.sleep(1)");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 3), XIO_ERR_CANCELLED);
  assert_int_equal(lua_gettop(world.L), 1);
  embed_expect_error(&world, "cancelled");
  assert_int_equal(xio_task_count(world.runtime), 0);
  embed_run(&world, "xio.sleep(0); return true"); /* not born cancelled */
  embed_end(&world);
}

/* Every function that drives says so when it is called by a task of the same runtime. */
static int l_nest(lua_State *L) {
  xio_runtime *runtime = embed_world_of(L)->runtime;
  lua_settop(L, 0);
  lua_pushnil(L);
  assert_int_equal(xio_run(runtime, L, 0, 0), XIO_ERR_BUSY);
  assert_int_equal(xio_step(runtime, L, 0), XIO_ERR_BUSY);
  assert_int_equal(xio_attach(runtime, L, NULL, NULL), XIO_ERR_BUSY);
  assert_int_equal(xio_close(runtime, L), XIO_ERR_BUSY);
  assert_int_equal(lua_gettop(L), 4);
  for (int i = 1; i <= 4; i++) assert_true(lua_isstring(L, i));
  lua_pushboolean(L, 1);
  return 1;
}

static void refuses_to_be_driven_twice(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  embed_set_function(&world, "nest", l_nest);
  embed_run(&world, "return nest()");
  embed_end(&world);
}

/* -- steps and tasks ----------------------------------------------------------------- */

static void steps_turn_by_turn(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ENDED);
  assert_int_equal(xio_poll_timeout(world.runtime), -1);
  embed_load(&world, "local n = ...; xio.sleep(0.01); seen = n; return n, 'two'");
  lua_pushinteger(L, 9);
  assert_int_equal(xio_spawn(world.runtime, L, 1, NULL), 0);
  assert_int_equal(lua_gettop(L), 1);
  assert_int_equal(xio_task_count(world.runtime), 1);
  assert_int_equal(xio_poll_timeout(world.runtime), 0);
  assert_int_equal(xio_push_results(L, 1), XIO_ERR_BUSY);
  embed_expect_error(&world, "not ended");
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  int timeout = xio_poll_timeout(world.runtime);
  assert_true(timeout > 0 && timeout <= 10);
  assert_int_equal(xio_step(world.runtime, L, NAN), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "not a number");
  assert_int_equal(embed_drain(&world), XIO_ENDED);
  lua_pushinteger(L, 0); /* the index is relative to the top too */
  assert_int_equal(xio_push_results(L, -2), 2);
  assert_int_equal(lua_tointeger(L, -2), 9);
  assert_string_equal(lua_tostring(L, -1), "two");
  lua_settop(L, 0);
  embed_end(&world);
}

static void step_raises_and_goes_on(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  embed_load(&world, "xio.sleep(0); error 'lost'");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  assert_int_equal(embed_drain(&world), XIO_ERR_LUA);
  embed_expect_error(&world, "lost");
  assert_int_equal(xio_push_results(L, 1), XIO_ERR_LUA);
  embed_expect_error(&world, "lost");
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ENDED);
  lua_settop(L, 0);
  embed_end(&world);
}

static void step_tells_of_standstill(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  embed_load(&world, "gate = xio.event(); gate:wait(); return 1");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  assert_int_equal(xio_step(world.runtime, L, HUGE_VAL), XIO_STALLED);
  luaL_dostring(L, "gate:set()");
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ENDED);
  lua_settop(L, 0);
  embed_end(&world);
}

static void spawn_refuses_what_is_wrong(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  lua_pushinteger(L, 1);
  lua_pushinteger(L, 2);
  assert_int_equal(xio_spawn(world.runtime, L, 1, NULL), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "function expected");
  xio_spawn_options options = {0};
  lua_getglobal(L, "print");
  assert_int_equal(xio_spawn(world.runtime, L, 0, &options), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "size");
  options = XIO_INIT(xio_spawn_options);
  options.group = 1;
  lua_pushliteral(L, "no group");
  lua_getglobal(L, "print");
  assert_int_equal(xio_spawn(world.runtime, L, 0, &options), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "xio.Group");
  assert_int_equal(lua_gettop(L), 1);
  assert_int_equal(xio_cancel_task(L, 1), XIO_ERR_ARGUMENT);
  assert_int_equal(xio_push_results(L, 1), XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "no task");
  assert_int_equal(lua_gettop(L), 1);
  lua_settop(L, 0);
  assert_int_equal(xio_task_count(world.runtime), 0);
  embed_end(&world);
}

static int l_spawn_into(lua_State *L) {
  xio_spawn_options options = XIO_INIT(xio_spawn_options);
  options.group = 1;
  options.name = "child";
  options.daemon = lua_toboolean(L, 3);
  lua_settop(L, 2);
  int result = xio_spawn(embed_world_of(L)->runtime, L, 0, &options);
  if (result != 0) return lua_error(L);
  return 1;
}

static void spawns_into_groups(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  embed_set_function(&world, "spawn_into", l_spawn_into);
  embed_run(&world,
            "local group;"
            "local a, name = xio.group(function(g)"
            "  group = g;"
            "  local task = spawn_into(g, function() xio.sleep(0); return 5 end);"
            "  spawn_into(g, xio.sleep_forever, true);"
            "  return task:await(), task.name end);"
            "local ok, err = pcall(spawn_into, group, print);"
            "assert(not ok and err:find 'has ended', err);"
            "return a == 5 and name == 'child'");
  embed_end(&world);
}

static void cancels_one_task(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  embed_load(&world, "xio.sleep_forever()");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  assert_int_equal(xio_cancel_task(L, -1), 1);
  assert_int_equal(xio_cancel_task(L, -1), 0);
  assert_int_equal(lua_gettop(L), 1);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ENDED);
  assert_int_equal(xio_cancel_task(L, -1), 0);
  assert_int_equal(xio_push_results(L, 1), XIO_ERR_CANCELLED);
  embed_expect_error(&world, "cancelled");
  lua_settop(L, 0);
  embed_end(&world);
}

/* -- a foreign loop ------------------------------------------------------------------ */

static bool is_readable(int fd) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  struct timeval none = {0};
  return select(fd + 1, &set, NULL, NULL, &none) == 1;
}

static void tells_by_its_descriptor(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  embed_load(&world, "local fd = ...; assert(xio.fd(fd)):readable(); return 1");
  lua_pushinteger(L, ends[0]);
  assert_int_equal(xio_spawn(world.runtime, L, 1, NULL), 0);
  int fd = xio_poll_fd(world.runtime);
  while (xio_poll_timeout(world.runtime) == 0) {
    assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  }
  assert_false(is_readable(fd));
  assert_int_equal(write(ends[1], "x", 1), 1);
  assert_true(is_readable(fd));
  int result = XIO_MORE;
  for (int i = 0; i < 10 && result == XIO_MORE; i++) {
    result = xio_step(world.runtime, L, 0);
  }
  assert_int_equal(result, XIO_ENDED);
  close(ends[0]);
  close(ends[1]);
  lua_settop(L, 0);
  embed_end(&world);
}

/* -- closing ------------------------------------------------------------------------- */

static void close_runs_cleanup(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  embed_load(&world,
             "local _guard <close> = xio.defer(function()"
             "  xio.sleep(0.001); cleaned = true end); xio.sleep_forever()");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  lua_settop(L, 0);
  assert_int_equal(xio_close(world.runtime, L), 0);
  world.runtime = NULL;
  lua_getglobal(L, "cleaned");
  assert_true(lua_toboolean(L, -1));
  lua_settop(L, 0);
  embed_end(&world);
}

static void close_tells_of_errors(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  embed_load(&world, "pcall(xio.sleep_forever); error 'in cleanup'");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), 0);
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_MORE);
  lua_settop(L, 0);
  assert_int_equal(xio_close(world.runtime, L), XIO_ERR_LUA);
  embed_expect_error(&world, "in cleanup");
  world.runtime = NULL;
  embed_end(&world);
}

static void lua_close_closes_too(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  embed_load(&world, "xio.spawn(xio.sleep_forever); xio.sleep_forever()");
  assert_int_equal(xio_spawn(world.runtime, world.L, 0, NULL), 0);
  assert_int_equal(xio_step(world.runtime, world.L, 0), XIO_MORE);
  lua_close(world.L);
  assert_true(counting_clean(&world.memory));
}

static void lua_sees_the_runtime(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  xio_push_runtime(world.runtime, L);
  lua_setglobal(L, "rt");
  assert_int_equal(
      luaL_dostring(L,
                    "local xio = require 'xio';"
                    "assert(rt:run(function() return 4 end) == 4);"
                    "rt:step(); assert(rt:timeout() == math.huge); rt:close()"),
      LUA_OK);
  assert_int_equal(xio_poll_fd(world.runtime), -1); /* it is closed */
  assert_int_equal(xio_poll_timeout(world.runtime), -1);
  assert_int_equal(xio_cancel(world.runtime), 0);
  assert_int_equal(xio_task_count(world.runtime), 0);
  assert_true(xio_time(world.runtime) == 0);
  lua_getglobal(L, "print");
  assert_int_equal(xio_spawn(world.runtime, L, 0, NULL), XIO_ERR_CLOSED);
  embed_expect_error(&world, "closed");
  assert_int_equal(xio_step(world.runtime, L, 0), XIO_ERR_LUA);
  embed_expect_error(&world, "closed");
  xio_remote *remote = NULL;
  assert_int_equal(xio_remote_open(world.runtime, &remote), XIO_ERR_CLOSED);
  assert_int_equal(xio_attach(world.runtime, L, NULL, NULL), XIO_ERR_CLOSED);
  embed_expect_error(&world, "closed");
  embed_end(&world);
}

static void two_on_one_state(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  lua_State *L = world.L;
  xio_runtime *other = NULL;
  assert_int_equal(xio_open(L, NULL, &other), 0);
  for (int i = 0; i < 2; i++) {
    embed_load(&world,
               "local k = ...; log = log or ''; for _ = 1, 3 do log = log .. k;"
               "xio.checkpoint() end");
    lua_pushstring(L, i == 0 ? "a" : "b");
    assert_int_equal(xio_spawn(i == 0 ? world.runtime : other, L, 1, NULL), 0);
    lua_settop(L, 0);
  }
  int first = XIO_MORE, second = XIO_MORE;
  while (first == XIO_MORE || second == XIO_MORE) {
    first = xio_step(world.runtime, L, 0);
    second = xio_step(other, L, 0);
  }
  lua_getglobal(L, "log");
  assert_int_equal(strlen(lua_tostring(L, -1)), 6);
  lua_settop(L, 0);
  assert_int_equal(xio_close(other, L), 0);
  embed_end(&world);
}

static void texts_of_errors(void **state) {
  (void)state;
  char room[64];
  const int known[] = {0,
                       XIO_ERR_MEMORY,
                       XIO_ERR_ARGUMENT,
                       XIO_ERR_BUSY,
                       XIO_ERR_CANCELLED,
                       XIO_ERR_CLOSED,
                       XIO_ERR_LUA};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    assert_true(strlen(xio_error_text(known[i], NULL, 0)) > 2);
  }
  assert_string_equal(xio_error_text(UV_ECONNREFUSED, room, sizeof room),
                      "connection refused");
  assert_string_equal(xio_error_text(UV_ECONNREFUSED, NULL, 0), "error");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_without_any_path),
      cmocka_unit_test(leaves_globals_alone),
      cmocka_unit_test(replaces_globals_if_asked),
      cmocka_unit_test(refuses_wrong_options),
      cmocka_unit_test(takes_options_of_other_versions),
      cmocka_unit_test(needs_the_standard_libraries),
      cmocka_unit_test(takes_every_option),
      cmocka_unit_test(leaves_signals_alone),
      cmocka_unit_test(takes_signals_if_asked),
      cmocka_unit_test(runs_like_pcall),
      cmocka_unit_test(tells_of_deadlock_and_goes_on),
      cmocka_unit_test(cancels_everything),
      cmocka_unit_test(refuses_to_be_driven_twice),
      cmocka_unit_test(steps_turn_by_turn),
      cmocka_unit_test(step_raises_and_goes_on),
      cmocka_unit_test(step_tells_of_standstill),
      cmocka_unit_test(spawn_refuses_what_is_wrong),
      cmocka_unit_test(spawns_into_groups),
      cmocka_unit_test(cancels_one_task),
      cmocka_unit_test(tells_by_its_descriptor),
      cmocka_unit_test(close_runs_cleanup),
      cmocka_unit_test(close_tells_of_errors),
      cmocka_unit_test(lua_close_closes_too),
      cmocka_unit_test(lua_sees_the_runtime),
      cmocka_unit_test(two_on_one_state),
      cmocka_unit_test(texts_of_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
