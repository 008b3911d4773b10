/* trace: writes what tasks do to a file, as a timeline for trace viewers.
 *
 * The file is in the JSON array form of the Trace Event Format: a process for each loop,
 * a thread (a track) for each task. On a track a slice "run" for each time that the task
 * ran, and between two of them a slice with the verb of what it waited for, or "ready";
 * arrows from who spawned or woke it; marks for cancellations, with their reasons, and
 * for errors, with the first line of their messages. Times are microseconds from the
 * beginning. The text is whole after each end of the process but a crash, and what is cut
 * off then is still understood by the viewers. One per process; the thread that runs
 * Lua. */
#ifndef XIO_CLI_TRACE_H
#define XIO_CLI_TRACE_H

#include <lua.h>
#include <stdbool.h>

#include "cli/options.h"

/* Begins to write to the file that the options name, of all loops that are opened in `L`
 * from now on. False: it cannot be opened, and that was told. */
bool xio_trace_open(lua_State *L, const xio_options *options);

/* Completes the file, and tells where it could not be written. Harmless twice, or where
 * there is none. Also called at the exit of the process. */
void xio_trace_close(void);

#endif
