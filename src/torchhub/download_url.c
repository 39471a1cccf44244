/* SPDX-License-Identifier: MIT */
/*
 * download_url.c - torch.hub.download_url_to_file: one file by URL, which appears whole.
 *
 *     DST            appears by rename, when its bytes are all there, right, and no web page
 *     DST.ptm-part   what has come so far; resumed by the next call (with DST.ptm-part.meta)
 *     DST.ptm-lock   held while fetching: who comes meanwhile waits, and finds the file
 */
#include "torchhub_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/adopt.h"
#include "../base/hash.h"
#include "../base/log.h"
#include "../base/path.h"
#include "../base/str.h"
#include "../base/url.h"

/* Enough to see what a file is; titles of pages stand after styles and scripts. */
#define HEAD ((size_t)16 << 10)

struct job {
    ptm_torchhub *hub;
    const char *url;
    char *shown; /* the URL for messages */
    char *dst, *part, *lock_path;
    struct ptm_torchhub_download_opts opts;
    char want[65];      /* opts.hash_prefix in lower case, "" when unknown */
    struct stat before; /* of dst, when we came; zero when it was not there */
    bool unwanted;      /* that file's hash was found to be another */
    char sha256[65];
};

static void job_clear(struct job *job)
{
    free(job->shown);
    free(job->dst);
    free(job->part);
    free(job->lock_path);
}

/* ---- what is asked for ---- */

/* Upper-case digits are meant as lower-case ones; "" is torch's way to say that there is none. */
static ptm_rc take_prefix(struct job *job, struct ptm_err *err)
{
    const char *prefix = job->opts.hash_prefix ? job->opts.hash_prefix : "";
    size_t len = strlen(prefix);
    if (len < sizeof job->want)
        for (size_t i = 0; i < len; i++)
            job->want[i] =
                prefix[i] >= 'A' && prefix[i] <= 'F' ? (char)(prefix[i] + 32) : prefix[i];
    if (len < sizeof job->want && ptmi_str_is_hex(job->want, len)) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL,
                       "hash prefix \"%.80s\": it is the first 1 to 64 hex digits of the SHA-256",
                       prefix);
}

static ptm_rc take_paths(struct job *job, const char *dst, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = NULL;
    job->dst = ptmi_expand_home(dst);
    if (job->dst) {
        job->part = ptmi_str_printf("%s.ptm-part", job->dst);
        job->lock_path = ptmi_str_printf("%s.ptm-lock", job->dst);
        dir = ptmi_path_dir(job->dst);
    }
    if (!job->part || !job->lock_path || !dir) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    struct stat st;
    if (stat(dir, &st) || !S_ISDIR(st.st_mode))
        return ptm_err_set(err, PTM_ENOENT, "%s: no such folder to put %s into; make it first", dir,
                           ptmi_path_base(job->dst));
    return PTM_OK;
}

static ptm_rc set_up(struct job *job, const char *dst,
                     const struct ptm_torchhub_download_opts *opts, struct ptm_err *err)
{
    job->opts = (struct ptm_torchhub_download_opts)PTM_TORCHHUB_DOWNLOAD_OPTS_INIT;
    ptmi_adopt(&job->opts, sizeof job->opts, opts);
    job->shown = ptmi_url_redact(job->url);
    if (!job->shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (!*dst) return ptm_err_set(err, PTM_EINVAL, "%s: no file name to keep it under", job->shown);
    if (!ptmi_str_starts_nocase(job->url, "http://") &&
        !ptmi_str_starts_nocase(job->url, "https://") && !ptmi_str_starts(job->url, "file://"))
        return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: only http, https and file URLs are fetched",
                           job->shown);
    PTM_TRY(take_prefix(job, err));
    PTM_TRY(take_paths(job, dst, err));
    if (stat(job->dst, &job->before)) job->before = (struct stat){0};
    return PTM_OK;
}

/* ---- what a file holds ---- */

static bool is_wanted(const struct job *job, const char sha256[65])
{
    return strncmp(job->want, sha256, strlen(job->want)) == 0;
}

static ptm_rc hash_file(const char *path, char out[65], struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return ptm_err_sys(err, errno, "%s", path);
    ptm_rc rc = ptmi_hash_fd(PTMI_SHA256, fd, out, NULL, err);
    return rc < 0 ? ptm_err_ctx(err, rc, "%s", path) : PTM_OK;
}

/* Is path a page in place of the weights that dst's name promises? What a hash vouches for is what
 * was asked for, whatever it looks like. */
