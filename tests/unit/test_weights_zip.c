/* SPDX-License-Identifier: MIT */
/* test_weights_zip.c - the directory of zip files: what is read, and that no trick goes unnoticed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../src/base/auto.h"
#include "../../src/weights/zipdir.h"

#include "zip_build.h"

/* A zip of a test, read and checked. */
struct opened {
    struct zip_build build;
    ptmi_source *source;
    struct ptmi_zip zip;
};

static void lend(struct opened *o)
{
    assert_int_equal(ptmi_source_lend(o->build.data, o->build.len, "t.zip", &o->source, NULL),
                     PTM_OK);
}

static void open_built(struct opened *o)
{
    struct ptm_err err = {0};
    lend(o);
    if (ptmi_zip_read(o->source, &o->zip, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static void check_built(struct opened *o)
{
    struct ptm_err err = {0};
    open_built(o);
    if (ptmi_zip_check(&o->zip, &err) != PTM_OK) fail_msg("%s", err.msg);
}

static void closed(struct opened *o)
{
    ptmi_zip_clear(&o->zip);
    ptmi_source_unref(o->source);
    zip_free(&o->build);
}

static const struct ptmi_odd *odd_of(const struct opened *o, int what)
{
    for (size_t i = 0; i < o->zip.n_odds; i++)
        if (o->zip.odds[i].what == what) return o->zip.odds + i;
    return NULL;
}

/* These kinds of oddities and no others. */
static void assert_odds(const struct opened *o, uint32_t kinds)
{
    uint32_t kept = 0;
    for (size_t i = 0; i < o->zip.n_odds; i++) kept |= PTMI_ODD_BIT(o->zip.odds[i].what);
    if (o->zip.odd_kinds != kinds) {
        for (size_t i = 0; i < o->zip.n_odds; i++)
            print_message("odd %d: %s\n", o->zip.odds[i].what, o->zip.odds[i].detail);
        fail_msg("odd kinds %x, not %x", o->zip.odd_kinds, kinds);
    }
    assert_int_equal(kept, kinds);
}

static ptm_rc read_member(struct opened *o, const char *name, uint64_t max, char text[256],
                          struct ptm_err *err)
{
    PTM_AUTO(ptmi_source_unrefp) ptmi_source *source = NULL;
    struct ptmi_zip_member *member = ptmi_zip_find(&o->zip, name);
    const uint8_t *p = NULL;
    assert_non_null(member);
    PTM_TRY(ptmi_zip_open(&o->zip, member, max, &source, err));
    uint64_t len = ptmi_source_size(source);
    assert_in_range(len, 0, 255);
    PTM_TRY(ptmi_source_at(source, 0, len, &p, err));
    memcpy(text, p, (size_t)len);
    text[len] = '\0';
    return PTM_OK;
}

static void assert_member(struct opened *o, const char *name, const char *want)
{
    char text[256] = "";
    struct ptm_err err = {0};
    if (read_member(o, name, 1000, text, &err) != PTM_OK) fail_msg("%s", err.msg);
    assert_string_equal(text, want);
}

#define ADD(o, ...) zip_add(&(o).build, &(struct zip_spec){__VA_ARGS__})
#define END(o, ...) zip_end(&(o).build, &(struct zip_end){__VA_ARGS__})
#define TEXT(text) .data = (text), .len = strlen(text)

/* --- what is read --- */

static void test_weights_zip__reads_what_torch_writes(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "m/data.pkl", TEXT("pickle"), .torch = true);
    ADD(o, .name = "m/data/0", TEXT("01234567"), .torch = true);
    ADD(o, .name = "m/data/1", .torch = true);
    ADD(o, .name = "m/version", TEXT("3\n"), .torch = true);
    END(o, .zip64 = true);
    check_built(&o);
    assert_odds(&o, 0);
    assert_int_equal(o.zip.n_members, 4);
    assert_string_equal(o.zip.members[0].name, "m/data.pkl");
    assert_int_equal(o.zip.members[0].data, 64);
    assert_int_equal(o.zip.members[1].data % 64, 0);
    assert_member(&o, "m/data.pkl", "pickle");
    assert_member(&o, "m/data/0", "01234567");
    assert_member(&o, "m/data/1", "");
    assert_null(ptmi_zip_find(&o.zip, "m/data/2"));
    assert_null(ptmi_zip_find(&o.zip, "M/data/0"));
    closed(&o);
}

static void test_weights_zip__reads_deflated_zip64_and_descriptors(void **state)
{
    (void)state;
    static const int lengths[] = {12, 16, 20, 24};
    struct opened o = {0};
    ADD(o, .name = "wide", TEXT("abc"), .zip64 = true);
    ADD(o, .name = "wide streamed", TEXT("abcd"), .zip64 = true, .descriptor = 24, .flags = 8);
    ADD(o, .name = "small", TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), .deflate = true);
    ADD(o, .name = "empty", .deflate = true);
    ADD(o, .name = "folder/", .deflate = true);
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"d12", "d16", "d20", "d24"};
        ADD(o, .name = names[i], TEXT("text"), .deflate = true, .descriptor = lengths[i]);
    }
    /* The forms of 16 and 24 bytes begin alike when all sizes are zero. */
    ADD(o, .name = "none24", .descriptor = 24);
    ADD(o, .name = "none12", .descriptor = 12);
    END(o, .comment = "a comment");
    check_built(&o);
    assert_odds(&o, 0);
    assert_member(&o, "wide", "abc");
    assert_member(&o, "wide streamed", "abcd");
    assert_member(&o, "small", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_member(&o, "empty", "");
    for (size_t i = 5; i < 9; i++) assert_member(&o, o.zip.members[i].name, "text");
    assert_true(o.zip.members[4].is_dir);
    closed(&o);
}

