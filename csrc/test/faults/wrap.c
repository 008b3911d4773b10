/* wrap: see wrap.h. A stand-in asks `fault` first; the function itself is `__real_` of
 * it, as the linker names it. */
#include "wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

static atomic_bool armed;
static atomic_uint calls;
static unsigned target;
static unsigned chosen;
static const char *_Atomic refused; /* the only function that may fail; NULL: any */
static atomic_int refused_with;
static const char *_Atomic function; /* that failed */
static atomic_int failed_with;

void wrap_arm(unsigned call, unsigned error) {
  target = call;
  chosen = error;
  calls = 0;
  function = NULL;
  refused = NULL;
  armed = true;
}

void wrap_refuse(const char *name, unsigned nth, int error) {
  target = nth;
  calls = 0;
  function = NULL;
  refused = name;
  refused_with = error;
  armed = true;
}

bool wrap_disarm(void) {
  armed = false;
  return function != NULL;
}

const char *wrap_function(void) {
  return function;
}

int wrap_error(void) {
  return failed_with;
}

/* What this call of `name` is to fail with; 0: it is not to fail. `errors` ends with
 * 0. */
static int fault(const char *name, const int *errors) {
  const char *only = refused;
  if (!armed || (only != NULL && strcmp(only, name) != 0)) return 0;
  if (++calls != target && target != 0) return 0;
  if (only != NULL) {
    failed_with = refused_with;
    function = name;
    return refused_with;
  }
  for (unsigned i = 0; errors[i] != 0; i++) {
    if (i != chosen) continue;
    failed_with = errors[i];
    function = name;
    return errors[i];
  }
  return 0;
}

int __real_fstat(int fd, struct stat *status);

