/* thread: see thread.h.
 *
 * What a thread and the loop share of an xio_thread is guarded by its mutex: the job that
 * was handed over, and whether it shall stop, has ended, or is on its own. A job comes
 * back by a post; where the loop has ended, its thread drops it. */
#include "thread.h"

#include <dlfcn.h>

enum { SEND_AGAIN_MS = 10 };

#define TIDY_NS (UINT64_C(50) * 1000 * 1000)
#define IDLE_NS (UINT64_C(10) * 1000 * 1000 * 1000)
#define SEND_AGAIN_NS (UINT64_C(10) * 1000 * 1000)

struct xio_thread {
  xio_list link; /* among the idle or the busy: loop's thread */
  xio_job *busy; /* with: loop's thread */
  uv_thread_t id;
  const xio_worker *worker;
  xio_interrupt interrupt;
  xio_job *volatile running; /* of the thread and its signal handler */
  void *data;                /* the same */
  uv_mutex_t mutex;
  uv_cond_t cond;
  /* guarded: */
  xio_job *job;
  bool stop;     /* no job will come any more */
  bool ended;    /* it is about to end, and only to be joined */
  bool detached; /* nobody will join it: it frees the record */
};

struct xio_threads {
  xio_loop_object object;
  xio_loop *loop;
  xio_port *port; /* the loop's */
  const xio_worker *worker;
  xio_list idle, busy; /* threads; who was idle last comes first */
  xio_list pools;
  xio_pool pool;    /* of jobs that have no other */
  uv_timer_t timer; /* sends again for jobs that were interrupted */
};

/* -- on the thread ------------------------------------------------------------------- */

static void on_interrupt(xio_interrupt *interrupt) {
  xio_thread *thread = XIO_CONTAINER_OF(interrupt, xio_thread, interrupt);
  xio_job *job = thread->running;
  if (job == NULL || !xio_job_interrupted(job)) return;
  thread->worker->interrupt(thread->data, job);
}

/* The next job; NULL: none will come. */
static xio_job *await_job(xio_thread *thread, bool open) {
  bool tidied = !open;
  uv_mutex_lock(&thread->mutex);
  while (thread->job == NULL && !thread->stop) {
    int status =
        uv_cond_timedwait(&thread->cond, &thread->mutex, tidied ? IDLE_NS : TIDY_NS);
    if (status == 0 || thread->job != NULL || thread->stop) continue;
    if (tidied) break; /* idle for long */
    tidied = true;
    uv_mutex_unlock(&thread->mutex);
    thread->worker->tidy(thread->data);
    uv_mutex_lock(&thread->mutex);
  }
  xio_job *job = thread->job;
  if (job == NULL) thread->ended = true; /* no job is handed over any more */
  uv_mutex_unlock(&thread->mutex);
  return job;
}

/* The job is over: it goes back to the loop, or nobody is there. From the post on it is
 * the loop's. */
static void give_back(xio_thread *thread, xio_job *job) {
  xio_port *port = job->port;
  uv_mutex_lock(&thread->mutex);
  thread->job = NULL;
  uv_mutex_unlock(&thread->mutex);
  if (xio_port_post(port, &job->post) != XIO_OK) job->ops->drop(job);
  xio_port_unref(port);
}

static void free_thread(xio_thread *thread) {
  xio_allocator heap = xio_alloc_default();
  uv_cond_destroy(&thread->cond);
  uv_mutex_destroy(&thread->mutex);
  xio_alloc_free(&heap, thread, sizeof *thread);
}

static void end_thread(xio_thread *thread) {
  uv_mutex_lock(&thread->mutex);
  thread->ended = true;
  bool detached = thread->detached;
  uv_cond_signal(&thread->cond);
  uv_mutex_unlock(&thread->mutex);
  if (detached) free_thread(thread);
}

static void thread_main(void *argument) {
  xio_thread *thread = argument;
  const xio_worker *worker = thread->worker;
  bool open = false;
  int entered = xio_interrupt_enter(&thread->interrupt, on_interrupt);
  int status = XIO_OK;
  for (xio_job *job; status == XIO_OK && (job = await_job(thread, open)) != NULL;) {
    if (entered != XIO_OK) status = entered;
    if (!open && status == XIO_OK) status = worker->open(thread, job, &thread->data);
    open = status == XIO_OK;
    if (open) {
      thread->running = job;
      job->ops->run(job, thread->data);
      thread->running = NULL;
    }
    job->status = status;
    give_back(thread, job);
  }
  if (open) worker->close(thread->data);
  if (entered == XIO_OK) xio_interrupt_leave(&thread->interrupt);
  end_thread(thread);
}

