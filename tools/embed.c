/* embed: writes the Lua modules that the interpreter carries as a C source.
 *
 * Usage: embed OUTPUT NAME=PATH... A tool of the build, run on the machine that builds.
 * Each module is compiled by the very Lua that the interpreter is linked with, and kept as
 * bytecode with its line numbers: loading it takes a tenth of the time of its source. The
 * table is declared in csrc/cli/embedded.h. Whether all was written is asked once, at the
 * end. */
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <string.h>

#include "cli/embedded.h"

static int write_bytes(lua_State *L, const void *data, size_t size, void *context) {
  (void)L;
  FILE *out = context;
  const unsigned char *bytes = data;
  for (size_t i = 0; i < size; i++) {
    if (fprintf(out, "%u,%s", bytes[i], i % 32 == 31 ? "\n" : "") < 0) return 1;
  }
  return 0;
}

/* Pushes what the module is called in messages: "=[xio] error.lua". */
static const char *push_source(lua_State *L, const char *name) {
  const char *file = strncmp(name, "xio.", 4) == 0 ? name + 4 : "init";
  return lua_pushfstring(L, "%s%s.lua", XIO_SOURCE_PREFIX, luaL_gsub(L, file, ".", "/"));
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

static void write_module(lua_State *L, FILE *out, int number, const char *argument) {
  const char *equals = strchr(argument, '=');
  if (equals == NULL) luaL_error(L, "NAME=PATH expected, got %s", argument);
  const char *name = lua_pushlstring(L, argument, (size_t)(equals - argument));
  push_file(L, equals + 1);
  size_t size = 0;
  const char *text = lua_tolstring(L, -1, &size);
  if (luaL_loadbufferx(L, text, size, push_source(L, name), "t") != LUA_OK) lua_error(L);
  (void)fprintf(out, "static const unsigned char code_%d[] = {\n", number);
  if (lua_dump(L, write_bytes, out, 0) != 0) luaL_error(L, "cannot write");
  (void)fputs("};\n", out);
  lua_settop(L, 0);
}

/* embed(arguments): their number and the list are light userdata. */
static int embed(lua_State *L) {
  int argc = (int)lua_tointeger(L, 1);
  char **argv = lua_touserdata(L, 2);
  if (argc < 2) return luaL_error(L, "usage: embed OUTPUT NAME=PATH...");
  FILE *out = fopen(argv[1], "w");
  if (out == NULL) return luaL_error(L, "cannot write %s", argv[1]);
  (void)fputs(
      "/* Made by the embed tool; do not edit. */\n#include \"cli/embedded.h\"\n\n", out);
  for (int i = 2; i < argc; i++) write_module(L, out, i, argv[i]);
  (void)fputs("\nconst xio_embedded_module xio_embedded_modules[] = {\n", out);
  for (int i = 2; i < argc; i++) {
    int length = (int)(strchr(argv[i], '=') - argv[i]);
    (void)fprintf(out, "    {\"%.*s\", code_%d, sizeof code_%d},\n", length, argv[i], i,
                  i);
  }
  (void)fputs("    {NULL, NULL, 0},\n};\n", out);
  int failed = ferror(out);
  if (fclose(out) != 0 || failed) return luaL_error(L, "cannot write %s", argv[1]);
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
