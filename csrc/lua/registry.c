/* registry: xio.registry(), pending requests by key (core/registry.h).
 *
 * A request is a record that stands in the registry under its key, and is the canceller
 * of its reply. It has two references: the registry's, or of who has taken it out, with
 * one to the reply; and the reply's, which ends when that is settled, by whomever, and
 * then takes the request out too. So nothing stays in a registry that nobody waits for.
 * A registry is exposed with its box, and has as many openings as boxes and messages
 * refer to it. The thread of the Lua state. */
#include "../core/registry.h"

#include <math.h>
#include <string.h>

#include "shared.h"
#include "sync.h"

typedef struct request {
  xio_canceller canceller;
  xio_registered entry;
  xio_reply *reply; /* with a reference, until it is out of the registry */
  atomic_uint refs;
  size_t key_size;
  unsigned char key[];
} request;

/* -- requests; any thread ------------------------------------------------------------ */

static request *request_at(xio_registered *entry) {
  return XIO_CONTAINER_OF(entry, request, entry);
}

static void unref_request(request *self) {
  if (atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  if (self->entry.registry != NULL) xio_registered_release(&self->entry);
  xio_alloc_free(&heap, self, sizeof *self + self->key_size);
}

/* A request that was taken out, whose reply was settled. */
static void release(request *self) {
  xio_reply *reply = self->reply;
  unref_request(self);
  xio_reply_unref(reply);
}

static void cancel_request(xio_canceller *canceller, void *reason) {
  request *self = XIO_CONTAINER_OF(canceller, request, canceller);
  xio_reply *reply = self->reply;
  if (!xio_registry_remove(&self->entry)) { /* it is being settled */
    xiol_free_message_value(reason);
    return;
  }
  if (!xio_reply_settle(reply, XIO_OUTCOME_CANCELLED, reason, NULL)) {
    xiol_free_message_value(reason);
  }
  release(self);
}

/* The reply was settled. */
static void unref_canceller(xio_canceller *canceller) {
  request *self = XIO_CONTAINER_OF(canceller, request, canceller);
  bool was_added = self->entry.registry != NULL;
  if (was_added && xio_registry_remove(&self->entry)) release(self);
  unref_request(self);
}

/* Nobody is left who could answer those in the list. */
static void abandon_all(xio_list *taken, const xio_loop *here) {
  while (!xio_list_empty(taken)) {
    request *self = request_at(XIO_CONTAINER_OF(taken->next, xio_registered, link));
    xio_list_remove(&self->entry.link);
    (void)xio_reply_settle(self->reply, XIO_OUTCOME_DONE, xiol_status_value(XIO_ECLOSED),
                           here);
    release(self);
  }
}

/* -- registries ---------------------------------------------------------------------- */

static void expose_registry(void *core) {
  (void)core; /* nobody waits for it */
}

static void ref_registry(void *core) {
  xio_registry_ref(core);
  xio_registry_open(core);
}

static void unref_registry_here(void *core, const xio_loop *here) {
  xio_list taken;
  xio_list_init(&taken);
  if (xio_registry_leave(core, &taken)) abandon_all(&taken, here);
  xio_registry_unref(core);
}

static void unref_registry(void *core) {
  unref_registry_here(core, NULL);
}

static void push_registry(lua_State *L, xiol_state *state, void *core);

static void make_class(lua_State *L, xiol_state *state);

static const xiol_shared_class registry_class = {
    .kind = {"xio.Registry"},
    .shareable = {.kind = &registry_class.kind,
                  .share = xiol_shared_share,
                  .push = push_registry,
                  .unref = unref_registry},
    .metatable = XIOL_REF_REGISTRY,
    .make = make_class,
    .size = sizeof(xiol_shared_box),
    .user_values = 1, /* the box of the verdict */
    .expose = expose_registry,
    .ref = ref_registry,
    .unref = unref_registry_here};

static void push_registry(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &registry_class, core);
}

static xio_registry *check_registry(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &registry_class, function);
}

/* registry() */
static int l_registry(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_shared_box *box = xiol_shared_new(L, state, &registry_class);
  xio_registry *registry = NULL;
  if (xio_registry_new(&registry) != XIO_OK) xiol_raise_memory(L);
  xiol_shared_fill(L, state, box, registry);
  return 1;
}

/* -- keys ---------------------------------------------------------------------------- */

enum { KEY_INDEX = 2, KEY_OTHER = 1 + sizeof(lua_Integer) };