static void test_weights_zip__tells_zip_files(void **state)
{
    (void)state;
    assert_true(ptmi_zip_is((const uint8_t *)"PK\3\4", 4));
    assert_true(ptmi_zip_is((const uint8_t *)"PK\5\6", 4));
    assert_false(ptmi_zip_is((const uint8_t *)"PK\3\4", 3));
    assert_false(ptmi_zip_is((const uint8_t *)"PK\1\2", 4));
    struct opened o = {0};
    END(o, 0);
    check_built(&o);
    assert_odds(&o, 0);
    assert_int_equal(o.zip.n_members, 0);
    assert_null(ptmi_zip_find(&o.zip, ""));
    closed(&o);
}

static void test_weights_zip__crc_goes_on(void **state)
{
    (void)state;
    uint32_t whole = ptmi_zip_crc(0, "123456789", 9);
    assert_int_equal(whole, 0xcbf43926);
    assert_int_equal(ptmi_zip_crc(ptmi_zip_crc(0, "1234", 4), "56789", 5), whole);
}

static void test_weights_zip__the_last_of_one_name_is_found(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "a", TEXT("first"));
    ADD(o, .name = "b", TEXT("other"));
    ADD(o, .name = "a", TEXT("last"));
    END(o, 0);
    check_built(&o);
    assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_DUPLICATE));
    assert_member(&o, "a", "last");
    closed(&o);
}

static void test_weights_zip__parts_know_where_they_lie(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "stored", TEXT("abc"), .torch = true);
    ADD(o, .name = "deflated", TEXT("abc"), .deflate = true);
    END(o, 0);
    open_built(&o);
    uint64_t offset = 0;
    ptmi_source *source = NULL;
    assert_int_equal(ptmi_zip_open(&o.zip, &o.zip.members[0], 0, &source, NULL), PTM_OK);
    assert_true(ptmi_source_within(source, o.source, &offset));
    assert_int_equal(offset, 64);
    assert_string_equal(ptmi_source_name(source), "t.zip: stored");
    ptmi_source_unref(source);
    assert_int_equal(ptmi_zip_open(&o.zip, &o.zip.members[1], 3, &source, NULL), PTM_OK);
    assert_false(ptmi_source_within(source, o.source, &offset));
    ptmi_source_unref(source);
    closed(&o);
}

