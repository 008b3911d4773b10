/* embed: writes the Lua modules that the interpreter and libxio carry as C sources.
 *
 * Usage: embed BYTECODE-OUTPUT TEXT-OUTPUT NAME=PATH... A tool of the build, run on the
 * machine that builds. For the interpreter each module is compiled by the very Lua that
 * that is linked with, and kept as bytecode with its line numbers: loading it takes a
 * tenth of the time of its source. libxio's host brings a Lua of its own, so that gets the
 * source. The table is declared in csrc/lua/preload.h. Whether all was written is asked
 * once, at the end. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "lua/preload.h"

static int write_bytes(lua_State *L, const void *data, size_t size, void *context) {
  (void)L;
  FILE *out = context;
  const unsigned char *bytes = data;
  for (size_t i = 0; i < size; i++) {
    if (fprintf(out, "%u,%s", bytes[i], i % 32 == 31 ? "\n" : "") < 0) return 1;
  }
  return 0;
}

/* Pushes the name of the module's file below lua/xio: "error.lua". */
static const char *push_file_name(lua_State *L, const char *name) {
  const char *file = strncmp(name, "xio.", 4) == 0 ? name + 4 : "init";
  return lua_pushfstring(L, "%s.lua", luaL_gsub(L, file, ".", "/"));
}

/* Reads the whole file; pushes it. */
static int push_file(lua_State *L, const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) return luaL_error(L, "cannot open %s", path);
  luaL_Buffer buffer;
  luaL_buffinit(L, &buffer);
  for (size_t got;
       (got = fread(luaL_prepbuffer(&buffer), 1, LUAL_BUFFERSIZE, file)) > 0;) {
    luaL_addsize(&buffer, got);
  }
  int failed = ferror(file);
  (void)fclose(file);
  if (failed) return luaL_error(L, "cannot read %s", path);
  luaL_pushresult(&buffer);
  return 1;
}

/* Writes the module of one argument: into `bytecode` its code, into `text` its source. */
static void write_module(lua_State *L, FILE *bytecode, FILE *text, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (equals == NULL) luaL_error(L, "NAME=PATH expected, got %s", argument);
  const char *name = lua_pushlstring(L, argument, (size_t)(equals - argument));
  push_file(L, equals + 1);
  size_t size = 0;
  const char *source = lua_tolstring(L, -1, &size);
  const char *chunk =
      lua_pushfstring(L, "%s%s", XIOL_SOURCE_PREFIX, push_file_name(L, name));
  if (write_bytes(L, source, size, text) != 0) luaL_error(L, "cannot write");
  if (luaL_loadbufferx(L, source, size, chunk, "t") != LUA_OK) lua_error(L);
  if (lua_dump(L, write_bytes, bytecode, 0) != 0) luaL_error(L, "cannot write");
  lua_settop(L, 0);
}

static void write_table(lua_State *L, FILE *out, int count, char **modules) {
  (void)fputs("\nconst xiol_module xiol_embedded_modules[] = {\n", out);
  for (int i = 0; i < count; i++) {
    const char *equals = strchr(modules[i], '=');
    const char *name = lua_pushlstring(L, modules[i], (size_t)(equals - modules[i]));
    (void)fprintf(out, "    {\"%s\", \"%s\", data_%d, sizeof data_%d},\n", name,
                  push_file_name(L, name), i, i);
    lua_settop(L, 0);
  }
  (void)fputs("    {NULL, NULL, NULL, 0},\n};\n", out);
}

static FILE *open_output(lua_State *L, const char *path) {
  FILE *out = fopen(path, "w");
  if (out == NULL) luaL_error(L, "cannot write %s", path);
  (void)fputs("/* Made by tools/embed.c; do not edit. */\n#include \"lua/preload.h\"\n\n",
              out);
  return out;
}

static void close_output(lua_State *L, FILE *out, const char *path) {
  int failed = ferror(out);
  if (fclose(out) != 0 || failed) luaL_error(L, "cannot write %s", path);
}

/* embed(arguments): their number and the list are light userdata. */
static int embed(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  if (argc < 3) return luaL_error(L, "usage: embed BYTECODE TEXT NAME=PATH...");
  FILE *outputs[] = {open_output(L, argv[1]), open_output(L, argv[2])};
  for (int i = 3; i < argc; i++) {
    for (int j = 0; j < 2; j++) {
      (void)fprintf(outputs[j], "static const unsigned char data_%d[] = {\n", i - 3);
    }
    write_module(L, outputs[0], outputs[1], argv[i]);
    for (int j = 0; j < 2; j++) (void)fputs("};\n", outputs[j]);
  }
  for (int j = 0; j < 2; j++) {
    write_table(L, outputs[j], argc - 3, argv + 3);
    close_output(L, outputs[j], argv[1 + j]);
  }
  return 0;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  lua_pushcfunction(L, embed);
  lua_pushinteger(L, argc);
  lua_pushlightuserdata(L, argv);
  int status = lua_pcall(L, 2, 0, 0);
  if (status != LUA_OK) (void)fprintf(stderr, "embed: %s\n", lua_tostring(L, -1));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}
