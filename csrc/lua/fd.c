/* fd: descriptors of others as Lua sees them: xio.fd, xio.read, xio.write, xio.writeall.
 *
 * The descriptor stays its owner's: nothing here duplicates, closes or changes it.
 * xio.read and the like look the number up at each step, since the file may be closed
 * while they wait. A box of xio.fd owns its registration (xio_fd), which knows when the
 * number has become another file; closing twice, and collecting, are harmless.
 *
 * Bytes are read into a block of the state's and become a string in the same step, so
 * that no wait, and so no cancellation, can come between, nor can a memory error: a
 * number is nobody in whose buffer they could wait, as those of a stream do. Loop's
 * thread. Not here: lines, buffers, and files that we opened. */
#include <string.h>

#include "closed.h"
#include "fd.h"
#include "read.h"
#include "room.h"

enum { READ_DEFAULT = 64 * 1024, READ_MAX = 1024 * 1024, WRITE_MAX = 64 * 1024 };

const xiol_kind xiol_kind_fd = {"xio.fd"};

typedef struct xiol_fd {
  const xiol_kind *kind;
  xiol_state *state;
  xio_fd *fd; /* NULL: closed */
  int number;
} xiol_fd;

static bool is_open(const xiol_fd *box) {
  return box->fd != NULL && xio_fd_loop(box->fd) != NULL;
}

/* -- errors -------------------------------------------------------------------------- */

static int raise_busy(lua_State *L, const char *function, xio_fd_side side, int number) {
  return xiol_fail(
      L, "%s: another task is waiting to %s descriptor %d already; one does at a time",
      function, side == XIO_FD_READ ? "read from" : "write to", number);
}

/* -- what to read from and write to -------------------------------------------------- */

typedef struct target {
  int number;
  FILE *file;   /* NULL: none */
  xiol_fd *box; /* NULL: none */
} target;

/* Reads what is at `index` into `to`: XIO_OK, or XIO_ECLOSED. Raises for what is no
 * file. */
static int get_target(lua_State *L, int index, target *to, const char *function) {
  *to = (target){.number = -1};
  luaL_Stream *stream = luaL_testudata(L, index, LUA_FILEHANDLE);
  if (stream != NULL) {
    if (stream->closef == NULL) return XIO_ECLOSED;
    to->file = stream->f;
    to->number = fileno(stream->f);
    return to->number >= 0 ? XIO_OK : XIO_EBADF;
  }
  to->box = xiol_test(L, index, &xiol_kind_fd);
  if (to->box != NULL) {
    to->number = to->box->number;
    if (!is_open(to->box)) return XIO_ECLOSED;
    return xio_fd_verify(to->box->fd);
  }
  int exact = 0;
  lua_Integer number = 0;
  if (lua_type(L, index) == LUA_TNUMBER) number = lua_tointegerx(L, index, &exact);
  if (!exact) xiol_type_error(L, function, index, "file or number of a descriptor");
  if (number < 0 || number > INT32_MAX) {
    xiol_arg_error(L, function, index, "number of a descriptor expected");
  }
  to->number = (int)number;
  return XIO_OK;
}

/* Raises where the box belongs to another run than `task`, or where another task waits
 * for the side already. */
static void check_free(lua_State *L, xiol_task *task, const target *from,
                       xio_fd_side side, const char *function) {
  xio_loop *loop = task->runtime->loop;
  if (from->box != NULL && is_open(from->box) && xio_fd_loop(from->box->fd) != loop) {
    xiol_fail(L, "%s: the descriptor was registered in another run", function);
  }
  if (xio_fd_waited(loop, from->number, side))
    raise_busy(L, function, side, from->number);
}

/* Parks the task until the side is ready; the status of the core. */
static int wait_for(xiol_task *task, const target *from, xio_fd_side side) {
  if (from->box != NULL) return xio_fd_wait(from->box->fd, side, &task->core, XIO_NEVER);
  return xio_fd_wait_number(task->runtime->loop, from->number, side, &task->core,
                            XIO_NEVER);
}

/* The first step of each try to read or write. False: the task was rescheduled, under a
 * cancellation or because its budget of this turn is spent; yield, and come again. */
static bool may_try(xiol_task *task) {
  if (xio_task_begin(&task->core) != XIO_OK) return false;
  if (XIO_LIKELY(xio_task_spend(&task->core))) return true;
  xio_task_pause(&task->core);
  return false;
}

/* -- reading ------------------------------------------------------------------------- */

char *xiol_scratch(lua_State *L, xiol_state *state, size_t size) {
  if (XIO_UNLIKELY(state->unread != NULL)) xiol_keep_unread(L, state);
  if (XIO_UNLIKELY(state->room.size < size) &&
      !xiol_room_make(state, &state->room, size)) {
    xiol_raise_memory(L);
  }
  return state->room.bytes;
}

