/* interrupt: has a function called on another thread, between two of its instructions.
 *
 * A thread that may be interrupted enters with a function, which then runs in a signal
 * handler of that thread whenever somebody sends for it. The signal is SIGURG, which does
 * nothing where nobody listens. While any thread of the process has entered, a handler of
 * ours is installed; what was there before is called for signals that are not for us, and
 * is put back when the last thread leaves.
 *
 * A thread that enters takes none of the signals that another thread could take.
 *
 * Owner: who enters embeds the record, which stays until it leaves. */
#ifndef XIO_CORE_INTERRUPT_H
#define XIO_CORE_INTERRUPT_H

#include <pthread.h>

#include "../base/base.h"

typedef struct xio_interrupt xio_interrupt;
struct xio_interrupt {
  void (*function)(xio_interrupt *interrupt); /* in a signal handler of the thread */
};

/* The calling thread can be interrupted from now on. XIO_ENOMEM: it cannot. */
int xio_interrupt_enter(xio_interrupt *interrupt,
                        void (*function)(xio_interrupt *interrupt)) XIO_WARN_UNUSED;

/* No longer: on the thread that has entered. */
void xio_interrupt_leave(xio_interrupt *interrupt);

/* Has the function of `thread` called soon, there. The thread was not joined yet. Any
 * thread. Where it has not entered yet, or has left, nothing happens. */
void xio_interrupt_send(pthread_t thread);

#endif
