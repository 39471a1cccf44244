/* SPDX-License-Identifier: MIT */
/*
 * safetensors.c - reads a safetensors file:
 *
 *     0      8 bytes    length N of the header, little-endian
 *     8      N bytes    JSON, UTF-8, may end in spaces:
 *                         {"__metadata__": {"key": "value", ..},
 *                          "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ..}
 *     8 + N  the rest   the tensors' bytes, little-endian, C order; offsets count from here
 *
 * The tensors cover the data from its first byte to the end of the file without a hole or an
 * overlap. Source: the format's own description and the checks of its reference implementation
 * (github.com/huggingface/safetensors). Stricter than that: a key that stands there twice is
 * refused, the description forbids it. Indexes of several files are safetensors_index.c's.
 */
#include "safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "weights_priv.h"

#define LENGTH_SIZE 8
#define METADATA "__metadata__"

/* In the order of the reference implementation's own list: by alignment, narrow to wide. */
static const struct dtype_name {
    const char *name;
    ptm_dtype dtype;
} dtype_names[] = {
    {"BOOL", PTM_BOOL},
    {"F4", PTM_FLOAT4_E2M1FN},
    {"F6_E2M3", PTM_FLOAT6_E2M3FN},
    {"F6_E3M2", PTM_FLOAT6_E3M2FN},
    {"U8", PTM_UINT8},
    {"I8", PTM_INT8},
    {"F8_E5M2", PTM_FLOAT8_E5M2},
    {"F8_E4M3", PTM_FLOAT8_E4M3FN},
    {"F8_E8M0", PTM_FLOAT8_E8M0FNU},
    {"F8_E4M3FNUZ", PTM_FLOAT8_E4M3FNUZ},
    {"F8_E5M2FNUZ", PTM_FLOAT8_E5M2FNUZ},
    {"I16", PTM_INT16},
    {"U16", PTM_UINT16},
    {"F16", PTM_FLOAT16},
    {"BF16", PTM_BFLOAT16},
    {"I32", PTM_INT32},
    {"U32", PTM_UINT32},
    {"F32", PTM_FLOAT32},
    {"C64", PTM_COMPLEX64},
    {"F64", PTM_FLOAT64},
    {"I64", PTM_INT64},
    {"U64", PTM_UINT64},
};
#define N_DTYPES ((int)(sizeof dtype_names / sizeof *dtype_names))

/* "F32", "F8_E4M3", ..; PTM_DTYPE_NONE: no such name. */
static ptm_dtype dtype_of(const char *name)
{
    for (int i = 0; i < N_DTYPES; i++)
        if (strcmp(dtype_names[i].name, name) == 0) return dtype_names[i].dtype;
    return PTM_DTYPE_NONE;
}

const char *ptmi_safetensors_dtype_name(ptm_dtype dtype, int *out_rank)
{
    /* torch's pair in a byte holds what F4 holds: only the last size is counted differently. */
    if (dtype == PTM_FLOAT4_E2M1FN_X2) dtype = PTM_FLOAT4_E2M1FN;
    for (int i = 0; i < N_DTYPES; i++) {
        if (dtype_names[i].dtype != dtype) continue;
        *out_rank = i;
        return dtype_names[i].name;
    }
    return NULL;
}

/* --- the header as JSON --- */

struct span {
    uint64_t begin, end; /* in the data */
    size_t tensor;
};

struct header {
    struct ptm_weights *weights;
    ptmi_source *source;
    char *text; /* a copy that yyjson may write to, so that its strings tell where they stand */
    uint64_t len;
    yyjson_doc *doc;
    bool over;     /* it wanted more memory than it may */
    uint64_t data; /* where the data begin, */
    uint64_t left; /* and how much there is */
    size_t storage;
    struct span *spans;
    size_t n_spans;
};

static void clear_header(struct header *header)
{
    yyjson_doc_free(header->doc);
    free(header->text);
    free(header->spans);
}

