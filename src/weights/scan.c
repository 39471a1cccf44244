/* SPDX-License-Identifier: MIT */
/*
 * scan.c - what a file would do to whoever loads it: the way through files, members of archives and
 * bytes in pickles, each taken for what its content says. Names decide one thing alone: what is
 * called like a checkpoint and is none that could be read is not clean. docs/formats/scan.md has
 * every rule.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/adopt.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "scan_priv.h"
#include "tardir.h"
#include "unpack.h"

#define HEAD 4096
/* Of the report's texts: 1,000 findings of 1 KiB, 10,000 names, and the paths of their members. */
#define REPORT_MEMORY ((size_t)256 << 20)
/* What the end of a zip file may be away from the end of the bytes: its comment. */
#define ZIP_TAIL (22 + 65535)
#define ZIP_END 22

/* --- what a name promises --- */

bool ptmi_scan_promises(const char *name)
{
    static const char *const suffixes[] = {
        ".pkl",  ".pickle", ".pt",  ".pth",         ".bin",        ".ckpt", ".joblib",
        ".pt2",  ".ptl",    ".npy", ".npz",         ".onnx",       ".gguf", ".h5",
        ".hdf5", ".keras",  ".mar", ".safetensors", ".torchscript"};
    size_t len = strlen(name);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(suffixes[i]);
        if (len >= n && ptmi_str_eq_nocase(name + len - n, suffixes[i])) return true;
    }
    return false;
}

ptm_rc ptmi_scan_goes_on(const struct ptmi_scan *scan, struct ptm_err *err)
{
    if (scan->ctx && ptm_ctx_canceled(scan->ctx))
        return ptm_err_set(err, PTM_ECANCELED, "interrupted");
    return PTM_OK;
}

/* --- archives that are not looked into --- */

const char *ptmi_scan_closed_archive(const uint8_t *head, size_t len)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *what;
    } closed[] = {
        {"7z\xbc\xaf\x27\x1c", 6, "7z"},
        {"Rar!\x1a\x07", 6, "rar"},
        {"MSCF\0\0\0\0", 8, "cab"},
        {"LZIP\x01", 5, "lzip"},
        {"hsqs", 4, "squashfs"},
        {"xar!\0\x1c", 6, "xar"},
        {"\xff\x06\0\0sNaPpY", 10, "snappy"},
        {"LRZI", 4, "lrzip"},
        {"\x02\x21\x4c\x18", 4, "lz4-legacy"},
    };
    for (size_t i = 0; i < sizeof closed / sizeof *closed; i++)
        if (len >= closed[i].len && head[0] == (uint8_t)closed[i].bytes[0] &&
            memcmp(head, closed[i].bytes, closed[i].len) == 0)
            return closed[i].what;
    /* A frame to be skipped, before one of zstd or lz4. */
    if (len >= 8 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0)
        return "skippable-frame";
    return NULL;
}

static ptm_rc closed_archive(struct ptmi_scan *scan, struct ptmi_scan_item *item, const char *what,
                             struct ptm_err *err)
{
    item->format = what;
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, "archive-not-looked-into", 0, err,
                           "a %s archive: what is in it was not looked at", what);
}

/* --- zip --- */

static ptm_rc zip_item(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    struct ptmi_zip zip = {0};
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_zip_read(item->source, &zip, &why);
    item->format = "zip";
    if (rc == PTM_OK) {
        rc = ptmi_scan_zip(scan, item, &zip, err);
    } else {
        rc = ptmi_scan_failed(scan, item, "zip-broken", -1, &why, err);
        if (rc == PTM_OK) rc = ptmi_scan_search(scan, item, 0, item->size, err);
    }
    ptmi_zip_clear(&zip);
    return rc;
}

/* memmem() takes longer to begin than most storages are to go over. */
static bool has_zip_end(const uint8_t *data, size_t n)
{
    const uint8_t *at = data, *last = data + n - ZIP_END;
    while (at <= last && (at = memchr(at, 'P', (size_t)(last - at) + 1))) {
        if (memcmp(at, "PK\5\6", 4) == 0) return true;
        at++;
    }
    return false;
}

/* Zip readers look from the end: is there one behind something else? */
static ptm_rc zip_behind(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    if (item->size < ZIP_END) return PTM_OK;
    size_t tail = item->size < ZIP_TAIL ? (size_t)item->size : ZIP_TAIL;
    if (!has_zip_end(item->data + item->size - tail, tail)) return PTM_OK;
    struct ptmi_zip zip = {0};
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_zip_read(item->source, &zip, &why);
    if (rc == PTM_ENOMEM) {
        if (err) *err = why;
    } else if (rc == PTM_OK && zip.n_members > 0) {
        rc = ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "polyglot", 0, err,
                             "read from its end it is a zip file, from its beginning it is not");
        const char *format = item->format;
        if (rc == PTM_OK) rc = ptmi_scan_zip(scan, item, &zip, err);
        item->format = format;
    } else {
        rc = PTM_OK;
    }
    ptmi_zip_clear(&zip);
    return rc;
}

