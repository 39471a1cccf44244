/* SPDX-License-Identifier: MIT */
/*
 * test_net_cred.c - who is told a token, and what an answer means to whom. The server plays
 * huggingface.co and github.com by rewriting: its first port is the hub (and so gets the token),
 * its second is somebody else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_fixture.h"

#include "net/net_cred.h"

#define HF "https://huggingface.co"
#define SECRET "hf_Secret123"
#define BEARER "Bearer " SECRET

static struct ptm_err err;

static void open_as_hub(struct net_case *c)
{
    static char hf[256], github[256], api[256];
    static const char *rules[3];
    rules[0] = rewrite_to(HF "/", 0, hf);
    rules[1] = rewrite_to("https://github.com/", 0, github);
    rules[2] = rewrite_to("https://api.github.com/", 0, api);
    case_open(c, NET_OPTS(.rewrites = rules, .n_rewrites = 3, .hf_token = SECRET,
                          .github_token = "gh_Other", .retries = -1));
}

static ptm_rc perform(struct net_case *c, const char *url, const char *header)
{
    struct ptm_net_response out = {0};
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    err = (struct ptm_err){0};
    r.url = url;
    r.headers = &header;
    r.n_headers = header ? 1 : 0;
    ptm_rc rc = ptm_net_perform(c->net, &r, &out, &err);
    if (rc == PTM_OK) ptm_net_response_clear(&out);
    return rc;
}

static void expect_sent(size_t nth, const char *want)
{
    char value[256];
    httpd_header(&server, nth, "authorization", value, sizeof value);
    assert_string_equal(value, want);
}

static void test_net_cred__a_rewritten_origin_gets_its_token(void **state)
{
    (void)state;
    struct net_case c;
    open_as_hub(&c);
    assert_int_equal(perform(&c, HF "/echo", NULL), PTM_OK);
    expect_sent(0, BEARER);
    assert_int_equal(perform(&c, "https://api.github.com/echo", NULL), PTM_OK);
    expect_sent(1, "Bearer gh_Other");
    assert_int_equal(perform(&c, "https://github.com/echo", NULL), PTM_OK);
    expect_sent(2, "Basic eC1hY2Nlc3MtdG9rZW46Z2hfT3RoZXI="); /* x-access-token:gh_Other */
    case_close(&c);
}

static void test_net_cred__nobody_else_does(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    open_as_hub(&c);
    assert_int_equal(perform(&c, httpd_url(&server, 1, "/echo", url), NULL), PTM_OK);
    expect_sent(0, "");
    case_close(&c);
}

static void test_net_cred__a_redirect_elsewhere_loses_the_token(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL + 256], there[HTTPD_URL], back[256];
    open_as_hub(&c);
    snprintf(url, sizeof url, HF "/redirect?to=%s", httpd_url(&server, 1, "/echo", there));
    assert_int_equal(perform(&c, url, NULL), PTM_OK);
    expect_sent(0, BEARER);
    expect_sent(1, "");
    /* The same machine by another name is another host. */
    httpd_reset(&server);
    snprintf(url, sizeof url, HF "/redirect?to=http://localhost:%d/echo", server.port[0]);
    assert_int_equal(perform(&c, url, NULL), PTM_OK);
    expect_sent(1, "");
    /* Away and back: decided anew at each hop. */
    httpd_reset(&server);
    snprintf(back, sizeof back, "/redirect?to=" HF "/echo");
    snprintf(url, sizeof url, HF "/redirect?to=%s", httpd_url(&server, 1, back, there));
    assert_int_equal(perform(&c, url, NULL), PTM_OK);
    expect_sent(0, BEARER);
    expect_sent(1, "");
    expect_sent(2, BEARER);
    case_close(&c);
}

/* A redirect that names the mirror itself is one within the original origin. */
static void test_net_cred__a_redirect_within_the_mirror_keeps_it(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL + 256], here[HTTPD_URL];
    open_as_hub(&c);
    snprintf(url, sizeof url, HF "/redirect?to=%s", httpd_url(&server, 0, "/echo", here));
    assert_int_equal(perform(&c, url, NULL), PTM_OK);
    expect_sent(0, BEARER);
    expect_sent(1, BEARER);
    httpd_reset(&server);
    assert_int_equal(perform(&c, HF "/redirect?to=/echo", NULL), PTM_OK);
    expect_sent(1, BEARER);
    case_close(&c);
}

