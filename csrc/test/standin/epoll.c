/* epoll: sets of descriptors, as Linux has them.
 *
 * An entry belongs to a number and the node that it stood for. It becomes ready when its
 * node wakes it with something that it is interested in, or when it is added or changed
 * while something holds; what it then tells is what holds when it is asked. By edges it
 * is ready once for each waking; one that is shot once tells nothing until it is
 * changed. */
#include <string.h>

#include "kernel.h"

enum { SETS = 8, ENTRIES = 64 };

typedef struct entry {
  const node *node; /* NULL: free */
  int number;
  uint32_t events;
  uint64_t data;
  bool ready;
} entry;

typedef struct set {
  const node *node; /* NULL: free */
  int used;         /* entries that were ever in use */
  entry entries[ENTRIES];
} set;

static set sets[SETS];

static const uint32_t flags = EPOLLET | EPOLLONESHOT;

void epoll_begin(void) {
  for (int i = 0; i < SETS; i++) sets[i].node = NULL;
}

static set *set_of(const node *self) {
  for (int i = 0; i < SETS; i++) {
    if (sets[i].node == self) return &sets[i];
  }
  return NULL;
}

void epoll_release(node *self) {
  set_of(self)->node = NULL;
}

/* What an entry has to tell now. */
static uint32_t news(const entry *one) {
  if (one->node == NULL || !one->ready || (one->events & ~flags) == 0) return 0;
  return kernel_poll(one->node) & (one->events | EPOLLERR | EPOLLHUP);
}

uint32_t epoll_state(const node *self) {
  const set *its = set_of(self);
  for (int i = 0; i < its->used; i++) {
    if (news(&its->entries[i]) != 0) return EPOLLIN;
  }
  return 0;
}

void epoll_wake(const node *changed, uint32_t key) {
  for (int i = 0; i < SETS; i++) {
    for (int k = 0; sets[i].node != NULL && k < sets[i].used; k++) {
      entry *one = &sets[i].entries[k];
      if (one->node != changed || (one->events & ~flags) == 0) continue;
      if ((key & (one->events | EPOLLERR | EPOLLHUP)) != 0) one->ready = true;
    }
  }
}

void epoll_forget(const node *gone) {
  for (int i = 0; i < SETS; i++) {
    for (int k = 0; sets[i].node != NULL && k < sets[i].used; k++) {
      if (sets[i].entries[k].node == gone) sets[i].entries[k].node = NULL;
    }
  }
}

static entry *find(set *its, int number, const node *of) {
  for (int i = 0; i < its->used; i++) {
    entry *one = &its->entries[i];
    if (one->node == of && (of == NULL || one->number == number)) return one;
  }
  return NULL;
}

static entry *free_entry(set *its) {
  entry *one = find(its, 0, NULL);
  if (one != NULL) return one;
  if (its->used == ENTRIES) standin_fault("stand-in: too many descriptors in a set");
  return &its->entries[its->used++];
}

SYSTEM(int, epoll_create1, (int create_flags)) {
  (void)create_flags;
  if (kernel_is_short()) return -1;
  set *fresh = set_of(NULL);
  if (fresh == NULL) standin_fault("stand-in: too many epoll sets");
  node *self = kernel_node(NODE_EPOLL);
  fresh->node = self;
  fresh->used = 0;
  return kernel_open(self);
}

static int fail(int error) {
  errno = error;
  return -1;
}

SYSTEM(int, epoll_ctl, (int number, int what, int of, struct epoll_event *event)) {
  const node *self = kernel_need(number);
  if (self->kind != NODE_EPOLL) standin_fault("epoll_ctl: of what is no set");
  const node *watched = kernel_find(of);
  if (watched == NULL) return -1;
  if (watched->kind == NODE_FILE || watched->kind == NODE_DEVICE) return fail(EPERM);
  set *its = set_of(self);
  entry *one = find(its, of, watched);
  if (what == EPOLL_CTL_ADD && one != NULL) return fail(EEXIST);
  if (what != EPOLL_CTL_ADD && one == NULL) return fail(ENOENT);
  if (what == EPOLL_CTL_DEL) {
    one->node = NULL;
    return 0;
  }
  if (what == EPOLL_CTL_ADD && kernel_is_short()) return fail(ENOMEM);
  if (one == NULL) one = free_entry(its);
  *one = (entry){watched, of, event->events, event->data.u64, true};
  one->ready = news(one) != 0;
  return 0;
}

SYSTEM(int, epoll_wait, (int number, struct epoll_event *events, int max, int timeout)) {
  const node *self = kernel_need(number);
  set *its = set_of(self);
  if (timeout != 0) standin_fault("epoll_wait: the loop's thread would block");
  if (kernel_interrupts()) return -1;
  int count = 0;
  int first = its->used != 0 ? (int)kernel_below((uint32_t)its->used) : 0;
  for (int i = 0; i < its->used && count < max; i++) {
    entry *one = &its->entries[(first + i) % its->used];
    uint32_t told = news(one);
    if (told == 0) {
      one->ready = false;
      continue;
    }
    events[count].events = told;
    events[count++].data.u64 = one->data;
    if ((one->events & flags) != 0) one->ready = false;
    if ((one->events & EPOLLONESHOT) != 0) one->events &= flags;
  }
  return count;
}
