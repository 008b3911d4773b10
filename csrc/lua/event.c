/* event: xio.event(), a flag that tasks wait for. See core/event.h; loop's thread. */
#include "sync.h"

const xiol_kind xiol_kind_event = {"xio.Event"};

/* event(): one that is not set. The object itself is true like every object in Lua: ask
 * event:is_set(). */
static int l_event(lua_State *L) {
  xiol_event *event = xiol_sync_new(L, sizeof *event, 0, &xiol_kind_event);
  xio_event_init(&event->core, NULL);
  return 1;
}

/* set(): wakes all who wait. Harmless where it is set. May be called anywhere. */
static int event_set(lua_State *L) {
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, "event:set");
  xio_event_set(&event->core);
  return 0;
}

/* clear(): whoever was woken stays so. */
static int event_clear(lua_State *L) {
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, "event:clear");
  xio_event_clear(&event->core);
  return 0;
}

static int event_is_set(lua_State *L) {
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, "event:is_set");
  lua_pushboolean(L, event->core.is_set);
  return 1;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  lua_pushboolean(L, status == XIO_OK);
  return 1;
}

/* One turn is over; the frame: [1] the event, [2] how often it had been set. */
static int finish_turn(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  xiol_event *event = lua_touserdata(L, 1);
  lua_pushboolean(
      L, event->core.is_set || event->core.sets != (uint64_t)lua_tointeger(L, 2));
  return 1;
}

/* wait([timeout]): true once it is set, also where it has been cleared since; false after
 * `timeout` seconds, of which 0 is one turn. A checkpoint; cancelled, it raises. */
static int event_wait(lua_State *L) {
  static const char function[] = "event:wait";
  xiol_state *state = xiol_state_of(L);
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xiol_task *task = xiol_enter(L, state, function);
  lua_settop(L, 1);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  if (event->core.is_set) {
    if (!xiol_sync_done(task, XIO_OK)) return xiol_yield(L, 0, finish_wait);
    lua_pushboolean(L, 1);
    return 1;
  }
  if (timeout <= 0) {
    lua_pushinteger(L, (lua_Integer)event->core.sets);
    xio_task_pause(&task->core);
    return xiol_yield(L, 0, finish_turn);
  }
  int status = xio_event_wait(&event->core, &task->core, xiol_sync_until(task, timeout));
  if (status != XIO_OK) xiol_raise_memory(L);
  return xiol_yield(L, 0, finish_wait);
}

/* stats(): {waiting =} */
static int event_stats(lua_State *L) {
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, "event:stats");
  xiol_sync_stats(L, &event->core.waiters);
  return 1;
}

static int event_tostring(lua_State *L) {
  xiol_event *event = xiol_check(L, 1, &xiol_kind_event, "event.__tostring");
  lua_pushstring(L, event->core.is_set ? "event (set)" : "event (not set)");
  return 1;
}

void xiol_open_event(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"set", event_set},       {"clear", event_clear},
                                     {"is_set", event_is_set}, {"wait", event_wait},
                                     {"stats", event_stats},   {NULL, NULL}};
  static const xiol_sync_class class = {.kind = &xiol_kind_event,
                                        .name = "event",
                                        .construct = l_event,
                                        .methods = methods,
                                        .tostring = event_tostring};
  xiol_sync_open(L, state, &class);
}
