/* SPDX-License-Identifier: MIT */
/* test_net_request.c - requests against a misbehaving server: tries, redirects, caps, errors,
 * cancelling. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <time.h>

#include "net_fixture.h"

#include "base/clock.h"

static struct ptm_err err;

/* GET of a path on the first port. */
static ptm_rc get(struct net_case *c, const char *path, struct ptm_net_response *out)
{
    char url[HTTPD_URL];
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    err = (struct ptm_err){0};
    r.url = httpd_url(&server, 0, path, url);
    return ptm_net_perform(c->net, &r, out, &err);
}

static void expect_ok(ptm_rc rc)
{
    if (rc != PTM_OK) fail_msg("%s: %s", ptm_rc_name(rc), err.msg);
}

static void expect_error(struct net_case *c, const char *path, ptm_rc want, const char *says)
{
    struct ptm_net_response r = {0};
    ptm_rc rc = get(c, path, &r);
    if (rc == PTM_OK) ptm_net_response_clear(&r);
    if (rc != want)
        fail_msg("%s: %s, not %s: %s", path, ptm_rc_name(rc), ptm_rc_name(want), err.msg);
    if (!strstr(err.msg, says)) fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
}

static void test_net_request__body_headers_and_url(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    char value[64], url[HTTPD_URL];
    case_open(&c, NET_OPTS());
    expect_ok(get(&c, "/status/200?body=hello&header=X-Thing:%20Some%20Value", &r));
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "hello");
    assert_int_equal(r.body_len, 5);
    assert_int_equal(r.tries, 1);
    assert_true(ptm_net_header(&r, "x-thing", value, sizeof value));
    assert_string_equal(value, "Some Value");
    assert_string_equal(
        r.url, httpd_url(&server, 0, "/status/200?body=hello&header=X-Thing:%20Some%20Value", url));
    ptm_net_response_clear(&r);
    httpd_header(&server, 0, "user-agent", value, sizeof value);
    assert_true(strncmp(value, "ptm/", 4) == 0);
    case_close(&c);
}

static void test_net_request__posts_a_body(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    char url[HTTPD_URL];
    const char *headers[] = {"Content-Type: application/vnd.git-lfs+json"};
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS());
    r.url = httpd_url(&server, 0, "/echo", url);
    r.headers = headers;
    r.n_headers = 1;
    r.body = "{\"a\":1}";
    r.body_len = 7;
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_non_null(strstr(out.body, "\"POST\""));
    assert_non_null(strstr(out.body, "{\\\"a\\\":1}"));
    assert_non_null(strstr(out.body, "application/vnd.git-lfs+json"));
    ptm_net_response_clear(&out);
    case_close(&c);
}

static void test_net_request__failures_that_pass_are_retried(void **state)
{
    (void)state;
    static const char *const paths[] = {"/status/503?times=2", "/status/500?times=2",
                                        "/status/429?times=2&header=Retry-After:0",
                                        "/status/408?times=2", "/drop?times=2"};
    struct net_case c;
    case_open(&c, NET_OPTS());
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct ptm_net_response r;
        httpd_reset(&server);
        expect_ok(get(&c, paths[i], &r));
        assert_string_equal(r.body, "ok");
        /* curl itself repeats a request whose reused connection turns out closed. */
        assert_in_range(r.tries, strstr(paths[i], "/drop") ? 2 : 3, 3);
        assert_int_equal(httpd_count(&server), 3);
        ptm_net_response_clear(&r);
    }
    case_close(&c);
}

static void test_net_request__tries_are_bounded(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.retries = 2));
    expect_error(&c, "/status/503", PTM_EHTTP, "HTTP 503");
    assert_int_equal(err.http_status, 503);
    assert_true(err.retryable);
    assert_int_equal(httpd_count(&server), 3);
    httpd_reset(&server);
    expect_error(&c, "/status/429?header=Retry-After:0", PTM_ERATE, "too many requests");
    assert_int_equal(httpd_count(&server), 3);
    httpd_reset(&server);
    expect_error(&c, "/status/400?body={\"error\":\"Bad%20key\"}", PTM_EHTTP, "HTTP 400: Bad key");
    assert_false(err.retryable);
    assert_int_equal(httpd_count(&server), 1);
    case_close(&c);
}

