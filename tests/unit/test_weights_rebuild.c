/* SPDX-License-Identifier: MIT */
/* test_weights_rebuild.c - torch's rebuild functions: right, and with each argument wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "objects_looks.h"

/* The one tensor of a notation; *out is to be closed. */
static const struct ptm_tensor *one(const char *notation, ptm_weights **out)
{
    *out = open_notation(notation);
    assert_int_equal(ptm_weights_count(*out), 1);
    return ptm_weights_tensor(*out, 0);
}

struct bad {
    const char *notation, *why;
};

static void assert_all_refused(const struct bad *bad, size_t n)
{
    for (size_t i = 0; i < n; i++) assert_refused(bad[i].notation, PTM_EFORMAT, bad[i].why);
}
#define ASSERT_ALL_REFUSED(bad) assert_all_refused(bad, sizeof(bad) / sizeof *(bad))

#define V1 "@torch._utils._rebuild_tensor"
#define V3 "@torch._utils._rebuild_tensor_v3"
#define SIZES "(2, 3), (3, 1)"
#define META "{'conj': True, 'neg': False}"

/* --- strided --- */

static void test_weights_rebuild__tensor(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t = one(V1 "(" FLOATS("0") ", 1, [5], (1))", &w);
    assert_int_equal(t->dtype, PTM_FLOAT32);
    assert_int_equal(t->offset, 1);
    assert_int_equal(t->byte_offset, 4);
    assert_int_equal(t->nbytes, 20);
    assert_false(t->requires_grad || t->is_parameter || t->conj || t->neg);
    assert_string_equal(ptm_weights_storage(w, t->storage)->device, "cpu");
    ptm_weights_close(w);
    t = one(V1 "(" FLOATS("0") ", 5, @torch.Size(()), ())", &w);
    assert_int_equal(t->n_dims, 0);
    assert_int_equal(t->nbytes, 4);
    ptm_weights_close(w);
    t = one(V1 "(" FLOATS("0") ", 0, @torch.Size((0, 3)), (3, 1))", &w);
    assert_int_equal(t->nbytes, 0);
    ptm_weights_close(w);
    t = one(V1 "(" FLOATS("0") ", 2, (4, 1000), (1, 0))", &w); /* expanded */
    assert_int_equal(t->stride[1], 0);
    assert_int_equal(t->nbytes, 16000);
    ptm_weights_close(w);
}

static void test_weights_rebuild__tensor_with_wrong_arguments(void **state)
{
    static const struct bad bad[] = {
        {V1 "()", "byte 34: _rebuild_tensor: 0 arguments"},
        {V1 "(" FLOATS("0") ", 0, (2))", "3 arguments"},
        {V1 "(" FLOATS("0") ", 0, (2), (1), 5)", "5 arguments"},
        {V1 "('0', 0, (2), (1))", "storage is no storage"},
        {V1 "(" MATRIX ", 0, (2), (1))", "storage is no storage"},
        {V1 "(" FLOATS("0") ", '0', (2), (1))", "storage_offset is not an integer"},
        {V1 "(" FLOATS("0") ", True, (2), (1))", "storage_offset is not an integer"},
        {V1 "(" FLOATS("0") ", -1, (2), (1))", "storage_offset is negative"},
        {V1 "(" FLOATS("0") ", 0, 2, (1))", "size is no tuple"},
        {V1 "(" FLOATS("0") ", 0, (2, 1.0), (1, 1))", "size[1] is not an integer"},
        {V1 "(" FLOATS("0") ", 0, (-2), (1))", "size[0] is negative"},
        {V1 "(" FLOATS("0") ", 0, (2), None)", "stride is no tuple"},
        {V1 "(" FLOATS("0") ", 0, (2), ('1'))", "stride[0] is not an integer"},
        {V1 "(" FLOATS("0") ", 0, (2), (-1))", "stride[0] is negative"},
        {V1 "(" FLOATS("0") ", 0, (2), (1, 1))", "1 sizes and 2 strides"},
        {V1 "(" FLOATS("0") ", 0, (7), (1))", "reaches over the end of its storage"},
        {V1 "(" FLOATS("0") ", 5, (2), (1))", "reaches over the end of its storage"},
        {V1 "(" FLOATS("0") ", 0, (2, 4), (3, 1))", "reaches over the end of its storage"},
        {V1 "(" FLOATS("0") ", 9223372036854775807, (1), (1))", "_rebuild_tensor"},
        {V1 "(" FLOATS("0") ", 0, (4611686018427387904, 4), (0, 0))", "64 bits"},
        {V1 "(" FLOATS("0") ", 0, (3, 3), (4611686018427387904, 1))", "64 bits"},
    };
    char text[1024] = V1 "(" FLOATS("0") ", 0, (1";
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    for (int i = 0; i < 64; i++) strcat(text, ", 1");
    strcat(text, "), (1))");
    assert_refused(text, PTM_EFORMAT, "size has 65 dimensions");
}

