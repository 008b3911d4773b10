/* stream: pairs, pipes and connections of a world.
 *
 * Byte n that an end of wire w sends is a function of w, the end and n, so that what
 * arrives shows where it belongs. Expected: what an end has read is what the other has
 * sent, from its first byte and in order, whoever read and however often a read was
 * cancelled; the end comes behind the last byte, unless an error was told; without
 * breaks and faults in the weather, no error comes but from who closed; a write that was
 * cancelled in the middle breaks that side for writing, and only that; the stream's count
 * of what went out is right; a connection is accepted once, with the port of who made
 * it. */
#include <arpa/inet.h>
#include <string.h>

#include "world.h"

static char byte_of(int number, int side, uint64_t at) {
  uint64_t value = at * 2654435761u + (uint64_t)number * 97 + (uint64_t)side * 31;
  return (char)(value >> 7 ^ value);
}

static end *end_at(ctask *self) {
  return &world_of(self)->ends[op_of(self)->target % ENDS];
}

static wire *wire_of(world *self, const end *its) {
  return &self->wires[its->wire];
}

/* -- opening and closing ------------------------------------------------------------- */

static void put(world *self, int place, xio_stream *stream, int number, int side) {
  end *its = &self->ends[place];
  *its = (end){
      .stream = stream, .wire = number, .side = side, .reads = true, .writes = true};
}

/* Lets go of what is in a place. */
static void empty(world *self, int place) {
  end *its = &self->ends[place];
  if (its->stream == NULL) return;
  wire *through = wire_of(self, its);
  through->over[its->side] = through->closed[its->side] = true;
  xio_stream *stream = its->stream;
  its->stream = NULL;
  xio_stream_release(stream);
}

/* The number of a fresh wire; -1: there were too many. */
static int new_wire(world *self) {
  return self->wire_count < WIRES ? self->wire_count++ : -1;
}

static void make_pair(world *self, int place, bool pipe) {
  int number = new_wire(self);
  if (number < 0) return;
  empty(self, place);
  empty(self, place + 1);
  xio_stream *both[2];
  int status = pipe ? xio_stream_pipe(both, self->tasks.loop)
                    : xio_stream_pair(both, self->tasks.loop);
  ctask_event(&self->tasks, "pair", (uint64_t)place, status);
  WORLD_EXPECT(self, status == XIO_OK || !self->calm, "pair: cannot be made");
  if (status != XIO_OK) return;
  for (int side = 0; side < 2; side++) {
    put(self, place + side, both[side], number, side);
    self->ends[place + side].reads = !pipe || side == 0;
    self->ends[place + side].writes = !pipe || side == 1;
  }
  self->wires[number].accepted = true;
  if (pipe) self->wires[number].over[0] = true;
}

static void open_pair(ctask *self) {
  make_pair(world_of(self), op_of(self)->target * 2 % ENDS, op_of(self)->count != 0);
}

static void close_end(ctask *self) {
  ctask_event(self->world, "close", self->core.id, op_of(self)->target);
  empty(world_of(self), op_of(self)->target);
}

static void shut_end(ctask *self) {
  world *its = world_of(self);
  const end *one = end_at(self);
  if (one->stream == NULL || one->connecting || one->user[XIO_FD_WRITE] != 0) return;
  int status = xio_stream_shutdown(one->stream);
  ctask_event(&its->tasks, "shut", self->core.id, status);
  wire *through = wire_of(its, one);
  through->over[one->side] = true;
  if (!one->reads || !one->writes) through->closed[one->side] = true; /* a pipe */
  WORLD_EXPECT(its, status == XIO_OK, "shutdown: fails");
}

/* -- reading ------------------------------------------------------------------------- */

/* Whether the connection may have been lost between the system's queue and us: where it
 * cannot be watched for want of memory. */
static bool may_be_lost(const world *self, const wire *through) {
  return !through->accepted && !self->calm;
}

/* Whether an error may be told to that end: something has broken the connection. */
static bool may_fail(world *self, const end *its) {
  const wire *through = wire_of(self, its);
  return self->weather.resets != 0 || through->closed[1 - its->side] || its->connecting ||
         may_be_lost(self, through);
}

