/* SPDX-License-Identifier: MIT */
/*
 * numpy_objects.c - arrays and scalars of NumPy inside pickles:
 *
 *     multiarray._reconstruct(ndarray, (0,), b'b')   BUILD (1, shape, dtype, fortran order, bytes)
 *     numeric._frombuffer(bytes, dtype, shape, 'C')  protocol 5
 *     multiarray.scalar(dtype, bytes)
 *     numpy.dtype('f4', False, True)                 BUILD (3, '<', subdtype, names, ..)
 *
 * Arrays of plain numbers become tensors over the bytes as they stand in the pickle; arrays of
 * objects become lists; others (text, dates, structures) stay objects that were never made.
 * Sources: numpy/core/multiarray, numpy/core/numeric.py, array_setstate() and
 * arraydescr_setstate().
 */
#include <stdio.h>
#include <string.h>

#include "torch_objects_priv.h"

/* What a pickled numpy.dtype says. */
struct descr {
    ptm_dtype dtype; /* PTM_DTYPE_NONE: none of ours */
    bool big_endian;
    bool objects;
};

static bool is_none(const struct ptmi_pk *node)
{
    return node->kind == PTMI_PK_NONE;
}

/* Short text or bytes as a C string; false: it is something else. */
static bool short_text(const struct ptmi_pk *node, char *buf, size_t size)
{
    bool text = node->kind == PTMI_PK_STR || node->kind == PTMI_PK_BYTES;
    if (!text || node->n == 0 || node->n >= size) return false;
    memcpy(buf, node->bytes, (size_t)node->n);
    buf[node->n] = '\0';
    return strlen(buf) == node->n;
}

/* (version, byte order, subdtype, names, ..): false when it is of more than plain numbers. */
static bool descr_state(const struct ptmi_pk *state, char order[8])
{
    if (!state) return true;
    if (state->kind != PTMI_PK_TUPLE || state->n_items < 5) return false;
    if (!is_none(state->items[2]) || !is_none(state->items[3])) return false;
    return short_text(state->items[1], order, 8) && order[1] == '\0';
}

/* PTM_ITEM: no dtype at all. */
static ptm_rc read_descr(const struct ptmi_pk *node, struct descr *out)
{
    char code[16] = "", order[8] = "", text[32];
    *out = (struct descr){.dtype = PTM_DTYPE_NONE};
    if (node->kind != PTMI_PK_CALL || !node->callee || !node->args ||
        !ptmi_pk_is_global(node->callee, "numpy", "dtype") || node->args->kind != PTMI_PK_TUPLE ||
        node->args->n_items < 1)
        return PTM_ITEM;
    if (!short_text(node->args->items[0], code, sizeof code)) return PTM_OK;
    if (!descr_state(node->state, order)) return PTM_OK;
    out->objects = strcmp(code, "O8") == 0 || strcmp(code, "O4") == 0 || strcmp(code, "O") == 0;
    if (strchr("<>=|", *code)) *order = '\0'; /* its own order comes first */
    snprintf(text, sizeof text, "%s%s", order, code);
    if (ptmi_numpy_dtype(text, &out->dtype, &out->big_endian, NULL) != PTM_OK)
        out->dtype = PTM_DTYPE_NONE;
    return PTM_OK;
}

/* --- arrays --- */

/* Contiguous strides, in C or Fortran order; a shape that overflows is refused later. */
static ptm_rc make_strides(struct ptmi_objects *o, struct ptm_tensor *tensor, struct ptm_err *err)
{
    void *memory = NULL;
    PTM_TRY(ptmi_weights_alloc(o->weights, (size_t)tensor->n_dims * sizeof(int64_t), &memory, err));
    int64_t *strides = memory, step = 1;
    for (int i = 0; i < tensor->n_dims; i++) {
        int at = tensor->fortran ? i : tensor->n_dims - 1 - i;
        strides[at] = step;
        int64_t size = tensor->shape[at] > 0 ? tensor->shape[at] : 1;
        if (__builtin_mul_overflow(step, size, &step)) step = 0;
    }
    tensor->stride = strides;
    return PTM_OK;
}

/* The parts an array is made of. */
struct array {
    struct ptmi_pk *shape, *bytes;
    struct descr descr;
    bool fortran;
};