/* --- tricks --- */

/* One trick in a member beside a good one, and the only oddity that it is to be. */
struct trick {
    const char *what;
    struct zip_spec spec;
    uint32_t kinds;
    ptm_rc open; /* of ptmi_zip_open() */
};

static void test_weights_zip__notes_every_trick_of_members(void **state)
{
    (void)state;
    static const struct trick tricks[] = {
        {"folded", {.name = "GOOD"}, PTMI_ODD_BIT(PTMI_ODD_DUPLICATE), PTM_OK},
        {"local name", {.name = "x", .local_name = "y"}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_NAME), PTM_OK},
        {"local name cut", {.name = "xx", .local_name = "x"}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_NAME), 0},
        {"local crc", {.name = "x", .local_crc = 1}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS), PTM_OK},
        {"local size", {.name = "x", .local_size = 1}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS), PTM_OK},
        {"local zip64 size",
         {.name = "x", .local_size = 1, .zip64 = true},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_OK},
        {"central crc", {.name = "x", .central_crc = 1}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS), 0},
        {"blank local crc",
         {.name = "x", .torch = true, .local_crc = 7},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_OK},
        {"descriptor",
         {.name = "x", .descriptor = 16, .descriptor_crc = 1},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS) | PTMI_ODD_BIT(PTMI_ODD_GAP),
         PTM_OK},
        {"no descriptor", {.name = "x", .flags = 8}, PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS), PTM_OK},
        {"local flags 0x1",
         {.name = "x", .local_flags = 1},
         PTMI_ODD_BIT(PTMI_ODD_FLAGS) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_OK},
        {"local flags 0x20",
         {.name = "x", .local_flags = 0x20},
         PTMI_ODD_BIT(PTMI_ODD_FLAGS) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_OK},
        {"flags 0x20", {.name = "x", .flags = 0x20}, PTMI_ODD_BIT(PTMI_ODD_FLAGS), PTM_OK},
        {"flags 0x1",
         {.name = "x", .flags = 1},
         PTMI_ODD_BIT(PTMI_ODD_FLAGS) | PTMI_ODD_BIT(PTMI_ODD_ENCRYPTED),
         PTM_EUNSUPPORTED},
        {"central flags 0x40",
         {.name = "x", .central_flags = 0x40},
         PTMI_ODD_BIT(PTMI_ODD_FLAGS) | PTMI_ODD_BIT(PTMI_ODD_ENCRYPTED) |
             PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_EUNSUPPORTED},
        {"flags 0x2000",
         {.name = "x", .flags = 0x2000},
         PTMI_ODD_BIT(PTMI_ODD_FLAGS) | PTMI_ODD_BIT(PTMI_ODD_ENCRYPTED),
         PTM_EUNSUPPORTED},
        {"method", {.name = "x", .method = 12}, PTMI_ODD_BIT(PTMI_ODD_METHOD), PTM_EUNSUPPORTED},
        {"disk", {.name = "x", .central_disk = 2}, PTMI_ODD_BIT(PTMI_ODD_SPLIT), PTM_OK},
        {"absolute", {.name = "/x"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"dots", {.name = "x/../y"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"dots at the end", {.name = "x/.."}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"backslash", {.name = "x\\y"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"drive", {.name = "C:x"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"control", {.name = "x\ny"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"no name", {.name = ""}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"nul", {.name = "x\0y", .name_len = 3}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"not UTF-8", {.name = "x\xff", .flags = 0x800}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"full folder", {.name = "x/"}, PTMI_ODD_BIT(PTMI_ODD_NAME), PTM_OK},
        {"Unicode name",
         {.name = "x", .extra = "\x75\x70\6\0\1????y", .extra_len = 10},
         PTMI_ODD_BIT(PTMI_ODD_NAME),
         PTM_OK},
        {"ratio",
         {.name = "x", .deflate = true, .central_size = 1 << 30},
         PTMI_ODD_BIT(PTMI_ODD_RATIO) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_EFORMAT},
        {"stored, two sizes",
         {.name = "x", .central_size = 1},
         PTMI_ODD_BIT(PTMI_ODD_RATIO) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_EFORMAT},
        {"inflates to less",
         {.name = "x", .deflate = true, .central_size = 1},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_EFORMAT},
        {"inflates to more",
         {.name = "x", .deflate = true, .central_size = -1},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_EFORMAT},
        {"bytes after deflate",
         {.name = "x", .deflate = true, .tail = "hidden", .tail_len = 6},
         PTMI_ODD_BIT(PTMI_ODD_GAP),
         PTM_OK},
        {"not deflate", {.name = "x", .method = 8}, 0, PTM_EFORMAT},
        {"unlisted",
         {.name = "x", .unlisted = true},
         PTMI_ODD_BIT(PTMI_ODD_GAP) | PTMI_ODD_BIT(PTMI_ODD_UNLISTED),
         PTM_OK},
        {"overlap with the one before",
         {.name = "x", .central_offset = -41},
         PTMI_ODD_BIT(PTMI_ODD_OVERLAP) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_NAME) |
             PTMI_ODD_BIT(PTMI_ODD_GAP) | PTMI_ODD_BIT(PTMI_ODD_UNLISTED),
         PTM_OK},
        {"no header there",
         {.name = "x", .central_offset = 3},
         PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS) | PTMI_ODD_BIT(PTMI_ODD_GAP) |
             PTMI_ODD_BIT(PTMI_ODD_UNLISTED),
         PTM_EUNSUPPORTED},
        {"runs into the directory",
         {.name = "x", .central_packed = 4, .central_size = 4},
         PTMI_ODD_BIT(PTMI_ODD_OVERLAP) | PTMI_ODD_BIT(PTMI_ODD_LOCAL_FIELDS),
         PTM_OK},
    };
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        struct opened o = {0};
        struct zip_spec spec = tricks[i].spec;
        spec.data = "seven77";
        spec.len = 7;
        ADD(o, .name = "good", TEXT("seven77"));
        zip_add(&o.build, &spec);
        END(o, 0);
        check_built(&o);
        if (!spec.unlisted) {
            ptmi_source *source = NULL;
            ptm_rc rc = ptmi_zip_open(&o.zip, &o.zip.members[1], 1ull << 40, &source, NULL);
            if (rc != tricks[i].open) fail_msg("%s: open gave %d", tricks[i].what, rc);
            ptmi_source_unref(source);
        }
        print_message("%s\n", tricks[i].what);
        assert_odds(&o, tricks[i].kinds);
        assert_member(&o, "good", "seven77");
        closed(&o);
    }
}

