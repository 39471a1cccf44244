/* SPDX-License-Identifier: MIT */
/* test_weights_tar.c - members of tar files of all dialects, and headers that lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/auto.h"
#include "../../src/weights/tardir.h"

#include "tar_build.h"

static ptm_rc try_tar(struct tar_build *build, struct ptmi_tar *tar, struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    assert_int_equal(ptmi_source_lend(build->data, build->len, "t.tar", &source, NULL), PTM_OK);
    return ptmi_tar_read(source, tar, err);
}

static struct ptmi_tar read_tar(struct tar_build *build)
{
    struct ptmi_tar tar = {0};
    struct ptm_err err = {0};
    if (try_tar(build, &tar, &err) != PTM_OK) fail_msg("%s", err.msg);
    return tar;
}

static void assert_member(struct ptmi_tar *tar, const char *name, const char *want)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    const struct ptmi_tar_member *member = ptmi_tar_find(tar, name);
    const uint8_t *p = NULL;
    uint64_t offset = 0;
    if (!member) fail_msg("no member '%s'", name);
    assert_int_equal(ptmi_tar_open(tar, member, &source, NULL), PTM_OK);
    assert_int_equal(ptmi_source_size(source), strlen(want));
    assert_int_equal(ptmi_source_at(source, 0, strlen(want), &p, NULL), PTM_OK);
    assert_memory_equal(p, want, strlen(want));
    assert_true(ptmi_source_within(source, tar->source, &offset));
    assert_int_equal(offset, member->data);
}

#define ADD(b, ...) tar_add(&(b), &(struct tar_spec){__VA_ARGS__})

static void test_weights_tar__reads_members(void **state)
{
    (void)state;
    struct tar_build b = {0};
    ADD(b, .name = "sys_info", .text = "info");
    ADD(b, .name = "empty");
    ADD(b, .name = "folder/", .type = '5');
    ADD(b, .name = "link", .type = '1');
    ADD(b, .name = "name", .prefix = "pre/fix", .text = "long");
    ADD(b, .name = "old", .old = true, .text = "v7");
    tar_end(&b);
    assert_true(ptmi_tar_is(b.data, b.len));
    struct ptmi_tar tar = read_tar(&b);
    assert_int_equal(tar.n_members, 6);
    assert_int_equal(tar.odd_kinds, 0);
    assert_member(&tar, "sys_info", "info");
    assert_member(&tar, "empty", "");
    assert_member(&tar, "pre/fix/name", "long");
    assert_member(&tar, "old", "v7");
    assert_int_equal(ptmi_tar_find(&tar, "folder/")->type, '5');
    assert_int_equal(ptmi_tar_find(&tar, "old")->type, '0');
    assert_null(ptmi_tar_find(&tar, "none"));
    ptmi_tar_clear(&tar);
    tar_free(&b);
}

static void test_weights_tar__reads_long_names_and_pax(void **state)
{
    (void)state;
    struct tar_build b = {0};
    char longer[301];
    memset(longer, 'x', 300);
    longer[300] = '\0';
    ADD(b, .name = "././@LongLink", .type = 'L', .text = longer);
    ADD(b, .name = "cut", .text = "gnu");
    ADD(b, .name = "././@LongLink", .type = 'K', .text = longer);
    ADD(b, .name = "after K", .text = "k");
    ADD(b, .name = "pax", .type = 'x', .text = "17 path=pax name\n10 size=3\n15 other=value\n");
    ADD(b, .name = "cut", .text = "pax", .size = "00000000000");
    ADD(b, .name = "plain", .text = "plain");
    ADD(b, .name = "pax", .type = 'g', .text = "12 path=all\n");
    ADD(b, .name = "one", .text = "g");
    tar_end(&b);
    struct ptmi_tar tar = read_tar(&b);
    assert_int_equal(tar.n_members, 5);
    assert_int_equal(tar.odd_kinds, 0);
    assert_member(&tar, longer, "gnu");
    assert_member(&tar, "after K", "k");
    assert_member(&tar, "pax name", "pax");
    assert_member(&tar, "plain", "plain");
    assert_member(&tar, "all", "g");
    ptmi_tar_clear(&tar);
    tar_free(&b);
}

static void test_weights_tar__reads_sizes_in_base_256(void **state)
{
    (void)state;
    struct tar_build b = {0};
    ADD(b, .name = "wide", .text = "wide", .size = "\x80\0\0\0\0\0\0\0\0\0\0\4");
    tar_end(&b);
    struct ptmi_tar tar = read_tar(&b);
    assert_member(&tar, "wide", "wide");
    ptmi_tar_clear(&tar);
    tar_free(&b);
}

static void test_weights_tar__takes_both_kinds_of_checksum(void **state)
{
    (void)state;
    for (int form = 0; form < 3; form++) {
        struct tar_build b = {0};
        ADD(b, .name = "\xe4\xf6", .text = "text", .sum = form);
        tar_end(&b);
        assert_int_equal(ptmi_tar_is(b.data, b.len), form != TAR_SUM_WRONG);
        tar_free(&b);
    }
    uint8_t zeros[512] = {0};
    assert_false(ptmi_tar_is(zeros, 512));
    assert_false(ptmi_tar_is(zeros, 511));
}

static void test_weights_tar__an_end_without_zeros_is_fine(void **state)
{
    (void)state;
    struct tar_build b = {0};
    ADD(b, .name = "a", .text = "text");
    struct ptmi_tar tar = read_tar(&b);
    assert_member(&tar, "a", "text");
    assert_int_equal(tar.odd_kinds, 0);
    ptmi_tar_clear(&tar);
    b.len = 512 + 4; /* the last block not filled up */
    tar = read_tar(&b);
    assert_member(&tar, "a", "text");
    ptmi_tar_clear(&tar);
    tar_free(&b);
}

