/* ctask: see ctask.h. The rules of the contract that the interpreter below follows stand
 * in the names T (tasks and groups), C (cancellation) and E (errors). */
#include "ctask.h"

struct ctask_frame {
  ctask_frame *outer;
  ctask *task;
  const ctask_op *op; /* that opened it */
  uint32_t live;      /* children of a group, counted here and not by the core */
  union {
    xio_region region;
    xio_group group;
  } as;
};

static ctask *ctask_of(xio_task *core) {
  return XIO_CONTAINER_OF(core, ctask, core);
}

#define EXPECT(world, cond, text) \
  do { \
    if (!(cond)) ctask_fault((world), (text)); \
  } while (0)

/* -- life ---------------------------------------------------------------------------- */

static void resume(xio_task *core);
static void abandon(xio_task *core);
static void abandon_scope(xio_scope *scope);

static const xio_task_ops ctask_ops = {
    .resume = resume, .abandon = abandon, .abandon_scope = abandon_scope};

static ctask *new_ctask(ctask_world *world, const ctask_op *program, int name) {
  if (world->spawn_max != 0 && world->spawned >= world->spawn_max) return NULL;
  ctask *self = xio_alloc_new(&world->loop->alloc, sizeof *self);
  if (self == NULL) return NULL;
  xio_task_init(&self->core, &world->loop->queue, &ctask_ops);
  self->world = world;
  self->at = program;
  self->name = name;
  self->refs = 1;
  self->seen = UINT32_MAX;
  xio_list_push_back(&world->all, &self->all);
  world->spawned++;
  world->alive++;
  if (name != 0) world->tasks[name] = self;
  return self;
}

static void release(ctask *self) {
  ctask_world *world = self->world;
  if (--self->refs > 0) return;
  EXPECT(world, self->refs == 0, "ctask: released too often");
  EXPECT(world, self->over, "ctask: released while it lives");
  EXPECT(world, self->errors.count == 0, "ctask: its error is lost");
  if (world->tasks[self->name] == self) world->tasks[self->name] = NULL;
  xio_list_remove(&self->all);
  xio_alloc_free(&world->loop->alloc, self, sizeof *self);
}

static xio_scope *frame_scope(ctask_frame *frame) {
  switch (frame->op->kind) {
    case CTASK_OP_SCOPE: return &frame->as.region.scope;
    case CTASK_OP_GROUP: return &frame->as.group.scope;
    default: return NULL;
  }
}

/* Frees the innermost frame of `self`. */
static void pop_frame(ctask *self) {
  ctask_world *world = self->world;
  ctask_frame *frame = self->frame;
  int name = frame->op->name;
  if (name != 0) {
    if (world->scopes[name] == frame_scope(frame)) world->scopes[name] = NULL;
    if (world->groups[name] == frame) world->groups[name] = NULL;
  }
  self->frame = frame->outer;
  self->depth--;
  xio_alloc_free(&world->loop->alloc, frame, sizeof *frame);
}

/* `scope` is that of the innermost frame but for tries, which the core does not know. */
static void abandon_scope(xio_scope *scope) {
  bool is_group = scope->kind == XIO_SCOPE_GROUP;
  ctask_frame *frame = is_group ? XIO_CONTAINER_OF(scope, ctask_frame, as.group.scope)
                                : XIO_CONTAINER_OF(scope, ctask_frame, as.region.scope);
  ctask *self = frame->task;
  while (self->frame != frame && self->frame->op->kind == CTASK_OP_TRY) pop_frame(self);
  ctask_event(self->world, "abandon scope", self->core.id, scope->kind);
  EXPECT(self->world, self->frame == frame, "abandon: not the innermost scope");
  EXPECT(self->world, scope->left, "abandon: the scope was not left");
  EXPECT(self->world, frame->live == 0, "abandon: a host before its children");
  pop_frame(self);
}

/* Gives up the child that `self` waits for in start(). Its error, if that is for the
 * caller, goes to `errors`. */
static void drop_child(ctask *self, ctask_errors *errors) {
  ctask *child = self->child;
  if (child == NULL) return;
  self->child = NULL;
  if (child->over && !child->listed) ctask_move_errors(errors, &child->errors);
  release(child);
}

