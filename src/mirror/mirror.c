/* SPDX-License-Identifier: MIT */
/*
 * mirror.c - the mirror object: everything a harvest needs, opened once; folders, locks and the
 * account of failures. What the steps do stands in the other files of this room.
 */
#include "mirror.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../base/hash.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "mirror_priv.h"

static ptm_rc open_parts(ptmi_mirror *mirror, struct ptm_err *err)
{
    const struct ptmi_mirror_opts *opts = &mirror->opts;
    PTM_AUTO(ptmi_freep) char *catalog = NULL;
    PTM_AUTO(ptmi_freep) char *locks = ptmi_str_printf("%s/.ptm/locks/repos", mirror->root);
    PTM_AUTO(ptmi_freep) char *log = ptmi_str_printf("%s/.ptm/log", mirror->root);
    mirror->tmp = ptmi_str_printf("%s/.ptm/tmp", mirror->root);
    catalog = opts->catalog_path ? ptmi_str_printf("%s", opts->catalog_path)
                                 : ptmi_str_printf("%s/.ptm/catalog.db", mirror->root);
    if (!locks || !log || !mirror->tmp || !catalog)
        return ptm_err_set(err, PTM_ENOMEM, "%s", mirror->root);
    PTM_TRY(ptmi_fs_mkdirs(locks, err));
    PTM_TRY(ptmi_fs_mkdirs(log, err));
    PTM_TRY(ptmi_fs_mkdirs(mirror->tmp, err));
    /* Told here in words: what SQLite says of a read-only folder is that there is no such file. */
    if (access(mirror->tmp, W_OK) != 0)
        return ptm_err_sys(err, errno, "%s: cannot be written to; use another --root",
                           mirror->root);
    for (size_t i = 0; i < opts->net.n_rewrites; i++)
        PTM_TRY(ptmi_rewrite_add(&mirror->rewrites, opts->net.rewrites[i], err));
    PTM_TRY(ptm_store_open(mirror->ctx, mirror->root, &mirror->store, err));
    PTM_TRY(ptmi_catalog_open(mirror->ctx, catalog, false, &mirror->catalog, err));
    PTM_TRY(ptm_net_open(mirror->ctx, &opts->net, &mirror->net, err));
    struct ptmi_git_opts git = {
        .rewrites = &mirror->rewrites,
        .hf_token = opts->net.hf_token,
        .github_token = opts->net.github_token,
        .ca_bundle = opts->net.ca_bundle,
        .offline = opts->net.offline,
        .retries = opts->net.retries,
        .backoff_ms = opts->net.backoff_ms,
    };
    PTM_TRY(ptmi_git_open(mirror->ctx, &git, &mirror->git, err));
    return ptmi_catalog_run_begin(mirror->catalog, opts->command ? opts->command : "", &mirror->run,
                                  err);
}

static int default_jobs(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (cores < 2) cores = 2;
    /* Clones wait for the network more than they compute. */
    return cores > 16 ? 32 : (int)(2 * cores);
}

ptm_rc ptmi_mirror_open(ptm_ctx *ctx, const struct ptmi_mirror_opts *opts, ptmi_mirror **out,
                        struct ptm_err *err)
{
    ptmi_mirror *mirror = calloc(1, sizeof *mirror);
    if (!mirror) return ptm_err_set(err, PTM_ENOMEM, "mirror");
    mirror->ctx = ctx;
    mirror->opts = *opts;
    mirror->jobs = opts->jobs > 0 ? opts->jobs : default_jobs();
    mirror->root = ptmi_str_printf("%s", opts->root);
    ptm_rc rc = mirror->root ? open_parts(mirror, err) : ptm_err_set(err, PTM_ENOMEM, "mirror");
    if (rc < 0) {
        ptmi_mirror_close(mirror, 3);
        return rc;
    }
    *out = mirror;
    return PTM_OK;
}

