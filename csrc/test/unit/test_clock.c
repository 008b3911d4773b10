/* clock: virtual and real time, and timers. */
#include "../support/unit.h"

typedef struct fixture fixture;

typedef struct probe {
  union { /* the same */
    xio_timer timer;
    xio_alarm alarm;
  };
  fixture *f;
  int number;
  int rearm;          /* how often it arms itself again, one unit later */
  struct probe *kill; /* a timer that it disarms */
} probe;

struct fixture {
  counting memory;
  xio_clock clock;
  probe probes[40];
  int fired[64];
  int count;
};

static void on_fire(xio_timer *timer) {
  probe *self = XIO_CONTAINER_OF(timer, probe, timer);
  fixture *f = self->f;
  assert_false(xio_timer_armed(timer));
  f->fired[f->count++] = self->number;
  if (self->kill != NULL) xio_timer_disarm(&f->clock, &self->kill->timer);
  if (self->rearm-- > 0) {
    int64_t at = xio_clock_after(&f->clock, 1);
    assert_int_equal(xio_timer_arm(&f->clock, timer, at), XIO_OK);
  }
}

static void init(fixture *f) {
  *f = (fixture){0};
  xio_clock_init(&f->clock, counting_allocator(&f->memory), true);
  for (int i = 0; i < 40; i++) {
    f->probes[i].f = f;
    f->probes[i].number = i;
    xio_alarm_init(&f->probes[i].alarm, on_fire);
  }
}

static void arm(fixture *f, int n, int64_t at) {
  assert_int_equal(xio_timer_arm(&f->clock, &f->probes[n].timer, at), XIO_OK);
}

static void finish(fixture *f) {
  assert_int_equal(f->clock.timers.reserved, 0);
  xio_clock_deinit(&f->clock);
  assert_true(counting_clean(&f->memory));
}

static void virtual_time_moves_only_when_told(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_clock_now(&f.clock), 0);
  xio_clock_jump(&f.clock, 100);
  assert_int_equal(xio_clock_now(&f.clock), 100);
  xio_clock_jump(&f.clock, 50); /* never back */
  assert_int_equal(xio_clock_now(&f.clock), 100);
  finish(&f);
}

static void real_time_does_not_stand_still_or_go_back(void **state) {
  (void)state;
  xio_clock clock;
  counting memory = {0};
  xio_clock_init(&clock, counting_allocator(&memory), false);
  int64_t first = xio_clock_now(&clock);
  int64_t last = first;
  for (int i = 0; i < 1000; i++) {
    int64_t now = xio_clock_now(&clock);
    assert_true(now >= last);
    last = now;
  }
  assert_true(last > first);
  xio_clock_deinit(&clock);
}

static void after_never_overflows(void **state) {
  (void)state;
  fixture f;
  init(&f);
  xio_clock_jump(&f.clock, 1000);
  assert_int_equal(xio_clock_after(&f.clock, 5), 1005);
  assert_int_equal(xio_clock_after(&f.clock, -5), 995);
  assert_int_equal(xio_clock_after(&f.clock, XIO_NEVER), XIO_NEVER);
  assert_int_equal(xio_clock_after(&f.clock, XIO_NEVER - 1000), XIO_NEVER);
  assert_int_equal(xio_clock_after(&f.clock, XIO_NEVER - 1001), XIO_NEVER - 1);
  assert_int_equal(xio_clock_after(&f.clock, INT64_MIN), INT64_MIN + 1000);
  finish(&f);
}

static void fires_what_is_due_in_order(void **state) {
  (void)state;
  fixture f;
  init(&f);
  arm(&f, 0, 30);
  arm(&f, 1, 10);
  arm(&f, 2, 20);
  arm(&f, 3, 10); /* after 1, which was armed before */
  arm(&f, 4, 21);
  assert_int_equal(xio_clock_next(&f.clock), 10);
  assert_int_equal(xio_clock_expire(&f.clock), 0); /* none before its time */
  xio_clock_jump(&f.clock, 20);
  assert_int_equal(xio_clock_expire(&f.clock), 3);
  assert_int_equal(f.fired[0], 1);
  assert_int_equal(f.fired[1], 3);
  assert_int_equal(f.fired[2], 2);
  assert_int_equal(xio_clock_next(&f.clock), 21);
  xio_clock_jump(&f.clock, 30);
  assert_int_equal(xio_clock_expire(&f.clock), 2);
  assert_int_equal(xio_clock_next(&f.clock), XIO_NEVER);
  finish(&f);
}

