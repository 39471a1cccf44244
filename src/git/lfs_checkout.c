/* SPDX-License-Identifier: MIT */
/*
 * lfs_checkout.c - puts large files where their pointers stand, and tells git's index so.
 *
 * git compares a file's size and time with its index entry before it reads a byte. So after a
 * pointer was replaced by its content, the entry gets the new file's stat data but keeps the
 * pointer's blob: git sees an unchanged file, without hashing it and with no filter at all. The
 * entry of a file of a multiple of 4 GiB holds size 0, which git always looks into: slow, but
 * right.
 *
 * Nothing here follows a symbolic link inside the work tree, and a file that is neither the pointer
 * nor its content stays.
 */
#include "lfs_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/hash.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

#define LFS_TMP ".git/lfs/tmp"
#define TMP_PREFIX "ptm-"

/* --- files below dir, no link followed --- */

/* Opens the folder that path is in; *out_name is its last component. -1 with errno. */
static int open_parent(const char *dir, const char *path, const char **out_name)
{
    char name[NAME_MAX + 1];
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *at = path;
    for (const char *slash = strchr(at, '/'); fd >= 0 && slash; slash = strchr(at, '/')) {
        size_t len = (size_t)(slash - at);
        if (len == 0 || len > NAME_MAX) {
            close(fd);
            errno = ENOENT;
            return -1;
        }
        memcpy(name, at, len);
        name[len] = '\0';
        int next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int why = errno;
        close(fd);
        errno = why;
        fd = next;
        at = slash + 1;
    }
    *out_name = at;
    return fd;
}

static int open_file(const char *dir, const char *path)
{
    const char *name = NULL;
    PTM_AUTO(ptmi_closep) int parent = open_parent(dir, path, &name);
    if (parent < 0) return -1;
    return openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}

char *ptmi_lfs_local_path(const char *dir, const char *oid)
{
    return ptmi_str_printf("%s/.git/lfs/objects/%.2s/%.2s/%s", dir, oid, oid + 2, oid);
}

static bool same_inode(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* Is st the very file that lies in .git/lfs/objects? */
static bool is_link(const char *dir, const struct stat *st, const char *oid)
{
    struct stat local;
    PTM_AUTO(ptmi_freep) char *path = ptmi_lfs_local_path(dir, oid);
    return path && lstat(path, &local) == 0 && same_inode(st, &local);
}

bool ptmi_lfs_is_link(const char *dir, const char *path, const char *oid)
{
    struct stat st;
    PTM_AUTO(ptmi_closep) int fd = open_file(dir, path);
    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_link(dir, &st, oid);
}

bool ptmi_lfs_is_content(const char *dir, const char *path, const struct ptmi_lfs_pointer *pointer)
{
    struct stat st;
    char sha256[65];
    PTM_AUTO(ptmi_closep) int fd = open_file(dir, path);
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) return false;
    return st.st_size == pointer->size &&
           ptmi_hash_fd(PTMI_SHA256, fd, sha256, NULL, NULL) == PTM_OK &&
           ptmi_str_eq(sha256, pointer->oid);
}

/* --- index --- */

static void take_stat(git_index_entry *entry, const struct stat *st)
{
    entry->ctime.seconds = (int32_t)st->st_ctim.tv_sec;
    entry->ctime.nanoseconds = (uint32_t)st->st_ctim.tv_nsec;
    entry->mtime.seconds = (int32_t)st->st_mtim.tv_sec;
    entry->mtime.nanoseconds = (uint32_t)st->st_mtim.tv_nsec;
    entry->dev = (uint32_t)st->st_dev;
    entry->ino = (uint32_t)st->st_ino;
    entry->uid = st->st_uid;
    entry->gid = st->st_gid;
    entry->file_size = (uint32_t)st->st_size; /* modulo 4 GiB, as in git */
}

static bool stat_matches(const git_index_entry *entry, const struct stat *st)
{
    return entry->mtime.seconds == (int32_t)st->st_mtim.tv_sec &&
           entry->file_size == (uint32_t)st->st_size;
}

bool ptmi_lfs_restat(const char *dir, git_index *index, const char *path)
{
    struct stat st;
    PTM_AUTO(ptmi_closep) int fd = open_file(dir, path);
    const git_index_entry *old = git_index_get_bypath(index, path, 0);
    if (!old || fd < 0 || fstat(fd, &st) != 0) return false;
    git_index_entry entry = *old;
    take_stat(&entry, &st);
    return git_index_add(index, &entry) == 0;
}

/* --- one file --- */

struct place {
    const struct ptmi_lfs_job *job;
    const struct ptmi_lfs_object *objects; /* sorted by oid */
    size_t n_objects;
    git_repository *repo;
    git_index *index;
    bool changed; /* the index has news to write */
    unsigned serial;
};

typedef enum what {
    WHAT_ALONE = 0, /* a person's, or not there: left alone */
    WHAT_POINTER,   /* to be replaced; so is a link of ours to an object that was damaged */
    WHAT_CONTENT,   /* in place, and the index knows */
    WHAT_UNKNOWN,   /* in place, the index does not know */
} what;

