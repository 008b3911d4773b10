/* streams: pairs, pipes, connections, datagrams, and what epoll tells of them. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "script.h"

enum { WAIT_MS = 20, CHUNK = 4096 };

static void say_state(const char *what, int number) {
  struct pollfd one = {.fd = number, .events = POLLIN | POLLOUT | POLLRDHUP};
  (void)poll(&one, 1, 0);
  say(what, one.revents, 0);
}

static void say_read(int number, size_t max) {
  char bytes[64];
  say_result("read", read(number, bytes, max));
}

static void say_send(int number, size_t count) {
  static const char bytes[64];
  say_result("send", send(number, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT));
}

/* Writes until there is no room; how much is up to the system. */
static void fill(int number) {
  static const char bytes[CHUNK];
  ssize_t count = 0;
  do {
    count = send(number, bytes, sizeof bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (count > 0);
  say("full", count, errno);
}

static void drain(int number) {
  static char bytes[CHUNK];
  while (read(number, bytes, sizeof bytes) > 0) continue;
  say("empty", errno, 0);
}

static int pair(int ends[2]) {
  return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends);
}

static void a_pair(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  say_result("made", pair(ends));
  say_state("fresh", ends[0]);
  say_read(ends[0], 10);
  say_send(ends[0], 5);
  say_send(ends[0], 6);
  say_state("written", ends[1]);
  say_read(ends[1], 7);
  say_read(ends[1], 60);
  say_read(ends[1], 60);
  say_result("shut", shutdown(ends[0], SHUT_WR));
  say_send(ends[0], 1);
  say_state("other side ended", ends[1]);
  say_read(ends[1], 1);
  say_send(ends[1], 3);
  close(ends[1]);
  say_state("other side closed", ends[0]);
  say_read(ends[0], 9);
  say_read(ends[0], 9);
  close(ends[0]);
}

static void a_pair_that_breaks(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  say_result("made", pair(ends));
  say_send(ends[0], 5);
  close(ends[1]);
  say_state("closed with bytes unread", ends[0]);
  say_read(ends[0], 1);
  say_read(ends[0], 1);
  say_send(ends[0], 1);
  close(ends[0]);
}

static void a_full_pair(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  say_result("made", pair(ends));
  fill(ends[0]);
  say_state("full", ends[0]);
  drain(ends[1]);
  say_state("drained", ends[0]);
  close(ends[1]);
  say_send(ends[0], 1);
  close(ends[0]);
}

static bool take_pipe_signal(void) {
  sigset_t set;
  const struct timespec now = {0, 0};
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  return sigtimedwait(&set, NULL, &now) == SIGPIPE;
}

static void a_pipe(uv_loop_t *loop) {
  int ends[2];
  sigset_t set;
  (void)loop;
  sigemptyset(&set);
  sigaddset(&set, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  say_result("made", pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  say_state("reading end", ends[0]);
  say_state("writing end", ends[1]);
  say_read(ends[0], 10);
  say_result("write", write(ends[1], "abc", 3));
  say_state("written", ends[0]);
  say_read(ends[0], 10);
  close(ends[1]);
  say_state("ended", ends[0]);
  say_read(ends[0], 10);
  close(ends[0]);
  say_result("made", pipe2(ends, O_NONBLOCK | O_CLOEXEC));
  close(ends[0]);
  say_state("nobody reads", ends[1]);
  say_result("write", write(ends[1], "abc", 3));
  say("signal", take_pipe_signal(), take_pipe_signal());
  close(ends[1]);
}

/* -- epoll --------------------------------------------------------------------------- */

static int control(int set, int what, int number, uint32_t events) {
  struct epoll_event event = {.events = events, .data.u64 = (uint64_t)events << 8};
  return epoll_ctl(set, what, number, &event);
}

static void say_events(const char *what, int set) {
  struct epoll_event list[4];
  memset(list, 0, sizeof list);
  int count = epoll_wait(set, list, 4, 0);
  say(what, count, count > 0 ? (long)list[0].events : 0);
}

static void edges(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  int set = epoll_create1(EPOLL_CLOEXEC);
  say_result("made", pair(ends));
  say_result("add", control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLRDHUP | EPOLLET));
  say_result("again", control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN));
  say_events("nothing", set);
  say_send(ends[1], 3);
  say_send(ends[1], 3);
  say_state("the set", set);
  say_events("bytes", set);
  say_events("told once", set);
  say_read(ends[0], 2);
  say_events("some are left", set);
  say_send(ends[1], 1);
  say_events("more", set);
  say_result("change", control(set, EPOLL_CTL_MOD, ends[0],
                               EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET));
  say_events("told afresh", set);
  say_result("shut", shutdown(ends[1], SHUT_WR));
  say_events("the end", set);
  drain(ends[0]);
  close(ends[1]);
  say_events("closed", set);
  say_result("remove", control(set, EPOLL_CTL_DEL, ends[0], 0));
  say_result("again", control(set, EPOLL_CTL_DEL, ends[0], 0));
  close(ends[0]);
  say_result("closed", control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN));
  close(set);
}