static void test_weights_zip__one_that_only_says_it_is_encrypted_can_be_read(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "x", TEXT("plain"), .flags = 1);
    END(o, 0);
    open_built(&o);
    assert_false(o.zip.members[0].readable);
    o.zip.members[0].readable = true;
    assert_member(&o, "x", "plain");
    closed(&o);
}

struct end_trick {
    const char *what;
    struct zip_end end;
    uint32_t kinds;
};

static void test_weights_zip__notes_every_trick_of_ends(void **state)
{
    (void)state;
    static const struct end_trick tricks[] = {
        {"count", {.count = 1}, PTMI_ODD_BIT(PTMI_ODD_COUNT)},
        {"count less", {.count = -1}, PTMI_ODD_BIT(PTMI_ODD_COUNT)},
        {"disks", {.disk = 1}, PTMI_ODD_BIT(PTMI_ODD_SPLIT)},
        {"cut comment", {.comment_len = 1}, PTMI_ODD_BIT(PTMI_ODD_TRAILING)},
        {"data after the comment",
         {.comment = "abc", .comment_len = -1},
         PTMI_ODD_BIT(PTMI_ODD_TRAILING)},
        {"gap before the end record", {.gap = 5}, PTMI_ODD_BIT(PTMI_ODD_GAP)},
        {"two counts",
         {.zip64 = true, .count64 = 1},
         PTMI_ODD_BIT(PTMI_ODD_END) | PTMI_ODD_BIT(PTMI_ODD_COUNT)},
        {"two offsets", {.zip64 = true, .offset = 5}, PTMI_ODD_BIT(PTMI_ODD_END)},
        {"two sizes", {.zip64 = true, .size = 5}, PTMI_ODD_BIT(PTMI_ODD_END)},
    };
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        struct opened o = {0};
        ADD(o, .name = "good", TEXT("seven77"));
        zip_end(&o.build, &tricks[i].end);
        check_built(&o);
        print_message("%s\n", tricks[i].what);
        assert_odds(&o, tricks[i].kinds);
        assert_member(&o, "good", "seven77");
        closed(&o);
    }
}

