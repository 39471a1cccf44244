/* SPDX-License-Identifier: MIT */
/*
 * net_download.c - a file fetched into its .part: resumed, ranged, verified.
 *
 * A loop of tries, each asking for what is still missing. Every try starts from the original URL,
 * so that links that a hub signs anew at each redirect never grow old; links that cannot be had
 * that way (Git LFS) are renewed by the caller's function.
 *
 *     answer                       what it means
 *     206, range begins at offset  append
 *     206, any other range         not to be trusted with ranges: from zero, without them
 *     200                          no ranges, or the file has changed: from zero
 *     416 with our offset as size  nothing is missing
 *     416 otherwise                what we have is not of this file: from zero
 *     401, 403, 410                the link has expired: renew, or ask the original URL again
 */
#include <stdlib.h>
#include <string.h>

#include "../base/auto.h"
#include "../base/limits.h"
#include "../base/log.h"
#include "../base/str.h"
#include "net_header.h"
#include "net_part.h"
#include "net_priv.h"

/* A try that has brought so much more than any before it counts as success: a 100 GB file may break
 * more often than six times. */
#define PROGRESS_BYTES (1 << 20)
/* How often links are renewed, and original URLs asked again, without progress in between. */
#define RENEWALS_MAX 3

enum verdict { GO_ON, COMPLETE, FAILED };

struct fetch {
    ptm_net *net;
    const struct ptm_net_download *d;
    struct ptmi_part part;
    const char *url; /* d's or new_url */
    char *url_shown;
    const char *const *headers;
    size_t n_headers;
    char *new_url;
    char **new_headers;
    size_t n_new_headers;

    int64_t total;    /* -1: not known yet */
    int64_t limit;    /* bytes from here on are more than the answer announced; -1: open */
    int64_t furthest; /* highest offset reached in this call */
    int64_t fetched;
    int tries;    /* failed ones since the last progress */
    int renewals; /* likewise */
    bool no_ranges;
    bool bad_range; /* the try failed by a wrong Content-Range */
    bool fatal;     /* the try failed in a way that no other cures */
    bool range_sent;
    bool started_over; /* once, after a resumed file had the wrong hash */
};

static void free_headers(char **headers, size_t n)
{
    for (size_t i = 0; headers && i < n; i++) ptmi_secret_free(headers[i]);
    free(headers);
}

static void fetch_clear(struct fetch *f)
{
    ptmi_part_close(&f->part);
    free(f->url_shown);
    free(f->new_url);
    free_headers(f->new_headers, f->n_new_headers);
}

/* Known from the caller, or from the server's first answer. */
static int64_t known_size(const struct fetch *f)
{
    return f->d->expected_size >= 0 ? f->d->expected_size : f->total;
}

static ptm_rc wrong_size(struct fetch *f, int64_t size, struct ptm_err *err)
{
    f->fatal = true;
    return ptm_err_set(err, PTM_ESIZE, "%s: the server's file has %lld bytes, expected %lld",
                       f->url_shown, (long long)size, (long long)f->d->expected_size);
}

static ptm_rc check_cap(struct fetch *f, int64_t size, struct ptm_err *err)
{
    if (f->d->max_bytes <= 0 || size <= f->d->max_bytes) return PTM_OK;
    f->fatal = true;
    return ptm_err_set(err, PTM_ELIMIT, "%s: more than the %lld bytes allowed here", f->url_shown,
                       (long long)f->d->max_bytes);
}

/* ---- the head of an answer ---- */

/* A part of another version than what is here, from a server that does not heed If-Range. */
static bool other_version(const struct fetch *f, const char *headers)
{
    char etag[256];
    const char *ours = f->part.validator;
    return f->part.offset > 0 && ours && ours[0] == '"' &&
           ptmi_header_copy(headers, "etag", etag, sizeof etag) && strcmp(etag, ours) != 0;
}

static ptm_rc head_of_part(struct fetch *f, const char *headers, struct ptm_err *err)
{
    char value[128];
    struct ptmi_content_range range = {-1, -1, -1};
    bool ok = f->range_sent && ptmi_header_copy(headers, "content-range", value, sizeof value) &&
              ptmi_content_range_parse(value, &range);
    if (!ok || range.first != f->part.offset) {
        f->bad_range = true;
        return ptm_err_set(err, PTM_EHTTP,
                           "%s: the server answered another range than the one asked for",
                           f->url_shown);
    }
    if (!f->part.proven && other_version(f, headers)) {
        f->bad_range = true;
        return ptm_err_set(err, PTM_EHTTP, "%s: the server's file has changed meanwhile",
                           f->url_shown);
    }
    if (range.total >= 0 && f->d->expected_size >= 0 && range.total != f->d->expected_size)
        return wrong_size(f, range.total, err);
    if (range.total >= 0) f->total = range.total;
    f->limit = range.last + 1;
    return PTM_OK;
}

