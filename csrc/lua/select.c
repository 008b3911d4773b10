/* select: waiting for the first of several things, of which exactly one takes effect.
 *
 * Two phases. First each case is tried, in the order of the arguments, or in a random
 * one where the run is seeded; the first that need not wait takes effect, and that is
 * all. Else one wait is parked with an entry in the queue of each case: who completes an
 * entry has committed, and takes the others out in the same step (settle); a
 * cancellation or the time limit takes out all (abort). So no other case has an effect,
 * or leaves a trace.
 *
 * The entries are in a record from the state's list of idle ones: it leaves the list
 * when the wait is parked and is back once that was settled or aborted, also where the
 * task is never resumed; nothing is asked of it after that. What the cases need to live
 * is on the stack of the coroutine. The frame: [1 … n] the objects, then what belongs to
 * senders and descriptors, in order: the value to send, the number of the side.
 *
 * Descriptors have one waiter for each side instead of a queue, and waiting for them may
 * be refused by the system: they are queued last, when the wait is parked already, and a
 * refusal completes it.
 *
 * A table whose metatable has __select stands for the case that this returns, called
 * with it before anything is tried. */
#include <string.h>

#include "../core/event.h"
#include "channel.h"
#include "fd.h"
#include "select.h"
#include "sync.h"

enum { CASES_FIRST = 8, CASES_MAX = 100000 };

#define TAG_RECEIVER UINT32_MAX /* no place of a value, and no side */

static const xiol_kind xiol_kind_after = {"xio.After"};

typedef struct select_after {
  const xiol_kind *kind;
  int64_t ns;
} select_after;

/* -- records ----------------------------------------------------------------------- */

static size_t size_of(int capacity) {
  return sizeof(xiol_select) + (size_t)capacity * sizeof(xiol_select_case);
}

/* The first idle record, with room for `count` cases; it stays in the list. No garbage is
 * collected here. */
static xiol_select *get_idle(lua_State *L, xiol_state *state, int count) {
  xiol_select *select = state->selects;
  if (XIO_LIKELY(select != NULL && select->capacity >= count)) return select;
  int capacity = CASES_FIRST;
  while (capacity < count) capacity *= 2;
  size_t old_size = select != NULL ? size_of(select->capacity) : 0;
  xiol_select *next = select != NULL ? select->next : NULL;
  select = state->alloc.resize(state->alloc.context, select, old_size, size_of(capacity));
  if (select == NULL) xiol_raise_memory(L);
  select->next = next;
  select->state = state;
  select->capacity = capacity;
  state->selects = select;
  return select;
}

static void release(xiol_select *select) {
  select->next = select->state->selects;
  select->state->selects = select;
}

void xiol_close_select(xiol_state *state) {
  for (xiol_select *select; (select = state->selects) != NULL;) {
    state->selects = select->next;
    xio_alloc_free(&state->alloc, select, size_of(select->capacity));
  }
}

/* -- cases ------------------------------------------------------------------------- */

static const char function[] = "xio.select";

static int refuse_case(lua_State *L, int index) {
  return xiol_type_error(L, function, index,
                         "receiver, {sender, value}, event, future, task, xio.fd or "
                         "xio.after");
}

/* Puts what the metamethod __select of the object at `index` returns, which is a case,
 * in its place. False: it has none. */
static bool ask_object(lua_State *L, int index) {
  if (luaL_getmetafield(L, index, "__select") == LUA_TNIL) return false;
  lua_pushvalue(L, index);
  lua_call(L, 1, 1);
  lua_replace(L, index);
  return true;
}

/* Replaces the side that the pair at `index` names, at the top, by its number. */
static void read_side(lua_State *L, int index) {
  const char *side = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "";
  bool reads = strcmp(side, "readable") == 0;
  if (!reads && strcmp(side, "writable") != 0) {
    xiol_arg_error(L, function, index,
                   "{fd, \"readable\"} or {fd, \"writable\"} expected");
  }
  lua_pop(L, 1);
  lua_pushinteger(L, reads ? XIO_FD_READ : XIO_FD_WRITE);
}

