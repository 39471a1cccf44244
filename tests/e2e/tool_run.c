/* SPDX-License-Identifier: MIT */
/*
 * tool_run.c - runs an entry point as the library's callers do, for tests/e2e/test_torch_load.py.
 * Not installed.
 *
 *     tool_run [--hub DIR] [--python P] [--rewrite FROM=TO] [--trust] [--fresh] [--no-sandbox]
 *              load REPO ENTRY OUT [ARG..] | list REPO
 *
 * The log goes to stderr, an error as "NAME: MESSAGE" last; what list gives to stdout.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptm/torchhub.h>

#include "../../src/base/auto.h"

PTM_DEFINE_CLEANUP(ctx_freep, ptm_ctx *, ptm_ctx_free)
PTM_DEFINE_CLEANUP(hub_closep, ptm_torchhub *, ptm_torchhub_close)

static ptm_ctx *to_cancel;

static void on_signal(int signo)
{
    (void)signo;
    ptm_ctx_cancel(to_cancel, 1);
}

static void on_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    (void)arg;
    fprintf(stderr, "%d %s: %s\n", (int)level, module, line);
}

struct options {
    struct ptm_torchhub_opts hub;
    struct ptm_net_opts net;
    struct ptm_torchhub_load_opts load;
    struct ptm_torchhub_fetch_opts fetch;
    const char *rewrites[8];
};

/* Takes one option off the words; false: it is none. */
static bool take(struct options *o, char ***words)
{
    const char *word = **words, *value = (*words)[1];
    bool flag = true;
    if (strcmp(word, "--trust") == 0)
        o->fetch.trust = PTM_TRUST_ALWAYS;
    else if (strcmp(word, "--fresh") == 0)
        o->fetch.force_reload = o->fetch.fresh_weights = true;
    else if (strcmp(word, "--no-sandbox") == 0)
        o->load.no_sandbox = true;
    else
        flag = false;
    if (flag) return (*words)++, true;
    if (!value) return false;
    if (strcmp(word, "--hub") == 0)
        o->hub.dir = value;
    else if (strcmp(word, "--python") == 0)
        o->load.python = value;
    else if (strcmp(word, "--rewrite") == 0 && o->net.n_rewrites < 8)
        o->rewrites[o->net.n_rewrites++] = value;
    else
        return false;
    *words += 2;
    return true;
}

static ptm_rc run(struct options *o, char **words, struct ptm_err *err)
{
    PTM_AUTO(ctx_freep) ptm_ctx *ctx = NULL;
    PTM_AUTO(hub_closep) ptm_torchhub *hub = NULL;
    PTM_AUTO(ptmi_freep) char *text = NULL;
    struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
    ctx_opts.log = on_log;
    ctx_opts.log_filter = "*:info";
    PTM_TRY(ptm_ctx_new(&ctx_opts, &ctx, err));
    to_cancel = ctx;
    (void)signal(SIGINT, on_signal);
    PTM_TRY(ptm_torchhub_open(ctx, &o->hub, &hub, err));
    size_t n = 0;
    while (words[n]) n++;
    if (n >= 4 && strcmp(words[0], "load") == 0) {
        o->load.args = (const char *const *)words + 4;
        o->load.n_args = n - 4;
        return ptm_torchhub_load(hub, words[1], words[2], &o->load, words[3], err);
    }
    if (n != 2 || strcmp(words[0], "list") != 0)
        return ptm_err_set(err, PTM_EINVAL, "see the top of tool_run.c");
    PTM_TRY(ptm_torchhub_run_list(hub, words[1], &o->load, &text, err));
    puts(text);
    return PTM_OK;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct ptm_err err = {0};
    struct options o = {.hub = PTM_TORCHHUB_OPTS_INIT,
                        .net = PTM_NET_OPTS_INIT,
                        .load = PTM_TORCHHUB_LOAD_OPTS_INIT,
                        .fetch = PTM_TORCHHUB_FETCH_OPTS_INIT};
    o.hub.net = &o.net;
    o.net.rewrites = o.rewrites;
    o.net.hf_token = getenv("HF_TOKEN");
    o.net.github_token = getenv("GITHUB_TOKEN");
    o.net.retries = -1;
    o.fetch.trust = PTM_TRUST_CHECK;
    o.load.fetch = &o.fetch;
    char **words = argv + 1;
    while (*words && take(&o, &words))
        ;
    if (run(&o, words, &err) >= 0) return 0;
    fprintf(stderr, "%s: %s\n", ptm_rc_name(err.rc), err.msg);
    return 1;
}
