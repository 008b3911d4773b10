/* touch.c: touches memory, so that the host of a virtual machine has handed it out before
 * anything is measured.
 *
 *   touch MEGABYTES
 */
#include "limit.h"

#include <stdlib.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096 };

int main(int argc, char **argv) {
  size_t bytes = (size_t)limit_arg(argc, argv, 1, 256) << 20;
  volatile char *memory =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) limit_fail("not enough memory");
  for (size_t i = 0; i < bytes; i += PAGE_BYTES) memory[i] = 1;
  munmap((void *)memory, bytes);
  return 0;
}
