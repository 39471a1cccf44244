/* SPDX-License-Identifier: MIT */
/*
 * gguf.c - the container of llama.cpp and its relatives: properties, then a table of tensors, then
 * their bytes.
 *
 *     "GGUF"  u32 version: 1, 2, 3
 *     count of tensors, count of properties            (u64; u32 in version 1, as all lengths are)
 *     property*  string key, u32 type, value           string: length, bytes (UTF-8)
 *                                                      array: u32 type, length, values
 *     tensor*    string name, u32 dims, size[dims] (fastest first), u32 ggml type,
 *                u64 offset from the beginning of the data
 *     data       begins at a multiple of general.alignment (32), as every tensor's bytes do
 *
 * Integers are little-endian, or all big-endian: then the version reads the wrong way round.
 * https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; types and block sizes: ggml.h.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "meta_text.h"
#include "weights_priv.h"

#define MAX_DIMS 4
#define DEFAULT_ALIGNMENT 32
/* The specification's bound on keys. */
#define MAX_KEY 65535
/* Arrays of more items, or of more text, are told by type and count. */
#define MAX_ITEMS_SHOWN 64
#define MAX_TEXT_SHOWN (64u << 10)
/* Asked for at once over a URL: tokenizers are long runs of small strings. */
#define AHEAD (2u << 20)

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64, N_TYPES };
static const struct {
    uint8_t size; /* 0: not fixed */
    const char *name;
} value_types[N_TYPES] = {
    [U8] = {1, "uint8"},      [I8] = {1, "int8"},     [U16] = {2, "uint16"},  [I16] = {2, "int16"},
    [U32] = {4, "uint32"},    [I32] = {4, "int32"},   [F32] = {4, "float32"}, [BOOL] = {1, "bool"},
    [STRING] = {0, "string"}, [ARRAY] = {0, "array"}, [U64] = {8, "uint64"},  [I64] = {8, "int64"},
    [F64] = {8, "float64"},
};

/* By ggml's number. 4, 5, 31 to 33 and 36 to 38 were types once and are not any more. */
static const ptm_dtype ggml_types[] = {
    [0] = PTM_FLOAT32,      [1] = PTM_FLOAT16,       [2] = PTM_GGML_Q4_0,
    [3] = PTM_GGML_Q4_1,    [6] = PTM_GGML_Q5_0,     [7] = PTM_GGML_Q5_1,
    [8] = PTM_GGML_Q8_0,    [9] = PTM_GGML_Q8_1,     [10] = PTM_GGML_Q2_K,
    [11] = PTM_GGML_Q3_K,   [12] = PTM_GGML_Q4_K,    [13] = PTM_GGML_Q5_K,
    [14] = PTM_GGML_Q6_K,   [15] = PTM_GGML_Q8_K,    [16] = PTM_GGML_IQ2_XXS,
    [17] = PTM_GGML_IQ2_XS, [18] = PTM_GGML_IQ3_XXS, [19] = PTM_GGML_IQ1_S,
    [20] = PTM_GGML_IQ4_NL, [21] = PTM_GGML_IQ3_S,   [22] = PTM_GGML_IQ2_S,
    [23] = PTM_GGML_IQ4_XS, [24] = PTM_INT8,         [25] = PTM_INT16,
    [26] = PTM_INT32,       [27] = PTM_INT64,        [28] = PTM_FLOAT64,
    [29] = PTM_GGML_IQ1_M,  [30] = PTM_BFLOAT16,     [34] = PTM_GGML_TQ1_0,
    [35] = PTM_GGML_TQ2_0,  [39] = PTM_GGML_MXFP4,   [40] = PTM_GGML_NVFP4,
    [41] = PTM_GGML_Q1_0,
};

struct gguf {
    struct ptm_weights *weights;
    struct ptmi_cursor at;
    uint32_t version;
    uint32_t alignment; /* 0: not told yet */
    uint64_t n_tensors, n_properties;
    uint64_t data; /* where the tensors' bytes begin */
};

/* One line of the table of tensors. */
struct info {
    char name[PTM_LIMIT_GGUF_NAME + 1];
    uint64_t begins; /* where the line stands */
    int n_dims;
    int64_t shape[MAX_DIMS]; /* slowest first, as everywhere but in GGUF */
    ptm_dtype dtype;
    uint64_t offset;
};

