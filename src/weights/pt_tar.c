/* SPDX-License-Identifier: MIT */
/*
 * pt_tar.c - the oldest checkpoints (torch 0.1), still served by download.pytorch.org and refused
 * by today's torch.load: a tar file of
 *
 *     sys_info   not needed
 *     storages   pickle  how many
 *                a storage: pickle (key, location, class), int64 elements, their bytes
 *                pickle  [(key, key of the storage it is a part of, offset, elements), ..]
 *     tensors    pickle  how many
 *                a tensor: pickle (key, storage's key, class), int32 dimensions, int32 unused,
 *                int64 sizes.., int64 strides.., int64 offset
 *     pickle     the object; its persistent ids are keys of tensors and storages, or
 *                (class, source file, source text)
 *
 * Keys are addresses: integers here, and the same as text in the persistent ids. Numbers are
 * little-endian. Source: torch/serialization.py, legacy_load() inside _legacy_load().
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "tardir.h"
#include "torch_objects.h"
#include "weights_priv.h"

/* A storage (a part of one: of a view), or a tensor. */
struct object {
    int64_t key;
    ptm_dtype element;
    size_t storage;                  /* in the weights */
    int64_t offset, numel;           /* in elements: what part of the storage */
    const struct ptm_tensor *tensor; /* in the arena; NULL: a storage */
};

struct objects {
    struct object *items; /* owned; sorted by key once complete */
    size_t n, cap;
};

struct reader {
    struct ptm_weights *weights;
    struct ptmi_tar tar;
    struct ptmi_cursor at; /* in the member that is being read */
    struct objects storages, tensors;
};

static void reader_clear(struct reader *reader)
{
    ptmi_tar_clear(&reader->tar);
    free(reader->storages.items);
    free(reader->tensors.items);
}

/* --- objects by their keys --- */

static int by_key(const void *a, const void *b)
{
    const struct object *x = a, *y = b;
    return x->key < y->key ? -1 : x->key > y->key;
}

static ptm_rc push(struct reader *reader, struct objects *objects, const struct object *object,
                   struct ptm_err *err)
{
    if (objects->n >= PTM_LIMIT_TENSORS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d storages or tensors",
                           reader->weights->path, PTM_LIMIT_TENSORS);
    struct object *items = ptmi_grown(objects->items, objects->n, &objects->cap, sizeof *items);
    if (!items) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    objects->items = items;
    objects->items[objects->n++] = *object;
    return PTM_OK;
}

/* Of two objects with one key torch would take the second: nobody writes that. */
static ptm_rc sort(struct reader *reader, struct objects *objects, struct ptm_err *err)
{
    if (objects->n > 1) qsort(objects->items, objects->n, sizeof *objects->items, by_key);
    for (size_t i = 1; i < objects->n; i++)
        if (objects->items[i - 1].key == objects->items[i].key)
            return ptm_err_set(err, PTM_EFORMAT, "%s: the key %" PRId64 " is there twice",
                               ptmi_source_name(reader->at.source), objects->items[i].key);
    return PTM_OK;
}

static const struct object *find(const struct objects *objects, int64_t key)
{
    const struct object wanted = {.key = key};
    if (objects->n == 0) return NULL;
    return bsearch(&wanted, objects->items, objects->n, sizeof wanted, by_key);
}

/* --- what stands in the members --- */

static ptm_rc wrong(const struct reader *reader, uint64_t at, const char *what, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s",
                       ptmi_source_name(reader->at.source), at, what);
}

static ptm_rc next_pickle(struct reader *reader, struct ptmi_pickle *out, struct ptm_err *err)
{
    PTM_TRY(ptmi_pickle_run(reader->at.source, reader->at.pos, reader->at.end, PTMI_TORCH_PICKLE,
                            out, err));
    reader->at.pos = out->end;
    return PTM_OK;
}

/* A tuple (or list) of so many items. */
static bool is_row(const struct ptmi_pk *node, uint64_t n)
{
    return (node->kind == PTMI_PK_TUPLE || node->kind == PTMI_PK_LIST) && node->n_items == n;
}

