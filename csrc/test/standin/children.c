/* children: processes that exist only here, in groups, with what they write and when they
 * exit, which their arguments say:
 *
 *   NAME CODE US BYTES OBEYS KIDS   writes BYTES to its standard output, exits with CODE
 *                                   after US microseconds; OBEYS: TERM ends it; KIDS
 *                                   more of its group that live for five times as long
 *
 * A signal arrives after a delay. A child that has exited is a zombie until it is reaped;
 * one that is not ours, until its own parent is gone. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel.h"

enum { CHILDREN = 128, FIRST_PID = 4000, ACTIONS = 8 };

typedef struct child {
  pid_t pid; /* 0: free */
  pid_t group;
  bool ours, obeys, dead;
  int pending; /* events that name it */
  int code, signum, sent;
  int64_t lives_ns;
  uint32_t bytes;
  node *output;  /* NULL: none */
  node *watched; /* its pidfd; NULL: none */
} child;

static struct {
  child list[CHILDREN];
  pid_t next_pid;
  bool session;
  struct {
    int from, to;
  } copies[ACTIONS]; /* of the start that is being prepared */
  int copy_count;
  int listed; /* of the folder that is being read; -1: none */
  int folder; /* its number */
  struct dirent entry;
} children;

void children_begin(void) {
  memset(&children, 0, sizeof children);
  children.next_pid = FIRST_PID;
  children.listed = -1;
}

static int fail(int error) {
  errno = error;
  return -1;
}

int children_left(void) {
  int count = 0;
  for (int i = 0; i < CHILDREN; i++) {
    count += children.list[i].pid > 0 && children.list[i].ours;
  }
  return count;
}

static child *find(pid_t pid) {
  for (int i = 0; i < CHILDREN; i++) {
    if (children.list[i].pid == pid) return &children.list[i];
  }
  return NULL;
}

/* Nobody can ask for it any more. */
static void forget(child *self) {
  if (self->watched != NULL) self->watched->count = 0;
  self->pid = self->pending == 0 ? 0 : -1;
}

static void later(child *self, int64_t delay, void (*fire)(void *context)) {
  self->pending++;
  kernel_after(delay, fire, self);
}

/* An event of it has come; false: it is dead, and it was only this that kept it. */
static bool is_due(child *self) {
  self->pending--;
  if (self->pid == -1 && self->pending == 0) self->pid = 0;
  return self->pid > 0 && !self->dead;
}

static void on_reaped(void *context) {
  child *self = context;
  self->pending--;
  forget(self);
}

static void die(child *self, int code, int signum) {
  self->dead = true;
  self->code = code;
  self->signum = signum;
  if (self->output != NULL) kernel_drop(self->output);
  self->output = NULL;
  if (self->watched != NULL) epoll_wake(self->watched, EPOLLIN);
  if (!self->ours) later(self, kernel_delay(), on_reaped);
}

static void on_time(void *context) {
  child *self = context;
  if (is_due(self)) die(self, self->code, 0);
}

static void on_signal(void *context) {
  child *self = context;
  if (is_due(self)) die(self, 0, self->sent);
}

static void on_output(void *context) {
  child *self = context;
  static const uint8_t text[] = "abcdefghijklmnopqrstuvwxyz";
  if (!is_due(self)) return;
  while (self->bytes != 0) {
    uint32_t count = 1 + kernel_below(self->bytes < 8 ? self->bytes : 8);
    ssize_t written = flow_write(self->output, text, count);
    if (written < 0 && errno != EAGAIN) {
      die(self, 0, SIGPIPE);
      return;
    }
    if (written < 0) {
      later(self, 1000 + kernel_delay(), on_output);
      return;
    }
    self->bytes -= (uint32_t)written;
  }
  later(self, self->lives_ns, on_time);
}

/* -- starting ------------------------------------------------------------------------ */

SYSTEM(int, posix_spawn_file_actions_init, (posix_spawn_file_actions_t * actions)) {
  memset(actions, 0, sizeof *actions);
  children.copy_count = 0;
  return 0;
}