/* -- starting and ending threads, on the loop's thread ------------------------------- */

static int new_thread(xio_threads *threads, xio_job *job, xio_thread **out) {
  xio_allocator heap = xio_alloc_default();
  xio_thread *thread = xio_alloc_new(&heap, sizeof *thread);
  if (thread == NULL) return XIO_ENOMEM;
  thread->worker = threads->worker;
  thread->job = job;
  xio_list_init(&thread->link);
  int status = uv_mutex_init(&thread->mutex);
  if (status != 0) goto free_record;
  status = uv_cond_init(&thread->cond);
  if (status != 0) goto destroy_mutex;
  status = uv_thread_create(&thread->id, thread_main, thread);
  if (status != 0) goto destroy_cond;
  *out = thread;
  return XIO_OK;

destroy_cond:
  uv_cond_destroy(&thread->cond);
destroy_mutex:
  uv_mutex_destroy(&thread->mutex);
free_record:
  xio_alloc_free(&heap, thread, sizeof *thread);
  return status;
}

/* Takes a thread that ends by itself out of the lists, and waits for its end. */
static void join_thread(xio_thread *thread) {
  xio_list_remove(&thread->link);
  uv_thread_join(&thread->id);
  free_thread(thread);
}

/* Hands the job to a thread that is idle; false: there is none. */
static bool hand_over(xio_threads *threads, xio_job *job) {
  while (!xio_list_empty(&threads->idle)) {
    xio_thread *thread = XIO_CONTAINER_OF(threads->idle.next, xio_thread, link);
    uv_mutex_lock(&thread->mutex);
    bool ended = thread->ended;
    if (!ended) {
      thread->job = job;
      uv_cond_signal(&thread->cond);
    }
    uv_mutex_unlock(&thread->mutex);
    if (!ended) {
      job->thread = thread;
      xio_list_remove(&thread->link);
      return true;
    }
    join_thread(thread);
  }
  return false;
}

/* A thread gets the job; a status: none can be had. The job is the thread's before this
 * returns: what the thread reads is set first. */
static int run_in_thread(xio_job *job) {
  xio_threads *threads = job->pool->threads;
  job->state = XIO_JOB_RUNNING;
  job->port = threads->port;
  xio_port_ref(job->port);
  if (!hand_over(threads, job)) {
    int status = new_thread(threads, job, &job->thread);
    if (status != XIO_OK) {
      job->state = XIO_JOB_IDLE;
      xio_port_unref(job->port);
      return status;
    }
  }
  job->pool->running++;
  job->thread->busy = job;
  xio_list_push_back(&threads->busy, &job->thread->link);
  return XIO_OK;
}

/* -- pools --------------------------------------------------------------------------- */

static void init_pool(xio_pool *pool, xio_threads *threads, uint32_t limit) {
  pool->threads = threads;
  pool->limit = limit;
  pool->running = 0;
  pool->closed = false;
  xio_list_init(&pool->waiting);
  xio_list_push_back(&threads->pools, &pool->link);
}

int xio_pool_open(xio_threads *threads, uint32_t limit, xio_pool **out) {
  xio_allocator heap = xio_alloc_default();
  *out = xio_alloc_new(&heap, sizeof **out);
  if (*out == NULL) return XIO_ENOMEM;
  xio_list_init(&(*out)->link);
  init_pool(*out, threads, limit);
  return XIO_OK;
}

/* Frees a pool that nobody needs. */
static void free_unneeded(xio_pool *pool) {
  bool is_empty = pool->running == 0 && xio_list_empty(&pool->waiting);
  if (!pool->closed || (pool->threads != NULL && !is_empty)) return;
  xio_allocator heap = xio_alloc_default();
  xio_list_remove(&pool->link);
  xio_alloc_free(&heap, pool, sizeof *pool);
}

void xio_pool_close(xio_pool *pool) {
  pool->closed = true;
  free_unneeded(pool);
}

xio_pool *xio_threads_pool(xio_threads *threads) {
  return &threads->pool;
}

/* -- jobs ---------------------------------------------------------------------------- */