static ptm_rc read_count(struct reader *reader, int64_t *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(reader, &pickle, err));
    if (pickle.root->kind != PTMI_PK_INT || pickle.root->i < 0)
        return wrong(reader, pickle.begin, "a count is wanted", err);
    *out = pickle.root->i;
    return PTM_OK;
}

static ptm_rc begin_member(struct reader *reader, const char *name, ptmi_source **out,
                           struct ptm_err *err)
{
    const struct ptmi_tar_member *member = ptmi_tar_find(&reader->tar, name);
    if (!member || (member->type != '0' && member->type != 0))
        return ptm_err_set(err, PTM_EFORMAT, "%s: a tar file without the member %s of a checkpoint",
                           ptmi_source_name(reader->tar.source), name);
    PTM_TRY(ptmi_tar_open(&reader->tar, member, out, err));
    reader->at = (struct ptmi_cursor)PTMI_CURSOR(*out, 0, ptmi_source_size(*out));
    return PTM_OK;
}

static ptm_rc end_member(const struct reader *reader, struct ptm_err *err)
{
    if (ptmi_cursor_left(&reader->at) == 0) return PTM_OK;
    return wrong(reader, reader->at.pos, "data after the last entry", err);
}

/* --- storages --- */

/* (key, location, class) */
static ptm_rc read_storage_id(struct reader *reader, struct object *out, const char **out_device,
                              struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(reader, &pickle, err));
    const struct ptmi_pk *root = pickle.root;
    if (!is_row(root, 3) || root->items[0]->kind != PTMI_PK_INT ||
        root->items[1]->kind != PTMI_PK_STR || root->items[2]->kind != PTMI_PK_GLOBAL)
        return wrong(reader, pickle.begin, "no storage's (key, location, class)", err);
    out->key = root->items[0]->i;
    out->element = ptmi_storage_class_dtype(root->items[2]->name);
    if (out->element == PTM_DTYPE_NONE || strncmp(root->items[2]->module, "torch", 5) != 0)
        return wrong(reader, root->items[2]->at, "not a storage class of torch", err);
    return ptmi_weights_text(reader->weights, root->items[1]->bytes, root->items[1]->n, out_device,
                             err);
}

static ptm_rc read_storage(struct reader *reader, struct ptm_err *err)
{
    struct object object = {0};
    struct ptm_storage storage = {0};
    struct ptmi_storage_from from = {0};
    uint64_t count = 0;
    char key[24];
    PTM_TRY(read_storage_id(reader, &object, &storage.device, err));
    PTM_TRY(ptmi_cursor_u64(&reader->at, &count, err));
    if (count > INT64_MAX) return wrong(reader, reader->at.pos - 8, "a negative count", err);
    object.numel = (int64_t)count;
    PTM_TRY(ptmi_weights_size_of("a storage", object.element, object.numel, &storage.nbytes, err));
    from.offset = reader->at.pos;
    PTM_TRY(ptmi_cursor_skip(&reader->at, (uint64_t)storage.nbytes, err));
    snprintf(key, sizeof key, "%" PRId64, object.key);
    PTM_TRY(ptmi_weights_text(reader->weights, key, strlen(key), &storage.key, err));
    from.source = ptmi_source_ref(reader->at.source);
    PTM_TRY(ptmi_weights_add_storage(reader->weights, &storage, &from, &object.storage, err));
    return push(reader, &reader->storages, &object, err);
}

/* (key, key of the whole, offset, elements) */
static ptm_rc read_view(struct reader *reader, size_t n_whole, const struct ptmi_pk *row,
                        struct ptm_err *err)
{
    bool numbers = is_row(row, 4);
    for (int i = 0; numbers && i < 4; i++) numbers = row->items[i]->kind == PTMI_PK_INT;
    if (!numbers) return wrong(reader, row->at, "no view's (key, storage, offset, elements)", err);
    const struct objects wholes = {reader->storages.items, n_whole, n_whole};
    const struct object *whole = find(&wholes, row->items[1]->i);
    if (!whole) return wrong(reader, row->at, "a view of a storage that is not there", err);
    int64_t offset = row->items[2]->i, numel = row->items[3]->i, end;
    if (offset < 0 || numel < 0 || __builtin_add_overflow(offset, numel, &end) ||
        end > whole->numel)
        return wrong(reader, row->at, "a view that leaves its storage", err);
    struct object object = *whole;
    object.key = row->items[0]->i;
    object.offset = offset;
    object.numel = numel;
    return push(reader, &reader->storages, &object, err);
}

