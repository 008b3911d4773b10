/* refusal: whatever is made, its memory is refused and each call of the system fails in
 * turn: the maker returns that status or does without, and nothing is left.
 *
 * A maker makes, uses and lets go of some nouns in a world of its own; it stops at the
 * first status that is an error. Specs and the harnesses of torture and faults do the
 * same for programs in Lua; here it is quick, and every point is tried. For one unit test
 * to include; everything is static. */
#ifndef XIO_TEST_REFUSAL_H
#define XIO_TEST_REFUSAL_H

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../faults/wrap.h"
#include "heap.h"
#include "unit.h"

enum { POINTS_MAX = 2000 };

typedef struct refusal_maker {
  const char *name;
  int (*make)(void);
  bool is_virtual; /* the clock of its world */
  bool leaves;     /* what it has made so far, where it stops */
} refusal_maker;

static ctask_world world;
static char folder[64];

/* Leaves a maker, behind what lets go, with the first status that is an error. */
#define TRY(expression) \
  do { \
    int64_t tried = (expression); \
    if (tried < 0) { \
      status = (int)tried; \
      goto out; \
    } \
  } while (0)

/* The path of `name` in the folder. */
static inline const char *path_of(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

/* -- one task that waits ------------------------------------------------------------- */

static int64_t refusal_limit_ns; /* of waits; set anew for each point */
static bool ran;                 /* the task came so far as to begin */
static int began;                /* what beginning to wait gave: XIO_OK or a status */
static int ended;                /* the status of the wait */
static int (*begin_to_wait)(
    xio_task *task); /* XIO_EAGAIN: there is nothing to wait for */
static void (*take_result)(xio_task *task, int status); /* NULL: there is none */

static bool begin_wait(ctask *self) {
  ran = true;
  began = begin_to_wait(&self->core);
  return began != XIO_OK;
}

static bool finish_wait(ctask *self) {
  ended = self->last_status;
  if (take_result != NULL) take_result(&self->core, ended);
  return true;
}

/* Has a task wait by `begin`, for a limited time, and take what came by `take`. */
static int run_wait(int (*begin)(xio_task *task),
                    void (*take)(xio_task *task, int status)) {
  const ctask_op waits[] = {CTASK_SCOPE(.time = refusal_limit_ns),
                            CTASK_WAIT(begin_wait, .finish = finish_wait), CTASK_CLOSE,
                            CTASK_END};
  begin_to_wait = begin;
  take_result = take;
  began = ended = XIO_OK;
  ran = false;
  if (ctask_spawn(&world, waits, 0) == NULL) return XIO_ENOMEM;
  int status = ctask_run(&world);
  if (status != XIO_OK) return status;
  if (!ran) return XIO_ENOMEM; /* there was none for its scope */
  if (began != XIO_OK && began != XIO_EAGAIN) return began;
  return ended;
}

/* -- all points of all makers -------------------------------------------------------- */

/* What a point refuses. */
typedef enum refusal { HEAP, WORLD, SYSTEM, REFUSALS } refusal;

static int count_descriptors(void) {
  int count = 0;
  DIR *dir = opendir("/proc/self/fd");
  assert_non_null(dir);
  while (readdir(dir) != NULL) count++;
  closedir(dir);
  return count;
}

/* Removes what a maker that stopped has left in the folder, if it may leave anything:
 * what cannot be removed stays. */
static void empty_folder(const refusal_maker *maker) {
  char command[160];
  if (rmdir(folder) == 0) {
    assert_int_equal(mkdir(folder, 0700), 0);
    return;
  }
  bool stays = wrap_function() != NULL && strcmp(wrap_function(), "unlink") == 0;
  if (!maker->leaves && !stays)
    fail_msg("%s: something is left in %s", maker->name, folder);
  snprintf(command, sizeof command, "rm -rf %s && mkdir %s", folder, folder);
  assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c): of a test */
}

static void arm(refusal what, unsigned point, unsigned error) {
  counting_fail(&heap_memory, what == HEAP ? COUNTING_ONCE : COUNTING_NEVER, point);
  counting_fail(&world.memory, what == WORLD ? COUNTING_ONCE : COUNTING_NEVER, point);
  if (what == SYSTEM) wrap_arm(point, error);
}

