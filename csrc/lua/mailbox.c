/* mailbox: the way into a mailbox, for the Lua floor (lua/xio/mailbox.lua).
 *
 * An inbox is a userdata with one reference to a mailbox of the core. The one that made
 * the mailbox is at home, and its collection is the end of home; those in other Lua
 * states only submit and close. One state has at most one for each mailbox. A piece of
 * mail is a message with one value. The thread of the Lua state. */
#include "../core/mailbox.h"

#include "binding.h"
#include "shared.h"

static const xiol_kind kind_inbox = {"xio.Inbox"};

typedef struct inbox {
  const xiol_kind *kind;
  xio_mailbox *core; /* NULL: it could not be made */
  bool home;
} inbox;

typedef struct mail {
  xio_mail core;
  xiol_message *message;
} mail;

static void free_mail(mail *self) {
  xio_allocator heap = xio_alloc_default();
  xiol_message_free(self->message);
  xio_alloc_free(&heap, self, sizeof *self);
}

static void drop_mail(xio_mail *core) {
  free_mail(XIO_CONTAINER_OF(core, mail, core));
}

/* The loop in one of whose tasks the caller may be. */
static const xio_loop *loop_here(const xiol_state *state) {
  return state->runtime != NULL ? state->runtime->loop : NULL;
}

static xio_mailbox *check_inbox(lua_State *L) {
  inbox *self = xiol_check(L, 1, &kind_inbox, "inbox");
  return self->core;
}

static int inbox_gc(lua_State *L) {
  inbox *self = xiol_test(L, 1, &kind_inbox);
  if (self == NULL || self->core == NULL) return 0;
  if (self->home) xio_mailbox_abandon(self->core);
  xio_shared_unref(&self->core->shared);
  self->core = NULL;
  return 0;
}

/* -- from state to state ------------------------------------------------------------- */

static void make_class(lua_State *L, xiol_state *state);

/* Pushes an inbox without mailbox. */
static inbox *push_inbox(lua_State *L, xiol_state *state) {
  inbox *self = lua_newuserdatauv(L, sizeof *self, 0);
  *self = (inbox){.kind = &kind_inbox};
  xiol_set_class(L, state, XIOL_REF_INBOX, make_class);
  return self;
}

/* The inbox at the top, which stays, is the one of its mailbox here. */
static void know(lua_State *L, xiol_state *state, xio_mailbox *mailbox) {
  xiol_push_ref(L, state, XIOL_REF_INBOXES);
  lua_pushvalue(L, -2);
  lua_rawsetp(L, -2, mailbox);
  lua_pop(L, 1);
}

static int share_inbox(void *userdata, void **object) {
  inbox *self = userdata;
  xio_shared_expose(&self->core->shared);
  xio_shared_ref(&self->core->shared);
  *object = self->core;
  return XIO_OK;
}

static void push_shared(lua_State *L, xiol_state *state, void *object) {
  xio_mailbox *mailbox = object;
  xiol_push_ref(L, state, XIOL_REF_INBOXES);
  bool known = lua_rawgetp(L, -1, mailbox) == LUA_TUSERDATA;
  lua_remove(L, -2);
  if (known) return;
  lua_pop(L, 1);
  inbox *self = push_inbox(L, state);
  know(L, state, mailbox);
  xio_shared_ref(&mailbox->shared);
  self->core = mailbox;
}

static void unref_shared(void *object) {
  xio_mailbox *mailbox = object;
  xio_shared_unref(&mailbox->shared);
}

static const xiol_shareable shareable = {.kind = &kind_inbox,
                                         .share = share_inbox,
                                         .push = push_shared,
                                         .unref = unref_shared};

/* -- functions ----------------------------------------------------------------------- */

/* inbox(): that of a new mailbox, which is at home here. */
static int l_inbox(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  inbox *self = push_inbox(L, state);
  if (xio_mailbox_new(&self->core, drop_mail) != XIO_OK) {
    self->core = NULL;
    xiol_raise_memory(L);
  }
  self->home = true;
  know(L, state, self->core);
  return 1;
}

/* A piece of mail with the message, which is freed where memory is out. */
static mail *new_mail(lua_State *L, xiol_message *message) {
  xio_allocator heap = xio_alloc_default();
  mail *self = xio_alloc_new(&heap, sizeof *self);
  if (self == NULL) {
    xiol_message_free(message);
    xiol_raise_memory(L);
  }
  self->message = message;
  return self;
}

/* inbox_post(inbox, value, function name): submits from elsewhere than home; false where
 * the mailbox is closed. Raises where the value cannot be copied. */
static int l_inbox_post(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_mailbox *mailbox = check_inbox(L);
  const char *function = luaL_checkstring(L, 3);
  mail *self = new_mail(L, xiol_copy_out(L, state, 2, 1, XIOL_COPY_VALUE, function));
  bool sent = xio_mailbox_submit(mailbox, &self->core, loop_here(state)) == XIO_OK;
  if (!sent) free_mail(self);
  lua_pushboolean(L, sent);
  return 1;
}

/* inbox_submit(inbox): something is submitted at home; its number, or nil where the
 * mailbox is closed. */
static int l_inbox_submit(lua_State *L) {
  uint64_t order = xio_mailbox_submit_home(check_inbox(L), loop_here(xiol_state_of(L)));
  if (order == 0) return 0;
  lua_pushinteger(L, (lua_Integer)order);
  return 1;
}

