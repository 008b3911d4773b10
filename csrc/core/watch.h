/* watch: what changes in a folder, or of a file, as a queue of events.
 *
 * libuv tells at once; what nobody has taken yet is kept, up to a number of events, and
 * beyond that one that says that some were lost. Several that say the same in a row are
 * one. Heap memory; owner: who called xio_watch_open, until xio_watch_close. Invariant
 * (xio_watch_valid): nobody waits while there is an event. Loop's thread only. */
#ifndef XIO_CORE_WATCH_H
#define XIO_CORE_WATCH_H

#include "loop.h"

enum { XIO_WATCH_EVENTS_MAX = 4096 };

typedef enum xio_watch_kind {
  XIO_WATCH_CHANGED = 1, /* contents or attributes */
  XIO_WATCH_RENAMED = 2, /* came, went, or has another name */
  XIO_WATCH_LOST = 4     /* more happened than could be kept */
} xio_watch_kind;

typedef struct xio_watch_event xio_watch_event;

typedef struct xio_watch {
  xio_loop_object object;
  xio_loop *loop;
  xio_allocator alloc;
  uv_fs_event_t handle;
  xio_list events;
  uint32_t count;
  xio_waiter *waiter; /* NULL: nobody waits */
  int status;         /* XIO_OK, or why there will be no more events */
  bool lost;          /* some, behind the last one that was kept */
  bool closed;        /* libuv was told to let go of the handle */
  bool gone;          /* libuv has done so */
  bool released;      /* the owner is gone */
} xio_watch;

/* Watches a path. XIO_ENOMEM or a status of the system: nothing was made. */
int xio_watch_open(xio_watch **out, xio_loop *loop, const char *path) XIO_WARN_UNUSED;

/* Parks the running task until there is an event, or none will come; its wait then ends
 * with XIO_OK, or XIO_ECLOSED. XIO_EBUSY: another task waits; it is not parked. */
int xio_watch_wait(xio_watch *watch, xio_task *task) XIO_WARN_UNUSED;

/* The first event, which stays: `*kind` is of xio_watch_kind, or two at once; `*name` is
 * that of the entry in the folder, or the file's own (empty: not known), good until it is
 * taken. XIO_EAGAIN: there is none now. XIO_ECLOSED or another status: there will be
 * none. */
int xio_watch_first(const xio_watch *watch, int *kind, const char **name) XIO_WARN_UNUSED;

/* Takes the first event, which is there. */
void xio_watch_take(xio_watch *watch);

/* Ends the watch: who waits is woken with XIO_ECLOSED, and what nobody took is lost.
 * Whether it was open. Never fails. */
bool xio_watch_close(xio_watch *watch);

/* The same; and the owner will not use it any more: the memory is freed once libuv has
 * let go of the handle. */
void xio_watch_release(xio_watch *watch);

/* The invariant above. */
bool xio_watch_valid(const xio_watch *watch);

#endif
