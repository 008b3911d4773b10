/* address: what people write, and what the system has. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "../../base/status.h"
#include "../../core/address.h"
#include "../support/unit.h"

static int parse(xio_address *address, const char *host) {
  return xio_address_parse(address, host, strlen(host), 80);
}

static void assert_text(const xio_address *address, const char *text) {
  char written[XIO_ADDRESS_TEXT];
  assert_int_equal(xio_address_format(address, written), strlen(text));
  assert_string_equal(written, text);
}

/* What is written in the first column comes back as in the second. */
static void numbers_are_read_and_written(void **state) {
  (void)state;
  static const char *const table[][2] = {
      {"127.0.0.1", "127.0.0.1"},
      {"0.0.0.0", "0.0.0.0"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"2001:DB8:0:0::0001", "2001:db8::1"},
      {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
      {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
  };
  for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
    xio_address address;
    assert_int_equal(parse(&address, table[i][0]), XIO_OK);
    assert_text(&address, table[i][1]);
    assert_int_equal(xio_address_port(&address), 80);
    bool is_v6 = strchr(table[i][0], ':') != NULL;
    assert_int_equal(xio_address_family(&address), is_v6 ? AF_INET6 : AF_INET);
  }
}

static void what_is_no_address_is_refused(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      "localhost",
      "1.2.3",
      "1.2.3.4.5",
      "1.2.3.256",
      "01.2.3.4",
      " 1.2.3.4",
      "0x7f.1",
      "[::1]",
      ":",
      ":::",
      "1::2::3",
      "::g",
      "::1%",
      "::1 ",
      "fe80::1%4294967296",
      "fe80::1%no-such-interface",
      "::%0",
      "1.2.3.4%1",
      "1:2:3:4:5:6:7:8:9:10:11:12:13:14:15:16:17:18:19:20:21:22:23"};
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
    xio_address address;
    assert_int_equal(parse(&address, texts[i]), XIO_EINVAL);
    assert_int_equal(address.size, 0);
    assert_text(&address, "");
  }
  xio_address address; /* a zero inside */
  assert_int_equal(xio_address_parse(&address, "1.2.3.4\0x", 9, 0), XIO_EINVAL);
  assert_int_equal(xio_address_parse(&address, "1.2.3.4xx", 7, 0), XIO_OK);
}

static void scopes_are_names_or_numbers(void **state) {
  (void)state;
  xio_address address;
  char name[IF_NAMESIZE];
  char text[64] = "fe80::1%";
  assert_non_null(if_indextoname(1, name));
  assert_int_equal(parse(&address, "fe80::1%1"), XIO_OK);
  assert_int_equal(address.as.v6.sin6_scope_id, 1);
  memcpy(text + strlen(text), name, strlen(name) + 1);
  assert_text(&address, text);
  assert_int_equal(parse(&address, text), XIO_OK);
  assert_int_equal(address.as.v6.sin6_scope_id, 1);
  assert_int_equal(parse(&address, "fe80::1%4294967295"), XIO_OK);
  assert_text(&address, "fe80::1%4294967295"); /* an interface that is not there */
}

