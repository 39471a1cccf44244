/* SPDX-License-Identifier: MIT */
/*
 * fetch_archive.c - the archive of a repository as GitHub makes it: fetched, checked to be of the
 * commit that was asked for, unpacked, large files put in, listed. Which commit is refs.c's
 * business; the folder's way into the cache is hub_publish.c's.
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../pack/extract.h"

/* What stays free on the disk of the cache: enough for its owner to notice and clean up. */
#define KEEP_FREE ((int64_t)32 << 20)

struct archive_job {
    ptm_torchhub *hub;
    const struct ptmi_ref *ref;
    struct ptm_torchhub_repo *repo;
    const char *dest;
    char *zip, *lfs; /* in HUB_DIR/.ptm/tmp */
    uint64_t task;
    struct ptmi_archive_files files;
};

static void clear(struct archive_job *job)
{
    free(job->zip);
    free(job->lfs);
    ptmi_archive_files_clear(&job->files);
}

/* --- the zip file --- */

static void tell(void *arg, int64_t done, int64_t total)
{
    struct archive_job *job = arg;
    ptmi_task_progress(job->hub->ctx, job->task, done, total);
}

/* What came is resumed by the next call; nothing is nothing to resume. */
static void drop_empty_part(const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size == 0) ptmi_drop_part(path);
}

/* Said before what err says. */
static PTM_MUST_USE ptm_rc no_room(const char *dir, int64_t has, ptm_rc rc, struct ptm_err *err)
{
    char free_now[32], kept[32];
    return ptm_err_ctx(err, rc,
                       "%s: %s are free on its disk, and %s must stay so; make room, or use "
                       "another --hub-dir",
                       dir, ptmi_str_human_size(has, free_now),
                       ptmi_str_human_size(KEEP_FREE, kept));
}

static ptm_rc fetch_from(struct archive_job *job, const char *url, struct ptm_err *err)
{
    const char *dir = ptm_torchhub_get_dir(job->hub);
    ptm_net *net = NULL;
    char sha256[65];
    int64_t has = 0;
    struct ptm_net_download d = PTM_NET_DOWNLOAD_INIT;
    PTM_TRY(ptmi_torchhub_net(job->hub, &net, err));
    PTM_TRY(ptmi_fs_free_bytes(dir, &has, err));
    if (has <= KEEP_FREE)
        return no_room(dir, has, ptm_err_set(err, PTM_ENOSPC, "no room for the archive"), err);
    d.url = url;
    d.part_path = job->zip;
    d.progress = tell;
    d.progress_arg = job;
    /* GitHub tells no size, and another server might never end. */
    d.max_bytes = has - KEEP_FREE;
    bool by_disk = d.max_bytes < PTM_LIMIT_EXTRACT_BYTES;
    if (!by_disk) d.max_bytes = PTM_LIMIT_EXTRACT_BYTES;
    ptm_rc rc = ptm_net_fetch(net, &d, sha256, NULL, err);
    if (rc < 0) drop_empty_part(job->zip);
    return rc == PTM_ELIMIT && by_disk ? no_room(dir, has, PTM_ENOSPC, err) : rc;
}

/* base/repos/OWNER/NAME/zipball/WHAT, or without the "repos/". */
static ptm_rc fetch_what(struct archive_job *job, const char *base, const char *what,
                         struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *encoded = ptmi_url_encode(what, true);
    PTM_AUTO(ptmi_freep)
    char *url = encoded ? ptmi_str_printf("%s/%s/%s/zipball/%s", base, job->repo->owner,
                                          job->repo->name, encoded)
                        : NULL;
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s/%s", job->repo->owner, job->repo->name);
    return fetch_from(job, url, err);
}

/* A branch and a tag of one name: the branch, with torch's words. */
static ptm_rc fetch_branch(struct archive_job *job, struct ptm_err *err)
{
    const char *ref = job->ref->name;
    PTM_AUTO(ptmi_freep) char *full = ptmi_str_printf("refs/heads/%s", ref);
    if (!full) return ptm_err_set(err, PTM_ENOMEM, "%s", ref);
    ptmi_log(job->hub->ctx, PTM_LOG_WARN, "torchhub",
             "The ref %s is ambiguous. Perhaps it is both a tag and a branch in the repo? "
             "The branch is taken",
             ref);
    job->repo->tag_too = true;
    return fetch_what(job, "https://github.com", full, err);
}

/* The website answers 404 for private repositories where a token may only use the API. */
static bool is_worth_the_api(const struct archive_job *job, ptm_rc rc)
{
    const char *token = job->hub->net_opts.github_token;
    return rc == PTM_ENOTFOUND && token && *token;
}

static ptm_rc fetch_zip(struct archive_job *job, struct ptm_err *err)
{
    struct ptm_err why = {0};
    const char *what = job->ref->commit[0] ? job->ref->commit : job->ref->name;
    ptm_rc rc = fetch_what(job, "https://github.com", what, &why);
    if (rc < 0 && why.http_status == 300) rc = fetch_branch(job, &why);
    if (is_worth_the_api(job, rc)) {
        struct ptm_err api = {0};
        ptm_rc second = fetch_what(job, "https://api.github.com/repos", what, &api);
        if (second != PTM_ENOTFOUND) {
            rc = second;
            why = api;
        }
    }
    if (rc < 0 && err) *err = why;
    return rc;
}

