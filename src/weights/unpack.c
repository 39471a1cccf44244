/* SPDX-License-Identifier: MIT */
/*
 * unpack.c - one compressed stream unpacked into memory. gzip and zlib go through libdeflate, which
 * is quick and checks their sums; the others through libarchive's filters, of which only the one
 * that the first bytes name is allowed, and never one that would start a program.
 *
 * The output grows by doubling up to its cap: a bomb costs the cap and no more.
 */
#include "unpack.h"

#include <errno.h>
#include <inttypes.h>
#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "../pack/archive_lazy.h"

/* The first allocation, before doubling. */
#define FIRST ((size_t)64 << 10)

/* --- kinds --- */

/* The first byte by itself, which nearly always says no, since all bytes of a scan are asked. */
static bool starts(const uint8_t *head, size_t len, const char *magic, size_t magic_len)
{
    return len >= magic_len && head[0] == (uint8_t)magic[0] && memcmp(head, magic, magic_len) == 0;
}

/* RFC 1950: deflate, a window of at most 32 KiB, no preset dictionary, a header checksum; then a
 * block of a type that there is. */
static bool is_zlib(const uint8_t *head, size_t len)
{
    return len >= 3 && (head[0] & 0x0f) == 8 && head[0] >> 4 <= 7 && !(head[1] & 0x20) &&
           (head[0] << 8 | head[1]) % 31 == 0 && (head[2] & 6) != 6;
}

/* The .lzma header has no magic number: 13 bytes of usual properties, a dictionary of a power of
 * two (or one and a half of it), a size that is unknown or below 256 GiB. As xz tells them. */
static bool is_lzma(const uint8_t *head, size_t len)
{
    if (len < 13 || head[0] != 0x5d) return false;
    uint32_t dictionary = ptmi_le32(head + 1);
    uint64_t size = ptmi_le64(head + 5);
    uint32_t low = dictionary & -dictionary, rest = dictionary ^ low;
    bool usual = dictionary != 0 && (rest == 0 || rest == 2 * (uint64_t)low);
    return usual && (size == UINT64_MAX || size < (uint64_t)1 << 38);
}

/* A block of bzip2, or its end: the digits of pi, or of its root. */
static bool is_bzip2_block(const uint8_t *head, size_t len)
{
    return len >= 10 && head[3] >= '1' && head[3] <= '9' &&
           (memcmp(head + 4, "\x31\x41\x59\x26\x53\x59", 6) == 0 ||
            memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

typedef enum libdeflate_result (*inflater)(struct libdeflate_decompressor *, const void *, size_t,
                                           void *, size_t, size_t *, size_t *);

/* One of filter and inflate is set. */
static const struct kind {
    const char *name;
    const char *magic;
    size_t magic_len;
    bool (*is)(const uint8_t *head, size_t len); /* NULL: the magic tells */
    int filter;                                  /* libarchive's code */
    inflater inflate;
} kinds[] = {
    {"gzip", "\x1f\x8b\x08", 3, NULL, 0, libdeflate_gzip_decompress_ex},
    {"bzip2", "BZh", 3, is_bzip2_block, ARCHIVE_FILTER_BZIP2, NULL},
    {"xz", "\xfd\x37zXZ\0", 6, NULL, ARCHIVE_FILTER_XZ, NULL},
    {"zstd", "\x28\xb5\x2f\xfd", 4, NULL, ARCHIVE_FILTER_ZSTD, NULL},
    {"lz4", "\x04\x22\x4d\x18", 4, NULL, ARCHIVE_FILTER_LZ4, NULL},
    {"lzma", NULL, 0, is_lzma, ARCHIVE_FILTER_LZMA, NULL},
    {"zlib", NULL, 0, is_zlib, 0, libdeflate_zlib_decompress_ex},
};

static bool is_kind(const struct kind *kind, const uint8_t *head, size_t len)
{
    if (kind->magic && !starts(head, len, kind->magic, kind->magic_len)) return false;
    return !kind->is || kind->is(head, len);
}

static const struct kind *find_kind(const uint8_t *head, size_t len)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (is_kind(&kinds[i], head, len)) return &kinds[i];
    return NULL;
}

const char *ptmi_unpack_kind(const uint8_t *head, size_t len)
{
    const struct kind *kind = find_kind(head, len);
    return kind ? kind->name : NULL;
}

/* --- the output --- */

struct output {
    const char *name; /* of the source */
    uint8_t *data;
    size_t len, cap;
    size_t max; /* what is allowed; there may be room for one byte more, which tells "too much" */
};

static void output_clear(struct output *output)
{
    free(output->data);
}

static ptm_rc too_much(const struct output *output, struct ptm_err *err)
{
    return ptm_err_set(err, PTM_ELIMIT, "%s: unpacks to more than the %zu bytes allowed here",
                       output->name, output->max);
}

/* Room for more bytes: twice as many as there were. */
static ptm_rc output_grow(struct output *output, struct ptm_err *err)
{
    size_t most = output->max + 1;
    if (output->cap >= most) return too_much(output, err);
    size_t cap = output->cap ? output->cap : FIRST / 2;
    cap = cap > most / 2 ? most : 2 * cap;
    uint8_t *data = realloc(output->data, cap);
    if (!data)
        return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory for %zu bytes", output->name, cap);
    output->data = data;
    output->cap = cap;
    return PTM_OK;
}

/* Zeros behind the end fill up the blocks of tapes; anything else is hidden data. */
static ptm_rc check_rest(const uint8_t *packed, size_t at, size_t len, const char *name,
                         struct ptm_err *err)
{
    for (; at < len; at++)
        if (packed[at] != 0)
            return ptm_err_set(err, PTM_EFORMAT,
                               "%s: byte %zu: data after the end of the compressed stream", name,
                               at);
    return PTM_OK;
}

/* --- gzip and zlib --- */

static void free_decompressor(struct libdeflate_decompressor **decompressor)
{
    if (*decompressor) libdeflate_free_decompressor(*decompressor);
}

/* One member at packed: libdeflate wants room for all of its output, so it is tried again with more
 * until that is there. */
static ptm_rc inflate_one(const struct kind *kind, struct libdeflate_decompressor *decompressor,
                          const uint8_t *packed, size_t *len, struct output *output,
                          struct ptm_err *err)
{
    for (;;) {
        size_t used = 0, made = 0;
        if (output->len == output->cap) PTM_TRY(output_grow(output, err));
        enum libdeflate_result result =
            kind->inflate(decompressor, packed, *len, output->data + output->len,
                          output->cap - output->len, &used, &made);
        if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
            PTM_TRY(output_grow(output, err));
            continue;
        }
        if (result != LIBDEFLATE_SUCCESS)
            return ptm_err_set(err, PTM_EFORMAT, "%s: a damaged %s stream", output->name,
                               kind->name);
        output->len += made;
        *len = used;
        return PTM_OK;
    }
}

