/* SPDX-License-Identifier: MIT */
/* test_weights_pt_legacy.c - streams that torch.save wrote before 1.6, and plain pickles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "weights_torch.h"

static const char *const key_0[] = {"0"};

static void test_weights_pt_legacy__is_read(void **state)
{
    struct bytes file = {0};
    (void)state;
    legacy_checkpoint(&file);
    ptm_weights *weights = must_open(&file);
    assert_string_equal(ptm_weights_format(weights), "pytorch-legacy");
    assert_string_equal(ptm_weights_producer(weights), "torch.save (legacy, protocol 2)");
    assert_string_equal(meta_of(weights, "sys_info.byteorder"), "little");
    assert_four(weights, "w");
    assert_memory_equal(file.data + ptm_weights_storage(weights, 0)->file_offset, four,
                        sizeof four);
    ptm_weights_close(weights);
}

/* torch swaps while it writes, on a big-endian machine too. */
static void test_weights_pt_legacy__is_little_endian_whatever_it_says(void **state)
{
    struct bytes file = {0};
    (void)state;
    bytes_put(&file, LEGACY_MAGIC);
    bytes_put(&file, LEGACY_PROTOCOL);
    bytes_put(&file, LIT("\x80\x02}X\x0d\0\0\0little_endian\x89s."));
    pickle_dict_of(&file, "cpu", 4, "N");
    legacy_keys(&file, 1, key_0);
    legacy_storage(&file, 4, four, sizeof four);
    ptm_weights *weights = must_open(&file);
    assert_string_equal(meta_of(weights, "sys_info.byteorder"), "big");
    assert_four(weights, "w");
    ptm_weights_close(weights);
}

static void test_weights_pt_legacy__the_magic_number_is_a_literal(void **state)
{
    /* The number, made: int(119547037146038801333356), and the number with a global beside it. */
    struct bytes made = {0}, beside = {0};
    (void)state;
    bytes_put(&made, LIT("\x80\x02"
                         "cbuiltins\nint\n\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50"
                         "\x19\x85R."));
    bytes_put(&beside, LIT("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
                           "cos\nsystem\n"
                           "0."));
    struct bytes *both[] = {&made, &beside};
    for (int i = 0; i < 2; i++) {
        bytes_put(both[i], LEGACY_PROTOCOL);
        bytes_put(both[i], LEGACY_SYSTEM);
        pickle_dict_of(both[i], "cpu", 4, "N");
        legacy_keys(both[i], 1, key_0);
        legacy_storage(both[i], 4, four, sizeof four);
        ptm_weights *weights = NULL;
        assert_int_equal(open_bytes(both[i], "x.pt", &weights, NULL), PTM_EFORMAT);
    }
}