static ptm_rc head_of_whole(struct fetch *f, const char *headers, struct ptm_err *err)
{
    char value[32];
    int64_t length = -1;
    if (ptmi_header_copy(headers, "content-length", value, sizeof value) &&
        !ptmi_str_int(value, 0, INT64_MAX, &length))
        length = -1;
    if (length >= 0 && f->d->expected_size >= 0 && length != f->d->expected_size)
        return wrong_size(f, length, err);
    if (f->part.offset > 0) PTM_TRY(ptmi_part_restart(&f->part, err));
    f->total = length;
    f->limit = known_size(f);
    return PTM_OK;
}

/* 300 and the like: an answer, but not of the file. */
static ptm_rc no_file(const struct fetch *f, int status, struct ptm_err *err)
{
    ptm_rc rc =
        ptm_err_set(err, PTM_EHTTP, "%s: HTTP %d instead of the file", f->url_shown, status);
    if (err) err->http_status = status;
    return rc;
}

static ptm_rc on_head(void *arg, int status, const char *headers, struct ptm_err *err)
{
    struct fetch *f = arg;
    if (status != 200 && status != 206) {
        f->fatal = true;
        return no_file(f, status, err);
    }
    PTM_TRY(status == 206 ? head_of_part(f, headers, err) : head_of_whole(f, headers, err));
    PTM_TRY(check_cap(f, known_size(f), err));
    if (known_size(f) >= 0) PTM_TRY(ptmi_part_reserve(&f->part, known_size(f), err));
    return ptmi_part_learn(&f->part, headers, err);
}

static ptm_rc on_bytes(void *arg, const void *data, size_t len, struct ptm_err *err)
{
    struct fetch *f = arg;
    if (f->limit >= 0 && (int64_t)len > f->limit - f->part.offset) {
        f->fatal = true;
        return ptm_err_set(err, PTM_ESIZE, "%s: the server sends more than the %lld bytes expected",
                           f->url_shown, (long long)f->limit);
    }
    PTM_TRY(check_cap(f, f->part.offset + (int64_t)len, err));
    PTM_TRY(ptmi_part_append(&f->part, data, len, err));
    f->fetched += (int64_t)len;
    if (f->d->progress) f->d->progress(f->d->progress_arg, f->part.offset, known_size(f));
    return PTM_OK;
}

/* ---- one try ---- */

static bool wants_chunk(const struct fetch *f)
{
    int64_t size = known_size(f);
    return f->d->chunk_size > 0 && !f->no_ranges && (size < 0 || size > f->d->chunk_size);
}

/* "Range: bytes=..." or "" when all is asked for. */
static void range_line(const struct fetch *f, char out[80])
{
    int64_t from = f->part.offset, last = 0;
    out[0] = '\0';
    if (wants_chunk(f) && !__builtin_add_overflow(from, f->d->chunk_size - 1, &last))
        snprintf(out, 80, "Range: bytes=%lld-%lld", (long long)from, (long long)last);
    else if (from > 0)
        snprintf(out, 80, "Range: bytes=%lld-", (long long)from);
}

static ptm_rc one_try(struct fetch *f, struct ptmi_try *got, struct ptm_err *err)
{
    char range[80];
    size_t n = f->n_headers;
    PTM_AUTO(ptmi_freep) char *if_range = NULL;
    PTM_AUTO(ptmi_freep) const char **lines = calloc(n + 2, sizeof *lines);
    if (!lines) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    for (size_t i = 0; i < n; i++) lines[i] = f->headers[i];
    range_line(f, range);
    f->range_sent = range[0] != '\0';
    if (f->range_sent) lines[n++] = range;
    if (f->part.offset > 0 && f->part.validator && !f->part.proven) {
        if_range = ptmi_str_printf("If-Range: %s", f->part.validator);
        if (!if_range) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
        lines[n++] = if_range;
    }
    struct ptm_net_request request = PTM_NET_REQUEST_INIT;
    request.url = f->url;
    request.headers = lines;
    request.n_headers = n;
    request.sink = on_bytes;
    request.sink_arg = f;
    f->bad_range = f->fatal = false;
    f->limit = -1;
    return ptmi_net_try(f->net, &request, &(struct ptmi_try_opts){on_head, f, true}, got, err);
}

/* ---- what to do after a try: err is never NULL below ---- */

