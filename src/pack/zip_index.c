/* SPDX-License-Identifier: MIT */
/*
 * zip_index.c - the directory of a zip archive that is to be unpacked: end records, central
 * headers, local headers. Strict, since what `git archive` writes is plain: no data before the
 * first or after the last byte, stored or deflated entries, one name for each.
 *
 *     local header (30 bytes), name, extra, data      for each entry
 *     central header (46 bytes), name, extra, comment for each entry
 *     [ZIP64 end record, locator] end record, comment
 *
 * libarchive reads the data; it finds its directory by the same records in the same last 16 KiB,
 * and goes through it in the order of the local headers. weights/zipdir.c is the reader for
 * checkpoints, which must understand what other programs make of odd files.
 *
 * APPNOTE.TXT 6.3.10, section 4.3.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/auto.h"
#include "../base/bytes.h"
#include "../base/grow.h"
#include "../base/limits.h"
#include "../base/path.h"
#include "../base/str.h"
#include "extract_priv.h"

#define SIG_LOCAL 0x04034b50u
#define SIG_CENTRAL 0x02014b50u
#define SIG_END 0x06054b50u
#define SIG_END64 0x06064b50u
#define SIG_LOCATOR 0x07064b50u
#define LOCAL_SIZE 30u
#define CENTRAL_SIZE 46u
#define END_SIZE 22u
#define END64_SIZE 56u
#define LOCATOR_SIZE 20u
/* Where libarchive looks for the end record: comments are shorter than this. */
#define TAIL_SIZE 16384u
/* Flags: encrypted, strongly encrypted, directory encrypted. */
#define FLAGS_ENCRYPTED 0x2041u
#define MADE_BY_UNIX 3
/* Bytes of a name that a message has room for. */
#define SHOWN 200

/* --- errors --- */

static PTM_MUST_USE ptm_rc damaged(const struct ptmi_zip_index *index, const char *why,
                                   struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EFORMAT, "%s: not a whole zip archive: %s", index->archive, why);
}

ptm_rc ptmi_zip_refuse(const struct ptmi_zip_index *index, const char *name, const char *why,
                       struct ptm_err *err)
{
    return ptm_err_set(err, PTM_EUNSAFE, "%s: entry \"%.*s\" %s: the archive is refused",
                       index->archive, SHOWN, name, why);
}

static ptm_rc read_at(int fd, const struct ptmi_zip_index *index, uint64_t at, void *out,
                      size_t len, struct ptm_err *err)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = pread(fd, (char *)out + done, len - done, (off_t)(at + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return ptm_err_sys(err, errno, "%s: cannot read", index->archive);
        if (n == 0) return damaged(index, "it ends early", err);
        done += (size_t)n;
    }
    return PTM_OK;
}

/* --- end records --- */

struct ends {
    uint64_t first; /* the first end record: where the directory ends */
    uint64_t n, size, offset;
};

static void take_comment(struct ptmi_zip_index *index, const uint8_t *comment, size_t len)
{
    char text[41] = "";
    if (len != 40) return;
    memcpy(text, comment, 40);
    if (ptmi_str_is_hex(text, 40)) memcpy(index->commit, text, sizeof text);
}

/* The end record within the last bytes of the file, which its comment fills up. NULL: none. */
static const uint8_t *find_end(const uint8_t *tail, size_t len)
{
    for (size_t at = len - END_SIZE + 1; at-- > 0;)
        if (ptmi_le32(tail + at) == SIG_END)
            return at + END_SIZE + ptmi_le16(tail + at + 20) == len ? tail + at : NULL;
    return NULL;
}

static ptm_rc read_end64(int fd, const struct ptmi_zip_index *index, uint64_t locator,
                         struct ends *ends, struct ptm_err *err)
{
    uint8_t record[END64_SIZE], where[LOCATOR_SIZE];
    PTM_TRY(read_at(fd, index, locator, where, sizeof where, err));
    ends->first = ptmi_le64(where + 8);
    if (locator < END64_SIZE || ends->first != locator - END64_SIZE)
        return damaged(index, "its ZIP64 record is not where it should be", err);
    PTM_TRY(read_at(fd, index, ends->first, record, sizeof record, err));
    if (ptmi_le32(record) != SIG_END64 || ptmi_le32(record + 16) != 0 ||
        ptmi_le64(record + 24) != ptmi_le64(record + 32))
        return damaged(index, "its ZIP64 record is wrong", err);
    ends->n = ptmi_le64(record + 32);
    ends->size = ptmi_le64(record + 40);
    ends->offset = ptmi_le64(record + 48);
    return PTM_OK;
}