static void take(world *self, const end *its, const char *bytes, int64_t count) {
  wire *through = wire_of(self, its);
  for (int64_t i = 0; i < count; i++) {
    uint64_t at = through->received[its->side]++;
    WORLD_EXPECT(self, bytes[i] == byte_of(its->wire, 1 - its->side, at),
                 "read: not the byte that was sent there");
  }
  WORLD_EXPECT(self, through->received[its->side] <= through->sent[1 - its->side],
               "read: more than was sent");
}

static void judge_read(world *self, end *its, const char *bytes, int64_t count,
                       uint32_t max) {
  wire *through = wire_of(self, its);
  its->drained = count > 0 && xio_stream_drained(its->stream, (size_t)count, max);
  if (count > 0) {
    WORLD_EXPECT(self, count <= max, "read: more than asked for");
    take(self, its, bytes, count);
  } else if (count == XIO_EOF) {
    bool all = through->received[its->side] == through->sent[1 - its->side];
    WORLD_EXPECT(self, through->failed[its->side] || all, "end: bytes are missing");
    bool lost = may_be_lost(self, through);
    WORLD_EXPECT(self, lost || through->failed[its->side] || through->over[1 - its->side],
                 "end: the other side has not ended");
  } else if (count != XIO_ECLOSED) {
    through->failed[its->side] = true;
    WORLD_EXPECT(self, may_fail(self, its), "read: an error out of nowhere");
  }
}

/* Reads at once or begins to wait, as the binding does. True: it is over. */
static bool go_on_reading(ctask *self) {
  world *its = world_of(self);
  end *one = end_at(self);
  char bytes[MESSAGE_MAX];
  uint32_t max = 1 + op_of(self)->count;
  for (;;) {
    int64_t count = XIO_EAGAIN;
    if (!one->drained) count = xio_stream_read(one->stream, bytes, max);
    if (count != XIO_EAGAIN) {
      judge_read(its, one, bytes, count, max);
      ctask_event(&its->tasks, "read", self->core.id, count);
      self->last_status = XIO_OK;
      return true;
    }
    int status = xio_task_begin(&self->core);
    if (status == XIO_OK) status = xio_stream_wait(one->stream, XIO_FD_READ, &self->core);
    one->drained = false;
    self->last_status = status;
    if (status == XIO_EAGAIN) continue;
    if (status == XIO_OK || status == XIO_ECANCELED) {
      one->user[XIO_FD_READ] = self->core.id;
      return false;
    }
    WORLD_EXPECT(its, !its->calm, "read: cannot wait, for no reason");
    return true;
  }
}

static bool begin_read(ctask *self) {
  end *one = end_at(self);
  agent *me = begin_op(self);
  if (one->stream == NULL || !one->reads || one->connecting) return true;
  if (one->user[XIO_FD_READ] != 0) return true;
  me->wire = one->wire;
  me->side = one->side;
  return go_on_reading(self);
}

/* Whether the place still has what was waited for; what was closed says so. */
static bool is_same(ctask *self) {
  world *its = world_of(self);
  const end *one = end_at(self);
  const agent *me = agent_of(self);
  const wire *through = &its->wires[me->wire];
  if (one->stream != NULL && one->wire == me->wire && one->side == me->side) {
    /* a pipe that is shut down is closed */
    WORLD_EXPECT(its, self->last_status != XIO_ECLOSED || through->over[me->side],
                 "wait: closed by nobody");
    return true;
  }
  WORLD_EXPECT(its, through->closed[me->side], "world: who emptied the place?");
  return false;
}

static bool end_read(ctask *self) {
  if (!has_begun(self) || !is_same(self)) return true;
  end_at(self)->user[XIO_FD_READ] = 0;
  return self->last_status != XIO_OK || go_on_reading(self);
}

/* -- writing ------------------------------------------------------------------------- */

static void judge_write(world *self, const end *its, int64_t status) {
  wire *through = wire_of(self, its);
  if (status == XIO_ECANCELED) {
    WORLD_EXPECT(self, its->stream->cut, "write: refused, and no message was cut");
  } else if (status == XIO_ECLOSED) {
    WORLD_EXPECT(self, through->over[its->side], "write: closed by nobody");
  } else {
    through->failed[its->side] = true;
    WORLD_EXPECT(self, may_fail(self, its), "write: an error out of nowhere");
  }
}

