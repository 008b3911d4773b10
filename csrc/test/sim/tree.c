/* tree: random trees of tasks, by seed, with every invariant checked after every step.
 *
 *   sim_tree [FIRST [COUNT [trace]]]        seeds FIRST (1) to FIRST + COUNT (10000) - 1
 *
 * A seed gives a set of programs (see ctask.h), the order of ready tasks, what a host
 * does between two turns (cancels, shields, deadlines, spawns), whether one allocation
 * fails, and whether the loop is closed before its tasks have ended. Time is virtual.
 * Oracles, beside xio_check_loop: no task outlives its group; who is ready when a pass
 * begins has run when it ends; each error is reported once; a checkpoint knows whether it
 * is cancelled; a second run of the seed does exactly the same; in the end nothing is
 * left. Prints TAP; after a failure, the command that repeats its seed. */
#include <stdlib.h>
#include <string.h>

#include "../../core/check.h"
#include "../support/ctask.h"

enum {
  PROGRAMS = 8,
  OPS_MAX = 2048,
  NAMES = 8, /* names in use: 1 to NAMES */
  TASKS_MAX = 48,
  STEPS_MAX = 20000,
  STALLS_BEFORE_SIGNAL = 3
};

typedef struct tree_sim {
  xio_random random;
  ctask_world world;
  ctask_op ops[OPS_MAX];
  int op_count;
  const ctask_op *programs[PROGRAMS];
  int stalls;
  bool pass_open; /* ctask.seen holds what was ready when the pass began */
} tree_sim;

/* What the seeds of one call did, to see that they did anything. */
typedef struct totals {
  uint64_t events, tasks, errors, stalls, closed, failed_allocations;
} totals;

static uint32_t below(tree_sim *sim, uint32_t bound) {
  return (uint32_t)xio_random_below(&sim->random, bound);
}

static bool chance(tree_sim *sim, uint32_t percent) {
  return below(sim, 100) < percent;
}

static int any_name(tree_sim *sim) {
  return 1 + (int)below(sim, NAMES);
}

/* -- programs ------------------------------------------------------------------------ */

/* How often each operation is chosen, in parts of the sum. */
static const struct {
  ctask_kind kind;
  uint32_t weight;
} weights[] = {
    {CTASK_OP_SLEEP, 18},   {CTASK_OP_FOREVER, 3},     {CTASK_OP_PAUSE, 9},
    {CTASK_OP_SPEND, 4},    {CTASK_OP_SPAWN, 22},      {CTASK_OP_START, 10},
    {CTASK_OP_STARTED, 5},  {CTASK_OP_SCOPE, 9},       {CTASK_OP_GROUP, 9},
    {CTASK_OP_TRY, 4},      {CTASK_OP_FAIL, 2},        {CTASK_OP_JOIN, 6},
    {CTASK_OP_CANCEL, 5},   {CTASK_OP_CANCEL_TASK, 3}, {CTASK_OP_SHIELD, 5},
    {CTASK_OP_DEADLINE, 4},
};

static ctask_kind any_kind(tree_sim *sim) {
  uint32_t sum = 0;
  for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++)
    sum += weights[i].weight;
  uint32_t at = below(sim, sum);
  size_t i = 0;
  while (at >= weights[i].weight) at -= weights[i++].weight;
  return weights[i].kind;
}

static ctask_op *add_op(tree_sim *sim, ctask_kind kind) {
  ctask_op *op = &sim->ops[sim->op_count++];
  *op = (ctask_op){.kind = kind};
  return op;
}

static void choose_scope_opts(tree_sim *sim, ctask_op *op) {
  if (chance(sim, 60)) op->name = any_name(sim);
  if (chance(sim, 25)) op->flags |= CTASK_SHIELDED;
  if (op->kind == CTASK_OP_SCOPE && chance(sim, 15)) {
    op->flags |= CTASK_GRACE;
    op->time = 1 + below(sim, 40);
  } else if (chance(sim, 40)) {
    op->time = (int64_t)below(sim, 60) - 5; /* some are too late on entry */
  }
  if (op->kind == CTASK_OP_GROUP && chance(sim, 30)) op->count = 1 + below(sim, 3);
}

static void choose_opts(tree_sim *sim, ctask_op *op, int program) {
  switch (op->kind) {
    case CTASK_OP_SLEEP: op->time = below(sim, 40); break;
    case CTASK_OP_SPEND: op->time = 1 + below(sim, 200); break;
    case CTASK_OP_SPAWN:
    case CTASK_OP_START:
      /* only later programs: no chain is without end */
      op->program = sim->programs[program + 1 +
                                  (int)below(sim, (uint32_t)(PROGRAMS - program - 1))];
      if (chance(sim, 50)) op->name = any_name(sim);
      if (chance(sim, 25)) op->target = any_name(sim);
      if (chance(sim, 15)) op->flags |= CTASK_DAEMON;
      break;
    case CTASK_OP_SCOPE:
    case CTASK_OP_GROUP: choose_scope_opts(sim, op); break;
    case CTASK_OP_TRY: op->flags = chance(sim, 40) ? CTASK_FLAG : 0; break;
    case CTASK_OP_DEADLINE: op->time = (int64_t)below(sim, 50) - 5;     /* fall through */
    case CTASK_OP_SHIELD: op->flags = chance(sim, 50) ? CTASK_FLAG : 0; /* fall through */
    default: op->target = any_name(sim); break;
  }
}

