/* world: random programs over everything that waits for the system, on the stand-in.
 *
 * A seed gives the weather (standin.h), how the loop is made and driven, and a program: a
 * list of steps for a few agents, which are C tasks (csrc/test/support/ctask.h). A step
 * is a verb with two numbers; verbs take whatever is in the place that they name, or
 * nothing, so that every list of steps is a program, and one that fails can be shrunk by
 * leaving steps out. What each verb may expect stands where it is defined, in the file of
 * its noun; a record of what went over each wire, and the like, is the model.
 *
 * After each step of a task all invariants are checked. Where all tasks wait and the
 * world has nothing to come, those that wait must have nothing to wait for: no byte, no
 * room, no connection. In the end nothing may be left. */
#ifndef XIO_TEST_WORLD_H
#define XIO_TEST_WORLD_H

#include "../../base/random.h"
#include "../../core/attach.h"
#include "../../core/catcher.h"
#include "../../core/check.h"
#include "../../core/dns.h"
#include "../../core/file.h"
#include "../../core/listener.h"
#include "../../core/port.h"
#include "../../core/process.h"
#include "../../core/stream.h"
#include "../../core/udp.h"
#include "../standin/standin.h"
#include "../support/ctask.h"

enum {
  AGENTS = 6,
  TASKS_MAX = 24,
  STEPS_MAX = 120,
  DROPS_WORDS = (STEPS_MAX + 63) / 64,
  ENDS = 8, /* places for streams */
  WIRES = 48,
  DOORS = 2, /* places for listeners, and their ports */
  FIRST_PORT = 7000,
  MESSAGE_MAX = 300,
  FILES = 2,
  FILE_MAX = 201, /* bytes that are moved at once */
  FILE_BYTES = 1024,
  POSTS = 3,    /* places for sockets for datagrams */
  CHILDREN = 3, /* ... for processes */
  CATCHERS = 2,
  RAWS = 4, /* ... for descriptors of others */
  MAILS = 64,
  SIGNALS = 2
};

typedef struct world world;

/* One connection, as both of its ends should see it. */
typedef struct wire {
  uint64_t sent[2], received[2]; /* bytes, by the end that did it */
  bool over[2];                  /* that end writes no more */
  bool closed[2];
  bool failed[2]; /* an error was told to that end */
  uint16_t port;  /* of who has connected; 0: a pair */
  bool accepted;
} wire;

typedef struct end {
  xio_stream *stream; /* NULL: none */
  int wire, side;
  uint64_t user[2]; /* the tasks that read and write, by xio_fd_side; 0: none */
  ctask *writer;    /* the second of these, while it waits */
  bool drained;     /* the last read left nothing */
  bool connecting;  /* not known to be connected */
  bool reads, writes;
} end;

/* What a task is in the middle of. */
typedef struct agent {
  const ctask_op *op; /* it has begun with this */
  int wire, side;     /* what was in the place when it began */
  uint32_t done;      /* bytes of the message that are out */
  int64_t until;      /* when it should be over */
  void *record;       /* of what it began */
  uint32_t serial;
  ctask *ends;          /* itself, while it waits for the end of a process */
  int64_t cancelled_at; /* when that was seen to be cancelled; 0: it was not */
} agent;

typedef struct open_file {
  xio_file *file;  /* NULL: none */
  uint32_t serial; /* of what is in the place */
  uint64_t user;   /* the task that uses it; 0: none */
  bool unsure;     /* a write may still be on its way */
  bool known;      /* what is in the file, which is this: */
  int64_t size;
  char bytes[FILE_BYTES];
} open_file;

typedef struct post_box {
  xio_udp *socket; /* NULL: none */
  uint32_t serial;
  uint64_t user[2];
} post_box;

typedef struct child_place {
  xio_process *process; /* NULL: none */
  uint32_t serial;
  int users;      /* tasks that wait */
  int code;       /* with which it should exit */
  bool signalled; /* it was sent something */
} child_place;

typedef struct catcher_place {
  xio_catcher *catcher; /* NULL: none */
  uint32_t serial;
  uint64_t came[SIGNALS], taken[SIGNALS]; /* the last moments */
} catcher_place;

typedef struct raw_place {
  int number;
  bool open;       /* ... and ours */
  uint32_t serial; /* of the file that stands there */
  xio_fd *fd;      /* NULL: none */
  int fd_number;
  uint32_t fd_serial; /* of its file */
  int closings;       /* of registrations there */
  uint32_t waited[2]; /* the file for which somebody began to wait, by xio_fd_side */
} raw_place;

typedef struct mail {
  xio_post post;
  world *world;
  uint32_t number;
  bool posted, over;
} mail;

typedef struct step {
  int agent, verb;
  uint32_t place, amount;
} step;

