/* SPDX-License-Identifier: MIT */
/*
 * rmtree.c - removes a folder with all below it (fs.h). Never follows a link, opens read-only
 * folders first, and holds a bounded number of descriptors: what lies deeper than MAX_DEPTH is
 * moved up to the top of the tree and met there again.
 */
#include "fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auto.h"

#define MAX_DEPTH 64

struct removal {
    const char *path; /* of the tree, for errors */
    int top;          /* its descriptor */
    unsigned moved;   /* folders moved up so far: makes their names */
};

static ptm_rc cannot(const struct removal *removal, int why, const char *name, struct ptm_err *err)
{
    return ptm_err_sys(err, why, "%s: cannot remove %s", removal->path, name);
}

/* Opens a sub-folder, giving ourselves the right to empty it where its mode denies it. */
static int open_folder(int parent, const char *name)
{
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode) &&
        (st.st_mode & S_IRWXU) != S_IRWXU)
        (void)fchmodat(parent, name, (st.st_mode & 07777) | S_IRWXU, 0);
    return openat(parent, name, flags);
}

static bool is_folder(int parent, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type == DT_DIR;
    return fstatat(parent, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

static ptm_rc move_up(struct removal *removal, int parent, const char *name, struct ptm_err *err)
{
    char moved[64];
    do snprintf(moved, sizeof moved, ".ptm-removing-%u", removal->moved++);
    while (faccessat(removal->top, moved, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    if (renameat(parent, name, removal->top, moved) == 0 || errno == ENOENT) return PTM_OK;
    return cannot(removal, errno, name, err);
}

static ptm_rc empty_folder(struct removal *removal, int fd, int depth, struct ptm_err *err);

static ptm_rc remove_folder(struct removal *removal, int parent, const char *name, int depth,
                            struct ptm_err *err)
{
    int fd = open_folder(parent, name);
    if (fd < 0 && errno == ENOENT) return PTM_OK;
    if (fd < 0) return cannot(removal, errno, name, err);
    if (depth >= MAX_DEPTH) {
        close(fd);
        return move_up(removal, parent, name, err);
    }
    PTM_TRY(empty_folder(removal, fd, depth + 1, err));
    if (unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
        return cannot(removal, errno, name, err);
    return PTM_OK;
}

static ptm_rc remove_entry(struct removal *removal, int fd, const struct dirent *entry, int depth,
                           struct ptm_err *err)
{
    if (is_folder(fd, entry)) return remove_folder(removal, fd, entry->d_name, depth, err);
    if (unlinkat(fd, entry->d_name, 0) == 0 || errno == ENOENT) return PTM_OK;
    return cannot(removal, errno, entry->d_name, err);
}

/* Takes fd over. Repeats until a pass finds nothing: entries may be missed while others go, and the
 * top gains some. */
static ptm_rc empty_folder(struct removal *removal, int fd, int depth, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = fdopendir(fd);
    if (!dir) {
        int why = errno;
        close(fd);
        return cannot(removal, why, "a folder in it", err);
    }
    for (bool found = true; found;) {
        found = false;
        rewinddir(dir);
        for (const struct dirent *entry; (entry = readdir(dir));) {
            if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
            found = true;
            PTM_TRY(remove_entry(removal, dirfd(dir), entry, depth, err));
        }
    }
    return PTM_OK;
}

ptm_rc ptmi_fs_remove_tree(const char *path, struct ptm_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0)
        return errno == ENOENT ? PTM_OK : ptm_err_sys(err, errno, "%s: cannot remove", path);
    if (!S_ISDIR(st.st_mode)) {
        if (unlink(path) == 0 || errno == ENOENT) return PTM_OK;
        return ptm_err_sys(err, errno, "%s: cannot remove", path);
    }
    int fd = open_folder(AT_FDCWD, path);
    if (fd < 0) return ptm_err_sys(err, errno, "%s: cannot remove", path);
    struct removal removal = {.path = path, .top = fd};
    PTM_TRY(empty_folder(&removal, fd, 0, err));
    if (rmdir(path) != 0 && errno != ENOENT)
        return ptm_err_sys(err, errno, "%s: cannot remove", path);
    return PTM_OK;
}
