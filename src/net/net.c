/* SPDX-License-Identifier: MIT */
/* net.c - opening and closing: options with their defaults, the engine, the tokens. */
#include <ptm/net.h>

#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "net_priv.h"

static int or_default(int value, int fallback)
{
    return value > 0 ? value : fallback;
}

/* The variables that curl's command and OpenSSL's know; libcurl itself looks at neither. */
static const char *ca_bundle(const struct ptm_net_opts *opts)
{
    static const char *const names[] = {"SSL_CERT_FILE", "CURL_CA_BUNDLE"};
    if (opts->ca_bundle && *opts->ca_bundle) return opts->ca_bundle;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *path = getenv(names[i]);
        if (path && *path) return path;
    }
    return NULL;
}

static ptm_rc fill(ptm_net *net, const struct ptm_net_opts *opts, struct ptm_err *err)
{
    net->retries = opts->retries < 0 ? 0 : or_default(opts->retries, 6);
    net->backoff_ms = or_default(opts->backoff_ms, 500);
    net->offline = opts->offline;
    net->no_netrc = opts->no_netrc;
    net->public_only = opts->public_only;
    for (size_t i = 0; i < opts->n_rewrites; i++)
        PTM_TRY(ptmi_rewrite_add(&net->rewrites, opts->rewrites[i], err));
    PTM_TRY(ptmi_cred_init(&net->cred, opts->hf_token, opts->github_token, err));
    PTM_TRY(ptmi_ratelimits_new(&net->limits, err));
    struct ptmi_engine_opts engine = {
        .max_total = or_default(opts->max_total, 64),
        .max_per_host = or_default(opts->max_per_host, 16),
        .limit_rate = opts->limit_rate > 0 ? opts->limit_rate : 0,
        .stall_seconds = or_default(opts->stall_seconds, 30),
        .connect_seconds = or_default(opts->connect_seconds, 20),
        .user_agent = opts->user_agent ? opts->user_agent : "ptm/" PTM_VERSION " (ptmtorrent)",
        .ca_bundle = ca_bundle(opts),
    };
    return ptmi_engine_open(net->ctx, &engine, &net->engine, err);
}

ptm_rc ptm_net_open(ptm_ctx *ctx, const struct ptm_net_opts *opts, ptm_net **out,
                    struct ptm_err *err)
{
    struct ptm_net_opts own = PTM_NET_OPTS_INIT;
    if (opts && !PTMI_NET_ADOPT(&own, opts))
        return ptm_err_set(err, PTM_EINVAL, "ptm_net_opts: start with PTM_NET_OPTS_INIT");
    if (!ctx) return ptm_err_set(err, PTM_EINVAL, "ptm_net_open: no context");
    ptm_net *net = calloc(1, sizeof *net);
    if (!net) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    net->ctx = ctx;
    pthread_mutex_init(&net->topics_lock, NULL);
    ptm_rc rc = fill(net, &own, err);
    if (rc != PTM_OK) {
        ptm_net_close(net);
        return rc;
    }
    *out = net;
    return PTM_OK;
}

void ptm_net_close(ptm_net *net)
{
    if (!net) return;
    ptmi_engine_close(net->engine);
    ptmi_ratelimits_free(net->limits);
    ptmi_rewrite_clear(&net->rewrites);
    ptmi_cred_clear(&net->cred);
    pthread_mutex_destroy(&net->topics_lock);
    free(net);
}

char *ptm_net_original_url(const ptm_net *net, const char *url)
{
    return ptmi_rewrite_undo(&net->rewrites, url);
}
