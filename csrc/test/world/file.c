/* file: two files that tasks open, write, read and close.
 *
 * A copy of what is in each file is the model. Expected: what is read is what stands
 * there; a write that was cancelled had no effect, or was told how far it came; a read
 * that was cancelled does not move the place. After a file was closed while a thread may
 * have been writing it nothing is known any more: that may still be on its way. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static const char *const names[FILES] = {"/f/0", "/f/1"};

static open_file *file_at(ctask *self) {
  return &world_of(self)->files[op_of(self)->target];
}

/* Takes the file for the operation that begins. False: it is in use, or not open. */
static bool take_file(ctask *self) {
  open_file *its = file_at(self);
  agent *me = begin_op(self);
  me->record = NULL;
  me->serial = its->serial;
  if (its->file == NULL || its->user != 0) return false;
  its->user = self->core.id;
  return true;
}

/* Whether it still is the file that was taken; gives it back. */
static bool give_back(ctask *self) {
  open_file *its = file_at(self);
  if (its->serial != agent_of(self)->serial) return false;
  its->user = 0;
  return true;
}

static void let_go(world *self, int place) {
  open_file *its = &self->files[place];
  if (its->file == NULL) return;
  xio_file *file = its->file;
  if (its->user != 0) its->known = false;
  if (its->user != 0) its->unsure = true;
  its->file = NULL;
  its->serial++;
  its->user = 0;
  xio_file_release(file);
}

/* -- opening ------------------------------------------------------------------------- */

static bool begin_open(ctask *self) {
  world *its = world_of(self);
  open_file *place = file_at(self);
  agent *me = begin_op(self);
  bool empties = op_of(self)->count % 2 != 0;
  bool appends = op_of(self)->count >= 2;
  let_go(its, op_of(self)->target);
  if (xio_file_new(&place->file, its->tasks.loop) != XIO_OK) {
    place->file = NULL;
    return true;
  }
  place->user = self->core.id;
  me->serial = ++place->serial;
  const char *name = names[op_of(self)->target];
  xio_file_call call = {.op = XIO_FILE_OPEN, .bytes = name, .count = strlen(name) + 1};
  call.flags = O_RDWR | O_CREAT | (empties ? O_TRUNC : 0) | (appends ? O_APPEND : 0);
  call.mode = 0600;
  if (empties) place->known = false; /* until it is known to be done */
  xio_file_request *request = NULL;
  if (xio_file_begin(&request, place->file, &self->core, &call) == XIO_OK) {
    me->record = request;
    return false;
  }
  let_go(its, op_of(self)->target);
  return true;
}

static bool end_open(ctask *self) {
  world *its = world_of(self);
  open_file *place = file_at(self);
  if (!has_begun(self)) return true;
  bool same = give_back(self);
  ctask_event(&its->tasks, "open", self->core.id, self->last_status);
  if (self->last_status == XIO_OK) {
    int64_t result = xio_file_take(agent_of(self)->record, NULL);
    WORLD_EXPECT(its, result == XIO_OK || !its->calm, "open: fails for no reason");
    if (result == XIO_OK && same && op_of(self)->count % 2 != 0) {
      place->known = !place->unsure;
      place->size = 0;
    }
    if (result == XIO_OK) return true;
  }
  if (same) let_go(its, op_of(self)->target);
  return true;
}

static void close_file(ctask *self) {
  ctask_event(self->world, "close file", self->core.id, op_of(self)->target);
  let_go(world_of(self), op_of(self)->target);
}

static void seek_file(ctask *self) {
  const open_file *place = file_at(self);
  if (place->file == NULL || place->user != 0) return;
  xio_file_move(place->file, op_of(self)->count);
}

/* -- reading ------------------------------------------------------------------------- */

static void judge_bytes(world *self, const open_file *place, int64_t at,
                        const char *bytes, int64_t count) {
  if (!place->known) return;
  if (count == XIO_EOF) {
    WORLD_EXPECT(self, at >= place->size, "file: ends before its end");
  } else if (count < 0) {
    WORLD_EXPECT(self, !self->calm, "file: an error out of nowhere");
  } else {
    bool right =
        at + count <= place->size && memcmp(place->bytes + at, bytes, (size_t)count) == 0;
    WORLD_EXPECT(self, right, "file: reads what is not there");
  }
}

static bool go_on_reading(ctask *self) {
  world *its = world_of(self);
  open_file *place = file_at(self);
  char bytes[FILE_MAX];
  for (;;) {
    int64_t at = xio_file_at(place->file);
    int64_t count = xio_file_read(place->file, bytes, 1 + op_of(self)->count);
    if (count != XIO_EAGAIN) {
      ctask_event(&its->tasks, "read file", self->core.id, count);
      judge_bytes(its, place, at, bytes, count);
      give_back(self);
      return true;
    }
    int status = xio_task_begin(&self->core);
    if (status == XIO_OK) status = xio_file_wait_read(place->file, &self->core);
    if (status == XIO_OK || status == XIO_ECANCELED) return false;
    WORLD_EXPECT(its, !its->calm, "file: cannot wait, for no reason");
    give_back(self);
    return true;
  }
}