static void count(xio_job *job, bool counted) {
  if (job->counted == counted) return;
  job->counted = counted;
  if (counted) {
    job->loop->working++;
  } else {
    job->loop->working--;
  }
}

/* The job is over for the loop: who waits is told, or else it is dropped. */
static void end_job(xio_job *job) {
  xio_wait *wait = job->wait;
  job->state = XIO_JOB_OVER;
  job->pool = NULL;
  job->wait = NULL;
  count(job, false);
  xio_calls_refuse(job);
  if (job->abandoned) {
    job->ops->drop(job);
  } else if (wait != NULL) {
    xio_wait_complete(wait, XIO_OK);
  }
}

void xio_job_wake(xio_job *job) {
  xio_wait *wait = job->wait;
  if (wait == NULL) return; /* it runs another call */
  job->wait = NULL;
  count(job, false);
  xio_wait_complete(wait, XIO_OK);
}

/* Begins jobs as long as there is room. */
static void begin_next(xio_pool *pool) {
  while (pool->running < pool->limit && !xio_list_empty(&pool->waiting)) {
    xio_job *job = XIO_CONTAINER_OF(pool->waiting.next, xio_job, link);
    xio_list_remove(&job->link);
    int status = run_in_thread(job);
    if (status == XIO_OK) continue; /* the job is the thread's now */
    job->status = status;
    end_job(job);
  }
}

void xio_job_lend(xio_job *job, bool lent) {
  xio_pool *pool = job->pool;
  if (pool == NULL || pool->threads == NULL) return;
  if (lent) {
    pool->running--;
    begin_next(pool);
  } else {
    pool->running++;
  }
}

/* It is over. A thread that could not be opened ends. */
static void on_over(xio_post *post) {
  xio_job *job = XIO_CONTAINER_OF(post, xio_job, post);
  xio_thread *thread = job->thread;
  xio_pool *pool = job->pool;
  xio_list_remove(&thread->link);
  thread->busy = NULL;
  if (job->status == XIO_OK) {
    xio_list_push_front(&pool->threads->idle, &thread->link);
  } else {
    join_thread(thread);
  }
  pool->running--;
  end_job(job);
  begin_next(pool);
  free_unneeded(pool);
}

/* It is over, but the loop has ended: close_threads goes on. */
static void on_lost(xio_post *post) {
  xio_job *job = XIO_CONTAINER_OF(post, xio_job, post);
  job->thread->busy = NULL;
  if (job->pool != NULL) job->pool->running--;
  xio_calls_refuse(job);
  job->ops->drop(job);
}

void xio_job_init(xio_job *job, const xio_job_ops *ops, xio_on_cancel on_cancel) {
  xio_list_init(&job->link);
  xio_list_init(&job->calls);
  xio_list_init(&job->taken);
  job->ops = ops;
  job->pool = NULL;
  job->thread = NULL;
  job->loop = NULL;
  job->wait = NULL;
  job->post.deliver = on_over;
  job->post.drop = on_lost;
  xio_list_init(&job->post.link);
  job->state = XIO_JOB_IDLE;
  job->on_cancel = (uint8_t)on_cancel;
  job->counted = job->abandoned = false;
  job->status = XIO_OK;
  job->source = XIO_SOURCE_NONE;
  atomic_init(&job->cancelled, false);
  atomic_init(&job->interrupted, false);
}

int xio_job_begin(xio_job *job, xio_pool *pool) {
  XIO_ASSERT(pool->threads != NULL && job->state == XIO_JOB_IDLE);
  job->pool = pool;
  job->loop = pool->threads->loop;
  if (pool->running < pool->limit && xio_list_empty(&pool->waiting)) {
    int status = run_in_thread(job);
    if (status != XIO_OK) {
      job->pool = NULL;
      return status;
    }
  } else {
    job->state = XIO_JOB_WAITING;
    xio_list_push_back(&pool->waiting, &job->link);
  }
  return XIO_OK;
}

/* -- cancelling ---------------------------------------------------------------------- */

/* Sends for all threads whose jobs have not noticed yet that they are interrupted. */
static void send_again(uv_timer_t *timer) {
  xio_threads *threads = timer->data;
  bool any = false;
  for (xio_list *at = threads->busy.next; at != &threads->busy; at = at->next) {
    xio_thread *thread = XIO_CONTAINER_OF(at, xio_thread, link);
    if (!xio_job_interrupted(thread->busy)) continue;
    xio_interrupt_send(thread->id);
    any = true;
  }
  if (!any) uv_timer_stop(timer);
}

