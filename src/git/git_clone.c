/* SPDX-License-Identifier: MIT */
/*
 * git_clone.c - a clone appears whole or not at all: made in a folder of its own below tmp_dir,
 * configured, checked out, then renamed into place. A lock file beside that folder tells the
 * leavings of a killed run from the work of a living one.
 */
#include "git_priv.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/clock.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"

#define WORK_PREFIX "git-"
#define MAX_ARGS 64
#define NAMES_TRIED 16

PTM_DEFINE_CLEANUP(lock_releasep, ptmi_lock *, ptmi_lock_release)

ptm_rc ptmi_git_check_url(ptmi_git *git, const char *url, struct ptm_err *err)
{
    struct ptmi_url parts = {0};
    if (!ptmi_str_starts(url, "https://") && !ptmi_str_starts(url, "http://"))
        return ptm_err_set(err, PTM_ENOTCLONABLE, "%.200s: only http and https are cloned", url);
    if (strpbrk(url, "\r\n\t "))
        return ptm_err_set(err, PTM_EUNSAFE, "a clone URL with white space in it is refused");
    ptm_rc rc = ptmi_url_parse(url, &parts, err);
    ptmi_url_clear(&parts);
    if (rc < 0) return rc;
    if (git->offline)
        return ptm_err_set(err, PTM_EOFFLINE, "%s: needs the network, and --offline is in force",
                           url);
    return PTM_OK;
}

ptm_rc ptmi_git_check_ref(const char *ref, struct ptm_err *err)
{
    int valid = 0;
    if (!ref) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *full = ptmi_str_printf("refs/heads/%s", ref);
    if (!full) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_git2_init(err));
    if (*ref == '-' || strlen(ref) > PTM_LIMIT_NAME ||
        git_reference_name_is_valid(&valid, full) < 0 || !valid)
        return ptm_err_set(err, PTM_EINVAL, "\"%.60s\" cannot be the name of a branch or tag", ref);
    return PTM_OK;
}

/* --- progress --- */

/* "Receiving objects:  45% (..)": git's own stages as one scale of a hundred. */
static int percent_of(const char *line)
{
    static const struct {
        const char *name;
        int from, width;
    } stages[] = {
        {"remote: Compressing objects:", 0, 5},
        {"Receiving objects:", 5, 75},
        {"Resolving deltas:", 80, 15},
        {"Updating files:", 95, 5},
    };
    for (size_t i = 0; i < sizeof stages / sizeof stages[0]; i++) {
        int percent = 0;
        if (!ptmi_str_starts(line, stages[i].name)) continue;
        if (sscanf(line + strlen(stages[i].name), " %d%%", &percent) != 1) return -1;
        if (percent < 0 || percent > 100) return -1;
        return stages[i].from + percent * stages[i].width / 100;
    }
    return -1;
}

void ptmi_git_progress_line(void *arg, const char *line)
{
    struct ptmi_git_progress *progress = arg;
    int percent = percent_of(line);
    if (percent >= 0) ptmi_task_progress(progress->ctx, progress->task, percent, 100);
    if (ptmi_git_is_historic_defect(line)) progress->bad_objects = true;
}

/* --- leavings of killed runs --- */

/* name: a working folder's, or its lock file's, which is alone when the run was killed before the
 * folder was made or after it was published. */
static void remove_if_dead(ptmi_git *git, const char *tmp_dir, const char *name)
{
    struct ptm_err ignored = {0};
    PTM_AUTO(lock_releasep) ptmi_lock *lock = NULL;
    int len = (int)strlen(name) - (ptmi_str_ends(name, ".lock") ? (int)strlen(".lock") : 0);
    PTM_AUTO(ptmi_freep) char *dir = ptmi_str_printf("%s/%.*s", tmp_dir, len, name);
    PTM_AUTO(ptmi_freep) char *lock_path = dir ? ptmi_str_printf("%s.lock", dir) : NULL;
    if (!lock_path || ptmi_lock_try(git->ctx, lock_path, &lock, &ignored) < 0) return;
    if (ptmi_fs_remove_tree(dir, &ignored) == PTM_OK)
        ptmi_lock_remove(ptm_steal(&lock));
    else
        ptmi_log(git->ctx, PTM_LOG_WARN, "git", "%s: cannot remove: %s", dir, ignored.msg);
}

static void sweep_tmp(ptmi_git *git, const char *tmp_dir)
{
    PTM_AUTO(ptmi_closedirp) DIR *dir = opendir(tmp_dir);
    for (struct dirent *entry = dir ? readdir(dir) : NULL; entry; entry = readdir(dir))
        if (ptmi_str_starts(entry->d_name, WORK_PREFIX))
            remove_if_dead(git, tmp_dir, entry->d_name);
}

/* --- one clone --- */

/* Where a clone is made; removed with its lock file unless it was published. */
struct workshop {
    char *dir;
    char *lock_path;
    ptmi_lock *lock;
};

