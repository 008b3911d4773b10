/* startup.c: how long a whole process takes from its start to its end.
 *
 *   startup RUNS PROGRAM [ARGUMENT...]
 *
 * Starts PROGRAM with posix_spawnp, its output thrown away, waits for its end, RUNS
 * times after two runs of warm-up, and prints "ms", the median. Fails when a run does
 * not end with 0.
 */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

extern char **environ;

enum { WARM_UP_RUNS = 2 };

static int64_t run_once(char **command, const posix_spawn_file_actions_t *actions) {
  pid_t child;
  int status;
  int64_t start = limit_now();
  if (posix_spawnp(&child, command[0], actions, NULL, command, environ) != 0) {
    limit_fail("cannot start the program");
  }
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) limit_fail("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) limit_fail("the program failed");
  return limit_now() - start;
}

static int compare_times(const void *a, const void *b) {
  int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  int runs = (int)limit_arg(argc, argv, 1, 0);
  posix_spawn_file_actions_t actions;
  if (argc < 3 || runs < 1) limit_fail("usage: startup RUNS PROGRAM [ARGUMENT...]");
  int64_t *times = calloc((size_t)runs, sizeof *times);
  if (times == NULL) limit_fail("not enough memory");
  if (posix_spawn_file_actions_init(&actions) != 0 ||
      posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0) != 0) {
    limit_fail("posix_spawn_file_actions");
  }
  for (int i = 0; i < WARM_UP_RUNS; i++) run_once(argv + 2, &actions);
  for (int i = 0; i < runs; i++) times[i] = run_once(argv + 2, &actions);
  qsort(times, (size_t)runs, sizeof *times, compare_times);
  printf("ms %.4f\n", (double)times[runs / 2] * 1e-6);
  posix_spawn_file_actions_destroy(&actions);
  free(times);
  return 0;
}
