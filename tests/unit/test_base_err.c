/* SPDX-License-Identifier: MIT */
/* test_base_err.c - codes, names, and messages that stay one printable line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include <ptm/err.h>

struct row {
    ptm_rc rc;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define ROW(code, number, name, text) {code, name, text},
    PTM_RC_LIST(ROW)
#undef ROW
};
#define N_ROWS (sizeof rows / sizeof rows[0])

static void test_base_err__every_code_has_its_own_name_and_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS; i++) {
        assert_int_equal(rows[i].rc, -(int)i); /* numbers are ABI: no gaps, in order */
        assert_true(rows[i].name[0] && rows[i].text[0]);
        assert_string_equal(ptm_rc_name(rows[i].rc), rows[i].name);
        assert_string_equal(ptm_rc_text(rows[i].rc), rows[i].text);
        assert_int_equal(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz_"), strlen(rows[i].name));
        for (size_t j = 0; j < i; j++) assert_string_not_equal(rows[i].name, rows[j].name);
    }
    assert_string_equal(ptm_rc_name((ptm_rc)-9999), "unknown");
    assert_string_equal(ptm_rc_text((ptm_rc)77), "unknown");
}

static void test_base_err__set_zeroes_what_an_earlier_error_left(void **state)
{
    (void)state;
    struct ptm_err err = {.sys_errno = 5, .http_status = 404, .retryable = true};
    assert_int_equal(ptm_err_set(&err, PTM_EGATED, "%s: access is gated", "hub/model"), PTM_EGATED);
    assert_int_equal(err.rc, PTM_EGATED);
    assert_int_equal(err.sys_errno, 0);
    assert_int_equal(err.http_status, 0);
    assert_false(err.retryable);
    assert_string_equal(err.msg, "hub/model: access is gated");
}

static void test_base_err__null_err_only_returns_the_code(void **state)
{
    (void)state;
    assert_int_equal(ptm_err_set(NULL, PTM_ENET, "x"), PTM_ENET);
    assert_int_equal(ptm_err_sys(NULL, ENOSPC, "x"), PTM_ENOSPC);
    assert_int_equal(ptm_err_ctx(NULL, PTM_EIO, "x"), PTM_EIO);
}

static void test_base_err__message_is_one_printable_line(void **state)
{
    (void)state;
    struct ptm_err err = {0};
    (void)!ptm_err_set(&err, PTM_EFORMAT, "%s", "a\nb\x1b[31m\xff\xe2\x80\xae!");
    assert_string_equal(err.msg, "a?b?[31m?"
                                 "?!");
}

static void test_base_err__long_message_is_cut_at_a_character(void **state)
{
    (void)state;
    char text[PTM_ERR_MSG_MAX + 100];
    memset(text, 'x', sizeof text);
    memcpy(text + PTM_ERR_MSG_MAX - 2, "\xc3\xa9", 2); /* would lose its second byte */
    text[sizeof text - 1] = '\0';
    struct ptm_err err = {0};
    (void)!ptm_err_set(&err, PTM_EIO, "%s", text);
    assert_int_equal(strlen(err.msg), PTM_ERR_MSG_MAX - 2);
    assert_int_equal(err.msg[PTM_ERR_MSG_MAX - 3], 'x');
}

static void test_base_err__sys_maps_errno_and_says_its_text(void **state)
{
    (void)state;
    static const struct {
        int number;
        ptm_rc rc;
    } maps[] = {{ENOSPC, PTM_ENOSPC}, {EDQUOT, PTM_ENOSPC}, {EROFS, PTM_EPERM},
                {EACCES, PTM_EPERM},  {ENOENT, PTM_ENOENT}, {EEXIST, PTM_EEXIST},
                {ENOMEM, PTM_ENOMEM}, {EIO, PTM_EIO},       {EINVAL, PTM_EINVAL}};
    for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
        struct ptm_err err = {0};
        assert_int_equal(ptm_err_sys(&err, maps[i].number, "/data/x"), maps[i].rc);
        assert_int_equal(err.sys_errno, maps[i].number);
        assert_non_null(strstr(err.msg, strerror(maps[i].number)));
        assert_ptr_equal(strstr(err.msg, "/data/x: "), err.msg);
    }
}

static void test_base_err__ctx_prefixes_and_keeps_the_details(void **state)
{
    (void)state;
    struct ptm_err err = {0};
    (void)!ptm_err_set(&err, PTM_EHTTP, "HTTP 503");
    err.http_status = 503;
    err.retryable = true;
    assert_int_equal(ptm_err_ctx(&err, PTM_EHTTP, "listing %s", "modelzoo"), PTM_EHTTP);
    assert_string_equal(err.msg, "listing modelzoo: HTTP 503");
    assert_int_equal(err.http_status, 503);
    assert_true(err.retryable);
}

static void test_base_err__ctx_may_use_the_message_itself(void **state)
{
    (void)state;
    struct ptm_err err = {0};
    (void)!ptm_err_set(&err, PTM_EIO, "inner");
    (void)!ptm_err_set(&err, PTM_EIO, "outer (%s)", err.msg);
    assert_string_equal(err.msg, "outer (inner)");
    struct ptm_err empty = {0};
    (void)!ptm_err_ctx(&empty, PTM_EGATED, "gpt2");
    assert_string_equal(empty.msg, "gpt2: access is gated");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_err__every_code_has_its_own_name_and_text),
        cmocka_unit_test(test_base_err__set_zeroes_what_an_earlier_error_left),
        cmocka_unit_test(test_base_err__null_err_only_returns_the_code),
        cmocka_unit_test(test_base_err__message_is_one_printable_line),
        cmocka_unit_test(test_base_err__long_message_is_cut_at_a_character),
        cmocka_unit_test(test_base_err__sys_maps_errno_and_says_its_text),
        cmocka_unit_test(test_base_err__ctx_prefixes_and_keeps_the_details),
        cmocka_unit_test(test_base_err__ctx_may_use_the_message_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
