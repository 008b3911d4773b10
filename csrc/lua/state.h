/* state: the records of the binding, which its files share.
 *
 * One xiol_state per Lua state, a userdata that belongs to the Lua state; one
 * xiol_runtime per loop. Everything belongs to the thread that runs the Lua state. What
 * the files of csrc/lua offer each other: binding.h. */
#ifndef XIOL_STATE_H
#define XIOL_STATE_H

#include <lauxlib.h>
#include <lua.h>
#include <signal.h>

#include "../core/loop.h"
#include "../core/signal.h"
#include "../core/start.h"

typedef struct xiol_state xiol_state;
typedef struct xiol_runtime xiol_runtime;
typedef struct xiol_task xiol_task;
typedef struct xiol_scope xiol_scope;
typedef struct xiol_group xiol_group;

/* A coroutine of ours, anchored in `slot`. */
typedef struct xiol_coroutine {
  lua_State *thread; /* NULL: none */
  int slot;
  int results; /* of the task that it is of: how many, as in its handle */
} xiol_coroutine;

/* The kinds of userdata. Each begins with a pointer to its kind, which identifies it. */
typedef struct xiol_kind {
  const char *name; /* "xio.Task" */
} xiol_kind;

extern const xiol_kind xiol_kind_task, xiol_kind_scope, xiol_kind_cancelled,
    xiol_kind_runtime, xiol_kind_fd, xiol_kind_udp, xiol_kind_signals, xiol_kind_process;

/* The short name of a chunk in which tasks were spawned, kept as long as the state. */
typedef struct xiol_source_file xiol_source_file;
struct xiol_source_file {
  xiol_source_file *next;
  uint32_t number; /* from 1 */
  char name[LUA_IDSIZE];
};

/* Bytes that may become a string: room.h. */
typedef struct xiol_room {
  char *bytes; /* NULL: empty */
  size_t size;
} xiol_room;

/* Values that the state keeps in the registry, by a small integer each. */
typedef enum xiol_ref {
  XIOL_REF_ANCHORS,   /* slot -> value: what tasks and scopes need to live */
  XIOL_REF_SHOWN,     /* coroutine of a task that the program has seen -> true (weak) */
  XIOL_REF_TRACES,    /* raised object -> its record (weak keys) */
  XIOL_REF_RECENT,    /* ring of {value, record} of raised strings and the like */
  XIOL_REF_TASK_MAIN, /* the function at the base of each coroutine */
  XIOL_REF_HANDLER,   /* the message handler of every boundary */
  XIOL_REF_PACK,      /* functions that a task's end calls protected */
  XIOL_REF_JUDGE,
  XIOL_REF_MAKE_COROUTINE,
  XIOL_REF_MAKE_DEADLOCK,
  XIOL_REF_TASK, /* metatables */
  XIOL_REF_SCOPE,
  XIOL_REF_GROUP,
  XIOL_REF_GROUP_SPAWN,
  XIOL_REF_CANCELLED,
  XIOL_REF_RUNTIME,
  XIOL_REF_FD,
  XIOL_REF_STREAM,
  XIOL_REF_LISTENER,
  XIOL_REF_FILE,
  XIOL_REF_WATCH,
  XIOL_REF_SIGNALS,
  XIOL_REF_PROCESS,
  XIOL_REF_LOOKUP,
  XIOL_REF_UDP,
  XIOL_REF_SENDER,
  XIOL_REF_RECEIVER,
  XIOL_REF_AFTER,
  XIOL_REF_ERROR, /* metatables of plain tables: xio.Error … */
  XIOL_REF_ERROR_GROUP,
  XIOL_REF_TIMEOUT_ERROR,
  XIOL_REF_INTERRUPTED,
  XIOL_REF_HOOKS,    /* functions that the Lua floor gave: name -> function */
  XIOL_REF_STOCK,    /* the coroutine library as it was: name -> function */
  XIOL_REF_CONTEXTS, /* handle of a task -> its table of task-local values (weak keys) */
  XIOL_REF_BODIES,   /* the thread of body.c */
  XIOL_REF_MEMORY,   /* the text of a memory error */
  XIOL_REF_ATTEND,   /* the function of attention.c that calls the host's */
  XIOL_REF_NAMES,    /* of copy.c: value -> "module\0field" (weak keys) */
  XIOL_REF_CLASSES,  /* of copy.c: metatable -> name or shareable, name -> metatable */
  XIOL_REF_TAKE,     /* function that xiol_take_message calls protected */
  XIOL_REF_INBOX,    /* a metatable */
  XIOL_REF_INBOXES,  /* address of a mailbox -> its inbox here (weak values) */
  XIOL_REF_BOXES,    /* of shared.c: address of an object -> its box here (weak values) */
  XIOL_REF_REGISTRY,
  XIOL_REF_REPLY, /* metatables of these boxes */
  XIOL_REF_CLOSE_SCOPE,
  XIOL_REF_WORK_TRACKER,
  XIOL_REF_SCOPE_GROUP,
  XIOL_REF_THREAD_SENDER,
  XIOL_REF_THREAD_RECEIVER,
  XIOL_REF_PORTAL,
  XIOL_REF_SCOPE_MEMBER,  /* of scope_group.c: a metatable */
  XIOL_REF_COPY_REASON,   /* and a function that is called protected */
  XIOL_REF_TRACKED,       /* of tracker.c: a metatable */
  XIOL_REF_REQUEST,       /* of portal.c: a metatable */
  XIOL_REF_SPAWN_REQUEST, /* and functions that are called protected */
  XIOL_REF_CANCEL_REQUEST,
  XIOL_REF_JOB, /* metatables of thread.c */
  XIOL_REF_CALL,
  XIOL_REF_POOL,
  XIOL_REF_RUN_JOB, /* functions that worker.c calls protected */
  XIOL_REF_KEEP_ERROR,
  XIOL_REF_RAISE,
  XIOL_REF_COUNT
} xiol_ref;

