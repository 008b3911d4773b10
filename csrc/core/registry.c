/* registry: see registry.h. */
#include "registry.h"

#include <stdatomic.h>
#include <string.h>
#include <uv.h>

enum { BUCKETS_FIRST = 16 }; /* a power of two, and so are all later sizes */

struct xio_registry {
  atomic_uint refs;
  uv_mutex_t mutex;
  /* guarded by it: */
  uint32_t openings;
  bool closed;
  size_t count;
  xio_list entries;
  xio_registered **buckets; /* NULL before the first entry */
  size_t bucket_count;
  void *verdict;
  void (*free_verdict)(void *verdict);
};

int xio_registry_new(xio_registry **out) {
  xio_allocator heap = xio_alloc_default();
  xio_registry *registry = xio_alloc_new(&heap, sizeof *registry);
  if (registry == NULL) return XIO_ENOMEM;
  int status = uv_mutex_init(&registry->mutex);
  if (status != 0) {
    xio_alloc_free(&heap, registry, sizeof *registry);
    return status;
  }
  atomic_init(&registry->refs, 1);
  registry->openings = 1;
  xio_list_init(&registry->entries);
  *out = registry;
  return XIO_OK;
}

void xio_registry_ref(xio_registry *registry) {
  atomic_fetch_add_explicit(&registry->refs, 1, memory_order_relaxed);
}

void xio_registry_unref(xio_registry *registry) {
  if (atomic_fetch_sub_explicit(&registry->refs, 1, memory_order_acq_rel) != 1) return;
  xio_allocator heap = xio_alloc_default();
  if (registry->verdict != NULL) registry->free_verdict(registry->verdict);
  xio_alloc_free(&heap, registry->buckets,
                 registry->bucket_count * sizeof(xio_registered *));
  uv_mutex_destroy(&registry->mutex);
  xio_alloc_free(&heap, registry, sizeof *registry);
}

/* -- the map; the mutex is held ------------------------------------------------------ */

/* FNV-1a, begun with an address, so that nobody outside knows which keys collide. */
static uint64_t hash_of(const xio_registry *registry, const unsigned char *key,
                        size_t key_size) {
  uint64_t hash = UINT64_C(14695981039346656037) ^ (uint64_t)(uintptr_t)registry;
  for (size_t i = 0; i < key_size; i++) hash = (hash ^ key[i]) * UINT64_C(1099511628211);
  return hash ^ hash >> 32;
}

static xio_registered **bucket_of(const xio_registry *registry, uint64_t hash) {
  return &registry->buckets[hash & (registry->bucket_count - 1)];
}

static xio_registered *find(const xio_registry *registry, const unsigned char *key,
                            size_t key_size) {
  if (registry->count == 0) return NULL;
  uint64_t hash = hash_of(registry, key, key_size);
  xio_registered *entry = *bucket_of(registry, hash);
  while (entry != NULL && (entry->hash != hash || entry->key_size != key_size ||
                           memcmp(entry->key, key, key_size) != 0)) {
    entry = entry->next;
  }
  return entry;
}

static void link_entry(xio_registry *registry, xio_registered *entry) {
  xio_registered **bucket = bucket_of(registry, entry->hash);
  entry->next = *bucket;
  *bucket = entry;
}

/* Makes room for one more. */
static int grow(xio_registry *registry) {
  if (registry->count < registry->bucket_count) return XIO_OK;
  xio_allocator heap = xio_alloc_default();
  size_t count = registry->bucket_count == 0 ? BUCKETS_FIRST : registry->bucket_count * 2;
  xio_registered **buckets = xio_alloc_new(&heap, count * sizeof(xio_registered *));
  if (buckets == NULL) return XIO_ENOMEM;
  xio_alloc_free(&heap, registry->buckets,
                 registry->bucket_count * sizeof(xio_registered *));
  registry->buckets = buckets;
  registry->bucket_count = count;
  for (xio_list *at = registry->entries.next; at != &registry->entries; at = at->next) {
    link_entry(registry, XIO_CONTAINER_OF(at, xio_registered, link));
  }
  return XIO_OK;
}

static void unlink_entry(xio_registry *registry, xio_registered *entry) {
  xio_registered **at = bucket_of(registry, entry->hash);
  while (*at != entry) at = &(*at)->next;
  *at = entry->next;
  entry->next = NULL;
  entry->is_in = false;
  xio_list_remove(&entry->link);
  registry->count--;
}