static ptm_rc read_ends(int fd, uint64_t file_size, struct ptmi_zip_index *index, struct ends *ends,
                        struct ptm_err *err)
{
    uint8_t tail[TAIL_SIZE];
    size_t len = file_size < TAIL_SIZE ? (size_t)file_size : TAIL_SIZE;
    if (len < END_SIZE) return damaged(index, "it is too short", err);
    PTM_TRY(read_at(fd, index, file_size - len, tail, len, err));
    const uint8_t *end = find_end(tail, len);
    if (!end) return damaged(index, "it has no end record", err);
    if (ptmi_le16(end + 4) != ptmi_le16(end + 6) || ptmi_le16(end + 8) != ptmi_le16(end + 10))
        return damaged(index, "it is split over several files", err);
    take_comment(index, end + END_SIZE, ptmi_le16(end + 20));
    ends->first = file_size - len + (uint64_t)(end - tail);
    ends->n = ptmi_le16(end + 10);
    ends->size = ptmi_le32(end + 12);
    ends->offset = ptmi_le32(end + 16);
    if (end - tail >= LOCATOR_SIZE && ptmi_le32(end - LOCATOR_SIZE) == SIG_LOCATOR)
        PTM_TRY(read_end64(fd, index, ends->first - LOCATOR_SIZE, ends, err));
    if (ends->size > ends->first || ends->offset != ends->first - ends->size)
        return damaged(index, "its directory is not where the end record says", err);
    return PTM_OK;
}

static ptm_rc too_many(const struct ptmi_zip_index *index, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, "%s: holds more than the %" PRId64 " entries allowed here",
                       index->archive, index->max_entries);
}

static ptm_rc check_ends(const struct ptmi_zip_index *index, const struct ends *ends,
                         struct ptm_err *err)
{
    if (ends->n > (uint64_t)index->max_entries) return too_many(index, err);
    if (ends->size > PTM_LIMIT_EXTRACT_DIRECTORY)
        return ptm_err_set(err, PTM_ELIMIT, "%s: its directory has %" PRIu64 " bytes, more than %u",
                           index->archive, ends->size, PTM_LIMIT_EXTRACT_DIRECTORY);
    return PTM_OK;
}

/* --- names --- */

/* In any part: the first ones may be left out when it is unpacked. */
static bool has_drive(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        char letter = (char)(part[0] | 0x20);
        if (letter >= 'a' && letter <= 'z' && part[1] == ':') return true;
    }
    return false;
}

/* name: NUL-terminated after len bytes, any of which may be NUL, too. The slash of a folder is
 * taken off. */
static ptm_rc check_name(const struct ptmi_zip_index *index, char *name, size_t len,
                         bool *out_folder, struct ptm_err *err)
{
    struct ptm_err why = {0};
    if (len == 0) return ptmi_zip_refuse(index, "", "has no name", err);
    if (strlen(name) != len) return ptmi_zip_refuse(index, name, "has a NUL byte in its name", err);
    if (name[0] == '/') return ptmi_zip_refuse(index, name, "has an absolute path", err);
    if (has_drive(name)) return ptmi_zip_refuse(index, name, "has a drive letter in its path", err);
    if (strchr(name, '\\')) return ptmi_zip_refuse(index, name, "has a backslash in its path", err);
    *out_folder = name[len - 1] == '/';
    if (*out_folder) name[len - 1] = '\0';
    if (ptmi_path_check_relative(name, &why) == PTM_OK) return PTM_OK;
    return ptm_err_set(err, PTM_EUNSAFE, "%s: %s: the archive is refused", index->archive, why.msg);
}

/* --- central headers --- */

