/* base: the few macros that every floor uses.
 *
 * XIO_ASSERT is always on and guards what would otherwise mean corrupt memory; a caller's
 * mistake is a status, never an assertion. XIO_CHECK is on in dev builds (XIO_DEV=1) and
 * may be O(n). Nothing here has state; everything may be used on any thread. */
#ifndef XIO_BASE_H
#define XIO_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XIO_WARN_UNUSED __attribute__((warn_unused_result))
#define XIO_LIKELY(x) __builtin_expect(!!(x), 1)
#define XIO_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* The object of type `type` whose member `member` is at `ptr`. */
#define XIO_CONTAINER_OF(ptr, type, member) \
  ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* Ends the process after a broken invariant, as a debugger expects it (a trap). `what` is
 * the broken condition as text, kept in a register for whoever reads the core dump. */
__attribute__((noreturn, cold)) void xio_panic(const char *what, const char *file,
                                               int line);

#define XIO_ASSERT(cond) \
  (XIO_LIKELY(cond) ? (void)0 : xio_panic(#cond, __FILE__, __LINE__))

#if defined(XIO_DEV) && XIO_DEV
#define XIO_CHECK(cond) XIO_ASSERT(cond)
#else
#define XIO_CHECK(cond) ((void)0)
#endif

#endif
