/* SPDX-License-Identifier: MIT */
/* test_torchhub_trust.c - who is trusted, who is asked, and what the two lists have afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "torchhub_cached.h"

/* Torch, which takes no lock, writes this line while we write the list anew. NULL: it does not. */
static const char *late;

ptm_rc __real_ptmi_fs_write_whole(const char *path, const void *data, size_t len, bool *out_changed,
                                  struct ptm_err *err);
ptm_rc __wrap_ptmi_fs_write_whole(const char *path, const void *data, size_t len, bool *out_changed,
                                  struct ptm_err *err);
ptm_rc __wrap_ptmi_fs_write_whole(const char *path, const void *data, size_t len, bool *out_changed,
                                  struct ptm_err *err)
{
    FILE *list = late && ptmi_str_ends(path, "/trusted_list") ? fopen(path, "a") : NULL;
    if (list && (fputs(late, list) < 0 || fclose(list) != 0)) abort();
    return __real_ptmi_fs_write_whole(path, data, len, out_changed, err);
}

static int setup(void **state)
{
    static struct cached_hub t;
    late = NULL;
    cached_open(&t, NULL);
    *state = &t;
    return 0;
}

static int setup_enterprise(void **state)
{
    static struct cached_hub t;
    cached_open(&t, "git.corp.example");
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    cached_close(*state);
    return 0;
}

static ptm_rc check(struct cached_hub *t, const char *repo, ptm_trust trust)
{
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_torchhub_fetch_opts opts = cached_opts(t, trust);
    assert_int_equal(ptmi_repo_spec_parse(repo, &spec, &t->err), PTM_OK);
    t->asked = 0;
    return ptmi_trust_check(t->hub, &spec, &opts, &t->err);
}

static bool trusted(struct cached_hub *t, const char *repo)
{
    bool out = false;
    assert_int_equal(ptm_torchhub_trusted(t->hub, repo, &out, &t->err), PTM_OK);
    return out;
}

static void expect_list(struct cached_hub *t, const char *expected)
{
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(t->tmp.path, "trusted_list"));
    assert_non_null(text);
    assert_string_equal(text, expected);
}

static void test_torchhub_trust__a_no_leaves_the_list_empty(void **state)
{
    struct cached_hub *t = *state;
    assert_int_equal(check(t, "ailzhang/torchhub_example:main", PTM_TRUST_CHECK), PTM_EAUTH);
    assert_int_equal(t->asked, 1);
    assert_true(ptmi_str_starts(t->err.msg, "Untrusted repository."));
    assert_string_equal(
        t->question,
        "The repository ailzhang_torchhub_example does not belong to the list of trusted "
        "repositories and as such cannot be downloaded. Do you trust this repository and wish to "
        "add it to the trusted list of repositories (y/N)?");
    expect_list(t, "");
}

static void test_torchhub_trust__a_yes_is_written_and_not_asked_again(void **state)
{
    struct cached_hub *t = *state;
    t->answer = true;
    assert_int_equal(check(t, "ailzhang/torchhub_example", PTM_TRUST_CHECK), PTM_OK);
    assert_int_equal(t->asked, 1);
    expect_list(t, "ailzhang_torchhub_example\n");
    assert_int_equal(check(t, "ailzhang/torchhub_example", PTM_TRUST_CHECK), PTM_OK);
    assert_int_equal(t->asked, 0);
    assert_int_equal(check(t, "ailzhang/torchhub_example", PTM_TRUST_ASK), PTM_OK);
    assert_int_equal(t->asked, 1);
    assert_non_null(strstr(t->log, "The repository is already trusted."));
    t->answer = false;
    assert_int_equal(check(t, "ailzhang/torchhub_example", PTM_TRUST_ASK), PTM_EAUTH);
    expect_list(t, "ailzhang_torchhub_example\n");
}

static void test_torchhub_trust__a_list_that_is_no_file_is_named(void **state)
{
    struct cached_hub *t = *state;
    const char *path = unit_path(t->tmp.path, "trusted_list");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(check(t, "ailzhang/torchhub_example:main", PTM_TRUST_CHECK), PTM_EINVAL);
    assert_non_null(strstr(t->err.msg, path));
    assert_int_equal(ptm_torchhub_trust(t->hub, "ailzhang/torchhub_example", &t->err), PTM_EINVAL);
    assert_int_equal(t->asked, 0);
}

