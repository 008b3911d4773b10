/* cooperation: random programs over everything by which tasks cooperate, by seed,
 * against the model of csrc/test/support/model.h.
 *
 *   sim_cooperation [FIRST [COUNT [trace]]]  seeds FIRST (1) to FIRST + COUNT (10000) - 1
 *
 * A few agents (C tasks, see ctask.h) use channels without buffer, with one, without
 * limit, and lossy ones, whose ends are cloned, closed and failed; locks that are left
 * behind; semaphores with a limit and with a total that changes; events, a condition, a
 * barrier; and selects over several of these. Waits have time limits; scopes have
 * deadlines and shields and are cancelled at any moment; agents are killed; some worlds
 * are closed with all that lives. Time is virtual, and the order of tasks shuffled.
 *
 * Whatever is done to an object is done to the model as well. Oracles: both answer the
 * same; after each step every queue holds the same agents in the same order, every count
 * is the same, and exactly those wait that should; a resumed agent was given the status,
 * case and item that the model says. Beside the model: each sender's items arrive in
 * order and once; no permit is lost; in the end, however it came, no queue holds
 * anybody. Prints TAP; after a failure, the command that repeats its seed. */
#include <stdlib.h>
#include <string.h>

#include "../support/twin.h"

enum { STEPS_MAX = 20000, STALLS_BEFORE_SIGNAL = 6 };

/* What the seeds of one call did, to see that they did anything. */
static struct {
  uint64_t operations, waits, selects, cancelled, timed_out, killed, closed;
} sums;

static uint32_t below(twin *sim, uint32_t bound) {
  return (uint32_t)xio_random_below(&sim->random, bound);
}

/* -- choosing what to do ------------------------------------------------------------- */

/* An open end of the channel; 0 where there is none. The model numbers the ends as the
 * core does; which kind they are, `sends` of the first opened tells by parity. */
static uint32_t any_end(twin *sim, int number, bool sends) {
  const model_channel *channel = &sim->model.channels[number];
  uint32_t first = below(sim, MODEL_ENDS);
  for (uint32_t i = 0; i < MODEL_ENDS; i++) {
    uint32_t end = 1 + (first + i) % MODEL_ENDS;
    if (channel->open[end] && (end % 2 == 1) == sends) return end;
  }
  return 0;
}

/* A case that a select can have. False: there is none of the kind that was chosen. */
static bool choose_case(twin *sim, int me, model_case *one) {
  static const model_kind kinds[] = {MODEL_SEND,    MODEL_SEND,    MODEL_SEND,
                                     MODEL_RECEIVE, MODEL_RECEIVE, MODEL_RECEIVE,
                                     MODEL_EVENT,   MODEL_JOIN};
  *one = (model_case){.kind = kinds[below(sim, sizeof kinds / sizeof *kinds)]};
  switch (one->kind) {
    case MODEL_EVENT: one->object = (int)below(sim, MODEL_EVENTS); return true;
    case MODEL_JOIN:
      one->object = (int)below(sim, MODEL_AGENTS);
      return one->object != me && !sim->agents[one->object].dead;
    default:
      one->object = (int)below(sim, MODEL_CHANNELS);
      one->end = any_end(sim, one->object, one->kind == MODEL_SEND);
      if (one->kind == MODEL_SEND) {
        one->item = (uint32_t)me * TWIN_SEQUENCES + ++sim->agents[me].sequence;
      }
      return one->end != 0;
  }
}

static void choose_select(twin *sim, int me) {
  twin_agent *its = &sim->agents[me];
  uint32_t count = 1 + below(sim, MODEL_CASES);
  its->count = 0;
  for (uint32_t i = 0; i < count; i++) {
    if (choose_case(sim, me, &its->cases[its->count])) its->count++;
  }
  its->selects = its->count > 1 || (its->count == 1 && its->cases[0].kind == MODEL_JOIN);
}

static void choose_plain(twin *sim, int me, model_kind kind, uint32_t objects) {
  twin_agent *its = &sim->agents[me];
  its->count = 1;
  its->selects = false;
  its->cases[0] = (model_case){.kind = kind, .object = (int)below(sim, objects)};
}

/* -- acts that do not wait ----------------------------------------------------------- */

