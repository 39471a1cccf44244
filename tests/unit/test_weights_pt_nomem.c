/* SPDX-License-Identifier: MIT */
/* test_weights_pt_nomem.c - torch checkpoints opened and read with the nth allocation failing, for
 * all n: the error is out of memory, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "weights_torch.h"

static ptm_rc open_and_read(const struct bytes *file, struct ptm_err *err)
{
    ptm_weights *weights = NULL;
    float values[4];
    ptm_rc rc = open_bytes(file, "x.pt", &weights, err);
    const struct ptm_tensor *tensor = rc == PTM_OK ? ptm_weights_tensor(weights, 0) : NULL;
    if (tensor) rc = ptm_weights_read(weights, tensor, values, sizeof values, err);
    ptm_weights_close(weights);
    return rc;
}

static void fail_each_allocation(const struct bytes *file)
{
    int n = 1;
    for (;; n++) {
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = open_and_read(file, &err);
        if (!fail_alloc_disarm()) {
            if (rc != PTM_OK) fail_msg("%s", err.msg);
            break;
        }
        if (rc != PTM_ENOMEM) fail_msg("allocation %d: %s: %s", n, ptm_rc_name(rc), err.msg);
    }
    assert_true(n > 10);
}

static void test_weights_pt_zip__survives_no_memory(void **state)
{
    struct made_zip stored = {0}, deflated = {.deflate = true}, wrapped = {0};
    struct bytes legacy = {0};
    (void)state;
    zip_checkpoint(&stored);
    fail_each_allocation(&stored.out);
    zip_checkpoint(&deflated);
    fail_each_allocation(&deflated.out);
    legacy_checkpoint(&legacy);
    zip_add_bytes(&wrapped, "old.pth", &legacy);
    zip_end(&wrapped);
    fail_each_allocation(&wrapped.out);
}

static void test_weights_pt_zip__survives_no_memory_in_torchscript(void **state)
{
    struct made_zip zip = {0};
    struct bytes pickle = {0}, constants = {0}, storage = {0};
    (void)state;
    pickle_dict_of(&pickle, "cpu", 4, NULL);
    bytes_text(&constants, "\x80\x02");
    pickle_storage(&storage, "0", "cpu", 4, NULL);
    pickle_tensor(&constants, &storage, 0, 4);
    bytes_text(&constants, "\x85.");
    zip_add(&zip, "s/data/0", four, sizeof four);
    zip_add_bytes(&zip, "s/data.pkl", &pickle);
    zip_add(&zip, "s/constants/0", four, sizeof four);
    zip_add_bytes(&zip, "s/constants.pkl", &constants);
    zip_add_text(&zip, "s/version", "3\n");
    zip_end(&zip);
    fail_each_allocation(&zip.out);
}

static void test_weights_pt_legacy__survives_no_memory(void **state)
{
    struct bytes file = {0}, inner = {0}, storage = {0}, outer = {0};
    (void)state;
    legacy_checkpoint(&file);
    fail_each_allocation(&file);
    legacy_head(&inner);
    bytes_text(&inner, "\x80\x02");
    pickle_storage(&storage, "0", "cpu", 4, "N");
    pickle_tensor(&inner, &storage, 0, 4);
    bytes_text(&inner, ".");
    legacy_keys(&inner, 1, (const char *const[]){"0"});
    legacy_storage(&inner, 4, four, sizeof four);
    bytes_text(&outer, "\x80\x03"
                       "ctorch.storage\n_load_from_bytes\nB");
    bytes_int(&outer, inner.len, 4);
    bytes_put(&outer, inner.data, inner.len);
    bytes_text(&outer, "\x85R.");
    fail_each_allocation(&outer);
}

static void test_weights_pt_tar__survives_no_memory(void **state)
{
    struct bytes storages = {0}, tensors = {0}, file = {0};
    (void)state;
    tar_storages(&storages, 4, "(K\x08K\x07K\x03K\x01t");
    tar_tensors(&tensors, 7, 4);
    tar_checkpoint_of(&file, &storages, &tensors);
    fail_each_allocation(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_pt_zip__survives_no_memory),
        cmocka_unit_test(test_weights_pt_zip__survives_no_memory_in_torchscript),
        cmocka_unit_test(test_weights_pt_legacy__survives_no_memory),
        cmocka_unit_test(test_weights_pt_tar__survives_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
