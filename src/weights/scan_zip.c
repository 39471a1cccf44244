/* SPDX-License-Identifier: MIT */
/*
 * scan_zip.c - zip files: every member by its content, whatever it is called, its CRC, and every
 * trick by which one program is shown other members than the next. What a zip file is beyond that
 * (torch's, TorchScript, a torch package, Keras, NumPy) is told by its members' names, as those
 * programs do it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "scan_priv.h"

/* A file of many members stays in memory no further than this behind the last one. */
#define RELEASE ((uint64_t)16 << 20)

/* --- oddities --- */

static const struct {
    const char *rule;
    ptm_verdict severity;
} odd_rules[] = {
    [PTMI_ODD_DUPLICATE] = {"zip-duplicate", PTM_SUSPICIOUS},
    [PTMI_ODD_LOCAL_NAME] = {"zip-local-name", PTM_SUSPICIOUS},
    [PTMI_ODD_LOCAL_FIELDS] = {"zip-local-fields", PTM_SUSPICIOUS},
    [PTMI_ODD_FLAGS] = {"zip-flags", PTM_SUSPICIOUS},
    [PTMI_ODD_ENCRYPTED] = {"zip-encrypted", PTM_UNREADABLE},
    [PTMI_ODD_METHOD] = {"zip-method", PTM_UNREADABLE},
    [PTMI_ODD_OVERLAP] = {"zip-overlap", PTM_SUSPICIOUS},
    [PTMI_ODD_GAP] = {"zip-gap", PTM_SUSPICIOUS},
    [PTMI_ODD_TRAILING] = {"zip-trailing", PTM_SUSPICIOUS},
    [PTMI_ODD_LEADING] = {"zip-leading", PTM_SUSPICIOUS},
    [PTMI_ODD_NAME] = {"zip-name", PTM_SUSPICIOUS},
    [PTMI_ODD_COUNT] = {"zip-count", PTM_SUSPICIOUS},
    [PTMI_ODD_SPLIT] = {"zip-split", PTM_UNREADABLE},
    [PTMI_ODD_UNLISTED] = {"zip-unlisted", PTM_SUSPICIOUS},
    [PTMI_ODD_RATIO] = {"zip-ratio", PTM_UNREADABLE},
    /* Two directories, of which one was read. */
    [PTMI_ODD_END] = {"zip-end", PTM_UNREADABLE},
};

static ptm_rc tell_odds(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                        const struct ptmi_zip *zip, struct ptm_err *err)
{
    for (size_t i = 0; i < zip->n_odds; i++) {
        const struct ptmi_odd *odd = &zip->odds[i];
        PTM_TRY(ptmi_scan_found(scan, item, odd_rules[odd->what].severity,
                                odd_rules[odd->what].rule, (int64_t)odd->offset, err, "%s",
                                odd->detail));
    }
    return PTM_OK;
}

/* --- bytes that no member has --- */

struct span {
    uint64_t begin, end;
};

static int by_begin(const void *a, const void *b)
{
    const struct span *left = a, *right = b;
    return (left->begin > right->begin) - (left->begin < right->begin);
}

/* What other readers may take for something: everything outside of members' data. */
static ptm_rc search_between(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                             const struct ptmi_zip *zip, struct ptm_err *err)
{
    const unsigned tricks = PTMI_ODD_BIT(PTMI_ODD_GAP) | PTMI_ODD_BIT(PTMI_ODD_TRAILING) |
                            PTMI_ODD_BIT(PTMI_ODD_LEADING) | PTMI_ODD_BIT(PTMI_ODD_UNLISTED) |
                            PTMI_ODD_BIT(PTMI_ODD_END) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS);
    if (!(zip->odd_kinds & tricks)) return PTM_OK;
    PTM_AUTO(ptmi_freep) struct span *spans = calloc(zip->n_members + 1, sizeof *spans);
    if (!spans) return ptm_err_set(err, PTM_ENOMEM, "out of memory");
    size_t n = 0;
    for (size_t i = 0; i < zip->n_members; i++)
        if (zip->members[i].data)
            spans[n++] =
                (struct span){zip->members[i].data, zip->members[i].data + zip->members[i].packed};
    if (n > 1) qsort(spans, n, sizeof *spans, by_begin);
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (spans[i].begin > at) PTM_TRY(ptmi_scan_search(scan, item, at, spans[i].begin, err));
        if (spans[i].end > at) at = spans[i].end;
    }
    return at < item->size ? ptmi_scan_search(scan, item, at, item->size, err) : PTM_OK;
}

