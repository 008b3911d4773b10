/* path: what xio.fs does with paths, in C: the functions behind lua/xio/fs.lua.
 *
 * Each begins a request of core/path.h, which copies the path, and parks the task. The
 * frame keeps the arguments, for the error that tells of them. A result that there is no
 * memory for stays with its request, which the loop frees at its end. Loop's thread. */
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

/* By xio_path_op: what the operation is called in errors, and whether its second argument
 * is a path. */
static const struct {
  const char *name;
  bool has_to;
} operations[XIO_PATH_OPS] = {[XIO_PATH_STAT] = {.name = "stat"},
                              [XIO_PATH_LSTAT] = {.name = "lstat"},
                              [XIO_PATH_LSTATS] = {.name = "walk"},
                              [XIO_PATH_READDIR] = {.name = "readdir"},
                              [XIO_PATH_MKDIR] = {.name = "mkdir"},
                              [XIO_PATH_MKDIRS] = {.name = "mkdir"},
                              [XIO_PATH_MKDTEMP] = {.name = "mkdtemp"},
                              [XIO_PATH_RENAME] = {.name = "rename", .has_to = true},
                              [XIO_PATH_UNLINK] = {.name = "unlink"},
                              [XIO_PATH_RMDIR] = {.name = "rmdir"},
                              [XIO_PATH_SYMLINK] = {.name = "symlink", .has_to = true},
                              [XIO_PATH_READLINK] = {.name = "readlink"},
                              [XIO_PATH_REALPATH] = {.name = "realpath"},
                              [XIO_PATH_CHMOD] = {.name = "chmod"},
                              [XIO_PATH_UTIME] = {.name = "utime"},
                              [XIO_PATH_ACCESS] = {.name = "access"},
                              [XIO_PATH_COPY] = {.name = "copy", .has_to = true},
                              [XIO_PATH_REMOVE] = {.name = "rmtree"}};

/* -- arguments ----------------------------------------------------------------------- */

const char *xiol_check_path(lua_State *L, int index, const char *function) {
  if (lua_type(L, index) != LUA_TSTRING) xiol_type_error(L, function, index, "string");
  return lua_tostring(L, index);
}

bool xiol_is_path(lua_State *L, int index) {
  size_t length = 0;
  const char *path = lua_tolstring(L, index, &length);
  return strlen(path) == length;
}

static int check_mode(lua_State *L, int index, const char *function) {
  int exact = 0;
  if (lua_type(L, index) != LUA_TNUMBER) xiol_type_error(L, function, index, "integer");
  lua_Integer mode = lua_tointegerx(L, index, &exact);
  if (!exact || mode < 0 || mode > 07777) {
    xiol_arg_error(L, function, index, "integer from 0 to 4095 (octal 7777) expected");
  }
  return (int)mode;
}

static double check_time(lua_State *L, int index, const char *function) {
  if (lua_type(L, index) != LUA_TNUMBER) {
    xiol_type_error(L, function, index, "number of seconds");
  }
  double seconds = lua_tonumber(L, index);
  if (!(fabs(seconds) < 9e15)) {
    xiol_arg_error(L, function, index, "finite number of seconds expected");
  }
  return seconds;
}

/* -- results ------------------------------------------------------------------------- */

static void set_integer(lua_State *L, const char *field, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, field);
}

static void set_time(lua_State *L, const char *field, const uv_timespec_t *time) {
  lua_createtable(L, 0, 2);
  lua_pushinteger(L, time->tv_sec);
  lua_setfield(L, -2, "sec");
  lua_pushinteger(L, time->tv_nsec);
  lua_setfield(L, -2, "nsec");
  lua_setfield(L, -2, field);
}

static const char *type_name(uint64_t mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return "file";
    case S_IFDIR: return "directory";
    case S_IFLNK: return "link";
    case S_IFIFO: return "fifo";
    case S_IFSOCK: return "socket";
    case S_IFCHR: return "char";
    case S_IFBLK: return "block";
    default: return "unknown";
  }
}

void xiol_push_stat(lua_State *L, const uv_stat_t *stat) {
  lua_createtable(L, 0, 17);
  set_integer(L, "dev", stat->st_dev);
  set_integer(L, "mode", stat->st_mode);
  set_integer(L, "nlink", stat->st_nlink);
  set_integer(L, "uid", stat->st_uid);
  set_integer(L, "gid", stat->st_gid);
  set_integer(L, "rdev", stat->st_rdev);
  set_integer(L, "ino", stat->st_ino);
  set_integer(L, "size", stat->st_size);
  set_integer(L, "blksize", stat->st_blksize);
  set_integer(L, "blocks", stat->st_blocks);
  set_integer(L, "flags", stat->st_flags);
  set_integer(L, "gen", stat->st_gen);
  set_time(L, "atime", &stat->st_atim);
  set_time(L, "mtime", &stat->st_mtim);
  set_time(L, "ctime", &stat->st_ctim);
  set_time(L, "birthtime", &stat->st_birthtim);
  lua_pushstring(L, type_name(stat->st_mode));
  lua_setfield(L, -2, "type");
}