enum { XIOL_POOL_MAX = 1024, XIOL_NEST_MAX = 150 };

/* in the order of use. NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding) */
struct xiol_state {
  lua_State *main;       /* the main thread of the Lua state */
  xiol_runtime *runtime; /* whose task runs now; NULL outside of every run */
  lua_State *top;        /* the coroutine whose code runs now and which may wait */
  bool waitable;         /* every coroutine below top can be yielded across */
  xiol_task *last_call; /* which returns what is to be called; NULL: none (coroutine.c) */
  bool rethrowing;      /* the next raise is xio handing an error on, not a new one */
  xio_allocator alloc;
  xiol_task *free_tasks;
  xiol_scope *free_scopes;
  uint32_t string_header; /* of room.c: bytes before those of a string; 0: not known */
  void *given;            /* what is to become the next string; NULL: nothing */
  size_t given_size;
  xiol_room room;             /* where bytes are read to; empty before the first read */
  struct xiol_source *unread; /* whose bytes are at its beginning: their string could not
                                 be made; NULL: nobody's */
  size_t unread_count;
  struct xiol_select *selects; /* idle records of select.c */
  int *free_slots;             /* slots of the anchor table that are free, as a stack */
  int free_count, slot_count, slot_capacity;
  uint32_t pooled;
  bool tells_wanted; /* xiol_unwanted knows where to look */
  bool any_context;  /* some task has task-local values */
  bool any_shown;    /* some coroutine of a task was shown to the program */
  struct {           /* live objects, for leak checks */
    uint32_t tasks, scopes, groups, loops, fds, streams, listeners, files, udps, signals,
        processes;
  } live;
  int refs[XIOL_REF_COUNT];
  const char *lua_prefix; /* sources of xio's own Lua files begin with it; anchored */
  size_t lua_prefix_length;
  struct xiol_parked *parked; /* generators in the middle of a wait (generator.c) */
  uint32_t parked_count, parked_capacity;
  uint32_t resuming;   /* resumes of generators that are going on */
  uint32_t closing;    /* coroutines that are being closed, handlers and all */
  int generator_stack; /* anchored text: the stack of a generator whose error goes on */
  struct {             /* of body.c */
    lua_State *thread;
    uint32_t first;  /* number of the value at its bottom */
    int count, room; /* values; for how many there is room */
    int left, holes; /* of these: gone at the bottom, gone above */
  } bodies;
  const void *globals;       /* address of the table of globals */
  xiol_source_file *sources; /* the one used last first */
  uint32_t source_count;
  uint32_t recent_next; /* where in the ring of recent errors the next one goes */
  struct {              /* an open group, whose handle its host's stack holds */
    const void *handle; /* NULL: none */
    xiol_group *group;
  } last_group;
  struct { /* the place of the last spawns, and how often it was the same */
    const xio_group *group;
    uint32_t place;
    uint32_t same, skipped;
  } spawned;
  bool told;                /* of plain.c: what runs was told that it is interrupted */
  struct xio_job *job;      /* of worker.c: the one that this thread runs */
  struct xiol_setup *setup; /* of worker.c: for threads; NULL: none was made */
  void (*extend_thread)(lua_State *L); /* prepares their states further; NULL: nobody */
  struct {                             /* of worker.c: what was found where our hook is */
    lua_State *thread;                 /* NULL: nowhere */
    lua_Hook hook;
    int mask, count;
  } hooked;
  struct xiol_misnested *misnested; /* of nest.c: of tasks that are `misnested` */
  struct {                          /* of attention.c */
    void (*look)(lua_State *L);     /* the host's; NULL: none */
    volatile sig_atomic_t wanted;   /* it is to be called */
    bool raises;                    /* what runs is to be stopped by an error then */
    lua_State *hooked;              /* the coroutine that has our hook; NULL: none */
    lua_Hook hook;                  /* what was found there */
    int mask, count;
  } attention;
  struct xio_blocker
      *blocker;              /* of shared.c: with which this thread waits where it has no
                                  loop; NULL before the first time */
  struct xio_tracer *tracer; /* the host's, of all loops opened from now on; or NULL */
  xiol_coroutine pool[XIOL_POOL_MAX]; /* idle coroutines of ours */
};

