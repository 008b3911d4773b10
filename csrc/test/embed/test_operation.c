/* C functions that wait, of xio.h: completed by callbacks and by other threads, at once
 * and late, cancelled in every way; C tasks that use them. */
#include <unistd.h>

#include "embed.h"

/* What an operation does is told by the Lua function's first argument. */
enum { NOW, REFUSED, LATER, BY_THREAD };

typedef struct job {
  int kind;
  int result;
  xio_operation *operation;
  struct jobs *jobs;
} job;

/* What the operations of one test have come to. */
static struct jobs {
  job *pending; /* the last one begun that is to be completed by the test */
  int begun, cancelled, finished, released;
  int answer; /* of the cancel hook */
  uv_thread_t thread;
  bool has_thread;
} jobs;

static void complete_in_thread(void *argument) {
  xio_operation *operation = argument;
  job *own = xio_operation_data(operation);
  usleep(2000);
  xio_operation_post(operation, own->result);
}

static int begin(xio_operation *operation, void *data) {
  job *own = data;
  jobs.begun++;
  own->operation = operation;
  switch (own->kind) {
    case NOW: xio_operation_complete(operation, own->result); return 0;
    case REFUSED: return UV_ECONNREFUSED;
    case BY_THREAD:
      jobs.has_thread = true;
      return uv_thread_create(&jobs.thread, complete_in_thread, operation);
    default: jobs.pending = own; return 0;
  }
}

static int cancel(xio_operation *operation, void *data) {
  assert_ptr_equal(xio_operation_data(operation), data);
  jobs.cancelled++;
  return jobs.answer;
}

static int finish(lua_State *L, int result, void *data) {
  const job *own = data;
  jobs.finished++;
  if (result == -7) return luaL_error(L, "finish raises");
  lua_pushinteger(L, own->kind);
  lua_pushinteger(L, result);
  return 2;
}

static void release(void *data) {
  job *own = data;
  jobs.released++;
  own->kind = -1;
}

static const xio_operation_class local_class = {.size = sizeof local_class,
                                                .name = "host.job",
                                                .data_size = sizeof(job),
                                                .begin = begin,
                                                .cancel = cancel,
                                                .finish = finish,
                                                .release = release};
static const xio_operation_class thread_class = {.size = sizeof thread_class,
                                                 .name = "host.thread_job",
                                                 .data_size = sizeof(job),
                                                 .flags = XIO_OPERATION_THREADS,
                                                 .begin = begin,
                                                 .cancel = cancel,
                                                 .finish = finish,
                                                 .release = release};
static const xio_operation_class plain_class = {.size = sizeof plain_class,
                                                .name = "host.plain",
                                                .data_size = sizeof(job),
                                                .begin = begin};

static int wait_for(lua_State *L, const xio_operation_class *of) {
  lua_Integer kind = luaL_checkinteger(L, 1);
  lua_Integer result = luaL_optinteger(L, 2, 0);
  lua_settop(L, 2);
  job *own = xio_operation_new(L, of);
  own->kind = (int)kind;
  own->result = (int)result;
  return xio_operation_await(L);
}

static int l_job(lua_State *L) {
  return wait_for(L, &local_class);
}

static int l_thread_job(lua_State *L) {
  return wait_for(L, &thread_class);
}

static int l_plain(lua_State *L) {
  return wait_for(L, &plain_class);
}

/* complete(result): from a callback, or what stands for one */
static int l_complete(lua_State *L) {
  job *own = jobs.pending;
  jobs.pending = NULL;
  xio_operation_complete(own->operation, (int)luaL_checkinteger(L, 1));
  return 0;
}

static int l_post(lua_State *L) {
  job *own = jobs.pending;
  jobs.pending = NULL;
  xio_operation_post(own->operation, (int)luaL_checkinteger(L, 1));
  return 0;
}

/* answer(n): of the cancel hook; returns how often that was called */
static int l_answer(lua_State *L) {
  jobs.answer = (int)luaL_checkinteger(L, 1);
  lua_pushinteger(L, jobs.cancelled);
  return 1;
}

static void begin_jobs(embed_world *world) {
  memset(&jobs, 0, sizeof jobs);
  embed_begin(world, NULL);
  embed_set_function(world, "job", l_job);
  embed_set_function(world, "thread_job", l_thread_job);
  embed_set_function(world, "plain", l_plain);
  embed_set_function(world, "complete", l_complete);
  embed_set_function(world, "post", l_post);
  embed_set_function(world, "answer", l_answer);
}

