/* pool: functions and lookups in threads, of which there are none: a request begins after
 * a delay, while fewer than four are at work, takes a while, and does all that it does at
 * its beginning or at its end. What it calls is called as from a thread: libuv's own
 * functions for loops and handles are a fault there. */
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "handles.h"

enum { REQUESTS = 64, THREADS = 4, ADDRESSES = 4 };

typedef enum request_state { WAITS, WORKS, IS_OVER } request_state;

typedef struct request_record {
  uv_req_t *request; /* NULL: free */
  loop_record *loop;
  size_t size;
  request_state state;
  uint64_t order; /* of being begun; then of its end */
  int status;
  bool lookup, ran;
  uv_work_cb work;
  uv_after_work_cb after;
  uv_getaddrinfo_cb on_found;
  struct addrinfo *found;
} request_record;

/* What lookups find, freed by uv_freeaddrinfo. */
typedef struct answer {
  struct addrinfo list[ADDRESSES];
  struct sockaddr_in addresses[ADDRESSES];
  bool used;
} answer;

static struct {
  request_record requests[REQUESTS];
  answer answers[REQUESTS];
  uint64_t order;
  int working;
} pool;

void pool_begin(void) {
  memset(&pool, 0, sizeof pool);
}

const char *pool_left(void) {
  for (int i = 0; i < REQUESTS; i++) {
    if (pool.requests[i].request != NULL) return "end: a request is left";
    if (pool.answers[i].used) return "end: the addresses of a lookup were not freed";
  }
  return NULL;
}

const char *pool_holds(const void *memory, size_t size) {
  const char *from = memory;
  for (int i = 0; i < REQUESTS; i++) {
    const char *its = (const char *)pool.requests[i].request;
    if (its != NULL && its < from + size && from < its + pool.requests[i].size) {
      return "memory: freed while libuv has a request in it";
    }
  }
  return NULL;
}

static request_record *find(const uv_req_t *request) {
  for (int i = 0; i < REQUESTS; i++) {
    if (pool.requests[i].request == request) return &pool.requests[i];
  }
  return NULL;
}

/* -- answers ------------------------------------------------------------------------- */

static int answer_lookup(request_record *self) {
  static const int errors[] = {UV_EAI_NONAME, UV_EAI_AGAIN, UV_EAI_FAIL};
  if (kernel_chance(kernel_weather.failures)) {
    kernel_counts.failures++;
    return errors[kernel_below(3)];
  }
  answer *fresh = NULL;
  for (int i = 0; i < REQUESTS && fresh == NULL; i++) {
    if (!pool.answers[i].used) fresh = &pool.answers[i];
  }
  if (fresh == NULL) standin_fault("stand-in: too many addresses");
  memset(fresh, 0, sizeof *fresh);
  fresh->used = true;
  uint32_t count = 1 + kernel_below(ADDRESSES);
  for (uint32_t i = 0; i < count; i++) {
    fresh->addresses[i].sin_family = AF_INET;
    fresh->addresses[i].sin_addr.s_addr = htonl(0x0a000001u + i);
    fresh->list[i].ai_family = AF_INET;
    fresh->list[i].ai_addrlen = sizeof fresh->addresses[i];
    fresh->list[i].ai_addr = (struct sockaddr *)&fresh->addresses[i];
    fresh->list[i].ai_next = i + 1 < count ? &fresh->list[i + 1] : NULL;
  }
  self->found = fresh->list;
  return 0;
}

void uv_freeaddrinfo(struct addrinfo *found) {
  if (found == NULL) return;
  for (int i = 0; i < REQUESTS; i++) {
    if (pool.answers[i].list != found) continue;
    if (!pool.answers[i].used) standin_fault("uv_freeaddrinfo: freed twice");
    pool.answers[i].used = false;
    return;
  }
  standin_fault("uv_freeaddrinfo: of what no lookup has found");
}

/* -- at work ------------------------------------------------------------------------- */

