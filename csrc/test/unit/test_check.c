/* check: holds in a loop with something of everything, and sees every kind of damage.
 * Each damage is made, seen under its name, and undone; so the loop can be closed in the
 * end. */
#include "../support/unit.h"

static ctask_world world;

/* What the programs below made. */
static struct {
  xio_task *sleeping, *joined, *joining, *starting, *child, *host, *held, *daemon, *ready;
  xio_group *group;  /* of the host, joining; with failed and held children */
  xio_region *outer; /* plain, with a deadline, in it a shield with grace */
  xio_region *grace;
} has;

static void see_group(ctask *self) {
  has.host = &self->core;
  has.group = XIO_CONTAINER_OF(self->core.wait.scope, xio_group, scope);
}

static void see_held(ctask *self) {
  (void)self;
  has.held = &world.tasks[8]->core;
  has.daemon = &world.tasks[9]->core;
}

static void see_scopes(ctask *self) {
  has.grace = xio_region_of(self->core.wait.scope);
  has.outer = xio_region_of(has.grace->scope.parent);
}

static void fill(void) {
  static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
  static const ctask_op sleeper[] = {CTASK_SLEEP(100), CTASK_END};
  static const ctask_op joiner[] = {CTASK_JOIN(2), CTASK_END};
  static const ctask_op starter[] = {CTASK_START(forever, .name = 5), CTASK_END};
  static const ctask_op failing[] = {CTASK_FAIL, CTASK_END};
  static const ctask_op stubborn[] = {CTASK_SCOPE(.flags = CTASK_SHIELDED), CTASK_FOREVER,
                                      CTASK_CLOSE, CTASK_END};
  static const ctask_op host[] = {CTASK_GROUP(.count = 2),
                                  CTASK_CALL(see_group),
                                  CTASK_SPAWN(failing),
                                  CTASK_SPAWN(stubborn),
                                  CTASK_SPAWN(stubborn),
                                  CTASK_SPAWN(forever, .name = 8),
                                  CTASK_SPAWN(stubborn, .name = 9, .flags = CTASK_DAEMON),
                                  CTASK_CALL(see_held),
                                  CTASK_CLOSE,
                                  CTASK_END};
  static const ctask_op scoped[] = {CTASK_SCOPE(.time = 50),
                                    CTASK_SCOPE(.flags = CTASK_GRACE, .time = 9),
                                    CTASK_CALL(see_scopes),
                                    CTASK_FOREVER,
                                    CTASK_CLOSE,
                                    CTASK_CLOSE,
                                    CTASK_END};
  begin_world(&world);
  has.sleeping = &ctask_spawn(&world, sleeper, 0)->core;
  has.joined = &ctask_spawn(&world, forever, 2)->core;
  has.joining = &ctask_spawn(&world, joiner, 0)->core;
  has.starting = &ctask_spawn(&world, starter, 0)->core;
  ctask_spawn(&world, host, 0);
  ctask_spawn(&world, scoped, 0);
  for (int i = 0; i < 3; i++) {
    xio_sched_turn(&world.loop->queue, 64, false);
    assert_holds(world.loop);
  }
  has.child = &world.tasks[5]->core;
  has.ready = &ctask_spawn(&world, sleeper, 0)->core;
  ctask_spawn(&world, sleeper, 0);
  assert_holds(world.loop);
  assert_int_equal(has.group->state, XIO_GROUP_JOINING);
  assert_int_equal(has.group->failures, 1);
  assert_int_equal(has.held->state, XIO_TASK_HELD);
}

/* The check fails and names `what`. */
static void assert_broken(const char *what) {
  const char *told = NULL;
  assert_false(xio_check_loop(world.loop, &told));
  assert_string_equal(told, what);
  assert_false(xio_check_loop(world.loop, NULL));
}

/* Sets `place`, which is `before`, to `value`, expects `what` to be seen, and undoes
 * it. */
