/* SPDX-License-Identifier: MIT */
/*
 * zipdir.c - end records, central directory, members by name, and their bytes. Local headers are
 * in zipdir_check.c.
 *
 *     local header, name, extra, data [, descriptor]      for each member      \
 *     central header, name, extra, comment                for each member       | archive
 *     [ZIP64 end record] [ZIP64 locator]                                        |
 *     end record, comment                                                      /
 *
 *     central header, 46 bytes                 end record, 22 bytes
 *      0 PK 1 2        20 packed size           0 PK 5 6
 *      4 made by       24 size                  4 this disk     8 members on this disk
 *      6 needed        28 name length           6 directory's  10 members
 *      8 flags         30 extra length         12 size of the directory
 *     10 method        32 comment length       16 its offset
 *     12 time          34 disk                 20 comment length
 *     16 CRC-32        42 offset of local header
 *
 * APPNOTE.TXT 6.3.10, section 4.3. Where two common readers read one file in two ways (Python's
 * zipfile looks for the directory just before the end record, the miniz of PyTorch where its offset
 * says) both places are looked at, the reading of PyTorch is taken if there is one, and the
 * difference is noted: PTMI_ODD_END, PTMI_ODD_LEADING.
 */
#include "zipdir.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../base/limits.h"
#include "../base/str.h"
#include "zipdir_priv.h"

#define SIG_CENTRAL 0x02014b50u
#define SIG_END 0x06054b50u
#define SIG_END64 0x06064b50u
#define SIG_LOCATOR 0x07064b50u
#define CENTRAL_SIZE 46u
#define END_SIZE 22u
#define END64_SIZE 56u
#define LOCATOR_SIZE 20u
#define COMMENT_MAX 65535u

/* --- oddities --- */

/* Room for one more: the array doubles whenever its count is a power of two. */
static ptm_rc grow_odds(const struct ptmi_odd_list *list, struct ptm_err *err)
{
    size_t n = *list->n;
    if (n != 0 && (n & (n - 1)) != 0) return PTM_OK;
    struct ptmi_odd *more = ptmi_arena_alloc(list->arena, (n ? 2 * n : 1) * sizeof *more);
    if (!more) return ptm_err_set(err, PTM_ENOMEM, "out of memory for what is odd in an archive");
    if (n > 0) memcpy(more, *list->odds, n * sizeof *more);
    *list->odds = more;
    return PTM_OK;
}

