/* apart: see apart.h. */
#include "apart.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

#if defined(XIO_COVERAGE)
void __gcov_dump(void);
#else
#define __gcov_dump() ((void)0)
#endif

enum { SECONDS_MAX = 3 };

/* What leak checking says at the end of the child. */
static bool check_leaks(bool looks) {
#if defined(__SANITIZE_ADDRESS__)
  return !looks || __lsan_do_recoverable_leak_check() == 0;
#else
  (void)looks;
  return true;
#endif
}

static _Noreturn void run_child(int (*run)(void *context), void *context, bool looks) {
  alarm(SECONDS_MAX);
  int end = run(context);
  fflush(stdout);
  __gcov_dump();
  /* not exit: libuv would join threads of its pool that the parent had */
  _exit(check_leaks(looks) ? end : SCENARIO_LEAK);
}

bool apart_run(int (*run)(void *context), void *context, bool looks, apart_tally *sums,
               bool *met) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) run_child(run, context, looks);
  int status = 0;
  *met = false;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    printf("# fork failed\n");
    return false;
  }
  int end = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  *met = end != SCENARIO_NOT_MET;
  if (!*met) return true;
  sums->points++;
  if (WIFSIGNALED(status)) {
    printf("# ended by signal %d\n", WTERMSIG(status));
    *(WTERMSIG(status) == SIGALRM ? &sums->hangs : &sums->crashes) += 1;
    return false;
  }
  if (end == SCENARIO_ERROR) sums->errors++;
  if (end == SCENARIO_BAD) sums->bad++;
  if (end == SCENARIO_LEAK) sums->leaks++;
  if (end < SCENARIO_MET || end > SCENARIO_LEAK)
    sums->crashes++; /* a sanitizer's report */
  return end == SCENARIO_MET || end == SCENARIO_ERROR;
}

void apart_print(bool good, int number, const char *scenario, const char *mode,
                 const char *errors, const apart_tally *sums) {
  printf(
      "%s %d - %-26s %-13s %6u points %6u %s %3u bad %3u crashes %3u hangs %3u "
      "leaks\n",
      good ? "ok" : "not ok", number, scenario, mode, sums->points, sums->errors, errors,
      sums->bad, sums->crashes, sums->hangs, sums->leaks);
}

bool apart_read_part(const char *text, int *part, int *parts) {
  char *end = NULL;
  long first = strtol(text, &end, 10);
  if (*end != '/') return false;
  long last = strtol(end + 1, &end, 10);
  if (*end != '\0' || first < 1 || last < first || last > SCENARIOS_MAX) return false;
  *part = (int)first - 1;
  *parts = (int)last;
  return true;
}
