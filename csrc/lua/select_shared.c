/* select_shared: cases of a select about objects that several threads use (select.h).
 *
 * Who changes such an object cannot commit for one of several: so a watcher is told, and
 * looks here, on the loop's thread. What it finds goes with its record to the task. The
 * thread of the Lua state. */
#include "select.h"

int xiol_select_try_shared(lua_State *L, const xiol_select_case *one, int index) {
  xiol_state *state = xiol_state_of(L);
  const xiol_shared_box *box = one->object;
  xio_item *item = NULL;
  int status = one->shared->attempt(box->core, &item, NULL, NULL, xiol_loop_here(state));
  if (item != NULL) one->shared->deliver(L, state, index, item, status);
  return status;
}

static void look(xio_shared_wait *watcher) {
  xiol_select_case *one = watcher->owner;
  xio_wait *wait = one->waiter.wait;
  const xiol_shared_box *box = one->object;
  xio_item *item = NULL;
  int status = one->shared->attempt(box->core, &item, watcher, look, watcher->loop);
  if (status == XIO_EAGAIN) return;
  one->watcher = NULL;
  watcher->item = item;
  xio_waiter_complete(&one->waiter, status);
  wait->source = watcher;
}

void xiol_select_prepare_shared(lua_State *L, xiol_task *task, xiol_select *select) {
  for (int i = 0; i < select->count; i++) {
    xiol_select_case *one = &select->cases[i];
    if (one->shared == NULL) continue;
    const xiol_shared_box *box = one->object;
    xio_shared *shared = one->shared->shared(box->core);
    int status = xio_shared_prepare(shared, task->runtime->loop, &one->watcher);
    if (status == XIO_OK) {
      one->watcher->owner = one;
      continue;
    }
    one->watcher = NULL;
    xiol_select_withdraw_shared(select);
    xiol_shared_fail(L, status, "xio.select");
  }
}

void xiol_select_link_shared(xiol_select *select, xio_wait *wait) {
  for (int i = 0; wait->state == XIO_WAIT_PARKED && i < select->count; i++) {
    if (select->cases[i].shared != NULL) look(select->cases[i].watcher);
  }
}

void xiol_select_withdraw_shared(xiol_select *select) {
  for (int i = 0; i < select->count; i++) {
    xio_shared_wait *watcher = select->cases[i].watcher;
    if (watcher == NULL) continue;
    select->cases[i].watcher = NULL;
    xio_shared_unwatch(watcher);
    xio_shared_discard(watcher);
  }
}

int xiol_select_deliver_shared(lua_State *L, xiol_state *state, xio_wait *wait,
                               int number, int status) {
  const xiol_kind *kind = *(const xiol_kind **)lua_touserdata(L, number);
  xio_item *item = xio_shared_take(wait);
  lua_settop(L, number);
  xiol_need_stack(L, 8, NULL);
  return xiol_shared_case_of(kind)->deliver(L, state, number, item, status);
}
