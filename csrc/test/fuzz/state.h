/* state: the Lua state that a fuzzer keeps from input to input. */
#ifndef XIO_TEST_FUZZ_STATE_H
#define XIO_TEST_FUZZ_STATE_H

#include <lua.h>

/* The state, with xio loaded and the module's table at index 1; made when first asked
 * for. Reads XIO_BUILD_DIR; works from the source tree. */
lua_State *fuzz_state(void);

#endif
