/* worker: the Lua state of a thread that runs jobs, and the jobs (core/thread.h).
 *
 * The state is made on its thread, before its first job, with what the program's state
 * has: the search paths of modules, the modules that a program carries, and what the
 * interpreter has put into its libraries. It has a loop of its own, kept between jobs,
 * and closes with its thread. A job's record is on the C heap; it is held by the box
 * that the task has, and by the core until that drops it. */
#ifndef XIOL_WORKER_H
#define XIOL_WORKER_H

#include "../core/call.h"
#include "../core/shared.h"
#include "copy.h"

/* What a thread needs to make its state: text of the program's state, on the C heap, with
 * counted references. Does not change. */
typedef struct xiol_setup {
  atomic_uint refs;
  const struct xiol_module *modules; /* that a program or library carries; NULL: none */
  void (*extend)(lua_State *L);      /* of the interpreter; NULL: none */
  size_t path_length, cpath_length;
  char text[]; /* package.path and package.cpath, each with a zero */
} xiol_setup;

typedef enum xiol_job_outcome {
  XIOL_JOB_DONE,      /* message: the results */
  XIOL_JOB_FAILED,    /* message: the error */
  XIOL_JOB_CANCELLED, /* message: none */
  XIOL_JOB_MEMORY,    /* none */
  XIOL_JOB_REFUSED    /* none; `refusal`: the state could not be made */
} xiol_job_outcome;

enum { XIOL_REFUSAL_MAX = 240 };

typedef struct xiol_job {
  xio_job core;
  atomic_uint refs;
  atomic_bool dropped; /* the core does not know it any more */
  xiol_setup *setup;
  xiol_message *message; /* the function and its arguments; then what has come of it */
  const char *function;  /* who began it, for messages; static */
  xio_blocker
      *blocker;    /* of a plain function, which it waits with; NULL: it has a loop */
  uint8_t outcome; /* xiol_job_outcome */
  char refusal[XIOL_REFUSAL_MAX];
} xiol_job;

typedef struct xiol_call {
  xio_call core;
  xiol_message *message; /* the function and its arguments; then the answer */
  bool failed;           /* that is an error */
} xiol_call;

/* The worker of all threads that run Lua. */
extern const xio_worker xiol_worker;

/* The setup for threads of this state, with a reference. Raises when memory is out. */
xiol_setup *xiol_setup_of(lua_State *L, xiol_state *state);
void xiol_setup_unref(xiol_setup *setup);

/* The states of threads are prepared by `extend` too, which is called protected there,
 * after xio was loaded. Before the first thread. */
void xiol_extend_threads(lua_State *L, void (*extend)(lua_State *L));

/* What worker.c leaves to plain.c, for jobs that are plain functions. Runs one: called
 * protected. Raises its error. */
int xiol_plain_run(lua_State *L, xiol_state *state, xiol_job *job);

/* Interrupts it: in a signal handler of its thread. */
void xiol_plain_interrupt(xiol_state *state);

/* Installs `hook` on L, for its next instruction; what is there comes back by
 * xiol_unhook, which the hook calls first. In a signal handler of the thread too. */
void xiol_hook(xiol_state *state, lua_State *L, lua_Hook hook);
void xiol_unhook(xiol_state *state, lua_State *L);

/* Whether the function that runs is one of xio's own in Lua, which expects no error
 * between two instructions. */
bool xiol_runs_ours(lua_State *L, const xiol_state *state);

/* A job with one reference. NULL: memory is out. */
xiol_job *xiol_job_new(xiol_setup *setup, const char *function, xio_on_cancel on_cancel);
void xiol_job_unref(xiol_job *job);

/* Sets the collector of a state that is xio's own: generational as in the stock
 * interpreter, but a full collection comes when memory is three times what the last one
 * left, not twice: a few strings of 64 KB would otherwise bring one, again and again,
 * while little else lives. */
void xiol_collect_by_age(lua_State *L);

/* Makes the functions that run a job protected. */
void xiol_open_worker(lua_State *L, xiol_state *state);

/* -- thread.c: jobs and calls as Lua sees them --------------------------------------- */

extern const luaL_Reg xiol_thread_functions[];

/* -- error.c ------------------------------------------------------------------------- */

/* The error at `index` has come from another thread to `task`: adds where that and those
 * above it were spawned to what is known of it; and that the last task known so far was
 * begun from here: `how`. */
void xiol_extend_spawned(lua_State *L, xiol_state *state, int index, xiol_task *task,
                         const char *how);

/* -- in the state of a thread -------------------------------------------------------- */

/* In the state of a job's thread: the job that runs; NULL: none, or no such state. */
static inline xiol_job *xiol_job_of(const xiol_state *state) {
  return (xiol_job *)state->job;
}

/* The same, where the task that waits for it is cancelled: what runs is cancelled now. */
void xiol_job_heed(xiol_state *state);

#endif
