/* stream: streams as Lua sees them: writing, ends, options. Reading is in read.c.
 *
 * A box owns its stream and lets it go when it is closed or collected. It belongs to
 * the run in which it was made, but for the standard streams, which belong to none.
 * The string that is being written stays at index 2 of the writer's frame while that
 * waits. Loop's thread. */
#include "stream.h"

#include <string.h>
#include <unistd.h>

#include "closed.h"

/* -- boxes --------------------------------------------------------------------------- */

static inline int check_run(lua_State *L, xiol_source *source, xiol_task *task,
                            const char *function) {
  const xiol_stream *box = (const xiol_stream *)source;
  if (XIO_UNLIKELY(box->core == NULL)) return XIO_ECLOSED;
  if (XIO_LIKELY(box->core->handle.loop == task->runtime->loop)) {
    if (XIO_LIKELY(box->core->handle.number >= 0)) return XIO_OK;
  } else if (box->core->handle.loop != NULL) {
    xiol_fail(L, "%s: the stream belongs to another run: use it there", function);
  }
  return xio_stream_is_open(box->core) ? XIO_OK : XIO_ECLOSED;
}

static int64_t read_now(xiol_source *source, char *bytes, size_t max) {
  xio_stream *core = ((xiol_stream *)source)->core;
  if (XIO_UNLIKELY(core == NULL)) return XIO_ECLOSED;
  int64_t count = xio_stream_read(core, bytes, max);
  source->drained = count > 0 && xio_stream_drained(core, (size_t)count, max);
  return count;
}

static int wait_to_read(xiol_source *source, xiol_task *task) {
  return xio_stream_wait(((xiol_stream *)source)->core, XIO_FD_READ, &task->core);
}

static const xiol_source_ops source_ops = {.check = check_run,
                                           .read = read_now,
                                           .wait = wait_to_read,
                                           .recv_most = (size_t)64 * 1024};

static void make_class(lua_State *L, xiol_state *state);

xiol_stream *xiol_push_stream(lua_State *L, xiol_state *state) {
  xiol_stream *box = lua_newuserdatauv(L, sizeof *box, 0);
  xiol_source_init(&box->source, state, &xiol_kind_stream, &source_ops);
  box->core = NULL;
  box->written = 0;
  box->writer = NULL;
  xiol_set_class(L, state, XIOL_REF_STREAM, make_class);
  return box;
}

void xiol_set_stream(xiol_stream *box, xio_stream *core) {
  box->core = core;
  if (!core->is_shared) box->source.state->live.streams++;
}

bool xiol_close_stream(xiol_stream *box) {
  xio_stream *core = box->core;
  if (core == NULL) return false;
  if (!core->is_shared) box->source.state->live.streams--;
  box->core = NULL;
  box->written = core->written;
  bool first = xio_stream_close(core);
  xio_stream_release(core);
  xiol_source_deinit(&box->source);
  return first;
}

static xiol_stream *check_stream(lua_State *L, const char *function) {
  xiol_stream *box = lua_touserdata(L, 1);
  if (XIO_LIKELY(box != NULL && lua_rawlen(L, 1) == sizeof *box &&
                 box->source.kind == &xiol_kind_stream)) {
    return box;
  }
  return xiol_check(L, 1, &xiol_kind_stream, function);
}

/* -- writing ------------------------------------------------------------------------- */

static void check_no_writer(lua_State *L, const xiol_stream *box, const char *function) {
  if (XIO_UNLIKELY(xiol_in_operation(box->writer, box->writer_id))) {
    xiol_fail(L, "%s: another task is writing already; one does at a time", function);
  }
}

static void set_writer(xiol_stream *box, xiol_task *task) {
  box->writer = task;
  box->writer_id = task->core.id;
}

static int refuse_write(lua_State *L, int status, const char *op, size_t done) {
  int count = xiol_refuse(L, status, op);
  lua_pushinteger(L, (lua_Integer)done);
  return count + 1;
}

static int finish_write(lua_State *L, int status, lua_KContext context);

/* Writes from byte `done` on, or begins to wait. The frame: [1] the stream, [2] the
 * string. */
static int drive_write(lua_State *L, xiol_stream *box, xiol_task *task, size_t done) {
  xio_stream *core = box->core;
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  for (;;) {
    int64_t count = xio_stream_write(core, bytes + done, size - done);
    if (XIO_LIKELY(count >= 0)) {
      done += (size_t)count;
      if (XIO_LIKELY(done == size)) {
        lua_pushvalue(L, 1);
        return 1;
      }
      if (xio_task_spend(&task->core)) continue;
      xio_task_pause(&task->core);
    } else if (count == XIO_EAGAIN) {
      int status = xio_task_begin(&task->core);
      if (status == XIO_OK) status = xio_stream_wait(core, XIO_FD_WRITE, &task->core);
      if (status == XIO_EAGAIN) continue;
      if (status != XIO_OK && status != XIO_ECANCELED) {
        if (status == XIO_ENOMEM) xiol_raise_memory(L);
        return refuse_write(L, status, "write", done);
      }
    } else {
      return refuse_write(L, (int)count, "write", done);
    }
    core->partial = done != 0;
    set_writer(box, task);
    return xiol_yield(L, (lua_KContext)done, finish_write);
  }
}

