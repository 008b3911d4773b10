/* datagram: sockets for datagrams, each at a port of its own.
 *
 * Expected: a datagram that arrives is one that was sent to that place, whole, and not
 * twice; from the port of who sent it; and one that was not lost arrives. */
#include <arpa/inet.h>
#include <string.h>

#include "world.h"

enum { PORT = 9000, SIZE_MAX_SENT = 40, LETTERS = 64 };

static void address_of(xio_address *address, int place) {
  struct sockaddr_in in = {.sin_family = AF_INET};
  in.sin_port = htons((uint16_t)(PORT + place));
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memset(address, 0, sizeof *address);
  memcpy(&address->as, &in, sizeof in);
  address->size = sizeof in;
}

static void let_go(world *self, int place) {
  if (self->posts[place].socket == NULL) return;
  xio_udp *socket = self->posts[place].socket;
  self->posts[place].socket = NULL;
  self->posts[place].serial++;
  xio_udp_close(socket);
}

static void open_socket(ctask *self) {
  world *its = world_of(self);
  int place = op_of(self)->target;
  xio_udp *socket = NULL;
  xio_address address;
  if (its->posts[place].socket != NULL) return;
  int status = xio_udp_open(&socket, its->tasks.loop, AF_INET);
  ctask_event(&its->tasks, "udp", self->core.id, status);
  WORLD_EXPECT(its, status == XIO_OK || !its->calm, "udp: cannot be opened");
  if (status != XIO_OK) return;
  address_of(&address, place);
  status = xio_udp_bind(socket, &address);
  WORLD_EXPECT(its, status == XIO_OK, "udp: its port is taken");
  its->posts[place].socket = socket;
  its->posts[place].serial++;
  memset(its->posts[place].user, 0, sizeof its->posts[place].user);
}

static void close_socket(ctask *self) {
  ctask_event(self->world, "close udp", self->core.id, op_of(self)->target);
  let_go(world_of(self), op_of(self)->target);
}

/* Whether the socket that the operation took is still there; gives its side back. */
static bool is_same(ctask *self, xio_fd_side side) {
  post_box *place = &world_of(self)->posts[op_of(self)->target];
  if (place->serial != agent_of(self)->serial) return false;
  place->user[side] = 0;
  WORLD_EXPECT(world_of(self), self->last_status != XIO_ECLOSED, "udp: closed by nobody");
  return true;
}

static bool take_side(ctask *self, xio_fd_side side) {
  const post_box *place = &world_of(self)->posts[op_of(self)->target];
  begin_op(self)->serial = place->serial;
  return place->socket != NULL && place->user[side] == 0;
}

/* Waits for a side. -1: it can be tried again at once. 1: it is over; 0: it waits. */
static int wait_for(ctask *self, xio_fd_side side) {
  world *its = world_of(self);
  post_box *place = &its->posts[op_of(self)->target];
  self->last_status = xio_task_begin(&self->core);
  if (self->last_status == XIO_OK) {
    self->last_status = xio_udp_wait(place->socket, side, &self->core, XIO_NEVER);
  }
  if (self->last_status == XIO_EAGAIN) return -1;
  place->user[side] = self->core.id;
  if (self->last_status == XIO_OK || self->last_status == XIO_ECANCELED) return 0;
  place->user[side] = 0;
  WORLD_EXPECT(its, !its->calm, "udp: cannot wait, for no reason");
  return 1;
}

/* -- sending ------------------------------------------------------------------------- */

/* Number, sender and target of a datagram, and bytes that follow from these. */
static size_t write_letter(uint8_t *bytes, uint32_t number, int from, int to) {
  size_t size = 3 + number % (SIZE_MAX_SENT - 3);
  bytes[0] = (uint8_t)number;
  bytes[1] = (uint8_t)from;
  bytes[2] = (uint8_t)to;
  for (size_t i = 3; i < size; i++) bytes[i] = (uint8_t)(number * 3 + i);
  return size;
}

