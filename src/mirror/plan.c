/* SPDX-License-Identifier: MIT */
/*
 * plan.c - chooses what is to be cloned, tells what that will take, and stops before it starts when
 * it cannot fit. The choice itself is the catalogue's; this file turns options into it
 * and judges the disk.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

/* "10%" and "0.1" are shares, "250" is a count. The command line has checked the text; a
 * library caller may not have. */
static ptm_rc parse_top(const char *top, struct ptmi_select *out, struct ptm_err *err)
{
    if (!strpbrk(top, "%.")) {
        if (ptmi_str_int(top, 0, INT64_MAX, &out->count)) return PTM_OK;
        return ptm_err_set(err, PTM_EINVAL, "--top %s: neither a share nor a count", top);
    }
    char *end = NULL;
    double value = strtod(top, &end);
    if (end != top && *end == '%') {
        value /= 100;
        end++;
    }
    if (end == top || *end || !(value >= 0 && value <= 1))
        return ptm_err_set(err, PTM_EINVAL, "--top %s: a share lies between 0 and 1 (100%%)", top);
    out->share = value;
    return PTM_OK;
}

ptm_rc ptmi_mirror_selection(const ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                             struct ptmi_select *out, struct ptm_err *err)
{
    const struct ptmi_mirror_opts *opts = &mirror->opts;
    *out = (struct ptmi_select){
        .hub = hub->name,
        .run = mirror->run,
        .share = 0.1,
        .count = -1,
        .sort = opts->sort,
        .filter = opts->filter,
        .names = opts->names,
        .n_names = opts->n_names,
        .urls = opts->urls,
        .n_urls = opts->n_urls,
    };
    if (!(hub->caps & PTMI_HUB_SELECTABLE)) {
        out->share = 1; /* all, but a --filter still narrows it */
        out->sort = NULL;
        out->all = !opts->filter && !opts->n_names && !opts->n_urls;
        return PTM_OK;
    }
    return opts->top ? parse_top(opts->top, out, err) : PTM_OK;
}

/* "at most 3.1 TB and some of unknown size": the listing knows whole repositories, not what the
 * options leave out of them. */
static void write_sizes(const ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                        const struct ptmi_selected *chosen, char *out, size_t size)
{
    const struct ptmi_lfs_opts *lfs = &mirror->opts.lfs;
    bool narrowed = lfs->n_include || lfs->n_exclude || lfs->max_size > 0;
    char need[32];
    if (lfs->large == PTMI_LARGE_NONE)
        snprintf(out, size, "git history without large files");
    else if (chosen->unknown_size < chosen->repos - chosen->present)
        snprintf(out, size, "%s%s%s", narrowed ? "at most " : "",
                 ptmi_str_human_size(chosen->bytes, need),
                 chosen->unknown_size ? " and some of unknown size" : "");
    else
        snprintf(out, size, "sizes unknown (this hub as a whole: about %s)", hub->size);
}

static void tell(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                 const struct ptmi_selected *chosen, int64_t free_bytes)
{
    char have[32], sizes[160];
    int64_t wanted = chosen->repos - chosen->present;
    write_sizes(mirror, hub, chosen, sizes, sizeof sizes);
    ptmi_log(mirror->ctx, PTM_LOG_INFO, "mirror",
             "%s: %lld of %lld models chosen: %lld %s, %lld of them here already%s%s; %s free",
             hub->name, (long long)chosen->chosen_models, (long long)chosen->models,
             (long long)chosen->repos, chosen->repos == 1 ? "repository" : "repositories",
             (long long)chosen->present, wanted > 0 ? "; to fetch: " : "", wanted > 0 ? sizes : "",
             ptmi_str_human_size(free_bytes, have));
    if (chosen->not_clonable)
        ptmi_log(mirror->ctx, PTM_LOG_INFO, "mirror",
                 "%s: %lld chosen models name no repository that git could clone", hub->name,
                 (long long)chosen->not_clonable);
}

ptm_rc ptmi_mirror_plan(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub,
                        const struct ptmi_select *what, struct ptmi_report *out, bool *out_go,
                        struct ptm_err *err)
{
    const struct ptmi_mirror_opts *opts = &mirror->opts;
    int64_t free_bytes = 0;
    PTM_TRY(ptmi_catalog_select(mirror->catalog, what, &out->selected, err));
    PTM_TRY(ptmi_fs_free_bytes(mirror->root, &free_bytes, err));
    tell(mirror, hub, &out->selected, free_bytes);
    *out_go = out->selected.repos > 0 && !opts->dry_run;
    out->dry_run = opts->dry_run;
    int64_t bytes = opts->lfs.large == PTMI_LARGE_NONE ? 0 : out->selected.bytes;
    if (opts->yes || opts->dry_run || bytes <= free_bytes - opts->keep_free) return PTM_OK;
    char need[32], have[32], keep[32];
    return ptm_err_set(
        err, PTM_ENOSPC,
        "%s: the listing tells of %s to fetch, %s are free and %s are to stay free; choose less "
        "(--top, --filter, --max-size, --large none), lower --keep-free, use another --root, or go "
        "on with --yes",
        hub->name, ptmi_str_human_size(bytes, need), ptmi_str_human_size(free_bytes, have),
        ptmi_str_human_size(opts->keep_free, keep));
}
