/* SPDX-License-Identifier: MIT */
/*
 * resolve_lfs.c - archives of GitHub hold Git LFS pointers where the repository has large files
 * (unless its owner asked for the objects): a checkpoint of 130 bytes is what users of torch.hub
 * then meet. The objects are fetched by the batch API into a folder beside the copy and take the
 * place of the pointers; one that several files share is fetched once.
 *
 * An object that upstream lost is an error: a copy that lacks its weights is not a copy.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/path.h"
#include "../base/str.h"
#include "../git/lfs.h"

struct resolving {
    ptm_torchhub *hub;
    const struct ptm_torchhub_repo *repo;
    const char *dest, *work;
    const struct ptmi_archive_file **large; /* sorted by object */
    size_t n;
    struct ptmi_lfs_want *wants; /* one an object */
    size_t n_wants;
};

static void clear(struct resolving *r)
{
    for (size_t i = 0; i < r->n_wants; i++) free((char *)r->wants[i].part);
    free(r->wants);
    free(r->large);
}

static int by_object(const void *a, const void *b)
{
    const struct ptmi_archive_file *x = *(const struct ptmi_archive_file *const *)a;
    const struct ptmi_archive_file *y = *(const struct ptmi_archive_file *const *)b;
    int order = strcmp(x->sha256, y->sha256);
    return order ? order : strcmp(x->path, y->path);
}

static ptm_rc collect(struct resolving *r, const struct ptmi_archive_files *files,
                      struct ptm_err *err)
{
    r->large = calloc(files->n_large, sizeof *r->large);
    r->wants = calloc(files->n_large, sizeof *r->wants);
    if (!r->large || !r->wants) return ptm_err_set(err, PTM_ENOMEM, "%s: large files", r->dest);
    for (size_t i = 0; i < files->n; i++)
        if (files->items[i].large >= 0) r->large[r->n++] = &files->items[i];
    qsort(r->large, r->n, sizeof *r->large, by_object);
    return PTM_OK;
}

static ptm_rc add_want(struct resolving *r, const struct ptmi_archive_file *file,
                       struct ptm_err *err)
{
    struct ptmi_lfs_want *want = &r->wants[r->n_wants];
    want->path = file->path;
    want->pointer.size = file->large;
    memcpy(want->pointer.oid, file->sha256, sizeof want->pointer.oid);
    want->part = ptmi_str_printf("%s/%s.part", r->work, file->sha256);
    if (!want->part) return ptm_err_set(err, PTM_ENOMEM, "%s", file->path);
    r->n_wants++;
    return PTM_OK;
}

static ptm_rc make_wants(struct resolving *r, struct ptm_err *err)
{
    for (size_t i = 0; i < r->n; i++) {
        const struct ptmi_archive_file *file = r->large[i], *before = i ? r->large[i - 1] : NULL;
        if (!before || !ptmi_str_eq(before->sha256, file->sha256))
            PTM_TRY(add_want(r, file, err));
        else if (before->large != file->large)
            return ptm_err_set(err, PTM_EFORMAT,
                               "%s and %s: pointers to one large file with two sizes", before->path,
                               file->path);
    }
    return PTM_OK;
}

/* Sizes come from the repository: the disk is looked at before anything is fetched. */
static ptm_rc check_disk(const struct resolving *r, struct ptm_err *err)
{
    int64_t has = 0, need = 0;
    char text[2][32];
    PTM_TRY(ptmi_fs_free_bytes(r->dest, &has, err));
    for (size_t i = 0; i < r->n; i++)
        if (__builtin_add_overflow(need, r->large[i]->large, &need)) need = INT64_MAX;
    if (need <= has) return PTM_OK;
    return ptm_err_set(err, PTM_ENOSPC, "%s: large files of %s, of which %s is the first; %s free",
                       r->dest, ptmi_str_human_size(need, text[0]), r->large[0]->path,
                       ptmi_str_human_size(has, text[1]));
}

static ptm_rc fetch_all(struct resolving *r, struct ptm_err *err)
{
    ptmi_git *git = NULL;
    ptm_net *net = NULL;
    const struct ptmi_repo_spec spec = {.owner = r->repo->owner, .name = r->repo->name};
    PTM_AUTO(ptmi_freep) char *url = ptmi_repo_spec_url(&spec);
    PTM_AUTO(ptmi_freep) char *label = ptmi_str_printf("%s/%s", spec.owner, spec.name);
    if (!url || !label) return ptm_err_set(err, PTM_ENOMEM, "%s", r->dest);
    PTM_TRY(ptmi_torchhub_git(r->hub, &git, err));
    PTM_TRY(ptmi_torchhub_net(r->hub, &net, err));
    PTM_TRY(ptmi_fs_mkdirs(r->work, err));
    return ptmi_lfs_fetch_parts(git, net, url, label, r->wants, r->n_wants, err);
}

/* --- into place --- */

/* The pointer at path keeps its permissions for what takes its place. */
static ptm_rc replace(const char *new, const char *path, struct ptm_err *err)
{
    struct stat st;
    if (lstat(path, &st) != 0 || chmod(new, st.st_mode & 0777) != 0 || rename(new, path) != 0)
        return ptm_err_sys(err, errno, "%s: cannot put the large file there", path);
    return PTM_OK;
}

static ptm_rc copy_file(const char *from, const char *to, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (in < 0) return ptm_err_sys(err, errno, "%s: cannot open", from);
    PTM_AUTO(ptmi_closep)
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (out < 0) return ptm_err_sys(err, errno, "%s: cannot make", to);
    return ptmi_fs_reflink(in, out) ? PTM_OK : ptmi_fs_copy(in, out, err);
}

/* The last of the files that share an object gets the part itself, those before it copies. */
static ptm_rc place(const struct resolving *r, size_t i, const char *part, struct ptm_err *err)
{
    const struct ptmi_archive_file *file = r->large[i];
    bool last = i + 1 == r->n || !ptmi_str_eq(r->large[i + 1]->sha256, file->sha256);
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(r->dest, file->path);
    PTM_AUTO(ptmi_freep) char *copy = ptmi_path_join(r->work, "copy");
    if (!path || !copy) return ptm_err_set(err, PTM_ENOMEM, "%s", file->path);
    if (last) return replace(part, path, err);
    PTM_TRY(copy_file(part, copy, err));
    return replace(copy, path, err);
}

static ptm_rc place_all(const struct resolving *r, struct ptm_err *err)
{
    size_t want = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (!ptmi_str_eq(r->wants[want].pointer.oid, r->large[i]->sha256)) want++;
        PTM_TRY(place(r, i, r->wants[want].part, err));
    }
    return ptmi_fs_remove_tree(r->work, err);
}

ptm_rc ptmi_archive_resolve_lfs(ptm_torchhub *hub, const struct ptm_torchhub_repo *repo,
                                const struct ptmi_archive_files *files, const char *dest,
                                const char *work, struct ptm_err *err)
{
    PTM_AUTO(clear)
    struct resolving r = {.hub = hub, .repo = repo, .dest = dest, .work = work};
    if (files->n_large == 0) return PTM_OK;
    PTM_TRY(collect(&r, files, err));
    PTM_TRY(make_wants(&r, err));
    PTM_TRY(check_disk(&r, err));
    ptm_rc rc = fetch_all(&r, err);
    if (rc == PTM_ENOTFOUND)
        return ptm_err_ctx(err, rc,
                           "a large file is missing upstream (only its owner can mend that)");
    if (rc < 0) return ptm_err_ctx(err, rc, "large files");
    return place_all(&r, err);
}
