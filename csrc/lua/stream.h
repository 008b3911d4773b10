/* stream: what other files of csrc/lua need of streams and listeners. Loop's thread. */
#ifndef XIOL_STREAM_H
#define XIOL_STREAM_H

#include "../core/listener.h"
#include "read.h"

/* What Lua has of a stream. */
typedef struct xiol_stream {
  xiol_source source;
  xio_stream *core;  /* NULL: closed, or not opened yet */
  uint64_t written;  /* by a stream that is closed now */
  xiol_task *writer; /* in the middle of a write; NULL: none */
  uint64_t writer_id;
} xiol_stream;

/* Pushes a box without a stream, which acts as a closed one. Raises when memory is
 * out. */
xiol_stream *xiol_push_stream(lua_State *L, xiol_state *state);

/* Gives the box a stream, which it owns from now on. Never fails. */
void xiol_set_stream(xiol_stream *box, xio_stream *core);

/* Closes the box; returns whether it was open. Raises and allocates nothing. */
bool xiol_close_stream(xiol_stream *box);

/* Pushes what people write for an address: host and port, or a path. Returns how many. */
int xiol_push_address(lua_State *L, const xio_address *address);

extern const luaL_Reg xiol_stream_functions[], xiol_socket_functions[];

#endif
