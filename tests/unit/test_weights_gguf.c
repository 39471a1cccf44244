/* SPDX-License-Identifier: MIT */
/* test_weights_gguf.c - GGUF of all versions and both byte orders, and what is refused of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"

#include "weights_bytes.h"

enum { U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 };

/* One tensor's line in the table. */
struct line {
    const char *name;
    int n_dims;
    uint64_t dims[5]; /* as in the file: fastest first */
    uint32_t type;
    uint64_t offset;
};

/* What a file is made of; its version decides the width of lengths. */
struct gguf {
    struct bytes file;
    uint32_t version;
};

static void put_count(struct gguf *gguf, uint64_t count)
{
    bytes_int(&gguf->file, count, gguf->version == 1 ? 4 : 8);
}

static void put_string(struct gguf *gguf, const char *text)
{
    put_count(gguf, strlen(text));
    bytes_text(&gguf->file, text);
}

static void begin(struct gguf *gguf, uint32_t version, bool big, uint64_t tensors, uint64_t kvs)
{
    memset(gguf, 0, sizeof *gguf);
    gguf->version = version;
    gguf->file.big_endian = big;
    bytes_text(&gguf->file, "GGUF");
    bytes_int(&gguf->file, version, 4);
    put_count(gguf, tensors);
    put_count(gguf, kvs);
}

static void put_key(struct gguf *gguf, const char *key, uint32_t type)
{
    put_string(gguf, key);
    bytes_int(&gguf->file, type, 4);
}

static void put_number(struct gguf *gguf, const char *key, uint32_t type, uint64_t value, int size)
{
    put_key(gguf, key, type);
    bytes_int(&gguf->file, value, size);
}

static void put_text(struct gguf *gguf, const char *key, const char *text)
{
    put_key(gguf, key, STRING);
    put_string(gguf, text);
}

static void put_line(struct gguf *gguf, const struct line *line)
{
    put_string(gguf, line->name);
    bytes_int(&gguf->file, (uint64_t)line->n_dims, 4);
    for (int i = 0; i < line->n_dims && i < 5; i++) put_count(gguf, line->dims[i]);
    bytes_int(&gguf->file, line->type, 4);
    bytes_int(&gguf->file, line->offset, 8);
}

static uint64_t bits32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static uint64_t bits64(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, 8);
    return bits;
}

#define N_SAMPLE_PROPERTIES 17
/* Every type of value, an alignment, arrays short, long, nested and of strings. */
static void put_sample_properties(struct gguf *gguf)
{
    put_text(gguf, "general.name", "Tiny");
    put_text(gguf, "general.architecture", "llama");
    put_text(gguf, "general.quantized_by", "us");
    put_number(gguf, "general.alignment", U32, 64, 4);
    put_number(gguf, "a.u8", U8, 200, 1);
    put_number(gguf, "a.i8", I8, (uint8_t)-3, 1);
    put_number(gguf, "a.i16", I16, (uint16_t)-30000, 2);
    put_number(gguf, "a.i32", I32, (uint32_t)-5, 4);
    put_number(gguf, "a.f32", F32, bits32(1e-5f), 4);
    put_number(gguf, "a.bool", BOOL, 1, 1);
    put_number(gguf, "a.u64", U64, UINT64_MAX, 8);
    put_number(gguf, "a.i64", I64, (uint64_t)INT64_MIN, 8);
    put_number(gguf, "a.f64", F64, bits64(0.1), 8);
    put_key(gguf, "a.texts", ARRAY);
    bytes_int(&gguf->file, STRING, 4);
    put_count(gguf, 2);
    put_string(gguf, "<s>\n");
    put_string(gguf, "\xff");
    put_key(gguf, "a.floats", ARRAY);
    bytes_int(&gguf->file, F32, 4);
    put_count(gguf, 2);
    bytes_int(&gguf->file, bits32(-2.5f), 4);
    bytes_int(&gguf->file, 0x7fc00000, 4);
    put_key(gguf, "a.long", ARRAY);
    bytes_int(&gguf->file, U16, 4);
    put_count(gguf, 65);
    for (int i = 0; i < 65; i++) bytes_int(&gguf->file, (uint64_t)i, 2);
    put_key(gguf, "a.nested", ARRAY);
    bytes_int(&gguf->file, ARRAY, 4);
    put_count(gguf, 1);
    bytes_int(&gguf->file, U8, 4);
    put_count(gguf, 2);
    bytes_int(&gguf->file, 7, 2);
}