/* Puts the object of the pair at `index`, {sender, value} or {fd, side}, in the place of
 * the table, and pushes the other. */
static void unpack_pair(lua_State *L, int index) {
  lua_rawgeti(L, index, 1);
  const xiol_channel_end *end = xiol_test(L, -1, &xiol_kind_sender);
  if (end == NULL && xiol_test(L, -1, &xiol_kind_fd) == NULL) {
    lua_pop(L, 1);
    refuse_case(L, index);
    return;
  }
  lua_rawgeti(L, index, 2);
  if (end == NULL) {
    read_side(L, index);
  } else if (lua_isnil(L, -1)) {
    xiol_arg_error(L, function, index, "{sender, value} expected, the value is nil");
  }
  lua_insert(L, -2);
  lua_replace(L, index);
}

/* The kind of what is at `index`; NULL where it is nothing of ours. */
static inline const xiol_kind *kind_at(lua_State *L, int index) {
  void *object = lua_touserdata(L, index);
  if (object == NULL || lua_rawlen(L, index) < sizeof(xiol_kind *)) return NULL;
  return *(const xiol_kind **)object;
}

/* Makes room for the items that the `count` cases of the frame may send; again where what
 * was collected meanwhile may have used some of it. */
static void reserve_all(lua_State *L, int count) {
  for (bool grown = true; grown;) {
    grown = false;
    for (int i = 1; i <= count; i++) {
      const xiol_channel_end *end = xiol_test(L, i, &xiol_kind_sender);
      if (end != NULL && xiol_channel_reserve(L, end->channel, i)) grown = true;
    }
  }
}

/* Everything that may collect garbage or run code of others, which may use what is waited
 * for. */
static void unpack_cases(lua_State *L, int count) {
  bool sends = false;
  for (int i = 1; i <= count; i++) {
    if (XIO_UNLIKELY(lua_istable(L, i))) {
      xiol_need_stack(L, 8, "too many cases");
      if (!ask_object(L, i)) {
        unpack_pair(L, i);
        sends = true;
        continue;
      }
    }
    const xiol_kind *kind = kind_at(L, i);
    if (XIO_UNLIKELY(kind == &xiol_kind_sender)) {
      xiol_arg_error(L, function, i, "a sender needs a value: {sender, value}");
    } else if (XIO_UNLIKELY(kind == &xiol_kind_fd)) {
      xiol_need_stack(L, 8, "too many cases");
      lua_pushinteger(L, XIO_FD_READ);
    }
  }
  if (sends) reserve_all(L, count);
}

static void check_task(lua_State *L, const xiol_task *self, int index) {
  const xiol_task_handle *handle = lua_touserdata(L, index);
  if (handle->outcome == XIO_OUTCOME_NONE && handle->task->runtime != self->runtime) {
    xiol_fail(L, "bad argument #%d to '%s' (the task belongs to another run)", index,
              function);
  }
}

/* Fills in the case at `index`, or raises. */
static void read_case(lua_State *L, xiol_task *self, xiol_select_case *one, int index) {
  const xiol_kind *kind = kind_at(L, index);
  void *object = lua_touserdata(L, index);
  one->kind = kind;
  one->object = object;
  one->shared = NULL;
  one->watcher = NULL;
  if (XIO_LIKELY(kind == &xiol_kind_receiver || kind == &xiol_kind_sender)) {
    if (!((xiol_channel_end *)object)->open) {
      xiol_channel_check_misuse(L, self->runtime->state, index, function);
    }
  } else if (kind == &xiol_kind_task) {
    check_task(L, self, index);
  } else if (kind != &xiol_kind_event && kind != &xiol_kind_future &&
             kind != &xiol_kind_after && kind != &xiol_kind_fd) {
    one->shared = xiol_shared_case_of(kind);
    if (one->shared == NULL) refuse_case(L, index);
  }
}

