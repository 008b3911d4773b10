/* scope_group: scopes in any tasks of any threads that are cancelled together.
 *
 * A group has a list of members, each for one scope that is being run, in the order of
 * their coming. Who cancels it tells each member once: those of the loop that it runs in
 * at once, the others by a post to their loop, with a reason that is a message. A latched
 * group cancels who comes later, too.
 *
 * A member is a userdata on the stack of who runs the scope; closing it, or the end of
 * its loop, takes it out, on its loop's thread. The group is on the C library's heap; its
 * mutex guards it. The thread of the Lua state, but for the functions without one. */
#include <string.h>

#include "shared.h"
#include "sync.h"

typedef struct far_reason {
  atomic_uint refs;
  xiol_message
      *message; /* NULL: it could not be copied, and nobody else knew the group */
} far_reason;

typedef struct scope_group {
  xio_shared shared;
  /* guarded: */
  xio_list members;
  uint32_t active;
  bool latched;
  far_reason *reason; /* of the latch; NULL: none */
} scope_group;

typedef struct member {
  const xiol_kind *kind;
  xio_list link;
  scope_group *group; /* with a reference; NULL: it has left */
  xiol_scope *scope;  /* whose handle is user value 1 */
  xio_loop *loop;
  xio_port *port; /* with a reference */
  xio_post post;
  xio_loop_object object;
  bool told;          /* guarded by the group's mutex */
  far_reason *reason; /* the same; with a reference */
} member;

enum { GROUP_REASON = 1, GROUP_LATCH = 2, GROUP_USER_VALUES = 2 };

static const xiol_kind kind_member = {"xio.ScopeMember"};
static const xiol_shared_class class_scope_group;

/* -- groups -------------------------------------------------------------------------- */

static void unref_reason(far_reason *reason) {
  if (reason == NULL) return;
  if (atomic_fetch_sub_explicit(&reason->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  xiol_message_free(reason->message);
  xio_alloc_free(&heap, reason, sizeof *reason);
}

static far_reason *ref_reason(far_reason *reason) {
  if (reason != NULL) {
    atomic_fetch_add_explicit(&reason->refs, 1, memory_order_relaxed);
  }
  return reason;
}

static void free_group(xio_shared *shared) {
  xio_allocator heap = xio_alloc_default();
  scope_group *group = XIO_CONTAINER_OF(shared, scope_group, shared);
  unref_reason(group->reason);
  xio_shared_deinit(shared);
  xio_alloc_free(&heap, group, sizeof *group);
}

static const xio_shared_ops shared_ops = {.free = free_group};

static void push_group(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &class_scope_group, core);
}

static void expose(void *core) {
  xio_shared_expose(&((scope_group *)core)->shared);
}

static void ref(void *core) {
  xio_shared_ref(&((scope_group *)core)->shared);
}

static void unref(void *core) {
  xio_shared_unref(&((scope_group *)core)->shared);
}

static void unref_here(void *core, const xio_loop *here) {
  (void)here;
  unref(core);
}

static void make_class(lua_State *L, xiol_state *state);

static const xiol_shared_class class_scope_group = {
    .kind = {"xio.ScopeGroup"},
    .shareable = {.kind = &class_scope_group.kind,
                  .share = xiol_shared_share,
                  .push = push_group,
                  .unref = unref},
    .metatable = XIOL_REF_SCOPE_GROUP,
    .make = make_class,
    .size = sizeof(xiol_shared_box),
    .user_values = GROUP_USER_VALUES, /* the latch's reason, and of which latch */
    .expose = expose,
    .ref = ref,
    .unref = unref_here};

static scope_group *check_group(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &class_scope_group, function);
}

/* scope_group(): one without scopes. */
static int l_scope_group(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_allocator heap = xio_alloc_default();
  xiol_shared_box *box = xiol_shared_new(L, state, &class_scope_group);
  scope_group *group = xio_alloc_new(&heap, sizeof *group);
  if (group == NULL) xiol_raise_memory(L);
  if (xio_shared_init(&group->shared, &shared_ops) != XIO_OK) {
    xio_alloc_free(&heap, group, sizeof *group);
    xiol_raise_memory(L);
  }
  xio_list_init(&group->members);
  xiol_shared_fill(L, state, box, group);
  return 1;
}

/* -- members ------------------------------------------------------------------------- */

static void leave(member *self) {
  scope_group *group = self->group;
  if (group == NULL) return;
  self->group = NULL;
  xio_shared_lock(&group->shared);
  xio_list_remove(&self->link);
  group->active--;
  xio_shared_unlock(&group->shared);
  xio_port_withdraw(self->port, &self->post);
  xio_list_remove(&self->object.link);
  self->scope->reason = NULL;
  unref_reason(self->reason);
  xio_port_unref(self->port);
  xio_shared_unref(&group->shared);
}

static int member_close(lua_State *L) {
  leave(lua_touserdata(L, 1));
  return 0;
}

static void close_member(xio_loop_object *object) {
  leave(XIO_CONTAINER_OF(object, member, object));
}