static void test_net_request__a_request_may_have_its_own_number(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS(.retries = 5));
    r.url = httpd_url(&server, 0, "/status/503", url);
    r.retries = 1;
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_EHTTP);
    assert_int_equal(httpd_count(&server), 2);
    r.retries = -1;
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_EHTTP);
    assert_int_equal(httpd_count(&server), 3);
    case_close(&c);
}

static void test_net_request__retry_after_is_obeyed_or_too_long(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS());
    int64_t before = ptmi_clock_ms();
    expect_ok(get(&c, "/status/429?times=1&header=Retry-After:1", &r));
    assert_true(ptmi_clock_ms() - before >= 1000);
    ptm_net_response_clear(&r);
    before = ptmi_clock_ms();
    expect_ok(get(&c, "/status/429?times=1&header=RateLimit:%22pages%22%3Br%3D0%3Bt%3D0", &r));
    assert_true(ptmi_clock_ms() - before >= 1000);
    ptm_net_response_clear(&r);
    httpd_reset(&server);
    expect_error(&c, "/status/429?header=Retry-After:86400", PTM_ERATE, "1440 minutes");
    assert_int_equal(httpd_count(&server), 1);
    /* The next one is not even sent: the limit is known. */
    expect_error(&c, "/status/200", PTM_ERATE, "used up");
    assert_int_equal(httpd_count(&server), 1);
    case_close(&c);
}

static void test_net_request__any_status_is_a_result(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS(.retries = 1));
    r.any_status = true;
    r.url = httpd_url(&server, 0, "/status/404?body=nothing", url);
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_int_equal(out.status, 404);
    assert_string_equal(out.body, "nothing");
    ptm_net_response_clear(&out);
    r.url = httpd_url(&server, 0, "/status/500?body=down", url);
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_int_equal(out.status, 500);
    assert_int_equal(out.tries, 2);
    ptm_net_response_clear(&out);
    case_close(&c);
}

static void test_net_request__redirects_are_followed(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    char path[HTTPD_URL + 64], target[HTTPD_URL];
    case_open(&c, NET_OPTS());
    expect_ok(get(&c, "/redirect?code=307&to=../status/200%3Fbody%3Dhere", &r));
    assert_string_equal(r.body, "here");
    assert_non_null(strstr(r.url, "/status/200?body=here"));
    ptm_net_response_clear(&r);
    snprintf(path, sizeof path, "/redirect?to=%s", httpd_url(&server, 1, "/echo", target));
    expect_ok(get(&c, path, &r));
    assert_string_equal(r.url, target);
    ptm_net_response_clear(&r);
    httpd_reset(&server);
    expect_error(&c, "/loop", PTM_EHTTP, "more than 10 redirects");
    assert_int_equal(httpd_count(&server), 11);
    expect_error(&c, "/redirect?to=file:///etc/passwd", PTM_EFORMAT, "redirect");
    expect_error(&c, "/status/302", PTM_EHTTP, "without a Location");
    case_close(&c);
}

static ptm_rc post_redirect(struct net_case *c, int code, struct ptm_net_response *out)
{
    char url[HTTPD_URL], path[256];
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    snprintf(path, sizeof path, "/redirect?code=%d&to=/echo", code);
    r.url = httpd_url(&server, 0, path, url);
    r.body = "payload";
    r.body_len = 7;
    return ptm_net_perform(c->net, &r, out, &err);
}

