/* SPDX-License-Identifier: MIT */
/*
 * zipdir_check.c - local headers, and whether every byte of the archive belongs to one thing.
 *
 *     local header, 30 bytes          data descriptor, where flag 3 is set, after the data
 *      0 PK 3 4    18 packed size     [PK 7 8]  CRC-32  packed size  size
 *      4 needed    22 size            the sizes take 4 bytes each or, with ZIP64, 8: which is not
 *      6 flags     26 name length     said, nor whether the signature is there
 *      8 method    28 extra length
 *     14 CRC-32    30 name, extra
 *
 * The central directory is what all readers go by; a local header that says otherwise is how one
 * reader is shown other things than the next.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/str.h"
#include "zipdir.h"
#include "zipdir_priv.h"

#define LOCAL_SIZE 30u
#define SIG_DESCRIPTOR 0x08074b50u
/* Signature, CRC, two wide sizes. */
#define DESCRIPTOR_MAX 24u

/* --- local headers --- */

/* Its sizes, which a ZIP64 field may hold. Fields that say "see there" and nothing is there keep
 * their value. */
static void local_sizes(const uint8_t *p, size_t name_len, uint64_t *packed, uint64_t *size)
{
    const uint8_t *field = NULL;
    size_t left = 0;
    *packed = ptmi_le32(p + 18);
    *size = ptmi_le32(p + 22);
    if (!ptmi_zip_extra(p + LOCAL_SIZE + name_len, ptmi_le16(p + 28), PTMI_ZIP_EXTRA_ZIP64, &field,
                        &left))
        return;
    if (*size == UINT32_MAX && left >= 8) {
        *size = ptmi_le64(field);
        field += 8;
        left -= 8;
    }
    if (*packed == UINT32_MAX && left >= 8) *packed = ptmi_le64(field);
}

/* Zero says "see the descriptor", and so does the mark of ZIP64 that has no field. */
static bool agrees(uint64_t local, uint64_t central, bool descriptor)
{
    return local == central || (descriptor && (local == 0 || local == UINT32_MAX));
}

static bool same_fields(const struct ptmi_zip_member *member, const uint8_t *p, size_t name_len)
{
    uint16_t flags = ptmi_le16(p + 6);
    bool descriptor = flags & PTMI_ZIP_FLAG_DESCRIPTOR;
    uint64_t packed = 0, size = 0;
    local_sizes(p, name_len, &packed, &size);
    return ptmi_le16(p + 8) == member->method && flags == member->flags &&
           agrees(ptmi_le32(p + 14), member->crc, descriptor) &&
           agrees(packed, member->packed, descriptor) && agrees(size, member->size, descriptor);
}

/* p has the whole header with name and extra. */
static ptm_rc compare_local(struct ptmi_zip *zip, const struct ptmi_zip_member *member,
                            const uint8_t *p, struct ptm_err *err)
{
    size_t name_len = ptmi_le16(p + 26);
    if (name_len != member->name_len || memcmp(p + LOCAL_SIZE, member->name, name_len) != 0)
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_LOCAL_NAME, member,
                              "has another name in its own header", err));
    /* Flags that the directory has too have been noted there. */
    if (ptmi_le16(p + 6) & ~PTMI_ZIP_FLAGS_USUAL & ~(unsigned)member->flags)
        PTM_TRY(
            ptmi_zip_note(zip, PTMI_ODD_FLAGS, member, "has unusual flags in its own header", err));
    if (!same_fields(member, p, name_len))
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_LOCAL_FIELDS, member,
                              "has other flags, method, CRC or sizes in its own header", err));
    return PTM_OK;
}

static ptm_rc not_local(const struct ptmi_zip *zip, const struct ptmi_zip_member *member,
                        const char *why, struct ptm_err *err)
{
    char name[200];
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s of member '%s'",
                       ptmi_source_name(zip->source), member->local, why,
                       ptmi_str_printable(name, sizeof name, member->name));
}

ptm_rc ptmi_zip_locate(struct ptmi_zip *zip, struct ptmi_zip_member *member, struct ptm_err *err)
{
    uint64_t size = ptmi_source_size(zip->source);
    const uint8_t *p = NULL;
    if (member->data) return PTM_OK; /* a local header has 30 bytes: never at 0 */
    if (size - member->local < LOCAL_SIZE)
        return not_local(zip, member, "no room for the header", err);
    PTM_TRY(ptmi_source_at(zip->source, member->local, LOCAL_SIZE, &p, err));
    if (ptmi_le32(p) != PTMI_ZIP_SIG_LOCAL)
        return not_local(zip, member, "this is not the header", err);
    uint64_t header = LOCAL_SIZE + (uint64_t)ptmi_le16(p + 26) + ptmi_le16(p + 28);
    if (size - member->local < header || size - member->local - header < member->packed)
        return not_local(zip, member, "the file ends within the data", err);
    PTM_TRY(ptmi_source_at(zip->source, member->local, header, &p, err));
    PTM_TRY(compare_local(zip, member, p, err));
    member->data = member->local + header;
    return PTM_OK;
}

/* --- descriptors --- */

/* Is there a descriptor of this form at p that says what the directory says? */
static bool is_descriptor(const uint8_t *p, size_t left, const struct ptmi_zip_member *member,
                          bool signature, bool wide)
{
    size_t need = (signature ? 4 : 0) + 4 + (wide ? 16 : 8);
    if (left < need || (signature && ptmi_le32(p) != SIG_DESCRIPTOR)) return false;
    if (signature) p += 4;
    if (ptmi_le32(p) != member->crc) return false;
    p += 4;
    return wide ? ptmi_le64(p) == member->packed && ptmi_le64(p + 8) == member->size
                : ptmi_le32(p) == member->packed && ptmi_le32(p + 4) == member->size;
}

