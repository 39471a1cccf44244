/* SPDX-License-Identifier: MIT */
/* test_cli_torch.c - what the verbs of `ptm torch` work out by themselves: hosts, operands,
 * answers, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "cli/torchhub_cli.h"

static void test_cli_torch__gh_host_is_a_rewrite(void **state)
{
    const char *host = "x";
    char *rules[PTMI_TORCH_HOST_RULES];
    struct ptm_err err = {0};
    (void)state;
    assert_int_equal(ptmi_torch_host("git.example.org:8443", &host, rules, &err), PTM_OK);
    assert_string_equal(host, "git.example.org:8443");
    assert_string_equal(rules[0], "https://github.com/=https://git.example.org:8443/");
    assert_string_equal(rules[1], "https://api.github.com/=https://git.example.org:8443/api/v3/");
    for (size_t i = 0; i < PTMI_TORCH_HOST_RULES; i++) free(rules[i]);
}

static void test_cli_torch__github_itself_needs_no_rewrite(void **state)
{
    static const char *const none[] = {NULL, "", "github.com"};
    (void)state;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        const char *host = "x";
        char *rules[PTMI_TORCH_HOST_RULES];
        assert_int_equal(ptmi_torch_host(none[i], &host, rules, NULL), PTM_OK);
        assert_null(host);
        assert_null(rules[0]);
        assert_null(rules[1]);
    }
}

static void test_cli_torch__gh_host_is_a_host_and_nothing_else(void **state)
{
    static const char *const wrong[] = {"https://git.example.org",
                                        "git.example.org/x",
                                        "a b",
                                        "me@git.example.org",
                                        "a=b",
                                        "\033[2J"};
    char longest[300];
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *host = NULL;
        char *rules[PTMI_TORCH_HOST_RULES];
        struct ptm_err err = {0};
        assert_int_equal(ptmi_torch_host(wrong[i], &host, rules, &err), PTM_ECONFIG);
        assert_null(rules[0]);
        assert_non_null(strstr(err.msg, "$GH_HOST"));
        assert_null(strchr(err.msg, '\033'));
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *host = NULL;
    char *rules[PTMI_TORCH_HOST_RULES];
    assert_int_equal(ptmi_torch_host(longest, &host, rules, NULL), PTM_ECONFIG);
}

static void test_cli_torch__answers(void **state)
{
    static const struct {
        const char *text;
        int answer;
    } cases[] = {
        {"", 0},          {"\n", 0},       {"n\n", 0},     {"No\n", 0}, {"y\n", 1},
        {" YES \r\n", 1}, {"maybe\n", -1}, {"yess\n", -1}, {"\ty", 1},  {"ye\n", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(ptmi_torch_answer(cases[i].text, strlen(cases[i].text)), cases[i].answer);
    assert_int_equal(ptmi_torch_answer("y\0s\n", 4), -1);
}

static void add(struct ptmi_cli *cli, int opt, const char *text)
{
    assert_int_equal(
        ptmi_values_add(&cli->values, opt, PTMI_SOURCE_COMMAND, text, "--x", NULL, NULL), PTM_OK);
}

static void test_cli_torch__repositories_and_folders(void **state)
{
    static const char *const folders[] = {".", "./a/b", "..", "/a/b", "~/a", "vision"};
    static const char *const repos[] = {"a/b", "a/b:c", "a/b:feature/x", "a/b/c"};
    struct ptmi_cli cli = {0};
    (void)state;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        assert_true(ptmi_torch_is_folder(&cli, folders[i]));
    for (size_t i = 0; i < sizeof repos / sizeof *repos; i++)
        assert_false(ptmi_torch_is_folder(&cli, repos[i]));
    add(&cli, PTMI_OPT_SOURCE, "local");
    assert_true(ptmi_torch_is_folder(&cli, "a/b"));
    add(&cli, PTMI_OPT_SOURCE, "github");
    assert_false(ptmi_torch_is_folder(&cli, "./a"));
    ptmi_values_clear(&cli.values);
}

static void test_cli_torch__fetching_runs_nothing(void **state)
{
    struct ptmi_cli cli = {0};
    struct ptm_torchhub_fetch_opts opts;
    struct ptm_torchhub_load_opts load;
    (void)state;
    ptmi_torch_fetch_opts(&cli, &opts);
    assert_int_equal(opts.trust, PTM_TRUST_SKIP);
    assert_false(opts.fresh_weights);
    add(&cli, PTMI_OPT_FORCE_RELOAD, "yes");
    ptmi_torch_run_opts(&cli, &opts, &load);
    assert_int_equal(opts.trust, PTM_TRUST_CHECK);
    assert_true(opts.force_reload && opts.fresh_weights);
    assert_false(load.no_sandbox);
    add(&cli, PTMI_OPT_TRUST, "yes");
    ptmi_torch_run_opts(&cli, &opts, &load);
    assert_int_equal(opts.trust, PTM_TRUST_ALWAYS);
    ptmi_values_clear(&cli.values);
}

static void test_cli_torch__names(void **state)
{
    char owner[] = "a", name[] = "b", ref[] = "main", dir[] = "/x";
    struct ptm_torchhub_repo repo = {.owner = owner, .name = name, .ref = ref, .dir = dir};
    (void)state;
    PTM_AUTO(ptmi_freep) char *full = ptmi_torch_repo_name(&repo);
    repo.ref = NULL;
    PTM_AUTO(ptmi_freep) char *bare = ptmi_torch_repo_name(&repo);
    repo.owner = NULL;
    PTM_AUTO(ptmi_freep) char *folder = ptmi_torch_repo_name(&repo);
    assert_string_equal(full, "a/b:main");
    assert_string_equal(bare, "a/b");
    assert_string_equal(folder, "/x");
}

static void test_cli_torch__texts_are_harmless(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *shown = ptmi_torch_shown("a\033[2Jb\xff \xe7\xbd\x91 tail", 13);
    assert_string_equal(shown, "a?[2Jb? \xe7\xbd\x91 t");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_torch__gh_host_is_a_rewrite),
        cmocka_unit_test(test_cli_torch__github_itself_needs_no_rewrite),
        cmocka_unit_test(test_cli_torch__gh_host_is_a_host_and_nothing_else),
        cmocka_unit_test(test_cli_torch__answers),
        cmocka_unit_test(test_cli_torch__repositories_and_folders),
        cmocka_unit_test(test_cli_torch__fetching_runs_nothing),
        cmocka_unit_test(test_cli_torch__names),
        cmocka_unit_test(test_cli_torch__texts_are_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
