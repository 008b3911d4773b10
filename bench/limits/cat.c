/* cat.c: how fast `cat` reads a file that the system has in memory.
 *
 *   cat SECONDS
 *
 * `cat $BENCH_FILE >/dev/null`, the whole process. Prints "rate", in GB per second. */
#include "limit.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Returns the nanoseconds it took. */
static int64_t run_cat(char *path, const posix_spawn_file_actions_t *actions) {
  char name[] = "cat";
  char *command[] = {name, path, NULL};
  pid_t child;
  int status;
  int64_t start = limit_now();
  if (posix_spawnp(&child, name, actions, NULL, command, environ) != 0) {
    limit_fail("cannot start cat");
  }
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) limit_fail("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) limit_fail("cat failed");
  return limit_now() - start;
}

int main(int argc, char **argv) {
  double seconds = limit_arg(argc, argv, 1, 0.3);
  char *path = getenv("BENCH_FILE");
  struct stat about;
  posix_spawn_file_actions_t actions;
  if (path == NULL || stat(path, &about) != 0) limit_fail("no file in $BENCH_FILE");
  if (posix_spawn_file_actions_init(&actions) != 0 ||
      posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY,
                                       0) != 0) {
    limit_fail("not enough memory");
  }
  run_cat(path, &actions); /* warm-up */
  int64_t total = 0;
  double bytes = 0;
  while ((double)total < seconds * 1e9) {
    total += run_cat(path, &actions);
    bytes += (double)about.st_size;
  }
  printf("rate %.4f\n", bytes / (double)total);
  posix_spawn_file_actions_destroy(&actions);
  return 0;
}
