/* SPDX-License-Identifier: MIT */
/*
 * unlisted.c - what --urls and --ids name and the hub's list does not. The catalogue can only
 * choose from what was listed; the rest must not be passed over in silence, so it becomes failures.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

/* What was asked for, sorted, each once. */
struct asked {
    const char **names; /* owned array of borrowed texts */
    bool *found;        /* owned; one a name */
    size_t n;
};

static void asked_clear(struct asked *asked)
{
    free(asked->names);
    free(asked->found);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static ptm_rc asked_init(struct asked *asked, const char *const *names, size_t n,
                         struct ptm_err *err)
{
    asked->names = calloc(n, sizeof *asked->names);
    asked->found = calloc(n, sizeof *asked->found);
    if (!asked->names || !asked->found) return ptm_err_set(err, PTM_ENOMEM, "list of models");
    memcpy(asked->names, names, n * sizeof *names);
    qsort(asked->names, n, sizeof *asked->names, by_text);
    for (size_t i = 0; i < n; i++)
        if (asked->n == 0 || strcmp(asked->names[asked->n - 1], asked->names[i]) != 0)
            asked->names[asked->n++] = asked->names[i];
    return PTM_OK;
}

static void mark(struct asked *asked, const char *name)
{
    const char **at =
        name ? bsearch(&name, asked->names, asked->n, sizeof *asked->names, by_text) : NULL;
    if (at) asked->found[at - asked->names] = true;
}

static ptm_rc mark_model(void *arg, const struct ptmi_model_row *row, struct ptm_err *err)
{
    (void)err;
    mark(arg, row->name);
    return PTM_OK;
}

static ptm_rc mark_repo(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    (void)err;
    mark(arg, repo->clone_url);
    return PTM_OK;
}

static ptm_rc tell(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *name,
                   bool is_url, struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = ptm_err_set(
        &why, PTM_ENOTFOUND, "%s is not in the list of %s; `ptm list %s` renews it%s", name,
        hub->name, hub->name, !is_url && hub->one ? ", `ptm clone HUB/ID` asks for one model" : "");
    (void)rc;
    if (!mirror->opts.dry_run)
        return ptmi_mirror_fail(mirror, hub->name, name, hub->parse ? "parse" : "list",
                                is_url ? name : NULL, &why, err);
    ptmi_log(mirror->ctx, PTM_LOG_WARN, "mirror", "%s", why.msg);
    return PTM_OK;
}

ptm_rc ptmi_mirror_unlisted(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                            struct ptmi_report *out, struct ptm_err *err)
{
    const struct ptmi_mirror_opts *opts = &mirror->opts;
    PTM_AUTO(asked_clear) struct asked asked = {0};
    bool is_url = opts->n_names == 0;
    /* With a filter, what is not chosen may well be listed. */
    if (opts->filter || opts->n_names + opts->n_urls == 0) return PTM_OK;
    PTM_TRY(is_url ? asked_init(&asked, opts->urls, opts->n_urls, err)
                   : asked_init(&asked, opts->names, opts->n_names, err));
    PTM_TRY(is_url
                ? ptmi_catalog_each_chosen(mirror->catalog, hub->name, mirror->run, mark_repo,
                                           &asked, err)
                : ptmi_catalog_each_model(mirror->catalog, hub->name, 0, mark_model, &asked, err));
    for (size_t i = 0; i < asked.n; i++) {
        if (asked.found[i]) continue;
        out->failures++;
        PTM_TRY(tell(mirror, hub, asked.names[i], is_url, err));
    }
    return PTM_OK;
}
