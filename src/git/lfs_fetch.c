/* SPDX-License-Identifier: MIT */
/*
 * lfs_fetch.c - brings large files into the store: batches are asked for one after the other,
 * objects are fetched by several threads. A slot of the store sees to it that two repositories (or
 * processes) that share an object fetch it once; what the server lost is looked for elsewhere and
 * counts only if its hash is right.
 */
#include "lfs_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>

#include "../base/log.h"
#include "../base/pool.h"
#include "../base/str.h"

#define JOBS_DEFAULT 8
#define SOURCES_MAX 8
/* Above this, files are fetched as ranges: one plain GET of more than 50 GB fails at Hugging Face's
 * CDN. */
#define CHUNK_BYTES ((int64_t)10 << 30)
/* SHA-256 of nothing: no server needs to be asked for that. */
#define EMPTY_OID "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

PTM_DEFINE_CLEANUP(slot_closep, ptm_store_slot *, ptm_store_slot_close)

/* The transfer of one repository. lock guards what follows it. */
struct transfer {
    const struct ptmi_lfs_job *job;
    struct ptmi_lfs_server server;
    ptmi_pool *pool;
    pthread_mutex_t lock;
    ptm_rc fatal; /* what would fail for all */
    struct ptm_err fatal_err;
};

/* One object on its way. Owned by the pool from submit on. */
struct item {
    struct transfer *transfer;
    struct ptmi_lfs_object *object;
    struct ptmi_lfs_answer answer;
    uint64_t task;
    int64_t fetched;
};

static void item_free(struct item *item)
{
    if (!item) return;
    ptmi_lfs_answer_clear(&item->answer);
    free(item);
}
PTM_DEFINE_CLEANUP(item_freep, struct item *, item_free)

/* --- account --- */

/* Errors that are about this machine or this run, not about one object. */
static bool is_fatal(ptm_rc rc)
{
    return rc == PTM_ENOSPC || rc == PTM_ECANCELED || rc == PTM_ENOMEM || rc == PTM_EPERM ||
           rc == PTM_EIO || rc == PTM_EBUG;
}

static void fail_all(struct transfer *transfer, ptm_rc rc, const struct ptm_err *why)
{
    pthread_mutex_lock(&transfer->lock);
    if (transfer->fatal == PTM_OK) {
        transfer->fatal = rc;
        transfer->fatal_err = *why;
    }
    pthread_mutex_unlock(&transfer->lock);
}

static bool is_stopped(struct transfer *transfer)
{
    pthread_mutex_lock(&transfer->lock);
    bool stop = transfer->fatal != PTM_OK;
    pthread_mutex_unlock(&transfer->lock);
    return stop;
}

static void settle(struct item *item, ptmi_lfs_outcome outcome, const char *source,
                   const struct ptm_err *why)
{
    struct transfer *transfer = item->transfer;
    struct ptmi_lfs_report *report = transfer->job->report;
    const struct ptmi_lfs_opts *opts = transfer->job->opts;
    bool failed = outcome == PTMI_LFS_LOST || outcome == PTMI_LFS_FAILED;
    item->object->have = !failed;
    item->object->fresh = outcome == PTMI_LFS_FETCHED || outcome == PTMI_LFS_ELSEWHERE;
    pthread_mutex_lock(&transfer->lock);
    report->bytes_fetched += item->fetched;
    if (outcome == PTMI_LFS_PRESENT) report->present++;
    if (outcome == PTMI_LFS_FETCHED || outcome == PTMI_LFS_ELSEWHERE) report->fetched++;
    if (outcome == PTMI_LFS_LOST) report->lost++;
    if (outcome == PTMI_LFS_FAILED) report->failed++;
    pthread_mutex_unlock(&transfer->lock);
    if (opts->on_object)
        opts->on_object(opts->arg, item->object->path, &item->object->pointer, outcome, source,
                        failed ? why : NULL);
}

/* --- one object --- */

static ptm_rc ask_again(struct item *item, struct ptm_err *err)
{
    const struct ptmi_lfs_pointer *asked[] = {&item->object->pointer};
    struct ptmi_lfs_answer fresh = {0};
    ptm_rc rc = ptmi_lfs_batch(&item->transfer->server, asked, 1, &fresh, err);
    if (rc == PTM_OK && fresh.rc < 0) {
        rc = fresh.rc;
        if (err) *err = fresh.err;
    }
    if (rc < 0) {
        ptmi_lfs_answer_clear(&fresh);
        return rc;
    }
    ptmi_lfs_answer_clear(&item->answer);
    item->answer = fresh;
    return PTM_OK;
}

