/* SPDX-License-Identifier: MIT */
/* test_weights_onnx.c - ONNX models byte by byte: where tensors hide, how their values are stored,
 * and what is refused. Whole models of the onnx package are compared in the end-to-end tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "weights_bytes.h"

#include "unit_tmp.h"

/* --- protobuf, written --- */

static void pb_varint(struct bytes *to, uint64_t value)
{
    do {
        uint8_t byte = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        bytes_put(to, &byte, 1);
        value >>= 7;
    } while (value);
}

static void pb_int(struct bytes *to, uint32_t field, uint64_t value)
{
    pb_varint(to, field << 3);
    pb_varint(to, value);
}

static void pb_bytes(struct bytes *to, uint32_t field, const void *data, size_t len)
{
    pb_varint(to, field << 3 | 2);
    pb_varint(to, len);
    bytes_put(to, data, len);
}

static void pb_text(struct bytes *to, uint32_t field, const char *text)
{
    pb_bytes(to, field, text, strlen(text));
}

static void pb_message(struct bytes *to, uint32_t field, const struct bytes *message)
{
    pb_bytes(to, field, message->data, message->len);
}

static struct bytes *empty(void)
{
    static struct bytes pool[64]; /* more than any test uses at once */
    static size_t next;
    struct bytes *one = &pool[next++ % 64];
    memset(one, 0, sizeof *one);
    return one;
}

/* --- models --- */

enum { FLOAT = 1, INT8 = 3, INT64 = 7, STRING = 8, BOOL = 9, FLOAT16 = 10, INT4 = 22 };

static struct bytes *tensor_of(const char *name, int type, int64_t size)
{
    struct bytes *t = empty();
    if (size >= 0) pb_int(t, 1, (uint64_t)size);
    pb_int(t, 2, (uint64_t)type);
    if (name) pb_text(t, 8, name);
    return t;
}

static const float two[2] = {1.5f, -2.0f};

/* Two floats, raw. */
static struct bytes *floats(const char *name)
{
    struct bytes *t = tensor_of(name, FLOAT, 2);
    pb_bytes(t, 9, two, sizeof two);
    return t;
}

static struct bytes *model_of(const struct bytes *graph)
{
    struct bytes *model = empty(), *opset = empty();
    pb_int(model, 1, 8);
    pb_text(model, 2, "pytorch");
    pb_text(model, 3, "1.13.1");
    if (graph) pb_message(model, 7, graph);
    pb_text(opset, 1, "");
    pb_int(opset, 2, 14);
    pb_message(model, 8, opset);
    return model;
}

static struct bytes *model_with(const struct bytes *tensor)
{
    struct bytes *graph = empty();
    pb_message(graph, 5, tensor);
    return model_of(graph);
}

static ptm_weights *opened(const struct bytes *model)
{
    ptm_weights *w = NULL;
    struct ptm_err err = {0};
    if (open_bytes(model, "x.onnx", &w, &err) != PTM_OK) fail_msg("%s", err.msg);
    return w;
}

static ptm_rc refused(const struct bytes *model, struct ptm_err *err)
{
    ptm_weights *w = NULL;
    ptm_rc rc = open_bytes(model, "x.onnx", &w, err);
    ptm_weights_close(w);
    return rc;
}