ptm_rc ptmi_odd_add(const struct ptmi_odd_list *list, const struct ptmi_odd *odd,
                    struct ptm_err *err, const char *fmt, ...)
{
    bool known = *list->kinds & PTMI_ODD_BIT(odd->what);
    *list->kinds |= PTMI_ODD_BIT(odd->what);
    if (known && *list->n >= PTM_LIMIT_ODDS) return PTM_OK;
    char raw[512], detail[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(raw, sizeof raw, fmt, args);
    va_end(args);
    PTM_TRY(grow_odds(list, err));
    struct ptmi_odd *slot = *list->odds + *list->n;
    *slot = *odd;
    slot->detail = ptmi_arena_strdup(list->arena, ptmi_str_printable(detail, sizeof detail, raw));
    if (!slot->detail)
        return ptm_err_set(err, PTM_ENOMEM, "out of memory for what is odd in an archive");
    ++*list->n;
    return PTM_OK;
}

const char *ptmi_odd_name(const char *name, size_t len)
{
    if (len == 0) return "has no name";
    if (strlen(name) != len) return "has a NUL byte in its name";
    if (name[0] == '/') return "has an absolute name";
    if (strchr(name, '\\')) return "has a backslash in its name";
    if ((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z' && name[1] == ':')
        return "has a drive letter in its name";
    for (const char *at = name; *at; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7f) return "has a control character in its name";
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (at[0] == '.' && at[1] == '.' && (at[2] == '/' || at[2] == '\0'))
            return "has '..' in its name";
    }
    return NULL;
}

struct ptmi_odd_list ptmi_zip_odds(struct ptmi_zip *zip)
{
    return (struct ptmi_odd_list){&zip->arena, &zip->odds, &zip->n_odds, &zip->odd_kinds};
}

ptm_rc ptmi_zip_note(struct ptmi_zip *zip, int what, const struct ptmi_zip_member *member,
                     const char *detail, struct ptm_err *err)
{
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    struct ptmi_odd odd = {.what = what, .offset = member->local, .member = member->name};
    return ptmi_odd_add(&odds, &odd, err, "member '%.200s' %s", member->name, detail);
}

/* --- the end records --- */

/* What they say, the ZIP64 record's word before that of the old one. */
struct ends {
    uint64_t at;    /* the old end record */
    uint64_t first; /* the first of all end records: where a directory should end */
    uint64_t n_members, size, offset;
    bool split;
};

static ptm_rc read_old_end(struct ptmi_zip *zip, struct ends *ends, struct ptm_err *err)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_source_at(zip->source, ends->at, END_SIZE, &p, err));
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    ends->n_members = ptmi_le16(p + 10);
    ends->size = ptmi_le32(p + 12);
    ends->offset = ptmi_le32(p + 16);
    ends->split = (ptmi_le16(p + 4) != 0 && ptmi_le16(p + 4) != 0xffff) ||
                  (ptmi_le16(p + 6) != 0 && ptmi_le16(p + 6) != 0xffff) ||
                  ptmi_le16(p + 8) != ptmi_le16(p + 10);
    uint64_t end = ends->at + END_SIZE + ptmi_le16(p + 20), size = ptmi_source_size(zip->source);
    if (end == size) return PTM_OK;
    struct ptmi_odd odd = {.what = PTMI_ODD_TRAILING, .offset = end < size ? end : ends->at};
    if (end > size) return ptmi_odd_add(&odds, &odd, err, "the archive's comment is cut short");
    return ptmi_odd_add(&odds, &odd, err, "%" PRIu64 " bytes after the end of the archive",
                        size - end);
}

/* The last end record that has room for itself: the one every reader takes. */
static ptm_rc find_end(struct ptmi_zip *zip, struct ends *ends, struct ptm_err *err)
{
    uint64_t size = ptmi_source_size(zip->source);
    uint64_t len = size < END_SIZE + COMMENT_MAX ? size : END_SIZE + COMMENT_MAX;
    const uint8_t *tail = NULL;
    PTM_TRY(ptmi_source_at(zip->source, size - len, len, &tail, err));
    for (uint64_t back = END_SIZE; back <= len; back++) {
        if (ptmi_le32(tail + (len - back)) != SIG_END) continue;
        ends->at = ends->first = size - back;
        return read_old_end(zip, ends, err);
    }
    return ptm_err_set(err, PTM_EFORMAT,
                       "%s: byte %" PRIu64
                       ": a zip file without an end record; it may be cut short",
                       ptmi_source_name(zip->source), size - len);
}

/* Is a record with this signature at offset, len bytes and all before limit? */
static ptm_rc has_record(ptmi_source *source, uint64_t offset, uint64_t limit, uint32_t signature,
                         bool *out, struct ptm_err *err)
{
    const uint8_t *p = NULL;
    *out = false;
    if (offset > limit || limit - offset < 4) return PTM_OK;
    PTM_TRY(ptmi_source_at(source, offset, 4, &p, err));
    *out = ptmi_le32(p) == signature;
    return PTM_OK;
}

/* Where the ZIP64 end record is: where its locator says, else just before the locator. */
static ptm_rc find_end64(struct ptmi_zip *zip, uint64_t locator, uint64_t said, uint64_t *out,
                         struct ptm_err *err)
{
    bool there = false, before = false;
    if (locator < END64_SIZE)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": no room for ZIP64's end record",
                           ptmi_source_name(zip->source), locator);
    uint64_t limit = locator - END64_SIZE + 4, near = locator - END64_SIZE;
    PTM_TRY(has_record(zip->source, said, limit, SIG_END64, &there, err));
    PTM_TRY(has_record(zip->source, near, limit, SIG_END64, &before, err));
    if (!there && !before)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": the ZIP64 end record is not at byte %" PRIu64
                           " where this locator says",
                           ptmi_source_name(zip->source), locator, said);
    *out = there ? said : near;
    if (!there || !before || said == near) return PTM_OK;
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    struct ptmi_odd odd = {.what = PTMI_ODD_END, .offset = locator};
    return ptmi_odd_add(&odds, &odd, err,
                        "two ZIP64 end records: at byte %" PRIu64 ", and just before its locator",
                        said);
}

