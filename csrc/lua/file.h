/* file: what the bindings of xio.fs share: path.c, file.c, watch.c. Loop's thread. */
#ifndef XIOL_FILE_H
#define XIOL_FILE_H

#include "../core/path.h"
#include "binding.h"

/* -- path.c -------------------------------------------------------------------------- */

/* The string at `index`, or raises. */
const char *xiol_check_path(lua_State *L, int index, const char *function);

/* Whether the string at `index` can be a path: no byte of it is 0. */
bool xiol_is_path(lua_State *L, int index);

/* Pushes a table with the fields that luv gives. */
void xiol_push_stat(lua_State *L, const uv_stat_t *stat);

/* Raises the cancellation under which the task was rescheduled: the second half of what
 * has not begun. */
int xiol_finish_cancelled(lua_State *L, int status, lua_KContext context);

/* -- opening: each adds to the table `fs`, at the top -------------------------------- */

void xiol_open_path(lua_State *L, xiol_state *state);
void xiol_open_file(lua_State *L, xiol_state *state);
void xiol_open_watch(lua_State *L, xiol_state *state);

/* Sets `fs` in the module's table, which is at the top. */
void xiol_open_fs(lua_State *L, xiol_state *state);

#endif