static void check_two(ptm_weights *w, const char *name)
{
    float got[2];
    struct ptm_err err = {0};
    const struct ptm_tensor *t = ptm_weights_find(w, name);
    if (!t) fail_msg("%s is missing", name);
    assert_int_equal(t->dtype, PTM_FLOAT32);
    if (ptm_weights_read(w, t, got, sizeof got, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_memory_equal(got, two, sizeof got);
}

/* --- what is read --- */

static void test_weights_onnx__reads_raw_data_in_place(void **state)
{
    (void)state;
    const struct bytes *model = model_with(floats("w"));
    ptm_weights *w = opened(model);
    assert_string_equal(ptm_weights_format(w), "onnx");
    assert_string_equal(ptm_weights_producer(w), "pytorch 1.13.1 (ONNX opset 14)");
    assert_string_equal(meta_of(w, "opset_import"), "{\"ai.onnx\":14}");
    assert_string_equal(meta_of(w, "ir_version"), "8");
    check_two(w, "w");
    int64_t at = ptm_weights_storage(w, 0)->file_offset;
    assert_true(at > 0);
    assert_memory_equal(model->data + at, two, sizeof two);
    ptm_weights_close(w);
}

static void test_weights_onnx__reads_floats_packed_or_not(void **state)
{
    (void)state;
    uint32_t bits[2];
    memcpy(bits, two, sizeof bits);
    for (int form = 0; form < 3; form++) {
        struct bytes *t = tensor_of("w", FLOAT, 2);
        if (form == 0) pb_bytes(t, 4, two, sizeof two);
        for (int i = 0; i < 2 && form == 1; i++) { /* one by one */
            pb_varint(t, 4 << 3 | 5);
            bytes_int(t, bits[i], 4);
        }
        if (form == 2) { /* both ways in one tensor */
            pb_bytes(t, 4, two, 4);
            pb_varint(t, 4 << 3 | 5);
            bytes_int(t, bits[1], 4);
        }
        ptm_weights *w = opened(model_with(t));
        check_two(w, "w");
        assert_true((ptm_weights_storage(w, 0)->file_offset >= 0) == (form == 0));
        ptm_weights_close(w);
    }
}

static void read_typed(const struct bytes *tensor, void *out, size_t len)
{
    struct ptm_err err = {0};
    ptm_weights *w = opened(model_with(tensor));
    const struct ptm_tensor *t = ptm_weights_find(w, "w");
    assert_non_null(t);
    assert_int_equal(t->nbytes, len);
    if (ptm_weights_read(w, t, out, len, &err) != PTM_OK) fail_msg("%s", err.msg);
    ptm_weights_close(w);
}

static void test_weights_onnx__decodes_typed_integers(void **state)
{
    int8_t small[2];
    int64_t wide[2];
    uint16_t half;
    uint8_t nibbles[2];
    bool truth[2];
    (void)state;
    struct bytes *t = tensor_of("w", INT8, 2), *run = empty();
    pb_int(t, 5, (uint64_t)-3); /* ten bytes */
    pb_int(t, 5, 127);
    read_typed(t, small, 2);
    assert_int_equal(small[0], -3);
    assert_int_equal(small[1], 127);
    t = tensor_of("w", INT64, 2);
    pb_varint(run, (uint64_t)INT64_MIN);
    pb_varint(run, 300);
    pb_message(t, 7, run);
    read_typed(t, wide, 16);
    assert_true(wide[0] == INT64_MIN && wide[1] == 300);
    t = tensor_of("w", FLOAT16, -1); /* no dims: a scalar */
    pb_int(t, 5, 0xbc00);
    read_typed(t, &half, 2);
    assert_int_equal(half, 0xbc00);
    t = tensor_of("w", INT4, 3); /* two a byte, the last one alone */
    pb_int(t, 5, 0x21);
    pb_int(t, 5, 0x03);
    read_typed(t, nibbles, 2);
    assert_int_equal(nibbles[0], 0x21);
    t = tensor_of("w", BOOL, 2);
    pb_int(t, 5, 0);
    pb_int(t, 5, 2); /* true is 1 in memory, whatever stands here */
    read_typed(t, truth, 2);
    assert_memory_equal(truth, "\0\1", 2);
}

static void test_weights_onnx__packs_six_bit_floats(void **state)
{
    uint8_t got[4];
    struct bytes *t = tensor_of("w", 27, 5);
    (void)state;
    for (uint64_t i = 0; i < 5; i++) pb_int(t, 5, 0x3f - i);
    read_typed(t, got, 4);
    uint32_t first = 0x3f | 0x3e << 6 | 0x3d << 12 | 0x3c << 18;
    assert_int_equal(got[0] | got[1] << 8 | got[2] << 16, first);
    assert_int_equal(got[3], 0x3b);
}

static void test_weights_onnx__lists_strings(void **state)
{
    struct ptm_err err = {0};
    (void)state;
    struct bytes *t = tensor_of("words", STRING, 2);
    pb_text(t, 6, "a");
    pb_text(t, 6, "");
    ptm_weights *w = opened(model_with(t));
    assert_int_equal(ptm_weights_tensor(w, 0)->dtype, PTM_STRING);
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), NULL, 0, &err),
                     PTM_EUNSUPPORTED);
    ptm_weights_close(w);
    pb_text(t, 6, "one too many");
    assert_int_equal(refused(model_with(t), &err), PTM_EFORMAT);
}