static ptm_rc refuse(const struct header *header, uint64_t at, const char *why, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %llu: %s", ptmi_source_name(header->source),
                       (unsigned long long)at, why);
}

/* Where a string of the header stands in the file. */
static uint64_t place_of(const struct header *header, yyjson_val *text)
{
    return LENGTH_SIZE + (uint64_t)(yyjson_get_str(text) - header->text);
}

static ptm_rc refuse_tensor(const struct header *header, yyjson_val *name, const char *why,
                            struct ptm_err *err)
{
    char buf[128];
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %llu: tensor %s: %s",
                       ptmi_source_name(header->source), (unsigned long long)place_of(header, name),
                       ptmi_str_printable(buf, sizeof buf, yyjson_get_str(name)), why);
}

/* The document's memory: 100 MB of "[[[[" are to be told from a real header's. */
static void *capped_malloc(void *ctx, size_t size)
{
    if (size <= PTM_LIMIT_WEIGHTS_MEMORY) return malloc(size);
    *(bool *)ctx = true;
    return NULL;
}

static void *capped_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    (void)old_size;
    if (size <= PTM_LIMIT_WEIGHTS_MEMORY) return realloc(old, size);
    *(bool *)ctx = true;
    return NULL;
}

static void plain_free(void *ctx, void *memory)
{
    (void)ctx;
    free(memory);
}

static ptm_rc parse_text(struct header *header, struct ptm_err *err)
{
    yyjson_alc memory = {capped_malloc, capped_realloc, plain_free, &header->over};
    yyjson_read_err why = {0};
    header->doc = yyjson_read_opts(header->text, header->len, YYJSON_READ_INSITU, &memory, &why);
    if (header->doc) {
        if (yyjson_is_obj(yyjson_doc_get_root(header->doc))) return PTM_OK;
        return refuse(header, LENGTH_SIZE, "the header is no JSON object", err);
    }
    if (header->over)
        return ptm_err_set(err, PTM_ELIMIT, "%s: its header wants more than %u bytes of memory",
                           ptmi_source_name(header->source), PTM_LIMIT_WEIGHTS_MEMORY);
    if (why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(header->source));
    return refuse(header, LENGTH_SIZE + why.pos, why.msg ? why.msg : "not JSON", err);
}

static ptm_rc check_length(struct header *header, uint64_t size, struct ptm_err *err)
{
    const char *name = ptmi_source_name(header->source);
    if (header->len > PTM_LIMIT_SAFETENSORS_HEADER)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte 0: a header of %llu bytes; %d are allowed",
                           name, (unsigned long long)header->len, PTM_LIMIT_SAFETENSORS_HEADER);
    if (header->len > size - LENGTH_SIZE)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte 0: a header of %llu bytes, %llu are left",
                           name, (unsigned long long)header->len,
                           (unsigned long long)(size - LENGTH_SIZE));
    if (header->len == 0) return refuse(header, 0, "an empty header", err);
    return PTM_OK;
}

static ptm_rc read_header(struct header *header, struct ptm_err *err)
{
    const uint8_t *at = NULL;
    uint64_t size = ptmi_source_size(header->source);
    if (size < LENGTH_SIZE)
        return ptm_err_set(err, PTM_EFORMAT, "%s: %llu bytes, too small for a safetensors file",
                           ptmi_source_name(header->source), (unsigned long long)size);
    PTM_TRY(ptmi_source_at(header->source, 0, LENGTH_SIZE, &at, err));
    header->len = ptmi_le64(at);
    PTM_TRY(check_length(header, size, err));
    PTM_TRY(ptmi_source_at(header->source, LENGTH_SIZE, header->len, &at, err));
    if (at[0] != '{') return refuse(header, LENGTH_SIZE, "the header does not begin with {", err);
    header->text = malloc((size_t)header->len + YYJSON_PADDING_SIZE);
    if (!header->text)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(header->source));
    memcpy(header->text, at, (size_t)header->len);
    memset(header->text + header->len, 0, YYJSON_PADDING_SIZE);
    header->data = LENGTH_SIZE + header->len;
    header->left = size - header->data;
    return parse_text(header, err);
}

