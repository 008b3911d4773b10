/* shared: what the handles of objects that several threads use have in common: replies,
 * thread channels, close scopes, work trackers, scope groups, portals.
 *
 * A box is a userdata with one reference to an object of the core. Each Lua state has one
 * box for each object, so that a handle that comes back is the same value. A box that
 * crosses to another state exposes its object. The thread of the Lua state. */
#ifndef XIOL_SHARED_H
#define XIOL_SHARED_H

#include "../core/reply.h"
#include "copy.h"

typedef struct xiol_shared_box {
  const xiol_kind *kind;
  void *core; /* with a reference; NULL: it could not be made */
} xiol_shared_box;

/* What makes objects of a class cases of xio.select. */
typedef struct xiol_shared_case {
  xio_shared *(*shared)(void *core);

  /* Lets the case take effect; `*item` is what came of it. XIO_EAGAIN: it has to wait,
   * and `watcher` (NULL: none) watches. */
  int (*attempt)(void *core, xio_item **item, xio_shared_wait *watcher,
                 void (*on_ready)(xio_shared_wait *watcher), const xio_loop *here);

  /* Pushes what it returns that took effect so; the box is at `index`. How many. */
  int (*deliver)(lua_State *L, xiol_state *state, int index, xio_item *item, int status);
} xiol_shared_case;

/* What can only be waited for, by xiol_shared_wait. */
typedef struct xiol_shared_flag {
  xio_shared *(*shared)(void *core);
  bool (*is_over)(const xio_shared *shared); /* with the mutex */
  const xio_wait_ops *ops;
} xiol_shared_flag;

/* A kind of box. `shareable` names the kind, and has xiol_shared_share. */
typedef struct xiol_shared_class {
  xiol_kind kind;
  xiol_shareable shareable;
  xiol_ref metatable;
  void (*make)(lua_State *L, xiol_state *state); /* calls xiol_shared_make */
  size_t size; /* of the box, which begins with an xiol_shared_box */
  int user_values;
  void (*collect)(xiol_shared_box *box); /* before it is collected, or NULL */
  const xiol_shared_case *selects;       /* NULL: they are no cases of xio.select */
  const xiol_shared_flag *flag;          /* NULL: they are no flags */
  void (*expose)(void *core);
  void (*ref)(void *core);
  void (*unref)(void *core, const xio_loop *here);
} xiol_shared_class;

/* The share of every class. */
int xiol_shared_share(void *userdata, void **object);

/* Makes and keeps the metatable of a class: methods, an __index for fields (NULL: none,
 * methods are found without a call), and whatever else is in `meta`; __gc is added. */
void xiol_shared_make(lua_State *L, xiol_state *state, const xiol_shared_class *class,
                      const luaL_Reg *methods, lua_CFunction index, const luaL_Reg *meta);

/* Pushes an empty box. Raises when memory is out. */
xiol_shared_box *xiol_shared_new(lua_State *L, xiol_state *state,
                                 const xiol_shared_class *class);

/* The box at the top gets `core`, whose reference it takes over also where this raises,
 * when memory is out. */
void xiol_shared_fill(lua_State *L, xiol_state *state, xiol_shared_box *box, void *core);

/* Pushes the state's box of `core`, which is made where there is none, with a reference
 * of its own. Raises when memory is out. */
void xiol_shared_push(lua_State *L, xiol_state *state, const xiol_shared_class *class,
                      void *core);

/* The object of the box at `index`, or raises. */
void *xiol_shared_check(lua_State *L, int index, const xiol_shared_class *class,
                        const char *function);

/* How boxes of `kind` are cases of xio.select; NULL: they are not. */
const xiol_shared_case *xiol_shared_case_of(const xiol_kind *kind);

/* The loop in one of whose tasks the caller may be, or NULL. */
static inline xio_loop *xiol_loop_here(const xiol_state *state) {
  return state->runtime != NULL ? state->runtime->loop : NULL;
}

/* -- waiting ------------------------------------------------------------------------- */

/* The running task, in which `function` waits for `shared`. NULL: this thread has no
 * loop, and shall block with `*blocker`. Raises where it cannot wait. */
xiol_task *xiol_shared_enter(lua_State *L, xiol_state *state, xio_shared *shared,
                             xio_blocker **blocker, const char *function);

/* Whether another thread knows it, and so could end a wait for it. */
bool xiol_shared_exposed(xio_shared *shared);

/* What this thread blocks with where it has no loop; raises when memory is out. */
xio_blocker *xiol_blocker(lua_State *L, xiol_state *state);

/* A call of a thread without loop has ended with `status`: raises where it was
 * interrupted. */
void xiol_check_interrupted(lua_State *L, xiol_state *state, int status,
                            const char *function);

/* A wait could not begin, with the `status` of an operation of the core. Raises. */
int xiol_shared_fail(lua_State *L, int status, const char *function);

/* A method that waits, for the flag of the box at 1, as many seconds as 2 says: true; or
 * nil, err, "ETIMEDOUT". A thread without a loop blocks. */
int xiol_shared_wait(lua_State *L, const xiol_shared_class *class, const char *function);

/* Frees what shared.c keeps in the state. */
void xiol_close_shared(xiol_state *state);

/* -- reply.c ------------------------------------------------------------------------- */

extern const xiol_shared_class xiol_class_reply;

/* The value of a reply is a message, or tells of a status: XIO_ECLOSED, XIO_ETIMEDOUT or
 * XIO_ENOMEM. */
void xiol_free_message_value(void *value);
void *xiol_status_value(int status);

/* Settles the reply of the box at `index` with the `count` values from `first` on, or
 * with the one error there. In this state awaiting it gives the very same values, which
 * need not be such as can be copied where no other thread knows the reply. Returns
 * whether it was not settled before; raises, in the name of `function`, before anything
 * is done. */
bool xiol_reply_settle(lua_State *L, xiol_state *state, int index, xio_outcome outcome,
                       int first, int count, const char *function);

/* Pushes the values or the error of a settled reply, of any class of boxes that keep the
 * values of this state as their first user value. How many. */
int xiol_reply_push(lua_State *L, xiol_state *state, xio_reply *reply);

/* Pushes what a settled reply was settled with: its values; or raises its error. Returns
 * how many. */
int xiol_reply_deliver(lua_State *L, xiol_state *state, xio_reply *reply);

/* -- thread_channel.c ---------------------------------------------------------------- */

extern const xiol_shared_class xiol_class_thread_receiver;

/* -- the others ---------------------------------------------------------------------- */

extern const luaL_Reg xiol_shared_functions[];
void xiol_open_shared(lua_State *L, xiol_state *state);

void xiol_open_reply(lua_State *L, xiol_state *state);
void xiol_open_registry(lua_State *L, xiol_state *state);
void xiol_open_thread_channel(lua_State *L, xiol_state *state);
void xiol_open_portal(lua_State *L, xiol_state *state);
void xiol_open_close_scope(lua_State *L, xiol_state *state);
void xiol_open_tracker(lua_State *L, xiol_state *state);
void xiol_open_scope_group(lua_State *L, xiol_state *state);

#endif