static void room_is_an_edge(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  int set = epoll_create1(EPOLL_CLOEXEC);
  say_result("made", pair(ends));
  fill(ends[0]);
  say_result("add", control(set, EPOLL_CTL_ADD, ends[0], EPOLLOUT | EPOLLET));
  say_events("full", set);
  drain(ends[1]);
  say_events("drained", set);
  say_events("told once", set);
  close(ends[0]);
  say_events("gone with its descriptor", set);
  close(ends[1]);
  close(set);
}

static void shots(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  int set = epoll_create1(EPOLL_CLOEXEC);
  say_result("made", pair(ends));
  say_result("add", control(set, EPOLL_CTL_ADD, ends[0], EPOLLIN | EPOLLONESHOT));
  say_send(ends[1], 3);
  say_events("shot", set);
  say_events("and disarmed", set);
  close(ends[1]);
  say_events("also of the end", set);
  say_result("arm", control(set, EPOLL_CTL_MOD, ends[0], EPOLLIN | EPOLLONESHOT));
  say_events("the state", set);
  int copy = fcntl(ends[0], F_DUPFD_CLOEXEC, 20);
  say("copied", copy >= 20, 0);
  close(copy);
  close(ends[0]);
  close(set);
}

/* -- connections --------------------------------------------------------------------- */

static void local(struct sockaddr_in *address, unsigned port) {
  memset(address, 0, sizeof *address);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address->sin_port = htons((uint16_t)port);
}

static unsigned port_of(int number, bool peer) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  int status = peer ? getpeername(number, (struct sockaddr *)&address, &size)
                    : getsockname(number, (struct sockaddr *)&address, &size);
  return status == 0 ? ntohs(address.sin_port) : 0;
}

