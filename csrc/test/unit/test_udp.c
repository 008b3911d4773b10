/* udp: datagrams between sockets of one loop, and what becomes of those who wait. */
#include <errno.h>
#include <string.h>

#include "../../core/udp.h"
#include "../support/unit.h"

enum { NOT_YET = 1 };

static ctask_world world;
static xio_udp *a, *b;
static xio_address a_at, b_at;

static xio_udp *open_at(const char *host, xio_address *at) {
  xio_udp *udp = NULL;
  assert_int_equal(xio_udp_open(&udp, world.loop, AF_INET), XIO_OK);
  assert_int_equal(xio_address_parse(at, host, strlen(host), 0), XIO_OK);
  assert_int_equal(xio_udp_bind(udp, at), XIO_OK);
  assert_int_equal(xio_udp_name(udp, at), XIO_OK);
  return udp;
}

static void begin(void) {
  world = (ctask_world){0};
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
  a = open_at("127.0.0.1", &a_at);
  b = open_at("127.0.0.1", &b_at);
}

static void end(void) {
  xio_udp_close(a);
  xio_udp_close(b);
  end_world(&world);
}

static void assert_receives(xio_udp *udp, const char *text, const xio_address *sender) {
  char bytes[64] = {0};
  xio_address from;
  size_t whole = 0;
  int64_t count = xio_udp_receive(udp, bytes, sizeof bytes - 1, &from, &whole);
  assert_int_equal(count, (int64_t)strlen(text));
  assert_int_equal(whole, strlen(text));
  assert_string_equal(bytes, text);
  assert_int_equal(xio_address_port(&from), xio_address_port(sender));
}

/* -- a task that receives once ------------------------------------------------------- */

typedef struct receiver {
  xio_task core;
  xio_udp *udp;
  int begun, status;
} receiver;

static void resume_receiver(xio_task *core) {
  receiver *self = XIO_CONTAINER_OF(core, receiver, core);
  if (self->begun == NOT_YET) {
    char byte = 0;
    xio_address from;
    size_t whole = 0;
    assert_int_equal(xio_udp_receive(self->udp, &byte, 1, &from, &whole), XIO_EAGAIN);
    self->begun = xio_udp_wait(self->udp, XIO_FD_READ, core, XIO_NEVER);
    if (self->begun == XIO_OK) return;
  } else {
    self->status = core->wait.status;
  }
  xio_group_child_ended(core, XIO_OUTCOME_DONE);
}

static void abandon_receiver(xio_task *core) {
  XIO_CONTAINER_OF(core, receiver, core)->status = XIO_ECANCELED;
}

static const xio_task_ops receiver_ops = {.resume = resume_receiver,
                                          .abandon = abandon_receiver};

static void turn(void) {
  xio_loop_poll(world.loop);
  step_world(&world);
}

static void start(receiver *self, xio_udp *udp) {
  *self = (receiver){.udp = udp, .begun = NOT_YET, .status = NOT_YET};
  xio_task_init(&self->core, &world.loop->queue, &receiver_ops);
  xio_group_spawn(&world.loop->root, &self->core, (xio_spawn_opts){0});
  turn();
  assert_int_not_equal(self->begun, NOT_YET);
}

/* -- tests --------------------------------------------------------------------------- */

static void datagrams_keep_their_bounds(void **state) {
  (void)state;
  begin();
  assert_int_equal(xio_udp_send(a, "one", 3, &b_at), XIO_OK);
  assert_int_equal(xio_udp_send(a, "", 0, &b_at), XIO_OK);
  assert_int_equal(xio_udp_send(a, "three", 5, &b_at), XIO_OK);
  assert_receives(b, "one", &a_at);
  assert_receives(b, "", &a_at);
  char bytes[2];
  xio_address from;
  size_t whole = 0;
  assert_int_equal(xio_udp_receive(b, bytes, sizeof bytes, &from, &whole), 2);
  assert_int_equal(whole, 5);
  assert_int_equal(xio_udp_receive(b, bytes, 2, &from, &whole), XIO_EAGAIN);
  xio_udp_stat sent = xio_udp_stats(a);
  xio_udp_stat received = xio_udp_stats(b);
  assert_int_equal(sent.sent, 3);
  assert_int_equal(sent.bytes_sent, 8);
  assert_int_equal(received.received, 3);
  assert_int_equal(received.bytes_received, 5);
  end();
}

static void connected_sockets_know_their_peer(void **state) {
  (void)state;
  begin();
  xio_address peer;
  assert_int_equal(xio_udp_peer(a, &peer), -ENOTCONN);
  assert_int_equal(xio_udp_connect(a, &b_at), XIO_OK);
  assert_int_equal(xio_udp_peer(a, &peer), XIO_OK);
  assert_int_equal(xio_address_port(&peer), xio_address_port(&b_at));
  assert_int_equal(xio_udp_send(a, "x", 1, NULL), XIO_OK);
  assert_receives(b, "x", &a_at);
  assert_int_equal(xio_udp_connect(a, NULL), XIO_OK);
  assert_int_equal(xio_udp_peer(a, &peer), -ENOTCONN);
  end();
}

static void families_are_kept_apart(void **state) {
  (void)state;
  begin();
  xio_address six;
  xio_address path;
  assert_int_equal(xio_address_parse(&six, "::1", 3, 9), XIO_OK);
  assert_int_equal(xio_address_unix(&path, "/x", 2), XIO_OK);
  assert_int_equal(xio_udp_send(a, "x", 1, &six), -EAFNOSUPPORT);
  assert_int_equal(xio_udp_send(a, "x", 1, &path), -EAFNOSUPPORT);
  assert_int_equal(xio_udp_connect(a, &six), -EAFNOSUPPORT);
  assert_int_equal(xio_udp_bind(a, &six), -EAFNOSUPPORT);
  assert_int_equal(xio_udp_join(a, &six, 0), -EAFNOSUPPORT);
  assert_int_equal(xio_udp_family(a), AF_INET);
  end();
}

