/* setup: see setup.h. */
#include "cli/setup.h"

#include <lauxlib.h>
#include <lualib.h>
#include <string.h>
#include <uv.h>

#include "cli/child.h"
#include "cli/exit.h"
#include "cli/library.h"
#include "cli/quit.h"
#include "cli/read.h"
#include "lua/attention.h"
#include "lua/preload.h"
#include "lua/worker.h"

enum { PATH_BYTES_MAX = 4096 };

#define LUA_SUBFOLDER "/lua/" LUA_VERSION_MAJOR "." LUA_VERSION_MINOR "/"

/* Pushes a table of package.loaded: "_G", "package", "string" … */
static void push_library(lua_State *L, const char *name) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(L, -1, name);
  lua_remove(L, -2);
}

static void set_arguments(lua_State *L, const xio_options *options) {
  int script = options->script < options->argc ? options->script : 0;
  lua_createtable(L, options->argc - script, script + 1);
  for (int i = 0; i < options->argc; i++) {
    lua_pushstring(L, options->argv[i]);
    lua_rawseti(L, -2, i - script);
  }
  lua_setglobal(L, "arg");
}

/* Cuts `path` before its last slash. */
static bool to_parent(char *path) {
  char *slash = strrchr(path, '/');
  if (slash == NULL) return false;
  *slash = '\0';
  return true;
}

/* Pushes the folder above the one that holds the program; false and nothing where it
 * cannot be told, or would break a search path. */
static bool push_prefix(lua_State *L) {
  char path[PATH_BYTES_MAX];
  size_t size = sizeof path;
  if (uv_exepath(path, &size) != 0 || !to_parent(path) || !to_parent(path)) return false;
  if (strpbrk(path, LUA_PATH_SEP LUA_PATH_MARK) != NULL) return false;
  lua_pushstring(L, path);
  return true;
}

/* Adds the templates at the top of the stack, which are popped, to a field of `package`
 * that is below them: behind Lua's default templates, where those are part of it at all,
 * so that an environment variable keeps its say. */
static void extend_path(lua_State *L, const char *field, const char *standard) {
  const char *own = lua_tostring(L, -1);
  if (strstr(standard, own) == NULL) {
    const char *extended = lua_pushfstring(L, "%s" LUA_PATH_SEP "%s", standard, own);
    lua_getfield(L, -3, field);
    luaL_gsub(L, luaL_checkstring(L, -1), standard, extended);
    lua_setfield(L, -5, field);
    lua_pop(L, 2);
  }
  lua_pop(L, 1);
}

static void extend_paths(lua_State *L) {
  if (!push_prefix(L)) return;
  const char *prefix = lua_tostring(L, -1);
  push_library(L, "package");
  lua_pushfstring(L,
                  "%s/share" LUA_SUBFOLDER "?.lua" LUA_PATH_SEP "%s/share" LUA_SUBFOLDER
                  "?/init.lua",
                  prefix, prefix);
  extend_path(L, "path", LUA_PATH_DEFAULT);
  lua_pushfstring(L, "%s/lib" LUA_SUBFOLDER "?.so", prefix);
  extend_path(L, "cpath", LUA_CPATH_DEFAULT);
  lua_pop(L, 2);
}

/* Replaces a function of a library by the one that a module returns. */
static void install(lua_State *L, const char *library, const char *name,
                    const char *module) {
  push_library(L, library);
  xiol_push_module(L, module);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
}

/* Puts versions that can wait in the place of functions that cannot: in each state. */
static void install_standins(lua_State *L) {
  install(L, "_G", "require", "xio.require");
  install(L, "table", "sort", "xio.sort");
  install(L, "string", "gsub", "xio.gsub");
}

void xio_setup(lua_State *L, xio_program *program) {
  luaL_checkversion(L);
  lua_gc(L, LUA_GCSTOP);
  if (program->options->ignore_env) {
    lua_pushboolean(L, 1);
    lua_setfield(L, LUA_REGISTRYINDEX, "LUA_NOENV"); /* luaL_openlibs looks at it */
  }
  luaL_openlibs(L);
  set_arguments(L, program->options);
  extend_paths(L);
  xiol_preload(L, xiol_embedded_modules);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "xio");
  lua_call(L, 1, 1);
  xio_library_keep(L);
  install_standins(L);
  xiol_extend_threads(L, install_standins);
  push_library(L, "os");
  xio_exit_push(L, program);
  lua_setfield(L, -2, "exit");
  lua_pop(L, 1);
  if (!program->options->stock_io) {
    xio_read_install(L, xiol_attention_state(L));
    xio_child_install(L, xiol_attention_state(L));
  }
  xio_quit_open(L, program->options);
  lua_gc(L, LUA_GCRESTART);
  xiol_collect_by_age(L);
}
