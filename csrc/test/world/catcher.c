/* catcher: signals that tasks listen for, and what comes from outside.
 *
 * The process has handlers of its own for both signals. Expected: a signal that came is
 * read by each catcher that was open, once for all that came before it was read; nobody
 * waits while one is there; what nobody has read when the last catcher closes goes to the
 * process's own handler; and in the end the dispositions are what they were. */
#include <signal.h>
#include <string.h>

#include "world.h"

static const int signums[SIGNALS] = {SIGUSR1, SIGUSR2};

static catcher_place *place_of(ctask *self) {
  return &world_of(self)->catchers[op_of(self)->target];
}

/* The first takes one signal, the others both. */
static int count_of(int place) {
  return place == 0 ? 1 : SIGNALS;
}

static world *listening; /* handlers know nobody */

static void own_handler(int signum) {
  (void)signum;
  port_ring(listening);
}

void catcher_begin(world *self) {
  listening = self;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = own_handler;
  for (int i = 0; i < SIGNALS; i++) (void)sigaction(signums[i], &action, NULL);
}

static void open_catcher(ctask *self) {
  world *its = world_of(self);
  catcher_place *place = place_of(self);
  if (place->catcher != NULL) return;
  int status = xio_catcher_open(&place->catcher, its->tasks.loop, signums,
                                count_of(op_of(self)->target));
  ctask_event(&its->tasks, "catcher", self->core.id, status);
  WORLD_EXPECT(its, status == XIO_OK || !its->calm, "catcher: cannot be opened");
  if (status != XIO_OK) place->catcher = NULL;
  place->serial++;
  memset(place->came, 0, sizeof place->came);
  memset(place->taken, 0, sizeof place->taken);
}

static void close_catcher(ctask *self) {
  catcher_place *place = place_of(self);
  ctask_event(self->world, "close catcher", self->core.id, op_of(self)->target);
  if (place->catcher != NULL) xio_catcher_close(place->catcher);
}

void catcher_raise(world *self, uint32_t which) {
  int number = (int)(which % SIGNALS);
  self->moment++;
  for (int i = 0; i < CATCHERS; i++) {
    catcher_place *place = &self->catchers[i];
    if (place->catcher != NULL && number < count_of(i))
      place->came[number] = self->moment;
  }
  WORLD_EXPECT(self, standin_signal(signums[number]), "signal: its handler is gone");
}

static void raise_signal(ctask *self) {
  ctask_event(self->world, "raise", self->core.id, op_of(self)->target);
  catcher_raise(world_of(self), (uint32_t)op_of(self)->target);
}

/* -- reading ------------------------------------------------------------------------- */

static void judge(ctask *self, int signum) {
  world *its = world_of(self);
  catcher_place *place = place_of(self);
  int number = signum == SIGUSR1 ? 0 : 1;
  ctask_event(&its->tasks, "signal", self->core.id, signum);
  WORLD_EXPECT(its, place->came[number] != 0, "signal: it never came");
  place->taken[number] = ++its->moment;
}

static bool begin_signal(ctask *self) {
  world *its = world_of(self);
  const catcher_place *place = place_of(self);
  begin_op(self)->serial = place->serial;
  if (place->catcher == NULL || xio_catcher_busy(place->catcher)) return true;
  if (xio_catcher_queued(place->catcher) != 0 && op_of(self)->count != 0) {
    xio_catcher_promise(place->catcher, &self->core);
    return false;
  }
  int signum = xio_catcher_take(place->catcher);
  if (signum != 0) {
    judge(self, signum);
    return true;
  }
  self->last_status = xio_catcher_wait(place->catcher, &self->core, XIO_NEVER);
  WORLD_EXPECT(its, self->last_status == XIO_OK || !its->calm, "signal: cannot wait");
  return self->last_status != XIO_OK;
}

static bool end_signal(ctask *self) {
  if (!has_begun(self)) return true;
  world *its = world_of(self);
  const catcher_place *place = place_of(self);
  bool same = place->catcher != NULL && place->serial == agent_of(self)->serial;
  if (self->last_status == XIO_OK && same) {
    int signum = xio_catcher_take(place->catcher);
    WORLD_EXPECT(its, signum != 0, "signal: told, and none is there");
    if (signum != 0) judge(self, signum);
  }
  WORLD_EXPECT(its, self->last_status != XIO_ECLOSED || !same,
               "signal: closed by nobody");
  return true;
}

/* -- checking ------------------------------------------------------------------------ */

void catcher_check(world *self, bool stalled) {
  for (int i = 0; i < CATCHERS; i++) {
    const catcher_place *place = &self->catchers[i];
    if (place->catcher == NULL) continue;
    WORLD_EXPECT(self, xio_catcher_valid(place->catcher), "catcher: not valid");
    if (!stalled || !xio_catcher_busy(place->catcher)) continue;
    for (int k = 0; k < SIGNALS; k++) {
      WORLD_EXPECT(self, place->came[k] <= place->taken[k],
                   "stall: a task waits for a signal that came");
    }
  }
}

void catcher_end(world *self) {
  for (int i = 0; i < SIGNALS; i++) {
    struct sigaction now;
    (void)sigaction(signums[i], NULL, &now);
    WORLD_EXPECT(self, now.sa_handler == own_handler, "signal: not put back as it was");
  }
}

const verb catcher_verbs[] = {
    {"catcher", CTASK_CALL(open_catcher), VERB_PLAIN, 4, CATCHERS, 1},
    {"close catcher", CTASK_CALL(close_catcher), VERB_PLAIN, 1, CATCHERS, 1},
    {"raise", CTASK_CALL(raise_signal), VERB_PLAIN, 5, SIGNALS, 1},
    {"signal", CTASK_WAIT(begin_signal, .finish = end_signal), VERB_PLAIN, 6, CATCHERS,
     2},
    {.name = NULL}};