/* As much of the message as there is room for. True: it is over. */
static bool go_on_writing(ctask *self) {
  world *its = world_of(self);
  agent *me = agent_of(self);
  end *one = end_at(self);
  wire *through = wire_of(its, one);
  char bytes[MESSAGE_MAX];
  uint32_t size = 1 + op_of(self)->count;
  for (;;) {
    uint32_t left = size - me->done;
    for (uint32_t i = 0; i < left; i++) {
      bytes[i] = byte_of(one->wire, one->side, through->sent[one->side] + i);
    }
    int64_t count = xio_stream_write(one->stream, bytes, left);
    ctask_event(&its->tasks, "write", self->core.id, count);
    self->last_status = XIO_OK;
    if (count >= 0) {
      WORLD_EXPECT(its, count <= left, "write: more than there is");
      through->sent[one->side] += (uint64_t)count;
      me->done += (uint32_t)count;
      if (me->done == size) return true;
      continue;
    }
    if (count != XIO_EAGAIN) {
      judge_write(its, one, count);
      return true;
    }
    int status = xio_task_begin(&self->core);
    if (status == XIO_OK)
      status = xio_stream_wait(one->stream, XIO_FD_WRITE, &self->core);
    self->last_status = status;
    if (status == XIO_EAGAIN) continue;
    if (status == XIO_OK || status == XIO_ECANCELED) {
      one->stream->partial = me->done != 0;
      one->user[XIO_FD_WRITE] = self->core.id;
      one->writer = status == XIO_OK ? self : NULL;
      return false;
    }
    WORLD_EXPECT(its, !its->calm, "write: cannot wait, for no reason");
    return true;
  }
}

static bool begin_write(ctask *self) {
  const end *one = end_at(self);
  agent *me = begin_op(self);
  if (one->stream == NULL || !one->writes || one->connecting) return true;
  if (one->user[XIO_FD_WRITE] != 0) return true;
  me->wire = one->wire;
  me->side = one->side;
  me->done = 0;
  return go_on_writing(self);
}

static bool end_write(ctask *self) {
  if (!has_begun(self) || !is_same(self)) return true;
  world *its = world_of(self);
  const agent *me = agent_of(self);
  xio_stream *stream = end_at(self)->stream;
  stream->partial = false;
  end_at(self)->user[XIO_FD_WRITE] = 0;
  end_at(self)->writer = NULL;
  if (self->last_status == XIO_ECANCELED) {
    if (me->done != 0) stream->cut = true; /* the wait had ended before */
    WORLD_EXPECT(its, !stream->cut || me->done != 0,
                 "write: cancelled before it began, and yet it is cut");
  }
  return self->last_status == XIO_OK ? go_on_writing(self) : true;
}

/* -- connecting ---------------------------------------------------------------------- */

static void address_of(xio_address *address, int door) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  in.sin_port = htons((uint16_t)(FIRST_PORT + door));
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memset(address, 0, sizeof *address);
  memcpy(&address->as, &in, sizeof in);
  address->size = sizeof in;
}

static uint16_t port_of(const xio_address *address) {
  struct sockaddr_in in;
  memcpy(&in, &address->as, sizeof in);
  return ntohs(in.sin_port);
}

static void make_door(world *self, int door, int backlog) {
  if (self->doors[door] != NULL) return;
  xio_address address;
  address_of(&address, door);
  const xio_listener_opts opts = {.backlog = backlog, .mode = -1};
  int status = xio_listener_open(&self->doors[door], self->tasks.loop, &address, &opts);
  ctask_event(&self->tasks, "listen", (uint64_t)door, status);
  if (status != XIO_OK) self->doors[door] = NULL;
  WORLD_EXPECT(self, status == XIO_OK || !self->calm, "listen: fails");
}

static void open_door(ctask *self) {
  make_door(world_of(self), op_of(self)->target, 1 + (int)op_of(self)->count % 4);
}

static void close_door(ctask *self) {
  world *its = world_of(self);
  int door = op_of(self)->target;
  ctask_event(&its->tasks, "close listener", self->core.id, door);
  if (its->doors[door] == NULL) return;
  xio_listener *listener = its->doors[door];
  its->doors[door] = NULL;
  its->closed[door]++;
  for (int i = 0; i < its->wire_count; i++) { /* who waited there is sent away */
    wire *one = &its->wires[i];
    if (!one->accepted) one->over[1] = one->closed[1] = true;
  }
  xio_listener_release(listener);
}

