/* SPDX-License-Identifier: MIT */
/*
 * tardir.c - the members of a tar file, read strictly and in one pass over its headers.
 *
 *     block of 512 bytes: header | data, filled up to whole blocks | header | .. | two zero blocks
 *
 *       0 name 100      124 size 12       257 "ustar"      345 prefix 155
 *     100 mode 8        148 checksum 8    156 type 1
 *
 * Numbers are octal text, or, as GNU writes what does not fit, big-endian with the first bit set.
 * Before a member may stand: 'x' (PAX: "LEN key=value\n" lines; path and size count), 'L' (GNU: its
 * long name). 'g' is PAX for all that follow; 'K' is a long link target and of no use here; 'X' is
 * what Solaris wrote for 'x'. What readers take differently is refused: sparse members, two such
 * headers for one member, a size for all that follow (Python goes by it and steps by the header's).
 *
 * POSIX.1-2017, pax; GNU tar manual, "Basic Tar Format". An end without zero blocks is accepted, as
 * by all readers; one within a member's data is not.
 */
#include "tardir.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "../base/limits.h"
#include "../base/str.h"

#define BLOCK 512u
#define NAME 0
#define NAME_LEN 100
#define SIZE 124
#define SIZE_LEN 12
#define CHECKSUM 148
#define CHECKSUM_LEN 8
#define TYPE 156
#define MAGIC 257
#define PREFIX 345
#define PREFIX_LEN 155
/* A PAX header or long name: paths end at 4,096 bytes, and of the other keys some megabyte has
 * been seen (extended attributes). */
#define EXTENDED_MAX (4u << 20)

/* What is known of the next member before its header comes. */
struct pending {
    const char *path; /* in the arena */
    size_t path_len;
    bool has_size; /* never of 'g' */
    uint64_t size;
};

struct reader {
    struct ptmi_tar *tar;
    struct pending next;   /* of 'x' and 'L' */
    struct pending global; /* of 'g' */
    size_t cap;
    uint64_t at; /* of the header being read */
};

static ptm_rc no_memory(const struct reader *reader, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", ptmi_source_name(reader->tar->source));
}

static ptm_rc bad(const struct reader *reader, const char *what, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: byte %" PRIu64 ": %s",
                       ptmi_source_name(reader->tar->source), reader->at, what);
}

static ptm_rc unsupported(const struct reader *reader, const char *what, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSUPPORTED, "%s: byte %" PRIu64 ": %s",
                       ptmi_source_name(reader->tar->source), reader->at, what);
}

/* --- a header --- */

/* Octal digits with spaces or NULs around them. */
static bool octal(const uint8_t *p, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0, digits = 0;
    while (i < len && p[i] == ' ') i++;
    for (; i < len && p[i] >= '0' && p[i] <= '7'; i++, digits++) {
        if (value >> 61) return false;
        value = value << 3 | (uint64_t)(p[i] - '0');
    }
    for (; i < len; i++)
        if (p[i] != ' ' && p[i] != '\0') return false;
    *out = value;
    return digits > 0;
}

/* Octal, or base 256: negative and over-long values are none. */
static bool number(const uint8_t *p, size_t len, uint64_t *out)
{
    if (!(p[0] & 0x80)) return octal(p, len, out);
    uint64_t value = p[0] & 0x7f;
    for (size_t i = 1; i < len; i++) {
        if (value >> 55) return false;
        value = value << 8 | p[i];
    }
    *out = value;
    return true;
}

/* The checksum as Python's tarfile takes it, int(text, 8), and more leniently than that: what some
 * reader has for a tar file is one. */
static bool lenient_octal(const uint8_t *p, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    if (p[0] & 0x80) return number(p, len, out);
    for (size_t i = 0; i < len && p[i]; i++) {
        bool digit = p[i] >= '0' && p[i] <= '7';
        if (!digit && !strchr(" \t\n\v\f\r+_oO", p[i])) return false;
        if (digit) value = value << 3 | (uint64_t)(p[i] - '0');
    }
    *out = value;
    return true;
}

/* The sum of all bytes with the checksum's own taken for spaces; old writers took bytes for
 * signed. */
