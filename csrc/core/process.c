/* process: see process.h. */
#include "process.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
  NS_PER_MS = 1000 * 1000,
  STEP_MS_MAX = 50, /* between two looks at what is left of a group */
  KILLED_MS = 200   /* how long those left of a killed group are waited for */
};

typedef enum phase {
  PHASE_NONE,  /* nobody ends it */
  PHASE_TOLD,  /* it was told to end, and has time for it */
  PHASE_KILLED /* it has no time any more */
} phase;

struct xio_process {
  xio_loop_object object;
  xio_loop *loop;
  xio_process **owner; /* NULL: released */
  xio_list waiters;    /* until it exits */
  xio_list enders;     /* until nothing is left */
  uv_poll_t exit;      /* watches `number` */
  uv_timer_t timer;    /* of PHASE_TOLD and, without the first process, PHASE_KILLED */
  uint64_t until_ms;   /* the phase's end, by libuv's clock */
  uint64_t step_ms;
  xio_process_exit result;
  pid_t pid;
  int number; /* a pidfd; -1 after the exit */
  int open_handles;
  uint8_t phase;
  bool session; /* its own: the group's number is `pid` */
  bool exited;
  bool gone;    /* so has everybody of its group: the number may be another's by now */
  bool awaited; /* a task waits: counted in loop->working */
};

/* -- signals ------------------------------------------------------------------------- */

/* To the first process alone. */
static int send_one(const xio_process *process, int signum) {
  if (process->exited) return -ESRCH;
  long sent = syscall(SYS_pidfd_send_signal, process->number, signum, NULL, 0);
  return sent == 0 ? XIO_OK : -errno;
}

/* Whether a process of the group lives, from a line of /proc/N/stat, which has the state
 * and the numbers of parent, group and session behind the name in parentheses. The group
 * is the session's first: both have its number. */
static bool stat_tells_life(const char *line, pid_t group) {
  const char *after = strrchr(line, ')');
  if (after == NULL || strlen(after) < 4) return false;
  char state = after[2];
  char *rest = NULL;
  (void)strtol(after + 3, &rest, 10); /* the parent */
  bool is_member = strtol(rest, &rest, 10) == (long)group;
  return is_member && strtol(rest, NULL, 10) == (long)group && state != 'Z' &&
         state != 'X';
}

/* Whether the process that a file /proc/N/stat is about lives and is of the group; also
 * where that cannot be told for want of a descriptor or memory. */
static bool file_tells_life(int proc, const char *name, pid_t group) {
  char line[512];
  int number = -1;
  ssize_t size = 0;
  do {
    number = openat(proc, name, O_RDONLY | O_CLOEXEC);
  } while (number < 0 && errno == EINTR);
  if (number < 0) return errno == EMFILE || errno == ENFILE || errno == ENOMEM;
  do {
    size = read(number, line, sizeof line - 1);
  } while (size < 0 && errno == EINTR);
  close(number);
  if (size <= 0) return false;
  line[size] = 0;
  return stat_tells_life(line, group);
}

/* Looks through all processes; a zombie that its parent has not reaped does not live. */
static bool proc_tells_life(DIR *proc, pid_t group) {
  bool lives = false;
  /* NOLINTNEXTLINE(concurrency-mt-unsafe): nobody else reads this directory stream */
  for (struct dirent *entry; !lives && (entry = readdir(proc)) != NULL;) {
    char name[32];
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    if (strlen(entry->d_name) > 16) continue;
    (void)snprintf(name, sizeof name, "%.16s/stat", entry->d_name);
    lives = file_tells_life(dirfd(proc), name, group);
  }
  return lives;
}

/* Whether anybody of the group lives, of which the first process was reaped. Its number
 * is given to nobody else as long as somebody is in the group: once a process has it
 * again, the group is gone, and what the number means is another's. */
