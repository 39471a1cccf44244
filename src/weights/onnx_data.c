/* SPDX-License-Identifier: MIT */
/*
 * onnx_data.c - where the values of a TensorProto lie: raw_data and packed runs of floats in place,
 * other typed fields to be decoded into little-endian bytes when they are asked for, external data
 * in files beside the model.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/path.h"
#include "../base/str.h"
#include "onnx_priv.h"

/* Files of external data of one model: exporters that write one a tensor make some 2,000. */
#define MAX_FILES 4096

/* --- typed fields --- */

/* What a storage is made of when it is asked for. In the weights' arena. */
struct typed {
    ptmi_source *source; /* the weights' format_state keeps it */
    uint64_t begin, end; /* the message */
    uint32_t field;
    int item; /* bytes an item becomes */
    ptm_dtype dtype;
    int64_t nbytes;
};

struct sink {
    const struct typed *typed;
    uint8_t *data;
    uint64_t items, most;
};

static bool is_six_bits(ptm_dtype dtype)
{
    return dtype == PTM_FLOAT6_E2M3FN || dtype == PTM_FLOAT6_E3M2FN;
}

/* Four in three bytes, the first one in the lowest bits. */
static void put_six_bits(struct sink *sink, uint64_t value)
{
    uint64_t bit = sink->items * 6;
    uint32_t bits = (uint32_t)(value & 0x3f) << (bit % 8);
    sink->data[bit / 8] |= (uint8_t)bits;
    if (bits > 0xff) sink->data[bit / 8 + 1] |= (uint8_t)(bits >> 8);
}

static ptm_rc put_item(struct sink *sink, uint64_t value, struct ptm_err *err)
{
    const struct typed *typed = sink->typed;
    /* Counted when the table was read: only a file that was changed since can get here. */
    if (sink->items == sink->most)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": more items than before",
                           ptmi_source_name(typed->source), typed->begin);
    if (typed->dtype == PTM_BOOL) value = (value & 0xff) != 0;
    if (is_six_bits(typed->dtype)) {
        put_six_bits(sink, value);
    } else {
        uint8_t *to = sink->data + sink->items * (uint64_t)typed->item;
        for (int i = 0; i < typed->item; i++) to[i] = (uint8_t)(value >> 8 * i);
    }
    sink->items++;
    return PTM_OK;
}

/* The wire type that a typed field has when it is not packed. */
static int type_of_field(uint32_t field)
{
    switch (field) {
    case 4:
        return PTMI_WIRE_FIXED32;
    case 10:
        return PTMI_WIRE_FIXED64;
    default:
        return PTMI_WIRE_VARINT;
    }
}

static ptm_rc put_packed(struct sink *sink, const struct ptmi_wire *wire,
                         const struct ptmi_wire_field *field, struct ptm_err *err)
{
    struct ptmi_wire run;
    const uint8_t *bytes = NULL;
    uint64_t value = 0;
    int type = type_of_field(field->number);
    PTM_TRY(ptmi_wire_enter(wire, field, &run, err));
    while (ptmi_cursor_left(&run.at) > 0) {
        if (type == PTMI_WIRE_VARINT) {
            PTM_TRY(ptmi_wire_varint(&run.at, &value, err));
        } else {
            PTM_TRY(ptmi_cursor_take(&run.at, type == PTMI_WIRE_FIXED32 ? 4 : 8, &bytes, err));
            value = type == PTMI_WIRE_FIXED32 ? ptmi_le32(bytes) : ptmi_le64(bytes);
        }
        PTM_TRY(put_item(sink, value, err));
    }
    return PTM_OK;
}

static ptm_rc put_message(struct sink *sink, struct ptm_err *err)
{
    const struct typed *typed = sink->typed;
    struct ptmi_wire wire = ptmi_wire_of(typed->source, typed->begin, typed->end);
    struct ptmi_wire_field field;
    ptm_rc rc;
    while ((rc = ptmi_wire_next(&wire, &field, err)) == PTM_ITEM) {
        if (field.number != typed->field) continue;
        if (field.type == PTMI_WIRE_BYTES)
            PTM_TRY(put_packed(sink, &wire, &field, err));
        else
            PTM_TRY(put_item(sink, field.value, err));
    }
    return rc;
}