/* Rewriting one folder of the mirror does not open its other folders to the token. */
static void test_net_cred__only_below_the_rewritten_prefix(void **state)
{
    (void)state;
    struct net_case c;
    char rule[256], url[HTTPD_URL];
    const char *rules[1] = {rule};
    snprintf(rule, sizeof rule, HF "/=http://127.0.0.1:%d/fail/200/", server.port[0]);
    case_open(&c, NET_OPTS(.rewrites = rules, .n_rewrites = 1, .hf_token = SECRET));
    snprintf(url, sizeof url, "http://127.0.0.1:%d/redirect?to=/echo", server.port[0]);
    assert_int_equal(perform(&c, url, NULL), PTM_OK);
    expect_sent(0, "");
    expect_sent(1, "");
    case_close(&c);
}

static void test_net_cred__the_callers_header_stays_at_the_first_origin(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL + 256], there[HTTPD_URL], value[64];
    open_as_hub(&c);
    snprintf(url, sizeof url, HF "/redirect?to=%s", httpd_url(&server, 1, "/echo", there));
    assert_int_equal(perform(&c, url, "Authorization: Basic own"), PTM_OK);
    expect_sent(0, "Basic own");
    expect_sent(1, "");
    httpd_reset(&server);
    assert_int_equal(perform(&c, url, "X-Amz-Key: own"), PTM_OK);
    httpd_header(&server, 0, "x-amz-key", value, sizeof value);
    assert_string_equal(value, "own");
    httpd_header(&server, 1, "x-amz-key", value, sizeof value);
    assert_string_equal(value, "");
    httpd_reset(&server);
    assert_int_equal(perform(&c, url, "Referer: https://modelzoo.co/"), PTM_OK);
    httpd_header(&server, 1, "referer", value, sizeof value);
    assert_string_equal(value, "https://modelzoo.co/");
    assert_int_equal(perform(&c, url, "X: a\r\nY: b"), PTM_EINVAL);
    case_close(&c);
}

static void test_net_cred__no_credentials_means_none(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    open_as_hub(&c);
    r.url = HF "/echo";
    r.no_credentials = true;
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_OK);
    ptm_net_response_clear(&out);
    expect_sent(0, "");
    case_close(&c);
}

static void test_net_cred__netrc_where_no_token_applies(void **state)
{
    (void)state;
    struct net_case c;
    char path[] = "/tmp/ptm_netrc_XXXXXX", url[HTTPD_URL], there[HTTPD_URL];
    int fd = mkstemp(path);
    const char *text =
        "machine 127.0.0.1 login me password pw\nmachine localhost login x password y\n";
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    setenv("NETRC", path, 1);
    case_open(&c, NET_OPTS());
    assert_int_equal(perform(&c, httpd_url(&server, 0, "/echo", url), NULL), PTM_OK);
    expect_sent(0, "Basic bWU6cHc=");
    /* A host that a server sent us to is not one the user asked for. */
    httpd_reset(&server);
    snprintf(there, sizeof there, "/redirect?to=http://localhost:%d/echo", server.port[1]);
    assert_int_equal(perform(&c, httpd_url(&server, 0, there, url), NULL), PTM_OK);
    expect_sent(0, "Basic bWU6cHc=");
    expect_sent(1, "");
    case_close(&c);
    open_as_hub(&c);
    assert_int_equal(perform(&c, HF "/echo", NULL), PTM_OK);
    expect_sent(0, BEARER);
    case_close(&c);
    setenv("NETRC", "/nonexistent/netrc", 1);
    unlink(path);
}

static void test_net_cred__secrets_are_never_logged(void **state)
{
    (void)state;
    struct net_case c;
    open_as_hub(&c);
    assert_int_equal(perform(&c, HF "/redirect?to=/status/401&X-Amz-Signature=Sig123", NULL),
                     PTM_EAUTH);
    assert_non_null(strstr(logged, "GET " HF "/redirect"));
    assert_null(strstr(logged, SECRET));
    assert_null(strstr(logged, "Sig123"));
    assert_null(strstr(err.msg, SECRET));
    case_close(&c);
}

static void test_net_cred__a_token_cannot_add_headers(void **state)
{
    (void)state;
    struct ptmi_cred cred;
    assert_int_equal(ptmi_cred_init(&cred, "a\r\nX: b", NULL, &err), PTM_ECONFIG);
    ptmi_cred_clear(&cred);
    assert_int_equal(ptmi_cred_init(&cred, NULL, "a b", &err), PTM_ECONFIG);
    assert_null(strstr(err.msg, "a b"));
    ptmi_cred_clear(&cred);
    assert_int_equal(ptmi_cred_init(&cred, "", "", &err), PTM_OK);
    assert_null(ptmi_cred_header(&cred, HF "/x"));
    ptmi_cred_clear(&cred);
}

/* ---- what the hub's answers mean ---- */

