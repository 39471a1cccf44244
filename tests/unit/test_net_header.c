/* SPDX-License-Identifier: MIT */
/* test_net_header.c - the parsers of Link, Content-Range, RateLimit and Retry-After. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "net/net_header.h"

static void expect_next(const char *value, const char *base, const char *want)
{
    char *got = ptmi_link_next(value, base);
    if (want)
        assert_string_equal(got ? got : "(none)", want);
    else
        assert_null(got);
    free(got);
}

static void test_net_header_link__finds_next(void **state)
{
    (void)state;
    const char *base = "https://huggingface.co/api/models?limit=2";
    expect_next("<https://huggingface.co/api/models?cursor=a%3D>; rel=\"next\"", base,
                "https://huggingface.co/api/models?cursor=a%3D");
    expect_next("<https://x.org/1>; rel=prev, <https://x.org/3,4;5>; title=\"a, b\"; rel=next",
                base, "https://x.org/3,4;5");
    expect_next("<https://x.org/3>; rel=\"last next\"", base, "https://x.org/3");
    expect_next("<https://x.org/3> ; REL = Next", base, "https://x.org/3");
    expect_next("</api/models?cursor=b>; rel=next", base,
                "https://huggingface.co/api/models?cursor=b");
}

/* A mirror on loopback is http although the original is https: the caller maps it back. */
static void test_net_header_link__keeps_a_mirrors_own_url(void **state)
{
    (void)state;
    expect_next("<http://127.0.0.1:8080/hf/api/models?cursor=b>; rel=next",
                "https://huggingface.co/api/models",
                "http://127.0.0.1:8080/hf/api/models?cursor=b");
}

static void test_net_header_link__refuses_what_it_does_not_understand(void **state)
{
    (void)state;
    const char *base = "https://huggingface.co/";
    expect_next("", base, NULL);
    expect_next(NULL, base, NULL);
    expect_next("<https://x.org/1>; rel=prev", base, NULL);
    expect_next("<https://x.org/1", base, NULL);
    expect_next("<https://x.org/1>; rel=\"next", base, NULL);
    expect_next("https://x.org/1; rel=next", base, NULL);
    expect_next("<file:///etc/passwd>; rel=next", base, NULL);
    expect_next("<javascript:1>; rel=next", base, NULL);
    expect_next("<https://x.org/1>; rel=prev; rel=next", base, NULL);
}

static void test_net_header_range__reads_all_forms(void **state)
{
    (void)state;
    struct ptmi_content_range r;
    assert_true(ptmi_content_range_parse("bytes 5-9/10", &r));
    assert_true(r.first == 5 && r.last == 9 && r.total == 10);
    assert_true(ptmi_content_range_parse("bytes 0-0/*", &r));
    assert_true(r.first == 0 && r.last == 0 && r.total == -1);
    assert_true(ptmi_content_range_parse("bytes */0", &r));
    assert_true(r.first == -1 && r.last == -1 && r.total == 0);
}

static void test_net_header_range__refuses_nonsense(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "bytes",
                                      "bytes 9-5/10",
                                      "bytes 0-10/10",
                                      "bytes 0-9",
                                      "bytes */*",
                                      "bytes -5-9/10",
                                      "octets 0-1/2",
                                      "bytes 0-9/10x",
                                      "bytes 99999999999999999999-1/2",
                                      "bytes0-9/10"};
    struct ptmi_content_range r;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ptmi_content_range_parse(bad[i], &r));
}

static void test_net_header_ratelimit__reads_the_hubs_form(void **state)
{
    (void)state;
    struct ptmi_ratelimit l;
    assert_true(ptmi_ratelimit_parse("\"api\";r=499;t=291", &l));
    assert_string_equal(l.bucket, "api");
    assert_true(l.remaining == 499 && l.reset_seconds == 291 && l.quota == -1);
    assert_true(ptmi_ratelimit_policy_parse("\"fixed window\";\"api\";q=500;w=300", &l));
    assert_true(l.quota == 500 && l.window_seconds == 300);
    assert_false(ptmi_ratelimit_policy_parse("\"fixed window\";\"pages\";q=100;w=300", &l));
}

static void test_net_header_ratelimit__takes_the_tightest(void **state)
{
    (void)state;
    struct ptmi_ratelimit l;
    assert_true(ptmi_ratelimit_parse("\"day\";r=900;t=80000, \"burst\";r=3;t=9, x;r=50;t=1", &l));
    assert_string_equal(l.bucket, "burst");
    assert_true(l.remaining == 3 && l.reset_seconds == 9);
}

static void test_net_header_ratelimit__refuses_nonsense(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "api",
                                      "\"api",
                                      "\"api\";r=x",
                                      "\"api\";r=-1;t=1",
                                      ";;;",
                                      "\"api\";r=99999999999999999999"};
    struct ptmi_ratelimit l;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(ptmi_ratelimit_parse(bad[i], &l));
}

static void test_net_header_retry_after__seconds_and_dates(void **state)
{
    (void)state;
    int64_t s = -1;
    assert_true(ptmi_retry_after_parse("120", 0, &s) && s == 120);
    assert_true(ptmi_retry_after_parse("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 - 30, &s));
    assert_int_equal(s, 30);
    assert_true(ptmi_retry_after_parse("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 + 30, &s));
    assert_int_equal(s, 0);
    assert_false(ptmi_retry_after_parse("-1", 0, &s));
    assert_false(ptmi_retry_after_parse("soon", 0, &s));
    assert_false(ptmi_retry_after_parse("12x", 0, &s));
}

static void test_net_header_lines__are_found_by_whole_name(void **state)
{
    (void)state;
    const char *lines = "x-linked-etag: \"no\"\netag: \"yes\"\nempty:\nlast: 1\n";
    char value[16];
    assert_true(ptmi_header_copy(lines, "etag", value, sizeof value));
    assert_string_equal(value, "\"yes\"");
    assert_true(ptmi_header_copy(lines, "empty", value, sizeof value));
    assert_string_equal(value, "");
    assert_true(ptmi_header_copy(lines, "last", value, sizeof value));
    assert_false(ptmi_header_copy(lines, "tag", value, sizeof value));
    assert_false(ptmi_header_copy(lines, "etag", value, 5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_header_link__finds_next),
        cmocka_unit_test(test_net_header_link__keeps_a_mirrors_own_url),
        cmocka_unit_test(test_net_header_link__refuses_what_it_does_not_understand),
        cmocka_unit_test(test_net_header_range__reads_all_forms),
        cmocka_unit_test(test_net_header_range__refuses_nonsense),
        cmocka_unit_test(test_net_header_ratelimit__reads_the_hubs_form),
        cmocka_unit_test(test_net_header_ratelimit__takes_the_tightest),
        cmocka_unit_test(test_net_header_ratelimit__refuses_nonsense),
        cmocka_unit_test(test_net_header_retry_after__seconds_and_dates),
        cmocka_unit_test(test_net_header_lines__are_found_by_whole_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