static void test_weights_rebuild__tensor_v2(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t =
        one(V2 "(P('storage', @torch.ComplexFloatStorage, '0', 'cuda:0', 6), 0, " SIZES
               ", True, None, " META ")",
            &w);
    assert_int_equal(t->dtype, PTM_COMPLEX64);
    assert_true(t->requires_grad && t->conj && !t->neg);
    ptm_weights_close(w);
    t = one(V2 "(" FLOATS("0") ", 0, " SIZES ", False, {}, {'neg': True})", &w);
    assert_true(t->neg);
    ptm_weights_close(w);
    t = one(V2 "(" BYTES("0") ", 0, " SIZES ", False, " HOOKS ")", &w);
    assert_int_equal(t->dtype, PTM_UINT8);
    ptm_weights_close(w);
}

static void test_weights_rebuild__tensor_v2_with_wrong_arguments(void **state)
{
    static const struct bad bad[] = {
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False)", "5 arguments"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False, None, None, 8)", "8 arguments"},
        {V2 "(" FLOATS("0") ", 0, (2, None), (3, 1), False, None)", "size[1] is not an integer"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", 1, None)", "requires_grad is neither True nor False"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False, 'hooks')", "backward_hooks is no dictionary"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False, None, [1])", "metadata is no dictionary"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False, None, {'conj': 1})", "metadata is neither"},
        {V2 "(" FLOATS("0") ", 0, " SIZES ", False, None, {'x': True})", "metadata that is not"},
    };
    (void)state;
    ASSERT_ALL_REFUSED(bad);
}

static void test_weights_rebuild__tensor_v3(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t =
        one(V3 "(" BYTES("0") ", 1, " SIZES ", False, None, @torch.float8_e4m3fn)", &w);
    assert_int_equal(t->dtype, PTM_FLOAT8_E4M3FN);
    ptm_weights_close(w);
    t = one(V3 "(" BYTES("0") ", 2, " SIZES ", False, None, @torch.uint16, {'neg': True})", &w);
    assert_int_equal(t->dtype, PTM_UINT16);
    assert_int_equal(t->byte_offset, 4);
    assert_true(t->neg);
    ptm_weights_close(w);
    /* A view of a legacy storage counts in the storage's dtype. */
    t = one(V3 "(P('storage', @torch.LongStorage, '0', 'cpu', 4, ('v', 1, 3)), 1, (2), (1), False, "
               "None, @torch.uint16)",
            &w);
    assert_int_equal(t->offset, 5);
    ptm_weights_close(w);
}

static void test_weights_rebuild__tensor_v3_with_wrong_arguments(void **state)
{
    static const struct bad bad[] = {
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None)", "6 arguments"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None, 'float16')", "dtype is no dtype of torch"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None, @os.float16)",
         "dtype is no dtype of torch"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None, @torch.float7)",
         "dtype is a dtype that is"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None, @torch.string)",
         "dtype is a dtype that is"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", None, None, @torch.uint16)",
         "requires_grad is neither"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, 3, @torch.uint16)", "backward_hooks is no"},
        {V3 "(" BYTES("0") ", 1, " SIZES ", False, None, @torch.uint16, 3)", "metadata is no"},
        {V3 "(" BYTES("0") ", 10, " SIZES ", False, None, @torch.uint16)", "reaches over the end"},
        {V3 "(P('storage', @torch.HalfStorage, '0', 'cpu', 9, ('v', 1, 8)), 0, (1), (1), False, "
            "None, @torch.float32)",
         "a view of a storage of another dtype"},
    };
    (void)state;
    ASSERT_ALL_REFUSED(bad);
}

/* --- wrappers --- */

#define PARAMETER "@torch._utils._rebuild_parameter"
#define WITH_STATE "@torch._utils._rebuild_parameter_with_state"
#define TYPED "@torch._tensor._rebuild_from_type_v2"

