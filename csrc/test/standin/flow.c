/* flow: connected sockets, and pipes: bytes that are on their way.
 *
 * What is written is held by its direction until it is read. It arrives in pieces, each
 * after a delay; the room that reading makes is known to the writer after another delay,
 * and announced only to one who has met the end of the room. The end of a direction
 * arrives behind its bytes. A connection that breaks loses what is on its way: what has
 * arrived is still read, then there is an error once, then the end. Who closes with bytes
 * unread breaks it. Pairs and pipes have no delays. */
#include <fcntl.h>
#include <string.h>

#include "kernel.h"

enum { CONNECTIONS = 48, PIPE_PIECE = 16 /* that a pipe takes whole */ };

static connection connections[CONNECTIONS];
static int connection_count;

void flow_begin(void) {
  connection_count = 0;
}

static void settle(connection *one) {
  if (one->ends[0] == NULL && one->ends[1] == NULL && one->pending == 0) {
    one->used = false;
  }
}

static connection *fresh_connection(void) {
  for (int i = 0; i < connection_count; i++) {
    if (!connections[i].used) return &connections[i];
  }
  if (connection_count == CONNECTIONS) standin_fault("stand-in: too many connections");
  return &connections[connection_count++];
}

connection *flow_connect(node *first, node *second, bool instant) {
  connection *fresh = fresh_connection();
  uint32_t capacity = kernel_weather.capacity;
  memset(fresh, 0, sizeof *fresh);
  fresh->used = true;
  fresh->instant = instant;
  fresh->ends[0] = first;
  fresh->ends[1] = second;
  for (int side = 0; side < 2; side++) {
    fresh->flows[side].connection = fresh;
    fresh->flows[side].capacity =
        capacity == 0 || capacity > KERNEL_BYTES ? KERNEL_BYTES : capacity;
    fresh->ends[side]->as.stream.connection = fresh;
    fresh->ends[side]->as.stream.side = side;
    fresh->ends[side]->socket = true;
  }
  return fresh;
}

static flow *outgoing(const node *self) {
  return &self->as.stream.connection->flows[self->as.stream.side];
}

static flow *incoming(const node *self) {
  return &self->as.stream.connection->flows[1 - self->as.stream.side];
}

static node *peer_of(const node *self) {
  return self->as.stream.connection->ends[1 - self->as.stream.side];
}

/* Which end reads a flow. */
static node *reader_of(const flow *self) {
  return self->connection->ends[self == &self->connection->flows[0] ? 1 : 0];
}

static node *writer_of(const flow *self) {
  return self->connection->ends[self == &self->connection->flows[0] ? 0 : 1];
}

static uint32_t piece_of(const flow *self) {
  return self->capacity < PIPE_PIECE ? self->capacity : PIPE_PIECE;
}

static bool has_room(const flow *self) {
  uint32_t room = self->capacity - self->held;
  const node *writer = writer_of(self);
  if (writer != NULL && !writer->socket) return room >= piece_of(self);
  return room >= (self->capacity + 2) / 3;
}

/* -- what is on its way -------------------------------------------------------------- */

static void end_of(connection *self, int side, int error) {
  node *end = self->ends[side];
  flow *in = &self->flows[1 - side];
  in->count = in->arrived;
  in->broken = true;
  if (end == NULL) return;
  end->as.stream.error = in->ended ? EPIPE : error;
  epoll_wake(end, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLRDHUP);
}

void flow_reset(connection *broken) {
  static const int errors[] = {ECONNRESET, ETIMEDOUT, EHOSTUNREACH};
  if (broken->flows[0].broken || broken->flows[1].broken) return;
  bool plain = broken->instant || kernel_weather.resets == 0;
  int error = plain ? ECONNRESET : errors[kernel_below(3)];
  kernel_counts.resets++;
  end_of(broken, 0, error);
  end_of(broken, 1, error);
}

static void schedule(flow *self);

static void finish(flow *self) {
  node *reader = reader_of(self);
  self->ended = true;
  if (reader != NULL) epoll_wake(reader, EPOLLIN | EPOLLRDHUP | EPOLLHUP);
}

static void arrive(void *context) {
  flow *self = context;
  connection *its = self->connection;
  self->moving = false;
  its->pending--;
  uint32_t left = self->count - self->arrived;
  if (self->broken) {
    settle(its);
    return;
  }
  if (kernel_chance(kernel_weather.resets)) {
    flow_reset(its);
  } else if (left != 0 && reader_of(self) == NULL) {
    flow_reset(its); /* for nobody: the sender is told */
  } else if (left != 0) {
    uint32_t most = kernel_weather.chunk;
    uint32_t piece = most != 0 && most < left ? most : left;
    self->arrived += most != 0 ? 1 + kernel_below(piece) : piece;
    epoll_wake(reader_of(self), EPOLLIN);
  }
  if (!self->broken && self->arrived == self->count && self->fin && !self->ended &&
      kernel_below(2) == 0) {
    finish(self);
  }
  schedule(self);
  settle(its);
}

