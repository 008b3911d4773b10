/* watch: xio.fs.watch as Lua sees it. The box owns the watch of core/watch.h, and is the
 * iterator and the closing value of a loop over it. Loop's thread. */
#include <string.h>

#include "../core/watch.h"
#include "closed.h"
#include "file.h"

static const xiol_kind xiol_kind_watch = {"xio.Watch"};

typedef struct xiol_watch {
  const xiol_kind *kind;
  xiol_state *state;
  xio_watch *watch; /* NULL: closed. User value 1: the path */
} xiol_watch;

static xiol_watch *check_watch(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_watch, function);
}

/* Pushes nil, the error about what is watched by the box at 1, the code; or raises the
 * error. */
static int refuse(lua_State *L, int status, bool raises) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  lua_getiuservalue(L, 1, 1);
  int count = xiol_refuse_path(L, status, "watch", lua_tostring(L, -1));
  if (!raises) return count;
  lua_pop(L, 1);
  return lua_error(L);
}

/* Pushes {name =, kind =}. */
static void push_event(lua_State *L, int kind, const char *name) {
  lua_createtable(L, 0, 2);
  if (*name != '\0') {
    lua_pushstring(L, name);
    lua_setfield(L, -2, "name");
  }
  lua_pushstring(L, kind == XIO_WATCH_CHANGED ? "change"
                    : kind == XIO_WATCH_LOST  ? "lost"
                                              : "rename");
  lua_setfield(L, -2, "kind");
}

static int finish_next(lua_State *L, int status, lua_KContext raises);

/* Gives the first event, or waits. A loop ends where the watch is closed. */
static int next_event(lua_State *L, xiol_watch *box, xiol_task *task, bool raises) {
  int kind = 0;
  const char *name = NULL;
  int status = XIO_ECLOSED;
  if (box->watch != NULL) status = xio_watch_first(box->watch, &kind, &name);
  if (status == XIO_OK) {
    push_event(L, kind, name); /* may raise: then the event stays */
    xio_watch_take(box->watch);
    return 1;
  }
  if (status == XIO_EAGAIN) {
    status = xio_watch_wait(box->watch, &task->core);
    if (status == XIO_OK) return xiol_yield(L, raises, finish_next);
    xiol_fail(L, "watch:recv: another task is waiting already; one does at a time");
  }
  if (status != XIO_ECLOSED || !raises) return refuse(L, status, raises);
  lua_pushnil(L);
  return 1;
}

static int finish_next(lua_State *L, int status, lua_KContext raises) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  return next_event(L, lua_touserdata(L, 1), task, raises != 0);
}

static int begin_next(lua_State *L, const char *function, bool raises) {
  xiol_state *state = xiol_state_of(L);
  xiol_watch *box = check_watch(L, function);
  lua_settop(L, 1);
  xiol_task *task = xiol_enter(L, state, function);
  bool open = box->watch != NULL && !box->watch->closed;
  if (open && box->watch->loop != task->runtime->loop) {
    xiol_fail(L, "%s: the watch belongs to another run: use it there", function);
  }
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, 0, xiol_finish_cancelled);
  }
  if (!xio_task_spend(&task->core)) {
    xio_task_pause(&task->core);
    return xiol_yield(L, raises, finish_next);
  }
  return next_event(L, box, task, raises);
}

static int watch_recv(lua_State *L) {
  return begin_next(L, "watch:recv", false);
}

/* The step of a loop over the watch. */
static int watch_call(lua_State *L) {
  return begin_next(L, "watch", true);
}

/* Raises and allocates nothing. */
static bool release(xiol_watch *box) {
  if (box->watch == NULL) return false;
  bool first = !box->watch->closed;
  xio_watch_release(box->watch);
  box->watch = NULL;
  box->state->live.files--;
  return first;
}

static int watch_close(lua_State *L) {
  lua_pushboolean(L, release(check_watch(L, "watch:close")));
  xiol_set_closed(L, 1);
  return 1;
}

static int watch_end(lua_State *L) {
  release(check_watch(L, "watch.__close"));
  xiol_set_closed(L, 1);
  return 0;
}

static int watch_gc(lua_State *L) {
  if (!release(lua_touserdata(L, 1))) return 0;
  lua_getiuservalue(L, 1, 1);
  lua_warning(L, "xio: a watch was collected that had not been closed: ", 1);
  lua_warning(L, lua_tostring(L, -1), 0);
  return 0;
}

static int watch_stats(lua_State *L) {
  const xiol_watch *box = check_watch(L, "watch:stats");
  bool open = box->watch != NULL && !box->watch->closed;
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, open && box->watch->waiter != NULL);
  lua_setfield(L, -2, "waiting");
  lua_pushinteger(L, open ? (lua_Integer)box->watch->count : 0);
  lua_setfield(L, -2, "buffered");
  return 1;
}

static int watch_tostring(lua_State *L) {
  const xiol_watch *box = check_watch(L, "watch.__tostring");
  lua_getiuservalue(L, 1, 1);
  bool closed = box->watch == NULL || box->watch->closed;
  lua_pushfstring(L, "watch of %s%s", lua_tostring(L, -1), closed ? " (closed)" : "");
  return 1;
}

static void make_class(lua_State *L, xiol_state *state);

/* watch(path): the watch, nil, nil, and the watch as what the loop closes; see
 * lua/xio/fs.lua. */
static int l_watch(lua_State *L) {
  static const char function[] = "xio.fs.watch";
  xiol_state *state = xiol_state_of(L);
  const char *path = xiol_check_path(L, 1, function);
  lua_settop(L, 1);
  xiol_task *task = xiol_running(L, state, function);
  xiol_watch *box = lua_newuserdatauv(L, sizeof *box, 1);
  *box = (xiol_watch){.kind = &xiol_kind_watch, .state = state};
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  xiol_set_class(L, state, XIOL_REF_WATCH, make_class);
  int status = XIO_EINVAL;
  if (xiol_is_path(L, 1)) {
    status = xio_watch_open(&box->watch, task->runtime->loop, path);
  }
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) {
    xiol_refuse_path(L, status, "watch", path);
    lua_pushvalue(L, 1); /* whole, also where it has a byte of 0 */
    lua_setfield(L, -3, "path");
    return 3;
  }
  state->live.files++;
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, 2);
  return 4;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"recv", watch_recv}, {"close", watch_close}, {"stats", watch_stats}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", watch_gc},
                                  {"__close", watch_end},
                                  {"__call", watch_call},
                                  {"__tostring", watch_tostring},
                                  {NULL, NULL}};
  xiol_make_plain_class(L, state, &xiol_kind_watch, meta, methods, NULL);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_WATCH);
}

void xiol_open_watch(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"watch", l_watch}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
