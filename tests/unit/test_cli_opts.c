/* SPDX-License-Identifier: MIT */
/* test_cli_opts.c - the command line, the layers of values, and did-you-mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/suggest.h"
#include "cli/opts.h"

#define GROUPS                                                                                   \
    (PTMI_GROUP_EVERY | PTMI_GROUP_ROOT | PTMI_GROUP_HUBS | PTMI_GROUP_NET | PTMI_GROUP_SELECT | \
     PTMI_GROUP_CLONE | PTMI_GROUP_JOBS)

struct parsed {
    struct ptmi_values values;
    char *operands[16];
    int n;
    int index;
    struct ptm_err err;
    ptm_rc rc;
};

static void parsed_clear(struct parsed *parsed)
{
    ptmi_values_clear(&parsed->values);
}

static struct parsed parse(bool stop, const char *const *words)
{
    struct parsed parsed = {.index = 1};
    int argc = 0;
    while (words[argc]) argc++;
    struct ptmi_opts_line line = {.argc = argc,
                                  .argv = (char **)words,
                                  .groups = GROUPS,
                                  .verb = "run",
                                  .stop_at_operand = stop};
    parsed.rc = ptmi_opts_parse(&line, &parsed.index, &parsed.values, parsed.operands, &parsed.n,
                                &parsed.err);
    return parsed;
}
#define PARSE(...) parse(false, (const char *const[]){"ptm", __VA_ARGS__, NULL})
#define PARSED PTM_AUTO(parsed_clear) struct parsed

static const char *text(const struct parsed *parsed, int opt)
{
    return ptmi_values_text(&parsed->values, opt, NULL);
}

static void test_cli_opts__options_and_operands_mix(void **state)
{
    (void)state;
    PARSED p = PARSE("modelhub", "-j", "4", "--root", "/x", "pytorchhub", "--dry-run", "--", "-q");
    assert_int_equal(p.rc, PTM_OK);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.operands[0], "modelhub");
    assert_string_equal(p.operands[1], "pytorchhub");
    assert_string_equal(p.operands[2], "-q");
    assert_int_equal(ptmi_values_int(&p.values, PTMI_OPT_JOBS, NULL), 4);
    assert_string_equal(text(&p, PTMI_OPT_ROOT), "/x");
    assert_true(ptmi_values_flag(&p.values, PTMI_OPT_DRY_RUN, NULL));
    assert_false(ptmi_values_flag(&p.values, PTMI_OPT_QUIET, NULL));
}

static void test_cli_opts__stops_at_the_verb(void **state)
{
    (void)state;
    const char *const words[] = {"ptm", "-q", "--root=/x", "run", "--all", NULL};
    PARSED p = parse(true, words);
    assert_int_equal(p.rc, PTM_OK);
    assert_int_equal(p.index, 3);
    assert_int_equal(p.n, 0);
    assert_string_equal(text(&p, PTMI_OPT_ROOT), "/x");
    assert_false(ptmi_values_flag(&p.values, PTMI_OPT_ALL, NULL));
}

static void test_cli_opts__flags_take_yes_and_no(void **state)
{
    (void)state;
    PARSED p = PARSE("--offline=no", "--yes=true", "-qv");
    assert_int_equal(p.rc, PTM_OK);
    assert_false(ptmi_values_flag(&p.values, PTMI_OPT_OFFLINE, NULL));
    assert_true(ptmi_values_flag(&p.values, PTMI_OPT_YES, NULL));
    assert_true(ptmi_values_flag(&p.values, PTMI_OPT_QUIET, NULL));
    assert_true(ptmi_values_flag(&p.values, PTMI_OPT_VERBOSE, NULL));
    PARSED bad = PARSE("--offline=perhaps");
    assert_int_equal(bad.rc, PTM_EINVAL);
    assert_non_null(strstr(bad.err.msg, "--offline"));
}

static void test_cli_opts__errors_name_the_option(void **state)
{
    (void)state;
    PARSED unknown = PARSE("--limit-rat=3", "x");
    assert_int_equal(unknown.rc, PTM_OK); /* the beginning of one name alone */
    PARSED near = PARSE("--limt-rate", "3");
    assert_int_equal(near.rc, PTM_EINVAL);
    assert_non_null(strstr(near.err.msg, "did you mean --limit-rate?"));
    PARSED far = PARSE("--zzzzzzzz");
    assert_non_null(strstr(far.err.msg, "unknown option --zzzzzzzz; see 'ptm help run'"));
    PARSED letter = PARSE("-qZ");
    assert_non_null(strstr(letter.err.msg, "unknown option -Z"));
    PARSED missing = PARSE("modelhub", "--root");
    assert_non_null(strstr(missing.err.msg, "--root needs DIR"));
    PARSED two = PARSE("--no");
    assert_non_null(strstr(two.err.msg, "beginning of several options"));
    PARSED other = PARSE("--files", "3");
    assert_int_equal(other.rc, PTM_EINVAL); /* an option of another verb */
}

