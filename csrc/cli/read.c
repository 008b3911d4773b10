/* read: see read.h. */
#include "cli/read.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <lualib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/lookahead.h"
#include "cli/number.h"
#include "core/fd.h"
#include "lua/binding.h"

/* Upvalues of the stand-ins, behind those that all functions of the binding have. */
enum {
  UPVALUE_STOCK = XIOL_UPVALUES + 1, /* the function that is stood in for */
  UPVALUE_KINDS,                     /* file -> whether it is waited for (weak) */
  UPVALUE_READERS,                   /* file -> the reading that waits (weak) */
  UPVALUES_READ = UPVALUE_READERS,
  /* and of an iterator; those of the stock one follow, from the second on */
  ITERATOR_FILE = XIOL_UPVALUES + 1,
  ITERATOR_COUNT,
  ITERATOR_CLOSES,
  ITERATOR_FORMATS
};

enum { HUGE_COUNT = 64 * 1024 * 1024, SMALL_BYTES = 256 };

/* What became of a step. */
typedef enum outcome { STEP_DONE, STEP_FAILED, STEP_WAITS } outcome;

/* One call that reads. A userdata, above the file on the stack of its function. */
typedef struct reading {
  xiol_state *state;
  luaL_Stream *stream;
  xio_fd *fd;        /* registered when it first waits */
  char *bytes;       /* all that was taken in this call */
  size_t size, used; /* of these */
  size_t start;      /* where the value at hand begins */
  int item, last;    /* index of its format; of the last one, or 0: there is none */
  bool ready;        /* the descriptor can be read once */
  bool iterates;     /* for an iterator */
} reading;

/* their addresses find, in the registry, the table of who reads and what readings have in
 * common */
static const char readers_key = 0;
static const char metatable_key = 0;

static int go_on(lua_State *L, reading *r);

/* -- the bytes of a call ------------------------------------------------------------- */

/* Ends what the reading has; it may be asked again. */
static void release(reading *r) {
  if (r->fd != NULL) xio_fd_close(r->fd);
  r->fd = NULL;
  if (r->bytes != NULL) xio_alloc_free(&r->state->alloc, r->bytes, r->size);
  r->bytes = NULL;
  r->size = r->used = r->start = 0;
}

static int collect(lua_State *L) {
  release(lua_touserdata(L, 1));
  return 0;
}

/* Puts all that was taken back into the file. */
static void put_back(reading *r) {
  while (r->used > 0) {
    r->used--;
    if (ungetc((unsigned char)r->bytes[r->used], r->stream->f) == EOF) return;
  }
}

/* Makes room for `count` bytes more. Raises when memory is out; nothing was taken. */
static void reserve(lua_State *L, reading *r, size_t count) {
  if (r->size - r->used >= count) return;
  size_t size = r->size != 0 ? r->size : SMALL_BYTES;
  while (size - r->used < count) {
    if (size > SIZE_MAX / 2) xiol_raise_memory(L);
    size *= 2;
  }
  xio_allocator *alloc = &r->state->alloc;
  char *bytes = alloc->resize(alloc->context, r->bytes, r->size, size);
  if (bytes == NULL) {
    put_back(r);
    xiol_raise_memory(L);
  }
  r->bytes = bytes;
  r->size = size;
}

/* Whether a byte, or the end, can be had now; where the system must be asked for it, that
 * is done once for each time that it was ready. */
static bool may_take(reading *r) {
  FILE *f = r->stream->f;
  if (xio_lookahead(f) != 0 || feof(f)) return true;
  bool ready = r->ready;
  r->ready = false;
  return ready;
}

/* Takes `count` bytes that are there, at least 1, or less at the end. */
static size_t take(lua_State *L, reading *r, size_t count) {
  reserve(L, r, count);
  size_t taken = fread(r->bytes + r->used, 1, count, r->stream->f);
  r->used += taken;
  return taken;
}

static size_t least(size_t a, size_t b) {
  return a < b ? a : b;
}

