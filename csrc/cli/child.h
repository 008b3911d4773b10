/* child: os.execute, and io.popen and the closing of its files, that wait.
 *
 * Where a task can wait, the command is started as the C library would, by /bin/sh and
 * with what is open here, and its exit is waited for through a pidfd while other tasks
 * run. Results are those of the stock functions. Waiting cannot be withdrawn: cancelled,
 * the command is sent SIGTERM, and awaited. Elsewhere, and for what a finalizer closes,
 * this blocks as the stock functions do. Loop's thread. */
#ifndef XIO_CLI_CHILD_H
#define XIO_CLI_CHILD_H

#include "lua/state.h"

/* Installs them in `L`, whose libraries and xio.core are open. */
void xio_child_install(lua_State *L, xiol_state *state);

#endif