/* Fields of 32 bits that are full stand in the ZIP64 field, in this order. */
static bool take_zip64(const uint8_t *extra, size_t len, uint64_t *const fields[3])
{
    size_t at = 0, field = 0;
    while (len - at >= 4 && ptmi_le16(extra + at) != 1) {
        size_t step = 4 + (size_t)ptmi_le16(extra + at + 2);
        if (step > len - at) return false;
        at += step;
    }
    bool there = len - at >= 4 && ptmi_le16(extra + at + 2) <= len - at - 4;
    size_t left = there ? ptmi_le16(extra + at + 2) : 0;
    for (at += 4; field < 3; field++) {
        if (*fields[field] != UINT32_MAX) continue;
        if (left < 8) return false;
        *fields[field] = ptmi_le64(extra + at);
        at += 8;
        left -= 8;
    }
    return true;
}

static ptm_rc take_kind(const struct ptmi_zip_index *index, const uint8_t *header, bool folder,
                        struct ptmi_zip_entry *entry, struct ptm_err *err)
{
    /* Other systems have no such thing as a mode; `git archive` writes plain files as of DOS. */
    mode_t mode = header[5] == MADE_BY_UNIX ? (mode_t)(ptmi_le32(header + 38) >> 16) : 0;
    bool has_type = (mode & S_IFMT) != 0;
    entry->kind = folder ? PTMI_ENTRY_FOLDER : PTMI_ENTRY_FILE;
    entry->executable = !folder && (mode & S_IXUSR) != 0;
    if (has_type && S_ISLNK(mode) && !folder)
        entry->kind = PTMI_ENTRY_LINK;
    else if (has_type && !S_ISREG(mode) && !S_ISDIR(mode))
        return ptmi_zip_refuse(index, entry->name, "is a device, pipe or socket", err);
    else if (has_type && S_ISDIR(mode) != folder)
        return ptmi_zip_refuse(index, entry->name, "is a file by its name or mode, not by both",
                               err);
    return PTM_OK;
}

static ptm_rc take_size(struct ptmi_zip_index *index, const struct ptmi_zip_entry *entry,
                        struct ptm_err *err)
{
    if (entry->size >= 0 && entry->size <= index->max_bytes - index->bytes) {
        index->bytes += entry->size;
        return PTM_OK;
    }
    return ptm_err_set(err, PTM_ELIMIT,
                       "%s: entry \"%.*s\" has %" PRId64
                       " bytes: all together would be more than the %" PRId64 " allowed here",
                       index->archive, SHOWN, entry->name, entry->size, index->max_bytes);
}

static ptm_rc take_entry(struct ptmi_zip_index *index, uint8_t *header, size_t name_len,
                         struct ptmi_zip_entry *entry, struct ptm_err *err)
{
    bool folder = false;
    unsigned flags = ptmi_le16(header + 8), method = ptmi_le16(header + 10);
    size_t extra_len = ptmi_le16(header + 30);
    uint64_t packed = ptmi_le32(header + 20), size = ptmi_le32(header + 24);
    uint64_t local = ptmi_le32(header + 42);
    bool whole = take_zip64(header + CENTRAL_SIZE + name_len, extra_len,
                            (uint64_t *const[]){&size, &packed, &local});
    /* One byte down, over the last field of the header, so that there is room for a NUL. */
    char *name = (char *)header + CENTRAL_SIZE - 1;
    memmove(name, name + 1, name_len);
    name[name_len] = '\0';
    *entry = (struct ptmi_zip_entry){
        .name = name, .local = local, .packed = packed, .method = (uint16_t)method};
    PTM_TRY(check_name(index, name, name_len, &folder, err));
    if (!whole) return ptmi_zip_refuse(index, name, "has fields of ZIP64 that are cut short", err);
    if (flags & FLAGS_ENCRYPTED) return ptmi_zip_refuse(index, name, "is encrypted", err);
    if (method != 0 && method != 8)
        return ptmi_zip_refuse(index, name, "is neither stored nor deflated", err);
    entry->size = size <= INT64_MAX ? (int64_t)size : -1;
    PTM_TRY(take_kind(index, header, folder, entry, err));
    return take_size(index, entry, err);
}

static ptm_rc add_entry(struct ptmi_zip_index *index, uint8_t *header, size_t name_len,
                        struct ptm_err *err)
{
    if (index->n >= (size_t)index->max_entries) return too_many(index, err);
    struct ptmi_zip_entry *more = ptmi_grown(index->entries, index->n, &index->cap, sizeof *more);
    if (!more) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", index->archive);
    index->entries = more;
    PTM_TRY(take_entry(index, header, name_len, &more[index->n], err));
    index->n++;
    return PTM_OK;
}

