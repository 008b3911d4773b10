/* child: see child.h. */
#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <lualib.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/read.h"
#include "core/process.h"
#include "lua/binding.h"

enum { UPVALUE_STOCK = XIOL_UPVALUES + 1 };

/* A command that runs. A userdata: on the stack of who waits, or the user value of a file
 * of io.popen. */
typedef struct child {
  pid_t pid;            /* 0: it was reaped */
  xio_process *process; /* while a task waits for it; NULL otherwise */
  int exit;             /* as waitpid gives it; -1: it could not be had */
  bool has_file;        /* io.popen made it */
} child;

/* -- its life ------------------------------------------------------------------------ */

/* Blocks until it has exited, unless it has. */
static void reap(child *c) {
  if (c->pid == 0) return;
  pid_t got = 0;
  do {
    got = waitpid(c->pid, &c->exit, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) c->exit = -1;
  c->pid = 0;
}

static int collect(lua_State *L) {
  child *c = lua_touserdata(L, 1);
  if (c->process != NULL) xio_process_release(c->process, false);
  c->process = NULL;
  return 0;
}

/* Pushes a child that does not run yet. */
static child *push_child(lua_State *L) {
  child *c = lua_newuserdatauv(L, sizeof *c, 0);
  *c = (child){.pid = 0};
  if (luaL_newmetatable(L, "xio.child")) {
    lua_pushcfunction(L, collect);
    lua_setfield(L, -2, "__gc");
  }
  lua_setmetatable(L, -2);
  return c;
}

/* Starts the command, with `fds` as its standard streams. A status. */
static int start(child *c, const char *command, const int fds[3]) {
  char shell[] = "sh";
  char option[] = "-c";
  char *text = NULL;
  memcpy(&text, &command, sizeof text); /* posix_spawn takes it without const */
  char *const args[] = {shell, option, text, NULL};
  const xio_launch_opts opts = {.file = "/bin/sh",
                                .args = args,
                                .env = environ,
                                .fds = fds,
                                .fd_count = 3,
                                .inherits = true};
  return xio_launch(&c->pid, &opts);
}

/* -- waiting for it ------------------------------------------------------------------ */

/* What it returns that a command has ended. */
static int push_result(lua_State *L, child *c) {
  reap(c);
  if (c->exit != -1) errno = 0; /* or it would count */
  return luaL_execresult(L, c->exit);
}

/* The process has exited: takes how. */
static void take_exit(child *c) {
  const xio_process_exit *how =
      c->process != NULL ? xio_process_exited(c->process) : NULL;
  if (how == NULL) return; /* its loop was closed: reap will tell */
  c->exit = how->signum != 0 ? how->signum : how->code << 8;
  if (how->lost) {
    c->exit = -1;
    errno = ECHILD;
  }
  c->pid = 0;
  xio_process_release(c->process, false);
  c->process = NULL;
}

static int finish_wait(lua_State *L, int status, lua_KContext index) {
  (void)status;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  child *c = lua_touserdata(L, (int)index);
  if (c->process != NULL && xio_process_exited(c->process) == NULL) { /* cancelled */
    xio_process_end(c->process, &task->core, SIGTERM, task->runtime->grace_ns);
    if (task->core.wait.scope->effective) task->core.wait.aborting = true;
    return lua_yieldk(L, 0, index, finish_wait);
  }
  take_exit(c);
  return push_result(L, c);
}

/* The result for the child at the top, waited for where a task can wait. */
static int wait_for(lua_State *L, child *c) {
  xiol_state *state = xiol_state_of(L);
  int index = lua_gettop(L);
  if (!xiol_may_wait(L, state)) return push_result(L, c);
  xiol_task *task = xiol_running(L, state, "wait");
  if (xio_process_adopt(&c->process, task->runtime->loop, c->pid) != XIO_OK) {
    return push_result(L, c);
  }
  if (xio_task_begin(&task->core) == XIO_OK &&
      xio_process_wait(c->process, &task->core, XIO_NEVER) != XIO_OK) {
    xio_process_release(c->process, false);
    c->process = NULL;
    return push_result(L, c);
  }
  return lua_yieldk(L, 0, index, finish_wait);
}

/* The function stood in for, on the arguments. */
static int call_stock(lua_State *L) {
  return lua_tocfunction(L, lua_upvalueindex(UPVALUE_STOCK))(L);
}

/* -- os.execute ---------------------------------------------------------------------- */

static int execute(lua_State *L) {
  static const int fds[3] = {0, 1, 2};
  if (!xiol_may_wait(L, xiol_state_of(L)) || lua_isnoneornil(L, 1)) return call_stock(L);
  const char *command = luaL_checkstring(L, 1);
  child *c = push_child(L);
  int status = start(c, command, fds);
  if (status != XIO_OK) {
    errno = -status;
    return luaL_execresult(L, -1);
  }
  return wait_for(L, c);
}

/* -- io.popen ------------------------------------------------------------------------ */

/* The child of the file at `index` that io.popen has made, which is pushed; or NULL. */
static child *push_child_of(lua_State *L, int index) {
  if (lua_getiuservalue(L, index, 1) == LUA_TUSERDATA) {
    child *c = luaL_testudata(L, -1, "xio.child");
    if (c != NULL && c->has_file) return c;
  }
  lua_pop(L, 1);
  return NULL;
}

/* Closes the stream of a file at 1 that io.popen has made: the stock functions call this,
 * and blocks. */
static int close_file(lua_State *L) {
  luaL_Stream *stream = luaL_checkudata(L, 1, LUA_FILEHANDLE);
  child *c = push_child_of(L, 1);
  (void)fclose(stream->f);
  if (c == NULL) return luaL_fileresult(L, 0, NULL);
  return push_result(L, c);
}

/* file:close(), io.close(file), and what a to-be-closed file calls. */
static int wait_and_close(lua_State *L) {
  luaL_Stream *stream = luaL_testudata(L, 1, LUA_FILEHANDLE);
  if (stream == NULL || stream->closef == NULL) return call_stock(L);
  xio_read_closing(L, 1);
  if (stream->closef != close_file || !xiol_may_wait(L, xiol_state_of(L))) {
    return call_stock(L);
  }
  child *c = push_child_of(L, 1);
  stream->closef = NULL;
  (void)fclose(stream->f); /* the command sees it, and ends */
  return wait_for(L, c);
}

/* Makes the file at the top that of a pipe to or from the command. A status. */
static int open_pipe(luaL_Stream *stream, child *c, const char *command, bool reads) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
  int ours = ends[reads ? 0 : 1];
  int other = ends[reads ? 1 : 0];
  const int fds[3] = {reads ? 0 : other, reads ? other : 1, 2};
  int status = XIO_OK;
  stream->f = fdopen(ours, reads ? "r" : "w");
  if (stream->f == NULL) {
    status = -errno;
    (void)close(ours);
  } else {
    status = start(c, command, fds);
    if (status != XIO_OK) (void)fclose(stream->f);
  }
  (void)close(other);
  return status;
}

