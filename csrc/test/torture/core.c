/* core: every allocation of the core fails, once, twice and from there on.
 *
 * torture_core [SCENARIO MODE N] all points; or that one, not in a process of its own
 *
 * A scenario is a set of programs (ctask.h). For each mode and each n until a run makes
 * fewer than n requests, a process of its own fails the n-th and must end well: the loop
 * opened or said that memory is out; every operation was done or raised an error; every
 * invariant held after every step; all errors were reported once; nothing is left. After
 * the faults the same loop must spawn, sleep and join again. Prints TAP, one line for
 * each scenario and mode; a point that failed is printed with the command that repeats
 * it. */
#include <stdlib.h>

#include "../../core/check.h"
#include "../scenario/apart.h"
#include "../support/ctask.h"

enum { POINTS_MAX = 2000 };

static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
static const ctask_op sleeper[] = {CTASK_SLEEP(10), CTASK_END};
static const ctask_op guarded[] = {CTASK_SCOPE(.time = 5), CTASK_FOREVER, CTASK_CLOSE,
                                   CTASK_END};
static const ctask_op failing[] = {CTASK_SLEEP(3), CTASK_FAIL, CTASK_END};
static const ctask_op starting[] = {CTASK_SLEEP(2), CTASK_STARTED, CTASK_SLEEP(20),
                                    CTASK_END};
static const ctask_op cleaning[] = {CTASK_TRY(.flags = CTASK_FLAG),
                                    CTASK_FOREVER,
                                    CTASK_CLOSE,
                                    CTASK_SCOPE(.flags = CTASK_GRACE, .time = 8),
                                    CTASK_SLEEP(6),
                                    CTASK_CLOSE,
                                    CTASK_END};

static const ctask_op spawn_many[] = {
    CTASK_GROUP(),        CTASK_SPAWN(sleeper), CTASK_SPAWN(sleeper),
    CTASK_SPAWN(sleeper), CTASK_SPAWN(guarded), CTASK_SPAWN(guarded),
    CTASK_SPAWN(guarded), CTASK_SPAWN(sleeper), CTASK_SPAWN(sleeper),
    CTASK_SPAWN(sleeper), CTASK_SPAWN(sleeper), CTASK_SPAWN(guarded),
    CTASK_SPAWN(guarded), CTASK_SPAWN(guarded), CTASK_SPAWN(sleeper),
    CTASK_SPAWN(sleeper), CTASK_SPAWN(guarded), CTASK_SPAWN(guarded),
    CTASK_SLEEP(1),       CTASK_CLOSE,          CTASK_END};

static const ctask_op fail_in_group[] = {CTASK_TRY(),
                                         CTASK_GROUP(),
                                         CTASK_SPAWN(forever),
                                         CTASK_SPAWN(failing),
                                         CTASK_SPAWN(cleaning),
                                         CTASK_GROUP(.count = 1),
                                         CTASK_SPAWN(forever),
                                         CTASK_SPAWN(forever),
                                         CTASK_CLOSE,
                                         CTASK_CLOSE,
                                         CTASK_CLOSE,
                                         CTASK_SLEEP(1),
                                         CTASK_END};

static const ctask_op start_and_cancel[] = {CTASK_GROUP(.name = 1),
                                            CTASK_START(starting),
                                            CTASK_SCOPE(.time = 4),
                                            CTASK_START(forever),
                                            CTASK_CLOSE,
                                            CTASK_SPAWN(cleaning),
                                            CTASK_SPAWN(forever, .flags = CTASK_DAEMON),
                                            CTASK_SLEEP(3),
                                            CTASK_CANCEL(1),
                                            CTASK_FOREVER,
                                            CTASK_CLOSE,
                                            CTASK_END};

static const ctask_op move_deadlines[] = {CTASK_SCOPE(.name = 1),
                                          CTASK_DEADLINE(1, 50),
                                          CTASK_SLEEP(10),
                                          CTASK_DEADLINE(1, 20),
                                          CTASK_SCOPE(.name = 2, .flags = CTASK_SHIELDED),
                                          CTASK_DEADLINE(2, 40),
                                          CTASK_SHIELD(2, false),
                                          CTASK_FOREVER,
                                          CTASK_CLOSE,
                                          CTASK_CLOSE,
                                          CTASK_END};

static const struct {
  const char *name;
  const ctask_op *program;
  bool closes_alive; /* after a few turns, with whatever lives */
} scenarios[] = {
    {"open and close", NULL, false},
    {"spawn, sleep and deadlines", spawn_many, false},
    {"a failing group", fail_in_group, false},
    {"start and cancel", start_and_cancel, false},
    {"deadlines moved", move_deadlines, false},
    {"close with live tasks", spawn_many, true},
    {"close a failing group", fail_in_group, true},
    {"close a start", start_and_cancel, true},
};
enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static void check(ctask_world *world) {
  const char *what = NULL;
  if (!xio_check_loop(world->loop, &what)) ctask_fault(world, what);
}