/* The body ended well. */
static enum verdict after_success(struct fetch *f, const struct ptmi_try *got, struct ptm_err *err)
{
    int64_t size = known_size(f);
    if (got->status != 200 && got->status != 206)
        return no_file(f, got->status, err) == PTM_OK ? COMPLETE : FAILED;
    if (size >= 0 && f->part.offset == size) return COMPLETE;
    if (got->status == 200 && size < 0) return COMPLETE;
    /* A range without a total: the one that came out shorter than asked for was the last. */
    if (got->status == 206 && size < 0 &&
        (!wants_chunk(f) || f->part.offset % f->d->chunk_size != 0))
        return COMPLETE;
    if (got->status == 206 && f->part.offset == f->limit) return GO_ON;
    ptm_rc rc = ptm_err_set(err, PTM_ENET, "%s: the body ended after %lld bytes of %lld",
                            f->url_shown, (long long)f->part.offset, (long long)size);
    err->retryable = rc != PTM_OK;
    return FAILED;
}

static enum verdict after_416(struct fetch *f, const struct ptmi_try *got, struct ptm_err *err)
{
    char value[128];
    struct ptmi_content_range range;
    bool told = ptmi_header_copy(got->headers, "content-range", value, sizeof value) &&
                ptmi_content_range_parse(value, &range) && range.total >= 0;
    bool all = told && range.total == f->part.offset &&
               (f->d->expected_size < 0 || f->d->expected_size == range.total);
    if (all) {
        f->total = range.total;
        return COMPLETE;
    }
    if (f->no_ranges) return FAILED;
    f->no_ranges = true;
    return ptmi_part_restart(&f->part, err) == PTM_OK ? GO_ON : FAILED;
}

/* Asks the caller for a fresh link. */
static enum verdict renew(struct fetch *f, const struct ptm_err *why, struct ptm_err *err)
{
    char *url = NULL, **headers = NULL;
    size_t n = 0;
    struct ptm_err trouble = {0};
    if (f->d->renew(f->d->renew_arg, &url, &headers, &n, &trouble) != PTM_OK) {
        *err = trouble;
        return FAILED;
    }
    if (!url) {
        free_headers(headers, n);
        *err = *why;
        return FAILED;
    }
    ptmi_log(f->net->ctx, PTM_LOG_DEBUG, "net", "%s: the link had expired, going on with a new one",
             f->url_shown);
    free(f->new_url);
    free_headers(f->new_headers, f->n_new_headers);
    f->url = f->new_url = url;
    f->new_headers = headers;
    f->headers = (const char *const *)headers;
    f->n_headers = f->n_new_headers = n;
    return GO_ON;
}

static enum verdict after_expiry(struct fetch *f, const struct ptmi_try *got,
                                 const struct ptm_err *why, struct ptm_err *err)
{
    bool can = f->d->renew || got->strayed;
    if (can && f->renewals++ < RENEWALS_MAX) {
        /* Behind a redirect, asking the original URL again is what renews the link. */
        return f->d->renew ? renew(f, why, err) : GO_ON;
    }
    *err = *why;
    return FAILED;
}

static enum verdict after_bad_range(struct fetch *f, const struct ptm_err *why, struct ptm_err *err)
{
    if (f->no_ranges) {
        *err = *why;
        return FAILED;
    }
    ptmi_log(f->net->ctx, PTM_LOG_WARN, "net", "%s; fetching it from the start without ranges",
             why->msg);
    f->no_ranges = true;
    return ptmi_part_restart(&f->part, err) == PTM_OK ? GO_ON : FAILED;
}

static enum verdict after_failure(struct fetch *f, const struct ptmi_try *got,
                                  const struct ptm_err *why, struct ptm_err *err)
{
    bool answered = why->http_status != 0 && why->http_status == got->status;
    if (answered && got->status == 416) {
        *err = *why;
        return after_416(f, got, err);
    }
    if (f->bad_range) return after_bad_range(f, why, err);
    if (answered && why->rc != PTM_ERATE &&
        (got->status == 401 || got->status == 403 || got->status == 410))
        return after_expiry(f, got, why, err);
    *err = *why;
    if (f->fatal || !why->retryable || f->tries > ptmi_net_retries(f->net->retries, got))
        return FAILED;
    if (ptmi_net_pause(f->net, f->url, f->tries - 1, got->asked_ms, why, err) != PTM_OK)
        return FAILED;
    /* Without a validator the next answer may be of another version: nothing to append to. */
    if (!ptmi_part_resumable(&f->part) && ptmi_part_restart(&f->part, err) != PTM_OK) return FAILED;
    return GO_ON;
}

/* A range that came whole counts as progress however small; a broken try must have brought more
 * than a trickle. */
static void count_try(struct fetch *f, bool ended_well)
{
    int64_t gain = f->part.offset - f->furthest;
    if (gain >= PROGRESS_BYTES || (ended_well && gain > 0)) {
        f->furthest = f->part.offset;
        f->tries = f->renewals = 0;
    }
    f->tries++;
}

