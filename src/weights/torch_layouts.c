/* SPDX-License-Identifier: MIT */
/*
 * torch_layouts.c - tensors that are made of tensors:
 *
 *     _rebuild_qtensor(storage, offset, size, stride, quantizer, requires_grad, hooks)
 *         quantizer: (scheme, scale, zero point) | (scheme, scales, zero points, axis)
 *     _rebuild_sparse_tensor(layout, (indices, values, size[, is_coalesced]))
 *     _rebuild_sparse_tensor(layout, (compressed indices, plain indices, values, size))
 *     _rebuild_sparse_csr_tensor(layout, (crow_indices, col_indices, values, size))
 *     _rebuild_sparse_tensor(layout number, size, requires_grad, indices.., values, hooks)
 *     _rebuild_nested_tensor(buffer, sizes, strides, offsets)
 *
 * The numbered form is that of TorchScript. Whether indices lie inside the sizes is not checked
 * here: that would read the data. Sources: torch/_utils.py,
 * torch/csrc/jit/serialization/pickler.cpp.
 */
#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "torch_objects_priv.h"

static ptm_rc parts_alloc(struct ptmi_objects *o, struct ptm_tensor *tensor, size_t n,
                          struct ptm_tensor **out, struct ptm_err *err)
{
    void *memory = NULL;
    PTM_TRY(ptmi_weights_alloc(o->weights, n * sizeof(struct ptm_tensor), &memory, err));
    *out = memory;
    tensor->parts = memory;
    tensor->n_parts = n;
    return PTM_OK;
}

/* --- quantised --- */

static const struct {
    const char *name;
    ptm_qscheme scheme;
} schemes[] = {
    {"per_tensor_affine", PTM_PER_TENSOR_AFFINE},
    {"per_tensor_symmetric", PTM_PER_TENSOR_SYMMETRIC},
    {"per_channel_affine", PTM_PER_CHANNEL_AFFINE},
    {"per_channel_symmetric", PTM_PER_CHANNEL_SYMMETRIC},
    {"per_channel_affine_float_qparams", PTM_PER_CHANNEL_AFFINE_FLOAT_QPARAMS},
};

static ptm_qscheme find_scheme(const struct ptmi_pk *node)
{
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (ptmi_pk_is_global(node, "torch", schemes[i].name)) return schemes[i].scheme;
    return 0;
}

static bool is_quantised(ptm_dtype dtype)
{
    return dtype >= PTM_QINT8 && dtype <= PTM_QUINT2X4;
}

/* A list of numbers, as old files have in place of a tensor, becomes one. */
static ptm_rc list_tensor(struct ptmi_objects *o, const struct ptmi_arg *arg, ptm_dtype dtype,
                          struct ptm_tensor *out, struct ptm_err *err)
{
    void *memory = NULL;
    struct ptmi_pk *list = arg->node;
    if (list->n_items > PTM_LIMIT_ITEMS)
        return ptmi_call_bad(o, arg->call, err, "%s has too many items", arg->what);
    size_t n = (size_t)list->n_items;
    /* Numbers first, then the shape and the stride. */
    PTM_TRY(ptmi_weights_alloc(o->weights, (n + 2) * sizeof(int64_t), &memory, err));
    int64_t *shape = (int64_t *)memory + n;
    shape[0] = (int64_t)n;
    shape[1] = 1;
    for (size_t i = 0; i < n; i++) {
        const struct ptmi_pk *item = list->items[i];
        if (item->kind != PTMI_PK_INT && (item->kind != PTMI_PK_FLOAT || dtype == PTM_INT64))
            return ptmi_call_bad(o, arg->call, err, "%s has an item that is no number", arg->what);
        double f = item->kind == PTMI_PK_FLOAT ? item->f : (double)item->i;
        float narrow = (float)f;
        uint8_t *to = memory;
        if (dtype == PTM_INT64) memcpy(to + i * 8, &item->i, 8);
        if (dtype == PTM_FLOAT64) memcpy(to + i * 8, &f, 8);
        if (dtype == PTM_FLOAT32) memcpy(to + i * 4, &narrow, 4);
    }
    struct ptmi_storage_from from = {0};
    struct ptm_storage storage = {.big_endian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__};
    storage.nbytes = (int64_t)n * ptm_dtype_info(dtype)->bytes;
    PTM_TRY(ptmi_source_lend(memory, (size_t)storage.nbytes, arg->what, &from.source, err));
    *out = (struct ptm_tensor){
        .name = "", .dtype = dtype, .n_dims = 1, .shape = shape, .stride = shape + 1};
    PTM_TRY(ptmi_weights_add_storage(o->weights, &storage, &from, &out->storage, err));
    return ptmi_weights_check(o->weights, arg->what, out, err);
}

