/* read: io.read, io.lines, file:read and file:lines that wait.
 *
 * For pipes, sockets and terminals these stand in for the stock functions: where the C
 * library has nothing left in the file's buffer, the task waits until the descriptor can
 * be read, and then lets it read once. So formats, results, errors and what is left in
 * the file are those of the stock functions, and whoever else uses the file finds it as
 * he would there. All other files, and calls from where nobody can wait, go to the stock
 * functions themselves. A cancelled read puts back what it has taken. Loop's thread. */
#ifndef XIO_CLI_READ_H
#define XIO_CLI_READ_H

#include "lua/state.h"

/* Installs them in `L`, whose libraries and xio.core are open. */
void xio_read_install(lua_State *L, xiol_state *state);

/* The file at `index` is about to be closed: who waits to read it is woken. */
void xio_read_closing(lua_State *L, int index);

#endif
