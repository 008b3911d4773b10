/* host: what the files of csrc/host share.
 *
 * They are the public interface of xio.h on top of the binding. A host's xio_runtime is
 * the binding's xiol_runtime, whose userdata the state anchors until xio_close. Whatever
 * may raise is done in a function that is called protected, so that a host is given a
 * result instead. */
#ifndef XIO_HOST_HOST_H
#define XIO_HOST_HOST_H

#include "core/attach.h"
#include "lua/runtime.h"
#include "xio.h"

static inline xiol_runtime *xioh_runtime(xio_runtime *runtime) {
  return (xiol_runtime *)(void *)runtime;
}

static inline xio_runtime *xioh_public(xiol_runtime *runtime) {
  return (xio_runtime *)(void *)runtime;
}

/* Calls `function`, in a frame with the binding's upvalues, protected, with the light
 * userdata `context` below the `arguments` values at the top, which are taken, for
 * `results` values. Returns 0, XIO_ERR_MEMORY or
 * XIO_ERR_LUA with the error at the top. */
int xioh_call(lua_State *L, lua_CFunction function, void *context, int arguments,
              int results);

/* The same for what does not use the binding, and so may come before all else. */
int xioh_call_plain(lua_State *L, lua_CFunction function, void *context, int arguments,
                    int results);

/* As xioh_call, with the message handler at index `handler`, for all results; returns
 * what lua_pcall does. The caller has made room for three values. */
int xioh_call_handled(lua_State *L, lua_CFunction function, void *context, int handler);

/* Calls `function` with the context, unprotected, for `results` values: for functions of
 * the binding that a host's own C function needs. */
void xioh_within(lua_State *L, lua_CFunction function, void *context, int results);

/* Makes what these need. Raises when memory is out. */
void xioh_open_calls(lua_State *L, const xiol_state *state);

/* Raises inside such a function so that xioh_call's caller returns `result`, which is
 * kept in `*place`. */
int xioh_raise(lua_State *L, int *place, int result, const char *message);

/* Pops `count` values and pushes the error of `result`, which needs no memory where that
 * is XIO_ERR_MEMORY or memory is out; returns `result`. */
int xioh_fail(lua_State *L, int count, int result, const char *message);

/* Reads a caller's struct of options, which begins with its size and may be of an older
 * or newer version, into `to` of `size` bytes: what it does not have is 0. False: it
 * has no size, or something that we do not know is not 0. */
bool xioh_read_options(void *to, size_t size, const void *from);

/* The handle of a task at `index`, or NULL. */
xiol_task_handle *xioh_task_handle(lua_State *L, int index);

/* What a spawn needs, read from its options and then found out. */
typedef struct xioh_spawn {
  xiol_runtime *runtime;
  xio_spawn_options options;
  int result;      /* why it raised, where that is not told by the error */
  xiol_spawn how;  /* set by xioh_spawn_prepare */
  xiol_task *task; /* what was spawned */
  void *context;   /* the caller's own */
} xioh_spawn;

/* Reads the options; `*group` is the stack index of the group, or 0. False: they are
 * wrong. */
bool xioh_spawn_read(xioh_spawn *spawn, lua_State *L, xio_runtime *runtime,
                     const xio_spawn_options *options);

/* Finds the group, which is the value at `group` (0: the root). Raises. */
void xioh_spawn_prepare(xioh_spawn *spawn, lua_State *L, int group, const char *function);

/* A task was spawned, or may have become ready, from outside of the loop. */
void xioh_touch(xiol_runtime *runtime);

/* -- operation.c --------------------------------------------------------------------- */

/* A record with one reference, or NULL. `*status` tells why there is none. */
xio_operation *xioh_operation_make(xiol_runtime *runtime,
                                   const xio_operation_class *operation_class,
                                   int *status);

/* Begins the operation for the running task: true, the task is parked; false: it has its
 * result already. */
bool xioh_operation_start(xio_operation *operation, xiol_task *task);

/* What it was completed with. */
int xioh_operation_result(const xio_operation *operation);

/* The task's reference goes. */
void xioh_operation_unref(xio_operation *operation);

#endif
