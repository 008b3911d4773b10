/* copy_walk: the walk that makes a message (copy_out.c), as seen by who begins it and
 * tells where it has stopped (copy_begin.c). */
#ifndef XIOL_COPY_WALK_H
#define XIOL_COPY_WALK_H

#include "../base/numbering.h"
#include "copy_names.h"

/* Why a walk has stopped. */
typedef enum xiol_stop {
  STOP_NOT,
  STOP_MEMORY,
  STOP_UNNAMED, /* the value at the top may have a name that is not known yet */
  STOP_REFUSED, /* the value at the top cannot be copied */
  STOP_DEEP,
  STOP_LARGE
} xiol_stop;

/* What comes next in a frame. */
typedef enum xiol_phase {
  PHASE_NEXT,  /* table: the key at the top was done; function: its next upvalue */
  PHASE_VALUE, /* table: the key was written, its value is at the top */
  PHASE_SET,   /* the value was written */
  PHASE_RECORD /* table: its record was written */
} xiol_phase;

/* A table or function that the walk is inside of, at stack index `base`; above a table
 * stand the key, and the value while the key is written. */
typedef struct xiol_frame {
  int base;
  uint8_t phase;
  bool is_table;
  bool in_key;
  bool lenient;           /* what cannot be copied is replaced by a text */
  uint8_t upvalue;        /* the one that is written */
  uint32_t object;        /* number of the function */
  const char *class_name; /* of an error; NULL: a plain table */
} xiol_frame;

enum { XIOL_FRAMES_SMALL = 8 };

typedef struct xiol_walk {
  lua_State *L;
  xiol_state *state;
  xio_allocator alloc;
  xiol_message *message;
  xio_numbering
      seen; /* tables, functions, handles: object; upvalues: object and number */
  uint32_t objects;
  xiol_stop stopped;
  bool lenient; /* the roots are errors */
  bool named;   /* names were collected: what has none has none */
  int bottom;   /* of the stack that it uses */
  size_t bytes_max;
  int depth_max;
  int depth;
  int frames_capacity;
  xiol_frame *frames;
  xiol_frame small[XIOL_FRAMES_SMALL];
} xiol_walk;

/* Walks through the `count` values from `first` on, and makes `message`. On a stop the
 * message is incomplete, its count is that of the values which are in it whole, and the
 * frames and the value at which it has stopped are where they were. */
void xiol_copy_walk(xiol_walk *w, int first, int count);

/* Frees what the walk needed; not the message. */
void xiol_copy_walked(xiol_walk *w);

#endif