void ptmi_mirror_close(ptmi_mirror *mirror, int exit_status)
{
    if (!mirror) return;
    struct ptm_err ignored = {0};
    if (mirror->catalog && mirror->run &&
        ptmi_catalog_run_end(mirror->catalog, mirror->run, exit_status, &ignored) < 0)
        ptmi_log(mirror->ctx, PTM_LOG_DEBUG, "mirror", "%s", ignored.msg);
    ptmi_git_close(mirror->git);
    ptm_net_close(mirror->net);
    ptm_store_close(mirror->store);
    ptmi_catalog_close(mirror->catalog);
    ptmi_rewrite_clear(&mirror->rewrites);
    free(mirror->tmp);
    free(mirror->root);
    free(mirror);
}

ptmi_catalog *ptmi_mirror_catalog(ptmi_mirror *mirror)
{
    return mirror->catalog;
}

char *ptmi_mirror_hub_path(const ptmi_mirror *mirror, const char *hub, const char *relative)
{
    return ptmi_str_printf("%s/%s/%s", mirror->root, hub, relative);
}

ptm_rc ptmi_mirror_repo_path(const ptmi_mirror *mirror, const char *hub, const char *author,
                             const char *name, char **out, struct ptm_err *err)
{
    PTM_TRY(ptmi_path_check_name(author, err));
    PTM_TRY(ptmi_path_check_name(name, err));
    *out = ptmi_str_printf("%s/%s/repos/%s/%s", mirror->root, hub, author, name);
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s/%s", author, name);
}

ptm_rc ptmi_mirror_lock(ptmi_mirror *mirror, const char *what, ptmi_lock **out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_str_printf("%s/.ptm/locks/%s.lock", mirror->root, what);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", what);
    return ptmi_lock_take(mirror->ctx, path, out, err);
}

/* A lock file for each repository would be millions of files. 4,096 shared ones make two clones
   wait for one another once in a blue moon, and that costs nothing but the wait. */
ptm_rc ptmi_mirror_lock_repo(ptmi_mirror *mirror, const char *dir, ptmi_lock **out,
                             struct ptm_err *err)
{
    char hex[65];
    PTM_TRY(ptmi_hash_bytes(PTMI_SHA256, dir, strlen(dir), hex, err));
    PTM_AUTO(ptmi_freep) char *what = ptmi_str_printf("repos/%.3s", hex);
    if (!what) return ptm_err_set(err, PTM_ENOMEM, "%s", dir);
    return ptmi_mirror_lock(mirror, what, out, err);
}

bool ptmi_mirror_is_fatal(ptm_rc rc)
{
    return rc == PTM_ENOSPC || rc == PTM_ECANCELED || rc == PTM_EDB || rc == PTM_ENOMEM ||
           rc == PTM_EBUG || rc == PTM_EOFFLINE;
}

ptm_rc ptmi_mirror_record(ptmi_mirror *mirror, const char *hub, const char *id, const char *stage,
                          const char *url, const struct ptm_err *why, struct ptm_err *err)
{
    struct ptmi_failure failure = {
        .hub = hub,
        .id = id,
        .stage = stage,
        .reason = ptm_rc_name(why->rc),
        .message = why->msg,
        .url = url,
        .http_status = why->http_status,
        .retryable = why->retryable,
    };
    return ptmi_catalog_put_failure(mirror->catalog, &failure, err);
}

ptm_rc ptmi_mirror_fail(ptmi_mirror *mirror, const char *hub, const char *id, const char *stage,
                        const char *url, const struct ptm_err *why, struct ptm_err *err)
{
    ptmi_log(mirror->ctx, PTM_LOG_WARN, "mirror", "%s/%s: %s", hub, id, why->msg);
    return ptmi_mirror_record(mirror, hub, id, stage, url, why, err);
}

ptm_rc ptmi_mirror_setup(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, struct ptm_err *err)
{
    static const char *const folders[] = {
        "repos",
        "json/metadata/models",
        "html/metadata/models",
    };
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        PTM_AUTO(ptmi_freep) char *path = ptmi_mirror_hub_path(mirror, hub->name, folders[i]);
        if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", hub->name);
        PTM_TRY(ptmi_fs_mkdirs(path, err));
    }
    return PTM_OK;
}
