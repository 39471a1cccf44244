/* SPDX-License-Identifier: MIT */
/*
 * pt_storages.h - the storages of a torch file by their keys, as the persistent ids of its pickle
 * tell them. They are collected before tensors are made: a legacy stream's bytes can only be found
 * when all sizes are known. One thread.
 */
#pragma once

#include "torch_objects.h"

struct ptmi_pt_storage {
    const char *key, *device; /* in the weights' arena */
    ptm_dtype element;        /* as the first id says .. */
    int64_t numel;            /* .. in these */
    int64_t first_nbytes;     /* what that comes to */
    int64_t nbytes;           /* the most that any id says */
    size_t order;             /* of appearance */
    size_t index;             /* in the weights; PTM_NO_STORAGE until it is asked for */
    uint64_t at;              /* the container's: where its bytes are */
    bool placed;              /* the container's: at is set */
};
/* Start with {0}; ptmi_pt_storages_clear(). */
struct ptmi_pt_storages {
    struct ptmi_pt_storage *items; /* sorted by key, each once */
    size_t n;
};
void ptmi_pt_storages_clear(struct ptmi_pt_storages *storages);
/* From all ('storage', ..) ids of pickle; ('module', ..) ones are passed over. */
PTM_MUST_USE ptm_rc ptmi_pt_storages_collect(struct ptm_weights *weights,
                                             const struct ptmi_pickle *pickle,
                                             struct ptmi_pt_storages *out, struct ptm_err *err);
/* NULL: there is none. */
struct ptmi_pt_storage *ptmi_pt_storages_find(const struct ptmi_pt_storages *storages,
                                              const char *key);
