/* server.c: what a server on libuv in C costs at least.
 *
 *   server ROLE
 *
 * ROLE: serve-echo sends back what comes; serve-send sends 64 KB again and again;
 * serve-receive only reads. Prints "port NUMBER" and serves until it is killed. One buffer
 * for all that is read; writes by uv_try_write, and what finds no room by uv_write, from a
 * copy. One thread. */
#include "limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

enum {
  BULK = 64 * 1024,
  BACKLOG = 1024,
  WRITES_AT_ONCE = 16, /* of a connection that always has room, then the others */
  NO_SUCH_ROLE = 77
};

typedef struct {
  uv_tcp_t tcp;
  uv_idle_t idle; /* serve-send: goes on after WRITES_AT_ONCE */
  uv_write_t write;
  int open; /* handles */
} connection;

typedef struct {
  uv_write_t request;
  char bytes[]; /* what found no room */
} rest;

static char buffer[BULK];
static bool echoes, sends;

static void on_closed(uv_handle_t *handle) {
  connection *self = handle->data;
  if (--self->open == 0) free(self);
}

static void end(connection *self) {
  if (uv_is_closing((uv_handle_t *)&self->tcp)) return;
  uv_close((uv_handle_t *)&self->tcp, on_closed);
  uv_close((uv_handle_t *)&self->idle, on_closed);
}

/* -- serve-echo, serve-receive ------------------------------------------------------- */

static void on_rest_written(uv_write_t *request, int status) {
  if (status != 0) end((connection *)request->handle->data);
  free(request->data);
}

static void write_back(connection *self, const char *bytes, size_t count) {
  uv_buf_t piece = uv_buf_init((char *)bytes, (unsigned)count);
  int written = uv_try_write((uv_stream_t *)&self->tcp, &piece, 1);
  if (written == (int)count) return;
  if (written < 0 && written != UV_EAGAIN) {
    end(self);
    return;
  }
  size_t done = written > 0 ? (size_t)written : 0;
  rest *left = malloc(sizeof *left + count - done);
  if (left == NULL) limit_fail("not enough memory");
  memcpy(left->bytes, bytes + done, count - done);
  left->request.data = left;
  piece = uv_buf_init(left->bytes, (unsigned)(count - done));
  if (uv_write(&left->request, (uv_stream_t *)&self->tcp, &piece, 1, on_rest_written) !=
      0) {
    limit_fail("uv_write");
  }
}

static void give_buffer(uv_handle_t *handle, size_t wanted, uv_buf_t *out) {
  (void)handle;
  (void)wanted;
  *out = uv_buf_init(buffer, sizeof buffer);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *bytes) {
  connection *self = stream->data;
  if (count < 0) {
    end(self);
  } else if (count > 0 && echoes) {
    write_back(self, bytes->base, (size_t)count);
  }
}

/* -- serve-send ---------------------------------------------------------------------- */

static void send_more(connection *self);

static void on_idle(uv_idle_t *idle) {
  uv_idle_stop(idle);
  send_more(idle->data);
}

static void on_written(uv_write_t *request, int status) {
  connection *self = request->handle->data;
  if (status != 0) {
    end(self);
  } else {
    send_more(self);
  }
}

static void send_more(connection *self) {
  for (int i = 0; i < WRITES_AT_ONCE; i++) {
    uv_buf_t piece = uv_buf_init(buffer, sizeof buffer);
    int written = uv_try_write((uv_stream_t *)&self->tcp, &piece, 1);
    if (written == (int)sizeof buffer) continue;
    if (written < 0 && written != UV_EAGAIN) {
      end(self);
      return;
    }
    unsigned done = written > 0 ? (unsigned)written : 0;
    piece = uv_buf_init(buffer + done, (unsigned)sizeof buffer - done);
    if (uv_write(&self->write, (uv_stream_t *)&self->tcp, &piece, 1, on_written) != 0) {
      end(self);
    }
    return;
  }
  uv_idle_start(&self->idle, on_idle);
}

/* -- both ---------------------------------------------------------------------------- */

static void on_connection(uv_stream_t *listener, int status) {
  if (status != 0) limit_fail("cannot listen");
  connection *self = malloc(sizeof *self);
  if (self == NULL) limit_fail("not enough memory");
  uv_tcp_init(listener->loop, &self->tcp);
  uv_idle_init(listener->loop, &self->idle);
  self->tcp.data = self->idle.data = self;
  self->open = 2;
  if (uv_accept(listener, (uv_stream_t *)&self->tcp) != 0) limit_fail("cannot accept");
  uv_tcp_nodelay(&self->tcp, 1);
  if (sends) {
    send_more(self);
  } else {
    uv_read_start((uv_stream_t *)&self->tcp, give_buffer, on_read);
  }
}

int main(int argc, char **argv) {
  const char *role = argc > 1 ? argv[1] : "";
  echoes = strcmp(role, "serve-echo") == 0;
  sends = strcmp(role, "serve-send") == 0;
  if (!echoes && !sends && strcmp(role, "serve-receive") != 0) return NO_SUCH_ROLE;
  uv_loop_t *loop = uv_default_loop();
  uv_tcp_t listener;
  struct sockaddr_in address;
  int length = sizeof address;
  uv_tcp_init(loop, &listener);
  uv_ip4_addr("127.0.0.1", 0, &address);
  if (uv_tcp_bind(&listener, (struct sockaddr *)&address, 0) != 0 ||
      uv_listen((uv_stream_t *)&listener, BACKLOG, on_connection) != 0 ||
      uv_tcp_getsockname(&listener, (struct sockaddr *)&address, &length) != 0) {
    limit_fail("cannot listen");
  }
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return uv_run(loop, UV_RUN_DEFAULT);
}
