/* SPDX-License-Identifier: MIT */
/*
 * run.c - the job graph: which steps run for a hub, in which order, and what each needs first. Also
 * one model by name, and trying failures again: both are the same graph with another choice of
 * repositories.
 */
#include <string.h>

#include "../base/grow.h"
#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

static ptm_rc list_and_parse(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, unsigned steps,
                             struct ptmi_report *out, struct ptm_err *err)
{
    bool listed = false;
    char listed_at[32] = "";
    PTM_TRY(ptmi_catalog_listed(mirror->catalog, hub->name, &listed, listed_at, err));
    bool needed = !listed && (steps & (PTMI_STEP_CLONE | PTMI_STEP_SCHEMA));
    bool list = (steps & PTMI_STEP_LIST) || needed;
    /* Without a network the list there is will do, unless it is all that was asked for. */
    if (list && listed && mirror->opts.net.offline && (steps & PTMI_STEP_CLONE)) {
        ptmi_log(mirror->ctx, PTM_LOG_INFO, "mirror", "%s: offline, going by the list of %s",
                 hub->name, listed_at);
        list = false;
    }
    bool parse = (steps & PTMI_STEP_PARSE) || needed;
    if (list) PTM_TRY(ptmi_mirror_list(mirror, hub, out, err));
    if (parse) PTM_TRY(ptmi_mirror_parse(mirror, hub, out, err));
    if (!list && !parse) return PTM_OK;
    return ptmi_mirror_export(mirror, hub, false, out, err);
}

static ptm_rc clone_chosen(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                           const struct ptmi_select *what, const char *rev, struct ptmi_report *out,
                           struct ptm_err *err)
{
    bool go = false;
    PTM_TRY(ptmi_mirror_plan(mirror, hub, what, out, &go, err));
    return go ? ptmi_mirror_clone(mirror, hub, rev, out, err) : PTM_OK;
}

static ptm_rc clone_selection(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                              struct ptmi_report *out, struct ptm_err *err)
{
    struct ptmi_select what;
    bool go = false;
    PTM_TRY(ptmi_mirror_selection(mirror, hub, &what, err));
    PTM_TRY(ptmi_mirror_plan(mirror, hub, &what, out, &go, err));
    PTM_TRY(ptmi_mirror_unlisted(mirror, hub, out, err));
    return go ? ptmi_mirror_clone(mirror, hub, NULL, out, err) : PTM_OK;
}

/* A wrong --filter is told before the list is fetched, which may take an hour. */
static ptm_rc check_choice(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, struct ptm_err *err)
{
    struct ptmi_select what;
    struct ptmi_selected ignored = {0};
    PTM_TRY(ptmi_mirror_selection(mirror, hub, &what, err));
    return what.filter ? ptmi_catalog_select(mirror->catalog, &what, &ignored, err) : PTM_OK;
}

ptm_rc ptmi_mirror_run(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, unsigned steps,
                       struct ptmi_report *out, struct ptm_err *err)
{
    *out = (struct ptmi_report){.hub = hub->name};
    if (steps & PTMI_STEP_CLONE) PTM_TRY(check_choice(mirror, hub, err));
    PTM_TRY(ptmi_mirror_setup(mirror, hub, err));
    PTM_TRY(list_and_parse(mirror, hub, steps, out, err));
    if (steps & PTMI_STEP_CLONE) {
        ptm_rc rc = clone_selection(mirror, hub, out, err);
        /* Interrupted or not: what is here by now is described and exported, so that nothing waits
         * for a next run. */
        if (rc < 0 && rc != PTM_ECANCELED) return rc;
        if (rc < 0) {
            struct ptm_err ignored = {0};
            if ((steps & PTMI_STEP_SCHEMA) && ptm_ctx_canceled(mirror->ctx) < 2 &&
                ptmi_mirror_export(mirror, hub, true, out, &ignored) < 0)
                ptmi_log(mirror->ctx, PTM_LOG_WARN, "mirror", "%s", ignored.msg);
            return rc;
        }
        if (out->dry_run) return PTM_OK;
    }
    return steps & PTMI_STEP_SCHEMA ? ptmi_mirror_export(mirror, hub, true, out, err) : PTM_OK;
}

