/* listener: sockets that take connections, and making connections, as Lua sees them.
 *
 * The box of a connection is made before there is one, so that a connection that was
 * taken is never lost for want of memory. Hosts are addresses in digits: names are
 * looked up by lua/xio/net.lua. Loop's thread. */
#include <string.h>

#include "closed.h"
#include "stream.h"

static const xiol_kind kind_listener = {"xio.Listener"};

typedef struct xiol_listener {
  const xiol_kind *kind;
  xiol_state *state;
  xio_listener *core;  /* NULL: closed */
  xiol_task *acceptor; /* in the middle of an accept; NULL: none */
  uint64_t acceptor_id;
  uint64_t accepted; /* connections */
} xiol_listener;

static xiol_listener *check_listener(lua_State *L, const char *function) {
  return xiol_check(L, 1, &kind_listener, function);
}

static void make_class(lua_State *L, xiol_state *state);

static xiol_listener *push_listener(lua_State *L, xiol_state *state) {
  xiol_listener *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (xiol_listener){.kind = &kind_listener, .state = state};
  xiol_set_class(L, state, XIOL_REF_LISTENER, make_class);
  return box;
}

/* -- accepting ----------------------------------------------------------------------- */

/* What a step of `for conn in listener` gives, instead of what accept does. */
#define ITERATES ((lua_KContext)1)

static int check_run(lua_State *L, const xiol_listener *box, const xiol_task *task,
                     const char *function) {
  if (box->core == NULL || box->core->handle.number < 0) return XIO_ECLOSED;
  if (box->core->handle.loop != task->runtime->loop) {
    xiol_fail(L, "%s: the listener belongs to another run: use it there", function);
  }
  return XIO_OK;
}

static int refuse_accept(lua_State *L, int status, lua_KContext context) {
  if (context == ITERATES && status == XIO_ECLOSED) return 0;
  int count = xiol_refuse(L, status, "accept");
  if (context != ITERATES) return count;
  lua_settop(L, -2); /* the error is below the code */
  return lua_error(L);
}

static int finish_accept(lua_State *L, int status, lua_KContext context);

static int yield_accept(lua_State *L, xiol_listener *box, xiol_task *task,
                        lua_KContext context) {
  box->acceptor = task;
  box->acceptor_id = task->core.id;
  return xiol_yield(L, context, finish_accept);
}

/* Accepts, or begins to wait. The frame: [1] the listener, [2] the connection's box. */
static int drive_accept(lua_State *L, xiol_listener *box, xiol_task *task,
                        lua_KContext context) {
  int status = XIO_EAGAIN;
  while (status == XIO_EAGAIN) {
    xio_stream *stream = NULL;
    status = xio_listener_accept(box->core, &stream);
    if (XIO_LIKELY(status == XIO_OK)) {
      xiol_set_stream(lua_touserdata(L, 2), stream);
      box->accepted++;
      return 1;
    }
    if (status != XIO_EAGAIN) break;
    status = xio_task_begin(&task->core);
    if (status == XIO_OK) status = xio_listener_wait(box->core, &task->core);
    if (status == XIO_OK || status == XIO_ECANCELED) {
      return yield_accept(L, box, task, context);
    }
  }
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  return refuse_accept(L, status, context);
}

static int finish_accept(lua_State *L, int status, lua_KContext context) {
  xiol_listener *box = lua_touserdata(L, 1);
  xiol_task *task = xiol_resumed(L, box->state);
  if (box->acceptor == task) box->acceptor = NULL;
  status = task->core.wait.status;
  xiol_check_cancelled(L, box->state, task, status);
  if (status == XIO_OK) status = check_run(L, box, task, "listener:accept");
  if (status == XIO_OK) return drive_accept(L, box, task, context);
  return refuse_accept(L, status, context);
}

