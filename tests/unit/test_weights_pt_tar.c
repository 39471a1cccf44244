/* SPDX-License-Identifier: MIT */
/* test_weights_pt_tar.c - the tar files of torch 0.1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "weights_torch.h"

static void test_weights_pt_tar__is_read(void **state)
{
    struct bytes file = {0};
    (void)state;
    tar_checkpoint(&file);
    ptm_weights *weights = must_open(&file);
    assert_string_equal(ptm_weights_format(weights), "pytorch-tar");
    assert_string_equal(ptm_weights_producer(weights), "torch.save (tar, protocol 2)");
    assert_int_equal(ptm_weights_count(weights), 1);
    assert_four(weights, "w");
    const struct ptm_storage *storage = ptm_weights_storage(weights, 0);
    assert_string_equal(storage->key, "7");
    assert_string_equal(storage->device, "cpu");
    assert_memory_equal(file.data + storage->file_offset, four, sizeof four);
    ptm_weights_close(weights);
}

static void test_weights_pt_tar__reads_views_of_storages(void **state)
{
    struct bytes storages = {0}, tensors = {0}, file = {0};
    float value = 0;
    (void)state;
    tar_storages(&storages, 4, "(K\x08K\x07K\x03K\x01t"); /* the last element, as storage 8 */
    tar_tensors(&tensors, 8, 1);
    tar_checkpoint_of(&file, &storages, &tensors);
    ptm_weights *weights = must_open(&file);
    const struct ptm_tensor *tensor = ptm_weights_find(weights, "w");
    assert_int_equal(tensor->offset, 3);
    assert_int_equal(ptm_weights_read(weights, tensor, &value, sizeof value, NULL), PTM_OK);
    assert_true(value == four[3]);
    ptm_weights_close(weights);
}

static void test_weights_pt_tar__refuses_wrong_storages(void **state)
{
    static const struct {
        int64_t numel;
        const char *views, *text;
    } cases[] = {
        {5, "", ""}, /* runs into the views */
        {-1, "", "negative count"},
        {1ll << 62, "", ""},
        {4, "K\x01", "no view's"},
        {4, "(K\x08K\x07K\x03t", "no view's"},
        {4, "(K\x08K\x06K\x03K\x01t", "a view of a storage that is not there"},
        {4, "(K\x08K\x07K\x03K\x02t", "a view that leaves its storage"},
        {4, "(K\x08K\x07J\xff\xff\xff\xffK\x02t", "a view that leaves its storage"},
        {4, "(K\x07K\x07K\x01K\x02t", "the key 7 is there twice"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes storages = {0}, tensors = {0}, file = {0};
        tar_storages(&storages, cases[i].numel, cases[i].views);
        tar_tensors(&tensors, 7, 4);
        tar_checkpoint_of(&file, &storages, &tensors);
        assert_refused(&file, PTM_EFORMAT, cases[i].text);
    }
}

static void test_weights_pt_tar__refuses_wrong_tensors(void **state)
{
    static const struct {
        int storage;
        int64_t size;
        int n_dims;
        const char *text;
    } cases[] = {
        {6, 4, 1, "a storage that is not there"},
        {7, 5, 1, "reaches over the end of its storage"},
        {7, -1, 1, "negative size"},
        {7, 4, 65, "too many dimensions"},
        {7, 4, -1, "too many dimensions"},
        {7, 4, 2, ""},
        {7, 4, 0, ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes storages = {0}, tensors = {0}, file = {0}, dims = {0};
        tar_storages(&storages, 4, "");
        tar_tensors(&tensors, cases[i].storage, cases[i].size);
        bytes_int(&dims, (uint32_t)cases[i].n_dims, 4);
        memcpy(tensors.data + tensors.len - 32, dims.data, 4);
        tar_checkpoint_of(&file, &storages, &tensors);
        assert_refused(&file, PTM_EFORMAT, cases[i].text);
    }
}

static void test_weights_pt_tar__wants_all_its_members(void **state)
{
    struct bytes other = {0}, lone = {0}, none = {0};
    (void)state;
    tar_add(&other, "a.txt", "a", 1);
    assert_refused(&other, PTM_EUNSUPPORTED, "no checkpoint of torch");
    tar_storages(&none, 4, "");
    tar_add(&lone, "storages", none.data, none.len);
    tar_add(&lone, "pickle", LIT("\x80\x02}."));
    assert_refused(&lone, PTM_EFORMAT, "without the member tensors");
}

/* An id that is neither; a class with its source, as whole modules have it. */
static void test_weights_pt_tar__takes_only_ids_that_mean_something(void **state)
{
    static const struct {
        const char *id, *text;
    } cases[] = {{"8", "no tensor and no storage"}, {"x", "no tensor and no storage"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes storages = {0}, tensors = {0}, pickle = {0}, file = {0};
        tar_storages(&storages, 4, "");
        tar_tensors(&tensors, 7, 4);
        bytes_text(&pickle, "\x80\x02");
        pickle_text(&pickle, cases[i].id);
        bytes_text(&pickle, "Q.");
        tar_add(&file, "storages", storages.data, storages.len);
        tar_add(&file, "tensors", tensors.data, tensors.len);
        tar_add(&file, "pickle", pickle.data, pickle.len);
        assert_refused(&file, PTM_EFORMAT, cases[i].text);
    }
}

static void test_weights_pt_tar__refuses_every_truncation(void **state)
{
    struct bytes file = {0};
    (void)state;
    tar_checkpoint(&file);
    /* What ends a tar file may be missing: two empty blocks, and what fills the last one. */
    for (size_t len = 0; len < file.len; len++) {
        ptm_weights *weights = NULL;
        ptm_rc rc = open_named(file.data, len, "x.pt", &weights, NULL);
        if (rc == PTM_OK) ptm_weights_close(weights);
        if (len < file.len - 1024 - 512) assert_true(rc < 0);
    }
}

static void test_weights_pt_tar__survives_every_flipped_byte(void **state)
{
    struct bytes file = {0};
    (void)state;
    tar_checkpoint(&file);
    for (size_t at = 0; at < file.len; at++) {
        struct bytes copy = file;
        ptm_weights *weights = NULL;
        copy.data[at] ^= 0xff;
        if (open_bytes(&copy, "x.pt", &weights, NULL) == PTM_OK) ptm_weights_close(weights);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pt_tar__is_read),
        cmocka_unit_test(test_weights_pt_tar__reads_views_of_storages),
        cmocka_unit_test(test_weights_pt_tar__refuses_wrong_storages),
        cmocka_unit_test(test_weights_pt_tar__refuses_wrong_tensors),
        cmocka_unit_test(test_weights_pt_tar__wants_all_its_members),
        cmocka_unit_test(test_weights_pt_tar__takes_only_ids_that_mean_something),
        cmocka_unit_test(test_weights_pt_tar__refuses_every_truncation),
        cmocka_unit_test(test_weights_pt_tar__survives_every_flipped_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