static int finish_write(lua_State *L, int status, lua_KContext context) {
  static const char function[] = "stream:write";
  xiol_stream *box = lua_touserdata(L, 1);
  xiol_task *task = xiol_resumed(L, box->source.state);
  size_t done = (size_t)context;
  if (box->writer == task) box->writer = NULL;
  if (box->core != NULL) box->core->partial = false;
  status = task->core.wait.status;
  if (XIO_UNLIKELY(status == XIO_ECANCELED)) {
    if (box->core != NULL && done != 0) box->core->cut = true;
    return xiol_raise_cancelled(L, box->source.state, task);
  }
  if (status == XIO_OK) status = check_run(L, &box->source, task, function);
  if (status == XIO_OK) return drive_write(L, box, task, done);
  return refuse_write(L, status, "write", done);
}

/* The first step of what may wait. False: yield. */
static inline bool may_go_on(xiol_task *task) {
  if (XIO_LIKELY(!task->core.wait.scope->effective && xio_task_spend(&task->core))) {
    return true;
  }
  xio_task_pause(&task->core);
  return false;
}

/* Makes one string at 2 of the values from 2 on. */
static void join_strings(lua_State *L, const char *function) {
  int top = lua_gettop(L);
  if (XIO_LIKELY(top == 2 && lua_type(L, 2) == LUA_TSTRING)) return;
  for (int i = 2; i <= top; i++) {
    int type = lua_type(L, i);
    if (XIO_UNLIKELY(type != LUA_TSTRING && type != LUA_TNUMBER)) {
      xiol_type_error(L, function, i, "string");
    }
  }
  if (top == 2) {
    lua_tolstring(L, 2, NULL);
  } else if (top > 2) {
    lua_concat(L, top - 1);
  } else {
    lua_pushliteral(L, "");
  }
}

/* write(...): all of the strings and numbers, waiting while the other end has no room.
 * The stream; or nil, err, a code, and how many bytes went out: "EPIPE" where nobody
 * reads, "ECLOSED" where it was closed or shut down, "ECONNRESET", "ECANCELED" after a
 * cancelled write. A checkpoint; cancelled, it raises, and if bytes had gone out the
 * stream is broken for writing. */
static int stream_write(lua_State *L) {
  static const char function[] = "stream:write";
  xiol_stream *box = check_stream(L, function);
  join_strings(L, function);
  xiol_task *task = xiol_enter_quickly(L, box->source.state);
  if (XIO_UNLIKELY(task == NULL)) task = xiol_enter(L, box->source.state, function);
  check_no_writer(L, box, function);
  int status = check_run(L, &box->source, task, function);
  if (XIO_UNLIKELY(!may_go_on(task))) {
    set_writer(box, task);
    return xiol_yield(L, 0, finish_write);
  }
  if (XIO_LIKELY(status == XIO_OK)) return drive_write(L, box, task, 0);
  return refuse_write(L, status, "write", 0);
}

/* try_write(s): what there is room for, without waiting: how many bytes; or nil, err,
 * code: "EAGAIN" where there is no room. */
static int stream_try_write(lua_State *L) {
  static const char function[] = "stream:try_write";
  xiol_stream *box = check_stream(L, function);
  lua_settop(L, 2);
  join_strings(L, function);
  check_no_writer(L, box, function);
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  int64_t count = XIO_ECLOSED;
  if (box->core != NULL) count = xio_stream_write(box->core, bytes, size);
  if (count < 0) return xiol_refuse(L, (int)count, "try_write");
  lua_pushinteger(L, (lua_Integer)count);
  return 1;
}

/* flush(): what was written is out already; the stream. */
static int stream_flush(lua_State *L) {
  xiol_stream *box = check_stream(L, "stream:flush");
  lua_settop(L, 1);
  if (box->core == NULL) return xiol_refuse(L, XIO_ECLOSED, "flush");
  return 1;
}

/* -- ends ---------------------------------------------------------------------------- */

