/* SPDX-License-Identifier: MIT */
/*
 * scan_torch.c - what a zip file that torch.load reads must be besides a zip file: a version, and
 * for every storage that the pickle names a record of exactly its size. Of a shorter one torch of
 * before 2.10 reads whatever is behind it in memory (CVE-2026-24747).
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/str.h"
#include "scan_priv.h"
#include "torch_objects.h"

/* A storage as a persistent id has it. */
struct storage {
    char key[64];
    uint64_t nbytes;
    uint64_t at; /* in the pickle */
};

/* ('storage', StorageClass, key, location, numel): false for others, and for those on "meta", which
 * have no bytes. */
static bool read_id(const struct ptmi_pk *persid, struct storage *out)
{
    const struct ptmi_pk *id = persid->args;
    if (!id || id->kind != PTMI_PK_TUPLE || id->n_items < 5) return false;
    const struct ptmi_pk *class = id->items[1], *key = id->items[2], *place = id->items[3];
    const struct ptmi_pk *numel = id->items[4];
    if (class->kind != PTMI_PK_GLOBAL || key->kind != PTMI_PK_STR || key->n >= sizeof out->key ||
        numel->kind != PTMI_PK_INT || numel->i < 0)
        return false;
    if (place->kind == PTMI_PK_STR && place->n == 4 && memcmp(place->bytes, "meta", 4) == 0)
        return false;
    const struct ptm_dtype_info *info = ptm_dtype_info(ptmi_storage_class_dtype(class->name));
    bool untyped = strcmp(class->module, "torch.storage") == 0;
    if (!info && !untyped) return false;
    memcpy(out->key, key->bytes, (size_t)key->n);
    out->key[key->n] = '\0';
    out->at = persid->at;
    return !__builtin_mul_overflow((uint64_t)numel->i, info ? (uint64_t)info->bytes : 1,
                                   &out->nbytes);
}

static int by_key(const void *a, const void *b)
{
    const struct storage *left = a, *right = b;
    int order = strcmp(left->key, right->key);
    return order ? order : (left->at > right->at) - (left->at < right->at);
}

/* All of them, sorted by key. */
static ptm_rc collect(const struct ptmi_pickle *pickle, struct storage **out, size_t *out_n,
                      struct ptm_err *err)
{
    *out = calloc(pickle->n_persids + 1, sizeof **out);
    if (!*out) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    *out_n = 0;
    for (size_t i = 0; i < pickle->n_persids; i++)
        if (read_id(pickle->persids[i], *out + *out_n)) ++*out_n;
    if (*out_n > 1) qsort(*out, *out_n, sizeof **out, by_key);
    return PTM_OK;
}

static ptm_rc check_storage(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            const struct ptmi_zip *zip, const char *top,
                            const struct storage *storage, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_str_printf("%sdata/%s", top, storage->key);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    const struct ptmi_zip_member *record = ptmi_zip_find(zip, name);
    if (!record)
        return ptmi_scan_found(
            scan, item, PTM_UNREADABLE, "torch-storage-missing", -1, err,
            "there is no record %.200s, which data.pkl asks for at byte %" PRIu64, name,
            storage->at);
    if (record->size == storage->nbytes) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-storage-size", (int64_t)record->local,
                           err, "record %.200s has %" PRIu64 " bytes, data.pkl says %" PRIu64, name,
                           record->size, storage->nbytes);
}

/* --- version --- */

static ptm_rc check_version(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            struct ptmi_zip *zip, const char *top, struct ptm_err *err)
{
    const int64_t newest = 10; /* of TorchScript; torch.save writes 3 */
    PTM_AUTO(ptmi_freep) char *name = ptmi_str_printf("%sversion", top);
    PTM_AUTO(ptmi_freep) char *other = ptmi_str_printf("%s.data/version", top);
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    if (!name || !other) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    struct ptmi_zip_member *member = ptmi_zip_find(zip, name);
    if (!member) member = ptmi_zip_find(zip, other);
    char text[24] = "";
    const uint8_t *data = NULL;
    int64_t version = 0;
    if (member && member->size < sizeof text &&
        ptmi_zip_open(zip, member, sizeof text, &source, NULL) == PTM_OK &&
        ptmi_source_at(source, 0, member->size, &data, NULL) == PTM_OK && member->size > 0)
        memcpy(text, data, (size_t)member->size);
    text[strcspn(text, "\r\n")] = '\0';
    if (ptmi_str_int(text, 1, newest, &version)) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-version", -1, err,
                           member ? "a version that torch does not know" : "no record version");
}

ptm_rc ptmi_scan_torch_zip(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           struct ptmi_zip *zip, size_t data_pkl, const struct ptmi_pickle *pickle,
                           struct ptm_err *err)
{
    const char *name = zip->members[data_pkl].name;
    PTM_AUTO(ptmi_freep) struct storage *storages = NULL;
    PTM_AUTO(ptmi_freep) char *top = strndup(name, strlen(name) - strlen("data.pkl"));
    size_t n = 0;
    if (!top) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(check_version(scan, item, zip, top, err));
    if (!pickle->root) return PTM_OK; /* broken, which was told */
    PTM_TRY(collect(pickle, &storages, &n, err));
    for (size_t i = 0; i < n; i++) {
        const struct storage *before = i > 0 ? &storages[i - 1] : NULL;
        if (before && strcmp(before->key, storages[i].key) == 0 &&
            before->nbytes == storages[i].nbytes)
            continue;
        PTM_TRY(check_storage(scan, item, zip, top, &storages[i], err));
    }
    return PTM_OK;
}
