/* SPDX-License-Identifier: MIT */
/*
 * torch_args.c - arguments of rebuild functions: each is checked for what torch would take it for,
 * and a wrong one is named with the byte its call stands at.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "torch_objects_priv.h"

/* --- messages --- */

ptm_rc ptmi_call_bad(const struct ptmi_objects *o, const struct ptmi_call *call,
                     struct ptm_err *err, const char *fmt, ...)
{
    char text[512], name[128];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s: %s",
                       ptmi_source_name(o->pickle->source), call->node->at,
                       ptmi_str_printable(name, sizeof name, call->name), text);
}

static ptm_rc bad_arg(const struct ptmi_objects *o, const struct ptmi_arg *arg, const char *why,
                      struct ptm_err *err)
{
    return ptmi_call_bad(o, arg->call, err, "%s is %s", arg->what, why);
}

ptm_rc ptmi_arg_count(const struct ptmi_objects *o, const struct ptmi_call *call, uint64_t min,
                      uint64_t max, struct ptm_err *err)
{
    if (call->n_args >= min && call->n_args <= max) return PTM_OK;
    return ptmi_call_bad(o, call, err, "%" PRIu64 " arguments", call->n_args);
}

/* --- shapes of nodes --- */

bool ptmi_pk_sequence(const struct ptmi_pk *node, struct ptmi_pk ***out, uint64_t *out_n)
{
    if (node->kind != PTMI_PK_TUPLE && node->kind != PTMI_PK_LIST) return false;
    *out = node->items;
    *out_n = node->n_items;
    return true;
}

bool ptmi_pk_is_text(const struct ptmi_pk *node, const char *text)
{
    return node->kind == PTMI_PK_STR && node->n == strlen(text) &&
           memcmp(node->bytes, text, node->n) == 0;
}

bool ptmi_pk_is_tag(const struct ptmi_pk *node, const char *text)
{
    bool bytes = node->kind == PTMI_PK_BYTES && node->n == strlen(text) &&
                 memcmp(node->bytes, text, node->n) == 0;
    return bytes || ptmi_pk_is_text(node, text);
}

bool ptmi_pk_is_global(const struct ptmi_pk *node, const char *module, const char *name)
{
    return node->kind == PTMI_PK_GLOBAL && strcmp(node->module, module) == 0 &&
           strcmp(node->name, name) == 0;
}

/* --- plain arguments --- */

ptm_rc ptmi_arg_natural(const struct ptmi_objects *o, const struct ptmi_arg *arg, int64_t *out,
                        struct ptm_err *err)
{
    if (arg->node->kind != PTMI_PK_INT) return bad_arg(o, arg, "not an integer", err);
    if (arg->node->i < 0) return bad_arg(o, arg, "negative", err);
    *out = arg->node->i;
    return PTM_OK;
}

ptm_rc ptmi_arg_bool(const struct ptmi_objects *o, const struct ptmi_arg *arg, bool *out,
                     struct ptm_err *err)
{
    if (arg->node->kind != PTMI_PK_BOOL) return bad_arg(o, arg, "neither True nor False", err);
    *out = arg->node->i != 0;
    return PTM_OK;
}

/* The items of a shape: torch.Size((2, 3)) is the tuple inside. */
static bool shape_items(const struct ptmi_pk *node, struct ptmi_pk ***out, uint64_t *out_n)
{
    if ((node->kind == PTMI_PK_CALL || node->kind == PTMI_PK_NEW) && node->callee &&
        ptmi_pk_is_global(node->callee, "torch", "Size") && node->args &&
        node->args->kind == PTMI_PK_TUPLE && node->args->n_items <= 1) {
        if (node->args->n_items == 1) return ptmi_pk_sequence(node->args->items[0], out, out_n);
        return ptmi_pk_sequence(node->args, out, out_n);
    }
    return ptmi_pk_sequence(node, out, out_n);
}

ptm_rc ptmi_arg_sizes(struct ptmi_objects *o, const struct ptmi_arg *arg, int *out_n,
                      const int64_t **out, struct ptm_err *err)
{
    struct ptmi_pk **items = NULL;
    uint64_t n = 0;
    void *memory = NULL;
    char what[64];
    if (!shape_items(arg->node, &items, &n)) return bad_arg(o, arg, "no tuple", err);
    if (n > PTM_LIMIT_DIMS)
        return ptmi_call_bad(o, arg->call, err, "%s has %" PRIu64 " dimensions, at most %d may be",
                             arg->what, n, PTM_LIMIT_DIMS);
    PTM_TRY(ptmi_weights_alloc(o->weights, (size_t)n * sizeof(int64_t), &memory, err));
    int64_t *sizes = memory;
    for (uint64_t i = 0; i < n; i++) {
        bool good = items[i]->kind == PTMI_PK_INT && items[i]->i >= 0;
        if (!good) snprintf(what, sizeof what, "%s[%" PRIu64 "]", arg->what, i);
        PTM_TRY(
            ptmi_arg_natural(o, PTMI_ARG(arg->call, good ? "" : what, items[i]), &sizes[i], err));
    }
    *out = sizes;
    *out_n = (int)n;
    return PTM_OK;
}

