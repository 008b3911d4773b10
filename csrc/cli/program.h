/* program: what the interpreter runs, as the main task of one xio.run.
 *
 * LUA_INIT, the options -e, -l and -W in their order, the script, and the prompt, one
 * after the other in the same coroutine, so that each may wait. A program belongs to
 * main(), which keeps it until the Lua state is closed; the state knows its address. */
#ifndef XIO_CLI_PROGRAM_H
#define XIO_CLI_PROGRAM_H

#include <lua.h>

#include "cli/options.h"

typedef enum xio_phase {
  XIO_PHASE_INIT,
  XIO_PHASE_OPTIONS,
  XIO_PHASE_SCRIPT,
  XIO_PHASE_PROMPT,
  XIO_PHASE_END
} xio_phase;

typedef struct xio_program {
  const xio_options *options;
  bool on_terminal;     /* standard input is a terminal */
  xio_phase phase;      /* what comes next */
  int next_option;      /* index in argv */
  const char *library;  /* the argument of the -l that is being required, or NULL */
  lua_State *coroutine; /* of the main task, while that runs; NULL before and after */
  bool in_session;      /* the prompt has been shown and has not come to its end */
} xio_program;

/* `options` must live as long as the program. */
void xio_program_init(xio_program *program, const xio_options *options, bool on_terminal);

/* Whether the prompt will be shown. */
bool xio_program_is_interactive(const xio_program *program);

/* Pushes the main function, for xio.run: it takes and returns nothing, may wait, and
 * raises what the program raises. It runs what is left of `program`: where an error, of a
 * task in the background, has ended a session at the prompt, that is a new session. */
void xio_program_push(lua_State *L, xio_program *program);

#endif
