/* SPDX-License-Identifier: MIT */
/* test_weights_npy.c - .npy headers as NumPy reads them and stricter, and .npz files of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <libdeflate.h>

#include "weights/torch_objects.h"
#include "weights/zipdir.h"
#include "weights_bytes.h"

/* A .npy file: the header is padded as NumPy does it. */
static void put_npy(struct bytes *to, int major, const char *header, const void *data, size_t len)
{
    uint8_t version[2] = {(uint8_t)major, 0};
    int wide = major > 1 ? 4 : 2;
    size_t head = 8 + (size_t)wide, want = (head + strlen(header) + 1 + 63) / 64 * 64;
    bytes_put(to, "\x93NUMPY", 6);
    bytes_put(to, version, 2);
    bytes_int(to, want - head, wide);
    bytes_text(to, header);
    for (size_t i = head + strlen(header); i + 1 < want; i++) bytes_put(to, " ", 1);
    bytes_put(to, "\n", 1);
    bytes_put(to, data, len);
}

static ptm_rc open_npy(int major, const char *header, const void *data, size_t len,
                       ptm_weights **out, struct ptm_err *err)
{
    static struct bytes file;
    memset(&file, 0, sizeof file);
    put_npy(&file, major, header, data, len);
    return open_bytes(&file, "x.npy", out, err);
}

#define F32_23(order) "{'descr': '<f4', 'fortran_order': " order ", 'shape': (2, 3), }"

static void test_weights_npy__reads_all_versions(void **state)
{
    static const float values[6] = {0, 1, 2, 3, 4, 5};
    float got[6];
    (void)state;
    for (int major = 1; major <= 3; major++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        if (open_npy(major, F32_23("False"), values, sizeof values, &w, &err) != PTM_OK)
            fail_msg("%s", err.msg);
        assert_string_equal(ptm_weights_format(w), "npy");
        const struct ptm_tensor *t = ptm_weights_find(w, "tensor");
        assert_non_null(t);
        assert_int_equal(t->dtype, PTM_FLOAT32);
        assert_int_equal(t->shape[0], 2);
        assert_int_equal(t->shape[1], 3);
        assert_int_equal(t->stride[0], 3);
        assert_int_equal(t->stride[1], 1);
        assert_false(t->fortran);
        assert_int_equal(ptm_weights_storage(w, 0)->file_offset, 128);
        assert_int_equal(ptm_weights_read(w, t, got, sizeof got, &err), PTM_OK);
        assert_memory_equal(got, values, sizeof got);
        assert_int_equal(ptm_weights_meta_count(w), 0);
        ptm_weights_close(w);
    }
}

static void test_weights_npy__reads_fortran_order(void **state)
{
    static const float stored[6] = {0, 3, 1, 4, 2, 5};
    float got[6];
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(open_npy(1, F32_23("True"), stored, sizeof stored, &w, &err), PTM_OK);
    const struct ptm_tensor *t = ptm_weights_tensor(w, 0);
    assert_true(t->fortran);
    assert_int_equal(t->stride[0], 1);
    assert_int_equal(t->stride[1], 2);
    assert_int_equal(ptm_weights_read(w, t, got, sizeof got, &err), PTM_OK);
    for (int i = 0; i < 6; i++) assert_true(got[i] == (float)i);
    ptm_weights_close(w);
}

static void test_weights_npy__reads_big_endian(void **state)
{
    static const uint8_t stored[4] = {0x12, 0x34, 0xff, 0xfe};
    int16_t got[2];
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(open_npy(1, "{'descr': '>i2', 'fortran_order': False, 'shape': (2,), }",
                              stored, sizeof stored, &w, &err),
                     PTM_OK);
    assert_true(ptm_weights_storage(w, 0)->big_endian);
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, sizeof got, &err), PTM_OK);
    assert_int_equal(got[0], 0x1234);
    assert_int_equal(got[1], -2);
    ptm_weights_close(w);
}

