/* threads.c: the least that two threads cost each other.
 *
 *   threads async SECONDS        a wake-up there and back: two libuv loops, two uv_async
 *   threads send SECONDS BYTES   a message through a queue of 64: copied in and out
 *
 * The first thread measures; the second one lives as long as the measurement. What they
 * share is in one record each, guarded as told there.
 */
#include "limit.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

enum { TRIPS_PER_BATCH = 1000, MESSAGES_PER_BATCH = 2000, SLOTS = 64 };

static void start_thread(pthread_t *thread, void *(*body)(void *), void *data) {
  if (pthread_create(thread, NULL, body, data) != 0) limit_fail("no thread");
}

/* -- async --------------------------------------------------------------------------- */

/* One side: its loop and what wakes it. */
typedef struct async_side {
  uv_loop_t loop;
  uv_async_t woken;
  struct async_side *other;
  int64_t left; /* trips that the first side still has to make; own thread only */
  bool first;
} async_side;

static void on_woken(uv_async_t *woken) {
  async_side *side = woken->data;
  if (side->first && --side->left <= 0) {
    uv_stop(&side->loop);
    return;
  }
  uv_async_send(&side->other->woken);
}

static void open_side(async_side *side, async_side *other) {
  *side = (async_side){.other = other};
  if (uv_loop_init(&side->loop) != 0) limit_fail("no loop");
  if (uv_async_init(&side->loop, &side->woken, on_woken) != 0) limit_fail("no async");
  side->woken.data = side;
}

static void *run_side(void *data) {
  async_side *side = data;
  uv_run(&side->loop, UV_RUN_DEFAULT);
  return NULL;
}

static int64_t trip_async(lua_State *L, void *data, int64_t *ops) {
  async_side *side = data;
  (void)L;
  int64_t start = limit_now();
  side->left = TRIPS_PER_BATCH;
  uv_async_send(&side->other->woken);
  uv_run(&side->loop, UV_RUN_DEFAULT);
  *ops = TRIPS_PER_BATCH;
  return limit_now() - start;
}

/* The second side's thread is left waiting: the process ends with the measurement. */
static void measure_async(double seconds) {
  static async_side sides[2];
  pthread_t thread;
  open_side(&sides[0], &sides[1]);
  open_side(&sides[1], &sides[0]);
  sides[0].first = true;
  start_thread(&thread, run_side, &sides[1]);
  limit_measure(NULL, seconds, trip_async, &sides[0]);
}

/* -- send ---------------------------------------------------------------------------- */

/* A ring of messages, each on the heap; all but `size` under the mutex. */
typedef struct queue {
  pthread_mutex_t mutex;
  pthread_cond_t filled, emptied;
  char *messages[SLOTS];
  unsigned first, count;
  size_t size;
} queue;

static void *send_all(void *data) {
  queue *self = data;
  char *original = calloc(1, self->size);
  if (original == NULL) limit_fail("not enough memory");
  for (;;) {
    char *message = malloc(self->size);
    if (message == NULL) limit_fail("not enough memory");
    memcpy(message, original, self->size);
    pthread_mutex_lock(&self->mutex);
    while (self->count == SLOTS) pthread_cond_wait(&self->emptied, &self->mutex);
    self->messages[(self->first + self->count) % SLOTS] = message;
    if (self->count++ == 0) pthread_cond_signal(&self->filled);
    pthread_mutex_unlock(&self->mutex);
  }
  return NULL;
}

static void receive(queue *self, char *copy) {
  pthread_mutex_lock(&self->mutex);
  while (self->count == 0) pthread_cond_wait(&self->filled, &self->mutex);
  char *message = self->messages[self->first];
  self->first = (self->first + 1) % SLOTS;
  if (self->count-- == SLOTS) pthread_cond_signal(&self->emptied);
  pthread_mutex_unlock(&self->mutex);
  memcpy(copy, message, self->size);
  free(message);
}

static int64_t receive_many(lua_State *L, void *data, int64_t *ops) {
  queue *self = data;
  (void)L;
  char *copy = malloc(self->size);
  if (copy == NULL) limit_fail("not enough memory");
  int64_t start = limit_now();
  for (int i = 0; i < MESSAGES_PER_BATCH; i++) receive(self, copy);
  *ops = MESSAGES_PER_BATCH;
  int64_t elapsed = limit_now() - start;
  free(copy);
  return elapsed;
}

static void measure_send(double seconds, size_t size) {
  static queue shared = {.mutex = PTHREAD_MUTEX_INITIALIZER,
                         .filled = PTHREAD_COND_INITIALIZER,
                         .emptied = PTHREAD_COND_INITIALIZER};
  pthread_t thread;
  shared.size = size;
  start_thread(&thread, send_all, &shared);
  limit_measure(NULL, seconds, receive_many, &shared);
}

int main(int argc, char **argv) {
  const char *mode = argc > 1 ? argv[1] : "";
  double seconds = limit_arg(argc, argv, 2, 0.3);
  if (strcmp(mode, "async") == 0) {
    measure_async(seconds);
  } else if (strcmp(mode, "send") == 0) {
    measure_send(seconds, (size_t)limit_arg(argc, argv, 3, 8));
  } else {
    limit_fail("async or send");
  }
  return 0;
}
