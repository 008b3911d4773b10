/* read: see read.h.
 *
 * An operation is an `attempt`, a function that looks at the buffer: it pushes its
 * results and tells how many they are, or asks for more bytes. The driver gets these,
 * waits where that is needed, and tries again; an attempt remembers in the source how
 * far it came. At the end of the stream, or after a failure, the attempt is told so
 * and must give its results. The frame while it waits: [1] the source, [2] … the
 * arguments, then results. */
#include "read.h"

#include <string.h>

#include "numeral.h"
#include "room.h"

enum {
  LIMIT_DEFAULT = 1024 * 1024 /* of lines and of what read_until gives */
};

/* -- sources ------------------------------------------------------------------------- */

static inline void set_reader(xiol_source *source, xiol_task *task) {
  source->reader = task;
  source->reader_id = task->core.id;
}

static void take(xiol_source *source, size_t count) {
  xio_buffer_take(&source->buffer, &source->state->alloc, count);
  source->count += count;
}

/* Pushes all bytes, which begin where the block does, as a string, and takes them. The
 * block may become the string. */
static void push_all(lua_State *L, xiol_source *source) {
  xio_buffer *buffer = &source->buffer;
  size_t count = xio_buffer_count(buffer);
  xiol_room room = {buffer->block, buffer->capacity};
  xiol_room_push(L, source->state, &room, count);
  if (room.bytes == NULL) {
    xio_buffer_forget(buffer);
    source->count += count;
  } else {
    buffer->block = room.bytes; /* it may have been cut */
    buffer->capacity = room.size;
    take(source, count);
  }
}

/* Pushes the first `count` bytes as a string, without the last `omit`, and takes them. */
static void push_bytes(lua_State *L, xiol_source *source, size_t count, size_t omit) {
  const xio_buffer *buffer = &source->buffer;
  if (omit == 0 && buffer->first == 0 && count == buffer->last && count != 0) {
    push_all(L, source);
    return;
  }
  lua_pushlstring(L, xio_buffer_bytes(&source->buffer), count - omit);
  take(source, count);
}

static inline int fill(xiol_source *source, xiol_task *task, size_t wanted) {
  if (source->ops->fill != NULL) return source->ops->fill(source, task, wanted);
  return xiol_fill_by_reading(source, task, wanted);
}

/* -- operations ---------------------------------------------------------------------- */

/* What an attempt answers where it needs more bytes. */
enum { MORE = -1 };

typedef struct operation operation;
struct operation {
  const char *op;       /* "read_until", for errors that are returned */
  const char *names[2]; /* of the function, for those that are raised: stream, file */
  /* Gives results, or asks for *wanted more bytes. `end`: XIO_OK, or the status for which
   * there are no more. */
  int (*attempt)(lua_State *L, xiol_source *source, int end, size_t *wanted);
  bool raises; /* what it refuses */
};

static const char *name_of(const operation *what, const xiol_source *source) {
  return what->names[source->kind == &xiol_kind_file];
}

/* What a method that returns failures gives for the status that ends it: `left` bytes
 * stay readable. A file has its path as user value 1. */
