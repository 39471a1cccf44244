/* SPDX-License-Identifier: MIT */
/* test_weights_numpy.c - NumPy's arrays and scalars inside pickles. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "objects_looks.h"

#define DTYPE(code, order) \
    "@numpy.dtype('" code "', False, True)!(3, '" order "', None, None, None, -1, -1, 0)"
#define ARRAY "@numpy.core.multiarray._reconstruct(@numpy.ndarray, (0), b'b')"
#define F4 DTYPE("f4", "<")
#define TWO "b'\\x00\\x00\\x80\\x3f\\x00\\x00\\x00\\x40'" /* 1, 2 */

static void assert_floats(const char *notation, const float *want, size_t n)
{
    float values[8];
    struct ptm_err err = {0};
    ptm_weights *w = open_notation(notation);
    const struct ptm_tensor *t = ptm_weights_tensor(w, 0);
    assert_int_equal(ptm_weights_count(w), 1);
    assert_int_equal(t->dtype, PTM_FLOAT32);
    if (ptm_weights_read(w, t, values, n * 4, &err) < 0) fail_msg("%s: %s", notation, err.msg);
    for (size_t i = 0; i < n; i++) assert_true(values[i] == want[i]);
    assert_string_equal(ptm_weights_root(w)->class_name, "numpy.ndarray");
    ptm_weights_close(w);
}

static void test_weights_numpy__arrays(void **state)
{
    static const float two[] = {1, 2};
    (void)state;
    assert_floats(ARRAY "!(1, (2), " F4 ", False, " TWO ")", two, 2);
    assert_floats(ARRAY "!((2), " F4 ", False, " TWO ")", two, 2); /* before NumPy 1.0 */
    assert_floats(ARRAY "!(1, (2), @numpy.dtype('<f4'), False, " TWO ")", two, 2);
    assert_floats("@numpy._core.multiarray._reconstruct(@m.Sub, (0), b'b')!(1, (2, 1), " F4
                  ", False, " TWO ")",
                  two, 2);
    assert_floats("@numpy.core.numeric._frombuffer(" TWO ", " F4 ", (2), 'C')", two, 2);
    assert_floats("@numpy.core.numeric._frombuffer(a'\\x00\\x00\\x80\\x3f\\x00\\x00\\x00\\x40', " F4
                  ", (2), 'C')",
                  two, 2);
    /* Protocol 2 has no bytes. */
    assert_floats(ARRAY "!(1, (2), " F4 ", False, @_codecs.encode('\\x00\\x00\\xc2\\x80\\x3f"
                        "\\x00\\x00\\x00\\x40', 'latin1'))",
                  two, 2);
    /* Python 2 had only str. */
    assert_floats(ARRAY "!(1, (2), " F4 ", False, r'\\x00\\x00\\x80\\x3f\\x00\\x00\\x00\\x40')",
                  two, 2);
    assert_floats(ARRAY
                  "!(1, (2), " DTYPE("f4", ">") ", False, "
                                                "b'\\x3f\\x80\\x00\\x00\\x40\\x00\\x00\\x00')",
                  two, 2);
}

static void test_weights_numpy__arrays_in_fortran_order(void **state)
{
    int8_t values[6];
    (void)state;
    ptm_weights *w = open_notation(
        ARRAY "!(1, (2, 3), " DTYPE("i1", "|") ", True, b'\\x01\\x04\\x02\\x05\\x03\\x06')");
    const struct ptm_tensor *t = ptm_weights_tensor(w, 0);
    assert_true(t->fortran && t->stride[0] == 1 && t->stride[1] == 2);
    assert_int_equal(ptm_weights_read(w, t, values, 6, NULL), PTM_OK);
    for (int i = 0; i < 6; i++) assert_int_equal(values[i], i + 1);
    ptm_weights_close(w);
}

/* The bytes are where they stand in the file. */
static void test_weights_numpy__bytes_are_not_copied(void **state)
{
    (void)state;
    ptm_weights *w = open_notation(ARRAY "!(1, (2), " F4 ", False, " TWO ")");
    int64_t offset = ptm_weights_storage(w, 0)->file_offset;
    const uint8_t *bytes = NULL;
    void *data = NULL;
    assert_true(offset > 0);
    assert_int_equal(ptmi_source_at(w->source, (uint64_t)offset, 8, &bytes, NULL), PTM_OK);
    assert_int_equal(ptm_weights_storage_data(w, 0, &data, NULL), PTM_OK);
    assert_ptr_equal(data, bytes);
    assert_memory_equal(bytes, "\0\0\x80\x3f\0\0\0\x40", 8);
    ptm_weights_close(w);
}

