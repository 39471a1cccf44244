/* SPDX-License-Identifier: MIT */
/*
 * mirror_scan.c - `--scan`: looks into every file of a clone, and keeps of the checkpoints among
 * them what they hold and what unpickling them would do. Reading files is the weights room's part;
 * this file finds them, pointers' objects in the store included.
 */
#include <string.h>
#include <sys/stat.h>

#include <ptm/weights.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "../base/walk.h"
#include "mirror_priv.h"

/* Findings of one file that are kept: a hostile one may have as many as it likes. */
#define FINDINGS_KEPT 100
#define FINDINGS_MAX (1u << 20)
/* More dtypes than there are. */
#define DTYPES_MAX 128

struct scan {
    ptmi_mirror *mirror;
    int64_t repo;
    size_t dir_len;
    int64_t files, bytes;
    ptm_verdict worst;
    struct ptmi_scan_counts counts;
};

PTM_DEFINE_CLEANUP(weights_closep, ptm_weights *, ptm_weights_close)

/* --- texts of a row --- */

static ptm_rc add_finding(const struct ptm_finding *finding, struct ptmi_buf *out,
                          struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_printf(
        out, err, "%s{\"severity\":\"%s\",\"rule\":\"%s\",\"message\":", out->len > 1 ? "," : "",
        ptm_verdict_name(finding->severity), finding->rule));
    PTM_TRY(ptmi_buf_json_str(out, finding->message, err));
    PTM_TRY(ptmi_buf_puts(out, ",\"global\":", err));
    PTM_TRY(ptmi_buf_json_str(out, finding->global, err));
    if (finding->offset >= 0)
        PTM_TRY(ptmi_buf_printf(out, err, ",\"offset\":%lld", (long long)finding->offset));
    else
        PTM_TRY(ptmi_buf_puts(out, ",\"offset\":null", err));
    PTM_TRY(ptmi_buf_puts(out, ",\"member\":", err));
    PTM_TRY(ptmi_buf_json_str(out, finding->member, err));
    return ptmi_buf_putc(out, '}', err);
}

static ptm_rc findings_json(const struct ptm_scan_report *report, struct ptmi_buf *out,
                            struct ptm_err *err)
{
    PTM_TRY(ptmi_buf_putc(out, '[', err));
    for (size_t i = 0; i < report->n_findings && i < FINDINGS_KEPT; i++)
        PTM_TRY(add_finding(&report->findings[i], out, err));
    return ptmi_buf_putc(out, ']', err);
}

static int64_t elements(const struct ptm_tensor *tensor)
{
    int64_t n = 1; /* checked for overflow when the file was opened */
    for (int i = 0; i < tensor->n_dims; i++) n *= tensor->shape[i];
    return n;
}

/* {"float32":25557032,"int64":53}: elements, in the order in which dtypes are met. Of every tensor:
 * tied weights, which parameters counts once, count as often as they are named. */
static ptm_rc dtypes_json(const ptm_weights *weights, struct ptmi_buf *out, struct ptm_err *err)
{
    int64_t counts[DTYPES_MAX] = {0};
    ptm_dtype order[DTYPES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < ptm_weights_count(weights); i++) {
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, i);
        size_t at = 0;
        while (at < n && order[at] != tensor->dtype) at++;
        if (at == DTYPES_MAX) continue;
        if (at == n) order[n++] = tensor->dtype;
        if (__builtin_add_overflow(counts[at], elements(tensor), &counts[at]))
            counts[at] = INT64_MAX;
    }
    PTM_TRY(ptmi_buf_putc(out, '{', err));
    for (size_t i = 0; i < n; i++)
        PTM_TRY(ptmi_buf_printf(out, err, "%s\"%s\":%lld", i ? "," : "",
                                ptm_dtype_info(order[i])->name, (long long)counts[i]));
    return ptmi_buf_putc(out, '}', err);
}

/* --- one file --- */

/* What is at path, or the store's object when that is a pointer. *out is NULL for a pointer whose
 * object is not here: there is nothing to be said of it. malloc'ed. */
static ptm_rc content_of(struct scan *scan, const char *path, int64_t size, char **out,
                         struct ptm_err *err)
{
    struct ptmi_lfs_pointer pointer;
    if (size <= PTM_LIMIT_POINTER) {
        PTM_AUTO(ptmi_freep) char *text = NULL;
        size_t len = 0;
        PTM_TRY(ptmi_fs_read(path, PTM_LIMIT_POINTER, &text, &len, err));
        if (ptmi_lfs_pointer_parse(text, len, &pointer)) {
            *out = NULL;
            if (!ptm_store_has(scan->mirror->store, pointer.oid, NULL)) return PTM_OK;
            return ptm_store_path(scan->mirror->store, pointer.oid, out, err);
        }
    }
    *out = strdup(path);
    return *out ? PTM_OK : ptm_err_set(err, PTM_ENOMEM, "%s", path);
}

