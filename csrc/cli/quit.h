/* quit: SIGQUIT, which asks a running program where it is.
 *
 * The signal is answered with the tree of tasks, what each waits for and its stack, on
 * standard error, and the program goes on: from the loop where that waits, and at the
 * next instruction of Lua code where such runs. A program that listens for the signal
 * itself takes it over. The handler belongs to the process and to the one Lua state of
 * the interpreter. */
#ifndef XIO_CLI_QUIT_H
#define XIO_CLI_QUIT_H

#include <lua.h>

#include "cli/options.h"

/* From now on the signal is answered for the tasks of `L`, in which xio.core is open, and
 * which is used on this thread. */
void xio_quit_open(lua_State *L, const xio_options *options);

/* From now on it goes unanswered: the Lua state is about to be closed. */
void xio_quit_close(void);

#endif
