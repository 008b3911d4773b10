/* lookahead: what a FILE of the C library has read ahead.
 *
 * stdio can tell nobody whether its next read will block. These functions look at what
 * the C library keeps, as its own extensions or its headers show it: glibc, musl and the
 * BSDs. Where none of these is at hand XIO_LOOKAHEAD is 0, and reading blocks. */
#ifndef XIO_CLI_LOOKAHEAD_H
#define XIO_CLI_LOOKAHEAD_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#if defined(__linux__)
#include <stdio_ext.h>
#endif

#if defined(__GLIBC__) || defined(__linux__) || defined(__APPLE__) || defined(__FreeBSD__)
#define XIO_LOOKAHEAD 1
#else
#define XIO_LOOKAHEAD 0
#endif

/* How many bytes can be taken from `file` without a system call. */
static inline size_t xio_lookahead(FILE *file) {
#if defined(__GLIBC__)
  enum { IN_BACKUP = 0x100 }; /* bytes that were put back come first */
  if (file->_IO_write_ptr > file->_IO_write_base) return 0;
  size_t count = (size_t)(file->_IO_read_end - file->_IO_read_ptr);
  if ((file->_flags & IN_BACKUP) != 0) {
    count += (size_t)(file->_IO_save_end - file->_IO_save_base);
  }
  return count;
#elif defined(__linux__)
  return __freadahead(file); /* musl */
#elif defined(__APPLE__) || defined(__FreeBSD__)
  return file->_r > 0 ? (size_t)file->_r : 0;
#else
  (void)file;
  return 0;
#endif
}

/* Whether a whole line is among them; false also where that cannot be told. */
static inline bool xio_lookahead_has_line(FILE *file) {
#if defined(__GLIBC__)
  if (file->_IO_write_ptr > file->_IO_write_base) return false;
  size_t count = (size_t)(file->_IO_read_end - file->_IO_read_ptr);
  return count != 0 && memchr(file->_IO_read_ptr, '\n', count) != NULL;
#else
  (void)file;
  return false;
#endif
}

/* What stdio does itself before it reads from a terminal: shows the prompt. */
static inline void xio_lookahead_flush_output(void) {
#if defined(__linux__)
  if (__flbf(stdout) != 0) (void)fflush(stdout);
#else
  (void)fflush(stdout);
#endif
}

#endif