/* How many bytes may be taken at a time, after may_take: what is there, or else one,
 * which fills the buffer of the file. */
static size_t portion(const reading *r, size_t most) {
  size_t ahead = xio_lookahead(r->stream->f);
  return least(ahead != 0 ? ahead : 1, most);
}

/* -- formats ------------------------------------------------------------------------- */

/* The value at hand is what was taken since its start, without `less` bytes. */
static void push_value(lua_State *L, reading *r, size_t less) {
  lua_pushlstring(L, r->bytes != NULL ? r->bytes + r->start : "",
                  r->used - r->start - less);
  r->start = r->used;
}

static outcome step_line(lua_State *L, reading *r, bool chop) {
  FILE *f = r->stream->f;
  for (;;) {
    if (!may_take(r)) return STEP_WAITS;
    size_t count = portion(r, SIZE_MAX);
    reserve(L, r, count);
    for (; count > 0; count--) {
      int c = getc(f);
      if (c == EOF) {
        bool any = r->used > r->start;
        push_value(L, r, 0);
        return any ? STEP_DONE : STEP_FAILED;
      }
      r->bytes[r->used++] = (char)c;
      if (c != '\n') continue;
      push_value(L, r, chop ? 1 : 0);
      return STEP_DONE;
    }
  }
}

static outcome step_all(lua_State *L, reading *r) {
  do {
    if (!may_take(r)) return STEP_WAITS;
  } while (take(L, r, portion(r, SIZE_MAX)) > 0);
  push_value(L, r, 0);
  return STEP_DONE;
}

static outcome step_count(lua_State *L, reading *r, size_t count) {
  if (count > HUGE_COUNT) { /* raises what the stock function raises */
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    (void)luaL_prepbuffsize(&buffer, count);
    luaL_pushresultsize(&buffer, 0);
    lua_pop(L, 1);
  }
  while (r->used - r->start < count) {
    if (!may_take(r)) return STEP_WAITS;
    if (take(L, r, portion(r, count - (r->used - r->start))) == 0) break;
  }
  bool any = r->used > r->start;
  push_value(L, r, 0);
  return any ? STEP_DONE : STEP_FAILED;
}

/* Whether anything is left. */
static outcome step_end(lua_State *L, reading *r) {
  if (!may_take(r)) return STEP_WAITS;
  FILE *f = r->stream->f;
  int c = getc(f);
  if (c != EOF) (void)ungetc(c, f);
  lua_pushliteral(L, "");
  return c != EOF ? STEP_DONE : STEP_FAILED;
}

/* Leaves out the space before a numeral; it counts as taken. */
static outcome skip_space(lua_State *L, reading *r) {
  while (r->used == r->start) {
    if (!may_take(r)) return STEP_WAITS;
    if (take(L, r, 1) == 0) return STEP_FAILED;
    if (isspace((unsigned char)r->bytes[r->start])) r->start++;
  }
  return STEP_DONE;
}

static outcome step_number(lua_State *L, reading *r) {
  outcome space = skip_space(L, r);
  if (space == STEP_WAITS) return space;
  int at_end = space == STEP_FAILED;
  size_t used = 0;
  char point = localeconv()->decimal_point[0]; /* NOLINT(concurrency-mt-unsafe) */
  xio_number_end end = XIO_NUMBER_MORE;
  for (;;) {
    end = xio_number_scan(r->bytes + r->start, r->used - r->start, at_end, point, &used);
    if (end != XIO_NUMBER_MORE) break;
    if (!may_take(r)) return STEP_WAITS;
    if (take(L, r, 1) == 0) at_end = 1;
  }
  while (r->used - r->start > used) { /* the byte behind it */
    r->used--;
    (void)ungetc((unsigned char)r->bytes[r->used], r->stream->f);
  }
  char numeral[XIO_NUMBER_BYTES_MAX + 1];
  memcpy(numeral, r->bytes + r->start, used);
  numeral[end == XIO_NUMBER_LONG ? 0 : used] = '\0';
  r->start = r->used;
  if (lua_stringtonumber(L, numeral) != 0) return STEP_DONE;
  lua_pushnil(L);
  return STEP_FAILED;
}

