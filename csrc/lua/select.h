/* select: the record of a select, and its cases about objects of several threads, which
 * are in select_shared.c. See select.c. */
#ifndef XIOL_SELECT_H
#define XIOL_SELECT_H

#include "shared.h"

typedef struct xiol_select_case {
  xio_waiter waiter; /* its tag: where the value to send is, the side, TAG_RECEIVER */
  const xiol_kind *kind;
  void *object;
  const xiol_shared_case *shared; /* about an object of several threads; or NULL */
  xio_shared_wait *watcher;       /* of such a case, while it waits */
} xiol_select_case;

typedef struct xiol_select {
  struct xiol_select *next;
  xiol_state *state;
  int capacity;
  int count;
  int64_t limit_ns; /* the shortest xio.after; XIO_NEVER: none */
  bool has_fds;
  bool has_shared;
  xiol_select_case cases[];
} xiol_select;

/* As try_case in select.c. */
int xiol_select_try_shared(lua_State *L, const xiol_select_case *one, int index);

/* Makes what such cases need to wait; raises where that fails. */
void xiol_select_prepare_shared(lua_State *L, xiol_task *task, xiol_select *select);

/* Begins to wait; where there is nothing to wait for any more the wait, which is parked,
 * is completed, and the record is somebody else's. */
void xiol_select_link_shared(xiol_select *select, xio_wait *wait);

/* Waits no longer. */
void xiol_select_withdraw_shared(xiol_select *select);

/* Such a case has ended the wait with `status`: pushes what it returns. How many. */
int xiol_select_deliver_shared(lua_State *L, xiol_state *state, xio_wait *wait,
                               int number, int status);

#endif