static bool is_file(int fd) {
  struct stat status;
  return __real_fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Defines the stand-in of a function that fails by returning `bad` with errno set. */
#define STAND_IN(result, name, parameters, arguments, bad, ...) \
  result __real_##name parameters; \
  result __wrap_##name parameters; \
  result __wrap_##name parameters { \
    static const int errors[] = {__VA_ARGS__, 0}; \
    int error = fault(#name, errors); \
    if (error == 0) return __real_##name arguments; \
    errno = error; \
    return bad; \
  }

/* The same where the function moves bytes, whose number is `size`. Less than asked for
 * is plausible for files only: of what is not one, it means that there is no more
 * (epoll(7)), and who waits for more would wait for ever. */
#define STAND_IN_MOVE(name, parameters, arguments, ...) \
  ssize_t __real_##name parameters; \
  ssize_t __wrap_##name parameters; \
  ssize_t __wrap_##name parameters { \
    static const int errors[] = {__VA_ARGS__, 0}; \
    int error = fault(#name, errors); \
    if (error == WRAP_SHORT && size > 1 && is_file(fd)) size = 1; \
    if (error <= 0) return __real_##name arguments; \
    errno = error; \
    return -1; \
  }

/* The same where the error is returned, negative as libuv does. */
#define STAND_IN_UV(name, parameters, arguments, ...) \
  int __real_##name parameters; \
  int __wrap_##name parameters; \
  int __wrap_##name parameters { \
    static const int errors[] = {__VA_ARGS__, 0}; \
    int error = fault(#name, errors); \
    return error == 0 ? __real_##name arguments : -error; \
  }

/* And of libuv's calls for files, whose request must be fit for its cleanup. */
#define STAND_IN_FS(name, parameters, arguments, ...) \
  int __real_##name parameters; \
  int __wrap_##name parameters; \
  int __wrap_##name parameters { \
    static const int errors[] = {__VA_ARGS__, 0}; \
    int error = fault(#name, errors); \
    if (error == 0) return __real_##name arguments; \
    memset(request, 0, sizeof *request); \
    return -error; \
  }

/* -- descriptors --------------------------------------------------------------------- */

STAND_IN_MOVE(read, (int fd, void *data, size_t size), (fd, data, size), EINTR, EIO,
              WRAP_SHORT)
STAND_IN_MOVE(write, (int fd, const void *data, size_t size), (fd, data, size), EINTR,
              EIO, ENOSPC, EPIPE, WRAP_SHORT)
STAND_IN_MOVE(pread, (int fd, void *data, size_t size, off_t at), (fd, data, size, at),
              EINTR, EIO, WRAP_SHORT)
STAND_IN_MOVE(pwrite, (int fd, const void *data, size_t size, off_t at),
              (fd, data, size, at), EINTR, EIO, ENOSPC, EDQUOT, WRAP_SHORT)
STAND_IN(ssize_t, recv, (int fd, void *data, size_t size, int flags),
         (fd, data, size, flags), -1, EINTR, ECONNRESET, ETIMEDOUT, ENOMEM)
STAND_IN(ssize_t, send, (int fd, const void *data, size_t size, int flags),
         (fd, data, size, flags), -1, EINTR, EPIPE, ECONNRESET, ENOBUFS)
STAND_IN(ssize_t, recvfrom,
         (int fd, void *data, size_t size, int flags, struct sockaddr *address,
          socklen_t *length),
         (fd, data, size, flags, address, length), -1, EINTR, ECONNREFUSED, ENOMEM)
STAND_IN(ssize_t, sendto,
         (int fd, const void *data, size_t size, int flags,
          const struct sockaddr *address, socklen_t length),
         (fd, data, size, flags, address, length), -1, EINTR, ENOBUFS, ENETUNREACH, EPERM)
STAND_IN(ssize_t, copy_file_range,
         (int from, off_t *from_at, int to, off_t *to_at, size_t size, unsigned flags),
         (from, from_at, to, to_at, size, flags), -1, EXDEV, EOPNOTSUPP, EIO, ENOSPC)
STAND_IN(ssize_t, preadv2,
         (int fd, const struct iovec *parts, int count, off_t at, int flags),
         (fd, parts, count, at, flags), -1, EAGAIN, EOPNOTSUPP, EINVAL, EINTR, EIO)

/* Many file systems refuse to write at once; in one of its points it is as if this one
 * did not. */
ssize_t __real_pwritev2(int fd, const struct iovec *parts, int count, off_t at,
                        int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *parts, int count, off_t at,
                        int flags);
ssize_t __wrap_pwritev2(int fd, const struct iovec *parts, int count, off_t at,
                        int flags) {
  static const int errors[] = {EAGAIN, EOPNOTSUPP, EINVAL, EINTR, EIO, WRAP_SHORT, 0};
  int error = fault("pwritev2", errors);
  if (error == WRAP_SHORT) return __real_pwritev2(fd, parts, count, at, 0);
  if (error == 0) return __real_pwritev2(fd, parts, count, at, flags);
  errno = error;
  return -1;
}

/* Whatever it says, the descriptor is closed. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
  static const int errors[] = {EINTR, EIO, 0};
  int error = fault("close", errors);
  int status = __real_close(fd);
  if (error == 0) return status;
  errno = error;
  return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  static const int errors[] = {EINTR, EMFILE, ENFILE, EACCES, ENOMEM, 0};
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int error = fault("open", errors);
  if (error == 0) return __real_open(path, flags, mode);
  errno = error;
  return -1;
}

int __real_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...);
int __wrap_openat(int dir, const char *path, int flags, ...) {
  static const int errors[] = {EINTR, EMFILE, EACCES, ENOENT, 0};
  va_list rest;
  va_start(rest, flags);
  mode_t mode = (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  int error = fault("openat", errors);
  if (error == 0) return __real_openat(dir, path, flags, mode);
  errno = error;
  return -1;
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) {
  static const int copies[] = {EMFILE, 0};
  static const int others[] = {EBADF, 0};
  const int *errors = command == F_DUPFD_CLOEXEC || command == F_DUPFD ? copies : others;
  va_list rest;
  va_start(rest, command);
  long argument = va_arg(rest, long); /* of whatever type: none is larger */
  va_end(rest);
  int error = fault("fcntl", errors);
  if (error == 0) return __real_fcntl(fd, command, argument);
  errno = error;
  return -1;
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...) {
  static const int errors[] = {EMFILE, ENOMEM, ENOSYS, 0};
  long arguments[4];
  va_list rest;
  va_start(rest, number);
  for (int i = 0; i < 4; i++) arguments[i] = va_arg(rest, long);
  va_end(rest);
  int error = fault("syscall", errors);
  if (error == 0) {
    return __real_syscall(number, arguments[0], arguments[1], arguments[2], arguments[3]);
  }
  errno = error;
  return -1;
}

