/* SPDX-License-Identifier: MIT */
/*
 * whole.c - files that appear whole (fs.h). Where the file system has files without a name, the
 * bytes go into one, so that a kill leaves nothing behind; elsewhere into a hidden name beside the
 * target. Only rename makes the target change.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"
#include "base_priv.h"
#include "path.h"
#include "str.h"

#define CHUNK ((size_t)64 << 10)
/* Other writers of our own process, and leavings of a dead one with our number. */
#define NAME_TRIES 10000
#define BASE_MAX 200 /* of the target's name within the temporary one: names end at 255 bytes */

struct ptmi_whole {
    char *path;
    char *dir;
    char *tmp; /* NULL while the file has no name */
    int fd;
    mode_t mode;
    int failed; /* errno of the first write that failed, 0 */
    int64_t size;
    int64_t synced; /* bytes whose way to disk has been started */
    size_t fill;
    char chunk[CHUNK];
};

/* Bytes of name up to max, not cutting a UTF-8 character. */
static size_t cut_at_character(const char *name, size_t max)
{
    size_t len = strlen(name);
    if (len <= max) return len;
    len = max;
    while (len > 0 && ((unsigned char)name[len] & 0xC0) == 0x80) len--;
    return len;
}

/* Finds a free temporary name beside the target: one that make() accepts. Sets whole->tmp, or
 * returns an errno. */
static int take_tmp_name(ptmi_whole *whole, int (*make)(ptmi_whole *whole, const char *tmp))
{
    const char *base = ptmi_path_base(whole->path);
    int base_len = (int)cut_at_character(base, BASE_MAX);
    for (int n = 0; n < NAME_TRIES; n++) {
        PTM_AUTO(ptmi_freep)
        char *tmp = ptmi_str_printf("%s/.%.*s.ptm-%ld-%d.tmp", whole->dir, base_len, base,
                                    (long)getpid(), n);
        if (!tmp) return ENOMEM;
        int why = make(whole, tmp);
        if (why == EEXIST) continue;
        if (why == 0) whole->tmp = ptm_steal(&tmp);
        return why;
    }
    return EEXIST;
}

static int make_named(ptmi_whole *whole, const char *tmp)
{
    whole->fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, whole->mode);
    return whole->fd < 0 ? errno : 0;
}

static int make_by_naming(ptmi_whole *whole, const char *tmp)
{
    return ptmi_os_name_tmpfile(whole->fd, tmp) == 0 ? 0 : errno;
}

ptm_rc ptmi_whole_open(const char *path, mode_t mode, ptmi_whole **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) ptmi_whole *whole = calloc(1, sizeof *whole);
    PTM_AUTO(ptmi_freep) char *own_path = strdup(path);
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(path);
    if (!whole || !own_path || !dir) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    whole->path = own_path;
    whole->dir = dir;
    whole->mode = mode;
    whole->fd = ptmi_os_tmpfile(dir, mode);
    if (whole->fd < 0) {
        int why = take_tmp_name(whole, make_named);
        if (why) return ptm_err_sys(err, why, "%s: cannot write there", path);
    }
    (void)ptm_steal(&own_path), (void)ptm_steal(&dir);
    *out = ptm_steal(&whole);
    return PTM_OK;
}

/* Writes len bytes or keeps the error for commit. */
static void put_through(ptmi_whole *whole, const char *data, size_t len)
{
    while (len > 0 && !whole->failed) {
        ssize_t put = write(whole->fd, data, len);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) {
            whole->failed = put < 0 ? errno : EIO;
            return;
        }
        data += put;
        len -= (size_t)put;
        whole->size += put;
    }
}

static void flush_chunk(ptmi_whole *whole)
{
    put_through(whole, whole->chunk, whole->fill);
    whole->fill = 0;
}

