/* numeral: see numeral.h. */
#include "numeral.h"

#include <ctype.h>
#include <string.h>

typedef struct scanner {
  const char *bytes;
  size_t count;
  size_t at;
} scanner;

size_t xiol_count_blanks(const char *bytes, size_t count) {
  size_t blanks = 0;
  while (blanks < count && isspace((unsigned char)bytes[blanks])) blanks++;
  return blanks;
}

static bool is_more(const scanner *scan) {
  return scan->at < scan->count && scan->at < XIOL_NUMERAL_MAX;
}

/* Takes the next byte where it is one of `set`. */
static bool accept(scanner *scan, const char *set) {
  if (!is_more(scan) || scan->bytes[scan->at] == 0) return false;
  if (strchr(set, scan->bytes[scan->at]) == NULL) return false;
  scan->at++;
  return true;
}

/* Takes digits; returns how many. */
static size_t accept_digits(scanner *scan, bool hex) {
  size_t before = scan->at;
  while (is_more(scan)) {
    unsigned char byte = (unsigned char)scan->bytes[scan->at];
    if (hex ? !isxdigit(byte) : !isdigit(byte)) break;
    scan->at++;
  }
  return scan->at - before;
}

bool xiol_scan_numeral(const char *bytes, size_t count, size_t *length) {
  scanner scan = {bytes, count, 0};
  accept(&scan, "+-");
  size_t digits = accept(&scan, "0") ? 1 : 0;
  bool hex = digits != 0 && accept(&scan, "xX");
  if (hex) digits = 0;
  digits += accept_digits(&scan, hex);
  if (accept(&scan, ".")) digits += accept_digits(&scan, hex);
  if (digits != 0 && accept(&scan, hex ? "pP" : "eE")) {
    accept(&scan, "+-");
    accept_digits(&scan, false);
  }
  *length = scan.at;
  return scan.at < count || scan.at == XIOL_NUMERAL_MAX;
}