static void end_jobs(embed_world *world) {
  lua_gc(world->L, LUA_GCCOLLECT);
  if (jobs.has_thread) uv_thread_join(&jobs.thread);
  embed_end(world);
  assert_int_equal(jobs.released, jobs.begun);
}

/* -- completion ---------------------------------------------------------------------- */

static void completed_at_once(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local kind, result = job(0, 12);"
            "for _ = 1, 200 do job(0, 1) end;" /* beyond a turn's budget */
            "return kind == 0 and result == 12");
  assert_int_equal(jobs.finished, 201);
  end_jobs(&world);
}

static void refused_by_begin(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local kind, result = job(1);"
            "return kind == 1 and result == -111");
  end_jobs(&world);
}

static void completed_by_a_callback(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "xio.spawn(function() xio.checkpoint();"
            "  assert(tostring(xio.tree()):find 'host.job');"
            "  complete(3) end);"
            "local kind, result = job(2); return kind == 2 and result == 3");
  end_jobs(&world);
}

static void completed_by_a_thread(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local kind, result = thread_job(3, 8);"
            "return kind == 3 and result == 8");
  end_jobs(&world);
}

static void results_without_finish(void **state) {
  (void)state;
  embed_world world;
  memset(&jobs, 0, sizeof jobs);
  begin_jobs(&world);
  embed_run(&world,
            "assert(plain(0, 5) == 5);"
            "local none, err, code = plain(1);"
            "assert(none == nil and code == 'ECONNREFUSED', code);"
            "return err.op == 'host.plain' and err.code == code");
  jobs.released = jobs.begun; /* the class has no release() */
  end_jobs(&world);
}

static void finish_may_raise(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local ok, err = pcall(job, 0, -7);"
            "return not ok and err:find 'finish raises' ~= nil");
  end_jobs(&world);
}

/* -- misuse -------------------------------------------------------------------------- */

static int l_await_nothing(lua_State *L) {
  lua_pushnil(L);
  return xio_operation_await(L);
}

static int l_incomplete(lua_State *L) {
  static const xio_operation_class incomplete = {.size = 1};
  xio_operation_new(L, &incomplete);
  return 0;
}

static int l_not_awaited(lua_State *L) {
  xio_operation_new(L, &plain_class);
  return luaL_error(L, "before it was begun");
}

static void refuses_misuse(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_set_function(&world, "await_nothing", l_await_nothing);
  embed_set_function(&world, "incomplete", l_incomplete);
  embed_set_function(&world, "not_awaited", l_not_awaited);
  assert_int_not_equal(luaL_dostring(world.L, "job(0)"), LUA_OK);
  embed_expect_error(&world, "host.job: not inside xio.run");
  embed_run(&world,
            "local function err(f, ...) return select(2, pcall(f, ...)) end;"
            "assert(err(await_nothing):find 'no operation');"
            "assert(err(incomplete):find 'not complete');"
            "assert(err(not_awaited):find 'before it was begun');"
            "assert(err(xio.atomic, job, 0):find 'xio.atomic');"
            "assert(err(table.sort, { 1, 2 }, function() job(0) end)"
            "  :find \"cannot wait inside 'table.sort'\");"
            "return true");
  end_jobs(&world);
  lua_State *L = luaL_newstate(); /* one in which xio was never opened */
  lua_pushcfunction(L, l_not_awaited);
  assert_int_not_equal(lua_pcall(L, 0, 0, 0), LUA_OK);
  assert_non_null(strstr(lua_tostring(L, -1), "not open"));
  lua_close(L);
}

/* -- cancelling ---------------------------------------------------------------------- */

static void withdrawn(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local done, why = xio.move_on_after(0.001, job, 2);"
            "return not done and why.source == 'deadline'");
  assert_int_equal(jobs.cancelled, 1);
  assert_int_equal(jobs.finished, 0);
  end_jobs(&world);
}

static void not_withdrawn_completes(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_NOT_WITHDRAWN;
  embed_run(&world,
            "local scope = xio.new_scope();"
            "xio.spawn(function() xio.checkpoint(); scope:cancel();"
            "  xio.sleep(0.001); complete(6) end);"
            "local done, kind, result = scope:run(function() return job(2) end);"
            "return done and result == 6");
  assert_int_equal(jobs.cancelled, 1);
  end_jobs(&world);
}

static void not_withdrawn_ends_as_cancelled(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_NOT_WITHDRAWN;
  embed_run(&world,
            "local scope = xio.new_scope();"
            "xio.spawn(function() xio.checkpoint(); scope:cancel();"
            "  complete(-125) end);"
            "local done = scope:run(job, 2); return not done");
  assert_int_equal(jobs.finished, 0);
  end_jobs(&world);
}