/* net wants strings of its own. */
static ptm_rc renew(void *arg, char **out_url, char ***out_headers, size_t *out_n,
                    struct ptm_err *err)
{
    struct item *item = arg;
    PTM_TRY(ask_again(item, err));
    *out_url = strdup(item->answer.href);
    *out_headers = item->answer.headers;
    *out_n = item->answer.n_headers;
    item->answer.headers = NULL;
    item->answer.n_headers = 0;
    return *out_url ? PTM_OK
                    : ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", item->object->path);
}

static void tell(void *arg, int64_t done, int64_t total)
{
    struct item *item = arg;
    ptmi_task_progress(item->transfer->job->git->ctx, item->task, done, total);
}

static ptm_rc download(struct item *item, const char *part, const char *url, bool upstream,
                       struct ptm_err *err)
{
    struct ptm_net_download d = PTM_NET_DOWNLOAD_INIT;
    const struct ptmi_lfs_pointer *pointer = &item->object->pointer;
    char sha256[65];
    int64_t fetched = 0;
    d.url = url;
    d.part_path = part;
    d.expected_size = pointer->size;
    d.expected_sha256 = pointer->oid;
    d.chunk_size = CHUNK_BYTES;
    d.progress = tell;
    d.progress_arg = item;
    if (upstream) {
        d.headers = (const char *const *)item->answer.headers;
        d.n_headers = item->answer.n_headers;
        d.renew = renew;
        d.renew_arg = item;
    }
    ptm_rc rc = ptm_net_fetch(item->transfer->job->net, &d, sha256, &fetched, err);
    item->fetched += fetched;
    return rc;
}

static ptm_rc from_upstream(struct item *item, const char *part, char **out_url,
                            struct ptm_err *err)
{
    if (item->answer.rc < 0) {
        if (err) *err = item->answer.err;
        return item->answer.rc;
    }
    if (ptmi_lfs_answer_is_stale(&item->answer)) PTM_TRY(ask_again(item, err));
    PTM_AUTO(ptmi_freep) char *url = strdup(item->answer.href);
    if (!url) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", item->object->path);
    PTM_TRY(download(item, part, url, true, err));
    /* Signatures in the query are worth nothing later, and nobody else's business. */
    url[strcspn(url, "?")] = '\0';
    *out_url = ptm_steal(&url);
    return PTM_OK;
}

/* Other places, one after the other; *out_url stays NULL when none had it. Fails only for all
 * objects at once. */
static ptm_rc from_elsewhere(struct item *item, ptm_store_slot *slot, char **out_url,
                             struct ptm_err *err)
{
    const struct ptmi_lfs_opts *opts = item->transfer->job->opts;
    for (int attempt = 0; opts->source && attempt < SOURCES_MAX; attempt++) {
        PTM_AUTO(ptmi_freep) char *url = NULL;
        struct ptm_err why = {0};
        ptm_rc rc = opts->source(opts->arg, item->object->path, item->object->pointer.oid, attempt,
                                 &url, &why);
        if (rc == PTM_OK && !url) return PTM_OK;
        if (rc == PTM_OK) rc = download(item, ptm_store_slot_part(slot), url, false, &why);
        if (rc == PTM_OK) rc = ptm_store_slot_commit(slot, item->object->pointer.size, &why);
        if (rc == PTM_OK) {
            *out_url = ptm_steal(&url);
            return PTM_OK;
        }
        if (is_fatal(rc)) {
            if (err) *err = why;
            return rc;
        }
        ptmi_log(item->transfer->job->git->ctx, PTM_LOG_INFO, "lfs",
                 "%s: another source failed: %s", item->object->path, why.msg);
    }
    return PTM_OK;
}

static bool is_empty(const struct ptmi_lfs_pointer *pointer)
{
    return pointer->size == 0 && ptmi_str_eq(pointer->oid, EMPTY_OID);
}

static ptm_rc put_empty(struct item *item, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep) int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return ptm_err_set(err, PTM_EIO, "/dev/null: cannot open");
    return ptm_store_put_fd(item->transfer->job->store, fd, EMPTY_OID, NULL, err);
}

/* 404 and 410 are the server's word that it is gone; anything else may be better tomorrow. */
static void settle_failed(struct item *item, ptm_rc rc, struct ptm_err *why)
{
    ptmi_lfs_outcome outcome = rc == PTM_ENOTFOUND ? PTMI_LFS_LOST : PTMI_LFS_FAILED;
    rc = ptm_err_ctx(why, rc, "%s", item->object->path);
    settle(item, outcome, NULL, why);
}