static int finish_shutdown(lua_State *L, int status, lua_KContext context) {
  (void)context;
  static const char function[] = "stream:shutdown";
  xiol_stream *box = lua_touserdata(L, 1);
  xiol_task *task = xiol_resumed(L, box->source.state);
  if (box->writer == task) box->writer = NULL;
  xiol_check_cancelled(L, box->source.state, task, task->core.wait.status);
  status = check_run(L, &box->source, task, function);
  if (status == XIO_OK) status = xio_stream_shutdown(box->core);
  if (status != XIO_OK) return xiol_refuse(L, status, "shutdown");
  lua_pushboolean(L, 1);
  return 1;
}

/* shutdown(): ends the writing: the other end reads what was written, then the end of
 * the stream; reading goes on. True, also the second time; or nil, err, code. A
 * checkpoint. */
static int stream_shutdown(lua_State *L) {
  static const char function[] = "stream:shutdown";
  xiol_stream *box = check_stream(L, function);
  lua_settop(L, 1);
  xiol_task *task = xiol_enter(L, box->source.state, function);
  check_no_writer(L, box, function);
  int status = check_run(L, &box->source, task, function);
  if (!may_go_on(task)) {
    set_writer(box, task);
    return xiol_yield(L, 0, finish_shutdown);
  }
  if (status == XIO_OK) status = xio_stream_shutdown(box->core);
  if (status != XIO_OK) return xiol_refuse(L, status, "shutdown");
  lua_pushboolean(L, 1);
  return 1;
}

/* close(): wakes who waits with the code "ECLOSED"; whether it was open. Never waits. */
static int stream_close(lua_State *L) {
  lua_pushboolean(L, xiol_close_stream(check_stream(L, "stream:close")));
  xiol_set_closed(L, 1);
  return 1;
}

/* The same for __close, whose other argument is an error. */
static int stream_end(lua_State *L) {
  xiol_close_stream(check_stream(L, "stream.__close"));
  xiol_set_closed(L, 1);
  return 0;
}

static int stream_gc(lua_State *L) {
  xiol_stream *box = xiol_test(L, 1, &xiol_kind_stream);
  if (box == NULL) return 0;
  if (box->core != NULL && box->core->is_shared) { /* it was never ours */
    xio_stream *core = box->core;
    box->core = NULL;
    xio_stream_release(core);
  } else if (xiol_close_stream(box)) {
    lua_warning(L, "xio: a stream was collected, but not closed", 0);
  }
  xiol_source_deinit(&box->source);
  return 0;
}

/* -- what it is ---------------------------------------------------------------------- */

/* The number of the descriptor; or a status. */
static int number_of(const xiol_stream *box) {
  if (box->core == NULL || !xio_stream_is_open(box->core)) return XIO_ECLOSED;
  return box->core->handle.number >= 0 ? box->core->handle.number : XIO_ECLOSED;
}

/* fileno(): the number of the descriptor, which stays the stream's; or nil, err, code. */
static int stream_fileno(lua_State *L) {
  int number = number_of(check_stream(L, "stream:fileno"));
  if (number < 0) return xiol_refuse(L, number, "fileno");
  lua_pushinteger(L, number);
  return 1;
}

/* stats(): how many bytes were `read` and `written`, how many that came are `buffered`
 * for the next read, and how many tasks are `waiting`. */
static int stream_stats(lua_State *L) {
  const xiol_stream *box = check_stream(L, "stream:stats");
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)box->source.count);
  lua_setfield(L, -2, "read");
  uint64_t written = box->core != NULL ? box->core->written : box->written;
  lua_pushinteger(L, (lua_Integer)written);
  lua_setfield(L, -2, "written");
  lua_pushinteger(L, (lua_Integer)xiol_source_buffered(&box->source));
  lua_setfield(L, -2, "buffered");
  bool writes = xiol_in_operation(box->writer, box->writer_id);
  lua_pushinteger(L, xiol_source_busy(&box->source) + writes);
  lua_setfield(L, -2, "waiting");
  return 1;
}

/* The stream, or a refusal. */
static int push_done(lua_State *L, int status, const char *op) {
  if (status != XIO_OK) return xiol_refuse(L, status, op);
  lua_settop(L, 1);
  return 1;
}

/* nodelay([on]): whether small pieces go out at once; does nothing on what is not TCP.
 * The stream; or nil, err, code. */
static int stream_nodelay(lua_State *L) {
  static const char function[] = "stream:nodelay";
  int number = number_of(check_stream(L, function));
  if (!lua_isnone(L, 2) && !lua_isboolean(L, 2)) {
    xiol_type_error(L, function, 2, "boolean");
  }
  bool on = lua_isnone(L, 2) || lua_toboolean(L, 2);
  return push_done(L, number < 0 ? number : xio_socket_nodelay(number, on), "nodelay");
}