/* Pushes the bytes of the key at 2, which are told apart from others as a table does:
 * its type, and what it is. Raises where it is no key. */
static const unsigned char *push_key(lua_State *L, size_t *size, const char *function) {
  char bytes[KEY_OTHER] = {0};
  lua_Integer integer;
  int exact = 0;
  bytes[0] = (char)('a' + lua_type(L, KEY_INDEX));
  switch (lua_type(L, KEY_INDEX)) {
    case LUA_TSTRING:
      lua_pushlstring(L, bytes, 1);
      lua_pushvalue(L, KEY_INDEX);
      lua_concat(L, 2);
      break;
    case LUA_TBOOLEAN:
      bytes[1] = (char)lua_toboolean(L, KEY_INDEX);
      lua_pushlstring(L, bytes, sizeof bytes);
      break;
    case LUA_TNUMBER:
      integer = lua_tointegerx(L, KEY_INDEX, &exact);
      lua_Number number = lua_tonumber(L, KEY_INDEX);
      if (isnan((double)number)) {
        xiol_arg_error(L, function, KEY_INDEX, "a key cannot be NaN");
      }
      if (!exact) bytes[0] = 'A';
      memcpy(bytes + 1, exact ? (const void *)&integer : (const void *)&number,
             sizeof integer);
      lua_pushlstring(L, bytes, sizeof bytes);
      break;
    default:
      xiol_arg_error(L, function, KEY_INDEX,
                     lua_pushfstring(L, "string, number or boolean expected, got %s",
                                     luaL_typename(L, KEY_INDEX)));
  }
  return (const unsigned char *)lua_tolstring(L, -1, size);
}

/* -- registering --------------------------------------------------------------------- */

/* A request with that key and a reply of its own. NULL: memory is out. */
static request *new_request(const unsigned char *key, size_t size) {
  xio_allocator heap = xio_alloc_default();
  request *self = xio_alloc_new(&heap, sizeof *self + size);
  if (self == NULL) return NULL;
  self->reply = xio_reply_new(xiol_free_message_value);
  if (self->reply == NULL) {
    xio_alloc_free(&heap, self, sizeof *self + size);
    return NULL;
  }
  self->canceller = (xio_canceller){cancel_request, unref_canceller};
  self->reply->expires = true;
  xio_reply_set_canceller(self->reply, &self->canceller);
  atomic_init(&self->refs, 2);
  self->key_size = size;
  memcpy(self->key, key, size);
  self->entry.key = self->key;
  self->entry.key_size = size;
  return self;
}

/* Pushes a reply that tells of the registry's end, in the place of one that was not
 * made. */
static int push_verdict(lua_State *L, xiol_state *state, xio_registry *registry) {
  xio_reply *verdict = xio_registry_verdict(registry);
  if (verdict != NULL) {
    xiol_shared_push(L, state, &xiol_class_reply, verdict);
    return 1;
  }
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  xio_reply *reply = xio_reply_new(xiol_free_message_value);
  if (reply == NULL) xiol_raise_memory(L);
  (void)xio_reply_settle(reply, XIO_OUTCOME_DONE, xiol_status_value(XIO_ECLOSED), NULL);
  xiol_shared_fill(L, state, box, reply);
  return 1;
}

/* Pushes the reply to a new request with the key at 2. */
static int push_request(lua_State *L, const char *function) {
  xiol_state *state = xiol_state_of(L);
  xio_registry *registry = check_registry(L, function);
  size_t size = 0;
  const unsigned char *key = push_key(L, &size, function);
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  request *self = new_request(key, size);
  if (self == NULL) xiol_raise_memory(L);
  xio_reply *reply = self->reply;
  xio_reply_ref(reply); /* from adding it on, somebody may settle it */
  int status = xio_registry_add(registry, &self->entry);
  if (status != XIO_OK) {
    release(self);
    xio_reply_unref(reply);
  }
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status == XIO_ECLOSED) return push_verdict(L, state, registry);
  if (status != XIO_OK) {
    xiol_arg_error(L, function, KEY_INDEX,
                   lua_pushfstring(L, "the key %s is pending: take another",
                                   luaL_tolstring(L, KEY_INDEX, NULL)));
  }
  xiol_shared_fill(L, state, box, reply);
  return 1;
}

/* register(key): the reply to a request with that key. */
static int registry_register(lua_State *L) {
  return push_request(L, "registry:register");
}