static void act_on_end(twin *sim) {
  int number = (int)below(sim, MODEL_CHANNELS);
  xio_channel *channel = &sim->channels[number];
  model_channel *wanted = &sim->model.channels[number];
  bool sends = twin_chance(sim, 50);
  uint32_t end = any_end(sim, number, sends);
  uint32_t what = below(sim, 10);
  if (end == 0) return;
  ctask_event(&sim->world, sends ? "sending end" : "receiving end", end, what);
  if (what == 0) {
    TWIN_EXPECT(sim, xio_channel_fail(channel) == model_fail(&sim->model, number),
                "channel: fails otherwise");
  } else if (what < 6 && channel->last_end + 2 <= MODEL_ENDS) {
    /* one of each kind, so that their numbers stay odd and even */
    uint32_t cloned = xio_channel_open_sender(channel);
    wanted->open[cloned] = wanted->open[xio_channel_open_receiver(channel)] = true;
    wanted->senders++;
    wanted->receivers++;
  } else {
    model_close_end(&sim->model, number, end, sends);
    if (sends) {
      xio_channel_close_sender(channel, end);
    } else {
      xio_channel_close_receiver(channel, end);
    }
  }
}

/* Makes somebody's scope, or a whole task, end early. */
static void interfere(twin *sim) {
  int victim = (int)below(sim, MODEL_AGENTS);
  ctask *task = twin_task(sim, victim);
  xio_scope *scope = sim->world.scopes[victim + 1];
  uint32_t what = below(sim, 100);
  ctask_event(&sim->world, "interferes", (uint64_t)victim, what);
  if (what < 3 && task != NULL && !task->over) {
    xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
    sums.killed++;
  } else if (what < 60 && scope != NULL) {
    xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
  } else if (what < 80 && scope != NULL) {
    int64_t at = (twin_now(sim) + 1 + below(sim, 30)) | 1;
    TWIN_EXPECT(sim, xio_scope_set_deadline(scope, at) == XIO_OK, "scope: no deadline");
  } else if (scope != NULL) {
    xio_scope_set_shield(scope, twin_chance(sim, 50));
  }
  twin_catch_up(sim);
}

static void change_event(twin *sim) {
  int number = (int)below(sim, MODEL_EVENTS);
  if (twin_chance(sim, 50)) {
    TWIN_EXPECT(sim,
                xio_event_set(&sim->events[number]) == model_set(&sim->model, number),
                "event: set otherwise");
  } else {
    xio_event_clear(&sim->events[number]);
    sim->model.events[number].is_set = false;
  }
}

static void change_total(twin *sim) {
  int64_t total = below(sim, 5);
  xio_semaphore_set_total(&sim->permits[1], total);
  model_set_total(&sim->model, 1, total);
}

static void notify(twin *sim) {
  uint32_t count = 1 + below(sim, 3);
  TWIN_EXPECT(
      sim,
      xio_condition_notify(&sim->condition, count) == model_notify(&sim->model, count),
      "condition: notifies otherwise");
}

static void unlock(twin *sim, ctask *self, int number) {
  int status = xio_lock_release(&sim->locks[number], &self->core);
  TWIN_EXPECT(sim, status == model_unlock(&sim->model, number, self->name - 1),
              "lock: released otherwise");
  if (status == XIO_OK) sim->agents[self->name - 1].owns[number] = false;
}

/* What an agent does with the lock that it owns. True: nothing, or it was done. */
static bool use_lock(twin *sim, ctask *self) {
  uint32_t what = below(sim, 10);
  if (what < 3) {
    choose_plain(sim, self->name - 1, MODEL_NOTICE, 1);
    return false;
  }
  if (what < 6) notify(sim);
  if (what > 4) unlock(sim, self, 0);
  return true;
}

