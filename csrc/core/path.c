/* path: see path.h. */
#include "path.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* -- in a thread --------------------------------------------------------------------- */

/* Makes `fs` free for the next call. */
static uv_fs_t *fresh(xio_path_request *request) {
  if (request->has_fs) uv_fs_req_cleanup(&request->fs);
  request->has_fs = true;
  return &request->fs;
}

static int run_stat(xio_path_request *request) {
  return uv_fs_stat(NULL, fresh(request), request->path, NULL);
}

static int run_lstat(xio_path_request *request) {
  return uv_fs_lstat(NULL, fresh(request), request->path, NULL);
}

static int run_lstats(xio_path_request *request) {
  size_t length = strlen(request->path);
  const char *name = request->to;
  memcpy(request->scratch, request->path, length);
  if (length == 0 || request->path[length - 1] != '/') request->scratch[length++] = '/';
  for (uint32_t i = 0; i < request->count; i++, name += strlen(name) + 1) {
    if (xio_work_unwanted(&request->work)) return XIO_ECANCELED;
    memcpy(request->scratch + length, name, strlen(name) + 1);
    int status = uv_fs_lstat(NULL, fresh(request), request->scratch, NULL);
    if (status == 0) {
      request->stats[i] = request->fs.statbuf;
    } else if (status != UV_ENOENT) {
      return status;
    }
  }
  return XIO_OK;
}

static int run_readdir(xio_path_request *request) {
  return uv_fs_scandir(NULL, fresh(request), request->path, 0, NULL);
}

static int run_mkdir(xio_path_request *request) {
  return uv_fs_mkdir(NULL, fresh(request), request->path, request->mode, NULL);
}

/* Makes one folder unless it is there. Others may make the same ones meanwhile. */
static int ensure_folder(xio_path_request *request, const char *path, int mode) {
  int status = uv_fs_mkdir(NULL, fresh(request), path, mode, NULL);
  if (status == 0 || status == UV_ENOENT) return status;
  int looked = uv_fs_stat(NULL, fresh(request), path, NULL);
  if (looked != 0) return status == UV_EEXIST && looked != UV_ENOENT ? looked : status;
  return S_ISDIR(request->fs.statbuf.st_mode) ? XIO_OK : status;
}

static int run_mkdirs(xio_path_request *request) {
  enum { MODE_OF_PARENTS = 0777 };
  char *path = request->path;
  int status = ensure_folder(request, path, request->mode);
  if (status != UV_ENOENT) return status;
  for (char *at = path + strspn(path, "/"); (at = strchr(at, '/')) != NULL;) {
    if (xio_work_unwanted(&request->work)) return XIO_ECANCELED;
    *at = '\0';
    status = ensure_folder(request, path, MODE_OF_PARENTS);
    *at = '/';
    if (status != XIO_OK) return status;
    at += strspn(at, "/");
  }
  return ensure_folder(request, path, request->mode);
}

static int run_mkdtemp(xio_path_request *request) {
  return uv_fs_mkdtemp(NULL, fresh(request), request->path, NULL);
}

static int run_rename(xio_path_request *request) {
  return uv_fs_rename(NULL, fresh(request), request->path, request->to, NULL);
}

static int run_unlink(xio_path_request *request) {
  return uv_fs_unlink(NULL, fresh(request), request->path, NULL);
}

static int run_rmdir(xio_path_request *request) {
  return uv_fs_rmdir(NULL, fresh(request), request->path, NULL);
}

static int run_symlink(xio_path_request *request) {
  return uv_fs_symlink(NULL, fresh(request), request->path, request->to, 0, NULL);
}

static int run_readlink(xio_path_request *request) {
  return uv_fs_readlink(NULL, fresh(request), request->path, NULL);
}

/* Not libuv's, which gives memory of the C library to its own allocator. */
static int run_realpath(xio_path_request *request) {
  return realpath(request->path, request->scratch) != NULL ? XIO_OK : -errno;
}

static int run_chmod(xio_path_request *request) {
  return uv_fs_chmod(NULL, fresh(request), request->path, request->mode, NULL);
}

static int run_utime(xio_path_request *request) {
  return uv_fs_utime(NULL, fresh(request), request->path, request->accessed,
                     request->modified, NULL);
}

