/* loop: see loop.h. */
#include "loop.h"

#include <fcntl.h>
#include <unistd.h>

#include "lock.h"
#include "start.h"

enum {
  POLL_STEPS = 64,          /* resumes between two looks at the clock at the most */
  POLL_EVERY_NS = 50 * 1000 /* between two polls while tasks are ready */
};

#define NS_PER_MS INT64_C(1000000)

/* It may fire at the beginning of a uv_run that is to block: that must not block then,
 * since nothing would be left to end it. */
static void on_uv_timer(uv_timer_t *timer) {
  xio_loop *loop = timer->data;
  loop->timer_at = XIO_NEVER;
  if (uv_is_active((uv_handle_t *)&loop->prepare))
    uv_stop(loop->uv); /* this uv_run only */
}

static void on_attention(uv_async_t *async) {
  xio_loop *loop = async->data;
  loop->interrupted = true;
}

/* Makes sure that the numbers of the standard streams are taken: libuv (1.44) aborts when
 * it closes a descriptor of its own that has one of them. */
static void take_standard_numbers(void) {
  for (int number = 0; number <= 2; number++) {
    if (fcntl(number, F_GETFD) >= 0) continue;
    int null = open("/dev/null", O_RDWR); /* the lowest number that is free */
    if (null > 2) close(null);
  }
}

static int open_uv(xio_loop *loop, uv_loop_t *host) {
  loop->owns_uv = host == NULL;
  loop->uv = host != NULL ? host : &loop->own_uv;
  if (loop->owns_uv) {
    take_standard_numbers();
    int status = uv_loop_init(&loop->own_uv);
    if (status != 0) return status;
  }
  int status = uv_async_init(loop->uv, &loop->attention, on_attention);
  if (status != 0) {
    if (loop->owns_uv) (void)uv_loop_close(&loop->own_uv);
    return status;
  }
  uv_timer_init(loop->uv, &loop->timer); /* both always succeed */
  uv_prepare_init(loop->uv, &loop->prepare);
  loop->timer.data = loop;
  loop->prepare.data = loop;
  loop->attention.data = loop;
  loop->timer_at = XIO_NEVER;
  uv_unref((uv_handle_t *)&loop->timer);
  uv_unref((uv_handle_t *)&loop->attention);
  loop->handles = 3;
  return XIO_OK;
}

int xio_loop_open(xio_loop **out, const xio_loop_opts *opts) {
  xio_loop *loop = xio_alloc_new(&opts->alloc, sizeof *loop);
  if (loop == NULL) return XIO_ENOMEM;
  loop->alloc = opts->alloc;
  loop->on_turn = opts->on_turn;
  int status = open_uv(loop, opts->uv);
  if (status != XIO_OK) {
    xio_alloc_free(&opts->alloc, loop, sizeof *loop);
    return status;
  }
  xio_clock_init(&loop->clock, opts->alloc, opts->virtual_clock);
  xio_runqueue_init(&loop->queue, &loop->clock);
  xio_list_init(&loop->objects);
  xio_list_init(&loop->hooks);
  if (opts->seeded) xio_runqueue_seed(&loop->queue, opts->seed);
  xio_settlers_init(&loop->settlers);
  xio_group_init(&loop->root, &loop->queue);
  xio_group_open_root(&loop->root);
  *out = loop;
  return XIO_OK;
}

/* Sets the uv_timer to wake the next blocking poll at `at`. uv_timer counts whole
 * milliseconds from a cached time: rounded up, so that it is seldom early; a poll that
 * ends early is only followed by another. */
static void set_uv_timer(xio_loop *loop, int64_t at) {
  if (at == loop->timer_at) return;
  loop->timer_at = at;
  if (at == XIO_NEVER) {
    uv_timer_stop(&loop->timer);
    return;
  }
  uv_update_time(loop->uv);
  int64_t delay = at - (int64_t)uv_hrtime();
  uint64_t ms = delay <= 0 ? 0 : (uint64_t)(delay / NS_PER_MS + (delay % NS_PER_MS != 0));
  uv_timer_start(&loop->timer, on_uv_timer, ms, 0);
}

