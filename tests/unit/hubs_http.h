/* SPDX-License-Identifier: MIT */
/*
 * hubs_http.h - a hub under test: canned server, context, net with every original host rewritten to
 * that server, collecting sink. Header-only; one thread at a time.
 */
#pragma once

#include <ptm/net.h>

#include "../httpd/canned.h"
#include "hubs_collect.h"

struct bench {
    struct canned server;
    struct collect all;
    ptm_ctx *ctx;
    ptm_net *net;
    struct ptmi_hub_env env;
    struct ptmi_hub_sink sink;
    struct ptm_err err;
};

static inline void bench_open_net(struct bench *bench)
{
    static const char *const hosts[][2] = {{"https://huggingface.co/", "hf"},
                                           {"https://raw.githubusercontent.com/", "raw"},
                                           {"https://github.com/", "gh"},
                                           {"https://modelzoo.co/", "mz"}};
    enum { N = sizeof hosts / sizeof hosts[0] };
    char text[N][128];
    const char *rewrites[N];
    struct ptm_net_opts opts = PTM_NET_OPTS_INIT;
    for (int i = 0; i < N; i++) {
        snprintf(text[i], sizeof text[i], "%s=http://127.0.0.1:%d/%s/", hosts[i][0],
                 bench->server.port, hosts[i][1]);
        rewrites[i] = text[i];
    }
    opts.rewrites = rewrites;
    opts.n_rewrites = N;
    opts.no_netrc = true;
    opts.retries = 1;
    opts.backoff_ms = 1;
    assert_int_equal(ptm_net_open(bench->ctx, &opts, &bench->net, &bench->err), PTM_OK);
}

static inline void bench_open(struct bench *bench)
{
    memset(bench, 0, sizeof *bench);
    canned_start(&bench->server);
    if (bench->server.port == 0) {
        canned_stop(&bench->server);
        skip();
    }
    assert_int_equal(ptm_ctx_new(NULL, &bench->ctx, &bench->err), PTM_OK);
    bench_open_net(bench);
    collect_init(&bench->all);
    bench->sink = collect_sink(&bench->all);
    bench->env = (struct ptmi_hub_env){.ctx = bench->ctx, .net = bench->net, .jobs = 4};
}

static inline void bench_close(struct bench *bench)
{
    ptm_net_close(bench->net);
    ptm_ctx_free(bench->ctx);
    collect_clear(&bench->all);
    canned_stop(&bench->server);
}

/* A run of list() on the rules as they are; what a failing one leaves is what its last checkpoint
 * kept. */
static inline ptm_rc bench_list(struct bench *bench, const char *hub)
{
    canned_apply(&bench->server);
    bench->err = (struct ptm_err){0};
    bench->env.token = bench->all.token;
    ptm_rc rc = ptmi_hub_find(hub)->list(&bench->env, &bench->sink, &bench->err);
    if (rc != PTM_OK) {
        assert_int_equal(bench->err.rc, rc);
        assert_true(*bench->err.msg);
        collect_rollback(&bench->all);
    }
    return rc;
}
