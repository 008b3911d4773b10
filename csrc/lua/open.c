/* open: the state of the binding in one Lua state, and the module xio.core.
 *
 * The state is a userdata kept by the registry from the first opening to the end of the
 * Lua state. Its memory comes from the Lua state's own allocator. Not here: any function
 * that a program calls; each file brings its own list. */
#include <string.h>

#include "../include/xio.h"
#include "attention.h"
#include "binding.h"
#include "channel.h"
#include "copy.h"
#include "file.h"
#include "room.h"
#include "shared.h"
#include "stream.h"
#include "sync.h"
#include "worker.h"

/* What makes room at once: how many fields a metatable has, and the module's table. */
enum { METATABLE_FIELDS = 8, MODULE_FIELDS = 256 };

/* their addresses are the registry keys of the state and of the module's table */
static const char state_key = 0;
static const char module_key = 0;

/* Frees what the free lists hold. Everything that lived was closed by then. */
static int state_gc(lua_State *L) {
  xiol_state *state = lua_touserdata(L, 1);
  for (xiol_task *task; (task = state->free_tasks) != NULL;) {
    state->free_tasks = task->next_free;
    xio_alloc_free(&state->alloc, task, sizeof *task);
  }
  for (xiol_scope *scope; (scope = state->free_scopes) != NULL;) {
    state->free_scopes = scope->next_free;
    xio_alloc_free(&state->alloc, scope, sizeof *scope);
  }
  xiol_close_generator(state);
  xiol_room_free(state, &state->room);
  xiol_close_select(state);
  xiol_close_shared(state);
  xiol_setup_unref(state->setup);
  for (xiol_source_file *file; (file = state->sources) != NULL;) {
    state->sources = file->next;
    xio_alloc_free(&state->alloc, file, sizeof *file);
  }
  xio_alloc_free(&state->alloc, state->free_slots,
                 (size_t)state->slot_capacity * sizeof(int));
  state->free_slots = NULL;
  state->slot_capacity = state->free_count = state->slot_count = 0;
  return 0;
}

/* Grows the stack of free slots before it is needed, so that freeing a slot never
 * fails. */
static void grow_slots(lua_State *L, xiol_state *state) {
  int capacity = state->slot_capacity != 0 ? state->slot_capacity * 2 : 64;
  int *slots = state->alloc.resize(state->alloc.context, state->free_slots,
                                   (size_t)state->slot_capacity * sizeof(int),
                                   (size_t)capacity * sizeof(int));
  if (slots == NULL) xiol_raise_memory(L);
  state->free_slots = slots;
  state->slot_capacity = capacity;
}

/* The slot to be used next, which is not taken yet. Raises when memory is out. */
static inline int next_slot(lua_State *L, xiol_state *state) {
  if (state->free_count > 0) return state->free_slots[state->free_count - 1];
  if (state->slot_count == state->slot_capacity) grow_slots(L, state);
  return state->slot_count + 1;
}

static inline void take_slot(xiol_state *state) {
  if (state->free_count > 0) {
    state->free_count--;
  } else {
    state->slot_count++;
  }
}

int xiol_anchor(lua_State *L, xiol_state *state) {
  int slot = next_slot(L, state);
  /* may raise: nothing has changed then */
  lua_rawseti(L, lua_upvalueindex(XIOL_UPVALUE_ANCHORS), slot);
  take_slot(state);
  return slot;
}

void xiol_reanchor(lua_State *L, xiol_state *state, int *slot) {
  bool taken = *slot != 0;
  int to = taken ? *slot : next_slot(L, state);
  xiol_push_ref(L, state, XIOL_REF_ANCHORS);
  lua_pushvalue(L, -2);
  lua_rawseti(L, -2, to); /* may raise, as above */
  lua_pop(L, 1);
  if (!taken) take_slot(state);
  *slot = to;
}

void xiol_push_anchored(lua_State *L, const xiol_state *state, int slot) {
  xiol_push_ref(L, state, XIOL_REF_ANCHORS);
  lua_rawgeti(L, -1, slot);
  lua_remove(L, -2);
}

void xiol_unanchor(lua_State *L, xiol_state *state, int slot) {
  if (slot == 0) return;
  xiol_push_ref(L, state, XIOL_REF_ANCHORS);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, slot); /* the slot exists: this allocates nothing */
  lua_pop(L, 1);
  state->free_slots[state->free_count++] = slot;
}

void xiol_let_go(lua_State *L, xiol_state *state, int anchors, int slot) {
  lua_pushboolean(L, 0);
  lua_rawseti(L, anchors, slot);
  state->free_slots[state->free_count++] = slot;
}