struct xiol_runtime {
  const xiol_kind *kind;
  xiol_state *state;
  xio_loop *loop;      /* NULL: closed */
  lua_State *driver;   /* the coroutine that drives the loop now; NULL: nobody does */
  xiol_runtime *outer; /* the runtime in one of whose tasks this one is driven */
  int64_t grace_ns;
  uint8_t errors;        /* xiol_errors of the root group */
  bool no_places;        /* tasks do not note where they were spawned */
  xio_signals *signals;  /* NULL: SIGINT and SIGTERM are left alone */
  int8_t want_signals;   /* yes, no, or -1: where that is safe */
  xiol_task *main;       /* of the run that is driven; NULL once it has ended */
  uint64_t main_over_at; /* how many times tasks had been resumed by then, and one */
  uint8_t deadlocks;     /* how often nothing could wake any task, in this run */
  int name;              /* anchored name; 0 none */
  int failure;           /* anchored error of the run itself: a deadlock …; 0 none */
  struct {               /* of csrc/host */
    int anchor;          /* of the runtime, which its host holds; 0: it does not */
    bool main_cancelled; /* the last run's main task was */
    struct xio_attachment *attachment; /* NULL: not attached */
    lua_State *attached_to;
    void (*ended)(void); /* what is called when the last task of it has ended */
    void *ended_data;
  } host;
};

/* How a group raises its errors. */
typedef enum xiol_errors {
  XIOL_ERRORS_AUTO,
  XIOL_ERRORS_FIRST,
  XIOL_ERRORS_GROUP
} xiol_errors;

/* User values of a task's handle. */
enum {
  XIOL_TASK_VALUE = 1,  /* at the end: result or error */
  XIOL_TASK_NAME = 2,   /* a string, or the function whose name it is */
  XIOL_TASK_PARENT = 3, /* the handle of the task that opened its group */
  XIOL_TASK_VALUES = 3
};

