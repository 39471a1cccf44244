/* SPDX-License-Identifier: MIT */
/*
 * mirror_clone.c - clones or updates the chosen repositories with their large files, in parallel,
 * and describes what is in them. A failure of one repository is a row of the catalogue; what would
 * fail for all (disk full, cancelled) ends the step.
 */
#include <pthread.h>
#include <string.h>

#include "../base/log.h"
#include "../base/pool.h"
#include "../base/str.h"
#include "mirror_priv.h"

PTM_DEFINE_CLEANUP(pool_freep, ptmi_pool *, ptmi_pool_free)

/* The step. lock guards what follows it; the rest is set before the first job. */
struct step {
    ptmi_mirror *mirror;
    const struct ptmi_hub_ops *hub;
    const char *rev;
    ptmi_pool *pool;
    uint64_t task;
    pthread_mutex_t lock;
    struct ptmi_report *report;
    int64_t done;
    int64_t no_network; /* clones that failed for want of a network */
    ptm_rc fatal;
    struct ptm_err fatal_err;
};

struct job {
    struct step *step;
    int64_t repo;
    char *url, *author, *name, *ref;
    char *label; /* AUTHOR/NAME: how failures and progress name it */
    char *dir;
    ptm_access access;   /* as the listing tells */
    bool known;          /* an earlier run finished with it: \"cloned\" counts its first time */
    struct ptm_err note; /* an error while keeping the account, found on a transfer thread */
    ptm_rc note_rc;
};

static void job_free(struct job *job)
{
    if (!job) return;
    free(job->url);
    free(job->author);
    free(job->name);
    free(job->ref);
    free(job->label);
    free(job->dir);
    free(job);
}
PTM_DEFINE_CLEANUP(job_freep, struct job *, job_free)

static char *copy(const char *text)
{
    return text ? ptmi_str_printf("%s", text) : NULL;
}

static bool stopped(struct step *step)
{
    pthread_mutex_lock(&step->lock);
    bool stop = step->fatal != PTM_OK;
    pthread_mutex_unlock(&step->lock);
    return stop || ptm_ctx_canceled(step->mirror->ctx);
}

static ptm_rc fail(struct step *step, const char *id, const char *stage, const char *url,
                   const struct ptm_err *why, struct ptm_err *err)
{
    pthread_mutex_lock(&step->lock);
    step->report->failures++;
    pthread_mutex_unlock(&step->lock);
    return ptmi_mirror_fail(step->mirror, step->hub->name, id, stage, url, why, err);
}

/* --- large files --- */

static ptm_rc other_source(void *arg, const char *path, const char *oid, int attempt,
                           char **out_url, struct ptm_err *err)
{
    const struct job *job = arg;
    return job->step->hub->source(path, oid, attempt, out_url, err);
}

static const char *outcome_name(ptmi_lfs_outcome outcome)
{
    switch (outcome) {
    case PTMI_LFS_PRESENT:
        return "present";
    case PTMI_LFS_FETCHED:
        return "fetched";
    case PTMI_LFS_ELSEWHERE:
        return "elsewhere";
    case PTMI_LFS_LOST:
        return "lost";
    case PTMI_LFS_SKIPPED:
        return "skipped";
    case PTMI_LFS_FAILED:
        break;
    }
    return "failed";
}

