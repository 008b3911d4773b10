/* switch.c: the least that one switch between tasks can cost.
 *
 *   switch COROUTINES SECONDS
 *
 * COROUTINES Lua coroutines run `while true do pause() end`, where `pause` is a C
 * function that yields; C code resumes them in turn. One operation is one lua_resume and
 * the lua_yield that ends it.
 *
 * Stack of the main state: 1 a table that keeps the coroutines.
 */
#include "limit.h"

#include <stdlib.h>

#include <lauxlib.h>

enum { SWITCHES_PER_BATCH = 100000 };

typedef struct switch_ring {
  lua_State **coroutines; /* owned here; the coroutines by the table at stack slot 1 */
  int count;
} switch_ring;

static int pause_here(lua_State *L) {
  return lua_yield(L, 0);
}

static int64_t run_ring(lua_State *L, void *data, int64_t *ops) {
  switch_ring *ring = data;
  int rounds = SWITCHES_PER_BATCH / ring->count, results;
  int64_t start = limit_now();
  for (int round = 0; round < rounds; round++) {
    for (int i = 0; i < ring->count; i++) {
      if (lua_resume(ring->coroutines[i], L, 0, &results) != LUA_YIELD) {
        limit_fail("resume");
      }
    }
  }
  *ops = (int64_t)rounds * ring->count;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  switch_ring ring = {.count = (int)limit_arg(argc, argv, 1, 1)};
  double seconds = limit_arg(argc, argv, 2, 0.3);
  lua_State *L = limit_open();
  if (ring.count < 1 || ring.count > SWITCHES_PER_BATCH)
    limit_fail("1 to 100000 coroutines");
  ring.coroutines = calloc((size_t)ring.count, sizeof *ring.coroutines);
  if (ring.coroutines == NULL) limit_fail("not enough memory");
  lua_createtable(L, ring.count, 0);
  if (luaL_loadstring(L, "local pause = ... while true do pause() end") != LUA_OK) {
    limit_fail("no function");
  }
  for (int i = 0; i < ring.count; i++) {
    int results;
    lua_State *co = lua_newthread(L);
    lua_rawseti(L, 1, i + 1);
    lua_pushvalue(L, 2);
    lua_pushcfunction(L, pause_here);
    lua_xmove(L, co, 2);
    if (lua_resume(co, L, 1, &results) != LUA_YIELD) limit_fail("resume");
    ring.coroutines[i] = co;
  }
  limit_measure(L, seconds, run_ring, &ring);
  free(ring.coroutines);
  lua_close(L);
  return 0;
}