static void a_socket_for_both_knows_ipv4_as_such(void **state) {
  (void)state;
  begin();
  xio_udp *both = NULL;
  xio_address any;
  assert_int_equal(xio_udp_open(&both, world.loop, AF_UNSPEC), XIO_OK);
  xio_address_any(&any, xio_udp_family(both) == AF_INET ? AF_INET : AF_INET6, 0);
  assert_int_equal(xio_udp_bind(both, &any), XIO_OK);
  assert_int_equal(xio_udp_send(both, "to four", 7, &b_at), XIO_OK);
  char bytes[8];
  xio_address from;
  size_t whole = 0;
  assert_int_equal(xio_udp_receive(b, bytes, sizeof bytes, &from, &whole), 7);
  assert_int_equal(xio_address_family(&from), AF_INET);
  assert_int_equal(xio_udp_send(b, "back", 4, &from), XIO_OK);
  assert_receives(both, "back", &b_at);
  xio_udp_close(both);
  end();
}

static void who_waits_is_woken_by_a_datagram_and_by_the_end(void **state) {
  (void)state;
  begin();
  receiver first;
  receiver second;
  start(&first, b);
  assert_true(xio_udp_waited(b, XIO_FD_READ));
  start(&second, b);
  assert_int_equal(second.begun, XIO_EBUSY);
  assert_int_equal(xio_udp_send(a, "x", 1, &b_at), XIO_OK);
  turn();
  assert_int_equal(first.status, XIO_OK);
  assert_receives(b, "x", &a_at);

  start(&first, b);
  xio_wait_abort(&first.core.wait);
  turn();
  assert_int_equal(first.status, XIO_ECANCELED);
  assert_int_equal(xio_udp_send(a, "y", 1, &b_at), XIO_OK);
  assert_receives(b, "y", &a_at); /* nothing was lost */

  start(&first, b);
  xio_udp_close(b);
  turn();
  assert_int_equal(first.status, XIO_ECLOSED);
  b = open_at("127.0.0.1", &b_at);
  end();
}

/* The loop closes what is open; the memory is its owner's, and goes last. */
static void the_end_of_the_loop_closes_sockets(void **state) {
  (void)state;
  begin();
  xio_loop_opts opts = {.alloc = xio_alloc_default()};
  xio_loop *loop = NULL;
  xio_udp *udp = NULL;
  xio_address address;
  assert_int_equal(xio_loop_open(&loop, &opts), XIO_OK);
  assert_int_equal(xio_udp_open(&udp, loop, AF_INET), XIO_OK);
  assert_ptr_equal(xio_udp_loop(udp), loop);
  xio_loop_close(loop);
  assert_null(xio_udp_loop(udp));
  assert_int_equal(xio_udp_number(udp), -1);
  assert_int_equal(xio_udp_name(udp, &address), XIO_ECLOSED);
  assert_int_equal(xio_udp_send(udp, "x", 1, &b_at), XIO_ECLOSED);
  assert_int_equal(xio_udp_bind(udp, &b_at), XIO_ECLOSED);
  assert_int_equal(xio_udp_connect(udp, NULL), XIO_ECLOSED);
  assert_int_equal(xio_udp_set(udp, XIO_UDP_TTL, 3), XIO_ECLOSED);
  assert_int_equal(xio_udp_join(udp, &b_at, 0), XIO_ECLOSED);
  assert_int_equal(xio_udp_leave(udp, &b_at, 0), XIO_ECLOSED);
  assert_int_equal(xio_udp_set_interface(udp, 0), XIO_ECLOSED);
  assert_int_equal(xio_udp_peer(udp, &address), XIO_ECLOSED);
  char byte = 0;
  size_t whole = 0;
  assert_int_equal(xio_udp_receive(udp, &byte, 1, &address, &whole), XIO_ECLOSED);
  assert_false(xio_udp_waited(udp, XIO_FD_READ));
  xio_udp_close(udp);
  end();
}

static void groups_of_the_other_family_are_refused(void **state) {
  (void)state;
  xio_udp *six = NULL;
  xio_address group;
  begin();
  if (xio_udp_open(&six, world.loop, AF_INET6) == XIO_OK) {
    assert_int_equal(xio_address_parse(&group, "ff02::fb", 8, 0), XIO_OK);
    assert_int_equal(xio_udp_join(a, &group, 0), -EAFNOSUPPORT);
    assert_int_equal(xio_udp_set_interface(six, 0), XIO_OK);
    assert_int_equal(xio_udp_set_interface(six, 999999), -ENODEV);
    xio_udp_close(six);
  }
  assert_int_equal(xio_udp_set_interface(a, 0), XIO_OK);
  assert_int_equal(xio_udp_set_interface(a, 999999), -EADDRNOTAVAIL);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(datagrams_keep_their_bounds),
      cmocka_unit_test(connected_sockets_know_their_peer),
      cmocka_unit_test(families_are_kept_apart),
      cmocka_unit_test(a_socket_for_both_knows_ipv4_as_such),
      cmocka_unit_test(who_waits_is_woken_by_a_datagram_and_by_the_end),
      cmocka_unit_test(the_end_of_the_loop_closes_sockets),
      cmocka_unit_test(groups_of_the_other_family_are_refused),
  };
  return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