/* On the loop's thread. */
static void deliver(xio_post *post) {
  member *self = XIO_CONTAINER_OF(post, member, post);
  xio_shared_lock(&self->group->shared);
  const far_reason *reason = self->reason;
  xio_shared_unlock(&self->group->shared);
  xio_scope *scope = &self->scope->core;
  if (scope->source != XIO_SOURCE_NONE) return;
  self->scope->reason = reason != NULL ? reason->message : NULL;
  xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
}

static void drop(xio_post *post) {
  (void)post; /* the member is closed as an object of the loop */
}

/* Pushes the reason of the group's latch, whose box is at 1, or nil: the very value where
 * this state has latched it. */
static void push_latch_reason(lua_State *L, xiol_state *state, far_reason *reason) {
  if (reason == NULL) {
    lua_pushnil(L);
    return;
  }
  bool own = lua_getiuservalue(L, 1, GROUP_LATCH) == LUA_TLIGHTUSERDATA &&
             lua_touserdata(L, -1) == reason;
  lua_pop(L, 1);
  if (own) {
    lua_getiuservalue(L, 1, GROUP_REASON);
  } else if (reason->message == NULL || xiol_copy_in(L, state, reason->message) == 0) {
    lua_pushnil(L);
  }
}

/* scope_group_enter(group, scope): its member, to be closed; a latched group cancels it
 * at once. */
static int l_scope_group_enter(lua_State *L) {
  static const char function[] = "scope_group:run";
  xiol_state *state = xiol_state_of(L);
  scope_group *group = check_group(L, function);
  const xiol_scope_handle *handle = xiol_check(L, 2, &xiol_kind_scope, function);
  xio_loop *loop = xiol_running(L, state, function)->runtime->loop;
  xio_port *port = NULL;
  lua_settop(L, 2);
  int status = xio_loop_port(loop, &port);
  if (status != XIO_OK) return xiol_shared_fail(L, status, function);
  member *self = lua_newuserdatauv(L, sizeof *self, 1);
  *self = (member){.kind = &kind_member, .scope = handle->owned, .loop = loop};
  lua_pushvalue(L, 2);
  lua_setiuservalue(L, -2, 1);
  xiol_push_ref(L, state, XIOL_REF_SCOPE_MEMBER);
  lua_setmetatable(L, -2);
  xio_port_ref(port);
  xio_shared_ref(&group->shared);
  self->port = port;
  self->group = group;
  self->post = (xio_post){.deliver = deliver, .drop = drop};
  self->object.close = close_member;
  xio_list_init(&self->post.link);
  xio_list_init(&self->object.link);
  xio_list_push_back(&loop->objects, &self->object.link);
  xio_shared_lock(&group->shared);
  xio_list_init(&self->link);
  xio_list_push_back(&group->members, &self->link);
  group->active++;
  bool latched = group->latched;
  self->told = latched; /* then nobody else will change what is told */
  self->reason = latched ? ref_reason(group->reason) : NULL;
  xio_shared_unlock(&group->shared);
  if (!latched) return 1;
  push_latch_reason(L, state, self->reason);
  xiol_cancel(L, state, &self->scope->core, 4, 2);
  lua_settop(L, 3);
  return 1;
}

/* -- cancelling ---------------------------------------------------------------------- */

/* copy(light userdata, reason): makes its message. */
static int copy_reason(lua_State *L) {
  far_reason *reason = lua_touserdata(L, 1);
  reason->message =
      xiol_copy_out(L, xiol_state_of(L), 2, 1, XIOL_COPY_VALUE, "scope_group:cancel");
  return 0;
}

/* The reason at 2 for others, NULL for nil. Raises where it cannot be copied, and another
 * thread knows the group, or memory is out. */
static far_reason *make_reason(lua_State *L, xiol_state *state, scope_group *group) {
  if (lua_isnil(L, 2)) return NULL;
  xio_allocator heap = xio_alloc_default();
  far_reason *reason = xio_alloc_new(&heap, sizeof *reason);
  if (reason == NULL) xiol_raise_memory(L);
  atomic_init(&reason->refs, 1);
  xiol_push_ref(L, state, XIOL_REF_COPY_REASON);
  lua_pushlightuserdata(L, reason);
  lua_pushvalue(L, 2);
  int status = lua_pcall(L, 2, 0, 0);
  if (status == LUA_OK) return reason;
  if (status == LUA_ERRMEM || xiol_shared_exposed(&group->shared)) {
    unref_reason(reason);
    lua_error(L);
  }
  lua_pop(L, 1);
  return reason;
}

static member *member_at(xio_list *link) {
  return XIO_CONTAINER_OF(link, member, link);
}

/* Latches the group, if it is to be and is not, and tells the members of other loops. How
 * many; `*latched` is set where it was latched now. */
