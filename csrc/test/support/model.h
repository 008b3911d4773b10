/* model: what the objects by which tasks cooperate promise, in the simplest words.
 *
 * A reference for csrc/test/sim/cooperation.c: channels, locks, semaphores, events, a
 * condition and a barrier as arrays that are searched from the front. An agent stands for
 * a task. It has at most one operation, of one case or, for a select, of several; an
 * operation either takes effect at once (model_try) or waits (model_wait) until something
 * else completes it, in the same step. Nothing is shared with the core but the status
 * numbers. */
#ifndef XIO_TEST_MODEL_H
#define XIO_TEST_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "../../base/status.h"

enum {
  MODEL_AGENTS = 6,
  MODEL_CHANNELS = 3,
  MODEL_LOCKS = 2,
  MODEL_SEMAPHORES = 2,
  MODEL_EVENTS = 2,
  MODEL_ENDS = 16,  /* of one channel, both kinds, that are ever opened */
  MODEL_CASES = 4,  /* of one select */
  MODEL_ITEMS = 64, /* buffered at once */
  MODEL_NOBODY = -1
};

typedef enum model_kind {
  MODEL_SEND,
  MODEL_RECEIVE,
  MODEL_EVENT,
  MODEL_JOIN, /* the end of another agent */
  MODEL_LOCK,
  MODEL_PERMIT,
  MODEL_NOTICE, /* of the condition */
  MODEL_BARRIER
} model_kind;

typedef struct model_case {
  model_kind kind;
  int object;    /* its number; of a join, the agent */
  uint32_t end;  /* of a channel */
  uint32_t item; /* to send */
} model_case;

/* Who waits: an agent, and by which of its cases. */
typedef struct model_queue {
  struct {
    int agent, one;
  } entries[MODEL_AGENTS * MODEL_CASES];
  int count;
} model_queue;

typedef struct model_channel {
  uint32_t capacity;
  bool lossy, failed;
  bool open[MODEL_ENDS + 1]; /* by the number of the end */
  uint32_t senders, receivers;
  uint32_t items[MODEL_ITEMS];
  uint32_t buffered;
  uint64_t sent, received, refused;
  model_queue sending, receiving;
} model_channel;

typedef struct model_lock {
  int owner; /* an agent, or MODEL_NOBODY */
  bool broken;
  model_queue waiting;
} model_lock;

typedef struct model_agent {
  bool waits;
  bool stubborn; /* its wait is not withdrawn: it needs the lock again */
  model_case cases[MODEL_CASES];
  int count;
  int64_t limit_at;
  int status;    /* how its last wait ended */
  int won;       /* by which case; -1: by none */
  uint32_t item; /* that it received */
} model_agent;

typedef struct model {
  model_agent agents[MODEL_AGENTS];
  model_channel channels[MODEL_CHANNELS];
  model_lock locks[MODEL_LOCKS];
  struct {
    int64_t held, total, max;
    model_queue waiting;
  } permits[MODEL_SEMAPHORES];
  struct {
    bool is_set;
    model_queue waiting;
  } events[MODEL_EVENTS];
  model_queue joining[MODEL_AGENTS];
  model_queue notices; /* of the condition, which goes with lock 0 */
  model_queue barrier;
  int parties;
} model;

/* The queue in which a case waits. */
model_queue *model_queue_of(model *self, const model_case *one);

/* Lets one case take effect for `agent`: its status; XIO_EAGAIN: it would have to wait.
 * `*item` is what was received. */
int model_try(model *self, int agent, const model_case *one, uint32_t *item);

/* The agent waits from now on; its cases have just been tried. */
void model_wait(model *self, int agent, const model_case *cases, int count,
                int64_t limit_at);

/* Withdraws what can be: because of a cancellation, or of time. */
void model_cancel(model *self, int agent);
void model_expire(model *self, int64_t now);

/* The agent is over: locks that it owns are broken. */
void model_end_agent(model *self, int agent);

/* The core's functions of the same names; false or XIO_EINVAL as there. */
void model_close_end(model *self, int channel, uint32_t end, bool sends);
bool model_fail(model *self, int channel);
int model_unlock(model *self, int lock, int agent);
int model_release(model *self, int permits);
void model_set_total(model *self, int permits, int64_t total);
bool model_set(model *self, int event);
uint32_t model_notify(model *self, uint32_t count);

/* The agent was resumed from a wait for a notice that ended with `status`: XIO_OK, it has
 * the lock again; XIO_EAGAIN, it waits for that; XIO_EOWNERDEAD. */
int model_regain(model *self, int agent, int status);

#endif
