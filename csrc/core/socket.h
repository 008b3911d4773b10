/* socket: making sockets, their names and options.
 *
 * Functions on numbers of descriptors that the caller owns. What is made does not block
 * and is not inherited by child processes. Any thread. Not here: waiting (handle.c). */
#ifndef XIO_CORE_SOCKET_H
#define XIO_CORE_SOCKET_H

#include "address.h"

#include "../base/status.h"

typedef struct xio_socket_opts {
  bool nodelay;       /* TCP: small pieces go out at once */
  bool reuseaddr;     /* the port may still have connections that are ending */
  bool reuseport;     /* others may listen at the same address */
  bool v6only;        /* IPv6: no IPv4 */
  uint32_t keepalive; /* TCP: seconds without a sign of life before the peer is asked for
                         one; 0: it never is */
} xio_socket_opts;

/* A socket of that family and type (SOCK_STREAM, SOCK_DGRAM) with these options, where
 * they apply: its number, or a status. */
int xio_socket_make(int family, int type, const xio_socket_opts *opts) XIO_WARN_UNUSED;

/* Two stream sockets that are connected to each other. A status: none was made. */
int xio_socket_pair(int numbers[2]) XIO_WARN_UNUSED;

/* Sets an option of a TCP socket; nothing happens on one of another family. */
int xio_socket_nodelay(int number, bool on) XIO_WARN_UNUSED;
int xio_socket_keepalive(int number, uint32_t seconds) XIO_WARN_UNUSED;

/* The socket's own address, or its peer's. What is no socket is -ENOTSOCK. */
int xio_socket_name(int number, xio_address *out) XIO_WARN_UNUSED;
int xio_socket_peername(int number, xio_address *out) XIO_WARN_UNUSED;

/* Takes the error that the socket has met on its own, as a status. */
int xio_socket_error(int number) XIO_WARN_UNUSED;

#endif
