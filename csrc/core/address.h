/* address: where a socket is: IPv4, IPv6 with its scope, or a name in the file system or
 * in the abstract space of Linux.
 *
 * Plain values without owner; nothing here waits, allocates or looks a host up, and every
 * function may be used on any thread. The text of an address is what people write: no
 * port, no brackets, the scope of a link-local address behind `%` as the interface's name
 * or number. An abstract name begins with a byte 0, as the system has it, or `@`, as
 * people write it; text always comes with `@`. Not here: names of hosts (dns.c). */
#ifndef XIO_CORE_ADDRESS_H
#define XIO_CORE_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "../base/base.h"

typedef struct xio_address {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage storage;
  } as;
  socklen_t size; /* how much of it counts; 0: no address */
} xio_address;

/* Room for the text of every address, and a zero. */
enum { XIO_ADDRESS_TEXT = sizeof(struct sockaddr_un) + 32 };

/* The IPv4 or IPv6 address that the `length` bytes at `host` write. XIO_EINVAL: they
 * write none, or name a scope that is no interface; `out` is empty then. */
int xio_address_parse(xio_address *out, const char *host, size_t length,
                      uint16_t port) XIO_WARN_UNUSED;

/* The same for the path of a unix socket, or an abstract name. XIO_EINVAL: it is empty,
 * or a path with a byte 0; -ENAMETOOLONG: the system has no room for it. */
int xio_address_unix(xio_address *out, const char *path, size_t length) XIO_WARN_UNUSED;

/* Any address of that family (AF_INET, AF_INET6), as for binding. */
void xio_address_any(xio_address *out, int family, uint16_t port);

/* Writes the host, or the path, and a zero to `text`, which has XIO_ADDRESS_TEXT bytes;
 * returns how many before the zero: none for a unix socket without a name. */
size_t xio_address_format(const xio_address *address, char *text);

/* AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for no address. */
int xio_address_family(const xio_address *address);

/* "inet", "inet6", "unix", or "unspec". The text is static. */
const char *xio_address_family_name(int family);

/* The port; 0 where addresses of that family have none. */
uint16_t xio_address_port(const xio_address *address);

/* Makes an IPv4 address the IPv6 one by which sockets for both families know it, and such
 * a one an IPv4 address. Others stay as they are. */
void xio_address_map(xio_address *address);
void xio_address_unmap(xio_address *address);

#endif