ptm_rc ptmi_arg_dtype(const struct ptmi_objects *o, const struct ptmi_arg *arg, ptm_dtype *out,
                      struct ptm_err *err)
{
    if (arg->node->kind != PTMI_PK_GLOBAL || strcmp(arg->node->module, "torch") != 0)
        return bad_arg(o, arg, "no dtype of torch", err);
    ptm_dtype dtype = ptm_dtype_find(arg->node->name);
    /* The codes after uint7 are other formats', under names that torch does not have. */
    if (dtype == PTM_DTYPE_NONE || dtype > PTM_UINT7)
        return bad_arg(o, arg, "a dtype that is not known", err);
    *out = dtype;
    return PTM_OK;
}

ptm_rc ptmi_arg_hooks(const struct ptmi_objects *o, const struct ptmi_arg *arg, struct ptm_err *err)
{
    switch (arg->node->kind) {
    case PTMI_PK_NONE:
    case PTMI_PK_DICT:
    case PTMI_PK_CALL:
    case PTMI_PK_NEW:
        return PTM_OK;
    default:
        return bad_arg(o, arg, "no dictionary", err);
    }
}

/* --- tensors and storages --- */

ptm_rc ptmi_arg_tensor(struct ptmi_objects *o, const struct ptmi_arg *arg,
                       const struct ptm_tensor **out, struct ptm_err *err)
{
    struct ptmi_made *made = NULL;
    uint8_t kind = arg->node->kind;
    if (kind != PTMI_PK_CALL && kind != PTMI_PK_NEW && kind != PTMI_PK_PERSID)
        return bad_arg(o, arg, "no tensor", err);
    PTM_TRY(ptmi_make(o, arg->node, &made, err));
    if (made->value.kind != PTM_VALUE_TENSOR) return bad_arg(o, arg, "no tensor", err);
    *out = made->value.tensor;
    return PTM_OK;
}

ptm_rc ptmi_arg_indices(struct ptmi_objects *o, const struct ptmi_arg *arg,
                        const struct ptm_tensor **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_arg_tensor(o, arg, out, err));
    ptm_dtype dtype = (*out)->dtype;
    if ((*out)->layout != PTM_STRIDED || (dtype != PTM_INT64 && dtype != PTM_INT32))
        return bad_arg(o, arg, "no tensor of indices", err);
    return PTM_OK;
}

/* A storage that was pickled by itself: what _load_from_bytes made of it. */
static ptm_rc storage_made(struct ptmi_objects *o, const struct ptmi_arg *arg,
                           struct ptmi_storage_ref *out, struct ptm_err *err)
{
    struct ptmi_made *made = NULL;
    if (arg->node->kind != PTMI_PK_CALL) return bad_arg(o, arg, "no storage", err);
    PTM_TRY(ptmi_make(o, arg->node, &made, err));
    if (!made->is_storage) return bad_arg(o, arg, "no storage", err);
    const struct ptm_tensor *tensor = made->value.tensor;
    *out = (struct ptmi_storage_ref){tensor->storage, tensor->dtype, tensor->offset};
    return PTM_OK;
}

ptm_rc ptmi_arg_storage(struct ptmi_objects *o, const struct ptmi_arg *arg,
                        struct ptmi_storage_ref *out, struct ptm_err *err)
{
    if (arg->node->kind != PTMI_PK_PERSID || !o->lookup || !o->lookup->storage)
        return storage_made(o, arg, out, err);
    struct ptmi_storage_ref ref = {.element = PTM_DTYPE_NONE};
    PTM_TRY(o->lookup->storage(o->lookup->arg, arg->node->args, &ref.index, &ref.element,
                               &ref.offset, err));
    *out = ref;
    return PTM_OK;
}

