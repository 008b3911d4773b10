/* dns: see dns.h.
 *
 * A loop that has looked anything up has one resolver, which counts the requests at work
 * and lists the lookups that wait for their turn. It lives until the loop has closed and
 * the last request is over: that comes as the callback of libuv, as for a handle. */
#include "dns.h"

#include <stdlib.h>
#include <string.h>

enum {
  POOL_DEFAULT = 4, /* threads, as libuv has it */
  POOL_MAX = 1024,
  HOST_MAX = 254, /* characters of a name, with a dot at its end */
  LABEL_EXTRA = 5 /* "xn--" and a hyphen */
};

typedef struct xio_resolver {
  xio_loop_object object;
  xio_loop *loop;
  xio_list queued; /* lookups that wait for their turn, in order */
  uint32_t working;
  uint32_t limit;
  bool closed; /* with its loop; the last request frees it */
} xio_resolver;

struct xio_dns {
  xio_list link; /* in `queued` */
  xio_resolver *resolver;
  xio_allocator alloc;
  uv_getaddrinfo_t request;
  struct addrinfo hints;
  struct addrinfo *found;      /* owned; NULL: nothing, or not yet */
  const struct addrinfo *next; /* to be told */
  xio_waiter *waiter;          /* who waits; NULL: nobody any more */
  char *host;                  /* NULL: none; behind the record, as service is */
  char *service;
  size_t size; /* of the record with its texts */
  bool at_work;
  bool open; /* its owner has not let go */
};

/* -- the resolver of a loop ---------------------------------------------------------- */

/* Half of the threads that libuv starts, which it takes from the environment too. */
static uint32_t limit_of_pool(void) {
  char text[16];
  size_t size = sizeof text;
  long threads = POOL_DEFAULT;
  if (uv_os_getenv("UV_THREADPOOL_SIZE", text, &size) == 0) {
    threads = strtol(text, NULL, 10);
    if (threads > POOL_MAX) threads = POOL_MAX;
  }
  return threads >= 4 ? (uint32_t)threads / 2 : 1;
}

static void free_resolver(xio_resolver *resolver) {
  xio_alloc_free(&resolver->loop->alloc, resolver, sizeof *resolver);
}

/* The loop ends. All tasks are gone, so that nobody waits; what is at work goes on. */
static void close_resolver(xio_loop_object *object) {
  xio_resolver *resolver = XIO_CONTAINER_OF(object, xio_resolver, object);
  XIO_ASSERT(xio_list_empty(&resolver->queued));
  xio_list_remove(&object->link);
  resolver->loop->resolver = NULL;
  resolver->closed = true;
  if (resolver->working == 0) free_resolver(resolver);
}

static int get_resolver(xio_resolver **out, xio_loop *loop) {
  *out = loop->resolver;
  if (loop->resolver != NULL) return XIO_OK;
  xio_resolver *resolver = xio_alloc_new(&loop->alloc, sizeof *resolver);
  if (resolver == NULL) return XIO_ENOMEM;
  resolver->loop = loop;
  resolver->limit = limit_of_pool();
  resolver->object.close = close_resolver;
  xio_list_init(&resolver->queued);
  xio_list_init(&resolver->object.link);
  xio_list_push_back(&loop->objects, &resolver->object.link);
  *out = loop->resolver = resolver;
  return XIO_OK;
}

/* -- lookups ------------------------------------------------------------------------- */

static char *copy_text(char *to, const char *text, size_t size) {
  return text != NULL ? memcpy(to, text, size) : NULL;
}

int xio_dns_open(xio_dns **out, xio_loop *loop, const xio_dns_query *query) {
  size_t host_size = query->host != NULL ? strlen(query->host) + 1 : 0;
  size_t service_size = query->service != NULL ? strlen(query->service) + 1 : 0;
  size_t size = sizeof(xio_dns) + host_size + service_size;
  xio_dns *lookup = xio_alloc_new(&loop->alloc, size);
  if (lookup == NULL) return XIO_ENOMEM;
  int status = get_resolver(&lookup->resolver, loop);
  if (status != XIO_OK) {
    xio_alloc_free(&loop->alloc, lookup, size);
    return status;
  }
  char *texts = (char *)(lookup + 1);
  lookup->host = copy_text(texts, query->host, host_size);
  lookup->service = copy_text(texts + host_size, query->service, service_size);
  lookup->hints.ai_family = query->family;
  lookup->hints.ai_socktype = query->type;
  lookup->alloc = loop->alloc;
  lookup->size = size;
  lookup->open = true;
  xio_list_init(&lookup->link);
  *out = lookup;
  return XIO_OK;
}

/* One of the owner and the request has let go of it; frees it after the other. */
static void release(xio_dns *lookup) {
  if (lookup->open || lookup->at_work) return;
  uv_freeaddrinfo(lookup->found);
  xio_allocator alloc = lookup->alloc;
  xio_alloc_free(&alloc, lookup, lookup->size);
}

void xio_dns_close(xio_dns *lookup) {
  XIO_ASSERT(lookup->waiter == NULL);
  lookup->open = false;
  release(lookup);
}

