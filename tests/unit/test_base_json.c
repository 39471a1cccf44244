/* SPDX-License-Identifier: MIT */
/* test_base_json.c - documents with caps, getters without trust, arrays split without a document.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/json.h"
#include "base/limits.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])
/* A literal with NUL bytes inside, and its length. */
#define TEXT(literal) (literal), sizeof(literal) - 1

static ptm_rc parse(const char *text, struct ptm_err *err)
{
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    return ptmi_json_parse(text, strlen(text), "http://hub/list", &doc, err);
}

static void test_base_json__errors_name_source_and_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"{\"a\":1,}", "http://hub/list: not JSON at byte "},
        {"[1,2", "not JSON at byte "},
        {"", "empty, not JSON"},
        {" \n", "empty, not JSON"},
        {"\xEF\xBB\xBF", "empty, not JSON"},
        {"  <!DOCTYPE html><html>", "HTML where JSON was expected"},
        {"\xEF\xBB\xBF<html>", "HTML where JSON was expected"},
        {"404: Not Found", "not JSON at byte 3"},
        {"\"a\xff\"", "not JSON at byte "},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ptm_err err = {0};
        assert_int_equal(parse(cases[i].text, &err), PTM_EFORMAT);
        if (!strstr(err.msg, cases[i].says)) fail_msg("\"%s\": %s", cases[i].text, err.msg);
    }
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    assert_int_equal(ptmi_json_parse(NULL, 0, "x", &doc, NULL), PTM_EFORMAT);
    assert_int_equal(ptmi_json_each_item(NULL, 0, "x", NULL, NULL, NULL), PTM_EFORMAT);
}

static void test_base_json__byte_order_mark_is_skipped(void **state)
{
    (void)state;
    assert_int_equal(parse("\xEF\xBB\xBF{\"a\":1}", NULL), PTM_OK);
}

/* depth times '[' and ']' around 1. */
static char *nested(size_t depth)
{
    char *text = calloc(1, 2 * depth + 2);
    assert_non_null(text);
    memset(text, '[', depth);
    text[depth] = '1';
    memset(text + depth + 1, ']', depth);
    return text;
}

static ptm_rc count_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    (void)item, (void)len, (void)err;
    ++*(int *)arg;
    return PTM_OK;
}

static void test_base_json__depth_is_bounded(void **state)
{
    (void)state;
    static const size_t depths[] = {PTM_LIMIT_DEPTH, PTM_LIMIT_DEPTH + 1, 100000};
    for (size_t i = 0; i < COUNT(depths); i++) {
        PTM_AUTO(ptmi_freep) char *text = nested(depths[i]);
        ptm_rc expected = depths[i] <= PTM_LIMIT_DEPTH ? PTM_OK : PTM_ELIMIT;
        int count = 0;
        assert_int_equal(parse(text, NULL), expected);
        assert_int_equal(ptmi_json_each_item(text, strlen(text), "x", count_item, &count, NULL),
                         expected);
        assert_int_equal(count, expected == PTM_OK);
    }
    /* Brackets in strings do not count. */
    char text[400] = "[\"\\\"";
    memset(text + 4, '[', 300);
    strcpy(text + 304, "\"]");
    assert_int_equal(parse(text, NULL), PTM_OK);
}

static void test_base_json__size_is_bounded(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    int count = 0;
    /* The length alone decides: nothing behind the pointer is read. */
    assert_int_equal(ptmi_json_parse("[]", (size_t)PTM_LIMIT_JSON + 1, "x", &doc, NULL),
                     PTM_ELIMIT);
    assert_int_equal(
        ptmi_json_each_item("[]", (size_t)PTM_LIMIT_JSON + 1, "x", count_item, &count, NULL),
        PTM_ELIMIT);
}

