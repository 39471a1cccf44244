/* SPDX-License-Identifier: MIT */
/* test_cli_config.c - the configuration file, the environment, and tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "cli/config.h"
#include "unit_tmp.h"

static const char *const hubs[] = {"huggingface", "modelzoo", NULL};

/* An environment of "NAME=value" texts. */
static const char *look(void *arg, const char *name)
{
    size_t len = strlen(name);
    for (const char *const *at = arg; *at; at++)
        if (strncmp(*at, name, len) == 0 && (*at)[len] == '=') return *at + len + 1;
    return NULL;
}
#define ENV(...)               \
    &(struct ptmi_env)         \
    {                          \
        look, (const char *[]) \
        {                      \
            __VA_ARGS__, NULL  \
        }                      \
    }
#define VALUES PTM_AUTO(ptmi_values_clear) struct ptmi_values

static ptm_rc parse(const char *text, struct ptmi_values *values, struct ptm_err *err)
{
    return ptmi_config_parse("/c/config.ini", text, hubs, ENV("HOME=/home/me"), values, err);
}

static void test_cli_config__keys_are_option_names(void **state)
{
    (void)state;
    VALUES values = {0};
    struct ptm_err err = {0};
    assert_int_equal(parse("# mine\nroot = ~/models\njobs=8\noffline = on\n\n[huggingface]\n"
                           "top = 5%\n[modelzoo]\nlarge = none\n",
                           &values, &err),
                     PTM_OK);
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_ROOT, NULL), "/home/me/models");
    assert_int_equal(ptmi_values_int(&values, PTMI_OPT_JOBS, NULL), 8);
    assert_true(ptmi_values_flag(&values, PTMI_OPT_OFFLINE, NULL));
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_TOP, "huggingface"), "5%");
    assert_null(ptmi_values_text(&values, PTMI_OPT_TOP, "modelzoo"));
    assert_int_equal(ptmi_values_choice(&values, PTMI_OPT_LARGE, "modelzoo"), 3);
    assert_string_equal(ptmi_values_get(&values, PTMI_OPT_JOBS, NULL)->where, "/c/config.ini:3");
}

static void test_cli_config__lists_go_on_over_lines(void **state)
{
    (void)state;
    VALUES values = {0};
    PTM_AUTO(ptmi_freep) const char **rules = NULL;
    size_t n = 0;
    assert_int_equal(parse("rewrite = http://a/=http://b/\n"
                           "  http://c/=http://d/\n"
                           "rewrite = http://e/=http://f/\n",
                           &values, NULL),
                     PTM_OK);
    assert_int_equal(ptmi_values_list(&values, PTMI_OPT_REWRITE, NULL, &rules, &n, NULL), PTM_OK);
    assert_int_equal(n, 3);
    assert_string_equal(rules[1], "http://c/=http://d/");
}

static void test_cli_config__errors_name_file_and_line(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"\nrot = /x\n", "/c/config.ini:2: unknown key 'rot'; did you mean 'root'?"},
        {"xyzzyxyzzy = 1\n", "/c/config.ini:1: unknown key 'xyzzyxyzzy': keys are"},
        {"[hugingface]\ntop = 1\n",
         "/c/config.ini:2: no hub 'hugingface'; did you mean [huggingface]?"},
        {"[somewhere]\ntop = 1\n", "/c/config.ini:2: no hub 'somewhere'"},
        {"jobs = many\n", "/c/config.ini:1: jobs: 'many' is not a number"},
        {"jobs\n", "/c/config.ini:1: neither 'key = value' nor '[HUB]'"},
        {"jobs = 1\njobs = 2\n", "/c/config.ini:2: 'jobs' is given twice"},
        {"hf-token = hf_abc\n", "/c/config.ini:1: 'hf-token' may not stand in this file"},
        {"dry-run = yes\n", "/c/config.ini:1: 'dry-run' is for the command line alone"},
        {"[modelzoo]\nroot = /x\n", "/c/config.ini:2: 'root' cannot differ from hub to hub"},
        {"root =\n", "/c/config.ini:1: root: the value is missing"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        VALUES values = {0};
        struct ptm_err err = {0};
        assert_int_equal(parse(bad[i].text, &values, &err), PTM_ECONFIG);
        if (!strstr(err.msg, bad[i].message)) fail_msg("%s: %s", bad[i].message, err.msg);
    }
}

static void test_cli_config__a_line_that_is_too_long_is_not_cut(void **state)
{
    (void)state;
    VALUES values = {0};
    struct ptm_err err = {0};
    static char text[100002];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "filter = ", 9);
    assert_int_equal(parse(text, &values, &err), PTM_ECONFIG);
    assert_non_null(strstr(err.msg, "/c/config.ini:1: the line is longer"));
}

static void test_cli_config__is_found_by_xdg(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_freep) char *xdg = ptmi_config_path(ENV("XDG_CONFIG_HOME=/x", "HOME=/h"));
    PTM_AUTO(ptmi_freep) char *home = ptmi_config_path(ENV("HOME=/h"));
    PTM_AUTO(ptmi_freep) char *relative = ptmi_config_path(ENV("XDG_CONFIG_HOME=x", "HOME=/h"));
    assert_string_equal(xdg, "/x/ptm/config.ini");
    assert_string_equal(home, "/h/.config/ptm/config.ini");
    assert_string_equal(relative, "/h/.config/ptm/config.ini");
    assert_null(ptmi_config_path(ENV("A=b")));
}

