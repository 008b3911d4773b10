/* report: what is told of an error that nobody caught, and how the process then ends.
 *
 * Only this file and options.c write to standard error. */
#ifndef XIO_CLI_REPORT_H
#define XIO_CLI_REPORT_H

#include <lua.h>

/* How the process ends. */
typedef struct xio_ending {
  int exit_code;
  int signal; /* not 0: by this signal, so that the parent sees it */
} xio_ending;

/* Notes that the string at the top is an error of the command line rather than of a
 * program, like the message of a chunk that could not be loaded: a trace would say
 * nothing. The string stays. */
void xio_report_mark_plain(lua_State *L);

/* A Lua function: the report of the error given to it, as a string. What can be shown as
 * a string is, with traces as xio.traceback gives them; of other values their type is
 * told. May run a __tostring, and raise what that raises. */
int xio_report_describe(lua_State *L);

/* Pops the error that ended the program. Writes its report to standard error, behind the
 * program's name (NULL: without one), except for a run that a signal ended; says how the
 * process is to end. Never raises. */
xio_ending xio_report_error(lua_State *L, const char *program);

/* Writes a message to standard error, behind the program's name (NULL: without one). */
void xio_report_message(const char *program, const char *message);

/* Ends by the signal of `ending`, as if it had never been caught, where it has one;
 * returns the exit code otherwise. The Lua state is closed by now. */
int xio_report_finish(const xio_ending *ending);

#endif
