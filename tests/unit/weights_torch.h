/* SPDX-License-Identifier: MIT */
/* weights_torch.h - opens the checkpoints that torch_files.h builds, and says what is wrong. */
#pragma once

#include "torch_files.h"

/* --- looking at them --- */

/* One tensor w with the four values. */
static inline void assert_four(ptm_weights *weights, const char *name)
{
    float values[4];
    const struct ptm_tensor *tensor = ptm_weights_find(weights, name);
    struct ptm_err err = {0};
    assert_non_null(tensor);
    assert_int_equal(tensor->dtype, PTM_FLOAT32);
    assert_int_equal(tensor->n_dims, 1);
    assert_int_equal(tensor->shape[0], 4);
    if (ptm_weights_read(weights, tensor, values, sizeof values, &err) < 0) fail_msg("%s", err.msg);
    assert_memory_equal(values, four, sizeof four);
}

static inline ptm_weights *must_open(const struct bytes *file)
{
    ptm_weights *weights = NULL;
    struct ptm_err err = {0};
    if (open_bytes(file, "x.pt", &weights, &err) < 0) fail_msg("%s", err.msg);
    return weights;
}

/* Fails so, with a message that has this text. */
static inline void assert_refused(const struct bytes *file, ptm_rc rc, const char *text)
{
    ptm_weights *weights = NULL;
    struct ptm_err err = {0};
    ptm_rc got = open_bytes(file, "x.pt", &weights, &err);
    if (got >= 0) ptm_weights_close(weights);
    if (got != rc || !strstr(err.msg, text))
        fail_msg("%s: '%s' in place of '%s'", ptm_rc_name(got), err.msg, text);
}
