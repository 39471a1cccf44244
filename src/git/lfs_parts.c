/* SPDX-License-Identifier: MIT */
/*
 * lfs_parts.c - large files of a repository that is not cloned (its archive was fetched): each into
 * a file of the caller's. All or nothing counts, so the first failure is kept and told.
 */
#include "lfs_priv.h"

#include <pthread.h>

/* The first object that failed. */
struct failure {
    pthread_mutex_t lock;
    ptm_rc rc;
    struct ptm_err err;
};

static void keep_failure(void *arg, const char *path, const struct ptmi_lfs_pointer *pointer,
                         ptmi_lfs_outcome outcome, const char *source_url,
                         const struct ptm_err *why)
{
    struct failure *failure = arg;
    (void)path, (void)pointer, (void)source_url;
    if (!why) return;
    pthread_mutex_lock(&failure->lock);
    if (failure->rc == PTM_OK) {
        failure->rc = outcome == PTMI_LFS_LOST ? PTM_ENOTFOUND : why->rc;
        failure->err = *why;
        failure->err.rc = failure->rc;
    }
    pthread_mutex_unlock(&failure->lock);
}

static struct ptmi_lfs_object *make_objects(const struct ptmi_lfs_want *wants, size_t n)
{
    struct ptmi_lfs_object *objects = calloc(n, sizeof *objects);
    for (size_t i = 0; objects && i < n; i++)
        objects[i] = (struct ptmi_lfs_object){.pointer = wants[i].pointer,
                                              .path = wants[i].path,
                                              .part = wants[i].part,
                                              .wanted = true};
    return objects;
}

ptm_rc ptmi_lfs_fetch_parts(ptmi_git *git, ptm_net *net, const char *url, const char *label,
                            const struct ptmi_lfs_want *wants, size_t n, struct ptm_err *err)
{
    struct failure failure = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct ptmi_lfs_report report = {0};
    struct ptmi_lfs_opts opts = {.label = label, .on_object = keep_failure, .arg = &failure};
    struct ptmi_lfs_job job = {
        .git = git, .net = net, .url = url, .opts = &opts, .report = &report};
    if (n == 0) return PTM_OK;
    PTM_AUTO(ptmi_freep) struct ptmi_lfs_object *objects = make_objects(wants, n);
    if (!objects) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", url);
    ptm_rc rc = ptmi_lfs_fetch(&job, objects, n, err);
    if (rc == PTM_OK && failure.rc != PTM_OK) {
        rc = failure.rc;
        if (err) *err = failure.err;
    }
    pthread_mutex_destroy(&failure.lock);
    return rc;
}