static void test_weights_tar__notes_what_is_odd(void **state)
{
    (void)state;
    static const struct {
        struct tar_spec spec;
        uint32_t kinds;
    } tricks[] = {
        {{.name = "GOOD"}, PTMI_ODD_BIT(PTMI_ODD_DUPLICATE)},
        {{.name = "/etc/passwd"}, PTMI_ODD_BIT(PTMI_ODD_NAME)},
        {{.name = "../x"}, PTMI_ODD_BIT(PTMI_ODD_NAME)},
        {{.name = "x", .prefix = "a/.."}, PTMI_ODD_BIT(PTMI_ODD_NAME)},
        {{.name = "a\nb"}, PTMI_ODD_BIT(PTMI_ODD_NAME)},
        {{.name = ""}, PTMI_ODD_BIT(PTMI_ODD_NAME)},
    };
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        struct tar_build b = {0};
        ADD(b, .name = "good", .text = "good");
        tar_add(&b, &tricks[i].spec);
        tar_end(&b);
        struct ptmi_tar tar = read_tar(&b);
        assert_int_equal(tar.odd_kinds, tricks[i].kinds);
        assert_int_equal(tar.n_odds, 1);
        assert_member(&tar, "good", "good");
        ptmi_tar_clear(&tar);
        tar_free(&b);
    }
    struct tar_build b = {0};
    ADD(b, .name = "good", .text = "good");
    tar_end(&b);
    size_t end = b.len;
    ADD(b, .name = "hidden", .text = "hidden");
    struct ptmi_tar tar = read_tar(&b);
    assert_int_equal(tar.n_members, 1);
    assert_int_equal(tar.odd_kinds, PTMI_ODD_BIT(PTMI_ODD_TRAILING));
    assert_int_equal(tar.odds[0].offset, end);
    ptmi_tar_clear(&tar);
    tar_free(&b);
}