static int finish_read(lua_State *L, int status, lua_KContext context);

/* Reads, or begins to wait. The frame: [1] the file, [2] how much at most. */
static int try_read(lua_State *L, xiol_state *state, xiol_task *task) {
  static const char function[] = "xio.read";
  if (!may_try(task)) return xiol_yield(L, 0, finish_read);
  target from;
  int status = get_target(L, 1, &from, function);
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "read", from.number);
  check_free(L, task, &from, XIO_FD_READ, function);
  lua_Integer max = lua_tointeger(L, 2);
  size_t size = max < READ_MAX ? (size_t)max : READ_MAX;
  char *block = xiol_scratch(L, state, size);
  if (from.file != NULL) { /* where it can be sought, go on where it was read to */
    status = xio_fd_flush(from.file, XIO_FD_READ);
    if (status != XIO_OK) return xiol_push_refusal(L, state, status, "read", from.number);
  }
  int64_t count = xio_fd_read(from.number, block, size);
  if (count > 0) {
    xiol_room_push_surely(L, state, &state->room, (size_t)count);
    if (state->room.size > READ_DEFAULT) xiol_room_free(state, &state->room);
    return 1;
  }
  if (count == XIO_EOF) {
    lua_pushnil(L);
    return 1;
  }
  status = (int)count;
  if (status == XIO_EAGAIN) status = wait_for(task, &from, XIO_FD_READ);
  if (status == XIO_OK) return xiol_yield(L, 0, finish_read);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  return xiol_push_refusal(L, state, status, "read", from.number);
}

static int finish_read(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status != XIO_OK) {
    target from;
    get_target(L, 1, &from, "xio.read");
    return xiol_push_refusal(L, state, status, "read", from.number);
  }
  return try_read(L, state, task);
}

/* -- streams ------------------------------------------------------------------------- */

/* Whether the value at 1 is a stream: what has methods of its own to read and write. */
static bool is_stream(lua_State *L) {
  return xiol_test(L, 1, &xiol_kind_stream) != NULL ||
         xiol_test(L, 1, &xiol_kind_file) != NULL || lua_istable(L, 1);
}

static int finish_method(lua_State *L, int status, lua_KContext context) {
  (void)status;
  if (context != 0 && !lua_isnil(L, 3)) lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 2));
  return context != 0 && !lua_isnil(L, 3) ? 1 : lua_gettop(L) - 2;
}

/* Calls the stream's method on the value at 2. `counts`: what it writes, it tells. */
static int call_method(lua_State *L, const char *method, const char *function,
                       bool counts) {
  lua_settop(L, 2);
  if (lua_getfield(L, 1, method) != LUA_TFUNCTION) {
    xiol_type_error(L, function, 1, "file, stream or number of a descriptor");
  }
  lua_pushvalue(L, 1);
  lua_pushvalue(L, 2);
  lua_callk(L, 2, LUA_MULTRET, counts, finish_method);
  return finish_method(L, LUA_OK, counts);
}

/* read(f [, n]): waits for, and gives, 1 to n bytes (64 KiB; 1 MiB at most), nil at the
 * end; or nil, err, code. A checkpoint; cancelled, it has taken nothing; but what was
 * read when there is no memory for its string is lost, unless f is a stream. Of what an
 * io file has read ahead itself, only that of a regular file is seen: elsewhere use
 * setvbuf("no"), or one way of reading only. Closing an io file wakes nobody who waits to
 * read it. */
static int l_read(lua_State *L) {
  static const char function[] = "xio.read";
  xiol_state *state = xiol_state_of(L);
  if (is_stream(L)) return call_method(L, "recv", function, false);
  target from;
  get_target(L, 1, &from, function);
  lua_settop(L, 2);
  if (lua_isnil(L, 2)) {
    lua_pushinteger(L, READ_DEFAULT);
    lua_replace(L, 2);
  }
  int exact = 0;
  if (lua_type(L, 2) != LUA_TNUMBER) xiol_type_error(L, function, 2, "number of bytes");
  if (lua_tointegerx(L, 2, &exact) < 1 || !exact) {
    xiol_arg_error(L, function, 2, "integer of at least 1 expected");
  }
  return try_read(L, state, xiol_enter(L, state, function));
}

/* -- writing ------------------------------------------------------------------------- */

/* What the continuation knows: how many bytes are out, or that some are enough. */
#define WRITE_SOME ((lua_KContext)-1)

static int finish_write(lua_State *L, int status, lua_KContext context);

/* The failure of a write, with the part that was done. */
static int refuse_write(lua_State *L, xiol_state *state, int status, int number,
                        size_t done) {
  xiol_push_refusal(L, state, status, "write", number);
  lua_pushinteger(L, (lua_Integer)done);
  return 4;
}

