/* report: see report.h. */
#include "cli/report.h"

#include <lauxlib.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/library.h"

enum { EXIT_DEADLOCK = 13, EXIT_BY_SIGNAL = 128 };

static const char plain_key = 0; /* its address finds the last message marked plain */

void xio_report_mark_plain(lua_State *L) {
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &plain_key);
}

/* Whether the error at index 1 was marked plain and suppressed no other. */
static bool is_plain(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &plain_key);
  bool plain = !lua_isnil(L, -1) && lua_rawequal(L, -1, 1);
  lua_pop(L, 1);
  if (!plain || !xio_library_push(L, "suppressed")) return plain;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  plain = !lua_istable(L, -1) || lua_rawlen(L, -1) == 0;
  lua_pop(L, 1);
  return plain;
}

/* Whether the error at index 1 has a text of its own. */
static bool has_text(lua_State *L) {
  if (lua_isstring(L, 1)) return true;
  if (luaL_getmetafield(L, 1, "__tostring") == LUA_TNIL) return false;
  lua_pop(L, 1);
  return true;
}

int xio_report_describe(lua_State *L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  if (is_plain(L)) return 1;
  if (xio_library_push(L, "traceback")) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
  } else {
    luaL_tolstring(L, 1, NULL);
  }
  if (has_text(L)) return 1;
  const char *text = lua_tostring(L, 2);
  const char *trace = text != NULL ? strstr(text, "\nstack traceback:") : NULL;
  lua_pushfstring(L, "(error object is a %s value)%s", luaL_typename(L, 1),
                  trace != NULL ? trace : "");
  return 1;
}

/* The signal that ended the run whose error is at index 1, or 0. */
static int signal_of(lua_State *L) {
  if (!xio_library_push(L, "is_interrupted")) return 0;
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  if (!lua_toboolean(L, -1)) return 0;
  lua_getfield(L, 1, "signal");
  const char *name = lua_tostring(L, -1);
  if (name == NULL) return 0;
  if (strcmp(name, "INT") == 0) return SIGINT;
  return strcmp(name, "TERM") == 0 ? SIGTERM : 0;
}

static bool is_deadlock(lua_State *L) {
  if (!lua_istable(L, 1) && !lua_isuserdata(L, 1)) return false;
  lua_getfield(L, 1, "code");
  const char *code = lua_tostring(L, -1);
  return code != NULL && strcmp(code, "EDEADLK") == 0;
}

/* A Lua function: fills in the xio_ending for an error. */
static int find_ending(lua_State *L) {
  xio_ending *ending = lua_touserdata(L, 2);
  ending->signal = signal_of(L);
  if (ending->signal == 0 && is_deadlock(L)) ending->exit_code = EXIT_DEADLOCK;
  return 0;
}

void xio_report_message(const char *program, const char *message) {
  (void)fflush(stdout);
  if (program != NULL) (void)fprintf(stderr, "%s: ", program);
  (void)fprintf(stderr, "%s\n", message);
  (void)fflush(stderr);
}

/* Writes the report of the error at the top of the stack. */
static void write_report(lua_State *L, const char *program) {
  lua_pushcfunction(L, xio_report_describe);
  lua_pushvalue(L, -2);
  int shown = -1;
  if (lua_pcall(L, 1, 1, 0) != LUA_OK && lua_type(L, -2) == LUA_TSTRING) shown = -2;
  bool has_words = lua_type(L, shown) == LUA_TSTRING;
  xio_report_message(program,
                     has_words ? lua_tostring(L, shown) : "(error without text)");
  lua_pop(L, 1);
}

xio_ending xio_report_error(lua_State *L, const char *program) {
  xio_ending ending = {.exit_code = EXIT_FAILURE, .signal = 0};
  lua_pushcfunction(L, find_ending);
  lua_pushvalue(L, -2);
  lua_pushlightuserdata(L, &ending);
  if (lua_pcall(L, 2, 0, 0) != LUA_OK) lua_pop(L, 1); /* the report will tell of it */
  if (ending.signal == 0) write_report(L, program);
  lua_pop(L, 1);
  return ending;
}

int xio_report_finish(const xio_ending *ending) {
  if (ending->signal == 0) return ending->exit_code;
  (void)fflush(NULL);
  (void)signal(ending->signal, SIG_DFL);
  (void)raise(ending->signal);
  return EXIT_BY_SIGNAL +
         ending->signal; /* it is blocked, or was ignored by our parent */
}
