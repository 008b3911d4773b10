/* foreign_loop: tasks inside an event loop that is not libuv: here epoll, with a timer and
 * a pipe of the host.
 *
 * xio has one descriptor that is readable when there is something to do, and a timeout.
 * The host waits for both beside its own, and then lets xio take a step. Linux only.
 *
 * Prints:
 *   a task read from the host: hello
 *   two sleepers have slept
 *   the host's timer has fired 5 times
 *   ended */
#include <lauxlib.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include <xio.h>

static const char script[] =
    "local xio = require 'xio'\n"
    "local descriptor = ...\n"
    "local input = assert(xio.fd(descriptor))\n"
    "input:readable()\n"
    "print('a task read from the host: ' .. assert(xio.read(descriptor, 5)))\n"
    "xio.gather(function() xio.sleep(0.02) end, function() xio.sleep(0.03) end)\n"
    "print 'two sleepers have slept'\n"
    "while ticks < 5 do xio.sleep(0.001) end\n"
    "print(('the host\\'s timer has fired %d times'):format(ticks))\n";

typedef struct host {
  lua_State *L;
  xio_runtime *runtime;
  int epoll;
  int timer;
  int pipe[2];
  int ticks;
} host;

static int watch(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The host's own work: at the first tick it writes to the pipe. */
static void on_timer(host *self) {
  uint64_t expirations = 0;
  if (read(self->timer, &expirations, sizeof expirations) < 0) return;
  self->ticks++;
  lua_pushinteger(self->L, self->ticks);
  lua_setglobal(self->L, "ticks");
  if (self->ticks == 1 && write(self->pipe[1], "hello", 5) != 5) abort();
  if (self->ticks < 5) return;
  struct itimerspec never = {{0, 0}, {0, 0}};
  timerfd_settime(self->timer, 0, &never, NULL);
}

/* Runs the loop until no task lives. Returns XIO_ENDED, or what went wrong. */
static int run(host *self) {
  int progress = XIO_MORE;
  while (progress == XIO_MORE || progress == XIO_STALLED) {
    struct epoll_event events[4];
    int timeout = xio_poll_timeout(self->runtime); /* 0: it has something to do now */
    int count = epoll_wait(self->epoll, events, 4, timeout);
    for (int i = 0; i < count; i++) {
      if (events[i].data.fd == self->timer) on_timer(self);
    }
    progress = xio_step(self->runtime, self->L, 0);
  }
  return progress;
}

static int set_up(host *self) {
  self->epoll = epoll_create1(EPOLL_CLOEXEC);
  self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  if (self->epoll < 0 || self->timer < 0 || pipe(self->pipe) != 0) return -1;
  struct itimerspec every = {{0, 10000000}, {0, 10000000}};
  if (timerfd_settime(self->timer, 0, &every, NULL) != 0) return -1;
  if (watch(self->epoll, self->timer) != 0) return -1;
  return watch(self->epoll, xio_poll_fd(self->runtime));
}

int main(void) {
  host self = {.L = luaL_newstate()};
  lua_State *L = self.L;
  if (L == NULL) return EXIT_FAILURE;
  luaL_openlibs(L);
  lua_pushinteger(L, 0);
  lua_setglobal(L, "ticks");
  if (xio_open(L, NULL, &self.runtime) != 0 || set_up(&self) != 0) return EXIT_FAILURE;

  int result = XIO_ERR_LUA;
  if (luaL_loadstring(L, script) == LUA_OK) {
    lua_pushinteger(L, self.pipe[0]);
    result = xio_spawn(self.runtime, L, 1, NULL);
  }
  if (result == 0) {
    lua_settop(L, 0);
    result = run(&self);
  }
  if (result < 0) (void)fprintf(stderr, "%s\n", xio_traceback(L, -1));
  lua_settop(L, 0);

  if (xio_close(self.runtime, L) != 0) result = XIO_ERR_LUA;
  lua_close(L);
  close(self.pipe[0]);
  close(self.pipe[1]);
  close(self.timer);
  close(self.epoll);
  if (result == XIO_ENDED) printf("ended\n");
  return result == XIO_ENDED ? EXIT_SUCCESS : EXIT_FAILURE;
}
