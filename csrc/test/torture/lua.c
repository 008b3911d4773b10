/* lua: every allocation that the binding and a program make on a Lua state fails.
 *
 *   torture_lua [SCENARIO...]            all points of all scenarios, or of these
 *   torture_lua SCENARIO STATE MODE N    one point, not in a process of its own
 *
 * A scenario is a file of spec/torture: a chunk that is given `xio` and a function `exit`
 * and returns a function. For each state (0 fresh, 1 warm: the function has run before)
 * and each mode (1 once, 2 twice, 3 from there on) and each n until a run makes fewer
 * than n requests, a process of its own fails the n-th request that the function makes,
 * and must end well: the function returns, or raises a memory error, in time; afterwards,
 * with memory again, nothing of it lives in the Lua state, which can run tasks as before;
 * and after lua_close no memory is left, neither of Lua nor of libuv. Failed once, Lua
 * collects all garbage and asks again: what is reachable shows. Failed twice, memory is
 * out for one operation. In the last mode it is out until the function has returned.
 *
 * The scenario "open" is built in: it loads xio. Prints TAP, one line for each scenario
 * and mode, which is a row of the table; a point that failed is printed with the command
 * that repeats it. Reads XIO_BUILD_DIR, where the Lua modules are; works from the source
 * tree. */
#include <dirent.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#include "../support/counting.h"
#include "xio.h"

enum {
  SECONDS_MAX = 3,
  POINTS_MAX = 50000,
  SCENARIOS_MAX = 200,
  FAULTS_SHOWN = 3,
  FAULTS_MAX = 20 /* in one mode of a scenario, which is then given up */
};

#define SCENARIOS_DIR "spec/torture"
#define OPEN "open"

/* How a point ended: the exit code of its process. */
enum {
  END_MET = 10, /* the fault was met, and the function returned all the same */
  END_ERROR,    /* a memory error was raised */
  END_NOT_MET,  /* fewer than n requests */
  END_BAD,      /* another error, or the state does not work afterwards */
  END_LEAK
};

typedef struct tally {
  unsigned points, errors, bad, crashes, hangs, leaks;
} tally;

static const char *const modes[] = {"never", "once", "twice", "from there on"};

/* The memory of the one Lua state of this process, and what libuv holds. */
static counting memory;
static atomic_long uv_blocks; /* threads of the pool allocate too */

static void *uv_counted_malloc(size_t size) {
  uv_blocks++;
  return malloc(size);
}

static void *uv_counted_calloc(size_t count, size_t size) {
  uv_blocks++;
  return calloc(count, size);
}

static void *uv_counted_realloc(void *ptr, size_t size) {
  if (ptr == NULL) uv_blocks++;
  return realloc(ptr, size);
}

static void uv_counted_free(void *ptr) {
  if (ptr != NULL) uv_blocks--;
  free(ptr);
}

/* -- the Lua state ------------------------------------------------------------------- */

/* Where the functions of spec/support/torture.lua, the census and the scenario stand. */
enum { AT_HELPERS = 1, AT_CENSUS, AT_FUNCTION };

/* exit(): closes the Lua state where it is called, as os.exit(true, true) does, and ends
 * the process. */
static int l_exit(lua_State *L) {
  lua_close(L);
  bool clean = counting_clean(&memory) && uv_blocks == 0;
  if (!clean) printf("# after exit %zu bytes are left\n", memory.bytes);
  fflush(stdout);
  _exit(!clean ? END_LEAK : memory.failures == 0 ? END_NOT_MET : END_MET);
}

static int open_libraries(lua_State *L) {
  const char *build = getenv("XIO_BUILD_DIR");
  luaL_openlibs(L);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_xio_core);
  lua_setfield(L, -2, "xio.core");
  lua_getglobal(L, "package");
  lua_pushfstring(L, "%s/lua/?.lua;%s/lua/?/init.lua;./?.lua", build, build);
  lua_setfield(L, -2, "path");
  return 0;
}

