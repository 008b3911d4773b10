/* embed: what every test of xio.h includes: cmocka, the public header, and a world of one
 * Lua state on a counting allocator with one runtime. Nothing of xio but its public
 * header is used. */
#ifndef XIO_TEST_EMBED_H
#define XIO_TEST_EMBED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <lauxlib.h>
#include <lualib.h>
#include <math.h>
#include <string.h>
#include <uv.h>

#include "../support/counting.h"
#include "xio.h"

typedef struct embed_world {
  counting memory;
  lua_State *L;
  xio_runtime *runtime;
} embed_world;

/* A Lua state with its libraries, and without a runtime. */
static inline void embed_begin_bare(embed_world *world) {
  *world = (embed_world){0};
  xio_allocator alloc = counting_allocator(&world->memory);
  world->L = lua_newstate(alloc.resize, alloc.context);
  assert_non_null(world->L);
  luaL_openlibs(world->L);
}

static inline void embed_begin(embed_world *world, const xio_open_options *options) {
  embed_begin_bare(world);
  assert_int_equal(xio_open(world->L, options, &world->runtime), 0);
  assert_int_equal(lua_gettop(world->L), 0);
}

/* Closes everything: no byte may be left. */
static inline void embed_end(embed_world *world) {
  assert_int_equal(lua_gettop(world->L), 0);
  assert_int_equal(xio_close(world->runtime, world->L), 0);
  assert_int_equal(lua_gettop(world->L), 0);
  lua_close(world->L);
  assert_true(counting_clean(&world->memory));
}

/* Loads a chunk in which `xio` is the module. */
static inline void embed_load(embed_world *world, const char *text) {
  lua_State *L = world->L;
  const char *whole = lua_pushfstring(L, "local xio = require 'xio'; %s", text);
  assert_int_equal(luaL_loadbuffer(L, whole, strlen(whole), "=test"), LUA_OK);
  lua_remove(L, -2);
}

static inline void embed_set_function(embed_world *world, const char *name,
                                      lua_CFunction function) {
  lua_pushlightuserdata(world->L, world);
  lua_pushcclosure(world->L, function, 1);
  lua_setglobal(world->L, name);
}

/* The world, in a function that embed_set_function has set. */
static inline embed_world *embed_world_of(lua_State *L) {
  return lua_touserdata(L, lua_upvalueindex(1));
}

/* Runs a chunk, which must return true. */
static inline void embed_run(embed_world *world, const char *text) {
  embed_load(world, text);
  int result = xio_run(world->runtime, world->L, 0, 1);
  if (result != 0) fail_msg("%s", xio_traceback(world->L, -1));
  assert_true(lua_toboolean(world->L, -1));
  lua_settop(world->L, 0);
}

/* The error at the top has `text` in it; it is popped. */
static inline void embed_expect_error(embed_world *world, const char *text) {
  const char *message = luaL_tolstring(world->L, -1, NULL);
  if (strstr(message, text) == NULL) fail_msg("\"%s\" has no \"%s\"", message, text);
  lua_pop(world->L, 2);
}

/* Steps until no task lives; the last result. */
static inline int embed_drain(embed_world *world) {
  int result = XIO_MORE;
  for (int i = 0; i < 10000 && result > 0; i++) {
    result = xio_step(world->runtime, world->L, 0.05);
  }
  return result;
}

#endif