void ptmi_whole_write(ptmi_whole *whole, const void *data, size_t len)
{
    if (whole->failed) return;
    if (len > CHUNK - whole->fill) flush_chunk(whole);
    if (len >= CHUNK) {
        put_through(whole, data, len);
        return;
    }
    if (len > 0) memcpy(whole->chunk + whole->fill, data, len);
    whole->fill += len;
}

/* The chunk is empty and serves as the buffer. */
static void copy_plainly(ptmi_whole *whole, int fd, int64_t offset, int64_t len)
{
    while (len > 0 && !whole->failed) {
        ssize_t got = pread(fd, whole->chunk, len < (int64_t)CHUNK ? (size_t)len : CHUNK, offset);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) {
            whole->failed = got < 0 ? errno : EIO;
            return;
        }
        put_through(whole, whole->chunk, (size_t)got);
        offset += got;
        len -= got;
    }
}

void ptmi_whole_copy(ptmi_whole *whole, int fd, int64_t offset, int64_t len)
{
    if (whole->failed) return;
    flush_chunk(whole);
    while (len > 0 && !whole->failed) {
        ssize_t put = ptmi_os_copy_from(fd, offset, whole->fd, (size_t)len);
        if (put <= 0) break; /* the plain way goes on, and finds the real error */
        whole->size += put;
        offset += put;
        len -= put;
    }
    copy_plainly(whole, fd, offset, len);
}

void ptmi_whole_start_sync(ptmi_whole *whole)
{
    if (whole->size > whole->synced)
        ptmi_os_start_sync(whole->fd, whole->synced, whole->size - whole->synced);
    whole->synced = whole->size;
}

bool ptmi_whole_ok(const ptmi_whole *whole)
{
    return whole->failed == 0;
}

void ptmi_whole_puts(ptmi_whole *whole, const char *text)
{
    ptmi_whole_write(whole, text, strlen(text));
}

static bool same_bytes(int a, int b, int64_t size)
{
    PTM_AUTO(ptmi_freep) char *buf = malloc(2 * CHUNK);
    if (!buf) return false;
    for (int64_t at = 0; at < size;) {
        ssize_t got_a = pread(a, buf, CHUNK, at);
        if (got_a <= 0) return false;
        for (ssize_t got = 0; got < got_a;) {
            ssize_t more = pread(b, buf + CHUNK + got, (size_t)(got_a - got), at + got);
            if (more <= 0) return false;
            got += more;
        }
        if (memcmp(buf, buf + CHUNK, (size_t)got_a) != 0) return false;
        at += got_a;
    }
    return true;
}

/* Does the target hold just what we are about to put there? Any doubt means no. */
static bool target_is_equal(const ptmi_whole *whole)
{
    PTM_AUTO(ptmi_closep)
    int fd = open(whole->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) return false;
    return S_ISREG(st.st_mode) && st.st_size == whole->size &&
           same_bytes(whole->fd, fd, whole->size);
}