/* io.popen(command [, mode]) */
static int popen_file(lua_State *L) {
  const char *command = luaL_checkstring(L, 1);
  const char *mode = luaL_optstring(L, 2, "r");
  luaL_argcheck(L, (mode[0] == 'r' || mode[0] == 'w') && mode[1] == '\0', 2,
                "invalid mode");
  luaL_Stream *stream = lua_newuserdatauv(L, sizeof *stream, 1);
  stream->closef = NULL;
  stream->f = NULL;
  luaL_setmetatable(L, LUA_FILEHANDLE);
  child *c = push_child(L);
  c->has_file = true;
  lua_setiuservalue(L, -2, 1);
  (void)fflush(NULL);
  int status = open_pipe(stream, c, command, mode[0] == 'r');
  if (status != XIO_OK) {
    errno = -status;
    return luaL_fileresult(L, 0, command);
  }
  stream->closef = close_file;
  return 1;
}

/* -- installing ---------------------------------------------------------------------- */

/* Puts `f` in the place of a function of the table at the top. */
static void stand_in(lua_State *L, xiol_state *state, const char *name, lua_CFunction f) {
  xiol_push_upvalues(L, state);
  lua_getfield(L, -1 - XIOL_UPVALUES, name);
  lua_pushcclosure(L, f, UPVALUE_STOCK);
  lua_setfield(L, -2, name);
}

void xio_child_install(lua_State *L, xiol_state *state) {
  int top = lua_gettop(L);
  lua_getglobal(L, "os");
  stand_in(L, state, "execute", execute);
  lua_getglobal(L, "io");
  stand_in(L, state, "popen", popen_file);
  stand_in(L, state, "close", wait_and_close);
  luaL_getmetatable(L, LUA_FILEHANDLE);
  stand_in(L, state, "__close", wait_and_close);
  lua_getfield(L, -1, "__index");
  stand_in(L, state, "close", wait_and_close);
  lua_settop(L, top);
}