static ptm_rc keep_object(struct job *job, const char *path, const struct ptmi_lfs_pointer *pointer,
                          ptmi_lfs_outcome outcome, const char *source_url,
                          const struct ptm_err *why, struct ptm_err *err)
{
    ptmi_mirror *mirror = job->step->mirror;
    struct ptmi_large_row row = {
        .path = path,
        .oid = pointer->oid,
        .size = pointer->size,
        .outcome = outcome_name(outcome),
        .source_url = source_url,
        .why = why ? why->msg : NULL,
    };
    PTM_TRY(ptmi_catalog_put_large(mirror->catalog, job->repo, &row, err));
    PTM_AUTO(ptmi_freep) char *id = ptmi_str_printf("%s:%s", job->label, path);
    if (!id) return ptm_err_set(err, PTM_ENOMEM, "%s", path);
    if (outcome == PTMI_LFS_FAILED && why) return fail(job->step, id, "large", job->url, why, err);
    if (outcome == PTMI_LFS_LOST)
        ptmi_log(mirror->ctx, PTM_LOG_INFO, "mirror",
                 "%s/%s: lost upstream, its pointer is kept%s%s", job->step->hub->name, id,
                 why ? ": " : "", why ? why->msg : "");
    return ptmi_catalog_clear_failure(mirror->catalog, job->step->hub->name, id, "large", err);
}

/* An error while keeping the account: the first one ends the repository's job. */
static void note(struct job *job, ptm_rc rc, const struct ptm_err *why)
{
    pthread_mutex_lock(&job->step->lock);
    if (job->note_rc == PTM_OK) {
        job->note_rc = rc;
        job->note = *why;
    }
    pthread_mutex_unlock(&job->step->lock);
}

static void on_object(void *arg, const char *path, const struct ptmi_lfs_pointer *pointer,
                      ptmi_lfs_outcome outcome, const char *source_url, const struct ptm_err *why)
{
    struct ptm_err err = {0};
    ptm_rc rc = keep_object(arg, path, pointer, outcome, source_url, why, &err);
    if (rc != PTM_OK) note(arg, rc, &err);
}

static ptm_rc large_files(struct job *job, struct ptmi_lfs_report *out, struct ptm_err *err)
{
    struct step *step = job->step;
    ptmi_mirror *mirror = step->mirror;
    struct ptmi_lfs_opts opts = mirror->opts.lfs;
    opts.hub = step->hub->name;
    opts.label = job->label;
    opts.source = step->hub->source ? other_source : NULL;
    opts.on_object = on_object;
    opts.arg = job;
    PTM_TRY(ptmi_catalog_large_begin(mirror->catalog, job->repo, err));
    ptm_rc rc = ptmi_lfs_mirror(mirror->git, mirror->net, mirror->store, job->url, job->dir, &opts,
                                out, err);
    pthread_mutex_lock(&step->lock);
    step->report->large_fetched += out->fetched;
    step->report->large_present += out->present;
    step->report->large_lost += out->lost;
    step->report->large_failed += out->failed;
    step->report->large_bytes_fetched += out->bytes_fetched;
    pthread_mutex_unlock(&step->lock);
    if (rc < 0) return rc;
    if (job->note_rc < 0) {
        if (err) *err = job->note;
        return job->note_rc;
    }
    return ptmi_catalog_large_end(mirror->catalog, job->repo, err);
}

/* --- one repository --- */

/* Brings the clone to what upstream has at ref. *out_new: it was not here before. */
static ptm_rc bring_ref(struct job *job, const char *ref, struct ptmi_git_state *out, bool *out_new,
                        struct ptm_err *err)
{
    struct step *step = job->step;
    ptmi_mirror *mirror = step->mirror;
    struct ptmi_git_clone what = {
        .url = job->url,
        .dest = job->dir,
        .tmp_dir = mirror->tmp,
        .ref = ref,
        .shallow = mirror->opts.shallow,
        .hub = step->hub->name,
        .label = job->label,
    };
    *out_new = !ptmi_fs_exists(job->dir);
    if (*out_new) {
        PTM_AUTO(ptmi_freep)
        char *parent =
            ptmi_str_printf("%s/%s/repos/%s", mirror->root, step->hub->name, job->author);
        if (!parent) return ptm_err_set(err, PTM_ENOMEM, "%s", job->label);
        PTM_TRY(ptmi_fs_mkdirs(parent, err));
        return ptmi_git_clone(mirror->git, &what, out, err);
    }
    if (mirror->opts.no_update || mirror->opts.net.offline)
        return ptmi_git_head(job->dir, out, err);
    return ptmi_git_update(mirror->git, &what, out, err);
}

