/* call: see call.h. */
#include "call.h"

static void unref(xio_call *call) {
  if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) != 1) return;
  xio_port_unref(call->port);
  call->free(call);
}

/* -- the side that answers ----------------------------------------------------------- */

static void on_answer(xio_post *post);
static void on_answer_lost(xio_post *post);

void xio_call_answer(xio_call *call, int status) {
  if (call->answered) return;
  call->answered = true;
  if (!xio_list_empty(&call->link)) { /* it was taken */
    xio_list_remove(&call->link);
    xio_job_lend(call->job, false);
  }
  call->status = status;
  call->post.deliver = on_answer;
  call->post.drop = on_answer_lost;
  if (xio_port_post(call->port, &call->post) != XIO_OK) unref(call);
}

/* The call has arrived at the loop of the task that waits for the job. */
static void on_call(xio_post *post) {
  xio_call *call = XIO_CONTAINER_OF(post, xio_call, post);
  xio_job *job = call->job;
  if (job->abandoned) {
    xio_call_answer(call, XIO_ECLOSED);
    return;
  }
  xio_list_push_back(&job->calls, &call->link);
  xio_job_wake(job);
}

/* That loop has ended. */
static void on_call_lost(xio_post *post) {
  xio_call_answer(XIO_CONTAINER_OF(post, xio_call, post), XIO_ECLOSED);
}

/* The first in a list, which is taken out; or NULL. */
static xio_call *take_first(xio_list *list) {
  if (xio_list_empty(list)) return NULL;
  xio_call *call = XIO_CONTAINER_OF(list->next, xio_call, link);
  xio_list_remove(&call->link);
  return call;
}

xio_call *xio_call_take(xio_job *job) {
  xio_call *call = take_first(&job->calls);
  while (call != NULL && atomic_load(&call->unwanted)) {
    xio_call_answer(call, XIO_ECANCELED);
    call = take_first(&job->calls);
  }
  if (call == NULL) return NULL;
  atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
  xio_list_push_back(&job->taken, &call->link);
  xio_job_lend(job, true);
  return call;
}

void xio_call_release(xio_call *call) {
  XIO_ASSERT(call->answered);
  unref(call);
}

void xio_calls_refuse(xio_job *job) {
  for (xio_call *call; (call = take_first(&job->calls)) != NULL;) {
    xio_call_answer(call, XIO_ECLOSED);
  }
  while (!xio_list_empty(&job->taken)) {
    xio_call_answer(XIO_CONTAINER_OF(job->taken.next, xio_call, link), XIO_ECLOSED);
  }
}

/* -- the side that calls ------------------------------------------------------------- */

static void forget(xio_call *call) {
  xio_list_remove(&call->object.link);
}

/* It is told to who waits, and the caller's until that takes it. */
static void on_answer(xio_post *post) {
  xio_call *call = XIO_CONTAINER_OF(post, xio_call, post);
  xio_wait *wait = call->wait;
  call->wait = NULL;
  if (wait != NULL) {
    call->loop->working--;
    xio_wait_complete(wait, XIO_OK);
  }
  unref(call); /* the other side's */
}

static void on_answer_lost(xio_post *post) {
  unref(XIO_CONTAINER_OF(post, xio_call, post));
}

/* The loop of the caller ends while the call is under way. */
static void close_call(xio_loop_object *object) {
  xio_call *call = XIO_CONTAINER_OF(object, xio_call, object);
  forget(call);
  call->wait = NULL;
  unref(call); /* the caller's: its task was abandoned */
}

static int abort_call(xio_wait *wait) {
  xio_call *call = wait->source;
  atomic_store(&call->unwanted, true);
  return XIO_EBUSY;
}

static const xio_wait_ops wait_ops = {.verb = "thread.call", .abort = abort_call};

int xio_call_begin(xio_call *call, xio_job *job, xio_loop *loop) {
  int status = xio_loop_port(loop, &call->port);
  if (status != XIO_OK) return status;
  call->job = job;
  call->loop = loop;
  call->wait = NULL;
  call->answered = false;
  call->status = XIO_OK;
  atomic_init(&call->unwanted, false);
  atomic_init(&call->refs, 2);
  xio_list_init(&call->link);
  call->object.close = close_call;
  xio_list_init(&call->object.link);
  call->post.deliver = on_call;
  call->post.drop = on_call_lost;
  xio_port_ref(call->port);
  xio_list_push_back(&loop->objects, &call->object.link);
  status = xio_port_post(job->port, &call->post);
  if (status == XIO_OK) return XIO_OK;
  forget(call);
  xio_port_unref(call->port);
  return status;
}

void xio_call_taken(xio_call *call) {
  forget(call);
  unref(call);
}

void xio_call_wait(xio_call *call, xio_task *task) {
  call->wait = &task->wait;
  call->loop->working++;
  xio_wait_park(&task->wait, &wait_ops, call);
}
