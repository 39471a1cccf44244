/* SPDX-License-Identifier: MIT */
/* test_net_tls.c - certificates, the way down from https to http, and proxies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_fixture.h"

#include "base/proc.h"

static struct ptm_err err;
static char pem[64];

/* A certificate of our own for 127.0.0.1, made by the openssl program: key and certificate in one
 * file. */
static bool make_certificate(void)
{
    const char *argv[] = {
        "openssl", "req", "-x509", "-newkey",       "rsa:2048", "-nodes",
        "-days",   "2",   "-subj", "/CN=127.0.0.1", "-addext",  "subjectAltName=IP:127.0.0.1",
        "-keyout", pem,   NULL};
    struct ptmi_proc proc = {.argv = argv};
    struct ptmi_proc_result result = {0};
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    bool ok = ptmi_proc_run(ctx, &proc, &result, NULL) == PTM_OK && result.exit_status == 0;
    FILE *file = ok ? fopen(pem, "a") : NULL;
    ok = file && fwrite(result.out_text.data, 1, result.out_text.len, file) == result.out_text.len;
    if (file) ok = fclose(file) == 0 && ok;
    ptmi_proc_result_clear(&result);
    ptm_ctx_free(ctx);
    return ok;
}

static int up(void **state)
{
    (void)state;
    clean_environment();
    unsetenv("SSL_CERT_FILE");
    unsetenv("CURL_CA_BUNDLE");
    snprintf(pem, sizeof pem, "/tmp/ptm_tls_XXXXXX");
    int fd = mkstemp(pem);
    if (fd < 0) return -1;
    close(fd);
    server.absent = "openssl";
    if (make_certificate()) have_server = httpd_start_tls(&server, pem);
    return 0;
}

static int down(void **state)
{
    httpd_stop(&server);
    unlink(pem);
    return server_down(state);
}

static ptm_rc get_body(struct net_case *c, const char *url, const char *want)
{
    struct ptm_net_response out;
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    err = (struct ptm_err){0};
    r.url = url;
    ptm_rc rc = ptm_net_perform(c->net, &r, &out, &err);
    if (rc != PTM_OK) return rc;
    if (want) assert_string_equal(out.body, want);
    ptm_net_response_clear(&out);
    return PTM_OK;
}

static char *tls_url(const char *path, char buf[HTTPD_URL])
{
    snprintf(buf, HTTPD_URL, "https://127.0.0.1:%d%s", server.port[2], path);
    return buf;
}

static void test_net_tls__a_certificate_must_be_trusted(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    case_open(&c, NET_OPTS(.retries = 2));
    assert_int_equal(get_body(&c, tls_url("/status/200?body=ok", url), NULL), PTM_ETLS);
    assert_non_null(strstr(err.msg, "SSL_CERT_FILE"));
    assert_false(err.retryable);
    assert_int_equal(httpd_count(&server), 0);
    case_close(&c);
}

static void test_net_tls__a_ca_bundle_may_be_given(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL];
    case_open(&c, NET_OPTS(.ca_bundle = pem));
    assert_int_equal(get_body(&c, tls_url("/status/200?body=ok", url), "ok"), PTM_OK);
    case_close(&c);
    static const char *const names[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE"};
    for (int i = 0; i < 2; i++) {
        setenv(names[i], pem, 1);
        case_open(&c, NET_OPTS());
        assert_int_equal(get_body(&c, tls_url("/status/200?body=ok", url), "ok"), PTM_OK);
        case_close(&c);
        unsetenv(names[i]);
    }
    case_open(&c, NET_OPTS(.ca_bundle = "/nonexistent.pem", .retries = -1));
    assert_int_equal(get_body(&c, tls_url("/", url), NULL), PTM_ETLS);
    case_close(&c);
}

static void test_net_tls__no_way_down_to_http(void **state)
{
    (void)state;
    struct net_case c;
    char url[HTTPD_URL], path[256];
    case_open(&c, NET_OPTS(.ca_bundle = pem));
    snprintf(path, sizeof path, "/redirect?to=http://127.0.0.1:%d/echo", server.port[0]);
    assert_int_equal(get_body(&c, tls_url(path, url), NULL), PTM_EUNSAFE);
    assert_int_equal(httpd_count(&server), 1);
    case_close(&c);
}

/* The server plays the proxy: it sees the whole URL of a host that exists nowhere. */
static void test_net_proxy__from_the_environment(void **state)
{
    (void)state;
    struct net_case c;
    char proxy[HTTPD_URL];
    case_open(&c, NET_OPTS(.retries = -1));
    setenv("http_proxy", httpd_url(&server, 1, "", proxy), 1);
    assert_int_equal(get_body(&c, "http://hub.invalid/status/200?body=proxied", "proxied"), PTM_OK);
    setenv("no_proxy", "hub.invalid", 1);
    assert_int_equal(get_body(&c, "http://hub.invalid/status/200?body=proxied", NULL), PTM_ENET);
    assert_non_null(strstr(err.msg, "cannot resolve"));
    unsetenv("http_proxy");
    unsetenv("no_proxy");
    assert_int_equal(httpd_count(&server), 1);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_tls__a_certificate_must_be_trusted),
        cmocka_unit_test(test_net_tls__a_ca_bundle_may_be_given),
        cmocka_unit_test(test_net_tls__no_way_down_to_http),
        cmocka_unit_test(test_net_proxy__from_the_environment),
    };
    return cmocka_run_group_tests(tests, up, down);
}