PTM_MUST_USE static ptm_rc bad(const struct gguf *gguf, uint64_t where, struct ptm_err *err,
                               const char *what)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s",
                       ptmi_source_name(gguf->at.source), where, what);
}

/* --- counts and strings --- */

static ptm_rc take_count(struct gguf *gguf, uint64_t *out, struct ptm_err *err)
{
    if (gguf->version > 1) return ptmi_cursor_u64(&gguf->at, out, err);
    uint32_t narrow = 0;
    PTM_TRY(ptmi_cursor_u32(&gguf->at, &narrow, err));
    *out = narrow;
    return PTM_OK;
}

/* A count of things of at least so many bytes each must fit into what is left. */
static ptm_rc check_count(const struct gguf *gguf, uint64_t count, uint64_t least,
                          struct ptm_err *err)
{
    uint64_t left = ptmi_cursor_left(&gguf->at);
    if (count <= left / least) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64 ": %" PRIu64 " items are announced, %" PRIu64
                       " bytes are left",
                       ptmi_source_name(gguf->at.source), gguf->at.pos, count, left);
}

static ptm_rc take_string(struct gguf *gguf, const uint8_t **out, uint64_t *out_len,
                          struct ptm_err *err)
{
    uint64_t len = 0;
    PTM_TRY(take_count(gguf, &len, err));
    PTM_TRY(ptmi_cursor_take(&gguf->at, len, out, err));
    *out_len = len;
    return PTM_OK;
}

static ptm_rc skip_string(struct gguf *gguf, struct ptm_err *err)
{
    uint64_t len = 0;
    PTM_TRY(take_count(gguf, &len, err));
    return ptmi_cursor_skip(&gguf->at, len, err);
}

/* One request for what would be many; what it fails at, taking will fail at and say where. */
static ptm_rc look_ahead(struct gguf *gguf, uint64_t len, struct ptm_err *err)
{
    uint64_t left = ptmi_cursor_left(&gguf->at);
    if (!ptmi_source_is_remote(gguf->at.source)) return PTM_OK;
    if (len > left) len = left;
    if (len > AHEAD) len = AHEAD;
    return ptmi_source_prefetch(gguf->at.source, gguf->at.pos, len, err);
}

/* --- properties as text --- */

static uint64_t bits_of(const uint8_t *bytes, int size, bool big_endian)
{
    uint64_t bits = 0;
    for (int i = 0; i < size; i++) bits = bits << 8 | bytes[big_endian ? i : size - 1 - i];
    return bits;
}

/* The shortest decimal that reads back as the same number. */
static ptm_rc put_float(struct ptmi_buf *text, double value, bool single, bool quote,
                        struct ptm_err *err)
{
    char digits[40];
    if (!isfinite(value)) {
        const char *word = isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
        return quote ? ptmi_buf_json_str(text, word, err) : ptmi_buf_puts(text, word, err);
    }
    for (int precision = single ? 6 : 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (single ? strtof(digits, NULL) == (float)value : strtod(digits, NULL) == value) break;
    }
    return ptmi_buf_puts(text, digits, err);
}

/* quote: inside a JSON array, where not every word may stand bare. */
static ptm_rc put_number(struct gguf *gguf, uint32_t type, bool quote, struct ptmi_buf *text,
                         struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    int size = value_types[type].size;
    PTM_TRY(ptmi_cursor_take(&gguf->at, (uint64_t)size, &bytes, err));
    uint64_t bits = bits_of(bytes, size, gguf->at.big_endian);
    uint32_t low = (uint32_t)bits;
    float single;
    double wide;
    switch (type) {
    case F32:
        memcpy(&single, &low, sizeof single);
        return put_float(text, (double)single, true, quote, err);
    case F64:
        memcpy(&wide, &bits, sizeof wide);
        return put_float(text, wide, false, quote, err);
    case BOOL:
        if (bits > 1) return bad(gguf, gguf->at.pos - 1, err, "a bool that is neither 0 nor 1");
        return ptmi_buf_puts(text, bits ? "true" : "false", err);
    case I8:
    case I16:
    case I32:
    case I64: /* the sign bit moved to the top and back */
        return ptmi_buf_printf(text, err, "%" PRId64,
                               (int64_t)(bits << (64 - 8 * size)) >> (64 - 8 * size));
    default:
        return ptmi_buf_printf(text, err, "%" PRIu64, bits);
    }
}

