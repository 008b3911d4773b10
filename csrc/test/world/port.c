/* port: what functions in threads post to the loop, and what handlers of signals ring.
 *
 * Expected: each post is delivered, in the order of posting, or dropped by the loop's
 * end, once; a bell that was rung is heard; nobody posts to a loop that has ended. */
#include "world.h"

static void deliver(xio_post *post) {
  mail *self = XIO_CONTAINER_OF(post, mail, post);
  world *its = self->world;
  WORLD_EXPECT(its, self->posted && !self->over, "post: delivered twice");
  WORLD_EXPECT(its, self->number == its->mails_over, "post: out of order");
  self->over = true;
  its->mails_over++;
}

static void drop(xio_post *post) {
  mail *self = XIO_CONTAINER_OF(post, mail, post);
  WORLD_EXPECT(self->world, self->posted && !self->over, "post: dropped after its end");
  self->over = true;
  self->world->mails_over++;
}

static void on_ring(xio_bell *bell) {
  world *its = XIO_CONTAINER_OF(bell, world, bell);
  its->heard = its->rung;
}

void port_begin(world *self) {
  xio_port *port = NULL;
  if (xio_loop_port(self->tasks.loop, &port) != XIO_OK) return;
  xio_port_ref(port);
  self->port = port;
  xio_bell_hang(&self->bell, port, on_ring);
}

/* Called as if in another thread, also after the loop's end. */
void port_post(world *self) {
  if (self->port == NULL || self->mails == MAILS) return;
  mail *fresh = &self->mail[self->mails];
  fresh->world = self;
  fresh->number = self->mails;
  fresh->posted = true;
  fresh->post.deliver = deliver;
  fresh->post.drop = drop;
  int status = xio_port_post(self->port, &fresh->post);
  WORLD_EXPECT(self, status == XIO_OK || xio_port_closed(self->port),
               "post: refused by a loop that is open");
  if (status == XIO_OK) self->mails++;
}

/* Called as if in a handler of a signal. */
void port_ring(world *self) {
  if (self->port == NULL) return;
  self->rung++;
  xio_bell_ring(&self->bell);
}

void port_check(world *self, bool stalled) {
  if (self->port == NULL) return;
  WORLD_EXPECT(self, xio_port_valid(self->port), "port: not valid");
  WORLD_EXPECT(self, !stalled || self->mails == self->mails_over,
               "stall: something was posted and not delivered");
  WORLD_EXPECT(self, !stalled || self->heard == self->rung,
               "stall: a bell was rung and not heard");
}

void port_end(world *self) {
  if (self->port == NULL) return;
  WORLD_EXPECT(self, xio_port_closed(self->port), "port: open after its loop");
  WORLD_EXPECT(self, self->mails == self->mails_over,
               "post: neither delivered nor dropped");
  xio_port_unref(self->port);
  self->port = NULL;
}