static bool group_lives(xio_process *process) {
  if (process->gone) return false;
  process->gone =
      !process->session || kill(process->pid, 0) == 0 || kill(-process->pid, 0) != 0;
  if (process->gone) return false;
  DIR *proc = opendir("/proc");
  if (proc == NULL) return true;
  bool lives = proc_tells_life(proc, process->pid);
  closedir(proc);
  return lives;
}

/* To the whole group. */
static int send_all(const xio_process *process, int signum) {
  if (!process->session) return send_one(process, signum);
  if (process->gone) return -ESRCH;
  return kill(-process->pid, signum) == 0 ? XIO_OK : -errno;
}

/* -- waiting ------------------------------------------------------------------------- */

/* The loop knows whether a task waits. */
static void note_awaited(xio_process *process) {
  bool awaited = !xio_list_empty(&process->waiters) || !xio_list_empty(&process->enders);
  if (awaited == process->awaited) return;
  process->awaited = awaited;
  process->loop->working += awaited ? 1 : UINT32_MAX;
  if (process->exited) return; /* that handle is closing */
  if (awaited) {
    uv_ref((uv_handle_t *)&process->exit);
  } else {
    uv_unref((uv_handle_t *)&process->exit);
  }
}

static int abort_wait(xio_wait *wait) {
  xio_process *process = wait->source;
  xio_list_remove(&wait->self.link);
  note_awaited(process);
  return XIO_OK;
}

static const xio_wait_ops wait_ops = {.verb = "exit of a process", .abort = abort_wait};

int xio_process_wait(xio_process *process, xio_task *task, int64_t at) {
  XIO_ASSERT(!process->exited);
  int status = xio_wait_limit(&task->wait, at, XIO_ETIMEDOUT);
  if (status != XIO_OK) return status;
  /* nothing below can fail */
  xio_wait_park(&task->wait, &wait_ops, process);
  xio_list_push_back(&process->waiters, &task->wait.self.link);
  note_awaited(process);
  return XIO_OK;
}

/* -- ending -------------------------------------------------------------------------- */

static void step(xio_process *process);

static void on_timer(uv_timer_t *timer) {
  step(timer->data);
}

static void wake_after(xio_process *process, uint64_t ms) {
  uv_timer_start(&process->timer, on_timer, ms, 0); /* fails only on a closing handle */
}

/* Nothing is left, or nothing more can be done. */
static void finish(xio_process *process, int status) {
  process->phase = PHASE_NONE;
  uv_timer_stop(&process->timer);
  xio_waiter_complete_all(&process->enders, status);
  note_awaited(process);
}

/* KILL to all; then only what is out of sight, or of another user, keeps us waiting. */
static void begin_to_kill(xio_process *process) {
  int status = send_all(process, SIGKILL);
  process->phase = PHASE_KILLED;
  process->until_ms = uv_now(process->loop->uv) + KILLED_MS;
  process->step_ms = 1;
  uv_timer_stop(&process->timer);
  if (!process->exited && status == -EPERM) finish(process, status);
}

/* What is to be done next, when the first process has exited or time has passed. */
static void step(xio_process *process) {
  uint64_t now = uv_now(process->loop->uv);
  if (process->phase == PHASE_TOLD && now >= process->until_ms) begin_to_kill(process);
  if (process->phase == PHASE_NONE || !process->exited) return;
  bool over = process->phase == PHASE_KILLED && now >= process->until_ms;
  if (over || !group_lives(process)) {
    finish(process, XIO_OK);
    return;
  }
  uint64_t left = process->until_ms > now ? process->until_ms - now : 0;
  wake_after(process, process->step_ms < left ? process->step_ms : left);
  if (process->step_ms < STEP_MS_MAX) process->step_ms *= 2;
}

/* It cannot be withdrawn, but hurried. */
static int abort_end(xio_wait *wait) {
  xio_process *process = wait->source;
  if (process->phase == PHASE_TOLD) {
    process->until_ms = uv_now(process->loop->uv);
    wake_after(process, 0); /* not here: it may complete this very wait */
  }
  return XIO_EBUSY;
}

