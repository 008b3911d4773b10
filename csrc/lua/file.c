/* file: open files as Lua sees them: xio.fs.open and the methods of what it gives.
 *
 * Reading and its buffer are read.c's, which asks here for bytes. The file's position in
 * the core is behind what is in the buffer; whatever depends on where the program has
 * read to drops the buffer first, also in the middle of another task's read, which then
 * goes on from the new place. The box owns the file of core/file.h. Loop's thread. */
#include "file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../core/file.h"
#include "closed.h"
#include "read.h"

typedef struct xiol_file {
  xiol_source source;
  xio_file *file; /* NULL: closed. User value 1: the path */
  bool readable, writable;
  bool cut;                  /* a write was cancelled half way */
  bool shut;                 /* nothing more is to be written */
  xiol_task *writer;         /* in the middle of a write; NULL: none */
  uint64_t writer_id;        /* its id: the record may be another task's by now */
  xio_file_request *request; /* of that write */
  size_t done;               /* bytes of that write that are out */
  uint64_t written;
} xiol_file;

static xiol_file *check_file(lua_State *L, const char *function) {
  xiol_file *box = lua_touserdata(L, 1);
  if (XIO_LIKELY(box != NULL && lua_rawlen(L, 1) >= sizeof *box &&
                 box->source.kind == &xiol_kind_file)) {
    return box;
  }
  xiol_type_error(L, function, 1, "file");
  return NULL;
}

/* Pushes nil, the error about the file at 1, the code. */
static int refuse(lua_State *L, int status, const char *op) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  lua_getiuservalue(L, 1, 1);
  int count = xiol_refuse_path(L, status, op, lua_tostring(L, -1));
  lua_remove(L, -count - 1);
  return count;
}

/* -- a source for read.c ------------------------------------------------------------- */

/* XIO_OK, or XIO_ECLOSED. Raises where the file belongs to another run. */
static int check_usable(lua_State *L, xiol_file *box, xiol_task *task,
                        const char *function) {
  if (box->file == NULL || box->file->closed) return XIO_ECLOSED;
  if (XIO_UNLIKELY(box->file->loop != task->runtime->loop)) {
    xiol_fail(L, "%s: the file belongs to another run: use it there", function);
  }
  return XIO_OK;
}

static int source_check(lua_State *L, xiol_source *source, xiol_task *task,
                        const char *function) {
  return check_usable(L, (xiol_file *)source, task, function);
}

static int64_t source_read(xiol_source *source, char *bytes, size_t max) {
  xiol_file *box = (xiol_file *)source;
  if (XIO_UNLIKELY(box->file == NULL)) return XIO_ECLOSED; /* by a finalizer meanwhile */
  return box->readable ? xio_file_read(box->file, bytes, max) : XIO_EBADF;
}

static int source_wait(xiol_source *source, xiol_task *task) {
  return xio_file_wait_read(((xiol_file *)source)->file, &task->core);
}

static uint64_t source_left(const xiol_source *source) {
  const xiol_file *box = (const xiol_file *)source;
  return box->file != NULL && box->readable ? xio_file_left(box->file) : 0;
}

/* A file has always as much as is asked for, so that larger pieces than of a stream pay;
 * but from 128 KiB on the C library takes each from the system and gives it back. */
static const xiol_source_ops source_ops = {.check = source_check,
                                           .read = source_read,
                                           .wait = source_wait,
                                           .left = source_left,
                                           .recv_most = (size_t)96 * 1024};

/* Where the program stands in the file: before what is buffered. */
static int64_t position(const xiol_file *box) {
  return xio_file_at(box->file) - (int64_t)xiol_source_buffered(&box->source);
}

/* Forgets what is buffered of a file that has a position. */
static void drop_buffer(xiol_file *box) {
  if (xio_file_at(box->file) < 0) return;
  int64_t at = position(box);
  xiol_source_drop(&box->source);
  xio_file_move(box->file, at);
}

/* -- opening and closing ------------------------------------------------------------- */

static void release(xiol_file *box) {
  if (box->file == NULL) return;
  xio_file_release(box->file);
  box->file = NULL;
  box->source.state->live.files--;
}

/* close(): true where it was open. What is at work in a thread ends first; who waits gets
 * the code "ECLOSED". Never waits. */