static void unix_sockets_have_paths_or_names(void **state) {
  (void)state;
  xio_address address;
  char text[200];
  memset(text, 'x', sizeof text);
  size_t room = sizeof address.as.local.sun_path;
  assert_int_equal(xio_address_unix(&address, "/tmp/s", 6), XIO_OK);
  assert_int_equal(xio_address_family(&address), AF_UNIX);
  assert_int_equal(xio_address_port(&address), 0);
  assert_text(&address, "/tmp/s");
  assert_int_equal(xio_address_unix(&address, text, room - 1), XIO_OK);
  char written[XIO_ADDRESS_TEXT];
  assert_int_equal(xio_address_format(&address, written), room - 1);
  assert_int_equal(xio_address_unix(&address, text, room), -ENAMETOOLONG);
  assert_int_equal(xio_address_unix(&address, "", 0), XIO_EINVAL);
  assert_int_equal(xio_address_unix(&address, "a\0b", 3), XIO_EINVAL);

  assert_int_equal(xio_address_unix(&address, "\0name", 5), XIO_OK);
  assert_text(&address, "@name");
  assert_int_equal(address.size, offsetof(struct sockaddr_un, sun_path) + 5);
  xio_address same;
  assert_int_equal(xio_address_unix(&same, "@name", 5), XIO_OK);
  assert_memory_equal(&same, &address, sizeof same);
  text[0] = '@';
  assert_int_equal(xio_address_unix(&address, text, room), XIO_OK);
  assert_int_equal(xio_address_format(&address, written), room);
  assert_int_equal(xio_address_unix(&address, text, room + 1), -ENAMETOOLONG);

  xio_address nameless = {.as.any.sa_family = AF_UNIX, .size = sizeof(sa_family_t)};
  assert_text(&nameless, "");
  assert_string_equal(xio_address_family_name(AF_UNIX), "unix");
}

static void ipv4_is_mapped_and_back(void **state) {
  (void)state;
  xio_address address;
  assert_int_equal(parse(&address, "1.2.3.4"), XIO_OK);
  xio_address_map(&address);
  assert_text(&address, "::ffff:1.2.3.4");
  assert_int_equal(xio_address_port(&address), 80);
  xio_address_map(&address); /* is one of IPv6 already */
  assert_text(&address, "::ffff:1.2.3.4");
  xio_address_unmap(&address);
  assert_text(&address, "1.2.3.4");
  assert_int_equal(xio_address_port(&address), 80);
  xio_address_unmap(&address);
  assert_text(&address, "1.2.3.4");
  xio_address_any(&address, AF_INET6, 7);
  xio_address_unmap(&address);
  assert_text(&address, "::");
  xio_address_any(&address, AF_INET, 7);
  assert_text(&address, "0.0.0.0");
  assert_int_equal(xio_address_port(&address), 7);
  assert_string_equal(xio_address_family_name(AF_INET), "inet");
  assert_string_equal(xio_address_family_name(AF_INET6), "inet6");
  assert_string_equal(xio_address_family_name(AF_UNSPEC), "unspec");
}

static void scopes_that_are_no_interface_are_refused(void **state) {
  (void)state;
  static const char *const hosts[] = {"fe80::1%",  "fe80::1%4294967296", "fe80::1%1x",
                                      "fe80::1%:", "fe80::1%9999999999", "fe80::1%/0"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    xio_address address;
    assert_int_equal(parse(&address, hosts[i]), XIO_EINVAL);
    assert_int_equal(address.size, 0);
  }
  /* the largest number is one, whoever has it */
  xio_address address;
  assert_int_equal(parse(&address, "fe80::1%4294967295"), XIO_OK);
  assert_int_equal(address.as.v6.sin6_scope_id, UINT32_MAX);
}

static void only_ipv4_in_ipv6_is_unmapped(void **state) {
  (void)state;
  static const char *const hosts[] = {"1::ffff:1.2.3.4", "0:1::ffff:1.2.3.4",
                                      "::1:ffff:1.2.3.4", "::1.2.3.4"};
  for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
    xio_address address;
    assert_int_equal(parse(&address, hosts[i]), XIO_OK);
    xio_address_unmap(&address);
    assert_int_equal(xio_address_family(&address), AF_INET6);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(numbers_are_read_and_written),
      cmocka_unit_test(what_is_no_address_is_refused),
      cmocka_unit_test(scopes_are_names_or_numbers),
      cmocka_unit_test(unix_sockets_have_paths_or_names),
      cmocka_unit_test(ipv4_is_mapped_and_back),
      cmocka_unit_test(scopes_that_are_no_interface_are_refused),
      cmocka_unit_test(only_ipv4_in_ipv6_is_unmapped),
  };
  return cmocka_run_group_tests_name("address", tests, NULL, NULL);
}
