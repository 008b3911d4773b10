/* fd: waiting until a descriptor can be read or written, and doing it without blocking.
 *
 * A descriptor belongs to whoever opened it: an io file, a foreign library, the shell. A
 * loop only watches its number. Nothing here duplicates it, since a duplicate would keep
 * a pipe open whose other end waits for our side to close (pclose, a peer that reads to
 * the end), and nothing changes its O_NONBLOCK, which belongs to the open file
 * description and so to other processes too.
 *
 * libuv's own uv_poll_t on such a number would set O_NONBLOCK, and would abort the
 * process once the number was closed behind its back. So each loop that waits for
 * descriptors has one private epoll set, which libuv watches through one uv_poll_t; the
 * numbers are in that set, and what epoll refuses is a status. An interest is one-shot:
 * it costs one epoll_ctl per wait and leaves nothing armed that nobody waits for. epoll
 * knows open files, not numbers: that a number was closed, or is another file by now,
 * shows exactly.
 *
 * One reader and one writer may wait for a number at a time. The uv_poll_t is referenced
 * only while somebody waits. Invariants (check functions: xio_fd_valid): the count of
 * waiters is that of the slots; a slot's waiter is parked and names the slot. Loop's
 * thread only. Not here: buffers, and what streams do (stream.c). */
#ifndef XIO_CORE_FD_H
#define XIO_CORE_FD_H

#include <stdio.h>

#include "loop.h"

typedef enum xio_fd_side { XIO_FD_READ, XIO_FD_WRITE } xio_fd_side;

/* A number that one loop knows, with a memory of which open file it stood for. Its owner
 * is who opened it, and closes it, before or after the loop. */
typedef struct xio_fd xio_fd;

/* Registers `number`. XIO_EBADF: it is not open. XIO_ENOMEM, or another status of the
 * system (EMFILE, ENOSPC …): nothing was made. */
int xio_fd_open(xio_fd **out, xio_loop *loop, int number) XIO_WARN_UNUSED;

/* Lets go of the number, which stays open, and frees `fd`: who waits through it is woken
 * with XIO_ECLOSED. Never fails. */
void xio_fd_close(xio_fd *fd);

/* The loop that `fd` is registered with; NULL once that was closed. */
xio_loop *xio_fd_loop(const xio_fd *fd);

/* Whether the number still stands for the file that was registered. XIO_EBADF: it was
 * closed, or is another file now. What epoll refuses (regular files) always passes. */
int xio_fd_verify(xio_fd *fd) XIO_WARN_UNUSED;

/* Parks the running task until that side of `fd` is ready, at most until `at` (then the
 * status is XIO_ETIMEDOUT). What epoll refuses is ready at once: the task is rescheduled.
 * XIO_EBUSY: another task waits for that side of the number. XIO_EBADF: as xio_fd_verify.
 * On error nothing was started. */
int xio_fd_wait(xio_fd *fd, xio_fd_side side, xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* The same on a number as it is now, without registration; for callers that look the
 * number up each time. The loop remembers the number (64 bytes) until its end. */
int xio_fd_wait_number(xio_loop *loop, int number, xio_fd_side side, xio_task *task,
                       int64_t at) XIO_WARN_UNUSED;

/* Queues `waiter`, an entry of a parked wait that has several, for that side of `fd`.
 * XIO_OK: it is queued, and will be completed with XIO_OK, or as xio_fd_wait says.
 * XIO_EBUSY: the side has a waiter already. Else it is not queued: -EPERM, the side is
 * always ready; or XIO_EBADF, XIO_ECLOSED or another status. May complete other waits for
 * the number, also the one that `waiter` belongs to through another of its entries. */
int xio_fd_await(xio_fd *fd, xio_fd_side side, xio_waiter *waiter) XIO_WARN_UNUSED;

/* Takes `waiter` out where it is queued; `fd` is open, or is just being closed. */
void xio_fd_withdraw(xio_fd *fd, xio_fd_side side, const xio_waiter *waiter);

/* Whether a task waits for that side of `number` in this loop. */
bool xio_fd_waited(const xio_loop *loop, int number, xio_fd_side side);

/* Whether that side is ready now, end and error included: XIO_OK, XIO_EAGAIN, or what the
 * system says. Needs no loop. */
int xio_fd_ready(int number, xio_fd_side side) XIO_WARN_UNUSED;

/* Reads 1 to `max` bytes, `max` not 0. Returns how many, XIO_EOF, XIO_EAGAIN when it
 * would have to wait, or a status of the system. Does not block (see fd.c for the one
 * limit). */
int64_t xio_fd_read(int number, void *bytes, size_t max) XIO_WARN_UNUSED;

/* Writes some of `count` bytes, not 0. Returns how many, XIO_EAGAIN, or a status of the
 * system; a reader that is gone is EPIPE, and no SIGPIPE is raised. Does not block (see
 * fd.c for the one limit). */
int64_t xio_fd_write(int number, const void *bytes, size_t count) XIO_WARN_UNUSED;

/* The same on what is no socket and does not block. */
int64_t xio_fd_write_pipe(int number, const void *bytes, size_t count) XIO_WARN_UNUSED;

/* Makes the descriptor under `file` go on where `file` stands: writes what it has
 * buffered; `before` reading, moves the offset of a regular file back to where it was
 * read to. What `file` has read ahead from a pipe or terminal stays its own. Writing may
 * block, as stdio does; no SIGPIPE is raised. XIO_OK or a status. */
int xio_fd_flush(FILE *file, xio_fd_side before) XIO_WARN_UNUSED;

/* The invariants above; O(numbers). */
bool xio_fd_valid(const xio_loop *loop);

#endif
