/* scenario: see scenario.h. */
#include "scenario.h"

#include <dirent.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "xio.h"

static const char *folder;    /* where scenarios are */
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

bool scenario_init(const char *dir) {
  folder = dir;
  if (uv_replace_allocator(uv_counted_malloc, uv_counted_realloc, uv_counted_calloc,
                           uv_counted_free) != 0) {
    printf("# libuv was used before\n");
    return false;
  }
  if (getenv("XIO_BUILD_DIR") == NULL) {
    printf("# XIO_BUILD_DIR is not set\n");
    return false;
  }
  return true;
}

/* -- names --------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
  return strcmp(*(char *const *)a, *(char *const *)b);
}

void scenario_find(scenario_list *list) {
  DIR *dir = opendir(folder);
  int first = list->count;
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    size_t length = strlen(entry->d_name);
    if (length < 5 || strcmp(entry->d_name + length - 4, ".lua") != 0) continue;
    if (list->count < SCENARIOS_MAX)
      list->names[list->count++] = strndup(entry->d_name, length - 4);
  }
  if (dir != NULL) closedir(dir);
  qsort(list->names + first, (size_t)(list->count - first), sizeof *list->names, compare);
}

void scenario_forget(scenario_list *list) {
  for (int i = 0; i < list->count; i++) free(list->names[i]);
  list->count = 0;
}

bool scenario_can_be_warm(const char *name) {
  return strncmp(name, "exit_", 5) != 0; /* it ends the process */
}

/* -- the Lua state ------------------------------------------------------------------- */

/* exit(): closes the Lua state where it is called, as os.exit(true, true) does, and ends
 * the process. */
static int l_exit(lua_State *L) {
  lua_close(L);
  bool clean = scenario_clean();
  fflush(stdout);
  _Exit(!clean                      ? SCENARIO_LEAK
        : heap_memory.failures == 0 ? SCENARIO_NOT_MET
                                    : SCENARIO_MET);
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

void scenario_push_require(lua_State *L) {
  lua_pushcfunction(L, require);
}

/* Calls a C function protected on a text; prints an error. */
static bool call(lua_State *L, lua_CFunction f, const char *argument, int results) {
  lua_pushcfunction(L, f);
  lua_pushstring(L, argument);
  if (lua_pcall(L, 1, results, 0) == LUA_OK) return true;
  printf("# %s: %s\n", argument, lua_tostring(L, -1));
  return false;
}

/* load(name, exit): gives the function of a scenario. */
static int load_scenario(lua_State *L) {
  const char *file = lua_pushfstring(L, "%s/%s.lua", folder, lua_tostring(L, 1));
  if (luaL_loadfile(L, file)) return lua_error(L);
  lua_pushcfunction(L, require);
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_call(L, 2, 1);
  luaL_checktype(L, -1, LUA_TFUNCTION);
  return 1;
}

static bool push_scenario(lua_State *L, const char *name, lua_CFunction exit) {
  lua_pushcfunction(L, exit != NULL ? exit : l_exit);
  lua_pushcclosure(L, load_scenario, 1);
  lua_pushstring(L, name);
  if (lua_pcall(L, 1, 1, 0) == LUA_OK) return true;
  printf("# %s: %s\n", name, luaL_tolstring(L, -1, NULL));
  return false;
}

bool scenario_help(lua_State *L, const char *name, int argument, int results) {
  lua_getfield(L, SCENARIO_HELPERS, name);
  if (argument != 0) lua_pushvalue(L, argument);
  if (lua_pcall(L, argument != 0 ? 1 : 0, results, 0) == LUA_OK) return true;
  printf("# %s: %s\n", name, luaL_tolstring(L, -1, NULL));
  return false;
}

lua_State *scenario_bare_state(void) {
  heap_memory = (counting){0};
  lua_State *L = lua_newstate(heap_resize, NULL);
  if (L != NULL && !call(L, open_libraries, "libraries", 0)) return NULL;
  return L;
}

bool scenario_load_helpers(lua_State *L) {
  lua_settop(L, 0);
  return call(L, require, "spec.support.torture", 1) && scenario_help(L, "census", 0, 1);
}

lua_State *scenario_prepare(const char *name, bool warm, lua_CFunction exit) {
  lua_State *L = scenario_bare_state();
  if (L == NULL || !scenario_load_helpers(L) || !push_scenario(L, name, exit))
    return NULL;
  if (warm) {
    if (!scenario_help(L, "check_health", 0, 0)) return NULL;
    lua_pushvalue(L, SCENARIO_FUNCTION);
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) {
      printf("# %s: %s\n", name, luaL_tolstring(L, -1, NULL));
      return NULL;
    }
  }
  lua_gc(L, LUA_GCCOLLECT);
  return L;
}

bool scenario_check(lua_State *L) {
  return scenario_help(L, "check_census", SCENARIO_CENSUS, 0) &&
         scenario_help(L, "check_health", 0, 0);
}

bool scenario_clean(void) {
  if (counting_clean(&heap_memory) && uv_blocks == 0) return true;
  const char *misuse = heap_memory.misuse;
  printf("# %zu bytes are left, %ld blocks of libuv%s%s\n", heap_memory.bytes, uv_blocks,
         misuse != NULL ? "; " : "", misuse != NULL ? misuse : "");
  return false;
}