/* request_for(registry, key): the same, in the name of request(). */
static int l_registry_request(lua_State *L) {
  return push_request(L, "registry:request");
}

/* After the hook. */
static int finish_request(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

/* request(key, send[, timeout]): by the Lua floor. */
static int registry_request(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  check_registry(L, "registry:request");
  lua_settop(L, 4);
  if (!xiol_push_hook(L, state, "request")) return 0; /* before xio was loaded */
  lua_insert(L, 1);
  lua_callk(L, 4, LUA_MULTRET, 0, finish_request);
  return finish_request(L, LUA_OK, 0);
}

/* -- answering ----------------------------------------------------------------------- */

/* What is found in the registry is a reply with a reference. With the mutex. */
static void *ref_reply_of(xio_registered *entry) {
  xio_reply *reply = request_at(entry)->reply;
  xio_reply_ref(reply);
  return reply;
}

/* The empty box at the top gets the reply, whose reference it takes over; or is replaced
 * by the box that this state has of it. */
static void fill_or_replace(lua_State *L, xiol_state *state, xiol_shared_box *box,
                            xio_reply *reply) {
  xiol_push_ref(L, state, XIOL_REF_BOXES);
  if (lua_rawgetp(L, -1, reply) == LUA_TUSERDATA) {
    lua_replace(L, -3);
    lua_pop(L, 1);
    xio_reply_unref(reply);
    return;
  }
  lua_pop(L, 2);
  xiol_shared_fill(L, state, box, reply);
}

/* Settles the reply to the request with the key at 2 with the values from 3 on; pushes
 * whether there was one, and this was first. */
static int answer(lua_State *L, xio_outcome outcome, const char *function) {
  xiol_state *state = xiol_state_of(L);
  xio_registry *registry = check_registry(L, function);
  int count = lua_gettop(L) - KEY_INDEX;
  size_t size = 0;
  const unsigned char *key = push_key(L, &size, function);
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  xio_reply *reply = xio_registry_find(registry, key, size, ref_reply_of);
  if (reply == NULL) {
    lua_pushboolean(L, false);
    return 1;
  }
  fill_or_replace(L, state, box, reply);
  int index = lua_gettop(L);
  lua_pushboolean(
      L, xiol_reply_settle(L, state, index, outcome, KEY_INDEX + 1, count, function));
  return 1;
}

/* resolve(key, ...): these are the results. Whether the key was pending. */
static int registry_resolve(lua_State *L) {
  luaL_checkany(L, 1);
  if (lua_gettop(L) < KEY_INDEX) lua_settop(L, KEY_INDEX);
  return answer(L, XIO_OUTCOME_DONE, "registry:resolve");
}

/* Makes the value at `index` an error where it is nil or missing. */
static void check_error(lua_State *L, int index, const char *op) {
  lua_settop(L, index);
  if (!lua_isnil(L, index)) return;
  lua_pushfstring(L, "%s was called with the value nil", op);
  xiol_push_error(L, xiol_state_of(L), "ENIL", op);
  lua_replace(L, index);
}

/* fail(key, e): awaiting it raises `e`. */
static int registry_fail(lua_State *L) {
  check_error(L, KEY_INDEX + 1, "registry:fail");
  return answer(L, XIO_OUTCOME_FAILED, "registry:fail");
}

/* settle(reply, err): called protected; where there is no err the reply tells that the
 * registry was closed. */
static int settle_one(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_shared_push(L, state, &xiol_class_reply, lua_touserdata(L, 1));
  (void)xiol_reply_settle(L, state, 3, XIO_OUTCOME_FAILED, 2, 1, "registry:fail_all");
  return 0;
}

/* Settles all replies in the list with the error at `err` (0: closed) by the function at
 * the top; where memory is out they get that error. How many there were. */
static lua_Integer fail_list(lua_State *L, xio_list *taken, int err) {
  const xio_loop *here = xiol_loop_here(xiol_state_of(L));
  lua_Integer count = 0;
  int settle = lua_gettop(L);
  while (!xio_list_empty(taken)) {
    request *self = request_at(XIO_CONTAINER_OF(taken->next, xio_registered, link));
    xio_list_remove(&self->entry.link);
    int status = LUA_OK;
    if (err != 0) {
      lua_pushvalue(L, settle);
      lua_pushlightuserdata(L, self->reply);
      lua_pushvalue(L, err);
      status = lua_pcall(L, 2, 0, 0);
      if (status != LUA_OK) lua_pop(L, 1);
    }
    if (err == 0 || status != LUA_OK) {
      int why = err == 0 ? XIO_ECLOSED : XIO_ENOMEM;
      (void)xio_reply_settle(self->reply, XIO_OUTCOME_DONE, xiol_status_value(why), here);
    }
    release(self);
    count++;
  }
  return count;
}

/* Pushes that function. */
static void push_settle(lua_State *L, const xiol_state *state) {
  xiol_need_stack(L, 8, NULL);
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, settle_one, XIOL_UPVALUES);
}