/* The record, still idle, with the `count` cases of the frame. */
static xiol_select *read_cases(lua_State *L, xiol_task *self, int count) {
  xiol_select *select = get_idle(L, self->runtime->state, count);
  uint32_t value = (uint32_t)count;
  select->count = count;
  select->limit_ns = XIO_NEVER;
  select->has_fds = false;
  select->has_shared = false;
  for (int i = 0; i < count; i++) {
    xiol_select_case *one = &select->cases[i];
    read_case(L, self, one, i + 1);
    one->waiter.tag = TAG_RECEIVER;
    if (one->kind == &xiol_kind_receiver) continue;
    if (one->kind == &xiol_kind_sender) {
      one->waiter.tag = ++value;
    } else if (one->kind == &xiol_kind_after) {
      int64_t ns = ((const select_after *)one->object)->ns;
      if (ns < select->limit_ns) select->limit_ns = ns;
    } else if (one->kind == &xiol_kind_fd) {
      one->waiter.tag = (uint32_t)lua_tointeger(L, (int)++value);
      xiol_fd_check_free(L, self, i + 1, (xio_fd_side)one->waiter.tag, function);
      select->has_fds = true;
    } else if (one->shared != NULL) {
      select->has_shared = true;
    }
  }
  return select;
}

/* Lets the case take effect if it need not wait for that: XIO_EAGAIN if it has to. An
 * item that was received is pushed. */
static int try_case(lua_State *L, const xiol_select_case *one, int index) {
  const xiol_channel_end *end = one->object;
  if (XIO_LIKELY(one->kind == &xiol_kind_receiver)) {
    return end->open ? xiol_channel_receive(L, end->channel, index) : XIO_ECLOSED;
  }
  if (one->kind == &xiol_kind_sender) {
    if (!end->open) return XIO_ECLOSED;
    return xiol_channel_send(L, end->channel, index, (int)one->waiter.tag);
  }
  if (one->kind == &xiol_kind_fd) {
    return xiol_fd_try(one->object, (xio_fd_side)one->waiter.tag);
  }
  bool ready = false;
  if (one->kind == &xiol_kind_event) {
    ready = ((const xiol_event *)one->object)->core.is_set;
  } else if (one->kind == &xiol_kind_future) {
    ready = ((const xiol_future *)one->object)->event.is_set;
  } else if (one->kind == &xiol_kind_task) {
    ready = ((const xiol_task_handle *)one->object)->outcome != XIO_OUTCOME_NONE;
  } else if (one->shared != NULL) {
    return xiol_select_try_shared(L, one, index);
  }
  return ready ? XIO_OK : XIO_EAGAIN;
}

/* Tries the cases until one takes effect. Its number and `*status`; or 0. */
static int try_cases(lua_State *L, const xiol_select *select, int *status) {
  for (int i = 0; i < select->count; i++) {
    *status = try_case(L, &select->cases[i], i + 1);
    if (*status != XIO_EAGAIN) return i + 1;
  }
  return 0;
}

/* The same in a random order, in which each is equally likely to come first: the order is
 * made on the way, in the marks of the entries. */
static int try_shuffled(lua_State *L, xiol_select *select, xio_random *random,
                        int *status) {
  xiol_select_case *cases = select->cases;
  uint32_t count = (uint32_t)select->count;
  for (uint32_t i = 0; i < count; i++) cases[i].waiter.mark = i;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t other = i + (uint32_t)xio_random_below(random, count - i);
    uint32_t chosen = cases[other].waiter.mark;
    cases[other].waiter.mark = cases[i].waiter.mark;
    *status = try_case(L, &cases[chosen], (int)chosen + 1);
    if (*status != XIO_EAGAIN) return (int)chosen + 1;
  }
  return 0;
}

/* -- waiting ----------------------------------------------------------------------- */

