/* watchdog: tells of tasks that hold the loop.
 *
 * A thread of its own sends a signal to the thread that runs Lua, four times in the time
 * that a task may take. The handler, on that thread, sees by the scheduler's own counters
 * whether the same task still runs, and asks for a look (lua/attention.h) where it has
 * run for too long. So nothing that runs pays for it, and nobody reads another thread's
 * memory. A stall is told of twice: while it lasts, with the line, and when it is
 * over. */
#ifndef XIO_CLI_WATCHDOG_H
#define XIO_CLI_WATCHDOG_H

#include "cli/options.h"
#include "lua/attention.h"

/* Starts to watch the loops of `state`, which is used on this thread. Where there can be
 * no thread, that is told, and nothing watches. */
void xio_watchdog_open(xiol_state *state, const xio_options *options);

/* Tells of a stall where there is news. Called by the look that was asked for. */
void xio_watchdog_look(lua_State *L);

/* Stops to watch. Harmless where nothing does. */
void xio_watchdog_close(void);

#endif
