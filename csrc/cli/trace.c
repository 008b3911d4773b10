/* trace: see trace.h. */
#include "cli/trace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cli/report.h"
#include "core/trace.h"
#include "lua/attention.h"
#include "lua/binding.h"

enum { NAME_BYTES_MAX = 120, MESSAGE_BYTES_MAX = 200, BUFFER_BYTES = 256 * 1024 };

/* The track of what no task did: signals, deadlines, the host. */
enum { LOOP_TRACK = 0 };

typedef struct json_trace {
  xio_tracer tracer;
  FILE *file; /* NULL: there is none */
  const char *path, *program;
  int64_t began_ns;
  uint64_t loops; /* that were seen so far; the number of the latest */
  int failure;    /* errno of the first write that failed; 0 none */
  struct {        /* the task that has just ended, and is not paused yet */
    const xio_runqueue *queue;
    uint64_t id;
    xio_outcome outcome;
    char message[MESSAGE_BYTES_MAX]; /* of the error with which it failed */
  } over;
  char buffer[BUFFER_BYTES];
} json_trace;

/* The one of this process: it must be whole at exit, where nothing is handed down. */
static json_trace trace;

/* -- writing ------------------------------------------------------------------------- */

static double now_us(void) {
  return (double)((int64_t)uv_hrtime() - trace.began_ns) / 1e3;
}

/* How many bytes the UTF-8 character at `text` takes; 0: it is none. What is too long for
 * what it encodes, and surrogates, pass: the viewers take them. */
static int utf8_bytes(const char *text) {
  const unsigned char *c = (const unsigned char *)text;
  int count = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;
  if (c[0] >= 0xf5) return 0;
  for (int i = 1; i < count; i++) {
    if ((c[i] & 0xc0) != 0x80) return 0;
  }
  return count;
}

/* Writes a string literal, with U+FFFD for each byte that is no UTF-8. */
static void put_string(const char *text) {
  (void)fputc('"', trace.file);
  while (*text != '\0') {
    unsigned char c = (unsigned char)*text;
    int count = utf8_bytes(text);
    if (c == '"' || c == '\\') (void)fputc('\\', trace.file);
    if (c < ' ') {
      (void)fprintf(trace.file, "\\u%04x", c);
    } else if (count == 0) {
      (void)fputs("\\ufffd", trace.file);
    } else {
      (void)fwrite(text, 1, (size_t)count, trace.file);
    }
    text += count != 0 ? count : 1;
  }
  (void)fputc('"', trace.file);
}

/* Begins an event: its comma, phase and place; its fields and '}' follow. */
static void put_event(char phase, const xio_runqueue *queue, uint64_t track, double us) {
  if (trace.failure == 0 && ferror(trace.file)) trace.failure = errno;
  (void)fprintf(trace.file,
                ",\n{\"ph\":\"%c\",\"pid\":%" PRIu64 ",\"tid\":%" PRIu64 ",\"ts\":%.3f",
                phase, queue->traced_as, track, us);
}

static void put_field(const char *name, const char *value) {
  (void)fprintf(trace.file, ",\"%s\":", name);
  put_string(value);
}

/* Names a process or a thread. */
static void put_name(const char *what, const xio_runqueue *queue, uint64_t track,
                     const char *name) {
  put_event('M', queue, track, now_us());
  put_field("name", what);
  (void)fputs(",\"args\":{\"name\":", trace.file);
  put_string(name);
  (void)fputs("}}", trace.file);
}

/* Begins ('s') or ends ('f') an arrow to a task, at the slice that is open on `track`. */
static void put_arrow(char phase, const char *name, const xio_runqueue *queue,
                      uint64_t track, uint64_t to, double us) {
  put_event(phase, queue, track, us);
  put_field("name", name);
  (void)fprintf(trace.file, ",\"cat\":\"%s\",\"id\":%" PRIu64 "%s}", name,
                queue->traced_as << 32 | (to & UINT32_MAX),
                phase == 'f' ? ",\"bp\":\"e\"" : "");
}

/* -- names --------------------------------------------------------------------------- */

typedef struct naming {
  xiol_task *task; /* NULL: the runtime's name is asked for */
  xiol_runtime *runtime;
  char text[NAME_BYTES_MAX];
} naming;