static int refuse(lua_State *L, const operation *what, int status, size_t left) {
  const char *path =
      lua_getiuservalue(L, 1, 1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  int count = path != NULL ? xiol_refuse_path(L, status, what->op, path)
                           : xiol_refuse(L, status, what->op);
  lua_remove(L, -count - 1);
  lua_pushinteger(L, (lua_Integer)left);
  return count + 1;
}

static int finish(lua_State *L, int status, lua_KContext context);

/* The results of an attempt are at the top. */
static int end_operation(lua_State *L, const operation *what, int results) {
  if (XIO_UNLIKELY(what->raises) && results >= 2 && lua_isnil(L, -results) &&
      !lua_isnil(L, 1 - results)) {
    lua_pushvalue(L, 1 - results);
    return lua_error(L);
  }
  return results;
}

/* There are no more bytes, for the reason `end`. */
static int give_up(lua_State *L, xiol_source *source, const operation *what, int end) {
  size_t wanted = 0;
  return end_operation(L, what, what->attempt(L, source, end, &wanted));
}

/* The budget of this turn is spent, or there is a cancellation to deliver. */
static int pause_reading(lua_State *L, xiol_source *source, xiol_task *task,
                         const operation *what) {
  set_reader(source, task);
  xio_task_pause(&task->core);
  return xiol_yield(L, (lua_KContext)what, finish);
}

static int drive(lua_State *L, xiol_source *source, xiol_task *task,
                 const operation *what) {
  int end = XIO_OK;
  for (;;) {
    size_t wanted = 1;
    int results = what->attempt(L, source, end, &wanted);
    if (XIO_LIKELY(results != MORE)) return end_operation(L, what, results);
    int status = fill(source, task, wanted);
    if (status == XIO_EAGAIN) {
      set_reader(source, task);
      return xiol_yield(L, (lua_KContext)what, finish);
    }
    if (status == XIO_ENOMEM) xiol_raise_memory(L);
    if (status != XIO_OK) {
      end = status;
    } else if (XIO_UNLIKELY(!xio_task_spend(&task->core))) {
      return pause_reading(L, source, task, what);
    }
  }
}

static int finish(lua_State *L, int status, lua_KContext context) {
  const operation *what = (const operation *)context;
  xiol_source *source = lua_touserdata(L, 1);
  xiol_task *task = xiol_resumed(L, source->state);
  if (source->reader == task) source->reader = NULL;
  status = task->core.wait.status;
  xiol_check_cancelled(L, source->state, task, status);
  if (status == XIO_OK) {
    status = source->ops->check(L, source, task, name_of(what, source));
  }
  if (status == XIO_OK) return drive(L, source, task, what);
  return give_up(L, source, what, status);
}

/* The source at 1; raises where there is none. */
static inline xiol_source *check_source(lua_State *L, const operation *what) {
  xiol_source *source = lua_touserdata(L, 1);
  if (XIO_LIKELY(
          source != NULL && lua_rawlen(L, 1) >= sizeof *source &&
          (source->kind == &xiol_kind_stream || source->kind == &xiol_kind_file))) {
    return source;
  }
  xiol_type_error(L, what->names[0], 1, "stream or file");
  return NULL;
}

/* The task that begins an operation on the source at 1. Raises for misuse. */
static inline xiol_task *enter(lua_State *L, xiol_source *source, const operation *what) {
  xiol_task *task = xiol_enter_quickly(L, source->state);
  if (XIO_UNLIKELY(task == NULL)) {
    task = xiol_enter(L, source->state, name_of(what, source));
  }
  if (XIO_UNLIKELY(source->reader != NULL) && xiol_source_busy(source)) {
    xiol_fail(L, "%s: another task is reading already; one does at a time",
              name_of(what, source));
  }
  if (XIO_UNLIKELY(source->state->unread == source)) xiol_keep_unread(L, source->state);
  return task;
}

/* The first step of every operation: cancellation, and the budget of this turn. False:
 * yield. */
static inline bool may_go_on(xiol_source *source, xiol_task *task) {
  if (XIO_LIKELY(!task->core.wait.scope->effective && xio_task_spend(&task->core))) {
    return true;
  }
  set_reader(source, task);
  xio_task_pause(&task->core);
  return false;
}

/* Arguments have been checked, and the frame is as it shall be; of it, `formats` values
 * from 2 on are formats. */
static int begin(lua_State *L, xiol_source *source, const operation *what, int formats) {
  xiol_task *task = enter(L, source, what);
  int status = source->ops->check(L, source, task, name_of(what, source));
  source->scanned = 0;
  source->formats = formats;
  source->format = 0;
  if (!may_go_on(source, task)) return xiol_yield(L, (lua_KContext)what, finish);
  if (status == XIO_OK) return drive(L, source, task, what);
  return give_up(L, source, what, status);
}

/* The integer of at least `least` at `index`; `otherwise` where there is none. */
static lua_Integer check_count(lua_State *L, int index, lua_Integer least,
                               lua_Integer otherwise, const char *function) {
  int exact = 0;
  if (otherwise >= 0 && lua_isnoneornil(L, index)) return otherwise;
  if (lua_type(L, index) != LUA_TNUMBER) xiol_type_error(L, function, index, "integer");
  lua_Integer value = lua_tointegerx(L, index, &exact);
  if (!exact || value < least) {
    const char *message =
        lua_pushfstring(L, "integer of at least %I expected, got %s", (LUAI_UACINT)least,
                        luaL_tolstring(L, index, NULL));
    xiol_arg_error(L, function, index, message);
  }
  return value;
}

/* -- recv ---------------------------------------------------------------------------- */

/* At the end: nil, or the refusal. */
static int push_end(lua_State *L, const operation *what, int end, size_t left) {
  if (end != XIO_EOF) return refuse(L, what, end, left);
  if (left != 0) return refuse(L, what, XIO_EOF, left);
  lua_pushnil(L);
  return 1;
}

static int attempt_recv(lua_State *L, xiol_source *source, int end, size_t *wanted);

static const operation recv_operation = {
    .op = "recv", .names = {"stream:recv", "file:recv"}, .attempt = attempt_recv};

static int attempt_recv(lua_State *L, xiol_source *source, int end, size_t *wanted) {
  size_t count = xio_buffer_count(&source->buffer);
  size_t most = source->most;
  if (count != 0 && end != XIO_ECLOSED) {
    push_bytes(L, source, count < most ? count : most, 0);
    return 1;
  }
  if (end != XIO_OK) return push_end(L, &recv_operation, end, 0);
  *wanted = most;
  return MORE;
}

static int finish_recv(lua_State *L, int status, lua_KContext context);

/* Nothing is buffered: what the system has becomes a string at once. */
static int recv_directly(lua_State *L, xiol_source *source, xiol_task *task) {
  xiol_state *state = source->state;
  size_t most = source->most;
  bool ready = state->room.size >= most && state->unread == NULL;
  char *bytes = XIO_LIKELY(ready) ? state->room.bytes : xiol_scratch(L, state, most);
  int64_t count = xiol_read_or_wait(source, task, bytes, most);
  if (XIO_LIKELY(count > 0)) {
    state->unread = source;
    state->unread_count = (size_t)count;
    /* raises where memory is out */
    xiol_room_push(L, state, &state->room, (size_t)count);
    state->unread = NULL;
    source->count += (uint64_t)count;
    return 1;
  }
  if (XIO_LIKELY(count == XIO_EAGAIN)) {
    set_reader(source, task);
    return xiol_yield(L, (lua_KContext)source, finish_recv);
  }
  if (count == XIO_ENOMEM) xiol_raise_memory(L);
  return push_end(L, &recv_operation, (int)count, 0);
}

/* The context is the source, which is at 1. */
static int finish_recv(lua_State *L, int status, lua_KContext context) {
  xiol_source *source = (xiol_source *)context;
  xiol_task *task = xiol_resumed(L, source->state);
  if (source->reader == task) source->reader = NULL;
  if (XIO_LIKELY(task->core.wait.status == XIO_OK)) {
    return recv_directly(L, source, task);
  }
  return finish(L, status, (lua_KContext)&recv_operation);
}

/* recv([max]): some bytes, as soon as there are any: at most `max`, at least 1; plain nil
 * at the end of the stream; or nil, err, code: "ECLOSED", "ECONNRESET" … A checkpoint;
 * cancelled, it has taken nothing. */
static int source_recv(lua_State *L) {
  xiol_source *source = check_source(L, &recv_operation);
  lua_Integer max = 0;
  if (XIO_UNLIKELY(!lua_isnoneornil(L, 2))) {
    max = check_count(L, 2, 1, 0, name_of(&recv_operation, source));
  }
  xiol_task *task = enter(L, source, &recv_operation);
  int status = source->ops->check(L, source, task, name_of(&recv_operation, source));
  size_t most = source->ops->recv_most;
  source->most = max != 0 && (uint64_t)max < most ? (size_t)max : most;
  if (XIO_UNLIKELY(!may_go_on(source, task))) {
    return xiol_yield(L, (lua_KContext)&recv_operation, finish);
  }
  if (XIO_LIKELY(status == XIO_OK && source->ops->fill == NULL &&
                 xio_buffer_count(&source->buffer) == 0)) {
    return recv_directly(L, source, task);
  }
  if (status == XIO_OK) return drive(L, source, task, &recv_operation);
  return push_end(L, &recv_operation, status, 0);
}

/* -- read_exactly, read_until -------------------------------------------------------- */

static int attempt_exactly(lua_State *L, xiol_source *source, int end, size_t *wanted);

static const operation exactly_operation = {
    .op = "read_exactly",
    .names = {"stream:read_exactly", "file:read_exactly"},
    .attempt = attempt_exactly};

/* [2]: how many bytes. */
static int attempt_exactly(lua_State *L, xiol_source *source, int end, size_t *wanted) {
  size_t count = xio_buffer_count(&source->buffer);
  size_t needed = (size_t)lua_tointeger(L, 2);
  if (count >= needed && end != XIO_ECLOSED) {
    push_bytes(L, source, needed, 0);
    return 1;
  }
  if (end != XIO_OK) return push_end(L, &exactly_operation, end, count);
  *wanted = needed - count;
  return MORE;
}

/* read_exactly(n): n bytes; plain nil at the end of the stream; where that comes early
 * nil, err, "EOF", and how many bytes there are, which stay readable; or nil, err,
 * code, part. A checkpoint; cancelled, it has taken nothing. */
static int source_read_exactly(lua_State *L) {
  xiol_source *source = check_source(L, &exactly_operation);
  check_count(L, 2, 0, -1, name_of(&exactly_operation, source));
  lua_settop(L, 2);
  return begin(L, source, &exactly_operation, 0);
}

/* Looks for a delimiter that has at most `limit` bytes before it. True: it stands at
 * *found. False: *status is XIO_OK where more bytes may bring it, else why not. */
static bool find(xiol_source *source, const char *delimiter, size_t length, size_t limit,
                 size_t *found, int *status) {
  size_t count = xio_buffer_count(&source->buffer);
  *status = XIO_OK;
  *found = xio_buffer_find(&source->buffer, source->scanned, delimiter, length);
  if (*found <= limit) return true;
  if (*found != SIZE_MAX || (count >= length && count - length >= limit)) {
    *status = -EMSGSIZE;
  }
  source->scanned = count >= length ? count - length + 1 : 0;
  return false;
}

static int attempt_until(lua_State *L, xiol_source *source, int end, size_t *wanted);

static const operation until_operation = {
    .op = "read_until",
    .names = {"stream:read_until", "file:read_until"},
    .attempt = attempt_until};

/* [2]: the delimiter; [3]: the limit. */
static int attempt_until(lua_State *L, xiol_source *source, int end, size_t *wanted) {
  size_t length = 0;
  const char *delimiter = lua_tolstring(L, 2, &length);
  size_t found = 0;
  int status = end;
  if (end != XIO_ECLOSED) {
    if (find(source, delimiter, length, (size_t)lua_tointeger(L, 3), &found, &status)) {
      push_bytes(L, source, found + length, length);
      return 1;
    }
    if (status == XIO_OK) status = end;
  }
  if (status != XIO_OK) {
    return push_end(L, &until_operation, status, xio_buffer_count(&source->buffer));
  }
  *wanted = 1;
  return MORE;
}

/* read_until(delimiter [, max]): the bytes before the delimiter, which is taken and
 * left out; plain nil at the end of the stream; or nil, err, a code and how many bytes
 * there are, which stay readable: "EOF" where the end comes first, "EMSGSIZE" where
 * `max` bytes (1 MiB) have no delimiter behind them. A checkpoint; cancelled, it has
 * taken nothing. */
static int source_read_until(lua_State *L) {
  xiol_source *source = check_source(L, &until_operation);
  const char *name = name_of(&until_operation, source);
  if (lua_type(L, 2) != LUA_TSTRING) xiol_type_error(L, name, 2, "string");
  if (lua_rawlen(L, 2) == 0) {
    xiol_arg_error(L, name, 2, "string that is not empty expected");
  }
  lua_Integer limit = check_count(L, 3, 0, LIMIT_DEFAULT, name);
  lua_settop(L, 2);
  lua_pushinteger(L, limit);
  return begin(L, source, &until_operation, 0);
}

/* -- read, lines --------------------------------------------------------------------- */

static int attempt_read(lua_State *L, xiol_source *source, int end, size_t *wanted);

static const operation read_operation = {
    .op = "read", .names = {"stream:read", "file:read"}, .attempt = attempt_read};

static const operation lines_operation = {.op = "read",
                                          .names = {"stream:lines", "file:lines"},
                                          .attempt = attempt_read,
                                          .raises = true};

/* Each of these reads one format: it pushes one value and returns 1, nil being the end;
 * or refuses, with more than one result; or needs more. */

static int read_line(lua_State *L, xiol_source *source, int end, bool keep) {
  size_t count = xio_buffer_count(&source->buffer);
  size_t found = 0;
  int status = XIO_OK;
  if (find(source, "\n", 1, LIMIT_DEFAULT, &found, &status)) {
    push_bytes(L, source, found + 1, keep ? 0 : 1);
    return 1;
  }
  if (status == XIO_OK) status = end;
  if (status == XIO_OK) return MORE;
  if (status != XIO_EOF) return refuse(L, &read_operation, status, count);
  if (count == 0) {
    lua_pushnil(L);
  } else {
    push_bytes(L, source, count, 0);
  }
  return 1;
}

static int read_all(lua_State *L, xiol_source *source, int end, size_t *wanted) {
  size_t count = xio_buffer_count(&source->buffer);
  if (end == XIO_OK) {
    *wanted = SIZE_MAX;
    return MORE;
  }
  if (end != XIO_EOF) return refuse(L, &read_operation, end, count);
  push_bytes(L, source, count, 0);
  return 1;
}

static int read_count(lua_State *L, xiol_source *source, int end, size_t needed,
                      size_t *wanted) {
  size_t count = xio_buffer_count(&source->buffer);
  if (count < needed || count == 0) {
    if (end == XIO_OK) {
      *wanted = needed > count ? needed - count : 1;
      return MORE;
    }
    if (count == 0) {
      if (end != XIO_EOF) return refuse(L, &read_operation, end, 0);
      lua_pushnil(L);
      return 1;
    }
  }
  push_bytes(L, source, count < needed ? count : needed, 0);
  return 1;
}

static int read_number(lua_State *L, xiol_source *source, int end) {
  size_t blanks = xiol_count_blanks(xio_buffer_bytes(&source->buffer),
                                    xio_buffer_count(&source->buffer));
  take(source, blanks);
  size_t count = xio_buffer_count(&source->buffer);
  const char *bytes = xio_buffer_bytes(&source->buffer);
  size_t length = 0;
  if (!xiol_scan_numeral(bytes, count, &length)) { /* it may go on */
    if (end == XIO_OK) return MORE;
    if (end != XIO_EOF) return refuse(L, &read_operation, end, count);
  }
  char text[XIOL_NUMERAL_MAX + 1];
  memcpy(text, bytes, length);
  text[length] = 0;
  take(source, length);
  if (lua_stringtonumber(L, text) == 0) lua_pushnil(L);
  return 1;
}

static int read_format(lua_State *L, xiol_source *source, int at, int end,
                       size_t *wanted) {
  if (end == XIO_ECLOSED) return refuse(L, &read_operation, end, 0);
  if (lua_type(L, at) == LUA_TNUMBER) {
    return read_count(L, source, end, (size_t)lua_tointeger(L, at), wanted);
  }
  const char *format = lua_tostring(L, at);
  switch (format[format[0] == '*']) {
    case 'a': return read_all(L, source, end, wanted);
    case 'n': return read_number(L, source, end);
    case 'L': return read_line(L, source, end, true);
    default: return read_line(L, source, end, false);
  }
}

/* [2] …: the formats; behind them the values so far. */
static int attempt_read(lua_State *L, xiol_source *source, int end, size_t *wanted) {
  while (source->format < source->formats) {
    int results = read_format(L, source, 2 + source->format, end, wanted);
    if (results != 1) return results; /* MORE, or what is refused */
    source->format++;
    source->scanned = 0;
    if (lua_isnil(L, -1)) break;
  }
  return source->format;
}

/* Raises unless the values from 2 on are formats; makes "l" of none. */
static void check_formats(lua_State *L, const char *name) {
  int top = lua_gettop(L);
  xiol_need_stack(L, top + 10, "too many formats");
  if (top < 2) lua_pushliteral(L, "l");
  for (int i = 2; i <= top; i++) {
    if (lua_type(L, i) == LUA_TNUMBER) {
      check_count(L, i, 0, -1, name);
      continue;
    }
    const char *format = lua_type(L, i) == LUA_TSTRING ? lua_tostring(L, i) : "";
    format += format[0] == '*';
    if (format[0] == 0 || strchr("lLan", format[0]) == NULL) {
      xiol_arg_error(L, name, i,
                     "\"l\", \"L\", \"a\", \"n\" or a count expected as format");
    }
  }
}

/* read(...): as io.read: "l" (the default), "L", "a", "n", or a count of bytes, a value
 * for each; nil at the end. Lines of more than 1 MiB give nil, err, "EMSGSIZE", and how
 * many bytes there are, which stay readable. A checkpoint; cancelled, it has lost only
 * what earlier formats of the same call have read. */
static int source_read(lua_State *L) {
  xiol_source *source = check_source(L, &read_operation);
  check_formats(L, name_of(&read_operation, source));
  return begin(L, source, &read_operation, lua_gettop(L) - 1);
}

/* A step of lines: upvalues behind the usual ones are the source and the formats. */
enum { LINES_SOURCE = XIOL_UPVALUES + 1 };

static int next_line(lua_State *L) {
  lua_settop(L, 0);
  xiol_source *source = lua_touserdata(L, lua_upvalueindex(LINES_SOURCE));
  int count = (int)lua_tointeger(L, lua_upvalueindex(LINES_SOURCE + 1));
  xiol_need_stack(L, 2 * count + 10, "too many formats");
  lua_pushvalue(L, lua_upvalueindex(LINES_SOURCE));
  for (int i = 1; i <= count; i++) {
    lua_pushvalue(L, lua_upvalueindex(LINES_SOURCE + 1 + i));
  }
  return begin(L, source, &lines_operation, count);
}

/* lines(...): an iterator over what read(...) gives, to the end of the stream; each
 * step is a checkpoint, and raises what read returns as an error. */
static int source_lines(lua_State *L) {
  enum { FORMATS_MAX = 250 };
  xiol_source *source = check_source(L, &lines_operation);
  const char *name = name_of(&lines_operation, source);
  check_formats(L, name);
  int count = lua_gettop(L) - 1;
  if (count > FORMATS_MAX) {
    xiol_arg_error(L, name, FORMATS_MAX + 2, "too many formats");
  }
  xiol_push_upvalues(L, source->state);
  lua_rotate(L, 1, XIOL_UPVALUES); /* the source and the formats come after them */
  lua_pushinteger(L, count);
  lua_insert(L, LINES_SOURCE + 1);
  lua_pushcclosure(L, next_line, lua_gettop(L));
  return 1;
}

const luaL_Reg xiol_read_methods[] = {{"recv", source_recv},
                                      {"read", source_read},
                                      {"read_exactly", source_read_exactly},
                                      {"read_until", source_read_until},
                                      {"lines", source_lines},
                                      {NULL, NULL}};
