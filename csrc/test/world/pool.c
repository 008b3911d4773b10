/* pool: functions in threads, and lookups of names.
 *
 * Expected of work: its function runs once at most, and not after it was withdrawn; its
 * record is taken or dropped, once; who waited has the result of its own. Of a lookup: it
 * finds what the system said, in that order, or tells its error; a time limit ends it in
 * time, and the resolver is never asked by more than half of the pool. */
#include <arpa/inet.h>
#include <string.h>

#include "world.h"

enum { FACTOR = 7 };

typedef struct job {
  xio_work work;
  world *world;
  int64_t number;
  bool ran, over;
} job;

static int64_t run_job(xio_work *work) {
  job *self = XIO_CONTAINER_OF(work, job, work);
  WORLD_EXPECT(self->world, !self->ran && !self->over, "work: runs twice, or too late");
  self->ran = true;
  port_post(self->world);
  if (xio_work_unwanted(work) && self->number % 2 == 0) return XIO_ECANCELED;
  return self->number * FACTOR;
}

static void free_job(job *self) {
  world *its = self->world;
  WORLD_EXPECT(its, !self->over, "work: its record is let go twice");
  self->over = true;
  its->jobs_over++;
  xio_allocator alloc = self->work.loop->alloc;
  xio_alloc_free(&alloc, self, sizeof *self);
}

static void drop_job(xio_work *work) {
  free_job(XIO_CONTAINER_OF(work, job, work));
}

static const xio_work_ops job_ops = {.run = run_job, .drop = drop_job};

static bool begin_work(ctask *self) {
  world *its = world_of(self);
  agent *me = begin_op(self);
  job *fresh = xio_alloc_new(&its->tasks.loop->alloc, sizeof *fresh);
  me->record = fresh;
  if (fresh == NULL) return true;
  fresh->world = its;
  fresh->number = ++its->jobs;
  xio_work_init(&fresh->work, its->tasks.loop, &job_ops);
  xio_work_begin(&fresh->work);
  if (op_of(self)->target == 0) {
    xio_work_wait(&fresh->work, &self->core);
  } else {
    xio_work_watch(&fresh->work, &self->core);
  }
  return false;
}

static bool end_work(ctask *self) {
  world *its = world_of(self);
  if (!has_begun(self)) return true;
  ctask_event(&its->tasks, "work", self->core.id, self->last_status);
  if (self->last_status != XIO_OK) {
    WORLD_EXPECT(its, self->last_status == XIO_ECANCELED, "work: has another status");
    return true; /* it is dropped, or will be */
  }
  job *done = agent_of(self)->record;
  WORLD_EXPECT(its, done->ran && done->work.result == done->number * FACTOR,
               "work: another result");
  xio_work_taken(&done->work);
  free_job(done);
  return true;
}

/* -- lookups ------------------------------------------------------------------------- */

static bool begin_lookup(ctask *self) {
  world *its = world_of(self);
  agent *me = begin_op(self);
  xio_dns_query query = {.host = "somewhere", .family = AF_INET, .type = SOCK_STREAM};
  xio_dns *lookup = NULL;
  me->record = NULL;
  if (xio_dns_open(&lookup, its->tasks.loop, &query) != XIO_OK) return true;
  int64_t at = XIO_NEVER;
  if (op_of(self)->target != 0) {
    at = xio_clock_after(&its->tasks.loop->clock, (int64_t)op_of(self)->count * 1000);
  }
  self->last_status = xio_dns_wait(lookup, &self->core, at);
  me->until = at;
  if (self->last_status == XIO_OK) {
    me->record = its->lookups[self->core.id] = lookup;
    return false;
  }
  WORLD_EXPECT(its, !its->calm, "lookup: cannot begin, for no reason");
  xio_dns_close(lookup);
  return true;
}

static void judge_lookup(ctask *self, xio_dns *lookup) {
  world *its = world_of(self);
  int status = self->last_status;
  xio_address address;
  uint32_t count = 0;
  while (xio_dns_next(lookup, &address)) {
    struct sockaddr_in in;
    memcpy(&in, &address.as, sizeof in);
    WORLD_EXPECT(its, ntohl(in.sin_addr.s_addr) == 0x0a000001u + count,
                 "lookup: another address, or order");
    count++;
  }
  WORLD_EXPECT(its, count != 0 || status != XIO_OK, "lookup: has found nothing");
  if (status == XIO_ETIMEDOUT) {
    WORLD_EXPECT(its, agent_of(self)->until != XIO_NEVER, "lookup: timed out without");
  } else if (status != XIO_OK && status != XIO_ECANCELED) {
    WORLD_EXPECT(its, !its->calm, "lookup: an error out of nowhere");
  }
}

static bool end_lookup(ctask *self) {
  world *its = world_of(self);
  if (!has_begun(self)) return true;
  xio_dns *lookup = agent_of(self)->record;
  ctask_event(&its->tasks, "lookup", self->core.id, self->last_status);
  judge_lookup(self, lookup);
  its->lookups[self->core.id] = NULL;
  xio_dns_close(lookup);
  return true;
}

/* -- checking ------------------------------------------------------------------------ */

void pool_check(world *self, bool stalled) {
  WORLD_EXPECT(self, xio_dns_valid(self->tasks.loop), "dns: not valid");
  WORLD_EXPECT(self, !stalled || self->tasks.loop->working == 0,
               "stall: something is said to be at work");
  WORLD_EXPECT(self, !stalled || self->jobs == self->jobs_over,
               "stall: work was neither taken nor dropped");
}

void pool_end(world *self) {
  for (int i = 0; i <= TASKS_MAX; i++) {
    if (self->lookups[i] != NULL) xio_dns_close(self->lookups[i]);
    self->lookups[i] = NULL;
  }
  WORLD_EXPECT(self, self->jobs == self->jobs_over, "work: neither taken nor dropped");
}

const verb pool_verbs[] = {
    {"work", CTASK_WAIT(begin_work, .finish = end_work), VERB_PLAIN, 10, 2, 1},
    {"lookup", CTASK_WAIT(begin_lookup, .finish = end_lookup), VERB_PLAIN, 8, 2, 3000},
    {.name = NULL}};