/* inbox_pending(inbox, pending): whether the consumer need not wait, as far as home
 * knows. */
static int l_inbox_pending(lua_State *L) {
  xio_mailbox_set_pending(check_inbox(L), lua_toboolean(L, 2),
                          loop_here(xiol_state_of(L)));
  return 0;
}

/* inbox_first(inbox): the number of the first value from elsewhere, or 0. */
static int l_inbox_first(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)xio_mailbox_first(check_inbox(L)));
  return 1;
}

/* inbox_take(inbox): takes that value, which is there. */
static int l_inbox_take(lua_State *L) {
  xio_mail *core = xio_mailbox_take(check_inbox(L));
  if (core == NULL) return 0;
  mail *self = XIO_CONTAINER_OF(core, mail, core);
  xiol_message *message = self->message;
  self->message = NULL;
  free_mail(self);
  return xiol_take_message(L, xiol_state_of(L), message);
}

/* inbox_count(inbox): how many values from elsewhere there are, and how many were
 * submitted. */
static int l_inbox_count(lua_State *L) {
  uint64_t orders = 0;
  lua_pushinteger(L, xio_mailbox_count(check_inbox(L), &orders));
  lua_pushinteger(L, (lua_Integer)orders);
  return 2;
}

/* inbox_close(inbox[, error]): true where it was open. With an error, which is copied,
 * that is what home finds. */
static int l_inbox_close(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xio_mailbox *mailbox = check_inbox(L);
  mail *failure = NULL;
  if (!lua_isnoneornil(L, 2)) {
    failure = new_mail(L, xiol_copy_error_out(L, state, 2));
  }
  bool first = xio_mailbox_close(mailbox, failure != NULL ? &failure->core : NULL,
                                 loop_here(state));
  if (!first && failure != NULL) free_mail(failure);
  lua_pushboolean(L, first);
  return 1;
}

/* inbox_closed(inbox): whether it is closed, and whether with an error from elsewhere. */
static int l_inbox_closed(lua_State *L) {
  xio_mailbox *mailbox = check_inbox(L);
  lua_pushboolean(L, xio_mailbox_closed(mailbox));
  lua_pushboolean(L, xio_mailbox_failure(mailbox) != NULL);
  return 2;
}

/* inbox_failure(inbox): that error. */
static int l_inbox_failure(lua_State *L) {
  const xio_mail *core = xio_mailbox_failure(check_inbox(L));
  if (core == NULL) return 0;
  const mail *self = XIO_CONTAINER_OF(core, const mail, core);
  return xiol_copy_in(L, xiol_state_of(L), self->message);
}

/* inbox_ready(inbox): whether the consumer need not wait. */
static int l_inbox_ready(lua_State *L) {
  lua_pushboolean(L, xio_mailbox_ready(check_inbox(L)));
  return 1;
}

/* The second half of a wait that was parked, where `context` is 1. */
static int finish_wait(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  if (context == 1) xio_shared_take(&task->core.wait);
  xiol_check_cancelled(L, state, task, status);
  return 0;
}

/* inbox_wait(inbox): waits until there is something to look at. A checkpoint; in a thread
 * without a loop it blocks. */
static int l_inbox_wait(lua_State *L) {
  static const char function[] = "mailbox:recv";
  xiol_state *state = xiol_state_of(L);
  xio_mailbox *mailbox = check_inbox(L);
  xio_blocker *blocker = NULL;
  xiol_task *task = xiol_shared_enter(L, state, &mailbox->shared, &blocker, function);
  lua_settop(L, 1);
  if (task == NULL) {
    xiol_check_interrupted(L, state, xio_mailbox_block(mailbox, blocker), function);
    return 0;
  }
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  bool parked = false;
  if (xio_mailbox_wait(mailbox, task->runtime->loop, &task->core, &parked) != XIO_OK) {
    xiol_raise_memory(L);
  }
  if (parked) return xiol_yield(L, 1, finish_wait);
  if (xio_task_spend(&task->core)) return 0;
  xio_wait_reschedule(&task->core.wait, XIO_OK);
  return xiol_yield(L, 0, finish_wait);
}

const luaL_Reg xiol_mailbox_functions[] = {{"inbox", l_inbox},
                                           {"inbox_post", l_inbox_post},
                                           {"inbox_submit", l_inbox_submit},
                                           {"inbox_pending", l_inbox_pending},
                                           {"inbox_first", l_inbox_first},
                                           {"inbox_take", l_inbox_take},
                                           {"inbox_count", l_inbox_count},
                                           {"inbox_close", l_inbox_close},
                                           {"inbox_closed", l_inbox_closed},
                                           {"inbox_failure", l_inbox_failure},
                                           {"inbox_ready", l_inbox_ready},
                                           {"inbox_wait", l_inbox_wait},
                                           {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg meta[] = {{"__gc", inbox_gc}, {NULL, NULL}};
  static const luaL_Reg none[] = {{NULL, NULL}};
  xiol_make_plain_class(L, state, &kind_inbox, meta, none, NULL);
  xiol_make_shareable(L, state, &shareable);
  xiol_keep(L, state, XIOL_REF_INBOX);
}

void xiol_open_mailbox(lua_State *L, xiol_state *state) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
  xiol_keep(L, state, XIOL_REF_INBOXES);
}
