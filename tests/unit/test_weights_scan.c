/* SPDX-License-Identifier: MIT */
/* test_weights_scan.c - what a scan finds in bytes, and that no part of a file is clean. Containers
 * and known tricks are tests/e2e/test_weights_scan.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/limits.h"
#include "../../src/weights/scan_priv.h"
#include "unit_tmp.h"
#include "zip_build.h"

#define HARMLESS "\x80\x02}X\x01\0\0\0aK\x07s."
#define EVIL   \
    "\x80\x02" \
    "cos\nsystem\nX\x02\0\0\0id\x85R."
#define STATE                                                                              \
    "\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\n" \
    "FloatStorage\nX\x01\0\0\0"                                                            \
    "0X\x03\0\0\0cpuK\x02tQK\0K\x02\x85K\x01\x85\x89"                                      \
    "ccollections\nOrderedDict\n)RtRs."
#define LEN(text) (sizeof(text) - 1)

static struct ptm_scan_report scan(const void *data, size_t len, const char *name)
{
    struct ptm_scan_report report = {0};
    struct ptm_err err = {0};
    ptmi_source *source = NULL;
    assert_int_equal(ptmi_source_lend(data, len, name, &source, &err), PTM_OK);
    ptm_rc rc = ptmi_scan_source(NULL, source, name, NULL, &report, &err);
    ptmi_source_unref(source);
    if (rc != PTM_OK) fail_msg("%s", err.msg);
    return report;
}

static ptm_verdict verdict_of(const void *data, size_t len, const char *name)
{
    struct ptm_scan_report report = scan(data, len, name);
    ptm_verdict verdict = report.verdict;
    ptm_scan_clear(&report);
    return verdict;
}

static const struct ptm_finding *find(const struct ptm_scan_report *report, const char *rule)
{
    for (size_t i = 0; i < report->n_findings; i++)
        if (strcmp(report->findings[i].rule, rule) == 0) return &report->findings[i];
    return NULL;
}

/* --- pickles --- */

static void test_weights_scan__names_global_and_byte(void **state)
{
    (void)state;
    struct ptm_scan_report report = scan(EVIL, LEN(EVIL), "model.pkl");
    assert_int_equal(report.verdict, PTM_DANGEROUS);
    assert_string_equal(report.format, "pickle");
    assert_int_equal(report.n_findings, 1);
    assert_string_equal(report.findings[0].rule, "pickle-global");
    assert_string_equal(report.findings[0].global, "os.system");
    assert_int_equal(report.findings[0].offset, 2);
    assert_null(report.findings[0].member);
    assert_int_equal(report.n_globals, 1);
    assert_string_equal(report.globals[0].name, "os.system");
    assert_int_equal(report.globals[0].verdict, PTM_DANGEROUS);
    assert_int_equal(report.bytes, LEN(EVIL));
    ptm_scan_clear(&report);
    assert_null(report.owned);
}

static void test_weights_scan__is_clean_without_a_finding(void **state)
{
    (void)state;
    struct ptm_scan_report report = scan(STATE, LEN(STATE), "state.pkl");
    assert_int_equal(report.verdict, PTM_CLEAN);
    assert_int_equal(report.n_findings, 0);
    assert_int_equal(report.n_globals, 3);
    ptm_scan_clear(&report);
    assert_int_equal(verdict_of(HARMLESS, LEN(HARMLESS), "a.pkl"), PTM_CLEAN);
    assert_int_equal(verdict_of(HARMLESS, LEN(HARMLESS), "a"), PTM_CLEAN);
    assert_int_equal(verdict_of("", 0, "a"), PTM_CLEAN);
    assert_int_equal(verdict_of("", 0, "a.pt"), PTM_UNREADABLE);
}

static void test_weights_scan__no_part_of_a_pickle_is_clean(void **state)
{
    (void)state;
    for (size_t n = 0; n < LEN(EVIL); n++) assert_int_not_equal(verdict_of(EVIL, n, "a.pkl"), 0);
    for (size_t n = 0; n < LEN(STATE); n++) assert_int_not_equal(verdict_of(STATE, n, "a.pkl"), 0);
    /* Without a name that promises anything: from where it asks for something. */
    for (size_t n = 14; n < LEN(EVIL); n++)
        assert_int_equal(verdict_of(EVIL, n, "a"), PTM_DANGEROUS);
}

