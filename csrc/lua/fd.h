/* fd: what a select needs of a descriptor; the rest of fd.c is seen by nobody. Loop's
 * thread. */
#ifndef XIOL_FD_H
#define XIOL_FD_H

#include "../core/fd.h"
#include "binding.h"

/* Raises where the box of xio.fd at `index`, an argument of `function`, belongs to
 * another run than `task`, or where another task waits for that side of its number. */
void xiol_fd_check_free(lua_State *L, xiol_task *task, int index, xio_fd_side side,
                        const char *function);

/* Whether that side of the box is ready: XIO_OK, XIO_EAGAIN, XIO_ECLOSED, XIO_EBADF or a
 * status of the system. */
int xiol_fd_try(const void *box, xio_fd_side side);

/* What the box has registered; NULL where it is closed. */
xio_fd *xiol_fd_core(const void *box);

/* Pushes what waiting for that side of the box at `index` returns after `status`: true,
 * or nil, err, code. Returns how many values. Raises when memory is out. */
int xiol_fd_push_ready(lua_State *L, xiol_state *state, int index, xio_fd_side side,
                       int status);

#endif
