/* program: see program.h. */
#include "cli/program.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cli/edit.h"
#include "cli/interrupt.h"
#include "cli/library.h"
#include "cli/report.h"
#include "lua/attention.h"
#include "lua/binding.h"
#include "lua/preload.h"

enum { NOTHING_TO_CALL = -1 };

void xio_program_init(xio_program *program, const xio_options *options,
                      bool on_terminal) {
  *program = (xio_program){.options = options,
                           .on_terminal = on_terminal,
                           .phase = XIO_PHASE_INIT,
                           .next_option = 1};
}

static bool has_script(const xio_options *options) {
  return options->script < options->argc;
}

/* With nothing to execute, standard input is the program: a prompt or a file. */
static bool is_idle(const xio_options *options) {
  return !has_script(options) && !options->execute && !options->version;
}

bool xio_program_is_interactive(const xio_program *program) {
  const xio_options *options = program->options;
  return options->interactive || (is_idle(options) && program->on_terminal);
}

/* A chunk that was to be loaded is on the stack, or the message why it was not. */
static int check_loaded(lua_State *L, int status) {
  if (status == LUA_OK) return 0;
  xio_report_mark_plain(L);
  return lua_error(L);
}

static int push_string_chunk(lua_State *L, const char *text, const char *name) {
  return check_loaded(L, luaL_loadbuffer(L, text, strlen(text), name));
}

/* Read before any thread of the program can write there. */
static const char *environment(const char *name) {
  return getenv(name); /* NOLINT(concurrency-mt-unsafe) */
}

static int push_init(lua_State *L, const xio_program *program) {
  if (program->options->ignore_env) return NOTHING_TO_CALL;
  const char *name = "=LUA_INIT" LUA_VERSUFFIX;
  const char *text = environment(name + 1);
  if (text == NULL) {
    name = "=LUA_INIT";
    text = environment(name + 1);
  }
  if (text == NULL) return NOTHING_TO_CALL;
  if (text[0] == '@') return check_loaded(L, luaL_loadfile(L, text + 1));
  return push_string_chunk(L, text, name);
}

/* "mod" or "global=mod". */
static int push_require(lua_State *L, xio_program *program, const char *argument) {
  const char *equals = strchr(argument, '=');
  program->library = argument;
  lua_getglobal(L, "require");
  lua_pushstring(L, equals != NULL ? equals + 1 : argument);
  return 1;
}

/* Leaves the phase when there is no option left. */
static int push_option(lua_State *L, xio_program *program) {
  const char *argument = "";
  switch (xio_options_next(program->options, &program->next_option, &argument)) {
    case 'e': return push_string_chunk(L, argument, "=(command line)");
    case 'l': return push_require(L, program, argument);
    case 'W': lua_warning(L, "@on", 0); return NOTHING_TO_CALL;
    case 0: program->phase = XIO_PHASE_SCRIPT; return NOTHING_TO_CALL;
    default: return NOTHING_TO_CALL;
  }
}

/* Pushes the elements of the global table `arg` from 1 on; returns how many. */
static int push_script_arguments(lua_State *L) {
  if (lua_getglobal(L, "arg") != LUA_TTABLE) {
    lua_pushliteral(L, "'arg' is not a table");
    xio_report_mark_plain(L);
    lua_error(L);
  }
  int table = lua_gettop(L);
  lua_Integer count = luaL_len(L, table);
  if (count >= INT32_MAX - 3) luaL_error(L, "too many arguments to script");
  xiol_need_stack(L, (int)count + 3, "too many arguments to script");
  for (lua_Integer i = 1; i <= count; i++) lua_rawgeti(L, table, i);
  lua_remove(L, table);
  return (int)count;
}

static int push_script(lua_State *L, const xio_program *program) {
  if (has_script(program->options)) {
    check_loaded(L, luaL_loadfile(L, xio_options_script_file(program->options)));
    return push_script_arguments(L);
  }
  if (!is_idle(program->options) || program->on_terminal) return NOTHING_TO_CALL;
  return check_loaded(L, luaL_loadfile(L, NULL));
}

/* Pushes the function of the module xio.repl, which is loaded once: it keeps what was
 * read ahead. */
static void push_repl(lua_State *L) {
  static const char repl_key = 0;
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &repl_key) != LUA_TNIL) return;
  lua_pop(L, 1);
  xiol_push_module(L, "xio.repl");
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &repl_key);
}

/* load(name): a module of the interpreter's own, which no program sees. */
static int load_module(lua_State *L) {
  xiol_push_module(L, luaL_checkstring(L, 1));
  return 1;
}

