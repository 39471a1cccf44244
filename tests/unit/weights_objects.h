/* SPDX-License-Identifier: MIT */
/*
 * weights_objects.h - runs the machine and the objects over one pickle, with a stand-in for the
 * container: every storage id names a storage of as many bytes as it says (at most 4,096), whose
 * bytes are 0, 1, 2 ..; ('tensor', n) is a tensor by itself. Storages are made at their first use.
 */
#pragma once

#include "pickle_build.h"
#include "weights/torch_objects.h"

struct stand_in {
    struct ptm_weights *weights;
    struct {
        const char *key;
        size_t index;
    } known[16];
    size_t n_known;
};

static uint8_t stand_in_bytes[4096];

static inline ptm_rc stand_in_add(struct stand_in *s, const struct ptmi_storage_id *id, size_t *out,
                                  struct ptm_err *err)
{
    struct ptmi_storage_from from = {0};
    struct ptm_storage storage = {.key = id->key, .device = id->location, .nbytes = id->nbytes};
    for (size_t i = 0; i < s->n_known; i++)
        if (strcmp(s->known[i].key, id->key) == 0) {
            *out = s->known[i].index;
            return PTM_OK;
        }
    for (size_t i = 0; i < sizeof stand_in_bytes; i++) stand_in_bytes[i] = (uint8_t)i;
    ptm_rc rc =
        ptmi_source_lend(stand_in_bytes, sizeof stand_in_bytes, "stand-in", &from.source, err);
    if (rc == PTM_OK) rc = ptmi_weights_add_storage(s->weights, &storage, &from, out, err);
    if (rc == PTM_OK && s->n_known < 16) {
        s->known[s->n_known].key = id->key;
        s->known[s->n_known++].index = *out;
    }
    return rc;
}

static inline ptm_rc stand_in_storage(void *arg, const struct ptmi_pk *id, size_t *out,
                                      ptm_dtype *out_element, int64_t *out_offset,
                                      struct ptm_err *err)
{
    struct stand_in *s = arg;
    struct ptmi_storage_id said;
    ptm_rc rc = ptmi_storage_id_read(s->weights, id, &said, err);
    if (rc == PTM_OK) rc = stand_in_add(s, &said, out, err);
    if (rc != PTM_OK) return rc;
    *out_element = said.element;
    *out_offset = said.has_view ? said.view_offset : 0;
    return PTM_OK;
}

static inline ptm_rc stand_in_tensor(void *arg, const struct ptmi_pk *id,
                                     const struct ptm_tensor **out, struct ptm_err *err)
{
    static const int64_t shape[1] = {3};
    struct stand_in *s = arg;
    void *memory = NULL;
    if (id->kind != PTMI_PK_INT) return PTM_OK;
    ptm_rc rc = ptmi_weights_alloc(s->weights, sizeof(struct ptm_tensor), &memory, err);
    if (rc != PTM_OK) return rc;
    struct ptm_tensor *tensor = memory;
    *tensor = (struct ptm_tensor){
        .name = "", .dtype = PTM_INT16, .n_dims = 1, .shape = shape, .storage = PTM_NO_STORAGE};
    *out = tensor;
    return PTM_OK;
}

/* Opened weights around nothing: ptm_weights_close(). */
static inline ptm_rc objects_run(const void *data, size_t len, ptm_weights **out,
                                 struct ptm_err *err)
{
    struct ptmi_pickle pickle = {0};
    struct stand_in s = {.weights = calloc(1, sizeof(struct ptm_weights))};
    const struct ptmi_storage_lookup lookup = {stand_in_storage, stand_in_tensor, &s};
    uint8_t *copy = malloc(len ? len : 1);
    ptm_rc rc = PTM_ENOMEM;
    if (s.weights) {
        pthread_mutex_init(&s.weights->lock, NULL);
        s.weights->arena.max = (size_t)1 << 28;
        s.weights->path = strdup("x.pt");
    }
    if (copy && len > 0) memcpy(copy, data, len);
    if (!copy || !s.weights || !s.weights->path) {
        free(copy);
        rc = ptm_err_set(err, PTM_ENOMEM, "out of memory");
    } else {
        rc = ptmi_source_own(copy, len, "x.pt", &s.weights->source, err);
    }
    if (rc == PTM_OK)
        rc = ptmi_pickle_run(s.weights->source, 0, len, PTMI_TORCH_PICKLE, &pickle, err);
    if (rc == PTM_OK) rc = ptmi_torch_objects(s.weights, &pickle, &lookup, err);
    ptmi_pickle_clear(&pickle);
    if (rc == PTM_OK)
        *out = s.weights;
    else
        ptm_weights_close(s.weights);
    return rc;
}
