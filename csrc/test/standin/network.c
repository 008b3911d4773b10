/* network: making sockets, names, connecting and listening, datagrams.
 *
 * There is one machine, 127.0.0.1, with 65535 ports. A connection is made after a delay,
 * when the listener has room; until it is accepted it waits there, and may break. */
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"

enum { FIRST_PORT = 20000, ATTEMPTS = 24, FLIGHTS = 48, TRIES_MAX = 8 };

/* Somebody who connects: the node may be gone when its turn comes. */
typedef struct attempt {
  node *from;
  uint16_t to;
  bool used;
  int tries;
} attempt;

typedef struct flight {
  packet packet;
  const node *from;
  uint16_t to;
  bool used;
} flight;

static struct {
  uint16_t next_port;
  attempt attempts[ATTEMPTS];
  flight flights[FLIGHTS];
  node *bound[16]; /* listeners and sockets for datagrams that have a port */
} network;

void network_begin(void) {
  memset(&network, 0, sizeof network);
  network.next_port = FIRST_PORT;
}

static int fail(int error) {
  errno = error;
  return -1;
}

static uint16_t port_in(const struct sockaddr *address) {
  struct sockaddr_in in;
  memcpy(&in, address, sizeof in);
  return ntohs(in.sin_port);
}

static void put_address(struct sockaddr *address, socklen_t *size, uint16_t port) {
  struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
  in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  memcpy(address, &in, *size < sizeof in ? *size : sizeof in);
  *size = sizeof in;
}

static node *bound_to(uint16_t port, node_kind kind) {
  for (size_t i = 0; i < sizeof network.bound / sizeof *network.bound; i++) {
    node *one = network.bound[i];
    if (one == NULL || one->kind != kind) continue;
    uint16_t its = kind == NODE_LISTENER ? one->as.listener.port : one->as.datagram.port;
    if (its == port) return one;
  }
  return NULL;
}

static void remember(node *self) {
  for (size_t i = 0; i < sizeof network.bound / sizeof *network.bound; i++) {
    if (network.bound[i] != NULL) continue;
    network.bound[i] = self;
    return;
  }
  standin_fault("stand-in: too many sockets with a port");
}

static void forget(const node *self) {
  for (size_t i = 0; i < sizeof network.bound / sizeof *network.bound; i++) {
    if (network.bound[i] == self) network.bound[i] = NULL;
  }
}

/* -- sockets ------------------------------------------------------------------------- */

SYSTEM(int, socket, (int family, int type, int protocol)) {
  (void)protocol;
  if (family != AF_INET) return fail(EAFNOSUPPORT);
  if (kernel_is_short()) return -1;
  node *fresh = kernel_node((type & 0xf) == SOCK_DGRAM ? NODE_DATAGRAM : NODE_STREAM);
  fresh->nonblocking = (type & SOCK_NONBLOCK) != 0;
  fresh->socket = true;
  return kernel_open(fresh);
}

/* Two nodes get numbers, or none does. */
static int open_both(node *first, node *second, int numbers[2]) {
  kernel_keep(second); /* while it has no number */
  numbers[0] = kernel_open(first);
  numbers[1] = numbers[0] >= 0 ? kernel_open(second) : -1;
  kernel_drop(second);
  if (numbers[0] >= 0 && numbers[1] < 0) close(numbers[0]);
  return numbers[1] >= 0 ? 0 : fail(EMFILE);
}

SYSTEM(int, socketpair, (int family, int type, int protocol, int numbers[2])) {
  (void)family;
  (void)protocol;
  if (kernel_is_short()) return -1;
  node *first = kernel_node(NODE_STREAM);
  node *second = kernel_node(NODE_STREAM);
  first->nonblocking = second->nonblocking = (type & SOCK_NONBLOCK) != 0;
  flow_connect(first, second, true);
  return open_both(first, second, numbers);
}