/* The ZIP64 record's word counts; where the old record has one of its own it is to be the same. */
static ptm_rc merge_end64(struct ptmi_zip *zip, uint64_t locator, uint64_t at, struct ends *ends,
                          struct ptm_err *err)
{
    const uint8_t *p = NULL;
    PTM_TRY(ptmi_source_at(zip->source, at, END64_SIZE, &p, err));
    uint64_t n = ptmi_le64(p + 32), size = ptmi_le64(p + 40), offset = ptmi_le64(p + 48);
    bool same = (ends->n_members == 0xffff || ends->n_members == n) &&
                (ends->size == UINT32_MAX || ends->size == size) &&
                (ends->offset == UINT32_MAX || ends->offset == offset);
    bool adjacent = ptmi_le64(p + 4) == locator - at - 12;
    ends->n_members = n;
    ends->size = size;
    ends->offset = offset;
    ends->split |= ptmi_le32(p + 16) != 0 || ptmi_le32(p + 20) != 0 || ptmi_le64(p + 24) != n;
    ends->first = at;
    if (same && adjacent) return PTM_OK;
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    struct ptmi_odd odd = {.what = PTMI_ODD_END, .offset = at};
    return ptmi_odd_add(&odds, &odd, err, "%s",
                        same ? "the ZIP64 end record does not end where its locator begins"
                             : "the ZIP64 end record and the old one do not say the same");
}

static ptm_rc read_ends(struct ptmi_zip *zip, struct ends *ends, struct ptm_err *err)
{
    bool has_locator = false;
    PTM_TRY(find_end(zip, ends, err));
    if (ends->at >= LOCATOR_SIZE)
        PTM_TRY(has_record(zip->source, ends->at - LOCATOR_SIZE, ends->at, SIG_LOCATOR,
                           &has_locator, err));
    if (has_locator) {
        uint64_t locator = ends->at - LOCATOR_SIZE, at = 0;
        const uint8_t *p = NULL;
        PTM_TRY(ptmi_source_at(zip->source, locator, LOCATOR_SIZE, &p, err));
        ends->split |= ptmi_le32(p + 4) != 0 || ptmi_le32(p + 16) > 1;
        PTM_TRY(find_end64(zip, locator, ptmi_le64(p + 8), &at, err));
        PTM_TRY(merge_end64(zip, locator, at, ends, err));
    }
    if (!ends->split) return PTM_OK;
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    struct ptmi_odd odd = {.what = PTMI_ODD_SPLIT, .offset = ends->at};
    return ptmi_odd_add(&odds, &odd, err, "says that it is one of several disks");
}

/* --- where the directory is --- */

/*
 * At its offset from the start of the file, or, with data before the archive, just before the end
 * records: then *out_shift is to be added to every offset.
 */
static ptm_rc place_directory(struct ptmi_zip *zip, const struct ends *ends, uint64_t *out_shift,
                              struct ptm_err *err)
{
    if (ends->size > ends->first || ends->offset > ends->first - ends->size)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": a directory of %" PRIu64 " bytes at byte %" PRIu64
                           " does not fit before its end record",
                           ptmi_source_name(zip->source), ends->at, ends->size, ends->offset);
    uint64_t near = ends->first - ends->size;
    bool there = false, before = false;
    /* From a URL in one request. */
    PTM_TRY(ptmi_source_prefetch(zip->source, ends->offset, ends->size, err));
    PTM_TRY(has_record(zip->source, ends->offset, ends->first, SIG_CENTRAL, &there, err));
    PTM_TRY(has_record(zip->source, near, ends->first, SIG_CENTRAL, &before, err));
    if (ends->size > 0 && !there && !before)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": no directory of a zip file",
                           ptmi_source_name(zip->source), ends->offset);
    *out_shift = there ? 0 : near - ends->offset;
    zip->directory = ends->offset + *out_shift;
    zip->directory_end = zip->directory + ends->size;
    zip->end = ends->first;
    if (!there || !before || ends->offset == near) return PTM_OK;
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    struct ptmi_odd odd = {.what = PTMI_ODD_END, .offset = ends->offset};
    return ptmi_odd_add(&odds, &odd, err,
                        "two directories: the end record's offset leads to byte %" PRIu64
                        ", its size to byte %" PRIu64,
                        ends->offset, near);
}