static void test_weights_zip__two_directories_are_seen(void **state)
{
    (void)state;
    /* The offset leads to one directory, "just before the end record" to another. */
    struct opened o = {0};
    struct zip_build other = {0};
    ADD(o, .name = "torch", TEXT("seven77"));
    END(o, 0);
    size_t first = 30 + 5 + 7, directory = 46 + 5;
    o.build.len = first + directory;
    zip_add(&other, &(struct zip_spec){.name = "scans", TEXT("seven77")});
    zip_end(&other, &(struct zip_end){0});
    zip_raw(&o.build, other.data + first, other.len - first);
    check_built(&o);
    assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_END) | PTMI_ODD_BIT(PTMI_ODD_GAP));
    assert_string_equal(o.zip.members[0].name, "torch");
    zip_free(&other);
    closed(&o);
}

static void test_weights_zip__two_zip64_end_records_are_seen(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "x", TEXT("seven77"));
    END(o, .zip64 = true);
    size_t end64 = o.build.len - 22 - 20 - 56;
    uint8_t copy[56 + 20 + 22];
    memcpy(copy, o.build.data + end64, sizeof copy);
    o.build.len = end64 + 56;
    zip_raw(&o.build, copy, sizeof copy); /* its locator leads to the first of the two */
    check_built(&o);
    assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_END));
    closed(&o);
}

static void test_weights_zip__copes_with_data_before_the_archive(void **state)
{
    (void)state;
    for (int shifted = 0; shifted < 2; shifted++) {
        struct opened o = {0};
        zip_raw(&o.build, "#!/bin/sh\n", 10);
        if (shifted) o.build.base = 10;
        ADD(o, .name = "x", TEXT("seven77"));
        END(o, .zip64 = true);
        check_built(&o);
        assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_LEADING));
        assert_member(&o, "x", "seven77");
        closed(&o);
    }
}

static void test_weights_zip__an_archive_before_the_archive_is_unlisted(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "hidden", TEXT("seven77"));
    END(o, 0);
    o.build.n = 0;
    o.build.base = o.build.len;
    ADD(o, .name = "x", TEXT("seven77"));
    END(o, 0);
    check_built(&o);
    assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_LEADING) | PTMI_ODD_BIT(PTMI_ODD_UNLISTED));
    assert_int_equal(odd_of(&o, PTMI_ODD_UNLISTED)->offset, 0);
    assert_member(&o, "x", "seven77");
    closed(&o);
}