static int push_prompt(lua_State *L, xio_program *program) {
  if (!xio_program_is_interactive(program)) return NOTHING_TO_CALL;
  if (!program->in_session && !program->options->version) xio_options_print_version();
  program->in_session = true;
  push_repl(L);
  lua_createtable(L, 0, 5); /* a ReplHost */
  lua_pushboolean(L, program->on_terminal);
  lua_setfield(L, -2, "is_terminal");
  lua_pushcfunction(L, xio_report_describe);
  lua_setfield(L, -2, "describe");
  xio_edit_push(L);
  lua_setfield(L, -2, "editor");
  xio_interrupt_push(L);
  lua_setfield(L, -2, "interrupt");
  lua_pushcfunction(L, load_module);
  lua_setfield(L, -2, "load");
  return 1;
}

/* Pushes the next function to call and its arguments; returns their number, or
 * NOTHING_TO_CALL at the end of the program. */
static int push_next(lua_State *L, xio_program *program) {
  int count = NOTHING_TO_CALL;
  while (count == NOTHING_TO_CALL && program->phase != XIO_PHASE_END) {
    switch (program->phase) {
      case XIO_PHASE_INIT:
        program->phase = XIO_PHASE_OPTIONS;
        count = push_init(L, program);
        break;
      case XIO_PHASE_OPTIONS: count = push_option(L, program); break;
      case XIO_PHASE_SCRIPT:
        program->phase = XIO_PHASE_PROMPT;
        count = push_script(L, program);
        break;
      case XIO_PHASE_PROMPT:
        program->phase = XIO_PHASE_END;
        count = push_prompt(L, program);
        break;
      case XIO_PHASE_END: break;
    }
  }
  return count;
}

/* Whether what was just pushed is the last that the program calls. */
static bool is_last(const xio_program *program) {
  const xio_options *options = program->options;
  if (program->library != NULL || xio_program_is_interactive(program)) return false;
  if (program->phase != XIO_PHASE_OPTIONS) return program->phase == XIO_PHASE_PROMPT;
  int index = program->next_option;
  const char *argument = NULL;
  return xio_options_next(options, &index, &argument) == 0 && !has_script(options);
}

/* A call has returned: its result, at the top, is a library to keep in a global, if
 * any. */
static void finish_call(lua_State *L, xio_program *program) {
  program->in_session = false;
  const char *argument = program->library;
  if (argument == NULL) return;
  program->library = NULL;
  const char *equals = strchr(argument, '=');
  size_t length = equals != NULL ? (size_t)(equals - argument) : strlen(argument);
  const char *global = lua_pushlstring(L, argument, length);
  lua_insert(L, -2);
  lua_setglobal(L, global);
}

/* Runs the program, the function's upvalue, to its end. Below everything on the stack is
 * the guard, or nil. */
static int run_from(lua_State *L, int status, lua_KContext context) {
  xio_program *program = lua_touserdata(L, lua_upvalueindex(1));
  if (status == LUA_YIELD) finish_call(L, program);
  for (;;) {
    lua_settop(L, 1);
    int count = push_next(L, program);
    if (count == NOTHING_TO_CALL) return 0;
    if (is_last(program)) { /* as in lua, it is the first of all functions */
      finish_call(L, program);
      return xiol_call_last(xiol_attention_state(L), count);
    }
    int results = program->library != NULL ? 1 : 0;
    lua_callk(L, count, results, context, run_from);
    finish_call(L, program);
  }
}

/* __close(guard, err): the main task is over. An error of its own, other than that it was
 * cancelled because another task failed, ends the session too. */
static int end_main(lua_State *L) {
  xio_program *program = lua_touserdata(L, lua_upvalueindex(1));
  program->coroutine = NULL;
  lua_settop(L, 2);
  if (!lua_isnil(L, 2) && xio_library_push(L, "is_cancelled")) {
    lua_insert(L, 2);
    lua_call(L, 1, 1);
    if (!lua_toboolean(L, -1)) program->in_session = false;
  }
  return 0;
}

/* Puts a variable to be closed at index 1 of an empty stack. */
static void push_guard(lua_State *L, xio_program *program) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushlightuserdata(L, program);
  lua_pushcclosure(L, end_main, 1);
  lua_setfield(L, -2, "__close");
  lua_setmetatable(L, -2);
  lua_toclose(L, 1);
}

/* Keeps the coroutine as long as the state: os.exit may close it after its task. */
static void keep_coroutine(lua_State *L) {
  static const char coroutine_key = 0;
  lua_pushthread(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &coroutine_key);
}

static int run_program(lua_State *L) {
  xio_program *program = lua_touserdata(L, lua_upvalueindex(1));
  lua_settop(L, 0);
  if (xio_program_is_interactive(program)) {
    push_guard(L, program);
  } else {
    lua_pushnil(L);
    keep_coroutine(L);
  }
  program->coroutine = L;
  if (program->in_session) program->phase = XIO_PHASE_PROMPT;
  return run_from(L, LUA_OK, 0);
}

void xio_program_push(lua_State *L, xio_program *program) {
  lua_pushlightuserdata(L, program);
  lua_pushcclosure(L, run_program, 1);
}