/* Called protected, with a naming as light userdata. */
static int find_name(lua_State *L) {
  naming *what = lua_touserdata(L, 1);
  xiol_need_stack(L, 8, NULL);
  if (what->task != NULL) {
    xiol_push_task(L, what->task);
    xiol_push_task_name(L, -1);
  } else if (what->runtime->name != 0) {
    xiol_push_anchored(L, what->runtime->state, what->runtime->name);
  }
  const char *name = lua_tostring(L, -1);
  if (lua_type(L, -1) == LUA_TSTRING) {
    (void)snprintf(what->text, sizeof what->text, "%s", name);
  }
  return 0;
}

static void fill_name(naming *what) {
  lua_State *L = what->runtime->driver;
  if (L == NULL || !lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, find_name);
  lua_pushlightuserdata(L, what);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1); /* it has no name then */
}

/* Gives the queue, which is seen first, its number. */
static void meet(xio_runqueue *queue) {
  if (queue->traced_as == 0) queue->traced_as = ++trace.loops;
}

static void name_task(xio_task *core) {
  naming what = {.task = xiol_task_of(core), .text = "?"};
  what.runtime = what.task->runtime;
  fill_name(&what);
  put_name("thread_name", core->wait.queue, core->id, what.text);
  if (core->id != 1) return; /* the first of its loop */
  naming loop = {.runtime = what.runtime, .text = "run"};
  fill_name(&loop);
  put_name("process_name", core->wait.queue, LOOP_TRACK, loop.text);
  put_name("thread_name", core->wait.queue, LOOP_TRACK, "(loop)");
}

/* -- errors and reasons -------------------------------------------------------------- */

typedef struct telling {
  const xiol_state *state;
  const xiol_task *failed; /* whose error is asked for; NULL: the reason of `scope` */
  const xio_scope *scope;
  char text[MESSAGE_BYTES_MAX]; /* empty: there is nothing to tell */
} telling;

