/* signame: see signame.h. */
#include "signame.h"

#include <signal.h>
#include <string.h>

static const struct {
  const char *name;
  int signum;
} names[] = {
    {"HUP", SIGHUP},       {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"ILL", SIGILL},
    {"TRAP", SIGTRAP},     {"ABRT", SIGABRT}, {"BUS", SIGBUS},     {"FPE", SIGFPE},
    {"KILL", SIGKILL},     {"USR1", SIGUSR1}, {"SEGV", SIGSEGV},   {"USR2", SIGUSR2},
    {"PIPE", SIGPIPE},     {"ALRM", SIGALRM}, {"TERM", SIGTERM},   {"CHLD", SIGCHLD},
    {"CONT", SIGCONT},     {"STOP", SIGSTOP}, {"TSTP", SIGTSTP},   {"TTIN", SIGTTIN},
    {"TTOU", SIGTTOU},     {"URG", SIGURG},   {"XCPU", SIGXCPU},   {"XFSZ", SIGXFSZ},
    {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF}, {"WINCH", SIGWINCH}, {"IO", SIGIO},
    {"SYS", SIGSYS},
#if defined(SIGSTKFLT)
    {"STKFLT", SIGSTKFLT},
#endif
#if defined(SIGPWR)
    {"PWR", SIGPWR},
#endif
};

enum { NAMES = sizeof names / sizeof *names };

const char *xio_signame_of(int signum) {
  for (int i = 0; i < NAMES; i++) {
    if (names[i].signum == signum) return names[i].name;
  }
  return NULL;
}

int xio_signame_number(const char *name) {
  for (int i = 0; i < NAMES; i++) {
    if (strcmp(names[i].name, name) == 0) return names[i].signum;
  }
  return 0;
}

bool xio_signame_catchable(int signum) {
  static const int never[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL};
  for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
    if (never[i] == signum) return false;
  }
  return true;
}
