/* SPDX-License-Identifier: MIT */
/* unit_tmp.h - for unit tests: a scratch folder, short ways to write, read and list files, and
 * children in their own mount space. */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

struct unit_tmp {
    char path[64];
};

static inline struct unit_tmp unit_tmp_make(void)
{
    struct unit_tmp tmp = {"/tmp/ptm-unit-XXXXXX"};
    if (!mkdtemp(tmp.path)) abort();
    return tmp;
}

static inline void unit_tmp_remove(struct unit_tmp *tmp)
{
    if (ptmi_fs_remove_tree(tmp->path, NULL) < 0) fprintf(stderr, "%s: left behind\n", tmp->path);
}
#define UNIT_TMP(name) \
    __attribute__((cleanup(unit_tmp_remove))) struct unit_tmp name = unit_tmp_make()

/* folder/name in one of a few rotating buffers: good until the 32nd call after it. folder may be
 * such a one. */
static inline const char *unit_path(const char *folder, const char *name)
{
    static __thread char paths[32][512];
    static __thread unsigned next;
    char made[512];
    int len = snprintf(made, sizeof made, "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof made) abort();
    return memcpy(paths[next++ % 32], made, (size_t)len + 1);
}

static inline void unit_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "wb");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) abort();
}

/* malloc'ed; NULL when it is not there. */
static inline char *unit_read(const char *path)
{
    char *text = NULL;
    return ptmi_fs_read(path, 64u << 20, &text, NULL, NULL) == PTM_OK ? text : NULL;
}

static inline int unit_entries(const char *folder)
{
    int n = 0;
    DIR *dir = opendir(folder);
    if (!dir) return -1;
    for (const struct dirent *entry; (entry = readdir(dir));)
        n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
    closedir(dir);
    return n;
}

/* Runs fn in a child; its exit status, or 128 + signal. */
static inline int unit_in_child(int (*fn)(void *arg), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(fn(arg));
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

#define UNIT_SKIP 77

/* In a child: a mount space of its own, so that what is mounted goes with it. false: not allowed
 * here. */
static inline bool unit_own_mounts(void)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

/* In a child: fails it with the place and the error. */
#define UNIT_CHECK(cond)                                                                 \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            fprintf(stderr, "%s:%d: %s (errno %d)\n", __FILE__, __LINE__, #cond, errno); \
            return 1;                                                                    \
        }                                                                                \
    } while (0)

/* Ends the test as skipped, saying what was missing. */
#define UNIT_SKIP_TEST(reason)                  \
    do {                                        \
        print_message("skipped: %s\n", reason); \
        skip();                                 \
    } while (0)
/* The same where a scratch folder is open: skip() jumps past cleanups. */
#define UNIT_SKIP_TEST_IN(tmp, reason) \
    do {                               \
        unit_tmp_remove(&(tmp));       \
        UNIT_SKIP_TEST(reason);        \
    } while (0)
