/* SPDX-License-Identifier: MIT */
/*
 * safetensors_index.c - reads a checkpoint of several safetensors files by its index:
 *
 *     {"metadata": {"total_size": 123, ..},
 *      "weight_map": {"TENSOR": "model-00001-of-00002.safetensors", ..}}
 *
 * The tensors come in the map's order. Files are opened from the index's own folder alone, each
 * must be safetensors and hold what the map promises of it; what a file holds beyond that is not
 * listed. Source: huggingface_hub and transformers, which write and read it; there is no
 * specification.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/json.h"
#include "../base/limits.h"
#include "../base/str.h"
#include "safetensors.h"
#include "weights_priv.h"

struct shard {
    const char *file;    /* of the document */
    ptm_weights *opened; /* NULL: not yet */
    size_t storage;      /* of ours */
};

struct entry {
    const char *tensor, *file; /* of the document */
    size_t shard;
};

struct index {
    struct ptm_weights *weights;
    yyjson_doc *doc;
    struct entry *entries; /* in the map's order */
    size_t n_entries;
    struct shard *shards;
    size_t n_shards;
};

static void clear_index(struct index *index)
{
    for (size_t i = 0; i < index->n_shards; i++) ptm_weights_close(index->shards[i].opened);
    free(index->shards);
    free(index->entries);
    yyjson_doc_free(index->doc);
}

static ptm_rc no_memory(const struct index *index, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", index->weights->path);
}

static ptm_rc parse(struct index *index, ptmi_source *source, yyjson_val **out_map,
                    struct ptm_err *err)
{
    const char *path = index->weights->path;
    const uint8_t *text = NULL;
    uint64_t len = ptmi_source_size(source);
    if (len > PTM_LIMIT_JSON)
        return ptm_err_set(err, PTM_ELIMIT, "%s: an index of %llu bytes, more than %u", path,
                           (unsigned long long)len, PTM_LIMIT_JSON);
    PTM_TRY(ptmi_source_at(source, 0, len, &text, err));
    PTM_TRY(ptmi_json_parse((const char *)text, (size_t)len, path, &index->doc, err));
    yyjson_val *map = NULL;
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(yyjson_doc_get_root(index->doc), &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (!yyjson_equals_str(key, "weight_map")) continue;
        if (map) return ptm_err_set(err, PTM_EFORMAT, "%s: two weight_maps", path);
        map = yyjson_obj_iter_get_val(key);
    }
    if (!yyjson_is_obj(map))
        return ptm_err_set(err, PTM_EFORMAT, "%s: has no weight_map, so it is no index", path);
    *out_map = map;
    return PTM_OK;
}

static ptm_rc take_entries(struct index *index, yyjson_val *map, struct ptm_err *err)
{
    index->entries = calloc(yyjson_obj_size(map) + 1, sizeof *index->entries);
    if (!index->entries) return no_memory(index, err);
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(map, &iter);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *file = yyjson_obj_iter_get_val(key);
        if (!ptmi_json_is_plain(key) || !ptmi_json_is_plain(file))
            return ptm_err_set(err, PTM_EFORMAT,
                               "%s: entry %zu of weight_map is not a name and a file's name",
                               index->weights->path, index->n_entries);
        index->entries[index->n_entries++] =
            (struct entry){.tensor = yyjson_get_str(key), .file = yyjson_get_str(file)};
    }
    return PTM_OK;
}

static int by_file(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;
    return strcmp((*x)->file, (*y)->file);
}

/* Numbers the different files that the entries name. */
static ptm_rc find_shards(struct index *index, struct ptm_err *err)
{
    size_t n = index->n_entries;
    PTM_AUTO(ptmi_freep) struct entry **sorted = calloc(n + 1, sizeof *sorted);
    index->shards = calloc(n + 1, sizeof *index->shards);
    if (!sorted || !index->shards) return no_memory(index, err);
    for (size_t i = 0; i < n; i++) sorted[i] = &index->entries[i];
    qsort(sorted, n, sizeof *sorted, by_file);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(sorted[i - 1]->file, sorted[i]->file) != 0)
            index->shards[index->n_shards++].file = sorted[i]->file;
        sorted[i]->shard = index->n_shards - 1;
    }
    if (index->n_shards > PTM_LIMIT_SHARDS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: names %zu files, more than %d",
                           index->weights->path, index->n_shards, PTM_LIMIT_SHARDS);
    return PTM_OK;
}

/* --- properties --- */

static ptm_rc add_property(struct index *index, yyjson_val *key, yyjson_val *value,
                           struct ptm_err *err)
{
    const char *path = index->weights->path;
    if (!ptmi_json_is_plain(key) || (yyjson_is_str(value) && !ptmi_json_is_plain(value)))
        return ptm_err_set(err, PTM_EFORMAT, "%s: a NUL in its metadata", path);
    const char *name = yyjson_get_str(key);
    if (yyjson_is_str(value))
        return ptmi_weights_add_meta(index->weights, name, yyjson_get_str(value), err);
    PTM_AUTO(ptmi_freep) char *text = yyjson_val_write(value, 0, NULL);
    if (!text) return no_memory(index, err);
    return ptmi_weights_add_meta(index->weights, name, text, err);
}