static ptm_rc put_json_string(struct gguf *gguf, struct ptmi_buf *text, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    uint64_t len = 0;
    PTM_TRY(take_string(gguf, &bytes, &len, err));
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf clean = PTMI_BUF(MAX_TEXT_SHOWN);
    PTM_TRY(ptmi_meta_text(&clean, bytes, len, err));
    return ptmi_buf_json_str(text, clean.data ? clean.data : "", err);
}

static ptm_rc check_type(const struct gguf *gguf, uint32_t type, struct ptm_err *err)
{
    if (type < N_TYPES) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %" PRIu32 " is no type of a value",
                       ptmi_source_name(gguf->at.source), gguf->at.pos - 4, type);
}

static ptm_rc take_array_head(struct gguf *gguf, uint32_t *out_type, uint64_t *out_count,
                              struct ptm_err *err)
{
    PTM_TRY(ptmi_cursor_u32(&gguf->at, out_type, err));
    PTM_TRY(check_type(gguf, *out_type, err));
    PTM_TRY(take_count(gguf, out_count, err));
    uint64_t wide = gguf->version > 1 ? 8 : 4, least = value_types[*out_type].size;
    if (*out_type == STRING) least = wide;
    if (*out_type == ARRAY) least = wide + 4;
    return check_count(gguf, *out_count, least, err);
}

/* Moves past an array's items, those of its arrays too. */
static ptm_rc skip_items(struct gguf *gguf, uint32_t type, uint64_t count, int depth,
                         struct ptm_err *err)
{
    if (depth > PTM_LIMIT_DEPTH)
        return ptm_err_set(err, PTM_ELIMIT, "%s: byte %" PRIu64 ": arrays more than %d deep",
                           ptmi_source_name(gguf->at.source), gguf->at.pos, PTM_LIMIT_DEPTH);
    /* check_count() has seen that the product fits. */
    if (value_types[type].size > 0)
        return ptmi_cursor_skip(&gguf->at, count * value_types[type].size, err);
    for (uint64_t i = 0; i < count; i++) {
        if (i % 4096 == 0) PTM_TRY(look_ahead(gguf, (count - i) * 16, err));
        if (type == STRING) {
            PTM_TRY(skip_string(gguf, err));
            continue;
        }
        uint32_t inner = 0;
        uint64_t inner_count = 0;
        PTM_TRY(take_array_head(gguf, &inner, &inner_count, err));
        PTM_TRY(skip_items(gguf, inner, inner_count, depth + 1, err));
    }
    return PTM_OK;
}

/* The items as a JSON array. PTM_ELIMIT: too much text. */
static ptm_rc put_items(struct gguf *gguf, uint32_t type, uint64_t count, struct ptmi_buf *text,
                        struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_putc(text, '[', err));
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) PTM_TRY(ptmi_buf_putc(text, ',', err));
        if (type == STRING)
            PTM_TRY(put_json_string(gguf, text, err));
        else
            PTM_TRY(put_number(gguf, type, true, text, err));
    }
    return ptmi_buf_putc(text, ']', err);
}

static ptm_rc put_array(struct gguf *gguf, struct ptmi_buf *text, struct ptm_err *err)
{
    uint32_t type = 0;
    uint64_t count = 0;
    PTM_TRY(take_array_head(gguf, &type, &count, err));
    uint64_t begins = gguf->at.pos;
    PTM_TRY(skip_items(gguf, type, count, 1, err));
    if (type != ARRAY && count <= MAX_ITEMS_SHOWN) {
        uint64_t ends = gguf->at.pos;
        gguf->at.pos = begins;
        ptm_rc rc = put_items(gguf, type, count, text, err);
        if (rc != PTM_ELIMIT) return rc;
        gguf->at.pos = ends;
        ptmi_buf_reset(text);
    }
    return ptmi_buf_printf(text, err, "{\"type\":\"%s\",\"count\":%" PRIu64 "}",
                           value_types[type].name, count);
}

static ptm_rc set_alignment(struct gguf *gguf, uint32_t type, uint64_t value_at,
                            struct ptm_err *err)
{
    uint32_t alignment = 0;
    struct ptmi_cursor value = gguf->at;
    value.pos = value_at;
    if (type != U32) return bad(gguf, value_at, err, "general.alignment is not of type uint32");
    if (gguf->alignment) return bad(gguf, value_at, err, "general.alignment stands there twice");
    PTM_TRY(ptmi_cursor_u32(&value, &alignment, err));
    if (alignment == 0 || (alignment & (alignment - 1)) != 0)
        return bad(gguf, value_at, err, "general.alignment is no power of two");
    gguf->alignment = alignment;
    return PTM_OK;
}

