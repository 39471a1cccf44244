/* SPDX-License-Identifier: MIT */
/*
 * scan_archive.c - tar files, torch's oldest format among them, and compressed streams.
 *
 * Torch's tar file has pickles and raw numbers by turns in two of its members, and every pickle of
 * them is run when it is loaded:
 *
 *     storages   count, then for each (key, location, class), int64 elements, their bytes; views
 *     tensors    count, then for each (key, storage key, class), int32 dimensions, 4 bytes of
 *                nothing, int64 sizes, int64 strides, int64 offset
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "scan_priv.h"
#include "tardir.h"
#include "torch_objects.h"
#include "unpack.h"

void ptmi_scan_unpacked(struct ptmi_scan *scan, uint64_t bytes)
{
    uint64_t more = 0;
    scan->may_unpack -= bytes < scan->may_unpack ? bytes : scan->may_unpack;
    if (__builtin_mul_overflow(bytes, 2u * PTM_LIMIT_ARCHIVE_DEPTH, &more) ||
        __builtin_add_overflow(scan->may_look, more, &scan->may_look))
        scan->may_look = UINT64_MAX;
    scan->may_search = scan->may_look / (2u * PTM_LIMIT_ARCHIVE_DEPTH);
}

/* --- compressed streams --- */

/* "model.pt.gz" is a packed "model.pt"; of other names the way of packing is all there is: false.
 */
static bool inner_name(const struct ptmi_scan_item *item, const char *kind,
                       char out[PTM_LIMIT_NAME])
{
    static const char *const suffixes[] = {".gz",  ".bz2",  ".xz",   ".zst",
                                           ".lz4", ".lzma", ".zlib", ".z"};
    size_t len = strlen(item->name);
    bool packed = false;
    snprintf(out, PTM_LIMIT_NAME, "%s", kind);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        size_t n = strlen(suffixes[i]);
        if (len <= n || len - n >= PTM_LIMIT_NAME ||
            !ptmi_str_eq_nocase(item->name + len - n, suffixes[i]))
            continue;
        snprintf(out, PTM_LIMIT_NAME, "%.*s", (int)(len - n), item->name);
        packed = true;
    }
    return packed;
}

/* Bytes looked at to tell text. */
#define TEXT_HEAD 4096

/* Some of them have next to no magic number, and numbers may begin like any: what does not unpack
 * is none, unless it is a file, which joblib would unpack and run as far as it goes. */
static bool is_sure(const struct ptmi_scan_item *item, const char *kind)
{
    bool zlib = strcmp(kind, "zlib") == 0;
    if (item->place == PTMI_SCAN_RECORD) return false;
    if (!zlib && strcmp(kind, "lzma") != 0) return true;
    if (item->parent || (zlib && item->data[0] != 0x78)) return false;
    size_t n = item->size < TEXT_HEAD ? (size_t)item->size : TEXT_HEAD;
    for (size_t cut = 0; cut < 4 && cut < n; cut++) /* the last character may be cut */
        if (ptmi_str_is_text((const char *)item->data, n - cut)) return false;
    return true;
}

ptm_rc ptmi_scan_compressed(struct ptmi_scan *scan, struct ptmi_scan_item *item, const char *kind,
                            bool *out_is, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptm_err why = {0};
    char name[PTM_LIMIT_NAME];
    uint64_t next = 0;
    uint64_t max = scan->may_unpack < PTM_LIMIT_INFLATED ? scan->may_unpack : PTM_LIMIT_INFLATED;
    ptm_rc rc = ptmi_unpack_stream(item->source, max, &source, &why);
    bool named = inner_name(item, kind, name);
    *out_is = rc == PTM_OK || rc == PTM_ELIMIT || rc == PTM_ENOMEM || named || is_sure(item, kind);
    if (!*out_is) return PTM_OK;
    item->format = kind;
    PTM_TRY(ptmi_scan_hidden_pickle(scan, item, 0, &next, err));
    if (rc != PTM_OK) {
        PTM_TRY(ptmi_scan_failed(scan, item, "stream-broken", -1, &why, err));
        return ptmi_scan_search(scan, item, 0, item->size, err);
    }
    ptmi_scan_unpacked(scan, ptmi_source_size(source));
    struct ptmi_scan_item inside = {.source = source, .name = name};
    return ptmi_scan_inside(scan, item, kind, &inside, err);
}

/* --- members of torch's tar files --- */