static void test_weights_npy__knows_the_types_of_numbers(void **state)
{
    static const struct {
        const char *descr;
        ptm_dtype dtype;
        bool big;
    } good[] = {
        {"|b1", PTM_BOOL, false},      {"|i1", PTM_INT8, false},        {"<i2", PTM_INT16, false},
        {">i4", PTM_INT32, true},      {"<i8", PTM_INT64, false},       {"|u1", PTM_UINT8, false},
        {"<u2", PTM_UINT16, false},    {"<u4", PTM_UINT32, false},      {">u8", PTM_UINT64, true},
        {"<f2", PTM_FLOAT16, false},   {"<f4", PTM_FLOAT32, false},     {">f8", PTM_FLOAT64, true},
        {"<c8", PTM_COMPLEX64, false}, {"<c16", PTM_COMPLEX128, false},
    };
    static const char *const bad[] = {"",    "<",    "f",    "<f3", "<f16", "|V2", "|O",
                                      "<U3", "<f4 ", "<<f4", "<M8", "f44",  "<F4", "<c4"};
    ptm_dtype dtype;
    bool big;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct ptm_err err = {0};
        if (ptmi_numpy_dtype(good[i].descr, &dtype, &big, &err) != PTM_OK) fail_msg("%s", err.msg);
        assert_int_equal(dtype, good[i].dtype);
        if (*good[i].descr != '|') assert_int_equal(big, good[i].big);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (ptmi_numpy_dtype(bad[i], &dtype, &big, NULL) != PTM_EUNSUPPORTED)
            fail_msg("taken: %s", bad[i]);
    /* Without a byte order: this machine's. */
    assert_int_equal(ptmi_numpy_dtype("f4", &dtype, &big, NULL), PTM_OK);
    assert_int_equal(big, __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__);
}

#define HEADER(descr, shape) "{'descr': " descr ", 'fortran_order': False, 'shape': " shape ", }"

static void test_weights_npy__lists_texts_and_times(void **state)
{
    static const uint8_t data[64] = {1, 0, 0, 0, 0, 0, 0, 0, 2};
    int64_t got[2];
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(open_npy(1, HEADER("'<M8[ns]'", "(2,)"), data, 16, &w, &err), PTM_OK);
    assert_int_equal(ptm_weights_tensor(w, 0)->dtype, PTM_INT64);
    assert_string_equal(meta_of(w, "tensor.descr"), "<M8[ns]");
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, 16, &err), PTM_OK);
    assert_int_equal(got[1], 2);
    ptm_weights_close(w);
    assert_int_equal(open_npy(1, HEADER("'<U3'", "(2,)"), data, 24, &w, &err), PTM_OK);
    assert_int_equal(ptm_weights_tensor(w, 0)->dtype, PTM_STRING);
    assert_string_equal(meta_of(w, "tensor.descr"), "<U3");
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, 0, &err), PTM_EUNSUPPORTED);
    ptm_weights_close(w);
    assert_int_equal(open_npy(1, HEADER("'<U3'", "(2,)"), data, 23, &w, &err), PTM_EFORMAT);
    assert_int_equal(open_npy(1, HEADER("'|S3'", "(2,)"), data, 6, &w, &err), PTM_OK);
    ptm_weights_close(w);
}

static void test_weights_npy__takes_headers_numpy_takes(void **state)
{
    static const struct {
        int major;
        const char *header;
        int64_t elements;
    } cases[] = {
        {1, HEADER("'|u1'", "()"), 1},
        {1, HEADER("'|u1'", "(0,)"), 0},
        {1, HEADER("'|u1'", "(9223372036854775807, 0)"), 0},
        {1, HEADER("'|u1'", "(3L, 2L)"), 6},
        {3, HEADER("\"|u1\"", "(3,2,)"), 6},
        {1, "{\"shape\":(2,),'descr':'|u1','fortran_order':True}", 2},
        {1, " { 'shape' : ( 2 , ) ,\n'descr' : '|u1' , 'fortran_order' : False } ", 2},
    };
    static const uint8_t data[6];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        if (open_npy(cases[i].major, cases[i].header, data, sizeof data, &w, &err) != PTM_OK)
            fail_msg("%s: %s", cases[i].header, err.msg);
        assert_int_equal(ptm_weights_tensor(w, 0)->nbytes, cases[i].elements);
        ptm_weights_close(w);
    }
}

