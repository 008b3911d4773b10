/* sync: what the synchronization objects share: event, future, lock, semaphore, limiter,
 * condition, barrier.
 *
 * Each is a userdata that embeds an object of the core. It belongs to no run: it can be
 * made outside of all of them and used in several. Whoever waits has it on its stack, so
 * that it outlives its waiters. What acts at once may be called anywhere, also outside of
 * a run; what takes something for a task, or waits, only in a task. Loop's thread. */
#ifndef XIOL_SYNC_H
#define XIOL_SYNC_H

#include "../core/event.h"
#include "../core/lock.h"
#include "binding.h"

extern const xiol_kind xiol_kind_event, xiol_kind_future;

typedef struct xiol_event {
  const xiol_kind *kind;
  xio_event core;
} xiol_event;

typedef struct xiol_future {
  const xiol_kind *kind;
  xio_event event; /* set once the future is settled */
  uint8_t outcome; /* xio_outcome */
  int results; /* how many; more than one are in a table. User value 1: result, error */
} xiol_future;

typedef struct xiol_lock {
  const xiol_kind *kind;
  xiol_state *state;
  xio_lock core;
} xiol_lock;

/* -- sync.c: classes, arguments ------------------------------------------------------ */

/* What makes up a class; NULL where it has none (`index`: no fields). */
typedef struct xiol_sync_class {
  const xiol_kind *kind;
  const char *name; /* of the constructor: "event" */
  lua_CFunction construct;
  const luaL_Reg *methods;
  lua_CFunction index, newindex, tostring, close, gc;
  void (*complete)(lua_State *L, xiol_state *state); /* puts more into the metatable */
} xiol_sync_class;

/* Makes the class, and sets its constructor in the module's table, which is at the top.
 * The constructor has the metatable and the module's table as further upvalues. */
void xiol_sync_open(lua_State *L, xiol_state *state, const xiol_sync_class *class);

enum { XIOL_SYNC_METATABLE = XIOL_UPVALUES + 1, XIOL_SYNC_MODULE };

/* Within a constructor: pushes a fresh object, all 0 but for its kind. Raises when memory
 * is out. */
void *xiol_sync_new(lua_State *L, size_t size, int user_values, const xiol_kind *kind);

/* At the start of an __index: pushes the method that 2 names, or nil and returns the name
 * of the field that 2 is (NULL: no string). */
const char *xiol_sync_field(lua_State *L);

/* The integer of at least `least` at `index`, or raises. */
lua_Integer xiol_sync_integer(lua_State *L, int index, lua_Integer least,
                              const char *function);

/* Pushes a table with `waiting`, the length of `queue`. */
void xiol_sync_stats(lua_State *L, const xio_list *queue);
void xiol_sync_set(lua_State *L, const char *field, lua_Integer value);

/* -- waiting ------------------------------------------------------------------------- */

/* The operation is done without waiting. True: return its result. False: the budget of
 * this turn is spent, and the task was rescheduled with `status`; yield, and return the
 * result from the second half. */
bool xiol_sync_done(xiol_task *task, int status);

/* When a timeout of `ns` from now is over. */
int64_t xiol_sync_until(xiol_task *task, int64_t ns);

/* The last step of with(): calls the function at `first` on what is above it, and returns
 * its results; the object at 1, which was acquired, is closed on every way out. */
int xiol_sync_with(lua_State *L, int first);

/* -- future.c ------------------------------------------------------------------------ */

/* Pushes the results of the settled future at `index` and returns how many; or raises. */
int xiol_future_deliver(lua_State *L, xiol_state *state, int index);

/* -- lock.c: also for conditions ----------------------------------------------------- */

/* The lock whose handle is at `index`, or raises; pushes its object, which keeps it. */
xiol_lock *xiol_push_lock(lua_State *L, int index, const char *function);

/* Begins to acquire. True: the task has the lock. False: yield, and call xiol_lock_finish
 * in the second half. Raises where the task owns it already, or where it is broken. */
bool xiol_lock_begin(lua_State *L, xiol_task *task, xio_lock *lock, const char *function);

/* The task has the lock; or raises: it was cancelled, or the lock is broken. */
void xiol_lock_finish(lua_State *L, xiol_state *state, xio_lock *lock,
                      const char *function);

/* try_acquire: pushes whether the running task has the lock now. Raises as
 * xiol_lock_begin. */
int xiol_lock_try(lua_State *L, xio_lock *lock, const char *function);

/* Releases the lock, which the running task owns, or raises. */
int xiol_lock_release(lua_State *L, xiol_state *state, xio_lock *lock,
                      const char *function);

/* The same for a __close: an error in flight is not replaced. */
int xiol_lock_close(lua_State *L, xio_lock *lock, bool in_flight, const char *function);

/* Raises unless the running task owns the lock. */
void xiol_lock_check_owned(lua_State *L, xiol_task *task, const xio_lock *lock,
                           const char *function);

/* Raises that the owner of `lock` has ended. */
int xiol_lock_raise_broken(lua_State *L, const xio_lock *lock, const char *function);

/* Pushes the value of the field `locked` or `owner`; nil for another. */
void xiol_lock_push_field(lua_State *L, const xio_lock *lock, const char *field);

/* -- opening ------------------------------------------------------------------------- */

void xiol_open_event(lua_State *L, xiol_state *state);
void xiol_open_future(lua_State *L, xiol_state *state);
void xiol_open_lock(lua_State *L, xiol_state *state);
void xiol_open_semaphore(lua_State *L, xiol_state *state);
void xiol_open_limiter(lua_State *L, xiol_state *state);
void xiol_open_condition(lua_State *L, xiol_state *state);
void xiol_open_barrier(lua_State *L, xiol_state *state);

/* All of them. */
void xiol_open_sync(lua_State *L, xiol_state *state);

#endif