/* The connection is there, or cannot be. */
static void connected(world *self, end *its) {
  xio_address name;
  int status = xio_socket_error(its->stream->handle.number);
  wire *through = wire_of(self, its);
  if (status == XIO_OK) status = xio_socket_name(its->stream->handle.number, &name);
  ctask_event(&self->tasks, "connected", (uint64_t)its->wire, status);
  if (status != XIO_OK) {
    through->failed[0] = through->over[1] = through->closed[1] = true;
  } else {
    through->port = port_of(&name);
  }
  its->connecting = false;
}

static bool begin_connect(ctask *self) {
  world *its = world_of(self);
  int place = op_of(self)->target;
  int number = new_wire(its);
  agent *me = begin_op(self);
  if (number < 0) return true;
  empty(its, place);
  xio_address to;
  address_of(&to, (int)op_of(self)->count % DOORS);
  const xio_address from = {.size = 0};
  const xio_socket_opts opts = {.nodelay = true};
  xio_stream *stream = NULL;
  int status = xio_stream_connect(&stream, its->tasks.loop, &to, &from, &opts);
  ctask_event(&its->tasks, "connect", self->core.id, status);
  WORLD_EXPECT(its, status == -EINPROGRESS || !its->calm, "connect: fails at once");
  if (status != -EINPROGRESS) return true;
  put(its, place, stream, number, 0);
  its->ends[place].connecting = true;
  me->wire = number;
  me->side = 0;
  self->last_status = xio_stream_wait_connected(stream, &self->core);
  if (self->last_status == XIO_OK) return false;
  empty(its, place);
  return true;
}

static bool end_connect(ctask *self) {
  if (!has_begun(self) || !is_same(self)) return true;
  if (self->last_status == XIO_OK) {
    connected(world_of(self), end_at(self));
  }
  if (self->last_status != XIO_OK || (wire_of(world_of(self), end_at(self))->failed[0] &&
                                      op_of(self)->target % 2 == 0)) {
    empty(world_of(self), op_of(self)->target); /* given up */
  }
  return true;
}

/* Which wire the accepted connection is the other end of. The one who connected may not
 * know that it is connected. */
static int find_wire(world *self, uint16_t port) {
  for (int i = 0; i < self->wire_count; i++) {
    if (self->wires[i].port == port && !self->wires[i].accepted) return i;
  }
  for (int i = 0; i < ENDS; i++) {
    end *one = &self->ends[i];
    xio_address name;
    if (one->stream == NULL || !one->connecting) continue;
    if (xio_socket_name(one->stream->handle.number, &name) != XIO_OK) continue;
    if (port_of(&name) != port) continue;
    self->wires[one->wire].port = port;
    return one->wire;
  }
  return -1; /* given up before it knew */
}

static void accepted(ctask *self, xio_stream *stream) {
  world *its = world_of(self);
  xio_address peer;
  int place = (int)op_of(self)->count % ENDS;
  int status = xio_socket_peername(stream->handle.number, &peer);
  int number = status == XIO_OK ? find_wire(its, port_of(&peer)) : -1;
  ctask_event(&its->tasks, "accepted", self->core.id, number);
  if (number < 0) {
    xio_stream_release(stream);
    return;
  }
  its->wires[number].accepted = true;
  empty(its, place);
  put(its, place, stream, number, 1);
}

static bool go_on_accepting(ctask *self) {
  world *its = world_of(self);
  xio_listener *listener = its->doors[op_of(self)->target];
  for (;;) {
    xio_stream *stream = NULL;
    self->last_status = xio_listener_accept(listener, &stream);
    if (self->last_status == XIO_OK) accepted(self, stream);
    if (self->last_status != XIO_EAGAIN) break;
    self->last_status = xio_task_begin(&self->core);
    if (self->last_status == XIO_ECANCELED) return false;
    self->last_status = xio_listener_wait(listener, &self->core);
    if (self->last_status == XIO_OK) return false;
    if (self->last_status != XIO_EAGAIN) break;
  }
  WORLD_EXPECT(
      its, self->last_status == XIO_OK || !its->calm || self->last_status == XIO_EBUSY,
      "accept: fails for no reason");
  return true;
}

static bool begin_accept(ctask *self) {
  const xio_listener *listener = world_of(self)->doors[op_of(self)->target];
  begin_op(self)->side = world_of(self)->closed[op_of(self)->target];
  return listener == NULL || go_on_accepting(self);
}

