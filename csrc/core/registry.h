/* registry: who waits for an answer, by key, for any number of threads.
 *
 * A map from keys, which are bytes, to entries that the owner embeds in what it keeps for
 * each: the registry knows nothing of answers. Entries keep the order in which they came.
 * Taking an entry out decides who answers: of several threads that want to, one gets it.
 * A closed registry has none and takes none, for ever, and keeps what the owner gave it
 * to tell of that.
 *
 * Owner: counted references; who uses the registry has an opening as well (a handle, a
 * message with one). With the last opening it closes, since nobody can answer any more:
 * whoever closes takes all entries. Entries hold a reference, and no opening. All memory
 * is of the C library's heap. Invariants (xio_registry_valid): the count equals the list;
 * each entry is found by its key; a closed registry is empty. Any thread. */
#ifndef XIO_CORE_REGISTRY_H
#define XIO_CORE_REGISTRY_H

#include <stddef.h>

#include "../base/alloc.h"
#include "../base/list.h"
#include "../base/status.h"

typedef struct xio_registry xio_registry;

/* One key that is taken. Its memory is who embeds it's; the key's bytes must live and
 * stay while it is in a registry. */
typedef struct xio_registered xio_registered;
struct xio_registered {
  xio_list link;            /* in order of coming; in the list of who took it out */
  xio_registered *next;     /* with the same hash */
  xio_registry *registry;   /* with a reference, from being added until `release` */
  const unsigned char *key; /* of no other entry there */
  size_t key_size;
  uint64_t hash;
  bool is_in; /* guarded by the registry's mutex */
};

/* One reference, one opening. XIO_ENOMEM or a status of libuv. */
int xio_registry_new(xio_registry **out) XIO_WARN_UNUSED;

void xio_registry_ref(xio_registry *registry);
void xio_registry_unref(xio_registry *registry);

/* One more opening, by who has one. */
void xio_registry_open(xio_registry *registry);

/* One opening less. With the last one the registry closes, and all entries are moved to
 * `taken`. Returns whether that was so. */
bool xio_registry_leave(xio_registry *registry, xio_list *taken);

/* Puts an entry in, whose key and size are set. XIO_EEXIST: another has that key.
 * XIO_ECLOSED. XIO_ENOMEM. Otherwise the entry has a reference to the registry. */
int xio_registry_add(xio_registry *registry, xio_registered *entry) XIO_WARN_UNUSED;

/* What `ref` makes of the entry with that key: called with the mutex, so that nobody
 * takes it out meanwhile. NULL: there is none. */
void *xio_registry_find(xio_registry *registry, const unsigned char *key, size_t key_size,
                        void *(*ref)(xio_registered *entry)) XIO_WARN_UNUSED;

/* Takes out this entry, which was added. False: somebody else has taken it out, at any
 * time before. */
bool xio_registry_remove(xio_registered *entry);

/* Moves all entries to `taken`, in order. */
void xio_registry_take_all(xio_registry *registry, xio_list *taken);

/* Closes it, and moves all entries to `taken`. False: it was closed before, and nothing
 * has happened. `verdict` is what xio_registry_verdict then gives: it must be good for
 * as long as the registry, and is given to `free_verdict` in the end. NULL: none. */
bool xio_registry_close(xio_registry *registry, xio_list *taken, void *verdict,
                        void (*free_verdict)(void *verdict));

/* NULL where the registry is open, or was closed without. */
void *xio_registry_verdict(xio_registry *registry);

bool xio_registry_closed(xio_registry *registry);

/* How many entries it has now. */
size_t xio_registry_count(xio_registry *registry);

/* The life of an entry that was added, and is out, ends: it gives its reference back. */
void xio_registered_release(xio_registered *entry);

/* The invariants above; O(n). */
bool xio_registry_valid(xio_registry *registry);

#endif
