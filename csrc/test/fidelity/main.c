/* main: runs all scripts. On libuv and the kernel it prints what they say; on the
 * stand-in it is given the program that does so, and compares.
 *
 *   fidelity_real
 *   fidelity_standin PATH-OF-FIDELITY_REAL
 *
 * Prints TAP, one line for each script. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script.h"
#if defined(XIO_STANDIN)
#include "../standin/standin.h"
#endif

enum { TEXT_MAX = 64 * 1024, LINE = 200 };

static char text[TEXT_MAX];
static size_t length;
static const char *current;

void say(const char *what, long first, long second) {
  int count = snprintf(text + length, sizeof text - length, "%s: %s %ld %ld\n", current,
                       what, first, second);
  if (count > 0) length += (size_t)count;
  if (length >= sizeof text) _exit(EXIT_FAILURE);
}

void say_result(const char *what, long result) {
  say(what, result, result < 0 ? errno : 0);
}

static void on_timer(uv_timer_t *timer) {
  (void)timer;
}

void pass(uv_loop_t *loop, unsigned ms) {
  uv_timer_t timer;
  uv_timer_init(loop, &timer);
  uv_update_time(loop);
  uv_timer_start(&timer, on_timer, ms, 0);
  while (uv_is_active((uv_handle_t *)&timer)) uv_run(loop, UV_RUN_ONCE);
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(loop, UV_RUN_NOWAIT);
}

static const script *const lists[] = {loop_scripts, stream_scripts, system_scripts};

static void run_all(void (*around)(const script *one)) {
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    for (const script *one = lists[i]; one->name != NULL; one++) {
      current = one->name;
      around(one);
    }
  }
}

static void run_one(const script *one) {
  uv_loop_t loop;
  if (uv_loop_init(&loop) != 0) _exit(EXIT_FAILURE);
  one->run(&loop);
  uv_run(&loop, UV_RUN_DEFAULT);
  say("the loop closes", uv_loop_close(&loop), 0);
}

#if defined(XIO_STANDIN)

static _Noreturn void on_fault(const char *what) {
  printf("Bail out! %s: %s\n", current, what);
  fflush(stdout);
  _exit(EXIT_FAILURE);
}

static void run_on_standin(const script *one) {
  const standin_weather calm = {.tick_ns = 1};
  standin_begin(1, &calm, on_fault);
  run_one(one);
  standin_end();
}

/* The next line of a text, without its end; NULL: there is none. */
static char *next_line(char **rest) {
  char *line = *rest;
  char *end = strchr(line, '\n');
  if (end == NULL) return NULL;
  *end = 0;
  *rest = end + 1;
  return line;
}

static int failures, number;
static char *said, *real;

static bool is_about(const char *line, const char *name) {
  size_t size = strlen(name);
  return strncmp(line, name, size) == 0 && line[size] == ':';
}

static void compare(const script *one) {
  bool same = true;
  while (is_about(said, one->name) || is_about(real, one->name)) {
    const char *ours = is_about(said, one->name) ? next_line(&said) : "nothing";
    const char *theirs = is_about(real, one->name) ? next_line(&real) : "nothing";
    if (strcmp(ours, theirs) == 0) continue;
    same = false;
    printf("# stand-in %s\n# system   %s\n", ours, theirs);
  }
  if (!same) failures++;
  printf("%s %d - %s\n", same ? "ok" : "not ok", ++number, one->name);
}

int main(int argc, char **argv) {
  static char theirs[TEXT_MAX];
  FILE *other = argc == 2 ? popen(argv[1], "r") : NULL;
  if (other == NULL) return EXIT_FAILURE;
  size_t size = fread(theirs, 1, sizeof theirs - 1, other);
  theirs[size] = 0;
  if (pclose(other) != 0) printf("# %s failed\n", argv[1]);
  run_all(run_on_standin);
  said = text;
  real = theirs;
  run_all(compare);
  printf("1..%d\n", number);
  return failures == 0 && size != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#else

int main(void) {
  run_all(run_one);
  fwrite(text, 1, length, stdout);
  return EXIT_SUCCESS;
}

#endif
