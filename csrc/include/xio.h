/* xio.h: the public header for hosts that embed xio.
 *
 * xio is a structured-concurrency runtime for Lua 5.4. A host opens the module in a Lua
 * state of its own:
 *
 *     luaL_requiref(L, "xio.core", luaopen_xio_core, 0);
 *     lua_pop(L, 1);
 *
 * after which `require "xio"` finds the core there and its Lua part through package.path.
 * No function here has global state; each Lua state belongs to the thread that uses
 * it. */
#ifndef XIO_H
#define XIO_H

#include <lua.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XIO_VERSION "0.1.0"

#if defined(__GNUC__)
#define XIO_API __attribute__((visibility("default")))
#else
#define XIO_API
#endif

/* Opens xio's C module in `L`: pushes its table and returns 1; opened again, it pushes
 * the same table. Raises a Lua error when memory is out. What it keeps is freed by
 * lua_close. It replaces the functions of the `coroutine` table by ones that let a
 * coroutine wait inside a task. */
XIO_API int luaopen_xio_core(lua_State *L);

/* Makes `require "xio"` work in `L` without any path: puts xio's modules, which libxio
 * carries, into package.preload, opens the C module without replacing any global
 * function, loads the module "xio", pushes its table and returns 1. The standard
 * libraries must be open (luaL_openlibs). Raises a Lua error when memory is out. For
 * luaL_requiref. */
XIO_API int luaopen_xio(lua_State *L);

/* The version, as "major.minor.patch". Static text; any thread. */
XIO_API const char *xio_version(void);

#ifdef __cplusplus
}
#endif

#endif