/* Between its timers and its poll, libuv asks nobody whether it should still block. */
static void on_uv_prepare(uv_prepare_t *prepare) {
  xio_loop *loop = prepare->data;
  if (!xio_runqueue_empty(&loop->queue)) uv_stop(loop->uv); /* ends this uv_run only */
}

/* Notes since when the tasks live that were spawned since the last time. */
static void mark_ages(xio_loop *loop) {
  uint64_t newest = loop->queue.last_task_id;
  if (newest == loop->ages.newest) return;
  xio_ages_mark(&loop->ages, newest, xio_clock_now(&loop->clock));
}

/* Lets libuv run. The prepare handle makes it look at its handles even where none of them
 * is referenced: signals and other threads may have something to say. */
static void run_uv(xio_loop *loop, uv_run_mode mode) {
  mark_ages(loop);
  uv_prepare_start(&loop->prepare, on_uv_prepare);
  uv_run(loop->uv, mode);
  uv_prepare_stop(&loop->prepare);
}

void xio_loop_poll(xio_loop *loop) {
  run_uv(loop, UV_RUN_NOWAIT);
}

/* Blocks until something happens or `at` has come. */
static void poll_until(xio_loop *loop, int64_t at) {
  set_uv_timer(loop, at);
  run_uv(loop, UV_RUN_ONCE);
}

static bool outside_can_wake(const xio_loop *loop) {
  return loop->working != 0 || loop->known_outside != 0 || uv_loop_alive(loop->uv) != 0;
}

/* Nothing is ready: lets virtual time jump where it may. Returns whether it did. */
static bool try_jump(xio_loop *loop) {
  xio_loop_poll(loop);
  int64_t next = xio_clock_next(&loop->clock);
  if (!xio_runqueue_empty(&loop->queue)) return true;
  if (next <= xio_clock_now(&loop->clock)) return true; /* due without a jump */
  if (next == XIO_NEVER || loop->working != 0) return false;
  xio_clock_jump(&loop->clock, next);
  return true;
}

/* Nothing is ready: wakes those who wait for just that, unless the system has
 * something. */
static bool settle(xio_loop *loop) {
  xio_settlers *settlers = &loop->settlers;
  if (xio_list_empty(&settlers->immediate) && xio_list_empty(&settlers->cushioned)) {
    return false;
  }
  xio_loop_poll(loop);
  if (!xio_runqueue_empty(&loop->queue)) return true;
  if (xio_clock_next(&loop->clock) <= xio_clock_now(&loop->clock)) return true;
  return xio_settle_idle(settlers);
}

/* Nothing is ready: waits for something, at most until `limit_at` of the real clock.
 * XIO_EDEADLK: nothing will come. */
static int wait_outside(xio_loop *loop, int64_t limit_at) {
  if (settle(loop)) return XIO_OK;
  if (loop->clock.is_virtual) {
    if (try_jump(loop) || loop->interrupted) return XIO_OK;
    if (!outside_can_wake(loop)) return XIO_EDEADLK;
    poll_until(loop, limit_at);
    return XIO_OK;
  }
  int64_t next = xio_clock_next(&loop->clock);
  if (next == XIO_NEVER && !outside_can_wake(loop)) {
    xio_loop_poll(loop); /* what is not referenced may have come already */
    if (loop->interrupted) return XIO_OK;
    return xio_runqueue_empty(&loop->queue) ? XIO_EDEADLK : XIO_OK;
  }
  poll_until(loop, next < limit_at ? next : limit_at);
  return XIO_OK;
}

/* Tasks are ready, so the system is polled only when a while has passed. Whether it has
 * is looked at less often while tasks are short, and at every turn while they are
 * long. */
static void poll_sometimes(xio_loop *loop, uint32_t steps) {
  if (steps < loop->until_clock) {
    loop->until_clock -= steps;
    return;
  }
  int64_t now = (int64_t)uv_hrtime();
  bool is_time = now - loop->polled_at > POLL_EVERY_NS;
  loop->until_clock = is_time ? 1 : POLL_STEPS;
  if (!is_time) return;
  loop->polled_at = now;
  xio_loop_poll(loop);
}

/* Fires what is due and runs one turn; with `chain` several where nothing else asks for
 * attention. Returns how many tasks were resumed. */
