/* SPDX-License-Identifier: MIT */
/* test_weights_safetensors.c - which bytes are a safetensors file, what is read out of one, and of
 * an index with its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ptm/weights.h>

#include "base/auto.h"
#include "fail_alloc.h"
#include "unit_tmp.h"
#include "weights/weights_priv.h"

PTM_DEFINE_CLEANUP(closep, ptm_weights *, ptm_weights_close)

struct bytes {
    uint8_t *data;
    size_t len;
};

static void clear_bytes(struct bytes *bytes)
{
    free(bytes->data);
}
#define BYTES __attribute__((cleanup(clear_bytes))) struct bytes

/* A file of that header and so many bytes 0, 1, 2.. of data, in memory of just its size. */
static struct bytes file_of(const char *header, size_t data)
{
    size_t n = strlen(header);
    struct bytes file = {malloc(8 + n + data), 8 + n + data};
    for (size_t i = 0; i < 8; i++) file.data[i] = (uint8_t)((uint64_t)n >> 8 * i);
    memcpy(file.data + 8, header, n);
    for (size_t i = 0; i < data; i++) file.data[8 + n + i] = (uint8_t)i;
    return file;
}

static ptm_rc open_bytes(const void *data, size_t len, ptm_weights **out, struct ptm_err *err)
{
    ptmi_source *source = NULL;
    ptm_rc rc = ptmi_source_lend(data, len, "x.safetensors", &source, err);
    if (rc < 0) return rc;
    return ptmi_weights_open_source(source, "x.safetensors", NULL, NULL, out, err);
}

static ptm_rc open_header(const char *header, size_t data, struct ptm_err *err)
{
    BYTES file = file_of(header, data);
    PTM_AUTO(closep) ptm_weights *weights = NULL;
    return open_bytes(file.data, file.len, &weights, err);
}

#define T(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" offsets "]}"
#define TWO                                                 \
    "{\"__metadata__\":{\"format\":\"pt\",\"a\":\"b\"}," T( \
        "b.weight", "F32", "2,3", "0,24") "," T("a", "BF16", "", "24,26") "}  "

static void test_weights_safetensors__is_read(void **state)
{
    (void)state;
    BYTES file = file_of(TWO, 26);
    PTM_AUTO(closep) ptm_weights *weights = NULL;
    assert_int_equal(open_bytes(file.data, file.len, &weights, NULL), PTM_OK);
    assert_string_equal(ptm_weights_format(weights), "safetensors");
    assert_int_equal(ptm_weights_count(weights), 2);
    const struct ptm_tensor *b = ptm_weights_tensor(weights, 0);
    assert_string_equal(b->name, "b.weight");
    assert_int_equal(b->dtype, PTM_FLOAT32);
    assert_int_equal(b->n_dims, 2);
    assert_int_equal(b->shape[1], 3);
    assert_null(b->stride);
    assert_int_equal(b->offset, -1);
    assert_int_equal(b->byte_offset, 0);
    const struct ptm_tensor *a = ptm_weights_find(weights, "a");
    assert_int_equal(a->n_dims, 0);
    assert_int_equal(a->byte_offset, 24);
    assert_int_equal(ptm_weights_storage_count(weights), 1);
    assert_int_equal(ptm_weights_storage(weights, 0)->file_offset, 8 + strlen(TWO));
    assert_int_equal(ptm_weights_parameters(weights), 7);
    assert_int_equal(ptm_weights_bytes(weights), 26);
    assert_int_equal(ptm_weights_meta_count(weights), 2);
    assert_string_equal(ptm_weights_meta(weights, 1)->value, "b");
    uint8_t value[2];
    assert_int_equal(ptm_weights_read(weights, a, value, 2, NULL), PTM_OK);
    assert_int_equal(value[1], 25);
}

