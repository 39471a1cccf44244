/* SPDX-License-Identifier: MIT */
/*
 * zip_build.h - zip files for tests, with every lie a test wants: what the local header says, what
 * the directory says, and what is really there are told apart. Include after cmocka.h.
 *
 *     struct zip_build zip = {0};
 *     zip_add(&zip, &(struct zip_spec){.name = "a/data.pkl", .data = "..", .len = 2});
 *     zip_end(&zip, &(struct zip_end){0});
 *     ... zip.data, zip.len ...
 *     zip_free(&zip);
 *
 * With .torch members look like those of torch.save: flags 0x0808, a descriptor, sizes of zero in
 * the local header, data at multiples of 64.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>

#define ZIP_BUILD_MEMBERS 64

/* Zero is "as it should be". */
struct zip_spec {
    const char *name;
    const void *data;
    size_t len;
    bool deflate;
    bool torch;
    bool zip64;             /* sizes and offset in ZIP64 fields */
    uint16_t flags;         /* in both headers */
    int descriptor;         /* length: 12 or 20 without signature, 16 or 24 with it */
    size_t name_len;        /* of a name with NUL bytes */
    const char *local_name; /* another name in the local header */
    uint16_t local_flags;   /* flipped in the local header */
    uint16_t central_flags; /* flipped in the directory */
    uint32_t local_crc;     /* these are added to what is true */
    uint32_t central_crc;
    uint32_t local_size;
    uint32_t descriptor_crc;
    int64_t central_size; /* unpacked */
    int64_t central_packed;
    int64_t central_offset;
    uint16_t method; /* another method in both headers; the data stays as it is */
    uint16_t central_disk;
    uint32_t mode;     /* of Unix, with its type; 0: made by DOS */
    const void *extra; /* into the directory */
    size_t extra_len;
    const void *tail; /* after the packed data and counted to it */
    size_t tail_len;
    bool unlisted; /* not in the directory */
};

struct zip_entry {
    struct zip_spec spec;
    uint64_t local, packed;
    uint32_t crc;
    uint16_t method, flags;
};

struct zip_build {
    uint8_t *data;
    size_t len, cap;
    uint64_t base; /* offsets are counted from here: set it after leading data */
    struct zip_entry entries[ZIP_BUILD_MEMBERS];
    size_t n;
};

struct zip_end {
    bool zip64;
    const char *comment;
    int count; /* these are added to what is true */
    int64_t size, offset;
    int64_t count64, size64, offset64;
    int64_t locator;
    int64_t comment_len;
    uint16_t disk;
    size_t gap; /* bytes between directory and end records */
};

static inline void zip_raw(struct zip_build *zip, const void *data, size_t len)
{
    if (len > zip->cap - zip->len) {
        zip->cap = 2 * (zip->cap + len);
        zip->data = realloc(zip->data, zip->cap);
        assert_non_null(zip->data);
    }
    if (len > 0) memcpy(zip->data + zip->len, data, len);
    zip->len += len;
}

/* An integer of that many bytes. */
static inline void zip_int(struct zip_build *zip, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        uint8_t byte = (uint8_t)(value >> (8 * i));
        zip_raw(zip, &byte, 1);
    }
}

static inline void zip_free(struct zip_build *zip)
{
    free(zip->data);
    *zip = (struct zip_build){0};
}

/* The member's bytes as they stand in the file; malloc'ed. */
static inline uint8_t *zip_pack(const struct zip_spec *spec, size_t *out_len)
{
    size_t cap = 2 * spec->len + 64;
    uint8_t *packed = malloc(cap + spec->tail_len);
    assert_non_null(packed);
    *out_len = spec->len;
    if (!spec->deflate && spec->len > 0) memcpy(packed, spec->data, spec->len);
    if (spec->deflate) {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
        assert_non_null(c);
        *out_len =
            libdeflate_deflate_compress(c, spec->data ? spec->data : "", spec->len, packed, cap);
        libdeflate_free_compressor(c);
    }
    if (spec->tail_len > 0) memcpy(packed + *out_len, spec->tail, spec->tail_len);
    *out_len += spec->tail_len;
    return packed;
}

static inline void zip_zip64_field(struct zip_build *zip, uint64_t size, uint64_t packed,
                                   const uint64_t *offset)
{
    zip_int(zip, 1, 2);
    zip_int(zip, offset ? 24 : 16, 2);
    zip_int(zip, size, 8);
    zip_int(zip, packed, 8);
    if (offset) zip_int(zip, *offset, 8);
}

static inline void zip_local(struct zip_build *zip, const struct zip_entry *entry)
{
    const struct zip_spec *spec = &entry->spec;
    const char *name = spec->local_name ? spec->local_name : spec->name;
    size_t name_len = spec->local_name || !spec->name_len ? strlen(name) : spec->name_len;
    uint16_t flags = entry->flags ^ spec->local_flags;
    bool blank = flags & 8;
    uint64_t start = zip->len + 30 + name_len + 4;
    size_t fill = spec->torch ? (size_t)((64 - start % 64) % 64) : 0;
    zip_int(zip, 0x04034b50, 4);
    zip_int(zip, spec->torch ? 0 : 20, 2);
    zip_int(zip, flags, 2);
    zip_int(zip, entry->method, 2);
    zip_int(zip, 0, 4);
    zip_int(zip, blank ? spec->local_crc : entry->crc + spec->local_crc, 4);
    zip_int(zip, spec->zip64 ? UINT32_MAX : blank ? 0 : entry->packed, 4);
    zip_int(zip,
            spec->zip64 ? UINT32_MAX
            : blank     ? spec->local_size
                        : spec->len + spec->local_size,
            4);
    zip_int(zip, name_len, 2);
    zip_int(zip, spec->torch ? 4 + fill : spec->zip64 ? 20 : 0, 2);
    zip_raw(zip, name, name_len);
    if (spec->torch) {
        zip_raw(zip, "FB", 2);
        zip_int(zip, fill, 2);
        while (fill-- > 0) zip_raw(zip, "Z", 1);
    } else if (spec->zip64) {
        zip_zip64_field(zip, blank ? 0 : spec->len + spec->local_size, blank ? 0 : entry->packed,
                        NULL);
    }
}