static void test_torchhub_trust__always_asks_nobody(void **state)
{
    struct cached_hub *t = *state;
    assert_int_equal(check(t, "o/n", PTM_TRUST_ALWAYS), PTM_OK);
    assert_int_equal(t->asked, 0);
    assert_int_equal(check(t, "o/n", PTM_TRUST_ALWAYS), PTM_OK);
    expect_list(t, "o_n\n");
    assert_true(trusted(t, "o/n:any"));
    assert_false(trusted(t, "o/other"));
}

static void test_torchhub_trust__nobody_to_ask_is_a_refusal_that_tells_the_way_out(void **state)
{
    struct cached_hub *t = *state;
    PTM_AUTO(ptmi_repo_spec_clear) struct ptmi_repo_spec spec = {0};
    struct ptm_torchhub_fetch_opts opts = PTM_TORCHHUB_FETCH_OPTS_INIT;
    opts.trust = PTM_TRUST_CHECK;
    assert_int_equal(ptmi_repo_spec_parse("o/n", &spec, &t->err), PTM_OK);
    assert_int_equal(ptmi_trust_check(t->hub, &spec, &opts, &t->err), PTM_EAUTH);
    assert_non_null(strstr(t->err.msg, "ptm torch trust add o/n"));
}

static void test_torchhub_trust__skip_asks_and_writes_nothing(void **state)
{
    struct cached_hub *t = *state;
    assert_int_equal(check(t, "o/n", PTM_TRUST_SKIP), PTM_OK);
    assert_int_equal(t->asked, 0);
    assert_int_equal(unit_entries(t->tmp.path), 0);
}

static void test_torchhub_trust__known_owners_are_trusted_and_not_written(void **state)
{
    struct cached_hub *t = *state;
    assert_int_equal(check(t, "pytorch/vision", PTM_TRUST_CHECK), PTM_OK);
    assert_int_equal(t->asked, 0);
    expect_list(t, "");
    assert_true(trusted(t, "facebookresearch/x"));
    assert_false(trusted(t, "PyTorch/x"));
    assert_int_equal(check(t, "pytorch/vision", PTM_TRUST_ALWAYS), PTM_OK);
    expect_list(t, "");
}

static void test_torchhub_trust__lines_of_torch_stay_as_they_are(void **state)
{
    struct cached_hub *t = *state;
    unit_write(unit_path(t->tmp.path, "trusted_list"), "a_b\n\n  c_d  \nno_newline");
    assert_true(trusted(t, "a/b"));
    assert_true(trusted(t, "c/d"));
    assert_true(trusted(t, "no/newline"));
    assert_int_equal(ptm_torchhub_trust(t->hub, "o/n", &t->err), PTM_OK);
    expect_list(t, "a_b\n\n  c_d  \nno_newline\no_n\n");
    assert_int_equal(ptm_torchhub_distrust(t->hub, "c/d", &t->err), PTM_OK);
    expect_list(t, "a_b\n\nno_newline\no_n\n");
    assert_int_equal(ptm_torchhub_distrust(t->hub, "c/d", &t->err), PTM_ENOENT);
    assert_false(trusted(t, "c/d"));
}

static void test_torchhub_trust__what_torch_writes_meanwhile_stays(void **state)
{
    struct cached_hub *t = *state;
    unit_write(unit_path(t->tmp.path, "trusted_list"), "a_b\nc_d\n");
    late = "e_f\n";
    assert_int_equal(ptm_torchhub_distrust(t->hub, "c/d", &t->err), PTM_OK);
    expect_list(t, "a_b\ne_f\n");
}

static void test_torchhub_trust__a_line_with_two_readings_counts_for_whom_we_wrote_it(void **state)
{
    struct cached_hub *t = *state;
    unit_write(unit_path(t->tmp.path, "trusted_list"), "a_b_c\n");
    assert_false(trusted(t, "a/b_c"));
    assert_false(trusted(t, "a_b/c"));
    assert_int_equal(ptm_torchhub_trust(t->hub, "a/b_c", &t->err), PTM_OK);
    expect_list(t, "a_b_c\n");
    assert_true(trusted(t, "a/b_c"));
    assert_false(trusted(t, "a_b/c"));
    assert_int_equal(check(t, "a_b/c", PTM_TRUST_CHECK), PTM_EAUTH);
    assert_int_equal(t->asked, 1);
}

static void test_torchhub_trust__what_torch_cached_is_trusted_as_torch_does(void **state)
{
    struct cached_hub *t = *state;
    cached_by_torch(t, "o_n_main");
    assert_true(trusted(t, "o/n:main"));
    assert_true(trusted(t, "o/n"));
    assert_false(trusted(t, "o/n:dev"));
    assert_int_equal(check(t, "o/n:main", PTM_TRUST_CHECK), PTM_OK);
    expect_list(t, "");
    cached_by_torch(t, "o_n_m_main"); /* o/n_m:main or o/n:m_main */
    assert_false(trusted(t, "o/n_m:main"));
}

