/* minimal: the shortest host: a Lua script with tasks inside a C program.
 *
 * Prints:
 *   4  5
 *   the script returned done
 *   failed as it should: no such luck */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <xio.h>

static const char script[] =
    "local xio = require 'xio'\n" /* no path is needed: libxio carries its Lua modules */
    "local a, b = xio.gather(\n"
    "  function() xio.sleep(0.01); return 4 end,\n"
    "  function() xio.sleep(0.01); return 5 end)\n"
    "print(('%d  %d'):format(a, b))\n"
    "return 'done'\n";

static const char failing[] =
    "local xio = require 'xio'\n"
    "xio.group(function(g)\n"
    "  g:spawn(function() error('no such luck', 0) end)\n"
    "  xio.sleep_forever()\n"
    "end)\n";

int main(void) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return EXIT_FAILURE;
  luaL_openlibs(L);
  xio_runtime *runtime = NULL;
  if (xio_open(L, NULL, &runtime) != 0) {
    (void)fprintf(stderr, "cannot open xio: %s\n", lua_tostring(L, -1));
    lua_close(L);
    return EXIT_FAILURE;
  }

  /* As lua_pcall, but the chunk is a task, and may wait and spawn others. */
  int failures = 0;
  if (luaL_loadstring(L, script) != LUA_OK || xio_run(runtime, L, 0, 1) != 0) {
    (void)fprintf(stderr, "%s\n", xio_traceback(L, -1));
    failures++;
  } else {
    printf("the script returned %s\n", lua_tostring(L, -1));
  }
  lua_settop(L, 0);

  /* An error of any task ends the run, and is the host's, as a value on the stack. */
  if (luaL_loadstring(L, failing) == LUA_OK && xio_run(runtime, L, 0, 0) == XIO_ERR_LUA) {
    printf("failed as it should: %s\n", lua_tostring(L, -1));
  } else {
    failures++;
  }
  lua_settop(L, 0);

  if (xio_close(runtime, L) != 0) failures++;
  lua_close(L);
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
