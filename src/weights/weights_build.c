/* SPDX-License-Identifier: MIT */
/*
 * weights_build.c - the builder all formats go through: the checks that are the same for each
 * (sizes that overflow, views that leave their storage, caps), and the list of tensors with its
 * index by name.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/mix.h"
#include "../base/str.h"
#include "weights_priv.h"

/* A name for messages: what a file calls a tensor may be long or unprintable. */
static const char *shown(char buf[128], const char *what)
{
    return ptmi_str_printable(buf, 128, what);
}

static ptm_rc out_of_arena(struct ptm_weights *weights, struct ptm_err *err)
{
    if (weights->arena.used > weights->arena.max / 2)
        return ptm_err_set(err, PTM_ELIMIT, "%s: its tables want more than %zu bytes of memory",
                           weights->path, weights->arena.max);
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
}

ptm_rc ptmi_weights_alloc(struct ptm_weights *weights, size_t size, void **out, struct ptm_err *err)
{
    void *memory = ptmi_arena_alloc(&weights->arena, size);
    if (!memory) return out_of_arena(weights, err);
    *out = memory;
    return PTM_OK;
}

ptm_rc ptmi_weights_text(struct ptm_weights *weights, const char *text, size_t len,
                         const char **out, struct ptm_err *err)
{
    void *copy = NULL;
    if (len > PTM_LIMIT_WEIGHTS_MEMORY) return out_of_arena(weights, err);
    PTM_TRY(ptmi_weights_alloc(weights, len + 1, &copy, err));
    if (len > 0) memcpy(copy, text, len);
    *out = copy;
    return PTM_OK;
}

/* May there be one more tensor, storage or property? */
static ptm_rc check_count(size_t n, struct ptm_err *err)
{
    if (n < PTM_LIMIT_TENSORS) return PTM_OK;
    return ptm_err_set(err, PTM_ELIMIT, "more than %d tensors, storages or properties",
                       PTM_LIMIT_TENSORS);
}

ptm_rc ptmi_weights_add_meta(struct ptm_weights *weights, const char *key, const char *value,
                             struct ptm_err *err)
{
    struct ptm_meta meta = {0};
    PTM_TRY(ptmi_weights_text(weights, key, strlen(key), &meta.key, err));
    PTM_TRY(ptmi_weights_text(weights, value, strlen(value), &meta.value, err));
    PTM_TRY(check_count(weights->n_metas, err));
    struct ptm_meta *metas =
        ptmi_grown(weights->metas, weights->n_metas, &weights->cap_metas, sizeof *metas);
    if (!metas) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    weights->metas = metas;
    weights->metas[weights->n_metas++] = meta;
    return PTM_OK;
}

/* --- storages --- */

static ptm_rc check_storage(const struct ptm_weights *weights, const struct ptm_storage *storage,
                            const struct ptmi_storage_from *from, struct ptm_err *err)
{
    if (storage->nbytes < 0)
        return ptm_err_set(err, PTM_EFORMAT, "%s: storage %s has a negative size", weights->path,
                           storage->key ? storage->key : "");
    if (!from->source) return PTM_OK;
    uint64_t there = ptmi_source_size(from->source), end;
    if (__builtin_add_overflow(from->offset, (uint64_t)storage->nbytes, &end) || end > there)
        return ptm_err_set(err, PTM_EFORMAT, "%s: a storage of %lld bytes, only %llu are there",
                           ptmi_source_name(from->source), (long long)storage->nbytes,
                           (unsigned long long)(from->offset < there ? there - from->offset : 0));
    return PTM_OK;
}

/* Room for one more in both of its arrays. */
static ptm_rc reserve_storage(struct ptm_weights *weights, struct ptm_err *err)
{
    size_t n = weights->n_storages, cap = weights->cap_storages;
    PTM_TRY(check_count(n, err));
    struct ptm_storage *storages = ptmi_grown(weights->storages, n, &cap, sizeof *storages);
    if (storages) weights->storages = storages;
    struct ptmi_storage_from *from =
        ptmi_grown(weights->from, n, &weights->cap_storages, sizeof *from);
    if (from) weights->from = from;
    if (storages && from) return PTM_OK;
    weights->cap_storages = n; /* of the smaller one */
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
}