/* A branch that only the hub's list names may be long gone (master became main): the default branch
 * serves then. */
static ptm_rc bring_git(struct job *job, struct ptmi_git_state *out, bool *out_new,
                        struct ptm_err *err)
{
    struct step *step = job->step;
    if (step->rev || !job->ref) return bring_ref(job, step->rev, out, out_new, err);
    struct ptm_err why = {0};
    ptm_rc rc = bring_ref(job, job->ref, out, out_new, &why);
    if (rc == PTM_ENOENT) {
        ptmi_log(step->mirror->ctx, PTM_LOG_WARN, "mirror",
                 "%s/%s: the list names the branch %s, which is gone; taking the default branch",
                 step->hub->name, job->label, job->ref);
        return bring_ref(job, NULL, out, out_new, err);
    }
    if (rc < 0 && err) *err = why;
    return rc;
}

static ptm_rc keep_repo(struct job *job, const struct ptmi_git_state *state,
                        const struct ptmi_lfs_report *large, struct ptm_err *err)
{
    struct ptmi_repo_state row = {
        .sha = state->sha,
        .branch = state->branch,
        .changed = state->changed,
        .bad_objects = state->bad_objects,
        .large_objects = large->wanted,
        .large_bytes = large->bytes_wanted,
        .git_bytes = -1,
    };
    PTM_TRY(ptmi_git_size(job->dir, &row.git_bytes, err));
    return ptmi_catalog_repo_done(job->step->mirror->catalog, job->repo, &row, err);
}

static void count(struct step *step, int64_t *counter)
{
    pthread_mutex_lock(&step->lock);
    ++*counter;
    pthread_mutex_unlock(&step->lock);
}

/* A clone that a person changed stays as it is: told and recorded, but nothing failed. */
static ptm_rc leave_alone(struct job *job, const struct ptm_err *why, struct ptm_err *err)
{
    struct step *step = job->step;
    count(step, &step->report->left_alone);
    return ptmi_mirror_fail(step->mirror, step->hub->name, job->label, "update", job->url, why,
                            err);
}

static ptm_rc scan_repo(struct job *job, const char *sha, const struct ptmi_lfs_report *large,
                        struct ptm_err *err)
{
    struct step *step = job->step;
    struct ptmi_scan_counts counts = {0};
    struct ptmi_scan_what what = {
        .repo = job->repo,
        .dir = job->dir,
        .sha = sha,
        .objects = large->present + large->fetched,
    };
    PTM_TRY(ptmi_mirror_scan(step->mirror, &what, &counts, err));
    pthread_mutex_lock(&step->lock);
    step->report->scanned.files += counts.files;
    step->report->scanned.checkpoints += counts.checkpoints;
    step->report->scanned.suspicious += counts.suspicious;
    step->report->scanned.unreadable += counts.unreadable;
    step->report->scanned.dangerous += counts.dangerous;
    pthread_mutex_unlock(&step->lock);
    return PTM_OK;
}

static ptm_rc bring_repo(struct job *job, struct ptm_err *err)
{
    struct step *step = job->step;
    ptmi_mirror *mirror = step->mirror;
    PTM_AUTO(ptmi_lock_releasep) ptmi_lock *lock = NULL;
    struct ptmi_git_state state = {0};
    struct ptmi_lfs_report large = {0};
    struct ptm_err why = {0};
    bool is_new = false;
    PTM_TRY(ptmi_mirror_lock_repo(mirror, job->dir, &lock, err));
    ptm_rc rc = bring_git(job, &state, &is_new, &why);
    if (rc == PTM_EDIRTY || rc == PTM_EDIVERGED) return leave_alone(job, &why, err);
    if (rc < 0) {
        if (err) *err = why;
        return rc;
    }
    if (mirror->opts.lfs.large != PTMI_LARGE_NONE) PTM_TRY(large_files(job, &large, err));
    PTM_TRY(keep_repo(job, &state, &large, err));
    PTM_TRY(ptmi_mirror_describe(mirror, step->hub, job->repo, job->dir, state.sha, err));
    if (mirror->opts.scan) PTM_TRY(scan_repo(job, state.sha, &large, err));
    PTM_TRY(ptmi_catalog_clear_failure(mirror->catalog, step->hub->name, job->label, "clone", err));
    PTM_TRY(
        ptmi_catalog_clear_failure(mirror->catalog, step->hub->name, job->label, "update", err));
    count(step, is_new || !job->known ? &step->report->cloned
                : state.changed       ? &step->report->updated
                                      : &step->report->unchanged);
    return PTM_OK;
}

