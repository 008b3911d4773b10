/* socket: see socket.h. */
#include "socket.h"

#include <netinet/tcp.h>
#include <unistd.h>

static int set(int number, int level, int option, int value) {
  return setsockopt(number, level, option, &value, sizeof value) == 0 ? XIO_OK : -errno;
}

static bool is_tcp(int number) {
  int protocol = 0;
  socklen_t size = sizeof protocol;
  return getsockopt(number, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
         protocol == IPPROTO_TCP;
}

int xio_socket_nodelay(int number, bool on) {
  return is_tcp(number) ? set(number, IPPROTO_TCP, TCP_NODELAY, on) : XIO_OK;
}

/* After `seconds`, and then ten times more, each a second later. */
int xio_socket_keepalive(int number, uint32_t seconds) {
  if (!is_tcp(number)) return XIO_OK;
  int status = set(number, SOL_SOCKET, SO_KEEPALIVE, seconds != 0);
  if (status != XIO_OK || seconds == 0) return status;
  int idle = seconds > INT16_MAX ? INT16_MAX : (int)seconds; /* Linux takes no more */
  status = set(number, IPPROTO_TCP, TCP_KEEPIDLE, idle);
  if (status == XIO_OK) status = set(number, IPPROTO_TCP, TCP_KEEPINTVL, 1);
  if (status == XIO_OK) status = set(number, IPPROTO_TCP, TCP_KEEPCNT, 10);
  return status;
}

int xio_socket_make(int family, int type, const xio_socket_opts *opts) {
  int number = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (number < 0) return -errno;
  int status = XIO_OK;
  bool is_stream = type == SOCK_STREAM && family != AF_UNIX;
  if (is_stream && opts->nodelay) status = set(number, IPPROTO_TCP, TCP_NODELAY, 1);
  if (status == XIO_OK && is_stream && opts->keepalive != 0) {
    status = xio_socket_keepalive(number, opts->keepalive);
  }
  if (status == XIO_OK && family != AF_UNIX && opts->reuseaddr) {
    status = set(number, SOL_SOCKET, SO_REUSEADDR, 1);
  }
  if (status == XIO_OK && opts->reuseport) {
    status = set(number, SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (status == XIO_OK && family == AF_INET6 && opts->v6only) {
    status = set(number, IPPROTO_IPV6, IPV6_V6ONLY, 1);
  }
  if (status == XIO_OK) return number;
  close(number);
  return status;
}

int xio_socket_pair(int numbers[2]) {
  int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return socketpair(AF_UNIX, type, 0, numbers) == 0 ? XIO_OK : -errno;
}

int xio_socket_name(int number, xio_address *out) {
  out->size = sizeof out->as;
  if (getsockname(number, &out->as.any, &out->size) == 0) return XIO_OK;
  out->size = 0;
  return -errno;
}

int xio_socket_peername(int number, xio_address *out) {
  out->size = sizeof out->as;
  if (getpeername(number, &out->as.any, &out->size) == 0) return XIO_OK;
  out->size = 0;
  return -errno;
}

int xio_socket_error(int number) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return -errno;
  return -error;
}