ptm_rc ptmi_weights_add_storage(struct ptm_weights *weights, const struct ptm_storage *storage,
                                struct ptmi_storage_from *from, size_t *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = from->source;
    PTM_TRY(check_storage(weights, storage, from, err));
    PTM_TRY(reserve_storage(weights, err));
    struct ptm_storage *added = &weights->storages[weights->n_storages];
    *added = *storage;
    added->file_offset = -1;
    uint64_t begins;
    if (source && ptmi_source_within(source, weights->source, &begins))
        added->file_offset = (int64_t)(begins + from->offset);
    weights->from[weights->n_storages] = *from;
    source = NULL; /* the weights' now */
    *out = weights->n_storages++;
    return PTM_OK;
}

/* --- sizes --- */

ptm_rc ptmi_weights_elements(const char *what, int n_dims, const int64_t *shape, int64_t *out,
                             struct ptm_err *err)
{
    char buf[128];
    if (n_dims < 0 || n_dims > PTM_LIMIT_DIMS)
        return ptm_err_set(err, PTM_EFORMAT, "%s: %d dimensions; at most %d are allowed",
                           shown(buf, what), n_dims, PTM_LIMIT_DIMS);
    /* Sizes are multiplied without the zeros: {2^62, 2^62, 0} is empty, and still nonsense. */
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < n_dims; i++) {
        if (shape[i] < 0)
            return ptm_err_set(err, PTM_EFORMAT, "%s: dimension %d has the negative size %lld",
                               shown(buf, what), i, (long long)shape[i]);
        if (shape[i] == 0)
            empty = true;
        else if (__builtin_mul_overflow(product, shape[i], &product))
            return ptm_err_set(err, PTM_EFORMAT, "%s: its sizes multiply to more than 64 bits",
                               shown(buf, what));
    }
    *out = empty ? 0 : product;
    return PTM_OK;
}

ptm_rc ptmi_weights_size_of(const char *what, ptm_dtype dtype, int64_t elements, int64_t *out,
                            struct ptm_err *err)
{
    char buf[128];
    const struct ptm_dtype_info *info = ptm_dtype_info(dtype);
    if (!info) return ptm_err_set(err, PTM_EFORMAT, "%s: no dtype", shown(buf, what));
    /* Blocks of ggml are whole; elements packed into bytes leave the rest of the last unused. */
    int64_t over = elements % info->elements;
    if (over != 0 && dtype >= PTM_GGML_Q4_0)
        return ptm_err_set(err, PTM_EFORMAT, "%s: %lld elements do not fill blocks of %d (%s)",
                           shown(buf, what), (long long)elements, info->elements, info->name);
    int64_t tail = (over * info->bytes + info->elements - 1) / info->elements;
    if (__builtin_mul_overflow(elements / info->elements, (int64_t)info->bytes, out) ||
        __builtin_add_overflow(*out, tail, out))
        return ptm_err_set(err, PTM_EFORMAT, "%s: its bytes are more than 64 bits can count",
                           shown(buf, what));
    return PTM_OK;
}

/* Elements from the first to the last one of a view that is not empty, both included. */
static ptm_rc view_span(const char *what, const struct ptm_tensor *tensor, int64_t elements,
                        int64_t *out, struct ptm_err *err)
{
    char buf[128];
    if (!tensor->stride) {
        *out = elements;
        return PTM_OK;
    }
    int64_t last = 0;
    for (int i = 0; i < tensor->n_dims; i++) {
        int64_t step;
        if (tensor->stride[i] < 0)
            return ptm_err_set(err, PTM_EFORMAT, "%s: dimension %d has the negative stride %lld",
                               shown(buf, what), i, (long long)tensor->stride[i]);
        if (__builtin_mul_overflow(tensor->shape[i] - 1, tensor->stride[i], &step) ||
            __builtin_add_overflow(last, step, &last))
            return ptm_err_set(err, PTM_EFORMAT, "%s: its strides reach beyond 64 bits",
                               shown(buf, what));
    }
    if (__builtin_add_overflow(last, 1, out))
        return ptm_err_set(err, PTM_EFORMAT, "%s: its strides reach beyond 64 bits",
                           shown(buf, what));
    return PTM_OK;
}

