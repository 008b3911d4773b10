/* preload: xio's own Lua modules, carried inside a program or library.
 *
 * The build writes tables of modules as C (tools/embed.c): bytecode for the interpreter,
 * which has the very Lua that compiled it inside, and source text for libxio, whose host
 * brings a Lua of its own. A table is constant, ends with an entry without name, and may
 * be read on any thread. The Lua module of the rock has none: there the files are on
 * package.path. All else here is of the thread that runs the Lua state. */
#ifndef XIOL_PRELOAD_H
#define XIOL_PRELOAD_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/* The chunks are named so, and go on with the file's name ("error.lua"): traces leave
 * them out. */
#define XIOL_SOURCE_PREFIX "=[xio] "

typedef struct xiol_module {
  const char *name; /* as for require: "xio", "xio.error"; NULL: the end */
  const char *file; /* "error.lua" */
  const unsigned char *data;
  size_t size; /* bytes */
} xiol_module;

/* The table of the program or library, in a file that the build has written. */
extern const xiol_module xiol_embedded_modules[];

/* Puts `modules` and xio.core into package.preload, and remembers them for the states of
 * other threads. Raises when memory is out. */
void xiol_preload(lua_State *L, const xiol_module *modules);

/* What was given to xiol_preload on this state; NULL where that was never called. */
const xiol_module *xiol_preloaded(lua_State *L);

/* Runs a module's chunk anew, outside package.loaded, and pushes its result. Raises where
 * there is no such module. */
void xiol_push_module(lua_State *L, const char *name);

#endif
