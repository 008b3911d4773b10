/* numeral: how far the text of a number reaches, as io.read("n") sees it. Pure functions
 * on bytes, for any thread. */
#ifndef XIOL_NUMERAL_H
#define XIOL_NUMERAL_H

#include "../base/base.h"

/* The longest text that is taken for a number. */
enum { XIOL_NUMERAL_MAX = 200 };

/* How many of the first bytes are blanks. */
size_t xiol_count_blanks(const char *bytes, size_t count);

/* Finds the longest beginning that may begin a numeral: *length. False: it reaches to the
 * last byte, and would go on if more bytes came. */
bool xiol_scan_numeral(const char *bytes, size_t count, size_t *length);

#endif