bool xio_dns_next(xio_dns *lookup, xio_address *address) {
  const struct addrinfo *found = lookup->next;
  if (found == NULL) return false;
  lookup->next = found->ai_next;
  memset(address, 0, sizeof *address);
  XIO_ASSERT(found->ai_addrlen <= sizeof address->as);
  memcpy(&address->as, found->ai_addr, found->ai_addrlen);
  address->size = found->ai_addrlen;
  return true;
}

/* -- at work ------------------------------------------------------------------------- */

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found);

/* Gives the lookup to the pool. On error it is not at work. */
static int begin_work(xio_dns *lookup) {
  xio_resolver *resolver = lookup->resolver;
  xio_loop *loop = resolver->loop;
  lookup->request.data = lookup;
  int status = uv_getaddrinfo(loop->uv, &lookup->request, on_found, lookup->host,
                              lookup->service, &lookup->hints);
  if (status != 0) return status;
  lookup->at_work = true;
  resolver->working++;
  loop->working++;
  xio_loop_handle_opened(loop); /* closing the loop waits for it */
  return XIO_OK;
}

/* Tells who waits, if anybody does, how it ended. */
static void complete(xio_dns *lookup, int status) {
  xio_waiter *waiter = lookup->waiter;
  lookup->waiter = NULL;
  if (waiter != NULL) xio_waiter_complete(waiter, status);
}

/* Begins what waits for its turn, as far as the limit allows. */
static void begin_queued(xio_resolver *resolver) {
  while (!xio_list_empty(&resolver->queued) && resolver->working < resolver->limit) {
    xio_dns *lookup = XIO_CONTAINER_OF(resolver->queued.next, xio_dns, link);
    xio_list_remove(&lookup->link);
    int status = begin_work(lookup);
    if (status != XIO_OK) complete(lookup, status);
  }
}

static void on_found(uv_getaddrinfo_t *request, int status, struct addrinfo *found) {
  xio_dns *lookup = request->data;
  xio_resolver *resolver = lookup->resolver;
  xio_loop *loop = resolver->loop;
  lookup->at_work = false;
  lookup->found = found;
  lookup->next = found;
  resolver->working--;
  if (lookup->waiter != NULL) loop->working--;
  complete(lookup, status);
  release(lookup);
  if (!resolver->closed) {
    begin_queued(resolver);
  } else if (resolver->working == 0) {
    free_resolver(resolver);
  }
  xio_loop_handle_closed(loop); /* it may be gone now */
}

/* -- waiting ------------------------------------------------------------------------- */

static int abort_wait(xio_wait *wait) {
  xio_dns *lookup = wait->source;
  lookup->waiter = NULL;
  xio_list_remove(&lookup->link);
  if (lookup->at_work) {
    lookup->resolver->loop->working--;
    (void)uv_cancel((uv_req_t *)&lookup->request); /* refused: a thread is on it */
  }
  return XIO_OK;
}

static const xio_wait_ops wait_ops = {.verb = "lookup", .abort = abort_wait};

/* The most characters that one beyond ASCII, whose UTF-8 begins with `lead`, takes in the
 * ASCII form of its label, which has at most 63. */
static size_t punycode_max(uint8_t lead) {
  return lead >= 0xf0 ? 8 : lead >= 0xe0 ? 6 : 5;
}

/* Whether the name, in the ASCII form of its labels ("xn--...-..."), surely has at most
 * the characters that a name can have. libuv up to 1.47 cuts longer ones off and looks
 * something else up (CVE-2024-24806). */
static bool can_be_host(const char *host) {
  size_t size = 0;
  size_t labels = 1;
  bool is_ascii = true;
  for (; *host != 0 && size <= HOST_MAX; host++) {
    uint8_t byte = (uint8_t)*host;
    if (byte < 0x80) size++;
    if (byte == '.') labels++;
    if (byte < 0xc0) continue;
    size += punycode_max(byte);
    is_ascii = false;
  }
  return size + (is_ascii ? 0 : labels * LABEL_EXTRA) <= HOST_MAX;
}

int xio_dns_wait(xio_dns *lookup, xio_task *task, int64_t at) {
  xio_resolver *resolver = lookup->resolver;
  xio_wait *wait = &task->wait;
  if (lookup->host != NULL && !can_be_host(lookup->host)) return UV_EAI_NONAME;
  int status = xio_wait_limit(wait, at, XIO_ETIMEDOUT);
  if (status != XIO_OK) return status;
  if (resolver->working < resolver->limit) {
    status = begin_work(lookup);
    if (status != XIO_OK) {
      xio_wait_unlimit(wait);
      return status;
    }
  } else {
    xio_list_push_back(&resolver->queued, &lookup->link);
  }
  /* nothing below can fail */
  xio_wait_park(wait, &wait_ops, lookup);
  lookup->waiter = &wait->self;
  return XIO_OK;
}

bool xio_dns_valid(const xio_loop *loop) {
  const xio_resolver *resolver = loop->resolver;
  if (resolver == NULL) return true;
  if (resolver->working > resolver->limit) return false;
  const xio_list *queued = &resolver->queued;
  if (!xio_list_empty(queued) && resolver->working < resolver->limit) return false;
  for (const xio_list *node = queued->next; node != queued; node = node->next) {
    const xio_dns *lookup = XIO_CONTAINER_OF(node, xio_dns, link);
    if (lookup->at_work || lookup->waiter == NULL) return false;
  }
  return true;
}
