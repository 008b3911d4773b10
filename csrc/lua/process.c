/* process: child processes as lua/xio/process.lua uses them; see core/process.h.
 *
 * A handle is a userdata that owns one process of the core, in the run that it was
 * started in. lua/xio/process.lua has checked and prepared all that is given here. What
 * may raise (boxes, strings) is made before the first pipe, so that nothing is left open
 * and nobody started when memory is out. Loop's thread. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "../base/signame.h"
#include "../core/process.h"
#include "stream.h"

enum { STANDARD = 3 /* streams: 0 to 2 */ };

const xiol_kind xiol_kind_process = {"xio.process.handle"};

typedef struct xiol_process {
  const xiol_kind *kind;
  xiol_state *state;
  xio_process *process; /* NULL: released, or its loop has ended */
  bool counted;         /* in state->live */
  bool has_exit;
  xio_process_exit exit; /* as far as it is known; kept when the process is released */
} xiol_process;

static xiol_process *check_process(lua_State *L, const char *function) {
  return xiol_check(L, 1, &xiol_kind_process, function);
}

/* -- starting ------------------------------------------------------------------------ */

/* What a process is started with, besides the options. */
typedef struct launching {
  xio_launch_opts opts;
  int fds[XIO_LAUNCH_FDS];
  xiol_stream *streams[STANDARD]; /* our ends of pipes; NULL: none */
  int ends[STANDARD];             /* the child's ends; -1: none */
  bool merged;                    /* 2 goes where 1 goes */
} launching;

/* The list of strings at field `name` of the table at 1, as an array that ends with NULL,
 * in a userdata that is pushed; the strings stay in the table. NULL: no such field. */
static char **push_strings(lua_State *L, const char *name) {
  if (lua_getfield(L, 1, name) == LUA_TNIL) return NULL;
  size_t count = lua_rawlen(L, -1);
  const char **list = lua_newuserdatauv(L, (count + 1) * sizeof *list, 0);
  for (size_t i = 0; i < count; i++) {
    lua_rawgeti(L, -2, (lua_Integer)i + 1);
    list[i] = lua_tostring(L, -1);
    lua_pop(L, 1);
  }
  list[count] = NULL;
  char **strings = NULL;
  memcpy(&strings, &list, sizeof strings); /* posix_spawn takes them without const */
  return strings;
}

static const char *field_string(lua_State *L, const char *name) {
  lua_getfield(L, 1, name);
  const char *text = lua_tostring(L, -1);
  lua_pop(L, 1); /* the table keeps it */
  return text;
}

/* Reads `fds`: for each descriptor of the child, from 0, a number of ours, false (none),
 * "null", "pipe", or for 2 "stdout"; pushes a box for each pipe, nil for others. */
static void read_descriptors(lua_State *L, xiol_state *state, launching *how) {
  lua_getfield(L, 1, "fds");
  int list = lua_gettop(L);
  how->opts.fd_count = (int)lua_rawlen(L, list);
  for (int i = 0; i < how->opts.fd_count; i++) {
    int type = lua_rawgeti(L, list, i + 1);
    const char *word = type == LUA_TSTRING ? lua_tostring(L, -1) : "";
    bool is_pipe = strcmp(word, "pipe") == 0;
    if (strcmp(word, "stdout") == 0) how->merged = true;
    how->fds[i] = type == LUA_TNUMBER   ? (int)lua_tointeger(L, -1)
                  : type == LUA_TSTRING ? XIO_LAUNCH_NULL
                                        : XIO_LAUNCH_CLOSED;
    lua_pop(L, 1);
    if (i >= STANDARD) continue;
    how->ends[i] = -1;
    if (is_pipe) {
      how->streams[i] = xiol_push_stream(L, state);
    } else {
      how->streams[i] = NULL;
      lua_pushnil(L);
    }
  }
  how->opts.fds = how->fds;
}