static ptm_rc fetch_with_progress(struct archive_job *job, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    char *name = ptmi_str_printf("%s/%s:%s", job->repo->owner, job->repo->name, job->ref->name);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s", job->dest);
    job->task = ptmi_task_begin(job->hub->ctx, PTM_TASK_TRANSFER, NULL, name, -1);
    ptm_rc rc = fetch_zip(job, err);
    ptmi_task_end(job->hub->ctx, job->task, rc);
    return rc;
}

/* --- what is in it --- */

static ptm_rc on_file(void *arg, const char *path, int64_t size, const char sha256[65],
                      struct ptm_err *err)
{
    struct archive_job *job = arg;
    struct ptmi_archive_file file = {.path = path};
    memcpy(file.sha256, sha256, sizeof file.sha256);
    return ptmi_archive_files_add(&job->files, job->dest, &file, size, err);
}

/* The archive says which commit it was made of: it must be the one that was checked. */
static ptm_rc check_commit(struct archive_job *job, const char *commit, struct ptm_err *err)
{
    const char *want = job->ref->commit;
    if (want[0] && !ptmi_str_eq(want, commit))
        return ptm_err_set(err, PTM_ECORRUPT,
                           "the archive is of commit %s, not of %s, which was asked for",
                           commit[0] ? commit : "(unknown)", want);
    if (!commit[0]) return PTM_OK;
    free(job->repo->commit);
    job->repo->commit = strdup(commit);
    return job->repo->commit ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "commit");
}

static ptm_rc unpack(struct archive_job *job, struct ptm_err *err)
{
    struct ptmi_extracted got = {0};
    struct ptmi_extract what = {.archive = job->zip,
                                .dest = job->dest,
                                .keep_free = KEEP_FREE,
                                .one_root = true,
                                .on_file = on_file,
                                .arg = job};
    if (mkdir(job->dest, 0777) != 0) return ptm_err_sys(err, errno, "%s: cannot make", job->dest);
    PTM_TRY(ptmi_extract_zip(job->hub->ctx, &what, &got, err));
    return check_commit(job, got.commit, err);
}

static ptm_rc drop_lookalike(const char *dest, const char *name, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = ptmi_path_join(dest, name);
    if (!path) return ptm_err_set(err, PTM_ENOMEM, "%s", dest);
    return ptmi_fs_remove_tree(path, err);
}

/* Files of the repository that have the names of ours make room: they would be believed. */
static ptm_rc write_side(struct archive_job *job, struct ptm_err *err)
{
    PTM_TRY(drop_lookalike(job->dest, PTMI_SIDE_FILE, err));
    PTM_TRY(drop_lookalike(job->dest, PTMI_SIDE_SUMS, err));
    PTM_TRY(ptmi_archive_files_sums(&job->files, job->dest, err));
    return ptmi_side_write(job->dest, job->repo, err);
}

/* --- all of it --- */

static ptm_rc make_names(struct archive_job *job, struct ptm_err *err)
{
    const struct ptmi_repo_spec spec = {.owner = job->repo->owner, .name = job->repo->name};
    PTM_AUTO(ptmi_freep) char *tmp = NULL;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_repo_spec_folder(&spec, job->ref->name);
    PTM_TRY(ptmi_torchhub_own_dir(job->hub, "tmp", &tmp, err));
    job->zip = folder ? ptmi_str_printf("%s/%s.zip", tmp, folder) : NULL;
    job->lfs = folder ? ptmi_str_printf("%s/%s.lfs", tmp, folder) : NULL;
    return job->zip && job->lfs ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", job->dest);
}

static ptm_rc run(struct archive_job *job, struct ptm_err *err)
{
    PTM_TRY(make_names(job, err));
    PTM_TRY(fetch_with_progress(job, err));
    ptm_rc rc = unpack(job, err);
    /* An archive that was looked at is worth nothing any more, good or bad. */
    if (rc != PTM_ECANCELED) ptmi_drop_part(job->zip);
    if (rc < 0) return rc;
    PTM_TRY(ptmi_archive_resolve_lfs(job->hub, job->repo, &job->files, job->dest, job->lfs, err));
    PTM_TRY(write_side(job, err));
    /* Once for all files: after the rename that publishes them, they are there whatever happens. */
    return ptmi_fs_sync_all(job->dest, err);
}

ptm_rc ptmi_archive_fetch(ptm_torchhub *hub, const struct ptmi_ref *ref,
                          struct ptm_torchhub_repo *repo, const char *dest, struct ptm_err *err)
{
    PTM_AUTO(clear)
    struct archive_job job = {
        .hub = hub, .ref = ref, .repo = repo, .dest = dest, .files = PTMI_ARCHIVE_FILES_INIT};
    ptm_rc rc = run(&job, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s/%s:%s", repo->owner, repo->name, ref->name);
    return rc;
}
