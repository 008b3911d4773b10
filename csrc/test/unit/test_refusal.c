/* refusal: what threads share, threads, streams, sockets, processes, signals and tasks,
 * whose memory is refused and whose calls of the system fail (refusal.h). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>

#include "../../core/catcher.h"
#include "../../core/condition.h"
#include "../../core/dns.h"
#include "../../core/listener.h"
#include "../../core/mailbox.h"
#include "../../core/process.h"
#include "../../core/registry.h"
#include "../../core/reply.h"
#include "../../core/signal.h"
#include "../../core/thread.h"
#include "../../core/thread_channel.h"
#include "../../core/tracker.h"
#include "../../core/udp.h"
#include "../support/refusal.h"

enum { KEYS = 40 };

/* -- makers: what threads share ------------------------------------------------------ */

static void drop_mail(xio_mail *mail) {
  (void)mail;
}

static void free_nothing(void *value) {
  (void)value;
}

static int make_shared(void) {
  int status = XIO_OK;
  xio_mailbox *mailbox = NULL;
  xio_reply *reply = NULL;
  xio_tracker *tracker = NULL;
  xio_blocker *blocker = NULL;
  TRY(xio_mailbox_new(&mailbox, drop_mail));
  TRY((reply = xio_reply_new(free_nothing)) != NULL ? XIO_OK : XIO_ENOMEM);
  TRY((tracker = xio_tracker_new()) != NULL ? XIO_OK : XIO_ENOMEM);
  TRY(xio_blocker_new(&blocker));
out:
  if (blocker != NULL) xio_blocker_unref(blocker);
  if (tracker != NULL) xio_tracker_unref(tracker);
  if (reply != NULL) xio_reply_unref(reply);
  if (mailbox != NULL) xio_mailbox_abandon(mailbox);
  if (mailbox != NULL) xio_shared_unref(&mailbox->shared);
  return status;
}

static int make_registry(void) {
  static xio_registered entries[KEYS];
  static unsigned char keys[KEYS];
  int status = XIO_OK;
  xio_registry *registry = NULL;
  xio_list taken;
  xio_list_init(&taken);
  TRY(xio_registry_new(&registry));
  for (unsigned i = 0; i < KEYS; i++) {
    keys[i] = (unsigned char)i;
    entries[i] = (xio_registered){.key = &keys[i], .key_size = 1};
    TRY(xio_registry_add(registry, &entries[i]));
  }
out:
  if (registry == NULL) return status;
  (void)xio_registry_leave(registry, &taken);
  while (!xio_list_empty(&taken)) {
    xio_registered *entry = XIO_CONTAINER_OF(taken.next, xio_registered, link);
    xio_list_remove(&entry->link);
    xio_registered_release(entry);
  }
  xio_registry_unref(registry);
  return status;
}

static void free_item(xio_item *item) {
  (void)item;
}

static int make_thread_channel(void) {
  int status = XIO_OK;
  xio_thread_end *ends[2] = {NULL, NULL};
  xio_thread_end *clone = NULL;
  status = xio_thread_channel_new(4, 0, free_item, &ends[0], &ends[1]);
  if (status != XIO_OK) return status;
  TRY(xio_thread_end_clone(ends[0], &clone));
out:
  if (clone != NULL) xio_thread_end_unref(clone, NULL);
  if (ends[0] != NULL) xio_thread_end_unref(ends[0], NULL);
  if (ends[1] != NULL) xio_thread_end_unref(ends[1], NULL);
  return status;
}

static xio_mailbox *awaited_mailbox;

static int begin_mail(xio_task *task) {
  bool parked = false;
  int status = xio_mailbox_wait(awaited_mailbox, world.loop, task, &parked);
  if (status != XIO_OK) return status;
  return parked ? XIO_OK : XIO_EAGAIN;
}

static void take_mail(xio_task *task, int status) {
  (void)status;
  assert_null(xio_shared_take(&task->wait));
}