static ptm_rc make_empty(const char *path, struct ptm_err *err)
{
    PTM_AUTO(ptmi_closep)
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    return fd >= 0 ? PTM_OK : ptm_err_sys(err, errno, "%s: cannot make", path);
}

/* Without a store: into the object's own part. */
static ptm_rc bring_part(struct item *item, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep) char *from = NULL;
    struct ptm_err why = {0};
    const char *part = item->object->part;
    ptm_rc rc = is_empty(&item->object->pointer) ? make_empty(part, &why)
                                                 : from_upstream(item, part, &from, &why);
    if (is_fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    if (rc == PTM_OK)
        settle(item, PTMI_LFS_FETCHED, from, NULL);
    else
        settle_failed(item, rc, &why);
    return PTM_OK;
}

/* Fetches one object and says how it ended. Fails only with what would fail for all. */
static ptm_rc bring(struct item *item, struct ptm_err *err)
{
    PTM_AUTO(slot_closep) ptm_store_slot *slot = NULL;
    PTM_AUTO(ptmi_freep) char *from = NULL;
    struct ptm_err why = {0};
    const struct ptmi_lfs_pointer *pointer = &item->object->pointer;
    bool present = false;
    if (!item->transfer->job->store) return bring_part(item, err);
    if (is_empty(pointer)) {
        PTM_TRY(put_empty(item, err));
        settle(item, PTMI_LFS_FETCHED, NULL, NULL);
        return PTM_OK;
    }
    PTM_TRY(ptm_store_slot_open(item->transfer->job->store, pointer->oid, &slot, &present, err));
    if (present) {
        settle(item, PTMI_LFS_PRESENT, NULL, NULL);
        return PTM_OK;
    }
    ptm_rc rc = from_upstream(item, ptm_store_slot_part(slot), &from, &why);
    if (rc == PTM_OK) rc = ptm_store_slot_commit(slot, pointer->size, &why);
    if (rc == PTM_OK) {
        settle(item, PTMI_LFS_FETCHED, from, NULL);
        return PTM_OK;
    }
    if (is_fatal(rc)) {
        if (err) *err = why;
        return rc;
    }
    PTM_TRY(from_elsewhere(item, slot, &from, err));
    if (from)
        settle(item, PTMI_LFS_ELSEWHERE, from, NULL);
    else
        settle_failed(item, rc, &why);
    return PTM_OK;
}

/* Half of all models call their file model.safetensors: the repository is named too. */
static uint64_t begin_task(const struct item *item)
{
    const struct ptmi_lfs_job *job = item->transfer->job;
    const char *label = job->opts->label, *path = item->object->path;
    PTM_AUTO(ptmi_freep) char *name = label ? ptmi_str_printf("%s: %s", label, path) : NULL;
    return ptmi_task_begin(job->git->ctx, PTM_TASK_TRANSFER, job->opts->hub, name ? name : path,
                           item->object->pointer.size);
}

static void run_item(void *arg)
{
    PTM_AUTO(item_freep) struct item *item = arg;
    struct transfer *transfer = item->transfer;
    const struct ptmi_lfs_job *job = transfer->job;
    struct ptm_err err = {0};
    if (is_stopped(transfer)) return;
    if (ptm_ctx_canceled(job->git->ctx)) {
        ptm_rc rc = ptm_err_set(&err, PTM_ECANCELED, "%s: interrupted", job->url);
        fail_all(transfer, rc, &err);
        return;
    }
    item->task = begin_task(item);
    ptm_rc rc = bring(item, &err);
    ptmi_task_end(job->git->ctx, item->task,
                  rc < 0               ? rc
                  : item->object->have ? PTM_OK
                                       : PTM_ENOTFOUND);
    if (rc < 0) fail_all(transfer, rc, &err);
}

/* --- batches --- */

/*
 * A request that failed as a whole speaks for each of its objects. The clone itself came from the
 * same server, so that 404 here means that it has no Git LFS (any more).
 */
static void answer_all(struct ptmi_lfs_answer *answers, size_t n, ptm_rc rc,
                       const struct ptm_err *why)
{
    if (why->http_status == 501) rc = PTM_ENOTFOUND;
    for (size_t i = 0; i < n; i++) {
        ptmi_lfs_answer_clear(&answers[i]);
        answers[i].rc = rc;
        answers[i].err = *why;
        answers[i].err.rc = rc;
    }
}