/* A pipe for descriptor `which` of the child. */
static int open_pipe(launching *how, xio_loop *loop, int which) {
  int ends[2];
  xio_stream *stream = NULL;
  if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
  int ours = which == 0 ? 1 : 0; /* we write where it reads */
  int status = xio_stream_open(&stream, loop, ends[ours]);
  if (status != XIO_OK) {
    close(ends[0]);
    close(ends[1]);
    return status;
  }
  xiol_set_stream(how->streams[which], stream);
  how->ends[which] = ends[1 - ours];
  how->fds[which] = ends[1 - ours];
  return XIO_OK;
}

/* Opens the pipes and starts the process; afterwards the child's ends are closed here,
 * and on error ours as well. */
static int start(xiol_process *box, xio_loop *loop, launching *how) {
  int status = XIO_OK;
  for (int i = 0; i < STANDARD && status == XIO_OK; i++) {
    if (how->streams[i] != NULL) status = open_pipe(how, loop, i);
  }
  if (how->merged) how->fds[2] = how->fds[1];
  if (status == XIO_OK) status = xio_process_spawn(&box->process, loop, &how->opts);
  for (int i = 0; i < STANDARD; i++) {
    if (how->ends[i] >= 0) close(how->ends[i]);
    if (status != XIO_OK && how->streams[i] != NULL) xiol_close_stream(how->streams[i]);
  }
  return status;
}

/* The error of a program that was not started: about the directory where that cannot be
 * entered, else about the program. */
static int refuse_start(lua_State *L, int status, const xio_launch_opts *opts) {
  bool about_directory = opts->cwd != NULL && access(opts->cwd, X_OK) != 0;
  return xiol_refuse_path(L, status, "spawn", about_directory ? opts->cwd : opts->file);
}

static void make_class(lua_State *L, xiol_state *state);

/* process_spawn{file=, args=, env=, path=, cwd=, fds=, session=}: a handle, and the
 * streams for descriptors 0 to 2, nil where they are no pipes; or nil, err, code. */
static int l_spawn(lua_State *L) {
  xiol_state *state = xiol_state_of(L);
  lua_settop(L, 1);
  xiol_task *task = xiol_running(L, state, "xio.process.spawn");
  launching how = {.opts = {.file = field_string(L, "file"),
                            .path = field_string(L, "path"),
                            .cwd = field_string(L, "cwd")}};
  lua_getfield(L, 1, "session");
  how.opts.session = lua_toboolean(L, -1) != 0;
  how.opts.args = push_strings(L, "args");
  how.opts.env = push_strings(L, "env");
  if (how.opts.env == NULL) how.opts.env = environ;
  xiol_process *box = lua_newuserdatauv(L, sizeof *box, 0);
  *box = (xiol_process){.kind = &xiol_kind_process, .state = state};
  xiol_set_class(L, state, XIOL_REF_PROCESS, make_class);
  int handle = lua_gettop(L);
  read_descriptors(L, state, &how);
  int status = start(box, task->runtime->loop, &how);
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  if (status != XIO_OK) return refuse_start(L, status, &how.opts);
  box->counted = true;
  state->live.processes++;
  lua_remove(L, handle + 1); /* the list of descriptors */
  lua_settop(L, handle + STANDARD);
  return STANDARD + 1;
}

/* -- waiting ------------------------------------------------------------------------- */

/* Notes how the process has ended, if it has. */
static bool note_exit(xiol_process *box) {
  if (box->process == NULL || box->has_exit) return box->has_exit;
  const xio_process_exit *exit = xio_process_exited(box->process);
  if (exit == NULL) return false;
  box->exit = *exit;
  box->has_exit = true;
  return true;
}

/* Pushes {code =} or {signal =}; or nil, err, code where nobody knows. */
static int push_exit(lua_State *L, const xiol_process *box) {
  if (box->exit.lost) return xiol_refuse(L, -ECHILD, "wait");
  lua_createtable(L, 0, 2);
  if (box->exit.signum == 0) {
    lua_pushinteger(L, box->exit.code);
    lua_setfield(L, -2, "code");
    return 1;
  }
  const char *name = xio_signame_of(box->exit.signum);
  if (name != NULL) {
    lua_pushstring(L, name);
  } else {
    lua_pushfstring(L, "%d", box->exit.signum);
  }
  lua_setfield(L, -2, "signal");
  return 1;
}