/* Does fd hold the text of that pointer? */
static bool holds_pointer(int fd, const struct ptmi_lfs_pointer *pointer)
{
    char text[PTM_LIMIT_POINTER + 1];
    struct ptmi_lfs_pointer found;
    ssize_t n = pread(fd, text, sizeof text, 0);
    return n > 0 && ptmi_lfs_pointer_parse(text, (size_t)n, &found) &&
           ptmi_str_eq(found.oid, pointer->oid) && found.size == pointer->size;
}

/* The object in the store, which was verified when it came there. */
static bool stat_object(const struct ptmi_lfs_job *job, const char *oid, struct stat *st)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    return ptm_store_path(job->store, oid, &path, NULL) == PTM_OK && lstat(path, st) == 0;
}

static what look(struct place *place, const struct ptmi_lfs_file *file,
                 const git_index_entry *entry, struct stat *st)
{
    const struct ptmi_lfs_job *job = place->job;
    struct stat object;
    PTM_AUTO(ptmi_closep) int fd = open_file(job->dir, file->path);
    if (fd < 0 || fstat(fd, st) != 0 || !S_ISREG(st->st_mode)) return WHAT_ALONE;
    if (st->st_size < PTM_LIMIT_POINTER && holds_pointer(fd, &file->pointer)) return WHAT_POINTER;
    if (st->st_size != file->pointer.size) return WHAT_ALONE;
    bool known = stat_matches(entry, st);
    if (stat_object(job, file->pointer.oid, &object) && same_inode(st, &object))
        return known ? WHAT_CONTENT : WHAT_UNKNOWN;
    /* All links of ours but not to the object of now: that one was fetched anew because the old one
     * was damaged. */
    if (st->st_nlink > 1 && is_link(job->dir, st, file->pointer.oid)) return WHAT_POINTER;
    if (known) return WHAT_CONTENT;
    return ptmi_lfs_is_content(job->dir, file->path, &file->pointer) ? WHAT_UNKNOWN : WHAT_ALONE;
}

/* Links the object to a name of our own, then renames it over the pointer in its (really opened)
 * folder. */
static ptm_rc put(struct place *place, const struct ptmi_lfs_file *file, struct ptm_err *err)
{
    const struct ptmi_lfs_job *job = place->job;
    const char *name = NULL;
    ptm_link_mode mode = job->opts->checkout == PTMI_CHECKOUT_COPY ? PTM_LINK_COPY : PTM_LINK_AUTO;
    PTM_AUTO(ptmi_freep)
    char *tmp = ptmi_str_printf("%s/" LFS_TMP "/" TMP_PREFIX "%ld-%u", job->dir, (long)getpid(),
                                place->serial++);
    if (!tmp) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", file->path);
    PTM_AUTO(ptmi_closep) int parent = open_parent(job->dir, file->path, &name);
    if (parent < 0) return ptm_err_sys(err, errno, "%s/%s: its folder", job->dir, file->path);
    PTM_TRY(ptm_store_link(job->store, file->pointer.oid, tmp, mode, file->executable, NULL, err));
    int failed = renameat(AT_FDCWD, tmp, parent, name);
    int why = errno;
    (void)unlink(tmp); /* still there when both names were of one inode */
    return failed ? ptm_err_sys(err, why, "%s/%s: cannot put it in place", job->dir, file->path)
                  : PTM_OK;
}

static ptm_rc update_entry(struct place *place, const struct ptmi_lfs_file *file,
                           struct ptm_err *err)
{
    if (!ptmi_lfs_restat(place->job->dir, place->index, file->path))
        return ptm_err_set(err, PTM_EGIT, "%s/%s: its entry in git's index cannot be written",
                           place->job->dir, file->path);
    place->changed = true;
    return PTM_OK;
}

/* --checkout copy after an earlier link: a writable file of its own is wanted. */
static bool wants_own(struct place *place, const struct stat *st)
{
    return place->job->opts->checkout == PTMI_CHECKOUT_COPY && (st->st_mode & 0222) == 0;
}

static ptm_rc place_file(struct place *place, const struct ptmi_lfs_file *file, struct ptm_err *err)
{
    struct ptm_err unsafe = {0};
    struct ptmi_lfs_pointer pointer;
    struct stat st;
    if (ptmi_path_check_relative(file->path, &unsafe) < 0) {
        ptmi_log(place->job->git->ctx, PTM_LOG_WARN, "lfs", "%s: stays a pointer: %s",
                 place->job->url, unsafe.msg);
        return PTM_OK;
    }
    const git_index_entry *entry = git_index_get_bypath(place->index, file->path, 0);
    /* A person who staged something else there keeps it. */
    if (!entry || (entry->flags_extended & GIT_INDEX_ENTRY_SKIP_WORKTREE)) return PTM_OK;
    if (!ptmi_lfs_read_pointer(place->repo, &entry->id, &pointer)) return PTM_OK;
    if (!ptmi_str_eq(pointer.oid, file->pointer.oid)) return PTM_OK;
    what found = look(place, file, entry, &st);
    if (found == WHAT_ALONE) return PTM_OK;
    if (found == WHAT_POINTER || wants_own(place, &st)) {
        PTM_TRY(put(place, file, err));
        return update_entry(place, file, err);
    }
    return found == WHAT_UNKNOWN ? update_entry(place, file, err) : PTM_OK;
}

