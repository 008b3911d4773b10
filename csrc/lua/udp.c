/* udp: sockets for datagrams as Lua sees them.
 *
 * A box owns its xio_udp. A datagram is read into a block of the state's and becomes a
 * string in the same step, so that no wait, and so no cancellation, can come between.
 * Addresses are numeric here; where a name is given, the Lua floor is asked to look it up
 * (the hook "udp_by_name") and to call again. Loop's thread. */
#include <net/if.h>
#include <string.h>

#include "../core/udp.h"
#include "binding.h"
#include "closed.h"

enum { RECEIVE_DEFAULT = 65536, PORT_MAX = 65535 };

const xiol_kind xiol_kind_udp = {"xio.Udp"};

typedef struct xiol_udp {
  const xiol_kind *kind;
  xiol_state *state;
  xio_udp *udp; /* NULL: closed */
} xiol_udp;

static bool is_open(const xiol_udp *box) {
  return box->udp != NULL && xio_udp_loop(box->udp) != NULL;
}

/* -- arguments and errors ------------------------------------------------------------ */

/* The box at 1, or raises; also where an open one belongs to another run. */
static xiol_udp *check_box(lua_State *L, xiol_state *state, const char *function) {
  xiol_udp *box = xiol_check(L, 1, &xiol_kind_udp, function);
  xiol_task *task = xiol_running(L, state, function);
  if (is_open(box) && xio_udp_loop(box->udp) != task->runtime->loop) {
    xiol_fail(L, "%s: the socket belongs to another run: use it there", function);
  }
  return box;
}

static int refuse(lua_State *L, int status, const char *op) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  return xiol_refuse(L, status, op);
}

/* The same about the host at `index` and the port behind it, if they were given. */
static int refuse_to(lua_State *L, int status, const char *op, int index) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  const char *host = lua_tostring(L, index);
  if (host == NULL) return xiol_refuse(L, status, op);
  int port = lua_isinteger(L, index + 1) ? (int)lua_tointeger(L, index + 1) : -1;
  return xiol_refuse_address(L, status, op, host, port);
}

/* Reads the host at `index` and the port behind it. False: one of them is a name. Raises
 * where they are neither. */
static bool get_address(lua_State *L, int index, xio_address *address,
                        const char *function) {
  size_t size = 0;
  if (lua_type(L, index) != LUA_TSTRING) xiol_type_error(L, function, index, "string");
  const char *host = lua_tolstring(L, index, &size);
  int exact = 0;
  lua_Integer port = lua_tointegerx(L, index + 1, &exact);
  if (!exact && lua_type(L, index + 1) == LUA_TSTRING) return false;
  if (!exact || port < 0 || port > PORT_MAX) {
    xiol_arg_error(L, function, index + 1, "port expected: 0 to 65535, or a name");
  }
  return xio_address_parse(address, host, size, (uint16_t)port) == XIO_OK;
}

static int finish_by_name(lua_State *L, int status, lua_KContext before) {
  (void)status;
  return lua_gettop(L) - (int)before;
}

/* Has the Lua floor look the name at `index` up and call `method` again. */
static int call_by_name(lua_State *L, xiol_state *state, const char *method, int index) {
  const xiol_udp *box = lua_touserdata(L, 1);
  int before = lua_gettop(L);
  xiol_need_stack(L, 8, NULL);
  if (!xiol_push_hook(L, state, "udp_by_name")) {
    return refuse_to(L, UV_EAI_NONAME, method, index);
  }
  lua_pushvalue(L, 1);
  lua_pushstring(L, method);
  int family = box->udp != NULL ? xio_udp_family(box->udp) : AF_UNSPEC;
  if (family != AF_UNSPEC) {
    lua_pushstring(L, xio_address_family_name(family));
  } else {
    lua_pushnil(L);
  }
  lua_pushvalue(L, index);
  lua_pushvalue(L, index + 1);
  if (index > 2) lua_pushvalue(L, 2);
  lua_callk(L, index > 2 ? 6 : 5, LUA_MULTRET, before, finish_by_name);
  return finish_by_name(L, LUA_OK, before);
}

/* The first step of each try to send or receive. False: the task was rescheduled, under a
 * cancellation or because its budget of this turn is spent; yield, and come again. */