/* One thing, at random; true where it did not wait. */
static bool begin_action(ctask *self) {
  twin *sim = twin_of(self);
  int me = self->name - 1;
  twin_agent *its = &sim->agents[me];
  uint32_t what = below(sim, 100);
  its->count = 0;
  twin_catch_up(sim);
  ctask_event(self->world, "begins", self->core.id, what);
  if (its->owns[0] && what < 60 && use_lock(sim, self)) return true;
  if (its->count == 0) {
    int number = (int)below(sim, MODEL_SEMAPHORES);
    if (what < 50) {
      choose_select(sim, me);
    } else if (what < 60) {
      choose_plain(sim, me, MODEL_LOCK, MODEL_LOCKS);
    } else if (what < 70) {
      choose_plain(sim, me, MODEL_PERMIT, MODEL_SEMAPHORES);
    } else if (what < 74) {
      choose_plain(sim, me, MODEL_BARRIER, 1);
    } else if (what < 80) {
      unlock(sim, self, number % MODEL_LOCKS);
    } else if (what < 85 && its->held[number] != 0) {
      twin_give_back(sim, me, number);
    } else if (what == 85) {
      twin_give(sim, number);
    } else if (what < 88) {
      change_total(sim);
    } else if (what < 92) {
      change_event(sim);
    } else if (what < 95) {
      act_on_end(sim);
    } else {
      interfere(sim);
    }
  }
  return its->count == 0 || twin_begin(sim, self);
}

/* The end of a program: what is owned is given back, as a rule. */
static void tidy(ctask *self) {
  twin *sim = twin_of(self);
  twin_catch_up(sim);
  for (int i = 0; i < MODEL_LOCKS; i++) {
    if (sim->agents[self->name - 1].owns[i] && twin_chance(sim, 95)) unlock(sim, self, i);
  }
}

/* -- one seed ------------------------------------------------------------------------ */

static void make_program(twin *sim, int me) {
  ctask_op *op = sim->agents[me].ops;
  for (uint32_t rounds = 3 + below(sim, 8); rounds != 0; rounds--) {
    bool nested = twin_chance(sim, 15);
    *op++ = (ctask_op)CTASK_SCOPE(.name = me + 1);
    if (nested) *op++ = (ctask_op)CTASK_SCOPE(.flags = CTASK_SHIELDED);
    for (uint32_t i = 1 + below(sim, 3); i != 0; i--) {
      *op++ = (ctask_op)CTASK_WAIT(begin_action, .finish = twin_finish);
    }
    if (nested) *op++ = (ctask_op)CTASK_CLOSE;
    *op++ = (ctask_op)CTASK_CLOSE;
    if (twin_chance(sim, 30)) *op++ = (ctask_op)CTASK_SLEEP(1 + below(sim, 20));
    if (twin_chance(sim, 30)) *op++ = (ctask_op)CTASK_PAUSE;
  }
  *op++ = (ctask_op)CTASK_CALL(tidy);
  *op = (ctask_op)CTASK_END;
}

static void make_channels(twin *sim) {
  static const uint32_t capacities[] = {0, 0, 1, 2, 3, MODEL_ITEMS};
  for (int i = 0; i < MODEL_CHANNELS; i++) {
    xio_channel *channel = &sim->channels[i];
    model_channel *wanted = &sim->model.channels[i];
    wanted->capacity = capacities[below(sim, sizeof capacities / sizeof *capacities)];
    wanted->lossy = wanted->capacity != 0 && twin_chance(sim, 25);
    xio_channel_init(channel, wanted->capacity, wanted->lossy);
    xio_channel_set_slots(channel, wanted->capacity < 2 ? wanted->capacity : 2);
    uint32_t sender = xio_channel_open_sender(channel);
    wanted->open[sender] = wanted->open[xio_channel_open_receiver(channel)] = true;
    wanted->senders = wanted->receivers = 1;
  }
}

static void make_objects(twin *sim) {
  static const int64_t limits[] = {3, XIO_SEMAPHORE_MAX};
  make_channels(sim);
  for (int i = 0; i < MODEL_LOCKS; i++) {
    xio_lock_init(&sim->locks[i]);
    sim->model.locks[i].owner = MODEL_NOBODY;
  }
  for (int i = 0; i < MODEL_SEMAPHORES; i++) {
    sim->model.permits[i].total = below(sim, 4);
    sim->model.permits[i].max = limits[i];
    xio_semaphore_init(&sim->permits[i], sim->model.permits[i].total, limits[i], NULL);
  }
  for (int i = 0; i < MODEL_EVENTS; i++) xio_event_init(&sim->events[i], NULL);
  xio_condition_init(&sim->condition, &sim->locks[0]);
  sim->model.parties = 2 + (int)below(sim, 2);
  xio_barrier_init(&sim->barrier, sim->model.parties);
}

