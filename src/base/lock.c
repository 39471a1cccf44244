/* SPDX-License-Identifier: MIT */
/*
 * lock.c - lock files (fs.h). The lock belongs to the open file, so it holds between threads as
 * between processes and ends with its holder however that ends; the file holds the holder's number
 * only for the message of those who wait.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "auto.h"
#include "base_priv.h"
#include "log.h"

#define WAIT_FIRST_MS 50
#define WAIT_MAX_MS 500

typedef enum lock_kind { LOCK_NONE = 0, LOCK_DESCRIPTION, LOCK_FLOCK } lock_kind;

struct ptmi_lock {
    int fd;
    lock_kind kind;
    bool shared; /* the file has other names, too: nothing is written into it */
    char path[]; /* for the log */
};

/* 0: we have it (or nobody can); EAGAIN: another has it. */
static int try_once(ptmi_lock *lock)
{
    int why = ptmi_os_lock(lock->fd, true);
    if (why == EAGAIN) return EAGAIN;
    if (why == 0) {
        lock->kind = LOCK_DESCRIPTION;
        return 0;
    }
    if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
        lock->kind = LOCK_FLOCK;
        return 0;
    }
    if (errno == EWOULDBLOCK || errno == EINTR) return EAGAIN;
    lock->kind = LOCK_NONE;
    return 0;
}

static void note_holder(ptm_ctx *ctx, const ptmi_lock *lock)
{
    if (lock->kind == LOCK_NONE)
        ptmi_log(ctx, PTM_LOG_WARN, "base",
                 "%s: this file system has no locks; run only one ptm at a time on it", lock->path);
    char text[32];
    if (lock->shared) return;
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    /* Only for a message: a full disk is no reason not to hold the lock. */
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, text, (size_t)len, 0) != len) return;
}

static long holder_of(const ptmi_lock *lock)
{
    char text[32] = "";
    if (pread(lock->fd, text, sizeof text - 1, 0) <= 0) return 0;
    return strtol(text, NULL, 10);
}

static void tell_wait(ptm_ctx *ctx, const ptmi_lock *lock)
{
    long pid = holder_of(lock);
    if (pid == (long)getpid())
        ptmi_log(ctx, PTM_LOG_DEBUG, "base", "waiting for %s, held by another thread", lock->path);
    else if (pid > 0)
        ptmi_log(ctx, PTM_LOG_WARN, "base", "waiting for %s, held by process %ld", lock->path, pid);
    else
        ptmi_log(ctx, PTM_LOG_WARN, "base", "waiting for %s, held by another process", lock->path);
}

/* Snapshots made of hard links (cp -al) share lock files: those lock as well, but what is written
 * into one is in all of them, and a planted one may be any file of the user's. */
static ptm_rc look_at(ptmi_lock *lock, struct ptm_err *err)
{
    struct stat st;
    if (fstat(lock->fd, &st) != 0)
        return ptm_err_sys(err, errno, "%s: cannot look at the lock file", lock->path);
    lock->shared = st.st_nlink > 1;
    if (S_ISREG(st.st_mode)) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSAFE, "%s: stands where a lock file should; remove it",
                       lock->path);
}

PTM_DEFINE_CLEANUP(release_lock, ptmi_lock *, ptmi_lock_release)

static ptm_rc open_lock(const char *path, ptmi_lock **out, struct ptm_err *err)
{
    size_t len = strlen(path) + 1;
    PTM_AUTO(release_lock) ptmi_lock *lock = calloc(1, sizeof *lock + len);
    if (!lock) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    memcpy(lock->path, path, len);
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (lock->fd < 0 && errno == ELOOP)
        return ptm_err_set(err, PTM_EUNSAFE,
                           "%s: a link stands where a lock file should; remove it", path);
    if (lock->fd < 0) return ptm_err_sys(err, errno, "%s: cannot open the lock file", path);
    PTM_TRY(look_at(lock, err));
    *out = ptm_steal(&lock);
    return PTM_OK;
}

/* A holder may have removed the file (ptmi_lock_remove) while we waited: then our lock is on a file
 * nobody else will find. */
static bool still_names(const ptmi_lock *lock)
{
    struct stat ours, named;
    return fstat(lock->fd, &ours) == 0 && lstat(lock->path, &named) == 0 &&
           ours.st_dev == named.st_dev && ours.st_ino == named.st_ino;
}

static ptm_rc wait_for(ptm_ctx *ctx, ptmi_lock *lock, bool *told, struct ptm_err *err)
{
    for (long ms = WAIT_FIRST_MS; try_once(lock) == EAGAIN; ms += ms / 2) {
        if (!*told) tell_wait(ctx, lock);
        *told = true;
        if (ptm_ctx_canceled(ctx))
            return ptm_err_set(err, PTM_ECANCELED, "interrupted while waiting for %s", lock->path);
        if (ms > WAIT_MAX_MS) ms = WAIT_MAX_MS;
        struct timespec pause = {.tv_nsec = ms * 1000000};
        (void)nanosleep(&pause, NULL);
    }
    return PTM_OK;
}

ptm_rc ptmi_lock_take(ptm_ctx *ctx, const char *path, ptmi_lock **out, struct ptm_err *err)
{
    for (bool told = false;;) {
        PTM_AUTO(release_lock) ptmi_lock *lock = NULL;
        PTM_TRY(open_lock(path, &lock, err));
        PTM_TRY(wait_for(ctx, lock, &told, err));
        if (!still_names(lock)) continue;
        note_holder(ctx, lock);
        *out = ptm_steal(&lock);
        return PTM_OK;
    }
}

ptm_rc ptmi_lock_try(ptm_ctx *ctx, const char *path, ptmi_lock **out, struct ptm_err *err)
{
    PTM_AUTO(release_lock) ptmi_lock *lock = NULL;
    PTM_TRY(open_lock(path, &lock, err));
    if (try_once(lock) == EAGAIN)
        return ptm_err_set(err, PTM_EBUSY, "%s: held by process %ld", path, holder_of(lock));
    if (!still_names(lock)) return ptm_err_set(err, PTM_EBUSY, "%s: was in use just now", path);
    note_holder(ctx, lock);
    *out = ptm_steal(&lock);
    return PTM_OK;
}

void ptmi_lock_remove(ptmi_lock *lock)
{
    if (!lock) return;
    (void)unlink(lock->path); /* while we hold it: see still_names() */
    ptmi_lock_release(lock);
}

void ptmi_lock_release(ptmi_lock *lock)
{
    if (!lock) return;
    if (lock->kind != LOCK_NONE && !lock->shared && ftruncate(lock->fd, 0) != 0)
        errno = 0; /* a stale number is harmless */
    /* Said aloud, since a child between fork and exec still shares the open file. */
    if (lock->kind == LOCK_DESCRIPTION) (void)ptmi_os_lock(lock->fd, false);
    if (lock->kind == LOCK_FLOCK) (void)flock(lock->fd, LOCK_UN);
    if (lock->fd >= 0) close(lock->fd);
    free(lock);
}