static void test_base_json__numbers_too_big_stay_text(void **state)
{
    (void)state;
    static const char text[] = "{\"a\":123456789012345678901234567890,\"b\":1e999}";
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    assert_int_equal(ptmi_json_parse(text, strlen(text), "x", &doc, NULL), PTM_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_string_equal(yyjson_get_raw(ptmi_json_get(root, "a")), "123456789012345678901234567890");
    assert_int_equal(ptmi_json_int(root, "a", -1), -1);
    assert_int_equal(ptmi_json_int(root, "b", -1), -1);
}

static void test_base_json__getters_take_no_wrong_type(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"t\",\"nul\":\"a\\u0000b\",\"i\":-5,\"u\":18446744073709551615,\"f\":3.0,"
        "\"g\":3.5,\"big\":1e18,\"huge\":1e19,\"d\":\"42\",\"x\":\"4x\",\"b\":true,\"n\":null,"
        "\"l\":[\"a\",1,null,\"b\",\"c\\u0000\"],\"o\":{}}";
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    assert_int_equal(ptmi_json_parse(text, strlen(text), "x", &doc, NULL), PTM_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);

    assert_string_equal(ptmi_json_str(root, "s"), "t");
    static const char *const no_strings[] = {"nul", "i", "l", "n", "o", "absent"};
    for (size_t i = 0; i < COUNT(no_strings); i++) assert_null(ptmi_json_str(root, no_strings[i]));

    static const struct {
        const char *name;
        int64_t value;
    } ints[] = {{"i", -5},    {"f", 3},   {"big", 1000000000000000000},
                {"d", 42},    {"u", -9},  {"g", -9},
                {"huge", -9}, {"x", -9},  {"s", -9},
                {"n", -9},    {"b", -9},  {"l", -9},
                {"o", -9},    {"zz", -9}, {"nul", -9}};
    for (size_t i = 0; i < COUNT(ints); i++)
        assert_true(ptmi_json_int(root, ints[i].name, -9) == ints[i].value);

    assert_true(ptmi_json_bool(root, "b", false));
    assert_true(ptmi_json_bool(root, "s", true));
    assert_false(ptmi_json_bool(root, "n", false));

    assert_null(ptmi_json_get(NULL, "a"));
    assert_null(ptmi_json_get(ptmi_json_get(root, "l"), "a"));
    assert_null(ptmi_json_str(ptmi_json_get(root, "i"), "a"));
}

static void test_base_json__strings_of_one_or_many(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"t\",\"l\":[\"a\",1,null,[\"no\"],\"b\",\"c\\u0000\"],\"i\":1}";
    PTM_AUTO(ptmi_arena_clear) struct ptmi_arena arena = PTMI_ARENA(10000);
    struct ptmi_arena_list list = {0};
    yyjson_doc *doc = NULL;
    assert_int_equal(ptmi_json_parse(text, strlen(text), "x", &doc, NULL), PTM_OK);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_true(ptmi_json_strings(root, "s", &arena, &list));
    assert_true(ptmi_json_strings(root, "l", &arena, &list));
    assert_true(ptmi_json_strings(root, "i", &arena, &list));
    assert_true(ptmi_json_strings(root, "absent", &arena, &list));
    struct ptmi_arena small = PTMI_ARENA(8);
    struct ptmi_arena_list none = {0};
    assert_false(ptmi_json_strings(root, "l", &small, &none));
    ptmi_arena_clear(&small);
    yyjson_doc_free(doc);
    /* They outlive the document. */
    assert_int_equal(list.n, 3);
    assert_string_equal(list.items[0], "t");
    assert_string_equal(list.items[1], "a");
    assert_string_equal(list.items[2], "b");
}

struct joined {
    char text[1000];
    ptm_rc answer;
};

static ptm_rc join_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct joined *joined = arg;
    size_t used = strlen(joined->text);
    snprintf(joined->text + used, sizeof joined->text - used, "%.*s|", (int)len, item);
    if (joined->answer != PTM_OK) return ptm_err_set(err, joined->answer, "the sink has enough");
    return PTM_OK;
}

