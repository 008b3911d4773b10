/* listener: see listener.h. */
#include "listener.h"

#include <sys/stat.h>
#include <unistd.h>

static const char *path_of(const xio_address *address) {
  return address->as.local.sun_path;
}

/* Whether the address is a name in the file system. */
static bool has_file(const xio_address *address) {
  return xio_address_family(address) == AF_UNIX && path_of(address)[0] != 0;
}

static void remove_file(const xio_address *address) {
  if (address->size != 0) unlink(path_of(address));
}

/* A socket that listens, or a status. */
static int make_socket(const xio_address *address, const xio_listener_opts *opts) {
  int number = xio_socket_make(xio_address_family(address), SOCK_STREAM, &opts->socket);
  if (number < 0) return number;
  bool bound = bind(number, &address->as.any, address->size) == 0;
  int status = bound ? XIO_OK : -errno;
  bool in_files = bound && has_file(address);
  if (in_files && opts->mode >= 0 && chmod(path_of(address), (mode_t)opts->mode) != 0) {
    status = -errno;
  }
  if (status == XIO_OK && listen(number, opts->backlog) != 0) status = -errno;
  if (status == XIO_OK) return number;
  if (in_files) remove_file(address);
  close(number);
  return status;
}

/* The loop ends. */
static void close_object(xio_loop_object *object) {
  xio_listener_close(XIO_CONTAINER_OF(object, xio_listener, handle.object));
}

int xio_listener_open(xio_listener **out, xio_loop *loop, const xio_address *address,
                      const xio_listener_opts *opts) {
  xio_listener *listener = xio_alloc_new(&loop->alloc, sizeof *listener);
  if (listener == NULL) return XIO_ENOMEM;
  int status = make_socket(address, opts);
  if (status < 0) goto free_listener;
  int number = status;
  status = xio_handle_open(&listener->handle, loop, number);
  if (status != XIO_OK) goto close_number;
  listener->alloc = loop->alloc;
  listener->handle.object.close = close_object;
  if (has_file(address)) listener->bound = *address;
  *out = listener;
  return XIO_OK;

close_number:
  if (has_file(address)) remove_file(address);
  close(number);
free_listener:
  xio_alloc_free(&loop->alloc, listener, sizeof *listener);
  return status;
}

/* Whether the error is that of a connection that broke off before it was taken. */
static bool is_of_connection(int error) {
  switch (error) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
  }
}

int xio_listener_accept(xio_listener *listener, xio_stream **out) {
  if (listener->handle.number < 0) return XIO_ECLOSED;
  xio_loop *loop = listener->handle.loop;
  xio_stream *stream = xio_alloc_new(&loop->alloc, sizeof *stream);
  if (stream == NULL) return XIO_ENOMEM;
  int status = XIO_OK;
  int number = -1;
  xio_handle_trying(&listener->handle, XIO_FD_READ);
  do {
    number = accept4(listener->handle.number, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  } while (number < 0 && is_of_connection(errno));
  if (number < 0) {
    status = errno == EWOULDBLOCK ? XIO_EAGAIN : -errno;
    goto free_stream;
  }
  status = xio_stream_open_socket(stream, loop, number);
  if (status != XIO_OK) goto close_number;
  *out = stream;
  return XIO_OK;

close_number: /* the connection is lost: nothing can give it back to the kernel */
  close(number);
free_stream:
  xio_alloc_free(&loop->alloc, stream, sizeof *stream);
  return status;
}

static const xio_wait_ops wait_ops = {.verb = "accept", .abort = xio_handle_abort};

int xio_listener_wait(xio_listener *listener, xio_task *task) {
  return xio_handle_wait(&listener->handle, XIO_FD_READ, task, XIO_NEVER, &wait_ops);
}

bool xio_listener_close(xio_listener *listener) {
  if (listener->handle.number < 0) return false;
  remove_file(&listener->bound);
  listener->bound.size = 0;
  return xio_handle_close(&listener->handle);
}

void xio_listener_release(xio_listener *listener) {
  xio_listener_close(listener);
  xio_allocator alloc = listener->alloc;
  xio_alloc_free(&alloc, listener, sizeof *listener);
}
