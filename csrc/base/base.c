/* base: what a broken invariant does. The only place that ends the process. */
#include "base.h"

void xio_panic(const char *what, const char *file, int line) {
  /* volatile copies keep the arguments visible in a core dump of an optimised build */
  const char *volatile broken = what;
  const char *volatile in_file = file;
  volatile int at_line = line;
  (void)broken;
  (void)in_file;
  (void)at_line;
  __builtin_trap();
}