struct world {
  ctask_world tasks; /* first: tasks lead here */
  xio_random random; /* of the program */
  standin_weather weather;
  uint32_t shares[8]; /* of each noun in the program */
  step steps[STEPS_MAX];
  int step_count;
  uint64_t dropped[DROPS_WORDS]; /* steps that are left out */
  ctask_op ops[AGENTS][STEPS_MAX + 16];
  agent agents[TASKS_MAX + 1]; /* by the number of the task */
  end ends[ENDS];
  wire wires[WIRES];
  int wire_count;
  xio_listener *doors[DOORS];
  int closed[DOORS]; /* how many listeners were closed there */
  int64_t jobs, jobs_over;
  xio_dns *lookups[TASKS_MAX + 1]; /* by the number of the task */
  open_file files[FILES];
  post_box posts[POSTS];
  child_place children[CHILDREN];
  catcher_place catchers[CATCHERS];
  xio_signals *signals; /* of the loop; NULL: it takes none */
  int interrupts;       /* that were sent to it */
  raw_place raws[RAWS];
  bool replaced;  /* one of them, by another of them */
  xio_port *port; /* NULL: none */
  xio_bell bell;
  uint32_t rung, heard;
  mail mail[MAILS];
  uint32_t mails, mails_over;
  uint64_t moment;  /* counts what has an order */
  uint32_t letters; /* datagrams that were sent */
  bool read_letters[64];
  uv_loop_t host; /* the loop that it is attached to, if it is */
  bool hosted;
  xio_attachment *attachment;
  bool stalled; /* the world has nothing to come */
  int stalls;
  bool calm; /* nothing breaks but what a program breaks */
};

/* A verb: how a step of it becomes an operation of an agent. */
typedef enum verb_kind {
  VERB_PLAIN,
  VERB_BLOCK, /* reaches to VERB_CLOSE */
  VERB_CLOSE,
  VERB_SPAWN,
  VERB_TIMED,  /* `amount` is its time, in microseconds */
  VERB_TARGET, /* `place` is the name of an agent */
  VERB_DEADLINE
} verb_kind;

typedef struct verb {
  const char *name;
  ctask_op op;
  verb_kind kind;
  uint32_t weight;         /* how often it is chosen */
  uint32_t places, amount; /* below which its numbers are */
} verb;

/* The verbs of each noun, ended by one without a name. */
extern const verb general_verbs[], stream_verbs[], datagram_verbs[], pool_verbs[],
    file_verbs[], process_verbs[], catcher_verbs[], descriptor_verbs[];

#define WORLD_EXPECT(self, cond, text) \
  do { \
    if (!(cond)) ctask_fault(&(self)->tasks, (text)); \
  } while (0)

static inline world *world_of(ctask *task) {
  return (world *)(void *)task->world;
}

static inline agent *agent_of(ctask *task) {
  return &world_of(task)->agents[task->core.id];
}

/* The operation that the task is in. */
static inline const ctask_op *op_of(const ctask *task) {
  return task->at - 1;
}

/* Called by each verb that may wait, before it does anything. */
static inline agent *begin_op(ctask *task) {
  agent_of(task)->op = op_of(task);
  return agent_of(task);
}

/* Whether the operation that is over has begun: it has not where its task was cancelled
 * before. */
static inline bool has_begun(ctask *task) {
  return agent_of(task)->op == op_of(task);
}

/* -- programs ------------------------------------------------------------------------ */

void program_make(world *self);  /* the steps, from `random` */
void program_build(world *self); /* the agents' operations, without what is dropped */
void program_print(const world *self);

/* -- nouns --------------------------------------------------------------------------- */

/* Each checks what it knows; `stalled`: nobody should have anything to wait for. */
void stream_check(world *self, bool stalled);
void pool_check(world *self, bool stalled);
void datagram_check(world *self, bool stalled);
void process_check(world *self);
void descriptor_check(world *self, bool stalled);
void port_check(world *self, bool stalled);
void catcher_check(world *self, bool stalled);

/* A door for what runs in threads and in handlers. */
void port_begin(world *self);
void port_post(world *self);
void port_ring(world *self);
void port_end(world *self); /* after the loop's end */

/* The process's own handlers; a signal comes; what is left of all that. */
void catcher_begin(world *self);
void catcher_raise(world *self, uint32_t which);
void catcher_end(world *self);

/* Each opens some of its places. */
void stream_begin(world *self);
void file_begin(world *self);
void descriptor_begin(world *self);

/* Each lets go of all, before or after the loop's end. */
void stream_end(world *self);
void pool_end(world *self); /* after it */
void file_end(world *self);
void datagram_end(world *self);
void descriptor_end(world *self);

/* -- one seed ------------------------------------------------------------------------ */

/* Runs it. Ends the process by `on_fault` where something is wrong. */
uint64_t world_run(world *self, uint64_t seed, const uint64_t dropped[DROPS_WORDS],
                   FILE *trace, standin_fault_fn on_fault);

#endif