/* --- the directory --- */

bool ptmi_zip_extra(const uint8_t *extra, size_t len, uint16_t id, const uint8_t **out,
                    size_t *out_len)
{
    for (size_t at = 0; len - at >= 4;) {
        size_t n = ptmi_le16(extra + at + 2);
        if (n > len - at - 4) return false;
        if (ptmi_le16(extra + at) == id) {
            *out = extra + at + 4;
            *out_len = n;
            return true;
        }
        at += 4 + n;
    }
    return false;
}

/* Replaces *value by the next 8 bytes of the ZIP64 field when it says "see there". */
static bool take_wide(const uint8_t **field, size_t *left, uint64_t *value)
{
    if (*value != UINT32_MAX) return true;
    if (*left < 8) return false;
    *value = ptmi_le64(*field);
    *field += 8;
    *left -= 8;
    return true;
}

static ptm_rc widen(const struct ptmi_zip *zip, const uint8_t *extra, size_t extra_len,
                    struct ptmi_zip_member *member, struct ptm_err *err)
{
    const uint8_t *field = NULL;
    size_t left = 0;
    (void)ptmi_zip_extra(extra, extra_len, PTMI_ZIP_EXTRA_ZIP64, &field, &left);
    if (take_wide(&field, &left, &member->size) && take_wide(&field, &left, &member->packed) &&
        take_wide(&field, &left, &member->local))
        return PTM_OK;
    char name[200];
    return ptm_err_set(err, PTM_EFORMAT, "%s: member '%s': its ZIP64 sizes are missing",
                       ptmi_source_name(zip->source),
                       ptmi_str_printable(name, sizeof name, member->name));
}

/* What is odd about a member's name in zip files alone, or NULL. */
static const char *odd_name(const struct ptmi_zip_member *member)
{
    const char *odd = ptmi_odd_name(member->name, member->name_len);
    if (odd) return odd;
    if ((member->flags & PTMI_ZIP_FLAG_UTF8) && !ptmi_str_is_utf8(member->name, member->name_len))
        return "has a name that is not the UTF-8 it says";
    /* An empty deflate stream takes two bytes, or five as a stored block. */
    if (member->is_dir && (member->size > 0 || member->packed > 5))
        return "is a folder that has bytes";
    return NULL;
}

/* Deflate cannot do better than 1032:1, a match of 258 bytes in 2 bits; a stream that says less
 * than that of itself is none. */
static const char *odd_sizes(const struct ptmi_zip_member *member)
{
    if (member->method == PTMI_ZIP_STORED && member->packed != member->size)
        return "is stored, and not as large as it is unpacked";
    if (member->method == PTMI_ZIP_DEFLATED && member->size / 1032 > member->packed)
        return "is to become more than 1032 times as large, which cannot be";
    return NULL;
}

/* Python's zipfile, of late, takes the name of this field when it is for the name in the header. */
static bool named_otherwise(const struct ptmi_zip_member *member, const uint8_t *extra,
                            size_t extra_len)
{
    const uint8_t *field = NULL;
    size_t len = 0;
    if (!ptmi_zip_extra(extra, extra_len, PTMI_ZIP_EXTRA_UNICODE_NAME, &field, &len)) return false;
    return len < 5 || len - 5 != member->name_len ||
           memcmp(field + 5, member->name, member->name_len) != 0;
}