static ptm_rc add_properties(struct index *index, struct ptm_err *err)
{
    yyjson_val *metas = ptmi_json_get(yyjson_doc_get_root(index->doc), "metadata");
    yyjson_obj_iter iter;
    yyjson_obj_iter_init(metas, &iter); /* no object: none */
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));)
        PTM_TRY(add_property(index, key, yyjson_obj_iter_get_val(key), err));
    return PTM_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct ptm_meta *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);
    return order ? order : *x < *y ? -1 : *x > *y;
}

/* Each file says {"format": "pt"}, and the index may too: the first of equal keys stays. */
static ptm_rc drop_doubles(struct ptm_weights *weights, struct ptm_err *err)
{
    size_t n = weights->n_metas, kept = 0;
    PTM_AUTO(ptmi_freep) struct ptm_meta **sorted = calloc(n + 1, sizeof *sorted);
    if (!sorted) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (size_t i = 0; i < n; i++) sorted[i] = &weights->metas[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    const char *last = NULL;
    for (size_t i = 0; i < n; i++) {
        bool twice = last && strcmp(last, sorted[i]->key) == 0;
        last = sorted[i]->key;
        if (twice) sorted[i]->key = NULL;
    }
    for (size_t i = 0; i < n; i++)
        if (weights->metas[i].key) weights->metas[kept++] = weights->metas[i];
    weights->n_metas = kept;
    return PTM_OK;
}

/* What a file that may not open others can still say. */
static ptm_rc name_shards(struct index *index, struct ptm_err *err)
{
    struct ptmi_buf names = PTMI_BUF(PTM_LIMIT_JSON);
    ptm_rc rc = ptmi_buf_putc(&names, '[', err);
    for (size_t i = 0; i < index->n_shards && rc == PTM_OK; i++) {
        if (i > 0) rc = ptmi_buf_putc(&names, ',', err);
        if (rc == PTM_OK) rc = ptmi_buf_json_str(&names, index->shards[i].file, err);
    }
    if (rc == PTM_OK) rc = ptmi_buf_putc(&names, ']', err);
    if (rc == PTM_OK)
        rc = ptmi_weights_add_meta(index->weights, "shards_not_opened", names.data, err);
    ptmi_buf_clear(&names);
    return rc;
}

/* --- tensors --- */

static ptm_rc add_metas_of(struct index *index, const ptm_weights *shard, struct ptm_err *err)
{
    for (size_t i = 0; i < shard->n_metas; i++)
        PTM_TRY(
            ptmi_weights_add_meta(index->weights, shard->metas[i].key, shard->metas[i].value, err));
    return PTM_OK;
}

static ptm_rc open_shard(struct index *index, struct shard *shard, struct ptm_err *err)
{
    struct ptm_weights *weights = index->weights;
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    opts.writable = weights->opts.writable;
    opts.no_siblings = true; /* an index that names an index names itself sooner or later */
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_weights_sibling(weights, shard->file, &source, err));
    ptm_rc rc = ptmi_weights_open_source(source, ptmi_source_name(source), weights->net, &opts,
                                         &shard->opened, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", weights->path);
    const ptm_weights *opened = shard->opened;
    if (strcmp(opened->format, "safetensors") != 0)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: %s is %s; only indexes of safetensors files are read",
                           weights->path, opened->path, opened->format);
    struct ptmi_storage_from from = opened->from[0];
    ptmi_source_ref(from.source);
    PTM_TRY(ptmi_weights_add_storage(weights, &opened->storages[0], &from, &shard->storage, err));
    return add_metas_of(index, opened, err);
}

static ptm_rc add_tensor(struct index *index, const struct entry *entry, struct ptm_err *err)
{
    char buf[128];
    struct ptm_weights *weights = index->weights;
    struct shard *shard = &index->shards[entry->shard];
    if (!shard->opened) PTM_TRY(open_shard(index, shard, err));
    const struct ptm_tensor *found = ptm_weights_find(shard->opened, entry->tensor);
    if (!found || ptm_weights_find(weights, entry->tensor))
        return ptm_err_set(err, PTM_EFORMAT, "%s: tensor %s %s", weights->path,
                           ptmi_str_printable(buf, sizeof buf, entry->tensor),
                           found ? "stands in the map twice"
                                 : "is not in the file that the map says it is in");
    struct ptm_tensor tensor = *found;
    void *shape = NULL;
    size_t size = (size_t)found->n_dims * sizeof *found->shape;
    PTM_TRY(ptmi_weights_alloc(weights, size + 1, &shape, err));
    if (size > 0) memcpy(shape, found->shape, size);
    tensor.shape = shape;
    tensor.storage = shard->storage;
    return ptmi_weights_add(weights, entry->tensor, &tensor, NULL, err);
}

ptm_rc ptmi_safetensors_open_index(struct ptm_weights *weights, ptmi_source *source,
                                   struct ptm_err *err)
{
    PTM_AUTO(clear_index) struct index index = {.weights = weights};
    yyjson_val *map = NULL;
    PTM_TRY(parse(&index, source, &map, err));
    PTM_TRY(take_entries(&index, map, err));
    PTM_TRY(find_shards(&index, err));
    PTM_TRY(add_properties(&index, err));
    if (weights->opts.no_siblings) return name_shards(&index, err);
    for (size_t i = 0; i < index.n_entries; i++)
        PTM_TRY(add_tensor(&index, &index.entries[i], err));
    return drop_doubles(weights, err);
}
