/* list: an intrusive doubly linked ring. A head is a node of its own; a node that is in
 * no list links to itself, so that removing it twice is harmless. No function
 * allocates. */
#ifndef XIO_LIST_H
#define XIO_LIST_H

#include "base.h"

typedef struct xio_list xio_list;
struct xio_list {
  xio_list *next;
  xio_list *prev;
};

/* Makes `node` an empty head, or a node that is in no list. */
static inline void xio_list_init(xio_list *node) {
  node->next = node;
  node->prev = node;
}

/* Whether a head has no nodes, or a node is in no list. */
static inline bool xio_list_empty(const xio_list *node) {
  return node->next == node;
}

/* Links `node`, which is in no list, before `place`; before a head means at its end. */
static inline void xio_list_insert_before(xio_list *place, xio_list *node) {
  node->prev = place->prev;
  node->next = place;
  place->prev->next = node;
  place->prev = node;
}

static inline void xio_list_push_back(xio_list *head, xio_list *node) {
  xio_list_insert_before(head, node);
}

static inline void xio_list_push_front(xio_list *head, xio_list *node) {
  xio_list_insert_before(head->next, node);
}

/* Unlinks `node`; it is in no list afterwards. */
static inline void xio_list_remove(xio_list *node) {
  node->prev->next = node->next;
  node->next->prev = node->prev;
  xio_list_init(node);
}

/* Moves all nodes of `from` to the end of `to`, in order; `from` is empty afterwards. */
static inline void xio_list_splice_back(xio_list *to, xio_list *from) {
  if (xio_list_empty(from)) return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  xio_list_init(from);
}

/* How many nodes a head has; walks over them. */
static inline uint32_t xio_list_count(const xio_list *head) {
  uint32_t count = 0;
  for (const xio_list *node = head->next; node != head; node = node->next) count++;
  return count;
}

#endif