static int file_close(lua_State *L) {
  xiol_file *box = check_file(L, "file:close");
  bool first = box->file != NULL ? xio_file_close(box->file) : box->shut;
  release(box);
  box->shut = false;
  xiol_set_closed(L, 1);
  lua_pushboolean(L, first);
  return 1;
}

static int file_end(lua_State *L) {
  release(check_file(L, "file.__close"));
  xiol_set_closed(L, 1);
  return 0;
}

static int file_gc(lua_State *L) {
  xiol_file *box = lua_touserdata(L, 1);
  bool forgotten = box->file != NULL && !box->file->closed;
  release(box);
  xiol_source_deinit(&box->source);
  if (!forgotten) return 0;
  lua_getiuservalue(L, 1, 1);
  lua_warning(L, "xio: a file was collected that had not been closed: ", 1);
  lua_warning(L, lua_tostring(L, -1), 0);
  return 0;
}

/* The flags of open for one of Lua's modes; -1: it is none. */
static int flags_of(const char *mode, xiol_file *box) {
  const char letter = *mode;
  int flags = letter == 'r'   ? 0
              : letter == 'w' ? O_CREAT | O_TRUNC
              : letter == 'a' ? O_CREAT | O_APPEND
                              : -1;
  if (flags < 0) return -1;
  mode++;
  bool both = *mode == '+';
  mode += both;
  mode += *mode == 'b';
  if (*mode != '\0') return -1;
  box->readable = both || letter == 'r';
  box->writable = both || letter != 'r';
  return flags | (both ? O_RDWR : letter == 'r' ? O_RDONLY : O_WRONLY);
}

static void make_class(lua_State *L, xiol_state *state);

/* Pushes a box of no file yet, for the path at 1. */
static xiol_file *push_box(lua_State *L, xiol_state *state) {
  xiol_file *box = lua_newuserdatauv(L, sizeof *box, 1);
  memset(box, 0, sizeof *box);
  xiol_source_init(&box->source, state, &xiol_kind_file, &source_ops);
  lua_pushvalue(L, 1);
  lua_setiuservalue(L, -2, 1);
  xiol_set_class(L, state, XIOL_REF_FILE, make_class);
  return box;
}

/* The frame: [1] the path, [2] the mode, [3] the box. */
static int finish_open(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_file *box = lua_touserdata(L, 3);
  status = task->core.wait.status;
  int64_t result = status;
  if (status == XIO_OK) result = xio_file_take((xio_file_request *)context, NULL);
  if (result >= 0) return 1;
  release(box);
  xiol_check_cancelled(L, state, task, status);
  if (result == XIO_ENOMEM) xiol_raise_memory(L);
  xiol_refuse_path(L, (int)result, "open", lua_tostring(L, 1));
  lua_pushvalue(L, 1); /* whole, also where it has a byte of 0 */
  lua_setfield(L, -3, "path");
  return 3;
}

/* open(path, mode, new): a file; see lua/xio/fs.lua. With `new` it must not be there yet;
 * a number are its permissions then. */
static int l_open(lua_State *L) {
  static const char function[] = "xio.fs.open";
  xiol_state *state = xiol_state_of(L);
  const char *path = xiol_check_path(L, 1, function);
  if (lua_isnoneornil(L, 2)) {
    lua_settop(L, 1);
    lua_pushliteral(L, "r");
  }
  bool is_new = lua_toboolean(L, 3) != 0;
  int permissions = lua_isinteger(L, 3) ? (int)lua_tointeger(L, 3) : 0666;
  lua_settop(L, 2);
  if (lua_type(L, 2) != LUA_TSTRING) xiol_type_error(L, function, 2, "string");
  xiol_file *box = push_box(L, state);
  int flags = flags_of(lua_tostring(L, 2), box);
  if (flags < 0)
    xiol_arg_error(L, function, 2,
                   "invalid mode: r, w, a, r+, w+ or a+ expected, with a b or without");
  if (is_new) flags |= O_EXCL;
  xiol_task *task = xiol_enter(L, state, function);
  if (!xiol_is_path(L, 1)) {
    xiol_refuse_path(L, XIO_EINVAL, "open", path);
    lua_pushvalue(L, 1);
    lua_setfield(L, -3, "path");
    return 3;
  }
  if (xio_task_begin(&task->core) != XIO_OK)
    return xiol_yield(L, 0, xiol_finish_cancelled);
  if (xio_file_new(&box->file, task->runtime->loop) != XIO_OK) xiol_raise_memory(L);
  state->live.files++;
  xio_file_call call = {.op = XIO_FILE_OPEN, .flags = flags, .mode = permissions};
  call.bytes = path;
  call.count = strlen(path) + 1;
  xio_file_request *request = NULL;
  if (xio_file_begin(&request, box->file, &task->core, &call) != XIO_OK) {
    release(box);
    xiol_raise_memory(L);
  }
  return xiol_yield(L, (lua_KContext)request, finish_open);
}

