/* library: the table of the module xio, kept where no program can take it away. */
#ifndef XIO_CLI_LIBRARY_H
#define XIO_CLI_LIBRARY_H

#include <lua.h>
#include <stdbool.h>

/* Keeps the table at the top of the stack, which is popped. */
void xio_library_keep(lua_State *L);

/* Pushes the function `name` of that table. False, and nothing is pushed, where there is
 * none, or before the table was kept. */
bool xio_library_push(lua_State *L, const char *name);

#endif