/* The commit of a repository that could not be cloned, where the server still tells it.
 */
struct remote_sha {
    struct job *job;
    char sha[41];
};

static ptm_rc keep_remote_sha(void *arg, const struct ptmi_model_row *row, struct ptm_err *err)
{
    const struct remote_sha *remote = arg;
    if (row->sha) return PTM_OK;
    struct ptmi_clone_facts facts = {.sha = remote->sha};
    return ptmi_catalog_put_facts(remote->job->step->mirror->catalog, row->id, &facts, err);
}

static ptm_rc ask_remote_sha(struct job *job, ptm_rc why, struct ptm_err *err)
{
    struct step *step = job->step;
    struct remote_sha remote = {.job = job};
    struct ptm_err ignored = {0};
    bool worth =
        why == PTM_EGIT || why == PTM_ECORRUPT || why == PTM_ETIMEOUT || why == PTM_EUNSAFE;
    if (!worth || ptmi_fs_exists(job->dir)) return PTM_OK;
    if (ptmi_git_remote_commit(step->mirror->net, job->url, job->ref, remote.sha, &ignored) < 0)
        return PTM_OK;
    return ptmi_catalog_each_model(step->mirror->catalog, step->hub->name, job->repo,
                                   keep_remote_sha, &remote, err);
}

/* Nothing is left to write to: better to stop than to fill a disk that others use. */
static ptm_rc check_disk(struct step *step, struct ptm_err *err)
{
    int64_t free_bytes = 0;
    char have[32], keep[32];
    if (step->mirror->opts.yes) return PTM_OK;
    PTM_TRY(ptmi_fs_free_bytes(step->mirror->root, &free_bytes, err));
    if (free_bytes >= step->mirror->opts.keep_free) return PTM_OK;
    return ptm_err_set(err, PTM_ENOSPC,
                       "%s: %s free, and %s are to stay free; make room, lower --keep-free, or go "
                       "on with --yes",
                       step->mirror->root, ptmi_str_human_size(free_bytes, have),
                       ptmi_str_human_size(step->mirror->opts.keep_free, keep));
}

/* A git server says the same of a gated, a private and a missing repository; the listing knows
 * which it is. */
static ptm_rc tell_apart(const struct job *job, ptm_rc rc, struct ptm_err *err)
{
    if (rc != PTM_EAUTH && rc != PTM_ENOTFOUND && rc != PTM_EGATED) return rc;
    int http_status = err->http_status;
    if (job->access == PTM_ACCESS_GATED)
        rc = ptm_err_set(
            err, PTM_EGATED,
            "%s: access to this model is gated; accept its terms on its page and set HF_TOKEN",
            job->url);
    else if (job->access == PTM_ACCESS_DISABLED)
        rc = ptm_err_set(err, PTM_EDISABLED, "%s: taken down by the hub", job->url);
    else if (job->access == PTM_ACCESS_PRIVATE)
        rc = ptm_err_set(err, PTM_EAUTH, "%s: private; set HF_TOKEN to a token that may read it",
                         job->url);
    err->http_status = http_status;
    return rc;
}