static ptm_rc add_property(struct gguf *gguf, const char *key, uint32_t type, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    uint64_t len = 0;
    if (type == STRING) {
        PTM_TRY(take_string(gguf, &bytes, &len, err));
        return ptmi_table_meta(gguf->weights, key, bytes, len, err);
    }
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(MAX_TEXT_SHOWN);
    if (type == ARRAY)
        PTM_TRY(put_array(gguf, &text, err));
    else
        PTM_TRY(put_number(gguf, type, false, &text, err));
    return ptmi_weights_add_meta(gguf->weights, key, text.data, err);
}

static ptm_rc take_property(struct gguf *gguf, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    uint64_t len = 0, begins = gguf->at.pos;
    uint32_t type = 0;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf key = PTMI_BUF(3 * MAX_KEY);
    PTM_TRY(take_string(gguf, &bytes, &len, err));
    if (len > MAX_KEY) return bad(gguf, begins, err, "a key of more than 65,535 bytes");
    PTM_TRY(ptmi_meta_text(&key, bytes, len, err));
    PTM_TRY(ptmi_cursor_u32(&gguf->at, &type, err));
    PTM_TRY(check_type(gguf, type, err));
    uint64_t value_at = gguf->at.pos;
    PTM_TRY(add_property(gguf, key.data ? key.data : "", type, err));
    if (!ptmi_str_eq(key.data, "general.alignment")) return PTM_OK;
    return set_alignment(gguf, type, value_at, err);
}

/* --- tensors --- */

static ptm_rc take_name(struct gguf *gguf, struct info *out, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    uint64_t len = 0;
    PTM_TRY(take_string(gguf, &bytes, &len, err));
    if (len == 0) return bad(gguf, out->begins, err, "a tensor without a name");
    if (len > PTM_LIMIT_GGUF_NAME)
        return ptm_err_set(
            err, PTM_ELIMIT,
            "%s: byte %" PRIu64 ": a tensor's name of %" PRIu64 " bytes; %d are allowed",
            ptmi_source_name(gguf->at.source), out->begins, len, PTM_LIMIT_GGUF_NAME);
    if (memchr(bytes, 0, len) || !ptmi_str_is_utf8((const char *)bytes, len))
        return bad(gguf, out->begins, err, "a tensor's name that is no text");
    memcpy(out->name, bytes, len);
    out->name[len] = '\0';
    return PTM_OK;
}

static ptm_rc take_shape(struct gguf *gguf, struct info *out, struct ptm_err *err)
{
    uint32_t n_dims = 0;
    uint64_t size = 0;
    PTM_TRY(ptmi_cursor_u32(&gguf->at, &n_dims, err));
    if (n_dims > MAX_DIMS)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": tensor %s has %" PRIu32
                           " dimensions; at most 4 are allowed",
                           ptmi_source_name(gguf->at.source), gguf->at.pos - 4, out->name, n_dims);
    out->n_dims = (int)n_dims;
    for (int i = out->n_dims - 1; i >= 0; i--) {
        PTM_TRY(take_count(gguf, &size, err));
        if (size > INT64_MAX) return bad(gguf, gguf->at.pos - 8, err, "a size beyond 63 bits");
        out->shape[i] = (int64_t)size;
    }
    return PTM_OK;
}

static ptm_rc take_dtype(struct gguf *gguf, struct info *out, struct ptm_err *err)
{
    uint32_t type = 0;
    PTM_TRY(ptmi_cursor_u32(&gguf->at, &type, err));
    out->dtype = type < sizeof ggml_types / sizeof *ggml_types ? ggml_types[type] : PTM_DTYPE_NONE;
    const struct ptm_dtype_info *info = ptm_dtype_info(out->dtype);
    if (!info)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: byte %" PRIu64 ": tensor %s has the ggml type %" PRIu32
                           ", which is not known",
                           ptmi_source_name(gguf->at.source), gguf->at.pos - 4, out->name, type);
    /* Blocks do not reach from one row into the next. */
    int64_t row = out->n_dims ? out->shape[out->n_dims - 1] : 1;
    if (row % info->elements != 0)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": tensor %s: rows of %lld do not fill blocks of %d "
                           "(%s)",
                           ptmi_source_name(gguf->at.source), out->begins, out->name,
                           (long long)row, info->elements, info->name);
    return PTM_OK;
}

