/* script: what libuv and the system promise, as small scripts that say what they see.
 *
 * The same scripts are compiled twice: on libuv and the kernel, and on the stand-in
 * (csrc/test/standin). Both must say the same. So what stands here is what the random
 * programs may rely on. Scripts call libuv and the system directly, and say nothing that
 * is up to chance. */
#ifndef XIO_TEST_SCRIPT_H
#define XIO_TEST_SCRIPT_H

#include <errno.h>
#include <stdbool.h>
#include <uv.h>

typedef struct script {
  const char *name;
  void (*run)(uv_loop_t *loop);
} script;

/* Each list ends with one without a name. */
extern const script loop_scripts[], stream_scripts[], system_scripts[];

/* Notes a line: what it is about, and numbers. */
void say(const char *what, long first, long second);

/* The same for the result of a call: 0 or more, or -errno. */
void say_result(const char *what, long result);

/* Lets time pass, and what comes meanwhile. */
void pass(uv_loop_t *loop, unsigned ms);

#endif