/* Blocks in blocks, at most three deep. NOLINTNEXTLINE(misc-no-recursion) */
static void add_block(tree_sim *sim, int program, int depth) {
  uint32_t count = depth == 0 ? 3 + below(sim, 10) : 1 + below(sim, 4);
  for (uint32_t i = 0; i < count && sim->op_count < OPS_MAX - 64; i++) {
    ctask_kind kind = any_kind(sim);
    bool is_block =
        kind == CTASK_OP_SCOPE || kind == CTASK_OP_GROUP || kind == CTASK_OP_TRY;
    bool spawns = kind == CTASK_OP_SPAWN || kind == CTASK_OP_START;
    if ((is_block && depth >= 3) || (spawns && program == PROGRAMS - 1)) {
      kind = CTASK_OP_PAUSE;
      is_block = false;
    }
    choose_opts(sim, add_op(sim, kind), program);
    if (!is_block) continue;
    add_block(sim, program, depth + 1);
    add_op(sim, CTASK_OP_CLOSE);
  }
}

static void make_programs(tree_sim *sim) {
  for (int program = PROGRAMS - 1; program >= 0; program--) {
    sim->programs[program] = &sim->ops[sim->op_count];
    add_block(sim, program, 0);
    add_op(sim, CTASK_OP_END);
  }
}

/* -- the host ------------------------------------------------------------------------ */

static void cancel_something(tree_sim *sim, xio_source source) {
  ctask_world *world = &sim->world;
  int name = any_name(sim);
  bool task = chance(sim, 40);
  ctask_event(world, task ? "host cancels task" : "host cancels scope", 0, name);
  if (task) {
    if (world->tasks[name] == NULL || world->tasks[name]->over) return;
    xio_scope_cancel(&world->tasks[name]->core.own, source);
  } else if (world->scopes[name] != NULL) {
    xio_scope_cancel(world->scopes[name], source);
  }
}

/* What happens between two turns, from outside of every task. */
static void act_as_host(tree_sim *sim) {
  ctask_world *world = &sim->world;
  uint32_t what = below(sim, 100);
  xio_scope *scope = world->scopes[any_name(sim)];
  if (what < 8) {
    cancel_something(sim, XIO_SOURCE_CANCEL);
  } else if (what < 12 && scope != NULL) {
    xio_scope_set_shield(scope, chance(sim, 50));
  } else if (what < 15 && scope != NULL) {
    int64_t at = xio_clock_after(&world->loop->clock, (int64_t)below(sim, 30) - 3);
    int status = xio_scope_set_deadline(scope, at);
    ctask_event(world, "host moves deadline", 0, status);
  } else if (what < 17) {
    ctask *task = ctask_spawn(world, sim->programs[below(sim, PROGRAMS)], any_name(sim));
    ctask_event(world, "host spawns", 0, task != NULL ? (int64_t)task->core.id : 0);
  } else if (what == 17 && chance(sim, 30)) {
    ctask_event(world, "host cancels all", 0, 0);
    xio_scope_cancel(&world->loop->root.scope, XIO_SOURCE_SIGNAL);
  } else if (what == 18 && chance(sim, 20)) {
    ctask_event(world, "host lifts all shields", 0, 0);
    xio_scope_lift_all(&world->loop->root.scope);
  }
}

/* Nothing can wake anybody: cancels something, more with every time. */
static void end_stall(tree_sim *sim) {
  ctask_world *world = &sim->world;
  xio_scope *root = &world->loop->root.scope;
  sim->stalls++;
  ctask_event(world, "stalled", 0, sim->stalls);
  if (sim->stalls <= STALLS_BEFORE_SIGNAL) {
    cancel_something(sim, XIO_SOURCE_CANCEL);
  } else if (root->source == XIO_SOURCE_NONE) {
    xio_scope_cancel(root, XIO_SOURCE_SIGNAL);
  } else if (!world->loop->queue.shields_lifted) {
    xio_scope_lift_all(root);
  } else {
    ctask_fault(world, "sim: all is cancelled, no shield holds, and still tasks wait");
  }
}

/* -- one seed ------------------------------------------------------------------------ */

static void check(ctask_world *world) {
  const char *what = NULL;
  if (!xio_check_loop(world->loop, &what)) ctask_fault(world, what);
}

static ctask *ctask_at(xio_list *all) {
  return XIO_CONTAINER_OF(all, ctask, all);
}

/* Before a turn: where a pass begins, notes who is ready. */
static void begin_pass(tree_sim *sim) {
  if (sim->pass_open) return;
  sim->pass_open = true;
  xio_list *all = &sim->world.all;
  for (xio_list *node = all->next; node != all; node = node->next) {
    ctask *task = ctask_at(node);
    bool ready = task->core.wait.state == XIO_WAIT_READY;
    task->seen = ready ? task->resumes : UINT32_MAX;
  }
}