static int error_of(int number) {
  int error = 0;
  socklen_t size = sizeof error;
  (void)getsockopt(number, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

static int tcp(void) {
  return socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static int listening(void) {
  struct sockaddr_in address;
  int number = tcp();
  local(&address, 0);
  say_result("bind", bind(number, (struct sockaddr *)&address, sizeof address));
  say_result("listen", listen(number, 4));
  return number;
}

static int dial(int listener) {
  struct sockaddr_in address;
  int number = tcp();
  local(&address, port_of(listener, false));
  say_result("connect", connect(number, (struct sockaddr *)&address, sizeof address));
  return number;
}

/* Two connected ends. */
static void connect_both(uv_loop_t *loop, int ends[2]) {
  int listener = listening();
  say_state("nobody", listener);
  say_result("accept", accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
  ends[0] = dial(listener);
  pass(loop, WAIT_MS);
  say("error", error_of(ends[0]), 0);
  say_state("connected", ends[0]);
  say_state("somebody", listener);
  ends[1] = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  say("accepted", ends[1] >= 0, 0);
  say("names", port_of(ends[0], true) == port_of(listener, false),
      port_of(ends[0], false) == port_of(ends[1], true));
  close(listener);
}

static void a_connection(uv_loop_t *loop) {
  int ends[2];
  connect_both(loop, ends);
  say_read(ends[1], 4);
  say_send(ends[0], 10);
  pass(loop, WAIT_MS);
  say_state("written", ends[1]);
  say_read(ends[1], 4);
  say_read(ends[1], 40);
  say_result("shut", shutdown(ends[0], SHUT_WR));
  say_state("shut", ends[0]);
  pass(loop, WAIT_MS);
  say_state("other side ended", ends[1]);
  say_read(ends[1], 4);
  say_send(ends[1], 4);
  close(ends[1]);
  pass(loop, WAIT_MS);
  say_state("both ended", ends[0]);
  say_read(ends[0], 10);
  say_read(ends[0], 10);
  close(ends[0]);
  pass(loop, WAIT_MS);
}

static void a_connection_that_breaks(uv_loop_t *loop) {
  int ends[2];
  connect_both(loop, ends);
  say_send(ends[0], 10);
  say_send(ends[1], 3);
  pass(loop, WAIT_MS);
  close(ends[1]);
  pass(loop, WAIT_MS);
  say_state("closed with bytes unread", ends[0]);
  say_read(ends[0], 10);
  say_read(ends[0], 10);
  say_read(ends[0], 10);
  say_send(ends[0], 10);
  close(ends[0]);
  pass(loop, WAIT_MS);
}

static void sending_to_who_has_closed(uv_loop_t *loop) {
  int ends[2];
  connect_both(loop, ends);
  close(ends[1]);
  pass(loop, WAIT_MS);
  say_state("ended", ends[0]);
  say_send(ends[0], 10);
  pass(loop, WAIT_MS);
  say_state("broken", ends[0]);
  say_send(ends[0], 10);
  say_send(ends[0], 10);
  say_read(ends[0], 10);
  close(ends[0]);
}

static void a_full_connection(uv_loop_t *loop) {
  int ends[2];
  connect_both(loop, ends);
  int set = epoll_create1(EPOLL_CLOEXEC);
  say_result("add", control(set, EPOLL_CTL_ADD, ends[0], EPOLLOUT | EPOLLET));
  say_events("room", set);
  do {
    fill(ends[0]);
    pass(loop, WAIT_MS);
  } while (send(ends[0], "a", 1, MSG_NOSIGNAL) > 0);
  say_events("full", set);
  for (int i = 0; i < 10; i++) { /* what has arrived, and then what follows */
    char bytes[CHUNK];
    while (read(ends[1], bytes, sizeof bytes) > 0) continue;
    pass(loop, WAIT_MS / 4);
  }
  say_state("drained", ends[0]);
  say_events("room", set);
  close(set);
  close(ends[0]);
  close(ends[1]);
  pass(loop, WAIT_MS);
}

static void refused(uv_loop_t *loop) {
  int listener = listening();
  int fresh = tcp();
  say_state("a fresh socket", fresh);
  say_send(fresh, 1);
  close(fresh);
  fresh = tcp();
  struct sockaddr_in address;
  local(&address, port_of(listener, false));
  close(listener);
  say_result("connect", connect(fresh, (struct sockaddr *)&address, sizeof address));
  pass(loop, WAIT_MS);
  say_state("refused", fresh);
  say("error", error_of(fresh), error_of(fresh));
  close(fresh);
}

/* -- datagrams ----------------------------------------------------------------------- */

static void datagrams(uv_loop_t *loop) {
  struct sockaddr_in address;
  char bytes[8] = "1234567";
  int numbers[2];
  for (int i = 0; i < 2; i++) {
    numbers[i] = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    local(&address, 0);
    say_result("bind", bind(numbers[i], (struct sockaddr *)&address, sizeof address));
  }
  local(&address, port_of(numbers[1], false));
  say_state("fresh", numbers[0]);
  for (int i = 0; i < 2; i++) {
    say_result("send", sendto(numbers[0], bytes, (size_t)(7 - i * 7), MSG_NOSIGNAL,
                              (struct sockaddr *)&address, sizeof address));
  }
  pass(loop, WAIT_MS);
  say_state("there", numbers[1]);
  socklen_t size = sizeof address;
  for (int i = 0; i < 3; i++) {
    say_result("receive", recvfrom(numbers[1], bytes, 4, MSG_TRUNC,
                                   (struct sockaddr *)&address, &size));
  }
  say("from", ntohs(address.sin_port) == port_of(numbers[0], false), 0);
  say_result("to nobody", sendto(numbers[0], bytes, 1, MSG_NOSIGNAL, NULL, 0));
  close(numbers[0]);
  close(numbers[1]);
}

const script stream_scripts[] = {{"a pair", a_pair},
                                 {"a pair that breaks", a_pair_that_breaks},
                                 {"a full pair", a_full_pair},
                                 {"a pipe", a_pipe},
                                 {"edges", edges},
                                 {"room is an edge", room_is_an_edge},
                                 {"shots", shots},
                                 {"a connection", a_connection},
                                 {"a connection that breaks", a_connection_that_breaks},
                                 {"sending to who has closed", sending_to_who_has_closed},
                                 {"a full connection", a_full_connection},
                                 {"refused", refused},
                                 {"datagrams", datagrams},
                                 {NULL, NULL}};
