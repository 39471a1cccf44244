/* SPDX-License-Identifier: MIT */
/* test_base_str.c - strings, sizes, UTF-8, patterns; and dates (clock.h), which are strings as
 * well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/clock.h"
#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void test_base_str__compares(void **state)
{
    (void)state;
    assert_true(ptmi_str_eq(NULL, NULL));
    assert_false(ptmi_str_eq("", NULL));
    assert_true(ptmi_str_eq("a", "a"));
    assert_true(ptmi_str_starts("abc", "ab") && !ptmi_str_starts("a", "ab"));
    assert_true(ptmi_str_starts_nocase("HTTPS://x", "https://"));
    assert_false(ptmi_str_starts_nocase("HTT", "https://"));
    assert_true(ptmi_str_ends("a.git", ".git") && !ptmi_str_ends("git", ".git"));
    assert_true(ptmi_str_eq_nocase("GIT", "git") && !ptmi_str_eq_nocase("git", "gits"));
    PTM_AUTO(ptmi_freep) char *text = ptmi_str_printf("%s-%d", "a", 1);
    assert_string_equal(text, "a-1");
}

static void test_base_str__integers_take_no_tricks(void **state)
{
    (void)state;
    int64_t n = 7;
    assert_true(ptmi_str_int("9223372036854775807", INT64_MIN, INT64_MAX, &n));
    assert_true(n == INT64_MAX);
    assert_true(ptmi_str_int("-9223372036854775808", INT64_MIN, INT64_MAX, &n));
    assert_true(n == INT64_MIN);
    n = 7;
    static const char *const bad[] = {"",   "-",    "+1", " 1",  "1 ",
                                      "1x", "0x10", "-0", "--1", "9223372036854775808"};
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_false(ptmi_str_int(bad[i], INT64_MIN, INT64_MAX, &n));
    assert_false(ptmi_str_int("11", 1, 10, &n));
    assert_false(ptmi_str_int("0", 1, 10, &n));
    assert_int_equal(n, 7);
}

static void test_base_str__sizes_have_units(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes;
    } good[] = {{"123", 123},
                {"0", 0},
                {"7B", 7},
                {"100k", 102400},
                {"512M", 512ll << 20},
                {"10G", 10ll << 30},
                {"5.5GB", 11ll << 29},
                {"1TiB", 1ll << 40},
                {"0.5k", 512},
                {"1.25kb", 1280},
                {"2PB", 2ll << 50}};
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t bytes = -1;
        assert_true(ptmi_str_size(good[i].text, &bytes));
        assert_true(bytes == good[i].bytes);
    }
    static const char *const bad[] = {
        "",   "G",   "-1G", "1.5", "1X",  "1GBB",        "1Gi",
        "1.", ".5G", "1 G", "Bi",  "1Bi", "9999999999P", "99999999999999999999"};
    int64_t bytes = 0;
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(ptmi_str_size(bad[i], &bytes));
}

static void test_base_str__human_sizes_never_print_1000(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},           {999, "999 B"},       {1000, "1.0 kB"},
                 {999949, "999.9 kB"}, {999950, "1.0 MB"},   {10400000000, "10.4 GB"},
                 {-1, "unknown"},      {INT64_MAX, "9.2 EB"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char buf[32];
        assert_string_equal(ptmi_str_human_size(cases[i].bytes, buf), cases[i].text);
    }
}

static void test_base_str__utf8_is_strict(void **state)
{
    (void)state;
    static const char *const good[] = {
        "", "abc", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc3",
                                      "\xe0\x80\xaf",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\xaf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "a\xe2\x82"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_true(ptmi_str_is_utf8(good[i], strlen(good[i])));
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(ptmi_str_is_utf8(bad[i], strlen(bad[i])));
    assert_true(ptmi_str_is_text("a\tb\r\n", 5));
    assert_false(ptmi_str_is_text("a\0b", 3));
    assert_false(ptmi_str_is_text("\x1b[0m", 4));
    assert_false(ptmi_str_is_text("\xff", 1));
}

static void test_base_str__hex(void **state)
{
    (void)state;
    assert_true(ptmi_str_is_hex("00ff", 4));
    assert_false(ptmi_str_is_hex("00fF", 4));
    assert_false(ptmi_str_is_hex("00f", 4));
    assert_false(ptmi_str_is_hex("00ff0", 4));
}

static void test_base_str__globs_match_as_documented(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *path;
        bool matches;
    } cases[] = {
        {"*.bin", "a.bin", true},
        {"*.bin", "x/y/a.bin", true},
        {"*.bin", "a.bin.txt", false},
        {"x/*.bin", "x/a.bin", true},
        {"x/*.bin", "x/y/a.bin", false},
        {"x/**/*.bin", "x/y/z/a.bin", true},
        {"x/**/*.bin", "x/a.bin", true},
        {"x/**", "x/y/z", true},
        {"x/**", "x", false},
        {"**/a", "a", true},
        {"**/a", "b/c/a", true},
        {"**/a", "ba", false},
        {"*", "x/y", true},
        {"**", "x/y", true},
        {"x/", "x/y", true},
        {"x/", "x", false},
        {"x", "x/y/z", true},
        {"y", "x/y/z", true},
        {"x/y", "x/y/z", true},
        {"x/y", "x/yz", false},
        {"/x", "x/y", true},
        {"/y", "x/y", false},
        {"a?c", "abc", true},
        {"a?c", "a/c", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},
        {"[]]", "]", true},
        {"[a", "[a", true},
        {"\\*", "*", true},
        {"\\*", "a", false},
        {"", "a", false},
        {"/", "a", false},
        {"*a*b*c", "xaxbxc", true},
        {"*a*b*c", "xaxbx", false},
        {"a/**/b/**/c", "a/1/b/2/3/c", true},
        {"a/**/b/**/c", "a/b/c", true},
        {"**/x/*", "p/x/q/x/r", true},
        {"onnx/*/model", "onnx/m/model/f", true},
        {"x/y/", "x/y/z/f", true},
        {"x/y/", "x/y", false},
        {"**.bin", "q/w.bin", true},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (ptmi_str_glob(cases[i].pattern, cases[i].path) != cases[i].matches)
            fail_msg("glob(\"%s\", \"%s\") is not %d", cases[i].pattern, cases[i].path,
                     cases[i].matches);
}

