/* SPDX-License-Identifier: MIT */
/*
 * base_priv.h - what the operating system has of its own, behind plain calls: os_linux.c has the
 * quick ways, os_posix.c says "cannot" so that the caller takes the portable way. Never leaves this
 * folder.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Opens dir_fd/relative for reading, refusing every symbolic link and every way out of dir_fd. A
 * descriptor, or -1 with errno; ENOSYS when the kernel has no such call (the caller then walks the
 * components itself).
 */
int ptmi_os_open_beneath(int dir_fd, const char *relative, int flags);
/* Copies up to len bytes inside the kernel from and to the current offsets; bytes copied, 0 at the
 * end, -1 when it cannot. */
ssize_t ptmi_os_copy_range(int fd_src, int fd_dst, size_t len);
/* The same from a place in the source, whose offset it leaves alone. */
ssize_t ptmi_os_copy_from(int fd_src, int64_t offset, int fd_dst, size_t len);
/* Starts writing a range of a file to disk and does not wait for it. A hint. */
void ptmi_os_start_sync(int fd, int64_t offset, int64_t len);
/* All that was written to the file system that fd is on reaches the disk; 0 or an errno. */
int ptmi_os_sync_all(int fd);
/* A file without a name in dir, open for reading and writing; -1 where the file system has none. */
int ptmi_os_tmpfile(const char *dir, mode_t mode);
/* Gives the file of ptmi_os_tmpfile() a name; 0, or -1 with errno. */
int ptmi_os_name_tmpfile(int fd, const char *path);
/* A file in memory for the standard input of a child; -1 where there is none. */
int ptmi_os_memory_file(void);
/* Locks or unlocks the whole file for its open file description, without waiting; 0 or an errno
 * (EAGAIN: another has it). */
int ptmi_os_lock(int fd, bool lock);
/* Memory that was just got and not touched yet may come in large pages: a fault for 2 MB instead of
 * 4 KB. A hint. */
void ptmi_os_large_pages(void *memory, size_t size);

/* Between fork and exec: async-signal-safe. */
void ptmi_os_close_on_exec_from(int lowest);
void ptmi_os_die_with_parent(void);