static bool end_accept(ctask *self) {
  world *its = world_of(self);
  if (!has_begun(self)) return true;
  bool same = its->closed[op_of(self)->target] == agent_of(self)->side;
  WORLD_EXPECT(its, self->last_status != XIO_ECLOSED || !same,
               "accept: closed by nobody");
  if (self->last_status != XIO_OK || !same) return true;
  return go_on_accepting(self);
}

void stream_begin(world *self) {
  for (int place = 0; place < ENDS; place += 2) {
    uint32_t what = (uint32_t)xio_random_below(&self->random, 4);
    if (what != 0) make_pair(self, place, what == 1);
  }
  for (int door = 0; door < DOORS; door++) {
    if (xio_random_below(&self->random, 4) != 0) make_door(self, door, 2);
  }
}

/* -- checking ------------------------------------------------------------------------ */

static void check_waits(world *self, const end *its) {
  uint32_t state = standin_state(its->stream->handle.number);
  WORLD_EXPECT(
      self,
      !xio_stream_waited(its->stream, XIO_FD_READ) || (state & STANDIN_READABLE) == 0,
      "stall: a task waits to read what is there");
  WORLD_EXPECT(
      self,
      !xio_stream_waited(its->stream, XIO_FD_WRITE) || (state & STANDIN_WRITABLE) == 0,
      "stall: a task waits to write where there is room");
}

void stream_check(world *self, bool stalled) {
  for (int i = 0; i < ENDS; i++) {
    const end *its = &self->ends[i];
    if (its->stream == NULL) continue;
    WORLD_EXPECT(self, xio_handle_valid(&its->stream->handle), "stream: not valid");
    WORLD_EXPECT(self, its->stream->written == wire_of(self, its)->sent[its->side],
                 "stream: its count of what went out is wrong");
    const xio_wait *writing = its->writer != NULL ? &its->writer->core.wait : NULL;
    bool withdrawn = writing != NULL && writing->state == XIO_WAIT_READY &&
                     writing->status == XIO_ECANCELED;
    WORLD_EXPECT(self, !withdrawn || !its->stream->partial || its->stream->cut,
                 "write: given up in the middle, and more could be written");
    if (stalled && its->stream->handle.number >= 0) check_waits(self, its);
  }
  for (int i = 0; i < DOORS; i++) {
    const xio_listener *door = self->doors[i];
    if (door == NULL) continue;
    WORLD_EXPECT(self, xio_handle_valid(&door->handle), "listener: not valid");
    bool waited = door->handle.waiting[XIO_FD_READ] != NULL;
    WORLD_EXPECT(self,
                 !stalled || !waited ||
                     (standin_state(door->handle.number) & STANDIN_READABLE) == 0,
                 "stall: a task waits for a connection that is there");
  }
}

void stream_end(world *self) {
  for (int i = 0; i < ENDS; i++) empty(self, i);
  for (int i = 0; i < DOORS; i++) {
    if (self->doors[i] != NULL) xio_listener_release(self->doors[i]);
    self->doors[i] = NULL;
  }
}

const verb stream_verbs[] = {
    {"pair", CTASK_CALL(open_pair), VERB_PLAIN, 10, ENDS / 2, 2},
    {"close end", CTASK_CALL(close_end), VERB_PLAIN, 3, ENDS, 1},
    {"shut", CTASK_CALL(shut_end), VERB_PLAIN, 3, ENDS, 1},
    {"read", CTASK_WAIT(begin_read, .finish = end_read), VERB_PLAIN, 30, ENDS,
     MESSAGE_MAX - 1},
    {"write", CTASK_WAIT(begin_write, .finish = end_write), VERB_PLAIN, 30, ENDS,
     MESSAGE_MAX - 1},
    {"listen", CTASK_CALL(open_door), VERB_PLAIN, 6, DOORS, 4},
    {"close listener", CTASK_CALL(close_door), VERB_PLAIN, 1, DOORS, 1},
    {"connect", CTASK_WAIT(begin_connect, .finish = end_connect), VERB_PLAIN, 10, ENDS,
     DOORS},
    {"accept", CTASK_WAIT(begin_accept, .finish = end_accept), VERB_PLAIN, 10, DOORS,
     ENDS},
    {.name = NULL}};