static void test_base_str__hostile_globs_end(void **state)
{
    (void)state;
    char pattern[2001];
    char path[4001];
    for (size_t i = 0; i < 2000; i += 4) memcpy(pattern + i, "*a**", 4);
    pattern[2000] = '\0';
    memset(path, 'a', 4000);
    memset(path + 3990, 'b', 10);
    path[4000] = '\0';
    pattern[1999] = 'c'; /* no match: all ways have to be given up */
    assert_false(ptmi_str_glob(pattern, path));
}

static void test_base_str__printable_has_no_controls(void **state)
{
    (void)state;
    char out[16];
    assert_string_equal(ptmi_str_printable(out, sizeof out, "a\x1b\n\x7f\xc2\x85z"), "a????z");
    assert_string_equal(ptmi_str_printable(out, sizeof out, "\xe2\x80\xae\xe2\x81\xa7\xff"), "???");
    assert_string_equal(ptmi_str_printable(out, sizeof out, "\xc3\xa9\xe2\x82\xac"),
                        "\xc3\xa9\xe2\x82\xac");
    assert_string_equal(ptmi_str_printable(out, 4, "ab\xe2\x82\xac"), "ab");
    assert_string_equal(ptmi_str_printable(out, 1, "ab"), "");
    assert_string_equal(ptmi_str_printable(out, sizeof out, NULL), "");
}