/* list and show fetch without a question: that must not open the door for load. */
static void test_torchhub_trust__what_we_cached_unasked_is_not(void **state)
{
    struct cached_hub *t = *state;
    cached_by_us(t, "o/n:main", "2026-01-01T00:00:00Z");
    assert_false(trusted(t, "o/n:main"));
    assert_int_equal(ptm_torchhub_trust(t->hub, "o/n", &t->err), PTM_OK);
    assert_int_equal(unlink(unit_path(t->tmp.path, "trusted_list")), 0);
    assert_true(trusted(t, "o/n:main")); /* asked once: torch's rule about old copies holds */
    assert_int_equal(ptm_torchhub_distrust(t->hub, "o/n", &t->err), PTM_OK);
    assert_false(trusted(t, "o/n:main"));
}

static void test_torchhub_trust__another_host_has_no_part_in_torchs_list(void **state)
{
    struct cached_hub *t = *state;
    unit_write(unit_path(t->tmp.path, "trusted_list"), "o_n\n");
    assert_false(trusted(t, "o/n"));
    assert_false(trusted(t, "pytorch/vision"));
    assert_int_equal(ptm_torchhub_trust(t->hub, "pytorch/vision", &t->err), PTM_OK);
    assert_true(trusted(t, "pytorch/vision"));
    expect_list(t, "o_n\n");
}

static ptm_rc gather(void *arg, const char *line, struct ptm_err *err)
{
    (void)err;
    strcat(strcat(arg, line), "|");
    return PTM_OK;
}

static void test_torchhub_trust__lines_are_listed(void **state)
{
    struct cached_hub *t = *state;
    char all[100] = "";
    assert_int_equal(ptm_torchhub_trust_each(t->hub, gather, all, &t->err), PTM_OK);
    assert_string_equal(all, "");
    unit_write(unit_path(t->tmp.path, "trusted_list"), "a_b\r\n\n c_d");
    assert_int_equal(ptm_torchhub_trust_each(t->hub, gather, all, &t->err), PTM_OK);
    assert_string_equal(all, "a_b|c_d|");
}

/* Many at once, and no line is lost or doubled. */
static int trust_some(void *arg)
{
    struct cached_hub *t = arg;
    char repo[32];
    for (int i = 0; i < 10; i++) {
        snprintf(repo, sizeof repo, "o/n%d", i);
        UNIT_CHECK(ptm_torchhub_trust(t->hub, repo, &t->err) == PTM_OK);
    }
    return 0;
}

static void test_torchhub_trust__processes_do_not_double_lines(void **state)
{
    struct cached_hub *t = *state;
    pid_t pids[4];
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0) _exit(trust_some(t));
    }
    for (int i = 0; i < 4; i++) {
        int status = 0;
        waitpid(pids[i], &status, 0);
        assert_int_equal(status, 0);
    }
    PTM_AUTO(ptmi_freep) char *text = unit_read(unit_path(t->tmp.path, "trusted_list"));
    assert_int_equal(strlen(text), 10 * strlen("o_n0\n"));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_torchhub_trust__a_no_leaves_the_list_empty),
        TEST(test_torchhub_trust__a_yes_is_written_and_not_asked_again),
        TEST(test_torchhub_trust__a_list_that_is_no_file_is_named),
        TEST(test_torchhub_trust__always_asks_nobody),
        TEST(test_torchhub_trust__nobody_to_ask_is_a_refusal_that_tells_the_way_out),
        TEST(test_torchhub_trust__skip_asks_and_writes_nothing),
        TEST(test_torchhub_trust__known_owners_are_trusted_and_not_written),
        TEST(test_torchhub_trust__lines_of_torch_stay_as_they_are),
        TEST(test_torchhub_trust__what_torch_writes_meanwhile_stays),
        TEST(test_torchhub_trust__a_line_with_two_readings_counts_for_whom_we_wrote_it),
        TEST(test_torchhub_trust__what_torch_cached_is_trusted_as_torch_does),
        TEST(test_torchhub_trust__what_we_cached_unasked_is_not),
        cmocka_unit_test_setup_teardown(
            test_torchhub_trust__another_host_has_no_part_in_torchs_list, setup_enterprise,
            teardown),
        TEST(test_torchhub_trust__lines_are_listed),
        TEST(test_torchhub_trust__processes_do_not_double_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