static uint32_t take_turn(xio_loop *loop, bool chain) {
  xio_clock_expire(&loop->clock);
  if (XIO_UNLIKELY(!xio_list_empty(&loop->settlers.cushioned)) &&
      !xio_runqueue_empty(&loop->queue)) {
    xio_settle_busy(&loop->settlers);
  }
  chain = chain && loop->on_turn == NULL && xio_list_empty(&loop->settlers.cushioned);
  uint32_t steps = xio_sched_turn(&loop->queue, POLL_STEPS, chain);
  if (XIO_UNLIKELY(loop->on_turn != NULL)) loop->on_turn(loop);
  return steps;
}

static void run_turn(xio_loop *loop, bool chain) {
  uint32_t steps = take_turn(loop, chain);
  if (!xio_runqueue_empty(&loop->queue)) poll_sometimes(loop, steps);
}

void xio_loop_interrupt(xio_loop *loop) {
  uv_async_send(&loop->attention); /* fails for what is no async handle only */
}

bool xio_loop_interrupted(xio_loop *loop) {
  bool was = loop->interrupted;
  loop->interrupted = false;
  return was;
}

void xio_loop_turn(xio_loop *loop) {
  if (xio_runqueue_empty(&loop->queue)) (void)xio_settle_idle(&loop->settlers);
  take_turn(loop, false);
}

void xio_loop_arm(xio_loop *loop) {
  mark_ages(loop);
  set_uv_timer(loop, xio_clock_next(&loop->clock));
}

int xio_loop_run(xio_loop *loop) {
  while (loop->root.live != 0) {
    if (XIO_UNLIKELY(loop->interrupted) && xio_loop_interrupted(loop)) return XIO_EINTR;
    if (xio_runqueue_empty(&loop->queue)) {
      int status = wait_outside(loop, XIO_NEVER);
      if (status != XIO_OK) return status;
    }
    run_turn(loop, true);
  }
  return XIO_OK;
}

bool xio_loop_step(xio_loop *loop, int64_t timeout_ns, bool *stalled) {
  *stalled = false;
  if (xio_runqueue_empty(&loop->queue)) {
    if (timeout_ns <= 0 && !loop->clock.is_virtual) {
      xio_loop_poll(loop);
      xio_clock_expire(&loop->clock);
      *stalled = xio_runqueue_empty(&loop->queue) && !outside_can_wake(loop) &&
                 xio_clock_next(&loop->clock) == XIO_NEVER;
    } else {
      int64_t now = (int64_t)uv_hrtime();
      int64_t limit = timeout_ns >= XIO_NEVER - now ? XIO_NEVER : now + timeout_ns;
      *stalled = wait_outside(loop, limit) == XIO_EDEADLK;
    }
  }
  run_turn(loop, false);
  *stalled = *stalled && loop->root.live != 0;
  return loop->root.live != 0;
}

/* What libuv has to do by itself: close callbacks, timers of the host, descriptors that
 * the system does not watch yet. It looks at these only where something is referenced. */
static int64_t timeout_of_uv(xio_loop *loop) {
  uv_update_time(loop->uv);
  uv_prepare_start(&loop->prepare, on_uv_prepare);
  int ms = uv_backend_timeout(loop->uv);
  uv_prepare_stop(&loop->prepare);
  return ms < 0 ? XIO_NEVER : ms * NS_PER_MS;
}

int64_t xio_loop_timeout(xio_loop *loop) {
  if (!xio_runqueue_empty(&loop->queue)) return 0;
  int64_t left = timeout_of_uv(loop);
  int64_t next = xio_clock_next(&loop->clock);
  if (next == XIO_NEVER) return left;
  if (loop->clock.is_virtual) return 0;
  int64_t until = next - xio_clock_now(&loop->clock);
  if (until < left) left = until;
  return left > 0 ? left : 0;
}

void xio_loop_renew(xio_loop *loop) {
  XIO_ASSERT(loop->root.live == 0 && xio_list_empty(&loop->root.failed));
  xio_group_close_root(&loop->root);
  loop->queue.shields_lifted = false;
  xio_group_init(&loop->root, &loop->queue);
  xio_group_open_root(&loop->root);
}

void xio_loop_handle_opened(xio_loop *loop) {
  loop->handles++;
}