static int require(lua_State *L) {
  lua_getglobal(L, "require");
  lua_insert(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

/* Calls a C function protected on the value at the top; prints an error. */
static bool call(lua_State *L, lua_CFunction f, const char *argument, int results) {
  lua_pushcfunction(L, f);
  lua_pushstring(L, argument);
  if (lua_pcall(L, 1, results, 0) == LUA_OK) return true;
  printf("# %s: %s\n", argument, lua_tostring(L, -1));
  return false;
}

/* load(name): gives the function of a scenario. */
static int load_scenario(lua_State *L) {
  if (luaL_loadfile(L, lua_pushfstring(L, SCENARIOS_DIR "/%s.lua", lua_tostring(L, 1)))) {
    return lua_error(L);
  }
  lua_pushcfunction(L, require);
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 1);
  lua_pushcfunction(L, l_exit);
  lua_call(L, 2, 1);
  luaL_checktype(L, -1, LUA_TFUNCTION);
  return 1;
}

/* Calls a helper on the value at `argument` (0: none) for `results`; prints an error. */
static bool help(lua_State *L, const char *name, int argument, int results) {
  lua_getfield(L, AT_HELPERS, name);
  if (argument != 0) lua_pushvalue(L, argument);
  if (lua_pcall(L, argument != 0 ? 1 : 0, results, 0) == LUA_OK) return true;
  printf("# %s: %s\n", name, luaL_tolstring(L, -1, NULL));
  return false;
}

/* A Lua state with only its libraries; NULL where even that fails. */
static lua_State *new_state(void) {
  memory = (counting){0};
  xio_allocator alloc = counting_allocator(&memory);
  lua_State *L = lua_newstate(alloc.resize, alloc.context);
  if (L != NULL && !call(L, open_libraries, "libraries", 0)) return NULL;
  return L;
}

/* Loads helpers and takes the census, and runs both checks once. */
static bool load_helpers(lua_State *L) {
  lua_settop(L, 0);
  return call(L, require, "spec.support.torture", 1) && help(L, "census", 0, 1);
}

/* A Lua state that is ready for the points of a scenario. */
static lua_State *prepare(const char *scenario, bool warm) {
  lua_State *L = new_state();
  if (L == NULL || strcmp(scenario, OPEN) == 0) return L;
  if (!load_helpers(L) || !call(L, load_scenario, scenario, 1)) return NULL;
  if (warm) {
    if (!help(L, "check_health", 0, 0)) return NULL;
    lua_pushvalue(L, AT_FUNCTION);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
      printf("# %s: %s\n", scenario, luaL_tolstring(L, -1, NULL));
      return NULL;
    }
  }
  lua_gc(L, LUA_GCCOLLECT);
  return L;
}

/* -- points -------------------------------------------------------------------------- */

/* Whether what was raised, which is at the top, is a memory error. */
static bool judge(lua_State *L) {
  if (lua_type(L, -1) == LUA_TSTRING &&
      strstr(lua_tostring(L, -1), "not enough memory") != NULL) {
    return true;
  }
  if (!help(L, "is_memory_error", lua_gettop(L), 2)) return false;
  if (lua_toboolean(L, -2)) return true;
  printf("# another error: %s\n", lua_tostring(L, -1));
  return false;
}

/* Memory is back: the state must be as good as before. */
static bool check_state(lua_State *L) {
  return help(L, "check_census", AT_CENSUS, 0) && help(L, "check_health", 0, 0);
}

/* Runs the point on a prepared state, which is closed. */
static int run_point(lua_State *L, bool opens, counting_mode mode, uint64_t n) {
  lua_pushcfunction(L, require); /* for the built in scenario */
  lua_pushstring(L, "xio");
  if (!opens) lua_pushvalue(L, AT_FUNCTION);
  counting_fail(&memory, mode, n);
  int status = lua_pcall(L, opens ? 1 : 0, 0, 0);
  bool met = memory.failures != 0;
  counting_fail(&memory, COUNTING_NEVER, 0);
  bool good = status == LUA_OK || status == LUA_ERRMEM || judge(L);
  if (good && opens) good = load_helpers(L);
  if (good) good = check_state(L);
  lua_close(L);
  if (!good) return END_BAD;
  if (!counting_clean(&memory) || uv_blocks != 0) {
    printf("# %zu bytes are left, %ld blocks of libuv%s%s\n", memory.bytes, uv_blocks,
           memory.misuse != NULL ? "; " : "", memory.misuse != NULL ? memory.misuse : "");
    return END_LEAK;
  }
  return !met ? END_NOT_MET : status == LUA_OK ? END_MET : END_ERROR;
}

/* The leak check of a sanitizer, which is slow: done at some points only. */
static bool check_leaks(uint64_t n) {
#if defined(__SANITIZE_ADDRESS__)
  return n % 16 != 0 || __lsan_do_recoverable_leak_check() == 0;
#else
  (void)n;
  return true;
#endif
}

/* Runs one point in a process of its own. False: it failed, and why was printed. `*done`:
 * the run made fewer than n requests. */
static bool run_apart(lua_State *L, bool opens, counting_mode mode, uint64_t n,
                      tally *sums, bool *done) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    alarm(SECONDS_MAX);
    int end = run_point(L, opens, mode, n);
    fflush(stdout);
    /* not exit: libuv would join threads of its pool that the parent had */
    _exit(check_leaks(n) ? end : END_LEAK);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    printf("# fork failed\n");
    *done = true;
    return false;
  }
  int end = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  *done = end == END_NOT_MET;
  if (*done) return true;
  sums->points++;
  if (WIFSIGNALED(status)) {
    printf("# ended by signal %d\n", WTERMSIG(status));
    *(WTERMSIG(status) == SIGALRM ? &sums->hangs : &sums->crashes) += 1;
    return false;
  }
  if (end == END_ERROR) sums->errors++;
  if (end == END_BAD) sums->bad++;
  if (end == END_LEAK) sums->leaks++;
  if (end < END_MET || end > END_LEAK) sums->crashes++; /* a sanitizer's report */
  return end == END_MET || end == END_ERROR;
}

