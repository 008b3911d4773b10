/* world: what a world of ctasks notes: faults, events, errors on their way; and the
 * oracle of cancellation. See ctask.h; the tasks themselves are in ctask.c. */
#include "ctask.h"

void ctask_fault(ctask_world *world, const char *what) {
  if (world->fault != NULL) return;
  world->fault = what;
  if (world->trace != NULL) (void)fprintf(world->trace, "FAULT %s\n", what);
}

static void mix(uint64_t *hash, uint64_t value) {
  for (int i = 0; i < 8; i++) {
    *hash = (*hash ^ (value >> (8 * i) & 0xff)) * UINT64_C(0x100000001b3);
  }
}

void ctask_event(ctask_world *world, const char *what, uint64_t id, int64_t n) {
  int64_t now = world->loop != NULL ? xio_clock_now(&world->loop->clock) : -1;
  world->events++;
  for (const char *c = what; *c != 0; c++) mix(&world->hash, (uint64_t)(unsigned char)*c);
  mix(&world->hash, id);
  mix(&world->hash, (uint64_t)n);
  if (world->loop != NULL && world->loop->clock.is_virtual)
    mix(&world->hash, (uint64_t)now);
  if (world->trace != NULL) {
    (void)fprintf(world->trace, "%8lld  task %3llu  %s %lld\n", (long long)now,
                  (unsigned long long)id, what, (long long)n);
  }
}

void ctask_move_errors(ctask_errors *to, ctask_errors *from) {
  to->count += from->count;
  to->sum += from->sum;
  *from = (ctask_errors){0};
}

bool ctask_expect_effective(const xio_scope *scope) {
  for (; scope != NULL; scope = scope->parent) {
    if (scope->source != XIO_SOURCE_NONE) return true;
    if (scope->shield && !xio_scope_queue(scope)->shields_lifted) return false;
  }
  return false;
}