static void abandon(xio_task *core) {
  ctask *self = ctask_of(core);
  ctask_world *world = self->world;
  ctask_event(world, "abandon", core->id, core->state);
  EXPECT(world, core->state == XIO_TASK_ENDED, "abandon: the task has not ended");
  EXPECT(world, core->starter == NULL, "abandon: the task still names who started it");
  EXPECT(world, xio_start_awaited(core) == NULL,
         "abandon: the task still awaits a start");
  while (self->frame != NULL) {
    EXPECT(world, frame_scope(self->frame) == NULL, "abandon: a scope was passed over");
    pop_frame(self);
  }
  if (!self->over) {
    world->alive--;
    if (self->parent != NULL) self->parent->live--;
  }
  self->over = true;
  drop_child(self, &world->reported);
  ctask_move_errors(&world->reported, &self->errors);
  release(self);
}

/* -- raising ------------------------------------------------------------------------- */

static void raise_error(ctask *self) {
  ctask_world *world = self->world;
  xio_random number = {++world->raised.count};
  uint64_t value = xio_random_next(&number);
  world->raised.sum += value;
  self->errors.count++;
  self->errors.sum += value;
  self->raised = CTASK_ERROR;
  ctask_event(world, "raise", self->core.id, world->raised.count);
}

static void raise_cancelled(ctask *self) {
  ctask_event(self->world, "cancelled", self->core.id, 0);
  if (self->raised == CTASK_NOTHING) self->raised = CTASK_CANCELLED;
}

/* The operation after the CTASK_CLOSE of the block that `op` opens. */
static const ctask_op *after_block(const ctask_op *op) {
  int open = 0;
  for (;; op++) {
    switch (op->kind) {
      case CTASK_OP_SCOPE:
      case CTASK_OP_GROUP:
      case CTASK_OP_TRY: open++; break;
      case CTASK_OP_CLOSE:
        if (--open == 0) return op + 1;
        break;
      default: break;
    }
  }
}

/* C2: whether a cancellation that arrives at the end of `scope` is caught there. */
static bool catches(const xio_scope *scope) {
  bool outer = !(scope->shield && !xio_scope_queue(scope)->shields_lifted) &&
               ctask_expect_effective(scope->parent);
  return ctask_expect_effective(scope) && !outer;
}

static void end_task(ctask *self) {
  ctask_world *world = self->world;
  if (self->raised == CTASK_CANCELLED && !ctask_expect_effective(&self->core.own)) {
    raise_error(self); /* C5: one that has no scope any more is an ordinary error */
  }
  xio_outcome outcome = self->raised == CTASK_ERROR       ? XIO_OUTCOME_FAILED
                        : self->raised == CTASK_CANCELLED ? XIO_OUTCOME_CANCELLED
                                                          : XIO_OUTCOME_DONE;
  ctask_event(world, "end", self->core.id, (int64_t)outcome);
  world->alive--;
  if (self->parent != NULL) self->parent->live--;
  self->over = true;
  self->listed = outcome == XIO_OUTCOME_FAILED && self->core.starter == NULL;
  bool kept = self->listed;
  xio_group_child_ended(&self->core, outcome);
  if (!kept) release(self);
}

/* -- blocks -------------------------------------------------------------------------- */

static ctask_frame *new_frame(ctask *self, const ctask_op *op) {
  if (self->depth == CTASK_DEPTH_MAX) return NULL;
  ctask_frame *frame = xio_alloc_new(&self->world->loop->alloc, sizeof *frame);
  if (frame != NULL) frame->op = op;
  return frame;
}

static void push_frame(ctask *self, ctask_frame *frame) {
  frame->outer = self->frame;
  frame->task = self;
  self->frame = frame;
  self->depth++;
  int name = frame->op->name;
  if (name == 0) return;
  self->world->scopes[name] = frame_scope(frame);
  self->world->groups[name] = frame->op->kind == CTASK_OP_GROUP ? frame : NULL;
}