SYSTEM(int, posix_spawn_file_actions_destroy, (posix_spawn_file_actions_t * actions)) {
  (void)actions;
  return 0;
}

SYSTEM(int, posix_spawn_file_actions_adddup2,
       (posix_spawn_file_actions_t * actions, int from, int to)) {
  (void)actions;
  if (children.copy_count == ACTIONS) return ENOMEM;
  children.copies[children.copy_count].from = from;
  children.copies[children.copy_count++].to = to;
  return 0;
}

SYSTEM(int, posix_spawn_file_actions_addopen,
       (posix_spawn_file_actions_t * actions, int number, const char *path, int flags,
        mode_t mode)) {
  (void)actions;
  (void)number;
  (void)path;
  (void)flags;
  (void)mode;
  return 0;
}

SYSTEM(int, posix_spawn_file_actions_addclose,
       (posix_spawn_file_actions_t * actions, int number)) {
  (void)actions;
  (void)number;
  return 0;
}

SYSTEM(int, posix_spawn_file_actions_addclosefrom_np,
       (posix_spawn_file_actions_t * actions, int number)) {
  (void)actions;
  (void)number;
  return 0;
}

SYSTEM(int, posix_spawnattr_setflags, (posix_spawnattr_t * attributes, short flags)) {
  (void)attributes;
  children.session = (flags & POSIX_SPAWN_SETSID) != 0;
  return 0;
}

static child *fresh_child(bool ours) {
  child *fresh = find(0);
  if (fresh == NULL) standin_fault("stand-in: too many children");
  *fresh = (child){.pid = children.next_pid++, .ours = ours};
  kernel_counts.children++;
  return fresh;
}

static void add_kids(const child *parent, long count) {
  for (long i = 0; i < count; i++) {
    child *kid = fresh_child(false);
    kid->group = parent->group;
    kid->obeys = kernel_below(2) == 0;
    later(kid, parent->lives_ns * 5, on_time);
  }
}

SYSTEM(int, posix_spawn,
       (pid_t * pid, const char *path, const posix_spawn_file_actions_t *actions,
        const posix_spawnattr_t *attributes, char *const args[], char *const env[])) {
  (void)path;
  (void)actions;
  (void)attributes;
  (void)env;
  if (kernel_is_short()) return EAGAIN;
  child *fresh = fresh_child(true);
  *pid = fresh->pid;
  fresh->group = children.session ? fresh->pid : 1;
  fresh->code = atoi(args[1]);
  fresh->lives_ns = atol(args[2]) * 1000;
  fresh->bytes = (uint32_t)atol(args[3]);
  fresh->obeys = atoi(args[4]) != 0;
  for (int i = 0; i < children.copy_count; i++) {
    if (children.copies[i].to == STDOUT_FILENO) {
      fresh->output = kernel_need(children.copies[i].from);
    }
  }
  if (fresh->output == NULL) fresh->bytes = 0;
  if (fresh->output != NULL) kernel_keep(fresh->output);
  add_kids(fresh, atol(args[5]));
  later(fresh, kernel_delay(), on_output);
  return 0;
}

/* -- signals ------------------------------------------------------------------------- */

static void send_to(child *self, int signum) {
  bool ends = signum == SIGKILL || (signum == SIGTERM && self->obeys) ||
              (signum != SIGTERM && signum != SIGCONT && signum != 0);
  if (!ends || self->dead) return;
  self->sent = signum;
  later(self, kernel_delay(), on_signal);
}

SYSTEM(int, kill, (pid_t pid, int signum)) {
  bool any = false;
  for (int i = 0; i < CHILDREN; i++) {
    child *one = &children.list[i];
    if (one->pid <= 0 || (pid < 0 ? one->group != -pid : one->pid != pid)) continue;
    any = true;
    send_to(one, signum);
  }
  return any ? 0 : fail(ESRCH);
}

