/* SPDX-License-Identifier: MIT */
/*
 * store_link.c - puts an object into a work tree: a reflink where the file system can, else a
 * read-only hard link, else a copy. It is made ready in ROOT/.ptm/tmp and renamed to its place, so
 * that a kill leaves nothing strange in a repository. That dest's folders are real ones and no
 * links out of the tree is for the caller to see to.
 */
#include <ptm/store.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/fs.h"
#include "../base/path.h"
#include "../base/str.h"
#include "store_priv.h"

#define BESIDE_TRIES 100

/* What is being linked where. */
struct job {
    ptm_store *store;
    const char *oid;
    const char *object;
    int fd; /* of the object */
    const char *dest;
    bool executable;
};

static ptm_rc check_dest(const char *dest, struct ptm_err *err)
{
    struct stat st;
    if (lstat(dest, &st) != 0 || S_ISREG(st.st_mode)) return PTM_OK;
    return ptm_err_set(err, PTM_EEXIST, "%s: is not a regular file, left alone", dest);
}

/* Hard links that cannot be: 65,000 of them on ext4 (EMLINK), another device, none at all, or
 * another user's object. */
static bool must_copy(int why)
{
    return why == EMLINK || why == EXDEV || why == EPERM || why == EACCES || why == EOPNOTSUPP ||
           why == ENOSYS;
}

static bool is_same_file(const struct job *job)
{
    struct stat object, dest;
    return fstat(job->fd, &object) == 0 && lstat(job->dest, &dest) == 0 &&
           object.st_dev == dest.st_dev && object.st_ino == dest.st_ino;
}

/* 0, or an errno. An existing dest is replaced through a second name, since link() never replaces.
 */
static int link_hard(const struct job *job)
{
    if (is_same_file(job)) return 0;
    if (link(job->object, job->dest) == 0) return 0;
    if (errno != EEXIST) return errno;
    PTM_AUTO(ptmi_store_tmp_clear) struct ptmi_store_tmp tmp = PTMI_STORE_TMP_INIT;
    if (ptmi_store_tmp_make(job->store, &tmp, NULL) < 0) return EMLINK; /* the copy tells why */
    PTM_AUTO(ptmi_freep) char *second = ptmi_str_printf("%s" LINK_SUFFIX, tmp.path);
    if (!second) return ENOMEM;
    if (link(job->object, second) != 0) return errno;
    int why = rename(second, job->dest) == 0 ? 0 : errno;
    (void)unlink(second); /* rename leaves it where dest has become the same file meanwhile */
    return why;
}

/* Fills fd with the object's bytes and what a work tree's file needs: mode, time, safe on disk. */
static ptm_rc fill(const struct job *job, int fd, const char *path, bool reflink,
                   struct ptm_err *err)
{
    if (!reflink) {
        if (lseek(job->fd, 0, SEEK_SET) != 0)
            return ptm_err_sys(err, errno, "%s: cannot read", job->object);
        ptm_rc rc = ptmi_fs_copy(job->fd, fd, err);
        if (rc < 0) return ptm_err_ctx(err, rc, "%s", job->dest);
    }
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", path);
    /* Made with 0666 less the umask: who may read it may run it. */
    mode_t mode = st.st_mode & 0777;
    if (job->executable && fchmod(fd, mode | ((mode & 0444) >> 2)) != 0)
        return ptm_err_sys(err, errno, "%s: cannot make it executable", path);
    PTM_TRY(ptmi_store_set_mtime(fd, path, err));
    if (fsync(fd) != 0) return ptm_err_sys(err, errno, "%s: cannot write", path);
    return PTM_OK;
}

/* Says no for good when the file system has none: then it is not asked again for every file. */
static bool try_reflink(const struct job *job, int fd)
{
    if (atomic_load(&job->store->no_reflinks)) return false;
    if (ptmi_fs_reflink(job->fd, fd)) return true;
    if (errno == EOPNOTSUPP || errno == ENOTTY || errno == ENOSYS || errno == EINVAL)
        atomic_store(&job->store->no_reflinks, true);
    return false;
}

/* The way to another device: the temporary name has to be beside dest. */
static ptm_rc copy_beside(const struct job *job, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(job->dest);
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_AUTO(ptmi_closep) int fd = -1;
    for (int n = 0; dir && fd < 0 && n < BESIDE_TRIES; n++) {
        free(path);
        path = ptmi_str_printf("%s/.%.16s.ptm-%ld-%d.tmp", dir, job->oid, (long)getpid(), n);
        if (!path) break;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
        if (fd < 0 && errno != EEXIST) break;
    }
    if (!dir || !path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", job->dest);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot write there", job->dest);
    ptm_rc rc = fill(job, fd, path, false, err);
    if (rc == PTM_OK && rename(path, job->dest) != 0)
        rc = ptm_err_sys(err, errno, "%s: cannot put it in place", job->dest);
    if (rc < 0) (void)unlink(path);
    return rc;
}

/* A file of its own: reflink or copy. only_reflink: *out_how stays 0 and nothing happens where that
 * cannot be. */
static ptm_rc place_own(const struct job *job, bool only_reflink, ptm_linked *out_how,
                        struct ptm_err *err)
{
    if (only_reflink && atomic_load(&job->store->no_reflinks)) return PTM_OK;
    PTM_AUTO(ptmi_store_tmp_clear) struct ptmi_store_tmp tmp = PTMI_STORE_TMP_INIT;
    PTM_TRY(ptmi_store_tmp_make(job->store, &tmp, err));
    bool reflink = try_reflink(job, tmp.fd);
    if (only_reflink && !reflink) return PTM_OK;
    PTM_TRY(fill(job, tmp.fd, tmp.path, reflink, err));
    if (rename(tmp.path, job->dest) == 0) {
        *out_how = reflink ? PTM_LINKED_REFLINK : PTM_LINKED_COPY;
        return PTM_OK;
    }
    if (errno != EXDEV) return ptm_err_sys(err, errno, "%s: cannot put it in place", job->dest);
    PTM_TRY(copy_beside(job, err));
    *out_how = PTM_LINKED_COPY;
    return PTM_OK;
}

static ptm_rc place(const struct job *job, ptm_link_mode mode, ptm_linked *out_how,
                    struct ptm_err *err)
{
    /* A hard link has the object's mode, which is not executable. */
    bool may_link = mode == PTM_LINK_AUTO && !job->executable;
    PTM_TRY(place_own(job, may_link, out_how, err));
    if (*out_how) return PTM_OK;
    int why = link_hard(job);
    if (why == 0) {
        *out_how = PTM_LINKED_HARD;
        return PTM_OK;
    }
    if (!must_copy(why)) return ptm_err_sys(err, why, "%s: cannot link it there", job->dest);
    return place_own(job, false, out_how, err);
}

ptm_rc ptm_store_link(ptm_store *store, const char *oid, const char *dest, ptm_link_mode mode,
                      bool executable, ptm_linked *out_how, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *object = NULL;
    PTM_TRY(ptmi_store_object_path(store, oid, &object, err));
    PTM_AUTO(ptmi_closep) int fd = open(object, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", object);
    PTM_TRY(check_dest(dest, err));
    const struct job job = {store, oid, object, fd, dest, executable};
    ptm_linked how = 0;
    PTM_TRY(place(&job, mode, &how, err));
    if (out_how) *out_how = how;
    return PTM_OK;
}
