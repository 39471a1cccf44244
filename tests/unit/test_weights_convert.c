/* SPDX-License-Identifier: MIT */
/* test_weights_convert.c - what becomes of tensors on their way to safetensors, and what is left
 * behind when it fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sys/stat.h>

#include <ptm/weights.h>

#include "base/auto.h"
#include "fail_alloc.h"
#include "unit_tmp.h"
#include "weights/weights_priv.h"

PTM_DEFINE_CLEANUP(closep, ptm_weights *, ptm_weights_close)

/* The n-th write() from now on fails; 0: none. */
static int fail_write_at;
static bool write_failed;

ssize_t __real_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len);
ssize_t __wrap_write(int fd, const void *data, size_t len)
{
    if (fail_write_at == 0 || --fail_write_at > 0) return __real_write(fd, data, len);
    write_failed = true;
    errno = ENOSPC;
    return -1;
}

/* --- sources made by hand --- */

static ptm_weights *new_weights(void)
{
    ptm_weights *weights = calloc(1, sizeof *weights);
    assert_non_null(weights);
    weights->arena.max = 1 << 24;
    weights->format = "test";
    weights->producer = "";
    weights->path = strdup("source.pt");
    pthread_mutex_init(&weights->lock, NULL);
    assert_int_equal(ptmi_source_lend("", 0, "source.pt", &weights->source, NULL), PTM_OK);
    return weights;
}

static size_t add_bytes(ptm_weights *weights, const void *bytes, size_t len, bool big_endian)
{
    struct ptm_storage storage = {.nbytes = (int64_t)len, .big_endian = big_endian};
    struct ptmi_storage_from from = {0};
    size_t added = 0;
    if (bytes) assert_int_equal(ptmi_source_lend(bytes, len, "memory", &from.source, NULL), PTM_OK);
    assert_int_equal(ptmi_weights_add_storage(weights, &storage, &from, &added, NULL), PTM_OK);
    return added;
}

#define DIMS(...)     \
    (const int64_t[]) \
    {                 \
        __VA_ARGS__   \
    }
#define VIEW(dtype_, storage_, offset_, n, shape_, stride_)                           \
    (struct ptm_tensor)                                                               \
    {                                                                                 \
        .dtype = (dtype_), .storage = (storage_), .offset = (offset_), .n_dims = (n), \
        .shape = (shape_), .stride = (stride_)                                        \
    }

static const int64_t *keep(ptm_weights *weights, const int64_t *numbers, int n)
{
    void *copy = NULL;
    if (!numbers) return NULL;
    assert_int_equal(ptmi_weights_alloc(weights, (size_t)n * sizeof *numbers, &copy, NULL), PTM_OK);
    return memcpy(copy, numbers, (size_t)n * sizeof *numbers);
}

