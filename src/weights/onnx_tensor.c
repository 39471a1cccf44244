/* SPDX-License-Identifier: MIT */
/*
 * onnx_tensor.c - a TensorProto or SparseTensorProto becomes a tensor.
 *
 *     TensorProto          1 dims  2 data_type  3 segment  4 float_data  5 int32_data
 *                          6 string_data  7 int64_data  8 name  9 raw_data  10 double_data
 *                          11 uint64_data  13 external_data {1 key, 2 value}  14 data_location
 *     SparseTensorProto    1 values  2 indices: [nnz, rank], or [nnz] of row-major places  3 dims
 *
 * A field that may stand there once is refused when it stands there twice: protobuf would take the
 * last one, or put messages together, and not all readers do.
 * https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
 */
#include <inttypes.h>
#include <string.h>

#include "../base/str.h"
#include "onnx_priv.h"
#include "meta_text.h"

/* A name, with those of the graphs and nodes around it. */
#define MAX_NAME (64u << 10)
/* "offset", "length": a decimal number. */
#define MAX_VALUE 32

static const struct ptmi_onnx_type types[] = {
    [1] = {PTM_FLOAT32, 4, 4, 1},        [2] = {PTM_UINT8, 5, 1, 1},
    [3] = {PTM_INT8, 5, 1, 1},           [4] = {PTM_UINT16, 5, 2, 1},
    [5] = {PTM_INT16, 5, 2, 1},          [6] = {PTM_INT32, 5, 4, 1},
    [7] = {PTM_INT64, 7, 8, 1},          [8] = {PTM_STRING, 6, 0, 1},
    [9] = {PTM_BOOL, 5, 1, 1},           [10] = {PTM_FLOAT16, 5, 2, 1},
    [11] = {PTM_FLOAT64, 10, 8, 1},      [12] = {PTM_UINT32, 11, 4, 1},
    [13] = {PTM_UINT64, 11, 8, 1},       [14] = {PTM_COMPLEX64, 4, 4, 0},
    [15] = {PTM_COMPLEX128, 10, 8, 0},   [16] = {PTM_BFLOAT16, 5, 2, 1},
    [17] = {PTM_FLOAT8_E4M3FN, 5, 1, 1}, [18] = {PTM_FLOAT8_E4M3FNUZ, 5, 1, 1},
    [19] = {PTM_FLOAT8_E5M2, 5, 1, 1},   [20] = {PTM_FLOAT8_E5M2FNUZ, 5, 1, 1},
    [21] = {PTM_UINT4_PACKED, 5, 1, 2},  [22] = {PTM_INT4_PACKED, 5, 1, 2},
    [23] = {PTM_FLOAT4_E2M1FN, 5, 1, 2}, [24] = {PTM_FLOAT8_E8M0FNU, 5, 1, 1},
    [25] = {PTM_UINT2_PACKED, 5, 1, 4},  [26] = {PTM_INT2_PACKED, 5, 1, 4},
    [27] = {PTM_FLOAT6_E2M3FN, 5, 1, 1}, [28] = {PTM_FLOAT6_E3M2FN, 5, 1, 1},
};

PTM_MUST_USE static ptm_rc bad(const struct ptmi_wire *wire, uint64_t where, struct ptm_err *err,
                               const char *what)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s",
                       ptmi_source_name(wire->at.source), where, what);
}

/* --- a tensor's message --- */

static ptm_rc add_dim(struct ptmi_wire *message, uint64_t size, int *n_dims,
                      int64_t shape[PTM_LIMIT_DIMS], struct ptm_err *err)
{
    if (*n_dims == PTM_LIMIT_DIMS)
        return bad(message, message->at.pos, err, "a tensor of more than 64 dimensions");
    if (size > INT64_MAX) return bad(message, message->at.pos, err, "a negative size");
    shape[(*n_dims)++] = (int64_t)size;
    return PTM_OK;
}

/* A field of sizes, packed or one by one, behind those that are there. */
static ptm_rc take_dims(struct ptmi_wire *message, const struct ptmi_wire_field *field, int *n_dims,
                        int64_t shape[PTM_LIMIT_DIMS], struct ptm_err *err)
{
    struct ptmi_wire run;
    uint64_t size = 0;
    if (field->type == PTMI_WIRE_VARINT) return add_dim(message, field->value, n_dims, shape, err);
    PTM_TRY(ptmi_wire_enter(message, field, &run, err));
    while (ptmi_cursor_left(&run.at) > 0) {
        PTM_TRY(ptmi_wire_varint(&run.at, &size, err));
        PTM_TRY(add_dim(&run, size, n_dims, shape, err));
    }
    return PTM_OK;
}