/* -- writing ------------------------------------------------------------------------- */

static bool is_writing(const xiol_file *box) {
  const xiol_task *writer = box->writer;
  return writer != NULL && writer->core.id == box->writer_id &&
         writer->core.state == XIO_TASK_LIVE && writer->core.wait.state != XIO_WAIT_IDLE;
}

/* Whether anything can be written to the open file. */
static int check_writable(const xiol_file *box) {
  return box->shut        ? XIO_ECLOSED
         : box->cut       ? XIO_ECANCELED
         : !box->writable ? XIO_EBADF
                          : XIO_OK;
}

static int finish_write(lua_State *L, int status, lua_KContext context);

static int refuse_write(lua_State *L, xiol_file *box, int status) {
  box->writer = NULL;
  int count = refuse(L, status, "write");
  lua_pushinteger(L, (lua_Integer)box->done);
  return count + 1;
}

/* The task waits, or was rescheduled. */
static int wait_to_write(lua_State *L, xiol_file *box, xiol_task *task) {
  box->writer = task;
  box->writer_id = task->core.id;
  return xiol_yield(L, 0, finish_write);
}

/* Writes the next piece in a thread. XIO_EAGAIN: it has begun. */
static int64_t write_at_position(xiol_file *box, xiol_task *task, const char *bytes,
                                 size_t count) {
  if (count > XIO_FILE_PIECE) count = XIO_FILE_PIECE;
  drop_buffer(box);
  xio_file_call call = {.op = XIO_FILE_WRITE, .at = xio_file_at(box->file)};
  call.bytes = bytes;
  call.count = count;
  int status = xio_file_begin(&box->request, box->file, &task->core, &call);
  return status == XIO_OK ? XIO_EAGAIN : status;
}

/* The same where there is no position, and no thread is needed. */
static int64_t write_in_order(xiol_file *box, xiol_task *task, const char *bytes,
                              size_t count) {
  int64_t result = xio_fd_write(box->file->number, bytes, count);
  if (result != XIO_EAGAIN) return result;
  int status = xio_fd_wait(box->file->fd, XIO_FD_WRITE, &task->core, XIO_NEVER);
  return status == XIO_OK ? XIO_EAGAIN : status;
}

/* Goes on writing. The frame: [1] the file, [2] the string. */
static int go_on_writing(lua_State *L, xiol_file *box, xiol_task *task) {
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  for (;;) {
    if (xio_task_begin(&task->core) != XIO_OK) return wait_to_write(L, box, task);
    if (!xio_task_spend(&task->core)) {
      xio_task_pause(&task->core);
      return wait_to_write(L, box, task);
    }
    int status = check_usable(L, box, task, "file:write");
    if (status == XIO_OK) status = check_writable(box);
    if (status != XIO_OK) return refuse_write(L, box, status);
    if (box->done == size) {
      box->writer = NULL;
      lua_settop(L, 1);
      return 1;
    }
    bool in_order = xio_file_at(box->file) < 0;
    int64_t count = (in_order ? write_in_order : write_at_position)(
        box, task, bytes + box->done, size - box->done);
    if (count == XIO_EAGAIN) return wait_to_write(L, box, task);
    if (count < 0) return refuse_write(L, box, (int)count);
    box->done += (size_t)count;
    box->written += (uint64_t)count;
  }
}

