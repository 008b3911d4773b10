/* body: what tasks that have not begun will run: functions and their arguments.
 *
 * They stand on the stack of a thread of their own, which nothing runs, in the order of
 * spawning. That is also the order in which they leave, but for schedules by seed, nested
 * runs and tasks whose coroutine could not be made: so the stack is a queue, and each
 * task knows the number of its function, behind which its arguments are. To put one in
 * and take it out costs a third of what a table does, and a task needs no coroutine
 * before its first run, unless too many wait here.
 *
 * What has left at the front stays on the stack until all have, or until it is three
 * quarters; what leaves from the middle is replaced by nils. The thread belongs to the
 * state. Thread of the Lua state. */
#include "binding.h"

enum {
  COMPACT_FROM = 512,            /* values that have left before the rest is moved */
  KEPT_MAX = 160000,             /* values for which room is kept when all have left */
  ROOM_LEAST = LUA_MINSTACK - 2, /* what every thread has, and one more */
  VALUES_MAX = 900000            /* Lua allows a stack of a million values */
};

static inline int index_of(const xiol_state *state, uint32_t number) {
  return (int)(number - state->bodies.first) + 1;
}

bool xiol_body_grow(xiol_state *state, int arguments) {
  int needed = state->bodies.count + arguments + 1;
  int room = state->bodies.room;
  if (needed > VALUES_MAX) return false;
  room = room * 2 > needed ? room * 2 : needed;
  if (room > VALUES_MAX) room = VALUES_MAX;
  /* one more than counted, for a value on its way in or out */
  if (!lua_checkstack(state->bodies.thread, room - state->bodies.count + 1)) return false;
  state->bodies.room = room;
  return true;
}

void xiol_body_put(lua_State *L, xiol_state *state, xiol_task *task) {
  int values = task->arguments + 1;
  lua_xmove(L, state->bodies.thread, values);
  task->body = state->bodies.first + (uint32_t)state->bodies.count;
  task->waiting = true;
  state->bodies.count += values;
}

void xiol_body_push(lua_State *L, const xiol_task *task) {
  const xiol_state *state = task->runtime->state;
  lua_State *from = state->bodies.thread;
  lua_pushvalue(from, index_of(state, task->body));
  lua_xmove(from, L, 1);
}

void xiol_body_replace(lua_State *L, const xiol_task *task) {
  const xiol_state *state = task->runtime->state;
  lua_xmove(L, state->bodies.thread, 1);
  lua_replace(state->bodies.thread, index_of(state, task->body));
}

/* Moves what has not left to the bottom. */
static void compact(xiol_state *state) {
  lua_State *thread = state->bodies.thread;
  int left = state->bodies.left;
  for (int i = left + 1; i <= state->bodies.count; i++) lua_copy(thread, i, i - left);
  state->bodies.count -= left;
  state->bodies.first += (uint32_t)left;
  state->bodies.left = 0;
  lua_settop(thread, state->bodies.count);
  if (XIO_UNLIKELY(state->bodies.count == 0 && state->bodies.room > KEPT_MAX)) {
    lua_resetthread(thread); /* gives its stack back */
    state->bodies.room = ROOM_LEAST;
  }
}

/* Makes nil of what leaves from the middle: no function is, so that it is found. */
static void leave_hole(xiol_state *state, int index, int values) {
  lua_State *thread = state->bodies.thread;
  for (int i = 0; i < values; i++) {
    lua_pushnil(thread);
    lua_replace(thread, index + i);
  }
  state->bodies.holes += values;
}

static inline void drop(xiol_state *state, xiol_task *task) {
  int values = task->arguments + 1;
  int index = index_of(state, task->body);
  task->waiting = false;
  if (XIO_UNLIKELY(index != state->bodies.left + 1)) {
    leave_hole(state, index, values);
    return;
  }
  state->bodies.left += values;
  while (state->bodies.holes != 0 && state->bodies.left < state->bodies.count &&
         lua_isnil(state->bodies.thread, state->bodies.left + 1)) {
    state->bodies.left++;
    state->bodies.holes--;
  }
  if (state->bodies.left == state->bodies.count ||
      (state->bodies.left >= COMPACT_FROM &&
       state->bodies.left > state->bodies.count / 4 * 3)) {
    compact(state);
  }
}

void xiol_body_drop(xiol_state *state, xiol_task *task) {
  drop(state, task);
}

void xiol_body_take(lua_State *co, xiol_state *state, xiol_task *task) {
  lua_State *from = state->bodies.thread;
  int index = index_of(state, task->body);
  lua_pushvalue(from, index);
  lua_xmove(from, co, 1);
  for (int i = 1; i <= task->arguments; i++) {
    lua_pushvalue(from, index + i);
    lua_xmove(from, co, 1);
  }
  drop(state, task);
}

void xiol_open_body(lua_State *L, xiol_state *state) {
  state->bodies.thread = lua_newthread(L);
  xiol_keep(L, state, XIOL_REF_BODIES);
  state->bodies.first = 1;
  state->bodies.room = ROOM_LEAST;
}