static void test_base_json__items_come_byte_for_byte(void **state)
{
    (void)state;
    static const struct {
        const char *text, *items;
    } cases[] = {
        {"[]", ""},
        {" [ ] \n", ""},
        {"[1]", "1|"},
        {"\xEF\xBB\xBF[1, -0.50e+10 ,\"x,]\\\"\" ]", "1|-0.50e+10|\"x,]\\\"\"|"},
        {"[ {\"b\" : 1.0, \"a\":[ ]} ,{}\n,[[],[{}]],null,true,false]",
         "{\"b\" : 1.0, \"a\":[ ]}|{}|[[],[{}]]|null|true|false|"},
        {"[\"\\ud83d\\ude00\\/\\b\",\"\xc3\xa9\"]", "\"\\ud83d\\ude00\\/\\b\"|\"\xc3\xa9\"|"},
        {"[123456789012345678901234567890,1e999]", "123456789012345678901234567890|1e999|"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct joined joined = {0};
        struct ptm_err err = {0};
        ptm_rc rc = ptmi_json_each_item(cases[i].text, strlen(cases[i].text), "x", join_item,
                                        &joined, &err);
        if (rc != PTM_OK) fail_msg("%s: %s", cases[i].text, err.msg);
        assert_string_equal(joined.text, cases[i].items);
    }
}

static void test_base_json__malformed_lists_fail_with_the_offset(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
        const char *says;
    } cases[] = {
        {TEXT("[1,]"), "at byte 3"},
        {TEXT("[1 2]"), "at byte 3"},
        {TEXT("[01]"), "at byte 2"},
        {TEXT("[1.]"), "at byte 3: a digit"},
        {TEXT("[-]"), "at byte 2"},
        {TEXT("[1e]"), "at byte 3"},
        {TEXT("[+1]"), "at byte 1"},
        {TEXT("[nul]"), "at byte 1"},
        {TEXT("[NaN]"), "at byte 1"},
        {TEXT("['a']"), "at byte 1"},
        {TEXT("[\"\\x\"]"), "unknown escape"},
        {TEXT("[\"\\u12g4\"]"), "bad \\u escape"},
        {TEXT("[\"\\ud800\"]"), "surrogate"},
        {TEXT("[\"\\ude00\"]"), "surrogate"},
        {TEXT("[\"\\ud800\\u0041\"]"), "surrogate"},
        {TEXT("[\"a\nb\"]"), "control character"},
        {TEXT("[\"a\0b\"]"), "control character"},
        {TEXT("[\"\xff\"]"), "invalid UTF-8"},
        {TEXT("[\"\xc0\xaf\"]"), "invalid UTF-8"},
        {TEXT("[{\"a\"}]"), "':' was expected"},
        {TEXT("[{a:1}]"), "a string was expected"},
        {TEXT("[{\"a\":1,}]"), "a string was expected"},
        {TEXT("[{\"a\":1]"), "',' or an end"},
        {TEXT("[[1}]"), "',' or an end"},
        {TEXT("[1] x"), "something follows"},
        {TEXT("[1],"), "something follows"},
        {TEXT("[1]\0"), "something follows"},
        {TEXT("[\0]"), "at byte 1"},
        {TEXT("[1"), "ends too early"},
        {TEXT("["), "ends too early"},
        {TEXT("[\"abc"), "ends too early"},
        {TEXT("[{\"a\":"), "ends too early"},
        {TEXT(""), "empty"},
        {TEXT("<html>"), "HTML"},
        {TEXT("{\"error\":\"gone\"}"), "a JSON list was expected, not {\"error\":\"gone\"}"},
        {TEXT("12"), "a list was expected"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct joined joined = {0};
        struct ptm_err err = {0};
        ptm_rc rc =
            ptmi_json_each_item(cases[i].text, cases[i].len, "src", join_item, &joined, &err);
        if (rc != PTM_EFORMAT) fail_msg("%s: rc %d", cases[i].text, rc);
        if (!strstr(err.msg, cases[i].says)) fail_msg("%s: %s", cases[i].text, err.msg);
        assert_ptr_equal(strstr(err.msg, "src: "), err.msg);
    }
}

static void test_base_json__every_truncation_fails_after_whole_items(void **state)
{
    (void)state;
    static const char text[] = "[{\"a\":[1,2],\"b\":\"\\u00e9\xc3\xa9\"}, 12 ,\"x\"]";
    for (size_t len = 0; len < strlen(text); len++) {
        PTM_AUTO(ptmi_freep) char *cut = malloc(len + 1); /* its own, so that ASan sees the end */
        memcpy(cut, text, len);
        struct joined joined = {0};
        struct ptm_err err = {0};
        assert_int_equal(ptmi_json_each_item(cut, len, "x", join_item, &joined, &err), PTM_EFORMAT);
        static const char whole[] = "{\"a\":[1,2],\"b\":\"\\u00e9\xc3\xa9\"}|12|";
        assert_int_equal(strncmp(whole, joined.text, strlen(joined.text)), 0);
        assert_true(strlen(joined.text) == (len < 28   ? 0
                                            : len < 33 ? strlen(whole) - 3
                                                       : strlen(whole)));
    }
}

static void test_base_json__the_callbacks_error_ends_it(void **state)
{
    (void)state;
    struct joined joined = {.answer = PTM_ENOSPC};
    struct ptm_err err = {0};
    assert_int_equal(ptmi_json_each_item("[1,2]", 5, "x", join_item, &joined, &err), PTM_ENOSPC);
    assert_string_equal(joined.text, "1|");
    assert_string_equal(err.msg, "the sink has enough");
}

static void test_base_json__member_text_is_found_without_copying(void **state)
{
    (void)state;
    static const struct {
        const char *object, *name, *value; /* value NULL: absent */
    } cases[] = {
        {"{\"models\":[1, 2]}", "models", "[1, 2]"},
        {" { \"x\" : {\"models\":0} , \"models\" : [ ] }", "models", "[ ]"},
        {"\xEF\xBB\xBF{\"a\":1}", "a", "1"},
        {"{\"\\u0061\":7}", "a", "7"},
        {"{\"a\":1,\"a\":2}", "a", "1"},
        {"{\"\":3}", "", "3"},
        {"{\"ab\":1}", "a", NULL},
        {"{}", "a", NULL},
        {"[]", "a", NULL},
        {"", "a", NULL},
        {"{\"a\"", "a", NULL},
        {"{\"a\":", "a", NULL},
        {"{\"a\":[1", "a", NULL},
        {"{\"b\":x,\"a\":1}", "a", NULL},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *out = NULL;
        size_t len = 0;
        bool found = ptmi_json_member_text(cases[i].object, strlen(cases[i].object), cases[i].name,
                                           &out, &len);
        assert_int_equal(found, cases[i].value != NULL);
        if (!found) continue;
        assert_int_equal(len, strlen(cases[i].value));
        assert_memory_equal(out, cases[i].value, len);
    }
}

/* One real answer of a hub, whatever its shape: the splitter and yyjson see the same items. */
struct against {
    yyjson_arr_iter iter;
    size_t count;
};

static ptm_rc compare_item(void *arg, const char *item, size_t len, struct ptm_err *err)
{
    struct against *against = arg;
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    PTM_TRY(ptmi_json_parse(item, len, "item", &doc, err));
    assert_true(yyjson_equals(yyjson_doc_get_root(doc), yyjson_arr_iter_next(&against->iter)));
    against->count++;
    return PTM_OK;
}

static size_t check_real_text(const char *text, size_t len, const char *path)
{
    struct ptm_err err = {0};
    PTM_AUTO(ptmi_json_freep) yyjson_doc *doc = NULL;
    if (ptmi_json_parse(text, len, path, &doc, &err) != PTM_OK) fail_msg("%s", err.msg);
    yyjson_val *root = yyjson_doc_get_root(doc);
    yyjson_val *list = yyjson_is_arr(root) ? root : ptmi_json_get(root, "models");
    if (!yyjson_is_arr(list)) return 0;
    if (list != root) assert_true(ptmi_json_member_text(text, len, "models", &text, &len));
    struct against against = {.count = 0};
    yyjson_arr_iter_init(list, &against.iter);
    if (ptmi_json_each_item(text, len, path, compare_item, &against, &err) != PTM_OK)
        fail_msg("%s", err.msg);
    assert_int_equal(against.count, yyjson_arr_size(list));
    return against.count;
}

static size_t real_items; /* nftw() passes no argument on */

static int check_real_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    size_t n = strlen(path);
    if (type != FTW_F || n < 5 || strcmp(path + n - 5, ".json") != 0) return 0;
    PTM_AUTO(ptmi_fclosep) FILE *file = fopen(path, "rb");
    PTM_AUTO(ptmi_freep) char *text = malloc((size_t)st->st_size + 1);
    assert_true(file && text);
    size_t len = fread(text, 1, (size_t)st->st_size, file);
    real_items += check_real_text(text, len, path);
    return 0;
}