/* The faults are over: the same loop must do its work. */
static void run_again(ctask_world *world) {
  static const ctask_op joiner[] = {CTASK_JOIN(9), CTASK_NOTE(2), CTASK_END};
  static const ctask_op again[] = {CTASK_GROUP(),       CTASK_SPAWN(sleeper, .name = 9),
                                   CTASK_SPAWN(joiner), CTASK_CLOSE,
                                   CTASK_NOTE(3),       CTASK_END};
  counting_fail(&world->memory, COUNTING_NEVER, 0);
  xio_loop_renew(world->loop);
  world->note_count = 0;
  if (ctask_spawn(world, again, 0) == NULL || ctask_run(world) != XIO_OK) {
    ctask_fault(world, "torture: afterwards the loop does not run");
  } else if (world->note_count != 2 || world->notes[0] != 2 || world->notes[1] != 3) {
    ctask_fault(world, "torture: afterwards the loop does not do its work");
  }
}

/* Runs one point. NULL: all well; `*requests` is how many requests were made, `*told`
 * whether an error was. */
static const char *run_point(size_t scenario, counting_mode mode, uint64_t n,
                             uint64_t *requests, bool *told) {
  static ctask_world world;
  world = (ctask_world){0};
  counting_fail(&world.memory, mode, n);
  world.after_step = check;
  int status = ctask_world_open(&world, (xio_loop_opts){.virtual_clock = true});
  if (status != XIO_OK) {
    *requests = world.memory.requests;
    *told = true;
    if (status != XIO_ENOMEM || world.loop != NULL) return "torture: another status";
    return counting_clean(&world.memory) ? NULL : "torture: a failed open leaves memory";
  }
  const ctask_op *program = scenarios[scenario].program;
  if (program != NULL) ctask_spawn(&world, program, 0);
  if (scenarios[scenario].closes_alive) {
    bool stalled = false;
    for (int i = 0; i < 6; i++) xio_loop_step(world.loop, 0, &stalled);
    *requests = world.memory.requests;
    return ctask_world_end(&world);
  }
  if (ctask_run(&world) != XIO_OK) ctask_fault(&world, "torture: the run does not end");
  *requests = world.memory.requests;
  *told = world.raised.count != 0;
  if (world.fault == NULL) check(&world);
  if (world.fault == NULL) run_again(&world);
  return world.fault != NULL ? world.fault : ctask_world_end(&world);
}

typedef struct point {
  size_t scenario;
  counting_mode mode;
  uint64_t n;
} point;

static int run_apart(void *context) {
  const point *self = context;
  uint64_t requests = 0;
  bool told = false;
  const char *fault = run_point(self->scenario, self->mode, self->n, &requests, &told);
  if (fault != NULL) printf("# %s\n", fault);
  if (fault != NULL) return SCENARIO_BAD;
  return requests < self->n ? SCENARIO_NOT_MET : told ? SCENARIO_ERROR : SCENARIO_MET;
}

/* All points of one scenario and mode. */
static bool run_points(const char *program, size_t scenario, counting_mode mode,
                       apart_tally *sums) {
  bool met = true;
  point self = {scenario, mode, 0};
  for (uint64_t n = 1; met && n < POINTS_MAX; n++) {
    self.n = n;
    if (apart_run(run_apart, &self, true, sums, &met)) continue;
    printf("# repeat it: %s %zu %d %llu\n", program, scenario, (int)mode,
           (unsigned long long)n);
    return false;
  }
  return !met;
}

int main(int argc, char **argv) {
  static const char *const modes[] = {"never", "once", "twice", "from there on"};
  if (argc > 3) {
    uint64_t requests = 0;
    size_t scenario = (size_t)strtoul(argv[1], NULL, 10) % SCENARIOS;
    counting_mode mode = (counting_mode)strtoul(argv[2], NULL, 10);
    bool told = false;
    const char *fault =
        run_point(scenario, mode, strtoull(argv[3], NULL, 10), &requests, &told);
    printf("%s\n", fault != NULL ? fault : "well");
    return fault != NULL ? EXIT_FAILURE : EXIT_SUCCESS;
  }
  int number = 0;
  int failed = 0;
  printf("1..%d\n", (int)SCENARIOS * 3);
  for (size_t scenario = 0; scenario < SCENARIOS; scenario++) {
    for (counting_mode mode = COUNTING_ONCE; mode <= COUNTING_FROM; mode++) {
      apart_tally sums = {0};
      bool well = run_points(argv[0], scenario, mode, &sums);
      apart_print(well, ++number, scenarios[scenario].name, modes[mode], "memory errors",
                  &sums);
      if (!well) failed++;
    }
  }
  return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
