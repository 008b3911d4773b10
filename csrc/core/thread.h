/* thread: jobs that run in threads while a task waits for them.
 *
 * A loop has threads of its own, started when they are needed and kept between jobs; one
 * that was idle for long ends by itself, and all end with the loop. A job runs in one of
 * them, under the limit of a pool: beyond it jobs wait in order. What a thread needs to
 * run jobs (a Lua state), it makes and ends itself, by the functions in xio_worker.
 *
 * A job is a record on the C heap that somebody embeds. It belongs to the loop's thread
 * before it begins and once it is over, and to its thread in between. A task waits for
 * it, and is woken when it is over, and when the thread has a call for the task (call.h).
 * If the task is cancelled, a job that waits is withdrawn. One that runs cannot be: as it
 * says it is interrupted and awaited, awaited, or interrupted and left to itself.
 * To interrupt is to set a flag and to send for the thread (interrupt.h), again and again
 * until the job is over.
 *
 * Invariants (xio_threads_valid): a pool's `running` counts its jobs that threads have,
 * and is at least its limit where jobs wait; a job counts in `loop->working` while a task
 * is parked for it. All of the loop's thread, but where it is said. */
#ifndef XIO_CORE_THREAD_H
#define XIO_CORE_THREAD_H

#include "interrupt.h"
#include "port.h"

typedef struct xio_threads xio_threads; /* those of a loop */
typedef struct xio_thread xio_thread;
typedef struct xio_job xio_job;

/* What becomes of a job that runs when the task that waits for it is cancelled. */
typedef enum xio_on_cancel {
  XIO_ON_CANCEL_INTERRUPT, /* interrupted, and awaited */
  XIO_ON_CANCEL_WAIT,      /* told, if it asks; and awaited */
  XIO_ON_CANCEL_ABANDON    /* interrupted, and left to itself */
} xio_on_cancel;

/* What runs in a thread. Constant; all are called on that thread. */
typedef struct xio_worker {
  /* Makes `*data` before the first job; `job` is that. A status: the job ends with it,
   * and so does the thread. */
  int (*open)(xio_thread *thread, xio_job *job, void **data);
  void (*close)(void *data);
  void (*tidy)(void *data); /* it was idle for a while */

  /* In a signal handler, between any two instructions: `job` runs and is to be
   * interrupted. */
  void (*interrupt)(void *data, xio_job *job);
} xio_worker;

typedef struct xio_job_ops {
  /* Does it, on the thread. */
  void (*run)(xio_job *job, void *data);

  /* Nobody wants it any more: lets go of what it holds, and frees it. On the loop's
   * thread; or on its own one, where the loop has ended. */
  void (*drop)(xio_job *job);

  /* It runs, and is to be interrupted: for what no signal ends. NULL: nothing. On the
   * loop's thread. */
  void (*interrupt)(xio_job *job);
} xio_job_ops;

/* How many jobs may run at once. On the C heap. */
typedef struct xio_pool {
  xio_threads *threads; /* NULL: the loop has ended */
  xio_list link;
  xio_list waiting; /* jobs */
  uint32_t limit, running;
  bool closed; /* freed when it is empty */
} xio_pool;

typedef enum xio_job_state {
  XIO_JOB_IDLE,
  XIO_JOB_WAITING, /* for its pool */
  XIO_JOB_RUNNING, /* a thread has it, or it is on its way back */
  XIO_JOB_OVER
} xio_job_state;

struct xio_job {
  xio_list link; /* in the pool's queue */
  const xio_job_ops *ops;
  xio_pool *pool; /* NULL once the loop has ended, or it is over */
  xio_thread *thread;
  xio_loop *loop;
  xio_port *port; /* of the loop, with a reference while it runs */
  xio_wait *wait; /* of the task; NULL: none waits now */
  xio_list calls; /* that the thread has for the task (call.h) */
  xio_list taken; /* those that the task runs: the pool has room for another job */
  xio_post post;  /* it is over */
  uint8_t state;  /* xio_job_state */
  uint8_t on_cancel;
  bool counted;            /* in `loop->working` */
  bool abandoned;          /* nobody will wait any more */
  int status;              /* XIO_OK; or it did not run, since no thread could be had */
  uint8_t source;          /* of the cancellation; set before `cancelled` */
  atomic_bool cancelled;   /* the task that waits is cancelled */
  atomic_bool interrupted; /* the thread is to be interrupted */
};

/* The threads of `loop`, made when first asked for, which work with `worker`; the loop
 * holds them. XIO_ENOMEM or a status of libuv. */
int xio_loop_threads(xio_loop *loop, const xio_worker *worker,
                     xio_threads **out) XIO_WARN_UNUSED;

/* How many threads there are, idle ones too. */
uint32_t xio_threads_count(const xio_threads *threads);

/* Makes another pool. XIO_ENOMEM. */
int xio_pool_open(xio_threads *threads, uint32_t limit, xio_pool **out) XIO_WARN_UNUSED;

/* No job begins in it any more; those that have go on. It is freed with the last. */
void xio_pool_close(xio_pool *pool);

/* The pool for jobs that have none of their own: so many at once. */
enum { XIO_POOL_DEFAULT = 32 };
xio_pool *xio_threads_pool(xio_threads *threads);

/* A job that was not begun. */
void xio_job_init(xio_job *job, const xio_job_ops *ops, xio_on_cancel on_cancel);

/* Begins a job: at once, or when the pool has room. A status (XIO_EAGAIN: no thread can
 * be started): nothing was begun. */
int xio_job_begin(xio_job *job, xio_pool *pool) XIO_WARN_UNUSED;

/* Parks the running task until the job, which was begun, is over, or there are calls.
 * Its wait's status: XIO_OK, look at the job's state and calls; XIO_ECANCELED: it was
 * withdrawn, or abandoned. Returns at once, XIO_OK and not parked, where there is
 * something already. */
int xio_job_wait(xio_job *job, xio_task *task) XIO_WARN_UNUSED;
enum { XIO_JOB_PARKED = 1 };

/* There is a call for the task, if that is parked for the job: it goes on. */
void xio_job_wake(xio_job *job);

/* The task runs a call of the job, whose room another one may have meanwhile; or no
 * longer: then there may be one too many for a while. */
void xio_job_lend(xio_job *job, bool lent);

/* Tells a job that the task, whose innermost scope this is, is cancelled. */
void xio_job_tell(xio_job *job, xio_scope *scope);

/* Interrupts a job that runs. */
void xio_job_interrupt(xio_job *job, uint8_t source);

/* The task does not want it any more: dropped now, or when it is over. Its thread is
 * interrupted. */
void xio_job_leave(xio_job *job);

static inline bool xio_job_cancelled(xio_job *job) {
  return atomic_load_explicit(&job->cancelled, memory_order_acquire);
}

static inline bool xio_job_interrupted(xio_job *job) {
  return atomic_load_explicit(&job->interrupted, memory_order_acquire);
}

/* Ends the calls that wait for the task: nobody will run them (call.c). */
void xio_calls_refuse(xio_job *job);

/* The invariants above. */
bool xio_threads_valid(const xio_threads *threads);

#endif
