/* signal: tasks that listen for signals: xio.signal.listen. See core/catcher.h, which
 * says what is queued, and what becomes of signals that nobody reads.
 *
 * A listener is a userdata that holds a catcher, which belongs to the loop of the run
 * that it was made in. Loop's thread. Not here: what SIGINT and SIGTERM do to a run
 * (run.c). */
#include <string.h>

#include "../base/signame.h"
#include "../core/catcher.h"
#include "binding.h"
#include "closed.h"

enum { LISTENED_MAX = 64 };

const xiol_kind xiol_kind_signals = {"xio.SignalListener"};

typedef struct xiol_listener {
  const xiol_kind *kind;
  xiol_state *state;
  xio_catcher *catcher; /* NULL: closed, also by the end of its run */
  bool counted;         /* in state->live */
} xiol_listener;

static xiol_listener *check_listener(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_signals, function);
}

/* The signal named at `index`, which a program may listen for; raises otherwise. */
static int check_signal(lua_State *L, int index, const char *function) {
  if (lua_type(L, index) != LUA_TSTRING) {
    xiol_type_error(L, function, index, "name of a signal");
  }
  const char *name = lua_tostring(L, index);
  int signum = xio_signame_number(name);
  if (signum == 0) {
    bool prefixed = strncmp(name, "SIG", 3) == 0 && xio_signame_number(name + 3) != 0;
    const char *hint = prefixed ? lua_pushfstring(L, ": the name is '%s'", name + 3) : "";
    const char *message = lua_pushfstring(L, "unknown signal '%s'%s", name, hint);
    xiol_arg_error(L, function, index, message);
  }
  if (!xio_signame_catchable(signum)) {
    const char *message = lua_pushfstring(L, "nobody can listen for '%s'", name);
    xiol_arg_error(L, function, index, message);
  }
  return signum;
}

/* Reads the names at 1 to the top; returns how many. */
static int check_signals(lua_State *L, int signums[LISTENED_MAX], const char *function) {
  int count = lua_gettop(L);
  if (count == 0) xiol_arg_error(L, function, 1, "name of a signal expected");
  for (int i = 0; i < count; i++) {
    int signum = check_signal(L, i + 1, function);
    for (int j = 0; j < i; j++) { /* also keeps the list shorter than LISTENED_MAX */
      if (signums[j] != signum) continue;
      const char *name = lua_tostring(L, i + 1);
      xiol_arg_error(L, function, i + 1, lua_pushfstring(L, "'%s' twice", name));
    }
    signums[i] = signum;
  }
  return count;
}

static void make_class(lua_State *L, xiol_state *state);

/* signal_listen(name, ...): a listener, nil, nil, and the listener again. */
static int open_listener(lua_State *L, const char *function) {
  int signums[LISTENED_MAX];
  xiol_state *state = xiol_state_of(L);
  int count = check_signals(L, signums, function);
  xiol_task *task = xiol_running(L, state, function);
  xiol_listener *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (xiol_listener){.kind = &xiol_kind_signals, .state = state};
  xiol_set_class(L, state, XIOL_REF_SIGNALS, make_class);
  int status = xio_catcher_open(&box->catcher, task->runtime->loop, signums, count);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return xiol_refuse(L, status, "listen");
  box->counted = true;
  state->live.signals++;
  lua_pushnil(L);
  lua_pushnil(L);
  lua_pushvalue(L, -3); /* what a loop closes when it is left */
  return 4;
}

static int l_listen(lua_State *L) {
  return open_listener(L, "xio.signal.listen");
}

/* signal_listen_once(name, ...): the same, for xio.signal.wait. */
static int l_listen_once(lua_State *L) {
  xiol_enter(L, xiol_state_of(L), "xio.signal.wait");
  return open_listener(L, "xio.signal.wait");
}

static bool close_box(xiol_listener *box) {
  if (box == NULL) return false;
  if (box->counted) box->state->live.signals--;
  box->counted = false;
  if (box->catcher == NULL) return false;
  xio_catcher_close(box->catcher);
  return true;
}

