/* attention: see attention.h. */
#include "attention.h"

#include "binding.h"

/* attend([stop]): calls the host's function, or with `stop` raises for it. */
int xiol_attend(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  if (!lua_toboolean(L, 1)) {
    state->attention.look(L);
    return 0;
  }
  xiol_task *task = xiol_running(L, state, "interrupt");
  if (task->core.wait.scope->effective) return xiol_raise_cancelled(L, state, task);
  return luaL_error(L, "interrupted!");
}

void xiol_attention_raise(xiol_state *state) {
  state->attention.raises = true;
}

void xiol_attention_give(lua_State *L, xiol_state *state) {
  if (XIO_LIKELY(state->attention.wanted == 0)) return;
  state->attention.wanted = 0;
  state->attention.raises = false;
  if (state->attention.look == NULL || !lua_checkstack(L, LUA_MINSTACK)) return;
  int top = lua_gettop(L);
  xiol_push_ref(L, state, XIOL_REF_ATTEND);
  int status = lua_pcall(L, 0, 0, 0);
  (void)status; /* nobody is there to be told */
  lua_settop(L, top);
}

/* At the next instruction of a coroutine in which somebody asked. */
static void on_hook(lua_State *L, lua_Debug *ar) {
  (void)ar;
  xiol_state *state = xiol_attention_state(L);
  if (state->attention.hooked == L) {
    state->attention.hooked = NULL;
    lua_sethook(L, state->attention.hook, state->attention.mask, state->attention.count);
  } else { /* what was there is forgotten: somebody has asked elsewhere since */
    lua_sethook(L, NULL, 0, 0);
  }
  xiol_attention_give(L, state);
  if (XIO_LIKELY(!state->attention.raises) || !lua_checkstack(L, LUA_MINSTACK)) return;
  state->attention.raises = false;
  xiol_push_ref(L, state, XIOL_REF_ATTEND);
  lua_pushboolean(L, 1);
  lua_call(L, 1, 0);
}

void xiol_attention_open(xiol_state *state, void (*look)(lua_State *L)) {
  state->attention.look = look;
}

void xiol_attention_ask_loop(xiol_state *state) {
  state->attention.wanted = 1;
  xiol_runtime *runtime = state->runtime; /* without one: when one is driven */
  if (runtime != NULL && runtime->loop != NULL) xio_loop_interrupt(runtime->loop);
}

void xiol_attention_ask(xiol_state *state) {
  xiol_attention_ask_loop(state);
  xiol_runtime *runtime = state->runtime;
  if (runtime == NULL || runtime->loop == NULL) return;
  lua_State *L = state->top;
  if (L == NULL || runtime->loop->queue.running == NULL) return;
  lua_Hook found = lua_gethook(L);
  if (found == on_hook) return;
  state->attention.hook = found;
  state->attention.mask = lua_gethookmask(L);
  state->attention.count = lua_gethookcount(L);
  state->attention.hooked = L;
  lua_sethook(L, on_hook, LUA_MASKCALL | LUA_MASKRET | LUA_MASKLINE | LUA_MASKCOUNT, 1);
}