static void test_weights_rebuild__parameter(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t = one(PARAMETER "(" MATRIX ", True, " HOOKS ")", &w);
    assert_true(t->is_parameter && t->requires_grad);
    ptm_weights_close(w);
    t = one(WITH_STATE "(" MATRIX ", False, None, {'sharding': 2})", &w);
    assert_true(t->is_parameter && !t->requires_grad);
    assert_int_equal(ptm_weights_root(w)->state->kind, PTM_VALUE_DICT);
    ptm_weights_close(w);
    assert_names("{'w': " WITH_STATE "(" MATRIX ", False, None, {'scale': " MATRIX "})}",
                 " w w.scale");
    /* Around something that nobody knows how to make. */
    assert_names("{'w': " PARAMETER "(@bnb.make(" MATRIX "), True, None)}", " w.0.0");
    /* As torch before 0.4 wrote them. */
    t = one("@torch.nn.parameter.Parameter(" MATRIX ")!(False, False, " HOOKS ")", &w);
    assert_true(t->is_parameter && !t->requires_grad);
    ptm_weights_close(w);
    t = one("@torch.nn.parameter.Parameter*(" MATRIX ", False)", &w);
    assert_true(t->is_parameter && !t->requires_grad);
    ptm_weights_close(w);
    t = one("@torch.autograd.variable.Variable(" MATRIX ")!(True, False, " HOOKS ")", &w);
    assert_true(!t->is_parameter && t->requires_grad);
    ptm_weights_close(w);
    t = one("@torch.nn.parameter.Parameter*()!(" MATRIX ", None, " HOOKS ", True, False)", &w);
    assert_true(t->is_parameter && t->requires_grad && t->n_dims == 2);
    ptm_weights_close(w);
}

static void test_weights_rebuild__parameter_with_wrong_arguments(void **state)
{
    static const struct bad bad[] = {
        {PARAMETER "(" MATRIX ", True)", "2 arguments"},
        {PARAMETER "(" MATRIX ", True, None, None)", "4 arguments"},
        {PARAMETER "(5, True, None)", "data is no tensor"},
        {PARAMETER "(@builtins.set(), True, None)", "data is no tensor"},
        {PARAMETER "(" MATRIX ", None, None)", "requires_grad is neither"},
        {PARAMETER "(" MATRIX ", True, 7)", "backward_hooks is no dictionary"},
        {WITH_STATE "(" MATRIX ", True, None)", "3 arguments"},
        {"@torch.nn.parameter.Parameter(3)", "data is no tensor"},
        {"@torch.nn.parameter.Parameter(" MATRIX ", 3)", "requires_grad is neither"},
        {"@torch.nn.parameter.Parameter(" MATRIX ", True, 3)", "3 arguments"},
        {"@torch.nn.parameter.Parameter(" MATRIX ")!7", "its state is no tuple"},
        {"@torch.nn.parameter.Parameter(" MATRIX ")!(1)", "a state of another length"},
        {"@torch.nn.parameter.Parameter(" MATRIX ")!(1, 2, 3)", "requires_grad is neither"},
    };
    (void)state;
    ASSERT_ALL_REFUSED(bad);
}