xiol_state *xiol_attention_state(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  xiol_state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

void xiol_push_upvalues(lua_State *L, const xiol_state *state) {
  lua_pushlightuserdata(L, (void *)state); /* quicker to read; the registry keeps it */
  xiol_push_ref(L, state, XIOL_REF_ANCHORS);
}

void xiol_set_functions(lua_State *L, xiol_state *state, const luaL_Reg *functions) {
  xiol_push_upvalues(L, state);
  luaL_setfuncs(L, functions, XIOL_UPVALUES);
}

void xiol_push_functions(lua_State *L, xiol_state *state, const luaL_Reg *functions) {
  int count = 0;
  while (functions[count].name != NULL) count++;
  lua_createtable(L, 0, count);
  xiol_set_functions(L, state, functions);
}

void xiol_push_metatable(lua_State *L, xiol_state *state, const xiol_kind *kind,
                         const luaL_Reg *meta) {
  lua_createtable(L, 0, METATABLE_FIELDS);
  xiol_set_functions(L, state, meta);
  lua_pushstring(L, kind->name);
  lua_setfield(L, -2, "__name");
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
}

void xiol_make_class(lua_State *L, xiol_state *state, const xiol_kind *kind,
                     const luaL_Reg *methods, lua_CFunction index, lua_CFunction tostring,
                     lua_CFunction gc) {
  const luaL_Reg meta[] = {
      {"__tostring", tostring}, {gc != NULL ? "__gc" : NULL, gc}, {NULL, NULL}};
  xiol_push_metatable(L, state, kind, meta);
  xiol_push_upvalues(L, state);
  xiol_push_functions(L, state, methods);
  if (index != NULL) {
    lua_pushcclosure(L, index, XIOL_METHODS);
  } else {
    lua_insert(L, -1 - XIOL_UPVALUES);
    lua_pop(L, XIOL_UPVALUES);
  }
  lua_setfield(L, -2, "__index");
}

void xiol_make_plain_class(lua_State *L, xiol_state *state, const xiol_kind *kind,
                           const luaL_Reg *meta, const luaL_Reg *methods,
                           const luaL_Reg *more) {
  xiol_push_metatable(L, state, kind, meta);
  xiol_push_functions(L, state, methods);
  if (more != NULL) xiol_set_functions(L, state, more);
  lua_setfield(L, -2, "__index");
}

bool xiol_push_hook(lua_State *L, const xiol_state *state, const char *name) {
  xiol_push_ref(L, state, XIOL_REF_HOOKS);
  bool found = lua_getfield(L, -1, name) == LUA_TFUNCTION;
  lua_remove(L, -2);
  if (!found) lua_pop(L, 1);
  return found;
}

void xiol_keep(lua_State *L, xiol_state *state, xiol_ref ref) {
  state->refs[ref] = luaL_ref(L, LUA_REGISTRYINDEX);
}

void xiol_set_class(lua_State *L, xiol_state *state, xiol_ref ref,
                    void (*make)(lua_State *L, xiol_state *state)) {
  if (XIO_UNLIKELY(state->refs[ref] == 0)) {
    xiol_need_stack(L, LUA_MINSTACK, NULL);
    make(L, state);
  }
  xiol_push_ref(L, state, ref);
  lua_setmetatable(L, -2);
}

static void keep_weak_table(lua_State *L, xiol_state *state, xiol_ref ref) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  xiol_keep(L, state, ref);
}

static void keep_function(lua_State *L, xiol_state *state, xiol_ref ref,
                          lua_CFunction f) {
  xiol_push_upvalues(L, state);
  lua_pushcclosure(L, f, XIOL_UPVALUES);
  xiol_keep(L, state, ref);
}

