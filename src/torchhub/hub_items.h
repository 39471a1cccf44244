/* SPDX-License-Identifier: MIT */
/* hub_items.h - what lies in the hub folder, read at once: for ls, rm, prune and verify. Never
 * leaves this folder. */
#pragma once

#include "torchhub_priv.h"

struct ptmi_hub_item {
    ptm_cached_kind kind;
    char *path;                   /* relative to the hub folder; owned */
    struct ptmi_cached_copy copy; /* of repositories */
    struct ptm_err *damage;       /* its side file cannot be read; owned, else NULL */
    int64_t bytes, modified;
};
/* In the order of kinds and names. */
struct ptmi_hub_items {
    struct ptmi_hub_item *items;
    size_t n, cap;
};
PTM_MUST_USE ptm_rc ptmi_hub_items_read(ptm_torchhub *hub, struct ptmi_hub_items *out,
                                        struct ptm_err *err);
void ptmi_hub_items_clear(struct ptmi_hub_items *items);
/* As the callbacks of ptm_torchhub_cache_*() are told of it. */
struct ptm_torchhub_cached ptmi_hub_item_show(const struct ptmi_hub_item *item);
/* Removes it from disk, under the lock of whoever might be making it. PTM_EBUSY: somebody is. */
PTM_MUST_USE ptm_rc ptmi_hub_item_remove(ptm_torchhub *hub, const struct ptmi_hub_item *item,
                                         struct ptm_err *err);
