/* SPDX-License-Identifier: MIT */
/*
 * fs.c - reading files with a cap, folders, copies, disk space. The whole-file writer is in
 * whole.c, removing trees in rmtree.c, locks in lock.c, what only one system has in os_*.c.
 */
#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "auto.h"
#include "base_priv.h"
#include "path.h"

/* A FIFO must not hang us, nor a terminal become ours. */
#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
#define COPY_CHUNK ((size_t)1 << 20)
/* Between two looks at signals: a copy of this takes under a second. */
#define COPY_RANGE_CHUNK ((size_t)64 << 20)

static ssize_t read_some(int fd, char *to, size_t len)
{
    ssize_t got;
    do got = read(fd, to, len);
    while (got < 0 && errno == EINTR);
    return got;
}

/* Reads fd to its end into a malloc'ed buffer with a NUL; the file may grow or shrink meanwhile. */
static ptm_rc read_all(int fd, const char *name, size_t expected, size_t max, char **out,
                       size_t *out_len, struct ptm_err *err)
{
    if (expected > max)
        return ptm_err_set(err, PTM_ELIMIT, "%s: %zu bytes, more than the %zu allowed here", name,
                           expected, max);
    /* A byte more than expected finds the end without growing; one is for the NUL. */
    size_t cap = expected + 2;
    PTM_AUTO(ptmi_freep) char *data = malloc(cap);
    if (!data) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", name);
    size_t len = 0;
    for (;;) {
        if (len + 1 == cap) {
            cap *= 2;
            char *more = realloc(data, cap);
            if (!more) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", name);
            data = more;
        }
        ssize_t got = read_some(fd, data + len, cap - len - 1);
        if (got < 0) return ptm_err_sys(err, errno, "%s: cannot read", name);
        if (got == 0) break;
        len += (size_t)got;
        if (len > max)
            return ptm_err_set(err, PTM_ELIMIT, "%s: more than the %zu bytes allowed here", name,
                               max);
    }
    data[len] = '\0';
    *out = ptm_steal(&data);
    if (out_len) *out_len = len;
    return PTM_OK;
}

static ptm_rc read_regular(int fd, const char *name, ptm_rc not_regular, size_t max, char **out,
                           size_t *out_len, struct ptm_err *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot look at it", name);
    if (!S_ISREG(st.st_mode)) return ptm_err_set(err, not_regular, "%s: not a regular file", name);
    return read_all(fd, name, (size_t)st.st_size, max, out, out_len, err);
}

ptm_rc ptmi_fs_read(const char *path, size_t max, char **out, size_t *out_len, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, READ_FLAGS);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    return read_regular(fd, path, PTM_EINVAL, max, out, out_len, err);
}

/* O_DIRECTORY with O_NOFOLLOW answers ENOTDIR for a link as for a file: tell them apart. */
static int not_entered(int parent, const char *name, int why)
{
    struct stat st;
    bool is_link = why == ENOTDIR && fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                   S_ISLNK(st.st_mode);
    return is_link ? ELOOP : why;
}

/* Walks the components with O_NOFOLLOW: for kernels without openat2. A descriptor or -1 with errno.
 */
static int open_beneath_by_steps(int dir_fd, const char *relative)
{
    PTM_AUTO(ptmi_closep) int at = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);
    PTM_AUTO(ptmi_freep) char *copy = strdup(relative);
    if (at < 0 || !copy) return -1;
    char *name = copy;
    for (char *slash; (slash = strchr(name, '/')); name = slash + 1) {
        *slash = '\0';
        int next = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0) {
            errno = not_entered(at, name, errno);
            return -1;
        }
        close(at);
        at = next;
    }
    return openat(at, name, READ_FLAGS | O_NOFOLLOW);
}

/* Relative, and every component a real name: what the walk by steps relies on. */
static bool stays_beneath(const char *relative)
{
    for (const char *at = relative;;) {
        size_t len = strcspn(at, "/");
        if (len == 0 || (len == 1 && at[0] == '.') || (len == 2 && at[0] == '.' && at[1] == '.'))
            return false;
        if (at[len] == '\0') return true;
        at += len + 1;
    }
}

/* What Linux, and the BSDs (EMLINK), answer when a link or a way out was refused. */
static bool is_link_error(int code)
{
    return code == ELOOP || code == EXDEV || code == EMLINK;
}