static void schedule(flow *self) {
  bool more = self->arrived != self->count || (self->fin && !self->ended);
  if (self->moving || self->broken || !more) return;
  if (self->connection->instant) {
    self->arrived = self->count;
    node *reader = reader_of(self);
    if (reader != NULL) epoll_wake(reader, EPOLLIN);
    if (self->fin && !self->ended) finish(self);
    return;
  }
  self->moving = true;
  self->connection->pending++;
  kernel_after(kernel_delay(), arrive, self);
}

/* The writer learns what was read. */
static void acknowledge(flow *self) {
  node *writer = writer_of(self);
  self->held = self->count;
  if (!self->full || writer == NULL || !has_room(self)) return;
  self->full = false;
  epoll_wake(writer, EPOLLOUT);
}

static void on_acknowledged(void *context) {
  flow *self = context;
  self->acking = false;
  self->connection->pending--;
  acknowledge(self);
  settle(self->connection);
}

static void make_room(flow *self) {
  if (self->connection->instant) {
    acknowledge(self);
  } else if (!self->acking) {
    self->acking = true;
    self->connection->pending++;
    kernel_after(kernel_delay(), on_acknowledged, self);
  }
}

/* -- calls --------------------------------------------------------------------------- */

int flow_take_error(node *self) {
  int error = self->as.stream.error;
  self->as.stream.error = 0;
  return error;
}

static ssize_t fail(int error) {
  errno = error;
  return -1;
}

ssize_t flow_read(node *self, void *bytes, size_t max) {
  if (self->as.stream.connection == NULL) return fail(ENOTCONN);
  if (self->access == O_WRONLY) return fail(EBADF);
  flow *in = incoming(self);
  uint32_t count = in->arrived < max ? in->arrived : (uint32_t)max;
  if (count != 0) {
    memcpy(bytes, in->bytes, count);
    memmove(in->bytes, in->bytes + count, in->count - count);
    in->count -= count;
    in->arrived -= count;
    make_room(in);
    return (ssize_t)count;
  }
  int error = flow_take_error(self);
  if (error != 0) return fail(error);
  if (in->ended || in->broken) return 0;
  if (!self->nonblocking) standin_fault("read: the loop's thread would block");
  return fail(EAGAIN);
}

ssize_t flow_write(node *self, const void *bytes, size_t count) {
  if (self->as.stream.connection == NULL) return fail(EPIPE);
  if (self->access == O_RDONLY) return fail(EBADF);
  int error = flow_take_error(self);
  if (error != 0) return fail(error);
  flow *out = outgoing(self);
  bool gone = self->as.stream.connection->instant && peer_of(self) == NULL;
  if (out->fin || out->broken || gone) return fail(EPIPE);
  uint32_t room = out->capacity - out->held;
  if (!self->socket && room < piece_of(out)) room = 0;
  uint32_t taken = room < count ? room : (uint32_t)count;
  if (taken < count) out->full = true;
  if (taken == 0 && count != 0) {
    if (!self->nonblocking) standin_fault("write: the loop's thread would block");
    return fail(EAGAIN);
  }
  memcpy(out->bytes + out->count, bytes, taken);
  out->count += taken;
  out->held += taken;
  schedule(out);
  return (ssize_t)taken;
}

void flow_shut(node *self) {
  flow *out = outgoing(self);
  out->fin = true;
  schedule(out);
  epoll_wake(self, EPOLLIN | EPOLLOUT | EPOLLHUP | EPOLLRDHUP);
}

uint32_t stream_state(const node *self) {
  const stream_node *its = &self->as.stream;
  if (its->connecting) return 0;
  uint32_t error = its->error != 0 ? EPOLLERR : 0u;
  uint32_t refused = its->refused ? EPOLLIN | EPOLLRDHUP : 0u;
  if (its->connection == NULL) return error | refused | EPOLLOUT | EPOLLHUP;
  const flow *in = incoming(self);
  flow *out = outgoing(self);
  bool over = in->ended || in->broken;
  bool shut = out->fin || out->broken;
  uint32_t state = error;
  if (self->access != O_WRONLY) {
    if (in->arrived != 0 || (over && self->socket)) state |= EPOLLIN;
    if (over) state |= self->socket ? EPOLLRDHUP : EPOLLHUP;
    bool gone = its->connection->instant && peer_of(self) == NULL;
    if (over && (shut || gone)) state |= EPOLLHUP;
  }
  if (self->access != O_RDONLY) {
    if (shut || has_room(out)) state |= EPOLLOUT;
    if (!shut && !has_room(out)) out->full = true; /* who asks wants to be told */
    if (!self->socket && peer_of(self) == NULL) state |= EPOLLERR;
  }
  return state;
}

void stream_release(node *self) {
  connection *its = self->as.stream.connection;
  if (its == NULL) return;
  int side = self->as.stream.side;
  bool unread = its->flows[1 - side].count != 0 && self->socket;
  its->ends[side] = NULL;
  if (unread && !its->flows[side].broken) {
    flow_reset(its);
  } else if (!its->flows[side].broken) {
    its->flows[side].fin = true;
    schedule(&its->flows[side]);
  }
  node *peer = its->ends[1 - side];
  if (its->instant && peer != NULL) epoll_wake(peer, EPOLLOUT | EPOLLERR | EPOLLHUP);
  settle(its);
}
