/* SPDX-License-Identifier: MIT */
/* npy_header.h - what the beginning of a .npy file says of its array. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <ptm/weights.h>

#include "../base/limits.h"
#include "source.h"

struct ptmi_npy {
    char descr[64]; /* NumPy's type string */
    ptm_dtype dtype;
    bool big_endian, fortran;
    int n_dims;
    int64_t shape[PTM_LIMIT_DIMS];
    uint64_t data;   /* where the array's bytes begin */
    uint64_t nbytes; /* of them, texts too */
};

bool ptmi_npy_is(const uint8_t *head, size_t len);
/* PTM_EFORMAT with the byte; PTM_EUNSUPPORTED for arrays of objects, records and other things
 * that are no numbers, texts or times. Whether the bytes are there is the caller's to see. */
PTM_MUST_USE ptm_rc ptmi_npy_header(ptmi_source *source, struct ptmi_npy *out, struct ptm_err *err);
