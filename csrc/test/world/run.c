/* run: one seed: its weather and loop, the tasks, the driver, and the end. */
#include <signal.h>
#include <string.h>

#include "world.h"

enum {
  STALLS_BEFORE_SIGNAL = 3,
  STEPS_BEFORE_CLOSE = 40,
  LATE_NS = 2 * 1000 * 1000,
  ROUNDS_MAX = 20000
};

static world *current; /* for what the stand-in calls */

static uint32_t below(world *self, uint32_t bound) {
  return (uint32_t)xio_random_below(&self->random, bound);
}

static uint32_t one_of(world *self, const uint32_t *list, uint32_t count) {
  return list[below(self, count)];
}

#define ONE_OF(self, ...) \
  one_of((self), (const uint32_t[]){__VA_ARGS__}, \
         sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void choose_weather(world *self) {
  standin_weather *its = &self->weather;
  its->delay_us = ONE_OF(self, 0, 1, 20, 300, 5000);
  its->chunk = ONE_OF(self, 0, 0, 1, 7, 100);
  its->capacity = ONE_OF(self, 0, 1, 5, 40, 200);
  its->tick_ns = ONE_OF(self, 0, 50, 1000, 40000);
  its->modern = below(self, 2) != 0;
  its->late = below(self, 2) != 0;
  its->interrupts = ONE_OF(self, 0, 0, 50, 300);
  self->calm = below(self, 2) != 0;
  if (self->calm) return;
  its->shortages = ONE_OF(self, 0, 5, 100);
  its->resets = ONE_OF(self, 0, 5, 100);
  its->losses = ONE_OF(self, 0, 100, 400);
  its->failures = ONE_OF(self, 0, 20, 200);
}

/* -- checking ------------------------------------------------------------------------ */

static void check(world *self, bool stalled) {
  const char *what = NULL;
  if (self->tasks.fault == NULL && !xio_check_loop(self->tasks.loop, &what)) {
    ctask_fault(&self->tasks, what);
  }
  stream_check(self, stalled);
  datagram_check(self, stalled);
  pool_check(self, stalled);
  process_check(self);
  catcher_check(self, stalled);
  descriptor_check(self, stalled);
  port_check(self, stalled);
  if (self->tasks.fault != NULL) standin_fault(self->tasks.fault);
}

static void after_step(ctask_world *tasks) {
  check((world *)(void *)tasks, false);
}

static void on_turn(xio_loop *loop) {
  (void)loop;
  check(current, false);
}

/* The loop's thread sleeps in libuv. */
static void on_wait(void) {
  const xio_loop *loop = current->tasks.loop;
  if (loop == NULL || loop->root.live == 0) return;
  if (!xio_runqueue_empty(&loop->queue))
    standin_fault("poll: waits while a task is ready");
  if (loop->clock.is_virtual) return;
  bool late = xio_clock_next(&loop->clock) < standin_now() - LATE_NS;
  if (late) standin_fault("poll: waits while a timer is due");
}

/* The loop would wait for ever. */
static bool on_stall(void) {
  if (current->stalled || current->tasks.loop == NULL) return false;
  current->stalled = true;
  check(current, true);
  xio_loop_interrupt(current->tasks.loop);
  if (current->hosted) uv_stop(&current->host);
  return true;
}

/* -- driving ------------------------------------------------------------------------- */

/* Something from outside, between two runs of the loop. */
static void interfere(world *self) {
  uint32_t name = 1 + below(self, AGENTS);
  xio_scope *scope = self->tasks.scopes[name];
  ctask *task = self->tasks.tasks[name];
  uint32_t what = below(self, 6);
  ctask_event(&self->tasks, "interferes", name, what);
  if (what == 4) {
    catcher_raise(self, name);
  } else if (what == 5 && self->signals != NULL && self->interrupts < 2) {
    self->interrupts++;
    (void)standin_signal(name % 2 != 0 ? SIGINT : SIGTERM);
  } else if (what != 0 && scope != NULL) {
    xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
  } else if (task != NULL && !task->over) {
    xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  }
}

/* Ends something, more with every time. */
static void end_stall(world *self) {
  xio_scope *root = &self->tasks.loop->root.scope;
  self->stalled = false;
  if (++self->stalls <= STALLS_BEFORE_SIGNAL) {
    interfere(self);
  } else if (root->source == XIO_SOURCE_NONE) {
    xio_scope_cancel(root, XIO_SOURCE_SIGNAL);
  } else if (!self->tasks.loop->queue.shields_lifted) {
    xio_scope_lift_all(root);
  } else {
    standin_fault("world: all is cancelled, no shield holds, and still tasks wait");
  }
}

static void drive(world *self) {
  for (int rounds = 0;; rounds++) {
    if (rounds == ROUNDS_MAX) standin_fault("world: does not end");
    int status = xio_loop_run(self->tasks.loop);
    if (status == XIO_OK) return;
    if (status == XIO_EDEADLK) check(self, true);
    if (status == XIO_EDEADLK || self->stalled) end_stall(self);
  }
}

/* Round by round, and perhaps not to the end. */
static void drive_by_steps(world *self, uint32_t rounds) {
  bool stalled = false;
  for (; rounds != 0; rounds--) {
    int64_t timeout = (int64_t)ONE_OF(self, 0, 1000, 1000000, 100000000);
    if (!xio_loop_step(self->tasks.loop, timeout, &stalled)) return;
    if (stalled) check(self, true);
    if (stalled || xio_loop_interrupted(self->tasks.loop)) end_stall(self);
    if (below(self, 20) == 0) interfere(self);
  }
}

static void turn(xio_attachment *attachment) {
  xio_loop_turn(attachment->loop);
}

/* By a host that runs its own loop of libuv. */
static void drive_attached(world *self) {
  xio_loop *loop = self->tasks.loop;
  if (xio_attach_open(&self->attachment, loop, turn, self) != XIO_OK) return;
  for (int rounds = 0; loop->root.live != 0; rounds++) {
    if (rounds == ROUNDS_MAX) standin_fault("world: does not end");
    (void)uv_run(&self->host, UV_RUN_DEFAULT);
    if (loop->root.live == 0) break;
    if (!xio_loop_interrupted(loop)) check(self, true);
    end_stall(self);
    xio_attach_touch(self->attachment);
  }
  if (below(self, 2) == 0) xio_attach_close(self->attachment);
}

static void run_loop(world *self) {
  if (self->hosted) {
    drive_attached(self);
    return;
  }
  uint32_t way = below(self, 10);
  if (way < 6) {
    drive(self);
  } else if (way < 8) {
    drive_by_steps(self, ROUNDS_MAX);
  } else {
    drive_by_steps(self, below(self, STEPS_BEFORE_CLOSE));
  }
}

/* -- one seed ------------------------------------------------------------------------ */

static xio_loop_opts loop_options(world *self, uint64_t seed) {
  xio_loop_opts opts = {
      .virtual_clock = below(self, 3) == 0, .seeded = below(self, 2) != 0, .seed = seed};
  if (below(self, 2) != 0) opts.on_turn = on_turn;
  if (below(self, 6) == 0 && uv_loop_init(&self->host) == 0) {
    self->hosted = true;
    opts.uv = &self->host;
    opts.virtual_clock = false;
  }
  return opts;
}

/* The first signal cancels the root; the second lifts its shields. */
static void take_signals(world *self) {
  int64_t grace = (int64_t)below(self, 3) * 1000000;
  if (xio_signals_open(&self->signals, self->tasks.loop, grace, true, NULL) != XIO_OK) {
    self->signals = NULL;
  }
}

static void spawn_agents(world *self) {
  int count = 2 + (int)below(self, AGENTS - 1);
  for (int i = 0; i < count; i++) {
    if (ctask_spawn(&self->tasks, self->ops[i], i + 1) == NULL) return;
  }
}

/* The host's loop ends when it has called back for all that was closed. */
static void close_host(world *self) {
  if (!self->hosted) return;
  (void)uv_run(&self->host, UV_RUN_DEFAULT);
  (void)uv_loop_close(&self->host); /* it is a fault if it cannot be */
}

/* Lets go of all objects, before the loop's end or after it. */
static void end_all(world *self) {
  if (below(self, 2) != 0) {
    stream_end(self);
    file_end(self);
    datagram_end(self);
    descriptor_end(self);
  }
  if (self->signals != NULL) xio_signals_close(self->signals);
  if (self->tasks.loop->root.live == 0) ctask_collect(&self->tasks);
  xio_loop_close(self->tasks.loop);
  self->tasks.loop = NULL;
  close_host(self);
  stream_end(self);
  file_end(self);
  datagram_end(self);
  descriptor_end(self);
  pool_end(self);
  port_end(self);
  catcher_end(self);
}

uint64_t world_run(world *self, uint64_t seed, const uint64_t dropped[DROPS_WORDS],
                   FILE *trace, standin_fault_fn on_fault) {
  memset(self, 0, sizeof *self);
  memcpy(self->dropped, dropped, sizeof self->dropped);
  xio_random_init(&self->random, seed);
  current = self;
  choose_weather(self);
  program_make(self);
  program_build(self);
  if (trace != NULL) program_print(self);
  self->tasks.trace = trace;
  self->tasks.spawn_max = TASKS_MAX;
  self->tasks.memory.on_free = standin_freed;
  standin_begin(seed, &self->weather, on_fault);
  standin_on_stall(on_stall);
  standin_on_wait(on_wait);
  xio_loop_opts opts = loop_options(self, seed);
  if (ctask_world_open(&self->tasks, opts) != XIO_OK) { /* for want of descriptors */
    close_host(self);
    standin_end();
    return 0;
  }
  if (!self->calm && below(self, 4) == 0) {
    counting_fail(&self->tasks.memory, COUNTING_ONCE, 1 + below(self, 60));
  }
  catcher_begin(self);
  if (below(self, 2) == 0) port_begin(self);
  if (below(self, 4) == 0) take_signals(self);
  stream_begin(self);
  file_begin(self);
  descriptor_begin(self);
  spawn_agents(self);
  self->tasks.after_step = after_step;
  run_loop(self);
  self->tasks.after_step = NULL;
  end_all(self);
  const char *fault = ctask_world_end(&self->tasks);
  if (fault != NULL) standin_fault(fault);
  standin_end();
  return self->tasks.hash;
}
