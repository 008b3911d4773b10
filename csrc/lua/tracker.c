/* tracker: xio.work_tracker(), how much work is going on (core/tracker.h).
 *
 * What `track` runs is counted by a guard that is closed on every way out. The thread of
 * the Lua state. */
#include "../core/tracker.h"

#include <string.h>

#include "shared.h"
#include "sync.h"

static const xiol_shared_class class_tracker;

static xio_shared *shared_of(void *core) {
  return &((xio_tracker *)core)->shared;
}

static void push_tracker(lua_State *L, xiol_state *state, void *core) {
  xiol_shared_push(L, state, &class_tracker, core);
}

static void expose(void *core) {
  xio_shared_expose(shared_of(core));
}

static void ref(void *core) {
  xio_shared_ref(shared_of(core));
}

static void unref(void *core) {
  xio_tracker_unref(core);
}

static void unref_here(void *core, const xio_loop *here) {
  (void)here;
  xio_tracker_unref(core);
}

static const xio_wait_ops wait_ops = {.verb = "wait_idle", .abort = xio_shared_abort};

static const xiol_shared_flag flag = {
    .shared = shared_of, .is_over = xio_tracker_is_idle, .ops = &wait_ops};

static void make_class(lua_State *L, xiol_state *state);

static const xiol_shared_class class_tracker = {.kind = {"xio.WorkTracker"},
                                                .shareable = {.kind = &class_tracker.kind,
                                                              .share = xiol_shared_share,
                                                              .push = push_tracker,
                                                              .unref = unref},
                                                .metatable = XIOL_REF_WORK_TRACKER,
                                                .make = make_class,
                                                .size = sizeof(xiol_shared_box),
                                                .flag = &flag,
                                                .expose = expose,
                                                .ref = ref,
                                                .unref = unref_here};

static xio_tracker *check_tracker(lua_State *L, const char *function) {
  return xiol_shared_check(L, 1, &class_tracker, function);
}

/* work_tracker(): one that counts nothing yet. */
static int l_work_tracker(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_shared_box *box = xiol_shared_new(L, state, &class_tracker);
  xio_tracker *tracker = xio_tracker_new();
  if (tracker == NULL) xiol_raise_memory(L);
  xiol_shared_fill(L, state, box, tracker);
  return 1;
}

/* add([n]): so much more work; the count. */
static int tracker_add(lua_State *L) {
  static const char function[] = "work_tracker:add";
  xio_tracker *tracker = check_tracker(L, function);
  lua_Integer more = lua_isnoneornil(L, 2) ? 1 : xiol_sync_integer(L, 2, 0, function);
  if (more > UINT32_MAX) xiol_arg_error(L, function, 2, "the number is too large");
  lua_pushinteger(L, (lua_Integer)xio_tracker_add(tracker, (uint32_t)more));
  return 1;
}

/* done(): one is done. */
static int tracker_done(lua_State *L) {
  static const char function[] = "work_tracker:done";
  xio_tracker *tracker = check_tracker(L, function);
  if (xio_tracker_done(tracker, xiol_loop_here(xiol_state_of(L))) != XIO_OK) {
    xiol_fail(L, "%s: more was done than was added: add first", function);
  }
  return 0;
}

/* wait_idle([timeout]): until nothing is counted. */
static int tracker_wait_idle(lua_State *L) {
  return xiol_shared_wait(L, &class_tracker, "work_tracker:wait_idle");
}

/* -- track --------------------------------------------------------------------------- */

/* One that is being worked at; NULL: it is done. */
typedef struct tracked {
  xio_tracker *tracker; /* with a reference */
} tracked;

static int tracked_close(lua_State *L) {
  tracked *self = lua_touserdata(L, 1);
  xio_tracker *tracker = self->tracker;
  if (tracker == NULL) return 0;
  self->tracker = NULL;
  int status = xio_tracker_done(tracker, xiol_loop_here(xiol_state_of(L)));
  (void)status; /* the program has called done once too often */
  xio_tracker_unref(tracker);
  return 0;
}

/* track(f, ...): runs it counted; its results. */
static int tracker_track(lua_State *L) {
  static const char function[] = "work_tracker:track";
  xio_tracker *tracker = check_tracker(L, function);
  xiol_check_callable(L, 2, function);
  tracked *self = lua_newuserdatauv(L, sizeof *self, 0);
  self->tracker = NULL;
  xiol_push_ref(L, xiol_state_of(L), XIOL_REF_TRACKED);
  lua_setmetatable(L, -2);
  xio_shared_ref(&tracker->shared);
  self->tracker = tracker;
  xio_tracker_add(tracker, 1);
  lua_replace(L, 1);
  return xiol_sync_with(L, 2);
}

static int tracker_index(lua_State *L) {
  const char *field = xiol_sync_field(L);
  if (field == NULL || strcmp(field, "count") != 0) return 1;
  xio_tracker *tracker = check_tracker(L, "work_tracker.__index");
  lua_pushinteger(L, (lua_Integer)xio_tracker_count(tracker));
  return 1;
}

static int tracker_tostring(lua_State *L) {
  xio_tracker *tracker = check_tracker(L, "work_tracker.__tostring");
  lua_pushfstring(L, "work tracker (%I)", (LUAI_UACINT)xio_tracker_count(tracker));
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"add", tracker_add},
                                     {"done", tracker_done},
                                     {"track", tracker_track},
                                     {"wait_idle", tracker_wait_idle},
                                     {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", tracker_tostring}, {NULL, NULL}};
  static const luaL_Reg tracked_meta[] = {
      {"__close", tracked_close}, {"__gc", tracked_close}, {NULL, NULL}};
  lua_newtable(L);
  xiol_set_functions(L, state, tracked_meta);
  xiol_keep(L, state, XIOL_REF_TRACKED);
  xiol_shared_make(L, state, &class_tracker, methods, tracker_index, meta);
}

void xiol_open_tracker(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"work_tracker", l_work_tracker}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