/* Scales or zero points: a tensor with one number a channel, or a list of them. */
static ptm_rc channel_part(struct ptmi_objects *o, const struct ptmi_arg *arg, ptm_dtype listed,
                           int64_t channels, struct ptm_tensor *out, struct ptm_err *err)
{
    const struct ptm_tensor *tensor = out;
    if (arg->node->kind == PTMI_PK_LIST)
        PTM_TRY(list_tensor(o, arg, listed, out, err));
    else
        PTM_TRY(ptmi_arg_tensor(o, arg, &tensor, err));
    if (tensor->layout != PTM_STRIDED || tensor->n_dims != 1 || tensor->shape[0] != channels)
        return ptmi_call_bad(o, arg->call, err, "%s are not one for each channel", arg->what);
    if (out != tensor) *out = *tensor;
    return PTM_OK;
}

static ptm_rc per_channel(struct ptmi_objects *o, const struct ptmi_call *call,
                          struct ptmi_pk **items, struct ptm_tensor *tensor, struct ptm_err *err)
{
    int64_t axis = 0;
    struct ptm_tensor *parts = NULL;
    bool floats = tensor->qscheme == PTM_PER_CHANNEL_AFFINE_FLOAT_QPARAMS;
    PTM_TRY(ptmi_arg_natural(o, PTMI_ARG(call, "axis", items[3]), &axis, err));
    if (axis >= tensor->n_dims) return ptmi_call_bad(o, call, err, "axis is no dimension");
    tensor->axis = (int)axis;
    PTM_TRY(parts_alloc(o, tensor, 2, &parts, err));
    PTM_TRY(channel_part(o, PTMI_ARG(call, "scales", items[1]), floats ? PTM_FLOAT32 : PTM_FLOAT64,
                         tensor->shape[axis], &parts[0], err));
    PTM_TRY(channel_part(o, PTMI_ARG(call, "zero_points", items[2]),
                         floats ? PTM_FLOAT32 : PTM_INT64, tensor->shape[axis], &parts[1], err));
    /* torch saves both schemes under one name, and tells them apart by this. */
    if (parts[1].dtype <= PTM_BFLOAT16) tensor->qscheme = PTM_PER_CHANNEL_AFFINE_FLOAT_QPARAMS;
    return PTM_OK;
}

static ptm_rc quantizer(struct ptmi_objects *o, const struct ptmi_call *call,
                        const struct ptmi_pk *node, struct ptm_tensor *tensor, struct ptm_err *err)
{
    if (node->kind != PTMI_PK_TUPLE || node->n_items < 1)
        return ptmi_call_bad(o, call, err, "quantizer_params is no tuple");
    struct ptmi_pk **items = node->items;
    tensor->qscheme = find_scheme(items[0]);
    if (tensor->qscheme == 0) return ptmi_call_bad(o, call, err, "a scheme that is not known");
    bool each = tensor->qscheme >= PTM_PER_CHANNEL_AFFINE;
    if (node->n_items != (each ? 4 : 3))
        return ptmi_call_bad(o, call, err, "quantizer_params of another length");
    if (each) return per_channel(o, call, items, tensor, err);
    if (items[1]->kind != PTMI_PK_FLOAT || items[2]->kind != PTMI_PK_INT)
        return ptmi_call_bad(o, call, err, "scale or zero_point is no number");
    tensor->scale = items[1]->f;
    tensor->zero_point = items[2]->i;
    return PTM_OK;
}