/* Writes one piece of `count` bytes, and what the io file has buffered before it. */
static int64_t write_piece(const target *to, const char *bytes, size_t count) {
  if (to->file != NULL) {
    int status = xio_fd_flush(to->file, XIO_FD_WRITE);
    if (status != XIO_OK) return status;
  }
  if (count == 0) return 0;
  return xio_fd_write(to->number, bytes, count < WRITE_MAX ? count : WRITE_MAX);
}

/* Writes, or begins to wait. The frame: [1] the file, [2] the string. */
static int try_write(lua_State *L, xiol_state *state, xiol_task *task,
                     lua_KContext context) {
  bool all = context != WRITE_SOME;
  const char *function = all ? "xio.writeall" : "xio.write";
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  size_t done = all ? (size_t)context : 0;
  for (;;) {
    lua_KContext next = all ? (lua_KContext)done : WRITE_SOME;
    if (!may_try(task)) return xiol_yield(L, next, finish_write);
    target to;
    int status = get_target(L, 1, &to, function);
    if (status != XIO_OK) return refuse_write(L, state, status, to.number, done);
    check_free(L, task, &to, XIO_FD_WRITE, function);
    int64_t count = write_piece(&to, bytes + done, size - done);
    if (count >= 0 && !all) {
      lua_pushinteger(L, (lua_Integer)count);
      return 1;
    }
    if (count >= 0) {
      done += (size_t)count;
      if (done < size) continue;
      lua_settop(L, 1);
      return 1;
    }
    status = (int)count;
    if (status == XIO_EAGAIN) status = wait_for(task, &to, XIO_FD_WRITE);
    if (status == XIO_OK) return xiol_yield(L, next, finish_write);
    if (status == XIO_ENOMEM) xiol_raise_memory(L);
    return refuse_write(L, state, status, to.number, done);
  }
}

static int finish_write(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status == XIO_OK) return try_write(L, state, task, context);
  bool all = context != WRITE_SOME;
  target to;
  get_target(L, 1, &to, all ? "xio.writeall" : "xio.write");
  return refuse_write(L, state, status, to.number, all ? (size_t)context : 0);
}

static int begin_write(lua_State *L, const char *function, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  if (is_stream(L)) {
    lua_settop(L, 2);
    if (lua_type(L, 2) == LUA_TNUMBER) lua_tostring(L, 2);
    if (!lua_isstring(L, 2)) xiol_type_error(L, function, 2, "string");
    return call_method(L, "write", function, context == WRITE_SOME);
  }
  target to;
  get_target(L, 1, &to, function);
  lua_settop(L, 2);
  if (!lua_isstring(L, 2)) xiol_type_error(L, function, 2, "string");
  return try_write(L, state, xiol_enter(L, state, function), context);
}

/* write(f, s): writes what an io file has buffered, then, when there is room, some of s;
 * how many bytes; or nil, err, code, 0. A checkpoint; cancelled, it has written nothing
 * of s. */
static int l_write(lua_State *L) {
  return begin_write(L, "xio.write", WRITE_SOME);
}

/* writeall(f, s): the same with all of s; f; or nil, err, code, how many bytes went out.
 * A checkpoint; cancelled, it may have written a part of s: only streams tell how
 * much. */
static int l_writeall(lua_State *L) {
  return begin_write(L, "xio.writeall", 0);
}

/* -- registered descriptors ---------------------------------------------------------- */

static void make_class(lua_State *L, xiol_state *state);

/* fd(n): a box that waits for descriptor n; or nil, err, code. */
static int l_fd(lua_State *L) {
  static const char function[] = "xio.fd";
  xiol_state *state = xiol_state_of(L);
  target from;
  if (xiol_test(L, 1, &xiol_kind_fd) != NULL) {
    xiol_type_error(L, function, 1, "file or number of a descriptor");
  }
  int status = get_target(L, 1, &from, function);
  lua_settop(L, 1);
  xiol_task *task = xiol_running(L, state, function);
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "fd", from.number);
  xiol_fd *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (xiol_fd){.kind = &xiol_kind_fd, .state = state, .number = from.number};
  xiol_set_class(L, state, XIOL_REF_FD, make_class);
  status = xio_fd_open(&box->fd, task->runtime->loop, from.number);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return xiol_push_refusal(L, state, status, "fd", from.number);
  state->live.fds++;
  return 1;
}

/* For close, __close and __gc: raises and allocates nothing. */
static bool close_box(xiol_fd *box) {
  if (box == NULL || box->fd == NULL) return false;
  bool first = is_open(box);
  xio_fd_close(box->fd); /* a select that waits for both sides asks for it meanwhile */
  box->fd = NULL;
  box->state->live.fds--;
  return first;
}

