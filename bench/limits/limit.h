/* limit.h: what all limit programs share: a clock, the measuring loop, a bare Lua state.
 *
 * A limit program does with bare liblua what every Lua runtime has to do at least, and
 * prints one line "METRIC VALUE" for each thing it measured. The loop is the one of
 * ../lib/measure.lua: a warm-up of one batch and of a fifth of the time, then batches
 * until the time is spent; the result is the mean of all of them, so that the work of the
 * collector is in it.
 *
 * One thread; whoever calls owns the state.
 */
#ifndef XIO_BENCH_LIMIT_H
#define XIO_BENCH_LIMIT_H

#include <stdint.h>

#include <lua.h>

/* Runs one batch; returns the nanoseconds it took and writes the number of operations
 * into *ops. What a batch prepares and does not want timed, it leaves out itself. */
typedef int64_t (*limit_batch_fn)(lua_State *L, void *data, int64_t *ops);

/* Nanoseconds of the monotonic clock. */
int64_t limit_now(void);

/* Seconds of CPU time of this process, user and system. */
double limit_cpu(void);

/* Resident memory of this process in KB, or 0 when the system does not tell. */
double limit_resident_kb(void);

/* Opens a state with the standard libraries. The collector is incremental, which costs
 * the limits the same or less; the environment's LIMIT_GC=gen makes it generational,
 * as in the lua5.4 program. Ends the process with a message when memory is short;
 * never NULL. */
lua_State *limit_open(void);

/* Leaves an empty Lua function on the stack of L. */
void limit_push_empty(lua_State *L);

/* Measures `batch` for `seconds` and prints "ns VALUE", the mean per operation. */
void limit_measure(lua_State *L, double seconds, limit_batch_fn batch, void *data);

/* Ends the process with a message on standard error. */
_Noreturn void limit_fail(const char *message);

/* Argument `index` as a number, or `otherwise` when there are fewer. */
double limit_arg(int argc, char **argv, int index, double otherwise);

#endif
