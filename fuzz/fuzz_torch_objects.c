/* SPDX-License-Identifier: MIT */
/*
 * fuzz_torch_objects.c - any bytes as the pickle of a checkpoint, with a stand-in for its storages:
 * what is accepted has only tensors that lie inside their storages and have names, and a graph of
 * values that can be walked.
 */
#include <math.h>

#include "../tests/unit/weights_objects.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_tensor(ptm_weights *w, const struct ptm_tensor *t)
{
    if (!t->name || t->nbytes < 0 || !ptm_dtype_info(t->dtype)) __builtin_trap();
    if (t->n_dims > 0 && !t->shape) __builtin_trap();
    for (size_t i = 0; i < t->n_parts; i++) check_tensor(w, &t->parts[i]);
    if (t->storage == PTM_NO_STORAGE) return;
    const struct ptm_storage *storage = ptm_weights_storage(w, t->storage);
    if (!storage || t->byte_offset < 0) __builtin_trap();
    if (t->nbytes == 0 || t->nbytes > 1 << 16) return;
    /* A storage may be said to be larger than the stand-in's bytes: that is refused, not read. */
    char *values = malloc((size_t)t->nbytes);
    if (values && ptm_weights_read(w, t, values, (size_t)t->nbytes, NULL) < 0 &&
        storage->nbytes <= (int64_t)sizeof stand_in_bytes)
        __builtin_trap();
    free(values);
}

/* Follows the first and the last child for a while: every pointer there must be good. */
static void follow(const struct ptm_value *value, bool last)
{
    for (int i = 0; i < 1000 && value; i++) {
        if (value->kind == PTM_VALUE_TENSOR && (!value->tensor || !value->tensor->name))
            __builtin_trap();
        if ((value->kind == PTM_VALUE_STR || value->kind == PTM_VALUE_BIGINT) &&
            value->text[value->len] != '\0')
            __builtin_trap();
        if (value->kind == PTM_VALUE_OBJECT && !value->class_name) __builtin_trap();
        if (value->n_items == 0) {
            value = value->state;
            continue;
        }
        value = value->items[last ? value->n_items - 1 : 0];
        if (!value) __builtin_trap();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ptm_weights *w = NULL;
    if (objects_run(data, size, &w, NULL) != PTM_OK) return 0;
    for (size_t i = 0; i < ptm_weights_count(w); i++) {
        const struct ptm_tensor *t = ptm_weights_tensor(w, i);
        check_tensor(w, t);
        if (!ptm_weights_find(w, t->name)) __builtin_trap();
    }
    follow(ptm_weights_root(w), false);
    follow(ptm_weights_root(w), true);
    ptm_weights_close(w);
    return 0;
}
