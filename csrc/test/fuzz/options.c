/* options: fuzzes the command line of the interpreter. The input is its arguments, each
 * ended by a zero. Whatever they are, each option is told once, in order, and the script
 * comes after them. */
#include <stdint.h>
#include <string.h>

#include "cli/options.h"

enum { ARGUMENTS_MAX = 32, BYTES_MAX = 512 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds) {
  if (!holds) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[BYTES_MAX + 1];
  char *argv[ARGUMENTS_MAX + 1] = {"xio"};
  int argc = 1;
  if (size > BYTES_MAX) return 0;
  memcpy(text, data, size);
  text[size] = '\0';
  for (size_t at = 0; at < size && argc < ARGUMENTS_MAX; at += strlen(text + at) + 1) {
    argv[argc++] = text + at;
  }
  argv[argc] = NULL;
  xio_options options;
  xio_request request = xio_options_parse(&options, argc, argv);
  check(options.script >= 1 && options.script <= argc);
  if (request == XIO_REQUEST_BAD) check(options.script < argc);
  if (request != XIO_REQUEST_RUN) return 0;
  int index = 1;
  const char *argument = NULL;
  for (int before = 0; xio_options_next(&options, &index, &argument) != 0;) {
    check(index > before && index <= options.script && argument != NULL);
    before = index;
  }
  bool marked = index < options.script && strcmp(argv[index], "--") == 0;
  check(index + marked == options.script);
  if (options.script < argc) {
    const char *file = xio_options_script_file(&options);
    check(file == NULL || file == argv[options.script]);
  }
  return 0;
}
