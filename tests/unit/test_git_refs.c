/* SPDX-License-Identifier: MIT */
/* test_git_refs.c - what git servers answer, of protocol 2 and before, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/git/git_priv.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define C "cccccccccccccccccccccccccccccccccccccccc"
#define SERVICE "# service=git-upload-pack\n"

/* Each look at the clock takes a second. */
int64_t __wrap_ptmi_clock_ms(void);
int64_t __wrap_ptmi_clock_ms(void)
{
    static int64_t now;
    return now += 1000;
}

/* Lines as packets, NULL-terminated; "" is the mark 0000. '|' stands for the NUL before
 * capabilities. */
static size_t pack(const char *const *lines, char *out, size_t size)
{
    size_t len = 0;
    for (; *lines; lines++) {
        size_t n = strlen(*lines);
        assert_true(len + n + 5 < size);
        (void)snprintf(out + len, size - len, "%04zx%s", n ? n + 4 : 0, *lines);
        for (char *at = out + len; at < out + len + n + 4; at++)
            if (*at == '|') *at = '\0';
        len += n + 4;
    }
    return len;
}

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

static void expect(ptm_rc rc, const char *const *lines, const char *refs)
{
    char text[4000];
    size_t len = pack(lines, text, sizeof text);
    for (size_t chunk = 1; chunk < 200; chunk += 7) {
        char out[1000] = "";
        struct ptm_err err = {0};
        assert_int_equal(ptmi_git_refs_parse(text, len, chunk, gather, out, &err), rc);
        assert_string_equal(out, refs);
    }
}

#define EXPECT(rc, refs, ...) expect(rc, (const char *const[]){__VA_ARGS__, NULL}, refs)

static void test_git_refs__of_version_2(void **state)
{
    (void)state;
    EXPECT(PTM_OK,
           "HEAD>refs/heads/main HEAD=a refs/heads/main=a refs/heads/ci/x=b refs/tags/light=b "
           "refs/tags/v1=a ",
           SERVICE, "", "version 2\n", "ls-refs=unborn\n", "object-format=sha1\n", "",
           A " HEAD symref-target:refs/heads/main\n", A " refs/heads/main\n", B " refs/heads/ci/x",
           B " refs/tags/light\n", C " refs/tags/v1 peeled:" A "\n", "");
    EXPECT(PTM_OK, "refs/heads/x=a ", "version 2\n", "", A " refs/heads/x\n", "");
    EXPECT(PTM_OK, "", SERVICE, "", "version 2\n", "",
           "unborn HEAD symref-target:refs/heads/main\n", "");
}

static void test_git_refs__of_older_servers(void **state)
{
    (void)state;
    EXPECT(PTM_OK,
           "HEAD>refs/heads/main HEAD=a refs/heads/main=a refs/tags/light=b refs/tags/v1=a "
           "refs/tags/v10=c ",
           SERVICE, "", A " HEAD|multi_ack symref=HEAD:refs/heads/main agent=git/2\n",
           A " refs/heads/main\n", B " refs/pull/1/head\n", B " refs/tags/light\n",
           C " refs/tags/v1\n", A " refs/tags/v1^{}\n", C " refs/tags/v10\n", "");
    EXPECT(PTM_OK, "refs/heads/x=a ", SERVICE, "", "version 1\n", A " refs/heads/x|thin-pack\n",
           "");
    EXPECT(PTM_OK, "", SERVICE, "",
           "0000000000000000000000000000000000000000 capabilities^{}|thin-pack\n", "");
}

static void test_git_refs__what_is_none_is_passed_over(void **state)
{
    (void)state;
    EXPECT(PTM_OK, "HEAD=a refs/heads/y=a ", SERVICE, "", "version 2\n", "", "warning: something\n",
           A "\trefs/heads/tab\n", "AAAA refs/heads/x\n", A B " refs/heads/sha256\n",
           A " refs/heads/es\x1b[2Jcape\n", A " HEAD symref-target:refs/heads/\x1b[2J\n",
           A " refs/pull/1/head\n", A " refs/heads/y symref-target:refs/heads/z peeled:x\n", "");
    EXPECT(PTM_OK, "refs/heads/y=a ", SERVICE, "", A " refs/heads/with blank\n",
           A " refs/tags/alone^{}\n", "shallow " A "\n",
           A " refs/heads/y|symref=HEAD:refs/heads/late\n", "");
}

static void test_git_refs__a_list_that_is_cut_off_is_none(void **state)
{
    (void)state;
    EXPECT(PTM_ENET, "", SERVICE, "", "version 2\n");
    EXPECT(PTM_ENET, "", SERVICE, "", "version 2\n", "");
    EXPECT(PTM_ENET, "refs/heads/x=a ", SERVICE, "", "version 2\n", "", A " refs/heads/x\n");
    EXPECT(PTM_ENET, "refs/heads/x=a ", SERVICE, "", A " refs/heads/x|thin-pack\n");
}