static void test_cli_opts__values_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *option, *value;
    } bad[] = {{"--jobs", "0"},       {"--jobs", "many"},
               {"--jobs", "1025"},    {"--keep-free", "10X"},
               {"--large", "some"},   {"--rewrite", "http://a"},
               {"--rewrite", "a=b"},  {"--rewrite", "https://a/=http://b c/"},
               {"--root", ""},        {"--history", "half"},
               {"--max-size", "-1"},  {"--retries", "1e3"},
               {"--root", "\xff\xfe"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        PARSED p = PARSE(bad[i].option, bad[i].value);
        assert_int_equal(p.rc, PTM_EINVAL);
        assert_non_null(strstr(p.err.msg, bad[i].option));
    }
}

static void add(struct ptmi_values *values, int opt, ptmi_source source, const char *value,
                const char *hub)
{
    assert_int_equal(ptmi_values_add(values, opt, source, value, "here", hub, NULL), PTM_OK);
}

static void test_cli_opts__stronger_sources_win(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_values_clear) struct ptmi_values values = {0};
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_ROOT, NULL), "./data");
    add(&values, PTMI_OPT_ROOT, PTMI_SOURCE_COMMAND, "/line", NULL);
    add(&values, PTMI_OPT_ROOT, PTMI_SOURCE_ENV, "/env", NULL);
    add(&values, PTMI_OPT_ROOT, PTMI_SOURCE_CONFIG, "/file", NULL);
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_ROOT, NULL), "/line");
    add(&values, PTMI_OPT_ROOT, PTMI_SOURCE_COMMAND, "/last", NULL);
    assert_string_equal(ptmi_values_text(&values, PTMI_OPT_ROOT, NULL), "/last");
}

static void test_cli_opts__a_hubs_own_value_wins_within_a_source(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_values_clear) struct ptmi_values values = {0};
    add(&values, PTMI_OPT_LARGE, PTMI_SOURCE_CONFIG, "none", "modelzoo");
    add(&values, PTMI_OPT_LARGE, PTMI_SOURCE_CONFIG, "head", NULL);
    assert_int_equal(ptmi_values_choice(&values, PTMI_OPT_LARGE, "modelzoo"), 3);
    assert_int_equal(ptmi_values_choice(&values, PTMI_OPT_LARGE, "modelhub"), 1);
    assert_true(ptmi_values_per_hub(&values));
    add(&values, PTMI_OPT_LARGE, PTMI_SOURCE_COMMAND, "all", NULL);
    assert_int_equal(ptmi_values_choice(&values, PTMI_OPT_LARGE, "modelzoo"), 2);
}