/* The view of its storage that a tensor says it is must lie inside it. */
static ptm_rc check_view(struct ptm_weights *weights, const char *what, struct ptm_tensor *tensor,
                         int64_t elements, struct ptm_err *err)
{
    char buf[128];
    const struct ptm_dtype_info *info = ptm_dtype_info(tensor->dtype);
    PTM_ASSERT(tensor->storage < weights->n_storages, err);
    if (tensor->offset < -1 || (tensor->offset == -1 && tensor->byte_offset < 0))
        return ptm_err_set(err, PTM_EFORMAT, "%s: the negative offset %lld", shown(buf, what),
                           (long long)tensor->offset);
    if (tensor->offset >= 0) {
        if (tensor->offset % info->elements != 0)
            return ptm_err_set(err, PTM_EFORMAT, "%s: begins inside a byte (offset %lld of %s)",
                               shown(buf, what), (long long)tensor->offset, info->name);
        if (__builtin_mul_overflow(tensor->offset / info->elements, (int64_t)info->bytes,
                                   &tensor->byte_offset))
            return ptm_err_set(err, PTM_EFORMAT, "%s: the offset %lld", shown(buf, what),
                               (long long)tensor->offset);
    }
    if (elements == 0) return PTM_OK;
    int64_t span = 0, bytes = 0, end, there = weights->storages[tensor->storage].nbytes;
    PTM_TRY(view_span(what, tensor, elements, &span, err));
    PTM_TRY(ptmi_weights_size_of(what, tensor->dtype, span, &bytes, err));
    if (__builtin_add_overflow(tensor->byte_offset, bytes, &end) || end > there)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: reaches over the end of its storage: byte %lld and %lld more, of "
                           "%lld",
                           shown(buf, what), (long long)tensor->byte_offset, (long long)bytes,
                           (long long)there);
    return PTM_OK;
}

ptm_rc ptmi_weights_check(struct ptm_weights *weights, const char *what, struct ptm_tensor *tensor,
                          struct ptm_err *err)
{
    int64_t elements = 0, bytes = 0;
    PTM_TRY(ptmi_weights_elements(what, tensor->n_dims, tensor->shape, &elements, err));
    if (tensor->dtype != PTM_STRING) {
        PTM_TRY(ptmi_weights_size_of(what, tensor->dtype, elements, &bytes, err));
        tensor->nbytes = bytes;
    }
    if (tensor->storage == PTM_NO_STORAGE || tensor->dtype == PTM_STRING) return PTM_OK;
    return check_view(weights, what, tensor, elements, err);
}

/* --- tensors by name --- */

/* The place of name in the table: of its tensor, or the free one it would go to. */
static size_t slot_of(const struct ptm_weights *weights, const char *name)
{
    size_t mask = weights->by_name_size - 1;
    size_t at = (size_t)ptmi_mix_bytes(weights->seed, name, strlen(name)) & mask;
    while (weights->by_name[at] &&
           strcmp(weights->tensors[weights->by_name[at] - 1]->name, name) != 0)
        at = (at + 1) & mask;
    return at;
}

static ptm_rc grow_table(struct ptm_weights *weights, struct ptm_err *err)
{
    if (weights->n_tensors * 2 < weights->by_name_size) return PTM_OK;
    if (weights->by_name_size == 0) weights->seed = ptmi_mix_seed(weights);
    size_t size = weights->by_name_size ? weights->by_name_size * 2 : 64;
    uint32_t *table = calloc(size, sizeof *table);
    if (!table) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    free(weights->by_name);
    weights->by_name = table;
    weights->by_name_size = size;
    for (size_t i = 0; i < weights->n_tensors; i++)
        table[slot_of(weights, weights->tensors[i]->name)] = (uint32_t)i + 1;
    return PTM_OK;
}