/* After a turn: where it was the last of a pass, who was ready has run. */
static void end_pass(tree_sim *sim) {
  if (!xio_list_empty(&sim->world.loop->queue.batch)) return;
  sim->pass_open = false;
  xio_list *all = &sim->world.all;
  for (xio_list *node = all->next; node != all; node = node->next) {
    ctask *task = ctask_at(node);
    if (task->seen == task->resumes)
      ctask_fault(&sim->world, "sched: one was passed over");
    task->seen = UINT32_MAX;
  }
}

/* Runs until all has ended, or `steps_max` turns. */
static void run_steps(tree_sim *sim, uint32_t steps_max) {
  ctask_world *world = &sim->world;
  for (uint32_t steps = 0; world->fault == NULL && steps < steps_max; steps++) {
    begin_pass(sim);
    bool stalled = false;
    bool more = xio_loop_step(world->loop, 0, &stalled);
    end_pass(sim);
    check(world);
    if (more != (world->alive != 0)) ctask_fault(world, "loop: miscounts who lives");
    if (stalled && xio_loop_timeout(world->loop) != XIO_NEVER) {
      ctask_fault(world, "loop: stalled, but something is due");
    }
    if (!more) return;
    if (stalled) {
      end_stall(sim);
    } else {
      act_as_host(sim);
    }
    check(world);
    if (steps == STEPS_MAX - 1) ctask_fault(world, "sim: does not end");
  }
}

/* Runs `seed`; its fault, or NULL. `*hash` tells what happened. */
static const char *run_seed(tree_sim *sim, uint64_t seed, FILE *trace, uint64_t *hash,
                            totals *sums) {
  memset(sim, 0, sizeof *sim);
  xio_random_init(&sim->random, seed);
  ctask_world *world = &sim->world;
  make_programs(sim);
  world->trace = trace;
  world->spawn_max = TASKS_MAX;
  world->after_step = check;
  xio_loop_opts opts = {.virtual_clock = true, .seeded = chance(sim, 50), .seed = seed};
  if (ctask_world_open(world, opts) != XIO_OK) return "loop: cannot be opened";
  if (chance(sim, 12)) counting_fail(&world->memory, COUNTING_ONCE, 1 + below(sim, 60));
  if (chance(sim, 4)) counting_fail(&world->memory, COUNTING_FROM, 1 + below(sim, 60));
  bool closes = chance(sim, 20);
  uint32_t roots = 1 + below(sim, 3);
  for (uint32_t i = 0; i < roots; i++) ctask_spawn(world, sim->programs[i], 0);
  run_steps(sim, closes ? below(sim, 30) : STEPS_MAX);
  sums->events += world->events;
  sums->tasks += world->spawned;
  sums->errors += world->raised.count;
  sums->stalls += (uint64_t)sim->stalls;
  sums->closed += world->alive != 0;
  sums->failed_allocations += world->memory.failures;
  *hash = world->hash;
  if (world->fault != NULL) return world->fault; /* what is broken cannot be closed */
  const char *fault = ctask_world_end(world);
  *hash = world->hash;
  return fault;
}

static const char *run_seed_twice(tree_sim *sim, uint64_t seed, totals *sums) {
  uint64_t first = 0;
  uint64_t second = 0;
  totals ignored = {0};
  const char *fault = run_seed(sim, seed, NULL, &first, sums);
  if (fault == NULL) fault = run_seed(sim, seed, NULL, &second, &ignored);
  if (fault == NULL && first != second) return "sim: the same seed did something else";
  return fault;
}

int main(int argc, char **argv) {
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
  static tree_sim state;
  totals sums = {0};
  printf("1..1\n");
  for (uint64_t seed = first; seed < first + count; seed++) {
    uint64_t hash = 0;
    const char *fault = argc > 3 ? run_seed(&state, seed, stdout, &hash, &sums)
                                 : run_seed_twice(&state, seed, &sums);
    if (fault == NULL) continue;
    printf("not ok 1 - seed %llu: %s\n# repeat it: %s %llu 1 trace\n",
           (unsigned long long)seed, fault, argv[0], (unsigned long long)seed);
    return EXIT_FAILURE;
  }
  bool idle = count >= 1000 && (sums.errors == 0 || sums.stalls == 0 ||
                                sums.closed == 0 || sums.failed_allocations == 0);
  printf("%s 1 - %llu random task trees from seed %llu\n", idle ? "not ok" : "ok",
         (unsigned long long)count, (unsigned long long)first);
  printf(
      "# %llu events, %llu tasks, %llu errors, %llu stalls, %llu closed alive, "
      "%llu failed allocations\n",
      (unsigned long long)sums.events, (unsigned long long)sums.tasks,
      (unsigned long long)sums.errors, (unsigned long long)sums.stalls,
      (unsigned long long)sums.closed, (unsigned long long)sums.failed_allocations);
  return idle ? EXIT_FAILURE : EXIT_SUCCESS;
}
