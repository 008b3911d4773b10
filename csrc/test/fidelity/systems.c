/* systems: descriptors, files, signals, processes. */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script.h"

enum { WAIT_MS = 40 };

static void descriptors(uv_loop_t *loop) {
  int ends[2];
  (void)loop;
  say_result("made", pipe2(ends, O_CLOEXEC));
  say("flags", fcntl(ends[0], F_GETFD), fcntl(ends[0], F_GETFL) & O_NONBLOCK);
  say_result("change", fcntl(ends[0], F_SETFL, O_NONBLOCK));
  say("flags", fcntl(ends[0], F_GETFL) & O_NONBLOCK, fcntl(ends[1], F_GETFL) & O_ACCMODE);
  int first = ends[0];
  close(ends[0]);
  say_result("closed", fcntl(first, F_GETFD));
  say("used again", fcntl(ends[1], F_DUPFD_CLOEXEC, 0) == first, 0);
  close(first);
  close(ends[1]);
  uv_poll_t poll;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  say("a device", uv_poll_init(loop, &poll, null), 0);
  close(null);
}

/* -- files --------------------------------------------------------------------------- */

static void files(uv_loop_t *loop) {
  char path[32];
  char bytes[16];
  (void)loop;
  (void)snprintf(path, sizeof path, "/tmp/fid%d", (int)getpid());
  say_result("none", open(path, O_RDWR | O_CLOEXEC));
  int number = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  say("made", number >= 0, 0);
  say_result("again", open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  say_result("write", pwrite(number, "abcdef", 6, 3));
  say_result("read", pread(number, bytes, sizeof bytes, 2));
  say("bytes", bytes[0], bytes[1]);
  say_result("end", pread(number, bytes, sizeof bytes, 9));
  say_result("size", lseek(number, 0, SEEK_END));
  say_result("cut", ftruncate(number, 4));
  struct stat about;
  say_result("stat", fstat(number, &about));
  say("size", about.st_size, S_ISREG(about.st_mode));
  say_result("sync", fsync(number));
  close(number);
  number = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  struct iovec part = {.iov_base = bytes, .iov_len = 2};
  say_result("append", pwritev2(number, &part, 1, -1, 0));
  say_result("stands", lseek(number, 0, SEEK_CUR));
  say_result("not for reading", pread(number, bytes, 1, 0));
  close(number);
#if !defined(XIO_STANDIN)
  unlink(path);
#endif
}

/* -- signals ------------------------------------------------------------------------- */

static void on_signal(uv_signal_t *handle, int signum) {
  say("signal", signum == SIGUSR1, handle->caught_signals == handle->dispatched_signals);
}

static bool is_default(int signum) {
  struct sigaction action;
  (void)sigaction(signum, NULL, &action);
  return action.sa_handler == SIG_DFL;
}

static void signals(uv_loop_t *loop) {
  uv_signal_t both[2];
  say("default", is_default(SIGUSR1), 0);
  for (int i = 0; i < 2; i++) {
    say("init", uv_signal_init(loop, &both[i]), 0);
    say("start", uv_signal_start(&both[i], on_signal, SIGUSR1), is_default(SIGUSR1));
  }
  (void)raise(SIGUSR1);
  say("caught", (long)both[0].caught_signals, (long)both[0].dispatched_signals);
  uv_run(loop, UV_RUN_NOWAIT);
  uv_signal_stop(&both[0]);
  (void)raise(SIGUSR1);
  say("caught", (long)both[0].caught_signals, (long)both[1].caught_signals);
  uv_run(loop, UV_RUN_NOWAIT);
  (void)raise(SIGUSR1);
  uv_signal_stop(&both[1]);
  say("missed", (long)(both[1].caught_signals - both[1].dispatched_signals),
      is_default(SIGUSR1));
  for (int i = 0; i < 2; i++) uv_close((uv_handle_t *)&both[i], NULL);
  uv_run(loop, UV_RUN_DEFAULT);
}

/* -- processes ----------------------------------------------------------------------- */

/* A child that exits with `code` after about `ms`. */
static pid_t start(const char *code, const char *ms) {
  pid_t child = -1;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  char text[64];
  char name[] = "sh";
  char *env[] = {NULL};
#if defined(XIO_STANDIN)
  char number[8];
  char none[] = "0";
  char obeys[] = "1";
  (void)snprintf(text, sizeof text, "%s000", ms);
  (void)snprintf(number, sizeof number, "%s", code);
  char *args[] = {name, number, text, none, obeys, none, NULL};
#else
  char flag[] = "-c";
  (void)snprintf(text, sizeof text, "PATH=/bin:/usr/bin sleep 0.%03d; exit %s",
                 (int)strtol(ms, NULL, 10), code);
  char *args[] = {name, flag, text, NULL};
#endif
  int error = posix_spawn(&child, "/bin/sh", &actions, &attributes, args, env);
  say("started", error, 0);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return child;
}

static void say_exit(pid_t child, int options) {
  siginfo_t about;
  memset(&about, 0, sizeof about);
  say_result("waitid", waitid(P_PID, (id_t)child, &about, WEXITED | options));
  say("which", about.si_pid == child, about.si_pid == 0 ? 0 : about.si_code);
  say("how", about.si_pid == 0 ? 0 : about.si_status, 0);
}

static void on_exit_seen(uv_poll_t *poll, int status, int events) {
  say("exit", status, events);
  uv_close((uv_handle_t *)poll, NULL);
}

static void processes(uv_loop_t *loop) {
  pid_t child = start("7", "100");
  int number = (int)syscall(SYS_pidfd_open, child, 0);
  say("pidfd", number >= 0, 0);
  say_exit(child, WNOHANG);
  uv_poll_t poll;
  uv_poll_init(loop, &poll, number);
  uv_poll_start(&poll, UV_READABLE, on_exit_seen);
  uv_run(loop, UV_RUN_DEFAULT);
  say_result("a zombie", syscall(SYS_pidfd_send_signal, number, SIGTERM, NULL, 0));
  say_result("its group", kill(-child, 0));
  say_exit(child, WNOHANG);
  say_result("reaped", syscall(SYS_pidfd_send_signal, number, SIGTERM, NULL, 0));
  say_result("its group", kill(-child, 0));
  say_exit(child, WNOHANG);
  close(number);
}

static void killed(uv_loop_t *loop) {
  pid_t child = start("7", "900");
  pass(loop, WAIT_MS);
  say_result("continue", kill(-child, SIGCONT));
  say_result("end", kill(-child, SIGTERM));
  say_exit(child, 0);
  child = start("7", "900");
  say_result("kill", kill(child, SIGKILL));
  say_exit(child, 0);
}

const script system_scripts[] = {{"descriptors", descriptors}, {"files", files},
                                 {"signals", signals},         {"processes", processes},
                                 {"killed", killed},           {NULL, NULL}};
