/* system: every call of the system that xio makes in a scenario fails.
 *
 *   faults_system [SCENARIO...]           all points of all scenarios, or of these
 *   faults_system SCENARIO CALL ERROR     one point, not in a process of its own
 *
 * For each scenario (csrc/test/scenario), each n until a run makes fewer than n calls,
 * and each error that is plausible for the n-th call (wrap.c), a process of its own has
 * that call fail, and must end well: the function returns, or raises an error that tells
 * of it, in time; afterwards nothing of it lives in the Lua state, which can run tasks as
 * before; no descriptor is open and no child left that was not before; and after
 * lua_close no memory is left. The function has run once before, so that what is made
 * once in a process is there.
 *
 * Prints TAP, one line for each scenario that makes calls, which is a row of the
 * table; a point that failed is printed with the command that repeats it. */
#include <dirent.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../scenario/apart.h"
#include "wrap.h"

enum {
  CALLS_MAX = 5000,
  ERRORS_MAX = 16,
  FAULTS_SHOWN = 5,
  FAULTS_MAX = 40 /* in one scenario, which is then given up */
};

typedef struct point {
  lua_State *L;
  unsigned call, error;
} point;

/* What the fault was, for people. */
static const char *error_name(void) {
  return wrap_error() > 0 ? strerrorname_np(wrap_error()) : "one byte at most";
}

/* How many descriptors are open here. */
static int count_descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  while (dir != NULL && readdir(dir) != NULL) count++;
  if (dir != NULL) closedir(dir);
  return count;
}

/* Whether what was raised, which is at the top, tells of the fault. */
static bool judge(lua_State *L) {
  int error = wrap_error();
  lua_getfield(L, SCENARIO_HELPERS, "tells");
  lua_pushvalue(L, -2);
  lua_pushstring(L, error_name());
  lua_pushstring(L, error > 0 ? strerror(error) : "");
  if (lua_pcall(L, 3, 2, 0) != LUA_OK) {
    printf("# tells: %s\n", luaL_tolstring(L, -1, NULL));
    return false;
  }
  if (error > 0 && lua_toboolean(L, -2)) return true;
  printf("# another error: %s\n", lua_tostring(L, -1));
  return false;
}

/* What is left in the process after the state was closed. */
static bool is_clean(int descriptors) {
  int now = count_descriptors();
  bool hidden = strcmp(wrap_function(), "waitid") == 0; /* it was not reaped at all */
  bool child = !hidden && waitpid(-1, NULL, WNOHANG) != -1;
  if (now > descriptors) printf("# %d descriptors are left\n", now - descriptors);
  if (child) printf("# a child is left\n");
  return scenario_clean() && now <= descriptors && !child;
}

/* Runs the point on its prepared state, which is closed. */
static int run_point(void *context) {
  point *self = context;
  lua_State *L = self->L;
  int descriptors = count_descriptors();
  lua_pushvalue(L, SCENARIO_FUNCTION);
  wrap_arm(self->call, self->error);
  int status = lua_pcall(L, 0, 0, 0);
  if (!wrap_disarm()) return SCENARIO_NOT_MET;
  bool good = status == LUA_OK || judge(L);
  if (good) good = scenario_check(L);
  lua_close(L);
  bool clean = is_clean(descriptors);
  if (!good || !clean) {
    printf("# %s failed with %s\n", wrap_function(), error_name());
  }
  if (!good) return SCENARIO_BAD;
  if (!clean) return SCENARIO_LEAK;
  return status == LUA_OK ? SCENARIO_MET : SCENARIO_ERROR;
}

/* From one call to the next: under a sanitizer some are skipped. */
static unsigned stride(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 7;
#else
  return 1;
#endif
}

static bool run_points(const char *program, const char *scenario, apart_tally *sums) {
  point self = {.L = scenario_prepare(scenario, true, NULL)};
  if (self.L == NULL) return false;
  unsigned failed = 0;
  bool any = true;
  for (unsigned call = 1; any && call < CALLS_MAX && failed < FAULTS_MAX;
       call += stride()) {
    bool met = true;
    for (unsigned error = 0; met && error < ERRORS_MAX; error++) {
      self.call = call;
      self.error = error;
      bool good = apart_run(run_point, &self, call % 4 == 0, sums, &met);
      if (error == 0) any = met;
      if (good || ++failed > FAULTS_SHOWN) continue;
      printf("# repeat it: %s %s %u %u\n", program, scenario, call, error);
    }
  }
  lua_close(self.L);
  return failed == 0;
}

static int run_one(char **argv) {
  point self = {scenario_prepare(argv[1], true, NULL),
                (unsigned)strtoul(argv[2], NULL, 10),
                (unsigned)strtoul(argv[3], NULL, 10)};
  if (self.L == NULL) return EXIT_FAILURE;
  int end = run_point(&self);
  static const char *const texts[] = {"well, without an error", "well, with its error",
                                      "well, but the point was not met", "bad", "a leak"};
  printf("%s: %s\n", wrap_function() != NULL ? wrap_function() : "no call",
         texts[end - SCENARIO_MET]);
  return end < SCENARIO_BAD ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  if (!scenario_init("spec/faults")) return EXIT_FAILURE;
  if (argc == 4 && argv[2][0] >= '0' && argv[2][0] <= '9') return run_one(argv);
  scenario_list all = {.count = 0};
  scenario_find(&all);
  char **list = argc > 1 ? argv + 1 : all.names;
  int count = argc > 1 ? argc - 1 : all.count;
  int failed = 0;
  int number = 0;
  for (int i = 0; i < count; i++) {
    if (!scenario_can_be_warm(list[i])) continue;
    apart_tally sums = {0};
    bool good = run_points(argv[0], list[i], &sums);
    apart_print(good, ++number, list[i], "", "errors told", &sums);
    if (!good) failed++;
  }
  printf("1..%d\n%d passed, %d failed\n", number, number - failed, failed);
  scenario_forget(&all);
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