static void test_weights_scan__tells_each_name_once(void **state)
{
    char data[4096];
    size_t len = 2;
    (void)state;
    memcpy(data, "\x80\x02", 2);
    for (int i = 0; i < 50; i++) {
        memcpy(data + len, "cmine\nthing\n0", 13);
        len += 13;
    }
    memcpy(data + len, "N.", 2);
    struct ptm_scan_report report = scan(data, len + 2, "a.pkl");
    assert_int_equal(report.n_globals, 1);
    assert_int_equal(report.globals[0].offset, 2);
    assert_int_equal(report.n_findings, 2); /* the name, and that it is dropped */
    assert_non_null(find(&report, "pickle-pop"));
    ptm_scan_clear(&report);
}

static void test_weights_scan__the_report_has_an_end(void **state)
{
    size_t cap = 64 * (PTM_LIMIT_SCAN_GLOBALS + 100), len = 2;
    char *data = malloc(cap);
    (void)state;
    assert_non_null(data);
    memcpy(data, "\x80\x02", 2);
    for (int i = 0; i < PTM_LIMIT_SCAN_GLOBALS + 50; i++)
        len += (size_t)snprintf(data + len, cap - len, "cmine\nthing%d\n0", i);
    len += (size_t)snprintf(data + len, cap - len, "cos\nsystem\n.");
    struct ptm_scan_report report = scan(data, len, "a.pkl");
    assert_int_equal(report.n_findings, PTM_LIMIT_FINDINGS);
    assert_int_equal(report.n_globals, PTM_LIMIT_SCAN_GLOBALS);
    assert_int_equal(report.verdict, PTM_DANGEROUS); /* though os.system is not listed any more */
    assert_string_equal(report.findings[PTM_LIMIT_FINDINGS - 1].rule, "more");
    assert_int_equal(report.findings[PTM_LIMIT_FINDINGS - 1].severity, PTM_DANGEROUS);
    ptm_scan_clear(&report);
    free(data);
}

static void test_weights_scan__takes_what_is_allowed(void **state)
{
    static const char mine[] = "\x80\x02"
                               "cmine.net\nNet\n)\x81.";
    static const char *const allow[] = {"mine.*", "os.*", "*"};
    struct ptm_scan_opts opts = PTM_SCAN_OPTS_INIT;
    struct unit_tmp tmp = unit_tmp_make();
    char path[128];
    (void)state;
    opts.allow = allow;
    opts.n_allow = 3;
    snprintf(path, sizeof path, "%s/x", tmp.path);
    static const struct {
        const char *data;
        size_t len;
        ptm_verdict verdict;
    } files[] = {{mine, sizeof mine - 1, PTM_CLEAN}, {EVIL, LEN(EVIL), PTM_DANGEROUS}};
    for (size_t i = 0; i < 2; i++) {
        struct ptm_scan_report report = {0};
        struct ptm_err err = {0};
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(files[i].data, 1, files[i].len, file), files[i].len);
        fclose(file);
        assert_int_equal(ptm_scan(NULL, path, &opts, &report, &err), PTM_OK);
        assert_int_equal(report.verdict, files[i].verdict);
        ptm_scan_clear(&report);
    }
    unit_tmp_remove(&tmp);
}

/* --- files --- */

static void test_weights_scan__what_cannot_be_opened_is_unreadable(void **state)
{
    static const char *const paths[] = {"/nonexistent/x.pt", "/tmp", "/dev/null"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ptm_scan_report report = {0};
        struct ptm_err err = {0};
        assert_int_equal(ptm_scan(NULL, paths[i], NULL, &report, &err), PTM_OK);
        assert_int_equal(report.verdict, PTM_UNREADABLE);
        assert_string_equal(report.findings[0].rule, "io");
        ptm_scan_clear(&report);
    }
}

static void test_weights_scan__stops_when_canceled(void **state)
{
    struct ptm_scan_report report = {0};
    struct ptm_err err = {0};
    ptm_ctx *ctx = NULL;
    (void)state;
    assert_int_equal(ptm_ctx_new(NULL, &ctx, &err), PTM_OK);
    ptm_ctx_cancel(ctx, 1);
    assert_int_equal(ptm_scan(ctx, "/proc/self/exe", NULL, &report, &err), PTM_ECANCELED);
    assert_null(report.owned);
    ptm_ctx_free(ctx);
}