static bool may_try(xiol_task *task) {
  if (xio_task_begin(&task->core) != XIO_OK) return false;
  if (XIO_LIKELY(xio_task_spend(&task->core))) return true;
  xio_task_pause(&task->core);
  return false;
}

/* Raises where another task does the same already. */
static void check_free(lua_State *L, const xiol_udp *box, xio_fd_side side,
                       const char *function) {
  if (box->udp == NULL || !xio_udp_waited(box->udp, side)) return;
  xiol_fail(L, "%s: another task is waiting to %s already; one does at a time", function,
            side == XIO_FD_READ ? "receive" : "send");
}

/* -- receiving ----------------------------------------------------------------------- */

static int finish_recv(lua_State *L, int status, lua_KContext context);

/* Pushes the datagram that was read: its bytes, who sent it, and the size of the whole
 * where that is more. */
static int push_datagram(lua_State *L, const char *bytes, size_t count,
                         const xio_address *from, size_t whole) {
  char text[XIO_ADDRESS_TEXT];
  lua_pushlstring(L, bytes, count);
  lua_pushlstring(L, text, xio_address_format(from, text));
  lua_pushinteger(L, xio_address_port(from));
  if (whole <= count) return 3;
  lua_pushinteger(L, (lua_Integer)whole);
  return 4;
}

/* Receives, or begins to wait. The frame: [1] the box, [2] how much at most. */
static int try_recv(lua_State *L, xiol_state *state, xiol_task *task) {
  xiol_udp *box = lua_touserdata(L, 1);
  if (!may_try(task)) return xiol_yield(L, 0, finish_recv);
  if (!is_open(box)) return refuse(L, XIO_ECLOSED, "recv");
  check_free(L, box, XIO_FD_READ, "udp:recv");
  lua_Integer max = lua_tointeger(L, 2);
  size_t size = max < RECEIVE_DEFAULT ? (size_t)max : RECEIVE_DEFAULT;
  char *block = xiol_scratch(L, state, size);
  xio_address from;
  size_t whole = 0;
  int status = XIO_OK;
  do {
    int64_t count = xio_udp_receive(box->udp, block, size, &from, &whole);
    if (count >= 0) return push_datagram(L, block, (size_t)count, &from, whole);
    status = (int)count;
    if (status != XIO_EAGAIN) break;
    status = xio_udp_wait(box->udp, XIO_FD_READ, &task->core, XIO_NEVER);
    if (status == XIO_OK) return xiol_yield(L, 0, finish_recv);
  } while (status == XIO_EAGAIN);
  return refuse(L, status, "recv");
}

static int finish_recv(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status != XIO_OK) return refuse(L, status, "recv");
  return try_recv(L, state, task);
}

/* udp:recv([max]): waits for a datagram, and gives at most `max` of its bytes (64 KiB;
 * the rest is lost), the host and the port that it came from, and, where something was
 * lost, the size of the whole; or nil, err, code. An empty datagram is "". A checkpoint;
 * cancelled, it has received nothing. One task at a time. */
static int udp_recv(lua_State *L) {
  static const char function[] = "udp:recv";
  xiol_state *state = xiol_state_of(L);
  check_box(L, state, function);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushinteger(L, RECEIVE_DEFAULT);
    lua_replace(L, 2);
  }
  int exact = 0;
  if (lua_type(L, 2) != LUA_TNUMBER) xiol_type_error(L, function, 2, "number of bytes");
  if (lua_tointegerx(L, 2, &exact) < 1 || !exact) {
    xiol_arg_error(L, function, 2, "integer of at least 1 expected");
  }
  return try_recv(L, state, xiol_enter(L, state, function));
}

/* -- sending ------------------------------------------------------------------------- */

static int finish_send(lua_State *L, int status, lua_KContext context);

/* Sends, or begins to wait. The frame: [1] the box, [2] the datagram, [3] the host or
 * nil, [4] the port. */
