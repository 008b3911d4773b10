/* main: seeds one after another in a process of their own; what fails is shrunk, and
 * printed with the command that repeats it.
 *
 *   sim_world [--seeds A..B]                 by default 1..10000; prints TAP
 *   sim_world --seed N [--drop I,J-K] [--print]
 *                                            one, in this process, without some steps;
 *                                            --print: with its program and all events */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

enum { SECONDS_ONE = 2, TWICE_EVERY = 16, FAULT_EXIT = 9 };

/* What the processes share. */
static struct shared {
  volatile uint64_t seed;
  char fault[160];
  standin_counts counts;
  uint64_t events, tasks, stalls;
} * shared;

static world state;

static _Noreturn void on_fault(const char *what) {
  size_t size = strlen(what);
  if (size >= sizeof shared->fault) size = sizeof shared->fault - 1;
  memcpy(shared->fault, what, size);
  shared->fault[size] = 0;
  fflush(stdout);
  _exit(FAULT_EXIT);
}

static uint64_t run(uint64_t seed, const uint64_t *dropped, FILE *trace) {
  static const uint64_t none[DROPS_WORDS];
  uint64_t hash =
      world_run(&state, seed, dropped != NULL ? dropped : none, trace, on_fault);
  shared->events += state.tasks.events;
  shared->tasks += state.tasks.spawned;
  shared->stalls += (uint64_t)state.stalls;
  return hash;
}

/* Ends the process when it has worked for so long: nothing in a world waits, and how fast
 * the machine is does not matter. */
static void limit(int seconds) {
  const struct itimerval time = {.it_value.tv_sec = seconds};
  (void)setitimer(ITIMER_PROF, &time, NULL);
}

static void run_all(uint64_t first, uint64_t last) {
  for (uint64_t seed = first; seed <= last; seed++) {
    limit(SECONDS_ONE);
    shared->seed = seed;
    uint64_t hash = run(seed, NULL, NULL);
    if (seed % TWICE_EVERY != 0) continue;
    if (hash != run(seed, NULL, NULL)) on_fault("world: the same seed did otherwise");
  }
  shared->counts = *standin_sums();
}

/* Whether a child process ended well; it tells its fault otherwise. */
static bool ends_well(pid_t child) {
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return false;
  if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS) return true;
  if (WIFSIGNALED(status)) {
    snprintf(shared->fault, sizeof shared->fault, "ended by signal %d%s",
             WTERMSIG(status), WTERMSIG(status) == SIGPROF ? ": hangs" : "");
  } else if (WEXITSTATUS(status) != FAULT_EXIT) {
    snprintf(shared->fault, sizeof shared->fault, "ended with %d", WEXITSTATUS(status));
  }
  return false;
}

static pid_t begin_child(void) {
  fflush(stdout);
  shared->fault[0] = 0;
  return fork();
}

/* -- shrinking ----------------------------------------------------------------------- */

static void drop(uint64_t *dropped, int from, int count) {
  for (int i = from; i < from + count && i < STEPS_MAX; i++) {
    dropped[i / 64] |= UINT64_C(1) << (i % 64);
  }
}

/* Whether it still fails, in the same words. */
static bool still_fails(uint64_t seed, const uint64_t *dropped, const char *fault) {
  pid_t child = begin_child();
  if (child == 0) {
    limit(SECONDS_ONE);
    if (freopen("/dev/null", "w", stderr) == NULL) _exit(EXIT_FAILURE);
    run(seed, dropped, NULL);
    _exit(EXIT_SUCCESS);
  }
  return !ends_well(child) && strcmp(shared->fault, fault) == 0;
}

/* Leaves out pieces, ever smaller ones, as long as it still fails. */
static void shrink(uint64_t seed, uint64_t *dropped, const char *fault) {
  for (int size = STEPS_MAX / 2; size >= 1; size /= 2) {
    for (int at = 0; at < STEPS_MAX; at += size) {
      uint64_t tried[DROPS_WORDS];
      memcpy(tried, dropped, sizeof tried);
      drop(tried, at, size);
      if (memcmp(tried, dropped, sizeof tried) == 0) continue;
      if (still_fails(seed, tried, fault)) memcpy(dropped, tried, sizeof tried);
    }
  }
}

static bool is_dropped(const uint64_t *dropped, int number) {
  return (dropped[number / 64] >> (number % 64) & 1) != 0;
}

static void print_drops(const uint64_t *dropped) {
  const char *between = " --drop ";
  for (int i = 0; i < STEPS_MAX; i++) {
    int first = i;
    if (!is_dropped(dropped, i)) continue;
    while (i + 1 < STEPS_MAX && is_dropped(dropped, i + 1)) i++;
    printf(i > first ? "%s%d-%d" : "%s%d", between, first, i);
    between = ",";
  }
}