static void test_weights_safetensors__knows_every_dtype(void **state)
{
    static const struct {
        const char *name, *torch;
        int bytes; /* of 8 elements */
    } dtypes[] = {
        {"BOOL", "bool", 8},
        {"F4", "float4_e2m1fn", 4},
        {"F6_E2M3", "float6_e2m3fn", 6},
        {"F6_E3M2", "float6_e3m2fn", 6},
        {"U8", "uint8", 8},
        {"I8", "int8", 8},
        {"F8_E5M2", "float8_e5m2", 8},
        {"F8_E4M3", "float8_e4m3fn", 8},
        {"F8_E8M0", "float8_e8m0fnu", 8},
        {"F8_E4M3FNUZ", "float8_e4m3fnuz", 8},
        {"F8_E5M2FNUZ", "float8_e5m2fnuz", 8},
        {"I16", "int16", 16},
        {"U16", "uint16", 16},
        {"F16", "float16", 16},
        {"BF16", "bfloat16", 16},
        {"I32", "int32", 32},
        {"U32", "uint32", 32},
        {"F32", "float32", 32},
        {"C64", "complex64", 64},
        {"F64", "float64", 64},
        {"I64", "int64", 64},
        {"U64", "uint64", 64},
    };
    (void)state;
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        char header[256];
        snprintf(header, sizeof header,
                 "{\"x\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%d]}}", dtypes[i].name,
                 dtypes[i].bytes);
        BYTES file = file_of(header, (size_t)dtypes[i].bytes);
        PTM_AUTO(closep) ptm_weights *weights = NULL;
        struct ptm_err err = {0};
        if (open_bytes(file.data, file.len, &weights, &err) != PTM_OK) fail_msg("%s", err.msg);
        ptm_dtype dtype = ptm_weights_tensor(weights, 0)->dtype;
        assert_string_equal(ptm_dtype_info(dtype)->name, dtypes[i].torch);
    }
}

