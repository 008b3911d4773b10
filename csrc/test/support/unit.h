/* unit: what every unit test includes: cmocka with the headers it wants first, and two
 * assertions on worlds (ctask.h). */
#ifndef XIO_TEST_UNIT_H
#define XIO_TEST_UNIT_H

/* cmocka needs these before it */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../core/check.h"
#include "ctask.h"

/* Every invariant holds. */
static inline void assert_holds(const xio_loop *loop) {
  const char *what = NULL;
  if (!xio_check_loop(loop, &what)) fail_msg("%s", what);
}

static inline void check_after_step(ctask_world *world) {
  const char *what = NULL;
  if (!xio_check_loop(world->loop, &what)) ctask_fault(world, what);
}

/* Opens a world whose invariants are checked after every step. */
static inline void begin_world(ctask_world *world) {
  ctask_world_begin(world);
  assert_null(world->fault);
  world->after_step = check_after_step;
}

/* Closes the world: nothing may be left, nothing may have gone wrong. */
static inline void end_world(ctask_world *world) {
  const char *fault = ctask_world_end(world);
  if (fault != NULL) fail_msg("%s", fault);
}

/* Runs a world to its end. */
static inline void run_world(ctask_world *world) {
  assert_int_equal(ctask_run(world), XIO_OK);
  assert_holds(world->loop);
}

/* Runs one turn; nothing need be ready. Returns whether any task lives. */
static inline bool step_world(ctask_world *world) {
  bool stalled = false;
  bool more = xio_loop_step(world->loop, 0, &stalled);
  assert_holds(world->loop);
  return more;
}

/* The notes of the world are exactly these numbers. */
#define ASSERT_NOTES(world, ...) \
  do { \
    const uint32_t wanted[] = {__VA_ARGS__}; \
    assert_int_equal((world)->note_count, sizeof wanted / sizeof wanted[0]); \
    assert_memory_equal((world)->notes, wanted, sizeof wanted); \
  } while (0)

/* The virtual time of the world. */
static inline int64_t time_of(const ctask_world *world) {
  return xio_clock_now(&world->loop->clock);
}

#endif