static ptm_rc decode(struct ptm_weights *weights, void *arg, ptmi_source **out, struct ptm_err *err)
{
    const struct typed *typed = arg;
    (void)weights;
    if ((uint64_t)typed->nbytes > PTM_LIMIT_INFLATED)
        return ptm_err_set(err, PTM_ELIMIT, "%s: byte %" PRIu64 ": %" PRId64 " bytes to decode",
                           ptmi_source_name(typed->source), typed->begin, typed->nbytes);
    PTM_AUTO(ptmi_freep) uint8_t *data = calloc(1, (size_t)typed->nbytes + 1);
    if (!data)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(typed->source));
    struct sink sink = {.typed = typed, .data = data};
    uint64_t nbytes = (uint64_t)typed->nbytes;
    sink.most = is_six_bits(typed->dtype) ? nbytes * 8 / 6 : nbytes / (uint64_t)typed->item;
    PTM_TRY(put_message(&sink, err));
    return ptmi_source_own(ptm_steal(&data), (size_t)typed->nbytes, ptmi_source_name(typed->source),
                           out, err);
}

static void set_typed(const struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                      int64_t nbytes, struct typed *out)
{
    *out = (struct typed){.source = onnx->source,
                          .begin = proto->where,
                          .end = proto->end,
                          .field = proto->typed,
                          .item = proto->type->item,
                          .dtype = proto->type->dtype,
                          .nbytes = nbytes};
}

/* Items that elements take in their typed field. */
static uint64_t items_of(const struct ptmi_onnx_type *type, int64_t elements)
{
    uint64_t n = (uint64_t)elements; /* below 2^63: twice as many can be counted */
    return type->per ? n / type->per + (n % type->per != 0) : 2 * n;
}

static ptm_rc use_typed(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto, int64_t nbytes,
                        struct ptmi_storage_from *out, struct ptm_err *err)
{
    /* One run of floats, as all writers make it, is what it becomes. */
    bool fixed = type_of_field(proto->typed) != PTMI_WIRE_VARINT;
    if (fixed && proto->runs == 1 && proto->run.len == (uint64_t)nbytes) {
        *out = (struct ptmi_storage_from){.source = ptmi_source_ref(onnx->source),
                                          .offset = proto->run.pos};
        return PTM_OK;
    }
    void *typed = NULL;
    PTM_TRY(ptmi_weights_alloc(onnx->weights, sizeof(struct typed), &typed, err));
    set_typed(onnx, proto, nbytes, typed);
    *out = (struct ptmi_storage_from){.make = decode, .make_arg = typed};
    return PTM_OK;
}

/* --- external data --- */

/* Where location is, or would be, in the sorted list. */
static size_t place_of(const struct ptmi_onnx *onnx, const char *location)
{
    size_t low = 0, high = onnx->n_files;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(onnx->files[middle].location, location) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static ptm_rc open_file(struct ptmi_onnx *onnx, struct ptmi_onnx_file *file, struct ptm_err *err)
{
    struct ptm_err why = {0};
    char shown[256];
    if (onnx->weights->opts.no_siblings) {
        file->missing = "is in another file, which was not to be opened";
        return PTM_OK;
    }
    ptm_rc rc = ptmi_weights_sibling(onnx->weights, file->location, &file->source, &why);
    if (rc == PTM_OK) return PTM_OK;
    /* Not there, or a link that is not followed: the table can be shown all the same. */
    if (rc != PTM_ENOENT && rc != PTM_ENOTFOUND && rc != PTM_EUNSAFE) {
        if (err) *err = why;
        return rc;
    }
    const char *why_not =
        rc == PTM_EUNSAFE ? "a link or no plain file, which is not followed" : "which is not there";
    PTM_AUTO(ptmi_freep)
    char *missing = ptmi_str_printf(
        "is in %s, %s", ptmi_str_printable(shown, sizeof shown, file->location), why_not);
    if (!missing) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    return ptmi_weights_text(onnx->weights, missing, strlen(missing), &file->missing, err);
}

static ptm_rc insert_file(struct ptmi_onnx *onnx, size_t place, const char *location,
                          struct ptm_err *err)
{
    if (onnx->n_files == MAX_FILES)
        return ptm_err_set(err, PTM_ELIMIT, "%s: external data in more than %d files",
                           onnx->weights->path, MAX_FILES);
    struct ptmi_onnx_file *files =
        ptmi_grown(onnx->files, onnx->n_files, &onnx->cap_files, sizeof *files);
    if (!files) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    onnx->files = files;
    struct ptmi_onnx_file file = {0};
    PTM_TRY(ptmi_weights_text(onnx->weights, location, strlen(location), &file.location, err));
    PTM_TRY(open_file(onnx, &file, err));
    struct ptmi_onnx_file *at = onnx->files + place;
    memmove(at + 1, at, (onnx->n_files - place) * sizeof *at);
    *at = file;
    onnx->n_files++;
    return PTM_OK;
}

/* The location as a path: "./" in front is common and harmless, all else must be a plain name. */
static ptm_rc take_location(const struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                            char **out, struct ptm_err *err)
{
    const uint8_t *bytes = NULL;
    PTM_TRY(ptmi_source_at(onnx->source, proto->location.pos, proto->location.len, &bytes, err));
    size_t len = (size_t)proto->location.len;
    if (len == 0 || len >= PTM_LIMIT_PATH || memchr(bytes, 0, len))
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": external data without a location",
                           ptmi_source_name(onnx->source), proto->where);
    size_t skip = len > 2 && bytes[0] == '.' && bytes[1] == '/' ? 2 : 0;
    PTM_AUTO(ptmi_freep) char *location = strndup((const char *)bytes + skip, len - skip);
    if (!location) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    ptm_rc rc = ptmi_path_check_relative(location, err);
    if (rc < 0)
        return ptm_err_ctx(err, rc, "%s: byte %" PRIu64 ": location of external data",
                           ptmi_source_name(onnx->source), proto->where);
    *out = ptm_steal(&location);
    return PTM_OK;
}

