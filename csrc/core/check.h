/* check: every invariant of the core's nouns, tested on a whole loop at once.
 *
 * Reads only; needs no memory; O(n) in tasks, scopes and timers. May be called whenever
 * no function of the core is on the way to changing something: between two turns, or
 * within the resume of a task before and after each operation. Tests and dev builds do
 * that. What is checked stands at each function of check.c; the headers of the nouns name
 * the invariants. Loop's thread only. */
#ifndef XIO_CORE_CHECK_H
#define XIO_CORE_CHECK_H

#include "loop.h"
#include "start.h"

/* Whether every invariant holds in `loop`. If one does not, `*what` (which may be NULL)
 * is set to a static text that names it. */
bool xio_check_loop(const xio_loop *loop, const char **what);

#endif