STAND_IN(int, fstat, (int fd, struct stat *status), (fd, status), -1, EIO, ENOMEM)
STAND_IN(int, dup2, (int from, int to), (from, to), -1, EBUSY, EMFILE)
STAND_IN(int, pipe2, (int ends[2], int flags), (ends, flags), -1, EMFILE, ENFILE)
STAND_IN(int, poll, (struct pollfd * fds, nfds_t count, int timeout),
         (fds, count, timeout), -1, EINTR, ENOMEM)
STAND_IN(int, epoll_create1, (int flags), (flags), -1, EMFILE, ENOMEM)
STAND_IN(int, eventfd, (unsigned int value, int flags), (value, flags), -1, EMFILE,
         ENOMEM)
STAND_IN(int, epoll_ctl, (int set, int what, int fd, struct epoll_event *event),
         (set, what, fd, event), -1, ENOMEM, ENOSPC)
STAND_IN(int, epoll_wait, (int set, struct epoll_event *events, int count, int timeout),
         (set, events, count, timeout), -1, EINTR)

/* -- sockets ------------------------------------------------------------------------- */

STAND_IN(int, socket, (int family, int type, int protocol), (family, type, protocol), -1,
         EMFILE, ENOBUFS, EAFNOSUPPORT)
STAND_IN(int, socketpair, (int family, int type, int protocol, int ends[2]),
         (family, type, protocol, ends), -1, EMFILE)
STAND_IN(int, bind, (int fd, const struct sockaddr *address, socklen_t length),
         (fd, address, length), -1, EADDRINUSE, EACCES)
STAND_IN(int, listen, (int fd, int backlog), (fd, backlog), -1, EADDRINUSE)
STAND_IN(int, accept4, (int fd, struct sockaddr *address, socklen_t *length, int flags),
         (fd, address, length, flags), -1, EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS,
         EPROTO, EPERM)
STAND_IN(int, connect, (int fd, const struct sockaddr *address, socklen_t length),
         (fd, address, length), -1, ECONNREFUSED, ENETUNREACH, EADDRNOTAVAIL, EACCES)
STAND_IN(int, getsockname, (int fd, struct sockaddr *address, socklen_t *length),
         (fd, address, length), -1, ENOBUFS)
STAND_IN(int, getpeername, (int fd, struct sockaddr *address, socklen_t *length),
         (fd, address, length), -1, ENOTCONN)
STAND_IN(int, setsockopt, (int fd, int level, int name, const void *data, socklen_t size),
         (fd, level, name, data, size), -1, ENOPROTOOPT, ENOMEM)
STAND_IN(int, getsockopt, (int fd, int level, int name, void *data, socklen_t *size),
         (fd, level, name, data, size), -1, ENOBUFS)
STAND_IN(int, shutdown, (int fd, int how), (fd, how), -1, ENOBUFS)

/* -- files and folders --------------------------------------------------------------- */

STAND_IN(int, access, (const char *path, int mode), (path, mode), -1, EACCES, EIO)
STAND_IN(int, chmod, (const char *path, mode_t mode), (path, mode), -1, EPERM)
STAND_IN(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EPERM)
STAND_IN(int, stat, (const char *path, struct stat *status), (path, status), -1, EACCES,
         EIO)
