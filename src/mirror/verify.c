/* SPDX-License-Identifier: MIT */
/*
 * verify.c - is everything whole? Every clone by `git fsck` and status, every large file by its
 * hash; is the export there? Reads all bytes there are; changes nothing but the account of
 * failures, from which `ptm retry` mends.
 */
#include <string.h>

#include "../base/log.h"
#include "../base/str.h"
#include "mirror_priv.h"

struct verify {
    ptmi_mirror *mirror;
    const struct ptmi_hub_ops *hub;
    ptmi_verify_fn fn;
    void *arg;
    struct ptmi_verify_report *out;
    uint64_t task;
    int64_t done;
    const struct ptmi_repo *repo; /* whose objects are being read */
};

static void bad(struct verify *verify, const char *what, const struct ptm_err *why,
                int64_t *counter)
{
    ++*counter;
    if (verify->fn) verify->fn(verify->arg, what, why);
}

/* A row that `ptm retry` takes up: damage is mended by fetching again. */
static ptm_rc record(struct verify *verify, const char *id, const char *stage, const char *url,
                     struct ptm_err *why, struct ptm_err *err)
{
    why->retryable = why->rc == PTM_ECORRUPT || why->rc == PTM_ENOENT;
    return ptmi_mirror_record(verify->mirror, verify->hub->name, id, stage, url, why, err);
}

static ptm_rc check_object(void *arg, const char *oid, int64_t size, struct ptm_err *err)
{
    struct verify *verify = arg;
    struct ptm_err why = {0};
    (void)size;
    if (ptm_ctx_canceled(verify->mirror->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    verify->out->objects++;
    ptm_rc rc = ptm_store_verify(verify->mirror->store, oid, &why);
    if (rc == PTM_OK) return PTM_OK;
    if (rc != PTM_ECORRUPT && rc != PTM_ENOENT) {
        if (err) *err = why;
        return rc;
    }
    PTM_AUTO(ptmi_freep)
    char *id = ptmi_str_printf("%s/%s:%s", verify->repo->author, verify->repo->name, oid);
    if (!id) return ptm_err_set(err, PTM_ENOMEM, "%s", oid);
    bad(verify, id, &why, &verify->out->objects_bad);
    if (rc == PTM_ECORRUPT) PTM_TRY(ptm_store_remove(verify->mirror->store, oid, err));
    return record(verify, id, "large", verify->repo->clone_url, &why, err);
}

static ptm_rc check_repo(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct verify *verify = arg;
    ptmi_mirror *mirror = verify->mirror;
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    PTM_AUTO(ptmi_freep) char *label = ptmi_str_printf("%s/%s", repo->author, repo->name);
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    struct ptm_err why = {0};
    if (ptm_ctx_canceled(mirror->ctx)) return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    if (!label) return ptm_err_set(err, PTM_ENOMEM, "%s", repo->clone_url);
    PTM_TRY(ptmi_mirror_repo_path(mirror, verify->hub->name, repo->author, repo->name, &dir, err));
    PTM_TRY(ptmi_mirror_lock_repo(mirror, dir, &lock, err));
    verify->out->repos++;
    ptm_rc rc = ptmi_git_verify(mirror->git, dir, &why);
    if (rc < 0 && ptmi_mirror_is_fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc < 0) {
        bad(verify, label, &why, &verify->out->repos_bad);
        PTM_TRY(record(verify, label, rc == PTM_EDIRTY ? "update" : "clone", repo->clone_url, &why,
                       err));
    }
    ptmi_task_progress(mirror->ctx, verify->task, ++verify->done, -1);
    verify->repo = repo;
    return ptmi_catalog_each_large(mirror->catalog, repo->id, check_object, verify, err);
}

static ptm_rc check_export(struct verify *verify, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *path = ptmi_str_printf("%s/%s/json/%s.json", verify->mirror->root, verify->hub->name,
                                 verify->hub->name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", verify->hub->name);
    verify->out->files++;
    if (ptmi_fs_exists(path)) return PTM_OK;
    struct ptm_err why = {0};
    ptm_rc rc = ptm_err_set(&why, PTM_ENOENT, "%s: missing; `ptm schema %s` makes it", path,
                            verify->hub->name);
    (void)rc;
    bad(verify, path, &why, &verify->out->files_bad);
    return PTM_OK;
}

ptm_rc ptmi_mirror_verify(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, ptmi_verify_fn fn,
                          void *arg, struct ptmi_verify_report *out, struct ptm_err *err)
{
    struct verify verify = {.mirror = mirror, .hub = hub, .fn = fn, .arg = arg, .out = out};
    bool listed = false;
    PTM_TRY(ptmi_catalog_listed(mirror->catalog, hub->name, &listed, NULL, err));
    verify.task = ptmi_task_begin(mirror->ctx, PTM_TASK_STEP, hub->name, "verify", -1);
    ptm_rc rc = ptmi_catalog_each_repo(mirror->catalog, hub->name, PTMI_REPOS_CLONED, check_repo,
                                       &verify, err);
    if (rc == PTM_OK && listed) rc = check_export(&verify, err);
    ptmi_task_end(mirror->ctx, verify.task, rc);
    return rc;
}