/* An attribute; value: of a tensor (field 5), a graph (6), or one of a list. */
static struct bytes *attribute_of(const char *name, uint32_t field, const struct bytes *value)
{
    struct bytes *a = empty();
    pb_message(a, field, value); /* before the name: order is free */
    pb_text(a, 1, name);
    return a;
}

static struct bytes *node_of(const char *type, const char *name, const char *output,
                             const struct bytes *attribute)
{
    struct bytes *n = empty();
    pb_message(n, 5, attribute);
    if (output) pb_text(n, 2, output);
    if (name) pb_text(n, 3, name);
    pb_text(n, 4, type);
    return n;
}

static void test_weights_onnx__finds_tensors_where_they_hide(void **state)
{
    (void)state;
    struct bytes *inner = empty(), *outer = empty(), *function = empty(), *training = empty();
    pb_message(inner, 5, floats("w"));
    pb_message(inner, 1, node_of("Constant", "c", "k", attribute_of("value", 5, floats("unused"))));
    pb_message(outer, 1, node_of("If", "cond", "y", attribute_of("then_branch", 6, inner)));
    pb_message(outer, 1, node_of("Loop", NULL, "z", attribute_of("bodies", 11, inner)));
    pb_message(outer, 1, node_of("Custom", "op", NULL, attribute_of("list", 10, floats(NULL))));
    pb_message(outer, 1, node_of("Other", NULL, NULL, attribute_of("t", 5, floats(NULL))));
    pb_message(outer, 5, floats("top"));
    struct bytes *model = model_of(outer);
    pb_text(function, 1, "f");
    pb_text(function, 10, "dom");
    pb_message(function, 7, node_of("Constant", NULL, "c", attribute_of("value", 5, floats(""))));
    pb_message(function, 11, attribute_of("alpha", 5, floats("")));
    pb_message(model, 25, function);
    pb_message(training, 2, inner);
    pb_message(model, 20, training);
    ptm_weights *w = opened(model);
    static const char *const names[] = {"cond.then_branch.w",
                                        "cond.then_branch.k",
                                        "z.bodies.0.w",
                                        "z.bodies.0.k",
                                        "op.list.0",
                                        "Other.t",
                                        "top",
                                        "dom.f.c",
                                        "dom.f.alpha",
                                        "training.algorithm.w",
                                        "training.algorithm.k"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) check_two(w, names[i]);
    assert_int_equal(ptm_weights_count(w), sizeof names / sizeof *names);
    ptm_weights_close(w);
}

static struct bytes *sparse_of(const struct bytes *indices, uint64_t rows, uint64_t columns)
{
    struct bytes *s = empty();
    pb_message(s, 1, floats("sp"));
    pb_message(s, 2, indices);
    pb_int(s, 3, rows);
    pb_int(s, 3, columns);
    return s;
}

static void test_weights_onnx__gives_sparse_indices_as_torch_does(void **state)
{
    static const int64_t pairs[4] = {0, 2, 1, 0}, linear[2] = {2, 3}, want[4] = {0, 1, 2, 0};
    (void)state;
    for (int form = 0; form < 3; form++) {
        struct bytes *indices = tensor_of(NULL, INT64, 2), *graph = empty();
        if (form == 0) {
            pb_int(indices, 1, 2);
            pb_bytes(indices, 9, pairs, sizeof pairs);
        } else if (form == 1) {
            pb_bytes(indices, 9, linear, sizeof linear);
        } else {
            for (int i = 0; i < 2; i++) pb_int(indices, 7, (uint64_t)linear[i]);
        }
        pb_message(graph, 15, sparse_of(indices, 2, 3));
        ptm_weights *w = opened(model_of(graph));
        const struct ptm_tensor *t = ptm_weights_find(w, "sp");
        struct ptm_err err = {0};
        int64_t got[4];
        assert_non_null(t);
        assert_int_equal(t->layout, PTM_SPARSE_COO);
        assert_int_equal(t->n_parts, 2);
        assert_int_equal(t->parts[0].shape[0], 2);
        assert_int_equal(t->parts[0].shape[1], 2);
        if (ptm_weights_read(w, &t->parts[0], got, sizeof got, &err) != PTM_OK)
            fail_msg("%s", err.msg);
        assert_memory_equal(got, want, sizeof got);
        assert_int_equal(ptm_weights_parameters(w), 2);
        ptm_weights_close(w);
    }
}

/* --- external data --- */

struct outside {
    const char *location, *offset, *length;
};

