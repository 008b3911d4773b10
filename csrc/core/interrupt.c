/* interrupt: see interrupt.h. */
#include "interrupt.h"

#include <signal.h>
#include <uv.h>

#include "../base/status.h"

enum { SIGNAL = SIGURG };

/* What belongs to the process, as signal handlers do. */
static uv_once_t once = UV_ONCE_INIT;
static uv_mutex_t mutex;
static unsigned entered; /* threads; guarded by the mutex */
static struct sigaction before;

/* What the thread has entered with, which the handler asks for. No thread-local variable:
 * in a library its memory is made when it is first used, and the process ends where that
 * fails. */
static pthread_key_t current;

static void make_globals(void) {
  int status = uv_mutex_init(&mutex);
  XIO_ASSERT(status == 0); /* a plain mutex needs no resource on the systems we know */
  status = pthread_key_create(&current, NULL);
  XIO_ASSERT(status == 0); /* it fails where a thousand others were made */
}

static void on_signal(int number, siginfo_t *info, void *context) {
  xio_interrupt *interrupt = pthread_getspecific(current);
  if (interrupt != NULL) {
    interrupt->function(interrupt);
  } else if ((before.sa_flags & SA_SIGINFO) != 0) {
    before.sa_sigaction(number, info, context);
  } else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
    before.sa_handler(number);
  }
}

/* The thread takes no other signal that another one could take. */
static void set_mask(void) {
  sigset_t set;
  sigfillset(&set);
  const int wanted[] = {SIGNAL, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) sigdelset(&set, wanted[i]);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
}

int xio_interrupt_enter(xio_interrupt *interrupt,
                        void (*function)(xio_interrupt *interrupt)) {
  interrupt->function = function;
  uv_once(&once, make_globals);
  if (pthread_setspecific(current, interrupt) != 0) return XIO_ENOMEM;
  uv_mutex_lock(&mutex);
  if (entered++ == 0) {
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK};
    ours.sa_sigaction = on_signal;
    sigfillset(&ours.sa_mask);
    int status = sigaction(SIGNAL, &ours, &before);
    XIO_ASSERT(status == 0); /* it fails for numbers that are no signal only */
  }
  uv_mutex_unlock(&mutex);
  set_mask();
  return XIO_OK;
}

void xio_interrupt_leave(xio_interrupt *interrupt) {
  XIO_ASSERT(pthread_getspecific(current) == interrupt);
  (void)pthread_setspecific(current, NULL); /* needs no memory where it was set */
  uv_mutex_lock(&mutex);
  if (--entered == 0) {
    struct sigaction found;
    if (sigaction(SIGNAL, NULL, &found) == 0 && found.sa_sigaction == on_signal) {
      (void)sigaction(SIGNAL, &before, NULL); /* unless somebody has put another there */
    }
  }
  uv_mutex_unlock(&mutex);
}

void xio_interrupt_send(pthread_t thread) {
  (void)pthread_kill(thread, SIGNAL); /* ESRCH: it has ended */
}
