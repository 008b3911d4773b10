/* limit.c: clock, measuring loop and bare state of the limit programs; see limit.h. */
#include "limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <lauxlib.h>
#include <lualib.h>

static int64_t read_clock(clockid_t id) {
  struct timespec t;
  if (clock_gettime(id, &t) != 0) limit_fail("no clock");
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t limit_now(void) {
  return read_clock(CLOCK_MONOTONIC);
}

double limit_cpu(void) {
  return (double)read_clock(CLOCK_PROCESS_CPUTIME_ID) * 1e-9;
}

double limit_resident_kb(void) {
  char line[256];
  double kb = 0;
  FILE *status = fopen("/proc/self/status", "r");
  if (status == NULL) return 0;
  while (fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "VmRSS:", 6) == 0) {
      kb = strtod(line + 6, NULL);
      break;
    }
  }
  fclose(status);
  return kb;
}

lua_State *limit_open(void) {
  const char *mode = getenv("LIMIT_GC");
  lua_State *L = luaL_newstate();
  if (L == NULL) limit_fail("not enough memory");
  luaL_openlibs(L);
  if (mode != NULL && strcmp(mode, "gen") == 0) lua_gc(L, LUA_GCGEN, 0, 0);
  return L;
}

void limit_push_empty(lua_State *L) {
  if (luaL_dostring(L, "return function() end") != LUA_OK) limit_fail("no function");
}

void limit_measure(lua_State *L, double seconds, limit_batch_fn batch, void *data) {
  int64_t total = 0, done = 0, ops = 0;
  int64_t wanted = (int64_t)(seconds * 1e9);
  do { /* warm-up: caches, pages, the size of the heap */
    total += batch(L, data, &ops);
  } while (total < wanted / 5);
  total = 0;
  do {
    total += batch(L, data, &ops);
    done += ops;
  } while (total < wanted);
  printf("ns %.3f\n", (double)total / (double)done);
}

void limit_fail(const char *message) {
  fprintf(stderr, "limit: %s\n", message);
  exit(1);
}

double limit_arg(int argc, char **argv, int index, double otherwise) {
  return index < argc ? strtod(argv[index], NULL) : otherwise;
}