static void run(request_record *self) {
  if (self->ran) standin_fault("stand-in: a request runs twice");
  self->ran = true;
  handles_in_pool = true;
  if (self->lookup) {
    self->status = answer_lookup(self);
  } else {
    self->work((uv_work_t *)self->request);
  }
  handles_in_pool = false;
}

static void begin_next(void *context);

static void on_end(void *context) {
  request_record *self = context;
  if (!self->ran) run(self);
  self->state = IS_OVER;
  self->order = ++pool.order;
  pool.working--;
  begin_next(NULL);
}

static void begin_next(void *context) {
  (void)context;
  request_record *next = NULL;
  for (int i = 0; i < REQUESTS; i++) {
    request_record *one = &pool.requests[i];
    if (one->request == NULL || one->state != WAITS) continue;
    if (next == NULL || one->order < next->order) next = one;
  }
  if (next == NULL || pool.working == THREADS) return;
  next->state = WORKS;
  pool.working++;
  if (kernel_below(2) == 0) run(next);
  kernel_after(kernel_delay(), on_end, next);
}

static request_record *enqueue(uv_loop_t *loop, uv_req_t *request, size_t size) {
  loop_record *its = handles_loop(loop);
  if (find(request) != NULL) standin_fault("request: begun while it is at work");
  request_record *self = find(NULL);
  if (self == NULL) standin_fault("stand-in: too many requests");
  *self = (request_record){
      .request = request, .loop = its, .size = size, .order = ++pool.order};
  its->requests++;
  kernel_after(kernel_delay(), begin_next, NULL);
  return self;
}

int uv_queue_work(uv_loop_t *loop, uv_work_t *request, uv_work_cb work,
                  uv_after_work_cb after) {
  request_record *self = enqueue(loop, (uv_req_t *)request, sizeof *request);
  request->loop = loop;
  self->work = work;
  self->after = after;
  kernel_counts.works++;
  return 0;
}

int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb call,
                   const char *host, const char *service, const struct addrinfo *hints) {
  (void)hints;
  if (host == NULL && service == NULL) return UV_EINVAL;
  if (kernel_is_short()) return UV_ENOMEM;
  request_record *self = enqueue(loop, (uv_req_t *)request, sizeof *request);
  self->lookup = true;
  self->on_found = call;
  kernel_counts.lookups++;
  return 0;
}

int uv_cancel(uv_req_t *request) {
  request_record *self = find(request);
  if (self == NULL) standin_fault("uv_cancel: of a request that is over");
  handles_loop(self->loop->loop);
  if (self->state != WAITS) return UV_EBUSY;
  self->state = IS_OVER;
  self->status = self->lookup ? UV_EAI_CANCELED : UV_ECANCELED;
  self->order = ++pool.order;
  kernel_counts.withdrawn++;
  return 0;
}

/* -- telling ------------------------------------------------------------------------- */

bool pool_waiting(const loop_record *loop) {
  for (int i = 0; i < REQUESTS; i++) {
    const request_record *one = &pool.requests[i];
    if (one->request != NULL && one->loop == loop && one->state == IS_OVER) return true;
  }
  return false;
}

static void call_back(const request_record *over) {
  over->loop->requests--;
  if (over->lookup) {
    over->on_found((uv_getaddrinfo_t *)over->request, over->status, over->found);
  } else {
    over->after((uv_work_t *)over->request, over->status);
  }
}

/* Those that are over now, in the order of their ends. */
void pool_tell(loop_record *loop) {
  uint64_t last = pool.order;
  for (;;) {
    request_record *next = NULL;
    for (int i = 0; i < REQUESTS; i++) {
      request_record *one = &pool.requests[i];
      if (one->request == NULL || one->loop != loop || one->state != IS_OVER) continue;
      if (one->order > last || (next != NULL && one->order > next->order)) continue;
      next = one;
    }
    if (next == NULL) return;
    request_record over = *next;
    next->request = NULL; /* the callback may free it, or begin it again */
    call_back(&over);
  }
}

/* Only the pool's size is asked for; it is the usual one. */
int uv_os_getenv(const char *name, char *text, size_t *size) {
  (void)name;
  (void)text;
  (void)size;
  return UV_ENOENT;
}