/* Reads on for the format at hand. */
static outcome step(lua_State *L, reading *r) {
  if (r->last == 0) return step_line(L, r, true);
  if (lua_type(L, r->item) == LUA_TNUMBER) {
    size_t count = (size_t)luaL_checkinteger(L, r->item);
    return count == 0 ? step_end(L, r) : step_count(L, r, count);
  }
  const char *format = luaL_checkstring(L, r->item);
  if (*format == '*') format++;
  switch (*format) {
    case 'n': return step_number(L, r);
    case 'l': return step_line(L, r, true);
    case 'L': return step_line(L, r, false);
    case 'a': return step_all(L, r);
    default: luaL_argerror(L, r->item, "invalid format"); return STEP_FAILED;
  }
}

/* -- waiting ------------------------------------------------------------------------- */

/* Pushes the table of those who wait to read. */
static void push_readers(lua_State *L) {
  lua_rawgetp(L, LUA_REGISTRYINDEX, &readers_key);
}

/* Notes that the reading, which is at `index` above its file, waits, or does so no
 * longer. */
static void note_reader(lua_State *L, int index, bool waits) {
  push_readers(L);
  lua_pushvalue(L, index - 1);
  if (waits) {
    lua_pushvalue(L, index);
  } else {
    lua_pushnil(L);
  }
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

void xio_read_closing(lua_State *L, int index) {
  index = lua_absindex(L, index);
  push_readers(L);
  lua_pushvalue(L, index);
  lua_rawget(L, -2);
  reading *r = lua_touserdata(L, -1);
  lua_pop(L, 2);
  if (r == NULL || r->fd == NULL) return;
  xio_fd_close(r->fd);
  r->fd = NULL;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)status;
  int index = (int)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  reading *r = lua_touserdata(L, index);
  status = task->core.wait.status;
  note_reader(L, index, false);
  if (r->stream->closef == NULL) { /* meanwhile */
    release(r);
    xiol_check_cancelled(L, state, task, status);
    errno = EBADF;
    return luaL_fileresult(L, 0, NULL);
  }
  if (status == XIO_ECANCELED) {
    put_back(r);
    release(r);
    xiol_check_cancelled(L, state, task, status);
  }
  r->ready = true;
  return go_on(L, r);
}

/* Begins to wait until the file can be read. False: it can be now. */
static bool begin_wait(lua_State *L, reading *r, int index) {
  xiol_task *task = xiol_running(L, r->state, "read");
  int number = fileno(r->stream->f);
  r->ready = true;
  if (xio_task_begin(&task->core) != XIO_OK) return true;
  if (xio_fd_ready(number, XIO_FD_READ) != XIO_EAGAIN) {
    if (xio_task_spend(&task->core)) return false;
    xio_task_pause(&task->core);
    return true;
  }
  xio_loop *loop = task->runtime->loop;
  if (xio_fd_waited(loop, number, XIO_FD_READ)) {
    put_back(r);
    xiol_fail(L, "read: another task is waiting to read from this file already");
  }
  xio_lookahead_flush_output();
  note_reader(L, index, true);
  if (r->fd == NULL && xio_fd_open(&r->fd, loop, number) != XIO_OK) return false;
  return xio_fd_wait(r->fd, XIO_FD_READ, &task->core, XIO_NEVER) == XIO_OK;
}

/* -- calls --------------------------------------------------------------------------- */

/* What an iterator does with the `count` results at the top. */
static int finish_iteration(lua_State *L, const reading *r, int count) {
  if (lua_toboolean(L, -count)) return count;
  if (count > 1) return luaL_error(L, "%s", lua_tostring(L, -count + 1));
  if (lua_toboolean(L, lua_upvalueindex(ITERATOR_CLOSES))) {
    luaL_Stream *stream = r->stream;
    lua_settop(L, 0);
    lua_pushvalue(L, lua_upvalueindex(ITERATOR_FILE));
    lua_CFunction close = stream->closef;
    stream->closef = NULL;
    (void)close(L);
  }
  return 0;
}