static ptm_rc judge(struct ptmi_zip *zip, struct ptmi_zip_member *member, struct ptm_err *err)
{
    const char *name = odd_name(member), *sizes = odd_sizes(member);
    bool encrypted = member->flags & PTMI_ZIP_FLAGS_ENCRYPTED;
    bool known = member->method == PTMI_ZIP_STORED || member->method == PTMI_ZIP_DEFLATED;
    member->readable = known && !encrypted;
    if (name) PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_NAME, member, name, err));
    if (sizes) PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_RATIO, member, sizes, err));
    if (encrypted)
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_ENCRYPTED, member, "says it is encrypted", err));
    if (member->flags & ~PTMI_ZIP_FLAGS_USUAL)
        PTM_TRY(
            ptmi_zip_note(zip, PTMI_ODD_FLAGS, member, "has unusual flags in the directory", err));
    if (!known)
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_METHOD, member,
                              "is compressed in a way that is not read", err));
    return PTM_OK;
}

/* The header at p has been checked to have its name, extra and comment behind it. */
static ptm_rc fill_member(struct ptmi_zip *zip, const uint8_t *p, uint64_t shift,
                          struct ptmi_zip_member *member, struct ptm_err *err)
{
    size_t name_len = ptmi_le16(p + 28), extra_len = ptmi_le16(p + 30);
    const uint8_t *extra = p + CENTRAL_SIZE + name_len;
    *member = (struct ptmi_zip_member){.flags = ptmi_le16(p + 8),
                                       .method = ptmi_le16(p + 10),
                                       .crc = ptmi_le32(p + 16),
                                       .packed = ptmi_le32(p + 20),
                                       .size = ptmi_le32(p + 24),
                                       .local = ptmi_le32(p + 42),
                                       .name_len = name_len};
    member->name = ptmi_arena_strndup(&zip->arena, (const char *)p + CENTRAL_SIZE, name_len);
    if (!member->name)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(zip->source));
    member->is_dir = name_len > 0 && member->name[name_len - 1] == '/';
    PTM_TRY(widen(zip, extra, extra_len, member, err));
    if (named_otherwise(member, extra, extra_len))
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_NAME, member, "has another name in its Unicode field",
                              err));
    uint64_t end = 0;
    if (__builtin_add_overflow(member->local, shift, &member->local) ||
        __builtin_add_overflow(member->local, member->packed, &end) ||
        end > ptmi_source_size(zip->source)) {
        char name[200];
        return ptm_err_set(
            err, PTM_EFORMAT,
            "%s: member '%s' of %" PRIu64 " bytes at byte %" PRIu64 " is not in the file",
            ptmi_source_name(zip->source), ptmi_str_printable(name, sizeof name, member->name),
            member->packed, member->local);
    }
    if (ptmi_le16(p + 34) != 0 && ptmi_le16(p + 34) != 0xffff)
        PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_SPLIT, member, "is on another disk", err));
    return judge(zip, member, err);
}

/* The header at *at of the directory's bytes; moves past it. */
static ptm_rc next_member(struct ptmi_zip *zip, const uint8_t *bytes, uint64_t *at, uint64_t shift,
                          struct ptm_err *err)
{
    uint64_t left = zip->directory_end - zip->directory - *at, whole = CENTRAL_SIZE;
    const uint8_t *p = bytes + *at;
    bool good = left >= CENTRAL_SIZE && ptmi_le32(p) == SIG_CENTRAL;
    if (good) {
        whole += (uint64_t)ptmi_le16(p + 28) + ptmi_le16(p + 30) + ptmi_le16(p + 32);
        good = left >= whole;
    }
    if (!good)
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": not an entry of a zip file's directory",
                           ptmi_source_name(zip->source), zip->directory + *at);
    if (zip->n_members >= PTM_LIMIT_TENSORS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d members",
                           ptmi_source_name(zip->source), PTM_LIMIT_TENSORS);
    PTM_TRY(fill_member(zip, p, shift, zip->members + zip->n_members, err));
    zip->n_members++;
    *at += whole;
    return PTM_OK;
}

static ptm_rc read_members(struct ptmi_zip *zip, uint64_t shift, struct ptm_err *err)
{
    uint64_t size = zip->directory_end - zip->directory, most = size / CENTRAL_SIZE;
    const uint8_t *bytes = NULL;
    PTM_TRY(ptmi_source_at(zip->source, zip->directory, size, &bytes, err));
    if (most > PTM_LIMIT_TENSORS) most = PTM_LIMIT_TENSORS;
    zip->members = ptmi_arena_alloc(&zip->arena, (size_t)most * sizeof *zip->members);
    if (!zip->members)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(zip->source));
    for (uint64_t at = 0; at < size;) PTM_TRY(next_member(zip, bytes, &at, shift, err));
    return PTM_OK;
}

