/* watchdog: see watchdog.h. */
#include "cli/watchdog.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "cli/library.h"
#include "cli/report.h"
#include "lua/binding.h"

enum { PROBES = 4, PERIOD_MS_MAX = 250, NAME_MAX_BYTES = 80, REST_MAX_BYTES = 2000 };

#define WATCHDOG_SIGNAL SIGURG /* ignored by default, so that a late one does no harm */
#define NS_PER_MS INT64_C(1000000)

/* What differs from one run of a task to the next. */
typedef struct run_mark {
  const xio_loop *loop;
  uint64_t resumes;
  uint32_t steps_left;
} run_mark;

typedef enum stall_state { STALL_NONE, STALL_ASKED, STALL_TOLD } stall_state;

/* The handler of a signal has no argument of its own. */
static struct {
  xiol_state *volatile state; /* NULL: nobody watches */
  const char *program;
  int64_t limit_ns, period_ns;
  struct { /* of the thread that runs Lua */
    run_mark mark;
    int64_t since_ns; /* when the mark was seen first */
    int64_t over_ns;  /* when another was seen after a stall; 0: not yet */
    volatile sig_atomic_t stall;
    char name[NAME_MAX_BYTES]; /* of the task that was told of */
  } seen;
  pthread_t watched, watcher;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  bool over; /* guarded by the mutex */
} watchdog = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* -- on the thread that runs Lua ----------------------------------------------------- */

/* The mark of what runs now; false: no task does. */
static bool read_mark(const xiol_state *state, run_mark *mark) {
  const xiol_runtime *runtime = state->runtime;
  if (runtime == NULL || runtime->loop == NULL) return false;
  const xio_runqueue *queue = &runtime->loop->queue;
  *mark = (run_mark){runtime->loop, queue->resumes, queue->steps_left};
  return queue->running != NULL;
}

static bool is_same(const run_mark *mark) {
  const run_mark *seen = &watchdog.seen.mark;
  return mark->loop == seen->loop && mark->resumes == seen->resumes &&
         mark->steps_left == seen->steps_left;
}

static void probe(xiol_state *state) {
  run_mark mark = {NULL, 0, 0};
  bool runs = read_mark(state, &mark);
  int64_t now = (int64_t)uv_hrtime();
  if (watchdog.seen.stall != STALL_NONE) { /* look ends it */
    if (!(runs && is_same(&mark)) && watchdog.seen.over_ns == 0)
      watchdog.seen.over_ns = now;
    return;
  }
  if (!runs || !is_same(&mark)) {
    watchdog.seen.mark = runs ? mark : (run_mark){NULL, 0, 0};
    watchdog.seen.since_ns = now;
  } else if (now - watchdog.seen.since_ns >= watchdog.limit_ns) {
    watchdog.seen.stall = STALL_ASKED;
    watchdog.seen.over_ns = 0;
    xiol_attention_ask(state);
  }
}

static void on_signal(int signum) {
  (void)signum;
  int error = errno;
  xiol_state *state = watchdog.state;
  if (state != NULL && pthread_equal(pthread_self(), watchdog.watched) != 0) probe(state);
  errno = error;
}

static double seconds_held(void) {
  int64_t until =
      watchdog.seen.over_ns != 0 ? watchdog.seen.over_ns : (int64_t)uv_hrtime();
  return (double)(until - watchdog.seen.since_ns) / 1e9;
}

/* Keeps the name of the running task. */
static void keep_name(lua_State *L) {
  const char *name = NULL;
  if (xio_library_push(L, "current")) {
    lua_call(L, 0, 1);
    lua_getfield(L, -1, "name");
    name = lua_tostring(L, -1);
  }
  if (name == NULL) name = "?";
  size_t length = strlen(name);
  if (length >= NAME_MAX_BYTES) length = NAME_MAX_BYTES - 1;
  memcpy(watchdog.seen.name, name, length);
  watchdog.seen.name[length] = '\0';
  lua_settop(L, 0);
}

static void report(lua_State *L, const char *format, const char *rest) {
  char seconds[32];
  lua_settop(L, 0);
  (void)snprintf(seconds, sizeof seconds, "%.3f", seconds_held());
  lua_pushfstring(L, format, watchdog.seen.name, seconds);
  xio_report_message(watchdog.program,
                     lua_pushfstring(L, "watchdog: %s%s", lua_tostring(L, 1), rest));
  lua_settop(L, 0);
}