typedef struct xiol_task_handle {
  const xiol_kind *kind;
  xiol_task *task; /* NULL after the end */
  uint64_t id;
  uint8_t outcome; /* xio_outcome */
  bool raised;     /* its error was raised by await, in a task that failed of it */
  int results;     /* how many; more than one are in a table */
} xiol_task_handle;

/* A task that lives, or has failed and is listed by its group. From a free list of the
 * state. Before its first run body.c keeps what that needs, or, where too many wait
 * there, its coroutine. */
struct xiol_task {
  xiol_coroutine coroutine; /* mostly none before the first run */
  xiol_runtime *runtime;
  uint16_t atomic;       /* depth of xio.atomic */
  uint16_t watch_least;  /* the least depth of what hid its checkpoints since */
  uint8_t watches;       /* how many of its callers watch it (testing.c) */
  uint8_t outcome;       /* xio_outcome of the body */
  bool watch_paused : 1; /* it was suspended since the watch began */
  bool begun : 1;        /* it was resumed */
  bool waiting : 1;      /* its function waits in body.c */
  bool escaped : 1;      /* its coroutine was shown to the program */
  bool misnested : 1;    /* a scope was found open at the end of the one around it */
  bool place_near : 1;   /* the place is that of spawns just before it */
  xio_task core;         /* in the middle: what a switch touches is near each other */
  union {
    xiol_task_handle *handle; /* NULL: nobody has asked for it yet */
    xiol_task *next_free;
  };
  union {
    struct {         /* before it begins */
      uint32_t body; /* number of its function in body.c, while it waits there */
      int arguments; /* that wait with it */
    };
    lua_State *parked;      /* where it waits, and may be handed values (channel.c) */
    struct xio_ctask *host; /* of a C task: its record (csrc/host) */
  };
  uint32_t place; /* of the spawn; 0: not known (xiol_task_place) */
  int slot;       /* anchor of the handle; 0: there is none */
};

/* A time limit as it was given, for messages. */
typedef struct xiol_limit {
  lua_Number seconds;
  bool is_integer;
} xiol_limit;

/* A scope entered by a function, or made by xio.new_scope. */
struct xiol_scope {
  union { /* the same */
    xio_scope core;
    xio_region region;
  };
  xiol_state *state;
  xiol_scope *next_free;
  uint8_t refs;         /* by its handle; by being entered */
  uint8_t base;         /* of scope.c: what is below the body in its frame */
  const char *verb;     /* which function made it: "move_on_after" … */
  xiol_limit limit;     /* of a verb that has one */
  int64_t timeout_ns;   /* counts from the entry; XIO_NEVER none */
  lua_State *generator; /* in which it was opened; NULL: in the task's own coroutine */
  const char *place;    /* where, if in a generator */
  int place_line;
  int name;                          /* anchored name; 0 none */
  const struct xiol_message *reason; /* for which another thread has cancelled it; NULL */
};

typedef struct xiol_scope_handle {
  const xiol_kind *kind;
  xio_scope *scope;
  xiol_scope *owned; /* NULL: it is a group's */
  xiol_group *group; /* whose it is; NULL: nobody's */
} xiol_scope_handle;

struct xiol_group {
  xio_group core;
  xiol_state *state;
  xiol_runtime *runtime;
  uint8_t refs;           /* by its handle; by being open */
  uint8_t errors;         /* xiol_errors */
  bool body_failed;       /* with an error */
  bool body_cut;          /* by a cancellation of this group, or from outside */
  bool region;            /* opened and ended by two calls (region.c), for an iterator */
  uint32_t failed_before; /* children that had failed when the body did */
  int name;               /* anchored name; 0 none */
  lua_State *generator;   /* in which it was opened; NULL: in the task's own coroutine */
  const char *place;      /* where, if in a generator */
  int place_line;
};

typedef struct xiol_cancelled {
  const xiol_kind *kind;
  xio_scope *scope; /* whose cancellation it tells; NULL after that has ended */
  uint8_t source;   /* xio_source */
} xiol_cancelled;

#endif