static struct bytes *external(const struct outside *where)
{
    static const char *const keys[] = {"location", "offset", "length"};
    const char *const values[] = {where->location, where->offset, where->length};
    struct bytes *t = tensor_of("w", FLOAT, 2);
    for (int i = 0; i < 3; i++) {
        struct bytes *pair = empty();
        if (!values[i]) continue;
        pb_text(pair, 1, keys[i]);
        pb_text(pair, 2, values[i]);
        pb_message(t, 13, pair);
    }
    pb_int(t, 14, 1);
    return t;
}

static void write_file(const char *dir, const char *name, const void *data, size_t len)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static ptm_rc open_outside(const char *dir, const struct outside *where, bool no_siblings,
                           ptm_weights **out, struct ptm_err *err)
{
    char path[1024];
    struct ptm_weights_opts opts = PTM_WEIGHTS_OPTS_INIT;
    const struct bytes *model = model_with(external(where));
    write_file(dir, "m.onnx", model->data, model->len);
    snprintf(path, sizeof path, "%s/m.onnx", dir);
    opts.no_siblings = no_siblings;
    return ptm_weights_open(path, &opts, out, err);
}

static void test_weights_onnx__reads_external_data_beside_the_model(void **state)
{
    static const struct outside good[] = {
        {"m.data", "4", "8"}, {"./m.data", "4", NULL}, {"m.data", "4", "0"}};
    UNIT_TMP(tmp);
    const char *dir = tmp.path;
    (void)state;
    struct ptm_err err = {0};
    write_file(dir, "m.data", "....", 4);
    uint8_t data[12] = "....";
    memcpy(data + 4, two, 8);
    write_file(dir, "m.data", data, sizeof data);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ptm_weights *w = NULL;
        if (open_outside(dir, &good[i], false, &w, &err) != PTM_OK) fail_msg("%s", err.msg);
        check_two(w, "w");
        assert_int_equal(ptm_weights_storage(w, 0)->file_offset, -1);
        assert_string_equal(ptm_weights_storage(w, 0)->key, "m.data");
        ptm_weights_close(w);
    }
}

static void test_weights_onnx__lists_what_external_data_lacks(void **state)
{
    static const struct {
        struct outside where;
        bool no_siblings;
    } cases[] = {
        {{"absent.data", "0", "8"}, false},
        {{"link.data", "0", "8"}, false},
        {{"absent.data", NULL, NULL}, true},
    };
    UNIT_TMP(tmp);
    const char *dir = tmp.path;
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s/link.data", dir);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ptm_weights *w = NULL;
        float got[2];
        struct ptm_err err = {0};
        ptm_rc rc = open_outside(dir, &cases[i].where, cases[i].no_siblings, &w, &err);
        if (rc != PTM_OK) fail_msg("%s", err.msg);
        assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, 8, &err),
                         PTM_EUNSUPPORTED);
        ptm_weights_close(w);
    }
    assert_int_equal(unlink(path), 0);
}

static void test_weights_onnx__refuses_external_data_that_escapes(void **state)
{
    static const struct {
        struct outside where;
        ptm_rc rc;
    } cases[] = {
        {{"/etc/passwd", NULL, NULL}, PTM_EUNSAFE},
        {{"../m.data", NULL, NULL}, PTM_EUNSAFE},
        {{"a/../../m.data", NULL, NULL}, PTM_EUNSAFE},
        {{"././m.data", NULL, NULL}, PTM_EUNSAFE},
        {{"a\nb", NULL, NULL}, PTM_EUNSAFE},
        {{"", NULL, NULL}, PTM_EFORMAT},
        {{NULL, NULL, NULL}, PTM_EFORMAT},
        {{"m.data", "5", "8"}, PTM_EFORMAT},  /* 12 bytes are there */
        {{"m.data", "4", "12"}, PTM_EFORMAT}, /* not the tensor's */
        {{"m.data", "-4", "8"}, PTM_EFORMAT},
        {{"m.data", "9223372036854775807", "8"}, PTM_EFORMAT},
        {{"m.data", "0x4", "8"}, PTM_EFORMAT},
        {{"m.data", "", "8"}, PTM_EFORMAT},
        {{"m.data", "00000000000000000000000000000000000004", "8"}, PTM_EFORMAT},
    };
    UNIT_TMP(tmp);
    const char *dir = tmp.path;
    (void)state;
    uint8_t data[12] = {0};
    write_file(dir, "m.data", data, sizeof data);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        ptm_rc rc = open_outside(dir, &cases[i].where, false, &w, &err);
        if (rc != cases[i].rc) fail_msg("case %zu: %d %s", i, rc, err.msg);
    }
}