static void test_base_str__dates_of_http(void **state)
{
    (void)state;
    static const char *const same[] = {"Sun, 06 Nov 1994 08:49:37 GMT",
                                       "Sunday, 06-Nov-94 08:49:37 GMT",
                                       "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < COUNT(same); i++) {
        int64_t t = 0;
        assert_true(ptmi_clock_parse_http(same[i], &t));
        assert_true(t == 784111777);
    }
    static const char *const bad[] = {"",
                                      "120",
                                      "Sun, 06 Nov 1994",
                                      "Sun, 31 Feb 2000 00:00:00 GMT",
                                      "Sun, 06 Nov 1994 24:00:00 GMT",
                                      "Sun, 06 Nov 1994 08:49:37 CET",
                                      "Sun",
                                      ",",
                                      "Sun,"};
    int64_t t = 0;
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(ptmi_clock_parse_http(bad[i], &t));
}

static void test_base_str__dates_of_iso_8601(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t seconds;
    } good[] = {{"1970-01-01T00:00:00Z", 0},
                {"1970-01-01", 0},
                {"2022-03-02T23:29:04.000Z", 1646263744},
                {"2022-03-03T01:29:04+02:00", 1646263744},
                {"2022-03-02T18:29:04-0500", 1646263744},
                {"2000-02-29T12:00:00Z", 951825600},
                {"1969-12-31T23:59:59Z", -1},
                {"1900-03-01T00:00:00Z", -2203891200}};
    for (size_t i = 0; i < COUNT(good); i++) {
        int64_t t = 5;
        assert_true(ptmi_clock_parse_iso(good[i].text, &t));
        assert_true(t == good[i].seconds);
    }
    static const char *const bad[] = {"",
                                      "2022",
                                      "2022-13-01",
                                      "2022-02-29",
                                      "2022-01-01T",
                                      "2022-01-01T00:00:00X",
                                      "2022-01-01T00:00:00.Z",
                                      "x022-01-01",
                                      "2022-01-01T00:00:00+99:00"};
    int64_t t = 0;
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(ptmi_clock_parse_iso(bad[i], &t));
}

static void test_base_str__dates_go_out_and_come_back(void **state)
{
    (void)state;
    char buf[32];
    assert_string_equal(ptmi_clock_iso(0, buf), "1970-01-01T00:00:00Z");
    assert_string_equal(ptmi_clock_iso(-1, buf), "1969-12-31T23:59:59Z");
    assert_string_equal(ptmi_clock_iso(INT64_MAX, buf), "9999-12-31T23:59:59Z");
    assert_string_equal(ptmi_clock_iso(INT64_MIN, buf), "0000-01-01T00:00:00Z");
    for (int64_t t = -62167219200; t < 253402300799; t += 12345678901) {
        int64_t back = 0;
        assert_true(ptmi_clock_parse_iso(ptmi_clock_iso(t, buf), &back));
        assert_true(back == t);
    }
    assert_int_equal(strlen(ptmi_clock_now(buf)), 20);
    for (int i = 0; i < 100; i++) assert_true(ptmi_clock_random(7) < 7);
    assert_int_equal(ptmi_clock_random(0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_str__compares),
        cmocka_unit_test(test_base_str__integers_take_no_tricks),
        cmocka_unit_test(test_base_str__sizes_have_units),
        cmocka_unit_test(test_base_str__human_sizes_never_print_1000),
        cmocka_unit_test(test_base_str__utf8_is_strict),
        cmocka_unit_test(test_base_str__hex),
        cmocka_unit_test(test_base_str__globs_match_as_documented),
        cmocka_unit_test(test_base_str__hostile_globs_end),
        cmocka_unit_test(test_base_str__printable_has_no_controls),
        cmocka_unit_test(test_base_str__dates_of_http),
        cmocka_unit_test(test_base_str__dates_of_iso_8601),
        cmocka_unit_test(test_base_str__dates_go_out_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