static void test_weights_npy__refuses_other_headers(void **state)
{
    static const struct {
        int major;
        const char *header;
        ptm_rc rc;
    } cases[] = {
        {1, HEADER("'|O'", "(2,)"), PTM_EUNSUPPORTED},
        {1, HEADER("[('a', '<f4')]", "(2,)"), PTM_EUNSUPPORTED},
        {1, HEADER("('<f4', (2,))", "(2,)"), PTM_EUNSUPPORTED},
        {1, HEADER("'|V2'", "(2,)"), PTM_EUNSUPPORTED},
        {1, HEADER("'<f16'", "(2,)"), PTM_EUNSUPPORTED},
        {4, HEADER("'|u1'", "(2,)"), PTM_EUNSUPPORTED},
        {0, HEADER("'|u1'", "(2,)"), PTM_EUNSUPPORTED},
        {1, HEADER("'|u1'", "(2)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(-1,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(02,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(1.0,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(9223372036854775808,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(9223372036854775807, 2)"), PTM_EFORMAT},
        {1, HEADER("'<f4'", "(4611686018427387904,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(7,)"), PTM_EFORMAT}, /* 6 are there */
        {1, HEADER("'|u1'", "[2]"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(2 3)"), PTM_EFORMAT},
        {3, HEADER("'|u1'", "(2L,)"), PTM_EFORMAT},
        {1, HEADER("u'|u1'", "(2,)"), PTM_EFORMAT},
        {1, HEADER("'|u\\x31'", "(2,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'+''", "(2,)"), PTM_EFORMAT},
        {1, HEADER("None", "(2,)"), PTM_EFORMAT},
        {1, HEADER("__import__('os')", "(2,)"), PTM_EFORMAT},
        {1, HEADER("'|u1'", "(2,)") " + {}", PTM_EFORMAT},
        {1, "{'descr': '|u1', 'shape': (2,)}", PTM_EFORMAT},
        {1, "{'descr': '|u1', 'fortran_order': 0, 'shape': (2,)}", PTM_EFORMAT},
        {1, "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (2,)}", PTM_EFORMAT},
        {1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), 'x': 1}", PTM_EFORMAT},
        {1, "{'descr': '|u1' 'fortran_order': False, 'shape': (2,)}", PTM_EFORMAT},
        {1, "{'descr': '|u1', 'fortran_order': False, 'shape': (2,)", PTM_EFORMAT},
        {1, "{'descr", PTM_EFORMAT},
        {1, "", PTM_EFORMAT},
    };
    static const uint8_t data[6];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        ptm_rc rc = open_npy(cases[i].major, cases[i].header, data, sizeof data, &w, &err);
        if (rc != cases[i].rc) fail_msg("%s: %d %s", cases[i].header, rc, err.msg);
    }
}

static void test_weights_npy__bounds_dimensions_and_headers(void **state)
{
    char header[1024] = "{'descr': '|u1', 'fortran_order': False, 'shape': (";
    static char long_header[20000];
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    for (int i = 0; i < 64; i++) strcat(header, "1, ");
    size_t end = strlen(header);
    strcpy(header + end, ")}");
    assert_int_equal(open_npy(1, header, "x", 1, &w, &err), PTM_OK);
    ptm_weights_close(w);
    strcpy(header + end, "1)}");
    assert_int_equal(open_npy(1, header, "x", 1, &w, &err), PTM_EFORMAT);
    memset(long_header, ' ', sizeof long_header - 1);
    assert_int_equal(open_npy(1, long_header, "x", 1, &w, &err), PTM_ELIMIT);
}

static void test_weights_npy__is_refused_cut_at_every_byte(void **state)
{
    static struct bytes file;
    static const uint8_t data[24];
    (void)state;
    for (int major = 1; major <= 2; major++) {
        memset(&file, 0, sizeof file);
        put_npy(&file, major, F32_23("True"), data, sizeof data);
        for (size_t len = 0; len < file.len; len++) {
            ptm_weights *w = NULL;
            struct ptm_err err = {0};
            ptm_rc rc = open_named(file.data, len, "cut.npy", &w, &err);
            if (rc != (len < 8 ? PTM_EUNSUPPORTED : PTM_EFORMAT))
                fail_msg("%zu bytes: %d %s", len, rc, err.msg);
        }
    }
}

static void test_weights_npy__tells_of_bytes_behind_the_array(void **state)
{
    static const uint8_t data[24];
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(open_npy(1, HEADER("'<f4'", "(5,)"), data, 24, &w, &err), PTM_OK);
    assert_string_equal(meta_of(w, "trailing_bytes"), "4");
    ptm_weights_close(w);
}

/* --- .npz --- */

struct member {
    const char *name;
    bool deflated;
    const struct bytes *content;
    const char *local_name; /* NULL: the same */
    uint32_t crc_xor;       /* makes it wrong */
};

static void put_zip_fields(struct bytes *zip, const struct member *m, size_t packed)
{
    bytes_int(zip, m->deflated ? 8 : 0, 2);
    bytes_int(zip, 0, 4); /* time */
    bytes_int(zip, ptmi_zip_crc(0, m->content->data, m->content->len) ^ m->crc_xor, 4);
    bytes_int(zip, packed, 4);
    bytes_int(zip, m->content->len, 4);
}