/* --- what is refused --- */

static void test_weights_onnx__refuses_tensors_that_cannot_be(void **state)
{
    struct bytes *t[16] = {0};
    static const ptm_rc rcs[] = {PTM_EFORMAT,      PTM_EFORMAT,      PTM_EFORMAT, PTM_EFORMAT,
                                 PTM_EUNSUPPORTED, PTM_EUNSUPPORTED, PTM_EFORMAT, PTM_EFORMAT,
                                 PTM_EFORMAT,      PTM_EFORMAT,      PTM_EFORMAT, PTM_EFORMAT,
                                 PTM_EFORMAT,      PTM_EFORMAT};
    (void)state;
    t[0] = tensor_of("short", FLOAT, 3);
    pb_bytes(t[0], 9, two, sizeof two);
    t[1] = floats("typed too");
    pb_bytes(t[1], 4, two, sizeof two);
    t[2] = floats("raw twice");
    pb_bytes(t[2], 9, two, sizeof two);
    t[3] = tensor_of("negative", FLOAT, -1);
    pb_int(t[3], 1, (uint64_t)-2);
    t[4] = tensor_of("type", 0, 2);
    t[5] = tensor_of("type", 29, 2);
    t[6] = empty(); /* no type */
    pb_bytes(t[6], 9, two, sizeof two);
    t[7] = tensor_of("other field", FLOAT, 2);
    pb_int(t[7], 5, 1);
    pb_int(t[7], 5, 1);
    t[8] = tensor_of("part of a float", FLOAT, 2);
    pb_bytes(t[8], 4, two, 7);
    t[9] = tensor_of("cut number", INT64, 1);
    pb_bytes(t[9], 7, "\x80", 1);
    t[10] = tensor_of("strings raw", STRING, 1);
    pb_bytes(t[10], 9, "x", 1);
    t[11] = tensor_of("huge", FLOAT, INT64_MAX);
    pb_int(t[11], 1, INT64_MAX);
    t[12] = tensor_of("wire type", FLOAT, 2);
    pb_int(t[12], 9, 1);
    t[13] = tensor_of("location", FLOAT, 2);
    pb_int(t[13], 14, 2);
    for (size_t i = 0; t[i]; i++) {
        struct ptm_err err = {0};
        ptm_rc rc = refused(model_with(t[i]), &err);
        if (rc != rcs[i]) fail_msg("case %zu: %d %s", i, rc, err.msg);
    }
}

static void test_weights_onnx__lists_tensors_whose_data_were_left_out(void **state)
{
    float got[2];
    struct ptm_err err = {0};
    (void)state;
    ptm_weights *w = opened(model_with(tensor_of("w", FLOAT, 2)));
    assert_int_equal(ptm_weights_tensor(w, 0)->nbytes, 8);
    assert_int_equal(ptm_weights_read(w, ptm_weights_tensor(w, 0), got, 8, &err), PTM_EUNSUPPORTED);
    assert_non_null(strstr(err.msg, "left out"));
    ptm_weights_close(w);
}

static void test_weights_onnx__bounds_nesting(void **state)
{
    (void)state;
    /* Three messages a subgraph, two around all. */
    for (int graphs = 30; graphs <= 40; graphs += 10) {
        struct bytes *graph = empty();
        struct ptm_err err = {0};
        pb_message(graph, 5, floats("w"));
        for (int i = 0; i < graphs; i++) {
            struct bytes *around = empty();
            pb_message(around, 1, node_of("If", "n", NULL, attribute_of("g", 6, graph)));
            graph = around;
        }
        assert_int_equal(refused(model_of(graph), &err), graphs == 30 ? PTM_OK : PTM_ELIMIT);
    }
}

static void test_weights_onnx__bounds_dimensions(void **state)
{
    (void)state;
    for (int n = 64; n <= 65; n++) {
        struct bytes *t = tensor_of("w", FLOAT, -1);
        struct ptm_err err = {0};
        for (int i = 0; i < n; i++) pb_int(t, 1, 1);
        pb_bytes(t, 9, two, 4);
        assert_int_equal(refused(model_with(t), &err), n == 64 ? PTM_OK : PTM_EFORMAT);
    }
}

