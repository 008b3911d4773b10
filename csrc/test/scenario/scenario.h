/* scenario: a small program on a Lua state of its own, for harnesses that make something
 * fail while it runs.
 *
 * A scenario is a file that is given `xio` and a function `exit` and returns a
 * function: those in spec/torture want for memory, those in spec/faults for the
 * system. One Lua state lives at a time in a process; its memory, and what libuv
 * holds, is counted. Reads XIO_BUILD_DIR, where the Lua modules are; works from the
 * source tree. The main thread only.
 * The state's memory is that of heap.h. */
#ifndef XIO_TEST_SCENARIO_H
#define XIO_TEST_SCENARIO_H

#include <lua.h>

#include "../support/heap.h"

enum { SCENARIOS_MAX = 300 };

/* Where the function of a scenario stands in the stack of a prepared state. */
enum { SCENARIO_HELPERS = 1, SCENARIO_CENSUS, SCENARIO_FUNCTION };

/* How a process ended that ran a scenario. */
typedef enum scenario_end {
  SCENARIO_MET = 10, /* the fault was met, and the function returned all the same */
  SCENARIO_ERROR,    /* an error was raised that tells of it */
  SCENARIO_NOT_MET,  /* there was no such fault */
  SCENARIO_BAD,      /* another error, or the state does not work afterwards */
  SCENARIO_LEAK
} scenario_end;

typedef struct scenario_list {
  char *names[SCENARIOS_MAX];
  int count;
} scenario_list;

/* Scenarios are in `dir` from now on. Counts what libuv allocates; to be called before
 * anything of libuv. False, having printed why: tests cannot run here. */
bool scenario_init(const char *dir);

/* The scenarios in the folder, sorted, after what the list has. */
void scenario_find(scenario_list *list);
void scenario_forget(scenario_list *list);

/* Whether its function can have run before the one that is looked at. */
bool scenario_can_be_warm(const char *name);

/* A Lua state with only its libraries; NULL, having printed why. */
lua_State *scenario_bare_state(void);

/* Loads what the checks need onto the empty stack of a state, and takes the census. */
bool scenario_load_helpers(lua_State *L);

/* A state that is ready for scenario `name`; `warm`: whose function has run before. The
 * function stands at SCENARIO_FUNCTION. `exit` is given to the scenario: NULL ends the
 * process as os.exit(true, true) does. NULL, having printed why. */
lua_State *scenario_prepare(const char *name, bool warm, lua_CFunction exit);

/* Pushes `require`, as a function of the scenario's floor. */
void scenario_push_require(lua_State *L);

/* Calls helper `name` of spec/support/torture.lua on the value at `argument` (0: none)
 * for `results`; prints an error. */
bool scenario_help(lua_State *L, const char *name, int argument, int results);

/* Nothing fails any more: whether the state is as good as before. */
bool scenario_check(lua_State *L);

/* After the state was closed: whether nothing is left; otherwise prints what. */
bool scenario_clean(void);

#endif
