/* wrap: calls of the system that xio makes, and how they fail when they are told to.
 *
 * The linker gives every call that our objects make of one of these functions to a
 * stand-in (-Wl,--wrap); what libuv calls itself is in a library of its own, and
 * untouched. A call is one point: it fails with each of the errors that are plausible
 * for it in turn. Calls are counted on all threads. */
#ifndef XIO_TEST_WRAP_H
#define XIO_TEST_WRAP_H

#include <stdbool.h>

/* In the place of an error: one byte at most is moved. */
enum { WRAP_SHORT = -1 };

/* Which call, counted from 1, fails with which of its errors, counted from 0. */
void wrap_arm(unsigned call, unsigned error);

/* From now on the `nth` call, from 1, of the function called `name` fails with `error`, a
 * positive errno; the others do not. 0: every call does. For tests of one refusal. */
void wrap_refuse(const char *name, unsigned nth, int error);

/* No call fails any more. Whether one did. */
bool wrap_disarm(void);

/* The function that failed, and with what: a positive errno, or WRAP_SHORT. NULL:
 * none. */
const char *wrap_function(void);
int wrap_error(void);

#endif
