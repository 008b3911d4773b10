/* path: operations on what paths name, each a wait for a function in a thread.
 *
 * A request is one operation: a record on the heap with copies of all that it was given,
 * from its beginning until its result was taken. It does its system calls by libuv's
 * uv_fs_ functions without a callback, which may be called in any thread, so that they
 * are the same on all systems. Several calls that belong together are one function and
 * so one trip to the pool; they stop early when nobody wants the result any more.
 *
 * Paths are bytes that end with 0; nothing is done with them but handing them on. Loop's
 * thread, but for what stands in `run`. Not here: files that are open (file.c), copying
 * (copy.c), removing of trees (remove.c). */
#ifndef XIO_CORE_PATH_H
#define XIO_CORE_PATH_H

#include "work.h"

typedef enum xio_path_op {
  XIO_PATH_STAT,
  XIO_PATH_LSTAT,
  XIO_PATH_LSTATS, /* of the names in `to`, each ended by 0, `count` of them, in `path` */
  XIO_PATH_READDIR,
  XIO_PATH_MKDIR,   /* mode */
  XIO_PATH_MKDIRS,  /* the same with all that is missing above; what is there is right */
  XIO_PATH_MKDTEMP, /* path ends with XXXXXX */
  XIO_PATH_RENAME,  /* to */
  XIO_PATH_UNLINK,
  XIO_PATH_RMDIR,
  XIO_PATH_SYMLINK, /* path is what the link `to` says */
  XIO_PATH_READLINK,
  XIO_PATH_REALPATH,
  XIO_PATH_CHMOD,  /* mode */
  XIO_PATH_UTIME,  /* times */
  XIO_PATH_ACCESS, /* mode: R_OK | W_OK | X_OK */
  XIO_PATH_COPY,   /* to; see copy.c */
  XIO_PATH_REMOVE, /* with all that is in it; see remove.c */
  XIO_PATH_OPS
} xio_path_op;

typedef struct xio_path_call {
  xio_path_op op;
  const char *path;
  const char *to; /* NULL: none */
  size_t to_size; /* with the 0 at the end; 0: to its first 0 */
  uint32_t count;
  int mode;
  double accessed, modified; /* seconds since 1970 */
} xio_path_call;

typedef struct xio_path_request xio_path_request;
struct xio_path_request {
  xio_work work;
  xio_path_op op;
  uv_fs_t fs;  /* of the last call; its results are freed with the request */
  bool has_fs; /* libuv has put something into it */
  uint32_t count;
  int mode;
  double accessed, modified;
  uv_stat_t *stats; /* of XIO_PATH_LSTATS; an st_mode of 0: there is no such name now */
  char *path, *to;  /* behind the record, in the same block */
  char *scratch;    /* room for a path, where the operation needs it */
  size_t size;      /* of the block */
};

/* Begins the operation and parks the running task, which is not cancelled. Where its wait
 * ends with XIO_OK the result is to be taken; with XIO_ECANCELED nothing was done (or not
 * all, of XIO_PATH_REMOVE and XIO_PATH_MKDIRS) and the request is gone. XIO_ENOMEM:
 * nothing was started. What `call` points to is not needed afterwards. */
int xio_path_begin(xio_path_request **out, xio_loop *loop, xio_task *task,
                   const xio_path_call *call) XIO_WARN_UNUSED;

/* The result of an operation whose wait ended with XIO_OK: 0 or more, or a status. */
int64_t xio_path_result(const xio_path_request *request);

/* What stat and lstat tell. */
const uv_stat_t *xio_path_stat(const xio_path_request *request);

/* The text that readlink, realpath and mkdtemp give. */
const char *xio_path_text(const xio_path_request *request);

/* The next name of readdir, or NULL. */
const char *xio_path_next(xio_path_request *request);

/* The result was taken: frees the request. */
void xio_path_free(xio_path_request *request);

/* The functions of copy.c and remove.c, in a thread. */
int xio_path_copy(xio_path_request *request);
int xio_path_remove(xio_path_request *request);

#endif
