/* client.c: starts a server, loads it, and prints how fast it was.
 *
 *   client ROLE CONNECTIONS SIZE SECONDS COMMAND...
 *
 * COMMAND is run as `COMMAND...`; it listens on 127.0.0.1, prints "port NUMBER", and does
 * with each connection what ROLE says. The client does its counterpart:
 *
 *   serve-echo     sends back what it gets; the client sends SIZE bytes on every
 *                  connection, and the next when all of them are back
 *   serve-send     sends without end; the client reads
 *   serve-receive  reads; the client sends without end
 *
 * Prints "rate" (round trips per millisecond, or MB per second) and "cpu", microseconds of
 * the server's CPU time per round trip or per 64 KB. A server that ends before it listens
 * hands its exit code on, 77 for a role that it does not know. One thread, one epoll set;
 * which cores client and server run on is for the caller to say. */
#include "limit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  EVENTS_MAX = 256,
  BULK = 64 * 1024,
  BUFFER = 256 * 1024,
  SYNC_EVERY = 50,  /* connections after which the server is waited for */
  STALL_MS = 20000, /* without any sign of the server */
  WARM_UP_NS = 100 * 1000 * 1000
};

typedef enum { ECHO, SEND, RECEIVE } server_role;

typedef struct {
  int number;
  size_t missing; /* bytes of the message that are not back yet */
} connection;

typedef struct {
  server_role role;
  size_t size;
  int epoll;
  int64_t done; /* round trips, or bytes */
  connection *connections;
  char buffer[BUFFER];
} client;

static pid_t server_pid;

/* Ends the server and the client. */
static _Noreturn void give_up(const char *message) {
  if (server_pid > 0) kill(server_pid, SIGKILL);
  limit_fail(message);
}

/* -- the server ---------------------------------------------------------------------- */

/* Starts the server; returns the port it listens on. */
static uint16_t start_server(char **command) {
  int ends[2];
  unsigned port = 0;
  if (pipe(ends) != 0) limit_fail("no pipe");
  server_pid = fork();
  if (server_pid < 0) limit_fail("cannot fork");
  if (server_pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* it has no other reason to end */
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    execvp(command[0], command);
    _exit(127);
  }
  close(ends[1]);
  FILE *output = fdopen(ends[0], "r");
  if (output == NULL) give_up("no pipe");
  if (fscanf(output, "port %u", &port) != 1 || port > UINT16_MAX) {
    int status = 0;
    waitpid(server_pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) exit(WEXITSTATUS(status));
    limit_fail("the server does not listen");
  }
  return (uint16_t)port; /* the pipe stays open, so that it may go on printing */
}

