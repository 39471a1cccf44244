/* SPDX-License-Identifier: MIT */
/* test_cli_top.c - how much is cloned: --top, HF_TORRENT_SHRINKAGE, and what is said of a wrong
 * value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "cli/top.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static struct ptmi_top resolve(const char *option, const char *environment)
{
    struct ptmi_top top;
    ptmi_top_resolve(option, environment, &top);
    return top;
}

static void test_cli_top__unset_is_a_tenth_and_silent(void **state)
{
    (void)state;
    struct ptmi_top top = resolve(NULL, NULL);
    assert_true(top.share == 0.1);
    assert_int_equal(top.count, -1);
    assert_string_equal(top.text, "0.1");
    assert_string_equal(top.notice, "");
}

static void test_cli_top__percent_or_point_is_a_share(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double share;
        const char *normal;
    } good[] = {{"10%", 0.1, "0.1"},     {"0.1", 0.1, "0.1"},       {"100%", 1, "1.0"},
                {"1.0", 1, "1.0"},       {"0%", 0, "0.0"},          {"0.0", 0, "0.0"},
                {".5", 0.5, "0.5"},      {"12.5%", 0.125, "0.125"}, {"0.25 ", 0.25, "0.25"},
                {"1e-3", 0.001, "0.001"}};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct ptmi_top top = resolve(good[i].text, NULL);
        assert_true(top.share == good[i].share);
        assert_int_equal(top.count, -1);
        assert_string_equal(top.text, good[i].normal);
        assert_string_equal(top.notice, "");
    }
}

static void test_cli_top__whole_number_is_a_count(void **state)
{
    (void)state;
    struct ptmi_top top = resolve("1", NULL);
    assert_int_equal(top.count, 1);
    assert_string_equal(top.text, "1");
    assert_int_equal(resolve("0", NULL).count, 0);
    assert_int_equal(resolve("3000000", NULL).count, 3000000);
}

static void test_cli_top__environment_is_a_share_from_0_to_1(void **state)
{
    (void)state;
    struct ptmi_top all = resolve(NULL, "1");
    assert_true(all.share == 1 && all.count == -1);
    assert_string_equal(all.text, "1.0"); /* never "1", which would be a count */
    struct ptmi_top none = resolve(NULL, "0");
    assert_true(none.share == 0 && none.count == -1);
    assert_string_equal(none.text, "0.0");
    assert_true(resolve(NULL, " 0.25\n").share == 0.25);
    assert_string_equal(resolve(NULL, "0.25").notice, "");
}

static void test_cli_top__wrong_values_get_the_notice_and_a_tenth(void **state)
{
    (void)state;
    static const char *const environment[] = {"",    "abc", "1.1",    "-0.1",  "10%",  "nan",
                                              "inf", "2",   "0x1p-1", "0.1.2", "1e999"};
    for (size_t i = 0; i < COUNT(environment); i++) {
        struct ptmi_top top = resolve(NULL, environment[i]);
        assert_true(top.share == 0.1 && top.count == -1);
        assert_string_equal(top.text, "0.1");
        assert_non_null(strstr(top.notice, "HF_TORRENT_SHRINKAGE"));
    }
    static const char *const option[] = {"",     "ten",  "1.5", "101%", "-5",
                                         "-10%", "10%%", "1,5", "nan",  "9223372036854775808"};
    for (size_t i = 0; i < COUNT(option); i++) {
        struct ptmi_top top = resolve(option[i], NULL);
        assert_true(top.share == 0.1 && top.count == -1);
        assert_string_equal(top.text, "0.1");
        assert_non_null(strstr(top.notice, "--top"));
    }
}

static void test_cli_top__option_beats_environment(void **state)
{
    (void)state;
    struct ptmi_top top = resolve("20%", "nonsense");
    assert_true(top.share == 0.2);
    assert_string_equal(top.notice, "");
}

static void test_cli_top__notice_shows_no_control_characters(void **state)
{
    (void)state;
    struct ptmi_top top = resolve(NULL, "\033[31m\n");
    assert_null(strchr(top.notice, '\033'));
    assert_null(strchr(top.notice, '\n'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_top__unset_is_a_tenth_and_silent),
        cmocka_unit_test(test_cli_top__percent_or_point_is_a_share),
        cmocka_unit_test(test_cli_top__whole_number_is_a_count),
        cmocka_unit_test(test_cli_top__environment_is_a_share_from_0_to_1),
        cmocka_unit_test(test_cli_top__wrong_values_get_the_notice_and_a_tenth),
        cmocka_unit_test(test_cli_top__option_beats_environment),
        cmocka_unit_test(test_cli_top__notice_shows_no_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