/* Magic number as protocols 0, 1, 3, 4 have it. */
static void test_weights_pt_legacy__takes_all_protocols(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } magics[] = {
        {LIT("L119547037146038801333356L\n.")},
        {LIT("\x80\x03\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")},
        {LIT("\x80\x04\x95\x0d\0\0\0\0\0\0\0\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++) {
        struct bytes file = {0};
        bytes_put(&file, magics[i].text, magics[i].len);
        bytes_put(&file, LEGACY_PROTOCOL);
        bytes_put(&file, LEGACY_SYSTEM);
        pickle_dict_of(&file, "cpu", 4, "N");
        legacy_keys(&file, 1, key_0);
        legacy_storage(&file, 4, four, sizeof four);
        ptm_weights *weights = must_open(&file);
        assert_four(weights, "w");
        ptm_weights_close(weights);
    }
}

static void test_weights_pt_legacy__refuses_wrong_parts(void **state)
{
    struct bytes protocol = {0}, system = {0}, keys = {0};
    (void)state;
    bytes_put(&protocol, LEGACY_MAGIC);
    bytes_put(&protocol, LIT("\x80\x02M\xea\x03."));
    assert_refused(&protocol, PTM_EFORMAT, "not protocol 1001");
    bytes_put(&system, LEGACY_MAGIC);
    bytes_put(&system, LEGACY_PROTOCOL);
    bytes_put(&system, LIT("\x80\x02]."));
    assert_refused(&system, PTM_EFORMAT, "is no dictionary");
    legacy_head(&keys);
    pickle_dict_of(&keys, "cpu", 4, "N");
    bytes_put(&keys, LIT("\x80\x02K\1."));
    assert_refused(&keys, PTM_EFORMAT, "keys are no list");
}

static void test_weights_pt_legacy__the_keys_are_those_of_the_object(void **state)
{
    static const struct {
        int n;
        const char *const keys[2];
        int64_t count;
        const char *text;
    } cases[] = {
        {0, {NULL}, 4, "storage 0 is not among the keys"},
        {1, {"1"}, 4, "that the object does not use"},
        {1, {""}, 4, "that the object does not use"},
        {1, {"0000000000000000000000000000000000000000000000000000000000000000"}, 4, "not use"},
        {2, {"0", "0"}, 4, "storage 0 is listed twice"},
        {1, {"0"}, 3, "a storage of 3 elements, of which the object says 4"},
        {1, {"0"}, -4, "a storage of -4 elements"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = {0};
        legacy_head(&file);
        pickle_dict_of(&file, "cpu", 4, "N");
        legacy_keys(&file, cases[i].n, cases[i].keys);
        legacy_storage(&file, cases[i].count, four, sizeof four);
        assert_refused(&file, PTM_EFORMAT, cases[i].text);
    }
}

/* Views of storages, (key, offset, elements): of torch before 0.4. */
static void test_weights_pt_legacy__reads_views_of_storages(void **state)
{
    static const struct {
        int32_t offset;
        const char *refused;
    } cases[] = {{2, NULL},
                 {-1, ""},
                 {3, "the view leaves its storage"},
                 {9, "the view leaves its storage"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes file = {0}, storage = {0};
        legacy_head(&file);
        bytes_text(&storage, "(");
        pickle_text(&storage, "storage");
        bytes_text(&storage, "ctorch\nFloatStorage\n");
        pickle_text(&storage, "0");
        pickle_text(&storage, "cpu");
        pickle_int(&storage, 4);
        pickle_text(&storage, "00");
        pickle_int(&storage, cases[i].offset);
        pickle_int(&storage, 2);
        bytes_text(&storage, "\x87tQ");
        bytes_text(&file, "\x80\x02}");
        pickle_text(&file, "w");
        pickle_tensor(&file, &storage, 1, 1);
        bytes_text(&file, "s.");
        legacy_keys(&file, 1, key_0);
        legacy_storage(&file, 4, four, sizeof four);
        if (cases[i].refused) {
            assert_refused(&file, PTM_EFORMAT, cases[i].refused);
            continue;
        }
        float value = 0;
        ptm_weights *weights = must_open(&file);
        assert_int_equal(
            ptm_weights_read(weights, ptm_weights_find(weights, "w"), &value, sizeof value, NULL),
            PTM_OK);
        assert_true(value == four[3]);
        ptm_weights_close(weights);
    }
}

static void test_weights_pt_legacy__stops_where_its_last_storage_does(void **state)
{
    struct bytes file = {0};
    (void)state;
    legacy_checkpoint(&file);
    legacy_checkpoint(&file); /* torch.save() into one file twice */
    ptm_weights *weights = must_open(&file);
    assert_int_equal(ptm_weights_count(weights), 1);
    ptm_weights_close(weights);
}

/* {'w': torch.storage._load_from_bytes(legacy)}, which is what a pickled tensor may be. */
static void nested_in(struct bytes *to, const struct bytes *legacy)
{
    bytes_text(to, "\x80\x03}");
    pickle_text(to, "w");
    bytes_text(to, "ctorch.storage\n_load_from_bytes\nB");
    bytes_int(to, legacy->len, 4);
    bytes_put(to, legacy->data, legacy->len);
    bytes_text(to, "\x85Rs.");
}

static void test_weights_pt_legacy__is_read_inside_a_pickle(void **state)
{
    struct bytes legacy = {0}, file = {0}, storage = {0};
    (void)state;
    legacy_head(&legacy);
    bytes_text(&legacy, "\x80\x02");
    pickle_storage(&storage, "0", "cpu", 4, "N");
    pickle_tensor(&legacy, &storage, 0, 4);
    bytes_text(&legacy, ".");
    legacy_keys(&legacy, 1, key_0);
    legacy_storage(&legacy, 4, four, sizeof four);
    nested_in(&file, &legacy);
    ptm_weights *weights = must_open(&file);
    assert_string_equal(ptm_weights_format(weights), "pickle");
    assert_four(weights, "w");
    ptm_weights_close(weights);
}

static void test_weights_pt_legacy__inside_itself_ends_somewhere(void **state)
{
    struct bytes inner = {0};
    (void)state;
    legacy_checkpoint(&inner);
    for (int i = 0; i < 20; i++) {
        struct bytes outer = {0};
        legacy_head(&outer);
        nested_in(&outer, &inner);
        legacy_keys(&outer, 0, NULL);
        inner = outer;
    }
    assert_refused(&inner, PTM_ELIMIT, "");
}

/* A list of streams, each of which is a list of as many, and all are the same bytes. */
static void test_weights_pt_legacy__is_not_read_a_million_times(void **state)
{
    struct bytes inner = {0};
    (void)state;
    legacy_checkpoint(&inner);
    for (int i = 0; i < 5; i++) {
        struct bytes outer = {0};
        legacy_head(&outer);
        bytes_text(&outer, "\x80\x03("
                           "ctorch.storage\n_load_from_bytes\nq");
        bytes_put(&outer, "\0B", 2);
        bytes_int(&outer, inner.len, 4);
        bytes_put(&outer, inner.data, inner.len);
        bytes_text(&outer, "\x85q\1R");
        for (int j = 0; j < 20; j++) bytes_put(&outer, "h\0h\1R", 5);
        bytes_text(&outer, "l.");
        legacy_keys(&outer, 0, NULL);
        inner = outer;
    }
    assert_refused(&inner, PTM_ELIMIT, "more checkpoints inside each other");
}

static void test_weights_pt_legacy__refuses_every_truncation(void **state)
{
    struct bytes file = {0};
    (void)state;
    legacy_checkpoint(&file);
    for (size_t len = 0; len < file.len; len++) {
        ptm_weights *weights = NULL;
        assert_true(open_named(file.data, len, "x.pt", &weights, NULL) < 0);
    }
}

static void test_weights_pt_legacy__survives_every_flipped_byte(void **state)
{
    struct bytes file = {0};
    (void)state;
    legacy_checkpoint(&file);
    for (size_t at = 0; at < file.len; at++) {
        struct bytes copy = file;
        ptm_weights *weights = NULL;
        copy.data[at] ^= 0xff;
        if (open_bytes(&copy, "x.pt", &weights, NULL) == PTM_OK) ptm_weights_close(weights);
    }
}

static void test_weights_plain_pickle__is_read_to_its_end_and_no_further(void **state)
{
    struct bytes file = {0};
    (void)state;
    bytes_put(&file, LIT("\x80\x02}X\1\0\0\0aK\1s."));
    ptm_weights *weights = must_open(&file);
    assert_string_equal(ptm_weights_format(weights), "pickle");
    assert_string_equal(ptm_weights_producer(weights), "pickle (protocol 2)");
    assert_int_equal(ptm_weights_count(weights), 0);
    assert_int_equal(ptm_weights_root(weights)->kind, PTM_VALUE_DICT);
    ptm_weights_close(weights);
    bytes_text(&file, ".");
    assert_refused(&file, PTM_EFORMAT, "data after the pickle");
}

static void test_weights_plain_pickle__has_no_storages(void **state)
{
    struct bytes file = {0};
    (void)state;
    pickle_dict_of(&file, "cpu", 4, NULL);
    assert_refused(&file, PTM_EFORMAT, "has nothing beside its pickle");
}

static void test_weights_plain_pickle__of_old_protocols_is_found_out(void **state)
{
    static const char *const texts[] = {"(dp0\nS'a'\np1\nI1\ns.", "(lp0\nI1\na.", "}q\x01.",
                                        "ccollections\nOrderedDict\n(tR."};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bytes file = {0};
        bytes_text(&file, texts[i]);
        ptm_weights *weights = must_open(&file);
        assert_string_equal(ptm_weights_format(weights), "pickle");
        ptm_weights_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pt_legacy__is_read),
        cmocka_unit_test(test_weights_pt_legacy__is_little_endian_whatever_it_says),
        cmocka_unit_test(test_weights_pt_legacy__the_magic_number_is_a_literal),
        cmocka_unit_test(test_weights_pt_legacy__takes_all_protocols),
        cmocka_unit_test(test_weights_pt_legacy__refuses_wrong_parts),
        cmocka_unit_test(test_weights_pt_legacy__the_keys_are_those_of_the_object),
        cmocka_unit_test(test_weights_pt_legacy__reads_views_of_storages),
        cmocka_unit_test(test_weights_pt_legacy__stops_where_its_last_storage_does),
        cmocka_unit_test(test_weights_pt_legacy__is_read_inside_a_pickle),
        cmocka_unit_test(test_weights_pt_legacy__inside_itself_ends_somewhere),
        cmocka_unit_test(test_weights_pt_legacy__is_not_read_a_million_times),
        cmocka_unit_test(test_weights_pt_legacy__refuses_every_truncation),
        cmocka_unit_test(test_weights_pt_legacy__survives_every_flipped_byte),
        cmocka_unit_test(test_weights_plain_pickle__is_read_to_its_end_and_no_further),
        cmocka_unit_test(test_weights_plain_pickle__has_no_storages),
        cmocka_unit_test(test_weights_plain_pickle__of_old_protocols_is_found_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