ptm_rc ptmi_rebuild_qtensor(struct ptmi_objects *o, const struct ptmi_call *call,
                            struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *tensor = &out->tensor;
    PTM_TRY(ptmi_arg_count(o, call, 7, 7, err));
    if (call->node->state) return ptmi_call_bad(o, call, err, "BUILD on a quantised tensor");
    PTM_TRY(ptmi_arg_view(o, call, call->args, PTM_DTYPE_NONE, tensor, err));
    if (!is_quantised(tensor->dtype))
        return ptmi_call_bad(o, call, err, "the storage is of no quantised dtype");
    PTM_TRY(quantizer(o, call, call->args[4], tensor, err));
    PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", call->args[5]), &tensor->requires_grad,
                          err));
    return ptmi_arg_hooks(o, PTMI_ARG(call, "backward_hooks", call->args[6]), err);
}

/* --- sparse --- */

static const struct {
    const char *name; /* torch's, without "torch." */
    int64_t number;   /* c10::Layout */
    ptm_layout layout;
} layouts[] = {
    {"sparse_coo", 1, PTM_SPARSE_COO}, {"sparse_csr", 2, PTM_SPARSE_CSR},
    {"sparse_csc", 4, PTM_SPARSE_CSC}, {"sparse_bsr", 5, PTM_SPARSE_BSR},
    {"sparse_bsc", 6, PTM_SPARSE_BSC},
};

/* torch.sparse_coo as a global, as _get_layout('torch.sparse_coo'), or its number. */
static ptm_layout find_layout(const struct ptmi_pk *node)
{
    const struct ptmi_pk *text = NULL;
    if (node->kind == PTMI_PK_CALL && node->callee && node->args &&
        ptmi_pk_is_global(node->callee, "torch.serialization", "_get_layout") &&
        node->args->kind == PTMI_PK_TUPLE && node->args->n_items == 1)
        text = node->args->items[0];
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++) {
        const char *name = layouts[i].name;
        char full[32];
        snprintf(full, sizeof full, "torch.%s", name);
        if (node->kind == PTMI_PK_INT && node->i == layouts[i].number) return layouts[i].layout;
        if (ptmi_pk_is_global(node, "torch", name) || (text && ptmi_pk_is_text(text, full)))
            return layouts[i].layout;
    }
    return PTM_STRIDED;
}

/* Indices and values of one sparse tensor, as nodes. */
struct sparse {
    struct ptmi_pk *indices, *plain, *values, *size; /* plain: compressed layouts only */
    struct ptmi_pk *coalesced;                       /* NULL: not said */
};

/* indices: (sparse dimensions, number of values); values: (that number, dense dimensions..). */
static ptm_rc check_coo(struct ptmi_objects *o, const struct ptmi_call *call,
                        const struct ptm_tensor *tensor, struct ptm_err *err)
{
    const struct ptm_tensor *indices = &tensor->parts[0], *values = &tensor->parts[1];
    if (indices->dtype != PTM_INT64 || indices->n_dims != 2)
        return ptmi_call_bad(o, call, err, "indices are no matrix of int64");
    int64_t sparse = indices->shape[0];
    if (values->n_dims < 1 || values->shape[0] != indices->shape[1])
        return ptmi_call_bad(o, call, err, "indices and values are not as many");
    if (sparse + values->n_dims - 1 != tensor->n_dims)
        return ptmi_call_bad(o, call, err, "size has not the dimensions of indices and values");
    for (int i = 1; i < values->n_dims; i++)
        if (values->shape[i] != tensor->shape[sparse + i - 1])
            return ptmi_call_bad(o, call, err, "values are not of the size of the tensor");
    return PTM_OK;
}

