/* mailbox: mail from this thread and from others, order, waiting, closing, home's end. */
#include "../../core/mailbox.h"

#include <pthread.h>
#include <stdlib.h>

#include "../support/unit.h"

typedef struct letter {
  xio_mail mail;
  int sender, number;
} letter;

static int dropped;

static void drop(xio_mail *mail) {
  free(XIO_CONTAINER_OF(mail, letter, mail));
  __atomic_fetch_add(&dropped, 1, __ATOMIC_RELAXED);
}

static ctask_world world;
static xio_mailbox *mailbox;

static xio_mail *new_letter(int sender, int number) {
  letter *self = calloc(1, sizeof *self);
  if (self == NULL) abort();
  self->sender = sender;
  self->number = number;
  return &self->mail;
}

/* The number of the first letter, which is taken; 0: there is none. */
static int take(int *sender) {
  xio_mail *mail = xio_mailbox_take(mailbox);
  if (mail == NULL) return 0;
  letter *self = XIO_CONTAINER_OF(mail, letter, mail);
  int number = self->number;
  if (sender != NULL) *sender = self->sender;
  free(self);
  return number;
}

static void submit(int number, const xio_loop *here) {
  assert_int_equal(xio_mailbox_submit(mailbox, new_letter(0, number), here), XIO_OK);
}

static bool receive(ctask *self) {
  bool parked = true;
  assert_int_equal(xio_mailbox_wait(mailbox, world.loop, &self->core, &parked), XIO_OK);
  assert_true(xio_mailbox_valid(mailbox));
  return !parked;
}

static bool received(ctask *self) {
  assert_null(xio_shared_take(&self->core.wait));
  return true;
}

static void note_mail(ctask *self) {
  (void)self;
  world.notes[world.note_count++] = (uint32_t)take(NULL);
}

static void submit_here(ctask *self) {
  (void)self;
  submit(7, world.loop);
}

static void pend_here(ctask *self) {
  (void)self;
  assert_int_equal(xio_mailbox_submit_home(mailbox, world.loop), 1);
}

static void close_here(ctask *self) {
  (void)self;
  assert_true(xio_mailbox_close(mailbox, new_letter(0, 9), world.loop));
  assert_false(xio_mailbox_close(mailbox, NULL, world.loop));
}

#define RECEIVE CTASK_WAIT(receive, .finish = received)

static const ctask_op receives[] = {RECEIVE, CTASK_CALL(note_mail), CTASK_END};
static const ctask_op submits[] = {CTASK_PAUSE, CTASK_CALL(submit_here), CTASK_END};
static const ctask_op pends[] = {CTASK_PAUSE, CTASK_CALL(pend_here), CTASK_END};
static const ctask_op closes[] = {CTASK_PAUSE, CTASK_CALL(close_here), CTASK_END};

static void begin(void) {
  begin_world(&world);
  dropped = 0;
  assert_int_equal(xio_mailbox_new(&mailbox, drop), XIO_OK);
}

static void end(void) {
  assert_true(xio_mailbox_valid(mailbox));
  assert_int_equal(world.loop->working, 0);
  end_world(&world);
  xio_shared_unref(&mailbox->shared);
}

static void mail_and_what_is_at_home_are_numbered_together(void **state) {
  (void)state;
  begin();
  uint64_t orders = 0;
  submit(1, NULL);
  assert_int_equal(xio_mailbox_submit_home(mailbox, NULL), 2);
  submit(3, NULL);
  assert_true(xio_mailbox_valid(mailbox));
  assert_int_equal(xio_mailbox_first(mailbox), 1);
  assert_int_equal(take(NULL), 1);
  assert_int_equal(xio_mailbox_first(mailbox), 3);
  assert_int_equal(xio_mailbox_count(mailbox, &orders), 1);
  assert_int_equal(orders, 3);
  assert_int_equal(take(NULL), 3);
  assert_int_equal(xio_mailbox_first(mailbox), 0);
  assert_int_equal(take(NULL), 0);
  end();
}

static void mail_wakes_who_waits(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, receives, 0);
  ctask_spawn(&world, submits, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 7);
  end();
}

static void what_is_at_home_wakes_who_waits_too(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, receives, 0);
  ctask_spawn(&world, pends, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  assert_true(xio_mailbox_ready(mailbox));
  xio_mailbox_set_pending(mailbox, false, world.loop);
  assert_false(xio_mailbox_ready(mailbox));
  end();
}