/* --- names --- */

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

/* Letter case aside, as the miniz of PyTorch looks members up. */
static int compare_folded(const struct ptmi_zip_member *a, const struct ptmi_zip_member *b)
{
    size_t len = a->name_len < b->name_len ? a->name_len : b->name_len;
    for (size_t i = 0; i < len; i++) {
        int difference = fold(a->name[i]) - fold(b->name[i]);
        if (difference) return difference;
    }
    return (a->name_len > b->name_len) - (a->name_len < b->name_len);
}

static int compare_exact(const struct ptmi_zip_member *a, const struct ptmi_zip_member *b)
{
    int order = compare_folded(a, b);
    return order ? order : memcmp(a->name, b->name, a->name_len);
}

static int by_name_then_place(const void *a, const void *b)
{
    const struct ptmi_zip_member *left = *(struct ptmi_zip_member *const *)a;
    const struct ptmi_zip_member *right = *(struct ptmi_zip_member *const *)b;
    int order = compare_exact(left, right);
    return order ? order : (left > right) - (left < right);
}

/* Sorted rather than hashed: no choice of names makes it slow. */
static ptm_rc sort_names(struct ptmi_zip *zip, struct ptm_err *err)
{
    zip->by_name = ptmi_arena_alloc(&zip->arena, zip->n_members * sizeof *zip->by_name);
    if (!zip->by_name)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(zip->source));
    for (size_t i = 0; i < zip->n_members; i++) zip->by_name[i] = zip->members + i;
    if (zip->n_members > 1)
        qsort(zip->by_name, zip->n_members, sizeof *zip->by_name, by_name_then_place);
    for (size_t i = 1; i < zip->n_members; i++)
        if (compare_folded(zip->by_name[i - 1], zip->by_name[i]) == 0)
            PTM_TRY(ptmi_zip_note(zip, PTMI_ODD_DUPLICATE, zip->by_name[i],
                                  "has the name of another one, letter case aside", err));
    return PTM_OK;
}

struct ptmi_zip_member *ptmi_zip_find(const struct ptmi_zip *zip, const char *name)
{
    struct ptmi_zip_member key = {.name = name, .name_len = strlen(name)};
    size_t low = 0, high = zip->n_members; /* the first one behind all of this name */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_exact(zip->by_name[middle], &key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || compare_exact(zip->by_name[low - 1], &key) != 0) return NULL;
    return zip->by_name[low - 1];
}

/* --- all of it --- */

/* Does the count agree, and does the archive begin where the file does? */
static ptm_rc judge_whole(struct ptmi_zip *zip, const struct ends *ends, struct ptm_err *err)
{
    struct ptmi_odd_list odds = ptmi_zip_odds(zip);
    uint64_t first = zip->directory;
    for (size_t i = 0; i < zip->n_members; i++)
        if (zip->members[i].local < first) first = zip->members[i].local;
    struct ptmi_odd count = {.what = PTMI_ODD_COUNT, .offset = ends->at};
    if (ends->n_members != zip->n_members)
        PTM_TRY(ptmi_odd_add(&odds, &count, err,
                             "the end record counts %" PRIu64 " members, the directory has %zu",
                             ends->n_members, zip->n_members));
    struct ptmi_odd leading = {.what = PTMI_ODD_LEADING, .offset = 0};
    if (first > 0)
        PTM_TRY(
            ptmi_odd_add(&odds, &leading, err, "%" PRIu64 " bytes before the first member", first));
    return PTM_OK;
}

bool ptmi_zip_is(const uint8_t *head, size_t len)
{
    return len >= 4 && (ptmi_le32(head) == PTMI_ZIP_SIG_LOCAL || ptmi_le32(head) == SIG_END);
}

void ptmi_zip_clear(struct ptmi_zip *zip)
{
    ptmi_arena_clear(&zip->arena);
    ptmi_source_unref(zip->source);
    *zip = (struct ptmi_zip){0};
}