static int fd_close(lua_State *L) {
  lua_pushboolean(L, close_box(xiol_check(L, 1, &xiol_kind_fd, "fd:close")));
  xiol_set_closed(L, 1);
  return 1;
}

static int fd_gc(lua_State *L) {
  close_box(xiol_test(L, 1, &xiol_kind_fd));
  return 0;
}

void xiol_fd_check_free(lua_State *L, xiol_task *task, int index, xio_fd_side side,
                        const char *function) {
  xiol_fd *box = lua_touserdata(L, index);
  const target from = {.number = box->number, .box = box};
  if (is_open(box)) check_free(L, task, &from, side, function);
}

int xiol_fd_try(const void *box, xio_fd_side side) {
  const xiol_fd *fd = box;
  if (!is_open(fd)) return XIO_ECLOSED;
  int status = xio_fd_verify(fd->fd);
  return status == XIO_OK ? xio_fd_ready(fd->number, side) : status;
}

xio_fd *xiol_fd_core(const void *box) {
  return ((const xiol_fd *)box)->fd;
}

int xiol_fd_push_ready(lua_State *L, xiol_state *state, int index, xio_fd_side side,
                       int status) {
  const xiol_fd *box = lua_touserdata(L, index);
  if (status == XIO_OK && !is_open(box)) status = XIO_ECLOSED; /* since it was woken */
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) {
    const char *op = side == XIO_FD_READ ? "readable" : "writable";
    return xiol_push_refusal(L, state, status, op, box->number);
  }
  lua_pushboolean(L, 1);
  return 1;
}

static int finish_ready(lua_State *L, int status, lua_KContext side) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  return xiol_fd_push_ready(L, state, 1, (xio_fd_side)side, status);
}

/* Tells at once where the side is ready, or begins to wait. */
static int wait_ready(lua_State *L, xio_fd_side side, const char *function) {
  xiol_state *state = xiol_state_of(L);
  lua_settop(L, 2);
  xiol_fd *box = xiol_check(L, 1, &xiol_kind_fd, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xiol_task *task = xiol_enter(L, state, function);
  xiol_fd_check_free(L, task, 1, side, function);
  if (!is_open(box)) return xiol_fd_push_ready(L, state, 1, side, XIO_ECLOSED);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, side, finish_ready);
  int status = xiol_fd_try(box, side);
  if (status == XIO_OK) {
    if (!xio_task_spend(&task->core)) {
      xio_wait_reschedule(&task->core.wait, XIO_OK);
      return xiol_yield(L, side, finish_ready);
    }
    return xiol_fd_push_ready(L, state, 1, side, XIO_OK);
  }
  if (status == XIO_EAGAIN) {
    xio_clock *clock = task->core.wait.queue->clock;
    int64_t at = timeout == XIO_NEVER ? XIO_NEVER : xio_clock_after(clock, timeout);
    status = xio_fd_wait(box->fd, side, &task->core, at);
  }
  if (status == XIO_OK) return xiol_yield(L, side, finish_ready);
  return xiol_fd_push_ready(L, state, 1, side, status);
}

static int fd_readable(lua_State *L) {
  return wait_ready(L, XIO_FD_READ, "fd:readable");
}

static int fd_writable(lua_State *L) {
  return wait_ready(L, XIO_FD_WRITE, "fd:writable");
}

static int fd_fileno(lua_State *L) {
  xiol_fd *box = xiol_check(L, 1, &xiol_kind_fd, "fd:fileno");
  if (!is_open(box)) {
    return xiol_push_refusal(L, xiol_state_of(L), XIO_ECLOSED, "fileno", box->number);
  }
  lua_pushinteger(L, box->number);
  return 1;
}

static int fd_tostring(lua_State *L) {
  xiol_fd *box = xiol_check(L, 1, &xiol_kind_fd, "fd.__tostring");
  lua_pushfstring(L, "fd %d%s", box->number, is_open(box) ? "" : " (closed)");
  return 1;
}

const luaL_Reg xiol_fd_functions[] = {{"fd", l_fd},
                                      {"read", l_read},
                                      {"write", l_write},
                                      {"writeall", l_writeall},
                                      {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {{"readable", fd_readable},
                                     {"writable", fd_writable},
                                     {"close", fd_close},
                                     {"fileno", fd_fileno},
                                     {NULL, NULL}};
  static const luaL_Reg closing[] = {{"__close", fd_close}, {NULL, NULL}};
  xiol_make_class(L, state, &xiol_kind_fd, methods, NULL, fd_tostring, fd_gc);
  xiol_set_functions(L, state, closing);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_FD);
}
