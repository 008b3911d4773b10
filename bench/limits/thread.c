/* thread.c: the least that running a function in another thread can cost.
 *
 *   thread create|handover SECONDS
 *
 * `create` starts a thread that does nothing and joins it. `handover` gives a word to a
 * thread that waits for it, by a mutex and a condition variable, and takes one back: what
 * a pool with idle threads has to do at least.
 */
#include "limit.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { BATCH = 200 };

typedef struct seat {
  pthread_mutex_t mutex;
  pthread_cond_t asked, answered;
  bool job, done, stop;
} seat;

static void *nothing(void *argument) {
  return argument;
}

static int64_t run_create(lua_State *L, void *data, int64_t *ops) {
  (void)L;
  (void)data;
  int64_t start = limit_now();
  for (int i = 0; i < BATCH; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, nothing, NULL) != 0) limit_fail("pthread_create");
    pthread_join(thread, NULL);
  }
  *ops = BATCH;
  return limit_now() - start;
}

static void *serve(void *argument) {
  seat *s = argument;
  pthread_mutex_lock(&s->mutex);
  while (!s->stop) {
    if (s->job) {
      s->job = false;
      s->done = true;
      pthread_cond_signal(&s->answered);
    }
    pthread_cond_wait(&s->asked, &s->mutex);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

static int64_t run_handover(lua_State *L, void *data, int64_t *ops) {
  (void)L;
  seat *s = data;
  int64_t start = limit_now();
  for (int i = 0; i < BATCH; i++) {
    pthread_mutex_lock(&s->mutex);
    s->job = true;
    pthread_cond_signal(&s->asked);
    while (!s->done) pthread_cond_wait(&s->answered, &s->mutex);
    s->done = false;
    pthread_mutex_unlock(&s->mutex);
  }
  *ops = BATCH;
  return limit_now() - start;
}

int main(int argc, char **argv) {
  if (argc < 2) limit_fail("usage: thread create|handover SECONDS");
  double seconds = limit_arg(argc, argv, 2, 0.3);
  lua_State *L = limit_open();
  if (strcmp(argv[1], "create") == 0) {
    limit_measure(L, seconds, run_create, NULL);
  } else {
    seat s = {.job = false};
    pthread_t thread;
    pthread_mutex_init(&s.mutex, NULL);
    pthread_cond_init(&s.asked, NULL);
    pthread_cond_init(&s.answered, NULL);
    if (pthread_create(&thread, NULL, serve, &s) != 0) limit_fail("pthread_create");
    limit_measure(L, seconds, run_handover, &s);
    pthread_mutex_lock(&s.mutex);
    s.stop = true;
    pthread_cond_signal(&s.asked);
    pthread_mutex_unlock(&s.mutex);
    pthread_join(thread, NULL);
  }
  lua_close(L);
  return 0;
}