static struct zip_build torch_zip(const char *pickle, size_t len)
{
    struct zip_build zip = {0};
    zip_add(&zip,
            &(struct zip_spec){.name = "a/data.pkl", .data = pickle, .len = len, .torch = true});
    zip_add(&zip,
            &(struct zip_spec){.name = "a/data/0", .data = "12345678", .len = 8, .torch = true});
    zip_add(&zip, &(struct zip_spec){.name = "a/version", .data = "3\n", .len = 2, .torch = true});
    zip_end(&zip, &(struct zip_end){0});
    return zip;
}

static void test_weights_scan__no_part_of_a_zip_is_clean(void **state)
{
    struct zip_build zip = torch_zip(STATE, LEN(STATE));
    (void)state;
    struct ptm_scan_report report = scan(zip.data, zip.len, "a.pt");
    assert_int_equal(report.verdict, PTM_CLEAN);
    assert_string_equal(report.format, "pytorch-zip");
    ptm_scan_clear(&report);
    for (size_t n = 0; n < zip.len; n++)
        if (verdict_of(zip.data, n, "a.pt") == PTM_CLEAN) fail_msg("clean at %zu bytes", n);
    zip_free(&zip);
}

static void test_weights_scan__no_byte_of_a_zip_goes_unseen(void **state)
{
    struct zip_build zip = torch_zip(EVIL, LEN(EVIL));
    (void)state;
    for (size_t i = 0; i < zip.len; i++) {
        uint8_t was = zip.data[i];
        zip.data[i] ^= 0x11;
        if (verdict_of(zip.data, zip.len, "a.pt") == PTM_CLEAN) fail_msg("clean with byte %zu", i);
        zip.data[i] = was;
    }
    zip_free(&zip);
}

static void test_weights_scan__names_members_of_members(void **state)
{
    struct zip_build inner = torch_zip(EVIL, LEN(EVIL)), outer = {0};
    (void)state;
    zip_add(&outer, &(struct zip_spec){
                        .name = "x/y", .data = inner.data, .len = inner.len, .deflate = true});
    zip_end(&outer, &(struct zip_end){0});
    struct ptm_scan_report report = scan(outer.data, outer.len, "a.zip");
    assert_int_equal(report.verdict, PTM_DANGEROUS);
    assert_string_equal(find(&report, "pickle-global")->member, "x/y!/a/data.pkl");
    assert_int_equal(find(&report, "pickle-global")->offset, 2);
    ptm_scan_clear(&report);
    zip_free(&inner);
    zip_free(&outer);
}

/* --- searching --- */

static void test_weights_scan__finds_a_pickle_at_every_byte(void **state)
{
    uint8_t data[400];
    (void)state;
    for (size_t at = 0; at + LEN(EVIL) <= 300; at++) {
        memset(data, 7, sizeof data);
        memcpy(data + at, EVIL, LEN(EVIL));
        assert_int_equal(ptmi_search_proto(data, 300, 0), at);
        struct ptm_scan_report report = scan(data, 300, "numbers");
        assert_int_equal(report.verdict, PTM_DANGEROUS);
        assert_string_equal(report.findings[0].global, "os.system");
        assert_int_equal(report.findings[0].offset, at + 2);
        ptm_scan_clear(&report);
    }
    memset(data, 0x80, sizeof data);
    assert_int_equal(ptmi_search_proto(data, sizeof data, 0), sizeof data);
}

static void test_weights_scan__finds_a_pickle_across_steps(void **state)
{
    /* The search goes in steps of 256 KiB; its windows must overlap. */
    const size_t step = (size_t)1 << 18, size = 2 * step;
    uint8_t *data = calloc(1, size);
    (void)state;
    assert_non_null(data);
    for (size_t back = 0; back < LEN(EVIL) + 3; back++) {
        memcpy(data + step - back, EVIL, LEN(EVIL));
        assert_int_equal(verdict_of(data, size, "numbers"), PTM_DANGEROUS);
        memset(data + step - back, 0, LEN(EVIL));
    }
    free(data);
}