/* --- properties --- */

static int by_key(const void *a, const void *b)
{
    const struct ptm_meta *const *x = a, *const *y = b;
    return strcmp((*x)->key, (*y)->key);
}

/* *out: a key that stands there twice; untouched when there is none. */
static ptm_rc find_double(const struct ptm_weights *weights, const char **out, struct ptm_err *err)
{
    size_t n = weights->n_metas;
    PTM_AUTO(ptmi_freep) const struct ptm_meta **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (size_t i = 0; i < n; i++) sorted[i] = &weights->metas[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0) *out = sorted[i]->key;
    return PTM_OK;
}

static ptm_rc add_properties(struct header *header, yyjson_val *name, yyjson_val *metas,
                             struct ptm_err *err)
{
    if (yyjson_is_null(metas)) return PTM_OK; /* as the reference implementation takes it */
    if (!yyjson_is_obj(metas))
        return refuse(header, place_of(header, name), METADATA " is no object", err);
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(metas, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (!ptmi_json_is_plain(key) || !ptmi_json_is_plain(value))
            return refuse(header, place_of(header, key),
                          METADATA " holds something else than strings without NUL", err);
        PTM_TRY(ptmi_weights_add_meta(header->weights, yyjson_get_str(key), yyjson_get_str(value),
                                      err));
    }
    const char *twice = NULL;
    PTM_TRY(find_double(header->weights, &twice, err));
    if (twice) return refuse(header, place_of(header, name), METADATA " names a key twice", err);
    return PTM_OK;
}

/* --- tensors --- */

struct info {
    yyjson_val *dtype, *shape, *offsets;
};

/* Fields of other names are passed over, as the reference implementation does. */
static yyjson_val **field_of(struct info *info, yyjson_val *name)
{
    if (yyjson_equals_str(name, "dtype")) return &info->dtype;
    if (yyjson_equals_str(name, "shape")) return &info->shape;
    if (yyjson_equals_str(name, "data_offsets")) return &info->offsets;
    return NULL;
}

static ptm_rc take_fields(const struct header *header, yyjson_val *name, struct info *info,
                          struct ptm_err *err)
{
    yyjson_val *value = yyjson_obj_iter_get_val(name);
    if (!yyjson_is_obj(value)) return refuse_tensor(header, name, "is no object", err);
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(value, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val **field = field_of(info, key);
        if (!field) continue;
        if (*field) return refuse_tensor(header, name, "names a field twice", err);
        *field = yyjson_obj_iter_get_val(key);
    }
    if (!ptmi_json_is_plain(info->dtype)) return refuse_tensor(header, name, "has no dtype", err);
    if (!yyjson_is_arr(info->shape)) return refuse_tensor(header, name, "has no shape", err);
    if (!yyjson_is_arr(info->offsets) || yyjson_arr_size(info->offsets) != 2)
        return refuse_tensor(header, name, "has no data_offsets of two numbers", err);
    return PTM_OK;
}

static ptm_rc take_shape(const struct header *header, yyjson_val *name, yyjson_val *shape,
                         struct ptm_tensor *tensor, struct ptm_err *err)
{
    size_t n = yyjson_arr_size(shape);
    if (n > PTM_LIMIT_DIMS) return refuse_tensor(header, name, "has too many dimensions", err);
    void *sizes = NULL;
    PTM_TRY(ptmi_weights_alloc(header->weights, n * sizeof(int64_t) + 1, &sizes, err));
    yyjson_arr_iter iter;
    yyjson_arr_iter_init(shape, &iter);
    for (size_t i = 0; i < n; i++) {
        yyjson_val *size = yyjson_arr_iter_next(&iter);
        if (!yyjson_is_uint(size) || yyjson_get_uint(size) > INT64_MAX)
            return refuse_tensor(header, name, "has a size that is none", err);
        ((int64_t *)sizes)[i] = (int64_t)yyjson_get_uint(size);
    }
    tensor->shape = sizes;
    tensor->n_dims = (int)n;
    return PTM_OK;
}

