/* own_loop: tasks on the uv loop of the host, beside the host's own timers and luv.
 *
 * The host runs its loop by itself, as it did before it knew of xio: xio_attach lets each
 * iteration run the tasks that are ready. Nothing of the host's on that loop is touched.
 * If luv is installed for this Lua, it is given the same loop, and its callbacks wake
 * tasks.
 *
 * Prints:
 *   a task was woken by a callback (luv, or the host)
 *   the host's timer has fired 3 times
 *   all tasks have ended: 0
 *   the loop is empty: 0 */
#include <dlfcn.h>
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>
#include <xio.h>

static const char script[] =
    "local xio = require 'xio'\n"
    "local woken = xio.event()\n"
    "local found, luv = pcall(require, 'luv')\n"
    "if found and luv_has_our_loop then\n"
    "  local timer = luv.new_timer()\n"
    "  timer:start(5, 0, function() timer:close(); woken:set() end)\n"
    "else\n"
    "  on_host_timer = function() woken:set() end\n"
    "end\n"
    "woken:wait()\n"
    "print 'a task was woken by a callback (luv, or the host)'\n"
    "while ticks < 3 do xio.sleep(0.001) end\n";

/* The host's own state, which its handles point to as ever. */
typedef struct host {
  lua_State *L;
  int ticks;
} host;

/* A callback of the host. It may use Lua, protected, as it always could. */
static void on_tick(uv_timer_t *timer) {
  host *self = timer->data;
  lua_State *L = self->L;
  self->ticks++;
  lua_pushinteger(L, self->ticks);
  lua_setglobal(L, "ticks");
  if (lua_getglobal(L, "on_host_timer") == LUA_TFUNCTION) {
    if (lua_pcall(L, 0, 0, 0) != LUA_OK) lua_pop(L, 1);
  } else {
    lua_pop(L, 1);
  }
  if (self->ticks == 3) {
    printf("the host's timer has fired %d times\n", self->ticks);
    uv_close((uv_handle_t *)timer, NULL);
  }
}

static void on_ended(xio_runtime *runtime, lua_State *L, int result, void *data) {
  (void)runtime;
  (void)data;
  if (result != 0) (void)fprintf(stderr, "%s\n", xio_traceback(L, -1));
  printf("all tasks have ended: %d\n", result);
}

/* Gives luv the loop, if it is installed: it must be told before it is loaded. */
static void share_with_luv(lua_State *L, uv_loop_t *loop) {
  if (luaL_dostring(L, "return (package.searchpath('luv', package.cpath))") != LUA_OK) {
    return;
  }
  const char *path = lua_tostring(L, -1);
  void *library = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void (*set_loop)(lua_State *, uv_loop_t *) = NULL;
  if (library != NULL) *(void **)&set_loop = dlsym(library, "luv_set_loop");
  if (set_loop != NULL) {
    set_loop(L, loop);
    lua_pushboolean(L, 1);
    lua_setglobal(L, "luv_has_our_loop");
  }
}

int main(void) {
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) return EXIT_FAILURE;
  lua_State *L = luaL_newstate();
  if (L == NULL) return EXIT_FAILURE;
  luaL_openlibs(L);
  share_with_luv(L, &loop);
  lua_settop(L, 0);

  xio_open_options options = XIO_INIT(xio_open_options);
  options.uv = &loop;
  xio_runtime *runtime = NULL;
  if (xio_open(L, &options, &runtime) != 0 ||
      xio_attach(runtime, L, on_ended, NULL) != 0) {
    (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return EXIT_FAILURE;
  }

  host self = {.L = L};
  lua_pushinteger(L, 0);
  lua_setglobal(L, "ticks");
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  timer.data = &self;
  uv_timer_start(&timer, on_tick, 10, 10);

  if (luaL_loadstring(L, script) != LUA_OK || xio_spawn(runtime, L, 0, NULL) != 0) {
    (void)fprintf(stderr, "%s\n", lua_tostring(L, -1));
    return EXIT_FAILURE;
  }
  lua_settop(L, 0); /* the task's handle: it goes on without */

  uv_run(&loop, UV_RUN_DEFAULT); /* until neither the host nor a task needs it */

  int result = xio_close(runtime, L); /* before the loop and the Lua state */
  lua_close(L);                       /* luv closes what is its own */
  uv_run(&loop, UV_RUN_DEFAULT);
  int status = uv_loop_close(&loop);
  printf("the loop is empty: %d\n", status);
  return result == 0 && status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