static int make_mail(void) {
  int status = XIO_OK;
  awaited_mailbox = NULL;
  TRY(xio_mailbox_new(&awaited_mailbox, drop_mail));
  xio_shared_expose(&awaited_mailbox->shared);
  refusal_limit_ns = 100000;
  status = run_wait(begin_mail, take_mail); /* nobody writes: the deadline ends it */
  if (status == XIO_ECANCELED) status = XIO_OK;
out:
  if (awaited_mailbox != NULL) xio_mailbox_abandon(awaited_mailbox);
  if (awaited_mailbox != NULL) xio_shared_unref(&awaited_mailbox->shared);
  return status;
}

/* -- makers: threads ----------------------------------------------------------------- */

static int open_nothing(xio_thread *thread, xio_job *job, void **data) {
  (void)thread;
  (void)job;
  *data = NULL;
  return XIO_OK;
}

static void do_nothing(void *data) {
  (void)data;
}

static void interrupt_nothing(void *data, xio_job *job) {
  (void)data;
  (void)job;
}

static void run_nothing(xio_job *job, void *data) {
  (void)job;
  (void)data;
}

static void drop_nothing(xio_job *job) {
  (void)job;
}

static const xio_worker worker = {open_nothing, do_nothing, do_nothing,
                                  interrupt_nothing};
static const xio_job_ops job_ops = {.run = run_nothing, .drop = drop_nothing};
static xio_job jobs[2];
static xio_pool *pool;

/* The second waits until the first is over, and then begins by itself. */
static int begin_jobs(xio_task *task) {
  for (int i = 0; i < 2; i++) {
    xio_job_init(&jobs[i], &job_ops, XIO_ON_CANCEL_WAIT);
    int status = xio_job_begin(&jobs[i], pool);
    if (status != XIO_OK) return status;
  }
  return xio_job_wait(&jobs[1], task) == XIO_JOB_PARKED ? XIO_OK : XIO_EAGAIN;
}

static void leave_jobs(xio_task *task, int status) {
  (void)task;
  if (status == XIO_OK && jobs[1].status != XIO_OK) ended = jobs[1].status;
  for (int i = 0; i < 2; i++) xio_job_leave(&jobs[i]);
}

static int make_threads(void) {
  int status = XIO_OK;
  xio_threads *threads = NULL;
  pool = NULL;
  TRY(xio_loop_threads(world.loop, &worker, &threads));
  TRY(xio_pool_open(threads, 1, &pool));
  TRY(run_wait(begin_jobs, leave_jobs));
out:
  if (pool != NULL) xio_pool_close(pool);
  return status;
}

/* -- makers: streams and sockets ----------------------------------------------------- */

static xio_stream *reader;
static int silent[2]; /* a pipe into which nobody writes */

static int begin_read(xio_task *task) {
  return xio_stream_wait(reader, XIO_FD_READ, task);
}

static int make_pairs(void) {
  int status = XIO_OK;
  xio_stream *pair[2], *pipe[2];
  char byte = 'x';
  bool has_pipe = false;
  status = xio_stream_pair(pair, world.loop);
  if (status != XIO_OK) return status;
  TRY(xio_stream_pipe(pipe, world.loop));
  has_pipe = true;
  TRY(xio_stream_write(pair[1], &byte, 1));
  reader = pair[0];
  TRY(run_wait(begin_read, NULL));
  TRY(xio_stream_read(pair[0], &byte, 1));
  TRY(xio_stream_shutdown(pair[1]));
out:
  for (int i = 0; i < 2; i++) {
    xio_stream_release(pair[i]);
    if (has_pipe) xio_stream_release(pipe[i]);
  }
  return status;
}

/* A descriptor of ours. */
static int make_stream(void) {
  xio_stream *stream = NULL;
  int number = dup(silent[0]);
  assert_true(number >= 0);
  int status = xio_stream_open(&stream, world.loop, number);
  if (status == XIO_OK) {
    xio_stream_release(stream);
  } else {
    close(number);
  }
  return status;
}

/* What is shared stays open: the place is what its loop keeps of it. */
static int make_shared_stream(void) {
  int status = XIO_OK;
  xio_stream *shared = NULL;
  xio_allocator alloc = counting_allocator(&world.memory);
  TRY(xio_stream_share(&shared, &alloc, silent[0], NULL));
  refusal_limit_ns = 100000;
  reader = shared;
  status = run_wait(begin_read, NULL); /* nobody writes */
  if (status == XIO_ECANCELED) status = XIO_OK;
out:
  if (shared != NULL) xio_stream_release(shared);
  return status;
}

