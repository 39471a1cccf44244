/* SPDX-License-Identifier: MIT */
/* unit_store.h - for unit tests of the store: open one in a scratch folder, put text, count what is
 * there. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ptm/store.h>

#include "base/auto.h"
#include "base/hash.h"
#include "unit_tmp.h"

PTM_DEFINE_CLEANUP(unit_store_closep, ptm_store *, ptm_store_close)
PTM_DEFINE_CLEANUP(unit_slot_closep, ptm_store_slot *, ptm_store_slot_close)

struct unit_oid {
    char hex[65];
};

static inline struct unit_oid unit_oid_of(const char *text)
{
    struct unit_oid oid = {""};
    if (ptmi_hash_bytes(PTMI_SHA256, text, strlen(text), oid.hex, NULL) != PTM_OK) abort();
    return oid;
}

static inline ptm_store *unit_store(const char *root)
{
    ptm_store *store = NULL;
    struct ptm_err err = {0};
    if (ptm_store_open(NULL, root, &store, &err) != PTM_OK) fprintf(stderr, "%s\n", err.msg);
    return store;
}

/* A file without a name that holds text, at its beginning. */
static inline int unit_text_fd(const char *text)
{
    FILE *file = tmpfile();
    if (!file || fputs(text, file) < 0 || fflush(file) != 0) abort();
    int fd = dup(fileno(file));
    fclose(file);
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) abort();
    return fd;
}

static inline ptm_rc unit_put(ptm_store *store, const char *text, const char *expected,
                              struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = unit_text_fd(text);
    return ptm_store_put_fd(store, fd, expected, NULL, err);
}

static inline ptm_rc unit_count_one(void *arg, const char *oid, int64_t size, struct ptm_err *err)
{
    (void)oid, (void)size, (void)err;
    ++*(int *)arg;
    return PTM_OK;
}

static inline int unit_objects(ptm_store *store)
{
    int n = 0;
    return ptm_store_each(store, unit_count_one, &n, NULL) == PTM_OK ? n : -1;
}

static inline struct stat unit_stat(const char *path)
{
    struct stat st = {0};
    if (lstat(path, &st) != 0) fprintf(stderr, "%s: not there\n", path);
    return st;
}

static inline struct stat unit_object_stat(ptm_store *store, const char *oid)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    if (ptm_store_path(store, oid, &path, NULL) != PTM_OK) abort();
    return unit_stat(path);
}