#define DAMAGE_BITS(place, before, value, what) \
  do { \
    assert_int_equal(place, before); \
    (place) = (value); \
    assert_broken(what); \
    (place) = (before); \
    assert_holds(world.loop); \
  } while (0)

/* The same where the place is no bit-field. */
#define DAMAGE(place, value, what) \
  do { \
    __typeof__(place) before = (place); \
    (place) = (value); \
    assert_broken(what); \
    (place) = before; \
    assert_holds(world.loop); \
  } while (0)

static void sees_damage_to_scopes(void **state) {
  (void)state;
  fill();
  DAMAGE(has.outer->scope.effective, true, "scope: effective is out of date");
  DAMAGE(has.outer->scope.source, XIO_SOURCE_CANCEL, "scope: effective is out of date");
  DAMAGE_BITS(has.outer->scope.left, false, true,
              "scope: in the tree without being entered");
  DAMAGE(has.outer->queue, NULL, "scope: in the tree of another loop");
  DAMAGE(has.outer->scope.depth, 7, "scope: wrong depth");
  DAMAGE(has.sleeping->own.depth, 1, "scope: a task's own has a depth");
  DAMAGE(has.outer->host, &has.sleeping->wait, "scope: entered inside another task's");
  DAMAGE(has.outer->host, NULL, "scope: entered inside another task's");
  DAMAGE(has.outer->scope.parent, &has.grace->scope,
         "scope: a child does not name its parent");
  DAMAGE(has.grace->host->scope, &has.outer->scope,
         "scope: the innermost of a task has a child entered by it");
  DAMAGE(has.outer->deadline_at, 51,
         "scope: the timer is set to another time than the deadline");
  DAMAGE(has.outer->deadline_at, XIO_NEVER, "scope: the deadline and its timer differ");
  DAMAGE(has.grace->timer.reserved, false, "scope: no timer is kept for its grace");
  DAMAGE(has.outer->timer.reserved, true, "timer: armed and reserved at once");
  DAMAGE(has.outer->scope.sibling.prev, &has.grace->scope.sibling,
         "list: links do not match");
  DAMAGE(world.loop->root.scope.kind, XIO_SCOPE_PLAIN, "scope: the root is none");
  end_world(&world);
}

static void sees_a_grace_that_has_not_begun(void **state) {
  (void)state;
  fill();
  /* as if the cancellation had not come past here */
  xio_scope_cancel(&has.outer->scope, XIO_SOURCE_CANCEL);
  assert_holds(world.loop);
  xio_timer_disarm(&world.loop->clock, &has.grace->timer);
  assert_int_equal(xio_timer_reserve(&world.loop->clock, &has.grace->timer), XIO_OK);
  assert_broken("scope: cancelled around its shield, but its grace has not begun");
  assert_int_equal(xio_timer_arm(&world.loop->clock, &has.grace->timer, 9), XIO_OK);
  assert_holds(world.loop);
  end_world(&world);
}

static void sees_damage_to_waits(void **state) {
  (void)state;
  fill();
  DAMAGE(has.sleeping->wait.ops, NULL, "wait: parked without ops");
  DAMAGE(has.sleeping->wait.queue, NULL, "scope: in the tree of another loop");
  DAMAGE(has.sleeping->wait.self.wait, NULL, "wait: of another loop or task");
  DAMAGE(has.sleeping->wait.scope, NULL, "scope: nothing is the innermost of a task");
  DAMAGE(has.sleeping->wait.scope, &has.outer->scope,
         "scope: entered inside another task's");
  DAMAGE(has.sleeping->wait.state, XIO_WAIT_IDLE,
         "wait: not parked, but it has a time limit");
  DAMAGE(has.joined->wait.state, XIO_WAIT_IDLE,
         "task: neither ready nor running nor parked");
  DAMAGE(has.joined->wait.state, XIO_WAIT_READY, "wait: ready, but in no queue");
  DAMAGE_BITS(has.group->joiner->aborting, true, false,
              "wait: parked under a cancellation that did not reach it");
  end_world(&world);
}