/* The elements to be added to an offset were counted in the storage's dtype. */
static ptm_rc add_offset(const struct ptmi_objects *o, const struct ptmi_call *call,
                         const struct ptmi_storage_ref *ref, struct ptm_tensor *tensor,
                         struct ptm_err *err)
{
    int64_t more = ref->offset;
    const struct ptm_dtype_info *from = ptm_dtype_info(ref->element);
    const struct ptm_dtype_info *to = ptm_dtype_info(tensor->dtype);
    if (more != 0 && from != to) {
        int64_t bytes;
        if (__builtin_mul_overflow(more / from->elements, (int64_t)from->bytes, &bytes) ||
            bytes % to->bytes != 0 ||
            __builtin_mul_overflow(bytes / to->bytes, (int64_t)to->elements, &more))
            return ptmi_call_bad(o, call, err, "a view of a storage of another dtype");
    }
    if (__builtin_add_overflow(tensor->offset, more, &tensor->offset) || tensor->offset < 0)
        return ptmi_call_bad(o, call, err, "the offset is more than 64 bits can count");
    return PTM_OK;
}

ptm_rc ptmi_arg_view(struct ptmi_objects *o, const struct ptmi_call *call,
                     struct ptmi_pk *const four[4], ptm_dtype dtype, struct ptm_tensor *tensor,
                     struct ptm_err *err)
{
    struct ptmi_storage_ref ref = {.element = PTM_DTYPE_NONE};
    int n_strides = 0;
    PTM_TRY(ptmi_arg_storage(o, PTMI_ARG(call, "storage", four[0]), &ref, err));
    PTM_TRY(ptmi_arg_natural(o, PTMI_ARG(call, "storage_offset", four[1]), &tensor->offset, err));
    PTM_TRY(
        ptmi_arg_sizes(o, PTMI_ARG(call, "size", four[2]), &tensor->n_dims, &tensor->shape, err));
    PTM_TRY(ptmi_arg_sizes(o, PTMI_ARG(call, "stride", four[3]), &n_strides, &tensor->stride, err));
    if (n_strides != tensor->n_dims)
        return ptmi_call_bad(o, call, err, "%d sizes and %d strides", tensor->n_dims, n_strides);
    tensor->storage = ref.index;
    tensor->dtype = dtype != PTM_DTYPE_NONE ? dtype : ref.element;
    return add_offset(o, call, &ref, tensor, err);
}

/* --- bytes --- */

/* Bytes of an opcode before its bytes argument; 0: its argument is not the bytes as they are. */
static unsigned head_of(uint8_t opcode)
{
    switch (opcode) {
    case 'C': /* SHORT_BINBYTES */
    case 'U': /* SHORT_BINSTRING */
        return 2;
    case 'B': /* BINBYTES */
    case 'T': /* BINSTRING */
        return 5;
    case 0x8e: /* BINBYTES8 */
    case 0x96: /* BYTEARRAY8 */
        return 9;
    default:
        return 0;
    }
}

/* Where a node's bytes lie in its source; false: they were decoded. */
static bool bytes_in_source(const struct ptmi_objects *o, const struct ptmi_pk *node,
                            uint64_t *out_offset)
{
    const uint8_t *opcode = NULL, *bytes = NULL;
    ptmi_source *source = o->pickle->source;
    if (ptmi_source_at(source, node->at, 1, &opcode, NULL) != PTM_OK) return false;
    unsigned head = head_of(*opcode);
    if (head == 0 || ptmi_source_at(source, node->at + head, node->n, &bytes, NULL) != PTM_OK)
        return false;
    *out_offset = node->at + head;
    return (const char *)bytes == node->bytes;
}

ptm_rc ptmi_arg_bytes(struct ptmi_objects *o, struct ptmi_pk *node, ptmi_source **out,
                      uint64_t *out_offset, uint64_t *out_n, struct ptm_err *err)
{
    bool plain = node->kind == PTMI_PK_BYTES || node->kind == PTMI_PK_BYTEARRAY;
    if (node->kind == PTMI_PK_STR && !node->raw) return PTM_ITEM;
    if ((plain || node->kind == PTMI_PK_STR) && bytes_in_source(o, node, out_offset)) {
        *out = ptmi_source_ref(o->pickle->source);
        *out_n = node->n;
        return PTM_OK;
    }
    /* Not as they are in the file: a copy, made once, that lives as long as the weights. */
    struct ptmi_made *made = NULL;
    if (!plain && node->kind != PTMI_PK_CALL && node->kind != PTMI_PK_STR) return PTM_ITEM;
    PTM_TRY(ptmi_make(o, node, &made, err));
    bool raw = node->kind == PTMI_PK_STR;
    if (made->value.kind != PTM_VALUE_BYTES && !raw) return PTM_ITEM;
    const char *bytes = made->value.text;
    size_t n = made->value.len;
    if (raw) { /* its value is text; the bytes are wanted */
        PTM_TRY(ptmi_weights_text(o->weights, node->bytes, (size_t)node->n, &bytes, err));
        n = (size_t)node->n;
    }
    PTM_TRY(ptmi_source_lend(bytes, n, ptmi_source_name(o->pickle->source), out, err));
    *out_offset = 0;
    *out_n = n;
    return PTM_OK;
}
