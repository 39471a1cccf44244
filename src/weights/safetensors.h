/* SPDX-License-Identifier: MIT */
/* safetensors.h - what reading and writing safetensors have in common. Pure, thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <ptm/weights.h>

#include "source.h"

/* The name a dtype is written by, and its place in the order that tensors are written in (the
 * widest alignment has the highest); NULL: safetensors has none. */
const char *ptmi_safetensors_dtype_name(ptm_dtype dtype, int *out_rank);

/* safetensors_index.c: fills weights from an *.index.json and the shards beside it. */
PTM_MUST_USE ptm_rc ptmi_safetensors_open_index(struct ptm_weights *weights, ptmi_source *source,
                                                struct ptm_err *err);