static bool checksum_holds(const uint8_t *p)
{
    uint64_t said = 0;
    int64_t plain = 0, with_sign = 0;
    if (!lenient_octal(p + CHECKSUM, CHECKSUM_LEN, &said)) return false;
    for (size_t i = 0; i < BLOCK; i++) {
        uint8_t byte = i >= CHECKSUM && i < CHECKSUM + CHECKSUM_LEN ? ' ' : p[i];
        plain += byte;
        with_sign += (int8_t)byte;
    }
    return (int64_t)said == plain || (int64_t)said == with_sign;
}

static bool is_zero(const uint8_t *p)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (p[i]) return false;
    return true;
}

bool ptmi_tar_is(const uint8_t *head, size_t len)
{
    return len >= BLOCK && !is_zero(head) && checksum_holds(head);
}

/* --- what stands before a member --- */

/* The digits of text, which is no longer than any number. */
static bool decimal(const char *text, size_t len, uint64_t *out)
{
    char copy[24];
    int64_t value = 0;
    if (len == 0 || len >= sizeof copy) return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    if (!ptmi_str_int(copy, 0, INT64_MAX, &value)) return false;
    *out = (uint64_t)value;
    return true;
}

static ptm_rc set_path(struct reader *reader, struct pending *to, const char *path, size_t len,
                       struct ptm_err *err)
{
    to->path = ptmi_arena_strndup(&reader->tar->arena, path, len);
    to->path_len = len;
    return to->path ? PTM_OK : no_memory(reader, err);
}

static ptm_rc take_pair(struct reader *reader, struct pending *to, const char *pair, size_t len,
                        struct ptm_err *err)
{
    const char *equals = memchr(pair, '=', len);
    if (!equals) return bad(reader, "a PAX record without '='", err);
    size_t key_len = (size_t)(equals - pair), value_len = len - key_len - 1;
    if (key_len >= 11 && memcmp(pair, "GNU.sparse.", 11) == 0)
        return unsupported(reader, "a sparse member", err);
    if (key_len == 4 && memcmp(pair, "path", 4) == 0)
        return set_path(reader, to, equals + 1, value_len, err);
    if (key_len != 4 || memcmp(pair, "size", 4) != 0) return PTM_OK;
    if (to == &reader->global) return bad(reader, "a PAX size for all members", err);
    to->has_size = decimal(equals + 1, value_len, &to->size);
    return to->has_size ? PTM_OK : bad(reader, "a PAX size that is no number", err);
}

/* "LEN key=value\n", LEN counting itself; the last of two records of one key counts. */
static ptm_rc read_pax(struct reader *reader, struct pending *to, const char *text, size_t len,
                       struct ptm_err *err)
{
    for (size_t at = 0; at < len;) {
        const char *line = text + at, *space = memchr(line, ' ', len - at);
        uint64_t whole = 0;
        size_t head = space ? (size_t)(space - line) + 1 : 0;
        if (!space || !decimal(line, head - 1, &whole) || whole <= head || whole > len - at ||
            line[whole - 1] != '\n')
            return bad(reader, "a damaged PAX record", err);
        PTM_TRY(take_pair(reader, to, line + head, (size_t)whole - head - 1, err));
        at += (size_t)whole;
    }
    return PTM_OK;
}

static ptm_rc read_extended(struct reader *reader, char type, uint64_t data, uint64_t size,
                            struct ptm_err *err)
{
    const uint8_t *p = NULL;
    if (size > EXTENDED_MAX)
        return ptm_err_set(err, PTM_ELIMIT,
                           "%s: byte %" PRIu64 ": an extended header of %" PRIu64 " bytes",
                           ptmi_source_name(reader->tar->source), reader->at, size);
    PTM_TRY(ptmi_source_at(reader->tar->source, data, size, &p, err));
    const char *text = (const char *)p;
    /* Of two in a row some readers take the first, some the last. */
    if (type != 'g' && type != 'K' && (reader->next.path || reader->next.has_size))
        return bad(reader, "two extended headers for one member", err);
    if (type == 'L') return set_path(reader, &reader->next, text, strnlen(text, (size_t)size), err);
    if (type == 'K') return PTM_OK;
    return read_pax(reader, type == 'g' ? &reader->global : &reader->next, text, (size_t)size, err);
}

/* --- members --- */

static ptm_rc grow(struct reader *reader, struct ptm_err *err)
{
    struct ptmi_tar *tar = reader->tar;
    if (tar->n_members >= PTM_LIMIT_TENSORS)
        return ptm_err_set(err, PTM_ELIMIT, "%s: more than %d members",
                           ptmi_source_name(tar->source), PTM_LIMIT_TENSORS);
    struct ptmi_tar_member *more =
        ptmi_arena_grown(&tar->arena, tar->members, tar->n_members, &reader->cap, sizeof *more);
    if (!more) return no_memory(reader, err);
    tar->members = more;
    return PTM_OK;
}