/* --- all --- */

/* Is what lies in .git/lfs/objects the object? Hashed only when it neither is the store's file nor
 * has the time we give to copies. */
static bool is_whole(const struct ptmi_lfs_job *job, const char *path,
                     const struct ptmi_lfs_pointer *pointer)
{
    struct stat st, object;
    char sha256[65];
    if (lstat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size != pointer->size) return false;
    if (!stat_object(job, pointer->oid, &object)) return false;
    if (same_inode(&st, &object)) return true;
    if (st.st_nlink > 1) return false; /* a link to an object that was fetched anew since */
    if (st.st_mtim.tv_sec == object.st_mtim.tv_sec) return true;
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    return fd >= 0 && ptmi_hash_fd(PTMI_SHA256, fd, sha256, NULL, NULL) == PTM_OK &&
           ptmi_str_eq(sha256, pointer->oid);
}

static int by_oid(const void *key, const void *object)
{
    return strcmp(key, ((const struct ptmi_lfs_object *)object)->pointer.oid);
}

static bool is_fresh(const struct place *place, const char *oid)
{
    const struct ptmi_lfs_object *found =
        bsearch(oid, place->objects, place->n_objects, sizeof *found, by_oid);
    return found && found->fresh;
}

/* For git-lfs, and for checkouts of other commits. */
static ptm_rc link_local(const struct place *place, const struct ptmi_lfs_pointer *pointer,
                         struct ptm_err *err)
{
    const struct ptmi_lfs_job *job = place->job;
    PTM_AUTO(ptmi_freep) char *path = ptmi_lfs_local_path(job->dir, pointer->oid);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", job->dir);
    if (!is_fresh(place, pointer->oid) && is_whole(job, path, pointer)) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_path_dir(path);
    if (!folder) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", job->dir);
    PTM_TRY(ptmi_fs_mkdirs(folder, err));
    return ptm_store_link(job->store, pointer->oid, path, PTM_LINK_AUTO, false, NULL, err);
}

static void sweep_tmp(const char *folder)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(folder);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (ptmi_str_starts(entry->d_name, TMP_PREFIX))
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
}

static bool wants_checkout(const struct ptmi_lfs_job *job, const struct ptmi_lfs_file *file)
{
    /* git takes an entry of size 0 for one never looked at, and no filter turns an empty file into
     * a pointer: it stays one. */
    return file->in_head && file->wanted && file->pointer.size > 0 &&
           job->opts->checkout != PTMI_CHECKOUT_NONE;
}

/* Work tree first: a damaged file there is told from a person's by being a link to what .git/lfs
 * has. */
static ptm_rc place_all(struct place *place, const struct ptmi_lfs_files *files,
                        struct ptm_err *err)
{
    const struct ptmi_lfs_job *job = place->job;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < files->n; i++) {
            const struct ptmi_lfs_file *file = &files->items[i];
            int64_t size = -1;
            if (pass == 0 && !wants_checkout(job, file)) continue;
            if (!ptm_store_has(job->store, file->pointer.oid, &size) || size != file->pointer.size)
                continue;
            if (ptm_ctx_canceled(job->git->ctx))
                return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted", job->dir);
            PTM_TRY(pass == 0 ? place_file(place, file, err)
                              : link_local(place, &file->pointer, err));
        }
    }
    return PTM_OK;
}

ptm_rc ptmi_lfs_place(const struct ptmi_lfs_job *job, const struct ptmi_lfs_files *files,
                      const struct ptmi_lfs_object *objects, size_t n, struct ptm_err *err)
{
    PTM_AUTO(ptmi_git_visit_closep) ptmi_git_visit *visit = NULL;
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_AUTO(ptmi_git2_index_freep) git_index *index = NULL;
    PTM_AUTO(ptmi_freep) char *tmp = ptmi_path_join(job->dir, LFS_TMP);
    if (files->n == 0) return PTM_OK;
    if (!tmp) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", job->dir);
    PTM_TRY(ptmi_git_visit_open(job->git, job->dir, &visit, err));
    PTM_TRY(ptmi_fs_mkdirs(tmp, err));
    sweep_tmp(tmp);
    PTM_TRY(ptmi_git2_open(job->dir, &repo, err));
    int code = git_repository_index(&index, repo);
    if (code < 0) return ptmi_git2_err(code, err, job->dir);
    struct place place = {
        .job = job, .objects = objects, .n_objects = n, .repo = repo, .index = index};
    ptm_rc rc = place_all(&place, files, err);
    /* Also after a failure: what is in place already must not look modified. */
    code = place.changed ? git_index_write(index) : 0;
    if (rc < 0) return rc;
    return code < 0 ? ptmi_git2_err(code, err, job->dir) : PTM_OK;
}
