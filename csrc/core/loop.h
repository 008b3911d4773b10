/* loop: drives a tree of tasks on libuv until it has ended.
 *
 * A loop owns its clock, run queue and root group, and a uv_loop_t: its own, or its
 * host's, of which it then uses only handles that it made itself. Each round runs what is
 * ready, polls the operating system when nothing is, or when a while has passed, and
 * fires timers. A virtual clock jumps when nothing is ready, pollable or at work in
 * another thread. One uv_timer serves all timers; it is not referenced, so that
 * uv_loop_alive() tells whether anything outside could still wake a task.
 *
 * Owner: who called xio_loop_open; heap memory, freed by xio_loop_close once libuv has
 * let go of the handles. One thread. */
#ifndef XIO_CORE_LOOP_H
#define XIO_CORE_LOOP_H

#include <uv.h>

#include "age.h"
#include "settle.h"

typedef struct xio_loop xio_loop;

/* Something that lives in a loop and ends with it at the latest. Whoever makes it embeds
 * this and links it into the loop's `objects`. */
typedef struct xio_loop_object xio_loop_object;
struct xio_loop_object {
  xio_list link;
  void (*close)(xio_loop_object *object); /* no task lives any more; unlinks the object */
};

typedef struct xio_loop_opts {
  xio_allocator alloc; /* where all memory of the loop comes from */
  uv_loop_t *uv;       /* the host's loop, or NULL for one of its own */
  bool virtual_clock;
  bool seeded; /* the order of ready tasks follows `seed` */
  uint64_t seed;
  void (*on_turn)(xio_loop *loop); /* NULL, or called after each turn: for checks */
} xio_loop_opts;

struct xio_loop {
  xio_clock clock;
  xio_runqueue queue;
  xio_group root;
  xio_settlers settlers;
  xio_allocator alloc;
  uv_loop_t *uv;
  uv_timer_t timer;     /* wakes a blocking poll */
  uv_prepare_t prepare; /* active while libuv runs */
  uv_async_t attention; /* wakes the poll for xio_loop_interrupt; not referenced */
  bool interrupted;     /* it has, and nobody was told yet */
  int64_t timer_at;     /* when it is set to; XIO_NEVER: it is stopped */
  int64_t polled_at;    /* when the system was last polled */
  void (*on_turn)(xio_loop *loop);
  uint32_t own_timers; /* armed or reserved by nobody in the tree: the grace of signals */
  uint32_t until_clock;      /* resumes before the clock is looked at again */
  uint32_t working;          /* operations at work in other threads */
  uint32_t known_outside;    /* portals and the like by which others may wake a task */
  uint32_t handles;          /* uv handles of ours that libuv still knows */
  xio_list objects;          /* open xio_loop_objects */
  xio_list hooks;            /* of hook.c: signals that it takes */
  xio_loop *outer;           /* in one of whose tasks this one is driven; NULL: none */
  struct xio_fd_poller *fds; /* of fd.c; NULL while no descriptor was ever waited for */
  struct xio_handle_set *handle_set; /* of handle.c; NULL while it had no handle */
  struct xio_resolver *resolver;     /* of dns.c; NULL while nothing was ever looked up */
  struct xio_port *port;             /* of port.c; NULL while no thread had to know it */
  bool *freed;                       /* NULL, or is set when the memory goes */
  struct xio_threads *threads;       /* of thread.c; NULL while it needed none */
  xio_ages ages;                     /* of tasks, at each poll */
  bool owns_uv;
  bool pool_begun;  /* it has used libuv's pool */
  uv_loop_t own_uv; /* used when owns_uv; last, since it is large */
};

/* Opens a loop with an empty root group. XIO_ENOMEM, XIO_EINVAL or a status of libuv:
 * nothing was made. */
int xio_loop_open(xio_loop **out, const xio_loop_opts *opts) XIO_WARN_UNUSED;

/* Runs until no task of the root group lives. XIO_EDEADLK: every task waits, and nothing
 * outside can wake one; the caller may cancel something and call again. XIO_EINTR:
 * xio_loop_interrupt was called; the caller does what it is for, and calls again. */
int xio_loop_run(xio_loop *loop) XIO_WARN_UNUSED;

/* One round: runs what is ready; where nothing is, first waits at most `timeout_ns` for
 * something. Returns whether any task lives; `*stalled` tells that nothing can wake
 * them. */
bool xio_loop_step(xio_loop *loop, int64_t timeout_ns, bool *stalled);

/* Makes xio_loop_run return between two tasks, soon, also where it waits for the system.
 * Any thread, and signal handlers; the loop is open. */
void xio_loop_interrupt(xio_loop *loop);

/* Whether that was called since this was asked last; for drivers that step. */
bool xio_loop_interrupted(xio_loop *loop);

/* One turn of what is ready, by who runs the uv loop itself: nothing is polled. */
void xio_loop_turn(xio_loop *loop);

/* Makes the next poll of the uv loop end when the next timer is due. */
void xio_loop_arm(xio_loop *loop);

/* Takes what the system has ready now, without running any task. */
void xio_loop_poll(xio_loop *loop);

/* Nanoseconds until a round has something to do by itself: 0 when a task is ready,
 * XIO_NEVER when only the operating system can tell. */
int64_t xio_loop_timeout(xio_loop *loop);

/* Replaces the root group, all of whose children have ended and whose failures were
 * taken, by a fresh one. */
void xio_loop_renew(xio_loop *loop);

/* Lets every live task go without running it, and closes the loop; with a host's uv loop,
 * memory is freed once that has run the close callbacks. */
void xio_loop_close(xio_loop *loop);

/* Says that libuv knows one more handle that was made for this loop, or one less. */
void xio_loop_handle_opened(xio_loop *loop);
void xio_loop_handle_closed(xio_loop *loop);

#endif
