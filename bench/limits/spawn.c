/* spawn.c: the least that starting and ending a task can cost.
 *
 *   spawn fresh|recycled SECONDS N
 *
 * N empty Lua functions "at once", that is per batch. `fresh` makes N threads with
 * lua_newthread, keeps them in a table, runs each to its end and drops them: the cost of
 * a runtime that gives each task a coroutine of its own. `recycled` runs all on one
 * thread that is used again and again: the cost of a runtime that recycles coroutines,
 * without the task, the queue, the group and the protected call around it.
 *
 * Stack of the main state: 1 the empty function, 2 the table of threads.
 */
#include "limit.h"

#include <string.h>

static int64_t run_fresh(lua_State *L, void *data, int64_t *ops) {
  int count = *(int *)data, results;
  int64_t start = limit_now();
  for (int i = 1; i <= count; i++) {
    lua_State *co = lua_newthread(L);
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    lua_rawseti(L, 2, i);
  }
  for (int i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    if (lua_resume(lua_tothread(L, -1), L, 0, &results) != LUA_OK) limit_fail("resume");
    lua_pop(L, 1);
    lua_pushnil(L);
    lua_rawseti(L, 2, i);
  }
  *ops = count;
  return limit_now() - start;
}

static int64_t run_recycled(lua_State *L, void *data, int64_t *ops) {
  int count = *(int *)data, results;
  lua_rawgeti(L, 2, 1);
  lua_State *co = lua_tothread(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  int64_t start = limit_now();
  for (int i = 0; i < count; i++) {
    lua_pushvalue(L, 1);
    lua_xmove(L, co, 1);
    if (lua_resume(co, L, 0, &results) != LUA_OK) limit_fail("resume");
  }
  *ops = count;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  if (argc < 2) limit_fail("usage: spawn fresh|recycled SECONDS N");
  double seconds = limit_arg(argc, argv, 2, 0.3);
  int count = (int)limit_arg(argc, argv, 3, 1000);
  lua_State *L = limit_open();
  limit_push_empty(L);
  lua_createtable(L, count, 0);
  if (strcmp(argv[1], "fresh") == 0) {
    limit_measure(L, seconds, run_fresh, &count);
  } else {
    lua_newthread(L);
    lua_rawseti(L, 2, 1);
    limit_measure(L, seconds, run_recycled, &count);
  }
  lua_close(L);
  return 0;
}