static void withdraw_fds(xiol_select *select) {
  for (int i = 0; i < select->count; i++) {
    xiol_select_case *one = &select->cases[i];
    xio_fd *fd = one->kind == &xiol_kind_fd ? xiol_fd_core(one->object) : NULL;
    if (fd != NULL) xio_fd_withdraw(fd, (xio_fd_side)one->waiter.tag, &one->waiter);
  }
}

static void withdraw(xiol_select *select) {
  for (int i = 0; i < select->count; i++) {
    xio_list_remove(&select->cases[i].waiter.link);
  }
  if (XIO_UNLIKELY(select->has_fds)) withdraw_fds(select);
  if (XIO_UNLIKELY(select->has_shared)) xiol_select_withdraw_shared(select);
  release(select);
}

/* The number of the case that won goes to where it outlives the record, as does its tag,
 * which of a descriptor is the side. */
static void settle_select(xio_wait *wait, xio_waiter *waiter) {
  xiol_select *select = wait->source;
  xiol_select_case *won = XIO_CONTAINER_OF(waiter, xiol_select_case, waiter);
  wait->self.tag = (uint32_t)(won - select->cases) + 1;
  wait->self.mark = won->waiter.tag;
  withdraw(select);
}

static int abort_select(xio_wait *wait) {
  withdraw(wait->source);
  return XIO_OK;
}

/* An item is on the stack of the coroutine; all else stays what it is. */
static int forgo_select(xio_wait *wait) {
  return wait->self.mark == TAG_RECEIVER ? XIO_EBUSY : XIO_OK;
}

static const xio_wait_ops select_ops = {.verb = "select",
                                        .abort = abort_select,
                                        .settle = settle_select,
                                        .forgo = forgo_select};

/* Queues the entries of descriptors. Where that is refused, or ready, the wait is
 * completed, and the record is somebody else's. A side that an earlier case waits for
 * needs no second entry: that one would come first. */
static void link_fds(xiol_select *select, xio_wait *wait) {
  for (int i = 0; wait->state == XIO_WAIT_PARKED && i < select->count; i++) {
    xiol_select_case *one = &select->cases[i];
    if (one->kind != &xiol_kind_fd) continue;
    xio_fd_side side = (xio_fd_side)one->waiter.tag;
    int status = xio_fd_await(xiol_fd_core(one->object), side, &one->waiter);
    if (status == XIO_OK || status == XIO_EBUSY || wait->state != XIO_WAIT_PARKED) {
      continue;
    }
    xio_waiter_complete(&one->waiter, status == -EPERM ? XIO_OK : status);
  }
}

/* Queues the entry of a case that has to wait. */
static void link_case(xiol_select_case *one, xio_wait *wait) {
  xio_waiter *waiter = &one->waiter;
  waiter->wait = wait;
  xio_list_init(&waiter->link);
  if (XIO_LIKELY(one->kind == &xiol_kind_receiver)) {
    const xiol_channel_end *end = one->object;
    xio_channel_await_receive(&end->channel->core, waiter, end->number);
  } else if (one->kind == &xiol_kind_sender) {
    const xiol_channel_end *end = one->object;
    xio_channel_await_send(&end->channel->core, waiter, end->number);
  } else if (one->kind == &xiol_kind_event) {
    xio_list_push_back(&((xiol_event *)one->object)->core.waiters, &waiter->link);
  } else if (one->kind == &xiol_kind_future) {
    xio_list_push_back(&((xiol_future *)one->object)->event.waiters, &waiter->link);
  } else if (one->kind == &xiol_kind_task) {
    xiol_task *task = ((xiol_task_handle *)one->object)->task;
    xio_list_push_back(&task->core.joiners, &waiter->link);
  }
}

/* The number of the first of the shortest xio.after among the `count` objects of the
 * frame. */
static int find_limit(lua_State *L, int count) {
  int found = 0;
  int64_t ns = XIO_NEVER;
  for (int i = 1; i <= count; i++) {
    const select_after *after = xiol_test(L, i, &xiol_kind_after);
    if (after == NULL || (found != 0 && after->ns >= ns)) continue;
    ns = after->ns;
    found = i;
  }
  return found;
}

