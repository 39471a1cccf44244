/* SPDX-License-Identifier: MIT */
/* test_weights_unpack.c - compressed streams: told by their first bytes, unpacked up to a cap, and
 * refused when cut, damaged or followed by more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <libdeflate.h>

#include "../../src/base/auto.h"
#include "../../src/weights/unpack.h"

#define MAX (1u << 20)

static const char *const kinds[] = {"gzip", "bzip2", "xz", "lzma", "zstd", "lz4", "zlib"};
#define N_KINDS (sizeof kinds / sizeof kinds[0])

struct stream {
    uint8_t data[1 << 16];
    size_t len;
};

static void deflate_it(const char *kind, const void *data, size_t len, struct stream *out)
{
    struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
    assert_non_null(c);
    out->len = strcmp(kind, "gzip") == 0
                   ? libdeflate_gzip_compress(c, data, len, out->data, sizeof out->data)
                   : libdeflate_zlib_compress(c, data, len, out->data, sizeof out->data);
    libdeflate_free_compressor(c);
    assert_true(out->len > 0);
}

/* false: libarchive cannot write it here. */
static bool archive_it(const char *kind, const void *data, size_t len, struct stream *out)
{
    struct archive *a = archive_write_new();
    struct archive_entry *entry = archive_entry_new();
    bool can = archive_write_add_filter_by_name(a, kind) == ARCHIVE_OK;
    if (can) {
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_pathname(entry, "data");
        assert_int_equal(archive_write_set_format_raw(a), ARCHIVE_OK);
        assert_int_equal(archive_write_set_bytes_in_last_block(a, 1), ARCHIVE_OK);
        assert_int_equal(archive_write_open_memory(a, out->data, sizeof out->data, &out->len),
                         ARCHIVE_OK);
        assert_int_equal(archive_write_header(a, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(a, data, len), len);
        assert_int_equal(archive_write_close(a), ARCHIVE_OK);
    }
    archive_entry_free(entry);
    archive_write_free(a);
    return can;
}

static bool pack(const char *kind, const void *data, size_t len, struct stream *out)
{
    bool ours = strcmp(kind, "gzip") == 0 || strcmp(kind, "zlib") == 0;
    if (!ours) return archive_it(kind, data, len, out);
    deflate_it(kind, data, len, out);
    return true;
}

/* From a buffer of just that size, so that reading past it is seen. */
static ptm_rc unpack(const void *data, size_t len, uint64_t max, ptmi_source **out,
                     struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    uint8_t *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, data, len);
    assert_int_equal(ptmi_source_own(copy, len, "stream", &source, NULL), PTM_OK);
    return ptmi_unpack_stream(source, max, out, err);
}

static void assert_unpacks(const struct stream *stream, const void *want, size_t len)
{
    ptmi_source *source = NULL;
    const uint8_t *p = NULL;
    struct ptm_err err = {0};
    if (unpack(stream->data, stream->len, MAX, &source, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_int_equal(ptmi_source_size(source), len);
    assert_int_equal(ptmi_source_at(source, 0, len, &p, NULL), PTM_OK);
    if (len > 0) assert_memory_equal(p, want, len);
    ptmi_source_unref(source);
}

static void test_weights_unpack__unpacks_all_kinds(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *data = calloc(1, 300000);
    for (size_t i = 0; i < 300000; i++) data[i] = (char)(i / 1000);
    for (size_t i = 0; i < N_KINDS; i++) {
        struct stream stream = {{0}, 0};
        if (!pack(kinds[i], data, 300000, &stream)) {
            print_message("%s cannot be written here\n", kinds[i]);
            continue;
        }
        assert_string_equal(ptmi_unpack_kind(stream.data, stream.len), kinds[i]);
        assert_unpacks(&stream, data, 300000);
        assert_true(pack(kinds[i], data, 1, &stream));
        assert_unpacks(&stream, data, 1);
        /* The others are refused when there is nothing in them. */
        if (strcmp(kinds[i], "gzip") != 0 && strcmp(kinds[i], "zlib") != 0) continue;
        assert_true(pack(kinds[i], data, 0, &stream));
        assert_unpacks(&stream, data, 0);
    }
}

static void test_weights_unpack__tells_kinds_from_other_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } none[] = {{"", 0},
                {"\x1f\x8b", 2},
                {"\x1f\x8b\7", 3},
                {"BZh9", 4},
                {"BZhello world", 13},
                {"\xfd\x37zXZ", 5},
                {"\x78\x9d\1", 3},
                {"\x78\x9c", 2},
                {"\x78\x9c\7", 3}, /* a block type that there is not */
                {"\x78\xbb\1", 3}, /* a preset dictionary */
                {"x = 1; y = 2", 12},
                {"PK\3\4............", 16},
                {"\x80\2}q\0X\1\0\0\0aq", 12}, /* a pickle */
                {"]\0\0\0\0\0\0\0\0\0\0\0\0", 13},
                {"]\0\0\x12\x34\xff\xff\xff\xff\xff\xff\xff\xff", 13},
                {"]\0\0\x80\0\0\0\0\0\0\0\0\1", 13}};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        const char *kind = ptmi_unpack_kind((const uint8_t *)none[i].bytes, none[i].len);
        if (kind) fail_msg("%zu is taken for %s", i, kind);
    }
    assert_string_equal(ptmi_unpack_kind((const uint8_t *)"\x78\x01\1", 3), "zlib");
    assert_string_equal(ptmi_unpack_kind((const uint8_t *)"\x78\xda\xed", 3), "zlib");
    ptmi_source *source = NULL;
    assert_int_equal(unpack("plain text", 10, MAX, &source, NULL), PTM_EFORMAT);
}