static ptm_rc make_array(struct ptmi_objects *o, const struct ptmi_call *call,
                         const struct array *array, struct ptm_tensor *tensor, struct ptm_err *err)
{
    struct ptmi_storage_from from = {0};
    uint64_t n = 0;
    int64_t elements = 0, want = 0;
    tensor->dtype = array->descr.dtype;
    tensor->fortran = array->fortran;
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "shape", array->shape), &tensor->n_dims,
                           &tensor->shape, err));
    PTM_TRY(make_strides(o, tensor, err));
    PTM_TRY(ptmi_weights_elements(call->name, tensor->n_dims, tensor->shape, &elements, err));
    PTM_TRY(ptmi_weights_size_of(call->name, tensor->dtype, elements, &want, err));
    ptm_rc rc = ptmi_arg_bytes(o, array->bytes, &from.source, &from.offset, &n, err);
    if (rc == PTM_ITEM) return ptmi_call_bad(o, call, err, "its data is no bytes");
    if (rc != PTM_OK) return rc;
    if (n != (uint64_t)want) {
        ptmi_source_unref(from.source);
        return ptmi_call_bad(o, call, err, "%llu bytes for %lld elements", (unsigned long long)n,
                             (long long)elements);
    }
    struct ptm_storage storage = {.nbytes = want, .big_endian = array->descr.big_endian};
    return ptmi_weights_add_storage(o->weights, &storage, &from, &tensor->storage, err);
}

/* The state of _reconstruct's array; false: none of NumPy's. Before NumPy 1.0 the version was
 * missing. */
static bool read_state(const struct ptmi_pk *state, struct array *out)
{
    if (!state || state->kind != PTMI_PK_TUPLE) return false;
    if (state->n_items < 4 || state->n_items > 5) return false;
    struct ptmi_pk **items = state->items + (state->n_items - 4);
    if (items[2]->kind != PTMI_PK_BOOL && items[2]->kind != PTMI_PK_INT) return false;
    out->shape = items[0];
    out->fortran = items[2]->i != 0;
    out->bytes = items[3];
    return read_descr(items[1], &out->descr) == PTM_OK;
}

/* The only items that are objects; their shape is of no use to anybody who looks for tensors. */
static ptm_rc object_array(struct ptmi_objects *o, const struct ptmi_pk *list,
                           struct ptmi_made **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_LIST, out, err));
    (*out)->value.class_name = "numpy.ndarray";
    (*out)->from = list->items;
    (*out)->n_from = list->n_items;
    return list->n_items > 0 ? ptmi_made_queue(o, *out, err) : PTM_OK;
}

ptm_rc ptmi_numpy_reconstruct(struct ptmi_objects *o, const struct ptmi_call *call,
                              struct ptmi_made **out, struct ptm_err *err)
{
    struct array array = {0};
    struct ptmi_new_tensor new = {.tensor = {.name = "", .storage = PTM_NO_STORAGE}};
    const struct ptmi_pk *node = call->node;
    if (!read_state(node->state, &array) || node->n_states != 1 || node->n_items > 0 ||
        node->n_pairs > 0)
        return PTM_ITEM;
    if (array.descr.objects && array.bytes->kind == PTMI_PK_LIST)
        return object_array(o, array.bytes, out, err);
    if (array.descr.dtype == PTM_DTYPE_NONE) return PTM_ITEM;
    PTM_TRY(make_array(o, call, &array, &new.tensor, err));
    new.class_name = "numpy.ndarray";
    return ptmi_made_tensor(o, call, &new, out, err);
}

ptm_rc ptmi_numpy_frombuffer(struct ptmi_objects *o, const struct ptmi_call *call,
                             struct ptmi_new_tensor *out, struct ptm_err *err)
{
    struct array array = {0};
    if (call->n_args != 4 || call->node->state) return PTM_ITEM;
    struct ptmi_pk **args = call->args;
    if (read_descr(args[1], &array.descr) != PTM_OK || array.descr.dtype == PTM_DTYPE_NONE)
        return PTM_ITEM;
    if (args[0]->kind == PTMI_PK_BUFFER) return PTM_ITEM; /* its bytes are in no file */
    array.bytes = args[0];
    array.shape = args[2];
    array.fortran = ptmi_pk_is_text(args[3], "F");
    if (!array.fortran && !ptmi_pk_is_text(args[3], "C"))
        return ptmi_call_bad(o, call, err, "an order that is neither C nor F");
    out->class_name = "numpy.ndarray";
    return make_array(o, call, &array, &out->tensor, err);
}

/* --- scalars --- */