static void expect_meaning(struct net_case *c, const char *path, ptm_rc want, const char *says)
{
    char url[HTTPD_URL];
    snprintf(url, sizeof url, HF "%s", path);
    ptm_rc rc = perform(c, url, NULL);
    if (rc != want)
        fail_msg("%s: %s, not %s: %s", path, ptm_rc_name(rc), ptm_rc_name(want), err.msg);
    if (!strstr(err.msg, says)) fail_msg("\"%s\" does not say \"%s\"", err.msg, says);
    assert_true(strncmp(err.msg, HF, strlen(HF)) == 0);
    assert_true(err.http_status >= 400);
    assert_false(err.retryable);
}

static void test_net_error__gated_disabled_absent_and_refused_are_apart(void **state)
{
    (void)state;
    struct net_case c;
    open_as_hub(&c);
    expect_meaning(
        &c, "/status/403?header=X-Error-Code:GatedRepo", PTM_EGATED,
        "HTTP 403: access to this model is gated; accept its terms on its page and set HF_TOKEN");
    expect_meaning(&c, "/status/401?header=X-Error-Code:GatedRepo", PTM_EGATED, "HTTP 401");
    expect_meaning(
        &c, "/status/403?header=X-Error-Message:Access%20to%20this%20resource%20is%20disabled.",
        PTM_EDISABLED, "taken down");
    expect_meaning(&c, "/status/404?header=X-Error-Code:RepoNotFound", PTM_ENOTFOUND, "repository");
    expect_meaning(&c, "/status/404?header=X-Error-Code:EntryNotFound", PTM_ENOTFOUND, "file");
    expect_meaning(&c, "/status/404?header=X-Error-Code:RevisionNotFound", PTM_ENOTFOUND,
                   "revision");
    expect_meaning(&c, "/status/410", PTM_ENOTFOUND, "gone");
    expect_meaning(&c, "/status/451", PTM_EDISABLED, "legal");
    expect_meaning(&c, "/status/403?body={\"error\":\"No%20way\"}", PTM_EHTTP, "HTTP 403: No way");
    expect_meaning(
        &c,
        "/status/401?header=X-Error-Message:Invalid%20credentials%20in%20Authorization%20header",
        PTM_EAUTH, "the token is refused");
    expect_meaning(&c, "/status/401", PTM_EAUTH, "refused");
    case_close(&c);
}

static void test_net_error__a_bare_401_hides_what_is_missing(void **state)
{
    (void)state;
    struct net_case c;
    char rule[256], url[HTTPD_URL];
    const char *rules[1] = {rewrite_to(HF "/", 0, rule)};
    case_open(&c, NET_OPTS(.rewrites = rules, .n_rewrites = 1));
    expect_meaning(&c, "/status/401?header=X-Error-Message:Invalid%20username%20or%20password.",
                   PTM_ENOTFOUND, "missing or private");
    assert_int_equal(perform(&c, httpd_url(&server, 1, "/status/401", url), NULL), PTM_EAUTH);
    assert_non_null(strstr(err.msg, "netrc"));
    case_close(&c);
}

/* URLs that a mirror puts into its answers are those of the original again when they are recorded.
 */
static void test_net_rewrite__urls_are_mapped_back(void **state)
{
    (void)state;
    struct net_case c;
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    char url[HTTPD_URL];
    open_as_hub(&c);
    char *original =
        ptm_net_original_url(c.net, httpd_url(&server, 0, "/api/models?cursor=x", url));
    assert_string_equal(original, HF "/api/models?cursor=x");
    free(original);
    r.url = httpd_url(&server, 0, "/redirect?to=/echo", url);
    assert_int_equal(ptm_net_perform(c.net, &r, &out, &err), PTM_OK);
    assert_string_equal(out.url, HF "/echo");
    ptm_net_response_clear(&out);
    expect_sent(1, BEARER);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_cred__a_rewritten_origin_gets_its_token),
        cmocka_unit_test(test_net_cred__nobody_else_does),
        cmocka_unit_test(test_net_cred__a_redirect_elsewhere_loses_the_token),
        cmocka_unit_test(test_net_cred__a_redirect_within_the_mirror_keeps_it),
        cmocka_unit_test(test_net_cred__only_below_the_rewritten_prefix),
        cmocka_unit_test(test_net_cred__the_callers_header_stays_at_the_first_origin),
        cmocka_unit_test(test_net_cred__no_credentials_means_none),
        cmocka_unit_test(test_net_cred__netrc_where_no_token_applies),
        cmocka_unit_test(test_net_cred__secrets_are_never_logged),
        cmocka_unit_test(test_net_cred__a_token_cannot_add_headers),
        cmocka_unit_test(test_net_error__gated_disabled_absent_and_refused_are_apart),
        cmocka_unit_test(test_net_error__a_bare_401_hides_what_is_missing),
        cmocka_unit_test(test_net_rewrite__urls_are_mapped_back),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