/* --- members --- */

static ptm_rc check_crc(struct ptmi_scan *scan, struct ptmi_scan_item *inside,
                        const struct ptmi_zip_member *member, struct ptm_err *err)
{
    if (!inside->have_crc)
        inside->crc = ptmi_zip_crc(0, inside->data, inside->data ? (size_t)inside->size : 0);
    if (inside->crc == member->crc) return PTM_OK;
    return ptmi_scan_found(scan, inside, PTM_UNREADABLE, "zip-crc", -1, err,
                           "its CRC is %08x, the directory says %08x", inside->crc, member->crc);
}

/* A member, opened. */
static ptm_rc scan_opened(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                          const struct ptmi_zip_member *member, struct ptmi_scan_item *inside,
                          struct ptm_err *err)
{
    inside->want_crc = true;
    PTM_TRY(ptmi_scan_inside(scan, item, member->name, inside, err));
    /* What was not looked at (too deep) has been told. */
    return inside->data || inside->size == 0 ? check_crc(scan, inside, member, err) : PTM_OK;
}

static ptm_rc scan_member(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptmi_zip *zip,
                          struct ptmi_zip_member *member, struct ptmi_scan_item *inside,
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptm_err why = {0};
    bool inflated = member->method != 0;
    uint64_t max = scan->may_unpack < PTM_LIMIT_INFLATED ? scan->may_unpack : PTM_LIMIT_INFLATED;
    /* A flag that says "encrypted" stops some scanners, and no loader. */
    member->readable = member->data && (member->method == 0 || member->method == 8);
    ptm_rc rc = ptmi_zip_open(zip, member, max, &source, &why);
    inside->source = source;
    if (rc != PTM_OK) {
        inside->parent = item;
        inside->inner = member->name;
        return ptmi_scan_failed(scan, inside, "zip-member", -1, &why, err);
    }
    if (inflated) ptmi_scan_unpacked(scan, member->size);
    return scan_opened(scan, item, member, inside, err);
}

/* --- what it is --- */

/* Of torch's archives: the folder that all records are in. */
struct kind {
    const char *top;
    size_t top_len;
    bool torch, script, package, keras, npz;
    size_t data_pkl; /* place of the member */
};

/* Is the member called so within the folder, letter case aside, as torch looks them up? */
static bool is_called(const struct kind *kind, const struct ptmi_zip_member *member,
                      const char *name)
{
    return strncasecmp(member->name, kind->top, kind->top_len) == 0 &&
           strcasecmp(member->name + kind->top_len, name) == 0;
}

static bool is_below(const struct kind *kind, const struct ptmi_zip_member *member,
                     const char *folder)
{
    return strncasecmp(member->name, kind->top, kind->top_len) == 0 &&
           strncasecmp(member->name + kind->top_len, folder, strlen(folder)) == 0;
}

static struct kind kind_of(const struct ptmi_zip *zip)
{
    struct kind kind = {.top = "", .npz = zip->n_members > 0};
    const char *slash = zip->n_members > 0 ? strchr(zip->members[0].name, '/') : NULL;
    bool code = false;
    if (slash) {
        kind.top = zip->members[0].name;
        kind.top_len = (size_t)(slash + 1 - kind.top);
    }
    for (size_t i = 0; i < zip->n_members; i++) {
        const struct ptmi_zip_member *member = &zip->members[i];
        if (is_called(&kind, member, "data.pkl")) {
            kind.torch = true;
            kind.data_pkl = i;
        }
        kind.script |= is_called(&kind, member, "constants.pkl");
        code |= is_below(&kind, member, "code/");
        kind.package |= is_below(&kind, member, ".data/extern_modules") ||
                        is_below(&kind, member, ".data/python_version");
        kind.keras |= strcmp(member->name, "model.weights.h5") == 0 ||
                      strcmp(member->name, "metadata.json") == 0;
        kind.npz &= ptmi_str_ends(member->name, ".npy");
    }
    kind.script |= kind.torch && code;
    return kind;
}