static xio_stream *connecting;
static xio_listener *listening;

static int begin_connected(xio_task *task) {
  return xio_stream_wait_connected(connecting, task);
}

static int begin_accept(xio_task *task) {
  return xio_listener_wait(listening, task);
}

static int make_server_at(const xio_address *address) {
  bool is_unix = xio_address_family(address) == AF_UNIX;
  const xio_listener_opts opts = {.socket = {.nodelay = true,
                                             .reuseaddr = true,
                                             .reuseport = !is_unix, /* which have none */
                                             .keepalive = 30},
                                  .backlog = 4,
                                  .mode = 0600};
  int status = XIO_OK;
  xio_stream *accepted = NULL;
  xio_address name;
  xio_address from = {.size = 0};
  connecting = NULL;
  listening = NULL;
  TRY(xio_listener_open(&listening, world.loop, address, &opts));
  TRY(xio_socket_name(listening->handle.number, &name));
  status = xio_stream_connect(&connecting, world.loop, &name, &from, &opts.socket);
  if (status == -EINPROGRESS) status = XIO_OK;
  TRY(status);
  TRY(run_wait(begin_connected, NULL));
  TRY(run_wait(begin_accept, NULL));
  TRY(xio_listener_accept(listening, &accepted));
  TRY(xio_socket_peername(connecting->handle.number, &name));
  TRY(xio_socket_error(connecting->handle.number));
  TRY(xio_stream_shutdown(connecting));
out:
  if (accepted != NULL) xio_stream_release(accepted);
  if (connecting != NULL) xio_stream_release(connecting);
  if (listening != NULL) xio_listener_release(listening);
  return status;
}

static int make_server(void) {
  xio_address address;
  xio_address_any(&address, AF_INET, 0);
  address.as.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return make_server_at(&address);
}

static int make_unix_server(void) {
  xio_address address;
  const char *path = path_of("socket");
  int status = xio_address_unix(&address, path, strlen(path));
  return status == XIO_OK ? make_server_at(&address) : status;
}

static int make_udp_of(int family) {
  static const xio_udp_option options[] = {XIO_UDP_REUSE_ADDRESS, XIO_UDP_BROADCAST,
                                           XIO_UDP_TTL, XIO_UDP_MULTICAST_TTL,
                                           XIO_UDP_MULTICAST_LOOP};
  int status = XIO_OK;
  xio_udp *udp = NULL;
  xio_address address, group;
  size_t whole = 0;
  char byte = 'x';
  TRY(xio_udp_open(&udp, world.loop, family));
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    TRY(xio_udp_set(udp, options[i], 1));
  }
  TRY(xio_address_parse(&address, "127.0.0.1", 9, 0));
  TRY(xio_udp_bind(udp, &address));
  TRY(xio_udp_name(udp, &address));
  TRY(xio_udp_connect(udp, &address));
  TRY(xio_udp_peer(udp, &address));
  TRY(xio_udp_send(udp, &byte, 1, NULL));
  TRY(xio_udp_receive(udp, &byte, 1, &address, &whole));
  TRY(xio_udp_connect(udp, NULL));
  TRY(xio_address_parse(&group, "239.1.2.3", 9, 0));
  if (family == AF_INET) {
    TRY(xio_udp_join(udp, &group, 1));
    TRY(xio_udp_leave(udp, &group, 1));
    TRY(xio_udp_set_interface(udp, 1));
  }
out:
  if (udp != NULL) xio_udp_close(udp);
  return status;
}

static int make_udp(void) {
  return make_udp_of(AF_INET);
}

static int make_udp_of_both(void) {
  return make_udp_of(AF_UNSPEC);
}

static xio_dns *lookup;

static int begin_lookup(xio_task *task) {
  return xio_dns_wait(lookup, task, XIO_NEVER);
}

