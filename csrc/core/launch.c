/* launch: see launch.h. */
#include "launch.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#if defined(__GLIBC__)
#define HAS_CLOSEFROM __GLIBC_PREREQ(2, 34)
#else
#define HAS_CLOSEFROM 0
#endif

/* Whether there is a file that can be run; errno otherwise. */
static bool can_run(const char *file) {
  struct stat about;
  if (access(file, X_OK) != 0 || stat(file, &about) != 0) return false;
  errno = EACCES;
  return S_ISREG(about.st_mode);
}

/* Writes the place of `file` in one of the directories of `path` to `place`. A status:
 * XIO_OK, -EACCES where it is there but may not be run, -ENOENT, -ENAMETOOLONG. */
static int find(char place[PATH_MAX], const char *file, const char *path) {
  int status = -ENOENT;
  for (const char *at = path; at != NULL;) {
    const char *colon = strchr(at, ':');
    int length = colon != NULL ? (int)(colon - at) : (int)strlen(at);
    const char *slash = length == 0 ? "./" : "/"; /* no name is the current directory */
    int size = snprintf(place, PATH_MAX, "%.*s%s%s", length, at, slash, file);
    if (size < 0 || size >= PATH_MAX) return -ENAMETOOLONG;
    if (can_run(place)) return XIO_OK;
    if (errno == EACCES) status = -EACCES;
    at = colon != NULL ? colon + 1 : NULL;
  }
  return status;
}

/* Descriptors that the child would overwrite before they are used are duplicated out of
 * the way: `high` gets those; its other entries are -1. */
static int move_away(int high[XIO_LAUNCH_FDS], const xio_launch_opts *opts) {
  for (int i = 0; i < opts->fd_count; i++) high[i] = -1;
  for (int i = 0; i < opts->fd_count; i++) {
    int from = opts->fds[i];
    if (from < 0 || from == i || from >= opts->fd_count) continue;
    high[i] = fcntl(from, F_DUPFD_CLOEXEC, opts->fd_count);
    if (high[i] < 0) return -errno;
  }
  return XIO_OK;
}

static void close_moved(const int high[XIO_LAUNCH_FDS], int count) {
  for (int i = 0; i < count; i++) {
    if (high[i] >= 0) close(high[i]);
  }
}

/* Closes the descriptors from `first` on in the child; a positive errno. Where the C
 * library cannot (musl), those are closed that are open here and would be inherited. */
static int add_close_from(posix_spawn_file_actions_t *actions, int first) {
#if HAS_CLOSEFROM
  return posix_spawn_file_actions_addclosefrom_np(actions, first);
#else
  DIR *open_ones = opendir("/dev/fd");
  if (open_ones == NULL) return errno;
  int error = 0;
  for (struct dirent *entry; error == 0 && (entry = readdir(open_ones)) != NULL;) {
    char *end = NULL;
    long number = strtol(entry->d_name, &end, 10);
    if (*end != '\0' || number < first) continue;
    int flags = fcntl((int)number, F_GETFD);
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) continue;
    error = posix_spawn_file_actions_addclose(actions, (int)number);
  }
  closedir(open_ones);
  return error;
#endif
}

/* What the child does with its descriptors and directory; a positive errno. */
static int add_actions(posix_spawn_file_actions_t *actions, const xio_launch_opts *opts,
                       const int high[XIO_LAUNCH_FDS]) {
  int error = 0;
  for (int i = 0; i < opts->fd_count && error == 0; i++) {
    int from = high[i] >= 0 ? high[i] : opts->fds[i];
    if (from == XIO_LAUNCH_NULL) {
      error = posix_spawn_file_actions_addopen(actions, i, "/dev/null", O_RDWR, 0);
    } else if (from >= 0) { /* onto itself: only takes FD_CLOEXEC away */
      error = posix_spawn_file_actions_adddup2(actions, from, i);
    }
  }
  for (int i = 0; i < opts->fd_count && error == 0; i++) {
    if (opts->fds[i] != XIO_LAUNCH_CLOSED) continue;
    error = posix_spawn_file_actions_addclose(actions, i);
  }
  if (error == 0 && !opts->inherits) error = add_close_from(actions, opts->fd_count);
  if (error == 0 && opts->cwd != NULL) {
    error = posix_spawn_file_actions_addchdir_np(actions, opts->cwd);
  }
  return error;
}

/* Which signals, groups and sessions; a positive errno. */
static int set_attributes(posix_spawnattr_t *attributes, bool session) {
  static const int reset[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
  sigset_t signals;
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  sigemptyset(&signals);
  int error = posix_spawnattr_setsigmask(attributes, &signals);
  for (size_t i = 0; i < sizeof reset / sizeof *reset; i++) {
    sigaddset(&signals, reset[i]);
  }
  if (error == 0) error = posix_spawnattr_setsigdefault(attributes, &signals);
  if (session) flags |= POSIX_SPAWN_SETSID;
  if (error == 0) error = posix_spawnattr_setflags(attributes, flags);
  return error;
}

static int spawn(pid_t *child, const char *file, const xio_launch_opts *opts,
                 const int high[XIO_LAUNCH_FDS]) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int error = posix_spawn_file_actions_init(&actions);
  if (error != 0) return -error;
  error = posix_spawnattr_init(&attributes);
  if (error != 0) goto destroy_actions;
  error = add_actions(&actions, opts, high);
  if (error == 0) error = set_attributes(&attributes, opts->session);
  if (error == 0) {
    error = posix_spawn(child, file, &actions, &attributes, opts->args, opts->env);
  }
  posix_spawnattr_destroy(&attributes);
destroy_actions:
  posix_spawn_file_actions_destroy(&actions);
  return -error;
}

int xio_launch(pid_t *child, const xio_launch_opts *opts) {
  char place[PATH_MAX];
  int high[XIO_LAUNCH_FDS];
  const char *file = opts->file;
  if (strchr(file, '/') == NULL) {
    int status = find(place, file, opts->path);
    if (status != XIO_OK) return status;
    file = place;
  }
  int status = move_away(high, opts);
  if (status == XIO_OK) status = spawn(child, file, opts, high);
  close_moved(high, opts->fd_count);
  return status;
}