SYSTEM(int, pipe2, (int numbers[2], int flags)) {
  if (kernel_is_short()) return -1;
  node *reads = kernel_node(NODE_STREAM);
  node *writes = kernel_node(NODE_STREAM);
  reads->nonblocking = writes->nonblocking = (flags & O_NONBLOCK) != 0;
  flow_connect(reads, writes, true);
  reads->socket = writes->socket = false;
  reads->access = O_RDONLY;
  writes->access = O_WRONLY;
  return open_both(reads, writes, numbers);
}

SYSTEM(int, setsockopt,
       (int number, int level, int name, const void *value, socklen_t size)) {
  (void)level;
  (void)name;
  (void)value;
  (void)size;
  return kernel_need(number)->socket ? 0 : fail(ENOTSOCK);
}

SYSTEM(int, getsockopt, (int number, int level, int name, void *value, socklen_t *size)) {
  node *self = kernel_need(number);
  int result = 0;
  if (!self->socket) return fail(ENOTSOCK);
  if (level == SOL_SOCKET && name == SO_ERROR && self->kind == NODE_STREAM) {
    result = flow_take_error(self);
  } else if (level == SOL_SOCKET && name == SO_PROTOCOL) {
    result = self->kind == NODE_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  }
  memcpy(value, &result, *size < sizeof result ? *size : sizeof result);
  return 0;
}

static uint16_t port_of(const node *self) {
  switch (self->kind) {
    case NODE_LISTENER: return self->as.listener.port;
    case NODE_DATAGRAM: return self->as.datagram.port;
    default: return self->as.stream.port;
  }
}

SYSTEM(int, getsockname, (int number, struct sockaddr *address, socklen_t *size)) {
  put_address(address, size, port_of(kernel_need(number)));
  return 0;
}

SYSTEM(int, getpeername, (int number, struct sockaddr *address, socklen_t *size)) {
  const node *self = kernel_need(number);
  uint16_t port = self->kind == NODE_DATAGRAM ? self->as.datagram.peer
                  : self->kind == NODE_STREAM ? self->as.stream.peer_port
                                              : 0;
  if (port == 0) return fail(ENOTCONN);
  put_address(address, size, port);
  return 0;
}

SYSTEM(int, bind, (int number, const struct sockaddr *address, socklen_t size)) {
  node *self = kernel_need(number);
  (void)size;
  uint16_t port = port_in(address);
  if (port == 0) port = network.next_port++;
  if (self->kind == NODE_DATAGRAM) {
    if (bound_to(port, NODE_DATAGRAM) != NULL) return fail(EADDRINUSE);
    self->as.datagram.port = port;
    remember(self);
    return 0;
  }
  if (bound_to(port, NODE_LISTENER) != NULL) return fail(EADDRINUSE);
  self->as.stream.port = port;
  return 0;
}

SYSTEM(int, shutdown, (int number, int how)) {
  node *self = kernel_need(number);
  if (how != SHUT_WR) standin_fault("shutdown: a side that has no stand-in");
  if (!self->socket) return fail(ENOTSOCK);
  if (self->kind != NODE_STREAM || self->as.stream.connection == NULL) {
    return fail(ENOTCONN);
  }
  flow_shut(self);
  return 0;
}

/* -- connecting ---------------------------------------------------------------------- */

SYSTEM(int, listen, (int number, int backlog)) {
  node *self = kernel_need(number);
  uint16_t port = self->as.stream.port;
  if (bound_to(port, NODE_LISTENER) != NULL) return fail(EADDRINUSE);
  memset(&self->as, 0, sizeof self->as);
  self->kind = NODE_LISTENER;
  self->as.listener.port = port;
  self->as.listener.limit = backlog < KERNEL_BACKLOG ? (uint32_t)backlog : KERNEL_BACKLOG;
  remember(self);
  return 0;
}

uint32_t listener_state(const node *self) {
  return self->as.listener.count != 0 ? EPOLLIN : 0;
}