static int try_send(lua_State *L, xiol_state *state, xiol_task *task) {
  static const char function[] = "udp:send";
  xiol_udp *box = lua_touserdata(L, 1);
  xio_address to;
  bool has_address = !lua_isnil(L, 3);
  if (has_address && !get_address(L, 3, &to, function)) {
    return call_by_name(L, state, "send", 3);
  }
  if (!may_try(task)) return xiol_yield(L, 0, finish_send);
  if (!is_open(box)) return refuse(L, XIO_ECLOSED, "send");
  check_free(L, box, XIO_FD_WRITE, function);
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  int status = XIO_OK;
  do {
    status = xio_udp_send(box->udp, bytes, size, has_address ? &to : NULL);
    if (status == XIO_OK) {
      lua_settop(L, 1);
      return 1;
    }
    if (status != XIO_EAGAIN) break;
    status = xio_udp_wait(box->udp, XIO_FD_WRITE, &task->core, XIO_NEVER);
    if (status == XIO_OK) return xiol_yield(L, 0, finish_send);
  } while (status == XIO_EAGAIN);
  return refuse_to(L, status, "send", 3);
}

static int finish_send(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status != XIO_OK) return refuse_to(L, status, "send", 3);
  return try_send(L, state, task);
}

/* udp:send(data [, host, port]): sends one datagram to there, or to whom the socket is
 * connected to; returns the socket, or nil, err, code. A checkpoint, which waits while
 * the system has no room; cancelled, it has sent nothing. */
static int udp_send(lua_State *L) {
  static const char function[] = "udp:send";
  xiol_state *state = xiol_state_of(L);
  check_box(L, state, function);
  lua_settop(L, 4);
  if (!lua_isstring(L, 2)) xiol_type_error(L, function, 2, "string");
  lua_tostring(L, 2); /* a number becomes a string, once */
  return try_send(L, state, xiol_enter(L, state, function));
}

/* -- addresses and groups ------------------------------------------------------------ */

/* Returns the box, or the refusal about the host at 2. */
static int result(lua_State *L, int status, const char *op) {
  if (status != XIO_OK) return refuse_to(L, status, op, 2);
  lua_settop(L, 1);
  return 1;
}

/* udp:bind(host, port): receives what is sent there; port 0 lets the system choose. The
 * socket, or nil, err, code. Waits only for a name. */
static int udp_bind(lua_State *L) {
  static const char function[] = "udp:bind";
  xiol_state *state = xiol_state_of(L);
  xiol_udp *box = check_box(L, state, function);
  lua_settop(L, 3);
  xio_address address;
  if (!get_address(L, 2, &address, function)) return call_by_name(L, state, "bind", 2);
  int status = is_open(box) ? xio_udp_bind(box->udp, &address) : XIO_ECLOSED;
  return result(L, status, "bind");
}

/* udp:connect(host, port): datagrams go there, and come from there only; without host: no
 * more. The socket, or nil, err, code. Waits only for a name. */
static int udp_connect(lua_State *L) {
  static const char function[] = "udp:connect";
  xiol_state *state = xiol_state_of(L);
  xiol_udp *box = check_box(L, state, function);
  lua_settop(L, 3);
  xio_address address;
  bool has_address = !lua_isnil(L, 2);
  if (has_address && !get_address(L, 2, &address, function)) {
    return call_by_name(L, state, "connect", 2);
  }
  int status = XIO_ECLOSED;
  if (is_open(box)) status = xio_udp_connect(box->udp, has_address ? &address : NULL);
  return result(L, status, "connect");
}

/* The index of the interface that is named, or numbered, at `index`; 0 for nil. XIO_OK,
 * or a status. */
static int get_interface(lua_State *L, int index, uint32_t *number,
                         const char *function) {
  *number = 0;
  if (lua_isnoneornil(L, index)) return XIO_OK;
  if (lua_isinteger(L, index)) {
    *number = (uint32_t)lua_tointeger(L, index);
    return XIO_OK;
  }
  if (lua_type(L, index) != LUA_TSTRING) {
    xiol_type_error(L, function, index, "name or index of an interface");
  }
  const char *name = lua_tostring(L, index);
  if (strlen(name) != lua_rawlen(L, index)) return -ENODEV; /* a byte 0 is in no name */
  *number = if_nametoindex(name);
  return *number != 0 ? XIO_OK : -errno;
}

