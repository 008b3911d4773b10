/* standin: a stand-in for libuv and for the part of the system that the core uses, driven
 * by a seed.
 *
 * The unchanged core is linked with uv_* functions of this directory in place of libuv,
 * and its calls of the system go to a kernel in memory (kernel.h; -Wl,--wrap). Everything
 * that the world may choose is drawn from one random sequence: which event comes next, in
 * what pieces bytes arrive and after what delay, resets, interrupted calls, used up
 * descriptors, the order of close callbacks, and the time, which passes only here. The
 * same seed does exactly the same.
 *
 * It also watches its caller. A fault is: a handle that is closed twice, started or
 * stopped when it is not open, or whose memory is freed before its close callback; the
 * same of requests; a call from another thread, or from a function in the pool; a loop
 * that is closed with handles, or polls for ever; a descriptor that is used or closed
 * after it was closed; SIGPIPE; and whatever is left in the end. Faults end the run: the
 * function given to standin_begin does not return.
 *
 * One world at a time; all of it is static. Not here: programs and what is expected of
 * them (csrc/test/world). */
#ifndef XIO_TEST_STANDIN_H
#define XIO_TEST_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How the world is. All zero: nothing fails, and all arrives at once. */
typedef struct standin_weather {
  uint32_t delay_us;   /* the longest that bytes, datagrams and work take */
  uint32_t chunk;      /* the most bytes that arrive at once; 0: all */
  uint32_t capacity;   /* bytes that a direction of a stream holds; 0: all there is */
  uint32_t tick_ns;    /* the longest between two looks at the clock */
  uint32_t interrupts; /* calls ended by a signal, in 1000 */
  uint32_t shortages;  /* calls that find no descriptor or memory, in 1000 */
  uint32_t resets;     /* pieces on whose way a connection breaks, in 1000 */
  uint32_t losses;     /* datagrams that are lost, in 1000 */
  uint32_t failures;   /* calls for files and names that fail, in 1000 */
  bool modern;         /* timers run where libuv runs them from 1.45 on */
  bool late;           /* what is ready is not always told at once */
} standin_weather;

typedef void (*standin_fault_fn)(const char *what); /* does not return */

/* Begins a world. What the last one left is forgotten. */
void standin_begin(uint64_t seed, const standin_weather *weather,
                   standin_fault_fn on_fault);

/* Ends it: no loop, descriptor, request or child may be left. */
void standin_end(void);

/* Ends the run by a fault. The text is static. */
_Noreturn void standin_fault(const char *what);

/* The time in nanoseconds, which does not pass by this. */
int64_t standin_now(void);

/* Memory is freed: nothing that libuv knows may be in it. */
void standin_freed(const void *memory, size_t size);

/* Called where a poll would block for ever; false: that is a fault. */
void standin_on_stall(bool (*on_stall)(void));

/* Called where a poll lets time pass, since nothing is ready. */
void standin_on_wait(void (*on_wait)(void));

/* What poll(2) would say of a descriptor. */
enum { STANDIN_READABLE = 1, STANDIN_WRITABLE = 2 };
uint32_t standin_state(int number);

/* Sends a signal to the process, as kill(2) from outside would; false: its disposition
 * would have ended the process, and nothing happened. */
bool standin_signal(int signum);

/* What the world did, to see that it did anything. */
typedef struct standin_counts {
  uint64_t events, calls, polls, interrupts, shortages, resets, losses, failures;
  uint64_t works, withdrawn, lookups, children, signals;
} standin_counts;

const standin_counts *standin_sums(void); /* since the process began */

#endif