/* From one point to the next. Loading xio is mostly the work of Lua's own compiler, and
 * sanitizers are slow: there only some points are tried, others in each mode. */
static uint64_t stride(bool opens) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return opens ? 90 : 18;
#else
  return opens ? 5 : 1;
#endif
}

/* All points of one scenario, state and mode. */
static bool run_points(const char *program, const char *scenario, bool warm,
                       counting_mode mode, tally *sums) {
  lua_State *L = prepare(scenario, warm);
  if (L == NULL) return false;
  bool opens = strcmp(scenario, OPEN) == 0;
  bool done = false;
  unsigned failed = 0;
  uint64_t step = stride(opens);
  for (uint64_t n = 1 + mode % step; !done && n < POINTS_MAX && failed < FAULTS_MAX;
       n += step) {
    if (run_apart(L, opens, mode, n, sums, &done)) continue;
    if (++failed > FAULTS_SHOWN) continue;
    printf("# repeat it: %s %s %d %d %llu\n", program, scenario, warm, (int)mode,
           (unsigned long long)n);
  }
  lua_close(L);
  return done && failed == 0;
}

/* -- scenarios ----------------------------------------------------------------------- */

static char *names[SCENARIOS_MAX];
static int name_count;

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names of the files in spec/torture, sorted, behind the one built in. */
static void find_scenarios(void) {
  DIR *dir = opendir(SCENARIOS_DIR);
  names[name_count++] = strdup(OPEN);
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 4, ".lua") != 0) continue;
    if (name_count < SCENARIOS_MAX)
      names[name_count++] = strndup(entry->d_name, length - 4);
  }
  if (dir != NULL) closedir(dir);
  qsort(names + 1, (size_t)name_count - 1, sizeof *names, compare);
}

/* A scenario that ends the process cannot have run before; nor can what loads xio. */
static bool can_be_warm(const char *scenario) {
  return strcmp(scenario, OPEN) != 0 && strncmp(scenario, "exit_", 5) != 0;
}

/* Reads "2/3", the second of three parts; `*part` counts from 0. */
static bool read_part(const char *text, int *part, int *parts) {
  char *end = NULL;
  long first = strtol(text, &end, 10);
  if (*end != '/') return false;
  long last = strtol(end + 1, &end, 10);
  if (*end != '\0' || first < 1 || last < first || last > SCENARIOS_MAX) return false;
  *part = (int)first - 1;
  *parts = (int)last;
  return true;
}

static int run_one(char **argv) {
  bool warm = strtoul(argv[2], NULL, 10) != 0;
  counting_mode mode = (counting_mode)strtoul(argv[3], NULL, 10);
  lua_State *L = prepare(argv[1], warm);
  if (L == NULL) return EXIT_FAILURE;
  int end = run_point(L, strcmp(argv[1], OPEN) == 0, mode, strtoull(argv[4], NULL, 10));
  static const char *const texts[] = {"well, without an error",
                                      "well, with a memory error",
                                      "well, but the point was not met", "bad", "a leak"};
  printf("%s\n", texts[end - END_MET]);
  return end < END_BAD ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Runs all points of a scenario and prints its rows. Returns how many of them failed. */
static int run_scenario(const char *program, const char *scenario, int *number) {
  int failed = 0;
  for (counting_mode mode = COUNTING_ONCE; mode <= COUNTING_FROM; mode++) {
    tally sums = {0};
    bool good = run_points(program, scenario, false, mode, &sums);
    if (can_be_warm(scenario)) {
      good = run_points(program, scenario, true, mode, &sums) && good;
    }
    printf(
        "%s %d - %-22s %-13s %6u points %6u memory errors %3u bad %3u crashes "
        "%3u hangs %3u leaks\n",
        good ? "ok" : "not ok", ++*number, scenario, modes[mode], sums.points,
        sums.errors, sums.bad, sums.crashes, sums.hangs, sums.leaks);
    if (!good) failed++;
  }
  return failed;
}

int main(int argc, char **argv) {
  if (uv_replace_allocator(uv_counted_malloc, uv_counted_realloc, uv_counted_calloc,
                           uv_counted_free) != 0 ||
      getenv("XIO_BUILD_DIR") == NULL) {
    printf("# XIO_BUILD_DIR is not set\n");
    return EXIT_FAILURE;
  }
  if (argc == 5) return run_one(argv);
  find_scenarios();
  int number = 0;
  int failed = 0;
  int part = 0;
  int parts = 1;
  bool in_parts = argc == 2 && read_part(argv[1], &part, &parts);
  char **list = argc > 1 && !in_parts ? argv + 1 : names;
  int count = argc > 1 && !in_parts ? argc - 1 : name_count;
  printf("1..%d\n", (count - part + parts - 1) / parts * 3);
  for (int i = part; i < count; i += parts) {
    failed += run_scenario(argv[0], list[i], &number);
  }
  printf("%d passed, %d failed\n", number - failed, failed);
  for (int i = 0; i < name_count; i++) free(names[i]);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