static ptm_rc read_views(struct reader *reader, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(reader, &pickle, err));
    if (pickle.root->kind != PTMI_PK_LIST)
        return wrong(reader, pickle.begin, "no list of views", err);
    PTM_TRY(sort(reader, &reader->storages, err));
    size_t n_whole = reader->storages.n;
    for (uint64_t i = 0; i < pickle.root->n_items; i++)
        PTM_TRY(read_view(reader, n_whole, pickle.root->items[i], err));
    return sort(reader, &reader->storages, err);
}

static ptm_rc read_storages(struct reader *reader, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *member = NULL;
    int64_t count = 0;
    PTM_TRY(begin_member(reader, "storages", &member, err));
    PTM_TRY(read_count(reader, &count, err));
    for (int64_t i = 0; i < count; i++) PTM_TRY(read_storage(reader, err));
    PTM_TRY(read_views(reader, err));
    return end_member(reader, err);
}

/* --- tensors --- */

/* (key, storage's key, class): the storage's class says the dtype. */
static ptm_rc read_tensor_id(struct reader *reader, struct object *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    PTM_TRY(next_pickle(reader, &pickle, err));
    const struct ptmi_pk *root = pickle.root;
    if (!is_row(root, 3) || root->items[0]->kind != PTMI_PK_INT ||
        root->items[1]->kind != PTMI_PK_INT || root->items[2]->kind != PTMI_PK_GLOBAL)
        return wrong(reader, pickle.begin, "no tensor's (key, storage, class)", err);
    const struct object *storage = find(&reader->storages, root->items[1]->i);
    if (!storage) return wrong(reader, root->items[1]->at, "a storage that is not there", err);
    *out = *storage;
    out->key = root->items[0]->i;
    return PTM_OK;
}

static ptm_rc read_int64s(struct reader *reader, int n, const int64_t **out, struct ptm_err *err)
{
    int64_t *numbers = NULL;
    PTM_TRY(ptmi_weights_alloc(reader->weights, ((size_t)n + 1) * sizeof *numbers,
                               (void **)&numbers, err));
    for (int i = 0; i < n; i++) PTM_TRY(ptmi_cursor_u64(&reader->at, (uint64_t *)&numbers[i], err));
    *out = numbers;
    return PTM_OK;
}

static ptm_rc read_tensor(struct reader *reader, struct ptm_err *err)
{
    struct object object = {0};
    struct ptm_tensor *tensor = NULL;
    uint32_t n_dims = 0;
    uint64_t offset = 0;
    PTM_TRY(read_tensor_id(reader, &object, err));
    PTM_TRY(ptmi_cursor_u32(&reader->at, &n_dims, err));
    if (n_dims > PTM_LIMIT_DIMS)
        return wrong(reader, reader->at.pos - 4, "too many dimensions", err);
    PTM_TRY(ptmi_cursor_skip(&reader->at, 4, err));
    PTM_TRY(ptmi_weights_alloc(reader->weights, sizeof *tensor, (void **)&tensor, err));
    tensor->n_dims = (int)n_dims;
    PTM_TRY(read_int64s(reader, tensor->n_dims, &tensor->shape, err));
    PTM_TRY(read_int64s(reader, tensor->n_dims, &tensor->stride, err));
    PTM_TRY(ptmi_cursor_u64(&reader->at, &offset, err));
    if (offset > INT64_MAX ||
        __builtin_add_overflow((int64_t)offset, object.offset, &tensor->offset))
        return wrong(reader, reader->at.pos - 8, "an offset beyond 63 bits", err);
    tensor->name = "";
    tensor->dtype = object.element;
    tensor->storage = object.storage;
    PTM_TRY(ptmi_weights_check(reader->weights, "a tensor", tensor, err));
    object.tensor = tensor;
    return push(reader, &reader->tensors, &object, err);
}

