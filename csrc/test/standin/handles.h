/* handles: what the stand-in knows of each loop and handle, beside what libuv's own
 * structs hold, which nothing here relies on: they may be overwritten or freed, and that
 * must show. */
#ifndef XIO_TEST_HANDLES_H
#define XIO_TEST_HANDLES_H

#include <pthread.h>
#include <uv.h>

#include "kernel.h"

enum { HANDLES = 64, LOOPS = 4 };

typedef struct loop_record {
  uv_loop_t *loop; /* NULL: free */
  pthread_t thread;
  int backend;
  uint64_t now_ms;
  bool stop, running;
  bool unpolled;     /* libuv has not told the kernel of all that it watches */
  uint32_t requests; /* whose callbacks have not been called */
} loop_record;

typedef struct handle_record {
  uv_handle_t *handle; /* NULL: free */
  loop_record *loop;
  size_t size;
  uv_handle_type type;
  bool active, referenced, closing;
  bool pending;   /* an async handle: sent */
  uint64_t order; /* in which it was started */
  uv_close_cb on_close;
  union {
    uv_timer_cb timer;
    uv_prepare_cb prepare;
    uv_idle_cb idle;
    uv_poll_cb poll;
    uv_async_cb async;
    uv_signal_cb signal;
  } call;
  uint64_t due_ms;
  int number; /* a descriptor, or a signal */
  int events;
  unsigned caught, told; /* signals */
} handle_record;

extern handle_record handle_table[HANDLES];
extern bool handles_in_pool; /* a function of the pool runs now */

/* Called by every function for a loop. */
loop_record *handles_loop(const uv_loop_t *loop);
/* Called by every function for a handle that is open. */
handle_record *handles_open(const void *handle, uv_handle_type type);
void handles_start(handle_record *self);

/* Whether anything is referenced and active, or has to call back. */
bool handles_alive(const loop_record *loop);
bool handles_any(const loop_record *loop, uv_handle_type type, bool active);
bool handles_closing(const loop_record *loop);

/* Signals that were caught and not told to their handles. */
bool signals_waiting(const loop_record *loop);
void signals_tell(loop_record *loop);
void signals_stop(handle_record *self);

/* Requests that are over and whose callback was not called. */
bool pool_waiting(const loop_record *loop);
void pool_tell(loop_record *loop);
const char *pool_holds(const void *memory, size_t size);

#endif