/* gzip files are one or more members in a row; joblib reads zlib's so too. */
static ptm_rc unpack_inflated(const struct kind *kind, const uint8_t *packed, size_t len,
                              struct output *output, struct ptm_err *err)
{
    PTM_AUTO(free_decompressor)
    struct libdeflate_decompressor *decompressor = libdeflate_alloc_decompressor();
    if (!decompressor) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", output->name);
    size_t at = 0;
    do {
        size_t used = len - at;
        PTM_TRY(inflate_one(kind, decompressor, packed + at, &used, output, err));
        at += used;
    } while (at < len && is_kind(kind, packed + at, len - at));
    return check_rest(packed, at, len, output->name, err);
}

/* --- the others --- */

static void free_archive(struct archive **archive)
{
    if (*archive) archive_read_free(*archive);
}

static ptm_rc archive_failed(struct archive *archive, const char *name, struct ptm_err *err)
{
    const char *why = archive_error_string(archive);
    ptm_rc rc = archive_errno(archive) == ENOMEM ? PTM_ENOMEM : PTM_EFORMAT;
    return ptm_err_set(err, rc, "%s: cannot unpack: %s", name, why ? why : "damaged data");
}

static ptm_rc open_stream(struct archive *archive, const struct kind *kind, const uint8_t *packed,
                          size_t len, const char *name, struct ptm_err *err)
{
    /* Appended, so that it is not left out where the first bytes are few, nor used again on what
     * comes out. A warning means that a program would be started. */
    if (archive_read_support_format_raw(archive) != ARCHIVE_OK ||
        archive_read_append_filter(archive, kind->filter) != ARCHIVE_OK)
        return ptm_err_set(err, PTM_EUNSUPPORTED,
                           "%s: compressed by %s, which this build cannot unpack", name,
                           kind->name);
    if (archive_read_open_memory(archive, packed, len) != ARCHIVE_OK)
        return archive_failed(archive, name, err);
    return PTM_OK;
}

static ptm_rc unpack_stream(const struct kind *kind, const uint8_t *packed, size_t len,
                            struct output *output, struct ptm_err *err)
{
    struct archive_entry *entry = NULL;
    PTM_TRY(ptmi_archive_load(err));
    PTM_AUTO(free_archive) struct archive *archive = archive_read_new();
    if (!archive) return ptm_err_set(err, PTM_ENOMEM, "%s: out of memory", output->name);
    PTM_TRY(open_stream(archive, kind, packed, len, output->name, err));
    int status = archive_read_next_header(archive, &entry);
    /* An empty stream and one that is damaged from the start are one to libarchive. */
    if (status != ARCHIVE_OK)
        return ptm_err_set(err, PTM_EFORMAT, "%s: nothing in it, or damaged data", output->name);
    for (;;) {
        if (output->len == output->cap) PTM_TRY(output_grow(output, err));
        la_ssize_t got =
            archive_read_data(archive, output->data + output->len, output->cap - output->len);
        if (got < 0) return archive_failed(archive, output->name, err);
        if (got == 0) break;
        output->len += (size_t)got;
    }
    /* Of lz4 libarchive counts all that it was given: what follows such a stream is not seen. */
    int64_t used = archive_filter_bytes(archive, -1);
    return check_rest(packed, used > 0 ? (size_t)used : 0, len, output->name, err);
}

/* --- all of it --- */

ptm_rc ptmi_unpack_stream(ptmi_source *source, uint64_t max, ptmi_source **out, struct ptm_err *err)
{
    const uint8_t *packed = NULL;
    const char *name = ptmi_source_name(source);
    uint64_t len = ptmi_source_size(source);
    PTM_TRY(ptmi_source_at(source, 0, len, &packed, err));
    const struct kind *kind = find_kind(packed, (size_t)len);
    if (!kind) return ptm_err_set(err, PTM_EFORMAT, "%s: no compressed stream", name);
    PTM_AUTO(output_clear)
    struct output output = {.name = name, .max = max < SIZE_MAX - 1 ? (size_t)max : SIZE_MAX - 1};
    PTM_TRY(kind->filter ? unpack_stream(kind, packed, (size_t)len, &output, err)
                         : unpack_inflated(kind, packed, (size_t)len, &output, err));
    if (output.len > output.max) return too_much(&output, err);
    return ptmi_source_own(ptm_steal(&output.data), output.len, name, out, err);
}
