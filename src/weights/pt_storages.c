/* SPDX-License-Identifier: MIT */
/*
 * pt_storages.c - collects the storages that the persistent ids of a torch pickle name. Two ids of
 * one key may differ: torch makes one storage of the first it meets, here the largest counts for a
 * zip (whose record must hold it) and the first for a legacy stream (whose layout follows it).
 */
#include "pt_storages.h"

#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "torch_objects_priv.h"

void ptmi_pt_storages_clear(struct ptmi_pt_storages *storages)
{
    free(storages->items);
    *storages = (struct ptmi_pt_storages){0};
}

/* ('module', ..): the source code of a class. */
static bool is_module(const struct ptmi_pk *id)
{
    return id && id->kind == PTMI_PK_TUPLE && id->n_items > 0 &&
           ptmi_pk_is_tag(id->items[0], "module");
}

static int by_key(const void *a, const void *b)
{
    const struct ptmi_pt_storage *x = a, *y = b;
    int order = strcmp(x->key, y->key);
    if (order != 0) return order;
    return x->order < y->order ? -1 : x->order > y->order;
}

static ptm_rc read_one(struct ptm_weights *weights, const struct ptmi_pk *id,
                       struct ptmi_pt_storage *out, struct ptm_err *err)
{
    struct ptmi_storage_id read = {0};
    PTM_TRY(ptmi_storage_id_read(weights, id, &read, err));
    *out = (struct ptmi_pt_storage){.key = read.key,
                                    .device = read.location,
                                    .element = read.element,
                                    .numel = read.numel,
                                    .first_nbytes = read.nbytes,
                                    .nbytes = read.nbytes,
                                    .index = PTM_NO_STORAGE};
    return PTM_OK;
}

/* Leaves the first entry of each key, with the largest size of all. */
static void merge(struct ptmi_pt_storages *storages)
{
    size_t kept = 0;
    for (size_t i = 0; i < storages->n; i++) {
        struct ptmi_pt_storage *now = &storages->items[i];
        struct ptmi_pt_storage *last = kept > 0 ? &storages->items[kept - 1] : NULL;
        if (!last || strcmp(last->key, now->key) != 0)
            storages->items[kept++] = *now;
        else if (now->nbytes > last->nbytes)
            last->nbytes = now->nbytes;
    }
    storages->n = kept;
}

ptm_rc ptmi_pt_storages_collect(struct ptm_weights *weights, const struct ptmi_pickle *pickle,
                                struct ptmi_pt_storages *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_pt_storages_clear) struct ptmi_pt_storages found = {0};
    found.items = calloc(pickle->n_persids + 1, sizeof *found.items);
    if (!found.items) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", weights->path);
    for (size_t i = 0; i < pickle->n_persids; i++) {
        const struct ptmi_pk *id = pickle->persids[i]->args;
        if (is_module(id)) continue;
        PTM_TRY(read_one(weights, id, &found.items[found.n], err));
        found.items[found.n].order = i;
        found.n++;
    }
    qsort(found.items, found.n, sizeof *found.items, by_key);
    merge(&found);
    *out = found;
    found = (struct ptmi_pt_storages){0};
    return PTM_OK;
}

static int key_is(const void *key, const void *item)
{
    return strcmp(key, ((const struct ptmi_pt_storage *)item)->key);
}

struct ptmi_pt_storage *ptmi_pt_storages_find(const struct ptmi_pt_storages *storages,
                                              const char *key)
{
    if (storages->n == 0) return NULL;
    return bsearch(key, storages->items, storages->n, sizeof *storages->items, key_is);
}