/* Parks the task until one of the cases takes effect. */
static void park(lua_State *L, xiol_task *task, xiol_select *select) {
  xio_wait *wait = &task->core.wait;
  if (XIO_UNLIKELY(select->has_shared)) xiol_select_prepare_shared(L, task, select);
  if (select->limit_ns != XIO_NEVER) {
    int64_t at = xio_clock_after(wait->queue->clock, select->limit_ns);
    if (xio_wait_limit(wait, at, XIO_ETIMEDOUT) != XIO_OK) {
      xiol_select_withdraw_shared(select);
      xiol_raise_memory(L);
    }
  }
  /* nothing below can fail */
  select->state->selects = select->next;
  task->parked = L;
  xio_wait_park(wait, &select_ops, select);
  for (int i = 0; i < select->count; i++) link_case(&select->cases[i], wait);
  if (XIO_UNLIKELY(select->has_fds)) link_fds(select, wait);
  if (XIO_UNLIKELY(select->has_shared)) xiol_select_link_shared(select, wait);
}

/* -- results ----------------------------------------------------------------------- */

/* Returns the number of the case that took effect with `status`, and what the operation
 * returns: for an item the `values` at the top; the mark of `wait` is the side of a
 * descriptor. Raises what that raises. */
static int deliver(lua_State *L, xiol_state *state, const xio_wait *wait, int number,
                   int status, int values) {
  const xiol_kind *kind = *(const xiol_kind **)lua_touserdata(L, number);
  if (values == 0) {
    lua_settop(L, number); /* what comes is above it */
    xiol_need_stack(L, 8, NULL);
    if (kind == &xiol_kind_receiver) {
      values = xiol_channel_push_ended(L, state, number, status);
    } else if (kind == &xiol_kind_sender) {
      values = xiol_channel_push_sent(L, status);
    } else if (kind == &xiol_kind_future) {
      values = xiol_future_deliver(L, state, number);
    } else if (kind == &xiol_kind_task) {
      values = xiol_deliver_results(L, state, number);
    } else if (kind == &xiol_kind_event) {
      lua_pushboolean(L, 1);
      values = 1;
    } else if (kind == &xiol_kind_fd) {
      xio_fd_side side = (xio_fd_side)wait->self.mark;
      values = xiol_fd_push_ready(L, state, number, side, status);
    } else if (xiol_shared_case_of(kind) != NULL) {
      values = xiol_shared_case_of(kind)->deliver(L, state, number, NULL, status);
    }
  }
  lua_pushinteger(L, number);
  lua_insert(L, -1 - values);
  return values + 1;
}

static bool is_shared(lua_State *L, int index) {
  return xiol_shared_case_of(*(const xiol_kind **)lua_touserdata(L, index)) != NULL;
}

/* The context is the number of cases where one was waited for, and otherwise tells
 * what has taken effect before the pause: -(number * 4 + values). */
static int finish_select(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xio_wait *wait = &task->core.wait;
  status = wait->status;
  xiol_check_cancelled(L, state, task, status);
  if (context < 0) {
    return deliver(L, state, wait, (int)(-context / 4), status, (int)(-context % 4));
  }
  if (!wait->won) {
    lua_pushinteger(L, find_limit(L, (int)context));
    return 1;
  }
  int number = (int)wait->self.tag;
  if (is_shared(L, number)) {
    int values = xiol_select_deliver_shared(L, state, wait, number, status);
    lua_pushinteger(L, number);
    lua_insert(L, -1 - values);
    return values + 1;
  }
  bool item = status == XIO_OK && xiol_test(L, number, &xiol_kind_receiver) != NULL;
  return deliver(L, state, wait, number, status, item ? 1 : 0);
}

/* Tries the cases of the record. The number of the one that took effect, or 0;
 * `*values` are those of an item, at the top. */