void xio_job_interrupt(xio_job *job, uint8_t source) {
  if (job->state != XIO_JOB_RUNNING) return;
  if (!xio_job_cancelled(job)) job->source = source;
  atomic_store_explicit(&job->cancelled, true, memory_order_release);
  if (atomic_exchange(&job->interrupted, true)) return;
  if (job->ops->interrupt != NULL) job->ops->interrupt(job);
  uv_timer_t *timer = &job->pool->threads->timer;
  xio_interrupt_send(job->thread->id);
  if (!uv_is_active((uv_handle_t *)timer)) {
    uv_timer_start(timer, send_again, SEND_AGAIN_MS, SEND_AGAIN_MS);
  }
}

/* Takes a job out of its pool's queue, where it waits. */
static void withdraw(xio_job *job) {
  xio_pool *pool = job->pool;
  xio_list_remove(&job->link);
  job->state = XIO_JOB_IDLE;
  job->pool = NULL;
  count(job, false);
  if (pool->threads != NULL) free_unneeded(pool);
}

/* A job that runs is left to itself. */
static void abandon(xio_job *job, uint8_t source) {
  job->wait = NULL;
  job->abandoned = true;
  count(job, false);
  xio_calls_refuse(job);
  xio_job_interrupt(job, source);
}

void xio_job_tell(xio_job *job, xio_scope *scope) {
  if (xio_job_cancelled(job)) return;
  const xio_scope *origin = xio_scope_origin(scope);
  job->source = origin != NULL ? origin->source : XIO_SOURCE_CANCEL;
  atomic_store_explicit(&job->cancelled, true, memory_order_release);
}

/* The waiting task is cancelled. XIO_EBUSY: the job is to be awaited. */
static int cancel_job(xio_job *job, xio_scope *scope) {
  xio_job_tell(job, scope);
  uint8_t source = job->source;
  switch (job->on_cancel) {
    case XIO_ON_CANCEL_ABANDON: abandon(job, source); return XIO_OK;
    case XIO_ON_CANCEL_INTERRUPT: xio_job_interrupt(job, source); return XIO_EBUSY;
    default: return XIO_EBUSY;
  }
}

static int abort_job(xio_wait *wait) {
  xio_job *job = wait->source;
  if (job->state != XIO_JOB_WAITING) return cancel_job(job, wait->scope);
  withdraw(job);
  job->wait = NULL;
  job->ops->drop(job);
  return XIO_OK;
}

static const xio_wait_ops wait_ops = {.verb = "thread", .abort = abort_job};

int xio_job_wait(xio_job *job, xio_task *task) {
  if (job->state == XIO_JOB_OVER || !xio_list_empty(&job->calls)) return XIO_OK;
  xio_wait *wait = &task->wait;
  job->wait = wait;
  count(job, true);
  xio_wait_park(wait, &wait_ops, job);
  if (wait->scope->effective) xio_wait_abort(wait); /* while it ran a call */
  return XIO_JOB_PARKED;
}

void xio_job_leave(xio_job *job) {
  job->wait = NULL;
  if (job->state == XIO_JOB_RUNNING) {
    abandon(job, XIO_SOURCE_SHUTDOWN);
    return;
  }
  if (job->state == XIO_JOB_WAITING) withdraw(job);
  job->ops->drop(job);
}

/* -- the threads of a loop ----------------------------------------------------------- */

/* Makes sure that the code which threads run, and which may be in a library that Lua
 * unloads, stays: one of them goes on without us. */
static void keep_code(void) {
  Dl_info info;
  if (dladdr((void *)(uintptr_t)thread_main, &info) == 0 || info.dli_fname == NULL)
    return;
  void *library = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
  (void)library; /* kept for ever; NULL: it is the program itself */
}

/* Ends a thread: one with a job that was abandoned goes on without us; others are
 * interrupted where they have one, and awaited. */
