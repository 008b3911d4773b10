/* low_memory: a host that gives its Lua state a fixed amount of memory.
 *
 * All memory of a runtime is that of its Lua state, so the limit holds for both. Where it
 * runs dry the host is told, goes on, and gets every byte back.
 *
 * Prints:
 *   opened when there was enough
 *   a greedy script: not enough memory
 *   many greedy tasks: not enough memory
 *   a modest script still works: 42
 *   everything was given back: 0 bytes */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xio.h>

typedef struct budget {
  size_t used, limit;
} budget;

/* A lua_Alloc: fails when more than the limit would be in use. Giving back and shrinking
 * never fail, as Lua requires. */
static void *allocate(void *context, void *block, size_t old_size, size_t new_size) {
  budget *self = context;
  if (block == NULL) old_size = 0; /* it tells the type of a new object then */
  if (new_size == 0) {
    free(block);
    self->used -= old_size;
    return NULL;
  }
  if (new_size > old_size && new_size - old_size > self->limit - self->used) return NULL;
  void *moved = realloc(block, new_size);
  if (moved != NULL) self->used = self->used - old_size + new_size;
  return moved;
}

static const char greedy[] =
    "local xio = require 'xio'\n"
    "local kept = {}\n"
    "while true do\n"
    "  kept[#kept + 1] = ('x'):rep(1000) .. #kept\n"
    "  xio.checkpoint()\n"
    "end\n";

static const char many_tasks[] =
    "local xio = require 'xio'\n"
    "xio.group(function(g)\n"
    "  while true do g:spawn(function() xio.sleep_forever() end); xio.checkpoint() end\n"
    "end)\n";

static const char modest[] =
    "local xio = require 'xio'\n"
    "xio.sleep(0.001)\n"
    "return 42\n";

static int open_libraries(lua_State *L) {
  luaL_openlibs(L);
  return 0;
}

/* Opens a state and a runtime within the limit. NULL: there was not enough, and nothing is
 * in use. */
static lua_State *open_within(budget *memory, size_t limit, xio_runtime **runtime) {
  *memory = (budget){.limit = limit};
  lua_State *L = lua_newstate(allocate, memory);
  if (L == NULL) return NULL;
  lua_pushcfunction(L, open_libraries); /* luaL_openlibs raises when memory is out */
  if (lua_pcall(L, 0, 0, 0) == LUA_OK && xio_open(L, NULL, runtime) == 0) return L;
  lua_close(L);
  return NULL;
}

/* Runs a chunk; returns the result of xio_run. */
static int run(lua_State *L, xio_runtime *runtime, const char *text) {
  if (luaL_loadstring(L, text) != LUA_OK) return XIO_ERR_LUA;
  return xio_run(runtime, L, 0, 1);
}

/* What the error at the top says. Where several tasks ran dry in the same turn it is a group
 * of their errors, whose text has all of them. */
static const char *reason(lua_State *L) {
  const char *text = luaL_tolstring(L, -1, NULL);
  return strstr(text, "not enough memory") != NULL ? "not enough memory" : text;
}

int main(void) {
  const size_t step = 20000;
  budget memory = {0};
  xio_runtime *runtime = NULL;
  lua_State *L = NULL;
  for (size_t limit = step; L == NULL; limit += step) {
    L = open_within(&memory, limit, &runtime);
    if (L == NULL && memory.used != 0) return EXIT_FAILURE; /* something was lost */
  }
  printf("opened when there was enough\n");
  memory.limit += 300000;

  int failures = 0;
  if (run(L, runtime, greedy) != XIO_ERR_MEMORY) failures++;
  printf("a greedy script: %s\n", lua_tostring(L, -1));
  lua_settop(L, 0);
  if (run(L, runtime, many_tasks) == 0) failures++;
  printf("many greedy tasks: %s\n", reason(L));
  lua_settop(L, 0);
  if (run(L, runtime, modest) != 0) failures++;
  printf("a modest script still works: %d\n", (int)lua_tointeger(L, -1));
  lua_settop(L, 0);

  if (xio_close(runtime, L) != 0) failures++;
  lua_close(L);
  printf("everything was given back: %zu bytes\n", memory.used);
  return failures == 0 && memory.used == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