static void sees_damage_to_tasks(void **state) {
  (void)state;
  fill();
  DAMAGE_BITS(has.sleeping->state, XIO_TASK_LIVE, XIO_TASK_ENDED,
              "task: ended, but still in its group");
  DAMAGE_BITS(has.sleeping->outcome, XIO_OUTCOME_NONE, XIO_OUTCOME_DONE,
              "task: lives, but has an outcome");
  DAMAGE(has.joining->wait.source, has.sleeping,
         "task: one that waits for another awaits it");
  DAMAGE(has.joining->wait.state, XIO_WAIT_IDLE,
         "task: one that is not parked awaits it");
  DAMAGE(has.held->wait.state, XIO_WAIT_PARKED, "wait: parked without ops");
  /* a join that is listed nowhere */
  xio_list_remove(&has.joining->wait.self.link);
  assert_broken("task: some await each other in a circle");
  /* two that await each other */
  xio_list_push_back(&has.joining->joiners, &has.joining->wait.self.link);
  has.joining->wait.source = has.joining;
  assert_broken("task: some await each other in a circle");
  xio_list_remove(&has.joining->wait.self.link);
  has.joining->wait.source = has.joined;
  xio_list_push_back(&has.joined->joiners, &has.joining->wait.self.link);
  assert_holds(world.loop);
  end_world(&world);
}

static void sees_damage_to_starts(void **state) {
  (void)state;
  fill();
  DAMAGE(has.child->starter, NULL, "start: the child does not know who waits for it");
  DAMAGE_BITS(has.child->started, false, true,
              "start: the child has started, but its caller waits on");
  DAMAGE(has.starting->wait.source, has.joined,
         "start: the child does not know who waits for it");
  DAMAGE(has.ready->starter, &has.sleeping->wait,
         "start: the caller does not wait for its child");
  end_world(&world);
}

static void sees_damage_to_groups(void **state) {
  (void)state;
  fill();
  xio_group *root = &world.loop->root;
  DAMAGE(root->live, root->live + 1, "group: live differs from its children");
  DAMAGE(root->daemons, 1, "group: daemons differs from its children");
  DAMAGE(root->started, root->started - 1, "group: started differs from its children");
  DAMAGE(root->state, XIO_GROUP_OPEN, "group: the root is not joining");
  DAMAGE(root->host, has.host, "group: the root has a host");
  DAMAGE(root->failures, 1, "group: a child has failed, but it is not cancelled");
  DAMAGE(has.group->failures, 0, "group: more failures listed than counted");
  DAMAGE(has.group->limit, 3, "group: children are held below the limit");
  DAMAGE(has.group->limit, 0, "group: children are held below the limit");
  DAMAGE(has.group->joiner, NULL, "group: its host does not wait for its end");
  DAMAGE(has.group->joiner, &has.sleeping->wait,
         "group: the joiner is not its host, parked");
  DAMAGE(has.group->state, XIO_GROUP_ENDED, "group: its host does not wait for its end");
  DAMAGE(has.group->state, XIO_GROUP_OPEN, "group: its host does not wait for its end");
  DAMAGE(has.group->host, has.sleeping, "group: its host has not entered its scope");
  DAMAGE(has.group->queue, NULL, "group: of another loop");
  DAMAGE(has.held->own.parent, &root->scope, "scope: a child does not name its parent");
  xio_task *failed = XIO_CONTAINER_OF(has.group->failed.next, xio_task, own.sibling);
  DAMAGE_BITS(failed->outcome, XIO_OUTCOME_FAILED, XIO_OUTCOME_DONE,
              "group: one listed as failed has not");
  DAMAGE(failed->own.parent, &root->scope, "group: lists the failure of another group");
  xio_list_remove(&has.held->wait.self.link);
  assert_broken("group: not every held child is listed as held");
  xio_list_push_front(&has.group->held, &has.held->wait.self.link);
  assert_holds(world.loop);
  end_world(&world);
}