/* keepalive(seconds): after so long without a sign of life the peer is asked for one, and
 * the connection breaks ten seconds later; false: it never is. The stream; or nil, err,
 * code. */
static int stream_keepalive(lua_State *L) {
  static const char function[] = "stream:keepalive";
  int number = number_of(check_stream(L, function));
  uint32_t seconds = 0;
  if (lua_type(L, 2) == LUA_TNUMBER) {
    lua_Number given = lua_tonumber(L, 2);
    if (!(given > 0)) xiol_arg_error(L, function, 2, "seconds above 0 expected");
    seconds = given < 1 ? 1 : given > INT16_MAX ? INT16_MAX : (uint32_t)given;
  } else if (lua_type(L, 2) != LUA_TBOOLEAN || lua_toboolean(L, 2)) {
    xiol_type_error(L, function, 2, "number of seconds or false");
  }
  return push_done(L, number < 0 ? number : xio_socket_keepalive(number, seconds),
                   "keepalive");
}

int xiol_push_address(lua_State *L, const xio_address *address) {
  char text[XIO_ADDRESS_TEXT];
  lua_pushlstring(L, text, xio_address_format(address, text));
  if (xio_address_family(address) == AF_UNIX) return 1;
  lua_pushinteger(L, xio_address_port(address));
  return 2;
}

static int push_name(lua_State *L, const char *function, const char *op,
                     int (*get)(int, xio_address *)) {
  int number = number_of(check_stream(L, function));
  xio_address address;
  int status = number < 0 ? number : get(number, &address);
  return status == XIO_OK ? xiol_push_address(L, &address) : xiol_refuse(L, status, op);
}

/* name(): the address of this end: host and port, or a path ("" where it has none); or
 * nil, err, code. */
static int stream_name(lua_State *L) {
  return push_name(L, "stream:name", "name", xio_socket_name);
}

/* peername(): the same of the other end. */
static int stream_peername(lua_State *L) {
  return push_name(L, "stream:peername", "peername", xio_socket_peername);
}

static int stream_tostring(lua_State *L) {
  int number = number_of(check_stream(L, "stream.__tostring"));
  if (number < 0) {
    lua_pushliteral(L, "stream (closed)");
  } else {
    lua_pushfstring(L, "stream (descriptor %d)", number);
  }
  return 1;
}

/* -- making them --------------------------------------------------------------------- */

/* pair(): two streams that are connected to each other; or nil, err, code. */
static int l_pair(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "xio.net.pair");
  xiol_stream *first = xiol_push_stream(L, state);
  xiol_stream *second = xiol_push_stream(L, state);
  xio_stream *ends[2];
  int status = xio_stream_pair(ends, task->runtime->loop);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return xiol_refuse(L, status, "pair");
  xiol_set_stream(first, ends[0]);
  xiol_set_stream(second, ends[1]);
  return 2;
}

/* pipe(): the end to read from and the end to write to, as streams; or nil, err, code. */
static int l_pipe(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_running(L, state, "pipe");
  xiol_stream *boxes[2] = {xiol_push_stream(L, state), xiol_push_stream(L, state)};
  xio_stream *ends[2];
  int status = xio_stream_pipe(ends, task->runtime->loop);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return xiol_refuse(L, status, "pipe");
  for (int i = 0; i < 2; i++) xiol_set_stream(boxes[i], ends[i]);
  return 2;
}

/* stdio(n): the standard stream on descriptor n: 0, 1, 2; closed where that is not
 * open. */
static int l_stdio(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_Integer number = luaL_checkinteger(L, 1);
  luaL_argcheck(L, number >= 0 && number <= 2, 1, "0, 1 or 2 expected");
  FILE *const files[] = {stdin, stdout, stderr};
  xiol_stream *box = xiol_push_stream(L, state);
  xio_stream *core = NULL;
  int status = xio_stream_share(&core, &state->alloc, (int)number, files[number]);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status == XIO_OK) xiol_set_stream(box, core);
  return 1;
}

const luaL_Reg xiol_stream_functions[] = {
    {"pair", l_pair}, {"pipe", l_pipe}, {"stdio", l_stdio}, {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"write", stream_write},         {"try_write", stream_try_write},
      {"flush", stream_flush},         {"shutdown", stream_shutdown},
      {"close", stream_close},         {"fileno", stream_fileno},
      {"stats", stream_stats},         {"nodelay", stream_nodelay},
      {"keepalive", stream_keepalive}, {"name", stream_name},
      {"peername", stream_peername},   {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__tostring", stream_tostring},
                                  {"__close", stream_end},
                                  {"__gc", stream_gc},
                                  {NULL, NULL}};
  xiol_make_plain_class(L, state, &xiol_kind_stream, meta, methods, xiol_read_methods);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_STREAM);
}