/* --- everything else --- */

/* joblib of before 0.10: "ZF", the length in hexadecimal in 19 characters, a zlib stream. */
static ptm_rc old_joblib(struct ptmi_scan *scan, struct ptmi_scan_item *item, bool *out_is,
                         struct ptm_err *err)
{
    const uint64_t header = 21;
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *part = NULL;
    *out_is = item->size > header && memcmp(item->data, "ZF0x", 4) == 0;
    if (!*out_is) return PTM_OK;
    item->format = "joblib";
    PTM_TRY(ptmi_source_part(item->source, header, item->size - header, "joblib", &part, err));
    struct ptmi_scan_item inside = {.source = part};
    return ptmi_scan_inside(scan, item, "zlib", &inside, err);
}

static ptm_rc nothing_known(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                            struct ptm_err *err)
{
    item->format = "other";
    if (item->place != PTMI_SCAN_FILE || !ptmi_scan_promises(item->name)) return PTM_OK;
    size_t n = item->size < HEAD ? (size_t)item->size : HEAD;
    const char *looks = ptmi_weight_looks_like(item->data, n);
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, "not-a-checkpoint", 0, err,
                           "named like a checkpoint, but %s%s",
                           looks ? "it is " : "no format that ptm knows", looks ? looks : "");
}

/* Neither zip nor tar nor compressed. */
static ptm_rc plain_item(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    bool is_joblib = false;
    PTM_TRY(old_joblib(scan, item, &is_joblib, err));
    if (is_joblib) return PTM_OK;
    const char *closed =
        ptmi_scan_closed_archive(item->data, item->size < HEAD ? (size_t)item->size : HEAD);
    if (closed) return closed_archive(scan, item, closed, err);
    PTM_TRY(ptmi_scan_format(scan, item, err));
    if (!item->format) {
        PTM_TRY(ptmi_scan_pickles(scan, item, 0, err));
        if (!item->format) PTM_TRY(nothing_known(scan, item, err));
    }
    return zip_behind(scan, item, err);
}

static ptm_rc empty_item(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    item->format = "empty";
    if (item->place != PTMI_SCAN_FILE || !ptmi_scan_promises(item->name)) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, "not-a-checkpoint", 0, err,
                           "named like a checkpoint, but empty");
}

/* Takes the item's bytes; *out_ok false: the file is over, a finding says why. */
static ptm_rc take(struct ptmi_scan *scan, struct ptmi_scan_item *item, bool *out_ok,
                   struct ptm_err *err)
{
    struct ptm_err why = {0};
    PTM_TRY(ptmi_scan_goes_on(scan, err));
    *out_ok = false;
    item->size = ptmi_source_size(item->source);
    if (item->depth > PTM_LIMIT_ARCHIVE_DEPTH)
        return ptmi_scan_found(scan, item, PTM_UNREADABLE, "limit", -1, err,
                               "more than %d archives or pickles inside each other",
                               PTM_LIMIT_ARCHIVE_DEPTH);
    scan->over |= scan->may_open == 0 || item->size > scan->may_look - scan->looked;
    if (scan->over)
        return ptmi_scan_found(scan, item, PTM_UNREADABLE, "limit", -1, err,
                               "its members overlap or are too many: the scan ends here");
    scan->may_open--;
    scan->looked += item->size;
    ptm_rc rc = ptmi_source_at(item->source, 0, item->size, &item->data, &why);
    if (rc != PTM_OK) return ptmi_scan_failed(scan, item, "io", -1, &why, err);
    *out_ok = true;
    return PTM_OK;
}

ptm_rc ptmi_scan_item(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    bool is = false;
    item->format = NULL;
    PTM_TRY(take(scan, item, &is, err));
    if (!is) {
        item->format = "other";
        return PTM_OK;
    }
    if (item->size == 0) return empty_item(scan, item, err);
    size_t n = item->size < HEAD ? (size_t)item->size : HEAD;
    if (ptmi_zip_is(item->data, n)) return zip_item(scan, item, err);
    if (ptmi_tar_is(item->data, n)) return ptmi_scan_tar(scan, item, err);
    const char *kind = ptmi_unpack_kind(item->data, n);
    is = false;
    if (kind) PTM_TRY(ptmi_scan_compressed(scan, item, kind, &is, err));
    return is ? PTM_OK : plain_item(scan, item, err);
}