static uint32_t tell_others(scope_group *group, far_reason *reason, bool latch,
                            const xio_loop *here, bool *latched) {
  uint32_t count = 0;
  xio_shared_lock(&group->shared);
  *latched = latch && !group->latched;
  if (*latched) {
    group->latched = true;
    group->reason = ref_reason(reason);
  }
  for (xio_list *node = group->members.next; node != &group->members; node = node->next) {
    member *one = member_at(node);
    if (one->told || one->loop == here) continue;
    one->told = true;
    one->reason = ref_reason(reason);
    if (xio_port_post(one->port, &one->post) == XIO_OK) count++;
  }
  xio_shared_unlock(&group->shared);
  return count;
}

/* The scope of the first member of this loop that was not told, which it is now. */
static xiol_scope *next_here(scope_group *group, const xio_loop *here) {
  xiol_scope *scope = NULL;
  xio_shared_lock(&group->shared);
  for (xio_list *node = group->members.next; node != &group->members && scope == NULL;
       node = node->next) {
    member *one = member_at(node);
    if (one->told || one->loop != here) continue;
    one->told = true;
    scope = one->scope;
  }
  xio_shared_unlock(&group->shared);
  return scope;
}

/* cancel([reason [, {latch =}]]): cancels all scopes that it has; how many. */
static int group_cancel(lua_State *L) {
  static const char function[] = "scope_group:cancel";
  static const char *const allowed[] = {"latch", NULL};
  xiol_state *state = xiol_state_of(L);
  scope_group *group = check_group(L, function);
  lua_settop(L, 3);
  bool latch = false;
  if (!lua_isnil(L, 3)) {
    if (!lua_istable(L, 3)) xiol_type_error(L, function, 3, "table");
    xiol_check_fields(L, 3, allowed, function);
    latch = xiol_option_boolean(L, 3, "latch", false, function);
  }
  const xio_loop *here = xiol_loop_here(state);
  far_reason *reason = make_reason(L, state, group);
  bool latched = false;
  uint32_t count = tell_others(group, reason, latch, here, &latched);
  if (latched) {
    lua_pushvalue(L, 2);
    lua_setiuservalue(L, 1, GROUP_REASON);
    lua_pushlightuserdata(L, reason);
    lua_setiuservalue(L, 1, GROUP_LATCH);
  }
  unref_reason(reason);
  for (xiol_scope *scope; here != NULL && (scope = next_here(group, here)) != NULL;) {
    if (xiol_cancel(L, state, &scope->core, lua_isnil(L, 2) ? 0 : 2, 0)) count++;
  }
  lua_pushinteger(L, count);
  return 1;
}

/* clear(): later scopes are not cancelled. */
static int group_clear(lua_State *L) {
  scope_group *group = check_group(L, "scope_group:clear");
  xio_shared_lock(&group->shared);
  far_reason *reason = group->reason;
  group->reason = NULL;
  group->latched = false;
  xio_shared_unlock(&group->shared);
  unref_reason(reason);
  lua_settop(L, 1);
  for (int i = 1; i <= GROUP_USER_VALUES; i++) {
    lua_pushnil(L);
    lua_setiuservalue(L, 1, i);
  }
  return 0;
}

static int finish_run(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

/* run(f, ...): by the Lua floor. */
static int group_run(lua_State *L) {
  xiol_push_hook(L, xiol_state_of(L), "scope_group_run");
  lua_insert(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, finish_run);
  return lua_gettop(L);
}

static int group_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  scope_group *group = check_group(L, "scope_group.__index");
  xio_shared_lock(&group->shared);
  uint32_t active = group->active;
  bool latched = group->latched;
  xio_shared_unlock(&group->shared);
  if (strcmp(field, "active") == 0) {
    lua_pushinteger(L, active);
  } else if (strcmp(field, "latched") == 0) {
    lua_pushboolean(L, latched);
  }
  return 1;
}

static int group_newindex(lua_State *L) {
  check_group(L, "scope_group.__newindex");
  return xiol_fail(L, "scope_group: the field '%s' cannot be set",
                   luaL_tolstring(L, 2, NULL));
}

static int group_tostring(lua_State *L) {
  scope_group *group = check_group(L, "scope_group.__tostring");
  xio_shared_lock(&group->shared);
  uint32_t active = group->active;
  xio_shared_unlock(&group->shared);
  lua_pushfstring(L, "scope group (%d active)", (int)active);
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"run", group_run}, {"cancel", group_cancel}, {"clear", group_clear}, {NULL, NULL}};
  static const luaL_Reg meta[] = {
      {"__newindex", group_newindex}, {"__tostring", group_tostring}, {NULL, NULL}};
  static const luaL_Reg member_meta[] = {
      {"__close", member_close}, {"__gc", member_close}, {NULL, NULL}};
  lua_newtable(L);
  xiol_set_functions(L, state, member_meta);
  xiol_keep(L, state, XIOL_REF_SCOPE_MEMBER);
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, copy_reason, XIOL_UPVALUES);
  xiol_keep(L, state, XIOL_REF_COPY_REASON);
  xiol_shared_make(L, state, &class_scope_group, methods, group_index, meta);
}

void xiol_open_scope_group(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"scope_group", l_scope_group},
                                       {"scope_group_enter", l_scope_group_enter},
                                       {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