static int make_lookup(void) {
  static const xio_dns_query query = {"127.0.0.1", "80", AF_INET, SOCK_STREAM};
  int status = XIO_OK;
  lookup = NULL;
  TRY(xio_dns_open(&lookup, world.loop, &query));
  TRY(run_wait(begin_lookup, NULL));
out:
  if (lookup != NULL) xio_dns_close(lookup);
  return status;
}

/* -- makers: processes and signals --------------------------------------------------- */

static xio_process *process;

static int begin_exit(xio_task *task) {
  if (xio_process_exited(process) != NULL) return XIO_EAGAIN;
  return xio_process_wait(process, task, XIO_NEVER);
}

static int make_process(void) {
  char *args[] = {(char[]){"true"}, NULL};
  char *env[] = {(char[]){"A=b"}, NULL};
  const int fds[] = {XIO_LAUNCH_NULL, 1, 2, XIO_LAUNCH_CLOSED, 1};
  xio_launch_opts opts = {.file = "true",
                          .path = "/nowhere:/usr/bin:/bin",
                          .args = args,
                          .env = env,
                          .cwd = "/",
                          .fds = fds,
                          .fd_count = 5,
                          .session = true};
  int status = XIO_OK;
  process = NULL;
  TRY(xio_process_spawn(&process, world.loop, &opts));
  TRY(run_wait(begin_exit, NULL));
out:
  if (process != NULL) xio_process_release(process, true);
  return status;
}

static int make_signals(void) {
  static const int signums[] = {SIGUSR1, SIGUSR2};
  int status = XIO_OK;
  xio_signals *signals = NULL;
  xio_catcher *catcher = NULL;
  TRY(xio_signals_open(&signals, world.loop, 1000, true, NULL));
  xio_signals_pause(signals);
  xio_signals_resume(signals);
  TRY(xio_catcher_open(&catcher, world.loop, signums, 2));
out:
  if (catcher != NULL) xio_catcher_close(catcher);
  if (signals != NULL) xio_signals_close(signals);
  return status;
}

/* -- makers: tasks ------------------------------------------------------------------- */

static xio_lock lock;
static xio_condition condition;

static int begin_condition(xio_task *task) {
  int status = xio_lock_try(&lock, task);
  if (status != XIO_OK) return status;
  status = xio_condition_wait(&condition, task, xio_clock_after(&world.loop->clock, 10));
  if (status != XIO_OK) assert_int_equal(xio_lock_release(&lock, task), XIO_OK);
  return status;
}

static void leave_condition(xio_task *task, int status) {
  if (status == XIO_ETIMEDOUT) {
    assert_int_equal(xio_condition_resume(&condition, task, status), XIO_OK);
    ended = XIO_OK;
  }
  assert_int_equal(xio_lock_release(&lock, task), XIO_OK);
}

static int make_condition(void) {
  xio_lock_init(&lock);
  xio_condition_init(&condition, &lock);
  return run_wait(begin_condition, leave_condition);
}

static refusal_maker makers[] = {
    {"shared", make_shared, false, false},
    {"registry", make_registry, false, false},
    {"thread_channel", make_thread_channel, false, false},
    {"mail", make_mail, false, false},
    {"threads", make_threads, false, false},
    {"pairs", make_pairs, false, false},
    {"stream", make_stream, false, false},
    {"shared stream", make_shared_stream, false, false},
    {"server", make_server, false, false},
    {"unix server", make_unix_server, false, false},
    {"udp", make_udp, false, false},
    {"udp of both", make_udp_of_both, false, false},
    {"lookup", make_lookup, false, false},
    {"process", make_process, false, false},
    {"signals", make_signals, false, false},
    {"condition", make_condition, true, false},
    {NULL, NULL, false, false},
};

static int make_pipe(void **state) {
  return make_folder(state) != 0 || pipe2(silent, O_CLOEXEC | O_NONBLOCK) != 0;
}

static int remove_pipe(void **state) {
  close(silent[0]);
  close(silent[1]);
  return remove_folder(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      REFUSAL_TESTS(makers),
  };
  return cmocka_run_group_tests_name("refusal", tests, make_pipe, remove_pipe);
}