static void test_weights_scan__lists_what_stands_in_a_pickle(void **state)
{
    static const char data[] = "\x80\x04\x8c\x02"
                               "abX\x01\0\0\0cC\x02"
                               "de(S'f'\nVg\n]\x8e\x01\0\0\0\0\0\0\0h0.";
    static const struct {
        uint64_t at, n;
        enum ptmi_skim_form form;
    } want[] = {{4, 2, PTMI_SKIM_UTF8},    {11, 1, PTMI_SKIM_UTF8},    {14, 2, PTMI_SKIM_BYTES},
                {18, 3, PTMI_SKIM_STRING}, {23, 1, PTMI_SKIM_UNICODE}, {35, 1, PTMI_SKIM_BYTES}};
    struct ptmi_skim_arg arg;
    uint64_t pos = 0;
    (void)state;
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        assert_true(ptmi_skim_arg((const uint8_t *)data, sizeof data - 1, &pos, &arg));
        assert_int_equal(arg.at, want[i].at);
        assert_int_equal(arg.n, want[i].n);
        assert_int_equal(arg.form, want[i].form);
    }
    assert_false(ptmi_skim_arg((const uint8_t *)data, sizeof data - 1, &pos, &arg));
}

static void test_weights_scan__skims_as_far_as_it_must(void **state)
{
    static const struct {
        const char *data;
        size_t len;
        enum ptmi_skim_end end;
    } cases[] = {
        {HARMLESS, LEN(HARMLESS), PTMI_SKIM_STOP},
        {EVIL, LEN(EVIL), PTMI_SKIM_ASKS},
        {"\x80\x04\x8c\x01"
         "a\x8c\x01"
         "b\x93.",
         10, PTMI_SKIM_ASKS},
        {"\x80\x02K", 3, PTMI_SKIM_CUT},
        {"\x80\x02X\xff\0\0\0a", 8, PTMI_SKIM_CUT},
        {"\x80\x02"
         "cab",
         5, PTMI_SKIM_CUT},
        {"\x80\x06N.", 4, PTMI_SKIM_JUNK},
        {"\x80\x02\0", 3, PTMI_SKIM_JUNK},
        {"\x80\x02"
         "c\x01\nb\n.",
         7, PTMI_SKIM_JUNK},
        {"", 0, PTMI_SKIM_CUT},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t pos = 0, work = 0;
        enum ptmi_skim_end end =
            ptmi_skim((const uint8_t *)cases[i].data, cases[i].len, &pos, &work);
        if (end != cases[i].end) fail_msg("case %zu: %d", i, (int)end);
    }
}

static void test_weights_scan__texts_are_no_pickles(void **state)
{
    static const char *const texts[] = {"certifi\nchardet\nidna\n",
                                        "cat\ndog\nRabbit\n",
                                        "N.\n",
                                        "Vagrant\n.vagrant\n",
                                        "class Net:\n  pass\n",
                                        "]\n",
                                        "import os\n",
                                        "# README\n",
                                        "I like it\n",
                                        "{\"a\": 1}\n",
                                        "Sure.\n",
                                        "(dp0\n.",
                                        "p0\n",
                                        "Copyright (c) x\n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (verdict_of(texts[i], strlen(texts[i]), "x.txt") != PTM_CLEAN) fail_msg("%s", texts[i]);
    /* But a text that does something is none. */
    assert_int_equal(verdict_of("cmine\nrun\n(tR.", 14, "x.txt"), PTM_SUSPICIOUS);
    assert_int_equal(verdict_of("cos\nsystem\n", 11, "x.txt"), PTM_DANGEROUS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_scan__names_global_and_byte),
        cmocka_unit_test(test_weights_scan__is_clean_without_a_finding),
        cmocka_unit_test(test_weights_scan__no_part_of_a_pickle_is_clean),
        cmocka_unit_test(test_weights_scan__tells_each_name_once),
        cmocka_unit_test(test_weights_scan__the_report_has_an_end),
        cmocka_unit_test(test_weights_scan__takes_what_is_allowed),
        cmocka_unit_test(test_weights_scan__what_cannot_be_opened_is_unreadable),
        cmocka_unit_test(test_weights_scan__stops_when_canceled),
        cmocka_unit_test(test_weights_scan__no_part_of_a_zip_is_clean),
        cmocka_unit_test(test_weights_scan__no_byte_of_a_zip_goes_unseen),
        cmocka_unit_test(test_weights_scan__names_members_of_members),
        cmocka_unit_test(test_weights_scan__finds_a_pickle_at_every_byte),
        cmocka_unit_test(test_weights_scan__finds_a_pickle_across_steps),
        cmocka_unit_test(test_weights_scan__lists_what_stands_in_a_pickle),
        cmocka_unit_test(test_weights_scan__skims_as_far_as_it_must),
        cmocka_unit_test(test_weights_scan__texts_are_no_pickles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
