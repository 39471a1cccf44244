/* SPDX-License-Identifier: MIT */
/*
 * extract_tree.c - what an archive holds is made here, one path component after the other from the
 * descriptor of the folder, never through a link: whatever the checks before missed cannot leave
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/path.h"
#include "../base/str.h"
#include "extract_priv.h"

#define FOLDER_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

static ptm_rc failed(const struct ptmi_tree *tree, const char *path, int code, struct ptm_err *err)
{
    return ptm_err_sys(err, code, "%s/%s: cannot make", tree->dest, path);
}

/* The folder name in parent, made if need be; -1 with errno. */
static int enter(int parent, const char *name)
{
    int fd = openat(parent, name, FOLDER_FLAGS);
    if (fd >= 0 || errno != ENOENT) return fd;
    if (mkdirat(parent, name, 0777) != 0 && errno != EEXIST) return -1;
    return openat(parent, name, FOLDER_FLAGS);
}

static ptm_rc go_to(struct ptmi_tree *tree, const char *dir, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *copy = strdup(dir);
    PTM_AUTO(ptmi_freep) char *kept = strdup(dir);
    if (!copy || !kept) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", dir);
    PTM_AUTO(ptmi_closep) int at = fcntl(tree->root, F_DUPFD_CLOEXEC, 3);
    if (at < 0) return failed(tree, dir, errno, err);
    char *rest = NULL;
    for (char *name = strtok_r(copy, "/", &rest); name; name = strtok_r(NULL, "/", &rest)) {
        int next = enter(at, name);
        if (next < 0) return failed(tree, dir, errno, err);
        close(at);
        at = next;
    }
    if (tree->at >= 0) close(tree->at);
    free(tree->at_dir);
    tree->at = at;
    tree->at_dir = ptm_steal(&kept);
    at = -1;
    return PTM_OK;
}

/* Entries of one folder stand together in archives: it stays open from one to the next. */
static ptm_rc go_to_parent(struct ptmi_tree *tree, const char *path, struct ptm_err *err)
{
    size_t len = (size_t)(ptmi_path_base(path) - path);
    if (len > 0) len--;
    if (tree->at >= 0 && strlen(tree->at_dir) == len && memcmp(tree->at_dir, path, len) == 0)
        return PTM_OK;
    PTM_AUTO(ptmi_freep) char *dir = strndup(path, len);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", path);
    return go_to(tree, dir, err);
}

ptm_rc ptmi_tree_open(struct ptmi_tree *tree, const char *dest, struct ptm_err *err)
{
    *tree = (struct ptmi_tree){.root = open(dest, FOLDER_FLAGS), .at = -1, .dest = dest};
    return tree->root >= 0 ? PTM_OK : ptm_err_sys(err, errno, "%s: cannot open", dest);
}

void ptmi_tree_close(struct ptmi_tree *tree)
{
    if (tree->root >= 0) close(tree->root);
    if (tree->at >= 0) close(tree->at);
    free(tree->at_dir);
    *tree = (struct ptmi_tree){.root = -1, .at = -1};
}

ptm_rc ptmi_tree_folder(struct ptmi_tree *tree, const char *path, struct ptm_err *err)
{
    return go_to(tree, path, err);
}

ptm_rc ptmi_tree_file(struct ptmi_tree *tree, const char *path, bool executable, int *out_fd,
                      struct ptm_err *err)
{
    PTM_TRY(go_to_parent(tree, path, err));
    int fd = openat(tree->at, ptmi_path_base(path),
                    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, executable ? 0777 : 0666);
    if (fd < 0) return failed(tree, path, errno, err);
    *out_fd = fd;
    return PTM_OK;
}

ptm_rc ptmi_tree_link(struct ptmi_tree *tree, const char *path, const char *target,
                      struct ptm_err *err)
{
    PTM_TRY(go_to_parent(tree, path, err));
    if (symlinkat(target, tree->at, ptmi_path_base(path)) != 0)
        return failed(tree, path, errno, err);
    return PTM_OK;
}
