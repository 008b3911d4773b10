/* room: see room.h.
 *
 * The allocation function is another than the state's own from one call of lua_setallocf
 * to the first block that Lua asks for then, which is that of the string: lua_pushlstring
 * makes nothing else before, and runs no other code. */
#include "room.h"

#include <string.h>

enum {
  PROBED = 100,    /* bytes of the string that is looked at */
  HEADER_MAX = 64, /* more than this is not what is expected */
  LEAST = 4096     /* shorter strings are quicker copied */
};

static void restore(xiol_state *state) {
  lua_setallocf(state->main, state->alloc.resize, state->alloc.context);
}

/* -- measuring ----------------------------------------------------------------------- */

typedef struct probe {
  xiol_state *state;
  char *block;
  size_t size;
} probe;

/* Notes the first request. */
static void *look(void *context, void *ptr, size_t old_size, size_t new_size) {
  probe *seen = context;
  const xio_allocator *alloc = &seen->state->alloc;
  restore(seen->state);
  void *block = alloc->resize(alloc->context, ptr, old_size, new_size);
  if (ptr == NULL) *seen = (probe){seen->state, block, new_size};
  return block;
}

void xiol_open_room(lua_State *L, xiol_state *state) {
  char bytes[PROBED];
  memset(bytes, 'x', sizeof bytes);
  xiol_need_stack(L, 1, NULL);
  probe seen = {.state = state};
  lua_setallocf(L, look, &seen);
  const char *string = lua_pushlstring(L, bytes, sizeof bytes);
  lua_pop(L, 1);
  state->string_header = 0;
  if (seen.block == NULL || seen.size <= PROBED + 1) return;
  size_t header = seen.size - PROBED - 1;
  if (header > HEADER_MAX || string != seen.block + header) return;
  state->string_header = (uint32_t)header;
}

/* -- rooms --------------------------------------------------------------------------- */

/* The whole block, which also has the string's header and the 0 behind its bytes. */
static size_t whole(const xiol_state *state, size_t size) {
  return state->string_header + size + 1;
}

bool xiol_room_make(const xiol_state *state, xiol_room *room, size_t size) {
  const xio_allocator *alloc = &state->alloc;
  if (size > SIZE_MAX / 2) return false;
  char *block = alloc->resize(alloc->context, NULL, LUA_TSTRING, whole(state, size));
  if (block == NULL) return false;
  xiol_room_free(state, room);
  *room = (xiol_room){block + state->string_header, size};
  return true;
}

void xiol_room_free(const xiol_state *state, xiol_room *room) {
  if (room->bytes == NULL) return;
  xio_alloc_free(&state->alloc, room->bytes - state->string_header,
                 whole(state, room->size));
  *room = (xiol_room){0};
}

/* Cuts the room to `count` bytes. False: the allocator refuses that. */
static bool cut(const xiol_state *state, xiol_room *room, size_t count) {
  if (room->size == count) return true;
  const xio_allocator *alloc = &state->alloc;
  char *block = alloc->resize(alloc->context, room->bytes - state->string_header,
                              whole(state, room->size), whole(state, count));
  if (block == NULL) return false;
  *room = (xiol_room){block + state->string_header, count};
  return true;
}

/* Whether rooms can become strings. */
static bool can_give(lua_State *L, const xiol_state *state) {
  if (state->string_header == 0) return false;
  void *context = NULL;
  lua_Alloc function = lua_getallocf(L, &context);
  return function == state->alloc.resize && context == state->alloc.context;
}

/* Whether a string of `count` bytes is better made of the room than copied. */
static bool is_worth(const xiol_room *room, size_t count) {
  return count >= LEAST && count >= room->size / 2;
}

/* The allocation function until a block is asked for. */
static void *give(void *context, void *ptr, size_t old_size, size_t new_size) {
  xiol_state *state = context;
  if (ptr == NULL) {
    restore(state);
    if (state->given != NULL && new_size == state->given_size) {
      void *block = state->given;
      state->given = NULL;
      return block;
    }
  }
  return state->alloc.resize(state->alloc.context, ptr, old_size, new_size);
}

/* Makes the room, which is cut to the string's size, the string; or copies, where Lua
 * does not ask for memory, since it has that string already. */
static void push_given(lua_State *L, xiol_state *state, xiol_room *room) {
  state->given = room->bytes - state->string_header;
  state->given_size = whole(state, room->size);
  lua_setallocf(L, give, state);
  lua_pushlstring(L, room->bytes, room->size);
  restore(state);
  if (state->given == NULL) *room = (xiol_room){0};
  state->given = NULL; /* where it was not asked for, it stays the room's */
}

void xiol_room_push(lua_State *L, xiol_state *state, xiol_room *room, size_t count) {
  if (is_worth(room, count) && can_give(L, state) && cut(state, room, count)) {
    push_given(L, state, room);
  } else {
    lua_pushlstring(L, room->bytes, count);
  }
}

/* copy(room, count) */
static int copy(lua_State *L) {
  const xiol_room *room = lua_touserdata(L, 1);
  lua_pushlstring(L, room->bytes, (size_t)lua_tointeger(L, 2));
  return 1;
}

void xiol_room_push_surely(lua_State *L, xiol_state *state, xiol_room *room,
                           size_t count) {
  if (is_worth(room, count) || !can_give(L, state)) {
    xiol_room_push(L, state, room, count);
    return;
  }
  lua_pushcfunction(L, copy);
  lua_pushlightuserdata(L, room);
  lua_pushinteger(L, (lua_Integer)count);
  if (lua_pcall(L, 2, 1, 0) == LUA_OK) return;
  if (!cut(state, room, count)) lua_error(L);
  lua_pop(L, 1);
  push_given(L, state, room);
}
