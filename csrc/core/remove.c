/* remove: a folder with all that is in it, in a thread (path.h).
 *
 * Folders are entered by descriptors and without following links, so that nobody who
 * exchanges a folder for a link meanwhile makes it remove anything elsewhere. How deep
 * the tree is does not matter: what is deeper than some levels is moved up to the top
 * first, which needs no other rights than removing it does. What cannot be removed stays
 * and the rest goes; the first refusal is the result. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

enum {
  DEPTH_MAX = 16, /* descriptors held at once */
  FOLDER_FLAGS = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK
};

/* A folder that is being emptied. */
typedef struct level {
  DIR *entries;
  uint64_t before;         /* how much had been removed when it was last begun with */
  char name[NAME_MAX + 1]; /* in the folder above */
} level;

typedef struct removing {
  level levels[DEPTH_MAX]; /* the top first */
  unsigned depth;          /* how many there are */
  unsigned moved;          /* folders that were moved up */
  uint64_t removed;
  int status; /* the first refusal */
} removing;

static void refuse(removing *remove, int error) {
  if (error != ENOENT && remove->status == XIO_OK) remove->status = -error;
}

/* Counts what was removed. `failed`: it was not, errno tells why. */
static void note(removing *remove, bool failed) {
  if (failed) {
    refuse(remove, errno);
  } else {
    remove->removed++;
  }
}

/* The descriptor of the innermost folder. */
static int innermost(const removing *remove) {
  return dirfd(remove->levels[remove->depth - 1].entries);
}

/* Begins to empty the folder that was opened as `number`, which it takes. */
static void enter(removing *remove, int number, const char *name) {
  level *next = &remove->levels[remove->depth];
  next->entries = number >= 0 ? fdopendir(number) : NULL;
  if (next->entries == NULL) {
    refuse(remove, errno);
    if (number >= 0) close(number);
    return;
  }
  next->before = remove->removed;
  memcpy(next->name, name, strlen(name) + 1);
  remove->depth++;
}

/* The innermost folder has no more entries. What was added meanwhile, or left out by a
 * system that loses its place, is found by looking again. */
static void leave(removing *remove) {
  level *last = &remove->levels[remove->depth - 1];
  if (remove->removed != last->before && remove->status == XIO_OK) {
    last->before = remove->removed;
    rewinddir(last->entries);
    return;
  }
  closedir(last->entries);
  remove->depth--;
  if (remove->depth == 0) return;
  note(remove, unlinkat(innermost(remove), last->name, AT_REMOVEDIR) != 0);
}

/* Moves a folder to the top, where it is removed later. */
static void move_up(removing *remove, const char *name) {
  char moved[32];
  int top = dirfd(remove->levels[0].entries);
  for (int tries = 0; tries < 1000; tries++) {
    (void)snprintf(moved, sizeof moved, ".xio-%u", remove->moved++);
    bool failed = renameat(innermost(remove), name, top, moved) != 0;
    if (!failed || (errno != EEXIST && errno != ENOTEMPTY && errno != ENOTDIR)) {
      note(remove, failed);
      return;
    }
  }
  refuse(remove, EEXIST);
}

static void remove_entry(removing *remove, const struct dirent *entry) {
  const char *name = entry->d_name;
  int folder = innermost(remove);
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) return;
  if (entry->d_type != DT_DIR) {
    bool failed = unlinkat(folder, name, 0) != 0;
    if (!failed || (errno != EISDIR && errno != EPERM)) {
      note(remove, failed);
      return;
    }
  }
  if (unlinkat(folder, name, AT_REMOVEDIR) == 0) { /* it was empty */
    remove->removed++;
  } else if (remove->depth == DEPTH_MAX) {
    move_up(remove, name);
  } else {
    enter(remove, openat(folder, name, FOLDER_FLAGS), name);
  }
}

/* Removes all that is in the folders that were entered, which are closed then.
 * XIO_ECANCELED, or XIO_OK. */
static int empty_folders(removing *remove, xio_work *work) {
  while (remove->depth > 0) {
    level *last = &remove->levels[remove->depth - 1];
    if (xio_work_unwanted(work)) {
      closedir(last->entries);
      remove->depth--;
      continue;
    }
    errno = 0; /* which tells the end from a failure */
    /* each stream is used by this thread only. NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const struct dirent *entry = readdir(last->entries);
    if (entry != NULL) {
      remove_entry(remove, entry);
    } else {
      if (errno != 0) refuse(remove, errno);
      leave(remove);
    }
  }
  return xio_work_unwanted(work) ? XIO_ECANCELED : XIO_OK;
}

/* Takes slashes off the end, behind which a link would be followed. False: it is nothing
 * that can be removed: a root, or a folder called by a dot. */
static bool trim(char *path) {
  size_t length = strlen(path);
  while (length > 1 && path[length - 1] == '/') path[--length] = '\0';
  const char *slash = strrchr(path, '/');
  const char *name = slash != NULL ? slash + 1 : path;
  return *name != '\0' && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int xio_path_remove(xio_path_request *request) {
  removing remove = {.status = XIO_OK};
  if (request->path[0] == '\0') return -ENOENT;
  if (!trim(request->path)) return -EINVAL;
  int top = open(request->path, FOLDER_FLAGS);
  if (top < 0) return errno == ELOOP ? -ENOTDIR : -errno;
  enter(&remove, top, "");
  if (empty_folders(&remove, &request->work) != XIO_OK) return XIO_ECANCELED;
  if (remove.status != XIO_OK) return remove.status;
  return rmdir(request->path) == 0 ? XIO_OK : -errno;
}