static ptm_rc take_type(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                        struct ptmi_onnx_proto *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_wire_expect(message, field, PTMI_WIRE_VARINT, err));
    if (field->value < sizeof types / sizeof *types && types[field->value].dtype) {
        out->type = &types[field->value];
        return PTM_OK;
    }
    return ptm_err_set(err, PTM_EUNSUPPORTED,
                       "%s: byte %" PRIu64 ": a tensor of the type %" PRIu64 ", which is not known",
                       ptmi_source_name(message->at.source), field->where, field->value);
}

/* Counts a typed field's items; each field has its own wire type, or is packed. */
static ptm_rc take_typed(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                         struct ptmi_onnx_proto *out, struct ptm_err *err)
{
    bool is_float = field->number == 4, is_double = field->number == 10;
    int single = is_float ? PTMI_WIRE_FIXED32 : is_double ? PTMI_WIRE_FIXED64 : PTMI_WIRE_VARINT;
    uint64_t count = 1, size = is_float ? 4 : 8;
    if (field->number == 6) single = PTMI_WIRE_BYTES;
    if (out->typed && out->typed != field->number)
        return bad(message, field->where, err, "a tensor with data of two types");
    if (field->type != single) {
        PTM_TRY(ptmi_wire_expect(message, field, PTMI_WIRE_BYTES, err));
        if ((is_float || is_double) && field->len % size != 0)
            return bad(message, field->where, err, "a run of floats with a part of one");
        count = field->len / size;
        if (!is_float && !is_double) PTM_TRY(ptmi_wire_count(message, field, &count, err));
    }
    out->typed = field->number;
    out->items += count; /* no more than the file has bytes */
    out->runs++;
    out->run = (struct ptmi_onnx_span){field->pos, field->len};
    return PTM_OK;
}

/* One {key, value} of external_data. Keys besides these three tell nothing about where it is. */
static ptm_rc take_external(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                            struct ptmi_onnx_proto *out, struct ptm_err *err)
{
    struct ptmi_wire pair;
    struct ptmi_wire_field part, key = {0}, value = {0};
    const uint8_t *bytes = NULL;
    char text[MAX_VALUE] = "";
    ptm_rc rc;
    PTM_TRY(ptmi_wire_enter(message, field, &pair, err));
    while ((rc = ptmi_wire_next(&pair, &part, err)) == PTM_ITEM) {
        if (part.number == 1) key = part;
        if (part.number == 2) value = part;
    }
    if (rc != PTM_OK) return rc;
    if (!key.number || !value.number) return PTM_OK;
    PTM_TRY(ptmi_wire_bytes(&pair, &key, &bytes, err));
    bool is_offset = key.len == 6 && memcmp(bytes, "offset", 6) == 0;
    bool is_length = key.len == 6 && memcmp(bytes, "length", 6) == 0;
    bool is_location = key.len == 8 && memcmp(bytes, "location", 8) == 0;
    PTM_TRY(ptmi_wire_bytes(&pair, &value, &bytes, err));
    if (is_location) out->location = (struct ptmi_onnx_span){value.pos, value.len};
    if (!is_offset && !is_length) return PTM_OK;
    if (value.len < sizeof text) memcpy(text, bytes, value.len);
    if (ptmi_str_int(text, 0, INT64_MAX, is_offset ? &out->external_offset : &out->external_length))
        return PTM_OK;
    return bad(message, value.where, err, "offset or length of external data is no number");
}

static ptm_rc take_once(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                        struct ptmi_onnx_proto *out, struct ptm_err *err)
{
    struct ptmi_onnx_span span = {field->pos, field->len};
    if (out->seen & PTMI_ONNX_ONCE(field->number))
        return bad(message, field->where, err, "a field of a tensor stands there twice");
    out->seen |= PTMI_ONNX_ONCE(field->number);
    switch (field->number) {
    case 2:
        return take_type(message, field, out, err);
    case 3:
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: byte %" PRIu64 ": a tensor in segments",
                           ptmi_source_name(message->at.source), field->where);
    case 8:
        out->name = span;
        return ptmi_wire_expect(message, field, PTMI_WIRE_BYTES, err);
    case 9:
        out->raw = span;
        return ptmi_wire_expect(message, field, PTMI_WIRE_BYTES, err);
    default: /* 14 */
        out->external = field->value == 1;
        if (field->value > 1) return bad(message, field->where, err, "no location of data");
        return ptmi_wire_expect(message, field, PTMI_WIRE_VARINT, err);
    }
}