/* Of the header alone: prefix/name. */
static ptm_rc header_name(struct reader *reader, const uint8_t *p, struct pending *out,
                          struct ptm_err *err)
{
    char name[PREFIX_LEN + 1 + NAME_LEN];
    size_t len = 0;
    bool ustar = memcmp(p + MAGIC, "ustar", 6) == 0; /* GNU's has a space there, and no prefix */
    if (ustar && p[PREFIX]) {
        len = strnlen((const char *)p + PREFIX, PREFIX_LEN);
        memcpy(name, p + PREFIX, len);
        name[len++] = '/';
    }
    size_t own = strnlen((const char *)p + NAME, NAME_LEN);
    memcpy(name + len, p + NAME, own);
    return set_path(reader, out, name, len + own, err);
}

static struct ptmi_odd_list odds_of(struct ptmi_tar *tar)
{
    return (struct ptmi_odd_list){&tar->arena, &tar->odds, &tar->n_odds, &tar->odd_kinds};
}

static ptm_rc add_member(struct reader *reader, const uint8_t *p, char type, uint64_t size,
                         struct ptm_err *err)
{
    struct pending name = reader->next.path ? reader->next : reader->global;
    PTM_TRY(grow(reader, err));
    if (!name.path) PTM_TRY(header_name(reader, p, &name, err));
    struct ptmi_tar *tar = reader->tar;
    struct ptmi_tar_member *member = tar->members + tar->n_members++;
    *member = (struct ptmi_tar_member){
        .name = name.path, .type = type, .data = reader->at + BLOCK, .size = size};
    reader->next = (struct pending){0};
    const char *odd = ptmi_odd_name(name.path, name.path_len);
    bool slash = name.path_len > 0 && name.path[name.path_len - 1] == '/';
    if (!odd && slash && size > 0) odd = "is a folder that has bytes";
    if (!odd) return PTM_OK;
    struct ptmi_odd_list odds = odds_of(tar);
    struct ptmi_odd entry = {.what = PTMI_ODD_NAME, .offset = reader->at, .member = member->name};
    return ptmi_odd_add(&odds, &entry, err, "member '%.200s' %s", member->name, odd);
}

static bool is_extended(char type)
{
    return type == 'x' || type == 'X' || type == 'g' || type == 'L' || type == 'K';
}

/* Links, devices and folders have no data, whatever their size says. */
static bool has_data(char type)
{
    return type < '1' || type > '6';
}

/* Before types there were folders already: by a slash at the end. */
static char type_of(const uint8_t *p)
{
    size_t len = strnlen((const char *)p + NAME, NAME_LEN);
    if (p[TYPE]) return (char)p[TYPE];
    return len > 0 && p[NAME + len - 1] == '/' ? '5' : '0';
}

/* The header at reader->at; moves past it and its data. */
static ptm_rc read_entry(struct reader *reader, const uint8_t *p, struct ptm_err *err)
{
    uint64_t total = ptmi_source_size(reader->tar->source), size = 0;
    char type = type_of(p);
    if (!checksum_holds(p)) return bad(reader, "not a header of a tar file", err);
    if (type == 'S') return unsupported(reader, "a sparse member", err);
    if (!number(p + SIZE, SIZE_LEN, &size)) return bad(reader, "a size that is no number", err);
    bool extended = is_extended(type);
    if (!extended && reader->next.has_size) size = reader->next.size;
    if (!has_data(type)) size = 0;
    uint64_t data = reader->at + BLOCK;
    if (size > total - data) return bad(reader, "the file ends within this member", err);
    if (extended)
        PTM_TRY(read_extended(reader, type, data, size, err));
    else
        PTM_TRY(add_member(reader, p, type, size, err));
    uint64_t filled = (size + BLOCK - 1) / BLOCK * BLOCK;
    reader->at = filled > total - data ? total : data + filled;
    return PTM_OK;
}

