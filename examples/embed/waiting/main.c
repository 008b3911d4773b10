/* waiting: C functions that wait. Each suspends only the task that calls it.
 *
 * host.delay(ms) is completed by a callback of the host's uv loop; host.sum(n) by another
 * thread. Both can be cancelled, as everything in a task: a delay is withdrawn at once,
 * the thread is asked to stop, and awaited.
 *
 * Prints:
 *   delays at once: 30 20 10
 *   sum in a thread: 500000500000
 *   delay cancelled by a timeout: true
 *   sum cancelled by a timeout: true
 *   refused: host.delay: invalid argument (EINVAL) */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include <xio.h>

static const char script[] =
    "local xio = require 'xio'\n"
    "local function delay(ms) return function() return host.delay(ms) end end\n"
    "print('delays at once: ' ..\n"
    "  table.concat({ xio.gather(delay(30), delay(20), delay(10)) }, ' '))\n"
    "print('sum in a thread: ' .. host.sum(1000000))\n"
    "local done, why = xio.move_on_after(0.02, host.delay, 60000)\n"
    "print('delay cancelled by a timeout: ' .. tostring(not done))\n"
    "done = xio.move_on_after(0.02, host.sum, math.maxinteger)\n"
    "print('sum cancelled by a timeout: ' .. tostring(not done))\n"
    "local none, err = host.delay(-1)\n"
    "print('refused: ' .. tostring(err))\n";

/* -- completed by a callback --------------------------------------------------------- */

typedef struct delay {
  uv_loop_t *loop;
  int ms;
  uv_timer_t *timer; /* libuv closes it later than the operation may end: not in here */
} delay;

static void free_timer(uv_handle_t *handle) {
  free(handle);
}

static void close_timer(delay *self) {
  uv_close((uv_handle_t *)self->timer, free_timer);
}

static void on_timer(uv_timer_t *timer) {
  xio_operation *operation = timer->data;
  delay *self = xio_operation_data(operation);
  close_timer(self);
  xio_operation_complete(operation, self->ms); /* operation and data may be gone now */
}

static int begin_delay(xio_operation *operation, void *data) {
  delay *self = data;
  if (self->ms < 0) return UV_EINVAL; /* becomes nil, an error, and its code */
  self->timer = malloc(sizeof *self->timer);
  if (self->timer == NULL) return XIO_ERR_MEMORY;
  uv_timer_init(self->loop, self->timer);
  self->timer->data = operation;
  return uv_timer_start(self->timer, on_timer, (uint64_t)self->ms, 0);
}

static int cancel_delay(xio_operation *operation, void *data) {
  (void)operation;
  close_timer(data); /* its callback will not be called */
  return XIO_WITHDRAWN;
}

static const xio_operation_class delay_class = {.size = sizeof delay_class,
                                                .name = "host.delay",
                                                .data_size = sizeof(delay),
                                                .begin = begin_delay,
                                                .cancel = cancel_delay};

/* delay(ms): returns ms, later. The result of the operation is what it returns. */
static int l_delay(lua_State *L) {
  lua_Integer ms = luaL_checkinteger(L, 1);
  delay *self = xio_operation_new(L, &delay_class);
  self->loop = lua_touserdata(L, lua_upvalueindex(1));
  self->ms = (int)ms;
  return xio_operation_await(L);
}

/* -- completed from another thread --------------------------------------------------- */

typedef struct sum {
  lua_Integer last, value;
  atomic_bool unwanted;
} sum;

static void *add_up(void *argument) {
  xio_operation *operation = argument;
  sum *self = xio_operation_data(operation);
  bool stopped = false;
  for (lua_Integer i = 1; i <= self->last && !stopped; i++) {
    self->value += i;
    stopped = i % 1024 == 0 && atomic_load(&self->unwanted);
  }
  xio_operation_post(operation, stopped ? XIO_ERR_CANCELLED : 0);
  return NULL;
}

static int begin_sum(xio_operation *operation, void *data) {
  (void)data;
  pthread_t thread;
  int status = pthread_create(&thread, NULL, add_up, operation);
  if (status != 0) return -status;
  pthread_detach(thread);
  return 0;
}

static int cancel_sum(xio_operation *operation, void *data) {
  (void)operation;
  sum *self = data;
  atomic_store(&self->unwanted, true);
  return XIO_NOT_WITHDRAWN; /* it hurries, and then ends as cancelled; or has a result */
}

static int finish_sum(lua_State *L, int result, void *data) {
  const sum *self = data;
  if (result < 0) return luaL_error(L, "host.sum: failed (%d)", result);
  lua_pushinteger(L, self->value);
  return 1;
}

static const xio_operation_class sum_class = {.size = sizeof sum_class,
                                              .name = "host.sum",
                                              .data_size = sizeof(sum),
                                              .flags = XIO_OPERATION_THREADS,
                                              .begin = begin_sum,
                                              .cancel = cancel_sum,
                                              .finish = finish_sum};

/* sum(n): 1 + 2 + … + n */
static int l_sum(lua_State *L) {
  lua_Integer last = luaL_checkinteger(L, 1);
  sum *self = xio_operation_new(L, &sum_class);
  self->last = last;
  return xio_operation_await(L);
}

/* -- the host ------------------------------------------------------------------------ */

int main(void) {
  uv_loop_t loop;
  lua_State *L = luaL_newstate();
  if (L == NULL || uv_loop_init(&loop) != 0) return EXIT_FAILURE;
  luaL_openlibs(L);
  static const luaL_Reg functions[] = {{"delay", l_delay}, {"sum", l_sum}, {NULL, NULL}};
  lua_newtable(L);
  lua_pushlightuserdata(L, &loop);
  luaL_setfuncs(L, functions, 1);
  lua_setglobal(L, "host");

  xio_open_options options = XIO_INIT(xio_open_options);
  options.uv = &loop;
  xio_runtime *runtime = NULL;
  int result = xio_open(L, &options, &runtime);
  if (result == 0) result = luaL_loadstring(L, script);
  if (result == 0) result = xio_run(runtime, L, 0, 0);
  if (result != 0) (void)fprintf(stderr, "%s\n", xio_traceback(L, -1));
  if (xio_close(runtime, L) != 0) result = XIO_ERR_LUA;
  lua_close(L);
  uv_run(&loop, UV_RUN_DEFAULT); /* the last timer is closed */
  if (uv_loop_close(&loop) != 0) result = UV_EBUSY;
  return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
