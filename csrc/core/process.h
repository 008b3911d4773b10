/* process: a child process, and waiting for its exit.
 *
 * A process is watched through a pidfd: no signal is taken, exits of others' children are
 * not seen, and a signal never reaches another process that was given the same number. It
 * is reaped as soon as the loop sees that it has exited, whether or not a task waits.
 *
 * A process that has a session of its own is ended as a group: TERM, or another signal;
 * when the grace is over KILL; also where the first process has gone and others are left.
 * That happens in real time, as processes do, and while a task waits for a process a
 * virtual clock does not jump.
 *
 * Invariants (xio_process_valid): nobody waits for the exit of a process that has exited;
 * libuv's handle is referenced while a task waits. Owner: who spawned it, until it
 * releases it or the loop ends; heap memory, freed when it is released, has exited, and
 * libuv has let go of its handles. Loop's thread. Not here: how it is started (launch.c),
 * and its standard streams, which are pipes of the caller. */
#ifndef XIO_CORE_PROCESS_H
#define XIO_CORE_PROCESS_H

#include "launch.h"
#include "loop.h"

typedef struct xio_process xio_process;

typedef struct xio_process_exit {
  int code;   /* what it gave to exit */
  int signum; /* or which signal ended it; 0: none did */
  bool lost;  /* neither is known: somebody else has reaped it */
} xio_process_exit;

/* Starts a program. `owner` is what the caller has the process in: set to it, and to NULL
 * when the loop ends before it is released. A status of xio_launch, of the system where a
 * pidfd cannot be had, or XIO_ENOMEM: there is no child. */
int xio_process_spawn(xio_process **owner, xio_loop *loop,
                      const xio_launch_opts *opts) XIO_WARN_UNUSED;

/* Watches a child that was started elsewhere, in our own session, and that nobody else
 * reaps. On error, as above, nothing has happened to it. */
int xio_process_adopt(xio_process **owner, xio_loop *loop, pid_t pid) XIO_WARN_UNUSED;

xio_loop *xio_process_loop(const xio_process *process);
pid_t xio_process_pid(const xio_process *process);

/* How it ended; NULL: it has not. */
const xio_process_exit *xio_process_exited(const xio_process *process);

/* Parks the running task until the process, which lives, has exited; at `at` it is woken
 * with XIO_ETIMEDOUT. Any number of tasks may wait. XIO_ENOMEM: it is not parked. */
int xio_process_wait(xio_process *process, xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* Sends a signal to the process alone. XIO_ESRCH: it has exited. A status of the
 * system. */
int xio_process_kill(xio_process *process, int signum) XIO_WARN_UNUSED;

/* Whether something is left to be ended: the process, or others of its group. */
bool xio_process_lives(xio_process *process);

/* Begins to end the process and its group, of which something lives, by `signum` (0:
 * somebody has told it already) and, when `grace_ns` are over, by KILL; parks the running
 * task until that is done. Cannot be withdrawn: cancelled, it does not wait for the grace
 * any longer. Then the status is XIO_OK, or -EPERM where this user may not end it. */
void xio_process_end(xio_process *process, xio_task *task, int signum, int64_t grace_ns);

/* The owner lets go of it: what it started may live on. A process that lives is ended by
 * KILL with its group where `kills`, and reaped in any case, by the end of the loop at
 * the latest. */
void xio_process_release(xio_process *process, bool kills);

bool xio_process_valid(const xio_process *process);

#endif
