/* locks: mutexes of libuv, where there is one thread: they are never waited for, and one
 * that is taken twice, given back by who has not got it, or left, is a fault. */
#include <string.h>
#include <uv.h>

#include "kernel.h"

enum { MUTEXES = 32 };

static struct {
  const uv_mutex_t *mutex;
  bool locked;
} mutexes[MUTEXES];

void locks_begin(void) {
  memset(mutexes, 0, sizeof mutexes);
}

static int index_of(const uv_mutex_t *mutex) {
  for (int i = 0; i < MUTEXES; i++) {
    if (mutexes[i].mutex == mutex) return i;
  }
  standin_fault("mutex: not open, or too many");
}

int uv_mutex_init(uv_mutex_t *mutex) {
  int at = index_of(NULL);
  mutexes[at].mutex = mutex;
  mutexes[at].locked = false;
  return 0;
}

void uv_mutex_destroy(uv_mutex_t *mutex) {
  int at = index_of(mutex);
  if (mutexes[at].locked) standin_fault("mutex: destroyed while it is locked");
  mutexes[at].mutex = NULL;
}

void uv_mutex_lock(uv_mutex_t *mutex) {
  int at = index_of(mutex);
  if (mutexes[at].locked) standin_fault("mutex: locked twice");
  mutexes[at].locked = true;
}

void uv_mutex_unlock(uv_mutex_t *mutex) {
  int at = index_of(mutex);
  if (!mutexes[at].locked) standin_fault("mutex: unlocked and not locked");
  mutexes[at].locked = false;
}