static void test_weights_safetensors__takes_what_is_allowed(void **state)
{
    static const struct {
        const char *header;
        size_t data;
    } files[] = {
        {"{}", 0},
        {"{}          ", 0},
        {"{\"__metadata__\":{}}", 0},
        {"{\"__metadata__\":null}", 0},
        {"{" T("x", "F32", "0", "0,0") "}", 0},
        {"{" T("x", "F32", "", "0,4") "}", 4},
        {"{" T("", "F32", "1", "0,4") "}", 4},
        /* In any order; empty ones anywhere between others. */
        {"{" T("b", "U8", "2", "1,3") "," T("a", "U8", "1", "0,1") "," T("e", "U8", "0", "1,1") "}",
         3},
        {"{" T("\\u00e4\\n", "U8", "1", "0,1") "}", 1},
        {"{\"x\":{\"data_offsets\":[0,1],\"more\":1,\"more\":[],\"shape\":[1],\"dtype\":\"U8\"}}",
         1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct ptm_err err = {0};
        if (open_header(files[i].header, files[i].data, &err) != PTM_OK)
            fail_msg("%s: %s", files[i].header, err.msg);
    }
}

#define A_TO_B(a, b) "{" T("a", "U8", "1", a) "," T("b", "U8", "1", b) "}"

static void test_weights_safetensors__refuses_what_is_not(void **state)
{
    static const struct {
        const char *header;
        size_t data;
        const char *says;
    } files[] = {
        {"", 0, "empty header"},
        {" {}", 0, "does not begin with {"},
        {"[]", 0, "does not begin with {"},
        {"{}}", 0, "byte 10"},
        {"{} x", 0, "byte 11"},
        {"{", 0, "byte 9"},
        {"{}", 1, "byte 10: 1 bytes that no tensor covers"},
        {"{\"x\":1}", 0, "byte 10: tensor x: is no object"},
        {"{\"\xff\":1}", 0, "byte 10"},
        {"{" T("x", "F33", "1", "0,4") "}", 4, "dtype that is not known"},
        {"{" T("x", "f32", "1", "0,4") "}", 4, "dtype that is not known"},
        {"{\"x\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype"},
        {"{\"x\":{\"dtype\":3,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "no dtype"},
        {"{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "no shape"},
        {"{\"x\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no data_offsets"},
        {"{" T("x", "F32", "1", "0,4,8") "}", 4, "no data_offsets of two"},
        {"{" T("x", "F32", "1", "0") "}", 4, "no data_offsets of two"},
        {"{" T("x", "F32", "1", "0,4.0") "}", 4, "no whole numbers"},
        {"{" T("x", "F32", "1", "-4,0") "}", 4, "no whole numbers"},
        {"{" T("x", "F32", "1", "4,0") "}", 4, "ends before it begins"},
        {"{" T("x", "F32", "1", "0,8") "}", 4, "over the end"},
        {"{" T("x", "F32", "1", "0,18446744073709551615") "}", 4, "over the end"},
        {"{" T("x", "F32", "1", "0,18446744073709551616") "}", 4, "no whole numbers"},
        {"{" T("x", "F32", "2", "0,4") "}", 4, "span 4 bytes, dtype and shape take 8"},
        {"{" T("x", "F32", "-1", "0,4") "}", 4, "a size that is none"},
        {"{" T("x", "F32", "1.0", "0,4") "}", 4, "a size that is none"},
        {"{" T("x", "F32", "\\\"1\\\"", "0,4") "}", 4, "byte "},
        {"{" T("x", "F32", "18446744073709551615", "0,4") "}", 4, "a size that is none"},
        {"{" T("x", "F32", "4611686018427387904,4", "0,0") "}", 0, "more than 64 bits"},
        {"{" T("x", "F32", "4611686018427387904", "0,0") "}", 0, "64 bits"},
        {"{" T("x", "F4", "3", "0,2") "}", 2, "does not fill its last byte"},
        {"{" T("x", "F6_E2M3", "5", "0,4") "}", 4, "does not fill its last byte"},
        {"{" T("x", "U8", "1", "0,1") "," T("x", "U8", "1", "1,2") "}", 2, "stands there twice"},
        {"{\"x\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1,
         "a field twice"},
        {A_TO_B("0,1", "2,3"), 3, "a hole before tensor b"},
        {A_TO_B("1,2", "2,3"), 3, "a hole before tensor a"},
        {A_TO_B("0,1", "0,1"), 1, "an overlap before tensor b"},
        {A_TO_B("1,2", "0,1"), 3, "1 bytes that no tensor covers"},
        {"{\"x\":{\"dtype\\u0000\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1, "no dtype"},
        {"{" T("x", "U8\\u0000", "1", "0,1") "}", 1, "no dtype"},
        {"{" T("a\\u0000b", "U8", "1", "0,1") "}", 1, "NUL"},
        {"{\"__metadata__\":[]}", 0, "no object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "something else than strings"},
        {"{\"__metadata__\":{\"a\":\"\\u0000\"}}", 0, "something else than strings"},
        {"{\"__metadata__\":{\"a\":\"1\",\"b\":\"\",\"a\":\"2\"}}", 0, "a key twice"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0, "twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct ptm_err err = {0};
        ptm_rc rc = open_header(files[i].header, files[i].data, &err);
        if (rc != PTM_EFORMAT || !strstr(err.msg, files[i].says))
            fail_msg("%s: %d %s", files[i].header, rc, err.msg);
    }
}

static void test_weights_safetensors__refuses_wrong_lengths(void **state)
{
    (void)state;
    static const struct {
        uint64_t len;
        const char *says;
    } lengths[] = {
        {3, "byte 11: 1 bytes that no tensor covers"}, /* it is 4: the last space is data then */
        {5, "a header of 5 bytes, 4 are left"},        {100000000, "100000000 bytes, 4 are left"},
        {100000001, "100000000 are allowed"},          {UINT64_MAX, "100000000 are allowed"},
        {UINT64_MAX - 7, "100000000 are allowed"},
    };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        BYTES file = file_of("{}  ", 0);
        for (size_t at = 0; at < 8; at++) file.data[at] = (uint8_t)(lengths[i].len >> 8 * at);
        struct ptm_err err = {0};
        PTM_AUTO(closep) ptm_weights *weights = NULL;
        assert_int_equal(open_bytes(file.data, file.len, &weights, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, lengths[i].says));
    }
}

static void test_weights_safetensors__refuses_65_dimensions(void **state)
{
    (void)state;
    char header[512] = "{\"x\":{\"dtype\":\"U8\",\"data_offsets\":[0,1],\"shape\":[1";
    for (int i = 1; i < 64; i++) strcat(header, ",1");
    size_t at = strlen(header);
    strcat(header, "]}}");
    assert_int_equal(open_header(header, 1, NULL), PTM_OK);
    strcpy(header + at, ",1]}}");
    assert_int_equal(open_header(header, 1, NULL), PTM_EFORMAT);
}

static void test_weights_safetensors__no_prefix_of_one_is_one(void **state)
{
    (void)state;
    BYTES file = file_of(TWO, 26);
    for (size_t n = 0; n < file.len; n++) {
        PTM_AUTO(ptmi_freep) uint8_t *cut = malloc(n + 1);
        memcpy(cut, file.data, n);
        PTM_AUTO(closep) ptm_weights *weights = NULL;
        ptm_rc rc = open_bytes(cut, n, &weights, NULL);
        if (rc != PTM_EFORMAT && !(n == 0 && rc == PTM_EUNSUPPORTED)) fail_msg("%zu: %d", n, rc);
    }
}

static void test_weights_safetensors__tells_what_else_it_is(void **state)
{
    (void)state;
    static const char *const texts[][2] = {
        {"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "Git LFS pointer"},
        {"<!DOCTYPE html><html></html>", "HTML page"},
    };
    for (size_t i = 0; i < 2; i++) {
        struct ptm_err err = {0};
        PTM_AUTO(closep) ptm_weights *weights = NULL;
        assert_int_equal(open_bytes(texts[i][0], strlen(texts[i][0]), &weights, &err),
                         PTM_EUNSUPPORTED);
        assert_non_null(strstr(err.msg, texts[i][1]));
    }
}

/* --- indexes --- */

static void write_file(const char *folder, const char *name, const char *header, size_t data)
{
    BYTES file = file_of(header, data);
    FILE *to = fopen(unit_path(folder, name), "wb");
    if (!to || fwrite(file.data, 1, file.len, to) != file.len || fclose(to) != 0) abort();
}

static ptm_rc open_index(const char *folder, const char *text, bool no_siblings, ptm_weights **out,
                         struct ptm_err *err)
{
    const char *path = unit_path(folder, "m.safetensors.index.json");
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    opts.no_siblings = no_siblings;
    unit_write(path, text);
    return ptm_weights_open(path, &opts, out, err);
}

#define INDEX(map) "{\"metadata\":{\"total_size\":3,\"by\":\"us\"},\"weight_map\":{" map "}}"

static void write_shards(const char *folder)
{
    write_file(folder, "1.safetensors",
               "{\"__metadata__\":{\"format\":\"pt\",\"by\":\"1\"}," T("a", "U8", "1", "0,1") "," T(
                   "b", "U8", "1", "1,2") "}",
               2);
    write_file(folder, "2.safetensors",
               "{\"__metadata__\":{\"format\":\"pt\"}," T("c", "U8", "1", "0,1") "}", 1);
}

static void test_weights_safetensors__index_is_read(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    write_shards(tmp.path);
    PTM_AUTO(closep) ptm_weights *weights = NULL;
    assert_int_equal(
        open_index(tmp.path,
                   INDEX("\"c\":\"2.safetensors\",\"b\":\"1.safetensors\",\"a\":\"1.safetensors\""),
                   false, &weights, NULL),
        PTM_OK);
    assert_string_equal(ptm_weights_format(weights), "safetensors-index");
    assert_int_equal(ptm_weights_count(weights), 3);
    assert_string_equal(ptm_weights_tensor(weights, 0)->name, "c");
    assert_string_equal(ptm_weights_tensor(weights, 1)->name, "b");
    assert_int_equal(ptm_weights_storage_count(weights), 2);
    assert_int_equal(ptm_weights_storage(weights, 0)->file_offset, -1);
    uint8_t value = 9;
    assert_int_equal(ptm_weights_read(weights, ptm_weights_find(weights, "b"), &value, 1, NULL),
                     PTM_OK);
    assert_int_equal(value, 1);
    assert_int_equal(ptm_weights_meta_count(weights), 3);
    assert_string_equal(ptm_weights_meta(weights, 0)->key, "total_size");
    assert_string_equal(ptm_weights_meta(weights, 0)->value, "3");
    assert_string_equal(ptm_weights_meta(weights, 1)->value, "us");
    assert_string_equal(ptm_weights_meta(weights, 2)->key, "format");
}

static void test_weights_safetensors__index_alone_names_its_files(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = NULL;
    assert_int_equal(open_index(tmp.path, INDEX("\"c\":\"2.safetensors\",\"b\":\"1.safetensors\""),
                                true, &weights, NULL),
                     PTM_OK);
    assert_int_equal(ptm_weights_count(weights), 0);
    const struct ptm_meta *meta = ptm_weights_meta(weights, 2);
    assert_string_equal(meta->key, "shards_not_opened");
    assert_string_equal(meta->value, "[\"1.safetensors\",\"2.safetensors\"]");
}

static void test_weights_safetensors__index_is_refused(void **state)
{
    static const struct {
        const char *text;
        ptm_rc rc;
        const char *says;
    } indexes[] = {
        {"{\"a\":    ", PTM_EFORMAT, "not JSON"},
        {"{\"metadata\":{},  }", PTM_EFORMAT, "not JSON"},
        {"{\"metadata\":{}    }", PTM_EFORMAT, "no weight_map"},
        {"{\"weight_map\":[]}", PTM_EFORMAT, "no weight_map"},
        {"{\"weight_map\":{},\"weight_map\":{}}", PTM_EFORMAT, "two weight_maps"},
        {INDEX("\"c\":1"), PTM_EFORMAT, "entry 0"},
        {INDEX("\"c\":\"2.safetensors\",\"c\":\"2.safetensors\""), PTM_EFORMAT, "in the map twice"},
        {INDEX("\"a\":\"2.safetensors\""), PTM_EFORMAT, "tensor a is not in the file"},
        {INDEX("\"a\":\"3.safetensors\""), PTM_ENOENT, "3.safetensors"},
        {INDEX("\"a\":\"../1.safetensors\""), PTM_EUNSAFE, "m.safetensors.index.json"},
        {INDEX("\"a\":\"/etc/passwd\""), PTM_EUNSAFE, "m.safetensors.index.json"},
        {INDEX("\"a\":\"link\""), PTM_EUNSAFE, "link"},
        {INDEX("\"a\":\"m.safetensors.index.json\""), PTM_EUNSUPPORTED, "is safetensors-index"},
        {INDEX("\"a\":\"broken.safetensors\""), PTM_EFORMAT, "broken.safetensors: byte"},
    };
    (void)state;
    UNIT_TMP(tmp);
    write_shards(tmp.path);
    write_file(tmp.path, "broken.safetensors", "{}", 3);
    assert_int_equal(symlink("1.safetensors", unit_path(tmp.path, "link")), 0);
    for (size_t i = 0; i < sizeof indexes / sizeof *indexes; i++) {
        struct ptm_err err = {0};
        PTM_AUTO(closep) ptm_weights *weights = NULL;
        ptm_rc rc = open_index(tmp.path, indexes[i].text, false, &weights, &err);
        if (rc != indexes[i].rc || !strstr(err.msg, indexes[i].says))
            fail_msg("%s: %d %s", indexes[i].text, rc, err.msg);
    }
}

/* --- out of memory --- */

static void fail_each_allocation(const char *path)
{
    int n = 1;
    for (;; n++) {
        struct ptm_err err = {0};
        ptm_weights *weights = NULL;
        fail_alloc_arm(n);
        ptm_rc rc = ptm_weights_open(path, NULL, &weights, &err);
        bool failed = fail_alloc_disarm();
        ptm_weights_close(weights);
        if (!failed) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        if (rc != PTM_ENOMEM) fail_msg("allocation %d: %d %s", n, rc, err.msg);
    }
    assert_true(n > 8);
}

static void test_weights_safetensors__survives_no_memory(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    write_shards(tmp.path);
    fail_each_allocation(unit_path(tmp.path, "1.safetensors"));
    const char *path = unit_path(tmp.path, "m.safetensors.index.json");
    unit_write(path, INDEX("\"c\":\"2.safetensors\",\"b\":\"1.safetensors\""));
    fail_each_allocation(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_safetensors__is_read),
        cmocka_unit_test(test_weights_safetensors__knows_every_dtype),
        cmocka_unit_test(test_weights_safetensors__takes_what_is_allowed),
        cmocka_unit_test(test_weights_safetensors__refuses_what_is_not),
        cmocka_unit_test(test_weights_safetensors__refuses_wrong_lengths),
        cmocka_unit_test(test_weights_safetensors__refuses_65_dimensions),
        cmocka_unit_test(test_weights_safetensors__no_prefix_of_one_is_one),
        cmocka_unit_test(test_weights_safetensors__tells_what_else_it_is),
        cmocka_unit_test(test_weights_safetensors__index_is_read),
        cmocka_unit_test(test_weights_safetensors__index_alone_names_its_files),
        cmocka_unit_test(test_weights_safetensors__index_is_refused),
        cmocka_unit_test(test_weights_safetensors__survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