void listener_release(node *self) {
  listener_node *its = &self->as.listener;
  forget(self);
  for (uint32_t i = 0; i < its->count; i++) {
    flow_reset(its->queue[i]->as.stream.connection);
    kernel_drop(its->queue[i]);
  }
}

/* The other end is made when the listener takes the connection. */
static void establish(node *from, node *listener) {
  listener_node *its = &listener->as.listener;
  node *end = kernel_node(NODE_STREAM);
  kernel_keep(end); /* by the queue */
  flow_connect(from, end, false);
  from->as.stream.port = network.next_port++;
  end->as.stream.port = from->as.stream.peer_port = its->port;
  end->as.stream.peer_port = from->as.stream.port;
  its->queue[its->count++] = end;
  epoll_wake(from, EPOLLOUT);
  epoll_wake(listener, EPOLLIN);
}

static void on_attempt(void *context) {
  attempt *self = context;
  node *from = self->from;
  node *listener = bound_to(self->to, NODE_LISTENER);
  bool full =
      listener != NULL && listener->as.listener.count >= listener->as.listener.limit;
  if (from->refs > 1 && full && ++self->tries < TRIES_MAX) {
    kernel_after(1 + kernel_delay(), on_attempt, self); /* it is sent once more */
    return;
  }
  self->used = false;
  from->as.stream.connecting = false;
  bool fails = listener == NULL || full || kernel_chance(kernel_weather.resets);
  if (from->refs > 1 && fails) {
    from->as.stream.refused = true;
    from->as.stream.error = listener == NULL ? ECONNREFUSED : ETIMEDOUT;
    epoll_wake(from, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP);
  } else if (from->refs > 1) {
    establish(from, listener);
  }
  kernel_drop(from);
}

/* Whether no descriptor stands for it any more. The attempt keeps it until its turn. */
static int begin_attempt(node *from, uint16_t to) {
  for (int i = 0; i < ATTEMPTS; i++) {
    attempt *one = &network.attempts[i];
    if (one->used) continue;
    *one = (attempt){from, to, true, 0};
    kernel_keep(from);
    from->as.stream.connecting = true;
    kernel_after(kernel_delay(), on_attempt, one);
    return fail(EINPROGRESS);
  }
  standin_fault("stand-in: too many connections that begin");
}

SYSTEM(int, connect, (int number, const struct sockaddr *address, socklen_t size)) {
  node *self = kernel_need(number);
  (void)size;
  if (self->kind == NODE_DATAGRAM) {
    self->as.datagram.peer = address->sa_family == AF_INET ? port_in(address) : 0;
    return 0;
  }
  if (self->as.stream.connecting) return fail(EALREADY);
  if (self->as.stream.connection != NULL) return fail(EISCONN);
  return begin_attempt(self, port_in(address));
}

SYSTEM(int, accept4, (int number, struct sockaddr *address, socklen_t *size, int flags)) {
  node *self = kernel_need(number);
  if (kernel_interrupts()) return -1;
  if (self->kind != NODE_LISTENER) return fail(EINVAL);
  listener_node *its = &self->as.listener;
  if (its->count == 0) return fail(EAGAIN);
  if (kernel_is_short()) return -1;
  node *taken = its->queue[0];
  memmove(its->queue, its->queue + 1, --its->count * sizeof(node *));
  if (kernel_chance(kernel_weather.resets)) {
    flow_reset(taken->as.stream.connection);
    kernel_drop(taken);
    return fail(ECONNABORTED);
  }
  taken->nonblocking = (flags & SOCK_NONBLOCK) != 0;
  if (address != NULL) put_address(address, size, taken->as.stream.peer_port);
  int opened = kernel_open(taken);
  kernel_drop(taken); /* by the queue; closed where it has no number */
  return opened;
}

SYSTEM(ssize_t, recv, (int number, void *bytes, size_t max, int flags)) {
  node *self = kernel_need(number);
  (void)flags;
  if (!self->socket) return fail(ENOTSOCK);
  if (kernel_interrupts()) return -1;
  return flow_read(self, bytes, max);
}