static void test_git_refs__what_is_no_git_server_is_told(void **state)
{
    static const char page[] = "<!DOCTYPE html><html>Sign in</html>";
    static const char dumb[] = A "\trefs/heads/main\n";
    struct ptm_err err = {0};
    (void)state;
    EXPECT(PTM_ENOTCLONABLE, "", A " refs/heads/x\n", "");
    assert_int_equal(ptmi_git_refs_parse(page, strlen(page), 5, gather, NULL, &err),
                     PTM_ENOTCLONABLE);
    assert_int_equal(ptmi_git_refs_parse(dumb, strlen(dumb), 5, gather, NULL, &err),
                     PTM_ENOTCLONABLE);
    assert_int_equal(ptmi_git_refs_parse("", 0, 5, gather, NULL, &err), PTM_ENOTCLONABLE);
}

static void test_git_refs__the_servers_own_error_is_told_printable(void **state)
{
    char text[200];
    const char *const lines[] = {SERVICE, "", "ERR go \x1b[2J away\n", NULL};
    struct ptm_err err = {0};
    size_t len = pack(lines, text, sizeof text);
    (void)state;
    assert_int_equal(ptmi_git_refs_parse(text, len, len, gather, NULL, &err), PTM_EGIT);
    assert_non_null(strstr(err.msg, "away"));
    assert_null(strchr(err.msg, '\x1b'));
}

static void test_git_refs__sha256_is_not_supported(void **state)
{
    (void)state;
    EXPECT(PTM_EUNSUPPORTED, "", SERVICE, "", "version 2\n", "object-format=sha256\n");
    EXPECT(PTM_EUNSUPPORTED, "", SERVICE, "", A B " HEAD|object-format=sha256\n", "");
}

/* The lengths that are none, and the longest that the protocol has. */
static void test_git_refs__lengths_of_packets_are_checked(void **state)
{
    static const char marks[] = "001e" SERVICE "0000"
                                "000eversion 2\n0000"
                                "0001000200030004"
                                "0039" A " refs/heads/x"
                                "0000";
    static const char endless[] = "001e" SERVICE "0000"
                                  "fff1";
    char out[1000] = "";
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(ptmi_git_refs_parse(marks, strlen(marks), 3, gather, out, &err), PTM_OK);
    assert_string_equal(out, "refs/heads/x=a ");
    assert_int_equal(ptmi_git_refs_parse(endless, strlen(endless), 3, gather, out, &err),
                     PTM_EFORMAT);
}

/* A byte now and then keeps a connection busy for ever. */
static void test_git_refs__a_list_that_trickles_ends(void **state)
{
    static const char start[] = "000eversion 2\n0000";
    static char text[20000];
    char out[1000] = "";
    struct ptm_err err = {0};
    (void)state;
    memcpy(text, start, strlen(start));
    for (size_t at = strlen(start); at + 57 < sizeof text; at += 57)
        (void)snprintf(text + at, sizeof text - at, "0039%s", A " refs/other/x");
    assert_int_equal(ptmi_git_refs_parse(text, strlen(text), 1000, gather, out, &err), PTM_ENET);
    assert_int_equal(ptmi_git_refs_parse(text, strlen(text), 10, gather, out, &err), PTM_ETIMEOUT);
    assert_non_null(strstr(err.msg, "did not end within"));
}

static ptm_rc stop(void *arg, const struct ptmi_git_ref *ref, struct ptm_err *err)
{
    (void)arg, (void)ref;
    return ptm_err_set(err, PTM_ECANCELED, "enough");
}

static void test_git_refs__the_callers_error_ends_it(void **state)
{
    char text[400];
    const char *const lines[] = {SERVICE, "",  A " refs/tags/v1|thin-pack\n", A " refs/tags/v2\n",
                                 "",      NULL};
    struct ptm_err err = {0};
    size_t len = pack(lines, text, sizeof text);
    (void)state;
    assert_int_equal(ptmi_git_refs_parse(text, len, 10, stop, NULL, &err), PTM_ECANCELED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_git_refs__of_version_2),
        cmocka_unit_test(test_git_refs__of_older_servers),
        cmocka_unit_test(test_git_refs__what_is_none_is_passed_over),
        cmocka_unit_test(test_git_refs__a_list_that_is_cut_off_is_none),
        cmocka_unit_test(test_git_refs__what_is_no_git_server_is_told),
        cmocka_unit_test(test_git_refs__the_servers_own_error_is_told_printable),
        cmocka_unit_test(test_git_refs__sha256_is_not_supported),
        cmocka_unit_test(test_git_refs__lengths_of_packets_are_checked),
        cmocka_unit_test(test_git_refs__a_list_that_trickles_ends),
        cmocka_unit_test(test_git_refs__the_callers_error_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
