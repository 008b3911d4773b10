/* C tasks of xio.h: alone and beside Lua tasks in one group. */
#include "embed.h"

/* The data of one C task, on the stack of its test. */
typedef struct machine {
  int calls;
  int last; /* result that the body was given last */
  int released;
  xio_operation *pending;
  int (*step)(lua_State *L, xio_ctask *task, struct machine *own);
} machine;

static int body(lua_State *L, xio_ctask *task, int result, void *data) {
  machine *own = data;
  own->calls++;
  own->last = result;
  assert_int_equal(lua_gettop(L), 0);
  return own->step(L, task, own);
}

static void release(void *data) {
  ((machine *)data)->released++;
}

/* spawn_c([group]): a task of the machine that is the global's upvalue */
static machine *current;

static int l_spawn_c(lua_State *L) {
  xio_spawn_options options = XIO_INIT(xio_spawn_options);
  options.group = lua_isnoneornil(L, 1) ? 0 : 1;
  options.name = "machine";
  options.daemon = lua_toboolean(L, 2);
  int result =
      xio_ctask_spawn(embed_world_of(L)->runtime, L, body, release, current, &options);
  return result == 0 ? 1 : lua_error(L);
}

static void begin_machine(embed_world *world, machine *own,
                          int (*step)(lua_State *L, xio_ctask *task, machine *own)) {
  *own = (machine){.step = step};
  current = own;
  embed_begin(world, NULL);
  embed_set_function(world, "spawn_c", l_spawn_c);
}

static void end_machine(embed_world *world, machine *own) {
  embed_end(world);
  assert_int_equal(own->released, 1);
}

/* -- ending -------------------------------------------------------------------------- */

static int give_two(lua_State *L, xio_ctask *task, machine *own) {
  (void)own;
  assert_false(xio_ctask_is_cancelled(task));
  lua_pushliteral(L, "below");
  lua_pushinteger(L, 1);
  lua_pushinteger(L, 2);
  return 2;
}

static void gives_results(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, give_two);
  embed_run(&world,
            "local task = spawn_c(); assert(task.name == 'machine');"
            "local a, b = task:await();"
            "return a == 1 and b == 2 and task:status() == 'done'");
  end_machine(&world, &own);
}

static int raise_table(lua_State *L, xio_ctask *task, machine *own) {
  (void)task;
  (void)own;
  lua_newtable(L);
  return lua_error(L);
}

static void failure_fails_its_group(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, raise_table);
  embed_run(&world,
            "local ok, err = pcall(xio.group, function(g)"
            "  spawn_c(g); xio.sleep_forever() end);"
            "assert(tostring(xio.traceback(err)):find 'in task .machine.');"
            "return not ok and type(err) == 'table'");
  end_machine(&world, &own);
}

static int give_more_than_there_is(lua_State *L, xio_ctask *task, machine *own) {
  (void)task;
  (void)own;
  lua_pushinteger(L, 1);
  return 100;
}

static void results_are_at_most_what_is_there(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, give_more_than_there_is);
  embed_run(&world, "return select('#', spawn_c():await()) == 1");
  end_machine(&world, &own);
}

/* -- waiting ------------------------------------------------------------------------- */

static int sleep_then_end(lua_State *L, xio_ctask *task, machine *own) {
  lua_pushliteral(L, "goes when it waits");
  switch (own->calls) {
    case 1: return XIO_CTASK_WAIT; /* the next turn */
    case 2: xio_ctask_sleep(task, 0.002); return XIO_CTASK_WAIT;
    case 3: xio_ctask_sleep(task, NAN); return XIO_CTASK_WAIT;
    default: assert_int_equal(own->last, 0); return 0;
  }
}

static void sleeps(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, sleep_then_end);
  embed_run(&world,
            "local at = xio.now(); spawn_c():await();"
            "return xio.now() - at >= 0.002");
  assert_int_equal(own.calls, 4);
  end_machine(&world, &own);
}

static int sleep_long(lua_State *L, xio_ctask *task, machine *own) {
  if (own->last == XIO_ERR_CANCELLED) {
    assert_true(xio_ctask_is_cancelled(task));
    return xio_ctask_raise_cancelled(L, task);
  }
  xio_ctask_sleep(task, HUGE_VAL);
  return XIO_CTASK_WAIT;
}

static void cancelled_by_its_group(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, sleep_long);
  embed_run(&world,
            "local task; local done = xio.move_on_after(0.001, xio.group,"
            "  function(g) task = spawn_c(g) end);"
            "return not done and task:status() == 'cancelled'");
  assert_int_equal(own.calls, 2);
  end_machine(&world, &own);
}

static void daemons_end_with_the_group(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, sleep_long);
  embed_run(&world, "return xio.group(function(g) spawn_c(g, true); return true end)");
  end_machine(&world, &own);
}

static int raise_without_cause(lua_State *L, xio_ctask *task, machine *own) {
  (void)own;
  return xio_ctask_raise_cancelled(L, task);
}

static void raises_no_cancellation_without_one(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, raise_without_cause);
  embed_load(&world, "spawn_c()");
  assert_int_equal(xio_run(world.runtime, world.L, 0, 0), XIO_ERR_LUA);
  embed_expect_error(&world, "not cancelled");
  end_machine(&world, &own);
}

static int join_global(lua_State *L, xio_ctask *task, machine *own) {
  if (own->calls > 1) return 0;
  lua_pushnil(L);
  assert_int_equal(xio_ctask_join(task, L, -1), XIO_ERR_ARGUMENT);
  lua_getglobal(L, "mine");
  assert_int_equal(xio_ctask_join(task, L, -1), -EDEADLK);
  lua_getglobal(L, "other");
  assert_int_equal(xio_ctask_join(task, L, -1), 0);
  return XIO_CTASK_WAIT;
}

