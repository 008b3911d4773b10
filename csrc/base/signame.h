/* signame: the names of signals, without "SIG": "HUP", "TERM". Pure; any thread. */
#ifndef XIO_SIGNAME_H
#define XIO_SIGNAME_H

#include "base.h"

/* The name, a static text; NULL for a number that has none here. */
const char *xio_signame_of(int signum);

/* The number; 0 for what is no name. */
int xio_signame_number(const char *name);

/* Whether a program may listen for the signal: not KILL and STOP, which the kernel does
 * not let it, nor those with which the processor tells of a broken program. */
bool xio_signame_catchable(int signum);

#endif
