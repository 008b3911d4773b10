/* listener: a socket that takes connections, at an address of the network or a name in
 * the file system.
 *
 * Connections wait in the kernel until a task accepts them, so that a cancelled accept
 * loses none. One task accepts at a time. A name in the file system that the listener
 * has made is removed when it is closed. Owner: who opened it. Loop's thread. */
#ifndef XIO_CORE_LISTENER_H
#define XIO_CORE_LISTENER_H

#include "stream.h"

typedef struct xio_listener {
  xio_handle handle;
  xio_allocator alloc;
  xio_address bound; /* the name to remove; of size 0: none */
} xio_listener;

typedef struct xio_listener_opts {
  xio_socket_opts socket; /* accepted connections have them too */
  int backlog;            /* how many connections may wait */
  int mode;               /* permissions of a name in the file system; negative: usual */
} xio_listener_opts;

/* Listens at `address`. XIO_ENOMEM, -EADDRINUSE or another status: nothing was made. */
int xio_listener_open(xio_listener **out, xio_loop *loop, const xio_address *address,
                      const xio_listener_opts *opts) XIO_WARN_UNUSED;

/* Takes a connection. XIO_EAGAIN: there is none. Another status (EMFILE, ENOMEM,
 * XIO_ECLOSED): if there was one, it still waits; where the system has no memory to watch
 * it (ENOMEM, ENOSPC of epoll_ctl), it is closed. Those that broke off are passed
 * over. */
int xio_listener_accept(xio_listener *listener, xio_stream **out) XIO_WARN_UNUSED;

/* Parks the running task until there may be a connection. As xio_handle_wait. */
int xio_listener_wait(xio_listener *listener, xio_task *task) XIO_WARN_UNUSED;

/* Closes it; returns whether it was open. Never fails. */
bool xio_listener_close(xio_listener *listener);

/* The owner lets go. */
void xio_listener_release(xio_listener *listener);

#endif