static void add(ptm_weights *weights, const char *name, struct ptm_tensor tensor)
{
    struct ptm_err err = {0};
    tensor.shape = keep(weights, tensor.shape, tensor.n_dims);
    tensor.stride = keep(weights, tensor.stride, tensor.n_dims);
    if (ptmi_weights_add(weights, name, &tensor, NULL, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static ptm_weights *convert_to(ptm_weights *weights, const char *path,
                               const struct ptm_convert_opts *opts,
                               struct ptm_convert_report *report)
{
    struct ptm_err err = {0};
    ptm_weights *back = NULL;
    if (ptm_weights_convert(NULL, weights, path, opts, report, &err) != PTM_OK)
        fail_msg("%s", err.msg);
    if (ptm_weights_open(path, NULL, &back, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_string_equal(ptm_weights_format(back), "safetensors");
    return back;
}

static void *values(ptm_weights *weights, const char *name)
{
    const struct ptm_tensor *tensor = ptm_weights_find(weights, name);
    if (!tensor) fail_msg("%s is not there", name);
    void *out = malloc((size_t)tensor->nbytes + 1);
    assert_int_equal(ptm_weights_read(weights, tensor, out, (size_t)tensor->nbytes, NULL), PTM_OK);
    return out;
}

#define ASSERT_VALUES(weights, name, type, ...)                                 \
    do {                                                                        \
        const type want[] = {__VA_ARGS__};                                      \
        PTM_AUTO(ptmi_freep) void *have = values(weights, name);                \
        assert_int_equal(ptm_weights_find(weights, name)->nbytes, sizeof want); \
        assert_memory_equal(have, want, sizeof want);                           \
    } while (0)

static const char *meta(const ptm_weights *weights, const char *key)
{
    for (size_t i = 0; i < ptm_weights_meta_count(weights); i++)
        if (strcmp(ptm_weights_meta(weights, i)->key, key) == 0)
            return ptm_weights_meta(weights, i)->value;
    return NULL;
}

static const float FLOATS[] = {0, 1, 2, 3, 4, 5, 6, 7};

/* --- what is written --- */

static void test_weights_convert__order_and_header_are_the_reference_s(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    add(weights, "b\n", VIEW(PTM_UINT8, storage, 4, 1, DIMS(3), NULL));
    add(weights, "z", VIEW(PTM_FLOAT32, storage, 1, 2, DIMS(1, 2), DIMS(2, 1)));
    add(weights, "a", VIEW(PTM_FLOAT32, storage, 2, 0, NULL, NULL));
    add(weights, "l", VIEW(PTM_INT64, storage, 0, 1, DIMS(0), NULL));
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, NULL);
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},"
        "\"l\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[0,0]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]},"
        "\"z\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[4,12]},"
        "\"b\\n\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[12,15]}}";
    PTM_AUTO(ptmi_freep) char *file = unit_read(unit_path(tmp.path, "x"));
    assert_int_equal(file[0] % 8, 0);
    assert_memory_equal(file + 8, header, strlen(header));
    ASSERT_VALUES(back, "z", float, 1, 2);
    ASSERT_VALUES(back, "a", float, 2);
    ASSERT_VALUES(back, "b\n", uint8_t, 0, 0, 0x80);
    assert_int_equal(unit_entries(tmp.path), 1);
}

static void test_weights_convert__twice_makes_equal_files(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    static uint8_t big[300000];
    for (size_t i = 0; i < sizeof big; i++) big[i] = (uint8_t)(i * 7);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, big, sizeof big, false);
    add(weights, "small", VIEW(PTM_UINT8, storage, 5, 1, DIMS(7), NULL));
    add(weights, "big", VIEW(PTM_UINT8, storage, 1, 1, DIMS(299999), NULL));
    const char *one = unit_path(tmp.path, "1"), *two = unit_path(tmp.path, "2");
    PTM_AUTO(closep) ptm_weights *first = convert_to(weights, one, NULL, NULL);
    assert_int_equal(ptmi_weights_add_meta(first, "by", "us", NULL), PTM_OK);
    PTM_AUTO(closep) ptm_weights *second = convert_to(first, two, NULL, NULL);
    assert_string_equal(meta(second, "by"), "us");
    assert_string_equal(meta(second, "format"), "pt");
    PTM_AUTO(ptmi_freep) uint8_t *have = values(second, "big");
    assert_memory_equal(have, big + 1, 299999);
    PTM_AUTO(closep) ptm_weights *third = convert_to(second, unit_path(tmp.path, "3"), NULL, NULL);
    assert_int_equal(ptm_weights_count(third), 2);
    PTM_AUTO(ptmi_freep) char *a = NULL;
    PTM_AUTO(ptmi_freep) char *b = NULL;
    size_t a_len = 0, b_len = 0;
    assert_int_equal(ptmi_fs_read(two, 1 << 20, &a, &a_len, NULL), PTM_OK);
    assert_int_equal(ptmi_fs_read(unit_path(tmp.path, "3"), 1 << 20, &b, &b_len, NULL), PTM_OK);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
}

static void add_views(ptm_weights *weights)
{
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    size_t other = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    add(weights, "tied", VIEW(PTM_FLOAT32, storage, 0, 2, DIMS(2, 2), DIMS(2, 1)));
    add(weights, "emb", VIEW(PTM_FLOAT32, storage, 0, 2, DIMS(2, 2), NULL));
    add(weights, "format", VIEW(PTM_FLOAT32, storage, 0, 2, DIMS(2, 2), NULL));
    add(weights, "flat", VIEW(PTM_FLOAT32, storage, 0, 1, DIMS(4), NULL));
    add(weights, "turned", VIEW(PTM_FLOAT32, storage, 0, 2, DIMS(2, 2), DIMS(1, 2)));
    add(weights, "later", VIEW(PTM_FLOAT32, storage, 1, 2, DIMS(2, 2), NULL));
    add(weights, "bits", VIEW(PTM_INT32, storage, 0, 2, DIMS(2, 2), NULL));
    add(weights, "copy", VIEW(PTM_FLOAT32, other, 0, 2, DIMS(2, 2), NULL));
    add(weights, "none", VIEW(PTM_FLOAT32, storage, 0, 1, DIMS(0), NULL));
    add(weights, "nought", VIEW(PTM_FLOAT32, storage, 0, 1, DIMS(0), NULL));
}

static void test_weights_convert__equal_views_are_written_once(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    struct ptm_convert_report report;
    add_views(weights);
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, &report);
    assert_int_equal(report.tensors, 9);
    assert_int_equal(report.aliases, 1);
    assert_int_equal(report.files, 1);
    assert_int_equal(ptm_weights_count(back), 9);
    assert_null(ptm_weights_find(back, "tied"));
    assert_string_equal(meta(back, "tied"), "emb"); /* the first by name stays */
    assert_string_equal(meta(back, "format"), "pt");
    ASSERT_VALUES(back, "turned", float, 0, 2, 1, 3);
    ASSERT_VALUES(back, "later", float, 1, 2, 3, 4);
    ASSERT_VALUES(back, "format", float, 0, 1, 2, 3);
    struct stat st;
    assert_int_equal(stat(unit_path(tmp.path, "x"), &st), 0);
    assert_int_equal(report.bytes, st.st_size);
}

static void test_weights_convert__split_writes_each(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    struct ptm_convert_report report;
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.split = true;
    add_views(weights);
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), &opts, &report);
    assert_int_equal(report.tensors, 10);
    assert_int_equal(report.aliases, 0);
    ASSERT_VALUES(back, "tied", float, 0, 1, 2, 3);
    assert_null(meta(back, "tied"));
}

