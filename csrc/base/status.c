/* status: names of the core's own result codes. */
#include "status.h"

#include <stddef.h>

const char *xio_status_name(int status) {
  switch (status) {
    case XIO_OK: return "OK";
    case XIO_ECANCELED: return "ECANCELED";
    case XIO_ETIMEDOUT: return "ETIMEDOUT";
    case XIO_ENOMEM: return "ENOMEM";
    case XIO_EINVAL: return "EINVAL";
    case XIO_EBUSY: return "EBUSY";
    case XIO_EAGAIN: return "EAGAIN";
    case XIO_EDEADLK: return "EDEADLK";
    case XIO_EEXIST: return "EEXIST";
    case XIO_EINTR: return "EINTR";
    case XIO_EBADF: return "EBADF";
    case XIO_EOWNERDEAD: return "EOWNERDEAD";
    case XIO_EOF: return "EOF";
    case XIO_ECLOSED: return "ECLOSED";
    case XIO_EMISNEST: return "EMISNEST";
    default: return NULL;
  }
}
