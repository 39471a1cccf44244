/* SPDX-License-Identifier: MIT */
/* cache_ls.c - what is in the cache, told, removed when asked for, and pruned. Nothing here happens
 * by itself. */
#include "hub_items.h"

#include <stdlib.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/log.h"
#include "../base/str.h"

ptm_rc ptm_torchhub_cache_each(ptm_torchhub *hub, ptm_torchhub_cached_fn fn, void *arg,
                               struct ptm_err *err)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    PTM_TRY(ptmi_hub_items_read(hub, &items, err));
    for (size_t i = 0; i < items.n; i++) {
        struct ptm_torchhub_cached shown = ptmi_hub_item_show(&items.items[i]);
        ptm_rc rc = fn(arg, &shown, err);
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}

/* --- rm --- */

static bool is_path_of(const struct ptmi_hub_item *item, const char *path)
{
    size_t len = strlen(item->path);
    return strncmp(item->path, path, len) == 0 &&
           (path[len] == '\0' || ptmi_str_eq(path + len, "/"));
}

/* Torch's folder of a ref that was named is meant, whatever else it may be; without a ref only what
 * has no other reading. */
static bool is_torchs_copy(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                           const struct ptmi_hub_item *item)
{
    PTM_AUTO(ptmi_freep)
    char *start = spec->ref ? ptmi_repo_spec_folder(spec, spec->ref)
                            : ptmi_str_printf("%s_%s_", spec->owner, spec->name);
    if (!start) return false;
    if (spec->ref) return ptmi_str_eq(start, item->path);
    if (!ptmi_str_starts(item->path, start)) return false;
    if (item->copy.repo.ambiguous)
        ptmi_log(hub->ctx, PTM_LOG_WARN, "torchhub",
                 "%s: made by torch.hub, and perhaps another repository's: left alone; say its "
                 "folder's name to remove it",
                 item->path);
    return !item->copy.repo.ambiguous;
}

static bool is_copy_of(ptm_torchhub *hub, const struct ptmi_repo_spec *spec,
                       const struct ptmi_hub_item *item)
{
    const struct ptm_torchhub_repo *repo = &item->copy.repo;
    if (item->kind != PTM_CACHED_REPO) return false;
    if (repo->by_torch || item->damage) return is_torchs_copy(hub, spec, item);
    return ptmi_cache_is_of(hub, spec, repo) && (!spec->ref || ptmi_str_eq(spec->ref, repo->ref));
}

static ptm_rc remove_copies(ptm_torchhub *hub, const char *text, const struct ptmi_hub_items *items,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_err ignored;
    size_t removed = 0;
    bool is_spec = ptmi_repo_spec_parse(text, &spec, &ignored) == PTM_OK;
    for (size_t i = 0; is_spec && i < items->n; i++) {
        if (!is_copy_of(hub, &spec, &items->items[i])) continue;
        PTM_TRY(ptmi_hub_item_remove(hub, &items->items[i], err));
        removed++;
    }
    if (removed) return PTM_OK;
    char shown[160];
    return ptm_err_set(err, PTM_ENOENT,
                       "%s: not in the cache %s; `ptm torch cache ls` shows what is",
                       ptmi_str_printable(shown, sizeof shown, text), ptm_torchhub_get_dir(hub));
}

ptm_rc ptm_torchhub_cache_remove(ptm_torchhub *hub, const char *path, struct ptm_err *err)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    PTM_TRY(ptmi_hub_items_read(hub, &items, err));
    for (size_t i = 0; i < items.n; i++)
        if (is_path_of(&items.items[i], path))
            return ptmi_hub_item_remove(hub, &items.items[i], err);
    return remove_copies(hub, path, &items, err);
}

/* --- prune --- */

static bool is_to_go(const struct ptmi_hub_item *item, int days)
{
    if (item->kind == PTM_CACHED_LEFTOVER) return true;
    return days >= 0 && item->modified < ptmi_clock_unix() - (int64_t)days * 86400;
}

/* What came into use meanwhile stays, and is no failure. */
static ptm_rc prune_one(ptm_torchhub *hub, const struct ptmi_hub_item *item, bool *out_gone,
                        struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_hub_item_remove(hub, item, &why);
    *out_gone = rc == PTM_OK;
    if (rc == PTM_EBUSY) {
        ptmi_log(hub->ctx, PTM_LOG_INFO, "torchhub", "%s: in use, left alone", item->path);
        return PTM_OK;
    }
    if (rc < 0 && err) *err = why;
    return rc;
}

ptm_rc ptm_torchhub_cache_prune(ptm_torchhub *hub, int days, bool dry_run,
                                ptm_torchhub_cached_fn fn, void *arg, struct ptm_err *err)
{
    PTM_AUTO(ptmi_hub_items_clear) struct ptmi_hub_items items = {0};
    PTM_TRY(ptmi_hub_items_read(hub, &items, err));
    for (size_t i = 0; i < items.n; i++) {
        if (!is_to_go(&items.items[i], days)) continue;
        if (ptm_ctx_canceled(hub->ctx)) return ptm_err_set(err, PTM_ECANCELED, "interrupted");
        struct ptm_torchhub_cached shown = ptmi_hub_item_show(&items.items[i]);
        bool gone = true;
        if (!dry_run) PTM_TRY(prune_one(hub, &items.items[i], &gone, err));
        ptm_rc rc = gone && fn ? fn(arg, &shown, err) : PTM_OK;
        if (rc != PTM_OK) return rc;
    }
    return PTM_OK;
}