static int prepare_scope(ctask *self, xio_scope *scope, const ctask_op *op) {
  if ((op->flags & CTASK_GRACE) != 0) {
    xio_scope_set_grace(scope, op->time);
    return XIO_OK;
  }
  if ((op->flags & CTASK_SHIELDED) != 0) xio_scope_set_shield(scope, true);
  if (op->time == 0) return XIO_OK;
  return xio_scope_set_deadline(scope,
                                xio_clock_after(&self->world->loop->clock, op->time));
}

static void open_block(ctask *self, const ctask_op *op) {
  ctask_frame *frame = new_frame(self, op);
  if (frame == NULL) {
    raise_error(self);
    return;
  }
  int status = XIO_OK;
  if (op->kind == CTASK_OP_SCOPE) {
    xio_region_init(&frame->as.region, XIO_SCOPE_PLAIN);
    status = prepare_scope(self, &frame->as.region.scope, op);
    if (status == XIO_OK)
      status = xio_scope_enter(&frame->as.region.scope, &self->core.wait);
  } else if (op->kind == CTASK_OP_GROUP) {
    xio_group_init(&frame->as.group, &self->world->loop->queue);
    frame->as.group.limit = op->count;
    status = prepare_scope(self, &frame->as.group.scope, op);
    if (status == XIO_OK) status = xio_group_open(&frame->as.group, &self->core);
  }
  if (status != XIO_OK) {
    xio_alloc_free(&self->world->loop->alloc, frame, sizeof *frame);
    raise_error(self);
    return;
  }
  push_frame(self, frame);
}

static void close_scope(ctask *self, ctask_frame *frame) {
  if (self->raised == CTASK_CANCELLED && catches(&frame->as.region.scope)) {
    ctask_event(self->world, "caught", self->core.id, frame->as.region.scope.source);
    self->raised = CTASK_NOTHING;
  }
  int status = xio_scope_leave(&frame->as.region.scope);
  EXPECT(self->world, status == XIO_OK, "ctask: its innermost scope cannot be left");
}

static void close_try(ctask *self, const ctask_op *op) {
  if (self->raised == CTASK_ERROR) {
    ctask_move_errors(&self->world->reported, &self->errors);
    self->raised = CTASK_NOTHING;
  } else if ((op->flags & CTASK_FLAG) != 0) {
    self->raised = CTASK_NOTHING;
  }
}

/* T2, T3: the host was resumed, so no child lives; what failed is raised. */
static void close_group(ctask *self, ctask_frame *frame) {
  ctask_world *world = self->world;
  xio_group *group = &frame->as.group;
  EXPECT(world, frame->live == 0, "group: a task outlives it");
  EXPECT(world, group->state == XIO_GROUP_ENDED,
         "group: can be spawned into after its end");
  for (xio_task *task; (task = xio_group_take_failed(group)) != NULL;) {
    ctask_move_errors(&self->errors, &ctask_of(task)->errors);
    release(ctask_of(task));
  }
  bool outer = !(group->scope.shield && !world->loop->queue.shields_lifted) &&
               ctask_expect_effective(group->scope.parent);
  if (self->errors.count != 0) {
    self->raised = CTASK_ERROR;
  } else if (self->raised == CTASK_CANCELLED && catches(&group->scope)) {
    ctask_event(world, "caught", self->core.id, group->scope.source);
    self->raised = CTASK_NOTHING;
  } else if (group->cut_short && outer) {
    self->raised = CTASK_CANCELLED;
  }
  int status = xio_group_close(group);
  EXPECT(world, status == XIO_OK, "ctask: its innermost group cannot be closed");
}

/* What remains of ending a block: on with the program behind it, or raise further. */
static void finish_block(ctask *self) {
  const ctask_op *op = self->frame->op;
  pop_frame(self);
  if (self->raised == CTASK_NOTHING) self->at = after_block(op);
}

/* Ends the innermost block. False: the task waits for that. */
static bool close_block(ctask *self) {
  ctask_frame *frame = self->frame;
  switch (frame->op->kind) {
    case CTASK_OP_SCOPE: close_scope(self, frame); break;
    case CTASK_OP_TRY: close_try(self, frame->op); break;
    default:
      self->waiting = CTASK_OP_GROUP;
      xio_group_join(&frame->as.group, self->raised == CTASK_ERROR);
      return false;
  }
  finish_block(self);
  return true;
}