static ptm_rc take_info(struct gguf *gguf, struct info *out, struct ptm_err *err)
{
    out->begins = gguf->at.pos;
    PTM_TRY(take_name(gguf, out, err));
    PTM_TRY(take_shape(gguf, out, err));
    PTM_TRY(take_dtype(gguf, out, err));
    PTM_TRY(ptmi_cursor_u64(&gguf->at, &out->offset, err));
    if (out->offset % gguf->alignment != 0)
        return bad(gguf, gguf->at.pos - 8, err, "a tensor's offset that is not aligned");
    return PTM_OK;
}

static ptm_rc tensor_bytes(const struct gguf *gguf, const struct info *info, int64_t *out,
                           struct ptm_err *err)
{
    int64_t elements = 0;
    PTM_TRY(ptmi_weights_elements(info->name, info->n_dims, info->shape, &elements, err));
    PTM_TRY(ptmi_weights_size_of(info->name, info->dtype, elements, out, err));
    uint64_t end, size = ptmi_source_size(gguf->at.source);
    if (__builtin_add_overflow(gguf->data, info->offset, &end) ||
        __builtin_add_overflow(end, (uint64_t)*out, &end) || end > size)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": tensor %s: %lld bytes at %" PRIu64
                           " of the data are beyond the end of the file",
                           ptmi_source_name(gguf->at.source), info->begins, info->name,
                           (long long)*out, info->offset);
    return PTM_OK;
}

static ptm_rc add_tensor(struct gguf *gguf, const struct info *info, struct ptm_err *err)
{
    struct ptm_weights *weights = gguf->weights;
    const struct ptm_tensor *added = NULL;
    struct ptm_storage storage = {.big_endian = gguf->at.big_endian};
    struct ptm_tensor tensor = {.dtype = info->dtype, .n_dims = info->n_dims};
    void *shape = NULL;
    PTM_TRY(tensor_bytes(gguf, info, &storage.nbytes, err));
    PTM_TRY(ptmi_weights_alloc(weights, sizeof info->shape, &shape, err));
    memcpy(shape, info->shape, sizeof info->shape);
    tensor.shape = shape;
    struct ptmi_storage_from from = {.source = ptmi_source_ref(gguf->at.source),
                                     .offset = gguf->data + info->offset};
    PTM_TRY(ptmi_weights_add_storage(weights, &storage, &from, &tensor.storage, err));
    PTM_TRY(ptmi_weights_add(weights, info->name, &tensor, &added, err));
    if (!ptmi_str_eq(added->name, info->name))
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": a second tensor of the name %s",
                           ptmi_source_name(gguf->at.source), info->begins, info->name);
    return PTM_OK;
}

/* The table is gone through twice: where it ends is where the data begin. */
static ptm_rc take_tensors(struct gguf *gguf, struct ptm_err *err)
{
    struct info info;
    uint64_t begins = gguf->at.pos;
    PTM_TRY(look_ahead(gguf, gguf->n_tensors * 80, err));
    for (uint64_t i = 0; i < gguf->n_tensors; i++) PTM_TRY(take_info(gguf, &info, err));
    uint64_t over = gguf->at.pos % gguf->alignment;
    gguf->data = gguf->at.pos + (over ? gguf->alignment - over : 0);
    gguf->at.pos = begins;
    for (uint64_t i = 0; i < gguf->n_tensors; i++) {
        PTM_TRY(take_info(gguf, &info, err));
        PTM_TRY(add_tensor(gguf, &info, err));
    }
    return PTM_OK;
}

struct run {
    uint64_t begin, end;
    const char *name;
};

static int by_begin(const void *a, const void *b)
{
    const struct run *x = a, *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* No writer puts two tensors into the same bytes: a small file would pass for a large model. */
static ptm_rc check_overlaps(const struct gguf *gguf, struct ptm_err *err)
{
    const struct ptm_weights *weights = gguf->weights;
    size_t n = 0;
    PTM_AUTO(ptmi_freep) struct run *runs = calloc(weights->n_tensors + 1, sizeof *runs);
    if (!runs) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (size_t i = 0; i < weights->n_tensors; i++) {
        const struct ptm_tensor *tensor = weights->tensors[i];
        uint64_t begin = weights->from[tensor->storage].offset;
        if (tensor->nbytes == 0) continue;
        runs[n++] = (struct run){begin, begin + (uint64_t)tensor->nbytes, tensor->name};
    }
    qsort(runs, n, sizeof *runs, by_begin);
    for (size_t i = 1; i < n; i++)
        if (runs[i].begin < runs[i - 1].end)
            return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": tensors %s and %s overlap",
                               ptmi_source_name(gguf->at.source), runs[i].begin, runs[i - 1].name,
                               runs[i].name);
    return PTM_OK;
}