static void test_weights_convert__strides_become_c_order(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    add(weights, "t", VIEW(PTM_FLOAT32, storage, 1, 2, DIMS(3, 2), DIMS(1, 3)));
    add(weights, "expanded", VIEW(PTM_FLOAT32, storage, 5, 2, DIMS(2, 3), DIMS(0, 0)));
    add(weights, "every2nd", VIEW(PTM_FLOAT32, storage, 1, 1, DIMS(4), DIMS(2)));
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, NULL);
    ASSERT_VALUES(back, "t", float, 1, 4, 2, 5, 3, 6);
    ASSERT_VALUES(back, "expanded", float, 5, 5, 5, 5, 5, 5);
    ASSERT_VALUES(back, "every2nd", float, 1, 3, 5, 7);
}

/* More than a block: cut along the first, the second and the last dimension. */
static void test_weights_convert__large_strided_ones_come_in_blocks(void **state)
{
    (void)state;
    static const struct {
        int64_t shape[3], stride[3];
    } views[] = {
        {{3000, 10, 100}, {1, 3000, 30000}},
        {{3, 1000, 1000}, {1, 3000, 3}},
        {{1, 2, 1500000}, {7, 1, 2}},
    };
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_freep) int32_t *numbers = malloc(3000000 * sizeof *numbers);
    for (int32_t i = 0; i < 3000000; i++) numbers[i] = i;
    for (size_t v = 0; v < sizeof views / sizeof *views; v++) {
        const int64_t *shape = views[v].shape, *stride = views[v].stride;
        PTM_AUTO(closep) ptm_weights *weights = new_weights();
        size_t storage = add_bytes(weights, numbers, 3000000 * sizeof *numbers, false);
        add(weights, "x", VIEW(PTM_INT32, storage, 0, 3, shape, stride));
        struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
        opts.force = true;
        PTM_AUTO(closep)
        ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), &opts, NULL);
        PTM_AUTO(ptmi_freep) int32_t *have = values(back, "x");
        const int32_t *at = have;
        for (int64_t i = 0; i < shape[0]; i++)
            for (int64_t j = 0; j < shape[1]; j++)
                for (int64_t k = 0; k < shape[2]; k++, at++)
                    if (*at != i * stride[0] + j * stride[1] + k * stride[2])
                        fail_msg("view %zu at %lld %lld %lld", v, (long long)i, (long long)j,
                                 (long long)k);
    }
}

