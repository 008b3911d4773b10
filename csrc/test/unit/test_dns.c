/* dns: lookups whose resolver answers when the test lets it: the limit, the order, what
 * becomes of lookups that are withdrawn, and of a loop that closes meanwhile.
 *
 * The resolver is the getaddrinfo below, which libuv finds instead of libc's: it waits in
 * its thread of the pool until the test opens the gate. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../../core/dns.h"
#include "../faults/wrap.h"
#include "../support/unit.h"

static ctask_world world;

/* -- the resolver -------------------------------------------------------------------- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int allowed;             /* calls that may still answer */
static int calls, inside, most; /* so far; now; at once at the most */
static int alive;               /* results that were not freed */

#define EXPORTED __attribute__((visibility("default")))

/* libc's names of the parameters are reserved:
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
EXPORTED
int getaddrinfo(const char *restrict host, const char *restrict service,
                const struct addrinfo *restrict hints, struct addrinfo **restrict out) {
  (void)service;
  (void)hints;
  pthread_mutex_lock(&mutex);
  calls++;
  if (++inside > most) most = inside;
  pthread_cond_broadcast(&changed);
  while (allowed == 0) pthread_cond_wait(&changed, &mutex);
  allowed--;
  inside--;
  bool known = host == NULL || strcmp(host, "unknown") != 0;
  if (known) alive++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
  if (!known) return EAI_NONAME;
  struct addrinfo *found = calloc(1, sizeof *found + sizeof(struct sockaddr_in));
  struct sockaddr_in *address = (struct sockaddr_in *)(found + 1);
  address->sin_family = AF_INET;
  address->sin_port = htons(80);
  address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  found->ai_family = AF_INET;
  found->ai_addr = (struct sockaddr *)address;
  found->ai_addrlen = sizeof *address;
  *out = found;
  return 0;
}

EXPORTED
void freeaddrinfo(struct addrinfo *found) {
  if (found == NULL) return;
  pthread_mutex_lock(&mutex);
  alive--;
  pthread_mutex_unlock(&mutex);
  free(found);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* Lets `count` calls answer. */
static void answer(int count) {
  pthread_mutex_lock(&mutex);
  allowed += count;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}

