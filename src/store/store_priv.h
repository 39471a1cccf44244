/* SPDX-License-Identifier: MIT */
/*
 * store_priv.h - what the files of the store share.
 *
 *     ROOT/.ptm/objects/sha256/aa/bb/<oid>   objects: read-only, mtime OBJECT_MTIME
 *     ROOT/.ptm/tmp/<oid>.part               unfinished transfers, kept and resumed
 *     ROOT/.ptm/tmp/put-XXXXXX               this moment's temporary files, locked by who writes
 * them ROOT/.ptm/locks/object-<oid>.lock      who fetches oid; removed when given back
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <ptm/store.h>

/* 2000-01-01T00:00:00Z: before any index that git writes, so that no entry is ever "racily clean".
 */
#define OBJECT_MTIME 946684800
#define OID_HEX 64
#define LOCK_PREFIX "object-"
#define TMP_PREFIX "put-"
#define LINK_SUFFIX ".link"
#define PART_SUFFIX ".part"

struct ptm_store {
    ptm_ctx *ctx;
    char *objects; /* ROOT/.ptm/objects/sha256 */
    char *tmp;
    char *locks;
    atomic_bool no_reflinks; /* the file system has said so: do not ask for every file */
};

bool ptmi_store_is_oid(const char *oid);
/* objects/aa/bb/<oid>; PTM_EINVAL when oid is none. */
PTM_MUST_USE ptm_rc ptmi_store_object_path(const ptm_store *store, const char *oid, char **out,
                                           struct ptm_err *err);

/* malloc'ed; NULL when out of memory. */
char *ptmi_store_lock_path(const ptm_store *store, const char *oid);

/*
 * A temporary file in ROOT/.ptm/tmp, locked so that no other process sweeps it away. clear removes
 * it if it still has its name.
 */
struct ptmi_store_tmp {
    int fd;
    char *path;
};
#define PTMI_STORE_TMP_INIT \
    {                       \
        -1, NULL            \
    }
PTM_MUST_USE ptm_rc ptmi_store_tmp_make(const ptm_store *store, struct ptmi_store_tmp *out,
                                        struct ptm_err *err);
void ptmi_store_tmp_clear(struct ptmi_store_tmp *tmp);
/* Removes what killed processes left; best effort, silent. Parts that can be resumed stay. */
void ptmi_store_tmp_sweep(ptm_store *store);

/*
 * Makes the whole and verified file path (open as fd, in ROOT/.ptm/tmp) the object oid, unless it
 * is there already. The name in tmp is gone afterwards. On failure path is as writable as it was.
 */
PTM_MUST_USE ptm_rc ptmi_store_publish(const ptm_store *store, int fd, const char *path,
                                       const char *oid, struct ptm_err *err);
/* Sets the mtime that objects and what is linked from them have. */
PTM_MUST_USE ptm_rc ptmi_store_set_mtime(int fd, const char *path, struct ptm_err *err);