static void test_weights_convert__big_endian_is_turned(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    static const uint8_t big[] = {0, 0, 0, 1, 0, 0, 1, 0, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0};
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, big, sizeof big, true);
    add(weights, "i", VIEW(PTM_INT32, storage, 0, 1, DIMS(2), NULL));
    add(weights, "h", VIEW(PTM_INT16, storage, 1, 1, DIMS(2), DIMS(2)));
    add(weights, "b", VIEW(PTM_UINT8, storage, 6, 1, DIMS(3), NULL));
    add(weights, "c", VIEW(PTM_COMPLEX64, storage, 1, 1, DIMS(1), NULL));
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, NULL);
    ASSERT_VALUES(back, "i", int32_t, 1, 256);
    ASSERT_VALUES(back, "h", int16_t, 1, 256);
    ASSERT_VALUES(back, "b", uint8_t, 1, 0, 0x3f);
    ASSERT_VALUES(back, "c", float, 1, -2);
}

static void test_weights_convert__lazy_views_are_worked_out(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    static const double doubles[] = {1, -2};
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    size_t wide = add_bytes(weights, doubles, sizeof doubles, false);
    struct ptm_tensor c = VIEW(PTM_COMPLEX64, storage, 1, 1, DIMS(2), NULL);
    struct ptm_tensor f = VIEW(PTM_FLOAT32, storage, 1, 1, DIMS(2), NULL);
    struct ptm_tensor d = VIEW(PTM_FLOAT64, wide, 0, 1, DIMS(2), NULL);
    add(weights, "plain", c);
    c.conj = true;
    add(weights, "conj", c);
    c.neg = true;
    add(weights, "both", c);
    f.neg = d.neg = true;
    add(weights, "neg", f);
    add(weights, "wide", d);
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, NULL);
    ASSERT_VALUES(back, "plain", float, 2, 3, 4, 5);
    ASSERT_VALUES(back, "conj", float, 2, -3, 4, -5);
    ASSERT_VALUES(back, "both", float, -2, 3, -4, 5);
    ASSERT_VALUES(back, "neg", float, -1, -2);
    ASSERT_VALUES(back, "wide", double, -1, 2);
}

static void test_weights_convert__pairs_are_counted_one_by_one(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    add(weights, "x", VIEW(PTM_FLOAT4_E2M1FN_X2, storage, 4, 2, DIMS(2, 3), NULL));
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), NULL, NULL);
    const struct ptm_tensor *x = ptm_weights_find(back, "x");
    assert_int_equal(x->dtype, PTM_FLOAT4_E2M1FN);
    assert_int_equal(x->shape[1], 6);
    assert_int_equal(x->nbytes, 6);
}

/* Changes of a private writable mapping are values too. */
static void test_weights_convert__changed_values_are_written(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(ptmi_freep) uint8_t *zeros = calloc(100000, 1);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, zeros, 100000, false);
    add(weights, "x", VIEW(PTM_UINT8, storage, 0, 1, DIMS(100000), NULL));
    ptm_weights_close(convert_to(weights, unit_path(tmp.path, "1"), NULL, NULL));
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    opts.writable = true;
    PTM_AUTO(closep) ptm_weights *open = NULL;
    assert_int_equal(ptm_weights_open(unit_path(tmp.path, "1"), &opts, &open, NULL), PTM_OK);
    void *data = NULL;
    assert_int_equal(ptm_weights_storage_data(open, 0, &data, NULL), PTM_OK);
    ((uint8_t *)data)[99999] = 7;
    PTM_AUTO(closep) ptm_weights *back = convert_to(open, unit_path(tmp.path, "2"), NULL, NULL);
    PTM_AUTO(ptmi_freep) uint8_t *have = values(back, "x");
    assert_int_equal(have[99999], 7);
}

/* --- what is not --- */

static struct ptm_tensor none(struct ptm_tensor tensor)
{
    tensor.storage = PTM_NO_STORAGE;
    return tensor;
}