/* Waits until the resolver was called `count` times. */
static void await_calls(int count) {
  pthread_mutex_lock(&mutex);
  while (calls < count) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

/* -- tasks that look something up ---------------------------------------------------- */

enum { NOT_YET = 1, TASKS = 6 };

typedef struct seeker {
  xio_task core;
  const char *host;
  int64_t limit; /* ns; 0: none */
  xio_dns *lookup;
  int status;
  int found;
  int turn; /* as which it ended */
} seeker;

static seeker seekers[TASKS];
static const char *service = "80"; /* of all */
static int ended;

static void finish(seeker *self, int status) {
  self->status = status;
  self->turn = ++ended;
  xio_address address;
  while (status == XIO_OK && xio_dns_next(self->lookup, &address)) {
    assert_int_equal(xio_address_port(&address), 80);
    self->found++;
  }
  xio_dns_close(self->lookup);
  self->lookup = NULL;
  xio_group_child_ended(&self->core, XIO_OUTCOME_DONE);
}

static void resume_seeker(xio_task *core) {
  seeker *self = XIO_CONTAINER_OF(core, seeker, core);
  if (self->status != NOT_YET || self->lookup != NULL) {
    finish(self, core->wait.status);
    return;
  }
  const xio_dns_query query = {
      .host = self->host, .service = service, .type = SOCK_STREAM};
  assert_int_equal(xio_dns_open(&self->lookup, world.loop, &query), XIO_OK);
  int64_t at = self->limit == 0 ? XIO_NEVER : time_of(&world) + self->limit;
  int status = xio_dns_wait(self->lookup, core, at);
  if (status != XIO_OK) finish(self, status);
}

/* The loop closes: the owner lets go, as a collected box does. */
static void abandon_seeker(xio_task *core) {
  seeker *self = XIO_CONTAINER_OF(core, seeker, core);
  self->status = XIO_ECANCELED;
}

static const xio_task_ops seeker_ops = {.resume = resume_seeker,
                                        .abandon = abandon_seeker};

static void start(int index, const char *host) {
  seeker *self = &seekers[index];
  *self = (seeker){.host = host, .status = NOT_YET, .limit = self->limit};
  xio_task_init(&self->core, &world.loop->queue, &seeker_ops);
  xio_group_spawn(&world.loop->root, &self->core, (xio_spawn_opts){0});
}

static void turn(void) {
  xio_loop_poll(world.loop);
  step_world(&world);
  assert_true(xio_dns_valid(world.loop));
}

static void turn_until(const seeker *self) {
  while (self->status == NOT_YET) turn();
}

static void begin(void) {
  world = (ctask_world){0};
  memset(seekers, 0, sizeof seekers);
  calls = most = ended = allowed = 0;
  assert_int_equal(ctask_world_open(&world, (xio_loop_opts){0}), XIO_OK);
  world.after_step = check_after_step;
}

static void end(void) {
  end_world(&world);
  assert_int_equal(alive, 0);
  assert_int_equal(inside, 0);
}

/* -- tests --------------------------------------------------------------------------- */

static void a_lookup_finds_addresses(void **state) {
  (void)state;
  begin();
  answer(1);
  start(0, "host");
  turn_until(&seekers[0]);
  assert_int_equal(seekers[0].status, XIO_OK);
  assert_int_equal(seekers[0].found, 1);
  end();
}

static void an_unknown_name_is_a_status(void **state) {
  (void)state;
  begin();
  answer(1);
  start(0, "unknown");
  turn_until(&seekers[0]);
  assert_int_equal(seekers[0].status, UV_EAI_NONAME);
  end();
}

static void at_most_half_of_the_pool_looks(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < TASKS; i++) start(i, "host");
  turn();
  await_calls(2);
  assert_int_equal(world.loop->working, 2);
  answer(TASKS);
  for (int i = 0; i < TASKS; i++) turn_until(&seekers[i]);
  assert_int_equal(most, 2);
  assert_int_equal(calls, TASKS);
  assert_int_equal(world.loop->working, 0);
  for (int i = 2; i < TASKS; i++) assert_true(seekers[i].turn > 1); /* they waited */
  end();
}

static void what_waits_for_its_turn_is_dropped(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 4; i++) start(i, "host");
  turn();
  await_calls(2);
  xio_wait_abort(&seekers[2].core.wait);
  turn();
  assert_int_equal(seekers[2].status, XIO_ECANCELED);
  answer(3);
  for (int i = 0; i < 4; i++) turn_until(&seekers[i]);
  assert_int_equal(calls, 3);
  assert_int_equal(seekers[3].found, 1);
  end();
}

static void what_is_at_work_is_left_to_itself(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 3; i++) start(i, "host");
  turn();
  await_calls(2);
  xio_wait_abort(&seekers[0].core.wait); /* at once, though the thread goes on */
  turn();
  assert_int_equal(seekers[0].status, XIO_ECANCELED);
  assert_int_equal(world.loop->working, 1);
  assert_int_equal(calls, 2); /* its place is not free yet */
  answer(3);
  turn_until(&seekers[1]);
  turn_until(&seekers[2]);
  assert_int_equal(seekers[2].found, 1);
  end();
}

static void a_limit_of_time_ends_it(void **state) {
  (void)state;
  begin();
  seekers[0].limit = 1000000;
  start(0, "host");
  turn_until(&seekers[0]);
  assert_int_equal(seekers[0].status, XIO_ETIMEDOUT);
  answer(1);
  end();
}