static int finish_write(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_file *box = lua_touserdata(L, 1);
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xio_file_request *request = box->request;
  box->request = NULL;
  if (status == XIO_ECANCELED) { /* the request is gone */
    box->writer = NULL;
    box->cut = box->cut || box->done != 0;
    return xiol_raise_cancelled(L, state, task);
  }
  if (status != XIO_OK) return refuse_write(L, box, status);
  if (request == NULL) return go_on_writing(L, box, task); /* there was none */
  int64_t count = xio_file_take(request, NULL);
  if (count < 0) return refuse_write(L, box, (int)count);
  box->done += (size_t)count;
  box->written += (uint64_t)count;
  size_t size = lua_rawlen(L, 2);
  if (box->done < size) return go_on_writing(L, box, task);
  box->writer = NULL; /* it has taken effect, cancelled or not */
  lua_settop(L, 1);
  return 1;
}

/* write(...): all of the strings and numbers, where the file stands, or at its end where
 * it was opened for appending; the file; or nil, err, code, how many bytes are out. A
 * checkpoint. Cancelled, it raises and has written nothing, or the file is broken for
 * writing from then on ("ECANCELED"), and stats() tells how much went out; up to 1 MiB
 * goes out whole or not at all. */
static int file_write(lua_State *L) {
  static const char function[] = "file:write";
  xiol_file *box = check_file(L, function);
  int top = lua_gettop(L);
  for (int i = 2; i <= top; i++) {
    if (!lua_isstring(L, i)) xiol_type_error(L, function, i, "string");
  }
  if (top == 1) lua_pushliteral(L, "");
  if (top > 2) lua_concat(L, top - 1);
  luaL_tolstring(L, 2, NULL); /* a number becomes a string */
  lua_replace(L, 2);
  xiol_task *task = xiol_enter(L, box->source.state, function);
  if (is_writing(box))
    xiol_fail(L, "%s: another task is writing already; one does at a time", function);
  box->done = 0;
  box->request = NULL;
  return go_on_writing(L, box, task);
}

/* try_write(s): as much as the system takes without waiting, which can be nothing at all:
 * how many bytes; or nil, err, code: "EAGAIN" where it takes none. */
static int file_try_write(lua_State *L) {
  static const char function[] = "file:try_write";
  xiol_file *box = check_file(L, function);
  if (!lua_isstring(L, 2)) xiol_type_error(L, function, 2, "string");
  size_t size = 0;
  const char *bytes = lua_tolstring(L, 2, &size);
  if (is_writing(box))
    xiol_fail(L, "%s: another task is writing already; one does at a time", function);
  bool open = box->file != NULL && !box->file->closed;
  int64_t count = open ? check_writable(box) : XIO_ECLOSED;
  if (count == XIO_OK && size != 0) {
    drop_buffer(box);
    count = xio_file_write(box->file, bytes, size);
  }
  if (count < 0) return refuse(L, (int)count, "try_write");
  box->written += (uint64_t)count;
  lua_pushinteger(L, count);
  return 1;
}

/* shutdown(): nothing more will be written ("ECLOSED"); reading goes on, and a pipe that
 * is not read from is closed, so that its reader sees the end. True, also the second
 * time; or nil, err, "ECLOSED". Never waits. */
static int file_shutdown(lua_State *L) {
  static const char function[] = "file:shutdown";
  xiol_file *box = check_file(L, function);
  if (is_writing(box))
    xiol_fail(L, "%s: another task is writing already; one does at a time", function);
  bool open = box->file != NULL && !box->file->closed;
  if (!open && !box->shut) return refuse(L, XIO_ECLOSED, "shutdown");
  if (open && !box->readable) release(box);
  box->shut = true;
  lua_pushboolean(L, 1);
  return 1;
}

/* -- operations on the open file ----------------------------------------------------- */

/* What each needs beside its core operation. */
static const char *const names[] = {[XIO_FILE_SYNC] = "sync",
                                    [XIO_FILE_TRUNCATE] = "truncate",
                                    [XIO_FILE_STAT] = "stat",
                                    [XIO_FILE_SIZE] = "seek"};

static int move_to(lua_State *L, xiol_file *box, int64_t at) {
  if (at < 0) return refuse(L, XIO_EINVAL, "seek");
  drop_buffer(box);
  xio_file_move(box->file, at);
  lua_pushinteger(L, at);
  return 1;
}