static int finish_wait(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status);
  xiol_process *box = lua_touserdata(L, 1);
  if (status == XIO_OK && !note_exit(box)) status = XIO_ECLOSED;
  return status == XIO_OK ? push_exit(L, box) : xiol_refuse(L, status, "wait");
}

/* The task that may wait for the process, in whose run it was started. */
static xiol_task *enter(lua_State *L, const xiol_process *box, const char *function) {
  xiol_task *task = xiol_enter(L, xiol_state_of(L), function);
  if (box->process != NULL && xio_process_loop(box->process) != task->runtime->loop) {
    xiol_fail(L, "%s: the process belongs to another run: use it there", function);
  }
  return task;
}

/* handle:wait([timeout]): {code =, signal =} when it has exited; nil, err, code. */
static int process_wait(lua_State *L) {
  static const char function[] = "process:wait";
  xiol_process *box = check_process(L, function);
  int64_t timeout = xiol_check_seconds(L, 2, true, function);
  xiol_task *task = enter(L, box, function);
  lua_settop(L, 1);
  if (xio_task_begin(&task->core) != XIO_OK) return xiol_yield(L, 0, finish_wait);
  if (note_exit(box)) {
    if (xio_task_spend(&task->core)) return push_exit(L, box);
    xio_wait_reschedule(&task->core.wait, XIO_OK);
    return xiol_yield(L, 0, finish_wait);
  }
  if (box->process == NULL) return xiol_refuse(L, XIO_ECLOSED, "wait");
  xio_clock *clock = task->core.wait.queue->clock;
  int64_t at = timeout == XIO_NEVER ? XIO_NEVER : xio_clock_after(clock, timeout);
  if (xio_process_wait(box->process, &task->core, at) != XIO_OK) xiol_raise_memory(L);
  return xiol_yield(L, 0, finish_wait);
}

/* -- ending -------------------------------------------------------------------------- */

/* handle:kill(name): true; or nil, err, "ESRCH" where it has exited. The name is checked:
 * nil where it is none. */
static int process_kill(lua_State *L) {
  xiol_process *box = check_process(L, "process:kill");
  int signum = xio_signame_number(luaL_checkstring(L, 2));
  int status = box->process != NULL ? xio_process_kill(box->process, signum) : -ESRCH;
  if (status != XIO_OK) return xiol_refuse(L, status, "kill");
  lua_pushboolean(L, 1);
  return 1;
}

static int finish_end(lua_State *L, int status, lua_KContext context) {
  (void)context;
  xiol_task *task = xiol_resumed(L, xiol_state_of(L));
  status = task->core.wait.status;
  note_exit(lua_touserdata(L, 1));
  if (status != XIO_OK) return xiol_refuse(L, status, "kill");
  lua_pushboolean(L, 1);
  return 1;
}

/* handle:finish(signal, grace): ends the process and its group: by the signal (nil: it
 * has been told), and by KILL when `grace` seconds are over. Waits for that; also under a
 * cancellation, which only shortens the grace. True; or nil, err, code. */
static int process_end(lua_State *L) {
  static const char function[] = "process:close";
  xiol_process *box = check_process(L, function);
  int signum = lua_isnil(L, 2) ? 0 : xio_signame_number(luaL_checkstring(L, 2));
  int64_t grace = xiol_check_seconds(L, 3, false, function);
  lua_settop(L, 1);
  note_exit(box);
  if (box->process == NULL || !xio_process_lives(box->process)) {
    lua_pushboolean(L, 1);
    return 1;
  }
  xiol_task *task = enter(L, box, function);
  bool hurries = task->core.wait.scope->effective;
  xio_process_end(box->process, &task->core, signum, hurries ? 0 : grace);
  return xiol_yield(L, 0, finish_end);
}

static void release(xiol_process *box, bool kills) {
  if (box == NULL) return;
  if (box->counted) box->state->live.processes--;
  box->counted = false;
  if (box->process == NULL) return;
  note_exit(box);
  xio_process_release(box->process, kills);
  box->process = NULL;
}