static bool go_on_sending(ctask *self) {
  world *its = world_of(self);
  int from = op_of(self)->target;
  int to = (int)op_of(self)->count % POSTS;
  uint8_t bytes[SIZE_MAX_SENT];
  xio_address address;
  if (its->letters == LETTERS) return true;
  size_t size = write_letter(bytes, its->letters, from, to);
  address_of(&address, to);
  for (;;) {
    int status = xio_udp_send(its->posts[from].socket, bytes, size, &address);
    if (status == XIO_EAGAIN) {
      int waits = wait_for(self, XIO_FD_WRITE);
      if (waits >= 0) return waits != 0;
      continue;
    }
    ctask_event(&its->tasks, "send", self->core.id, status);
    WORLD_EXPECT(its, status == XIO_OK, "udp: cannot send");
    its->letters++;
    return true;
  }
}

static bool begin_send(ctask *self) {
  return !take_side(self, XIO_FD_WRITE) || go_on_sending(self);
}

static bool end_send(ctask *self) {
  if (!has_begun(self) || !is_same(self, XIO_FD_WRITE)) return true;
  return self->last_status != XIO_OK || go_on_sending(self);
}

/* -- receiving ----------------------------------------------------------------------- */

static void judge(ctask *self, const uint8_t *bytes, int64_t count,
                  const xio_address *from) {
  world *its = world_of(self);
  uint8_t wanted[SIZE_MAX_SENT];
  struct sockaddr_in in;
  memcpy(&in, &from->as, sizeof in);
  uint32_t number = bytes[0];
  size_t size =
      write_letter(wanted, number, ntohs(in.sin_port) - PORT, op_of(self)->target);
  WORLD_EXPECT(its, number < its->letters && !its->read_letters[number],
               "udp: never sent, or received twice");
  WORLD_EXPECT(its, (size_t)count == size && memcmp(bytes, wanted, size) == 0,
               "udp: another datagram");
  its->read_letters[number] = true;
}

static bool go_on_receiving(ctask *self) {
  world *its = world_of(self);
  for (;;) {
    uint8_t bytes[SIZE_MAX_SENT];
    xio_address from;
    size_t whole = 0;
    int64_t count = xio_udp_receive(its->posts[op_of(self)->target].socket, bytes,
                                    sizeof bytes, &from, &whole);
    if (count == XIO_EAGAIN) {
      int waits = wait_for(self, XIO_FD_READ);
      if (waits >= 0) return waits != 0;
      continue;
    }
    ctask_event(&its->tasks, "receive", self->core.id, count);
    WORLD_EXPECT(its, count >= 0, "udp: cannot receive");
    if (count >= 0) judge(self, bytes, count, &from);
    return true;
  }
}

static bool begin_receive(ctask *self) {
  return !take_side(self, XIO_FD_READ) || go_on_receiving(self);
}

static bool end_receive(ctask *self) {
  if (!has_begun(self) || !is_same(self, XIO_FD_READ)) return true;
  return self->last_status != XIO_OK || go_on_receiving(self);
}

/* -- checking ------------------------------------------------------------------------ */

void datagram_check(world *self, bool stalled) {
  for (int i = 0; i < POSTS && stalled; i++) {
    const post_box *place = &self->posts[i];
    if (place->socket == NULL) continue;
    uint32_t state = standin_state(xio_udp_number(place->socket));
    WORLD_EXPECT(
        self,
        !xio_udp_waited(place->socket, XIO_FD_READ) || (state & STANDIN_READABLE) == 0,
        "stall: a task waits for a datagram that is there");
    WORLD_EXPECT(
        self,
        !xio_udp_waited(place->socket, XIO_FD_WRITE) || (state & STANDIN_WRITABLE) == 0,
        "stall: a task waits to send where there is room");
  }
}

void datagram_end(world *self) {
  for (int i = 0; i < POSTS; i++) let_go(self, i);
}

const verb datagram_verbs[] = {
    {"udp", CTASK_CALL(open_socket), VERB_PLAIN, 5, POSTS, 1},
    {"close udp", CTASK_CALL(close_socket), VERB_PLAIN, 1, POSTS, 1},
    {"send", CTASK_WAIT(begin_send, .finish = end_send), VERB_PLAIN, 10, POSTS, POSTS},
    {"receive", CTASK_WAIT(begin_receive, .finish = end_receive), VERB_PLAIN, 8, POSTS,
     1},
    {.name = NULL}};
