/* dns: lookups as Lua sees them: core.lookup, which xio.net.resolve and all that takes a
 * host's name is made of.
 *
 * A box, which Lua collects, owns the lookup (xio_dns) from before it begins until its
 * addresses are in a list. Loop's thread. Not here: checks of what the program gave,
 * defaults, and order (lua/xio/net.lua). */
#include <string.h>

#include "../core/dns.h"
#include "binding.h"

/* The frame of a lookup. */
enum { AT_HOST = 1, AT_SERVICE, AT_FAMILY, AT_TYPE, AT_TIMEOUT, AT_BOX };

static int box_gc(lua_State *L) {
  xio_dns **box = lua_touserdata(L, 1);
  if (*box != NULL) xio_dns_close(*box);
  *box = NULL;
  return 0;
}

static void close_box(lua_State *L) {
  xio_dns **box = lua_touserdata(L, AT_BOX);
  xio_dns *lookup = *box;
  *box = NULL;
  xio_dns_close(lookup);
}

/* Pushes what the lookup has found, as a list of {host =, port =, family =}. */
static void push_found(lua_State *L, xio_dns *lookup) {
  xio_address address;
  char text[XIO_ADDRESS_TEXT];
  lua_newtable(L);
  for (lua_Integer i = 1; xio_dns_next(lookup, &address);) {
    int family = xio_address_family(&address);
    if (family != AF_INET && family != AF_INET6) continue;
    lua_createtable(L, 0, 3);
    lua_pushlstring(L, text, xio_address_format(&address, text));
    lua_setfield(L, -2, "host");
    lua_pushinteger(L, xio_address_port(&address));
    lua_setfield(L, -2, "port");
    lua_pushstring(L, xio_address_family_name(family));
    lua_setfield(L, -2, "family");
    lua_rawseti(L, -2, i++);
  }
}

static int refuse(lua_State *L, int status) {
  if (status == XIO_ENOMEM || status == UV_EAI_MEMORY) xiol_raise_memory(L);
  const char *host = lua_tostring(L, AT_HOST);
  return xiol_refuse_address(L, status, "resolve", host != NULL ? host : "", -1);
}

static int finish_lookup(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (status == XIO_OK) {
    push_found(L, *(xio_dns **)lua_touserdata(L, AT_BOX));
    close_box(L);
    return 1;
  }
  if (lua_touserdata(L, AT_BOX) != NULL) close_box(L);
  xiol_check_cancelled(L, state, task, status);
  return refuse(L, status);
}

static int family_of(const char *name) {
  if (name == NULL) return AF_UNSPEC;
  return strcmp(name, "inet6") == 0 ? AF_INET6 : AF_INET;
}

/* lookup(host, service, family, type, timeout): the addresses that the system's resolver
 * knows, in its order, as a list of {host =, port =, family =}; or nil, err, code. `host`
 * nil: this machine; `service`: a name, a number or nil; `family`: "inet", "inet6" or
 * nil; `type`: "datagram" or nil, of which the service is; `timeout`: seconds or nil. A
 * checkpoint. Cancelled, it gives up at once; the thread that looks goes on. */
static int l_lookup(lua_State *L) {
  static const char function[] = "xio.net.resolve";
  xiol_state *state = xiol_state_of(L);
  size_t host_size = 0;
  size_t service_size = 0;
  xio_dns_query query = {.host = luaL_optlstring(L, AT_HOST, NULL, &host_size),
                         .service = luaL_optlstring(L, AT_SERVICE, NULL, &service_size),
                         .family = family_of(luaL_optstring(L, AT_FAMILY, NULL)),
                         .type = lua_isnoneornil(L, AT_TYPE) ? SOCK_STREAM : SOCK_DGRAM};
  int64_t timeout = xiol_check_seconds(L, AT_TIMEOUT, true, function);
  xiol_task *task = xiol_enter(L, state, function);
  lua_settop(L, AT_TIMEOUT);
  if (xio_task_begin(&task->core) != XIO_OK) {
    lua_pushnil(L);
    return xiol_yield(L, 0, finish_lookup);
  }
  if ((query.host != NULL && strlen(query.host) != host_size) ||
      (query.service != NULL && strlen(query.service) != service_size)) {
    return refuse(L, UV_EAI_NONAME); /* a byte 0 is in no name */
  }
  xio_dns **box = lua_newuserdatauv(L, sizeof(xio_dns *), 0);
  *box = NULL;
  xiol_push_ref(L, state, XIOL_REF_LOOKUP);
  lua_setmetatable(L, -2);
  int status = xio_dns_open(box, task->runtime->loop, &query);
  if (status != XIO_OK) return refuse(L, status);
  xio_clock *clock = task->core.wait.queue->clock;
  int64_t at = timeout == XIO_NEVER ? XIO_NEVER : xio_clock_after(clock, timeout);
  status = xio_dns_wait(*box, &task->core, at);
  if (status == XIO_OK) return xiol_yield(L, 0, finish_lookup);
  close_box(L);
  return refuse(L, status);
}

/* address(host): the same address as its text is written here, and its family ("inet",
 * "inet6"); nothing where `host` is a name. */
static int l_address(lua_State *L) {
  size_t size = 0;
  const char *host = luaL_checklstring(L, 1, &size);
  xio_address address;
  if (xio_address_parse(&address, host, size, 0) != XIO_OK) return 0;
  char text[XIO_ADDRESS_TEXT];
  lua_pushlstring(L, text, xio_address_format(&address, text));
  lua_pushstring(L, xio_address_family_name(xio_address_family(&address)));
  return 2;
}

const luaL_Reg xiol_dns_functions[] = {
    {"lookup", l_lookup}, {"address", l_address}, {NULL, NULL}};

void xiol_open_dns(lua_State *L, xiol_state *state) {
  static const luaL_Reg closing[] = {{"__gc", box_gc}, {NULL, NULL}};
  lua_newtable(L);
  xiol_set_functions(L, state, closing);
  xiol_keep(L, state, XIOL_REF_LOOKUP);
}
