/* dns: the addresses of a host, by the system's own resolver.
 *
 * getaddrinfo blocks, and so runs in libuv's pool of threads. At most half of these (at
 * least one) work for the lookups of one loop; others wait here, in order, so that many
 * lookups, or a resolver that does not answer, leave threads to files. A lookup changes
 * nothing in the world, so withdrawing one has no effect to undo: its wait ends at once,
 * in whatever state it is. One that waits here is dropped; one at work cannot be stopped,
 * is left to itself, and what it finds is thrown away. The loop's closing waits for it.
 *
 * Owner: who called xio_dns_open; the request of libuv keeps the memory for as long as it
 * is at work. Invariants (xio_dns_valid): as many requests are at work as are counted;
 * lookups wait only while the limit is reached. Loop's thread only, but for getaddrinfo
 * itself. Not here: addresses written as numbers, which need no lookup (address.h). */
#ifndef XIO_CORE_DNS_H
#define XIO_CORE_DNS_H

#include "address.h"
#include "loop.h"

typedef struct xio_dns xio_dns;

typedef struct xio_dns_query {
  const char *host;    /* NULL: this machine */
  const char *service; /* name or number of the port; NULL: none */
  int family;          /* AF_INET, AF_INET6, or AF_UNSPEC for both */
  int type;            /* SOCK_STREAM or SOCK_DGRAM: of which the service is */
} xio_dns_query;

/* Makes a lookup, which takes copies of what it is asked; nothing begins. XIO_ENOMEM:
 * nothing was made. */
int xio_dns_open(xio_dns **out, xio_loop *loop,
                 const xio_dns_query *query) XIO_WARN_UNUSED;

/* Begins the lookup and parks the running task until it is over, at most until `at` (then
 * the status is XIO_ETIMEDOUT). The status of the wait is XIO_OK, or one of libuv
 * (UV_EAI_NONAME …). Once per lookup. On error nothing was started. */
int xio_dns_wait(xio_dns *lookup, xio_task *task, int64_t at) XIO_WARN_UNUSED;

/* The next address that was found, in the resolver's order; false: there is none. */
bool xio_dns_next(xio_dns *lookup, xio_address *address);

/* Lets go of the lookup, before or after its loop has closed; nobody may wait for it.
 * Never fails. */
void xio_dns_close(xio_dns *lookup);

/* The invariants above; O(lookups). */
bool xio_dns_valid(const xio_loop *loop);

#endif