static ptm_rc take_field(struct ptmi_wire *message, const struct ptmi_wire_field *field,
                         struct ptmi_onnx_proto *out, struct ptm_err *err)
{
    switch (field->number) {
    case 1:
        return take_dims(message, field, &out->n_dims, out->shape, err);
    case 2:
    case 3:
    case 8:
    case 9:
    case 14:
        return take_once(message, field, out, err);
    case 4:
    case 5:
    case 6:
    case 7:
    case 10:
    case 11:
        return take_typed(message, field, out, err);
    case 13:
        return take_external(message, field, out, err);
    default: /* doc_string, metadata_props, and what later versions add */
        return PTM_OK;
    }
}

static ptm_rc read_proto(const struct ptmi_wire *message, struct ptmi_onnx_proto *out,
                         struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field;
    ptm_rc rc;
    *out = (struct ptmi_onnx_proto){.where = wire.at.pos, .end = wire.at.end};
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM)
        PTM_TRY(take_field(&wire, &field, out, err));
    if (rc != PTM_OK) return rc;
    if (!out->type) return bad(message, out->where, err, "a tensor without a type");
    if (out->typed && out->typed != out->type->field)
        return bad(message, out->where, err, "a tensor with data of another type");
    if (out->type->dtype == PTM_STRING && (out->external || out->seen & PTMI_ONNX_RAW))
        return bad(message, out->where, err, "a tensor of strings with raw data");
    return PTM_OK;
}

/* --- the tensor --- */

static ptm_rc copy_shape(struct ptmi_onnx *onnx, int n_dims, const int64_t *shape,
                         const int64_t **out, struct ptm_err *err)
{
    void *copy = NULL;
    size_t size = (size_t)n_dims * sizeof *shape;
    PTM_TRY(ptmi_weights_alloc(onnx->weights, size + 1, &copy, err));
    if (size) memcpy(copy, shape, size);
    *out = copy;
    return PTM_OK;
}

/* A tensor of strings has no bytes of its own, only as many strings as elements. */
static ptm_rc set_data(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                       const char *what, struct ptm_tensor *out, struct ptm_err *err)
{
    int64_t elements = 0, nbytes = 0;
    PTM_TRY(ptmi_weights_elements(what, proto->n_dims, proto->shape, &elements, err));
    if (proto->type->dtype == PTM_STRING) {
        out->storage = PTM_NO_STORAGE;
        if (proto->items == (uint64_t)elements) return PTM_OK;
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": %" PRIu64 " strings, %" PRId64 " are wanted",
                           ptmi_source_name(onnx->source), proto->where, proto->items, elements);
    }
    PTM_TRY(ptmi_weights_size_of(what, proto->type->dtype, elements, &nbytes, err));
    return ptmi_onnx_storage(onnx, proto, elements, nbytes, &out->storage, err);
}

static ptm_rc fill_tensor(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                          const char *what, struct ptm_tensor *out, struct ptm_err *err)
{
    *out = (struct ptm_tensor){.name = "", .dtype = proto->type->dtype, .n_dims = proto->n_dims};
    PTM_TRY(copy_shape(onnx, proto->n_dims, proto->shape, &out->shape, err));
    return set_data(onnx, proto, what, out, err);
}

/* prefix + name, or + the name that the message has. */
static ptm_rc full_name(const struct ptmi_onnx *onnx, const char *prefix, const char *name,
                        const struct ptmi_onnx_span *own, struct ptmi_buf *out, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    ptm_rc rc = ptmi_buf_puts(out, prefix, err);
    if (rc == PTM_OK && name) rc = ptmi_buf_puts(out, name, err);
    if (rc == PTM_OK && !name) {
        PTM_TRY(ptmi_source_at(onnx->source, own->pos, own->len, &bytes, err));
        rc = ptmi_meta_text(out, bytes, own->len, err);
    }
    if (rc == PTM_OK && out->len == 0) rc = ptmi_buf_puts(out, "unnamed", err);
    return rc;
}

ptm_rc ptmi_onnx_add_tensor(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                            const char *prefix, const char *name, struct ptm_err *err)
{
    struct ptmi_onnx_proto proto;
    struct ptm_tensor tensor;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf full = PTMI_BUF(MAX_NAME);
    PTM_TRY(read_proto(message, &proto, err));
    PTM_TRY(full_name(onnx, prefix, name, &proto.name, &full, err));
    PTM_TRY(fill_tensor(onnx, &proto, full.data, &tensor, err));
    return ptmi_weights_add(onnx->weights, full.data, &tensor, NULL, err);
}

/* --- sparse tensors --- */

struct sparse {
    struct ptmi_onnx_proto values, indices;
    bool has_values, has_indices;
    int n_dims;
    int64_t shape[PTM_LIMIT_DIMS];
};