static void closing_the_loop_waits_for_what_is_at_work(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 4; i++) start(i, "host");
  turn();
  await_calls(2);
  answer(2);
  xio_loop *loop = world.loop;
  world.loop = NULL; /* end_world then only counts */
  xio_loop_close(loop);
  assert_int_equal(inside, 0);
  assert_int_equal(calls, 2);
  for (int i = 0; i < 4; i++) { /* the owners let go after the loop */
    assert_int_equal(seekers[i].status, XIO_ECANCELED);
    xio_dns_close(seekers[i].lookup);
  }
  end();
}

static void this_machine_and_no_service_are_found_too(void **state) {
  (void)state;
  begin();
  answer(2);
  start(0, NULL);
  turn_until(&seekers[0]);
  assert_int_equal(seekers[0].found, 1);
  service = NULL;
  start(1, "host");
  turn_until(&seekers[1]);
  service = "80";
  assert_int_equal(seekers[1].found, 1);
  end();
}

/* Of two, three and four bytes, which take at most 5, 6 and 8 characters in ASCII. */
static void names_that_might_be_too_long_are_refused(void **state) {
  (void)state;
  static const char *const letters[] = {"\xc3\xa4", "\xe4\xb8\xad", "\xf0\x9f\x90\x8d"};
  static const int refused_at[] = {50, 42, 32};
  begin();
  answer(1000);
  for (int i = 0; i < 3; i++) {
    char host[300] = "";
    int count = 0;
    int status = XIO_OK;
    while (status == XIO_OK) {
      strcat(host, letters[i]);
      count++;
      seekers[0].limit = 0;
      start(0, host);
      turn_until(&seekers[0]);
      status = seekers[0].status;
    }
    assert_int_equal(status, UV_EAI_NONAME);
    assert_int_equal(count, refused_at[i]);
  }
  end();
}

static void what_cannot_begin_in_its_turn_says_so(void **state) {
  (void)state;
  begin();
  for (int i = 0; i < 3; i++) start(i, "host");
  turn();
  await_calls(2);
  wrap_refuse("uv_getaddrinfo", 1, ENOMEM);
  answer(2);
  turn_until(&seekers[2]);
  assert_true(wrap_disarm());
  assert_int_equal(seekers[2].status, XIO_ENOMEM);
  turn_until(&seekers[0]);
  turn_until(&seekers[1]);
  end();
}

static void the_pool_may_have_any_size(void **state) {
  (void)state;
  static const struct {
    const char *size;
    int limit;
  } pools[] = {{"1", 1}, {"3", 1}, {"8", 4}, {"many", 1}, {"-3", 1}, {"99999", TASKS}};
  for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
    setenv("UV_THREADPOOL_SIZE", pools[i].size, 1);
    begin();
    for (int j = 0; j < TASKS; j++) start(j, "host");
    turn();
    assert_int_equal(world.loop->working, pools[i].limit);
    answer(TASKS);
    for (int j = 0; j < TASKS; j++) turn_until(&seekers[j]);
    end();
  }
  setenv("UV_THREADPOOL_SIZE", "4", 1);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_lookup_finds_addresses),
      cmocka_unit_test(an_unknown_name_is_a_status),
      cmocka_unit_test(at_most_half_of_the_pool_looks),
      cmocka_unit_test(what_waits_for_its_turn_is_dropped),
      cmocka_unit_test(what_is_at_work_is_left_to_itself),
      cmocka_unit_test(a_limit_of_time_ends_it),
      cmocka_unit_test(closing_the_loop_waits_for_what_is_at_work),
      cmocka_unit_test(this_machine_and_no_service_are_found_too),
      cmocka_unit_test(names_that_might_be_too_long_are_refused),
      cmocka_unit_test(what_cannot_begin_in_its_turn_says_so),
      cmocka_unit_test(the_pool_may_have_any_size),
  };
  setenv("UV_THREADPOOL_SIZE", "4", 1); /* half of it are 2 */
  return cmocka_run_group_tests_name("dns", tests, NULL, NULL);
}