/* -- operations that wait: each begins here and is finished further below ------------ */

/* Whether the operation may begin; else the task was rescheduled. */
static bool begin(ctask *self, ctask_kind kind) {
  bool effective = ctask_expect_effective(self->core.wait.scope);
  self->waiting = kind;
  int status = xio_task_begin(&self->core);
  EXPECT(self->world, (status == XIO_ECANCELED) == effective,
         "checkpoint: does not know whether it is cancelled");
  return status == XIO_OK;
}

static bool begin_sleep(ctask *self, int64_t at) {
  if (!begin(self, CTASK_OP_SLEEP)) return false;
  self->until = at;
  self->last_status = xio_task_sleep(&self->core, at);
  if (self->last_status == XIO_OK) return false;
  self->waiting = CTASK_OP_END;
  raise_error(self);
  return true;
}

static bool begin_join(ctask *self, int name) {
  ctask *target = self->world->tasks[name];
  if (target == NULL || target->over) return true;
  if (!begin(self, CTASK_OP_JOIN)) return false;
  self->last_status = xio_task_join(&self->core, &target->core);
  if (self->last_status == XIO_OK) return false;
  ctask_event(self->world, "join refused", self->core.id, self->last_status);
  self->waiting = CTASK_OP_END;
  return true;
}

/* T9: operations that are done at once, until the budget of this turn is spent. */
static bool begin_spend(ctask *self) {
  for (; self->spending != 0; self->spending--) {
    if (!begin(self, CTASK_OP_SPEND)) return false;
    if (!xio_task_spend(&self->core)) {
      xio_wait_reschedule(&self->core.wait, XIO_OK);
      return false;
    }
  }
  self->waiting = CTASK_OP_END;
  return true;
}

/* Whatever `op` says; its begin is not called where the task is cancelled. */
static bool begin_wait(ctask *self, const ctask_op *op) {
  if (!begin(self, CTASK_OP_WAIT) || !op->begin(self)) return false;
  self->waiting = CTASK_OP_END;
  return true;
}

/* The group that `op` spawns into, and its frame; NULL where there is none (any more). */
static xio_group *group_for(ctask *self, const ctask_op *op, ctask_frame **frame) {
  ctask_world *world = self->world;
  if (op->target != 0) {
    *frame = world->groups[op->target];
    if (*frame == NULL || (*frame)->as.group.state == XIO_GROUP_ENDED) return NULL;
    return &(*frame)->as.group;
  }
  *frame = self->frame;
  while (*frame != NULL && (*frame)->op->kind != CTASK_OP_GROUP) *frame = (*frame)->outer;
  if (*frame == NULL) *frame = self->parent;
  return *frame != NULL ? &(*frame)->as.group : &world->loop->root;
}

/* Spawns or starts. False: the task waits for the start. */
static bool spawn_child(ctask *self, const ctask_op *op) {
  ctask_frame *frame = NULL;
  xio_group *group = group_for(self, op, &frame);
  ctask_world *world = self->world;
  if (group == NULL || (world->spawn_max != 0 && world->spawned >= world->spawn_max)) {
    ctask_event(world, "spawn refused", self->core.id, group == NULL);
    return true;
  }
  ctask *child = new_ctask(world, op->program, op->name);
  if (child == NULL) {
    raise_error(self);
    return true;
  }
  child->parent = frame;
  if (frame != NULL) frame->live++;
  bool daemon = (op->flags & CTASK_DAEMON) != 0;
  ctask_event(world, op->kind == CTASK_OP_START ? "start" : "spawn", self->core.id,
              (int64_t)child->core.id);
  if (op->kind == CTASK_OP_SPAWN) {
    xio_group_spawn(group, &child->core, (xio_spawn_opts){.daemon = daemon});
    return true;
  }
  child->refs++;
  self->child = child;
  self->waiting = CTASK_OP_START;
  xio_start_begin(&self->core, group, &child->core, daemon);
  return false;
}