/* fail_all(e): all that are pending raise `e`. How many. */
static int registry_fail_all(lua_State *L) {
  xio_registry *registry = check_registry(L, "registry:fail_all");
  check_error(L, 2, "registry:fail_all");
  push_settle(L, xiol_state_of(L));
  xio_list taken;
  xio_list_init(&taken);
  xio_registry_take_all(registry, &taken);
  lua_pushinteger(L, fail_list(L, &taken, 2));
  return 1;
}

static void free_verdict(void *verdict) {
  xio_reply_unref(verdict);
}

/* Pushes a reply that has failed with the error at 2: what a registry that was closed
 * with it gives from then on. */
static xio_reply *push_failed(lua_State *L, xiol_state *state) {
  xiol_shared_box *box = xiol_shared_new(L, state, &xiol_class_reply);
  xio_reply *reply = xio_reply_new(xiol_free_message_value);
  if (reply == NULL) xiol_raise_memory(L);
  xio_shared_expose(&reply->shared); /* it is given to all who ask */
  xiol_shared_fill(L, state, box, reply);
  (void)xiol_reply_settle(L, state, lua_gettop(L), XIO_OUTCOME_FAILED, 2, 1,
                          "registry:close");
  return reply;
}

/* close([e]): all that are pending, and all that come later, raise `e`; without one they
 * are told that it is closed. Whether it was open. */
static int registry_close(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_registry *registry = check_registry(L, "registry:close");
  lua_settop(L, 2);
  bool fails = !lua_isnil(L, 2);
  xio_list taken;
  xio_list_init(&taken);
  xio_reply *verdict = NULL;
  push_settle(L, state);
  if (fails) {
    verdict = push_failed(L, state);
    lua_insert(L, -2);
    xio_reply_ref(verdict);
  }
  bool first = xio_registry_close(registry, &taken, verdict, free_verdict);
  if (!first && fails) xio_reply_unref(verdict);
  if (first && fails) { /* here it raises the very same value */
    lua_pushvalue(L, -2);
    lua_setiuservalue(L, 1, 1);
  }
  fail_list(L, &taken, fails ? 2 : 0);
  lua_pushboolean(L, first);
  return 1;
}

/* By <close>: the second argument is an error in flight. */
static int registry_closing(lua_State *L) {
  lua_settop(L, 1);
  return registry_close(L);
}

/* -- the class ----------------------------------------------------------------------- */

static int registry_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL) return 1;
  xio_registry *registry = check_registry(L, "registry.__index");
  if (strcmp(field, "pending") == 0) {
    lua_pushinteger(L, (lua_Integer)xio_registry_count(registry));
  } else if (strcmp(field, "closed") == 0) {
    lua_pushboolean(L, xio_registry_closed(registry));
  }
  return 1;
}

static int registry_newindex(lua_State *L) {
  check_registry(L, "registry.__newindex");
  return xiol_fail(L, "registry: the field '%s' cannot be set",
                   luaL_tolstring(L, 2, NULL));
}

static int registry_tostring(lua_State *L) {
  xio_registry *registry = check_registry(L, "registry.__tostring");
  if (xio_registry_closed(registry)) {
    lua_pushliteral(L, "registry (closed)");
  } else {
    lua_pushfstring(L, "registry (%I pending)",
                    (LUAI_UACINT)xio_registry_count(registry));
  }
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"register", registry_register},
                                     {"resolve", registry_resolve},
                                     {"request", registry_request},
                                     {"fail", registry_fail},
                                     {"fail_all", registry_fail_all},
                                     {"close", registry_close},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", registry_tostring},
                                  {"__newindex", registry_newindex},
                                  {"__close", registry_closing},
                                  {NULL, NULL}};
  xiol_shared_make(L, state, &registry_class, methods, registry_index, meta);
}

void xiol_open_registry(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {
      {"registry", l_registry}, {"registry_request", l_registry_request}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
