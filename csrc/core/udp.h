/* udp: sockets for datagrams.
 *
 * A socket of ours without libuv's queues: a datagram is sent or received by one call of
 * the system, in the task that asks for it, and a task waits only for the socket to be
 * ready (handle.h). So a datagram is sent or not, never in between; what arrives waits in
 * the system's buffer, which is bounded and drops what it has no room for; and no
 * operation allocates.
 *
 * A socket is for IPv4, for IPv6, or for both; addresses of IPv4 are told as such. One
 * task may wait to receive and one to send at a time. Owner: who called xio_udp_open;
 * heap memory. The loop closes what is open when it closes; the memory stays the
 * owner's. Loop's thread only. */
#ifndef XIO_CORE_UDP_H
#define XIO_CORE_UDP_H

#include "address.h"
#include "handle.h"

typedef struct xio_udp xio_udp;

/* What can be set, each with an int. */
typedef enum xio_udp_option {
  XIO_UDP_REUSE_ADDRESS, /* before binding: 1 lets others bind it too (multicast) */
  XIO_UDP_REUSE_PORT,    /* before binding: 1 shares what arrives with others */
  XIO_UDP_BROADCAST,
  XIO_UDP_TTL,            /* hops, 1 to 255 */
  XIO_UDP_MULTICAST_TTL,  /* hops, 0 to 255 */
  XIO_UDP_MULTICAST_LOOP, /* 0: what is sent is not received on this machine */
  XIO_UDP_RECEIVE_BUFFER, /* bytes */
  XIO_UDP_SEND_BUFFER
} xio_udp_option;

typedef struct xio_udp_stat {
  uint64_t received, sent;             /* datagrams */
  uint64_t bytes_received, bytes_sent; /* of what was handed over */
} xio_udp_stat;

/* Opens a socket for AF_INET or AF_INET6 only; or, with AF_UNSPEC, for both where the
 * system has IPv6, otherwise for IPv4. XIO_ENOMEM or a status of the system: nothing was
 * made. */
int xio_udp_open(xio_udp **out, xio_loop *loop, int family) XIO_WARN_UNUSED;

/* Closes it, wakes who waits with XIO_ECLOSED, and frees it. Never fails. */
void xio_udp_close(xio_udp *udp);

/* The loop that it was opened in; NULL once that was closed. */
xio_loop *xio_udp_loop(const xio_udp *udp);

/* AF_INET, AF_INET6, or AF_UNSPEC for both. */
int xio_udp_family(const xio_udp *udp);

/* The descriptor, which stays the socket's; -1 once the loop has closed. */
int xio_udp_number(const xio_udp *udp);

/* These take effect at once, and return XIO_OK or a status of the system. An address of
 * the wrong family is -EAFNOSUPPORT. */
int xio_udp_set(xio_udp *udp, xio_udp_option option, int value) XIO_WARN_UNUSED;
int xio_udp_bind(xio_udp *udp, const xio_address *address) XIO_WARN_UNUSED;

/* From then on datagrams go to and come from `address` only; NULL: no more. */
int xio_udp_connect(xio_udp *udp, const xio_address *address) XIO_WARN_UNUSED;

/* Receives what is sent to the multicast address `group` too, through the interface with
 * that index (0: the system chooses); or no more. */
int xio_udp_join(xio_udp *udp, const xio_address *group, uint32_t index) XIO_WARN_UNUSED;
int xio_udp_leave(xio_udp *udp, const xio_address *group, uint32_t index) XIO_WARN_UNUSED;

/* Multicast goes out through the interface with that index. */
int xio_udp_set_interface(xio_udp *udp, uint32_t index) XIO_WARN_UNUSED;

/* Where the socket is, and where it is connected to; -ENOTCONN where it is not. */
int xio_udp_name(const xio_udp *udp, xio_address *address) XIO_WARN_UNUSED;
int xio_udp_peer(const xio_udp *udp, xio_address *address) XIO_WARN_UNUSED;

/* Sends one datagram, which may be empty, to `to`, or (NULL) to whom the socket is
 * connected to. XIO_OK; XIO_EAGAIN: there is no room now, nothing was sent; or a status
 * of the system. */
int xio_udp_send(xio_udp *udp, const void *bytes, size_t count,
                 const xio_address *to) XIO_WARN_UNUSED;

/* Receives one datagram: at most `max` bytes of it, the rest is lost. Sets `*whole` to
 * its size and `from` to who sent it. Returns how many bytes, XIO_EAGAIN, or a status of
 * the system, such as one that an earlier datagram met. */
int64_t xio_udp_receive(xio_udp *udp, void *bytes, size_t max, xio_address *from,
                        size_t *whole) XIO_WARN_UNUSED;

/* Parks the running task until something can be received, or sent. As xio_handle_wait:
 * XIO_EAGAIN means that it can be tried again at once, XIO_EBUSY that another task waits
 * for that already. */
int xio_udp_wait(xio_udp *udp, xio_fd_side side, xio_task *task,
                 int64_t at) XIO_WARN_UNUSED;

/* Whether a task waits for that side. */
bool xio_udp_waited(const xio_udp *udp, xio_fd_side side);

xio_udp_stat xio_udp_stats(const xio_udp *udp);

#endif
