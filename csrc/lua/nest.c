/* nest: scopes that are found open at the end of the one around them.
 *
 * A scope or group that a generator opened stays entered where the generator is dropped.
 * Who ends what is around it leaves it then, and says which it was: an error of the task,
 * noted until the end has come so far that it may be raised. Loop's thread. */
#include "binding.h"

/* What xiol_unnest has found, which is seldom. */
typedef struct xiol_misnested xiol_misnested;
struct xiol_misnested {
  xiol_misnested *next;
  const xiol_task *task;
  const char *verb; /* which function opened it, and where */
  const char *place;
  int line;
};

/* Notes which scope was found open at the end of the one around it. One whose generator
 * was not cut off is open because its end has failed, for want of memory, and raised
 * that. */
static void note_misnested(xiol_task *task, xio_scope *inner) {
  xiol_misnested found = {.task = task};
  if (inner->kind == XIO_SCOPE_GROUP) {
    xiol_group *group =
        XIO_CONTAINER_OF(XIO_CONTAINER_OF(inner, xio_group, scope), xiol_group, core);
    if (group->generator == NULL) return;
    found.verb = "group";
    found.place = group->place;
    found.line = group->place_line;
  } else {
    xiol_scope *scope = XIO_CONTAINER_OF(inner, xiol_scope, core);
    if (scope->generator == NULL) return;
    found.verb = scope->verb;
    found.place = scope->place;
    found.line = scope->place_line;
  }
  xiol_state *state = task->runtime->state;
  if (task->misnested) xiol_drop_misnested(state, task);
  task->misnested = true;
  xiol_misnested *noted = xio_alloc_new(&state->alloc, sizeof *noted);
  if (noted == NULL) return; /* it is told without saying which */
  found.next = state->misnested;
  *noted = found;
  state->misnested = noted;
}

/* Takes what was found of `task` out of the list, and stores it. */
static void take_misnested(xiol_state *state, xiol_task *task, xiol_misnested *found) {
  *found = (xiol_misnested){.verb = "scope"};
  task->misnested = false;
  xiol_misnested **at = &state->misnested;
  while (*at != NULL && (*at)->task != task) at = &(*at)->next;
  xiol_misnested *noted = *at;
  if (noted == NULL) return;
  *at = noted->next;
  *found = *noted;
  xio_alloc_free(&state->alloc, noted, sizeof *noted);
}

void xiol_drop_misnested(xiol_state *state, xiol_task *task) {
  xiol_misnested found;
  take_misnested(state, task, &found);
}

bool xiol_unnest(xiol_task *task, xio_scope *scope) {
  while (XIO_UNLIKELY(task->core.wait.scope != scope)) {
    xio_scope *inner = task->core.wait.scope;
    xio_group *group = XIO_CONTAINER_OF(inner, xio_group, scope);
    if (inner->kind == XIO_SCOPE_GROUP && group->live != 0) {
      xio_scope_cancel(inner, XIO_SOURCE_SHUTDOWN);
      xio_group_join(group, false);
      return true;
    }
    note_misnested(task, inner);
    int status = xio_scope_leave(inner);
    XIO_ASSERT(status == XIO_OK);
    xiol_task_ops.abandon_scope(inner);
  }
  return false;
}

void xiol_check_misnested(lua_State *L, xiol_task *task, const char *verb) {
  if (XIO_LIKELY(!task->misnested)) return;
  xiol_misnested found;
  take_misnested(task->runtime->state, task, &found);
  xiol_fail(L,
            "xio.%s ends here while xio.%s, opened at %s:%d inside it, is still open: "
            "the coroutine that opened it was closed or dropped",
            verb, found.verb, found.place != NULL ? found.place : "?", found.line);
}
