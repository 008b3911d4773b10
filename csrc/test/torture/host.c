/* host: every allocation that a host causes by xio.h fails, once, twice and from there
 * on.
 *
 *   torture_host [SCENARIO MODE N]   all points; or that one, not in a process of its own
 *
 * The scenario "open" opens and closes a runtime; "use" does all else on an open one. For
 * each mode and each n until a run makes fewer than n requests, a process of its own
 * fails the n-th. Each function then does its work or says XIO_ERR_MEMORY, with one
 * value on the stack; afterwards, with memory again, a runtime opens or goes on, and
 * closing everything gives every byte back. Prints TAP. Only what comes from lua_Alloc
 * is counted. */
#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../scenario/apart.h"
#include "xio.h"

enum { POINTS_MAX = 200000, OPEN_STRIDE = 61 };

static counting memory;
static const char *fault; /* the first that went wrong */
static bool told;         /* a function has said that memory is out */

/* A result is as it should be, and the stack has what it says; both are cleared away. */
static bool accept(lua_State *L, int result, int top, int values, const char *what) {
  bool good = result >= 0 || result == XIO_ERR_MEMORY;
  if (result == XIO_ERR_MEMORY) told = true;
  if (good && lua_gettop(L) != top + (result < 0 ? 1 : values)) good = false;
  if (!good && fault == NULL) fault = what;
  if (!good) {
    printf("# %s: %d, %d values, %s\n", what, result, lua_gettop(L) - top,
           lua_gettop(L) > top ? luaL_tolstring(L, -1, NULL) : "");
  }
  return good && result >= 0;
}

/* -- what the host gives to Lua ------------------------------------------------------ */

static int begin(xio_operation *operation, void *data) {
  (void)data;
  xio_operation_complete(operation, 3);
  return 0;
}

static const xio_operation_class plain_class = {
    .size = sizeof plain_class, .name = "job", .data_size = 100, .begin = begin};

static int l_job(lua_State *L) {
  xio_operation_new(L, &plain_class);
  return xio_operation_await(L);
}

static int body(lua_State *L, xio_ctask *task, int result, void *data) {
  int *calls = data;
  (void)result;
  switch ((*calls)++) {
    case 0: xio_ctask_sleep(task, 0.0001); return XIO_CTASK_WAIT;
    case 1:
      if (xio_ctask_operation(task, &plain_class) == NULL) return 0;
      return XIO_CTASK_WAIT;
    default:
      lua_pushinteger(L, 1);
      lua_pushliteral(L, "two");
      return 2;
  }
}

static void posted(xio_runtime *runtime, lua_State *L, void *data) {
  (void)data;
  lua_pushcfunction(L, l_job);
  int result = xio_spawn(runtime, L, 0, NULL);
  if (result != 0) lua_error(L);
}

/* -- scenarios ----------------------------------------------------------------------- */

static bool load(lua_State *L, const char *text) {
  return luaL_loadbufferx(L, text, strlen(text), "=host", "t") == LUA_OK;
}

static void spawn_both(lua_State *L, xio_runtime *runtime, int *calls) {
  xio_spawn_options options = XIO_INIT(xio_spawn_options);
  options.name = "machine";
  int result = xio_ctask_spawn(runtime, L, body, NULL, calls, &options);
  accept(L, result, 0, 1, "xio_ctask_spawn");
  lua_settop(L, 0);
  if (load(L, "local n = ...; require('xio').sleep(0); return n, job()")) {
    lua_pushinteger(L, 1);
    if (accept(L, xio_spawn(runtime, L, 1, &options), 0, 1, "xio_spawn")) {
      for (int i = 0; i < 3; i++) {
        accept(L, xio_step(runtime, L, 0), 1, 0, "xio_step");
        lua_settop(L, 1);
      }
      result = xio_push_results(L, 1);
      if (result != XIO_ERR_BUSY) {
        accept(L, result, 1, result, "xio_push_results");
      }
    }
  }
  lua_settop(L, 0);
}

static void use(lua_State *L, xio_runtime *runtime) {
  static int calls; /* its task may live until check_health has ended it */
  calls = 0;
  spawn_both(L, runtime, &calls);
  xio_remote *remote = NULL;
  if (xio_remote_open(runtime, &remote) == 0) {
    if (xio_remote_post(remote, posted, NULL, NULL) != 0) fault = "xio_remote_post";
    xio_remote_release(remote);
  }
  if (load(L,
           "local xio = require 'xio'; xio.group(function(g)"
           "  g:spawn(job); xio.sleep(0.0001) end); return (job())")) {
    accept(L, xio_run(runtime, L, 0, 1), 0, 1, "xio_run");
  }
  lua_settop(L, 0);
}

