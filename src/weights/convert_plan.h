/* SPDX-License-Identifier: MIT */
/* convert_plan.h - what a conversion to safetensors will write, worked out before anything is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <ptm/weights.h>

/* A tensor that is written. */
struct ptmi_plan_item {
    const struct ptm_tensor *tensor;
    const char *dtype; /* as safetensors calls it; static */
    int rank;          /* of the dtype: the highest comes first */
    size_t shard;
    int64_t begin; /* in the data of its file */
};

/* A name for what another one holds. */
struct ptmi_plan_alias {
    const char *name, *target;
    size_t shard; /* of the target */
};

struct ptmi_plan_shard {
    size_t first, n; /* items */
    int64_t bytes;   /* of data */
};

/* One thread at a time. Strings are the weights'. */
struct ptmi_plan {
    ptm_weights *weights;
    const struct ptm_convert_opts *opts;
    struct ptmi_plan_item *items; /* in the order of the files; owned, as all arrays */
    size_t n_items;
    struct ptmi_plan_alias *aliases; /* by name */
    size_t n_aliases;
    struct ptmi_plan_shard *shards; /* at least one */
    size_t n_shards;
    int64_t bytes;   /* of all data */
    int64_t skipped; /* tensors left out */
};

/* plan has weights and opts set and nothing else. Clear it also after a failure. PTM_EUNSUPPORTED
 * names the first tensor that safetensors cannot hold. */
PTM_MUST_USE ptm_rc ptmi_plan_make(struct ptmi_plan *plan, struct ptm_err *err);
void ptmi_plan_clear(struct ptmi_plan *plan);