static void free_loop(xio_loop *loop) {
  xio_allocator alloc = loop->alloc;
  xio_clock_deinit(&loop->clock);
  if (loop->freed != NULL) *loop->freed = true;
  xio_alloc_free(&alloc, loop, sizeof *loop);
}

void xio_loop_handle_closed(xio_loop *loop) {
  XIO_ASSERT(loop->handles > 0);
  loop->handles--;
  if (loop->handles == 0 && !loop->owns_uv) free_loop(loop);
}

static void on_closed(uv_handle_t *handle) {
  xio_loop_handle_closed(handle->data);
}

static void abandon_failed(xio_group *group) {
  for (xio_task *task; (task = xio_group_take_failed(group)) != NULL;) {
    xio_task_ops_of(task)->abandon(task);
  }
}

/* Ends `task` without running it. A wait that cannot be withdrawn is left to its source,
 * which sees from the task's state that nobody will come; an item that was handed over
 * goes with the task. */
static void abandon_task(xio_loop *loop, xio_task *task) {
  xio_start_abandon(task);
  int given_up = xio_wait_forgo(&task->wait);
  (void)given_up;
  xio_timer_disarm(&loop->clock, &task->wait.timer);
  xio_list_remove(&task->wait.self.link);
  xio_list_remove(&task->joiners);
  if (task->locked) xio_lock_break_all(task);
  task->wait.scope = NULL;
  task->state = XIO_TASK_ENDED;
  task->outcome = XIO_OUTCOME_CANCELLED;
  xio_task_group(task)->live--;
  xio_scope_detach(&task->own);
  xio_task_ops_of(task)->abandon(task);
}

/* Takes a scope that a task has entered out of the tree; its owner lets go of it. */
static void abandon_scope(xio_scope *scope) {
  if (scope->kind == XIO_SCOPE_GROUP) {
    abandon_failed(XIO_CONTAINER_OF(scope, xio_group, scope));
  }
  xio_wait *host = xio_region_of(scope)->host;
  host->scope = scope->parent;
  xio_scope_detach(scope);
  const xio_task_ops *ops = xio_task_ops_of(xio_task_of(host));
  if (ops->abandon_scope != NULL) ops->abandon_scope(scope);
}

/* The scope inside `scope` that was entered, or spawned, last; or NULL. */
static xio_scope *last_child(const xio_scope *scope) {
  if (scope->kind == XIO_SCOPE_TASK) return xio_scope_inner(scope);
  const xio_list *children = &xio_region_of(scope)->children;
  if (xio_list_empty(children)) return NULL;
  return XIO_CONTAINER_OF(children->prev, xio_scope, sibling);
}

/* Takes the tree below the root apart, children first: a group's host outlives them. */
static void abandon_tasks(xio_loop *loop) {
  xio_scope *root = &loop->root.scope;
  xio_scope *scope = root;
  for (;;) {
    for (xio_scope *inner; (inner = last_child(scope)) != NULL;) scope = inner;
    if (scope == root) break;
    xio_scope *parent = scope->parent;
    if (scope->kind == XIO_SCOPE_TASK) {
      abandon_task(loop, xio_task_of_own(scope));
    } else {
      abandon_scope(scope);
    }
    scope = parent;
  }
  abandon_failed(&loop->root);
}

static void close_objects(xio_loop *loop) {
  while (!xio_list_empty(&loop->objects)) {
    xio_loop_object *object = XIO_CONTAINER_OF(loop->objects.next, xio_loop_object, link);
    object->close(object);
  }
}

void xio_loop_close(xio_loop *loop) {
  abandon_tasks(loop);
  close_objects(loop);
  xio_group_close_root(&loop->root);
  uv_close((uv_handle_t *)&loop->timer, on_closed);
  uv_close((uv_handle_t *)&loop->prepare, on_closed);
  uv_close((uv_handle_t *)&loop->attention, on_closed);
  if (!loop->owns_uv) return; /* freed by the last close callback */
  while (loop->handles != 0) uv_run(loop->uv, UV_RUN_ONCE);
  int status = uv_loop_close(loop->uv);
  XIO_ASSERT(status == 0);
  free_loop(loop);
}
