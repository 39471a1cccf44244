/* SPDX-License-Identifier: MIT */
/* fs.h - files: read with a cap, written whole, folders, disk space. Thread-safe but for ptmi_whole
 * (one thread at a time). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <ptm/ctx.h>
#include <ptm/err.h>

#include "buf.h"

/* Reads a regular file of at most max bytes; *out is NUL-terminated and malloc'ed. PTM_ENOENT,
   PTM_ELIMIT, PTM_EIO, PTM_EINVAL when it is no regular file. */
PTM_MUST_USE ptm_rc ptmi_fs_read(const char *path, size_t max, char **out, size_t *out_len,
                                 struct ptm_err *err);
/* The same for dir/relative without following any symbolic link out of (or within) dir: for files
   of cloned repositories. PTM_EUNSAFE for links, for paths that are not plainly relative, and for
   what is no regular file. */
PTM_MUST_USE ptm_rc ptmi_fs_read_beneath(const char *dir, const char *relative, size_t max,
                                         char **out, size_t *out_len, struct ptm_err *err);
/* Only opens it: *out is the caller's to close. What it is, a FIFO too, is for the caller to look
   at: opening does not wait. */
PTM_MUST_USE ptm_rc ptmi_fs_open_beneath(const char *dir, const char *relative, int *out,
                                         struct ptm_err *err);

/*
 * A file that appears whole: written to a temporary name beside the target, fsynced, renamed,
 * folder fsynced. Errors of writes are kept for commit (the first one wins), so that writers need
 * not check each. abort is the cleanup and a no-op after commit.
 */
typedef struct ptmi_whole ptmi_whole;
PTM_MUST_USE ptm_rc ptmi_whole_open(const char *path, mode_t mode, ptmi_whole **out,
                                    struct ptm_err *err);
void ptmi_whole_write(ptmi_whole *whole, const void *data, size_t len);
void ptmi_whole_puts(ptmi_whole *whole, const char *text);
/* Bytes [offset, offset + len) of another file, copied inside the kernel where that is possible.
 * Its offset is neither used nor moved. Fewer bytes than that are an error. */
void ptmi_whole_copy(ptmi_whole *whole, int fd, int64_t offset, int64_t len);
/* Starts writing to disk what is there so far, so that commit waits for less. A hint. */
void ptmi_whole_start_sync(ptmi_whole *whole);
/* false once something failed: then the rest need not be made. */
bool ptmi_whole_ok(const ptmi_whole *whole);
/* Replaces the target, unless it already holds the same bytes: then it is left as it is and
 * *out_changed is false. May be NULL. */
PTM_MUST_USE ptm_rc ptmi_whole_commit(ptmi_whole *whole, bool *out_changed, struct ptm_err *err);
/* As commit, for what is too large to be compared with the target: replaces it, or, without
 * replace, is PTM_EEXIST when something is there. */
PTM_MUST_USE ptm_rc ptmi_whole_publish(ptmi_whole *whole, bool replace, struct ptm_err *err);
void ptmi_whole_abort(ptmi_whole *whole); /* frees; also after commit. NULL is a no-op */
/* All of it in one call. */
PTM_MUST_USE ptm_rc ptmi_fs_write_whole(const char *path, const void *data, size_t len,
                                        bool *out_changed, struct ptm_err *err);

/* Makes a folder and those above it, 0777 less the umask; what exists is fine. */
PTM_MUST_USE ptm_rc ptmi_fs_mkdirs(const char *path, struct ptm_err *err);
/* Removes a tree without following links, read-only folders included; absent is fine. */
PTM_MUST_USE ptm_rc ptmi_fs_remove_tree(const char *path, struct ptm_err *err);
bool ptmi_fs_exists(const char *path); /* lstat */
bool ptmi_fs_is_dir(const char *path); /* a real folder, not a link to one */
PTM_MUST_USE ptm_rc ptmi_fs_fsync_dir(const char *path, struct ptm_err *err);
/* All that was written to the file system of a folder reaches the disk: for a tree of many files,
 * which takes far longer file by file. */
PTM_MUST_USE ptm_rc ptmi_fs_sync_all(const char *path, struct ptm_err *err);
/* Clones src's bytes to the new file fd_dst points at; false where the file system cannot. */
bool ptmi_fs_reflink(int fd_src, int fd_dst);
/* Exchanges what two names stand for, in one step; false where the system cannot. */
bool ptmi_fs_exchange(const char *a, const char *b);
PTM_MUST_USE ptm_rc ptmi_fs_copy(int fd_src, int fd_dst, struct ptm_err *err);
/* Writes all len bytes, whatever write() takes at once; 0 or an errno. */
PTM_MUST_USE int ptmi_fs_write_all(int fd, const void *data, size_t len);
PTM_MUST_USE ptm_rc ptmi_fs_free_bytes(const char *path, int64_t *out, struct ptm_err *err);
/* NFS, CIFS, Lustre, FUSE, 9p: locks and shared memory are not what they are on a local disk. */
bool ptmi_fs_is_network(const char *path);

/*
 * A lock file: exclusive between threads and processes, gone with the process that held it. Waits
 * while it is busy, telling once through the log (PTM_LOG_WARN "waiting for ..., held by process
 * N"), until ctx is cancelled. Open-file-description locks; flock() where the file system refuses
 * them; a plain message and no lock where it refuses both.
 */
typedef struct ptmi_lock ptmi_lock;
PTM_MUST_USE ptm_rc ptmi_lock_take(ptm_ctx *ctx, const char *path, ptmi_lock **out,
                                   struct ptm_err *err);
/* PTM_EBUSY at once when another has it. */
PTM_MUST_USE ptm_rc ptmi_lock_try(ptm_ctx *ctx, const char *path, ptmi_lock **out,
                                  struct ptm_err *err);
void ptmi_lock_release(ptmi_lock *lock); /* NULL is a no-op; the file stays */
/* Releases and removes the file, so that a folder of many short-lived locks does not grow: who
 * waits for it makes a new one. */
void ptmi_lock_remove(ptmi_lock *lock);
