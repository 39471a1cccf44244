/* SPDX-License-Identifier: MIT */
/*
 * store_tmp.c - temporary files in ROOT/.ptm/tmp. Each is locked (flock) by its writer for as long
 * as it has that name: a file there whose lock is free was left by a killed process, and the next
 * one to open the store removes it.
 */
#include "store_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/clock.h"
#include "../base/fs.h"
#include "../base/path.h"
#include "../base/str.h"

#define MAKE_TRIES 100      /* a sweeper may take a new file in the instant before it is locked */
#define STALE_SECONDS 86400 /* where the file system has no locks, age tells */

static bool still_names(int fd, const char *path)
{
    struct stat ours, named;
    return fstat(fd, &ours) == 0 && lstat(path, &named) == 0 && ours.st_dev == named.st_dev &&
           ours.st_ino == named.st_ino;
}

ptm_rc ptmi_store_tmp_make(const ptm_store *store, struct ptmi_store_tmp *out, struct ptm_err *err)
{
    for (int n = 0; n < MAKE_TRIES; n++) {
        PTM_AUTO(ptmi_freep)
        char *path = ptmi_str_printf("%s/" TMP_PREFIX "%ld-%08x", store->tmp, (long)getpid(),
                                     ptmi_clock_random(UINT32_MAX));
        if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", store->tmp);
        /* Not mkstemp: its 0600 would make objects unreadable for the group that shares the mirror.
         */
        PTM_AUTO(ptmi_closep)
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno == EEXIST) continue;
        if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot write there", store->tmp);
        (void)flock(fd, LOCK_EX);
        if (!still_names(fd, path)) continue;
        out->path = ptm_steal(&path);
        out->fd = fd;
        fd = -1;
        return PTM_OK;
    }
    return ptm_err_set(err, PTM_EBUSY, "%s: no free name for a temporary file", store->tmp);
}

void ptmi_store_tmp_clear(struct ptmi_store_tmp *tmp)
{
    /* Its name goes only if it is still ours: it may have been renamed away. */
    if (tmp->path && tmp->fd >= 0 && still_names(tmp->fd, tmp->path)) (void)unlink(tmp->path);
    if (tmp->fd >= 0) close(tmp->fd);
    free(tmp->path);
    tmp->fd = -1;
    tmp->path = NULL;
}

static bool is_old(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && ptmi_clock_unix() - (int64_t)st.st_ctime > STALE_SECONDS;
}

/* The second name of an object on its way to a work tree (store_link.c) is guarded by the file it
 * is named after. */
static bool is_guarded_name(const char *path)
{
    return ptmi_str_ends(path, LINK_SUFFIX);
}

static void sweep_guarded_name(const char *path)
{
    PTM_AUTO(ptmi_freep) char *guard = strndup(path, strlen(path) - strlen(LINK_SUFFIX));
    if (guard && !ptmi_fs_exists(guard)) (void)unlink(path);
}

static void sweep_tmp(const char *path)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return;
    bool is_free = flock(fd, LOCK_EX | LOCK_NB) == 0;
    bool busy = !is_free && (errno == EWOULDBLOCK || errno == EINTR);
    if ((!is_free && (busy || !is_old(fd))) || !still_names(fd, path)) return;
    PTM_AUTO(ptmi_freep) char *guarded = ptmi_str_printf("%s" LINK_SUFFIX, path);
    if (guarded) (void)unlink(guarded);
    (void)unlink(path);
}

static void sweep_lock(ptm_store *store, const char *path)
{
    ptmi_lock *lock = NULL;
    if (ptmi_lock_try(store->ctx, path, &lock, NULL) == PTM_OK) ptmi_lock_remove(lock);
}

/* A kill between publishing a part and removing its name leaves it as one more link to the object.
 */
static void sweep_published_part(ptm_store *store, const char *path)
{
    char oid[OID_HEX + 1] = "";
    const char *name = ptmi_path_base(path);
    if (strlen(name) != OID_HEX + strlen(PART_SUFFIX)) return;
    memcpy(oid, name, OID_HEX);
    PTM_AUTO(ptmi_freep) char *lock_path = ptmi_store_lock_path(store, oid);
    ptmi_lock *lock = NULL;
    if (!lock_path || !ptm_store_has(store, oid, NULL)) return;
    if (ptmi_lock_try(store->ctx, lock_path, &lock, NULL) != PTM_OK) return;
    (void)unlink(path);
    ptmi_lock_remove(lock);
}

static void sweep_one(ptm_store *store, const char *path, const char *name)
{
    if (ptmi_str_starts(name, LOCK_PREFIX))
        sweep_lock(store, path);
    else if (ptmi_str_ends(name, PART_SUFFIX))
        sweep_published_part(store, path);
    else if (!ptmi_str_starts(name, TMP_PREFIX))
        return;
    else if (is_guarded_name(path))
        sweep_guarded_name(path);
    else
        sweep_tmp(path);
}

static void sweep_folder(ptm_store *store, const char *folder)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(folder);
    if (!dir) return;
    for (const struct dirent *entry; (entry = readdir(dir));) {
        PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(folder, entry->d_name);
        if (!path) return;
        sweep_one(store, path, entry->d_name);
    }
}

void ptmi_store_tmp_sweep(ptm_store *store)
{
    sweep_folder(store, store->tmp);
    sweep_folder(store, store->locks);
}