static ptm_rc take_span(const struct header *header, yyjson_val *name, yyjson_val *offsets,
                        struct span *span, struct ptm_err *err)
{
    yyjson_val *begin = yyjson_arr_get_first(offsets), *end = yyjson_arr_get_last(offsets);
    if (!yyjson_is_uint(begin) || !yyjson_is_uint(end))
        return refuse_tensor(header, name, "has data_offsets that are no whole numbers", err);
    span->begin = yyjson_get_uint(begin);
    span->end = yyjson_get_uint(end);
    if (span->begin > span->end) return refuse_tensor(header, name, "ends before it begins", err);
    if (span->end > header->left)
        return refuse_tensor(header, name, "reaches over the end of the file", err);
    return PTM_OK;
}

/* Do dtype and shape take just the bytes that data_offsets say? */
static ptm_rc check_size(const struct header *header, yyjson_val *name, struct ptm_tensor *tensor,
                         const struct span *span, struct ptm_err *err)
{
    const char *what = yyjson_get_str(name);
    int64_t elements = 0, bytes = 0;
    PTM_TRY(ptmi_weights_elements(what, tensor->n_dims, tensor->shape, &elements, err));
    if (elements % ptm_dtype_info(tensor->dtype)->elements != 0)
        return refuse_tensor(header, name, "does not fill its last byte", err);
    PTM_TRY(ptmi_weights_size_of(what, tensor->dtype, elements, &bytes, err));
    if ((uint64_t)bytes == span->end - span->begin) return PTM_OK;
    char why[128];
    snprintf(why, sizeof why, "data_offsets span %llu bytes, dtype and shape take %lld",
             (unsigned long long)(span->end - span->begin), (long long)bytes);
    return refuse_tensor(header, name, why, err);
}

static ptm_rc add_tensor(struct header *header, yyjson_val *name, struct ptm_err *err)
{
    struct info info = {0};
    struct span span = {.tensor = header->weights->n_tensors};
    struct ptm_tensor tensor = {.offset = -1, .storage = header->storage};
    if (!ptmi_json_is_plain(name)) return refuse_tensor(header, name, "a NUL in the name", err);
    if (ptm_weights_find(header->weights, yyjson_get_str(name)))
        return refuse_tensor(header, name, "stands there twice", err);
    PTM_TRY(take_fields(header, name, &info, err));
    tensor.dtype = dtype_of(yyjson_get_str(info.dtype));
    if (!tensor.dtype) return refuse_tensor(header, name, "has a dtype that is not known", err);
    PTM_TRY(take_shape(header, name, info.shape, &tensor, err));
    PTM_TRY(take_span(header, name, info.offsets, &span, err));
    PTM_TRY(check_size(header, name, &tensor, &span, err));
    tensor.byte_offset = (int64_t)span.begin;
    header->spans[header->n_spans++] = span;
    return ptmi_weights_add(header->weights, yyjson_get_str(name), &tensor, NULL, err);
}

static ptm_rc add_entries(struct header *header, struct ptm_err *err)
{
    yyjson_val *root = yyjson_doc_get_root(header->doc);
    header->spans = calloc(yyjson_obj_size(root) + 1, sizeof *header->spans);
    if (!header->spans)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(header->source));
    bool had_metas = false;
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(root, &iter);
    for (yyjson_val *name; (name = yyjson_obj_iter_next(&iter));) {
        if (!yyjson_equals_str(name, METADATA)) {
            PTM_TRY(add_tensor(header, name, err));
            continue;
        }
        if (had_metas) return refuse(header, place_of(header, name), METADATA " twice", err);
        had_metas = true;
        PTM_TRY(add_properties(header, name, yyjson_obj_iter_get_val(name), err));
    }
    return PTM_OK;
}