static void workshop_clear(struct workshop *shop)
{
    struct ptm_err ignored = {0};
    ptm_rc rc = shop->dir ? ptmi_fs_remove_tree(shop->dir, &ignored) : PTM_OK;
    if (rc == PTM_OK && shop->lock) (void)unlink(shop->lock_path);
    ptmi_lock_release(shop->lock);
    free(shop->dir);
    free(shop->lock_path);
}

static ptm_rc workshop_open(ptmi_git *git, const char *tmp_dir, struct workshop *out,
                            struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *real = realpath(tmp_dir, NULL);
    if (!real) return ptm_err_sys(err, errno, "%s: cannot work in it", tmp_dir);
    out->dir = ptmi_str_printf("%s/" WORK_PREFIX "%ld-%08x", real, (long)getpid(),
                               ptmi_clock_random(UINT32_MAX));
    out->lock_path = out->dir ? ptmi_str_printf("%s.lock", out->dir) : NULL;
    if (!out->lock_path) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", tmp_dir);
    return ptmi_lock_try(git->ctx, out->lock_path, &out->lock, err);
}

/* Whoever sweeps may hold our new lock file for a moment, taking it for a dead one's: another name
 * then. */
static ptm_rc workshop_open_some(ptmi_git *git, const char *tmp_dir, struct workshop *out,
                                 struct ptm_err *err)
{
    for (int attempt = 1;; attempt++) {
        ptm_rc rc = workshop_open(git, tmp_dir, out, err);
        if (rc != PTM_EBUSY || attempt == NAMES_TRIED) return rc;
        workshop_clear(out);
        *out = (struct workshop){0};
    }
}

/*
 * What the clone's own configuration says to whoever works in it later. The filters are
 * looked for when they are needed, so that git-lfs may come and go; not required, so that without
 * any filter a large file is merely left as it is.
 */
#define FILTER(with, without)                                        \
    "if command -v git-lfs >/dev/null 2>&1; then exec git-lfs " with \
    "; else exec ptm lfs-filter " without "; fi"
static const char *const local_settings[] = {
    "core.trustctime=false",
    "core.checkStat=minimal",
    "core.logAllRefUpdates=true",
    "gc.pruneExpire=never",
    "gc.reflogExpire=never",
    "gc.reflogExpireUnreachable=never",
    "filter.lfs.clean=" FILTER("clean -- %f", "clean"),
    "filter.lfs.smudge=" FILTER("smudge -- %f", "smudge"),
    "filter.lfs.process=" FILTER("filter-process", "process"),
    "filter.lfs.required=false",
    /* A file that upstream lost must not stop a person's checkout. */
    "lfs.skipDownloadErrors=true",
};

/* URL.git/info/lfs, as git-lfs would guess it: said here, it wins over what the repository's
 * .lfsconfig says. */
static char *lfs_url_setting(const char *url)
{
    size_t len = strlen(url);
    while (len > 0 && url[len - 1] == '/') len--;
    bool has = len > 4 && strncmp(url + len - 4, ".git", 4) == 0;
    return ptmi_str_printf("lfs.url=%.*s%s/info/lfs", (int)len, url, has ? "" : ".git");
}

static ptm_rc fetch_clone(ptmi_git *git, const struct ptmi_git_clone *what, const char *dir,
                          struct ptmi_git_progress *progress, struct ptm_err *err)
{
    const char *args[MAX_ARGS];
    size_t n = 0;
    PTM_AUTO(ptmi_freep) char *lfs_url = lfs_url_setting(what->url);
    if (!lfs_url) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->url);
    args[n++] = "clone";
    args[n++] = "--no-checkout";
    args[n++] = "--no-recurse-submodules";
    args[n++] = "--template=";
    args[n++] = "--origin=origin";
    args[n++] = "--progress";
    for (size_t i = 0; i < sizeof local_settings / sizeof local_settings[0]; i++) {
        args[n++] = "--config";
        args[n++] = local_settings[i];
    }
    args[n++] = "--config";
    args[n++] = lfs_url;
    if (what->shallow) args[n++] = "--depth=1";
    if (what->ref && !ptmi_str_is_hex(what->ref, 40)) {
        args[n++] = "--branch";
        args[n++] = what->ref;
    }
    args[n++] = "--";
    args[n++] = what->url;
    args[n++] = dir;
    args[n] = NULL;
    struct ptmi_git_cmd cmd = {
        .args = args,
        .what = "cloning",
        .url = what->url,
        .on_line = ptmi_git_progress_line,
        .arg = progress,
    };
    return ptmi_git_do(git, &cmd, err);
}

/* A commit by its id may lie outside all branches and tags: most servers give it when asked by
 * name. */
