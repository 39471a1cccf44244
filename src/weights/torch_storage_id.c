/* SPDX-License-Identifier: MIT */
/*
 * torch_storage_id.c - what the persistent id of a storage says.
 *
 *     ('storage', StorageClass, key, location, numel)                      zip
 *     ('storage', StorageClass, root key, location, numel, view or None)   legacy stream
 *                                        view: (view key, offset, numel), in elements
 *
 * numel counts elements of the class, bytes for those without a dtype and for the packed ones.
 * Source: persistent_id() of torch/serialization.py.
 */
#include <inttypes.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "torch_objects_priv.h"

/* torch's storage classes: facts of torch/storage.py and torch/__init__.py. */
static const struct {
    const char *name;
    ptm_dtype dtype;
} storage_classes[] = {
    {"FloatStorage", PTM_FLOAT32},
    {"LongStorage", PTM_INT64},
    {"HalfStorage", PTM_FLOAT16},
    {"BFloat16Storage", PTM_BFLOAT16},
    {"DoubleStorage", PTM_FLOAT64},
    {"IntStorage", PTM_INT32},
    {"ShortStorage", PTM_INT16},
    {"CharStorage", PTM_INT8},
    {"ByteStorage", PTM_UINT8},
    {"BoolStorage", PTM_BOOL},
    {"ComplexFloatStorage", PTM_COMPLEX64},
    {"ComplexDoubleStorage", PTM_COMPLEX128},
    {"QInt8Storage", PTM_QINT8},
    {"QUInt8Storage", PTM_QUINT8},
    {"QInt32Storage", PTM_QINT32},
    {"QUInt4x2Storage", PTM_QUINT4X2},
    {"QUInt2x4Storage", PTM_QUINT2X4},
};

ptm_dtype ptmi_storage_class_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof storage_classes / sizeof *storage_classes; i++)
        if (strcmp(storage_classes[i].name, name) == 0) return storage_classes[i].dtype;
    return PTM_DTYPE_NONE;
}

/* The node of an id that is being read. */
struct reader {
    struct ptm_weights *weights;
    const struct ptmi_pk *id;
};

static ptm_rc bad(const struct reader *r, const char *why, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": persistent id of a storage: %s",
                       r->weights->path, r->id->at, why);
}

/* A key: text, or the number it is the decimal text of. */
static ptm_rc read_key(const struct reader *r, const struct ptmi_pk *node, const char **out,
                       struct ptm_err *err)
{
    if (node->kind == PTMI_PK_INT) {
        *out = ptmi_arena_printf(&r->weights->arena, "%" PRId64, node->i);
        return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", r->weights->path);
    }
    bool text = node->kind == PTMI_PK_STR || node->kind == PTMI_PK_BYTES;
    if (!text || node->n > PTM_LIMIT_NAME || (node->n > 0 && memchr(node->bytes, 0, node->n)))
        return bad(r, "the key is no text", err);
    return ptmi_weights_text(r->weights, node->bytes, (size_t)node->n, out, err);
}

static ptm_rc read_location(const struct reader *r, const struct ptmi_pk *node, const char **out,
                            struct ptm_err *err)
{
    *out = NULL;
    if (node->kind == PTMI_PK_NONE) return PTM_OK;
    bool text = node->kind == PTMI_PK_STR || node->kind == PTMI_PK_BYTES;
    if (!text || node->n > PTM_LIMIT_NAME || (node->n > 0 && memchr(node->bytes, 0, node->n)))
        return bad(r, "the location is no text", err);
    return ptmi_weights_text(r->weights, node->bytes, (size_t)node->n, out, err);
}

static bool is_untyped(const char *module, const char *name)
{
    static const char *const names[] = {"UntypedStorage", "_UntypedStorage", "TypedStorage",
                                        "_TypedStorage"};
    if (strcmp(module, "torch.storage") != 0 && strcmp(module, "torch") != 0) return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], name) == 0) return true;
    return false;
}

static ptm_rc read_class(const struct reader *r, const struct ptmi_pk *node,
                         struct ptmi_storage_id *out, struct ptm_err *err)
{
    if (node->kind != PTMI_PK_GLOBAL) return bad(r, "the storage class is none", err);
    out->untyped = is_untyped(node->module, node->name);
    out->element = out->untyped ? PTM_UINT8 : PTM_DTYPE_NONE;
    if (strcmp(node->module, "torch") == 0 || strcmp(node->module, "torch.cuda") == 0)
        if (!out->untyped) out->element = ptmi_storage_class_dtype(node->name);
    if (out->element == PTM_DTYPE_NONE) return bad(r, "a storage class that is not known", err);
    return PTM_OK;
}

static ptm_rc read_count(const struct reader *r, const struct ptmi_pk *node, int64_t *out,
                         struct ptm_err *err)
{
    if (node->kind != PTMI_PK_INT || node->i < 0) return bad(r, "a size that is none", err);
    *out = node->i;
    return PTM_OK;
}

static ptm_rc read_view(const struct reader *r, const struct ptmi_pk *node,
                        struct ptmi_storage_id *out, struct ptm_err *err)
{
    if (node->kind == PTMI_PK_NONE) return PTM_OK;
    if (node->kind != PTMI_PK_TUPLE || node->n_items != 3)
        return bad(r, "the view is no tuple of three", err);
    const char *key = NULL; /* names the view: nothing asks for it */
    out->has_view = true;
    PTM_TRY(read_key(r, node->items[0], &key, err));
    PTM_TRY(read_count(r, node->items[1], &out->view_offset, err));
    PTM_TRY(read_count(r, node->items[2], &out->view_numel, err));
    if (out->view_offset > out->numel || out->view_numel > out->numel - out->view_offset)
        return bad(r, "the view leaves its storage", err);
    return PTM_OK;
}

ptm_rc ptmi_storage_id_read(struct ptm_weights *weights, const struct ptmi_pk *id,
                            struct ptmi_storage_id *out, struct ptm_err *err)
{
    struct reader r = {weights, id};
    struct ptmi_storage_id read = {0};
    if (id->kind != PTMI_PK_TUPLE || id->n_items < 5 || id->n_items > 6)
        return bad(&r, "no tuple of five or six", err);
    struct ptmi_pk **items = id->items;
    if (!ptmi_pk_is_tag(items[0], "storage"))
        return bad(&r, "it does not begin with 'storage'", err);
    PTM_TRY(read_class(&r, items[1], &read, err));
    PTM_TRY(read_key(&r, items[2], &read.key, err));
    PTM_TRY(read_location(&r, items[3], &read.location, err));
    PTM_TRY(read_count(&r, items[4], &read.numel, err));
    /* numel of packed classes counts bytes: all classes with a dtype have whole bytes an element.
     */
    int64_t size = ptm_dtype_info(read.element)->bytes;
    if (__builtin_mul_overflow(read.numel, size, &read.nbytes))
        return bad(&r, "its bytes are more than 64 bits can count", err);
    if (id->n_items == 6) PTM_TRY(read_view(&r, items[5], &read, err));
    *out = read;
    return PTM_OK;
}