static struct bytes *large_model(void)
{
    struct bytes *graph = empty(), *indices = tensor_of(NULL, INT64, 2), *t;
    pb_message(graph, 1, node_of("Constant", "c", "k", attribute_of("value", 5, floats(""))));
    pb_message(graph, 5, floats("w"));
    t = tensor_of("i", INT8, 2);
    pb_int(t, 5, (uint64_t)-3);
    pb_int(t, 5, 127);
    pb_message(graph, 5, t);
    pb_int(indices, 7, 1);
    pb_int(indices, 7, 5);
    pb_message(graph, 15, sparse_of(indices, 2, 3));
    return model_of(graph);
}

/* Cut after a whole field it is a smaller model; never is it more than an error or that. */
static void test_weights_onnx__survives_being_cut_or_bent_at_every_byte(void **state)
{
    static struct bytes bent;
    uint8_t values[64];
    (void)state;
    const struct bytes *model = large_model();
    ptm_weights *whole = opened(model);
    assert_int_equal(ptm_weights_count(whole), 4);
    ptm_weights_close(whole);
    for (size_t i = 0; i < 2 * model->len; i++) {
        ptm_weights *w = NULL;
        struct ptm_err err = {0};
        bent = *model;
        if (i < model->len)
            bent.len = i;
        else
            bent.data[i - model->len] ^= 0x5a;
        if (open_bytes(&bent, "x.onnx", &w, &err) != PTM_OK) {
            assert_true(err.msg[0]);
            continue;
        }
        for (size_t t = 0; t < ptm_weights_count(w); t++) {
            const struct ptm_tensor *tensor = ptm_weights_tensor(w, t);
            if (tensor->nbytes <= 64)
                (void)!ptm_weights_read(w, tensor, values, (size_t)tensor->nbytes, &err);
        }
        ptm_weights_close(w);
    }
}

static void test_weights_onnx__is_told_from_other_protobufs(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
    } others[] = {
        {"\x08\x01\x12\x81\x10", 5}, /* a saved model of TensorFlow */
        {"\x0a\x05\x0a\x03"
         "abc",
         7},                                         /* a graph of TensorFlow */
        {"\x08\x04\x12\x02\x0a\x00\xa2\x25\x00", 9}, /* Core ML: field 596 */
        {"\x80\x02}q\x00.", 6},
        {"\x08", 1},
        {"\x08\x00\x3a\x00", 4},
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct ptmi_probe probe = {(const uint8_t *)others[i].bytes, others[i].len, 100000, "x"};
        if (ptmi_format_onnx.probe(&probe) != 0) fail_msg("other %zu is taken for ONNX", i);
    }
    const struct bytes *model = model_with(floats("w"));
    struct ptmi_probe probe = {model->data, model->len, model->len, "model"};
    assert_true(ptmi_format_onnx.probe(&probe) >= 60);
    probe.name = "model.onnx";
    assert_true(ptmi_format_onnx.probe(&probe) > 60);
    struct ptm_err err = {0};
    assert_int_equal(refused(model_of(NULL), &err), PTM_EFORMAT);
    assert_non_null(strstr(err.msg, "no graph"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_onnx__reads_raw_data_in_place),
        cmocka_unit_test(test_weights_onnx__reads_floats_packed_or_not),
        cmocka_unit_test(test_weights_onnx__decodes_typed_integers),
        cmocka_unit_test(test_weights_onnx__packs_six_bit_floats),
        cmocka_unit_test(test_weights_onnx__lists_strings),
        cmocka_unit_test(test_weights_onnx__finds_tensors_where_they_hide),
        cmocka_unit_test(test_weights_onnx__gives_sparse_indices_as_torch_does),
        cmocka_unit_test(test_weights_onnx__reads_external_data_beside_the_model),
        cmocka_unit_test(test_weights_onnx__lists_what_external_data_lacks),
        cmocka_unit_test(test_weights_onnx__refuses_external_data_that_escapes),
        cmocka_unit_test(test_weights_onnx__refuses_tensors_that_cannot_be),
        cmocka_unit_test(test_weights_onnx__lists_tensors_whose_data_were_left_out),
        cmocka_unit_test(test_weights_onnx__bounds_nesting),
        cmocka_unit_test(test_weights_onnx__bounds_dimensions),
        cmocka_unit_test(test_weights_onnx__survives_being_cut_or_bent_at_every_byte),
        cmocka_unit_test(test_weights_onnx__is_told_from_other_protobufs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