static void test_weights_tar__refuses_headers_that_lie(void **state)
{
    (void)state;
    static const struct tar_spec lies[] = {
        {.name = "a", .size = "77777777777"},
        {.name = "a", .size = "0000000000x"},
        {.name = "a", .size = "           "},
        {.name = "a", .size = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"},
        {.name = "a", .size = "\x80\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff"},
        {.name = "a", .size = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"},
        {.name = "a", .sum = TAR_SUM_WRONG},
        {.name = "p", .type = 'x', .text = "12 path=all"},
        {.name = "p", .type = 'x', .text = "path=all\n"},
        {.name = "p", .type = 'x', .text = "0 path=all\n"},
        {.name = "p", .type = 'x', .text = "99999 path=all\n"},
        {.name = "p", .type = 'x', .text = "-1 path=all\n"},
        {.name = "p", .type = 'x', .text = "99999999999999999999999999 path=all\n"},
        {.name = "p", .type = 'x', .text = "3 \n"},
        {.name = "p", .type = 'x', .text = "11 size=-1\n"},
        {.name = "p", .type = 'x', .text = "28 size=9999999999999999999\n"},
        {.name = "p", .type = 'x', .text = "17 size=99999999\n"},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct tar_build b = {0};
        struct ptmi_tar tar = {0};
        struct ptm_err err = {0};
        ADD(b, .name = "good", .text = "good");
        tar_add(&b, &lies[i]);
        ADD(b, .name = "next", .text = "next");
        tar_end(&b);
        ptm_rc rc = try_tar(&b, &tar, &err);
        if (rc != PTM_EFORMAT) fail_msg("lie %zu gave %d: %s", i, rc, err.msg);
        if (!strstr(err.msg, "byte ")) fail_msg("lie %zu: %s", i, err.msg);
        assert_null(tar.source);
        tar_free(&b);
    }
}

static void test_weights_tar__refuses_a_huge_extended_header(void **state)
{
    (void)state;
    struct tar_build b = {0};
    struct ptmi_tar tar = {0};
    ADD(b, .name = "p", .type = 'L', .size = "00024000000"); /* 5 MiB */
    size_t more = (size_t)5 << 20;
    PTM_AUTO(ptmi_freep) char *fill = calloc(1, more);
    tar_raw(&b, fill, more);
    assert_int_equal(try_tar(&b, &tar, NULL), PTM_ELIMIT);
    tar_free(&b);
}

static void test_weights_tar__every_truncation_is_survived(void **state)
{
    (void)state;
    struct tar_build b = {0};
    ADD(b, .name = "p", .type = 'x', .text = "12 path=one\n");
    ADD(b, .name = "cut", .text = "text");
    ADD(b, .name = "b", .text = "more text");
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        ptmi_source *source = NULL;
        struct ptmi_tar tar = {0};
        memcpy(cut, b.data, len);
        assert_int_equal(ptmi_source_own(cut, len, "cut.tar", &source, NULL), PTM_OK);
        ptm_rc rc = ptmi_tar_read(source, &tar, NULL);
        /* One is whole when its data is: the second member may be gone with its header. */
        bool whole = len >= 1536 + 4;
        bool second_cut = len >= 2048 + 512 && len < 2048 + 512 + 9;
        assert_int_equal(rc, whole && !second_cut ? PTM_OK : PTM_EFORMAT);
        if (len > 2048 && len < 2048 + 512)
            assert_int_equal(tar.odd_kinds, PTMI_ODD_BIT(PTMI_ODD_TRAILING));
        ptmi_tar_clear(&tar);
        ptmi_source_unref(source);
    }
    tar_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_tar__reads_members),
        cmocka_unit_test(test_weights_tar__reads_long_names_and_pax),
        cmocka_unit_test(test_weights_tar__reads_sizes_in_base_256),
        cmocka_unit_test(test_weights_tar__takes_both_kinds_of_checksum),
        cmocka_unit_test(test_weights_tar__an_end_without_zeros_is_fine),
        cmocka_unit_test(test_weights_tar__notes_what_is_odd),
        cmocka_unit_test(test_weights_tar__refuses_headers_that_lie),
        cmocka_unit_test(test_weights_tar__refuses_a_huge_extended_header),
        cmocka_unit_test(test_weights_tar__every_truncation_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