static int change_group(lua_State *L, bool join) {
  const char *function = join ? "udp:join" : "udp:leave";
  const char *op = join ? "join" : "leave";
  xiol_state *state = xiol_state_of(L);
  xiol_udp *box = check_box(L, state, function);
  lua_settop(L, 3);
  size_t size = 0;
  uint32_t interface = 0;
  xio_address group;
  if (lua_type(L, 2) != LUA_TSTRING) xiol_type_error(L, function, 2, "string");
  const char *host = lua_tolstring(L, 2, &size);
  int status = get_interface(L, 3, &interface, function);
  if (status == XIO_OK) status = xio_address_parse(&group, host, size, 0);
  lua_settop(L, 2);
  if (status != XIO_OK) return refuse_to(L, status, op, 2);
  if (interface == 0 && xio_address_family(&group) == AF_INET6) {
    interface = group.as.v6.sin6_scope_id;
  }
  status = !is_open(box) ? XIO_ECLOSED
           : join        ? xio_udp_join(box->udp, &group, interface)
                         : xio_udp_leave(box->udp, &group, interface);
  return result(L, status, op);
}

/* udp:join(group [, interface]): receives what is sent to that multicast address too,
 * through the interface of that name or index (the system chooses); the socket must be
 * bound. The socket, or nil, err, code. Never waits. */
static int udp_join(lua_State *L) {
  return change_group(L, true);
}

/* udp:leave(group [, interface]): no more. */
static int udp_leave(lua_State *L) {
  return change_group(L, false);
}

static int push_address(lua_State *L, const char *op, const char *function,
                        int (*get)(const xio_udp *, xio_address *)) {
  xiol_udp *box = xiol_check(L, 1, &xiol_kind_udp, function);
  xio_address address;
  int status = is_open(box) ? get(box->udp, &address) : XIO_ECLOSED;
  if (status != XIO_OK) return refuse(L, status, op);
  char text[XIO_ADDRESS_TEXT];
  lua_pushlstring(L, text, xio_address_format(&address, text));
  lua_pushinteger(L, xio_address_port(&address));
  return 2;
}

/* udp:name(): the host and port that the socket is bound to; or nil, err, code. */
static int udp_name(lua_State *L) {
  return push_address(L, "name", "udp:name", xio_udp_name);
}

/* udp:peername(): the host and port that it is connected to; or nil, err, code. */
static int udp_peername(lua_State *L) {
  return push_address(L, "peername", "udp:peername", xio_udp_peer);
}

/* -- the box ------------------------------------------------------------------------- */

/* Sets one option from the value at the top, which it pops. */
static int set_option(lua_State *L, xio_udp *udp, const char *name) {
  static const char *const names[] = {"reuseaddr", "reuseport",     "broadcast",
                                      "ttl",       "multicast_ttl", "multicast_loop",
                                      "recvbuf",   "sendbuf"};
  static const char function[] = "xio.net.udp";
  int status = XIO_EINVAL;
  if (strcmp(name, "multicast_interface") == 0) {
    uint32_t number = 0;
    status = get_interface(L, lua_gettop(L), &number, function);
    if (status == XIO_OK) status = xio_udp_set_interface(udp, number);
  }
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (strcmp(name, names[i]) != 0) continue;
    int value = lua_isboolean(L, -1) ? lua_toboolean(L, -1) : (int)lua_tointeger(L, -1);
    status = xio_udp_set(udp, (xio_udp_option)i, value);
  }
  lua_pop(L, 1);
  return status;
}

static void make_class(lua_State *L, xiol_state *state);

/* udp(family, options): an open socket, not bound; or nil, err, code. `family`: "inet",
 * "inet6", or nil for both; `options`: checked by the Lua floor. Never waits. */
static int l_udp(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  const char *family = luaL_optstring(L, 1, NULL);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  xiol_task *task = xiol_running(L, state, "xio.net.udp");
  xiol_udp *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (xiol_udp){.kind = &xiol_kind_udp, .state = state};
  xiol_set_class(L, state, XIOL_REF_UDP, make_class);
  int wanted = family == NULL                 ? AF_UNSPEC
               : strcmp(family, "inet6") == 0 ? AF_INET6
                                              : AF_INET;
  int status = xio_udp_open(&box->udp, task->runtime->loop, wanted);
  if (status != XIO_OK) {
    box->udp = NULL;
    return refuse(L, status, "udp");
  }
  state->live.udps++;
  lua_pushnil(L);
  while (lua_next(L, 2) != 0) {
    status = set_option(L, box->udp, lua_tostring(L, -2));
    if (status == XIO_OK) continue;
    const char *op = lua_tostring(L, -1);
    state->live.udps--;
    xio_udp_close(box->udp);
    box->udp = NULL;
    return refuse(L, status, op);
  }
  return 1;
}