static void stop_thread(xio_thread *thread) {
  uv_mutex_lock(&thread->mutex);
  xio_job *job = thread->job;
  thread->stop = true;
  uv_cond_signal(&thread->cond);
  if (job != NULL) {
    job->pool = NULL;
    if (job->source == XIO_SOURCE_NONE) job->source = XIO_SOURCE_SHUTDOWN;
    atomic_store(&job->cancelled, true);
    atomic_store(&job->interrupted, true);
    if (job->ops->interrupt != NULL) job->ops->interrupt(job);
    thread->detached = job->abandoned;
    xio_calls_refuse(job);
  }
  bool detached = thread->detached;
  if (detached) keep_code();
  uv_thread_t id = thread->id; /* the record may be gone as soon as the mutex is */
  while (!detached && !thread->ended) {
    if (thread->job != NULL) xio_interrupt_send(id);
    (void)uv_cond_timedwait(&thread->cond, &thread->mutex, SEND_AGAIN_NS);
  }
  xio_list_remove(&thread->link);
  if (detached) pthread_detach(id);
  uv_mutex_unlock(&thread->mutex);
  if (detached) return;
  uv_thread_join(&id);
  free_thread(thread);
}

/* The loop ends. */
static void end_pool(xio_pool *pool) {
  xio_list_remove(&pool->link);
  pool->threads = NULL;
  while (!xio_list_empty(&pool->waiting)) {
    xio_job *job = XIO_CONTAINER_OF(pool->waiting.next, xio_job, link);
    withdraw(job);
    job->ops->drop(job);
  }
  free_unneeded(pool);
}

static void on_closed(uv_handle_t *handle) {
  xio_threads *threads = handle->data;
  xio_loop *loop = threads->loop;
  xio_allocator heap = xio_alloc_default();
  xio_alloc_free(&heap, threads, sizeof *threads);
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* The port was made first, and so is closed: no job comes back any more. */
static void close_threads(xio_loop_object *object) {
  xio_threads *threads = XIO_CONTAINER_OF(object, xio_threads, object);
  XIO_ASSERT(xio_port_closed(threads->port));
  xio_list_remove(&object->link);
  threads->loop->threads = NULL;
  while (!xio_list_empty(&threads->pools)) {
    end_pool(XIO_CONTAINER_OF(threads->pools.next, xio_pool, link));
  }
  xio_list_splice_back(&threads->busy, &threads->idle);
  while (!xio_list_empty(&threads->busy)) {
    stop_thread(XIO_CONTAINER_OF(threads->busy.next, xio_thread, link));
  }
  xio_port_unref(threads->port);
  uv_close((uv_handle_t *)&threads->timer, on_closed);
}

int xio_loop_threads(xio_loop *loop, const xio_worker *worker, xio_threads **out) {
  *out = loop->threads;
  if (loop->threads != NULL) return XIO_OK;
  xio_port *port;
  int status = xio_loop_port(loop, &port);
  if (status != XIO_OK) return status;
  xio_allocator heap = xio_alloc_default();
  xio_threads *threads = xio_alloc_new(&heap, sizeof *threads);
  if (threads == NULL) return XIO_ENOMEM;
  uv_timer_init(loop->uv, &threads->timer); /* always succeeds */
  uv_unref((uv_handle_t *)&threads->timer);
  xio_loop_handle_opened(loop);
  threads->timer.data = threads;
  threads->loop = loop;
  threads->port = port;
  xio_port_ref(port);
  threads->worker = worker;
  xio_list_init(&threads->idle);
  xio_list_init(&threads->busy);
  xio_list_init(&threads->pools);
  init_pool(&threads->pool, threads, XIO_POOL_DEFAULT);
  threads->object.close = close_threads;
  xio_list_init(&threads->object.link);
  xio_list_push_back(&loop->objects, &threads->object.link);
  *out = loop->threads = threads;
  return XIO_OK;
}

uint32_t xio_threads_count(const xio_threads *threads) {
  return xio_list_count(&threads->idle) + xio_list_count(&threads->busy);
}

bool xio_threads_valid(const xio_threads *threads) {
  uint32_t running = 0;
  uint32_t lent = 0;
  for (xio_list *at = threads->busy.next; at != &threads->busy; at = at->next) {
    const xio_job *job = XIO_CONTAINER_OF(at, xio_thread, link)->busy;
    if (job->state != XIO_JOB_RUNNING) return false;
    if (job->counted != (job->wait != NULL)) return false;
    lent += xio_list_count(&job->taken);
  }
  for (xio_list *at = threads->pools.next; at != &threads->pools; at = at->next) {
    const xio_pool *pool = XIO_CONTAINER_OF(at, xio_pool, link);
    running += pool->running;
    if (pool->running < pool->limit && !xio_list_empty(&pool->waiting)) return false;
  }
  return running + lent == xio_list_count(&threads->busy);
}