static ptm_rc tell_kind(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                        const struct kind *kind, struct ptm_err *err)
{
    if (kind->package) {
        item->format = "torch-package";
        return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-package", -1, err,
                               "a torch package: loading it runs the Python code in it");
    }
    if (kind->script) {
        item->format = "torchscript";
        return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torchscript-code", -1, err,
                               "TorchScript: loading it runs code that is in it, which can read "
                               "and write files");
    }
    item->format = kind->torch ? "pytorch-zip" : kind->keras ? "keras" : kind->npz ? "npz" : "zip";
    return PTM_OK;
}

/* --- rules for the members of torch's archives --- */

static ptm_rc tell_torch_member(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                                const struct kind *kind, const struct ptmi_zip_member *member,
                                struct ptmi_scan_item *inside, struct ptm_err *err)
{
    int64_t at = (int64_t)member->local;
    if (strncmp(member->name, kind->top, kind->top_len) != 0)
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-outside", at, err,
                                "member '%.200s' is outside of the folder %.200s", member->name,
                                kind->top));
    if (inside->place == PTMI_SCAN_RECORD && member->method != 0)
        PTM_TRY(ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-compressed", at, err,
                                "member '%.200s' is compressed: torch never does that",
                                member->name));
    bool expected = is_called(kind, member, "data.pkl") || kind->script || kind->package;
    if (!inside->is_pickle || expected) return PTM_OK;
    return ptmi_scan_found(scan, item, PTM_SUSPICIOUS, "torch-second-pickle", at, err,
                           "member '%.200s' is a pickle, besides data.pkl", member->name);
}

/* Gives back pages from *from on to the end of a member that has been looked at, once they are
 * many. */
static void done_with(const struct ptmi_scan_item *item, const struct ptmi_zip_member *member,
                      uint64_t *from)
{
    uint64_t end = member->data + member->packed;
    if (!member->data || end > item->size || end < *from || end - *from < RELEASE) return;
    ptmi_source_done_with(item->source, *from, end - *from);
    *from = end;
}

static ptm_rc scan_members(struct ptmi_scan *scan, struct ptmi_scan_item *item,
                           struct ptmi_zip *zip, const struct kind *kind,
                           struct ptmi_pickle *pickle, struct ptm_err *err)
{
    bool torch = kind->torch || kind->package;
    uint64_t done = 0;
    for (size_t i = 0; i < zip->n_members && !scan->over; i++) {
        struct ptmi_zip_member *member = &zip->members[i];
        struct ptmi_scan_item inside = {0};
        if (member->is_dir && member->size == 0) continue;
        if (torch && (is_below(kind, member, "data/") || is_below(kind, member, "constants/") ||
                      is_below(kind, member, "tensors/")))
            inside.place = PTMI_SCAN_RECORD;
        if (kind->torch && i == kind->data_pkl) inside.keep = pickle;
        PTM_TRY(scan_member(scan, item, zip, member, &inside, err));
        if (torch) PTM_TRY(tell_torch_member(scan, item, kind, member, &inside, err));
        done_with(item, member, &done);
    }
    return PTM_OK;
}

ptm_rc ptmi_scan_zip(struct ptmi_scan *scan, struct ptmi_scan_item *item, struct ptmi_zip *zip,
                     struct ptm_err *err)
{
    struct ptm_err why = {0};
    struct ptmi_pickle pickle = {0};
    struct kind kind = kind_of(zip);
    ptm_rc rc = ptmi_zip_check(zip, &why);
    if (rc != PTM_OK) PTM_TRY(ptmi_scan_failed(scan, item, "zip-broken", -1, &why, err));
    PTM_TRY(tell_kind(scan, item, &kind, err));
    rc = scan_members(scan, item, zip, &kind, &pickle, err);
    if (rc == PTM_OK && kind.torch)
        rc = ptmi_scan_torch_zip(scan, item, zip, kind.data_pkl, &pickle, err);
    ptmi_pickle_clear(&pickle);
    if (rc == PTM_OK) rc = tell_odds(scan, item, zip, err);
    return rc == PTM_OK ? search_between(scan, item, zip, err) : rc;
}