static ptm_rc clone_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *id,
                        const char *rev, struct ptmi_report *out, struct ptm_err *err)
{
    if (hub->one)
        PTM_TRY(ptmi_mirror_list_one(mirror, hub, id, rev, out, err));
    else
        PTM_TRY(list_and_parse(mirror, hub, PTMI_STEP_CLONE, out, err));
    struct ptmi_select what = {
        .hub = hub->name,
        .run = mirror->run,
        .count = -1,
        .share = 1,
        .names = &id,
        .n_names = 1,
    };
    PTM_TRY(clone_chosen(mirror, hub, &what, rev, out, err));
    if (out->selected.chosen_models == 0)
        return ptm_err_set(err, PTM_ENOTFOUND,
                           "%s: no model %s in its list; `ptm list %s` renews it", hub->name, id,
                           hub->name);
    return PTM_OK;
}

ptm_rc ptmi_mirror_clone_one(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *id,
                             const char *rev, struct ptmi_report *out, struct ptm_err *err)
{
    struct ptm_err why = {0};
    *out = (struct ptmi_report){.hub = hub->name};
    PTM_TRY(ptmi_mirror_setup(mirror, hub, err));
    ptm_rc rc = clone_one(mirror, hub, id, rev, out, &why);
    if (rc < 0) {
        if (err) *err = why;
        if (ptmi_mirror_is_fatal(rc) || mirror->opts.dry_run) return rc;
        out->failures++;
        ptm_rc kept = ptmi_mirror_record(mirror, hub->name, id, "clone", NULL, &why, err);
        return kept < 0 ? kept : rc;
    }
    if (out->dry_run) return PTM_OK;
    if (out->failures == 0)
        PTM_TRY(ptmi_catalog_clear_failure(mirror->catalog, hub->name, id, "clone", err));
    return ptmi_mirror_export(mirror, hub, true, out, err);
}

/* --- retry --- */

struct again {
    bool all;
    bool list; /* the listing itself failed, in part or whole */
    const char **urls;
    size_t n, cap;
};

static void again_clear(struct again *again)
{
    for (size_t i = 0; i < again->n; i++) free((char *)again->urls[i]);
    free(again->urls);
    *again = (struct again){0};
}

static bool has_url(const struct again *again, const char *url)
{
    /* Failures come sorted by repository: a repeated one is the last one. */
    return again->n > 0 && strcmp(again->urls[again->n - 1], url) == 0;
}

static ptm_rc note_failure(void *arg, const struct ptmi_failure *failure, struct ptm_err *err)
{
    struct again *again = arg;
    if (!again->all && !failure->retryable) return PTM_OK;
    if (strcmp(failure->stage, "list") == 0 || strcmp(failure->stage, "parse") == 0) {
        again->list = true;
        return PTM_OK;
    }
    if (!failure->url || has_url(again, failure->url)) return PTM_OK;
    const char **urls = ptmi_grown(again->urls, again->n, &again->cap, sizeof *urls);
    if (!urls) return ptm_err_set(err, PTM_ENOMEM, "failures");
    again->urls = urls;
    again->urls[again->n] = ptmi_str_printf("%s", failure->url);
    if (!again->urls[again->n]) return ptm_err_set(err, PTM_ENOMEM, "failures");
    again->n++;
    return PTM_OK;
}

static ptm_rc retry_hub(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, bool all,
                        struct ptmi_report *out, struct ptm_err *err)
{
    PTM_AUTO(again_clear) struct again again = {.all = all};
    PTM_TRY(ptmi_catalog_each_failure(mirror->catalog, hub->name, NULL, note_failure, &again, err));
    if (!again.list && again.n == 0) return PTM_OK;
    unsigned steps = again.list ? PTMI_STEP_LIST | PTMI_STEP_PARSE : 0;
    PTM_TRY(ptmi_mirror_setup(mirror, hub, err));
    PTM_TRY(list_and_parse(mirror, hub, steps, out, err));
    if (again.n > 0) {
        struct ptmi_select what = {
            .hub = hub->name,
            .run = mirror->run,
            .count = -1,
            .share = 1,
            .urls = again.urls,
            .n_urls = again.n,
        };
        PTM_TRY(clone_chosen(mirror, hub, &what, NULL, out, err));
    }
    return out->dry_run ? PTM_OK : ptmi_mirror_export(mirror, hub, true, out, err);
}

ptm_rc ptmi_mirror_retry(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, bool all,
                         struct ptmi_report *out, struct ptm_err *err)
{
    *out = (struct ptmi_report){.hub = hub->name};
    return retry_hub(mirror, hub, all, out, err);
}