static void add_what_cannot_be_held(ptm_weights *weights)
{
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    size_t meta_storage = add_bytes(weights, NULL, 8, false);
    struct ptm_tensor lazy = VIEW(PTM_BFLOAT16, storage, 0, 1, DIMS(1), NULL);
    struct ptm_tensor quantised = VIEW(PTM_QINT8, storage, 0, 1, DIMS(1), NULL);
    struct ptm_tensor sparse = none(VIEW(PTM_FLOAT32, 0, 0, 1, DIMS(1), NULL));
    sparse.layout = PTM_SPARSE_COO;
    quantised.qscheme = PTM_PER_TENSOR_AFFINE;
    lazy.neg = true;
    add(weights, "ok", VIEW(PTM_UINT8, storage, 0, 1, DIMS(1), NULL));
    add(weights, "complex128", VIEW(PTM_COMPLEX128, storage, 0, 1, DIMS(1), NULL));
    add(weights, "complex32", VIEW(PTM_COMPLEX32, storage, 0, 1, DIMS(1), NULL));
    add(weights, "quantised qint8", quantised);
    add(weights, "sparse_coo", sparse);
    add(weights, "string", none(VIEW(PTM_STRING, 0, 0, 1, DIMS(1), NULL)));
    add(weights, "ggml:q8_0", VIEW(PTM_GGML_Q8_0, storage, -1, 1, DIMS(0), NULL));
    add(weights, "int4", VIEW(PTM_INT4, storage, 0, 1, DIMS(1), NULL));
    add(weights, "bits8", VIEW(PTM_BITS8, storage, 0, 1, DIMS(1), NULL));
    add(weights, "no data (meta)", none(VIEW(PTM_FLOAT32, 0, 0, 1, DIMS(1), NULL)));
    add(weights, "no data", VIEW(PTM_FLOAT32, meta_storage, 0, 1, DIMS(1), NULL));
    add(weights, "negated", lazy);
    add(weights, "last byte", VIEW(PTM_FLOAT4_E2M1FN, storage, 0, 1, DIMS(3), NULL));
    add(weights, "packed", VIEW(PTM_FLOAT4_E2M1FN, storage, 0, 2, DIMS(2, 2), DIMS(2, 2)));
    add(weights, "without a dimension", VIEW(PTM_FLOAT4_E2M1FN_X2, storage, 0, 0, NULL, NULL));
    add(weights, "__metadata__", VIEW(PTM_UINT8, storage, 0, 1, DIMS(1), NULL));
    add(weights, "\xff", VIEW(PTM_UINT8, storage, 0, 1, DIMS(1), NULL));
}
#define CANNOT 16

struct heard {
    int n;
};

static void hear_skipped(void *arg, const char *tensor, const char *why)
{
    struct heard *heard = arg;
    heard->n++;
    if (strcmp(tensor, "__metadata__") == 0)
        assert_non_null(strstr(why, "keeps for itself"));
    else if (strcmp(tensor, "\xff") == 0)
        assert_non_null(strstr(why, "not UTF-8"));
    else if (!strstr(why, tensor))
        fail_msg("%s: %s", tensor, why);
}

static void test_weights_convert__what_cannot_be_held_is_skipped(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    struct heard heard = {0};
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    add_what_cannot_be_held(weights);
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    struct ptm_convert_report report;
    opts.skip = true;
    opts.skipped = hear_skipped;
    opts.skipped_arg = &heard;
    PTM_AUTO(closep)
    ptm_weights *back = convert_to(weights, unit_path(tmp.path, "x"), &opts, &report);
    assert_int_equal(ptm_weights_count(back), 1);
    assert_int_equal(heard.n, CANNOT);
    assert_int_equal(report.skipped, CANNOT);
    assert_int_equal(report.tensors, 1);
}

static void test_weights_convert__what_cannot_be_held_is_refused(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    add_what_cannot_be_held(weights);
    struct ptm_err err = {0};
    assert_int_equal(ptm_weights_convert(NULL, weights, unit_path(tmp.path, "x"), NULL, NULL, &err),
                     PTM_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "source.pt: tensor complex128 is complex128"));
    assert_int_equal(unit_entries(tmp.path), 0);
}

static void test_weights_convert__little_never_becomes_endless(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    struct ptm_err err = {0};
    const char *path = unit_path(tmp.path, "x");
    add(weights, "x", VIEW(PTM_UINT8, storage, 0, 2, DIMS(1 << 20, 1 << 20), DIMS(0, 0)));
    assert_int_equal(ptm_weights_convert(NULL, weights, path, NULL, NULL, &err), PTM_ELIMIT);
    assert_non_null(strstr(err.msg, "more than 100 times"));
    for (int i = 0; i < 2; i++)
        add(weights, "y", VIEW(PTM_UINT8, storage, i, 1, DIMS(INT64_MAX), DIMS(0)));
    assert_int_equal(ptm_weights_convert(NULL, weights, path, NULL, NULL, &err), PTM_ELIMIT);
    assert_int_equal(unit_entries(tmp.path), 0);
}