/* The frame: [1] the file, [2] of seek: the offset from the end. */
static int finish_operation(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  xiol_file *box = lua_touserdata(L, 1);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  if (status != XIO_OK) return refuse(L, status, lua_tostring(L, 3));
  xio_file_request *request = (xio_file_request *)context;
  xio_file_op op = request->op;
  uv_stat_t stat;
  int64_t result = xio_file_take(request, &stat);
  if (result >= 0 && op == XIO_FILE_SIZE && box->file == NULL) result = XIO_ECLOSED;
  if (result < 0) return refuse(L, (int)result, names[op]);
  if (op == XIO_FILE_SIZE) return move_to(L, box, result + lua_tointeger(L, 2));
  if (op == XIO_FILE_STAT) {
    xiol_push_stat(L, &stat);
  } else {
    lua_settop(L, 1);
  }
  return 1;
}

/* Begins an operation; the frame then is that of finish_operation, with the operation's
 * name at 3. */
static int begin_operation(lua_State *L, xiol_file *box, const xio_file_call *call,
                           const char *function) {
  lua_settop(L, 2);
  lua_pushstring(L, names[call->op]);
  xiol_task *task = xiol_enter(L, box->source.state, function);
  int status = check_usable(L, box, task, function);
  if (status != XIO_OK) return refuse(L, status, names[call->op]);
  if (xio_task_begin(&task->core) != XIO_OK) {
    return xiol_yield(L, 0, xiol_finish_cancelled);
  }
  if (call->op == XIO_FILE_TRUNCATE) drop_buffer(box);
  xio_file_request *request = NULL;
  if (xio_file_begin(&request, box->file, &task->core, call) != XIO_OK) {
    xiol_raise_memory(L);
  }
  return xiol_yield(L, (lua_KContext)request, finish_operation);
}

/* sync([data_only]): all that was written is on the disk; `data_only` leaves out what is
 * not needed to read it again, as the time. The file; or nil, err, code. A checkpoint;
 * cancelled, it raises, or returns where it could not be withdrawn. */
static int file_sync(lua_State *L) {
  xiol_file *box = check_file(L, "file:sync");
  xio_file_call call = {.op = XIO_FILE_SYNC, .flags = lua_toboolean(L, 2)};
  return begin_operation(L, box, &call, "file:sync");
}

/* stat(): a table as of xio.fs.stat; or nil, err, code. A checkpoint; cancelled, it
 * raises. */
static int file_stat(lua_State *L) {
  xiol_file *box = check_file(L, "file:stat");
  return begin_operation(L, box, &(xio_file_call){.op = XIO_FILE_STAT}, "file:stat");
}

/* The integer at `index`; `otherwise` where there is none. */
static int64_t check_integer(lua_State *L, int index, int64_t otherwise,
                             const char *function) {
  int exact = 0;
  if (lua_isnoneornil(L, index)) return otherwise;
  if (lua_type(L, index) != LUA_TNUMBER) {
    xiol_type_error(L, function, index, "integer");
  }
  lua_Integer value = lua_tointegerx(L, index, &exact);
  if (!exact) xiol_arg_error(L, function, index, "integer expected, got a fraction");
  return value;
}

/* truncate([size]): the file has `size` bytes then (as many as stand before where it
 * stands); it is cut, or filled with zeros. It stands where it stood. The file; or nil,
 * err, code. A checkpoint; cancelled, it raises and has changed nothing. */
static int file_truncate(lua_State *L) {
  static const char function[] = "file:truncate";
  xiol_file *box = check_file(L, function);
  int64_t size = check_integer(L, 2, -1, function);
  if (!lua_isnoneornil(L, 2) && size < 0) {
    xiol_arg_error(L, function, 2, "integer of at least 0 expected");
  }
  bool open = box->file != NULL && !box->file->closed;
  if (size < 0 && open && xio_file_at(box->file) >= 0) size = position(box);
  return begin_operation(L, box, &(xio_file_call){.op = XIO_FILE_TRUNCATE, .at = size},
                         function);
}

/* seek([whence [, offset]]): as of io files: moves to `offset` bytes from the beginning
 * ("set"), from where the file stands ("cur", the default), or from its end ("end").
 * Where it stands then; or nil, err, code: "ESPIPE" where there are no places. "end" is a
 * checkpoint; cancelled, it raises and has not moved. */