/* A pickle of a member at *pos, which is to be there; *out_ok false: it is not whole. */
static ptm_rc expect(struct ptmi_scan *scan, struct ptmi_scan_item *item, uint64_t *pos,
                     struct ptmi_scan_run *run, struct ptm_err *err)
{
    if (*pos < item->size) {
        PTM_TRY(ptmi_scan_pickle(scan, item, *pos, run, err));
        *pos = run->end;
        return PTM_OK;
    }
    run->stopped = false;
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, "tar-torch", (int64_t)*pos, err,
                           "ends before all that it counts");
}

/* Bytes of the class in a (.., class) tuple's elements; 0: not known. */
static uint64_t element_size(const struct ptmi_pickle *pickle)
{
    const struct ptmi_pk *root = pickle->root;
    if (!root || root->kind != PTMI_PK_TUPLE || root->n_items != 3) return 0;
    const struct ptmi_pk *class = root->items[2];
    if (class->kind != PTMI_PK_GLOBAL) return 0;
    const struct ptm_dtype_info *info = ptm_dtype_info(ptmi_storage_class_dtype(class->name));
    return info ? (uint64_t)info->bytes : 0;
}

/* What follows the tuple of a storage, of a tensor: false when it is not all there. */
static bool skip_storage(const struct ptmi_scan_item *item, const struct ptmi_pickle *tuple,
                         uint64_t *pos)
{
    uint64_t bytes = 0, element = element_size(tuple);
    if (element == 0 || item->size - *pos < 8) return false;
    if (__builtin_mul_overflow(ptmi_le64(item->data + *pos), element, &bytes) ||
        bytes > item->size - *pos - 8)
        return false;
    *pos += 8 + bytes;
    return true;
}

static bool skip_tensor(const struct ptmi_scan_item *item, uint64_t *pos)
{
    if (item->size - *pos < 4) return false;
    uint64_t bytes = 16 + 16 * (uint64_t)ptmi_le32(item->data + *pos);
    if (bytes > item->size - *pos) return false;
    *pos += bytes;
    return true;
}

/* One entry at *pos; *out_ok false: the rest cannot be told apart. */
static ptm_rc scan_entry(struct ptmi_scan *scan, struct ptmi_scan_item *item, bool storages,
                         uint64_t *pos, bool *out_ok, struct ptm_err *err)
{
    struct ptmi_pickle tuple = {0};
    struct ptmi_scan_run run = {.keep = &tuple};
    ptm_rc rc = expect(scan, item, pos, &run, err);
    uint64_t raw = *pos;
    *out_ok = rc == PTM_OK && run.stopped;
    if (*out_ok) {
        *out_ok = storages ? skip_storage(item, &tuple, pos) : skip_tensor(item, pos);
        if (!*out_ok)
            rc = ptmi_scan_found(scan, item, PTM_UNREADABLE, "tar-torch", (int64_t)raw, err,
                                 "numbers that do not fit what is said of them");
        else
            rc = ptmi_scan_search(scan, item, raw, *pos, err);
    }
    ptmi_pickle_clear(&tuple);
    return rc;
}

static ptm_rc scan_counted(struct ptmi_scan *scan, struct ptmi_scan_item *item, bool storages,
                           uint64_t *pos, struct ptm_err *err)
{
    struct ptmi_scan_run run = {0};
    bool ok = true;
    PTM_TRY(expect(scan, item, pos, &run, err));
    /* Every entry takes bytes: the count cannot make it endless. */
    for (int64_t i = 0; run.stopped && ok && i < run.number; i++) {
        PTM_TRY(ptmi_scan_goes_on(scan, err));
        PTM_TRY(scan_entry(scan, item, storages, pos, &ok, err));
    }
    if (!run.stopped || !ok || !storages) return PTM_OK;
    return expect(scan, item, pos, &run, err); /* the views */
}

static ptm_rc scan_torch_member(struct ptmi_scan *scan, struct ptmi_scan_item *item, bool storages,
                                struct ptm_err *err)
{
    struct ptm_err why = {0};
    uint64_t pos = 0;
    item->size = ptmi_source_size(item->source);
    ptm_rc rc = ptmi_source_at(item->source, 0, item->size, &item->data, &why);
    if (rc != PTM_OK) return ptmi_scan_failed(scan, item, "io", -1, &why, err);
    PTM_TRY(scan_counted(scan, item, storages, &pos, err));
    if (pos >= item->size) return PTM_OK;
    PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "pickle-trailing", (int64_t)pos, err,
                            "%" PRIu64 " bytes after the last of it", item->size - pos));
    return ptmi_scan_search(scan, item, pos, item->size, err);
}