static bool begin_read(ctask *self) {
  return !take_file(self) || go_on_reading(self);
}

static bool end_read(ctask *self) {
  if (!has_begun(self)) return true;
  const open_file *place = file_at(self);
  bool same = place->serial == agent_of(self)->serial;
  if (same && self->last_status == XIO_OK) return go_on_reading(self);
  WORLD_EXPECT(world_of(self), self->last_status != XIO_ECLOSED || !same,
               "file: closed by nobody");
  give_back(self);
  return true;
}

/* -- writing ------------------------------------------------------------------------- */

static void fill(const ctask *self, char *bytes, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    bytes[i] = (char)(self->core.id * 17 + i * 5 + op_of(self)->count);
  }
}

/* `count` bytes of the operation's message are in the file, from `at` on. */
static void note_written(ctask *self, int64_t at, int64_t count) {
  open_file *place = file_at(self);
  char bytes[FILE_MAX];
  fill(self, bytes, 1 + op_of(self)->count);
  if (!place->known || count <= 0) return;
  if (at > place->size) memset(place->bytes + place->size, 0, (size_t)(at - place->size));
  memcpy(place->bytes + at, bytes, (size_t)count);
  if (at + count > place->size) place->size = at + count;
}

static void judge_write(ctask *self, int64_t at, int64_t count) {
  world *its = world_of(self);
  open_file *place = file_at(self);
  uint32_t size = 1 + op_of(self)->count;
  ctask_event(&its->tasks, "write file", self->core.id, count);
  WORLD_EXPECT(its, count <= (int64_t)size, "file: writes more than there is");
  WORLD_EXPECT(its, count >= 0 || count == -ENOSPC || !its->calm,
               "file: cannot be written, for no reason");
  if (place->file->appends) at = place->size;
  note_written(self, at, count);
  if (count < 0) return;
  WORLD_EXPECT(its, !place->known || xio_file_at(place->file) == at + count,
               "file: stands elsewhere");
}

/* At once, or by a thread. */
static bool begin_write(ctask *self) {
  world *its = world_of(self);
  char bytes[FILE_MAX];
  uint32_t size = 1 + op_of(self)->count;
  if (!take_file(self)) return true;
  open_file *place = file_at(self);
  agent *me = agent_of(self);
  fill(self, bytes, size);
  int64_t at = xio_file_at(place->file);
  int64_t count = xio_file_write(place->file, bytes, size);
  if (count != XIO_EAGAIN) {
    judge_write(self, at, count);
    give_back(self);
    return true;
  }
  xio_file_call call = {.op = XIO_FILE_WRITE,
                        .at = xio_file_at(place->file),
                        .bytes = bytes,
                        .count = size};
  xio_file_request *request = NULL;
  if (xio_file_begin(&request, place->file, &self->core, &call) == XIO_OK) {
    me->record = request;
    return false;
  }
  WORLD_EXPECT(its, !its->calm, "file: cannot begin, for no reason");
  give_back(self);
  return true;
}

static bool end_write(ctask *self) {
  if (!has_begun(self)) return true;
  world *its = world_of(self);
  agent *me = agent_of(self);
  bool same = give_back(self);
  if (self->last_status == XIO_OK) {
    int64_t at = same ? xio_file_at(file_at(self)->file) : 0;
    int64_t count = xio_file_take(me->record, NULL);
    if (same) judge_write(self, at, count);
  } else {
    WORLD_EXPECT(its, self->last_status == XIO_ECANCELED || !same,
                 "file: closed by nobody");
  }
  return true;
}

/* There is something to be read from the beginning. */
void file_begin(world *self) {
  for (int i = 0; i < FILES; i++) {
    open_file *place = &self->files[i];
    int number = open(names[i], O_RDWR | O_CREAT, 0600);
    if (number < 0) continue;
    int64_t size = (int64_t)xio_random_below(&self->random, FILE_BYTES / 2);
    for (int64_t k = 0; k < size; k++) place->bytes[k] = (char)(k * 7 + i);
    place->known = pwrite(number, place->bytes, (size_t)size, 0) == size;
    place->size = size;
    close(number);
  }
}

/* -- checking ------------------------------------------------------------------------ */

void file_end(world *self) {
  for (int i = 0; i < FILES; i++) let_go(self, i);
}

const verb file_verbs[] = {
    {"open", CTASK_WAIT(begin_open, .finish = end_open), VERB_PLAIN, 6, FILES, 4},
    {"close file", CTASK_CALL(close_file), VERB_PLAIN, 1, FILES, 1},
    {"seek", CTASK_CALL(seek_file), VERB_PLAIN, 6, FILES, 400},
    {"read file", CTASK_WAIT(begin_read, .finish = end_read), VERB_PLAIN, 8, FILES, 200},
    {"write file", CTASK_WAIT(begin_write, .finish = end_write), VERB_PLAIN, 8, FILES,
     200},
    {.name = NULL}};
