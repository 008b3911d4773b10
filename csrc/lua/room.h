/* room: strings whose bytes are written where they stay.
 *
 * Lua makes a string by copying, which for what is read in pieces of 64 KB is a third of
 * all the work. A room is a block of the Lua state's allocator with the size of a string
 * object; bytes are read into its place for the bytes. To make the string, the
 * allocation function is replaced for one request: Lua asks for memory for the new
 * string, is given the room, fills in its header, and copies the bytes onto themselves,
 * which memcpy of the usual C libraries sees and leaves.
 *
 * Where the bytes stand in a string object is not promised by Lua: it is measured when
 * the state is opened, and where what is found is not what is expected, or the allocation
 * function is not that of the opening, strings are copied (room.c). A room belongs to who
 * embeds it, until it has become a string. Loop's thread. */
#ifndef XIOL_ROOM_H
#define XIOL_ROOM_H

#include "binding.h"

/* Measures; while the state is opened. Raises when memory is out. */
void xiol_open_room(lua_State *L, xiol_state *state);

/* Makes room for `size` bytes, which are not set; what the room held is forgotten. False:
 * memory is out, and the room is as it was. */
bool xiol_room_make(const xiol_state *state, xiol_room *room, size_t size);

/* Gives it back; it is empty. Never fails. */
void xiol_room_free(const xiol_state *state, xiol_room *room);

/* Pushes the string of the first `count` bytes of the room, which is at least that large.
 * Where that is much of it, the room becomes the string, and is empty then; else it stays
 * as it is. Raises when memory is out: nothing has changed. */
void xiol_room_push(lua_State *L, xiol_state *state, xiol_room *room, size_t count);

/* The same for bytes that would be lost: where memory is out the room becomes the string,
 * small as that may be. Raises only where strings are copied always. */
void xiol_room_push_surely(lua_State *L, xiol_state *state, xiol_room *room,
                           size_t count);

#endif
