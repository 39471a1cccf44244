/* SPDX-License-Identifier: MIT */
/* test_git_refs.c - the lines of git ls-remote, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/str.h"
#include "../../src/git/git_priv.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"

/* Each ref as "name=first letter of its id" or "name>target". */
static ptm_rc gather(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    char *out = arg;
    size_t len = strlen(out);
    (void)err;
    if (ref->target)
        snprintf(out + len, 1000 - len, "%s>%s ", ref->name, ref->target);
    else
        snprintf(out + len, 1000 - len, "%s=%c ", ref->name, ref->id[0]);
    return PTM_OK;
}

static void expect(const char *text, const char *refs)
{
    for (size_t chunk = 1; chunk < 200; chunk += 7) {
        char out[1000] = "";
        struct ptm_err err = {0};
        assert_int_equal(ptmi_git_refs_parse(text, strlen(text), chunk, gather, out, &err), PTM_OK);
        assert_string_equal(out, refs);
    }
}

static void test_git_refs__are_told_with_the_commits_of_tags(void **state)
{
    (void)state;
    expect("ref: refs/heads/main\tHEAD\n" A "\tHEAD\n" A "\trefs/heads/main\n" B
           "\trefs/heads/ci/x\n" B "\trefs/tags/light\n" C "\trefs/tags/v1\n" A
           "\trefs/tags/v1^{}\n" C "\trefs/tags/v10\n",
           "HEAD>refs/heads/main HEAD=a refs/heads/main=a refs/heads/ci/x=b refs/tags/light=b "
           "refs/tags/v1=a refs/tags/v10=c ");
}

static void test_git_refs__a_last_line_needs_no_end(void **state)
{
    (void)state;
    expect(B "\trefs/tags/v1\n" A "\trefs/tags/v1^{}", "refs/tags/v1=a ");
    expect(A "\trefs/heads/x", "refs/heads/x=a ");
    expect("", "");
}

static void test_git_refs__what_is_none_is_passed_over(void **state)
{
    (void)state;
    expect("warning: something\n\n\n" A " refs/heads/x\nAAAA\trefs/heads/x\n" A B
           "\trefs/heads/sha256\n" A "\trefs/tags/alone^{}\n" A "\trefs/heads/y\n",
           "refs/heads/y=a ");
}

static void test_git_refs__a_line_without_end_is_cut_off(void **state)
{
    static char text[20000];
    char out[1000] = "";
    struct ptm_err err = {0};
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(ptmi_git_refs_parse(text, sizeof text, 4096, gather, out, &err), PTM_ELIMIT);
}

static ptm_rc stop(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    (void)arg, (void)ref;
    return ptm_err_set(err, PTM_ECANCELED, "enough");
}

static void test_git_refs__the_callers_error_ends_it(void **state)
{
    static const char text[] = A "\trefs/tags/v1\n" A "\trefs/tags/v2\n";
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(ptmi_git_refs_parse(text, strlen(text), 10, stop, NULL, &err), PTM_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_refs__are_told_with_the_commits_of_tags),
        cmocka_unit_test(test_git_refs__a_last_line_needs_no_end),
        cmocka_unit_test(test_git_refs__what_is_none_is_passed_over),
        cmocka_unit_test(test_git_refs__a_line_without_end_is_cut_off),
        cmocka_unit_test(test_git_refs__the_callers_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
