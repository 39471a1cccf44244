/* SPDX-License-Identifier: MIT */
/*
 * os_posix.c - for systems that are not Linux: every special way says that it cannot, and the
 * callers take the portable one.
 */
#include "base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "fs.h"

int ptmi_os_open_beneath(int dir_fd, const char *relative, int flags)
{
    (void)dir_fd, (void)relative, (void)flags;
    errno = ENOSYS;
    return -1;
}

ssize_t ptmi_os_copy_range(int fd_src, int fd_dst, size_t len)
{
    (void)fd_src, (void)fd_dst, (void)len;
    errno = ENOSYS;
    return -1;
}

ssize_t ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len)
{
    (void)fd_src, (void)offset, (void)fd_dst, (void)len;
    errno = ENOSYS;
    return -1;
}

void ptmi_os_start_sync(int fd, int64_t offset, int64_t len)
{
    (void)fd, (void)offset, (void)len;
}

bool ptmi_fs_reflink(int fd_src, int fd_dst)
{
    (void)fd_src, (void)fd_dst;
    return false;
}

int ptmi_os_sync_all(int fd)
{
    (void)fd;
    sync();
    return 0;
}

bool ptmi_fs_exchange(const char *a, const char *b)
{
    (void)a, (void)b;
    return false;
}

int ptmi_os_tmpfile(const char *dir, mode_t mode)
{
    (void)dir, (void)mode;
    errno = ENOTSUP;
    return -1;
}

int ptmi_os_name_tmpfile(int fd, const char *path)
{
    (void)fd, (void)path;
    errno = ENOTSUP;
    return -1;
}

int ptmi_os_memory_file(void)
{
    errno = ENOTSUP;
    return -1;
}

int ptmi_os_lock(int fd, bool lock)
{
    (void)fd, (void)lock;
    return ENOTSUP; /* the caller takes flock() */
}

bool ptmi_fs_is_network(const char *path)
{
    (void)path;
    return false;
}

void ptmi_os_large_pages(void *memory, size_t size)
{
    (void)memory, (void)size;
}

void ptmi_os_close_on_exec_from(int lowest)
{
    long end = sysconf(_SC_OPEN_MAX);
    if (end < 0 || end > 65536) end = 1024;
    for (int fd = lowest; fd < end; fd++) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void ptmi_os_die_with_parent(void)
{
}