/* What a file says of storages it does not have is not there, however large. */
static void test_weights_convert__absent_storages_are_no_bytes(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false), absent = 0;
    struct ptm_storage said = {.key = "9", .nbytes = INT64_C(1) << 50};
    struct ptmi_storage_from nowhere = {.missing = "has no record in the file"};
    struct ptm_err err = {0};
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.skip = true;
    assert_int_equal(ptmi_weights_add_storage(weights, &said, &nowhere, &absent, &err), PTM_OK);
    add(weights, "x", VIEW(PTM_UINT8, storage, 0, 2, DIMS(1 << 20, 1 << 20), DIMS(0, 0)));
    add(weights, "absent", VIEW(PTM_UINT8, absent, 0, 1, DIMS(1), NULL));
    assert_int_equal(
        ptm_weights_convert(NULL, weights, unit_path(tmp.path, "x"), &opts, NULL, &err),
        PTM_ELIMIT);
    assert_int_equal(unit_entries(tmp.path), 0);
}

/* ONNX may have any number of tensors in the same bytes of another file. */
static void test_weights_convert__a_file_s_bytes_count_once(void **state)
{
    enum { SIZE = 1 << 20, TIMES = 1100 };
    PTM_AUTO(ptmi_freep) uint8_t *bytes = calloc(1, SIZE);
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    UNIT_TMP(tmp);
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(ptmi_source_lend(bytes, SIZE, "shared", &source, &err), PTM_OK);
    for (int i = 0; i < TIMES; i++) {
        struct ptm_storage storage = {.nbytes = SIZE};
        struct ptmi_storage_from from = {.source = ptmi_source_ref(source)};
        size_t index = 0;
        assert_int_equal(ptmi_weights_add_storage(weights, &storage, &from, &index, &err), PTM_OK);
        add(weights, "x", VIEW(PTM_UINT8, index, 0, 1, DIMS(SIZE), NULL));
    }
    assert_int_equal(ptm_weights_convert(NULL, weights, unit_path(tmp.path, "x"), NULL, NULL, &err),
                     PTM_ELIMIT);
    assert_int_equal(unit_entries(tmp.path), 0);
}

/* --- several files --- */

static ptm_weights *four_tensors(void)
{
    ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    add(weights, "d", VIEW(PTM_FLOAT32, storage, 0, 1, DIMS(1), NULL));
    add(weights, "c", VIEW(PTM_FLOAT32, storage, 0, 1, DIMS(8), NULL));
    add(weights, "b", VIEW(PTM_FLOAT32, storage, 2, 1, DIMS(2), NULL));
    add(weights, "a", VIEW(PTM_UINT8, storage, 0, 1, DIMS(8), NULL));
    add(weights, "tied", VIEW(PTM_FLOAT32, storage, 2, 1, DIMS(2), NULL));
    return weights;
}

static void test_weights_convert__shards_and_their_index(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = four_tensors();
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    struct ptm_convert_report report;
    opts.shard_size = 16;
    const char *path = unit_path(tmp.path, "m.safetensors");
    assert_int_equal(ptm_weights_convert(NULL, weights, path, &opts, &report, NULL), PTM_OK);
    assert_int_equal(report.files, 4);
    assert_int_equal(unit_entries(tmp.path), 4);
    PTM_AUTO(ptmi_freep)
    char *text = unit_read(unit_path(tmp.path, "m.safetensors.index.json"));
    assert_string_equal(text, "{\n"
                              "  \"metadata\": {\n"
                              "    \"total_size\": 52,\n"
                              "    \"tied\": \"b\"\n"
                              "  },\n"
                              "  \"weight_map\": {\n"
                              "    \"a\": \"m-00003-of-00003.safetensors\",\n"
                              "    \"b\": \"m-00003-of-00003.safetensors\",\n"
                              "    \"c\": \"m-00002-of-00003.safetensors\",\n"
                              "    \"d\": \"m-00001-of-00003.safetensors\"\n"
                              "  }\n"
                              "}\n");
    PTM_AUTO(closep) ptm_weights *back = NULL;
    const char *index = unit_path(tmp.path, "m.safetensors.index.json");
    assert_int_equal(ptm_weights_open(index, NULL, &back, NULL), PTM_OK);
    ASSERT_VALUES(back, "b", float, 2, 3);
    PTM_AUTO(closep) ptm_weights *last = NULL;
    const char *third = unit_path(tmp.path, "m-00003-of-00003.safetensors");
    assert_int_equal(ptm_weights_open(third, NULL, &last, NULL), PTM_OK);
    assert_string_equal(meta(last, "tied"), "b");
    /* And back to one. */
    opts.shard_size = 52;
    opts.force = true;
    PTM_AUTO(closep) ptm_weights *one = convert_to(back, path, &opts, &report);
    assert_int_equal(report.files, 1);
    assert_string_equal(meta(one, "tied"), "b");
    assert_null(meta(one, "total_size"));
    ASSERT_VALUES(one, "d", float, 0);
}