static void sees_a_daemon_that_is_left_alone(void **state) {
  (void)state;
  static const ctask_op forever[] = {CTASK_FOREVER, CTASK_END};
  static const ctask_op nothing[] = {CTASK_SPAWN(forever, .flags = CTASK_DAEMON),
                                     CTASK_END};
  begin_world(&world);
  ctask_spawn(&world, nothing, 0);
  xio_sched_turn(&world.loop->queue, 64, false);
  assert_holds(world.loop);
  xio_task *daemon = xio_group_next_child(&world.loop->root, NULL);
  daemon->own.source = XIO_SOURCE_NONE;
  daemon->own.effective = false;
  assert_broken("group: only daemons are left, but one is not cancelled");
  daemon->own.source = XIO_SOURCE_SHUTDOWN;
  daemon->own.effective = true;
  end_world(&world);
}

static void sees_damage_to_the_run_queue(void **state) {
  (void)state;
  fill();
  xio_runqueue *queue = &world.loop->queue;
  DAMAGE(queue->clock, NULL, "runqueue: of another clock");
  DAMAGE(queue->ready.prev, &has.ready->wait.self.link, "list: links do not match");
  xio_list_remove(&has.ready->wait.self.link);
  assert_broken("wait: ready, but in no queue");
  xio_list elsewhere;
  xio_list_init(&elsewhere);
  xio_list_push_back(&elsewhere, &has.ready->wait.self.link);
  assert_broken("runqueue: not every ready task is queued once");
  xio_list_remove(&has.ready->wait.self.link);
  xio_list_push_back(&queue->batch, &has.ready->wait.self.link); /* there it may be */
  assert_holds(world.loop);
  xio_list_push_back(&queue->ready, &has.sleeping->wait.self.link); /* it is parked */
  assert_broken("runqueue: one that is not ready is queued");
  xio_list_remove(&has.sleeping->wait.self.link);
  xio_list_push_back(&queue->starts, &has.sleeping->wait.self.link);
  assert_broken("runqueue: an abort of start() is unfinished");
  xio_list_remove(&has.sleeping->wait.self.link);
  assert_holds(world.loop);
  end_world(&world);
}

static void sees_damage_to_the_clock(void **state) {
  (void)state;
  fill();
  xio_heap *timers = &world.loop->clock.timers;
  assert_true(timers->count >= 2);
  DAMAGE(timers->entries[1].key, -1, "clock: the heap of timers is out of order");
  DAMAGE(timers->reserved, timers->reserved + 1, "clock: promises and timers differ");
  DAMAGE(has.sleeping->wait.timer.reserved, true, "timer: armed and reserved at once");
  DAMAGE(has.joined->wait.timer.item.index, 0,
         "timer: armed, but not in the clock's heap");
  DAMAGE(has.joined->wait.timer.item.index, 1000,
         "timer: armed, but not in the clock's heap");
  xio_timer stray;
  xio_timer_init_limit(&stray);
  assert_int_equal(xio_timer_arm(&world.loop->clock, &stray, XIO_NEVER), XIO_OK);
  assert_broken("clock: a timer of nobody is armed");
  xio_timer_disarm(&world.loop->clock, &stray);
  DAMAGE(world.loop->handles, 0, "loop: its own handle is not counted");
  end_world(&world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sees_damage_to_scopes),
      cmocka_unit_test(sees_a_grace_that_has_not_begun),
      cmocka_unit_test(sees_damage_to_waits),
      cmocka_unit_test(sees_damage_to_tasks),
      cmocka_unit_test(sees_damage_to_starts),
      cmocka_unit_test(sees_damage_to_groups),
      cmocka_unit_test(sees_a_daemon_that_is_left_alone),
      cmocka_unit_test(sees_damage_to_the_run_queue),
      cmocka_unit_test(sees_damage_to_the_clock),
  };
  return cmocka_run_group_tests_name("check", tests, NULL, NULL);
}