static void test_weights_numpy__arrays_that_are_wrong(void **state)
{
    static const struct {
        const char *notation, *why;
    } bad[] = {
        {ARRAY "!(1, (3), " F4 ", False, " TWO ")", "8 bytes for 3 elements"},
        {ARRAY "!(1, (1), " F4 ", False, " TWO ")", "8 bytes for 1 elements"},
        {ARRAY "!(1, 2, " F4 ", False, " TWO ")", "shape is no tuple"},
        {ARRAY "!(1, ('2'), " F4 ", False, " TWO ")", "shape[0] is not an integer"},
        {ARRAY "!(1, (-2), " F4 ", False, " TWO ")", "shape[0] is negative"},
        {ARRAY "!(1, (4611686018427387904, 4), " F4 ", False, " TWO ")", "64 bits"},
        {ARRAY "!(1, (2), " F4 ", False, 7)", "its data is no bytes"},
        {ARRAY "!(1, (2), " F4 ", False, 'text')", "its data is no bytes"},
        {"@numpy.core.numeric._frombuffer(" TWO ", " F4 ", (2), 'K')", "neither C nor F"},
        {"@numpy.core.numeric._frombuffer(" TWO ", " F4 ", (3), 'C')", "8 bytes for 3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i].notation, PTM_EFORMAT, bad[i].why);
}

static void test_weights_numpy__other_dtypes_are_told(void **state)
{
    static const char *const told[] = {
        ARRAY "!(1, (1), " DTYPE("U1", "<") ", False, b'abcd')",
        ARRAY "!(1, (1), " DTYPE("M8", "<") ", False, b'abcdefgh')",
        ARRAY "!(1, (1), @numpy.dtype('V4')!(3, '|', None, ('a'), {}, 4, 1, 16), False, b'abcd')",
        ARRAY "!(1, (1), @numpy.dtype('f4')!(3, '<', (1), None, None, 4, 1, 0), False, b'abcd')",
        ARRAY "!(1, (1), @numpy.dtype('f4')!(3, '?', None, None, None, 4, 1, 0), False, b'abcd')",
        ARRAY "!(1, (1), 'f4', False, b'abcd')",
        ARRAY "!(1, 2)",
        ARRAY,
        "@numpy.core.numeric._frombuffer(" TWO ", 'f4', (2), 'C')",
        "@numpy.core.multiarray.scalar(" DTYPE("U1", "<") ", b'abcd')",
        "@numpy.core.multiarray.scalar(" F4 ")",
        "@numpy.dtype('f4')",
    };
    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        ptm_weights *w = open_notation(told[i]);
        if (ptm_weights_root(w)->kind != PTM_VALUE_OBJECT) fail_msg("%s", told[i]);
        ptm_weights_close(w);
    }
}

static void test_weights_numpy__tensors_in_arrays_of_objects(void **state)
{
    (void)state;
    assert_names("{'a': " ARRAY "!(1, (2), " DTYPE("O8", "|") ", False, [1, {'w': " MATRIX "}])}",
                 " a.1.w");
}

static double number(const char *code, const char *order, const char *bytes)
{
    char text[512];
    snprintf(text, sizeof text,
             "@numpy.core.multiarray.scalar(@numpy.dtype('%s', False, True)!(3, '%s', None, None, "
             "None, -1, -1, 0), b'%s')",
             code, order, bytes);
    ptm_weights *w = open_notation(text);
    const struct ptm_value *value = ptm_weights_root(w);
    double result = 0;
    if (value->kind == PTM_VALUE_FLOAT)
        result = value->f;
    else if (value->kind == PTM_VALUE_INT || value->kind == PTM_VALUE_BOOL)
        result = (double)value->i;
    else if (value->kind == PTM_VALUE_COMPLEX)
        result = value->f * 1000 + value->f2;
    else if (value->kind == PTM_VALUE_BIGINT)
        result = strtod(value->text, NULL);
    else
        fail_msg("%s", text);
    ptm_weights_close(w);
    return result;
}

static void test_weights_numpy__scalars(void **state)
{
    (void)state;
    assert_true(number("b1", "|", "\\x01") == 1);
    assert_true(number("i1", "|", "\\xff") == -1);
    assert_true(number("u1", "|", "\\xff") == 255);
    assert_true(number("i2", "<", "\\x00\\x80") == -32768);
    assert_true(number("i8", "<", "\\x02\\x00\\x00\\x00\\x00\\x00\\x00\\x00") == 2);
    assert_true(number("i8", ">", "\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02") == 2);
    assert_true(number("u8", "<", "\\xff\\xff\\xff\\xff\\xff\\xff\\xff\\xff") == 0x1p64);
    assert_true(number("f8", "<", "\\x00\\x00\\x00\\x00\\x00\\x00\\xe0\\x3f") == 0.5);
    assert_true(number("f4", ">", "\\x3f\\x80\\x00\\x00") == 1);
    assert_true(number("f2", "<", "\\x00\\x3c") == 1);
    assert_true(number("f2", "<", "\\x01\\x80") == -0x1p-24);
    assert_true(number("f2", "<", "\\xff\\x7b") == 65504);
    assert_true(isinf(number("f2", "<", "\\x00\\x7c")));
    assert_true(isnan(number("f2", "<", "\\x01\\x7c")));
    assert_true(number("c8", "<", "\\x00\\x00\\x80\\x3f\\x00\\x00\\x00\\x40") == 1002);
    ptm_weights *w =
        open_notation("@numpy.core.multiarray.scalar(" F4 ", b'\\x00\\x00\\x00\\x40')");
    assert_string_equal(ptm_weights_root(w)->class_name, "numpy.float32");
    ptm_weights_close(w);
    assert_refused("@numpy.core.multiarray.scalar(" F4 ", b'abc')", PTM_EFORMAT,
                   "3 bytes for a number of type float32");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_numpy__arrays),
        cmocka_unit_test(test_weights_numpy__arrays_in_fortran_order),
        cmocka_unit_test(test_weights_numpy__bytes_are_not_copied),
        cmocka_unit_test(test_weights_numpy__arrays_that_are_wrong),
        cmocka_unit_test(test_weights_numpy__other_dtypes_are_told),
        cmocka_unit_test(test_weights_numpy__tensors_in_arrays_of_objects),
        cmocka_unit_test(test_weights_numpy__scalars),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
