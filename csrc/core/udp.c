/* udp: see udp.h. */
#include "udp.h"

#include <string.h>
#include <unistd.h>

struct xio_udp {
  xio_handle handle;
  xio_allocator alloc;
  xio_udp_stat stats;
  int family;   /* of its addresses; AF_UNSPEC: both */
  bool is_dual; /* an IPv6 socket that knows IPv4 addresses as mapped ones */
};

/* -- opening and closing ------------------------------------------------------------- */

static int open_socket(int family) {
  int number = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  return number >= 0 ? number : -errno;
}

static int set_int(int number, int level, int name, int value) {
  return setsockopt(number, level, name, &value, sizeof value) == 0 ? XIO_OK : -errno;
}

/* Opens the descriptor and returns its number. Which family it is for is settled here. */
static int open_number(xio_udp *udp, int family) {
  int number = open_socket(family == AF_UNSPEC ? AF_INET6 : family);
  if (number == -EAFNOSUPPORT && family == AF_UNSPEC) {
    family = AF_INET;
    number = open_socket(family);
  }
  if (number < 0) return number;
  udp->family = family;
  udp->is_dual = family == AF_UNSPEC;
  if (family == AF_INET) return number;
  int status = set_int(number, IPPROTO_IPV6, IPV6_V6ONLY, !udp->is_dual);
  if (status == XIO_OK) return number;
  close(number);
  return status;
}

int xio_udp_open(xio_udp **out, xio_loop *loop, int family) {
  xio_udp *udp = xio_alloc_new(&loop->alloc, sizeof *udp);
  if (udp == NULL) return XIO_ENOMEM;
  int number = open_number(udp, family);
  int status = number < 0 ? number : xio_handle_open(&udp->handle, loop, number);
  if (status != XIO_OK) {
    if (number >= 0) close(number);
    xio_alloc_free(&loop->alloc, udp, sizeof *udp);
    return status;
  }
  udp->alloc = loop->alloc;
  *out = udp;
  return XIO_OK;
}

void xio_udp_close(xio_udp *udp) {
  xio_handle_close(&udp->handle);
  xio_allocator alloc = udp->alloc;
  xio_alloc_free(&alloc, udp, sizeof *udp);
}

xio_loop *xio_udp_loop(const xio_udp *udp) {
  return udp->handle.loop;
}

int xio_udp_family(const xio_udp *udp) {
  return udp->family;
}

int xio_udp_number(const xio_udp *udp) {
  return udp->handle.number;
}

xio_udp_stat xio_udp_stats(const xio_udp *udp) {
  return udp->stats;
}

/* -- addresses ----------------------------------------------------------------------- */

/* Copies `address` as the socket has to be told it. */
static int to_own(const xio_udp *udp, xio_address *own, const xio_address *address) {
  int family = xio_address_family(address);
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  if (family != AF_INET && family != AF_INET6) return -EAFNOSUPPORT;
  if (!udp->is_dual && family != udp->family) return -EAFNOSUPPORT;
  *own = *address;
  if (udp->is_dual) xio_address_map(own);
  return XIO_OK;
}

int xio_udp_bind(xio_udp *udp, const xio_address *address) {
  xio_address own;
  int status = to_own(udp, &own, address);
  if (status != XIO_OK) return status;
  return bind(udp->handle.number, &own.as.any, own.size) == 0 ? XIO_OK : -errno;
}

int xio_udp_connect(xio_udp *udp, const xio_address *address) {
  xio_address own = {.as.any.sa_family = AF_UNSPEC, .size = sizeof own.as.any};
  int status = address != NULL            ? to_own(udp, &own, address)
               : udp->handle.loop == NULL ? XIO_ECLOSED
                                          : XIO_OK;
  if (status != XIO_OK) return status;
  return connect(udp->handle.number, &own.as.any, own.size) == 0 ? XIO_OK : -errno;
}

int xio_udp_name(const xio_udp *udp, xio_address *address) {
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  address->size = sizeof address->as;
  if (getsockname(udp->handle.number, &address->as.any, &address->size) != 0)
    return -errno;
  xio_address_unmap(address);
  return XIO_OK;
}

int xio_udp_peer(const xio_udp *udp, xio_address *address) {
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  address->size = sizeof address->as;
  if (getpeername(udp->handle.number, &address->as.any, &address->size) != 0)
    return -errno;
  xio_address_unmap(address);
  return XIO_OK;
}

/* -- options ------------------------------------------------------------------------- */

/* The same option has a name in each family; a socket for both has both. */
static int set_both(xio_udp *udp, int v4_name, int v6_name, int value) {
  int status = XIO_OK;
  if (udp->family != AF_INET) {
    status = set_int(udp->handle.number, IPPROTO_IPV6, v6_name, value);
  }
  if (status == XIO_OK && udp->family != AF_INET6) {
    status = set_int(udp->handle.number, IPPROTO_IP, v4_name, value);
  }
  return status;
}