/* A list with false for what is not there any more. */
static void push_stats(lua_State *L, const xio_path_request *request) {
  lua_createtable(L, (int)request->count, 0);
  for (uint32_t i = 0; i < request->count; i++) {
    if (request->stats[i].st_mode != 0) {
      xiol_push_stat(L, &request->stats[i]);
    } else {
      lua_pushboolean(L, 0);
    }
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

static void push_names(lua_State *L, xio_path_request *request) {
  int64_t count = xio_path_result(request);
  lua_createtable(L, count < INT32_MAX ? (int)count : 0, 0);
  const char *name = NULL;
  for (lua_Integer i = 1; (name = xio_path_next(request)) != NULL; i++) {
    lua_pushstring(L, name);
    lua_rawseti(L, -2, i);
  }
}

static void push_result(lua_State *L, xio_path_request *request) {
  switch (request->op) {
    case XIO_PATH_STAT:
    case XIO_PATH_LSTAT: xiol_push_stat(L, xio_path_stat(request)); break;
    case XIO_PATH_LSTATS: push_stats(L, request); break;
    case XIO_PATH_READDIR: push_names(L, request); break;
    case XIO_PATH_MKDTEMP:
    case XIO_PATH_READLINK:
    case XIO_PATH_REALPATH: lua_pushstring(L, xio_path_text(request)); break;
    default: lua_pushboolean(L, 1); break;
  }
}

/* Pushes nil, the error, the code. The frame: [1] the path, [2] the other one, if any. */
static int refuse(lua_State *L, xio_path_op op, int status) {
  if (status == XIO_ENOMEM) xiol_raise_memory(L);
  int count = xiol_refuse_path(L, status, operations[op].name, lua_tostring(L, 1));
  lua_pushvalue(L, 1); /* whole, also where it has a byte of 0 */
  lua_setfield(L, -3, "path");
  if (operations[op].has_to) {
    lua_pushvalue(L, 2);
    lua_setfield(L, -3, "to");
  }
  return count;
}

static int finish(lua_State *L, int status, lua_KContext context) {
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  status = task->core.wait.status;
  xiol_check_cancelled(L, state, task, status); /* the request is gone then */
  xio_path_request *request = (xio_path_request *)context;
  int64_t result = xio_path_result(request);
  if (result >= 0) push_result(L, request);
  xio_path_op op = request->op;
  xio_path_free(request);
  return result >= 0 ? 1 : refuse(L, op, (int)result);
}

/* -- beginning ----------------------------------------------------------------------- */

int xiol_finish_cancelled(lua_State *L, int status, lua_KContext context) {
  (void)status;
  (void)context;
  xiol_state *state = xiol_state_of(L);
  xiol_task *task = xiol_resumed(L, state);
  return xiol_raise_cancelled(L, state, task);
}

/* Begins the operation. The frame: [1] the path, [2] the other one, if any. */
static int begin(lua_State *L, xio_path_call call, const char *function) {
  xiol_state *state = xiol_state_of(L);
  bool has_to = operations[call.op].has_to;
  call.path = xiol_check_path(L, 1, function);
  if (has_to) call.to = xiol_check_path(L, 2, function);
  xiol_task *task = xiol_enter(L, state, function);
  if (!xiol_is_path(L, 1) || (has_to && !xiol_is_path(L, 2))) {
    return refuse(L, call.op, XIO_EINVAL);
  }
  if (xio_task_begin(&task->core) != XIO_OK)
    return xiol_yield(L, 0, xiol_finish_cancelled);
  xio_path_request *request = NULL;
  int status = xio_path_begin(&request, task->runtime->loop, &task->core, &call);
  if (status != XIO_OK) xiol_raise_memory(L);
  return xiol_yield(L, (lua_KContext)request, finish);
}

/* What each function does and gives is told in lua/xio/fs.lua. */

static int l_stat(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_STAT}, "xio.fs.stat");
}

static int l_lstat(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_LSTAT}, "xio.fs.lstat");
}

static int l_readdir(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_READDIR}, "xio.fs.readdir");
}

static int l_unlink(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_UNLINK}, "xio.fs.unlink");
}

static int l_rmdir(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_RMDIR}, "xio.fs.rmdir");
}

static int l_rmtree(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_REMOVE}, "xio.fs.rmtree");
}

