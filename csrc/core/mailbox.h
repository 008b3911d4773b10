/* mailbox: the way to one consumer, from any thread.
 *
 * A mailbox has a home: the thread that consumes. There the owner keeps what was
 * submitted at home, and what it has looked at already; here is what other threads have
 * submitted and it has not taken yet, as pieces of mail that the owner embeds in what it
 * sends. Both kinds get numbers of one order, so that home can tell which came first. The
 * flag `pending` is home's own word that the consumer need not wait.
 *
 * A closed mailbox takes nothing, for ever; what is in it may still be taken, and beside
 * it what it was failed with. Home's end closes it and drops what is in it.
 *
 * Owner: counted references, of xio_shared. Mail belongs to the mailbox from being
 * submitted until it is taken. Invariants (xio_mailbox_valid): mail is in order; whoever
 * waits, waits while there is no mail, nothing is pending and the mailbox is open. Any
 * thread, where not said otherwise. */
#ifndef XIO_CORE_MAILBOX_H
#define XIO_CORE_MAILBOX_H

#include "shared.h"

typedef struct xio_mail {
  xio_list link;
  uint64_t order;
} xio_mail;

typedef struct xio_mailbox {
  xio_shared shared;
  void (*drop)(xio_mail *mail); /* nobody will take it; any thread, without the mutex */
  /* guarded by the mutex of `shared`: */
  xio_list mail;
  uint64_t orders; /* how many numbers were given out */
  xio_mail *failure;
  bool closed;
  bool pending;
} xio_mailbox;

/* One reference. XIO_ENOMEM or a status of libuv. */
int xio_mailbox_new(xio_mailbox **out, void (*drop)(xio_mail *mail)) XIO_WARN_UNUSED;

/* Submits from elsewhere than home. XIO_ECLOSED: the mail stays the caller's. `here` is
 * the loop in whose task the caller runs, or NULL. */
int xio_mailbox_submit(xio_mailbox *mailbox, xio_mail *mail,
                       const xio_loop *here) XIO_WARN_UNUSED;

/* Something was submitted at home, where it is kept: something is pending. Its number, or
 * 0: the mailbox is closed. */
uint64_t xio_mailbox_submit_home(xio_mailbox *mailbox, const xio_loop *here);

/* Says whether something is pending at home. At home. */
void xio_mailbox_set_pending(xio_mailbox *mailbox, bool pending, const xio_loop *here);

/* Closes it; `failure` (NULL: none) is what it fails with, and stays the caller's where
 * false is returned: it was closed before. */
bool xio_mailbox_close(xio_mailbox *mailbox, xio_mail *failure, const xio_loop *here);

/* The number of the first mail, or 0. */
uint64_t xio_mailbox_first(xio_mailbox *mailbox);

/* Takes the first mail, or gives NULL. At home. */
xio_mail *xio_mailbox_take(xio_mailbox *mailbox) XIO_WARN_UNUSED;

/* How much mail there is, and how many numbers were given out. */
uint32_t xio_mailbox_count(xio_mailbox *mailbox, uint64_t *orders);

bool xio_mailbox_closed(xio_mailbox *mailbox);

/* What it has failed with, or NULL; stays the mailbox's. */
const xio_mail *xio_mailbox_failure(xio_mailbox *mailbox);

/* Whether the consumer need not wait. */
bool xio_mailbox_ready(xio_mailbox *mailbox);

/* Parks the running task of `loop` until the mailbox is ready. XIO_OK: `*parked` tells
 * whether it has to wait; the second half then calls xio_shared_take. XIO_ENOMEM or a
 * status of libuv: it is not parked. At home. */
int xio_mailbox_wait(xio_mailbox *mailbox, xio_loop *loop, xio_task *task,
                     bool *parked) XIO_WARN_UNUSED;

/* The same for a thread without a loop: blocks it. XIO_OK, or what xio_shared_block
 * says. */
int xio_mailbox_block(xio_mailbox *mailbox, xio_blocker *blocker) XIO_WARN_UNUSED;

/* Home ends: closes it, and drops what is in it. */
void xio_mailbox_abandon(xio_mailbox *mailbox);

/* The invariants above. */
bool xio_mailbox_valid(xio_mailbox *mailbox);

#endif
