/* standin: what the stand-ins for functions of Lua's own library need that Lua cannot do
 * (lua/xio/require.lua, sort.lua, gsub.lua): lists of tasks that wait, and calls made by
 * a C function. A list is a userdata; who waits in it has it on its own stack. Loop's
 * thread. */
#include "binding.h"

static const xiol_kind kind_waitlist = {"xio.Waitlist"};

typedef struct waitlist {
  const xiol_kind *kind;
  xio_list waiters;
} waitlist;

static const xio_wait_ops wait_ops = {.verb = "require", .abort = xio_wait_abort_plain};

/* waitlist(): a list in which no task waits. */
static int l_waitlist(lua_State *L) {
  waitlist *list = lua_newuserdatauv(L, sizeof *list, 0);
  list->kind = &kind_waitlist;
  xio_list_init(&list->waiters);
  return 1;
}

/* wait_in(list): waits for wake_all. A checkpoint; cancelled, it leaves the list. */
static int l_wait_in(lua_State *L) {
  static const char function[] = "require";
  waitlist *list = xiol_check(L, 1, &kind_waitlist, function);
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (xio_task_begin(&task->core) == XIO_OK) {
    xio_wait_park(&task->core.wait, &wait_ops, list);
    xio_list_push_back(&list->waiters, &task->core.wait.self.link);
  }
  return xiol_yield(L, (lua_KContext)xiol_state_of(L), xiol_finish_wait);
}

/* wake_all(list) */
static int l_wake_all(lua_State *L) {
  waitlist *list = xiol_check(L, 1, &kind_waitlist, "require");
  xio_waiter_complete_all(&list->waiters, XIO_OK);
  return 0;
}

/* lives_here(task): whether it has not ended and belongs to the current run. */
static int l_lives_here(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task_handle *handle = xiol_check(L, 1, &xiol_kind_task, "require");
  lua_pushboolean(L, handle->task != NULL && handle->outcome == XIO_OUTCOME_NONE &&
                         handle->task->runtime == state->runtime);
  return 1;
}

static int finish_call(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  return lua_gettop(L);
}

/* call(f, ...): what f returns; f may wait. */
static int l_call(lua_State *L) {
  luaL_checkany(L, 1);
  lua_callk(L, lua_gettop(L) - 1, LUA_MULTRET, 0, finish_call);
  return lua_gettop(L);
}

const luaL_Reg xiol_standin_functions[] = {
    {"waitlist", l_waitlist},     {"wait_in", l_wait_in}, {"wake_all", l_wake_all},
    {"lives_here", l_lives_here}, {"call", l_call},       {NULL, NULL}};
