/* SPDX-License-Identifier: MIT */
/* test_base_path.c - which names may become paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/auto.h"
#include "base/limits.h"
#include "base/path.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void test_base_path__honest_names_pass(void **state)
{
    (void)state;
    static const char *const good[] = {"gpt2",       "a",         ".gitattributes",
                                       ".gitignore", ".github",   "...a",
                                       "a b",        "README.md", "git",
                                       "git~2",      "x.git",     ".gitx",
                                       "con",        "a:b",       "\xc3\xa9t\xc3\xa9",
                                       "-x",         "~",         "bert-base.v1"};
    for (size_t i = 0; i < COUNT(good); i++) {
        struct ptm_err err = {0};
        if (ptmi_path_check_name(good[i], &err) != PTM_OK) fail_msg("%s: %s", good[i], err.msg);
    }
}

static void test_base_path__tricks_are_refused_with_the_reason(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "a/b",
                                      "/",
                                      "a\\b",
                                      "a\nb",
                                      "\x7f",
                                      "a\x01",
                                      "\xc2\x85",
                                      "\xff",
                                      "a\xc3",
                                      ".git",
                                      ".GIT",
                                      ".Git",
                                      "git~1",
                                      "GIT~1",
                                      ".git.",
                                      ".git ",
                                      ".git . .",
                                      ".git:x",
                                      ".git::$INDEX_ALLOCATION",
                                      ".git .:x",
                                      ".g\xe2\x80\x8cit",
                                      "\xef\xbb\xbf.git",
                                      ".git\xe2\x80\xae",
                                      "\xe2\x81\xaf.g\xe2\x80\x8dIT",
                                      "git~1:x",
                                      "a.",
                                      "a ",
                                      "...",
                                      " "};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ptm_err err = {0};
        if (ptmi_path_check_name(bad[i], &err) != PTM_EUNSAFE) fail_msg("\"%s\" passed", bad[i]);
        assert_int_equal(err.rc, PTM_EUNSAFE);
        assert_non_null(strstr(err.msg, "unsafe name"));
        assert_non_null(strstr(err.msg, ": it ") ? strstr(err.msg, ": it ")
                                                 : strstr(err.msg, ": git "));
    }
    assert_int_equal(ptmi_path_check_name(NULL, NULL), PTM_EUNSAFE);
}

static void test_base_path__length_is_bounded(void **state)
{
    (void)state;
    char name[PTM_LIMIT_NAME + 2];
    memset(name, 'a', sizeof name);
    name[PTM_LIMIT_NAME + 1] = '\0';
    assert_int_equal(ptmi_path_check_name(name, NULL), PTM_EUNSAFE);
    assert_int_equal(ptmi_path_check_relative(name, NULL), PTM_EUNSAFE);
    name[PTM_LIMIT_NAME] = '\0';
    assert_int_equal(ptmi_path_check_name(name, NULL), PTM_OK);
    assert_int_equal(ptmi_path_check_relative(name, NULL), PTM_OK);

    char path[PTM_LIMIT_PATH + 1];
    for (size_t i = 0; i < PTM_LIMIT_PATH; i++) path[i] = i % 2 ? '/' : 'a';
    path[PTM_LIMIT_PATH] = '\0';
    path[PTM_LIMIT_PATH - 1] = 'a';
    assert_int_equal(ptmi_path_check_relative(path, NULL), PTM_EUNSAFE);
    path[PTM_LIMIT_PATH - 1] = '\0';
    assert_int_equal(ptmi_path_check_relative(path, NULL), PTM_OK);
    PTM_AUTO(ptmi_freep) char *under = NULL;
    assert_int_equal(ptmi_path_under("/data", path, &under, NULL), PTM_EUNSAFE);
    assert_null(under);
}

static void test_base_path__relative_paths_stay_below(void **state)
{
    (void)state;
    static const char *const good[] = {"a", "a/b/c.bin", "a/.gitattributes"};
    static const char *const bad[] = {"",       "/a",          "a/",       "a//b", "a/./b",
                                      "./a",    "../a",        "a/../b",   "a/..", "x/.git/y",
                                      "a/.GIT", ".git/config", "a\\..\\b", "a/b\n"};
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(ptmi_path_check_relative(good[i], NULL), PTM_OK);
    for (size_t i = 0; i < COUNT(bad); i++)
        if (ptmi_path_check_relative(bad[i], NULL) != PTM_EUNSAFE) fail_msg("%s passed", bad[i]);
}

static void test_base_path__under_joins_only_safe_names(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *path = NULL;
    assert_int_equal(ptmi_path_under("/data/", "a/b", &path, NULL), PTM_OK);
    assert_string_equal(path, "/data/a/b");
    char *untouched = path;
    assert_int_equal(ptmi_path_under("/data", "../b", &untouched, NULL), PTM_EUNSAFE);
    assert_ptr_equal(untouched, path);
}

static void test_base_path__join_dir_base(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b, *joined;
    } joins[] = {{"a", "b", "a/b"},
                 {"a/", "/b", "a/b"},
                 {"a//", "b", "a/b"},
                 {"/", "b", "/b"},
                 {"", "b", "b"}};
    for (size_t i = 0; i < COUNT(joins); i++) {
        PTM_AUTO(ptmi_freep) char *joined = ptmi_path_join(joins[i].a, joins[i].b);
        assert_string_equal(joined, joins[i].joined);
    }
    static const struct {
        const char *path, *dir;
    } dirs[] = {{"a/b", "a"},  {"a", "."}, {"/a", "/"}, {"a/b/", "a"},
                {"a//b", "a"}, {"/", "/"}, {"", "."}};
    for (size_t i = 0; i < COUNT(dirs); i++) {
        PTM_AUTO(ptmi_freep) char *dir = ptmi_path_dir(dirs[i].path);
        assert_string_equal(dir, dirs[i].dir);
    }
    assert_string_equal(ptmi_path_base("a/b"), "b");
    assert_string_equal(ptmi_path_base("b"), "b");
}

static void test_base_path__fold_finds_clashes(void **state)
{
    (void)state;
    static const struct {
        const char *path, *folded;
    } cases[] = {
        {"GPT2/Model.BIN", "gpt2/model.bin"},
        {"\xc3\x89T\xc3\x89", "\xc3\xa9t\xc3\xa9"},               /* Latin-1 */
        {"\xc3\x97", "\xc3\x97"},                                 /* the multiplication sign */
        {"\xce\xa3\xcf\x82", "\xcf\x83\xcf\x83"},                 /* both small sigmas */
        {"\xd0\x96\xd0\x81", "\xd0\xb6\xd1\x91"},                 /* Cyrillic */
        {"\xc4\x80\xc5\xb8\xc4\xb9", "\xc4\x81\xc3\xbf\xc4\xba"}, /* Latin Extended-A */
        {"\xef\xbc\xa1", "\xef\xbd\x81"},                         /* full width */
        {"a\xff"
         "B",
         "a\xff"
         "b"}, /* not UTF-8: bytes stay */
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        PTM_AUTO(ptmi_freep) char *folded = ptmi_path_fold(cases[i].path);
        assert_string_equal(folded, cases[i].folded);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_base_path__honest_names_pass),
        cmocka_unit_test(test_base_path__tricks_are_refused_with_the_reason),
        cmocka_unit_test(test_base_path__length_is_bounded),
        cmocka_unit_test(test_base_path__relative_paths_stay_below),
        cmocka_unit_test(test_base_path__under_joins_only_safe_names),
        cmocka_unit_test(test_base_path__join_dir_base),
        cmocka_unit_test(test_base_path__fold_finds_clashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
