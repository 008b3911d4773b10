/* pty: drives a program in a terminal, for the specs of the prompt.
 *
 *   pty PROGRAM [ARGUMENTS] <script
 *
 * Each line of the script is a letter, a space and a text with \n, \t, \e, \\ and \xHH:
 *   s TEXT  types it
 *   w TEXT  waits until the program has written it, behind what was waited for before
 *   n TEXT  fails if it has written that since the last `w`
 *   p MS    waits so long
 *   e CODE  waits until the program has ended, with that status (128 + n: by signal n)
 * All that the program wrote goes to standard output. Ends with 0, or with 1 and a line
 * on standard error that names the line of the script that failed: after ten seconds. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_MAX = 1 << 20, LINE_MAX_BYTES = 4096, PATIENCE_MS = 10 * 1000 };

static char output[OUTPUT_MAX + 1];
static size_t written, seen; /* bytes of output; behind what was waited for */
static int terminal;
static pid_t child;

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int start(char **argv) {
  terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0) return -1;
  const char *name = ptsname(terminal);
  struct winsize size = {.ws_row = 24, .ws_col = 80};
  child = fork();
  if (child != 0) return child < 0 ? -1 : 0;
  setsid();
  int slave = open(name, O_RDWR);
  ioctl(slave, TIOCSCTTY, 0);
  ioctl(slave, TIOCSWINSZ, &size);
  struct termios modes; /* without NOFLSH, what answers Ctrl-C at once may be lost */
  if (tcgetattr(slave, &modes) == 0) {
    modes.c_lflag |= NOFLSH;
    tcsetattr(slave, TCSANOW, &modes);
  }
  for (int i = 0; i < 3; i++) dup2(slave, i);
  if (slave > 2) close(slave);
  signal(SIGINT, SIG_DFL);
  signal(SIGQUIT, SIG_DFL);
  execvp(argv[0], argv);
  _exit(127);
}

/* Takes what the program has written, at most until `until_ms`. False: its end of the
 * terminal is closed, or the time is over. */
static bool take(long until_ms) {
  long left = until_ms - now_ms();
  struct pollfd about = {.fd = terminal, .events = POLLIN};
  if (left <= 0 || poll(&about, 1, (int)left) <= 0) return false;
  ssize_t count = read(terminal, output + written, OUTPUT_MAX - written);
  if (count <= 0) return false;
  written += (size_t)count;
  output[written] = '\0';
  return true;
}

/* Where `text` begins in what was not waited for yet, or NULL. */
static char *find(const char *text) {
  return memmem(output + seen, written - seen, text, strlen(text));
}

static bool wait_for(const char *text) {
  long until = now_ms() + PATIENCE_MS;
  for (char *at; (at = find(text)) == NULL;) {
    if (!take(until)) return false;
    (void)at;
  }
  seen = (size_t)(find(text) - output) + strlen(text);
  return true;
}

static bool wait_for_end(int code) {
  long until = now_ms() + PATIENCE_MS;
  int status = 0;
  while (take(until)) continue;
  while (waitpid(child, &status, WNOHANG) == 0) {
    if (now_ms() >= until) {
      fprintf(stderr, "pty: it did not end\n");
      return false;
    }
    usleep(1000);
  }
  child = 0;
  int got = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  if (got != code) fprintf(stderr, "pty: it ended with %d\n", got);
  return got == code;
}

static bool type(const char *text) {
  size_t length = strlen(text);
  return write(terminal, text, length) == (ssize_t)length;
}

/* Replaces escapes in place. */
static void unescape(char *text) {
  char *to = text;
  for (; *text != '\0'; text++) {
    if (*text != '\\') {
      *to++ = *text;
      continue;
    }
    text++;
    switch (*text) {
      case 'n': *to++ = '\n'; break;
      case 'r': *to++ = '\r'; break;
      case 't': *to++ = '\t'; break;
      case 'e': *to++ = '\033'; break;
      case 'x': {
        char hex[3] = {text[1], text[2], '\0'};
        *to++ = (char)strtol(hex, NULL, 16);
        text += 2;
        break;
      }
      default: *to++ = *text; break;
    }
  }
  *to = '\0';
}

static bool obey(char letter, char *text) {
  unescape(text);
  switch (letter) {
    case 's': return type(text);
    case 'w': return wait_for(text);
    case 'n': return find(text) == NULL;
    case 'p': return usleep((useconds_t)atoi(text) * 1000) == 0;
    case 'e': return wait_for_end(atoi(text));
    default: return false;
  }
}

int main(int argc, char **argv) {
  char line[LINE_MAX_BYTES];
  int number = 0;
  bool well = argc > 1 && start(argv + 1) == 0;
  while (well && fgets(line, sizeof line, stdin) != NULL) {
    number++;
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0') continue;
    well = strlen(line) > 1 && obey(line[0], line + 2);
  }
  fwrite(output, 1, written, stdout);
  if (child > 0) {
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
  }
  if (!well) fprintf(stderr, "pty: line %d failed: %s\n", number, line);
  return well ? 0 : 1;
}