static int try_all(lua_State *L, xiol_task *task, xiol_select *select, int *status,
                   int *values) {
  xio_runqueue *queue = task->core.wait.queue;
  int number = XIO_LIKELY(!queue->is_seeded)
                   ? try_cases(L, select, status)
                   : try_shuffled(L, select, &queue->random, status);
  *values = 0;
  if (number == 0) return 0;
  const xiol_select_case *one = &select->cases[number - 1];
  task->core.wait.self.mark = one->waiter.tag;
  if (*status != XIO_OK) return number;
  if (one->shared != NULL) {
    *values = one->kind == &xiol_class_thread_receiver.kind ? 1 : 0;
  } else if (one->kind == &xiol_kind_receiver) {
    *values = xiol_channel_push_missed(L, ((xiol_channel_end *)one->object)->channel);
  }
  return number;
}

/* One turn is over in which others might have done something, for an xio.after that
 * does not wait longer. The context is the number of cases. */
static int finish_turn(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  int values = 0;
  xiol_check_cancelled(L, state, task, xio_task_finish_pause(&task->core));
  reserve_all(L, (int)context);
  xiol_select *select = read_cases(L, task, (int)context);
  int number = try_all(L, task, select, &status, &values);
  if (number != 0) {
    return deliver(L, state, &task->core.wait, number, status, values);
  }
  lua_pushinteger(L, find_limit(L, (int)context));
  return 1;
}

/* select(case, ...): waits until one of the cases takes effect: a receiver, {sender,
 * value}, an event, a future, a task, a box of xio.fd (that it is readable), {fd,
 * "readable"}, {fd, "writable"}, xio.after(s). Returns its number, and what waiting for
 * it alone would; raises what that would. Nothing happens by the others. A checkpoint;
 * cancelled, it raises, and no case has taken effect. */
static int l_select(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  int count = lua_gettop(L);
  if (count == 0) return refuse_case(L, 1);
  if (count > CASES_MAX) return xiol_fail(L, "%s: too many cases", function);
  xiol_task *task = xiol_enter(L, state, function);
  unpack_cases(L, count);
  xiol_need_stack(L, 8, NULL);
  xiol_select *select = read_cases(L, task, count);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_select);
  int status = XIO_EAGAIN;
  int values = 0;
  int number = try_all(L, task, select, &status, &values);
  if (number == 0) {
    if (select->limit_ns <= 0) {
      xio_task_pause(&task->core);
      return xiol_yield(L, count, finish_turn);
    }
    park(L, task, select);
    return xiol_yield(L, count, finish_select);
  }
  if (XIO_LIKELY(xio_task_spend(&task->core))) {
    return deliver(L, state, &task->core.wait, number, status, values);
  }
  xio_wait_reschedule(&task->core.wait, status);
  return xiol_yield(L, -(lua_KContext)(number * 4 + values), finish_select);
}

/* -- xio.after --------------------------------------------------------------------- */

/* after(seconds): a case that takes effect so long after the select began. */
static int l_after(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  int64_t ns = xiol_check_seconds(L, 1, false, "xio.after");
  select_after *after = lua_newuserdatauv(L, sizeof *after, 0);
  *after = (select_after){&xiol_kind_after, ns};
  xiol_push_ref(L, state, XIOL_REF_AFTER);
  lua_setmetatable(L, -2);
  return 1;
}

static int after_tostring(lua_State *L) {
  const select_after *after = xiol_check(L, 1, &xiol_kind_after, "after.__tostring");
  lua_pushfstring(L, "after %f s", (LUAI_UACNUMBER)xiol_to_seconds(after->ns));
  return 1;
}

const luaL_Reg xiol_select_functions[] = {
    {"select", l_select}, {"after", l_after}, {NULL, NULL}};

void xiol_open_select(lua_State *L, xiol_state *state) {
  static const luaL_Reg meta[] = {{"__tostring", after_tostring}, {NULL, NULL}};
  xiol_push_metatable(L, state, &xiol_kind_after, meta);
  xiol_keep(L, state, XIOL_REF_AFTER);
}
