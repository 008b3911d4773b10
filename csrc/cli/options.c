/* options: see options.h. */
#include "cli/options.h"

#include <lua.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "xio.h"

typedef enum option_kind {
  OPTION_BAD,
  OPTION_PLAIN,    /* stands alone, or has its argument in it */
  OPTION_ARGUMENT, /* takes the rest of its word, or the next word */
  OPTION_LONG,     /* takes the next word */
  OPTION_END       /* what follows, or this very word, is the script */
} option_kind;

enum { WATCHDOG_MS_MAX = 1000 * 1000 * 1000 };

/* The argument of the long option `name` in the word "--name=argument"; "" where the word
 * is "--name", and NULL where it is another. */
static const char *long_argument(const char *word, const char *name) {
  size_t length = strlen(name);
  if (strncmp(word, name, length) != 0) return NULL;
  if (word[length] == '\0') return word + length;
  return word[length] == '=' && word[length + 1] != '\0' ? word + length + 1 : NULL;
}

static option_kind classify_long(const char *word) {
  static const char *const with_argument[] = {"--trace", "--watchdog"};
  if (strcmp(word, "--stock-io") == 0) return OPTION_PLAIN;
  for (size_t i = 0; i < sizeof with_argument / sizeof *with_argument; i++) {
    const char *argument = long_argument(word, with_argument[i]);
    if (argument != NULL) return argument[0] == '\0' ? OPTION_LONG : OPTION_PLAIN;
  }
  return OPTION_BAD;
}

/* What the word is, that begins with '-'. */
static option_kind classify(const char *word) {
  switch (word[1]) {
    case '\0': return OPTION_END;
    case '-': return word[2] == '\0' ? OPTION_END : classify_long(word);
    case 'E':
    case 'i':
    case 'v':
    case 'W': return word[2] == '\0' ? OPTION_PLAIN : OPTION_BAD;
    case 'e':
    case 'l': return OPTION_ARGUMENT;
    default: return OPTION_BAD;
  }
}

static void note(xio_options *options, char letter) {
  if (letter == 'E') options->ignore_env = true;
  if (letter == 'i') options->interactive = true;
  if (letter == 'i' || letter == 'v') options->version = true;
  if (letter == 'e') options->execute = true;
}

/* Notes the long option `word`, whose argument is in it or else `next`. False: that is no
 * good. */
static bool note_long(xio_options *options, const char *word, const char *next) {
  const char *argument = NULL;
  if (strcmp(word, "--stock-io") == 0) options->stock_io = true;
  if ((argument = long_argument(word, "--trace")) != NULL) {
    options->trace = argument[0] != '\0' ? argument : next;
  }
  if ((argument = long_argument(word, "--watchdog")) != NULL) {
    if (argument[0] == '\0') argument = next;
    char *end = NULL;
    long ms = strtol(argument, &end, 10);
    if (*end != '\0' || ms < 1 || ms > WATCHDOG_MS_MAX) return false;
    options->watchdog_ms = (int)ms;
  }
  return true;
}

xio_request xio_options_parse(xio_options *options, int argc, char **argv) {
  *options = (xio_options){.argc = argc, .argv = argv, .program = "xio", .script = argc};
  if (argc > 0 && argv[0][0] != '\0') options->program = argv[0];
  for (int i = 1; i < argc; i++) {
    const char *word = argv[i];
    options->script = i;
    if (word[0] != '-') return XIO_REQUEST_RUN;
    if (strcmp(word, "--help") == 0) return XIO_REQUEST_HELP;
    if (strcmp(word, "--version") == 0) return XIO_REQUEST_VERSION;
    option_kind kind = classify(word);
    if (kind == OPTION_BAD) return XIO_REQUEST_BAD;
    if (kind == OPTION_END) {
      if (word[1] == '-') options->script = i + 1;
      return XIO_REQUEST_RUN;
    }
    if (kind == OPTION_LONG || (kind == OPTION_ARGUMENT && word[2] == '\0')) {
      i++;
      if (i >= argc || argv[i][0] == '-') return XIO_REQUEST_BAD;
    }
    note(options, word[1]);
    if (word[1] == '-' && !note_long(options, word, argv[i])) return XIO_REQUEST_BAD;
  }
  options->script = argc;
  return XIO_REQUEST_RUN;
}

char xio_options_next(const xio_options *options, int *index, const char **argument) {
  *argument = "";
  if (*index >= options->script) return 0;
  const char *word = options->argv[*index];
  option_kind kind = classify(word);
  if (kind == OPTION_END) return 0; /* the "--" before the script */
  *index += 1;
  if (kind == OPTION_ARGUMENT || kind == OPTION_LONG) {
    *argument = word + 2;
    if (kind == OPTION_LONG || word[2] == '\0') {
      *argument = options->argv[*index];
      *index += 1;
    }
  }
  return word[1];
}

const char *xio_options_script_file(const xio_options *options) {
  const char *file = options->argv[options->script];
  bool literal = strcmp(options->argv[options->script - 1], "--") == 0;
  return strcmp(file, "-") == 0 && !literal ? NULL : file;
}

void xio_options_print_version(void) {
  (void)printf("xio %s, libuv %s, %s\n", xio_version(), uv_version_string(),
               LUA_COPYRIGHT);
  (void)fflush(stdout);
}

void xio_options_usage(const xio_options *options, FILE *file) {
  (void)fprintf(file, "usage: %s [options] [script [args]]\n", options->program);
  (void)fputs(
      "Available options are:\n"
      "  -e stat   execute string 'stat'\n"
      "  -i        enter interactive mode after executing 'script'\n"
      "  -l mod    require library 'mod' into global 'mod'\n"
      "  -l g=mod  require library 'mod' into global 'g'\n"
      "  -v        show version information\n"
      "  -E        ignore environment variables\n"
      "  -W        turn warnings on\n"
      "  --        stop handling options\n"
      "  -         stop handling options and execute stdin\n"
      "  --watchdog MS  tell of tasks that hold the loop for so many milliseconds\n"
      "  --trace FILE   write a timeline of tasks, waits and cancellations\n"
      "  --stock-io     let io.read, io.lines, io.popen and os.execute block\n"
      "  --version      show version information and stop\n"
      "  --help         show this text and stop\n",
      file);
}

void xio_options_complain(const xio_options *options) {
  const char *word = options->argv[options->script];
  const char *what = "unrecognized option '%s'\n";
  option_kind kind = classify(word);
  if (kind == OPTION_ARGUMENT || kind == OPTION_LONG) what = "'%s' needs argument\n";
  if (long_argument(word, "--watchdog") != NULL) {
    what = "'%s' needs a number of milliseconds\n";
  }
  (void)fprintf(stderr, "%s: ", options->program);
  (void)fprintf(stderr, what, word);
  xio_options_usage(options, stderr);
}