SYSTEM(ssize_t, send, (int number, const void *bytes, size_t count, int flags)) {
  node *self = kernel_need(number);
  if (!self->socket) return fail(ENOTSOCK);
  if (kernel_interrupts()) return -1;
  ssize_t sent = flow_write(self, bytes, count);
  if (sent >= 0 || errno != EPIPE) return sent;
  signals_pipe((flags & MSG_NOSIGNAL) != 0);
  return fail(EPIPE);
}

/* -- datagrams ----------------------------------------------------------------------- */

uint32_t datagram_state(const node *self) {
  const datagram_node *its = &self->as.datagram;
  return (its->count != 0 || its->error != 0 ? EPOLLIN : 0u) |
         (its->error != 0 ? EPOLLERR : 0u) |
         (its->flying < KERNEL_PACKETS ? EPOLLOUT : 0u);
}

void datagram_release(node *self) {
  forget(self);
  for (int i = 0; i < FLIGHTS; i++) {
    if (network.flights[i].from == self) network.flights[i].from = NULL;
  }
}

/* The sender has room again. */
static void land(flight *self) {
  node *from = (node *)(uintptr_t)self->from;
  self->used = false;
  if (from == NULL) return;
  from->as.datagram.flying--;
  if (from->as.datagram.full) epoll_wake(from, EPOLLOUT);
  from->as.datagram.full = false;
}

static void on_flight(void *context) {
  flight *self = context;
  node *to = bound_to(self->to, NODE_DATAGRAM);
  datagram_node *its = to != NULL ? &to->as.datagram : NULL;
  bool wanted = its != NULL && its->count < KERNEL_PACKETS &&
                (its->peer == 0 || its->peer == self->packet.from);
  if (!wanted || kernel_chance(kernel_weather.losses)) {
    kernel_counts.losses++;
  } else {
    its->queue[its->count++] = self->packet;
    epoll_wake(to, EPOLLIN);
  }
  land(self);
}

static flight *fresh_flight(void) {
  for (int i = 0; i < FLIGHTS; i++) {
    if (!network.flights[i].used) return &network.flights[i];
  }
  standin_fault("stand-in: too many datagrams");
}

SYSTEM(ssize_t, sendto,
       (int number, const void *bytes, size_t count, int flags,
        const struct sockaddr *address, socklen_t size)) {
  node *self = kernel_need(number);
  datagram_node *its = &self->as.datagram;
  (void)flags;
  (void)size;
  if (kernel_interrupts()) return -1;
  uint16_t to = address != NULL ? port_in(address) : its->peer;
  if (to == 0) return fail(EDESTADDRREQ);
  if (count > sizeof its->queue->bytes) return fail(EMSGSIZE);
  if (its->flying == KERNEL_PACKETS) {
    its->full = true;
    return fail(EAGAIN);
  }
  if (its->port == 0) {
    its->port = network.next_port++;
    remember(self);
  }
  flight *one = fresh_flight();
  *one = (flight){{.size = (uint32_t)count, .from = its->port}, self, to, true};
  memcpy(one->packet.bytes, bytes, count);
  its->flying++;
  kernel_after(kernel_delay(), on_flight, one);
  return (ssize_t)count;
}

SYSTEM(ssize_t, recvfrom,
       (int number, void *bytes, size_t max, int flags, struct sockaddr *address,
        socklen_t *size)) {
  node *self = kernel_need(number);
  datagram_node *its = &self->as.datagram;
  if (kernel_interrupts()) return -1;
  if (its->count == 0) return fail(EAGAIN);
  packet taken = its->queue[0];
  memmove(its->queue, its->queue + 1, --its->count * sizeof(packet));
  memcpy(bytes, taken.bytes, taken.size < max ? taken.size : max);
  put_address(address, size, taken.from);
  if ((flags & MSG_TRUNC) != 0) return (ssize_t)taken.size;
  return (ssize_t)(taken.size < max ? taken.size : max);
}
