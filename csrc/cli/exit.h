/* exit: the os.exit of the interpreter. The only file here that ends the process. */
#ifndef XIO_CLI_EXIT_H
#define XIO_CLI_EXIT_H

#include <lua.h>

#include "cli/program.h"

/* Pushes a function like the stock os.exit. With a true second argument that one closes
 * the pending to-be-closed variables of the main thread, which is where a script runs;
 * here a script runs in the main task, and it is that coroutine whose variables are
 * closed, before the state is. Closing cannot wait. */
void xio_exit_push(lua_State *L, xio_program *program);

#endif
