/* SPDX-License-Identifier: MIT */
/* safetensors_write.h - the bytes of one safetensors file, out of a plan. */
#pragma once

#include <stdint.h>

#include <ptm/ctx.h>

#include "../base/fs.h"
#include "convert_plan.h"

/* One conversion under way; one thread. */
struct ptmi_writing {
    ptm_ctx *ctx; /* for being cancelled; may be NULL */
    const struct ptmi_plan *plan;
    int64_t done, told; /* bytes of data, for progress */
    uint8_t *block;     /* where values are put together; owned */
};
void ptmi_writing_clear(struct ptmi_writing *writing);

/* Header and data of one of the plan's files. *out_size: bytes of the file. What fails to be
 * written is kept for the end of whole; PTM_ECANCELED. */
PTM_MUST_USE ptm_rc ptmi_safetensors_write(struct ptmi_writing *writing, size_t shard,
                                           ptmi_whole *whole, int64_t *out_size,
                                           struct ptm_err *err);