static void test_net_request__redirects_keep_or_drop_the_method(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS());
    expect_ok(post_redirect(&c, 307, &r));
    assert_non_null(strstr(r.body, "\"POST\""));
    assert_non_null(strstr(r.body, "payload"));
    ptm_net_response_clear(&r);
    expect_ok(post_redirect(&c, 303, &r));
    assert_non_null(strstr(r.body, "\"GET\""));
    assert_null(strstr(r.body, "payload"));
    ptm_net_response_clear(&r);
    case_close(&c);
}

static void test_net_request__no_follow_shows_the_hop(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL], value[64];
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS());
    r.url = httpd_url(&server, 0, "/redirect?to=/x&header=X-Linked-Size:7", url);
    r.no_follow = true;
    r.method = "HEAD";
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_int_equal(out.status, 302);
    assert_true(ptm_net_header(&out, "x-linked-size", value, sizeof value));
    assert_string_equal(value, "7");
    ptm_net_response_clear(&out);
    case_close(&c);
}

static void test_net_request__what_comes_is_capped(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    static const char *const paths[] = {"/bytes/200000", "/endless", "/bomb/100",
                                        "/bytes/200000?chunked=1"};
    case_open(&c, NET_OPTS(.retries = -1));
    r.max_body = 100000;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        r.url = httpd_url(&server, 0, paths[i], url);
        ptm_rc rc = ptm_net_perform(c.net, &r, &out, &err);
        if (rc != PTM_ELIMIT) fail_msg("%s: %s %s", paths[i], ptm_rc_name(rc), err.msg);
        assert_non_null(strstr(err.msg, "larger than 100000 bytes"));
    }
    expect_error(&c, "/headers/300", PTM_ELIMIT, "headers are larger");
    case_close(&c);
}

/* 100 MiB of zeros in 100 KB: kept within the default cap of 64 MiB although curl unpacks 512 KB at
 * once. */
static void test_net_request__a_bomb_above_the_default_cap(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS(.retries = -1));
    expect_error(&c, "/bomb/100", PTM_ELIMIT, "larger than");
    expect_ok(get(&c, "/bomb/40", &r));
    assert_int_equal(r.body_len, 40 << 20);
    ptm_net_response_clear(&r);
    case_close(&c);
}

struct sunk {
    size_t len;
    int restarts;
    ptm_rc answer;
};

static ptm_rc count_bytes(void *arg, const void *data, size_t len, struct ptm_err *e)
{
    struct sunk *sunk = arg;
    (void)data;
    sunk->len += len;
    return sunk->answer ? ptm_err_set(e, sunk->answer, "enough") : PTM_OK;
}

static ptm_rc forget_bytes(void *arg, struct ptm_err *e)
{
    struct sunk *sunk = arg;
    (void)e;
    sunk->len = 0;
    sunk->restarts++;
    return PTM_OK;
}

static void test_net_request__gzip_only_into_memory(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct sunk sunk = {0};
    char url[HTTPD_URL], value[64];
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS());
    expect_ok(get(&c, "/gzip", &out));
    assert_true(strncmp(out.body, "{\"packed\": \"yes", 15) == 0);
    ptm_net_response_clear(&out);
    httpd_header(&server, 0, "accept-encoding", value, sizeof value);
    assert_string_equal(value, "gzip");
    r.url = httpd_url(&server, 0, "/gzip", url);
    r.sink = count_bytes;
    r.sink_arg = &sunk;
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_int_equal(sunk.len, 3014);
    assert_null(out.body);
    ptm_net_response_clear(&out);
    httpd_header(&server, 1, "accept-encoding", value, sizeof value);
    assert_string_equal(value, "identity");
    case_close(&c);
}

