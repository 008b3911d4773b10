/* copy_names: what copy_out.c asks about values that are named instead of copied. None of
 * these raises or allocates, but xiol_copy_collect_names. The value asked about is at the
 * top of the stack and stays there. */
#ifndef XIOL_COPY_NAMES_H
#define XIOL_COPY_NAMES_H

#include "copy.h"

/* "module\0field", by which other states have the value, as far as names were collected;
 * NULL: it has none. The text lives as long as the value. */
const char *xiol_copy_name(lua_State *L, const xiol_state *state, size_t *length);

/* The name of the loaded module that the value is, or NULL; it lives as long as it is
 * loaded. */
const char *xiol_copy_module(lua_State *L, size_t *length);

/* The name of the class whose metatable the value is, or NULL; for ever. */
const char *xiol_copy_class(lua_State *L, const xiol_state *state);

/* What is known of the kind of the userdata; NULL: it cannot be copied. */
const xiol_shareable *xiol_copy_shareable(lua_State *L, const xiol_state *state);

/* Whether the function is one of xio's own, written in Lua. */
bool xiol_copy_is_ours(lua_State *L, const xiol_state *state);

/* Collects the names of what loaded modules have now. Raises when memory is out. */
void xiol_copy_collect_names(lua_State *L, xiol_state *state);

/* xiol_copy_out with other limits, for tests. */
xiol_message *xiol_copy_out_within(lua_State *L, xiol_state *state, int first, int count,
                                   xiol_copy_roots roots, const char *function,
                                   size_t bytes_max, int depth_max);

#endif
