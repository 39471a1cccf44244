/* SPDX-License-Identifier: MIT */
/* test_base_buf.c - the buffer never passes its cap and is always terminated. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <yyjson.h>

#include "base/auto.h"
#include "base/buf.h"

static void test_base_buf__appends_and_terminates(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(1000);
    assert_null(buf.data);
    assert_int_equal(ptmi_buf_append(&buf, "a\0b", 3, NULL), PTM_OK);
    assert_int_equal(ptmi_buf_puts(&buf, "cd", NULL), PTM_OK);
    assert_int_equal(ptmi_buf_putc(&buf, 'e', NULL), PTM_OK);
    assert_int_equal(ptmi_buf_printf(&buf, NULL, "%d-%s", 42, "x"), PTM_OK);
    assert_int_equal(buf.len, 10);
    assert_memory_equal(buf.data, "a\0bcde42-x", 11);
}

static void test_base_buf__empty_append_leaves_a_string(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(10);
    assert_int_equal(ptmi_buf_append(&buf, NULL, 0, NULL), PTM_OK);
    assert_string_equal(buf.data, "");
}

static void test_base_buf__cap_is_exact_and_loses_nothing(void **state)
{
    (void)state;
    struct ptm_err err = {0};
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(300);
    for (int i = 0; i < 300; i++) assert_int_equal(ptmi_buf_putc(&buf, 'x', &err), PTM_OK);
    assert_int_equal(ptmi_buf_putc(&buf, 'y', &err), PTM_ELIMIT);
    assert_int_equal(err.rc, PTM_ELIMIT);
    assert_non_null(strstr(err.msg, "300"));
    assert_int_equal(ptmi_buf_printf(&buf, &err, "%s", "y"), PTM_ELIMIT);
    assert_int_equal(buf.len, 300);
    assert_int_equal(strspn(buf.data, "x"), 300);
    assert_true(buf.cap <= 301);
    assert_int_equal(ptmi_buf_append(&buf, "", SIZE_MAX, &err), PTM_ELIMIT);
}

static void test_base_buf__reset_keeps_memory_clear_frees_it(void **state)
{
    (void)state;
    struct ptmi_buf buf = PTMI_BUF(100);
    assert_int_equal(ptmi_buf_puts(&buf, "text", NULL), PTM_OK);
    ptmi_buf_reset(&buf);
    assert_int_equal(buf.len, 0);
    assert_string_equal(buf.data, "");
    ptmi_buf_clear(&buf);
    assert_null(buf.data);
    assert_int_equal(buf.max, 100);
    ptmi_buf_clear(&buf);
}

static void test_base_buf__take_hands_over(void **state)
{
    (void)state;
    struct ptmi_buf buf = PTMI_BUF(100);
    PTM_AUTO(ptmi_freep) char *empty = ptmi_buf_take(&buf);
    assert_string_equal(empty, "");
    assert_int_equal(ptmi_buf_puts(&buf, "mine", NULL), PTM_OK);
    PTM_AUTO(ptmi_freep) char *text = ptmi_buf_take(&buf);
    assert_string_equal(text, "mine");
    assert_null(buf.data);
    assert_int_equal(buf.len, 0);
}

static void test_base_buf__json_strings_are_read_back_by_yyjson(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected;
    } cases[] = {
        {"plain", "\"plain\""},
        {"", "\"\""},
        {"q\"b\\n\n\r\t", "\"q\\\"b\\\\n\\n\\r\\t\""},
        {"\x01\x1f", "\"\\u0001\\u001f\""},
        {"\xc3\xa9\xf0\x9f\x98\x80", "\"\xc3\xa9\xf0\x9f\x98\x80\""},
        {"a\xff"
         "b\xc3",
         "\"a\xef\xbf\xbd"
         "b\xef\xbf\xbd\""},
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(1000);
        assert_int_equal(ptmi_buf_json_str(&buf, cases[i].text, NULL), PTM_OK);
        assert_string_equal(buf.data, cases[i].expected);
        yyjson_doc *doc = yyjson_read(buf.data, buf.len, 0);
        assert_non_null(doc);
        yyjson_doc_free(doc);
    }
    PTM_AUTO(ptmi_buf_clear) struct ptmi_buf buf = PTMI_BUF(1000);
    assert_int_equal(ptmi_buf_json_str(&buf, NULL, NULL), PTM_OK);
    assert_string_equal(buf.data, "null");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_buf__appends_and_terminates),
        cmocka_unit_test(test_base_buf__empty_append_leaves_a_string),
        cmocka_unit_test(test_base_buf__cap_is_exact_and_loses_nothing),
        cmocka_unit_test(test_base_buf__reset_keeps_memory_clear_frees_it),
        cmocka_unit_test(test_base_buf__take_hands_over),
        cmocka_unit_test(test_base_buf__json_strings_are_read_back_by_yyjson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