/* Names the task, the line and the stack, in the middle of its code. */
static void tell_stall(lua_State *L, xiol_state *state) {
  const char *place = NULL;
  int line = 0;
  keep_name(L);
  xiol_find_place(L, state, 0, &place, &line);
  if (place == NULL) place = "?";
  lua_pushfstring(L, " at %s:%d", place, line);
  xiol_push_stack(L, L, state, 0);
  lua_State *own = xiol_task_of(state->runtime->loop->queue.running)->coroutine.thread;
  if (own != NULL && own != L) xiol_push_stack(L, own, state, 0); /* L is a generator */
  lua_concat(L, lua_gettop(L));
  char rest[REST_MAX_BYTES];
  (void)snprintf(rest, sizeof rest, "%s", lua_tostring(L, -1));
  report(L, "task '%s' has held the loop for %s s", rest);
}

void xio_watchdog_look(lua_State *L) {
  xiol_state *state = watchdog.state;
  if (state == NULL || watchdog.seen.stall == STALL_NONE) return;
  run_mark mark = {NULL, 0, 0};
  if (read_mark(state, &mark) && is_same(&mark)) {
    if (watchdog.seen.stall == STALL_ASKED) tell_stall(L, state);
    watchdog.seen.stall = STALL_TOLD;
    xiol_attention_ask_loop(state);
    return;
  }
  if (watchdog.seen.stall == STALL_TOLD) {
    report(L, "task '%s' has let go of the loop after %s s", "");
  } else { /* no instruction of Lua was in between */
    (void)snprintf(watchdog.seen.name, sizeof watchdog.seen.name, "%s", "?");
    report(L, "task '%s' has held the loop for %s s", ", in a C function");
  }
  watchdog.seen.mark = (run_mark){NULL, 0, 0};
  watchdog.seen.stall = STALL_NONE;
}

/* -- the thread ---------------------------------------------------------------------- */

static struct timespec after_period(struct timespec at) {
  int64_t ns = at.tv_nsec + watchdog.period_ns;
  at.tv_sec += (time_t)(ns / 1000000000);
  at.tv_nsec = (long)(ns % 1000000000);
  return at;
}

static void *watch(void *unused) {
  (void)unused;
  pthread_mutex_lock(&watchdog.mutex);
  while (!watchdog.over) {
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    at = after_period(at);
    if (pthread_cond_timedwait(&watchdog.changed, &watchdog.mutex, &at) == ETIMEDOUT) {
      (void)pthread_kill(watchdog.watched, WATCHDOG_SIGNAL);
    }
  }
  pthread_mutex_unlock(&watchdog.mutex);
  return NULL;
}

/* Starts the thread, which takes no signals. */
static bool start(void) {
  sigset_t all;
  sigset_t before;
  pthread_condattr_t attributes;
  (void)pthread_condattr_init(&attributes);
  (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  (void)pthread_cond_init(&watchdog.changed, &attributes);
  (void)pthread_condattr_destroy(&attributes);
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&watchdog.watcher, NULL, watch, NULL) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return started;
}

void xio_watchdog_open(xiol_state *state, const xio_options *options) {
  int period_ms = options->watchdog_ms / PROBES;
  if (period_ms > PERIOD_MS_MAX) period_ms = PERIOD_MS_MAX;
  watchdog.limit_ns = options->watchdog_ms * NS_PER_MS;
  watchdog.period_ns = (period_ms > 0 ? period_ms : 1) * NS_PER_MS;
  watchdog.program = options->program;
  watchdog.watched = pthread_self();
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  (void)sigemptyset(&action.sa_mask);
  (void)sigaction(WATCHDOG_SIGNAL, &action, NULL);
  if (start()) {
    watchdog.state = state;
  } else {
    xio_report_message(options->program, "watchdog: cannot start a thread");
  }
}

void xio_watchdog_close(void) {
  if (watchdog.state == NULL) return;
  pthread_mutex_lock(&watchdog.mutex);
  watchdog.over = true;
  pthread_cond_signal(&watchdog.changed);
  pthread_mutex_unlock(&watchdog.mutex);
  (void)pthread_join(watchdog.watcher, NULL);
  (void)pthread_cond_destroy(&watchdog.changed);
  watchdog.state = NULL;
}
