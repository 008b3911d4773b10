/* sync: what the synchronization objects share; see sync.h. */
#include "sync.h"

#include <string.h>

/* Stands in for an __index that is only the table of methods. */
static int no_fields(lua_State *L) {
  xiol_sync_field(L);
  return 1;
}

void xiol_sync_open(lua_State *L, xiol_state *state, const xiol_sync_class *class) {
  const luaL_Reg more[] = {{"__newindex", class->newindex}, {"__close", class->close}};
  int module = lua_gettop(L);
  xiol_make_class(L, state, class->kind, class->methods,
                  class->index != NULL ? class->index : no_fields, class->tostring,
                  class->gc);
  if (class->index == NULL) { /* quicker than to call a function */
    lua_getfield(L, -1, "__index");
    lua_getupvalue(L, -1, XIOL_METHODS);
    lua_setfield(L, -3, "__index");
    lua_pop(L, 1);
  }
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
    if (more[i].func == NULL) continue;
    xiol_push_upvalues(L, state);
    lua_pushcclosure(L, more[i].func, XIOL_UPVALUES);
    lua_setfield(L, -2, more[i].name);
  }
  if (class->complete != NULL) class->complete(L, state);
  xiol_push_upvalues(L, state);
  lua_rotate(L, module + 1, XIOL_UPVALUES); /* the metatable comes after them */
  lua_pushvalue(L, module);
  lua_pushcclosure(L, class->construct, XIOL_SYNC_MODULE);
  lua_setfield(L, module, class->name);
}

void *xiol_sync_new(lua_State *L, size_t size, int user_values, const xiol_kind *kind) {
  void *object = lua_newuserdatauv(L, size, user_values);
  memset(object, 0, size);
  memcpy(object, &kind, sizeof(const xiol_kind *));
  lua_pushvalue(L, lua_upvalueindex(XIOL_SYNC_METATABLE));
  lua_setmetatable(L, -2);
  return object;
}

const char *xiol_sync_field(lua_State *L) {
  lua_pushvalue(L, 2); /* every call of a method comes here first: few steps */
  if (XIO_LIKELY(lua_rawget(L, lua_upvalueindex(XIOL_METHODS)) != LUA_TNIL)) return NULL;
  return lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : NULL;
}

lua_Integer xiol_sync_integer(lua_State *L, int index, lua_Integer least,
                              const char *function) {
  int exact = 0;
  if (lua_type(L, index) != LUA_TNUMBER) xiol_type_error(L, function, index, "integer");
  lua_Integer value = lua_tointegerx(L, index, &exact);
  if (!exact || value < least) {
    const char *message =
        lua_pushfstring(L, "integer of at least %I expected", (LUAI_UACINT)least);
    xiol_arg_error(L, function, index, message);
  }
  return value;
}

void xiol_sync_set(lua_State *L, const char *field, lua_Integer value) {
  lua_pushinteger(L, value);
  lua_setfield(L, -2, field);
}

void xiol_sync_stats(lua_State *L, const xio_list *queue) {
  lua_createtable(L, 0, 4);
  xiol_sync_set(L, "waiting", (lua_Integer)xio_list_count(queue));
}

bool xiol_sync_done(xiol_task *task, int status) {
  if (XIO_LIKELY(xio_task_spend(&task->core))) return true;
  xio_wait_reschedule(&task->core.wait, status);
  return false;
}

int64_t xiol_sync_until(xiol_task *task, int64_t ns) {
  return ns == XIO_NEVER ? XIO_NEVER : xio_clock_after(task->core.wait.queue->clock, ns);
}

/* The body of with() has ended; below its results are `context` values of ours. */
static int finish_with(lua_State *L, int status, lua_KContext context) {
  (void)status;
  return lua_gettop(L) - (int)context;
}

int xiol_sync_with(lua_State *L, int first) {
  lua_toclose(L, 1);
  lua_callk(L, lua_gettop(L) - first, LUA_MULTRET, first - 1, finish_with);
  return finish_with(L, LUA_OK, first - 1);
}

void xiol_open_sync(lua_State *L, xiol_state *state) {
  xiol_open_event(L, state);
  xiol_open_future(L, state);
  xiol_open_lock(L, state);
  xiol_open_semaphore(L, state);
  xiol_open_limiter(L, state);
  xiol_open_condition(L, state);
  xiol_open_barrier(L, state);
}