static void test_net_request__a_cut_body_restarts_the_sink(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct sunk sunk = {0};
    char url[HTTPD_URL];
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS());
    r.url = httpd_url(&server, 0, "/bytes/300000?cut=100000&times=2", url);
    r.sink = count_bytes;
    r.sink_arg = &sunk;
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_ENET);
    assert_int_equal(httpd_count(&server), 1);
    assert_true(err.retryable);
    r.restart = forget_bytes;
    sunk.len = 0;
    httpd_reset(&server);
    expect_ok(ptm_net_perform(c.net, &r, &out, &err));
    assert_int_equal(sunk.len, 300000);
    assert_int_equal(sunk.restarts, 2);
    assert_int_equal(out.received, 500000);
    ptm_net_response_clear(&out);
    case_close(&c);
}

static void test_net_request__a_sink_can_stop(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct sunk sunk = {.answer = PTM_EFORMAT};
    char url[HTTPD_URL];
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS());
    r.url = httpd_url(&server, 0, "/endless", url);
    r.sink = count_bytes;
    r.sink_arg = &sunk;
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_EFORMAT);
    assert_string_equal(err.msg, "enough");
    sunk = (struct sunk){0};
    r.url = httpd_url(&server, 0, "/status/404?body=text", url);
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_ENOTFOUND);
    assert_int_equal(sunk.len, 0);
    case_close(&c);
}

static void test_net_request__a_silent_server_times_out(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.retries = -1, .stall_seconds = 1));
    expect_error(&c, "/bytes/100000?stall=50000", PTM_ETIMEOUT, "no answer in time");
    assert_true(err.retryable);
    case_close(&c);
}

static int tries_told(void)
{
    int n = 0;
    for (const char *at = logged; (at = strstr(at, "trying again")); at++) n++;
    return n;
}

/* Three retries, however many are allowed: nobody is there. */
static void test_net_request__nobody_listens(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    case_open(&c, NET_OPTS(.retries = 6));
    r.url = "http://127.0.0.1:1/x";
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_ENET);
    assert_non_null(strstr(err.msg, "http://127.0.0.1:1/x: cannot connect"));
    assert_true(err.retryable);
    assert_int_equal(tries_told(), 3);
    r.url = "ftp://127.0.0.1/x";
    assert_true(ptm_net_perform(c.net, &r, &out, &err) < 0);
    case_close(&c);
}

static void test_net_request__offline_asks_nobody(void **state)
{
    (void)state;
    struct net_case c;
    case_open(&c, NET_OPTS(.offline = true));
    expect_error(&c, "/echo", PTM_EOFFLINE, "--offline");
    assert_int_equal(httpd_count(&server), 0);
    case_close(&c);
}

static void *cancel_soon(void *arg)
{
    nanosleep(&(struct timespec){0, 200000000}, NULL);
    ptm_ctx_cancel(arg, 1);
    return NULL;
}

/* The test would hang, not fail by a clock, if one of these were not interrupted. */
static void test_net_request__cancel_ends_waiting(void **state)
{
    (void)state;
    static const char *const paths[] = {"/bytes/100000?stall=50000", "/slow/30000",
                                        "/status/429?header=Retry-After:600"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        struct net_case c;
        pthread_t thread;
        case_open(&c, NET_OPTS(.stall_seconds = 100));
        pthread_create(&thread, NULL, cancel_soon, c.ctx);
        expect_error(&c, paths[i], PTM_ECANCELED, "interrupted");
        pthread_join(thread, NULL);
        expect_error(&c, "/echo", PTM_ECANCELED, "interrupted");
        case_close(&c);
    }
}

static void test_net_request__connections_are_reused(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS());
    for (int i = 0; i < 20; i++) {
        expect_ok(get(&c, "/status/200?body=x", &r));
        ptm_net_response_clear(&r);
    }
    char *stats = httpd_get(&server, "/__stats");
    /* Ours, and those of this test's own client: the reset's was open when it was counted. */
    assert_non_null(strstr(stats, "\"connections\": 2"));
    free(stats);
    case_close(&c);
}

