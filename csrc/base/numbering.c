/* numbering: see numbering.h. */
#include "numbering.h"

#include <string.h>

#include "status.h"

void xio_numbering_init(xio_numbering *numbering) {
  memset(numbering->small, 0, sizeof numbering->small);
  numbering->places = numbering->small;
  numbering->capacity = XIO_NUMBERING_SMALL;
  numbering->count = 0;
}

static size_t size_of(const xio_numbering *numbering) {
  return (size_t)numbering->capacity * sizeof(xio_numbered);
}

void xio_numbering_deinit(xio_numbering *numbering, const xio_allocator *alloc) {
  if (numbering->places != numbering->small) {
    xio_alloc_free(alloc, numbering->places, size_of(numbering));
  }
  numbering->places = numbering->small;
}

/* Where `address` is, or where it may be put. */
static uint32_t place_of(const xio_numbering *numbering, const void *address) {
  uint64_t hash = (uint64_t)(uintptr_t)address * UINT64_C(0x9E3779B97F4A7C15);
  uint32_t mask = numbering->capacity - 1;
  uint32_t at = (uint32_t)(hash >> 32) & mask;
  while (numbering->places[at].address != NULL &&
         numbering->places[at].address != address) {
    at = (at + 1) & mask;
  }
  return at;
}

bool xio_numbering_find(const xio_numbering *numbering, const void *address,
                        uint64_t *number) {
  const xio_numbered *place = &numbering->places[place_of(numbering, address)];
  if (place->address == NULL) return false;
  *number = place->number;
  return true;
}

static int grow(xio_numbering *numbering, const xio_allocator *alloc) {
  xio_numbering larger = *numbering;
  larger.capacity = numbering->capacity * 2;
  larger.places = xio_alloc_new(alloc, size_of(&larger));
  if (larger.places == NULL) return XIO_ENOMEM;
  for (uint32_t i = 0; i < numbering->capacity; i++) {
    const xio_numbered *from = &numbering->places[i];
    if (from->address != NULL) larger.places[place_of(&larger, from->address)] = *from;
  }
  xio_numbering_deinit(numbering, alloc);
  numbering->places = larger.places;
  numbering->capacity = larger.capacity;
  return XIO_OK;
}

int xio_numbering_add(xio_numbering *numbering, const xio_allocator *alloc,
                      const void *address, uint64_t number) {
  if (numbering->count >= numbering->capacity / 4 * 3) {
    int status = grow(numbering, alloc);
    if (status != XIO_OK) return status;
  }
  xio_numbered *place = &numbering->places[place_of(numbering, address)];
  *place = (xio_numbered){address, number};
  numbering->count++;
  return XIO_OK;
}