static int finish_call(lua_State *L, reading *r, int index, bool failed) {
  int count = 0;
  release(r);
  if (ferror(r->stream->f) != 0) {
    count = luaL_fileresult(L, 0, NULL);
  } else {
    if (failed) {
      lua_pop(L, 1);
      luaL_pushfail(L);
    }
    count = lua_gettop(L) - index;
  }
  return r->iterates ? finish_iteration(L, r, count) : count;
}

/* Reads until all formats have their value, one fails, or it must wait. The reading is on
 * the stack, and the values that are complete are above it. */
static int go_on(lua_State *L, reading *r) {
  int index = lua_gettop(L);
  while (lua_touserdata(L, index) != r) index--;
  for (;;) {
    outcome what = step(L, r);
    if (what == STEP_WAITS) {
      if (begin_wait(L, r, index)) return lua_yieldk(L, 0, index, finish_wait);
      continue;
    }
    r->item++;
    if (what == STEP_FAILED || r->item > r->last) {
      return finish_call(L, r, index, what == STEP_FAILED);
    }
  }
}

/* Reads with the formats from index `first` to the top, from the file that is pushed. */
static int read_formats(lua_State *L, int first, bool iterates) {
  int last = lua_gettop(L) - 1;
  luaL_Stream *stream = lua_touserdata(L, -1);
  xiol_need_stack(L, last + LUA_MINSTACK, "too many arguments");
  reading *r = lua_newuserdatauv(L, sizeof *r, 0);
  *r = (reading){.state = xiol_state_of(L),
                 .stream = stream,
                 .item = first,
                 .last = last >= first ? last : 0,
                 .iterates = iterates};
  lua_rawgetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_setmetatable(L, -2);
  clearerr(stream->f);
  return go_on(L, r);
}

/* Whether the system may keep a reader of this descriptor waiting for ever. */
static bool is_slow(int number) {
  struct stat about;
  if (fstat(number, &about) != 0) return false;
  if (S_ISCHR(about.st_mode)) return isatty(number) != 0;
  return S_ISFIFO(about.st_mode) || S_ISSOCK(about.st_mode);
}

/* Whether a read from the file at the top, which is a userdata, may have to wait, and
 * can. */
static bool may_wait_for(lua_State *L, const luaL_Stream *stream, int kinds) {
  if (stream == NULL || stream->closef == NULL || !xiol_may_wait(L, xiol_state_of(L))) {
    return false;
  }
  lua_pushvalue(L, -1);
  bool known = lua_rawget(L, kinds) != LUA_TNIL;
  bool slow = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  if (known) return slow;
  slow = is_slow(fileno(stream->f));
  lua_pushvalue(L, -1);
  lua_pushboolean(L, slow);
  lua_rawset(L, kinds);
  return slow;
}

/* Whether all that the formats from `first` on, up to the file at the top, ask for is in
 * the file's buffer: a line, as most do. */
static bool is_there(lua_State *L, FILE *file, int first) {
  int count = lua_gettop(L) - first;
  if (count > 1 || !xio_lookahead_has_line(file)) return false;
  if (count == 0) return true;
  if (lua_type(L, first) != LUA_TSTRING) return false;
  const char *format = lua_tostring(L, first);
  if (*format == '*') format++;
  return *format == 'l' || *format == 'L';
}

/* The function stood in for, on the arguments. */
static int call_stock(lua_State *L) {
  return lua_tocfunction(L, lua_upvalueindex(UPVALUE_STOCK))(L);
}

/* Reads from the file at the top, behind the arguments, or lets the stock function. */
static int read_from(lua_State *L, luaL_Stream *stream, int first) {
  if (!may_wait_for(L, stream, lua_upvalueindex(UPVALUE_KINDS)) ||
      is_there(L, stream->f, first)) {
    lua_pop(L, 1);
    return call_stock(L);
  }
  return read_formats(L, first, false);
}

