/* SPDX-License-Identifier: MIT */
/* objects_looks.h - opens pickles in the notation of pickle_build.h, and says what is wrong. */
#pragma once

#include "weights_objects.h"

/* Arguments of a rebuild function that are right. */
#define HOOKS "@collections.OrderedDict()"
#define FLOATS(key) "P('storage', @torch.FloatStorage, '" key "', 'cpu', 6)"
#define BYTES(key) "P('storage', @torch.storage.UntypedStorage, '" key "', 'cpu', 24)"
#define V2 "@torch._utils._rebuild_tensor_v2"
/* (2, 3) float32; 3 float32; 3 and 2 int64. */
#define MATRIX V2 "(" FLOATS("0") ", 0, (2, 3), (3, 1), False, " HOOKS ")"
#define VECTOR(n) V2 "(" FLOATS("v") ", 0, (" n "), (1), False, " HOOKS ")"
#define LONGS(key, n) "P('storage', @torch.LongStorage, '" key "', 'cpu', " n ")"
#define INDICES(n) V2 "(" LONGS("i" n, n) ", 0, (" n "), (1), False, " HOOKS ")"

static inline ptm_weights *open_notation(const char *notation)
{
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    ptm_weights *weights = NULL;
    pickle_put(&out, notation);
    ptm_rc rc = objects_run(out.data, out.len, &weights, &err);
    free(out.data);
    if (rc != PTM_OK) fail_msg("%s\n%s: %s", notation, ptm_rc_name(rc), err.msg);
    return weights;
}

/* Fails so, with a message that has this text. */
static inline void assert_refused(const char *notation, ptm_rc rc, const char *text)
{
    struct pickle_out out = {0};
    struct ptm_err err = {0};
    ptm_weights *weights = NULL;
    pickle_put(&out, notation);
    ptm_rc got = objects_run(out.data, out.len, &weights, &err);
    free(out.data);
    if (got == PTM_OK) ptm_weights_close(weights);
    if (got != rc || !strstr(err.msg, text))
        fail_msg("%s\n%s: '%s' in place of '%s'", notation, ptm_rc_name(got), err.msg, text);
}

/* The names of all tensors, each with a blank before it. */
static inline void assert_names(const char *notation, const char *names)
{
    char got[4096] = "";
    ptm_weights *weights = open_notation(notation);
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        size_t len = strlen(got);
        snprintf(got + len, sizeof got - len, " %s", ptm_weights_tensor(weights, i)->name);
    }
    ptm_weights_close(weights);
    assert_string_equal(got, names);
}