static void finish_start(ctask *self) {
  ctask *child = self->child;
  bool started = child->core.started;
  bool over = child->over;
  uint8_t outcome = child->core.outcome;
  EXPECT(self->world, self->core.wait.status == XIO_OK, "start: has another status");
  EXPECT(self->world, started || over, "start: returned before the child had started");
  EXPECT(self->world, child->core.starter == NULL,
         "start: the child still names its caller");
  bool is_ours = over && !child->listed;
  drop_child(self, &self->errors);
  if (self->errors.count != 0) {
    self->raised = CTASK_ERROR;
  } else if (is_ours && outcome == XIO_OUTCOME_CANCELLED &&
             ctask_expect_effective(self->core.wait.scope)) {
    raise_cancelled(self);
  } else if (!started) {
    raise_error(self); /* T7: it ended without saying that it has started */
  }
}

/* The task was resumed: what became of the operation that it waited in. False: it
 * waits once more. */
static bool finish_wait(ctask *self) {
  ctask_world *world = self->world;
  ctask_kind kind = self->waiting;
  int status = self->core.wait.status;
  self->waiting = CTASK_OP_END;
  self->last_status = status;
  switch (kind) {
    case CTASK_OP_GROUP:
      EXPECT(world, status == XIO_OK, "group: its end has another status");
      close_group(self, self->frame);
      finish_block(self);
      return true;
    case CTASK_OP_START: finish_start(self); return true;
    case CTASK_OP_PAUSE: status = xio_task_finish_pause(&self->core); break;
    case CTASK_OP_SPEND:
      if (status == XIO_OK) self->at--; /* goes on with what is left */
      if (status != XIO_OK) self->spending = 0;
      break;
    case CTASK_OP_SLEEP:
      EXPECT(world, status != XIO_OK || xio_clock_now(&world->loop->clock) >= self->until,
             "sleep: ended too early");
      break;
    case CTASK_OP_WAIT:
      if (self->at[-1].finish != NULL && !self->at[-1].finish(self)) {
        self->waiting = kind;
        return false;
      }
      if (self->last_status == XIO_ECANCELED) raise_cancelled(self);
      return true;
    default: break;
  }
  EXPECT(world, status == XIO_OK || status == XIO_ECANCELED, "wait: has another status");
  if (status == XIO_ECANCELED) raise_cancelled(self);
  return true;
}

/* -- the interpreter ----------------------------------------------------------------- */

/* Operations that act on what a name names; what is not there is passed over. */
static void act(ctask *self, const ctask_op *op) {
  ctask_world *world = self->world;
  xio_scope *scope = world->scopes[op->target];
  ctask *task = world->tasks[op->target];
  bool flag = (op->flags & CTASK_FLAG) != 0;
  ctask_event(world, "act", self->core.id, (int64_t)op->kind);
  if (op->kind == CTASK_OP_CANCEL_TASK) {
    if (task != NULL && !task->over) xio_scope_cancel(&task->core.own, XIO_SOURCE_CANCEL);
  } else if (scope == NULL) {
    return;
  } else if (op->kind == CTASK_OP_CANCEL) {
    xio_scope_cancel(scope, XIO_SOURCE_CANCEL);
  } else if (op->kind == CTASK_OP_SHIELD) {
    xio_scope_set_shield(scope, flag);
  } else {
    int64_t at =
        op->time == 0 ? XIO_NEVER : xio_clock_after(&world->loop->clock, op->time);
    if (xio_scope_set_deadline(scope, at) != XIO_OK) raise_error(self);
  }
}

static void note(ctask *self, uint32_t number) {
  ctask_world *world = self->world;
  ctask_event(world, "note", self->core.id, number);
  if (world->note_count < CTASK_NOTES) world->notes[world->note_count++] = number;
}