/* Seconds of CPU time that the server has used. */
static double server_cpu(void) {
  clockid_t id;
  struct timespec t;
  if (clock_getcpuclockid(server_pid, &id) != 0 || clock_gettime(id, &t) != 0) {
    give_up("the server has ended");
  }
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* -- connections --------------------------------------------------------------------- */

static void send_message(client *self, connection *to) {
  ssize_t sent = send(to->number, self->buffer, self->size, MSG_NOSIGNAL);
  if (sent != (ssize_t)self->size) give_up("cannot send a message");
  to->missing = self->size;
}

/* Reads what there is. Returns how many bytes, 0 where there are none. */
static size_t read_some(client *self, connection *from, int flags) {
  ssize_t count = recv(from->number, self->buffer, sizeof self->buffer, flags);
  if (count > 0) return (size_t)count;
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return 0;
  give_up(count == 0 ? "the server has closed a connection" : "cannot read");
}

/* A round trip, waiting for it: the server has taken this and earlier connections. */
static void sync_with(client *self, connection *with) {
  send_message(self, with);
  for (size_t missing = self->size; missing > 0;) {
    size_t count = read_some(self, with, 0);
    if (count > missing) give_up("more came back than was sent");
    missing -= count;
  }
}

static void connect_one(client *self, connection *to, uint16_t port) {
  const struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons(port),
                                      .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int on = 1;
  to->number = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (to->number < 0) give_up("no socket");
  setsockopt(to->number, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (connect(to->number, (const struct sockaddr *)&address, sizeof address) != 0) {
    give_up("cannot connect");
  }
  struct epoll_event event = {.events = self->role == RECEIVE ? EPOLLOUT : EPOLLIN,
                              .data.ptr = to};
  if (epoll_ctl(self->epoll, EPOLL_CTL_ADD, to->number, &event) != 0) give_up("no epoll");
}

static void connect_all(client *self, int count, uint16_t port) {
  self->connections = calloc((size_t)count, sizeof *self->connections);
  self->epoll = epoll_create1(EPOLL_CLOEXEC);
  if (self->connections == NULL || self->epoll < 0) give_up("not enough memory");
  for (int i = 0; i < count; i++) {
    connect_one(self, &self->connections[i], port);
    bool last = i % SYNC_EVERY == SYNC_EVERY - 1 || i == count - 1;
    if (self->role == ECHO && last) sync_with(self, &self->connections[i]);
  }
  if (self->role != ECHO) return;
  for (int i = 0; i < count; i++) send_message(self, &self->connections[i]);
}

/* -- measuring ----------------------------------------------------------------------- */

static void serve_event(client *self, connection *on) {
  if (self->role == RECEIVE) {
    ssize_t sent = send(on->number, self->buffer, BULK, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) give_up("cannot send");
    if (sent > 0) self->done += sent;
    return;
  }
  size_t count = read_some(self, on, MSG_DONTWAIT);
  if (self->role == SEND) {
    self->done += (int64_t)count;
    return;
  }
  if (count > on->missing) give_up("more came back than was sent");
  on->missing -= count;
  if (on->missing != 0) return;
  self->done++;
  send_message(self, on);
}

/* Runs until the time has come; returns the time it is then. */
static int64_t run_until(client *self, int64_t end) {
  struct epoll_event events[EVENTS_MAX];
  for (;;) {
    int count = epoll_wait(self->epoll, events, EVENTS_MAX, STALL_MS);
    if (count == 0) give_up("the server has stalled");
    if (count < 0 && errno != EINTR) give_up("epoll_wait");
    for (int i = 0; i < count; i++) serve_event(self, events[i].data.ptr);
    int64_t now = limit_now();
    if (now >= end) return now;
  }
}

static void measure(client *self, double seconds) {
  int64_t wanted = (int64_t)(seconds * 1e9);
  int64_t start = run_until(self, limit_now() + WARM_UP_NS + wanted / 5);
  double cpu = server_cpu();
  self->done = 0;
  int64_t end = run_until(self, start + wanted);
  double done = (double)self->done;
  cpu = server_cpu() - cpu;
  double per_second = done * 1e9 / (double)(end - start);
  bool echoes = self->role == ECHO;
  printf("rate %.4f\n", per_second / (echoes ? 1e3 : 1e6));
  printf("cpu %.4f\n", cpu * 1e6 / (echoes ? done : done / BULK));
}

static server_role role_of(const char *name) {
  if (strcmp(name, "serve-echo") == 0) return ECHO;
  if (strcmp(name, "serve-send") == 0) return SEND;
  if (strcmp(name, "serve-receive") == 0) return RECEIVE;
  limit_fail("no such role");
}

int main(int argc, char **argv) {
  static client self;
  struct rlimit files;
  if (argc < 6) limit_fail("usage: client ROLE CONNECTIONS SIZE SECONDS COMMAND...");
  self.role = role_of(argv[1]);
  int connections = atoi(argv[2]);
  self.size = strtoul(argv[3], NULL, 10);
  if (connections < 1 || self.size < 1 || self.size > BULK) limit_fail("bad argument");
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* for the server too */
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  uint16_t port = start_server(argv + 5);
  connect_all(&self, connections, port);
  measure(&self, strtod(argv[4], NULL));
  kill(server_pid, SIGKILL);
  waitpid(server_pid, NULL, 0);
  return 0;
}
