/* status: the result codes of the core. 0 is success, every failure is negative. Where
 * libuv has a code of the same meaning the number is the same (on Unix: -errno), so that
 * a status of libuv can be passed on as it is. */
#ifndef XIO_STATUS_H
#define XIO_STATUS_H

#include <errno.h>

enum {
  XIO_OK = 0,
  XIO_ECANCELED = -ECANCELED, /* the wait was withdrawn: cancelled, had no effect */
  XIO_ETIMEDOUT = -ETIMEDOUT, /* a timeout given as an argument passed */
  XIO_ENOMEM = -ENOMEM,
  XIO_EINVAL = -EINVAL,
  XIO_EBUSY = -EBUSY,     /* cannot be withdrawn, or somebody else is already waiting */
  XIO_EAGAIN = -EAGAIN,   /* would have to wait */
  XIO_EDEADLK = -EDEADLK, /* nothing can wake anybody */
  XIO_EEXIST = -EEXIST,
  XIO_EINTR = -EINTR, /* somebody asked for the driver's attention */
  XIO_EBADF = -EBADF,
  XIO_EOWNERDEAD = -EOWNERDEAD, /* a lock was left by the task that owned it */
  XIO_EOF = -4095,              /* equal to UV_EOF */
  XIO_ECLOSED = -4501,          /* closed by its owner; libuv has no such code */
  XIO_EMISNEST = -4502          /* a scope ends while a scope inside it is open */
};

/* The code's name ("ECANCELED"), or NULL for a number that is not one of the above. The
 * text is static. */
const char *xio_status_name(int status);

#endif