static int begin_accept(lua_State *L, lua_KContext context) {
  static const char function[] = "listener:accept";
  xiol_listener *box = check_listener(L, function);
  lua_settop(L, 1);
  xiol_task *task = xiol_enter(L, box->state, function);
  if (xiol_in_operation(box->acceptor, box->acceptor_id)) {
    xiol_fail(L, "%s: another task is accepting already; one does at a time", function);
  }
  int status = check_run(L, box, task, function);
  xiol_push_stream(L, box->state);
  if (task->core.wait.scope->effective || !xio_task_spend(&task->core)) {
    xio_task_pause(&task->core);
    return yield_accept(L, box, task, context);
  }
  if (status == XIO_OK) return drive_accept(L, box, task, context);
  return refuse_accept(L, status, context);
}

/* accept(): the next connection, a stream; or nil, err, code: "ECLOSED"; "EMFILE" and
 * "ENFILE" where there are no descriptors left: the connection then still waits.
 * Connections that broke off before are passed over. A checkpoint; cancelled, it has
 * taken none. */
static int listener_accept(lua_State *L) {
  return begin_accept(L, 0);
}

/* A step of `for conn in listener`: ends when the listener is closed, raises what accept
 * returns. */
static int listener_call(lua_State *L) {
  return begin_accept(L, ITERATES);
}

/* -- ends ---------------------------------------------------------------------------- */

static bool close_listener(xiol_listener *box) {
  xio_listener *core = box->core;
  if (core == NULL) return false;
  box->core = NULL;
  box->state->live.listeners--;
  bool first = xio_listener_close(core);
  xio_listener_release(core);
  return first;
}

/* close(): wakes who accepts with the code "ECLOSED"; whether it was open. */
static int listener_close(lua_State *L) {
  lua_pushboolean(L, close_listener(check_listener(L, "listener:close")));
  xiol_set_closed(L, 1);
  return 1;
}

static int listener_end(lua_State *L) {
  close_listener(check_listener(L, "listener.__close"));
  xiol_set_closed(L, 1);
  return 0;
}

static int listener_gc(lua_State *L) {
  xiol_listener *box = xiol_test(L, 1, &kind_listener);
  if (box != NULL && close_listener(box)) {
    lua_warning(L, "xio: a listener was collected, but not closed", 0);
  }
  return 0;
}

static int number_of(const xiol_listener *box) {
  return box->core != NULL && box->core->handle.number >= 0 ? box->core->handle.number
                                                            : XIO_ECLOSED;
}

/* fileno(): the number of the descriptor, which stays the listener's. */
static int listener_fileno(lua_State *L) {
  int number = number_of(check_listener(L, "listener:fileno"));
  if (number < 0) return xiol_refuse(L, number, "fileno");
  lua_pushinteger(L, number);
  return 1;
}

/* name(): where it listens: host and port, or a path; or nil, err, code. */
static int listener_name(lua_State *L) {
  int number = number_of(check_listener(L, "listener:name"));
  xio_address address;
  int status = number < 0 ? number : xio_socket_name(number, &address);
  return status == XIO_OK ? xiol_push_address(L, &address)
                          : xiol_refuse(L, status, "name");
}

/* stats(): how many connections were `accepted`, and how many tasks are `waiting`. */
static int listener_stats(lua_State *L) {
  const xiol_listener *box = check_listener(L, "listener:stats");
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, (lua_Integer)box->accepted);
  lua_setfield(L, -2, "accepted");
  lua_pushinteger(L, xiol_in_operation(box->acceptor, box->acceptor_id));
  lua_setfield(L, -2, "waiting");
  return 1;
}

static int listener_tostring(lua_State *L) {
  int number = number_of(check_listener(L, "listener.__tostring"));
  if (number < 0) {
    lua_pushliteral(L, "listener (closed)");
  } else {
    lua_pushfstring(L, "listener (descriptor %d)", number);
  }
  return 1;
}

/* -- addresses and options ----------------------------------------------------------- */