/* Whether something was refused. */
static bool disarm(refusal what) {
  bool heap = heap_memory.failures != 0;
  bool memory = world.memory.failures != 0;
  counting_fail(&heap_memory, COUNTING_NEVER, 0);
  counting_fail(&world.memory, COUNTING_NEVER, 0);
  return what == HEAP ? heap : what == WORLD ? memory : wrap_disarm();
}

/* Runs one point. False: there is no such point. */
static bool run_point(const refusal_maker *maker, refusal what, unsigned point,
                      unsigned error) {
  int descriptors = count_descriptors();
  world = (ctask_world){0};
  xio_loop_opts opts = {.virtual_clock = maker->is_virtual};
  refusal_limit_ns = INT64_C(1000000000);
  assert_int_equal(ctask_world_open(&world, opts), XIO_OK);
  arm(what, point, error);
  int status = maker->make();
  bool met = disarm(what);
  const char *fault = ctask_world_end(&world);
  int wanted = what == SYSTEM ? -wrap_error() : XIO_ENOMEM;
  const char *function = what == SYSTEM ? wrap_function() : "memory";
  if (fault != NULL) {
    fail_msg("%s, point %u: %s: %s", maker->name, point, function, fault);
  }
  /* who finds that a folder is gone believes it, until it shows above */
  if (wanted == -ENOENT && status == -ENOTEMPTY) status = wanted;
  if (met ? status != XIO_OK && status != wanted : status != XIO_OK) {
    fail_msg("%s, point %u: %s fails with %d, and the status is %d", maker->name, point,
             met ? function : "nothing", met ? wanted : 0, status);
  }
  if (count_descriptors() > descriptors + (point == POINTS_MAX ? 8 : 0)) {
    fail_msg("%s, point %u: %s: a descriptor is left", maker->name, point, function);
  }
  if (heap_memory.bytes != 0) {
    fail_msg("%s, point %u: %s: memory is left", maker->name, point, function);
  }
  return met;
}

/* All errors of one point; false: there is no such point. */
static bool run_errors(const refusal_maker *maker, refusal what, unsigned point) {
  if (what != SYSTEM) return run_point(maker, what, point, 0);
  unsigned error = 0;
  while (run_point(maker, what, point, error)) {
    empty_folder(maker);
    error++;
  }
  return error != 0;
}

/* Every point of every maker; behind the last stands one without a name. Prints how many
 * there were. */
static void run_all(const refusal_maker *makers, refusal what) {
  static const char *const names[] = {"shared memory", "memory", "the system"};
  int count = 0;
  unsigned points = 0;
  (void)run_errors(&makers[0], HEAP, POINTS_MAX); /* libuv opens what it keeps */
  for (; makers[count].name != NULL; count++) {
    bool met = true;
    for (unsigned point = 1; met && point < POINTS_MAX; point++) {
      met = run_errors(&makers[count], what, point);
      if (met) points++;
      empty_folder(&makers[count]);
    }
    assert_false(met);
  }
  print_message("# %d makers, %s: %u points\n", count, names[what], points);
}

static void memory_that_threads_share_is_refused(void **state) {
  run_all(*state, HEAP);
}

static void memory_of_the_loop_is_refused(void **state) {
  run_all(*state, WORLD);
}

static void calls_of_the_system_fail(void **state) {
  run_all(*state, SYSTEM);
}

/* The three tests of an array of makers. */
#define REFUSAL_TESTS(makers) \
  cmocka_unit_test_prestate(memory_that_threads_share_is_refused, makers), \
      cmocka_unit_test_prestate(memory_of_the_loop_is_refused, makers), \
      cmocka_unit_test_prestate(calls_of_the_system_fail, makers)

/* Before and after all tests. */
static int make_folder(void **state) {
  (void)state;
  /* in memory where there is such a folder: files are synced at each of the points */
  const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
  (void)snprintf(folder, sizeof folder, "%s/xio-refusal-XXXXXX", base);
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  return rmdir(folder);
}

#endif