static void test_weights_unpack__stops_at_the_cap(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *zeros = calloc(1, 200001);
    for (size_t i = 0; i < N_KINDS; i++) {
        struct stream stream = {{0}, 0};
        ptmi_source *source = NULL;
        struct ptm_err err = {0};
        if (!pack(kinds[i], zeros, 200001, &stream)) continue;
        assert_int_equal(unpack(stream.data, stream.len, 200000, &source, &err), PTM_ELIMIT);
        assert_non_null(strstr(err.msg, "200000"));
        assert_int_equal(unpack(stream.data, stream.len, 0, &source, &err), PTM_ELIMIT);
        assert_int_equal(unpack(stream.data, stream.len, 200001, &source, &err), PTM_OK);
        ptmi_source_unref(source);
        assert_int_equal(unpack(stream.data, stream.len, UINT64_MAX, &source, &err), PTM_OK);
        ptmi_source_unref(source);
    }
}

static void test_weights_unpack__takes_members_in_a_row(void **state)
{
    (void)state;
    static const char *const rows[] = {"gzip", "bzip2", "xz", "zstd", "lz4"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct stream stream = {{0}, 0}, second = {{0}, 0};
        if (!pack(rows[i], "one ", 4, &stream)) continue;
        assert_true(pack(rows[i], "two", 3, &second));
        memcpy(stream.data + stream.len, second.data, second.len);
        stream.len += second.len;
        assert_unpacks(&stream, "one two", 7);
    }
}

static void test_weights_unpack__takes_off_one_layer(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_KINDS; i++) {
        struct stream inner = {{0}, 0}, outer = {{0}, 0};
        if (!pack(kinds[i], "text", 4, &inner)) continue;
        assert_true(pack(kinds[i], inner.data, inner.len, &outer));
        assert_unpacks(&outer, inner.data, inner.len);
    }
}

static void test_weights_unpack__hidden_data_after_the_end_is_refused(void **state)
{
    (void)state;
    static const char *const strict[] = {"gzip", "bzip2", "xz", "lzma", "zstd", "zlib"};
    for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
        struct stream stream = {{0}, 0};
        ptmi_source *source = NULL;
        if (!pack(strict[i], "text", 4, &stream)) continue;
        memcpy(stream.data + stream.len, "\x80\2cos\nsystem\n", 13);
        ptm_rc rc = unpack(stream.data, stream.len + 13, MAX, &source, NULL);
        if (rc != PTM_EFORMAT) fail_msg("%s gave %d", strict[i], rc);
    }
    struct stream stream = {{0}, 0};
    assert_true(pack("gzip", "text", 4, &stream));
    stream.len += 500; /* zeros, as tapes have them */
    assert_unpacks(&stream, "text", 4);
}

static void test_weights_unpack__cut_and_damaged_streams_are_refused(void **state)
{
    (void)state;
    static const char text[] = "a text that is a little longer, so that there is something to cut";
    for (size_t i = 0; i < N_KINDS; i++) {
        struct stream stream = {{0}, 0};
        ptmi_source *source = NULL;
        if (!pack(kinds[i], text, sizeof text, &stream)) continue;
        for (size_t len = 0; len < stream.len; len++) {
            ptm_rc rc = unpack(stream.data, len, MAX, &source, NULL);
            if (rc != PTM_EFORMAT) fail_msg("%s cut at %zu gave %d", kinds[i], len, rc);
        }
    }
    struct stream stream = {{0}, 0};
    ptmi_source *source = NULL;
    struct ptm_err err = {0};
    assert_true(pack("gzip", text, sizeof text, &stream));
    stream.data[stream.len - 6] ^= 1; /* its CRC */
    assert_int_equal(unpack(stream.data, stream.len, MAX, &source, &err), PTM_EFORMAT);
    assert_string_equal(err.msg, "stream: a damaged gzip stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_unpack__unpacks_all_kinds),
        cmocka_unit_test(test_weights_unpack__tells_kinds_from_other_bytes),
        cmocka_unit_test(test_weights_unpack__stops_at_the_cap),
        cmocka_unit_test(test_weights_unpack__takes_members_in_a_row),
        cmocka_unit_test(test_weights_unpack__takes_off_one_layer),
        cmocka_unit_test(test_weights_unpack__hidden_data_after_the_end_is_refused),
        cmocka_unit_test(test_weights_unpack__cut_and_damaged_streams_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