static inline void zip_descriptor(struct zip_build *zip, const struct zip_entry *entry)
{
    const struct zip_spec *spec = &entry->spec;
    int len = spec->torch && spec->len > 0 && !spec->descriptor ? 16 : spec->descriptor;
    if (len == 0) return;
    if (len == 16 || len == 24) zip_int(zip, 0x08074b50, 4);
    zip_int(zip, entry->crc + spec->descriptor_crc, 4);
    zip_int(zip, entry->packed, len >= 20 ? 8 : 4);
    zip_int(zip, spec->len, len >= 20 ? 8 : 4);
}

static inline void zip_add(struct zip_build *zip, const struct zip_spec *spec)
{
    assert_true(zip->n < ZIP_BUILD_MEMBERS);
    size_t packed_len = 0;
    uint8_t *packed = zip_pack(spec, &packed_len);
    struct zip_entry *entry = &zip->entries[zip->n];
    *entry = (struct zip_entry){.spec = *spec,
                                .local = zip->len - zip->base,
                                .packed = packed_len,
                                .crc = libdeflate_crc32(0, spec->data ? spec->data : "", spec->len),
                                .method =
                                    spec->method ? spec->method : (uint16_t)(spec->deflate ? 8 : 0),
                                .flags = spec->flags};
    if (spec->torch) entry->flags |= spec->len > 0 ? 0x0808 : 0x0800;
    if (spec->descriptor) entry->flags |= 8;
    zip_local(zip, entry);
    zip_raw(zip, packed, packed_len);
    zip_descriptor(zip, entry);
    free(packed);
    if (!spec->unlisted) zip->n++;
}

static inline void zip_central(struct zip_build *zip, const struct zip_entry *entry)
{
    const struct zip_spec *spec = &entry->spec;
    size_t name_len = spec->name_len ? spec->name_len : strlen(spec->name);
    uint64_t size = spec->len + (uint64_t)spec->central_size;
    uint64_t packed = entry->packed + (uint64_t)spec->central_packed;
    uint64_t local = entry->local + (uint64_t)spec->central_offset;
    zip_int(zip, 0x02014b50, 4);
    zip_int(zip, spec->mode ? 0x0300 : 0, 2);
    zip_int(zip, 0, 2);
    zip_int(zip, entry->flags ^ spec->central_flags, 2);
    zip_int(zip, entry->method, 2);
    zip_int(zip, 0, 4);
    zip_int(zip, entry->crc + spec->central_crc, 4);
    zip_int(zip, spec->zip64 ? UINT32_MAX : packed, 4);
    zip_int(zip, spec->zip64 ? UINT32_MAX : size, 4);
    zip_int(zip, name_len, 2);
    zip_int(zip, spec->extra_len + (spec->zip64 ? 28 : 0), 2);
    zip_int(zip, 0, 2);
    zip_int(zip, spec->central_disk, 2);
    zip_int(zip, 0, 2);
    zip_int(zip, (uint64_t)spec->mode << 16, 4);
    zip_int(zip, spec->zip64 ? UINT32_MAX : local, 4);
    zip_raw(zip, spec->name, name_len);
    if (spec->zip64) zip_zip64_field(zip, size, packed, &local);
    zip_raw(zip, spec->extra, spec->extra_len);
}

static inline void zip_end64(struct zip_build *zip, const struct zip_end *end, uint64_t size,
                             uint64_t offset)
{
    uint64_t at = zip->len - zip->base, n = zip->n + (uint64_t)end->count64;
    zip_int(zip, 0x06064b50, 4);
    zip_int(zip, 44, 8);
    zip_int(zip, 798, 2);
    zip_int(zip, 45, 2);
    zip_int(zip, 0, 8);
    zip_int(zip, n, 8);
    zip_int(zip, n, 8);
    zip_int(zip, size + (uint64_t)end->size64, 8);
    zip_int(zip, offset + (uint64_t)end->offset64, 8);
    zip_int(zip, 0x07064b50, 4);
    zip_int(zip, 0, 4);
    zip_int(zip, at + (uint64_t)end->locator, 8);
    zip_int(zip, 1, 4);
}

static inline void zip_end(struct zip_build *zip, const struct zip_end *end)
{
    uint64_t offset = zip->len - zip->base;
    const char *comment = end->comment ? end->comment : "";
    for (size_t i = 0; i < zip->n; i++) zip_central(zip, &zip->entries[i]);
    uint64_t size = zip->len - zip->base - offset;
    for (size_t i = 0; i < end->gap; i++) zip_raw(zip, "?", 1);
    if (end->zip64) zip_end64(zip, end, size, offset);
    zip_int(zip, 0x06054b50, 4);
    zip_int(zip, end->disk, 2);
    zip_int(zip, end->disk, 2);
    zip_int(zip, zip->n + (uint64_t)end->count, 2);
    zip_int(zip, zip->n + (uint64_t)end->count, 2);
    zip_int(zip, size + (uint64_t)end->size, 4);
    zip_int(zip, offset + (uint64_t)end->offset, 4);
    zip_int(zip, strlen(comment) + (uint64_t)end->comment_len, 2);
    zip_raw(zip, comment, strlen(comment));
}