/* How many rows (or columns) of values the compressed indices are for; -1: blocks do not fit. */
static int64_t compressed_rows(const struct ptm_tensor *tensor, int batch)
{
    const struct ptm_tensor *values = &tensor->parts[2];
    bool columns = tensor->layout == PTM_SPARSE_CSC || tensor->layout == PTM_SPARSE_BSC;
    bool blocks = tensor->layout == PTM_SPARSE_BSR || tensor->layout == PTM_SPARSE_BSC;
    int64_t rows = tensor->shape[batch + (columns ? 1 : 0)];
    if (!blocks) return rows;
    if (values->n_dims < batch + 3) return -1;
    int64_t block = values->shape[batch + (columns ? 2 : 1)];
    return block > 0 && rows % block == 0 ? rows / block : -1;
}

static ptm_rc check_compressed(struct ptmi_objects *o, const struct ptmi_call *call,
                               const struct ptm_tensor *tensor, struct ptm_err *err)
{
    const struct ptm_tensor *compressed = &tensor->parts[0], *plain = &tensor->parts[1],
                            *values = &tensor->parts[2];
    int batch = compressed->n_dims - 1;
    if (batch < 0 || plain->n_dims != compressed->n_dims || plain->dtype != compressed->dtype)
        return ptmi_call_bad(o, call, err, "the two kinds of indices do not match");
    if (tensor->n_dims < batch + 2 || values->n_dims < batch + 1)
        return ptmi_call_bad(o, call, err, "size has too few dimensions");
    if (plain->shape[batch] != values->shape[batch])
        return ptmi_call_bad(o, call, err, "indices and values are not as many");
    int64_t rows = compressed_rows(tensor, batch);
    if (rows < 0 || compressed->shape[batch] - 1 != rows)
        return ptmi_call_bad(o, call, err, "the compressed indices do not match the size");
    for (int i = 0; i < batch; i++)
        if (compressed->shape[i] != tensor->shape[i] || plain->shape[i] != tensor->shape[i] ||
            values->shape[i] != tensor->shape[i])
            return ptmi_call_bad(o, call, err, "batches of different sizes");
    return PTM_OK;
}

static ptm_rc make_sparse(struct ptmi_objects *o, const struct ptmi_call *call,
                          const struct sparse *sparse, struct ptm_tensor *tensor,
                          struct ptm_err *err)
{
    struct ptm_tensor *parts = NULL;
    const struct ptm_tensor *values = NULL, *indices = NULL;
    size_t n = sparse->plain ? 3 : 2;
    PTM_TRY(parts_alloc(o, tensor, n, &parts, err));
    PTM_TRY(ptmi_arg_indices(o, PTMI_ARG(call, "indices", sparse->indices), &indices, err));
    parts[0] = *indices;
    if (sparse->plain) {
        PTM_TRY(ptmi_arg_indices(o, PTMI_ARG(call, "plain indices", sparse->plain), &indices, err));
        parts[1] = *indices;
    }
    PTM_TRY(ptmi_arg_tensor(o, PTMI_ARG(call, "values", sparse->values), &values, err));
    if (values->layout != PTM_STRIDED) return ptmi_call_bad(o, call, err, "values are not strided");
    parts[n - 1] = *values;
    tensor->dtype = values->dtype;
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "size", sparse->size), &tensor->n_dims, &tensor->shape,
                           err));
    if (sparse->coalesced && sparse->coalesced->kind != PTMI_PK_NONE)
        PTM_TRY(ptmi_arg_bool(o, PTMI_ARG(call, "is_coalesced", sparse->coalesced),
                              &tensor->coalesced, err));
    return sparse->plain ? check_compressed(o, call, tensor, err) : check_coo(o, call, tensor, err);
}

/* (layout, (parts..)) of torch.save. */
static ptm_rc saved_sparse(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptm_tensor *tensor, struct ptm_err *err)
{
    const struct ptmi_pk *data = call->args[1];
    bool coo = tensor->layout == PTM_SPARSE_COO;
    if (data->kind != PTMI_PK_TUPLE || data->n_items < (coo ? 3 : 4) || data->n_items > 4)
        return ptmi_call_bad(o, call, err, "its parts are no tuple of three or four");
    struct ptmi_pk **items = data->items;
    struct sparse sparse = {.indices = items[0], .values = items[1], .size = items[2]};
    if (coo && data->n_items == 4) sparse.coalesced = items[3];
    if (!coo) sparse = (struct sparse){items[0], items[1], items[2], items[3], NULL};
    return make_sparse(o, call, &sparse, tensor, err);
}