/* Until the part holds all bytes the server has. */
static ptm_rc fill_part(struct fetch *f, struct ptm_err *err)
{
    for (;;) {
        PTM_AUTO(ptmi_try_clear) struct ptmi_try got = {0};
        struct ptm_err why = {0}, final = {0};
        ptm_rc rc = one_try(f, &got, &why);
        count_try(f, rc == PTM_OK);
        enum verdict v = rc == PTM_OK ? after_success(f, &got, &why) : FAILED;
        if (v == FAILED) v = after_failure(f, &got, &why, &final);
        if (v == COMPLETE) return PTM_OK;
        if (v == GO_ON) continue;
        if (err) *err = final;
        return final.rc;
    }
}

/* ---- all of it ---- */

static ptm_rc interrupted(struct fetch *f, ptm_rc rc, struct ptm_err *err)
{
    if (rc != PTM_ECANCELED) return rc;
    return ptm_err_set(err, rc, "%s: interrupted; %lld bytes are kept and will be resumed",
                       f->url_shown, (long long)f->part.offset);
}

static ptm_rc check_size(struct fetch *f, struct ptm_err *err)
{
    int64_t size = f->d->expected_size;
    if (size < 0 || f->part.offset == size) return PTM_OK;
    ptmi_part_remove(&f->part);
    return ptm_err_set(err, PTM_ESIZE, "%s: %lld bytes came, expected %lld", f->url_shown,
                       (long long)f->part.offset, (long long)size);
}

static ptm_rc fetch_all(struct fetch *f, char out_sha256[65], struct ptm_err *err)
{
    const char *want = f->d->expected_sha256;
    for (;;) {
        /* A complete part from an earlier call needs no server, if its hash can tell. */
        bool whole = want && f->d->expected_size >= 0 && f->part.offset == f->d->expected_size;
        if (!whole) {
            if (f->net->offline)
                return ptm_err_set(err, PTM_EOFFLINE,
                                   "%s: not asked for, since --offline is in force", f->url_shown);
            ptm_rc rc = fill_part(f, err);
            if (rc == PTM_ESIZE && f->fatal && f->limit >= 0) ptmi_part_remove(&f->part);
            if (rc == PTM_ELIMIT && f->fatal) ptmi_part_remove(&f->part);
            if (rc != PTM_OK) return interrupted(f, rc, err);
        }
        PTM_TRY(check_size(f, err));
        bool resumed = f->part.inherited > 0;
        PTM_TRY(ptmi_hash_hex(f->part.hash, out_sha256, err));
        if (!want || strcmp(want, out_sha256) == 0) return ptmi_part_finish(&f->part, err);
        if (!resumed || f->started_over) break;
        /* The bytes of an earlier call may be the wrong ones: one download from zero tells. */
        f->started_over = true;
        PTM_TRY(ptmi_part_restart(&f->part, err));
        f->furthest = f->tries = f->renewals = 0;
    }
    ptmi_part_remove(&f->part);
    return ptm_err_set(err, PTM_EHASH, "%s: its SHA-256 is %s, expected %s", f->url_shown,
                       out_sha256, want);
}

static ptm_rc check_download(const struct ptm_net_download *d, struct ptm_err *err)
{
    if (!d->url || !d->part_path)
        return ptm_err_set(err, PTM_EINVAL, "ptm_net_download: no URL or no part");
    if (d->expected_sha256 && !ptmi_str_is_hex(d->expected_sha256, 64))
        return ptm_err_set(err, PTM_EINVAL, "%s: the expected SHA-256 is not 64 lower-case digits",
                           d->part_path);
    return PTM_OK;
}

ptm_rc ptm_net_fetch(ptm_net *net, const struct ptm_net_download *download, char out_sha256[65],
                     int64_t *out_fetched, struct ptm_err *err)
{
    char sha256[65] = "";
    struct ptm_net_download own = PTM_NET_DOWNLOAD_INIT;
    const struct ptm_net_download *d = &own;
    if (!PTMI_NET_ADOPT(&own, download))
        return ptm_err_set(err, PTM_EINVAL, "ptm_net_download: start with PTM_NET_DOWNLOAD_INIT");
    PTM_TRY(check_download(d, err));
    PTM_AUTO(fetch_clear)
    struct fetch f = {
        .net = net,
        .d = d,
        .part = {.fd = -1},
        .url = d->url,
        .url_shown = ptmi_url_redact(d->url),
        .headers = d->headers,
        .n_headers = d->n_headers,
        .total = -1,
        .limit = -1,
    };
    if (!f.url_shown) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    PTM_TRY(ptmi_part_open(net->ctx, d->part_path, d->expected_sha256 != NULL, d->expected_size,
                           &f.part, err));
    f.furthest = f.part.offset;
    ptm_rc rc = fetch_all(&f, sha256, err);
    if (out_fetched) *out_fetched = f.fetched;
    if (rc == PTM_OK) memcpy(out_sha256, sha256, sizeof sha256);
    return rc;
}