/* Reads the host at `index`, digits, and the port behind it. False: it is no address. */
static bool check_address(lua_State *L, int index, xio_address *out,
                          const char *function) {
  size_t length = 0;
  if (lua_type(L, index) != LUA_TSTRING) xiol_type_error(L, function, index, "string");
  const char *host = lua_tolstring(L, index, &length);
  int exact = 0;
  if (lua_type(L, index + 1) != LUA_TNUMBER) {
    xiol_type_error(L, function, index + 1, "integer");
  }
  lua_Integer port = lua_tointegerx(L, index + 1, &exact);
  if (!exact || port < 0 || port > UINT16_MAX) {
    xiol_arg_error(L, function, index + 1, "port from 0 to 65535 expected");
  }
  return xio_address_parse(out, host, length, (uint16_t)port) == XIO_OK;
}

/* The path at 1. Returns a status. */
static int check_path(lua_State *L, xio_address *out, const char *function) {
  size_t length = 0;
  if (lua_type(L, 1) != LUA_TSTRING) xiol_type_error(L, function, 1, "string");
  const char *path = lua_tolstring(L, 1, &length);
  return xio_address_unix(out, path, length);
}

/* An option that is an integer from `least` to `most`. */
static lua_Integer option_integer(lua_State *L, int index, const char *field,
                                  lua_Integer least, lua_Integer most,
                                  lua_Integer otherwise, const char *function) {
  lua_Integer value = otherwise;
  if (!xiol_option_integer(L, index, field, least, &value, function)) return otherwise;
  return value < most ? value : most;
}

/* The options of TCP sockets in the table at `index`, or what is usual; `reuses`: where
 * that is to take addresses over. */
static xio_socket_opts socket_options(lua_State *L, int index, bool reuses,
                                      const char *function) {
  xio_socket_opts opts = {.nodelay = true, .reuseaddr = reuses};
  if (!lua_istable(L, index)) return opts;
  int64_t keepalive = 0;
  opts.nodelay = xiol_option_boolean(L, index, "nodelay", true, function);
  if (xiol_option_seconds(L, index, "keepalive", &keepalive, function) && keepalive > 0) {
    int64_t seconds = keepalive / 1000000000;
    opts.keepalive = seconds < 1           ? 1
                     : seconds > INT16_MAX ? INT16_MAX
                                           : (uint32_t)seconds;
  }
  opts.reuseaddr = xiol_option_boolean(L, index, "reuseaddr", reuses, function);
  opts.reuseport = xiol_option_boolean(L, index, "reuseport", false, function);
  opts.v6only = xiol_option_boolean(L, index, "v6only", false, function);
  return opts;
}

/* Raises unless the value at `index` is nil or a table with only these fields. */
static void check_options(lua_State *L, int index, const char *const allowed[],
                          const char *function) {
  if (lua_isnoneornil(L, index)) return;
  if (!lua_istable(L, index)) xiol_type_error(L, function, index, "table");
  xiol_check_fields(L, index, allowed, function);
}

/* The refusal of what is about the path at 1: whole, also where it has a byte of 0. */
static int refuse_path(lua_State *L, int status, const char *op) {
  xiol_refuse_path(L, status, op, lua_tostring(L, 1));
  lua_pushvalue(L, 1);
  lua_setfield(L, -3, "path");
  return 3;
}

/* -- connecting ---------------------------------------------------------------------- */

/* The frame of a connect: the host and port, or the path and nil; options; the box. */
enum { CONNECT_HOST = 1, CONNECT_PORT, CONNECT_OPTIONS, CONNECT_BOX };

static int refuse_connect(lua_State *L, int status) {
  xiol_stream *box = lua_touserdata(L, CONNECT_BOX);
  xiol_close_stream(box);
  if (lua_isnil(L, CONNECT_PORT)) {
    return refuse_path(L, status, "connect");
  }
  return xiol_refuse_address(L, status, "connect", lua_tostring(L, CONNECT_HOST),
                             (int)lua_tointeger(L, CONNECT_PORT));
}

