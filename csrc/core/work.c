/* work: see work.h. */
#include "work.h"

#include <pthread.h>
#include <signal.h>

/* Withdraws what has not begun. */
static int abort_work(xio_wait *wait) {
  xio_work *work = wait->source;
  atomic_store_explicit(&work->unwanted, true, memory_order_relaxed);
  if (uv_cancel((uv_req_t *)&work->request) != 0) return XIO_EBUSY;
  work->wait = NULL; /* libuv still calls back, and then it is dropped */
  return XIO_OK;
}

static int abort_watch(xio_wait *wait) {
  xio_work *work = wait->source;
  work->wait = NULL;
  return XIO_OK;
}

static const xio_wait_ops wait_ops = {.verb = "file work", .abort = abort_work};
static const xio_wait_ops watch_ops = {.verb = "reading a file", .abort = abort_watch};

static void forget(xio_work *work) {
  xio_list_remove(&work->object.link);
}

static void run(uv_work_t *request) {
  xio_work *work = XIO_CONTAINER_OF(request, xio_work, request);
  work->result = work->ops->run(work);
}

/* The end: who waits takes the result when it runs. Until then the loop may close. Where
 * there is no result the record is not seen any more by who waits, as it is not after
 * having been withdrawn. */
static void on_done(uv_work_t *request, int status) {
  xio_work *work = XIO_CONTAINER_OF(request, xio_work, request);
  xio_loop *loop = work->loop;
  if (status != 0) work->result = status;
  work->running = false;
  loop->working--;
  xio_wait *wait = work->wait;
  work->wait = NULL;
  bool cancelled = work->result == XIO_ECANCELED;
  if (wait == NULL || cancelled) {
    forget(work);
    work->ops->drop(work);
  }
  if (wait != NULL) xio_wait_complete(wait, cancelled ? XIO_ECANCELED : XIO_OK);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* Whether there is a result that was not taken. */
static bool is_over(const xio_work *work) {
  return !work->running && !xio_list_empty(&work->object.link);
}

static void leave(xio_work *work) {
  bool over = is_over(work);
  forget(work);
  if (over) {
    work->ops->drop(work);
  } else if (work->running) {
    atomic_store_explicit(&work->unwanted, true, memory_order_relaxed);
    (void)uv_cancel((uv_req_t *)&work->request); /* else on_done drops it */
  }
}

/* The loop ends: no task lives any more that could be woken. */
static void close_work(xio_loop_object *object) {
  xio_work *work = XIO_CONTAINER_OF(object, xio_work, object);
  work->wait = NULL;
  leave(work);
}

void xio_work_init(xio_work *work, xio_loop *loop, const xio_work_ops *ops) {
  work->loop = loop;
  work->ops = ops;
  work->wait = NULL;
  work->result = 0;
  work->running = false;
  work->object.close = close_work;
  xio_list_init(&work->object.link);
  atomic_init(&work->unwanted, false);
}

/* Hands the request to libuv's pool. Its threads, which begin with the first request,
 * shall take no signals: those that are sent to the process are for the thread that runs
 * it, in the order in which they were sent. */
static int queue_request(xio_loop *loop, uv_work_t *request) {
  if (XIO_LIKELY(loop->pool_begun)) return uv_queue_work(loop->uv, request, run, on_done);
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int status = uv_queue_work(loop->uv, request, run, on_done);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  loop->pool_begun = true;
  return status;
}

void xio_work_begin(xio_work *work) {
  xio_loop *loop = work->loop;
  XIO_ASSERT(!work->running && xio_list_empty(&work->object.link));
  atomic_store_explicit(&work->unwanted, false, memory_order_relaxed);
  int status = queue_request(loop, &work->request);
  XIO_ASSERT(status == 0); /* fails only without a function */
  work->running = true;
  loop->working++;
  xio_loop_handle_opened(loop);
  xio_list_push_back(&loop->objects, &work->object.link);
}

void xio_work_wait(xio_work *work, xio_task *task) {
  work->wait = &task->wait;
  xio_wait_park(&task->wait, &wait_ops, work);
}

void xio_work_watch(xio_work *work, xio_task *task) {
  work->wait = &task->wait;
  xio_wait_park(&task->wait, &watch_ops, work);
}

void xio_work_taken(xio_work *work) {
  forget(work);
}

void xio_work_leave(xio_work *work, int status) {
  xio_wait *wait = work->wait;
  work->wait = NULL;
  leave(work);
  if (wait != NULL) xio_wait_complete(wait, status);
}