static void moved_timer_fires_at_its_new_time_once(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 2000; i++) arm(&f, 0, 10 + i); /* in bounded memory */
  assert_int_equal(f.clock.timers.count, 1);
  assert_int_equal(f.clock.timers.capacity, 16);
  arm(&f, 1, 7);
  arm(&f, 0, 7); /* armed later: after 1 */
  xio_clock_jump(&f.clock, 5000);
  assert_int_equal(xio_clock_expire(&f.clock), 2);
  assert_int_equal(f.fired[0], 1);
  assert_int_equal(f.fired[1], 0);
  finish(&f);
}

static void callback_may_arm_and_disarm(void **state) {
  (void)state;
  fixture f;
  init(&f);
  f.probes[0].kill = &f.probes[1];
  f.probes[2].rearm = 1; /* again, one unit later: not now */
  for (int i = 0; i < 3; i++) arm(&f, i, 5);
  xio_clock_jump(&f.clock, 5);
  assert_int_equal(xio_clock_expire(&f.clock), 2);
  assert_int_equal(f.fired[0], 0);
  assert_int_equal(f.fired[1], 2);
  assert_true(xio_timer_armed(&f.probes[2].timer));
  xio_clock_jump(&f.clock, 6);
  assert_int_equal(xio_clock_expire(&f.clock), 1);
  finish(&f);
}

static void reserved_timer_is_armed_without_memory(void **state) {
  (void)state;
  fixture f;
  init(&f);
  for (int i = 0; i < 16; i++) {
    assert_int_equal(xio_timer_reserve(&f.clock, &f.probes[i].timer), XIO_OK);
    assert_int_equal(xio_timer_reserve(&f.clock, &f.probes[i].timer),
                     XIO_OK); /* one promise */
  }
  assert_int_equal(f.clock.timers.reserved, 16);
  counting_fail(&f.memory, COUNTING_FROM, 1);
  assert_int_equal(xio_timer_reserve(&f.clock, &f.probes[16].timer), XIO_ENOMEM);
  assert_false(f.probes[16].timer.reserved);
  assert_int_equal(xio_timer_arm(&f.clock, &f.probes[16].timer, 1), XIO_ENOMEM);
  assert_false(xio_timer_armed(&f.probes[16].timer));
  for (int i = 0; i < 16; i++) arm(&f, i, i);
  arm(&f, 3, 100); /* moving needs no memory either */
  for (int i = 0; i < 16; i++) {
    xio_timer_disarm(&f.clock, &f.probes[i].timer);
    xio_timer_disarm(&f.clock, &f.probes[i].timer); /* harmless */
  }
  assert_int_equal(f.clock.timers.count, 0);
  finish(&f);
}

static void reserved_timer_is_let_go(void **state) {
  (void)state;
  fixture f;
  init(&f);
  assert_int_equal(xio_timer_reserve(&f.clock, &f.probes[0].timer), XIO_OK);
  xio_timer_disarm(&f.clock, &f.probes[0].timer);
  assert_int_equal(f.clock.timers.reserved, 0);
  finish(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(virtual_time_moves_only_when_told),
      cmocka_unit_test(real_time_does_not_stand_still_or_go_back),
      cmocka_unit_test(after_never_overflows),
      cmocka_unit_test(fires_what_is_due_in_order),
      cmocka_unit_test(moved_timer_fires_at_its_new_time_once),
      cmocka_unit_test(callback_may_arm_and_disarm),
      cmocka_unit_test(reserved_timer_is_armed_without_memory),
      cmocka_unit_test(reserved_timer_is_let_go),
  };
  return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
