/* main: the interpreter `xio`.
 *
 * Does what `lua` does, with the program as the main task of one xio.run. One process,
 * one Lua state, one thread. The parts: options (the command line), setup (the state),
 * program (what is run, in which order), report (uncaught errors and the end), exit
 * (os.exit); the prompt is the Lua module xio.repl. */
#include <lauxlib.h>
#include <lua.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <stdlib.h>
#include <uv.h>

#include "../base/slab.h"
#include "cli/edit.h"
#include "cli/library.h"
#include "cli/options.h"
#include "cli/program.h"
#include "cli/quit.h"
#include "cli/report.h"
#include "cli/setup.h"
#include "cli/trace.h"

enum { LARGE_BYTES = 1 << 20, SPARE_BYTES = 16 << 20 };

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

/* Has the state take its memory from slabs, which are smaller and faster than what the
 * C library has for all threads; NULL where there are none. A sanitizer sees more
 * without. What is large, such as a table that grows, is moved by the system, and does
 * not leave holes behind; what is less large and is freed in great number, such as
 * strings of 64 KB, is not given back to the system each time. */
static xio_slabs *use_slabs(lua_State *L) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  (void)L;
  return NULL;
#else
#if defined(__GLIBC__)
  /* there is one thread yet */
  (void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES); /* NOLINT(concurrency-mt-unsafe) */
  (void)mallopt(M_TRIM_THRESHOLD, SPARE_BYTES); /* NOLINT(concurrency-mt-unsafe) */
#endif
  xio_slabs *slabs = NULL;
  xio_allocator inner;
  inner.resize = lua_getallocf(L, &inner.context);
  if (xio_slabs_open(&slabs, inner)) lua_setallocf(L, xio_slabs_resize, slabs);
  return slabs;
#endif
}

/* The allocator of a state that closes: what lies in slabs is not given back one by one,
 * as it goes with the process. */
static void *keep(void *slabs, void *ptr, size_t old_size, size_t new_size) {
  if (new_size == 0 && xio_slabs_holds(slabs, ptr)) return NULL;
  return xio_slabs_resize(slabs, ptr, old_size, new_size);
}

/* Closes the state: finalizers run, and what is to be closed is. */
static void close_state(lua_State *L, xio_slabs *slabs) {
  if (slabs != NULL) lua_setallocf(L, keep, slabs);
  lua_close(L);
}

/* Begins the trace that was asked for, if any. False: it cannot be written. */
static bool open_trace(lua_State *L, const xio_options *options, xio_ending *ending) {
  if (options->trace == NULL || xio_trace_open(L, options)) return true;
  ending->exit_code = EXIT_FAILURE;
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
  xio_slabs *slabs = use_slabs(L);
  if (options->version) xio_options_print_version();
  xio_ending ending;
  if (call(L, set_up, &program, &ending) && open_trace(L, options, &ending)) {
    bool over = false;
    while (!over) { /* a session at the prompt outlives a run that failed */
      over = call(L, run, &program, &ending) || !program.in_session || ending.signal != 0;
    }
  }
  xio_quit_close();
  xio_edit_close();
  close_state(L, slabs);
  xio_trace_close();
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