/* Whether the value at the top is an error of xio's, whose __tostring is ours. */
static bool is_our_error(lua_State *L, const xiol_state *state) {
  static const xiol_ref classes[] = {XIOL_REF_ERROR, XIOL_REF_ERROR_GROUP,
                                     XIOL_REF_TIMEOUT_ERROR, XIOL_REF_INTERRUPTED};
  if (!lua_getmetatable(L, -1)) return false;
  bool found = false;
  for (size_t i = 0; i < sizeof classes / sizeof *classes && !found; i++) {
    xiol_push_ref(L, state, classes[i]);
    found = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
  return found;
}

/* Fills `text` with the first line of `message`, cut between two characters. */
static void fill_message(char *text, const char *message) {
  size_t length = strcspn(message, "\r\n");
  if (length < MESSAGE_BYTES_MAX) {
    memcpy(text, message, length);
    text[length] = '\0';
    return;
  }
  length = MESSAGE_BYTES_MAX - sizeof "...";
  while (length > 0 && ((unsigned char)message[length] & 0xc0) == 0x80) length--;
  memcpy(text, message, length);
  memcpy(text + length, "...", sizeof "...");
}

/* Called protected, with a telling as light userdata. No code of the program is called:
 * of its own objects the type is told. */
static int find_text(lua_State *L) {
  telling *what = lua_touserdata(L, 1);
  xiol_need_stack(L, 8, NULL);
  if (what->failed != NULL) {
    xiol_push_task_error(L, what->failed);
  } else {
    xiol_push_anchored(L, what->state, what->scope->record);
    lua_getfield(L, -1, "reason");
    if (lua_isnil(L, -1)) return 0;
  }
  int type = lua_type(L, -1);
  bool has_text = type == LUA_TSTRING || type == LUA_TNUMBER;
  bool has_name = type == LUA_TTABLE || type == LUA_TUSERDATA;
  if (has_text || is_our_error(L, what->state)) {
    const char *text = has_text ? lua_tostring(L, -1) : luaL_tolstring(L, -1, NULL);
    fill_message(what->text, text);
  } else if (has_name && luaL_getmetafield(L, -1, "__name") == LUA_TSTRING) {
    fill_message(what->text, lua_tostring(L, -1));
  } else {
    fill_message(what->text, lua_typename(L, type));
  }
  return 0;
}

static void fill_text(telling *what) {
  lua_State *L = what->state->main;
  what->text[0] = '\0';
  if (!lua_checkstack(L, 4)) return;
  lua_pushcfunction(L, find_text);
  lua_pushlightuserdata(L, what);
  if (lua_pcall(L, 1, 0, 0) != LUA_OK) lua_pop(L, 1); /* there is nothing to tell then */
}

/* -- what the core tells ------------------------------------------------------------- */

static uint64_t track_of_running(const xio_runqueue *queue) {
  return queue->running != NULL ? queue->running->id : LOOP_TRACK;
}

static void on_spawned(xio_tracer *tracer, const xio_task *task) {
  (void)tracer;
  const xio_runqueue *queue = task->wait.queue;
  if (trace.file == NULL) return;
  meet(task->wait.queue);
  if (queue->running == NULL) return;
  put_arrow('s', "spawn", queue, queue->running->id, task->id, now_us());
}

/* Begins a slice. */
static void put_begin(const xio_task *task, const char *name, const char *category,
                      double us) {
  put_event('B', task->wait.queue, task->id, us);
  put_field("name", name);
  put_field("cat", category);
}

/* How the last wait of the task ended, if not well. */
static const char *status_of(const xio_task *task) {
  int status = task->wait.status;
  if (status == XIO_OK) return NULL;
  const char *name = xio_status_name(status);
  return name != NULL ? name : uv_err_name(status);
}

static void on_running(xio_tracer *tracer, xio_task *task, bool by_task) {
  (void)tracer;
  const xiol_task *ours = xiol_task_of(task);
  const xio_runqueue *queue = task->wait.queue;
  bool first = !ours->begun;
  if (trace.file == NULL) return;
  if (first) name_task(task);
  double us = now_us();
  if (!first) {
    const char *status = status_of(task);
    put_event('E', queue, task->id, us);
    if (status != NULL) {
      (void)fprintf(trace.file, ",\"args\":{\"status\":\"%s\"}", status);
    }
    (void)fputc('}', trace.file);
  }
  put_begin(task, "run", "run", us);
  int line = 0;
  const char *source = first ? xiol_task_place(ours, &line) : NULL;
  if (source != NULL) {
    (void)fputs(",\"args\":{\"spawned\":", trace.file);
    char place[NAME_BYTES_MAX];
    (void)snprintf(place, sizeof place, "%s:%d", source, line);
    put_string(place);
    (void)fputc('}', trace.file);
  }
  (void)fputc('}', trace.file);
  if (by_task) put_arrow('f', first ? "spawn" : "wake", queue, task->id, task->id, us);
}

static void on_ended(xio_tracer *tracer, const xio_task *task, xio_outcome outcome) {
  (void)tracer;
  trace.over.queue = task->wait.queue;
  trace.over.id = task->id;
  trace.over.outcome = outcome;
  if (trace.file == NULL || outcome != XIO_OUTCOME_FAILED) return;
  const xiol_task *ours = XIO_CONTAINER_OF(task, xiol_task, core);
  telling what = {.state = ours->runtime->state, .failed = ours};
  fill_text(&what);
  memcpy(trace.over.message, what.text, sizeof what.text);
}

/* What kind of wait a verb tells of, for the viewers' filters. */
static const char *category_of(const char *verb) {
  static const char *const outside[] = {
      "accept",         "connect",           "read",
      "write",          "readable",          "writable",
      "recv",           "receive",           "lookup",
      "reading a file", "file work",         "signal",
      "watching files", "exit of a process", "end of a process"};
  for (size_t i = 0; i < sizeof outside / sizeof *outside; i++) {
    if (strcmp(verb, outside[i]) == 0) return "io";
  }
  return "wait";
}

static void on_paused(xio_tracer *tracer, xio_task *task) {
  (void)tracer;
  if (trace.file == NULL) return;
  double us = now_us();
  if (task == NULL) {
    static const char *const names[] = {"", "done", "failed", "cancelled"};
    if (trace.over.outcome == XIO_OUTCOME_FAILED) {
      put_event('i', trace.over.queue, trace.over.id, us);
      (void)fputs(
          ",\"name\":\"error\",\"cat\":\"error\",\"s\":\"t\",\"args\":{\"message\":",
          trace.file);
      put_string(trace.over.message);
      (void)fputs("}}", trace.file);
    }
    put_event('E', trace.over.queue, trace.over.id, us);
    (void)fprintf(trace.file, ",\"args\":{\"outcome\":\"%s\"}}",
                  names[trace.over.outcome]);
    return;
  }
  put_event('E', task->wait.queue, task->id, us);
  (void)fputc('}', trace.file);
  bool parked = task->wait.state == XIO_WAIT_PARKED;
  const char *verb = parked ? task->wait.ops->verb : "ready";
  put_begin(task, verb, parked ? category_of(verb) : "ready", us);
  xiol_task *ours = xiol_task_of(task);
  const char *place = NULL;
  int line = 0;
  if (ours->coroutine.thread != NULL) {
    xiol_find_place(ours->coroutine.thread, ours->runtime->state, 0, &place, &line);
  }
  if (place != NULL) {
    char at[NAME_BYTES_MAX];
    (void)snprintf(at, sizeof at, "%s:%d", place, line);
    (void)fputs(",\"args\":{\"at\":", trace.file);
    put_string(at);
    (void)fputc('}', trace.file);
  }
  (void)fputc('}', trace.file);
}

static void on_woken(xio_tracer *tracer, const xio_task *by, const xio_task *task) {
  (void)tracer;
  if (trace.file == NULL) return;
  put_arrow('s', "wake", by->wait.queue, by->id, task->id, now_us());
}

/* A mark with the source and the reason of a cancellation, and whose scope it was. */
static void put_mark(const char *name, const xio_scope *scope, uint64_t track,
                     const char *reason, double us) {
  static const char *const kinds[] = {"scope", "task", "group"};
  xio_wait *wait = xio_scope_host(scope);
  const xio_task *host = wait != NULL ? xio_task_of(wait) : NULL;
  const char *kind = "scope";
  if (scope->kind == XIO_SCOPE_TASK) kind = kinds[1];
  if (scope->kind == XIO_SCOPE_GROUP) kind = host != NULL ? kinds[2] : "run";
  put_event('i', xio_scope_queue(scope), track, us);
  put_field("name", name);
  (void)fprintf(
      trace.file,
      ",\"cat\":\"cancel\",\"s\":\"%c\",\"args\":{\"source\":\"%s\",\"of\":\"%s\"",
      host != NULL ? 't' : 'p', xiol_source_name(scope->source), kind);
  if (host != NULL) (void)fprintf(trace.file, ",\"task\":%" PRIu64, (uint64_t)host->id);
  if (reason[0] != '\0') put_field("reason", reason);
  (void)fputs("}}", trace.file);
}

static void on_cancelled(xio_tracer *tracer, const xio_scope *scope) {
  (void)tracer;
  if (trace.file == NULL) return;
  xio_runqueue *queue = xio_scope_queue(scope);
  meet(queue);
  double us = now_us();
  uint64_t by = track_of_running(queue);
  xio_wait *wait = xio_scope_host(scope);
  xio_task *host = wait != NULL ? xio_task_of(wait) : NULL;
  telling what = {.scope = scope};
  if (host != NULL && scope->record != 0) {
    what.state = xiol_task_of(host)->runtime->state;
    fill_text(&what);
  }
  put_mark("cancel", scope, by, what.text, us);
  if (host != NULL && host->id != by)
    put_mark("cancelled", scope, host->id, what.text, us);
}

static const xio_tracer_ops ops = {.spawned = on_spawned,
                                   .running = on_running,
                                   .ended = on_ended,
                                   .paused = on_paused,
                                   .woken = on_woken,
                                   .cancelled = on_cancelled};

/* -- beginning and end --------------------------------------------------------------- */

bool xio_trace_open(lua_State *L, const xio_options *options) {
  trace.path = options->trace;
  trace.program = options->program;
  trace.file = fopen(options->trace, "we");
  if (trace.file == NULL || atexit(xio_trace_close) != 0) {
    char message[NAME_BYTES_MAX * 4];
    (void)snprintf(message, sizeof message, "cannot open %s: %s", options->trace,
                   uv_strerror(-errno));
    xio_report_message(options->program, message);
    return false;
  }
  (void)setvbuf(trace.file, trace.buffer, _IOFBF, sizeof trace.buffer);
  trace.began_ns = (int64_t)uv_hrtime();
  trace.tracer.ops = &ops;
  (void)fputs(
      "[\n{\"ph\":\"M\",\"pid\":0,\"tid\":0,\"ts\":0,\"name\":\"process_name\","
      "\"args\":{\"name\":",
      trace.file);
  put_string(options->program);
  (void)fputs("}}", trace.file);
  xiol_attention_state(L)->tracer = &trace.tracer;
  return true;
}

void xio_trace_close(void) {
  if (trace.file == NULL) return;
  (void)fputs("\n]\n", trace.file);
  FILE *file = trace.file;
  trace.file = NULL;
  bool failed = ferror(file) != 0;
  int failure = trace.failure;
  if (fclose(file) != 0) {
    if (!failed) failure = errno;
    failed = true;
  }
  if (!failed) return;
  char message[NAME_BYTES_MAX * 4];
  (void)snprintf(message, sizeof message, "cannot write %s: %s", trace.path,
                 failure != 0 ? uv_strerror(-failure) : "the trace is not whole");
  xio_report_message(trace.program, message);
}