static void report(const char *program, uint64_t seed) {
  char fault[sizeof shared->fault];
  uint64_t dropped[DROPS_WORDS] = {0};
  memcpy(fault, shared->fault, sizeof fault);
  printf("not ok 1 - seed %llu: %s\n# repeat it: %s --seed %llu --print\n",
         (unsigned long long)seed, fault, program, (unsigned long long)seed);
  shrink(seed, dropped, fault);
  printf("# shrunk:    %s --seed %llu --print", program, (unsigned long long)seed);
  print_drops(dropped);
  printf("\n");
}

/* -- the command line ---------------------------------------------------------------- */

static bool read_drops(uint64_t *dropped, const char *text) {
  while (*text != 0) {
    char *rest = NULL;
    long first = strtol(text, &rest, 10);
    long last = first;
    if (rest == text) return false;
    if (*rest == '-') last = strtol(rest + 1, &rest, 10);
    if (first < 0 || last < first || last >= STEPS_MAX) return false;
    drop(dropped, (int)first, (int)(last - first + 1));
    text = *rest == ',' ? rest + 1 : rest;
    if (*rest != ',' && *rest != 0) return false;
  }
  return true;
}

static int run_range(const char *program, uint64_t first, uint64_t last) {
  printf("1..1\n");
  pid_t child = begin_child();
  if (child == 0) {
    run_all(first, last);
    exit(EXIT_SUCCESS);
  }
  if (!ends_well(child)) {
    report(program, shared->seed);
    return EXIT_FAILURE;
  }
  const standin_counts *did = &shared->counts;
  bool idle = last - first >= 1000 && (did->interrupts == 0 || did->shortages == 0 ||
                                       did->resets == 0 || shared->stalls == 0);
  printf("%s 1 - %llu random programs from seed %llu\n", idle ? "not ok" : "ok",
         (unsigned long long)(last - first + 1), (unsigned long long)first);
  printf(
      "# %llu events of %llu tasks, %llu stalls; %llu calls, %llu polls, %llu events "
      "of the world\n",
      (unsigned long long)shared->events, (unsigned long long)shared->tasks,
      (unsigned long long)shared->stalls, (unsigned long long)did->calls,
      (unsigned long long)did->polls, (unsigned long long)did->events);
  printf("# %llu requests, %llu of them withdrawn, %llu children, %llu signals\n",
         (unsigned long long)(did->works + did->lookups),
         (unsigned long long)did->withdrawn, (unsigned long long)did->children,
         (unsigned long long)did->signals);
  printf("# %llu interrupted, %llu short, %llu broken, %llu lost, %llu failed\n",
         (unsigned long long)did->interrupts, (unsigned long long)did->shortages,
         (unsigned long long)did->resets, (unsigned long long)did->losses,
         (unsigned long long)did->failures);
  return idle ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run_one(uint64_t seed, const uint64_t *dropped, bool prints) {
  pid_t child = begin_child();
  if (child == 0) {
    run(seed, dropped, prints ? stdout : NULL);
    exit(EXIT_SUCCESS);
  }
  bool good = ends_well(child);
  printf("seed %llu: %s\n", (unsigned long long)seed, good ? "well" : shared->fault);
  return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  uint64_t first = 1;
  uint64_t last = 10000;
  uint64_t dropped[DROPS_WORDS] = {0};
  bool one = false;
  bool prints = false;
  for (int i = 1; i < argc; i++) {
    const char *value = i + 1 < argc ? argv[i + 1] : "";
    char *rest = NULL;
    bool good = true;
    if (strcmp(argv[i], "--print") == 0) {
      prints = true;
    } else if (strcmp(argv[i], "--seed") == 0) {
      first = last = strtoull(value, &rest, 10);
      good = one = rest != value && *rest == 0;
      i++;
    } else if (strcmp(argv[i], "--seeds") == 0) {
      first = strtoull(value, &rest, 10);
      good = rest != value && strncmp(rest, "..", 2) == 0;
      if (good) last = strtoull(rest + 2, NULL, 10);
      good = good && last >= first;
      i++;
    } else {
      good = strcmp(argv[i], "--drop") == 0 && read_drops(dropped, value);
      i++;
    }
    if (!good) {
      fprintf(stderr, "usage: %s [--seeds A..B | --seed N [--drop I,J-K] [--print]]\n",
              argv[0]);
      return 2;
    }
  }
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
  if (shared == MAP_FAILED) return EXIT_FAILURE;
  return one ? run_one(first, dropped, prints) : run_range(argv[0], first, last);
}