/* file:read(...) */
static int file_read(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  if (stream == NULL) return call_stock(L);
  xiol_need_stack(L, 3, "too many arguments");
  lua_pushvalue(L, 1);
  return read_from(L, stream, 2);
}

/* io.read(...) */
static int io_read(lua_State *L) {
  xiol_need_stack(L, 3, "too many arguments");
  lua_getfield(L, LUA_REGISTRYINDEX, "_IO_input");
  return read_from(L, luaL_testudata(L, -1, LUA_FILEHANDLE), 1);
}

/* What lines() gives for files that are waited for. */
static int iterate(lua_State *L) {
  luaL_Stream *stream = lua_touserdata(L, lua_upvalueindex(ITERATOR_FILE));
  int count = (int)lua_tointeger(L, lua_upvalueindex(ITERATOR_COUNT));
  if (stream->closef == NULL) return luaL_error(L, "file is already closed");
  lua_settop(L, 1);
  xiol_need_stack(L, count + 1, "too many arguments");
  for (int i = 0; i < count; i++)
    lua_pushvalue(L, lua_upvalueindex(ITERATOR_FORMATS + i));
  lua_pushvalue(L, lua_upvalueindex(ITERATOR_FILE));
  return read_formats(L, 2, true);
}

/* file:lines(...), io.lines(...): the iterator that the stock function made, the first
 * result, is replaced by one that waits where its file is waited for. */
static int lines(lua_State *L) {
  int results = call_stock(L);
  int iterator = lua_gettop(L) - results + 1;
  xiol_need_stack(L, 260, "too many arguments");
  if (lua_getupvalue(L, iterator, 1) == NULL) return results;
  luaL_Stream *stream = luaL_testudata(L, -1, LUA_FILEHANDLE);
  bool slow = may_wait_for(L, stream, lua_upvalueindex(UPVALUE_KINDS));
  lua_pop(L, 1);
  if (!slow) return results;
  lua_pushvalue(L, lua_upvalueindex(XIOL_UPVALUE_STATE));
  lua_pushvalue(L, lua_upvalueindex(XIOL_UPVALUE_ANCHORS));
  int count = XIOL_UPVALUES;
  for (int i = 1; lua_getupvalue(L, iterator, i) != NULL; i++) count++;
  lua_pushcclosure(L, iterate, count);
  lua_replace(L, iterator);
  return results;
}

/* -- installing ---------------------------------------------------------------------- */

/* Puts `f` in the place of a function of the table at the top; the tables of kinds and
 * readers are at `tables` and above it. */
static void stand_in(lua_State *L, xiol_state *state, const char *name, lua_CFunction f,
                     int tables) {
  int library = lua_gettop(L);
  xiol_push_upvalues(L, state);
  lua_getfield(L, library, name);
  lua_pushvalue(L, tables);
  lua_pushvalue(L, tables + 1);
  lua_pushcclosure(L, f, UPVALUES_READ);
  lua_setfield(L, library, name);
}

static void push_weak_table(lua_State *L) {
  lua_newtable(L);
  lua_createtable(L, 0, 1);
  lua_pushliteral(L, "k");
  lua_setfield(L, -2, "__mode");
  lua_setmetatable(L, -2);
}

void xio_read_install(lua_State *L, xiol_state *state) {
  if (XIO_LOOKAHEAD == 0) return;
  int tables = lua_gettop(L) + 1;
  push_weak_table(L);
  push_weak_table(L);
  lua_pushvalue(L, -1);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &readers_key);
  lua_createtable(L, 0, 1);
  lua_pushcfunction(L, collect);
  lua_setfield(L, -2, "__gc");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &metatable_key);
  lua_getglobal(L, "io");
  stand_in(L, state, "read", io_read, tables);
  stand_in(L, state, "lines", lines, tables);
  luaL_getmetatable(L, LUA_FILEHANDLE);
  lua_getfield(L, -1, "__index");
  stand_in(L, state, "read", file_read, tables);
  stand_in(L, state, "lines", lines, tables);
  lua_settop(L, tables - 1);
}
