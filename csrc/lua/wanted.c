/* wanted: whether the caller of a C function takes its results.
 *
 * A program that spawns most often drops the handle at once, and to make one costs half a
 * spawn. Lua knows how many results a call is to give, but tells nobody: it stands in the
 * record of the call, which a lua_Debug names in its private part. So this file reads one
 * number of a foreign structure, and trusts it only after a test: when the module is
 * opened, a probe is called for several numbers of results, and unless the number reads
 * as each of them, nothing is ever taken as unwanted. What is read lies within the record
 * in every Lua 5.4. See docs/decisions/0014. Thread of the Lua state. */
#include <limits.h>
#include <stddef.h>

#include "binding.h"

/* The beginning of the record of a call as Lua 5.4 lays it out on the way to the number:
 * four pointers, a union whose largest member is three words, and one of an int. */
typedef struct call_record {
  void *links[4];
  struct {
    void *continuation;
    ptrdiff_t handler, context;
  } call;
  int transfer;
  short results;
} call_record;

static int results_taken(lua_State *L) {
  lua_Debug ar;
  if (lua_getstack(L, 0, &ar) == 0) return LUA_MULTRET;
  const call_record *record = (const void *)ar.i_ci;
  return record->results;
}

bool xiol_unwanted(lua_State *L, const xiol_state *state) {
  return state->tells_wanted && results_taken(L) == 0;
}

/* probe(place): notes there what it reads. */
static int probe(lua_State *L) {
  int *read = lua_touserdata(L, 1);
  *read = results_taken(L);
  return 0;
}

void xiol_open_wanted(lua_State *L, xiol_state *state) {
  static const int numbers[] = {0, 1, 2, 5, 100, LUA_MULTRET, 0};
  int top = lua_gettop(L);
  bool all = true;
  xiol_need_stack(L, 110, NULL);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    int read = INT_MIN;
    lua_pushcfunction(L, probe);
    lua_pushlightuserdata(L, &read);
    lua_call(L, 1, numbers[i]);
    lua_settop(L, top);
    all = all && read == numbers[i];
  }
  state->tells_wanted = all;
}