static int l_readlink(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_READLINK}, "xio.fs.readlink");
}

static int l_realpath(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_REALPATH}, "xio.fs.realpath");
}

static int l_rename(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_RENAME}, "xio.fs.rename");
}

static int l_copy(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_COPY}, "xio.fs.copy");
}

static int l_symlink(lua_State *L) {
  return begin(L, (xio_path_call){.op = XIO_PATH_SYMLINK}, "xio.fs.symlink");
}

/* mkdtemp(prefix): "XXXXXX" is added here. */
static int l_mkdtemp(lua_State *L) {
  static const char function[] = "xio.fs.mkdtemp";
  xiol_check_path(L, 1, function);
  lua_settop(L, 1);
  lua_pushliteral(L, "XXXXXX");
  lua_concat(L, 2);
  return begin(L, (xio_path_call){.op = XIO_PATH_MKDTEMP}, function);
}

/* mkdir(path, mode, parents) */
static int l_mkdir(lua_State *L) {
  static const char function[] = "xio.fs.mkdir";
  xio_path_call call = {.op = lua_toboolean(L, 3) ? XIO_PATH_MKDIRS : XIO_PATH_MKDIR,
                        .mode = check_mode(L, 2, function)};
  return begin(L, call, function);
}

static int l_chmod(lua_State *L) {
  static const char function[] = "xio.fs.chmod";
  xiol_check_path(L, 1, function);
  return begin(L,
               (xio_path_call){.op = XIO_PATH_CHMOD, .mode = check_mode(L, 2, function)},
               function);
}

static int l_utime(lua_State *L) {
  static const char function[] = "xio.fs.utime";
  xiol_check_path(L, 1, function);
  xio_path_call call = {.op = XIO_PATH_UTIME,
                        .accessed = check_time(L, 2, function),
                        .modified = check_time(L, 3, function)};
  return begin(L, call, function);
}

/* access(path [, mode]) */
static int l_access(lua_State *L) {
  static const char function[] = "xio.fs.access";
  xio_path_call call = {.op = XIO_PATH_ACCESS, .mode = F_OK};
  xiol_check_path(L, 1, function);
  if (!lua_isnoneornil(L, 2)) {
    if (lua_type(L, 2) != LUA_TSTRING) xiol_type_error(L, function, 2, "string");
    for (const char *letter = lua_tostring(L, 2); *letter != '\0'; letter++) {
      switch (*letter) {
        case 'r': call.mode |= R_OK; break;
        case 'w': call.mode |= W_OK; break;
        case 'x': call.mode |= X_OK; break;
        default: xiol_arg_error(L, function, 2, "only the letters r, w, x expected");
      }
    }
  }
  return begin(L, call, function);
}

/* lstats(folder, names, first, count): what lstat tells of some names, as a list, with
 * false for what is not there. Called by xio.fs.walk only. */
static int l_lstats(lua_State *L) {
  lua_Integer first = luaL_checkinteger(L, 3);
  lua_Integer count = luaL_checkinteger(L, 4);
  luaL_checktype(L, 2, LUA_TTABLE);
  luaL_Buffer names;
  luaL_buffinit(L, &names);
  for (lua_Integer i = first; i < first + count; i++) {
    lua_rawgeti(L, 2, i);
    luaL_addvalue(&names);
    luaL_addchar(&names, '\0');
  }
  luaL_pushresult(&names);
  lua_replace(L, 2);
  lua_settop(L, 2);
  xio_path_call call = {.op = XIO_PATH_LSTATS, .count = (uint32_t)count};
  call.to = lua_tolstring(L, 2, &call.to_size);
  return begin(L, call, "xio.fs.walk");
}

static const luaL_Reg functions[] = {
    {"stat", l_stat},         {"lstat", l_lstat},       {"lstats", l_lstats},
    {"readdir", l_readdir},   {"mkdir", l_mkdir},       {"mkdtemp", l_mkdtemp},
    {"rename", l_rename},     {"copy", l_copy},         {"unlink", l_unlink},
    {"rmdir", l_rmdir},       {"rmtree", l_rmtree},     {"symlink", l_symlink},
    {"readlink", l_readlink}, {"realpath", l_realpath}, {"chmod", l_chmod},
    {"utime", l_utime},       {"access", l_access},     {NULL, NULL}};

void xiol_open_path(lua_State *L, xiol_state *state) {
  xiol_set_functions(L, state, functions);
}

void xiol_open_fs(lua_State *L, xiol_state *state) {
  lua_newtable(L);
  xiol_open_path(L, state);
  xiol_open_file(L, state);
  xiol_open_watch(L, state);
  lua_setfield(L, -2, "fs");
}