static void count_verdict(struct scan *scan, ptm_verdict verdict)
{
    scan->counts.files++;
    scan->counts.suspicious += verdict == PTM_SUSPICIOUS;
    scan->counts.unreadable += verdict == PTM_UNREADABLE;
    scan->counts.dangerous += verdict == PTM_DANGEROUS;
    if (verdict > scan->worst) scan->worst = verdict;
}

static ptm_rc keep(struct scan *scan, const char *relative, const char *content, int64_t size,
                   const struct ptm_scan_report *report, struct ptm_err *err)
{
    PTM_AUTO(weights_closep) ptm_weights *weights = NULL;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf findings = PTMI_BUF(FINDINGS_MAX);
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf dtypes = PTMI_BUF(PTM_LIMIT_TEXT);
    /* A shard or a file of external data is a file of the clone itself, with a row of its own. */
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    struct ptm_err why = {0};
    opts.no_siblings = true;
    ptm_rc rc = ptm_weights_open(content, &opts, &weights, &why);
    if (rc == PTM_ENOMEM || rc == PTM_ECANCELED) {
        if (err) *err = why;
        return rc;
    }
    if (rc == PTM_EUNSUPPORTED && report->verdict == PTM_CLEAN) return PTM_OK;
    struct ptmi_weight_row row = {
        .path = relative,
        .bytes = size,
        .format = weights ? ptm_weights_format(weights) : report->format,
        .tensors = weights ? (int64_t)ptm_weights_count(weights) : -1,
        .parameters = weights ? ptm_weights_parameters(weights) : -1,
        .verdict = ptm_verdict_name(report->verdict),
        .why = weights ? NULL : why.msg,
    };
    if (weights) {
        scan->counts.checkpoints++;
        PTM_TRY(dtypes_json(weights, &dtypes, err));
        row.dtypes = dtypes.data;
    }
    PTM_TRY(findings_json(report, &findings, err));
    row.findings = findings.data;
    return ptmi_catalog_put_weight_file(scan->mirror->catalog, scan->repo, &row, err);
}

static ptm_rc scan_file(void *arg, const char *path, const struct ptm_err *why, struct ptm_err *err)
{
    struct scan *scan = arg;
    PTM_AUTO(ptmi_freep) char *content = NULL;
    PTM_AUTO(ptm_scan_clear) struct ptm_scan_report report = {0};
    struct stat st;
    if (why || stat(path, &st) < 0) return PTM_OK; /* gone: no file of the clone */
    if (ptm_ctx_canceled(scan->mirror->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "interrupted while scanning");
    PTM_TRY(content_of(scan, path, (int64_t)st.st_size, &content, err));
    if (!content) return PTM_OK;
    if (stat(content, &st) < 0) return PTM_OK;
    PTM_TRY(ptm_scan(scan->mirror->ctx, content, NULL, &report, err));
    scan->bytes += (int64_t)st.st_size;
    count_verdict(scan, report.verdict);
    return keep(scan, path + scan->dir_len + 1, content, (int64_t)st.st_size, &report, err);
}

ptm_rc ptmi_mirror_scan(ptmi_mirror *mirror, const struct ptmi_scan_what *what,
                        struct ptmi_scan_counts *out, struct ptm_err *err)
{
    int64_t repo = what->repo;
    struct scan scan = {.mirror = mirror, .repo = repo, .dir_len = strlen(what->dir)};
    struct ptmi_scan_row row = {
        .sha = what->sha, .objects = what->objects, .version = ptm_version()};
    bool done = false;
    PTM_TRY(ptmi_catalog_scanned(mirror->catalog, repo, &row, &done, err));
    if (done) return PTM_OK;
    /* Links of a clone may point anywhere: what they point to inside it is met by itself. */
    struct ptmi_walk walk = {.fn = scan_file, .arg = &scan, .skip_git = true, .no_links = true};
    PTM_TRY(ptmi_catalog_scan_begin(mirror->catalog, repo, err));
    PTM_TRY(ptmi_walk(&walk, what->dir, err));
    row.files = scan.counts.files;
    row.bytes = scan.bytes;
    row.verdict = ptm_verdict_name(scan.worst);
    *out = scan.counts;
    return ptmi_catalog_scan_end(mirror->catalog, repo, &row, err);
}