static ptm_rc ensure_commit(ptmi_git *git, const struct ptmi_git_clone *what, const char *dir,
                            struct ptmi_git_progress *progress, struct ptm_err *err)
{
    char have[41];
    PTM_AUTO(ptmi_git2_repo_freep) git_repository *repo = NULL;
    PTM_TRY(ptmi_git2_open(dir, &repo, err));
    ptmi_git2_resolve(repo, what->ref, have);
    if (*have) return PTM_OK;
    const char *const args[] = {"fetch",   "--no-tags", "--progress", "--",
                                what->url, what->ref,   NULL};
    struct ptmi_git_cmd cmd = {
        .args = args,
        .dir = dir,
        .what = "fetching a commit of",
        .url = what->url,
        .on_line = ptmi_git_progress_line,
        .arg = progress,
    };
    return ptmi_git_do(git, &cmd, err);
}

static ptm_rc check_out(ptmi_git *git, const struct ptmi_git_clone *what, const char *dir,
                        struct ptmi_git_progress *progress, struct ptm_err *err)
{
    struct ptmi_git_state head = {0};
    bool by_id = what->ref && ptmi_str_is_hex(what->ref, 40);
    if (by_id) PTM_TRY(ensure_commit(git, what, dir, progress, err));
    PTM_TRY(ptmi_git_head(dir, &head, err));
    if (!by_id && !head.sha[0]) return PTM_OK; /* an empty repository */
    const char *const args[] = {"checkout",
                                "--quiet",
                                "--force",
                                by_id ? "--detach" : "--no-guess",
                                by_id ? what->ref : "HEAD",
                                "--",
                                NULL};
    struct ptmi_git_cmd cmd = {.args = args, .dir = dir, .what = "checking out", .writes = true};
    ptm_rc rc = ptmi_git_do(git, &cmd, err);
    return rc < 0 ? ptm_err_ctx(err, rc, "%s", what->url) : rc;
}

/* Renames the clone into place. Another process may have been first: then its clone is as good as
 * ours. */
static ptm_rc publish(const struct ptmi_git_clone *what, struct workshop *shop, bool *out_ours,
                      struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *parent = ptmi_path_dir(what->dest);
    if (!parent) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", what->dest);
    *out_ours = true;
    if (rename(shop->dir, what->dest) == 0) return ptmi_fs_fsync_dir(parent, err);
    int why = errno;
    *out_ours = false;
    if ((why == EEXIST || why == ENOTEMPTY) && ptmi_git_is_repo(what->dest)) return PTM_OK;
    if (why == EEXIST || why == ENOTEMPTY || why == ENOTDIR)
        return ptm_err_set(err, PTM_EEXIST, "%s: something else is there; move it away",
                           what->dest);
    return ptm_err_sys(err, why, "%s: cannot put the clone there", what->dest);
}

static ptm_rc make_clone(ptmi_git *git, const struct ptmi_git_clone *what, const char *dir,
                         struct ptmi_git_progress *progress, struct ptm_err *err)
{
    struct ptm_err why = {0};
    ptm_rc rc = PTM_OK;
    for (int attempt = 1;; attempt++) {
        why = (struct ptm_err){0};
        rc = fetch_clone(git, what, dir, progress, &why);
        if (rc == PTM_OK) break;
        PTM_TRY(ptmi_fs_remove_tree(dir, err));
        if (!ptmi_git_wait_retry(git, attempt, &why)) break;
    }
    if (rc < 0) {
        if (err) *err = why;
        return rc;
    }
    return check_out(git, what, dir, progress, err);
}

ptm_rc ptmi_git_clone(ptmi_git *git, const struct ptmi_git_clone *what, struct ptmi_git_state *out,
                      struct ptm_err *err)
{
    PTM_AUTO(workshop_clear) struct workshop shop = {0};
    struct ptmi_git_progress progress = {.ctx = git->ctx};
    struct ptmi_git_state state = {0};
    bool ours = false;
    PTM_TRY(ptmi_git_check_url(git, what->url, err));
    PTM_TRY(ptmi_git_check_ref(what->ref, err));
    if (ptmi_git_is_repo(what->dest))
        return ptm_err_set(err, PTM_EEXIST, "%s: there is a clone already", what->dest);
    sweep_tmp(git, what->tmp_dir);
    PTM_TRY(workshop_open_some(git, what->tmp_dir, &shop, err));
    progress.task = ptmi_task_begin(git->ctx, PTM_TASK_CLONE, what->hub, what->label, 100);
    ptm_rc rc = make_clone(git, what, shop.dir, &progress, err);
    if (rc == PTM_OK) rc = publish(what, &shop, &ours, err);
    ptmi_task_end(git->ctx, progress.task, rc);
    if (rc < 0) return rc;
    PTM_TRY(ptmi_git_head(what->dest, &state, err));
    state.changed = ours;
    state.bad_objects = progress.bad_objects;
    *out = state;
    return PTM_OK;
}
