/* launch: starts a program in a child process.
 *
 * By posix_spawn, which shares the memory until the program begins: its cost does not
 * grow with the size of this process, and its errors come back as a status
 * (docs/decisions/0020). The child begins with no signal blocked, with the default for
 * SIGPIPE, SIGXFSZ and SIGCHLD, with signals ignored that are ignored here, and with no
 * descriptor but those it is given, unless it `inherits` what others have opened here
 * without O_CLOEXEC. Any thread. */
#ifndef XIO_CORE_LAUNCH_H
#define XIO_CORE_LAUNCH_H

#include <sys/types.h>

#include "../base/base.h"
#include "../base/status.h"

enum {
  XIO_LAUNCH_NULL = -1,   /* in place of a descriptor: /dev/null */
  XIO_LAUNCH_CLOSED = -2, /* the child has none */
  XIO_LAUNCH_FDS = 64     /* how many a child may be given */
};

typedef struct xio_launch_opts {
  const char *file;  /* of the program; looked for in `path` where it has no slash */
  const char *path;  /* directories with colons between them; NULL: none */
  char *const *args; /* with the program's name first, NULL at the end */
  char *const *env;  /* "NAME=value", NULL at the end */
  const char *cwd;   /* NULL: ours */
  const int *fds;    /* what the child has as 0, 1, 2 …: ours, or one of the above */
  int fd_count;      /* at least 3, at most XIO_LAUNCH_FDS */
  bool session;      /* of its own, and so a process group of its own */
  bool inherits;     /* also all that is open here without O_CLOEXEC */
} xio_launch_opts;

/* Starts it. XIO_ENOENT and the like where the program, or `cwd`, is not there or may not
 * be used; XIO_ENOMEM, or another status: there is no child. */
int xio_launch(pid_t *child, const xio_launch_opts *opts) XIO_WARN_UNUSED;

#endif
