/* exit: see exit.h. */
#include "cli/exit.h"

#include <lauxlib.h>
#include <stdlib.h>

#include "cli/edit.h"
#include "cli/quit.h"

static int exit_code(lua_State *L) {
  if (lua_isboolean(L, 1)) return lua_toboolean(L, 1) ? EXIT_SUCCESS : EXIT_FAILURE;
  return (int)luaL_optinteger(L, 1, EXIT_SUCCESS);
}

/* Closes what is to be closed in the main task. That may be the very coroutine that runs:
 * its stack is cut then, which is legal because nothing returns to it any more. What a
 * __close raises goes unheard, as in the stock function. */
static void close_coroutine(lua_State *coroutine) {
#if LUA_VERSION_RELEASE_NUM >= 50406
  lua_closethread(coroutine, NULL);
#else
  lua_resetthread(coroutine);
#endif
}

/* os.exit([code [, close]]): does not return. */
static int exit_process(lua_State *L) {
  xio_program *program = lua_touserdata(L, lua_upvalueindex(1));
  int code = exit_code(L);
  xio_edit_close();
  if (lua_toboolean(L, 2)) {
    if (program->coroutine != NULL) close_coroutine(program->coroutine);
    xio_quit_close();
    lua_close(L);
  }
  /* as the stock function; other threads of ours have nothing at exit */
  exit(code); /* NOLINT(concurrency-mt-unsafe) */
}

void xio_exit_push(lua_State *L, xio_program *program) {
  lua_pushlightuserdata(L, program);
  lua_pushcclosure(L, exit_process, 1);
}