const struct ptm_tensor *ptm_weights_find(const ptm_weights *weights, const char *name)
{
    if (weights->by_name_size == 0) return NULL;
    uint32_t found = weights->by_name[slot_of(weights, name)];
    return found ? weights->tensors[found - 1] : NULL;
}

/* name, or name#2, name#3.. when that is taken. The number goes on from the last one given, so that
 * a file of equal names costs no more than one of different ones. */
static ptm_rc free_name(struct ptm_weights *weights, const char *name, const char **out,
                        struct ptm_err *err)
{
    if (!weights->by_name[slot_of(weights, name)])
        return ptmi_weights_text(weights, name, strlen(name), out, err);
    for (;;) {
        weights->doubles++;
        char *other = ptmi_arena_printf(&weights->arena, "%s#%zu", name, weights->doubles + 1);
        if (!other) return out_of_arena(weights, err);
        if (!weights->by_name[slot_of(weights, other)]) {
            *out = other;
            return PTM_OK;
        }
    }
}

ptm_rc ptmi_weights_add(struct ptm_weights *weights, const char *name,
                        const struct ptm_tensor *tensor, const struct ptm_tensor **out,
                        struct ptm_err *err)
{
    struct ptm_tensor *added = NULL;
    PTM_TRY(ptmi_weights_alloc(weights, sizeof *added, (void **)&added, err));
    *added = *tensor;
    PTM_TRY(ptmi_weights_check(weights, name, added, err));
    PTM_TRY(check_count(weights->n_tensors, err));
    struct ptm_tensor **tensors =
        ptmi_grown(weights->tensors, weights->n_tensors, &weights->cap_tensors, sizeof(void *));
    if (!tensors) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    weights->tensors = tensors;
    PTM_TRY(grow_table(weights, err));
    PTM_TRY(free_name(weights, name, &added->name, err));
    weights->by_name[slot_of(weights, added->name)] = (uint32_t)weights->n_tensors + 1;
    weights->tensors[weights->n_tensors++] = added;
    if (out) *out = added;
    return PTM_OK;
}

/* --- totals --- */

struct view {
    size_t storage;
    int64_t begin, bytes, elements;
};

static int by_view(const void *a, const void *b)
{
    const struct view *x = a, *y = b;
    if (x->storage != y->storage) return x->storage < y->storage ? -1 : 1;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int64_t add_capped(int64_t a, int64_t b)
{
    int64_t sum;
    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* What of a tensor is stored: of a sparse or nested one its parts, placed where its values are. */
static struct view view_of(const struct ptm_tensor *tensor)
{
    bool parts = tensor->layout != PTM_STRIDED && tensor->n_parts > 0;
    const struct ptm_tensor *values = tensor;
    if (parts) values = &tensor->parts[tensor->layout == PTM_NESTED ? 0 : tensor->n_parts - 1];
    struct view view = {values->storage, values->byte_offset, values->nbytes, 0};
    if (parts) view.bytes = 0;
    for (size_t i = 0; parts && i < tensor->n_parts; i++)
        view.bytes = add_capped(view.bytes, tensor->parts[i].nbytes);
    /* Cannot fail: it was checked when the tensor was added. */
    if (ptmi_weights_elements("", values->n_dims, values->shape, &view.elements, NULL) != PTM_OK)
        view.elements = 0;
    return view;
}

ptm_rc ptmi_weights_total(struct ptm_weights *weights, struct ptm_err *err)
{
    size_t n = weights->n_tensors;
    PTM_AUTO(ptmi_freep) struct view *views = calloc(n + 1, sizeof *views);
    if (!views) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (size_t i = 0; i < n; i++) views[i] = view_of(weights->tensors[i]);
    qsort(views, n, sizeof *views, by_view);
    for (size_t i = 0; i < n; i++) {
        bool stored = views[i].storage != PTM_NO_STORAGE;
        if (stored && i > 0 && by_view(&views[i - 1], &views[i]) == 0) continue;
        weights->parameters = add_capped(weights->parameters, views[i].elements);
        weights->bytes = add_capped(weights->bytes, views[i].bytes);
    }
    return PTM_OK;
}
