/* ctask: tasks in C for tests of the core, without Lua.
 *
 * A ctask runs a program: an array of operations that ends with CTASK_END. Blocks (a
 * scope, a group, a try) reach to their CTASK_CLOSE. What the binding does with Lua
 * errors, a ctask does with `raised`: a cancellation or an error ends block after block,
 * a scope catches a cancellation as rule C2 of the contract says, a group joins its
 * children and raises what failed, a try swallows. Errors are counts and sums, so that
 * handing them on needs no memory and none can be lost or doubled unseen: all that were
 * ever raised must be reported in the end (ctask_world_end).
 *
 * A world is one loop with its tasks, on a counting allocator. Tasks, scopes and groups
 * may have a name, a number from 1; the newest of a name counts, and names are forgotten
 * with what they name. What goes wrong is noted in `fault`, once; tests end by looking at
 * it. Owner: the world frees a task when the core and everybody who waits for its result
 * have let go of it. */
#ifndef XIO_TEST_CTASK_H
#define XIO_TEST_CTASK_H

#include <stdio.h>

#include "../../core/loop.h"
#include "../../core/start.h"
#include "counting.h"

enum { CTASK_NAMES = 32, CTASK_NOTES = 512, CTASK_DEPTH_MAX = 64 };

typedef struct ctask ctask;
typedef struct ctask_op ctask_op;
typedef struct ctask_world ctask_world;

typedef enum ctask_kind {
  CTASK_OP_END,     /* the program is over */
  CTASK_OP_CLOSE,   /* ends the innermost block */
  CTASK_OP_SLEEP,   /* waits `time` ns */
  CTASK_OP_FOREVER, /* waits until cancelled */
  CTASK_OP_PAUSE,   /* reschedules */
  CTASK_OP_SPEND,   /* `time` operations that need not wait, pausing as the budget says */
  CTASK_OP_SPAWN,   /* `program` as `name`, into group `target` or the innermost */
  CTASK_OP_START,   /* the same with start() */
  CTASK_OP_STARTED, /* says so */
  CTASK_OP_SCOPE,   /* block: a scope with deadline after `time` (0 none), flags, grace */
  CTASK_OP_GROUP,   /* block: a group with limit `count` */
  CTASK_OP_TRY,     /* block: swallows what is raised in it (FLAG: cancellations too) */
  CTASK_OP_FAIL,    /* raises an error */
  CTASK_OP_JOIN,    /* waits for the end of task `target` */
  CTASK_OP_CANCEL,  /* cancels the scope `target` */
  CTASK_OP_CANCEL_TASK,
  CTASK_OP_SHIELD,   /* raises (FLAG) or lifts the shield of scope `target` */
  CTASK_OP_DEADLINE, /* moves that of scope `target` to `time` from now, 0: never */
  CTASK_OP_NOTE,     /* appends `count` to the world's notes */
  CTASK_OP_CALL,     /* calls `call`, which must not wait */
  CTASK_OP_WAIT      /* calls `begin`, which may */
} ctask_kind;

enum {
  CTASK_FLAG = 1,     /* what an operation says above */
  CTASK_SHIELDED = 2, /* of a scope or group */
  CTASK_GRACE = 4,    /* of a scope: `time` is the grace of its shield */
  CTASK_DAEMON = 8    /* of a spawn or start */
};

struct ctask_op {
  ctask_kind kind;
  int name;
  int target;
  unsigned flags;
  uint32_t count;
  int64_t time;
  const ctask_op *program;
  void (*call)(ctask *self);

  /* Begins to wait; true where that was not needed. When the task is resumed, the status
   * of the wait is `last_status`; XIO_ECANCELED is raised. */
  bool (*begin)(ctask *self);

  /* Called then; false: the task waits once more. May change `last_status`. NULL:
   * none. */
  bool (*finish)(ctask *self);
};

#define CTASK_END \
  { .kind = CTASK_OP_END }
#define CTASK_CLOSE \
  { .kind = CTASK_OP_CLOSE }
#define CTASK_SLEEP(ns) \
  { .kind = CTASK_OP_SLEEP, .time = (ns) }
#define CTASK_FOREVER \
  { .kind = CTASK_OP_FOREVER }
#define CTASK_PAUSE \
  { .kind = CTASK_OP_PAUSE }
#define CTASK_SPAWN(what, ...) \
  { .kind = CTASK_OP_SPAWN, .program = (what), __VA_ARGS__ }
#define CTASK_START(what, ...) \
  { .kind = CTASK_OP_START, .program = (what), __VA_ARGS__ }
#define CTASK_STARTED \
  { .kind = CTASK_OP_STARTED }
#define CTASK_SCOPE(...) \
  { .kind = CTASK_OP_SCOPE, __VA_ARGS__ }
#define CTASK_GROUP(...) \
  { .kind = CTASK_OP_GROUP, __VA_ARGS__ }
#define CTASK_TRY(...) \
  { .kind = CTASK_OP_TRY, __VA_ARGS__ }