static const xio_wait_ops end_ops = {.verb = "end of a process", .abort = abort_end};

void xio_process_end(xio_process *process, xio_task *task, int signum, int64_t grace_ns) {
  xio_wait_park(&task->wait, &end_ops, process);
  xio_list_push_back(&process->enders, &task->wait.self.link);
  note_awaited(process);
  if (process->phase != PHASE_NONE) return; /* somebody ends it already */
  if (signum != 0) {
    int status = send_all(process, signum);
    (void)status; /* what cannot be told cannot be killed either: that shows */
    status = send_all(process, SIGCONT); /* who is stopped could not obey */
    (void)status;
  }
  uint64_t grace_ms = (uint64_t)(grace_ns / NS_PER_MS);
  if (grace_ns % NS_PER_MS != 0) grace_ms++;
  uv_update_time(process->loop->uv);
  process->phase = PHASE_TOLD;
  process->step_ms = 1;
  process->until_ms = uv_now(process->loop->uv) + grace_ms;
  wake_after(process, process->exited ? 0 : grace_ms);
}

/* -- life ---------------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle) {
  xio_process *process = handle->data;
  xio_loop *loop = process->loop;
  if (--process->open_handles == 0) {
    xio_allocator alloc = loop->alloc;
    xio_alloc_free(&alloc, process, sizeof *process);
  }
  xio_loop_handle_closed(loop); /* it may be gone now */
}

static void open_handle(xio_process *process, uv_handle_t *handle) {
  handle->data = process;
  uv_unref(handle);
  process->open_handles++;
  xio_loop_handle_opened(process->loop);
}

/* Released and reaped: nobody needs it any more. */
static void let_go(xio_process *process) {
  xio_list_remove(&process->object.link);
  uv_close((uv_handle_t *)&process->timer, on_closed);
}

/* Takes the exit of the process, which has exited or (`block`) will. False: not yet. */
static bool reap(xio_process *process, bool block) {
  siginfo_t about;
  int status = 0;
  memset(&about, 0, sizeof about);
  do {
    status = waitid(P_PID, (id_t)process->pid, &about, WEXITED | (block ? 0 : WNOHANG));
  } while (status != 0 && errno == EINTR);
  if (status == 0 && about.si_pid == 0) return false;
  process->exited = true;
  process->result.lost = status != 0;
  if (status == 0 && about.si_code == CLD_EXITED) {
    process->result.code = about.si_status;
  } else if (status == 0) {
    process->result.signum = about.si_status;
  }
  return true;
}

/* It was reaped: libuv need not watch any longer. */
static void close_exit(xio_process *process) {
  uv_close((uv_handle_t *)&process->exit, on_closed);
  close(process->number);
  process->number = -1;
}

static void on_exited(uv_poll_t *handle, int status, int events) {
  xio_process *process = handle->data;
  (void)status;
  (void)events;
  if (!reap(process, false)) return;
  close_exit(process);
  (void)group_lives(process); /* while its number is fresh */
  xio_waiter_complete_all(&process->waiters, XIO_OK);
  note_awaited(process);
  step(process);
  if (process->owner == NULL) let_go(process);
}

/* The loop ends: so does what still lives of it, at once. */
static void close_object(xio_loop_object *object) {
  xio_process *process = XIO_CONTAINER_OF(object, xio_process, object);
  if (process->owner != NULL) *process->owner = NULL;
  int status = xio_process_lives(process) ? send_all(process, SIGKILL) : XIO_OK;
  process->phase = PHASE_NONE;
  note_awaited(process);
  if (!process->exited) {
    bool reaped = reap(process, status != -EPERM);
    (void)reaped; /* the system's init reaps what we may not end */
    process->exited = true;
    close_exit(process);
  }
  let_go(process);
}

static int open_pidfd(pid_t pid) {
#if defined(SYS_pidfd_open)
  long number = syscall(SYS_pidfd_open, pid, 0);
  return number >= 0 ? (int)number : -errno;
#else
  (void)pid;
  return -ENOSYS;
#endif
}