static size_t put_local(struct bytes *zip, const struct member *m)
{
    static uint8_t packed[1 << 16];
    const void *data = m->content->data;
    size_t len = m->content->len;
    const char *name = m->local_name ? m->local_name : m->name;
    if (m->deflated) {
        struct libdeflate_compressor *c = libdeflate_alloc_compressor(6);
        len = libdeflate_deflate_compress(c, data, len, packed, sizeof packed);
        libdeflate_free_compressor(c);
        data = packed;
    }
    bytes_int(zip, 0x04034b50, 4);
    bytes_int(zip, 20, 2);
    bytes_int(zip, 0, 2);
    put_zip_fields(zip, m, len);
    bytes_int(zip, strlen(name), 2);
    bytes_int(zip, 0, 2);
    bytes_text(zip, name);
    bytes_put(zip, data, len);
    return len;
}

static void put_zip(struct bytes *zip, const struct member *members, size_t n)
{
    size_t at[8], packed[8];
    memset(zip, 0, sizeof *zip);
    for (size_t i = 0; i < n; i++) {
        at[i] = zip->len;
        packed[i] = put_local(zip, &members[i]);
    }
    size_t directory = zip->len;
    for (size_t i = 0; i < n; i++) {
        bytes_int(zip, 0x02014b50, 4);
        bytes_int(zip, 20, 2);
        bytes_int(zip, 20, 2);
        bytes_int(zip, 0, 2);
        put_zip_fields(zip, &members[i], packed[i]);
        bytes_int(zip, strlen(members[i].name), 2);
        bytes_int(zip, 0, 6);
        bytes_int(zip, 0, 6); /* disk's end, attributes */
        bytes_int(zip, at[i], 4);
        bytes_text(zip, members[i].name);
    }
    size_t size = zip->len - directory;
    bytes_int(zip, 0x06054b50, 4);
    bytes_int(zip, 0, 4);
    bytes_int(zip, n, 2);
    bytes_int(zip, n, 2);
    bytes_int(zip, size, 4);
    bytes_int(zip, directory, 4);
    bytes_int(zip, 0, 2);
}

static const float floats[6] = {0, 1, 2, 3, 4, 5};

static const struct bytes *array_file(void)
{
    static struct bytes file;
    memset(&file, 0, sizeof file);
    put_npy(&file, 1, F32_23("False"), floats, sizeof floats);
    return &file;
}

static const struct bytes *object_file(void)
{
    static struct bytes file;
    memset(&file, 0, sizeof file);
    put_npy(&file, 1, HEADER("'|O'", "(1,)"), "\x80\x04N.", 4);
    return &file;
}