/* Makes the state and keeps it in the registry. */
static xiol_state *new_state(lua_State *L) {
  xiol_state *state = lua_newuserdatauv(L, sizeof *state, 0);
  memset(state, 0, sizeof *state);
  state->alloc.resize = lua_getallocf(L, &state->alloc.context);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  state->main = lua_tothread(L, -1);
  lua_pop(L, 1);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, state_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
  xiol_open_room(L, state);
  static const xiol_ref tables[] = {XIOL_REF_ANCHORS, XIOL_REF_RECENT, XIOL_REF_HOOKS,
                                    XIOL_REF_CLASSES};
  for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
    lua_newtable(L);
    xiol_keep(L, state, tables[i]);
  }
  keep_weak_table(L, state, XIOL_REF_TRACES);
  keep_weak_table(L, state, XIOL_REF_SHOWN);
  keep_weak_table(L, state, XIOL_REF_CONTEXTS);
  keep_weak_table(L, state, XIOL_REF_NAMES);
  lua_pushliteral(L, "not enough memory");
  xiol_keep(L, state, XIOL_REF_MEMORY);
  keep_function(L, state, XIOL_REF_TASK_MAIN, xiol_task_main);
  keep_function(L, state, XIOL_REF_HANDLER, xiol_handler);
  keep_function(L, state, XIOL_REF_ATTEND, xiol_attend);
  keep_function(L, state, XIOL_REF_PACK, xiol_pack_results);
  keep_function(L, state, XIOL_REF_JUDGE, xiol_judge_error);
  keep_function(L, state, XIOL_REF_MAKE_COROUTINE, xiol_make_coroutine);
  keep_function(L, state, XIOL_REF_MAKE_DEADLOCK, xiol_make_deadlock);
  keep_function(L, state, XIOL_REF_TAKE, xiol_copy_take);
  return state;
}

/* hook(name, f): the Lua floor gives a function that this floor calls. */
static int l_hook(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  const char *name = luaL_checkstring(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  xiol_push_ref(L, state, XIOL_REF_HOOKS);
  lua_pushvalue(L, 2);
  lua_setfield(L, -2, name);
  return 0;
}

/* sources(prefix): the sources of xio's own Lua files begin so; traces leave them out. */
static int l_sources(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  const char *prefix = luaL_checklstring(L, 1, &state->lua_prefix_length);
  lua_settop(L, 1);
  xiol_push_ref(L, state, XIOL_REF_HOOKS);
  lua_insert(L, 1);
  lua_setfield(L, 1, "sources");
  state->lua_prefix = prefix;
  return 0;
}

static const luaL_Reg open_functions[] = {
    {"hook", l_hook}, {"sources", l_sources}, {NULL, NULL}};

xiol_state *xiol_find_state(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
  xiol_state *state = lua_touserdata(L, -1);
  lua_pop(L, 1);
  return state;
}

/* What the module's table has. */
static const luaL_Reg *const lists[] = {open_functions,
                                        xiol_wait_functions,
                                        xiol_cancel_functions,
                                        xiol_error_functions,
                                        xiol_task_functions,
                                        xiol_group_functions,
                                        xiol_run_functions,
                                        xiol_protect_functions,
                                        xiol_census_functions,
                                        xiol_testing_functions,
                                        xiol_standin_functions,
                                        xiol_region_functions,
                                        xiol_fd_functions,
                                        xiol_stream_functions,
                                        xiol_socket_functions,
                                        xiol_signal_functions,
                                        xiol_process_functions,
                                        xiol_dns_functions,
                                        xiol_udp_functions,
                                        xiol_channel_functions,
                                        xiol_select_functions,
                                        xiol_copy_functions,
                                        xiol_thread_functions,
                                        xiol_mailbox_functions,
                                        NULL};
/* Pushes the module's table, which is made where there is none yet. */
static bool push_core(lua_State *L) {
  luaL_checkversion(L);
  xiol_need_stack(L, 8, NULL);
  if (lua_rawgetp(L, LUA_REGISTRYINDEX, &module_key) != LUA_TNIL) return false;
  lua_pop(L, 1);
  xiol_state *state = new_state(L);
  lua_createtable(L, 0, MODULE_FIELDS);
  for (size_t i = 0; lists[i] != NULL; i++) xiol_set_functions(L, state, lists[i]);
  lua_pushliteral(L, XIO_VERSION);
  lua_setfield(L, -2, "version");
  /* each of these finds the module's table at the top and leaves it there */
  xiol_open_wanted(L, state);
  xiol_open_body(L, state);
  xiol_open_error(L, state);
  xiol_open_copy(L, state);
  xiol_open_mailbox(L, state);
  xiol_open_shared(L, state);
  xiol_open_cancel(L, state);
  xiol_open_task(L, state);
  xiol_open_scope(L, state);
  xiol_open_group(L, state);
  xiol_open_run(L, state);
  xiol_open_fs(L, state);
  xiol_open_dns(L, state);
  xiol_open_channel(L, state);
  xiol_open_select(L, state);
  xiol_open_sync(L, state);
  xiol_open_worker(L, state);
  xiol_open_generator(L, state);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &module_key);
  return true;
}

xiol_state *xiol_push_core(lua_State *L) {
  push_core(L);
  return xiol_find_state(L);
}

int luaopen_xio_core(lua_State *L) {
  if (push_core(L)) xiol_replace_coroutine(L);
  return 1;
}

const char *xio_version(void) {
  return XIO_VERSION;
}
