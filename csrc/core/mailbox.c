/* mailbox: see mailbox.h. The consumer stands in the first queue of the shared object. */
#include "mailbox.h"

static xio_mailbox *mailbox_of(xio_shared *shared) {
  return XIO_CONTAINER_OF(shared, xio_mailbox, shared);
}

static xio_mail *first_in(const xio_list *list) {
  return xio_list_empty(list) ? NULL : XIO_CONTAINER_OF(list->next, xio_mail, link);
}

static void drop_all(const xio_mailbox *mailbox, xio_list *list) {
  for (xio_mail *mail; (mail = first_in(list)) != NULL;) {
    xio_list_remove(&mail->link);
    mailbox->drop(mail);
  }
}

static void free_mailbox(xio_shared *shared) {
  xio_mailbox *mailbox = mailbox_of(shared);
  xio_allocator heap = xio_alloc_default();
  drop_all(mailbox, &mailbox->mail);
  if (mailbox->failure != NULL) mailbox->drop(mailbox->failure);
  xio_shared_deinit(shared);
  xio_alloc_free(&heap, mailbox, sizeof *mailbox);
}

static const xio_shared_ops shared_ops = {.free = free_mailbox};
static const xio_wait_ops wait_ops = {.verb = "mailbox", .abort = xio_shared_abort};

int xio_mailbox_new(xio_mailbox **out, void (*drop)(xio_mail *mail)) {
  xio_allocator heap = xio_alloc_default();
  xio_mailbox *mailbox = xio_alloc_new(&heap, sizeof *mailbox);
  if (mailbox == NULL) return XIO_ENOMEM;
  int status = xio_shared_init(&mailbox->shared, &shared_ops);
  if (status != XIO_OK) {
    xio_alloc_free(&heap, mailbox, sizeof *mailbox);
    return status;
  }
  mailbox->drop = drop;
  xio_list_init(&mailbox->mail);
  *out = mailbox;
  return XIO_OK;
}

/* With the mutex. */
static bool is_ready(const xio_mailbox *mailbox) {
  return mailbox->pending || mailbox->closed || !xio_list_empty(&mailbox->mail);
}

static void wake(xio_mailbox *mailbox, const xio_loop *here) {
  xio_shared_wake_all(&mailbox->shared, XIO_SHARED_FIRST, XIO_OK, here);
}

int xio_mailbox_submit(xio_mailbox *mailbox, xio_mail *mail, const xio_loop *here) {
  xio_shared_lock(&mailbox->shared);
  bool closed = mailbox->closed;
  if (!closed) {
    mail->order = ++mailbox->orders;
    xio_list_init(&mail->link);
    xio_list_push_back(&mailbox->mail, &mail->link);
    wake(mailbox, here);
  }
  xio_shared_unlock(&mailbox->shared);
  return closed ? XIO_ECLOSED : XIO_OK;
}

uint64_t xio_mailbox_submit_home(xio_mailbox *mailbox, const xio_loop *here) {
  uint64_t order = 0;
  xio_shared_lock(&mailbox->shared);
  if (!mailbox->closed) {
    order = ++mailbox->orders;
    mailbox->pending = true;
    wake(mailbox, here);
  }
  xio_shared_unlock(&mailbox->shared);
  return order;
}

void xio_mailbox_set_pending(xio_mailbox *mailbox, bool pending, const xio_loop *here) {
  xio_shared_lock(&mailbox->shared);
  mailbox->pending = pending;
  if (pending) wake(mailbox, here);
  xio_shared_unlock(&mailbox->shared);
}

bool xio_mailbox_close(xio_mailbox *mailbox, xio_mail *failure, const xio_loop *here) {
  xio_shared_lock(&mailbox->shared);
  bool first = !mailbox->closed;
  if (first) {
    mailbox->closed = true;
    mailbox->failure = failure;
    wake(mailbox, here);
  }
  xio_shared_unlock(&mailbox->shared);
  return first;
}

