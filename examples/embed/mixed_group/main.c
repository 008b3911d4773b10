/* mixed_group: tasks in C and tasks in Lua, in one group.
 *
 * A C task is a function that is called again each time it was woken. Lua awaits it,
 * cancels it, and sees it in the tree; its failure cancels the group, and it is cancelled
 * when another task fails.
 *
 * Prints:
 *   countdown 3
 *   countdown 2
 *   countdown 1
 *   lua and C: liftoff 3
 *   the C task was cancelled when a Lua task failed
 *   the C task has failed its group: out of fuel */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <xio.h>

static const char script[] =
    "local xio = require 'xio'\n"
    "xio.group(function(g)\n"
    "  local c = countdown(g, 3)\n"
    "  local lua = g:spawn(function() return 'liftoff' end)\n"
    "  print('lua and C: ' .. lua:await() .. ' ' .. c:await())\n"
    "end)\n"
    "pcall(xio.group, function(g)\n"
    "  countdown(g, 1000)\n"
    "  g:spawn(function() error 'abort' end)\n"
    "end)\n"
    "local ok, err = pcall(xio.group, function(g)\n"
    "  countdown(g, 0)\n"
    "  g:spawn(xio.sleep_forever)\n" /* is cancelled */
    "end)\n"
    "print('the C task has failed its group: ' .. err)\n";

typedef struct countdown {
  int from, left;
} countdown;

/* The body: a state machine whose state is `left`. */
static int count_down(lua_State *L, xio_ctask *task, int result, void *data) {
  countdown *self = data;
  if (result == XIO_ERR_CANCELLED) {
    printf("the C task was cancelled when a Lua task failed\n");
    return xio_ctask_raise_cancelled(L, task);
  }
  if (self->from == 0) {
    lua_pushliteral(L, "out of fuel");
    return lua_error(L); /* as in any C function for Lua: the task fails of it */
  }
  if (self->left == 0) {
    lua_pushinteger(L, self->from);
    return 1; /* its result, for who awaits it */
  }
  if (self->from <= 3) printf("countdown %d\n", self->left);
  self->left--;
  xio_ctask_sleep(task, 0.005);
  return XIO_CTASK_WAIT;
}

/* countdown(group, from): spawns a C task into the group, and returns its handle. */
static int l_countdown(lua_State *L) {
  xio_runtime *runtime = lua_touserdata(L, lua_upvalueindex(1));
  lua_Integer from = luaL_checkinteger(L, 2);
  countdown *self = malloc(sizeof *self);
  if (self == NULL) return luaL_error(L, "not enough memory");
  self->from = self->left = (int)from;
  xio_spawn_options options = XIO_INIT(xio_spawn_options);
  options.name = "countdown";
  options.group = 1; /* the group is argument 1 */
  if (xio_ctask_spawn(runtime, L, count_down, free, self, &options) != 0) {
    free(self);
    return lua_error(L);
  }
  return 1;
}

int main(void) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return EXIT_FAILURE;
  luaL_openlibs(L);
  xio_runtime *runtime = NULL;
  int result = xio_open(L, NULL, &runtime);
  if (result == 0) {
    lua_pushlightuserdata(L, runtime);
    lua_pushcclosure(L, l_countdown, 1);
    lua_setglobal(L, "countdown");
    result = luaL_loadstring(L, script);
  }
  if (result == 0) result = xio_run(runtime, L, 0, 0);
  if (result != 0) (void)fprintf(stderr, "%s\n", xio_traceback(L, -1));
  if (xio_close(runtime, L) != 0) result = XIO_ERR_LUA;
  lua_close(L);
  return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
