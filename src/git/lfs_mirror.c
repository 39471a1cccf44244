/* SPDX-License-Identifier: MIT */
/*
 * lfs_mirror.c - the large files of one clone, from scan to work tree; or only counted.
 */
#include "lfs_priv.h"

#include <string.h>

#include "../base/str.h"

static int by_oid(const void *a, const void *b)
{
    const struct ptmi_lfs_file *const *x = a, *const *y = b;
    int order = strcmp((*x)->pointer.oid, (*y)->pointer.oid);
    if (order) return order;
    /* Files of HEAD first, then by place in the list: the first path of an object is always the
     * same. */
    if ((*x)->in_head != (*y)->in_head) return (*x)->in_head ? -1 : 1;
    return *x < *y ? -1 : *x > *y;
}

/* One object for each oid, however many files have it. *out is malloc'ed. */
static ptm_rc gather(const struct ptmi_lfs_files *files, struct ptmi_lfs_object **out,
                     size_t *out_n, struct ptm_err *err)
{
    size_t n = 0;
    if (files->n == 0) return PTM_OK;
    PTM_AUTO(ptmi_freep) const struct ptmi_lfs_file **sorted = calloc(files->n, sizeof *sorted);
    PTM_AUTO(ptmi_freep) struct ptmi_lfs_object *objects = calloc(files->n, sizeof *objects);
    if (!sorted || !objects)
        return ptm_err_set(err, PTM_ENOMEM, "list of large files: out of memory");
    for (size_t i = 0; i < files->n; i++) sorted[i] = &files->items[i];
    qsort(sorted, files->n, sizeof *sorted, by_oid);
    for (size_t i = 0; i < files->n; i++) {
        const struct ptmi_lfs_file *file = sorted[i];
        if (n == 0 || !ptmi_str_eq(objects[n - 1].pointer.oid, file->pointer.oid))
            objects[n++] = (struct ptmi_lfs_object){.pointer = file->pointer, .path = file->path};
        /* Named by a path that is wanted, if one is. */
        if (file->wanted && !objects[n - 1].wanted) objects[n - 1].path = file->path;
        objects[n - 1].wanted |= file->wanted;
    }
    *out = ptm_steal(&objects);
    *out_n = n;
    return PTM_OK;
}

static ptm_rc scan(ptmi_git *git, const char *dir, const struct ptmi_lfs_opts *opts,
                   struct ptmi_lfs_files *files, struct ptm_err *err)
{
    PTM_TRY(ptmi_lfs_scan_head(dir, files, err));
    if (opts->large == PTMI_LARGE_ALL) PTM_TRY(ptmi_lfs_scan_history(git, dir, files, err));
    return ptmi_lfs_select(dir, opts, files, err);
}

static void tell(const struct ptmi_lfs_opts *opts, const struct ptmi_lfs_object *object,
                 ptmi_lfs_outcome outcome, const struct ptm_err *why)
{
    if (opts->on_object)
        opts->on_object(opts->arg, object->path, &object->pointer, outcome, NULL, why);
}

/* Sorts out what needs no transfer. */
static void look(ptm_store *store, const struct ptmi_lfs_opts *opts, struct ptmi_lfs_object *object,
                 bool quiet, struct ptmi_lfs_report *report)
{
    int64_t size = -1;
    struct ptm_err why = {0};
    if (!object->wanted) {
        report->skipped++;
        if (!quiet) tell(opts, object, PTMI_LFS_SKIPPED, NULL);
        return;
    }
    report->wanted++;
    /* Pointers may say anything. */
    if (__builtin_add_overflow(report->bytes_wanted, object->pointer.size, &report->bytes_wanted))
        report->bytes_wanted = INT64_MAX;
    if (!ptm_store_has(store, object->pointer.oid, &size)) return;
    if (size == object->pointer.size) {
        object->have = true;
        report->present++;
        if (!quiet) tell(opts, object, PTMI_LFS_PRESENT, NULL);
        return;
    }
    /* Its hash is right, so the pointer's size is a lie: nothing that could be fetched would fit.
     */
    object->wanted = false;
    report->failed++;
    ptm_rc rc = ptm_err_set(&why, PTM_ESIZE, "%s: its pointer says %lld bytes, the object has %lld",
                            object->path, (long long)object->pointer.size, (long long)size);
    if (!quiet && rc < 0) tell(opts, object, PTMI_LFS_FAILED, &why);
}

ptm_rc ptmi_lfs_mirror(ptmi_git *git, ptm_net *net, ptm_store *store, const char *url,
                       const char *dir, const struct ptmi_lfs_opts *opts,
                       struct ptmi_lfs_report *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lfs_files_clear) struct ptmi_lfs_files files = PTMI_LFS_FILES_INIT;
    PTM_AUTO(ptmi_freep) struct ptmi_lfs_object *objects = NULL;
    struct ptmi_lfs_job job = {git, net, store, url, dir, opts, out};
    size_t n = 0;
    *out = (struct ptmi_lfs_report){0};
    if (opts->large == PTMI_LARGE_NONE) return PTM_OK;
    PTM_TRY(scan(git, dir, opts, &files, err));
    PTM_TRY(gather(&files, &objects, &n, err));
    for (size_t i = 0; i < n; i++) look(store, opts, &objects[i], false, out);
    PTM_TRY(ptmi_lfs_fetch(&job, objects, n, err));
    return ptmi_lfs_place(&job, &files, objects, n, err);
}

ptm_rc ptmi_lfs_count(ptmi_git *git, ptm_store *store, const char *dir,
                      const struct ptmi_lfs_opts *opts, struct ptmi_lfs_report *out,
                      struct ptm_err *err)
{
    PTM_AUTO(ptmi_lfs_files_clear) struct ptmi_lfs_files files = PTMI_LFS_FILES_INIT;
    PTM_AUTO(ptmi_freep) struct ptmi_lfs_object *objects = NULL;
    size_t n = 0;
    *out = (struct ptmi_lfs_report){0};
    if (opts->large == PTMI_LARGE_NONE) return PTM_OK;
    PTM_TRY(scan(git, dir, opts, &files, err));
    PTM_TRY(gather(&files, &objects, &n, err));
    for (size_t i = 0; i < n; i++) look(store, opts, &objects[i], true, out);
    return PTM_OK;
}