static void test_weights_zip__trailing_data_tells_its_place(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "x", TEXT("seven77"));
    END(o, 0);
    size_t end = o.build.len;
    zip_raw(&o.build, "\x80\2c", 3);
    check_built(&o);
    assert_odds(&o, PTMI_ODD_BIT(PTMI_ODD_TRAILING));
    assert_int_equal(odd_of(&o, PTMI_ODD_TRAILING)->offset, end);
    assert_string_equal(odd_of(&o, PTMI_ODD_TRAILING)->detail,
                        "3 bytes after the end of the archive");
    closed(&o);
}

/* --- what is refused --- */

static void assert_refused(struct opened *o, ptm_rc want)
{
    struct ptm_err err = {0};
    lend(o);
    ptm_rc rc = ptmi_zip_read(o->source, &o->zip, &err);
    if (rc != want) fail_msg("gave %d: %s", rc, err.msg);
    assert_null(o->zip.source);
    assert_string_not_equal(err.msg, "");
}

static void test_weights_zip__refuses_what_does_not_hold_together(void **state)
{
    (void)state;
    static const struct zip_end ends[] = {
        {.size = 1000}, /* no room for such a directory */
        {.size = -1},   /* cuts the entry */
        {.offset = 1},  /* no directory there, nor before the end */
        {.zip64 = true, .size64 = INT64_MAX},
        {.zip64 = true, .offset64 = INT64_MAX},
        {.zip64 = true, .locator = 1}, /* found just before its locator: see below */
    };
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct opened o = {0};
        ADD(o, .name = "x", TEXT("seven77"));
        zip_end(&o.build, &ends[i]);
        if (ends[i].locator) o.build.data[o.build.len - 22 - 20 - 56] = 'Q';
        assert_refused(&o, PTM_EFORMAT);
        closed(&o);
    }
}

static void test_weights_zip__refuses_members_outside_of_the_file(void **state)
{
    (void)state;
    static const struct zip_spec specs[] = {
        {.name = "x", .central_offset = 1 << 20},
        {.name = "x", .central_packed = 1 << 20, .central_size = 1 << 20},
        {.name = "x", .zip64 = true, .central_offset = INT64_MAX},
        {.name = "x", .zip64 = true, .central_packed = -100},
        /* Says "see the ZIP64 field", and there is none. */
        {.name = "x", .central_packed = UINT32_MAX, .central_size = UINT32_MAX},
    };
    for (size_t i = 0; i < sizeof specs / sizeof specs[0]; i++) {
        struct opened o = {0};
        zip_add(&o.build, &specs[i]);
        END(o, 0);
        assert_refused(&o, PTM_EFORMAT);
        closed(&o);
    }
}

static void test_weights_zip__bombs_end_at_their_cap(void **state)
{
    (void)state;
    struct opened o = {0};
    struct ptm_err err = {0};
    char text[256];
    PTM_AUTO(ptmi_freep) uint8_t *zeros = calloc(1, 100000);
    ADD(o, .name = "bomb", .data = zeros, .len = 100000, .deflate = true);
    END(o, 0);
    check_built(&o);
    assert_odds(&o, 0);
    assert_int_equal(read_member(&o, "bomb", 99999, text, &err), PTM_ELIMIT);
    closed(&o);
}

static void test_weights_zip__every_truncation_is_refused(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "m/data.pkl", TEXT("pickle"), .torch = true);
    ADD(o, .name = "b", TEXT("seven77"), .deflate = true, .zip64 = true);
    END(o, .zip64 = true);
    for (size_t len = 0; len < o.build.len; len++) {
        /* A buffer of just that size, so that reading past it is seen. */
        uint8_t *cut = malloc(len ? len : 1);
        ptmi_source *source = NULL;
        struct ptm_err err = {0};
        memcpy(cut, o.build.data, len);
        assert_int_equal(ptmi_source_own(cut, len, "cut.zip", &source, NULL), PTM_OK);
        assert_int_equal(ptmi_zip_read(source, &o.zip, &err), PTM_EFORMAT);
        assert_non_null(strstr(err.msg, "cut.zip"));
        ptmi_source_unref(source);
    }
    closed(&o);
}

