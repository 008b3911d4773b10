/* apart: a point of a harness in a process of its own, and what became of it. */
#ifndef XIO_TEST_APART_H
#define XIO_TEST_APART_H

#include <stdint.h>

#include "scenario.h"

/* What a row of a harness counts. */
typedef struct apart_tally {
  unsigned points, errors, bad, crashes, hangs, leaks;
} apart_tally;

/* Runs `run(context)`, which returns a scenario_end, in a child process that may take 3
 * seconds. `looks`: it looks for leaks by a sanitizer too, which is slow. False: it ended
 * badly, and why was printed. `*met`: the child met its fault, and was counted. */
bool apart_run(int (*run)(void *context), void *context, bool looks, apart_tally *sums,
               bool *met);

/* Prints the row of a scenario, a line of TAP: its name, the mode (or ""), and what was
 * counted; `errors` is what an error that was told is called. */
void apart_print(bool good, int number, const char *scenario, const char *mode,
                 const char *errors, const apart_tally *sums);

/* Reads "2/3", the second of three parts; `*part` counts from 0. */
bool apart_read_part(const char *text, int *part, int *parts);

#endif