static int run_access(xio_path_request *request) {
  return uv_fs_access(NULL, fresh(request), request->path, request->mode, NULL);
}

static int (*const functions[XIO_PATH_OPS])(xio_path_request *) = {
    [XIO_PATH_STAT] = run_stat,         [XIO_PATH_LSTAT] = run_lstat,
    [XIO_PATH_LSTATS] = run_lstats,     [XIO_PATH_READDIR] = run_readdir,
    [XIO_PATH_MKDIR] = run_mkdir,       [XIO_PATH_MKDIRS] = run_mkdirs,
    [XIO_PATH_MKDTEMP] = run_mkdtemp,   [XIO_PATH_RENAME] = run_rename,
    [XIO_PATH_UNLINK] = run_unlink,     [XIO_PATH_RMDIR] = run_rmdir,
    [XIO_PATH_SYMLINK] = run_symlink,   [XIO_PATH_READLINK] = run_readlink,
    [XIO_PATH_REALPATH] = run_realpath, [XIO_PATH_CHMOD] = run_chmod,
    [XIO_PATH_UTIME] = run_utime,       [XIO_PATH_ACCESS] = run_access,
    [XIO_PATH_COPY] = xio_path_copy,    [XIO_PATH_REMOVE] = xio_path_remove};

static int64_t run(xio_work *work) {
  xio_path_request *request = XIO_CONTAINER_OF(work, xio_path_request, work);
  return functions[request->op](request);
}

/* -- on the loop's thread ------------------------------------------------------------ */

static void free_request(xio_path_request *request) {
  xio_allocator alloc = request->work.loop->alloc;
  if (request->has_fs) uv_fs_req_cleanup(&request->fs);
  xio_alloc_free(&alloc, request, request->size);
}

static void drop(xio_work *work) {
  free_request(XIO_CONTAINER_OF(work, xio_path_request, work));
}

static const xio_work_ops ops = {.run = run, .drop = drop};

int xio_path_begin(xio_path_request **out, xio_loop *loop, xio_task *task,
                   const xio_path_call *call) {
  size_t path_size = strlen(call->path) + 1;
  size_t to_size = call->to == NULL     ? 0
                   : call->to_size != 0 ? call->to_size
                                        : strlen(call->to) + 1;
  size_t stats_size = call->count * sizeof(uv_stat_t);
  size_t scratch_size = call->op == XIO_PATH_LSTATS     ? path_size + 1 + to_size
                        : call->op == XIO_PATH_REALPATH ? PATH_MAX
                                                        : 0;
  size_t size =
      sizeof(xio_path_request) + stats_size + path_size + to_size + scratch_size;
  xio_path_request *request = xio_alloc_new(&loop->alloc, size);
  if (request == NULL) return XIO_ENOMEM;
  request->size = size;
  request->op = call->op;
  request->count = call->count;
  request->mode = call->mode;
  request->accessed = call->accessed;
  request->modified = call->modified;
  request->stats = (uv_stat_t *)(request + 1);
  request->path = (char *)(request->stats + call->count);
  request->to = request->path + path_size;
  request->scratch = request->to + to_size;
  memcpy(request->path, call->path, path_size);
  if (to_size != 0) memcpy(request->to, call->to, to_size);
  xio_work_init(&request->work, loop, &ops);
  xio_work_begin(&request->work);
  xio_work_wait(&request->work, task);
  *out = request;
  return XIO_OK;
}

int64_t xio_path_result(const xio_path_request *request) {
  return request->work.result;
}

const uv_stat_t *xio_path_stat(const xio_path_request *request) {
  return &request->fs.statbuf;
}

const char *xio_path_text(const xio_path_request *request) {
  switch (request->op) {
    case XIO_PATH_MKDTEMP: return request->fs.path;
    case XIO_PATH_REALPATH: return request->scratch;
    default: return request->fs.ptr;
  }
}

const char *xio_path_next(xio_path_request *request) {
  uv_dirent_t entry;
  return uv_fs_scandir_next(&request->fs, &entry) == 0 ? entry.name : NULL;
}

void xio_path_free(xio_path_request *request) {
  xio_work_taken(&request->work);
  free_request(request);
}
