/* SPDX-License-Identifier: MIT */
/* torchhub_cached.h - for unit tests: a hub in a scratch folder, copies in its cache, and somebody
 * who answers its questions. */
#pragma once

#include "torchhub/torchhub_priv.h"
#include "unit_tmp.h"

struct cached_hub {
    ptm_ctx *ctx;
    ptm_torchhub *hub;
    struct unit_tmp tmp;
    struct ptm_err err;
    char log[4096]; /* what was logged, a line each */
    int asked;
    bool answer;
    char question[1024];
};

static inline void cached_log(void *arg, ptm_log_level level, const char *module, const char *line)
{
    struct cached_hub *t = arg;
    size_t len = strlen(t->log);
    (void)level, (void)module;
    snprintf(t->log + len, sizeof t->log - len, "%s\n", line);
}

static inline ptm_rc cached_ask(void *arg, const char *text, bool *out_yes, struct ptm_err *err)
{
    struct cached_hub *t = arg;
    (void)err;
    t->asked++;
    snprintf(t->question, sizeof t->question, "%s", text);
    *out_yes = t->answer;
    return PTM_OK;
}

/* t must not move afterwards. host NULL: github.com. */
static inline void cached_open(struct cached_hub *t, const char *host)
{
    *t = (struct cached_hub){.tmp = unit_tmp_make()};
    struct ptm_ctx_opts ctx_opts = PTM_CTX_OPTS_INIT;
    ctx_opts.log = cached_log;
    ctx_opts.log_arg = t;
    struct ptm_torchhub_opts opts = PTM_TORCHHUB_OPTS_INIT;
    opts.dir = t->tmp.path;
    opts.host = host;
    if (ptm_ctx_new(&ctx_opts, &t->ctx, &t->err) < 0) abort();
    if (ptm_torchhub_open(t->ctx, &opts, &t->hub, &t->err) < 0) abort();
}

static inline void cached_close(struct cached_hub *t)
{
    ptm_torchhub_close(t->hub);
    ptm_ctx_free(t->ctx);
    unit_tmp_remove(&t->tmp);
}

static inline struct ptm_torchhub_fetch_opts cached_opts(struct cached_hub *t, ptm_trust trust)
{
    struct ptm_torchhub_fetch_opts opts = PTM_TORCHHUB_FETCH_OPTS_INIT;
    opts.trust = trust;
    opts.ask = cached_ask;
    opts.ask_arg = t;
    return opts;
}

/* A copy as torch leaves it. */
static inline const char *cached_by_torch(struct cached_hub *t, const char *folder)
{
    const char *dir = unit_path(t->tmp.path, folder);
    if (mkdir(dir, 0777) != 0) abort();
    unit_write(unit_path(dir, "hubconf.py"), "def f():\n    pass\n");
    return dir;
}

/* A copy of ours: text is "owner/name:ref". */
static inline void cached_by_us(struct cached_hub *t, const char *text, const char *fetched)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    static char host[] = "github.com";
    static char commit[] = "0123456789abcdef0123456789abcdef01234567";
    char when[32];
    if (ptmi_repo_spec_parse(text, &spec, &t->err) < 0) abort();
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&spec, spec.ref);
    snprintf(when, sizeof when, "%s", fetched);
    struct ptm_torchhub_repo repo = {.host = host,
                                     .owner = spec.owner,
                                     .name = spec.name,
                                     .ref = spec.ref,
                                     .commit = commit,
                                     .fetched = when};
    if (ptmi_side_write(cached_by_torch(t, folder), &repo, &t->err) < 0) abort();
}