static ptm_rc read_tensors(struct reader *reader, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *member = NULL;
    int64_t count = 0;
    PTM_TRY(begin_member(reader, "tensors", &member, err));
    PTM_TRY(read_count(reader, &count, err));
    for (int64_t i = 0; i < count; i++) PTM_TRY(read_tensor(reader, err));
    PTM_TRY(sort(reader, &reader->tensors, err));
    return end_member(reader, err);
}

/* --- the object --- */

/* torch takes int() of what a persistent id is. */
static bool id_key(const struct ptmi_pk *id, int64_t *out)
{
    char text[24];
    if (id->kind == PTMI_PK_INT) {
        *out = id->i;
        return true;
    }
    if (id->kind != PTMI_PK_STR || id->n == 0 || id->n >= sizeof text ||
        memchr(id->bytes, 0, id->n))
        return false;
    memcpy(text, id->bytes, id->n);
    text[id->n] = 0;
    return ptmi_str_int(text, INT64_MIN, INT64_MAX, out);
}

static ptm_rc look_up_tensor(void *arg, const struct ptmi_pk *id, const struct ptm_tensor **out,
                             struct ptm_err *err)
{
    struct reader *reader = arg;
    int64_t key;
    const struct object *found = id_key(id, &key) ? find(&reader->tensors, key) : NULL;
    (void)err;
    *out = found ? found->tensor : NULL;
    return PTM_OK;
}

static ptm_rc look_up_storage(void *arg, const struct ptmi_pk *id, size_t *out,
                              ptm_dtype *out_element, int64_t *out_offset, struct ptm_err *err)
{
    struct reader *reader = arg;
    int64_t key;
    const struct object *found = id_key(id, &key) ? find(&reader->storages, key) : NULL;
    if (!found)
        return wrong(reader, id->at, "a persistent id that is no tensor and no storage", err);
    *out = found->storage;
    *out_element = found->element;
    *out_offset = found->offset;
    return PTM_OK;
}

static ptm_rc read_object(struct reader *reader, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *member = NULL;
    PTM_AUTO(ptmi_pickle_clear) struct ptmi_pickle pickle = {0};
    char producer[64];
    const struct ptmi_storage_lookup lookup = {look_up_storage, look_up_tensor, reader};
    PTM_TRY(begin_member(reader, "pickle", &member, err));
    PTM_TRY(next_pickle(reader, &pickle, err));
    PTM_TRY(end_member(reader, err));
    snprintf(producer, sizeof producer, "torch.save (tar, protocol %d)", pickle.protocol);
    PTM_TRY(ptmi_weights_text(reader->weights, producer, strlen(producer),
                              &reader->weights->producer, err));
    return ptmi_torch_objects(reader->weights, &pickle, &lookup, err);
}

/* --- the format --- */

static int probe(const struct ptmi_probe *probe)
{
    return ptmi_tar_is(probe->head, probe->head_len) ? 100 : 0;
}

static ptm_rc open_tar(struct ptm_weights *weights, ptmi_source *source, struct ptm_err *err)
{
    PTM_AUTO(reader_clear) struct reader reader = {.weights = weights};
    PTM_TRY(ptmi_tar_read(source, &reader.tar, err));
    if (!ptmi_tar_find(&reader.tar, "storages") || !ptmi_tar_find(&reader.tar, "pickle"))
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: a tar file, but no checkpoint of torch",
                           ptmi_source_name(source));
    PTM_TRY(read_storages(&reader, err));
    PTM_TRY(read_tensors(&reader, err));
    return read_object(&reader, err);
}

const struct ptmi_weight_format ptmi_format_pt_tar = {
    .name = "pytorch-tar",
    .probe = probe,
    .open = open_tar,
};
