/* SPDX-License-Identifier: MIT */
/* torchhub_case.h - for tests of downloads: a hub on a scratch folder, its log kept, against
 * tests/httpd/faulty.py. Include after cmocka.h. */
#pragma once

#include <ptm/torchhub.h>

#include "net_fixture.h"
#include "unit_tmp.h"

struct hub_case {
    struct unit_tmp tmp;
    ptm_ctx *ctx;
    ptm_torchhub *hub;
    char url[HTTPD_URL];
    struct ptm_err err;
};

static inline void hub_begin_with(struct hub_case *c, const struct ptm_net_opts *net)
{
    struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    memset(c, 0, sizeof *c);
    c->tmp = unit_tmp_make();
    logged_len = 0;
    logged[0] = '\0';
    ctx_opts.log = keep_log;
    ctx_opts.log_filter = "*:trace";
    opts.dir = unit_path(c->tmp.path, "hub");
    opts.net = net;
    assert_int_equal(ptm_ctx_new(&ctx_opts, &c->ctx, NULL), PTM_OK);
    assert_int_equal(ptm_torchhub_open(c->ctx, &opts, &c->hub, NULL), PTM_OK);
}

/* Skips where there is no server. */
static inline void hub_begin(struct hub_case *c, const char *path)
{
    if (!have_server) {
        if (!server.absent) fail_msg("the test server does not start");
        print_message("%s is absent\n", server.absent);
        skip();
    }
    httpd_reset(&server);
    hub_begin_with(c, NET_OPTS());
    httpd_url(&server, 0, path, c->url);
}

static inline void hub_end(struct hub_case *c)
{
    ptm_torchhub_close(c->hub);
    ptm_ctx_free(c->ctx);
    unit_tmp_remove(&c->tmp);
}

static inline const char *hub_file(const struct hub_case *c, const char *name)
{
    return unit_path(c->tmp.path, name);
}

static inline void expect_rc(struct hub_case *c, ptm_rc rc, ptm_rc want, const char *says)
{
    if (rc != want) fail_msg("%s, not %s: %s", ptm_rc_name(rc), ptm_rc_name(want), c->err.msg);
    if (says && !strstr(c->err.msg, says)) fail_msg("\"%s\" does not say \"%s\"", c->err.msg, says);
}