static void test_cli_config__an_absent_file_is_fine(void **state)
{
    (void)state;
    VALUES values = {0};
    assert_int_equal(ptmi_config_load("/nonexistent/config.ini", hubs, NULL, &values, NULL),
                     PTM_OK);
    UNIT_TMP(tmp);
    const char *path = unit_path(tmp.path, "config.ini");
    unit_write(path, "jobs = 3\n");
    assert_int_equal(ptmi_config_load(path, hubs, NULL, &values, NULL), PTM_OK);
    assert_int_equal(ptmi_values_int(&values, PTMI_OPT_JOBS, NULL), 3);
    unit_write(path, "jobs = \xff\n");
    assert_int_equal(ptmi_config_load(path, hubs, NULL, &values, NULL), PTM_ECONFIG);
}

static void test_cli_config__reads_the_environment(void **state)
{
    (void)state;
    VALUES values = {0};
    PTM_AUTO(ptmi_freep) const char **rules = NULL;
    size_t n = 0;
    assert_int_equal(
        ptmi_config_environment(ENV("PTM_ROOT=/r", "NO_COLOR=1", "HF_ENDPOINT=http://m:1/x//",
                                    "PTM_REWRITE=http://a/=http://b/  http://c/=http://d/"),
                                &values, NULL),
        PTM_OK);
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_ROOT, NULL), "/r");
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_COLOR, NULL), "never");
    assert_int_equal(ptmi_values_list(&values, PTMI_OPT_REWRITE, NULL, &rules, &n, NULL), PTM_OK);
    assert_int_equal(n, 3);
    assert_string_equal(rules[0], "https://huggingface.co/=http://m:1/x/");
    assert_string_equal(rules[2], "http://c/=http://d/"); /* the nearer one last: it holds */
}

static void test_cli_config__environment_errors_name_the_variable(void **state)
{
    (void)state;
    VALUES values = {0};
    struct ptm_err err = {0};
    assert_int_equal(ptmi_config_environment(ENV("PTM_REWRITE=nonsense"), &values, &err),
                     PTM_ECONFIG);
    assert_non_null(strstr(err.msg, "PTM_REWRITE"));
    assert_int_equal(ptmi_config_environment(ENV("HF_ENDPOINT=ftp://x"), &values, &err),
                     PTM_ECONFIG);
    assert_non_null(strstr(err.msg, "HF_ENDPOINT"));
    /* the official endpoint, unset and empty variables change nothing */
    assert_int_equal(
        ptmi_config_environment(
            ENV("HF_ENDPOINT=https://huggingface.co/", "NO_COLOR=", "PTM_ROOT="), &values, &err),
        PTM_OK);
    assert_int_equal(values.n, 0);
}

static void test_cli_config__finds_tokens_where_huggingface_hub_does(void **state)
{
    (void)state;
    UNIT_TMP(tmp);
    char home[128], hf_home[128], token_path[160];
    snprintf(home, sizeof home, "HOME=%s", tmp.path);
    snprintf(hf_home, sizeof hf_home, "HF_HOME=%s/hf", tmp.path);
    snprintf(token_path, sizeof token_path, "HF_TOKEN_PATH=%s/named", tmp.path);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, "hf"), NULL), PTM_OK);
    assert_int_equal(ptmi_fs_mkdirs(unit_path(tmp.path, ".cache/huggingface"), NULL), PTM_OK);
    unit_write(unit_path(tmp.path, ".cache/huggingface/token"), "hf_cache\n");
    unit_write(unit_path(tmp.path, "hf/token"), "  hf_home  \n");
    unit_write(unit_path(tmp.path, "named"), "hf_named");
    static const char *const wanted[] = {"hf_cache", "hf_home", "hf_named", "hf_env"};
    const char *variables[] = {home, hf_home, token_path, "HF_TOKEN=hf_env", "GITHUB_TOKEN=gh_x"};
    for (size_t i = 0; i < 4; i++) {
        const char *given[6] = {NULL};
        for (size_t k = 0; k <= i; k++) given[k] = variables[k];
        given[i + 1] = variables[4];
        struct ptmi_env env = {look, given};
        VALUES values = {0};
        assert_int_equal(ptmi_config_tokens(&env, &values, NULL), PTM_OK);
        assert_string_equal(ptmi_values_text(&values, PTMI_OPT_HF_TOKEN, NULL), wanted[i]);
        assert_string_equal(ptmi_values_text(&values, PTMI_OPT_GITHUB_TOKEN, NULL), "gh_x");
    }
}

static void test_cli_config__refuses_what_is_no_token(void **state)
{
    (void)state;
    VALUES values = {0};
    struct ptm_err err = {0};
    assert_int_equal(ptmi_config_tokens(ENV("HF_TOKEN=a\r\nEvil: b"), &values, &err), PTM_ECONFIG);
    assert_non_null(strstr(err.msg, "$HF_TOKEN"));
    assert_null(strstr(err.msg, "Evil"));
    assert_int_equal(ptmi_config_tokens(ENV("HF_TOKEN= "), &values, &err), PTM_OK);
    assert_null(ptmi_values_get(&values, PTMI_OPT_HF_TOKEN, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_config__keys_are_option_names),
        cmocka_unit_test(test_cli_config__lists_go_on_over_lines),
        cmocka_unit_test(test_cli_config__errors_name_file_and_line),
        cmocka_unit_test(test_cli_config__a_line_that_is_too_long_is_not_cut),
        cmocka_unit_test(test_cli_config__is_found_by_xdg),
        cmocka_unit_test(test_cli_config__an_absent_file_is_fine),
        cmocka_unit_test(test_cli_config__reads_the_environment),
        cmocka_unit_test(test_cli_config__environment_errors_name_the_variable),
        cmocka_unit_test(test_cli_config__finds_tokens_where_huggingface_hub_does),
        cmocka_unit_test(test_cli_config__refuses_what_is_no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