static void test_cli_opts__lists_replace_but_rewrites_merge(void **state)
{
    (void)state;
    PTM_AUTO(ptmi_values_clear) struct ptmi_values values = {0};
    PTM_AUTO(ptmi_freep) const char **list = NULL;
    PTM_AUTO(ptmi_freep) const char **rules = NULL;
    size_t n = 0;
    add(&values, PTMI_OPT_INCLUDE, PTMI_SOURCE_CONFIG, "*.onnx", NULL);
    add(&values, PTMI_OPT_INCLUDE, PTMI_SOURCE_COMMAND, "*.pt", NULL);
    add(&values, PTMI_OPT_INCLUDE, PTMI_SOURCE_COMMAND, "*.bin", NULL);
    assert_int_equal(ptmi_values_list(&values, PTMI_OPT_INCLUDE, NULL, &list, &n, NULL), PTM_OK);
    assert_int_equal(n, 2);
    assert_string_equal(list[0], "*.pt");
    assert_string_equal(list[1], "*.bin");
    add(&values, PTMI_OPT_REWRITE, PTMI_SOURCE_CONFIG, "http://a/=http://b/", NULL);
    add(&values, PTMI_OPT_REWRITE, PTMI_SOURCE_COMMAND, "http://c/=http://d/", NULL);
    assert_int_equal(ptmi_values_list(&values, PTMI_OPT_REWRITE, NULL, &rules, &n, NULL), PTM_OK);
    assert_int_equal(n, 2);
    assert_string_equal(rules[1], "http://c/=http://d/"); /* the strongest last: it holds */
}

static void test_cli_opts__table_is_whole(void **state)
{
    (void)state;
    for (int id = 0; id < PTMI_OPT_COUNT; id++) {
        const struct ptmi_opt *opt = ptmi_opt_at(id);
        assert_non_null(opt->name);
        assert_non_null(opt->help);
        assert_int_equal(ptmi_opt_find(opt->name), id);
        assert_true(!opt->arg == !!(opt->flags & PTMI_OPT_FLAG));
        for (int other = 0; other < id; other++)
            assert_true(!opt->letter || ptmi_opt_at(other)->letter != opt->letter);
        if (opt->fallback)
            assert_int_equal(ptmi_opt_check(id, opt->name, opt->fallback, NULL), PTM_OK);
    }
}

static void test_cli_opts__suggests_the_nearest_word(void **state)
{
    (void)state;
    assert_int_equal(ptmi_suggest_distance("clone", "clone"), 0);
    assert_int_equal(ptmi_suggest_distance("cloen", "clone"), 1); /* neighbours swapped */
    assert_int_equal(ptmi_suggest_distance("", "abc"), 3);
    assert_int_equal(ptmi_suggest_distance("kitten", "sitting"), 3);
    struct ptmi_suggest near = {.word = "huggingfase"};
    ptmi_suggest_offer(&near, "modelhub");
    ptmi_suggest_offer(&near, "huggingface");
    assert_string_equal(near.best, "huggingface");
    struct ptmi_suggest begun = {.word = "pytorch"};
    ptmi_suggest_offer(&begun, "pytorchhub");
    assert_string_equal(begun.best, "pytorchhub");
    struct ptmi_suggest far = {.word = "xyzzy"};
    ptmi_suggest_offer(&far, "modelhub");
    assert_null(far.best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cli_opts__options_and_operands_mix),
        cmocka_unit_test(test_cli_opts__stops_at_the_verb),
        cmocka_unit_test(test_cli_opts__flags_take_yes_and_no),
        cmocka_unit_test(test_cli_opts__errors_name_the_option),
        cmocka_unit_test(test_cli_opts__values_are_checked),
        cmocka_unit_test(test_cli_opts__stronger_sources_win),
        cmocka_unit_test(test_cli_opts__a_hubs_own_value_wins_within_a_source),
        cmocka_unit_test(test_cli_opts__lists_replace_but_rewrites_merge),
        cmocka_unit_test(test_cli_opts__table_is_whole),
        cmocka_unit_test(test_cli_opts__suggests_the_nearest_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
