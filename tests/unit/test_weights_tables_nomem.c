/* SPDX-License-Identifier: MIT */
/*
 * test_weights_tables_nomem.c - every allocation fails once while GGUF, NumPy and ONNX files (those
 * of the fuzzers' corpora) are opened and all their values are read: out of memory is said, nothing
 * leaks (which the build under ASan sees), no tensor is passed over for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "weights_bytes.h"

#include "base/auto.h"
#include "base/fs.h"
#include "unit_tmp.h"

/* No job here needs more. */
#define MOST_ALLOCATIONS 1000

PTM_DEFINE_CLEANUP(weights_closep, ptm_weights *, ptm_weights_close)

static ptm_rc read_all(ptm_weights *weights, const struct ptm_tensor *tensor, struct ptm_err *err)
{
    static uint8_t values[4096];
    for (size_t i = 0; i < tensor->n_parts; i++) PTM_TRY(read_all(weights, &tensor->parts[i], err));
    if (tensor->storage == PTM_NO_STORAGE) return PTM_OK;
    assert_in_range(tensor->nbytes, 0, sizeof values);
    return ptm_weights_read(weights, tensor, values, (size_t)tensor->nbytes, err);
}

static ptm_rc job(const char *data, size_t len, const char *name, struct ptm_err *err)
{
    PTM_AUTO(weights_closep) ptm_weights *weights = NULL;
    ptmi_source *source = NULL;
    PTM_TRY(ptmi_source_lend(data, len, name, &source, err));
    PTM_TRY(ptmi_weights_open_source(source, name, NULL, NULL, &weights, err));
    for (size_t i = 0; i < ptm_weights_count(weights); i++)
        PTM_TRY(read_all(weights, ptm_weights_tensor(weights, i), err));
    return PTM_OK;
}

/* The same work with the first, second, third.. allocation failing, until none does. */
static void torture(const char *corpus, const char *name)
{
    size_t len = 0;
    PTM_AUTO(ptmi_freep) char *data = NULL;
    const char *path = unit_path(getenv("PTM_TEST_DATA"), "../../fuzz/corpus");
    assert_int_equal(ptmi_fs_read(unit_path(path, corpus), 1 << 20, &data, &len, NULL), PTM_OK);
    int n = 1;
    for (; n < MOST_ALLOCATIONS; n++) {
        struct ptm_err err = {0};
        fail_alloc_arm(n);
        ptm_rc rc = job(data, len, name, &err);
        if (!fail_alloc_disarm()) {
            if (rc != PTM_OK) fail_msg("%s: %s", corpus, err.msg);
            break;
        }
        if (rc != PTM_ENOMEM) fail_msg("%s, allocation %d: %d %s", corpus, n, rc, err.msg);
        assert_true(err.rc == PTM_ENOMEM && err.msg[0]);
    }
    assert_in_range(n, 5, MOST_ALLOCATIONS - 1);
}

static void test_weights_tables_nomem__gguf(void **state)
{
    (void)state;
    torture("gguf/v3", "x.gguf");
    torture("gguf/v1-big", "x.gguf");
}

static void test_weights_tables_nomem__npy(void **state)
{
    (void)state;
    torture("npy/fortran", "x.npy");
    torture("npy/text", "x.npy");
}

static void test_weights_tables_nomem__npz(void **state)
{
    (void)state;
    torture("npz/stored", "x.npz");
    torture("npz/deflated", "x.npz");
}

static void test_weights_tables_nomem__onnx(void **state)
{
    (void)state;
    torture("onnx/all", "x.onnx");
    torture("onnx/typed", "x.onnx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_tables_nomem__gguf),
        cmocka_unit_test(test_weights_tables_nomem__npy),
        cmocka_unit_test(test_weights_tables_nomem__npz),
        cmocka_unit_test(test_weights_tables_nomem__onnx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