/* Three tensors: 2 x 3 floats, one row of a quantised block, a scalar of 64 bits. */
static void sample(struct gguf *gguf, uint32_t version, bool big)
{
    static const struct line lines[] = {
        {"blk.0.w", 2, {3, 2}, 0, 0},
        {"blk.0.q", 2, {32, 1}, 2, 64},
        {"n", 0, {0}, 27, 128},
    };
    begin(gguf, version, big, 3, N_SAMPLE_PROPERTIES);
    put_sample_properties(gguf);
    for (int i = 0; i < 3; i++) put_line(gguf, &lines[i]);
    bytes_align(&gguf->file, 64);
    for (int i = 0; i < 6; i++) bytes_int(&gguf->file, bits32((float)i), 4);
    bytes_align(&gguf->file, 64);
    for (int i = 0; i < 18; i++) bytes_int(&gguf->file, (uint64_t)(100 + i), 1);
    bytes_align(&gguf->file, 64);
    bytes_int(&gguf->file, (uint64_t)-42, 8);
}

static void check_sample_tensors(ptm_weights *w)
{
    struct ptm_err err;
    float values[6];
    uint8_t block[18];
    int64_t number = 0;
    assert_int_equal(ptm_weights_count(w), 3);
    const struct ptm_tensor *t = ptm_weights_find(w, "blk.0.w");
    assert_non_null(t);
    assert_int_equal(t->dtype, PTM_FLOAT32);
    assert_int_equal(t->n_dims, 2);
    assert_int_equal(t->shape[0], 2); /* torch's order */
    assert_int_equal(t->shape[1], 3);
    assert_int_equal(ptm_weights_read(w, t, values, sizeof values, &err), PTM_OK);
    for (int i = 0; i < 6; i++) assert_true(values[i] == (float)i);
    t = ptm_weights_find(w, "blk.0.q");
    assert_non_null(t);
    assert_int_equal(t->dtype, PTM_GGML_Q4_0);
    assert_int_equal(t->nbytes, 18);
    assert_int_equal(ptm_weights_read(w, t, block, sizeof block, &err), PTM_OK);
    assert_int_equal(block[17], 117);
    t = ptm_weights_find(w, "n");
    assert_non_null(t);
    assert_int_equal(t->n_dims, 0);
    assert_int_equal(ptm_weights_read(w, t, &number, sizeof number, &err), PTM_OK);
    assert_int_equal(number, -42);
    assert_int_equal(ptm_weights_parameters(w), 6 + 32 + 1);
}

static void test_weights_gguf__reads_all_versions_and_byte_orders(void **state)
{
    static struct gguf gguf;
    (void)state;
    for (uint32_t version = 1; version <= 3; version++) {
        for (int big = 0; big < 2; big++) {
            ptm_weights *w = NULL;
            struct ptm_err err = {0};
            sample(&gguf, version, big);
            if (open_bytes(&gguf.file, "x.gguf", &w, &err) != PTM_OK) fail_msg("%s", err.msg);
            assert_string_equal(ptm_weights_format(w), "gguf");
            assert_string_equal(ptm_weights_producer(w), "Tiny (llama), quantised by us");
            assert_string_equal(meta_of(w, "GGUF.version"), version == 1   ? "1"
                                                            : version == 2 ? "2"
                                                                           : "3");
            assert_true(!big == !meta_of(w, "GGUF.byte_order"));
            check_sample_tensors(w);
            ptm_weights_close(w);
        }
    }
}

static void test_weights_gguf__shows_properties(void **state)
{
    static const char *const expected[][2] = {
        {"general.name", "Tiny"},
        {"general.alignment", "64"},
        {"a.u8", "200"},
        {"a.i8", "-3"},
        {"a.i16", "-30000"},
        {"a.i32", "-5"},
        {"a.f32", "1e-05"},
        {"a.bool", "true"},
        {"a.u64", "18446744073709551615"},
        {"a.i64", "-9223372036854775808"},
        {"a.f64", "0.1"},
        {"a.texts", "[\"<s>\\n\",\"\xef\xbf\xbd\"]"},
        {"a.floats", "[-2.5,\"NaN\"]"},
        {"a.long", "{\"type\":\"uint16\",\"count\":65}"},
        {"a.nested", "{\"type\":\"array\",\"count\":1}"},
    };
    static struct gguf gguf;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    sample(&gguf, 3, false);
    if (open_bytes(&gguf.file, "x.gguf", &w, &err) != PTM_OK) fail_msg("%s", err.msg);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        const char *value = meta_of(w, expected[i][0]);
        if (!value) fail_msg("%s is missing", expected[i][0]);
        assert_string_equal(value, expected[i][1]);
    }
    assert_int_equal(ptm_weights_meta_count(w), N_SAMPLE_PROPERTIES + 1);
    ptm_weights_close(w);
}