ptm_rc ptmi_scan_inside(struct ptmi_scan *scan, struct ptmi_scan_item *parent, const char *inner,
                        struct ptmi_scan_item *inside, struct ptm_err *err)
{
    inside->parent = parent;
    inside->inner = inner;
    if (!inside->name) inside->name = ptmi_path_base(inner);
    inside->member = NULL;
    inside->depth = parent->depth + 1;
    return ptmi_scan_item(scan, inside, err);
}

/* --- the whole --- */

/* What a report's strings and lists are in. */
struct owned {
    struct ptmi_arena arena;
    struct ptm_finding *findings;
    struct ptm_scan_global *globals;
};

static void owned_free(struct owned *owned)
{
    if (!owned) return;
    ptmi_arena_clear(&owned->arena);
    free(owned->findings);
    free(owned->globals);
    free(owned);
}

void ptm_scan_clear(struct ptm_scan_report *report)
{
    if (!report) return;
    owned_free(report->owned);
    *report = (struct ptm_scan_report){0};
}

static ptm_rc take_opts(const struct ptm_scan_opts *opts, struct ptm_scan_opts *out,
                        struct ptm_err *err)
{
    *out = (struct ptm_scan_opts)PTM_SCAN_OPTS_INIT;
    ptmi_adopt(out, sizeof *out, opts);
    if (out->max_unpacked < 0 || (out->n_allow > 0 && !out->allow))
        return ptm_err_set(err, PTM_EINVAL, "scan: invalid options");
    return PTM_OK;
}

static void set_limits(struct ptmi_scan *scan, uint64_t size)
{
    const uint64_t spare = 16u << 20;
    scan->may_unpack =
        scan->opts.max_unpacked > 0 ? (uint64_t)scan->opts.max_unpacked : PTM_LIMIT_SCAN_UNPACKED;
    /* Every byte may be looked at once a level; what is unpacked raises it (scan_archive.c). */
    if (__builtin_mul_overflow(size, 2u * PTM_LIMIT_ARCHIVE_DEPTH, &scan->may_look) ||
        __builtin_add_overflow(scan->may_look, spare, &scan->may_look))
        scan->may_look = UINT64_MAX;
    scan->may_search = scan->may_look / (2u * PTM_LIMIT_ARCHIVE_DEPTH);
    scan->may_open = PTM_LIMIT_TENSORS;
}

/* Looks at source, or tells why there is none. */
static ptm_rc run(struct ptmi_scan *scan, ptmi_source *source, const struct ptm_err *no_source,
                  const char *name, struct ptm_scan_report *out, struct ptm_err *err)
{
    struct ptmi_scan_item item = {.source = source, .name = ptmi_path_base(name)};
    if (source) {
        set_limits(scan, ptmi_source_size(source));
        PTM_TRY(ptmi_scan_item(scan, &item, err));
        out->bytes = (int64_t)(scan->looked < INT64_MAX ? scan->looked : INT64_MAX);
    } else {
        PTM_TRY(ptmi_scan_failed(scan, &item, "io", -1, no_source, err));
    }
    PTM_TRY(ptmi_scan_report_end(scan, err));
    out->format = item.format ? item.format : "other";
    return PTM_OK;
}

static ptm_rc scan_all(ptm_ctx *ctx, ptmi_source *source, const struct ptm_err *no_source,
                       const char *name, const struct ptm_scan_opts *opts,
                       struct ptm_scan_report *out, struct ptm_err *err)
{
    struct ptmi_scan scan = {.ctx = ctx};
    struct ptm_scan_report report = {0};
    PTM_TRY(take_opts(opts, &scan.opts, err));
    struct owned *owned = calloc(1, sizeof *owned);
    if (!owned) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    owned->arena.max = REPORT_MEMORY;
    scan.arena = &owned->arena;
    ptm_rc rc = run(&scan, source, no_source, name, &report, err);
    free(scan.by_name);
    report.findings = owned->findings = scan.findings;
    report.globals = owned->globals = scan.globals;
    if (rc != PTM_OK) {
        owned_free(owned);
        return rc;
    }
    report.n_findings = scan.n_findings;
    report.n_globals = scan.n_globals;
    report.verdict = scan.verdict;
    report.owned = owned;
    *out = report;
    return PTM_OK;
}

ptm_rc ptmi_scan_source(ptm_ctx *ctx, ptmi_source *source, const char *name,
                        const struct ptm_scan_opts *opts, struct ptm_scan_report *out,
                        struct ptm_err *err)
{
    return scan_all(ctx, source, NULL, name, opts, out, err);
}

ptm_rc ptm_scan(ptm_ctx *ctx, const char *path, const struct ptm_scan_opts *opts,
                struct ptm_scan_report *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptm_err why = {0};
    if (!path || !out) return ptm_err_set(err, PTM_EINVAL, "scan: no path");
    ptm_rc rc = ptmi_source_open(path, false, &source, &why);
    return scan_all(ctx, rc == PTM_OK ? source : NULL, &why, path, opts, out, err);
}