ptm_rc ptmi_zip_read(ptmi_source *source, struct ptmi_zip *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_zip_clear)
    struct ptmi_zip zip = {.source = ptmi_source_ref(source),
                           .arena = PTMI_ARENA(PTM_LIMIT_WEIGHTS_MEMORY)};
    struct ends ends = {0};
    uint64_t shift = 0;
    PTM_TRY(read_ends(&zip, &ends, err));
    PTM_TRY(place_directory(&zip, &ends, &shift, err));
    PTM_TRY(read_members(&zip, shift, err));
    PTM_TRY(sort_names(&zip, err));
    PTM_TRY(judge_whole(&zip, &ends, err));
    *out = zip;
    zip = (struct ptmi_zip){0};
    return PTM_OK;
}

/* --- a member's bytes --- */

static void free_decompressor(struct libdeflate_decompressor **decompressor)
{
    if (*decompressor) libdeflate_free_decompressor(*decompressor);
}

static ptm_rc inflate_member(struct ptmi_zip *zip, const struct ptmi_zip_member *member,
                             const char *name, ptmi_source **out, struct ptm_err *err)
{
    const uint8_t *packed = NULL;
    PTM_TRY(ptmi_source_at(zip->source, member->data, member->packed, &packed, err));
    PTM_AUTO(ptmi_freep) void *data = malloc(member->size ? (size_t)member->size : 1);
    PTM_AUTO(free_decompressor)
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!data || !decompressor)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for %" PRIu64 " bytes", name,
                           member->size);
    size_t used = 0, made = 0;
    enum libdeflate_result result = libdeflate_deflate_decompress_ex(
        decompressor, packed, (size_t)member->packed, data, (size_t)member->size, &used, &made);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE ||
        (result == LIBDEFLATE_SUCCESS && made != member->size))
        return ptm_err_set(err, PTM_EFORMAT,
                           "%s: byte %" PRIu64 ": does not inflate to the %" PRIu64
                           " bytes that the directory declares",
                           name, member->data, member->size);
    if (result != LIBDEFLATE_SUCCESS)
        return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": damaged deflate data", name,
                           member->data);
    if (used < member->packed)
        PTM_TRY(
            ptmi_zip_note(zip, PTMI_ODD_GAP, member, "has bytes behind the end of its data", err));
    return ptmi_source_own(ptm_steal(&data), made, name, out, err);
}

static ptm_rc check_openable(const struct ptmi_zip_member *member, const char *name, uint64_t max,
                             struct ptm_err *err)
{
    const char *sizes = odd_sizes(member);
    bool known = member->method == PTMI_ZIP_STORED || member->method == PTMI_ZIP_DEFLATED;
    if (!known || !member->readable)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: %s; only members that are stored or deflated can be read", name,
                           known ? "says it is encrypted" : "compressed in another way");
    if (sizes) return ptm_err_set(err, PTM_EFORMAT, "%s: %s", name, sizes);
    if (member->method == PTMI_ZIP_DEFLATED && (member->size > max || member->size > SIZE_MAX))
        return ptm_err_set(err, PTM_ELIMIT,
                           "%s: unpacks to %" PRIu64 " bytes, more than the %" PRIu64
                           " allowed here",
                           name, member->size, max);
    return PTM_OK;
}

ptm_rc ptmi_zip_open(struct ptmi_zip *zip, struct ptmi_zip_member *member, uint64_t max,
                     ptmi_source **out, struct ptm_err *err)
{
    char printable[512];
    ptmi_str_printable(printable, sizeof printable, member->name);
    PTM_AUTO(ptmi_freep)
    char *name = ptmi_str_printf("%s: %s", ptmi_source_name(zip->source), printable);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", printable);
    PTM_TRY(check_openable(member, name, max, err));
    PTM_TRY(ptmi_zip_locate(zip, member, err));
    if (member->method == PTMI_ZIP_DEFLATED) return inflate_member(zip, member, name, out, err);
    return ptmi_source_part(zip->source, member->data, member->size, name, out, err);
}

uint32_t ptmi_zip_crc(uint32_t crc, const void *data, size_t len)
{
    return libdeflate_crc32(crc, data, len);
}