uint64_t xio_mailbox_first(xio_mailbox *mailbox) {
  xio_shared_lock(&mailbox->shared);
  const xio_mail *mail = first_in(&mailbox->mail);
  uint64_t order = mail != NULL ? mail->order : 0;
  xio_shared_unlock(&mailbox->shared);
  return order;
}

xio_mail *xio_mailbox_take(xio_mailbox *mailbox) {
  xio_shared_lock(&mailbox->shared);
  xio_mail *mail = first_in(&mailbox->mail);
  if (mail != NULL) xio_list_remove(&mail->link);
  xio_shared_unlock(&mailbox->shared);
  return mail;
}

uint32_t xio_mailbox_count(xio_mailbox *mailbox, uint64_t *orders) {
  xio_shared_lock(&mailbox->shared);
  uint32_t count = xio_list_count(&mailbox->mail);
  *orders = mailbox->orders;
  xio_shared_unlock(&mailbox->shared);
  return count;
}

bool xio_mailbox_closed(xio_mailbox *mailbox) {
  xio_shared_lock(&mailbox->shared);
  bool closed = mailbox->closed;
  xio_shared_unlock(&mailbox->shared);
  return closed;
}

const xio_mail *xio_mailbox_failure(xio_mailbox *mailbox) {
  xio_shared_lock(&mailbox->shared);
  const xio_mail *failure = mailbox->failure; /* set once, and freed with the mailbox */
  xio_shared_unlock(&mailbox->shared);
  return failure;
}

bool xio_mailbox_ready(xio_mailbox *mailbox) {
  xio_shared_lock(&mailbox->shared);
  bool ready = is_ready(mailbox);
  xio_shared_unlock(&mailbox->shared);
  return ready;
}

int xio_mailbox_wait(xio_mailbox *mailbox, xio_loop *loop, xio_task *task, bool *parked) {
  *parked = false;
  if (xio_mailbox_ready(mailbox)) return XIO_OK;
  xio_shared_wait *wait = NULL;
  int status = xio_shared_prepare(&mailbox->shared, loop, &wait);
  if (status != XIO_OK) return status;
  /* nothing below can fail */
  xio_shared_lock(&mailbox->shared);
  *parked = !is_ready(mailbox);
  if (*parked) xio_shared_park(wait, XIO_SHARED_FIRST, task, &wait_ops);
  xio_shared_unlock(&mailbox->shared);
  if (!*parked) xio_shared_discard(wait);
  return XIO_OK;
}

int xio_mailbox_block(xio_mailbox *mailbox, xio_blocker *blocker) {
  xio_shared_wait wait = {.item = NULL};
  xio_shared_lock(&mailbox->shared);
  if (is_ready(mailbox)) {
    xio_shared_unlock(&mailbox->shared);
    return XIO_OK;
  }
  return xio_shared_block(&mailbox->shared, &wait, XIO_SHARED_FIRST, blocker, XIO_NEVER);
}

void xio_mailbox_abandon(xio_mailbox *mailbox) {
  xio_list rest;
  xio_list_init(&rest);
  xio_mailbox_close(mailbox, NULL, NULL);
  xio_shared_lock(&mailbox->shared);
  xio_list_splice_back(&rest, &mailbox->mail);
  xio_shared_unlock(&mailbox->shared);
  drop_all(mailbox, &rest);
}

bool xio_mailbox_valid(xio_mailbox *mailbox) {
  if (!xio_shared_valid(&mailbox->shared)) return false;
  xio_shared_lock(&mailbox->shared);
  bool waits = xio_shared_count(&mailbox->shared, XIO_SHARED_FIRST) != 0;
  bool valid = !waits || !is_ready(mailbox);
  uint64_t last = 0;
  for (xio_list *at = mailbox->mail.next; at != &mailbox->mail; at = at->next) {
    const xio_mail *mail = XIO_CONTAINER_OF(at, const xio_mail, link);
    valid = valid && mail->order > last && mail->order <= mailbox->orders;
    last = mail->order;
  }
  xio_shared_unlock(&mailbox->shared);
  return valid;
}
