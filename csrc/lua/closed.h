/* closed: the field `closed` of what is opened and closed. Loop's thread. */
#ifndef XIOL_CLOSED_H
#define XIOL_CLOSED_H

#include "binding.h"

/* Gives the class at the top, whose __index is a table, the field `closed`: false; and
 * true for objects for which xiol_set_closed was called. That is a class of its own, so
 * that methods are found without calling a function. */
void xiol_add_closed(lua_State *L);

/* The object at `index`, counted from 1, was closed. Not in a finalizer, where it would
 * be finalized again. Raises and allocates nothing. */
void xiol_set_closed(lua_State *L, int index);

#endif