/* Opens what watches for the exit. */
static int open_exit(xio_process *process) {
  process->number = open_pidfd(process->pid);
  if (process->number < 0) return process->number;
  int status = uv_poll_init(process->loop->uv, &process->exit, process->number);
  if (status != XIO_OK) close(process->number);
  return status;
}

/* Watches the process that was just started. On error it is no more. */
static int watch(xio_process *process) {
  int status = open_exit(process);
  if (status != XIO_OK) {
    process->exited = false;
    (void)kill(process->session ? -process->pid : process->pid, SIGKILL);
    bool reaped = reap(process, true);
    (void)reaped; /* if not, somebody else did */
  }
  return status;
}

static xio_process *new_process(xio_loop *loop) {
  xio_process *process = xio_alloc_new(&loop->alloc, sizeof *process);
  if (process == NULL) return NULL;
  process->loop = loop;
  xio_list_init(&process->object.link);
  xio_list_init(&process->waiters);
  xio_list_init(&process->enders);
  return process;
}

/* The process, whose exit can be watched for, gets its handles and its owner. */
static void set_up(xio_process *process, xio_process **owner) {
  xio_loop *loop = process->loop;
  open_handle(process, (uv_handle_t *)&process->exit);
  uv_poll_start(&process->exit, UV_READABLE, on_exited);
  uv_timer_init(loop->uv, &process->timer); /* always succeeds */
  open_handle(process, (uv_handle_t *)&process->timer);
  uv_ref((uv_handle_t *)&process->timer);
  process->object.close = close_object;
  process->owner = owner;
  xio_list_push_back(&loop->objects, &process->object.link);
  *owner = process;
}

int xio_process_adopt(xio_process **owner, xio_loop *loop, pid_t pid) {
  xio_process *process = new_process(loop);
  if (process == NULL) return XIO_ENOMEM;
  process->pid = pid;
  int status = open_exit(process);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, process, sizeof *process);
    return status;
  }
  set_up(process, owner);
  return XIO_OK;
}

int xio_process_spawn(xio_process **owner, xio_loop *loop, const xio_launch_opts *opts) {
  xio_process *process = new_process(loop);
  if (process == NULL) return XIO_ENOMEM;
  process->session = opts->session;
  /* keeps a number free for the pidfd, so that its want shows before the start */
  int spare = fcntl(uv_backend_fd(loop->uv), F_DUPFD_CLOEXEC, 3);
  int status = spare < 0 ? -errno : xio_launch(&process->pid, opts);
  if (spare >= 0) close(spare);
  if (status == XIO_OK) status = watch(process);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, process, sizeof *process);
    return status;
  }
  set_up(process, owner);
  return XIO_OK;
}

void xio_process_release(xio_process *process, bool kills) {
  process->owner = NULL;
  if (kills && xio_process_lives(process)) {
    int status = send_all(process, SIGKILL);
    (void)status; /* what we may not end, we cannot help */
  }
  if (process->exited) let_go(process);
}

/* -- looking ------------------------------------------------------------------------- */

xio_loop *xio_process_loop(const xio_process *process) {
  return process->loop;
}

pid_t xio_process_pid(const xio_process *process) {
  return process->pid;
}

const xio_process_exit *xio_process_exited(const xio_process *process) {
  return process->exited ? &process->result : NULL;
}

int xio_process_kill(xio_process *process, int signum) {
  return send_one(process, signum);
}

bool xio_process_lives(xio_process *process) {
  return !process->exited || group_lives(process);
}

bool xio_process_valid(const xio_process *process) {
  bool waits = !xio_list_empty(&process->waiters) || !xio_list_empty(&process->enders);
  if (waits != process->awaited) return false;
  if (process->exited) return xio_list_empty(&process->waiters) && process->number < 0;
  return (uv_has_ref((const uv_handle_t *)&process->exit) != 0) == waits;
}