static int finish_connect(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = (xiol_state *)context;
  xiol_task *task = xiol_resumed(L, state);
  xiol_stream *box = lua_touserdata(L, CONNECT_BOX);
  status = task->core.wait.status;
  if (status == XIO_ECANCELED) {
    xiol_close_stream(box);
    return xiol_raise_cancelled(L, state, task);
  }
  if (status == XIO_OK) status = xio_socket_error(box->core->handle.number);
  if (status != XIO_OK) return refuse_connect(L, status);
  return 1;
}

/* The local address that the options ask for: of size 0 where they do not. */
static void local_address(lua_State *L, const xio_address *to, xio_address *from,
                          const char *function) {
  from->size = 0;
  if (!lua_istable(L, CONNECT_OPTIONS)) return;
  lua_Integer port =
      option_integer(L, CONNECT_OPTIONS, "local_port", 0, UINT16_MAX, 0, function);
  xiol_check_option_string(L, CONNECT_OPTIONS, "local_host", function);
  size_t length = 0;
  lua_getfield(L, CONNECT_OPTIONS, "local_host");
  const char *host = lua_tolstring(L, -1, &length);
  if (host == NULL) {
    if (port != 0) xio_address_any(from, xio_address_family(to), (uint16_t)port);
  } else if (xio_address_parse(from, host, length, (uint16_t)port) != XIO_OK) {
    xiol_arg_error(L, function, CONNECT_OPTIONS, "option 'local_host': no address");
  }
  lua_pop(L, 1);
}

/* Begins to connect; `to` is what the frame says. */
static int begin_connect(lua_State *L, xiol_task *task, const xio_address *to,
                         const xio_address *from, const xio_socket_opts *opts) {
  xiol_stream *box = lua_touserdata(L, CONNECT_BOX);
  lua_KContext context = (lua_KContext)task->runtime->state;
  xio_stream *core = NULL;
  int status = xio_stream_connect(&core, task->runtime->loop, to, from, opts);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK && status != -EINPROGRESS) return refuse_connect(L, status);
  xiol_set_stream(box, core);
  if (status == XIO_OK) return 1;
  status = xio_stream_wait_connected(core, &task->core);
  if (status == XIO_EAGAIN) { /* it is connected, or cannot be, by now */
    xio_wait_reschedule(&task->core.wait, XIO_OK);
    status = XIO_OK;
  }
  if (status != XIO_OK) return refuse_connect(L, status);
  return xiol_yield(L, context, finish_connect);
}

/* tcp_connect(host, port [, options]): one attempt to connect; a stream, or nil, err,
 * code. Options: nodelay (true), keepalive (seconds), local_host, local_port. A
 * checkpoint; cancelled, there is no connection. */
static int l_tcp_connect(lua_State *L) {
  static const char function[] = "xio.net.connect";
  static const char *const allowed[] = {"nodelay", "keepalive", "local_host",
                                        "local_port", NULL};
  xiol_state *state = xiol_state_of(L);
  xio_address to;
  xio_address from;
  lua_settop(L, CONNECT_OPTIONS);
  check_options(L, CONNECT_OPTIONS, allowed, function);
  xiol_task *task = xiol_enter(L, state, function);
  xiol_push_stream(L, state);
  if (!check_address(L, CONNECT_HOST, &to, function)) {
    return refuse_connect(L, XIO_EINVAL);
  }
  local_address(L, &to, &from, function);
  xio_socket_opts opts = socket_options(L, CONNECT_OPTIONS, false, function);
  if (task->core.wait.scope->effective) {
    xio_task_pause(&task->core);
    return xiol_yield(L, (lua_KContext)state, finish_connect);
  }
  return begin_connect(L, task, &to, &from, &opts);
}

/* unix_connect(path): the same for a unix socket; "@name" is one in the abstract
 * space. */
static int l_unix_connect(lua_State *L) {
  static const char function[] = "xio.net.connect_unix";
  xiol_state *state = xiol_state_of(L);
  xio_address to;
  const xio_address from = {.size = 0};
  const xio_socket_opts opts = {0};
  int status = check_path(L, &to, function);
  xiol_task *task = xiol_enter(L, state, function);
  lua_settop(L, 1);
  lua_settop(L, CONNECT_OPTIONS);
  xiol_push_stream(L, state);
  if (status != XIO_OK) return refuse_connect(L, status);
  if (task->core.wait.scope->effective) {
    xio_task_pause(&task->core);
    return xiol_yield(L, (lua_KContext)state, finish_connect);
  }
  return begin_connect(L, task, &to, &from, &opts);
}

