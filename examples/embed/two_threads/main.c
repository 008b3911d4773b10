/* two_threads: two runtimes in two threads, and two in one.
 *
 * Nothing is shared: each thread has a Lua state and a runtime of its own. The main
 * thread reaches the others by a remote, which any thread may post to. Two runtimes in
 * one thread take turns.
 *
 * Prints:
 *   thread 1 was sent 10 numbers, whose sum is 55
 *   thread 2 was sent 10 numbers, whose sum is 155
 *   in one thread: abababab */
#include <lauxlib.h>
#include <lualib.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xio.h>

enum { NUMBERS = 10 };

static const char worker_script[] =
    "local xio = require 'xio'\n"
    "local tx, rx = xio.channel(math.huge)\n"
    "send = function(n) if n then tx:try_send(n) else tx:close() end end\n"
    "local sum, count = 0, 0\n"
    "for n in rx do sum, count = sum + n, count + 1 end\n"
    "return count, sum\n";

/* -- two threads --------------------------------------------------------------------- */

typedef struct worker {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  xio_remote *remote; /* set once the thread is ready for posts; the main thread's */
  int count, sum, result;
} worker;

static void publish(worker *self, xio_remote *remote) {
  pthread_mutex_lock(&self->mutex);
  self->remote = remote;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
}

/* Posted: runs in the worker's thread, and may call Lua. */
static void send(xio_runtime *runtime, lua_State *L, void *data) {
  (void)runtime;
  lua_getglobal(L, "send");
  if (data != NULL) lua_pushinteger(L, (lua_Integer)(intptr_t)data);
  lua_call(L, data != NULL ? 1 : 0, 0); /* an error would end the run */
}

static void *work(void *argument) {
  worker *self = argument;
  lua_State *L = luaL_newstate();
  xio_runtime *runtime = NULL;
  xio_remote *remote = NULL;
  if (L != NULL) luaL_openlibs(L);
  self->result = L != NULL ? xio_open(L, NULL, &runtime) : XIO_ERR_MEMORY;
  if (self->result == 0) self->result = luaL_loadstring(L, worker_script);
  if (self->result == 0) self->result = xio_spawn(runtime, L, 0, NULL);
  if (self->result == 0) {
    int progress = xio_step(runtime, L, 0); /* now the script has set `send` */
    self->result = progress == XIO_MORE || progress == XIO_STALLED
                       ? xio_remote_open(runtime, &remote)
                       : XIO_ERR_LUA;
  }
  publish(self, remote);
  while (self->result == 0) {
    int progress = xio_step(runtime, L, 60);
    if (progress == XIO_ENDED) break;
    if (progress < 0) self->result = progress;
  }
  if (self->result == 0 && xio_push_results(L, 1) == 2) { /* of the handle of xio_spawn */
    self->count = (int)lua_tointeger(L, -2);
    self->sum = (int)lua_tointeger(L, -1);
  }
  if (runtime != NULL && xio_close(runtime, L) != 0) self->result = XIO_ERR_LUA;
  if (L != NULL) lua_close(L);
  return NULL;
}

/* Starts a worker and waits until it can be posted to. */
static int start(worker *self) {
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->changed, NULL);
  if (pthread_create(&self->thread, NULL, work, self) != 0) return -1;
  pthread_mutex_lock(&self->mutex);
  while (self->remote == NULL && self->result == 0) {
    pthread_cond_wait(&self->changed, &self->mutex);
  }
  pthread_mutex_unlock(&self->mutex);
  return self->remote != NULL ? 0 : -1;
}

static int run_two_threads(void) {
  worker workers[2] = {{.count = 0}, {.count = 0}};
  int failures = 0;
  for (int i = 0; i < 2; i++) {
    if (start(&workers[i]) != 0) return 1;
  }
  for (int n = 1; n <= NUMBERS; n++) {
    for (int i = 0; i < 2; i++) {
      void *number = (void *)(intptr_t)(n + i * NUMBERS);
      if (xio_remote_post(workers[i].remote, send, NULL, number) != 0) failures++;
    }
  }
  for (int i = 0; i < 2; i++) {
    if (xio_remote_post(workers[i].remote, send, NULL, NULL) != 0) failures++;
    xio_remote_release(workers[i].remote);
    pthread_join(workers[i].thread, NULL);
    pthread_cond_destroy(&workers[i].changed);
    pthread_mutex_destroy(&workers[i].mutex);
    if (workers[i].result != 0) failures++;
    printf("thread %d was sent %d numbers, whose sum is %d\n", i + 1, workers[i].count,
           workers[i].sum);
  }
  return failures;
}

/* -- one thread ---------------------------------------------------------------------- */

static const char turns_script[] =
    "local letter = ...\n"
    "for _ = 1, 4 do log = (log or '') .. letter; require('xio').sleep(0) end\n";

static int run_one_thread(void) {
  lua_State *L = luaL_newstate();
  if (L == NULL) return 1;
  luaL_openlibs(L);
  xio_runtime *runtimes[2] = {NULL, NULL};
  int result = 0;
  for (int i = 0; i < 2 && result == 0; i++) {
    result = xio_open(L, NULL, &runtimes[i]);
    if (result == 0) result = luaL_loadstring(L, turns_script);
    if (result != 0) break;
    lua_pushstring(L, i == 0 ? "a" : "b");
    result = xio_spawn(runtimes[i], L, 1, NULL);
  }
  int live = 2;
  while (result == 0 && live != 0) {
    live = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
      int progress = xio_step(runtimes[i], L, 0);
      if (progress < 0) result = progress;
      if (progress == XIO_MORE) live++;
    }
  }
  lua_getglobal(L, "log");
  printf("in one thread: %s\n", lua_tostring(L, -1));
  for (int i = 0; i < 2; i++) {
    if (xio_close(runtimes[i], L) != 0) result = XIO_ERR_LUA;
  }
  lua_close(L);
  return result != 0;
}

int main(void) {
  int failures = run_two_threads();
  failures += run_one_thread();
  return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