static ptm_rc look_into(const struct job *job, const char *path, bool there, struct ptm_err *err)
{
    if (job->opts.any_content || job->want[0]) return PTM_OK;
    if (!ptmi_promises_checkpoint(ptmi_path_base(job->dst))) return PTM_OK;
    PTM_AUTO(ptmi_freep) char *head = malloc(HEAD);
    PTM_AUTO(ptmi_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (!head) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (fd < 0) return ptm_err_sys(err, errno, "%s", path);
    ssize_t n = pread(fd, head, HEAD, 0);
    if (n < 0) return ptm_err_sys(err, errno, "%s", path);
    return ptmi_no_page(there ? path : job->shown, there, head, (size_t)n, err);
}

/* ---- a file that is there already ---- */

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static ptm_rc check_there(struct job *job, bool *out_done, struct ptm_err *err)
{
    if (!job->want[0]) {
        PTM_TRY(look_into(job, job->dst, true, err));
        *out_done = true;
        return PTM_OK;
    }
    PTM_TRY(hash_file(job->dst, job->sha256, err));
    *out_done = is_wanted(job, job->sha256);
    job->unwanted = !*out_done;
    if (!*out_done)
        ptmi_log(job->hub->ctx, PTM_LOG_WARN, "torchhub",
                 "%s: its SHA-256 is %s, expected %s..; fetching it anew", job->dst, job->sha256,
                 job->want);
    return PTM_OK;
}

/* *out_done: dst needs no fetching. Called again with the lock held: then a file that is not the
 * one we found was made by who had the lock, and is as new as can be. */
static ptm_rc look_there(struct job *job, bool *out_done, struct ptm_err *err)
{
    struct stat now;
    *out_done = false;
    if (stat(job->dst, &now)) {
        if (errno == ENOENT || errno == ELOOP) return PTM_OK;
        return ptm_err_sys(err, errno, "%s", job->dst);
    }
    if (S_ISDIR(now.st_mode))
        return ptm_err_set(err, PTM_EINVAL, "%s: is a folder; name the file to be made in it",
                           job->dst);
    if (!S_ISREG(now.st_mode))
        return ptm_err_set(err, PTM_EINVAL, "%s: is no regular file", job->dst);
    if ((job->opts.replace || job->unwanted) && same_file(&now, &job->before)) return PTM_OK;
    return check_there(job, out_done, err);
}

/* ---- fetching ---- */

/* "file:///a/b", "file://localhost/a/b" -> "/a/b". */
static ptm_rc path_of_url(const struct job *job, char **out, struct ptm_err *err)
{
    const char *at = job->url + strlen("file://");
    if (ptmi_str_starts_nocase(at, "localhost/")) at += strlen("localhost");
    PTM_AUTO(ptmi_freep) char *bare = strndup(at, strcspn(at, "?#"));
    if (!bare) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    *out = bare[0] == '/' ? ptmi_url_decode(bare) : NULL;
    if (*out) return PTM_OK;
    return ptm_err_set(err, PTM_EINVAL, "%s: no path of a file on this machine", job->shown);
}

static ptm_rc copy_file(struct job *job, int64_t *out_size, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *path = NULL;
    PTM_TRY(path_of_url(job, &path, err));
    PTM_AUTO(ptmi_closep) int from = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (from < 0 || fstat(from, &st)) return ptm_err_sys(err, errno, "%s", path);
    if (!S_ISREG(st.st_mode)) return ptm_err_set(err, PTM_EINVAL, "%s: is no regular file", path);
    PTM_AUTO(ptmi_closep)
    int to = open(job->part, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (to < 0) return ptm_err_sys(err, errno, "%s", job->part);
    ptm_rc rc = ptmi_fs_copy(from, to, err);
    if (rc < 0) return ptm_err_ctx(err, rc, "%s", job->part);
    if (fsync(to)) return ptm_err_sys(err, errno, "%s", job->part);
    *out_size = st.st_size;
    if (job->opts.progress) job->opts.progress(job->opts.progress_arg, st.st_size, st.st_size);
    return hash_file(job->part, job->sha256, err);
}

/* Of a server that might never stop: what is on the disk already counts. */
static ptm_rc limit_size(const struct job *job, int64_t *out, struct ptm_err *err)
{
    int64_t has = 0;
    struct stat st;
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(job->dst);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (job->hub->keep_free <= 0) return PTM_OK;
    PTM_TRY(ptmi_fs_free_bytes(dir, &has, err));
    if (stat(job->part, &st) == 0) has += st.st_size;
    *out = has - job->hub->keep_free;
    return *out > 0 ? PTM_OK : ptm_err_set(err, PTM_ENOSPC, "%s: the disk is nearly full", dir);
}

static ptm_rc receive(struct job *job, int64_t *out_fetched, struct ptm_err *err)
{
    ptm_net *net = NULL;
    struct ptm_net_download download = PTM_NET_DOWNLOAD_INIT;
    download.url = job->url;
    download.part_path = job->part;
    download.progress = job->opts.progress;
    download.progress_arg = job->opts.progress_arg;
    PTM_TRY(limit_size(job, &download.max_bytes, err));
    PTM_TRY(ptmi_torchhub_net(job->hub, &net, err));
    return ptm_net_fetch(net, &download, job->sha256, out_fetched, err);
}

size_t ptmi_download_stem(const char *path)
{
    static const char *const ends[] = {".ptm-part", ".ptm-part.meta", ".ptm-lock"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (ptmi_str_ends(path, ends[i])) return strlen(path) - strlen(ends[i]);
    return 0;
}

void ptmi_drop_part(const char *part_path)
{
    PTM_AUTO(ptmi_freep) char *meta = ptmi_str_printf("%s.meta", part_path);
    (void)unlink(part_path);
    if (meta) (void)unlink(meta);
}

/* The words are torch's: programs look for them. */
static ptm_rc wrong_hash(const struct job *job, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EHASH, "%s: invalid hash value (expected \"%s\", got \"%s\")",
                       job->shown, job->opts.hash_prefix, job->sha256);
}

/* The part holds the right bytes afterwards, or is gone, or waits to be resumed. */
static ptm_rc fill_part(struct job *job, struct ptm_err *err)
{
    bool remote = !ptmi_str_starts(job->url, "file://");
    for (bool again = false;; again = true) {
        struct stat st;
        int64_t came = 0;
        ptm_rc rc = remote ? receive(job, &came, err) : copy_file(job, &came, err);
        bool empty = rc < 0 && (stat(job->part, &st) || st.st_size == 0);
        if (rc < 0 && (!remote || empty)) ptmi_drop_part(job->part); /* nothing to resume */
        PTM_TRY(rc);
        if (is_wanted(job, job->sha256)) return PTM_OK;
        /* What an earlier call left may be the wrong bytes: one download from zero tells. */
        bool resumed = stat(job->part, &st) == 0 && came < st.st_size;
        ptmi_drop_part(job->part);
        if (!resumed || again) return wrong_hash(job, err);
        ptmi_log(job->hub->ctx, PTM_LOG_WARN, "torchhub",
                 "%s: the resumed file has another hash than expected; fetching it from the start",
                 job->shown);
    }
}

static ptm_rc publish(const struct job *job, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(job->dst);
    if (!dir) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    if (rename(job->part, job->dst)) return ptm_err_sys(err, errno, "%s: cannot make", job->dst);
    return ptmi_fs_fsync_dir(dir, err);
}

static ptm_rc fetch_locked(struct job *job, struct ptm_err *err)
{
    PTM_AUTO(ptmi_lock_removep) ptmi_lock *lock = NULL;
    bool done = false;
    PTM_TRY(ptmi_lock_take(job->hub->ctx, job->lock_path, &lock, err));
    PTM_TRY(look_there(job, &done, err));
    if (done) return PTM_OK;
    job->sha256[0] = '\0';
    ptmi_log(job->hub->ctx, PTM_LOG_INFO, "torchhub", "downloading %s to %s", job->shown, job->dst);
    PTM_TRY(fill_part(job, err));
    ptm_rc rc = look_into(job, job->part, false, err);
    if (rc == PTM_OK) return publish(job, err);
    ptmi_drop_part(job->part);
    return rc;
}

ptm_rc ptm_torchhub_download_url_to_file(ptm_torchhub *hub, const char *url, const char *dst,
                                         const struct ptm_torchhub_download_opts *opts,
                                         char out_sha256[65], struct ptm_err *err)
{
    PTM_AUTO(job_clear) struct job job = {.hub = hub, .url = url};
    bool done = false;
    PTM_TRY(set_up(&job, dst, opts, err));
    PTM_TRY(look_there(&job, &done, err));
    if (!done) PTM_TRY(fetch_locked(&job, err));
    if (out_sha256) memcpy(out_sha256, job.sha256, sizeof job.sha256);
    return PTM_OK;
}