/* The storage is called by the file its bytes are in. */
static ptm_rc use_external(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                           struct ptm_storage *storage, struct ptmi_storage_from *out,
                           struct ptm_err *err)
{
    int64_t nbytes = storage->nbytes;
    PTM_AUTO(ptmi_freep) char *location = NULL;
    PTM_TRY(take_location(onnx, proto, &location, err));
    if (proto->external_length && proto->external_length != nbytes)
        return ptm_err_set(
            err, PTM_EFORMAT,
            "%s: byte %" PRIu64 ": external data of %" PRId64 " bytes for a tensor of %" PRId64,
            ptmi_source_name(onnx->source), proto->where, proto->external_length, nbytes);
    size_t place = place_of(onnx, location);
    if (place == onnx->n_files || strcmp(onnx->files[place].location, location) != 0)
        PTM_TRY(insert_file(onnx, place, location, err));
    const struct ptmi_onnx_file *file = &onnx->files[place];
    storage->key = file->location;
    *out = (struct ptmi_storage_from){.missing = file->missing};
    if (!file->source) return PTM_OK;
    out->source = ptmi_source_ref(file->source);
    out->offset = (uint64_t)proto->external_offset;
    return PTM_OK;
}

/* --- all of it --- */

static ptm_rc check_amount(const struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                           uint64_t is, uint64_t want, struct ptm_err *err)
{
    if (is == want) return PTM_OK;
    return ptm_err_set(
        err, PTM_EFORMAT,
        "%s: byte %" PRIu64 ": a tensor with %" PRIu64 " %s of data, %" PRIu64 " are wanted",
        ptmi_source_name(onnx->source), proto->where, is, proto->typed ? "items" : "bytes", want);
}

static ptm_rc find_data(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                        int64_t elements, struct ptm_storage *storage,
                        struct ptmi_storage_from *out, struct ptm_err *err)
{
    bool has_raw = proto->seen & PTMI_ONNX_RAW;
    uint64_t nbytes = (uint64_t)storage->nbytes;
    if (proto->external) return use_external(onnx, proto, storage, out, err);
    if (has_raw && proto->typed)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": a tensor with raw and with typed data",
                           ptmi_source_name(onnx->source), proto->where);
    if (proto->typed) {
        PTM_TRY(check_amount(onnx, proto, proto->items, items_of(proto->type, elements), err));
        return use_typed(onnx, proto, storage->nbytes, out, err);
    }
    if (!has_raw && elements > 0) {
        *out = (struct ptmi_storage_from){.missing = "was left out of the file"};
        return PTM_OK;
    }
    PTM_TRY(check_amount(onnx, proto, proto->raw.len, nbytes, err));
    *out = (struct ptmi_storage_from){.source = ptmi_source_ref(onnx->source),
                                      .offset = proto->raw.pos};
    return PTM_OK;
}

