/* SPDX-License-Identifier: MIT */
/*
 * test_net_nomem.c - every allocation of a request and of a download fails once: the call says so
 * or does without, and nothing is leaked (the build under ASan sees that) or left hanging in the
 * engine.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "net_fixture.h"

#include "fail_alloc.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 400

static char part[64];

typedef ptm_rc (*job_fn)(ptm_ctx *ctx, const char *base, struct ptm_err *err);

static ptm_rc open_net(ptm_ctx *ctx, const char *base, ptm_net **net, struct ptm_err *err)
{
    char rule[HTTPD_URL + 64];
    const char *rules[1] = {rule};
    snprintf(rule, sizeof rule, "https://huggingface.co/=%s/", base);
    return ptm_net_open(
        ctx, NET_OPTS(.rewrites = rules, .n_rewrites = 1, .hf_token = "t", .github_token = "g"),
        net, err);
}

static ptm_rc request_job(ptm_ctx *ctx, const char *base, struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_net_response out = {0};
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    const char *header = "X-Test: 1";
    ptm_rc rc = open_net(ctx, base, &net, err);
    if (rc != PTM_OK) return rc;
    r.url = "https://huggingface.co/redirect?to=/fail/503/gzip";
    r.headers = &header;
    r.n_headers = 1;
    rc = ptm_net_perform(net, &r, &out, err);
    if (rc == PTM_OK) {
        assert_non_null(strstr(out.body, "packed"));
        ptm_net_response_clear(&out);
    }
    ptm_net_close(net);
    return rc;
}

static ptm_rc refused_job(ptm_ctx *ctx, const char *base, struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_net_response out = {0};
    struct ptm_net_request r = PTM_NET_REQUEST_INIT;
    ptm_rc rc = open_net(ctx, base, &net, err);
    if (rc != PTM_OK) return rc;
    r.url = "https://huggingface.co/status/404?body={%22error%22:%22no%22}";
    r.any_status = true;
    rc = ptm_net_perform(net, &r, &out, err);
    if (rc == PTM_OK) {
        assert_int_equal(out.status, 404);
        ptm_net_response_clear(&out);
    }
    ptm_net_close(net);
    return rc;
}

static ptm_rc fetch_job(ptm_ctx *ctx, const char *base, struct ptm_err *err)
{
    ptm_net *net = NULL;
    char sha256[65];
    struct ptm_net_download d = PTM_NET_DOWNLOAD_INIT;
    ptm_rc rc = open_net(ctx, base, &net, err);
    if (rc != PTM_OK) return rc;
    d.url = "https://huggingface.co/bytes/50000?cut=20000&times=1";
    d.part_path = part;
    d.chunk_size = 40000;
    rc = ptm_net_fetch(net, &d, sha256, NULL, err);
    ptm_net_close(net);
    return rc;
}

static void torture(job_fn job)
{
    bool hit = true;
    int n = 0;
    struct net_case c;
    char base[HTTPD_URL];
    case_open(&c, NET_OPTS());
    httpd_url(&server, 0, "", base);
    while (hit && n < MOST_ALLOCATIONS) {
        struct ptm_err err = {0};
        httpd_reset(&server);
        unlink(part);
        fail_alloc_arm(++n);
        ptm_rc rc = job(c.ctx, base, &err);
        hit = fail_alloc_disarm();
        if (rc == PTM_OK) continue;
        if (!hit || rc != PTM_ENOMEM)
            fail_msg("allocation %d: %s: %s", n, ptm_rc_name(rc), err.msg);
    }
    assert_in_range(n, 10, MOST_ALLOCATIONS - 1);
    case_close(&c);
}

static void test_net_nomem__request(void **state)
{
    (void)state;
    torture(request_job);
}

static void test_net_nomem__refused_request(void **state)
{
    (void)state;
    torture(refused_job);
}

static void test_net_nomem__download(void **state)
{
    (void)state;
    char dir[] = "/tmp/ptm_nomem_XXXXXX", meta[80];
    assert_non_null(mkdtemp(dir));
    snprintf(part, sizeof part, "%s/p", dir);
    snprintf(meta, sizeof meta, "%s.meta", part);
    torture(fetch_job);
    unlink(part);
    unlink(meta);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_net_nomem__request),
        cmocka_unit_test(test_net_nomem__refused_request),
        cmocka_unit_test(test_net_nomem__download),
    };
    return cmocka_run_group_tests(tests, server_up, server_down);
}
