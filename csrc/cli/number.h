/* number: the format "n" of file:read, one byte at a time. No Lua state, no file. */
#ifndef XIO_CLI_NUMBER_H
#define XIO_CLI_NUMBER_H

#include <stddef.h>

enum { XIO_NUMBER_BYTES_MAX = 200 /* of a numeral; that of Lua's own library */ };

typedef enum xio_number_end {
  XIO_NUMBER_MORE, /* the next byte is needed */
  XIO_NUMBER_OVER, /* the first `used` bytes are the numeral, or as far as it goes */
  XIO_NUMBER_LONG  /* it is too long, and `used` bytes were looked at */
} xio_number_end;

/* Reads `bytes`, behind the space before a numeral; `at_end`: no more will come. `point`
 * is the decimal point of the locale. Whether the bytes are a numeral in the end is not
 * said. */
xio_number_end xio_number_scan(const char *bytes, size_t count, int at_end, char point,
                               size_t *used);

#endif