static void move_all(xio_registry *registry, xio_list *taken) {
  xio_list *entries = &registry->entries;
  for (xio_list *at = entries->next; at != entries; at = at->next) {
    xio_registered *entry = XIO_CONTAINER_OF(at, xio_registered, link);
    entry->next = NULL;
    entry->is_in = false;
  }
  if (registry->count != 0) {
    memset(registry->buckets, 0, registry->bucket_count * sizeof(xio_registered *));
  }
  registry->count = 0;
  xio_list_splice_back(taken, entries);
}

/* -- operations ---------------------------------------------------------------------- */

void xio_registry_open(xio_registry *registry) {
  uv_mutex_lock(&registry->mutex);
  registry->openings++;
  uv_mutex_unlock(&registry->mutex);
}

bool xio_registry_leave(xio_registry *registry, xio_list *taken) {
  uv_mutex_lock(&registry->mutex);
  bool last = --registry->openings == 0;
  if (last) {
    registry->closed = true;
    move_all(registry, taken);
  }
  uv_mutex_unlock(&registry->mutex);
  return last;
}

int xio_registry_add(xio_registry *registry, xio_registered *entry) {
  uv_mutex_lock(&registry->mutex);
  int status = XIO_OK;
  if (registry->closed) {
    status = XIO_ECLOSED;
  } else if (find(registry, entry->key, entry->key_size) != NULL) {
    status = XIO_EEXIST;
  } else {
    status = grow(registry);
  }
  if (status == XIO_OK) {
    entry->registry = registry;
    entry->hash = hash_of(registry, entry->key, entry->key_size);
    entry->is_in = true;
    xio_registry_ref(registry);
    link_entry(registry, entry);
    xio_list_init(&entry->link);
    xio_list_push_back(&registry->entries, &entry->link);
    registry->count++;
  }
  uv_mutex_unlock(&registry->mutex);
  return status;
}

void *xio_registry_find(xio_registry *registry, const unsigned char *key, size_t key_size,
                        void *(*ref)(xio_registered *entry)) {
  uv_mutex_lock(&registry->mutex);
  xio_registered *entry = find(registry, key, key_size);
  void *found = entry != NULL ? ref(entry) : NULL;
  uv_mutex_unlock(&registry->mutex);
  return found;
}

bool xio_registry_remove(xio_registered *entry) {
  xio_registry *registry = entry->registry;
  uv_mutex_lock(&registry->mutex);
  bool was_in = entry->is_in;
  if (was_in) unlink_entry(registry, entry);
  uv_mutex_unlock(&registry->mutex);
  return was_in;
}

void xio_registry_take_all(xio_registry *registry, xio_list *taken) {
  uv_mutex_lock(&registry->mutex);
  move_all(registry, taken);
  uv_mutex_unlock(&registry->mutex);
}

bool xio_registry_close(xio_registry *registry, xio_list *taken, void *verdict,
                        void (*free_verdict)(void *verdict)) {
  uv_mutex_lock(&registry->mutex);
  bool first = !registry->closed;
  if (first) {
    registry->closed = true;
    registry->verdict = verdict;
    registry->free_verdict = free_verdict;
    move_all(registry, taken);
  }
  uv_mutex_unlock(&registry->mutex);
  return first;
}

void *xio_registry_verdict(xio_registry *registry) {
  uv_mutex_lock(&registry->mutex);
  void *verdict = registry->verdict;
  uv_mutex_unlock(&registry->mutex);
  return verdict;
}

bool xio_registry_closed(xio_registry *registry) {
  uv_mutex_lock(&registry->mutex);
  bool closed = registry->closed;
  uv_mutex_unlock(&registry->mutex);
  return closed;
}

size_t xio_registry_count(xio_registry *registry) {
  uv_mutex_lock(&registry->mutex);
  size_t count = registry->count;
  uv_mutex_unlock(&registry->mutex);
  return count;
}

void xio_registered_release(xio_registered *entry) {
  xio_registry *registry = entry->registry;
  entry->registry = NULL;
  xio_registry_unref(registry);
}

static bool all_found(const xio_registry *registry) {
  size_t count = 0;
  const xio_list *entries = &registry->entries;
  for (const xio_list *at = entries->next; at != entries; at = at->next) {
    const xio_registered *entry = XIO_CONTAINER_OF(at, const xio_registered, link);
    if (!entry->is_in || find(registry, entry->key, entry->key_size) != entry) {
      return false;
    }
    count++;
  }
  return count == registry->count && (count == 0 || !registry->closed);
}

bool xio_registry_valid(xio_registry *registry) {
  uv_mutex_lock(&registry->mutex);
  bool valid = all_found(registry);
  uv_mutex_unlock(&registry->mutex);
  return valid;
}
