/* program: lists of steps, and how they become what agents do. */
#include "world.h"

static const verb *const lists[] = {general_verbs, stream_verbs,    datagram_verbs,
                                    pool_verbs,    file_verbs,      process_verbs,
                                    catcher_verbs, descriptor_verbs};

enum { NOUNS = sizeof lists / sizeof *lists };

static const verb *verb_at(int number) {
  for (int i = 0; i < NOUNS; i++) {
    for (const verb *one = lists[i]; one->name != NULL; one++) {
      if (number-- == 0) return one;
    }
  }
  return NULL;
}

static int list_of(int number) {
  int at = 0;
  for (const verb *one = lists[0]; number != 0; number--) {
    if ((++one)->name == NULL) one = lists[++at];
  }
  return at;
}

static uint32_t below(world *self, uint32_t bound) {
  return (uint32_t)xio_random_below(&self->random, bound);
}

/* Each program has its own share of each noun, and of the places for it, so that some
 * meet more often than they would. */
static uint32_t weight_of(const world *self, int number) {
  const verb *one = verb_at(number);
  return one != NULL ? one->weight * self->shares[list_of(number)] : 0;
}

static int any_verb(world *self, uint32_t sum) {
  uint32_t at = below(self, sum);
  int number = 0;
  for (; at >= weight_of(self, number); number++) at -= weight_of(self, number);
  return number;
}

static uint32_t choose_shares(world *self) {
  static const uint32_t shares[] = {0, 1, 1, 5};
  uint32_t sum = 0;
  for (int i = 0; i < NOUNS; i++) {
    self->shares[i] = i == 0 ? 1 : shares[below(self, 4)];
  }
  for (int i = 0; verb_at(i) != NULL; i++) sum += weight_of(self, i);
  return sum;
}

/* Agents take turns, so that what one opens is there for the others. */
void program_make(world *self) {
  uint32_t sum = choose_shares(self);
  uint32_t least = below(self, 3) == 0 ? 1 : 0;
  self->step_count = 12 + (int)below(self, STEPS_MAX - 12);
  for (int i = 0; i < self->step_count; i++) {
    step *one = &self->steps[i];
    one->verb = any_verb(self, sum);
    const verb *its = verb_at(one->verb);
    uint32_t places = least != 0 ? (its->places + 3) / 4 : its->places;
    one->agent = (int)below(self, AGENTS);
    one->place = places != 0 ? below(self, places) : 0;
    one->amount = its->amount != 0 ? below(self, its->amount) : 0;
  }
}

static bool is_dropped(const world *self, int number) {
  return (self->dropped[number / 64] >> (number % 64) & 1) != 0;
}

static ctask_op make_op(const world *self, const step *one) {
  const verb *its = verb_at(one->verb);
  ctask_op op = its->op;
  op.target = (int)one->place;
  op.count = one->amount;
  switch (its->kind) {
    case VERB_BLOCK: op.name = op.kind == CTASK_OP_SCOPE ? one->agent + 1 : 0; break;
    case VERB_SPAWN: {
      int program = one->agent + 1 + (int)one->place; /* no chain is without end */
      op.target = 0;
      op.count = 0;
      op.name = program + 1;
      if (program >= AGENTS) return (ctask_op)CTASK_PAUSE;
      op.program = self->ops[program];
      break;
    }
    case VERB_TARGET: op.target++; break;
    case VERB_DEADLINE: op.target++; break;
    default: break;
  }
  if (its->kind != VERB_PLAIN) op.time = (int64_t)one->amount * 1000;
  if (op.kind == CTASK_OP_GROUP) op.count = one->amount % 3;
  return op;
}

/* A block that is not closed is closed at the end; a close without one is left out. */
void program_build(world *self) {
  int counts[AGENTS] = {0};
  int depths[AGENTS] = {0};
  for (int i = 0; i < self->step_count; i++) {
    const step *one = &self->steps[i];
    verb_kind kind = verb_at(one->verb)->kind;
    if (is_dropped(self, i)) continue;
    if (kind == VERB_CLOSE && depths[one->agent] == 0) continue;
    if (kind == VERB_BLOCK && depths[one->agent] == 8) continue;
    depths[one->agent] += kind == VERB_BLOCK ? 1 : kind == VERB_CLOSE ? -1 : 0;
    self->ops[one->agent][counts[one->agent]++] = make_op(self, one);
  }
  for (int i = 0; i < AGENTS; i++) {
    ctask_op *op = &self->ops[i][counts[i]];
    for (; depths[i] != 0; depths[i]--) *op++ = (ctask_op)CTASK_CLOSE;
    *op = (ctask_op)CTASK_END;
  }
}

void program_print(const world *self) {
  const standin_weather *its = &self->weather;
  printf(
      "# weather: delay %u us, chunk %u, capacity %u, tick %u ns, in 1000: %u "
      "interrupts, %u shortages, %u resets, %u losses, %u failures%s%s\n",
      its->delay_us, its->chunk, its->capacity, its->tick_ns, its->interrupts,
      its->shortages, its->resets, its->losses, its->failures,
      its->modern ? ", modern" : "", its->late ? ", late" : "");
  for (int who = 0; who < AGENTS; who++) {
    for (int i = 0; i < self->step_count; i++) {
      const step *one = &self->steps[i];
      if (one->agent != who || is_dropped(self, i)) continue;
      printf("# step %3d: agent %d %s %u %u\n", i, who, verb_at(one->verb)->name,
             one->place, one->amount);
    }
  }
}
