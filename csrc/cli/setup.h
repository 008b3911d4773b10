/* setup: makes a Lua state into the one that programs of the interpreter see.
 *
 * That is: the standard libraries; `arg`; package.path and package.cpath with the places
 * beside the program; xio's modules from inside the program, in package.preload; versions
 * of require, table.sort and string.gsub that can wait; an os.exit that closes the main
 * task. */
#ifndef XIO_CLI_SETUP_H
#define XIO_CLI_SETUP_H

#include <lua.h>

#include "cli/program.h"

/* Sets up the new state `L` for `program`, which must live as long as the state. Raises
 * what goes wrong. */
void xio_setup(lua_State *L, xio_program *program);

#endif