static int by_place(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The tensors lie side by side from the first byte to the last one. */
static ptm_rc check_cover(const struct header *header, struct ptm_err *err)
{
    const char *file = ptmi_source_name(header->source);
    uint64_t at = 0;
    bool sorted = true;
    for (size_t i = 1; i < header->n_spans && sorted; i++)
        sorted = by_place(&header->spans[i - 1], &header->spans[i]) <= 0;
    if (!sorted) qsort(header->spans, header->n_spans, sizeof *header->spans, by_place);
    for (size_t i = 0; i < header->n_spans; i++) {
        const struct span *span = &header->spans[i];
        if (span->begin != at) {
            char buf[128];
            return ptm_err_set(
                err, PTM_EFORMAT, "%s: byte %llu: %s before tensor %s", file,
                (unsigned long long)(header->data + span->begin),
                span->begin > at ? "a hole" : "an overlap",
                ptmi_str_printable(buf, sizeof buf, header->weights->tensors[span->tensor]->name));
        }
        at = span->end;
    }
    if (at == header->left) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %llu: %llu bytes that no tensor covers", file,
                       (unsigned long long)(header->data + at),
                       (unsigned long long)(header->left - at));
}

static ptm_rc open_file(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(clear_header) struct header header = {.weights = weights, .source = source};
    PTM_TRY(read_header(&header, err));
    struct ptm_storage storage = {.nbytes = (int64_t)header.left};
    struct ptmi_storage_from from = {.source = ptmi_source_ref(source), .offset = header.data};
    PTM_TRY(ptmi_weights_add_storage(weights, &storage, &from, &header.storage, err));
    PTM_TRY(add_entries(&header, err));
    return check_cover(&header, err);
}

/* --- the format --- */

static bool is_index(const struct ptmi_probe *probe)
{
    size_t at = 0;
    while (at < probe->head_len && strchr(" \t\r\n", probe->head[at]) && probe->head[at]) at++;
    if (at == probe->head_len || probe->head[at] != '{') return false;
    static const char key[] = "\"weight_map\"";
    return ptmi_str_ends(probe->name, ".safetensors.index.json") ||
           memmem(probe->head, probe->head_len, key, sizeof key - 1);
}

/* There is no magic number, but few other things have a small 64-bit number before a '{'. */
static bool is_file(const struct ptmi_probe *probe)
{
    if (probe->head_len <= LENGTH_SIZE || probe->head[LENGTH_SIZE] != '{') return false;
    uint64_t len = ptmi_le64(probe->head);
    return len >= 2 && len <= PTM_LIMIT_SAFETENSORS_HEADER;
}

static int probe_safetensors(const struct ptmi_probe *probe)
{
    if (is_file(probe) || is_index(probe)) return 90;
    /* A broken one is to be told what is broken in it. */
    if (ptmi_str_ends(probe->name, ".safetensors") &&
        !ptmi_weight_looks_like(probe->head, probe->head_len))
        return 1;
    return 0;
}

static ptm_rc open_safetensors(struct ptm_weights *weights, ptmi_source *source,
                               struct ptm_err *err)
{
    const uint8_t *first = NULL;
    uint64_t size = ptmi_source_size(source);
    if (size > LENGTH_SIZE) PTM_TRY(ptmi_source_at(source, 0, LENGTH_SIZE, &first, err));
    /* Read as a length, the first eight characters of any JSON text are more than the limit. */
    if (!first || ptmi_le64(first) <= PTM_LIMIT_SAFETENSORS_HEADER || !strchr("{ \t\r\n", first[0]))
        return open_file(weights, source, err);
    weights->format = "safetensors-index";
    return ptmi_safetensors_open_index(weights, source, err);
}

const struct ptmi_weight_format ptmi_format_safetensors = {
    .name = "safetensors",
    .probe = probe_safetensors,
    .open = open_safetensors,
};
