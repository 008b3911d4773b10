/* options: what the command line asks for. No Lua state here.
 *
 * The parsed form points into argv, which lives as long as the process, and changes
 * nothing in it. The options -e, -l and -W act in their order on the command line, mixed:
 * they are not collected here but walked through by xio_options_next. */
#ifndef XIO_CLI_OPTIONS_H
#define XIO_CLI_OPTIONS_H

#include <stdbool.h>
#include <stdio.h>

typedef struct xio_options {
  int argc;
  char **argv;
  const char *program; /* the name to begin messages with */
  int script;          /* index of the script in argv; argc when there is none */
  bool interactive;    /* -i */
  bool version;        /* -v or -i */
  bool execute;        /* at least one -e */
  bool ignore_env;     /* -E */
  bool stock_io;       /* --stock-io */
  const char *trace;   /* --trace: a file to write, or NULL */
  int watchdog_ms;     /* --watchdog: milliseconds, 0 none */
} xio_options;

typedef enum xio_request {
  XIO_REQUEST_RUN,
  XIO_REQUEST_HELP,    /* --help */
  XIO_REQUEST_VERSION, /* --version */
  XIO_REQUEST_BAD      /* argv[options->script] is no good option */
} xio_request;

/* Reads the command line into `options`. argv ends with NULL; argc may be 0. */
xio_request xio_options_parse(xio_options *options, int argc, char **argv);

/* The option letter at argv[*index] (that of a long one: '-'), and its argument ("" when
 * it takes none); moves *index to the next option. Returns 0, and moves nothing, when
 * *index has reached the script. Only after a successful parse; the first index is 1. */
char xio_options_next(const xio_options *options, int *index, const char **argument);

/* The file name of the script, or NULL for standard input. Only if there is a script. */
const char *xio_options_script_file(const xio_options *options);

/* Writes the versions of xio, libuv and Lua to standard output. */
void xio_options_print_version(void);

/* Writes how to call the program. */
void xio_options_usage(const xio_options *options, FILE *file);

/* Writes what is wrong with argv[options->script], and the usage, to standard error. */
void xio_options_complain(const xio_options *options);

#endif
