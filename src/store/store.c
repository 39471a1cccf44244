/* SPDX-License-Identifier: MIT */
/*
 * store.c - opens the store, finds, lists, verifies and removes objects. Writing them is in
 * store_put.c and store_slot.c, handing them out in store_link.c.
 */
#include <ptm/store.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/hash.h"
#include "../base/path.h"
#include "../base/str.h"
#include "store_priv.h"

bool ptmi_store_is_oid(const char *oid)
{
    return oid && ptmi_str_is_hex(oid, OID_HEX);
}

ptm_rc ptmi_store_object_path(const ptm_store *store, const char *oid, char **out,
                              struct ptm_err *err)
{
    if (!ptmi_store_is_oid(oid))
        return ptm_err_set(err, PTM_EINVAL, "%s: not an object's name (64 lower-case hex digits)",
                           oid ? oid : "(none)");
    char *path = ptmi_str_printf("%s/%.2s/%.2s/%s", store->objects, oid, oid + 2, oid);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "object %s: out of memory", oid);
    *out = path;
    return PTM_OK;
}

PTM_DEFINE_CLEANUP(close_store, ptm_store *, ptm_store_close)

ptm_rc ptm_store_open(ptm_ctx *ctx, const char *root, ptm_store **out, struct ptm_err *err)
{
    PTM_AUTO(close_store) ptm_store *store = calloc(1, sizeof *store);
    if (!store) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", root);
    store->ctx = ctx;
    store->objects = ptmi_path_join(root, ".ptm/objects/sha256");
    store->tmp = ptmi_path_join(root, ".ptm/tmp");
    store->locks = ptmi_path_join(root, ".ptm/locks");
    if (!store->objects || !store->tmp || !store->locks)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", root);
    PTM_TRY(ptmi_fs_mkdirs(store->objects, err));
    PTM_TRY(ptmi_fs_mkdirs(store->tmp, err));
    PTM_TRY(ptmi_fs_mkdirs(store->locks, err));
    ptmi_store_tmp_sweep(store);
    *out = ptm_steal(&store);
    return PTM_OK;
}

void ptm_store_close(ptm_store *store)
{
    if (!store) return;
    free(store->objects);
    free(store->tmp);
    free(store->locks);
    free(store);
}

bool ptm_store_has(ptm_store *store, const char *oid, int64_t *out_size)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    struct stat st;
    if (ptmi_store_object_path(store, oid, &path, NULL) < 0) return false;
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    if (out_size) *out_size = st.st_size;
    return true;
}

ptm_rc ptm_store_path(ptm_store *store, const char *oid, char **out, struct ptm_err *err)
{
    return ptmi_store_object_path(store, oid, out, err);
}

ptm_rc ptm_store_verify(ptm_store *store, const char *oid, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_TRY(ptmi_store_object_path(store, oid, &path, err));
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 && errno == ELOOP)
        return ptm_err_set(err, PTM_ECORRUPT, "%s: a symbolic link, not an object", path);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", path);
    if (!S_ISREG(st.st_mode))
        return ptm_err_set(err, PTM_ECORRUPT, "%s: not a regular file, not an object", path);
    char found[OID_HEX + 1] = "";
    ptm_rc rc = ptmi_hash_fd(PTMI_SHA256, fd, found, NULL, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", path);
    if (strcmp(found, oid) != 0)
        return ptm_err_set(err, PTM_ECORRUPT, "%s: damaged, its SHA-256 is %s now", path, found);
    return PTM_OK;
}

ptm_rc ptm_store_remove(ptm_store *store, const char *oid, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_TRY(ptmi_store_object_path(store, oid, &path, err));
    if (unlink(path) != 0 && errno != ENOENT)
        return ptm_err_sys(err, errno, "%s: cannot remove", path);
    return PTM_OK;
}

/* One walk: the callback and how far down we are. */
struct walk {
    ptm_store_each_fn fn;
    void *arg;
    char prefix[5]; /* "aabb" as far as known: what names below must begin with */
    struct ptm_err *err;
};

static ptm_rc visit_object(struct walk *walk, int dir, const char *name)
{
    struct stat st;
    if (!ptmi_store_is_oid(name) || !ptmi_str_starts(name, walk->prefix)) return PTM_OK;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) return PTM_OK;
    return walk->fn(walk->arg, name, st.st_size, walk->err);
}

/* Takes fd over. level 0: objects, 1: aa, 2: aa/bb. What does not belong there is passed over. */
static ptm_rc walk_folder(struct walk *walk, int fd, int level)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (!dir) {
        int why = errno;
        if (fd >= 0) close(fd);
        return ptm_err_sys(walk->err, why, "objects/%s: cannot read the folder", walk->prefix);
    }
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (level == 2) {
            PTM_TRY(visit_object(walk, dirfd(dir), entry->d_name));
            continue;
        }
        if (!ptmi_str_is_hex(entry->d_name, 2)) continue;
        memcpy(walk->prefix + (size_t)(2 * level), entry->d_name, 3);
        int below =
            openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) continue;
        PTM_TRY(walk_folder(walk, below, level + 1));
    }
    return PTM_OK;
}

ptm_rc ptm_store_each(ptm_store *store, ptm_store_each_fn fn, void *arg, struct ptm_err *err)
{
    struct walk walk = {.fn = fn, .arg = arg, .err = err};
    int fd = open(store->objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot read the folder", store->objects);
    return walk_folder(&walk, fd, 0);
}