static void joins_a_lua_task(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, join_global);
  embed_run(&world,
            "other = xio.spawn(function() xio.sleep(0.001); over = true end);"
            "mine = spawn_c(); mine:await(); return over");
  end_machine(&world, &own);
}

/* -- operations ---------------------------------------------------------------------- */

typedef struct job {
  machine *of;
  int result;
  bool at_once;
} job;

static int begin_job(xio_operation *operation, void *data) {
  job *own = data;
  if (own->at_once) {
    xio_operation_complete(operation, own->result);
  } else if (own->result < 0) {
    return own->result;
  } else {
    own->of->pending = operation;
  }
  return 0;
}

static int cancel_job(xio_operation *operation, void *data) {
  (void)operation;
  ((job *)data)->of->pending = NULL;
  return XIO_WITHDRAWN;
}

static const xio_operation_class job_class = {.size = sizeof job_class,
                                              .name = "job",
                                              .data_size = sizeof(job),
                                              .begin = begin_job,
                                              .cancel = cancel_job};

static job *next_job(xio_ctask *task, machine *own) {
  job *made = xio_ctask_operation(task, &job_class);
  assert_non_null(made);
  made->of = own;
  return made;
}

static int three_operations(lua_State *L, xio_ctask *task, machine *own) {
  (void)L;
  static const xio_operation_class incomplete = {.size = sizeof incomplete};
  switch (own->calls) {
    case 1:
      assert_null(xio_ctask_operation(task, &incomplete));
      next_job(task, own)->at_once = true;
      return XIO_CTASK_WAIT;
    case 2:
      assert_int_equal(own->last, 0);
      next_job(task, own)->result = UV_EIO;
      return XIO_CTASK_WAIT;
    case 3:
      assert_int_equal(own->last, UV_EIO);
      next_job(task, own);
      next_job(task, own); /* the first is forgotten */
      return XIO_CTASK_WAIT;
    default:
      assert_int_equal(own->last, own->pending == NULL ? XIO_ERR_CANCELLED : 9);
      return 0;
  }
}

static int l_complete(lua_State *L) {
  (void)L;
  xio_operation_complete(current->pending, 9);
  return 0;
}

static void waits_for_operations(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, three_operations);
  embed_set_function(&world, "complete", l_complete);
  embed_run(&world,
            "local task = spawn_c();"
            "while task:status() ~= 'waiting' do xio.checkpoint() end;"
            "assert(tostring(xio.tree()):find 'machine.*job');"
            "complete(); task:await(); return true");
  assert_int_equal(own.calls, 4);
  end_machine(&world, &own);
}

static void operations_are_withdrawn(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, three_operations);
  embed_run(&world,
            "local task = spawn_c();"
            "while task:status() ~= 'waiting' do xio.checkpoint() end;"
            "task:cancel(); task:wait(); return task:status() == 'done'");
  end_machine(&world, &own);
}

/* -- spawning and closing ------------------------------------------------------------ */

static void refuses_what_is_wrong(void **state) {
  (void)state;
  embed_world world;
  embed_begin(&world, NULL);
  machine own = {0};
  xio_spawn_options options = {0};
  lua_State *L = world.L;
  assert_int_equal(xio_ctask_spawn(world.runtime, L, body, release, &own, &options),
                   XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "size");
  options = XIO_INIT(xio_spawn_options);
  options.group = 1;
  lua_pushnil(L);
  lua_pushinteger(L, 2);
  lua_replace(L, 1);
  assert_int_equal(xio_ctask_spawn(world.runtime, L, body, release, &own, &options),
                   XIO_ERR_ARGUMENT);
  embed_expect_error(&world, "xio.Group");
  lua_settop(L, 0);
  assert_int_equal(own.released, 0);
  embed_end(&world);
}

static void lua_close_abandons(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, sleep_long);
  assert_int_equal(xio_ctask_spawn(world.runtime, world.L, body, release, &own, NULL), 0);
  assert_int_equal(xio_step(world.runtime, world.L, 0), XIO_MORE);
  lua_close(world.L);
  assert_true(counting_clean(&world.memory));
  assert_int_equal(own.released, 1);
  assert_int_equal(own.calls, 1);
}

static int start_and_end(lua_State *L, xio_ctask *task, machine *own) {
  (void)task;
  if (own->calls < 3) return XIO_CTASK_WAIT;
  lua_getglobal(L, "require");
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 1);
  lua_getfield(L, -1, "sleep");
  lua_pushinteger(L, 1);
  lua_call(L, 1, 0); /* Lua code that it calls cannot wait */
  return 0;
}

static void lua_called_by_it_cannot_wait(void **state) {
  (void)state;
  embed_world world;
  machine own;
  begin_machine(&world, &own, start_and_end);
  embed_run(&world,
            "local ok, err = pcall(xio.group, spawn_c);"
            "return not ok and err:find 'cannot wait' ~= nil");
  end_machine(&world, &own);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_results),
      cmocka_unit_test(failure_fails_its_group),
      cmocka_unit_test(results_are_at_most_what_is_there),
      cmocka_unit_test(sleeps),
      cmocka_unit_test(cancelled_by_its_group),
      cmocka_unit_test(daemons_end_with_the_group),
      cmocka_unit_test(raises_no_cancellation_without_one),
      cmocka_unit_test(joins_a_lua_task),
      cmocka_unit_test(waits_for_operations),
      cmocka_unit_test(operations_are_withdrawn),
      cmocka_unit_test(refuses_what_is_wrong),
      cmocka_unit_test(lua_close_abandons),
      cmocka_unit_test(lua_called_by_it_cannot_wait),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