static ptm_rc submit(struct transfer *transfer, struct ptmi_lfs_object *object,
                     struct ptmi_lfs_answer *answer, struct ptm_err *err)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", object->path);
    item->transfer = transfer;
    item->object = object;
    item->answer = *answer;
    *answer = (struct ptmi_lfs_answer){0};
    ptmi_pool_submit(transfer->pool, run_item, item);
    return PTM_OK;
}

/* refused: what the server said to an earlier batch; there is no use in asking 2,000 times more. */
static ptm_rc ask(struct transfer *transfer, const struct ptmi_lfs_pointer *const *asked, size_t n,
                  struct ptmi_lfs_answer *answers, struct ptm_err *refused, struct ptm_err *err)
{
    if (refused->rc == PTM_OK) {
        struct ptm_err why = {0};
        ptm_rc rc = ptmi_lfs_batch(&transfer->server, asked, n, answers, &why);
        if (rc == PTM_OK) return PTM_OK;
        if (is_fatal(rc)) {
            if (err) *err = why;
            return rc;
        }
        *refused = why;
    }
    answer_all(answers, n, refused->rc, refused);
    /* Some servers answer 404 to a batch of which they have nothing: that says nothing of the next
     * one. */
    if (refused->retryable || refused->rc == PTM_ENOTFOUND) *refused = (struct ptm_err){0};
    return PTM_OK;
}

static ptm_rc run_batch(struct transfer *transfer, struct ptmi_lfs_object **objects, size_t n,
                        struct ptm_err *refused, struct ptm_err *err)
{
    const struct ptmi_lfs_pointer *asked[PTMI_LFS_BATCH];
    PTM_AUTO(ptmi_freep) struct ptmi_lfs_answer *answers = calloc(n, sizeof *answers);
    if (!answers) return ptm_err_set(err, PTM_ENOMEM, "LFS batch: out of memory");
    for (size_t i = 0; i < n; i++) asked[i] = &objects[i]->pointer;
    ptm_rc rc = ask(transfer, asked, n, answers, refused, err);
    for (size_t i = 0; i < n && rc == PTM_OK; i++)
        rc = submit(transfer, objects[i], &answers[i], err);
    for (size_t i = 0; i < n; i++) ptmi_lfs_answer_clear(&answers[i]);
    return rc;
}

static ptm_rc run_all(struct transfer *transfer, struct ptmi_lfs_object *objects, size_t n,
                      struct ptm_err *err)
{
    struct ptmi_lfs_object *group[PTMI_LFS_BATCH];
    struct ptm_err refused = {0};
    size_t in_group = 0;
    for (size_t i = 0; i < n; i++) {
        if (objects[i].wanted && !objects[i].have) group[in_group++] = &objects[i];
        if (in_group == 0 || (in_group < PTMI_LFS_BATCH && i + 1 < n)) continue;
        if (is_stopped(transfer)) return PTM_OK;
        if (ptm_ctx_canceled(transfer->job->git->ctx))
            return ptm_err_set(err, PTM_ECANCELED, "%s: interrupted; run again to go on",
                               transfer->job->url);
        PTM_TRY(run_batch(transfer, group, in_group, &refused, err));
        in_group = 0;
    }
    return PTM_OK;
}

ptm_rc ptmi_lfs_fetch(const struct ptmi_lfs_job *job, struct ptmi_lfs_object *objects, size_t n,
                      struct ptm_err *err)
{
    struct transfer transfer = {.job = job, .lock = PTHREAD_MUTEX_INITIALIZER};
    size_t missing = 0;
    for (size_t i = 0; i < n; i++) missing += objects[i].wanted && !objects[i].have;
    if (missing == 0) return PTM_OK;
    int jobs = job->opts->jobs > 0 ? job->opts->jobs : JOBS_DEFAULT;
    if ((size_t)jobs > missing) jobs = (int)missing;
    PTM_TRY(ptmi_lfs_server_init(job->git, job->net, job->url, &transfer.server, err));
    ptm_rc rc = ptmi_pool_new(jobs, &transfer.pool, err);
    if (rc == PTM_OK) rc = run_all(&transfer, objects, n, err);
    ptmi_pool_free(transfer.pool); /* waits for what is under way */
    ptmi_lfs_server_clear(&transfer.server);
    if (rc == PTM_OK && transfer.fatal != PTM_OK) {
        rc = transfer.fatal;
        if (err) *err = transfer.fatal_err;
    }
    pthread_mutex_destroy(&transfer.lock);
    return rc;
}