static void check_floats(ptm_weights *w, const char *name)
{
    float got[6];
    struct ptm_err err = {0};
    const struct ptm_tensor *t = ptm_weights_find(w, name);
    assert_non_null(t);
    if (ptm_weights_read(w, t, got, sizeof got, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_memory_equal(got, floats, sizeof got);
}

static void test_weights_npz__reads_stored_and_deflated_members(void **state)
{
    static struct bytes zip;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    const struct member members[] = {{"a.npy", false, array_file(), NULL, 0},
                                     {"conv/w.npy", true, array_file(), NULL, 0},
                                     {"A.npy", true, array_file(), NULL, 0}};
    put_zip(&zip, members, 3);
    if (open_bytes(&zip, "model.bin", &w, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_string_equal(ptm_weights_format(w), "npz");
    assert_int_equal(ptm_weights_count(w), 3);
    check_floats(w, "a");
    check_floats(w, "conv/w");
    check_floats(w, "A");
    assert_int_equal(ptm_weights_storage(w, 0)->file_offset, 30 + 5 + 128);
    assert_int_equal(ptm_weights_storage(w, 1)->file_offset, -1);
    ptm_weights_close(w);
}

static void test_weights_npz__passes_over_what_is_no_array_of_numbers(void **state)
{
    static struct bytes zip;
    static const struct bytes text = {.data = "hello", .len = 5};
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    const struct member members[] = {{"a.npy", false, array_file(), NULL, 0},
                                     {"o.npy", false, object_file(), NULL, 0},
                                     {"p.npy", true, object_file(), NULL, 0},
                                     {"readme.txt", false, &text, NULL, 0}};
    put_zip(&zip, members, 4);
    if (open_bytes(&zip, "x.npz", &w, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_int_equal(ptm_weights_count(w), 1);
    static const char pickle[] =
        "an array of Python objects: a pickle; 'ptm weights scan' looks into it";
    assert_string_equal(meta_of(w, "skipped: o.npy"), pickle);
    assert_string_equal(meta_of(w, "skipped: p.npy"), pickle);
    assert_string_equal(meta_of(w, "skipped: readme.txt"), "no .npy file");
    ptm_weights_close(w);
}

static void test_weights_npz__refuses_members_that_lie(void **state)
{
    static struct bytes zip;
    static struct bytes cut;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    const struct member twice[] = {{"a.npy", false, array_file(), NULL, 0},
                                   {"a.npy", false, array_file(), NULL, 0}};
    put_zip(&zip, twice, 2);
    assert_int_equal(open_bytes(&zip, "x.npz", &w, &err), PTM_EFORMAT);
    const struct member renamed[] = {{"a.npy", false, array_file(), "b.npy", 0}};
    put_zip(&zip, renamed, 1);
    assert_int_equal(open_bytes(&zip, "x.npz", &w, &err), PTM_EFORMAT);
    cut = *array_file();
    cut.len--;
    for (int deflated = 0; deflated < 2; deflated++) {
        const struct member shorter[] = {{"a.npy", deflated, &cut, NULL, 0}};
        put_zip(&zip, shorter, 1);
        assert_int_equal(open_bytes(&zip, "x.npz", &w, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, "24 bytes, 23 are there"));
    }
}

static void test_weights_npz__finds_damage_when_values_are_read(void **state)
{
    static struct bytes zip;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    float got[6];
    (void)state;
    const struct member members[] = {{"a.npy", true, array_file(), NULL, 1}};
    put_zip(&zip, members, 1);
    assert_int_equal(open_bytes(&zip, "x.npz", &w, &err), PTM_OK);
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, sizeof got, &err),
                     PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "CRC"));
    ptm_weights_close(w);
}

static void test_weights_npz__is_refused_cut_at_every_byte(void **state)
{
    static struct bytes zip;
    (void)state;
    const struct member members[] = {{"a.npy", false, array_file(), NULL, 0},
                                     {"b.npy", true, array_file(), NULL, 0}};
    put_zip(&zip, members, 2);
    for (size_t len = 0; len < zip.len; len++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        ptm_rc rc = open_named(zip.data, len, "cut.npz", &w, &err);
        if (rc != (len < 4 ? PTM_EUNSUPPORTED : PTM_EFORMAT))
            fail_msg("%zu bytes: %d %s", len, rc, err.msg);
    }
}

/* A damaged byte is an error or other values, never more than that. */
static void test_weights_npz__survives_every_damaged_byte(void **state)
{
    static struct bytes zip, bent;
    float got[6];
    (void)state;
    const struct member members[] = {{"b.npy", true, array_file(), NULL, 0}};
    put_zip(&zip, members, 1);
    for (size_t i = 0; i < zip.len; i++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        bent = zip;
        bent.data[i] ^= 0xff;
        if (open_bytes(&bent, "bent.npz", &w, &err) != PTM_OK) continue;
        if (ptm_weights_count(w) == 1 && ptm_weights_tensor(w, 0)->nbytes == 24 &&
            ptm_weights_read(w, ptm_weights_tensor(w, 0), got, sizeof got, &err) == PTM_OK)
            assert_memory_equal(got, floats, sizeof got); /* the CRC sees all else */
        ptm_weights_close(w);
    }
}

static void test_weights_npz__of_nothing_is_empty(void **state)
{
    static struct bytes zip;
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    (void)state;
    put_zip(&zip, NULL, 0);
    assert_int_equal(open_bytes(&zip, "x.npz", &w, &err), PTM_OK);
    assert_int_equal(ptm_weights_count(w), 0);
    ptm_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_npy__reads_all_versions),
        cmocka_unit_test(test_weights_npy__reads_fortran_order),
        cmocka_unit_test(test_weights_npy__reads_big_endian),
        cmocka_unit_test(test_weights_npy__knows_the_types_of_numbers),
        cmocka_unit_test(test_weights_npy__lists_texts_and_times),
        cmocka_unit_test(test_weights_npy__takes_headers_numpy_takes),
        cmocka_unit_test(test_weights_npy__refuses_other_headers),
        cmocka_unit_test(test_weights_npy__bounds_dimensions_and_headers),
        cmocka_unit_test(test_weights_npy__is_refused_cut_at_every_byte),
        cmocka_unit_test(test_weights_npy__tells_of_bytes_behind_the_array),
        cmocka_unit_test(test_weights_npz__reads_stored_and_deflated_members),
        cmocka_unit_test(test_weights_npz__passes_over_what_is_no_array_of_numbers),
        cmocka_unit_test(test_weights_npz__refuses_members_that_lie),
        cmocka_unit_test(test_weights_npz__finds_damage_when_values_are_read),
        cmocka_unit_test(test_weights_npz__is_refused_cut_at_every_byte),
        cmocka_unit_test(test_weights_npz__survives_every_damaged_byte),
        cmocka_unit_test(test_weights_npz__of_nothing_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
