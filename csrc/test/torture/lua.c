/* lua: every allocation that the binding and a program make on a Lua state fails.
 *
 *   torture_lua [PART/PARTS | SCENARIO...]   all points of all scenarios, or of these
 *   torture_lua SCENARIO STATE MODE N        one point, not in a process of its own
 *
 * For each scenario (csrc/test/scenario), state (0 fresh, 1 warm: the function has run
 * before), mode (1 once, 2 twice, 3 from there on) and n until a run makes fewer than n
 * requests, a process of its own fails the n-th request that the function makes, and must
 * end well: the function returns, or raises a memory error, in time; afterwards, with
 * memory again, nothing of it lives in the Lua state, which can run tasks as before; and
 * after lua_close no memory is left, neither of Lua nor of libuv. Failed once, Lua
 * collects all garbage and asks again: what is reachable shows. Failed twice, memory is
 * out for one operation. In the last mode it is out until the function has returned.
 *
 * The scenario "open" is built in: it loads xio. Prints TAP, one line for each
 * scenario and mode, which is a row of the table; a point that failed is printed with
 * the command that repeats it. */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../scenario/apart.h"

enum {
  POINTS_MAX = 50000,
  FAULTS_SHOWN = 3,
  FAULTS_MAX = 20 /* in one mode of a scenario, which is then given up */
};

#define OPEN "open"

static const char *const modes[] = {"never", "once", "twice", "from there on"};

typedef struct point {
  lua_State *L;
  bool opens; /* the scenario that is built in */
  counting_mode mode;
  uint64_t n;
} point;

static bool opens(const char *scenario) {
  return strcmp(scenario, OPEN) == 0;
}

static lua_State *prepare(const char *scenario, bool warm) {
  return opens(scenario) ? scenario_bare_state() : scenario_prepare(scenario, warm, NULL);
}

/* Whether what was raised, which is at the top, is a memory error. */
static bool judge(lua_State *L) {
  if (lua_type(L, -1) == LUA_TSTRING &&
      strstr(lua_tostring(L, -1), "not enough memory") != NULL) {
    return true;
  }
  if (!scenario_help(L, "is_memory_error", lua_gettop(L), 2)) return false;
  if (lua_toboolean(L, -2)) return true;
  printf("# another error: %s\n", lua_tostring(L, -1));
  return false;
}

/* Runs the point on its prepared state, which is closed. */
static int run_point(void *context) {
  point *self = context;
  lua_State *L = self->L;
  scenario_push_require(L); /* for the one that is built in */
  lua_pushstring(L, "xio");
  if (!self->opens) lua_pushvalue(L, SCENARIO_FUNCTION);
  counting_fail(&heap_memory, self->mode, self->n);
  int status = lua_pcall(L, self->opens ? 1 : 0, 0, 0);
  bool met = heap_memory.failures != 0;
  counting_fail(&heap_memory, COUNTING_NEVER, 0);
  bool good = status == LUA_OK || status == LUA_ERRMEM || judge(L);
  if (good && self->opens) good = scenario_load_helpers(L);
  if (good) good = scenario_check(L);
  lua_close(L);
  if (!good) return SCENARIO_BAD;
  if (!scenario_clean()) return SCENARIO_LEAK;
  return !met ? SCENARIO_NOT_MET : status == LUA_OK ? SCENARIO_MET : SCENARIO_ERROR;
}

/* From one point to the next: XIO_TORTURE_STEP, or 3, so that the three modes together
 * try each point once. Loading xio is mostly the work of Lua's own compiler, and
 * sanitizers are slow: there fewer are tried. */
static uint64_t stride(bool of_open) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  enum { STEP = 18 };
#else
  enum { STEP = 3 };
#endif
  const char *asked = getenv("XIO_TORTURE_STEP");
  uint64_t step = asked != NULL ? strtoull(asked, NULL, 10) : STEP;
  if (step == 0) step = STEP;
  return of_open ? step * 5 : step;
}

/* All points of one scenario, state and mode. */
static bool run_points(const char *program, const char *scenario, bool warm,
                       counting_mode mode, apart_tally *sums) {
  point self = {prepare(scenario, warm), opens(scenario), mode, 0};
  if (self.L == NULL) return false;
  bool met = true;
  unsigned failed = 0;
  uint64_t step = stride(self.opens);
  for (uint64_t n = 1 + mode % step; met && n < POINTS_MAX && failed < FAULTS_MAX;
       n += step) {
    self.n = n;
    if (apart_run(run_point, &self, n % 16 == 0, sums, &met)) continue;
    if (++failed > FAULTS_SHOWN) continue;
    printf("# repeat it: %s %s %d %d %llu\n", program, scenario, warm, (int)mode,
           (unsigned long long)n);
  }
  lua_close(self.L);
  return !met && failed == 0;
}

static int run_one(char **argv) {
  bool warm = strtoul(argv[2], NULL, 10) != 0;
  point self = {prepare(argv[1], warm), opens(argv[1]),
                (counting_mode)strtoul(argv[3], NULL, 10), strtoull(argv[4], NULL, 10)};
  if (self.L == NULL) return EXIT_FAILURE;
  int end = run_point(&self);
  static const char *const texts[] = {"well, without an error",
                                      "well, with a memory error",
                                      "well, but the point was not met", "bad", "a leak"};
  printf("%s\n", texts[end - SCENARIO_MET]);
  return end < SCENARIO_BAD ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Runs all points of a scenario and prints its rows. Returns how many of them failed. */
static int run_scenario(const char *program, const char *scenario, int *number) {
  int failed = 0;
  for (counting_mode mode = COUNTING_ONCE; mode <= COUNTING_FROM; mode++) {
    apart_tally sums = {0};
    bool good = run_points(program, scenario, false, mode, &sums);
    if (!opens(scenario) && scenario_can_be_warm(scenario)) {
      good = run_points(program, scenario, true, mode, &sums) && good;
    }
    apart_print(good, ++*number, scenario, modes[mode], "memory errors", &sums);
    if (!good) failed++;
  }
  return failed;
}

int main(int argc, char **argv) {
  if (!scenario_init("spec/torture")) return EXIT_FAILURE;
  if (argc == 5) return run_one(argv);
  scenario_list all = {.names = {strdup(OPEN)}, .count = 1};
  scenario_find(&all);
  int number = 0;
  int failed = 0;
  int part = 0;
  int parts = 1;
  bool in_parts = argc == 2 && apart_read_part(argv[1], &part, &parts);
  char **list = argc > 1 && !in_parts ? argv + 1 : all.names;
  int count = argc > 1 && !in_parts ? argc - 1 : all.count;
  printf("1..%d\n", (count - part + parts - 1) / parts * 3);
  for (int i = part; i < count; i += parts) {
    failed += run_scenario(argv[0], list[i], &number);
  }
  printf("%d passed, %d failed\n", number - failed, failed);
  scenario_forget(&all);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