int xio_udp_set(xio_udp *udp, xio_udp_option option, int value) {
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  switch (option) {
    case XIO_UDP_REUSE_ADDRESS:
      return set_int(udp->handle.number, SOL_SOCKET, SO_REUSEADDR, value);
    case XIO_UDP_REUSE_PORT:
      return set_int(udp->handle.number, SOL_SOCKET, SO_REUSEPORT, value);
    case XIO_UDP_BROADCAST:
      return set_int(udp->handle.number, SOL_SOCKET, SO_BROADCAST, value);
    case XIO_UDP_TTL: return set_both(udp, IP_TTL, IPV6_UNICAST_HOPS, value);
    case XIO_UDP_MULTICAST_TTL:
      return set_both(udp, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value);
    case XIO_UDP_MULTICAST_LOOP:
      return set_both(udp, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP, value);
    case XIO_UDP_RECEIVE_BUFFER:
      return set_int(udp->handle.number, SOL_SOCKET, SO_RCVBUF, value);
    case XIO_UDP_SEND_BUFFER:
      return set_int(udp->handle.number, SOL_SOCKET, SO_SNDBUF, value);
  }
  return XIO_EINVAL;
}

int xio_udp_set_interface(xio_udp *udp, uint32_t index) {
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  int status = XIO_OK;
  if (udp->family != AF_INET) {
    status = set_int(udp->handle.number, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
  }
  if (status != XIO_OK || udp->family == AF_INET6) return status;
  const struct ip_mreqn request = {.imr_ifindex = (int)index};
  int result = setsockopt(udp->handle.number, IPPROTO_IP, IP_MULTICAST_IF, &request,
                          sizeof request);
  return result == 0 ? XIO_OK : -errno;
}

/* Groups of IPv4 are joined as such, also by a socket for both families. */
static int change_membership(xio_udp *udp, const xio_address *group, uint32_t index,
                             int name) {
  xio_address checked;
  int status = to_own(udp, &checked, group);
  if (status != XIO_OK) return status;
  struct group_req request = {.gr_interface = index};
  memcpy(&request.gr_group, &group->as, group->size);
  int level = xio_address_family(group) == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
  int result = setsockopt(udp->handle.number, level, name, &request, sizeof request);
  return result == 0 ? XIO_OK : -errno;
}

int xio_udp_join(xio_udp *udp, const xio_address *group, uint32_t index) {
  return change_membership(udp, group, index, MCAST_JOIN_GROUP);
}

int xio_udp_leave(xio_udp *udp, const xio_address *group, uint32_t index) {
  return change_membership(udp, group, index, MCAST_LEAVE_GROUP);
}

/* -- datagrams ----------------------------------------------------------------------- */

int xio_udp_send(xio_udp *udp, const void *bytes, size_t count, const xio_address *to) {
  xio_address own = {0};
  int status = to != NULL                 ? to_own(udp, &own, to)
               : udp->handle.loop == NULL ? XIO_ECLOSED
                                          : XIO_OK;
  if (status != XIO_OK) return status;
  const struct sockaddr *address = to != NULL ? &own.as.any : NULL;
  ssize_t sent = 0;
  xio_handle_trying(&udp->handle, XIO_FD_WRITE);
  do {
    sent = sendto(udp->handle.number, bytes, count, MSG_NOSIGNAL, address, own.size);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  udp->stats.sent++;
  udp->stats.bytes_sent += (uint64_t)sent;
  return XIO_OK;
}

int64_t xio_udp_receive(xio_udp *udp, void *bytes, size_t max, xio_address *from,
                        size_t *whole) {
  if (udp->handle.loop == NULL) return XIO_ECLOSED;
  ssize_t size = 0;
  xio_handle_trying(&udp->handle, XIO_FD_READ);
  do {
    from->size = sizeof from->as;
    size =
        recvfrom(udp->handle.number, bytes, max, MSG_TRUNC, &from->as.any, &from->size);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return -errno;
  xio_address_unmap(from);
  *whole = (size_t)size;
  size_t count = *whole < max ? *whole : max;
  udp->stats.received++;
  udp->stats.bytes_received += count;
  return (int64_t)count;
}

static const xio_wait_ops wait_ops[] = {{.verb = "receive", .abort = xio_handle_abort},
                                        {.verb = "send", .abort = xio_handle_abort}};

int xio_udp_wait(xio_udp *udp, xio_fd_side side, xio_task *task, int64_t at) {
  return xio_handle_wait(&udp->handle, side, task, at, &wait_ops[side]);
}

bool xio_udp_waited(const xio_udp *udp, xio_fd_side side) {
  return udp->handle.waiting[side] != NULL;
}