static void closing_wakes_who_waits_and_stays(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, receives, 0);
  ctask_spawn(&world, closes, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 0);
  assert_true(xio_mailbox_ready(mailbox) && xio_mailbox_closed(mailbox));
  xio_mail *mail = new_letter(0, 1);
  assert_int_equal(xio_mailbox_submit(mailbox, mail, NULL), XIO_ECLOSED);
  drop(mail);
  assert_int_equal(xio_mailbox_submit_home(mailbox, NULL), 0);
  const xio_mail *failure = xio_mailbox_failure(mailbox);
  assert_int_equal(XIO_CONTAINER_OF(failure, const letter, mail)->number, 9);
  end();
  assert_int_equal(dropped, 2); /* the failure goes with the mailbox */
}

static void nobody_waits_for_what_is_there(void **state) {
  (void)state;
  begin();
  submit(4, NULL);
  ctask_spawn(&world, receives, 0);
  run_world(&world);
  ASSERT_NOTES(&world, 4);
  end();
}

static void waiting_in_vain_is_a_deadlock(void **state) {
  (void)state;
  begin();
  ctask_spawn(&world, receives, 0);
  assert_int_equal(xio_loop_run(world.loop), XIO_EDEADLK);
  xio_scope_cancel(&world.loop->root.scope, XIO_SOURCE_CANCEL);
  run_world(&world);
  assert_int_equal(world.note_count, 0);
  end();
}

static void at_the_end_of_home_mail_is_dropped(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 3; i++) submit(i, NULL);
  xio_mailbox_abandon(mailbox);
  assert_int_equal(dropped, 3);
  assert_true(xio_mailbox_closed(mailbox));
  end();
}

/* -- threads ------------------------------------------------------------------------- */

enum { SENDERS = 4, LETTERS = 3000 };

static void *send_letters(void *arg) {
  int sender = *(int *)arg;
  for (int i = 1; i <= LETTERS; i++) {
    if (xio_mailbox_submit(mailbox, new_letter(sender, i), NULL) != XIO_OK) abort();
  }
  return NULL;
}

static int last[SENDERS];
static int total;

static void take_all(void) {
  int sender = 0, number;
  while ((number = take(&sender)) != 0) {
    assert_int_equal(number, last[sender] + 1);
    last[sender] = number;
    total++;
  }
}

static bool look(ctask *self) {
  (void)received(self);
  do {
    take_all();
    if (total == SENDERS * LETTERS) return true;
  } while (receive(self));
  return false;
}

static const ctask_op receives_all[] = {CTASK_WAIT(receive, .finish = look), CTASK_END};

static void threads_lose_and_reorder_nothing(void **state) {
  (void)state;
  begin();
  xio_shared_expose(&mailbox->shared);
  pthread_t threads[SENDERS];
  int numbers[SENDERS];
  total = 0;
  ctask_spawn(&world, receives_all, 0);
  step_world(&world); /* it waits */
  for (int i = 0; i < SENDERS; i++) {
    last[i] = 0;
    numbers[i] = i;
    assert_int_equal(pthread_create(&threads[i], NULL, send_letters, &numbers[i]), 0);
  }
  run_world(&world);
  for (int i = 0; i < SENDERS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(total, SENDERS * LETTERS);
  end();
}

static void *receive_without_loop(void *arg) {
  xio_blocker *blocker = arg;
  int sum = 0;
  while (xio_mailbox_block(mailbox, blocker) == XIO_OK) {
    int number, sender;
    while ((number = take(&sender)) != 0) sum += number;
    if (xio_mailbox_closed(mailbox) && xio_mailbox_first(mailbox) == 0) break;
  }
  total = sum;
  return NULL;
}

static void a_thread_without_loop_waits_too(void **state) {
  (void)state;
  begin();
  xio_shared_expose(&mailbox->shared);
  xio_blocker *blocker = NULL;
  assert_int_equal(xio_blocker_new(&blocker), XIO_OK);
  pthread_t thread;
  total = 0;
  assert_int_equal(pthread_create(&thread, NULL, receive_without_loop, blocker), 0);
  for (int i = 1; i <= 100; i++) submit(i, NULL);
  xio_mailbox_close(mailbox, NULL, NULL);
  pthread_join(thread, NULL);
  assert_int_equal(total, 5050);
  xio_blocker_unref(blocker);
  end();
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mail_and_what_is_at_home_are_numbered_together),
      cmocka_unit_test(mail_wakes_who_waits),
      cmocka_unit_test(what_is_at_home_wakes_who_waits_too),
      cmocka_unit_test(closing_wakes_who_waits_and_stays),
      cmocka_unit_test(nobody_waits_for_what_is_there),
      cmocka_unit_test(waiting_in_vain_is_a_deadlock),
      cmocka_unit_test(at_the_end_of_home_mail_is_dropped),
      cmocka_unit_test(threads_lose_and_reorder_nothing),
      cmocka_unit_test(a_thread_without_loop_waits_too),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