#define CTASK_FAIL \
  { .kind = CTASK_OP_FAIL }
#define CTASK_JOIN(task) \
  { .kind = CTASK_OP_JOIN, .target = (task) }
#define CTASK_CANCEL(scope) \
  { .kind = CTASK_OP_CANCEL, .target = (scope) }
#define CTASK_CANCEL_TASK(task) \
  { .kind = CTASK_OP_CANCEL_TASK, .target = (task) }
#define CTASK_SHIELD(scope, on) \
  { .kind = CTASK_OP_SHIELD, .target = (scope), .flags = (on) ? CTASK_FLAG : 0 }
#define CTASK_DEADLINE(scope, ns) \
  { .kind = CTASK_OP_DEADLINE, .target = (scope), .time = (ns) }
#define CTASK_NOTE(n) \
  { .kind = CTASK_OP_NOTE, .count = (n) }
#define CTASK_CALL(f) \
  { .kind = CTASK_OP_CALL, .call = (f) }
#define CTASK_WAIT(f, ...) \
  { .kind = CTASK_OP_WAIT, .begin = (f), __VA_ARGS__ }

/* A number of errors: how many, and the sum of their numbers. */
typedef struct ctask_errors {
  uint32_t count;
  uint64_t sum;
} ctask_errors;

typedef enum ctask_raised { CTASK_NOTHING, CTASK_CANCELLED, CTASK_ERROR } ctask_raised;

typedef struct ctask_frame ctask_frame;

struct ctask {
  xio_task core;
  ctask_world *world;
  xio_list all; /* in the world's list of ctasks */
  const ctask_op *at;
  ctask_frame *frame; /* the innermost open block */
  uint32_t depth;     /* of blocks */
  ctask_raised raised;
  ctask_errors errors; /* raised and on their way */
  ctask_kind
      waiting; /* the operation that it waits in; CTASK_OP_END before the first run */
  uint32_t spending;   /* operations that are left of CTASK_OP_SPEND */
  ctask *child;        /* the one that it waits for in start() */
  ctask_frame *parent; /* the group that it was spawned into; NULL: the root */
  int name;
  int refs;      /* of the core, of who waits for it in start() */
  bool over;     /* ended or abandoned */
  bool listed;   /* failed, and its group lists it: the error is for the group */
  int64_t until; /* when its sleep ends */
  uint32_t resumes;
  uint32_t seen;   /* of the simulation: `resumes` when a pass began, or UINT32_MAX */
  int last_status; /* of the last wait, or of an operation that may be refused */
};

struct ctask_world {
  counting memory;
  xio_loop *loop;
  xio_list all;   /* ctasks that exist */
  uint32_t alive; /* ctasks that have not ended or been abandoned */
  uint32_t spawned;
  uint32_t spawn_max; /* spawns beyond are passed over; 0: no limit */
  ctask_errors raised, reported;
  uint64_t hash; /* over all that happened, for comparing two runs */
  uint64_t events;
  FILE *trace;                            /* where events are written to, or NULL */
  const char *fault;                      /* the first that went wrong */
  void (*after_step)(ctask_world *world); /* called at the end of each resume, or NULL */
  ctask *tasks[CTASK_NAMES];
  xio_scope *scopes[CTASK_NAMES]; /* also those of groups */
  ctask_frame *groups[CTASK_NAMES];
  uint32_t notes[CTASK_NOTES];
  uint32_t note_count;
};

/* Opens a world on a loop with the given options (their allocator is replaced). The
 * status of xio_loop_open; on error the world is empty. */
int ctask_world_open(ctask_world *world, xio_loop_opts opts) XIO_WARN_UNUSED;

/* A world with a virtual clock and nothing else. Opening must not fail. */
void ctask_world_begin(ctask_world *world);

/* Spawns `program` into the root group. NULL: no memory, or the spawn limit is
 * reached. */
ctask *ctask_spawn(ctask_world *world, const ctask_op *program, int name);

/* Runs until all has ended; XIO_EDEADLK as xio_loop_run. Reports the root's failures. */
int ctask_run(ctask_world *world) XIO_WARN_UNUSED;

/* Reports the failures that the root group lists. */
void ctask_collect(ctask_world *world);

/* Closes the loop, if that is open, with all that still lives. Then no task, byte or
 * error may be left. Returns the world's fault, NULL when all is well. */
const char *ctask_world_end(ctask_world *world) XIO_WARN_UNUSED;

/* Notes a fault, if it is the first. */
void ctask_fault(ctask_world *world, const char *what);

/* Notes that `what` happened with number `n`, at this time. */
void ctask_event(ctask_world *world, const char *what, uint64_t id, int64_t n);

/* Moves errors from one place to another; none is copied. */
void ctask_move_errors(ctask_errors *to, ctask_errors *from);

/* Whether a checkpoint in `scope` should raise, seen from outside in: an oracle that does
 * not use the flags that the core keeps. */
bool ctask_expect_effective(const xio_scope *scope);

#endif
