/* SPDX-License-Identifier: MIT */
/* test_net_public.c - which addresses count as the user's own network, and when a proxy asks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "net/net_public.h"

static bool is_inside(const char *text)
{
    struct sockaddr_storage any = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &four.sin_addr) == 1)
        memcpy(&any, &four, sizeof four);
    else if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1)
        memcpy(&any, &six, sizeof six);
    else
        fail_msg("%s: no address", text);
    return ptmi_address_is_inside((const struct sockaddr *)&any);
}

static void test_net_public__tells_inside_from_outside(void **state)
{
    static const char *const inside[] = {"0.0.0.0",
                                         "10.1.2.3",
                                         "100.64.0.1",
                                         "100.127.255.255",
                                         "127.0.0.1",
                                         "127.255.255.255",
                                         "169.254.169.254",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.168.1.1",
                                         "198.19.0.1",
                                         "224.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "fe80::1",
                                         "fd00:ec2::254",
                                         "::ffff:127.0.0.1",
                                         "::ffff:10.0.0.1",
                                         "64:ff9b::a00:1",
                                         "2002:7f00:1::",
                                         "ff02::1",
                                         "::127.0.0.1"};
    static const char *const outside[] = {
        "1.1.1.1",        "9.255.255.255",       "11.0.0.0",        "100.63.255.255",
        "100.128.0.0",    "126.0.0.1",           "128.0.0.1",       "140.82.121.3",
        "172.15.255.255", "172.32.0.0",          "192.167.0.1",     "223.1.1.1",
        "2606:4700::111", "::ffff:140.82.121.3", "2002:8c52:7903::"};
    (void)state;
    for (size_t i = 0; i < sizeof inside / sizeof inside[0]; i++)
        if (!is_inside(inside[i])) fail_msg("%s counts as outside", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        if (is_inside(outside[i])) fail_msg("%s counts as inside", outside[i]);
    struct sockaddr local = {.sa_family = AF_UNIX};
    assert_true(ptmi_address_is_inside(&local));
}

static void test_net_public__tells_who_has_a_proxy(void **state)
{
    static const struct {
        const char *name, *value, *never;
        bool http, https;
    } cases[] = {{"http_proxy", "http://p:1", "", true, false},
                 {"https_proxy", "http://p:1", "", false, true},
                 {"HTTPS_PROXY", "http://p:1", "", false, true},
                 {"all_proxy", "http://p:1", "", true, true},
                 {"ALL_PROXY", "http://p:1", "", true, true},
                 {"HTTP_PROXY", "http://p:1", "", false, false},
                 {"http_proxy", "", "", false, false},
                 {"all_proxy", "http://p:1", "*", false, false},
                 {"all_proxy", "http://p:1", "a.org", true, true}};
    (void)state;
    static const char *const all[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "HTTP_PROXY",
                                      "all_proxy",  "ALL_PROXY",   "no_proxy"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) unsetenv(all[i]);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        setenv(cases[i].name, cases[i].value, 1);
        setenv("NO_PROXY", cases[i].never, 1);
        assert_int_equal(ptmi_url_has_proxy("http://a.org/"), cases[i].http);
        assert_int_equal(ptmi_url_has_proxy("HTTPS://a.org/"), cases[i].https);
        unsetenv(cases[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_public__tells_inside_from_outside),
        cmocka_unit_test(test_net_public__tells_who_has_a_proxy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
