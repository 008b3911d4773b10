/* attached: a runtime whose tasks are run by who runs the host's uv loop. See xio.h, and
 * csrc/core/attach.h. On the thread of both. */
#include "host/host.h"
#include "lua/attention.h"

/* The root group has ended: raises its errors. Called protected. */
static int renew(lua_State *L) {
  xiol_renew_runtime(L, lua_touserdata(L, 1));
  return 0;
}

static void warn(lua_State *L) {
  const char *report = xio_traceback(L, -1);
  lua_warning(L, "xio: a task of an attached runtime has failed: ", 1);
  lua_warning(L, report, 0);
  lua_pop(L, 1);
}

static void tell_ended(xiol_runtime *runtime, lua_State *L) {
  int top = lua_gettop(L);
  int result = xioh_call(L, renew, runtime, 0, 0);
  xio_ended_fn ended = (xio_ended_fn)runtime->host.ended;
  if (ended != NULL) {
    ended(xioh_public(runtime), L, result, runtime->host.ended_data);
  } else if (result != 0) {
    warn(L);
  }
  lua_settop(L, top);
}

static void run_turn(xio_attachment *attachment) {
  xiol_runtime *runtime = attachment->owner;
  lua_State *L = runtime->host.attached_to;
  bool had_tasks = runtime->loop->root.live != 0;
  if (had_tasks) {
    xiol_entered before = xiol_enter_runtime(L, runtime);
    xio_loop_turn(runtime->loop);
    if (xio_loop_interrupted(runtime->loop)) xiol_attention_give(L, runtime->state);
    xiol_leave_runtime(runtime, before);
  }
  if (runtime->loop->root.live == 0 && (had_tasks || runtime->failure != 0)) {
    tell_ended(runtime, L);
  }
}

int xio_attach(xio_runtime *public, lua_State *L, xio_ended_fn ended, void *data) {
  xiol_runtime *runtime = xioh_runtime(public);
  if (runtime->driver != NULL || runtime->host.attachment != NULL) {
    return xioh_fail(L, 0, XIO_ERR_BUSY,
                     "xio_attach: the runtime is being driven, or is attached already");
  }
  xio_loop *loop = runtime->loop;
  if (loop == NULL) return xioh_fail(L, 0, XIO_ERR_CLOSED, "xio_attach: it is closed");
  if (loop->owns_uv || loop->clock.is_virtual || runtime->signals != NULL) {
    return xioh_fail(
        L, 0, XIO_ERR_ARGUMENT,
        "xio_attach: the runtime needs a loop of its host, a real clock, and "
        "no signals");
  }
  runtime->host.attached_to = L;
  runtime->host.ended = (void (*)(void))ended;
  runtime->host.ended_data = data;
  if (xio_attach_open(&runtime->host.attachment, loop, run_turn, runtime) != XIO_OK) {
    return xioh_fail(L, 0, XIO_ERR_MEMORY, NULL);
  }
  return 0;
}

void xio_detach(xio_runtime *public) {
  xiol_runtime *runtime = xioh_runtime(public);
  xio_attachment *attachment = runtime->host.attachment;
  if (attachment == NULL || attachment->running) return;
  runtime->host.attachment = NULL;
  xio_attach_close(attachment);
}