static void test_weights_gguf__is_refused_cut_at_every_byte(void **state)
{
    static struct gguf gguf;
    (void)state;
    for (uint32_t version = 1; version <= 3; version += 2) {
        sample(&gguf, version, false);
        for (size_t len = 0; len < gguf.file.len; len++) {
            ptm_weights *w = NULL;
            struct ptm_err err = {0};
            ptm_rc rc = open_named(gguf.file.data, len, "cut.gguf", &w, &err);
            if (rc != (len < 8 ? PTM_EUNSUPPORTED : PTM_EFORMAT))
                fail_msg("%zu bytes: %d %s", len, rc, err.msg);
        }
    }
}

/* Opens a file of one tensor's line after n bytes of data. */
static ptm_rc open_line(const struct line *line, size_t data, struct ptm_err *err)
{
    static struct gguf gguf;
    ptm_weights *w = NULL;
    begin(&gguf, 3, false, 1, 0);
    put_line(&gguf, line);
    bytes_align(&gguf.file, 32);
    for (size_t i = 0; i < data; i++) bytes_put(&gguf.file, "x", 1);
    ptm_rc rc = open_bytes(&gguf.file, "x.gguf", &w, err);
    ptm_weights_close(w);
    return rc;
}

static void test_weights_gguf__refuses_tensors_that_cannot_be(void **state)
{
    static const struct {
        struct line line;
        ptm_rc rc;
        const char *says;
    } cases[] = {
        {{"w", 1, {8}, 0, 0}, PTM_OK, ""},
        {{"w", 1, {9}, 0, 0}, PTM_EFORMAT, "beyond the end"},
        {{"w", 1, {1}, 0, 32}, PTM_EFORMAT, "beyond the end"},
        {{"w", 1, {1}, 0, 1}, PTM_EFORMAT, "not aligned"},
        {{"w", 1, {0}, 0, 0}, PTM_OK, ""},
        {{"w", 1, {1}, 4, 0}, PTM_EUNSUPPORTED, "ggml type 4"},
        {{"w", 1, {1}, 4000000000u, 0}, PTM_EUNSUPPORTED, "ggml type"},
        {{"w", 2, {16, 2}, 2, 0}, PTM_EFORMAT, "do not fill blocks of 32"},
        {{"w", 5, {1, 1, 1, 1, 1}, 0, 0}, PTM_EFORMAT, "5 dimensions"},
        {{"w", 1, {1ull << 63}, 0, 0}, PTM_EFORMAT, "63 bits"},
        {{"w", 2, {1ull << 62, 4}, 24, 0}, PTM_EFORMAT, "64 bits"},
        {{"w", 1, {(1ull << 62) - 1}, 0, 0}, PTM_EFORMAT, "64 bits"},
        {{"w", 1, {1}, 0, UINT64_MAX - 31}, PTM_EFORMAT, "beyond the end"},
        {{"", 1, {1}, 0, 0}, PTM_EFORMAT, "without a name"},
        {{"\xff", 1, {1}, 0, 0}, PTM_EFORMAT, "no text"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ptm_err err = {0};
        ptm_rc rc = open_line(&cases[i].line, 32, &err);
        if (rc != cases[i].rc || (rc != PTM_OK && !strstr(err.msg, cases[i].says)))
            fail_msg("case %zu: %d %s", i, rc, err.msg);
    }
}

static void test_weights_gguf__refuses_long_names(void **state)
{
    char name[PTM_LIMIT_GGUF_NAME + 2];
    struct line line = {name, 1, {1}, 0, 0};
    struct ptm_err err = {0};
    (void)state;
    memset(name, 'n', sizeof name);
    name[PTM_LIMIT_GGUF_NAME] = '\0';
    assert_int_equal(open_line(&line, 32, &err), PTM_OK);
    memset(name, 'n', sizeof name);
    name[PTM_LIMIT_GGUF_NAME + 1] = '\0';
    assert_int_equal(open_line(&line, 32, &err), PTM_ELIMIT);
}

static ptm_rc open_two(const struct line *a, const struct line *b, struct ptm_err *err)
{
    static struct gguf gguf;
    ptm_weights *w = NULL;
    begin(&gguf, 3, false, 2, 0);
    put_line(&gguf, a);
    put_line(&gguf, b);
    bytes_align(&gguf.file, 32);
    for (int i = 0; i < 96; i++) bytes_put(&gguf.file, "x", 1);
    ptm_rc rc = open_bytes(&gguf.file, "x.gguf", &w, err);
    ptm_weights_close(w);
    return rc;
}

static void test_weights_gguf__refuses_overlaps_and_doubles(void **state)
{
    struct line a = {"a", 1, {9}, 0, 0}, b = {"b", 1, {8}, 0, 32};
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(open_two(&a, &b, &err), PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "overlap"));
    b.offset = 64;
    assert_int_equal(open_two(&a, &b, &err), PTM_OK);
    b.offset = 0;
    b.dims[0] = 0; /* nothing overlaps nothing */
    assert_int_equal(open_two(&a, &b, &err), PTM_OK);
    b = a;
    b.offset = 64;
    b.dims[0] = 1;
    assert_int_equal(open_two(&a, &b, &err), PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "second tensor"));
}

