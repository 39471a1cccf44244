/* SPDX-License-Identifier: MIT */
/* test_weights_pt_zip.c - zip checkpoints of torch: what is read, and which tricks are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "weights_torch.h"

/* Members apart from the object's pickle. */
struct extra {
    const char *name, *text;
};

/* A checkpoint of one tensor, with storage 0 of so many bytes (-1: none), and other members. */
static void make(struct made_zip *zip, const struct bytes *pickle, int storage,
                 const struct extra *extra)
{
    zip_add_bytes(zip, "a/data.pkl", pickle);
    if (storage >= 0) {
        uint8_t data[64] = {0};
        memcpy(data, four, sizeof four);
        zip_add(zip, "a/data/0", data, (size_t)storage);
    }
    for (; extra && extra->name; extra++) zip_add_text(zip, extra->name, extra->text);
    zip_end(zip);
}

static const struct extra version[] = {{"a/version", "3\n"}, {NULL, NULL}};

static void test_weights_pt_zip__is_read(void **state)
{
    struct made_zip zip = {0};
    (void)state;
    zip_checkpoint(&zip);
    ptm_weights *weights = must_open(&zip.out);
    assert_string_equal(ptm_weights_format(weights), "pytorch-zip");
    assert_string_equal(ptm_weights_producer(weights), "torch.save (zip, version 3, protocol 2)");
    assert_string_equal(meta_of(weights, "version"), "3");
    assert_string_equal(meta_of(weights, "byteorder"), "little");
    assert_int_equal(ptm_weights_count(weights), 1);
    assert_four(weights, "w");
    const struct ptm_storage *storage = ptm_weights_storage(weights, 0);
    assert_string_equal(storage->key, "0");
    assert_string_equal(storage->device, "cpu");
    assert_int_equal(storage->nbytes, 16);
    assert_memory_equal(zip.out.data + storage->file_offset, four, sizeof four);
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__shows_records_of_later_versions(void **state)
{
    struct made_zip zip = {.flags = 0x0808};
    struct bytes pickle = {0};
    static const struct extra extra[] = {{"a/.format_version", "1"},
                                         {"a/.storage_alignment", "64"},
                                         {"a/.data/version", "6\n"},
                                         {"a/.data/serialization_id", "0123456789"},
                                         {NULL, NULL}};
    (void)state;
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    make(&zip, &pickle, 16, extra);
    ptm_weights *weights = must_open(&zip.out);
    assert_string_equal(meta_of(weights, ".format_version"), "1");
    assert_string_equal(meta_of(weights, ".storage_alignment"), "64");
    assert_string_equal(meta_of(weights, ".data/serialization_id"), "0123456789");
    assert_string_equal(meta_of(weights, "version"), "6");
    assert_four(weights, "w");
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__swaps_big_endian_storages(void **state)
{
    struct made_zip zip = {0};
    struct bytes pickle = {0};
    uint8_t swapped[16];
    (void)state;
    for (size_t i = 0; i < 16; i++) swapped[i] = ((const uint8_t *)four)[i / 4 * 4 + 3 - i % 4];
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    zip_add_bytes(&zip, "a/data.pkl", &pickle);
    zip_add_text(&zip, "a/byteorder", "big");
    zip_add(&zip, "a/data/0", swapped, sizeof swapped);
    zip_add_text(&zip, "a/version", "3\n");
    zip_end(&zip);
    ptm_weights *weights = must_open(&zip.out);
    assert_true(ptm_weights_storage(weights, 0)->big_endian);
    assert_four(weights, "w");
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__inflates_members(void **state)
{
    struct made_zip zip = {.deflate = true};
    (void)state;
    zip_checkpoint(&zip);
    ptm_weights *weights = must_open(&zip.out);
    assert_int_equal(ptm_weights_storage(weights, 0)->file_offset, -1);
    assert_four(weights, "w");
    assert_four(weights, "w"); /* inflated once */
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__wants_a_version_and_a_byte_order(void **state)
{
    static const struct {
        struct extra extra;
        const char *text;
    } cases[] = {
        {{NULL, NULL}, "version is missing or no number"},
        {{"a/version", "three"}, "version is missing or no number"},
        {{"a/version", ""}, "version is missing or no number"},
        {{"a/version", "0"}, "version is missing or no number"},
        {{"b/version", "3"}, "version is missing or no number"},
        {{"a/byteorder", "middle"}, "byteorder is neither"},
        {{"a/byteorder", ""}, "byteorder is neither"},
        {{"a/byteorder", "\xff"}, "byteorder is neither"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made_zip zip = {0};
        struct bytes pickle = {0};
        struct extra extra[3] = {cases[i].extra};
        pickle_dict_of(&pickle, "cpu", 4, NULL);
        if (strstr(cases[i].text, "byteorder")) extra[1] = version[0];
        make(&zip, &pickle, 16, extra);
        assert_refused(&zip.out, PTM_EFORMAT, cases[i].text);
    }
}

static void test_weights_pt_zip__a_record_holds_its_tensors(void **state)
{
    (void)state;
    for (int size = 0; size <= 64; size++) {
        struct made_zip zip = {0};
        struct bytes pickle = {0};
        pickle_dict_of(&pickle, "cpu", 4, NULL);
        make(&zip, &pickle, size, version);
        if (size < 16) {
            assert_refused(&zip.out, PTM_EFORMAT, "its tensors need 16");
            continue;
        }
        ptm_weights *weights = must_open(&zip.out); /* a longer one is fine */
        assert_four(weights, "w");
        assert_int_equal(ptm_weights_storage(weights, 0)->nbytes, 16);
        ptm_weights_close(weights);
    }
}

/* {'w': of a storage said to have 2 elements, 'v': of the same, said to have 4}. */
static void test_weights_pt_zip__the_largest_size_of_a_key_wins(void **state)
{
    struct made_zip zip = {0}, short_zip = {0};
    struct bytes pickle = {0}, small = {0}, large = {0};
    (void)state;
    pickle_storage(&small, "0", "cpu", 2, NULL);
    pickle_storage(&large, "0", "cpu", 4, NULL);
    bytes_text(&pickle, "\x80\x02}");
    pickle_text(&pickle, "v");
    pickle_tensor(&pickle, &small, 0, 2);
    bytes_text(&pickle, "s");
    pickle_text(&pickle, "w");
    pickle_tensor(&pickle, &large, 0, 4);
    bytes_text(&pickle, "s.");
    make(&zip, &pickle, 16, version);
    ptm_weights *weights = must_open(&zip.out);
    assert_int_equal(ptm_weights_storage_count(weights), 1);
    assert_int_equal(ptm_weights_find(weights, "v")->storage, 0);
    assert_four(weights, "w");
    ptm_weights_close(weights);
    make(&short_zip, &pickle, 8, version);
    assert_refused(&short_zip.out, PTM_EFORMAT, "its tensors need 16");
}

static void test_weights_pt_zip__absent_records_are_listed_and_not_read(void **state)
{
    static const char *const devices[] = {"cpu", "meta"}, *const texts[] = {"no record", "meta"};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct made_zip zip = {0};
        struct bytes pickle = {0};
        struct ptm_err err = {0};
        float values[4];
        pickle_dict_of(&pickle, devices[i], 4, NULL);
        make(&zip, &pickle, -1, version);
        ptm_weights *weights = must_open(&zip.out);
        const struct ptm_tensor *tensor = ptm_weights_find(weights, "w");
        assert_int_equal(ptm_weights_read(weights, tensor, values, sizeof values, &err),
                         PTM_EUNSUPPORTED);
        assert_non_null(strstr(err.msg, texts[i]));
        ptm_weights_close(weights);
    }
}

static void test_weights_pt_zip__refuses_what_readers_disagree_on(void **state)
{
    static const struct {
        uint16_t flags, local_flags;
        const char *local_name, *name;
    } cases[] = {
        {0, 0, "a/data/1", NULL},   /* local header names it otherwise */
        {0, 1, NULL, NULL},         /* encrypted, says the local header alone */
        {0, 0x20, NULL, NULL},      /* patched data */
        {0x20, 0, NULL, NULL},      /* the same, in both */
        {0, 0, NULL, "a/data/0"},   /* there twice */
        {0, 0, NULL, "A/DATA/0"},   /* twice, letter case aside */
        {0, 0, NULL, "a/DATA.PKL"}, /* the same of the object */
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct made_zip zip = {0};
        struct bytes pickle = {0};
        pickle_dict_of(&pickle, "cpu", 4, NULL);
        zip_add_bytes(&zip, "a/data.pkl", &pickle);
        zip_add_text(&zip, "a/version", "3\n");
        zip.flags = cases[i].flags;
        zip.local_flags = cases[i].local_flags;
        zip.local_name = cases[i].local_name;
        zip_add(&zip, "a/data/0", four, sizeof four);
        zip.local_name = NULL;
        if (cases[i].name) zip_add(&zip, cases[i].name, four, sizeof four);
        zip_end(&zip);
        assert_refused(&zip.out, PTM_EFORMAT, "");
    }
}

/* A storage that is refused when its bytes are asked for stays refused. */
static void test_weights_pt_zip__refuses_late_what_is_looked_at_late(void **state)
{
    struct made_zip zip = {0};
    struct bytes pickle = {0};
    float values[4];
    (void)state;
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    zip_add_bytes(&zip, "a/data.pkl", &pickle);
    zip_add_text(&zip, "a/version", "3\n");
    zip.deflate = true;
    zip.local_name = "a/data/1";
    zip_add(&zip, "a/data/0", four, sizeof four);
    zip_end(&zip);
    ptm_weights *weights = must_open(&zip.out);
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            ptm_weights_read(weights, ptm_weights_find(weights, "w"), values, sizeof values, NULL),
            PTM_EFORMAT);
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__refuses_two_objects_and_data_after_one(void **state)
{
    struct made_zip two = {0}, after = {0};
    struct bytes pickle = {0};
    (void)state;
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    zip_add_bytes(&two, "b/data.pkl", &pickle);
    make(&two, &pickle, 16, version);
    assert_refused(&two.out, PTM_EFORMAT, "two members are called data.pkl");
    bytes_text(&pickle, "\n");
    make(&after, &pickle, 16, version);
    assert_refused(&after.out, PTM_EFORMAT, "data after the pickle");
}

static void test_weights_pt_zip__reads_torchscript(void **state)
{
    struct made_zip zip = {0};
    struct bytes pickle = {0}, constants = {0}, storage = {0};
    static const struct extra extra[] = {
        {"s/code/__torch__.py", "class M(Module):\n"}, {"s/version", "3\n"}, {NULL, NULL}};
    (void)state;
    bytes_text(&pickle, "\x80\x02"
                        "c__torch__\nM\n)\x81}");
    pickle_text(&pickle, "w");
    pickle_storage(&storage, "0", "cpu", 4, NULL);
    pickle_tensor(&pickle, &storage, 0, 4);
    bytes_text(&pickle, "sb.");
    bytes_text(&constants, "\x80\x02");
    pickle_tensor(&constants, &storage, 2, 1);
    bytes_text(&constants, "\x85.");
    zip_add(&zip, "s/data/0", four, sizeof four);
    zip_add_bytes(&zip, "s/data.pkl", &pickle);
    zip_add(&zip, "s/constants/0", four, sizeof four);
    zip_add_bytes(&zip, "s/constants.pkl", &constants);
    for (int i = 0; extra[i].name; i++) zip_add_text(&zip, extra[i].name, extra[i].text);
    zip_end(&zip);
    ptm_weights *weights = must_open(&zip.out);
    assert_string_equal(ptm_weights_format(weights), "torchscript");
    assert_string_equal(meta_of(weights, "code_files"), "1");
    assert_int_equal(ptm_weights_count(weights), 2);
    assert_four(weights, "w");
    const struct ptm_tensor *constant = ptm_weights_find(weights, "constants.0");
    assert_non_null(constant);
    /* Key 0 of another folder is another storage. */
    assert_int_not_equal(constant->storage, ptm_weights_find(weights, "w")->storage);
    assert_int_equal(ptm_weights_root(weights)->kind, PTM_VALUE_OBJECT);
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__opens_the_checkpoint_it_wraps(void **state)
{
    struct made_zip zip = {.deflate = true}, again = {0};
    struct bytes legacy = {0};
    (void)state;
    legacy_checkpoint(&legacy);
    zip_add_bytes(&zip, "old.pth", &legacy);
    zip_end(&zip);
    ptm_weights *weights = must_open(&zip.out);
    assert_string_equal(ptm_weights_format(weights), "pytorch-legacy");
    assert_string_equal(meta_of(weights, "zip_member"), "old.pth");
    assert_four(weights, "w");
    ptm_weights_close(weights);
    zip_add_bytes(&again, "old.zip", &zip.out);
    zip_end(&again);
    assert_refused(&again.out, PTM_EUNSUPPORTED, "no checkpoint");
}

/* What people make who zip a folder with one checkpoint of today in it. */
static void test_weights_pt_zip__opens_a_zipped_folder(void **state)
{
    struct made_zip inner = {0}, outer = {.deflate = true};
    (void)state;
    zip_checkpoint(&inner);
    zip_add_text(&outer, "weights/", "");
    zip_add_bytes(&outer, "weights/new.pth", &inner.out);
    zip_end(&outer);
    ptm_weights *weights = must_open(&outer.out);
    assert_string_equal(ptm_weights_format(weights), "pytorch-zip");
    assert_string_equal(meta_of(weights, "zip_member"), "weights/new.pth");
    assert_four(weights, "w");
    ptm_weights_close(weights);
}

static void test_weights_pt_zip__says_what_is_none(void **state)
{
    struct made_zip empty = {0}, other = {0}, bare = {0};
    struct bytes pickle = {0};
    (void)state;
    zip_end(&empty);
    assert_refused(&empty.out, PTM_EUNSUPPORTED, "no checkpoint");
    zip_add_text(&other, "a.txt", "text");
    zip_add_text(&other, "b.txt", "text");
    zip_end(&other);
    assert_refused(&other.out, PTM_EUNSUPPORTED, "no checkpoint of torch");
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    zip_add_bytes(&bare, "data.pkl", &pickle); /* not in a folder */
    zip_add_text(&bare, "version", "3\n");
    zip_end(&bare);
    assert_refused(&bare.out, PTM_EUNSUPPORTED, "no checkpoint of torch");
}

static void test_weights_pt_zip__refuses_every_truncation(void **state)
{
    struct made_zip zip = {0};
    (void)state;
    zip_checkpoint(&zip);
    for (size_t len = 0; len < zip.out.len; len++) {
        ptm_weights *weights = NULL;
        assert_true(open_named(zip.out.data, len, "x.pt", &weights, NULL) < 0);
    }
}

/* No byte changed may crash it; most are refused, some (a value, a time) may stay. */
static void test_weights_pt_zip__survives_every_flipped_byte(void **state)
{
    struct made_zip zip = {0};
    (void)state;
    zip_checkpoint(&zip);
    for (size_t at = 0; at < zip.out.len; at++) {
        struct bytes copy = zip.out;
        ptm_weights *weights = NULL;
        float values[4];
        copy.data[at] ^= 0xff;
        if (open_bytes(&copy, "x.pt", &weights, NULL) < 0) continue;
        const struct ptm_tensor *tensor = ptm_weights_tensor(weights, 0);
        if (tensor && tensor->nbytes <= (int64_t)sizeof values &&
            ptm_weights_read(weights, tensor, values, (size_t)tensor->nbytes, NULL) < 0)
            assert_true(true); /* refused late is fine */
        ptm_weights_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pt_zip__is_read),
        cmocka_unit_test(test_weights_pt_zip__shows_records_of_later_versions),
        cmocka_unit_test(test_weights_pt_zip__swaps_big_endian_storages),
        cmocka_unit_test(test_weights_pt_zip__inflates_members),
        cmocka_unit_test(test_weights_pt_zip__wants_a_version_and_a_byte_order),
        cmocka_unit_test(test_weights_pt_zip__a_record_holds_its_tensors),
        cmocka_unit_test(test_weights_pt_zip__the_largest_size_of_a_key_wins),
        cmocka_unit_test(test_weights_pt_zip__absent_records_are_listed_and_not_read),
        cmocka_unit_test(test_weights_pt_zip__refuses_what_readers_disagree_on),
        cmocka_unit_test(test_weights_pt_zip__refuses_late_what_is_looked_at_late),
        cmocka_unit_test(test_weights_pt_zip__refuses_two_objects_and_data_after_one),
        cmocka_unit_test(test_weights_pt_zip__reads_torchscript),
        cmocka_unit_test(test_weights_pt_zip__opens_the_checkpoint_it_wraps),
        cmocka_unit_test(test_weights_pt_zip__opens_a_zipped_folder),
        cmocka_unit_test(test_weights_pt_zip__says_what_is_none),
        cmocka_unit_test(test_weights_pt_zip__refuses_every_truncation),
        cmocka_unit_test(test_weights_pt_zip__survives_every_flipped_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