/* (number, size, requires_grad, parts.., hooks) of TorchScript. */
static ptm_rc script_sparse(struct ptmi_objects *o, const struct ptmi_call *call,
                            struct ptm_tensor *tensor, struct ptm_err *err)
{
    struct ptmi_pk **args = call->args;
    bool coo = tensor->layout == PTM_SPARSE_COO;
    PTM_TRY(ptmi_arg_count(o, call, coo ? 6 : 7, coo ? 6 : 7, err));
    struct sparse sparse = {.size = args[1], .indices = args[3], .values = args[4]};
    if (!coo) sparse = (struct sparse){args[3], args[4], args[5], args[1], NULL};
    PTM_TRY(
        ptmi_arg_bool(o, PTMI_ARG(call, "requires_grad", args[2]), &tensor->requires_grad, err));
    return make_sparse(o, call, &sparse, tensor, err);
}

ptm_rc ptmi_rebuild_sparse(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct ptm_tensor *tensor = &out->tensor;
    PTM_TRY(ptmi_arg_count(o, call, 2, 7, err));
    if (call->node->state) return ptmi_call_bad(o, call, err, "BUILD on a sparse tensor");
    tensor->layout = find_layout(call->args[0]);
    if (tensor->layout == PTM_STRIDED)
        return ptmi_call_bad(o, call, err, "a layout that is not known");
    return call->n_args == 2 ? saved_sparse(o, call, tensor, err)
                             : script_sparse(o, call, tensor, err);
}

/* --- nested --- */

/* sizes and strides: (tensors, dimensions); offsets: (tensors). Its own shape is not a product of
 * sizes, so it has that of its buffer. */
ptm_rc ptmi_rebuild_nested(struct ptmi_objects *o, const struct ptmi_call *call,
                           struct ptmi_new_tensor *out, struct ptm_err *err)
{
    static const char *const names[] = {"buffer", "sizes", "strides", "storage_offsets"};
    struct ptm_tensor *tensor = &out->tensor, *parts = NULL;
    const struct ptm_tensor *part = NULL;
    PTM_TRY(ptmi_arg_count(o, call, 4, 4, err));
    if (call->node->state) return ptmi_call_bad(o, call, err, "BUILD on a nested tensor");
    PTM_TRY(parts_alloc(o, tensor, 4, &parts, err));
    PTM_TRY(ptmi_arg_tensor(o, PTMI_ARG(call, names[0], call->args[0]), &part, err));
    parts[0] = *part;
    for (int i = 1; i < 4; i++) {
        const struct ptmi_arg *arg = PTMI_ARG(call, names[i], call->args[i]);
        if (i == 3 && arg->node->kind == PTMI_PK_LIST) { /* before torch 2.1 */
            PTM_TRY(list_tensor(o, arg, PTM_INT64, &parts[i], err));
            break;
        }
        PTM_TRY(ptmi_arg_indices(o, arg, &part, err));
        parts[i] = *part;
    }
    const struct ptm_tensor *sizes = &parts[1], *strides = &parts[2], *offsets = &parts[3];
    if (parts[0].layout != PTM_STRIDED || parts[0].n_dims != 1 || sizes->n_dims > 2 ||
        strides->n_dims != sizes->n_dims || offsets->n_dims != 1)
        return ptmi_call_bad(o, call, err, "parts of other dimensions");
    for (int i = 0; i < sizes->n_dims; i++)
        if (strides->shape[i] != sizes->shape[i])
            return ptmi_call_bad(o, call, err, "sizes and strides are not as many");
    if (sizes->n_dims == 2 && offsets->shape[0] != sizes->shape[0])
        return ptmi_call_bad(o, call, err, "sizes and offsets are not as many");
    tensor->layout = PTM_NESTED;
    tensor->dtype = parts[0].dtype;
    tensor->n_dims = 1;
    tensor->shape = parts[0].shape;
    return PTM_OK;
}
