/* twin: everything by which tasks cooperate, twice: the objects of the core, and the
 * model (model.h) that each must agree with.
 *
 * A twin is a world of agents (C tasks, see ctask.h; agent i has the name i + 1) with
 * its objects. Whatever is done to an object is done to the model in the same step, and
 * both must answer the same. After each step every queue holds the same agents in the
 * same order, every count is the same, and exactly those wait that should; an agent that
 * is resumed was given the status, the case and the item that the model says. What goes
 * wrong is the world's fault. See csrc/test/sim/cooperation.c. */
#ifndef XIO_TEST_TWIN_H
#define XIO_TEST_TWIN_H

#include "../../core/barrier.h"
#include "../../core/channel.h"
#include "../../core/condition.h"
#include "../../core/event.h"
#include "../../core/semaphore.h"
#include "ctask.h"
#include "model.h"

enum {
  TWIN_OPS = 96,           /* of an agent's program */
  TWIN_SEQUENCES = 1 << 20 /* items of one agent */
};

typedef struct twin_agent {
  ctask_op ops[TWIN_OPS];
  model_case cases[MODEL_CASES]; /* of the operation that it waits in */
  xio_waiter entries[MODEL_CASES];
  int won;   /* the last that completed a select */
  int count; /* of cases; 0: it is in no operation */
  bool selects;
  bool done;         /* the operation has taken effect before a pause */
  int expected;      /* with this status, then */
  int ended;         /* how its wait for a notice has ended */
  uint32_t inbox;    /* the item that it was handed */
  uint32_t sequence; /* of its items */
  uint32_t held[MODEL_SEMAPHORES];
  bool owns[MODEL_LOCKS];
  bool dead;
} twin_agent;

typedef struct twin {
  xio_random random;
  ctask_world world;
  model model;
  twin_agent agents[MODEL_AGENTS];
  xio_channel channels[MODEL_CHANNELS];
  uint32_t slots[MODEL_CHANNELS][MODEL_ITEMS];
  uint32_t last_taken[MODEL_CHANNELS][MODEL_AGENTS];
  uint64_t taken[MODEL_CHANNELS];
  xio_lock locks[MODEL_LOCKS];
  xio_semaphore permits[MODEL_SEMAPHORES];
  xio_event events[MODEL_EVENTS];
  xio_condition condition;
  xio_barrier barrier;
  int64_t gifts[MODEL_SEMAPHORES]; /* permits given back that nobody had taken */
  uint64_t operations, waits, selects, cancelled, timed_out; /* so far */
} twin;

#define TWIN_EXPECT(twin, cond, text) \
  do { \
    if (!(cond)) ctask_fault(&(twin)->world, (text)); \
  } while (0)

static inline twin *twin_of(ctask *self) {
  return XIO_CONTAINER_OF(self->world, twin, world);
}

static inline ctask *twin_task(const twin *sim, int agent) {
  return sim->world.tasks[agent + 1];
}

static inline int64_t twin_now(const twin *sim) {
  return xio_clock_now(&sim->world.loop->clock);
}

static inline bool twin_chance(twin *sim, uint32_t percent) {
  return xio_random_below(&sim->random, 100) < percent;
}

/* Lets the model know that time has passed, or that scopes were cancelled. Called before
 * anything is done, and after anything that cancels. Limits are at even times and
 * deadlines must be at odd ones, so that it is clear which came first. */
void twin_catch_up(twin *sim);

/* The world's after_step: compares everything. Agents that are over give back the permits
 * that they hold. */
void twin_after_step(ctask_world *world);

/* Begins the operation whose cases, at least one, the agent has. True: it has taken
 * effect. twin_finish is its second half, also where it was never begun. */
bool twin_begin(twin *sim, ctask *task);
bool twin_finish(ctask *task);

/* Gives a permit back that nobody holds; that the agent holds. */
void twin_give(twin *sim, int permits);
void twin_give_back(twin *sim, int agent, int permits);

/* After the world's end: nobody waits, no permit is out that no agent has seen, and no
 * lock is broken unless an agent has. */
void twin_check_end(twin *sim);

#endif