static ptm_rc walk_directory(struct ptmi_zip_index *index, const struct ends *ends,
                             struct ptm_err *err)
{
    size_t size = (size_t)ends->size;
    for (size_t at = 0; at < size;) {
        uint8_t *header = index->directory + at;
        if (size - at < CENTRAL_SIZE || ptmi_le32(header) != SIG_CENTRAL)
            return damaged(index, "its directory is damaged", err);
        size_t name_len = ptmi_le16(header + 28);
        size_t all = CENTRAL_SIZE + name_len + ptmi_le16(header + 30) + ptmi_le16(header + 32);
        if (all > size - at) return damaged(index, "its directory is cut short", err);
        PTM_TRY(add_entry(index, header, name_len, err));
        at += all;
    }
    return index->n == ends->n ? PTM_OK : damaged(index, "its directory miscounts", err);
}

static int by_local(const void *a, const void *b)
{
    const struct ptmi_zip_entry *x = a, *y = b;
    return (x->local > y->local) - (x->local < y->local);
}

/* Bombs let many entries share their data. */
static ptm_rc check_overlap(const struct ptmi_zip_index *index, uint64_t directory,
                            struct ptm_err *err)
{
    for (size_t i = 0; i < index->n; i++) {
        const struct ptmi_zip_entry *entry = &index->entries[i];
        uint64_t next = i + 1 < index->n ? entry[1].local : directory;
        uint64_t least = LOCAL_SIZE + strlen(entry->name);
        if (entry->local > next || next - entry->local < least ||
            next - entry->local - least < entry->packed)
            return ptmi_zip_refuse(index, entry->name, "shares its bytes with others", err);
    }
    return PTM_OK;
}

/* --- all of it --- */

void ptmi_zip_index_clear(struct ptmi_zip_index *index)
{
    free(index->directory);
    free(index->entries);
    index->directory = NULL;
    index->entries = NULL;
    index->n = index->cap = 0;
}

ptm_rc ptmi_zip_index_read(int fd, struct ptmi_zip_index *index, struct ptm_err *err)
{
    struct ends ends = {0};
    struct stat st;
    if (fstat(fd, &st) != 0) return ptm_err_sys(err, errno, "%s: cannot read", index->archive);
    if (!S_ISREG(st.st_mode)) return damaged(index, "it is no regular file", err);
    PTM_TRY(read_ends(fd, (uint64_t)st.st_size, index, &ends, err));
    PTM_TRY(check_ends(index, &ends, err));
    index->directory = malloc((size_t)ends.size + 1);
    if (!index->directory)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for its directory", index->archive);
    PTM_TRY(read_at(fd, index, ends.offset, index->directory, (size_t)ends.size, err));
    PTM_TRY(walk_directory(index, &ends, err));
    if (index->n == 0) return damaged(index, "nothing is in it", err);
    qsort(index->entries, index->n, sizeof *index->entries, by_local);
    if (index->entries[0].local != 0)
        return damaged(index, "something stands before its first entry", err);
    return check_overlap(index, ends.offset, err);
}

ptm_rc ptmi_zip_index_check_local(int fd, const struct ptmi_zip_index *index,
                                  const struct ptmi_zip_entry *entry, struct ptm_err *err)
{
    uint8_t header[LOCAL_SIZE + PTM_LIMIT_PATH + 1];
    size_t len = strlen(entry->name);
    bool folder = entry->kind == PTMI_ENTRY_FOLDER;
    PTM_TRY(read_at(fd, index, entry->local, header, LOCAL_SIZE + len + folder, err));
    if (ptmi_le32(header) != SIG_LOCAL)
        return ptm_err_set(err, PTM_EFORMAT, "%s: entry \"%s\": its header is damaged",
                           index->archive, entry->name);
    if (ptmi_le16(header + 26) != len + folder ||
        memcmp(header + LOCAL_SIZE, entry->name, len) != 0 ||
        (folder && header[LOCAL_SIZE + len] != '/'))
        return ptmi_zip_refuse(index, entry->name, "has another name in its own header", err);
    if (ptmi_le16(header + 8) != entry->method || (ptmi_le16(header + 6) & FLAGS_ENCRYPTED))
        return ptmi_zip_refuse(index, entry->name, "is packed otherwise by its own header", err);
    return PTM_OK;
}
