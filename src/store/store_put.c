/* SPDX-License-Identifier: MIT */
/*
 * store_put.c - how bytes become an object: written beside the tree, hashed on the way, synced, and
 * published under their hash by a hard link, which never replaces anything and cannot be seen half
 * done.
 */
#include <ptm/store.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/hash.h"
#include "../base/log.h"
#include "../base/path.h"
#include "store_priv.h"

#define CHUNK ((size_t)1 << 20)

ptm_rc ptmi_store_set_mtime(int fd, const char *path, struct ptm_err *err)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = OBJECT_MTIME}};
    if (futimens(fd, times) != 0) return ptm_err_sys(err, errno, "%s: cannot set its time", path);
    return PTM_OK;
}

/* Makes a folder; when it is new, its name is synced into the parent, so that an object in it
 * survives a power cut. */
static ptm_rc make_synced(const char *path, struct ptm_err *err)
{
    if (mkdir(path, 0777) != 0) {
        if (errno == EEXIST) return PTM_OK;
        return ptm_err_sys(err, errno, "%s: cannot make the folder", path);
    }
    PTM_AUTO(ptmi_freep) char *parent = ptmi_path_dir(path);
    if (!parent) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    return ptmi_fs_fsync_dir(parent, err);
}

static ptm_rc make_folders(const char *bb, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *aa = ptmi_path_dir(bb);
    if (!aa) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", bb);
    PTM_TRY(make_synced(aa, err));
    return make_synced(bb, err);
}

/* The object is there: the same bytes, since its name is their hash. Unless a crash of the machine
 * cut it short. */
static ptm_rc keep_present(const ptm_store *store, int fd, const char *path, const char *object,
                           struct ptm_err *err)
{
    struct stat ours, present;
    if (fstat(fd, &ours) == 0 && lstat(object, &present) == 0 && ours.st_size == present.st_size)
        return PTM_OK;
    ptmi_log(store->ctx, PTM_LOG_WARN, "store", "%s: was damaged, replaced by verified content",
             object);
    if (rename(path, object) != 0) return ptm_err_sys(err, errno, "%s: cannot replace", object);
    return PTM_OK;
}

static ptm_rc link_or_rename(const ptm_store *store, int fd, const char *path, const char *object,
                             struct ptm_err *err)
{
    if (link(path, object) == 0) return PTM_OK;
    if (errno == EEXIST) return keep_present(store, fd, path, object, err);
    bool no_links = errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK;
    if (!no_links) return ptm_err_sys(err, errno, "%s: cannot publish", object);
    if (ptmi_fs_exists(object)) return keep_present(store, fd, path, object, err);
    if (rename(path, object) != 0) return ptm_err_sys(err, errno, "%s: cannot publish", object);
    return PTM_OK;
}

static ptm_rc publish_ready(const ptm_store *store, int fd, const char *path, const char *oid,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *object = NULL;
    PTM_TRY(ptmi_store_object_path(store, oid, &object, err));
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(object);
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", object);
    PTM_TRY(ptmi_store_set_mtime(fd, path, err));
    if (fsync(fd) != 0) return ptm_err_sys(err, errno, "%s: cannot write", path);
    PTM_TRY(make_folders(folder, err));
    PTM_TRY(link_or_rename(store, fd, path, object, err));
    return ptmi_fs_fsync_dir(folder, err);
}

ptm_rc ptmi_store_publish(const ptm_store *store, int fd, const char *path, const char *oid,
                          struct ptm_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", path);
    /* 0444 less the umask its maker had. */
    mode_t read_only = (st.st_mode & 0444) | S_IRUSR;
    if (fchmod(fd, read_only) != 0)
        return ptm_err_sys(err, errno, "%s: cannot make it read-only", path);
    ptm_rc rc = publish_ready(store, fd, path, oid, err);
    if (rc < 0) {
        (void)fchmod(fd, st.st_mode & 07777); /* a part must stay writable for the next try */
        return rc;
    }
    (void)unlink(path); /* gone already when it was renamed */
    return PTM_OK;
}

PTM_DEFINE_CLEANUP(free_hash, ptmi_hash *, ptmi_hash_free)

static ptm_rc copy_hashed(ptm_store *store, int fd, const struct ptmi_store_tmp *tmp, char *out_oid,
                          struct ptm_err *err)
{
    PTM_AUTO(free_hash) ptmi_hash *hash = NULL;
    PTM_TRY(ptmi_hash_new(PTMI_SHA256, &hash, err));
    PTM_AUTO(ptmi_freep) char *chunk = malloc(CHUNK);
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", tmp->path);
    for (;;) {
        if (ptm_ctx_canceled(store->ctx) >= 2)
            return ptm_err_set(err, PTM_ECANCELED, "interrupted while storing a file");
        ssize_t got = read(fd, chunk, CHUNK);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ptm_err_sys(err, errno, "cannot read what is to be stored");
        if (got == 0) return ptmi_hash_hex(hash, out_oid, err);
        ptmi_hash_update(hash, chunk, (size_t)got);
        int why = ptmi_fs_write_all(tmp->fd, chunk, (size_t)got);
        if (why) return ptm_err_sys(err, why, "%s: cannot write", tmp->path);
    }
}

static ptm_rc check_expected(const char *expected, const char *found, struct ptm_err *err)
{
    if (!expected || strcmp(expected, found) == 0) return PTM_OK;
    return ptm_err_set(err, PTM_EHASH, "content has SHA-256 %s, not %s as expected", found,
                       expected);
}

static ptm_rc put_new(ptm_store *store, int fd, const char *expected_oid, char *oid,
                      struct ptm_err *err)
{
    PTM_AUTO(ptmi_store_tmp_clear) struct ptmi_store_tmp tmp = PTMI_STORE_TMP_INIT;
    PTM_TRY(ptmi_store_tmp_make(store, &tmp, err));
    PTM_TRY(copy_hashed(store, fd, &tmp, oid, err));
    PTM_TRY(check_expected(expected_oid, oid, err));
    return ptmi_store_publish(store, tmp.fd, tmp.path, oid, err);
}

ptm_rc ptm_store_put_fd(ptm_store *store, int fd, const char *expected_oid, char out_oid[65],
                        struct ptm_err *err)
{
    char oid[OID_HEX + 1] = "";
    if (expected_oid && !ptmi_store_is_oid(expected_oid))
        return ptm_err_set(err, PTM_EINVAL, "%s: not an object's name (64 lower-case hex digits)",
                           expected_oid);
    if (expected_oid && ptm_store_has(store, expected_oid, NULL)) {
        /* There already: only the promise is checked, nothing is written. */
        PTM_TRY(ptmi_hash_fd(PTMI_SHA256, fd, oid, NULL, err));
        PTM_TRY(check_expected(expected_oid, oid, err));
    } else {
        PTM_TRY(put_new(store, fd, expected_oid, oid, err));
    }
    if (out_oid) memcpy(out_oid, oid, sizeof oid);
    return PTM_OK;
}