static ptm_rc take_part(const struct ptmi_wire *message, const struct ptmi_wire_field *field,
                        struct sparse *out, struct ptm_err *err)
{
    struct ptmi_wire part;
    bool *has = field->number == 1 ? &out->has_values : &out->has_indices;
    if (*has)
        return bad(message, field->where, err, "a part of a sparse tensor stands there twice");
    *has = true;
    PTM_TRY(ptmi_wire_enter(message, field, &part, err));
    return read_proto(&part, field->number == 1 ? &out->values : &out->indices, err);
}

/* values: [nnz]; indices: int64, [nnz] or [nnz, rank]. */
static ptm_rc check_sparse(const struct ptmi_wire *message, const struct sparse *sparse,
                           struct ptm_err *err)
{
    const struct ptmi_onnx_proto *values = &sparse->values, *indices = &sparse->indices;
    if (!sparse->has_values || !sparse->has_indices)
        return bad(message, message->at.pos, err, "a sparse tensor without values or indices");
    if (values->type->dtype == PTM_STRING)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: byte %" PRIu64 ": sparse strings",
                           ptmi_source_name(message->at.source), values->where);
    bool good = values->n_dims == 1 && indices->type->dtype == PTM_INT64 && indices->n_dims >= 1 &&
                indices->n_dims <= 2 && indices->shape[0] == values->shape[0] &&
                (indices->n_dims == 1 || indices->shape[1] == sparse->n_dims);
    return good ? PTM_OK
                : bad(message, indices->where, err,
                      "indices of a sparse tensor that do not fit its values");
}

static ptm_rc read_sparse(const struct ptmi_wire *message, struct sparse *out, struct ptm_err *err)
{
    struct ptmi_wire wire = *message;
    struct ptmi_wire_field field;
    ptm_rc rc;
    *out = (struct sparse){0};
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number == 1 || field.number == 2) PTM_TRY(take_part(&wire, &field, out, err));
        if (field.number == 3) PTM_TRY(take_dims(&wire, &field, &out->n_dims, out->shape, err));
    }
    if (rc != PTM_OK) return rc;
    return check_sparse(message, out, err);
}

/* As torch has them, [rank, nnz]: [nnz, rank] seen the other way round, or worked out. */
static ptm_rc fill_indices(struct ptmi_onnx *onnx, const struct sparse *from,
                           const struct ptm_tensor *tensor, struct ptm_tensor *out,
                           struct ptm_err *err)
{
    const struct ptmi_onnx_proto *proto = &from->indices;
    int64_t rank = from->n_dims, nnz = proto->shape[0];
    const int64_t shape[4] = {rank, nnz, 1, rank}; /* and the strides */
    bool linear = proto->n_dims == 1;
    *out = (struct ptm_tensor){.name = "", .dtype = PTM_INT64, .n_dims = 2};
    PTM_TRY(copy_shape(onnx, 4, shape, &out->shape, err));
    if (!linear) out->stride = out->shape + 2;
    if (linear) return ptmi_onnx_unravelled(onnx, proto, tensor, &out->storage, err);
    return set_data(onnx, proto, "indices", out, err);
}

ptm_rc ptmi_onnx_add_sparse(struct ptmi_onnx *onnx, const struct ptmi_wire *message,
                            const char *prefix, const char *name, struct ptm_err *err)
{
    struct sparse sparse;
    void *memory = NULL;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf full = PTMI_BUF(MAX_NAME);
    PTM_TRY(read_sparse(message, &sparse, err));
    PTM_TRY(full_name(onnx, prefix, name, &sparse.values.name, &full, err));
    struct ptm_tensor tensor = {.dtype = sparse.values.type->dtype,
                                .layout = PTM_SPARSE_COO,
                                .n_dims = sparse.n_dims,
                                .storage = PTM_NO_STORAGE,
                                .n_parts = 2};
    PTM_TRY(copy_shape(onnx, sparse.n_dims, sparse.shape, &tensor.shape, err));
    PTM_TRY(ptmi_weights_alloc(onnx->weights, 2 * sizeof tensor, &memory, err));
    struct ptm_tensor *parts = memory;
    tensor.parts = parts;
    PTM_TRY(fill_indices(onnx, &sparse, &tensor, &parts[0], err));
    PTM_TRY(fill_tensor(onnx, &sparse.values, full.data, &parts[1], err));
    for (int i = 0; i < 2; i++)
        PTM_TRY(ptmi_weights_check(onnx->weights, full.data, &parts[i], err));
    return ptmi_weights_add(onnx->weights, full.data, &tensor, NULL, err);
}
