/* address: see address.h. */
#include "address.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "../base/status.h"

/* -- from text ----------------------------------------------------------------------- */

/* The interface that `scope` names or numbers; 0: there is none. */
static uint32_t find_interface(const char *scope) {
  uint64_t number = 0;
  const char *digit = scope;
  while (*digit >= '0' && *digit <= '9' && number <= UINT32_MAX) {
    number = number * 10 + (uint64_t)(*digit++ - '0');
  }
  bool is_number = digit != scope && *digit == 0 && number <= UINT32_MAX;
  return is_number ? (uint32_t)number : if_nametoindex(scope);
}

static int parse_v6(xio_address *out, char *text, uint16_t port) {
  char *scope = strchr(text, '%');
  if (scope != NULL) *scope++ = 0;
  if (inet_pton(AF_INET6, text, &out->as.v6.sin6_addr) != 1) return XIO_EINVAL;
  if (scope != NULL) {
    out->as.v6.sin6_scope_id = find_interface(scope);
    if (out->as.v6.sin6_scope_id == 0) return XIO_EINVAL;
  }
  out->as.v6.sin6_family = AF_INET6;
  out->as.v6.sin6_port = htons(port);
  out->size = sizeof out->as.v6;
  return XIO_OK;
}

int xio_address_parse(xio_address *out, const char *host, size_t length, uint16_t port) {
  char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
  memset(out, 0, sizeof *out);
  if (length >= sizeof text || memchr(host, 0, length) != NULL) return XIO_EINVAL;
  memcpy(text, host, length);
  text[length] = 0;
  if (inet_pton(AF_INET, text, &out->as.v4.sin_addr) == 1) {
    out->as.v4.sin_family = AF_INET;
    out->as.v4.sin_port = htons(port);
    out->size = sizeof out->as.v4;
    return XIO_OK;
  }
  int status = parse_v6(out, text, port);
  if (status != XIO_OK) memset(out, 0, sizeof *out);
  return status;
}

int xio_address_unix(xio_address *out, const char *path, size_t length) {
  memset(out, 0, sizeof *out);
  if (length == 0) return XIO_EINVAL;
  bool is_abstract = path[0] == 0 || path[0] == '@';
  if (!is_abstract && memchr(path, 0, length) != NULL) return XIO_EINVAL;
  struct sockaddr_un *local = &out->as.local;
  size_t room = sizeof local->sun_path - (is_abstract ? 0 : 1); /* a path ends with 0 */
  if (length > room) return -ENAMETOOLONG;
  local->sun_family = AF_UNIX;
  memcpy(local->sun_path, path, length);
  if (is_abstract) local->sun_path[0] = 0;
  size_t size = offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1);
  out->size = (socklen_t)size;
  return XIO_OK;
}

void xio_address_any(xio_address *out, int family, uint16_t port) {
  memset(out, 0, sizeof *out);
  if (family == AF_INET6) {
    out->as.v6.sin6_family = AF_INET6;
    out->as.v6.sin6_port = htons(port);
    out->size = sizeof out->as.v6;
  } else {
    out->as.v4.sin_family = AF_INET;
    out->as.v4.sin_port = htons(port);
    out->size = sizeof out->as.v4;
  }
}

/* -- to text ------------------------------------------------------------------------- */

/* Writes a number in decimal and a zero; returns where the zero is. */
static char *write_number(char *to, uint32_t number) {
  char digits[10];
  int count = 0;
  do {
    digits[count++] = (char)('0' + number % 10);
    number /= 10;
  } while (number != 0);
  while (count > 0) *to++ = digits[--count];
  *to = 0;
  return to;
}

static void write_scope(char *to, uint32_t scope) {
  *to++ = '%';
  if (if_indextoname(scope, to) == NULL) write_number(to, scope);
}

static size_t format_unix(const xio_address *address, char *text) {
  const struct sockaddr_un *local = &address->as.local;
  size_t before = offsetof(struct sockaddr_un, sun_path);
  size_t length = address->size > before ? address->size - before : 0;
  if (length != 0 && local->sun_path[0] != 0) {
    length = strnlen(local->sun_path, length); /* a path may be told with its zero */
  }
  memcpy(text, local->sun_path, length);
  if (length != 0 && text[0] == 0) text[0] = '@';
  text[length] = 0;
  return length;
}

size_t xio_address_format(const xio_address *address, char *text) {
  text[0] = 0;
  switch (xio_address_family(address)) {
    case AF_INET:
      inet_ntop(AF_INET, &address->as.v4.sin_addr, text, XIO_ADDRESS_TEXT);
      break;
    case AF_INET6:
      inet_ntop(AF_INET6, &address->as.v6.sin6_addr, text, XIO_ADDRESS_TEXT);
      if (address->as.v6.sin6_scope_id != 0) {
        write_scope(text + strlen(text), address->as.v6.sin6_scope_id);
      }
      break;
    case AF_UNIX: return format_unix(address, text);
    default: break;
  }
  return strlen(text);
}

int xio_address_family(const xio_address *address) {
  return address->size != 0 ? address->as.any.sa_family : AF_UNSPEC;
}

const char *xio_address_family_name(int family) {
  switch (family) {
    case AF_INET: return "inet";
    case AF_INET6: return "inet6";
    case AF_UNIX: return "unix";
    default: return "unspec";
  }
}

uint16_t xio_address_port(const xio_address *address) {
  switch (xio_address_family(address)) {
    case AF_INET: return ntohs(address->as.v4.sin_port);
    case AF_INET6: return ntohs(address->as.v6.sin6_port);
    default: return 0;
  }
}

/* -- one socket for both families ---------------------------------------------------- */

enum { MAPPED_PREFIX = 12 }; /* bytes before the IPv4 address: ten of 0, two of 0xff */

void xio_address_map(xio_address *address) {
  if (xio_address_family(address) != AF_INET) return;
  const struct sockaddr_in from = address->as.v4;
  xio_address_any(address, AF_INET6, ntohs(from.sin_port));
  uint8_t *bytes = address->as.v6.sin6_addr.s6_addr;
  bytes[MAPPED_PREFIX - 2] = bytes[MAPPED_PREFIX - 1] = 0xff;
  memcpy(bytes + MAPPED_PREFIX, &from.sin_addr, sizeof from.sin_addr);
}

void xio_address_unmap(xio_address *address) {
  if (xio_address_family(address) != AF_INET6) return;
  const struct sockaddr_in6 from = address->as.v6;
  if (!IN6_IS_ADDR_V4MAPPED(&from.sin6_addr)) return;
  xio_address_any(address, AF_INET, ntohs(from.sin6_port));
  memcpy(&address->as.v4.sin_addr, from.sin6_addr.s6_addr + MAPPED_PREFIX,
         sizeof address->as.v4.sin_addr);
}