static void test_weights_convert__too_many_files_are_refused(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, FLOATS, sizeof FLOATS, false);
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.shard_size = 1;
    opts.split = true;
    for (int i = 0; i < 501; i++) add(weights, "x", VIEW(PTM_UINT8, storage, 0, 1, DIMS(1), NULL));
    assert_int_equal(
        ptm_weights_convert(NULL, weights, unit_path(tmp.path, "x"), &opts, NULL, NULL),
        PTM_ELIMIT);
    assert_int_equal(unit_entries(tmp.path), 0);
}

static void test_weights_convert__nothing_is_replaced_unasked(void **state)
{
    static const char *const taken[] = {"m-00002-of-00003.safetensors", "m.safetensors.index.json"};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        UNIT_TMP(tmp);
        PTM_AUTO(closep) ptm_weights *weights = four_tensors();
        struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
        struct ptm_err err = {0};
        opts.shard_size = 16;
        const char *path = unit_path(tmp.path, "m.safetensors"),
                   *other = unit_path(tmp.path, taken[i]);
        unit_write(other, "mine");
        assert_int_equal(ptm_weights_convert(NULL, weights, path, &opts, NULL, &err), PTM_EEXIST);
        assert_non_null(strstr(err.msg, taken[i]));
        assert_int_equal(unit_entries(tmp.path), 1);
        opts.force = true;
        assert_int_equal(ptm_weights_convert(NULL, weights, path, &opts, NULL, NULL), PTM_OK);
        assert_int_equal(unit_entries(tmp.path), 4);
        assert_int_equal(mkdir(path, 0777), 0);
        opts.shard_size = 0;
        assert_int_equal(ptm_weights_convert(NULL, weights, path, &opts, NULL, NULL), PTM_EINVAL);
    }
}

/* --- being stopped --- */

struct watch {
    ptm_ctx *ctx; /* is cancelled at the first event; NULL: not */
    int64_t last, total;
    int n;
};

static void on_progress(void *arg, int64_t done, int64_t total)
{
    struct watch *watch = arg;
    assert_true(done > watch->last && done <= total);
    watch->last = done;
    watch->total = total;
    watch->n++;
    if (watch->ctx) ptm_ctx_cancel(watch->ctx, 1);
}

/* Not even by force, which root may use on devices. */
static void test_weights_convert__only_files_are_replaced(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = four_tensors();
    const char *path = unit_path(tmp.path, "fifo");
    struct ptm_err err = {0};
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    struct stat st;
    opts.force = true;
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ptm_weights_convert(NULL, weights, path, &opts, NULL, &err), PTM_EINVAL);
    assert_non_null(strstr(err.msg, "no regular file"));
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
    assert_int_equal(unit_entries(tmp.path), 1);
}

static void test_weights_convert__tells_its_progress_and_can_be_cancelled(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    size_t len = 20u << 20;
    PTM_AUTO(ptmi_freep) uint8_t *zeros = calloc(len, 1);
    PTM_AUTO(closep) ptm_weights *weights = new_weights();
    size_t storage = add_bytes(weights, zeros, len, false);
    add(weights, "x", VIEW(PTM_UINT8, storage, 0, 1, DIMS((int64_t)len), NULL));
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    struct watch watch = {0};
    struct ptm_err err = {0};
    opts.progress = on_progress;
    opts.progress_arg = &watch;
    const char *path = unit_path(tmp.path, "x");
    ptm_ctx *ctx = NULL;
    assert_int_equal(ptm_ctx_new(NULL, &ctx, NULL), PTM_OK);
    assert_int_equal(ptm_weights_convert(ctx, weights, path, &opts, NULL, NULL), PTM_OK);
    assert_int_equal(watch.last, len);
    assert_int_equal(watch.total, len);
    assert_int_equal(watch.n, 3);
    watch = (struct watch){.ctx = ctx};
    assert_int_equal(unlink(path), 0);
    assert_int_equal(ptm_weights_convert(ctx, weights, path, &opts, NULL, &err), PTM_ECANCELED);
    assert_int_equal(watch.n, 1);
    assert_int_equal(unit_entries(tmp.path), 0);
    ptm_ctx_free(ctx);
}