ptm_rc ptmi_fs_open_beneath(const char *dir, const char *relative, int *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_path_join(dir, relative);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    if (!stays_beneath(relative))
        return ptm_err_set(err, PTM_EUNSAFE, "%s: not a path inside %s", relative, dir);
    PTM_AUTO(ptmi_closep) int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", dir);
    int fd = ptmi_os_open_beneath(dir_fd, relative, READ_FLAGS);
    if (fd < 0 && errno == ENOSYS) fd = open_beneath_by_steps(dir_fd, relative);
    if (fd < 0 && is_link_error(errno))
        return ptm_err_set(err, PTM_EUNSAFE,
                           "%s: a symbolic link on the way; links in repositories are not followed",
                           name);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", name);
    *out = fd;
    return PTM_OK;
}

ptm_rc ptmi_fs_read_beneath(const char *dir, const char *relative, size_t max, char **out,
                            size_t *out_len, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *name = ptmi_path_join(dir, relative);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    PTM_AUTO(ptmi_closep) int fd = -1;
    PTM_TRY(ptmi_fs_open_beneath(dir, relative, &fd, err));
    return read_regular(fd, name, PTM_EUNSAFE, max, out, out_len, err);
}

/* Makes one folder; one that is there already (also behind a link) is fine. */
static ptm_rc make_folder(const char *path, struct ptm_err *err)
{
    if (mkdir(path, 0777) == 0) return PTM_OK;
    int why = errno;
    struct stat st;
    if (stat(path, &st) != 0) return ptm_err_sys(err, why, "%s: cannot make the folder", path);
    if (S_ISDIR(st.st_mode)) return PTM_OK;
    return ptm_err_set(err, PTM_EEXIST, "%s: is not a folder, and a folder is needed here", path);
}

ptm_rc ptmi_fs_mkdirs(const char *path, struct ptm_err *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *copy = strdup(path);
    if (!copy) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    for (char *at = copy; *at; at++) {
        if (*at != '/' || at == copy) continue;
        *at = '\0';
        PTM_TRY(make_folder(copy, err));
        *at = '/';
    }
    return make_folder(copy, err);
}

bool ptmi_fs_exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

bool ptmi_fs_is_dir(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

ptm_rc ptmi_fs_sync_all(const char *path, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    int why = ptmi_os_sync_all(fd);
    return why ? ptm_err_sys(err, why, "%s: cannot bring all of it to the disk", path) : PTM_OK;
}

ptm_rc ptmi_fs_fsync_dir(const char *path, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot open", path);
    /* Some file systems cannot sync a folder and say so by these. */
    if (fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS && errno != EBADF)
        return ptm_err_sys(err, errno, "%s: cannot sync", path);
    return PTM_OK;
}

int ptmi_fs_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;
    while (len > 0) {
        ssize_t put = write(fd, at, len);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return errno;
        at += put;
        len -= (size_t)put;
    }
    return 0;
}

ptm_rc ptmi_fs_copy(int fd_src, int fd_dst, struct ptm_err *err)
{
    ssize_t got = ptmi_os_copy_range(fd_src, fd_dst, COPY_RANGE_CHUNK);
    while (got > 0) got = ptmi_os_copy_range(fd_src, fd_dst, COPY_RANGE_CHUNK);
    /* Whatever stopped it, the plain way goes on from where it is: it finds the end, or the real
     * error. */
    PTM_AUTO(ptmi_freep) char *chunk = malloc(COPY_CHUNK);
    if (!chunk) return ptm_err_set(err, PTM_ENOMEM, "out of memory while copying");
    for (;;) {
        got = read_some(fd_src, chunk, COPY_CHUNK);
        if (got < 0) return ptm_err_sys(err, errno, "cannot read what is to be copied");
        if (got == 0) return PTM_OK;
        int why = ptmi_fs_write_all(fd_dst, chunk, (size_t)got);
        if (why) return ptm_err_sys(err, why, "cannot write the copy");
    }
}

ptm_rc ptmi_fs_free_bytes(const char *path, int64_t *out, struct ptm_err *err)
{
    struct statvfs facts;
    if (statvfs(path, &facts) != 0)
        return ptm_err_sys(err, errno, "%s: cannot learn the free space", path);
    int64_t free_bytes = 0;
    if (__builtin_mul_overflow((int64_t)facts.f_bavail, (int64_t)facts.f_frsize, &free_bytes))
        free_bytes = INT64_MAX;
    *out = free_bytes;
    return PTM_OK;
}
