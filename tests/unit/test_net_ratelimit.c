/* SPDX-License-Identifier: MIT */
/* test_net_ratelimit.c - pacing and waits, with a clock of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net/net_ratelimit.h"
#include "net/net_retry.h"

#define API "https://huggingface.co/api/models"
#define FILE_URL "https://huggingface.co/gpt2/resolve/main/config.json"
#define PAGE "https://huggingface.co/gpt2"

static ptmi_ratelimits *fresh(void)
{
    ptmi_ratelimits *limits = NULL;
    assert_int_equal(ptmi_ratelimits_new(&limits, NULL), PTM_OK);
    return limits;
}

/* One request that may go at now, answered with those headers. */
static void exchange(ptmi_ratelimits *limits, const char *url, const char *headers, int64_t now)
{
    int ticket = -1;
    assert_int_equal(ptmi_ratelimit_ask(limits, url, now, &ticket), 0);
    ptmi_ratelimit_done(limits, ticket, url, headers, -1, now);
}

static int64_t ask(ptmi_ratelimits *limits, const char *url, int64_t now)
{
    int ticket = -1;
    int64_t wait = ptmi_ratelimit_ask(limits, url, now, &ticket);
    if (wait == 0) ptmi_ratelimit_done(limits, ticket, url, NULL, -1, now);
    return wait;
}

static void test_net_ratelimit__plenty_is_not_paced(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    exchange(limits, API,
             "ratelimit: \"api\";r=400;t=300\n"
             "ratelimit-policy: \"fixed window\";\"api\";q=500;w=300\n",
             1000);
    for (int i = 0; i < 300; i++) assert_int_equal(ask(limits, API, 1000), 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__little_is_spread_until_the_reset(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    exchange(limits, API,
             "ratelimit: \"api\";r=9;t=99\n"
             "ratelimit-policy: \"fixed window\";\"api\";q=500;w=300\n",
             0);
    assert_int_equal(ask(limits, API, 0), 0);
    /* 100 s to the reset (t + 1), 9 requests left: one every 10 s. */
    assert_int_equal(ask(limits, API, 0), 10000);
    assert_int_equal(ask(limits, API, 9999), 1);
    assert_int_equal(ask(limits, API, 10000), 0);
    assert_true(ask(limits, API, 10000) > 0);
    /* A new window: nothing is known, nobody waits. */
    assert_int_equal(ask(limits, API, 100000), 0);
    assert_int_equal(ask(limits, API, 100000), 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__nothing_left_waits_for_the_reset(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    exchange(limits, API, "ratelimit: \"api\";r=0;t=20\n", 0);
    assert_int_equal(ask(limits, API, 0), 21000);
    assert_int_equal(ask(limits, API, 21000), 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__buckets_are_apart(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    exchange(limits, API, "ratelimit: \"api\";r=0;t=20\n", 0);
    assert_int_equal(ask(limits, FILE_URL, 0), 0);
    assert_int_equal(ask(limits, PAGE, 0), 0);
    assert_int_equal(ask(limits, "https://other.org/api/models", 0), 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__the_header_says_which_bucket(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    exchange(limits, PAGE, "ratelimit: \"api\";r=300;t=20\n", 0);
    exchange(limits, API, "ratelimit: \"api\";r=0;t=20\n", 0);
    assert_int_equal(ask(limits, PAGE, 0), 21000);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__requests_on_the_way_count(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    int first = -1, second = -1;
    assert_int_equal(ptmi_ratelimit_ask(limits, API, 0, &first), 0);
    assert_int_equal(ptmi_ratelimit_ask(limits, API, 0, &second), 0);
    /* The server says one is left, but the second request, still on its way, will take it. */
    ptmi_ratelimit_done(limits, first, API, "ratelimit: \"api\";r=1;t=20\n", -1, 0);
    assert_int_equal(ask(limits, API, 0), 21000);
    ptmi_ratelimit_done(limits, second, API, NULL, -1, 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_ratelimit__a_429_holds_the_whole_bucket(void **state)
{
    (void)state;
    ptmi_ratelimits *limits = fresh();
    int ticket = -1;
    assert_int_equal(ptmi_ratelimit_ask(limits, API, 0, &ticket), 0);
    ptmi_ratelimit_done(limits, ticket, API, "retry-after: 7\n", 7000, 0);
    assert_int_equal(ask(limits, API, 0), 7000);
    assert_int_equal(ask(limits, FILE_URL, 0), 0);
    assert_int_equal(ask(limits, API, 7000), 0);
    ptmi_ratelimits_free(limits);
}

static void test_net_retry__statuses(void **state)
{
    (void)state;
    static const int yes[] = {408, 425, 429, 500, 502, 503, 504, 522, 530};
    static const int no[] = {200, 301, 400, 401, 403, 404, 410, 416, 501, 505, 507, 509, 511};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) assert_true(ptmi_retry_status(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) assert_false(ptmi_retry_status(no[i]));
}

static void test_net_retry__what_the_server_asks(void **state)
{
    (void)state;
    const char *both = "ratelimit: \"api\";r=0;t=9\nretry-after: 3\n";
    assert_int_equal(ptmi_retry_asked_ms(429, both, 0), 10000);
    assert_int_equal(ptmi_retry_asked_ms(429, "ratelimit: \"api\";r=5;t=9\nretry-after: 3\n", 0),
                     3000);
    assert_int_equal(ptmi_retry_asked_ms(429, "ratelimit: \"api\";r=5;t=9\n", 0), -1);
    assert_int_equal(ptmi_retry_asked_ms(503, "retry-after: 3\n", 0), 3000);
    assert_int_equal(ptmi_retry_asked_ms(200, "retry-after: 3\n", 0), -1);
    assert_int_equal(ptmi_retry_asked_ms(404, "retry-after: 3\n", 0), -1);
    assert_int_equal(
        ptmi_retry_asked_ms(403, "x-ratelimit-remaining: 0\nx-ratelimit-reset: 1060\n", 1000),
        61000);
    assert_int_equal(ptmi_retry_asked_ms(403, "x-ratelimit-remaining: 5\n", 1000), -1);
}

static void test_net_retry__jitter_is_full_and_capped(void **state)
{
    (void)state;
    int64_t most[12] = {0};
    for (int n = 0; n < 12; n++) {
        int64_t bound = n < 6 ? 100LL << n : 4000;
        if (bound > 4000) bound = 4000;
        for (int i = 0; i < 400; i++) {
            int64_t wait = ptmi_retry_backoff_ms(100, n);
            assert_true(wait >= 0 && wait <= bound);
            if (wait > most[n]) most[n] = wait;
        }
        assert_true(most[n] > bound / 2);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_ratelimit__plenty_is_not_paced),
        cmocka_unit_test(test_net_ratelimit__little_is_spread_until_the_reset),
        cmocka_unit_test(test_net_ratelimit__nothing_left_waits_for_the_reset),
        cmocka_unit_test(test_net_ratelimit__buckets_are_apart),
        cmocka_unit_test(test_net_ratelimit__the_header_says_which_bucket),
        cmocka_unit_test(test_net_ratelimit__requests_on_the_way_count),
        cmocka_unit_test(test_net_ratelimit__a_429_holds_the_whole_bucket),
        cmocka_unit_test(test_net_retry__statuses),
        cmocka_unit_test(test_net_retry__what_the_server_asks),
        cmocka_unit_test(test_net_retry__jitter_is_full_and_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