static int file_seek(lua_State *L) {
  static const char function[] = "file:seek";
  xiol_file *box = check_file(L, function);
  const char *whence = "cur";
  if (!lua_isnoneornil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING) xiol_type_error(L, function, 2, "string");
    whence = lua_tostring(L, 2);
  }
  bool from_end = strcmp(whence, "end") == 0, from_start = strcmp(whence, "set") == 0;
  if (!from_end && !from_start && strcmp(whence, "cur") != 0) {
    xiol_arg_error(L, function, 2, "\"set\", \"cur\" or \"end\" expected");
  }
  int64_t offset = check_integer(L, 3, 0, function);
  xiol_task *task = xiol_running(L, box->source.state, function);
  int status = check_usable(L, box, task, function);
  if (status == XIO_OK && xio_file_at(box->file) < 0) status = -ESPIPE;
  if (status != XIO_OK) return refuse(L, status, "seek");
  lua_settop(L, 1);
  lua_pushinteger(L, offset);
  if (from_end) {
    return begin_operation(L, box, &(xio_file_call){.op = XIO_FILE_SIZE}, function);
  }
  if (!from_start && __builtin_add_overflow(position(box), offset, &offset)) offset = -1;
  return move_to(L, box, offset);
}

/* flush(): there is nothing to do, since nothing that is written is kept back; see sync.
 * The file; or nil, err, "ECLOSED". */
static int file_flush(lua_State *L) {
  xiol_file *box = check_file(L, "file:flush");
  if (box->file == NULL || box->file->closed) return refuse(L, XIO_ECLOSED, "flush");
  lua_settop(L, 1);
  return 1;
}

/* fileno(): the number of the descriptor; or nil, err, "ECLOSED". */
static int file_fileno(lua_State *L) {
  xiol_file *box = check_file(L, "file:fileno");
  if (box->file == NULL || box->file->closed) return refuse(L, XIO_ECLOSED, "fileno");
  lua_pushinteger(L, box->file->number);
  return 1;
}

/* stats(): how many bytes were `read` and `written`, and how many of those read from the
 * system are `buffered`, and how many tasks are `waiting`. */
static int file_stats(lua_State *L) {
  xiol_file *box = check_file(L, "file:stats");
  lua_createtable(L, 0, 4);
  lua_pushinteger(L, (lua_Integer)box->source.count);
  lua_setfield(L, -2, "read");
  lua_pushinteger(L, (lua_Integer)box->written);
  lua_setfield(L, -2, "written");
  lua_pushinteger(L, (lua_Integer)xiol_source_buffered(&box->source));
  lua_setfield(L, -2, "buffered");
  lua_pushinteger(L, xiol_source_busy(&box->source) + is_writing(box));
  lua_setfield(L, -2, "waiting");
  return 1;
}

static int file_tostring(lua_State *L) {
  xiol_file *box = check_file(L, "file.__tostring");
  lua_getiuservalue(L, 1, 1);
  bool closed = box->file == NULL || box->file->closed;
  lua_pushfstring(L, "file %s%s", lua_tostring(L, -1), closed ? " (closed)" : "");
  return 1;
}

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"write", file_write},   {"try_write", file_try_write}, {"shutdown", file_shutdown},
      {"seek", file_seek},     {"sync", file_sync},           {"truncate", file_truncate},
      {"stat", file_stat},     {"flush", file_flush},         {"close", file_close},
      {"fileno", file_fileno}, {"stats", file_stats},         {NULL, NULL}};
  static const luaL_Reg meta[] = {{"__gc", file_gc},
                                  {"__close", file_end},
                                  {"__tostring", file_tostring},
                                  {NULL, NULL}};
  xiol_make_plain_class(L, state, &xiol_kind_file, meta, methods, xiol_read_methods);
  xiol_add_closed(L);
  xiol_keep(L, state, XIOL_REF_FILE);
}

void xiol_open_file(lua_State *L, xiol_state *state) {
  static const luaL_Reg functions[] = {{"open", l_open}, {NULL, NULL}};
  xiol_set_functions(L, state, functions);
}
