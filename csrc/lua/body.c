/* body: functions of tasks that have not begun and have no handle.
 *
 * They stand on the stack of a thread of their own, which nothing runs, in the order of
 * spawning. That is also the order in which they leave, but for schedules by seed, nested
 * runs and tasks that are given a handle: so the stack is a queue whose entries are named
 * by their number. To put one in and take it out costs a third of what a table does.
 *
 * What has left at the front stays on the stack until all have, or until it is the larger
 * part; what leaves from the middle is replaced by nil. The thread belongs to the state.
 * Thread of the Lua state. */
#include "binding.h"

enum {
  COMPACT_FROM = 512, /* entries that have left before the rest is moved */
  BODIES_MAX = 900000 /* Lua allows a stack of a million values */
};

static inline int index_of(const xiol_state *state, uint64_t number) {
  return (int)(number - state->bodies.first) + 1;
}

bool xiol_body_fits(const xiol_state *state) {
  return state->bodies.count < BODIES_MAX;
}

uint64_t xiol_body_put(lua_State *L, xiol_state *state) {
  if (XIO_UNLIKELY(state->bodies.count == state->bodies.room)) {
    int more = state->bodies.room < 64 ? 64 : state->bodies.room;
    if (!lua_checkstack(state->bodies.thread, more)) xiol_raise_memory(L);
    state->bodies.room += more;
  }
  lua_xmove(L, state->bodies.thread, 1);
  return state->bodies.first + (uint64_t)state->bodies.count++;
}

void xiol_body_push(lua_State *L, const xiol_state *state, uint64_t number) {
  lua_State *from = state->bodies.thread;
  lua_pushvalue(from, index_of(state, number));
  lua_xmove(from, L, 1);
}

void xiol_body_replace(lua_State *L, xiol_state *state, uint64_t number) {
  lua_xmove(L, state->bodies.thread, 1);
  lua_replace(state->bodies.thread, index_of(state, number));
}

/* Moves what has not left to the bottom. */
static void compact(xiol_state *state) {
  lua_State *thread = state->bodies.thread;
  int left = state->bodies.left;
  for (int i = left + 1; i <= state->bodies.count; i++) lua_copy(thread, i, i - left);
  state->bodies.count -= left;
  state->bodies.first += (uint64_t)left;
  state->bodies.left = 0;
  lua_settop(thread, state->bodies.count);
}

void xiol_body_drop(xiol_state *state, uint64_t number) {
  int index = index_of(state, number);
  if (XIO_UNLIKELY(index != state->bodies.left + 1)) {
    lua_pushnil(state->bodies.thread);
    lua_replace(state->bodies.thread, index);
    state->bodies.holes++;
    return;
  }
  state->bodies.left++;
  while (state->bodies.holes != 0 && state->bodies.left < state->bodies.count &&
         lua_isnil(state->bodies.thread, state->bodies.left + 1)) {
    state->bodies.left++;
    state->bodies.holes--;
  }
  if (state->bodies.left == state->bodies.count ||
      (state->bodies.left >= COMPACT_FROM &&
       state->bodies.left > state->bodies.count / 2)) {
    compact(state);
  }
}

void xiol_open_body(lua_State *L, xiol_state *state) {
  state->bodies.thread = lua_newthread(L);
  xiol_keep(L, state, XIOL_REF_BODIES);
  state->bodies.first = 1;
  /* one more than counted, for a value on its way in or out */
  state->bodies.room = LUA_MINSTACK - 2;
}