/* One step of the program. False: the task waits, or is gone. */
static bool interpret(ctask *self) {
  if (self->raised != CTASK_NOTHING) {
    if (self->frame != NULL) return close_block(self);
    end_task(self);
    return false;
  }
  const ctask_op *op = self->at++;
  xio_clock *clock = &self->world->loop->clock;
  switch (op->kind) {
    case CTASK_OP_END:
      EXPECT(self->world, self->frame == NULL, "ctask: a program ends within a block");
      end_task(self);
      return false;
    case CTASK_OP_CLOSE: return close_block(self);
    case CTASK_OP_SLEEP: return begin_sleep(self, xio_clock_after(clock, op->time));
    case CTASK_OP_FOREVER: return begin_sleep(self, XIO_NEVER);
    case CTASK_OP_PAUSE:
      self->waiting = CTASK_OP_PAUSE;
      xio_task_pause(&self->core);
      return false;
    case CTASK_OP_SPEND:
      if (self->spending == 0) self->spending = (uint32_t)op->time;
      return begin_spend(self);
    case CTASK_OP_SPAWN:
    case CTASK_OP_START: return spawn_child(self, op);
    case CTASK_OP_STARTED: self->last_status = xio_start_done(&self->core); return true;
    case CTASK_OP_SCOPE:
    case CTASK_OP_GROUP:
    case CTASK_OP_TRY: open_block(self, op); return true;
    case CTASK_OP_FAIL: raise_error(self); return true;
    case CTASK_OP_JOIN: return begin_join(self, op->target);
    case CTASK_OP_NOTE: note(self, op->count); return true;
    case CTASK_OP_CALL: op->call(self); return true;
    case CTASK_OP_WAIT: return begin_wait(self, op);
    default: act(self, op); return true;
  }
}

static void resume(xio_task *core) {
  ctask *self = ctask_of(core);
  ctask_world *world = self->world;
  ctask_event(world, "resume", core->id, core->wait.status);
  EXPECT(world, world->loop->queue.running == core, "sched: another task is said to run");
  EXPECT(world, core->wait.state == XIO_WAIT_IDLE, "sched: resumed one that is not idle");
  EXPECT(world, !self->over, "sched: resumed one that has ended");
  self->resumes++;
  bool more = finish_wait(self);
  while (more) more = interpret(self);
  if (world->after_step != NULL) world->after_step(world); /* `self` may be gone */
}

/* -- worlds -------------------------------------------------------------------------- */

int ctask_world_open(ctask_world *world, xio_loop_opts opts) {
  xio_list_init(&world->all);
  opts.alloc = counting_allocator(&world->memory);
  world->hash = UINT64_C(0xcbf29ce484222325);
  return xio_loop_open(&world->loop, &opts);
}

void ctask_world_begin(ctask_world *world) {
  *world = (ctask_world){0};
  int status = ctask_world_open(world, (xio_loop_opts){.virtual_clock = true});
  EXPECT(world, status == XIO_OK, "loop: cannot be opened");
}

ctask *ctask_spawn(ctask_world *world, const ctask_op *program, int name) {
  ctask *self = new_ctask(world, program, name);
  if (self == NULL) return NULL;
  xio_group_spawn(&world->loop->root, &self->core, (xio_spawn_opts){0});
  return self;
}

void ctask_collect(ctask_world *world) {
  for (xio_task *task; (task = xio_group_take_failed(&world->loop->root)) != NULL;) {
    ctask_move_errors(&world->reported, &ctask_of(task)->errors);
    release(ctask_of(task));
  }
}

int ctask_run(ctask_world *world) {
  int status = xio_loop_run(world->loop);
  if (status == XIO_OK) ctask_collect(world);
  return status;
}

const char *ctask_world_end(ctask_world *world) {
  if (world->loop != NULL) {
    if (world->loop->root.live == 0) ctask_collect(world);
    xio_loop_close(world->loop);
    world->loop = NULL;
  }
  EXPECT(world, world->alive == 0, "world: a task was neither ended nor abandoned");
  EXPECT(world, xio_list_empty(&world->all), "world: a task was not released");
  EXPECT(world, world->raised.count == world->reported.count,
         "world: errors lost or doubled");
  EXPECT(world, world->raised.sum == world->reported.sum, "world: one error for another");
  EXPECT(world, counting_clean(&world->memory), "world: memory is lost");
  return world->fault;
}
