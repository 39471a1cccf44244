/* SPDX-License-Identifier: MIT */
/* test_git_lfs_patterns.c - .lfsconfig as git-lfs reads it, and what it selects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/fs.h"
#include "../../src/base/str.h"
#include "../../src/git/lfs_priv.h"

/* The two lists as "include|exclude", items joined by ','. */
static const char *lists(const char *text, char *out, size_t size)
{
    struct ptmi_lfs_patterns p = PTMI_LFS_PATTERNS_INIT;
    size_t n = 0;
    ptmi_lfs_patterns_parse(text, strlen(text), &p);
    for (size_t i = 0; i < p.include.n; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "," : "", p.include.items[i]);
    n += (size_t)snprintf(out + n, size - n, "|");
    for (size_t i = 0; i < p.exclude.n; i++)
        n += (size_t)snprintf(out + n, size - n, "%s%s", i ? "," : "", p.exclude.items[i]);
    ptmi_lfs_patterns_clear(&p);
    return out;
}

static void test_git_lfs_patterns__reads_the_two_keys(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"[lfs]\n  fetchexclude = *\n", "|*"},
        {"[lfs]\nfetchinclude = a, b/c ,*.onnx\nfetchexclude=d", "a,b/c,*.onnx|d"},
        {"[LFS]\n\tFetchExclude = x\n", "|x"},
        {"[lfs] fetchexclude = x\n", "|x"},
        {"# c\n; c\n[lfs]\n# fetchexclude = a\nfetchexclude = b # c\n", "|b"},
        {"[lfs]\nfetchexclude = \"a # b\"\n", "|a # b"},
        {"[lfs]\nfetchexclude = a\\\n,b\n", "|a,b"},
        {"[lfs]\nfetchexclude = \"a\\\"b\"\n", "|a\"b"},
        {"[lfs]\nfetchexclude = a\nfetchexclude = b\n", "|b"}, /* the last one counts */
        {"[lfs]\nfetchexclude = a\nfetchexclude =\n", "|"},
        {"[lfs]\nfetchexclude = ,,a,,\n", "|a"},
        {"[lfs]\nfetchexclude = /a/b\n", "|a/b"},
        {"\xef\xbb\xbf[lfs]\r\nfetchexclude = a\r\n", "|a"},
        {"[lfs]\nfetchexclude\n[x]\n", "|"},
    };
    char out[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_string_equal(lists(cases[i].text, out, sizeof out), cases[i].want);
}

static void test_git_lfs_patterns__passes_over_everything_else(void **state)
{
    static const char *const texts[] = {
        "",
        "[lfs",
        "[lfs]",
        "[lfs]\nurl = http://evil.example/\nfetchrecentalways = true\n",
        "[lfs \"https://evil.example\"]\nfetchexclude = x\n",
        "[include]\npath = /etc/passwd\n[core]\nfetchexclude = x\n",
        "fetchexclude = x\n",
        "[lfs]\nfetchexclude = \"x\n", /* the quote is never closed */
        "[lfs]\nfetchexclude = x\\",
        "[lfs.x]\nfetchexclude = x\n",
        "]]]]===\n\\\n",
    };
    char out[256];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        assert_string_equal(lists(texts[i], out, sizeof out), "|");
}

static bool want(const char *include, const char *exclude, const char *path)
{
    const char *in[] = {include}, *ex[] = {exclude};
    return ptmi_lfs_patterns_want(in, include != NULL, ex, exclude != NULL, path);
}

static void test_git_lfs_patterns__select_paths(void **state)
{
    (void)state;
    assert_true(want(NULL, NULL, "a/b.bin"));
    assert_false(want(NULL, "*", "a/b.bin"));
    assert_true(want("*.bin", NULL, "a/b.bin"));
    assert_false(want("*.onnx", NULL, "a/b.bin"));
    assert_true(want("a", NULL, "a/b.bin"));
    assert_true(want("a/", NULL, "a/b.bin"));
    assert_false(want("a", "*.bin", "a/b.bin"));
    assert_true(want("a", "c/*", "a/b.bin"));
    assert_false(want("**/deep", NULL, "a/b.bin"));
}

/* The real file that leaves 720 GB where they are. */
static void test_git_lfs_patterns__onnx_models_excludes_all(void **state)
{
    const char *hubdata = getenv("PTM_HUBDATA");
    PTM_AUTO(ptmi_freep)
    char *path = ptmi_str_printf("%s/onnxmodelzoo/tree/.lfsconfig", hubdata ? hubdata : "");
    PTM_AUTO(ptmi_freep) char *text = NULL;
    size_t len = 0;
    char out[64];
    struct ptm_err err;
    (void)state;
    if (ptmi_fs_read(path, 65536, &text, &len, &err) < 0) {
        print_message("skipped: %s\n", err.msg);
        skip();
    }
    assert_string_equal(lists(text, out, sizeof out), "|*");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_lfs_patterns__reads_the_two_keys),
        cmocka_unit_test(test_git_lfs_patterns__passes_over_everything_else),
        cmocka_unit_test(test_git_lfs_patterns__select_paths),
        cmocka_unit_test(test_git_lfs_patterns__onnx_models_excludes_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
