/* main: the interpreter `xio`.
 *
 * Does what `lua` does, with the program as the main task of one xio.run. One process,
 * one Lua state, one thread. The parts: options (the command line), setup (the state),
 * program (what is run, in which order), report (uncaught errors and the end), exit
 * (os.exit); the prompt is the Lua module xio.repl. */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <uv.h>

#include "cli/library.h"
#include "cli/options.h"
#include "cli/program.h"
#include "cli/quit.h"
#include "cli/report.h"
#include "cli/setup.h"

static int set_up(lua_State *L) {
  xio_setup(L, lua_touserdata(L, 1));
  return 0;
}

/* xio.run({name = "main"}, program) */
static int run(lua_State *L) {
  xio_library_push(L, "run");
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "main");
  lua_setfield(L, -2, "name");
  xio_program_push(L, lua_touserdata(L, 1));
  lua_call(L, 2, 0);
  return 0;
}

/* Calls `function` with the program, protected. False: its error has been reported, and
 * `ending` says how the process is to end. */
static bool call(lua_State *L, lua_CFunction function, xio_program *program,
                 xio_ending *ending) {
  lua_pushcfunction(L, function);
  lua_pushlightuserdata(L, program);
  if (lua_pcall(L, 1, 0, 0) == LUA_OK) {
    *ending = (xio_ending){.exit_code = EXIT_SUCCESS, .signal = 0};
    return true;
  }
  *ending = xio_report_error(L, program->in_session ? NULL : program->options->program);
  return false;
}

static int interpret(const xio_options *options) {
  xio_program program;
  xio_program_init(&program, options, uv_guess_handle(0) == UV_TTY);
  /* lines of the prompt and of a chunk that reads must come from one place */
  if (xio_program_is_interactive(&program)) (void)setvbuf(stdin, NULL, _IONBF, 0);
  lua_State *L = luaL_newstate();
  if (L == NULL) {
    xio_report_message(options->program, "cannot create state: not enough memory");
    return EXIT_FAILURE;
  }
  if (options->version) xio_options_print_version();
  xio_ending ending;
  if (call(L, set_up, &program, &ending)) {
    bool over = false;
    while (!over) { /* a session at the prompt outlives a run that failed */
      over = call(L, run, &program, &ending) || !program.in_session || ending.signal != 0;
    }
  }
  xio_quit_close();
  lua_close(L);
  return xio_report_finish(&ending);
}

int main(int argc, char **argv) {
  xio_options options;
  switch (xio_options_parse(&options, argc, argv)) {
    case XIO_REQUEST_HELP: xio_options_usage(&options, stdout); return EXIT_SUCCESS;
    case XIO_REQUEST_VERSION: xio_options_print_version(); return EXIT_SUCCESS;
    case XIO_REQUEST_BAD: xio_options_complain(&options); return EXIT_FAILURE;
    case XIO_REQUEST_RUN: break;
  }
  return interpret(&options);
}