static void test_weights_zip__every_flipped_byte_is_survived(void **state)
{
    (void)state;
    struct opened o = {0};
    ADD(o, .name = "m/data.pkl", TEXT("pickle"), .torch = true);
    ADD(o, .name = "b", TEXT("seven77"), .deflate = true, .zip64 = true);
    END(o, .zip64 = true);
    lend(&o);
    for (size_t at = 0; at < 8 * o.build.len; at++) {
        o.build.data[at / 8] ^= (uint8_t)(1u << at % 8);
        if (ptmi_zip_read(o.source, &o.zip, NULL) == PTM_OK) {
            (void)!ptmi_zip_check(&o.zip, NULL);
            for (size_t i = 0; i < o.zip.n_members; i++) {
                ptmi_source *member = NULL;
                (void)!ptmi_zip_open(&o.zip, &o.zip.members[i], 1000, &member, NULL);
                ptmi_source_unref(member);
            }
            ptmi_zip_clear(&o.zip);
        }
        o.build.data[at / 8] ^= (uint8_t)(1u << at % 8);
    }
    closed(&o);
}

static void test_weights_zip__many_members_take_no_quadratic_time(void **state)
{
    (void)state;
    /* 200,000 entries of one name, all of one member: 10 MB of directory. */
    struct opened o = {0};
    ADD(o, .name = "same", TEXT("seven77"));
    size_t offset = o.build.len;
    for (size_t i = 0; i < 200000; i++) zip_central(&o.build, &o.build.entries[0]);
    struct zip_build *b = &o.build;
    size_t size = b->len - offset;
    zip_int(b, 0x06054b50, 4);
    zip_int(b, 0, 4);
    zip_int(b, 200000 % 65536, 2);
    zip_int(b, 200000 % 65536, 2);
    zip_int(b, size, 4);
    zip_int(b, offset, 4);
    zip_int(b, 0, 2);
    check_built(&o);
    assert_int_equal(o.zip.n_members, 200000);
    assert_true(o.zip.odd_kinds & PTMI_ODD_BIT(PTMI_ODD_OVERLAP)); /* the first of its kind */
    assert_in_range(o.zip.n_odds, 10000, 10020);
    closed(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_zip__reads_what_torch_writes),
        cmocka_unit_test(test_weights_zip__reads_deflated_zip64_and_descriptors),
        cmocka_unit_test(test_weights_zip__tells_zip_files),
        cmocka_unit_test(test_weights_zip__crc_goes_on),
        cmocka_unit_test(test_weights_zip__the_last_of_one_name_is_found),
        cmocka_unit_test(test_weights_zip__parts_know_where_they_lie),
        cmocka_unit_test(test_weights_zip__notes_every_trick_of_members),
        cmocka_unit_test(test_weights_zip__one_that_only_says_it_is_encrypted_can_be_read),
        cmocka_unit_test(test_weights_zip__notes_every_trick_of_ends),
        cmocka_unit_test(test_weights_zip__two_directories_are_seen),
        cmocka_unit_test(test_weights_zip__two_zip64_end_records_are_seen),
        cmocka_unit_test(test_weights_zip__copes_with_data_before_the_archive),
        cmocka_unit_test(test_weights_zip__an_archive_before_the_archive_is_unlisted),
        cmocka_unit_test(test_weights_zip__trailing_data_tells_its_place),
        cmocka_unit_test(test_weights_zip__refuses_what_does_not_hold_together),
        cmocka_unit_test(test_weights_zip__refuses_members_outside_of_the_file),
        cmocka_unit_test(test_weights_zip__bombs_end_at_their_cap),
        cmocka_unit_test(test_weights_zip__every_truncation_is_refused),
        cmocka_unit_test(test_weights_zip__every_flipped_byte_is_survived),
        cmocka_unit_test(test_weights_zip__many_members_take_no_quadratic_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