/* Nothing can wake anybody: ends something, more with every time. */
static void end_stall(twin *sim, int stalls) {
  xio_scope *root = &sim->world.loop->root.scope;
  ctask_event(&sim->world, "stalled", 0, stalls);
  if (stalls <= STALLS_BEFORE_SIGNAL) {
    interfere(sim);
  } else if (root->source == XIO_SOURCE_NONE) {
    xio_scope_cancel(root, XIO_SOURCE_SIGNAL);
  } else if (!sim->world.loop->queue.shields_lifted) {
    xio_scope_lift_all(root);
  } else {
    ctask_fault(&sim->world,
                "sim: all is cancelled, no shield holds, and still tasks wait");
  }
  twin_catch_up(sim);
}

static void run_steps(twin *sim, uint32_t steps_max) {
  int stalls = 0;
  for (uint32_t steps = 0; sim->world.fault == NULL && steps < steps_max; steps++) {
    bool stalled = false;
    if (!xio_loop_step(sim->world.loop, 0, &stalled)) return;
    if (stalled) end_stall(sim, ++stalls);
    if (twin_chance(sim, 5)) interfere(sim);
    if (steps == STEPS_MAX - 1) ctask_fault(&sim->world, "sim: does not end");
  }
}

/* Runs `seed`; its fault, or NULL. */
static const char *run_seed(twin *sim, uint64_t seed, FILE *trace) {
  memset(sim, 0, sizeof *sim);
  xio_random_init(&sim->random, seed);
  ctask_world *world = &sim->world;
  make_objects(sim);
  world->trace = trace;
  xio_loop_opts opts = {
      .virtual_clock = true, .seeded = twin_chance(sim, 50), .seed = seed};
  if (ctask_world_open(world, opts) != XIO_OK) return "loop: cannot be opened";
  for (int i = 0; i < MODEL_AGENTS; i++) {
    make_program(sim, i);
    if (ctask_spawn(world, sim->agents[i].ops, i + 1) == NULL) return "sim: no memory";
  }
  world->after_step = twin_after_step;
  run_steps(sim, twin_chance(sim, 20) ? below(sim, 40) : STEPS_MAX);
  sums.operations += sim->operations;
  sums.waits += sim->waits;
  sums.selects += sim->selects;
  sums.cancelled += sim->cancelled;
  sums.timed_out += sim->timed_out;
  if (world->fault != NULL) return world->fault; /* what is broken cannot be closed */
  sums.closed += world->alive != 0;
  world->after_step = NULL;
  const char *fault = ctask_world_end(world);
  twin_check_end(sim);
  return fault != NULL ? fault : world->fault;
}

int main(int argc, char **argv) {
  uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000;
  static twin state;
  printf("1..1\n");
  for (uint64_t seed = first; seed < first + count; seed++) {
    const char *fault = run_seed(&state, seed, argc > 3 ? stdout : NULL);
    if (fault == NULL) continue;
    printf("not ok 1 - seed %llu: %s\n# repeat it: %s %llu 1 trace\n",
           (unsigned long long)seed, fault, argv[0], (unsigned long long)seed);
    return EXIT_FAILURE;
  }
  bool idle =
      count >= 1000 && (sums.waits == 0 || sums.selects == 0 || sums.cancelled == 0 ||
                        sums.timed_out == 0 || sums.killed == 0 || sums.closed == 0);
  printf("%s 1 - %llu random programs from seed %llu\n", idle ? "not ok" : "ok",
         (unsigned long long)count, (unsigned long long)first);
  printf(
      "# %llu operations, %llu waits, of which %llu selects; %llu cancelled, "
      "%llu timed out; %llu agents killed, %llu loops closed alive\n",
      (unsigned long long)sums.operations, (unsigned long long)sums.waits,
      (unsigned long long)sums.selects, (unsigned long long)sums.cancelled,
      (unsigned long long)sums.timed_out, (unsigned long long)sums.killed,
      (unsigned long long)sums.closed);
  return idle ? EXIT_FAILURE : EXIT_SUCCESS;
}
