/* copy: values on their way from one Lua state to another.
 *
 * A message is a number of values as bytes on the C heap, which belongs to no Lua state
 * and to no loop: whoever has it may free it on any thread. What can be copied: nil,
 * booleans, numbers, strings; tables without a metatable, whose cycles and sharing are
 * kept through the whole message; functions, as bytecode with their upvalues, which
 * functions of one message share as the originals do; xio's error values with what is
 * known of their raise; and handles that were made for it (xiol_shareable), which name
 * the same object in each state. What every state has is not copied but named, and is
 * the other state's own: the table of globals, functions of loaded C modules and of xio,
 * and a loaded module that is an upvalue or has a metatable. Everything else is refused
 * with its path.
 *
 * Not here: how messages get to other threads (core/port.h). */
#ifndef XIOL_COPY_H
#define XIOL_COPY_H

#include "../core/shared.h"
#include "binding.h"

/* How deep tables and functions may nest in a message, and how large it may be. */
enum { XIOL_COPY_DEPTH_MAX = 10000 };
#define XIOL_COPY_BYTES_MAX ((size_t)1 << 30)

typedef struct xiol_message xiol_message;

/* What the values are called in the path to one that is refused. */
typedef enum xiol_copy_roots {
  XIOL_COPY_ARGS,    /* args[1], args[2] … */
  XIOL_COPY_CALL,    /* f, args[1] … */
  XIOL_COPY_RESULTS, /* results[1] … */
  XIOL_COPY_VALUE    /* value: there is one */
} xiol_copy_roots;

/* A kind of handle that can be copied: each state has userdata of its own for the one
 * object, which counts its references. */
typedef struct xiol_shareable {
  const xiol_kind *kind;

  /* Gives a reference to the object behind a userdata, for a message. Never raises. A
   * status: it was not given. */
  int (*share)(void *userdata, void **object);

  /* Pushes a userdata, which takes a reference of its own. Raises only when memory is
   * out: then it has taken none. */
  void (*push)(lua_State *L, xiol_state *state, void *object);

  /* Gives a reference back. Any thread. */
  void (*unref)(void *object);
} xiol_shareable;

/* Userdata with the metatable at the top of the stack, which stays, can be copied. `what`
 * lives for ever. Used while the module opens. */
void xiol_make_shareable(lua_State *L, xiol_state *state, const xiol_shareable *what);

/* Makes a message of the `count` values from `first` on. Raises, in the name of
 * `function`, where one of them cannot be copied, is nested too deeply or is too large,
 * and when memory is out. Runs no code of the program. */
xiol_message *xiol_copy_out(lua_State *L, xiol_state *state, int first, int count,
                            xiol_copy_roots roots, const char *function);

/* The same of the one error at `index`, with what is known of its raise. What cannot be
 * copied arrives as an xio.Error with the code "ECOPY" that prints the same; parts of an
 * error that cannot be copied, as a text. Raises only when memory is out. */
xiol_message *xiol_copy_error_out(lua_State *L, xiol_state *state, int index);

/* Pushes the values of a message and returns how many they are. The message stays.
 * Raises when memory is out, where a module that the message names cannot be loaded, and
 * where the bytes are no message. */
int xiol_copy_in(lua_State *L, xiol_state *state, const xiol_message *message);

/* The same, and frees the message, whatever happens. */
int xiol_take_message(lua_State *L, xiol_state *state, xiol_message *message);

/* NULL is allowed. Any thread. */
void xiol_message_free(xiol_message *message);

extern const luaL_Reg xiol_copy_functions[];
void xiol_open_copy(lua_State *L, xiol_state *state);

/* -- what the files of copy share ---------------------------------------------------- */

typedef struct xiol_carried {
  const xiol_shareable *what;
  void *object; /* with a reference */
} xiol_carried;

struct xiol_message {
  xio_item item;         /* for queues */
  size_t capacity, size; /* of `bytes` */
  int count;             /* values */
  bool refers;           /* back to tables, functions or handles in it */
  uint32_t carried_count, carried_capacity;
  xiol_carried *carried;
  unsigned char bytes[];
};

/* Instructions to a stack machine: each value pushes itself. Numbers are in the order of
 * this machine, since it never leaves it. */
typedef enum xiol_copy_op {
  XIOL_OP_NIL,
  XIOL_OP_FALSE,
  XIOL_OP_TRUE,
  XIOL_OP_NULL,    /* the light userdata NULL */
  XIOL_OP_SMALL,   /* int8 */
  XIOL_OP_INTEGER, /* lua_Integer */
  XIOL_OP_NUMBER,  /* lua_Number */
  XIOL_OP_SHORT,   /* uint8 length, bytes */
  XIOL_OP_STRING,  /* uint64 length, bytes */
  XIOL_OP_TABLE,   /* uint32 how many items are to be expected: an empty one */
  XIOL_OP_SET,     /* pops key and value into the table below them */
  XIOL_OP_CLASS,   /* string: gives the table at the top that class */
  XIOL_OP_TRACE,   /* pops the record of the error below it */
  XIOL_OP_CODE,    /* uint64 length, uint64 checksum, bytecode: a function */
  XIOL_OP_UPVALUE, /* uint8 n: pops the value of upvalue n of the function below it */
  XIOL_OP_JOIN,    /* uint8 n, uint32 object, uint8 m: share upvalue m of that function */
  XIOL_OP_REFER,   /* uint32 object: the n-th table, function or handle, again */
  XIOL_OP_HANDLE,  /* uint32: the n-th that is carried */
  XIOL_OP_GLOBALS, /* the other state's globals */
  XIOL_OP_MODULE,  /* string */
  XIOL_OP_FIELD    /* string, string: field of a module */
} xiol_copy_op;

/* What xiol_take_message calls protected. */
int xiol_copy_take(lua_State *L);

uint64_t xiol_copy_checksum(const unsigned char *bytes, size_t length);

#endif
