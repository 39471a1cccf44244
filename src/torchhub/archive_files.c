/* SPDX-License-Identifier: MIT */
/*
 * archive_files.c - what an archive left in its folder: paths, hashes, and which of the files are
 * only pointers to large ones. The list is written down as sha256sum would, so that `sha256sum -c
 * .ptm-hub.sha256` can check a copy, too.
 */
#include "torchhub_priv.h"

#include <stdlib.h>
#include <string.h>

#include "../base/grow.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../git/lfs.h"

/* A pointer has a version and an oid line at least. */
#define POINTER_MIN 90

void ptmi_archive_files_clear(struct ptmi_archive_files *files)
{
    ptmi_arena_clear(&files->arena);
    free(files->items);
    files->items = NULL;
    files->n = files->cap = files->n_large = 0;
}

/* Our own two files take the place of whatever has their names. */
static bool is_ours(const char *path)
{
    size_t len = strcspn(path, "/");
    static const char *const ours[] = {PTMI_SIDE_FILE, PTMI_SIDE_SUMS};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (strlen(ours[i]) == len && strncmp(path, ours[i], len) == 0) return true;
    return false;
}

static ptm_rc look_for_pointer(const char *dest, struct ptmi_archive_file *file,
                               struct ptm_err *err)
{
    struct ptmi_lfs_pointer pointer = {0};
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    PTM_TRY(ptmi_fs_read_beneath(dest, file->path, PTM_LIMIT_POINTER, &text, &len, err));
    if (!ptmi_lfs_pointer_parse(text, len, &pointer)) return PTM_OK;
    memcpy(file->sha256, pointer.oid, sizeof file->sha256);
    file->large = pointer.size;
    return PTM_OK;
}

ptm_rc ptmi_archive_files_add(struct ptmi_archive_files *files, const char *dest,
                              const struct ptmi_archive_file *file, int64_t size,
                              struct ptm_err *err)
{
    if (is_ours(file->path)) return PTM_OK;
    struct ptmi_archive_file *more = ptmi_grown(files->items, files->n, &files->cap, sizeof *more);
    if (more) files->items = more;
    const char *path = ptmi_arena_strdup(&files->arena, file->path);
    if (!more || !path) return ptm_err_set(err, PTM_ENOMEM, "%s: list of its files", dest);
    struct ptmi_archive_file *slot = &more[files->n];
    *slot = *file;
    slot->path = path;
    slot->large = -1;
    if (size >= POINTER_MIN && size < PTM_LIMIT_POINTER) PTM_TRY(look_for_pointer(dest, slot, err));
    files->n++;
    files->n_large += slot->large >= 0;
    return PTM_OK;
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct ptmi_archive_file *)a)->path,
                  ((const struct ptmi_archive_file *)b)->path);
}

/* Paths have no backslash and no line end: unpacking refuses them, so nothing needs to be escaped.
 */
static void put_line(ptmi_whole *whole, const struct ptmi_archive_file *file)
{
    ptmi_whole_puts(whole, file->sha256);
    ptmi_whole_puts(whole, "  ");
    ptmi_whole_puts(whole, file->path);
    ptmi_whole_puts(whole, "\n");
}

ptm_rc ptmi_archive_files_sums(struct ptmi_archive_files *files, const char *dest,
                               struct ptm_err *err)
{
    ptmi_whole *whole = NULL;
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dest, PTMI_SIDE_SUMS);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dest);
    if (files->n > 0) qsort(files->items, files->n, sizeof *files->items, by_path);
    PTM_TRY(ptmi_whole_open(path, 0666, &whole, err));
    for (size_t i = 0; i < files->n && ptmi_whole_ok(whole); i++) put_line(whole, &files->items[i]);
    ptm_rc rc = ptmi_whole_commit(whole, NULL, err);
    ptmi_whole_abort(whole);
    return rc;
}