static double half(uint16_t bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 0 ? fraction / 1024.0 : 1 + fraction / 1024.0;
    if (exponent == 31) value = fraction ? __builtin_nan("") : __builtin_inf();
    int power = exponent == 0 ? -14 : exponent - 15;
    if (exponent != 31) value = __builtin_ldexp(value, power);
    return bits & 0x8000 ? -value : value;
}

/* Up to eight bytes as an integer. */
static uint64_t load(const uint8_t *p, size_t n, bool big_endian)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < n; i++) bits = bits << 8 | p[big_endian ? i : n - 1 - i];
    return bits;
}

static double real(uint64_t bits, size_t n)
{
    float single;
    double number;
    uint32_t low = (uint32_t)bits;
    if (n == 2) return half((uint16_t)bits);
    memcpy(&single, &low, 4);
    memcpy(&number, &bits, 8);
    return n == 4 ? (double)single : number;
}

/* Sign-extended from n bytes. */
static int64_t integer(uint64_t bits, size_t n)
{
    unsigned unused = 64 - 8 * (unsigned)n;
    return (int64_t)(bits << unused) >> unused;
}

static ptm_rc unsigned_value(struct ptmi_objects *o, uint64_t bits, struct ptm_value *out,
                             struct ptm_err *err)
{
    char text[24];
    out->kind = PTM_VALUE_INT;
    out->i = (int64_t)bits;
    if (bits <= INT64_MAX) return PTM_OK;
    out->kind = PTM_VALUE_BIGINT;
    out->i = 0;
    out->len = (size_t)snprintf(text, sizeof text, "%llu", (unsigned long long)bits);
    return ptmi_weights_text(o->weights, text, out->len, &out->text, err);
}

static ptm_rc scalar_value(struct ptmi_objects *o, const struct descr *descr, const uint8_t *p,
                           struct ptm_value *out, struct ptm_err *err)
{
    size_t n = (size_t)ptm_dtype_info(descr->dtype)->bytes;
    switch (descr->dtype) {
    case PTM_BOOL:
        out->kind = PTM_VALUE_BOOL;
        out->i = *p != 0;
        return PTM_OK;
    case PTM_FLOAT16:
    case PTM_FLOAT32:
    case PTM_FLOAT64:
        out->kind = PTM_VALUE_FLOAT;
        out->f = real(load(p, n, descr->big_endian), n);
        return PTM_OK;
    case PTM_COMPLEX64:
    case PTM_COMPLEX128:
        out->kind = PTM_VALUE_COMPLEX;
        out->f = real(load(p, n / 2, descr->big_endian), n / 2);
        out->f2 = real(load(p + n / 2, n / 2, descr->big_endian), n / 2);
        return PTM_OK;
    case PTM_UINT8:
    case PTM_UINT16:
    case PTM_UINT32:
    case PTM_UINT64:
        return unsigned_value(o, load(p, n, descr->big_endian), out, err);
    default:
        out->kind = PTM_VALUE_INT;
        out->i = integer(load(p, n, descr->big_endian), n);
        return PTM_OK;
    }
}

ptm_rc ptmi_numpy_scalar(struct ptmi_objects *o, const struct ptmi_call *call,
                         struct ptmi_made **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *bytes = NULL;
    uint64_t offset = 0, n = 0;
    const uint8_t *p = NULL;
    struct descr descr;
    if (call->n_args != 2 || call->node->n_states > 0 || call->node->n_items > 0 ||
        call->node->n_pairs > 0 || read_descr(call->args[0], &descr) != PTM_OK ||
        descr.dtype == PTM_DTYPE_NONE)
        return PTM_ITEM;
    ptm_rc rc = ptmi_arg_bytes(o, call->args[1], &bytes, &offset, &n, err);
    if (rc != PTM_OK) return rc;
    if (n != (uint64_t)ptm_dtype_info(descr.dtype)->bytes)
        return ptmi_call_bad(o, call, err, "%llu bytes for a number of type %s",
                             (unsigned long long)n, ptm_dtype_info(descr.dtype)->name);
    PTM_TRY(ptmi_source_at(bytes, offset, n, &p, err));
    PTM_TRY(ptmi_made_new(o, PTM_VALUE_INT, out, err));
    (*out)->value.class_name =
        ptmi_arena_printf(&o->weights->arena, "numpy.%s", ptm_dtype_info(descr.dtype)->name);
    if (!(*out)->value.class_name)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", o->weights->path);
    return scalar_value(o, &descr, p, &(*out)->value, err);
}