struct worker {
    struct net_case *c;
    int number;
    bool ok;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    char url[HTTPD_URL], path[128], want[32];
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    snprintf(path, sizeof path, "/fail/503/status/200?body=answer%d", w->number);
    snprintf(want, sizeof want, "answer%d", w->number);
    r.url = httpd_url(&server, w->number % 2, path, url);
    if (ptm_net_perform(w->c->net, &r, &out, NULL) != PTM_OK) return NULL;
    w->ok = strcmp(out.body, want) == 0 && out.tries == 2;
    ptm_net_response_clear(&out);
    return NULL;
}

static void test_net_request__two_hundred_at_once(void **state)
{
    (void)state;
    enum { N = 200 };
    static struct worker workers[N];
    static pthread_t threads[N];
    struct net_case c;
    case_open(&c, NET_OPTS(.max_per_host = 8));
    for (int i = 0; i < N; i++) {
        workers[i] = (struct worker){&c, i, false};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < N; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < N; i++) assert_true(workers[i].ok);
    assert_int_equal(httpd_count(&server), 2 * N);
    char *stats = httpd_get(&server, "/__stats");
    int most = 0;
    const char *at = strstr(stats, "\"most_busy\": ");
    assert_non_null(at);
    assert_int_equal(sscanf(at, "\"most_busy\": %d", &most), 1);
    assert_in_range(most, 1, 16); /* two hosts, eight each */
    free(stats);
    case_close(&c);
}

static void test_net_request__limit_rate_holds_and_loses_nothing(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS(.limit_rate = 1000000));
    int64_t before = ptmi_clock_ms();
    expect_ok(get(&c, "/bytes/700000", &r));
    /* At least: a tenth of a second's tokens and what is on its way may come at once. */
    assert_true(ptmi_clock_ms() - before >= 300);
    assert_int_equal(r.body_len, 700000);
    ptm_net_response_clear(&r);
    case_close(&c);
}

static void test_net_request__a_warning_is_told_once(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response r;
    case_open(&c, NET_OPTS());
    for (int i = 0; i < 3; i++) {
        expect_ok(get(&c, "/status/200?header=X-HF-Warning:limits%3B%20please%20log%20in", &r));
        ptm_net_response_clear(&r);
    }
    const char *first = strstr(logged, "please log in");
    assert_non_null(first);
    assert_null(strstr(first + 1, "please log in"));
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_request__body_headers_and_url),
        cmocka_unit_test(test_net_request__posts_a_body),
        cmocka_unit_test(test_net_request__failures_that_pass_are_retried),
        cmocka_unit_test(test_net_request__tries_are_bounded),
        cmocka_unit_test(test_net_request__a_request_may_have_its_own_number),
        cmocka_unit_test(test_net_request__retry_after_is_obeyed_or_too_long),
        cmocka_unit_test(test_net_request__any_status_is_a_result),
        cmocka_unit_test(test_net_request__redirects_are_followed),
        cmocka_unit_test(test_net_request__redirects_keep_or_drop_the_method),
        cmocka_unit_test(test_net_request__no_follow_shows_the_hop),
        cmocka_unit_test(test_net_request__what_comes_is_capped),
        cmocka_unit_test(test_net_request__a_bomb_above_the_default_cap),
        cmocka_unit_test(test_net_request__gzip_only_into_memory),
        cmocka_unit_test(test_net_request__a_cut_body_restarts_the_sink),
        cmocka_unit_test(test_net_request__a_sink_can_stop),
        cmocka_unit_test(test_net_request__a_silent_server_times_out),
        cmocka_unit_test(test_net_request__nobody_listens),
        cmocka_unit_test(test_net_request__offline_asks_nobody),
        cmocka_unit_test(test_net_request__cancel_ends_waiting),
        cmocka_unit_test(test_net_request__connections_are_reused),
        cmocka_unit_test(test_net_request__two_hundred_at_once),
        cmocka_unit_test(test_net_request__limit_rate_holds_and_loses_nothing),
        cmocka_unit_test(test_net_request__a_warning_is_told_once),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