/* With memory again, the runtime works. */
static void check_health(lua_State *L, xio_runtime *runtime) {
  lua_settop(L, 0);
  while (xio_task_count(runtime) != 0) { /* what was in the middle of something */
    if (xio_step(runtime, L, 0.1) < 0) lua_settop(L, 0);
  }
  bool good = load(L, "local xio = require 'xio'; xio.sleep(0.0001); return job()") &&
              xio_run(runtime, L, 0, 1) == 0 && lua_tointeger(L, -1) == 3;
  if (!good && fault == NULL) {
    fault = "the runtime does not go on";
    printf("# %s\n", lua_tostring(L, -1));
  }
  lua_settop(L, 0);
}

static int run_point(bool opens, counting_mode mode, uint64_t n) {
  memory = (counting){0};
  xio_allocator alloc = counting_allocator(&memory);
  lua_State *L = lua_newstate(alloc.resize, alloc.context);
  luaL_openlibs(L);
  lua_pushcfunction(L, l_job);
  lua_setglobal(L, "job");
  xio_runtime *runtime = NULL;
  if (!opens && xio_open(L, NULL, &runtime) != 0) return SCENARIO_BAD;
  counting_fail(&memory, mode, n);
  if (opens) {
    accept(L, xio_open(L, NULL, &runtime), 0, 0, "xio_open");
  } else {
    use(L, runtime);
  }
  bool met = memory.failures != 0;
  if (opens && runtime != NULL && mode == COUNTING_FROM && met) fault = "it has opened";
  counting_fail(&memory, COUNTING_NEVER, 0);
  lua_settop(L, 0);
  if (runtime == NULL && xio_open(L, NULL, &runtime) != 0) fault = "it does not open";
  if (runtime != NULL) check_health(L, runtime);
  counting_fail(&memory, mode, n % 40); /* closing may fail, and closes all the same */
  int result = xio_close(runtime, L);
  counting_fail(&memory, COUNTING_NEVER, 0);
  accept(L, result, 0, 0, "xio_close");
  lua_close(L);
  if (fault != NULL) {
    printf("# %s\n", fault);
    return SCENARIO_BAD;
  }
  if (!counting_clean(&memory)) {
    printf("# %zu bytes are left\n", memory.bytes);
    return SCENARIO_LEAK;
  }
  return !met ? SCENARIO_NOT_MET : told ? SCENARIO_ERROR : SCENARIO_MET;
}

typedef struct point {
  bool opens;
  counting_mode mode;
  uint64_t n;
} point;

static int run_apart(void *context) {
  const point *self = context;
  return run_point(self->opens, self->mode, self->n);
}

static const char *const scenarios[] = {"use", "open"};
static const char *const modes[] = {"never", "once", "twice", "from there on"};

static bool run_points(const char *program, int scenario, counting_mode mode,
                       int number) {
  point self = {scenario == 1, mode, 0};
  bool met = true;
  unsigned failed = 0;
  apart_tally sums = {0};
  uint64_t step = self.opens ? OPEN_STRIDE : 1;
  for (uint64_t n = 1 + mode % step; met && n < POINTS_MAX && failed < 3; n += step) {
    self.n = n;
    if (apart_run(run_apart, &self, false, &sums, &met)) continue;
    failed++;
    printf("# repeat it: %s %s %d %llu\n", program, scenarios[scenario], (int)mode,
           (unsigned long long)n);
  }
  bool good = !met && failed == 0;
  apart_print(good, number, scenarios[scenario], modes[mode], "memory errors", &sums);
  return good;
}

int main(int argc, char **argv) {
  if (argc == 4) {
    bool opens = strcmp(argv[1], scenarios[1]) == 0;
    int end = run_point(opens, (counting_mode)atoi(argv[2]), strtoull(argv[3], NULL, 10));
    return end < SCENARIO_BAD ? 0 : 1;
  }
  bool good = true;
  int number = 0;
  printf("1..6\n");
  for (int scenario = 0; scenario < 2; scenario++) {
    for (int mode = COUNTING_ONCE; mode <= COUNTING_FROM; mode++) {
      if (!run_points(argv[0], scenario, (counting_mode)mode, ++number)) good = false;
    }
  }
  return good ? 0 : 1;
}