STAND_IN(int, fsync, (int fd), (fd), -1, EIO, ENOSPC)
STAND_IN(int, fdatasync, (int fd), (fd), -1, EIO)
STAND_IN(int, ftruncate, (int fd, off_t size), (fd, size), -1, EINTR, EIO)
STAND_IN(off_t, lseek, (int fd, off_t at, int whence), (fd, at, whence), -1, EINVAL)
STAND_IN(int, mkostemp, (char *name, int flags), (name, flags), -1, EMFILE, EACCES,
         ENOSPC)
STAND_IN(int, rename, (const char *from, const char *to), (from, to), -1, EACCES, EXDEV)
STAND_IN(int, renameat, (int from_dir, const char *from, int to_dir, const char *to),
         (from_dir, from, to_dir, to), -1, EACCES)
STAND_IN(int, rmdir, (const char *path), (path), -1, ENOTEMPTY, EBUSY)
STAND_IN(int, unlink, (const char *path), (path), -1, EACCES, EBUSY)
STAND_IN(int, unlinkat, (int dir, const char *path, int flags), (dir, path, flags), -1,
         EACCES, EBUSY)
STAND_IN(char *, realpath, (const char *path, char *found), (path, found), NULL, ENOENT,
         ELOOP, ENOMEM)
STAND_IN(DIR *, opendir, (const char *path), (path), NULL, EMFILE, EACCES, ENOMEM)
STAND_IN(DIR *, fdopendir, (int fd), (fd), NULL, ENOMEM)
STAND_IN(struct dirent *, readdir, (DIR * dir), (dir), NULL, EIO)

STAND_IN_FS(uv_fs_access,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, int mode,
             uv_fs_cb done),
            (loop, request, path, mode, done), EACCES)
STAND_IN_FS(uv_fs_chmod,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, int mode,
             uv_fs_cb done),
            (loop, request, path, mode, done), EPERM)
STAND_IN_FS(uv_fs_fstat,
            (uv_loop_t * loop, uv_fs_t *request, uv_file file, uv_fs_cb done),
            (loop, request, file, done), EIO)
STAND_IN_FS(uv_fs_lstat,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), EACCES, ENOMEM)
STAND_IN_FS(uv_fs_stat,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), EACCES, ENOMEM)
STAND_IN_FS(uv_fs_mkdir,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, int mode,
             uv_fs_cb done),
            (loop, request, path, mode, done), EACCES, ENOSPC)
STAND_IN_FS(uv_fs_mkdtemp,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), EACCES, ENOSPC)
STAND_IN_FS(uv_fs_readlink,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), EINVAL, ENOMEM)
STAND_IN_FS(uv_fs_rename,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, const char *to,
             uv_fs_cb done),
            (loop, request, path, to, done), EACCES)
STAND_IN_FS(uv_fs_rmdir,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), ENOTEMPTY)
STAND_IN_FS(uv_fs_scandir,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, int flags,
             uv_fs_cb done),
            (loop, request, path, flags, done), EMFILE, EACCES, ENOMEM)
STAND_IN_FS(uv_fs_symlink,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, const char *to,
             int flags, uv_fs_cb done),
            (loop, request, path, to, flags, done), EEXIST, EACCES)
STAND_IN_FS(uv_fs_unlink,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, uv_fs_cb done),
            (loop, request, path, done), EACCES)
STAND_IN_FS(uv_fs_utime,
            (uv_loop_t * loop, uv_fs_t *request, const char *path, double accessed,
             double modified, uv_fs_cb done),
            (loop, request, path, accessed, modified, done), EPERM)

/* -- processes, and what libuv opens ------------------------------------------------- */

