/* call: a request of a job's thread to the task that waits for the job.
 *
 * A task in the thread's loop begins it and waits; it is handed to the loop of the
 * waiting task by that one's port. The waiting task is woken, takes it, does what it asks
 * for and answers, and the answer goes back by the port of the thread's loop. Where
 * nobody will answer (the job was left to itself, the loop has ended), it is refused. A
 * call cannot be withdrawn; where its task is cancelled before it was taken, it is
 * answered without being taken.
 *
 * Owner: counted references of the two sides; the last to let go has `free` called, on
 * its thread. What the embedding record carries belongs to the side whose turn it is. */
#ifndef XIO_CORE_CALL_H
#define XIO_CORE_CALL_H

#include "thread.h"

typedef struct xio_call xio_call;
struct xio_call {
  xio_list link; /* in the job's list: the side that answers */
  xio_job *job;
  xio_post post;            /* to either side */
  xio_loop *loop;           /* of the caller */
  xio_port *port;           /* of the same, with a reference */
  xio_wait *wait;           /* of the caller; NULL: none */
  xio_loop_object object;   /* the caller's loop may end */
  void (*free)(xio_call *); /* any thread */
  atomic_uint refs;
  atomic_bool unwanted; /* the caller is cancelled */
  bool answered;        /* the side that answers */
  int status; /* of the answer; XIO_ECLOSED: refused; XIO_ECANCELED: not taken */
};

/* On the thread of `job`, in a task of `loop`: begins a call. XIO_ECLOSED: nobody will
 * answer; XIO_ENOMEM or a status of libuv. Nothing was begun then; otherwise the caller
 * waits for it at once. */
int xio_call_begin(xio_call *call, xio_job *job, xio_loop *loop) XIO_WARN_UNUSED;

/* Parks the running task until there is an answer. It is in `status` then. */
void xio_call_wait(xio_call *call, xio_task *task);

/* The caller has looked at the answer: one reference less. */
void xio_call_taken(xio_call *call);

/* The next call of the job, which is taken, with a reference; NULL: there is none. On the
 * loop's thread, as are the next two. */
xio_call *xio_call_take(xio_job *job);

/* Answers a call that was taken; nothing happens where it was answered. The embedding
 * record is the caller's from then on. */
void xio_call_answer(xio_call *call, int status);

/* Gives the reference of xio_call_take back, after the call was answered. */
void xio_call_release(xio_call *call);

#endif
