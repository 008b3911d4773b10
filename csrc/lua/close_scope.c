/* close_scope: xio.close_scope(), a state that is closed once, from any thread.
 *
 * It is a reply of the core (core/reply.h): settled with a value it is closed, with the
 * reason; settled with an error it has failed. The thread of the Lua state. */
#include <string.h>

#include "shared.h"
#include "sync.h"

static const xiol_shared_class class_close_scope;

static void push_scope(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &class_close_scope, core);
}

static xio_shared *shared_of(void *core) {
  return &((xio_reply *)core)->shared;
}

static void expose(void *core) {
  xio_shared_expose(shared_of(core));
}

static void ref(void *core) {
  xio_reply_ref(core);
}

static void unref(void *core) {
  xio_reply_unref(core);
}

static void unref_here(void *core, const xio_loop *here) {
  (void)here;
  xio_reply_unref(core);
}

static const xio_wait_ops wait_ops = {.verb = "close_scope", .abort = xio_shared_abort};

static const xiol_shared_flag flag = {
    .shared = shared_of, .is_over = xio_reply_is_settled, .ops = &wait_ops};

static void make_class(lua_State *L, xiol_state *state);

static const xiol_shared_class class_close_scope = {
    .kind = {"xio.CloseScope"},
    .shareable = {.kind = &class_close_scope.kind,
                  .share = xiol_shared_share,
                  .push = push_scope,
                  .unref = unref},
    .metatable = XIOL_REF_CLOSE_SCOPE,
    .make = make_class,
    .size = sizeof(xiol_shared_box),
    .user_values = 1, /* what closed it, if that was this state */
    .flag = &flag,
    .expose = expose,
    .ref = ref,
    .unref = unref_here};

static xio_reply *check_scope(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &class_close_scope, function);
}

/* close_scope(): one that is open. */
static int l_close_scope(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_shared_box *box = xiol_shared_new(L, state, &class_close_scope);
  xio_reply *reply = xio_reply_new(xiol_free_message_value);
  if (reply == NULL) xiol_raise_memory(L);
  xiol_shared_fill(L, state, box, reply);
  return 1;
}

/* close([reason]): whether it was open. */
static int scope_close(lua_State *L) {
  static const char function[] = "close_scope:close";
  check_scope(L, function);
  lua_settop(L, 2);
  lua_pushboolean(
      L, xiol_reply_settle(L, xiol_state_of(L), 1, XIO_OUTCOME_DONE, 2, 1, function));
  return 1;
}

/* fail(e): whether it was open. nil becomes an error that says so. */
static int scope_fail(lua_State *L) {
  static const char function[] = "close_scope:fail";
  xiol_state *state = xiol_state_of(L);
  check_scope(L, function);
  if (lua_isnone(L, 2)) xiol_arg_error(L, function, 2, "error expected, got no value");
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushliteral(L, "a close scope has failed with the value nil");
    xiol_push_error(L, state, "ENIL", "close_scope");
    lua_replace(L, 2);
  }
  lua_pushboolean(L, xiol_reply_settle(L, state, 1, XIO_OUTCOME_FAILED, 2, 1, function));
  return 1;
}

/* wait([timeout]): until it is closed or has failed. */
static int scope_wait(lua_State *L) {
  return xiol_shared_wait(L, &class_close_scope, "close_scope:wait");
}

/* raise_if_closed(): raises the error it has failed with, or one with the reason. */
static int scope_raise_if_closed(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_reply *reply = check_scope(L, "close_scope:raise_if_closed");
  xio_outcome outcome = xio_reply_outcome(reply);
  if (outcome == XIO_OUTCOME_NONE) return 0;
  lua_settop(L, 1);
  xiol_need_stack(L, 10, NULL);
  if (xiol_reply_push(L, state, reply) == 0) lua_pushnil(L);
  if (outcome == XIO_OUTCOME_FAILED) return xiol_rethrow(L, state);
  int reason = lua_gettop(L);
  if (lua_isnil(L, reason)) {
    lua_pushliteral(L, "closed");
  } else {
    lua_pushfstring(L, "closed: %s", luaL_tolstring(L, reason, NULL));
    lua_remove(L, -2);
  }
  xiol_push_error(L, state, "ECLOSED", "close_scope");
  lua_pushvalue(L, reason);
  lua_setfield(L, -2, "reason");
  return lua_error(L);
}

/* The value of the outcome, or nil where it had another. */
static int push_value_of(lua_State *L, xio_reply *reply, xio_outcome outcome) {
  lua_settop(L, 1);
  if (xio_reply_outcome(reply) != outcome ||
      xiol_reply_push(L, xiol_state_of(L), reply) == 0) {
    lua_pushnil(L);
  }
  return 1;
}

static int scope_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  xio_reply *reply = check_scope(L, "close_scope.__index");
  xio_outcome outcome = xio_reply_outcome(reply);
  if (strcmp(field, "closed") == 0) {
    lua_pushboolean(L, outcome != XIO_OUTCOME_NONE);
  } else if (strcmp(field, "failed") == 0) {
    lua_pushboolean(L, outcome == XIO_OUTCOME_FAILED);
  } else if (strcmp(field, "reason") == 0) {
    return push_value_of(L, reply, XIO_OUTCOME_DONE);
  } else if (strcmp(field, "error") == 0) {
    return push_value_of(L, reply, XIO_OUTCOME_FAILED);
  }
  return 1;
}

static int scope_tostring(lua_State *L) {
  static const char *const names[] = {"open", "closed", "failed", "closed"};
  xio_reply *reply = check_scope(L, "close_scope.__tostring");
  lua_pushfstring(L, "close scope (%s)", names[xio_reply_outcome(reply)]);
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"close", scope_close},
                                     {"fail", scope_fail},
                                     {"wait", scope_wait},
                                     {"raise_if_closed", scope_raise_if_closed},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", scope_tostring}, {NULL, NULL}};
  xiol_shared_make(L, state, &class_close_scope, methods, scope_index, meta);
}

void xiol_open_close_scope(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"close_scope", l_close_scope}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