static void cancelled_result_without_cancel(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world, "local _, result = job(0, -125); return result == -125");
  end_jobs(&world);
}

static void left_alone_goes_on(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_LEFT_ALONE;
  embed_run(&world,
            "local scope = xio.new_scope();"
            "xio.spawn(function() xio.checkpoint(); scope:cancel() end);"
            "local done = scope:run(thread_job, 2); post(1); return not done");
  assert_int_equal(jobs.begun, 1);
  assert_int_equal(jobs.finished, 0);
  end_jobs(&world);
}

static void only_threads_may_be_left_alone(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_LEFT_ALONE;
  embed_run(&world,
            "local scope = xio.new_scope();"
            "xio.spawn(function() xio.checkpoint(); scope:cancel();"
            "  xio.sleep(0.001); complete(6) end);"
            "local done, _, result = scope:run(job, 2); return result == 6");
  end_jobs(&world);
}

static void posted_before_cancelled(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local scope = xio.new_scope();"
            "xio.spawn(function() xio.checkpoint(); post(4); scope:cancel() end);"
            "local done, _, result = scope:run(thread_job, 2); return result == 4");
  assert_int_equal(jobs.cancelled, 0);
  end_jobs(&world);
}

static void not_begun_where_cancelled(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  embed_run(&world,
            "local scope = xio.new_scope(); scope:cancel();"
            "return not scope:run(job, 2)");
  assert_int_equal(jobs.begun, 0);
  assert_int_equal(jobs.released, 1);
  jobs.released = 0;
  end_jobs(&world);
}

/* -- the end of the runtime ---------------------------------------------------------- */

static void spawn_job(embed_world *world, const char *text) {
  embed_load(world, text);
  assert_int_equal(xio_spawn(world->runtime, world->L, 0, NULL), 0);
  assert_int_equal(xio_step(world->runtime, world->L, 0), XIO_MORE);
  lua_settop(world->L, 0);
}

static void close_withdraws(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  spawn_job(&world, "job(2)");
  end_jobs(&world);
  assert_int_equal(jobs.cancelled, 1);
}

static void close_waits_for_threads(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_NOT_WITHDRAWN;
  spawn_job(&world, "thread_job(3, 1)");
  end_jobs(&world);
  assert_int_equal(jobs.finished, 1);
}

static void lua_close_withdraws(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  spawn_job(&world, "job(2)");
  lua_close(world.L);
  assert_true(counting_clean(&world.memory));
  assert_int_equal(jobs.released, 1);
  assert_int_equal(jobs.cancelled, 1);
}

static void posted_after_the_end(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  jobs.answer = XIO_NOT_WITHDRAWN;
  spawn_job(&world, "thread_job(2)");
  lua_close(world.L);
  assert_true(counting_clean(&world.memory));
  assert_int_equal(jobs.released, 0);
  xio_operation_post(jobs.pending->operation, 1); /* to nobody */
  assert_int_equal(jobs.released, 1);
}

static void posted_and_never_delivered(void **state) {
  (void)state;
  embed_world world;
  begin_jobs(&world);
  spawn_job(&world, "thread_job(2)");
  xio_operation_post(jobs.pending->operation, 1);
  lua_close(world.L);
  assert_true(counting_clean(&world.memory));
  assert_int_equal(jobs.released, 1);
  assert_int_equal(jobs.cancelled, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(completed_at_once),
      cmocka_unit_test(refused_by_begin),
      cmocka_unit_test(completed_by_a_callback),
      cmocka_unit_test(completed_by_a_thread),
      cmocka_unit_test(results_without_finish),
      cmocka_unit_test(finish_may_raise),
      cmocka_unit_test(refuses_misuse),
      cmocka_unit_test(withdrawn),
      cmocka_unit_test(not_withdrawn_completes),
      cmocka_unit_test(not_withdrawn_ends_as_cancelled),
      cmocka_unit_test(cancelled_result_without_cancel),
      cmocka_unit_test(left_alone_goes_on),
      cmocka_unit_test(only_threads_may_be_left_alone),
      cmocka_unit_test(posted_before_cancelled),
      cmocka_unit_test(not_begun_where_cancelled),
      cmocka_unit_test(close_withdraws),
      cmocka_unit_test(close_waits_for_threads),
      cmocka_unit_test(lua_close_withdraws),
      cmocka_unit_test(posted_after_the_end),
      cmocka_unit_test(posted_and_never_delivered),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