STAND_IN(int, kill, (pid_t pid, int signum), (pid, signum), -1, ESRCH, EPERM)
STAND_IN(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options),
         (type, id, info, options), -1, EINTR, ECHILD)

int __real_posix_spawn(pid_t *pid, const char *path,
                       const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const args[],
                       char *const env[]);
int __wrap_posix_spawn(pid_t *pid, const char *path,
                       const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const args[],
                       char *const env[]);
int __wrap_posix_spawn(pid_t *pid, const char *path,
                       const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const args[],
                       char *const env[]) {
  static const int errors[] = {EAGAIN, ENOMEM, EACCES, E2BIG, 0};
  int error = fault("posix_spawn", errors);
  return error == 0 ? __real_posix_spawn(pid, path, actions, attributes, args, env)
                    : error;
}

int __real_posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions);
int __wrap_posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions);
int __wrap_posix_spawn_file_actions_init(posix_spawn_file_actions_t *actions) {
  static const int errors[] = {ENOMEM, 0};
  int error = fault("posix_spawn_file_actions_init", errors);
  return error == 0 ? __real_posix_spawn_file_actions_init(actions) : error;
}

int __real_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from,
                                            int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from,
                                            int to);
int __wrap_posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int from,
                                            int to) {
  static const int errors[] = {ENOMEM, 0};
  int error = fault("posix_spawn_file_actions_adddup2", errors);
  return error == 0 ? __real_posix_spawn_file_actions_adddup2(actions, from, to) : error;
}

int __real_posix_spawnattr_init(posix_spawnattr_t *attributes);
int __wrap_posix_spawnattr_init(posix_spawnattr_t *attributes);
int __wrap_posix_spawnattr_init(posix_spawnattr_t *attributes) {
  static const int errors[] = {ENOMEM, 0};
  int error = fault("posix_spawnattr_init", errors);
  return error == 0 ? __real_posix_spawnattr_init(attributes) : error;
}

/* -- memory and threads -------------------------------------------------------------- */

STAND_IN(int, mprotect, (void *at, size_t size, int access), (at, size, access), -1,
         ENOMEM)
STAND_IN(void *, mmap, (void *at, size_t size, int access, int flags, int fd, off_t from),
         (at, size, access, flags, fd, from), MAP_FAILED, ENOMEM)
STAND_IN_UV(uv_mutex_init, (uv_mutex_t * mutex), (mutex), ENOMEM)
STAND_IN_UV(uv_cond_init, (uv_cond_t * cond), (cond), ENOMEM)
STAND_IN_UV(uv_thread_create, (uv_thread_t * thread, uv_thread_cb run, void *argument),
            (thread, run, argument), EAGAIN)

STAND_IN_UV(uv_loop_init, (uv_loop_t * loop), (loop), EMFILE, ENOMEM)
STAND_IN_UV(uv_poll_init, (uv_loop_t * loop, uv_poll_t *poll, int fd), (loop, poll, fd),
            ENOMEM, EPERM)
STAND_IN_UV(uv_async_init, (uv_loop_t * loop, uv_async_t *async, uv_async_cb on_async),
            (loop, async, on_async), EMFILE)
STAND_IN_UV(uv_signal_init, (uv_loop_t * loop, uv_signal_t *signal), (loop, signal),
            EMFILE)
STAND_IN_UV(uv_signal_start, (uv_signal_t * signal, uv_signal_cb on_signal, int signum),
            (signal, on_signal, signum), EINVAL)
STAND_IN_UV(uv_fs_event_start,
            (uv_fs_event_t * event, uv_fs_event_cb on_event, const char *path,
             unsigned flags),
            (event, on_event, path, flags), EMFILE, ENOSPC, EACCES)
STAND_IN_UV(uv_getaddrinfo,
            (uv_loop_t * loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb on_found,
             const char *host, const char *service, const struct addrinfo *hints),
            (loop, request, on_found, host, service, hints), ENOMEM, EMFILE)
