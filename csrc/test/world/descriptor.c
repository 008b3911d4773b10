/* descriptor: descriptors of others, which a program opens, closes and replaces by
 * itself, and which tasks wait for by number or through a registration.
 *
 * Expected: who waits for a file is told when it is ready; a registration of a file that
 * has left its number says so, and never speaks for the one that came after it; who
 * waited for one that is gone is told at the latest when somebody asks for the number
 * again; one waits for each side. */
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

enum { ROOM = 8 };

static raw_place *place_of(ctask *self) {
  return &world_of(self)->raws[op_of(self)->target % RAWS];
}

static void drop_number(raw_place *place) {
  if (!place->open) return;
  place->open = false;
  place->serial++;
  close(place->number);
}

static void put_number(raw_place *place, int number) {
  place->open = true;
  place->number = number;
  place->serial++;
}

static void drop_fd(raw_place *place) {
  if (place->fd != NULL) xio_fd_close(place->fd);
  place->fd = NULL;
}

/* -- what others do ------------------------------------------------------------------ */

static void put_pair(world *self, int first) {
  int numbers[2];
  drop_number(&self->raws[first]);
  drop_number(&self->raws[first + 1]);
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  if (socketpair(AF_UNIX, type, 0, numbers) != 0) return;
  ctask_event(&self->tasks, "raw pair", (uint64_t)first, numbers[0]);
  for (int i = 0; i < 2; i++) put_number(&self->raws[first + i], numbers[i]);
}

static void make_pair(ctask *self) {
  put_pair(world_of(self), op_of(self)->target * 2 % RAWS);
}

void descriptor_begin(world *self) {
  for (int first = 0; first < RAWS; first += 2) put_pair(self, first);
}

static void close_number(ctask *self) {
  ctask_event(self->world, "raw close", self->core.id, place_of(self)->number);
  drop_number(place_of(self));
}

/* Another file comes to stand at the number. */
static void replace_number(ctask *self) {
  raw_place *place = place_of(self);
  const raw_place *other = &world_of(self)->raws[op_of(self)->count % RAWS];
  if (!place->open || !other->open || place == other) return;
  ctask_event(self->world, "raw replace", self->core.id, place->number);
  place->serial++;
  world_of(self)->replaced = true;
  (void)dup2(other->number, place->number);
}

static void move_bytes(ctask *self) {
  static const char bytes[ROOM];
  char room[ROOM];
  const raw_place *place = place_of(self);
  if (!place->open) return;
  ssize_t count = op_of(self)->count != 0
                      ? send(place->number, bytes, sizeof bytes, MSG_NOSIGNAL)
                      : recv(place->number, room, sizeof room, 0);
  ctask_event(self->world, "raw bytes", self->core.id, count);
}

/* -- registrations ------------------------------------------------------------------- */

static void open_fd(ctask *self) {
  world *its = world_of(self);
  raw_place *place = place_of(self);
  if (!place->open) return;
  drop_fd(place);
  int status = xio_fd_open(&place->fd, its->tasks.loop, place->number);
  ctask_event(&its->tasks, "fd", self->core.id, status);
  WORLD_EXPECT(its, status == XIO_OK || !its->calm, "fd: cannot be opened");
  if (status != XIO_OK) place->fd = NULL;
  place->fd_serial = place->serial;
  place->fd_number = place->number;
  place->closings++;
}

static void close_fd(ctask *self) {
  ctask_event(self->world, "close fd", self->core.id, op_of(self)->target);
  drop_fd(place_of(self));
  place_of(self)->closings++;
}

/* A file that has left the number and come back cannot be told from one that stayed, as
 * long as the kernel knows it: then it is no other. */
static void verify_fd(ctask *self) {
  world *its = world_of(self);
  const raw_place *place = place_of(self);
  if (place->fd == NULL) return;
  int status = xio_fd_verify(place->fd);
  ctask_event(&its->tasks, "verify", self->core.id, status);
  bool same = place->open && place->serial == place->fd_serial;
  WORLD_EXPECT(its, !same || status == XIO_OK || !its->calm, "fd: its file is there");
}

/* -- waiting ------------------------------------------------------------------------- */

