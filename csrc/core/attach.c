/* attach: see attach.h. */
#include "attach.h"

static void on_idle(uv_idle_t *idle) {
  (void)idle; /* it is there to keep libuv from blocking */
}

/* Whether something that libuv does not know of will make a task ready. */
static bool has_prospects(const xio_loop *loop) {
  return !xio_runqueue_empty(&loop->queue) || loop->working != 0 ||
         xio_clock_next(&loop->clock) != XIO_NEVER;
}

/* Makes libuv block as long as nothing is to be done, and go on as long as anything can
 * come. What is alive besides keeps uv_run going only as long as it lasts: so that its
 * end is not taken for that of the tasks, ours is referenced then too. */
void xio_attach_touch(xio_attachment *attachment) {
  xio_loop *loop = attachment->loop;
  uv_update_time(loop->uv); /* else libuv's poll waits for what the turn took once more */
  xio_loop_arm(loop);
  if (xio_runqueue_empty(&loop->queue)) {
    uv_idle_stop(&attachment->idle);
  } else {
    uv_idle_start(&attachment->idle, on_idle);
  }
  uv_unref((uv_handle_t *)&attachment->prepare);
  if (loop->root.live == 0) return;
  if (has_prospects(loop) || uv_loop_alive(loop->uv) != 0) {
    uv_ref((uv_handle_t *)&attachment->prepare);
  }
}

static void on_prepare(uv_prepare_t *prepare) {
  xio_attachment *attachment = prepare->data;
  attachment->running = true;
  attachment->turn(attachment);
  attachment->running = false;
  xio_attach_touch(attachment);
}

static void on_closed(uv_handle_t *handle) {
  xio_attachment *attachment = handle->data;
  xio_loop *loop = attachment->loop;
  attachment->open_handles--;
  if (attachment->open_handles == 0) {
    xio_alloc_free(&loop->alloc, attachment, sizeof *attachment);
  }
  xio_loop_handle_closed(loop); /* it may be gone now */
}

void xio_attach_close(xio_attachment *attachment) {
  xio_list_remove(&attachment->object.link);
  uv_close((uv_handle_t *)&attachment->prepare, on_closed);
  uv_close((uv_handle_t *)&attachment->idle, on_closed);
}

static void close_object(xio_loop_object *object) {
  xio_attach_close(XIO_CONTAINER_OF(object, xio_attachment, object));
}

int xio_attach_open(xio_attachment **out, xio_loop *loop,
                    void (*turn)(xio_attachment *attachment), void *owner) {
  xio_attachment *attachment = xio_alloc_new(&loop->alloc, sizeof *attachment);
  if (attachment == NULL) return XIO_ENOMEM;
  attachment->loop = loop;
  attachment->turn = turn;
  attachment->owner = owner;
  uv_prepare_init(loop->uv, &attachment->prepare); /* these always succeed */
  uv_idle_init(loop->uv, &attachment->idle);
  attachment->prepare.data = attachment;
  attachment->idle.data = attachment;
  attachment->open_handles = 2;
  for (int i = 0; i < 2; i++) xio_loop_handle_opened(loop);
  attachment->object.close = close_object;
  xio_list_init(&attachment->object.link);
  xio_list_push_back(&loop->objects, &attachment->object.link);
  uv_prepare_start(&attachment->prepare, on_prepare);
  xio_attach_touch(attachment);
  *out = attachment;
  return XIO_OK;
}