/* Without /proc a nameless file cannot get a name: its bytes go into a named one instead. */
static ptm_rc copy_into_named(ptmi_whole *whole, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int nameless = whole->fd;
    whole->fd = -1;
    int why = take_tmp_name(whole, make_named);
    if (why) return ptm_err_sys(err, why, "%s: cannot write there", whole->path);
    if (lseek(nameless, 0, SEEK_SET) != 0) return ptm_err_sys(err, errno, "%s", whole->path);
    ptm_rc rc = ptmi_fs_copy(nameless, whole->fd, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", whole->path);
    if (fsync(whole->fd) != 0) return ptm_err_sys(err, errno, "%s: cannot write", whole->path);
    return PTM_OK;
}

static ptm_rc give_name(ptmi_whole *whole, struct ptm_err *err)
{
    if (whole->tmp) return PTM_OK;
    if (take_tmp_name(whole, make_by_naming) == 0) return PTM_OK;
    return copy_into_named(whole, err);
}

static void close_fd(ptmi_whole *whole)
{
    if (whole->fd >= 0) close(whole->fd);
    whole->fd = -1;
}

/* The temporary file goes; the struct stays for the caller's abort. */
static void discard(ptmi_whole *whole)
{
    close_fd(whole);
    if (whole->tmp) (void)unlink(whole->tmp);
    free(ptm_steal(&whole->tmp));
}

/* Gives the finished file its name, unless that is taken. */
static ptm_rc take_name(ptmi_whole *whole, struct ptm_err *err)
{
    int why = link(whole->tmp, whole->path) == 0 ? 0 : errno;
    if (why == 0) return PTM_OK; /* the temporary name goes with discard() */
    if (why == EEXIST || ptmi_fs_exists(whole->path))
        return ptm_err_set(err, PTM_EEXIST, "%s: is there already", whole->path);
    /* A file system without hard links. */
    if (rename(whole->tmp, whole->path) != 0)
        return ptm_err_sys(err, errno, "%s: cannot make", whole->path);
    free(ptm_steal(&whole->tmp));
    return PTM_OK;
}

static ptm_rc replace_target(ptmi_whole *whole, struct ptm_err *err)
{
    if (rename(whole->tmp, whole->path) != 0)
        return ptm_err_sys(err, errno, "%s: cannot replace", whole->path);
    free(ptm_steal(&whole->tmp));
    return PTM_OK;
}

static ptm_rc publish(ptmi_whole *whole, bool replace, struct ptm_err *err)
{
    if (fsync(whole->fd) != 0) return ptm_err_sys(err, errno, "%s: cannot write", whole->path);
    PTM_TRY(give_name(whole, err));
    int closed = close(whole->fd); /* network file systems tell of a full disk here */
    int why = errno;
    whole->fd = -1;
    if (closed != 0 && why != EINTR) return ptm_err_sys(err, why, "%s: cannot write", whole->path);
    PTM_TRY(replace ? replace_target(whole, err) : take_name(whole, err));
    ptm_rc rc = ptmi_fs_fsync_dir(whole->dir, err);
    return rc < 0 ? ptm_err_ctx(err, rc, "%s", whole->path) : PTM_OK;
}

/* Writes what is left; on failure the file is gone. */
static ptm_rc finish(ptmi_whole *whole, struct ptm_err *err)
{
    PTM_ASSERT(whole->fd >= 0, err);
    flush_chunk(whole);
    if (!whole->failed) return PTM_OK;
    int why = whole->failed;
    discard(whole);
    return ptm_err_sys(err, why, "%s: cannot write", whole->path);
}

ptm_rc ptmi_whole_commit(ptmi_whole *whole, bool *out_changed, struct ptm_err *err)
{
    PTM_TRY(finish(whole, err));
    bool changed = !target_is_equal(whole);
    ptm_rc rc = changed ? publish(whole, true, err) : PTM_OK;
    discard(whole);
    if (rc < 0) return rc;
    if (out_changed) *out_changed = changed;
    return PTM_OK;
}

ptm_rc ptmi_whole_publish(ptmi_whole *whole, bool replace, struct ptm_err *err)
{
    PTM_TRY(finish(whole, err));
    ptm_rc rc = publish(whole, replace, err);
    discard(whole);
    return rc;
}

void ptmi_whole_abort(ptmi_whole *whole)
{
    if (!whole) return;
    discard(whole);
    free(whole->path);
    free(whole->dir);
    free(whole);
}

PTM_DEFINE_CLEANUP(abort_whole, ptmi_whole *, ptmi_whole_abort)

ptm_rc ptmi_fs_write_whole(const char *path, const void *data, size_t len, bool *out_changed,
                           struct ptm_err *err)
{
    PTM_AUTO(abort_whole) ptmi_whole *whole = NULL;
    PTM_TRY(ptmi_whole_open(path, 0666, &whole, err));
    ptmi_whole_write(whole, data, len);
    return ptmi_whole_commit(whole, out_changed, err);
}
