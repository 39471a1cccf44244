/* SPDX-License-Identifier: MIT */
/*
 * os_linux.c - what Linux does better than POSIX asks: openat2, reflinks, copies inside the kernel,
 * files without a name, open-file-description locks. Each falls back at run time: kernels,
 * containers (seccomp) and file systems differ.
 */
#include "base_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs.h"

/* f_type of file systems that live elsewhere or behind a process (linux/magic.h has only some of
 * them). */
static const unsigned long network_types[] = {
    0x6969,     /* NFS */
    0x517B,     /* SMB */
    0xFF534D42, /* CIFS */
    0xFE534D42, /* SMB 2 */
    0x0BD00BD0, /* Lustre */
    0x65735546, /* FUSE */
    0x01021997, /* 9p */
    0x5346414F, /* AFS */
    0x6B414653, /* kAFS */
    0x00C36400, /* Ceph */
    0x47504653, /* GPFS */
    0x19830326, /* BeeGFS */
    0xAAD7AAEA, /* PanFS */
    0x73757245, /* Coda */
    0x01161970, /* GFS2 */
    0x7461636F, /* OCFS2 */
};

int ptmi_os_open_beneath(int dir_fd, const char *relative, int flags)
{
#ifdef SYS_openat2
    struct open_how how = {
        .flags = (unsigned long long)flags,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    /* EAGAIN: something moved while the kernel looked; a few more looks are enough on a tree that
     * is at rest. */
    for (int tries = 0; tries < 16; tries++) {
        long fd = syscall(SYS_openat2, dir_fd, relative, &how, sizeof how);
        if (fd >= 0) return (int)fd;
        if (errno != EAGAIN && errno != EINTR) break;
    }
    /* Old container sandboxes answer EPERM to calls they do not know. */
    if (errno == EPERM) errno = ENOSYS;
    return -1;
#else
    (void)dir_fd, (void)relative, (void)flags;
    errno = ENOSYS;
    return -1;
#endif
}

ssize_t ptmi_os_copy_range(int fd_src, int fd_dst, size_t len)
{
    return copy_file_range(fd_src, NULL, fd_dst, NULL, len, 0);
}

ssize_t ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len)
{
    off_t from = offset;
    return copy_file_range(fd_src, &from, fd_dst, NULL, len, 0);
}

void ptmi_os_start_sync(int fd, int64_t offset, int64_t len)
{
    (void)sync_file_range(fd, offset, len, SYNC_FILE_RANGE_WRITE);
}

bool ptmi_fs_reflink(int fd_src, int fd_dst)
{
    return ioctl(fd_dst, FICLONE, fd_src) == 0;
}

int ptmi_os_sync_all(int fd)
{
    return syncfs(fd) == 0 ? 0 : errno;
}

bool ptmi_fs_exchange(const char *a, const char *b)
{
#ifdef SYS_renameat2
    /* 2 is RENAME_EXCHANGE; a system call, since musl has had a function for it since 1.2.5 only.
     */
    return syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, 2u) == 0;
#else
    (void)a, (void)b;
    return false;
#endif
}

int ptmi_os_tmpfile(const char *dir, mode_t mode)
{
    return open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
}

int ptmi_os_name_tmpfile(int fd, const char *path)
{
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

int ptmi_os_memory_file(void)
{
    return memfd_create("ptm-input", MFD_CLOEXEC);
}

int ptmi_os_lock(int fd, bool lock)
{
    struct flock range = {.l_type = lock ? F_WRLCK : F_UNLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_SETLK, &range) == 0) return 0;
    return errno == EACCES ? EAGAIN : errno;
}

bool ptmi_fs_is_network(const char *path)
{
    struct statfs facts;
    if (statfs(path, &facts) != 0) return false;
    unsigned long type = (unsigned long)facts.f_type & 0xFFFFFFFFul;
    for (size_t i = 0; i < sizeof network_types / sizeof network_types[0]; i++)
        if (type == network_types[i]) return true;
    return false;
}

void ptmi_os_large_pages(void *memory, size_t size)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)memory;
    uintptr_t aligned = (from + page - 1) / page * page;
    if (aligned - from < size)
        (void)madvise((void *)aligned, size - (aligned - from), MADV_HUGEPAGE);
}

void ptmi_os_close_on_exec_from(int lowest)
{
#ifdef SYS_close_range
    /* 4 is CLOSE_RANGE_CLOEXEC (Linux 5.11), which older headers lack. */
    if (syscall(SYS_close_range, (unsigned)lowest, ~0u, 4u) == 0) return;
#endif
    struct rlimit limit = {0};
    int end = 1024;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < 65536) end = (int)limit.rlim_cur;
    for (int fd = lowest; fd < end; fd++) (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

void ptmi_os_die_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}