/* -- listening ----------------------------------------------------------------------- */

enum { BACKLOG = 4096 };

/* Opens the listener whose box is at the top. */
static int open_listener(lua_State *L, xiol_task *task, const xio_address *address,
                         const xio_listener_opts *opts) {
  xiol_listener *box = lua_touserdata(L, -1);
  int status = xio_listener_open(&box->core, task->runtime->loop, address, opts);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status == XIO_OK) box->state->live.listeners++;
  return status;
}

/* tcp_listen(host, port [, options]): a listener; or nil, err, code. Options: backlog
 * (4096), reuseaddr (true), reuseport, v6only (false), nodelay (true) and keepalive
 * (seconds) of what is accepted. */
static int l_tcp_listen(lua_State *L) {
  static const char function[] = "xio.net.listen";
  static const char *const allowed[] = {"backlog", "reuseaddr", "reuseport", "v6only",
                                        "nodelay", "keepalive", NULL};
  xiol_state *state = xiol_state_of(L);
  xio_address address;
  lua_settop(L, 3);
  check_options(L, 3, allowed, function);
  bool valid = check_address(L, 1, &address, function);
  xio_listener_opts opts = {.socket = socket_options(L, 3, true, function),
                            .backlog = BACKLOG};
  if (lua_istable(L, 3)) {
    opts.backlog = (int)option_integer(L, 3, "backlog", 1, INT16_MAX, BACKLOG, function);
  }
  xiol_task *task = xiol_running(L, state, function);
  push_listener(L, state);
  int status = valid ? open_listener(L, task, &address, &opts) : XIO_EINVAL;
  if (status == XIO_OK) return 1;
  return xiol_refuse_address(L, status, "listen", lua_tostring(L, 1),
                             (int)lua_tointeger(L, 2));
}

/* unix_listen(path [, options]): the same at a name in the file system, which is removed
 * when the listener is closed, or "@name" in the abstract space. Options: backlog (4096),
 * mode (permissions of the name). */
static int l_unix_listen(lua_State *L) {
  static const char function[] = "xio.net.listen_unix";
  static const char *const allowed[] = {"backlog", "mode", NULL};
  xiol_state *state = xiol_state_of(L);
  xio_address address;
  lua_settop(L, 2);
  check_options(L, 2, allowed, function);
  int status = check_path(L, &address, function);
  xio_listener_opts opts = {.backlog = BACKLOG, .mode = -1};
  if (lua_istable(L, 2)) {
    opts.backlog = (int)option_integer(L, 2, "backlog", 1, INT16_MAX, BACKLOG, function);
    opts.mode = (int)option_integer(L, 2, "mode", 0, 0777, -1, function);
  }
  xiol_task *task = xiol_running(L, state, function);
  push_listener(L, state);
  if (status == XIO_OK) status = open_listener(L, task, &address, &opts);
  if (status == XIO_OK) return 1;
  return refuse_path(L, status, "listen");
}

const luaL_Reg xiol_socket_functions[] = {{"tcp_connect", l_tcp_connect},
                                          {"unix_connect", l_unix_connect},
                                          {"tcp_listen", l_tcp_listen},
                                          {"unix_listen", l_unix_listen},
                                          {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"accept", listener_accept}, {"close", listener_close}, {"fileno", listener_fileno},
      {"name", listener_name},     {"stats", listener_stats}, {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__call", listener_call},
                                  {"__tostring", listener_tostring},
                                  {"__close", listener_end},
                                  {"__gc", listener_gc},
                                  {NULL, NULL}};
  xiol_make_plain_class(L, state, &kind_listener, meta, methods, NULL);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_LISTENER);
}