/* Sorts an error into "this repository" (a row) and "all of them" (the step ends). */
static void settle(struct job *job, ptm_rc rc, const struct ptm_err *why)
{
    struct step *step = job->step;
    struct ptm_err err = *why;
    if (rc < 0 && !ptmi_mirror_is_fatal(rc)) {
        rc = tell_apart(job, rc, &err);
        count(step, &step->report->failed);
        if (rc == PTM_ENET) count(step, &step->no_network);
        ptm_rc first = rc;
        const struct ptm_err told = err;
        rc = fail(step, job->label, "clone", job->url, &told, &err);
        if (rc == PTM_OK) rc = ask_remote_sha(job, first, &err);
    }
    pthread_mutex_lock(&step->lock);
    if (rc < 0 && step->fatal == PTM_OK) {
        step->fatal = rc;
        step->fatal_err = err;
    }
    step->done++;
    int64_t done = step->done;
    pthread_mutex_unlock(&step->lock);
    ptmi_task_progress(step->mirror->ctx, step->task, done, step->report->selected.repos);
}

static void run_job(void *arg)
{
    PTM_AUTO(job_freep) struct job *job = arg;
    struct ptm_err err = {0};
    if (stopped(job->step)) return;
    ptm_rc rc = check_disk(job->step, &err);
    if (rc == PTM_OK) rc = bring_repo(job, &err);
    settle(job, rc, &err);
}

static ptm_rc submit(void *arg, const struct ptmi_repo *repo, struct ptm_err *err)
{
    struct step *step = arg;
    if (stopped(step)) return ptm_err_set(err, PTM_ECANCELED, "stopped");
    PTM_AUTO(job_freep) struct job *job = calloc(1, sizeof *job);
    if (!job) return ptm_err_set(err, PTM_ENOMEM, "%s", repo->clone_url);
    job->step = step;
    job->repo = repo->id;
    job->access = repo->access;
    job->known = repo->sha != NULL;
    job->url = copy(repo->clone_url);
    job->author = copy(repo->author);
    job->name = copy(repo->name);
    job->ref = copy(repo->ref);
    job->label = ptmi_str_printf("%s/%s", repo->author, repo->name);
    if (!job->url || !job->author || !job->name || (repo->ref && !job->ref) || !job->label)
        return ptm_err_set(err, PTM_ENOMEM, "%s", repo->clone_url);
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_mirror_repo_path(step->mirror, step->hub->name, job->author, job->name,
                                      &job->dir, &why);
    if (rc < 0) {
        settle(job, rc, &why);
        return PTM_OK;
    }
    ptmi_pool_submit(step->pool, run_job, ptm_steal(&job));
    return PTM_OK;
}

ptm_rc ptmi_mirror_clone(ptmi_mirror *mirror, const struct ptmi_hub_ops *hub, const char *rev,
                         struct ptmi_report *out, struct ptm_err *err)
{
    struct step step = {
        .mirror = mirror,
        .hub = hub,
        .rev = rev,
        .report = out,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    PTM_AUTO(pool_freep) ptmi_pool *pool = NULL;
    PTM_TRY(ptmi_pool_new(mirror->jobs, &pool, err));
    step.pool = pool;
    step.task =
        ptmi_task_begin(mirror->ctx, PTM_TASK_STEP, hub->name, "clone", out->selected.repos);
    ptm_rc rc =
        ptmi_catalog_each_chosen(mirror->catalog, hub->name, mirror->run, submit, &step, err);
    ptmi_pool_drain(pool);
    if (step.fatal != PTM_OK) {
        rc = step.fatal;
        if (err) *err = step.fatal_err;
    } else if (ptm_ctx_canceled(mirror->ctx)) {
        rc = ptm_err_set(err, PTM_ECANCELED, "%s: interrupted while cloning", hub->name);
    } else if (rc == PTM_OK && step.done > 0 && step.no_network == step.done) {
        rc = ptm_err_set(err, PTM_ENET, "%s: none of %lld repositories could be reached", hub->name,
                         (long long)step.done);
    }
    ptmi_task_end(mirror->ctx, step.task, rc);
    return rc;
}