/* --- tar --- */

static ptm_rc tell_odds(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                        const struct ptmi_tar *tar, struct ptm_err *err)
{
    for (size_t i = 0; i < tar->n_odds; i++) {
        const struct ptmi_odd *odd = &tar->odds[i];
        const char *rule = odd->what == PTMI_ODD_DUPLICATE  ? "tar-duplicate"
                           : odd->what == PTMI_ODD_TRAILING ? "tar-trailing"
                                                            : "tar-name";
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, rule, (int64_t)odd->offset, err, "%s",
                                odd->detail));
        if (odd->what == PTMI_ODD_TRAILING)
            PTM_TRY(ptmi_scan_search(scan, item, odd->offset, item->size, err));
    }
    return PTM_OK;
}

/* A tar file ends with zero blocks; readers do without, but one that was cut between two members
 * looks the same. */
static ptm_rc tell_end(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                       const struct ptmi_tar *tar, struct ptm_err *err)
{
    const uint64_t block = 512;
    uint64_t end = 0;
    for (size_t i = 0; i < tar->n_members; i++) {
        uint64_t after = tar->members[i].data + tar->members[i].size;
        if (after > end) end = after;
    }
    end = (end + block - 1) / block * block;
    if (item->size >= end + block) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_UNREADABLE, "tar-broken", (int64_t)item->size, err,
                           "ends without the mark of the end: it may be cut short");
}

/* Torch reads the storages before it misses anything else. */
static bool is_torch(const struct ptmi_tar *tar)
{
    const struct ptmi_tar_member *storages = ptmi_tar_find(tar, "storages");
    return storages && storages->type != '5';
}

static ptm_rc scan_member(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptmi_tar *tar,
                          const struct ptmi_tar_member *member, bool torch, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptm_err why = {0};
    ptm_rc rc = ptmi_tar_open(tar, member, &source, &why);
    struct ptmi_scan_item inside = {
        .source = source, .parent = item, .inner = member->name, .depth = item->depth + 1};
    if (rc != PTM_OK) return ptmi_scan_failed(scan, &inside, "tar-broken", -1, &why, err);
    bool storages = strcmp(member->name, "storages") == 0;
    if (torch && (storages || strcmp(member->name, "tensors") == 0)) {
        inside.name = "";
        return scan_torch_member(scan, &inside, storages, err);
    }
    return ptmi_scan_inside(scan, item, member->name, &inside, err);
}

static ptm_rc scan_members(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           struct ptmi_tar *tar, struct ptm_err *err)
{
    bool torch = is_torch(tar);
    item->format = torch ? "pytorch-tar" : "tar";
    for (size_t i = 0; i < tar->n_members && !scan->over; i++) {
        const struct ptmi_tar_member *member = &tar->members[i];
        if (torch && (member->type == '1' || member->type == '2'))
            PTM_TRY(ptmi_scan_found(scan, item, PTM_UNREADABLE, "tar-torch", (int64_t)member->data,
                                    err, "member '%.200s' is a link to another file",
                                    member->name));
        if (member->size == 0) continue;
        PTM_TRY(scan_member(scan, item, tar, member, torch, err));
    }
    PTM_TRY(tell_odds(scan, item, tar, err));
    PTM_TRY(tell_end(scan, item, tar, err));
    return torch ? ptmi_scan_whole(scan, item, err) : PTM_OK;
}

ptm_rc ptmi_scan_tar(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptm_err *err)
{
    struct ptmi_tar tar = {0};
    struct ptm_err why = {0};
    uint64_t next = 0;
    item->format = "tar";
    /* A tar file begins with a name, and that may be a pickle too. */
    PTM_TRY(ptmi_scan_hidden_pickle(scan, item, 0, &next, err));
    ptm_rc rc = ptmi_tar_read(item->source, &tar, &why);
    if (rc != PTM_OK) {
        rc = ptmi_scan_failed(scan, item, "tar-broken", -1, &why, err);
        if (rc == PTM_OK) rc = ptmi_scan_search(scan, item, 0, item->size, err);
    } else {
        rc = scan_members(scan, item, &tar, err);
    }
    ptmi_tar_clear(&tar);
    return rc;
}
