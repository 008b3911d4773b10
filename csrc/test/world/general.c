/* general: sleeping, blocks, cancelling: what tasks do beside waiting for the system. */
#include "world.h"

enum { LATE_NS = 3 * 1000 * 1000 };

/* A sleep that must not be too short, nor long: while others do nothing but wait, no time
 * passes that is not asked for. (Where a process that was just started cannot be watched,
 * the loop waits until it has killed it.) */
static bool begin_nap(ctask *self) {
  int64_t now = xio_clock_now(&self->world->loop->clock);
  int64_t at = now + (int64_t)op_of(self)->count * 1000;
  begin_op(self)->until = at;
  self->last_status = xio_task_sleep(&self->core, at);
  return self->last_status != XIO_OK;
}

static bool end_nap(ctask *self) {
  world *its = world_of(self);
  const xio_clock *clock = &self->world->loop->clock;
  if (!has_begun(self) || self->last_status != XIO_OK) return true;
  int64_t late = clock->is_virtual ? xio_clock_now(clock) - agent_of(self)->until
                                   : standin_now() - agent_of(self)->until;
  WORLD_EXPECT(its, late >= 0, "nap: ended too early");
  WORLD_EXPECT(its, late <= LATE_NS || !its->calm, "nap: ended late");
  return true;
}

const verb general_verbs[] = {
    {"scope", CTASK_SCOPE(0), VERB_BLOCK, 8, 1, 6000},
    {"shielded", CTASK_SCOPE(.flags = CTASK_SHIELDED), VERB_BLOCK, 2, 1, 6000},
    {"grace", CTASK_SCOPE(.flags = CTASK_GRACE), VERB_BLOCK, 1, 1, 3000},
    {"try", CTASK_TRY(.flags = CTASK_FLAG), VERB_BLOCK, 6, 1, 1},
    {"group", CTASK_GROUP(0), VERB_BLOCK, 4, 1, 4000},
    {"close", CTASK_CLOSE, VERB_CLOSE, 14, 1, 1},
    {"spawn", {.kind = CTASK_OP_SPAWN}, VERB_SPAWN, 6, 3, 1},
    {"nap", CTASK_WAIT(begin_nap, .finish = end_nap), VERB_PLAIN, 8, 1, 4000},
    {"pause", CTASK_PAUSE, VERB_PLAIN, 4, 1, 1},
    {"cancel", CTASK_CANCEL(0), VERB_TARGET, 6, AGENTS, 1},
    {"kill", CTASK_CANCEL_TASK(0), VERB_TARGET, 1, AGENTS, 1},
    {"deadline", CTASK_DEADLINE(0, 0), VERB_DEADLINE, 4, AGENTS, 3000},
    {"join", CTASK_JOIN(0), VERB_TARGET, 2, AGENTS, 1},
    {.name = NULL}};