static void test_base_json__real_answers_split_as_yyjson_reads_them(void **state)
{
    (void)state;
    const char *hubdata = getenv("PTM_HUBDATA");
    if (!hubdata || nftw(hubdata, check_real_file, 16, FTW_PHYS) != 0) {
        print_message("no hubdata (PTM_HUBDATA): skipped\n");
        skip();
    }
    assert_true(real_items > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_json__errors_name_source_and_offset),
        cmocka_unit_test(test_base_json__byte_order_mark_is_skipped),
        cmocka_unit_test(test_base_json__depth_is_bounded),
        cmocka_unit_test(test_base_json__size_is_bounded),
        cmocka_unit_test(test_base_json__numbers_too_big_stay_text),
        cmocka_unit_test(test_base_json__getters_take_no_wrong_type),
        cmocka_unit_test(test_base_json__strings_of_one_or_many),
        cmocka_unit_test(test_base_json__items_come_byte_for_byte),
        cmocka_unit_test(test_base_json__malformed_lists_fail_with_the_offset),
        cmocka_unit_test(test_base_json__every_truncation_fails_after_whole_items),
        cmocka_unit_test(test_base_json__the_callbacks_error_ends_it),
        cmocka_unit_test(test_base_json__member_text_is_found_without_copying),
        cmocka_unit_test(test_base_json__real_answers_split_as_yyjson_reads_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
