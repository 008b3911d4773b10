/* number: see number.h. */
#include "cli/number.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

typedef struct scanner {
  const char *bytes;
  size_t count, at;
  int at_end;
  xio_number_end end;
} scanner;

/* The byte that is next, or 0 where there is none (yet). */
static char peek(scanner *s) {
  if (s->end != XIO_NUMBER_OVER) return 0;
  if (s->at < s->count) return s->bytes[s->at];
  if (!s->at_end) s->end = XIO_NUMBER_MORE;
  return 0;
}

/* Goes over the next byte. False: the numeral is too long. */
static bool advance(scanner *s) {
  if (s->at >= XIO_NUMBER_BYTES_MAX) {
    s->end = XIO_NUMBER_LONG;
    return false;
  }
  s->at++;
  return true;
}

/* Goes over the next byte where that is one of `set`. */
static bool accept(scanner *s, const char *set) {
  char c = peek(s);
  return c != 0 && strchr(set, c) != NULL && advance(s);
}

static int accept_digits(scanner *s, bool hexadecimal) {
  int count = 0;
  for (;;) {
    unsigned char c = (unsigned char)peek(s);
    if ((hexadecimal ? isxdigit(c) : isdigit(c)) == 0 || !advance(s)) return count;
    count++;
  }
}

xio_number_end xio_number_scan(const char *bytes, size_t count, int at_end, char point,
                               size_t *used) {
  scanner s = {.bytes = bytes, .count = count, .at_end = at_end, .end = XIO_NUMBER_OVER};
  char points[3] = {point, '\0', '\0'};
  if (point != '.') points[1] = '.';
  int digits = 0;
  bool hexadecimal = false;
  (void)accept(&s, "-+");
  if (accept(&s, "0")) {
    hexadecimal = accept(&s, "xX");
    if (!hexadecimal) digits = 1;
  }
  digits += accept_digits(&s, hexadecimal);
  if (accept(&s, points)) digits += accept_digits(&s, hexadecimal);
  if (digits > 0 && accept(&s, hexadecimal ? "pP" : "eE")) {
    (void)accept(&s, "-+");
    (void)accept_digits(&s, false);
  }
  *used = s.at;
  return s.end;
}
