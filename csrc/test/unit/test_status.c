/* status: names, and numbers equal to libuv's. */
#include "../support/unit.h"

#include <string.h>
#include <uv.h>

static void numbers_are_those_of_libuv(void **state) {
  (void)state;
  assert_int_equal(XIO_ECANCELED, UV_ECANCELED);
  assert_int_equal(XIO_ETIMEDOUT, UV_ETIMEDOUT);
  assert_int_equal(XIO_ENOMEM, UV_ENOMEM);
  assert_int_equal(XIO_EINVAL, UV_EINVAL);
  assert_int_equal(XIO_EBUSY, UV_EBUSY);
  assert_int_equal(XIO_EAGAIN, UV_EAGAIN);
  assert_int_equal(XIO_EBADF, UV_EBADF);
  assert_int_equal(XIO_EOF, UV_EOF);
}

static void own_numbers_are_not_libuvs(void **state) {
  (void)state;
  const int own[] = {XIO_ECLOSED, XIO_EMISNEST, XIO_EDEADLK, XIO_EOWNERDEAD};
  char name[32];
  for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
    uv_err_name_r(own[i], name, sizeof name);
    assert_int_equal(strncmp(name, "Unknown", 7), 0);
  }
}

static void every_status_has_its_name(void **state) {
  (void)state;
  const struct {
    int status;
    const char *name;
  } rows[] = {{XIO_OK, "OK"},
              {XIO_ECANCELED, "ECANCELED"},
              {XIO_ETIMEDOUT, "ETIMEDOUT"},
              {XIO_ENOMEM, "ENOMEM"},
              {XIO_EINVAL, "EINVAL"},
              {XIO_EBUSY, "EBUSY"},
              {XIO_EAGAIN, "EAGAIN"},
              {XIO_EDEADLK, "EDEADLK"},
              {XIO_EBADF, "EBADF"},
              {XIO_EOF, "EOF"},
              {XIO_ECLOSED, "ECLOSED"},
              {XIO_EMISNEST, "EMISNEST"},
              {XIO_EOWNERDEAD, "EOWNERDEAD"}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    assert_string_equal(xio_status_name(rows[i].status), rows[i].name);
  }
}

static void other_numbers_have_none(void **state) {
  (void)state;
  assert_null(xio_status_name(1));
  assert_null(xio_status_name(-1));
  assert_null(xio_status_name(INT32_MIN));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_those_of_libuv),
      cmocka_unit_test(own_numbers_are_not_libuvs),
      cmocka_unit_test(every_status_has_its_name),
      cmocka_unit_test(other_numbers_have_none),
  };
  return cmocka_run_group_tests_name("status", tests, NULL, NULL);
}