/* Opens a file whose one property is put by hand. */
static ptm_rc open_property(struct gguf *gguf, struct ptm_err *err)
{
    ptm_weights *w = NULL;
    ptm_rc rc = open_bytes(&gguf->file, "x.gguf", &w, err);
    ptm_weights_close(w);
    return rc;
}

static void test_weights_gguf__refuses_bad_properties(void **state)
{
    static struct gguf gguf;
    struct ptm_err err = {0};
    (void)state;
    begin(&gguf, 3, false, 0, 1);
    put_number(&gguf, "k", BOOL, 2, 1);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    begin(&gguf, 3, false, 0, 1);
    put_number(&gguf, "k", 13, 2, 1);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "byte 33"));
    static const uint32_t alignments[] = {0, 24, 33};
    for (int i = 0; i < 3; i++) {
        begin(&gguf, 3, false, 0, 1);
        put_number(&gguf, "general.alignment", U32, alignments[i], 4);
        assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, "power of two"));
    }
    begin(&gguf, 3, false, 0, 1);
    put_number(&gguf, "general.alignment", U64, 32, 8);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    begin(&gguf, 3, false, 0, 2);
    for (int i = 0; i < 2; i++) put_number(&gguf, "general.alignment", U32, 32, 4);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "twice"));
}

static void test_weights_gguf__bounds_counts_and_nesting(void **state)
{
    static struct gguf gguf;
    struct ptm_err err = {0};
    (void)state;
    begin(&gguf, 3, false, UINT64_MAX, 0);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    begin(&gguf, 3, false, 0, UINT64_MAX / 2);
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    begin(&gguf, 3, false, 0, 1);
    put_key(&gguf, "k", ARRAY);
    bytes_int(&gguf.file, U64, 4);
    put_count(&gguf, 1ull << 61); /* times 8 is 0 */
    assert_int_equal(open_property(&gguf, &err), PTM_EFORMAT);
    for (int depth = 64; depth <= 65; depth++) {
        begin(&gguf, 3, false, 0, 1);
        put_key(&gguf, "k", ARRAY);
        for (int i = 1; i < depth; i++) {
            bytes_int(&gguf.file, ARRAY, 4);
            put_count(&gguf, 1);
        }
        bytes_int(&gguf.file, U8, 4);
        put_count(&gguf, 0);
        assert_int_equal(open_property(&gguf, &err), depth == 64 ? PTM_OK : PTM_ELIMIT);
    }
}

static void test_weights_gguf__tells_large_texts_by_size(void **state)
{
    static struct gguf gguf;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    static char text[40000];
    (void)state;
    memset(text, '"', sizeof text - 1); /* as JSON twice as long */
    begin(&gguf, 3, false, 0, 2);
    put_key(&gguf, "k", ARRAY);
    bytes_int(&gguf.file, STRING, 4);
    put_count(&gguf, 1);
    put_string(&gguf, text);
    put_number(&gguf, "after", U8, 1, 1);
    assert_int_equal(open_bytes(&gguf.file, "x.gguf", &w, &err), PTM_OK);
    assert_string_equal(meta_of(w, "k"), "{\"type\":\"string\",\"count\":1}");
    assert_string_equal(meta_of(w, "after"), "1");
    ptm_weights_close(w);
}

static void test_weights_gguf__refuses_other_versions(void **state)
{
    static struct gguf gguf;
    struct ptm_err err = {0};
    (void)state;
    static const uint32_t versions[] = {0, 4, 0x10000, 0x04000000};
    for (int i = 0; i < 4; i++) {
        begin(&gguf, versions[i], false, 0, 0);
        assert_int_equal(open_property(&gguf, &err), PTM_EUNSUPPORTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_gguf__reads_all_versions_and_byte_orders),
        cmocka_unit_test(test_weights_gguf__shows_properties),
        cmocka_unit_test(test_weights_gguf__is_refused_cut_at_every_byte),
        cmocka_unit_test(test_weights_gguf__refuses_tensors_that_cannot_be),
        cmocka_unit_test(test_weights_gguf__refuses_long_names),
        cmocka_unit_test(test_weights_gguf__refuses_overlaps_and_doubles),
        cmocka_unit_test(test_weights_gguf__refuses_bad_properties),
        cmocka_unit_test(test_weights_gguf__bounds_counts_and_nesting),
        cmocka_unit_test(test_weights_gguf__tells_large_texts_by_size),
        cmocka_unit_test(test_weights_gguf__refuses_other_versions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