/* A file that cannot be named in the first way may still be named in the second. */
static bool convert_without(ptm_weights *weights, int n)
{
    UNIT_TMP(tmp);
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    struct ptm_err err = {0};
    opts.shard_size = 16;
    const char *path = unit_path(tmp.path, "m");
    fail_alloc_arm(n);
    ptm_rc rc = ptm_weights_convert(NULL, weights, path, &opts, NULL, &err);
    bool failed = fail_alloc_disarm();
    if (rc != PTM_OK && rc != PTM_ENOMEM) fail_msg("allocation %d: %d %s", n, rc, err.msg);
    if (!failed) assert_int_equal(rc, PTM_OK);
    assert_int_equal(unit_entries(tmp.path), rc == PTM_OK ? 5 : 0);
    return failed;
}

static void test_weights_convert__no_memory_leaves_nothing(void **state)
{
    (void)state;
    PTM_AUTO(closep) ptm_weights *weights = four_tensors();
    add(weights, "e", VIEW(PTM_FLOAT32, 0, 0, 1, DIMS(2), DIMS(3)));
    int n = 1;
    while (convert_without(weights, n)) n++;
    assert_true(n > 10);
}

static void test_weights_convert__a_full_disk_leaves_nothing(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    PTM_AUTO(closep) ptm_weights *weights = four_tensors();
    struct ptm_convert_opts opts = PTM_CONVERT_OPTS_INIT;
    opts.shard_size = 16;
    int n = 1;
    for (;; n++) {
        struct ptm_err err = {0};
        write_failed = false;
        fail_write_at = n;
        ptm_rc rc = ptm_weights_convert(NULL, weights, unit_path(tmp.path, "m"), &opts, NULL, &err);
        fail_write_at = 0;
        if (!write_failed) {
            assert_int_equal(rc, PTM_OK);
            break;
        }
        assert_int_equal(rc, PTM_ENOSPC);
        assert_int_equal(unit_entries(tmp.path), 0);
    }
    assert_int_equal(n, 5); /* a write a file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_convert__order_and_header_are_the_reference_s),
        cmocka_unit_test(test_weights_convert__twice_makes_equal_files),
        cmocka_unit_test(test_weights_convert__equal_views_are_written_once),
        cmocka_unit_test(test_weights_convert__split_writes_each),
        cmocka_unit_test(test_weights_convert__strides_become_c_order),
        cmocka_unit_test(test_weights_convert__large_strided_ones_come_in_blocks),
        cmocka_unit_test(test_weights_convert__big_endian_is_turned),
        cmocka_unit_test(test_weights_convert__lazy_views_are_worked_out),
        cmocka_unit_test(test_weights_convert__pairs_are_counted_one_by_one),
        cmocka_unit_test(test_weights_convert__changed_values_are_written),
        cmocka_unit_test(test_weights_convert__what_cannot_be_held_is_skipped),
        cmocka_unit_test(test_weights_convert__what_cannot_be_held_is_refused),
        cmocka_unit_test(test_weights_convert__little_never_becomes_endless),
        cmocka_unit_test(test_weights_convert__absent_storages_are_no_bytes),
        cmocka_unit_test(test_weights_convert__a_file_s_bytes_count_once),
        cmocka_unit_test(test_weights_convert__shards_and_their_index),
        cmocka_unit_test(test_weights_convert__too_many_files_are_refused),
        cmocka_unit_test(test_weights_convert__nothing_is_replaced_unasked),
        cmocka_unit_test(test_weights_convert__only_files_are_replaced),
        cmocka_unit_test(test_weights_convert__tells_its_progress_and_can_be_cancelled),
        cmocka_unit_test(test_weights_convert__no_memory_leaves_nothing),
        cmocka_unit_test(test_weights_convert__a_full_disk_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