/* Raises and allocates nothing. */
static bool close_box(xiol_udp *box) {
  if (box == NULL || box->udp == NULL) return false;
  bool first = is_open(box);
  xio_udp *udp = box->udp;
  box->udp = NULL;
  box->state->live.udps--;
  xio_udp_close(udp);
  return first;
}

/* udp:close(): who waits gets nil, err, "ECLOSED". Returns whether it was open. */
static int udp_close(lua_State *L) {
  lua_pushboolean(L, close_box(xiol_check(L, 1, &xiol_kind_udp, "udp:close")));
  xiol_set_closed(L, 1);
  return 1;
}

static int udp_closing(lua_State *L) {
  close_box(xiol_test(L, 1, &xiol_kind_udp));
  xiol_set_closed(L, 1);
  return 0;
}

static int udp_gc(lua_State *L) {
  if (close_box(xiol_test(L, 1, &xiol_kind_udp))) {
    lua_warning(L, "xio: a UDP socket was collected that nobody had closed", 0);
  }
  return 0;
}

static int udp_fileno(lua_State *L) {
  xiol_udp *box = xiol_check(L, 1, &xiol_kind_udp, "udp:fileno");
  if (!is_open(box)) return refuse(L, XIO_ECLOSED, "fileno");
  lua_pushinteger(L, xio_udp_number(box->udp));
  return 1;
}

static void set_count(lua_State *L, const char *field, uint64_t count) {
  lua_pushinteger(L, (lua_Integer)count);
  lua_setfield(L, -2, field);
}

/* udp:stats(): {received =, sent =, bytes_received =, bytes_sent =, waiting =}: datagrams
 * and their bytes since the socket was opened, and how many tasks wait. */
static int udp_stats(lua_State *L) {
  xiol_udp *box = xiol_check(L, 1, &xiol_kind_udp, "udp:stats");
  if (box->udp == NULL) return refuse(L, XIO_ECLOSED, "stats");
  xio_udp_stat stats = xio_udp_stats(box->udp);
  lua_createtable(L, 0, 5);
  set_count(L, "received", stats.received);
  set_count(L, "sent", stats.sent);
  set_count(L, "bytes_received", stats.bytes_received);
  set_count(L, "bytes_sent", stats.bytes_sent);
  uint64_t waiting = (uint64_t)xio_udp_waited(box->udp, XIO_FD_READ) +
                     (uint64_t)xio_udp_waited(box->udp, XIO_FD_WRITE);
  set_count(L, "waiting", waiting);
  return 1;
}

static int udp_tostring(lua_State *L) {
  xiol_udp *box = xiol_check(L, 1, &xiol_kind_udp, "udp.__tostring");
  xio_address address;
  if (!is_open(box) || xio_udp_name(box->udp, &address) != XIO_OK) {
    lua_pushliteral(L, "udp (closed)");
    return 1;
  }
  char text[XIO_ADDRESS_TEXT];
  xio_address_format(&address, text);
  lua_pushfstring(L, "udp (%s, port %d)", text, (int)xio_address_port(&address));
  return 1;
}

const luaL_Reg xiol_udp_functions[] = {{"udp", l_udp}, {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"recv", udp_recv},   {"receive", udp_recv},    {"send", udp_send},
      {"bind", udp_bind},   {"connect", udp_connect}, {"join", udp_join},
      {"leave", udp_leave}, {"name", udp_name},       {"peername", udp_peername},
      {"close", udp_close}, {"fileno", udp_fileno},   {"stats", udp_stats},
      {NULL, NULL}};
  static const luaL_Reg closing[] = {{"__close", udp_closing}, {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_udp, methods, NULL, udp_tostring, udp_gc);
  xiol_set_functions(L, state, closing);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_UDP);
}
