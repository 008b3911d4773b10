/* process.c: the least that running a program to its end can cost.
 *
 *   process SECONDS
 *
 * posix_spawnp of `true` and waitpid, one after the other.
 */
#include "limit.h"

#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <sys/wait.h>

extern char **environ;

enum { RUNS_PER_BATCH = 20 };

static void run_once(void) {
  char name[] = "true";
  char *command[] = {name, NULL};
  pid_t child;
  int status;
  if (posix_spawnp(&child, name, NULL, NULL, command, environ) != 0) {
    limit_fail("cannot start the program");
  }
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) limit_fail("waitpid");
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) limit_fail("the program failed");
}

static int64_t run_programs(lua_State *L, void *data, int64_t *ops) {
  (void)L;
  (void)data;
  int64_t start = limit_now();
  for (int i = 0; i < RUNS_PER_BATCH; i++) run_once();
  *ops = RUNS_PER_BATCH;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  lua_State *L = limit_open();
  limit_measure(L, limit_arg(argc, argv, 1, 0.3), run_programs, NULL);
  lua_close(L);
  return 0;
}