/* torch's __setstate__ would give a tensor another storage, and SETITEM writes into memory. */
static void test_weights_rebuild__what_is_done_to_tensors_afterwards(void **state)
{
    static const struct bad bad[] = {
        {MATRIX "+{0: 1}", "items are put into a tensor"},
        {MATRIX "+[0]", "items are put into a tensor"},
        {MATRIX "!(" FLOATS("0") ", 0, (7), (1))", "reaches over the end of its storage"},
        {MATRIX "!(" FLOATS("0") ", 0, (1), (1))!(True, False, None)", "BUILD more than once"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    const struct ptm_tensor *t = one(MATRIX "!(" FLOATS("0") ", 1, (5), (1))", &w);
    assert_true(t->n_dims == 1 && t->offset == 1);
    ptm_weights_close(w);
}

static void test_weights_rebuild__classes_of_old(void **state)
{
    static const struct bad bad[] = {
        {"@torch.FloatTensor()!(1, 0, (2, 3), (3, 1))", "storage is no storage"},
        {"@torch.FloatTensor()!(" FLOATS("0") ", 'x', (2, 3), (3, 1))", "storage_offset is not"},
        {"@torch.FloatTensor()!(" FLOATS("0") ", 0, (2, 3), (3, 1), 7)",
         "requires_grad is neither"},
        {"@torch.FloatTensor()!(" FLOATS("0") ", 0, (2, 3), (3, 1), True, 1)", "of another length"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    const struct ptm_tensor *t = one("@torch.FloatTensor*()!(" FLOATS("0") ", 0, " SIZES ")", &w);
    assert_true(t->dtype == PTM_FLOAT32 && t->n_dims == 2);
    ptm_weights_close(w);
    t = one("@torch.cuda.HalfTensor()!(P('storage', @torch.cuda.HalfStorage, '0', 'cuda:0', 6), "
            "0, " SIZES ", True)",
            &w);
    assert_true(t->dtype == PTM_FLOAT16 && t->requires_grad);
    ptm_weights_close(w);
    t = one("@torch.Tensor*()!(" FLOATS("0") ", 0, " SIZES ")", &w);
    assert_int_equal(t->n_dims, 2);
    ptm_weights_close(w);
    /* Sizes would make a tensor without values: nothing is known of it. */
    assert_names("@torch.FloatTensor(2, 3)", "");
    assert_names("@torch.FloatTensor()", "");
}

static void test_weights_rebuild__from_type(void **state)
{
    static const struct bad bad[] = {
        {TYPED "(" V2 ", @m.T, ())", "3 arguments"},
        {TYPED "(1, @m.T, (), None)", "no function, class and arguments"},
        {TYPED "(" V2 ", 'T', (), None)", "no function, class and arguments"},
        {TYPED "(" V2 ", @m.T, [], None)", "no function, class and arguments"},
        {TYPED "(" V2 ", @m.T, (), None)", "_rebuild_tensor_v2: 0 arguments"},
        {TYPED "(" TYPED ", @m.T, (), None)", "calls itself"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    (void)one(TYPED "(" V2 ", @m.T, (" FLOATS("0") ", 0, " SIZES ", False, None), {'unit': 'kg'})",
              &w);
    assert_string_equal(ptm_weights_root(w)->class_name, "m.T");
    assert_int_equal(ptm_weights_root(w)->state->n_items, 2);
    ptm_weights_close(w);
    assert_names("{'w': " TYPED "(" V2 ", @m.T, (" FLOATS("0") ", 0, " SIZES
                                                               ", False, None), ({'a': " MATRIX
                                                               "}, {'b': " MATRIX "}))}",
                 " w w.a w.b");
    assert_names(TYPED "(@m.f, @m.T, (" MATRIX "), None)", " 2.0");
}

static void test_weights_rebuild__tensors_without_data(void **state)
{
#define META_TENSOR "@torch._utils._rebuild_meta_tensor_no_storage"
#define WRAPPER "@torch._utils._rebuild_wrapper_subclass"
#define REST ", @torch.strided, @torch.device('cpu'), True)"
    static const struct bad bad[] = {
        {META_TENSOR "(@torch.float16, (2, 3), (3, 1))", "3 arguments"},
        {META_TENSOR "('float16', (2, 3), (3, 1), True)", "dtype is no dtype"},
        {META_TENSOR "(@torch.float16, 2, (3, 1), True)", "size is no tuple"},
        {META_TENSOR "(@torch.float16, (2, 3), 3, True)", "stride is no tuple"},
        {META_TENSOR "(@torch.float16, (2, 3), (3), True)", "2 sizes and 1 strides"},
        {META_TENSOR "(@torch.float16, (2, 3), (3, 1), 1)", "requires_grad is neither"},
        {WRAPPER "(@m.T, @torch.float16, (2), (1), 0)", "5 arguments"},
        {WRAPPER "(1, @torch.float16, (2), (1), 0" REST, "cls is no class"},
        {WRAPPER "(@m.T, 1, (2), (1), 0" REST, "dtype is no dtype"},
        {WRAPPER "(@m.T, @torch.float16, 2, (1), 0" REST, "size is no tuple"},
        {WRAPPER "(@m.T, @torch.float16, (2), (), 0" REST, "1 sizes and 0 strides"},
        {WRAPPER "(@m.T, @torch.float16, (2), (1), -1" REST, "storage_offset is negative"},
        {WRAPPER "(@m.T, @torch.float16, (2), (1), 0, 0, 0, 0)", "requires_grad is neither"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    const struct ptm_tensor *t = one(META_TENSOR "(@torch.float16, (2, 3), (3, 1), True)", &w);
    assert_true(t->storage == PTM_NO_STORAGE && t->nbytes == 12 && t->requires_grad);
    ptm_weights_close(w);
    t = one(WRAPPER "(@m.T, @torch.float16, (2), (1), 0" REST, &w);
    assert_true(t->storage == PTM_NO_STORAGE && t->nbytes == 4 && t->requires_grad);
    assert_string_equal(ptm_weights_root(w)->class_name, "m.T");
    ptm_weights_close(w);
}

static void test_weights_rebuild__data_of_other_devices(void **state)
{
#define FROM_CPU "@torch._utils._rebuild_device_tensor_from_cpu_tensor"
#define XLA "@torch._utils._rebuild_xla_tensor"
    static const struct bad bad[] = {
        {FROM_CPU "(" MATRIX ", @torch.float32, 'xla:0')", "3 arguments"},
        {FROM_CPU "(1, @torch.float32, 'xla:0', True)", "data is no tensor"},
        {FROM_CPU "(" MATRIX ", 1, 'xla:0', True)", "dtype is no dtype"},
        {FROM_CPU "(" MATRIX ", @torch.float32, 'xla:0', None)", "requires_grad is neither"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    const struct ptm_tensor *t = one(FROM_CPU "(" MATRIX ", @torch.float32, 'xla:0', True)", &w);
    assert_true(t->requires_grad && t->n_dims == 2);
    ptm_weights_close(w);
    t = one(XLA "(@numpy.core.multiarray._reconstruct(@numpy.ndarray, (0), b'b')!(1, (2), "
                "@numpy.dtype('f4', False, True)!(3, '<', None, None, None, -1, -1, 0), False, "
                "b'01234567'), @torch.float32, 'xla:0', False)",
            &w);
    assert_true(t->dtype == PTM_FLOAT32 && t->shape[0] == 2);
    ptm_weights_close(w);
}

static void test_weights_rebuild__tensors_in_tensors_are_capped(void **state)
{
    char text[8192] = "";
    (void)state;
    for (int i = 0; i < 100; i++) strcat(text, PARAMETER "(");
    strcat(text, MATRIX);
    for (int i = 0; i < 100; i++) strcat(text, ", True, None)");
    assert_refused(text, PTM_ELIMIT, "tensors inside tensors");
}

/* --- quantised --- */

#define Q "@torch._utils._rebuild_qtensor"
#define QBYTES "P('storage', @torch.QInt8Storage, 'q', 'cpu', 6)"
#define PER_TENSOR "(@torch.per_tensor_affine, 0.5, 3)"
#define DOUBLES                                                                                 \
    "@torch._utils._rebuild_tensor(P('storage', @torch.DoubleStorage, 's', 'cpu', 2), 0, (2), " \
    "(1))"
#define CHANNELS(scales, zeros, axis) "(@torch.per_channel_affine, " scales ", " zeros ", " axis ")"

static void test_weights_rebuild__quantised(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t =
        one(Q "(" QBYTES ", 0, " SIZES ", " PER_TENSOR ", False, None)", &w);
    assert_true(t->dtype == PTM_QINT8 && t->qscheme == PTM_PER_TENSOR_AFFINE);
    assert_true(t->scale == 0.5 && t->zero_point == 3 && t->n_parts == 0);
    ptm_weights_close(w);
    t = one(Q "(" QBYTES ", 0, " SIZES ", " CHANNELS(DOUBLES, INDICES("2"), "0") ", True, {})", &w);
    assert_true(t->qscheme == PTM_PER_CHANNEL_AFFINE && t->axis == 0 && t->n_parts == 2);
    assert_true(t->parts[0].dtype == PTM_FLOAT64 && t->parts[1].dtype == PTM_INT64);
    assert_string_equal(t->parts[0].name, "");
    ptm_weights_close(w);
    t = one(Q "(P('storage', @torch.QUInt4x2Storage, 'q', 'cpu', 3), 0, " SIZES ", " PER_TENSOR
              ", False, None)",
            &w);
    assert_true(t->dtype == PTM_QUINT4X2 && t->nbytes == 3);
    ptm_weights_close(w);
}

static void test_weights_rebuild__quantised_with_lists(void **state)
{
    ptm_weights *w = NULL;
    double scales[2];
    int64_t zeros[2];
    (void)state;
    const struct ptm_tensor *t = one(
        Q "(" QBYTES ", 0, " SIZES ", " CHANNELS("[0.25, 2]", "[1, -7]", "0") ", False, None)", &w);
    assert_int_equal(ptm_weights_read(w, &t->parts[0], scales, sizeof scales, NULL), PTM_OK);
    assert_int_equal(ptm_weights_read(w, &t->parts[1], zeros, sizeof zeros, NULL), PTM_OK);
    assert_true(scales[0] == 0.25 && scales[1] == 2 && zeros[0] == 1 && zeros[1] == -7);
    ptm_weights_close(w);
    t = one(Q "(" QBYTES ", 0, " SIZES ", (@torch.per_channel_affine_float_qparams, [0.5, 1.5], "
              "[0.0, 1.0], 0), False, None)",
            &w);
    float floats[2];
    assert_int_equal(ptm_weights_read(w, &t->parts[0], floats, sizeof floats, NULL), PTM_OK);
    assert_true(floats[0] == 0.5f && floats[1] == 1.5f);
    ptm_weights_close(w);
}

static void test_weights_rebuild__quantised_with_wrong_arguments(void **state)
{
#define WITH(params) Q "(" QBYTES ", 0, " SIZES ", " params ", False, None)"
    static const struct bad bad[] = {
        {Q "(" QBYTES ", 0, " SIZES ", " PER_TENSOR ", False)", "6 arguments"},
        {Q "(" FLOATS("0") ", 0, " SIZES ", " PER_TENSOR ", False, None)", "no quantised dtype"},
        {Q "(" QBYTES ", 0, " SIZES ", " PER_TENSOR ", 1, None)", "requires_grad is neither"},
        {Q "(" QBYTES ", 0, " SIZES ", " PER_TENSOR ", True, 1)", "backward_hooks is no"},
        {Q "(" QBYTES ", 0, (2, 4), (4, 1), " PER_TENSOR ", True, None)", "reaches over the end"},
        {WITH("7"), "quantizer_params is no tuple"},
        {WITH("()"), "quantizer_params is no tuple"},
        {WITH("(@torch.per_row, 1.0, 0)"), "a scheme that is not known"},
        {WITH("('per_tensor_affine', 1.0, 0)"), "a scheme that is not known"},
        {WITH("(@torch.per_tensor_affine, 1.0)"), "quantizer_params of another length"},
        {WITH("(@torch.per_tensor_affine, 'x', 0)"), "scale or zero_point is no number"},
        {WITH("(@torch.per_tensor_affine, 1.0, 0.5)"), "scale or zero_point is no number"},
        {WITH(CHANNELS("1", INDICES("2"), "0")), "scales is no tensor"},
        {WITH(CHANNELS(DOUBLES, "1", "0")), "zero_points is no tensor"},
        {WITH(CHANNELS(DOUBLES, INDICES("2"), "'0'")), "axis is not an integer"},
        {WITH(CHANNELS(DOUBLES, INDICES("2"), "2")), "axis is no dimension"},
        {WITH(CHANNELS(DOUBLES, INDICES("2"), "1")), "scales are not one for each channel"},
        {WITH(CHANNELS(DOUBLES, INDICES("3"), "0")), "zero_points are not one for each"},
        {WITH(CHANNELS("[1.0, 'x']", "[1, 2]", "0")), "scales has an item that is no number"},
        {WITH(CHANNELS("[1.0, 2.0]", "[1, 2.0]", "0")), "zero_points has an item that is no"},
        {Q "(" QBYTES ", 0, " SIZES ", " PER_TENSOR ", False, None)!(True, False, None)",
         "BUILD on a quantised tensor"},
    };
    (void)state;
    ASSERT_ALL_REFUSED(bad);
}

/* --- sparse --- */

#define SPARSE "@torch._utils._rebuild_sparse_tensor"
#define LAYOUT(name) "@torch.serialization._get_layout('torch." name "')"
/* (2, n) int64. */
#define COORDINATES(n, numel) \
    V2 "(" LONGS("c", numel) ", 0, (2, " n "), (" n ", 1), False, " HOOKS ")"
#define BLOCKS V2 "(" FLOATS("b") ", 0, (1, 2, 3), (6, 3, 1), False, " HOOKS ")"

static void test_weights_rebuild__sparse_coo(void **state)
{
    ptm_weights *w = NULL;
    (void)state;
    const struct ptm_tensor *t = one(SPARSE "(" LAYOUT("sparse_coo") ", (" COORDINATES(
                                         "3", "6") ", " VECTOR("3") ", @torch.Size((4, 5)), True))",
                                     &w);
    assert_int_equal(t->layout, PTM_SPARSE_COO);
    assert_true(t->dtype == PTM_FLOAT32 && t->n_dims == 2 && t->shape[1] == 5 && t->coalesced);
    assert_true(t->storage == PTM_NO_STORAGE && t->n_parts == 2);
    assert_int_equal(t->parts[0].dtype, PTM_INT64);
    ptm_weights_close(w);
    t = one(SPARSE "(" LAYOUT("sparse_coo") ", (" COORDINATES("2", "6") ", " MATRIX ", (4, 5, 3)))",
            &w);
    assert_true(t->n_dims == 3 && !t->coalesced);
    ptm_weights_close(w);
    /* TorchScript's form. */
    t = one(SPARSE "(1, (4, 5), True, " COORDINATES("3", "6") ", " VECTOR("3") ", " HOOKS ")", &w);
    assert_true(t->layout == PTM_SPARSE_COO && t->requires_grad);
    ptm_weights_close(w);
}

static void test_weights_rebuild__sparse_compressed(void **state)
{
    static const struct {
        const char *notation;
        ptm_layout layout;
    } good[] = {
        {SPARSE "(" LAYOUT("sparse_csr") ", (" INDICES("3") ", " INDICES("4") ", " VECTOR(
             "4") ", (2, 5)))",
         PTM_SPARSE_CSR},
        {"@torch._utils._rebuild_sparse_csr_tensor(@torch.sparse_csr, (" INDICES("3") ", " INDICES(
             "4") ", " VECTOR("4") ", (2, 5)))",
         PTM_SPARSE_CSR},
        {SPARSE "(" LAYOUT("sparse_csc") ", (" INDICES("6") ", " INDICES("4") ", " VECTOR(
             "4") ", (2, 5)))",
         PTM_SPARSE_CSC},
        {SPARSE "(" LAYOUT("sparse_bsr") ", (" INDICES("3") ", " INDICES("1") ", " BLOCKS
                                                                              ", (4, 9)))",
         PTM_SPARSE_BSR},
        {SPARSE "(" LAYOUT("sparse_bsc") ", (" INDICES("4") ", " INDICES("1") ", " BLOCKS
                                                                              ", (4, 9)))",
         PTM_SPARSE_BSC},
        {SPARSE "(2, (2, 5), False, " INDICES("3") ", " INDICES("4") ", " VECTOR("4") ", " HOOKS
                                                                                      ")",
         PTM_SPARSE_CSR},
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        ptm_weights *w = NULL;
        const struct ptm_tensor *t = one(good[i].notation, &w);
        assert_int_equal(t->layout, good[i].layout);
        assert_int_equal(t->n_parts, 3);
        ptm_weights_close(w);
    }
}

static void test_weights_rebuild__sparse_with_wrong_arguments(void **state)
{
#define COO(parts) SPARSE "(" LAYOUT("sparse_coo") ", " parts ")"
#define CSR(parts) SPARSE "(" LAYOUT("sparse_csr") ", " parts ")"
#define BSR(parts) SPARSE "(" LAYOUT("sparse_bsr") ", " parts ")"
    static const struct bad bad[] = {
        {SPARSE "(" LAYOUT("sparse_coo") ")", "1 arguments"},
        {SPARSE "(" LAYOUT("strided") ", ())", "a layout that is not known"},
        {SPARSE "(0, ())", "a layout that is not known"},
        {COO("7"), "no tuple of three or four"},
        {COO("(1, 2)"), "no tuple of three or four"},
        {COO("(1, " VECTOR("3") ", (4, 5))"), "indices is no tensor"},
        {COO("(" MATRIX ", " VECTOR("3") ", (4, 5))"), "indices is no tensor of indices"},
        {COO("(" INDICES("3") ", " VECTOR("3") ", (4, 5))"), "indices are no matrix of int64"},
        {COO("(" COORDINATES("3", "6") ", 1, (4, 5))"), "values is no tensor"},
        {COO("(" COORDINATES("3", "6") ", " VECTOR("2") ", (4, 5))"), "are not as many"},
        {COO("(" COORDINATES("3", "6") ", " VECTOR("3") ", 20)"), "size is no tuple"},
        {COO("(" COORDINATES("3", "6") ", " VECTOR("3") ", (4, 5, 6))"), "not the dimensions"},
        {COO("(" COORDINATES("2", "6") ", " MATRIX ", (4, 5, 4))"), "not of the size"},
        {COO("(" COORDINATES("3", "6") ", " VECTOR("3") ", (4, 5), 1)"), "is_coalesced is neither"},
        {SPARSE "(1, (4, 5), True, " COORDINATES("3", "6") ", " VECTOR("3") ")", "5 arguments"},
        {SPARSE "(1, (4, 5), 1, " COORDINATES("3", "6") ", " VECTOR("3") ", None)",
         "requires_grad is neither"},
        {CSR("(" INDICES("3") ", " INDICES("4") ", " VECTOR("4") ")"), "no tuple of three or four"},
        {CSR("(1, " INDICES("4") ", " VECTOR("4") ", (2, 5))"), "indices is no tensor"},
        {CSR("(" INDICES("3") ", 1, " VECTOR("4") ", (2, 5))"), "plain indices is no tensor"},
        {CSR("(" INDICES("3") ", " INDICES("4") ", 1, (2, 5))"), "values is no tensor"},
        {CSR("(" INDICES("3") ", " INDICES("4") ", " VECTOR("4") ", (2))"), "too few dimensions"},
        {CSR("(" INDICES("3") ", " INDICES("4") ", " VECTOR("3") ", (2, 5))"), "not as many"},
        {CSR("(" INDICES("3") ", " INDICES("4") ", " VECTOR("4") ", (3, 5))"),
         "do not match the size"},
        {CSR("(" COORDINATES("3", "6") ", " INDICES("4") ", " VECTOR("4") ", (2, 5))"),
         "the two kinds of indices do not match"},
        {BSR("(" INDICES("3") ", " INDICES("1") ", " BLOCKS ", (5, 9))"), "do not match the size"},
        {BSR("(" INDICES("3") ", " INDICES("4") ", " VECTOR("4") ", (4, 9))"), "do not match"},
        {COO("(" COORDINATES("3", "6") ", " VECTOR("3") ", (4, 5))") "!(True, False, None)",
         "BUILD on a sparse tensor"},
    };
    (void)state;
    ASSERT_ALL_REFUSED(bad);
}

/* A parameter around parts is given another storage. */
static void test_weights_rebuild__a_storage_for_what_has_parts(void **state)
{
    (void)state;
    assert_refused(PARAMETER "(" SPARSE
                             "(" LAYOUT("sparse_coo") ", (" COORDINATES("3", "6") ", " VECTOR(
                                 "3") ", (4, 5))), True, None)!(" FLOATS("0") ", 0, (1), (1))",
                   PTM_EFORMAT, "made of parts");
}

/* --- nested --- */

static void test_weights_rebuild__nested(void **state)
{
#define NESTED "@torch._utils._rebuild_nested_tensor"
#define SHAPES COORDINATES("2", "6")
    static const struct bad bad[] = {
        {NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ")", "3 arguments"},
        {NESTED "(1, " SHAPES ", " SHAPES ", " INDICES("2") ")", "buffer is no tensor"},
        {NESTED "(" VECTOR("6") ", 1, " SHAPES ", " INDICES("2") ")", "sizes is no tensor"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " MATRIX ", " INDICES("2") ")", "strides is no"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", 1)", "storage_offsets is no tensor"},
        {NESTED "(" MATRIX ", " SHAPES ", " SHAPES ", " INDICES("2") ")", "of other dimensions"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " COORDINATES("3", "6") ", " INDICES("2") ")",
         "sizes and strides are not as many"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", " INDICES("3") ")",
         "sizes and offsets are not as many"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", [0, 'x'])", "an item that is no number"},
        {NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", [0, 4])!(True, False, None)",
         "BUILD on a nested tensor"},
    };
    ptm_weights *w = NULL;
    (void)state;
    ASSERT_ALL_REFUSED(bad);
    const struct ptm_tensor *t =
        one(NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", " INDICES("2") ")", &w);
    assert_true(t->layout == PTM_NESTED && t->n_parts == 4 && t->dtype == PTM_FLOAT32);
    ptm_weights_close(w);
    t = one(NESTED "(" VECTOR("6") ", " SHAPES ", " SHAPES ", [0, 4])", &w);
    int64_t offsets[2];
    assert_int_equal(ptm_weights_read(w, &t->parts[3], offsets, sizeof offsets, NULL), PTM_OK);
    assert_int_equal(offsets[1], 4);
    ptm_weights_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_rebuild__tensor),
        cmocka_unit_test(test_weights_rebuild__tensor_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__tensor_v2),
        cmocka_unit_test(test_weights_rebuild__tensor_v2_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__tensor_v3),
        cmocka_unit_test(test_weights_rebuild__tensor_v3_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__parameter),
        cmocka_unit_test(test_weights_rebuild__parameter_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__what_is_done_to_tensors_afterwards),
        cmocka_unit_test(test_weights_rebuild__classes_of_old),
        cmocka_unit_test(test_weights_rebuild__from_type),
        cmocka_unit_test(test_weights_rebuild__tensors_without_data),
        cmocka_unit_test(test_weights_rebuild__data_of_other_devices),
        cmocka_unit_test(test_weights_rebuild__tensors_in_tensors_are_capped),
        cmocka_unit_test(test_weights_rebuild__quantised),
        cmocka_unit_test(test_weights_rebuild__quantised_with_lists),
        cmocka_unit_test(test_weights_rebuild__quantised_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__sparse_coo),
        cmocka_unit_test(test_weights_rebuild__sparse_compressed),
        cmocka_unit_test(test_weights_rebuild__sparse_with_wrong_arguments),
        cmocka_unit_test(test_weights_rebuild__a_storage_for_what_has_parts),
        cmocka_unit_test(test_weights_rebuild__nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
