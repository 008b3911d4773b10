/* base: the macros, and what a broken invariant does. */
#include "../support/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct outer {
  char before[3];
  int member;
};

static void container_of_finds_the_object(void **state) {
  (void)state;
  struct outer object;
  assert_ptr_equal(XIO_CONTAINER_OF(&object.member, struct outer, member), &object);
}

static void assertion_that_holds_evaluates_once(void **state) {
  (void)state;
  int count = 0;
  XIO_ASSERT(++count == 1);
  assert_int_equal(count, 1);
}

static void assertion_that_fails_ends_the_process(void **state) {
  (void)state;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    (void)signal(SIGILL, SIG_DFL);
    (void)signal(SIGTRAP, SIG_DFL);
    XIO_ASSERT(child != 0);
    _exit(0);
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFSIGNALED(status));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(container_of_finds_the_object),
      cmocka_unit_test(assertion_that_holds_evaluates_once),
      cmocka_unit_test(assertion_that_fails_ends_the_process),
  };
  return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