/* The signal that is first in the queue: pushes its name. */
static int push_signal(lua_State *L, xio_catcher *catcher) {
  int signum = xio_catcher_take(catcher);
  XIO_ASSERT(signum != 0);
  lua_pushstring(L, xio_signame_of(signum));
  return 1;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  xiol_listener *box = lua_touserdata(L, 1);
  if (status == XIO_OK && box->catcher == NULL) status = XIO_ECLOSED;
  if (status != XIO_OK) return xiol_refuse(L, status, "signal");
  return push_signal(L, box->catcher);
}

static int begin_wait(lua_State *L, int64_t timeout, const char *function) {
  xiol_state *state = xiol_state_of(L);
  xiol_listener *box = check_listener(L, function);
  xiol_task *task = xiol_enter(L, state, function);
  lua_settop(L, 1);
  if (box->catcher == NULL) return xiol_refuse(L, XIO_ECLOSED, "signal");
  if (xio_catcher_loop(box->catcher) != task->runtime->loop) {
    return xiol_fail(L, "%s: the listener belongs to another run: use it there",
                     function);
  }
  if (xio_catcher_busy(box->catcher)) {
    return xiol_fail(
        L, "%s: another task is waiting for its signals already; one does at a time",
        function);
  }
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  if (xio_catcher_queued(box->catcher) != 0 && xio_task_spend(&task->core)) {
    return push_signal(L, box->catcher);
  }
  if (xio_catcher_queued(box->catcher) != 0) {
    xio_catcher_promise(box->catcher, &task->core);
    return xiol_yield(L, 0, finish_wait);
  }
  xio_clock *clock = task->core.wait.queue->clock;
  int64_t at = timeout == XIO_NEVER ? XIO_NEVER : xio_clock_after(clock, timeout);
  if (xio_catcher_wait(box->catcher, &task->core, at) != XIO_OK) xiol_raise_memory(L);
  return xiol_yield(L, 0, finish_wait);
}

/* listener:wait([timeout]): the name of the next signal; nil, err, "ETIMEDOUT" after
 * `timeout` seconds; nil, err, "ECLOSED" where the listener is or gets closed. One task
 * at a time. A checkpoint; cancelled, it has taken no signal. */
static int listener_wait(lua_State *L) {
  static const char function[] = "listener:wait";
  check_listener(L, function);
  return begin_wait(L, xiol_check_seconds(L, 2, true, function), function);
}

/* The step of a loop over it: the same; a closed listener ends the loop. */
static int listener_call(lua_State *L) {
  return begin_wait(L, XIO_NEVER, "listener");
}

/* listener:close(): lets the signals go; signals that came and were not read go on to who
 * had them before, which may end the process. Whether it was the first. */
static int listener_close(lua_State *L) {
  lua_pushboolean(L, close_box(check_listener(L, "listener:close")));
  xiol_set_closed(L, 1);
  return 1;
}

static int listener_gc(lua_State *L) {
  xiol_listener *box = xiol_test(L, 1, &xiol_kind_signals);
  if (box != NULL && box->catcher != NULL) {
    lua_warning(L, "a signal listener was collected that had not been closed", 0);
  }
  close_box(box);
  return 0;
}

/* stats(): {waiting =, buffered =} */
static int listener_stats(lua_State *L) {
  xiol_listener *box = check_listener(L, "listener:stats");
  bool waits = box->catcher != NULL && xio_catcher_busy(box->catcher);
  uint32_t queued = box->catcher != NULL ? xio_catcher_untaken(box->catcher) : 0;
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, waits ? 1 : 0);
  lua_setfield(L, -2, "waiting");
  lua_pushinteger(L, queued);
  lua_setfield(L, -2, "buffered");
  return 1;
}

static int listener_tostring(lua_State *L) {
  xiol_listener *box = check_listener(L, "listener.__tostring");
  lua_pushfstring(L, "signal listener%s", box->catcher != NULL ? "" : " (closed)");
  return 1;
}

const luaL_Reg xiol_signal_functions[] = {
    {"signal_listen", l_listen}, {"signal_listen_once", l_listen_once}, {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"wait", listener_wait},
                                     {"close", listener_close},
                                     {"stats", listener_stats},
                                     {NULL, NULL}};
  static const luaL_Reg more[] = {
      {"__close", listener_close}, {"__call", listener_call}, {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_signals, methods, NULL, listener_tostring,
                  listener_gc);
  xiol_set_functions(L, state, more);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_SIGNALS);
}
