/* kernel: what the parts of the stand-in share: descriptors, events, time.
 *
 * A number of a descriptor leads to a node, which several numbers may share. Each kind of
 * node is a file of its own; it tells what poll() would say of it, and wakes the epoll
 * sets that it is in when that changes. Numbers are the lowest that are free, as the
 * system gives them, so that who uses one that was closed meets another's node.
 *
 * SYSTEM defines what the linker puts in the place of a function of the C library: the
 * build takes the names from these lines. */
#ifndef XIO_TEST_KERNEL_H
#define XIO_TEST_KERNEL_H

#include <errno.h>
#include <sys/epoll.h>
#include <sys/types.h>

#include "standin.h"

#define SYSTEM(result, name, parameters) \
  result __wrap_##name parameters; \
  result __wrap_##name parameters

#define KERNEL_NEVER INT64_MAX

enum { KERNEL_NUMBERS = 96, KERNEL_BYTES = 256 };

typedef enum node_kind {
  NODE_FREE,
  NODE_DEVICE, /* takes all, gives nothing */
  NODE_EPOLL,
  NODE_EVENT,
  NODE_STREAM,
  NODE_LISTENER,
  NODE_DATAGRAM,
  NODE_PROCESS,
  NODE_FILE
} node_kind;

typedef struct node node;
typedef struct connection connection;

/* One direction of a connection. */
typedef struct flow {
  connection *connection;
  uint8_t bytes[KERNEL_BYTES];
  uint32_t count;    /* written and not read */
  uint32_t arrived;  /* of these, at the reader */
  uint32_t held;     /* room that is taken, as the writer knows */
  uint32_t capacity; /* KERNEL_BYTES at the most */
  bool moving;       /* an arrival is on its way */
  bool acking;       /* news of room is on its way */
  bool full;         /* the writer met the end of the room and was not told since */
  bool fin;          /* the writer has ended it */
  bool ended;        /* the reader knows */
  bool broken;       /* nothing arrives any more */
} flow;

struct connection {
  flow flows[2]; /* by the end that writes */
  node *ends[2]; /* NULL: closed */
  int pending;   /* events that name it */
  bool used;
  bool instant; /* all arrives at once: a pair or a pipe */
};

typedef struct packet {
  uint8_t bytes[48];
  uint32_t size;
  uint16_t from;
} packet;

enum { KERNEL_BACKLOG = 4, KERNEL_PACKETS = 4 };

typedef struct stream_node {
  connection *connection; /* NULL: not connected */
  int side;
  int error; /* to be told, or 0 */
  bool connecting;
  bool refused;
  uint16_t port, peer_port;
} stream_node;

typedef struct listener_node {
  node *queue[KERNEL_BACKLOG]; /* connections that were not accepted */
  uint32_t count, limit;
  uint16_t port;
} listener_node;

typedef struct datagram_node {
  packet queue[KERNEL_PACKETS];
  uint32_t count, flying;
  int error;
  uint16_t port, peer; /* 0: none */
  bool full;
} datagram_node;

struct node {
  node_kind kind;
  int refs;   /* descriptors, and others that keep it */
  int access; /* O_RDONLY, O_WRONLY, O_RDWR */
  bool nonblocking;
  bool socket;
  uint64_t count; /* of an eventfd; else the number of a process or file */
  int64_t at;     /* of a file: where it stands */
  bool appends;
  union {
    stream_node stream;
    listener_node listener;
    datagram_node datagram;
  } as;
};

/* -- chance and time ----------------------------------------------------------------- */

extern standin_weather kernel_weather;
extern standin_counts kernel_counts;

uint32_t kernel_below(uint32_t bound);
bool kernel_chance(uint32_t per_mille);
int64_t kernel_delay(void); /* how long something takes, in nanoseconds */
void kernel_after(int64_t delay_ns, void (*fire)(void *context), void *context);
int64_t kernel_next(void);       /* when the next event comes */
void kernel_advance(int64_t to); /* lets time pass, and events come */
int64_t kernel_hrtime(void);     /* a look at the clock, which takes a while */

/* Each system call begins by one of these. True: it ends with errno EINTR. */
bool kernel_interrupts(void);
/* True: it ends with errno EMFILE, ENFILE or ENOMEM. */
bool kernel_is_short(void);

/* -- descriptors --------------------------------------------------------------------- */

/* A fresh node without a descriptor; never NULL. */
node *kernel_node(node_kind kind);
/* Gives it a number; -1 with errno: there is none, and the node is gone. */
int kernel_open(node *opened);
int kernel_open_at(node *opened, int lowest);
/* What a number stands for; NULL with errno EBADF. */
node *kernel_find(int number);
/* The same, where it is a fault that there is none. */
node *kernel_need(int number);
void kernel_keep(node *kept);
void kernel_drop(node *dropped); /* frees it with the last who kept it */
/* How many numbers are open; of which nodes, for people. */
int kernel_count(void);

/* Nothing can come any more: whether somebody has changed that. */
bool kernel_stall(void);
void kernel_waits(void); /* a poll lets time pass */

uint32_t kernel_poll(const node *self); /* EPOLLIN and so on that hold now */

/* Each kind's answers to the two above. */
uint32_t epoll_state(const node *self);
uint32_t stream_state(const node *self);
uint32_t listener_state(const node *self);
uint32_t datagram_state(const node *self);
uint32_t process_state(const node *self);
void epoll_release(node *self);
void stream_release(node *self);
void listener_release(node *self);
void datagram_release(node *self);
void process_release(node *self);

/* Something has changed: tells the epoll sets. `key`: what may hold now. */
void epoll_wake(const node *changed, uint32_t key);
/* The last descriptor of a node, or one of several, was closed. */
void epoll_forget(const node *gone);
void epoll_begin(void);

/* -- kinds --------------------------------------------------------------------------- */

void flow_begin(void);
/* A connection between two nodes of kind NODE_STREAM. */
connection *flow_connect(node *first, node *second, bool instant);
ssize_t flow_read(node *self, void *bytes, size_t max);
ssize_t flow_write(node *self, const void *bytes, size_t count);
void flow_shut(node *self);
/* The connection breaks; both ends learn it. */
void flow_reset(connection *broken);
int flow_take_error(node *self);

void network_begin(void);
void files_begin(void);
ssize_t files_read(node *self, void *bytes, size_t max, int64_t at);
ssize_t files_write(node *self, const void *bytes, size_t count, int64_t at);
int files_size(const node *self, int64_t *size);
void signals_begin(void);
void signals_pipe(bool suppressed); /* somebody wrote to what nobody reads */
void children_begin(void);
int children_left(void);
ssize_t children_tell(const node *self, void *bytes, size_t max);

/* -- libuv --------------------------------------------------------------------------- */

void handles_begin(void);
const char *handles_left(void);
void pool_begin(void);
const char *pool_left(void);
void locks_begin(void);

#endif
