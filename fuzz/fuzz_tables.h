/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tables.h - any bytes opened as one of the formats that are only a table (GGUF, NumPy, ONNX):
 * what opens keeps its promises, and every value of it is read.
 */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "../src/weights/weights_priv.h"

/* Values read of one file; made up sizes are not allocated for. */
#define FUZZ_MOST_VALUES (1 << 20)

static inline void fuzz_check(int promise)
{
    if (!promise) __builtin_trap();
}

static inline void fuzz_read(ptm_weights *weights, const struct ptm_tensor *tensor)
{
    for (size_t i = 0; i < tensor->n_parts; i++) fuzz_read(weights, &tensor->parts[i]);
    if (tensor->nbytes > FUZZ_MOST_VALUES) return;
    struct ptm_err err;
    size_t len = (size_t)tensor->nbytes;
    void *out = malloc(len ? len : 1);
    if (out && ptm_weights_read(weights, tensor, out, len, &err) != PTM_OK) fuzz_check(err.msg[0]);
    free(out);
}

/* The bytes become a copy of exactly their length, so that a read past the end is seen. */
static inline ptm_rc fuzz_open(const struct ptmi_weight_format *format, const uint8_t *data,
                               size_t size, const char *name, ptm_weights **out)
{
    struct ptm_err err = {0};
    ptmi_source *source = NULL;
    struct ptmi_probe probe = {data, size < 4096 ? size : 4096, size, name};
    if (format->probe(&probe) == 0 || ptmi_weight_format_probe(&probe) != format)
        return PTM_EUNSUPPORTED;
    void *copy = malloc(size ? size : 1);
    if (!copy) return PTM_ENOMEM;
    memcpy(copy, data, size);
    ptm_rc rc = ptmi_source_own(copy, size, name, &source, &err);
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    opts.no_siblings = true; /* what lies in the fuzzer's folder is nobody's data */
    if (rc == PTM_OK) rc = ptmi_weights_open_source(source, name, NULL, &opts, out, &err);
    fuzz_check(rc == PTM_OK || err.msg[0]);
    return rc;
}

static inline int fuzz_table(const struct ptmi_weight_format *format, const uint8_t *data,
                             size_t size, const char *name)
{
    ptm_weights *weights = NULL;
    if (fuzz_open(format, data, size, name, &weights) != PTM_OK) return 0;
    fuzz_check(ptm_weights_parameters(weights) >= 0 && ptm_weights_bytes(weights) >= 0);
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        fuzz_check(ptm_weights_find(weights, tensor->name) == tensor);
        fuzz_read(weights, tensor);
    }
    ptm_weights_close(weights);
    return 0;
}