SYSTEM(long, syscall, (long number, ...)) {
  va_list rest;
  va_start(rest, number);
  long first = va_arg(rest, long);
  int second = (int)va_arg(rest, long);
  va_end(rest);
  if (number == SYS_gettid) return getpid();
  if (number == SYS_pidfd_open) {
    child *its = find((pid_t)first);
    if (its == NULL) return fail(ESRCH);
    if (kernel_is_short()) return -1;
    node *fresh = kernel_node(NODE_PROCESS);
    fresh->count = (uint64_t)its->pid;
    its->watched = fresh;
    return kernel_open(fresh);
  }
  if (number != SYS_pidfd_send_signal) standin_fault("syscall: has no stand-in");
  pid_t pid = (pid_t)kernel_need((int)first)->count;
  child *its = pid != 0 ? find(pid) : NULL;
  if (its == NULL) return fail(ESRCH);
  send_to(its, second);
  return 0;
}

/* A process that was reaped counts as exited. */
uint32_t process_state(const node *self) {
  const child *its = self->count != 0 ? find((pid_t)self->count) : NULL;
  return its == NULL || its->dead ? EPOLLIN : 0;
}

void process_release(node *self) {
  child *its = self->count != 0 ? find((pid_t)self->count) : NULL;
  if (its != NULL) its->watched = NULL;
}

SYSTEM(int, waitid, (idtype_t type, id_t id, siginfo_t *about, int options)) {
  child *its = type == P_PID ? find((pid_t)id) : NULL;
  if (its == NULL || !its->ours) return fail(ECHILD);
  if (kernel_interrupts()) return -1;
  about->si_pid = 0;
  while (!its->dead && (options & WNOHANG) == 0) {
    if (kernel_next() == KERNEL_NEVER) standin_fault("waitid: would block for ever");
    kernel_advance(kernel_next());
  }
  if (!its->dead) return 0;
  about->si_pid = its->pid;
  about->si_code = its->signum != 0 ? CLD_KILLED : CLD_EXITED;
  about->si_status = its->signum != 0 ? its->signum : its->code;
  forget(its);
  return 0;
}

/* -- /proc --------------------------------------------------------------------------- */

SYSTEM(DIR *, opendir, (const char *path)) {
  if (strcmp(path, "/proc") != 0) standin_fault("opendir: has no stand-in");
  if (children.listed >= 0) standin_fault("opendir: read twice at once");
  if (kernel_is_short()) return NULL;
  children.folder = kernel_open(kernel_node(NODE_DEVICE));
  if (children.folder < 0) return NULL;
  children.listed = 0;
  return (DIR *)(void *)&children;
}

SYSTEM(int, dirfd, (DIR * dir)) {
  (void)dir;
  return children.folder;
}

SYSTEM(struct dirent *, readdir, (DIR * dir)) {
  (void)dir;
  while (children.listed < CHILDREN) {
    const child *one = &children.list[children.listed++];
    if (one->pid <= 0) continue;
    (void)snprintf(children.entry.d_name, sizeof children.entry.d_name, "%d",
                   (int)one->pid);
    return &children.entry;
  }
  return NULL;
}

SYSTEM(int, closedir, (DIR * dir)) {
  (void)dir;
  children.listed = -1;
  return close(children.folder);
}

/* A file of /proc is a device whose place is the number of the process. */
SYSTEM(int, openat, (int folder, const char *path, int flags, ...)) {
  (void)flags;
  (void)kernel_need(folder);
  if (kernel_is_short()) return -1;
  node *fresh = kernel_node(NODE_DEVICE);
  fresh->at = atol(path);
  return kernel_open(fresh);
}

ssize_t children_tell(const node *self, void *bytes, size_t max) {
  const child *one = find((pid_t)self->at);
  if (one == NULL) return fail(ESRCH);
  return snprintf(bytes, max, "%d (a) b) %c 1 %d %d 0", (int)one->pid,
                  one->dead ? 'Z' : 'S', (int)one->group, (int)one->group);
}
