/* address: fuzzes the texts of addresses. What is read as an address and written again is
 * read as the same one; what is none is refused, and leaves none. */
#include <stdint.h>
#include <string.h>

#include "../../base/status.h"
#include "../../core/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_same(const xio_address *a, const xio_address *b) {
  return a->size == b->size && memcmp(&a->as, &b->as, a->size) == 0;
}

/* The text of an address, read again. */
static void check_again(const xio_address *address) {
  char text[XIO_ADDRESS_TEXT];
  xio_address again;
  size_t length = xio_address_format(address, text);
  XIO_ASSERT(length < sizeof text && text[length] == '\0');
  int status = xio_address_family(address) == AF_UNIX
                   ? xio_address_unix(&again, text, length)
                   : xio_address_parse(&again, text, length, xio_address_port(address));
  XIO_ASSERT(status == XIO_OK && is_same(address, &again));
}

static void check_mapped(const xio_address *address) {
  xio_address mapped = *address;
  xio_address_map(&mapped);
  check_again(&mapped);
  xio_address_unmap(&mapped);
  check_again(&mapped);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2) return 0;
  uint16_t port = (uint16_t)(data[0] << 8 | data[1]);
  const char *text = (const char *)data + 2;
  xio_address address;
  if (xio_address_parse(&address, text, size - 2, port) == XIO_OK) {
    check_again(&address);
    check_mapped(&address);
  } else {
    XIO_ASSERT(address.size == 0);
  }
  if (xio_address_unix(&address, text, size - 2) == XIO_OK) check_again(&address);
  return 0;
}