/* handle:release(kills): it is not needed any more; what lives of it and its group is
 * killed, or lives on. */
static int process_release(lua_State *L) {
  release(check_process(L, "process:close"), lua_toboolean(L, 2) != 0);
  return 0;
}

static int process_gc(lua_State *L) {
  xiol_process *box = xiol_test(L, 1, &xiol_kind_process);
  if (box != NULL && box->process != NULL && !note_exit(box)) {
    lua_warning(L, "a process was collected that had not been closed; it is killed", 0);
  }
  release(box, true);
  return 0;
}

static int process_pid(lua_State *L) {
  xiol_process *box = check_process(L, "process.pid");
  lua_pushinteger(L, box->process != NULL ? xio_process_pid(box->process) : 0);
  return 1;
}

/* -- what process.lua asks ----------------------------------------------------------- */

/* process_descriptor(file): the descriptor of an open io file, whose buffer is written;
 * nil where that is no open io file. */
static int l_descriptor(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  if (stream == NULL || stream->closef == NULL) return 0;
  (void)fflush(stream->f); /* an error stays with the file */
  lua_pushinteger(L, fileno(stream->f));
  return 1;
}

/* process_pull(stream): moves what its pipe has into its buffer, where no task is in the
 * middle of a read. False: there will be no more. */
static int l_pull(lua_State *L) {
  enum { PULLED = 65536 };
  xiol_stream *box = xiol_check(L, 1, &xiol_kind_stream, "process:wait");
  const xio_allocator *alloc = &box->source.state->alloc;
  int64_t count = 0;
  while (count >= 0 && box->core != NULL && !xiol_source_busy(&box->source)) {
    char *room = xio_buffer_reserve(&box->source.buffer, alloc, PULLED);
    if (room == NULL) xiol_raise_memory(L);
    count = xio_stream_read(box->core, room, PULLED);
    if (count > 0) xio_buffer_commit(&box->source.buffer, (size_t)count);
  }
  lua_pushboolean(L, box->core != NULL && (count >= 0 || count == XIO_EAGAIN));
  return 1;
}

/* process_environment(): a list of "NAME=value". */
static int l_environment(lua_State *L) {
  lua_newtable(L);
  for (int i = 0; environ != NULL && environ[i] != NULL; i++) {
    lua_pushstring(L, environ[i]);
    lua_rawseti(L, -2, i + 1);
  }
  return 1;
}

/* signal_known(name): whether there is a signal of that name. */
static int l_known(lua_State *L) {
  lua_pushboolean(L, xio_signame_number(luaL_checkstring(L, 1)) != 0);
  return 1;
}

/* process_grace(): how many seconds of grace the current run gives. */
static int l_grace(lua_State *L) {
  xiol_task *task = xiol_running(L, xiol_state_of(L), "xio.process.spawn");
  lua_pushnumber(L, xiol_to_seconds(task->runtime->grace_ns));
  return 1;
}

const luaL_Reg xiol_process_functions[] = {{"process_spawn", l_spawn},
                                           {"process_descriptor", l_descriptor},
                                           {"process_environment", l_environment},
                                           {"process_grace", l_grace},
                                           {"process_pull", l_pull},
                                           {"signal_known", l_known},
                                           {NULL, NULL}};

static void make_class(lua_State *L, xiol_state *state) {
  static const luaL_Reg methods[] = {
      {"wait", process_wait},       {"kill", process_kill}, {"finish", process_end},
      {"release", process_release}, {"pid", process_pid},   {NULL, NULL}};
  static const luaL_Reg closing[] = {{"__gc", process_gc}, {NULL, NULL}};
  lua_newtable(L);
  xiol_set_functions(L, state, closing);
  lua_newtable(L);
  xiol_set_functions(L, state, methods);
  lua_setfield(L, -2, "__index");
  lua_pushstring(L, xiol_kind_process.name);
  lua_setfield(L, -2, "__name");
  xiol_keep(L, state, XIOL_REF_PROCESS);
}