static bool begin_wait(ctask *self) {
  world *its = world_of(self);
  raw_place *place = place_of(self);
  agent *me = begin_op(self);
  xio_fd_side side = op_of(self)->count % 2 != 0 ? XIO_FD_READ : XIO_FD_WRITE;
  bool by_number = op_of(self)->count % 4 < 2;
  me->serial = place->serial;
  me->side = place->closings;
  if (!place->open && (by_number || place->fd == NULL)) return true;
  if (!by_number && place->fd == NULL) return true;
  int64_t at = xio_clock_after(&its->tasks.loop->clock, INT64_C(1000000));
  if (op_of(self)->count % 8 < 4) at = XIO_NEVER;
  int number = by_number ? place->number : place->fd_number;
  bool busy = xio_fd_waited(its->tasks.loop, number, side);
  int status = by_number ? xio_fd_wait_number(its->tasks.loop, place->number, side,
                                              &self->core, at)
                         : xio_fd_wait(place->fd, side, &self->core, at);
  ctask_event(&its->tasks, "fd waits", self->core.id, status);
  self->last_status = status;
  if (status == XIO_OK) {
    place->waited[side] = place->serial;
    return false;
  }
  bool stale = !by_number && (!place->open || place->fd_serial != place->serial);
  WORLD_EXPECT(its, status != XIO_EBUSY || busy, "fd: busy with nobody");
  WORLD_EXPECT(
      its, status != XIO_EBUSY || its->replaced || place->waited[side] == place->serial,
      "fd: busy with who waits for a file that is gone");
  WORLD_EXPECT(its, status != XIO_EBADF || stale, "fd: its file is there");
  WORLD_EXPECT(its, status == XIO_EBUSY || status == XIO_EBADF || !its->calm,
               "fd: cannot wait, for no reason");
  return true;
}

static bool end_wait(ctask *self) {
  world *its = world_of(self);
  if (!has_begun(self)) return true;
  const raw_place *place = place_of(self);
  const agent *me = agent_of(self);
  int status = self->last_status;
  ctask_event(&its->tasks, "fd told", self->core.id, status);
  WORLD_EXPECT(its, status != XIO_EBADF || place->serial != me->serial,
               "fd: told that its file is gone");
  WORLD_EXPECT(its, status != XIO_ECLOSED || place->closings != me->side,
               "fd: closed by nobody");
  bool known = status == XIO_OK || status == XIO_EBADF || status == XIO_ECLOSED ||
               status == XIO_ECANCELED ||
               (status == XIO_ETIMEDOUT && op_of(self)->count % 8 >= 4);
  WORLD_EXPECT(its, known || !its->calm, "fd: another status");
  return true;
}

/* -- checking ------------------------------------------------------------------------ */

void descriptor_check(world *self, bool stalled) {
  const xio_loop *loop = self->tasks.loop;
  WORLD_EXPECT(self, xio_fd_valid(loop), "fd: not valid");
  for (int i = 0; i < RAWS && stalled && self->calm; i++) {
    const raw_place *place = &self->raws[i];
    if (!place->open) continue;
    uint32_t state = standin_state(place->number);
    bool reads = xio_fd_waited(loop, place->number, XIO_FD_READ) &&
                 place->waited[XIO_FD_READ] == place->serial;
    bool writes = xio_fd_waited(loop, place->number, XIO_FD_WRITE) &&
                  place->waited[XIO_FD_WRITE] == place->serial;
    WORLD_EXPECT(self, !reads || (state & STANDIN_READABLE) == 0,
                 "stall: a task waits for a descriptor that can be read");
    WORLD_EXPECT(self, !writes || (state & STANDIN_WRITABLE) == 0,
                 "stall: a task waits for a descriptor that can be written");
  }
}

void descriptor_end(world *self) {
  for (int i = 0; i < RAWS; i++) {
    drop_fd(&self->raws[i]);
    drop_number(&self->raws[i]);
  }
}

const verb descriptor_verbs[] = {
    {"raw pair", CTASK_CALL(make_pair), VERB_PLAIN, 6, RAWS / 2, 1},
    {"raw close", CTASK_CALL(close_number), VERB_PLAIN, 2, RAWS, 1},
    {"raw replace", CTASK_CALL(replace_number), VERB_PLAIN, 2, RAWS, RAWS},
    {"raw bytes", CTASK_CALL(move_bytes), VERB_PLAIN, 8, RAWS, 2},
    {"fd", CTASK_CALL(open_fd), VERB_PLAIN, 4, RAWS, 1},
    {"close fd", CTASK_CALL(close_fd), VERB_PLAIN, 1, RAWS, 1},
    {"verify", CTASK_CALL(verify_fd), VERB_PLAIN, 2, RAWS, 1},
    {"wait fd", CTASK_WAIT(begin_wait, .finish = end_wait), VERB_PLAIN, 10, RAWS, 8},
    {.name = NULL}};
