/* message: fuzzes the bytes by which values travel between Lua states. The input is taken
 * for those of a message: it gives as many values as it says, or is refused; the state
 * lives on. */
#include <lauxlib.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../lua/copy.h"
#include "state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Pushes xiol_copy_take as a function of the module: with the upvalues that all have. */
static void push_take(lua_State *L) {
  lua_getfield(L, 1, "copy");
  int function = lua_gettop(L);
  for (int i = 1; i <= XIOL_UPVALUES; i++) lua_getupvalue(L, function, i);
  lua_pushcclosure(L, xiol_copy_take, XIOL_UPVALUES);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  lua_State *L = fuzz_state();
  if (size < 2) return 0;
  size_t bytes = size - 2;
  xiol_message *message = calloc(1, sizeof *message + bytes);
  if (message == NULL) return 0;
  message->count = data[0] % 8;
  message->refers = data[1] % 2 != 0;
  message->capacity = message->size = bytes;
  memcpy(message->bytes, data + 2, bytes);
  push_take(L);
  lua_pushlightuserdata(L, message);
  int before = lua_gettop(L) - 2;
  if (lua_pcall(L, 1, LUA_MULTRET, 0) == LUA_OK) {
    XIO_ASSERT(lua_gettop(L) - before == message->count);
  }
  lua_settop(L, 1);
  free(message);
  return 0;
}
