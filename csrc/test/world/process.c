/* process: children that tasks start, wait for, signal and end.
 *
 * What a child does stands in its arguments (csrc/test/standin/children.c). Expected: who
 * waits is told the code that the child was given, or the signal that ended it if one was
 * sent; when ending is over nobody of its group lives, whatever a child does with TERM;
 * and every child is reaped, by the loop's end at the latest. */
#include <signal.h>
#include <stdio.h>

#include "world.h"

enum { NS_PER_MS = 1000 * 1000, HURRY_NS = 300 * NS_PER_MS };

static child_place *place_of(ctask *self) {
  return &world_of(self)->children[op_of(self)->target];
}

/* Lets go of the child that is in a place, unless a task is about it. */
static bool let_go(child_place *place, bool kills) {
  if (place->process == NULL) return true;
  if (place->users != 0) return false;
  xio_process *process = place->process;
  place->process = NULL;
  place->serial++;
  xio_process_release(process, kills);
  return true;
}

static void start_child(ctask *self) {
  world *its = world_of(self);
  child_place *place = place_of(self);
  uint32_t what = op_of(self)->count;
  if (!let_go(place, what % 2 != 0)) return;
  char code[16];
  char time[16];
  char kids[16];
  place->code = (int)(what % 50);
  (void)snprintf(code, sizeof code, "%d", place->code);
  (void)snprintf(time, sizeof time, "%u", what % 11 == 0 ? what * 3000 : what * 3);
  (void)snprintf(kids, sizeof kids, "%u", what % 3);
  char name[] = "/sim/child";
  char none[] = "0";
  char obeys[] = "1";
  char *args[] = {name, code, time, none, what % 5 != 0 ? obeys : none, kids, NULL};
  char *env[] = {NULL};
  const int fds[] = {XIO_LAUNCH_NULL, XIO_LAUNCH_NULL, XIO_LAUNCH_CLOSED};
  const xio_launch_opts opts = {.file = name,
                                .args = args,
                                .env = env,
                                .fds = fds,
                                .fd_count = 3,
                                .session = what % 7 != 0};
  int status = xio_process_spawn(&place->process, its->tasks.loop, &opts);
  ctask_event(&its->tasks, "child", self->core.id, status);
  WORLD_EXPECT(its, status == XIO_OK || !its->calm, "child: cannot be started");
  place->serial++;
  place->signalled = false;
  if (status != XIO_OK) place->process = NULL;
}

static void release_child(ctask *self) {
  ctask_event(self->world, "release", self->core.id, op_of(self)->target);
  (void)let_go(place_of(self), op_of(self)->count != 0);
}

static void signal_child(ctask *self) {
  world *its = world_of(self);
  child_place *place = place_of(self);
  if (place->process == NULL) return;
  int status = xio_process_kill(place->process, SIGTERM);
  ctask_event(&its->tasks, "signals", self->core.id, status);
  if (status == XIO_OK) place->signalled = true;
  bool gone = xio_process_exited(place->process) != NULL;
  WORLD_EXPECT(its, (status == -ESRCH) == gone, "child: a signal goes elsewhere");
}

/* -- waiting ------------------------------------------------------------------------- */

static bool begin_wait(ctask *self) {
  world *its = world_of(self);
  child_place *place = place_of(self);
  agent *me = begin_op(self);
  me->serial = 0;
  if (place->process == NULL || xio_process_exited(place->process) != NULL) return true;
  int64_t at = XIO_NEVER;
  if (op_of(self)->count % 2 != 0) {
    at = xio_clock_after(&its->tasks.loop->clock, (int64_t)op_of(self)->count * 1000);
  }
  self->last_status = xio_process_wait(place->process, &self->core, at);
  if (self->last_status != XIO_OK) return true;
  me->serial = place->serial;
  place->users++;
  return false;
}

static void judge_exit(world *self, const child_place *place) {
  const xio_process_exit *exit = xio_process_exited(place->process);
  WORLD_EXPECT(self, exit != NULL, "child: said to have exited");
  if (exit == NULL) return;
  bool by_itself = exit->signum == 0 && exit->code == place->code;
  bool by_signal = place->signalled && exit->signum != 0;
  WORLD_EXPECT(self, !exit->lost && (by_itself || by_signal), "child: another end");
}

static bool end_wait(ctask *self) {
  world *its = world_of(self);
  child_place *place = place_of(self);
  if (!has_begun(self)) return true;
  ctask_event(&its->tasks, "exit", self->core.id, self->last_status);
  place->users--;
  if (self->last_status == XIO_OK) judge_exit(its, place);
  WORLD_EXPECT(its,
               self->last_status == XIO_OK || self->last_status == XIO_ECANCELED ||
                   (self->last_status == XIO_ETIMEDOUT && op_of(self)->count % 2 != 0),
               "child: the wait has another status");
  return true;
}

static bool begin_end(ctask *self) {
  child_place *place = place_of(self);
  agent *me = begin_op(self);
  if (place->process == NULL || !xio_process_lives(place->process)) return true;
  me->serial = place->serial;
  place->users++;
  place->signalled = true;
  me->ends = self;
  me->cancelled_at = 0;
  xio_process_end(place->process, &self->core, SIGTERM,
                  (int64_t)op_of(self)->count * NS_PER_MS);
  return false;
}

static bool end_end(ctask *self) {
  world *its = world_of(self);
  child_place *place = place_of(self);
  if (!has_begun(self)) return true;
  ctask_event(&its->tasks, "ended", self->core.id, self->last_status);
  place->users--;
  agent *me = agent_of(self);
  me->ends = NULL;
  int64_t waited = me->cancelled_at != 0 ? standin_now() - me->cancelled_at : 0;
  WORLD_EXPECT(its, waited < HURRY_NS, "child: ending it was not hurried");
  WORLD_EXPECT(its, self->last_status == XIO_OK, "child: ending it has another status");
  WORLD_EXPECT(its, xio_process_exited(place->process) != NULL,
               "child: ended, and not exited");
  WORLD_EXPECT(its, !its->calm || !xio_process_lives(place->process),
               "child: ended, and its group lives");
  return true;
}

/* -- checking ------------------------------------------------------------------------ */

void process_check(world *self) {
  for (int i = 0; i < CHILDREN; i++) {
    const xio_process *process = self->children[i].process;
    WORLD_EXPECT(self, process == NULL || xio_process_valid(process),
                 "process: not valid");
  }
  for (int i = 0; i <= TASKS_MAX; i++) {
    agent *one = &self->agents[i];
    if (one->ends == NULL || one->cancelled_at != 0) continue;
    if (one->ends->core.wait.scope->effective) one->cancelled_at = standin_now();
  }
}

const verb process_verbs[] = {
    {"child", CTASK_CALL(start_child), VERB_PLAIN, 5, CHILDREN, 1000},
    {"release", CTASK_CALL(release_child), VERB_PLAIN, 1, CHILDREN, 2},
    {"signal child", CTASK_CALL(signal_child), VERB_PLAIN, 2, CHILDREN, 1},
    {"wait for", CTASK_WAIT(begin_wait, .finish = end_wait), VERB_PLAIN, 5, CHILDREN,
     2000},
    {"end", CTASK_WAIT(begin_end, .finish = end_end), VERB_PLAIN, 4, CHILDREN, 2000},
    {.name = NULL}};