/* The length of a member's descriptor; of several forms that fit the one that ends where the next
 * thing begins. */
static ptm_rc descriptor_length(struct ptmi_zip *zip, const struct ptmi_zip_member *member,
                                uint64_t next, uint64_t *out, struct ptm_err *err)
{
    uint64_t at = member->data + member->packed, left = ptmi_source_size(zip->source) - at;
    const uint8_t *p = NULL;
    *out = 0;
    if (!(member->flags & PTMI_ZIP_FLAG_DESCRIPTOR)) return PTM_OK;
    if (left > DESCRIPTOR_MAX) left = DESCRIPTOR_MAX;
    PTM_TRY(ptmi_source_at(zip->source, at, left, &p, err));
    for (int form = 0; form < 4; form++) {
        bool signature = form < 2, wide = form % 2;
        uint64_t len = (signature ? 4u : 0u) + (wide ? 20u : 12u);
        if (!is_descriptor(p, (size_t)left, member, signature, wide)) continue;
        if (*out == 0 || at + len == next) *out = len;
    }
    if (*out) return PTM_OK;
    return ptmi_zip_note(zip, PTMI_ODD_LOCAL_FIELDS, member,
                         "has no descriptor behind its data that says what the directory says",
                         err);
}

/* --- what lies between --- */

/* Bytes [from, to) that belong to nothing: a local header among them is a member that only some
 * readers see. */
static ptm_rc judge_gap(struct ptmi_zip *zip, uint64_t from, uint64_t to, struct ptm_err *err)
{
    static const uint8_t signature[] = {'P', 'K', 3, 4};
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_source_at(zip->source, from, to - from, &p, err));
    const uint8_t *found = memmem(p, (size_t)(to - from), signature, sizeof signature);
    struct ptmi_odd gap = {.what = PTMI_ODD_GAP, .offset = from};
    /* Those before the first member have been noted when the directory was read. */
    if (from > 0)
        PTM_TRY(ptmi_odd_add(&odds, &gap, err, "%" PRIu64 " bytes that belong to no member",
                             to - from));
    if (!found) return PTM_OK;
    struct ptmi_odd hidden = {.what = PTMI_ODD_UNLISTED, .offset = from + (uint64_t)(found - p)};
    return ptmi_odd_add(&odds, &hidden, err,
                        "the header of a member that the directory does not list");
}

static int by_place(const void *a, const void *b)
{
    const struct ptmi_zip_member *left = *(struct ptmi_zip_member *const *)a;
    const struct ptmi_zip_member *right = *(struct ptmi_zip_member *const *)b;
    if (left->local != right->local) return left->local < right->local ? -1 : 1;
    return (left > right) - (left < right);
}

/* Members in the file's order, those left out that have no header. */
static ptm_rc locate_all(struct ptmi_zip *zip, struct ptmi_zip_member **sorted, size_t *out_n,
                         struct ptm_err *err)
{
    size_t n = 0;
    for (size_t i = 0; i < zip->n_members; i++) {
        struct ptmi_zip_member *member = zip->members + i;
        ptm_rc rc = ptmi_zip_locate(zip, member, err);
        if (rc == PTM_OK) sorted[n++] = member;
        if (rc == PTM_OK) continue;
        if (rc != PTM_EFORMAT) return rc;
        member->readable = false;
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_LOCAL_FIELDS, member,
                              "has no header where the directory says", err));
    }
    if (n > 1) qsort(sorted, n, sizeof *sorted, by_place);
    *out_n = n;
    return PTM_OK;
}

/* One member after the bytes up to *end have been accounted for. */
static ptm_rc judge_member(struct ptmi_zip *zip, const struct ptmi_zip_member *member,
                           uint64_t next, uint64_t *end, struct ptm_err *err)
{
    uint64_t descriptor = 0;
    if (member->local < *end)
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_OVERLAP, member, "shares bytes with another one", err));
    if (member->local > *end) PTM_TRY(judge_gap(zip, *end, member->local, err));
    PTM_TRY(descriptor_length(zip, member, next, &descriptor, err));
    uint64_t own_end = member->data + member->packed + descriptor;
    if (own_end > *end) *end = own_end;
    if (own_end <= zip->directory) return PTM_OK;
    return ptmi_zip_note(zip, PTMI_ODD_OVERLAP, member, "shares bytes with the directory", err);
}

ptm_rc ptmi_zip_check(struct ptmi_zip *zip, struct ptm_err *err)
{
    PTM_AUTO(ptmi_freep)
    struct ptmi_zip_member **sorted = calloc(zip->n_members + 1, sizeof *sorted);
    size_t n = 0;
    uint64_t end = 0;
    if (!sorted)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(zip->source));
    PTM_TRY(locate_all(zip, sorted, &n, err));
    for (size_t i = 0; i < n; i++) {
        uint64_t next = i + 1 < n ? sorted[i + 1]->local : zip->directory;
        PTM_TRY(judge_member(zip, sorted[i], next, &end, err));
    }
    if (end < zip->directory) PTM_TRY(judge_gap(zip, end, zip->directory, err));
    if (zip->directory_end < zip->end) PTM_TRY(judge_gap(zip, zip->directory_end, zip->end, err));
    return PTM_OK;
}
