/* refusal: what the outside world refuses, as values: nil, an xio.Error, its code.
 *
 * A status becomes an error whose message is one line, "op subject: text (CODE)", and
 * whose fields tell what it was about. Here is the only place that gives texts to
 * statuses. Loop's thread. */
#include <string.h>

#include "binding.h"

/* Texts of codes that libuv does not have, or says in a way that misleads here. */
static const char *text_of(int status, char *room, size_t size) {
  switch (status) {
    case XIO_ECLOSED: return "closed";
    case XIO_ETIMEDOUT: return "timed out";
    case XIO_EOF: return "unexpected end";
    default: return uv_strerror_r(status, room, size);
  }
}

const char *xiol_push_code(lua_State *L, int status) {
  char room[32];
  const char *code = xio_status_name(status);
  if (code == NULL) code = uv_err_name_r(status, room, sizeof room);
  return lua_pushstring(L, code);
}

/* Pushes nil, the error about `subject` (NULL: nothing is said), and the code. */
static void push_refusal(lua_State *L, int status, const char *op, const char *subject) {
  xiol_state *state = xiol_state_of(L);
  char room[96];
  xiol_need_stack(L, 8, NULL);
  lua_pushnil(L);
  const char *code = xiol_push_code(L, status);
  const char *text = text_of(status, room, sizeof room);
  if (subject != NULL) {
    lua_pushfstring(L, "%s %s: %s (%s)", op, subject, text, code);
  } else {
    lua_pushfstring(L, "%s: %s (%s)", op, text, code);
  }
  xiol_push_error(L, state, code, op);
  lua_insert(L, -2);
}

/* Sets a field of the error that push_refusal has left below the code; pops the value. */
static void set_field(lua_State *L, const char *field) {
  lua_setfield(L, -3, field);
}

int xiol_refuse(lua_State *L, int status, const char *op) {
  push_refusal(L, status, op, NULL);
  return 3;
}

int xiol_refuse_path(lua_State *L, int status, const char *op, const char *path) {
  push_refusal(L, status, op, path);
  lua_pushstring(L, path);
  set_field(L, "path");
  return 3;
}

int xiol_refuse_address(lua_State *L, int status, const char *op, const char *host,
                        int port) {
  xiol_need_stack(L, 2, NULL);
  bool brackets = strchr(host, ':') != NULL;
  if (port < 0) {
    lua_pushstring(L, host);
  } else {
    lua_pushfstring(L, brackets ? "[%s]:%d" : "%s:%d", host, port);
  }
  push_refusal(L, status, op, lua_tostring(L, -1));
  lua_remove(L, -4); /* the subject: the message has it */
  lua_pushstring(L, host);
  set_field(L, "host");
  if (port < 0) return 3;
  lua_pushinteger(L, port);
  set_field(L, "port");
  return 3;
}

int xiol_push_refusal(lua_State *L, xiol_state *state, int status, const char *op,
                      int number) {
  (void)state;
  push_refusal(L, status, op, NULL);
  if (number >= 0) {
    lua_pushinteger(L, number);
    set_field(L, "fd");
  }
  return 3;
}