ptm_rc ptmi_onnx_storage(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                         int64_t elements, int64_t nbytes, size_t *out, struct ptm_err *err)
{
    struct ptm_storage storage = {.nbytes = nbytes};
    struct ptmi_storage_from from = {0};
    PTM_TRY(find_data(onnx, proto, elements, &storage, &from, err));
    return ptmi_weights_add_storage(onnx->weights, &storage, &from, out, err);
}

void ptmi_onnx_clear(struct ptmi_onnx *onnx)
{
    for (size_t i = 0; i < onnx->n_files; i++) ptmi_source_unref(onnx->files[i].source);
    free(onnx->files);
    *onnx = (struct ptmi_onnx){0};
}

/* --- linear indices of sparse tensors --- */

struct linear {
    size_t storage; /* of the linear ones */
    int64_t nnz;
    int n_dims;
    const int64_t *shape;
};

/* One index in row-major order becomes one a dimension, each in its row of nnz. */
static ptm_rc put_index(const struct linear *linear, int64_t i, uint64_t index, uint8_t *out,
                        struct ptm_err *err)
{
    uint64_t rest = index;
    for (int d = linear->n_dims - 1; d >= 0; d--) {
        uint64_t size = (uint64_t)linear->shape[d], at = size ? rest % size : 0;
        uint8_t *to = out + ((uint64_t)d * (uint64_t)linear->nnz + (uint64_t)i) * 8;
        for (int byte = 0; byte < 8; byte++) to[byte] = (uint8_t)(at >> 8 * byte);
        rest = size ? rest / size : 1;
    }
    if (rest == 0) return PTM_OK;
    return ptm_err_set(err, PTM_EFORMAT,
                       "index %" PRId64 " of a sparse tensor, %" PRIu64 ", is outside of it", i,
                       index);
}

/* Under the weights' lock, as all making is: the linear storage is looked at without it. */
static ptm_rc unravel(struct ptm_weights *weights, void *arg, ptmi_source **out,
                      struct ptm_err *err)
{
    const struct linear *linear = arg;
    const struct ptmi_storage_from *from = &weights->from[linear->storage];
    PTM_AUTO(ptmi_source_unrefp)
    ptmi_source *source = from->source ? ptmi_source_ref(from->source) : NULL;
    const uint8_t *bytes = NULL;
    uint64_t len = (uint64_t)linear->nnz * 8, size = len * (uint64_t)linear->n_dims;
    uint64_t offset = source ? from->offset : 0;
    if (!source && !from->make)
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: indices of a sparse tensor: %s",
                           weights->path, from->missing);
    if (!source) PTM_TRY(from->make(weights, from->make_arg, &source, err));
    PTM_TRY(ptmi_source_at(source, offset, len, &bytes, err));
    PTM_AUTO(ptmi_freep) uint8_t *data = size <= PTM_LIMIT_INFLATED ? malloc(size + 1) : NULL;
    if (!data) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (int64_t i = 0; i < linear->nnz; i++) {
        ptm_rc rc = put_index(linear, i, ptmi_le64(bytes + i * 8), data, err);
        if (rc != PTM_OK) return ptm_err_ctx(err, rc, "%s", weights->path);
    }
    return ptmi_source_own(ptm_steal(&data), size, weights->path, out, err);
}

ptm_rc ptmi_onnx_unravelled(struct ptmi_onnx *onnx, const struct ptmi_onnx_proto *proto,
                            const struct ptm_tensor *sparse, size_t *out, struct ptm_err *err)
{
    void *memory = NULL;
    struct linear linear = {
        .nnz = proto->shape[0], .n_dims = sparse->n_dims, .shape = sparse->shape};
    struct ptm_storage storage = {0};
    struct ptmi_storage_from from = {.make = unravel};
    if (linear.nnz > INT64_MAX / 8 / PTM_LIMIT_DIMS)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %" PRId64 " indices",
                           ptmi_source_name(onnx->source), proto->where, linear.nnz);
    PTM_TRY(ptmi_onnx_storage(onnx, proto, linear.nnz, linear.nnz * 8, &linear.storage, err));
    PTM_TRY(ptmi_weights_alloc(onnx->weights, sizeof linear, &memory, err));
    memcpy(memory, &linear, sizeof linear);
    from.make_arg = memory;
    storage.nbytes = linear.nnz * 8 * linear.n_dims;
    return ptmi_weights_add_storage(onnx->weights, &storage, &from, out, err);
}