/* Behind the zero block at `at` there is to be nothing but zeros. */
static ptm_rc judge_rest(struct reader *reader, struct ptm_err *err)
{
    struct ptmi_tar *tar = reader->tar;
    uint64_t total = ptmi_source_size(tar->source);
    for (uint64_t at = reader->at; at < total;) {
        uint64_t len = total - at < ((uint64_t)1 << 20) ? total - at : (uint64_t)1 << 20, i = 0;
        const uint8_t *p = NULL;
        PTM_TRY(ptmi_source_at(tar->source, at, len, &p, err));
        while (i < len && p[i] == 0) i++;
        if (i < len) {
            struct ptmi_odd_list odds = odds_of(tar);
            struct ptmi_odd odd = {.what = PTMI_ODD_TRAILING, .offset = at + i};
            return ptmi_odd_add(&odds, &odd, err, "data after the end of the archive");
        }
        at += len;
    }
    return PTM_OK;
}

static ptm_rc read_all(struct reader *reader, struct ptm_err *err)
{
    uint64_t total = ptmi_source_size(reader->tar->source);
    while (reader->at < total) {
        const uint8_t *p = NULL;
        if (total - reader->at < BLOCK) break;
        PTM_TRY(ptmi_source_at(reader->tar->source, reader->at, BLOCK, &p, err));
        if (is_zero(p)) break;
        PTM_TRY(read_entry(reader, p, err));
    }
    if (reader->tar->n_members == 0) return bad(reader, "a tar file without members", err);
    return judge_rest(reader, err);
}

/* --- names --- */

static int by_name(const void *a, const void *b)
{
    const struct ptmi_tar_member *left = *(struct ptmi_tar_member *const *)a;
    const struct ptmi_tar_member *right = *(struct ptmi_tar_member *const *)b;
    int order = strcasecmp(left->name, right->name);
    return order ? order : (left > right) - (left < right);
}

static ptm_rc judge_names(struct reader *reader, struct ptm_err *err)
{
    struct ptmi_tar *tar = reader->tar;
    size_t n = tar->n_members;
    PTM_AUTO(ptmi_freep) struct ptmi_tar_member **sorted = calloc(n, sizeof *sorted);
    if (!sorted) return no_memory(reader, err);
    for (size_t i = 0; i < n; i++) sorted[i] = tar->members + i;
    qsort(sorted, n, sizeof *sorted, by_name);
    struct ptmi_odd_list odds = odds_of(tar);
    for (size_t i = 1; i < n; i++) {
        if (strcasecmp(sorted[i - 1]->name, sorted[i]->name) != 0) continue;
        struct ptmi_odd odd = {.what = PTMI_ODD_DUPLICATE,
                               .offset = sorted[i]->data - BLOCK,
                               .member = sorted[i]->name};
        PTM_TRY(ptmi_odd_add(&odds, &odd, err,
                             "member '%.200s' has the name of another one, letter case aside",
                             sorted[i]->name));
    }
    return PTM_OK;
}

/* --- all of it --- */

void ptmi_tar_clear(struct ptmi_tar *tar)
{
    ptmi_arena_clear(&tar->arena);
    ptmi_source_unref(tar->source);
    *tar = (struct ptmi_tar){0};
}

ptm_rc ptmi_tar_read(ptmi_source *source, struct ptmi_tar *out, struct ptm_err *err)
{
    PTM_AUTO(ptmi_tar_clear)
    struct ptmi_tar tar = {.source = ptmi_source_ref(source),
                           .arena = PTMI_ARENA(PTM_LIMIT_WEIGHTS_MEMORY)};
    struct reader reader = {.tar = &tar};
    PTM_TRY(read_all(&reader, err));
    PTM_TRY(judge_names(&reader, err));
    *out = tar;
    tar = (struct ptmi_tar){0};
    return PTM_OK;
}

struct ptmi_tar_member *ptmi_tar_find(const struct ptmi_tar *tar, const char *name)
{
    for (size_t i = tar->n_members; i > 0; i--)
        if (strcmp(tar->members[i - 1].name, name) == 0) return tar->members + i - 1;
    return NULL;
}

ptm_rc ptmi_tar_open(struct ptmi_tar *tar, const struct ptmi_tar_member *member, ptmi_source **out,
                     struct ptm_err *err)
{
    char printable[512];
    ptmi_str_printable(printable, sizeof printable, member->name);
    PTM_AUTO(ptmi_freep)
    char *name = ptmi_str_printf("%s: %s", ptmi_source_name(tar->source), printable);
    if (!name) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", printable);
    return ptmi_source_part(tar->source, member->data, member->size, name, out, err);
}