/* --- the file --- */

static const char *property(const struct ptm_weights *weights, const char *key)
{
    for (size_t i = 0; i < weights->n_metas; i++)
        if (ptmi_str_eq(weights->metas[i].key, key)) return weights->metas[i].value;
    return NULL;
}

/* "Llama 3 8B (llama), by Meta, quantised by Somebody": what of it the file tells. */
static ptm_rc set_producer(struct ptm_weights *weights, struct ptm_err *err)
{
    static const struct {
        const char *key, *format;
    } parts[] = {
        {"general.name", "%s"},
        {"general.architecture", " (%s)"},
        {"general.organization", ", by %s"},
        {"general.quantized_by", ", quantised by %s"},
    };
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf text = PTMI_BUF(4096);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        const char *value = property(weights, parts[i].key);
        if (!value || !*value || strlen(value) > 512) continue;
        const char *format = parts[i].format;
        /* Nothing stands before the first one. */
        size_t lead = text.len == 0 ? strspn(format, ", ") : 0;
        const char *slot = strstr(format, "%s");
        PTM_TRY(ptmi_buf_append(&text, format + lead, (size_t)(slot - format) - lead, err));
        PTM_TRY(ptmi_buf_puts(&text, value, err));
        PTM_TRY(ptmi_buf_puts(&text, slot + 2, err));
    }
    return ptmi_weights_text(weights, text.data ? text.data : "", text.len, &weights->producer,
                             err);
}

/* The version tells the byte order: 1 to 3 the wrong way round has its low half empty. */
static ptm_rc take_version(struct gguf *gguf, struct ptm_err *err)
{
    PTM_TRY(ptmi_cursor_skip(&gguf->at, 4, err));
    PTM_TRY(ptmi_cursor_u32(&gguf->at, &gguf->version, err));
    if (gguf->version != 0 && (gguf->version & 0xffff) == 0) {
        gguf->at.big_endian = true;
        gguf->version = __builtin_bswap32(gguf->version);
    }
    if (gguf->version >= 1 && gguf->version <= 3) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: GGUF version %" PRIu32 "; 1 to 3 are known",
                       ptmi_source_name(gguf->at.source), gguf->version);
}

static ptm_rc take_head(struct gguf *gguf, struct ptm_err *err)
{
    char number[16];
    PTM_TRY(take_version(gguf, err));
    snprintf(number, sizeof number, "%" PRIu32, gguf->version);
    PTM_TRY(ptmi_weights_add_meta(gguf->weights, "GGUF.version", number, err));
    if (gguf->at.big_endian)
        PTM_TRY(ptmi_weights_add_meta(gguf->weights, "GGUF.byte_order", "big", err));
    PTM_TRY(take_count(gguf, &gguf->n_tensors, err));
    PTM_TRY(take_count(gguf, &gguf->n_properties, err));
    /* The least a property and a tensor take: empty key, one byte; name of one byte, no sizes. */
    uint64_t wide = gguf->version > 1 ? 8 : 4;
    PTM_TRY(check_count(gguf, gguf->n_properties, wide + 5, err));
    return check_count(gguf, gguf->n_tensors, wide + 17, err);
}

static ptm_rc open_gguf(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    struct gguf gguf = {
        .weights = weights,
        .at = PTMI_CURSOR(source, 0, ptmi_source_size(source)),
    };
    PTM_TRY(take_head(&gguf, err));
    for (uint64_t i = 0; i < gguf.n_properties; i++) PTM_TRY(take_property(&gguf, err));
    if (gguf.alignment == 0) gguf.alignment = DEFAULT_ALIGNMENT;
    PTM_TRY(take_tensors(&gguf, err));
    PTM_TRY(check_overlaps(&gguf, err));
    return set_producer(weights, err);
}

static int probe_gguf(const struct ptmi_probe *probe)
{
    return probe->head_len >= 8 && memcmp(probe->head, "GGUF", 4) == 0 ? 100 : 0;
}

const struct ptmi_weight_format ptmi_format_gguf = {"gguf", probe_gguf, open_gguf};
