/* port: a loop's only door for other threads.
 *
 * Another thread that has something for a loop posts it here: a record of its own, which
 * it embeds in what it is about. The posts of all threads stand in one queue, in order of
 * posting; the loop's thread takes the whole queue at once and delivers it. A thread
 * wakes the loop only where it finds the queue empty, so that a burst costs one wake-up.
 * A bell is for those who may not even take a mutex, signal handlers: a flag that is set,
 * and seen by the loop's thread.
 *
 * The loop does not stay alive for its port. Who waits in a task for what another thread
 * will post counts that in `loop->working` from its parking until it is delivered: then
 * no deadlock is seen, and no virtual time jumps.
 *
 * Owner: counted references, one of which is the loop's. The loop's end closes the port:
 * what was posted and not delivered is dropped, and nothing is taken any more. A post is
 * its poster's memory until it is delivered or dropped, in which step it may be freed or
 * posted again. Invariant (xio_port_valid): posts are queued only while the port is open,
 * and then the loop was woken for them. All memory is of the C library's heap, since any
 * thread may free it. */
#ifndef XIO_CORE_PORT_H
#define XIO_CORE_PORT_H

#include <stdatomic.h>

#include "loop.h"

typedef struct xio_port xio_port;

typedef struct xio_post xio_post;
struct xio_post {
  xio_list link;

  /* On the loop's thread, between two tasks: may complete waits and cancel scopes; not
   * resume, and not close the loop. */
  void (*deliver)(xio_post *post);

  /* The loop has ended first; called on its thread, when no task lives any more. */
  void (*drop)(xio_post *post);
};

typedef struct xio_bell xio_bell;
struct xio_bell {
  xio_list link; /* in the port's list while it hangs there */
  xio_port *port;
  atomic_bool rung;
  void (*on_ring)(xio_bell *bell); /* as a post's `deliver` */
};

/* The port of `loop`, made when first asked for; the loop holds it as long as it is open.
 * XIO_ENOMEM or a status of libuv: there is none. Loop's thread. */
int xio_loop_port(xio_loop *loop, xio_port **out) XIO_WARN_UNUSED;

/* One more reference, or one less. Any thread. */
void xio_port_ref(xio_port *port);
void xio_port_unref(xio_port *port);

/* Hands `post`, whose functions are set, to the loop. XIO_ECLOSED: the loop has ended,
 * and nothing has happened. Any thread; never waits for the loop. The caller holds a
 * reference. */
int xio_port_post(xio_port *port, xio_post *post) XIO_WARN_UNUSED;

/* Takes back what was posted, if it was neither delivered nor dropped yet; returns
 * whether it was so. Loop's thread, which is where both happen. */
bool xio_port_withdraw(xio_port *port, xio_post *post);

/* Whether the loop has ended. Any thread; when it is false it may end meanwhile. */
bool xio_port_closed(const xio_port *port);

/* Hangs up a bell, which holds a reference until it is taken down. Loop's thread. */
void xio_bell_hang(xio_bell *bell, xio_port *port, void (*on_ring)(xio_bell *bell));

/* Takes it down: it will not be heard any more. Harmless on one that does not hang. The
 * caller makes sure that nobody rings it from here on. Loop's thread. */
void xio_bell_take(xio_bell *bell);

/* Has `on_ring` called on the loop's thread, once for all rings until then; nothing where
 * the loop has ended. Any thread, and any signal handler. */
void xio_bell_ring(xio_bell *bell);

/* The invariant above. Loop's thread. */
bool xio_port_valid(xio_port *port);

#endif
